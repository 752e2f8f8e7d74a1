/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/leaf.h"
#include "kernel-shared/format/super.h"

static struct strbuf text = STRBUF_INIT;

static int list(void *arg, const struct field *f, const u8 *value)
{
	sb_printf(&text, "%s%s@%u+%u", text.len ? " " : "", f->name, f->offset, f->size);
	return 0;
}

static const char *fields_of(const char *name)
{
	const struct sample *x = sample(name);
	struct item i = { x->key, x->data, x->size, 0 };

	sb_reset(&text);
	item_type(x->key.type)->fields(&i, list, NULL);
	return sb_str(&text);
}

#define INODE(p) p "generation@0+8 " p "transid@8+8 " p "size@16+8 " p "nbytes@24+8 " p "block_group@32+8 " p "nlink@40+4 " p "uid@44+4 " p "gid@48+4 " \
	p "mode@52+4 " p "rdev@56+8 " p "flags@64+8 " p "sequence@72+8 " p "reserved@80+32 " p "atime.sec@112+8 " p "atime.nsec@120+4 " \
	p "ctime.sec@124+8 " p "ctime.nsec@132+4 " p "mtime.sec@136+8 " p "mtime.nsec@144+4 " p "otime.sec@148+8 " p "otime.nsec@156+4"

TEST(names_places_and_sizes)
{
	CHECK_STR(fields_of("inode"), INODE(""));
	CHECK_STR(fields_of("inode-ref"), "0.index@0+8 0.name_len@8+2 0.name@10+6");
	CHECK_STR(fields_of("inode-extref"), "0.parent@0+8 0.index@8+8 0.name_len@16+2 0.name@18+6");
	CHECK_STR(fields_of("xattr"), "0.location.objectid@0+8 0.location.type@8+1 0.location.offset@9+8 0.transid@17+8 0.data_len@25+2 0.name_len@27+2 "
				      "0.type@29+1 0.name@30+8 0.data@38+4");
	CHECK_STR(fields_of("extent-regular"), "generation@0+8 ram_bytes@8+8 compression@16+1 encryption@17+1 other_encoding@18+2 type@20+1 "
					       "disk_bytenr@21+8 disk_num_bytes@29+8 offset@37+8 num_bytes@45+8");
	CHECK_STR(fields_of("extent-inline"), "generation@0+8 ram_bytes@8+8 compression@16+1 encryption@17+1 other_encoding@18+2 type@20+1 inline@21+6");
	CHECK_STR(fields_of("root-legacy"), INODE("inode.") " generation@160+8 root_dirid@168+8 bytenr@176+8 byte_limit@184+8 bytes_used@192+8 "
					    "last_snapshot@200+8 flags@208+8 refs@216+4 drop_progress.objectid@220+8 drop_progress.type@228+1 "
					    "drop_progress.offset@229+8 drop_level@237+1 level@238+1");
	CHECK(strstr(fields_of("root"), "level@238+1 generation_v2@239+8 uuid@247+16 parent_uuid@263+16 received_uuid@279+16 ctransid@295+8") != NULL);
	CHECK_STR(fields_of("root-ref"), "dirid@0+8 sequence@8+8 name_len@16+2 name@18+4");
	CHECK_STR(fields_of("uuid"), "id0@0+8 id1@8+8");
	CHECK_STR(fields_of("extent-data"), "refs@0+8 generation@8+8 flags@16+8 ref0.type@24+1 ref0.root@25+8 ref1.type@33+1 ref1.root@34+8 ref1.objectid@42+8 "
					    "ref1.offset@50+8 ref1.count@58+4 ref2.type@62+1 ref2.parent@63+8 ref2.count@71+4 ref3.type@75+1 ref3.parent@76+8 "
					    "ref3.count@84+4");
	CHECK_STR(fields_of("extent-tree"), "refs@0+8 generation@8+8 flags@16+8 first.objectid@24+8 first.type@32+1 first.offset@33+8 level@41+1 ref0.type@42+1 "
					    "ref0.root@43+8 ref1.type@51+1 ref1.parent@52+8");
	CHECK_STR(fields_of("data-ref"), "root@0+8 objectid@8+8 offset@16+8 count@24+4");
	CHECK_STR(fields_of("tree-block-ref"), "");
	CHECK_STR(fields_of("chunk"), "length@0+8 owner@8+8 stripe_len@16+8 type@24+8 io_align@32+4 io_width@36+4 sector_size@40+4 num_stripes@44+2 sub_stripes@46+2 "
				      "stripe0.devid@48+8 stripe0.offset@56+8 stripe0.dev_uuid@64+16 stripe1.devid@80+8 stripe1.offset@88+8 stripe1.dev_uuid@96+16");
	CHECK_STR(fields_of("block-group"), "used@0+8 chunk_objectid@8+8 flags@16+8 remap_bytes@24+8 identity_remap_count@32+4");
	CHECK_STR(fields_of("csum"), "sums@0+8");
	CHECK_STR(fields_of("free-space-bitmap"), "data@0+256");
	CHECK_STR(fields_of("cache-header"), "location.objectid@0+8 location.type@8+1 location.offset@9+8 generation@17+8 num_entries@25+8 num_bitmaps@33+8");
	CHECK_STR(fields_of("dev-stats"), "write_errs@0+8 read_errs@8+8 flush_errs@16+8 corruption_errs@24+8 generation_errs@32+8");
	CHECK(strstr(fields_of("balance"), "flags@0+8 data.profiles@8+8 data.usage@16+8") == text.v);
	CHECK(strstr(text.v, "data.unused@96+48 meta.profiles@144+8") && strstr(text.v, "sys.unused@368+48 unused@416+32"));
}

TEST(headers_count_from_the_block)
{
	struct leaf l;

	sample_leaf(&l, sample("orphan"));
	sb_reset(&text);
	header_fields(l.block, list, NULL);
	CHECK_STR(sb_str(&text), "csum@0+32 fsid@32+16 bytenr@48+8 flags@56+7 backref_rev@63+1 chunk_tree_uuid@64+16 generation@80+8 owner@88+8 nritems@96+4 "
				 "level@100+1");
	sb_reset(&text);
	item_header_fields(l.block, 3, list, NULL);
	CHECK_STR(sb_str(&text), "item3.key.objectid@176+8 item3.key.type@184+1 item3.key.offset@185+8 item3.data_offset@193+4 item3.data_size@197+4");
	sb_reset(&text);
	key_ptr_fields(l.block, 1, list, NULL);
	CHECK_STR(sb_str(&text), "ptr1.key.objectid@134+8 ptr1.key.type@142+1 ptr1.key.offset@143+8 ptr1.blockptr@151+8 ptr1.generation@159+8");
}

static int cover(void *arg, const struct field *f, const u8 *value)
{
	u8 *covered = arg;

	for (u32 i = 0; i < f->size; i++)
		covered[f->offset + i]++;
	return 0;
}

TEST(the_superblock_is_covered_once)
{
	static struct disk_super sb;
	static u8 covered[4096];
	struct disk_key key = key_disk(sample("chunk")->key);

	memcpy(sb.sys_chunk_array, &key, sizeof(key));
	memcpy(sb.sys_chunk_array + 17, sample("chunk")->data, 112);
	sb.sys_chunk_array_size = le32_of(129);
	super_fields(&sb, cover, covered);
	for (u32 i = 0; i < 4096; i++)
		CHECK_EQ(covered[i], i < 811 + 129 || i >= 811 + 2048);
}

static int stop_at_third(void *arg, const struct field *f, const u8 *value)
{
	return ++*(int *)arg == 3 ? 77 : 0;
}

TEST(a_non_zero_return_stops)
{
	const struct sample *x = sample("inode");
	struct item i = { x->key, x->data, x->size, 0 };
	int n = 0;

	CHECK_EQ(item_type(x->key.type)->fields(&i, stop_at_third, &n), 77);
	CHECK_EQ(n, 3);
}

static int round_trip(void *arg, const struct field *f, const u8 *value)
{
	static u8 back[65536];
	struct err err = ERR_INIT;

	sb_reset(&text);
	field_format(f, value, &text);
	memset(back, 0xee, f->size);
	if (field_parse(f, sb_str(&text), back, &err) || memcmp(back, value, f->size)) {
		printf("# %s: %s: %s\n", f->name, sb_str(&text), err_text(&err));
		return 1;
	}
	return 0;
}

TEST(every_value_survives_as_text)
{
	for (unsigned k = 0; k < samples()->n; k++) {
		const struct sample *x = &samples()->v[k];
		struct item i = { x->key, x->data, x->size, 0 };
		struct leaf l;

		CHECK_EQ(item_type(x->key.type)->fields(&i, round_trip, NULL), 0);
		sample_leaf(&l, x);
		CHECK_EQ(header_fields(l.block, round_trip, NULL), 0);
		CHECK_EQ(item_header_fields(l.block, 0, round_trip, NULL), 0);
	}
}

static const char *format(enum field_kind kind, const void *value, u32 size)
{
	struct field f = { "f", kind, 0, size };

	sb_reset(&text);
	field_format(&f, value, &text);
	return sb_str(&text);
}

TEST(formats)
{
	CHECK_STR(format(FIELD_UINT, "\x01\x02", 2), "513");
	CHECK_STR(format(FIELD_SINT, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), "-1");
	CHECK_STR(format(FIELD_FLAGS, "\x01\x00\x00\x00\x00\x00\x80", 7), "0x80000000000001");
	CHECK_STR(format(FIELD_MODE, "\xed\x41\x00\x00", 4), "040755");
	CHECK_STR(format(FIELD_NAME, "a b\n\xc3", 5), "a\\ b\\n\\303");
	CHECK_STR(format(FIELD_BYTES, "\x00\xff", 2), "00ff");
}

static s64 parse(enum field_kind kind, u32 size, const char *value)
{
	struct field f = { "f", kind, 0, size };
	u8 out[16] = { 0 };
	int ret = field_parse(&f, value, out, NULL);

	return ret ? ret : (s64)get_le64(out);
}

TEST(numbers_parse_in_all_bases_and_must_fit)
{
	CHECK_EQ(parse(FIELD_UINT, 8, "18446744073709551615"), -1ULL);
	CHECK_EQ(parse(FIELD_UINT, 8, "-9"), -9ULL);
	CHECK_EQ(parse(FIELD_UINT, 8, "0x1F"), 31);
	CHECK_EQ(parse(FIELD_MODE, 4, "0100644"), 0100644);
	CHECK_EQ(parse(FIELD_UINT, 1, "255"), 255);
	CHECK_EQ(parse(FIELD_UINT, 1, "-128"), 128);
	CHECK_EQ(parse(FIELD_UINT, 1, "256"), (u64)-ERANGE);
	CHECK_EQ(parse(FIELD_UINT, 1, "-129"), (u64)-ERANGE);
	CHECK_EQ(parse(FIELD_UINT, 8, "18446744073709551616"), (u64)-ERANGE);
	CHECK_EQ(parse(FIELD_FLAGS, 7, "0x100000000000000"), (u64)-ERANGE);
	CHECK_EQ(parse(FIELD_UINT, 8, ""), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_UINT, 8, "-"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_UINT, 8, "0x"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_UINT, 8, "12a"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_UINT, 8, "089"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_UINT, 8, " 1"), (u64)-EINVAL);
}

TEST(other_kinds_parse_whole_or_not_at_all)
{
	CHECK_EQ(parse(FIELD_BYTES, 2, "0aFf"), 0xff0a);
	CHECK_EQ(parse(FIELD_BYTES, 2, "0af"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_BYTES, 2, "0ag0"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_NAME, 3, "a\\ \\101"), 'a' | ' ' << 8 | 'A' << 16);
	CHECK_EQ(parse(FIELD_NAME, 3, "ab"), (u64)-ERANGE);
	CHECK_EQ(parse(FIELD_NAME, 3, "abcd"), (u64)-ERANGE);
	CHECK_EQ(parse(FIELD_NAME, 3, "ab\\"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_NAME, 3, "ab\\q"), (u64)-EINVAL);
	CHECK_EQ(parse(FIELD_UUID, 16, "11111111-1111-1111-1111-111111111111"), 0x1111111111111111);
	CHECK_EQ(parse(FIELD_UUID, 16, "11111111-1111"), (u64)-EINVAL);
}

TEST(a_label_is_padded)
{
	struct field f = { "label", FIELD_NAME, 0, 8 };
	u8 out[8];

	memset(out, 0xee, 8);
	CHECK_EQ(field_parse(&f, "abc", out, NULL), 0);
	CHECK(!memcmp(out, "abc\0\0\0\0", 8));
}

UNIT_MAIN
