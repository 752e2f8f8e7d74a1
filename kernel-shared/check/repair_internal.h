/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a repair share. The room's own. */
#ifndef CHECK_REPAIR_INTERNAL_H
#define CHECK_REPAIR_INTERNAL_H

#include "kernel-shared/check/internal.h"
#include "kernel-shared/check/repair.h"
#include "kernel-shared/check/rescue.h"
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"

/* A finding without its text. name: heap, NULL: none. */
struct problem_at {
	enum problem_id id;
	enum check_phase phase;
	u64 tree, ino, bytenr, len, parent, index, have, want, devid;
	struct key key;
	u8 *name;
	u16 name_len;
	u8 type;
};
VEC_TYPE(problems_at, struct problem_at);

/* What can be done, in the order in which it is. Each works on what the ones before it have left in order. */
enum fix {
	FIX_COPIES,           /* bad copies from good ones */
	FIX_BLOCKS,           /* blocks that are lost or break rules */
	FIX_SPACE,            /* extent, block group, free space and device trees, anew */
	FIX_DEVICES,          /* sizes and counters of devices and superblock */
	FIX_ROOTS,            /* root items, orphans of subvolumes, names of subvolumes */
	FIX_FILES,            /* inodes and names */
	FIX_CSUMS,
	FIX_QUOTA,
	FIX_SUPERS,           /* copies of the superblock */
	FIX_COUNT
};

struct repair_device { char *spec; struct bdev *overlay; };

struct repair {
	struct env *env;
	const struct repair_args *args;
	const struct repair_ops *ops;
	struct repair_result *result;
	VEC(struct repair_device) devices;
	struct undo_log *undo;
	struct problems_at found;     /* by the last check */
	struct check_totals totals;
	u64 errors_first;             /* of the first check */
	struct blockmap keep;         /* what the superblock on disk leads to (and, in mixed block groups, its data) */
	bool has_keep;
	bool below;                   /* what is opened shows the devices as they are */
	struct hmap exempt;           /* hash of tree and inode: files whose extents were put right on purpose */
	bool csums_made;              /* all of them were made anew */
	bool rootless;                /* the root tree or the chunk tree cannot be read */
	bool sought;                  /* root and chunk items that are missing: those not found by now are gone */
	bool show;                    /* the check that runs is shown */
	u64 said;
};

/* repair_dev.c: opens over the overlays. */
int repair_open(struct repair *r, unsigned flags, struct fs **out, struct err *err);
/* For checks and for fixes that write blocks themselves: lenient and partial; the volume is writable. */
int repair_open_raw(struct repair *r, struct fs **out, struct err *err);
/* For fixes that go through a transaction. Nothing that the disk's superblock leads to is handed out. One commit only. */
int repair_open_txn(struct repair *r, struct fs **fs, struct txn **txn, struct err *err);
/* Commits if ret is 0, aborts otherwise; closes. */
int repair_close_txn(struct fs *fs, struct txn *txn, int ret, struct err *err);
int repair_write(struct repair *r, struct err *err);
void repair_devices_fini(struct repair *r);

void repair_say(struct repair *r, const char *fmt, ...) PRINTF(2, 3);
bool repair_found(const struct repair *r, enum problem_id id);
/* Chunk items are lost, or contradict both block groups and device extents. */
bool repair_chunks_wrong(const struct repair *r);
/* Something is wrong with items of the chunk tree, or with what follows from them. */
bool repair_chunks_doubted(const struct repair *r);
/* Something that is fixed by writing blocks anew. */
bool repair_blocks_wrong(const struct repair *r);
bool repair_devices_wrong(const struct repair *r);

/* --- inside a transaction: fix_names.c, fix_inode.c --- */
struct filefix { struct repair *r; struct fs *fs; struct txn *txn; u64 done; };
/* The name of an entry in a directory, with all that says it: entry, index, reference; as most of them have it. */
int name_settle(struct filefix *f, struct root *root, u64 dir, u64 ino, u64 index, const u8 *name, u16 len, struct err *err);
/* An inode that no name leads to gets one in lost+found. */
int name_rescue(struct filefix *f, struct root *root, u64 ino, const u8 *name, u16 len, struct err *err);
/* The same for a subvolume's name (alone: nothing is wrong with another name of it); the entry of one that does not exist goes. And one without a name. */
int subvol_name_settle(struct filefix *f, u64 parent, u64 dir, u64 child, u64 index, const u8 *name, u16 len, bool alone, struct err *err);
int subvol_rescue(struct filefix *f, u64 id, struct err *err);
int inode_fix(struct filefix *f, struct root *root, const struct problem_at *p, struct err *err);
/* One is made for a number that has none: what its names and items say. */
int inode_make(struct filefix *f, struct root *root, u64 ino, u32 type, struct err *err);
u32 inode_type(struct filefix *f, struct root *root, u64 ino); /* S_IFMT bits, by names, then by items */
/* Trees that the open filesystem has, by id. NULL: none. */
struct root *fix_root_of(struct fs *fs, u64 id);

/* mend_extent.c: inodes with file extents that the check doubts, by number. Has a leaf such extents? */
bool repair_is_doubt(enum problem_id id);
int repair_suspects(const struct repair *r, struct hmap *out);
bool repair_suspects_leaf(const struct hmap *suspects, const void *block);

/* csumfill.c: sums of data that has none. */
int csum_fill(struct fs *fs, struct txn *txn, u64 bytenr, u64 len, u64 *filled, struct err *err);
/* All sums of the filesystem anew, from what its files refer to. */
int csum_fill_all(struct fs *fs, struct txn *txn, u64 *filled, struct err *err);

/* Each fixes what it can of r->found. 0; *changed: something was written. */
int fix_copies(struct repair *r, bool *changed, struct err *err);
int fix_blocks(struct repair *r, bool *changed, struct err *err);
/* fix_space; devices: their extents as well. */
int fix_space_too(struct repair *r, bool devices, bool *changed, struct err *err);
int fix_space(struct repair *r, bool *changed, struct err *err);
int fix_devices(struct repair *r, bool *changed, struct err *err);
int fix_roots(struct repair *r, bool *changed, struct err *err);
int fix_files(struct repair *r, bool *changed, struct err *err);
int fix_csums(struct repair *r, bool *changed, struct err *err);
int fix_quota(struct repair *r, bool *changed, struct err *err);
int fix_supers(struct repair *r, bool *changed, struct err *err);

#endif
