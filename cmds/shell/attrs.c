/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getfattr and lsattr: extended attributes as the attr tools write them, inode flags as e2fsprogs does. */
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/walk.h"
#include "common/mem.h"

struct getfattr_args { bool dump, no_follow, recursive, only_values, absolute; const char *name, *match, *encoding; };
#define OPT_STRUCT struct getfattr_args
static const struct opt getfattr_opts[] = {
	OPT_FLAG('d', "dump", dump, "print the values, too"),
	OPT_STRING('e', "encoding", encoding, "text|hex|base64", "how values are written", .complete = "text|hex|base64"),
	OPT_FLAG('h', "no-dereference", no_follow, "do not follow symbolic links"),
	OPT_STRING('m', "match", match, "PATTERN", "names that match this regular expression; default ^user\\., - for all"),
	OPT_STRING('n', "name", name, "NAME", "this attribute alone, with its value"),
	OPT_FLAG(0, "only-values", only_values, "print the values as they are"),
	OPT_FLAG('R', "recursive", recursive, "all files below, too"),
	OPT_FLAG(0, "absolute-names", absolute, "keep leading slashes of names"),
	OPT_END
};
#undef OPT_STRUCT

struct xattr { char *name; u8 *value; u16 value_len; };
struct getfattr {
	struct cmd_ctx *ctx;
	const struct getfattr_args *a;
	regex_t regex;
	bool stripped;     /* leading slashes were, and it was said */
	const char *path;  /* of the file at hand; NULL once it is printed */
	struct arena arena;
	VEC(struct xattr) xattrs; /* of the file at hand that are wanted */
	int rc;
};

static void quoted(struct strbuf *sb, const u8 *v, size_t n)
{
	sb_char(sb, '"');
	for (size_t i = 0; i < n; i++) {
		if (v[i] == '"' || v[i] == '\\')
			sb_char(sb, '\\');
		if (v[i] < 32 || v[i] == 127)
			sb_printf(sb, "\\%03o", v[i]);
		else
			sb_char(sb, v[i]);
	}
	sb_char(sb, '"');
}

static void base64(struct strbuf *sb, const u8 *v, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		u32 word = v[i] << 16 | (i + 1 < n ? v[i + 1] << 8 : 0) | (i + 2 < n ? v[i + 2] : 0);

		sb_char(sb, digits[word >> 18]);
		sb_char(sb, digits[word >> 12 & 63]);
		sb_char(sb, i + 1 < n ? digits[word >> 6 & 63] : '=');
		sb_char(sb, i + 2 < n ? digits[word & 63] : '=');
	}
}

static bool is_text(const u8 *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i] < 32 || v[i] > 126)
			return false;
	}
	return true;
}

static void encode(struct strbuf *sb, const char *encoding, const u8 *v, size_t n)
{
	if (encoding ? !strcmp(encoding, "text") : is_text(v, n)) {
		quoted(sb, v, n);
	} else if (encoding && !strcmp(encoding, "hex")) {
		sb_lit(sb, "0x");
		sb_hexbytes(sb, v, n);
	} else {
		sb_lit(sb, "0s");
		base64(sb, v, n);
	}
}

static void title(struct getfattr *g)
{
	const char *path = g->path;
	struct out *o = g->ctx->out;

	g->path = NULL;
	if (g->ctx->json) {
		out_obj(o, NULL);
		out_json_strn(o, "path", path, strlen(path));
		out_arr(o, "attributes");
		return;
	}
	if (*path == '/' && !g->a->absolute) {
		if (!g->stripped)
			env_msg(g->ctx->env, MSG_NOTE, "getfattr: Removing leading '/' from absolute path names");
		g->stripped = true;
		path += strspn(path, "/");
	}
	out_printf(o, "# file: %s\n", path);
}

static int take_xattr(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	struct getfattr *g = arg;
	struct xattr x = { .name = arena_alloc(&g->arena, (size_t)name_len + 1), .value = arena_dup(&g->arena, value, value_len), .value_len = value_len };

	if (!x.name || !x.value)
		return -ENOMEM;
	memcpy(x.name, name, name_len);
	x.name[name_len] = 0;
	if (g->a->name ? strcmp(x.name, g->a->name) : regexec(&g->regex, x.name, 0, NULL, 0))
		return 0;
	return vec_push(&g->xattrs, x);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

static void print_xattr(struct getfattr *g, const struct xattr *x)
{
	struct out *o = g->ctx->out;

	if (g->a->only_values && !g->ctx->json) {
		out_write(o, x->value, x->value_len);
		return;
	}
	if (g->path)
		title(g);
	if (g->ctx->json) {
		struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

		encode(&text, g->a->encoding, x->value, x->value_len);
		out_obj(o, NULL);
		out_json_strn(o, "name", x->name, strlen(x->name));
		out_json_str(o, "value", sb_str(&text));
		out_end(o);
		return;
	}
	out_puts(o, x->name);
	if (g->a->dump || g->a->name) {
		out_puts(o, "=");
		encode(&o->buf, g->a->encoding, x->value, x->value_len);
	}
	out_puts(o, "\n");
}

static int getfattr_entry(void *arg, const struct walk_entry *e)
{
	struct getfattr *g = arg;
	struct out *o = g->ctx->out;

	g->path = e->path;
	g->xattrs.len = 0;
	arena_reset(&g->arena);
	if (xattr_each(e->loc.root, e->loc.ino, take_xattr, g, &g->ctx->err) < 0)
		g->rc = shell_cannot(g->ctx, "read the attributes of", e->path, -EIO);
	vec_sort(&g->xattrs, by_name);
	for (size_t i = 0; i < g->xattrs.len; i++)
		print_xattr(g, &g->xattrs.v[i]);
	if (g->xattrs.len && !g->a->only_values && !g->ctx->json)
		out_puts(o, "\n");
	if (g->xattrs.len && g->ctx->json) {
		out_end(o);
		out_end(o);
	}
	if (g->a->name && !g->xattrs.len && !g->a->recursive) {
		out_flush(o);
		env_msg(g->ctx->env, MSG_NOTE, "%s: %s: No such attribute", e->path, g->a->name);
		g->rc = 1;
	}
	return g->a->recursive && !o->error ? WALK_GO : WALK_SKIP;
}

static int getfattr_run(struct cmd_ctx *ctx, void *args)
{
	struct getfattr g = { .ctx = ctx, .a = args };
	const char *pattern = !g.a->match ? "^user\\." : strcmp(g.a->match, "-") ? g.a->match : "";
	struct walk_ops ops = { .enter = getfattr_entry, .follow = !g.a->no_follow };

	if (g.a->encoding && strcmp(g.a->encoding, "text") && strcmp(g.a->encoding, "hex") && strcmp(g.a->encoding, "base64"))
		return cmd_error(ctx, "getfattr: unknown encoding '%s': text, hex and base64 are", g.a->encoding);
	if (regcomp(&g.regex, pattern, REG_EXTENDED | REG_NOSUB))
		return cmd_error(ctx, "getfattr: invalid regular expression '%s'", pattern);
	arena_init(&g.arena);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "getfattr");
	}
	for (int i = 0; i < ctx->argc; i++)
		g.rc |= shell_walk(ctx, ctx->argv[i], &ops, &g);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	arena_fini(&g.arena);
	vec_fini(&g.xattrs);
	regfree(&g.regex);
	return g.rc;
}
const struct cmd verb_getfattr = { .name = "getfattr", .usage = { "getfattr [-dhR] [-n NAME] [-m PATTERN] [-e ENCODING] FILE..." },
	.brief = "Print extended attributes", .opts = getfattr_opts, CMD_ARGS(struct getfattr_args), .min_args = 1, .max_args = -1,
	.flags = CMD_JSON, .run = getfattr_run, .complete = "inside" };

struct lsattr_args { bool all, itself, recursive; };
#define OPT_STRUCT struct lsattr_args
static const struct opt lsattr_opts[] = {
	OPT_FLAG('a', NULL, all, "list all files, including those that start with '.'"),
	OPT_FLAG('d', NULL, itself, "list directories like other files"),
	OPT_FLAG('R', NULL, recursive, "list directories and their contents recursively"),
	OPT_END
};
#undef OPT_STRUCT

struct lsattr { struct cmd_ctx *ctx; const struct lsattr_args *a; };

/* e2fsprogs' columns; those that btrfs does not know stay empty. */
static const struct { char letter; u8 column; u64 flag; const char *name; } flag_letters[] = {
	{ 'S', 2, BTRFS_INODE_SYNC, "sync" }, { 'D', 3, BTRFS_INODE_DIRSYNC, "dirsync" }, { 'i', 4, BTRFS_INODE_IMMUTABLE, "immutable" },
	{ 'a', 5, BTRFS_INODE_APPEND, "append" }, { 'd', 6, BTRFS_INODE_NODUMP, "nodump" }, { 'A', 7, BTRFS_INODE_NOATIME, "noatime" },
	{ 'c', 8, BTRFS_INODE_COMPRESS, "compress" }, { 'C', 15, BTRFS_INODE_NODATACOW, "nodatacow" }, { 'V', 20, BTRFS_INODE_RO_VERITY, "verity" },
	{ 'm', 21, BTRFS_INODE_NOCOMPRESS, "nocompress" },
};

static void print_flags(struct lsattr *l, const struct walk_entry *e)
{
	char text[] = "----------------------";
	struct out *o = l->ctx->out;

	for (unsigned i = 0; i < ARRAY_SIZE(flag_letters); i++) {
		if (e->inode.flags & flag_letters[i].flag)
			text[flag_letters[i].column] = flag_letters[i].letter;
	}
	if (!l->ctx->json) {
		out_printf(o, "%s ", text);
		text_name(o, e->path, strlen(e->path));
		out_puts(o, "\n");
		return;
	}
	out_obj(o, NULL);
	out_json_strn(o, "path", e->path, strlen(e->path));
	out_json_u64(o, "raw", e->inode.flags);
	out_arr(o, "flags");
	for (unsigned i = 0; i < ARRAY_SIZE(flag_letters); i++) {
		if (e->inode.flags & flag_letters[i].flag)
			out_json_str(o, NULL, flag_letters[i].name);
	}
	out_end(o);
	out_end(o);
}

static int lsattr_entry(void *arg, const struct walk_entry *e)
{
	struct lsattr *l = arg;
	bool dir = inode_is(&e->inode, S_IFDIR);

	if (e->depth && e->name[0] == '.' && !l->a->all)
		return WALK_SKIP;
	/* A directory given as argument stands for its contents; only files and directories have flags that can be set. */
	if ((dir || inode_is(&e->inode, S_IFREG)) && (e->depth || !dir || l->a->itself))
		print_flags(l, e);
	return l->ctx->out->error ? WALK_STOP : WALK_GO;
}

static int lsattr_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct lsattr l = { ctx, args };
	struct walk_ops ops = { .enter = lsattr_entry, .bounded = !l.a->recursive, .max_depth = l.a->itself ? 0 : 1 };
	int rc = 0;

	ops.max_depth = l.a->recursive ? 0 : ops.max_depth;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "lsattr");
	}
	for (int i = 0; i < max_t(int, ctx->argc, 1); i++)
		rc |= shell_walk(ctx, ctx->argc ? ctx->argv[i] : dot, &ops, &l);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	return rc;
}
const struct cmd verb_lsattr = { .name = "lsattr", .usage = { "lsattr [-adR] [FILE]..." }, .brief = "List the flags of inodes", .opts = lsattr_opts,
	CMD_ARGS(struct lsattr_args), .max_args = -1, .flags = CMD_JSON, .run = lsattr_run, .complete = "inside" };
