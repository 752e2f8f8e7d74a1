/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items of a leaf whose table cannot be trusted: where their bytes lie, which of them hold. */
#include "kernel-shared/check/mend.h"

#include <stdlib.h>

struct slot { struct key key; u32 offset, size; bool ok; };
VEC_TYPE(slots, struct slot);

void mend_tell_item(struct mend *m, const struct place *p, const char *what, const struct key *key)
{
	repair_say(m->r, "%s item [%llu,%u,%llu] of tree %lld in block %llu", what, key->objectid, key->type, key->offset, (s64)p->tree, p->bytenr);
}

/* --- where their bytes lie --- */

/* Items follow one another from the end down: as long as they do, they are items. */
static u32 chain_length(const struct geometry *geo, const u8 *block)
{
	const struct disk_item *h = block_items(block);
	u32 max = geo_leafdata(geo) / sizeof(*h), end = geo_leafdata(geo), n = 0;
	struct key last = KEY_MIN;

	for (; n < max; n++) {
		u32 offset = le32_get(h[n].offset), size = le32_get(h[n].size);
		struct key key = key_get(&h[n].key);

		if ((u64)offset + size != end || offset < (n + 1) * sizeof(*h) || (n && key_cmp(&key, &last) <= 0) || !item_type(key.type))
			break;
		end = offset;
		last = key;
	}
	return n;
}

/* The header's count, unless items break off before it while a good row of them says otherwise. */
static u32 item_count(const struct geometry *geo, const u8 *block)
{
	u32 n = block_nritems(block), chain = chain_length(geo, block), max = geo_leafdata(geo) / sizeof(struct disk_item);
	const struct disk_item *h = block_items(block);

	if (!n || n > max)
		return chain;
	/* one too many: what the last one says makes no sense */
	while (n > chain && ((u64)le32_get(h[n - 1].offset) + le32_get(h[n - 1].size) > geo_leafdata(geo) || !item_type(h[n - 1].key.type)))
		n--;
	return n ? n : chain;
}

/* An item that does not begin where the one before ends: is its offset wrong, or its size? The next one knows. */
static void fix_extent(const struct disk_item *h, u32 i, u32 n, u32 end, struct slot *s)
{
	u32 by_size = s->size <= end ? end - s->size : -1U, next_end = i + 1 < n ? le32_get(h[i + 1].offset) + le32_get(h[i + 1].size) : -1U;

	if (s->offset + s->size == end)
		return;
	if (by_size != -1U && next_end == by_size)
		s->offset = by_size;
	else if (s->offset <= end && next_end == s->offset)
		s->size = end - s->offset;
}

static int locate(struct mend *m, const struct place *p, const u8 *block, struct slots *out)
{
	const struct disk_item *h = block_items(block);
	u32 n = item_count(m->fs->geo, block), leafdata = geo_leafdata(m->fs->geo), end = leafdata;

	for (u32 i = 0; i < n; i++) {
		struct slot s = { key_get(&h[i].key), le32_get(h[i].offset), le32_get(h[i].size), true };
		u64 was = s.offset + (u64)s.size;

		if (was > leafdata || s.offset < n * sizeof(*h) || s.offset + s.size != end)
			fix_extent(h, i, n, end, &s);
		s.ok = (u64)s.offset + s.size <= end && s.offset >= n * sizeof(*h);
		if (!s.ok) {
			m->dropped++;
			mend_tell_item(m, p, "Deleting bogus", &s.key);
			continue;
		}
		end = s.offset;
		if (vec_push(out, s))
			return -ENOMEM;
	}
	return 0;
}

/* --- the whole --- */

static int by_key(const void *a, const void *b)
{
	const struct mended_item *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

/* An inode's items without the inode in front of them, where a kernel wants to see one. */
static bool lacks_inode(struct mend *m, const struct place *p, const struct mended_item *it, const struct mended_item *prev)
{
	struct validator v = { .geo = m->fs->geo, .tree = p->tree };
	struct item item = { it->key, it->data, it->size, 1 }, before;

	if (!prev || prev->key.objectid == it->key.objectid || it->key.type <= BTRFS_INODE_ITEM_KEY || !is_fstree(p->tree) || !item_type(it->key.type))
		return false;
	before = (struct item){ prev->key, prev->data, prev->size, 0 };
	return item_validate(&v, &item, &before) && !mend_item_holds(m, p->tree, it, prev) && mend_item_holds(m, p->tree, it, NULL);
}

static int make_inode(struct mend *m, const struct place *p, u64 ino, struct mended_items *out)
{
	struct disk_inode_item *i = arena_alloc(&m->arena, sizeof(*i));
	struct key key = KEY(ino, BTRFS_INODE_ITEM_KEY, 0);
	u32 type;

	if (!i)
		return -ENOMEM;
	type = mend_file_type(m, p->tree, ino);
	*i = (struct disk_inode_item){ .generation = le64_of(m->transid), .transid = le64_of(m->transid), .nlink = le32_of(1), .mode = le32_of(type | 0700) };
	m->fixed++;
	repair_say(m->r, "Trying to rebuild inode:%llu", ino);
	mend_tell_item(m, p, "Added", &key);
	return vec_push(out, ((struct mended_item){ key, (u8 *)i, sizeof(*i) }));
}

static void tell_ino_cache(struct mend *m, u64 tree)
{
	if (m->told_tree != tree && m->r->ops->ino_cache_gone)
		m->r->ops->ino_cache_gone(m->r->ops->arg, tree);
	m->told_tree = tree;
}

int mend_leaf(struct mend *m, const struct place *p, const u8 *block, struct mended_items *out, struct err *err)
{
	struct slots slots = VEC_INIT;
	struct mended_items all = VEC_INIT;
	int ret = locate(m, p, block, &slots);

	for (size_t i = 0; !ret && i < slots.len; i++) {
		const struct slot *s = &slots.v[i];

		ret = vec_push(&all, ((struct mended_item){ s->key, block + sizeof(struct disk_header) + s->offset, s->size }));
	}
	vec_fini(&slots);
	if (!ret)
		mend_keys(m, p, &all);
	for (size_t i = 0; !ret && i < all.len; i++) {
		struct mended_item it = all.v[i];
		struct key was = it.key;
		int bad;

		if (m->r->args->ino_cache && (it.key.objectid == BTRFS_FREE_INO_OBJECTID || it.key.objectid == BTRFS_FREE_SPACE_OBJECTID) && is_fstree(p->tree)) {
			tell_ino_cache(m, p->tree);
			continue;
		}
		if (lacks_inode(m, p, &it, out->len ? &out->v[out->len - 1] : NULL))
			ret = make_inode(m, p, it.key.objectid, out);
		if (ret)
			break;
		if (it.key.type == BTRFS_EXTENT_DATA_KEY)
			ret = mend_extent(m, p->bytenr, &it, i + 1 < all.len ? &all.v[i + 1] : NULL, err);
		if (ret)
			break;
		bad = mend_item(m, p->tree, &it, out->len ? &out->v[out->len - 1] : NULL, i + 1 < all.len ? &all.v[i + 1] : NULL);
		if (bad < 0)
			ret = bad;
		if (bad > 0) {
			m->dropped++;
			mend_tell_item(m, p, "Deleting bad", &was);
		} else if (!ret) {
			if (it.data != all.v[i].data || it.size != all.v[i].size || !key_eq(&it.key, &was)) {
				m->fixed++;
				mend_tell_item(m, p, "Repaired", &was);
			}
			ret = vec_push(out, it);
		}
	}
	vec_fini(&all);
	if (!ret)
		vec_sort(out, by_key);
	return ret ? err_nomem(err) : 0;
}
