/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking a subtree for find, du, tree, getfattr -R, lsattr -R, checksum: depth first, each directory's entries by name, across
 * subvolumes, directories met twice told and not entered, no recursion on the stack. */
#ifndef CMDS_SHELL_WALK_H
#define CMDS_SHELL_WALK_H

#include "cmds/shell/shell.h"

struct walk_entry {
	const char *path, *name;  /* path: as the argument was typed, and on */
	unsigned depth;           /* 0: the argument itself */
	struct loc loc;
	struct inode inode;
	const char *target;       /* of a symlink, NULL if it cannot be read */
	bool last;                /* of its directory */
};
enum { WALK_STOP = -1, WALK_GO = 0, WALK_SKIP = 1 };
/* A subvolume's entry that a snapshot has inherited: met on the way there is nothing to change about it. */
static inline bool walk_leads_nowhere(const struct walk_entry *e)
{
	return e->depth && e->loc.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID;
}
struct walk_ops {
	/* Before what is below. WALK_SKIP: do not enter this directory. */
	int (*enter)(void *arg, const struct walk_entry *e);
	/* After what is below; directories only. May be NULL. */
	int (*leave)(void *arg, const struct walk_entry *e);
	unsigned max_depth;       /* directories at this depth are not entered; 0: no bound */
	bool bounded;             /* max_depth counts, even if 0 */
	bool follow;              /* a symlink as argument */
};
/* 0, or 1 when something could not be read (told). */
int shell_walk(struct cmd_ctx *ctx, const char *path, const struct walk_ops *ops, void *arg);

#endif
