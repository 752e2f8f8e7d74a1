/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes as text, a line each, or as JSON, an object for each inode. */
#include "cmds/snapdiff/snapdiff.h"

#include <sys/stat.h>

const char *const snapdiff_details[] = {
	"Shows what NEW has that OLD has not, by path, in order of the inode numbers:",
	"  added, removed      an inode and its names",
	"  renamed OLD -> NEW  a name, or the place of a whole directory",
	"  linked, unlinked    further names of a file",
	"  modified            size, mode, owner, times, xattrs, flags; data OFFSET+LENGTH ...",
	"What lies below an added or renamed directory is listed as far as it has changed itself.",
	NULL
};

static const struct { unsigned bit; const char *name; } words[] = {
	{ COMPARE_SIZE, "size" }, { COMPARE_MODE, "mode" }, { COMPARE_OWNER, "owner" }, { COMPARE_TIMES, "times" }, { COMPARE_XATTRS, "xattrs" },
	{ COMPARE_FLAGS, "flags" }, { COMPARE_DATA, "data" },
};

static const char *type_word(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "symlink";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "character device";
	case S_IFBLK: return "block device";
	default: return "unknown";
	}
}

/* A name as receive --dump writes it; a directory ends with a slash. */
static void put_path(struct out *o, const char *path, size_t len, u32 mode)
{
	if (len)
		sb_escape(&o->buf, path, len);
	else
		sb_lit(&o->buf, ".");
	if (len && S_ISDIR(mode))
		sb_char(&o->buf, '/');
}

static void put_line(struct out *o, const char *word, const struct compare_name *a, const struct compare_name *b, u32 mode)
{
	out_printf(o, "%-9s ", word);
	put_path(o, a->path, a->len, mode);
	if (b) {
		sb_lit(&o->buf, " -> ");
		put_path(o, b->path, b->len, mode);
	}
	sb_char(&o->buf, '\n');
	out_check(o);
}

static void put_names(struct out *o, const struct compare_change *c)
{
	size_t both = min_t(size_t, c->ngained, c->nlost);
	const struct compare_name self = { c->path, c->path_len };

	if (c->kind == COMPARE_ADDED) {
		for (size_t i = 0; i < c->ngained; i++)
			put_line(o, i ? "linked" : "added", &c->gained[i], i ? &self : NULL, c->mode);
	} else if (c->kind == COMPARE_REMOVED) {
		for (size_t i = 0; i < c->nlost; i++)
			put_line(o, "removed", &c->lost[i], NULL, c->mode);
	} else {
		for (size_t i = 0; i < both; i++)
			put_line(o, "renamed", &c->lost[i], &c->gained[i], c->mode);
		for (size_t i = both; i < c->ngained; i++)
			put_line(o, "linked", &c->gained[i], &self, c->mode);
		for (size_t i = both; i < c->nlost; i++)
			put_line(o, "unlinked", &c->lost[i], NULL, c->mode);
	}
}

static void put_modified(struct snapdiff_report *r, const struct compare_change *c)
{
	struct out *o = r->ctx->out;
	const char *sep = ": ";

	out_printf(o, "%-9s ", "modified");
	put_path(o, c->path, c->path_len, c->mode);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!(c->what & words[i].bit))
			continue;
		if (words[i].bit == COMPARE_SIZE && c->old_size != c->size)
			out_printf(o, "%ssize %llu -> %llu", sep, c->old_size, c->size);
		else
			out_printf(o, "%s%s", sep, words[i].name);
		sep = ", ";
	}
	r->before_data = *sep == ',' ? "; data " : ": data ";
}

static void put_json_names(struct out *o, const char *key, const struct compare_name *v, size_t n)
{
	out_arr(o, key);
	for (size_t i = 0; i < n; i++)
		out_json_strn(o, NULL, v[i].path, v[i].len);
	out_end(o);
}

static void put_json(struct out *o, const struct compare_change *c)
{
	static const char *const kinds[] = { "added", "removed", "changed" };

	out_obj(o, NULL);
	out_json_str(o, "change", kinds[c->kind]);
	out_json_strn(o, "path", c->path, c->path_len);
	out_json_str(o, "type", type_word(c->mode));
	if (c->ino)
		out_json_u64(o, "inode", c->ino);
	if (S_ISREG(c->mode)) {
		out_json_u64(o, "size", c->size);
		out_json_u64(o, "old-size", c->old_size);
	}
	put_json_names(o, "names-added", c->gained, c->ngained);
	put_json_names(o, "names-removed", c->lost, c->nlost);
	out_arr(o, "attributes");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (c->what & words[i].bit)
			out_json_str(o, NULL, words[i].name);
	out_end(o);
	out_arr(o, "ranges");
}

/* A directory's times change with each entry. */
static bool only_times(const struct compare_change *c)
{
	return c->kind == COMPARE_CHANGED && S_ISDIR(c->mode) && !(c->what & ~COMPARE_TIMES) && !c->ngained && !c->nlost;
}

static int change(void *arg, const struct compare_change *c)
{
	struct snapdiff_report *r = arg;
	struct compare_change seen = *c;

	r->shown = r->args->all || !only_times(c);
	if (!r->shown)
		return 0;
	if (r->ctx->json) {
		put_json(r->ctx->out, c);
		return 0;
	}
	put_names(r->ctx->out, c);
	/* A moved directory's entry for itself is no more news than the times of its old and new place. */
	if (!r->args->all && S_ISDIR(c->mode))
		seen.what &= ~COMPARE_TIMES;
	r->shown = c->kind == COMPARE_CHANGED && (seen.what || (!c->ngained && !c->nlost));
	if (r->shown)
		put_modified(r, &seen);
	return 0;
}

static int range(void *arg, u64 from, u64 to)
{
	struct snapdiff_report *r = arg;
	struct out *o = r->ctx->out;

	if (o->json) {
		out_obj(o, NULL);
		out_json_u64(o, "offset", from);
		out_json_u64(o, "length", to - from);
		out_end(o);
	} else {
		out_printf(o, "%s%llu+%llu", r->before_data, from, to - from);
	}
	r->before_data = " ";
	out_check(o);
	return 0;
}

static int done(void *arg)
{
	struct snapdiff_report *r = arg;
	struct out *o = r->ctx->out;

	if (r->shown && o->json) {
		out_end(o);
		out_end(o);
	} else if (r->shown) {
		out_puts(o, "\n");
	}
	out_check(o);
	return o->error;
}

const struct compare_ops snapdiff_ops = { change, range, done };

void snapdiff_begin(struct snapdiff_report *r)
{
	if (!r->ctx->json)
		return;
	out_json_begin(r->ctx->out);
	out_arr(r->ctx->out, "diff");
}

void snapdiff_end(struct snapdiff_report *r)
{
	if (!r->ctx->json)
		return;
	out_end(r->ctx->out);
	out_json_end(r->ctx->out);
}

int snapdiff_roots(struct cmd_ctx *ctx, const struct snapdiff_args *args, struct root *now, struct root *old)
{
	struct snapdiff_report r = { .ctx = ctx, .args = args };
	int ret;

	if (env_start_pool(ctx->env, &ctx->err))
		return cmd_fail(ctx, "cannot start threads");
	snapdiff_begin(&r);
	ret = snapshots_compare(now, old, &snapdiff_ops, &r, &ctx->err);
	if (ret && ctx->out->error)
		return 1;
	if (ret)
		return cmd_fail(ctx, "cannot compare the snapshots");
	snapdiff_end(&r);
	return 0;
}
