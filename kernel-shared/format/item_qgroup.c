/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QGROUP_STATUS, QGROUP_INFO, QGROUP_LIMIT. Spec: on-disk-format 10. */
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

enum { OLD_STATUS_SIZE = 32 }; /* without enable_gen */

static char *text_status_flags(char *o, u64 flags)
{
	static const struct text_flag names[] = {
		{ BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE, "SIMPLE_MODE" }, { BTRFS_QGROUP_STATUS_FLAG_RESCAN, "SCANNING" },
		{ BTRFS_QGROUP_STATUS_FLAG_INCONSISTENT, "INCONSISTENT" },
	};
	u64 left;

	o = flags & BTRFS_QGROUP_STATUS_FLAG_ON ? text_lit(o, "ON") : text_lit(o, "OFF");
	flags &= ~BTRFS_QGROUP_STATUS_FLAG_ON;
	if (!flags)
		return o;
	o = text_flags(text_lit(o, "|"), flags, names, ARRAY_SIZE(names), "|", &left);
	if (!left)
		return o;
	if (left != flags)
		o = text_lit(o, "|");
	return text_lit(text_hex(text_lit(o, "UNKNOWN(0x"), left), ")");
}

void qgroup_status_print(struct print_ctx *p, const struct item *item)
{
	struct disk_qgroup_status s = { 0 };
	char *o;

	if (!print_fits(p, item, OLD_STATUS_SIZE) || !(o = text_open(p->sb, 300)))
		return;
	memcpy(&s, item->data, min_t(u32, item->size, sizeof(s)));
	o = text_le64(o, "\t\tversion ", s.version);
	o = text_le64(o, " generation ", s.generation);
	o = text_status_flags(text_lit(o, " flags "), le64_get(s.flags));
	o = text_le64(o, " scan ", s.rescan);
	if (geo_incompat(p->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA))
		o = text_le64(o, " enable_gen ", s.enable_gen);
	text_close(p->sb, text_lit(o, "\n"));
}

void qgroup_info_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_qgroup_info *i = print_struct(p, item, struct disk_qgroup_info);
	char *o = i ? text_open(p->sb, 300) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tgeneration ", i->generation);
	o = text_le64(o, "\n\t\treferenced ", i->rfer);
	o = text_le64(o, " referenced_compressed ", i->rfer_cmpr);
	o = text_le64(o, "\n\t\texclusive ", i->excl);
	o = text_le64(o, " exclusive_compressed ", i->excl_cmpr);
	text_close(p->sb, text_lit(o, "\n"));
}

void qgroup_limit_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_qgroup_limit *l = print_struct(p, item, struct disk_qgroup_limit);
	char *o = l ? text_open(p->sb, 300) : NULL;

	if (!o)
		return;
	o = text_hex(text_lit(o, "\t\tflags "), le64_get(l->flags));
	o = text_s64(text_lit(o, "\n\t\tmax_referenced "), le64_get(l->max_rfer));
	o = text_s64(text_lit(o, " max_exclusive "), le64_get(l->max_excl));
	o = text_s64(text_lit(o, "\n\t\trsv_referenced "), le64_get(l->rsv_rfer));
	o = text_s64(text_lit(o, " rsv_exclusive "), le64_get(l->rsv_excl));
	text_close(p->sb, text_lit(o, "\n"));
}

#define STATUS struct disk_qgroup_status
int qgroup_status_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(STATUS, version), FIELD_NUM(STATUS, generation), FIELD_OF(STATUS, flags, FIELD_FLAGS), FIELD_NUM(STATUS, rescan),
		FIELD_NUM(STATUS, enable_gen),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}

#define INFO struct disk_qgroup_info
int qgroup_info_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(INFO, generation), FIELD_NUM(INFO, rfer), FIELD_NUM(INFO, rfer_cmpr), FIELD_NUM(INFO, excl), FIELD_NUM(INFO, excl_cmpr),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}

#define LIMIT struct disk_qgroup_limit
int qgroup_limit_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_OF(LIMIT, flags, FIELD_FLAGS), FIELD_NUM(LIMIT, max_rfer), FIELD_NUM(LIMIT, max_excl), FIELD_NUM(LIMIT, rsv_rfer),
		FIELD_NUM(LIMIT, rsv_excl),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}
