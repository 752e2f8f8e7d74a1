/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data as it lies on disk, verified by the csum tree, healed from other copies. Spec: on-disk-format 7. */
#include "crypto/csum.h"
#include "kernel-shared/fs/file.h"
#include "kernel-shared/fs/thread.h"

/* Read and verified in steps that stay in the processor's cache. */
enum { DATA_STEP = 1 << 20 };

/* ---- Checksums of a range ---- */

/* The part of one csum item that lies in [bytenr, end). */
static void take_sums(const struct geometry *geo, const struct item *item, u64 bytenr, u64 end, u8 *out, u8 *have)
{
	u64 start = item->key.offset, n = item->size / geo->csum_size, stop, first, skip;

	/* An item ends where the address space does at the latest. */
	if (mul_overflows(n, (u64)geo->sectorsize, &stop) || add_overflows(stop, start, &stop))
		return;
	first = start > bytenr ? start : bytenr;
	stop = stop < end ? stop : end;
	if (first >= stop || (first - start) % geo->sectorsize || (first - bytenr) % geo->sectorsize)
		return;
	skip = (first - start) / geo->sectorsize;
	n = (stop - first) / geo->sectorsize;
	memcpy(out + (first - bytenr) / geo->sectorsize * geo->csum_size, item->data + skip * geo->csum_size, n * geo->csum_size);
	if (have)
		memset(have + (first - bytenr) / geo->sectorsize, 1, n);
}

int csum_lookup(struct fs *fs, u64 bytenr, u64 len, u8 *out, u8 *have, struct err *err)
{
	const struct geometry *geo = fs->geo;
	struct key key = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, bytenr);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	u64 end;
	int ret;

	if (add_overflows(bytenr, len, &end))
		return err_set(err, -EINVAL, "checksums asked for past the end of the address space at %llu", bytenr);
	if (have)
		memset(have, 0, len / geo->sectorsize);
	if (!fs->csum_tree)
		return 0;
	/* The item before may reach into the range. */
	ret = tree_lookup_le(&fs->csum_tree->tree, &key, &p, &item, err);
	if (ret == -ENOENT)
		ret = tree_lookup_ge(&fs->csum_tree->tree, &key, &p, &item, err);
	if (ret == -ENOENT)
		return 0;
	for (; !ret; ret = path_next(&fs->csum_tree->tree, &p, err)) {
		item = path_item(&p);
		if (key_cmp(&item.key, &KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, end)) >= 0)
			return 0;
		if (item.key.objectid == BTRFS_EXTENT_CSUM_OBJECTID && item.key.type == BTRFS_EXTENT_CSUM_KEY)
			take_sums(geo, &item, bytenr, end, out, have);
	}
	return ret < 0 ? err_wrap(err, ret, "cannot look up the checksums of logical %llu", bytenr) : 0;
}

/* ---- Verified reads ---- */

/* One step's sectors with what is known of them. */
struct sums { u8 *stored, *computed, *have; };

static bool sums_room(const struct geometry *geo, u32 sectors, struct sums *s)
{
	u8 *buf = thread_buf(THREAD_BUF_SUMS, (size_t)sectors * (2 * geo->csum_size + 1));

	if (!buf)
		return false;
	s->stored = buf;
	s->computed = s->stored + (size_t)sectors * geo->csum_size;
	s->have = s->computed + (size_t)sectors * geo->csum_size;
	return true;
}

static int no_good_copy(const struct geometry *geo, u64 bytenr, unsigned copies, const u8 *stored, const u8 *computed, struct err *err)
{
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	sb_hexbytes(&text, stored, geo->csum_size);
	sb_lit(&text, ", the data has ");
	sb_hexbytes(&text, computed, geo->csum_size);
	return err_set(err, -EIO, "data checksum does not match at logical %llu in any of %u copies: stored is %s", bytenr, copies, sb_str(&text));
}

/* A sector that is not what its checksum says (or could not be read): each copy in turn. */
static int heal_sector(struct fs *fs, u64 bytenr, u8 *sector, const u8 *stored, struct err *err)
{
	const struct geometry *geo = fs->geo;
	unsigned copies = rio_copies(fs->vol, bytenr);
	u8 computed[CSUM_SIZE_MAX] = { 0 };
	bool any = false;
	int ret = -EIO;

	for (unsigned mirror = 1; mirror <= copies; mirror++) {
		ret = rio_read(fs->vol, bytenr, geo->sectorsize, mirror, sector, err);
		if (ret)
			continue;
		any = true;
		csum_compute(geo->csum_type, sector, geo->sectorsize, computed);
		if (!memcmp(computed, stored, geo->csum_size))
			return 0;
	}
	return any ? no_good_copy(geo, bytenr, copies, stored, computed, err) : ret;
}

static int verify_sectors(struct fs *fs, u64 bytenr, u32 sectors, u8 *buf, const struct sums *s, bool demanded, struct err *err)
{
	const struct geometry *geo = fs->geo;

	for (u32 i = 0; i < sectors; i++, bytenr += geo->sectorsize, buf += geo->sectorsize) {
		const u8 *stored = s->stored + (size_t)i * geo->csum_size;
		int ret;

		if (!s->have[i] && demanded)
			return err_set(err, -EIO, "there is no data checksum for logical %llu", bytenr);
		if (!s->have[i] || !memcmp(stored, s->computed + (size_t)i * geo->csum_size, geo->csum_size))
			continue;
		ret = heal_sector(fs, bytenr, buf, stored, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* No copy could be read in one piece: sector by sector, so that one bad spot a copy does no harm. */
static int read_sectors(struct fs *fs, u64 bytenr, u32 sectors, u8 *buf, struct err *err)
{
	u32 size = fs->geo->sectorsize;

	for (u32 i = 0; i < sectors; i++) {
		int ret = rio_read(fs->vol, bytenr + (u64)i * size, size, 0, buf + (size_t)i * size, err);

		if (ret)
			return ret;
	}
	return 0;
}

static int read_step(struct fs *fs, u64 bytenr, u32 len, u8 *buf, enum csum_demand demand, struct err *err)
{
	const struct geometry *geo = fs->geo;
	u32 sectors = len / geo->sectorsize;
	struct sums s;
	int ret = rio_read(fs->vol, bytenr, len, 0, buf, err);

	if (ret == -EIO && sectors > 1)
		ret = read_sectors(fs, bytenr, sectors, buf, err);
	if (ret || demand == CSUM_IGNORED)
		return ret;
	if (!sums_room(geo, sectors, &s))
		return err_nomem(err);
	ret = csum_lookup(fs, bytenr, len, s.stored, s.have, err);
	if (ret)
		return ret;
	csum_compute_blocks(geo->csum_type, buf, geo->sectorsize, sectors, s.computed);
	if (!memchr(s.have, 0, sectors) && !memcmp(s.stored, s.computed, (size_t)sectors * geo->csum_size))
		return 0;
	return verify_sectors(fs, bytenr, sectors, buf, &s, demand == CSUM_DEMANDED, err);
}

int data_read(struct fs *fs, u64 bytenr, u32 len, void *buf, enum csum_demand demand, struct err *err)
{
	if (!is_aligned_p2(bytenr | len, fs->geo->sectorsize))
		return err_set(err, -EINVAL, "data read at logical %llu, %u bytes: not whole sectors", bytenr, len);
	if (fs->flags & FS_OPEN_NO_DATA_CSUM)
		demand = CSUM_IGNORED;
	for (u32 pos = 0; pos < len; pos += DATA_STEP) {
		int ret = read_step(fs, bytenr + pos, min_t(u32, len - pos, DATA_STEP), (u8 *)buf + pos, demand, err);

		if (ret)
			return ret == -ENOENT ? -EIO : ret; /* no chunk: not to be taken for a missing file */
	}
	return 0;
}
