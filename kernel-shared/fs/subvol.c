/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes as the root tree knows them: see subvol.h. */
#include "kernel-shared/fs/subvol.h"
#include "common/mem.h"
#include "kernel-shared/fs/inode.h"

#include <stdlib.h>

/* A partial open may have none. */
static int need_root_tree(const struct fs *fs, struct err *err)
{
	return fs->root_tree ? 0 : err_set(err, -EIO, "the root tree could not be read");
}

struct subvol_item subvol_item_of(const struct disk_root_item *i)
{
	struct subvol_item s = { .generation = i->generation, .flags = i->flags, .refs = i->refs, .ctransid = i->ctransid, .otransid = i->otransid,
		.stransid = i->stransid, .rtransid = i->rtransid, .ctime = i->ctime, .otime = i->otime, .stime = i->stime, .rtime = i->rtime };

	memcpy(s.uuid, i->uuid, sizeof(s.uuid));
	memcpy(s.parent_uuid, i->parent_uuid, sizeof(s.parent_uuid));
	memcpy(s.received_uuid, i->received_uuid, sizeof(s.received_uuid));
	return s;
}

static void take_root_item(struct subvol_info *s, const struct item *item)
{
	struct disk_root_item whole;

	s->id = item->key.objectid;
	s->key_offset = item->key.offset;
	root_item_parse(item, &whole); /* which knows the legacy form */
	s->item = subvol_item_of(&whole);
	s->deleted = !le32_get(s->item.refs);
}

static int take_backref(struct subvol_info *s, const struct item *item, struct err *err)
{
	struct root_ref_view ref;

	if (s->name || !root_ref_parse(item, &ref))
		return 0;
	s->name = mem_strndup((const char *)ref.name, ref.name_len);
	if (!s->name)
		return err_nomem(err);
	s->name_len = ref.name_len;
	s->parent = item->key.offset;
	s->dirid = ref.dirid;
	s->index = ref.sequence;
	return 0;
}

/* One item of the root tree; the ROOT_ITEMs of a subvolume come before its ROOT_BACKREF, the newest last. */
int subvol_list_item(struct subvol_list *out, const struct item *item, struct err *err)
{
	struct subvol_info *last = out->len ? &out->v[out->len - 1] : NULL;
	struct subvol_info fresh = { 0 };

	if (!is_fstree(item->key.objectid))
		return 0;
	if (last && last->id != item->key.objectid)
		last = NULL;
	if (item->key.type == BTRFS_ROOT_BACKREF_KEY)
		return last ? take_backref(last, item, err) : 0;
	if (item->key.type != BTRFS_ROOT_ITEM_KEY)
		return 0;
	if (!last) {
		if (vec_push(out, fresh))
			return err_nomem(err);
		last = &out->v[out->len - 1];
	}
	take_root_item(last, item);
	return 0;
}

static int list_all(struct fs *fs, struct subvol_list *out, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) =
		tree_range(&fs->root_tree->tree, KEY(BTRFS_FS_TREE_OBJECTID, 0, 0), KEY((1ULL << 48) - 1, 255, -1ULL));
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, err))) {
		ret = subvol_list_item(out, &item, err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

int subvol_list(struct fs *fs, struct subvol_list *out, struct err *err)
{
	int ret = need_root_tree(fs, err);

	*out = (struct subvol_list)VEC_INIT;
	if (!ret)
		ret = list_all(fs, out, err);
	if (!ret)
		return 0;
	subvol_list_fini(out);
	return err_wrap(err, ret, "cannot list the subvolumes");
}

void subvol_info_fini(struct subvol_info *i)
{
	free(i->name);
	i->name = NULL;
}

void subvol_list_fini(struct subvol_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		subvol_info_fini(&l->v[i]);
	vec_fini(l);
}

int subvol_link(struct fs *fs, u64 id, struct path *p, u64 *parent, struct root_ref_view *ref, struct err *err)
{
	struct key from = KEY(id, BTRFS_ROOT_BACKREF_KEY, 0);
	struct item item;
	int ret = need_root_tree(fs, err);

	if (!ret)
		ret = tree_lookup_ge(&fs->root_tree->tree, &from, p, &item, err);
	if (ret && ret != -ENOENT)
		return ret;
	if (ret || item.key.objectid != id || item.key.type != BTRFS_ROOT_BACKREF_KEY)
		return err_set(err, -ENOENT, "subvolume %llu hangs nowhere: it has no ROOT_BACKREF", id);
	if (!root_ref_parse(&item, ref))
		return err_set(err, -EUCLEAN, "ROOT_BACKREF of subvolume %llu is cut short", id);
	*parent = item.key.offset;
	return 0;
}

int subvol_info_get(struct fs *fs, u64 id, struct subvol_info *out, struct err *err)
{
	struct key last = KEY(id, BTRFS_ROOT_ITEM_KEY, -1ULL), backref = KEY(id, BTRFS_ROOT_BACKREF_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret;

	*out = (struct subvol_info){ 0 };
	if (!is_fstree(id))
		return err_set(err, -ENOENT, "%llu is no subvolume id", id);
	ret = need_root_tree(fs, err);
	if (ret)
		return ret;
	ret = tree_lookup_le(&fs->root_tree->tree, &last, &p, &item, err);
	if (ret == -ENOENT || (!ret && (item.key.objectid != id || item.key.type != BTRFS_ROOT_ITEM_KEY)))
		return err_set(err, -ENOENT, "there is no subvolume %llu", id);
	if (ret)
		return ret;
	take_root_item(out, &item);
	path_fini(&p);
	ret = tree_lookup_ge(&fs->root_tree->tree, &backref, &p, &item, err);
	if (!ret && item.key.objectid == id && item.key.type == BTRFS_ROOT_BACKREF_KEY)
		return take_backref(out, &item, err);
	return ret == -ENOENT ? 0 : ret;
}

static bool has_uuid(const struct subvol_info *s, const u8 uuid[16], bool received)
{
	return !s->deleted && !memcmp(received ? s->item.received_uuid : s->item.uuid, uuid, 16);
}

/* The candidates of the uuid tree. An entry may be stale, so the root item has the last word. */
static int by_uuid_tree(struct fs *fs, const u8 uuid[16], bool received, u64 *id, struct err *err)
{
	struct key key = KEY(get_le64(uuid), received ? BTRFS_UUID_KEY_RECEIVED_SUBVOL : BTRFS_UUID_KEY_SUBVOL, get_le64(uuid + 8));
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	bool found = false;
	int ret = tree_lookup(&fs->uuid_tree->tree, &key, &p, &item, err);

	for (u32 pos = 0; !ret && pos + 8 <= item.size; pos += 8) {
		u64 candidate = get_le64(item.data + pos);
		struct subvol_info s;

		ret = subvol_info_get(fs, candidate, &s, err);
		if (!ret && has_uuid(&s, uuid, received) && (!found || candidate < *id)) {
			*id = candidate;
			found = true;
		}
		subvol_info_fini(&s);
		if (ret == -ENOENT)
			ret = 0;
	}
	return ret ? ret : found ? 0 : -ENOENT;
}

int subvol_by_uuid(struct fs *fs, const u8 uuid[16], bool received, u64 *id, struct err *err)
{
	struct subvol_list list;
	size_t i;
	int ret;

	/* Whatever is wrong with the uuid tree: it is only the faster way. */
	if (fs->uuid_tree && !by_uuid_tree(fs, uuid, received, id, NULL))
		return 0;
	ret = subvol_list(fs, &list, err);
	if (ret)
		return ret;
	for (i = 0; i < list.len; i++)
		if (has_uuid(&list.v[i], uuid, received))
			break;
	if (i < list.len)
		*id = list.v[i].id;
	else
		ret = err_set(err, -ENOENT, "no subvolume has this %s", received ? "received uuid" : "uuid");
	subvol_list_fini(&list);
	return ret;
}
