/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/send/names.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Each component takes two bytes of a path at least. */
enum { DEPTH_MAX = SEND_PATH_MAX / 2 + 1, UNKNOWN = 0, NO = 1, YES = 2 };

int side_init(struct side *s, struct root *root, struct err *err)
{
	*s = (struct side){ .root = root };
	if (!root)
		return 0;
	s->places = mem_calloc(PLACES, sizeof(*s->places));
	return s->places ? 0 : err_nomem(err);
}

void side_fini(struct side *s)
{
	free(s->places);
	path_fini(&s->near);
	*s = (struct side){ 0 };
}

int names_init(struct names *n, struct root *left, struct root *right, struct err *err)
{
	int ret;

	*n = (struct names){ 0 };
	ret = side_init(&n->left, left, err);
	if (!ret)
		ret = side_init(&n->right, right, err);
	if (ret || !right)
		return ret;
	n->placed = mem_calloc(PLACED, sizeof(*n->placed));
	return n->placed ? 0 : err_nomem(err);
}

void names_fini(struct names *n)
{
	side_fini(&n->left);
	side_fini(&n->right);
	free(n->placed);
}

/* ---- One tree ---- */

/* The leaf that holds all there is between lo and hi, if one does (1) and not several (0); *slot: where lo is, or would be. */
static int near_leaf(struct side *s, struct key lo, struct key hi, int *slot, struct err *err)
{
	const struct node *leaf = s->near.nodes[0];
	struct key first, last;
	bool exact;
	int ret;

	if (leaf && node_nritems(leaf)) {
		first = node_key(leaf, 0);
		last = node_key(leaf, node_nritems(leaf) - 1);
		if (key_cmp(&first, &lo) <= 0 && key_cmp(&hi, &last) <= 0) {
			*slot = block_search(leaf->data, &lo, &exact);
			return 1;
		}
	}
	path_fini(&s->near);
	ret = tree_search(&s->root->tree, &lo, &s->near, err);
	if (ret < 0)
		return ret;
	leaf = s->near.nodes[0];
	*slot = s->near.slots[0];
	if (!node_nritems(leaf))
		return 0;
	last = node_key(leaf, node_nritems(leaf) - 1);
	return key_cmp(&hi, &last) <= 0;
}

/* Items that lie in several leaves. */
static int each_far(struct side *s, struct key lo, struct key hi, int (*fn)(void *arg, const struct item *item), void *arg, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&s->root->tree, lo, hi);
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, err)))
		if ((ret = fn(arg, &item)))
			return ret;
	return ret == -ENOENT ? 0 : ret;
}

/* fn for each item of [lo, hi], until it returns non-zero. */
static int each_near(struct side *s, struct key lo, struct key hi, int (*fn)(void *arg, const struct item *item), void *arg, struct err *err)
{
	int slot, ret = near_leaf(s, lo, hi, &slot, err);

	if (!ret)
		return each_far(s, lo, hi, fn, arg, err);
	if (ret > 0) {
		const struct node *leaf = s->near.nodes[0];

		for (ret = 0; !ret && slot < (int)node_nritems(leaf); slot++) {
			struct item item = node_item(leaf, slot);

			if (key_cmp(&item.key, &hi) > 0)
				break;
			ret = fn(arg, &item);
		}
	}
	return ret;
}

int side_item(struct side *s, struct key key, struct item *out, struct err *err)
{
	int slot, ret = near_leaf(s, key, key, &slot, err);

	if (ret <= 0)
		return ret < 0 ? ret : -ENOENT;
	*out = node_item(s->near.nodes[0], slot);
	return key_cmp(&out->key, &key) ? -ENOENT : 0;
}

struct placing { struct side *side; struct place *place; struct err *err; };

/* The inode item, and the first name behind it. */
static int take_place(void *arg, const struct item *item)
{
	struct placing *w = arg;
	struct place *p = w->place;
	struct inode_ref_view ref;
	struct inode inode;
	u32 pos = 0;
	int ret;

	if (item->key.type == BTRFS_INODE_ITEM_KEY) {
		ret = inode_parse(w->side->root, item, &inode, w->err);
		if (ret)
			return ret;
		p->gen = inode.generation;
		p->mode = inode.mode;
		p->flags = inode.flags;
		p->exists = inode.nlink > 0 || p->ino == BTRFS_FIRST_FREE_OBJECTID;
		return 0;
	}
	if (inode_ref_next(item, &pos, &ref) && ref.name_len <= sizeof(p->name)) {
		p->parent = ref.parent;
		p->name_len = ref.name_len;
		memcpy(p->name, ref.name, ref.name_len);
	}
	return 1;
}

static int place_read(struct side *s, u64 ino, struct place *p, struct err *err)
{
	struct placing w = { s, p, err };
	int ret;

	*p = (struct place){ .ino = ino };
	ret = each_near(s, KEY(ino, BTRFS_INODE_ITEM_KEY, 0), KEY(ino, BTRFS_INODE_EXTREF_KEY, -1ULL), take_place, &w, err);
	return ret < 0 ? ret : 0;
}

/* Where it is remembered; valid until the next of this side is asked for. */
static int place_at(struct side *s, u64 ino, struct place **out, struct err *err)
{
	struct place *p;
	int ret = 0;

	*out = NULL;
	if (!s->root)
		return 0;
	p = &s->places[hash_mix(ino) & (PLACES - 1)];
	if (p->ino != ino)
		ret = place_read(s, ino, p, err);
	if (ret) {
		p->ino = 0;
		return err_wrap(err, ret, "cannot look up inode %llu of tree %llu", ino, s->root->tree.id);
	}
	*out = p;
	return 0;
}

int side_place(struct side *s, u64 ino, struct place *out, struct err *err)
{
	struct place *p;
	int ret = place_at(s, ino, &p, err);

	if (ret)
		return ret;
	*out = p ? *p : (struct place){ .ino = ino };
	return 0;
}

static void spath_clear(struct spath *p) { p->start = sizeof(p->v); }

/* Puts a component before what is there. */
static int spath_push(struct spath *p, const u8 *name, size_t len, u64 ino, struct err *err)
{
	bool slash = p->start < sizeof(p->v);

	/* Paths are shorter than SEND_PATH_MAX. */
	if (!len || len + slash + 1 > p->start)
		return err_set(err, len ? -ENAMETOOLONG : -EUCLEAN, len ? "the path of inode %llu is longer than a stream can hold (%d bytes)" :
			"inode %llu has no name", ino, SEND_PATH_MAX - 1);
	if (slash)
		p->v[--p->start] = '/';
	p->start -= len;
	memcpy(p->v + p->start, name, len);
	return 0;
}

/* Puts the components of ino and of what is above it before what is there. */
static int path_up(struct side *s, u64 ino, struct spath *out, struct err *err)
{
	unsigned depth = 0;

	while (ino != BTRFS_FIRST_FREE_OBJECTID) {
		struct place *p;
		int ret = place_at(s, ino, &p, err);

		if (ret)
			return ret;
		if (!p || !p->exists || !p->name_len)
			return err_set(err, -ENOENT, "inode %llu of tree %llu hangs nowhere", ino, s->root ? s->root->tree.id : 0);
		if (++depth > DEPTH_MAX)
			return err_set(err, -ELOOP, "directory %llu of tree %llu lies too deep, or in itself", ino, s->root->tree.id);
		ret = spath_push(out, p->name, p->name_len, ino, err);
		if (ret)
			return ret;
		ino = p->parent;
	}
	return 0;
}

int side_path(struct side *s, u64 ino, struct spath *out, struct err *err)
{
	spath_clear(out);
	return path_up(s, ino, out, err);
}

int side_depth(struct side *s, u64 ino, u32 *depth, struct err *err)
{
	for (*depth = 0; ino != BTRFS_FIRST_FREE_OBJECTID; ++*depth) {
		struct place *p;
		int ret = place_at(s, ino, &p, err);

		if (ret)
			return ret;
		if (!p || !p->exists || !p->name_len)
			return err_set(err, -ENOENT, "inode %llu of tree %llu hangs nowhere", ino, s->root->tree.id);
		if (*depth > DEPTH_MAX)
			return err_set(err, -ELOOP, "directory %llu of tree %llu lies too deep, or in itself", ino, s->root->tree.id);
		ino = p->parent;
	}
	return 0;
}

/* ---- Both ---- */

/* 1 and both places if the directory is in both. */
static int both_places(struct names *n, u64 ino, struct place **l, struct place **r, struct err *err)
{
	int ret = place_at(&n->left, ino, l, err);

	if (!ret)
		ret = place_at(&n->right, ino, r, err);
	if (ret || !*l || !*r)
		return ret;
	if (ino == BTRFS_FIRST_FREE_OBJECTID)
		return 1;
	return (*l)->exists && (*r)->exists && (*l)->gen == (*r)->gen && S_ISDIR((*l)->mode) && S_ISDIR((*r)->mode);
}

int names_same_dir(struct names *n, u64 ino, struct err *err)
{
	struct place *l, *r;

	return both_places(n, ino, &l, &r, err);
}

int names_moved(struct names *n, u64 ino, struct err *err)
{
	struct place *l, *r;
	int ret = both_places(n, ino, &l, &r, err);

	if (ret <= 0 || ino == BTRFS_FIRST_FREE_OBJECTID)
		return ret < 0 ? ret : 0;
	if (l->parent != r->parent || l->name_len != r->name_len || memcmp(l->name, r->name, l->name_len))
		return 1;
	ret = names_same_dir(n, l->parent, err);
	return ret < 0 ? ret : !ret;
}

/* Remembers an answer, if the place is still there. */
static int remember(struct names *n, u64 ino, size_t field, int answer, struct err *err)
{
	struct place *l;
	int ret = place_at(&n->left, ino, &l, err);

	if (ret)
		return ret;
	if (l)
		((u8 *)l)[field] = answer ? YES : NO;
	return answer;
}

int names_stable(struct names *n, u64 ino, struct err *err)
{
	u64 dir = ino;
	int ret = 1;

	for (unsigned depth = 0; dir != BTRFS_FIRST_FREE_OBJECTID; depth++) {
		struct place *l;

		ret = place_at(&n->left, dir, &l, err);
		if (ret)
			return ret;
		if (!l || depth > DEPTH_MAX)
			return 0;
		if (l->stable) {
			ret = l->stable == YES;
			break;
		}
		ret = names_same_dir(n, dir, err);
		if (ret > 0) {
			ret = names_moved(n, dir, err);
			ret = ret < 0 ? ret : !ret;
		}
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		ret = place_at(&n->left, dir, &l, err);
		if (ret)
			return ret;
		dir = l->parent;
		ret = 1;
	}
	return ino == BTRFS_FIRST_FREE_OBJECTID ? ret : remember(n, ino, offsetof(struct place, stable), ret, err);
}

/* (dir, name) of left is a name in a stable directory that nothing has in right: what shall be there can be put there at any time. */
static int names_free(struct names *n, u64 dir, const u8 *name, u16 len, struct err *err)
{
	struct dirent d;
	int ret = names_stable(n, dir, err);

	if (ret <= 0)
		return ret;
	ret = dir_lookup(n->right.root, dir, name, len, &d, err);
	if (ret == -ENOENT)
		return 1;
	/* Subvolumes below are not sent: their names are free. */
	return ret ? err_wrap(err, ret, "cannot look up a name in directory %llu of tree %llu", dir, n->right.root->tree.id) : d.is_subvol;
}

int names_placed(struct names *n, u64 ino, struct err *err)
{
	struct place *l, p;
	int ret = place_at(&n->left, ino, &l, err);

	if (ret || !l)
		return ret;
	if (l->placed)
		return l->placed == YES;
	p = *l;
	ret = names_free(n, p.parent, p.name, p.name_len, err);
	return ret < 0 ? ret : remember(n, ino, offsetof(struct place, placed), ret, err);
}

int names_file_placed(struct names *n, u64 ino, const struct refs *now, struct err *err)
{
	const struct name_ref *first = &now->v.v[0];
	u64 *known = &n->placed[hash_mix(ino) & (PLACED - 1)];
	int ret;

	if (*known >> 1 == ino)
		return *known & 1;
	ret = names_free(n, first->parent, ref_name(now, first), first->len, err);
	if (ret >= 0)
		*known = ino << 1 | ret;
	return ret;
}

bool names_breeding(const u8 *name, u16 len)
{
	static const char acl[] = "system.posix_acl_default", property[] = "btrfs.";

	return (len == sizeof(acl) - 1 && !memcmp(name, acl, len)) || (len >= sizeof(property) - 1 && !memcmp(name, property, sizeof(property) - 1));
}

u64 names_breeding_flags(u64 flags)
{
	return flags & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM | BTRFS_INODE_COMPRESS | BTRFS_INODE_NOCOMPRESS | BTRFS_INODE_SYNC |
		BTRFS_INODE_DIRSYNC | BTRFS_INODE_NODUMP | BTRFS_INODE_NOATIME);
}

static int breeds(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	return names_breeding(name, name_len);
}

int names_breeds(struct names *n, u64 dir, struct err *err)
{
	struct place *l, *r;
	int ret = both_places(n, dir, &l, &r, err);

	if (ret <= 0)
		return ret;
	if (l->breeds)
		return l->breeds == YES;
	ret = !!names_breeding_flags(r->flags);
	if (!ret)
		ret = xattr_each(n->right.root, dir, breeds, NULL, err);
	return ret < 0 ? ret : remember(n, dir, offsetof(struct place, breeds), ret, err);
}

int names_temporary(struct names *n, u64 ino, u64 gen, struct spath *out, struct err *err)
{
	char text[64];

	for (unsigned i = 0;; i++) {
		int len = snprintf(text, sizeof(text), "o%llu-%llu-%u", ino, gen, i), l, r = -ENOENT;
		struct dirent d;

		l = dir_lookup(n->left.root, BTRFS_FIRST_FREE_OBJECTID, text, len, &d, err);
		if (n->right.root)
			r = dir_lookup(n->right.root, BTRFS_FIRST_FREE_OBJECTID, text, len, &d, err);
		if (l == -ENOENT && r == -ENOENT) {
			spath_clear(out);
			return spath_push(out, (u8 *)text, len, ino, err);
		}
		if ((l && l != -ENOENT) || (r && r != -ENOENT))
			return err_wrap(err, l && l != -ENOENT ? l : r, "cannot look up a name in the root directory");
	}
}

/* Up through right, until a directory that has moved: from there through left, or at its temporary name. */
static int path_moved(struct names *n, u64 dir, struct spath *out, struct err *err)
{
	for (unsigned depth = 0; dir != BTRFS_FIRST_FREE_OBJECTID; depth++) {
		int moved = names_moved(n, dir, err), placed;
		struct place p;
		int ret;

		if (moved < 0)
			return moved;
		placed = moved ? names_placed(n, dir, err) : 0;
		if (placed)
			return placed < 0 ? placed : path_up(&n->left, dir, out, err);
		ret = side_place(&n->right, dir, &p, err);
		if (ret)
			return ret;
		if (moved) {
			struct spath t;

			ret = names_temporary(n, dir, p.gen, &t, err);
			return ret ? ret : spath_push(out, (const u8 *)spath_text(&t), spath_len(&t), dir, err);
		}
		if (!p.exists || depth > DEPTH_MAX)
			return err_set(err, -EUCLEAN, "directory %llu of tree %llu hangs nowhere", dir, n->right.root->tree.id);
		ret = spath_push(out, p.name, p.name_len, dir, err);
		if (ret)
			return ret;
		dir = p.parent;
	}
	return 0;
}

int names_path(struct names *n, enum names_step step, u64 dir, const u8 *name, u16 len, struct spath *out, struct err *err)
{
	int ret;

	spath_clear(out);
	if (len && (ret = spath_push(out, name, len, dir, err)))
		return ret;
	return step == STEP_MOVED ? path_moved(n, dir, out, err) : path_up(&n->left, dir, out, err);
}

/* ---- Names of one inode ---- */

int refs_add(struct refs *r, const struct inode_ref_view *ref)
{
	struct name_ref f = { ref->parent, r->text.len, ref->name_len, false };

	if (r->text.len > UINT32_MAX - ref->name_len || vec_push(&r->v, f))
		return -ENOMEM;
	sb_add(&r->text, ref->name, ref->name_len);
	return r->text.failed ? -ENOMEM : 0;
}

static int add_refs(void *arg, const struct item *item)
{
	struct inode_ref_view ref;
	int ret = 0;

	for (u32 pos = 0; !ret && inode_ref_next(item, &pos, &ref);)
		ret = refs_add(arg, &ref);
	return ret;
}

int refs_read(struct refs *r, struct side *side, u64 ino, struct err *err)
{
	int ret;

	r->v.len = 0;
	sb_reset(&r->text);
	if (!side->root)
		return 0;
	ret = each_near(side, KEY(ino, BTRFS_INODE_REF_KEY, 0), KEY(ino, BTRFS_INODE_EXTREF_KEY, -1ULL), add_refs, r, err);
	return !ret ? 0 : ret == -ENOMEM ? err_nomem(err) : err_wrap(err, ret, "cannot read the names of inode %llu of tree %llu", ino, side->root->tree.id);
}

void refs_fini(struct refs *r)
{
	vec_fini(&r->v);
	sb_fini(&r->text);
}

static int compare_names(const struct refs *a, const struct name_ref *x, const struct refs *b, const struct name_ref *y)
{
	int cmp;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	cmp = memcmp(ref_name(a, x), ref_name(b, y), min_t(u16, x->len, y->len));
	return cmp ? cmp : (int)x->len - y->len;
}

static int by_name(const void *a, const void *b, void *arg)
{
	const struct refs *r = arg;

	return compare_names(r, &r->v.v[*(const u32 *)a], r, &r->v.v[*(const u32 *)b]);
}

static u32 *sorted_names(const struct refs *r)
{
	u32 *order = mem_alloc(r->v.len + 1, sizeof(*order));

	for (u32 i = 0; order && i < r->v.len; i++)
		order[i] = i;
	if (order && r->v.len > 1)
		qsort_r(order, r->v.len, sizeof(*order), by_name, (void *)r);
	return order;
}

int names_match(struct names *n, struct refs *left, struct refs *right, struct err *err)
{
	u32 *a CLEANUP(mem_freep) = NULL, *b CLEANUP(mem_freep) = NULL;

	if (!left->v.len || !right->v.len)
		return 0;
	a = sorted_names(left);
	b = sorted_names(right);
	if (!a || !b)
		return err_nomem(err);
	for (size_t i = 0, j = 0; i < left->v.len && j < right->v.len;) {
		struct name_ref *x = &left->v.v[a[i]], *y = &right->v.v[b[j]];
		int cmp = compare_names(left, x, right, y), same;

		if (!cmp) {
			same = names_same_dir(n, x->parent, err);
			if (same < 0)
				return same;
			x->both = y->both = same;
		}
		i += cmp <= 0;
		j += cmp >= 0;
	}
	return 0;
}
