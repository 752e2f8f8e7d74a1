/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DEV_ITEM, DEV_EXTENT, PERSISTENT_ITEM (statistics), DEV_REPLACE. Spec: on-disk-format 3.17, 3.18, 3.22, 3.23, 13.10, 13.11. */
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

int dev_item_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_dev_item *d = (const void *)item->data;
	u64 used = le64_get(d->bytes_used), total = le64_get(d->total_bytes), devid = le64_get(d->devid);

	if (item->key.objectid != BTRFS_DEV_ITEMS_OBJECTID &&
	    violate(v, item, "dev-objectid", "invalid objectid: has=%llu expect=%llu", item->key.objectid, BTRFS_DEV_ITEMS_OBJECTID))
		return -EUCLEAN;
	if (devid != item->key.offset && violate(v, item, "dev-devid", "devid mismatch: key has=%llu item has=%llu", item->key.offset, devid))
		return -EUCLEAN;
	/* total_bytes may be unaligned, and far from what the device has: neither is checked here. */
	if (used > total)
		return violate(v, item, "dev-bytes-used", "invalid bytes used: have %llu expect [0, %llu]", used, total);
	return 0;
}

static int check_dev_extent_place(struct validator *v, const struct item *item, const struct disk_dev_extent *d, const struct item *prev)
{
	const struct disk_dev_extent *before = prev ? (const void *)prev->data : NULL;
	u64 end;

	if (unaligned(v, item->key.offset) &&
	    violate(v, item, "dev-extent-offset", "invalid key offset, have %llu expect to be aligned to %u", item->key.offset, v->geo->sectorsize))
		return -EUCLEAN;
	if (unaligned(v, le64_get(d->chunk_offset)) &&
	    violate(v, item, "dev-extent-chunk-offset", "invalid dev extent chunk offset, have %llu should be aligned to %u", le64_get(d->chunk_offset),
		    v->geo->sectorsize))
		return -EUCLEAN;
	if (unaligned(v, le64_get(d->length)) &&
	    violate(v, item, "dev-extent-length", "invalid dev extent length, have %llu should be aligned to %u", le64_get(d->length), v->geo->sectorsize))
		return -EUCLEAN;
	if (!before || prev->key.type != BTRFS_DEV_EXTENT_KEY || prev->key.objectid != item->key.objectid || prev->size < sizeof(*before))
		return 0;
	if (add_overflows(prev->key.offset, le64_get(before->length), &end) || end > item->key.offset)
		return violate(v, item, "dev-extent-overlap", "dev extent overlap, prev offset %llu len %llu current offset %llu", prev->key.offset,
			       le64_get(before->length), item->key.offset);
	return 0;
}

int dev_extent_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	const struct disk_dev_extent *d = (const void *)item->data;
	u64 tree = le64_get(d->chunk_tree), objectid = le64_get(d->chunk_objectid);

	if (tree != BTRFS_CHUNK_TREE_OBJECTID &&
	    violate(v, item, "dev-extent-tree", "invalid dev extent chunk tree id, have %llu expect %llu", tree, BTRFS_CHUNK_TREE_OBJECTID))
		return -EUCLEAN;
	if (objectid != BTRFS_FIRST_CHUNK_TREE_OBJECTID &&
	    violate(v, item, "dev-extent-objectid", "invalid dev extent chunk objectid, have %llu expect %llu", objectid, BTRFS_FIRST_CHUNK_TREE_OBJECTID))
		return -EUCLEAN;
	return check_dev_extent_place(v, item, d, prev);
}

void dev_item_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_dev_item *d = print_struct(p, item, struct disk_dev_item);
	char *o = d ? text_open(p->sb, 600) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tdevid ", d->devid);
	o = text_le64(o, " total_bytes ", d->total_bytes);
	o = text_le64(o, " bytes_used ", d->bytes_used);
	o = text_le32(o, "\n\t\tio_align ", d->io_align);
	o = text_le32(o, " io_width ", d->io_width);
	o = text_le32(o, " sector_size ", d->sector_size);
	o = text_le64(o, " type ", d->type);
	o = text_le64(o, "\n\t\tgeneration ", d->generation);
	o = text_le64(o, " start_offset ", d->start_offset);
	o = text_le32(o, " dev_group ", d->dev_group);
	o = text_field(o, "\n\t\tseek_speed ", d->seek_speed);
	o = text_field(o, " bandwidth ", d->bandwidth);
	o = text_uuid(text_lit(o, "\n\t\tuuid "), d->uuid);
	o = text_uuid(text_lit(o, "\n\t\tfsid "), d->fsid);
	text_close(p->sb, text_lit(o, "\n"));
}

void dev_extent_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_dev_extent *d = print_struct(p, item, struct disk_dev_extent);
	char *o = d ? text_open(p->sb, 300) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tdev extent chunk_tree ", d->chunk_tree);
	o = text_le64(o, "\n\t\tchunk_objectid ", d->chunk_objectid);
	o = text_le64(o, " chunk_offset ", d->chunk_offset);
	o = text_le64(o, " length ", d->length);
	o = text_uuid(text_lit(o, "\n\t\tchunk_tree_uuid "), d->chunk_tree_uuid);
	text_close(p->sb, text_lit(o, "\n"));
}

static void print_dev_stats(struct print_ctx *p, const struct item *item)
{
	const struct disk_dev_stats *s = print_struct(p, item, struct disk_dev_stats);
	char *o = s ? text_open(p->sb, 256) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tdevice stats\n\t\twrite_errs ", s->values[0]);
	o = text_le64(o, " read_errs ", s->values[1]);
	o = text_le64(o, " flush_errs ", s->values[2]);
	o = text_le64(o, " corruption_errs ", s->values[3]);
	o = text_le64(o, " generation ", s->values[4]);
	text_close(p->sb, text_lit(o, "\n"));
	if (item->size == sizeof(*s))
		return;
	sb_printf(p->sb, "\t\tunknown stats item bytes %zu\n", item->size - sizeof(*s));
	for (u32 pos = sizeof(*s), i = 0; item->size - pos >= sizeof(le64); pos += sizeof(le64), i++)
		sb_printf(p->sb, "\t\tunknown item %u offset %u value %llu\n", i, pos, get_le64(item->data + pos));
}

void persistent_print(struct print_ctx *p, const struct item *item)
{
	sb_lit(p->sb, "\t\tpersistent item objectid ");
	print_objectid(p, item->key.objectid, item->key.type);
	sb_lit(p->sb, " offset ");
	sb_u64(p->sb, item->key.offset);
	sb_char(p->sb, '\n');
	if (item->key.objectid == BTRFS_DEV_STATS_OBJECTID)
		print_dev_stats(p, item);
	else
		sb_printf(p->sb, "\t\tunknown persistent item objectid %llu\n", item->key.objectid);
}

static char *text_named(char *o, const char *const *names, unsigned n, u64 value)
{
	return value < n ? text_str(o, names[value]) : text_lit(text_field(o, "unknown(", value), ")");
}

static char *text_moment(struct print_ctx *p, char *o, u64 sec)
{
	char when[PRINT_TIME_MAX];

	print_local_time(p, sec, when);
	return text_lit(text_str(text_lit(text_u64(o, sec), " ("), when), ")\n");
}

void dev_replace_print(struct print_ctx *p, const struct item *item)
{
	static const char *const modes[] = { "ALWAYS", "AVOID" };
	static const char *const states[] = { "NEVER_STARTED", "STARTED", "FINISHED", "CANCELED", "SUSPENDED" };
	const struct disk_dev_replace *r = print_struct(p, item, struct disk_dev_replace);
	char *o = r ? text_open(p->sb, 512 + 2 * PRINT_TIME_MAX) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tsrc devid ", r->src_devid);
	o = text_le64(o, " cursor left ", r->cursor_left);
	o = text_le64(o, " cursor right ", r->cursor_right);
	o = text_named(text_lit(o, " mode "), modes, ARRAY_SIZE(modes), le64_get(r->cont_reading_mode));
	o = text_named(text_lit(o, "\n\t\tstate "), states, ARRAY_SIZE(states), le64_get(r->state));
	o = text_le64(o, " write errors ", r->num_write_errors);
	o = text_le64(o, " uncorrectable read errors ", r->num_uncorrectable_read_errors);
	o = text_moment(p, text_lit(o, "\n\t\tstart time "), le64_get(r->time_started));
	o = text_moment(p, text_lit(o, "\t\tstop time "), le64_get(r->time_stopped));
	text_close(p->sb, o);
}

#define DEV struct disk_dev_item
int fields_dev_item(const struct fields *f, const char *prefix, u32 base)
{
	static const struct field table[] = {
		FIELD_NUM(DEV, devid), FIELD_NUM(DEV, total_bytes), FIELD_NUM(DEV, bytes_used), FIELD_NUM(DEV, io_align), FIELD_NUM(DEV, io_width),
		FIELD_NUM(DEV, sector_size), FIELD_NUM(DEV, type), FIELD_NUM(DEV, generation), FIELD_NUM(DEV, start_offset), FIELD_NUM(DEV, dev_group),
		FIELD_NUM(DEV, seek_speed), FIELD_NUM(DEV, bandwidth), FIELD_OF(DEV, uuid, FIELD_UUID), FIELD_OF(DEV, fsid, FIELD_UUID),
	};

	return fields_table(f, prefix, base, table, ARRAY_SIZE(table));
}

int dev_item_fields(const struct item *item, field_fn fn, void *arg)
{
	return fields_dev_item(&(struct fields){ item->data, item->size, fn, arg }, "", 0);
}

#define DEV_EXTENT struct disk_dev_extent
int dev_extent_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(DEV_EXTENT, chunk_tree), FIELD_NUM(DEV_EXTENT, chunk_objectid), FIELD_NUM(DEV_EXTENT, chunk_offset), FIELD_NUM(DEV_EXTENT, length),
		FIELD_OF(DEV_EXTENT, chunk_tree_uuid, FIELD_UUID),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}

#define STATS struct disk_dev_stats
int persistent_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_AS(STATS, values[0], "write_errs", FIELD_UINT), FIELD_AS(STATS, values[1], "read_errs", FIELD_UINT),
		FIELD_AS(STATS, values[2], "flush_errs", FIELD_UINT), FIELD_AS(STATS, values[3], "corruption_errs", FIELD_UINT),
		FIELD_AS(STATS, values[4], "generation_errs", FIELD_UINT),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}

#define REPLACE struct disk_dev_replace
int dev_replace_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(REPLACE, src_devid), FIELD_NUM(REPLACE, cursor_left), FIELD_NUM(REPLACE, cursor_right),
		FIELD_AS(REPLACE, cont_reading_mode, "mode", FIELD_UINT), FIELD_NUM(REPLACE, state), FIELD_NUM(REPLACE, time_started),
		FIELD_NUM(REPLACE, time_stopped), FIELD_AS(REPLACE, num_write_errors, "write_errors", FIELD_UINT),
		FIELD_AS(REPLACE, num_uncorrectable_read_errors, "read_errors", FIELD_UINT),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}
