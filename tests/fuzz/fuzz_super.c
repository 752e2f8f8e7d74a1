/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblock and system chunk array: rules, text, fields. The first byte chooses what is repaired, the rest lies over a valid superblock
 * as (position u16, length u8, bytes). */
#include "kernel-shared/format/items.h"
#include "kernel-shared/format/super.h"
#include "tests/fuzz/fuzz.h"

/* A small valid one: a single device with one SYSTEM chunk. */
static void valid_super(struct disk_super *sb)
{
	struct disk_key key = key_disk(KEY(256, BTRFS_CHUNK_ITEM_KEY, MiB(1)));
	struct disk_chunk chunk = { .length = le64_of(MiB(8)), .owner = le64_of(2), .stripe_len = le64_of(BTRFS_STRIPE_LEN),
		.type = le64_of(BTRFS_BLOCK_GROUP_SYSTEM), .sector_size = le32_of(4096), .num_stripes = le16_of(1), .sub_stripes = le16_of(1) };
	struct disk_stripe stripe = { .devid = le64_of(1), .offset = le64_of(MiB(1)) };

	memset(sb, 0, sizeof(*sb));
	memset(sb->fsid, 0x11, sizeof(sb->fsid));
	memcpy(sb->dev_item.fsid, sb->fsid, sizeof(sb->fsid));
	sb->bytenr = le64_of(65536);
	sb->flags = le64_of(1);
	sb->magic = le64_of(BTRFS_MAGIC);
	sb->generation = le64_of(7);
	sb->root = le64_of(MiB(2));
	sb->chunk_root = le64_of(MiB(1));
	sb->total_bytes = le64_of(MiB(128));
	sb->bytes_used = le64_of(6 * 16384);
	sb->root_dir_objectid = le64_of(6);
	sb->num_devices = le64_of(1);
	sb->sectorsize = le32_of(4096);
	sb->nodesize = le32_of(16384);
	sb->leafsize = le32_of(16384);
	sb->stripesize = le32_of(4096);
	sb->chunk_root_generation = le64_of(7);
	sb->incompat_flags = le64_of(1 | 1 << 8 | 1 << 9);
	sb->dev_item.devid = le64_of(1);
	sb->dev_item.total_bytes = le64_of(MiB(128));
	sb->sys_chunk_array_size = le32_of(sizeof(key) + sizeof(chunk) + sizeof(stripe));
	memcpy(sb->sys_chunk_array, &key, sizeof(key));
	memcpy(sb->sys_chunk_array + sizeof(key), &chunk, sizeof(chunk));
	memcpy(sb->sys_chunk_array + sizeof(key) + sizeof(chunk), &stripe, sizeof(stripe));
}

static int no_field(void *arg, const struct field *f, const u8 *value)
{
	struct strbuf *sb = arg;

	sb_reset(sb);
	field_format(f, value, sb);
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct strbuf text = STRBUF_INIT;
	struct err err = ERR_INIT;
	struct geometry geo;
	struct print_ctx print;
	const struct disk_chunk *chunk;
	struct disk_super sb;
	struct key key;
	u8 repair = fuzz_u8(&in), sum[32];
	u32 pos = 0, len;

	valid_super(&sb);
	while (in.left) {
		u32 at = fuzz_num(&in, 2) % sizeof(sb), want = 1 + fuzz_u8(&in);
		size_t n;
		const u8 *p = fuzz_bytes(&in, want, sizeof(sb) - at, &n);

		memcpy((u8 *)&sb + at, p, n);
	}
	if (!(repair & 1))
		sb.magic = le64_of(BTRFS_MAGIC);
	if (!(repair & 2))
		super_set_csum(&sb);
	super_check_csum(&sb, sum);
	super_check_mountable(&sb, &err);
	super_check_features(&sb, repair & 4, &err);
	super_format_features(le64_get(sb.incompat_flags), le64_get(sb.compat_ro_flags), &text);
	while (super_sys_chunk_next(&sb, &pos, &key, &chunk, &len, &err) == 1)
		;
	super_fields(&sb, no_field, &text);
	geometry_from_super(&geo, &sb);
	print_ctx_init(&print, &text, &geo);
	print_super(&print, &sb, "fuzz", 65536, true);
	super_validate(&sb, 65536, &err);
	sb_fini(&text);
	return 0;
}
