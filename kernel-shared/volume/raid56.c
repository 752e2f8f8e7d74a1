/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows with parity: what a row lacks is computed from what it has. Spec: on-disk-format 5.3. */
#include "common/mem.h"
#include "kernel-shared/volume/row.h"

enum { ROW_MEMORY = 4 << 20 };

int row_init(struct row *r, u32 len)
{
	r->roles = r->c->data_stripes + r->c->profile->parity;
	r->len = len;
	r->memory = mem_alloc(r->roles, len);
	r->bufs = mem_calloc(r->roles, sizeof(*r->bufs));
	if (!r->memory || !r->bufs)
		return -ENOMEM;
	for (unsigned i = 0; i < r->roles; i++)
		r->bufs[i] = r->memory + (size_t)i * len;
	return 0;
}

void row_fini(struct row *r)
{
	free(r->memory);
	free(r->bufs);
}

bool row_is_lost(const struct row *r, unsigned role)
{
	for (unsigned i = 0; i < r->nlost; i++)
		if (r->lost[i] == role)
			return true;
	return false;
}

int row_lose(struct row *r, unsigned role, struct err *err)
{
	if (row_is_lost(r, role))
		return 0;
	if (r->nlost == r->c->profile->parity)
		return err && err->len ? err_wrap(err, -EIO, "too few stripes left to rebuild from") :
			err_set(err, -EIO, "too few stripes left to rebuild from");
	r->lost[r->nlost++] = role;
	return 0;
}

struct phys row_phys(const struct row *r, unsigned role)
{
	unsigned k = chunk_role(r->c, r->nr, role);
	const struct stripe *s = &r->c->stripes[k];

	return (struct phys){ s->dev, s->physical + r->nr * BTRFS_STRIPE_LEN + r->off, r->len, k };
}

int row_read_role(struct row *r, unsigned role, struct err *err)
{
	struct phys p = row_phys(r, role);

	if (row_is_lost(r, role) || !stripe_read(&p, r->bufs[role], err))
		return 0;
	return row_lose(r, role, err);
}

static unsigned row_lost_data(const struct row *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->nlost; i++)
		n += r->lost[i] < r->c->data_stripes;
	return n;
}

int row_read_parity(struct row *r, struct err *err)
{
	unsigned have = 0;
	int ret = 0;

	for (unsigned i = r->c->data_stripes; i < r->roles && !ret && have < row_lost_data(r); i++) {
		ret = row_read_role(r, i, err);
		have += !row_is_lost(r, i);
	}
	return ret;
}

void row_solve(struct row *r)
{
	unsigned d = r->c->data_stripes, n = 0, data[2] = { 0, 0 };
	u8 *p = r->bufs[d], *q = r->roles > d + 1 ? r->bufs[d + 1] : NULL;

	for (unsigned i = 0; i < r->nlost; i++)
		if (r->lost[i] < d)
			data[n++] = r->lost[i];
	if (n == 2)
		raid_recover_pq(d, r->len, r->bufs, p, q, min_t(unsigned, data[0], data[1]), max_t(unsigned, data[0], data[1]));
	else if (n == 1 && !row_is_lost(r, d))
		raid_recover_p(d, r->len, r->bufs, p, data[0]);
	else if (n == 1)
		raid_recover_q(d, r->len, r->bufs, q, data[0]);
}

int raid_rebuild(const struct chunk *c, u64 row, unsigned col, int other, u32 o, u32 len, void *out, struct err *err)
{
	u32 step = max_t(u32, ROW_MEMORY / c->num_stripes & ~4095U, 4096);
	struct row r = { .c = c, .nr = row };
	u8 *to = out;
	int ret = row_init(&r, min_t(u32, len, step));

	for (u32 at = 0; !ret && at < len; at += r.len) {
		r.off = o + at;
		r.len = min_t(u32, len - at, step);
		r.nlost = 0;
		ret = row_lose(&r, col, err);
		if (!ret && other >= 0)
			ret = row_lose(&r, other, err);
		for (unsigned i = 0; i < c->data_stripes && !ret; i++)
			ret = row_read_role(&r, i, err);
		if (!ret)
			ret = row_read_parity(&r, err);
		if (ret)
			break;
		row_solve(&r);
		memcpy(to + at, r.bufs[col], r.len);
	}
	row_fini(&r);
	return ret;
}
