/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in items: of files, and if that is wanted of subvolumes and xattrs. Spec: metadump 5. */
#include "kernel-shared/dump/internal.h"

/* Counts entries of directories: the other items that hold the same name say nothing new. */
static void replace(const struct cleaner *cl, const u8 *name, size_t len, bool hashed, struct clean_counts *counts)
{
	if (!len)
		return;
	if (cl->names == NAMES_GARBAGE)
		name_garbage(&cl->namer, (u8 *)name, len);
	else if (!name_collide(&cl->namer, (u8 *)name, len) && hashed)
		counts->short_names++;
}

/* What could not be told apart might be a name. */
static bool clear_rest(const struct item *item, u32 pos, struct clean_counts *counts)
{
	if (pos >= item->size || !clean_zero((u8 *)item->data + pos, item->size - pos))
		return false;
	counts->odd_names++;
	return true;
}

static bool is_dots(const u8 *name, size_t len)
{
	return (len == 1 || len == 2) && name[0] == '.' && name[len - 1] == '.';
}

/* The root tree's directory: "default" says which subvolume a mount shows. */
static bool keeps_entry(const struct cleaner *cl, u64 tree, const struct item *item, const struct dir_entry_view *e)
{
	if (is_dots(e->name, e->name_len) || (tree == BTRFS_ROOT_TREE_OBJECTID && item->key.objectid == BTRFS_ROOT_TREE_DIR_OBJECTID))
		return true;
	/* ROOT_REF has the name of a subvolume, too. Whoever wants no new finding wants both to say the same. */
	return e->location.type == BTRFS_ROOT_ITEM_KEY && cl->names == NAMES_COLLIDE && !cl->private;
}

static bool clean_dir(const struct cleaner *cl, u64 tree, const struct item *item, struct clean_counts *counts)
{
	struct dir_entry_view e;
	bool changed = false;
	u32 pos = 0, at = 0;

	while (dir_item_next(item, &pos, &e)) {
		at = pos;
		if (keeps_entry(cl, tree, item, &e))
			continue;
		replace(cl, e.name, e.name_len, item->key.type == BTRFS_DIR_ITEM_KEY, counts);
		changed = true;
	}
	return clear_rest(item, at, counts) | changed;
}

/* The kernel's own names tell nothing; of the others the prefix stays, by which the kernel knows whom to ask. */
static void clean_xattr_name(const struct cleaner *cl, const struct dir_entry_view *e, struct clean_counts *counts)
{
	const u8 *dot = memchr(e->name, '.', e->name_len);
	size_t prefix = dot ? (size_t)(dot + 1 - e->name) : 0;
	static const char *const kept[] = { "system.", "btrfs." };

	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		if (prefix == strlen(kept[i]) && !memcmp(e->name, kept[i], prefix))
			return;
	replace(cl, e->name + prefix, e->name_len - prefix, true, counts);
}

static bool clean_xattr(const struct cleaner *cl, const struct item *item, struct clean_counts *counts)
{
	struct dir_entry_view e;
	bool changed = false;
	u32 pos = 0, at = 0;

	while (dir_item_next(item, &pos, &e)) {
		at = pos;
		changed |= clean_zero((u8 *)e.data, e.data_len);
		if (!cl->private)
			continue;
		clean_xattr_name(cl, &e, counts);
		changed = true;
	}
	return clear_rest(item, at, counts) | changed;
}

static bool clean_refs(const struct cleaner *cl, u64 tree, const struct item *item, struct clean_counts *counts)
{
	struct inode_ref_view ref;
	bool changed = false;
	u32 pos = 0, at = 0;

	while (inode_ref_next(item, &pos, &ref)) {
		at = pos;
		if (is_dots(ref.name, ref.name_len) || (tree == BTRFS_ROOT_TREE_OBJECTID && ref.parent == BTRFS_ROOT_TREE_DIR_OBJECTID))
			continue;
		replace(cl, ref.name, ref.name_len, false, counts);
		changed = true;
	}
	return clear_rest(item, at, counts) | changed;
}

static bool clean_root_ref(const struct cleaner *cl, const struct item *item, struct clean_counts *counts)
{
	struct root_ref_view ref;

	if (!cl->private)
		return false;
	if (!root_ref_parse(item, &ref))
		return clear_rest(item, 0, counts);
	replace(cl, ref.name, min_t(size_t, ref.name_len, item->data + item->size - ref.name), false, counts);
	return true;
}

bool clean_names(const struct cleaner *cl, u64 tree, const struct item *item, struct clean_counts *counts)
{
	switch (item->key.type) {
	case BTRFS_DIR_ITEM_KEY:
	case BTRFS_DIR_INDEX_KEY:
		return clean_dir(cl, tree, item, counts);
	case BTRFS_XATTR_ITEM_KEY:
		return clean_xattr(cl, item, counts);
	case BTRFS_INODE_REF_KEY:
	case BTRFS_INODE_EXTREF_KEY:
		return clean_refs(cl, tree, item, counts);
	case BTRFS_ROOT_REF_KEY:
	case BTRFS_ROOT_BACKREF_KEY:
		return clean_root_ref(cl, item, counts);
	}
	return false;
}

void clean_super(const struct cleaner *cl, struct disk_super *sb)
{
	size_t len = strnlen(sb->label, sizeof(sb->label));

	if (!cl->names || !cl->private)
		return;
	if (len)
		name_garbage(&cl->namer, (u8 *)sb->label, len);
	clean_zero(sb->label + len, sizeof(sb->label) - len);
	super_set_csum(sb);
}
