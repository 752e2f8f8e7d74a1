/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include "cmds/copyout/summary.h"

static const struct { const char *key, *text; } unkept_text[UNKEPT_KINDS] = {
	[UNKEPT_OWNER] = { "owner", "the owner of %llu files could not be kept" },
	[UNKEPT_MODE] = { "mode", "the mode of %llu files could not be kept" },
	[UNKEPT_TIMES] = { "times", "the times of %llu files could not be kept" },
	[UNKEPT_XATTR] = { "xattr", "%llu extended attributes could not be kept" },
	[UNKEPT_ACL] = { "acl", "%llu access control lists could not be kept" },
	[UNKEPT_DEVICE] = { "device", "%llu device nodes could not be made" },
	[UNKEPT_SPECIAL] = { "special", "%llu special files could not be made" },
	[UNKEPT_LINK] = { "link", "%llu hard links became files of their own" },
};

static void print_lost(struct cmd_ctx *ctx, const struct copyout_result *r, const char *verb)
{
	if (!r->lost_count)
		return;
	cmd_error(ctx, "not everything could be %s, %llu loss%s:", verb, r->lost_count, r->lost_count == 1 ? "" : "es");
	for (size_t i = 0; i < r->lost.len; i++) {
		const struct copyout_lost *l = &r->lost.v[i];

		if (l->from == l->to)
			env_msg(ctx->env, MSG_NOTE, "%s: %s", l->path, l->why);
		else if (l->to == ~0ULL)
			env_msg(ctx->env, MSG_NOTE, "%s: bytes %llu to the end: %s", l->path, l->from, l->why);
		else
			env_msg(ctx->env, MSG_NOTE, "%s: bytes %llu to %llu: %s", l->path, l->from, l->to - 1, l->why);
	}
	if (r->lost_count > r->lost.len)
		env_msg(ctx->env, MSG_NOTE, "and %llu more", r->lost_count - r->lost.len);
}

void copyout_refusals(struct cmd_ctx *ctx, const struct copyout_result *r)
{
	u64 all = r->existing + r->failed;

	for (size_t i = 0; i < r->refused.len; i++)
		cmd_error(ctx, "%s: %s: %s", ctx->cmd->name, r->refused.v[i].path, r->refused.v[i].why);
	if (all > r->refused.len)
		cmd_error(ctx, "%s: and %llu more", ctx->cmd->name, all - r->refused.len);
}

void copyout_summary(struct cmd_ctx *ctx, const struct copyout_result *r, const char *verb)
{
	for (unsigned i = 0; i < UNKEPT_KINDS; i++) {
		char text[128];

		if (!r->unkept[i].count)
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), unkept_text[i].text, r->unkept[i].count);
#pragma GCC diagnostic pop
		cmd_warn(ctx, "%s, the first is %s: %s", text, r->unkept[i].first ? r->unkept[i].first : "unknown", strerror(r->unkept[i].error));
	}
	if (r->unverified)
		cmd_warn(ctx, "%llu bytes were %s without a readable checksum to verify them", r->unverified, verb);
	if (r->mismatched)
		cmd_warn(ctx, "%llu bytes were %s although their checksum does not match", r->mismatched, verb);
	print_lost(ctx, r, verb);
}

void copyout_summary_json(struct cmd_ctx *ctx, const struct copyout_result *r, const char *path)
{
	struct out *o = ctx->out;

	out_obj(o, NULL);
	out_json_strn(o, "path", path, strlen(path));
	out_json_u64(o, "files", r->files);
	out_json_u64(o, "directories", r->dirs);
	out_json_u64(o, "others", r->others);
	out_json_u64(o, "links", r->links);
	out_json_u64(o, "bytes", r->bytes);
	out_json_u64(o, "shared-bytes", r->shared);
	out_json_u64(o, "existing", r->existing);
	out_json_u64(o, "failed", r->failed);
	out_json_u64(o, "unverified-bytes", r->unverified);
	out_json_u64(o, "mismatched-bytes", r->mismatched);
	out_obj(o, "not-kept");
	for (unsigned i = 0; i < UNKEPT_KINDS; i++)
		out_json_u64(o, unkept_text[i].key, r->unkept[i].count);
	out_end(o);
	out_json_u64(o, "losses", r->lost_count);
	out_arr(o, "lost");
	for (size_t i = 0; i < r->lost.len; i++) {
		const struct copyout_lost *l = &r->lost.v[i];

		out_obj(o, NULL);
		out_json_strn(o, "path", l->path, strlen(l->path));
		if (l->from != l->to) {
			out_json_u64(o, "from", l->from);
			out_json_u64(o, "to", l->to);
		}
		out_json_str(o, "reason", l->why);
		out_end(o);
	}
	out_end(o);
	out_end(o);
}
