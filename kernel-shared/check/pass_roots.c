/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where subvolumes hang: root items, their references in both directions, the directory entries, orphan items, the default subvolume, the
 * UUID tree. Few enough for lookups. Spec: on-disk-format 4.6 to 4.9, 13.18; check.md 1.6. */
#include "kernel-shared/check/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "common/text.h"
#include "common/units.h"
#include "kernel-shared/fs/inode.h"
#include "kernel-shared/tree/salvage.h"

enum { LINK_NO_ITEM = 1, LINK_NO_INDEX = 2, LINK_INDEX = 0x40, LINK_NO_REF = 0x200, LINK_NO_BACKREF = 0x400, LINK_DUP_REF = 0x800, LINK_DUP_BACKREF = 0x1000 };

/* A place of a subvolume, as any of the items that make it say. */
struct link { u64 child, parent, dir, index; const u8 *name; u16 name_len; u16 refs, backrefs; bool item, entry_index, index_differs; u32 errors; };
struct subvol_rec { u64 id, offset; u32 refs; bool item, reached; struct disk_root_item ri; };

struct roots_pass {
	struct check *c;
	VEC(struct subvol_rec) subvols;  /* by id */
	VEC(struct link) links;
	VEC(u64) orphans;                /* ids with an orphan item */
	struct arena arena;
	u64 order;
};

/* --- reading the root tree --- */

static int note_subvol(struct roots_pass *p, const struct item *item)
{
	struct subvol_rec r = { .id = item->key.objectid, .offset = item->key.offset, .item = true };

	if (!is_fstree(r.id))
		return 0;
	root_item_parse(item, &r.ri);
	r.refs = le32_get(r.ri.refs);
	if (p->subvols.len && p->subvols.v[p->subvols.len - 1].id == r.id) {
		p->subvols.v[p->subvols.len - 1] = r; /* the newest counts */
		return 0;
	}
	return vec_push(&p->subvols, r);
}

static int note_link(struct roots_pass *p, const struct item *item)
{
	bool back = item->key.type == BTRFS_ROOT_BACKREF_KEY;
	struct link l = { .child = back ? item->key.objectid : item->key.offset, .parent = back ? item->key.offset : item->key.objectid,
			  .refs = !back, .backrefs = back };
	struct root_ref_view ref;

	if (!root_ref_parse(item, &ref))
		return 0;
	l.dir = ref.dirid;
	l.index = ref.sequence;
	l.name_len = ref.name_len;
	l.name = arena_dup(&p->arena, ref.name, ref.name_len ? ref.name_len : 1);
	return l.name ? vec_push(&p->links, l) : -ENOMEM;
}

static int read_root_tree(struct roots_pass *p, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&p->c->fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret, bad = 0;

	while (!bad && (ret = salvage_next(&s, &item, err)) >= 0) {
		if (ret)
			continue;
		if (item.key.type == BTRFS_ROOT_ITEM_KEY && item.key.objectid != BTRFS_TREE_RELOC_OBJECTID)
			bad = note_subvol(p, &item);
		else if (item.key.type == BTRFS_ROOT_REF_KEY || item.key.type == BTRFS_ROOT_BACKREF_KEY)
			bad = note_link(p, &item);
		else if (item.key.type == BTRFS_ORPHAN_ITEM_KEY && item.key.objectid == BTRFS_ORPHAN_OBJECTID)
			bad = vec_push(&p->orphans, item.key.offset);
	}
	if (bad)
		return err_nomem(err);
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

static struct subvol_rec *find_subvol(struct roots_pass *p, u64 id)
{
	size_t lo = 0, hi = p->subvols.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->subvols.v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->subvols.len && p->subvols.v[lo].id == id ? &p->subvols.v[lo] : NULL;
}

/* --- links --- */

static int cmp_u64(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

static int link_cmp(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int ret = cmp_u64(x->child, y->child);

	if (!ret)
		ret = cmp_u64(x->parent, y->parent);
	if (!ret)
		ret = cmp_u64(x->dir, y->dir);
	if (!ret)
		ret = memcmp(x->name, y->name, min_t(u16, x->name_len, y->name_len));
	if (!ret)
		ret = cmp_u64(x->name_len, y->name_len);
	return ret;
}

/* Both directions of one link become one. */
static void join_links(struct roots_pass *p)
{
	size_t n = 0;

	vec_sort(&p->links, link_cmp);
	for (size_t i = 0; i < p->links.len; i++) {
		struct link *l = &p->links.v[i];

		if (n && !link_cmp(l, &p->links.v[n - 1])) {
			struct link *to = &p->links.v[n - 1];

			to->refs += l->refs;
			to->backrefs += l->backrefs;
			if (!l->refs && !l->backrefs) {
				to->index = max_t(u64, to->index, l->index); /* a DIR_ITEM knows none */
				continue;
			}
			to->index_differs |= to->index != l->index;
		} else {
			p->links.v[n++] = *l;
		}
	}
	p->links.len = n;
}

static void look_in_directory(struct roots_pass *p, struct link *l)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(l->dir, BTRFS_DIR_INDEX_KEY, l->index);
	struct dir_entry_view e;
	struct dirent d;
	struct root *root;
	struct item item;
	u32 pos = 0;

	if (fs_subvol_root(p->c->fs, l->parent, &root, NULL))
		return;
	if (!dir_lookup(root, l->dir, l->name, l->name_len, &d, NULL))
		l->item = d.is_subvol && d.ino == l->child;
	if (!tree_lookup(&root->tree, &key, &path, &item, NULL) && dir_item_next(&item, &pos, &e))
		l->entry_index = e.location.type == BTRFS_ROOT_ITEM_KEY && e.location.objectid == l->child && e.name_len == l->name_len &&
				 !memcmp(e.name, l->name, l->name_len);
}

static void judge_link(struct roots_pass *p, struct link *l)
{
	const struct subvol_rec *parent = find_subvol(p, l->parent);

	if (parent && parent->item)
		look_in_directory(p, l);
	l->errors = (l->item ? 0 : LINK_NO_ITEM) | (l->entry_index ? 0 : LINK_NO_INDEX) | (l->refs ? 0 : LINK_NO_REF) | (l->backrefs ? 0 : LINK_NO_BACKREF) |
		    (l->refs > 1 ? LINK_DUP_REF : 0) | (l->backrefs > 1 ? LINK_DUP_BACKREF : 0) | (l->index_differs ? LINK_INDEX : 0);
}

/* --- entries that no reference explains --- */

/* Entries of a snapshot that lead to subvolumes of its source are no links. A snapshot is a root with an offset in its key, and its item says when it was made
 * (the offset may be the transaction before: snapshots that go on changing in the one that made them). */
static bool may_dangle(const struct subvol_rec *r, u64 transid)
{
	return r->offset && transid <= max_t(u64, r->offset, le64_get(r->ri.otransid));
}

static bool linked(const struct roots_pass *p, const struct link *l)
{
	for (size_t lo = 0, hi = p->links.len; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = link_cmp(&p->links.v[mid], l);

		if (!cmp)
			return true;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool entry_there(struct roots_pass *p, const struct subvol_entry *e, u64 parent)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(e->dir, e->index ? BTRFS_DIR_INDEX_KEY : BTRFS_DIR_ITEM_KEY, e->index ? e->index : hash_name(e->name, e->name_len));
	struct dir_entry_view v;
	struct root *root;
	struct item item;

	if (fs_subvol_root(p->c->fs, parent, &root, NULL) || tree_lookup(&root->tree, &key, &path, &item, NULL))
		return false;
	for (u32 pos = 0; dir_item_next(&item, &pos, &v);)
		if (v.location.type == BTRFS_ROOT_ITEM_KEY && v.location.objectid == e->child && v.name_len == e->name_len && !memcmp(v.name, e->name, v.name_len))
			return true;
	return false;
}

/* Does every tree that holds the entry have a reference for it? Told by weight, so that snapshots cost nothing. */
static bool explained(struct roots_pass *p, const struct subvol_entry *e)
{
	u64 weight = e->weight;

	for (size_t i = 0; i < p->c->trees.len; i++) {
		const struct ctree *t = &p->c->trees.v[i];
		struct link l = { .child = e->child, .parent = t->id, .dir = e->dir, .name = e->name, .name_len = e->name_len };

		if (t->weight && linked(p, &l) && entry_there(p, e, t->id))
			weight -= t->weight;
	}
	return !weight;
}

static int find_unexplained(struct roots_pass *p)
{
	size_t known = p->links.len;
	VEC(struct link) more = VEC_INIT;
	int ret = 0;

	for (size_t i = 0; !ret && i < p->c->subvol_entries.len; i++) {
		const struct subvol_entry *e = &p->c->subvol_entries.v[i];

		if (explained(p, e))
			continue;
		for (size_t k = 0; !ret && k < p->subvols.len; k++) {
			const struct subvol_rec *r = &p->subvols.v[k];
			struct link l = { .child = e->child, .parent = r->id, .dir = e->dir, .index = e->index, .name = e->name, .name_len = e->name_len };

			if (r->refs && !may_dangle(r, e->transid) && !linked(p, &l) && entry_there(p, e, r->id))
				ret = vec_push(&more, l);
		}
	}
	for (size_t i = 0; !ret && i < more.len; i++)
		ret = vec_push(&p->links, more.v[i]);
	vec_fini(&more);
	if (p->links.len > known)
		join_links(p);
	return ret;
}

/* --- telling --- */

static void tell_link(struct roots_pass *p, const struct link *l)
{
	static const struct { u32 bit; const char *text; } words[] = {
		{ LINK_NO_ITEM, "no dir item" }, { LINK_NO_INDEX, "no dir index" }, { LINK_INDEX, "index mismatch" }, { LINK_NO_REF, "no root ref" },
		{ LINK_NO_BACKREF, "no root backref" }, { LINK_DUP_REF, "dup root ref" }, { LINK_DUP_BACKREF, "dup root backref" },
	};
	char name[4 * BTRFS_NAME_LEN + 1], line[200] = "";
	struct where w = { .tree = l->child, .ino = l->dir, .parent = l->parent, .index = l->index, .name = l->name, .name_len = l->name_len, .order = p->order++ };
	size_t at = 0;

	*text_escape(name, l->name, min_t(u16, l->name_len, BTRFS_NAME_LEN)) = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (l->errors & words[i].bit)
			at += snprintf(line + at, sizeof(line) - at, ", %s", words[i].text);
	REPORT(p->c, CHECK_ROOT_REFS, ROOT_REF, w, l->parent, l->dir, l->index, (unsigned)l->name_len, name, l->errors, line);
	if (l->errors & LINK_NO_ITEM)
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_NO_DIR_ITEM, w, l->child);
	if (l->errors & LINK_NO_INDEX)
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_NO_DIR_INDEX, w, l->child);
	if (l->errors & LINK_NO_REF)
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_NO_REF, w, l->child, l->parent);
	if (l->errors & LINK_NO_BACKREF)
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_NO_BACKREF, w, l->child, l->parent);
	if (l->errors & (LINK_INDEX | LINK_DUP_REF | LINK_DUP_BACKREF))
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_REF_INDEX, w, l->child);
}

static bool has_orphan(const struct roots_pass *p, u64 id)
{
	for (size_t i = 0; i < p->orphans.len; i++)
		if (p->orphans.v[i] == id)
			return true;
	return false;
}

/* All of one subvolume number: its links l[0..n). */
static void judge_subvol(struct roots_pass *p, u64 id, const struct link *l, size_t n)
{
	struct subvol_rec *r = find_subvol(p, id);
	struct where w = { .tree = id, .key = KEY(id, BTRFS_ROOT_ITEM_KEY, 0) };
	bool wrong = false, lost;
	u32 found = 0;

	for (size_t i = 0; i < n; i++) {
		found += l[i].refs && l[i].item;
		wrong |= l[i].errors;
	}
	if (r && !r->refs) {
		w.order = p->order++;
		if (!has_orphan(p, id))
			REPORT(p->c, CHECK_ROOT_REFS, ROOT_NO_ORPHAN, w, id);
		return;
	}
	lost = r && id != BTRFS_FS_TREE_OBJECTID && (!found || !r->reached);
	if (!wrong && !lost && r) {
		w.order = p->order++;
		if (id != BTRFS_FS_TREE_OBJECTID && r->refs != found)
			REPORT(p->c, CHECK_ROOT_REFS, ROOT_REFS, w, id, found, r->refs);
		return;
	}
	w.order = p->order++;
	REPORT(p->c, CHECK_ROOT_REFS, ROOT_UNREACHED, w, id, found, r ? " " : " not found");
	if (!r)
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_NO_ITEM, w, id);
	else if (lost)
		REPORT(p->c, CHECK_ROOT_REFS, ROOT_LOST, w, id);
	for (size_t i = 0; i < n; i++)
		if (l[i].errors || !r)
			tell_link(p, &l[i]);
}

/* From the top level down; whoever is not met hangs nowhere or in a circle. */
static void mark_reached(struct roots_pass *p)
{
	struct subvol_rec *top = find_subvol(p, BTRFS_FS_TREE_OBJECTID);
	bool more = top;

	if (top)
		top->reached = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < p->links.len; i++) {
			const struct link *l = &p->links.v[i];
			struct subvol_rec *parent = find_subvol(p, l->parent), *child = find_subvol(p, l->child);

			if (parent && child && parent->reached && !child->reached && l->refs && l->item)
				more = child->reached = true;
		}
	}
}

static void judge_all(struct roots_pass *p)
{
	size_t at = 0;

	for (size_t i = 0; i < p->links.len; i++)
		judge_link(p, &p->links.v[i]);
	mark_reached(p);
	for (size_t k = 0; k < p->subvols.len || at < p->links.len;) {
		u64 id = k < p->subvols.len ? p->subvols.v[k].id : -1ULL;
		size_t end;

		if (at < p->links.len)
			id = min_t(u64, id, p->links.v[at].child);
		for (end = at; end < p->links.len && p->links.v[end].child == id; end++)
			;
		judge_subvol(p, id, end > at ? &p->links.v[at] : NULL, end - at);
		at = end;
		k += k < p->subvols.len && p->subvols.v[k].id == id;
	}
}

/* --- the default subvolume, the UUID tree --- */

static void check_default(struct roots_pass *p)
{
	static const char name[] = "default";
	struct where w = { .tree = BTRFS_ROOT_TREE_OBJECTID, .key = KEY(BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_DIR_ITEM_KEY, hash_name(name, 7)), .order = p->order++ };
	struct subvol_rec *r;
	struct dirent d;

	if (dir_lookup(p->c->fs->root_tree, BTRFS_ROOT_TREE_DIR_OBJECTID, name, 7, &d, NULL))
		return;
	r = d.is_subvol ? find_subvol(p, d.ino) : NULL;
	w.bytenr = d.ino;
	if (!d.is_subvol)
		REPORT(p->c, CHECK_ROOT_REFS, DEFAULT_SUBVOL, w, "it is no subvolume");
	else if (!r)
		REPORT(p->c, CHECK_ROOT_REFS, DEFAULT_SUBVOL, w, "it does not exist");
	else if (!r->refs)
		REPORT(p->c, CHECK_ROOT_REFS, DEFAULT_SUBVOL, w, "it is deleted");
}

static const u8 *uuid_of(const struct subvol_rec *r, u8 type)
{
	return type == BTRFS_UUID_KEY_SUBVOL ? r->ri.uuid : r->ri.received_uuid;
}

static bool uuid_listed(struct roots_pass *p, const u8 uuid[16], u8 type, u64 id)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(get_le64(uuid), type, get_le64(uuid + 8));
	struct item item;

	if (tree_lookup(&p->c->fs->uuid_tree->tree, &key, &path, &item, NULL))
		return false;
	for (u32 pos = 0; pos + 8 <= item.size; pos += 8)
		if (get_le64(item.data + pos) == id)
			return true;
	return false;
}

static void check_listed(struct roots_pass *p, const struct subvol_rec *r, u8 type)
{
	static const u8 nobody[16];
	const u8 *uuid = uuid_of(r, type);
	struct where w = { .tree = BTRFS_UUID_TREE_OBJECTID, .bytenr = r->id, .key = KEY(get_le64(uuid), type, get_le64(uuid + 8)), .order = p->order++ };

	if (r->refs && memcmp(uuid, nobody, sizeof(nobody)) && !uuid_listed(p, uuid, type, r->id))
		REPORT(p->c, CHECK_ROOT_REFS, UUID_ENTRY, w, r->id, type == BTRFS_UUID_KEY_SUBVOL ? "uuid" : "received uuid");
}

static void check_entry(struct roots_pass *p, const struct item *item, u64 id)
{
	struct subvol_rec *r = find_subvol(p, id);
	struct where w = { .tree = BTRFS_UUID_TREE_OBJECTID, .bytenr = id, .key = item->key, .order = p->order++ };
	char text[UUID_TEXT_MAX];
	u8 uuid[16];

	put_le64(uuid, item->key.objectid);
	put_le64(uuid + 8, item->key.offset);
	uuid_format(uuid, text);
	if (!r || !r->refs)
		REPORT(p->c, CHECK_ROOT_REFS, UUID_STALE, w, text, id, "does not exist");
	else if (memcmp(uuid_of(r, item->key.type), uuid, 16))
		REPORT(p->c, CHECK_ROOT_REFS, UUID_STALE, w, text, id, "has another uuid");
}

/* A uuid tree that is behind is made anew by the next mount: nothing is said of it. */
static int check_uuids(struct roots_pass *p, struct err *err)
{
	struct check *c = p->c;
	struct item item;
	int ret;

	if (!c->fs->uuid_tree || le64_get(c->fs->sb->uuid_tree_generation) != le64_get(c->fs->sb->generation))
		return 0;
	for (size_t i = 0; i < p->subvols.len; i++) {
		check_listed(p, &p->subvols.v[i], BTRFS_UUID_KEY_SUBVOL);
		check_listed(p, &p->subvols.v[i], BTRFS_UUID_KEY_RECEIVED_SUBVOL);
	}
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&c->fs->uuid_tree->tree, KEY_MIN, KEY_MAX);

	while ((ret = salvage_next(&s, &item, err)) >= 0)
		if (!ret && (item.key.type == BTRFS_UUID_KEY_SUBVOL || item.key.type == BTRFS_UUID_KEY_RECEIVED_SUBVOL))
			for (u32 pos = 0; pos + 8 <= item.size; pos += 8)
				check_entry(p, &item, get_le64(item.data + pos));
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

int pass_roots(struct check *c, struct err *err)
{
	struct roots_pass p = { .c = c, .order = 1 };
	struct err local = ERR_INIT;
	int ret;

	if (!c->fs->root_tree)
		return 0;
	arena_init(&p.arena);
	ret = read_root_tree(&p, &local);
	if (!ret) {
		join_links(&p);
		ret = find_unexplained(&p);
	}
	if (!ret) {
		judge_all(&p);
		check_default(&p);
		ret = check_uuids(&p, &local);
	}
	vec_fini(&p.subvols);
	vec_fini(&p.links);
	vec_fini(&p.orphans);
	arena_fini(&p.arena);
	if (ret && err)
		*err = local;
	return ret;
}
