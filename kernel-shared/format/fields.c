/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Naming every field of headers and superblock; a field's value as text, and back. */
#include <stdio.h>
#include "common/units.h"
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/super.h"

int fields_one(const struct fields *f, const char *prefix, const char *name, enum field_kind kind, u32 offset, u32 size)
{
	char full[FIELD_NAME_MAX];
	struct field field = { name, kind, offset, size };

	if (offset > f->size || size > f->size - offset)
		return 0;
	if (*prefix) {
		snprintf(full, sizeof(full), "%s%s", prefix, name);
		field.name = full;
	}
	return f->fn(f->arg, &field, f->data + offset);
}

int fields_table(const struct fields *f, const char *prefix, u32 base, const struct field *table, unsigned n)
{
	int ret = 0;

	for (unsigned i = 0; i < n && !ret; i++)
		ret = fields_one(f, prefix, table[i].name, table[i].kind, base + table[i].offset, table[i].size);
	return ret;
}

const char *fields_prefix(char buf[FIELD_PREFIX_MAX], const char *before, const char *word, unsigned i)
{
	snprintf(buf, FIELD_PREFIX_MAX, "%s%s%u.", before, word, i);
	return buf;
}

int raw_fields(const struct item *item, field_fn fn, void *arg)
{
	struct fields f = { item->data, item->size, fn, arg };

	return item->size ? fields_one(&f, "", "data", FIELD_BYTES, 0, item->size) : 0;
}

int header_fields(const void *block, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_OF(struct disk_header, csum, FIELD_BYTES), FIELD_OF(struct disk_header, fsid, FIELD_UUID), FIELD_NUM(struct disk_header, bytenr),
		{ "flags", FIELD_FLAGS, offsetof(struct disk_header, flags), 7 },
		{ "backref_rev", FIELD_UINT, offsetof(struct disk_header, flags) + 7, 1 },
		FIELD_OF(struct disk_header, chunk_tree_uuid, FIELD_UUID), FIELD_NUM(struct disk_header, generation),
		FIELD_NUM(struct disk_header, owner), FIELD_NUM(struct disk_header, nritems), FIELD_NUM(struct disk_header, level),
	};
	struct fields f = { block, sizeof(struct disk_header), fn, arg };

	return fields_table(&f, "", 0, table, ARRAY_SIZE(table));
}

int key_ptr_fields(const void *block, unsigned slot, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_KEYS(struct disk_key_ptr, key, "key"), FIELD_NUM(struct disk_key_ptr, blockptr), FIELD_NUM(struct disk_key_ptr, generation),
	};
	u32 base = sizeof(struct disk_header) + slot * sizeof(struct disk_key_ptr);
	struct fields f = { block, base + sizeof(struct disk_key_ptr), fn, arg };
	char prefix[FIELD_PREFIX_MAX];

	return fields_table(&f, fields_prefix(prefix, "", "ptr", slot), base, table, ARRAY_SIZE(table));
}

int item_header_fields(const void *block, unsigned slot, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_KEYS(struct disk_item, key, "key"), FIELD_AS(struct disk_item, offset, "data_offset", FIELD_UINT),
		FIELD_AS(struct disk_item, size, "data_size", FIELD_UINT),
	};
	u32 base = sizeof(struct disk_header) + slot * sizeof(struct disk_item);
	struct fields f = { block, base + sizeof(struct disk_item), fn, arg };
	char prefix[FIELD_PREFIX_MAX];

	return fields_table(&f, fields_prefix(prefix, "", "item", slot), base, table, ARRAY_SIZE(table));
}

#define SB struct disk_super
#define BACKUP struct disk_root_backup

static const struct field super_head[] = {
	FIELD_OF(SB, csum, FIELD_BYTES), FIELD_OF(SB, fsid, FIELD_UUID), FIELD_NUM(SB, bytenr), FIELD_OF(SB, flags, FIELD_FLAGS),
	FIELD_OF(SB, magic, FIELD_HEX), FIELD_NUM(SB, generation), FIELD_NUM(SB, root), FIELD_NUM(SB, chunk_root), FIELD_NUM(SB, log_root),
	FIELD_AS(SB, log_root_transid_unused, "unused", FIELD_UINT), FIELD_NUM(SB, total_bytes), FIELD_NUM(SB, bytes_used),
	FIELD_NUM(SB, root_dir_objectid), FIELD_NUM(SB, num_devices), FIELD_NUM(SB, sectorsize), FIELD_NUM(SB, nodesize), FIELD_NUM(SB, leafsize),
	FIELD_NUM(SB, stripesize), FIELD_NUM(SB, sys_chunk_array_size), FIELD_NUM(SB, chunk_root_generation), FIELD_OF(SB, compat_flags, FIELD_FLAGS),
	FIELD_OF(SB, compat_ro_flags, FIELD_FLAGS), FIELD_OF(SB, incompat_flags, FIELD_FLAGS), FIELD_NUM(SB, csum_type), FIELD_NUM(SB, root_level),
	FIELD_NUM(SB, chunk_root_level), FIELD_NUM(SB, log_root_level),
};

static const struct field super_middle[] = {
	FIELD_OF(SB, label, FIELD_NAME), FIELD_NUM(SB, cache_generation), FIELD_NUM(SB, uuid_tree_generation), FIELD_OF(SB, metadata_uuid, FIELD_UUID),
	FIELD_NUM(SB, nr_global_roots), FIELD_NUM(SB, remap_root), FIELD_NUM(SB, remap_root_generation), FIELD_NUM(SB, remap_root_level),
	FIELD_OF(SB, reserved, FIELD_BYTES),
};

static const struct field backup_table[] = {
	FIELD_NUM(BACKUP, tree_root), FIELD_NUM(BACKUP, tree_root_gen), FIELD_NUM(BACKUP, chunk_root), FIELD_NUM(BACKUP, chunk_root_gen),
	FIELD_NUM(BACKUP, extent_root), FIELD_NUM(BACKUP, extent_root_gen), FIELD_NUM(BACKUP, fs_root), FIELD_NUM(BACKUP, fs_root_gen),
	FIELD_NUM(BACKUP, dev_root), FIELD_NUM(BACKUP, dev_root_gen), FIELD_NUM(BACKUP, csum_root), FIELD_NUM(BACKUP, csum_root_gen),
	FIELD_NUM(BACKUP, total_bytes), FIELD_NUM(BACKUP, bytes_used), FIELD_NUM(BACKUP, num_devices),
	FIELD_AS(BACKUP, unused_64, "unused", FIELD_BYTES), FIELD_NUM(BACKUP, tree_root_level), FIELD_NUM(BACKUP, chunk_root_level),
	FIELD_NUM(BACKUP, extent_root_level), FIELD_NUM(BACKUP, fs_root_level), FIELD_NUM(BACKUP, dev_root_level), FIELD_NUM(BACKUP, csum_root_level),
	FIELD_AS(BACKUP, unused_8, "unused2", FIELD_BYTES),
};

static int sys_array_fields(const struct disk_super *sb, const struct fields *f)
{
	static const struct field key_table[] = {
		FIELD_AS(struct disk_key, objectid, "key.objectid", FIELD_UINT), FIELD_AS(struct disk_key, type, "key.type", FIELD_UINT),
		FIELD_AS(struct disk_key, offset, "key.offset", FIELD_UINT),
	};
	const struct disk_chunk *chunk;
	char prefix[FIELD_PREFIX_MAX];
	struct key key;
	u32 pos = 0, size;
	int ret;

	for (unsigned i = 0; super_sys_chunk_next(sb, &pos, &key, &chunk, &size, NULL) > 0; i++) {
		u32 base = (const u8 *)chunk - (const u8 *)sb;

		fields_prefix(prefix, "", "sys", i);
		if ((ret = fields_table(f, prefix, base - sizeof(struct disk_key), key_table, ARRAY_SIZE(key_table))) ||
		    (ret = fields_chunk(&(struct fields){ f->data, base + size, f->fn, f->arg }, prefix, base)))
			return ret;
	}
	return 0;
}

int super_fields(const struct disk_super *sb, field_fn fn, void *arg)
{
	struct fields f = { (const u8 *)sb, sizeof(*sb), fn, arg };
	char prefix[FIELD_PREFIX_MAX];
	int ret;

	if ((ret = fields_table(&f, "", 0, super_head, ARRAY_SIZE(super_head))) ||
	    (ret = fields_dev_item(&f, "dev_item.", offsetof(SB, dev_item))) ||
	    (ret = fields_table(&f, "", 0, super_middle, ARRAY_SIZE(super_middle))) || (ret = sys_array_fields(sb, &f)))
		return ret;
	for (unsigned i = 0; i < BTRFS_NUM_BACKUP_ROOTS; i++)
		if ((ret = fields_table(&f, fields_prefix(prefix, "", "backup", i), offsetof(SB, super_roots) + i * sizeof(BACKUP), backup_table,
					ARRAY_SIZE(backup_table))))
			return ret;
	return fields_one(&f, "", "padding", FIELD_BYTES, offsetof(SB, padding), sizeof(sb->padding));
}

static u64 value_get(const struct field *f, const u8 *value)
{
	u8 bytes[8] = { 0 };

	memcpy(bytes, value, min_t(u32, f->size, sizeof(bytes)));
	return get_le64(bytes);
}

void field_format(const struct field *f, const u8 *value, struct strbuf *out)
{
	switch (f->kind) {
	case FIELD_UINT:
		sb_u64(out, value_get(f, value));
		break;
	case FIELD_SINT:
		sb_s64(out, (s64)value_get(f, value));
		break;
	case FIELD_HEX:
	case FIELD_FLAGS:
		sb_lit(out, "0x");
		sb_hex(out, value_get(f, value));
		break;
	case FIELD_MODE:
		sb_char(out, '0');
		sb_oct(out, value_get(f, value));
		break;
	case FIELD_UUID:
		sb_uuid(out, value);
		break;
	case FIELD_BYTES:
		sb_hexbytes(out, value, f->size);
		break;
	case FIELD_NAME:
		sb_escape(out, value, f->size);
		break;
	}
}

/* 16: no digit. */
static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static int not_a_value(const struct field *f, const char *text, struct err *err)
{
	return err_set(err, -EINVAL, "field %s: cannot read \"%s\" as a value", f->name, text);
}

static int parse_number(const struct field *f, const char *text, u8 *value, struct err *err)
{
	bool negative = *text == '-', large = false;
	const char *s = text + negative;
	unsigned base = 10;
	u64 v = 0, limit = f->size < 8 ? (1ULL << 8 * f->size) - 1 : -1ULL;

	if (*s == '0' && s[1]) {
		base = (s[1] | 0x20) == 'x' ? 16 : 8;
		s += base == 16 ? 2 : 1;
	}
	if (!*s)
		return not_a_value(f, text, err);
	for (; *s; s++) {
		unsigned d = digit_of(*s);

		if (d >= base)
			return not_a_value(f, text, err);
		large |= mul_overflows(v, (u64)base, &v) || add_overflows(v, (u64)d, &v);
	}
	if (large || v > (negative ? limit / 2 + 1 : limit))
		return err_set(err, -ERANGE, "field %s: %s does not fit into %u bytes", f->name, text, f->size);
	for (u32 i = 0; i < f->size; i++)
		value[i] = (negative ? -v : v) >> 8 * i;
	return 0;
}

static int parse_bytes(const struct field *f, const char *text, u8 *value, struct err *err)
{
	if (strlen(text) != 2 * (size_t)f->size)
		return err_set(err, -EINVAL, "field %s: needs %u hex digits", f->name, 2 * f->size);
	for (const char *s = text; *s; s++)
		if (digit_of(*s) > 15)
			return not_a_value(f, text, err);
	for (u32 i = 0; i < f->size; i++)
		value[i] = digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]);
	return 0;
}

/* One character, possibly escaped; where the next begins, NULL: no such escape. */
static const char *unescape(const char *s, u8 *c)
{
	static const char from[] = "abefnrtv \\", to[] = "\a\b\x1b\f\n\r\t\v \\";
	const char *at;

	*c = *s++;
	if (*c != '\\')
		return s;
	if (*s >= '0' && *s <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7') {
		*c = (s[0] - '0') << 6 | (s[1] - '0') << 3 | (s[2] - '0');
		return s + 3;
	}
	at = *s ? strchr(from, *s) : NULL;
	if (!at)
		return NULL;
	*c = to[at - from];
	return s + 1;
}

/* Shorter text is padded with zeros only where a field is that by nature (the label). */
static int parse_name(const struct field *f, const char *text, u8 *value, struct err *err)
{
	size_t n = 0;
	u8 c;

	for (const char *s = text; *s; n++) {
		s = unescape(s, &c);
		if (!s)
			return not_a_value(f, text, err);
	}
	if (n > f->size || (n < f->size && strcmp(f->name, "label")))
		return err_set(err, -ERANGE, "field %s: \"%s\" has %zu bytes, the field has %u", f->name, text, n, f->size);
	memset(value, 0, f->size);
	for (const char *s = text; *s; value++)
		s = unescape(s, value);
	return 0;
}

int field_parse(const struct field *f, const char *text, u8 *value, struct err *err)
{
	switch (f->kind) {
	case FIELD_UUID:
		return parse_uuid(text, value) ? not_a_value(f, text, err) : 0;
	case FIELD_BYTES:
		return parse_bytes(f, text, value, err);
	case FIELD_NAME:
		return parse_name(f, text, value, err);
	default:
		return parse_number(f, text, value, err);
	}
}
