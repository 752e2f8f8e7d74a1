/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A subtree of an unmounted filesystem as a source of treehash. */
#include "kernel-shared/fs/file.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Extents nearer to each other than this are read as one range. */
enum { GAP = 128 << 10, RANGE_MAX = 8 << 20 };

struct fs_source {
	struct treehash_source base;
	struct fs *fs;
	struct loc top;
};

struct fs_node {
	struct treehash_node base;
	struct loc at;
	struct inode inode;
};

enum { TAG_SUBVOL = 1 };

static struct treehash_time time_of(struct timespec64 t)
{
	return (struct treehash_time){ t.sec, t.nsec };
}

static void stat_of(const struct inode *i, struct treehash_stat *st)
{
	*st = (struct treehash_stat){
		.dev = i->root->tree.id, .ino = i->ino, .mode = i->mode, .uid = i->uid, .gid = i->gid, .nlink = i->nlink,
		.major = rdev_major(i->rdev), .minor = rdev_minor(i->rdev), .size = i->size,
		.atime = time_of(i->atime), .mtime = time_of(i->mtime), .ctime = time_of(i->ctime), .otime = time_of(i->otime),
		.placeholder = i->ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID,
	};
}

static int source_look(struct treehash_source *s, struct treehash_node *n, const struct treehash_name *name, struct err *err)
{
	struct fs_node *node = container_of(n, struct fs_node, base);
	int ret = 0;

	if (!name) {
		node->at = container_of(s, struct fs_source, base)->top;
	} else {
		struct fs_node *dir = container_of(n->parent, struct fs_node, base);
		struct dirent d = { .name = (const u8 *)name->name, .name_len = name->len, .is_subvol = name->tag == TAG_SUBVOL, .ino = name->id };

		ret = dirent_follow(dir->at.root, dir->at.ino, &d, &node->at, err);
	}
	if (!ret)
		ret = inode_get(node->at.root, node->at.ino, &node->inode, err);
	if (!ret)
		stat_of(&node->inode, &n->st);
	return ret;
}

static void source_forget(struct treehash_source *s, struct treehash_node *n)
{
}

static int source_list(struct treehash_source *s, struct treehash_node *dir, struct treehash_names *out, struct err *err)
{
	const struct loc *at = &container_of(dir, struct fs_node, base)->at;
	struct dir_iter it CLEANUP(dir_close) = dir_open(at->root, at->ino);
	struct dirent d;
	int ret;

	while (!(ret = dir_next(&it, &d, err)))
		if (treehash_add_name(out, d.name, d.name_len, d.ino, d.is_subvol ? TAG_SUBVOL : 0))
			return err_nomem(err);
	return ret == -ENOENT ? 0 : ret;
}

static int source_open(struct treehash_source *s, struct treehash_node *n, struct err *err)
{
	return 0;
}

static int take_xattr(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	return treehash_add_xattr(arg, name, name_len, value, value_len);
}

static int source_xattrs(struct treehash_source *s, struct treehash_node *n, struct treehash_xattrs *out, struct err *err)
{
	const struct loc *at = &container_of(n, struct fs_node, base)->at;
	int ret = xattr_each(at->root, at->ino, take_xattr, out, err);

	return ret == -ENOMEM ? err_nomem(err) : ret;
}

static int source_target(struct treehash_source *s, struct treehash_node *n, struct strbuf *out, struct err *err)
{
	const struct loc *at = &container_of(n, struct fs_node, base)->at;
	char *target;
	size_t len;
	int ret = symlink_read(at->root, at->ino, &target, &len, err);

	if (ret)
		return ret;
	sb_add(out, target, len);
	free(target);
	return 0;
}

static int source_data(struct treehash_source *s, struct treehash_node *n, u64 from, u64 *start, u64 *end, struct err *err)
{
	const struct loc *at = &container_of(n, struct fs_node, base)->at;
	struct extent_iter e CLEANUP(extents_close) = extents_open(at->root, at->ino, from);
	struct file_extent_view x;
	bool any = false;
	int ret;

	while (!(ret = extents_next(&e, &x, err))) {
		if (x.type == BTRFS_FILE_EXTENT_PREALLOC)
			continue;
		if (any && (x.start - *start > RANGE_MAX || (x.start > *end && x.start - *end > GAP)))
			return 0;
		if (!any)
			*start = x.start > from ? x.start : from;
		*end = extent_end(&x);
		any = true;
	}
	return ret == -ENOENT && any ? 0 : ret;
}

static int source_read(struct treehash_source *s, struct treehash_node *n, u64 off, void *buf, u64 len, struct err *err)
{
	s64 got = file_read(container_of(s, struct fs_source, base)->fs, &container_of(n, struct fs_node, base)->inode, off, buf, len, err);

	return got < 0 ? got : 0;
}

int fs_hash(struct fs *fs, struct loc top, enum hash_times times, char out[TREEHASH_TEXT], struct err *err)
{
	struct fs_source s = {
		.base = {
			.node_size = sizeof(struct fs_node), .look = source_look, .forget = source_forget, .list = source_list,
			.open = source_open, .xattrs = source_xattrs, .target = source_target, .data = source_data, .read = source_read,
		},
		.fs = fs, .top = top,
	};

	if (!top.root)
		return err_set(err, -EIO, "the tree of the top-level subvolume could not be read");
	return treehash(fs->env, &s.base, times, out, err);
}
