/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ROOT_ITEM, ROOT_REF, ROOT_BACKREF, UUID_KEY_*. Spec: on-disk-format 3.11, 3.12, 3.24, 13.14. */
#include "kernel-shared/format/rows.h"

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
