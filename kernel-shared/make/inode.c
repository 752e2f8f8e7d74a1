/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items of one inode, in key order. Spec: on-disk-format 3.3 to 3.9, 4.4, 4.5, 9. */
#include <stdlib.h>
#include "kernel-shared/fs/file.h"
#include "kernel-shared/make/entries.h"

struct emit {
	struct populate *pop;
	struct maker *m;
	struct make_load *load;
	const struct source_tree *tree;
	const struct entry *e;
	const struct read_job *job;
	const struct read_task *t;
	const struct inode_made *made;
	struct err *err;
};

static bool is_type(const struct entry *e, u32 type) { return (e->mode & 0170000) == type; }
static bool is_dir(const struct entry *e) { return is_type(e, 0040000); }

static u8 entry_ft(const struct entry *e)
{
	static const u8 types[16] = { [1] = BTRFS_FT_FIFO, [2] = BTRFS_FT_CHRDEV, [4] = BTRFS_FT_DIR, [6] = BTRFS_FT_BLKDEV, [8] = BTRFS_FT_REG_FILE,
		[10] = BTRFS_FT_SYMLINK, [12] = BTRFS_FT_SOCK };

	return types[e->mode >> 12 & 15];
}

/* ---- INODE_ITEM ---- */

static u64 file_flags(const struct emit *x)
{
	u64 flags = x->e->iflags;

	if (is_type(x->e, 0100000)) {
		if (flags & BTRFS_INODE_NODATACOW)
			flags |= BTRFS_INODE_NODATASUM;
		if (x->made->tried && !x->made->compressed)
			flags |= BTRFS_INODE_NOCOMPRESS;
		if (x->e->flags & ENTRY_VERITY)
			flags |= BTRFS_INODE_RO_VERITY;
	} else if (!is_dir(x->e)) {
		flags = 0;
	}
	return flags;
}

static u64 file_nbytes(const struct emit *x)
{
	u64 sum = 0;

	if (x->t->has_inline)
		return x->e->size;
	for (size_t i = 0; i < x->made->extents.len; i++)
		sum += x->made->extents.v[i].num;
	return sum;
}

static u64 dir_size(const struct entry *e)
{
	u64 sum = 0;

	for (u32 i = 0; i < e->nchildren; i++)
		sum += e->children[i].name_len;
	return 2 * sum;
}

static struct disk_timespec disk_time(s64 sec, u32 nsec)
{
	return (struct disk_timespec){ le64_of(sec), le32_of(nsec) };
}

static int emit_inode(struct emit *x)
{
	const struct entry *e = x->e;
	struct key key = KEY(x->e->ino, BTRFS_INODE_ITEM_KEY, 0);
	u64 size = is_dir(e) ? dir_size(e) : is_type(e, 0120000) ? x->t->inline_len : e->size;
	struct disk_inode_item i = {
		.generation = le64_of(MAKE_TRANSID), .transid = le64_of(MAKE_TRANSID), .size = le64_of(size),
		.nbytes = le64_of(is_type(e, 0120000) ? size : file_nbytes(x)), .nlink = le32_of(e->group ? x->pop->groups.v[e->group - 1].n : 1),
		.uid = le32_of(e->uid), .gid = le32_of(e->gid), .mode = le32_of(e->mode), .rdev = le64_of(e->rdev), .flags = le64_of(file_flags(x)),
		.atime = disk_time(e->atime, e->atime_nsec), .ctime = disk_time(e->ctime, e->ctime_nsec), .mtime = disk_time(e->mtime, e->mtime_nsec),
		.otime = x->m->now,
	};

	return load_add(x->load, &key, &i, sizeof(i), x->err);
}

/* ---- INODE_REF, INODE_EXTREF ---- */

struct name_ref { u64 parent, index, hash; const struct entry *e; };

static int by_parent(const void *a, const void *b)
{
	const struct name_ref *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int by_ref_hash(const void *a, const void *b)
{
	const struct name_ref *x = a, *y = b;

	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : by_parent(a, b);
}

static int emit_dot_dot(struct emit *x)
{
	struct key key = KEY(BTRFS_FIRST_FREE_OBJECTID, BTRFS_INODE_REF_KEY, BTRFS_FIRST_FREE_OBJECTID);
	u8 *to;
	int ret = load_add_empty(x->load, &key, sizeof(struct disk_inode_ref) + 2, &to, x->err);

	if (ret)
		return ret;
	put_le64(to, 0);
	put_le16(to + 8, 2);
	memcpy(to + sizeof(struct disk_inode_ref), "..", 2);
	return 0;
}

/* The names in one directory as far as they fit into one item; how many. */
static int emit_ref_item(struct emit *x, const struct name_ref *refs, size_t n, size_t *done)
{
	struct key key = KEY(x->e->ino, BTRFS_INODE_REF_KEY, refs->parent);
	u32 size = 0;
	size_t take = 0;
	u8 *to;
	int ret;

	for (; take < n && refs[take].parent == refs->parent; take++) {
		u32 need = sizeof(struct disk_inode_ref) + refs[take].e->name_len;

		if (size + need > geo_max_item(make_geo(x->m)))
			break;
		size += need;
	}
	ret = load_add_empty(x->load, &key, size, &to, x->err);
	if (ret)
		return ret;
	for (size_t i = 0; i < take; i++) {
		put_le64(to, refs[i].index);
		put_le16(to + 8, refs[i].e->name_len);
		memcpy(to + sizeof(struct disk_inode_ref), refs[i].e->name, refs[i].e->name_len);
		to += sizeof(struct disk_inode_ref) + refs[i].e->name_len;
	}
	*done = take;
	return 0;
}

static int emit_extref_item(struct emit *x, const struct name_ref *refs, size_t n)
{
	struct key key = KEY(x->e->ino, BTRFS_INODE_EXTREF_KEY, refs->hash);
	u32 size = 0;
	u8 *to;
	int ret;

	for (size_t i = 0; i < n; i++)
		size += sizeof(struct disk_inode_extref) + refs[i].e->name_len;
	ret = load_add_empty(x->load, &key, size, &to, x->err);
	for (size_t i = 0; i < n && !ret; i++) {
		struct disk_inode_extref *r = (struct disk_inode_extref *)to;

		r->parent_objectid = le64_of(refs[i].parent);
		r->index = le64_of(refs[i].index);
		r->name_len = le16_of(refs[i].e->name_len);
		memcpy(r->name, refs[i].e->name, refs[i].e->name_len);
		to += sizeof(*r) + refs[i].e->name_len;
	}
	return ret;
}

static int emit_extrefs(struct emit *x, struct name_ref *refs, size_t n)
{
	int ret = 0;

	if (n && !geo_incompat(make_geo(x->m), BTRFS_FEATURE_INCOMPAT_EXTENDED_IREF))
		return err_set(x->err, -EMLINK, "it has more names in one directory than fit without the feature extref");
	for (size_t i = 0; i < n; i++)
		refs[i].hash = hash_extref(refs[i].parent, refs[i].e->name, refs[i].e->name_len);
	if (n > 1)
		qsort(refs, n, sizeof(*refs), by_ref_hash);
	for (size_t i = 0, same; i < n && !ret; i += same) {
		for (same = 1; i + same < n && refs[i + same].hash == refs[i].hash;)
			same++;
		ret = emit_extref_item(x, refs + i, same);
	}
	return ret;
}

/* What does not fit beside its siblings becomes an extended reference. */
static int emit_name_list(struct emit *x, struct name_ref *refs, size_t n)
{
	size_t extra = 0, done, same;
	int ret;

	qsort(refs, n, sizeof(*refs), by_parent);
	for (size_t i = 0; i < n; i += same) {
		for (same = 1; i + same < n && refs[i + same].parent == refs[i].parent;)
			same++;
		ret = emit_ref_item(x, refs + i, same, &done);
		if (ret)
			return ret;
		memmove(refs + extra, refs + i + done, (same - done) * sizeof(*refs));
		extra += same - done;
	}
	return emit_extrefs(x, refs, extra);
}

static int emit_names(struct emit *x)
{
	const struct link_group *g = x->e->group ? &x->pop->groups.v[x->e->group - 1] : NULL;
	struct name_ref one = { 0 }, *refs = &one;
	size_t n = g ? g->n : 1;
	int ret;

	if (x->e == x->tree->top)
		return emit_dot_dot(x);
	if (g) {
		refs = mem_calloc(n, sizeof(*refs));
		if (!refs)
			return err_nomem(x->err);
	}
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = g ? x->pop->links.v[g->first + i].entry : x->e;

		refs[i] = (struct name_ref){ e->parent->ino, entry_index(e), 0, e };
	}
	ret = emit_name_list(x, refs, n);
	if (g)
		free(refs);
	return ret;
}

/* ---- XATTR_ITEM ---- */

static int xattr_too_large(struct emit *x, const struct read_xattr *v, const u8 *name)
{
	char *path CLEANUP(mem_freep) = entry_path(x->pop, x->e);

	return err_set(x->err, -ENOSPC, "%s: its extended attribute %.*s is too large for this filesystem: %u bytes, %u fit", path ? path : "", v->name_len, name,
		       v->name_len + v->value_len, geo_max_xattr(make_geo(x->m)));
}

static int emit_xattrs(struct emit *x)
{
	const struct read_xattr *v = x->job->xattrs.v + x->t->xattrs;
	const u8 *meta = (const u8 *)x->job->meta.v;
	u32 n = x->t->nxattrs, same;
	int ret = 0;

	for (u32 i = 0; i < n && !ret; i += same) {
		struct key key = KEY(x->e->ino, BTRFS_XATTR_ITEM_KEY, v[i].hash);
		u32 size = 0;
		u8 *to;

		for (same = 0; i + same < n && v[i + same].hash == v[i].hash; same++)
			size += sizeof(struct disk_dir_item) + v[i + same].name_len + v[i + same].value_len;
		if (size > geo_max_item(make_geo(x->m)))
			return xattr_too_large(x, &v[i], meta + v[i].name);
		ret = load_add_empty(x->load, &key, size, &to, x->err);
		for (u32 k = i; k < i + same && !ret; k++) {
			struct disk_dir_item *d = (struct disk_dir_item *)to;

			*d = (struct disk_dir_item){ .transid = le64_of(MAKE_TRANSID), .data_len = le16_of(v[k].value_len), .name_len = le16_of(v[k].name_len),
				.type = BTRFS_FT_XATTR };
			memcpy(d->name, meta + v[k].name, v[k].name_len);
			memcpy(d->name + v[k].name_len, meta + v[k].value, v[k].value_len);
			to += sizeof(*d) + v[k].name_len + v[k].value_len;
		}
	}
	return ret;
}

/* ---- VERITY_DESC_ITEM, VERITY_MERKLE_ITEM ---- */

static int emit_pieces(struct emit *x, u8 type, u64 first, const u8 *v, u64 len)
{
	int ret = 0;

	for (u64 off = 0; off < len && !ret; off += BTRFS_VERITY_ITEM_MAX) {
		struct key key = KEY(x->e->ino, type, first + off);

		ret = load_add(x->load, &key, v + off, min_t(u64, len - off, BTRFS_VERITY_ITEM_MAX), x->err);
	}
	return ret;
}

static int emit_verity(struct emit *x)
{
	struct disk_verity_descriptor d = { .size = le64_of(VERITY_DESC_SIZE) };
	struct key key = KEY(x->e->ino, BTRFS_VERITY_DESC_ITEM_KEY, 0);
	const struct made_verity *v = x->t->verity;
	int ret;

	if (!v)
		return 0;
	ret = load_add(x->load, &key, &d, sizeof(d), x->err);
	if (!ret)
		ret = emit_pieces(x, BTRFS_VERITY_DESC_ITEM_KEY, 1, (const u8 *)&v->descriptor, sizeof(v->descriptor));
	return ret ? ret : emit_pieces(x, BTRFS_VERITY_MERKLE_ITEM_KEY, 0, v->tree, v->len);
}

/* ---- DIR_ITEM, DIR_INDEX ---- */

static u64 subvol_id(const struct populate *pop, const struct entry *e)
{
	for (size_t i = 0; i < pop->trees.len; i++)
		if (pop->trees.v[i].top == e)
			return pop->trees.v[i].id;
	return 0;
}

static void fill_dir_item(const struct emit *x, const struct entry *e, u8 *to)
{
	struct disk_dir_item *d = (struct disk_dir_item *)to;
	struct key at = e->flags & ENTRY_SUBVOL ? KEY(subvol_id(x->pop, e), BTRFS_ROOT_ITEM_KEY, 0) : KEY(e->ino, BTRFS_INODE_ITEM_KEY, 0);

	*d = (struct disk_dir_item){ .location = key_disk(at), .transid = le64_of(MAKE_TRANSID), .name_len = le16_of(e->name_len), .type = entry_ft(e) };
	memcpy(d->name, e->name, e->name_len);
}

struct hashed { u32 hash, index; };

static int by_name_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int emit_dir_item(struct emit *x, const struct hashed *h, u32 n)
{
	struct key key = KEY(x->e->ino, BTRFS_DIR_ITEM_KEY, h->hash);
	u32 size = 0;
	u8 *to;
	int ret;

	for (u32 i = 0; i < n; i++)
		size += sizeof(struct disk_dir_item) + x->e->children[h[i].index].name_len;
	if (size > geo_max_item(make_geo(x->m)))
		return err_set(x->err, -EOVERFLOW, "%u names in it have one hash, more than fit", n);
	ret = load_add_empty(x->load, &key, size, &to, x->err);
	for (u32 i = 0; i < n && !ret; i++) {
		fill_dir_item(x, &x->e->children[h[i].index], to);
		to += sizeof(struct disk_dir_item) + x->e->children[h[i].index].name_len;
	}
	return ret;
}

static int emit_dir(struct emit *x)
{
	const struct entry *e = x->e;
	struct hashed *h CLEANUP(mem_freep) = mem_alloc(e->nchildren, sizeof(*h));
	int ret = 0;

	if (!e->nchildren)
		return 0;
	if (!h)
		return err_nomem(x->err);
	for (u32 i = 0; i < e->nchildren; i++)
		h[i] = (struct hashed){ hash_name(e->children[i].name, e->children[i].name_len), i };
	qsort(h, e->nchildren, sizeof(*h), by_name_hash);
	for (u32 i = 0, n; i < e->nchildren && !ret; i += n) {
		for (n = 1; i + n < e->nchildren && h[i + n].hash == h[i].hash;)
			n++;
		ret = emit_dir_item(x, h + i, n);
	}
	for (u32 i = 0; i < e->nchildren && !ret; i++) {
		struct key key = KEY(x->e->ino, BTRFS_DIR_INDEX_KEY, i + 2);
		u8 *to;

		ret = load_add_empty(x->load, &key, sizeof(struct disk_dir_item) + e->children[i].name_len, &to, x->err);
		if (!ret)
			fill_dir_item(x, &e->children[i], to);
	}
	return ret;
}

/* ---- EXTENT_DATA ---- */

static int emit_inline(struct emit *x)
{
	struct key key = KEY(x->e->ino, BTRFS_EXTENT_DATA_KEY, 0);
	bool link = is_type(x->e, 0120000);
	u8 *to;
	int ret = load_add_empty(x->load, &key, BTRFS_FILE_EXTENT_INLINE_DATA_START + x->t->inline_len, &to, x->err);

	if (ret)
		return ret;
	put_le64(to, MAKE_TRANSID);
	put_le64(to + 8, link ? x->t->inline_len : x->e->size);
	to[16] = x->t->inline_compression;
	memset(to + 17, 0, BTRFS_FILE_EXTENT_INLINE_DATA_START - 17);
	to[20] = BTRFS_FILE_EXTENT_INLINE;
	memcpy(to + BTRFS_FILE_EXTENT_INLINE_DATA_START, x->job->meta.v + x->t->inline_at, x->t->inline_len);
	return 0;
}

static int emit_extent(struct emit *x, u64 start, u64 bytenr, u64 disk_len, u64 num, u8 compression)
{
	struct key key = KEY(x->e->ino, BTRFS_EXTENT_DATA_KEY, start);
	struct disk_file_extent_item f = { .generation = le64_of(MAKE_TRANSID), .ram_bytes = le64_of(num), .compression = compression,
		.type = BTRFS_FILE_EXTENT_REG, .disk_bytenr = le64_of(bytenr), .disk_num_bytes = le64_of(disk_len), .num_bytes = le64_of(num) };

	return load_add(x->load, &key, &f, sizeof(f), x->err);
}

static int emit_hole(struct emit *x, u64 from, u64 to)
{
	if (from >= to || geo_incompat(make_geo(x->m), BTRFS_FEATURE_INCOMPAT_NO_HOLES))
		return 0;
	return emit_extent(x, from, 0, 0, to - from, BTRFS_COMPRESS_NONE);
}

static int emit_extents(struct emit *x)
{
	u64 pos = 0;
	int ret = 0;

	for (size_t i = 0; i < x->made->extents.len && !ret; i++) {
		const struct made_piece *p = &x->made->extents.v[i];

		ret = emit_hole(x, pos, p->start);
		if (!ret)
			ret = emit_extent(x, p->start, p->bytenr, p->disk_len, p->num, p->compression);
		pos = p->start + p->num;
	}
	return ret ? ret : emit_hole(x, pos, round_up_p2(x->e->size, x->pop->sectorsize));
}

int inode_emit(struct populate *pop, struct maker *m, struct make_load *load, const struct source_tree *tree, const struct read_job *job,
	       const struct read_task *t, const struct inode_made *made, struct err *err)
{
	struct emit x = { pop, m, load, tree, t->entry, job, t, made, err };
	int ret = emit_inode(&x);

	if (!ret)
		ret = emit_names(&x);
	if (!ret)
		ret = emit_xattrs(&x);
	if (!ret)
		ret = emit_verity(&x);
	if (!ret && is_dir(x.e))
		return emit_dir(&x);
	if (!ret && t->has_inline)
		return emit_inline(&x);
	return ret || !is_type(x.e, 0100000) ? ret : emit_extents(&x);
}
