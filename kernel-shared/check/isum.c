/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of a single inode: on-disk-format 4.5, 9, 13.18. */
#include "kernel-shared/check/isum.h"

#include <sys/stat.h>

static void flag(struct isum *s, u32 bit, const struct item *item, u64 a, u64 b, const char *text)
{
	s->bits |= bit;
	if (s->say)
		s->say(s->arg, bit, item, a, b, text);
}

u8 ft_of_mode(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return BTRFS_FT_REG_FILE;
	case S_IFDIR: return BTRFS_FT_DIR;
	case S_IFCHR: return BTRFS_FT_CHRDEV;
	case S_IFBLK: return BTRFS_FT_BLKDEV;
	case S_IFIFO: return BTRFS_FT_FIFO;
	case S_IFSOCK: return BTRFS_FT_SOCK;
	case S_IFLNK: return BTRFS_FT_SYMLINK;
	default: return BTRFS_FT_UNKNOWN;
	}
}

const char *name_doubt(const u8 *name, u16 len)
{
	if (!len)
		return "it is empty";
	if (memchr(name, '/', len))
		return "it holds a slash";
	if (memchr(name, 0, len))
		return "it holds a zero byte";
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return "it is that of a directory itself";
	return NULL;
}

bool is_dotdot(u64 ino, const struct inode_ref_view *ref)
{
	return ino == BTRFS_FIRST_FREE_OBJECTID && ref->parent == ino && !ref->index && ref->name_len == 2 && !memcmp(ref->name, "..", 2);
}

static void add_inode_item(const struct check *c, struct isum *s, const struct item *item)
{
	const struct disk_inode_item *d = item_struct(item, struct disk_inode_item);
	u64 newest = c->geo->generation + 1, generation, transid;

	if (!d) {
		flag(s, INO_NO_ITEM, item, 0, 0, NULL);
		return;
	}
	if (s->items++)
		flag(s, INO_TWICE, item, 0, 0, NULL);
	s->size = le64_get(d->size);
	s->nbytes = le64_get(d->nbytes);
	s->flags = le64_get(d->flags);
	s->mode = le32_get(d->mode);
	s->nlink = le32_get(d->nlink);
	generation = le64_get(d->generation);
	transid = le64_get(d->transid);
	if (generation > newest || transid > newest)
		flag(s, INO_GENERATION, item, generation, transid, NULL);
	if (s->mode & ~(S_IFMT | 07777U) || !ft_of_mode(s->mode))
		flag(s, INO_MODE, item, s->mode, 0, NULL);
	if (S_ISDIR(s->mode) && s->nlink > 1)
		flag(s, INO_DIR_NLINK, item, s->nlink, 0, NULL);
	if (S_ISLNK(s->mode) && s->flags & (BTRFS_INODE_IMMUTABLE | BTRFS_INODE_APPEND))
		flag(s, INO_FLAGS, item, s->flags, 0, NULL);
}

/* --- names --- */

static bool same_name(const struct dir_entry_view *a, const struct dir_entry_view *b)
{
	return a->name_len == b->name_len && !memcmp(a->name, b->name, a->name_len);
}

static void check_twins(struct isum *s, const struct item *item, const struct dir_entry_view *e, u32 upto)
{
	struct dir_entry_view other;

	for (u32 pos = 0; pos < upto && dir_item_next(item, &pos, &other) && pos < upto;)
		if (same_name(&other, e))
			flag(s, INO_NAME_TWICE, item, 0, 0, (const char *)e);
}

static void add_entries(struct isum *s, const struct item *item)
{
	bool index = item->key.type == BTRFS_DIR_INDEX_KEY;
	struct dir_entry_view e;
	u32 pos = 0, from = 0, n = 0;
	const char *doubt;

	s->feats |= FEAT_ENTRIES;
	for (; dir_item_next(item, &pos, &e); from = pos, n++) {
		s->dir_bytes += e.name_len;
		if (index && (doubt = name_doubt(e.name, e.name_len)))
			flag(s, INO_NAME_BYTES, item, 0, 0, doubt);
		if (e.location.type != BTRFS_INODE_ITEM_KEY && e.location.type != BTRFS_ROOT_ITEM_KEY)
			flag(s, INO_LOCATION, item, e.location.type, 0, NULL);
		if (!index && item->key.offset != hash_name(e.name, e.name_len))
			flag(s, INO_HASH, item, hash_name(e.name, e.name_len), 0, (const char *)&e);
		if (!index && n)
			check_twins(s, item, &e, from + 1);
	}
	if (index && n > 1)
		flag(s, INO_INDEX_MANY, item, 0, 0, NULL);
}

static void add_xattr(struct isum *s, const struct item *item)
{
	struct dir_entry_view e;
	u32 pos = 0;

	s->feats |= FEAT_XATTR;
	while (dir_item_next(item, &pos, &e)) {
		if (e.name_len > BTRFS_NAME_LEN)
			flag(s, INO_XATTR, item, 0, 0, "its name is too long");
		else if (!e.name_len)
			flag(s, INO_XATTR, item, 0, 0, "it has no name");
		else if (hash_name(e.name, e.name_len) != item->key.offset)
			flag(s, INO_XATTR, item, 0, 0, "its name has another hash than its key");
		else if (e.item->type != BTRFS_FT_XATTR)
			flag(s, INO_XATTR, item, 0, 0, "it is of another type");
	}
	if (pos != item->size)
		flag(s, INO_XATTR, item, 0, 0, "it does not fit its item");
}

static void add_refs(struct isum *s, const struct item *item)
{
	struct inode_ref_view ref;

	if (s->ino != BTRFS_FIRST_FREE_OBJECTID)
		return;
	for (u32 pos = 0; inode_ref_next(item, &pos, &ref);)
		if (is_dotdot(s->ino, &ref))
			s->feats |= FEAT_DOTDOT;
}

/* --- extents --- */

static u64 add_inline(const struct check *c, struct isum *s, const struct item *item, const struct file_extent_view *v)
{
	u32 sector = c->geo->sectorsize;

	if (v->start || !v->inline_len)
		flag(s, INO_BAD_EXTENT, item, 0, 0, v->start ? "it is inline but not at offset 0" : "it is empty");
	if (v->inline_len > geo_max_inline_data(c->geo) && v->inline_len > geo_max_item(c->geo) - BTRFS_FILE_EXTENT_INLINE_DATA_START)
		flag(s, INO_INLINE_LARGE, item, 0, 0, "more bytes than an item can have");
	else if (v->compression ? v->ram_bytes > sector : v->inline_len >= sector)
		flag(s, INO_INLINE_LARGE, item, 0, 0, "a sector or more");
	if (!v->compression && v->inline_len != v->ram_bytes)
		flag(s, INO_INLINE_RAM, item, v->ram_bytes, v->inline_len, NULL);
	if (v->compression)
		s->feats |= FEAT_COMPRESSED;
	s->found_bytes += v->ram_bytes;
	return round_up_p2(v->ram_bytes, sector);
}

static void check_csums(const struct check *c, struct isum *s, const struct file_extent_view *v)
{
	u64 start = v->disk_bytenr + (v->compression ? 0 : v->offset), len = v->compression ? v->disk_num_bytes : v->num_bytes;
	enum coverage have = coverage_of(c, start, len);

	if (v->type == BTRFS_FILE_EXTENT_PREALLOC) {
		if (have != COVERED_NOT)
			s->feats |= FEAT_PREALLOC_SUMMED;
		return;
	}
	if (have != COVERED_NOT)
		s->feats |= FEAT_SUMMED;
	if (have != COVERED)
		s->feats |= FEAT_UNSUMMED;
}

const char *file_extent_doubt(const struct geometry *geo, const struct file_extent_view *v)
{
	bool hole = !v->disk_bytenr;
	u64 end;

	if (!v->num_bytes)
		return "it is empty";
	if (!is_aligned_p2(v->num_bytes | v->offset | v->ram_bytes | v->disk_num_bytes, geo->sectorsize))
		return "its sizes are not multiples of a sector";
	if (add_overflows(v->offset, v->num_bytes, &end) || end > v->ram_bytes)
		return "it reaches beyond its ram_bytes";
	if (v->type == BTRFS_FILE_EXTENT_PREALLOC && (v->compression || v->encryption || v->other_encoding))
		return "it is preallocated and encoded";
	if (hole && (v->disk_num_bytes || v->type == BTRFS_FILE_EXTENT_PREALLOC))
		return "it is a hole with bytes on disk";
	if (!hole && !v->compression && end > v->disk_num_bytes)
		return "it reaches beyond its bytes on disk";
	if (!hole && !v->disk_num_bytes)
		return "it has no bytes on disk";
	return NULL;
}

static u64 add_regular(const struct check *c, struct isum *s, const struct item *item, const struct file_extent_view *v, bool exempt)
{
	bool hole = !v->disk_bytenr;
	const char *doubt = file_extent_doubt(c->geo, v);
	u64 end;

	if (doubt)
		flag(s, INO_BAD_EXTENT, item, 0, 0, doubt);
	s->feats |= FEAT_NOT_INLINE;
	if (!is_aligned_p2(v->disk_bytenr, c->geo->sectorsize))
		flag(s, INO_UNALIGNED, item, v->disk_bytenr, 0, NULL);
	if (!hole) {
		s->found_bytes += v->num_bytes;
		if (v->compression)
			s->feats |= FEAT_COMPRESSED;
		if (!exempt && !doubt)
			check_csums(c, s, v);
	}
	return add_overflows(v->start, v->num_bytes, &end) ? -1ULL : end;
}

/* Is a gap behind ext_end one that must not be? What lies behind the end of the file is data that a crash has not let arrive. Where the inode item is in
 * another leaf the exact pass knows. */
static bool hole_counts(const struct check *c, const struct isum *s)
{
	return !geo_incompat(c->geo, BTRFS_FEATURE_INCOMPAT_NO_HOLES) && (!s->items || (s->nlink && s->ext_end < s->size));
}

static void add_extent(const struct check *c, struct isum *s, const struct item *item, bool exempt)
{
	struct file_extent_view v;
	u64 end;

	s->feats |= FEAT_EXTENTS;
	if (file_extent_parse(item, &v)) {
		flag(s, INO_BAD_EXTENT, item, 0, 0, "its item is too short");
		return;
	}
	if (v.type > BTRFS_FILE_EXTENT_PREALLOC) {
		flag(s, INO_BAD_EXTENT, item, 0, 0, "it is of an unknown type");
		return;
	}
	if (v.compression > BTRFS_COMPRESS_ZSTD || v.encryption || v.other_encoding)
		flag(s, INO_BAD_EXTENT, item, 0, 0, "it is encoded in an unknown way");
	if (v.generation > c->geo->generation + 1)
		flag(s, INO_EXTENT_GENERATION, item, v.generation, c->geo->generation + 1, NULL);
	if (s->at_start && s->ext_end > v.start)
		flag(s, INO_OVERLAP, item, s->ext_end, 0, NULL);
	if (s->at_start && s->ext_end < v.start && hole_counts(c, s))
		flag(s, INO_HOLE, item, s->ext_end, v.start - s->ext_end, NULL);
	end = v.type == BTRFS_FILE_EXTENT_INLINE ? add_inline(c, s, item, &v) : add_regular(c, s, item, &v, exempt);
	s->ext_end = max_t(u64, s->ext_end, end);
	s->at_start = true; /* from here on it is known where the extent before ends */
}

void isum_add(const struct check *c, struct isum *s, const struct item *item, bool exempt)
{
	switch (item->key.type) {
	case BTRFS_INODE_ITEM_KEY:
		add_inode_item(c, s, item);
		break;
	case BTRFS_INODE_REF_KEY:
	case BTRFS_INODE_EXTREF_KEY:
		add_refs(s, item);
		break;
	case BTRFS_DIR_ITEM_KEY:
	case BTRFS_DIR_INDEX_KEY:
		add_entries(s, item);
		break;
	case BTRFS_XATTR_ITEM_KEY:
		add_xattr(s, item);
		break;
	case BTRFS_EXTENT_DATA_KEY:
		add_extent(c, s, item, exempt);
		break;
	default:
		break;
	}
}

u32 isum_clash(const struct check *c, u32 mode, u64 flags, u32 feats)
{
	bool unsummed = flags & BTRFS_INODE_NODATASUM;
	u32 bits = 0;

	(void)c;
	if (!S_ISDIR(mode) && feats & FEAT_ENTRIES)
		bits |= INO_ODD_DIR_ITEM;
	if (!S_ISREG(mode) && !S_ISLNK(mode) && feats & FEAT_EXTENTS)
		bits |= INO_ODD_EXTENT;
	if (S_ISLNK(mode) && feats & FEAT_NOT_INLINE)
		bits |= INO_INLINE_LARGE;
	if (unsummed && feats & FEAT_COMPRESSED && feats & FEAT_NOT_INLINE)
		bits |= INO_BAD_EXTENT;
	if (unsummed ? feats & FEAT_SUMMED : feats & FEAT_PREALLOC_SUMMED)
		bits |= INO_ODD_CSUM;
	if (!unsummed && feats & FEAT_UNSUMMED)
		bits |= INO_CSUM_MISSING;
	return bits;
}

u32 isum_judge(const struct check *c, const struct isum *s)
{
	bool root = s->ino == BTRFS_FIRST_FREE_OBJECTID, linked = s->nlink;
	u32 bits = 0;

	if (s->ino == BTRFS_FREE_INO_OBJECTID)
		return INO_CACHE;
	if (!s->items)
		return s->bits | INO_NO_ITEM;
	bits |= isum_clash(c, s->mode, s->flags, s->feats);
	if (S_ISDIR(s->mode) && linked && s->size != s->dir_bytes)
		bits |= INO_DIR_SIZE;
	if ((S_ISREG(s->mode) || S_ISLNK(s->mode)) && linked && s->nbytes != s->found_bytes)
		bits |= INO_NBYTES;
	if (S_ISREG(s->mode) && linked && !geo_incompat(c->geo, BTRFS_FEATURE_INCOMPAT_NO_HOLES) && s->ext_end < round_up_p2(s->size, c->geo->sectorsize))
		bits |= INO_HOLE;
	if (root && (!(s->feats & FEAT_DOTDOT) || s->nlink != 1 || !S_ISDIR(s->mode)))
		bits |= INO_ODD_DIR_ITEM;
	return s->bits | bits;
}
