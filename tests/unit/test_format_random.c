/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever the bytes of a block: rules, text, fields and views end, and read nothing outside it (the address sanitizer watches). */
#include "tests/unit/unit.h"
#include "tests/unit/leaf.h"
#include "kernel-shared/format/super.h"

static u64 state = 0x2545F4914F6CDD1DULL;

static u64 rnd(u64 n)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return state % n;
}

static void ignore(struct validator *v, const struct violation *x)
{
	(void)*(volatile const char *)x->text;
}

static int touch(void *arg, const struct field *f, const u8 *value)
{
	u64 *sum = arg;

	for (u32 i = 0; i < f->size; i++)
		*sum += value[i];
	return 0;
}

static void walk_views(const struct geometry *geo, const struct item *item)
{
	struct dir_entry_view dir;
	struct inode_ref_view ref;
	struct extent_ref_view extent_ref;
	struct extent_view extent;
	struct file_extent_view file;
	struct disk_root_item root;
	struct root_ref_view root_ref;
	u32 pos = 0, parts = 0;

	while (dir_item_next(item, &pos, &dir))
		parts += dir.name_len ? dir.name[dir.name_len - 1] : 0;
	for (pos = 0; inode_ref_next(item, &pos, &ref);)
		parts += ref.name_len ? ref.name[ref.name_len - 1] : 0;
	if (!extent_item_parse(geo, item, &extent))
		for (pos = extent.refs_start; extent_ref_next(item, &pos, &extent_ref);)
			parts++;
	for (pos = 0; extent_ref_next(item, &pos, &extent_ref);)
		parts++;
	if (!file_extent_parse(item, &file) && file.inline_len)
		parts += file.inline_data[file.inline_len - 1];
	root_item_parse(item, &root);
	if (root_ref_parse(item, &root_ref) && root_ref.name_len)
		parts += root_ref.name[root_ref.name_len - 1];
	*(volatile u32 *)&parts = parts;
}

static bool try_block(const struct geometry *geo, const u8 *block, struct strbuf *sb)
{
	struct err err = ERR_INIT;
	struct validator lenient = { .geo = geo, .on_violation = ignore }, strict = { .geo = geo, .err = &err, .writing = true };
	struct print_ctx p;
	u64 sum = 0;

	block_validate(&lenient, block);
	block_validate(&strict, block);
	print_ctx_init(&p, sb, geo);
	p.csum_items = p.csum_headers = true;
	sb_reset(sb);
	print_block(&p, block);
	header_fields(block, touch, &sum);
	if (lenient.structural)
		return !lenient.count;
	for (u32 i = 0; i < block_nritems(block); i++) {
		struct item item;

		if (block_level(block)) {
			key_ptr_fields(block, i, touch, &sum);
			continue;
		}
		item_header_fields(block, i, touch, &sum);
		item = block_item(block, i);
		if (item_type(item.key.type))
			item_type(item.key.type)->fields(&item, touch, &sum);
		walk_views(geo, &item);
	}
	*(volatile u64 *)&sum = sum;
	return !lenient.count;
}

/* Items of all kinds, in no order; each block on the heap, to its byte. */
static u8 *random_leaf(u32 nodesize)
{
	static struct leaf l;
	u8 *block = malloc(nodesize);

	leaf_init(&l, nodesize, rnd(3) ? 5 : 2);
	for (u64 n = rnd(40); n; n--) {
		struct sample x = samples()->v[rnd(samples()->n)];

		if (l.end < sizeof(struct disk_header) + (block_nritems(l.block) + 1) * sizeof(struct disk_item) + x.size + 64)
			break;
		if (!rnd(4))
			x.key.type = rnd(256); /* read one type as another */
		leaf_add(&l, x.key, x.data, x.size);
	}
	memcpy(block, l.block, nodesize);
	return block;
}

static void damage(u8 *block, u32 nodesize)
{
	for (u64 n = rnd(12); n; n--) {
		u32 heads = sizeof(struct disk_header) + 30 * sizeof(struct disk_item);
		u32 at = rnd(3) ? rnd(nodesize) : 88 + rnd(heads - 88), from = nodesize - 4096 + rnd(4096);

		switch (rnd(6)) {
		case 0: block[at] = rnd(256); break;
		case 1: block[at] ^= 1 << rnd(8); break;
		case 2: block[from] = rnd(256); break;
		case 3: block[from] ^= 0x80; break;
		case 4: put_le32(block + (at < nodesize - 4 ? at : 0), rnd(4) ? rnd(nodesize) : -(u32)rnd(100)); break;
		case 5: put_le32(block + offsetof(struct disk_header, nritems), rnd(8) ? rnd(64) : rnd(1ULL << 32)); break;
		}
	}
	if (!rnd(16))
		block[100] = rnd(10);
}

TEST(any_bytes_are_survived)
{
	static const u32 sizes[] = { 4096, 16384, 65536 };
	struct geometry geo = test_geometry();
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < 6000; i++) {
		u8 *block;

		geo.nodesize = sizes[i % 8 ? rnd(2) : 2];
		geo.csum_size = rnd(2) ? 4 : 32;
		block = random_leaf(geo.nodesize);
		damage(block, geo.nodesize);
		try_block(&geo, block, &sb);
		free(block);
	}
	sb_fini(&sb);
}

TEST(noise_is_survived)
{
	struct geometry geo = test_geometry();
	struct strbuf sb = STRBUF_INIT;
	u8 *block = malloc(4096);

	geo.nodesize = 4096;
	for (int i = 0; i < 2000; i++) {
		for (u32 k = 0; k < 4096; k += 8)
			put_le64(block + k, rnd(-1ULL));
		block[100] = rnd(4) ? 0 : rnd(256);
		CHECK(!try_block(&geo, block, &sb));
	}
	free(block);
	sb_fini(&sb);
}

TEST(any_superblock_is_survived)
{
	struct strbuf sb = STRBUF_INIT;
	struct disk_super *s = malloc(sizeof(*s));
	struct geometry geo = test_geometry();
	u64 sum = 0;

	for (int i = 0; i < 5000; i++) {
		struct print_ctx p;

		memset(s, 0, sizeof(*s));
		s->magic = le64_of(BTRFS_MAGIC);
		s->sectorsize = s->stripesize = le32_of(4096);
		s->nodesize = s->leafsize = le32_of(16384);
		s->bytenr = le64_of(65536);
		s->root = s->chunk_root = le64_of(1 << 20);
		s->total_bytes = s->bytes_used = le64_of(1 << 30);
		s->sys_chunk_array_size = le32_of(rnd(2200));
		for (u32 pos = 0, k = 0; pos + 130 < 2048 && k < 15; k++, pos += 129) {
			struct disk_key key = key_disk(sample("chunk")->key);

			memcpy(s->sys_chunk_array + pos, &key, sizeof(key));
			memcpy(s->sys_chunk_array + pos + 17, sample("chunk")->data, 112);
		}
		for (u64 n = rnd(10); n; n--)
			((u8 *)s)[72 + rnd(4096 - 72)] = rnd(256);
		super_set_csum(s);
		super_validate(s, 65536, NULL);
		super_check_mountable(s, NULL);
		super_check_features(s, true, NULL);
		super_fields(s, touch, &sum);
		print_ctx_init(&p, &sb, &geo);
		sb_reset(&sb);
		print_super(&p, s, "x", 65536, true);
		CHECK(sb.len > 1000);
	}
	free(s);
	sb_fini(&sb);
	*(volatile u64 *)&sum = sum;
}

UNIT_MAIN
