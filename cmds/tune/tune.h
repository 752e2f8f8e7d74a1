/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of btrfstune. Functions print what is wrong and return the exit code or 0. */
#ifndef CMDS_TUNE_TUNE_H
#define CMDS_TUNE_TUNE_H

#include "cmds/target.h"
#include "kernel-shared/fs/inplace.h"

struct tune_args {
	bool extref, skinny, no_holes, force, new_fsid, new_metadata_fsid;
	bool to_block_group_tree, from_block_group_tree, to_free_space_tree, enable_simple_quota, remove_simple_quota;
	const char *seed, *fsid, *metadata_fsid;
};
struct tune {
	struct cmd_ctx *ctx;
	const struct tune_args *a;
	struct target target;
	struct fs *fs;            /* open as the step at hand needs it */
};
/* Opens the filesystem again with other flags. */
int tune_open(struct tune *t, unsigned flags);
/* The uuid that an option names, or a new one; refused when another filesystem has it. */
int tune_uuid(struct tune *t, const char *text, u8 uuid[16]);

/* uuid.c */
int tune_fsid(struct tune *t);
int tune_metadata_fsid(struct tune *t);
/* features.c */
int tune_features(struct tune *t);
int tune_seed(struct tune *t);
int tune_trees(struct tune *t);
int tune_quota(struct tune *t);

#endif
