/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parity of RAID5 and RAID6 against the data, row by row. Only columns of sectors in which something is known to have been written say
 * anything: the others may hold anything. Spec: on-disk-format 5.3. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "common/pool.h"

struct row_ctx { struct check *c; const struct chunk *ch; u8 **bufs; };

static bool sector_written(const struct check *c, u64 bytenr)
{
	u64 node = c->geo->nodesize;

	if (coverage_bytes(&c->summed, bytenr, c->geo->sectorsize))
		return true;
	/* tree blocks begin at any sector */
	for (u64 back = 0; back < node && back <= bytenr; back += c->geo->sectorsize)
		if (blockmap_has(&c->seen, bytenr - back))
			return true;
	return false;
}

/* Which sectors of the 64 KiB column must agree; 0: none. */
static u64 written_columns(const struct check *c, const struct chunk *ch, u64 row)
{
	u64 row_start = ch->start + row * BTRFS_STRIPE_LEN * ch->data_stripes, mask = 0;
	u32 sector = c->geo->sectorsize;

	for (unsigned k = 0; k < ch->data_stripes; k++)
		for (u32 s = 0; s < BTRFS_STRIPE_LEN / sector; s++)
			if (!(mask >> s & 1) && sector_written(c, row_start + (u64)k * BTRFS_STRIPE_LEN + (u64)s * sector))
				mask |= 1ULL << s;
	return mask;
}

static int read_column(const struct chunk *ch, unsigned stripe, u64 row, u8 *buf)
{
	const struct stripe *s = &ch->stripes[stripe];

	if (!s->dev || !s->dev->bdev)
		return -ENODEV;
	return bdev_read(s->dev->bdev, s->physical + row * BTRFS_STRIPE_LEN, buf, BTRFS_STRIPE_LEN, NULL);
}

static void compare_parity(struct check *c, const struct chunk *ch, u64 row, unsigned stripe, const u8 *have, const u8 *want, u64 mask)
{
	const struct device *dev = ch->stripes[stripe].dev;
	u32 sector = c->geo->sectorsize;
	struct where w = { .bytenr = ch->start + row * BTRFS_STRIPE_LEN * ch->data_stripes, .len = (u64)BTRFS_STRIPE_LEN * ch->data_stripes, .devid = dev->devid, .order = 3 };

	for (u32 s = 0; s < BTRFS_STRIPE_LEN / sector; s++)
		if (mask >> s & 1 && memcmp(have + s * sector, want + s * sector, sector)) {
			REPORT(c, CHECK_CSUMS, DATA_PARITY, w, row, ch->start, dev->devid);
			return;
		}
}

static int check_row(void *arg, u64 row, unsigned worker)
{
	struct row_ctx *r = arg;
	const struct chunk *ch = r->ch;
	unsigned d = ch->data_stripes, n = ch->num_stripes, parity = ch->profile->parity;
	u64 mask = written_columns(r->c, ch, row);
	u8 *buf = r->bufs[worker], *data[256], *have, *p, *q;

	if (!mask || d + 4 > 256)
		return env_check_interrupt(r->c->env, NULL);
	if (!buf) {
		buf = r->bufs[worker] = mem_alloc_io((size_t)(d + 3) * BTRFS_STRIPE_LEN);
		if (!buf)
			return -ENOMEM;
	}
	for (unsigned k = 0; k < d; k++) {
		data[k] = buf + (size_t)k * BTRFS_STRIPE_LEN;
		if (read_column(ch, (row + k) % n, row, data[k]))
			return 0; /* said elsewhere */
	}
	have = buf + (size_t)d * BTRFS_STRIPE_LEN;
	p = have + BTRFS_STRIPE_LEN;
	q = p + BTRFS_STRIPE_LEN;
	if (parity == 1)
		raid_gen_p(d, BTRFS_STRIPE_LEN, data, p);
	else
		raid_gen_pq(d, BTRFS_STRIPE_LEN, data, p, q);
	for (unsigned k = 0; k < parity; k++)
		if (!read_column(ch, (row + d + k) % n, row, have))
			compare_parity(r->c, ch, row, (row + d + k) % n, have, k ? q : p, mask);
	return 0;
}

int pass_parity(struct check *c, struct err *err)
{
	const struct volume *vol = c->fs->vol;
	unsigned threads = pool_threads(c->env->pool);
	int ret = 0;

	for (size_t i = 0; !ret && i < vol->chunks.len; i++) {
		const struct chunk *ch = vol->chunks.v[i];
		struct row_ctx r = { .c = c, .ch = ch };

		if (!ch->profile->parity || !ch->data_stripes)
			continue;
		r.bufs = mem_calloc(threads, sizeof(*r.bufs));
		if (!r.bufs)
			return err_nomem(err);
		ret = pool_for(c->env->pool, ch->stripe_length / BTRFS_STRIPE_LEN, check_row, &r);
		for (unsigned k = 0; k < threads; k++)
			free(r.bufs[k]);
		free(r.bufs);
	}
	return ret;
}
