/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblock as dump-super prints it. Spec: cli 15.4. */
#include "crypto/csum.h"
#include "kernel-shared/format/print.h"
#include "kernel-shared/format/super.h"

static void put_u64(struct print_ctx *p, const char *label, u64 v)
{
	sb_puts(p->sb, label);
	sb_u64(p->sb, v);
	sb_char(p->sb, '\n');
}

static void put_uuid(struct print_ctx *p, const char *label, const u8 *uuid)
{
	sb_puts(p->sb, label);
	sb_uuid(p->sb, uuid);
	sb_char(p->sb, '\n');
}

static void put_printable(struct print_ctx *p, const char *text, size_t max)
{
	for (size_t i = 0; i < max && text[i]; i++)
		sb_char(p->sb, text[i] >= ' ' && text[i] <= '~' ? text[i] : '.');
}

static void put_csum(struct print_ctx *p, const struct disk_super *sb)
{
	unsigned type = le16_get(sb->csum_type);
	bool known = type < CSUM_TYPES;
	u32 size = known ? csum_types[type].size : CSUM_SIZE_MAX;

	sb_printf(p->sb, "csum_type\t\t%u (%s)\n", type, known ? csum_types[type].name : "INVALID");
	sb_printf(p->sb, "csum_size\t\t%u\ncsum\t\t\t0x", size);
	sb_hexbytes(p->sb, sb->csum, size);
	if (!known)
		sb_lit(p->sb, " [UNKNOWN CSUM TYPE OR SIZE]\n");
	else if (super_check_csum(sb, NULL))
		sb_lit(p->sb, " [match]\n");
	else
		sb_lit(p->sb, " [DON'T MATCH]\n");
}

/* The value, then in parentheses a name a line. */
static void put_flags(struct print_ctx *p, const char *label, u64 flags, const struct text_flag *names, unsigned n)
{
	const char *open = "\t\t\t( ", *next = " |\n\t\t\t  ";
	bool first = true;

	sb_printf(p->sb, "%s0x%llx\n", label, flags);
	if (!flags)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (!(flags & names[i].bit))
			continue;
		sb_puts(p->sb, first ? open : next);
		sb_puts(p->sb, names[i].name);
		first = false;
		flags &= ~names[i].bit;
	}
	if (flags)
		sb_printf(p->sb, "%sunknown flag: 0x%llx", first ? open : next, flags);
	sb_lit(p->sb, " )\n");
}

static const struct text_flag super_flag_names[] = {
	{ BTRFS_HEADER_FLAG_WRITTEN, "WRITTEN" }, { BTRFS_HEADER_FLAG_RELOC, "RELOC" }, { BTRFS_SUPER_FLAG_CHANGING_FSID, "CHANGING_FSID" },
	{ BTRFS_SUPER_FLAG_CHANGING_FSID_V2, "CHANGING_FSID_V2" }, { BTRFS_SUPER_FLAG_SEEDING, "SEEDING" }, { BTRFS_SUPER_FLAG_METADUMP, "METADUMP" },
	{ BTRFS_SUPER_FLAG_METADUMP_V2, "METADUMP_V2" }, { BTRFS_SUPER_FLAG_CHANGING_BG_TREE, "CHANGING_BG_TREE" },
	{ BTRFS_SUPER_FLAG_CHANGING_DATA_CSUM, "CHANGING_DATA_CSUM" }, { BTRFS_SUPER_FLAG_CHANGING_META_CSUM, "CHANGING_META_CSUM" },
};

static void put_features(struct print_ctx *p, const char *label, u64 flags, bool compat_ro)
{
	struct text_flag names[64];
	unsigned n = 0;

	for (u64 left = flags; left; left &= left - 1) {
		u64 bit = left & -left;

		names[n] = (struct text_flag){ bit, feature_bit_name(compat_ro ? 0 : bit, compat_ro ? bit : 0) };
		n += names[n].name != NULL;
	}
	put_flags(p, label, flags, names, n);
}

static void put_dev_item(struct print_ctx *p, const struct disk_super *sb)
{
	const struct disk_dev_item *d = &sb->dev_item;

	put_uuid(p, "dev_item.uuid\t\t", d->uuid);
	sb_lit(p->sb, "dev_item.fsid\t\t");
	sb_uuid(p->sb, d->fsid);
	sb_puts(p->sb, memcmp(d->fsid, super_metadata_uuid(sb), BTRFS_FSID_SIZE) ? " [DON'T MATCH]\n" : " [match]\n");
	put_u64(p, "dev_item.type\t\t", le64_get(d->type));
	put_u64(p, "dev_item.total_bytes\t", le64_get(d->total_bytes));
	put_u64(p, "dev_item.bytes_used\t", le64_get(d->bytes_used));
	put_u64(p, "dev_item.io_align\t", le32_get(d->io_align));
	put_u64(p, "dev_item.io_width\t", le32_get(d->io_width));
	put_u64(p, "dev_item.sector_size\t", le32_get(d->sector_size));
	put_u64(p, "dev_item.devid\t\t", le64_get(d->devid));
	put_u64(p, "dev_item.dev_group\t", le32_get(d->dev_group));
	put_u64(p, "dev_item.seek_speed\t", d->seek_speed);
	put_u64(p, "dev_item.bandwidth\t", d->bandwidth);
	put_u64(p, "dev_item.generation\t", le64_get(d->generation));
}

static void put_sizes(struct print_ctx *p, const struct disk_super *sb)
{
	put_u64(p, "generation\t\t", le64_get(sb->generation));
	put_u64(p, "root\t\t\t", le64_get(sb->root));
	put_u64(p, "sys_array_size\t\t", le32_get(sb->sys_chunk_array_size));
	put_u64(p, "chunk_root_generation\t", le64_get(sb->chunk_root_generation));
	put_u64(p, "root_level\t\t", sb->root_level);
	put_u64(p, "chunk_root\t\t", le64_get(sb->chunk_root));
	put_u64(p, "chunk_root_level\t", sb->chunk_root_level);
	put_u64(p, "log_root\t\t", le64_get(sb->log_root));
	put_u64(p, "log_root_transid (deprecated)\t", le64_get(sb->log_root_transid_unused));
	put_u64(p, "log_root_level\t\t", sb->log_root_level);
	put_u64(p, "total_bytes\t\t", le64_get(sb->total_bytes));
	put_u64(p, "bytes_used\t\t", le64_get(sb->bytes_used));
	put_u64(p, "sectorsize\t\t", le32_get(sb->sectorsize));
	put_u64(p, "nodesize\t\t", le32_get(sb->nodesize));
	put_u64(p, "leafsize (deprecated)\t", le32_get(sb->leafsize));
	put_u64(p, "stripesize\t\t", le32_get(sb->stripesize));
	put_u64(p, "root_dir\t\t", le64_get(sb->root_dir_objectid));
	put_u64(p, "num_devices\t\t", le64_get(sb->num_devices));
}

static void put_chunk_key(struct print_ctx *p, int i, const struct key *key)
{
	sb_printf(p->sb, "\titem %d key ", i);
	print_key(p, key);
	sb_char(p->sb, '\n');
}

static void put_sys_array(struct print_ctx *p, const struct disk_super *sb)
{
	const struct disk_chunk *chunk;
	u32 pos = 0, size;
	struct err err = ERR_INIT;
	struct key key = KEY_MAX;
	int ret, i;

	sb_printf(p->sb, "sys_chunk_array[%u]:\n", BTRFS_SYSTEM_CHUNK_ARRAY_SIZE);
	for (i = 0; (ret = super_sys_chunk_next(sb, &pos, &key, &chunk, &size, &err)) > 0; i++, key = KEY_MAX) {
		struct item item = { key, (const u8 *)chunk, size, i };

		put_chunk_key(p, i, &key);
		chunk_item_print(p, &item);
	}
	if (!ret)
		return;
	if (!key_eq(&key, &KEY_MAX))
		put_chunk_key(p, i, &key); /* of an entry that is cut */
	print_error(p, "%s", err_text(&err));
}

static void put_backup_root(struct print_ctx *p, const char *label, u64 root, u64 generation, u8 level)
{
	sb_printf(p->sb, "\t\t%s%llu\tgen: %llu\tlevel: %u\n", label, root, generation, level);
}

static void put_backup(struct print_ctx *p, const struct disk_super *sb, unsigned i)
{
	const struct disk_root_backup *b = &sb->super_roots[i];
	bool v2 = le64_get(sb->incompat_flags) & BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2;

	if (!le64_get(b->tree_root) && !le64_get(b->tree_root_gen))
		return;
	sb_printf(p->sb, "\tbackup %u:\n", i);
	put_backup_root(p, "backup_tree_root:\t", le64_get(b->tree_root), le64_get(b->tree_root_gen), b->tree_root_level);
	put_backup_root(p, "backup_chunk_root:\t", le64_get(b->chunk_root), le64_get(b->chunk_root_gen), b->chunk_root_level);
	put_backup_root(p, v2 ? "backup_block_group_root:\t" : "backup_extent_root:\t", le64_get(b->extent_root), le64_get(b->extent_root_gen),
			b->extent_root_level);
	put_backup_root(p, "backup_fs_root:\t\t", le64_get(b->fs_root), le64_get(b->fs_root_gen), b->fs_root_level);
	put_backup_root(p, "backup_dev_root:\t", le64_get(b->dev_root), le64_get(b->dev_root_gen), b->dev_root_level);
	put_backup_root(p, "csum_root:\t", le64_get(b->csum_root), le64_get(b->csum_root_gen), b->csum_root_level);
	put_u64(p, "\t\tbackup_total_bytes:\t", le64_get(b->total_bytes));
	put_u64(p, "\t\tbackup_bytes_used:\t", le64_get(b->bytes_used));
	put_u64(p, "\t\tbackup_num_devices:\t", le64_get(b->num_devices));
	sb_char(p->sb, '\n');
}

void print_super_head(struct strbuf *sb, const char *device, u64 bytenr)
{
	sb_printf(sb, "superblock: bytenr=%llu, device=%s\n---------------------------------------------------------\n", bytenr, device);
}

void print_super(struct print_ctx *p, const struct disk_super *sb, const char *device, u64 bytenr, bool full)
{
	print_super_head(p->sb, device, bytenr);
	put_csum(p, sb);
	put_u64(p, "bytenr\t\t\t", le64_get(sb->bytenr));
	put_flags(p, "flags\t\t\t", le64_get(sb->flags), super_flag_names, ARRAY_SIZE(super_flag_names));
	sb_lit(p->sb, "magic\t\t\t");
	put_printable(p, (const char *)sb->magic.b, sizeof(sb->magic));
	sb_puts(p->sb, super_has_magic(sb) ? " [match]\n" : " [DON'T MATCH]\n");
	put_uuid(p, "fsid\t\t\t", sb->fsid);
	put_uuid(p, "metadata_uuid\t\t", sb->metadata_uuid);
	sb_lit(p->sb, "label\t\t\t");
	put_printable(p, sb->label, sizeof(sb->label));
	sb_char(p->sb, '\n');
	put_sizes(p, sb);
	sb_printf(p->sb, "compat_flags\t\t0x%llx\n", le64_get(sb->compat_flags));
	put_features(p, "compat_ro_flags\t\t", le64_get(sb->compat_ro_flags), true);
	put_features(p, "incompat_flags\t\t", le64_get(sb->incompat_flags), false);
	put_u64(p, "cache_generation\t", le64_get(sb->cache_generation));
	put_u64(p, "uuid_tree_generation\t", le64_get(sb->uuid_tree_generation));
	put_dev_item(p, sb);
	if (!full)
		return;
	put_sys_array(p, sb);
	sb_printf(p->sb, "backup_roots[%u]:\n", BTRFS_NUM_BACKUP_ROOTS);
	for (unsigned i = 0; i < BTRFS_NUM_BACKUP_ROOTS; i++)
		put_backup(p, sb, i);
}
