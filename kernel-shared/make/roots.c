/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root tree, and the trees that are small and depend on it. Spec: on-disk-format 3.11, 4.2, 10. */
#include "common/units.h"
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

#define DEFAULT_NAME "default"
#define DIR_MODE 040755

void make_dir_inode(const struct maker *m, struct disk_inode_item *out)
{
	*out = (struct disk_inode_item){
		.generation = le64_of(MAKE_TRANSID), .transid = le64_of(MAKE_TRANSID), .nbytes = le64_of(m->p.nodesize), .nlink = le32_of(1),
		.mode = le32_of(DIR_MODE), .atime = m->now, .ctime = m->now, .mtime = m->now, .otime = m->now,
	};
}

static int add_dot_dot(item_sink *sink, void *arg, u64 ino, struct err *err)
{
	struct key key = KEY(ino, BTRFS_INODE_REF_KEY, ino);
	u8 ref[sizeof(struct disk_inode_ref) + 2] = { 0 };

	put_le16(ref + 8, 2);
	memcpy(ref + sizeof(struct disk_inode_ref), "..", 2);
	return sink(arg, &key, ref, sizeof(ref), err);
}

static int load_sink(void *arg, const struct key *key, const void *data, u32 size, struct err *err)
{
	return load_add(arg, key, data, size, err);
}

int make_empty_dir(struct maker *m, struct make_load *l, struct err *err)
{
	struct key key = KEY(BTRFS_FIRST_FREE_OBJECTID, BTRFS_INODE_ITEM_KEY, 0);
	struct disk_inode_item inode;
	int ret;

	make_dir_inode(m, &inode);
	ret = load_add(l, &key, &inode, sizeof(inode), err);
	return ret ? ret : add_dot_dot(load_sink, l, BTRFS_FIRST_FREE_OBJECTID, err);
}

/* ---- small trees ---- */

static int by_uuid(const void *x, const void *y)
{
	const struct make_tree *a = *(struct make_tree *const *)x, *b = *(struct make_tree *const *)y;
	struct key ka = KEY(get_le64(a->uuid), 0, get_le64(a->uuid + 8)), kb = KEY(get_le64(b->uuid), 0, get_le64(b->uuid + 8));

	return key_cmp(&ka, &kb);
}

static int uuid_tree(struct maker *m, struct make_load *l, struct err *err)
{
	VEC(const struct make_tree *) subs = VEC_INIT;
	int ret = 0;

	for (size_t i = 0; i < m->trees.len && !ret; i++)
		if (is_fstree(m->trees.v[i].id))
			ret = vec_push(&subs, &m->trees.v[i]);
	vec_sort(&subs, by_uuid);
	for (size_t i = 0; i < subs.len && !ret; i++) {
		struct key key = KEY(get_le64(subs.v[i]->uuid), BTRFS_UUID_KEY_SUBVOL, get_le64(subs.v[i]->uuid + 8));
		le64 id = le64_of(subs.v[i]->id);

		ret = load_add(l, &key, &id, sizeof(id), err);
	}
	vec_fini(&subs);
	return ret == -ENOMEM ? err_nomem(err) : ret;
}

static int by_id(const void *x, const void *y)
{
	const struct make_tree *a = x, *b = y;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int quota_tree(struct maker *m, struct make_load *l, struct err *err)
{
	struct disk_qgroup_status status = { .version = le64_of(1), .generation = le64_of(MAKE_TRANSID),
		.flags = le64_of(BTRFS_QGROUP_STATUS_FLAG_ON | (m->p.squota ? BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE : 0)),
		.enable_gen = le64_of(m->p.squota ? MAKE_TRANSID : 0) };
	struct disk_qgroup_limit limit = { .flags = le64_of(0) };
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	/* enable_gen belongs to simple quota alone */
	int ret = load_add(l, &key, &status, m->p.squota ? sizeof(status) : offsetof(struct disk_qgroup_status, enable_gen), err);

	vec_sort(&m->trees, by_id);
	for (size_t i = 0; i < m->trees.len && !ret; i++) {
		const struct make_tree *t = &m->trees.v[i];
		le64 bytes = le64_of(t->blocks * m->p.nodesize + t->data_bytes);
		struct disk_qgroup_info info = { .generation = le64_of(MAKE_TRANSID), .rfer = bytes, .rfer_cmpr = bytes, .excl = bytes, .excl_cmpr = bytes };

		key = KEY(0, BTRFS_QGROUP_INFO_KEY, t->id);
		if (is_fstree(t->id))
			ret = load_add(l, &key, &info, sizeof(info), err);
	}
	for (size_t i = 0; i < m->trees.len && !ret; i++) {
		key = KEY(0, BTRFS_QGROUP_LIMIT_KEY, m->trees.v[i].id);
		if (is_fstree(m->trees.v[i].id))
			ret = load_add(l, &key, &limit, sizeof(limit), err);
	}
	return ret;
}

static int small_tree(struct maker *m, u64 id, int (*fill)(struct maker *m, struct make_load *l, struct err *err), struct err *err)
{
	struct make_load *l;
	int ret = load_begin(m, id, &l, err);

	if (ret)
		return ret;
	ret = fill ? fill(m, l, err) : 0;
	if (!ret)
		return load_end(l, NULL, err);
	load_drop(l);
	return ret;
}

int roots_small_trees(struct maker *m, struct err *err)
{
	int ret = 0;

	if (!make_tree_find(m, BTRFS_FS_TREE_OBJECTID)) {
		ret = small_tree(m, BTRFS_FS_TREE_OBJECTID, make_empty_dir, err);
		if (!ret)
			env_uuid(m->env, make_tree_find(m, BTRFS_FS_TREE_OBJECTID)->uuid);
	}
	if (!ret && !make_tree_find(m, BTRFS_CSUM_TREE_OBJECTID))
		ret = small_tree(m, BTRFS_CSUM_TREE_OBJECTID, NULL, err);
	if (!ret)
		ret = small_tree(m, BTRFS_DATA_RELOC_TREE_OBJECTID, make_empty_dir, err);
	if (!ret)
		ret = small_tree(m, BTRFS_UUID_TREE_OBJECTID, uuid_tree, err);
	if (!ret && (m->p.quota || m->p.squota))
		ret = small_tree(m, BTRFS_QUOTA_TREE_OBJECTID, quota_tree, err);
	return ret;
}

/* ---- the root tree ---- */

static int add_root_item(struct maker *m, const struct make_tree *t, item_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(t->id, BTRFS_ROOT_ITEM_KEY, 0);
	bool sub = is_fstree(t->id);
	struct disk_root_item r = {
		.generation = le64_of(MAKE_TRANSID), .generation_v2 = le64_of(MAKE_TRANSID), .refs = le32_of(1), .bytenr = le64_of(t->bytenr),
		.level = t->level, .bytes_used = le64_of(t->blocks * m->p.nodesize), .flags = le64_of(t->flags),
	};

	if (sub || t->id == BTRFS_DATA_RELOC_TREE_OBJECTID) {
		r.root_dirid = le64_of(BTRFS_FIRST_FREE_OBJECTID);
		r.inode = (struct disk_inode_item){ .generation = le64_of(1), .size = le64_of(3), .nlink = le32_of(1), .nbytes = le64_of(m->p.nodesize),
			.mode = le32_of(DIR_MODE), .flags = le64_of(sub ? BTRFS_INODE_ROOT_ITEM_INIT : 0) };
	}
	if (sub) {
		memcpy(r.uuid, t->uuid, sizeof(r.uuid));
		r.ctransid = r.otransid = le64_of(MAKE_TRANSID);
		r.ctime = r.otime = m->now;
	}
	return sink(arg, &key, &r, sizeof(r), err);
}

static int add_root_ref(u64 from, u8 type, u64 to, const struct make_tree *t, item_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(from, type, to);
	u8 buf[sizeof(struct disk_root_ref) + BTRFS_NAME_LEN];
	struct disk_root_ref *r = (struct disk_root_ref *)buf;
	size_t len = strlen(t->name);

	r->dirid = le64_of(t->dirid);
	r->sequence = le64_of(t->index);
	r->name_len = le16_of(len);
	memcpy(r->name, t->name, len);
	return sink(arg, &key, buf, sizeof(*r) + len, err);
}

/* The directory whose entry "default" names the default subvolume. */
static int add_root_dir(struct maker *m, item_sink *sink, void *arg, struct err *err)
{
	u8 buf[sizeof(struct disk_dir_item) + sizeof(DEFAULT_NAME) - 1];
	struct disk_dir_item *d = (struct disk_dir_item *)buf;
	struct key key = KEY(BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_INODE_ITEM_KEY, 0);
	u64 id = m->default_subvol ? m->default_subvol : BTRFS_FS_TREE_OBJECTID;
	struct disk_inode_item inode;
	int ret;

	make_dir_inode(m, &inode);
	ret = sink(arg, &key, &inode, sizeof(inode), err);
	if (!ret)
		ret = add_dot_dot(sink, arg, BTRFS_ROOT_TREE_DIR_OBJECTID, err);
	*d = (struct disk_dir_item){ .location = key_disk(KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL)), .name_len = le16_of(sizeof(DEFAULT_NAME) - 1), .type = BTRFS_FT_DIR };
	memcpy(d->name, DEFAULT_NAME, sizeof(DEFAULT_NAME) - 1);
	key = KEY(BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_DIR_ITEM_KEY, hash_name(DEFAULT_NAME, sizeof(DEFAULT_NAME) - 1));
	return ret ? ret : sink(arg, &key, buf, sizeof(buf), err);
}

static int add_default_ref(item_sink *sink, void *arg, struct err *err)
{
	struct key key = KEY(BTRFS_FS_TREE_OBJECTID, BTRFS_INODE_REF_KEY, BTRFS_ROOT_TREE_DIR_OBJECTID);
	u8 ref[sizeof(struct disk_inode_ref) + sizeof(DEFAULT_NAME) - 1] = { 0 };

	put_le16(ref + 8, sizeof(DEFAULT_NAME) - 1);
	memcpy(ref + sizeof(struct disk_inode_ref), DEFAULT_NAME, sizeof(DEFAULT_NAME) - 1);
	return sink(arg, &key, ref, sizeof(ref), err);
}

static int add_subvol_refs(struct maker *m, const struct make_tree *t, item_sink *sink, void *arg, struct err *err)
{
	int ret = t->parent ? add_root_ref(t->id, BTRFS_ROOT_BACKREF_KEY, t->parent, t, sink, arg, err) : 0;

	for (size_t i = 0; i < m->trees.len && !ret; i++)
		if (m->trees.v[i].parent == t->id)
			ret = add_root_ref(t->id, BTRFS_ROOT_REF_KEY, m->trees.v[i].id, &m->trees.v[i], sink, arg, err);
	return ret;
}

int roots_items(struct maker *m, item_sink *sink, void *arg, struct err *err)
{
	bool dir_done = false;
	int ret = 0;

	vec_sort(&m->trees, by_id);
	for (size_t i = 0; i < m->trees.len && !ret; i++) {
		const struct make_tree *t = &m->trees.v[i];

		if (t->id == BTRFS_ROOT_TREE_OBJECTID || t->id == BTRFS_CHUNK_TREE_OBJECTID)
			continue;
		if (t->id > BTRFS_ROOT_TREE_DIR_OBJECTID && !dir_done) {
			dir_done = true;
			ret = add_root_dir(m, sink, arg, err);
		}
		if (!ret && t->id == BTRFS_FS_TREE_OBJECTID)
			ret = add_default_ref(sink, arg, err);
		if (!ret)
			ret = add_root_item(m, t, sink, arg, err);
		if (!ret && is_fstree(t->id))
			ret = add_subvol_refs(m, t, sink, arg, err);
	}
	return ret;
}
