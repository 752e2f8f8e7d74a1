/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random but repeatable work on the subvolumes of an opened filesystem, for programs that judge afterwards what came of it: files, directories and
 * attributes in all of them, snapshots, snapshots of snapshots, nested subvolumes, deletions in slices. */
#ifndef TESTS_OFFLINE_WRITE_WORK_H
#define TESTS_OFFLINE_WRITE_WORK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel-shared/fs/quota.h"
#include "kernel-shared/fs/spacetree.h"

struct work {
	struct fs *fs;
	struct txn *txn;
	unsigned rnd, ok, refused;
	bool groups;
	struct err err;
};

static void say(struct env *env, enum msg_level level, const char *text)
{
	fprintf(stderr, "message %d: %s\n", level, text);
}

static unsigned pick(struct work *w, unsigned n)
{
	w->rnd = w->rnd * 1103515245 + 12345;
	return (w->rnd >> 8) % n;
}

/* One of the living subvolumes. */
static int any_subvol(struct work *w, struct root **out)
{
	struct subvol_list list;
	int ret = subvol_list(w->fs, &list, &w->err);
	size_t i;

	if (ret)
		return ret;
	do
		i = pick(w, list.len);
	while (list.v[i].deleted);
	ret = fs_subvol_root(w->fs, list.v[i].id, out, &w->err);
	subvol_list_fini(&list);
	return ret;
}

/* The top directory or one of those below it. */
static struct loc any_dir(struct work *w, struct root *root)
{
	struct loc dir = { root, BTRFS_FIRST_FREE_OBJECTID };
	struct dirent e;
	char name[16];
	int len = sprintf(name, "d%u", pick(w, 6));

	if (pick(w, 3) && !dir_lookup(root, dir.ino, name, len, &e, &w->err) && !e.is_subvol)
		dir.ino = e.ino;
	return dir;
}

static int any_name(struct work *w, char *to)
{
	return sprintf(to, pick(w, 10) ? "f%u" : "%0200u", pick(w, 400));
}

static int step_names(struct work *w, struct loc dir, struct loc dir2)
{
	char name[256], name2[256];
	int len = any_name(w, name), len2 = any_name(w, name2);
	struct new_inode ni = { .mode = S_IFREG | 0644, .inherit = true };
	struct dirent e;
	u64 ino;

	switch (pick(w, 8)) {
	case 0:
		ni.mode = S_IFDIR | 0755;
		len = sprintf(name, "d%u", pick(w, 6));
		return op_create(w->txn, dir, name, len, &ni, &ino, &w->err);
	case 1:
		return op_unlink(w->txn, dir, name, len, &w->err);
	case 2:
		return op_rename(w->txn, dir, name, len, dir2, name2, len2, pick(w, 5) ? 0 : RENAME_EXCHANGE_OP, &w->err);
	case 3:
		if (dir_lookup(dir.root, dir.ino, name, len, &e, &w->err) || e.is_subvol)
			return -ENOENT;
		return op_link(w->txn, (struct loc){ dir.root, e.ino }, dir2, name2, len2, &w->err);
	case 4:
		if (dir_lookup(dir.root, dir.ino, name, len, &e, &w->err) || e.is_subvol)
			return -ENOENT;
		return op_xattr(w->txn, (struct loc){ dir.root, e.ino }, "user.x", 6, name2, len2, 0, &w->err);
	case 5:
		return op_rmdir(w->txn, dir, name, sprintf(name, "s%u", pick(w, 40)), &w->err);
	default:
		return op_create(w->txn, dir, name, len, &ni, &ino, &w->err);
	}
}

static int step_data(struct work *w, struct loc dir, struct loc dir2)
{
	static const struct write_opts opts = WRITE_OPTS_DEFAULT;
	static u8 buf[300000];
	struct dirent e, e2;
	char name[256];
	u64 off = (u64)pick(w, 60) * 4096;
	size_t len = pick(w, 4) ? pick(w, 3000) : (1 + pick(w, 60)) * 4096;

	if (dir_lookup(dir.root, dir.ino, name, any_name(w, name), &e, &w->err) || e.is_subvol || e.type != BTRFS_FT_REG_FILE)
		return -ENOENT;
	memset(buf, pick(w, 256), len);
	switch (pick(w, 5)) {
	case 0:
		return op_truncate(w->txn, (struct loc){ dir.root, e.ino }, pick(w, 300000), &w->err);
	case 1:
		if (dir_lookup(dir2.root, dir2.ino, name, any_name(w, name), &e2, &w->err) || e2.type != BTRFS_FT_REG_FILE)
			return -ENOENT;
		return op_clone(w->txn, (struct loc){ dir.root, e.ino }, off, 8192, (struct loc){ dir2.root, e2.ino }, off + 4096, 0, &w->err);
	default:
		return op_write(w->txn, &opts, (struct loc){ dir.root, e.ino }, off, buf, len, &w->err);
	}
}

/* On a full filesystem what was freed can be had after the next commit. */
static int again(struct work *w)
{
	int ret = txn_commit(w->txn, &w->err);

	return ret ? ret : txn_begin(w->fs->writer, &w->txn, &w->err);
}

/* A slice of each subvolume that is being deleted, or all of it. */
static int step_drop(struct work *w, unsigned max)
{
	struct subvol_list list;
	int ret = subvol_list(w->fs, &list, &w->err);
	bool done;

	for (size_t i = 0; !ret && i < list.len; i++)
		for (done = !list.v[i].deleted; !ret && !done;) {
			ret = subvol_drop(w->txn, list.v[i].id, max ? max : 500, &done, &w->err);
			if (max)
				break;
			if (!ret)
				ret = again(w);
		}
	subvol_list_fini(&list);
	return ret;
}

static int step_subvol(struct work *w, struct root *root, struct loc dir)
{
	static const u8 uuid[16] = "received-from-me";
	struct timespec64 when = { 1700000000, 5 };
	char name[256];
	int len = sprintf(name, "s%u", pick(w, 40));
	u64 id;

	switch (pick(w, 10)) {
	case 0: case 1:
		return op_subvol_create(w->txn, dir, name, len, NULL, &id, &w->err);
	case 2: case 3: case 4: case 5:
		if (any_subvol(w, &root))
			return -EIO;
		return op_subvol_snapshot(w->txn, root->tree.id, dir, name, len, !pick(w, 3), NULL, &id, &w->err);
	case 6: case 7:
		return op_subvol_delete(w->txn, root->tree.id, &w->err);
	case 8:
		return op_subvol_set_readonly(w->txn, root->tree.id, !pick(w, 4), &w->err);
	default:
		return op_subvol_set_received(w->txn, root->tree.id, uuid, 77, &when, NULL, &w->err);
	}
}

/* Groups 1/1 to 2/4 and those of subvolumes. */
static int step_groups(struct work *w, u64 subvol)
{
	u64 low = 1ULL << BTRFS_QGROUP_LEVEL_SHIFT | (1 + pick(w, 4)), high = 2ULL << BTRFS_QGROUP_LEVEL_SHIFT | (1 + pick(w, 4));
	u64 member = pick(w, 3) ? subvol : low, parent = pick(w, 2) ? low : high;

	switch (pick(w, 8)) {
	case 0: case 1:
		return op_qgroup_create(w->txn, pick(w, 2) ? low : high, &w->err);
	case 2:
		return op_qgroup_remove(w->txn, member, parent, &w->err);
	case 3:
		return op_qgroup_destroy(w->txn, pick(w, 3) ? low : subvol, &w->err);
	case 4:
		return op_qgroup_limit(w->txn, member, BTRFS_QGROUP_LIMIT_MAX_RFER, (u64)pick(w, 3) << 40, 0, &w->err);
	default:
		return op_qgroup_assign(w->txn, member, parent, &w->err);
	}
}

static int step(struct work *w)
{
	struct root *root, *root2;
	struct loc dir, dir2;
	int ret = any_subvol(w, &root);

	if (!ret)
		ret = any_subvol(w, &root2);
	if (ret)
		return ret;
	if (pick(w, 4))
		root2 = root;
	dir = any_dir(w, root);
	dir2 = any_dir(w, root2);
	switch (pick(w, 40)) {
	case 0: case 1:
		return step_subvol(w, root, dir);
	case 2:
		return step_drop(w, 1 + pick(w, 8));
	case 13:
		return w->groups ? step_groups(w, root->tree.id) : 0;
	case 3: case 4: case 5: case 6: case 7: case 8: case 9: case 10: case 11: case 12:
		return step_data(w, dir, dir2);
	default:
		return step_names(w, dir, dir2);
	}
}

static int stretch(struct work *w, unsigned steps)
{
	int ret = txn_begin(w->fs->writer, &w->txn, &w->err);

	for (unsigned i = 0; !ret && i < steps; i++) {
		ret = step(w);
		w->ok += !ret;
		w->refused += ret != 0;
		/* what a user can do wrong is refused; anything else is a bug */
		if (ret != -EUCLEAN && ret != -ENOMEM && ret != -EIO && !writer_dead(w->fs->writer))
			ret = 0;
	}
	return ret ? ret : txn_commit(w->txn, &w->err);
}

#endif
