/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between two snapshots, inode by inode, in order of their numbers. */
#ifndef SEND_CHANGES_H
#define SEND_CHANGES_H

#include "kernel-shared/send/names.h"
#include "kernel-shared/send/treediff.h"

/* One inode. An inode is the same in both when number, generation and type are; a number that was used again comes as two: first only old, then only now. */
struct change {
	u64 ino;
	bool has_now, has_old;      /* it has links there */
	struct inode now, old;
	bool item;                  /* its inode item differs (always, when only one has it) */
};
struct change_ops {
	/* 0: deliver its items; 1: they are not wanted; <0 ends the walk. */
	int (*begin)(void *arg, const struct change *c);
	/* An item behind the inode item. now or old is NULL where it is not; same: both are alike. Only for 0. */
	int (*item)(void *arg, const struct item *now, const struct item *old, bool same);
	int (*end)(void *arg);      /* only for 0 */
};
int changes_walk(struct names *n, const struct change_ops *ops, void *arg, struct err *err);

#endif
