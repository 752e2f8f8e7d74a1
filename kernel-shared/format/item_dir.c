/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DIR_ITEM, DIR_INDEX, XATTR_ITEM, DIR_LOG_ITEM, DIR_LOG_INDEX. Spec: on-disk-format 3.6, 3.7, 13.7. */
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

enum { FT_ENCRYPTED = 0x80 }; /* may be set beside the type by a future kernel */

bool dir_item_next(const struct item *item, u32 *pos, struct dir_entry_view *out)
{
	const struct disk_dir_item *d = (const void *)(item->data + *pos);
	u32 left = item->size - *pos;

	if (*pos >= item->size || left < sizeof(*d))
		return false;
	*out = (struct dir_entry_view){
		.item = d,
		.location = key_get(&d->location),
		.transid = le64_get(d->transid),
		.name = d->name,
		.name_len = le16_get(d->name_len),
		.data = d->name + le16_get(d->name_len),
		.data_len = le16_get(d->data_len),
		.type = d->type & ~FT_ENCRYPTED,
	};
	if (left - sizeof(*d) < (u32)out->name_len + out->data_len)
		return false;
	*pos += sizeof(*d) + out->name_len + out->data_len;
	return true;
}

static int check_root_location(struct validator *v, const struct item *item, const struct key *l)
{
	if (is_fstree(l->objectid))
		return 0;
	return violate(v, item, "dir-location-root", "invalid location key objectid, have %llu expect a subvolume", l->objectid);
}

static int check_inode_location(struct validator *v, const struct item *item, const struct key *l)
{
	if (item->key.type == BTRFS_XATTR_ITEM_KEY) {
		if (!l->objectid && !l->type && !l->offset)
			return 0;
		return violate(v, item, "xattr-location", "invalid location key, have (%llu %u %llu) expect (0 0 0)", l->objectid, l->type, l->offset);
	}
	if (!inode_number_valid(l->objectid) &&
	    violate(v, item, "dir-location-objectid", "invalid location key objectid, have %llu expect [%llu, %llu] or %llu or %llu", l->objectid,
		    BTRFS_FIRST_FREE_OBJECTID, BTRFS_LAST_FREE_OBJECTID, BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_FREE_INO_OBJECTID))
		return -EUCLEAN;
	if (l->offset)
		return violate(v, item, "dir-location-offset", "invalid location key offset, have %llu expect 0", l->offset);
	return 0;
}

static int check_location(struct validator *v, const struct item *item, const struct key *l)
{
	switch (l->type) {
	case BTRFS_ROOT_ITEM_KEY:
		return check_root_location(v, item, l);
	case BTRFS_INODE_ITEM_KEY:
	case BTRFS_UNTYPED_KEY:
		return check_inode_location(v, item, l);
	}
	return violate(v, item, "dir-location-type", "invalid location key type, have %u, expect %u, %u or %u", l->type, BTRFS_ROOT_ITEM_KEY,
		       BTRFS_INODE_ITEM_KEY, BTRFS_UNTYPED_KEY);
}

static int check_lengths(struct validator *v, const struct item *item, const struct dir_entry_view *e)
{
	u32 most = geo_max_xattr(v->geo);

	if (e->name_len > BTRFS_NAME_LEN &&
	    violate(v, item, "dir-name-len", "dir item name too long, have %u max %u", e->name_len, BTRFS_NAME_LEN))
		return -EUCLEAN;
	if ((u32)e->name_len + e->data_len > most &&
	    violate(v, item, "dir-data-len", "dir item name and data too long, have %u max %u", e->name_len + e->data_len, most))
		return -EUCLEAN;
	if (e->data_len && item->key.type != BTRFS_XATTR_ITEM_KEY)
		return violate(v, item, "dir-data", "dir item with invalid data len, have %u expect 0", e->data_len);
	return 0;
}

static int check_entry(struct validator *v, const struct item *item, const struct dir_entry_view *e)
{
	bool xattr = item->key.type == BTRFS_XATTR_ITEM_KEY;

	if (check_location(v, item, &e->location))
		return -EUCLEAN;
	if ((e->type == BTRFS_FT_UNKNOWN || e->type >= BTRFS_FT_MAX) &&
	    violate(v, item, "dir-type", "invalid dir item type, have %u expect [1, %u]", e->type, BTRFS_FT_MAX - 1))
		return -EUCLEAN;
	if (xattr != (e->type == BTRFS_FT_XATTR) &&
	    violate(v, item, "dir-type-key", "invalid dir item type for key type %u, have %u expect %s%u", item->key.type, e->type,
		    xattr ? "" : "anything but ", BTRFS_FT_XATTR))
		return -EUCLEAN;
	return check_lengths(v, item, e);
}

static int check_hash(struct validator *v, const struct item *item, const struct dir_entry_view *e)
{
	u64 hash = hash_name(e->name, e->name_len);

	if (likely(hash == item->key.offset))
		return 0;
	return violate(v, item, "dir-hash", "name hash mismatch with key, have 0x%016llx expect 0x%016llx", hash, item->key.offset);
}

int dir_item_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	struct dir_entry_view e;
	u32 pos = 0;

	if (inode_rule_broken(v, item, prev) && violate_inode_rule(v, item, prev))
		return -EUCLEAN;
	while (pos < item->size) {
		u32 at = pos;

		if (!dir_item_next(item, &pos, &e)) {
			if (item->size - at < sizeof(struct disk_dir_item))
				return violate(v, item, "dir-header", "dir item header crosses item boundary, have %u boundary %u",
					       at + (u32)sizeof(struct disk_dir_item), item->size);
			/* The lengths may be what is wrong: say so first. */
			if (check_entry(v, item, &e))
				return -EUCLEAN;
			return violate(v, item, "dir-boundary", "dir item data crosses item boundary, have %u boundary %u",
				       at + (u32)sizeof(struct disk_dir_item) + e.name_len + e.data_len, item->size);
		}
		if (check_entry(v, item, &e))
			return -EUCLEAN;
		if (item->key.type != BTRFS_DIR_INDEX_KEY && check_hash(v, item, &e))
			return -EUCLEAN;
	}
	return 0;
}

static char *text_file_type(char *o, u8 type)
{
	static const char *const names[BTRFS_FT_MAX] = {
		[BTRFS_FT_REG_FILE] = "FILE", [BTRFS_FT_DIR] = "DIR", [BTRFS_FT_CHRDEV] = "CHRDEV", [BTRFS_FT_BLKDEV] = "BLKDEV", [BTRFS_FT_FIFO] = "FIFO",
		[BTRFS_FT_SOCK] = "SOCK", [BTRFS_FT_SYMLINK] = "SYMLINK", [BTRFS_FT_XATTR] = "XATTR",
	};

	return type < BTRFS_FT_MAX && names[type] ? text_str(o, names[type]) : text_field(o, "DIR_ITEM.", type);
}

/* left: bytes of the item behind the entry's header; names and data that claim more are cut there. */
static void print_entry(struct print_ctx *p, const struct dir_entry_view *e, u32 left)
{
	u32 name_len = min_t(u32, e->name_len, left), data_len = min_t(u32, e->data_len, left - name_len);
	char *o = text_open(p->sb, PRINT_KEY_MAX + 200 + 2 * PRINT_NAME_MAX);

	if (!o)
		return;
	o = text_key(text_lit(o, "\t\tlocation key "), &e->location);
	o = text_file_type(text_lit(o, " type "), e->item->type);
	o = text_field(o, "\n\t\ttransid ", e->transid);
	o = text_field(o, " data_len ", e->data_len);
	o = text_field(o, " name_len ", e->name_len);
	o = text_name(p, text_lit(o, "\n\t\tname: "), e->name, name_len);
	if (e->data_len)
		o = text_name(p, text_lit(o, "\n\t\tdata "), e->name + name_len, data_len);
	text_close(p->sb, text_lit(o, "\n"));
}

void dir_item_print(struct print_ctx *p, const struct item *item)
{
	struct dir_entry_view e = { 0 };
	u32 pos = 0;

	while (dir_item_next(item, &pos, &e))
		print_entry(p, &e, -1u);
	if (pos >= item->size)
		return;
	if (item->size - pos >= sizeof(struct disk_dir_item))
		print_entry(p, &e, item->size - pos - sizeof(struct disk_dir_item));
	else
		e = (struct dir_entry_view){ 0 };
	print_error(p, "invalid length, cur=%u name_len=%u data_len=%u size=%u", pos, e.name_len, e.data_len, item->size);
}

void dir_log_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_dir_log_item *d = print_struct(p, item, struct disk_dir_log_item);

	if (!d)
		return;
	sb_lit(p->sb, "\t\tdir log end ");
	sb_u64(p->sb, le64_get(d->end));
	sb_char(p->sb, '\n');
}

#define DIR struct disk_dir_item
int dir_item_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_KEYS(DIR, location, "location"), FIELD_NUM(DIR, transid), FIELD_NUM(DIR, data_len), FIELD_NUM(DIR, name_len), FIELD_NUM(DIR, type),
	};
	struct fields f = { item->data, item->size, fn, arg };
	char prefix[FIELD_PREFIX_MAX];
	u32 pos = 0;
	int ret;

	for (unsigned i = 0; pos < item->size && item->size - pos >= sizeof(DIR); i++) {
		const DIR *d = (const void *)(item->data + pos);
		u16 name_len = le16_get(d->name_len), data_len = le16_get(d->data_len);

		fields_prefix(prefix, "", "", i);
		if ((ret = fields_table(&f, prefix, pos, table, ARRAY_SIZE(table))) ||
		    (name_len && (ret = fields_one(&f, prefix, "name", FIELD_NAME, pos + sizeof(DIR), name_len))) ||
		    (data_len && (ret = fields_one(&f, prefix, "data", FIELD_NAME, pos + sizeof(DIR) + name_len, data_len))))
			return ret;
		pos += sizeof(DIR) + name_len + data_len;
	}
	return 0;
}

int dir_log_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = { FIELD_NUM(struct disk_dir_log_item, end) };

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}
