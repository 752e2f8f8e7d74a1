/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs receive. Spec: cli 16.2; send-stream 8. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/receive/receive.h"
#include "common/io.h"
#include "common/progress.h"

/* Bytes of the stream. A signal that asks to stop ends the wait for them. */
static ssize_t read_input(void *arg, void *buf, size_t len)
{
	struct send_read_from *in = arg;
	ssize_t n;

	do {
		if (env_check_interrupt(in->env, NULL))
			return -EINTR;
		n = read(in->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	progress_add(in->progress, n);
	return n;
}

void receive_say_token(struct receive *rc, const struct send_token *at, const char *name)
{
	struct strbuf sb = STRBUF_INIT;

	send_token_text(at, &sb);
	env_msg(rc->ctx->env, MSG_NOTE, "%s is incomplete; to go on, receive with --resume; the sender's token is %s", name, sb_str(&sb));
	sb_fini(&sb);
}

static void say_done(void *arg, const struct send_token *what, u64 ctransid)
{
	struct receive *rc = arg;
	struct strbuf sb = STRBUF_INIT;

	if (rc->level < 2)
		return;
	sb_uuid(&sb, what->uuid);
	env_msg(rc->ctx->env, MSG_NOTE, "BTRFS_IOC_SET_RECEIVED_SUBVOL uuid=%s, stransid=%llu", sb_str(&sb), ctransid);
	sb_fini(&sb);
}

static void say_failed(void *arg, const struct err *err)
{
	struct receive *rc = arg;

	env_msg(rc->ctx->env, MSG_ERROR, "%s", err_text(err));
}

int receive_run(struct receive *rc, struct apply_target *t, const struct send_token *resume)
{
	struct cmd_ctx *ctx = rc->ctx;
	struct apply *a = &rc->apply;
	struct stat st;
	int ret;

	ret = send_reader_new(&a->reader, read_input, &rc->input, 0, resume, &ctx->err);
	if (ret)
		return cmd_fail(ctx, "cannot receive");
	rc->input.progress = progress_new("receiving", PROGRESS_BYTES, !fstat(rc->input.fd, &st) && S_ISREG(st.st_mode) ? st.st_size : 0, ctx->progress);
	a->target = t;
	a->env = ctx->env;
	a->resume = resume;
	ret = apply_stream(a, &ctx->err);
	progress_free(rc->input.progress);
	rc->input.progress = NULL;
	send_reader_free(a->reader);
	a->reader = NULL;
	if (!ret)
		return 0;
	if (ret == -ENODATA && !a->finished)
		return cmd_error(ctx, "empty stream is not considered valid");
	return cmd_error(ctx, "%s", err_text(&ctx->err));
}

static int wrong_count(struct cmd_ctx *ctx, int want)
{
	env_msg(ctx->env, MSG_NOTE, "%s: exactly %d argument%s expected, %d given", ctx->words, want, want == 1 ? "" : "s", ctx->argc);
	return 1;
}

static int dump(struct receive *rc)
{
	struct cmd_ctx *ctx = rc->ctx;
	struct send_reader *r;
	int ret;

	if (ctx->argc)
		return wrong_count(ctx, 0);
	ret = send_reader_new(&r, read_input, &rc->input, SEND_LENIENT, NULL, &ctx->err);
	if (ret)
		return cmd_fail(ctx, "cannot dump the stream");
	ret = receive_dump(ctx, r);
	send_reader_free(r);
	return ret;
}

static int check_args(struct cmd_ctx *ctx, const struct receive_args *a, const struct target *t)
{
	if (a->sources && strcmp(a->sources, "parents") && strcmp(a->sources, "received"))
		return cmd_error(ctx, "unknown clone sources: %s (received, parents)", a->sources);
	if (a->has_checkpoint && (t->kind == TARGET_HOST || a->to_directory))
		return cmd_error(ctx, "--checkpoint is for unmounted filesystems: %s", ctx->argv[0]);
	if (a->to_directory && (t->kind != TARGET_HOST || a->chroot || a->mount || a->has_resume))
		return cmd_error(ctx, "--to-directory takes a directory, and neither --chroot, -m nor --resume");
	if (t->kind != TARGET_HOST && (a->chroot || a->mount))
		return cmd_error(ctx, "--chroot and -m are for mounted filesystems: %s", ctx->argv[0]);
	if (t->kind == TARGET_HOST && (ctx->undo || ctx->dry_run))
		return cmd_error(ctx, "--undo and --dry-run are for unmounted filesystems: %s", ctx->argv[0]);
	return 0;
}

static int receive_to(struct receive *rc)
{
	struct cmd_ctx *ctx = rc->ctx;
	const struct receive_args *a = rc->args;
	struct target t;
	int ret;

	if (ctx->argc != 1)
		return wrong_count(ctx, 1);
	rc->dest = ctx->argv[0];
	if (target_arg(ctx, rc->dest, &t))
		return cmd_error(ctx, "not enough memory");
	ret = check_args(ctx, a, &t);
	if (!ret)
		ret = t.kind != TARGET_HOST ? receive_offline(rc, &t) : a->to_directory ? receive_directory(rc) : receive_mounted(rc);
	target_fini(&t);
	return ret;
}

static int receive_main(struct cmd_ctx *ctx, void *args)
{
	const struct receive_args *a = args;
	struct receive rc = { .ctx = ctx, .args = a, .input = { .fd = STDIN_FILENO, .env = ctx->env } };
	int ret;

	/* Here a single -v counts already. */
	rc.level = ctx->verbosity < 0 ? 1 : ctx->verbosity ? ctx->verbosity + 1 : 0;
	rc.apply = (struct apply){ .one = a->one, .max_errors = a->max_errors, .show = rc.level ? receive_show : NULL, .done = say_done, .failed = say_failed, .arg = &rc };
	if (a->file) {
		rc.input.fd = open(a->file, O_RDONLY | O_CLOEXEC);
		if (rc.input.fd < 0)
			return cmd_error(ctx, "cannot open %s: %s", a->file, strerror(errno));
	}
	/* Fewer, larger reads; a kernel that refuses is fine, too. */
	fcntl(rc.input.fd, F_SETPIPE_SZ, 1 << 20);
	ret = a->dump ? dump(&rc) : receive_to(&rc);
	if (a->file)
		close(rc.input.fd);
	return ret;
}

static void receive_init(void *args)
{
	((struct receive_args *)args)->max_errors = 1;
}

static const char *const receive_details[] = {
	"Creates subvolumes and snapshots from a stream that `btrfs send` made, from standard input or a file. The destination is a directory in a mounted",
	"filesystem, or in one that is not mounted (disk.img:/backups), or (--to-directory) a directory of any filesystem. A subvolume becomes read-only and",
	"is marked as received when all of it has come; if anything fails, it is removed again. In an unmounted filesystem all of it happens, or nothing.",
	NULL
};

#define OPT_STRUCT struct receive_args
static const struct opt receive_opts[] = {
	OPT_STRING('f', NULL, file, "FILE", "read the stream from FILE instead of standard input", .complete = "file"),
	OPT_FLAG('e', NULL, one, "end after the first end mark in the stream"),
	OPT_FLAG('C', "chroot", chroot, "confine the process to the destination with chroot"),
	OPT_U64('E', "max-errors", max_errors, "N", "end after N failed commands (default: 1, 0: no limit)"),
	OPT_STRING('m', NULL, mount, "DIR", "the mount point of the destination's filesystem", .complete = "dir"),
	OPT_FLAG(0, "force-decompress", force_decompress, "decompress all data, also where compressed data can be stored as it is"),
	OPT_FLAG(0, "dump", dump, "print what is in the stream, receive nothing"),
	OPT_FLAG(0, "to-directory", to_directory, "the destination is an ordinary directory: the files of a full stream", .ours = true),
	OPT_FLAG(0, "keep-partial", keep, "when something fails, keep what has come as NAME" APPLY_PARTIAL, .ours = true),
	OPT_OPTARG(0, "resume", resume, "TOKEN", "go on with an incomplete subvolume; the stream is the whole one or its rest", .ours = true,
		.present = offsetof(struct receive_args, has_resume) + 1),
	OPT_SIZE(0, "checkpoint", checkpoint, "SIZE", "unmounted filesystems: make what has come durable every SIZE bytes", .ours = true),
	OPT_STRING(0, "clone-sources", sources, "WHICH", "what the stream may clone from: received (default): read-only subvolumes, parents: its parents alone",
		.ours = true, .complete = "received|parents"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_receive = {
	.name = "receive", .usage = { "btrfs receive [options] <mount>", "btrfs receive [options] <device>:<path>", "btrfs receive --dump [options]" },
	.brief = "Receive subvolumes from a stream", .details = receive_details, .opts = receive_opts, CMD_ARGS(struct receive_args), .init = receive_init,
	.min_args = 0, .max_args = -1, .flags = CMD_QUIET_VERBOSE | CMD_JSON | CMD_WRITES | CMD_PROGRESS | CMD_JOBS, .run = receive_main, .complete = "fs",
};
