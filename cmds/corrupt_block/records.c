/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items that chance picks, or what chance does to them: extents, chunks; and checksums. */
#include <stdio.h>
#include "cmds/corrupt_block/corrupt.h"
#include "kernel-shared/tree/edit.h"

struct victim { struct key key; bool kill; struct place at; /* before anything is changed */ };
VEC_TYPE(victims, struct victim);

static int patch_zero(struct corrupt *c, u8 *block, unsigned slot)
{
	struct item item = block_item(block, slot);

	memset((u8 *)item.data, 0, item.size);
	return 0;
}

static int patch_remove(struct corrupt *c, u8 *block, unsigned slot)
{
	leaf_remove(c->fs->geo, block, slot, 1);
	return 0;
}

static int victim_add(struct corrupt *c, struct victims *to, const struct key *key)
{
	bool kill = c->fs->writer && env_random_u64(c->ctx->env) & 1;

	return vec_push(to, ((struct victim){ .key = *key, .kill = kill })) ? fail(c, -ENOMEM, "not enough memory") : 0;
}

/* 0, or why the transaction that deletes them is not: on the disk nothing has changed then. */
static int delete_all(struct corrupt *c, struct root *root, const struct victims *v)
{
	struct txn *txn;
	int ret = c->fs->writer ? txn_begin(c->fs->writer, &txn, &c->ctx->err) : -EROFS;

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < v->len; i++)
		if (v->v[i].kill)
			ret = tree_delete(&root->tree, &v->v[i].key, &c->ctx->err);
	if (ret)
		txn_abort(txn);
	return ret ? ret : txn_commit(txn, &c->ctx->err);
}

/* From the last to the first: what goes shifts the slots behind it. */
static int ruin_in_place(struct corrupt *c, const struct victims *v)
{
	int ret = 0;

	err_clear(&c->ctx->err);
	for (size_t i = v->len; !ret && i-- > 0;)
		ret = patch_place(c, &v->v[i].at, v->v[i].kill ? patch_remove : patch_zero);
	return ret;
}

/* Deletes some and zeroes the others, in ascending order of their keys. Deleting comes first: a transaction believes what it finds. */
static int ruin(struct corrupt *c, struct root *root, const struct victims *v)
{
	bool any = false;
	int ret = 0;

	for (size_t i = 0; !ret && i < v->len; i++) {
		any |= v->v[i].kill;
		ret = inplace_find(&root->tree, &v->v[i].key, &v->v[i].at.bytenr, &v->v[i].at.slot, &c->ctx->err);
	}
	if (ret)
		return ret;
	if (any && delete_all(c, root, v))
		return ruin_in_place(c, v);
	for (size_t i = 0; !ret && i < v->len; i++)
		if (!v->v[i].kill)
			ret = patch_item(c, root, &v->v[i].key, patch_zero);
	return ret;
}

int delete_item(struct corrupt *c, struct root *root, const struct key *key)
{
	struct victim v = { .key = *key, .kill = true };

	return ruin(c, root, &(struct victims){ .v = &v, .len = 1 });
}

static int ruin_said(struct corrupt *c, struct root *root, struct victims *v, void (*say)(struct corrupt *c, const struct victim *v))
{
	int ret;

	for (size_t i = 0; i < v->len; i++)
		say(c, &v->v[i]);
	ret = ruin(c, root, v);
	vec_fini(v);
	return ret;
}

static void say_extent(struct corrupt *c, const struct victim *v)
{
	fprintf(stderr, "%s extent record: key %llu %u %llu\n", v->kill ? "deleting" : "corrupting", v->key.objectid, v->key.type, v->key.offset);
}

static void say_chunk(struct corrupt *c, const struct victim *v)
{
	cmd_say(c->ctx, 1, "%s key and data [%llu, %u, %llu]\n", v->kill ? "Deleting" : "Corrupting", v->key.objectid, v->key.type, v->key.offset);
}

static bool is_extent(u8 type)
{
	return type == BTRFS_EXTENT_ITEM_KEY || type == BTRFS_METADATA_ITEM_KEY || type == BTRFS_TREE_BLOCK_REF_KEY || type == BTRFS_EXTENT_DATA_REF_KEY ||
	       type == BTRFS_SHARED_BLOCK_REF_KEY || type == BTRFS_SHARED_DATA_REF_KEY;
}

static bool is_chunk(u8 type) { return type == BTRFS_CHUNK_ITEM_KEY || type == BTRFS_DEV_ITEM_KEY; }

/* The items of [lo, hi] that match, those of every leaf with one chance in `odds`. */
static int gather(struct corrupt *c, struct root *root, struct key lo, struct key hi, bool (*match)(u8 type), unsigned odds, struct victims *out)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!root)
		return fail(c, -EIO, "the tree cannot be read");
	it = tree_range(&root->tree, lo, hi);
	while ((ret = tree_next(&it, &item, &c->ctx->err)) == 0) {
		if (!match(item.key.type) || (odds > 1 && env_random_u64(c->ctx->env) % odds))
			continue;
		ret = victim_add(c, out, &item.key);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : fail(c, ret, "cannot read the tree");
}

int corrupt_extent_record(struct corrupt *c)
{
	struct victims v = VEC_INIT;
	u64 at = c->a->logical;
	int ret = gather(c, c->fs->extent_tree, KEY(at, 0, 0), KEY(at, 255, -1ULL), is_extent, 1, &v);

	if (!ret && !v.len) {
		err_clear(&c->ctx->err);
		return fail(c, -ENOENT, "couldn't find extent %llu", at);
	}
	return ret ? ret : ruin_said(c, c->fs->extent_tree, &v, say_extent);
}

/* About one item of a hundred, spread over all leaves. */
int corrupt_extent_tree(struct corrupt *c)
{
	struct victims v = VEC_INIT;
	int ret = gather(c, c->fs->extent_tree, KEY_MIN, KEY_MAX, is_extent, 100, &v);

	if (!ret && !v.len)
		ret = gather(c, c->fs->extent_tree, KEY_MIN, KEY_MAX, is_extent, 5, &v);
	return ret ? ret : ruin_said(c, c->fs->extent_tree, &v, say_extent);
}

int corrupt_chunk_record(struct corrupt *c)
{
	struct victims v = VEC_INIT;
	struct key key = KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, c->a->logical);
	int ret = gather(c, c->fs->chunk_tree, key, key, is_chunk, 1, &v);

	if (!ret && !v.len) {
		err_clear(&c->ctx->err);
		return fail(c, -ENOENT, "couldn't find chunk %llu", c->a->logical);
	}
	return ret ? ret : ruin_said(c, c->fs->chunk_tree, &v, say_chunk);
}

int corrupt_chunk_tree(struct corrupt *c)
{
	struct victims v = VEC_INIT;
	int ret = gather(c, c->fs->chunk_tree, KEY_MIN, KEY_MAX, is_chunk, 1, &v);

	return ret ? ret : ruin_said(c, c->fs->chunk_tree, &v, say_chunk);
}

int corrupt_csum(struct corrupt *c)
{
	u64 len = c->a->has_bytes ? c->a->bytes : c->fs->geo->sectorsize, end;
	struct txn *txn;
	int ret = c->fs->writer ? 0 : err_set(&c->ctx->err, -EROFS, "the filesystem is broken too much for transactions");

	if (!ret && (add_overflows(c->a->csum, len, &end) || !is_aligned_p2(c->a->csum | len, c->fs->geo->sectorsize)))
		ret = err_set(&c->ctx->err, -EINVAL, "%llu and %llu are not multiples of the sector size", c->a->csum, len);
	if (!ret)
		ret = txn_begin(c->fs->writer, &txn, &c->ctx->err);
	if (ret)
		return fail(c, ret, "failed to start transaction");
	ret = csum_delete(txn_alloc(txn), c->a->csum, len, &c->ctx->err);
	if (ret) {
		txn_abort(txn);
		return fail(c, ret, "cannot delete checksums");
	}
	ret = txn_commit(txn, &c->ctx->err);
	return ret ? fail(c, ret, "failed to commit transaction") : 0;
}
