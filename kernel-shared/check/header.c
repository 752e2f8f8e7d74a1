/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the header of a tree block says of the block's place in the world: its owner against the references to it, its flags against those of
 * its extent item. Spec: on-disk-format 6.3. */
#include "kernel-shared/check/internal.h"

/* Does the tree that the header names refer to the block by its number? */
static bool owner_refers(const struct claim *claims, size_t n, u64 owner)
{
	for (size_t i = 0; i < n; i++)
		if (claims[i].ref_root == owner)
			return true;
	return false;
}

/* Logs have no references at all, and of the blocks of relocation trees nobody asks who owns them. */
static bool has_owner_ref(const struct check *c, const struct claim *claims, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum tree_kind kind = c->trees.v[claims[i].tree].kind;

		if (kind == TREE_LOG || kind == TREE_RELOC)
			return false;
	}
	return true;
}

/* The owner refers to its block by its number for as long as it has it. When it goes, or gets a copy of its own, the references that the block makes
 * become full ones; those of blocks that relocation has written are so from the beginning, though their owner refers to them again in the end. */
static void check_owner(struct check *c, const struct claim *claims, size_t n, const void *block)
{
	u64 bytenr = claim_bytenr(claims), owner = block_owner(block);
	struct where w = { .tree = c->trees.v[claims->tree].id, .bytenr = bytenr, .len = c->geo->nodesize, .have = owner };
	bool full = blockmap_has(&c->full, bytenr), refers = owner_refers(claims, n, owner), reloc = block_flags(block) & BTRFS_HEADER_FLAG_RELOC;

	if (!full && !refers)
		REPORT(c, CHECK_EXTENTS, BLOCK_OWNER, w, bytenr, w.len);
	if (reloc && !full)
		REPORT(c, CHECK_EXTENTS, BLOCK_FULL, w, bytenr);
}

void check_header(struct check *c, const struct claim *claims, size_t n, const void *block)
{
	struct where w = { .tree = c->trees.v[claims->tree].id, .bytenr = claim_bytenr(claims), .len = c->geo->nodesize };
	u64 unknown = block_flags(block) & ~(u64)(BTRFS_HEADER_FLAG_WRITTEN | BTRFS_HEADER_FLAG_RELOC);

	if (unknown)
		REPORT(c, CHECK_EXTENTS, BLOCK_FLAGS, w, w.bytenr, unknown);
	if (block_backref_rev(block) != BTRFS_MIXED_BACKREF_REV)
		REPORT(c, CHECK_EXTENTS, BLOCK_REVISION, w, w.bytenr, block_backref_rev(block), BTRFS_MIXED_BACKREF_REV);
	if (has_owner_ref(c, claims, n))
		check_owner(c, claims, n, block);
}
