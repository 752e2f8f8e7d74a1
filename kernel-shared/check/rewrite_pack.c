/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New blocks out of items or pointers: placed, sealed, written. */
#include "kernel-shared/check/rewrite.h"

#include <stdlib.h>
#include "kernel-shared/tree/edit.h"

static void open_block(struct rewrite *w, u8 *buf, u64 owner, u64 flags, u8 level)
{
	struct disk_header *h = (struct disk_header *)buf;

	memset(buf, 0, w->fs->geo->nodesize);
	memcpy(h->fsid, w->fs->vol->fsids[0], sizeof(h->fsid));
	memcpy(h->chunk_tree_uuid, w->chunk_uuid, sizeof(h->chunk_tree_uuid));
	h->flags = le64_of((u64)BTRFS_MIXED_BACKREF_REV << 56 | BTRFS_HEADER_FLAG_WRITTEN | flags);
	h->generation = le64_of(w->m.transid);
	h->owner = le64_of(owner);
	h->level = level;
}

static int close_block(struct rewrite *w, u8 *buf, struct entries *out, struct err *err)
{
	struct geometry geo = *w->fs->geo;
	struct validator v = { .geo = &geo, .tree = block_owner(buf), .err = err };
	struct entry e = { .generation = w->m.transid };
	int ret = room_take(&w->room, w->fs->geo, block_owner(buf) == BTRFS_CHUNK_TREE_OBJECTID, &e.bytenr, err);

	if (ret)
		return ret;
	((struct disk_header *)buf)->bytenr = le64_of(e.bytenr);
	geo.generation = w->m.transid;
	if (block_validate(&v, buf))
		return err_wrap(err, -EUCLEAN, "a mended block of tree %lld still breaks a rule", (s64)v.tree);
	block_set_csum(w->fs->geo, buf);
	if (block_nritems(buf))
		e.first = block_key(buf, 0);
	w->written++;
	ret = rio_write(w->fs->vol, e.bytenr, w->fs->geo->nodesize, buf, err);
	return ret ? ret : vec_push(out, e) ? err_nomem(err) : 0;
}

int pack_items(struct rewrite *w, u64 owner, u64 flags, const struct mended_items *items, struct entries *out, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(w->fs->geo->nodesize);
	int ret = 0, n = 0;

	if (!buf)
		return err_nomem(err);
	open_block(w, buf, owner, flags, 0);
	for (size_t i = 0; !ret && i < items->len; i++) {
		const struct mended_item *it = &items->v[i];

		if (it->size > geo_max_item(w->fs->geo))
			continue;
		if (n && leaf_free(w->fs->geo, buf) < it->size + sizeof(struct disk_item)) {
			ret = close_block(w, buf, out, err);
			open_block(w, buf, owner, flags, 0);
			n = 0;
		}
		memcpy(leaf_open(w->fs->geo, buf, n++, &it->key, it->size), it->data, it->size);
	}
	return ret || !n ? ret : close_block(w, buf, out, err);
}

int pack_entries(struct rewrite *w, u64 owner, u64 flags, u8 level, const struct entries *in, struct entries *out, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(w->fs->geo->nodesize);
	u32 max = geo_max_ptrs(w->fs->geo);
	int ret = 0, n = 0;

	if (!buf)
		return err_nomem(err);
	open_block(w, buf, owner, flags, level);
	for (size_t i = 0; !ret && i < in->len; i++) {
		if (n == (int)max) {
			ret = close_block(w, buf, out, err);
			open_block(w, buf, owner, flags, level);
			n = 0;
		}
		node_open_ptr(buf, n++, &in->v[i].first, in->v[i].bytenr, in->v[i].generation);
	}
	return ret || !n ? ret : close_block(w, buf, out, err);
}

int pack_empty(struct rewrite *w, u64 owner, struct entries *out, struct err *err)
{
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(w->fs->geo->nodesize);

	if (!buf)
		return err_nomem(err);
	open_block(w, buf, owner, 0, 0);
	return close_block(w, buf, out, err);
}

static int by_key(const void *a, const void *b)
{
	const struct mended_item *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

int items_unique(struct mended_items *items)
{
	size_t n = 0;

	vec_sort(items, by_key);
	for (size_t i = 0; i < items->len; i++)
		if (!n || !key_eq(&items->v[n - 1].key, &items->v[i].key))
			items->v[n++] = items->v[i];
	items->len = n;
	return 0;
}

int rewrite_pack(struct rewrite *w, u64 tree, struct mended_items *items, struct root_change *out, struct err *err)
{
	struct entries e = VEC_INIT;
	int ret = items_unique(items);

	if (!ret)
		ret = pack_items(w, tree, 0, items, &e, err);
	if (!ret)
		ret = rewrite_tree_root(w, &e, tree, 0, out, err);
	vec_fini(&e);
	return ret == -ENOENT ? err_set(err, -EIO, "nothing is left of tree %llu", tree) : ret;
}
