/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After several devices became one: device extents, device items and sizes say so, too, in one transaction. The chunk items and the block groups were changed as
 * they were written, so the filesystem can be opened. Spec: metadump 4.5. */
#include "kernel-shared/dump/restore.h"

#include "kernel-shared/fs/spacetree.h"

struct settle { struct fs *fs; const struct plan *plan; struct device *dev; u64 size, used; };

struct stripe_at { u64 physical, length, chunk; };
VEC_TYPE(stripes, struct stripe_at);

static int by_physical(const void *pa, const void *pb)
{
	const struct stripe_at *a = pa, *b = pb;

	return a->physical < b->physical ? -1 : a->physical > b->physical;
}

static int list_stripes(struct settle *s, struct stripes *out)
{
	for (size_t i = 0; i < s->plan->places.len; i++) {
		const struct place *p = &s->plan->places.v[i];

		if (vec_push(out, ((struct stripe_at){ p->physical, p->length, p->start })) ||
		    (p->second && vec_push(out, ((struct stripe_at){ p->second, p->length, p->start }))))
			return -ENOMEM;
	}
	vec_sort(out, by_physical);
	for (size_t i = 0; i < out->len; i++) {
		s->used += out->v[i].length;
		s->size = max_t(u64, s->size, out->v[i].physical + out->v[i].length);
	}
	return 0;
}

static int settle_extents(struct settle *s, struct err *err)
{
	struct tree *t = &s->fs->dev_tree->tree;
	struct disk_dev_extent d = { .chunk_tree = le64_of(BTRFS_CHUNK_TREE_OBJECTID), .chunk_objectid = le64_of(BTRFS_FIRST_CHUNK_TREE_OBJECTID) };
	struct node *root CLEANUP(node_putp) = NULL;
	struct key lo = KEY(1, 0, 0), hi = KEY_MAX;
	struct stripes stripes = VEC_INIT;
	int ret = tree_root_node(t, &root, err);

	if (!ret) {
		memcpy(d.chunk_tree_uuid, block_header(root->data)->chunk_tree_uuid, sizeof(d.chunk_tree_uuid));
		ret = list_stripes(s, &stripes) ? err_nomem(err) : tree_delete_range(t, &lo, &hi, NULL, err);
	}
	for (size_t i = 0; !ret && i < stripes.len; i++) {
		struct key key = KEY(s->dev->devid, BTRFS_DEV_EXTENT_KEY, stripes.v[i].physical);

		d.chunk_offset = le64_of(stripes.v[i].chunk);
		d.length = le64_of(stripes.v[i].length);
		ret = tree_insert(t, &key, &d, sizeof(d), err);
	}
	vec_fini(&stripes);
	return ret;
}

static int settle_devices(struct settle *s, struct txn *txn, struct err *err)
{
	struct tree *t = &s->fs->chunk_tree->tree;
	struct key key = KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, s->dev->devid);
	struct key below = KEY(key.objectid, key.type, key.offset - 1), above = KEY(key.objectid, key.type, key.offset + 1);
	struct key first = KEY(key.objectid, key.type, 0), last = KEY(key.objectid, key.type, -1ULL);
	int ret = s->dev->devid ? tree_delete_range(t, &first, &below, NULL, err) : 0;

	if (!ret)
		ret = tree_delete_range(t, &above, &last, NULL, err);
	if (ret)
		return ret;
	s->dev->item.total_bytes = le64_of(s->size);
	s->dev->item.bytes_used = le64_of(s->used);
	s->dev->total_bytes = s->size;
	s->dev->bytes_used = s->used;
	txn_super(txn)->total_bytes = le64_of(s->size);
	return tree_put(t, &key, &s->dev->item, sizeof(s->dev->item), false, err);
}

static int settle_all(struct settle *s, struct txn *txn, struct err *err)
{
	int ret = settle_extents(s, err);

	if (!ret)
		ret = settle_devices(s, txn, err);
	/* Space that a superblock copy took on a device that is gone is free now. */
	if (!ret && s->fs->free_space_tree)
		ret = op_free_space_tree_rebuild(txn, err);
	return ret;
}

int settle_device(struct env *env, const char *path, const struct plan *p, u64 *size, struct err *err)
{
	struct settle s = { .plan = p };
	struct txn *txn;
	int ret = fs_open_path(env, path, FS_OPEN_WRITE | FS_OPEN_DEGRADED | FS_OPEN_NOSCAN | FS_OPEN_QUIET, &s.fs, err);

	if (ret)
		return err_wrap(err, ret, "what was restored cannot be opened to make one device of it");
	s.dev = s.fs->vol->main;
	ret = txn_begin(s.fs->writer, &txn, err);
	if (!ret) {
		ret = settle_all(&s, txn, err);
		if (ret)
			txn_abort(txn);
		else
			ret = txn_commit(txn, err);
	}
	fs_close(s.fs);
	*size = s.size;
	return ret ? err_wrap(err, ret, "cannot make one device of it") : 0;
}
