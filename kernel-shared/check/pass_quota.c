/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quota groups counted anew. Full quotas need the true set of subvolumes that reach each extent: sets are known for each block, those of a
 * data extent are joined over all leaves that refer to it. Simple quotas charge each extent to whom it was made for. Spec: on-disk-format 10. */
#include "kernel-shared/check/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "kernel-shared/fs/qgroup.h"
#include "kernel-shared/tree/salvage.h"

/* A data extent as one leaf refers to it. */
struct shared_data { u8 bytenr[8]; u64 len; u32 set, pad; };

struct counts { u64 rfer, excl; };
struct quota_pass {
	struct check *c;
	struct qgroups groups;
	struct counts *ours;     /* one a group */
	u64 *tally;              /* members of the set at hand, one a group */
	VEC(size_t) ancestors;   /* of the group at hand, itself first */
};

/* --- while blocks go by --- */

/* When simple quotas began: what is older is nobody's. */
static void read_since(struct check *c)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	const struct disk_qgroup_status *d;
	struct item item;

	if (!tree_lookup(&c->fs->quota_tree->tree, &key, &path, &item, NULL) && (d = item_struct(&item, struct disk_qgroup_status)))
		c->quota.since = le64_get(d->enable_gen);
}

/* Sets of subvolumes are needed, for each data extent, too. */
static int count_sets(struct check *c, struct err *err)
{
	c->sets_of = SETS_SUBVOLS;
	c->quota.data = sortrun_new(c->env, sizeof(struct shared_data), sizeof(struct shared_data), c->memory / 8);
	return c->quota.data ? 0 : err_nomem(err);
}

int quota_begin(struct check *c, struct err *err)
{
	struct quota_state state;
	int ret;

	if (c->args->subvol_extents)
		return count_sets(c, err);
	ret = quota_state_read(c->fs, &state, err);

	if (ret == -ENOENT && c->fs->quota_tree) {
		c->quota.no_status = true;
		state = (struct quota_state){ .enabled = true, .simple = geo_incompat(c->geo, BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA) };
		ret = 0;
		err_clear(err);
	}
	if (ret == -ENOENT || (ret && ret != -ENOMEM && ret != -EINTR)) {
		err_clear(err);
		return 0;
	}
	if (ret || !state.enabled)
		return ret;
	c->quota.on = true;
	c->quota.simple = state.simple;
	c->quota.rescanning = state.rescanning;
	c->quota.inconsistent = state.inconsistent;
	if (state.rescanning || state.inconsistent)
		return 0;
	c->quota.counting = true;
	if (state.simple) {
		read_since(c);
		return 0;
	}
	return count_sets(c, err);
}

/* bytes more for set; under lock. */
static int add_bytes(struct check *c, u32 set, u64 bytes)
{
	while (c->quota.bytes.len <= set)
		if (vec_push(&c->quota.bytes, 0))
			return -ENOMEM;
	c->quota.bytes.v[set] += bytes;
	return 0;
}

static int charge(struct check *c, unsigned worker, u64 root, u64 bytes)
{
	u64 *sum = hmap_put(&c->workers[worker].charges, root, NULL);

	if (!sum)
		return -ENOMEM;
	*sum += bytes;
	return 0;
}

static int add_shared(struct check *c, unsigned worker, u64 bytenr, u64 len, u32 set)
{
	struct shared_data d = { .len = len, .set = set };

	put_be64(d.bytenr, bytenr);
	return sortrun_add(c->quota.data, &d, worker);
}

int quota_block(struct check *c, unsigned worker, const void *block, u32 set)
{
	int ret;

	if (c->args->subvol_extents)
		return set ? add_shared(c, worker, block_bytenr(block), c->geo->nodesize, set) : 0;
	if (!c->quota.counting || c->exact)
		return 0;
	if (c->quota.simple)
		return is_fstree(block_owner(block)) && block_generation(block) >= c->quota.since ? charge(c, worker, block_owner(block), c->geo->nodesize) : 0;
	if (!set)
		return 0;
	pthread_mutex_lock(&c->lock);
	ret = add_bytes(c, set, c->geo->nodesize);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

int quota_data(struct leaf_ctx *l, const struct file_extent_view *v)
{
	if (!l->c->quota.data || l->c->exact || !l->set)
		return 0;
	return add_shared(l->c, l->worker, v->disk_bytenr, v->disk_num_bytes, l->set);
}

int quota_extent(struct leaf_ctx *l, const struct item *item, const struct extent_view *v)
{
	struct extent_ref_view ref;
	u32 pos = v->refs_start;

	if (!l->c->quota.counting || !l->c->quota.simple || !v->is_data || v->generation < l->c->quota.since)
		return 0;
	while (extent_ref_next(item, &pos, &ref))
		if (ref.type == BTRFS_EXTENT_OWNER_REF_KEY)
			return charge(l->c, l->worker, ref.root, v->len);
	return 0;
}

/* --- adding up --- */

/* fn gets each extent with all that reach it. */
static int each_extent(struct check *c, int (*fn)(struct check *c, u64 bytenr, u32 set, u64 len), struct err *err)
{
	const struct shared_data *d;
	u64 bytenr = 0, len = 0;
	u32 set = 0;
	int ret = sortrun_finish(c->quota.data, err);

	while (!ret) {
		d = sortrun_next(c->quota.data, err);
		if (!d && err->code)
			return err->code;
		if (set && (!d || get_be64(d->bytenr) != bytenr)) {
			ret = fn(c, bytenr, set, len);
			set = 0;
		}
		if (!d)
			break;
		bytenr = get_be64(d->bytenr);
		len = d->len;
		set = rootset_union(&c->sets, set, d->set);
		if (!ret && !set)
			ret = err_nomem(err);
	}
	return ret;
}

static int add_extent(struct check *c, u64 bytenr, u32 set, u64 len)
{
	(void)bytenr;
	return add_bytes(c, set, len);
}

static int show_extent(struct check *c, u64 bytenr, u32 set, u64 len)
{
	const struct rootset *r = &c->sets.sets.v[set];
	u64 *ids = mem_alloc(r->n, sizeof(*ids));
	bool ours = false;
	int ret = 0;

	if (!ids)
		return -ENOMEM;
	for (u32 i = 0; i < r->n; i++) {
		ids[i] = c->trees.v[r->v[i]].id;
		ours |= ids[i] == c->args->subvol_extents;
	}
	if (ours)
		ret = c->ops->extent(c->ops->arg, bytenr, len, ids, r->n);
	free(ids);
	return ret;
}

int list_extents(struct check *c, struct err *err)
{
	struct err local = ERR_INIT;
	int ret = each_extent(c, show_extent, &local);

	if (ret && err)
		*err = local;
	return ret;
}

static size_t group_index(struct quota_pass *p, u64 id)
{
	struct qgroup *g = qgroup_find(&p->groups, id);

	return g ? (size_t)(g - p->groups.v) : p->groups.len;
}

/* The group and all above it, each once. */
static int find_ancestors(struct quota_pass *p, size_t group)
{
	p->ancestors.len = 0;
	if (vec_push(&p->ancestors, group))
		return -ENOMEM;
	for (size_t i = 0; i < p->ancestors.len; i++) {
		const struct qgroup *g = &p->groups.v[p->ancestors.v[i]];

		for (size_t k = 0; k < g->parents.len; k++) {
			size_t up = group_index(p, g->parents.v[k]), seen = 0;

			while (seen < p->ancestors.len && p->ancestors.v[seen] != up)
				seen++;
			if (up < p->groups.len && seen == p->ancestors.len && vec_push(&p->ancestors, up))
				return -ENOMEM;
		}
	}
	return 0;
}

/* Once up: how many of the set are below each group; then its share; then back to nothing. */
static int each_ancestor(struct quota_pass *p, const struct rootset *set, void (*fn)(struct quota_pass *p, size_t group, u32 n, u64 bytes), u64 bytes)
{
	for (u32 i = 0; i < set->n; i++) {
		size_t group = group_index(p, p->c->trees.v[set->v[i]].id);

		if (group == p->groups.len)
			continue;
		if (find_ancestors(p, group))
			return -ENOMEM;
		for (size_t k = 0; k < p->ancestors.len; k++)
			fn(p, p->ancestors.v[k], set->n, bytes);
	}
	return 0;
}

static void count_member(struct quota_pass *p, size_t group, u32 n, u64 bytes)
{
	(void)n;
	(void)bytes;
	p->tally[group]++;
}

static void take_share(struct quota_pass *p, size_t group, u32 n, u64 bytes)
{
	if (!p->tally[group])
		return;
	p->ours[group].rfer += bytes;
	if (p->tally[group] == n)
		p->ours[group].excl += bytes;
	p->tally[group] = 0;
}

static int sum_full(struct quota_pass *p, struct err *err)
{
	struct check *c = p->c;
	int ret = each_extent(c, add_extent, err);

	for (size_t i = 1; !ret && i < c->quota.bytes.len; i++) {
		const struct rootset *set = &c->sets.sets.v[i];

		if (!c->quota.bytes.v[i])
			continue;
		ret = each_ancestor(p, set, count_member, 0);
		if (!ret)
			ret = each_ancestor(p, set, take_share, c->quota.bytes.v[i]);
	}
	return ret == -ENOMEM ? err_nomem(err) : ret;
}

static int sum_simple(struct quota_pass *p, struct err *err)
{
	for (unsigned w = 0; w < p->c->nworkers; w++) {
		size_t pos = 0;
		u64 root, bytes;

		while (hmap_next(&p->c->workers[w].charges, &pos, &root, &bytes)) {
			size_t group = group_index(p, root);

			if (group == p->groups.len)
				continue;
			if (find_ancestors(p, group))
				return err_nomem(err);
			for (size_t k = 0; k < p->ancestors.len; k++) {
				p->ours[p->ancestors.v[k]].rfer += bytes;
				p->ours[p->ancestors.v[k]].excl += bytes;
			}
		}
	}
	return 0;
}

/* --- telling --- */

static size_t put_kind(char *to, size_t size, const char *kind, u64 ours, u64 disk)
{
	size_t n = snprintf(to, size, "\nour:\t\t%s %llu %s compressed %llu\ndisk:\t\t%s %llu %s compressed %llu", kind, ours, kind, ours, kind, disk, kind, disk);

	if (ours != disk)
		n += snprintf(to + n, size - n, "\ndiff:\t\t%s %lld %s compressed %lld", kind, (s64)(ours - disk), kind, (s64)(ours - disk));
	return n;
}

static void tell_group(struct quota_pass *p, size_t i)
{
	const struct qgroup *g = &p->groups.v[i];
	const struct counts *o = &p->ours[i];
	bool differs = o->rfer != g->rfer || o->excl != g->excl;
	struct where w = { .tree = BTRFS_QUOTA_TREE_OBJECTID, .key = KEY(0, BTRFS_QGROUP_INFO_KEY, g->id), .have = g->rfer, .want = o->rfer,
			   .bytenr = o->excl, .order = i + 1 };
	char text[768];
	size_t n = snprintf(text, sizeof(text), "Counts for qgroup id: %u/%llu %s", qgroup_level(g->id), qgroup_subid(g->id), differs ? "are different" : "");
	struct root *root;

	if (!p->c->args->qgroup_report) {
		if (!differs)
			return;
		/* what is left of a subvolume that is gone is nobody's business */
		if (!qgroup_level(g->id) && fs_subvol_root(p->c->fs, qgroup_subid(g->id), &root, NULL))
			return;
	}
	n += put_kind(text + n, sizeof(text) - n, "referenced", o->rfer, g->rfer);
	put_kind(text + n, sizeof(text) - n, "exclusive", o->excl, g->excl);
	if (differs)
		REPORT(p->c, CHECK_QUOTA, QGROUP_COUNTS, w, text);
	else
		REPORT(p->c, CHECK_QUOTA, QGROUP_STATE, w, text);
}

/* --- the items themselves --- */

/* A relation is two items, and leads to groups that exist. */
static const char *relation_doubt(struct quota_pass *p, const struct key *k)
{
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct key back = KEY(k->offset, BTRFS_QGROUP_RELATION_KEY, k->objectid);
	struct item item;

	if (tree_lookup(&p->c->fs->quota_tree->tree, &back, &path, &item, NULL))
		return "the other half of a relation is missing";
	if (!qgroup_find(&p->groups, k->objectid) || !qgroup_find(&p->groups, k->offset))
		return "it is related to a group that does not exist";
	if (qgroup_level(k->objectid) == qgroup_level(k->offset))
		return "it is related to a group of the same level";
	return NULL;
}

static const char *item_doubt(struct quota_pass *p, const struct item *item)
{
	const struct key *k = &item->key;

	switch (k->type) {
	case BTRFS_QGROUP_RELATION_KEY:
		return relation_doubt(p, k);
	case BTRFS_QGROUP_STATUS_KEY:
		return k->objectid || k->offset ? "a status item has another key than it must have" : NULL;
	case BTRFS_QGROUP_INFO_KEY:
		return k->objectid ? "a usage item has another key than it must have" : NULL;
	case BTRFS_QGROUP_LIMIT_KEY:
		return k->objectid ? "a limit item has another key than it must have" : !qgroup_find(&p->groups, k->offset) ? "it has limits but no usage" : NULL;
	default:
		return "an item of a kind that quota trees do not have";
	}
}

static int check_items(struct quota_pass *p, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&p->c->fs->quota_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		const char *doubt = ret ? NULL : item_doubt(p, &item);
		u64 id = ret || item.key.type != BTRFS_QGROUP_RELATION_KEY ? item.key.offset : item.key.objectid;
		struct where w = { .tree = BTRFS_QUOTA_TREE_OBJECTID, .key = item.key, .order = p->groups.len + 1 };

		if (doubt)
			REPORT(p->c, CHECK_QUOTA, QGROUP_ITEM, w, qgroup_level(id), qgroup_subid(id), doubt);
	}
	if (ret != -ENOENT)
		return ret;
	err_clear(err);
	return 0;
}

int pass_quota(struct check *c, struct err *err)
{
	struct quota_pass p = { .c = c };
	struct where w = { .tree = BTRFS_QUOTA_TREE_OBJECTID }, status = { .tree = w.tree, .key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0) };
	struct err local = ERR_INIT;
	int ret;

	if (c->quota.rescanning)
		REPORT(c, CHECK_QUOTA, QGROUP_STATE, w, "Qgroup rescan is running, qgroups will not be printed.");
	else if (c->quota.inconsistent)
		REPORT(c, CHECK_QUOTA, QGROUP_STATE, w, "Rescan hasn't been initialzied, a difference in qgroup accounting is expected");
	if (c->quota.no_status)
		REPORT(c, CHECK_QUOTA, QGROUP_ITEM, status, 0U, 0ULL, "the status item is missing");
	if (!c->quota.counting)
		return 0;
	ret = qgroups_read(c->fs, false, &p.groups, &local);
	p.ours = mem_calloc(p.groups.len + 1, sizeof(*p.ours));
	p.tally = mem_calloc(p.groups.len + 1, sizeof(*p.tally));
	if (!ret && (!p.ours || !p.tally))
		ret = err_nomem(&local);
	if (!ret)
		ret = c->quota.simple ? sum_simple(&p, &local) : sum_full(&p, &local);
	for (size_t i = 0; !ret && i < p.groups.len; i++)
		tell_group(&p, i);
	if (!ret && !c->args->qgroup_report)
		ret = check_items(&p, &local);
	free(p.ours);
	free(p.tally);
	vec_fini(&p.ancestors);
	qgroups_fini(&p.groups);
	if (ret && ret != -ENOMEM && ret != -EINTR) {
		REPORT(c, CHECK_QUOTA, QGROUP_ITEM, w, 0U, 0ULL, err_text(&local));
		ret = 0;
	}
	if (ret && err)
		*err = local;
	return ret;
}

void quota_end(struct check *c)
{
	sortrun_free(c->quota.data);
	vec_fini(&c->quota.bytes);
	for (unsigned i = 0; c->workers && i < c->nworkers; i++)
		hmap_fini(&c->workers[i].charges);
}
