/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees by their root items. Spec: on-disk-format 3.11, 4.1. */
#include "kernel-shared/fs/open.h"

#include "common/mem.h"

struct root *root_new(struct fs *fs, u64 objectid, u64 offset, u64 bytenr, u64 generation, u8 level)
{
	struct root *root = mem_zalloc(sizeof(*root));
	struct tree *t;

	if (!root)
		return NULL;
	t = &root->tree;
	tree_init(t, &fs->store, objectid, bytenr, generation, level);
	t->offset = offset;
	t->owner = root;
	t->any_owner = objectid == BTRFS_TREE_RELOC_OBJECTID || objectid == BTRFS_TREE_LOG_OBJECTID;
	t->shareable = is_fstree(objectid) || objectid == BTRFS_TREE_RELOC_OBJECTID;
	t->source = fs->writer ? writer_source(fs->writer) : NULL;
	root->fs = fs;
	return root;
}

void roots_set_source(struct fs *fs, struct block_source *source)
{
	u64 id, first;

	for (size_t pos = 0; hmap_next(&fs->roots, &pos, &id, &first);)
		for (struct root *root = (struct root *)(uintptr_t)first; root; root = root->next)
			root->tree.source = source;
}

void root_free(struct root *root)
{
	tree_fini(&root->tree);
	free(root);
}

/* Reads the root block, so that whoever gets the root knows that it is there. */
static int root_verify(struct root *root, bool unknown, struct err *err)
{
	struct tree *t = &root->tree;
	struct block_ref ref = tree_root_ref(t);
	struct node *n;
	int ret;

	ref.has_level = !unknown;
	ret = node_get(t->store, &ref, &n, err);
	if (ret)
		return ret;
	if (unknown) {
		t->level = node_level(n);
		t->generation = node_generation(n);
	}
	node_put(n);
	return 0;
}

int root_enter(struct fs *fs, struct root *root, struct err *err)
{
	u64 *first = hmap_put(&fs->roots, root->tree.id, NULL);

	if (!first)
		return err_nomem(err);
	root->next = (struct root *)(uintptr_t)*first;
	*first = (uintptr_t)root;
	return 0;
}

void root_leave(struct fs *fs, struct root *root)
{
	u64 *first = hmap_get(&fs->roots, root->tree.id);
	struct root *at = first ? (struct root *)(uintptr_t)*first : NULL;

	if (at == root) {
		*first = (uintptr_t)root->next;
		return;
	}
	while (at && at->next != root)
		at = at->next;
	if (at)
		at->next = root->next;
}

static struct root *root_find(struct fs *fs, u64 objectid, u64 offset)
{
	u64 *first = hmap_get(&fs->roots, objectid);
	struct root *root = first ? (struct root *)(uintptr_t)*first : NULL;

	while (root && root->tree.offset != offset)
		root = root->next;
	return root;
}

static struct root *root_find_newest(struct fs *fs, u64 objectid)
{
	u64 *first = hmap_get(&fs->roots, objectid);
	struct root *root = first ? (struct root *)(uintptr_t)*first : NULL;

	while (root && !root->newest)
		root = root->next;
	return root;
}

/* Verifies and keeps a new root, or frees it. */
static int root_settle(struct fs *fs, struct root *root, bool unknown, struct root **out, struct err *err)
{
	int ret = root_verify(root, unknown, err);

	if (!ret)
		ret = root_enter(fs, root, err);
	if (ret) {
		root_free(root);
		return ret;
	}
	*out = root;
	return 0;
}

int root_add_bare(struct fs *fs, u64 id, u64 bytenr, u64 generation, u8 level, struct root **out, struct err *err)
{
	struct root *root = root_new(fs, id, 0, bytenr, generation, level);

	return root ? root_settle(fs, root, !generation, out, err) : err_nomem(err);
}

/* The item in its full form: what an old or half-updated one does not say is zero. */
static void root_item_read(struct root *root, const struct item *item)
{
	struct disk_root_item *ri = &root->item;
	size_t size = min_t(size_t, item->size, sizeof(*ri));

	memcpy(ri, item->data, size);
	root->legacy = size < sizeof(*ri);
	if (root->legacy || le64_get(ri->generation_v2) != le64_get(ri->generation))
		memset((u8 *)ri + BTRFS_ROOT_ITEM_LEGACY_SIZE, 0, sizeof(*ri) - BTRFS_ROOT_ITEM_LEGACY_SIZE);
	root->tree.bytenr = le64_get(ri->bytenr);
	root->tree.generation = le64_get(ri->generation);
	root->tree.level = ri->level;
	root->tree.last_snapshot = le64_get(ri->last_snapshot);
}

static int root_load(struct fs *fs, const struct item *item, struct root **out, struct err *err)
{
	const struct key *key = &item->key;
	struct root *root = root_find(fs, key->objectid, key->offset);
	int ret;

	if (root) {
		*out = root;
		return 0;
	}
	if (item->size < BTRFS_ROOT_ITEM_LEGACY_SIZE)
		return err_set(err, -EUCLEAN, "root item (%lld %llu) has %u bytes, at least %u are needed", (s64)key->objectid, key->offset,
			       item->size, BTRFS_ROOT_ITEM_LEGACY_SIZE);
	root = root_new(fs, key->objectid, key->offset, 0, 0, 0);
	if (!root)
		return err_nomem(err);
	root_item_read(root, item);
	ret = root_settle(fs, root, false, out, err);
	return ret ? err_wrap(err, ret, "root of tree %lld", (s64)key->objectid) : 0;
}

static int root_get_locked(struct fs *fs, u64 objectid, u64 offset, struct root **out, struct err *err)
{
	struct key key = KEY(objectid, BTRFS_ROOT_ITEM_KEY, offset);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret;

	*out = root_find(fs, objectid, offset);
	if (*out)
		return 0;
	if (!fs->root_tree)
		return err_set(err, -EIO, "the root tree could not be read");
	ret = tree_lookup(&fs->root_tree->tree, &key, &path, &item, err);
	if (ret == -ENOENT)
		return err_set(err, -ENOENT, "there is no tree %lld (key offset %llu)", (s64)objectid, offset);
	return ret ? ret : root_load(fs, &item, out, err);
}

int fs_root_get(struct fs *fs, u64 objectid, u64 offset, struct root **out, struct err *err)
{
	int ret;

	pthread_mutex_lock(&fs->roots_lock);
	ret = root_get_locked(fs, objectid, offset, out, err);
	pthread_mutex_unlock(&fs->roots_lock);
	return ret;
}

int fs_root_of_item(struct fs *fs, const struct item *item, struct root **out, struct err *err)
{
	int ret;

	pthread_mutex_lock(&fs->roots_lock);
	ret = root_load(fs, item, out, err);
	pthread_mutex_unlock(&fs->roots_lock);
	return ret;
}

static int subvol_root_locked(struct fs *fs, u64 id, struct root **out, struct err *err)
{
	struct key key = KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret;

	*out = root_find_newest(fs, id);
	if (*out)
		return 0;
	if (!fs->root_tree)
		return err_set(err, -EIO, "the root tree could not be read");
	ret = tree_lookup_le(&fs->root_tree->tree, &key, &path, &item, err);
	if (ret == -ENOENT || (!ret && (item.key.objectid != id || item.key.type != BTRFS_ROOT_ITEM_KEY)))
		return err_set(err, -ENOENT, "there is no subvolume %lld", (s64)id);
	if (!ret)
		ret = root_load(fs, &item, out, err);
	if (!ret)
		(*out)->newest = true;
	return ret;
}

int fs_subvol_root(struct fs *fs, u64 id, struct root **out, struct err *err)
{
	int ret;

	pthread_mutex_lock(&fs->roots_lock);
	ret = subvol_root_locked(fs, id, out, err);
	pthread_mutex_unlock(&fs->roots_lock);
	return ret;
}

void roots_free(struct fs *fs)
{
	size_t pos = 0;
	u64 key, value;

	while (hmap_next(&fs->roots, &pos, &key, &value)) {
		struct root *root = (struct root *)(uintptr_t)value;

		while (root) {
			struct root *next = root->next;

			root_free(root);
			root = next;
		}
	}
	hmap_fini(&fs->roots);
}
