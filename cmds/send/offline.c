/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending from an unmounted filesystem: the engine makes the stream. */
#include "cmds/send/send.h"

#include <errno.h>
#include "common/io.h"
#include "kernel-shared/send/generate.h"

struct outlet { int fd; };

static int write_out(void *arg, const void *p, size_t n)
{
	struct outlet *o = arg;

	return io_write(o->fd, p, n);
}

/* Who reads no more has seen enough: the exit code says so. */
static int fail(struct cmd_ctx *ctx, const struct send_source *s, int code)
{
	return code == -EPIPE ? 1 : cmd_fail(ctx, "cannot send %s", s->arg);
}

/* All subvolumes, one after the other, into one emitter. */
static int send_each(struct cmd_ctx *ctx, struct send_run *r, struct emit *e, bool announce)
{
	const struct send_args *a = r->args;
	size_t clones = r->clones.len;
	int ret = 0, code;

	for (size_t i = 0; !ret && i < r->sent.len; i++) {
		struct send_plan plan = { .subvol = r->sent.v[i].id, .no_data = a->no_data, .compressed = a->compressed };
		VEC(u64) ids = VEC_INIT;

		ret = send_choose_parent(ctx, r, &r->sent.v[i], &plan.parent);
		for (size_t j = 0; !ret && j < r->clones.len; j++)
			if (vec_push(&ids, r->clones.v[j].id))
				ret = cmd_error(ctx, "not enough memory");
		plan.clones = ids.v;
		plan.nclones = ids.len;
		if (!ret && announce)
			send_announce(ctx, &r->sent.v[i]);
		if (!ret && (!a->multi || !i))
			emit_header(e);
		if (!ret && (code = send_generate(e, &plan, &ctx->err)))
			ret = fail(ctx, &r->sent.v[i], code);
		if (!ret && (!a->multi || i + 1 == r->sent.len)) {
			emit_begin(e, SEND_C_END);
			emit_end(e);
		}
		vec_fini(&ids);
		if (!ret && a->clones.len)
			ret = send_add_clone(ctx, r, &r->sent.v[i]);
	}
	if (!ret && (code = emit_finish(e)))
		ret = fail(ctx, &r->sent.v[r->sent.len - 1], code);
	r->clones.len = clones;
	return ret;
}

/* What the stream will be, without reading any data. */
static int measure(struct cmd_ctx *ctx, struct send_run *r, struct emit_totals *out)
{
	struct emit_target to = { 0 };
	struct emit e;
	int ret = emit_init(&e, r->subvols.fs, r->version, &to, &ctx->err);

	ret = ret ? cmd_fail(ctx, "cannot send") : send_each(ctx, r, &e, false);
	*out = e.totals;
	emit_fini(&e);
	return ret;
}

static int estimate(struct cmd_ctx *ctx, struct send_run *r)
{
	struct emit_totals t;
	int ret = measure(ctx, r, &t);

	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "send-estimate");
		out_json_u64(ctx->out, "version", r->version);
		out_json_u64(ctx->out, "bytes", t.bytes);
		out_json_u64(ctx->out, "commands", t.commands);
		out_json_u64(ctx->out, "clones", t.clones);
		out_json_u64(ctx->out, "data-bytes", t.data);
		out_end(ctx->out);
		out_json_end(ctx->out);
		return 0;
	}
	out_printf(ctx->out, "Stream:       %llu bytes (%s), version %u\n", t.bytes, units_human(t.bytes), r->version);
	out_printf(ctx->out, "Commands:     %llu\n", t.commands);
	out_printf(ctx->out, "Clones:       %llu\n", t.clones);
	out_printf(ctx->out, "File data:    %llu bytes (%s)\n", t.data, units_human(t.data));
	return 0;
}

int send_offline(struct cmd_ctx *ctx, struct send_run *r)
{
	struct emit_target to = { .write = write_out, .arg = &(struct outlet){ r->fd }, .resume = r->args->resume ? &r->token : NULL };
	struct emit_totals total = { 0 };
	struct emit e;
	int ret;

	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "cannot start threads");
	if (r->args->estimate)
		return estimate(ctx, r);
	to.progress = progress_new("Sending", PROGRESS_BYTES, 0, ctx->progress);
	if (to.progress) {
		ret = measure(ctx, r, &total);
		progress_total(to.progress, total.bytes);
		if (ret) {
			progress_free(to.progress);
			return ret;
		}
	}
	ret = emit_init(&e, r->subvols.fs, r->version, &to, &ctx->err);
	ret = ret ? cmd_fail(ctx, "cannot send") : send_each(ctx, r, &e, true);
	emit_fini(&e);
	progress_free(to.progress);
	return ret;
}
