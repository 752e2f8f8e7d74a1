/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every interior block tells where its children are, so that siblings are compared without reading them; leaves are read for
 * their inline data alone. */
#include "kernel-shared/fs/treestats.h"

#include <time.h>

struct stats_scan {
	struct tree_stats *s;
	struct hmap distances;
	u32 nodesize;
};

void tree_stats_fini(struct tree_stats *s)
{
	vec_fini(&s->distances);
}

static int add_seek(struct stats_scan *scan, u64 from, u64 to)
{
	struct tree_stats *s = scan->s;
	u64 distance = to > from ? to - from : from - to, *count = hmap_put(&scan->distances, distance, NULL);

	if (!count)
		return -ENOMEM;
	++*count;
	s->seeks++;
	if (to > from)
		s->forward++;
	else
		s->backward++;
	s->seek_bytes += distance;
	s->max_seek = max_t(u64, s->max_seek, distance);
	return 0;
}

static void end_cluster(struct stats_scan *scan, u64 bytes)
{
	struct tree_stats *s = scan->s;

	if (bytes <= scan->nodesize)
		return;
	s->min_cluster = s->clusters ? min_t(u64, s->min_cluster, bytes) : bytes;
	s->max_cluster = max_t(u64, s->max_cluster, bytes);
	s->clusters++;
	s->cluster_bytes += bytes;
}

/* The children of one block in order, beginning from the block itself. */
static int add_children(struct stats_scan *scan, const void *block)
{
	u64 last = block_bytenr(block), cluster = scan->nodesize;

	for (u32 i = 0; i < block_nritems(block); i++) {
		u64 child = le64_get(block_ptrs(block)[i].blockptr);

		if (child == last + scan->nodesize) {
			cluster += scan->nodesize;
		} else {
			if (add_seek(scan, last + scan->nodesize, child))
				return -ENOMEM;
			end_cluster(scan, cluster);
			cluster = scan->nodesize;
		}
		last = child;
	}
	return 0;
}

static int read_block(void *arg, struct scan_block *b, unsigned worker)
{
	u64 bytes = 0;

	if (b->data && !block_level(b->data)) {
		for (u32 i = 0; i < block_nritems(b->data); i++) {
			struct item item = block_item(b->data, i);
			struct file_extent_view fe;

			if (item.key.type == BTRFS_EXTENT_DATA_KEY && !file_extent_parse(&item, &fe) && fe.type == BTRFS_FILE_EXTENT_INLINE)
				bytes += fe.inline_len;
		}
	}
	b->result = (void *)(uintptr_t)bytes;
	return 0;
}

static int add_block(void *arg, struct scan_block *b)
{
	struct stats_scan *scan = arg;
	struct tree_stats *s = scan->s;

	if (!b->data)
		return b->ret;
	s->nodes[min_t(u8, block_level(b->data), BTRFS_MAX_LEVEL - 1)]++;
	s->total_nodes++;
	s->total_bytes += scan->nodesize;
	s->lowest = min_t(u64, s->lowest, b->ref->bytenr);
	s->highest = max_t(u64, s->highest, b->ref->bytenr);
	s->inline_bytes += (uintptr_t)b->result;
	return block_level(b->data) ? add_children(scan, b->data) : 0;
}

static int distance_cmp(const void *a, const void *b)
{
	u64 x = ((const struct seek_count *)a)->distance, y = ((const struct seek_count *)b)->distance;

	return x < y ? -1 : x > y;
}

static int sort_distances(struct stats_scan *scan)
{
	struct seek_count c;
	size_t pos = 0;

	while (hmap_next(&scan->distances, &pos, &c.distance, &c.count))
		if (vec_push(&scan->s->distances, c))
			return -ENOMEM;
	vec_sort(&scan->s->distances, distance_cmp);
	return 0;
}

static u64 now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int tree_stats_read(struct tree *tree, struct tree_stats *out, struct err *err)
{
	static const struct scan_ops ops = { .work = read_block, .done = add_block };
	struct stats_scan scan = { .s = out, .distances = HMAP_INIT, .nodesize = tree->store->geo->nodesize };
	u64 start = now_usec();
	int ret = 0;

	*out = (struct tree_stats){ .levels = tree->level + 1, .lowest = -1ULL, .max_cluster = scan.nodesize };
	for (int level = tree->level; !ret && level >= 0; level--) {
		struct block_refs refs = VEC_INIT;

		ret = tree_level_refs(tree, level, &refs, NULL, NULL, err);
		if (!ret)
			ret = tree_scan_blocks(tree->store, refs.v, refs.len, SCAN_DISK, &ops, &scan, err);
		vec_fini(&refs);
	}
	if (!ret && sort_distances(&scan))
		ret = err_nomem(err);
	hmap_fini(&scan.distances);
	out->read_usec = now_usec() - start;
	if (ret)
		tree_stats_fini(out);
	return ret;
}
