/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting, placing and writing trees that list their own blocks. */
#include "kernel-shared/check/rebuild.h"

#include <stdlib.h>
#include "common/mem.h"

enum { PASSES_MAX = 24 };

/* --- counting --- */

static int count_item(void *arg, const struct key *key, const void *data, u32 size, struct err *err)
{
	bulk_count_item(arg, size);
	return 0;
}

static int count_tree(struct rebuild *rb, struct new_tree *t, struct err *err)
{
	u64 per_node = geo_max_ptrs(rb->fs->geo), row;
	struct bulk_count c;
	int ret;

	bulk_count_init(&c, rb->fs->geo->nodesize);
	ret = rebuild_feed(rb, t, count_item, &c, err);
	row = c.leaves ? c.leaves : 1;
	memset(t->per_level, 0, sizeof(t->per_level));
	for (t->blocks = t->level = 0; !ret; t->level++, row = div_round_up(row, per_node)) {
		if (t->level == BTRFS_MAX_LEVEL)
			return err_set(err, -EFBIG, "tree %llu would be too large", t->id);
		t->per_level[t->level] = row;
		t->blocks += row;
		if (row == 1)
			break;
	}
	return ret;
}

static int by_bytenr(const void *a, const void *b)
{
	const struct own_block *x = a, *y = b;

	return x->bytenr < y->bytenr ? -1 : x->bytenr > y->bytenr;
}

/* Exactly n blocks, the first ones that are free; whose they are comes later. */
static int take_blocks(struct rebuild *rb, u64 n, struct err *err)
{
	int ret = 0;

	rb->own.len = 0;
	rb->room.meta_pos = 0;
	while (!ret && rb->own.len < n) {
		struct own_block o = { 0 };

		ret = room_take(&rb->room, rb->fs->geo, false, &o.bytenr, err);
		if (!ret && vec_push(&rb->own, o))
			ret = err_nomem(err);
	}
	vec_sort(&rb->own, by_bytenr);
	return ret;
}

/* Each tree's blocks: leaves first, then level by level. */
static void assign(struct rebuild *rb)
{
	size_t at = 0;

	for (size_t i = 0; i < rb->trees.len; i++) {
		struct new_tree *t = &rb->trees.v[i];

		t->at = at;
		for (unsigned level = 0; level <= t->level; level++)
			for (u64 k = 0; k < t->per_level[level] && at < rb->own.len; k++, at++) {
				rb->own.v[at].owner = t->id;
				rb->own.v[at].level = level;
			}
		t->bytenr = at ? rb->own.v[at - 1].bytenr : 0;
	}
	for (size_t i = 0; i < rb->groups.len; i++)
		rb->groups.v[i].own = 0;
	for (size_t i = 0; i < rb->own.len; i++) {
		struct rgroup *g = rebuild_group(rb, rb->own.v[i].bytenr);

		if (g)
			g->own += rb->fs->geo->nodesize;
	}
}

static int count_all(struct rebuild *rb, u64 *sum, struct err *err)
{
	int ret = 0;

	*sum = 0;
	for (size_t i = 0; !ret && i < rb->trees.len; i++) {
		ret = count_tree(rb, &rb->trees.v[i], err);
		*sum += rb->trees.v[i].blocks;
	}
	return ret;
}

/* More blocks make more items, which may make more blocks: from above the count falls until it fits. */
static int settle(struct rebuild *rb, struct err *err)
{
	u64 n = 0, sum = 0;
	int ret = count_all(rb, &sum, err);

	n = sum + sum / 64 + 4;
	for (unsigned pass = 0; !ret && pass < PASSES_MAX; pass++) {
		ret = take_blocks(rb, n, err);
		if (!ret)
			ret = count_all(rb, &sum, err);
		if (!ret && sum == n) {
			assign(rb);
			return 0;
		}
		n = sum;
	}
	return ret ? ret : err_set(err, -EUCLEAN, "the number of tree blocks does not settle");
}

/* --- writing --- */

struct writing { struct bulk_sink sink; struct rebuild *rb; struct new_tree *t; u64 used[BTRFS_MAX_LEVEL]; bool dry; };

static int place(struct bulk_sink *sink, u8 level, u64 *bytenr, struct err *err)
{
	struct writing *w = container_of(sink, struct writing, sink);
	size_t at = w->t->at;

	if (level > w->t->level || w->used[level] >= w->t->per_level[level])
		return err_set(err, -EUCLEAN, "tree %llu has more blocks than were counted", w->t->id);
	for (unsigned i = 0; i < level; i++)
		at += w->t->per_level[i];
	*bytenr = w->rb->own.v[at + w->used[level]++].bytenr;
	return 0;
}

static int emit(struct bulk_sink *sink, u8 level, u64 bytenr, const struct key *first, const void *block, struct err *err)
{
	struct writing *w = container_of(sink, struct writing, sink);
	struct own_block want = { .bytenr = bytenr }, *o = bsearch(&want, w->rb->own.v, w->rb->own.len, sizeof(want), by_bytenr);

	if (o && first)
		o->first = key_disk(*first);
	return w->dry ? 0 : rio_write(w->rb->fs->vol, bytenr, w->rb->fs->geo->nodesize, block, err);
}

static int add_item(void *arg, const struct key *key, const void *data, u32 size, struct err *err)
{
	return bulk_add(arg, key, data, size, err);
}

static int write_tree(struct rebuild *rb, struct new_tree *t, bool dry, struct err *err)
{
	struct writing w = { .sink = { place, emit }, .rb = rb, .t = t, .dry = dry };
	struct bulk_args args = { rb->fs->geo, t->id, rb->transid, rb->fs->vol->fsids[0], rb->chunk_uuid, &w.sink };
	struct bulk *b;
	u64 bytenr;
	u8 level;
	int ret = bulk_new(&args, &b) ? err_nomem(err) : 0;

	if (ret)
		return ret;
	ret = rebuild_feed(rb, t, add_item, b, err);
	if (!ret)
		ret = bulk_finish(b, &bytenr, &level, err);
	bulk_free(b);
	if (!ret && (bytenr != t->bytenr || level != t->level))
		ret = err_set(err, -EUCLEAN, "tree %llu came out otherwise than it was counted", t->id);
	return ret ? err_wrap(err, ret, "cannot rebuild tree %llu", t->id) : 0;
}

/* Items of the old kind carry the first key of each block, which is known once it was made. */
static int write_trees(struct rebuild *rb, struct err *err)
{
	bool keys = !geo_incompat(rb->fs->geo, BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA);
	int ret = 0;

	for (size_t i = 0; !ret && keys && i < rb->trees.len; i++)
		ret = write_tree(rb, &rb->trees.v[i], true, err);
	for (size_t i = 0; !ret && i < rb->trees.len; i++)
		ret = write_tree(rb, &rb->trees.v[i], false, err);
	return ret;
}

/* --- the whole --- */

static int list_groups(struct rebuild *rb, struct err *err)
{
	const u64 mask = BTRFS_BLOCK_GROUP_TYPE_MASK | BTRFS_BLOCK_GROUP_PROFILE_MASK;
	const struct volume *vol = rb->fs->vol;

	for (size_t i = 0; i < vol->chunks.len; i++) {
		const struct chunk *c = vol->chunks.v[i];

		if (vec_push(&rb->groups, ((struct rgroup){ c->start, c->length, c->type & mask, 0, 0 })))
			return err_nomem(err);
	}
	return 0;
}

static int list_trees(struct rebuild *rb, struct err *err)
{
	static const u64 order[] = { BTRFS_EXTENT_TREE_OBJECTID, BTRFS_BLOCK_GROUP_TREE_OBJECTID, BTRFS_FREE_SPACE_TREE_OBJECTID, BTRFS_DEV_TREE_OBJECTID,
		BTRFS_ROOT_TREE_OBJECTID };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (rb->want[order[i]] && vec_push(&rb->trees, ((struct new_tree){ .id = order[i] })))
			return err_nomem(err);
	return 0;
}

static int find_chunk_uuid(struct rebuild *rb, struct err *err)
{
	struct node *n;
	int ret = tree_root_node(&rb->fs->root_tree->tree, &n, err);

	if (ret)
		return ret;
	memcpy(rb->chunk_uuid, block_header(n->data)->chunk_tree_uuid, sizeof(rb->chunk_uuid));
	node_put(n);
	return 0;
}

int raw_commit(struct repair *r, struct fs *fs, u64 transid, struct err *err)
{
	struct disk_super *sb = fs->sb;

	if (le64_get(sb->uuid_tree_generation) == le64_get(sb->generation))
		sb->uuid_tree_generation = le64_of(transid);
	sb->generation = le64_of(transid);
	sb->log_root = le64_of(0);
	sb->log_root_level = 0;
	return volume_write_supers(fs->vol, err);
}

static int commit(struct rebuild *rb, struct err *err)
{
	const struct new_tree *root = &rb->trees.v[rb->trees.len - 1];
	struct disk_super *sb = rb->fs->sb;
	u64 used = 0;

	for (size_t i = 0; i < rb->groups.len; i++)
		used += rb->groups.v[i].used + rb->groups.v[i].own;
	sb->root = le64_of(root->bytenr);
	sb->root_level = root->level;
	sb->bytes_used = le64_of(used);
	return raw_commit(rb->r, rb->fs, rb->transid, err);
}

static int run(struct rebuild *rb, struct err *err)
{
	int ret = survey_run(rb->s, rb->r, rb->fs, err);

	if (!ret)
		ret = find_chunk_uuid(rb, err);
	if (!ret)
		ret = room_init(&rb->room, rb->s, err);
	if (!ret)
		ret = list_groups(rb, err);
	if (!ret)
		ret = list_trees(rb, err);
	if (!ret)
		ret = spool_new(rb->r->env, &rb->extents, err);
	if (!ret)
		ret = rebuild_extent_items(rb, err);
	if (!ret)
		ret = settle(rb, err);
	if (!ret)
		ret = write_trees(rb, err);
	return ret ? ret : commit(rb, err);
}

int rebuild_run(struct repair *r, struct fs *fs, const bool want[16], struct err *err)
{
	struct survey s = { .skip = want, .facts = true };
	struct rebuild rb = { .r = r, .fs = fs, .s = &s, .transid = raw_transid(fs) };
	int ret;

	if (!fs->root_tree)
		return err_set(err, -EIO, "the root tree cannot be read");
	memcpy(rb.want, want, sizeof(rb.want));
	ret = run(&rb, err);
	if (!ret && rb.dropped)
		repair_say(r, "%llu extents that overlap others are left to their files", rb.dropped);
	spool_free(rb.extents);
	vec_fini(&rb.groups);
	vec_fini(&rb.trees);
	vec_fini(&rb.own);
	room_fini(&rb.room);
	survey_fini(&s);
	return ret;
}
