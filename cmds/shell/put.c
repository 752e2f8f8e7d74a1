/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put: copies files and directories into the filesystem, with everything that belongs to them. */
#include "cmds/shell/put.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "cmds/shell/hostlist.h"
#include "common/mem.h"

enum { WINDOW = 48, NAMES_MAX = 65536, VALUE_MAX = 65536, STDIN_CHUNK = 4 << 20 };

struct put_args { struct put_opts o; bool verbose, parents; const char *owner, *mode; };
#define OPT_STRUCT struct put_args
static const struct opt put_opts[] = {
	OPT_FLAG('D', NULL, parents, "make all directories of DEST that are missing"),
	OPT_FLAG('f', "force", o.force, "replace files that exist"),
	OPT_STRING('m', "mode", mode, "MODE", "the mode of files (as in chmod), not that of the source"),
	OPT_STRING('o', "owner", owner, "USER[:GROUP]", "the owner of everything, not that of the source"),
	OPT_FLAG('r', "recursive", o.recursive, "copy directories with all below them"),
	OPT_FLAG('R', NULL, o.recursive, NULL),
	OPT_FLAG('v', "verbose", verbose, "name what is copied"),
	OPT_END
};
#undef OPT_STRUCT

/* ---- the queue ---- */

static void job_work(void *job, void *arg, unsigned worker)
{
	struct put_job *j = job;
	struct putter *p = arg;

	put_look(j, &p->workers[worker]);
}

static int job_done(void *job, void *arg)
{
	struct put_job *j = job;
	struct putter *p = arg;

	if (!edit_over(p->e))
		put_make(j);
	put_job_free(j);
	return edit_over(p->e) ? -EINTR : 0;
}

static void job_drop(void *job, void *arg)
{
	put_job_free(job);
}

static struct put_dir *dir_new(struct putter *p, struct put_dir *parent, const char *name)
{
	struct put_dir *d = mem_zalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->name = mem_strdup(name);
	if (!d->name) {
		free(d);
		return NULL;
	}
	d->id = ++p->last_dir;
	d->refs = 1;
	d->parent = parent;
	if (parent)
		parent->refs++;
	return d;
}

/* self: NULL, or a directory. Takes nothing; 0, or the queue has stopped. */
static int push(struct putter *p, enum put_kind kind, struct put_dir *dir, struct put_dir *self, const char *name, const char *from)
{
	struct put_job *j = mem_zalloc(sizeof(*j));

	if (j)
		j->fd = -1;
	if (j && (!(j->name = mem_strdup(name)) || (from && !(j->from = mem_strdup(from))))) {
		put_job_free(j);
		j = NULL;
	}
	if (!j) {
		edit_cannot(p->e, "copy", name, -ENOMEM);
		return -ENOMEM;
	}
	j->kind = kind;
	j->p = p;
	j->dir = dir;
	dir->refs++;
	j->self = self;
	if (self)
		self->refs++;
	return ordq_push(p->queue, j);
}

/* ---- the walk ---- */

struct frame { struct put_dir *dir; struct host_names names; size_t next; char *name, *from; /* of itself in its parent */ };
VEC_TYPE(frames, struct frame);

/* Taken from a descriptor that is closed. */
static int list_dir(struct put_dir *dir, struct host_names *out)
{
	int fd = put_open_dir(dir);

	return fd < 0 ? fd : host_list(fd, out);
}

static void frame_drop(struct frame *f)
{
	for (size_t i = 0; i < f->names.len; i++)
		free(f->names.v[i]);
	vec_fini(&f->names);
	put_dir_drop(f->dir);
	free(f->name);
	free(f->from);
}

/* The directory is on the stack from here on. name NULL: it is not made, only its contents count. */
static int enter(struct putter *p, struct frames *fs, struct put_dir *dir, const char *name, const char *from)
{
	struct frame f = { .dir = dir, .names = VEC_INIT, .name = name ? mem_strdup(name) : NULL, .from = from ? mem_strdup(from) : NULL };
	int ret = list_dir(dir, &f.names);

	if (ret) {
		char *path CLEANUP(mem_freep) = dir->parent ? put_host_path(dir->parent, dir->name) : mem_strdup(dir->name);

		edit_fail(p->e, "cannot read directory '%s': %s", path ? path : dir->name, strerror(-ret));
	}
	if ((name && !f.name) || (from && !f.from) || vec_push(fs, f)) {
		frame_drop(&f);
		return -ENOMEM;
	}
	return 0;
}

static int step(struct putter *p, struct frames *fs)
{
	struct frame *f = &fs->v[fs->len - 1];
	struct put_dir *self = NULL;
	const char *name;
	int ret;

	if (f->next == f->names.len) {
		ret = f->name ? push(p, PUT_LEAVE, f->dir->parent, f->dir, f->name, f->from) : 0;
		frame_drop(f);
		fs->len--;
		return ret;
	}
	name = f->names.v[f->next++];
	if (host_name_is_dir(name)) {
		self = dir_new(p, f->dir, name);
		if (!self)
			return -ENOMEM;
	}
	ret = push(p, PUT_ENTRY, f->dir, self, name, NULL);
	if (ret)
		put_dir_drop(self);
	return ret || !self ? ret : enter(p, fs, self, name, NULL);
}

static int walk(struct putter *p, struct frames *fs)
{
	int ret = 0;

	while (!ret && fs->len)
		ret = step(p, fs);
	while (fs->len)
		frame_drop(&fs->v[--fs->len]);
	vec_fini(fs);
	return ret;
}

/* ---- operands ---- */

/* What files in the target directory will have: known before they are made, for what is read ahead. */
static void foresee(struct putter *p, struct loc dir)
{
	char *value CLEANUP(mem_freep) = NULL;
	struct inode in;
	size_t len;
	int type;

	p->flags = 0;
	p->property = 0;
	if (inode_get(dir.root, dir.ino, &in, NULL))
		return;
	p->flags = in.flags & (in.flags & BTRFS_INODE_NOCOMPRESS ? BTRFS_INODE_NOCOMPRESS : BTRFS_INODE_COMPRESS);
	if (in.flags & BTRFS_INODE_NODATACOW)
		p->flags |= BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM;
	if (!xattr_get(dir.root, dir.ino, "btrfs.compression", &value, &len, NULL) && (type = compress_by_property(value)) > 0)
		p->property = type;
}

/* from in the directory above of the running system becomes name in dir; "": the contents of the directory `above` go into dir itself. */
static int put_tree(struct putter *p, const char *above, const char *from, struct loc dir, const char *name, bool is_dir)
{
	struct put_dir *top = dir_new(p, NULL, above), *self = NULL;
	struct frames fs = VEC_INIT;
	int ret;

	if (!top)
		return -ENOMEM;
	top->to = dir;
	top->merged = true;
	top->odd = put_dir_odd(dir);
	foresee(p, dir);
	if (!*name)
		return enter(p, &fs, top, NULL, NULL) ? -ENOMEM : walk(p, &fs);
	if (is_dir && p->o->recursive) {
		self = dir_new(p, top, from);
		if (!self) {
			put_dir_drop(top);
			return -ENOMEM;
		}
	}
	ret = push(p, PUT_ENTRY, top, self, name, from);
	put_dir_drop(top);
	if (ret)
		put_dir_drop(self);
	if (ret || !self)
		return ret;
	ret = enter(p, &fs, self, name, from);
	return ret ? ret : walk(p, &fs);
}

/* "a/b/" -> "a", "b"; heap. The top directory and "." have no name. */
static int split_host(const char *path, char **above, char **name)
{
	size_t end = strlen(path), start;

	*name = shell_basename(path);
	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	if (*name && !**name)
		*above = mem_strdup(path);
	else
		*above = start ? mem_strndup(path, start > 1 ? start - 1 : 1) : mem_strdup(".");
	return *above && *name ? 0 : -ENOMEM;
}

/* From standard input to a file of the caller's. */
static void put_stdin(struct putter *p, const char *to)
{
	struct edit *e = p->e;
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(STDIN_CHUNK);
	struct new_inode ni;
	struct loc dir, at;
	const char *name;
	size_t len;
	u64 off = 0;
	int ret = buf ? edit_parent(e, to, &dir, &name, &len) : -ENOMEM;

	if (!ret && !edit_find(e, to, false, &at, NULL))
		ret = p->o->force ? op_unlink(e->txn, dir, name, len, &e->ctx->err) : -EEXIST;
	if (!ret) {
		ni = edit_new(e, dir, S_IFREG | 0666);
		ni.uid = p->o->owner.has_uid ? p->o->owner.uid : ni.uid;
		ni.gid = p->o->owner.has_gid ? p->o->owner.gid : ni.gid;
		ni.mode = p->o->mode ? S_IFREG | mode_apply(p->o->mode, ni.mode) : ni.mode;
		ret = op_create(e->txn, dir, name, len, &ni, &at.ino, &e->ctx->err);
		at.root = dir.root;
	}
	while (!ret && !edit_over(e)) {
		ssize_t n = read(STDIN_FILENO, buf, STDIN_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = err_errno(&e->ctx->err, -errno, "cannot read standard input");
		if (n <= 0)
			break;
		ret = op_write(e->txn, &e->c.opts, at, off, buf, n, &e->ctx->err);
		off += n;
		progress_add(p->progress, n);
	}
	if (ret) {
		edit_cannot(e, "write", to, ret);
		e->fatal = true; /* half a file is none */
		return;
	}
	p->files++;
	p->bytes += off;
}

static void put_one(struct putter *p, const char *source, const char *to, bool into)
{
	char *above CLEANUP(mem_freep) = NULL, *from CLEANUP(mem_freep) = NULL, *real CLEANUP(mem_freep) = NULL;
	struct edit *e = p->e;
	struct loc dir;
	const char *name = "";
	size_t len = 0;
	char *last CLEANUP(mem_freep) = NULL;
	struct stat st;
	int ret;

	if (!strcmp(source, "-") && !p->o->recursive) {
		put_stdin(p, to);
		return;
	}
	/* without -r a symbolic link is followed */
	if (!p->o->recursive && !lstat(source, &st) && S_ISLNK(st.st_mode) && (real = realpath(source, NULL)))
		source = real;
	if (lstat(source, &st)) {
		edit_fail(e, "cannot stat '%s': %s", source, strerror(errno));
		return;
	}
	if (S_ISDIR(st.st_mode) && !p->o->recursive) {
		edit_fail(e, "-r not specified; omitting directory '%s'", source);
		return;
	}
	ret = split_host(source, &above, &from);
	if (!ret && !*from && edit_find(e, to, true, &dir, NULL) == -ENOENT) { /* the directory itself under a name that is new */
		free(from);
		from = mem_strdup(".");
		ret = from ? 0 : -ENOMEM;
	}
	if (!ret && !*from)
		ret = edit_find(e, to, true, &dir, NULL);
	else if (!ret)
		ret = edit_parent(e, to, &dir, &name, &len);
	if (ret == -EEXIST && into) { /* it is the top directory */
		ret = edit_find(e, to, true, &dir, NULL);
		len = 0;
	}
	last = mem_strndup(name, len);
	if (!ret && !last)
		ret = -ENOMEM;
	if (ret) {
		edit_cannot(e, "create", to, ret);
		return;
	}
	ret = put_tree(p, above, from, dir, last, S_ISDIR(st.st_mode));
	if (!ret)
		ret = ordq_finish(p->queue);
	if (ret == -ENOMEM)
		edit_cannot(e, "copy", source, ret);
}

/* -D: what leads to path, or path itself. */
static int make_parents(struct edit *e, const char *path, bool all)
{
	struct strbuf part CLEANUP(sb_fini) = STRBUF_INIT;

	for (const char *p = path; *p;) {
		const char *start = p + strspn(p, "/"), *end = start + strcspn(start, "/"), *name;
		struct new_inode ni;
		struct loc dir, at;
		size_t len;
		u64 ino;
		int ret;

		if (end == start || (!all && !end[strspn(end, "/")]))
			break;
		sb_add(&part, p, end - p);
		p = end;
		if (edit_find(e, sb_str(&part), true, &at, NULL) != -ENOENT)
			continue;
		ret = edit_parent(e, sb_str(&part), &dir, &name, &len);
		if (!ret) {
			ni = edit_new(e, dir, S_IFDIR | 0755);
			ret = op_create(e->txn, dir, name, len, &ni, &ino, &e->ctx->err);
		}
		if (ret)
			return edit_cannot(e, "create directory", sb_str(&part), ret);
	}
	return 0;
}

static int putter_init(struct putter *p)
{
	static const struct ordq_ops ops = { job_work, job_done, job_drop };
	struct env *env = p->e->ctx->env;

	pthread_mutex_init(&p->lock, NULL);
	p->nworkers = pool_threads(env->pool);
	p->workers = mem_calloc(p->nworkers, sizeof(*p->workers));
	p->queue = ordq_new(env->pool, WINDOW, &ops, p);
	if (!p->workers || !p->queue)
		return -ENOMEM;
	for (unsigned i = 0; i < p->nworkers; i++) {
		p->workers[i].fd = -1;
		p->workers[i].names = mem_alloc(1, NAMES_MAX);
		p->workers[i].value = mem_alloc(1, VALUE_MAX);
		if (!p->workers[i].names || !p->workers[i].value)
			return -ENOMEM;
	}
	return 0;
}

static void putter_fini(struct putter *p)
{
	ordq_free(p->queue);
	for (unsigned i = 0; p->workers && i < p->nworkers; i++) {
		if (p->workers[i].fd >= 0)
			close(p->workers[i].fd);
		free(p->workers[i].names);
		free(p->workers[i].value);
	}
	free(p->workers);
	hmap_fini(&p->links);
	hmap_fini(&p->reading);
	vec_fini(&p->linked);
	hmap_fini(&p->layouts);
	vec_fini(&p->shared);
	pthread_mutex_destroy(&p->lock);
	progress_free(p->progress);
}

static void put_all(struct putter *p, const struct put_args *a)
{
	static char dot[] = ".";
	struct edit *e = p->e;
	struct cmd_ctx *ctx = e->ctx;
	char *single = NULL;
	struct dest d;

	if (ctx->argc == 1) { /* into the current directory */
		d = (struct dest){ .path = dot, .n = 1, .into = true };
	} else {
		if (a->parents && make_parents(e, ctx->argv[ctx->argc - 1], ctx->argc > 2 || ctx->argv[ctx->argc - 1][strlen(ctx->argv[ctx->argc - 1]) - 1] == '/'))
			return;
		if (edit_dest(e, NULL, false, &d))
			return;
	}
	for (int i = 0; i < d.n && !edit_over(e); i++) {
		single = edit_dest_path(e, &d, ctx->argv[i]);
		if (single)
			put_one(p, ctx->argv[i], single, d.into);
		free(single);
	}
}

static int put_run(struct cmd_ctx *ctx, void *args)
{
	struct put_args *a = args;
	struct mode_change *mode = NULL;
	struct edit e;
	struct putter p = { .e = &e, .o = &a->o };
	const char *bad;
	int ret;

	if (a->owner && owner_parse(a->owner, &a->o.owner, &bad))
		return cmd_error(ctx, "put: invalid %s: '%s'", bad, a->owner);
	if (a->mode && mode_parse(a->mode, &mode))
		return cmd_error(ctx, "put: invalid mode '%s'", a->mode);
	a->o.mode = mode;
	ret = env_start_pool(ctx->env, &ctx->err) ? cmd_fail(ctx, "put: cannot start threads") : edit_begin(ctx, a->verbose, &e);
	if (ret) {
		free(mode);
		return ret;
	}
	p.progress = progress_new("put", PROGRESS_BYTES, 0, ctx->progress);
	if (putter_init(&p))
		edit_cannot(&e, "copy", ctx->argv[0], -ENOMEM);
	else
		put_all(&p, a);
	putter_fini(&p);
	if (p.existing)
		env_msg(ctx->env, MSG_NOTE, "%llu files exist already and were left alone; -f replaces what exists", p.existing);
	free(mode);
	ret = edit_end(&e);
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "put");
		out_json_u64(ctx->out, "files", p.files);
		out_json_u64(ctx->out, "directories", p.dirs);
		out_json_u64(ctx->out, "others", p.others);
		out_json_u64(ctx->out, "bytes", p.bytes);
		out_json_u64(ctx->out, "existing", p.existing);
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	return ret;
}
static const char *const put_details[] = {
	"PATH lies in the running system; - is standard input. Owner, mode, times, extended attributes, ACLs, capabilities, hard links, holes, device nodes,",
	"and reflinks of whole files are kept. Existing files are not replaced without -f; directories are merged. What cannot be read is told and left out, the exit code is then 1.",
	NULL
};
const struct cmd verb_put = { .name = "put", .usage = { "put [-Dfrv] [-o USER[:GROUP]] [-m MODE] PATH... [DEST]" },
	.brief = "Copy files in from the running system", .details = put_details, .opts = put_opts, CMD_ARGS(struct put_args), .min_args = 1, .max_args = -1,
	.flags = CMD_WRITES | CMD_JSON | CMD_PROGRESS | CMD_JOBS, .run = put_run, .complete = "file" };
