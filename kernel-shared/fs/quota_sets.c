/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which subvolumes reach which extents: from the roots down, level by level, so that a block is looked at when all that lead to it are known. Sets of
 * subvolumes are interned and their unions remembered, because there are few of them. */
#include "kernel-shared/fs/quota.h"
#include "common/mem.h"

enum { AHEAD = 256 };

struct id_set { u32 first, n; u64 bytes; };

struct root_sums {
	VEC(u64) ids;               /* of all sets, one after the other */
	VEC(struct id_set) sets;
	struct hmap by_hash, unions;
};

/* A block that is reached, or a data extent (len). */
struct reached { struct block_ref ref; u32 set; const struct root *dying; };
VEC_TYPE(reached_list, struct reached);
struct data { u64 len; u32 set; };

struct count {
	struct fs *fs;
	struct root_sums *s;
	struct reached_list level[BTRFS_MAX_LEVEL];
	struct hmap at[BTRFS_MAX_LEVEL];     /* address -> index + 1 */
	VEC(struct data) data;
	struct hmap data_at;
	struct err *err;
};

void root_sums_free(struct root_sums *s)
{
	if (!s)
		return;
	vec_fini(&s->ids);
	vec_fini(&s->sets);
	hmap_fini(&s->by_hash);
	hmap_fini(&s->unions);
	free(s);
}

/* The set of the n ids at the end of the pool, which are taken off again when it is known. -ENOMEM. */
static int set_intern(struct root_sums *s, u32 first, u32 *out)
{
	u32 n = s->ids.len - first;
	u64 hash = hash_bytes(s->ids.v + first, n * sizeof(u64));

	for (;; hash++) {
		bool fresh;
		u64 *slot = hmap_put(&s->by_hash, hash, &fresh);
		struct id_set set = { first, n, 0 };
		const struct id_set *have;

		if (!slot)
			return -ENOMEM;
		if (fresh) {
			*slot = *out = s->sets.len;
			return vec_push(&s->sets, set);
		}
		have = &s->sets.v[*slot];
		if (have->n == n && !memcmp(s->ids.v + have->first, s->ids.v + first, n * sizeof(u64))) {
			s->ids.len = first;
			*out = *slot;
			return 0;
		}
	}
}

int root_sums_single(struct root_sums *s, u64 id, u32 *out)
{
	u32 first = s->ids.len;

	return vec_push(&s->ids, id) ? -ENOMEM : set_intern(s, first, out);
}

struct root_sums *root_sums_new(void)
{
	struct root_sums *s = mem_zalloc(sizeof(*s));
	u32 empty;

	if (s && (vec_reserve(&s->ids, 64) || set_intern(s, 0, &empty))) {
		root_sums_free(s);
		return NULL;
	}
	return s;
}

void root_sums_add(struct root_sums *s, u32 set, u64 bytes)
{
	s->sets.v[set].bytes += bytes;
}

static int set_merge(struct root_sums *s, u32 a, u32 b, u32 *out)
{
	struct id_set x = s->sets.v[a], y = s->sets.v[b];
	u32 first = s->ids.len, i = 0, j = 0;

	if (vec_reserve(&s->ids, first + x.n + y.n))
		return -ENOMEM;
	while (i < x.n || j < y.n) {
		u64 p = i < x.n ? s->ids.v[x.first + i] : -1ULL, q = j < y.n ? s->ids.v[y.first + j] : -1ULL;

		s->ids.v[s->ids.len++] = p < q ? p : q;
		i += p <= q;
		j += q <= p;
	}
	return set_intern(s, first, out);
}

int root_sums_union(struct root_sums *s, u32 a, u32 b, u32 *out)
{
	u64 pair = a < b ? (u64)a << 32 | b : (u64)b << 32 | a, *slot;
	bool fresh;
	int ret;

	*out = a;
	if (a == b)
		return 0;
	slot = hmap_put(&s->unions, pair, &fresh);
	if (!slot)
		return -ENOMEM;
	if (!fresh) {
		*out = *slot;
		return 0;
	}
	ret = set_merge(s, a, b, out);
	*slot = *out;
	return ret;
}

static int reach_block(struct count *c, const struct block_ref *ref, u32 set, const struct root *dying)
{
	struct reached_list *l = &c->level[ref->level];
	u64 *slot = hmap_put(&c->at[ref->level], ref->bytenr, NULL);
	struct reached r = { *ref, set, dying };

	if (!slot)
		return err_nomem(c->err);
	if (*slot)
		return root_sums_union(c->s, l->v[*slot - 1].set, set, &l->v[*slot - 1].set) ? err_nomem(c->err) : 0;
	if (vec_push(l, r))
		return err_nomem(c->err);
	*slot = l->len;
	return 0;
}

static int reach_data(struct count *c, const struct file_extent_view *f, u32 set)
{
	u64 *slot = hmap_put(&c->data_at, f->disk_bytenr, NULL);
	struct data fresh = { f->disk_num_bytes, set };
	struct data *have;

	if (!slot)
		return err_nomem(c->err);
	if (!*slot) {
		*slot = c->data.len + 1;
		return vec_push(&c->data, fresh) ? err_nomem(c->err) : 0;
	}
	have = &c->data.v[*slot - 1];
	return root_sums_union(c->s, have->set, set, &have->set) ? err_nomem(c->err) : 0;
}

static int count_leaf(struct count *c, const struct node *n, u32 set)
{
	for (u32 i = 0; i < node_nritems(n); i++) {
		struct item item;
		struct file_extent_view f;
		int ret;

		if (node_key(n, i).type != BTRFS_EXTENT_DATA_KEY)
			continue;
		item = node_item(n, i);
		if (file_extent_parse(&item, &f))
			return err_set(c->err, -EUCLEAN, "file extent (%llu %llu) in block %llu cannot be read", item.key.objectid, item.key.offset, n->bytenr);
		if (f.type == BTRFS_FILE_EXTENT_INLINE || !f.disk_bytenr)
			continue;
		ret = reach_data(c, &f, set);
		if (ret)
			return ret;
	}
	return 0;
}

/* Where what is left of a half-dropped subvolume begins in this block of its path. */
static int first_slot(const struct node *n, const struct root *dying)
{
	struct key key = key_get(&dying->item.drop_progress);
	bool exact;
	int slot = block_search(n->data, &key, &exact);

	return !exact && slot ? slot - 1 : slot;
}

static int count_node(struct count *c, const struct node *n, const struct reached *r)
{
	int first = r->dying ? first_slot(n, r->dying) : 0, ret = 0;

	for (int slot = first; !ret && slot < (int)node_nritems(n); slot++) {
		struct block_ref child = block_child(n->data, slot, 0);
		bool path = r->dying && slot == first && node_level(n) > r->dying->item.drop_level;

		child.any_owner = true;
		ret = reach_block(c, &child, r->set, path ? r->dying : NULL);
	}
	return ret;
}

static void read_ahead(struct count *c, const struct reached_list *l, size_t from)
{
	struct block_ref refs[AHEAD];
	size_t n = 0;

	while (n < AHEAD && from + n < l->len) {
		refs[n] = l->v[from + n].ref;
		n++;
	}
	nstore_prefetch(&c->fs->store, refs, n);
}

static int count_level(struct count *c, u8 level)
{
	struct reached_list *l = &c->level[level];

	for (size_t i = 0; i < l->len; i++) {
		struct reached r = l->v[i];
		struct node *n;
		int ret;

		if (i % AHEAD == 0)
			read_ahead(c, l, i);
		ret = node_get(&c->fs->store, &r.ref, &n, c->err);
		if (ret)
			return ret;
		c->s->sets.v[r.set].bytes += c->fs->geo->nodesize;
		ret = level ? count_node(c, n, &r) : count_leaf(c, n, r.set);
		node_put(n);
		if (ret)
			return ret;
	}
	hmap_fini(&c->at[level]);
	vec_fini(l);
	return 0;
}

static int add_roots(struct count *c)
{
	struct subvol_list list;
	int ret = subvol_list(c->fs, &list, c->err);

	for (size_t i = 0; !ret && i < list.len; i++) {
		struct root *root;
		struct block_ref ref;
		u32 set;

		ret = fs_subvol_root(c->fs, list.v[i].id, &root, c->err);
		if (!ret && root_sums_single(c->s, list.v[i].id, &set))
			ret = err_nomem(c->err);
		if (ret)
			break;
		ref = tree_root_ref(&root->tree);
		ref.any_owner = true;
		ret = reach_block(c, &ref, set, le64_get(root->item.drop_progress.objectid) ? root : NULL);
	}
	subvol_list_fini(&list);
	return ret;
}

int root_sums_count(struct fs *fs, struct root_sums **out, struct err *err)
{
	struct count c = { .fs = fs, .s = root_sums_new(), .err = err };
	int ret = c.s ? add_roots(&c) : err_nomem(err);

	for (int level = BTRFS_MAX_LEVEL - 1; !ret && level >= 0; level--)
		ret = count_level(&c, level);
	for (size_t i = 0; !ret && i < c.data.len; i++)
		c.s->sets.v[c.data.v[i].set].bytes += c.data.v[i].len;
	for (int level = 0; level < BTRFS_MAX_LEVEL; level++) {
		vec_fini(&c.level[level]);
		hmap_fini(&c.at[level]);
	}
	vec_fini(&c.data);
	hmap_fini(&c.data_at);
	if (ret)
		root_sums_free(c.s);
	else
		*out = c.s;
	return ret ? err_wrap(err, ret, "cannot count what subvolumes hold") : 0;
}

int root_sums_each(const struct root_sums *s, int (*fn)(void *arg, const u64 *ids, size_t n, u64 bytes), void *arg)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < s->sets.len; i++)
		if (s->sets.v[i].bytes)
			ret = fn(arg, s->ids.v + s->sets.v[i].first, s->sets.v[i].n, s->sets.v[i].bytes);
	return ret;
}
