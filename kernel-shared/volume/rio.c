/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads of logical addresses. A copy that cannot be read is no failure while another can; what was tried is told only when all fail.
 * Spec: on-disk-format 5.2, 5.3. */
#include "common/mem.h"
#include "kernel-shared/volume/private.h"

/* What each device said, for the one message at the end. */
struct tried { char text[1024]; size_t len; };

static void tried_add(struct tried *t, const char *text)
{
	int n = snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s%s", t->len ? "; " : "", text);

	if (n > 0)
		t->len = min_t(size_t, t->len + n, sizeof(t->text) - 1);
}

int stripe_read(const struct phys *p, void *buf, struct err *err)
{
	if (!p->dev->bdev)
		return err_set(err, -EIO, "devid %llu is missing", p->dev->devid);
	return bdev_read(p->dev->bdev, p->physical, buf, p->len, err);
}

/* One piece of a mirrored profile, from the first copy that can be read; stale devices come last. */
static int read_any_copy(const struct chunk *c, u64 off, u32 len, void *buf, struct tried *t)
{
	for (int stale = 0; stale < 2; stale++)
		for (unsigned mirror = 1; mirror <= c->profile->copies; mirror++) {
			struct err err = ERR_INIT;
			struct phys p;

			chunk_map(c, off, len, mirror, &p);
			if (p.dev->stale != stale)
				continue;
			if (!stripe_read(&p, buf, &err))
				return 0;
			tried_add(t, err_text(&err));
		}
	return -EIO;
}

/* Mirrors of RAID6 from 3 on: the wanted column is lost and one more of the row, first P, then each other column. */
static int second_lost(const struct chunk *c, unsigned col, unsigned mirror)
{
	unsigned other;

	if (mirror == 3)
		return c->data_stripes;
	other = mirror - 4;
	return other < col ? other : other + 1;
}

static int read_parity_piece(const struct chunk *c, u64 off, u32 len, unsigned mirror, void *buf, struct tried *t)
{
	u64 nr = off / BTRFS_STRIPE_LEN, row = nr / c->data_stripes;
	unsigned col = nr % c->data_stripes;
	struct err err = ERR_INIT;
	struct phys p;
	int ret = -EIO;

	if (mirror < 2) {
		chunk_map(c, off, len, 1, &p);
		/* What a stale device holds is older than the parity that the others hold. */
		if (mirror || !p.dev->stale)
			ret = stripe_read(&p, buf, &err);
		if (ret && err.len)
			tried_add(t, err_text(&err));
		if (!ret || mirror)
			return ret;
	}
	ret = raid_rebuild(c, row, col, mirror > 2 ? second_lost(c, col, mirror) : -1, off % BTRFS_STRIPE_LEN, len, buf, &err);
	if (ret)
		tried_add(t, err_text(&err));
	if (ret && !mirror && p.dev->stale)
		ret = stripe_read(&p, buf, &err);
	return ret;
}

static int read_piece(const struct chunk *c, u64 off, u32 len, unsigned mirror, void *buf, struct tried *t)
{
	struct err err = ERR_INIT;
	struct phys p;
	int ret;

	if (c->profile->parity)
		return read_parity_piece(c, off, len, mirror, buf, t);
	if (!mirror)
		return read_any_copy(c, off, len, buf, t);
	chunk_map(c, off, len, mirror, &p);
	ret = stripe_read(&p, buf, &err);
	if (ret)
		tried_add(t, err_text(&err));
	return ret;
}

static int read_chunk(const struct chunk *c, u64 off, u32 len, unsigned mirror, u8 *buf, struct err *err)
{
	struct tried t = { "", 0 };

	while (len) {
		struct phys p;
		int ret;

		chunk_map(c, off, len, 1, &p);
		ret = read_piece(c, off, p.len, mirror, buf, &t);
		if (ret == -ENOMEM)
			return err_nomem(err);
		if (ret)
			return err_set(err, -EIO, "cannot read %u bytes at logical %llu: %s", p.len, c->start + off, t.text);
		off += p.len;
		buf += p.len;
		len -= p.len;
	}
	return 0;
}

int rio_read(struct volume *vol, u64 start, u32 len, unsigned mirror, void *buf, struct err *err)
{
	u8 *to = buf;

	if (vol->source)
		return vol->source->read(vol->source, start, len, buf, err);
	while (len) {
		const struct chunk *c = chunk_lookup(vol, start);
		u32 part;
		int ret;

		if (!c)
			return err_set(err, -ENOENT, "no chunk maps logical %llu", start);
		if (mirror > rio_copies(vol, start))
			return err_set(err, -EINVAL, "logical %llu has no copy %u", start, mirror);
		part = min_t(u64, len, c->length - (start - c->start));
		ret = read_chunk(c, start - c->start, part, mirror, to, err);
		if (ret)
			return ret;
		start += part;
		to += part;
		len -= part;
	}
	return 0;
}
