/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing rows with parity. A whole row needs nothing but its bytes. Of a partly written row the old rest is read, if possible verified,
 * rebuilt where it is lost, and the parity is computed anew from all of it. Spec: on-disk-format 5.3. */
#include "common/mem.h"
#include "kernel-shared/volume/row.h"

/* One row being written. from, to: data bytes of the row; buf holds them. */
struct row_write {
	struct row r;
	struct volume *vol;
	const struct chunk *but;
	u64 from, to;
	const u8 *buf;
	u8 *healed;         /* of each column: it was found bad and has been rebuilt, so all of it is written */
	bool all_read;
};

/* What of column col, inside the window, is being written: its offset from the window's start and its length. */
static u32 overlap(const struct row_write *w, unsigned col, u32 *at)
{
	u64 start = (u64)col * BTRFS_STRIPE_LEN + w->r.off, end = start + w->r.len;
	u64 from = max_t(u64, start, w->from), to = min_t(u64, end, w->to);

	*at = from < to ? from - start : 0;
	return from < to ? to - from : 0;
}

static bool keeps_old(const struct row_write *w, unsigned col)
{
	u32 at;

	return overlap(w, col, &at) < w->r.len;
}

/* Everything of the window that has not been read: the columns that are being overwritten, and the parity. */
static int read_rest(struct row_write *w, struct err *err)
{
	unsigned d = w->r.c->data_stripes;
	int ret = 0;

	if (w->all_read)
		return 0;
	w->all_read = true;
	for (unsigned i = 0; i < w->r.roles && !ret; i++)
		if (i >= d || !keeps_old(w, i))
			ret = row_read_role(&w->r, i, err);
	return ret;
}

/* Reads the columns that keep old bytes, and rebuilds those of them that are lost. */
static int read_old(struct row_write *w, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < w->r.c->data_stripes && !ret; i++)
		if (keeps_old(w, i))
			ret = row_read_role(&w->r, i, err);
	if (ret || !w->r.nlost)
		return ret;
	ret = read_rest(w, err);
	if (!ret)
		row_solve(&w->r);
	return ret;
}

/* The largest unit that one checksum covers. */
static u32 verify_unit(const struct row_write *w)
{
	bool data = !(w->r.c->type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM));

	return max_t(u32, data ? w->vol->geo.sectorsize : w->vol->geo.nodesize, BTRFS_MIN_BLOCKSIZE);
}

static bool unit_is_good(const struct row_write *w, unsigned col, u32 at, u32 unit, const u8 *data)
{
	u64 logical = w->r.c->start + (w->r.nr * w->r.c->data_stripes + col) * BTRFS_STRIPE_LEN + w->r.off + at;

	return !w->vol->verify(w->vol->verify_arg, logical, unit, data);
}

/* Rebuilds one unit of the columns in sub->lost and asks again whether they are good now. */
static bool rebuild_unit(struct row_write *w, struct row *sub, u32 at)
{
	row_solve(sub);
	for (unsigned i = 0; i < sub->nlost; i++)
		if (sub->lost[i] < sub->c->data_stripes && !unit_is_good(w, sub->lost[i], at, sub->len, sub->bufs[sub->lost[i]]))
			return false;
	return true;
}

/* One unit of all columns: those that are bad are rebuilt in place. */
static int verify_at(struct row_write *w, u32 at, u32 unit, u8 **bufs, struct err *err)
{
	struct row sub = w->r;
	unsigned lost_before;
	int ret = 0;

	sub.bufs = bufs;
	sub.len = unit;
	for (unsigned i = 0; i < w->r.roles; i++)
		bufs[i] = w->r.bufs[i] + at;
	lost_before = sub.nlost;
	for (unsigned i = 0; i < sub.c->data_stripes && !ret; i++)
		if (keeps_old(w, i) && !unit_is_good(w, i, at, unit, bufs[i]))
			ret = row_lose(&sub, i, err);
	if (ret || sub.nlost == lost_before)
		return ret;
	ret = read_rest(w, err);
	for (unsigned i = 0; i < w->r.nlost && !ret; i++)
		ret = row_lose(&sub, w->r.lost[i], err);
	if (ret)
		return ret;
	if (!rebuild_unit(w, &sub, at) && (row_lose(&sub, sub.c->data_stripes, NULL) || !rebuild_unit(w, &sub, at)))
		return err_set(err, -EIO, "neither the data nor what its parity gives is whole");
	for (unsigned i = lost_before; i < sub.nlost; i++)
		if (sub.lost[i] < sub.c->data_stripes)
			w->healed[sub.lost[i]] = 1;
	return 0;
}

static int verify_old(struct row_write *w, struct err *err)
{
	u32 unit = verify_unit(w);
	u8 **bufs;
	int ret = 0;

	if (!w->vol->verify)
		return 0;
	bufs = mem_calloc(w->r.roles, sizeof(*bufs));
	if (!bufs)
		return err_nomem(err);
	for (u32 at = 0; at + unit <= w->r.len && !ret; at += unit)
		ret = verify_at(w, at, unit, bufs, err);
	free(bufs);
	return ret;
}

static int write_role(struct row_write *w, unsigned role, u32 at, u32 len, struct err *err)
{
	struct phys p = row_phys(&w->r, role);

	p.physical += at;
	p.len = len;
	if (w->but && chunk_stripe_stays(w->but, w->r.c, p.stripe))
		return 0;
	return p.dev->bdev ? stripe_write(&p, w->r.bufs[role] + at, err) : 0;
}

static int write_window(struct row_write *w, struct err *err)
{
	unsigned d = w->r.c->data_stripes, missing = 0;
	struct row *r = &w->r;
	u32 at, len;
	int ret = 0;

	for (unsigned i = 0; i < r->roles; i++)
		missing += !row_phys(r, i).dev->bdev;
	if (missing > r->c->profile->parity)
		return err_set(err, -EIO, "%u devices of the row are missing", missing);
	for (unsigned i = 0; i < d; i++) {
		len = overlap(w, i, &at);
		if (len)
			memcpy(r->bufs[i] + at, w->buf + ((u64)i * BTRFS_STRIPE_LEN + r->off + at - w->from), len);
	}
	if (r->roles == d + 2)
		raid_gen_pq(d, r->len, r->bufs, r->bufs[d], r->bufs[d + 1]);
	else
		raid_gen_p(d, r->len, r->bufs, r->bufs[d]);
	for (unsigned i = 0; i < d && !ret; i++) {
		len = overlap(w, i, &at);
		if (w->healed[i])
			ret = write_role(w, i, 0, r->len, err);
		else if (len)
			ret = write_role(w, i, at, len, err);
	}
	for (unsigned i = d; i < r->roles && !ret; i++)
		ret = write_role(w, i, 0, r->len, err);
	return ret;
}

/* The offsets in the stripes that the write touches; whole verify units if those are looked at. */
static void choose_window(struct row_write *w)
{
	bool one_column = w->from / BTRFS_STRIPE_LEN == (w->to - 1) / BTRFS_STRIPE_LEN;
	u32 start = 0, end = BTRFS_STRIPE_LEN, unit = w->vol->verify ? verify_unit(w) : 1;

	if (one_column) {
		start = w->from % BTRFS_STRIPE_LEN;
		end = (w->to - 1) % BTRFS_STRIPE_LEN + 1;
		start -= start % unit;
		end = min_t(u32, div_round_up(end, unit) * unit, BTRFS_STRIPE_LEN);
	}
	w->r.off = start;
	w->r.len = end - start;
}

int raid_write_row(struct volume *vol, const struct chunk *c, const struct chunk *but, u64 row, u64 from, u64 to, const u8 *buf, struct err *err)
{
	struct row_write w = { .r = { .c = c, .nr = row }, .vol = vol, .but = but, .from = from, .to = to, .buf = buf };
	int ret;

	choose_window(&w);
	ret = row_init(&w.r, w.r.len);
	w.healed = mem_zalloc(w.r.roles);
	if (ret || !w.healed)
		ret = err_nomem(err);
	if (!ret)
		ret = read_old(&w, err);
	if (!ret)
		ret = verify_old(&w, err);
	if (!ret)
		ret = write_window(&w, err);
	row_fini(&w.r);
	free(w.healed);
	return ret;
}
