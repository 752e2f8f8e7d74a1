/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tree blocks as dump-tree prints them. Any bytes are fine: nothing outside the block is read. Spec: cli 15.6. */
#include <stdarg.h>
#include <stdio.h>
#include "kernel-shared/format/print.h"
#include "kernel-shared/format/profile.h"

void print_error(struct print_ctx *p, const char *fmt, ...)
{
	char text[512];
	struct strbuf *sb = p->errors ? p->errors : p->sb;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sb_lit(sb, "ERROR: ");
	sb_puts(sb, text);
	sb_char(sb, '\n');
}

bool print_fits(struct print_ctx *p, const struct item *item, u32 size)
{
	if (likely(item->size >= size))
		return true;
	print_error(p, "item %d is too short for its type: has %u bytes, needs %u", item->slot, item->size, size);
	return false;
}

static const struct text_flag bg_types[] = {
	{ BTRFS_BLOCK_GROUP_DATA, "DATA" }, { BTRFS_BLOCK_GROUP_METADATA, "METADATA" }, { BTRFS_BLOCK_GROUP_SYSTEM, "SYSTEM" },
	{ BTRFS_BLOCK_GROUP_METADATA_REMAP, "METADATA_REMAP" },
};

char *text_bg_flags(char *o, u64 flags)
{
	u64 profile = flags & BTRFS_BLOCK_GROUP_PROFILE_MASK, left;

	o = text_flags(o, flags, bg_types, ARRAY_SIZE(bg_types), "|", &left);
	if (profile && !is_p2(profile))
		return text_hex(text_lit(o, "|UNKNOWN.0x"), profile);
	return text_str(text_lit(o, "|"), profile_of(flags)->name);
}

void print_bg_flags(struct strbuf *sb, u64 flags)
{
	char *o = text_open(sb, PRINT_BG_FLAGS_MAX);

	if (o)
		text_close(sb, text_bg_flags(o, flags));
}

static const struct text_flag header_flags[] = { { BTRFS_HEADER_FLAG_WRITTEN, "WRITTEN" }, { BTRFS_HEADER_FLAG_RELOC, "RELOC" } };

void print_block_header(struct print_ctx *p, const void *block)
{
	const struct disk_header *h = block;
	bool leaf = !h->level;
	char *o = text_open(p->sb, 1024);
	u64 left;

	if (!o)
		return;
	o = text_field(leaf ? text_lit(o, "leaf ") : text_lit(o, "node "), "", block_bytenr(block));
	if (!leaf)
		o = text_field(o, " level ", h->level);
	o = text_field(o, " items ", block_nritems(block));
	o = text_s64(text_lit(o, " free space "), block_free_space(p->geo, block));
	o = text_field(o, " generation ", block_generation(block));
	o = text_objectid(text_lit(o, " owner "), block_owner(block), 0);
	o = text_field(leaf ? text_lit(o, "\nleaf ") : text_lit(o, "\nnode "), "", block_bytenr(block));
	o = text_hex(text_lit(o, " flags 0x"), block_flags(block));
	o = text_flags(text_lit(o, "("), block_flags(block), header_flags, ARRAY_SIZE(header_flags), "|", &left);
	o = text_field(o, ") backref revision ", block_backref_rev(block));
	if (p->csum_headers)
		o = text_hexbytes(text_lit(o, " csum 0x"), h->csum, p->geo->csum_size);
	o = text_uuid(text_lit(o, "\nfs uuid "), h->fsid);
	o = text_uuid(text_lit(o, "\nchunk uuid "), h->chunk_tree_uuid);
	text_close(p->sb, text_lit(o, "\n"));
}

static void print_ptrs(struct print_ctx *p, const void *block, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct disk_key_ptr *ptr = &block_ptrs(block)[i];
		struct key key = key_get(&ptr->key);
		char *o = text_open(p->sb, PRINT_KEY_MAX + 80);

		if (!o)
			return;
		o = text_key(text_lit(o, "\tkey "), &key);
		o = text_le64(o, " block ", ptr->blockptr);
		o = text_le64(o, " gen ", ptr->generation);
		text_close(p->sb, text_lit(o, "\n"));
	}
}

bool print_slot(struct print_ctx *p, const void *block, int slot)
{
	const struct disk_item *h = &block_items(block)[slot];
	u32 offset = le32_get(h->offset), size = le32_get(h->size), leafdata = geo_leafdata(p->geo);
	struct item item = { key_get(&h->key), NULL, size, slot };
	const struct item_type *row = item_type(item.key.type);
	char *o;

	if (unlikely(offset > leafdata || size > leafdata - offset)) {
		print_error(p, "leaf %llu slot %d pointer invalid, offset %u size %u leaf data limit %u", block_bytenr(block), slot, offset, size, leafdata);
		print_error(p, "skip remaining slots");
		return false;
	}
	item.data = block_item_data(block, slot);
	o = text_open(p->sb, PRINT_KEY_MAX + 100);
	if (!o)
		return false;
	o = text_field(o, "\titem ", slot);
	o = text_key(text_lit(o, " key "), &item.key);
	o = text_field(o, " itemoff ", offset);
	o = text_field(o, " itemsize ", size);
	text_close(p->sb, text_lit(o, "\n"));
	if (row && row->print)
		row->print(p, &item);
	return true;
}

void print_block(struct print_ctx *p, const void *block)
{
	u32 n = block_nritems(block), most = geo_leafdata(p->geo) / (block_level(block) ? sizeof(struct disk_key_ptr) : sizeof(struct disk_item));

	print_block_header(p, block);
	if (n > most) {
		print_error(p, "%s %llu has %u items, only %u can fit", block_level(block) ? "node" : "leaf", block_bytenr(block), n, most);
		n = most;
	}
	if (block_level(block)) {
		print_ptrs(p, block, n);
		return;
	}
	for (u32 i = 0; i < n; i++)
		if (!print_slot(p, block, i))
			return;
}
