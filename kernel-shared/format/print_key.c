/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys, object ids and the names of trees as dump-tree prints them. Spec: cli 15.5, 15.6. */
#include "kernel-shared/format/print.h"

enum { TYPE_NAME_MAX = 24 };

static const struct { u8 len; char name[TYPE_NAME_MAX + 1]; } type_names[256] = {
#define ITEM(key, name, min, max, validate, print, fields) [BTRFS_##key] = { sizeof(name) - 1, name },
#include "kernel-shared/format/items.def"
#undef ITEM
};

static const char *const tree_ids[] = {
	[BTRFS_ROOT_TREE_OBJECTID] = "ROOT_TREE", [BTRFS_EXTENT_TREE_OBJECTID] = "EXTENT_TREE", [BTRFS_CHUNK_TREE_OBJECTID] = "CHUNK_TREE",
	[BTRFS_DEV_TREE_OBJECTID] = "DEV_TREE", [BTRFS_FS_TREE_OBJECTID] = "FS_TREE", [BTRFS_ROOT_TREE_DIR_OBJECTID] = "ROOT_TREE_DIR",
	[BTRFS_CSUM_TREE_OBJECTID] = "CSUM_TREE", [BTRFS_QUOTA_TREE_OBJECTID] = "QUOTA_TREE", [BTRFS_UUID_TREE_OBJECTID] = "UUID_TREE",
	[BTRFS_FREE_SPACE_TREE_OBJECTID] = "FREE_SPACE_TREE", [BTRFS_BLOCK_GROUP_TREE_OBJECTID] = "BLOCK_GROUP_TREE",
	[BTRFS_RAID_STRIPE_TREE_OBJECTID] = "RAID_STRIPE_TREE", [BTRFS_REMAP_TREE_OBJECTID] = "REMAP_TREE",
};

static const char *negative_id(u64 objectid)
{
	switch (objectid) {
	case BTRFS_BALANCE_OBJECTID: return "BALANCE";
	case BTRFS_ORPHAN_OBJECTID: return "ORPHAN";
	case BTRFS_TREE_LOG_OBJECTID: return "TREE_LOG";
	case BTRFS_TREE_LOG_FIXUP_OBJECTID: return "LOG_FIXUP";
	case BTRFS_TREE_RELOC_OBJECTID: return "TREE_RELOC";
	case BTRFS_DATA_RELOC_TREE_OBJECTID: return "DATA_RELOC_TREE";
	case BTRFS_EXTENT_CSUM_OBJECTID: return "EXTENT_CSUM";
	case BTRFS_FREE_SPACE_OBJECTID: return "FREE_SPACE";
	case BTRFS_FREE_INO_OBJECTID: return "FREE_INO";
	case BTRFS_CSUM_CHANGE_OBJECTID: return "CSUM_CHANGE";
	case BTRFS_MULTIPLE_OBJECTIDS: return "MULTIPLE";
	case -1ULL: return "-1";
	}
	return NULL;
}

static const char *objectid_name(u64 objectid, u8 type)
{
	if (objectid < ARRAY_SIZE(tree_ids))
		return objectid == BTRFS_DEV_ITEMS_OBJECTID && type == BTRFS_DEV_ITEM_KEY ? "DEV_ITEMS" : tree_ids[objectid];
	if (objectid > BTRFS_LAST_FREE_OBJECTID)
		return negative_id(objectid);
	return objectid == BTRFS_FIRST_CHUNK_TREE_OBJECTID && type == BTRFS_CHUNK_ITEM_KEY ? "FIRST_CHUNK_TREE" : NULL;
}

static char *text_qgroupid(char *o, u64 id)
{
	o = text_u64(o, id >> BTRFS_QGROUP_LEVEL_SHIFT);
	return text_field(o, "/", id & ((1ULL << BTRFS_QGROUP_LEVEL_SHIFT) - 1));
}

static char *text_uuid_half(char *o, u64 half)
{
	return text_hex16(text_lit(o, "0x"), half);
}

char *text_objectid(char *o, u64 objectid, u8 type)
{
	const char *name;

	switch (type) {
	case BTRFS_PERSISTENT_ITEM_KEY:
		if (objectid == BTRFS_DEV_STATS_OBJECTID)
			return text_lit(o, "DEV_STATS");
		break;
	case BTRFS_DEV_EXTENT_KEY:
		return text_u64(o, objectid);
	case BTRFS_QGROUP_RELATION_KEY:
		return text_qgroupid(o, objectid);
	case BTRFS_UUID_KEY_SUBVOL:
	case BTRFS_UUID_KEY_RECEIVED_SUBVOL:
		return text_uuid_half(o, objectid);
	}
	name = objectid_name(objectid, type);
	return name ? text_str(o, name) : text_u64(o, objectid);
}

static char *text_type(char *o, u64 objectid, u8 type)
{
	if (unlikely(!type && objectid != BTRFS_FREE_SPACE_OBJECTID))
		return text_lit(o, "UNKNOWN.0");
	if (unlikely(!type_names[type].len))
		return text_field(o, "UNKNOWN.", type);
	memcpy(o, type_names[type].name, TYPE_NAME_MAX);
	return o + type_names[type].len;
}

static char *text_offset(char *o, const struct key *key)
{
	switch (key->type) {
	case BTRFS_QGROUP_RELATION_KEY:
	case BTRFS_QGROUP_INFO_KEY:
	case BTRFS_QGROUP_LIMIT_KEY:
		return text_qgroupid(o, key->offset);
	case BTRFS_UUID_KEY_SUBVOL:
	case BTRFS_UUID_KEY_RECEIVED_SUBVOL:
		return text_uuid_half(o, key->offset);
	case BTRFS_ROOT_ITEM_KEY:
		if (key->objectid == BTRFS_TREE_RELOC_OBJECTID)
			return text_objectid(o, key->offset, key->type);
		return text_u64(o, key->offset);
	}
	return unlikely(key->offset == -1ULL) ? text_lit(o, "-1") : text_u64(o, key->offset);
}

char *text_key(char *o, const struct key *key)
{
	o = text_objectid(text_lit(o, "("), key->objectid, key->type);
	o = text_type(text_lit(o, " "), key->objectid, key->type);
	o = text_offset(text_lit(o, " "), key);
	return text_lit(o, ")");
}

void print_key(struct print_ctx *p, const struct key *key)
{
	char *o = text_open(p->sb, PRINT_KEY_MAX);

	if (o)
		text_close(p->sb, text_key(o, key));
}

void print_disk_key(struct print_ctx *p, const struct disk_key *key)
{
	struct key k = key_get(key);

	print_key(p, &k);
}

void print_objectid(struct print_ctx *p, u64 objectid, u8 type)
{
	char *o = text_open(p->sb, PRINT_OBJECTID_MAX);

	if (o)
		text_close(p->sb, text_objectid(o, objectid, type));
}

const char *root_name(u64 objectid)
{
	static const char *const names[] = {
		[BTRFS_ROOT_TREE_OBJECTID] = "root", [BTRFS_EXTENT_TREE_OBJECTID] = "extent", [BTRFS_CHUNK_TREE_OBJECTID] = "chunk",
		[BTRFS_DEV_TREE_OBJECTID] = "device", [BTRFS_FS_TREE_OBJECTID] = "fs", [BTRFS_ROOT_TREE_DIR_OBJECTID] = "directory",
		[BTRFS_CSUM_TREE_OBJECTID] = "checksum", [BTRFS_QUOTA_TREE_OBJECTID] = "quota", [BTRFS_UUID_TREE_OBJECTID] = "uuid",
		[BTRFS_FREE_SPACE_TREE_OBJECTID] = "free space", [BTRFS_BLOCK_GROUP_TREE_OBJECTID] = "block group",
		[BTRFS_RAID_STRIPE_TREE_OBJECTID] = "raid stripe",
	};

	if (objectid < ARRAY_SIZE(names) && names[objectid])
		return names[objectid];
	switch (objectid) {
	case BTRFS_ORPHAN_OBJECTID: return "orphan";
	case BTRFS_TREE_LOG_OBJECTID: return "log";
	case BTRFS_TREE_LOG_FIXUP_OBJECTID: return "log fixup";
	case BTRFS_TREE_RELOC_OBJECTID: return "reloc";
	case BTRFS_DATA_RELOC_TREE_OBJECTID: return "data reloc";
	case BTRFS_EXTENT_CSUM_OBJECTID: return "extent checksum";
	case BTRFS_MULTIPLE_OBJECTIDS: return "multiple";
	}
	return "file";
}
