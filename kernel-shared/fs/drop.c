/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking file extents away: whole items, or slices of them. Spec: on-disk-format 9. */
#include "kernel-shared/fs/change.h"

struct dropper { struct txn *txn; struct root *root; u64 ino, from, end, freed; };

static struct key extent_key(const struct dropper *d, u64 off)
{
	return KEY(d->ino, BTRFS_EXTENT_DATA_KEY, off);
}

static int ref_drop(struct dropper *d, const struct file_extent_view *f, int delta, struct err *err)
{
	struct ref_change c = { .bytenr = f->disk_bytenr, .len = f->disk_num_bytes, .kind = REF_DATA, .root = d->root->tree.id, .objectid = d->ino,
		.offset = f->start - f->offset, .delta = delta };

	return f->disk_bytenr ? ref_queue(txn_alloc(d->txn), &c, err) : 0;
}

static u64 item_end(const struct dropper *d, const struct file_extent_view *f)
{
	return f->start + (f->type == BTRFS_FILE_EXTENT_INLINE ? round_up_p2(f->ram_bytes, d->root->fs->geo->sectorsize) : f->num_bytes);
}

/* Stores other bounds into the item at key `at`; start may have moved. */
static int extent_slice(struct dropper *d, u64 at, u64 start, u64 offset, u64 num_bytes, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = extent_key(d, at), to = extent_key(d, start);
	struct disk_file_extent_item *f;
	int ret = tree_search_cow(&d->root->tree, &key, 0, &p, err);

	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	f = (struct disk_file_extent_item *)path_item_mut(&d->root->tree, &p, err);
	if (!f)
		return -ENOMEM;
	f->offset = le64_of(offset);
	f->num_bytes = le64_of(num_bytes);
	return start == at ? 0 : tree_set_key_at(&d->root->tree, &p, &to, err);
}

/* The item loses its middle: what is behind becomes an item of its own. */
static int extent_split(struct dropper *d, const struct file_extent_view *f, struct err *err)
{
	struct disk_file_extent_item tail = { .generation = le64_of(f->generation), .ram_bytes = le64_of(f->ram_bytes), .compression = f->compression,
		.encryption = f->encryption, .other_encoding = le16_of(f->other_encoding), .type = f->type, .disk_bytenr = le64_of(f->disk_bytenr),
		.disk_num_bytes = le64_of(f->disk_num_bytes), .offset = le64_of(f->offset + d->end - f->start),
		.num_bytes = le64_of(item_end(d, f) - d->end) };
	struct key key = extent_key(d, d->end);
	int ret = tree_insert(&d->root->tree, &key, &tail, sizeof(tail), err);

	return ret ? ret : ref_drop(d, f, 1, err);
}

/* An inline extent gives up its end; its middle cannot go. */
static int inline_cut(struct dropper *d, const struct file_extent_view *f, struct err *err)
{
	u32 head = d->from - f->start;
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = extent_key(d, f->start);
	struct disk_file_extent_item *to;
	int ret;

	if (f->compression || d->end < item_end(d, f))
		return err_set(err, -EINVAL, "an inline extent cannot be cut here");
	if (head >= f->ram_bytes)
		return 0;
	ret = tree_search_cow(&d->root->tree, &key, 0, &p, err);
	if (!ret)
		ret = tree_truncate_at(&d->root->tree, &p, BTRFS_FILE_EXTENT_INLINE_DATA_START + head, false, err);
	if (ret)
		return ret < 0 ? ret : -EUCLEAN;
	to = (struct disk_file_extent_item *)path_item_mut(&d->root->tree, &p, err);
	if (!to)
		return -ENOMEM;
	to->ram_bytes = le64_of(head);
	d->freed += f->ram_bytes - head;
	return 0;
}

/* One item that overlaps the range but is not inside it. */
static int extent_cut(struct dropper *d, const struct file_extent_view *f, struct err *err)
{
	u64 end = item_end(d, f), lo = max_t(u64, f->start, d->from), hi = min_t(u64, end, d->end);
	int ret = 0;

	if (f->type == BTRFS_FILE_EXTENT_INLINE)
		return inline_cut(d, f, err);
	if (f->disk_bytenr)
		d->freed += hi - lo;
	if (f->start < d->from && end > d->end)
		ret = extent_split(d, f, err);
	if (ret)
		return ret;
	if (f->start < d->from)
		return extent_slice(d, f->start, f->start, f->offset, d->from - f->start, err);
	return extent_slice(d, f->start, d->end, f->offset + d->end - f->start, end - d->end, err);
}

/* The item that reaches into the range from before, if any. */
static int cut_first(struct dropper *d, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = extent_key(d, d->from);
	struct file_extent_view f;
	struct item item;
	int ret = d->from ? tree_lookup_le(&d->root->tree, &key, &p, &item, err) : -ENOENT;

	if (ret || item.key.objectid != d->ino || item.key.type != BTRFS_EXTENT_DATA_KEY || item.key.offset == d->from)
		return ret == -ENOENT ? 0 : ret;
	if (file_extent_parse(&item, &f))
		return err_set(err, -EUCLEAN, "file extent (%llu %llu) cannot be read", d->ino, item.key.offset);
	path_fini(&p);
	return item_end(d, &f) > d->from ? extent_cut(d, &f, err) : 0;
}

/* Gives up what the items inside the range refer to; one that reaches beyond it is cut. */
static int drop_inside(struct dropper *d, bool *any, struct err *err)
{
	struct file_extent_view f = { 0 };
	struct item item;
	bool beyond = false;
	int ret;

	{
		struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&d->root->tree, extent_key(d, d->from), extent_key(d, d->end - 1));

		while ((ret = tree_next(&it, &item, err)) == 0) {
			if (file_extent_parse(&item, &f))
				return err_set(err, -EUCLEAN, "file extent (%llu %llu) cannot be read", d->ino, item.key.offset);
			beyond = item_end(d, &f) > d->end;
			if (beyond)
				break;
			*any = true;
			if (f.type == BTRFS_FILE_EXTENT_INLINE || f.disk_bytenr)
				d->freed += f.type == BTRFS_FILE_EXTENT_INLINE ? f.ram_bytes : f.num_bytes;
			ret = f.type == BTRFS_FILE_EXTENT_INLINE ? 0 : ref_drop(d, &f, -1, err);
			if (ret)
				return ret;
		}
	}
	return beyond ? extent_cut(d, &f, err) : ret == -ENOENT ? 0 : ret;
}

int extents_drop(struct txn *txn, struct root *root, u64 ino, u64 from, u64 end, u64 *freed, struct err *err)
{
	struct dropper d = { txn, root, ino, from, end, 0 };
	struct key lo = extent_key(&d, from), hi = extent_key(&d, end - 1);
	bool any = false;
	int ret = from < end ? cut_first(&d, err) : 0;

	if (!ret && from < end)
		ret = drop_inside(&d, &any, err);
	if (!ret && any)
		ret = tree_delete_range(&root->tree, &lo, &hi, NULL, err);
	*freed = d.freed;
	return ret;
}

int inode_destroy(struct txn *txn, struct root *root, u64 ino, struct err *err)
{
	struct key lo = KEY(ino, 0, 0), hi = KEY(ino, 255, -1ULL);
	u64 freed;
	int ret = extents_drop(txn, root, ino, 0, -1ULL, &freed, err);

	if (!ret)
		ret = tree_delete_range(&root->tree, &lo, &hi, NULL, err);
	return ret ? ret : root_touch(txn, root, err);
}
