/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHUNK_ITEM, BLOCK_GROUP_ITEM, RAID_STRIPE, remaps: what maps logical addresses. Spec: on-disk-format 3.14, 3.19, 3.25, 12, 13.9, 13.12, 13.17. */
#include "kernel-shared/format/profile.h"
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

static bool mixed_groups(const struct validator *v)
{
	return geo_incompat(v->geo, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS);
}

static bool remap_tree(const struct validator *v)
{
	return geo_incompat(v->geo, BTRFS_FEATURE_INCOMPAT_REMAP_TREE);
}

static int check_chunk_lengths(struct validator *v, const struct item *item, const struct disk_chunk *c)
{
	u64 length = le64_get(c->length), logical = item->key.offset, end;

	if (unaligned(v, logical) &&
	    violate(v, item, "chunk-logical", "invalid chunk logical, have %llu should aligned to %u", logical, v->geo->sectorsize))
		return -EUCLEAN;
	if (le32_get(c->sector_size) != v->geo->sectorsize &&
	    violate(v, item, "chunk-sectorsize", "invalid chunk sectorsize, have %u expect %u", le32_get(c->sector_size), v->geo->sectorsize))
		return -EUCLEAN;
	if ((!length || unaligned(v, length)) && violate(v, item, "chunk-length", "invalid chunk length, have %llu", length))
		return -EUCLEAN;
	if (add_overflows(logical, length, &end) &&
	    violate(v, item, "chunk-overflow", "invalid chunk logical start and length, have logical start %llu length %llu", logical, length))
		return -EUCLEAN;
	if (le64_get(c->stripe_len) != BTRFS_STRIPE_LEN &&
	    violate(v, item, "chunk-stripe-len", "invalid chunk stripe length: %llu", le64_get(c->stripe_len)))
		return -EUCLEAN;
	if (length >= 0xffffffffULL * BTRFS_STRIPE_LEN)
		return violate(v, item, "chunk-too-long", "chunk length too large: have %llu limit %llu", length, 0xffffffffULL * BTRFS_STRIPE_LEN);
	return 0;
}

static int check_chunk_type(struct validator *v, const struct item *item, u64 type)
{
	u64 known = BTRFS_BLOCK_GROUP_TYPE_MASK | BTRFS_BLOCK_GROUP_PROFILE_MASK | BTRFS_BLOCK_GROUP_REMAPPED;
	u64 profile = type & BTRFS_BLOCK_GROUP_PROFILE_MASK, experimental = BTRFS_BLOCK_GROUP_METADATA_REMAP | BTRFS_BLOCK_GROUP_REMAPPED;
	u64 data_metadata = type & (BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA);

	if ((type & ~known) && violate(v, item, "chunk-type-unknown", "unrecognized chunk type: 0x%llx", type & ~known))
		return -EUCLEAN;
	if (profile && !is_p2(profile) &&
	    violate(v, item, "chunk-profile", "invalid chunk profile flag: 0x%llx, expect 0 or 1 bit set", profile))
		return -EUCLEAN;
	if (!(type & BTRFS_BLOCK_GROUP_TYPE_MASK) &&
	    violate(v, item, "chunk-type-missing", "missing chunk type flag: 0x%llx", type))
		return -EUCLEAN;
	if ((type & BTRFS_BLOCK_GROUP_SYSTEM) && data_metadata &&
	    violate(v, item, "chunk-type-conflict", "conflicting chunk type detected: 0x%llx", type))
		return -EUCLEAN;
	if (data_metadata && !is_p2(data_metadata) && !mixed_groups(v) &&
	    violate(v, item, "chunk-type-mixed", "mixed chunk type in non-mixed mode: 0x%llx", type))
		return -EUCLEAN;
	if ((type & experimental) && !remap_tree(v))
		return violate(v, item, "chunk-type-remap", "chunk type 0x%llx without REMAP_TREE feature", type);
	return 0;
}

static bool stripe_count_valid(const struct profile *p, u64 type, u16 num_stripes, u16 sub_stripes)
{
	if (type & BTRFS_BLOCK_GROUP_RAID10)
		return sub_stripes == 2;
	if (type & BTRFS_BLOCK_GROUP_RAID56_MASK)
		return num_stripes >= p->min_devs;
	return !p->max_devs || num_stripes == p->max_devs * p->dev_stripes;
}

static int check_stripe_count(struct validator *v, const struct item *item, const struct disk_chunk *c)
{
	u64 type = le64_get(c->type);
	const struct profile *p = profile_of(type);
	u16 n = le16_get(c->num_stripes);

	if (!n)
		return type & BTRFS_BLOCK_GROUP_REMAPPED ? 0 : violate(v, item, "chunk-no-stripes", "invalid chunk num_stripes, have 0");
	if (n < p->copies && violate(v, item, "chunk-copies", "invalid chunk num_stripes < ncopies, have %u < %u", n, p->copies))
		return -EUCLEAN;
	if (p->parity && n == p->parity &&
	    violate(v, item, "chunk-parity", "invalid chunk num_stripes == nparity, have %u == %u", n, p->parity))
		return -EUCLEAN;
	if (!(type & BTRFS_BLOCK_GROUP_REMAPPED) && !stripe_count_valid(p, type, n, le16_get(c->sub_stripes)))
		return violate(v, item, "chunk-stripes", "invalid num_stripes:sub_stripes %u:%u for profile %s", n, le16_get(c->sub_stripes), p->name);
	return 0;
}

int chunk_validate(struct validator *v, const struct item *item)
{
	const struct disk_chunk *c = (const void *)item->data;
	size_t expect = sizeof(*c) + le16_get(c->num_stripes) * sizeof(struct disk_stripe);

	if (item->size != expect)
		return violate(v, item, "chunk-size", "invalid chunk item size, have %u expect %zu", item->size, expect);
	if (check_stripe_count(v, item, c) || check_chunk_lengths(v, item, c))
		return -EUCLEAN;
	return check_chunk_type(v, item, le64_get(c->type));
}

int chunk_item_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	return chunk_validate(v, item);
}

static int check_group_owner(struct validator *v, const struct item *item, u64 chunk_objectid)
{
	if (geo_incompat(v->geo, BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2)) {
		if (chunk_objectid < v->geo->nr_global_roots)
			return 0;
		return violate(v, item, "bg-global-root", "invalid block group global root id, have %llu expect below %llu", chunk_objectid,
			       v->geo->nr_global_roots);
	}
	if (chunk_objectid == BTRFS_FIRST_CHUNK_TREE_OBJECTID)
		return 0;
	return violate(v, item, "bg-chunk-objectid", "invalid block group chunk objectid, have %llu expect %llu", chunk_objectid,
		       BTRFS_FIRST_CHUNK_TREE_OBJECTID);
}

static int check_group_flags(struct validator *v, const struct item *item, u64 flags)
{
	u64 type = flags & BTRFS_BLOCK_GROUP_TYPE_MASK, profile = flags & BTRFS_BLOCK_GROUP_PROFILE_MASK;

	if (profile && !is_p2(profile) &&
	    violate(v, item, "bg-profile", "invalid profile flags, have 0x%llx expect no more than 1 bit set", profile))
		return -EUCLEAN;
	if ((type & BTRFS_BLOCK_GROUP_METADATA_REMAP) && !remap_tree(v) &&
	    violate(v, item, "bg-remap", "invalid flags, have 0x%llx without REMAP_TREE feature", flags))
		return -EUCLEAN;
	if (!is_p2(type) && type != (BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA))
		return violate(v, item, "bg-type", "invalid type, have 0x%llx expect a single type or DATA|METADATA", type);
	return 0;
}

int block_group_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_block_group_item *bg = (const void *)item->data;
	size_t expect = remap_tree(v) ? sizeof(struct disk_block_group_item_v2) : sizeof(*bg);
	u64 used = le64_get(bg->used);

	if (!item->key.offset && violate(v, item, "bg-length", "invalid block group size 0"))
		return -EUCLEAN;
	if (item->size != expect)
		return violate(v, item, "bg-size", "invalid item size, have %u expect %zu", item->size, expect);
	if (check_group_owner(v, item, le64_get(bg->chunk_objectid)))
		return -EUCLEAN;
	if (used > item->key.offset &&
	    violate(v, item, "bg-used", "invalid block group used, have %llu expect [0, %llu]", used, item->key.offset))
		return -EUCLEAN;
	return check_group_flags(v, item, le64_get(bg->flags));
}

int raid_stripe_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	if (unaligned(v, item->key.objectid) &&
	    violate(v, item, "raid-stripe-align", "invalid key objectid for raid stripe-tree item, have %llu expect to be aligned to %u",
		    item->key.objectid, v->geo->sectorsize))
		return -EUCLEAN;
	if (!geo_incompat(v->geo, BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE))
		return violate(v, item, "raid-stripe-feature", "RAID_STRIPE_TREE item present but RAID_STRIPE_TREE incompat bit unset");
	return 0;
}

int remap_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct key *k = &item->key;
	u64 end;

	if (!remap_tree(v) && violate(v, item, "remap-feature", "remap item present but REMAP_TREE incompat bit unset"))
		return -EUCLEAN;
	if (!k->offset && violate(v, item, "remap-length", "invalid remap item length 0"))
		return -EUCLEAN;
	if ((unaligned(v, k->objectid) || unaligned(v, k->offset)) &&
	    violate(v, item, "remap-align", "unaligned remap item, have start %llu length %llu should be aligned to %u", k->objectid, k->offset,
		    v->geo->sectorsize))
		return -EUCLEAN;
	if (add_overflows(k->objectid, k->offset, &end))
		return violate(v, item, "remap-overflow", "remap item overflow, have start %llu length %llu", k->objectid, k->offset);
	return 0;
}

static void print_stripes(struct print_ctx *p, const struct item *item, u32 n)
{
	const struct disk_chunk *c = (const void *)item->data;

	for (u32 i = 0; i < n; i++) {
		const struct disk_stripe *s = &c->stripes[i];
		char *o;

		if (sizeof(*c) + (i + 1) * sizeof(*s) > item->size) {
			print_error(p, "chunk item of %u bytes ends before stripe %u of %u", item->size, i, n);
			return;
		}
		o = text_open(p->sb, 256);
		if (!o)
			return;
		o = text_field(o, "\t\t\tstripe ", i);
		o = text_le64(o, " devid ", s->devid);
		o = text_le64(o, " offset ", s->offset);
		o = text_uuid(text_lit(o, "\n\t\t\tdev_uuid "), s->dev_uuid);
		text_close(p->sb, text_lit(o, "\n"));
	}
}

void chunk_item_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_chunk *c = print_struct(p, item, struct disk_chunk);
	char *o = c ? text_open(p->sb, 256 + PRINT_BG_FLAGS_MAX) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tlength ", c->length);
	o = text_le64(o, " owner ", c->owner);
	o = text_le64(o, " stripe_len ", c->stripe_len);
	o = text_bg_flags(text_lit(o, " type "), le64_get(c->type));
	o = text_le32(o, "\n\t\tio_align ", c->io_align);
	o = text_le32(o, " io_width ", c->io_width);
	o = text_le32(o, " sector_size ", c->sector_size);
	o = text_le16(o, "\n\t\tnum_stripes ", c->num_stripes);
	o = text_le16(o, " sub_stripes ", c->sub_stripes);
	text_close(p->sb, text_lit(o, "\n"));
	print_stripes(p, item, le16_get(c->num_stripes));
}

void block_group_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_block_group_item *bg = print_struct(p, item, struct disk_block_group_item);
	char *o = bg ? text_open(p->sb, 128 + PRINT_BG_FLAGS_MAX) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tblock group used ", bg->used);
	o = text_le64(o, " chunk_objectid ", bg->chunk_objectid);
	o = text_bg_flags(text_lit(o, " flags "), le64_get(bg->flags));
	text_close(p->sb, text_lit(o, "\n"));
}

void raid_stripe_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_raid_stride *s = (const void *)item->data;

	for (u32 i = 0; i < item->size / sizeof(*s); i++) {
		char *o = text_open(p->sb, 128);

		if (!o)
			return;
		o = text_field(o, "\t\t\tstripe ", i);
		o = text_le64(o, " devid ", s[i].devid);
		o = text_le64(o, " physical ", s[i].physical);
		text_close(p->sb, text_lit(o, "\n"));
	}
}

void remap_print(struct print_ctx *p, const struct item *item)
{
	if (!print_fits(p, item, sizeof(le64)))
		return;
	sb_lit(p->sb, "\t\taddress ");
	sb_u64(p->sb, get_le64(item->data));
	sb_char(p->sb, '\n');
}

#define CHUNK struct disk_chunk
#define STRIPE struct disk_stripe
int fields_chunk(const struct fields *f, const char *prefix, u32 base)
{
	static const struct field head[] = {
		FIELD_NUM(CHUNK, length), FIELD_NUM(CHUNK, owner), FIELD_NUM(CHUNK, stripe_len), FIELD_OF(CHUNK, type, FIELD_FLAGS), FIELD_NUM(CHUNK, io_align),
		FIELD_NUM(CHUNK, io_width), FIELD_NUM(CHUNK, sector_size), FIELD_NUM(CHUNK, num_stripes), FIELD_NUM(CHUNK, sub_stripes),
	};
	static const struct field stripe[] = { FIELD_NUM(STRIPE, devid), FIELD_NUM(STRIPE, offset), FIELD_OF(STRIPE, dev_uuid, FIELD_UUID) };
	char stripe_prefix[FIELD_PREFIX_MAX];
	u32 at = base + sizeof(CHUNK), n;
	int ret = fields_table(f, prefix, base, head, ARRAY_SIZE(head));

	if (ret || f->size < at)
		return ret;
	n = le16_get(((const CHUNK *)(f->data + base))->num_stripes);
	for (u32 i = 0; i < n && f->size - at >= sizeof(STRIPE) && !ret; i++, at += sizeof(STRIPE))
		ret = fields_table(f, fields_prefix(stripe_prefix, prefix, "stripe", i), at, stripe, ARRAY_SIZE(stripe));
	return ret;
}

int chunk_item_fields(const struct item *item, field_fn fn, void *arg)
{
	return fields_chunk(&(struct fields){ item->data, item->size, fn, arg }, "", 0);
}

#define BG struct disk_block_group_item_v2
int block_group_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = {
		FIELD_NUM(BG, used), FIELD_NUM(BG, chunk_objectid), FIELD_OF(BG, flags, FIELD_FLAGS), FIELD_NUM(BG, remap_bytes),
		FIELD_NUM(BG, identity_remap_count),
	};

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}

int raid_stripe_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = { FIELD_NUM(struct disk_raid_stride, devid), FIELD_NUM(struct disk_raid_stride, physical) };
	struct fields f = { item->data, item->size, fn, arg };
	char prefix[FIELD_PREFIX_MAX];
	int ret = 0;

	for (u32 i = 0; i < item->size / sizeof(struct disk_raid_stride) && !ret; i++)
		ret = fields_table(&f, fields_prefix(prefix, "", "stripe", i), i * sizeof(struct disk_raid_stride), table, ARRAY_SIZE(table));
	return ret;
}

int remap_fields(const struct item *item, field_fn fn, void *arg)
{
	return fields_one(&(struct fields){ item->data, item->size, fn, arg }, "", "address", FIELD_UINT, 0, sizeof(le64));
}
