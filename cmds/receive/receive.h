/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs receive: what its files share. Spec: cli 16.2; send-stream 8, 9. */
#ifndef CMDS_RECEIVE_RECEIVE_H
#define CMDS_RECEIVE_RECEIVE_H

#include "cmds/target.h"
#include "kernel-shared/send/apply.h"

struct receive_args {
	const char *file, *mount, *resume, *sources;
	u64 max_errors, checkpoint;
	bool has_max_errors, has_checkpoint;
	bool one, chroot, force_decompress, dump, keep, has_resume, to_directory;
};

/* Text or JSON of a stream, up to its first END. The exit code. */
int receive_dump(struct cmd_ctx *ctx, struct send_reader *r);

/* What every target goes by. */
struct receive {
	struct cmd_ctx *ctx;
	const struct receive_args *args;
	const char *dest;
	struct apply apply;
	struct send_token token; /* with --resume: where it goes on */
	struct send_read_from { int fd; struct env *env; struct progress *progress; } input;
	int level;               /* of messages: 1 default, 2 subvolumes, writes and clones, 3 everything */
};
/* Applies the stream to a target, with messages. resume: what was noted where an earlier receive stopped, NULL: from the start. The exit code. */
int receive_run(struct receive *rc, struct apply_target *t, const struct send_token *resume);
/* A token that tells where an incomplete subvolume can go on, on standard error. */
void receive_say_token(struct receive *rc, const struct send_token *at, const char *name);

/* The three targets. The exit code. */
int receive_mounted(struct receive *rc);
int receive_directory(struct receive *rc);
int receive_offline(struct receive *rc, const struct target *t);

/* -v: one line for each command on standard error. */
void receive_show(void *receive, const struct send_cmd *c);

#endif
