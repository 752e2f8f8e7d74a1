/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EXTENT_ITEM, METADATA_ITEM and their references, inline and keyed. Spec: on-disk-format 3.13, 13.15, 13.16. */
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

/* Bytes of an inline reference with its type byte; 0: not a type of reference. */
static u32 inline_ref_size(u8 type)
{
	switch (type) {
	case BTRFS_EXTENT_OWNER_REF_KEY:
	case BTRFS_TREE_BLOCK_REF_KEY:
	case BTRFS_SHARED_BLOCK_REF_KEY:
		return sizeof(struct disk_extent_inline_ref);
	case BTRFS_SHARED_DATA_REF_KEY:
		return sizeof(struct disk_extent_inline_ref) + sizeof(struct disk_shared_data_ref);
	case BTRFS_EXTENT_DATA_REF_KEY:
		return 1 + sizeof(struct disk_extent_data_ref);
	}
	return 0;
}

int extent_item_parse(const struct geometry *geo, const struct item *item, struct extent_view *out)
{
	const struct disk_extent_item *e = (const void *)item->data;
	bool skinny = item->key.type == BTRFS_METADATA_ITEM_KEY;

	if (item->size < sizeof(*e))
		return -EUCLEAN;
	*out = (struct extent_view){
		.bytenr = item->key.objectid,
		.len = skinny ? geo->nodesize : item->key.offset,
		.refs = le64_get(e->refs),
		.generation = le64_get(e->generation),
		.flags = le64_get(e->flags),
		.level = skinny ? item->key.offset : 0,
		.refs_start = sizeof(*e),
	};
	out->is_data = out->flags & BTRFS_EXTENT_FLAG_DATA;
	if (!skinny && (out->flags & BTRFS_EXTENT_FLAG_TREE_BLOCK)) {
		const struct disk_tree_block_info *info = (const void *)(e + 1);

		if (item->size - sizeof(*e) < sizeof(*info))
			return -EUCLEAN;
		out->has_tree_info = true;
		out->tree_first = key_get(&info->key);
		out->level = info->level;
		out->refs_start += sizeof(*info);
	}
	return 0;
}

static void data_ref(const u8 *p, struct extent_ref_view *out)
{
	const struct disk_extent_data_ref *d = (const void *)p;

	out->root = le64_get(d->root);
	out->objectid = le64_get(d->objectid);
	out->offset = le64_get(d->offset);
	out->count = le32_get(d->count);
	out->seq = hash_data_ref(out->root, out->objectid, out->offset);
}

static void plain_ref(u64 value, struct extent_ref_view *out)
{
	out->seq = value;
	out->count = 1;
	if (out->type == BTRFS_SHARED_BLOCK_REF_KEY || out->type == BTRFS_SHARED_DATA_REF_KEY)
		out->parent = value;
	else
		out->root = value;
}

static bool inline_ref_next(const struct item *item, u32 *pos, struct extent_ref_view *out)
{
	const u8 *p = item->data + *pos;
	u32 size;

	if (*pos >= item->size || !(size = inline_ref_size(*p)) || item->size - *pos < size)
		return false;
	*out = (struct extent_ref_view){ .type = *p, .pos = *pos };
	if (out->type == BTRFS_EXTENT_DATA_REF_KEY) {
		data_ref(p + 1, out);
	} else {
		plain_ref(get_le64(p + 1), out);
		if (out->type == BTRFS_SHARED_DATA_REF_KEY)
			out->count = get_le32(p + sizeof(struct disk_extent_inline_ref));
	}
	*pos += size;
	return true;
}

static bool keyed_ref_next(const struct item *item, u32 *pos, struct extent_ref_view *out)
{
	*out = (struct extent_ref_view){ .type = item->key.type, .pos = *pos };
	switch (item->key.type) {
	case BTRFS_EXTENT_DATA_REF_KEY:
		if (*pos >= item->size || item->size - *pos < sizeof(struct disk_extent_data_ref))
			return false;
		data_ref(item->data + *pos, out);
		*pos += sizeof(struct disk_extent_data_ref);
		return true;
	case BTRFS_SHARED_DATA_REF_KEY:
		if (*pos || item->size < sizeof(struct disk_shared_data_ref))
			return false;
		plain_ref(item->key.offset, out);
		out->count = get_le32(item->data);
		*pos = sizeof(struct disk_shared_data_ref);
		return true;
	case BTRFS_TREE_BLOCK_REF_KEY:
	case BTRFS_SHARED_BLOCK_REF_KEY:
	case BTRFS_EXTENT_OWNER_REF_KEY:
		if (*pos)
			return false;
		plain_ref(item->key.offset, out);
		*pos = item->size ? item->size : 1;
		return true;
	}
	return false;
}

bool extent_ref_next(const struct item *item, u32 *pos, struct extent_ref_view *out)
{
	bool extent = item->key.type == BTRFS_EXTENT_ITEM_KEY || item->key.type == BTRFS_METADATA_ITEM_KEY;

	return extent ? inline_ref_next(item, pos, out) : keyed_ref_next(item, pos, out);
}

static int check_extent_key(struct validator *v, const struct item *item)
{
	const struct key *k = &item->key;
	bool skinny = k->type == BTRFS_METADATA_ITEM_KEY;

	if (skinny && !geo_incompat(v->geo, BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA) &&
	    violate(v, item, "extent-skinny", "invalid key type, METADATA_ITEM type invalid when SKINNY_METADATA feature disabled"))
		return -EUCLEAN;
	if (unaligned(v, k->objectid) &&
	    violate(v, item, "extent-bytenr", "invalid key objectid, have %llu expect to be aligned to %u", k->objectid, v->geo->sectorsize))
		return -EUCLEAN;
	if (skinny && k->offset >= BTRFS_MAX_LEVEL)
		return violate(v, item, "extent-level", "invalid tree level, have %llu expect [0, %u]", k->offset, BTRFS_MAX_LEVEL - 1);
	return 0;
}

static int check_tree_extent(struct validator *v, const struct item *item, const struct extent_view *e)
{
	if (item->key.type == BTRFS_METADATA_ITEM_KEY)
		return 0;
	if (e->len != v->geo->nodesize &&
	    violate(v, item, "extent-tree-length", "invalid extent length, have %llu expect %u", e->len, v->geo->nodesize))
		return -EUCLEAN;
	if (e->level >= BTRFS_MAX_LEVEL)
		return violate(v, item, "extent-info-level", "invalid tree block info level, have %u expect [0, %u]", e->level, BTRFS_MAX_LEVEL - 1);
	return 0;
}

static int check_data_extent(struct validator *v, const struct item *item, const struct extent_view *e)
{
	if (item->key.type != BTRFS_EXTENT_ITEM_KEY)
		return violate(v, item, "extent-data-key", "invalid key type, have %u expect %u for data extent", item->key.type, BTRFS_EXTENT_ITEM_KEY);
	if (unaligned(v, e->len) &&
	    violate(v, item, "extent-data-length", "invalid extent length, have %llu expect aligned to %u", e->len, v->geo->sectorsize))
		return -EUCLEAN;
	if (e->flags & BTRFS_BLOCK_FLAG_FULL_BACKREF)
		return violate(v, item, "extent-full-backref", "invalid extent flag, data has full backref set");
	return 0;
}

static int check_data_ref(struct validator *v, const struct item *item, const struct extent_ref_view *r)
{
	if (!is_fstree(r->root) && r->root != BTRFS_ROOT_TREE_OBJECTID && r->root != BTRFS_DATA_RELOC_TREE_OBJECTID &&
	    violate(v, item, "data-ref-root", "invalid data ref root, have %llu expect a subvolume, %llu or %llu", r->root, BTRFS_ROOT_TREE_OBJECTID,
		    BTRFS_DATA_RELOC_TREE_OBJECTID))
		return -EUCLEAN;
	if ((r->objectid < BTRFS_FIRST_FREE_OBJECTID || r->objectid > BTRFS_LAST_FREE_OBJECTID) &&
	    violate(v, item, "data-ref-objectid", "invalid data ref objectid value %llu", r->objectid))
		return -EUCLEAN;
	if (unaligned(v, r->offset) &&
	    violate(v, item, "data-ref-offset", "invalid data ref offset, have %llu expect aligned to %u", r->offset, v->geo->sectorsize))
		return -EUCLEAN;
	if (!r->count)
		return violate(v, item, "data-ref-count", "invalid data ref count, should have non-zero value");
	return 0;
}

static int check_shared_ref(struct validator *v, const struct item *item, const struct extent_ref_view *r)
{
	if (unaligned(v, r->parent) &&
	    violate(v, item, "shared-ref-parent", "invalid shared ref parent, have %llu should be aligned to %u", r->parent, v->geo->sectorsize))
		return -EUCLEAN;
	if (!r->count)
		return violate(v, item, "shared-ref-count", "invalid shared data ref count, should have non-zero value");
	return 0;
}

static int check_ref(struct validator *v, const struct item *item, const struct extent_ref_view *r)
{
	switch (r->type) {
	case BTRFS_EXTENT_DATA_REF_KEY:
		return check_data_ref(v, item, r);
	case BTRFS_SHARED_DATA_REF_KEY:
	case BTRFS_SHARED_BLOCK_REF_KEY:
		return check_shared_ref(v, item, r);
	}
	return 0;
}

/* Ascending types, descending sequence inside a type. */
static int check_ref_order(struct validator *v, const struct item *item, const struct extent_ref_view *r, u8 last_type, u64 last_seq)
{
	if (unlikely(r->type < last_type))
		return violate(v, item, "inline-ref-type-order", "inline ref out-of-order: has type %u, prev type %u", r->type, last_type);
	if (unlikely(r->type == last_type && r->seq > last_seq))
		return violate(v, item, "inline-ref-seq-order", "inline ref out-of-order: has type %u offset %llu seq 0x%llx, prev seq 0x%llx", r->type, r->offset,
			       r->seq, last_seq);
	return 0;
}

static int check_inline_refs(struct validator *v, const struct item *item, const struct extent_view *e)
{
	u32 pos = e->refs_start;
	u64 total = 0, seq = -1ULL;
	u8 type = 0;
	struct extent_ref_view r;

	while (inline_ref_next(item, &pos, &r)) {
		if (check_ref(v, item, &r) || check_ref_order(v, item, &r, type, seq))
			return -EUCLEAN;
		total += r.type == BTRFS_EXTENT_OWNER_REF_KEY ? 0 : r.count;
		type = r.type;
		seq = r.seq;
	}
	if (pos < item->size && !inline_ref_size(item->data[pos]))
		return violate(v, item, "inline-ref-type", "unknown inline ref type: %u", item->data[pos]);
	if (pos < item->size)
		return violate(v, item, "inline-ref-overflow", "inline ref item overflows extent item, ptr %u iref size %u end %u", pos,
			       inline_ref_size(item->data[pos]), item->size);
	if (total > e->refs)
		return violate(v, item, "extent-refs", "invalid extent refs, have %llu expect >= inline %llu", e->refs, total);
	return 0;
}

static int check_extent_overlap(struct validator *v, const struct item *item, const struct item *prev)
{
	u64 end, len;

	if (!prev || (prev->key.type != BTRFS_EXTENT_ITEM_KEY && prev->key.type != BTRFS_METADATA_ITEM_KEY))
		return 0;
	len = prev->key.type == BTRFS_METADATA_ITEM_KEY ? v->geo->nodesize : prev->key.offset;
	if (add_overflows(prev->key.objectid, len, &end) || end > item->key.objectid)
		return violate(v, item, "extent-item-overlap", "previous extent [%llu %u %llu] overlaps current extent [%llu %u %llu]", prev->key.objectid,
			       prev->key.type, prev->key.offset, item->key.objectid, item->key.type, item->key.offset);
	return 0;
}

int extent_item_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	struct extent_view e;
	u64 kind;

	if (check_extent_key(v, item))
		return -EUCLEAN;
	if (extent_item_parse(v->geo, item, &e))
		return violate(v, item, "extent-info-size", "invalid item size, have %u expect at least %zu", item->size,
			       sizeof(struct disk_extent_item) + sizeof(struct disk_tree_block_info));
	if (too_new(v, e.generation) &&
	    violate(v, item, "extent-generation", "invalid generation, have %llu expect [0, %llu]", e.generation, v->geo->generation + 1))
		return -EUCLEAN;
	kind = e.flags & (BTRFS_EXTENT_FLAG_DATA | BTRFS_EXTENT_FLAG_TREE_BLOCK);
	if (!is_p2(kind))
		return violate(v, item, "extent-flags", "invalid extent flag, have 0x%llx expect 1 bit set in 0x%llx", e.flags,
			       BTRFS_EXTENT_FLAG_DATA | BTRFS_EXTENT_FLAG_TREE_BLOCK);
	if (e.is_data ? check_data_extent(v, item, &e) : check_tree_extent(v, item, &e))
		return -EUCLEAN;
	if (check_inline_refs(v, item, &e))
		return -EUCLEAN;
	return check_extent_overlap(v, item, prev);
}

static int check_ref_key(struct validator *v, const struct item *item)
{
	if (unlikely(unaligned(v, item->key.objectid)))
		return violate(v, item, "ref-bytenr", "invalid key objectid for keyed reference, have %llu expect aligned to %u", item->key.objectid,
			       v->geo->sectorsize);
	return 0;
}

int keyed_ref_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	struct extent_ref_view r;
	u32 pos = 0;

	if (check_ref_key(v, item))
		return -EUCLEAN;
	return keyed_ref_next(item, &pos, &r) ? check_ref(v, item, &r) : 0;
}

int keyed_data_ref_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	struct extent_ref_view r;
	u32 pos = 0;

	if (item->size % sizeof(struct disk_extent_data_ref))
		return violate(v, item, "data-ref-size", "invalid item size, have %u expect aligned to %zu for key type %u", item->size,
			       sizeof(struct disk_extent_data_ref), item->key.type);
	if (check_ref_key(v, item))
		return -EUCLEAN;
	while (keyed_ref_next(item, &pos, &r))
		if (check_data_ref(v, item, &r))
			return -EUCLEAN;
	return 0;
}

static const struct text_flag extent_flag_names[] = {
	{ BTRFS_EXTENT_FLAG_DATA, "DATA" }, { BTRFS_EXTENT_FLAG_TREE_BLOCK, "TREE_BLOCK" }, { BTRFS_BLOCK_FLAG_FULL_BACKREF, "FULL_BACKREF" },
};

static char *text_data_ref(char *o, const struct extent_ref_view *r)
{
	o = text_objectid(text_lit(o, "extent data backref root "), r->root, 0);
	o = text_field(o, " objectid ", r->objectid);
	o = text_field(o, " offset ", r->offset);
	return text_field(o, " count ", r->count);
}

static char *text_inline_ref(char *o, const struct extent_ref_view *r)
{
	o = text_field(o, "\t\t(", r->type);
	o = text_lit(text_hex(text_lit(o, " 0x"), r->seq), ") ");
	switch (r->type) {
	case BTRFS_TREE_BLOCK_REF_KEY:
		return text_objectid(text_lit(o, "tree block backref root "), r->root, 0);
	case BTRFS_SHARED_BLOCK_REF_KEY:
		return text_field(o, "shared block backref parent ", r->parent);
	case BTRFS_EXTENT_DATA_REF_KEY:
		return text_data_ref(o, r);
	case BTRFS_SHARED_DATA_REF_KEY:
		return text_field(text_field(o, "shared data backref parent ", r->parent), " count ", r->count);
	default:
		return text_field(o, "extent owner root ", r->root);
	}
}

enum { REF_TEXT_MAX = 240 };

static void print_inline_refs(struct print_ctx *p, const struct item *item, u32 pos)
{
	struct extent_ref_view r;

	while (inline_ref_next(item, &pos, &r)) {
		char *o = text_open(p->sb, REF_TEXT_MAX);

		if (!o)
			return;
		text_close(p->sb, text_lit(text_inline_ref(o, &r), "\n"));
	}
	if (pos >= item->size)
		return;
	if (inline_ref_size(item->data[pos]))
		print_error(p, "inline reference of type %u at %u exceeds the item of %u bytes", item->data[pos], pos, item->size);
	else
		print_error(p, "unknown inline reference type %u at %u", item->data[pos], pos);
}

void extent_item_print(struct print_ctx *p, const struct item *item)
{
	struct extent_view e;
	u64 left;
	char *o;

	if (extent_item_parse(p->geo, item, &e)) {
		print_fits(p, item, sizeof(struct disk_extent_item) + (item->size < sizeof(struct disk_extent_item) ? 0 : sizeof(struct disk_tree_block_info)));
		return;
	}
	o = text_open(p->sb, 256 + PRINT_KEY_MAX);
	if (!o)
		return;
	o = text_field(o, "\t\trefs ", e.refs);
	o = text_field(o, " gen ", e.generation);
	o = text_flags(text_lit(o, " flags "), e.flags, extent_flag_names, ARRAY_SIZE(extent_flag_names), "|", &left);
	if (e.has_tree_info) {
		o = text_key(text_lit(o, "\n\t\ttree block key "), &e.tree_first);
		o = text_field(o, " level ", e.level);
	} else if (item->key.type == BTRFS_METADATA_ITEM_KEY) {
		o = text_field(o, "\n\t\ttree block skinny level ", item->key.offset);
	}
	text_close(p->sb, text_lit(o, "\n"));
	print_inline_refs(p, item, e.refs_start);
}

void keyed_ref_print(struct print_ctx *p, const struct item *item)
{
	struct extent_ref_view r;
	u32 pos = 0;
	char *o;

	if (item->key.type == BTRFS_EXTENT_REF_V0_KEY) {
		sb_lit(p->sb, "\t\textent ref v0 (deprecated)\n");
		return;
	}
	if (!keyed_ref_next(item, &pos, &r)) {
		print_fits(p, item, item->key.type == BTRFS_SHARED_DATA_REF_KEY ? sizeof(struct disk_shared_data_ref) : sizeof(struct disk_extent_data_ref));
		return;
	}
	o = text_open(p->sb, REF_TEXT_MAX);
	if (!o)
		return;
	o = text_lit(o, "\t\t");
	switch (r.type) {
	case BTRFS_TREE_BLOCK_REF_KEY:
		o = text_lit(o, "tree block backref");
		break;
	case BTRFS_SHARED_BLOCK_REF_KEY:
		o = text_lit(o, "shared block backref");
		break;
	case BTRFS_SHARED_DATA_REF_KEY:
		o = text_field(o, "shared data backref count ", r.count);
		break;
	case BTRFS_EXTENT_DATA_REF_KEY:
		o = text_data_ref(o, &r);
		break;
	case BTRFS_EXTENT_OWNER_REF_KEY:
		o = text_field(o, "extent owner root ", r.root);
		break;
	}
	text_close(p->sb, text_lit(o, "\n"));
}

#define DATA_REF struct disk_extent_data_ref
static const struct field data_ref_table[] = {
	FIELD_NUM(DATA_REF, root), FIELD_NUM(DATA_REF, objectid), FIELD_NUM(DATA_REF, offset), FIELD_NUM(DATA_REF, count),
};

static int inline_ref_fields(const struct fields *f, const char *prefix, u32 pos, u8 type)
{
	bool shared = type == BTRFS_SHARED_BLOCK_REF_KEY || type == BTRFS_SHARED_DATA_REF_KEY;
	int ret = fields_one(f, prefix, "type", FIELD_UINT, pos, 1);

	if (ret)
		return ret;
	if (type == BTRFS_EXTENT_DATA_REF_KEY)
		return fields_table(f, prefix, pos + 1, data_ref_table, ARRAY_SIZE(data_ref_table));
	ret = fields_one(f, prefix, shared ? "parent" : "root", FIELD_UINT, pos + 1, sizeof(le64));
	if (!ret && type == BTRFS_SHARED_DATA_REF_KEY)
		ret = fields_one(f, prefix, "count", FIELD_UINT, pos + sizeof(struct disk_extent_inline_ref), sizeof(le32));
	return ret;
}

int extent_item_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field head[] = {
		FIELD_NUM(struct disk_extent_item, refs), FIELD_NUM(struct disk_extent_item, generation), FIELD_OF(struct disk_extent_item, flags, FIELD_FLAGS),
	};
	static const struct field info[] = { FIELD_KEYS(struct disk_tree_block_info, key, "first"), FIELD_NUM(struct disk_tree_block_info, level) };
	struct fields f = { item->data, item->size, fn, arg };
	const struct disk_extent_item *e = item_struct(item, struct disk_extent_item);
	char prefix[FIELD_PREFIX_MAX];
	u32 pos = sizeof(*e), size;
	int ret = fields_table(&f, "", 0, head, ARRAY_SIZE(head));

	if (!ret && e && item->key.type == BTRFS_EXTENT_ITEM_KEY && (le64_get(e->flags) & BTRFS_EXTENT_FLAG_TREE_BLOCK)) {
		ret = fields_table(&f, "", pos, info, ARRAY_SIZE(info));
		pos += sizeof(struct disk_tree_block_info);
	}
	for (unsigned i = 0; !ret && pos < item->size && (size = inline_ref_size(item->data[pos])); i++) {
		ret = inline_ref_fields(&f, fields_prefix(prefix, "", "ref", i), pos, item->data[pos]);
		pos += size;
	}
	return ret;
}

/* One record to an item, ever since; more are only tolerated. */
int keyed_data_ref_fields(const struct item *item, field_fn fn, void *arg)
{
	return fields_item(item, data_ref_table, ARRAY_SIZE(data_ref_table), fn, arg);
}

int shared_data_ref_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field table[] = { FIELD_NUM(struct disk_shared_data_ref, count) };

	return fields_item(item, table, ARRAY_SIZE(table), fn, arg);
}
