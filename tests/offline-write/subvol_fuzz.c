/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random but repeatable work on the subvolumes of an image, to be judged afterwards: files, directories and attributes in all of them, snapshots, snapshots
 * of snapshots, nested subvolumes, deletions in slices, with so little memory that dirty blocks go to disk early. One commit per stretch.
 *
 *     subvol_fuzz IMAGE SEED COMMITS STEPS [WORD...]
 *
 * fst, nofst, refst, bgt, nobgt: makes, clears, fills anew the free space tree, makes, clears the block group tree. fill: data until
 * there is no space. full, simple, off: quotas, before everything. groups: random work on quota groups, too. drop: in the end what a mount would clean is cleaned.
 * half: in the end a subvolume is left half-dropped. empty: in the end everything is deleted again. */
#include "tests/offline-write/work.h"

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
