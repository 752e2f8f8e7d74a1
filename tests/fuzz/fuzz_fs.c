/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole filesystem: the image that FUZZ_IMAGE names (a small one by mkfs), some of its tree blocks and its superblock overwritten as the input says,
 * checksums made right again; then opened, walked by path, listed, read, dumped.
 *
 * Input: flags u8, number of patches u8, patches (block u16, offset u16, length u8, bytes), the rest is a path. */
#include <stdio.h>
#include "common/mem.h"
#include "kernel-shared/format/items.h"
#include "kernel-shared/fs/file.h"
#include "tests/fuzz/fuzz.h"

enum { SUPER = 65536, SUPER_SIZE = 4096, PATCHES = 8, NODE_MAX = 65536 };

/* Where the tree blocks of the image are, found once. */
static struct { u32 nodesize; struct geometry geo; u64 size; VEC(u64) blocks; u8 *bytes; } image;

struct patched { u64 at; u32 len; u8 bytes[NODE_MAX]; };
static struct patched *patches;
static unsigned npatches;

static int load_image(struct env *env, const char *path)
{
	struct err err = ERR_INIT;
	struct disk_super *sb;
	struct bdev *b;

	if (!path || bdev_open_file(env, path, BDEV_READ, &b, &err))
		return -1;
	image.size = b->size;
	image.bytes = mem_alloc(b->size, 1);
	if (!image.bytes || bdev_read(b, 0, image.bytes, b->size, &err))
		return -1;
	bdev_close(b);
	sb = (void *)(image.bytes + SUPER);
	geometry_from_super(&image.geo, sb);
	for (u64 at = 0; at + image.geo.nodesize <= image.size; at += image.geo.sectorsize) {
		const u8 *block = image.bytes + at;

		if (!memcmp(block_header(block)->fsid, sb->fsid, 16) && at != SUPER && block_check_csum(&image.geo, block, NULL))
			if (vec_push(&image.blocks, at))
				return -1;
	}
	patches = mem_calloc(PATCHES, sizeof(*patches));
	return image.blocks.len && patches ? 0 : -1;
}

static int patched_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	memcpy(buf, image.bytes + off, len);
	for (unsigned i = 0; i < npatches; i++) {
		const struct patched *p = &patches[i];
		u64 lo = max_t(u64, off, p->at), hi = min_t(u64, off + len, p->at + p->len);

		if (lo < hi)
			memcpy((u8 *)buf + (lo - off), p->bytes + (lo - p->at), hi - lo);
	}
	return 0;
}

static void patched_close(struct bdev *b)
{
	free(b);
}

static const struct bdev_ops patched_ops = { .read = patched_read, .close = patched_close };

static int wrap(void *arg, struct bdev **bdev, struct err *err)
{
	struct bdev *b = mem_zalloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	*b = **bdev;
	b->ops = &patched_ops;
	b->lower = *bdev;
	b->name = mem_strdup((*bdev)->name);
	*bdev = b;
	return 0;
}

/* The copy of a block that is being changed; block 0 is the superblock. */
static struct patched *patch_of(u32 block)
{
	u64 at = block ? image.blocks.v[(block - 1) % image.blocks.len] : SUPER;
	struct patched *p = NULL;

	for (unsigned i = 0; i < npatches; i++)
		if (patches[i].at == at)
			p = &patches[i];
	if (!p) {
		p = &patches[npatches++];
		p->at = at;
		p->len = block ? image.geo.nodesize : SUPER_SIZE;
		memcpy(p->bytes, image.bytes + at, p->len);
	}
	return p;
}

static void apply_patches(struct fuzz_in *in)
{
	u8 n = fuzz_u8(in) % (PATCHES + 1);

	npatches = 0;
	while (n--) {
		struct patched *p = patch_of(fuzz_num(in, 2) % (image.blocks.len + 1));
		u32 at = fuzz_num(in, 2) % p->len, want = 1 + fuzz_u8(in) % 32;
		size_t got;
		const u8 *bytes = fuzz_bytes(in, want, p->len - at, &got);

		memcpy(p->bytes + at, bytes, got);
	}
	for (unsigned i = 0; i < npatches; i++) {
		if (patches[i].at == SUPER)
			super_set_csum((void *)patches[i].bytes);
		else
			block_set_csum(&image.geo, patches[i].bytes);
	}
}

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

	if (!image.bytes) {
		env_init(&env);
		env.jobs = 1;
		if (load_image(&env, spec)) {
			fprintf(stderr, "FUZZ_IMAGE names no usable image\n");
			exit(1);
		}
	}
	flags = fuzz_u8(&in);
	apply_patches(&in);
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
