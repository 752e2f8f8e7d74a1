/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/send/filediff.h"
#include "common/mem.h"

#include <stdlib.h>

void filediff_begin(struct filediff *d, u32 sectorsize, int (*range)(void *, u64, u64, const struct file_extent_view *, const struct file_extent_view *), void *arg)
{
	*d = (struct filediff){ .sectorsize = sectorsize, .inlined = d->inlined, .range = range, .arg = arg };
}

void filediff_fini(struct filediff *d)
{
	free(d->inlined);
	d->inlined = NULL;
}

bool filediff_has_bytes(const struct file_extent_view *x)
{
	return x->type == BTRFS_FILE_EXTENT_INLINE || (x->type == BTRFS_FILE_EXTENT_REG && x->disk_bytenr);
}

bool filediff_same_bytes(const struct file_extent_view *l, const struct file_extent_view *r)
{
	return l->type != BTRFS_FILE_EXTENT_INLINE && l->type == r->type && l->disk_bytenr == r->disk_bytenr && l->compression == r->compression &&
		l->start - l->offset == r->start - r->offset;
}

static u64 range_end(const struct filediff *d, const struct file_extent_view *x)
{
	u64 end = extent_end(x), sector = d->sectorsize;

	return end > -sector ? end : round_up_p2(end, sector);
}

int filediff_advance(struct filediff *d, u64 to)
{
	int ret = 0;

	while (!ret && d->pos < to) {
		u64 left = d->have_left ? range_end(d, &d->left) : 0, right = d->have_right ? range_end(d, &d->right) : 0;
		bool l = left > d->pos, r = right > d->pos;
		u64 end = to;

		if (!l && !r) {
			d->pos = to;
			break;
		}
		if (l)
			end = min_t(u64, end, left);
		if (r)
			end = min_t(u64, end, right);
		ret = d->range(d->arg, d->pos, end, l ? &d->left : NULL, r ? &d->right : NULL);
		d->pos = end;
	}
	return ret;
}

static int set_left(struct filediff *d, const struct item *item, struct err *err)
{
	int ret = file_extent_parse(item, &d->left);

	if (ret)
		return ret;
	d->have_left = true;
	if (d->left.type == BTRFS_FILE_EXTENT_INLINE && d->left.inline_len) {
		free(d->inlined);
		d->inlined = mem_dup(d->left.inline_data, d->left.inline_len);
		d->left.inline_data = d->inlined;
		return d->inlined ? 0 : -ENOMEM;
	}
	return 0;
}

int filediff_set(struct filediff *d, const struct item *left, const struct item *right, bool same, struct err *err)
{
	int ret = 0;

	if (same) {
		d->have_left = d->have_right = false;
		return 0;
	}
	if (left)
		ret = set_left(d, left, err);
	if (right && !ret) {
		d->have_right = true;
		ret = file_extent_parse(right, &d->right);
	}
	return !ret ? 0 : ret == -ENOMEM ? err_nomem(err) : err_set(err, ret, "a file extent at %llu is too short", (left ? left : right)->key.offset);
}
