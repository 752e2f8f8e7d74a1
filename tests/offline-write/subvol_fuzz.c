/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random but repeatable work on the subvolumes of an image, to be judged afterwards: files, directories and attributes in all of them, snapshots, snapshots
 * of snapshots, nested subvolumes, deletions in slices, with so little memory that dirty blocks go to disk early. One commit per stretch.
 *
 *     subvol_fuzz IMAGE SEED COMMITS STEPS [WORD...]
 *
 * fst, nofst, refst, bgt, nobgt: makes, clears, fills anew the free space tree, makes, clears the block group tree. fill: data until
 * there is no space. full, simple, off: quotas, before everything. groups: random work on quota groups, too. drop: in the end what a mount would clean is cleaned.
 * half: in the end a subvolume is left half-dropped. empty: in the end everything is deleted again. */
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
		return op_clone(w->txn, (struct loc){ dir.root, e.ino }, off, 8192, (struct loc){ dir2.root, e2.ino }, off + 4096, &w->err);
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

/* Everything that was made goes again. */
static int dir_clear(struct work *w, struct loc dir)
{
	for (;;) {
		struct dir_iter it = dir_open(dir.root, dir.ino);
		struct dirent e;
		char name[256];
		int ret = dir_next(&it, &e, &w->err);

		if (!ret)
			memcpy(name, e.name, e.name_len);
		dir_close(&it);
		if (ret)
			return ret == -ENOENT ? 0 : ret;
		if (e.type == BTRFS_FT_DIR && !e.is_subvol)
			ret = dir_clear(w, (struct loc){ dir.root, e.ino });
		if (!ret)
			ret = e.type == BTRFS_FT_DIR ? op_rmdir(w->txn, dir, name, e.name_len, &w->err) : op_unlink(w->txn, dir, name, e.name_len, &w->err);
		if (ret)
			return ret;
	}
}

static int all_clear(struct work *w)
{
	struct subvol_list list;
	bool more = true;
	int ret = 0;

	ret = op_subvol_set_readonly(w->txn, BTRFS_FS_TREE_OBJECTID, false, &w->err);
	/* children before parents: a parent is refused until they are gone */
	while (more && !ret) {
		more = false;
		ret = subvol_list(w->fs, &list, &w->err);
		for (size_t i = 0; !ret && i < list.len; i++) {
			if (list.v[i].deleted || list.v[i].id == BTRFS_FS_TREE_OBJECTID)
				continue;
			if (list.v[i].parent != BTRFS_FS_TREE_OBJECTID) {
				struct root *parent;

				if (!fs_subvol_root(w->fs, list.v[i].parent, &parent, &w->err))
					op_subvol_set_readonly(w->txn, parent->tree.id, false, &w->err);
			}
			ret = op_subvol_delete(w->txn, list.v[i].id, &w->err);
			more = more || ret == -ENOTEMPTY;
			if (ret == -ENOTEMPTY)
				ret = 0;
			if (!ret)
				ret = again(w);
		}
		subvol_list_fini(&list);
	}
	if (!ret)
		ret = step_drop(w, 0);
	if (!ret)
		ret = dir_clear(w, (struct loc){ w->fs->fs_tree, BTRFS_FIRST_FREE_OBJECTID });
	return ret;
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

static int fill(struct work *w)
{
	static const struct write_opts opts = WRITE_OPTS_DEFAULT;
	static u8 buf[1 << 20];
	struct new_inode ni = { .mode = S_IFREG | 0644 };
	size_t size = sizeof(buf);
	u64 ino, off = 0;
	int ret = op_create(w->txn, (struct loc){ w->fs->fs_tree, BTRFS_FIRST_FREE_OBJECTID }, "filler", 6, &ni, &ino, &w->err);

	while (!ret && size >= 4096) {
		ret = op_write(w->txn, &opts, (struct loc){ w->fs->fs_tree, ino }, off, buf, size, &w->err);
		if (!ret)
			off += size;
		else
			size /= 16;
		if (ret == -ENOSPC)
			ret = 0;
	}
	return ret;
}

static int before(struct work *w, char **words)
{
	int ret = 0;

	for (; *words && !ret; words++) {
		if (!strcmp(*words, "full") || !strcmp(*words, "simple"))
			ret = op_quota_enable(w->txn, !strcmp(*words, "simple"), &w->err);
		if (!strcmp(*words, "off"))
			ret = op_quota_disable(w->txn, &w->err);
		if (!strcmp(*words, "fill"))
			ret = fill(w);
		if (!strcmp(*words, "fst"))
			ret = op_free_space_tree_enable(w->txn, &w->err);
		if (!strcmp(*words, "nofst"))
			ret = op_free_space_tree_clear(w->txn, &w->err);
		if (!strcmp(*words, "refst"))
			ret = op_free_space_tree_rebuild(w->txn, &w->err);
		if (!strcmp(*words, "bgt"))
			ret = op_block_group_tree_enable(w->txn, &w->err);
		if (!strcmp(*words, "nobgt"))
			ret = op_block_group_tree_clear(w->txn, &w->err);
		if (!strcmp(*words, "groups"))
			w->groups = true;
	}
	return ret;
}

/* A subvolume of some hundred files and its snapshot, deleted and dropped in part. */
static int half_dropped(struct work *w)
{
	struct loc top = { w->fs->fs_tree, BTRFS_FIRST_FREE_OBJECTID };
	struct new_inode ni = { .mode = S_IFREG | 0644 };
	struct root *root;
	char name[16];
	u64 id, snap, ino;
	bool done;
	int ret = op_subvol_set_readonly(w->txn, BTRFS_FS_TREE_OBJECTID, false, &w->err);

	if (!ret)
		ret = op_subvol_create(w->txn, top, "half", 4, NULL, &id, &w->err);
	if (!ret)
		ret = fs_subvol_root(w->fs, id, &root, &w->err);
	for (unsigned i = 0; !ret && i < 500; i++) {
		ret = op_create(w->txn, (struct loc){ root, BTRFS_FIRST_FREE_OBJECTID }, name, sprintf(name, "file%u", i), &ni, &ino, &w->err);
		if (!ret && i == 250)
			ret = op_subvol_snapshot(w->txn, id, top, "half-snap", 9, false, NULL, &snap, &w->err);
	}
	if (!ret)
		ret = op_subvol_delete(w->txn, id, &w->err);
	for (unsigned i = 0; !ret && i < 3; i++)
		ret = subvol_drop(w->txn, id, 7, &done, &w->err);
	return ret;
}

static int ends(struct work *w, char **words)
{
	int ret = 0;

	for (; *words && !ret; words++) {
		if (!strcmp(*words, "empty"))
			ret = all_clear(w);
		if (!strcmp(*words, "half"))
			ret = half_dropped(w);
		if (!strcmp(*words, "drop"))
			ret = fs_clean_orphans(w->txn, &w->err);
	}
	return ret;
}

static int in_txn(struct work *w, int (*fn)(struct work *w, char **words), char **words)
{
	int ret = txn_begin(w->fs->writer, &w->txn, &w->err);

	if (!ret)
		ret = fn(w, words);
	return ret ? ret : txn_commit(w->txn, &w->err);
}

int main(int argc, char **argv)
{
	struct work w = { .err = ERR_INIT };
	struct env env;
	int ret;

	if (argc < 5)
		return 2;
	env_init(&env);
	env_seed(&env, atoi(argv[2]));
	env.msg = say;
	w.rnd = atoi(argv[2]);
	ret = env_start_pool(&env, &w.err);
	if (!ret)
		ret = fs_open_path(&env, argv[1], FS_OPEN_WRITE, &w.fs, &w.err);
	if (!ret) {
		writer_set_memory(w.fs->writer, 400000);
		ret = in_txn(&w, before, argv + 5);
		for (int i = 0; !ret && i < atoi(argv[3]); i++)
			ret = stretch(&w, atoi(argv[4]));
		if (!ret)
			ret = in_txn(&w, ends, argv + 5);
	}
	printf("%u done, %u refused%s%s\n", w.ok, w.refused, ret ? ": " : "", ret ? err_text(&w.err) : "");
	fs_close(w.fs);
	env_fini(&env);
	return ret != 0;
}
