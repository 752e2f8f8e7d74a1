/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One item of a tree: its fields, its bytes, its key, its place. */
#include "cmds/corrupt_block/corrupt.h"
#include "common/mem.h"

static struct item item_at(const u8 *block, unsigned slot) { return block_item(block, slot); }

/* Makes the way to the leaf this tree's own. A failure leaves it as it was. */
static void copy_way(struct corrupt *c, struct root *root, const struct key *key)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct txn *txn;

	if (!c->fs->writer || writer_dead(c->fs->writer) || txn_begin(c->fs->writer, &txn, NULL))
		return;
	if (tree_search_cow(&root->tree, key, 0, &path, NULL)) {
		path_fini(&path);
		txn_abort(txn);
		return;
	}
	path_fini(&path);
	txn_commit(txn, NULL);
}

int patch_place(struct corrupt *c, const struct place *at, patch_fn *fn)
{
	u8 *block CLEANUP(mem_freep) = mem_alloc(1, c->fs->geo->nodesize);
	int ret = block ? inplace_read(c->fs, at->bytenr, 0, block, &c->ctx->err) : err_nomem(&c->ctx->err);

	if (ret)
		return fail(c, ret, "cannot read the item's block");
	ret = fn(c, block, at->slot);
	if (ret)
		return ret;
	ret = inplace_write(c->fs, at->bytenr, 0, block, true, &c->ctx->err);
	return ret ? fail(c, ret, "cannot write") : 0;
}

int patch_item(struct corrupt *c, struct root *root, const struct key *key, patch_fn *fn)
{
	struct place at;
	int ret = inplace_find(&root->tree, key, &at.bytenr, &at.slot, &c->ctx->err);

	if (ret)
		return ret;
	copy_way(c, root, key);
	ret = inplace_find(&root->tree, key, &at.bytenr, &at.slot, &c->ctx->err);
	return ret ? fail(c, ret, "cannot find the item's block again") : patch_place(c, &at, fn);
}

int find_root(struct corrupt *c, struct root **out)
{
	u64 id = c->a->has_root ? c->a->root : BTRFS_FS_TREE_OBJECTID;
	int ret = fs_root_get(c->fs, id, 0, out, &c->ctx->err);

	if (ret == -ENOENT && is_fstree(id))
		ret = fs_subvol_root(c->fs, id, out, &c->ctx->err);
	return ret ? fail(c, ret, "couldn't find owner root %llu", id) : 0;
}

u64 other_value(struct corrupt *c, u64 old, u32 size)
{
	u64 mask = size < 8 ? (1ULL << 8 * size) - 1 : -1ULL, v;

	if (c->a->has_value)
		return c->a->value & mask;
	do
		v = env_random_u64(c->ctx->env) & mask;
	while (v == (old & mask));
	return v;
}

void set_other(struct corrupt *c, u8 *value, u32 size)
{
	u8 bytes[8] = { 0 };
	u64 v;

	memcpy(bytes, value, min_t(u32, size, sizeof(bytes)));
	v = other_value(c, get_le64(bytes), min_t(u32, size, sizeof(bytes)));
	put_le64(bytes, v);
	memcpy(value, bytes, min_t(u32, size, sizeof(bytes)));
}

/* A field of the item's row. */
static int set_field(struct corrupt *c, u8 *block, unsigned slot, const char *name)
{
	struct item item = item_at(block, slot);
	struct field f;

	if (item_field_find(&item, name, &f))
		return invalid_field(c);
	set_other(c, (u8 *)item.data + f.offset, f.size);
	return 0;
}

/* What the option calls a field, and what the row calls it. */
static const char *field_name(const struct corrupt *c, const char *const (*names)[2], unsigned n)
{
	for (unsigned i = 0; c->a->field && i < n; i++)
		if (!strcmp(c->a->field, names[i][0]))
			return names[i][1];
	return NULL;
}

static const char *const inode_fields[][2] = {
	{ "isize", "size" }, { "nbytes", "nbytes" }, { "nlink", "nlink" }, { "generation", "generation" }, { "transid", "transid" },
	{ "block_group", "block_group" }, { "mode", "mode" }, { "uid", "uid" }, { "gid", "gid" },
};

static int patch_inode(struct corrupt *c, u8 *block, unsigned slot)
{
	return set_field(c, block, slot, field_name(c, inode_fields, ARRAY_SIZE(inode_fields)));
}

int corrupt_inode(struct corrupt *c)
{
	struct key key = KEY(c->a->inode, BTRFS_INODE_ITEM_KEY, 0);
	int ret;

	if (!field_name(c, inode_fields, ARRAY_SIZE(inode_fields)))
		return invalid_field(c);
	if (!c->fs->fs_tree)
		return fail(c, -EIO, "the fs tree cannot be read");
	cmd_say(c->ctx, 1, "corrupting inode\n");
	ret = patch_item(c, c->fs->fs_tree, &key, patch_inode);
	return ret == -ENOENT ? fail(c, ret, "couldn't find inode %llu", c->a->inode) : ret;
}

static int patch_file_extent(struct corrupt *c, u8 *block, unsigned slot)
{
	return set_field(c, block, slot, c->a->field);
}

int corrupt_file_extent(struct corrupt *c)
{
	struct key key = KEY(c->a->inode, BTRFS_EXTENT_DATA_KEY, c->a->file_extent);
	int ret;

	if (!c->a->field || (strcmp(c->a->field, "disk_bytenr") && strcmp(c->a->field, "type")))
		return invalid_field(c);
	if (!strcmp(c->a->field, "type") && !c->a->has_value)
		return fail(c, -EINVAL, "specify a new extent type value (-v)");
	if (!c->fs->fs_tree)
		return fail(c, -EIO, "the fs tree cannot be read");
	ret = patch_item(c, c->fs->fs_tree, &key, patch_file_extent);
	return ret == -ENOENT ? fail(c, ret, "couldn't find extent %llu for inode %llu", c->a->file_extent, c->a->inode) : ret;
}

static const char *const key_fields[][2] = { { "objectid", "key.objectid" }, { "type", "key.type" }, { "offset", "key.offset" } };

static int patch_key(struct corrupt *c, u8 *block, unsigned slot)
{
	struct disk_key *k = (struct disk_key *)&block_items(block)[slot].key;

	switch (c->a->field[0]) {
	case 'o':
		set_other(c, c->a->field[1] == 'b' ? k->objectid.b : k->offset.b, 8);
		return 0;
	default:
		set_other(c, &k->type, 1);
		return 0;
	}
}

static int not_found(struct corrupt *c, int ret)
{
	if (ret != -ENOENT)
		return ret;
	err_clear(&c->ctx->err);
	return fail(c, ret, "error searching to node %d", ret);
}

int corrupt_key(struct corrupt *c)
{
	struct root *root;
	int ret;

	if (!field_name(c, key_fields, ARRAY_SIZE(key_fields)))
		return invalid_field(c);
	ret = find_root(c, &root);
	return ret ? ret : not_found(c, patch_item(c, root, &c->a->key, patch_key));
}

static int patch_header(struct corrupt *c, u8 *block, unsigned slot)
{
	set_other(c, ((struct disk_item *)block_items(block))[slot].offset.b, 4);
	return 0;
}

int corrupt_item_header(struct corrupt *c)
{
	struct root *root;
	int ret;

	if (strcmp(c->a->field, "offset"))
		return invalid_field(c);
	ret = find_root(c, &root);
	return ret ? ret : not_found(c, patch_item(c, root, &c->a->item, patch_header));
}

static int patch_data(struct corrupt *c, u8 *block, unsigned slot)
{
	struct item item = item_at(block, slot);
	u64 end;

	if (add_overflows(c->a->offset, c->a->bytes, &end) || end > item.size)
		return fail(c, -EINVAL, "item corruption past end of item: %llu > %u", end, item.size);
	memset((u8 *)item.data + c->a->offset, c->a->value, c->a->bytes);
	return 0;
}

int corrupt_item_data(struct corrupt *c)
{
	struct root *root;
	int ret = find_root(c, &root);

	return ret ? ret : not_found(c, patch_item(c, root, &c->a->item, patch_data));
}

static int patch_dir_item(struct corrupt *c, u8 *block, unsigned slot)
{
	struct item item = item_at(block, slot);
	struct dir_entry_view e;
	u32 pos = 0;

	if (!dir_item_next(&item, &pos, &e))
		return fail(c, -EINVAL, "the item has no entry");
	if (!strcmp(c->a->field, "name"))
		((u8 *)e.name)[0]++;
	else
		set_other(c, (u8 *)e.item->location.objectid.b, 8);
	return 0;
}

int corrupt_dir_item(struct corrupt *c)
{
	struct root *root;
	int ret;

	if (strcmp(c->a->field, "name") && strcmp(c->a->field, "location_objectid"))
		return invalid_field(c);
	ret = find_root(c, &root);
	return ret ? ret : not_found(c, patch_item(c, root, &c->a->dir_item, patch_dir_item));
}

static const char *const group_fields[][2] = { { "used", "used" }, { "flags", "flags" }, { "chunk_objectid", "chunk_objectid" } };

static int patch_group(struct corrupt *c, u8 *block, unsigned slot)
{
	return set_field(c, block, slot, c->a->field);
}

int corrupt_block_group(struct corrupt *c)
{
	struct root *root = fs_block_group_root(c->fs);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(c->a->block_group, BTRFS_BLOCK_GROUP_ITEM_KEY, 0);
	struct item item;
	int ret;

	if (!field_name(c, group_fields, ARRAY_SIZE(group_fields)))
		return invalid_field(c);
	if (!root)
		return fail(c, -EIO, "the tree of block groups cannot be read");
	ret = tree_lookup_ge(&root->tree, &key, &path, &item, &c->ctx->err);
	if (!ret)
		key = item.key;
	if (ret == -ENOENT || (!ret && (key.objectid != c->a->block_group || key.type != BTRFS_BLOCK_GROUP_ITEM_KEY))) {
		err_clear(&c->ctx->err);
		return fail(c, -ENOENT, "couldn't find the bg %llu", c->a->block_group);
	}
	path_fini(&path);
	return ret ? fail(c, ret, "cannot search for the block group") : patch_item(c, root, &key, patch_group);
}

int corrupt_delete(struct corrupt *c)
{
	struct root *root;
	int ret = find_root(c, &root);

	return ret ? ret : not_found(c, delete_item(c, root, &c->a->delete));
}
