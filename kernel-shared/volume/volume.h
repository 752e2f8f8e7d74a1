/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of one filesystem as one logical address space: which devices there are, what their superblocks say, where each
 * chunk lies, and reads that find a good copy. Knows no tree. Kernel counterpart: volumes.c, raid56.c. */
#ifndef VOLUME_VOLUME_H
#define VOLUME_VOLUME_H

#include "common/hash.h"
#include "common/vec.h"
#include "kernel-shared/bdev/bdev.h"
#include "kernel-shared/format/geometry.h"
#include "kernel-shared/format/profile.h"
#include "kernel-shared/format/super.h"

struct device {
	u64 devid;
	u8 uuid[16];
	u8 fsid[16];             /* of the dev item: the filesystem's metadata uuid, or a seed's */
	struct bdev *bdev;       /* NULL: missing */
	char *path;              /* as given or found; "" when missing and unknown */
	u64 total_bytes, bytes_used;
	u64 generation;          /* of this device's newest superblock */
	struct disk_dev_item item; /* as in the chunk tree, once read (has_item) */
	bool has_item, seed;
	bool item_missing;       /* new: the chunk tree has no item of it yet */
	bool fresh;              /* new: no superblock on it yet; it gets its own before all others get theirs, so that they never name what is not there */
	bool leaving;            /* no part of the filesystem from the next commit on: its superblocks stay as they are */
	bool stale;              /* older than the newest superblock: read from last */
	struct disk_super sb;    /* its own newest valid superblock; zero when missing */
	u8 sb_valid;             /* bit i: copy i is valid */
	unsigned index;          /* position in volume->devices */
};

struct stripe { struct device *dev; u64 physical; };
struct chunk {
	u64 start, length, type; /* type: block group flags */
	const struct profile *profile;
	u16 num_stripes, sub_stripes, data_stripes;
	u64 stripe_length;       /* bytes on each device */
	struct chunk *next;      /* where it is moving to, NULL: nowhere */
	unsigned missing;        /* stripes whose device is missing */
	struct stripe stripes[];
};

/* A second provider of logical reads (a metadata dump). read: as rio_read; copies: how many there are at start. */
struct logical_source {
	int (*read)(struct logical_source *src, u64 start, u32 len, void *buf, struct err *err);
	bool has_data;        /* contents of files can be read */
	void (*close)(struct logical_source *src);
};

struct volume {
	struct env *env;
	unsigned flags;               /* as opened */
	VEC(struct device *) devices;
	VEC(struct chunk *) chunks;   /* ascending, disjoint */
	struct hmap by_id;            /* hash of devid and uuid -> index in devices + 1 */
	unsigned chunk_hint;          /* where the last lookup ended */
	struct candidates *candidates; /* what scanning found, for seeds */
	struct disk_super sb;         /* the fields of the newest valid superblock; dev_item is the main device's */
	struct device *main;          /* the device that sb came from */
	struct geometry geo;
	u8 fsids[8][16];              /* what tree block headers may carry: metadata uuid first, then seeds'; nfsids of them */
	unsigned nfsids;
	bool degraded;                /* some device is missing */
	bool writable;
	struct logical_source *source;
	VEC(struct bdev *) retired;   /* of devices that were removed: closed with the volume, so that layers shared by all (undo) see their end */
	/* Asked about what a row with parity held before it is rewritten in part: are these bytes of logical address space whole? 0 yes or
	 * nobody can tell, -EIO no. start and len cover whole tree blocks or sectors. May be NULL: then nobody can tell. */
	int (*verify)(void *arg, u64 start, u32 len, const void *data);
	void *verify_arg;
};

enum {
	VOLUME_WRITE = 1 << 0,
	VOLUME_NOSCAN = 1 << 1,       /* only the named devices */
	VOLUME_NEIGHBOURS = 1 << 2,   /* also look at regular files beside the named ones (reading only) */
	VOLUME_DEGRADED = 1 << 3,     /* missing devices are fine, also for writing */
	VOLUME_LENIENT = 1 << 4,      /* superblocks that break rules are used as far as possible; duplicates still refused */
	VOLUME_FORCE_MOUNTED = 1 << 5,
	VOLUME_WARN_MOUNTED = 1 << 6, /* reading a mounted device: warn and go on */
	VOLUME_STALE = 1 << 8,        /* writing: devices that have missed commits are fine, whoever opens brings them in line (scrub) */
	VOLUME_DRY_RUN = 1 << 7,      /* with VOLUME_WRITE: devices are opened for reading, and what is written stays in memory, in an overlay on each */
};
struct volume_args {
	const char *const *specs;     /* paths with optional @..., or UUID=/LABEL= */
	unsigned nspecs;
	unsigned flags;
	int super_copy;               /* -1: the newest valid of all copies, else 0..2 */
	u64 super_bytenr;             /* not 0: read the superblock exactly there */
	/* Each bdev goes through this before anything is read (overlay, undo, record, fault). May be NULL. */
	int (*wrap)(void *arg, struct bdev **bdev, struct err *err);
	void *wrap_arg;
	/* Who opens a device instead of bdev_open_spec (a repair, which opens the same overlays again and again). May be NULL. */
	int (*open)(void *arg, const char *spec, struct bdev **bdev, struct err *err);
	void *open_arg;
};
#define VOLUME_ARGS_INIT { .super_copy = -1 }

/* Finds the devices, reads their superblocks, maps the system chunks. Other chunks and dev items are added by whoever reads the
 * chunk tree (fs_open). Devices that share a devid of one fsid are refused by name; for writing all generations must agree. */
int volume_open(struct env *env, const struct volume_args *args, struct volume **out, struct err *err);
/* A metadata dump as the only "device": superblock and reads come from it. Takes src. */
int volume_open_source(struct env *env, struct logical_source *src, const struct disk_super *sb, const char *name, struct volume **out, struct err *err);
void volume_close(struct volume *vol);
/* Back to what the devices say: superblocks are read anew and only system chunks are mapped. For whoever gives up a transaction. */
int volume_reload(struct volume *vol, struct err *err);
/* When the top layer of every device is an overlay: brings what they hold to the layers below in the order of a commit, superblocks last. */
int volume_overlays_commit(struct volume *vol, struct err *err);
/* Has anybody else touched the devices since they were opened, or last written? -EBUSY: mounted meanwhile (by whom), -ESTALE: a superblock is not the
 * one that we know. Locks do not keep a kernel from mounting an image. */
int volume_check_untouched(struct volume *vol, struct err *err);

struct device *volume_device(struct volume *vol, u64 devid, const u8 *uuid /* NULL: any */);
/* From the chunk tree: a DEV_ITEM (makes a missing device known) and a CHUNK_ITEM. Idempotent. 0, -EUCLEAN, -ENOMEM. */
int volume_add_dev_item(struct volume *vol, const struct disk_dev_item *item, struct err *err);
int volume_add_chunk(struct volume *vol, u64 start, const struct disk_chunk *chunk, struct err *err);
/* Forgets a chunk that is gone, -ENOENT. Adding and removing chunks and devices must not run beside any other use of the volume. */
int volume_remove_chunk(struct volume *vol, u64 start);
/* A chunk on its way to other stripes, at the same logical place: until it is settled reads come from the old ones and rio_write goes
 * to both, so that either can be what the next commit names. The mover copies what is in use with rio_write_next, before anything else is
 * written there. Stripes that the new chunk has in common with the old one are not written again. With parity the mover writes whole rows;
 * if old and new differ in their places alone (chunk_same_layout), what is free in a row counts, too: it is part of the parity that stays. */
int volume_move_chunk(struct volume *vol, u64 start, const struct disk_chunk *to, struct err *err);
/* It does not move after all: before anything was written to its new place. */
void volume_unmove_chunk(struct volume *vol, u64 start);
bool chunk_same_layout(const struct chunk *a, const struct chunk *b);
/* Does stripe k of `to` hold what a stripe of `from` holds, at the same place? */
bool chunk_stripe_stays(const struct chunk *from, const struct chunk *to, unsigned k);
int rio_write_next(struct volume *vol, u64 start, u32 len, const void *buf, struct err *err);
/* After the commit (moved), or when it has failed: every moving chunk is now on its new stripes, or stays on the old ones. */
void volume_settle_chunks(struct volume *vol, bool moved);

/* For makers: a writable volume without devices; sb says what holds for all. */
int volume_new(struct env *env, const struct disk_super *sb, struct volume **out, struct err *err);
/* A device that has no superblock yet; takes bdev on success, and when *out is set. */
int volume_add_device(struct volume *vol, struct bdev *bdev, const char *path, const struct disk_dev_item *item, struct device **out, struct err *err);
/* Gives a device another number and uuid, that nobody else has. -ENOMEM. */
int volume_rename_device(struct volume *vol, struct device *dev, u64 devid, const u8 uuid[16]);
/* Forgets a device that no chunk uses any more (-EBUSY otherwise). Indexes of those behind it change. */
int volume_remove_device(struct volume *vol, struct device *dev, struct err *err);

/* The seed filesystem of a device by fsid: among the named devices or found by scanning, attached for reading; its fsid becomes
 * acceptable in headers. volume_add_dev_item does this for every foreign fsid that it meets. Devices not found stay missing. */
int volume_add_seed(struct volume *vol, const u8 fsid[16], struct err *err);
/* -ENODEV with the names when a chunk has lost more devices than it survives and flags lack degraded reading. */
int volume_check_missing(struct volume *vol, bool write, struct err *err);

/* The chunk that holds logical, NULL if none; and the first that ends after logical. */
const struct chunk *chunk_lookup(const struct volume *vol, u64 logical);
const struct chunk *chunk_next(const struct volume *vol, u64 logical);

/* Where bytes lie: one piece of one copy. */
struct phys { struct device *dev; u64 physical; u32 len; u16 stripe; };
/* How many copies or ways to read there are at logical: copies for mirrors; RAID5 2 (data, from parity); RAID6 num_stripes. 0: no chunk. */
unsigned rio_copies(const struct volume *vol, u64 logical);
/* The first piece of [logical, logical + len) in mirror 1..copies; with parity 1 is the data itself, 2 and 3 are P and Q of its row. */
int rio_map(const struct volume *vol, u64 logical, u64 len, unsigned mirror, struct phys *out);
/* All logical ranges of one device byte range: the inverse, for superblock exclusion and scrub. fn non-zero stops. */
int chunk_reverse(const struct chunk *c, const struct device *dev, u64 physical, u64 len, int (*fn)(void *arg, u64 logical, u64 len), void *arg);
int rio_reverse(const struct volume *vol, const struct device *dev, u64 physical, u64 len, int (*fn)(void *arg, u64 logical, u64 len), void *arg);

/* Reads len bytes of logical address space into buf, from the first mirror that can be read at all.
 * start, len: any bytes inside one or more chunks.    mirror: 0 for any, or 1..copies to insist.
 * 0, -EIO (no copy could be read; err names every device tried), -ENOENT (no chunk maps start).
 * Knows no checksums: callers retry with mirror 2, 3... when theirs does not match. Thread-safe. Spec: 5.2, 5.3. */
int rio_read(struct volume *vol, u64 start, u32 len, unsigned mirror, void *buf, struct err *err);

/* Many reads at once: sorted by device position, joined into requests of up to 1 MiB, run on the pool. Each request's own
 * result is in ret. Returns only -ENOMEM or -EINTR. */
struct rio_req { u64 start; u32 len; int ret; void *buf; };
int rio_read_batch(struct volume *vol, struct rio_req *reqs, size_t n, struct err *err);
/* A key to sort logical addresses into device order: (device index << 48) + physical / 4096 of mirror 1. */
u64 rio_disk_order(const struct volume *vol, u64 logical);

/* Writes all copies and parity. Full stripe rows compute parity from buf; partial rows read, check and rewrite the row.
 * start, len: multiples of the sector size, inside one chunk. Missing devices are skipped while the profile survives them.
 * Thread-safe for ranges that share no row of a chunk with parity. */
int rio_write(struct volume *vol, u64 start, u32 len, const void *buf, struct err *err);
/* One copy alone (repair, corruption); mirrored profiles, or the data itself of parity profiles. */
int rio_write_mirror(struct volume *vol, u64 start, u32 len, unsigned mirror, const void *buf, struct err *err);
int volume_flush(struct volume *vol, struct err *err);
/* Writes sb to every copy of every present device that is no seed, with its own bytenr and dev_item (device->item with the device's
 * total_bytes and bytes_used); copy 0 of all devices, flush, the others, flush. Any failure is an error that names the device. */
int volume_write_supers(struct volume *vol, struct err *err);

/* Parity arithmetic over whole blocks, GF(2^8), 0x11D. Vectorised. d: n data blocks of len bytes. */
void raid_gen_p(unsigned n, size_t len, u8 *const *d, u8 *p);
void raid_gen_pq(unsigned n, size_t len, u8 *const *d, u8 *p, u8 *q);
/* Rebuilds data blocks in place: one from P, one from Q (P lost too), two from P and Q. x < y index d. */
void raid_recover_p(unsigned n, size_t len, u8 **d, const u8 *p, unsigned x);
void raid_recover_q(unsigned n, size_t len, u8 **d, const u8 *q, unsigned x);
void raid_recover_pq(unsigned n, size_t len, u8 **d, const u8 *p, const u8 *q, unsigned x, unsigned y);

/* What a scan of the system finds, for `filesystem show` and `device scan`: every btrfs superblock on every block device. */
struct found_device { char *path; struct disk_super sb; u64 size, id[2]; /* as in struct bdev */ };
VEC_TYPE(found_devices, struct found_device);
/* The path of a block device that sysfs calls name, as people know it: /dev/mapper/NAME instead of /dev/dm-N. */
void volume_device_path(const char *name, char *out, size_t size);
int volume_scan(struct env *env, struct found_devices *out, struct err *err);
void found_devices_fini(struct found_devices *f);
/* Reads superblock copy i (-1: the newest valid). 0, -EINVAL no btrfs, -EUCLEAN broken. */
int volume_read_super(struct bdev *bdev, int copy, struct disk_super *out, struct err *err);

#endif
