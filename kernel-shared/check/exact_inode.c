/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One inode of one tree, looked at exactly: its own items are read again, what others say of it is at hand. Messages: check.md 1.6. */
#include "kernel-shared/check/isum.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/text.h"
#include "kernel-shared/fs/inode.h"
#include "kernel-shared/tree/salvage.h"

enum {
	NAME_ERR_ITEM = 1, NAME_ERR_INDEX = 2, NAME_ERR_REF = 4, NAME_ERR_DUP_ITEM = 8, NAME_ERR_DUP_INDEX = 0x10, NAME_ERR_DUP_REF = 0x20,
	NAME_ERR_MISMATCH = 0x40, NAME_ERR_TYPE = 0x80, NAME_ERR_LONG = 0x100,
};
enum { DETAILS_MAX = 256 }; /* lines about one inode */

struct detail { u32 bit; struct key key; u64 a, b; char *text; u8 *name; u16 name_len; u8 type; };
/* One mention of a name. kind SAY_OWN: by the inode's own reference. */
struct mention { u64 dir, index; const u8 *name; u16 len; enum say_kind kind; u8 type; };
/* A name with all who mention it. */
struct named { const struct mention *m; unsigned refs, items, indexes; u64 ref_index, dir_index; u8 type, index_type; u32 errors; };

struct judge {
	struct check *c;
	const struct ctree *tree;
	u64 ino, order;
	struct root *root;     /* NULL: cannot be read */
	struct isum s;
	VEC(struct detail) details;
	VEC(struct mention) mentions;
	VEC(struct named) names;
	struct arena arena;
	unsigned gaps;
	bool orphan, nomem;
	u32 bits, sub;
	char *path;
};

static void nomem_if(struct judge *j, bool failed)
{
	if (failed)
		j->nomem = true;
}

/* --- its own items --- */

static void on_bit(void *arg, u32 bit, const struct item *item, u64 a, u64 b, const char *text)
{
	struct judge *j = arg;
	struct detail d = { .bit = bit, .key = item->key, .a = a, .b = b };
	bool entry = bit == INO_HASH || bit == INO_NAME_TWICE;

	if (j->details.len >= DETAILS_MAX)
		return;
	if (entry) {
		const struct dir_entry_view *e = (const void *)text;

		d.name = arena_dup(&j->arena, e->name, e->name_len ? e->name_len : 1);
		d.name_len = e->name_len;
		d.type = e->type;
		nomem_if(j, !d.name);
	} else if (text) {
		d.text = arena_dup(&j->arena, text, strlen(text) + 1);
		nomem_if(j, !d.text);
	}
	nomem_if(j, vec_push(&j->details, d));
}

static void own_refs(struct judge *j, const struct item *item)
{
	struct inode_ref_view ref;

	for (u32 pos = 0; inode_ref_next(item, &pos, &ref);) {
		struct mention m = { .dir = ref.parent, .index = ref.index, .len = ref.name_len, .kind = SAY_OWN };

		if (is_dotdot(j->ino, &ref))
			continue;
		m.name = arena_dup(&j->arena, ref.name, ref.name_len ? ref.name_len : 1);
		nomem_if(j, !m.name || vec_push(&j->mentions, m));
	}
}

static int read_own(struct judge *j, struct err *err)
{
	struct salvage it CLEANUP(salvage_fini) = salvage_range(&j->root->tree, KEY(j->ino, 0, 0), KEY(j->ino, 255, -1ULL));
	bool exempt = j->tree->id == BTRFS_DATA_RELOC_TREE_OBJECTID;
	struct item item;
	int ret;

	while ((ret = salvage_next(&it, &item, err)) >= 0) {
		if (ret) {
			j->gaps++;
			j->s.at_start = false;
			err_clear(err);
			continue;
		}
		isum_add(j->c, &j->s, &item, exempt);
		if (item.key.type == BTRFS_INODE_REF_KEY || item.key.type == BTRFS_INODE_EXTREF_KEY)
			own_refs(j, &item);
	}
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

/* --- checksums of its extents --- */

static u64 extent_refs(struct judge *j, u64 bytenr, u64 len)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(bytenr, BTRFS_EXTENT_ITEM_KEY, len);
	struct extent_view v;
	struct item item;

	if (!j->c->fs->extent_tree || tree_lookup(&j->c->fs->extent_tree->tree, &key, &path, &item, NULL) || extent_item_parse(j->c->geo, &item, &v))
		return 0;
	return v.refs;
}

/* An extent of the file: which of its bytes have checksums but should not, or the reverse. 0: all is well. */
static u32 csum_verdict(struct judge *j, const struct file_extent_view *v, u64 *bytes)
{
	u64 start = v->disk_bytenr + (v->compression ? 0 : v->offset), len = v->compression ? v->disk_num_bytes : v->num_bytes;
	bool unsummed = j->s.flags & BTRFS_INODE_NODATASUM, prealloc = v->type == BTRFS_FILE_EXTENT_PREALLOC;
	u64 have = coverage_bytes(&j->c->summed, start, len);

	*bytes = len - have;
	if (!unsummed && !prealloc)
		return have < len ? INO_CSUM_MISSING : 0;
	*bytes = have;
	if (!have || (prealloc && extent_refs(j, v->disk_bytenr, v->disk_num_bytes) > 1))
		return 0;
	return INO_ODD_CSUM;
}

static int check_csums(struct judge *j, struct err *err)
{
	struct salvage it CLEANUP(salvage_fini) = salvage_range(&j->root->tree, KEY(j->ino, BTRFS_EXTENT_DATA_KEY, 0), KEY(j->ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	struct file_extent_view v;
	struct item item;
	u64 bytes;
	int ret;

	j->bits &= ~(INO_ODD_CSUM | INO_CSUM_MISSING);
	while ((ret = salvage_next(&it, &item, err)) >= 0) {
		u32 bit;

		if (ret || file_extent_parse(&item, &v) || v.type == BTRFS_FILE_EXTENT_INLINE || !v.disk_bytenr || v.type > BTRFS_FILE_EXTENT_PREALLOC)
			continue;
		bit = csum_verdict(j, &v, &bytes);
		j->bits |= bit;
		if (bit)
			on_bit(j, bit, &item, bytes, v.disk_bytenr, NULL);
	}
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

/* --- names --- */

static int cmp_u64(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

static int mention_name_cmp(const struct mention *x, const struct mention *y)
{
	int ret = cmp_u64(x->dir, y->dir);

	if (!ret)
		ret = memcmp(x->name, y->name, min_t(u16, x->len, y->len));
	return ret ? ret : cmp_u64(x->len, y->len);
}

static int mention_cmp(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;
	int ret = mention_name_cmp(x, y);

	if (!ret)
		ret = cmp_u64(x->kind, y->kind);
	return ret ? ret : cmp_u64(x->index, y->index);
}

static u32 name_errors(const struct judge *j, const struct named *n, bool subvol)
{
	u32 e = 0;

	e |= n->items ? 0 : NAME_ERR_ITEM;
	e |= n->indexes ? 0 : NAME_ERR_INDEX;
	e |= n->items > 1 ? NAME_ERR_DUP_ITEM : 0;
	e |= n->indexes > 1 ? NAME_ERR_DUP_INDEX : 0;
	e |= n->m->len > BTRFS_NAME_LEN ? NAME_ERR_LONG : 0;
	if (n->items && n->indexes && n->type != n->index_type)
		e |= NAME_ERR_TYPE;
	if (subvol)
		return e | (n->items && n->type != BTRFS_FT_DIR ? NAME_ERR_TYPE : 0);
	e |= n->refs ? 0 : NAME_ERR_REF;
	e |= n->refs > 1 ? NAME_ERR_DUP_REF : 0;
	if (n->refs && n->indexes && n->ref_index != n->dir_index)
		e |= NAME_ERR_MISMATCH;
	if (j->s.items && (n->items || n->indexes) && (n->items ? n->type : n->index_type) != ft_of_mode(j->s.mode))
		e |= NAME_ERR_TYPE;
	return e;
}

static void name_add(struct named *n, const struct mention *m)
{
	switch (m->kind) {
	case SAY_OWN:
		if (!n->refs++)
			n->ref_index = m->index;
		break;
	case SAY_ITEM:
		n->items++;
		n->type = m->type;
		break;
	default:
		if (!n->indexes++)
			n->dir_index = m->index;
		n->index_type = m->type;
	}
}

/* Mentions become names. */
static void sort_names(struct judge *j, bool subvol)
{
	vec_sort(&j->mentions, mention_cmp);
	for (size_t i = 0, k; i < j->mentions.len; i = k) {
		struct named n = { .m = &j->mentions.v[i] };

		for (k = i; k < j->mentions.len && !mention_name_cmp(&j->mentions.v[k], n.m); k++)
			name_add(&n, &j->mentions.v[k]);
		n.errors = name_errors(j, &n, subvol);
		nomem_if(j, vec_push(&j->names, n));
	}
}

/* A directory that is being deleted loses its entries one by one. */
static void forgive_dying(struct judge *j)
{
	size_t left = 0;

	for (size_t i = 0; i < j->names.len; i++) {
		const struct named *n = &j->names.v[i];
		struct inode dir;

		if (n->errors && !n->refs && j->root && !inode_get(j->root, n->m->dir, &dir, NULL) && !dir.nlink)
			continue;
		j->names.v[left++] = *n;
	}
	j->names.len = left;
}

static u64 count_links(const struct judge *j)
{
	u64 n = 0;

	for (size_t i = 0; i < j->names.len; i++)
		n += j->names.v[i].items > 0;
	return n;
}

static bool names_good(const struct judge *j)
{
	for (size_t i = 0; i < j->names.len; i++)
		if (j->names.v[i].errors)
			return false;
	return true;
}

/* --- telling --- */

static struct where here(struct judge *j)
{
	return (struct where){ .tree = j->tree->id, .tree_offset = j->tree->offset, .ino = j->ino, .path = j->path, .order = j->order, .sub = ++j->sub,
			       .key = KEY(j->ino, BTRFS_INODE_ITEM_KEY, 0) };
}

static size_t bit_words(const struct judge *j, char *to, size_t size)
{
	static const struct { u32 bit; const char *text; } words[] = {
		{ INO_CACHE, "deprecated free inode cache" }, { INO_NO_ITEM, "no inode item" }, { INO_NO_ORPHAN, "no orphan item" },
		{ INO_TWICE, "dup inode item" }, { INO_INDEX_MANY, "dup dir index" }, { INO_ODD_DIR_ITEM, "odd dir item" },
		{ INO_ODD_EXTENT, "odd file extent" }, { INO_BAD_EXTENT, "bad file extent" }, { INO_OVERLAP, "file extent overlap" },
		{ INO_INLINE_LARGE, "inline file extent too large" }, { INO_HOLE, "file extent discount" }, { INO_DIR_SIZE, "dir isize wrong" },
		{ INO_NBYTES, "nbytes wrong" }, { INO_ODD_CSUM, "odd csum item" }, { INO_CSUM_MISSING, "some csum missing" },
		{ INO_NLINK, "link count wrong" }, { INO_FLAGS, "odd inode flags" }, { INO_INLINE_RAM, "invalid inline ram bytes" },
		{ INO_MODE, "invalid inode mode bit 0" }, { INO_GENERATION, "invalid inode generation or transid" },
		{ INO_DIR_NLINK, "directory has invalid nlink " }, { INO_XATTR, "invalid xattr" }, { INO_NAME_TWICE, "dup filename" },
	};
	size_t at = 0;

	to[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!(j->bits & words[i].bit))
			continue;
		at += snprintf(to + at, size - at, ", %s", words[i].text);
		if (words[i].bit == INO_MODE)
			at += snprintf(to + at, size - at, "%o", j->s.mode);
		if (words[i].bit == INO_DIR_NLINK)
			at += snprintf(to + at, size - at, "%u", j->s.nlink);
	}
	return at;
}

#define SAY(ID, ...) do { struct where at_ = here(j); REPORT(j->c, CHECK_FS_ROOTS, ID, at_, ##__VA_ARGS__); } while (0)

/* What the inode says as a whole. */
static void tell_whole(struct judge *j)
{
	struct where w;

	if (j->bits & INO_CACHE)
		SAY(INODE_CACHE);
	if (j->bits & INO_NO_ITEM)
		SAY(INODE_NO_ITEM, j->ino);
	if (j->bits & INO_NO_ORPHAN)
		SAY(INODE_NO_ORPHAN, j->ino);
	if (j->bits & INO_ODD_DIR_ITEM && j->ino == BTRFS_FIRST_FREE_OBJECTID)
		SAY(INODE_ROOT_DIR);
	else if (j->bits & INO_ODD_DIR_ITEM)
		SAY(INODE_ODD_DIR_ITEM, j->ino);
	if (j->bits & INO_ODD_EXTENT)
		SAY(INODE_ODD_EXTENT, j->ino);
	if (j->bits & INO_DIR_SIZE) {
		w = here(j);
		w.have = j->s.size;
		w.want = j->s.dir_bytes;
		REPORT(j->c, CHECK_FS_ROOTS, INODE_DIR_SIZE, w, j->ino, w.have, w.want);
	}
	if (j->bits & INO_NBYTES) {
		w = here(j);
		w.have = j->s.nbytes;
		w.want = j->s.found_bytes;
		REPORT(j->c, CHECK_FS_ROOTS, INODE_NBYTES, w, j->ino, w.have, w.want);
	}
	if (j->bits & INO_NLINK) {
		w = here(j);
		w.have = j->s.nlink;
		w.want = count_links(j);
		REPORT(j->c, CHECK_FS_ROOTS, INODE_NLINK, w, j->ino, w.have, w.want);
	}
}

static struct where detail_where(struct judge *j, const struct detail *d)
{
	struct where w = here(j);

	w.key = d->key;
	w.have = d->a;
	w.want = d->b;
	w.name = d->name;
	w.name_len = d->name_len;
	w.type = d->type;
	if (d->name)
		w.parent = j->ino;
	return w;
}

static void tell_detail(struct judge *j, const struct detail *d, bool first)
{
	struct where w = detail_where(j, d);
	const char *text = d->text ? d->text : "a part that is not inline";
	char name[4 * BTRFS_NAME_LEN + 1] = "";
	u64 newest = j->c->geo->generation + 1, ino = j->ino, at = d->key.offset;

	if (d->name)
		*text_escape(name, d->name, min_t(u16, d->name_len, BTRFS_NAME_LEN)) = 0;
	switch (d->bit) {
	case INO_TWICE: REPORT(j->c, CHECK_FS_ROOTS, INODE_TWICE, w, ino); break;
	case INO_INDEX_MANY: REPORT(j->c, CHECK_FS_ROOTS, DIR_INDEX_MANY, w, ino, at); break;
	case INO_BAD_EXTENT: REPORT(j->c, CHECK_FS_ROOTS, INODE_BAD_EXTENT, w, ino, at, text); break;
	case INO_OVERLAP: REPORT(j->c, CHECK_FS_ROOTS, INODE_OVERLAP, w, ino, at, d->a); break;
	case INO_INLINE_LARGE: REPORT(j->c, CHECK_FS_ROOTS, INODE_INLINE_LARGE, w, ino, at, text); break;
	case INO_HOLE:
		w.bytenr = d->a;
		w.len = d->b;
		REPORT(j->c, CHECK_FS_ROOTS, INODE_HOLE, w, first ? "Found file extent holes:\n" : "", d->a, d->b);
		break;
	case INO_ODD_CSUM: REPORT(j->c, CHECK_FS_ROOTS, INODE_ODD_CSUM, w, ino, at); break;
	case INO_CSUM_MISSING: w.bytenr = d->b; w.len = d->a; REPORT(j->c, CHECK_FS_ROOTS, INODE_CSUM_MISSING, w, ino, at, d->a); break;
	case INO_UNALIGNED: REPORT(j->c, CHECK_FS_ROOTS, INODE_EXTENT_UNALIGNED, w, ino, at, d->a); break;
	case INO_FLAGS: REPORT(j->c, CHECK_FS_ROOTS, INODE_FLAGS, w, ino, d->a); break;
	case INO_INLINE_RAM: REPORT(j->c, CHECK_FS_ROOTS, INODE_INLINE_RAM, w, ino, d->a, d->b); break;
	case INO_HASH:
		REPORT(j->c, CHECK_FS_ROOTS, DIR_HASH, w, first ? "Dir items with mismatch hash:\n" : "", name, d->name_len, (u32)d->a, at);
		break;
	case INO_MODE: REPORT(j->c, CHECK_FS_ROOTS, INODE_MODE, w, ino, (u32)d->a); break;
	case INO_GENERATION: REPORT(j->c, CHECK_FS_ROOTS, INODE_GENERATION, w, ino, d->a, d->b, newest); break;
	case INO_DIR_NLINK: REPORT(j->c, CHECK_FS_ROOTS, INODE_DIR_NLINK, w, ino, d->a); break;
	case INO_XATTR: REPORT(j->c, CHECK_FS_ROOTS, XATTR_BAD, w, ino, text); break;
	case INO_NAME_TWICE: REPORT(j->c, CHECK_FS_ROOTS, DIR_NAME_TWICE, w, ino, name); break;
	case INO_NAME_BYTES: REPORT(j->c, CHECK_FS_ROOTS, NAME_BYTES, w, (s64)j->tree->id, ino, at, "", text); break;
	case INO_LOCATION: REPORT(j->c, CHECK_FS_ROOTS, UNKNOWN_LOCATION, w, (unsigned)d->a, ino, at); break;
	case INO_EXTENT_GENERATION: REPORT(j->c, CHECK_FS_ROOTS, FILE_EXTENT_GENERATION, w, (s64)j->tree->id, ino, at, d->a, d->b); break;
	default: break;
	}
}

static void tell_details(struct judge *j)
{
	u32 last = 0;

	for (size_t i = 0; i < j->details.len; i++) {
		tell_detail(j, &j->details.v[i], j->details.v[i].bit != last);
		last = j->details.v[i].bit;
	}
	if (j->bits & INO_INLINE_LARGE && S_ISLNK(j->s.mode) && j->s.feats & FEAT_NOT_INLINE) {
		struct detail d = { .bit = INO_INLINE_LARGE, .key = KEY(j->ino, BTRFS_EXTENT_DATA_KEY, 0) };

		tell_detail(j, &d, true);
	}
	if (j->bits & INO_BAD_EXTENT && j->s.flags & BTRFS_INODE_NODATASUM && j->s.feats & FEAT_COMPRESSED) {
		struct detail d = { .bit = INO_BAD_EXTENT, .key = KEY(j->ino, BTRFS_EXTENT_DATA_KEY, 0), .text = (char *)"it is compressed, but the file has no checksums" };

		tell_detail(j, &d, true);
	}
}

static void tell_name_bits(struct judge *j, const struct named *n, const char *name)
{
	struct where base = here(j), w;
	u64 dir = n->m->dir;

	base.parent = dir;
	base.index = n->indexes ? n->dir_index : n->ref_index;
	base.name = n->m->name;
	base.name_len = n->m->len;
	base.type = n->items ? n->type : n->index_type;
#define TELL(BIT, ID, ...) do { if (n->errors & NAME_ERR_##BIT) { w = base; w.sub = ++j->sub; REPORT(j->c, CHECK_FS_ROOTS, ID, w, name, dir, ##__VA_ARGS__); } } while (0)
	TELL(ITEM, NAME_NO_ITEM);
	TELL(INDEX, NAME_NO_INDEX);
	TELL(REF, NAME_NO_REF);
	TELL(DUP_ITEM, NAME_DUP_ITEM);
	TELL(DUP_INDEX, NAME_DUP_INDEX);
	TELL(DUP_REF, NAME_DUP_REF);
	base.have = n->ref_index;
	base.want = n->dir_index;
	TELL(MISMATCH, NAME_INDEX, n->ref_index);
	base.have = base.type;
	base.want = ft_of_mode(j->s.mode);
	TELL(TYPE, NAME_TYPE, base.type);
	TELL(LONG, NAME_LONG);
#undef TELL
}

static void tell_name(struct judge *j, const struct named *n)
{
	static const char *const words[] = { "no dir item", "no dir index", "no inode ref", "dup dir item", "dup dir index", "dup inode ref",
					     "index mismatch", "filetype mismatch", "name too long" };
	char name[4 * BTRFS_NAME_LEN + 1], line[256] = "";
	struct where w = here(j);
	size_t at = 0;

	*text_escape(name, n->m->name, min_t(u16, n->m->len, BTRFS_NAME_LEN)) = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (n->errors >> i & 1)
			at += snprintf(line + at, sizeof(line) - at, ", %s", words[i]);
	w.parent = n->m->dir;
	w.index = n->indexes ? n->dir_index : n->ref_index;
	w.name = n->m->name;
	w.name_len = n->m->len;
	w.type = n->items ? n->type : n->index_type;
	REPORT(j->c, CHECK_FS_ROOTS, NAME, w, w.parent, w.index, (unsigned)n->m->len, name, (unsigned)w.type, n->errors, line);
	tell_name_bits(j, n, name);
}

static void tell_lost(struct judge *j)
{
	struct where w = here(j);
	char what[64];

	if (!j->gaps)
		return;
	if (!j->s.items)
		snprintf(what, sizeof(what), "all");
	else if (S_ISDIR(j->s.mode))
		snprintf(what, sizeof(what), "some names");
	else
		snprintf(what, sizeof(what), "%llu bytes", j->s.nbytes > j->s.found_bytes ? j->s.nbytes - j->s.found_bytes : 0);
	w.len = j->s.items && !S_ISDIR(j->s.mode) && j->s.nbytes > j->s.found_bytes ? j->s.nbytes - j->s.found_bytes : 0;
	REPORT(j->c, CHECK_FS_ROOTS, FILE_LOST, w, (s64)j->tree->id, j->ino, what, j->path ? j->path : "a file whose name is lost",
	       ": tree blocks are lost");
}

static void tell(struct judge *j)
{
	char line[1024];
	struct where w = here(j);

	if (j->bits & INO_SHOWN) {
		bit_words(j, line, sizeof(line));
		REPORT(j->c, CHECK_FS_ROOTS, INODE, w, j->tree->kind == TREE_RELOC ? "reloc " : "", (s64)j->tree->id, j->ino, j->bits & INO_SHOWN, line);
	}
	tell_whole(j);
	tell_details(j);
	for (size_t i = 0; i < j->names.len; i++)
		if (j->names.v[i].errors || j->bits & (INO_NLINK | INO_NO_ITEM))
			tell_name(j, &j->names.v[i]);
	tell_lost(j);
}

/* --- the whole --- */

static void find_path(struct judge *j)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; j->root && !j->path && i < j->names.len; i++) {
		const struct mention *m = j->names.v[i].m;

		sb_reset(&sb);
		if (dir_path(j->root, m->dir, &sb, NULL))
			continue;
		if (sb.len)
			sb_char(&sb, '/');
		sb_add(&sb, m->name, m->len);
		if (!sb.failed)
			j->path = arena_dup(&j->arena, sb_str(&sb), strlen(sb_str(&sb)) + 1);
	}
	if (!j->path && j->ino == BTRFS_FIRST_FREE_OBJECTID)
		j->path = (char *)"";
	sb_fini(&sb);
}

/* Nothing of it is left but what remembers that it must be removed, or a mention that is right to lead nowhere. */
static bool is_gone(const struct judge *j)
{
	return !j->s.items && !j->s.feats && !j->gaps && !j->names.len;
}

static u32 verdict(struct judge *j, struct err *err, int *ret)
{
	j->bits = j->s.bits | isum_judge(j->c, &j->s);
	if (j->ino == BTRFS_FREE_INO_OBJECTID)
		return j->bits;
	if (j->s.items && !j->s.nlink && !j->orphan)
		j->bits |= INO_NO_ORPHAN;
	if (j->s.nlink != count_links(j) && j->ino != BTRFS_FIRST_FREE_OBJECTID)
		j->bits |= INO_NLINK;
	if (j->ino == BTRFS_FIRST_FREE_OBJECTID && j->names.len)
		j->bits |= INO_ODD_DIR_ITEM;
	if (j->bits & INO_HOLE && !(j->s.bits & INO_HOLE) && vec_push(&j->details, ((struct detail){
		    .bit = INO_HOLE, .key = KEY(j->ino, BTRFS_EXTENT_DATA_KEY, j->s.ext_end), .a = j->s.ext_end,
		    .b = round_up_p2(j->s.size, j->c->geo->sectorsize) - j->s.ext_end })))
		j->nomem = true;
	if (j->root && j->bits & (INO_ODD_CSUM | INO_CSUM_MISSING))
		*ret = check_csums(j, err);
	if (j->gaps)
		j->bits |= INO_LOST;
	return j->bits;
}

static int add_facts(struct judge *j, const struct saying *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct mention m = { .dir = f[i].dir, .index = f[i].index, .name = f[i].name ? f[i].name : (const u8 *)"", .len = f[i].name_len, .kind = f[i].kind,
				     .type = f[i].type };

		if (f[i].kind == SAY_ORPHAN)
			j->orphan = true;
		else if (f[i].kind != SAY_OWN && vec_push(&j->mentions, m))
			return -ENOMEM;
	}
	return 0;
}

static void judge_fini(struct judge *j)
{
	vec_fini(&j->details);
	vec_fini(&j->mentions);
	vec_fini(&j->names);
	arena_fini(&j->arena);
}

int judge_inode(struct check *c, u32 tree, u64 ino, const struct saying *facts, size_t n, bool *clean, struct err *err)
{
	struct judge j = { .c = c, .tree = &c->trees.v[tree], .ino = ino, .order = tree + 1 };
	bool subvol = n && facts->subvol;
	int ret = add_facts(&j, facts, n);

	arena_init(&j.arena);
	isum_init(&j.s, ino, true);
	j.s.say = on_bit;
	j.s.arg = &j;
	if (fs_root_get(c->fs, j.tree->id, j.tree->offset, &j.root, NULL))
		j.root = NULL;
	if (!ret && !subvol && j.root)
		ret = read_own(&j, err);
	sort_names(&j, subvol);
	forgive_dying(&j);
	*clean = true;
	if (!ret && !is_gone(&j) && ((!subvol && verdict(&j, err, &ret)) || !names_good(&j))) {
		*clean = false;
		find_path(&j);
		tell(&j);
	}
	if (!ret && j.nomem)
		ret = err_nomem(err);
	judge_fini(&j);
	return ret;
}
