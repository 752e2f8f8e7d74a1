/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows with parity: what a row lacks is computed from what it has. Spec: on-disk-format 5.3. */
#include "common/mem.h"
#include "kernel-shared/volume/private.h"

enum { ROW_MEMORY = 4 << 20 };

/* A part of one row in memory: one buffer a role, in role order. */
struct row {
	struct volume *vol;
	const struct chunk *c;
	u64 nr;
	u32 off, len;       /* inside each stripe */
	unsigned roles;     /* data, P, and Q if there is one */
	u8 *memory, **bufs;
	int lost[2];        /* roles, ascending by time of loss; lost[i] is set for i < nlost */
	unsigned nlost;
	struct err *err;    /* what the last loss was */
};

static int row_init(struct row *r, u32 len, struct err *err)
{
	r->roles = r->c->data_stripes + r->c->profile->parity;
	r->len = len;
	r->memory = mem_alloc(r->roles, len);
	r->bufs = mem_calloc(r->roles, sizeof(*r->bufs));
	if (!r->memory || !r->bufs)
		return err_nomem(err);
	for (unsigned i = 0; i < r->roles; i++)
		r->bufs[i] = r->memory + (size_t)i * len;
	return 0;
}

static void row_fini(struct row *r)
{
	free(r->memory);
	free(r->bufs);
}

static bool row_is_lost(const struct row *r, int role)
{
	for (unsigned i = 0; i < r->nlost; i++)
		if (r->lost[i] == role)
			return true;
	return false;
}

static int row_lose(struct row *r, int role, struct err *err)
{
	if (r->nlost == r->c->profile->parity)
		return err->len ? err_wrap(err, -EIO, "too few stripes left to rebuild from") :
			err_set(err, -EIO, "too few stripes left to rebuild from");
	r->lost[r->nlost++] = role;
	return 0;
}

static int row_read_role(struct row *r, unsigned role, struct err *err)
{
	const struct stripe *s = &r->c->stripes[chunk_role(r->c, r->nr, role)];
	struct phys p = { s->dev, s->physical + r->nr * BTRFS_STRIPE_LEN + r->off, r->len, 0 };

	if (row_is_lost(r, role) || !stripe_read(&p, r->bufs[role], err))
		return 0;
	return row_lose(r, role, err);
}

/* Reads what is needed to compute the lost ones: as much parity as there are lost data columns. */
static int row_read(struct row *r, struct err *err)
{
	unsigned d = r->c->data_stripes, lost_data = 0, have = 0;
	int ret = 0;

	for (unsigned i = 0; i < d && !ret; i++)
		ret = row_read_role(r, i, err);
	for (unsigned i = 0; i < r->nlost; i++)
		lost_data += r->lost[i] < (int)d;
	for (unsigned i = d; i < r->roles && !ret && have < lost_data; i++) {
		ret = row_read_role(r, i, err);
		have += !row_is_lost(r, i);
	}
	return ret;
}

static void row_solve(struct row *r)
{
	unsigned d = r->c->data_stripes, n = 0;
	u8 *p = r->bufs[d], *q = r->roles > d + 1 ? r->bufs[d + 1] : NULL;
	int data[2];

	for (unsigned i = 0; i < r->nlost; i++)
		if (r->lost[i] < (int)d)
			data[n++] = r->lost[i];
	if (n == 2)
		raid_recover_pq(d, r->len, r->bufs, p, q, min_t(int, data[0], data[1]), max_t(int, data[0], data[1]));
	else if (n == 1 && !row_is_lost(r, d))
		raid_recover_p(d, r->len, r->bufs, p, data[0]);
	else if (n == 1)
		raid_recover_q(d, r->len, r->bufs, q, data[0]);
}

int raid_rebuild(struct volume *vol, const struct chunk *c, u64 row, unsigned col, int other, u32 o, u32 len, void *out, struct err *err)
{
	u32 step = max_t(u32, ROW_MEMORY / c->num_stripes & ~4095U, 4096);
	struct row r = { .vol = vol, .c = c, .nr = row };
	u8 *to = out;
	int ret = row_init(&r, min_t(u32, len, step), err);

	for (u32 at = 0; !ret && at < len; at += r.len) {
		r.off = o + at;
		r.len = min_t(u32, len - at, step);
		r.nlost = 0;
		ret = row_lose(&r, col, err);
		if (!ret && other >= 0)
			ret = row_lose(&r, other, err);
		if (!ret)
			ret = row_read(&r, err);
		if (ret)
			break;
		row_solve(&r);
		memcpy(to + at, r.bufs[col], r.len);
	}
	row_fini(&r);
	return ret;
}
