/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inodes: counts, sizes, modes and extents, as their names and items imply them. Spec: check.md 1.6, phase 5. */
#include "kernel-shared/check/repair_internal.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"
#include "kernel-shared/tree/modify.h"

struct root *fix_root_of(struct fs *fs, u64 id)
{
	struct err ignored = ERR_INIT;
	struct root *root;

	if (id == BTRFS_ROOT_TREE_OBJECTID)
		return fs->root_tree;
	if (id == BTRFS_DATA_RELOC_TREE_OBJECTID)
		return fs->data_reloc_tree;
	return is_fstree(id) && !fs_subvol_root(fs, id, &root, &ignored) ? root : NULL;
}

/* --- what an inode is --- */

struct type_ask { struct root *root; u8 type; };

static int ask(void *arg, const struct inode_ref_view *ref)
{
	struct type_ask *a = arg;
	struct err ignored = ERR_INIT;
	struct dirent d;

	if (!dir_lookup(a->root, ref->parent, ref->name, ref->name_len, &d, &ignored) && d.type && d.type < BTRFS_FT_XATTR)
		a->type = d.type;
	return a->type;
}

u32 inode_type(struct filefix *f, struct root *root, u64 ino)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&root->tree, KEY(ino, BTRFS_DIR_ITEM_KEY, 0), KEY(ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	struct type_ask a = { root, 0 };
	struct err ignored = ERR_INIT;
	struct item item;

	if (ino == BTRFS_FIRST_FREE_OBJECTID && is_fstree(root->tree.id))
		return S_IFDIR;
	if (inode_refs(root, ino, ask, &a, &ignored) > 0)
		return inode_mode_of_ft(a.type);
	if (!tree_next(&it, &item, &ignored))
		return item.key.type == BTRFS_EXTENT_DATA_KEY ? S_IFREG : S_IFDIR;
	repair_say(f->r, "Can't determine the filetype for inode %llu, assume it is a normal file", ino);
	return S_IFREG;
}

int inode_make(struct filefix *f, struct root *root, u64 ino, u32 type, struct err *err)
{
	struct winode w = { .root = root, .ino = ino };
	bool top = ino == BTRFS_FIRST_FREE_OBJECTID;
	int ret;

	w.d.generation = w.d.transid = le64_of(txn_id(f->txn));
	w.d.nlink = le32_of(1);
	w.d.mode = le32_of(type | (top ? 0755 : 0700));
	w.d.atime = w.d.ctime = w.d.mtime = w.d.otime = time_now(f->txn);
	ret = inode_item_put(f->txn, &w, true, err);
	if (!ret && top) {
		ret = ref_add(f->txn, root, ino, ino, 0, "..", 2, err);
		if (ret == -EEXIST)
			ret = 0;
		repair_say(f->r, "root %llu missing its root dir, recreating", root->tree.id);
	} else if (!ret) {
		repair_say(f->r, "WARNING: root %llu inode %llu recreating inode item, this may be incomplete, please check permissions and content after the fsck completes",
			   root->tree.id, ino);
	}
	return ret;
}

/* --- its item --- */

static int change(struct filefix *f, struct root *root, u64 ino, void (*fn)(struct winode *w, const struct problem_at *p, void *arg), const struct problem_at *p,
		  void *arg, struct err *err)
{
	struct winode w;
	int ret = winode_load(root, ino, &w, err);

	if (ret)
		return ret;
	fn(&w, p, arg);
	return inode_item_put(f->txn, &w, false, err);
}

static void set_size(struct winode *w, const struct problem_at *p, void *arg) { w->d.size = le64_of(p->want); }
static void set_nbytes(struct winode *w, const struct problem_at *p, void *arg) { w->d.nbytes = le64_of(p->want); }
static void set_nlink(struct winode *w, const struct problem_at *p, void *arg) { w->d.nlink = le32_of(S_ISDIR(winode_mode(w)) ? 1 : p->want); }
static void set_dir_nlink(struct winode *w, const struct problem_at *p, void *arg) { w->d.nlink = le32_of(1); }
static void set_type(struct winode *w, const struct problem_at *p, void *arg) { w->d.mode = le32_of(*(u32 *)arg | (winode_mode(w) & 07777)); }
static void set_flags(struct winode *w, const struct problem_at *p, void *arg)
{
	w->d.flags = le64_of(winode_flags(w) & ~(u64)(BTRFS_INODE_IMMUTABLE | BTRFS_INODE_APPEND));
}

static void set_generation(struct winode *w, const struct problem_at *p, void *arg)
{
	u64 newest = *(u64 *)arg;

	if (le64_get(w->d.generation) > newest)
		w->d.generation = le64_of(newest);
	if (le64_get(w->d.transid) > newest)
		w->d.transid = le64_of(newest);
}

/* What the names imply: none at all, and the file goes to lost+found. */
static int fix_links(struct filefix *f, struct root *root, const struct problem_at *p, struct err *err)
{
	struct problem_at one = *p;
	int ret;

	if (!p->want) {
		ret = name_rescue(f, root, p->ino, p->name, p->name_len, err);
		one.want = 1;
		if (ret)
			return ret;
	}
	ret = change(f, root, p->ino, set_nlink, &one, NULL, err);
	if (!ret)
		repair_say(f->r, "Fixed the nlink of inode %llu", p->ino);
	return ret;
}

static int add_orphan(struct filefix *f, struct root *root, const struct problem_at *p, struct err *err)
{
	struct key key = KEY(BTRFS_ORPHAN_OBJECTID, BTRFS_ORPHAN_ITEM_KEY, p->ino);
	int ret = tree_insert(&root->tree, &key, "", 0, err);

	if (!ret)
		repair_say(f->r, "Added inode %llu as orphan item root %llu", p->ino, root->tree.id);
	return ret == -EEXIST ? 0 : ret;
}

/* --- its extents --- */

static int fill_hole(struct filefix *f, struct root *root, const struct problem_at *p, struct err *err)
{
	struct disk_file_extent_item e = { .generation = le64_of(txn_id(f->txn)), .ram_bytes = le64_of(p->len), .type = BTRFS_FILE_EXTENT_REG,
					   .num_bytes = le64_of(p->len) };
	struct key key = KEY(p->ino, BTRFS_EXTENT_DATA_KEY, p->bytenr);
	int ret = p->len ? tree_insert(&root->tree, &key, &e, sizeof(e), err) : 0;

	if (!ret)
		repair_say(f->r, "Fixed discount file extents for inode: %llu in root: %llu", p->ino, root->tree.id);
	return ret;
}

static int drop_item(struct filefix *f, struct root *root, const struct problem_at *p, const char *what, struct err *err)
{
	int ret = tree_delete(&root->tree, &p->key, err);

	if (!ret)
		repair_say(f->r, "%s [%llu,%u,%llu] root %llu", what, p->key.objectid, p->key.type, p->key.offset, root->tree.id);
	return ret == -ENOENT ? 0 : ret;
}

/* Changes the file extent item at p->key in place. */
static int change_extent(struct root *root, const struct problem_at *p, void (*fn)(struct disk_file_extent_item *e, u32 size, void *arg), void *arg, struct err *err)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	int ret = tree_search_cow(&root->tree, &p->key, 0, &path, err);
	u8 *data;

	if (ret)
		return ret < 0 ? ret : 0;
	data = path_item(&path).size >= BTRFS_FILE_EXTENT_INLINE_DATA_START ? path_item_mut(&root->tree, &path, err) : NULL;
	if (data)
		fn((void *)data, path_item(&path).size, arg);
	return 0;
}

static void set_inline_ram(struct disk_file_extent_item *e, u32 size, void *arg) { e->ram_bytes = le64_of(size - BTRFS_FILE_EXTENT_INLINE_DATA_START); }
static void set_extent_generation(struct disk_file_extent_item *e, u32 size, void *arg) { e->generation = le64_of(*(u64 *)arg); }

/* The extent before the one at p->key is cut where that one begins. */
static int cut_overlap(struct filefix *f, struct root *root, const struct problem_at *p, struct err *err)
{
	struct key before = key_prev(p->key);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct file_extent_view v;
	struct item item;
	int ret = tree_lookup_le(&root->tree, &before, &path, &item, err);
	struct disk_file_extent_item e;
	struct key key;

	if (ret || item.key.objectid != p->ino || item.key.type != BTRFS_EXTENT_DATA_KEY || file_extent_parse(&item, &v) || item.size != sizeof(e))
		return ret == -ENOENT ? 0 : ret;
	memcpy(&e, item.data, sizeof(e));
	key = item.key;
	e.num_bytes = le64_of(p->key.offset - key.offset);
	path_fini(&path);
	ret = tree_put(&root->tree, &key, &e, sizeof(e), false, err);
	if (!ret)
		repair_say(f->r, "Cut file extent [%llu,%u,%llu] root %llu where the next one begins", key.objectid, key.type, key.offset, root->tree.id);
	return ret;
}

/* --- the root directory --- */

static int fix_top(struct filefix *f, struct root *root, struct err *err)
{
	struct winode w;
	int ret = winode_load(root, BTRFS_FIRST_FREE_OBJECTID, &w, err);

	if (ret == -ENOENT)
		return inode_make(f, root, BTRFS_FIRST_FREE_OBJECTID, S_IFDIR, err);
	if (ret)
		return ret;
	w.d.nlink = le32_of(1);
	w.d.mode = le32_of(S_IFDIR | (winode_mode(&w) & 07777));
	ret = inode_item_put(f->txn, &w, false, err);
	if (ret)
		return ret;
	ret = ref_add(f->txn, root, w.ino, w.ino, 0, "..", 2, err);
	if (ret && ret != -EEXIST)
		return ret;
	repair_say(f->r, "Repaired the root directory of root %llu", root->tree.id);
	return 0;
}

int inode_fix(struct filefix *f, struct root *root, const struct problem_at *p, struct err *err)
{
	u64 newest = le64_get(f->fs->sb->generation);
	u32 type;
	int ret;

	switch (p->id) {
	case PROBLEM_INODE_NO_ITEM:
		return inode_make(f, root, p->ino, inode_type(f, root, p->ino), err);
	case PROBLEM_INODE_NO_ORPHAN:
		return add_orphan(f, root, p, err);
	case PROBLEM_INODE_DIR_SIZE:
		repair_say(f->r, "reset isize for dir %llu root %llu", p->ino, root->tree.id);
		return change(f, root, p->ino, set_size, p, NULL, err);
	case PROBLEM_INODE_NBYTES:
		repair_say(f->r, "reset nbytes for ino %llu root %llu", p->ino, root->tree.id);
		return change(f, root, p->ino, set_nbytes, p, NULL, err);
	case PROBLEM_INODE_NLINK:
		return fix_links(f, root, p, err);
	case PROBLEM_INODE_DIR_NLINK:
		return change(f, root, p->ino, set_dir_nlink, p, NULL, err);
	case PROBLEM_INODE_FLAGS:
		return change(f, root, p->ino, set_flags, p, NULL, err);
	case PROBLEM_INODE_GENERATION:
		repair_say(f->r, "resetting inode generation/transid to %llu for ino %llu", newest, p->ino);
		return change(f, root, p->ino, set_generation, p, &newest, err);
	case PROBLEM_INODE_MODE:
	case PROBLEM_INODE_ODD_DIR_ITEM:
	case PROBLEM_INODE_ODD_EXTENT:
		type = inode_type(f, root, p->ino);
		repair_say(f->r, "reset mode for inode %llu root %llu", p->ino, root->tree.id);
		return change(f, root, p->ino, set_type, p, &type, err);
	case PROBLEM_INODE_ROOT_DIR:
	case PROBLEM_ROOT_DIR_MISSING:
		return fix_top(f, root, err);
	case PROBLEM_INODE_HOLE:
		return fill_hole(f, root, p, err);
	case PROBLEM_INODE_BAD_EXTENT:
	case PROBLEM_INODE_EXTENT_UNALIGNED:
		return drop_item(f, root, p, "delete file extent item", err);
	case PROBLEM_UNKNOWN_KEY:
	case PROBLEM_DIR_HASH:
	case PROBLEM_UNKNOWN_LOCATION:
	case PROBLEM_XATTR_BAD:
		return drop_item(f, root, p, "Deleting bad item", err);
	case PROBLEM_INODE_OVERLAP:
		return cut_overlap(f, root, p, err);
	case PROBLEM_INODE_INLINE_RAM:
		ret = change_extent(root, p, set_inline_ram, NULL, err);
		if (!ret)
			repair_say(f->r, "Repaired inline ram_bytes for root %llu ino %llu", root->tree.id, p->ino);
		return ret;
	case PROBLEM_FILE_EXTENT_GENERATION:
		ret = change_extent(root, p, set_extent_generation, &newest, err);
		if (!ret)
			repair_say(f->r, "Reset the generation of file extent [%llu,%u,%llu] root %llu", p->key.objectid, p->key.type, p->key.offset, root->tree.id);
		return ret;
	default:
		return 0;
	}
}
