/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: an entry by hash, an entry by index and a reference back say the same thing. Where one is missing or says otherwise, the name is taken out and put
 * in again as most of the three have it. What no name leads to goes to lost+found. Spec: check.md 1.6, phase 5. */
#include "kernel-shared/check/repair_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"
#include "common/text.h"
#include "kernel-shared/tree/modify.h"

/* All that speaks of one name in one directory. */
struct name_state {
	u64 dir;
	const u8 *name;
	u16 len;
	struct key item, index;       /* locations, type 0: none */
	u8 item_type, index_type;
	u64 at;                       /* of the index */
	u64 ref_ino, ref_index;       /* an inode that has a reference with this name; 0: none */
	unsigned items;
};

static int entry_in(struct root *root, const struct key *key, const struct name_state *s, struct key *location, u8 *type, unsigned *count, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	struct item item;
	u32 pos = 0;
	int ret = tree_lookup(&root->tree, key, &p, &item, err);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	while (dir_item_next(&item, &pos, &e))
		if (e.name_len == s->len && !memcmp(e.name, s->name, s->len)) {
			*location = e.location;
			*type = e.type;
			++*count;
		}
	return 0;
}

/* A reference of ino to this name: its index. */
struct ref_ask { const struct name_state *s; u64 index; bool found; };

static int is_ref(void *arg, const struct inode_ref_view *ref)
{
	struct ref_ask *a = arg;

	if (ref->parent != a->s->dir || ref->name_len != a->s->len || memcmp(ref->name, a->s->name, a->s->len))
		return 0;
	a->index = ref->index;
	a->found = true;
	return 1;
}

static int find_ref(struct root *root, u64 ino, struct name_state *s, struct err *err)
{
	struct ref_ask a = { s, 0, false };
	int ret = ino ? inode_refs(root, ino, is_ref, &a, err) : 0;

	if (a.found) {
		s->ref_ino = ino;
		s->ref_index = a.index;
	}
	return ret < 0 ? ret : 0;
}

static int look_index(struct root *root, u64 index, struct name_state *s, struct err *err)
{
	struct key key = KEY(s->dir, BTRFS_DIR_INDEX_KEY, index), location;
	unsigned n = 0;
	int ret = index && !s->index.type ? entry_in(root, &key, s, &location, &s->index_type, &n, err) : 0;

	if (n) {
		s->index = location;
		s->at = index;
	}
	return ret;
}

/* By name, through the whole directory: what the index says of itself cannot be trusted. */
static int search_index(struct root *root, struct name_state *s, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&root->tree, KEY(s->dir, BTRFS_DIR_INDEX_KEY, 0), KEY(s->dir, BTRFS_DIR_INDEX_KEY, -1ULL));
	struct dir_entry_view e;
	struct item item;
	int ret = 0;

	while (!s->index.type && !(ret = tree_next(&it, &item, err))) {
		u32 pos = 0;

		if (dir_item_next(&item, &pos, &e) && e.name_len == s->len && !memcmp(e.name, s->name, s->len)) {
			s->index = e.location;
			s->index_type = e.type;
			s->at = item.key.offset;
			return 0;
		}
	}
	return ret == -ENOENT ? 0 : ret;
}

static int look(struct root *root, u64 ino, u64 index, struct name_state *s, struct err *err)
{
	struct key key = KEY(s->dir, BTRFS_DIR_ITEM_KEY, hash_name(s->name, s->len));
	int ret = entry_in(root, &key, s, &s->item, &s->item_type, &s->items, err);

	if (!ret)
		ret = find_ref(root, ino, s, err);
	if (!ret && !s->ref_ino && s->item.type == BTRFS_INODE_ITEM_KEY && s->item.objectid != ino)
		ret = find_ref(root, s->item.objectid, s, err);
	if (!ret)
		ret = look_index(root, s->ref_ino ? s->ref_index : 0, s, err);
	if (!ret)
		ret = look_index(root, index, s, err);
	if (!ret && s->items && !s->index.type)
		ret = search_index(root, s, err);
	if (!ret && !s->ref_ino && s->index.type == BTRFS_INODE_ITEM_KEY)
		ret = find_ref(root, s->index.objectid, s, err);
	return ret;
}

/* --- taking out, putting in --- */

/* This name out of one item of a directory; the item goes when it was the last. */
static int cut_entry(struct root *root, const struct key *key, const struct name_state *s, struct err *err)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct dir_entry_view e;
	u32 pos = 0, left = 0;
	struct item item;
	int ret = tree_lookup(&root->tree, key, &p, &item, err);
	u8 *rest;

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	rest = mem_alloc(item.size, 1);
	if (!rest)
		return err_nomem(err);
	for (u32 at = 0; dir_item_next(&item, &pos, &e); at = pos)
		if (e.name_len != s->len || memcmp(e.name, s->name, s->len)) {
			memcpy(rest + left, item.data + at, pos - at);
			left += pos - at;
		}
	path_fini(&p);
	if (left != item.size)
		ret = left ? tree_put(&root->tree, key, rest, left, false, err) : tree_delete(&root->tree, key, err);
	free(rest);
	return ret;
}

static int take_out(struct filefix *f, struct root *root, const struct name_state *s, struct err *err)
{
	struct key by_hash = KEY(s->dir, BTRFS_DIR_ITEM_KEY, hash_name(s->name, s->len)), by_index = KEY(s->dir, BTRFS_DIR_INDEX_KEY, s->at);
	u64 index;
	int ret = s->items ? cut_entry(root, &by_hash, s, err) : 0;

	if (!ret && s->index.type)
		ret = cut_entry(root, &by_index, s, err);
	if (!ret && s->ref_ino)
		ret = ref_remove(f->txn, root, s->ref_ino, s->dir, s->name, s->len, &index, err);
	return ret;
}

static bool index_taken(struct root *root, u64 dir, u64 index)
{
	struct key key = KEY(dir, BTRFS_DIR_INDEX_KEY, index);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct err ignored = ERR_INIT;
	struct item item;

	return !tree_lookup(&root->tree, &key, &p, &item, &ignored);
}

static u8 ft_of(u32 mode)
{
	for (u8 ft = BTRFS_FT_REG_FILE; ft < BTRFS_FT_XATTR; ft++)
		if (inode_mode_of_ft(ft) == (mode & S_IFMT))
			return ft;
	return BTRFS_FT_REG_FILE;
}

static bool inode_exists(struct root *root, u64 ino, struct inode *out)
{
	struct err ignored = ERR_INIT;

	return !inode_get(root, ino, out, &ignored);
}

static int put_in(struct filefix *f, struct root *root, const struct name_state *s, u64 ino, u64 index, u8 type, struct err *err)
{
	struct key location = KEY(ino, BTRFS_INODE_ITEM_KEY, 0);
	int ret;

	if (index < 2 || index_taken(root, s->dir, index))
		ret = entry_add(f->txn, root, s->dir, s->name, s->len, &location, type, &index, err);
	else
		ret = entry_add_at(f->txn, root, s->dir, s->name, s->len, &location, type, index, err);
	return ret ? ret : ref_add(f->txn, root, ino, s->dir, index, s->name, s->len, err);
}

/* Whom most of the three mean; an inode that exists before one that does not. */
static u64 elect(struct root *root, const struct name_state *s)
{
	const u64 votes[] = { s->item.type == BTRFS_INODE_ITEM_KEY ? s->item.objectid : 0, s->index.type == BTRFS_INODE_ITEM_KEY ? s->index.objectid : 0, s->ref_ino };
	u64 best = 0;
	unsigned most = 0;

	for (unsigned i = 0; i < 3; i++) {
		unsigned n = 0;
		struct inode inode;

		for (unsigned k = 0; k < 3; k++)
			n += votes[k] == votes[i];
		if (!votes[i])
			continue;
		n = n * 2 + inode_exists(root, votes[i], &inode);
		if (n > most) {
			most = n;
			best = votes[i];
		}
	}
	return best;
}

static void tell(struct filefix *f, const struct root *root, const struct name_state *s, u64 ino, u64 index)
{
	char name[4 * BTRFS_NAME_LEN + 1];

	*text_escape(name, s->name, s->len) = 0;
	if (!s->ref_ino && s->items && s->index.type)
		repair_say(f->r, "Added INODE_REF for root %llu ino %llu parent %llu index %llu name %s", root->tree.id, ino, s->dir, index, name);
	else if (!s->index.type && s->items)
		repair_say(f->r, "repairing missing dir index item for inode %llu", ino);
	else if (!s->items && !s->index.type)
		repair_say(f->r, "adding missing dir index/item pair for inode %llu", ino);
	else
		repair_say(f->r, "Repaired name %s of inode %llu in directory %llu of root %llu", name, ino, s->dir, root->tree.id);
}

/* A directory that is only named by what was in it. */
static int need_dir(struct filefix *f, struct root *root, u64 dir, struct err *err)
{
	struct inode inode;
	int ret;

	if (inode_exists(root, dir, &inode))
		return inode_is(&inode, S_IFDIR) ? 0 : err_set(err, -ENOTDIR, "inode %llu of root %llu is no directory", dir, root->tree.id);
	ret = inode_make(f, root, dir, S_IFDIR, err);
	return ret || dir == BTRFS_FIRST_FREE_OBJECTID ? ret : name_rescue(f, root, dir, NULL, 0, err);
}

static int count_ref(void *arg, const struct inode_ref_view *ref)
{
	++*(u64 *)arg;
	return 0;
}

/* An index that nothing else speaks of, of an inode whose other names are all there; or one where no directory can be. */
static bool is_nonsense(struct root *root, const struct name_state *s)
{
	struct err ignored = ERR_INIT;
	struct inode inode;
	u64 refs = 0;

	if (s->dir < BTRFS_FIRST_FREE_OBJECTID || s->dir > BTRFS_LAST_FREE_OBJECTID)
		return true;
	return !s->items && !s->ref_ino && s->index.type && inode_exists(root, s->index.objectid, &inode) &&
	       inode_refs(root, s->index.objectid, count_ref, &refs, &ignored) >= 0 && refs >= inode.nlink;
}

int name_settle(struct filefix *f, struct root *root, u64 dir, u64 ino, u64 index, const u8 *name, u16 len, struct err *err)
{
	struct name_state s = { .dir = dir, .name = name, .len = len };
	struct inode inode;
	u64 who;
	u8 type;
	int ret = look(root, ino, index, &s, err);

	/* names of subvolumes have references elsewhere */
	if (ret || s.item.type == BTRFS_ROOT_ITEM_KEY || s.index.type == BTRFS_ROOT_ITEM_KEY)
		return ret;
	who = elect(root, &s);
	type = s.items ? s.item_type : s.index_type;
	if (!who)
		return 0;
	ret = take_out(f, root, &s, err);
	if (!ret && is_nonsense(root, &s)) {
		repair_say(f->r, "Deleting bad dir index [%llu,%u,%llu] root %llu", dir, BTRFS_DIR_INDEX_KEY, s.at, root->tree.id);
		return 0;
	}
	if (!ret && !inode_exists(root, who, &inode)) {
		/* a directory may still have what was in it; a file without anything is no more */
		if ((!s.items && !s.index.type) || s.ref_ino || type == BTRFS_FT_DIR)
			ret = inode_make(f, root, who, type == BTRFS_FT_DIR ? S_IFDIR : inode_type(f, root, who), err);
		else {
			repair_say(f->r, "Deleting bad dir index [%llu,%u,%llu] root %llu", dir, BTRFS_DIR_INDEX_KEY, s.at, root->tree.id);
			return 0;
		}
		if (!ret && !inode_exists(root, who, &inode))
			return 0;
	}
	if (!ret)
		ret = need_dir(f, root, dir, err);
	index = s.index.type ? s.at : s.ref_index;
	if (!ret)
		ret = put_in(f, root, &s, who, index, ft_of(inode.mode), err);
	if (!ret)
		tell(f, root, &s, who, index);
	return ret;
}

/* --- subvolumes: the references lie in the root tree --- */

static int drop_root_refs(struct filefix *f, u64 parent, u64 child, struct err *err)
{
	struct tree *t = &f->fs->root_tree->tree;
	const struct key keys[] = { KEY(parent, BTRFS_ROOT_REF_KEY, child), KEY(child, BTRFS_ROOT_BACKREF_KEY, parent) };
	int ret = 0;

	for (unsigned i = 0; !ret && i < 2; i++) {
		ret = tree_delete(t, &keys[i], err);
		if (ret == -ENOENT)
			ret = 0;
	}
	return ret;
}

int subvol_name_settle(struct filefix *f, u64 parent, u64 dir, u64 child, u64 index, const u8 *name, u16 len, bool alone, struct err *err)
{
	struct name_state s = { .dir = dir, .name = name, .len = len };
	struct root *root = fix_root_of(f->fs, parent), *sub = fix_root_of(f->fs, child);
	struct key location = KEY(child, BTRFS_ROOT_ITEM_KEY, -1ULL);
	int ret;

	if (!root) {
		repair_say(f->r, "Deleted the references of subvolume %llu to root %llu, which does not exist", child, parent);
		return drop_root_refs(f, parent, child, err);
	}
	ret = look(root, 0, index, &s, err);
	if (ret || (s.item.type && s.item.type != BTRFS_ROOT_ITEM_KEY) || (s.index.type && s.index.type != BTRFS_ROOT_ITEM_KEY))
		return ret == -ENOENT ? 0 : ret;
	/* a reference alone, where another name has an entry, is that name gone wrong */
	if (!alone && !s.items && !s.index.type)
		return 0;
	ret = take_out(f, root, &s, err);
	if (!ret)
		ret = drop_root_refs(f, parent, child, err);
	if (ret || !sub) {
		repair_say(f->r, "Deleted the entry of subvolume %llu, which does not exist, from directory %llu of root %llu", child, dir, parent);
		return ret;
	}
	ret = need_dir(f, root, dir, err);
	index = s.index.type ? s.at : index;
	if (!ret && (index < 2 || index_taken(root, dir, index)))
		ret = entry_add(f->txn, root, dir, name, len, &location, BTRFS_FT_DIR, &index, err);
	else if (!ret)
		ret = entry_add_at(f->txn, root, dir, name, len, &location, BTRFS_FT_DIR, index, err);
	if (!ret)
		ret = root_ref_add(f->txn, parent, child, dir, index, name, len, err);
	if (!ret)
		repair_say(f->r, "Repaired the name of subvolume %llu in directory %llu of root %llu", child, dir, parent);
	return ret;
}

/* --- lost+found --- */

static int lost_and_found(struct filefix *f, struct root *root, u64 *dir, struct err *err)
{
	static const char name[] = "lost+found";
	struct name_state s = { .dir = BTRFS_FIRST_FREE_OBJECTID, .name = (const u8 *)name, .len = sizeof(name) - 1 };
	struct dirent d;
	struct inode inode;
	int ret;

	if (!inode_exists(root, BTRFS_FIRST_FREE_OBJECTID, &inode)) {
		ret = inode_make(f, root, BTRFS_FIRST_FREE_OBJECTID, S_IFDIR, err);
		if (ret)
			return ret;
	}
	ret = dir_lookup(root, s.dir, name, s.len, &d, err);
	if (!ret && !d.is_subvol && inode_exists(root, d.ino, &inode) && inode_is(&inode, S_IFDIR)) {
		*dir = d.ino;
		return 0;
	}
	if (ret && ret != -ENOENT)
		return ret;
	ret = inode_next(root, dir, err);
	if (!ret)
		ret = inode_make(f, root, *dir, S_IFDIR, err);
	return ret ? ret : put_in(f, root, &s, *dir, 0, BTRFS_FT_DIR, err);
}

int name_rescue(struct filefix *f, struct root *root, u64 ino, const u8 *name, u16 len, struct err *err)
{
	char number[64], shown[4 * BTRFS_NAME_LEN + 1];
	u8 chosen[BTRFS_NAME_LEN + 1];
	struct name_state s = { .name = chosen };
	struct inode inode;
	struct dirent d;
	u64 dir;
	int ret;

	if (!inode_exists(root, ino, &inode) || ino == BTRFS_FIRST_FREE_OBJECTID)
		return 0;
	snprintf(number, sizeof(number), "%llu", ino);
	if (!len) {
		repair_say(f->r, "Can't get file name for inode %llu, using '%llu' as fallback", ino, ino);
		name = (const u8 *)number;
		len = strlen(number);
	}
	ret = lost_and_found(f, root, &dir, err);
	s.dir = dir;
	s.len = min_t(u16, len, BTRFS_NAME_LEN);
	memcpy(chosen, name, s.len);
	if (!ret && !(ret = dir_lookup(root, dir, chosen, s.len, &d, err))) {
		int n = snprintf(number, sizeof(number), ".%llu", ino);

		s.len = min_t(u16, s.len, BTRFS_NAME_LEN - n);
		memcpy(chosen + s.len, number, n);
		s.len += n;
		ret = -ENOENT;
	}
	if (ret != -ENOENT)
		return ret;
	ret = put_in(f, root, &s, ino, 0, ft_of(inode.mode), err);
	*text_escape(shown, s.name, s.len) = 0;
	if (!ret)
		repair_say(f->r, "Moving file '%s' to 'lost+found' dir since it has no valid backref", shown);
	return ret;
}

int subvol_rescue(struct filefix *f, u64 id, struct err *err)
{
	struct root *top = f->fs->fs_tree;
	char name[64];
	u64 dir;
	int ret = top ? lost_and_found(f, top, &dir, err) : -ENOENT;

	snprintf(name, sizeof(name), "subvolume.%llu", id);
	return ret ? ret : subvol_name_settle(f, BTRFS_FS_TREE_OBJECTID, dir, id, 0, (const u8 *)name, strlen(name), true, err);
}
