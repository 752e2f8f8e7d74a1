/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feature table: names in dump-super, options of mkfs -O, kernel versions. Spec: on-disk-format 1.4, cli 18.2. */
#include <strings.h>
#include "kernel-shared/format/super.h"

#define INCOMPAT(bit) BTRFS_FEATURE_INCOMPAT_##bit, 0
#define COMPAT_RO(bit) 0, BTRFS_FEATURE_COMPAT_RO_##bit

/* Rows that mkfs offers come first, in the order of its list; then the others in bit order. */
const struct feature features[] = {
	{ "MIXED_GROUPS", "mixed-bg", NULL, INCOMPAT(MIXED_GROUPS), "mixed data and metadata block groups", "2.6.37", "2.6.37", NULL, true },
	{ NULL, "quota", NULL, 0, 0, "quota support (qgroups)", "3.4", NULL, NULL, true },
	{ "EXTENDED_IREF", "extref", NULL, INCOMPAT(EXTENDED_IREF), "increased hardlink limit per file to 65536", "3.7", "3.12", "3.12", true },
	{ "RAID56", "raid56", NULL, INCOMPAT(RAID56), "raid56 extended format", "3.9", NULL, NULL, true },
	{ "SKINNY_METADATA", "skinny-metadata", NULL, INCOMPAT(SKINNY_METADATA), "reduced-size metadata extent refs", "3.10", "3.18", "3.18", true },
	{ "NO_HOLES", "no-holes", NULL, INCOMPAT(NO_HOLES), "no explicit hole extents for files", "3.14", "4.0", "5.15", true },
	{ "FREE_SPACE_TREE", "free-space-tree", "fst", 0, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE | BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID,
	  "free space tree (space_cache=v2)", "4.5", "4.9", "5.15", true },
	{ "RAID1C34", "raid1c34", NULL, INCOMPAT(RAID1C34), "RAID1 with 3 or 4 copies", "5.5", NULL, NULL, true },
	{ "ZONED", "zoned", NULL, INCOMPAT(ZONED), "support zoned devices", "5.12", NULL, NULL, true },
	{ "BLOCK_GROUP_TREE", "block-group-tree", "bgt", COMPAT_RO(BLOCK_GROUP_TREE), "block group tree, more efficient block group tracking to reduce mount time",
	  "6.1", "6.6", "6.19", true },
	{ "SIMPLE_QUOTA", "squota", NULL, INCOMPAT(SIMPLE_QUOTA), "squota support (simple accounting qgroups)", "6.7", NULL, NULL, true },
	{ .name = "MIXED_BACKREF", .incompat = BTRFS_FEATURE_INCOMPAT_MIXED_BACKREF },
	{ .name = "DEFAULT_SUBVOL", .incompat = BTRFS_FEATURE_INCOMPAT_DEFAULT_SUBVOL },
	{ .name = "COMPRESS_LZO", .incompat = BTRFS_FEATURE_INCOMPAT_COMPRESS_LZO },
	{ .name = "COMPRESS_ZSTD", .incompat = BTRFS_FEATURE_INCOMPAT_COMPRESS_ZSTD },
	{ .name = "BIG_METADATA", .incompat = BTRFS_FEATURE_INCOMPAT_BIG_METADATA },
	{ .name = "METADATA_UUID", .incompat = BTRFS_FEATURE_INCOMPAT_METADATA_UUID },
	{ .name = "EXTENT_TREE_V2", .option = "extent-tree-v2", .incompat = BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2, .desc = "new extent tree format" },
	{ .name = "RAID_STRIPE_TREE", .option = "raid-stripe-tree", .alias = "rst", .incompat = BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE,
	  .desc = "raid stripe tree, enhanced file extent tracking" },
	{ .name = "REMAP_TREE", .option = "remap-tree", .incompat = BTRFS_FEATURE_INCOMPAT_REMAP_TREE, .desc = "chunk remapping through a tree" },
	{ .name = "FREE_SPACE_TREE_VALID", .compat_ro = BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID },
	{ .name = "VERITY", .compat_ro = BTRFS_FEATURE_COMPAT_RO_VERITY },
};
const unsigned features_count = ARRAY_SIZE(features);

static bool same(const char *option, const char *name, size_t len)
{
	return option && strlen(option) == len && !memcmp(option, name, len);
}

const struct feature *feature_by_option(const char *name, size_t len)
{
	for (unsigned i = 0; i < features_count; i++)
		if (same(features[i].option, name, len) || same(features[i].alias, name, len))
			return &features[i];
	return NULL;
}

/* The row whose only bit this is: "free-space-tree" stands for two bits, its name for the lower. */
const char *feature_bit_name(u64 incompat, u64 compat_ro)
{
	for (unsigned i = 0; i < features_count; i++) {
		const struct feature *f = &features[i];
		u64 ro = f->compat_ro & -f->compat_ro;

		if (f->name && ((incompat && f->incompat == incompat) || (compat_ro && ro == compat_ro)))
			return f->name;
	}
	return NULL;
}

static void append_set(struct strbuf *out, u64 incompat_set, bool ro, const char *kind)
{
	for (u64 left = incompat_set; left; left &= left - 1) {
		u64 bit = left & -left;
		const char *name = feature_bit_name(ro ? 0 : bit, ro ? bit : 0);

		if (out->len)
			sb_lit(out, ", ");
		if (name)
			sb_puts(out, name);
		else
			sb_printf(out, "unknown %s bit 0x%llx", kind, bit);
	}
}

void super_format_features(u64 incompat, u64 compat_ro, struct strbuf *out)
{
	append_set(out, incompat, false, "incompat");
	append_set(out, compat_ro, true, "compat_ro");
}
