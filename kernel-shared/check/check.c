/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of things: what all is judged by first, then everything else, then the comparisons, phase by phase. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/tree/salvage.h"

#define MEMORY MiB(256)

static void on_bad_copy(struct nstore *s, u64 bytenr, unsigned mirror, int code, const char *text)
{
	struct check *c = s->arg;
	struct where w = { .bytenr = bytenr, .len = c->geo->nodesize, .key = KEY(mirror, 0, 0) };
	bool fresh = false;

	pthread_mutex_lock(&c->lock);
	hmap_put(&c->bad_copies, hash_mix2(bytenr, mirror), &fresh);
	pthread_mutex_unlock(&c->lock);
	if (fresh)
		REPORT(c, CHECK_EXTENTS, READER, w, text);
}

static enum tree_kind kind_of(u64 id)
{
	if (id == BTRFS_TREE_RELOC_OBJECTID)
		return TREE_RELOC;
	if (id == BTRFS_TREE_LOG_OBJECTID)
		return TREE_LOG;
	return is_fstree(id) || id == BTRFS_DATA_RELOC_TREE_OBJECTID ? TREE_SUBVOL : TREE_OTHER;
}

/* What stage two needs to know beforehand: which blocks have full back references, which data has checksums. */
static bool is_early(u64 id)
{
	return id == BTRFS_ROOT_TREE_OBJECTID || id == BTRFS_EXTENT_TREE_OBJECTID || id == BTRFS_CHUNK_TREE_OBJECTID || id == BTRFS_DEV_TREE_OBJECTID ||
	       id == BTRFS_BLOCK_GROUP_TREE_OBJECTID || id == BTRFS_CSUM_TREE_OBJECTID;
}

static int add_bare(struct check *c, u64 id, const struct root *root, struct err *err)
{
	struct ctree t = { .id = id, .kind = kind_of(id), .early = is_early(id), .refs = 1 };

	if (!root)
		return 0;
	t.bytenr = root->tree.bytenr;
	t.generation = root->tree.generation;
	t.level = root->tree.level;
	return live_add_tree(c, &t, err);
}

/* Fields that other ones tell. */
static void check_root_item(struct check *c, const struct ctree *t, const struct disk_root_item *ri, const struct where *w)
{
	u64 newest = c->geo->generation + 1;

	/* the incumbent's mkfs gives the quota tree none */
	if (t->kind == TREE_OTHER && t->refs != 1 && (t->refs || t->id != BTRFS_QUOTA_TREE_OBJECTID))
		REPORT(c, CHECK_ROOT_ITEMS, ROOT_ITEM_RULE, *w, (s64)t->id, "its reference count is not 1");
	if (t->kind == TREE_SUBVOL && t->refs > 1)
		REPORT(c, CHECK_ROOT_ITEMS, ROOT_ITEM_RULE, *w, (s64)t->id, "its reference count is greater than 1");
	if (t->kind == TREE_SUBVOL && le64_get(ri->root_dirid) != BTRFS_FIRST_FREE_OBJECTID && t->refs)
		REPORT(c, CHECK_ROOT_ITEMS, ROOT_ITEM_RULE, *w, (s64)t->id, "its root directory is not 256");
	if (is_fstree(t->id) && (le64_get(ri->ctransid) > newest || le64_get(ri->otransid) > newest || le64_get(ri->rtransid) > newest))
		REPORT(c, CHECK_ROOT_ITEMS, ROOT_ITEM_NEWER, *w, (s64)t->id);
}

static int add_item(struct check *c, const struct item *item, struct err *err)
{
	struct where w = { .tree = BTRFS_ROOT_TREE_OBJECTID, .key = item->key };
	struct ctree t = { .id = item->key.objectid, .offset = item->key.offset, .kind = kind_of(item->key.objectid), .early = is_early(item->key.objectid) };
	struct disk_root_item ri;

	if (item->size < BTRFS_ROOT_ITEM_LEGACY_SIZE) {
		REPORT(c, CHECK_ROOT_ITEMS, ROOT_ITEM_BAD, w, (s64)item->key.objectid, item->key.offset, item->size);
		return 0;
	}
	root_item_parse(item, &ri);
	t.bytenr = le64_get(ri.bytenr);
	t.generation = le64_get(ri.generation);
	t.level = ri.level;
	t.refs = le32_get(ri.refs);
	t.flags = le64_get(ri.flags);
	t.last_snapshot = le64_get(ri.last_snapshot);
	if (!t.refs) {
		t.drop = key_get(&ri.drop_progress);
		t.drop_level = ri.drop_level;
	}
	if (t.kind == TREE_SUBVOL && t.refs)
		t.weight = env_random_u64(c->env) | 1;
	check_root_item(c, &t, &ri, &w);
	if (t.generation > c->geo->generation + 1)
		REPORT(c, CHECK_FS_ROOTS, ROOT_GENERATION, w, (s64)t.id, t.generation, c->geo->generation + 1);
	return live_add_tree(c, &t, err);
}

/* All root items of one tree of them. */
static int add_items(struct check *c, struct root *in, int (*fn)(struct check *c, const struct item *item, struct err *err), struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&in->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		if (ret || item.key.type != BTRFS_ROOT_ITEM_KEY)
			continue;
		ret = fn(c, &item, err);
		if (ret)
			return ret;
	}
	err_clear(err);
	return ret == -ENOENT ? 0 : ret;
}

static bool has_tree(const struct check *c, u64 id)
{
	for (size_t i = 0; i < c->trees.len; i++)
		if (c->trees.v[i].id == id)
			return true;
	return false;
}

/* Without these nothing can be mounted. The free space tree is asked for where it is compared. */
static void check_missing_trees(struct check *c)
{
	const struct { u64 id; const char *name; bool needed; } trees[] = {
		{ BTRFS_EXTENT_TREE_OBJECTID, "extent", true },
		{ BTRFS_DEV_TREE_OBJECTID, "device", true },
		{ BTRFS_FS_TREE_OBJECTID, "fs", true },
		{ BTRFS_CSUM_TREE_OBJECTID, "csum", true },
		{ BTRFS_DATA_RELOC_TREE_OBJECTID, "data reloc", true },
		{ BTRFS_BLOCK_GROUP_TREE_OBJECTID, "block group", geo_compat_ro(c->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE) },
		{ BTRFS_RAID_STRIPE_TREE_OBJECTID, "raid stripe", geo_incompat(c->geo, BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		struct where w = { .tree = trees[i].id };

		if (trees[i].needed && !has_tree(c, trees[i].id))
			REPORT(c, CHECK_ROOT_ITEMS, TREE_MISSING, w, trees[i].name);
	}
}

static int add_trees(struct check *c, struct err *err)
{
	int ret = add_bare(c, BTRFS_ROOT_TREE_OBJECTID, c->fs->root_tree, err);

	if (!ret)
		ret = add_bare(c, BTRFS_CHUNK_TREE_OBJECTID, c->fs->chunk_tree, err);
	if (!ret && c->fs->root_tree)
		ret = add_items(c, c->fs->root_tree, add_item, err);
	return ret;
}

static void sum_totals(struct check *c)
{
	for (unsigned i = 0; i < c->nworkers; i++) {
		const struct check_totals *from = &c->workers[i].totals;
		u64 *to = (u64 *)c->totals;

		for (size_t k = 0; k < sizeof(*from) / sizeof(u64); k++)
			to[k] += ((const u64 *)from)[k];
	}
}

/* All blocks are read, their facts collected. */
static int read_blocks(struct check *c, struct err *err)
{
	int ret = quota_begin(c, err);

	if (!ret)
		ret = live_scan(c, true, err);
	if (!ret)
		ret = live_scan(c, false, err);
	c->sets_of = SETS_NONE;
	return ret;
}

static int phase_log(struct check *c, struct err *err)
{
	return le64_get(c->fs->sb->log_root) ? pass_log(c, err) : 0;
}

static int phase_extents(struct check *c, struct err *err)
{
	int ret = read_blocks(c, err);

	if (!ret)
		ret = pass_chunks(c, err);
	if (!ret)
		ret = pass_supers(c, err);
	if (!ret)
		ret = pass_extents(c, err);
	if (!ret)
		ret = pass_inodes(c, err);
	return ret ? ret : pass_exact(c, err);
}

static int phase_root_items(struct check *c, struct err *err)
{
	int ret = add_trees(c, err);

	if (ret)
		return ret;
	check_missing_trees(c);
	return pass_root_items(c, err);
}

static int phase_csums(struct check *c, struct err *err)
{
	return c->args->data_csum ? pass_data(c, err) : 0;
}

static int phase_quota(struct check *c, struct err *err)
{
	return c->quota.on ? pass_quota(c, err) : 0;
}

/* What there is to look at in phases that have been dealt with in passing. */
static u64 phase_items(const struct check *c, enum check_phase phase)
{
	switch (phase) {
	case CHECK_ROOT_ITEMS: return c->trees.len;
	case CHECK_FREE_SPACE: return c->groups.len;
	case CHECK_FS_ROOTS: return c->trees.len;
	case CHECK_CSUMS: return c->summed.n;
	case CHECK_ROOT_REFS: return c->trees.len;
	case CHECK_QUOTA: return c->quota.bytes.len;
	default: return 0;
	}
}

/* Phases without a function have been dealt with in passing; their findings are told in turn. */
static int check_phases(struct check *c, struct err *err)
{
	static int (*const phases[])(struct check *c, struct err *err) = {
		[CHECK_LOG] = phase_log, [CHECK_ROOT_ITEMS] = phase_root_items, [CHECK_EXTENTS] = phase_extents, [CHECK_CSUMS] = phase_csums,
		[CHECK_ROOT_REFS] = pass_roots, [CHECK_QUOTA] = phase_quota,
	};
	int ret = 0;

	for (enum check_phase phase = CHECK_LOG; !ret && phase <= CHECK_QUOTA; phase++) {
		bool skipped = phase == CHECK_LOG ? !le64_get(c->fs->sb->log_root) : phase == CHECK_QUOTA && !c->quota.on;

		ret = phase_begin(c, phase, skipped, err);
		if (!ret && phases[phase])
			ret = phases[phase](c, err);
		if (c->args->checked)
			__atomic_add_fetch(c->args->checked, phase_items(c, phase), __ATOMIC_RELAXED);
		if (!ret)
			ret = phase_end(c, phase, err);
	}
	return ret;
}

static int check_report(struct check *c, struct err *err)
{
	int ret = add_trees(c, err);

	if (!ret)
		ret = read_blocks(c, err);
	if (!ret && c->args->subvol_extents)
		return list_extents(c, err);
	if (!ret)
		ret = phase_quota(c, err);
	return ret ? ret : phase_end(c, CHECK_QUOTA, err);
}

static int check_init(struct check *c, struct err *err)
{
	sink_init(&c->sink);
	pthread_mutex_init(&c->lock, NULL);
	c->nworkers = max_t(unsigned, pool_threads(c->env->pool), c->env->jobs);
	c->workers = mem_calloc(c->nworkers, sizeof(*c->workers));
	c->refs = sortrun_new(c->env, sizeof(struct ref_fact), sizeof(struct ref_fact), c->memory / 4);
	c->extents = sortrun_new(c->env, sizeof(struct extent_fact), sizeof(struct extent_fact), c->memory / 8);
	c->seed = env_random_u64(c->env);
	rootsets_init(&c->sets);
	arena_init(&c->names);
	if (!c->workers || !c->refs || !c->extents || inodes_init(c) || coverage_init(&c->summed, c->fs->vol) ||
	    blockmap_init(&c->seen, c->fs->vol) || blockmap_init(&c->full, c->fs->vol))
		return err_nomem(err);
	return 0;
}

static void check_fini(struct check *c)
{
	for (unsigned i = 0; c->workers && i < c->nworkers; i++) {
		for (int level = 0; level < BTRFS_MAX_LEVEL; level++)
			vec_fini(&c->workers[i].children[level]);
		vec_fini(&c->workers[i].exact);
		vec_fini(&c->workers[i].sayings);
		arena_fini(&c->workers[i].names);
		free(c->workers[i].ino_sums);
	}
	for (int level = 0; level < BTRFS_MAX_LEVEL; level++)
		vec_fini(&c->level[level]);
	for (size_t i = 0; i < c->chunks.len; i++)
		free(c->chunks.v[i].stripes);
	vec_fini(&c->chunks);
	vec_fini(&c->devexts);
	vec_fini(&c->groups);
	vec_fini(&c->devices);
	vec_fini(&c->trees);
	sortrun_free(c->leaves);
	sortrun_free(c->refs);
	sortrun_free(c->extents);
	sortrun_free(c->edges);
	free(c->ino_bad);
	coverage_fini(&c->summed);
	quota_end(c);
	free(c->workers);
	rootsets_fini(&c->sets);
	vec_fini(&c->subvol_entries);
	arena_fini(&c->names);
	blockmap_fini(&c->seen);
	blockmap_fini(&c->full);
	hmap_fini(&c->bad_copies);
	free(c->bad);
	pthread_mutex_destroy(&c->lock);
	sink_fini(&c->sink);
}

int check_run(struct fs *fs, const struct check_args *args, const struct check_ops *ops, struct check_totals *totals, struct err *err)
{
	struct check c = { .fs = fs, .env = fs->env, .geo = fs->geo, .args = args, .ops = ops, .totals = totals,
			   .memory = args->memory ? args->memory : MEMORY };
	int ret;

	*totals = (struct check_totals){ 0 };
	ret = check_init(&c, err);
	if (!ret) {
		fs->store.on_bad_copy = on_bad_copy;
		fs->store.arg = &c;
		ret = args->qgroup_report || args->subvol_extents ? check_report(&c, err) : check_phases(&c, err);
		fs->store.on_bad_copy = NULL;
	}
	sum_totals(&c);
	totals->warnings += c.sink.warnings;
	check_fini(&c);
	return ret;
}

int check_watch(struct fs *fs, u64 memory, struct live_watch *w, struct err *err)
{
	static const struct check_args args = { 0 };
	static const struct check_ops ops = { 0 };
	struct check_totals totals = { 0 };
	struct check c = { .fs = fs, .env = fs->env, .geo = fs->geo, .args = &args, .ops = &ops, .totals = &totals, .memory = memory ? memory : MEMORY, .watch = w };
	int ret = check_init(&c, err);

	if (!ret)
		ret = add_trees(&c, err);
	if (!ret)
		ret = live_scan(&c, true, err);
	if (!ret)
		ret = live_scan(&c, false, err);
	check_fini(&c);
	return ret;
}
