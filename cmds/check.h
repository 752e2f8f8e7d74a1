/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of btrfs check. */
#ifndef CMDS_CHECK_H
#define CMDS_CHECK_H

#include "cmds/target.h"
#include "kernel-shared/check/check.h"

struct check_opts {
	bool backup, readonly, force, data_csum, progress, qgroup_report, list_damaged, ignored;
	u64 super, tree_root, chunk_root, memory, subvol_extents;
	bool has_super, has_tree_root, has_chunk_root, has_memory, has_subvol_extents;
	const char *temp;
	const char *repair;   /* "": all; names of problems, separated by commas; NULL: nothing */
	bool init_csum_tree, init_extent_tree;
	u8 clear_cache;       /* version of the space cache to clear; 0: none */
};

struct report {
	struct cmd_ctx *ctx;
	const struct check_opts *opts;
	struct fs *fs;
	bool v2;              /* the free space tree is in use */
	u64 errors, checked;  /* checked: for the progress lines */
	struct check_ticker *ticker;
	VEC(char *) damaged;  /* lines for --damaged-files */
};
void report_fini(struct report *r);

/* What a check says, as text and as JSON; arg: struct report. */
extern const struct check_ops check_text_ops, check_json_ops;
void check_say(struct report *r, enum channel channel, const char *text);
/* Totals; the JSON form ends the object "check" and the document. */
void check_text_summary(struct report *r, const struct check_totals *t);
void check_json_summary(struct report *r, const struct check_totals *t);
/* What nothing can be checked without. The exit code or 0. */
int check_critical(struct cmd_ctx *ctx, const struct fs *fs);
/* Where the options say that things begin. */
void check_open_args(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t, struct fs_open_args *args);

/* check_repair.c. Does any option ask for changes? Are they in order (1: said why not)? */
bool check_repairs(const struct check_opts *a);
int check_repair(struct cmd_ctx *ctx, const struct check_opts *a, const struct target *t);
/* The warning and the countdown. */
void check_repair_warning(struct cmd_ctx *ctx, const struct check_opts *a);

#endif
