/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/subvolume/row.h"

enum { UUID_WIDTH = 36 };

static const char *const column_names[COLUMNS] = {
	"ID", "gen", "cgen", "parent", "top level", "otime", "parent_uuid", "received_uuid", "uuid", "path",
};

static void uuid_cell(const u8 uuid[16], struct strbuf *out)
{
	char text[UUID_TEXT_MAX];
	size_t before = out->len;

	sb_puts(out, report_uuid(uuid, text));
	sb_pad(out, ' ', UUID_WIDTH - (out->len - before));
}

void subvol_cell(const struct subvol_row *row, enum column col, struct strbuf *out)
{
	const struct subvol_item *item = &row->info->item;
	char time[64];

	switch (col) {
	case COL_ID:
		sb_u64(out, row->info->id);
		break;
	case COL_GEN:
		sb_u64(out, le64_get(item->generation));
		break;
	case COL_CGEN:
		sb_u64(out, le64_get(item->otransid));
		break;
	case COL_PARENT:
	case COL_TOP:
		sb_u64(out, row->info->parent);
		break;
	case COL_OTIME:
		sb_puts(out, report_time((s64)le64_get(item->otime.sec), false, time));
		break;
	case COL_PUUID:
		uuid_cell(item->parent_uuid, out);
		break;
	case COL_RUUID:
		uuid_cell(item->received_uuid, out);
		break;
	case COL_UUID:
		uuid_cell(item->uuid, out);
		break;
	case COL_PATH:
		sb_add(out, row->path, row->path_len);
		break;
	case COLUMNS:
		break;
	}
}

void subvol_print_line(struct out *o, const struct subvol_row *row, unsigned columns)
{
	const char *gap = "";

	for (unsigned c = 0; c < COLUMNS; c++) {
		if (!(columns & 1u << c))
			continue;
		sb_puts(&o->buf, gap);
		sb_puts(&o->buf, column_names[c]);
		sb_char(&o->buf, ' ');
		subvol_cell(row, c, &o->buf);
		gap = " ";
	}
	sb_char(&o->buf, '\n');
	out_check(o);
}

void subvol_print_head(struct out *o, unsigned columns)
{
	for (unsigned c = 0; c < COLUMNS; c++)
		if (columns & 1u << c)
			out_printf(o, "%s\t", column_names[c]);
	out_puts(o, "\n");
	for (unsigned c = 0; c < COLUMNS; c++) {
		if (!(columns & 1u << c))
			continue;
		sb_pad(&o->buf, '-', strlen(column_names[c]));
		sb_char(&o->buf, '\t');
	}
	out_puts(o, "\n");
}

void subvol_print_tabbed(struct out *o, const struct subvol_row *row, unsigned columns)
{
	for (unsigned c = 0; c < COLUMNS; c++) {
		if (!(columns & 1u << c))
			continue;
		subvol_cell(row, c, &o->buf);
		/* the heading "top level" is wider than a tab stop */
		sb_puts(&o->buf, c == COL_PATH ? "\n" : c == COL_TOP ? "\t\t" : "\t");
	}
	out_check(o);
}

void subvol_json(struct out *o, const char *key, const struct subvol_row *row)
{
	const struct subvol_item *item = &row->info->item;

	out_obj(o, key);
	out_json_u64(o, "id", row->info->id);
	out_json_u64(o, "generation", le64_get(item->generation));
	out_json_u64(o, "cgeneration", le64_get(item->otransid));
	out_json_u64(o, "parent", row->info->parent);
	out_json_u64(o, "top_level", row->info->parent);
	out_json_time(o, "otime", (s64)le64_get(item->otime.sec));
	out_json_uuid(o, "parent_uuid", item->parent_uuid);
	out_json_uuid(o, "received_uuid", item->received_uuid);
	out_json_uuid(o, "uuid", item->uuid);
	out_arr(o, "flags");
	if (le64_get(item->flags) & BTRFS_ROOT_SUBVOL_RDONLY)
		out_json_str(o, NULL, "readonly");
	out_end(o);
	out_json_bool(o, "deleted", row->info->deleted);
	out_json_strn(o, "path", row->path, row->path_len);
	out_end(o);
}
