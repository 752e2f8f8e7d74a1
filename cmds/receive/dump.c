/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive --dump: a stream as text or JSON. Spec: send-stream 9. */
#include <stdio.h>
#include "cmds/receive/receive.h"
#include "common/text.h"
#include "kernel-shared/format/items.h"
#include "kernel-shared/format/print.h"

enum { TITLE = 16, COLUMN = TITLE + 32 };

struct dump {
	struct cmd_ctx *ctx;
	struct print_ctx print;  /* for its local time */
	char name[SEND_PATH_MAX];
	u32 name_len;
};

/* "./NAME/path", a trailing slash of the path dropped; "./NAME" alone without a path. */
static char *full_path(const struct dump *d, char *o, const struct send_value *path)
{
	o = text_escape(text_lit(o, "./"), (const u8 *)d->name, d->name_len);
	if (!path)
		return o;
	*o++ = '/';
	return text_escape(o, path->p, path->len - (path->len && path->p[path->len - 1] == '/'));
}

static char *detail(struct dump *d, char *o, const struct send_cmd *c, const struct send_detail *x)
{
	const struct send_value *v = &c->v[x->attr];
	bool have = send_has(c, x->attr);

	o = text_str(o, x->label);
	switch (x->show) {
	case SEND_SHOW_DEC: return text_u64(o, send_num(c, x->attr));
	case SEND_SHOW_OCT: return text_oct(o, send_num(c, x->attr));
	case SEND_SHOW_HEX: return text_hex(o, send_num(c, x->attr));
	case SEND_SHOW_LEN: return text_u64(o, have ? v->len : 0);
	case SEND_SHOW_TEXT: return have ? text_escape(o, v->p, v->len) : o;
	case SEND_SHOW_PATH: return have ? full_path(d, o, v) : o;
	case SEND_SHOW_UUID: return have ? text_uuid(o, v->p) : o;
	case SEND_SHOW_TIME: return have ? text_iso_time(&d->print, o, get_le64(v->p)) : o;
	}
	return o;
}

static void text_line(struct dump *d, const struct send_cmd *c)
{
	bool begins = c->id == SEND_C_SUBVOL || c->id == SEND_C_SNAPSHOT;
	struct strbuf *sb = &d->ctx->out->buf;
	size_t title = strlen(c->row->name), bound = 512;
	char *o, *start;

	for (const struct send_use *u = c->row->use; u < c->row->use + ARRAY_SIZE(c->row->use) && u->attr; u++)
		if (send_has(c, u->attr) && u->attr != SEND_A_DATA)
			bound += 4 * (c->v[u->attr].len + d->name_len) + PRINT_TIME_MAX;
	o = start = text_open(sb, bound + 4 * d->name_len);
	if (!o)
		return;
	o = text_bytes(o, c->row->name, title);
	memset(o, ' ', TITLE);
	o = full_path(d, start + TITLE, begins ? NULL : &c->v[SEND_A_PATH]);
	for (const struct send_detail *x = c->row->detail; x < c->row->detail + ARRAY_SIZE(c->row->detail) && x->label; x++) {
		if (x == c->row->detail && o < start + COLUMN) {
			memset(o, ' ', start + COLUMN - o);
			o = start + COLUMN;
		} else {
			*o++ = ' ';
		}
		o = detail(d, o, c, x);
	}
	*o++ = '\n';
	text_close(sb, o);
	out_check(d->ctx->out);
}

static void json_value(struct dump *d, const struct send_cmd *c, unsigned attr)
{
	const struct send_attr_row *row = &send_attr_rows[attr];
	const struct send_value *v = &c->v[attr];
	struct out *o = d->ctx->out;
	char text[PRINT_TIME_MAX], name[32];

	switch (row->type) {
	case SEND_T_UUID: out_json_uuid(o, row->name, v->p); return;
	case SEND_T_STRING: out_json_strn(o, row->name, v->p, v->len); return;
	case SEND_T_TIME:
		snprintf(name, sizeof(name), "%s_nsec", row->name);
		*text_iso_time(&d->print, text, get_le64(v->p)) = '\0';
		out_json_str(o, row->name, text);
		out_json_u64(o, name, get_le32(v->p + 8));
		return;
	case SEND_T_BYTES:
		/* Content is not shown; what an attribute holds is. */
		if (attr != SEND_A_DATA)
			out_json_strn(o, row->name, v->p, v->len);
		snprintf(name, sizeof(name), "%s_len", row->name);
		out_json_u64(o, name, v->len);
		return;
	default: out_json_u64(o, row->name, send_num(c, attr));
	}
}

static void json_object(struct dump *d, const struct send_cmd *c)
{
	struct out *o = d->ctx->out;

	out_obj(o, NULL);
	out_json_str(o, "command", c->row->name);
	out_json_u64(o, "offset", c->offset);
	for (unsigned i = 0; i < ARRAY_SIZE(c->row->use) && c->row->use[i].attr; i++)
		if (send_has(c, c->row->use[i].attr))
			json_value(d, c, c->row->use[i].attr);
	out_end(o);
}

static void show(struct dump *d, const struct send_cmd *c)
{
	if (c->id == SEND_C_SUBVOL || c->id == SEND_C_SNAPSHOT) {
		d->name_len = min_t(u32, c->v[SEND_A_PATH].len, SEND_PATH_MAX - 1);
		memcpy(d->name, c->v[SEND_A_PATH].p, d->name_len);
	}
	if (d->ctx->json)
		json_object(d, c);
	else
		text_line(d, c);
}

static int commands(struct dump *d, struct send_reader *r)
{
	struct send_cmd c;

	for (;;) {
		int ret = env_check_interrupt(d->ctx->env, &d->ctx->err);

		if (!ret)
			ret = send_reader_next(r, &c, &d->ctx->err);
		if (ret)
			return cmd_fail(d->ctx, "cannot dump the stream");
		if (c.id == SEND_C_END)
			return 0;
		show(d, &c);
		if (d->ctx->out->error)
			return 1;
	}
}

int receive_dump(struct cmd_ctx *ctx, struct send_reader *r)
{
	struct dump d = { .ctx = ctx };
	int ret = send_reader_header(r, &ctx->err);

	if (ret == -ENODATA)
		return cmd_error(ctx, "empty stream is not considered valid");
	if (ret)
		return cmd_fail(ctx, "cannot dump the stream");
	print_ctx_init(&d.print, NULL, NULL);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "send-stream");
		out_json_u64(ctx->out, "version", send_reader_version(r));
		out_arr(ctx->out, "commands");
	}
	ret = commands(&d, r);
	if (ctx->json) {
		out_end(ctx->out);
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	return ret;
}
