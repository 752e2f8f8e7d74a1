/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a block refers to. Spec: on-disk-format 6.3: full references name the block, implicit ones the tree that owns it. */
#include "kernel-shared/alloc/internal.h"

static struct ref_change child_change(const struct alloc *a, const void *block, bool full, int delta)
{
	return (struct ref_change){ .root = full ? 0 : block_owner(block), .parent = full ? block_bytenr(block) : 0, .delta = delta };
}

static int data_children(struct alloc *a, const void *block, bool full, int delta, struct err *err)
{
	for (u32 i = 0; i < block_nritems(block); i++) {
		struct ref_change c = child_change(a, block, full, delta);
		struct item item = block_item(block, i);
		struct file_extent_view f;
		int ret;

		if (item.key.type != BTRFS_EXTENT_DATA_KEY)
			continue;
		if (file_extent_parse(&item, &f))
			return err_set(err, -EUCLEAN, "file extent (%llu %llu) in block %llu cannot be read", item.key.objectid, item.key.offset, block_bytenr(block));
		if (f.type == BTRFS_FILE_EXTENT_INLINE || !f.disk_bytenr)
			continue;
		c.kind = full ? REF_SHARED_DATA : REF_DATA;
		c.bytenr = f.disk_bytenr;
		c.len = f.disk_num_bytes;
		c.objectid = full ? 0 : item.key.objectid;
		c.offset = full ? 0 : f.start - f.offset;
		ret = ref_queue(a, &c, err);
		if (ret)
			return ret;
	}
	return 0;
}

int ref_children(struct alloc *a, const void *block, bool full, int delta, struct err *err)
{
	if (!block_level(block))
		return data_children(a, block, full, delta, err);
	for (u32 i = 0; i < block_nritems(block); i++) {
		struct ref_change c = child_change(a, block, full, delta);
		int ret;

		c.kind = full ? REF_SHARED_TREE : REF_TREE;
		c.bytenr = le64_get(block_ptrs(block)[i].blockptr);
		c.len = a->geo->nodesize;
		c.level = block_level(block) - 1;
		ret = ref_queue(a, &c, err);
		if (ret)
			return ret;
	}
	return 0;
}
