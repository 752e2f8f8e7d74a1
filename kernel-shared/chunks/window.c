/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/chunks/window.h"

#include "common/mem.h"
#include "crypto/csum.h"

void window_fini(struct window *w)
{
	free(w->kind);
	free(w->sums);
	free(w->generation);
	free(w->first);
	*w = (struct window){ 0 };
}

static int window_init(struct window *w, const struct fs *fs, u64 start, u32 len)
{
	*w = (struct window){ .start = start, .len = len, .sectors = len / fs->geo->sectorsize };
	w->kind = mem_calloc(w->sectors, 1);
	w->first = mem_calloc(w->sectors, 1);
	w->sums = mem_calloc(w->sectors, fs->geo->csum_size);
	w->generation = mem_calloc(w->sectors, sizeof(*w->generation));
	if (w->kind && w->first && w->sums && w->generation)
		return 0;
	window_fini(w);
	return -ENOMEM;
}

/* --- walking --- */

static int next_extent(struct used_walk *w, struct err *err)
{
	struct item item;
	int ret;

	while ((ret = tree_next(&w->extents, &item, err)) == 0) {
		struct extent_view e;

		if (item.key.type != BTRFS_EXTENT_ITEM_KEY && item.key.type != BTRFS_METADATA_ITEM_KEY)
			continue;
		if (extent_item_parse(w->fs->geo, &item, &e))
			return err_set(err, -EUCLEAN, "extent item (%llu %u %llu) cannot be read", item.key.objectid, item.key.type, item.key.offset);
		w->have = true;
		w->start = item.key.objectid;
		w->tree = e.flags & BTRFS_EXTENT_FLAG_TREE_BLOCK;
		w->len = e.len;
		w->generation = e.generation;
		return 0;
	}
	w->have = false;
	return ret == -ENOENT ? 0 : ret;
}

static int next_sums(struct used_walk *w, struct err *err)
{
	struct item item;
	int ret = tree_next(&w->sums, &item, err);

	w->have_sums = !ret;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	w->sums_start = item.key.offset;
	w->nsums = item.size / w->fs->geo->csum_size;
	w->sums_data = item.data;
	return 0;
}

int used_walk_init(struct used_walk *w, struct fs *fs, u64 start, u64 end, struct err *err)
{
	struct key lo = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, start), hi = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, end - 1);
	int ret = 0;

	*w = (struct used_walk){ .fs = fs, .end = end };
	w->extents = tree_range(&fs->extent_tree->tree, KEY(start, 0, 0), KEY(end - 1, 255, -1ULL));
	if (fs->csum_tree) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct item item;

		/* checksums of neighbours lie in one item, whatever chunks they are in */
		ret = tree_lookup_le(&fs->csum_tree->tree, &lo, &p, &item, err);
		if (!ret && item.key.objectid == lo.objectid && item.key.type == lo.type)
			lo = item.key;
		if (ret == -ENOENT)
			ret = 0;
		w->sums = tree_range(&fs->csum_tree->tree, lo, hi);
	}
	if (!ret)
		ret = next_extent(w, err);
	if (!ret && fs->csum_tree)
		ret = next_sums(w, err);
	if (ret)
		used_walk_fini(w);
	return ret;
}

void used_walk_fini(struct used_walk *w)
{
	tree_iter_fini(&w->extents);
	if (w->fs->csum_tree)
		tree_iter_fini(&w->sums);
}

bool used_walk_next(const struct used_walk *w, u64 pos, u64 *at)
{
	if (!w->have)
		return false;
	*at = max_t(u64, pos, w->start);
	return true;
}

static void mark(const struct used_walk *w, struct window *out)
{
	u32 sector = w->fs->geo->sectorsize;
	u64 from = max_t(u64, w->start, out->start), to = min_t(u64, w->start + w->len, out->start + out->len);
	bool whole = w->start >= out->start && w->start + w->len <= out->start + out->len;

	for (u64 at = from; at < to; at += sector) {
		u32 i = (at - out->start) / sector;

		out->kind[i] = w->tree && whole ? at == w->start ? SECTOR_NODE : SECTOR_NODE_REST : SECTOR_UNSUMMED;
		out->first[i] = at == w->start;
		out->generation[i] = w->generation;
		out->used++;
	}
}

/* Checksums where nothing is in use say nothing. */
static void mark_sums(const struct used_walk *w, struct window *out)
{
	u32 sector = w->fs->geo->sectorsize, size = w->fs->geo->csum_size;
	u64 from = max_t(u64, w->sums_start, out->start), to = min_t(u64, w->sums_start + (u64)w->nsums * sector, out->start + out->len);

	for (u64 at = from; at < to; at += sector) {
		u32 i = (at - out->start) / sector;

		if (out->kind[i] != SECTOR_UNSUMMED)
			continue;
		out->kind[i] = SECTOR_SUMMED;
		memcpy(out->sums + (size_t)i * size, w->sums_data + (at - w->sums_start) / sector * size, size);
	}
}

int used_walk_window(struct used_walk *w, u64 start, u32 len, struct window *out, struct err *err)
{
	u32 sector = w->fs->geo->sectorsize;
	u64 end = start + len;
	int ret = window_init(out, w->fs, start, len) ? err_nomem(err) : 0;

	while (!ret && w->have && w->start < end) {
		if (w->start + w->len > start)
			mark(w, out);
		if (w->start + w->len > end)
			break;
		ret = next_extent(w, err);
	}
	while (!ret && w->have_sums && w->sums_start < end) {
		mark_sums(w, out);
		if (w->sums_start + (u64)w->nsums * sector > end)
			break;
		ret = next_sums(w, err);
	}
	if (ret)
		window_fini(out);
	return ret;
}

/* --- judging --- */

u32 window_unit(const struct fs *fs, const struct window *w, u32 sector)
{
	u32 n = 1;

	if (w->kind[sector] != SECTOR_NODE)
		return 1;
	while (sector + n < w->sectors && n < fs->geo->nodesize / fs->geo->sectorsize && w->kind[sector + n] == SECTOR_NODE_REST)
		n++;
	return n;
}

static bool node_is_good(const struct fs *fs, const struct window *w, u32 sector, const u8 *block)
{
	u64 at = w->start + (u64)sector * fs->geo->sectorsize;
	bool ours = false;

	for (unsigned i = 0; i < fs->vol->nfsids && !ours; i++)
		ours = !memcmp(block_header(block)->fsid, fs->vol->fsids[i], sizeof(fs->vol->fsids[i]));
	return ours && block_bytenr(block) == at && block_generation(block) == w->generation[sector] && block_check_csum(fs->geo, block, NULL);
}

/* A run of summed sectors, many at a time. */
static unsigned judge_sums(const struct fs *fs, const struct window *w, u32 from, u32 n, const u8 *buf, u8 *bad)
{
	enum { BATCH = 64 };
	u32 sector = fs->geo->sectorsize, size = fs->geo->csum_size;
	u8 found[BATCH * CSUM_SIZE_MAX];
	unsigned count = 0;

	for (u32 i = 0, part; i < n; i += part) {
		const u8 *want = w->sums + (size_t)(from + i) * size;

		part = min_t(u32, BATCH, n - i);
		csum_compute_blocks(fs->geo->csum_type, buf + (size_t)i * sector, sector, part, found);
		for (u32 k = 0; k < part && memcmp(found, want, (size_t)part * size); k++)
			count += bad[i + k] = !!memcmp(found + k * size, want + k * size, size);
	}
	return count;
}

unsigned window_judge(const struct fs *fs, const struct window *w, u32 from, u32 n, const u8 *buf, u8 *bad)
{
	u32 sector = fs->geo->sectorsize;
	unsigned count = 0;

	memset(bad, 0, n);
	for (u32 i = 0, run; i < n; i += run) {
		run = window_unit(fs, w, from + i);
		if (w->kind[from + i] == SECTOR_NODE && !node_is_good(fs, w, from + i, buf + (size_t)i * sector)) {
			memset(bad + i, 1, run);
			count += run;
		}
		if (w->kind[from + i] != SECTOR_SUMMED)
			continue;
		while (i + run < n && w->kind[from + i + run] == SECTOR_SUMMED)
			run++;
		count += judge_sums(fs, w, from + i, run, buf + (size_t)i * sector, bad + i);
	}
	return count;
}

bool window_run(const struct window *w, u32 *from, u32 *n)
{
	u32 at = *from;

	while (at < w->sectors && w->kind[at] == SECTOR_FREE)
		at++;
	*from = at;
	for (*n = 0; at + *n < w->sectors && w->kind[at + *n] != SECTOR_FREE;)
		++*n;
	return *n;
}

/* One unit, from whichever copy has it whole. */
static int read_unit(struct fs *fs, const struct window *w, u32 from, u32 n, u8 *buf, struct err *err)
{
	u32 sector = fs->geo->sectorsize;
	u64 at = w->start + (u64)from * sector;
	unsigned copies = rio_copies(fs->vol, at), unreadable = 0;
	u8 bad[BTRFS_MAX_METADATA_BLOCKSIZE / BTRFS_MIN_BLOCKSIZE];

	for (unsigned mirror = 1; mirror <= copies; mirror++) {
		struct err why = ERR_INIT;

		if (rio_read(fs->vol, at, n * sector, mirror, buf, &why))
			unreadable++;
		else if (!window_judge(fs, w, from, n, buf, bad))
			return 0;
	}
	return err_set(err, -EIO, "no copy of %s at logical %llu is whole (%u of %u cannot be read): scrub names what is damaged",
		       w->kind[from] == SECTOR_NODE ? "the tree block" : "the data", at, unreadable, copies);
}

static int read_run(struct fs *fs, const struct window *w, u32 from, u32 n, u8 *buf, struct err *err)
{
	u32 sector = fs->geo->sectorsize;
	u8 *bad CLEANUP(mem_freep) = mem_alloc(n, 1);
	struct err why = ERR_INIT;
	int ret = 0;

	if (!bad)
		return err_nomem(err);
	if (rio_read(fs->vol, w->start + (u64)from * sector, n * sector, 0, buf, &why))
		memset(bad, 1, n);
	else
		window_judge(fs, w, from, n, buf, bad);
	for (u32 i = 0, unit; !ret && i < n; i += unit) {
		unit = window_unit(fs, w, from + i);
		if (bad[i])
			ret = read_unit(fs, w, from + i, unit, buf + (size_t)i * sector, err);
	}
	return ret;
}

/* As it lies there, sector by sector where that is needed: it is nobody's, but a parity may count it in. */
static void read_raw(struct fs *fs, const struct window *w, u8 *buf)
{
	u32 sector = fs->geo->sectorsize;
	struct err err = ERR_INIT;

	if (!rio_read(fs->vol, w->start, w->len, 0, buf, &err))
		return;
	for (u32 i = 0; i < w->sectors; i++)
		if (rio_read(fs->vol, w->start + (u64)i * sector, sector, 0, buf + (size_t)i * sector, &err))
			memset(buf + (size_t)i * sector, 0, sector);
}

int window_read(struct fs *fs, const struct window *w, bool raw, u8 *buf, struct err *err)
{
	int ret = 0;

	if (raw)
		read_raw(fs, w, buf);
	else
		memset(buf, 0, w->len);
	for (u32 from = 0, n; !ret && window_run(w, &from, &n); from += n)
		ret = read_run(fs, w, from, n, buf + (size_t)from * fs->geo->sectorsize, err);
	return ret;
}

void window_job_read(struct window_job *p, struct fs *fs, bool raw)
{
	p->buf = mem_alloc_io(p->w.len);
	p->ret = p->buf ? window_read(fs, &p->w, raw, p->buf, &p->err) : err_nomem(&p->err);
}

void window_job_free(struct window_job *p)
{
	window_fini(&p->w);
	free(p->buf);
	free(p);
}

void window_job_drop(void *job, void *arg)
{
	(void)arg;
	window_job_free(job);
}
