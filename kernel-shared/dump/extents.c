/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which blocks there are, by the extent tree: its leaves are read in slices, in parallel, so that no more than a slice of the answer is in memory. Spec:
 * metadump 2. */
#include <stdlib.h>
#include "common/mem.h"
#include "kernel-shared/dump/internal.h"

enum {
	SLICE = 2048,         /* leaves */
	FIRST_BLOCK = 69632,  /* what lies before is the superblock's */
};

struct found { u64 bytenr, data; }; /* data: bytes of it, 0: a tree block */
VEC_TYPE(founds, struct found);

struct slice { const struct lister *l; struct founds found; u64 last; struct err *err; };

/* An extent of data lies in one chunk, which bounds what a broken item can ask for. */
static bool data_is_sane(const struct fs *fs, const struct extent_view *ext)
{
	const struct chunk *c = chunk_lookup(fs->vol, ext->bytenr);

	return c && ext->len && is_aligned_p2(ext->bytenr | ext->len, fs->geo->sectorsize) && ext->len <= c->length - (ext->bytenr - c->start);
}


static int take_item(const struct lister *l, const struct item *item, struct founds *to)
{
	struct extent_view ext;

	if (item->key.type != BTRFS_METADATA_ITEM_KEY && item->key.type != BTRFS_EXTENT_ITEM_KEY)
		return 0;
	if (extent_item_parse(l->fs->geo, item, &ext))
		return -EUCLEAN;
	if ((ext.is_data && !l->data) || ext.bytenr < FIRST_BLOCK)
		return 0;
	if (ext.is_data)
		return data_is_sane(l->fs, &ext) ? vec_push(to, ((struct found){ ext.bytenr, ext.len })) : -EUCLEAN;
	if (ext.len != l->fs->geo->nodesize || !is_aligned_p2(ext.bytenr, l->fs->geo->sectorsize))
		return -EUCLEAN;
	return vec_push(to, ((struct found){ ext.bytenr, 0 }));
}

static int leaf_work(void *arg, struct scan_block *b, unsigned worker)
{
	const struct slice *s = arg;
	struct founds *found;
	int ret = 0;

	if (!b->data)
		return 0;
	found = b->result = mem_zalloc(sizeof(*found));
	if (!found)
		return -ENOMEM;
	for (u32 i = 0; i < block_nritems(b->data); i++) {
		struct item item = block_item(b->data, i);

		ret = take_item(s->l, &item, found);
		if (ret == -EUCLEAN && s->l->damaged)
			ret = 0;
		if (ret)
			return ret;
	}
	return 0;
}

static void leaf_drop(void *arg, struct scan_block *b)
{
	struct founds *found = b->result;

	if (found)
		vec_fini(found);
	free(found);
	b->result = NULL;
}

static int leaf_done(void *arg, struct scan_block *b)
{
	const struct founds *found = b->result;
	struct slice *s = arg;
	int ret = 0;

	if (!b->data && !s->l->damaged)
		return err_set(s->err, b->ret, "cannot read a leaf of the extent tree: %s", b->error);
	for (size_t i = 0; found && !ret && i < found->len; i++) {
		/* two items of one block, in an extent tree that is out of order */
		if (found->v[i].bytenr <= s->last && s->last)
			continue;
		ret = vec_push(&s->found, found->v[i]);
		s->last = found->v[i].bytenr;
	}
	leaf_drop(arg, b);
	return ret;
}

static int tell_run(const struct lister *l, u64 bytenr, u64 len, enum extent_kind kind, struct err *err)
{
	int ret = 0;

	for (u64 at = 0; !ret && at < len; at += DUMP_ITEM_BYTES)
		ret = l->fn(l->arg, bytenr + at, min_t(u64, DUMP_ITEM_BYTES, len - at), kind, err);
	return ret;
}

static int tell(const struct lister *l, const struct found *f, struct err *err)
{
	return f->data ? tell_run(l, f->bytenr, f->data, EXTENT_FILE, err) : l->fn(l->arg, f->bytenr, l->fs->geo->nodesize, EXTENT_BLOCK, err);
}

static int run_slice(struct slice *s, const struct block_ref *refs, size_t n, struct err *err)
{
	static const struct scan_ops ops = { leaf_work, leaf_done, leaf_drop };
	const struct lister *l = s->l;
	int ret;

	s->found.len = 0;
	s->err = err;
	ret = tree_scan_blocks(&l->fs->store, refs, n, SCAN_LIST, &ops, s, err);
	if (ret == -EUCLEAN)
		return err_set(err, ret, "the extent tree has an item that describes no %s (-w does without)", l->data ? "extent" : "tree block");
	for (size_t i = 0; !ret && i < s->found.len; i++)
		ret = tell(l, &s->found.v[i], err);
	return ret;
}

static void skip_block(void *arg, const struct block_ref *ref, int ret, const char *text)
{
	struct env *env = arg;

	env_msg(env, MSG_WARNING, "a part of the extent tree cannot be read, the blocks that it lists are missing: %s", text);
}

int list_by_extent_tree(const struct lister *l, struct err *err)
{
	struct root *root = l->fs->extent_tree;
	struct slice s = { .l = l };
	struct block_refs refs = VEC_INIT;
	int ret;

	if (!root)
		return err_set(err, -EIO, "the extent tree cannot be read (-w does without)");
	ret = tree_level_refs(&root->tree, 0, &refs, l->damaged ? skip_block : NULL, l->fs->env, err);
	if (ret)
		err_wrap(err, ret, "cannot read the extent tree (-w does without)");
	for (size_t i = 0; !ret && i < refs.len; i += SLICE)
		ret = run_slice(&s, refs.v + i, min_t(size_t, SLICE, refs.len - i), err);
	vec_fini(&refs);
	vec_fini(&s.found);
	return ret;
}

/* One file extent of the root tree: the old kind of space cache. */
static int list_cache_extent(const struct lister *l, const struct item *item, struct err *err)
{
	struct file_extent_view e;
	u64 end;

	if (item->key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(item, &e) || e.type == BTRFS_FILE_EXTENT_INLINE || !e.disk_bytenr)
		return 0;
	if (!is_aligned_p2(e.disk_bytenr | e.disk_num_bytes, l->fs->geo->sectorsize) || add_overflows(e.disk_bytenr, e.disk_num_bytes, &end) || end >> 63)
		return l->damaged ? 0 : err_set(err, -EUCLEAN, "bad extent %llu+%llu", e.disk_bytenr, e.disk_num_bytes);
	return tell_run(l, e.disk_bytenr, e.disk_num_bytes, EXTENT_CACHE, err);
}

int list_old_cache(const struct lister *l, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!l->fs->root_tree)
		return 0;
	it = tree_range(&l->fs->root_tree->tree, KEY_MIN, KEY_MAX);
	while ((ret = tree_next(&it, &item, err)) == 0 || (ret == -EIO && l->damaged)) {
		int told = ret ? 0 : list_cache_extent(l, &item, err);

		if (told)
			return told;
	}
	return ret == -ENOENT ? 0 : err_wrap(err, ret, "cannot list the free space cache");
}
