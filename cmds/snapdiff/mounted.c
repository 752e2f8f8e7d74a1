/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two mounted snapshots. The kernel sends the difference without data; its commands are carried out on names alone, and what is then
 * elsewhere, new or gone is the answer. Only what the stream speaks of is in memory. A name that is not known yet is one that the old snapshot has. */
#include "cmds/snapdiff/snapdiff.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/mem.h"
#include "kernel-shared/kapi/send.h"
#include "kernel-shared/kapi/subvol.h"
#include "kernel-shared/send/stream.h"

struct thing;
/* One name of something. */
struct name {
	struct name *parent;        /* of the directory; NULL: the root, or removed */
	char *text;
	struct thing *thing;
	struct name *old_parent;    /* where the old snapshot has it; NULL: nowhere */
	char *old_text;
	struct name *children, *sibling; /* of a directory, the known ones */
	struct name *next;          /* of the same thing */
};
struct span { u64 from, to; };
struct thing {
	struct name *names;
	bool created;
	u32 type;                   /* S_IFMT bits, 0: unknown */
	unsigned what;              /* COMPARE_* */
	u64 size;
	VEC(struct span) spans;
	struct thing *next;
};
struct names_only {
	struct arena arena;
	struct thing *first, **last;
	struct name *root;
	struct err *err;
};

/* ---- Names ---- */

static struct thing *thing_new(struct names_only *n, bool created, u32 type)
{
	struct thing *t = arena_alloc(&n->arena, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct thing){ .created = created, .type = type };
	*n->last = t;
	n->last = &t->next;
	return t;
}

static void attach(struct name *name, struct name *parent)
{
	name->parent = parent;
	name->sibling = parent->children;
	parent->children = name;
}

static void detach(struct name *name)
{
	struct name **p = &name->parent->children;

	while (*p != name)
		p = &(*p)->sibling;
	*p = name->sibling;
	name->parent = NULL;
}

static struct name *name_new(struct names_only *n, struct name *parent, const char *text, size_t len, struct thing *thing, bool old)
{
	struct name *name = arena_alloc(&n->arena, sizeof(*name));
	char *copy = arena_alloc(&n->arena, len + 1);

	if (!name || !copy || !thing)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = 0;
	*name = (struct name){ .text = copy, .thing = thing, .old_text = copy, .old_parent = old ? parent : NULL, .next = thing->names };
	thing->names = name;
	attach(name, parent);
	return name;
}

static struct name *child(struct name *dir, const char *text, size_t len)
{
	for (struct name *c = dir->children; c; c = c->sibling)
		if (!strncmp(c->text, text, len) && !c->text[len])
			return c;
	return NULL;
}

/* The directory of a path, and its last component. */
static struct name *parent_of(struct names_only *n, const char *path, size_t len, const char **last, size_t *last_len);

static struct name *look_up(struct names_only *n, const char *path, size_t len)
{
	struct name *dir, *found;
	const char *last;
	size_t last_len;

	if (!len)
		return n->root;
	dir = parent_of(n, path, len, &last, &last_len);
	found = dir ? child(dir, last, last_len) : NULL;
	return found || !dir ? found : name_new(n, dir, last, last_len, thing_new(n, false, 0), true);
}

static struct name *parent_of(struct names_only *n, const char *path, size_t len, const char **last, size_t *last_len)
{
	struct name *dir = n->root;
	const char *end = path + len, *slash;

	while (dir && (slash = memchr(path, '/', end - path))) {
		struct name *next = child(dir, path, slash - path);

		if (!next)
			next = name_new(n, dir, path, slash - path, thing_new(n, false, S_IFDIR), true);
		if (next)
			next->thing->type = S_IFDIR;
		dir = next;
		path = slash + 1;
	}
	*last = path;
	*last_len = end - path;
	return dir;
}

/* ---- Commands ---- */

static const char *text_of(const struct send_cmd *c, unsigned attr, size_t *len)
{
	*len = c->v[attr].len;
	return (const char *)c->v[attr].p;
}

static int add_name(struct names_only *n, const struct send_cmd *c, struct thing *thing)
{
	size_t len, last_len;
	const char *path = text_of(c, SEND_A_PATH, &len), *last;
	struct name *dir = parent_of(n, path, len, &last, &last_len);

	return dir && name_new(n, dir, last, last_len, thing, false) ? 0 : err_nomem(n->err);
}

static int rename_to(struct names_only *n, struct name *name, const struct send_cmd *c)
{
	size_t len, last_len;
	const char *path = text_of(c, SEND_A_PATH_TO, &len), *last;
	struct name *dir = parent_of(n, path, len, &last, &last_len);
	char *text = arena_alloc(&n->arena, last_len + 1);

	if (!dir || !text)
		return err_nomem(n->err);
	memcpy(text, last, last_len);
	text[last_len] = 0;
	detach(name);
	name->text = text;
	attach(name, dir);
	return 0;
}

static int add_span(struct names_only *n, struct thing *t, u64 from, u64 len)
{
	struct span *last = t->spans.len ? &t->spans.v[t->spans.len - 1] : NULL, s = { from, from + len };

	t->type = S_IFREG;
	if (last && last->to == from) {
		last->to += len;
		return 0;
	}
	return vec_push(&t->spans, s) ? err_nomem(n->err) : 0;
}

static u32 made(unsigned id, const struct send_cmd *c)
{
	switch (id) {
	case SEND_C_MKFILE: return S_IFREG;
	case SEND_C_MKDIR: return S_IFDIR;
	case SEND_C_SYMLINK: return S_IFLNK;
	case SEND_C_MKFIFO: return S_IFIFO;
	case SEND_C_MKSOCK: return S_IFSOCK;
	case SEND_C_MKNOD: return send_num(c, SEND_A_MODE) & S_IFMT;
	default: return 0;
	}
}

static unsigned changes(unsigned id)
{
	switch (id) {
	case SEND_C_CHMOD: return COMPARE_MODE;
	case SEND_C_CHOWN: return COMPARE_OWNER;
	case SEND_C_UTIMES: return COMPARE_TIMES;
	case SEND_C_TRUNCATE: return COMPARE_SIZE;
	case SEND_C_FILEATTR: return COMPARE_FLAGS;
	case SEND_C_SET_XATTR: case SEND_C_REMOVE_XATTR: return COMPARE_XATTRS;
	default: return 0;
	}
}

static int apply(struct names_only *n, const struct send_cmd *c)
{
	size_t len, link_len;
	const char *path = text_of(c, SEND_A_PATH, &len), *link;
	u32 type = made(c->id, c);
	struct name *name;

	if (c->id == SEND_C_SUBVOL || c->id == SEND_C_SNAPSHOT)
		return 0;
	if (type) {
		struct thing *t = thing_new(n, true, type);

		return t ? add_name(n, c, t) : err_nomem(n->err);
	}
	link = text_of(c, SEND_A_PATH_LINK, &link_len);
	name = c->id == SEND_C_LINK ? look_up(n, link, link_len) : look_up(n, path, len);
	if (!name)
		return err_nomem(n->err);
	name->thing->what |= changes(c->id);
	switch (c->id) {
	case SEND_C_LINK: return add_name(n, c, name->thing);
	case SEND_C_RENAME: return rename_to(n, name, c);
	case SEND_C_RMDIR: name->thing->type = S_IFDIR; /* fall through */
	case SEND_C_UNLINK: detach(name); return 0;
	case SEND_C_TRUNCATE: name->thing->type = S_IFREG; name->thing->size = send_num(c, SEND_A_SIZE); return 0;
	case SEND_C_UPDATE_EXTENT: case SEND_C_FALLOCATE: return add_span(n, name->thing, send_num(c, SEND_A_FILE_OFFSET), send_num(c, SEND_A_SIZE));
	case SEND_C_CLONE: return add_span(n, name->thing, send_num(c, SEND_A_FILE_OFFSET), send_num(c, SEND_A_CLONE_LEN));
	case SEND_C_WRITE: return add_span(n, name->thing, send_num(c, SEND_A_FILE_OFFSET), c->v[SEND_A_DATA].len);
	default: return 0;
	}
}

/* ---- The answer ---- */

static void path_text(const struct name *name, bool old, struct strbuf *sb)
{
	const struct name *up = old ? name->old_parent : name->parent;

	if (!up)
		return;
	path_text(up, old, sb);
	if (sb->len)
		sb_char(sb, '/');
	sb_puts(sb, old ? name->old_text : name->text);
}

VEC_TYPE(listed, struct compare_name);

static int list(struct names_only *n, struct listed *l, const struct name *name, bool old)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	struct compare_name c;

	path_text(name, old, &sb);
	c.path = sb.failed ? NULL : arena_dup(&n->arena, sb.v, sb.len);
	c.len = sb.len;
	return !c.path || vec_push(l, c) ? err_nomem(n->err) : 0;
}

struct answer { struct listed gained, lost, kept; };

static int tell(struct answer *a, struct thing *t, struct names_only *n, struct snapdiff_report *r)
{
	const struct compare_name *first;
	struct compare_change c = { .mode = t->type, .what = t->what, .size = t->size, .old_size = t->size };
	bool any_now = t->names == n->root, any_old = any_now;
	int ret = 0;

	a->gained.len = a->lost.len = a->kept.len = 0;
	for (const struct name *name = t->names; !ret && name && name != n->root; name = name->next) {
		bool same = name->parent == name->old_parent && name->parent && !strcmp(name->text, name->old_text);

		any_now |= name->parent != NULL;
		any_old |= name->old_parent != NULL;
		if (same || name->parent)
			ret = list(n, same ? &a->kept : &a->gained, name, false);
		if (!ret && !same && name->old_parent)
			ret = list(n, &a->lost, name, true);
	}
	if (ret)
		return ret;
	if (!any_now && !any_old)
		return 0;
	/* A directory on the way to something else. */
	if (any_now && any_old && !t->what && !t->spans.len && !a->gained.len && !a->lost.len)
		return 0;
	/* The kernel sends times with every inode, whether they have changed or not. */
	if (t->spans.len || a->gained.len || a->lost.len || t->what != COMPARE_TIMES)
		c.what &= ~COMPARE_TIMES;
	c.kind = !any_old ? COMPARE_ADDED : !any_now ? COMPARE_REMOVED : COMPARE_CHANGED;
	if (c.kind != COMPARE_CHANGED)
		c.what = 0;
	c.gained = a->gained.v;
	c.ngained = a->gained.len;
	c.lost = a->lost.v;
	c.nlost = a->lost.len;
	first = a->kept.len ? a->kept.v : a->gained.len ? a->gained.v : a->lost.len ? a->lost.v : NULL;
	c.path = first ? first->path : "";
	c.path_len = first ? first->len : 0;
	ret = snapdiff_ops.change(r, &c);
	for (size_t i = 0; !ret && c.kind == COMPARE_CHANGED && i < t->spans.len; i++)
		ret = snapdiff_ops.range(r, t->spans.v[i].from, t->spans.v[i].to);
	return ret ? ret : snapdiff_ops.done(r);
}

static int tell_all(struct names_only *n, struct snapdiff_report *r)
{
	struct answer a = { 0 };
	int ret = 0;

	for (struct thing *t = n->first; !ret && t; t = t->next)
		ret = tell(&a, t, n, r);
	vec_fini(&a.gained);
	vec_fini(&a.lost);
	vec_fini(&a.kept);
	return ret;
}

/* ---- The stream ---- */

struct sender { int fd, out, ret; u64 parent; };

static void *sender_run(void *arg)
{
	struct sender *s = arg;
	unsigned version = ksend_version() >= 2 ? 2 : 1;

	s->ret = ksend(s->fd, s->out, s->parent, &s->parent, 1, version, KSEND_NO_DATA);
	close(s->out);
	return NULL;
}

static ssize_t read_pipe(void *arg, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(*(int *)arg, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int read_stream(struct names_only *n, int fd)
{
	struct send_reader *reader;
	struct send_cmd c;
	int ret = send_reader_new(&reader, read_pipe, &fd, 0, NULL, n->err);

	if (ret)
		return ret;
	ret = send_reader_header(reader, n->err);
	while (!ret && !(ret = send_reader_next(reader, &c, n->err)) && c.id != SEND_C_END)
		ret = apply(n, &c);
	send_reader_free(reader);
	return ret;
}

static int gather(struct cmd_ctx *ctx, struct names_only *n, struct host *now, struct host *old)
{
	struct sender s = { .fd = now->fd };
	pthread_t thread;
	int ends[2], ret = ksubvol_id(old->fd, &s.parent);

	if (ret)
		return cmd_error(ctx, "cannot tell the subvolume of %s: %s", old->path, strerror(-ret));
	if (pipe2(ends, O_CLOEXEC))
		return cmd_error(ctx, "cannot create a pipe: %s", strerror(errno));
	s.out = ends[1];
	ret = pthread_create(&thread, NULL, sender_run, &s);
	if (ret) {
		close(ends[0]);
		close(ends[1]);
		return cmd_error(ctx, "cannot start a thread: %s", strerror(ret));
	}
	ret = read_stream(n, ends[0]);
	close(ends[0]);
	pthread_join(thread, NULL);
	if (s.ret < 0 && s.ret != -EPIPE)
		return cmd_error(ctx, "the kernel cannot compare %s with %s: %s", now->path, old->path, strerror(-s.ret));
	return ret ? cmd_fail(ctx, "cannot follow the kernel's stream") : 0;
}

int snapdiff_mounted(struct cmd_ctx *ctx, const struct snapdiff_args *args, struct host *now, struct host *old)
{
	struct snapdiff_report r = { .ctx = ctx, .args = args };
	struct names_only n = { .err = &ctx->err };
	int ret;

	n.last = &n.first;
	arena_init(&n.arena);
	n.root = arena_alloc(&n.arena, sizeof(*n.root));
	if (n.root) {
		*n.root = (struct name){ .text = (char *)"", .old_text = (char *)"", .thing = thing_new(&n, false, S_IFDIR) };
		if (n.root->thing)
			n.root->thing->names = n.root;
	}
	ret = n.root && n.root->thing ? gather(ctx, &n, now, old) : cmd_error(ctx, "not enough memory");
	if (!ret) {
		snapdiff_begin(&r);
		if (tell_all(&n, &r))
			ret = ctx->out->error ? 1 : cmd_fail(ctx, "cannot compare the snapshots");
		else
			snapdiff_end(&r);
	}
	for (struct thing *t = n.first; t; t = t->next)
		vec_fini(&t->spans);
	arena_fini(&n.arena);
	return ret;
}
