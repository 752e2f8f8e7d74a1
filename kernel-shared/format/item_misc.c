/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TEMPORARY_ITEM (balance, checksum change), VERITY_DESC_ITEM, STRING_ITEM. Spec: on-disk-format 3.21, 3.26, 3.27. */
#include "crypto/csum.h"
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

static char *text_balance_args(char *o, const char *name, const struct disk_balance_args *a)
{
	const u8 *usage = a->usage.b, *limit = a->limit.b; /* each either one number or a range of two */

	o = text_str(text_lit(o, "\t\t"), name);
	o = text_le64(o, "\n\t\tprofiles ", a->profiles);
	o = text_le64(o, " devid ", a->devid);
	o = text_le64(o, " target ", a->target);
	o = text_le64(o, " flags ", a->flags);
	o = text_field(o, "\n\t\tusage_min ", get_le32(usage));
	o = text_field(o, " usage_max ", get_le32(usage + sizeof(le32)));
	o = text_le64(o, " pstart ", a->pstart);
	o = text_le64(o, " pend ", a->pend);
	o = text_le64(o, "\n\t\tvstart ", a->vstart);
	o = text_le64(o, " vend ", a->vend);
	o = text_field(o, " limit_min ", get_le32(limit));
	o = text_field(o, " limit_max ", get_le32(limit + sizeof(le32)));
	o = text_le32(o, "\n\t\tstripes_min ", a->stripes_min);
	o = text_le32(o, " stripes_max ", a->stripes_max);
	return text_lit(o, "\n");
}

static void print_balance(struct print_ctx *p, const struct item *item)
{
	const struct disk_balance_item *b = print_struct(p, item, struct disk_balance_item);
	char *o = b ? text_open(p->sb, 2000) : NULL;

	if (!o)
		return;
	o = text_lit(text_le64(o, "\t\tbalance status flags ", b->flags), "\n");
	o = text_balance_args(o, "DATA", &b->data);
	o = text_balance_args(o, "METADATA", &b->meta);
	text_close(p->sb, text_balance_args(o, "SYSTEM", &b->sys));
}

void temporary_print(struct print_ctx *p, const struct item *item)
{
	const struct key *k = &item->key;

	sb_lit(p->sb, "\t\ttemporary item objectid ");
	print_objectid(p, k->objectid, k->type);
	sb_printf(p->sb, " offset %llu\n", k->offset);
	if (k->objectid == BTRFS_BALANCE_OBJECTID)
		print_balance(p, item);
	else if (k->objectid == BTRFS_CSUM_CHANGE_OBJECTID)
		sb_printf(p->sb, "\t\ttarget csum type %s (%llu)\n", k->offset < CSUM_TYPES ? csum_types[k->offset].name : "unknown", k->offset);
	else
		sb_printf(p->sb, "\t\tunknown temporary item objectid %llu\n", k->objectid);
}

void string_print(struct print_ctx *p, const struct item *item)
{
	sb_lit(p->sb, "\t\titem data ");
	sb_escape(p->sb, item->data, item->size);
	sb_char(p->sb, '\n');
}

#define ARGS struct disk_balance_args
int temporary_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_OF(ARGS, profiles, FIELD_FLAGS), FIELD_NUM(ARGS, usage), FIELD_NUM(ARGS, devid), FIELD_NUM(ARGS, pstart), FIELD_NUM(ARGS, pend),
		FIELD_NUM(ARGS, vstart), FIELD_NUM(ARGS, vend), FIELD_OF(ARGS, target, FIELD_FLAGS), FIELD_OF(ARGS, flags, FIELD_FLAGS), FIELD_NUM(ARGS, limit),
		FIELD_NUM(ARGS, stripes_min), FIELD_NUM(ARGS, stripes_max), FIELD_OF(ARGS, unused, FIELD_BYTES),
	};
	static const struct field head[] = { FIELD_OF(struct disk_balance_item, flags, FIELD_FLAGS) };
	static const struct field tail[] = { FIELD_OF(struct disk_balance_item, unused, FIELD_BYTES) };
	struct fields f = { item->data, item->size, fn, arg };
	int ret;

	if ((ret = fields_table(&f, "", 0, head, ARRAY_SIZE(head))) ||
	    (ret = fields_table(&f, "data.", offsetof(struct disk_balance_item, data), table, ARRAY_SIZE(table))) ||
	    (ret = fields_table(&f, "meta.", offsetof(struct disk_balance_item, meta), table, ARRAY_SIZE(table))) ||
	    (ret = fields_table(&f, "sys.", offsetof(struct disk_balance_item, sys), table, ARRAY_SIZE(table))))
		return ret;
	return fields_table(&f, "", 0, tail, ARRAY_SIZE(tail));
}

/* Offset 0 has the header, the others the descriptor's bytes. */
int verity_desc_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(struct disk_verity_descriptor, size), FIELD_OF(struct disk_verity_descriptor, reserved, FIELD_BYTES),
		FIELD_NUM(struct disk_verity_descriptor, encryption),
	};

	return item->key.offset ? raw_fields(item, fn, arg) : fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}
