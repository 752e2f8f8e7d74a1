/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks that hung below a block that is lost. The extent tree still names whose they are; where it has holes itself, all that lies in metadata space and
 * is whole is looked at, the newest winning. */
#include "kernel-shared/check/mend.h"

#include <stdlib.h>
#include "kernel-shared/tree/salvage.h"

/* who: a tree, or (shared) a parent block. */
struct ref_of { u64 who, bytenr; u8 level; bool shared; };
struct found_index { VEC(struct ref_of) refs; };

static int by_who(const void *a, const void *b)
{
	const struct ref_of *x = a, *y = b;

	if (x->shared != y->shared)
		return x->shared - y->shared;
	if (x->who != y->who)
		return x->who < y->who ? -1 : 1;
	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	return x->bytenr < y->bytenr ? -1 : x->bytenr > y->bytenr;
}

static int add(struct found_index *x, u64 who, bool shared, u8 level, u64 bytenr)
{
	return vec_push(&x->refs, ((struct ref_of){ who, bytenr, level, shared }));
}

static int index_item(struct mend *m, const struct item *item)
{
	struct extent_ref_view ref;
	struct extent_view v;
	int ret = 0;

	if (item->key.type == BTRFS_TREE_BLOCK_REF_KEY || item->key.type == BTRFS_SHARED_BLOCK_REF_KEY)
		return add(m->index, item->key.offset, item->key.type == BTRFS_SHARED_BLOCK_REF_KEY, 255, item->key.objectid);
	if ((item->key.type != BTRFS_EXTENT_ITEM_KEY && item->key.type != BTRFS_METADATA_ITEM_KEY) || extent_item_parse(m->fs->geo, item, &v) || v.is_data)
		return 0;
	for (u32 pos = v.refs_start; !ret && extent_ref_next(item, &pos, &ref);)
		if (ref.type == BTRFS_TREE_BLOCK_REF_KEY || ref.type == BTRFS_SHARED_BLOCK_REF_KEY)
			ret = add(m->index, ref.type == BTRFS_SHARED_BLOCK_REF_KEY ? ref.parent : ref.root, ref.type == BTRFS_SHARED_BLOCK_REF_KEY, v.level, v.bytenr);
	return ret;
}

static int index_extents(struct mend *m, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&m->fs->extent_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0)
		if (!ret && index_item(m, &item))
			return err_nomem(err);
	err_clear(err);
	return ret == -ENOENT ? 0 : ret;
}

/* A block that is whole and lies where it says. */
static bool read_whole(struct mend *m, u64 bytenr, u8 *buf)
{
	u32 size = m->fs->geo->nodesize;
	unsigned copies = rio_copies(m->fs->vol, bytenr);

	for (unsigned mirror = 1; mirror <= copies; mirror++) {
		struct err ignored = ERR_INIT;
		struct validator v = { .geo = m->fs->geo };

		if (rio_read(m->fs->vol, bytenr, size, mirror, buf, &ignored) || block_bytenr(buf) != bytenr ||
		    memcmp(block_header(buf)->fsid, m->fs->vol->fsids[0], BTRFS_FSID_SIZE) || block_level(buf) >= BTRFS_MAX_LEVEL ||
		    !block_nritems(buf) || !block_check_csum(m->fs->geo, buf, NULL))
			continue;
		if (!block_validate(&v, buf))
			return true;
	}
	return false;
}

static int index_all(struct mend *m, struct err *err)
{
	u32 size = m->fs->geo->nodesize;
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(size);
	const struct volume *vol = m->fs->vol;

	if (!buf)
		return err_nomem(err);
	for (size_t i = 0; i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		if (!(c->type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM)))
			continue;
		for (u64 at = round_up_p2(c->start, size); at - c->start <= c->length - size; at += size) {
			if ((!m->live || !blockmap_has(m->live, at)) && read_whole(m, at, buf) && add(m->index, block_owner(buf), false, block_level(buf), at))
				return err_nomem(err);
			if (env_check_interrupt(m->fs->env, err))
				return -EINTR;
		}
	}
	return 0;
}

static int make_index(struct mend *m, struct err *err)
{
	int ret = 0;

	if (m->index)
		return 0;
	m->index = mem_zalloc(sizeof(*m->index));
	if (!m->index)
		return err_nomem(err);
	if (m->fs->extent_tree)
		ret = index_extents(m, err);
	if (!ret && (m->scan_all || !m->fs->extent_tree))
		ret = index_all(m, err);
	vec_sort(&m->index->refs, by_who);
	return ret;
}

void orphans_fini(struct mend *m)
{
	if (m->index)
		vec_fini(&m->index->refs);
	free(m->index);
}

/* The first reference of someone. */
static size_t first_of(const struct found_index *x, u64 who, bool shared)
{
	struct ref_of want = { who, 0, 0, shared };
	size_t lo = 0, hi = x->refs.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (by_who(&x->refs.v[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct found_block describe(const u8 *buf, u64 bytenr)
{
	return (struct found_block){ .first = block_key(buf, 0), .last = block_key(buf, block_nritems(buf) - 1), .bytenr = bytenr,
				     .generation = block_generation(buf), .owner = block_owner(buf), .level = block_level(buf) };
}

static int by_first(const void *a, const void *b)
{
	const struct found_block *x = a, *y = b;
	int ret = key_cmp(&x->first, &y->first);

	if (ret)
		return ret;
	if (x->generation != y->generation)
		return x->generation > y->generation ? -1 : 1;
	return x->bytenr < y->bytenr ? -1 : x->bytenr > y->bytenr;
}

/* Of those that overlap the newer one. */
static void disjoint(struct found_blocks *v)
{
	size_t n = 0;

	vec_sort(v, by_first);
	for (size_t i = 0; i < v->len; i++) {
		struct found_block *b = &v->v[i];

		while (n && key_cmp(&v->v[n - 1].last, &b->first) >= 0 && v->v[n - 1].generation < b->generation)
			n--;
		if (!n || key_cmp(&v->v[n - 1].last, &b->first) < 0)
			v->v[n++] = *b;
	}
	v->len = n;
}

static int collect(struct mend *m, const struct place *p, u8 level, u64 who, bool shared, u8 *buf, struct found_blocks *out)
{
	const struct found_index *x = m->index;

	for (size_t i = first_of(x, who, shared); i < x->refs.len && x->refs.v[i].who == who && x->refs.v[i].shared == shared; i++) {
		const struct ref_of *r = &x->refs.v[i];
		struct found_block b;

		if ((r->level != level && r->level != 255) || (i && r->bytenr == r[-1].bytenr && r->who == r[-1].who) || !read_whole(m, r->bytenr, buf) ||
		    block_level(buf) != level)
			continue;
		b = describe(buf, r->bytenr);
		if ((p->has_first && key_cmp(&b.first, &p->first) < 0) || key_cmp(&b.first, &p->bound) >= 0 || b.generation >= m->transid)
			continue;
		if (vec_push(out, b))
			return -ENOMEM;
	}
	return 0;
}

int orphans_below(struct mend *m, const struct place *p, u8 level, struct found_blocks *out, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(m->fs->geo->nodesize);
	int ret = buf ? make_index(m, err) : err_nomem(err);

	if (!ret && (collect(m, p, level, p->tree, false, buf, out) || collect(m, p, level, p->bytenr, true, buf, out)))
		ret = err_nomem(err);
	disjoint(out);
	return ret;
}

int orphans_root(struct mend *m, u64 tree, struct found_block *out, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(m->fs->geo->nodesize);
	int ret = buf ? make_index(m, err) : err_nomem(err);
	bool found = false;

	for (size_t i = ret ? 0 : first_of(m->index, tree, false); !ret && i < m->index->refs.len && m->index->refs.v[i].who == tree &&
	     !m->index->refs.v[i].shared; i++) {
		const struct ref_of *r = &m->index->refs.v[i];
		struct found_block b;

		if (!read_whole(m, r->bytenr, buf) || block_owner(buf) != tree)
			continue;
		b = describe(buf, r->bytenr);
		if (b.generation >= m->transid || (found && (b.level < out->level || (b.level == out->level && b.generation <= out->generation))))
			continue;
		*out = b;
		found = true;
	}
	return ret ? ret : found ? 0 : -ENOENT;
}

int orphans_trees(struct mend *m, struct tree_ids *out, struct err *err)
{
	int ret = make_index(m, err);

	for (size_t i = 0; !ret && i < m->index->refs.len; i++) {
		const struct ref_of *r = &m->index->refs.v[i];

		if (!r->shared && (!out->len || out->v[out->len - 1] != r->who) && vec_push(out, r->who))
			ret = err_nomem(err);
	}
	return ret;
}

int orphans_mark(struct mend *m, struct blockmap *map, struct err *err)
{
	int ret = make_index(m, err);

	for (size_t i = 0; !ret && i < m->index->refs.len; i++)
		if (blockmap_set(map, m->index->refs.v[i].bytenr) < 0)
			ret = err_nomem(err);
	return ret;
}
