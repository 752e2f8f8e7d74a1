/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extent items and their references, inline and keyed: one queued extent is brought into the extent tree. Spec: on-disk-format 3.13. */
#include "kernel-shared/alloc/internal.h"

#include "common/mem.h"

enum { INLINE_REFS_MAX = BTRFS_MAX_METADATA_BLOCKSIZE / 16 / 9 + 1 };

/* One reference in a form that serves inline and keyed items. */
struct ref { u8 type; u64 owner, objectid, offset, seq; u64 count; };

/* An extent item taken apart. */
struct extent {
	struct key key;
	u64 refs, generation, flags;
	bool has_info; struct disk_tree_block_info info;
	u32 old_size;
	unsigned n;
	struct ref r[INLINE_REFS_MAX];
};

static u8 ref_type(enum ref_kind kind)
{
	static const u8 types[] = { [REF_TREE] = BTRFS_TREE_BLOCK_REF_KEY, [REF_SHARED_TREE] = BTRFS_SHARED_BLOCK_REF_KEY,
		[REF_DATA] = BTRFS_EXTENT_DATA_REF_KEY, [REF_SHARED_DATA] = BTRFS_SHARED_DATA_REF_KEY };

	return types[kind];
}

static u32 inline_size(u8 type)
{
	return type == BTRFS_EXTENT_DATA_REF_KEY ? 1 + sizeof(struct disk_extent_data_ref)
		: type == BTRFS_SHARED_DATA_REF_KEY ? sizeof(struct disk_extent_inline_ref) + sizeof(struct disk_shared_data_ref)
		: sizeof(struct disk_extent_inline_ref);
}

static u32 extent_size(const struct extent *e)
{
	u32 size = sizeof(struct disk_extent_item) + (e->has_info ? sizeof(e->info) : 0);

	for (unsigned i = 0; i < e->n; i++)
		size += inline_size(e->r[i].type);
	return size;
}

/* Type ascending, sequence descending. */
static bool ref_before(const struct ref *a, const struct ref *b)
{
	return a->type != b->type ? a->type < b->type : a->seq > b->seq;
}

static int ref_find(const struct extent *e, const struct ref *want)
{
	for (unsigned i = 0; i < e->n; i++) {
		const struct ref *r = &e->r[i];

		if (r->type == want->type && r->owner == want->owner
		    && (r->type != BTRFS_EXTENT_DATA_REF_KEY || (r->objectid == want->objectid && r->offset == want->offset)))
			return i;
	}
	return -1;
}

static void ref_insert(struct extent *e, const struct ref *r)
{
	unsigned at = 0;

	while (at < e->n && !ref_before(r, &e->r[at]))
		at++;
	memmove(&e->r[at + 1], &e->r[at], (e->n - at) * sizeof(*r));
	e->r[at] = *r;
	e->n++;
}

static struct ref ref_of_entry(const struct ref_entry *e)
{
	struct ref r = { .type = ref_type(e->kind), .owner = e->owner, .objectid = e->objectid, .offset = e->offset, .seq = e->owner };

	if (e->kind == REF_DATA)
		r.seq = hash_data_ref(e->owner, e->objectid, e->offset);
	return r;
}

static struct ref ref_of_view(const struct extent_ref_view *v)
{
	bool shared = v->type == BTRFS_SHARED_BLOCK_REF_KEY || v->type == BTRFS_SHARED_DATA_REF_KEY;

	return (struct ref){ .type = v->type, .owner = shared ? v->parent : v->root, .objectid = v->objectid, .offset = v->offset, .seq = v->seq,
		.count = v->count };
}

static int extent_parse(struct alloc *a, const struct item *item, struct extent *out, struct err *err)
{
	struct extent_view v;
	struct extent_ref_view r;
	u32 pos;

	if (extent_item_parse(a->geo, item, &v))
		return err_set(err, -EUCLEAN, "extent item (%llu %u %llu) cannot be read", item->key.objectid, item->key.type, item->key.offset);
	*out = (struct extent){ .key = item->key, .refs = v.refs, .generation = v.generation, .flags = v.flags, .has_info = v.has_tree_info,
		.old_size = item->size };
	if (v.has_tree_info)
		memcpy(&out->info, item->data + sizeof(struct disk_extent_item), sizeof(out->info));
	for (pos = v.refs_start; extent_ref_next(item, &pos, &r);) {
		if (out->n >= INLINE_REFS_MAX - 1)
			return err_set(err, -EUCLEAN, "extent item %llu holds too many references", item->key.objectid);
		out->r[out->n++] = ref_of_view(&r);
	}
	if (pos != item->size)
		return err_set(err, -EUCLEAN, "extent item %llu has broken references", item->key.objectid);
	return 0;
}

static void extent_print(const struct extent *e, u8 *to)
{
	struct disk_extent_item head = { le64_of(e->refs), le64_of(e->generation), le64_of(e->flags) };

	memcpy(to, &head, sizeof(head));
	to += sizeof(head);
	if (e->has_info) {
		memcpy(to, &e->info, sizeof(e->info));
		to += sizeof(e->info);
	}
	for (unsigned i = 0; i < e->n; to += inline_size(e->r[i].type), i++) {
		const struct ref *r = &e->r[i];

		to[0] = r->type;
		if (r->type == BTRFS_EXTENT_DATA_REF_KEY) {
			struct disk_extent_data_ref d = { le64_of(r->owner), le64_of(r->objectid), le64_of(r->offset), le32_of(r->count) };

			memcpy(to + 1, &d, sizeof(d));
			continue;
		}
		put_le64(to + 1, r->owner);
		if (r->type == BTRFS_SHARED_DATA_REF_KEY)
			put_le32(to + sizeof(struct disk_extent_inline_ref), r->count);
	}
}

/* The extent item of bytenr, made writable. A tree block may have an item of the old kind even where the new one is in use. */
static int extent_search(struct alloc *a, const struct ref_head *h, struct path *p, struct err *err)
{
	struct tree *t = &a->roots->extent_tree->tree;
	struct key key = KEY(h->bytenr, BTRFS_EXTENT_ITEM_KEY, h->len);
	struct key skinny = KEY(h->bytenr, BTRFS_METADATA_ITEM_KEY, h->level);
	int ret = 1;

	if (h->tree && geo_incompat(a->geo, BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA))
		ret = tree_search_cow(t, &skinny, 0, p, err);
	if (ret == 1)
		ret = tree_search_cow(t, &key, 0, p, err);
	if (ret == 1)
		return err_set(err, -EUCLEAN, "extent %llu (%llu bytes) is in use, but has no item in the extent tree", h->bytenr, h->len);
	return ret;
}

static struct key keyed_key(u64 bytenr, const struct ref *r)
{
	return KEY(bytenr, r->type, r->seq);
}

/* Finds the keyed item of a reference; hash collisions of data references are probed upwards. 0 found, 1 not (key is then the place for it). */
static int keyed_find(struct alloc *a, u64 bytenr, const struct ref *r, struct key *key, u64 *count, struct err *err)
{
	struct tree *t = &a->roots->extent_tree->tree;

	for (*key = keyed_key(bytenr, r);; key->offset++) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct extent_ref_view v;
		struct item item;
		u32 pos = 0;
		int ret = tree_lookup(t, key, &p, &item, err);

		if (ret)
			return ret == -ENOENT ? 1 : ret;
		if (!extent_ref_next(&item, &pos, &v))
			return err_set(err, -EUCLEAN, "reference item (%llu %u %llu) cannot be read", key->objectid, key->type, key->offset);
		*count = v.count;
		if (r->type != BTRFS_EXTENT_DATA_REF_KEY || (v.root == r->owner && v.objectid == r->objectid && v.offset == r->offset))
			return 0;
	}
}

static int keyed_put(struct alloc *a, const struct key *key, const struct ref *r, u64 count, struct err *err)
{
	struct tree *t = &a->roots->extent_tree->tree;
	struct disk_extent_data_ref d = { le64_of(r->owner), le64_of(r->objectid), le64_of(r->offset), le32_of(count) };
	struct disk_shared_data_ref s = { le32_of(count) };

	if (!count)
		return tree_delete(t, key, err);
	if (r->type == BTRFS_EXTENT_DATA_REF_KEY)
		return tree_put(t, key, &d, sizeof(d), true, err);
	if (r->type == BTRFS_SHARED_DATA_REF_KEY)
		return tree_put(t, key, &s, sizeof(s), true, err);
	return tree_put(t, key, NULL, 0, true, err);
}

/* Does this extent have keyed references at all? */
static int keyed_any(struct alloc *a, u64 bytenr, bool *any, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(bytenr, BTRFS_TREE_BLOCK_REF_KEY, 0);
	struct item item;
	int ret = tree_lookup_ge(&a->roots->extent_tree->tree, &key, &p, &item, err);

	*any = !ret && item.key.objectid == bytenr && item.key.type <= BTRFS_SHARED_DATA_REF_KEY;
	return ret == -ENOENT ? 0 : ret;
}

static int bad_count(const struct ref *r, u64 bytenr, s64 delta, u64 have, struct err *err)
{
	return err_set(err, -EUCLEAN, "extent %llu: reference (type %u, owner %llu, inode %llu, offset %llu) has count %llu, cannot change it by %lld", bytenr, r->type,
		r->owner, r->objectid, r->offset, have, delta);
}

static bool count_ok(const struct ref *r, u64 have, s64 delta)
{
	bool tree = r->type == BTRFS_TREE_BLOCK_REF_KEY || r->type == BTRFS_SHARED_BLOCK_REF_KEY;

	return (s64)have + delta >= 0 && (s64)have + delta <= (tree ? 1 : (s64)UINT32_MAX);
}

/* Applies one change to the parsed item, or to a keyed item when the reference is or must be there. */
static int ref_change_one(struct alloc *a, struct extent *e, u64 bytenr, const struct ref_entry *entry, bool fresh, struct err *err)
{
	struct ref r = ref_of_entry(entry);
	int at = ref_find(e, &r);
	struct key key;
	u64 have = 0;
	bool keyed = false;
	int ret;

	if (at >= 0) {
		if (!count_ok(&r, e->r[at].count, entry->delta))
			return bad_count(&r, bytenr, entry->delta, e->r[at].count, err);
		e->r[at].count += entry->delta;
		if (!e->r[at].count)
			memmove(&e->r[at], &e->r[at + 1], (--e->n - at) * sizeof(r));
		return 0;
	}
	if (!fresh) {
		ret = keyed_any(a, bytenr, &keyed, err);
		if (ret)
			return ret;
	}
	if (keyed || extent_size(e) + inline_size(r.type) >= geo_max_inline_refs(a->geo)) {
		ret = keyed_find(a, bytenr, &r, &key, &have, err);
		if (ret < 0)
			return ret;
		if (ret)
			have = 0;
		if (!count_ok(&r, have, entry->delta) || (!have && entry->delta <= 0))
			return bad_count(&r, bytenr, entry->delta, have, err);
		return keyed_put(a, &key, &r, have + entry->delta, err);
	}
	if (entry->delta <= 0 || !count_ok(&r, 0, entry->delta))
		return bad_count(&r, bytenr, entry->delta, 0, err);
	r.count = entry->delta;
	ref_insert(e, &r);
	return 0;
}

static int extent_write(struct alloc *a, const struct extent *e, bool create, struct err *err)
{
	u8 buf[sizeof(struct disk_extent_item) + sizeof(struct disk_tree_block_info) + INLINE_REFS_MAX * (1 + sizeof(struct disk_extent_data_ref))];

	extent_print(e, buf);
	return tree_put(&a->roots->extent_tree->tree, &e->key, buf, extent_size(e), create, err);
}

static int group_account(struct alloc *a, u64 bytenr, u64 len, bool add, struct err *err)
{
	struct block_group *bg = alloc_block_group(a, bytenr);

	if (!bg || bytenr + len > bg->start + bg->length)
		return err_set(err, -EUCLEAN, "extent %llu (%llu bytes) lies in no block group", bytenr, len);
	if (!add && bg->used < len)
		return err_set(err, -EUCLEAN, "block group %llu counts %llu bytes in use, fewer than the %llu that become free", bg->start, bg->used, len);
	bg->used += add ? len : -len;
	return fst_change(a, bytenr, len, !add, err);
}

static int extent_event(struct alloc *a, const struct ref_head *h, u64 owner, u64 generation, bool born, struct err *err)
{
	struct extent_event e = { h->bytenr, h->len, owner, generation, h->tree, born };

	return a->on_extent ? a->on_extent(a->on_extent_arg, &e, err) : 0;
}

/* A data extent that was made and given up within the transaction: its checksums and its space. */
static int extent_never_was(struct alloc *a, const struct ref_head *h, struct err *err)
{
	int ret = csum_delete(a, h->bytenr, h->len, err);

	if (!ret && a->on_dead)
		a->on_dead(a->on_dead_arg, h->bytenr, h->len, false);
	return ret ? ret : space_free(a, h->bytenr, h->len, true, err);
}

static int extent_create(struct alloc *a, struct detached *d, struct err *err)
{
	const struct ref_head *h = &d->head;
	bool skinny = h->tree && geo_incompat(a->geo, BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA);
	struct extent e = { .key = skinny ? KEY(h->bytenr, BTRFS_METADATA_ITEM_KEY, h->level) : KEY(h->bytenr, BTRFS_EXTENT_ITEM_KEY, h->len),
		.refs = h->total, .generation = a->transid, .flags = h->tree ? BTRFS_EXTENT_FLAG_TREE_BLOCK : BTRFS_EXTENT_FLAG_DATA };
	int ret;

	if (h->total <= 0)
		return extent_never_was(a, h, err);
	if (h->set_full)
		e.flags |= BTRFS_BLOCK_FLAG_FULL_BACKREF;
	if (h->tree && !skinny) {
		e.has_info = true;
		e.info = (struct disk_tree_block_info){ key_disk(h->first), h->level };
	}
	if (!h->tree && geo_incompat(a->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA) && is_fstree(h->charge))
		ref_insert(&e, &(struct ref){ .type = BTRFS_EXTENT_OWNER_REF_KEY, .owner = h->charge, .seq = h->charge });
	for (size_t i = 0; i < d->refs.len; i++) {
		ret = ref_change_one(a, &e, h->bytenr, &d->refs.v[i], !i || extent_size(&e) + 64 < geo_max_inline_refs(a->geo), err);
		if (ret)
			return ret;
	}
	ret = extent_write(a, &e, true, err);
	if (!ret)
		ret = group_account(a, h->bytenr, h->len, true, err);
	return ret ? ret : extent_event(a, h, h->charge, a->transid, true, err);
}

static int extent_remove(struct alloc *a, struct detached *d, const struct extent *e, struct err *err)
{
	const struct ref_head *h = &d->head;
	u64 owner = e->n && e->r[0].type == BTRFS_EXTENT_OWNER_REF_KEY ? e->r[0].owner : 0;
	int ret = tree_delete(&a->roots->extent_tree->tree, &e->key, err);

	if (!ret && !h->tree)
		ret = csum_delete(a, h->bytenr, h->len, err);
	if (!ret)
		ret = group_account(a, h->bytenr, h->len, false, err);
	if (!ret)
		ret = extent_event(a, h, owner, e->generation, false, err);
	if (ret)
		return ret;
	if (a->on_dead)
		a->on_dead(a->on_dead_arg, h->bytenr, h->len, h->tree);
	return space_free(a, h->bytenr, h->len, e->generation == a->transid, err);
}

static int extent_update(struct alloc *a, struct detached *d, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	const struct ref_head *h = &d->head;
	struct extent e;
	struct item item;
	bool keyed;
	int ret = extent_search(a, h, &p, err);

	if (ret)
		return ret;
	item = path_item(&p);
	ret = extent_parse(a, &item, &e, err);
	path_fini(&p);
	for (size_t i = 0; !ret && i < d->refs.len; i++)
		ret = ref_change_one(a, &e, h->bytenr, &d->refs.v[i], false, err);
	if (ret)
		return ret;
	if ((s64)e.refs + h->total < 0)
		return err_set(err, -EUCLEAN, "extent %llu has %llu references, %lld too few", h->bytenr, e.refs, -(s64)e.refs - h->total);
	e.refs += h->total;
	if (!e.refs) {
		ret = keyed_any(a, h->bytenr, &keyed, err);
		if (ret)
			return ret;
		if (keyed || e.n > (e.n && e.r[0].type == BTRFS_EXTENT_OWNER_REF_KEY))
			return err_set(err, -EUCLEAN, "extent %llu counts no references, but has some", h->bytenr);
		return extent_remove(a, d, &e, err);
	}
	if (h->set_full)
		e.flags |= BTRFS_BLOCK_FLAG_FULL_BACKREF;
	return extent_write(a, &e, false, err);
}

int extent_apply(struct alloc *a, struct detached *d, struct err *err)
{
	int ret = d->head.new_extent ? extent_create(a, d, err) : extent_update(a, d, err);

	return ret ? err_wrap(err, ret, "cannot update the references of extent %llu", d->head.bytenr) : 0;
}

int ref_info(struct alloc *a, u64 bytenr, bool metadata, u64 *refs, u64 *flags, u64 *generation, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(bytenr, BTRFS_METADATA_ITEM_KEY, -1ULL);
	struct ref_head *h = head_find(a, bytenr);
	struct extent_view v = { .flags = metadata ? BTRFS_EXTENT_FLAG_TREE_BLOCK : BTRFS_EXTENT_FLAG_DATA, .generation = a->transid };
	struct item item;
	int ret = 0;

	if (!h || !h->new_extent) {
		ret = tree_lookup_le(&a->roots->extent_tree->tree, &key, &p, &item, err);
		if (!ret && (item.key.objectid != bytenr || (item.key.type != BTRFS_EXTENT_ITEM_KEY && item.key.type != BTRFS_METADATA_ITEM_KEY)))
			ret = err_set(err, -ENOENT, "no extent begins at %llu", bytenr);
		if (!ret)
			ret = extent_item_parse(a->geo, &item, &v);
	}
	if (ret)
		return ret;
	*refs = v.refs + (h ? h->total : 0);
	*flags = v.flags | (h && h->set_full ? BTRFS_BLOCK_FLAG_FULL_BACKREF : 0);
	if (generation)
		*generation = v.generation;
	return 0;
}

/* One entry of the queue as a view; false when the committed reference it adds to was told already. */
static struct extent_ref_view view_of_entry(const struct ref_entry *e)
{
	struct ref r = ref_of_entry(e);
	bool shared = e->kind == REF_SHARED_TREE || e->kind == REF_SHARED_DATA;

	return (struct extent_ref_view){ .type = r.type, .root = shared ? 0 : r.owner, .parent = shared ? r.owner : 0, .objectid = r.objectid, .offset = r.offset,
		.seq = r.seq, .count = e->delta };
}

static s64 queued_delta(struct alloc *a, const struct ref_head *h, const struct extent_ref_view *v, u8 *told)
{
	struct ref r = ref_of_view(v);
	u32 at = 0;

	for (u32 i = h ? h->first_entry : 0; i; i = a->entries.v[i].next, at++) {
		struct ref q = ref_of_entry(&a->entries.v[i]);

		if (q.type == r.type && q.owner == r.owner && q.objectid == r.objectid && q.offset == r.offset) {
			told[at] = 1;
			return a->entries.v[i].delta;
		}
	}
	return 0;
}

int ref_each(struct alloc *a, u64 bytenr, int (*fn)(void *arg, const struct extent_ref_view *ref), void *arg, struct err *err)
{
	struct ref_head *h = head_find(a, bytenr);
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&a->roots->extent_tree->tree, KEY(bytenr, BTRFS_EXTENT_ITEM_KEY, 0),
		KEY(bytenr, BTRFS_SHARED_DATA_REF_KEY, -1ULL));
	u8 *told CLEANUP(mem_freep) = mem_zalloc(h ? h->entries + 1 : 1);
	struct extent_ref_view v;
	struct item item;
	u32 at = 0;
	int ret;

	if (!told)
		return err_nomem(err);
	while ((ret = tree_next(&it, &item, err)) == 0) {
		struct extent_view e;
		u32 pos = 0;

		if (item.key.type == BTRFS_EXTENT_ITEM_KEY || item.key.type == BTRFS_METADATA_ITEM_KEY) {
			if (extent_item_parse(a->geo, &item, &e))
				return err_set(err, -EUCLEAN, "extent item %llu cannot be read", bytenr);
			pos = e.refs_start;
		}
		while (extent_ref_next(&item, &pos, &v)) {
			v.count += queued_delta(a, h, &v, told);
			ret = v.count ? fn(arg, &v) : 0;
			if (ret)
				return ret;
		}
	}
	if (ret != -ENOENT)
		return ret;
	for (u32 i = h ? h->first_entry : 0; i; i = a->entries.v[i].next, at++) {
		if (told[at] || a->entries.v[i].delta <= 0)
			continue;
		v = view_of_entry(&a->entries.v[i]);
		ret = fn(arg, &v);
		if (ret)
			return ret;
	}
	return 0;
}
