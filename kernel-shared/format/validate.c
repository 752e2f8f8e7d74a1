/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include "kernel-shared/format/items.h"

enum { TEXT_MAX = 512 };

/* What precedes the text, by the kind of key. Spec: check 1.11. */
static void format_place(const struct violation *v, struct strbuf *out)
{
	const struct key *k = &v->key;

	switch (k->type) {
	case BTRFS_EXTENT_DATA_KEY:
		sb_printf(out, " ino=%llu file_offset=%llu", k->objectid, k->offset);
		break;
	case BTRFS_INODE_ITEM_KEY: case BTRFS_INODE_REF_KEY: case BTRFS_INODE_EXTREF_KEY: case BTRFS_XATTR_ITEM_KEY:
	case BTRFS_DIR_ITEM_KEY: case BTRFS_DIR_INDEX_KEY:
		sb_printf(out, " ino=%llu", k->objectid);
		break;
	case BTRFS_BLOCK_GROUP_ITEM_KEY:
		sb_printf(out, " bg_start=%llu bg_len=%llu", k->objectid, k->offset);
		break;
	case BTRFS_CHUNK_ITEM_KEY:
		sb_printf(out, " chunk_start=%llu", k->offset);
		break;
	case BTRFS_DEV_ITEM_KEY:
		sb_printf(out, " devid=%llu", k->offset);
		break;
	case BTRFS_EXTENT_ITEM_KEY: case BTRFS_METADATA_ITEM_KEY:
		sb_printf(out, " bytenr=%llu len=%llu", k->objectid, k->offset);
		break;
	}
}

void violation_format(const struct violation *v, bool leaf, struct strbuf *out)
{
	if (v->slot < 0 && v->key.type == BTRFS_CHUNK_ITEM_KEY) {
		sb_printf(out, "corrupt superblock syschunk array: chunk_start=%llu, %s", v->key.offset, v->text);
		return;
	}
	sb_printf(out, "corrupt %s: root=%llu block=%llu slot=%d", leaf ? "leaf" : "node", v->tree, v->bytenr, v->slot < 0 ? 0 : v->slot);
	if (v->slot >= 0 && leaf)
		format_place(v, out);
	sb_printf(out, ", %s", v->text);
}

static int report(struct validator *v, const struct violation *violation)
{
	struct strbuf text = STRBUF_INIT;

	v->count++;
	v->structural |= violation->structural;
	if (v->on_violation) {
		v->on_violation(v, violation);
		return 0;
	}
	violation_format(violation, !v->block || !block_level(v->block), &text);
	err_set(v->err, -EUCLEAN, "%s", sb_str(&text));
	sb_fini(&text);
	return -EUCLEAN;
}

static struct violation violation_at(const struct validator *v, const struct item *item, const char *id)
{
	return (struct violation){
		.id = id,
		.tree = v->tree || !v->block ? v->tree : block_owner(v->block),
		.bytenr = v->bytenr,
		.slot = item ? item->slot : -1,
		.key = item ? item->key : KEY_MIN,
	};
}

int violate(struct validator *v, const struct item *item, const char *id, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct violation violation = violation_at(v, item, id);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	violation.text = text;
	return report(v, &violation);
}

/* Items cannot be located. */
static int PRINTF(4, 5) violate_structure(struct validator *v, const struct item *item, const char *id, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct violation violation = violation_at(v, item, id);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	violation.text = text;
	violation.structural = true;
	return report(v, &violation);
}

static int bad_size(struct validator *v, const struct item *item, const struct item_type *row)
{
	if (row->min_size == row->max_size)
		return violate(v, item, "item-size", "invalid item size, have %u expect %u", item->size, row->min_size);
	if (row->max_size == ITEM_SIZE_ANY)
		return violate(v, item, "item-size", "invalid item size, have %u expect at least %u", item->size, row->min_size);
	return violate(v, item, "item-size", "invalid item size, have %u expect [%u, %u]", item->size, row->min_size, row->max_size);
}

static inline int check_item(struct validator *v, const struct item *item, const struct item *prev)
{
	const struct item_type *row = item_type(item->key.type);

	if (!row)
		return 0;
	if (unlikely(item->size < row->min_size || item->size > row->max_size))
		return bad_size(v, item, row);
	return row->validate ? row->validate(v, item, prev) : 0;
}

int item_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	unsigned before = v->count;

	check_item(v, item, prev);
	return v->count == before ? 0 : -EUCLEAN;
}

/* Trees that always hold something. */
static bool never_empty(const struct geometry *geo, u64 owner)
{
	switch (owner) {
	case 0:
	case BTRFS_ROOT_TREE_OBJECTID: case BTRFS_CHUNK_TREE_OBJECTID: case BTRFS_DEV_TREE_OBJECTID: case BTRFS_FS_TREE_OBJECTID:
	case BTRFS_DATA_RELOC_TREE_OBJECTID:
		return true;
	case BTRFS_EXTENT_TREE_OBJECTID:
		return !geo_incompat(geo, BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2);
	}
	return false;
}

static int bad_order(struct validator *v, const struct item *item, const struct key *prev)
{
	return violate(v, item, "key-order", "bad key order, prev (%llu %u %llu) current (%llu %u %llu)", prev->objectid, prev->type, prev->offset,
		       item->key.objectid, item->key.type, item->key.offset);
}

static int validate_empty_leaf(struct validator *v, const void *block)
{
	u64 owner = block_owner(block);

	if ((block_flags(block) & BTRFS_HEADER_FLAG_RELOC) || !never_empty(v->geo, owner))
		return 0;
	return owner ? violate(v, NULL, "leaf-empty", "invalid root, root %llu must never be empty", owner) :
		       violate(v, NULL, "leaf-empty", "invalid owner, root 0 is not defined");
}

/* Where the data of an item lies. Sets *located to whether it is inside the leaf. */
static inline int check_place(struct validator *v, const struct item *item, u32 offset, u32 expected_end, bool *located)
{
	u32 leafdata = geo_leafdata(v->geo), headers = (item->slot + 1) * sizeof(struct disk_item);
	u64 end = (u64)offset + item->size;

	*located = true;
	/* expected_end comes from the item before, which may itself lie outside */
	if (likely(end == expected_end && end <= leafdata && offset >= headers))
		return 0;
	if (end > leafdata) {
		*located = false;
		return violate_structure(v, item, "item-outside", "slot end outside of leaf, have %llu expect range [0, %u]", end, leafdata);
	}
	if (end != expected_end && violate(v, item, "item-end", "unexpected item end, have %llu expect %u", end, expected_end))
		return -EUCLEAN;
	if (offset < headers)
		return violate(v, item, "item-overlap", "slot overlaps with its data, item end %u data start %u", headers, offset);
	return 0;
}

static int validate_leaf(struct validator *v, const void *block)
{
	const struct disk_item *headers = block_items(block);
	u32 n = block_nritems(block), end = geo_leafdata(v->geo);
	struct item items[2];
	const struct item *prev;
	struct key last = KEY_MIN;
	bool located;

	if (!n)
		return validate_empty_leaf(v, block);
	if (n > end / sizeof(struct disk_item))
		return violate_structure(v, NULL, "leaf-nritems", "invalid number of items, have %u expect at most %zu", n, end / sizeof(struct disk_item));
	for (u32 i = 0; i < n; i++) {
		struct item *item = &items[i & 1];
		u32 offset = le32_get(headers[i].offset);

		*item = (struct item){ key_get(&headers[i].key), NULL, le32_get(headers[i].size), i };
		if (unlikely(key_cmp(&last, &item->key) >= 0) && bad_order(v, item, &last))
			return -EUCLEAN;
		if (check_place(v, item, offset, end, &located))
			return -EUCLEAN;
		prev = i && items[!(i & 1)].data ? &items[!(i & 1)] : NULL;
		if (likely(located)) {
			item->data = (const u8 *)headers + offset;
			if (check_item(v, item, prev))
				return -EUCLEAN;
		}
		last = item->key;
		end = offset;
	}
	return 0;
}

static int validate_ptr(struct validator *v, const void *block, const struct item *slot, struct key *next)
{
	u64 ptr = le64_get(block_ptrs(block)[slot->slot].blockptr);

	if (unlikely(!ptr) && violate(v, slot, "node-null", "invalid NULL node pointer"))
		return -EUCLEAN;
	if (unlikely(ptr & (v->geo->sectorsize - 1)) &&
	    violate(v, slot, "node-align", "unaligned pointer, have %llu should be aligned to %u", ptr, v->geo->sectorsize))
		return -EUCLEAN;
	if (unlikely(next && key_cmp(&slot->key, next) >= 0))
		return violate(v, slot, "node-key-order", "bad key order, current (%llu %u %llu) next (%llu %u %llu)", slot->key.objectid, slot->key.type,
			       slot->key.offset, next->objectid, next->type, next->offset);
	return 0;
}

static int validate_node(struct validator *v, const void *block)
{
	u32 n = block_nritems(block), most = geo_max_ptrs(v->geo);

	if (block_level(block) >= BTRFS_MAX_LEVEL)
		return violate_structure(v, NULL, "node-level", "invalid level for node, have %d expect [1, %d]", block_level(block), BTRFS_MAX_LEVEL - 1);
	if (!n || n > most)
		return violate_structure(v, NULL, "node-nritems", "nritems too %s, have %u expect range [1, %u]", n ? "large" : "small", n, most);
	for (u32 i = 0; i < n; i++) {
		struct item slot = { block_key(block, i), NULL, 0, i };
		struct key next = i + 1 < n ? block_key(block, i + 1) : KEY_MIN;

		if (validate_ptr(v, block, &slot, i + 1 < n ? &next : NULL))
			return -EUCLEAN;
	}
	return 0;
}

int block_validate(struct validator *v, const void *block)
{
	unsigned before = v->count;

	v->block = block;
	v->bytenr = block_bytenr(block);
	if ((block_flags(block) & BTRFS_HEADER_FLAG_WRITTEN) ||
	    !violate(v, NULL, "header-written", "invalid flag for tree block, WRITTEN not set"))
		block_level(block) ? validate_node(v, block) : validate_leaf(v, block);
	return v->count == before ? 0 : -EUCLEAN;
}
