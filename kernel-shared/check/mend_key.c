/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of a leaf that cannot be: out of order, or other than what the item itself or the parent says. Which key it was follows from the item's bytes, the
 * items beside it, and the parent's first key. */
#include "kernel-shared/check/mend.h"

#include <stdlib.h>

static bool between(const struct key *lo, const struct key *k, const struct key *hi)
{
	return (!lo || key_cmp(lo, k) < 0) && (!hi || key_cmp(k, hi) < 0);
}

bool mend_item_holds(struct mend *m, u64 tree, const struct mended_item *it, const struct mended_item *prev)
{
	struct validator v = { .geo = m->fs->geo, .tree = tree };
	struct item item = { it->key, it->data, it->size, 1 }, before;

	if (!item_type(it->key.type))
		return false;
	if (prev)
		before = (struct item){ prev->key, prev->data, prev->size, 0 };
	return !item_validate(&v, &item, prev ? &before : NULL);
}

static bool holds_as(struct mend *m, const struct place *p, const struct mended_item *it, struct key key, const struct mended_item *prev)
{
	struct mended_item as = { key, it->data, it->size };

	return mend_item_holds(m, p->tree, &as, prev);
}

static bool in_range(const struct place *p, const struct key *k)
{
	bool open = p->bound.objectid == -1ULL && p->bound.type == 255;

	/* a root begins wherever it begins, and so does whatever stands first */
	return open || key_cmp(k, &p->bound) < 0;
}

static void tell_key(struct mend *m, const struct key *was, const struct key *is, const char *why)
{
	m->fixed++;
	repair_say(m->r, "%s: key [%llu,%u,%llu] is [%llu,%u,%llu]", why, was->objectid, was->type, was->offset, is->objectid, is->type, is->offset);
}

/* --- what the item's bytes say --- */

/* Whose root block a root item leads to. 0: it cannot be told. */
static u64 owner_of_root(struct mend *m, const struct mended_item *it)
{
	struct item item = { it->key, it->data, it->size, 0 };
	u32 size = m->fs->geo->nodesize;
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(size);
	struct err ignored = ERR_INIT;
	struct disk_root_item ri;
	u64 bytenr;

	root_item_parse(&item, &ri);
	bytenr = le64_get(ri.bytenr);
	if (!buf || !chunk_lookup(m->fs->vol, bytenr) || rio_read(m->fs->vol, bytenr, size, 0, buf, &ignored) || !block_check_csum(m->fs->geo, buf, NULL) ||
	    block_bytenr(buf) != bytenr || block_generation(buf) != le64_get(ri.generation))
		return 0;
	return block_owner(buf);
}

static bool looks_like_chunk(const struct mended_item *it)
{
	const struct disk_chunk *c = (const void *)it->data;

	return it->size >= sizeof(*c) + sizeof(c->stripes[0]) && le64_get(c->stripe_len) == BTRFS_STRIPE_LEN &&
	       it->size == sizeof(*c) + le16_get(c->num_stripes) * sizeof(c->stripes[0]);
}

static bool is_present(struct volume *vol, u64 devid)
{
	const struct device *d = volume_device(vol, devid, NULL);

	return d && d->bdev;
}

static struct key key_by_content(struct mend *m, u64 tree, const struct mended_item *it)
{
	struct key key = it->key;
	u64 owner;

	if (tree == BTRFS_CHUNK_TREE_OBJECTID) {
		const struct disk_dev_item *d = it->size == sizeof(*d) ? (const void *)it->data : NULL;

		if (d && is_present(m->fs->vol, le64_get(d->devid)))
			return KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, le64_get(d->devid));
		if (!d && looks_like_chunk(it))
			return KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, key.offset);
	}
	if (tree == BTRFS_ROOT_TREE_OBJECTID && key.type == BTRFS_ROOT_ITEM_KEY && key.objectid != BTRFS_TREE_RELOC_OBJECTID) {
		owner = owner_of_root(m, it);
		if (owner && owner != BTRFS_TREE_RELOC_OBJECTID)
			key.objectid = owner;
		if (key.objectid < BTRFS_FIRST_FREE_OBJECTID)
			key.offset = 0;
	}
	return key;
}

static void fix_contents(struct mend *m, const struct place *p, struct mended_items *v)
{
	for (size_t i = 0; i < v->len; i++) {
		struct key key = key_by_content(m, p->tree, &v->v[i]);
		bool taken = false;

		for (size_t k = 0; k < v->len; k++)
			taken |= key_eq(&v->v[k].key, &key);
		if (taken)
			continue;
		tell_key(m, &v->v[i].key, &key, "What an item holds says what it is");
		v->v[i].key = key;
	}
}

/* --- what stands beside it --- */

static void key_flip(struct key *k, unsigned bit)
{
	if (bit < 64)
		k->objectid ^= 1ULL << bit;
	else if (bit < 72)
		k->type ^= 1 << (bit - 64);
	else
		k->offset ^= 1ULL << (bit - 72);
}

/* An item that may have had several keys: those of an object that stands beside it before others, and of these only one. */
struct guess { struct mend *m; const struct place *p; const struct mended_item *it, *prev, *next; struct key best; unsigned n; bool near; };

static void try_key(struct guess *g, struct key key)
{
	const struct key *lo = g->prev ? &g->prev->key : NULL, *hi = g->next ? &g->next->key : &g->p->bound;
	bool near = (g->prev && g->prev->key.objectid == key.objectid) || (g->next && g->next->key.objectid == key.objectid);

	if (key_eq(&key, &g->it->key) || !between(lo, &key, hi) || (g->n && g->near && !near) || (g->n && key_eq(&key, &g->best)) || !holds_as(g->m, g->p, g->it, key, g->prev))
		return;
	if (near && !g->near)
		g->n = 0;
	g->best = key;
	g->near = near;
	g->n++;
}

/* Of types without a rule: what the item at least must be. */
static bool could_be(u8 type, u32 size)
{
	switch (type) {
	case BTRFS_QGROUP_STATUS_KEY: return size == offsetof(struct disk_qgroup_status, enable_gen) || size == sizeof(struct disk_qgroup_status);
	case BTRFS_QGROUP_INFO_KEY: return size == sizeof(struct disk_qgroup_info);
	case BTRFS_QGROUP_LIMIT_KEY: return size == sizeof(struct disk_qgroup_limit);
	case BTRFS_QGROUP_RELATION_KEY: return !size;
	case BTRFS_UUID_KEY_SUBVOL:
	case BTRFS_UUID_KEY_RECEIVED_SUBVOL: return size && !(size % sizeof(u64));
	default: return item_type(type) && item_type(type)->validate;
	}
}

bool mend_belongs(u64 tree, u64 objectid, u8 type)
{
	if (type == BTRFS_UNTYPED_KEY)
		return tree == BTRFS_ROOT_TREE_OBJECTID && objectid == BTRFS_FREE_SPACE_OBJECTID;
	switch (tree) {
	case BTRFS_QUOTA_TREE_OBJECTID: return type >= BTRFS_QGROUP_STATUS_KEY && type <= BTRFS_QGROUP_RELATION_KEY;
	case BTRFS_UUID_TREE_OBJECTID: return type == BTRFS_UUID_KEY_SUBVOL || type == BTRFS_UUID_KEY_RECEIVED_SUBVOL;
	case BTRFS_CSUM_TREE_OBJECTID: return type == BTRFS_EXTENT_CSUM_KEY;
	case BTRFS_CHUNK_TREE_OBJECTID: return type == BTRFS_DEV_ITEM_KEY || type == BTRFS_CHUNK_ITEM_KEY;
	case BTRFS_ROOT_TREE_OBJECTID:
		return type <= BTRFS_EXTENT_DATA_KEY || type == BTRFS_ROOT_ITEM_KEY || type == BTRFS_ROOT_REF_KEY || type == BTRFS_ROOT_BACKREF_KEY;
	default: return !is_fstree(tree) || type <= BTRFS_EXTENT_DATA_KEY;
	}
}

static bool turn_bit(struct guess *g)
{
	for (unsigned bit = 0; bit < 136; bit++) {
		struct key key = g->it->key;

		key_flip(&key, bit);
		try_key(g, key);
	}
	return g->n == 1;
}

/* One of the three fields is another one. */
static bool other_field(struct guess *g)
{
	const struct mended_item *beside[] = { g->prev, g->next };
	struct key key = g->it->key;

	g->n = 0;
	g->near = false;
	for (unsigned i = 0; i < 2; i++)
		if (beside[i])
			try_key(g, KEY(beside[i]->key.objectid, key.type, key.offset));
	for (unsigned type = 1; type < 256; type++)
		if (mend_belongs(g->p->tree, key.objectid, type) && could_be(type, g->it->size))
			try_key(g, KEY(key.objectid, type, key.offset));
	try_key(g, KEY(key.objectid, key.type, 0));
	return g->n == 1;
}

static bool find_key(struct mend *m, const struct place *p, struct mended_item *it, const struct mended_item *prev, const struct mended_item *next)
{
	struct guess g = { .m = m, .p = p, .it = it, .prev = prev, .next = next };
	struct key was = it->key;
	bool bit = turn_bit(&g);

	if (!bit && !other_field(&g))
		return false;
	it->key = g.best;
	tell_key(m, &was, &it->key, bit ? "Turned back a flipped bit" : "The items beside it say what it is");
	return true;
}

/* The parent says how its children begin. It is believed where the item holds as that, and no better as what it is. */
static void fix_first(struct mend *m, const struct place *p, struct mended_items *v)
{
	struct mended_item *it = v->v, *next = v->len > 1 ? it + 1 : NULL;
	struct key was;
	bool own;

	if (!p->has_first || !v->len || key_eq(&it->key, &p->first) || (next && key_cmp(&p->first, &next->key) >= 0) || !holds_as(m, p, it, p->first, NULL))
		return;
	own = mend_item_holds(m, p->tree, it, NULL) && (!next || key_cmp(&it->key, &next->key) < 0) && in_range(p, &it->key);
	if (own && !(next && next->key.objectid == p->first.objectid && it->key.objectid != p->first.objectid))
		return;
	was = it->key;
	it->key = p->first;
	tell_key(m, &was, &it->key, "The parent says how a block begins");
}

/* Items that would be in order without one: that one's key is wrong. */
static void fix_order(struct mend *m, const struct place *p, struct mended_items *v)
{
	for (size_t i = 0; i < v->len; i++) {
		struct mended_item *it = &v->v[i], *prev = i ? it - 1 : NULL, *next = i + 1 < v->len ? it + 1 : NULL, *after = i + 2 < v->len ? it + 2 : NULL;
		bool with_prev = !prev || key_cmp(&prev->key, &it->key) < 0, with_next = !next || key_cmp(&it->key, &next->key) < 0;
		bool alone = prev && next ? key_cmp(&prev->key, &next->key) < 0 : true, known = mend_belongs(p->tree, it->key.objectid, it->key.type);

		if ((with_prev && with_next && known && in_range(p, &it->key)) || !alone)
			continue;
		/* of two in the wrong order the second may be the wrong one */
		if (with_prev && next && known && in_range(p, &it->key) && (!after || key_cmp(&it->key, &after->key) < 0) && !mend_item_holds(m, p->tree, next, it))
			continue;
		find_key(m, p, it, prev, next);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct mended_item *x = a, *y = b;

	return key_cmp(&x->key, &y->key);
}

void mend_keys(struct mend *m, const struct place *p, struct mended_items *v)
{
	size_t n = 0;

	fix_contents(m, p, v);
	fix_first(m, p, v);
	fix_order(m, p, v);
	vec_sort(v, by_key);
	for (size_t i = 0; i < v->len; i++) {
		if ((n && key_eq(&v->v[n - 1].key, &v->v[i].key)) || !in_range(p, &v->v[i].key)) {
			mend_tell_item(m, p, "Deleting misplaced", &v->v[i].key);
			m->dropped++;
			continue;
		}
		v->v[n++] = v->v[i];
	}
	v->len = n;
}
