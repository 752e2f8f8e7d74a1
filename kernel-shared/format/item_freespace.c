/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FREE_SPACE_INFO, FREE_SPACE_EXTENT, FREE_SPACE_BITMAP, and the v1 cache header (untyped). Spec: on-disk-format 3.15, 3.16, 13.17. */
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

static int check_range(struct validator *v, const struct item *item)
{
	const struct key *k = &item->key;

	if (unaligned(v, k->objectid) &&
	    violate(v, item, "free-space-start", "invalid key objectid for free space item, have %llu expect to be aligned to %u", k->objectid,
		    v->geo->sectorsize))
		return -EUCLEAN;
	if (unaligned(v, k->offset))
		return violate(v, item, "free-space-length", "invalid key offset for free space item, have %llu expect to be aligned to %u", k->offset,
			       v->geo->sectorsize);
	return 0;
}

int free_space_info_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_free_space_info *info = (const void *)item->data;
	u32 count = le32_get(info->extent_count), flags = le32_get(info->flags);

	if (check_range(v, item))
		return -EUCLEAN;
	if ((flags & ~BTRFS_FREE_SPACE_USING_BITMAPS) &&
	    violate(v, item, "free-space-flags", "unknown flags for free space info, have 0x%x expect mask 0x%x", flags, BTRFS_FREE_SPACE_USING_BITMAPS))
		return -EUCLEAN;
	if (count > item->key.offset / v->geo->sectorsize)
		return violate(v, item, "free-space-count", "suspicious extent count for free space info, have %u expect at most %llu", count,
			       item->key.offset / v->geo->sectorsize);
	return 0;
}

int free_space_range_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	u64 expect = div_round_up(item->key.offset / v->geo->sectorsize, 8);

	if (check_range(v, item))
		return -EUCLEAN;
	if (item->key.type != BTRFS_FREE_SPACE_BITMAP_KEY)
		return 0;
	if (!item->key.offset && violate(v, item, "free-space-bitmap-empty", "invalid key offset for free space bitmap, have 0"))
		return -EUCLEAN;
	if (item->size != expect)
		return violate(v, item, "free-space-bitmap-size", "invalid item size for free space bitmap, have %u expect %llu", item->size, expect);
	return 0;
}

void free_space_info_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_free_space_info *i = print_struct(p, item, struct disk_free_space_info);
	char *o = i ? text_open(p->sb, 128) : NULL;

	if (!o)
		return;
	o = text_le32(o, "\t\tfree space info extent count ", i->extent_count);
	o = text_le32(o, " flags ", i->flags);
	text_close(p->sb, text_lit(o, "\n"));
}

void free_space_range_print(struct print_ctx *p, const struct item *item)
{
	if (item->key.type == BTRFS_FREE_SPACE_BITMAP_KEY)
		sb_lit(p->sb, "\t\tfree space bitmap\n");
	else
		sb_lit(p->sb, "\t\tfree space extent\n");
}

/* Other items without a type have no text. */
void cache_header_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_free_space_header *h = item->key.objectid == BTRFS_FREE_SPACE_OBJECTID ? print_struct(p, item, struct disk_free_space_header) : NULL;
	char *o = h ? text_open(p->sb, 128 + PRINT_KEY_MAX) : NULL;
	struct key location;

	if (!o)
		return;
	location = key_get(&h->location);
	o = text_key(text_lit(o, "\t\tlocation key "), &location);
	o = text_le64(o, "\n\t\tcache generation ", h->generation);
	o = text_le64(o, " entries ", h->num_entries);
	o = text_le64(o, " bitmaps ", h->num_bitmaps);
	text_close(p->sb, text_lit(o, "\n"));
}

int free_space_info_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(struct disk_free_space_info, extent_count), FIELD_OF(struct disk_free_space_info, flags, FIELD_FLAGS),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}

#define HEADER struct disk_free_space_header
int cache_header_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_KEYS(HEADER, location, "location"), FIELD_NUM(HEADER, generation), FIELD_NUM(HEADER, num_entries), FIELD_NUM(HEADER, num_bitmaps),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}
