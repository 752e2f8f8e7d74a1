/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done to whole chunks and devices of an unmounted filesystem: reading and mending all copies (scrub), moving chunks to other places, devices that come
 * and go, balance. Kernel counterpart: scrub.c, relocation.c, dev-replace.c, volumes.c. */
#ifndef CHUNKS_CHUNKS_H
#define CHUNKS_CHUNKS_H

#include "common/progress.h"
#include "kernel-shared/fs/fs.h"

/* --- scrub --- */

/* In the order of the kernel's. Errors are counted in sectors. */
enum scrub_counter {
	SCRUB_DATA_EXTENTS, SCRUB_TREE_EXTENTS, SCRUB_DATA_BYTES, SCRUB_TREE_BYTES, SCRUB_READ_ERRORS, SCRUB_CSUM_ERRORS, SCRUB_VERIFY_ERRORS, SCRUB_NO_CSUM,
	SCRUB_CSUM_DISCARDS, SCRUB_SUPER_ERRORS, SCRUB_MALLOC_ERRORS, SCRUB_UNCORRECTABLE, SCRUB_UNVERIFIED, SCRUB_CORRECTED, SCRUB_LAST_PHYSICAL, SCRUB_COUNTERS,
};
struct scrub_stats { u64 v[SCRUB_COUNTERS]; };
enum scrub_fault { SCRUB_FAULT_READ, SCRUB_FAULT_CSUM, SCRUB_FAULT_NODE, SCRUB_FAULT_PARITY, SCRUB_FAULT_OLD /* of a device that has missed writes */, SCRUB_FAULT_SUPER };
/* A place that is not as it must be. logical: 0 for superblocks. good: another copy, or the parity, has it whole; it was written there unless reading only. */
struct scrub_bad { enum scrub_fault fault; const struct device *dev; u64 logical, physical; u32 len; bool good; };
struct scrub_args {
	bool readonly;
	u64 limit;                  /* bytes a second of each device, 0: none */
	struct progress *progress;  /* may be NULL: counts bytes in use, once for each copy */
	void (*bad)(void *arg, const struct scrub_bad *b); /* in address order, superblocks first; may be NULL */
	void *arg;
};
/* Reads every copy of everything in use on all devices that are there, verifies it (checksums, headers of tree blocks, parity, superblocks), and writes what is
 * good over what is bad; data without checksums of a device that has missed commits is taken from the others. Superblocks are written last. stats: one for each of vol->devices. *reached: logical address up to which all was read. fs is open for writing unless reading only.
 * 0 whatever was found; -EINTR; other failures that stop it. */
int scrub_run(struct fs *fs, const struct scrub_args *args, struct scrub_stats *stats, u64 *reached, struct err *err);

/* --- chunks that move ---
 * All of these commit by themselves, one chunk after the other: no transaction may be open. A commit leaves a whole filesystem, whatever comes after it. On failure
 * what is committed stays, and the transaction that failed was given up: if writer_dead(fs->writer), the filesystem has to be opened again. */
struct chunks_work {
	struct progress *progress;  /* counts bytes in use that were moved; may be NULL */
	u64 moved;                  /* chunks; counted by whoever is called */
};
/* One chunk to another profile (bits; that of the chunk: to where nothing forbids it to be), how: MOVE_*. 0; what chunk_move says, nothing changed then; -EIO:
 * something in it is damaged. */
int chunk_relocate_stripes(struct fs *fs, u64 start, u64 profile, unsigned how, struct chunks_work *w, struct err *err);
/* Every chunk that reaches beyond `limit` of a device goes elsewhere. */
int chunks_evacuate(struct fs *fs, u64 devid, u64 limit, struct chunks_work *w, struct err *err);

/* --- balance --- */

/* Of one type of chunks: BTRFS_BALANCE_ARGS_* of format/ids.h in flags say what counts. The ends of ranges of bytes are exclusive, others inclusive. profiles, target:
 * bits of block group flags, BTRFS_AVAIL_ALLOC_BIT_SINGLE for single. */
struct balance_filter {
	u64 flags, profiles, target, usage, devid, limit;
	u32 usage_min, usage_max, limit_min, limit_max, stripes_min, stripes_max;
	u64 pstart, pend, vstart, vend;
};
struct balance {
	u64 flags;                         /* BTRFS_BALANCE_DATA and so on, BTRFS_BALANCE_FORCE */
	struct balance_filter data, meta, system;
	u64 considered, completed;         /* chunks; filled in */
	const char *refused;               /* why it cannot be, with -EINVAL */
};
/* Converting moves chunks to other stripes at the same address where their length allows; all else moves what lies in the chunks chosen to others, and removes them.
 * -EINTR: stopped between two chunks. */
int fs_balance(struct fs *fs, struct balance *b, struct chunks_work *w, struct err *err);
/* Bytes in use of the chunks that would be chosen. */
u64 fs_balance_bytes(struct fs *fs, const struct balance *b);

/* A balance that the kernel has not ended. -ENOENT: there is none. It is gone on with by balance_resumed (what is done already is left out, as the kernel does it) and
 * fs_balance, and over when its item is gone. */
int fs_balance_paused(struct fs *fs, struct balance *out, struct err *err);
void balance_resumed(struct balance *b);
int fs_balance_forget(struct fs *fs, struct err *err);
/* "balance paused" or "device replace" when the kernel has left one half done, else NULL. */
int fs_chunks_busy(struct fs *fs, const char **what, struct err *err);

/* --- devices --- */

/* bdev is taken, also when it fails; old signatures on it are the caller's to wipe before. path: what it is called. */
int fs_device_add(struct fs *fs, struct bdev *bdev, const char *path, struct err *err);
/* Moves everything off a device (also a missing one) and takes it out of the filesystem; then its superblocks go. *reason, when not NULL, is why the profiles in use
 * do not allow it (-EPERM). */
int fs_device_remove(struct fs *fs, u64 devid, struct chunks_work *w, const char **reason, struct err *err);
/* target takes the place of a device (also a missing one): number, uuid and all. It is at least as long as what is used of
 * the source, and taken, also when it fails. avoid: the source is read only for what nobody else has. */
int fs_device_replace(struct fs *fs, u64 devid, struct bdev *target, const char *path, bool avoid, struct chunks_work *w, struct err *err);
/* Moves what lies behind size, then shrinks (or just grows) what the filesystem uses of the device. The device itself is left as long as it is. */
int fs_device_resize(struct fs *fs, u64 devid, u64 size, struct chunks_work *w, struct err *err);

#endif
