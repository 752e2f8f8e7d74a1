/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tree blocks built by hand for the tests of format/: a geometry, a leaf to which items are added in key order, and one valid sample of
 * every item type. */
#ifndef TESTS_LEAF_H
#define TESTS_LEAF_H

#include "kernel-shared/format/items.h"

static inline struct geometry test_geometry(void)
{
	return (struct geometry){
		.nodesize = 16384, .sectorsize = 4096, .csum_type = 0, .csum_size = 4, .generation = 100,
		.incompat = BTRFS_FEATURE_INCOMPAT_MIXED_BACKREF | BTRFS_FEATURE_INCOMPAT_EXTENDED_IREF | BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA |
			    BTRFS_FEATURE_INCOMPAT_NO_HOLES | BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE | BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA |
			    BTRFS_FEATURE_INCOMPAT_REMAP_TREE,
	};
}

struct leaf { u8 block[BTRFS_MAX_METADATA_BLOCKSIZE]; u32 nodesize, end; };

static inline struct disk_header *leaf_header(struct leaf *l)
{
	return (struct disk_header *)l->block;
}

static inline void leaf_init(struct leaf *l, u32 nodesize, u64 owner)
{
	struct disk_header *h = leaf_header(l);

	memset(l->block, 0, nodesize);
	l->nodesize = nodesize;
	l->end = nodesize - sizeof(*h);
	memset(h->fsid, 0x11, sizeof(h->fsid));
	memset(h->chunk_tree_uuid, 0x22, sizeof(h->chunk_tree_uuid));
	h->bytenr = le64_of(30408704);
	h->flags = le64_of(BTRFS_HEADER_FLAG_WRITTEN | (u64)BTRFS_MIXED_BACKREF_REV << 56);
	h->generation = le64_of(9);
	h->owner = le64_of(owner);
}

static inline struct disk_item *leaf_slot(struct leaf *l, u32 slot)
{
	return (struct disk_item *)(l->block + sizeof(struct disk_header)) + slot;
}

/* Where the item's data lies. data NULL: zeros. */
static inline u8 *leaf_add(struct leaf *l, struct key key, const void *data, u32 size)
{
	u32 n = block_nritems(l->block);
	u8 *p;

	l->end -= size;
	*leaf_slot(l, n) = (struct disk_item){ key_disk(key), le32_of(l->end), le32_of(size) };
	p = l->block + sizeof(struct disk_header) + l->end;
	if (size && data)
		memcpy(p, data, size);
	leaf_header(l)->nritems = le32_of(n + 1);
	return p;
}

struct sample { const char *name; u64 owner; struct key key; u32 size; u8 data[512]; };
enum { SAMPLES_MAX = 64 };

struct samples { struct sample v[SAMPLES_MAX]; unsigned n; };

static inline struct sample *sample_add(struct samples *s, const char *name, u64 owner, struct key key, const void *data, u32 size)
{
	struct sample *x = &s->v[s->n++];

	*x = (struct sample){ .name = name, .owner = owner, .key = key, .size = size };
	if (size)
		memcpy(x->data, data, size);
	return x;
}

static inline void sample_append(struct sample *x, const void *data, u32 size)
{
	memcpy(x->data + x->size, data, size);
	x->size += size;
}

static inline struct disk_timespec sample_time(s64 sec, u32 nsec)
{
	return (struct disk_timespec){ le64_of(sec), le32_of(nsec) };
}

static inline void samples_inode(struct samples *s)
{
	struct disk_inode_item i = {
		.generation = le64_of(9), .transid = le64_of(55), .size = le64_of(29072), .nlink = le32_of(1), .mode = le32_of(040755),
		.sequence = le64_of(67), .atime = sample_time(1795170634, 178937649), .ctime = sample_time(1795170653, 743992866),
		.mtime = sample_time(1795170653, 43), .otime = sample_time(0, 0),
	};
	struct disk_inode_ref r = { .index = le64_of(2), .name_len = le16_of(6) };
	struct disk_inode_extref x = { .parent_objectid = le64_of(256), .index = le64_of(5), .name_len = le16_of(6) };
	static const char name[] = "a\\ b\x01\n";

	sample_add(s, "inode", 5, KEY(256, BTRFS_INODE_ITEM_KEY, 0), &i, sizeof(i));
	sample_append(sample_add(s, "inode-ref", 5, KEY(257, BTRFS_INODE_REF_KEY, 256), &r, sizeof(r)), name, 6);
	sample_append(sample_add(s, "inode-extref", 5, KEY(257, BTRFS_INODE_EXTREF_KEY, hash_extref(256, name, 6)), &x, sizeof(x)), name, 6);
	sample_add(s, "orphan", 5, KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, 257), NULL, 0);
}

static inline u32 sample_dir_entry(u8 *p, struct key location, u8 type, const char *name, const char *data)
{
	struct disk_dir_item d = {
		.location = key_disk(location), .transid = le64_of(9), .data_len = le16_of(strlen(data)), .name_len = le16_of(strlen(name)), .type = type,
	};

	memcpy(p, &d, sizeof(d));
	memcpy(p + sizeof(d), name, strlen(name));
	memcpy(p + sizeof(d) + strlen(name), data, strlen(data));
	return sizeof(d) + strlen(name) + strlen(data);
}

static inline void samples_dir(struct samples *s)
{
	struct disk_dir_log_item log = { le64_of(-1ULL) };
	u8 buf[512];
	u32 n;

	n = sample_dir_entry(buf, KEY(257, BTRFS_INODE_ITEM_KEY, 0), BTRFS_FT_REG_FILE, "foo", "");
	sample_add(s, "dir", 5, KEY(256, BTRFS_DIR_ITEM_KEY, hash_name("foo", 3)), buf, n);
	sample_add(s, "dir-index", 5, KEY(256, BTRFS_DIR_INDEX_KEY, 2), buf, n);
	n = sample_dir_entry(buf, KEY(258, BTRFS_ROOT_ITEM_KEY, -1ULL), BTRFS_FT_DIR, "sub", "");
	sample_add(s, "dir-subvol", 5, KEY(256, BTRFS_DIR_ITEM_KEY, hash_name("sub", 3)), buf, n);
	n = sample_dir_entry(buf, KEY(0, 0, 0), BTRFS_FT_XATTR, "user.foo", "b ar");
	sample_add(s, "xattr", 5, KEY(257, BTRFS_XATTR_ITEM_KEY, hash_name("user.foo", 8)), buf, n);
	sample_add(s, "dir-log-item", BTRFS_TREE_LOG_OBJECTID, KEY(256, BTRFS_DIR_LOG_ITEM_KEY, 0), &log, sizeof(log));
	sample_add(s, "dir-log-index", BTRFS_TREE_LOG_OBJECTID, KEY(256, BTRFS_DIR_LOG_INDEX_KEY, 2), &log, sizeof(log));
}

static inline void samples_file_extent(struct samples *s)
{
	struct disk_file_extent_item e = {
		.generation = le64_of(9), .ram_bytes = le64_of(5242880), .type = BTRFS_FILE_EXTENT_REG, .disk_bytenr = le64_of(231735296),
		.disk_num_bytes = le64_of(5242880), .offset = le64_of(4096), .num_bytes = le64_of(8192),
	};
	u8 sums[8] = { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4 };

	sample_add(s, "extent-regular", 5, KEY(258, BTRFS_EXTENT_DATA_KEY, 4096), &e, sizeof(e));
	e.type = BTRFS_FILE_EXTENT_PREALLOC;
	sample_add(s, "extent-prealloc", 5, KEY(259, BTRFS_EXTENT_DATA_KEY, 0), &e, sizeof(e));
	e.type = BTRFS_FILE_EXTENT_INLINE;
	e.ram_bytes = le64_of(6);
	sample_add(s, "extent-inline", 5, KEY(257, BTRFS_EXTENT_DATA_KEY, 0), &e, BTRFS_FILE_EXTENT_INLINE_DATA_START + 6);
	sample_add(s, "csum-old", BTRFS_CSUM_TREE_OBJECTID, KEY(1, BTRFS_CSUM_ITEM_KEY, 0), NULL, 0);
	sample_add(s, "csum", BTRFS_CSUM_TREE_OBJECTID, KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, 14680064), sums, sizeof(sums));
}

static inline void samples_root(struct samples *s)
{
	struct disk_root_item r = {
		.generation = le64_of(9), .bytenr = le64_of(30507008), .bytes_used = le64_of(16384), .refs = le32_of(1), .generation_v2 = le64_of(9),
		.root_dirid = le64_of(256), .flags = le64_of(BTRFS_ROOT_SUBVOL_RDONLY), .otransid = le64_of(8), .otime = sample_time(1795170631, 5),
	};
	struct disk_root_ref ref = { .dirid = le64_of(256), .sequence = le64_of(3), .name_len = le16_of(4) };
	le64 ids[2] = { le64_of(257), le64_of(300) };

	memset(r.uuid, 0xab, sizeof(r.uuid));
	sample_add(s, "root", BTRFS_ROOT_TREE_OBJECTID, KEY(256, BTRFS_ROOT_ITEM_KEY, 0), &r, sizeof(r));
	sample_add(s, "root-legacy", BTRFS_ROOT_TREE_OBJECTID, KEY(2, BTRFS_ROOT_ITEM_KEY, 0), &r, BTRFS_ROOT_ITEM_LEGACY_SIZE);
	sample_add(s, "root-reloc", BTRFS_ROOT_TREE_OBJECTID, KEY(BTRFS_TREE_RELOC_OBJECTID, BTRFS_ROOT_ITEM_KEY, 257), &r, sizeof(r));
	sample_add(s, "root-reloc-data", BTRFS_ROOT_TREE_OBJECTID,
		   KEY(BTRFS_TREE_RELOC_OBJECTID, BTRFS_ROOT_ITEM_KEY, BTRFS_DATA_RELOC_TREE_OBJECTID), &r, sizeof(r));
	sample_append(sample_add(s, "root-ref", BTRFS_ROOT_TREE_OBJECTID, KEY(5, BTRFS_ROOT_REF_KEY, 256), &ref, sizeof(ref)), "sub2", 4);
	sample_append(sample_add(s, "root-backref", BTRFS_ROOT_TREE_OBJECTID, KEY(256, BTRFS_ROOT_BACKREF_KEY, 5), &ref, sizeof(ref)), "sub2", 4);
	sample_add(s, "uuid", BTRFS_UUID_TREE_OBJECTID, KEY(0x1122334455667788ULL, BTRFS_UUID_KEY_SUBVOL, 0x99ULL), ids, sizeof(ids));
	sample_add(s, "uuid-received", BTRFS_UUID_TREE_OBJECTID, KEY(1, BTRFS_UUID_KEY_RECEIVED_SUBVOL, 2), ids, sizeof(le64));
}

static inline u32 sample_inline_ref(u8 *p, u8 type, u64 value, u32 count)
{
	p[0] = type;
	put_le64(p + 1, value);
	if (type != BTRFS_SHARED_DATA_REF_KEY)
		return 9;
	put_le32(p + 9, count);
	return 13;
}

static inline u32 sample_data_ref(u8 *p, u64 root, u64 objectid, u64 offset, u32 count)
{
	struct disk_extent_data_ref d = { le64_of(root), le64_of(objectid), le64_of(offset), le32_of(count) };

	p[0] = BTRFS_EXTENT_DATA_REF_KEY;
	memcpy(p + 1, &d, sizeof(d));
	return 1 + sizeof(d);
}

static inline void samples_extent(struct samples *s)
{
	struct disk_extent_item e = { le64_of(4), le64_of(13), le64_of(BTRFS_EXTENT_FLAG_DATA) };
	struct disk_tree_block_info info = { key_disk(KEY(256, BTRFS_INODE_ITEM_KEY, 0)), 1 };
	u64 owner = BTRFS_EXTENT_TREE_OBJECTID;
	u8 buf[512], count[4];
	u32 n = sizeof(e);

	memcpy(buf, &e, n);
	n += sample_inline_ref(buf + n, BTRFS_EXTENT_OWNER_REF_KEY, 256, 0);
	n += sample_data_ref(buf + n, 256, 258, 0, 1);
	n += sample_inline_ref(buf + n, BTRFS_SHARED_DATA_REF_KEY, 0x1d68000, 2);
	n += sample_inline_ref(buf + n, BTRFS_SHARED_DATA_REF_KEY, 0x1d64000, 1);
	sample_add(s, "extent-data", owner, KEY(13631488, BTRFS_EXTENT_ITEM_KEY, 5242880), buf, n);
	e.flags = le64_of(BTRFS_EXTENT_FLAG_TREE_BLOCK | BTRFS_BLOCK_FLAG_FULL_BACKREF);
	memcpy(buf, &e, sizeof(e));
	memcpy(buf + sizeof(e), &info, sizeof(info));
	n = sizeof(e) + sizeof(info);
	n += sample_inline_ref(buf + n, BTRFS_TREE_BLOCK_REF_KEY, 5, 0);
	n += sample_inline_ref(buf + n, BTRFS_SHARED_BLOCK_REF_KEY, 0x1d68000, 0);
	sample_add(s, "extent-tree", owner, KEY(30507008, BTRFS_EXTENT_ITEM_KEY, 16384), buf, n);
	n = sizeof(e);
	n += sample_inline_ref(buf + n, BTRFS_TREE_BLOCK_REF_KEY, BTRFS_CHUNK_TREE_OBJECTID, 0);
	sample_add(s, "metadata", owner, KEY(30523392, BTRFS_METADATA_ITEM_KEY, 1), buf, n);
	sample_add(s, "tree-block-ref", owner, KEY(30523392, BTRFS_TREE_BLOCK_REF_KEY, 5), NULL, 0);
	sample_add(s, "shared-block-ref", owner, KEY(30523392, BTRFS_SHARED_BLOCK_REF_KEY, 0x1d68000), NULL, 0);
	sample_data_ref(buf, 256, 258, 0, 3);
	sample_add(s, "data-ref", owner, KEY(13631488, BTRFS_EXTENT_DATA_REF_KEY, hash_data_ref(256, 258, 0)), buf + 1, 28);
	put_le32(count, 7);
	sample_add(s, "shared-data-ref", owner, KEY(13631488, BTRFS_SHARED_DATA_REF_KEY, 0x1d68000), count, 4);
	put_le64(buf, 256);
	sample_add(s, "owner-ref", owner, KEY(13631488, BTRFS_EXTENT_OWNER_REF_KEY, 256), buf, 8);
	sample_add(s, "extent-v0", owner, KEY(13631488, BTRFS_EXTENT_REF_V0_KEY, 256), count, 4);
}

static inline void samples_chunk(struct samples *s)
{
	struct disk_chunk c = {
		.length = le64_of(8388608), .owner = le64_of(2), .stripe_len = le64_of(65536),
		.type = le64_of(BTRFS_BLOCK_GROUP_SYSTEM | BTRFS_BLOCK_GROUP_DUP), .io_align = le32_of(65536), .io_width = le32_of(65536),
		.sector_size = le32_of(4096), .num_stripes = le16_of(2), .sub_stripes = le16_of(1),
	};
	struct disk_stripe stripes[2] = { { le64_of(1), le64_of(22020096), { 0x99 } }, { le64_of(1), le64_of(30408704), { 0x99 } } };
	struct disk_block_group_item_v2 bg = { .used = le64_of(2097152), .chunk_objectid = le64_of(256), .flags = le64_of(BTRFS_BLOCK_GROUP_DATA) };
	struct disk_raid_stride strides[2] = { { le64_of(1), le64_of(298844160) }, { le64_of(2), le64_of(4096) } };
	u64 remap = BTRFS_REMAP_TREE_OBJECTID;
	le64 address = le64_of(0x200000);

	sample_append(sample_add(s, "chunk", BTRFS_CHUNK_TREE_OBJECTID, KEY(256, BTRFS_CHUNK_ITEM_KEY, 22020096), &c, sizeof(c)), stripes, sizeof(stripes));
	sample_add(s, "block-group", BTRFS_BLOCK_GROUP_TREE_OBJECTID, KEY(13631488, BTRFS_BLOCK_GROUP_ITEM_KEY, 8388608), &bg, sizeof(bg));
	sample_add(s, "raid-stripe", BTRFS_RAID_STRIPE_TREE_OBJECTID, KEY(4096, BTRFS_RAID_STRIPE_KEY, 65536), strides, sizeof(strides));
	sample_add(s, "identity-remap", remap, KEY(0x100000, BTRFS_IDENTITY_REMAP_KEY, 4096), NULL, 0);
	sample_add(s, "remap", remap, KEY(0x100000, BTRFS_REMAP_KEY, 8192), &address, sizeof(address));
	sample_add(s, "remap-backref", remap, KEY(0x200000, BTRFS_REMAP_BACKREF_KEY, 8192), &address, sizeof(address));
}

static inline void samples_dev(struct samples *s)
{
	struct disk_dev_item d = {
		.devid = le64_of(1), .total_bytes = le64_of(114294784), .bytes_used = le64_of(92274688), .io_align = le32_of(4096), .io_width = le32_of(4096),
		.sector_size = le32_of(4096), .uuid = { 0x99 }, .fsid = { 0x11 },
	};
	struct disk_dev_extent x = { le64_of(3), le64_of(256), le64_of(13631488), le64_of(8388608), { 0xc8 } };
	struct disk_dev_stats stats = { { le64_of(1), le64_of(2), le64_of(3), le64_of(4), le64_of(5) } };
	struct disk_dev_replace replace = {
		.src_devid = le64_of(1), .state = le64_of(BTRFS_DEV_REPLACE_FINISHED), .time_started = le64_of(1795170129), .time_stopped = le64_of(1795170130),
	};

	sample_add(s, "dev", BTRFS_CHUNK_TREE_OBJECTID, KEY(1, BTRFS_DEV_ITEM_KEY, 1), &d, sizeof(d));
	sample_add(s, "dev-extent", BTRFS_DEV_TREE_OBJECTID, KEY(1, BTRFS_DEV_EXTENT_KEY, 13631488), &x, sizeof(x));
	sample_add(s, "dev-stats", BTRFS_DEV_TREE_OBJECTID, KEY(0, BTRFS_PERSISTENT_ITEM_KEY, 1), &stats, sizeof(stats));
	sample_add(s, "dev-replace", BTRFS_DEV_TREE_OBJECTID, KEY(0, BTRFS_DEV_REPLACE_KEY, 0), &replace, sizeof(replace));
}

static inline void samples_freespace(struct samples *s)
{
	struct disk_free_space_info info = { le32_of(1), le32_of(BTRFS_FREE_SPACE_USING_BITMAPS) };
	struct disk_free_space_header h = { key_disk(KEY(256, BTRFS_INODE_ITEM_KEY, 0)), le64_of(7), le64_of(1), le64_of(0) };
	u64 owner = BTRFS_FREE_SPACE_TREE_OBJECTID;
	u8 bitmap[256] = { 0xff };

	sample_add(s, "free-space-info", owner, KEY(13631488, BTRFS_FREE_SPACE_INFO_KEY, 8388608), &info, sizeof(info));
	sample_add(s, "free-space-extent", owner, KEY(13631488, BTRFS_FREE_SPACE_EXTENT_KEY, 4096), NULL, 0);
	sample_add(s, "free-space-bitmap", owner, KEY(13631488, BTRFS_FREE_SPACE_BITMAP_KEY, 8388608), bitmap, sizeof(bitmap));
	sample_add(s, "cache-header", BTRFS_ROOT_TREE_OBJECTID, KEY(BTRFS_FREE_SPACE_OBJECTID, BTRFS_UNTYPED_KEY, 13631488), &h, sizeof(h));
}

static inline void samples_rest(struct samples *s)
{
	u64 quota = BTRFS_QUOTA_TREE_OBJECTID, group = 1ULL << 48 | 7;
	struct disk_qgroup_status status = {
		le64_of(1), le64_of(17), le64_of(BTRFS_QGROUP_STATUS_FLAG_ON | BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE), le64_of(0), le64_of(9),
	};
	struct disk_qgroup_info info = { le64_of(17), le64_of(2326528), le64_of(0), le64_of(16384), le64_of(0) };
	struct disk_qgroup_limit limit = { le64_of(0x21), le64_of(-1ULL), le64_of(5), le64_of(0), le64_of(0) };
	struct disk_balance_item balance = { .flags = le64_of(7), .data = { .usage = le64_of(3ULL << 32 | 2), .limit = le64_of(5) } };
	struct disk_verity_descriptor verity = { .size = le64_of(331) };

	sample_add(s, "qgroup-status", quota, KEY(0, BTRFS_QGROUP_STATUS_KEY, 0), &status, sizeof(status));
	sample_add(s, "qgroup-info", quota, KEY(0, BTRFS_QGROUP_INFO_KEY, group), &info, sizeof(info));
	sample_add(s, "qgroup-limit", quota, KEY(0, BTRFS_QGROUP_LIMIT_KEY, 256), &limit, sizeof(limit));
	sample_add(s, "qgroup-relation", quota, KEY(256, BTRFS_QGROUP_RELATION_KEY, group), NULL, 0);
	sample_add(s, "balance", BTRFS_ROOT_TREE_OBJECTID, KEY(BTRFS_BALANCE_OBJECTID, BTRFS_TEMPORARY_ITEM_KEY, 0), &balance, sizeof(balance));
	sample_add(s, "csum-change", BTRFS_ROOT_TREE_OBJECTID, KEY(BTRFS_CSUM_CHANGE_OBJECTID, BTRFS_TEMPORARY_ITEM_KEY, 1), NULL, 0);
	sample_add(s, "verity", 5, KEY(257, BTRFS_VERITY_DESC_ITEM_KEY, 0), &verity, sizeof(verity));
	sample_add(s, "verity-merkle", 5, KEY(257, BTRFS_VERITY_MERKLE_ITEM_KEY, 0), "12345678", 8);
	sample_add(s, "string", 1, KEY(1, BTRFS_STRING_ITEM_KEY, 0), "te xt", 5);
}

/* One or more of each type. Reads the same every time. */
static inline const struct samples *samples(void)
{
	static struct samples s;

	if (!s.n) {
		samples_inode(&s);
		samples_dir(&s);
		samples_file_extent(&s);
		samples_root(&s);
		samples_extent(&s);
		samples_chunk(&s);
		samples_dev(&s);
		samples_freespace(&s);
		samples_rest(&s);
	}
	return &s;
}

static inline const struct sample *sample(const char *name)
{
	for (unsigned i = 0; i < samples()->n; i++)
		if (!strcmp(samples()->v[i].name, name))
			return &samples()->v[i];
	fprintf(stderr, "no sample %s\n", name);
	exit(2);
}

/* A leaf of its tree with this item alone. */
static inline u8 *sample_leaf(struct leaf *l, const struct sample *x)
{
	leaf_init(l, 16384, x->owner);
	return leaf_add(l, x->key, x->data, x->size);
}

#endif
