/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two snapshots, by path, for people: the walk that a stream is made from, without the stream. */
#ifndef SEND_COMPARE_H
#define SEND_COMPARE_H

#include "kernel-shared/send/names.h"

enum compare_kind { COMPARE_ADDED, COMPARE_REMOVED, COMPARE_CHANGED };
enum {
	COMPARE_SIZE = 1, COMPARE_MODE = 2, COMPARE_OWNER = 4, COMPARE_TIMES = 8 /* modification or access */, COMPARE_XATTRS = 16, COMPARE_FLAGS = 32,
	COMPARE_DATA = 64, /* only where the ranges are not told */
};
struct compare_name { const char *path; size_t len; };
struct compare_change {
	enum compare_kind kind;
	u64 ino;
	u32 mode;                   /* type and permissions, the new ones if there are new ones; 0: unknown */
	u64 size, old_size;         /* of regular files */
	unsigned what;              /* COMPARE_*, of what is in both */
	const char *path; size_t path_len; /* the first name that it has (REMOVED: had) */
	const struct compare_name *gained, *lost; /* names; all of them for ADDED and REMOVED */
	size_t ngained, nlost;
};
struct compare_ops {
	int (*change)(void *arg, const struct compare_change *c);
	/* Bytes [from, to) of the changed file differ from before, ascending; those of a smaller new size end there. */
	int (*range)(void *arg, u64 from, u64 to);
	int (*done)(void *arg);     /* after the ranges of a change */
};
/* What is new in now since old, in order of the inode numbers. Names of more than SEND_PATH_MAX bytes are cut to their last component with "..." before it.
 * Both of one filesystem, and neither is being written to. Non-zero of an op stops and is returned. Memory is bounded but for the names of one inode. */
int snapshots_compare(struct root *now, struct root *old, const struct compare_ops *ops, void *arg, struct err *err);

#endif
