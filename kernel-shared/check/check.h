/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is everything as it should be? Reads each live block once, in disk order, in parallel, in bounded memory; the same findings in the same
 * order for any number of threads. Spec: check.md 1; on-disk-format 13.18. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "kernel-shared/check/problem.h"
#include "kernel-shared/fs/fs.h"

enum check_phase { CHECK_LOG = 1, CHECK_ROOT_ITEMS, CHECK_EXTENTS, CHECK_FREE_SPACE, CHECK_FS_ROOTS, CHECK_CSUMS, CHECK_ROOT_REFS, CHECK_QUOTA };

/* One thing that is wrong: what a renderer prints and a repair needs. */
struct check_finding {
	enum problem_id id;
	enum check_phase phase;
	u64 tree;             /* 0: none in particular */
	u64 ino;              /* 0: none */
	struct key key;       /* of the item meant, zero if none */
	u64 bytenr, len;      /* the extent, block or range meant; 0: none */
	const char *text;     /* the message, without its prefix; may have several lines */
};

/* The summary of check.md 1.5. */
struct check_totals {
	u64 bytes_used, csum_bytes, tree_bytes, fs_tree_bytes, extent_tree_bytes, waste_bytes, data_allocated, data_referenced;
	u64 blocks, items;    /* read */
	u64 errors, warnings; /* findings, those not kept included */
};

struct check_args {
	bool data_csum;       /* read all data, all copies */
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
};

/* fs: opened with FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_QUIET. Takes over its store's on_bad_copy. 0, whatever was found, or
 * a failure that stopped the check (no memory, interrupted). */
int check_run(struct fs *fs, const struct check_args *args, const struct check_ops *ops, struct check_totals *totals, struct err *err);

#endif
