/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The course of receiving. */
#include "kernel-shared/send/apply.h"
#include "kernel-shared/fs/file.h"

static void clean(struct strbuf *out, const struct send_value *v)
{
	u32 len = min_t(u32, v->len, 600);

	for (u32 i = 0; i < len; i++)
		sb_char(out, v->p[i] < 32 || v->p[i] == 127 ? '?' : v->p[i]);
	if (len < v->len)
		sb_lit(out, "...");
}

void apply_describe(const struct send_cmd *c, struct strbuf *out)
{
	static const u8 second[SEND_CMDS] = { [SEND_C_RENAME] = SEND_A_PATH_TO, [SEND_C_LINK] = SEND_A_PATH_LINK, [SEND_C_SYMLINK] = SEND_A_PATH_LINK };

	switch (c->id) {
	case SEND_C_SUBVOL: sb_lit(out, "creating subvolume"); break;
	case SEND_C_SNAPSHOT: sb_lit(out, "creating snapshot"); break;
	case SEND_C_WRITE: case SEND_C_ENCODED_WRITE: sb_lit(out, "writing to"); break;
	case SEND_C_CLONE: sb_lit(out, "cloning extents to"); break;
	case SEND_C_SET_XATTR: case SEND_C_REMOVE_XATTR:
		sb_puts(out, c->id == SEND_C_SET_XATTR ? "setting xattr " : "removing xattr ");
		clean(out, &c->v[SEND_A_XATTR_NAME]);
		sb_lit(out, " of");
		break;
	default: sb_puts(out, c->row->name);
	}
	sb_char(out, ' ');
	if (send_has(c, SEND_A_PATH))
		clean(out, &c->v[SEND_A_PATH]);
	if (second[c->id]) {
		sb_lit(out, " -> ");
		clean(out, &c->v[second[c->id]]);
	}
	sb_lit(out, " failed");
}

/* "mkfile a/b failed: File exists (stream offset 8192, command 45)" */
static int failure(const struct send_cmd *c, int ret, struct err *err)
{
	struct strbuf text = STRBUF_INIT;

	apply_describe(c, &text);
	sb_lit(&text, ": ");
	sb_puts(&text, err_text(err));
	ret = err_set(err, ret, "%.1800s (stream offset %llu, command %llu)", sb_str(&text), c->offset, c->number);
	sb_fini(&text);
	return ret;
}

struct course {
	struct apply *a;
	bool open;               /* a subvolume is in progress */
	bool went_on;            /* after a failed command */
	u64 ctransid, errors;    /* of that subvolume */
	struct send_token first; /* the first command that failed */
};

/* The stream's end of a subvolume. */
static int finish(struct course *s, struct err *err)
{
	struct apply *a = s->a;
	struct send_token at;
	int ret;

	if (!s->open)
		return 0;
	if (s->errors)
		return err_set(err, -EIO, "%llu command%s failed: the subvolume is not complete", s->errors, s->errors == 1 ? "" : "s");
	ret = a->target->ops->finish(a->target, err);
	if (ret)
		return ret;
	s->open = false;
	a->finished++;
	send_reader_here(a->reader, false, &at);
	if (a->done)
		a->done(a->arg, &at, s->ctransid);
	return 0;
}

static int begin(struct course *s, const struct send_cmd *c, struct err *err)
{
	struct apply *a = s->a;
	int ret = finish(s, err);

	if (ret)
		return ret;
	if (a->show)
		a->show(a->arg, c);
	ret = a->target->ops->begin(a->target, c, err);
	if (ret)
		return failure(c, ret, err);
	s->open = true;
	s->ctransid = send_num(c, SEND_A_CTRANSID);
	return 0;
}

static int run(struct course *s, const struct send_cmd *c, struct err *err)
{
	struct apply *a = s->a;
	apply_fn fn = a->target->ops->cmd[c->id];
	int ret;

	if (a->show)
		a->show(a->arg, c);
	ret = fn ? fn(a->target, c, err) : 0;
	if (!ret)
		return 0;
	failure(c, ret, err);
	if (!s->errors++)
		send_reader_here(a->reader, false, &s->first);
	if (++a->errors == a->max_errors || ret == -EINTR)
		return ret;
	if (a->failed)
		a->failed(a->arg, err);
	err_clear(err);
	s->went_on = true;
	return 0;
}

/* The commands of one stream, to its END. */
static int stream(struct course *s, struct err *err)
{
	struct apply *a = s->a;
	struct send_token next;
	struct send_cmd c;

	for (;;) {
		int ret = env_check_interrupt(a->env, err);

		if (!ret && s->open && a->target->ops->pause) {
			send_reader_here(a->reader, true, &next);
			ret = a->target->ops->pause(a->target, &next, err);
		}
		if (!ret)
			ret = send_reader_next(a->reader, &c, err);
		if (ret)
			return ret;
		if (c.id == SEND_C_END)
			return finish(s, err);
		ret = c.id == SEND_C_SUBVOL || c.id == SEND_C_SNAPSHOT ? begin(s, &c, err) : run(s, &c, err);
		if (ret)
			return ret;
	}
}

static int streams(struct course *s, struct err *err)
{
	struct apply *a = s->a;
	int ret = send_reader_header(a->reader, err);

	if (!ret && a->resume) {
		ret = a->target->ops->resume(a->target, a->resume, err);
		s->open = !ret;
	}
	while (!ret) {
		ret = stream(s, err);
		if (ret || a->one)
			return ret;
		ret = send_reader_header(a->reader, err);
		if (ret == -ENODATA)
			return 0;
	}
	return ret;
}

int apply_stream(struct apply *a, struct err *err)
{
	struct course s = { .a = a };
	struct send_token at;
	int ret = streams(&s, err);

	if (!s.open)
		return ret;
	/* It can go on with the command that failed, unless others were done after it; without one, with the next. */
	if (s.errors)
		at = s.first;
	else
		send_reader_here(a->reader, true, &at);
	a->target->ops->abandon(a->target, s.went_on ? NULL : &at);
	return ret;
}

int apply_decode(const struct send_cmd *c, u8 *buf, struct err *err)
{
	u32 compression = send_num(c, SEND_A_COMPRESSION), sector = 4096, type;

	/* Three to seven are LZO with sectors of 4 to 64 KiB. */
	type = compression == 1 ? BTRFS_COMPRESS_ZLIB : compression == 2 ? BTRFS_COMPRESS_ZSTD : BTRFS_COMPRESS_LZO;
	if (compression >= 3)
		sector <<= compression - 3;
	memset(buf, 0, SEND_ENCODED_MAX);
	return decompress(type, c->v[SEND_A_DATA].p, c->v[SEND_A_DATA].len, buf, send_num(c, SEND_A_UNENCODED_LEN), sector, false, err);
}

int apply_missing(struct err *err, int code, const char *what, const u8 uuid[16])
{
	struct strbuf sb = STRBUF_INIT;

	sb_uuid(&sb, uuid);
	code = code == -ENOENT ? err_set(err, code, "%s %s", what, sb_str(&sb)) : err_errno(err, code, "%s %s", what, sb_str(&sb));
	sb_fini(&sb);
	return code;
}
