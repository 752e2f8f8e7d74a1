/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INODE_ITEM, INODE_REF, INODE_EXTREF, ORPHAN_ITEM. Spec: on-disk-format 3.3 to 3.5, 3.8, 13.8, 13.13. */
#include <sys/stat.h>
#include "kernel-shared/format/fields.h"
#include "kernel-shared/format/print.h"

int violate_inode_rule(struct validator *v, const struct item *item, const struct item *prev)
{
	return violate(v, item, "inode-previous", "invalid previous key objectid, have %llu expect %llu", prev->key.objectid, item->key.objectid);
}

static bool file_type_valid(u32 mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

static int check_inode_key(struct validator *v, const struct item *item)
{
	const struct key *k = &item->key;

	if (!inode_number_valid(k->objectid) &&
	    violate(v, item, "inode-objectid", "invalid key objectid, have %llu expect [%llu, %llu] or %llu or %llu", k->objectid,
		    BTRFS_FIRST_FREE_OBJECTID, BTRFS_LAST_FREE_OBJECTID, BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_FREE_INO_OBJECTID))
		return -EUCLEAN;
	if (k->offset)
		return violate(v, item, "inode-offset", "invalid key offset, have %llu expect 0", k->offset);
	return 0;
}

static int check_inode_flags(struct validator *v, const struct item *item, u64 flags)
{
	u64 low = flags & 0xffffffff & ~BTRFS_INODE_FLAG_MASK, high = flags & ~0xffffffffULL & ~BTRFS_INODE_RO_VERITY;

	if (low && violate(v, item, "inode-flags", "unknown incompat flags detected: 0x%llx", low))
		return -EUCLEAN;
	if (high && v->writing)
		return violate(v, item, "inode-ro-flags", "unknown ro-compat flags detected: 0x%llx", high >> 32);
	return 0;
}

int inode_item_validate(struct validator *v, const struct item *item, const struct item *prev UNUSED)
{
	const struct disk_inode_item *inode = (const void *)item->data;
	u64 generation = le64_get(inode->generation), transid = le64_get(inode->transid), newest = v->geo->generation + 1;
	u32 mode = le32_get(inode->mode), nlink = le32_get(inode->nlink);

	if (check_inode_key(v, item))
		return -EUCLEAN;
	if (too_new(v, generation) &&
	    violate(v, item, "inode-generation", "invalid inode generation: has %llu expect [0, %llu]", generation, newest))
		return -EUCLEAN;
	if (too_new(v, transid) && violate(v, item, "inode-transid", "invalid inode transid: has %llu expect [0, %llu]", transid, newest))
		return -EUCLEAN;
	if ((mode & ~(S_IFMT | 07777U)) && violate(v, item, "inode-mode-bits", "unknown mode bit detected: 0x%x", mode & ~(S_IFMT | 07777U)))
		return -EUCLEAN;
	if (!file_type_valid(mode) &&
	    violate(v, item, "inode-mode", "invalid mode: has 0%o expect valid S_IF* bit(s)", mode & S_IFMT))
		return -EUCLEAN;
	if (S_ISDIR(mode) && nlink > 1 &&
	    violate(v, item, "inode-nlink", "invalid nlink: has %u expect no more than 1 for dir", nlink))
		return -EUCLEAN;
	return check_inode_flags(v, item, le64_get(inode->flags));
}

static u32 ref_head(const struct item *item)
{
	return item->key.type == BTRFS_INODE_REF_KEY ? sizeof(struct disk_inode_ref) : sizeof(struct disk_inode_extref);
}

bool inode_ref_next(const struct item *item, u32 *pos, struct inode_ref_view *out)
{
	u32 head = ref_head(item);
	const u8 *p = item->data + *pos;

	if (*pos >= item->size || item->size - *pos < head)
		return false;
	*out = (struct inode_ref_view){ .parent = item->key.offset, .name_len = get_le16(p + head - 2), .name = p + head };
	out->index = get_le64(p + head - 10);
	if (head == sizeof(struct disk_inode_extref))
		out->parent = get_le64(p);
	if (item->size - *pos - head < out->name_len)
		return false;
	*pos += head + out->name_len;
	return true;
}

int inode_ref_validate(struct validator *v, const struct item *item, const struct item *prev)
{
	u32 pos = 0, head = ref_head(item);
	struct inode_ref_view ref = { 0 };

	if (inode_rule_broken(v, item, prev) && violate_inode_rule(v, item, prev))
		return -EUCLEAN;
	while (inode_ref_next(item, &pos, &ref))
		if (unlikely(ref.name_len - 1u >= BTRFS_NAME_LEN) && head == sizeof(struct disk_inode_ref) &&
		    violate(v, item, "inode-ref-length", "invalid inode ref name length, has %u expect [1, %u]", ref.name_len, BTRFS_NAME_LEN))
			return -EUCLEAN;
	if (pos == item->size)
		return 0;
	if (item->size - pos < head)
		return violate(v, item, "inode-ref-overflow", "inode ref overflow, ptr %u end %u inode_ref_size %u", pos, item->size, head);
	return violate(v, item, "inode-ref-name", "inode ref overflow, ptr %u end %u namelen %u", pos, item->size, ref.name_len);
}

static const struct text_flag inode_flag_names[] = {
	{ BTRFS_INODE_NODATASUM, "NODATASUM" }, { BTRFS_INODE_NODATACOW, "NODATACOW" }, { BTRFS_INODE_READONLY, "READONLY" },
	{ BTRFS_INODE_NOCOMPRESS, "NOCOMPRESS" }, { BTRFS_INODE_PREALLOC, "PREALLOC" }, { BTRFS_INODE_SYNC, "SYNC" },
	{ BTRFS_INODE_IMMUTABLE, "IMMUTABLE" }, { BTRFS_INODE_APPEND, "APPEND" }, { BTRFS_INODE_NODUMP, "NODUMP" }, { BTRFS_INODE_NOATIME, "NOATIME" },
	{ BTRFS_INODE_DIRSYNC, "DIRSYNC" }, { BTRFS_INODE_COMPRESS, "COMPRESS" }, { BTRFS_INODE_ROOT_ITEM_INIT, "ROOT_ITEM_INIT" },
};

static char *text_inode_flags(char *o, u64 flags)
{
	u64 left;

	if (likely(!flags))
		return text_lit(o, "none");
	o = text_flags(o, flags, inode_flag_names, ARRAY_SIZE(inode_flag_names), "|", &left);
	if (!left)
		return o;
	if (left != flags)
		o = text_lit(o, "|");
	return text_hex(text_lit(o, "UNKNOWN: 0x"), left);
}

void inode_item_print(struct print_ctx *p, const struct item *item)
{
	const struct disk_inode_item *i = print_struct(p, item, struct disk_inode_item);
	char *o = i ? text_open(p->sb, 800 + 4 * PRINT_TIMESPEC_MAX) : NULL;

	if (!o)
		return;
	o = text_le64(o, "\t\tgeneration ", i->generation);
	o = text_le64(o, " transid ", i->transid);
	o = text_le64(o, " size ", i->size);
	o = text_le64(o, " nbytes ", i->nbytes);
	o = text_le64(o, "\n\t\tblock group ", i->block_group);
	o = text_oct(text_lit(o, " mode "), le32_get(i->mode));
	o = text_le32(o, " links ", i->nlink);
	o = text_le32(o, " uid ", i->uid);
	o = text_le32(o, " gid ", i->gid);
	o = text_le64(o, " rdev ", i->rdev);
	o = text_le64(o, "\n\t\tsequence ", i->sequence);
	o = text_hex(text_lit(o, " flags 0x"), le64_get(i->flags));
	o = text_inode_flags(text_lit(o, "("), le64_get(i->flags));
	o = text_time(p, text_lit(o, ")\n\t\tatime "), &i->atime);
	o = text_time(p, text_lit(o, "\n\t\tctime "), &i->ctime);
	o = text_time(p, text_lit(o, "\n\t\tmtime "), &i->mtime);
	o = text_time(p, text_lit(o, "\n\t\totime "), &i->otime);
	text_close(p->sb, text_lit(o, "\n"));
}

static void print_ref(struct print_ctx *p, const struct item *item, const struct inode_ref_view *ref, u32 name_len)
{
	char *o = text_open(p->sb, 128 + PRINT_NAME_MAX);

	if (!o)
		return;
	o = text_field(o, "\t\tindex ", ref->index);
	if (item->key.type == BTRFS_INODE_EXTREF_KEY)
		o = text_field(o, " parent ", ref->parent);
	o = text_field(o, " namelen ", ref->name_len);
	o = text_name(p, text_lit(o, " name: "), ref->name, name_len);
	text_close(p->sb, text_lit(o, "\n"));
}

void inode_ref_print(struct print_ctx *p, const struct item *item)
{
	struct inode_ref_view ref = { 0 };
	u32 pos = 0, head = ref_head(item);

	while (inode_ref_next(item, &pos, &ref))
		print_ref(p, item, &ref, ref.name_len);
	if (pos >= item->size)
		return;
	if (item->size - pos >= head)
		print_ref(p, item, &ref, item->size - pos - head); /* the name as far as the item goes */
	print_error(p, "invalid length, cur=%u size=%u", pos, item->size);
}

void orphan_print(struct print_ctx *p, const struct item *item)
{
	sb_lit(p->sb, "\t\torphan item\n");
}

#define INODE struct disk_inode_item
int fields_inode(const struct fields *f, const char *prefix, u32 base)
{
	static const struct field table[] = {
		FIELD_NUM(INODE, generation), FIELD_NUM(INODE, transid), FIELD_NUM(INODE, size), FIELD_NUM(INODE, nbytes), FIELD_NUM(INODE, block_group),
		FIELD_NUM(INODE, nlink), FIELD_NUM(INODE, uid), FIELD_NUM(INODE, gid), FIELD_OF(INODE, mode, FIELD_MODE), FIELD_NUM(INODE, rdev),
		FIELD_OF(INODE, flags, FIELD_FLAGS), FIELD_NUM(INODE, sequence), FIELD_OF(INODE, reserved, FIELD_BYTES), FIELD_TIME(INODE, atime),
		FIELD_TIME(INODE, ctime), FIELD_TIME(INODE, mtime), FIELD_TIME(INODE, otime),
	};

	return fields_table(f, prefix, base, table, ARRAY_SIZE(table));
}

int inode_item_fields(const struct item *item, field_fn fn, void *arg)
{
	return fields_inode(&(struct fields){ item->data, item->size, fn, arg }, "", 0);
}

#define REF struct disk_inode_ref
#define EXTREF struct disk_inode_extref
int inode_ref_fields(const struct item *item, field_fn fn, void *arg)
{
	static const struct field ref_table[] = { FIELD_NUM(REF, index), FIELD_NUM(REF, name_len) };
	static const struct field extref_table[] = {
		FIELD_AS(EXTREF, parent_objectid, "parent", FIELD_UINT), FIELD_NUM(EXTREF, index), FIELD_NUM(EXTREF, name_len),
	};
	bool ext = item->key.type == BTRFS_INODE_EXTREF_KEY;
	struct fields f = { item->data, item->size, fn, arg };
	char prefix[FIELD_PREFIX_MAX];
	u32 head = ref_head(item), pos = 0;
	int ret;

	for (unsigned i = 0; pos < item->size && item->size - pos >= head; i++) {
		u16 len = get_le16(item->data + pos + head - 2);

		fields_prefix(prefix, "", "", i);
		if ((ret = fields_table(&f, prefix, pos, ext ? extref_table : ref_table, ext ? ARRAY_SIZE(extref_table) : ARRAY_SIZE(ref_table))) ||
		    (len && (ret = fields_one(&f, prefix, "name", FIELD_NAME, pos + head, len))))
			return ret;
		pos += head + len;
	}
	return 0;
}
