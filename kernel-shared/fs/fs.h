/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An opened filesystem: volume, node store, the trees by name. Kernel counterpart: btrfs_fs_info, disk-io.c. */
#ifndef FS_FS_H
#define FS_FS_H

#include <pthread.h>
#include "common/hash.h"
#include "kernel-shared/txn/txn.h"

/* How far the references below one shared block of a dying subvolume have been converted; only a shortcut, the blocks themselves say it, too. */
struct drop_mark { u64 id, top; struct key key; };

enum quota_mode { QUOTA_OFF, QUOTA_FULL, QUOTA_SIMPLE };

/* What operations change in memory besides trees, and what a rollback puts back. */
struct root_move { struct root *root; bool added; };
struct fs_change {
	VEC(struct root_move) moves;  /* registered and unregistered since the savepoint */
	VEC(struct root *) gone;      /* unregistered roots: others may still point to them until fs_close */
	u64 last_subvol;              /* the highest id given out */
	struct drop_mark drop;
	enum quota_mode quota;
	u64 quota_since;              /* simple quota: older extents are nobody's */
	struct hmap charges;          /* simple quota: subvolume -> bytes (s64) since the last commit */
	bool recount;                 /* full quota: more has changed than is noted in touched */
	VEC(u64) touched;             /* full quota: addresses of extents whose references changed since the last commit */
	struct hmap touched_at;
	VEC(u64) dropped;             /* simple quota: subvolumes that are gone since, whose groups go when nothing is charged to them */
	struct { struct roots trees; u64 default_subvol, last_subvol; struct drop_mark drop; enum quota_mode quota; size_t dropped; } saved;
};

struct fs {
	struct env *env;
	struct volume *vol;
	struct nstore store;
	struct geometry *geo;         /* = &vol->geo */
	struct disk_super *sb;        /* = &vol->sb */
	unsigned flags;
	union {                       /* the internal trees by name; NULL when absent (or unreadable, FS_OPEN_PARTIAL) */
		struct roots trees;
		struct { ROOTS_MEMBERS; };
	};
	struct hmap roots;            /* objectid -> struct root *, chained by next */
	pthread_mutex_t roots_lock;
	u64 default_subvol;           /* from the "default" entry; 5 if absent */
	int backup_slot;              /* the backup root in use, -1 none */
	struct writer *writer;        /* transactions; NULL when opened for reading */
	struct fs_change change;      /* the writing side's own, see rollback.c */
	struct hmap told;             /* reader messages that were said */
};

enum {
	FS_OPEN_WRITE = 1 << 0,
	FS_OPEN_NOSCAN = 1 << 1,
	FS_OPEN_DEGRADED = 1 << 2,
	FS_OPEN_PARTIAL = 1 << 3,       /* unreadable trees are left NULL and reported (MSG_WARNING); only the superblock must be good */
	FS_OPEN_LENIENT = 1 << 4,       /* nodes with findings are handed out (nstore.lenient) */
	FS_OPEN_BACKUP_ROOT = 1 << 5,   /* the newest backup root that verifies (the superblock's own is one); also rescue=usebackuproot */
	FS_OPEN_CHUNK_ONLY = 1 << 6,    /* stop after the chunk tree */
	FS_OPEN_NO_LOG_REPLAY = 1 << 7,
	FS_OPEN_WARN_MOUNTED = 1 << 8,  /* reading a mounted device warns; without it, the same silently */
	FS_OPEN_REFUSE_MOUNTED = 1 << 9,/* reading a mounted device is refused */
	FS_OPEN_FORCE_MOUNTED = 1 << 10,
	FS_OPEN_IGNORE_TRANSID = 1 << 11,
	FS_OPEN_NO_DATA_CSUM = 1 << 12, /* rescue=ignoredatacsums: file_read does not verify */
	FS_OPEN_NEIGHBOURS = 1 << 13,
	FS_OPEN_NO_BLOCK_GROUPS = 1 << 14, /* rescue=ignorebadroots: extent, block group, free space, csum, uuid and quota trees are not needed */
	FS_OPEN_IN_PLACE = 1 << 17,     /* with FS_OPEN_WRITE: only for changes in place (inplace.h): no transactions, the log stays, superblocks may be broken */
	FS_OPEN_STALE = 1 << 18,        /* with FS_OPEN_WRITE: also with devices that have missed commits, which whoever opens brings in line */
	FS_OPEN_DRY_RUN = 1 << 16,      /* with FS_OPEN_WRITE: what is written stays in memory; no permission to write is needed */
	FS_OPEN_QUIET = 1 << 15,        /* no reader messages: whoever opens sets store.on_bad_copy, or does without */
	FS_OPEN_MISSING_UNTOLD = 1 << 19, /* missing devices are not said: whoever opens calls fs_tell_missing */
};
struct fs_open_args {
	const char *const *specs;
	unsigned nspecs;
	unsigned flags;
	int super_copy;               /* -1: newest valid */
	u64 super_bytenr;
	u64 tree_root, chunk_root;    /* 0: as the superblock says */
	u64 cache_memory;             /* bytes of node cache, 0: 64 MiB */
	int (*wrap)(void *arg, struct bdev **bdev, struct err *err);
	void *wrap_arg;
	int (*open)(void *arg, const char *spec, struct bdev **bdev, struct err *err); /* as in struct volume_args */
	void *open_arg;
};
#define FS_OPEN_ARGS_INIT { .super_copy = -1 }

/* The cost is that of reading the chunk tree and one block a tree. What a broken copy says goes to env as MSG_NOTE, as the incumbent says it.
 * A log that waits is replayed and committed when the filesystem is opened for writing; for reading that happens in memory. FS_OPEN_NO_LOG_REPLAY (and
 * for reading FS_OPEN_PARTIAL, FS_OPEN_NO_BLOCK_GROUPS): the last commit is shown, log_root_tree is the log, and writing is refused. Errors say which tree, and why not. */
int fs_open(struct env *env, const struct fs_open_args *args, struct fs **out, struct err *err);
/* The same over a volume opened before (a metadata dump); takes vol, also when it fails. specs and what concerns devices is not looked at. */
int fs_open_volume(struct env *env, struct volume *vol, const struct fs_open_args *args, struct fs **out, struct err *err);
/* A single device or image with default arguments. */
int fs_open_path(struct env *env, const char *spec, unsigned flags, struct fs **out, struct err *err);
/* One message for each missing device. */
void fs_tell_missing(const struct fs *fs, enum msg_level level);
void fs_close(struct fs *fs);
/* Gives up all changes since the last commit and opens what is on the devices, which stay open. All that was had of *fs (roots, places) is gone. On
 * failure *fs is NULL and everything is closed. */
int fs_reload(struct fs **fs, struct err *err);

/* The tree of a subvolume (5, 256..), by id; the newest ROOT_ITEM of that objectid. The root block is known to be readable.
 * 0, -ENOENT, <0. Thread-safe. */
int fs_subvol_root(struct fs *fs, u64 id, struct root **out, struct err *err);
/* Any ROOT_ITEM: exact offset, e.g. (-8, subvol id). 0, -ENOENT, <0. Thread-safe. */
int fs_root_get(struct fs *fs, u64 objectid, u64 offset, struct root **out, struct err *err);
/* What a ROOT_ITEM at hand describes, of the root tree or of the log root tree. 0, -EUCLEAN, <0. Thread-safe. */
int fs_root_of_item(struct fs *fs, const struct item *item, struct root **out, struct err *err);
/* Where BLOCK_GROUP_ITEMs live: block group tree or extent tree. */
struct root *fs_block_group_root(struct fs *fs);
static inline bool fs_incompat(const struct fs *fs, u64 bit) { return geo_incompat(fs->geo, bit); }

#endif
