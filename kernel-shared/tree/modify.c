/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing trees: the way to a leaf made writable, room made in it, items put in and taken out. Everything above the leaf is writable, too,
 * when it comes to splitting or merging (balance.c). */
#include "kernel-shared/tree/balance.h"

#include "common/mem.h"

/* Down to the leaf, copying what is not writable. 0 found, 1 not there, <0. */
static int descend_cow(struct tree *t, const struct key *key, struct path *p, struct err *err)
{
	int level = t->level, ret = path_cow(t, p, level, err);

	while (!ret) {
		struct node *n = p->nodes[level];
		bool exact;
		int slot = block_search(n->data, key, &exact);

		if (!level) {
			p->slots[0] = slot;
			return !exact;
		}
		if (!exact && slot)
			slot--;
		p->slots[level] = slot;
		ret = path_cow(t, p, --level, err);
	}
	return ret;
}

int tree_search_cow(struct tree *t, const struct key *key, s32 room, struct path *p, struct err *err)
{
	const struct geometry *geo = t->store->geo;
	int ret, found;
	u32 need;

	path_fini(p);
	if (!t->source)
		return err_set(err, -EROFS, "tree %lld is not open for writing", (s64)t->id);
	found = descend_cow(t, key, p, err);
	if (found >= 0 && room > 0) {
		need = found ? (u32)room + sizeof(struct disk_item) : (u32)room;
		if (leaf_free(geo, p->nodes[0]->data) < need) {
			ret = leaf_make_room(t, p, key, need, !found, err);
			if (ret < 0)
				found = ret;
		}
	}
	if (found < 0)
		path_fini(p);
	return found;
}

/* The leaf's first key has become another: the parents' keys follow. */
static int fix_first_key(struct tree *t, struct path *p, struct err *err)
{
	struct key key = node_key(p->nodes[0], 0);

	return path_fix_keys(t, p, 1, &key, err);
}

int tree_insert_empty(struct tree *t, const struct key *key, u32 size, struct path *p, u8 **data, struct err *err)
{
	const struct geometry *geo = t->store->geo;
	int ret;

	if (size > geo_max_item(geo))
		return err_set(err, -EOVERFLOW, "item (%llu %u %llu) of %u bytes does not fit into a leaf (at most %u)", key->objectid, key->type,
			key->offset, size, geo_max_item(geo));
	/* an empty item needs room for its header alone */
	ret = tree_search_cow(t, key, size ? (s32)size : 1, p, err);
	if (ret < 0)
		return ret;
	if (!ret) {
		path_fini(p);
		return err_set(err, -EEXIST, "item (%llu %u %llu) exists in tree %lld", key->objectid, key->type, key->offset, (s64)t->id);
	}
	ret = node_touch(t->source, p->nodes[0], err);
	if (!ret) {
		*data = leaf_open(geo, p->nodes[0]->data, p->slots[0], key, size);
		memset(*data, 0, size);
		t->seq_leaf = p->nodes[0]->bytenr;
		t->seq_slot = p->slots[0];
		if (!p->slots[0])
			ret = fix_first_key(t, p, err);
	}
	if (ret)
		path_fini(p);
	return ret;
}

int tree_insert(struct tree *t, const struct key *key, const void *data, u32 size, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	u8 *to = NULL;
	int ret = tree_insert_empty(t, key, size, &p, &to, err);

	if (!ret && size)
		memcpy(to, data, size);
	return ret;
}

/* The first key that does not belong into this leaf any more: the next key of a parent. KEY_MAX at the right edge. */
static struct key leaf_bound(const struct path *p)
{
	for (int level = 1; level < BTRFS_MAX_LEVEL && p->nodes[level]; level++)
		if (p->slots[level] + 1 < (int)node_nritems(p->nodes[level]))
			return node_key(p->nodes[level], p->slots[level] + 1);
	return KEY_MAX;
}

int tree_insert_batch(struct tree *t, const struct new_item *items, size_t n, struct err *err)
{
	const struct geometry *geo = t->store->geo;
	size_t i = 0;

	while (i < n) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct key bound, next;
		bool bounded;
		u8 *to;
		int ret = tree_insert_empty(t, &items[i].key, items[i].size, &p, &to, err);

		if (ret)
			return ret;
		memcpy(to, items[i].data, items[i].size);
		bound = leaf_bound(&p);
		for (i++; i < n; i++) {
			void *leaf = p.nodes[0]->data;
			int slot = p.slots[0] + 1;

			bounded = slot < (int)block_nritems(leaf);
			next = bounded ? block_key(leaf, slot) : bound;
			if (key_cmp(&items[i].key, &items[i - 1].key) <= 0 || (key_cmp(&items[i].key, &next) >= 0 && (bounded || key_cmp(&next, &KEY_MAX)))
			    || leaf_free(geo, leaf) < items[i].size + sizeof(struct disk_item))
				break;
			memcpy(leaf_open(geo, leaf, slot, &items[i].key, items[i].size), items[i].data, items[i].size);
			p.slots[0] = t->seq_slot = slot;
		}
	}
	return 0;
}

int tree_delete_at(struct tree *t, struct path *p, int nr, struct err *err)
{
	int ret = node_touch(t->source, p->nodes[0], err);

	if (ret)
		return ret;
	leaf_remove(t->store->geo, p->nodes[0]->data, p->slots[0], nr);
	if (!node_nritems(p->nodes[0])) {
		ret = leaf_drop(t, p, err);
	} else {
		if (!p->slots[0])
			ret = fix_first_key(t, p, err);
		if (!ret)
			ret = leaf_merge(t, p, err);
	}
	if (ret)
		path_fini(p);
	return ret;
}

int tree_delete(struct tree *t, const struct key *key, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	int ret = tree_search_cow(t, key, -1, &p, err);

	if (ret == 1)
		return err_set(err, -ENOENT, "no item (%llu %u %llu) in tree %lld", key->objectid, key->type, key->offset, (s64)t->id);
	return ret ? ret : tree_delete_at(t, &p, 1, err);
}

int tree_delete_range(struct tree *t, const struct key *lo, const struct key *hi, u64 *count, struct err *err)
{
	struct key from = *lo;
	u64 deleted = 0;
	int ret;

	for (;;) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct item item;
		int nr = 0;

		/* look before copying: there may be nothing to delete */
		ret = tree_lookup_ge(t, &from, &p, &item, err);
		if (ret || key_cmp(&item.key, hi) > 0)
			break;
		from = item.key;
		ret = tree_search_cow(t, &from, -1, &p, err);
		if (ret < 0)
			break;
		for (int slot = p.slots[0]; slot < (int)node_nritems(p.nodes[0]); slot++, nr++) {
			struct key key = node_key(p.nodes[0], slot);

			if (key_cmp(&key, hi) > 0)
				break;
		}
		ret = tree_delete_at(t, &p, nr, err);
		if (ret)
			break;
		deleted += nr;
	}
	if (count)
		*count = deleted;
	return ret == -ENOENT ? 0 : ret;
}

u8 *path_item_mut(struct tree *t, struct path *p, struct err *err)
{
	if (node_touch(t->source, p->nodes[0], err))
		return NULL;
	return (u8 *)block_item_data(p->nodes[0]->data, p->slots[0]);
}

int tree_extend_at(struct tree *t, struct path *p, u32 bytes, struct err *err)
{
	u32 size = node_item(p->nodes[0], p->slots[0]).size;
	int ret = node_touch(t->source, p->nodes[0], err);

	if (!ret)
		leaf_resize(t->store->geo, p->nodes[0]->data, p->slots[0], size + bytes, false);
	return ret;
}

int tree_truncate_at(struct tree *t, struct path *p, u32 size, bool front, struct err *err)
{
	int ret = node_touch(t->source, p->nodes[0], err);

	if (!ret)
		leaf_resize(t->store->geo, p->nodes[0]->data, p->slots[0], size, front);
	return ret;
}

int tree_set_key_at(struct tree *t, struct path *p, const struct key *key, struct err *err)
{
	int ret = node_touch(t->source, p->nodes[0], err);

	if (ret)
		return ret;
	block_set_key(p->nodes[0]->data, p->slots[0], key);
	return p->slots[0] ? 0 : fix_first_key(t, p, err);
}

int tree_put(struct tree *t, const struct key *key, const void *data, u32 size, bool create, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item old;
	int ret = tree_lookup(t, key, &p, &old, err);
	u32 old_size;
	u8 *to;

	if (ret == -ENOENT && create)
		return tree_insert(t, key, data, size, err);
	if (ret)
		return ret;
	old_size = old.size;
	if (old_size == size && !memcmp(old.data, data, size))
		return 0;
	ret = tree_search_cow(t, key, size > old_size ? (s32)(size - old_size) : 0, &p, err);
	if (ret)
		return ret < 0 ? ret : -ENOENT;
	if (size > old_size)
		ret = tree_extend_at(t, &p, size - old_size, err);
	else if (size < old_size)
		ret = tree_truncate_at(t, &p, size, false, err);
	if (ret)
		return ret;
	to = path_item_mut(t, &p, err);
	if (!to)
		return -ENOMEM;
	memcpy(to, data, size);
	return 0;
}
