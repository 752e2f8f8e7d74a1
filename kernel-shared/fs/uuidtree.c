/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The uuid tree: from a subvolume's uuid, or the one it was received from, to its id. Spec: on-disk-format 3.24, 1.8. */
#include "kernel-shared/fs/change.h"
#include "kernel-shared/fs/open.h"

static const u8 nobody[16];

static struct key uuid_key(const u8 uuid[16], u8 type)
{
	return KEY(get_le64(uuid), type, get_le64(uuid + 8));
}

/* Where id stands in the item, -1: nowhere. */
static int id_find(const struct item *item, u64 id)
{
	for (u32 pos = 0; pos + 8 <= item->size; pos += 8)
		if (get_le64(item->data + pos) == id)
			return pos;
	return -1;
}

static int entry_put(struct tree *t, const u8 uuid[16], u8 type, u64 id, struct err *err)
{
	struct key key = uuid_key(uuid, type);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	u8 buf[8], *to;
	u32 old;
	int ret;

	put_le64(buf, id);
	if (!memcmp(uuid, nobody, sizeof(nobody)))
		return 0;
	ret = tree_lookup(t, &key, &p, &item, err);
	if (ret == -ENOENT)
		return tree_insert(t, &key, buf, sizeof(buf), err);
	if (ret || id_find(&item, id) >= 0)
		return ret;
	old = item.size;
	if (old + sizeof(buf) > geo_max_item(t->store->geo))
		return err_set(err, -EOVERFLOW, "too many subvolumes of one uuid");
	ret = tree_search_cow(t, &key, sizeof(buf), &p, err);
	if (!ret)
		ret = tree_extend_at(t, &p, sizeof(buf), err);
	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	to = path_item_mut(t, &p, err);
	if (!to)
		return -ENOMEM;
	memcpy(to + old, buf, sizeof(buf));
	return 0;
}

int internal_tree_create(struct txn *txn, u64 id, struct root **out, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct root *root = root_new(fs, id, 0, 0, 0, 0);
	int ret = root ? fs_root_register(fs, root, err) : err_nomem(err);

	if (!ret)
		ret = txn_new_tree(txn, root, err);
	if (!ret)
		ret = root_store(txn, root, err);
	*out = root;
	return ret;
}

/* A tree that is whole from the start: mounting it needs no scan. */
static int uuid_tree_make(struct txn *txn, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct subvol_list list;
	int ret = subvol_list(fs, &list, err);

	if (ret)
		return ret;
	ret = internal_tree_create(txn, BTRFS_UUID_TREE_OBJECTID, &fs->uuid_tree, err);
	for (size_t i = 0; !ret && i < list.len; i++) {
		const struct subvol_info *s = &list.v[i];

		if (s->deleted)
			continue;
		ret = entry_put(&fs->uuid_tree->tree, s->item.uuid, BTRFS_UUID_KEY_SUBVOL, s->id, err);
		if (!ret)
			ret = entry_put(&fs->uuid_tree->tree, s->item.received_uuid, BTRFS_UUID_KEY_RECEIVED_SUBVOL, s->id, err);
	}
	subvol_list_fini(&list);
	if (!ret)
		txn_super(txn)->uuid_tree_generation = le64_of(txn_id(txn));
	return ret ? err_wrap(err, ret, "cannot make the uuid tree") : 0;
}

int uuid_add(struct txn *txn, const u8 uuid[16], u8 type, u64 id, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	int ret = fs->uuid_tree ? 0 : uuid_tree_make(txn, err);

	return ret ? ret : entry_put(&fs->uuid_tree->tree, uuid, type, id, err);
}

int uuid_remove(struct txn *txn, const u8 uuid[16], u8 type, u64 id, struct err *err)
{
	struct fs *fs = txn_fs(txn);
	struct key key = uuid_key(uuid, type);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	struct tree *t;
	int ret, at;
	u8 *data;
	u32 size;

	if (!fs->uuid_tree || !memcmp(uuid, nobody, sizeof(nobody)))
		return 0;
	t = &fs->uuid_tree->tree;
	ret = tree_lookup(t, &key, &p, &item, err);
	at = ret ? -1 : id_find(&item, id);
	if (at < 0)
		return ret == -ENOENT ? 0 : ret;
	size = item.size;
	ret = tree_search_cow(t, &key, -1, &p, err);
	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	if (size < 16)
		return tree_delete_at(t, &p, 1, err);
	data = path_item_mut(t, &p, err);
	if (!data)
		return -ENOMEM;
	memmove(data + at, data + at + 8, size - at - 8);
	return tree_truncate_at(t, &p, size - 8, false, err);
}
