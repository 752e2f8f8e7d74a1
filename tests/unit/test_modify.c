/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing trees, against a sorted array: random insertions, deletions, resizes; after each stretch every block is validated, every parent's
 * key compared, and the blocks in use counted. */
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"
#include "common/hash.h"
#include "kernel-shared/tree/cache.h"
#include "kernel-shared/tree/modify.h"

enum { MODEL_MAX = 60000, DATA_MAX = 1800 };
struct entry { struct key key; u32 size; u8 seed; };
static struct entry model[MODEL_MAX];
static size_t model_len;

struct source { struct block_source bs; struct synth *s; struct hmap live; };

static int src_alloc(struct block_source *bs, struct tree *t, u8 level, u64 hint, struct node **out, struct err *err)
{
	struct source *src = container_of(bs, struct source, bs);
	struct node *n;

	n = node_new(&src->s->store, src->s->next);
	if (!n)
		return err_nomem(err);
	synth_block(src->s, n->data, t->id, level);
	n->dirty = true;
	n->birth = ++bs->births;
	n->touch_epoch = bs->epoch;
	*out = ncache_insert(src->s->store.cache, n, true);
	*hmap_put(&src->live, (*out)->bytenr, NULL) = 1;
	return 0;
}
static void src_gone(struct source *src, struct node *n)
{
	hmap_del(&src->live, n->bytenr);
	n->dirty = false;
	nstore_forget(&src->s->store, n->bytenr);
}
static int src_replace(struct block_source *bs, struct tree *t, struct node *old, struct node *fresh, bool is_root, struct err *err)
{
	src_gone(container_of(bs, struct source, bs), old);
	return 0;
}
static int src_created(struct block_source *bs, struct tree *t, struct node *fresh, struct err *err) { return 0; }
static int src_release(struct block_source *bs, struct tree *t, struct node *n, struct err *err)
{
	src_gone(container_of(bs, struct source, bs), n);
	return 0;
}
static int src_touch(struct block_source *bs, struct node *n, struct err *err) { n->touch_epoch = bs->epoch; return 0; }
static int src_root(struct block_source *bs, struct tree *t, struct err *err) { return 0; }

static u64 rng = 88172645463325252ULL;
static u64 rnd(u64 n) { rng ^= rng << 13; rng ^= rng >> 7; rng ^= rng << 17; return rng % n; }

static size_t model_find(const struct key *key, bool *exact)
{
	size_t lo = 0, hi = model_len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (key_cmp(&model[mid].key, key) < 0) lo = mid + 1; else hi = mid;
	}
	*exact = lo < model_len && key_eq(&model[lo].key, key);
	return lo;
}
static void fill(u8 *data, u32 size, u8 seed) { for (u32 i = 0; i < size; i++) data[i] = seed + i * 7; }

static u64 walk_blocks, walk_items;
static const char *walk_problem;
/* Every rule of one subtree; items against the model in order. */
static void walk(struct tree *t, struct node *n, bool root)
{
	struct err err = ERR_INIT;
	struct validator v = { .geo = t->store->geo, .tree = t->id, .err = &err };
	u8 want[DATA_MAX];

	walk_blocks++;
	if (block_validate(&v, n->data)) { walk_problem = "rule"; printf("# %s\n", err_text(&err)); return; }
	if (!node_nritems(n) && !root) { walk_problem = "empty block"; return; }
	for (int i = 0; i < (int)node_nritems(n); i++) {
		struct key key = node_key(n, i);

		if (!node_level(n)) {
			struct item item = node_item(n, i);

			if (walk_items >= model_len || !key_eq(&key, &model[walk_items].key) || item.size != model[walk_items].size) { walk_problem = "items differ"; return; }
			fill(want, item.size, model[walk_items].seed);
			if (memcmp(want, item.data, item.size)) { walk_problem = "data differ"; return; }
			walk_items++;
		} else {
			struct block_ref ref = tree_child(t, n->data, i);
			struct node *child;

			if (node_get(t->store, &ref, &child, &err)) { walk_problem = "unreadable"; printf("# %s\n", err_text(&err)); return; }
			if (node_level(child) != node_level(n) - 1) walk_problem = "level";
			key = node_key(child, 0);
			if (!key_eq(&key, &ref.first)) walk_problem = "first key";
			walk(t, child, false);
			node_put(child);
			if (walk_problem) return;
		}
	}
}
static const char *check(struct tree *t, struct source *src)
{
	struct err err = ERR_INIT;
	struct node *root;

	walk_blocks = walk_items = 0;
	walk_problem = NULL;
	if (tree_root_node(t, &root, &err)) return "no root";
	walk(t, root, true);
	node_put(root);
	if (!walk_problem && walk_items != model_len) walk_problem = "items missing";
	if (!walk_problem && walk_blocks != src->live.len) { printf("# %llu blocks, %zu live\n", walk_blocks, src->live.len); walk_problem = "blocks lost"; }
	return walk_problem ? walk_problem : "";
}

static void start(struct synth *s, struct source *src, struct tree *t)
{
	synth_init(s, 1, MiB(64));
	*src = (struct source){ .bs = { .transid = SYNTH_GEN, .alloc = src_alloc, .replace = src_replace, .created = src_created, .release = src_release,
		.touch = src_touch, .root_changed = src_root }, .s = s, .live = HMAP_INIT };
	tree_init(t, &s->store, BTRFS_QUOTA_TREE_OBJECTID, 0, SYNTH_GEN, 0);
	t->source = &src->bs;
	model_len = 0;
}
static void stop(struct synth *s, struct source *src, struct tree *t)
{
	u64 bytenr, v;

	tree_fini(t);
	for (size_t pos = 0; hmap_next(&src->live, &pos, &bytenr, &v);) {
		struct node *n = ncache_get(s->store.cache, bytenr);

		n->dirty = false;
		node_put(n);
	}
	hmap_fini(&src->live);
	synth_fini(s);
}

/* One random operation; key space small enough that deletions hit. */
static const char *step(struct tree *t, unsigned mode, struct err *err)
{
	static u8 data[DATA_MAX], other[DATA_MAX];
	struct key key = KEY(rnd(40), BTRFS_QGROUP_RELATION_KEY, rnd(1500));
	bool exact;
	size_t at = model_find(&key, &exact);
	u32 size = rnd(8) ? rnd(120) : rnd(DATA_MAX);
	u8 seed = rnd(256);
	int ret;

	if (mode < 5) {
		fill(data, size, seed);
		ret = tree_insert(t, &key, data, size, err);
		if (exact) return ret == -EEXIST ? "" : "inserted twice";
		if (ret) return "insertion failed";
		memmove(&model[at + 1], &model[at], (model_len++ - at) * sizeof(*model));
		model[at] = (struct entry){ key, size, seed };
	} else if (mode < 8) {
		ret = tree_delete(t, &key, err);
		if (!exact) return ret == -ENOENT ? "" : "deleted what is not there";
		if (ret) return "deletion failed";
		memmove(&model[at], &model[at + 1], (--model_len - at) * sizeof(*model));
	} else if (mode == 8) {
		fill(data, size, seed);
		ret = tree_put(t, &key, data, size, false, err);
		if (!exact) return ret == -ENOENT ? "" : "changed what is not there";
		if (ret) return "change failed";
		model[at].size = size;
		model[at].seed = seed;
	} else if (mode == 9) {
		struct key hi = KEY(key.objectid, key.type, key.offset + rnd(30));
		u64 count;
		size_t end = at;

		while (end < model_len && key_cmp(&model[end].key, &hi) <= 0) end++;
		if (tree_delete_range(t, &key, &hi, &count, err)) return "range deletion failed";
		if (count != end - at) return "range count";
		memmove(&model[at], &model[end], (model_len - end) * sizeof(*model));
		model_len -= end - at;
	} else {
		struct new_item items[24];
		size_t n = 1 + rnd(24), fresh = 0;

		for (size_t i = 0; i < n; i++) {
			struct key k = KEY(key.objectid, key.type, key.offset + i);
			size_t pos = model_find(&k, &exact);

			if (exact) continue;
			size = rnd(60);
			fill(other, size, seed);
			items[fresh++] = (struct new_item){ k, mem_dup(other, size ? size : 1), size };
			memmove(&model[pos + 1], &model[pos], (model_len++ - pos) * sizeof(*model));
			model[pos] = (struct entry){ k, size, seed };
		}
		ret = tree_insert_batch(t, items, fresh, err);
		for (size_t i = 0; i < fresh; i++) free((void *)items[i].data);
		if (ret) return "batch failed";
	}
	return "";
}

static void random_run(unsigned seed, unsigned steps, unsigned every)
{
	struct synth s;
	struct source src;
	struct tree t;
	struct err err = ERR_INIT;
	unsigned phase = 0;

	rng = 88172645463325252ULL + seed * 7919;
	start(&s, &src, &t);
	CHECK_OK(tree_new_root(&t, &err), &err);
	for (unsigned i = 0; i < steps; i++) {
		/* stretches that grow, stretches that shrink, and stretches in which all that was made is committed */
		if (i % 3000 == 0) phase = rnd(3);
		CHECK_STR(step(&t, phase == 0 ? rnd(11) : phase == 1 ? (rnd(3) ? rnd(5) : rnd(11)) : 5 + rnd(6), &err), "");
		if (i % every == 0) CHECK_STR(check(&t, &src), "");
		if (i % 500 == 499) src.bs.births++, t.snap_birth = src.bs.births; /* everything must be copied again */
	}
	CHECK_STR(check(&t, &src), "");
	stop(&s, &src, &t);
}

TEST(random_changes_agree_with_a_sorted_array) { random_run(1, 30000, 97); }
TEST(random_changes_with_other_seeds) { for (unsigned seed = 2; seed < 8; seed++) random_run(seed, 9000, 501); }

TEST(items_in_order_fill_their_leaves)
{
	struct synth s;
	struct source src;
	struct tree t;
	struct err err = ERR_INIT;
	u8 data[8] = { 0 };

	start(&s, &src, &t);
	CHECK_OK(tree_new_root(&t, &err), &err);
	for (u64 i = 0; i < 20000; i++) {
		struct key key = KEY(1, BTRFS_QGROUP_RELATION_KEY, i);

		fill(data, 8, 0);
		CHECK_OK(tree_insert(&t, &key, data, 8, &err), &err);
		model[model_len++] = (struct entry){ key, 8, 0 };
	}
	CHECK_STR(check(&t, &src), "");
	CHECK(walk_blocks <= 20000 / SYNTH_LEAF * 103 / 100 + 3);
	stop(&s, &src, &t);
}

TEST(items_in_order_in_the_middle_fill_their_leaves)
{
	struct synth s;
	struct source src;
	struct tree t;
	struct err err = ERR_INIT;
	u8 data[8] = { 0 };
	u64 before;

	start(&s, &src, &t);
	CHECK_OK(tree_new_root(&t, &err), &err);
	fill(data, 8, 0);
	for (u64 i = 0; i < 1000; i++) {
		struct key key = KEY(i < 500 ? 1 : 3, BTRFS_QGROUP_RELATION_KEY, i);

		CHECK_OK(tree_insert(&t, &key, data, 8, &err), &err);
	}
	before = src.live.len;
	for (u64 i = 0; i < 20000; i++) {
		struct key key = KEY(2, BTRFS_QGROUP_RELATION_KEY, i);

		CHECK_OK(tree_insert(&t, &key, data, 8, &err), &err);
	}
	CHECK(src.live.len - before <= 20000 / SYNTH_LEAF * 103 / 100 + 5);
	stop(&s, &src, &t);
}

TEST(deleting_everything_leaves_one_empty_leaf)
{
	struct synth s;
	struct source src;
	struct tree t;
	struct err err = ERR_INIT;
	u8 data[8] = { 0 };
	u64 count;

	for (int how = 0; how < 3; how++) {
		start(&s, &src, &t);
		CHECK_OK(tree_new_root(&t, &err), &err);
		for (u64 i = 0; i < 15000; i++) {
			struct key key = KEY(1, BTRFS_QGROUP_RELATION_KEY, i);

			CHECK_OK(tree_insert(&t, &key, data, 8, &err), &err);
		}
		src.bs.no_merge = how == 2;
		if (how == 0) {
			CHECK_OK(tree_delete_range(&t, &KEY_MIN, &KEY_MAX, &count, &err), &err);
			CHECK_EQ(count, 15000);
		}
		for (u64 i = 0; how && i < 15000; i++) {
			struct key key = KEY(1, BTRFS_QGROUP_RELATION_KEY, how == 1 ? i * 7 % 15000 : 14999 - i);

			CHECK_OK(tree_delete(&t, &key, &err), &err);
		}
		CHECK_STR(check(&t, &src), "");
		CHECK_EQ(t.level, 0);
		CHECK_EQ(src.live.len, 1);
		stop(&s, &src, &t);
	}
}

TEST(an_item_too_large_for_a_leaf_is_refused)
{
	struct synth s;
	struct source src;
	struct tree t;
	struct err err = ERR_INIT;
	u8 data[SYNTH_NODE] = { 0 };
	struct key key = KEY(1, BTRFS_QGROUP_RELATION_KEY, 1);

	start(&s, &src, &t);
	CHECK_OK(tree_new_root(&t, &err), &err);
	CHECK_EQ(tree_insert(&t, &key, data, SYNTH_NODE - 101 - 25 + 1, &err), -EOVERFLOW);
	CHECK_OK(tree_insert(&t, &key, data, SYNTH_NODE - 101 - 25, &err), &err);
	CHECK_EQ(tree_put(&t, &key, data, SYNTH_NODE - 101 - 24, false, &err), -EOVERFLOW);
	key.offset = 0;
	CHECK_OK(tree_insert(&t, &key, data, SYNTH_NODE - 101 - 25, &err), &err);
	key.offset = 2;
	CHECK_OK(tree_insert(&t, &key, data, 0, &err), &err);
	CHECK_OK(tree_put(&t, &key, data, SYNTH_NODE - 101 - 25, false, &err), &err);
	CHECK_EQ(src.live.len, 4);
	stop(&s, &src, &t);
}

UNIT_MAIN
