/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One pass over a subvolume's items: names and contents as records, joined by inode, then put in the order of paths. */
#include "kernel-shared/check/inventory.h"
#include "kernel-shared/check/isum.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"
#include "crypto/csum.h"
#include "kernel-shared/tree/salvage.h"

/* By inode: what it holds, then the names that lead to it. */
struct by_ino { u8 ino[8]; u8 kind, type, pad[6]; u64 dir, name[2]; u64 content, readable; };
_Static_assert(sizeof(struct by_ino) == 56, "no padding that is not named");
enum { KIND_CONTENT, KIND_NAME };
#define SUBVOL (1ULL << 63) /* the number is a subvolume's */

struct dir_at { u64 dir, name[2]; };

struct taking {
	struct repair *r;
	struct fs *fs;
	struct root *root;
	struct sortrun *joined;
	struct hmap dirs;             /* directory -> index in at, from 1 */
	VEC(struct dir_at) at;
	struct hmap paths[2];         /* directory -> hash of its path */
	/* the inode being read */
	u64 ino, size, end, content;
	u32 mode;
	bool has_item, nosum, good;
	struct by_ino held;           /* the one before */
	bool holds;
};

/* --- contents --- */

bool sums_cover(struct fs *fs, u64 from, u64 to)
{
	while (fs->csum_tree && from < to) {
		struct path p CLEANUP(path_fini) = PATH_INIT;
		struct key key = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, from);
		struct err ignored = ERR_INIT;
		struct item item;
		u64 end;

		if (tree_lookup_le(&fs->csum_tree->tree, &key, &p, &item, &ignored) || item.key.type != BTRFS_EXTENT_CSUM_KEY)
			return false;
		end = item.key.offset + (u64)item.size / fs->geo->csum_size * fs->geo->sectorsize;
		if (end <= from)
			return false;
		from = end;
	}
	return from >= to;
}

static void mix(struct taking *t, u64 x)
{
	t->content = hash_mix2(t->content, x);
}

static void note_extent(struct taking *t, const struct item *item)
{
	struct file_extent_view v;
	const struct chunk *c;
	u64 from, to;

	if (file_extent_parse(item, &v) || v.type > BTRFS_FILE_EXTENT_PREALLOC || v.compression > BTRFS_COMPRESS_ZSTD || v.encryption || v.start < t->end) {
		t->good = false;
		return;
	}
	if (v.type == BTRFS_FILE_EXTENT_INLINE) {
		t->end = round_up_p2(max_t(u64, v.start + v.ram_bytes, 1), t->fs->geo->sectorsize);
		t->good &= !v.start && (v.compression || v.ram_bytes == v.inline_len);
		mix(t, hash_bytes(v.inline_data, v.inline_len) ^ v.compression);
		return;
	}
	t->end = v.start + v.num_bytes;
	/* what contradicts itself reads as one thing or the other */
	if (v.other_encoding || file_extent_doubt(t->fs->geo, &v) || !is_aligned_p2(v.disk_bytenr, t->fs->geo->sectorsize) ||
	    (v.type == BTRFS_FILE_EXTENT_PREALLOC && !t->nosum && sums_cover(t->fs, v.disk_bytenr, v.disk_bytenr + v.disk_num_bytes)))
		t->good = false;
	if (!v.disk_bytenr || v.type == BTRFS_FILE_EXTENT_PREALLOC || v.start >= t->size)
		return;
	from = v.compression ? v.disk_bytenr : v.disk_bytenr + v.offset;
	to = v.compression ? v.disk_bytenr + v.disk_num_bytes : from + v.num_bytes;
	c = chunk_lookup(t->fs->vol, from);
	if (!c || !(c->type & BTRFS_BLOCK_GROUP_DATA) || to - c->start > c->length || v.offset + v.num_bytes > v.ram_bytes ||
	    (!t->nosum && !sums_cover(t->fs, from, to)))
		t->good = false;
	mix(t, v.start);
	mix(t, v.disk_bytenr);
	mix(t, v.compression ? v.disk_num_bytes ^ v.ram_bytes : 0);
	mix(t, v.offset ^ (u64)v.compression << 56);
	mix(t, min_t(u64, v.num_bytes, round_up_p2(t->size - v.start, t->fs->geo->sectorsize)));
}

static u8 ft_of(u32 mode)
{
	for (u8 ft = BTRFS_FT_REG_FILE; ft < BTRFS_FT_XATTR; ft++)
		if (inode_mode_of_ft(ft) == (mode & S_IFMT))
			return ft;
	return 0;
}

/* The record of the inode that ended last waits: an item out of order that follows may be one of its own. */
static int put_held(struct taking *t)
{
	int ret = t->holds ? sortrun_add(t->joined, &t->held, 0) : 0;

	t->holds = false;
	return ret;
}

static int end_inode(struct taking *t)
{
	int ret = t->has_item ? put_held(t) : 0;

	if (!t->has_item)
		return 0;
	t->held = (struct by_ino){ .kind = KIND_CONTENT, .type = ft_of(t->mode), .content = t->content, .readable = t->good };
	put_be64(t->held.ino, t->ino);
	t->holds = true;
	return ret;
}

static void doubt_gap(struct taking *t, u64 from, u64 to)
{
	u64 held = get_be64(t->held.ino);

	/* what is lost may have been this inode's */
	t->good = false;
	if (t->holds && from <= held && held <= to)
		t->held.readable = false;
}

static int begin_inode(struct taking *t, const struct item *item)
{
	const struct disk_inode_item *i = item->key.type == BTRFS_INODE_ITEM_KEY ? item_struct(item, struct disk_inode_item) : NULL;
	int ret = end_inode(t);

	t->ino = item->key.objectid;
	t->has_item = i;
	t->end = 0;
	t->content = 0;
	t->good = i;
	if (!i)
		return ret;
	t->size = le64_get(i->size);
	t->mode = le32_get(i->mode);
	t->nosum = le64_get(i->flags) & BTRFS_INODE_NODATASUM;
	if (!S_ISDIR(t->mode))
		mix(t, t->size ^ le64_get(i->rdev));
	return ret;
}

/* --- names --- */

static void hash_128(const void *p, size_t len, u64 out[2])
{
	out[0] = hash_bytes(p, len);
	out[1] = hash_mix2(out[0] ^ 0x9e3779b97f4a7c15ULL, crc32c(p, len) ^ (u64)len << 32);
}

/* What a subvolume's entry leads to: it holds that subvolume, if there is one. */
static int note_subvol(struct taking *t, u64 id)
{
	struct by_ino rec = { .kind = KIND_CONTENT, .type = BTRFS_FT_DIR, .content = id };
	struct err ignored = ERR_INIT;
	struct root *root;

	rec.readable = !fs_subvol_root(t->fs, id, &root, &ignored);
	put_be64(rec.ino, id | SUBVOL);
	return sortrun_add(t->joined, &rec, 0);
}

static int note_names(struct taking *t, const struct item *item)
{
	struct dir_entry_view e;
	u32 pos = 0;
	int ret = 0;

	while (!ret && dir_item_next(item, &pos, &e)) {
		struct by_ino rec = { .kind = KIND_NAME, .type = e.type, .dir = item->key.objectid };

		if (hash_name(e.name, e.name_len) != item->key.offset)
			continue;
		if (e.location.type == BTRFS_ROOT_ITEM_KEY && note_subvol(t, e.location.objectid))
			return -ENOMEM;
		put_be64(rec.ino, e.location.type == BTRFS_ROOT_ITEM_KEY ? e.location.objectid | SUBVOL : e.location.objectid);
		hash_128(e.name, e.name_len, rec.name);
		ret = sortrun_add(t->joined, &rec, 0);
		if (!ret && e.type == BTRFS_FT_DIR && e.location.type == BTRFS_INODE_ITEM_KEY) {
			u64 *at = hmap_put(&t->dirs, e.location.objectid, NULL);

			ret = at ? vec_push(&t->at, ((struct dir_at){ rec.dir, { rec.name[0], rec.name[1] } })) : -ENOMEM;
			if (!ret)
				*at = t->at.len;
		}
	}
	return ret;
}

/* Where a directory is, as a hash; false: nowhere. Follows the chain up to what is known. */
static bool dir_path_hash(struct taking *t, u64 dir, u64 out[2])
{
	u64 chain[4096];
	unsigned n = 0;

	while (dir != BTRFS_FIRST_FREE_OBJECTID && !hmap_get(&t->paths[0], dir)) {
		u64 *at = hmap_get(&t->dirs, dir);

		if (!at || n == ARRAY_SIZE(chain))
			return false;
		chain[n++] = dir;
		dir = t->at.v[*at - 1].dir;
	}
	for (unsigned i = 0; i < 2; i++)
		out[i] = dir == BTRFS_FIRST_FREE_OBJECTID ? hash_mix2(t->root->tree.id, i) : *hmap_get(&t->paths[i], dir);
	while (n--) {
		const struct dir_at *d = &t->at.v[*hmap_get(&t->dirs, chain[n]) - 1];

		for (unsigned i = 0; i < 2; i++) {
			u64 *slot = hmap_put(&t->paths[i], chain[n], NULL);

			out[i] = hash_mix2(out[i], d->name[i]);
			if (slot)
				*slot = out[i];
		}
	}
	return true;
}

/* --- the whole --- */

static int read_items(struct taking *t, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&t->root->tree, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY(BTRFS_LAST_FREE_OBJECTID, 255, -1ULL));
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		int add = 0;

		if (ret) {
			doubt_gap(t, s.gap_lo.objectid, s.gap_hi.objectid);
			continue;
		}
		if (item.key.objectid != t->ino)
			add = begin_inode(t, &item);
		if (salvage_doubt(&s, item.key.objectid))
			t->good = false;
		if (!add && item.key.type == BTRFS_DIR_ITEM_KEY)
			add = note_names(t, &item);
		else if (!add && item.key.type == BTRFS_EXTENT_DATA_KEY)
			note_extent(t, &item);
		if (add)
			return err_errno(err, add, "cannot list the files");
		if (env_check_interrupt(t->r->env, err))
			return -EINTR;
	}
	err_clear(err);
	if (ret == -ENOENT)
		ret = end_inode(t);
	return ret ? ret : put_held(t);
}

static int join(struct taking *t, struct sortrun *out, struct err *err)
{
	const struct by_ino *rec;
	struct by_ino content = { .kind = KIND_NAME };
	struct err local = ERR_INIT;
	int ret = sortrun_finish(t->joined, &local);

	while (!ret && (rec = sortrun_next(t->joined, &local))) {
		struct inv_file f = { .tree = t->root->tree.id, .ino = get_be64(rec->ino) };
		u64 path[2];

		if (rec->kind == KIND_CONTENT) {
			content = *rec;
			continue;
		}
		if (content.kind != KIND_CONTENT || memcmp(content.ino, rec->ino, 8) || content.type != rec->type || !dir_path_hash(t, rec->dir, path))
			continue;
		for (unsigned i = 0; i < 2; i++)
			put_be64(f.path + 8 * i, hash_mix2(path[i], rec->name[i]));
		f.content = content.content;
		f.readable = content.readable;
		ret = sortrun_add(out, &f, 0);
	}
	if (!ret)
		ret = local.code;
	if (ret && err)
		*err = local;
	return ret;
}

int inventory_tree(struct repair *r, struct fs *fs, u64 id, struct sortrun *out, struct err *err)
{
	struct taking t = { .r = r, .fs = fs };
	int ret = fs_subvol_root(fs, id, &t.root, err);

	if (ret) {
		/* nothing of it can be read */
		err_clear(err);
		return ret == -ENOMEM ? ret : 0;
	}
	t.joined = sortrun_new(r->env, sizeof(struct by_ino), sizeof(struct by_ino), MiB(64));
	ret = t.joined ? read_items(&t, err) : err_nomem(err);
	if (!ret)
		ret = join(&t, out, err);
	sortrun_free(t.joined);
	hmap_fini(&t.dirs);
	hmap_fini(&t.paths[0]);
	hmap_fini(&t.paths[1]);
	vec_fini(&t.at);
	return ret;
}
