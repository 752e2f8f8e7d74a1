/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Repairs: check, fix, check again, until nothing is left that can be fixed. All of it happens in memory, over the devices (overlays). In the end the result
 * is written in the order of a commit, or not at all: not when a file (name and bytes) that could be read before could not be read after.
 * Until the superblocks are written, every block that the ones on disk lead to is what it was. Spec: check.md 1.6 to 1.8. */
#ifndef CHECK_REPAIR_H
#define CHECK_REPAIR_H

#include "kernel-shared/check/check.h"

struct repair_args {
	struct fs_open_args open;     /* specs, super_copy, tree_root, chunk_root, cache_memory; flags: only FS_OPEN_FORCE_MOUNTED counts */
	struct check_args check;
	const bool *only;             /* by problem id: what is to be repaired; NULL: all */
	const char *undo;             /* file for taking it back, NULL: none */
	bool dry_run;                 /* shows what would be done, writes nothing */
	bool init_csum_tree, init_extent_tree;
	bool ino_cache;               /* nothing but the inode caches that old kernels left in subvolumes, which go */
	bool chunks;                  /* nothing but the chunk tree, from what lies on the devices */
};

struct repair_ops {
	struct check_ops check;       /* sees the first check and the last one */
	/* What is being done: whole lines. channel: as of findings. */
	void (*say)(void *arg, enum channel channel, const char *text);
	/* The last check follows. May be NULL. */
	void (*again)(void *arg);
	/* The filesystem is open for the first time; non-zero ends the repair with that result. May be NULL. */
	int (*opened)(void *arg, struct fs *fs);
	/* A log waits: is it to be thrown away? */
	bool (*clear_log)(void *arg);
	/* Devices are read from end to end for chunks: how far. May be NULL. */
	void (*scanned)(void *arg, unsigned device, u64 done, bool end);
	/* A subvolume had an inode cache. May be NULL. */
	void (*ino_cache_gone)(void *arg, u64 root);
	/* All is ready to be written; false: it is not to be. May be NULL. */
	bool (*confirm)(void *arg);
	void *arg;
};

struct repair_result {
	struct check_totals totals;   /* of the last check */
	unsigned rounds;              /* of fixing something */
	bool changed;                 /* something was fixed */
	bool written;                 /* and is on disk */
};

/* 0: as far as it goes (result->totals.errors: what is left); what opened() or clear_log() ended with (-ECANCELED: no); other failures: nothing was written. */
int repair_run(struct env *env, const struct repair_args *args, const struct repair_ops *ops, struct repair_result *result, struct err *err);

#endif
