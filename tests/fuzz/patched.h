/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small filesystem image, some of whose tree blocks and superblock are overwritten as the input says, checksums made right again. For the targets
 * that look at whole filesystems: load_image() once, apply_patches() for each input, then open with wrap. */
#ifndef FUZZ_PATCHED_H
#define FUZZ_PATCHED_H

#include "common/mem.h"
#include "kernel-shared/fs/fs.h"
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

/* What every target does first: the image is loaded once, then patched as the input says. Gives the input's first byte, the target's to use. */
static u8 fuzz_begin(struct env *env, const char *spec, struct fuzz_in *in)
{
	u8 flags;

	if (!image.bytes) {
		env_init(env);
		env->jobs = 1;
		if (load_image(env, spec)) {
			fprintf(stderr, "FUZZ_IMAGE names no usable image\n");
			exit(1);
		}
	}
	flags = fuzz_u8(in);
	apply_patches(in);
	return flags;
}

#endif
