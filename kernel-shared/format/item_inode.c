/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INODE_ITEM, INODE_REF, INODE_EXTREF, ORPHAN_ITEM. Spec: on-disk-format 3.3 to 3.5, 3.8, 13.8, 13.13. */
#include <sys/stat.h>
#include "kernel-shared/format/rows.h"

int violate_inode_rule(struct validator *v, const struct item *item, const struct item *prev)
{
	return violate(v, item, "inode-previous", "invalid previous key objectid, have %llu expect %llu", prev->key.objectid, item->key.objectid);
}

static bool file_type_valid(u32 mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

static int check_inode_key(struct validator *v, const struct item *item)
{
	const struct key *k = &item->key;

	if (!inode_number_valid(k->objectid) &&
	    violate(v, item, "inode-objectid", "invalid key objectid, have %llu expect [%llu, %llu] or %llu or %llu", k->objectid,
		    BTRFS_FIRST_FREE_OBJECTID, BTRFS_LAST_FREE_OBJECTID, BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_FREE_INO_OBJECTID))
		return -EUCLEAN;
	if (k->offset)
		return violate(v, item, "inode-offset", "invalid key offset, have %llu expect 0", k->offset);
	return 0;
}

static int check_inode_flags(struct validator *v, const struct item *item, u64 flags)
{
	u64 low = flags & 0xffffffff & ~BTRFS_INODE_FLAG_MASK, high = flags & ~0xffffffffULL & ~BTRFS_INODE_RO_VERITY;

	if (low && violate(v, item, "inode-flags", "unknown incompat flags detected: 0x%llx", low))
		return -EUCLEAN;
	if (high && v->writing)
		return violate(v, item, "inode-ro-flags", "unknown ro-compat flags detected: 0x%llx", high >> 32);
	return 0;
}

int inode_item_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_inode_item *inode = (const void *)item->data;
	u64 generation = le64_get(inode->generation), transid = le64_get(inode->transid), newest = v->geo->generation + 1;
	u32 mode = le32_get(inode->mode), nlink = le32_get(inode->nlink);

	if (check_inode_key(v, item))
		return -EUCLEAN;
	if (too_new(v, generation) &&
	    violate(v, item, "inode-generation", "invalid inode generation: has %llu expect [0, %llu]", generation, newest))
		return -EUCLEAN;
	if (too_new(v, transid) && violate(v, item, "inode-transid", "invalid inode transid: has %llu expect [0, %llu]", transid, newest))
		return -EUCLEAN;
	if ((mode & ~(S_IFMT | 07777U)) && violate(v, item, "inode-mode-bits", "unknown mode bit detected: 0x%x", mode & ~(S_IFMT | 07777U)))
		return -EUCLEAN;
	if (!file_type_valid(mode) &&
	    violate(v, item, "inode-mode", "invalid mode: has 0%o expect valid S_IF* bit(s)", mode & S_IFMT))
		return -EUCLEAN;
	if (S_ISDIR(mode) && nlink > 1 &&
	    violate(v, item, "inode-nlink", "invalid nlink: has %u expect no more than 1 for dir", nlink))
		return -EUCLEAN;
	return check_inode_flags(v, item, le64_get(inode->flags));
}

static u32 ref_head(const struct item *item)
{
	return item->key.type == BTRFS_INODE_REF_KEY ? sizeof(struct disk_inode_ref) : sizeof(struct disk_inode_extref);
}

bool inode_ref_next(const struct item *item, u32 *pos, struct inode_ref_view *out)
{
	u32 head = ref_head(item);
	const u8 *p = item->data + *pos;

	if (*pos >= item->size || item->size - *pos < head)
		return false;
	*out = (struct inode_ref_view){ .parent = item->key.offset, .name_len = get_le16(p + head - 2), .name = p + head };
	out->index = get_le64(p + head - 10);
	if (head == sizeof(struct disk_inode_extref))
		out->parent = get_le64(p);
	if (item->size - *pos - head < out->name_len)
		return false;
	*pos += head + out->name_len;
	return true;
}

int inode_ref_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	u32 pos = 0, head = ref_head(item);
	struct inode_ref_view ref = { 0 };

	if (inode_rule_broken(v, item, prev) && violate_inode_rule(v, item, prev))
		return -EUCLEAN;
	while (inode_ref_next(item, &pos, &ref))
		;
	if (pos == item->size)
		return 0;
	if (item->size - pos < head)
		return violate(v, item, "inode-ref-overflow", "inode ref overflow, ptr %u end %u inode_ref_size %u", pos, item->size, head);
	return violate(v, item, "inode-ref-name", "inode ref overflow, ptr %u end %u namelen %u", pos, item->size, ref.name_len);
}
