/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The structures as they lie on disk: packed, little-endian, every size asserted. Spec: on-disk-format 1 to 3. */
#ifndef FORMAT_DISK_H
#define FORMAT_DISK_H

#include "common/endian.h"
#include "kernel-shared/format/ids.h"

#define DISK_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)

struct disk_key { le64 objectid; u8 type; le64 offset; } PACKED;
DISK_SIZE(struct disk_key, 17);

struct disk_timespec { le64 sec; le32 nsec; } PACKED;
DISK_SIZE(struct disk_timespec, 12);

struct disk_dev_item {
	le64 devid, total_bytes, bytes_used;
	le32 io_align, io_width, sector_size;
	le64 type, generation, start_offset;
	le32 dev_group;
	u8 seek_speed, bandwidth, uuid[16], fsid[16];
} PACKED;
DISK_SIZE(struct disk_dev_item, 98);

struct disk_stripe { le64 devid, offset; u8 dev_uuid[16]; } PACKED;
DISK_SIZE(struct disk_stripe, 32);

struct disk_chunk {
	le64 length, owner, stripe_len, type;
	le32 io_align, io_width, sector_size;
	le16 num_stripes, sub_stripes;
	struct disk_stripe stripes[];
} PACKED;
DISK_SIZE(struct disk_chunk, 48);

struct disk_root_backup {
	le64 tree_root, tree_root_gen, chunk_root, chunk_root_gen, extent_root, extent_root_gen, fs_root, fs_root_gen;
	le64 dev_root, dev_root_gen, csum_root, csum_root_gen, total_bytes, bytes_used, num_devices, unused_64[4];
	u8 tree_root_level, chunk_root_level, extent_root_level, fs_root_level, dev_root_level, csum_root_level, unused_8[10];
} PACKED;
DISK_SIZE(struct disk_root_backup, 168);

struct disk_super {
	u8 csum[32], fsid[16];
	le64 bytenr, flags, magic, generation, root, chunk_root, log_root, log_root_transid_unused, total_bytes, bytes_used;
	le64 root_dir_objectid, num_devices;
	le32 sectorsize, nodesize, leafsize, stripesize, sys_chunk_array_size;
	le64 chunk_root_generation, compat_flags, compat_ro_flags, incompat_flags;
	le16 csum_type;
	u8 root_level, chunk_root_level, log_root_level;
	struct disk_dev_item dev_item;
	char label[256];
	le64 cache_generation, uuid_tree_generation;
	u8 metadata_uuid[16];
	le64 nr_global_roots, remap_root, remap_root_generation;
	u8 remap_root_level, reserved[199], sys_chunk_array[2048];
	struct disk_root_backup super_roots[4];
	u8 padding[565];
} PACKED;
DISK_SIZE(struct disk_super, 4096);

struct disk_header {
	u8 csum[32], fsid[16];
	le64 bytenr, flags; /* the top byte of flags is the back reference revision */
	u8 chunk_tree_uuid[16];
	le64 generation, owner;
	le32 nritems;
	u8 level;
} PACKED;
DISK_SIZE(struct disk_header, 101);

struct disk_key_ptr { struct disk_key key; le64 blockptr, generation; } PACKED;
DISK_SIZE(struct disk_key_ptr, 33);

struct disk_item { struct disk_key key; le32 offset, size; } PACKED; /* offset counts from the end of the header */
DISK_SIZE(struct disk_item, 25);

struct disk_inode_item {
	le64 generation, transid, size, nbytes, block_group;
	le32 nlink, uid, gid, mode;
	le64 rdev, flags, sequence, reserved[4];
	struct disk_timespec atime, ctime, mtime, otime;
} PACKED;
DISK_SIZE(struct disk_inode_item, 160);

struct disk_inode_ref { le64 index; le16 name_len; u8 name[]; } PACKED;
DISK_SIZE(struct disk_inode_ref, 10);

struct disk_inode_extref { le64 parent_objectid, index; le16 name_len; u8 name[]; } PACKED;
DISK_SIZE(struct disk_inode_extref, 18);

struct disk_dir_item { struct disk_key location; le64 transid; le16 data_len, name_len; u8 type, name[]; } PACKED;
DISK_SIZE(struct disk_dir_item, 30);

struct disk_dir_log_item { le64 end; } PACKED;
DISK_SIZE(struct disk_dir_log_item, 8);

struct disk_file_extent_item {
	le64 generation, ram_bytes;
	u8 compression, encryption;
	le16 other_encoding;
	u8 type;
	/* inline data begins here */
	le64 disk_bytenr, disk_num_bytes, offset, num_bytes;
} PACKED;
DISK_SIZE(struct disk_file_extent_item, 53);
enum { BTRFS_FILE_EXTENT_INLINE_DATA_START = 21 };

struct disk_root_item {
	struct disk_inode_item inode;
	le64 generation, root_dirid, bytenr, byte_limit, bytes_used, last_snapshot, flags;
	le32 refs;
	struct disk_key drop_progress;
	u8 drop_level, level;
	/* the rest is absent in the legacy form, and valid only if generation_v2 == generation */
	le64 generation_v2;
	u8 uuid[16], parent_uuid[16], received_uuid[16];
	le64 ctransid, otransid, stransid, rtransid;
	struct disk_timespec ctime, otime, stime, rtime;
	le64 reserved[8];
} PACKED;
DISK_SIZE(struct disk_root_item, 439);
enum { BTRFS_ROOT_ITEM_LEGACY_SIZE = 239 };

struct disk_root_ref { le64 dirid, sequence; le16 name_len; u8 name[]; } PACKED;
DISK_SIZE(struct disk_root_ref, 18);

struct disk_extent_item { le64 refs, generation, flags; } PACKED;
DISK_SIZE(struct disk_extent_item, 24);

struct disk_tree_block_info { struct disk_key key; u8 level; } PACKED;
DISK_SIZE(struct disk_tree_block_info, 18);

struct disk_extent_inline_ref { u8 type; le64 offset; } PACKED; /* EXTENT_DATA_REF: disk_extent_data_ref at &offset */
DISK_SIZE(struct disk_extent_inline_ref, 9);

struct disk_extent_data_ref { le64 root, objectid, offset; le32 count; } PACKED;
DISK_SIZE(struct disk_extent_data_ref, 28);

struct disk_shared_data_ref { le32 count; } PACKED;
DISK_SIZE(struct disk_shared_data_ref, 4);

struct disk_block_group_item { le64 used, chunk_objectid, flags; } PACKED;
DISK_SIZE(struct disk_block_group_item, 24);
struct disk_block_group_item_v2 { le64 used, chunk_objectid, flags, remap_bytes; le32 identity_remap_count; } PACKED;
DISK_SIZE(struct disk_block_group_item_v2, 36);

struct disk_free_space_info { le32 extent_count, flags; } PACKED;
DISK_SIZE(struct disk_free_space_info, 8);

struct disk_free_space_header { struct disk_key location; le64 generation, num_entries, num_bitmaps; } PACKED;
DISK_SIZE(struct disk_free_space_header, 41);

struct disk_free_space_entry { le64 offset, bytes; u8 type; } PACKED;
DISK_SIZE(struct disk_free_space_entry, 17);

struct disk_dev_extent { le64 chunk_tree, chunk_objectid, chunk_offset, length; u8 chunk_tree_uuid[16]; } PACKED;
DISK_SIZE(struct disk_dev_extent, 48);

struct disk_qgroup_status { le64 version, generation, flags, rescan, enable_gen; } PACKED; /* enable_gen absent in the 32-byte form */
DISK_SIZE(struct disk_qgroup_status, 40);
struct disk_qgroup_info { le64 generation, rfer, rfer_cmpr, excl, excl_cmpr; } PACKED;
DISK_SIZE(struct disk_qgroup_info, 40);
struct disk_qgroup_limit { le64 flags, max_rfer, max_excl, rsv_rfer, rsv_excl; } PACKED;
DISK_SIZE(struct disk_qgroup_limit, 40);

struct disk_balance_args {
	le64 profiles, usage, devid, pstart, pend, vstart, vend, target, flags, limit;
	le32 stripes_min, stripes_max;
	le64 unused[6];
} PACKED;
DISK_SIZE(struct disk_balance_args, 136);
struct disk_balance_item { le64 flags; struct disk_balance_args data, meta, sys; le64 unused[4]; } PACKED;
DISK_SIZE(struct disk_balance_item, 448);

struct disk_dev_stats { le64 values[5]; } PACKED; /* write, read, flush, corruption, generation errors */
DISK_SIZE(struct disk_dev_stats, 40);

struct disk_dev_replace {
	le64 src_devid, cursor_left, cursor_right, cont_reading_mode, state, time_started, time_stopped, num_write_errors;
	le64 num_uncorrectable_read_errors;
} PACKED;
DISK_SIZE(struct disk_dev_replace, 72);

struct disk_raid_stride { le64 devid, physical; } PACKED;
DISK_SIZE(struct disk_raid_stride, 16);

struct disk_verity_descriptor { le64 size, reserved[2]; u8 encryption; } PACKED;
DISK_SIZE(struct disk_verity_descriptor, 25);

#endif
