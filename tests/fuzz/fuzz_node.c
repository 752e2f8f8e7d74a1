/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tree blocks: rules, text, fields, and every view of every item of what the rules let pass. A block is built from the input as a list of items
 * (so that most are well-formed), then poked, or taken as it is. */
#include "kernel-shared/format/items.h"
#include "kernel-shared/format/super.h"
#include "tests/fuzz/fuzz.h"

enum { NODE = 4096 };
static struct geometry geo = { .nodesize = NODE, .sectorsize = 4096, .csum_size = 4, .generation = 100,
	.incompat = BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA | BTRFS_FEATURE_INCOMPAT_NO_HOLES | BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA |
		    BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE | BTRFS_FEATURE_INCOMPAT_REMAP_TREE };

static const u64 owners[] = { 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 256, -6ULL, -8ULL, -9ULL };

static void header(u8 *block, struct fuzz_in *in, u8 level)
{
	struct disk_header *h = (void *)block;

	h->bytenr = le64_of(MiB(1));
	h->flags = le64_of((u64)BTRFS_MIXED_BACKREF_REV << 56 | BTRFS_HEADER_FLAG_WRITTEN);
	h->generation = le64_of(50);
	h->owner = le64_of(owners[fuzz_u8(in) % ARRAY_SIZE(owners)]);
	h->level = level;
}

/* Ascending keys; the data of each item lies before that of the one before. */
static void build_leaf(u8 *block, struct fuzz_in *in)
{
	struct disk_item *items = (void *)(block + sizeof(struct disk_header));
	u32 end = geo_leafdata(&geo), n = 0;
	struct key key = KEY(0, 0, 0);

	header(block, in, 0);
	while (in->left && (n + 1) * sizeof(struct disk_item) < end) {
		u32 room = end - (n + 1) * sizeof(struct disk_item), want;
		u8 how = fuzz_u8(in);
		size_t size;
		const u8 *p;

		if (how & 1)
			key = KEY(how & 2 ? fuzz_edge(in) : key.objectid + (how >> 2), fuzz_u8(in), fuzz_edge(in));
		else
			key = KEY(key.objectid, fuzz_u8(in), how & 2 ? fuzz_edge(in) : key.offset + (how >> 2));
		want = fuzz_num(in, how & 0x80 ? 2 : 1);
		p = fuzz_bytes(in, want, room, &size);
		end -= size;
		memcpy(block + sizeof(struct disk_header) + end, p, size);
		items[n++] = (struct disk_item){ .key = key_disk(key), .offset = le32_of(end), .size = le32_of(size) };
	}
	((struct disk_header *)block)->nritems = le32_of(n);
}

static void build_node(u8 *block, struct fuzz_in *in)
{
	struct disk_key_ptr *ptrs = (void *)(block + sizeof(struct disk_header));
	struct key key = KEY(0, 0, 0);
	u32 n = 0;

	header(block, in, 1 + fuzz_u8(in) % 8);
	for (; in->left && n < geo_max_ptrs(&geo); n++) {
		key = KEY(key.objectid + fuzz_u8(in), fuzz_u8(in), fuzz_u8(in));
		ptrs[n] = (struct disk_key_ptr){ .key = key_disk(key), .blockptr = le64_of(fuzz_edge(in)), .generation = le64_of(fuzz_u8(in)) };
	}
	((struct disk_header *)block)->nritems = le32_of(n);
}

static int each_field(void *arg, const struct field *f, const u8 *value)
{
	struct strbuf *sb = arg;

	sb_reset(sb);
	field_format(f, value, sb);
	return 0;
}

static void each_view(const struct item *item)
{
	struct dir_entry_view dir;
	struct inode_ref_view ref;
	struct extent_view extent;
	struct extent_ref_view eref;
	struct file_extent_view file;
	struct disk_root_item root;
	struct root_ref_view rref;
	u32 pos;

	for (pos = 0; dir_item_next(item, &pos, &dir);)
		;
	for (pos = 0; inode_ref_next(item, &pos, &ref);)
		;
	if (!extent_item_parse(&geo, item, &extent))
		for (pos = extent.refs_start; extent_ref_next(item, &pos, &eref);)
			;
	for (pos = 0; extent_ref_next(item, &pos, &eref);)
		;
	file_extent_parse(item, &file);
	root_item_parse(item, &root);
	root_ref_parse(item, &rref);
}

/* Views are for items of their own types. */
static bool has_views(u8 type)
{
	static const u8 types[] = { 12, 13, 24, 84, 96, 108, 132, 144, 156, 168, 169, 176, 178, 182, 184 };

	return memchr(types, type, sizeof(types));
}

static void on_violation(struct validator *v, const struct violation *violation)
{
	struct strbuf *sb = v->arg;

	sb_reset(sb);
	violation_format(violation, true, sb);
}

static void look(const u8 *block, struct strbuf *text)
{
	struct validator v = { .geo = &geo, .on_violation = on_violation, .arg = text };
	struct print_ctx print;

	print_ctx_init(&print, text, &geo);
	print.csum_items = true;
	block_validate(&v, block);
	sb_reset(text);
	print_block(&print, block);
	header_fields(block, each_field, text);
	if (v.structural)
		return;
	for (u32 i = 0; i < block_nritems(block); i++) {
		struct item item;
		const struct item_type *row;

		if (block_level(block)) {
			key_ptr_fields(block, i, each_field, text);
			continue;
		}
		item_header_fields(block, i, each_field, text);
		item = block_item(block, i);
		row = item_type(item.key.type);
		if (row && row->fields)
			row->fields(&item, each_field, text);
		if (has_views(item.key.type))
			each_view(&item);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct strbuf text = STRBUF_INIT;
	struct err err = ERR_INIT;
	struct validator strict = { .geo = &geo, .err = &err };
	u8 how = fuzz_u8(&in), pokes = fuzz_u8(&in) % 8, *block = calloc(1, NODE);
	struct { u32 at; u8 value; } poke[8];

	if (!block)
		return 0;
	strict.writing = how & 4;
	for (u8 i = 0; i < pokes; i++) {
		poke[i].at = fuzz_num(&in, 2) % NODE;
		poke[i].value = fuzz_u8(&in);
	}
	if ((how & 3) == 3)
		memcpy(block, in.p, min_t(size_t, in.left, NODE));
	else if ((how & 3) == 2)
		build_node(block, &in);
	else
		build_leaf(block, &in);
	for (u8 i = 0; i < pokes; i++)
		block[poke[i].at] = poke[i].value;
	block_set_csum(&geo, block);
	block_validate(&strict, block);
	look(block, &text);
	sb_fini(&text);
	free(block);
	return 0;
}
