/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EXTENT_CSUM, CSUM_ITEM. Spec: on-disk-format 7, 13.6. */
#include "crypto/csum.h"
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

/* The end of the data that a csum item covers. */
static u64 csum_end(const struct geometry *geo, const struct item *item)
{
	return item->key.offset + (geo->csum_size ? (u64)item->size / geo->csum_size * geo->sectorsize : 0);
}

int extent_csum_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	const struct key *k = &item->key;

	if (k->objectid != BTRFS_EXTENT_CSUM_OBJECTID &&
	    violate(v, item, "csum-objectid", "invalid key objectid for csum item, have %llu expect %llu", k->objectid, BTRFS_EXTENT_CSUM_OBJECTID))
		return -EUCLEAN;
	if (unaligned(v, k->offset) &&
	    violate(v, item, "csum-key-align", "unaligned key offset for csum item, have %llu should be aligned to %u", k->offset, v->geo->sectorsize))
		return -EUCLEAN;
	if (v->geo->csum_size && item->size % v->geo->csum_size &&
	    violate(v, item, "csum-size", "unaligned item size for csum item, have %u should be aligned to %u", item->size, v->geo->csum_size))
		return -EUCLEAN;
	if (!prev || prev->key.type != BTRFS_EXTENT_CSUM_KEY || likely(csum_end(v->geo, prev) <= k->offset))
		return 0;
	return violate(v, item, "csum-overlap", "csum end range (%llu) goes beyond the start range (%llu) of the next csum item", csum_end(v->geo, prev),
		       k->offset);
}

/* The sums themselves, as many in a line as 16 bytes hold, at least one. */
static void print_sums(struct print_ctx *p, const struct item *item)
{
	u32 size = p->geo->csum_size, n = item->size / size, line = size < 16 ? 16 / size : 1;

	for (u32 i = 0; i < n; i++) {
		char *o = text_open(p->sb, 40 + 2 * CSUM_SIZE_MAX);

		if (!o)
			return;
		o = i % line ? text_lit(o, " [") : text_lit(o, "\t\t[");
		o = text_lit(text_u64(o, item->key.offset + (u64)i * p->geo->sectorsize), "] 0x");
		o = text_hexbytes(o, item->data + i * size, size);
		if (i % line == line - 1 || i == n - 1)
			o = text_lit(o, "\n");
		text_close(p->sb, o);
	}
}

void extent_csum_print(struct print_ctx *p, const struct item *item)
{
	u64 end = csum_end(p->geo, item);
	char *o = text_open(p->sb, 128);

	if (!o)
		return;
	o = text_field(o, "\t\trange start ", item->key.offset);
	o = text_field(o, " end ", end);
	o = text_field(o, " length ", end - item->key.offset);
	text_close(p->sb, text_lit(o, "\n"));
	if (p->csum_items && p->geo->csum_size)
		print_sums(p, item);
}

void csum_item_print(struct print_ctx *p, const struct item *item)
{
	sb_lit(p->sb, "\t\tcsum item\n");
}

/* The first 32 bytes stand for all sums: enough to damage one on purpose. */
int extent_csum_fields(const struct item *item, field_fn fn, void *arg)
{
	struct fields f = { item->data, item->size, fn, arg };

	return item->size ? fields_one(&f, "", "sums", FIELD_BYTES, 0, min_t(u32, item->size, CSUM_SIZE_MAX)) : 0;
}
