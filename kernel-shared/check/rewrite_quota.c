/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quota tree made anew from what of it makes sense: a status, usage and limits of each group, both halves of each relation. Spec: on-disk-format 10. */
#include "kernel-shared/check/rewrite.h"

#include <stdlib.h>
#include "kernel-shared/fs/qgroup.h"

struct quota_items { struct rewrite *w; struct mended_items old, out; struct hmap infos, limits, related, subvols; };

static bool simple(const struct quota_items *q)
{
	return geo_incompat(q->w->fs->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA);
}

static int note(struct hmap *map, u64 id)
{
	return hmap_put(map, id, NULL) ? 0 : -ENOMEM;
}

static int note_item(struct quota_items *q, const struct mended_item *it)
{
	switch (it->key.type) {
	case BTRFS_QGROUP_INFO_KEY: return !it->key.objectid && it->size == sizeof(struct disk_qgroup_info) ? note(&q->infos, it->key.offset) : 0;
	case BTRFS_QGROUP_LIMIT_KEY: return !it->key.objectid && it->size == sizeof(struct disk_qgroup_limit) ? note(&q->limits, it->key.offset) : 0;
	case BTRFS_QGROUP_RELATION_KEY: return note(&q->related, it->key.objectid) || note(&q->related, it->key.offset) ? -ENOMEM : 0;
	default: return 0;
	}
}

/* A group is what has both usage and limits, or one of them and a reason to be. */
static bool is_group(const struct quota_items *q, u64 id)
{
	bool info = hmap_get(&q->infos, id), limit = hmap_get(&q->limits, id);

	return (info && limit) || hmap_get(&q->subvols, id) || ((info || limit) && hmap_get(&q->related, id));
}

static int put(struct quota_items *q, struct key key, const void *data, u32 size)
{
	u8 *own = arena_alloc(&q->w->m.arena, size + 1);

	if (!own)
		return -ENOMEM;
	if (data)
		memcpy(own, data, size);
	else
		memset(own, 0, size);
	return vec_push(&q->out, ((struct mended_item){ key, own, size }));
}

static int put_status(struct quota_items *q)
{
	struct disk_qgroup_status s = { .version = le64_of(1), .generation = le64_of(q->w->m.transid), .flags = le64_of(BTRFS_QGROUP_STATUS_FLAG_ON),
					/* since when simple ones charge is lost: since ever */
					.enable_gen = le64_of(1) };
	u32 size = offsetof(struct disk_qgroup_status, enable_gen);

	for (size_t i = 0; i < q->old.len; i++) {
		const struct mended_item *it = &q->old.v[i];

		if (it->key.type == BTRFS_QGROUP_STATUS_KEY && it->size >= size && it->size <= sizeof(s) && (!it->key.objectid || !it->key.offset)) {
			memcpy(&s, it->data, it->size);
			s.version = le64_of(1);
			/* where there is a quota tree, quotas are on */
			s.flags = le64_of((le64_get(s.flags) & BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE) | BTRFS_QGROUP_STATUS_FLAG_ON);
			break;
		}
	}
	if (simple(q)) {
		s.flags = le64_of(le64_get(s.flags) | BTRFS_QGROUP_STATUS_FLAG_ON | BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE);
		size = sizeof(s);
	}
	return put(q, KEY(0, BTRFS_QGROUP_STATUS_KEY, 0), &s, size);
}

/* Usage as the check counted it, where it did. */
static void set_counts(struct quota_items *q, u64 id, struct disk_qgroup_info *info)
{
	const struct problems_at *found = &q->w->r->found;

	for (size_t i = 0; i < found->len; i++)
		if (found->v[i].id == PROBLEM_QGROUP_COUNTS && found->v[i].key.offset == id) {
			info->rfer = info->rfer_cmpr = le64_of(found->v[i].want);
			info->excl = info->excl_cmpr = le64_of(found->v[i].bytenr);
			repair_say(q->w->r, "Repair qgroup %u/%llu", qgroup_level(id), qgroup_subid(id));
		}
}

static const struct mended_item *find(const struct quota_items *q, struct key key, u32 size)
{
	for (size_t i = 0; i < q->old.len; i++)
		if (key_eq(&q->old.v[i].key, &key) && q->old.v[i].size == size)
			return &q->old.v[i];
	return NULL;
}

static int put_group(struct quota_items *q, u64 id)
{
	struct key ikey = KEY(0, BTRFS_QGROUP_INFO_KEY, id), lkey = KEY(0, BTRFS_QGROUP_LIMIT_KEY, id);
	const struct mended_item *i = find(q, ikey, sizeof(struct disk_qgroup_info)), *l = find(q, lkey, sizeof(struct disk_qgroup_limit));
	struct disk_qgroup_info info = { .generation = le64_of(q->w->m.transid) };

	if (i)
		memcpy(&info, i->data, sizeof(info));
	if (!i || !l)
		repair_say(q->w->r, "Made the missing %s of qgroup %u/%llu", i ? "limits" : "usage", qgroup_level(id), qgroup_subid(id));
	set_counts(q, id, &info);
	return put(q, ikey, &info, sizeof(info)) || put(q, lkey, l ? l->data : NULL, sizeof(struct disk_qgroup_limit)) ? -ENOMEM : 0;
}

static int put_relation(struct quota_items *q, const struct key *k)
{
	struct key back = KEY(k->offset, BTRFS_QGROUP_RELATION_KEY, k->objectid);

	if (!is_group(q, k->objectid) || !is_group(q, k->offset) || qgroup_level(k->objectid) == qgroup_level(k->offset))
		return 0;
	return put(q, *k, NULL, 0) || put(q, back, NULL, 0) ? -ENOMEM : 0;
}

static int by_id(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static int put_groups(struct quota_items *q)
{
	struct { u64 *v; size_t len, cap; } ids = { 0 };
	int ret = 0;

	for (size_t i = 0; !ret && i < q->old.len; i++)
		if (q->old.v[i].key.type == BTRFS_QGROUP_INFO_KEY || q->old.v[i].key.type == BTRFS_QGROUP_LIMIT_KEY)
			ret = vec_push(&ids, q->old.v[i].key.offset);
	for (size_t i = 0; !ret && i < q->w->s->trees.len; i++)
		if (hmap_get(&q->subvols, q->w->s->trees.v[i].id))
			ret = vec_push(&ids, q->w->s->trees.v[i].id);
	vec_sort(&ids, by_id);
	for (size_t i = 0; !ret && i < ids.len; i++)
		if ((!i || ids.v[i] != ids.v[i - 1]) && is_group(q, ids.v[i]))
			ret = put_group(q, ids.v[i]);
	free(ids.v);
	return ret;
}

static int make_items(struct quota_items *q)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < q->w->s->trees.len; i++) {
		const struct ctree *t = &q->w->s->trees.v[i];

		if (t->kind == TREE_SUBVOL && is_fstree(t->id) && t->refs)
			ret = note(&q->subvols, t->id);
	}
	for (size_t i = 0; !ret && i < q->old.len; i++)
		ret = note_item(q, &q->old.v[i]);
	if (!ret)
		ret = put_status(q);
	if (!ret)
		ret = put_groups(q);
	for (size_t i = 0; !ret && i < q->old.len; i++)
		if (q->old.v[i].key.type == BTRFS_QGROUP_RELATION_KEY)
			ret = put_relation(q, &q->old.v[i].key);
	return ret;
}

int rewrite_quota(struct rewrite *w, const struct ctree *t, struct root_change *out, struct err *err)
{
	struct place p = { .tree = t->id, .bound = KEY_MAX, .bytenr = t->bytenr, .generation = t->generation, .level = t->level };
	struct quota_items q = { .w = w };
	int ret = rewrite_tree_collect(w, &p, &q.old, err);

	if (!ret && make_items(&q))
		ret = err_nomem(err);
	if (!ret)
		ret = rewrite_pack(w, t->id, &q.out, out, err);
	if (!ret)
		repair_say(w->r, "The quota tree was made anew");
	vec_fini(&q.old);
	vec_fini(&q.out);
	hmap_fini(&q.infos);
	hmap_fini(&q.limits);
	hmap_fini(&q.related);
	hmap_fini(&q.subvols);
	return ret;
}
