/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first pass over the files of all subvolumes: is anything wrong with any inode? Each leaf is looked at once, however many snapshots
 * share it.
 *
 * An inode that lies in one leaf whole is judged there. Of one that goes on in a neighbour each part leaves a record, and the parts are
 * put together afterwards. What spans inodes (a name and its three items, the link count) is a sum: each subvolume has a random weight, a
 * leaf weighs as much as all subvolumes that hold it; what must be equal in every subvolume is equal in the weighted sum. Sums are kept
 * for sets of inodes; those of a set that does not add up, and those that the other ways found, are looked at exactly (exact.c). */
#include "kernel-shared/check/isum.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"

/* Salts of what is summed. */
enum { SALT_REF = 11, SALT_ENTRY, SALT_LINK, SALT_ORPHAN, SALT_ROOT_DIR, SALT_SUBVOL };

/* A part of an inode that goes on beyond its leaf. Plain bytes. */
struct edge {
	u8 ino[8];
	u64 weight, right;     /* of the trees in which it lies; of those in which it goes on to the right */
	u64 size, nbytes, flags, dir_bytes, found_bytes, ext_end;
	u32 mode, nlink, items, bits, feats;
	u32 open_left;
};

int inodes_init(struct check *c)
{
	c->edges = sortrun_new(c->env, sizeof(struct edge), 8, c->memory / 16);
	c->ino_bad = mem_calloc(INO_BUCKETS / 64, sizeof(u64));
	if (!c->edges || !c->ino_bad)
		return -ENOMEM;
	for (unsigned i = 0; i < c->nworkers; i++) {
		arena_init(&c->workers[i].names);
		c->workers[i].ino_sums = mem_calloc(INO_BUCKETS, sizeof(u64));
		if (!c->workers[i].ino_sums)
			return -ENOMEM;
	}
	return 0;
}

static u32 bucket_of(u64 ino)
{
	return hash_mix(ino) & (INO_BUCKETS - 1);
}

u32 ino_bucket(u64 ino) { return bucket_of(ino); }
u32 subvol_bucket(u64 id) { return bucket_of(hash_mix2(SALT_SUBVOL, id)); }

void suspect_bucket(struct check *c, u32 bucket)
{
	__atomic_fetch_or(&c->ino_bad[bucket / 64], 1ULL << bucket % 64, __ATOMIC_RELAXED);
}

void suspect_inode(struct check *c, u64 ino)
{
	suspect_bucket(c, bucket_of(ino));
}

/* --- sums across inodes --- */

static void add_to(struct leaf_ctx *l, u32 bucket, u64 value)
{
	l->c->workers[l->worker].ino_sums[bucket] += l->weight * value;
}

static u64 hash_ref(const struct check *c, u64 ino, u64 dir, u64 index, u64 name)
{
	return hash_mix2(c->seed ^ SALT_REF, ino) ^ hash_mix2(dir + c->seed, hash_mix2(index, name));
}

static u64 hash_entry(const struct check *c, u64 ino, u64 dir, u64 name, u8 type)
{
	return hash_mix2(c->seed ^ SALT_ENTRY, ino) ^ hash_mix2(dir + c->seed, name + type);
}

static u64 hash_link(const struct check *c, u64 ino, u8 type)
{
	return hash_mix2(c->seed ^ SALT_LINK, ino + ((u64)type << 56));
}

static u64 hash_orphan(const struct check *c, u64 ino)
{
	return hash_mix2(c->seed ^ SALT_ORPHAN, ino);
}

static u64 hash_root_dir(const struct check *c)
{
	return hash_mix(c->seed ^ SALT_ROOT_DIR);
}

static void sum_refs(struct leaf_ctx *l, const struct item *item)
{
	u64 ino = item->key.objectid;
	struct inode_ref_view ref;

	for (u32 pos = 0; inode_ref_next(item, &pos, &ref);)
		if (!is_dotdot(ino, &ref))
			add_to(l, bucket_of(ino), hash_ref(l->c, ino, ref.parent, ref.index, hash_bytes(ref.name, ref.name_len)));
}

/* Few, and wanted together. */
static int keep_subvol_entry(struct leaf_ctx *l, const struct item *item, const struct dir_entry_view *v)
{
	struct check *c = l->c;
	struct subvol_entry e = { .child = v->location.objectid, .dir = item->key.objectid, .transid = v->transid, .weight = l->weight,
				  .index = item->key.type == BTRFS_DIR_INDEX_KEY ? item->key.offset : 0, .name_len = v->name_len };
	int ret = -ENOMEM;

	pthread_mutex_lock(&c->lock);
	e.name = arena_dup(&c->names, v->name, v->name_len ? v->name_len : 1);
	if (e.name)
		ret = vec_push(&c->subvol_entries, e);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int sum_entries(struct leaf_ctx *l, const struct item *item)
{
	bool index = item->key.type == BTRFS_DIR_INDEX_KEY;
	u64 dir = item->key.objectid;
	struct dir_entry_view e;
	int ret = 0;

	for (u32 pos = 0; !ret && dir_item_next(item, &pos, &e);) {
		u64 ino = e.location.objectid, name = hash_bytes(e.name, e.name_len);
		u64 h = hash_entry(l->c, ino, dir, name, e.item->type);

		if (e.location.type == BTRFS_ROOT_ITEM_KEY) {
			add_to(l, subvol_bucket(ino), index ? h : -h);
			ret = keep_subvol_entry(l, item, &e);
		} else if (index) {
			add_to(l, bucket_of(ino), h - hash_ref(l->c, ino, dir, item->key.offset, name));
		} else {
			add_to(l, bucket_of(ino), hash_link(l->c, ino, e.item->type) - h);
		}
	}
	return ret;
}

static void sum_inode(struct leaf_ctx *l, const struct item *item)
{
	const struct disk_inode_item *d = item_struct(item, struct disk_inode_item);
	u64 ino = item->key.objectid;
	u32 nlink;

	if (!d)
		return;
	nlink = le32_get(d->nlink);
	if (ino == BTRFS_FIRST_FREE_OBJECTID) {
		add_to(l, bucket_of(ino), hash_root_dir(l->c));
		return;
	}
	add_to(l, bucket_of(ino), -(u64)nlink * hash_link(l->c, ino, ft_of_mode(le32_get(d->mode))));
	if (!nlink)
		add_to(l, bucket_of(ino), hash_orphan(l->c, ino));
}

static int sum_item(struct leaf_ctx *l, const struct item *item)
{
	switch (item->key.type) {
	case BTRFS_INODE_ITEM_KEY:
		sum_inode(l, item);
		return 0;
	case BTRFS_INODE_REF_KEY:
	case BTRFS_INODE_EXTREF_KEY:
		sum_refs(l, item);
		return 0;
	case BTRFS_DIR_ITEM_KEY:
	case BTRFS_DIR_INDEX_KEY:
		return sum_entries(l, item);
	default:
		return 0;
	}
}

/* --- leaf by leaf --- */

static bool type_known(const struct key *k)
{
	switch (k->type) {
	case BTRFS_INODE_ITEM_KEY:
	case BTRFS_INODE_REF_KEY:
	case BTRFS_INODE_EXTREF_KEY:
	case BTRFS_XATTR_ITEM_KEY:
	case BTRFS_VERITY_DESC_ITEM_KEY:
	case BTRFS_VERITY_MERKLE_ITEM_KEY:
	case BTRFS_DIR_ITEM_KEY:
	case BTRFS_DIR_INDEX_KEY:
	case BTRFS_EXTENT_DATA_KEY:
		return true;
	case BTRFS_ORPHAN_ITEM_KEY:
		return k->objectid == BTRFS_ORPHAN_OBJECTID;
	default:
		return false;
	}
}

/* The trees' weight in which inode ino goes on to the right of this leaf. Looks across the border, too: what the next leaf begins with
 * tells whether something is missing in between. */
static u64 weight_right(struct leaf_ctx *l, u64 ino)
{
	u64 sum = 0;

	for (size_t i = 0; i < l->nclaims; i++)
		if (le64_get(l->claims[i].bound.objectid) == ino)
			sum += l->claims[i].weight;
	return sum;
}

static bool holes_allowed(const struct check *c)
{
	return geo_incompat(c->geo, BTRFS_FEATURE_INCOMPAT_NO_HOLES);
}

/* The last inode of a leaf against the first key of the leaf that follows in each tree. */
static void check_border(struct leaf_ctx *l, const struct isum *s)
{
	for (size_t i = 0; i < l->nclaims; i++) {
		struct key k = key_get(&l->claims[i].bound);

		if (!l->claims[i].weight || key_eq(&k, &KEY_MAX))
			continue;
		if (k.objectid != s->ino) {
			if (k.type != BTRFS_INODE_ITEM_KEY && k.objectid != BTRFS_ORPHAN_OBJECTID)
				suspect_inode(l->c, k.objectid);
		} else if (k.type == BTRFS_EXTENT_DATA_KEY) {
			u64 end = s->feats & FEAT_EXTENTS ? s->ext_end : 0;

			if (k.offset < end || (k.offset > end && !holes_allowed(l->c)))
				suspect_inode(l->c, s->ino);
		}
	}
}

/* Orphan items and the like have numbers outside this range. */
static bool is_inode(u64 ino)
{
	return (ino >= BTRFS_FIRST_FREE_OBJECTID && ino <= BTRFS_LAST_FREE_OBJECTID) || ino == BTRFS_FREE_INO_OBJECTID;
}

static int leave_edge(struct leaf_ctx *l, const struct isum *s, bool open_left, u64 right)
{
	struct edge e = {
		.weight = l->weight, .right = right, .size = s->size, .nbytes = s->nbytes, .flags = s->flags, .dir_bytes = s->dir_bytes,
		.found_bytes = s->found_bytes, .ext_end = s->ext_end, .mode = s->mode, .nlink = s->nlink, .items = s->items, .bits = s->bits,
		.feats = s->feats, .open_left = open_left,
	};

	put_be64(e.ino, s->ino);
	return sortrun_add(l->c->edges, &e, l->worker);
}

static int inode_done(struct leaf_ctx *l, const struct isum *s, bool first, bool last)
{
	u64 right = last ? weight_right(l, s->ino) : 0;
	bool open_left = first && !s->items;

	if (last)
		check_border(l, s);
	if (!is_inode(s->ino))
		return 0;
	if (open_left || right)
		return leave_edge(l, s, open_left, right);
	if (isum_judge(l->c, s))
		suspect_inode(l->c, s->ino);
	return 0;
}

static void report_unknown(struct leaf_ctx *l, const struct item *item)
{
	struct where w = { .tree = l->tree->id, .ino = item->key.objectid, .key = item->key, .block = l->bytenr, .bytenr = l->bytenr };

	REPORT(l->c, CHECK_FS_ROOTS, UNKNOWN_KEY, w, item->key.objectid, item->key.type, item->key.offset, l->bytenr);
}

int leaf_inodes(struct leaf_ctx *l)
{
	bool exempt = l->tree->id == BTRFS_DATA_RELOC_TREE_OBJECTID, first = true, any = false;
	u32 n = block_nritems(l->block);
	struct isum s = { 0 };
	int ret = 0;

	for (u32 i = 0; !ret && i < n; i++) {
		struct item item = block_item(l->block, i);

		if (!type_known(&item.key)) {
			report_unknown(l, &item);
			continue;
		}
		if (any && item.key.objectid != s.ino) {
			ret = inode_done(l, &s, first, false);
			first = false;
		}
		if (!any || item.key.objectid != s.ino)
			isum_init(&s, item.key.objectid, any || item.key.type == BTRFS_INODE_ITEM_KEY);
		any = true;
		if (item.key.type == BTRFS_ORPHAN_ITEM_KEY) {
			add_to(l, bucket_of(item.key.offset), -hash_orphan(l->c, item.key.offset));
			continue;
		}
		isum_add(l->c, &s, &item, exempt);
		ret = sum_item(l, &item);
	}
	return ret || !any ? ret : inode_done(l, &s, first, true);
}

/* --- putting the parts together --- */

/* All parts of inodes with one number, in whatever trees. */
struct parts {
	u64 ino, n;
	u64 borders, begins;   /* weighted: left borders minus right ones, beginnings minus items: both must be nothing */
	u64 dir_bytes, found_bytes;
	u32 bits, feats;
	u64 size_min, size_max, end_min, end_max; /* of regular files, rounded; of the last parts */
	bool linked, unlinked;
	struct { u32 mode; u64 flags; } kinds[4];
	unsigned nkinds;
	bool mixed;            /* more kinds than that */
};

static void parts_kind(struct parts *p, u32 mode, u64 flags)
{
	mode &= S_IFMT;
	flags &= BTRFS_INODE_NODATASUM;
	for (unsigned i = 0; i < p->nkinds; i++)
		if (p->kinds[i].mode == mode && p->kinds[i].flags == flags)
			return;
	if (p->nkinds == ARRAY_SIZE(p->kinds)) {
		p->mixed = true;
		return;
	}
	p->kinds[p->nkinds].mode = mode;
	p->kinds[p->nkinds++].flags = flags;
}

static void parts_add(const struct check *c, struct parts *p, const struct edge *e)
{
	u64 size = round_up_p2(e->size, c->geo->sectorsize);

	p->n++;
	p->borders += (e->open_left ? e->weight : 0) - e->right;
	p->begins += e->weight * ((e->open_left ? 0 : 1) - (u64)e->items);
	p->bits |= e->bits;
	p->feats |= e->feats;
	p->dir_bytes += e->weight * e->dir_bytes;
	p->found_bytes += e->weight * e->found_bytes;
	if (e->right != e->weight) {
		p->end_min = min_t(u64, p->end_min, e->ext_end);
		p->end_max = max_t(u64, p->end_max, e->ext_end);
	}
	if (!e->items)
		return;
	parts_kind(p, e->mode, e->flags);
	if (p->ino == BTRFS_FIRST_FREE_OBJECTID && e->nlink != 1)
		p->bits |= INO_ODD_DIR_ITEM;
	p->linked |= e->nlink > 0;
	p->unlinked |= !e->nlink;
	if (S_ISDIR(e->mode))
		p->dir_bytes -= e->weight * e->size;
	else if (S_ISREG(e->mode) || S_ISLNK(e->mode))
		p->found_bytes -= e->weight * e->nbytes;
	if (S_ISREG(e->mode)) {
		p->size_min = min_t(u64, p->size_min, size);
		p->size_max = max_t(u64, p->size_max, size);
	}
}

/* Without NO_HOLES the extents of a file reach to its end. Where versions differ, the exact pass looks. */
static bool parts_reach(const struct check *c, const struct parts *p)
{
	if (holes_allowed(c) || !p->size_max)
		return true;
	return p->end_min >= p->size_max;
}

static bool parts_good(const struct check *c, const struct parts *p)
{
	if (p->bits || p->borders || p->begins || p->mixed || (p->linked && p->unlinked) || p->ino == BTRFS_FREE_INO_OBJECTID)
		return false;
	for (unsigned i = 0; i < p->nkinds; i++)
		if (isum_clash(c, p->kinds[i].mode, p->kinds[i].flags, p->feats))
			return false;
	if (p->ino == BTRFS_FIRST_FREE_OBJECTID && !(p->feats & FEAT_DOTDOT))
		return false;
	return p->unlinked || (!p->dir_bytes && !p->found_bytes && parts_reach(c, p));
}

static int merge_edges(struct check *c, struct err *err)
{
	const struct edge *e;
	struct parts p = { 0 };
	int ret = sortrun_finish(c->edges, err);

	while (!ret) {
		e = sortrun_next(c->edges, err);
		if (!e && err->code)
			return err->code;
		if (p.n && (!e || get_be64(e->ino) != p.ino) && !parts_good(c, &p))
			suspect_inode(c, p.ino);
		if (!e)
			break;
		if (!p.n || get_be64(e->ino) != p.ino)
			p = (struct parts){ .ino = get_be64(e->ino), .size_min = -1ULL, .end_min = -1ULL };
		parts_add(c, &p, e);
	}
	return ret;
}

/* What each live tree must have: its root directory. */
static u64 root_dirs(const struct check *c)
{
	u64 sum = 0;

	for (size_t i = 0; i < c->trees.len; i++)
		sum += c->trees.v[i].weight * hash_root_dir(c);
	return sum;
}

static void merge_sums(struct check *c)
{
	for (u32 b = 0; b < INO_BUCKETS; b++) {
		u64 sum = b == bucket_of(BTRFS_FIRST_FREE_OBJECTID) ? -root_dirs(c) : 0;

		for (unsigned w = 0; w < c->nworkers; w++)
			sum += c->workers[w].ino_sums[b];
		if (sum)
			suspect_bucket(c, b);
	}
}

int pass_inodes(struct check *c, struct err *err)
{
	struct err local = ERR_INIT;
	int ret = merge_edges(c, &local);

	merge_sums(c);
	if (ret && err)
		*err = local;
	return ret;
}
