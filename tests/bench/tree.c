/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reading core on one image: opening, scanning every tree, iterating and searching the largest subvolume. Part of `make bench`.
 * usage: tree IMAGE */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/mem.h"
#include "kernel-shared/fs/fs.h"

enum { ROUNDS = 3, SEARCHES = 200000 };

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void fail(const struct err *err)
{
	fprintf(stderr, "ERROR: %s\n", err_text(err));
	exit(1);
}

/* All blocks that any tree reaches, each once. */
struct live { struct block_refs refs; struct hmap seen; struct root *largest; size_t leaves; };

static void live_add(struct live *l, struct root *root, struct err *err)
{
	for (int level = root->tree.level; level >= 0; level--) {
		struct block_refs refs;

		if (tree_level_refs(&root->tree, level, &refs, NULL, NULL, err))
			fail(err);
		for (size_t i = 0; i < refs.len; i++) {
			bool fresh;

			if (!hmap_put(&l->seen, refs.v[i].bytenr, &fresh) || (fresh && vec_push(&l->refs, refs.v[i])))
				exit(1);
		}
		if (!level && is_fstree(root->tree.id) && refs.len > l->leaves) {
			l->leaves = refs.len;
			l->largest = root;
		}
		vec_fini(&refs);
	}
}

static void live_find(struct live *l, struct fs *fs, struct err *err)
{
	struct tree_iter it = tree_range(&fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	live_add(l, fs->root_tree, err);
	live_add(l, fs->chunk_tree, err);
	while (!(ret = tree_next(&it, &item, err))) {
		struct root *root;

		if (item.key.type != BTRFS_ROOT_ITEM_KEY)
			continue;
		if (fs_root_of_item(fs, &item, &root, err))
			fail(err);
		live_add(l, root, err);
	}
	tree_iter_fini(&it);
	if (ret != -ENOENT)
		fail(err);
}

static int count_items(void *arg, struct scan_block *b, unsigned worker)
{
	if (b->data)
		__atomic_fetch_add((u64 *)arg, block_nritems(b->data), __ATOMIC_RELAXED);
	return b->ret;
}

static void measure_scan(struct fs *fs, const struct live *l, enum scan_order order, struct err *err)
{
	static const struct scan_ops ops = { .work = count_items };
	double best = 1e9, bytes = (double)l->refs.len * fs->geo->nodesize;

	for (int i = 0; i < ROUNDS; i++) {
		double begun = now();
		u64 items = 0;

		if (tree_scan_blocks(&fs->store, l->refs.v, l->refs.len, order, &ops, &items, err))
			fail(err);
		best = now() - begun < best ? now() - begun : best;
	}
	printf("%-28s %8.1f MiB %9.3f ms %9.2f GiB/s\n", order == SCAN_DISK ? "scan in disk order" : "scan in list order", bytes / MiB(1), best * 1e3,
	       bytes / GiB(1) / best);
}

static u64 measure_iterate(struct tree *t, struct err *err)
{
	double best = 1e9;
	u64 items = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct tree_iter it = tree_range(t, KEY_MIN, KEY_MAX);
		double begun = now();
		struct item item;
		int ret;

		for (items = 0; !(ret = tree_next(&it, &item, err)); items++)
			;
		tree_iter_fini(&it);
		if (ret != -ENOENT)
			fail(err);
		best = now() - begun < best ? now() - begun : best;
	}
	printf("%-28s %8llu items %7.3f ms %9.2f M/s\n", "iterate largest subvolume", items, best * 1e3, items / best / 1e6);
	return items;
}

/* range: inode numbers asked for; few stay in the cache. */
static void measure_search(struct tree *t, const char *name, u64 range, struct err *err)
{
	struct path p = PATH_INIT;
	double best = 1e9;
	u64 x = 1;

	for (int i = 0; i < ROUNDS; i++) {
		double begun = now();

		for (int k = 0; k < SEARCHES; k++) {
			struct key key = KEY(0, BTRFS_INODE_ITEM_KEY, 0);

			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			key.objectid = BTRFS_FIRST_FREE_OBJECTID + (x >> 33) % range;
			if (tree_search(t, &key, &p, err) < 0)
				fail(err);
		}
		best = now() - begun < best ? now() - begun : best;
	}
	path_fini(&p);
	printf("%-28s %26.0f ns each\n", name, best / SEARCHES * 1e9);
}

int main(int argc, char **argv)
{
	struct live l = { .seen = HMAP_INIT };
	struct err err = ERR_INIT;
	struct env env;
	struct fs *fs;
	double begun;
	u64 items;

	if (argc != 2)
		return 1;
	env_init(&env);
	if (env_start_pool(&env, &err))
		fail(&err);
	begun = now();
	if (fs_open_path(&env, argv[1], FS_OPEN_NOSCAN, &fs, &err))
		fail(&err);
	printf("%-28s %22.3f ms\n", "open", (now() - begun) * 1e3);
	live_find(&l, fs, &err);
	measure_scan(fs, &l, SCAN_DISK, &err);
	measure_scan(fs, &l, SCAN_LIST, &err);
	if (l.largest) {
		items = measure_iterate(&l.largest->tree, &err);
		measure_search(&l.largest->tree, "search, cached", 1000, &err);
		measure_search(&l.largest->tree, "search, everywhere", items / 4 + 1, &err);
	}
	vec_fini(&l.refs);
	hmap_fini(&l.seen);
	fs_close(fs);
	env_fini(&env);
	return 0;
}
