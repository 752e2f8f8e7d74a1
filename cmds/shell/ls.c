/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ls: as coreutils writes it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/shell/shell.h"
#include "common/mem.h"

struct ls_args { bool all, almost_all, long_form, recursive, inodes, itself, one, human, numeric, by_time, by_size, reverse, full_time; };
#define OPT_STRUCT struct ls_args
static const struct opt ls_opts[] = {
	OPT_FLAG('a', "all", all, "do not ignore entries starting with ."),
	OPT_FLAG('A', "almost-all", almost_all, "the same without . and .."),
	OPT_FLAG('d', "directory", itself, "list directories themselves, not their contents"),
	OPT_FLAG('h', "human-readable", human, "with -l, print sizes like 1K 234M 2G"),
	OPT_FLAG('i', "inode", inodes, "print the inode number of each file"),
	OPT_FLAG('l', NULL, long_form, "use a long listing format"),
	OPT_FLAG('n', "numeric-uid-gid", numeric, "like -l, but list numeric user and group IDs"),
	OPT_FLAG('r', "reverse", reverse, "reverse order while sorting"),
	OPT_FLAG('R', "recursive", recursive, "list subdirectories recursively"),
	OPT_FLAG('S', NULL, by_size, "sort by file size, largest first"),
	OPT_FLAG('t', NULL, by_time, "sort by time, newest first"),
	OPT_FLAG(0, "full-time", full_time, "like -l, with the whole time"),
	OPT_FLAG('1', NULL, one, "list one file per line"),
	OPT_END
};
#undef OPT_STRUCT

struct ls {
	struct cmd_ctx *ctx;
	const struct ls_args *a;
	struct shell_seen seen;
	s64 now;
	bool printed;          /* something stands above: an empty line comes first */
	bool arguments;        /* what is listed was named: nothing is hidden */
	int rc;
};

/* What is sorted by: largest first, then the order there was. */
struct sort_key { s64 major; u32 minor; size_t index; const u8 *entry; };

static int cmp_key(const void *x, const void *y)
{
	const struct sort_key *a = x, *b = y;

	if (a->major != b->major)
		return a->major < b->major ? 1 : -1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? 1 : -1;
	return a->index < b->index ? -1 : 1;
}

static int sort_by_key(const struct ls *ls, struct shell_entries *l)
{
	struct sort_key *keys = mem_calloc(l->len, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < l->len; i++) {
		struct inode inode = shell_entry_at(l, i).inode;

		keys[i] = ls->a->by_time ? (struct sort_key){ inode.mtime.sec, inode.mtime.nsec, i, l->v[i] }
			: (struct sort_key){ (s64)min_t(u64, inode.size, INT64_MAX), 0, i, l->v[i] };
	}
	qsort(keys, l->len, sizeof(*keys), cmp_key);
	for (size_t i = 0; i < l->len; i++)
		l->v[i] = keys[i].entry;
	free(keys);
	return 0;
}

static void turn_round(struct shell_entries *l)
{
	for (size_t i = 0; i < l->len / 2; i++) {
		const u8 *t = l->v[i];

		l->v[i] = l->v[l->len - 1 - i];
		l->v[l->len - 1 - i] = t;
	}
}

/* The list came sorted by name. */
static void sort(struct ls *ls, struct shell_entries *l)
{
	if ((ls->a->by_time || ls->a->by_size) && l->len && sort_by_key(ls, l))
		ls->rc = cmd_error(ls->ctx, "ls: not enough memory");
	if (ls->a->reverse)
		turn_round(l);
}

static bool shown(const struct ls *ls, const struct shell_entry *e)
{
	if (e->name[0] != '.' || ls->a->all || ls->arguments)
		return true;
	return ls->a->almost_all && strcmp(e->name, ".") && strcmp(e->name, "..");
}

/* The size column holds sizes, or device numbers in two columns of their own. acl: some file has one, so all modes get a place for the sign. */
struct widths { int inode, links, user, group, size, major, minor; bool acl; };

static bool is_long(const struct ls_args *a)
{
	return a->long_form || a->numeric || a->full_time;
}

static bool is_device(const struct inode *i)
{
	return inode_is(i, S_IFCHR) || inode_is(i, S_IFBLK);
}

static int is_acl(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	static const char prefix[] = "system.posix_acl_";

	return name_len > sizeof(prefix) - 1 && !memcmp(name, prefix, sizeof(prefix) - 1);
}

static bool has_acl(const struct shell_entry *e)
{
	return !e->error && xattr_each(e->loc.root, e->loc.ino, is_acl, NULL, NULL) == 1;
}

static void owner(const struct ls *ls, const struct inode *i, char user[32], char group[32])
{
	if (!ls->a->numeric) {
		text_user(i->uid, user);
		text_group(i->gid, group);
	} else {
		snprintf(user, 32, "%u", i->uid);
		snprintf(group, 32, "%u", i->gid);
	}
}

static void size_text(const struct ls *ls, const struct inode *i, char out[32])
{
	if (ls->a->human)
		text_size_ls(i->size, out);
	else
		snprintf(out, 32, "%llu", i->size);
}

static void widen(int *w, const char *text)
{
	*w = max_t(int, *w, (int)strlen(text));
}

static void widen_by_number(int *w, u64 n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", n);
	widen(w, text);
}

static struct widths measure(const struct ls *ls, const struct shell_entries *e)
{
	struct widths w = { 0 };
	char a[32], b[32];

	for (size_t k = 0; k < e->len; k++) {
		struct shell_entry x = shell_entry_at(e, k);
		const struct inode *i = &x.inode;

		if (!shown(ls, &x))
			continue;
		widen_by_number(&w.inode, i->ino);
		if (!is_long(ls->a))
			continue;
		w.acl |= has_acl(&x);
		widen_by_number(&w.links, i->nlink);
		owner(ls, i, a, b);
		widen(&w.user, a);
		widen(&w.group, b);
		if (is_device(i)) {
			widen_by_number(&w.major, rdev_major(i->rdev));
			widen_by_number(&w.minor, rdev_minor(i->rdev));
		} else {
			size_text(ls, i, a);
			widen(&w.size, a);
		}
	}
	if (w.major)
		w.size = max_t(int, w.size, w.major + 2 + w.minor);
	return w;
}

/* Names are flush left, bare numbers flush right. */
static int flush_width(int width, const char *id)
{
	return id[strspn(id, "0123456789")] ? -width : width;
}

static void print_long(const struct ls *ls, const struct shell_entry *e, const struct widths *w)
{
	const struct inode *i = &e->inode;
	char mode[11], user[32], group[32], size[32], time[64];
	struct out *o = ls->ctx->out;

	if (e->error) {
		out_printf(o, "?????????? %*s %-*s %-*s %*s %12s ", w->links, "?", w->user, "?", w->group, "?", w->size, "?", "?");
		return;
	}
	text_mode(i->mode, mode);
	owner(ls, i, user, group);
	if (is_device(i))
		snprintf(size, sizeof(size), "%u, %*u", rdev_major(i->rdev), w->minor, rdev_minor(i->rdev));
	else
		size_text(ls, i, size);
	if (ls->a->full_time)
		text_time_full(&i->mtime, time);
	else
		text_time_ls(&i->mtime, ls->now, time);
	out_printf(o, "%s%s %*u %*s %*s %*s %s ", mode, !w->acl ? "" : has_acl(e) ? "+" : " ", w->links, i->nlink, flush_width(w->user, user), user,
		   flush_width(w->group, group), group, w->size, size, time);
}

static void print_entry(const struct ls *ls, const struct shell_entry *e, const struct widths *w)
{
	struct out *o = ls->ctx->out;

	if (ls->a->inodes)
		out_printf(o, "%*llu ", w->inode, e->inode.ino);
	if (is_long(ls->a))
		print_long(ls, e, w);
	text_name(o, e->name, strlen(e->name));
	if (is_long(ls->a) && e->target) {
		out_puts(o, " -> ");
		text_name(o, e->target, strlen(e->target));
	}
}

/* As many columns as the terminal has room for, filled downwards. */
static void print_columns(const struct ls *ls, const struct shell_entries *e, const struct widths *w)
{
	struct winsize ws = { .ws_col = 80 };
	size_t width = 0, n = 0, columns, rows;
	size_t *list = mem_calloc(e->len + 1, sizeof(*list));

	if (!list)
		return;
	for (size_t i = 0; i < e->len; i++) {
		struct shell_entry x = shell_entry_at(e, i);

		if (!shown(ls, &x))
			continue;
		list[n++] = i;
		width = max_t(size_t, width, x.name_len + (ls->a->inodes ? w->inode + 1 : 0));
	}
	ioctl(ls->ctx->out->fd, TIOCGWINSZ, &ws);
	columns = max_t(size_t, (ws.ws_col ? ws.ws_col : 80) / (width + 2), 1);
	rows = div_round_up(n, columns);
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = r; c < n; c += rows) {
			struct shell_entry x = shell_entry_at(e, list[c]);

			print_entry(ls, &x, w);
			if (c + rows < n)
				out_printf(ls->ctx->out, "%*s", (int)(width + 2 - x.name_len - (ls->a->inodes ? w->inode + 1 : 0)), "");
		}
		out_puts(ls->ctx->out, "\n");
	}
	free(list);
}

static void print_list(const struct ls *ls, const struct shell_entries *e)
{
	struct widths w = measure(ls, e);

	if (isatty(ls->ctx->out->fd) && !is_long(ls->a) && !ls->a->one) {
		print_columns(ls, e, &w);
		return;
	}
	for (size_t i = 0; i < e->len; i++) {
		struct shell_entry x = shell_entry_at(e, i);

		if (!shown(ls, &x))
			continue;
		print_entry(ls, &x, &w);
		out_puts(ls->ctx->out, "\n");
	}
}

static void json_entry(const struct ls *ls, const struct shell_entry *e)
{
	struct out *o = ls->ctx->out;

	out_obj(o, NULL);
	out_json_strn(o, "name", e->name, strlen(e->name));
	if (e->error) {
		out_json_str(o, "error", strerror(-e->error));
	} else {
		json_inode(o, &e->inode, &e->loc);
		if (e->target)
			out_json_strn(o, "target", e->target, strlen(e->target));
	}
	out_end(o);
}

/* "." and ".." in front, for -a. */
static int add_dots(struct ls *ls, struct loc dir, struct shell_entries *e)
{
	static const char *const names[] = { ".", ".." };
	const u8 *last[2];

	for (unsigned i = 0; i < 2; i++) {
		struct shell_entry dot = { .name = names[i], .name_len = i + 1, .loc = dir };

		/* The directory that stands for a dangling subvolume is nowhere's child. */
		if (i && dir.ino != BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
			dot.error = dir_parent(dir.root, dir.ino, &dot.loc, &ls->ctx->err);
		if (!dot.error)
			dot.error = inode_get(dot.loc.root, dot.loc.ino, &dot.inode, &ls->ctx->err);
		if (shell_entries_add(e, &dot))
			return -ENOMEM;
	}
	/* they were added behind all others */
	memcpy(last, e->v + e->len - 2, sizeof(last));
	memmove(e->v + 2, e->v, (e->len - 2) * sizeof(*e->v));
	memcpy(e->v, last, sizeof(last));
	return 0;
}

static void tell_errors(struct ls *ls, const struct shell_entries *e, const char *path)
{
	for (size_t i = 0; i < e->len; i++) {
		struct shell_entry x = shell_entry_at(e, i);

		if (!x.error || !shown(ls, &x))
			continue;
		cmd_error(ls->ctx, "ls: cannot access '%s/%s': %s", path, x.name, strerror(-x.error));
		ls->rc = 1;
	}
}

static void print_dir(struct ls *ls, const struct shell_entries *e, const char *path, bool title)
{
	struct out *o = ls->ctx->out;
	char text[32];
	u64 total = 0;

	if (ls->ctx->json) {
		out_obj(o, NULL);
		out_json_strn(o, "path", path, strlen(path));
		out_arr(o, "entries");
		for (size_t i = 0; i < e->len; i++) {
			struct shell_entry x = shell_entry_at(e, i);

			if (shown(ls, &x))
				json_entry(ls, &x);
		}
		out_end(o);
		out_end(o);
		return;
	}
	if (ls->printed)
		out_puts(o, "\n");
	ls->printed = true;
	if (title)
		out_printf(o, "%s:\n", path);
	if (is_long(ls->a)) {
		for (size_t i = 0; i < e->len; i++) {
			struct shell_entry x = shell_entry_at(e, i);

			total += shown(ls, &x) && !x.error ? inode_allocated(&x.inode) : 0;
		}
		text_size_ls(total, text);
		if (!ls->a->human)
			snprintf(text, sizeof(text), "%llu", div_round_up(total, 1024));
		out_printf(o, "total %s\n", text);
	}
	print_list(ls, e);
}

/* Directories wait in a list, last first, so that depth costs no stack. */
struct waiting { char *path; struct loc loc; };
VEC_TYPE(waitings, struct waiting);

static void push_dir(struct ls *ls, struct waitings *w, const char *path, struct loc loc)
{
	struct waiting item = { strdup(path), loc };

	if (!item.path || vec_push(w, item)) {
		free(item.path);
		ls->rc = cmd_error(ls->ctx, "ls: not enough memory");
	}
}

static void push_subdirs(struct ls *ls, struct waitings *w, const struct shell_entries *e, const char *path)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	for (size_t i = e->len; i-- > 0;) {
		struct shell_entry x = shell_entry_at(e, i);

		if (x.error || !shown(ls, &x) || !inode_is(&x.inode, S_IFDIR) || !strcmp(x.name, ".") || !strcmp(x.name, ".."))
			continue;
		shell_join(&sb, path, x.name);
		push_dir(ls, w, sb_str(&sb), x.loc);
	}
}

static void list_dirs(struct ls *ls, struct waitings *w, bool titles)
{
	while (w->len) {
		struct waiting dir = w->v[--w->len];
		struct shell_entries e;

		if (ls->a->recursive && shell_seen_add(&ls->seen, dir.loc) != 1) {
			ls->rc = cmd_error(ls->ctx, "ls: %s: not listing already-listed directory", dir.path);
			free(dir.path);
			continue;
		}
		if (shell_list(ls->ctx, dir.loc, &e))
			ls->rc = shell_cannot(ls->ctx, "read directory", dir.path, -EIO);
		sort(ls, &e);
		if (ls->a->all && add_dots(ls, dir.loc, &e))
			ls->rc = cmd_error(ls->ctx, "ls: not enough memory");
		print_dir(ls, &e, dir.path, titles);
		tell_errors(ls, &e, dir.path);
		if (ls->a->recursive)
			push_subdirs(ls, w, &e, dir.path);
		shell_entries_fini(&e);
		free(dir.path);
	}
}

/* Arguments that are no directories come first, in one list. */
static void list_files(struct ls *ls, struct shell_entries *files)
{
	if (!files->len)
		return;
	sort(ls, files);
	if (ls->ctx->json) {
		for (size_t i = 0; i < files->len; i++) {
			struct shell_entry x = shell_entry_at(files, i);

			json_entry(ls, &x);
		}
		return;
	}
	ls->arguments = true;
	print_list(ls, files);
	ls->arguments = false;
	ls->printed = true;
}

static void sort_argument(struct ls *ls, const char *path, struct shell_entries *files, struct waitings *dirs)
{
	struct shell_entry e = { .name = path, .name_len = min_t(size_t, strlen(path), UINT16_MAX) };
	char *target CLEANUP(mem_freep) = NULL;
	size_t len;

	/* A symlink to a directory is followed unless it is shown itself. */
	if (shell_look(ls->ctx, path, !is_long(ls->a) && !ls->a->itself, &e.loc, &e.inode)) {
		ls->rc = 1;
		return;
	}
	if (inode_is(&e.inode, S_IFDIR) && !ls->a->itself) {
		push_dir(ls, dirs, path, e.loc);
		return;
	}
	if (inode_is(&e.inode, S_IFLNK))
		symlink_read(e.loc.root, e.loc.ino, &target, &len, &ls->ctx->err);
	e.target = target;
	if (shell_entries_add(files, &e))
		ls->rc = cmd_error(ls->ctx, "ls: not enough memory");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int ls_run(struct cmd_ctx *ctx, void *args)
{
	static char dot[] = ".";
	struct ls ls = { .ctx = ctx, .a = args };
	struct shell_entries files;
	struct waitings dirs = VEC_INIT;
	u32 nsec;

	shell_entries_init(&files);
	env_now(ctx->env, &ls.now, &nsec);
	qsort(ctx->argv, ctx->argc, sizeof(*ctx->argv), by_text);
	for (int i = max_t(int, ctx->argc, 1) - 1; i >= 0; i--)
		sort_argument(&ls, ctx->argc ? ctx->argv[i] : dot, &files, &dirs);
	turn_round(&files); /* the last argument was looked at first, as directories are taken from the end */
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "ls");
	}
	list_files(&ls, &files);
	list_dirs(&ls, &dirs, ctx->argc > 1 || ls.a->recursive);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	shell_entries_fini(&files);
	vec_fini(&dirs);
	shell_seen_fini(&ls.seen);
	return ls.rc;
}

const struct cmd verb_ls = { .name = "ls", .usage = { "ls [OPTION]... [FILE]..." }, .brief = "List directory contents", .opts = ls_opts,
	CMD_ARGS(struct ls_args), .max_args = -1, .flags = CMD_JSON, .run = ls_run, .complete = "inside" };
