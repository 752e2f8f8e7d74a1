/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel left half done: a balance that is paused (its item says what was asked for), a device replace. Spec: on-disk-format 3.21, 3.23. */
#include "kernel-shared/chunks/work.h"

static const struct key balance_key = { .objectid = BTRFS_BALANCE_OBJECTID, .type = BTRFS_TEMPORARY_ITEM_KEY };

static struct balance_filter filter_read(const struct disk_balance_args *d)
{
	struct balance_filter f = { .flags = le64_get(d->flags), .profiles = le64_get(d->profiles), .target = le64_get(d->target), .usage = le64_get(d->usage),
		.devid = le64_get(d->devid), .limit = le64_get(d->limit), .pstart = le64_get(d->pstart), .pend = le64_get(d->pend), .vstart = le64_get(d->vstart),
		.vend = le64_get(d->vend), .stripes_min = le32_get(d->stripes_min), .stripes_max = le32_get(d->stripes_max) };

	/* the same bytes hold a number, or both ends of a range */
	f.usage_min = (u32)f.usage;
	f.usage_max = f.usage >> 32;
	f.limit_min = (u32)f.limit;
	f.limit_max = f.limit >> 32;
	return f;
}

int fs_balance_paused(struct fs *fs, struct balance *out, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	const struct disk_balance_item *d;
	struct item item;
	int ret = tree_lookup(&fs->root_tree->tree, &balance_key, &p, &item, err);

	if (ret)
		return ret;
	d = item_struct(&item, struct disk_balance_item);
	if (!d)
		return err_set(err, -EUCLEAN, "the item of the paused balance has %u bytes", item.size);
	*out = (struct balance){ .flags = le64_get(d->flags), .data = filter_read(&d->data), .meta = filter_read(&d->meta), .system = filter_read(&d->sys) };
	return 0;
}

int fs_balance_forget(struct fs *fs, struct err *err)
{
	struct txn *txn;
	int ret = txn_begin(fs->writer, &txn, err);

	if (ret)
		return ret;
	ret = tree_delete(&fs->root_tree->tree, &balance_key, err);
	if (!ret)
		return work_commit(fs, txn, err);
	txn_abort(txn);
	return ret;
}

/* What was moved is not moved again: by its profile, or because it is full now. As the kernel does it. */
static void go_on(struct balance_filter *f)
{
	if (f->flags & BTRFS_BALANCE_ARGS_CONVERT)
		f->flags |= BTRFS_BALANCE_ARGS_SOFT;
	if (f->flags & (BTRFS_BALANCE_ARGS_USAGE | BTRFS_BALANCE_ARGS_USAGE_RANGE | BTRFS_BALANCE_ARGS_CONVERT))
		return;
	f->flags |= BTRFS_BALANCE_ARGS_USAGE;
	f->usage = 90;
}

void balance_resumed(struct balance *b)
{
	go_on(&b->data);
	go_on(&b->meta);
	go_on(&b->system);
}

int fs_chunks_busy(struct fs *fs, const char **what, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key replace = KEY(0, BTRFS_DEV_REPLACE_KEY, 0);
	const struct disk_dev_replace *r;
	struct balance b;
	struct item item;
	int ret = fs_balance_paused(fs, &b, err);

	*what = ret ? NULL : "balance paused";
	if (ret != -ENOENT)
		return ret;
	ret = tree_lookup(&fs->dev_tree->tree, &replace, &p, &item, err);
	if (ret && ret != -ENOENT)
		return ret;
	r = ret ? NULL : item_struct(&item, struct disk_dev_replace);
	err_clear(err);
	/* started, or suspended: its target holds a part of what is written */
	if (r && (le64_get(r->state) == 1 || le64_get(r->state) == 4))
		*what = "device replace";
	return 0;
}
