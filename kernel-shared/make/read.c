/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading files, on any thread: bytes, attributes, targets of symlinks; compressed and summed, ready to be placed. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "common/io.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/compress_out.h"
#include "kernel-shared/make/entries.h"

enum { XATTR_NAMES_MAX = 65536, XATTR_VALUE_MAX = 65536, PATH_BUF = 4096 + 300 };

/* One task at work. */
struct reading {
	struct populate *pop;
	struct source_worker *w;
	struct read_job *j;
	struct read_task *t;
	struct err err;
	char proc[PATH_BUF];         /* the file for calls that take no descriptor */
};

static bool job_room(struct read_job *j, size_t len)
{
	size_t cap = j->cap ? j->cap : READ_SEGMENT + READ_SEGMENT / 4;
	u8 *p;

	while (cap - j->used < len)
		cap *= 2;
	if (cap == j->cap)
		return true;
	p = mem_alloc_io(cap);
	if (!p)
		return false;
	if (j->used)
		memcpy(p, j->data, j->used);
	free(j->data);
	j->data = p;
	j->cap = cap;
	return true;
}

/* ---- extended attributes ---- */

static int by_hash(const void *x, const void *y)
{
	const struct read_xattr *a = x, *b = y;

	return a->hash < b->hash ? -1 : a->hash > b->hash ? 1 : a->name < b->name ? -1 : a->name > b->name;
}

static ssize_t get_value(struct reading *r, int fd, const char *name)
{
	ssize_t n = fd >= 0 ? fgetxattr(fd, name, r->w->value, XATTR_VALUE_MAX) : lgetxattr(r->proc, name, r->w->value, XATTR_VALUE_MAX);

	return n < 0 ? -errno : n;
}

/* Owners named in access control lists are mapped like owners. Value: the kernel's form, u32 version, entries of u16 tag, u16 permissions, u32 id. */
static void map_acl(struct reading *r, u8 *value, size_t len)
{
	const struct populate_args *a = &r->pop->args;

	for (size_t at = 4; at + 8 <= len; at += 8) {
		u16 tag = get_le16(value + at);
		u32 id = get_le32(value + at + 4);

		if (tag == 2)
			put_le32(value + at + 4, map_id(id, a->uid_maps, a->nuid_maps));
		else if (tag == 8)
			put_le32(value + at + 4, map_id(id, a->gid_maps, a->ngid_maps));
	}
}

static int add_xattr(struct reading *r, const char *name, size_t name_len, size_t value_len)
{
	struct read_job *j = r->j;
	struct read_xattr x = { hash_name(name, name_len), j->meta.len, j->meta.len + name_len, name_len, value_len };

	sb_add(&j->meta, name, name_len);
	sb_add(&j->meta, r->w->value, value_len);
	if (j->meta.failed || vec_push(&j->xattrs, x))
		return err_nomem(&r->err);
	r->t->nxattrs++;
	return 0;
}

/* The manifest's replace what the file has. */
static int add_stored(struct reading *r, const struct stored_xattr *x)
{
	struct read_xattr *have = r->j->xattrs.v + r->t->xattrs;
	size_t len = strlen(x->name);

	for (u32 i = 0; i < r->t->nxattrs; i++)
		if (have[i].name_len == len && !memcmp(r->j->meta.v + have[i].name, x->name, len)) {
			have[i] = have[--r->t->nxattrs];
			r->j->xattrs.len--;
		}
	memcpy(r->w->value, x->value, x->len);
	return add_xattr(r, x->name, len, x->len);
}

static int add_all_stored(struct reading *r)
{
	const struct entry *e = r->t->entry;
	int ret = 0;

	for (u32 i = 0; e->stored && i < e->stored->nxattrs && !ret; i++)
		ret = add_stored(r, &e->stored->xattrs[i]);
	for (size_t i = 0; e->flags & ENTRY_XATTRS && i < r->pop->added.len && !ret; i++)
		if (r->pop->added.v[i]->e == e)
			ret = add_stored(r, &r->pop->added.v[i]->x);
	if (r->t->nxattrs > 1)
		qsort(r->j->xattrs.v + r->t->xattrs, r->t->nxattrs, sizeof(struct read_xattr), by_hash);
	return ret;
}

static int read_own_xattrs(struct reading *r, int fd)
{
	struct source_worker *w = r->w;
	ssize_t n = fd >= 0 ? flistxattr(fd, w->names, XATTR_NAMES_MAX) : llistxattr(r->proc, w->names, XATTR_NAMES_MAX);

	if (n < 0)
		return errno == EOPNOTSUPP || errno == ENOENT ? 0 : err_errno(&r->err, -errno, "cannot list its extended attributes");
	for (char *name = w->names; name < w->names + n; name += strlen(name) + 1) {
		ssize_t len = get_value(r, fd, name);
		int ret;

		if (len == -ENODATA)
			continue;
		if (len < 0)
			return err_errno(&r->err, len, "cannot read its extended attribute %s", name);
		if (!strncmp(name, "system.posix_acl_", 17))
			map_acl(r, w->value, len);
		ret = add_xattr(r, name, strlen(name), len);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_xattrs(struct reading *r, int fd)
{
	int ret = 0;

	r->t->xattrs = r->j->xattrs.len;
	if (!r->t->entry->stored)
		ret = read_own_xattrs(r, fd);
	return ret ? ret : add_all_stored(r);
}

/* ---- bytes ---- */

static int add_piece(struct reading *r, u64 start, u32 len, u32 disk_len, u8 compression)
{
	struct read_piece p = { start, len, disk_len, r->j->used, compression };

	if (vec_push(&r->j->pieces, p))
		return err_nomem(&r->err);
	r->j->used += disk_len;
	r->t->npieces++;
	return 0;
}

/* The bytes at data + used, as they are or compressed in place. */
static int store_chunk(struct reading *r, u64 start, u32 len, bool compress)
{
	const struct populate_args *a = &r->pop->args;
	u32 sector = r->pop->sectorsize, full = round_up_p2(len, sector);
	u8 *in = r->j->data + r->j->used, out[BTRFS_MAX_COMPRESSED];
	size_t got;
	int ret;

	memset(in + len, 0, full - len);
	if (!compress || full <= sector || looks_incompressible(in, len))
		return add_piece(r, start, full, full, BTRFS_COMPRESS_NONE);
	ret = compress_data(a->compress, a->level, in, len, out, full - sector, sector, &got, &r->err);
	if (ret == -E2BIG)
		return add_piece(r, start, full, full, BTRFS_COMPRESS_NONE);
	if (ret)
		return ret;
	memcpy(in, out, got);
	memset(in + got, 0, round_up_p2(got, sector) - got);
	return add_piece(r, start, full, round_up_p2(got, sector), a->compress);
}

/* A whole small file goes into its item. */
static int store_inline(struct reading *r, u32 len, bool compress, bool *done)
{
	const struct populate_args *a = &r->pop->args;
	u8 *in = r->j->data + r->j->used, out[BTRFS_MAX_METADATA_BLOCKSIZE];
	size_t got;
	int ret = -E2BIG;

	*done = false;
	if (compress && len <= r->pop->sectorsize && len > 64)
		ret = compress_data(a->compress, a->level, in, len, out, min_t(size_t, len - 1, r->pop->inline_max), r->pop->sectorsize, &got, &r->err);
	if (ret && ret != -E2BIG)
		return ret;
	if (ret && len > r->pop->inline_max)
		return 0;
	r->t->inline_at = r->j->meta.len;
	r->t->inline_len = ret ? len : got;
	r->t->inline_compression = ret ? BTRFS_COMPRESS_NONE : a->compress;
	r->t->has_inline = *done = true;
	sb_add(&r->j->meta, ret ? in : out, r->t->inline_len);
	return r->j->meta.failed ? err_nomem(&r->err) : 0;
}

static int store_bytes(struct reading *r, u64 len)
{
	bool compress = r->pop->args.compress && !(r->t->entry->iflags & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM)), done = false;
	u32 step = compress ? BTRFS_MAX_UNCOMPRESSED : READ_SEGMENT;
	size_t base = r->j->used;
	int ret = 0;

	if (r->t->whole && len == r->t->entry->size && len <= max_t(u64, r->pop->inline_max, r->pop->sectorsize)) {
		ret = store_inline(r, len, compress, &done);
		if (ret || done)
			return ret;
	}
	r->t->tried = compress;
	for (u64 off = 0; off < len && !ret; off += step) {
		u32 n = min_t(u64, step, len - off);

		/* what was compressed before left room */
		if (r->j->used != base + off)
			memmove(r->j->data + r->j->used, r->j->data + base + off, n);
		ret = store_chunk(r, r->t->start + off, n, compress);
	}
	return ret;
}

/* base: where the file begins in fd. */
static int read_bytes(struct reading *r, int fd, u64 base)
{
	struct read_task *t = r->t;
	struct stat st;
	ssize_t n;

	if (t->last && !t->entry->stored && !fstat(fd, &st) && ((u64)st.st_size != t->entry->size || st.st_mtim.tv_sec != t->entry->mtime || (u32)st.st_mtim.tv_nsec != t->entry->mtime_nsec))
		t->note = "changed while it was read";
	if (!t->len)
		return 0;
	if (!job_room(r->j, round_up_p2(t->len, r->pop->sectorsize) + r->pop->sectorsize))
		return err_nomem(&r->err);
	n = io_pread(fd, r->j->data + r->j->used, t->len, base + t->start);
	if (n < 0)
		return err_errno(&r->err, n, "cannot read %llu bytes at %llu", t->len, t->start);
	if ((u64)n < t->len) {
		t->note = "became shorter while it was read: the rest is zeros";
		memset(r->j->data + r->j->used + n, 0, t->len - n);
	}
	return store_bytes(r, t->len);
}

static int open_file(struct reading *r, int dirfd)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, fd = openat(dirfd, r->t->entry->name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, r->t->entry->name, flags);
	return fd < 0 ? -errno : fd;
}

struct sealing { struct verity_io io; int fd; u64 base; u8 *tree; };

static int seal_read(struct verity_io *io, u64 off, void *buf, u32 len, struct err *err)
{
	struct sealing *s = container_of(io, struct sealing, io);
	ssize_t n = io_pread(s->fd, buf, len, s->base + off);

	if (n < 0)
		return err_errno(err, n, "cannot read %u bytes at %llu", len, off);
	memset((u8 *)buf + n, 0, len - n);
	return 0;
}

static int seal_put(struct verity_io *io, u64 off, const void *block, u32 len, struct err *err)
{
	memcpy(container_of(io, struct sealing, io)->tree + off, block, len);
	return 0;
}

static int seal(struct reading *r, int fd, u64 base)
{
	struct made_verity *v = r->t->verity = mem_zalloc(sizeof(*v));
	const struct verity_params p = VERITY_PARAMS_DEFAULT;
	struct sealing s = { .io = { seal_read, seal_put }, .fd = fd, .base = base };
	u64 size = r->t->entry->size;

	if (!v)
		return err_nomem(&r->err);
	v->len = verity_tree_size(&p, size);
	v->tree = s.tree = v->len ? mem_alloc_io(v->len) : NULL;
	if (v->len && !v->tree)
		return err_nomem(&r->err);
	return verity_build(&p, size, &s.io, &v->descriptor, &r->err);
}

static int read_open_file(struct reading *r, int fd, u64 base)
{
	int ret = 0;

	/* the inode is made with the last piece */
	if (r->t->last)
		ret = read_xattrs(r, fd);
	if (!ret && r->t->last && r->t->entry->flags & ENTRY_VERITY)
		ret = seal(r, fd, base);
	return ret ? ret : read_bytes(r, fd, base);
}

static int read_file(struct reading *r, int dirfd)
{
	int fd = open_file(r, dirfd), ret;

	if (fd == -ENOENT) {
		r->t->note = "vanished before it was read: it is kept as zeros";
		return 0;
	}
	if (fd < 0)
		return err_errno(&r->err, fd, "cannot open it");
	ret = read_open_file(r, fd, 0);
	close(fd);
	return ret;
}

static int read_symlink(struct reading *r)
{
	char target[4096];
	const struct entry_stored *s = r->t->entry->stored;
	ssize_t n = s ? (ssize_t)strlen(s->target) : readlink(r->proc, target, sizeof(target));

	if (n < 0)
		return err_errno(&r->err, -errno, "cannot read the symlink");
	if ((size_t)n >= sizeof(target) || (u64)n > r->pop->inline_max)
		return err_set(&r->err, -ENAMETOOLONG, "its target is too long for this filesystem (%llu bytes fit)", r->pop->inline_max);
	r->t->inline_at = r->j->meta.len;
	r->t->inline_len = n;
	r->t->has_inline = true;
	sb_add(&r->j->meta, s ? s->target : target, n);
	return r->j->meta.failed ? err_nomem(&r->err) : 0;
}

static int read_other(struct reading *r, int dirfd)
{
	struct entry *e = r->t->entry;
	int ret = 0;

	if (!e->parent)
		snprintf(r->proc, sizeof(r->proc), "%s", r->pop->args.dir);
	else
		snprintf(r->proc, sizeof(r->proc), "/proc/self/fd/%d/%s", dirfd, e->name);
	if ((e->mode & 0170000) == 0120000)
		ret = read_symlink(r);
	return ret ? ret : read_xattrs(r, -1);
}

static int read_task(struct reading *r)
{
	struct entry *e = r->t->entry;
	int dirfd = e->parent && !e->stored ? entry_dirfd(r->pop, r->w, e->parent) : -1;

	r->t->pieces = r->j->pieces.len;
	if (e->stored && (e->mode & 0170000) == 0100000)
		return read_open_file(r, r->pop->spool, e->stored->offset);
	if (e->parent && !e->stored && dirfd < 0)
		return err_errno(&r->err, dirfd, "cannot open its directory");
	return (e->mode & 0170000) == 0100000 ? read_file(r, dirfd) : read_other(r, dirfd);
}

static int sum_data(struct read_job *j)
{
	size_t n = j->used / j->pop->sectorsize, need = n * csum_types[j->csum_type].size;

	if (need > j->sums_cap) {
		free(j->sums);
		j->sums = mem_alloc(1, need * 2);
		j->sums_cap = j->sums ? need * 2 : 0;
	}
	if (!j->sums && need)
		return -ENOMEM;
	csum_compute_blocks(j->csum_type, j->data, j->pop->sectorsize, n, j->sums);
	return 0;
}

void read_job_run(void *job, void *arg, unsigned worker)
{
	struct read_job *j = job;
	struct reading r = { .pop = j->pop, .w = &j->pop->workers[worker], .j = j };

	for (unsigned i = 0; i < j->ntasks; i++) {
		struct read_task *t = r.t = &j->tasks[i];

		err_clear(&r.err);
		t->ret = read_task(&r);
		if (t->ret) {
			t->err = mem_dup(&r.err, sizeof(r.err));
			return;
		}
	}
	if (j->ntasks && sum_data(j)) {
		j->tasks[0].ret = -ENOMEM;
		j->tasks[0].err = NULL;
	}
}

void read_job_reset(struct read_job *j)
{
	for (unsigned i = 0; i < j->ntasks; i++) {
		free(j->tasks[i].err);
		if (j->tasks[i].verity)
			free(j->tasks[i].verity->tree);
		free(j->tasks[i].verity);
	}
	j->ntasks = 0;
	j->bytes = j->used = 0;
	sb_reset(&j->meta);
	j->pieces.len = j->xattrs.len = 0;
}

void read_job_free(struct read_job *j)
{
	if (!j)
		return;
	read_job_reset(j);
	free(j->data);
	free(j->sums);
	sb_fini(&j->meta);
	vec_fini(&j->pieces);
	vec_fini(&j->xattrs);
	free(j);
}
