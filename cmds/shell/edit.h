/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs that change something share: one line, many operands. As with coreutils an operand that fails is reported, the others are done; what is
 * done is committed at the end of the line, and the exit code is 1. Only what ends the work altogether (an aborted transaction, Ctrl-C) takes all back. */
#ifndef CMDS_SHELL_EDIT_H
#define CMDS_SHELL_EDIT_H

#include "cmds/shell/shell.h"

struct edit {
	struct cmd_ctx *ctx;
	struct change c;
	struct txn *txn;        /* = c.txn */
	bool verbose;           /* -v was given, or nothing is written anyway and what would be done is told */
	bool failed;            /* some operand */
	bool fatal;             /* all of it is to be taken back */
};
/* Before any path is looked up. Prints; exit code or 0. */
int edit_begin(struct cmd_ctx *ctx, bool verbose, struct edit *e);
/* The exit code of the verb. */
int edit_end(struct edit *e);
/* "VERB: cannot WHAT 'PATH': reason", and notes the failure. Returns 1. */
int edit_cannot(struct edit *e, const char *what, const char *path, int ret);
/* The same with words of its own. */
int edit_fail(struct edit *e, const char *fmt, ...) PRINTF(2, 3);
/* A line for -v, without newline. */
void edit_say(struct edit *e, const char *fmt, ...) PRINTF(2, 3);
/* After a failure: does it end all? A full disk, a broken one and a lack of memory do. */
void edit_weigh(struct edit *e, int ret);
/* What was done so far becomes durable, unless a batch is open: for work that frees space and met a full disk. Once more is worth a try: true. */
bool edit_settle(struct edit *e, int ret);
/* Nothing more can be done: fatal, or a signal came. Long loops ask it. */
bool edit_over(struct edit *e);

/* The place of a path; 0 or -errno, silent, ctx->err says more. */
int edit_find(struct edit *e, const char *path, bool follow, struct loc *loc, struct inode *inode);
/* The directory of a path and its last component (points into path; slashes behind it are not part of it). -EEXIST for the top directory. */
int edit_parent(struct edit *e, const char *path, struct loc *dir, const char **name, size_t *len);
/* Where SOURCE... DEST leads: n sources; into: each goes into the directory path under its own name, else the one source becomes path itself. dir: -t, bare:
 * -T. Says what is wrong: 1, else 0. */
struct dest { const char *path; int n; bool into; };
int edit_dest(struct edit *e, const char *dir, bool bare, struct dest *out);
/* The path that source gets there. heap; NULL: no memory (said). */
char *edit_dest_path(struct edit *e, const struct dest *d, const char *source);
/* A new inode of the caller's, as a process of this umask would make it in dir. */
struct new_inode edit_new(struct edit *e, struct loc dir, u32 mode);
/* The umask of this process. */
u32 edit_umask(void);

/* The times of an inode are as they were: for what changes the storage but not the content. */
int edit_restore_times(struct edit *e, struct loc loc, const struct inode *was);

/* remove.c: what is at name in dir goes, with all below it. Prints; 1 when something stays. */
int remove_tree(struct edit *e, const char *path, struct loc dir, const char *name, size_t len);

/* modes.c: "755", "u+rwX,go=": what chmod, mkdir -m and others take. */
struct mode_change;
/* -EINVAL for what is no mode. Free with free(). */
int mode_parse(const char *text, struct mode_change **out);
/* The permission bits after the change. old: with type bits; implicit: the umask where no who is given. */
u32 mode_apply(const struct mode_change *m, u32 old);
u32 mode_apply_masked(const struct mode_change *m, u32 old, u32 umask);
/* dates.c: what -d of touch takes: ISO dates, "@SECONDS", "now", and "N units [ago]". -EINVAL. */
int date_parse(struct env *env, const char *text, struct timespec64 *out);
/* [[CC]YY]MMDDhhmm[.ss] of touch -t. */
int date_parse_stamp(struct env *env, const char *text, struct timespec64 *out);
/* owner.c: "USER", "USER:GROUP", ":GROUP", "USER:", numbers. has_* say what was named. -EINVAL: *bad is the part. */
struct owner { bool has_uid, has_gid; u32 uid, gid; };
int user_parse(const char *text, u32 *uid);
int group_parse(const char *text, u32 *gid);
int owner_parse(const char *text, struct owner *out, const char **bad);

#endif
