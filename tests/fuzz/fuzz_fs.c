/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole filesystem: the image that FUZZ_IMAGE names (a small one by mkfs), some of its tree blocks and its superblock overwritten as the input says,
 * checksums made right again; then opened, walked by path, listed, read, dumped.
 *
 * Input: flags u8, number of patches u8, patches (block u16, offset u16, length u8, bytes), the rest is a path. */
#include <stdio.h>
#include "common/mem.h"
#include "kernel-shared/format/items.h"
#include "kernel-shared/fs/file.h"
#include "tests/fuzz/patched.h"

static int no_xattr(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	return 0;
}

static int no_path(void *arg, const char *path, size_t len)
{
	return 0;
}

static void look_at(struct fs *fs, struct loc at)
{
	static u8 buf[300000]; /* more than an extent and a half; one allocation for all */
	struct err err = ERR_INIT;
	struct inode inode;
	char *target = NULL;
	size_t len;

	if (inode_get(at.root, at.ino, &inode, &err))
		return;
	xattr_each(at.root, at.ino, no_xattr, NULL, &err);
	inode_paths(at.root, at.ino, no_path, NULL, &err);
	if (!symlink_read(at.root, at.ino, &target, &len, &err))
		free(target);
	if (inode_is(&inode, 0100000))
		file_read(fs, &inode, 0, buf, sizeof(buf), &err);
}

/* Directories to a small depth; left bounds the work, whatever the trees claim. */
static void walk(struct fs *fs, struct loc dir, unsigned depth, unsigned *left)
{
	struct dir_iter it = dir_open(dir.root, dir.ino);
	struct err err = ERR_INIT;
	struct dirent d;

	while (*left && !dir_next(&it, &d, &err)) {
		struct loc to;

		--*left;
		if (dirent_follow(dir.root, dir.ino, &d, &to, &err))
			continue;
		look_at(fs, to);
		if (d.type == BTRFS_FT_DIR && depth)
			walk(fs, to, depth - 1, left);
	}
	dir_close(&it);
}

static void dump(struct fs *fs, struct root *root, struct strbuf *text)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&root->tree, KEY_MIN, KEY_MAX);
	struct print_ctx print;
	struct err err = ERR_INIT;
	struct item item;

	print_ctx_init(&print, text, fs->geo);
	for (unsigned n = 0; n < 3000 && !tree_next(&it, &item, &err); n++) {
		const struct item_type *row = item_type(item.key.type);

		sb_reset(text);
		print_key(&print, &item.key);
		if (row && row->print)
			row->print(&print, &item);
	}
}

static void use(struct fs *fs, const char *path)
{
	struct root *const trees[] = { fs->root_tree, fs->chunk_tree, fs->extent_tree, fs->dev_tree, fs->csum_tree, fs->uuid_tree, fs->free_space_tree,
		fs->block_group_tree, fs->fs_tree };
	struct strbuf text = STRBUF_INIT;
	struct err err = ERR_INIT;
	struct subvol_list subvols;
	unsigned left = 400;
	struct loc loc;

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		if (trees[i])
			dump(fs, trees[i], &text);
	memset(&subvols, 0, sizeof(subvols));
	if (!subvol_list(fs, &subvols, &err))
		subvol_list_fini(&subvols);
	if (fs->fs_tree) {
		if (!fs_resolve(fs, fs_top(fs), path, true, &loc, &err))
			look_at(fs, loc);
		walk(fs, fs_top(fs), 6, &left);
	}
	sb_fini(&text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct env env;
	const char *spec = getenv("FUZZ_IMAGE");
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct fuzz_in in = { data, size };
	struct err err = ERR_INIT;
	struct fs *fs;
	char *path;
	u8 flags;

	flags = fuzz_begin(&env, spec, &in);
	path = mem_strndup((const char *)in.p, in.left);
	args.specs = &spec;
	args.nspecs = 1;
	args.flags = FS_OPEN_NOSCAN | (flags & 1 ? FS_OPEN_PARTIAL | FS_OPEN_LENIENT : 0) | (flags & 2 ? FS_OPEN_BACKUP_ROOT : 0) |
		     (flags & 4 ? FS_OPEN_IGNORE_TRANSID : 0) | (flags & 8 ? FS_OPEN_NO_DATA_CSUM : 0) | (flags & 16 ? FS_OPEN_NO_BLOCK_GROUPS : 0);
	args.super_copy = flags & 32 ? 0 : -1;
	args.cache_memory = MiB(4);
	args.wrap = wrap;
	if (path && !fs_open(&env, &args, &fs, &err)) {
		use(fs, path);
		fs_close(fs);
	}
	free(path);
	return 0;
}
