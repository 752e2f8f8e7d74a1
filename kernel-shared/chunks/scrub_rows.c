/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scrubbing rows with parity: bad data is rebuilt from the rest of its row, then the parity must follow from the data. Columns of sectors in which nothing is
 * known to have been written say nothing. Spec: on-disk-format 5.3. */
#include "kernel-shared/chunks/scrub.h"

/* One row in memory: data columns, then parity as read, then parity as it must be. */
struct rows { struct scrub_job *j; u64 row; unsigned d, n, parity; u8 *bufs[256]; bool absent[256]; u32 first; bool lost; };

static struct phys role_phys(const struct rows *r, unsigned role)
{
	unsigned k = (r->row + role) % r->n;
	const struct stripe *s = &r->j->chunk->stripes[k];

	return (struct phys){ s->dev, s->physical + r->row * BTRFS_STRIPE_LEN, BTRFS_STRIPE_LEN, k };
}

static int read_role(struct rows *r, unsigned role)
{
	struct phys p = role_phys(r, role);
	struct err err = ERR_INIT;

	r->absent[role] = !p.dev->bdev;
	if (r->absent[role])
		return 0;
	if (bdev_read(p.dev->bdev, p.physical, r->bufs[role], p.len, &err))
		r->absent[role] = true;
	scrub_seen(r->j, p.dev, p.physical + p.len);
	return r->absent[role];
}

/* A unit of data that is not whole, rebuilt from each set of others that the parity allows. */
static int rebuild(struct rows *r, u32 sector_at, u32 unit, u8 *to, bool *good)
{
	struct fs *fs = r->j->fs;
	u64 logical = r->j->w.start + (u64)sector_at * fs->geo->sectorsize;
	u8 bad[BTRFS_MAX_METADATA_BLOCKSIZE / BTRFS_MIN_BLOCKSIZE];
	unsigned ways = rio_copies(fs->vol, logical);

	*good = false;
	for (unsigned mirror = 2; mirror <= ways && !*good; mirror++) {
		struct err err = ERR_INIT;
		int ret = rio_read(fs->vol, logical, unit * fs->geo->sectorsize, mirror, to, &err);

		if (ret == -ENOMEM)
			return ret;
		*good = !ret && !window_judge(fs, &r->j->w, sector_at, unit, to, bad);
	}
	return 0;
}

/* What is free is rebuilt for the parity's sake alone. */
static int mend_unit(struct rows *r, unsigned col, u32 i, u32 unit, enum scrub_fault fault)
{
	u32 sector = r->j->fs->geo->sectorsize, at = r->first + col * (BTRFS_STRIPE_LEN / sector) + i;
	struct phys p = role_phys(r, col);
	u8 *to = r->bufs[col] + (size_t)i * sector, old[BTRFS_MAX_METADATA_BLOCKSIZE];
	bool good;
	int ret;

	memcpy(old, to, (size_t)unit * sector);
	ret = rebuild(r, at, unit, to, &good);
	if (ret || (fault == SCRUB_FAULT_OLD && good && !memcmp(old, to, (size_t)unit * sector)))
		return ret;
	r->lost |= !good;
	p.physical += (u64)i * sector;
	p.len = unit * sector;
	return p.dev->bdev && r->j->w.kind[at] != SECTOR_FREE ? scrub_event(r->j, fault, &p, r->j->w.start + (u64)at * sector, p.len, good ? to : NULL) : 0;
}

static int check_column(struct rows *r, unsigned col)
{
	u32 sector = r->j->fs->geo->sectorsize, n = BTRFS_STRIPE_LEN / sector, from = r->first + col * n;
	bool unreadable, stale = role_phys(r, col).dev->stale;
	u8 bad[BTRFS_STRIPE_LEN / BTRFS_MIN_BLOCKSIZE];
	int ret = 0;

	unreadable = read_role(r, col);
	if (r->absent[col])
		memset(bad, 1, n);
	else
		window_judge(r->j->fs, &r->j->w, from, n, r->bufs[col], bad);
	if (!r->absent[col] || unreadable)
		scrub_count_read(r->j, role_phys(r, col).dev, from, n);
	for (u32 i = 0, unit; i < n && !ret; i += unit) {
		u8 kind = r->j->w.kind[from + i];

		unit = window_unit(r->j->fs, &r->j->w, from + i);
		if (bad[i] || (stale && (kind == SECTOR_FREE || kind == SECTOR_UNSUMMED)))
			ret = mend_unit(r, col, i, unit, unreadable ? SCRUB_FAULT_READ : !bad[i] ? SCRUB_FAULT_OLD : kind == SECTOR_SUMMED ? SCRUB_FAULT_CSUM :
					SCRUB_FAULT_NODE);
	}
	return ret;
}

/* Is anything known (1), or may anything (2) have been written in this sector's column? */
static unsigned written(const struct rows *r, u32 i)
{
	u32 per = BTRFS_STRIPE_LEN / r->j->fs->geo->sectorsize;
	unsigned may = 0;

	for (unsigned col = 0; col < r->d; col++) {
		u8 kind = r->j->w.kind[r->first + col * per + i];

		if (kind != SECTOR_FREE && kind != SECTOR_UNSUMMED)
			return 1;
		may |= kind == SECTOR_UNSUMMED ? 2 : 0;
	}
	return may;
}

static int check_parity(struct rows *r)
{
	u32 sector = r->j->fs->geo->sectorsize;
	u8 **want = r->bufs + r->d + r->parity;

	if (r->parity == 2)
		raid_gen_pq(r->d, BTRFS_STRIPE_LEN, r->bufs, want[0], want[1]);
	else
		raid_gen_p(r->d, BTRFS_STRIPE_LEN, r->bufs, want[0]);
	for (unsigned k = 0; k < r->parity; k++) {
		bool unreadable = read_role(r, r->d + k);

		for (u32 i = 0; i < BTRFS_STRIPE_LEN / sector; i++) {
			struct phys p = role_phys(r, r->d + k);
			unsigned known = written(r, i);

			if (!p.dev->bdev || !known || (!unreadable && !memcmp(r->bufs[r->d + k] + i * sector, want[k] + i * sector, sector)))
				continue;
			p.physical += (u64)i * sector;
			p.len = sector;
			if (scrub_event(r->j, unreadable ? SCRUB_FAULT_READ : SCRUB_FAULT_PARITY, &p, r->j->w.start + (u64)r->first * sector, sector, want[k] + i * sector))
				return -ENOMEM;
			r->j->events.v[r->j->events.len - 1].silent = known == 2;
		}
	}
	return 0;
}

static bool row_in_use(const struct rows *r)
{
	u32 n = r->d * (BTRFS_STRIPE_LEN / r->j->fs->geo->sectorsize);

	for (u32 i = 0; i < n; i++)
		if (r->j->w.kind[r->first + i] != SECTOR_FREE)
			return true;
	return false;
}

int scrub_rows(struct scrub_job *j)
{
	const struct chunk *c = j->chunk;
	struct rows r = { .j = j, .d = c->data_stripes, .n = c->num_stripes, .parity = c->profile->parity };
	u64 row_len = (u64)r.d * BTRFS_STRIPE_LEN, rows = j->w.len / row_len;
	unsigned nbufs = r.d + 2 * r.parity;
	int ret = 0;

	if (nbufs > ARRAY_SIZE(r.bufs))
		return -EOPNOTSUPP;
	/* the events point at what is written: each row keeps its memory until they are settled */
	j->memory = mem_alloc_io(rows * nbufs * BTRFS_STRIPE_LEN);
	if (!j->memory)
		return -ENOMEM;
	for (u64 i = 0; !ret && i < rows; i++) {
		r.row = (j->w.start - c->start) / row_len + i;
		r.first = i * r.d * (BTRFS_STRIPE_LEN / j->fs->geo->sectorsize);
		r.lost = false;
		for (unsigned k = 0; k < nbufs; k++)
			r.bufs[k] = j->memory + (i * nbufs + k) * BTRFS_STRIPE_LEN;
		if (!row_in_use(&r))
			continue;
		for (unsigned col = 0; col < r.d && !ret; col++)
			ret = check_column(&r, col);
		if (!ret && !r.lost)
			ret = check_parity(&r);
	}
	return ret;
}
