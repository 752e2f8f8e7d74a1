/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/treeid.h"

#include <ctype.h>
#include <strings.h>
#include "kernel-shared/format/ids.h"

static const struct { const char *name; u64 id; } tree_names[] = {
	{ "ROOT", BTRFS_ROOT_TREE_OBJECTID }, { "EXTENT", BTRFS_EXTENT_TREE_OBJECTID }, { "CHUNK", BTRFS_CHUNK_TREE_OBJECTID },
	{ "DEVICE", BTRFS_DEV_TREE_OBJECTID }, { "DEV", BTRFS_DEV_TREE_OBJECTID }, { "FS", BTRFS_FS_TREE_OBJECTID },
	{ "CSUM", BTRFS_CSUM_TREE_OBJECTID }, { "CHECKSUM", BTRFS_CSUM_TREE_OBJECTID }, { "QUOTA", BTRFS_QUOTA_TREE_OBJECTID },
	{ "UUID", BTRFS_UUID_TREE_OBJECTID }, { "FREE_SPACE", BTRFS_FREE_SPACE_TREE_OBJECTID },
	{ "TREE_LOG", BTRFS_TREE_LOG_OBJECTID }, { "TREE_LOG_FIXUP", BTRFS_TREE_LOG_FIXUP_OBJECTID },
	{ "TREE_RELOC", BTRFS_TREE_RELOC_OBJECTID }, { "DATA_RELOC", BTRFS_DATA_RELOC_TREE_OBJECTID },
	{ "BLOCK_GROUP", BTRFS_BLOCK_GROUP_TREE_OBJECTID }, { "RAID_STRIPE", BTRFS_RAID_STRIPE_TREE_OBJECTID },
	{ "REMAP", BTRFS_REMAP_TREE_OBJECTID },
};

/* Dashes and underscores are one, and so are both cases. Returns the length of word if text begins with it, else 0. */
static size_t starts_with(const char *text, const char *word)
{
	size_t i = 0;

	for (; word[i]; i++)
		if (toupper((u8)text[i]) != word[i] && !(text[i] == '-' && word[i] == '_'))
			return 0;
	return i;
}

static int cannot_parse(struct cmd_ctx *ctx, const char *text)
{
	return cmd_error(ctx, "cannot parse tree id: %s", text);
}

int treeid_parse(struct cmd_ctx *ctx, const char *text, u64 *out)
{
	const char *name = text + starts_with(text, "BTRFS_"), *rest;
	size_t best = 0, which = 0;

	if (!parse_u64(text, out, NULL))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(tree_names); i++) {
		size_t len = starts_with(name, tree_names[i].name);

		if (len > best) {
			best = len;
			which = i;
		}
	}
	if (!best)
		return cannot_parse(ctx, text);
	rest = name + best;
	rest += starts_with(rest, "_TREE");
	rest += starts_with(rest, "_OBJECTID");
	if (*rest) {
		cmd_error(ctx, "unexpected tree id suffix of '%s': %s", text, rest);
		return cannot_parse(ctx, text);
	}
	*out = tree_names[which].id;
	return 0;
}
