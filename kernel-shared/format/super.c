/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/units.h"
#include "crypto/csum.h"
#include "kernel-shared/format/super.h"
#include "kernel-shared/format/validate.h"

static bool compute(const struct disk_super *sb, u8 out[CSUM_SIZE_MAX])
{
	unsigned type = le16_get(sb->csum_type);

	memset(out, 0, CSUM_SIZE_MAX);
	if (type >= CSUM_TYPES)
		return false;
	csum_compute(type, (const u8 *)sb + BTRFS_CSUM_SIZE, BTRFS_SUPER_INFO_SIZE - BTRFS_CSUM_SIZE, out);
	return true;
}

void super_set_csum(struct disk_super *sb)
{
	u8 csum[CSUM_SIZE_MAX];

	compute(sb, csum);
	memcpy(sb->csum, csum, sizeof(csum));
}

bool super_check_csum(const struct disk_super *sb, u8 *computed)
{
	u8 csum[CSUM_SIZE_MAX];
	bool known = compute(sb, csum);

	if (computed)
		memcpy(computed, csum, sizeof(csum));
	return known && !memcmp(csum, sb->csum, csum_types[le16_get(sb->csum_type)].size);
}

bool super_has_magic(const struct disk_super *sb)
{
	return le64_get(sb->magic) == BTRFS_MAGIC;
}

const u8 *super_metadata_uuid(const struct disk_super *sb)
{
	return le64_get(sb->incompat_flags) & BTRFS_FEATURE_INCOMPAT_METADATA_UUID ? sb->metadata_uuid : sb->fsid;
}

static int check_level(const char *name, u8 level, struct err *err)
{
	if (level < BTRFS_MAX_LEVEL)
		return 0;
	return err_set(err, -EUCLEAN, "%s level too big: %d >= %d", name, level, BTRFS_MAX_LEVEL);
}

static int check_sizes(const struct disk_super *sb, struct err *err)
{
	u32 sectorsize = le32_get(sb->sectorsize), nodesize = le32_get(sb->nodesize), stripesize = le32_get(sb->stripesize);
	u64 bytes_used = le64_get(sb->bytes_used);

	if (!is_p2(sectorsize) || sectorsize < BTRFS_MIN_BLOCKSIZE || sectorsize > BTRFS_MAX_METADATA_BLOCKSIZE)
		return err_set(err, -EUCLEAN, "invalid sectorsize: %u", sectorsize);
	if (nodesize < BTRFS_MIN_BLOCKSIZE)
		return err_set(err, -EUCLEAN, "nodesize too small: %u < %u", nodesize, BTRFS_MIN_BLOCKSIZE);
	if (nodesize > BTRFS_MAX_METADATA_BLOCKSIZE)
		return err_set(err, -EUCLEAN, "nodesize too big: %u > %u", nodesize, BTRFS_MAX_METADATA_BLOCKSIZE);
	if (!is_p2(nodesize) || nodesize < sectorsize)
		return err_set(err, -EUCLEAN, "nodesize unaligned: %u", nodesize);
	if (!le64_get(sb->total_bytes))
		return err_set(err, -EUCLEAN, "invalid total_bytes 0");
	if (bytes_used < 6ULL * nodesize)
		return err_set(err, -EUCLEAN, "invalid bytes_used %llu", bytes_used);
	if (!is_p2(stripesize))
		return err_set(err, -EUCLEAN, "invalid stripesize %u", stripesize);
	return 0;
}

static int check_root(const char *name, u64 bytenr, u8 level, bool required, u32 sectorsize, struct err *err)
{
	if (bytenr & (sectorsize - 1))
		return err_set(err, -EUCLEAN, "%s block unaligned: %llu", name, bytenr);
	if (!bytenr && required)
		return err_set(err, -EUCLEAN, "%s block is 0", name);
	return check_level(name, level, err);
}

static int check_roots(const struct disk_super *sb, struct err *err)
{
	u32 sectorsize = le32_get(sb->sectorsize);
	int ret;

	if ((ret = check_root("tree_root", le64_get(sb->root), sb->root_level, true, sectorsize, err)) ||
	    (ret = check_root("chunk_root", le64_get(sb->chunk_root), sb->chunk_root_level, true, sectorsize, err)) ||
	    (ret = check_root("log_root", le64_get(sb->log_root), sb->log_root_level, false, sectorsize, err)))
		return ret;
	if (le64_get(sb->incompat_flags) & BTRFS_FEATURE_INCOMPAT_REMAP_TREE)
		return check_root("remap_root", le64_get(sb->remap_root), sb->remap_root_level, true, sectorsize, err);
	return 0;
}

/* While a uuid is being changed the two may differ. */
static int check_fsid(const struct disk_super *sb, struct err *err)
{
	char have[UUID_TEXT_MAX], want[UUID_TEXT_MAX];

	if (le64_get(sb->flags) & (BTRFS_SUPER_FLAG_CHANGING_FSID | BTRFS_SUPER_FLAG_CHANGING_FSID_V2))
		return 0;
	if (!memcmp(sb->dev_item.fsid, super_metadata_uuid(sb), BTRFS_FSID_SIZE))
		return 0;
	return err_set(err, -EUCLEAN, "dev_item UUID does not match fsid: %s != %s", uuid_format(super_metadata_uuid(sb), want),
		       uuid_format(sb->dev_item.fsid, have));
}

int super_sys_chunk_next(const struct disk_super *sb, u32 *pos, struct key *key, const struct disk_chunk **chunk, u32 *size, struct err *err)
{
	u32 end = le32_get(sb->sys_chunk_array_size), at = *pos, len = sizeof(struct disk_chunk) + sizeof(struct disk_stripe);
	u16 stripes;

	if (end > BTRFS_SYSTEM_CHUNK_ARRAY_SIZE)
		return err_set(err, -EUCLEAN, "sys_array_size %u shouldn't exceed %u bytes", end, BTRFS_SYSTEM_CHUNK_ARRAY_SIZE);
	if (at >= end)
		return 0;
	if (end - at < sizeof(struct disk_key))
		return err_set(err, -EUCLEAN, "sys_array too short to read %zu bytes at offset %u", sizeof(struct disk_key), at);
	*key = key_get((const struct disk_key *)(sb->sys_chunk_array + at));
	at += sizeof(struct disk_key);
	if (key->type != BTRFS_CHUNK_ITEM_KEY)
		return err_set(err, -EUCLEAN, "unexpected item type %u in sys_array at offset %u", key->type, at);
	if (end - at < len)
		return err_set(err, -EUCLEAN, "sys_array too short to read %u bytes at offset %u", len, at);
	*chunk = (const struct disk_chunk *)(sb->sys_chunk_array + at);
	stripes = le16_get((*chunk)->num_stripes);
	if (!stripes)
		return err_set(err, -EUCLEAN, "invalid number of stripes %u in sys_array at offset %u", stripes, at);
	len = sizeof(struct disk_chunk) + stripes * sizeof(struct disk_stripe);
	if (end - at < len)
		return err_set(err, -EUCLEAN, "sys_array too short to read %u bytes at offset %u", len, at);
	*size = len;
	*pos = at + len;
	return 1;
}

static int check_sys_array(const struct disk_super *sb, struct err *err)
{
	u32 have = le32_get(sb->sys_chunk_array_size), pos = 0, size;
	u32 least = sizeof(struct disk_key) + sizeof(struct disk_chunk) + sizeof(struct disk_stripe);
	const struct disk_chunk *chunk;
	struct geometry geo;
	struct validator v = { .geo = &geo, .err = err, .bytenr = le64_get(sb->bytenr), .tree = BTRFS_CHUNK_TREE_OBJECTID };
	/* old restores put one chunk that is all of the address space: no rule of length can hold */
	bool flat = le64_get(sb->flags) & BTRFS_SUPER_FLAG_METADUMP;
	struct key key;
	int ret;

	if (have > BTRFS_SYSTEM_CHUNK_ARRAY_SIZE)
		return err_set(err, -EUCLEAN, "system chunk array too big %u > %u", have, BTRFS_SYSTEM_CHUNK_ARRAY_SIZE);
	if (have < least)
		return err_set(err, -EUCLEAN, "system chunk array too small %u < %u", have, least);
	geometry_from_super(&geo, sb);
	while ((ret = super_sys_chunk_next(sb, &pos, &key, &chunk, &size, err)) > 0) {
		struct item item = { key, (const u8 *)chunk, size, -1 };

		if (!flat && chunk_validate(&v, &item))
			return -EUCLEAN;
		if (!(le64_get(chunk->type) & BTRFS_BLOCK_GROUP_SYSTEM))
			return err_set(err, -EUCLEAN, "invalid chunk type 0x%llx in sys_array at offset %u", le64_get(chunk->type), pos - size);
	}
	return ret;
}

int super_validate(const struct disk_super *sb, u64 bytenr, struct err *err)
{
	int ret;

	if (!super_has_magic(sb))
		return err_set(err, -EINVAL, "superblock magic doesn't match");
	if (le16_get(sb->csum_type) >= CSUM_TYPES)
		return err_set(err, -EUCLEAN, "unsupported checksum algorithm %u", le16_get(sb->csum_type));
	if (!super_check_csum(sb, NULL))
		return err_set(err, -EUCLEAN, "superblock checksum mismatch");
	if (le64_get(sb->bytenr) != bytenr)
		ret = err_set(err, -EUCLEAN, "superblock bytenr mismatch, have %llu expect %llu", le64_get(sb->bytenr), bytenr);
	else if (!(ret = check_sizes(sb, err)) && !(ret = check_roots(sb, err)) && !(ret = check_fsid(sb, err)))
		ret = check_sys_array(sb, err);
	return ret ? err_wrap(err, ret, "superblock checksum matches but it has invalid members") : 0;
}

int super_check_mountable(const struct disk_super *sb, struct err *err)
{
	u64 unknown = le64_get(sb->flags) & ~BTRFS_SUPER_FLAGS_KERNEL, incompat = le64_get(sb->incompat_flags), ro = le64_get(sb->compat_ro_flags);
	u32 nodesize = le32_get(sb->nodesize), sectorsize = le32_get(sb->sectorsize);

	if (unknown)
		return err_set(err, -EUCLEAN, "unrecognized or unsupported super flag: 0x%llx", unknown);
	if (le32_get(sb->leafsize) != nodesize)
		return err_set(err, -EUCLEAN, "invalid leafsize %u, should be %u", le32_get(sb->leafsize), nodesize);
	if (!le64_get(sb->num_devices))
		return err_set(err, -EUCLEAN, "number of devices is 0");
	if ((incompat & BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS) && nodesize != sectorsize)
		return err_set(err, -EUCLEAN, "unequal nodesize/sectorsize (%u != %u) are not allowed for mixed block groups", nodesize, sectorsize);
	if ((ro & BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE) &&
	    (!(ro & BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID) || !(incompat & BTRFS_FEATURE_INCOMPAT_NO_HOLES)))
		return err_set(err, -EUCLEAN, "block-group-tree feature requires free-space-tree and no-holes");
	return 0;
}

int super_check_features(const struct disk_super *sb, bool write, struct err *err)
{
	u64 incompat = le64_get(sb->incompat_flags) & ~(write ? SUPER_INCOMPAT_WRITE : SUPER_INCOMPAT_READ);
	u64 ro = write ? le64_get(sb->compat_ro_flags) & ~SUPER_COMPAT_RO_KNOWN : 0;
	struct strbuf names = STRBUF_INIT;

	if (!incompat && !ro)
		return 0;
	super_format_features(incompat, ro, &names);
	err_set(err, -EOPNOTSUPP, "unsupported feature for %s: %s", write ? "writing" : "reading", sb_str(&names));
	sb_fini(&names);
	return -EOPNOTSUPP;
}
