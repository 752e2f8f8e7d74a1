/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The old free space cache, a file for each block group, against what the extent tree leaves free. Spec: on-disk-format 3.16, 5.5. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "common/ranges.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/file.h"
#include "kernel-shared/tree/salvage.h"

enum { PAGE = 4096, ENTRY_EXTENT = 1, ENTRY_BITMAP = 2, FILE_MAX = 64 << 20 };

struct cache_cmp {
	struct check *c;
	const struct group_rec *g;
	bool usable;
	struct ranges cached, free, supers; /* supers: where nothing is ever free */
};

/* --- reading the file of a group --- */

static bool page_good(const u8 *file, u64 pages, u64 i)
{
	u64 skip = i ? 0 : pages * sizeof(le32);

	return skip < PAGE && crc32c(file + i * PAGE + skip, PAGE - skip) == get_le32(file + i * sizeof(le32));
}

static int take_bitmap(struct cache_cmp *m, u64 start, const u8 *page)
{
	u32 sector = m->c->geo->sectorsize;

	for (u32 i = 0; i < PAGE * 8; i++)
		if (page[i / 8] >> i % 8 & 1 && ranges_add(&m->cached, start + (u64)i * sector, start + (u64)(i + 1) * sector))
			return -ENOMEM;
	return 0;
}

/* 0, -EUCLEAN, -ENOMEM. Entries first, then the pages of those that are bitmaps. */
static int parse_file(struct cache_cmp *m, const u8 *file, u64 pages, const struct disk_free_space_header *h)
{
	u64 entries = le64_get(h->num_entries), at = pages * sizeof(le32), page = 0;
	VEC(u64) bitmaps = VEC_INIT;
	int ret = -EUCLEAN;

	if (at + 8 > PAGE || !page_good(file, pages, 0) || get_le64(file + at) != le64_get(h->generation))
		return -EUCLEAN;
	at += 8;
	for (u64 i = 0; i < entries; i++) {
		const struct disk_free_space_entry *e;
		u64 start, end;

		if (at + sizeof(*e) > PAGE) {
			at = 0;
			if (++page >= pages || !page_good(file, pages, page))
				goto out;
		}
		e = (const void *)(file + page * PAGE + at);
		at += sizeof(*e);
		start = le64_get(e->offset);
		if (e->type == ENTRY_BITMAP ? vec_push(&bitmaps, start) != 0 :
		    e->type != ENTRY_EXTENT || add_overflows(start, le64_get(e->bytes), &end) || ranges_add(&m->cached, start, end))
			goto out;
	}
	for (size_t i = 0; i < bitmaps.len; i++)
		if (++page >= pages || !page_good(file, pages, page) || take_bitmap(m, bitmaps.v[i], file + page * PAGE))
			goto out;
	ret = 0;
out:
	vec_fini(&bitmaps);
	return ret;
}

static int read_file(struct cache_cmp *m, const struct inode *inode, const struct disk_free_space_header *h)
{
	u64 size = inode->size, pages = size / PAGE;
	u8 *file;
	int ret;

	if (!pages || size % PAGE || size > FILE_MAX)
		return -EUCLEAN;
	file = mem_alloc(size, 1);
	if (!file)
		return -ENOMEM;
	ret = file_read(m->c->fs, inode, 0, file, size, NULL) == (s64)size ? parse_file(m, file, pages, h) : -EIO;
	free(file);
	return ret;
}

static bool load_group(struct cache_cmp *m)
{
	struct root *root = m->c->fs->root_tree;
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(BTRFS_FREE_SPACE_OBJECTID, 0, m->g->start), at;
	const struct disk_free_space_header *h;
	struct where w = { .bytenr = m->g->start, .len = m->g->length, .key = key, .order = m->g->start };
	struct inode inode;
	struct item item;
	int ret;

	if (tree_lookup(&root->tree, &key, &path, &item, NULL) || !(h = item_struct(&item, struct disk_free_space_header)))
		return false;
	at = key_get(&h->location);
	if (inode_get(root, at.objectid, &inode, NULL) || inode.generation != le64_get(h->generation))
		return false; /* out of date: no cache */
	ret = read_file(m, &inode, h);
	if (!ret)
		return true;
	REPORT(m->c, CHECK_FREE_SPACE, SPACE_V1_LOAD, w, m->g->start);
	return false;
}

/* --- group by group --- */

int cache_cmp_begin(struct check *c, struct cache_cmp **out, struct err *err)
{
	u64 generation = le64_get(c->fs->sb->cache_generation);
	struct where w = { 0 };

	if (geo_compat_ro(c->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE) || generation == -1ULL || !generation || !c->fs->root_tree)
		return 0;
	if (generation != le64_get(c->fs->sb->generation)) {
		REPORT(c, CHECK_FREE_SPACE, SPACE_STALE, w);
		return 0;
	}
	*out = mem_zalloc(sizeof(**out));
	if (!*out)
		return err_nomem(err);
	(*out)->c = c;
	return 0;
}

void cache_cmp_end(struct cache_cmp *m)
{
	if (!m)
		return;
	ranges_fini(&m->cached);
	ranges_fini(&m->free);
	ranges_fini(&m->supers);
	free(m);
}

void cache_cmp_group(struct cache_cmp *m, const struct group_rec *g)
{
	ranges_fini(&m->cached);
	ranges_fini(&m->free);
	ranges_fini(&m->supers);
	m->g = g;
	m->usable = load_group(m);
}

int cache_cmp_free(struct cache_cmp *m, u64 start, u64 end, struct err *err)
{
	return m->usable && ranges_add(&m->free, start, end) ? err_nomem(err) : 0;
}

static int leave_out(void *arg, u64 logical, u64 len)
{
	struct cache_cmp *m = arg;
	u64 from = logical - m->g->start;

	if (logical < m->g->start || from >= m->g->length)
		return 0;
	return ranges_add(&m->supers, m->g->start + round_down_p2(from, BTRFS_STRIPE_LEN), m->g->start + round_up_p2(from + len, BTRFS_STRIPE_LEN));
}

/* Where superblocks lie nothing is ever free: whole stripes, with parity whole rows of them. */
static int leave_out_supers(struct cache_cmp *m)
{
	const struct volume *vol = m->c->fs->vol;
	int ret = 0;

	for (size_t i = 0; !ret && i < vol->devices.len; i++)
		for (int copy = 0; !ret && copy < BTRFS_SUPER_MIRROR_MAX; copy++)
			ret = rio_reverse(vol, vol->devices.v[i], btrfs_super_offset[copy], BTRFS_SUPER_INFO_SIZE, leave_out, m);
	if (ret && ret != -ENOENT)
		return ret;
	ret = 0;
	for (struct range r = { 0 }; !ret && ranges_next(&m->supers, r.end, &r);)
		ret = ranges_del(&m->free, r.start, r.end);
	return ret;
}

static u64 bytes_of(const struct ranges *ranges)
{
	u64 sum = 0;

	for (struct range r = { 0 }; ranges_next(ranges, r.end, &r);)
		sum += r.end - r.start;
	return sum;
}

/* A cache that does not even have the right sum was left behind by a crash: the kernel throws it away. */
static bool amount_right(const struct cache_cmp *m)
{
	u64 have = bytes_of(&m->cached), want = m->g->length - m->g->used - bytes_of(&m->supers);
	struct where w = { .bytenr = m->g->start, .len = m->g->length, .key = KEY(BTRFS_FREE_SPACE_OBJECTID, 0, m->g->start), .order = m->g->start };

	if (have == want)
		return true;
	REPORT(m->c, CHECK_FREE_SPACE, SPACE_V1_AMOUNT, w, m->g->start, have, want);
	w.order++;
	REPORT(m->c, CHECK_FREE_SPACE, SPACE_V1_LOAD, w, m->g->start);
	return false;
}

static bool compare(struct cache_cmp *m)
{
	struct where w = { .bytenr = m->g->start, .len = m->g->length, .order = m->g->start };
	struct check *c = m->c;
	u64 pos = 0;

	for (;;) {
		struct range want = { 0 }, have = { 0 };
		bool more = ranges_next(&m->free, pos, &want), cached = ranges_next(&m->cached, pos, &have);

		if (!more && !cached)
			return true;
		if (more && cached && want.start == have.start && want.end == have.end) {
			pos = want.end;
			continue;
		}
		if (!more)
			REPORT(c, CHECK_FREE_SPACE, SPACE_LEFT, w);
		else if (!cached || have.start > want.start)
			REPORT(c, CHECK_FREE_SPACE, SPACE_NO_ENTRY, w, want.start, want.end);
		else if (have.start != want.start)
			REPORT(c, CHECK_FREE_SPACE, SPACE_OFFSET, w, want.start, have.start);
		else
			REPORT(c, CHECK_FREE_SPACE, SPACE_BYTES, w, want.end - want.start, have.end - have.start, want.start);
		return false;
	}
}

int cache_cmp_group_end(struct cache_cmp *m, struct err *err)
{
	struct where w = { .bytenr = m->g->start, .len = m->g->length, .order = m->g->start + 1 };

	if (!m->usable)
		return 0;
	if (leave_out_supers(m))
		return err_nomem(err);
	if (amount_right(m) && !compare(m))
		REPORT(m->c, CHECK_FREE_SPACE, SPACE_GROUP, w, m->g->start);
	return 0;
}

/* --- the files' inodes --- */

static void check_mode(struct check *c, const struct item *item)
{
	const struct disk_free_space_header *h = item_struct(item, struct disk_free_space_header);
	struct where w = { .tree = BTRFS_ROOT_TREE_OBJECTID, .key = item->key };
	struct inode inode;

	if (!h)
		return;
	w.ino = le64_get(h->location.objectid);
	if (inode_get(c->fs->root_tree, w.ino, &inode, NULL))
		return;
	w.key = KEY(w.ino, BTRFS_INODE_ITEM_KEY, 0);
	w.have = inode.mode;
	w.want = S_IFREG | 0600;
	if (inode.mode != w.want)
		REPORT(c, CHECK_FS_ROOTS, SPACE_V1_MODE, w, w.ino, inode.mode);
}

int check_cache_inodes(struct check *c, struct err *err)
{
	struct item item;
	int ret;

	if (!c->fs->root_tree)
		return 0;
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&c->fs->root_tree->tree, KEY(BTRFS_FREE_SPACE_OBJECTID, 0, 0), KEY(BTRFS_FREE_SPACE_OBJECTID, 0, -1ULL));

	while ((ret = salvage_next(&s, &item, err)) >= 0)
		if (!ret)
			check_mode(c, &item);
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}
