/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes of logical addresses, and of superblocks. Spec: on-disk-format 5.2, 6.5. */
#include "common/mem.h"
#include "kernel-shared/volume/private.h"

int stripe_write(const struct phys *p, const void *buf, struct err *err)
{
	if (!p->dev->bdev)
		return err_set(err, -EIO, "devid %llu is missing", p->dev->devid);
	return bdev_write(p->dev->bdev, p->physical, buf, p->len, err);
}

bool chunk_same_layout(const struct chunk *a, const struct chunk *b)
{
	return a->profile == b->profile && a->num_stripes == b->num_stripes;
}

/* Each stripe is the chunk, byte for byte. */
static bool is_linear(const struct chunk *c)
{
	return !c->profile->parity && c->data_stripes == 1;
}

bool chunk_stripe_stays(const struct chunk *from, const struct chunk *to, unsigned k)
{
	bool linear = is_linear(from) && is_linear(to);

	if (!linear && !chunk_same_layout(from, to))
		return false;
	for (unsigned i = linear ? 0 : k; i < (linear ? from->num_stripes : k + 1); i++)
		if (from->stripes[i].dev == to->stripes[k].dev && from->stripes[i].physical == to->stripes[k].physical)
			return true;
	return false;
}

/* All pieces of one copy. */
static int write_copy(const struct chunk *c, const struct chunk *but, u64 off, u32 len, unsigned mirror, const u8 *buf, unsigned *written, struct err *err)
{
	while (len) {
		struct phys p;
		int ret;

		chunk_map(c, off, len, mirror, &p);
		if (but && chunk_stripe_stays(but, c, p.stripe)) {
			*written += p.len;
		} else if (p.dev->bdev) {
			ret = stripe_write(&p, buf, err);
			if (ret)
				return ret;
			if (written)
				*written += p.len;
		}
		off += p.len;
		buf += p.len;
		len -= p.len;
	}
	return 0;
}

static int write_copies(const struct chunk *c, const struct chunk *but, u64 off, u32 len, const u8 *buf, struct err *err)
{
	/* Piece by piece, so that each is seen to reach one device at least. */
	while (len) {
		unsigned written = 0;
		struct phys p;
		int ret = 0;

		chunk_map(c, off, len, 1, &p);
		for (unsigned mirror = 1; mirror <= c->profile->copies && !ret; mirror++)
			ret = write_copy(c, but, off, p.len, mirror, buf, &written, err);
		if (!ret && !written)
			ret = err_set(err, -EIO, "all devices of its copies are missing");
		if (ret)
			return ret;
		off += p.len;
		buf += p.len;
		len -= p.len;
	}
	return 0;
}

static int write_rows(struct volume *vol, const struct chunk *c, const struct chunk *but, u64 off, u32 len, const u8 *buf, struct err *err)
{
	u64 row_len = (u64)c->data_stripes * BTRFS_STRIPE_LEN;

	while (len) {
		u64 from = off % row_len, to = min_t(u64, row_len, from + len);
		int ret = raid_write_row(vol, c, but, off / row_len, from, to, buf, err);

		if (ret)
			return ret;
		off += to - from;
		buf += to - from;
		len -= to - from;
	}
	return 0;
}

static int write_chunk(struct volume *vol, const struct chunk *c, const struct chunk *but, u64 start, u32 len, const void *buf, struct err *err)
{
	u64 off = start - c->start;
	int ret = c->profile->parity ? write_rows(vol, c, but, off, len, buf, err) : write_copies(c, but, off, len, buf, err);

	return ret ? err_wrap(err, ret, "cannot write %u bytes at logical %llu", len, start) : 0;
}

/* The chunk that holds all of the range. */
static const struct chunk *chunk_for_write(struct volume *vol, u64 start, u32 len, int *ret, struct err *err)
{
	const struct chunk *c = vol->writable ? chunk_lookup(vol, start) : NULL;

	if (!vol->writable)
		*ret = err_set(err, -EROFS, "the filesystem was opened for reading only");
	else if (!c)
		*ret = err_set(err, -ENOENT, "no chunk maps logical %llu", start);
	else if (len > c->length - (start - c->start))
		*ret = err_set(err, -EINVAL, "%u bytes at logical %llu reach beyond their chunk", len, start);
	else
		return c;
	return NULL;
}

/* The new places of what was just written to the old ones. Where only some stripes of rows with parity move, those must hold what the old ones hold in all of the
 * row, or the parity that stays would not follow from them. */
static int write_moving(struct volume *vol, const struct chunk *c, u64 start, u32 len, const u8 *buf, struct err *err)
{
	u64 row = (u64)c->data_stripes * BTRFS_STRIPE_LEN, end = start + len;
	u8 *whole;
	int ret = 0;

	if (!c->profile->parity || !chunk_same_layout(c, c->next))
		return write_chunk(vol, c->next, c, start, len, buf, err);
	whole = mem_alloc_io(row);
	if (!whole)
		return err_nomem(err);
	for (u64 at = c->start + (start - c->start) / row * row; at < end && !ret; at += row) {
		u32 part = min_t(u64, row, c->start + c->length - at);

		ret = rio_read(vol, at, part, 0, whole, err);
		if (!ret)
			ret = write_chunk(vol, c->next, c, at, part, whole, err);
	}
	free(whole);
	return ret;
}

int rio_write(struct volume *vol, u64 start, u32 len, const void *buf, struct err *err)
{
	int ret = 0;
	const struct chunk *c = chunk_for_write(vol, start, len, &ret, err);

	if (!c)
		return ret;
	ret = write_chunk(vol, c, NULL, start, len, buf, err);
	return ret || !c->next ? ret : write_moving(vol, c, start, len, buf, err);
}

int rio_write_next(struct volume *vol, u64 start, u32 len, const void *buf, struct err *err)
{
	int ret = 0;
	const struct chunk *c = chunk_for_write(vol, start, len, &ret, err);

	if (!c)
		return ret;
	if (!c->next)
		return err_set(err, -EINVAL, "chunk %llu is not moving", c->start);
	return write_chunk(vol, c->next, c, start, len, buf, err);
}

int rio_write_mirror(struct volume *vol, u64 start, u32 len, unsigned mirror, const void *buf, struct err *err)
{
	int ret = 0;
	const struct chunk *c = chunk_for_write(vol, start, len, &ret, err);
	unsigned written = 0;

	if (!c)
		return ret;
	if (!mirror || mirror > c->profile->copies)
		return err_set(err, -EINVAL, "logical %llu has no copy %u to write", start, mirror);
	ret = write_copy(c, NULL, start - c->start, len, mirror, buf, &written, err);
	if (!ret && written < len)
		ret = err_set(err, -EIO, "its device is missing");
	return ret ? err_wrap(err, ret, "cannot write copy %u of %u bytes at logical %llu", mirror, len, start) : 0;
}

int volume_flush(struct volume *vol, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < vol->devices.len && !ret; i++)
		if (vol->devices.v[i]->bdev)
			ret = bdev_flush(vol->devices.v[i]->bdev, err);
	return ret;
}

/* The superblock as this device carries it. */
static void device_super(const struct volume *vol, const struct device *d, struct disk_super *sb)
{
	*sb = vol->sb;
	sb->dev_item = d->has_item ? d->item : d->sb.dev_item;
	sb->dev_item.total_bytes = le64_of(d->total_bytes);
	sb->dev_item.bytes_used = le64_of(d->bytes_used);
}

static int write_super_copy(const struct volume *vol, struct device *d, int copy, struct err *err)
{
	u64 at = btrfs_super_offset[copy];
	struct disk_super sb;
	int ret;

	if (at + BTRFS_SUPER_INFO_SIZE >= min_t(u64, d->total_bytes, d->bdev->size))
		return 0;
	device_super(vol, d, &sb);
	sb.bytenr = le64_of(at);
	super_set_csum(&sb);
	ret = bdev_write(d->bdev, at, &sb, sizeof(sb), err);
	if (ret)
		return err_wrap(err, ret, "cannot write superblock copy %d of %s", copy, d->path);
	d->sb_valid |= 1 << copy;
	if (!copy)
		d->sb = sb;
	return 0;
}

static int write_super_copies(struct volume *vol, bool fresh, int first, int last, struct err *err)
{
	unsigned written = 0;
	int ret = 0;

	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		if (!d->bdev || d->seed || d->leaving || d->fresh != fresh)
			continue;
		for (int copy = first; copy <= last && !ret; copy++)
			ret = write_super_copy(vol, d, copy, err);
		if (!ret)
			d->generation = le64_get(vol->sb.generation);
		written++;
	}
	return ret || !written ? ret : volume_flush(vol, err);
}

int volume_write_supers(struct volume *vol, struct err *err)
{
	int ret;

	if (!vol->writable)
		return err_set(err, -EROFS, "the filesystem was opened for reading only");
	ret = write_super_copies(vol, true, 0, 0, err);
	if (!ret)
		ret = write_super_copies(vol, false, 0, 0, err);
	if (!ret)
		ret = write_super_copies(vol, true, 1, BTRFS_SUPER_MIRROR_MAX - 1, err);
	if (!ret)
		ret = write_super_copies(vol, false, 1, BTRFS_SUPER_MIRROR_MAX - 1, err);
	for (size_t i = 0; !ret && i < vol->devices.len; i++)
		vol->devices.v[i]->fresh = false;
	return ret;
}
