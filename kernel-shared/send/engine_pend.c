/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is held back: one inode's creation, data and attributes. */
#include "kernel-shared/send/engine_priv.h"

#include <sys/stat.h>

void pending_clear(struct engine *e)
{
	struct pending *p = &e->p;

	p->active = p->create = false;
	p->set = 0;
	p->data_len = 0;
}

static bool all_times(const struct pending *p)
{
	return (p->set & (ATTR_ATIME | ATTR_MTIME | ATTR_CTIME)) == (ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
}

static int make(struct engine *e, struct err *err)
{
	struct pending *p = &e->p;
	struct new_inode ni = { .mode = p->mode, .uid = p->attr.uid, .gid = p->attr.gid, .rdev = p->rdev, .has_times = all_times(p),
		.atime = p->attr.atime, .mtime = p->attr.mtime, .ctime = p->attr.ctime, .otime = p->attr.otime };
	struct loc dir = engine_at(e, p->dir);
	int ret;

	if (!(p->set & ATTR_UID))
		ni.uid = ni.gid = 0;
	if (ni.has_times && !(p->set & ATTR_OTIME))
		env_now(txn_env(e->txn), &ni.otime.sec, &ni.otime.nsec);
	if (S_ISLNK(p->mode))
		ret = op_symlink(e->txn, dir, p->name, p->name_len, p->target, p->target_len, &ni, &p->ino, err);
	else
		ret = op_create(e->txn, dir, p->name, p->name_len, &ni, &p->ino, err);
	if (ret)
		return ret;
	p->create = false;
	p->set &= ~(unsigned)(ATTR_MODE | ATTR_UID | ATTR_GID);
	/* Data behind a hole is written in the ordinary way, which changes the times again. */
	if (ni.has_times && !(p->data_len && p->data_off))
		p->set = 0;
	return 0;
}

struct held { struct file_source src; const u8 *data; };

static s64 read_held(struct file_source *src, u64 off, void *buf, size_t len)
{
	struct held *h = container_of(src, struct held, src);

	len = off < src->size ? min_t(u64, len, src->size - off) : 0;
	memcpy(buf, h->data + off, len);
	return len;
}

/* The whole content of a file that was just made, its times kept. */
static int put_whole(struct engine *e, struct err *err)
{
	struct pending *p = &e->p;
	struct held h = { { .read = read_held, .size = p->data_len }, p->data };
	struct write_opts o = e->opts.write;

	o.keep_times = true;
	p->data_len = 0;
	return op_put_file(e->txn, &o, engine_at(e, p->ino), &h.src, err);
}

static int write_held(struct engine *e, struct err *err)
{
	struct pending *p = &e->p;
	u32 len = p->data_len;

	p->data_len = 0;
	return op_write(e->txn, &e->opts.write, engine_at(e, p->ino), p->data_off, p->data, len, err);
}

static int set_held(struct engine *e, struct err *err)
{
	struct pending *p = &e->p;
	unsigned set = p->set;

	p->set = 0;
	/* What changing the owner takes away from the mode, the mode has lost already. */
	return op_setattr(e->txn, engine_at(e, p->ino), set | (set & ATTR_MODE ? ATTR_KEEP_SUID : 0), &p->attr, err);
}

/* Everything but that the inode stays the pending one. */
static int settle(struct engine *e, struct err *err)
{
	struct pending *p = &e->p;
	bool fresh = p->create;
	int ret = 0;

	if (p->create)
		ret = make(e, err);
	if (!ret && p->data_len)
		ret = fresh && !p->data_off ? put_whole(e, err) : write_held(e, err);
	if (!ret && p->set)
		ret = set_held(e, err);
	if (!ret)
		return 0;
	err_wrap(err, ret, "%.*s", (int)min_t(u32, p->path_len, 400), p->path);
	/* As if none of it had been tried. */
	if (!fresh || p->create || !(S_ISDIR(p->mode) ? op_rmdir : op_unlink)(e->txn, engine_at(e, p->dir), p->name, p->name_len, NULL))
		e->replay = true;
	pending_clear(e);
	return ret;
}

int pending_flush(struct engine *e, struct err *err)
{
	int ret = e->p.active ? settle(e, err) : 0;

	pending_clear(e);
	return ret;
}

void pending_mark(struct engine *e, const struct send_cmd *c)
{
	if (!e->p.create && !e->p.data_len && !e->p.set)
		e->first = (struct send_token){ .offset = c->offset, .command = c->number };
}

static bool is_pending(const struct engine *e, const struct send_value *path)
{
	return e->p.active && e->p.path_len == path->len && !memcmp(e->p.path, path->p, path->len);
}

static void name_pending(struct engine *e, const struct send_value *path)
{
	e->p.path_len = min_t(u32, path->len, sizeof(e->p.path));
	memcpy(e->p.path, path->p, e->p.path_len);
}

int pending_take(struct engine *e, const struct send_cmd *c, struct err *err)
{
	const struct send_value *path = &c->v[SEND_A_PATH];
	struct pending *p = &e->p;
	struct inode inode;
	int ret;

	if (is_pending(e, path))
		return 0;
	ret = pending_flush(e, err);
	if (!ret)
		ret = engine_resolve(e, e->root, path->p, path->len, &p->ino, NULL, err);
	if (!ret)
		ret = inode_get(e->root, p->ino, &inode, err);
	if (ret)
		return ret;
	name_pending(e, path);
	p->mode = inode.mode;
	p->active = true;
	return 0;
}

int pending_settle(struct engine *e, const struct send_cmd *c, struct loc *loc, struct err *err)
{
	int ret = pending_take(e, c, err);

	if (!ret)
		ret = settle(e, err);
	*loc = engine_at(e, e->p.ino);
	return ret;
}

int pending_create(struct engine *e, const struct send_cmd *c, u32 mode, struct err *err)
{
	const struct send_value *path = &c->v[SEND_A_PATH];
	struct pending *p = &e->p;
	const u8 *name;
	u32 len;
	struct dirent d;
	int ret = pending_flush(e, err);

	if (!ret)
		ret = engine_parent(e, path, &p->dir, &name, &len, err);
	if (ret)
		return ret;
	ret = dir_lookup(e->root, p->dir, name, len, &d, err);
	if (ret != -ENOENT)
		return ret ? ret : err_set(err, -EEXIST, "File exists");
	err_clear(err);
	pending_mark(e, c);
	memcpy(p->name, name, len);
	p->name_len = len;
	name_pending(e, path);
	p->mode = mode;
	p->rdev = 0;
	p->active = p->create = true;
	return 0;
}

int pending_write(struct engine *e, const struct send_cmd *c, u64 off, const void *data, u32 len, struct err *err)
{
	struct pending *p = &e->p;
	int ret = 0;

	if (!S_ISREG(p->mode))
		return S_ISDIR(p->mode) ? err_set(err, -EISDIR, "Is a directory") : err_set(err, -EINVAL, "not a regular file");
	/* Times that were set stay only if nothing is written afterwards. */
	if ((p->data_len && p->data_off + p->data_len != off) || p->data_len + len > ENGINE_DATA || p->set)
		ret = settle(e, err);
	if (ret || !len)
		return ret;
	pending_mark(e, c);
	if (!p->data_len)
		p->data_off = off;
	memcpy(p->data + p->data_len, data, len);
	p->data_len += len;
	return 0;
}
