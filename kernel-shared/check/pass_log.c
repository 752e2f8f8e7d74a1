/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree log: can it be replayed? Its blocks are readable, its roots are what their items say, the data that it names has checksums in
 * the log or in the csum tree. Spec: on-disk-format 6.6; check.md 1.6. */
#include "kernel-shared/check/internal.h"

#include <stdlib.h>
#include "kernel-shared/fs/file.h"
#include "kernel-shared/tree/salvage.h"

struct log_tree {
	struct check *c;
	struct root *root;
	u64 subvol, order;
	struct coverage_map summed; /* by the log itself */
	u64 ino;                    /* the inode whose items come */
	bool unsummed;
};

static void report_block(struct log_tree *l, const struct salvage *s, const struct err *err)
{
	struct where w = { .tree = BTRFS_TREE_LOG_OBJECTID, .tree_offset = l->subvol, .key = s->gap_lo, .bytenr = l->root->tree.bytenr, .order = l->order };

	REPORT(l->c, CHECK_LOG, LOG_BLOCK, w, w.bytenr, err_text(err));
}

static int each_item(struct log_tree *l, struct key lo, struct key hi, int (*fn)(struct log_tree *l, const struct item *item), bool tell, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&l->root->tree, lo, hi);
	struct item item;
	int ret, bad = 0;

	while (!bad && (ret = salvage_next(&s, &item, err)) >= 0) {
		if (!ret)
			bad = fn(l, &item);
		else if (tell)
			report_block(l, &s, err);
		err_clear(err);
	}
	if (bad)
		return err_nomem(err);
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

static int note_csum(struct log_tree *l, const struct item *item)
{
	if (item->key.type != BTRFS_EXTENT_CSUM_KEY)
		return 0;
	return coverage_add(&l->summed, item->key.offset, (u64)(item->size / l->c->geo->csum_size) * l->c->geo->sectorsize);
}

/* Does the csum tree cover what the log itself leaves open? */
static bool summed_elsewhere(struct log_tree *l, u64 start, u64 len)
{
	enum { STEP = 1 << 20 };
	u32 sector = l->c->geo->sectorsize;
	u8 *sums = mem_alloc(STEP / sector, l->c->geo->csum_size), *have = mem_alloc(STEP / sector, 1);
	bool all = sums && have;

	for (u64 at = start; all && at < start + len; at += STEP) {
		u64 n = min_t(u64, STEP, start + len - at);

		memset(have, 0, STEP / sector);
		all = !csum_lookup(l->c->fs, at, n, sums, have, NULL);
		for (u64 i = 0; all && i < n / sector; i++)
			all = have[i] || coverage_bytes(&l->summed, at + i * sector, sector);
	}
	free(sums);
	free(have);
	return all;
}

static void check_extent(struct log_tree *l, const struct item *item)
{
	struct where w = { .tree = BTRFS_TREE_LOG_OBJECTID, .tree_offset = l->subvol, .ino = item->key.objectid, .key = item->key, .order = l->order };
	struct file_extent_view v;
	u64 start, len, end;

	if (l->unsummed || file_extent_parse(item, &v) || v.type != BTRFS_FILE_EXTENT_REG || !v.disk_bytenr)
		return;
	start = v.disk_bytenr + (v.compression ? 0 : v.offset);
	len = v.compression ? v.disk_num_bytes : v.num_bytes;
	w.bytenr = start;
	w.len = len;
	if (add_overflows(start, len, &end) || coverage_bytes(&l->summed, start, len) == len || summed_elsewhere(l, start, len))
		return;
	REPORT(l->c, CHECK_LOG, LOG_CSUM, w, l->subvol, item->key.objectid, item->key.offset, start, len);
}

/* Of an inode that the log itself does not describe the subvolume knows. */
static void begin_inode(struct log_tree *l, u64 ino)
{
	struct root *root;
	struct inode inode;

	l->ino = ino;
	l->unsummed = false;
	if (!fs_subvol_root(l->c->fs, l->subvol, &root, NULL) && !inode_get(root, ino, &inode, NULL))
		l->unsummed = inode.flags & BTRFS_INODE_NODATASUM;
}

static int check_item(struct log_tree *l, const struct item *item)
{
	const struct disk_inode_item *d;

	if (item->key.objectid >= BTRFS_FIRST_FREE_OBJECTID && item->key.objectid <= BTRFS_LAST_FREE_OBJECTID && item->key.objectid != l->ino)
		begin_inode(l, item->key.objectid);
	if (item->key.type == BTRFS_INODE_ITEM_KEY && (d = item_struct(item, struct disk_inode_item)) && le64_get(d->generation))
		l->unsummed = le64_get(d->flags) & BTRFS_INODE_NODATASUM;
	if (item->key.type == BTRFS_EXTENT_DATA_KEY)
		check_extent(l, item);
	return 0;
}

static int check_tree(struct check *c, const struct item *item, u64 order, struct err *err)
{
	struct log_tree l = { .c = c, .subvol = item->key.offset, .order = order };
	struct where w = { .tree = BTRFS_TREE_LOG_OBJECTID, .tree_offset = item->key.offset, .key = item->key, .order = order };
	struct node *node = NULL;
	int ret = fs_root_of_item(c->fs, item, &l.root, err);

	if (!ret) {
		w.bytenr = l.root->tree.bytenr;
		ret = tree_root_node(&l.root->tree, &node, err);
	}
	if (ret == -ENOMEM)
		return ret;
	if (ret) {
		REPORT(c, CHECK_LOG, LOG_BLOCK, w, w.bytenr, err_text(err));
		err_clear(err);
		return 0;
	}
	if (node_level(node) != l.root->item.level)
		REPORT(c, CHECK_LOG, LOG_LEVEL, w, (s64)item->key.objectid, item->key.offset, node_level(node), l.root->item.level);
	node_put(node);
	if (coverage_init(&l.summed, c->fs->vol))
		return err_nomem(err);
	ret = each_item(&l, KEY(BTRFS_EXTENT_CSUM_OBJECTID, 0, 0), KEY(BTRFS_EXTENT_CSUM_OBJECTID, 255, -1ULL), note_csum, false, err);
	coverage_settle(&l.summed);
	if (!ret)
		ret = each_item(&l, KEY_MIN, KEY_MAX, check_item, true, err);
	coverage_fini(&l.summed);
	return ret;
}

int pass_log(struct check *c, struct err *err)
{
	struct where w = { .tree = BTRFS_TREE_LOG_OBJECTID, .bytenr = le64_get(c->fs->sb->log_root) };
	struct err local = ERR_INIT;
	struct item item;
	u64 order = 1;
	int ret;

	if (!c->fs->log_root_tree) {
		REPORT(c, CHECK_LOG, LOG_BLOCK, w, w.bytenr, "the log root tree cannot be read");
		return 0;
	}
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&c->fs->log_root_tree->tree, KEY_MIN, KEY_MAX);

	while ((ret = salvage_next(&s, &item, &local)) >= 0) {
		if (ret)
			REPORT(c, CHECK_LOG, LOG_BLOCK, w, w.bytenr, err_text(&local));
		else if (item.key.type == BTRFS_ROOT_ITEM_KEY && (ret = check_tree(c, &item, order++, &local)))
			break;
		err_clear(&local);
	}
	if (ret == -ENOENT)
		return 0;
	if (err)
		*err = local;
	return ret;
}
