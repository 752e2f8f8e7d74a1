/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filesystem's uuid: in superblocks alone (-m, -M), or everywhere (-u, -U), which is done in place behind a flag that says so, so that it can be taken up
 * again wherever it was interrupted. */
#include <stdlib.h>
#include "cmds/tune/tune.h"
#include "common/mem.h"
#include "common/pool.h"
#include "common/progress.h"
#include "common/units.h"

int tune_uuid(struct tune *t, const char *text, u8 uuid[16])
{
	struct found_devices found = VEC_INIT;
	char buf[UUID_TEXT_MAX];
	bool taken = false;

	if (!text) {
		env_uuid(t->ctx->env, uuid);
		return 0;
	}
	parse_uuid(text, uuid);
	if (volume_scan(t->ctx->env, &found, NULL))
		return 0; /* who cannot look finds nothing */
	for (size_t i = 0; i < found.len; i++)
		taken |= !memcmp(found.v[i].sb.fsid, uuid, BTRFS_FSID_SIZE) && memcmp(t->fs->sb->fsid, uuid, BTRFS_FSID_SIZE);
	found_devices_fini(&found);
	return taken ? cmd_error(t->ctx, "fsid %s is not unique", uuid_format(uuid, buf)) : 0;
}

/* --- -m, -M --- */

struct metadata_change { u8 fsid[16]; u64 flag; bool final; };

static int set_metadata_fsid(void *arg, struct disk_super *sb, struct err *err)
{
	const struct metadata_change *m = arg;
	u64 incompat = le64_get(sb->incompat_flags), flags = le64_get(sb->flags);

	if (!m->final) {
		sb->flags = le64_of(flags | BTRFS_SUPER_FLAG_CHANGING_FSID_V2);
		return 0;
	}
	sb->flags = le64_of(flags & ~BTRFS_SUPER_FLAG_CHANGING_FSID_V2);
	if (!(incompat & BTRFS_FEATURE_INCOMPAT_METADATA_UUID))
		memcpy(sb->metadata_uuid, sb->fsid, BTRFS_FSID_SIZE);
	incompat |= BTRFS_FEATURE_INCOMPAT_METADATA_UUID;
	memcpy(sb->fsid, m->fsid, BTRFS_FSID_SIZE);
	if (!memcmp(sb->fsid, sb->metadata_uuid, BTRFS_FSID_SIZE)) {
		incompat &= ~BTRFS_FEATURE_INCOMPAT_METADATA_UUID;
		memset(sb->metadata_uuid, 0, sizeof(sb->metadata_uuid));
	}
	sb->incompat_flags = le64_of(incompat);
	return 0;
}

int tune_metadata_fsid(struct tune *t)
{
	struct metadata_change m = { .final = false };
	struct cmd_ctx *ctx = t->ctx;
	int ret = tune_open(t, FS_OPEN_WRITE | FS_OPEN_IN_PLACE);

	if (ret)
		return ret;
	if (le64_get(t->fs->sb->flags) & BTRFS_SUPER_FLAG_SEEDING)
		return cmd_error(ctx, "cannot set metadata UUID on a seed device");
	if (le64_get(t->fs->sb->flags) & BTRFS_SUPER_FLAG_CHANGING_FSID)
		return cmd_error(ctx, "UUID rewrite in progress, cannot change fsid");
	ret = tune_uuid(t, t->a->metadata_fsid, m.fsid);
	if (ret)
		return ret;
	/* Devices may be left behind between two writes: the flag tells those that have the old one. */
	if (le64_get(t->fs->sb->num_devices) > 1 && inplace_supers(t->fs, -1, true, set_metadata_fsid, &m, &ctx->err))
		return cmd_fail(ctx, "cannot change the superblocks");
	m.final = true;
	return inplace_supers(t->fs, -1, true, set_metadata_fsid, &m, &ctx->err) ? cmd_fail(ctx, "cannot change the superblocks") : 0;
}

/* --- -u, -U --- */

struct fsid_change {
	struct tune *t;
	struct fs *fs;
	u8 old[16], new[16];
	u64 flags;            /* set beside the new fsid */
	struct progress *progress;
	VEC(u64) blocks;
	pthread_mutex_t lock;
};

static int set_super_fsid(void *arg, struct disk_super *sb, struct err *err)
{
	const struct fsid_change *c = arg;

	sb->flags = le64_of((le64_get(sb->flags) & ~BTRFS_SUPER_FLAG_CHANGING_FSID) | c->flags);
	memcpy(sb->fsid, c->new, BTRFS_FSID_SIZE);
	memcpy(sb->dev_item.fsid, c->new, BTRFS_FSID_SIZE);
	return 0;
}

static int change_block(void *arg, u64 i, unsigned worker)
{
	struct fsid_change *c = arg;
	struct fs *fs = c->fs;
	u8 *block CLEANUP(mem_freep) = mem_alloc(1, fs->geo->nodesize);
	struct disk_header *h = (void *)block;
	struct err err = ERR_INIT;
	int ret = block ? inplace_read(fs, c->blocks.v[i], 0, block, &err) : err_nomem(&err);
	bool ours = !ret && block_check_csum(fs->geo, block, NULL) && block_bytenr(block) == c->blocks.v[i];

	if (!ret && !ours)
		ret = err_set(&err, -EIO, "no good copy of tree block %llu", c->blocks.v[i]);
	if (!ret && memcmp(h->fsid, c->new, BTRFS_FSID_SIZE)) {
		memcpy(h->fsid, c->new, BTRFS_FSID_SIZE);
		block_set_csum(fs->geo, block);
		pthread_mutex_lock(&c->lock);
		ret = rio_write(fs->vol, c->blocks.v[i], fs->geo->nodesize, block, &err);
		pthread_mutex_unlock(&c->lock);
		nstore_forget(&fs->store, c->blocks.v[i]);
	}
	progress_add(c->progress, 1);
	if (ret) {
		pthread_mutex_lock(&c->lock);
		c->t->ctx->err = err;
		pthread_mutex_unlock(&c->lock);
	}
	return ret;
}

/* All tree blocks. */
static int list_blocks(struct fsid_change *c, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!c->fs->extent_tree)
		return err_set(err, -EIO, "the extent tree cannot be read");
	it = tree_range(&c->fs->extent_tree->tree, KEY_MIN, KEY_MAX);
	while ((ret = tree_next(&it, &item, err)) == 0) {
		struct extent_view ext;

		if (item.key.type != BTRFS_METADATA_ITEM_KEY && item.key.type != BTRFS_EXTENT_ITEM_KEY)
			continue;
		ret = extent_item_parse(c->fs->geo, &item, &ext);
		if (ret)
			return err_set(err, ret, "a damaged extent item at %llu", item.key.objectid);
		if (!ext.is_data && vec_push(&c->blocks, ext.bytenr))
			return err_nomem(err);
	}
	return ret == -ENOENT ? 0 : ret;
}

struct dev_place { u64 bytenr; unsigned slot; };

/* Device items carry the id, too. */
static int change_devices(struct fsid_change *c, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	u8 *block CLEANUP(mem_freep) = mem_alloc(1, c->fs->geo->nodesize);
	VEC(struct dev_place) places = VEC_INIT;
	struct item item;
	int ret;

	if (!block || !c->fs->chunk_tree)
		return err_set(err, -EIO, "the chunk tree cannot be read");
	it = tree_range(&c->fs->chunk_tree->tree, KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, 0), KEY(BTRFS_DEV_ITEMS_OBJECTID, BTRFS_DEV_ITEM_KEY, -1ULL));
	while ((ret = tree_next(&it, &item, err)) == 0)
		if (vec_push(&places, ((struct dev_place){ it.path.nodes[0]->bytenr, item.slot }))) {
			ret = err_nomem(err);
			break;
		}
	if (ret == -ENOENT)
		ret = 0;
	for (size_t i = 0; !ret && i < places.len; i++) {
		ret = inplace_read(c->fs, places.v[i].bytenr, 0, block, err);
		if (ret)
			break;
		item = block_item(block, places.v[i].slot);
		memcpy(((struct disk_dev_item *)item.data)->fsid, c->new, BTRFS_FSID_SIZE);
		ret = inplace_write(c->fs, places.v[i].bytenr, 0, block, true, err);
	}
	vec_fini(&places);
	return ret;
}

static int change_all(struct fsid_change *c, struct err *err)
{
	int ret;

	cmd_say(c->t->ctx, 1, "Change fsid in extent tree\n");
	ret = list_blocks(c, err);
	progress_total(c->progress, c->blocks.len);
	if (!ret)
		ret = pool_for(c->fs->env->pool, c->blocks.len, change_block, c);
	if (!ret)
		ret = volume_flush(c->fs->vol, err);
	if (ret)
		return ret;
	cmd_say(c->t->ctx, 1, "Change fsid in chunk tree\n");
	return change_devices(c, err);
}

/* What the blocks have: the superblock already says the new one when the change was interrupted. */
static int find_old(struct fsid_change *c, struct err *err)
{
	u8 *block CLEANUP(mem_freep) = mem_alloc(1, c->fs->geo->nodesize);
	int ret = block ? inplace_read(c->fs, le64_get(c->fs->sb->chunk_root), 0, block, err) : err_nomem(err);

	if (!ret)
		memcpy(c->old, block_header(block)->fsid, BTRFS_FSID_SIZE);
	return ret;
}

static int rewrite(struct fsid_change *c)
{
	struct cmd_ctx *ctx = c->t->ctx;
	char buf[UUID_TEXT_MAX];
	int ret;

	cmd_say(ctx, 1, "Current fsid: %s\n", uuid_format(c->old, buf));
	cmd_say(ctx, 1, "New fsid: %s\n", uuid_format(c->new, buf));
	cmd_say(ctx, 1, "Set superblock flag CHANGING_FSID\n");
	c->flags = BTRFS_SUPER_FLAG_CHANGING_FSID;
	ret = inplace_supers(c->fs, -1, true, set_super_fsid, c, &ctx->err);
	/* From here on blocks of either id are read. */
	c->fs->sb->flags = le64_of(le64_get(c->fs->sb->flags) | c->flags);
	if (!ret) {
		c->progress = progress_new("tree blocks changed", PROGRESS_ITEMS, 0, ctx->progress);
		ret = change_all(c, &ctx->err);
		progress_free(c->progress);
	}
	if (!ret) {
		cmd_say(ctx, 1, "Clear superblock flag CHANGING_FSID\n");
		c->flags = 0;
		ret = inplace_supers(c->fs, -1, true, set_super_fsid, c, &ctx->err);
	}
	if (ret)
		return cmd_fail(ctx, "the change of the fsid is not finished (-u goes on with it)");
	cmd_say(ctx, 1, "Fsid change finished\n");
	return 0;
}

static int choose_new(struct fsid_change *c)
{
	struct tune *t = c->t;
	char buf[UUID_TEXT_MAX];

	if (!(le64_get(c->fs->sb->flags) & BTRFS_SUPER_FLAG_CHANGING_FSID))
		return tune_uuid(t, t->a->fsid, c->new);
	memcpy(c->new, c->fs->sb->fsid, BTRFS_FSID_SIZE);
	if (t->a->fsid) {
		u8 wanted[16];

		parse_uuid(t->a->fsid, wanted);
		if (memcmp(wanted, c->new, sizeof(wanted)))
			return cmd_error(t->ctx, "new fsid %s is not the same with unfinished fsid change", uuid_format(wanted, buf));
	}
	return 0;
}

int tune_fsid(struct tune *t)
{
	struct fsid_change c = { .t = t };
	struct cmd_ctx *ctx = t->ctx;
	int ret = tune_open(t, FS_OPEN_WRITE | FS_OPEN_IN_PLACE);

	if (ret)
		return ret;
	c.fs = t->fs;
	if (geo_incompat(c.fs->geo, BTRFS_FEATURE_INCOMPAT_METADATA_UUID))
		return cmd_error(ctx, "Cannot rewrite fsid while METADATA_UUID flag is active. \n"
				 "Ensure fsid and metadata_uuid match before retrying.");
	if (le64_get(c.fs->sb->log_root))
		return cmd_error(ctx, "there is a log that waits to be replayed: mount the filesystem once, or use 'btrfs rescue zero-log'");
	if (!t->a->force) {
		cmd_warn(ctx, "it's recommended to run 'btrfs check --readonly' before this operation.\n"
			 "\tThe whole operation must finish before the filesystem can be mounted again.\n"
			 "\tIf cancelled or interrupted, run 'btrfstune -u' to restart.");
		if (!cmd_ask(ctx, "We are going to change UUID, are your sure?"))
			return cmd_error(ctx, "UUID change canceled");
	}
	ret = choose_new(&c);
	if (!ret && find_old(&c, &ctx->err))
		ret = cmd_fail(ctx, "cannot read the chunk root");
	if (ret)
		return ret;
	pthread_mutex_init(&c.lock, NULL);
	env_start_pool(ctx->env, NULL);
	ret = rewrite(&c);
	vec_fini(&c.blocks);
	pthread_mutex_destroy(&c.lock);
	return ret;
}
