/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EXTENT_DATA. Spec: on-disk-format 3.9, 9, 13.5. */
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

int file_extent_parse(const struct item *item, struct file_extent_view *out)
{
	const struct disk_file_extent_item *e = (const void *)item->data;

	if (item->size < BTRFS_FILE_EXTENT_INLINE_DATA_START)
		return -EUCLEAN;
	*out = (struct file_extent_view){
		.start = item->key.offset,
		.generation = le64_get(e->generation),
		.ram_bytes = le64_get(e->ram_bytes),
		.compression = e->compression,
		.encryption = e->encryption,
		.other_encoding = le16_get(e->other_encoding),
		.type = e->type,
	};
	if (e->type == BTRFS_FILE_EXTENT_INLINE) {
		out->num_bytes = out->ram_bytes;
		out->inline_data = item->data + BTRFS_FILE_EXTENT_INLINE_DATA_START;
		out->inline_len = item->size - BTRFS_FILE_EXTENT_INLINE_DATA_START;
		return 0;
	}
	if (item->size < sizeof(*e))
		return -EUCLEAN;
	out->disk_bytenr = le64_get(e->disk_bytenr);
	out->disk_num_bytes = le64_get(e->disk_num_bytes);
	out->offset = le64_get(e->offset);
	out->num_bytes = le64_get(e->num_bytes);
	return 0;
}

static int check_aligned(struct validator *v, const struct item *item, const char *id, const char *field, u64 value)
{
	if (likely(!unaligned(v, value)))
		return 0;
	return violate(v, item, id, "invalid %s for file extent, have %llu, should be aligned to %u", field, value, v->geo->sectorsize);
}

static int check_inline(struct validator *v, const struct item *item, const struct disk_file_extent_item *e)
{
	u64 ram = le64_get(e->ram_bytes);

	if (item->key.offset &&
	    violate(v, item, "file-extent-inline-offset", "invalid file_offset for inline file extent, have %llu expect 0", item->key.offset))
		return -EUCLEAN;
	if (e->compression == BTRFS_COMPRESS_NONE && item->size - BTRFS_FILE_EXTENT_INLINE_DATA_START != ram)
		return violate(v, item, "file-extent-inline-size", "invalid ram_bytes for uncompressed inline extent, have %u expect %llu", item->size,
			       BTRFS_FILE_EXTENT_INLINE_DATA_START + ram);
	return 0;
}

/* The end of the item before, if it is another extent of this file. */
static bool previous_end(const struct validator *v, const struct item *item, const struct item *prev, u64 *end)
{
	struct file_extent_view p;

	if (!prev || prev->key.objectid != item->key.objectid || prev->key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(prev, &p))
		return false;
	if (add_overflows(p.start, p.num_bytes, end))
		*end = -1ULL;
	else if (p.type == BTRFS_FILE_EXTENT_INLINE)
		*end = round_up_p2(*end, v->geo->sectorsize);
	return true;
}

static int check_regular(struct validator *v, const struct item *item, const struct disk_file_extent_item *e, const struct item *prev)
{
	u64 num_bytes = le64_get(e->num_bytes), end;

	if (check_aligned(v, item, "file-extent-ram-align", "ram_bytes", le64_get(e->ram_bytes)) ||
	    check_aligned(v, item, "file-extent-bytenr-align", "disk_bytenr", le64_get(e->disk_bytenr)) ||
	    check_aligned(v, item, "file-extent-disk-align", "disk_num_bytes", le64_get(e->disk_num_bytes)) ||
	    check_aligned(v, item, "file-extent-offset-align", "offset", le64_get(e->offset)) ||
	    check_aligned(v, item, "file-extent-num-align", "num_bytes", num_bytes))
		return -EUCLEAN;
	if (add_overflows(item->key.offset, num_bytes, &end) &&
	    violate(v, item, "file-extent-overflow", "extent end overflow, have file offset %llu extent num bytes %llu", item->key.offset, num_bytes))
		return -EUCLEAN;
	if (previous_end(v, item, prev, &end) && unlikely(end > item->key.offset))
		return violate(v, item, "file-extent-overlap", "file extent end range (%llu) goes beyond start offset (%llu) of the next file extent", end,
			       item->key.offset);
	return 0;
}

int extent_data_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	const struct disk_file_extent_item *e = (const void *)item->data;

	if (unaligned(v, item->key.offset) &&
	    violate(v, item, "file-extent-key-align", "unaligned file_offset for file extent, have %llu should be aligned to %u", item->key.offset,
		    v->geo->sectorsize))
		return -EUCLEAN;
	if (inode_rule_broken(v, item, prev) && violate_inode_rule(v, item, prev))
		return -EUCLEAN;
	if (e->type > BTRFS_FILE_EXTENT_PREALLOC)
		return violate(v, item, "file-extent-type", "invalid type for file extent, have %u expect range [0, %u]", e->type, BTRFS_FILE_EXTENT_PREALLOC);
	if (e->compression >= BTRFS_COMPRESS_TYPES &&
	    violate(v, item, "file-extent-compression", "invalid compression for file extent, have %u expect range [0, %u]", e->compression,
		    BTRFS_COMPRESS_TYPES - 1))
		return -EUCLEAN;
	if (e->encryption && violate(v, item, "file-extent-encryption", "invalid encryption for file extent, have %u expect 0", e->encryption))
		return -EUCLEAN;
	if (e->type == BTRFS_FILE_EXTENT_INLINE)
		return check_inline(v, item, e);
	if (item->size != sizeof(*e))
		return violate(v, item, "file-extent-size", "invalid item size for reg/prealloc file extent, have %u expect %zu", item->size, sizeof(*e));
	return check_regular(v, item, e, prev);
}

static char *text_compression(char *o, u8 type)
{
	static const char *const names[BTRFS_COMPRESS_TYPES] = { "none", "zlib", "lzo", "zstd" };

	o = text_lit(text_u64(o, type), " (");
	o = type < BTRFS_COMPRESS_TYPES ? text_str(o, names[type]) : text_field(o, "UNKNOWN.", type);
	return text_lit(o, ")\n");
}

void extent_data_print(struct print_ctx *p, const struct item *item)
{
	static const char *const types[] = { "inline", "regular", "prealloc" };
	struct file_extent_view e = { 0 };
	bool whole = !file_extent_parse(item, &e);
	char *o = print_fits(p, item, BTRFS_FILE_EXTENT_INLINE_DATA_START) ? text_open(p->sb, 400) : NULL;

	if (!o)
		return;
	o = text_field(o, "\t\tgeneration ", e.generation);
	o = text_field(o, " type ", e.type);
	o = text_str(text_lit(o, " ("), e.type < ARRAY_SIZE(types) ? types[e.type] : "unknown");
	o = text_lit(o, ")\n");
	if (!whole) {
		text_close(p->sb, o);
		print_fits(p, item, sizeof(struct disk_file_extent_item));
		return;
	}
	if (e.type == BTRFS_FILE_EXTENT_INLINE) {
		o = text_field(o, "\t\tinline extent data size ", e.inline_len);
		o = text_field(o, " ram_bytes ", e.ram_bytes);
		o = text_compression(text_lit(o, " compression "), e.compression);
	} else if (e.type == BTRFS_FILE_EXTENT_PREALLOC) {
		o = text_field(o, "\t\tprealloc data disk byte ", e.disk_bytenr);
		o = text_field(o, " nr ", e.disk_num_bytes);
		o = text_field(o, "\n\t\tprealloc data offset ", e.offset);
		o = text_lit(text_field(o, " nr ", e.num_bytes), "\n");
	} else {
		o = text_field(o, "\t\textent data disk byte ", e.disk_bytenr);
		o = text_field(o, " nr ", e.disk_num_bytes);
		o = text_field(o, "\n\t\textent data offset ", e.offset);
		o = text_field(o, " nr ", e.num_bytes);
		o = text_field(o, " ram ", e.ram_bytes);
		o = text_compression(text_lit(o, "\n\t\textent compression "), e.compression);
	}
	text_close(p->sb, o);
}

#define EXT struct disk_file_extent_item
int extent_data_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field head[] = {
		FIELD_NUM(EXT, generation), FIELD_NUM(EXT, ram_bytes), FIELD_NUM(EXT, compression), FIELD_NUM(EXT, encryption), FIELD_NUM(EXT, other_encoding),
		FIELD_NUM(EXT, type),
	};
	static const struct field tail[] = {
		FIELD_NUM(EXT, disk_bytenr), FIELD_NUM(EXT, disk_num_bytes), FIELD_NUM(EXT, offset), FIELD_NUM(EXT, num_bytes),
	};
	struct fields f = { item->data, item->size, fn, arg };
	int ret = fields_table(&f, "", 0, head, ARRAY_SIZE(head));

	if (ret || item->size < BTRFS_FILE_EXTENT_INLINE_DATA_START)
		return ret;
	if (item->data[offsetof(EXT, type)] != BTRFS_FILE_EXTENT_INLINE)
		return fields_table(&f, "", 0, tail, ARRAY_SIZE(tail));
	if (item->size == BTRFS_FILE_EXTENT_INLINE_DATA_START)
		return 0;
	return fields_one(&f, "", "inline", FIELD_BYTES, BTRFS_FILE_EXTENT_INLINE_DATA_START, item->size - BTRFS_FILE_EXTENT_INLINE_DATA_START);
}
