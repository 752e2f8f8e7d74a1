/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs send: what its two kinds share. */
#ifndef CMDS_SEND_SEND_H
#define CMDS_SEND_SEND_H

#include "cmds/mounted/subvols.h"
#include "kernel-shared/send/stream.h"

struct send_args {
	bool multi, no_data, compressed, estimate, has_proto;
	struct strlist parents, clones;
	const char *file;
	u64 proto;
	const char *resume;
};
/* A subvolume named on the command line. */
struct send_source {
	const char *arg;
	u64 id;
	struct subvol_item item;
	struct host host;          /* mounted: held open for the kernel */
};
struct send_run {
	const struct send_args *args;
	int fd;                    /* where the stream goes; -1 when it is only measured */
	unsigned version;
	struct subvols subvols;    /* of the first one: tells which filesystem it is */
	VEC(struct send_source) sent, clones;
	struct send_source parent; /* arg NULL: none given */
	struct send_token token;
};
/* Adds a subvolume to the clone sources, unless it is one. */
int send_add_clone(struct cmd_ctx *ctx, struct send_run *r, const struct send_source *s);
/* The parent to send s from: the one given, or the best of the clone sources; *id 0: none. Says why not; the exit code or 0. */
int send_choose_parent(struct cmd_ctx *ctx, struct send_run *r, const struct send_source *s, u64 *id);
/* As cmd_level, but the first -v counts (cli 2.2). */
static inline int send_level(const struct cmd_ctx *ctx) { return ctx->verbosity < 0 ? 1 : ctx->verbosity ? ctx->verbosity + 1 : 0; }
/* "At subvol X" unless quiet. */
void send_announce(struct cmd_ctx *ctx, const struct send_source *s);

/* Everything, by ourselves; by the kernel. Exit codes. */
int send_offline(struct cmd_ctx *ctx, struct send_run *r);
int send_mounted(struct cmd_ctx *ctx, struct send_run *r);

#endif
