/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where trees take their blocks from: fresh blocks out of free space, references into the queue. Spec: on-disk-format 6.2, 6.3. */
#include "kernel-shared/txn/internal.h"

#include "common/mem.h"
#include "kernel-shared/tree/cache.h"

static struct writer *writer_of(struct block_source *bs)
{
	return container_of(bs, struct writer, source);
}

/* Every tree that changes is part of a root. */
static struct root *root_of(struct tree *t)
{
	return container_of(t, struct root, tree);
}

static u64 block_type(const struct tree *t)
{
	return t->id == BTRFS_CHUNK_TREE_OBJECTID ? BTRFS_BLOCK_GROUP_SYSTEM : BTRFS_BLOCK_GROUP_METADATA;
}

static void header_init(struct writer *w, struct node *n, const struct tree *t, u8 level)
{
	struct disk_header *h = (struct disk_header *)n->data;

	memset(n->data, 0, w->store->geo->nodesize);
	memcpy(h->fsid, w->vol->fsids[0], sizeof(h->fsid));
	memcpy(h->chunk_tree_uuid, w->chunk_uuid, sizeof(h->chunk_tree_uuid));
	h->bytenr = le64_of(n->bytenr);
	h->flags = le64_of((u64)BTRFS_MIXED_BACKREF_REV << 56 | BTRFS_HEADER_FLAG_WRITTEN);
	h->generation = le64_of(w->source.transid);
	h->owner = le64_of(t->id);
	h->level = level;
}

static int source_alloc(struct block_source *bs, struct tree *t, u8 level, u64 hint, struct node **out, struct err *err)
{
	struct writer *w = writer_of(bs);
	u32 size = w->store->geo->nodesize;
	struct node *n;
	u64 bytenr, len, *slot;
	int ret = alloc_space(w->alloc, block_type(t), size, size, 0, &bytenr, &len, err);

	if (ret)
		return ret;
	n = node_new(w->store, bytenr);
	slot = n ? hmap_put(&w->dirty, bytenr, NULL) : NULL;
	if (!slot) {
		node_put(n);
		alloc_unspace(w->alloc, bytenr, len);
		return err_nomem(err);
	}
	header_init(w, n, t, level);
	n->dirty = true;
	n->birth = ++bs->births;
	n->touch_epoch = bs->epoch;
	n = ncache_insert(w->store->cache, n, true);
	*slot = (u64)(uintptr_t)node_hold(n);
	ret = op_save_fresh(w, n, err);
	if (ret) {
		source_forget(w, bytenr);
		alloc_unspace(w->alloc, bytenr, len);
		node_put(n);
		return ret;
	}
	*out = n;
	return 0;
}

void source_forget(struct writer *w, u64 bytenr)
{
	u64 *slot = hmap_get(&w->dirty, bytenr);
	struct node *n = slot ? (struct node *)(uintptr_t)*slot : NULL;

	if (!n)
		return;
	hmap_del(&w->dirty, bytenr);
	n->dirty = false;
	nstore_forget(w->store, bytenr);
	node_put(n);
}

static int own_ref(struct writer *w, struct tree *t, struct node *n, int delta, bool fresh, struct err *err)
{
	struct ref_change c = { .bytenr = n->bytenr, .len = w->store->geo->nodesize, .kind = REF_TREE, .root = t->id, .delta = delta, .level = node_level(n),
		.new_extent = fresh };

	if (fresh && node_nritems(n))
		c.first = node_key(n, 0);
	return ref_queue(w->alloc, &c, err);
}

static int count_block(struct writer *w, struct tree *t, int delta, struct err *err)
{
	struct disk_root_item *item = &root_of(t)->item;
	u64 used = le64_get(item->bytes_used), size = w->store->geo->nodesize;
	int ret = op_save_tree(w, root_of(t), err);

	if (!ret)
		item->bytes_used = le64_of(delta > 0 ? used + size : used > size ? used - size : 0);
	return ret;
}

static int source_created(struct block_source *bs, struct tree *t, struct node *fresh, struct err *err)
{
	int ret = count_block(writer_of(bs), t, 1, err);

	return ret ? ret : own_ref(writer_of(bs), t, fresh, 1, true, err);
}

/* The references of what old points to, when old may be shared: the four cases of spec 6.3. */
static int move_children(struct writer *w, struct tree *t, struct node *old, struct node *fresh, struct err *err)
{
	u64 refs, flags;
	int ret = ref_info(w->alloc, old->bytenr, true, &refs, &flags, NULL, err);
	bool full = flags & BTRFS_BLOCK_FLAG_FULL_BACKREF;

	if (ret)
		return err_wrap(err, ret, "block %llu of tree %lld", old->bytenr, (s64)t->id);
	if (refs > 1 && node_owner(old) == t->id && !full) {
		/* fresh inherits the implicit references; old, which others keep, states its own */
		ret = ref_children(w->alloc, old->data, true, 1, err);
		return ret ? ret : ref_queue_full_backref(w->alloc, old->bytenr, node_level(old), err);
	}
	if (refs > 1)
		return ref_children(w->alloc, fresh->data, false, 1, err);
	if (!full)
		return 0;
	ret = ref_children(w->alloc, fresh->data, false, 1, err);
	return ret ? ret : ref_children(w->alloc, old->data, true, -1, err);
}

static int source_replace(struct block_source *bs, struct tree *t, struct node *old, struct node *fresh, bool is_root, struct err *err)
{
	struct writer *w = writer_of(bs);
	bool maybe_shared = t->shareable && !is_root && (node_generation(old) <= t->last_snapshot || block_flags(old->data) & BTRFS_HEADER_FLAG_RELOC);
	int ret = maybe_shared ? move_children(w, t, old, fresh, err) : 0;

	if (!ret)
		ret = own_ref(w, t, fresh, 1, true, err);
	return ret ? ret : own_ref(w, t, old, -1, false, err);
}

static int source_release(struct block_source *bs, struct tree *t, struct node *n, struct err *err)
{
	int ret = count_block(writer_of(bs), t, -1, err);

	return ret ? ret : own_ref(writer_of(bs), t, n, -1, false, err);
}

static int source_touch(struct block_source *bs, struct node *n, struct err *err)
{
	return op_save_node(writer_of(bs), n, err);
}

int root_list(struct writer *w, struct root *root)
{
	if (root->listed)
		return 0;
	root->listed = true;
	return vec_push(&w->changed, root);
}

static int source_root_changed(struct block_source *bs, struct tree *t, struct err *err)
{
	struct writer *w = writer_of(bs);
	int ret = op_save_tree(w, root_of(t), err);

	if (!ret && root_list(w, root_of(t)))
		ret = err_nomem(err);
	return ret;
}

static void on_dead(void *arg, u64 bytenr, u64 len, bool tree)
{
	if (tree)
		source_forget(arg, bytenr);
}

void source_init(struct writer *w)
{
	w->source = (struct block_source){ .alloc = source_alloc, .replace = source_replace, .created = source_created, .release = source_release,
		.touch = source_touch, .root_changed = source_root_changed };
	alloc_on_dead(w->alloc, on_dead, w);
}

struct block_source *writer_source(struct writer *w)
{
	return &w->source;
}
