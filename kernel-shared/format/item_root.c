/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ROOT_ITEM, ROOT_REF, ROOT_BACKREF, UUID_KEY_*. Spec: on-disk-format 3.11, 3.12, 3.24, 13.14. */
#include <stdio.h>
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

void root_item_parse(const struct item *item, struct disk_root_item *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out, item->data, min_t(u32, item->size, sizeof(*out)));
	if (item->size < sizeof(*out) || le64_get(out->generation) != le64_get(out->generation_v2))
		memset((u8 *)out + BTRFS_ROOT_ITEM_LEGACY_SIZE, 0, sizeof(*out) - BTRFS_ROOT_ITEM_LEGACY_SIZE);
}

bool root_ref_parse(const struct item *item, struct root_ref_view *out)
{
	const struct disk_root_ref *ref = (const void *)item->data;

	if (item->size < sizeof(*ref))
		return false;
	*out = (struct root_ref_view){ le64_get(ref->dirid), le64_get(ref->sequence), ref->name, le16_get(ref->name_len) };
	return item->size - sizeof(*ref) >= out->name_len;
}

static int check_root_key(struct validator *v, const struct item *item)
{
	const struct key *k = &item->key;

	if (!k->objectid)
		return violate(v, item, "root-objectid", "invalid root id 0");
	if (k->objectid == BTRFS_TREE_RELOC_OBJECTID && !is_fstree(k->offset) && k->offset != BTRFS_DATA_RELOC_TREE_OBJECTID)
		return violate(v, item, "root-reloc", "invalid reloc tree for root %llu, root id is not a subvolume tree", k->offset);
	return 0;
}

static int check_generation(struct validator *v, const struct item *item, const char *id, const char *field, u64 value)
{
	if (likely(!too_new(v, value)))
		return 0;
	return violate(v, item, id, "invalid root %s, have %llu expect [0, %llu]", field, value, v->geo->generation + 1);
}

static int check_levels(struct validator *v, const struct item *item, const struct disk_root_item *r)
{
	u64 progress = le64_get(r->drop_progress.objectid);

	if (r->level >= BTRFS_MAX_LEVEL && violate(v, item, "root-level", "invalid root level, have %u expect [0, %u]", r->level, BTRFS_MAX_LEVEL - 1))
		return -EUCLEAN;
	if (r->drop_level >= BTRFS_MAX_LEVEL &&
	    violate(v, item, "root-drop-level", "invalid root drop level, have %u expect [0, %u]", r->drop_level, BTRFS_MAX_LEVEL - 1))
		return -EUCLEAN;
	if (progress && !r->drop_level)
		return violate(v, item, "root-drop-progress", "invalid root drop_level 0 for non-zero drop_progress objectid %llu", progress);
	return 0;
}

int root_item_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_root_item *r = (const void *)item->data;
	u64 flags, bytenr;

	if (check_root_key(v, item))
		return -EUCLEAN;
	if (item->size != sizeof(*r) && item->size != BTRFS_ROOT_ITEM_LEGACY_SIZE)
		return violate(v, item, "root-size", "invalid root item size, have %u expect %zu or %u", item->size, sizeof(*r), BTRFS_ROOT_ITEM_LEGACY_SIZE);
	flags = le64_get(r->flags);
	bytenr = le64_get(r->bytenr);
	if (check_generation(v, item, "root-generation", "generation", le64_get(r->generation)) ||
	    (item->size == sizeof(*r) && check_generation(v, item, "root-generation-v2", "v2 generation", le64_get(r->generation_v2))) ||
	    check_generation(v, item, "root-last-snapshot", "last_snapshot", le64_get(r->last_snapshot)))
		return -EUCLEAN;
	if (unaligned(v, bytenr) &&
	    violate(v, item, "root-bytenr", "invalid root bytenr, have %llu expect to be aligned to %u", bytenr, v->geo->sectorsize))
		return -EUCLEAN;
	if (check_levels(v, item, r))
		return -EUCLEAN;
	if (flags & ~(BTRFS_ROOT_SUBVOL_RDONLY | BTRFS_ROOT_SUBVOL_DEAD))
		return violate(v, item, "root-flags", "invalid root flags, have 0x%llx expect mask 0x%llx", flags,
			       BTRFS_ROOT_SUBVOL_RDONLY | BTRFS_ROOT_SUBVOL_DEAD);
	return 0;
}

int root_ref_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	u16 name_len = le16_get(((const struct disk_root_ref *)item->data)->name_len);
	size_t expect = sizeof(struct disk_root_ref) + name_len;

	if (name_len > BTRFS_NAME_LEN &&
	    violate(v, item, "root-ref-name-len", "root ref name too long for key type %u, have %u max %u", item->key.type, name_len, BTRFS_NAME_LEN))
		return -EUCLEAN;
	if (item->size != expect)
		return violate(v, item, "root-ref-size", "invalid root ref item size for key type %u, have %u expect %zu", item->key.type, item->size, expect);
	return 0;
}

static char *text_root_v2(struct print_ctx *p, char *o, const struct disk_root_item *r)
{
	o = text_uuid(text_lit(o, "\t\tuuid "), r->uuid);
	o = text_uuid(text_lit(o, "\n\t\tparent_uuid "), r->parent_uuid);
	o = text_uuid(text_lit(o, "\n\t\treceived_uuid "), r->received_uuid);
	o = text_le64(o, "\n\t\tctransid ", r->ctransid);
	o = text_le64(o, " otransid ", r->otransid);
	o = text_le64(o, " stransid ", r->stransid);
	o = text_le64(o, " rtransid ", r->rtransid);
	o = text_time(p, text_lit(o, "\n\t\tctime "), &r->ctime);
	o = text_time(p, text_lit(o, "\n\t\totime "), &r->otime);
	o = text_time(p, text_lit(o, "\n\t\tstime "), &r->stime);
	o = text_time(p, text_lit(o, "\n\t\trtime "), &r->rtime);
	return text_lit(o, "\n");
}

void root_item_print(struct print_ctx *p, const struct item *item)
{
	struct disk_root_item root = { 0 };
	const struct disk_root_item *r = &root;
	struct key progress;
	char *o;

	if (!print_fits(p, item, BTRFS_ROOT_ITEM_LEGACY_SIZE) || !(o = text_open(p->sb, 1200 + 4 * PRINT_TIMESPEC_MAX)))
		return;
	memcpy(&root, item->data, min_t(u32, item->size, sizeof(root)));
	progress = key_get(&r->drop_progress);
	o = text_le64(o, "\t\tgeneration ", r->generation);
	o = text_le64(o, " root_dirid ", r->root_dirid);
	o = text_le64(o, " bytenr ", r->bytenr);
	o = text_le64(o, " byte_limit ", r->byte_limit);
	o = text_le64(o, " bytes_used ", r->bytes_used);
	o = text_le64(o, "\n\t\tlast_snapshot ", r->last_snapshot);
	o = text_hex(text_lit(o, " flags 0x"), le64_get(r->flags));
	o = le64_get(r->flags) & BTRFS_ROOT_SUBVOL_RDONLY ? text_lit(o, "(RDONLY)") : text_lit(o, "(none)");
	o = text_le32(o, " refs ", r->refs);
	o = text_key(text_lit(o, "\n\t\tdrop_progress key "), &progress);
	o = text_field(o, " drop_level ", r->drop_level);
	o = text_field(o, "\n\t\tlevel ", r->level);
	o = text_lit(text_le64(o, " generation_v2 ", r->generation_v2), "\n");
	if (le64_get(r->generation) == le64_get(r->generation_v2))
		o = text_root_v2(p, o, r);
	text_close(p->sb, o);
}

void root_ref_print(struct print_ctx *p, const struct item *item)
{
	struct root_ref_view ref = { 0 };
	char *o;

	if (!root_ref_parse(item, &ref)) {
		print_fits(p, item, sizeof(struct disk_root_ref) + ref.name_len);
		return;
	}
	o = text_open(p->sb, 128 + PRINT_NAME_MAX);
	if (!o)
		return;
	o = text_str(text_lit(o, "\t\troot "), item->key.type == BTRFS_ROOT_REF_KEY ? "ref" : "backref");
	o = text_field(o, " key dirid ", ref.dirid);
	o = text_field(o, " sequence ", ref.sequence);
	o = text_escape(text_lit(o, " name "), ref.name, min_t(u32, ref.name_len, BTRFS_NAME_LEN));
	text_close(p->sb, text_lit(o, "\n"));
}

void uuid_ids_print(struct print_ctx *p, const struct item *item)
{
	for (u32 pos = 0; item->size - pos >= sizeof(le64); pos += sizeof(le64)) {
		sb_lit(p->sb, "\t\tsubvol_id ");
		sb_u64(p->sb, get_le64(item->data + pos));
		sb_char(p->sb, '\n');
	}
	if (item->size % sizeof(le64))
		print_error(p, "uuid item with illegal size %u", item->size);
}

#define ROOT struct disk_root_item
int root_item_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field v1[] = {
		FIELD_NUM(ROOT, generation), FIELD_NUM(ROOT, root_dirid), FIELD_NUM(ROOT, bytenr), FIELD_NUM(ROOT, byte_limit), FIELD_NUM(ROOT, bytes_used),
		FIELD_NUM(ROOT, last_snapshot), FIELD_OF(ROOT, flags, FIELD_FLAGS), FIELD_NUM(ROOT, refs), FIELD_KEYS(ROOT, drop_progress, "drop_progress"),
		FIELD_NUM(ROOT, drop_level), FIELD_NUM(ROOT, level),
	};
	static const struct field v2[] = {
		FIELD_NUM(ROOT, generation_v2), FIELD_OF(ROOT, uuid, FIELD_UUID), FIELD_OF(ROOT, parent_uuid, FIELD_UUID),
		FIELD_OF(ROOT, received_uuid, FIELD_UUID), FIELD_NUM(ROOT, ctransid), FIELD_NUM(ROOT, otransid), FIELD_NUM(ROOT, stransid),
		FIELD_NUM(ROOT, rtransid), FIELD_TIME(ROOT, ctime), FIELD_TIME(ROOT, otime), FIELD_TIME(ROOT, stime), FIELD_TIME(ROOT, rtime),
		FIELD_OF(ROOT, reserved, FIELD_BYTES),
	};
	struct fields f = { item->data, item->size, fn, arg };
	int ret = fields_inode(&f, "inode.", 0);

	if (!ret)
		ret = fields_table(&f, "", 0, v1, ARRAY_SIZE(v1));
	if (!ret && item->size >= sizeof(ROOT))
		ret = fields_table(&f, "", 0, v2, ARRAY_SIZE(v2));
	return ret;
}

#define ROOT_REF struct disk_root_ref
int root_ref_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = { FIELD_NUM(ROOT_REF, dirid), FIELD_NUM(ROOT_REF, sequence), FIELD_NUM(ROOT_REF, name_len) };
	struct fields f = { item->data, item->size, fn, arg };
	const ROOT_REF *ref = item_struct(item, ROOT_REF);
	int ret = fields_table(&f, "", 0, table, ARRAY_SIZE(table));

	if (ret || !ref || !le16_get(ref->name_len))
		return ret;
	return fields_one(&f, "", "name", FIELD_NAME, sizeof(*ref), le16_get(ref->name_len));
}

int uuid_ids_fields(const struct item *item, field_fn fn, void *arg)
{
	struct fields f = { item->data, item->size, fn, arg };
	int ret = 0;

	for (u32 i = 0; i < item->size / sizeof(le64) && !ret; i++) {
		char name[16];

		snprintf(name, sizeof(name), "id%u", i);
		ret = fields_one(&f, "", name, FIELD_UINT, i * sizeof(le64), sizeof(le64));
	}
	return ret;
}
