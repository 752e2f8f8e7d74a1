/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/inspect/block_json.h"

#include <stdlib.h>

/* Numbers as numbers, uuids and names as strings, flags, modes and bytes as the text that field_format gives. */
int json_field(void *arg, const struct field *field, const u8 *value)
{
	struct json_fields *j = arg;
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	for (unsigned i = 0; i < ARRAY_SIZE(j->skip) && j->skip[i]; i++)
		if (!strncmp(field->name, j->skip[i], strlen(j->skip[i])))
			return 0;
	if (field->kind == FIELD_UUID) {
		out_json_uuid(j->out, field->name, value);
	} else if (field->kind == FIELD_NAME) {
		if (j->hide_names)
			out_json_str(j->out, field->name, "HIDDEN");
		else
			out_json_strn(j->out, field->name, value, field->size);
	} else {
		field_format(field, value, &text);
		if (field->kind == FIELD_UINT)
			out_json_u64(j->out, field->name, strtoull(sb_str(&text), NULL, 10));
		else if (field->kind == FIELD_SINT)
			out_json_s64(j->out, field->name, strtoll(sb_str(&text), NULL, 10));
		else
			out_json_str(j->out, field->name, sb_str(&text));
	}
	return 0;
}

void json_key(struct out *o, const char *name, const struct key *key)
{
	const struct item_type *row = item_type(key->type);

	out_obj(o, name);
	out_json_u64(o, "objectid", key->objectid);
	out_json_u64(o, "type", key->type);
	if (row)
		out_json_str(o, "type-name", row->name);
	out_json_u64(o, "offset", key->offset);
	out_end(o);
}

static void json_ptrs(struct out *o, const void *block, u32 n)
{
	out_arr(o, "pointers");
	for (u32 i = 0; i < n; i++) {
		const struct disk_key_ptr *ptr = &block_ptrs(block)[i];
		struct key key = key_get(&ptr->key);

		out_obj(o, NULL);
		json_key(o, "key", &key);
		out_json_u64(o, "block", le64_get(ptr->blockptr));
		out_json_u64(o, "generation", le64_get(ptr->generation));
		out_end(o);
	}
	out_end(o);
}

static void json_hex(struct out *o, const char *name, const u8 *bytes, u32 n)
{
	struct field f = { "", FIELD_BYTES, 0, n };
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;

	field_format(&f, bytes, &text);
	out_json_str(o, name, sb_str(&text));
}

/* What a checksum item covers, and with --csum-items all its sums: its fields are the first few bytes. */
static void json_sums(struct out *o, const struct print_ctx *format, const struct item *item)
{
	u32 size = format->geo->csum_size, n = size ? item->size / size : 0;

	out_obj(o, "range");
	out_json_u64(o, "start", item->key.offset);
	out_json_u64(o, "end", item->key.offset + (u64)n * format->geo->sectorsize);
	out_json_u64(o, "length", (u64)n * format->geo->sectorsize);
	out_end(o);
	if (!format->csum_items)
		return;
	out_arr(o, "sums");
	for (u32 i = 0; i < n; i++) {
		out_obj(o, NULL);
		out_json_u64(o, "bytenr", item->key.offset + (u64)i * format->geo->sectorsize);
		json_hex(o, "sum", item->data + i * size, size);
		out_end(o);
	}
	out_end(o);
}

static void json_item(struct json_fields *j, const struct print_ctx *format, const struct item *item, u32 offset)
{
	const struct item_type *row = item_type(item->key.type);

	out_obj(j->out, NULL);
	json_key(j->out, "key", &item->key);
	out_json_u64(j->out, "itemoff", offset);
	out_json_u64(j->out, "itemsize", item->size);
	out_obj(j->out, "fields");
	if (row && row->fields)
		row->fields(item, json_field, j);
	out_end(j->out);
	if (item->key.type == BTRFS_EXTENT_CSUM_KEY)
		json_sums(j->out, format, item);
	out_end(j->out);
}

static void json_items(struct json_fields *j, const struct print_ctx *format, const void *block, u32 n)
{
	u32 leafdata = geo_leafdata(format->geo);

	out_arr(j->out, "items");
	for (u32 i = 0; i < n; i++) {
		u32 offset = le32_get(block_items(block)[i].offset), size = le32_get(block_items(block)[i].size);
		struct item item;

		if (offset > leafdata || size > leafdata - offset)
			break;
		item = block_item(block, i);
		json_item(j, format, &item, offset);
	}
	out_end(j->out);
}

void block_json(struct out *o, const struct print_ctx *format, const void *block)
{
	struct json_fields j = { .out = o, .hide_names = format->hide_names };
	u8 level = block_level(block);
	u32 most = geo_leafdata(format->geo) / (level ? sizeof(struct disk_key_ptr) : sizeof(struct disk_item));
	u32 n = min_t(u32, block_nritems(block), most);

	out_obj(o, NULL);
	out_json_u64(o, "bytenr", block_bytenr(block));
	out_json_u64(o, "level", level);
	out_json_u64(o, "nritems", block_nritems(block));
	out_json_s64(o, "free-space", block_free_space(format->geo, block));
	out_json_u64(o, "generation", block_generation(block));
	out_json_u64(o, "owner", block_owner(block));
	out_json_u64(o, "flags", block_flags(block));
	out_json_u64(o, "backref-revision", block_backref_rev(block));
	if (format->csum_headers)
		json_hex(o, "csum", block_header(block)->csum, format->geo->csum_size);
	out_json_uuid(o, "fsid", block_header(block)->fsid);
	out_json_uuid(o, "chunk-tree-uuid", block_header(block)->chunk_tree_uuid);
	if (level)
		json_ptrs(o, block, n);
	else
		json_items(&j, format, block, n);
	out_end(o);
}
