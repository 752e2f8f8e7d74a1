/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of items that break a rule, by the rule: what else is known says what they must be. Rules: format/, on-disk-format 13. */
#include "kernel-shared/check/mend.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "kernel-shared/fs/inode.h"

struct fixing { struct mend *m; u64 tree; struct mended_item *it, *prev; const struct mended_item *next; u8 *own; };

/* The item's bytes, to be changed; size may differ. NULL: no memory. */
static u8 *own(struct fixing *f, u32 size)
{
	u8 *to;

	if (f->own && f->it->size == size)
		return f->own;
	to = arena_alloc(&f->m->arena, size ? size : 1);
	if (!to)
		return NULL;
	memset(to, 0, size);
	memcpy(to, f->it->data, min_t(u32, size, f->it->size));
	f->own = to;
	f->it->data = to;
	f->it->size = size;
	return to;
}

/* --- looking elsewhere --- */

static struct root *root_by_id(struct mend *m, u64 tree)
{
	struct err ignored = ERR_INIT;
	struct root *root;

	if (tree == BTRFS_ROOT_TREE_OBJECTID)
		return m->fs->root_tree;
	return fs_root_get(m->fs, tree, 0, &root, &ignored) && fs_subvol_root(m->fs, tree, &root, &ignored) ? NULL : root;
}

static u32 type_by_items(struct root *root, u64 ino)
{
	struct err ignored = ERR_INIT;
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&root->tree, KEY(ino, BTRFS_DIR_LOG_INDEX_KEY, 0), KEY(ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, &ignored)) != -ENOENT) {
		if (ret == -ENOMEM || ret == -EINTR)
			break;
		if (!ret && (item.key.type == BTRFS_DIR_ITEM_KEY || item.key.type == BTRFS_DIR_INDEX_KEY))
			return S_IFDIR;
		if (!ret && item.key.type == BTRFS_EXTENT_DATA_KEY)
			return S_IFREG;
	}
	return 0;
}

/* Either form of the entry. */
static u8 type_by_name(struct root *root, u64 dir, const struct inode_ref_view *ref)
{
	struct err ignored = ERR_INIT;
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(dir, BTRFS_DIR_INDEX_KEY, ref->index);
	struct dir_entry_view e;
	struct dirent d;
	struct item item;
	u32 pos = 0;

	if (!tree_lookup(&root->tree, &key, &path, &item, &ignored) && dir_item_next(&item, &pos, &e) && e.name_len == ref->name_len &&
	    !memcmp(e.name, ref->name, e.name_len))
		return e.type;
	return dir_lookup(root, dir, ref->name, ref->name_len, &d, &ignored) ? 0 : d.type;
}

struct type_ask { struct root *root; u8 type; };

static int ask_name(void *arg, const struct inode_ref_view *ref)
{
	struct type_ask *a = arg;

	a->type = type_by_name(a->root, ref->parent, ref);
	return a->type && a->type < BTRFS_FT_XATTR;
}

u32 mend_file_type(struct mend *m, u64 tree, u64 ino)
{
	struct type_ask a = { .root = root_by_id(m, tree) };
	struct err ignored = ERR_INIT;
	u32 type;

	if (!a.root)
		return S_IFREG;
	if (ino == BTRFS_FIRST_FREE_OBJECTID && is_fstree(tree))
		return S_IFDIR;
	if (inode_refs(a.root, ino, ask_name, &a, &ignored) > 0)
		return inode_mode_of_ft(a.type);
	type = type_by_items(a.root, ino);
	return type ? type : S_IFREG;
}

/* --- inodes --- */

static int fix_inode(struct fixing *f, const char *id)
{
	struct disk_inode_item *i = (void *)own(f, f->it->size);
	u64 newest = le64_get(f->m->fs->sb->generation), gen, trans;
	u32 mode;

	if (!i)
		return -ENOMEM;
	gen = le64_get(i->generation);
	trans = le64_get(i->transid);
	mode = le32_get(i->mode);
	if (!strcmp(id, "inode-generation"))
		i->generation = le64_of(trans && trans <= newest ? trans : newest);
	else if (!strcmp(id, "inode-transid"))
		i->transid = le64_of(max_t(u64, gen <= newest ? gen : 0, newest));
	else if (!strcmp(id, "inode-mode-bits"))
		i->mode = le32_of(mode & (S_IFMT | 07777));
	else if (!strcmp(id, "inode-mode"))
		i->mode = le32_of(f->tree == BTRFS_ROOT_TREE_OBJECTID && f->it->key.objectid >= BTRFS_FIRST_FREE_OBJECTID ? S_IFREG | 0600 /* space cache */
					  : mend_file_type(f->m, f->tree, f->it->key.objectid) | (mode & 07777));
	else if (!strcmp(id, "inode-nlink"))
		i->nlink = le32_of(1);
	else if (!strcmp(id, "inode-flags") || !strcmp(id, "inode-ro-flags"))
		i->flags = le64_of(le64_get(i->flags) & (BTRFS_INODE_FLAG_MASK | BTRFS_INODE_RO_VERITY));
	else
		return 1;
	return 0;
}

/* A name's length, where the item holds one name. extref: the same behind a longer head. */
static int fix_ref(struct fixing *f)
{
	bool extref = f->it->key.type == BTRFS_INODE_EXTREF_KEY;
	u32 head = extref ? sizeof(struct disk_inode_extref) : sizeof(struct disk_inode_ref), size = f->it->size, keep = 0;
	struct item item = { f->it->key, f->it->data, size, 0 };
	struct inode_ref_view v;
	u8 *to;

	for (u32 pos = 0; inode_ref_next(&item, &pos, &v) && v.name_len && v.name_len <= BTRFS_NAME_LEN;)
		keep = pos;
	if (size <= keep + head || size - keep - head > BTRFS_NAME_LEN)
		return keep && keep < size ? own(f, keep) ? 0 : -ENOMEM : 1;
	to = own(f, size);
	if (!to)
		return -ENOMEM;
	put_le16(to + keep + head - 2, size - keep - head);
	return 0;
}

/* --- names and attributes --- */

/* The other form of a directory entry, by name: DIR_INDEX for DIR_ITEM and the reverse. */
static bool twin(struct fixing *f, const struct dir_entry_view *e, struct key *location, u8 *type)
{
	struct root *root = root_by_id(f->m, f->tree);
	u64 dir = f->it->key.objectid;
	struct err ignored = ERR_INIT;
	struct dir_iter d;
	struct dirent ent;
	bool found = false;

	if (!root)
		return false;
	if (f->it->key.type == BTRFS_DIR_INDEX_KEY) {
		found = !dir_lookup(root, dir, e->name, e->name_len, &ent, &ignored);
	} else {
		d = dir_open(root, dir);
		while (!found && !dir_next(&d, &ent, &ignored))
			found = ent.name_len == e->name_len && !memcmp(ent.name, e->name, e->name_len);
		dir_close(&d);
	}
	if (!found)
		return false;
	*location = ent.is_subvol ? KEY(ent.ino, BTRFS_ROOT_ITEM_KEY, -1ULL) : KEY(ent.ino, BTRFS_INODE_ITEM_KEY, 0);
	*type = ent.type;
	return true;
}

static u8 ft_of_mode(u32 mode)
{
	for (u8 ft = BTRFS_FT_REG_FILE; ft < BTRFS_FT_XATTR; ft++)
		if (inode_mode_of_ft(ft) == (mode & S_IFMT))
			return ft;
	return BTRFS_FT_REG_FILE;
}

static u8 entry_type(struct fixing *f, const struct key *location)
{
	struct root *root = root_by_id(f->m, f->tree);
	struct err ignored = ERR_INIT;
	struct inode inode;

	if (location->type == BTRFS_ROOT_ITEM_KEY)
		return BTRFS_FT_DIR;
	return root && !inode_get(root, location->objectid, &inode, &ignored) ? ft_of_mode(inode.mode) : BTRFS_FT_REG_FILE;
}

static int fix_location(struct fixing *f, struct disk_dir_item *d, const struct dir_entry_view *e)
{
	struct key k = key_get(&d->location), other;
	u8 type;

	if (f->it->key.type == BTRFS_XATTR_ITEM_KEY) {
		d->location = key_disk(KEY_MIN);
		return 0;
	}
	if (twin(f, e, &other, &type)) {
		d->location = key_disk(other);
		d->type = type;
		return 0;
	}
	if (k.type == BTRFS_INODE_ITEM_KEY && k.offset)
		k.offset = 0;
	else if (is_fstree(k.objectid) && k.type != BTRFS_ROOT_ITEM_KEY)
		k = KEY(k.objectid, BTRFS_INODE_ITEM_KEY, 0);
	else
		return 1;
	d->location = key_disk(k);
	return 0;
}

/* The lengths of the one name, and value, that an item holds: the hash in the key knows the name. */
static int fix_lengths(struct fixing *f)
{
	u32 head = sizeof(struct disk_dir_item), room = f->it->size > head ? f->it->size - head : 0;
	bool xattr = f->it->key.type == BTRFS_XATTR_ITEM_KEY, hashed = f->it->key.type != BTRFS_DIR_INDEX_KEY;
	const u8 *name = f->it->data + head;
	struct disk_dir_item *d;
	u32 len = 0;

	if (!room)
		return 1;
	if (!xattr && room <= BTRFS_NAME_LEN)
		len = !hashed || hash_name(name, room) == f->it->key.offset ? room : 0;
	for (u32 n = 1; xattr && !len && n <= min_t(u32, room, BTRFS_NAME_LEN); n++)
		if (hash_name(name, n) == f->it->key.offset)
			len = n;
	if (!len)
		return 1;
	d = (void *)own(f, f->it->size);
	if (!d)
		return -ENOMEM;
	d->name_len = le16_of(len);
	d->data_len = le16_of(room - len);
	return 0;
}

/* One bit of the name, or else the key. */
static int fix_hash(struct fixing *f, u8 *name, u32 len)
{
	u64 want = f->it->key.offset;

	for (u32 bit = 0; bit < len * 8; bit++) {
		name[bit / 8] ^= 1 << bit % 8;
		if (hash_name(name, len) == want)
			return 0;
		name[bit / 8] ^= 1 << bit % 8;
	}
	f->it->key.offset = hash_name(name, len);
	return 0;
}

static int fix_dir(struct fixing *f, const char *id)
{
	struct validator v = { .geo = f->m->fs->geo, .tree = f->tree };
	struct item item;
	struct dir_entry_view e;
	u8 *data;

	if (!strcmp(id, "dir-header") || !strcmp(id, "dir-boundary") || !strcmp(id, "dir-name-len") || !strcmp(id, "dir-data") || !strcmp(id, "dir-data-len"))
		return fix_lengths(f);
	data = own(f, f->it->size);
	if (!data)
		return -ENOMEM;
	item = (struct item){ f->it->key, data, f->it->size, 0 };
	for (u32 pos = 0, at = 0; dir_item_next(&item, &pos, &e); at = pos) {
		struct disk_dir_item *d = (void *)(data + at);
		struct item one = { item.key, data + at, pos - at, 0 };

		/* the one of several entries that is meant */
		if (!item_validate(&v, &one, NULL))
			continue;
		v.count = 0;
		if (!strncmp(id, "dir-location", 12) || !strcmp(id, "xattr-location"))
			return fix_location(f, d, &e);
		if (!strcmp(id, "dir-hash"))
			return at || pos < item.size ? 1 : fix_hash(f, d->name, e.name_len);
		d->type = item.key.type == BTRFS_XATTR_ITEM_KEY ? BTRFS_FT_XATTR : entry_type(f, &e.location);
		return 0;
	}
	return 1;
}

/* --- file extents --- */

static bool same_file(const struct fixing *f, const struct mended_item *other)
{
	return other && other->key.objectid == f->it->key.objectid && other->key.type == BTRFS_EXTENT_DATA_KEY;
}

static u64 item_end(const struct mended_item *it)
{
	struct item item = { it->key, it->data, it->size, 0 };
	struct file_extent_view v;

	return file_extent_parse(&item, &v) || v.type == BTRFS_FILE_EXTENT_INLINE ? 0 : v.start + v.num_bytes;
}

/* What the file's other extents say: how it is compressed. */
static u8 usual_compression(const struct fixing *f)
{
	const struct mended_item *others[] = { f->prev, f->next };

	for (unsigned i = 0; i < 2; i++) {
		struct file_extent_view v;

		if (same_file(f, others[i])) {
			struct item item = { others[i]->key, others[i]->data, others[i]->size, 0 };

			if (!file_extent_parse(&item, &v) && v.compression && v.compression <= BTRFS_COMPRESS_ZSTD)
				return v.compression;
		}
	}
	return BTRFS_COMPRESS_ZLIB;
}

static int fix_extent_sizes(struct fixing *f, struct disk_file_extent_item *e, const char *id)
{
	u64 disk = le64_get(e->disk_num_bytes), num = le64_get(e->num_bytes), ram = le64_get(e->ram_bytes), off = le64_get(e->offset), start = f->it->key.offset;
	u64 room = same_file(f, f->next) && f->next->key.offset > start ? f->next->key.offset - start : -1ULL;

	if (!strcmp(id, "file-extent-ram-align"))
		e->ram_bytes = le64_of(e->compression ? round_up_p2(max_t(u64, off + num, 1), f->m->fs->geo->sectorsize) : disk);
	else if (!strcmp(id, "file-extent-disk-align"))
		e->disk_num_bytes = le64_of(ram);
	else if (!strcmp(id, "file-extent-offset-align"))
		e->offset = le64_of(ram > num ? ram - num : 0);
	else if (!strcmp(id, "file-extent-num-align") || !strcmp(id, "file-extent-overflow"))
		e->num_bytes = le64_of(min_t(u64, room, ram > off && le64_get(e->disk_bytenr) ? ram - off : room == -1ULL ? 0 : room));
	else
		return 1;
	return le64_get(e->num_bytes) ? 0 : 1;
}

/* Two extents overlap: the first one is too long, or the second begins too early. */
static int fix_overlap(struct fixing *f)
{
	struct item item = { f->prev->key, f->prev->data, f->prev->size, 0 };
	u64 start = f->it->key.offset, end = item_end(f->prev), bit = start ^ end;
	struct disk_file_extent_item *e;
	struct file_extent_view v;

	if (file_extent_parse(&item, &v) || v.type == BTRFS_FILE_EXTENT_INLINE || start <= v.start)
		return 1;
	if (v.offset + v.num_bytes <= v.ram_bytes && !(bit & (bit - 1)) && (!same_file(f, f->next) || f->next->key.offset > end)) {
		f->it->key.offset = end;
		return 0;
	}
	e = arena_dup(&f->m->arena, f->prev->data, f->prev->size);
	if (!e)
		return -ENOMEM;
	e->num_bytes = le64_of(start - v.start);
	f->prev->data = (u8 *)e;
	return 0;
}

static int fix_extent(struct fixing *f, const char *id)
{
	struct disk_file_extent_item *e;
	u32 inlined = f->it->size - BTRFS_FILE_EXTENT_INLINE_DATA_START;

	if (!strcmp(id, "file-extent-key-align") || !strcmp(id, "file-extent-inline-offset")) {
		u64 at = same_file(f, f->prev) ? item_end(f->prev) : 0;

		if (same_file(f, f->next) && f->next->key.offset <= at)
			return 1;
		f->it->key.offset = at;
		return 0;
	}
	if (!strcmp(id, "file-extent-overlap"))
		return fix_overlap(f);
	e = (void *)own(f, f->it->size);
	if (!e)
		return -ENOMEM;
	if (!strcmp(id, "file-extent-type"))
		e->type = f->it->size == sizeof(*e) ? BTRFS_FILE_EXTENT_REG : BTRFS_FILE_EXTENT_INLINE;
	else if (!strcmp(id, "file-extent-size") && f->it->key.offset == 0)
		e->type = BTRFS_FILE_EXTENT_INLINE;
	else if (!strcmp(id, "file-extent-compression"))
		e->compression = le64_get(e->ram_bytes) == (e->type == BTRFS_FILE_EXTENT_INLINE ? inlined : le64_get(e->disk_num_bytes)) ? 0 : usual_compression(f);
	else if (!strcmp(id, "file-extent-encryption"))
		e->encryption = 0;
	else if (!strcmp(id, "file-extent-inline-size"))
		e->ram_bytes = le64_of(inlined);
	else
		return f->it->size == sizeof(*e) ? fix_extent_sizes(f, e, id) : 1;
	return 0;
}

/* --- the rest --- */

static int fix_csum(struct fixing *f, const char *id)
{
	const struct geometry *geo = f->m->fs->geo;
	u32 size = f->it->size / geo->csum_size * geo->csum_size;

	if (!strcmp(id, "csum-objectid")) {
		f->it->key.objectid = BTRFS_EXTENT_CSUM_OBJECTID;
		return 0;
	}
	if (!strcmp(id, "csum-size") && size)
		return own(f, size) ? 0 : -ENOMEM;
	if (strcmp(id, "csum-overlap") || f->prev->key.offset >= f->it->key.offset)
		return 1;
	f->prev->size = (f->it->key.offset - f->prev->key.offset) / geo->sectorsize * geo->csum_size;
	return f->prev->size ? 0 : 1;
}

/* Where the item leads is lost: the newest root block of that tree. */
static int find_root(struct fixing *f, struct disk_root_item *r)
{
	struct err ignored = ERR_INIT;
	struct found_block b;

	if (orphans_root(f->m, f->it->key.objectid, &b, &ignored))
		return 1;
	r->bytenr = le64_of(b.bytenr);
	r->level = b.level;
	r->generation = le64_of(b.generation);
	if (f->it->size >= sizeof(*r))
		r->generation_v2 = r->generation;
	return 0;
}

static int fix_root(struct fixing *f, const char *id)
{
	struct disk_root_item *r = (void *)own(f, f->it->size);
	bool whole = f->it->size >= sizeof(*r);

	if (!r)
		return -ENOMEM;
	if (!strcmp(id, "root-flags"))
		r->flags = le64_of(le64_get(r->flags) & (BTRFS_ROOT_SUBVOL_RDONLY | BTRFS_ROOT_SUBVOL_DEAD));
	else if (!strcmp(id, "root-drop-level") || !strcmp(id, "root-drop-progress"))
		r->drop_level = 0, r->drop_progress = key_disk(KEY_MIN);
	else if (!strcmp(id, "root-generation") && le64_get(r->generation) > le64_get(f->m->fs->sb->generation))
		r->generation = le64_of(min_t(u64, whole ? le64_get(r->generation_v2) : -1ULL, le64_get(f->m->fs->sb->generation)));
	else if (!strcmp(id, "root-generation-v2") && whole)
		r->generation_v2 = r->generation;
	else if (!strcmp(id, "root-last-snapshot"))
		r->last_snapshot = r->generation;
	else if (!strcmp(id, "root-level") || !strcmp(id, "root-bytenr"))
		return find_root(f, r);
	else
		return 1;
	return 0;
}

/* The one name that it holds is as long as the item is. */
static int fix_root_ref(struct fixing *f)
{
	u32 head = sizeof(struct disk_root_ref), size = f->it->size;
	struct disk_root_ref *r;

	if (size <= head || size - head > BTRFS_NAME_LEN)
		return 1;
	r = (void *)own(f, size);
	if (!r)
		return -ENOMEM;
	r->name_len = le16_of(size - head);
	return 0;
}

/* More is used than there is: the device's superblock knows how much there is. */
static void fix_dev_total(struct fixing *f, struct disk_dev_item *d)
{
	const struct device *dev = volume_device(f->m->fs->vol, le64_get(d->devid), NULL);
	u64 used = le64_get(d->bytes_used), total = dev && dev->bdev ? le64_get(dev->sb.dev_item.total_bytes) : 0;

	if (total >= used && total <= dev->bdev->size)
		d->total_bytes = le64_of(total);
	else
		d->bytes_used = d->total_bytes;
}

static int fix_dev(struct fixing *f, const char *id)
{
	struct disk_dev_item *d;

	if (!strcmp(id, "dev-objectid")) {
		f->it->key.objectid = BTRFS_DEV_ITEMS_OBJECTID;
		return 0;
	}
	d = (void *)own(f, f->it->size);
	if (!d)
		return -ENOMEM;
	if (!strcmp(id, "dev-devid"))
		d->devid = le64_of(f->it->key.offset);
	else if (!strcmp(id, "dev-bytes-used"))
		fix_dev_total(f, d);
	else
		return 1;
	return 0;
}

/* A system chunk is in the superblock, too; else what a chunk must say at least. */
static int fix_chunk(struct fixing *f)
{
	const struct disk_chunk *in_super;
	struct disk_chunk *c;
	u32 pos = 0, size, n;
	struct key key;

	while (super_sys_chunk_next(f->m->fs->sb, &pos, &key, &in_super, &size, NULL) > 0)
		if (key_eq(&key, &f->it->key) && (f->it->size != size || memcmp(f->it->data, in_super, size))) {
			u8 *to = own(f, size);

			if (!to)
				return -ENOMEM;
			memcpy(to, in_super, size);
			return 0;
		}
	n = f->it->size < sizeof(*c) ? 0 : (f->it->size - sizeof(*c)) / sizeof(c->stripes[0]);
	if (!n)
		return 1;
	c = (void *)own(f, sizeof(*c) + n * sizeof(c->stripes[0]));
	if (!c)
		return -ENOMEM;
	c->num_stripes = le16_of(n);
	c->stripe_len = le64_of(BTRFS_STRIPE_LEN);
	c->sector_size = le32_of(f->m->fs->geo->sectorsize);
	c->sub_stripes = le16_of(profile_of(le64_get(c->type))->sub_stripes);
	return 0;
}

struct broken { const char *id; };

static void first_rule(struct validator *v, const struct violation *violation)
{
	struct broken *b = v->arg;

	if (!b->id)
		b->id = violation->id;
}

static int apply(struct fixing *f, const char *id)
{
	switch (f->it->key.type) {
	case BTRFS_INODE_ITEM_KEY: return fix_inode(f, id);
	case BTRFS_INODE_REF_KEY:
	case BTRFS_INODE_EXTREF_KEY: return fix_ref(f);
	case BTRFS_XATTR_ITEM_KEY:
	case BTRFS_DIR_ITEM_KEY:
	case BTRFS_DIR_INDEX_KEY: return fix_dir(f, id);
	case BTRFS_EXTENT_DATA_KEY: return fix_extent(f, id);
	case BTRFS_EXTENT_CSUM_KEY: return fix_csum(f, id);
	case BTRFS_ROOT_ITEM_KEY: return fix_root(f, id);
	case BTRFS_ROOT_REF_KEY:
	case BTRFS_ROOT_BACKREF_KEY: return fix_root_ref(f);
	case BTRFS_DEV_ITEM_KEY: return fix_dev(f, id);
	case BTRFS_CHUNK_ITEM_KEY: return fix_chunk(f);
	default: return 1;
	}
}

int mend_item(struct mend *m, u64 tree, struct mended_item *item, struct mended_item *prev, const struct mended_item *next)
{
	struct fixing f = { m, tree, item, prev, next, NULL };
	const char *last = NULL;

	for (unsigned try = 0; try < 16; try++) {
		struct broken broken = { NULL };
		struct validator v = { .geo = m->fs->geo, .tree = tree, .on_violation = first_rule, .arg = &broken };
		struct item it = { item->key, item->data, item->size, 1 }, before;
		int ret;

		if (prev)
			before = (struct item){ prev->key, prev->data, prev->size, 0 };
		if (!item_type(item->key.type))
			return 0; /* unknown here; others may know it */
		if (item->key.type == BTRFS_UNTYPED_KEY && !mend_belongs(tree, item->key.objectid, item->key.type))
			return 1;
		if (!item_validate(&v, &it, prev ? &before : NULL))
			return 0;
		if (last && !strcmp(last, broken.id) && strncmp(broken.id, "dir", 3))
			return 1;
		last = broken.id;
		ret = apply(&f, broken.id);
		if (ret)
			return ret;
	}
	return 1;
}
