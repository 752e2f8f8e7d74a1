/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The items of a leaf whose table cannot be trusted: where their bytes lie, in which order they stand, which of them hold. */
#include "kernel-shared/check/mend.h"

#include <stdlib.h>

struct slot { struct key key; u32 offset, size; bool ok; };
VEC_TYPE(slots, struct slot);

static void print_item(struct mend *m, const struct place *p, const char *what, const struct key *key)
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
			print_item(m, p, "Deleting bogus", &s.key);
			continue;
		}
		end = s.offset;
		if (vec_push(out, s))
			return -ENOMEM;
	}
	return 0;
}

/* --- their order --- */

static bool between(const struct key *lo, const struct key *k, const struct key *hi)
{
	return (!lo || key_cmp(lo, k) < 0) && (!hi || key_cmp(k, hi) < 0);
}

static void key_flip(struct key *k, unsigned bit)
{
	if (bit < 64)
		k->objectid ^= 1ULL << bit;
	else if (bit < 72)
		k->type ^= 1 << (bit - 64);
	else
		k->offset ^= 1ULL << (bit - 72);
}

/* Does an item of this key hold by its own rule? */
static bool item_holds(struct mend *m, u64 tree, const struct mended_item *it, const struct mended_item *prev)
{
	struct validator v = { .geo = m->fs->geo, .tree = tree };
	struct item item = { it->key, it->data, it->size, 1 }, before;

	if (!item_type(it->key.type))
		return false;
	if (prev)
		before = (struct item){ prev->key, prev->data, prev->size, 0 };
	return !item_validate(&v, &item, prev ? &before : NULL);
}

/* The one bit that puts a key where it stands. */
static bool flip_key(struct mend *m, const struct place *p, struct mended_item *it, const struct mended_item *prev, const struct mended_item *next)
{
	const struct key *lo = prev ? &prev->key : NULL, *hi = next ? &next->key : &p->bound;
	struct key found = it->key;
	unsigned n = 0, related = 0;

	for (unsigned bit = 0; bit < 136; bit++) {
		struct mended_item try = *it;
		bool near;

		key_flip(&try.key, bit);
		if (!between(lo, &try.key, hi) || !item_holds(m, p->tree, &try, prev))
			continue;
		near = (prev && prev->key.objectid == try.key.objectid) || (next && next->key.objectid == try.key.objectid);
		if (near > related || !n) {
			found = try.key;
			related = near;
			n = 1;
		} else if (near == related) {
			n++;
		}
	}
	if (n != 1)
		return false;
	it->key = found;
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct mended_item *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

static bool in_range(const struct place *p, const struct key *k)
{
	bool open = p->bound.objectid == -1ULL && p->bound.type == 255;

	/* a root begins wherever it begins, and so does whatever stands first */
	return open || key_cmp(k, &p->bound) < 0;
}

/* Items that would be in order without one: that one's key is wrong. */
static void fix_order(struct mend *m, const struct place *p, struct mended_items *v)
{
	for (size_t i = 0; i < v->len; i++) {
		struct mended_item *it = &v->v[i], *prev = i ? it - 1 : NULL, *next = i + 1 < v->len ? it + 1 : NULL, *after = i + 2 < v->len ? it + 2 : NULL;
		bool with_prev = !prev || key_cmp(&prev->key, &it->key) < 0, with_next = !next || key_cmp(&it->key, &next->key) < 0;
		bool alone = prev && next ? key_cmp(&prev->key, &next->key) < 0 : true;
		struct key was = it->key;

		if ((with_prev && with_next && in_range(p, &it->key)) || !alone)
			continue;
		/* of two in the wrong order the second may be the wrong one */
		if (with_prev && next && in_range(p, &it->key) && (!after || key_cmp(&it->key, &after->key) < 0) && !item_holds(m, p->tree, next, it))
			continue;
		if (flip_key(m, p, it, prev, next)) {
			m->fixed++;
			repair_say(m->r, "Turned back a flipped bit: key [%llu,%u,%llu] is [%llu,%u,%llu]", was.objectid, was.type, was.offset, it->key.objectid,
				   it->key.type, it->key.offset);
		}
	}
}

/* Sorted, each key once, none that belongs to the right neighbour. */
static void settle_order(struct mend *m, const struct place *p, struct mended_items *v)
{
	size_t n = 0;

	fix_order(m, p, v);
	vec_sort(v, by_key);
	for (size_t i = 0; i < v->len; i++) {
		if ((n && key_eq(&v->v[n - 1].key, &v->v[i].key)) || !in_range(p, &v->v[i].key)) {
			m->dropped++;
			print_item(m, p, "Deleting misplaced", &v->v[i].key);
			continue;
		}
		v->v[n++] = v->v[i];
	}
	v->len = n;
}

/* --- the whole --- */

/* An inode's items without the inode in front of them, where a kernel wants to see one. */
static bool lacks_inode(struct mend *m, const struct place *p, const struct mended_item *it, const struct mended_item *prev)
{
	struct validator v = { .geo = m->fs->geo, .tree = p->tree };
	struct item item = { it->key, it->data, it->size, 1 }, before;

	if (!prev || prev->key.objectid == it->key.objectid || it->key.type <= BTRFS_INODE_ITEM_KEY || !is_fstree(p->tree) || !item_type(it->key.type))
		return false;
	before = (struct item){ prev->key, prev->data, prev->size, 0 };
	return item_validate(&v, &item, &before) && !item_holds(m, p->tree, it, prev) && item_holds(m, p->tree, it, NULL);
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
	print_item(m, p, "Added", &key);
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
		settle_order(m, p, &all);
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
		bad = mend_item(m, p->tree, &it, out->len ? &out->v[out->len - 1] : NULL, i + 1 < all.len ? &all.v[i + 1] : NULL);
		if (bad < 0)
			ret = bad;
		if (bad > 0) {
			m->dropped++;
			print_item(m, p, "Deleting bad", &was);
		} else if (!ret) {
			if (it.data != all.v[i].data || it.size != all.v[i].size || !key_eq(&it.key, &was)) {
				m->fixed++;
				print_item(m, p, "Repaired", &was);
			}
			ret = vec_push(out, it);
		}
	}
	vec_fini(&all);
	if (!ret)
		vec_sort(out, by_key);
	return ret ? err_nomem(err) : 0;
}
