/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New file data on its way to disk: see store.h. Spec: on-disk-format 7 to 9. */
#include "kernel-shared/fs/store.h"

#include <stdlib.h>
#include "common/mem.h"
#include "common/pool.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/compress_out.h"
#include "kernel-shared/fs/piece.h"

/* ---- How ---- */

static int property_compression(struct winode *w, u8 *type, struct err *err)
{
	char *value CLEANUP(mem_freep) = NULL;
	size_t len;
	int ret = xattr_get(w->root, w->ino, "btrfs.compression", &value, &len, err), found;

	if (ret)
		return ret == -ENODATA ? 0 : ret;
	found = compress_by_property(value);
	if (found > 0)
		*type = found;
	return 0;
}

struct policy policy_of(const struct write_opts *o, const struct geometry *geo, u64 *flags, u8 property, bool no_data)
{
	struct policy p = { .max_inline = min_t(u32, o->max_inline, geo_max_inline_data(geo)) };

	if (no_data && (o->nodatacow || o->nodatasum)) {
		*flags |= BTRFS_INODE_NODATASUM | (o->nodatacow ? BTRFS_INODE_NODATACOW : 0);
		*flags &= ~BTRFS_INODE_COMPRESS;
	}
	p.nosum = *flags & BTRFS_INODE_NODATASUM;
	if (*flags & (BTRFS_INODE_NODATASUM | BTRFS_INODE_NODATACOW) || (!o->force && *flags & BTRFS_INODE_NOCOMPRESS))
		return p;
	p.compress = property ? property : o->compress ? o->compress : *flags & BTRFS_INODE_COMPRESS ? BTRFS_COMPRESS_ZLIB : BTRFS_COMPRESS_NONE;
	p.level = compress_level(p.compress, p.compress == o->compress ? o->level : 0);
	p.force = o->force;
	p.mark = !o->force && !property;
	return p;
}

int policy_init(const struct write_opts *o, struct winode *w, bool no_data, struct policy *out, struct err *err)
{
	u64 flags = winode_flags(w);
	u8 property = BTRFS_COMPRESS_NONE;
	int ret = flags & BTRFS_INODE_COMPRESS ? property_compression(w, &property, err) : 0;

	*out = policy_of(o, w->root->fs->geo, &flags, property, no_data);
	w->d.flags = le64_of(flags);
	return ret;
}

void compress_announce(struct txn *txn, struct fs *fs, u8 type)
{
	struct disk_super *sb = txn_super(txn);
	u64 bit = compress_feature(type);

	sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) | bit);
	fs->geo->incompat |= bit;
}

/* ---- Items ---- */

void store_init(struct store *s, struct txn *txn, struct winode *w, const struct policy *pol)
{
	*s = (struct store){ .txn = txn, .fs = w->root->fs, .w = w, .pol = *pol };
}

void store_fini(struct store *s)
{
	struct piece *next;

	for (struct piece *p = s->spare; p; p = next) {
		next = p->next;
		piece_free(p);
	}
	s->spare = NULL;
}

int insert_extent(struct store *s, const struct extent_part *x, bool fresh, struct err *err)
{
	struct disk_file_extent_item f = { .generation = le64_of(txn_id(s->txn)), .ram_bytes = le64_of(x->ram_bytes), .compression = x->compression,
		.type = x->type, .disk_bytenr = le64_of(x->bytenr), .disk_num_bytes = le64_of(x->disk_bytes), .offset = le64_of(x->offset),
		.num_bytes = le64_of(x->num_bytes) };
	struct ref_change c = { .bytenr = x->bytenr, .len = x->disk_bytes, .kind = REF_DATA, .root = s->w->root->tree.id, .objectid = s->w->ino,
		.offset = x->off - x->offset, .delta = 1, .new_extent = fresh };
	struct key key = KEY(s->w->ino, BTRFS_EXTENT_DATA_KEY, x->off);
	int ret = tree_insert(&s->w->root->tree, &key, &f, sizeof(f), err);

	if (ret || !x->bytenr)
		return ret;
	s->added += x->num_bytes;
	return ref_queue(txn_alloc(s->txn), &c, err);
}

int insert_inline(struct store *s, const void *data, u32 len, u32 ram_bytes, u8 compression, struct err *err)
{
	struct disk_file_extent_item f = { .generation = le64_of(txn_id(s->txn)), .ram_bytes = le64_of(ram_bytes), .compression = compression,
		.type = BTRFS_FILE_EXTENT_INLINE };
	struct key key = KEY(s->w->ino, BTRFS_EXTENT_DATA_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	u8 *to;
	int ret = tree_insert_empty(&s->w->root->tree, &key, BTRFS_FILE_EXTENT_INLINE_DATA_START + len, &p, &to, err);

	if (ret)
		return ret;
	memcpy(to, &f, BTRFS_FILE_EXTENT_INLINE_DATA_START);
	memcpy(to + BTRFS_FILE_EXTENT_INLINE_DATA_START, data, len);
	s->added += ram_bytes;
	if (compression)
		compress_announce(s->txn, s->fs, compression);
	return 0;
}

static int insert_small(struct store *s, const void *data, u32 len, const struct packed *p, struct err *err)
{
	/* with lzo the kernel stores what has become larger, too: it does not take that for a failure */
	s->incompressible |= p->ret == -E2BIG && s->pol.compress != BTRFS_COMPRESS_LZO;
	if (!p->ret && p->len <= s->pol.max_inline)
		return insert_inline(s, p->bytes, p->len, len, s->pol.compress, err);
	return len <= s->pol.max_inline ? insert_inline(s, data, len, len, BTRFS_COMPRESS_NONE, err) : -E2BIG;
}

int store_inline(struct store *s, const void *data, u32 len, const struct packed *packed, struct err *err)
{
	u8 bytes[BTRFS_MAX_METADATA_BLOCKSIZE];
	struct packed here = { .bytes = bytes };
	int ret = 0;

	if (!len || len > s->fs->geo->sectorsize)
		return 0;
	if (!packed)
		ret = inline_pack(&s->pol, s->fs->geo, data, len, &here, err);
	if (!ret)
		ret = insert_small(s, data, len, packed ? packed : &here, err);
	return ret == -E2BIG ? 0 : ret ? ret : 1;
}

/* ---- Bytes ---- */

u8 *sums_make(const struct geometry *geo, const void *data, u32 len)
{
	u8 *sums = mem_alloc(len / geo->sectorsize, geo->csum_size);

	if (sums)
		csum_compute_blocks(geo->csum_type, data, geo->sectorsize, len / geo->sectorsize, sums);
	return sums;
}

int store_bytes(struct store *s, u64 bytenr, const void *data, u32 len, const u8 *sums, struct err *err)
{
	int ret = txn_write_data(s->txn, bytenr, data, len, err);

	return ret || !sums ? ret : csum_insert(txn_alloc(s->txn), bytenr, len, sums, err);
}

int store_packed(struct store *s, const struct extent_part *x, const u8 *packed, const u8 *sums, struct err *err)
{
	struct extent_part here = *x;
	u64 got;
	int ret = alloc_space(txn_alloc(s->txn), BTRFS_BLOCK_GROUP_DATA, x->disk_bytes, x->disk_bytes, 0, &here.bytenr, &got, err);

	if (!ret)
		ret = store_bytes(s, here.bytenr, packed, x->disk_bytes, sums, err);
	if (ret)
		return ret;
	compress_announce(s->txn, s->fs, x->compression);
	return insert_extent(s, &here, true, err);
}

static int open_extent(struct store *s, u64 off, u64 want, struct err *err)
{
	u64 sector = s->fs->geo->sectorsize;

	s->open.off = off;
	s->open.used = 0;
	return alloc_space(txn_alloc(s->txn), BTRFS_BLOCK_GROUP_DATA, min_t(u64, want, BTRFS_MAX_EXTENT_SIZE), sector, 0, &s->open.bytenr, &s->open.len, err);
}

static int close_extent(struct store *s, struct err *err)
{
	struct extent_part x = { .off = s->open.off, .bytenr = s->open.bytenr, .disk_bytes = s->open.len, .ram_bytes = s->open.len, .num_bytes = s->open.len,
		.type = BTRFS_FILE_EXTENT_REG };

	s->open.len = 0;
	return insert_extent(s, &x, true, err);
}

/* Plain bytes at off, `want` of which follow in all: into the open extent, then into as many others as it takes. */
static int store_plain(struct store *s, u64 off, const u8 *data, u32 len, const u8 *sums, u64 want, struct err *err)
{
	const struct geometry *geo = s->fs->geo;
	int ret = 0;

	while (len && !ret) {
		u32 n;

		if (!s->open.len)
			ret = open_extent(s, off, want, err);
		if (ret)
			return ret;
		n = min_t(u64, len, s->open.len - s->open.used);
		ret = store_bytes(s, s->open.bytenr + s->open.used, data, n, sums, err);
		off += n;
		want -= n;
		data += n;
		len -= n;
		if (sums)
			sums += n / geo->sectorsize * geo->csum_size;
		s->open.used += n;
		if (!ret && s->open.used == s->open.len)
			ret = close_extent(s, err);
	}
	return ret;
}

/* ---- Pieces ---- */

static int store_part(struct store *s, const struct piece *p, const struct part *part, struct err *err)
{
	const u8 *sums = p->sums ? p->sums + part->sums_at : NULL;
	struct extent_part x = { .off = p->off + part->at, .disk_bytes = part->packed_len, .ram_bytes = part->len, .num_bytes = part->len,
		.type = BTRFS_FILE_EXTENT_REG, .compression = part->compression };

	if (part->compression)
		return store_packed(s, &x, p->out + part->packed_at, sums, err);
	/* beside compressed data a plain extent is as long as what is known to be plain */
	return store_plain(s, x.off, p->in + part->at, part->len, sums, s->pol.compress ? part->len : p->run, err);
}

int store_piece(struct store *s, const struct piece *p, struct err *err)
{
	int ret = p->ret;

	if (ret)
		return err_set(err, ret, "%s", err_text(&p->err));
	s->incompressible |= p->incompressible;
	for (unsigned i = 0; i < p->nparts && !ret; i++)
		ret = store_part(s, p, &p->parts[i], err);
	return ret;
}

static struct piece *piece_get(struct store *s, u32 len)
{
	struct piece *p = s->spare;

	if (len < PIECE_MAX || !p)
		return piece_new(&s->pol, s->fs->geo, len);
	s->spare = p->next;
	return p;
}

static void piece_put(struct store *s, struct piece *p, bool full)
{
	if (!full) {
		piece_free(p);
		return;
	}
	p->next = s->spare;
	s->spare = p;
}

/* What is left of a range that is being stored. */
struct range_job { struct store *s; const struct data_source *src; u64 at, end, valid; struct err *err; };

static struct piece *next_piece(struct range_job *r, u32 *len)
{
	struct piece *p;

	*len = min_t(u64, r->end - r->at, PIECE_MAX);
	p = piece_get(r->s, *len);
	if (!p)
		return NULL;
	p->src = r->src;
	p->off = r->at;
	p->len = *len;
	p->valid = r->at < r->valid ? min_t(u64, r->valid - r->at, *len) : 0;
	p->run = r->end - r->at;
	r->at += *len;
	return p;
}

/* The first piece alone: it may say that the rest had better not be compressed. */
static int store_first(struct range_job *r)
{
	struct store *s = r->s;
	u32 len;
	struct piece *p = next_piece(r, &len);
	int ret;

	if (!p)
		return err_nomem(r->err);
	piece_prepare(p);
	ret = store_piece(s, p, r->err);
	if (s->incompressible && s->pol.mark)
		s->pol.compress = BTRFS_COMPRESS_NONE;
	piece_put(s, p, len == PIECE_MAX);
	return ret;
}

static void job_work(void *job, void *arg, unsigned worker)
{
	piece_prepare(job);
}

static int job_done(void *job, void *arg)
{
	struct range_job *r = arg;
	struct piece *p = job;
	int ret = store_piece(r->s, p, r->err);

	piece_put(r->s, p, p->len == PIECE_MAX);
	return ret;
}

static void job_drop(void *job, void *arg)
{
	piece_free(job);
}

static int store_rest(struct range_job *r)
{
	static const struct ordq_ops ops = { job_work, job_done, job_drop };
	struct env *env = txn_env(r->s->txn);
	struct ordq *q = ordq_new(env->pool, 2 * pool_threads(env->pool) + 1, &ops, r);
	int ret = q ? 0 : err_nomem(r->err);

	while (!ret && r->at < r->end) {
		u32 len;
		struct piece *p = next_piece(r, &len);

		ret = p ? ordq_push(q, p) : err_nomem(r->err);
		if (!ret)
			ret = env_check_interrupt(env, r->err);
	}
	if (!ret)
		ret = ordq_finish(q);
	ordq_free(q);
	return ret;
}

int store_range(struct store *s, const struct data_source *src, u64 start, u64 end, u64 valid, struct err *err)
{
	struct range_job r = { s, src, start, end, valid, err };
	int ret = start < end ? store_first(&r) : 0;

	return !ret && r.at < end ? store_rest(&r) : ret;
}
