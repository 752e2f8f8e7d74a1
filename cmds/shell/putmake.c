/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What put does in the transaction: a name in its turn. */
#include <errno.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cmds/shell/put.h"
#include "common/io.h"
#include "common/mem.h"

enum { TOLD_MAX = 10 };
static const char acl_access[] = "system.posix_acl_access", acl_default[] = "system.posix_acl_default";

static void cannot(struct put_job *j, const char *what, int ret)
{
	char *path CLEANUP(mem_freep) = put_host_path(j->dir, j->from ? j->from : j->name);

	if (j->self)
		j->self->failed = true;
	edit_cannot(j->p->e, what, path ? path : j->name, ret);
}

static struct timespec64 time_of(const struct timespec *t)
{
	return (struct timespec64){ t->tv_sec, t->tv_nsec };
}

/* The metadata that belongs to the source, as the options change it. */
static struct inode wanted(const struct put_job *j)
{
	const struct env *env = j->p->e->ctx->env;
	const struct put_opts *o = j->p->o;
	struct inode in = { .mode = j->st.st_mode, .uid = o->owner.has_uid ? o->owner.uid : j->st.st_uid, .gid = o->owner.has_gid ? o->owner.gid : j->st.st_gid,
		.atime = time_of(&j->st.st_atim), .mtime = time_of(&j->st.st_mtim), .ctime = time_of(&j->st.st_ctim) };

	if (env->fixed_clock) { /* SOURCE_DATE_EPOCH: times that depend on the run are made up, as mkfs does */
		in.atime = in.mtime;
		in.ctime = (struct timespec64){ env->clock_sec, 0 };
	}
	if (o->mode && !S_ISLNK(in.mode) && !S_ISDIR(in.mode))
		in.mode = (in.mode & S_IFMT) | mode_apply(o->mode, in.mode);
	return in;
}

static struct new_inode new_of(const struct put_job *j)
{
	struct inode in = wanted(j);
	struct new_inode ni = { .mode = in.mode, .uid = in.uid, .gid = in.gid, .has_times = true, .atime = in.atime, .mtime = in.mtime, .ctime = in.ctime,
		.inherit = true };

	env_now(j->p->e->ctx->env, &ni.otime.sec, &ni.otime.nsec);
	if (S_ISREG(in.mode)) {
		const struct write_opts *w = &j->p->e->c.opts;

		ni.flags = (w->nodatacow ? BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM : 0) | (w->nodatasum ? BTRFS_INODE_NODATASUM : 0);
	}
	if (S_ISBLK(in.mode) || S_ISCHR(in.mode))
		ni.rdev = (u64)major(j->st.st_rdev) << 20 | (minor(j->st.st_rdev) & 0xfffff);
	if (S_ISDIR(in.mode))
		ni.mode &= ~(u32)S_ISGID; /* comes in the end: nothing made inside inherits the group */
	return ni;
}

/* Attributes of the source. early: only those that say how data is stored; else the others. */
static int put_xattrs(struct put_job *j, struct loc to, bool early)
{
	struct edit *e = j->p->e;
	int ret = 0;

	for (size_t i = 0; i < j->xattrs.len && !ret; i++) {
		const struct put_xattr *x = &j->xattrs.v[i];
		const char *name = j->text.v + x->name;

		if (!strncmp(name, "btrfs.", 6) == early)
			ret = op_xattr(e->txn, to, name, strlen(name), j->text.v + x->value, x->value_len, 0, &e->ctx->err);
	}
	return ret;
}

/* An access list that came from the directory is none of the source's. */
static int drop_acls(struct put_job *j, struct loc to)
{
	static const char *const names[] = { acl_access, acl_default };
	struct edit *e = j->p->e;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int ret = op_xattr(e->txn, to, names[i], strlen(names[i]), NULL, 0, 0, &e->ctx->err);

		if (ret && ret != -ENODATA)
			return ret;
	}
	return 0;
}

static int set_all(struct put_job *j, struct loc to)
{
	struct inode in = wanted(j);
	unsigned set = ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME | ATTR_KEEP_SUID | (S_ISLNK(in.mode) ? 0 : ATTR_MODE);

	return op_setattr(j->p->e->txn, to, set, &in, &j->p->e->ctx->err);
}

/* After the content: what has been inherited goes, what the source has comes; then all that this has touched is set once more. */
static int finish(struct put_job *j, struct loc to)
{
	bool more = j->dir->odd;
	int ret = more && !S_ISLNK(j->st.st_mode) ? drop_acls(j, to) : 0;

	for (size_t i = 0; i < j->xattrs.len; i++)
		more |= strncmp(j->text.v + j->xattrs.v[i].name, "btrfs.", 6) != 0;
	if (!ret)
		ret = put_xattrs(j, to, false);
	more |= j->has_property;
	return ret || !more ? ret : set_all(j, to);
}

/* ---- content ---- */

struct fd_source { struct file_source s; int fd; bool broken; };

static s64 source_read(struct file_source *s, u64 off, void *buf, size_t len)
{
	struct fd_source *src = container_of(s, struct fd_source, s);
	s64 n = io_pread(src->fd, buf, len, off);

	if (n < 0)
		__atomic_store_n(&src->broken, true, __ATOMIC_RELAXED);
	return n;
}

static int source_next(struct file_source *s, u64 off, u64 *start, u64 *len)
{
	int fd = container_of(s, struct fd_source, s)->fd;
	off_t data = lseek(fd, off, SEEK_DATA), hole;

	if (data < 0 && errno != EINVAL)
		return -errno;
	if (data < 0) { /* no such seek here: all is data */
		*start = off;
		*len = s->size - off;
		return 0;
	}
	hole = lseek(fd, data, SEEK_HOLE);
	*start = data;
	*len = hole < 0 ? s->size - (u64)data : (u64)(hole - data);
	return 0;
}

int put_stream(struct edit *e, struct loc to, int fd, const struct stat *st, const struct put_ahead *ahead, bool *broken)
{
	bool sparse = (u64)st->st_blocks * 512 < (u64)st->st_size;
	struct fd_source src = { { .read = source_read, .next_data = sparse ? source_next : NULL, .size = st->st_size, .ahead = ahead }, fd, false };
	struct write_opts o = e->c.opts;
	int ret;

	o.keep_times = true;
	ret = st->st_size ? op_put_file(e->txn, &o, to, &src.s, &e->ctx->err) : 0;
	*broken = src.broken;
	return ret;
}

static u64 layout_key(const struct put_layout *l)
{
	return hash_mix2(l->hash[0], l->hash[1]);
}

/* A file of the same layout is here already: its data is shared. False: it is not, or cannot be. */
static bool share_known(struct put_job *j, struct loc to)
{
	struct edit *e = j->p->e;
	u64 *slot = j->layout.len ? hmap_get(&j->p->layouts, layout_key(&j->layout)) : NULL;
	const struct put_shared *s = slot ? &j->p->shared.v[*slot - 1] : NULL;
	struct inode in = wanted(j);

	if (!s || memcmp(&s->layout, &j->layout, sizeof(j->layout)) || op_clone(e->txn, s->to, 0, 0, to, 0, 0, &e->ctx->err))
		return false;
	return !op_setattr(e->txn, to, ATTR_ATIME | ATTR_MTIME | ATTR_CTIME, &in, &e->ctx->err);
}

static int share_note(struct put_job *j, struct loc to)
{
	struct put_layout now;
	bool fresh;
	u64 *slot;

	put_layout(j->fd, &j->st, &now);
	if (memcmp(&now, &j->layout, sizeof(now)))
		return 0; /* it has changed while it was read */
	slot = hmap_put(&j->p->layouts, layout_key(&j->layout), &fresh);

	if (!slot || (fresh && vec_push(&j->p->shared, ((struct put_shared){ j->layout, to }))))
		return -ENOMEM;
	if (fresh)
		*slot = j->p->shared.len;
	return 0;
}

/* A file that cannot be read whole is not there. */
static int make_file(struct put_job *j, struct loc to)
{
	struct edit *e = j->p->e;
	struct err why;
	bool broken = false;
	int ret = j->has_property ? put_xattrs(j, to, true) : 0;

	if (!ret && share_known(j, to))
		return 0;
	if (!ret)
		ret = put_stream(e, to, j->fd, &j->st, j->ahead, &broken);
	if (!ret && j->layout.len)
		ret = share_note(j, to);
	if (!ret || !broken)
		return ret;
	why = e->ctx->err;
	ret = op_unlink(e->txn, j->dir->to, j->name, strlen(j->name), &e->ctx->err);
	if (ret)
		return ret;
	e->ctx->err = why;
	return -ENODATA; /* told, and no more */
}

/* ---- names ---- */

static struct put_linked *linked_find(struct put_job *j)
{
	u64 *slot = hmap_get(&j->p->links, hash_mix2(j->st.st_dev, j->st.st_ino));
	struct put_linked *l = slot ? &j->p->linked.v[*slot - 1] : NULL;

	return l && l->dev == j->st.st_dev && l->ino == j->st.st_ino && l->to.root == j->dir->to.root ? l : NULL;
}

static int linked_add(struct put_job *j, struct loc to)
{
	bool fresh;
	u64 *slot = hmap_put(&j->p->links, hash_mix2(j->st.st_dev, j->st.st_ino), &fresh);

	if (!slot || (fresh && vec_push(&j->p->linked, ((struct put_linked){ j->st.st_dev, j->st.st_ino, to }))))
		return -ENOMEM;
	if (fresh)
		*slot = j->p->linked.len;
	return 0;
}

/* What stands at the name already. 0: nothing, or it made room; 1: a directory to go into (*to); 2: it stays, told. */
static int make_way(struct put_job *j, struct loc *to)
{
	struct edit *e = j->p->e;
	struct err *err = &e->ctx->err;
	struct loc dir = j->dir->to;
	struct dirent d;
	int ret;

	if (!j->dir->merged)
		return 0;
	ret = dir_lookup(dir.root, dir.ino, j->name, strlen(j->name), &d, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (d.type == BTRFS_FT_DIR && S_ISDIR(j->st.st_mode)) {
		ret = dirent_follow(dir.root, dir.ino, &d, to, err);
		return ret ? ret : to->ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID ? -ENOENT : 1;
	}
	if (d.type == BTRFS_FT_DIR || S_ISDIR(j->st.st_mode)) {
		cannot(j, "overwrite what is there (one is a directory) with", d.type == BTRFS_FT_DIR ? -EISDIR : -ENOTDIR);
		return 2;
	}
	if (!j->p->o->force) {
		if (j->p->existing++ < TOLD_MAX)
			cannot(j, "replace what exists with", -EEXIST);
		e->failed = true;
		return 2;
	}
	return op_unlink(e->txn, dir, j->name, strlen(j->name), err);
}

bool put_dir_odd(struct loc dir)
{
	char *acl CLEANUP(mem_freep) = NULL;
	struct inode in;
	size_t len;

	return inode_get(dir.root, dir.ino, &in, NULL) || in.mode & S_ISGID || !xattr_get(dir.root, dir.ino, acl_default, &acl, &len, NULL);
}

static void enter(struct put_job *j, struct loc to, bool merged)
{
	j->self->to = to;
	j->self->st = j->st;
	j->self->merged = merged;
	j->self->odd = merged && put_dir_odd(to);
	j->p->dirs++;
}

static int make_new(struct put_job *j, struct loc *to)
{
	struct edit *e = j->p->e;
	struct err *err = &e->ctx->err;
	struct new_inode ni = new_of(j);
	struct loc dir = j->dir->to;
	size_t len = strlen(j->name);

	to->root = dir.root;
	if (S_ISLNK(j->st.st_mode))
		return op_symlink(e->txn, dir, j->name, len, j->target, strlen(j->target), &ni, &to->ino, err);
	return op_create(e->txn, dir, j->name, len, &ni, &to->ino, err);
}

static int make_entry(struct put_job *j)
{
	struct edit *e = j->p->e;
	bool is_dir = S_ISDIR(j->st.st_mode), several = !is_dir && j->st.st_nlink > 1;
	struct put_linked *l = several ? linked_find(j) : NULL;
	struct loc to = { 0 };
	int ret = make_way(j, &to);

	if (ret == 2 || ret < 0)
		return ret < 0 ? ret : 0;
	if (ret == 1) {
		enter(j, to, true);
		return 0;
	}
	if (l) {
		struct inode in = wanted(j);

		ret = op_link(e->txn, l->to, j->dir->to, j->name, strlen(j->name), &e->ctx->err);
		return ret ? ret : op_setattr(e->txn, l->to, ATTR_CTIME, &in, &e->ctx->err);
	}
	ret = make_new(j, &to);
	if (!ret && several)
		ret = linked_add(j, to);
	if (!ret && is_dir) {
		enter(j, to, false);
		return j->dir->odd ? drop_acls(j, to) : 0; /* the rest when it is left */
	}
	if (!ret && S_ISREG(j->st.st_mode)) {
		ret = make_file(j, to);
		j->p->bytes += j->st.st_size;
		progress_add(j->p->progress, j->st.st_size);
	}
	return ret ? ret : finish(j, to);
}

/* A directory has all its names: its own attributes and times. */
static int leave(struct put_job *j)
{
	struct put_dir *d = j->self;
	int ret;

	if (d->failed || d->merged)
		return 0;
	if (j->ret)
		return j->ret;
	j->st = d->st;
	ret = put_xattrs(j, d->to, true);
	if (!ret)
		ret = put_xattrs(j, d->to, false);
	return ret ? ret : set_all(j, d->to);
}

void put_make(struct put_job *j)
{
	struct putter *p = j->p;
	int ret;

	err_clear(&p->e->ctx->err);
	if (j->kind == PUT_LEAVE) {
		ret = leave(j);
		if (ret)
			cannot(j, "set the attributes of", ret);
		return;
	}
	if (j->dir->failed) {
		if (j->self)
			j->self->failed = true;
		return;
	}
	if (j->ret) {
		cannot(j, j->what, j->ret);
		/* that a source cannot be read ends nothing */
		p->e->fatal = j->ret == -ENOMEM;
		return;
	}
	if (S_ISDIR(j->st.st_mode) && !j->self) {
		edit_fail(p->e, "-r not specified; omitting directory '%s'", j->name);
		return;
	}
	ret = make_entry(j);
	if (ret) {
		cannot(j, "copy", ret);
		return;
	}
	if (p->e->verbose) {
		char *path CLEANUP(mem_freep) = put_host_path(j->dir, j->from ? j->from : j->name);

		edit_say(p->e, "%s", path ? path : j->name);
	}
	if (S_ISREG(j->st.st_mode))
		p->files++;
	else
		p->others += !S_ISDIR(j->st.st_mode);
}
