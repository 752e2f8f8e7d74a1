/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is everything as it should be? Reads each live block once, in disk order, in parallel, in bounded memory; the same findings in the same
 * order for any number of threads. Spec: check.md 1; on-disk-format 13.18. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "kernel-shared/check/problem.h"
#include "kernel-shared/fs/fs.h"

enum check_phase { CHECK_LOG = 1, CHECK_ROOT_ITEMS, CHECK_EXTENTS, CHECK_FREE_SPACE, CHECK_FS_ROOTS, CHECK_CSUMS, CHECK_ROOT_REFS, CHECK_QUOTA };

/* One thing that is wrong: what a renderer prints and a repair needs. What a field does not apply to is zero. */
struct check_finding {
	enum problem_id id;
	enum check_phase phase;
	u64 tree, tree_offset;  /* key of the tree's root item: objectid (0: none in particular), offset (of relocation and log trees) */
	u64 ino;                /* the inode meant; of a name: the inode that it leads to */
	struct key key;         /* of the item meant, or of the one that should be there */
	u64 block;              /* the tree block that holds the item */
	u64 bytenr, len;        /* the extent, tree block, block group, chunk or range meant; of a file's hole: in the file */
	u64 parent, index;      /* of a name: its directory, its place there. Of a tree block: the block that points to it */
	u64 have, want;         /* a value as found, and as it should be, where a row has one (its message prints them) */
	u8 level, type, mirror; /* of a tree block; of a name (BTRFS_FT_*); of a bad copy (from 1) */
	u64 devid;              /* of device problems and bad copies */
	u64 last;               /* lost blocks: objectid of the first key that is surely not lost */
	const u8 *name;         /* of a name, an extended attribute; not NUL-terminated */
	u16 name_len;
	const char *path;       /* of the file, from the top of its subvolume; NULL: not known */
	const char *text;       /* the message, without its prefix; may have several lines */
};

/* The summary of check.md 1.5. */
struct check_totals {
	u64 bytes_used, csum_bytes, tree_bytes, fs_tree_bytes, extent_tree_bytes, waste_bytes, data_allocated, data_referenced;
	u64 blocks, items;    /* read */
	u64 errors, warnings; /* findings, those not kept included */
};

struct check_args {
	bool data_csum;       /* read all data, all copies */
	bool qgroup_report;   /* quota groups alone, all of them (equal ones as PROBLEM_QGROUP_STATE), no phases */
	u64 subvol_extents;   /* no phases, but ops->extent for each extent that this subvolume reaches; 0: not so */
	bool other_super;     /* the first superblock copies were passed over on purpose */
	u64 *checked;         /* counts what was looked at, from any thread, for who wants to show it; may be NULL */
	u64 memory;           /* bytes, 0: 256 MiB */
};

struct check_ops {
	/* A phase begins; skipped: nothing is there to be checked. */
	void (*begin)(void *arg, enum check_phase phase, bool skipped);
	/* Sorted within its phase. */
	void (*finding)(void *arg, const struct check_finding *f);
	/* errors: of this phase */
	void (*end)(void *arg, enum check_phase phase, u64 errors);
	void *arg;
	/* For subvol_extents: a data extent or tree block, ascending, and the subvolumes that reach it. Non-zero stops. */
	int (*extent)(void *arg, u64 bytenr, u64 len, const u64 *roots, size_t n);
};

/* fs: opened with FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_QUIET. Takes over its store's on_bad_copy. 0, whatever was found, or
 * a failure that stopped the check (no memory, interrupted). */
int check_run(struct fs *fs, const struct check_args *args, const struct check_ops *ops, struct check_totals *totals, struct err *err);

#endif
