/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which blocks there are, by the trees themselves: level by level from the roots, each block read once. Spec: metadump 2. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/dump/internal.h"

VEC_TYPE(addresses, u64);

struct walk {
	const struct lister *l;
	struct block_refs level[BTRFS_MAX_LEVEL]; /* to be read */
	struct addresses leaves;      /* need not be read */
	struct addresses found;
	bool roots;                   /* leaves are read, too: their ROOT_ITEMs go to next */
	bool log;                     /* trees of the log */
	struct block_refs next;
};

static int add_root(struct block_refs *to, u64 bytenr, u64 generation, u8 level, bool log)
{
	struct block_ref ref = { .bytenr = bytenr, .generation = generation, .level = level, .has_level = true, .any_owner = log };

	return bytenr && level < BTRFS_MAX_LEVEL ? vec_push(to, ref) : 0;
}

static int by_address(const void *pa, const void *pb)
{
	const struct block_ref *a = pa, *b = pb;

	return a->bytenr < b->bytenr ? -1 : a->bytenr > b->bytenr;
}

static int compare_u64(const void *pa, const void *pb)
{
	u64 a = *(const u64 *)pa, b = *(const u64 *)pb;

	return a < b ? -1 : a > b;
}

static void unique_refs(struct block_refs *r)
{
	size_t n = 0;

	vec_sort(r, by_address);
	for (size_t i = 0; i < r->len; i++)
		if (!n || r->v[n - 1].bytenr != r->v[i].bytenr)
			r->v[n++] = r->v[i];
	r->len = n;
}

static void unique_addresses(struct addresses *a)
{
	size_t n = 0;

	vec_sort(a, compare_u64);
	for (size_t i = 0; i < a->len; i++)
		if (!n || a->v[n - 1] != a->v[i])
			a->v[n++] = a->v[i];
	a->len = n;
}

/* The same block may hang in the trees at two levels when they are broken; it is listed once all the same, at the end. */
static int take_children(struct walk *w, const void *block)
{
	u8 level = block_level(block) - 1;
	int ret = 0;

	for (u32 i = 0; !ret && i < block_nritems(block); i++) {
		struct block_ref ref = block_child(block, i, 0);

		ref.any_owner = true;
		ret = level || w->roots ? vec_push(&w->level[level], ref) : vec_push(&w->leaves, ref.bytenr);
	}
	return ret;
}

static int take_roots(struct walk *w, const void *block)
{
	int ret = 0;

	for (u32 i = 0; !ret && i < block_nritems(block); i++) {
		struct item item = block_item(block, i);
		struct disk_root_item root;

		if (item.key.type != BTRFS_ROOT_ITEM_KEY)
			continue;
		root_item_parse(&item, &root);
		ret = add_root(&w->next, le64_get(root.bytenr), w->log ? 0 : le64_get(root.generation), root.level, w->log);
	}
	return ret;
}

/* A block's data is gone after work(), so the vectors are filled there, by one thread at a time. */
struct scan_arg { struct walk *w; pthread_mutex_t lock; struct err *err; };

static int block_work(void *arg, struct scan_block *b, unsigned worker)
{
	struct scan_arg *s = arg;
	int ret;

	if (!b->data)
		return 0;
	pthread_mutex_lock(&s->lock);
	ret = block_level(b->data) ? take_children(s->w, b->data) : take_roots(s->w, b->data);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int block_done(void *arg, struct scan_block *b)
{
	struct scan_arg *s = arg;

	if (b->data || s->w->l->damaged)
		return 0;
	return err_set(s->err, b->ret, "cannot walk the trees: block %llu: %s", b->ref->bytenr, b->error);
}

static int walk_level(struct walk *w, int level, struct err *err)
{
	static const struct scan_ops ops = { .work = block_work, .done = block_done };
	struct scan_arg arg = { w, PTHREAD_MUTEX_INITIALIZER, err };
	struct block_refs *refs = &w->level[level];
	int ret = 0;

	unique_refs(refs);
	for (size_t i = 0; !ret && i < refs->len; i++)
		ret = vec_push(&w->found, refs->v[i].bytenr);
	if (!ret && (level || w->roots))
		ret = tree_scan_blocks(&w->l->fs->store, refs->v, refs->len, SCAN_DISK, &ops, &arg, err);
	refs->len = 0;
	return ret == -ENOMEM ? err_nomem(err) : ret;
}

/* From the roots in w->next down; w->next is then what the leaves name, if they were read. */
static int walk_down(struct walk *w, bool roots, struct err *err)
{
	int ret = 0;

	w->roots = roots;
	for (size_t i = 0; !ret && i < w->next.len; i++)
		ret = vec_push(&w->level[w->next.v[i].level], w->next.v[i]);
	w->next.len = 0;
	for (int level = BTRFS_MAX_LEVEL - 1; !ret && level >= 0; level--)
		ret = walk_level(w, level, err);
	for (size_t i = 0; !ret && i < w->leaves.len; i++)
		ret = vec_push(&w->found, w->leaves.v[i]);
	w->leaves.len = 0;
	unique_addresses(&w->found);
	return ret == -ENOMEM ? err_nomem(err) : ret;
}

static int walk_tell(struct walk *w, struct err *err)
{
	const struct lister *l = w->l;
	int ret = 0;

	for (size_t i = 0; !ret && i < w->found.len; i++)
		ret = l->fn(l->arg, w->found.v[i], l->fs->geo->nodesize, EXTENT_BLOCK, err);
	return ret;
}

static void walk_fini(struct walk *w)
{
	for (int i = 0; i < BTRFS_MAX_LEVEL; i++)
		vec_fini(&w->level[i]);
	vec_fini(&w->leaves);
	vec_fini(&w->found);
	vec_fini(&w->next);
}

int list_by_walking(const struct lister *l, struct err *err)
{
	const struct disk_super *sb = l->fs->sb;
	struct walk w = { .l = l };
	int ret = add_root(&w.next, le64_get(sb->root), le64_get(sb->generation), sb->root_level, false);

	if (!ret)
		ret = walk_down(&w, true, err);
	if (!ret)
		ret = add_root(&w.next, le64_get(sb->chunk_root), le64_get(sb->chunk_root_generation), sb->chunk_root_level, false);
	if (!ret)
		ret = walk_down(&w, false, err);
	if (!ret)
		ret = walk_tell(&w, err);
	walk_fini(&w);
	return ret;
}

int list_log(const struct lister *l, struct err *err)
{
	const struct disk_super *sb = l->fs->sb;
	struct walk w = { .l = l, .log = true };
	int ret = add_root(&w.next, le64_get(sb->log_root), 0, sb->log_root_level, true);

	if (!ret)
		ret = walk_down(&w, true, err);
	if (!ret)
		ret = walk_down(&w, false, err);
	if (!ret)
		ret = walk_tell(&w, err);
	walk_fini(&w);
	return ret;
}
