/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees made by hand on a device in memory: one metadata chunk in two copies, 4096-byte nodes, so that few items make many levels. */
#ifndef TESTS_SYNTH_H
#define TESTS_SYNTH_H

#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/tree/tree.h"

enum { SYNTH_NODE = 4096, SYNTH_GEN = 50, SYNTH_SUPER_GEN = 100 };
enum { SYNTH_LEAF = (SYNTH_NODE - 101) / (25 + 8) }; /* items of a full leaf */
#define SYNTH_START MiB(1)
#define SYNTH_LEN MiB(64)

struct synth {
	struct env env;
	struct volume *vol;
	struct bdev *dev;     /* the counting layer; vol owns it */
	struct nstore store;
	u64 next;             /* address of the next block */
	u64 generation;       /* of the blocks made */
	char said[8][256];    /* what on_bad_copy was told */
	unsigned mirrors[8], nsaid;
};

/* A layer that counts reads. */
static _Atomic u64 synth_reads;
static int synth_count_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	synth_reads++;
	return bdev_read(b->lower, off, buf, len, err);
}
static int synth_count_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err) { return bdev_write(b->lower, off, buf, len, err); }
static void synth_count_close(struct bdev *b) { free(b); }
static const struct bdev_ops synth_count_ops = { .read = synth_count_read, .write = synth_count_write, .close = synth_count_close };

static void synth_said(struct nstore *st, u64 bytenr, unsigned mirror, int code, const char *text)
{
	struct synth *s = st->arg;

	if (s->nsaid < 8) {
		s->mirrors[s->nsaid] = mirror;
		snprintf(s->said[s->nsaid], sizeof(s->said[0]), "%s", text);
	}
	s->nsaid++;
}

static struct bdev *synth_device(struct env *env)
{
	struct bdev *mem, *b = mem_zalloc(sizeof(*b));

	if (!b || bdev_mem_new(env, "mem", MiB(256), &mem))
		abort();
	*b = *mem;
	b->ops = &synth_count_ops;
	b->lower = mem;
	b->name = mem_strdup("mem");
	return b;
}

UNUSED static void synth_init(struct synth *s, unsigned jobs, u64 cache)
{
	struct { struct disk_chunk c; struct disk_stripe s[2]; } PACKED chunk = { .c = {
		.length = le64_of(SYNTH_LEN), .owner = le64_of(2), .stripe_len = le64_of(BTRFS_STRIPE_LEN),
		.type = le64_of(BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_DUP), .sector_size = le32_of(4096), .num_stripes = le16_of(2),
		.sub_stripes = le16_of(1) } };
	struct disk_dev_item dev = { .devid = le64_of(1), .total_bytes = le64_of(MiB(256)) };
	struct err err = ERR_INIT;

	memset(s, 0, sizeof(*s));
	env_init(&s->env);
	s->env.jobs = jobs;
	s->vol = mem_zalloc(sizeof(*s->vol));
	s->vol->env = &s->env;
	s->vol->geo = (struct geometry){ .nodesize = SYNTH_NODE, .sectorsize = 4096, .csum_size = 4, .generation = SYNTH_SUPER_GEN,
		.incompat = BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA | BTRFS_FEATURE_INCOMPAT_NO_HOLES };
	memset(s->vol->fsids[0], 0x11, 16);
	s->vol->nfsids = 1;
	for (unsigned i = 0; i < 2; i++)
		chunk.s[i] = (struct disk_stripe){ .devid = le64_of(1), .offset = le64_of(MiB(1) + i * SYNTH_LEN) };
	if (env_start_pool(&s->env, &err) || volume_add_dev_item(s->vol, &dev, &err))
		abort();
	s->dev = synth_device(&s->env);
	volume_device(s->vol, 1, NULL)->bdev = s->dev;
	s->vol->main = volume_device(s->vol, 1, NULL);
	if (volume_add_chunk(s->vol, SYNTH_START, &chunk.c, &err) || nstore_init(&s->store, &s->env, s->vol, cache))
		abort();
	s->store.on_bad_copy = synth_said;
	s->store.arg = s;
	s->next = SYNTH_START;
	s->generation = SYNTH_GEN;
}

UNUSED static void synth_fini(struct synth *s)
{
	nstore_fini(&s->store);
	volume_close(s->vol);
	env_fini(&s->env);
}

/* An empty block of a tree at the next address. */
static void synth_block(struct synth *s, void *block, u64 owner, u8 level)
{
	struct disk_header *h = block;

	memset(block, 0, SYNTH_NODE);
	memset(h->fsid, 0x11, 16);
	h->bytenr = le64_of(s->next);
	h->flags = le64_of((u64)BTRFS_MIXED_BACKREF_REV << 56 | BTRFS_HEADER_FLAG_WRITTEN);
	h->generation = le64_of(s->generation);
	h->owner = le64_of(owner);
	h->level = level;
	s->next += SYNTH_NODE;
}

/* Writes one copy (1, 2) or all (0), with its checksum made right. */
static void synth_write(struct synth *s, void *block, u64 bytenr, unsigned mirror)
{
	block_set_csum(&s->vol->geo, block);
	for (unsigned m = 1; m <= 2; m++)
		if ((!mirror || mirror == m) && bdev_write(s->dev, MiB(1) + (m - 1) * SYNTH_LEN + bytenr - SYNTH_START, block, SYNTH_NODE, NULL))
			abort();
}

UNUSED static void synth_read(struct synth *s, void *block, u64 bytenr)
{
	if (bdev_read(s->dev, MiB(1) + bytenr - SYNTH_START, block, SYNTH_NODE, NULL))
		abort();
}

/* Adds an item whose data is its number; false when the leaf is full. */
static bool synth_add_item(void *block, struct key key, u64 number)
{
	struct disk_header *h = block;
	u32 n = le32_get(h->nritems), end = n ? le32_get(block_items(block)[n - 1].offset) : SYNTH_NODE - sizeof(*h);
	struct disk_item *item = (struct disk_item *)&block_items(block)[n];

	if (end < (n + 1) * sizeof(*item) + sizeof(u64))
		return false;
	*item = (struct disk_item){ .key = key_disk(key), .offset = le32_of(end - sizeof(u64)), .size = le32_of(sizeof(u64)) };
	put_le64((u8 *)block + sizeof(*h) + end - sizeof(u64), number);
	h->nritems = le32_of(n + 1);
	return true;
}

static bool synth_add_ptr(void *block, struct key key, u64 bytenr, u64 generation)
{
	struct disk_header *h = block;
	u32 n = le32_get(h->nritems);

	if (n >= (SYNTH_NODE - sizeof(*h)) / sizeof(struct disk_key_ptr))
		return false;
	((struct disk_key_ptr *)block_ptrs(block))[n] = (struct disk_key_ptr){ key_disk(key), le64_of(bytenr), le64_of(generation) };
	h->nritems = le32_of(n + 1);
	return true;
}

/* The keys of a synthetic tree: every third number, so that there are gaps. A type that has no rules. */
#define SYNTH_TREE BTRFS_UUID_TREE_OBJECTID
static inline struct key synth_key(u64 i) { return KEY(1000 + 3 * (i / 10), BTRFS_STRING_ITEM_KEY, 3 * (i % 10)); }

struct synth_level { struct key first; u64 bytenr; };
VEC_TYPE(synth_levels, struct synth_level);

static void synth_flush(struct synth *s, u8 *block, struct synth_levels *out)
{
	u64 bytenr = block_bytenr(block);

	if (vec_push(out, ((struct synth_level){ block_nritems(block) ? block_key(block, 0) : KEY_MIN, bytenr })))
		abort();
	synth_write(s, block, bytenr, 0);
}

/* A tree of n items with keys synth_key(0), ... and data 0, ... */
UNUSED static void synth_tree(struct synth *s, struct tree *t, u64 n)
{
	struct synth_levels below = VEC_INIT, above = VEC_INIT;
	u8 block[SYNTH_NODE], level = 0;

	synth_block(s, block, SYNTH_TREE, 0);
	for (u64 i = 0; i < n; i++)
		if (!synth_add_item(block, synth_key(i), i)) {
			synth_flush(s, block, &below);
			synth_block(s, block, SYNTH_TREE, 0);
			synth_add_item(block, synth_key(i), i);
		}
	synth_flush(s, block, &below);
	while (below.len > 1) {
		synth_block(s, block, SYNTH_TREE, ++level);
		for (size_t i = 0; i < below.len; i++)
			if (!synth_add_ptr(block, below.v[i].first, below.v[i].bytenr, s->generation)) {
				synth_flush(s, block, &above);
				synth_block(s, block, SYNTH_TREE, level);
				synth_add_ptr(block, below.v[i].first, below.v[i].bytenr, s->generation);
			}
		synth_flush(s, block, &above);
		vec_fini(&below);
		below = above;
		above = (struct synth_levels)VEC_INIT;
	}
	tree_init(t, &s->store, SYNTH_TREE, below.v[0].bytenr, s->generation, level);
	vec_fini(&below);
}

#endif
