/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commit's accounting: what each group refers to, and what it alone. Full quotas are counted from the trees as they will be committed; simple ones add up
 * the extents made and freed. Spec: on-disk-format 10.2, 10.3, 10.5. */
#include "kernel-shared/fs/quota.h"
#include "common/mem.h"

struct sums { u64 rfer, excl; };

struct account {
	struct txn *txn;
	struct fs *fs;
	struct qgroups groups;
	struct sums *sums;            /* by index of groups */
	u32 *members;                 /* of the set at hand, by index of groups */
	VEC(size_t) touched;
	struct hmap above;            /* subvolume -> 1 + where its list of groups starts in lists */
	VEC(size_t) lists;            /* each: how many, then indices of groups: its own and all above it, each once */
	bool *seen;
};

static int collect_above(struct account *a, struct qgroup *g)
{
	size_t at = g - a->groups.v;

	if (a->seen[at])
		return 0;
	a->seen[at] = true;
	if (vec_push(&a->lists, at))
		return -ENOMEM;
	for (size_t i = 0; i < g->parents.len; i++) {
		struct qgroup *p = qgroup_find(&a->groups, g->parents.v[i]);

		/* levels rise, so this ends */
		if (p && qgroup_level(p->id) > qgroup_level(g->id) && collect_above(a, p))
			return -ENOMEM;
	}
	return 0;
}

/* The groups that count a subvolume, with their number first; NULL: no memory. */
static const size_t *groups_of(struct account *a, u64 subvol)
{
	u64 *slot = hmap_put(&a->above, subvol, NULL);
	struct qgroup *g = qgroup_find(&a->groups, subvol);
	size_t first = a->lists.len;

	if (!slot)
		return NULL;
	if (*slot)
		return a->lists.v + *slot - 1;
	*slot = first + 1;
	if (vec_push(&a->lists, 0) || (g && collect_above(a, g)))
		return NULL;
	a->lists.v[first] = a->lists.len - first - 1;
	for (size_t i = first + 1; i < a->lists.len; i++)
		a->seen[a->lists.v[i]] = false;
	return a->lists.v + first;
}

/* One set of subvolumes and what they share. */
static int add_set(void *arg, const u64 *ids, size_t n, u64 bytes)
{
	struct account *a = arg;

	a->touched.len = 0;
	for (size_t i = 0; i < n; i++) {
		const size_t *list = groups_of(a, ids[i]);

		if (!list || vec_reserve(&a->touched, a->touched.len + list[0]))
			return -ENOMEM;
		for (size_t k = 1; k <= list[0]; k++)
			if (!a->members[list[k]]++)
				a->touched.v[a->touched.len++] = list[k];
	}
	for (size_t i = 0; i < a->touched.len; i++) {
		size_t g = a->touched.v[i];

		a->sums[g].rfer += bytes;
		a->sums[g].excl += a->members[g] == n ? bytes : 0;
		a->members[g] = 0;
	}
	return 0;
}

/* From what changed, if that is little and the numbers were right before; else all anew. */
static int account_full(struct account *a, struct err *err)
{
	struct root_sums *s;
	int ret = a->fs->change.recount ? -ERANGE : root_sums_changes(a->fs, &s, err);

	for (size_t i = 0; !ret && i < a->groups.len; i++)
		a->sums[i] = (struct sums){ a->groups.v[i].rfer, a->groups.v[i].excl };
	if (ret == -ERANGE)
		ret = root_sums_count(a->fs, &s, err);
	a->fs->change.recount = false;
	a->fs->change.touched.len = 0;
	hmap_fini(&a->fs->change.touched_at);
	if (ret)
		return ret;
	ret = root_sums_each(s, add_set, a) ? err_nomem(err) : 0;
	root_sums_free(s);
	return ret;
}

/* A group whose subvolume is gone, and to which nothing is charged any more, goes. */
static int maybe_over(struct account *a, u64 id, u64 bytes, struct err *err)
{
	struct root *root;
	int ret = bytes ? 0 : fs_subvol_root(a->fs, id, &root, NULL);

	return ret == -ENOENT && vec_push(&a->fs->change.dropped, id) ? err_nomem(err) : 0;
}

/* Groups of subvolumes by what was charged, those above by what is below. */
static int account_simple(struct account *a, struct err *err)
{
	for (size_t i = 0; i < a->groups.len; i++) {
		const struct qgroup *g = &a->groups.v[i];
		u64 *delta = hmap_get(&a->fs->change.charges, g->id), bytes = g->rfer;
		const size_t *list;

		if (qgroup_level(g->id))
			continue;
		/* what was charged before a group existed was never counted: it does not go below nothing */
		if (delta)
			bytes = (s64)*delta < 0 && bytes < -*delta ? 0 : bytes + *delta;
		list = groups_of(a, g->id);
		if (!list || (delta && maybe_over(a, g->id, bytes, err)))
			return err_nomem(err);
		for (size_t k = 1; k <= list[0]; k++)
			a->sums[list[k]].rfer = a->sums[list[k]].excl = a->sums[list[k]].rfer + bytes;
	}
	hmap_fini(&a->fs->change.charges);
	return 0;
}

static int info_write(struct account *a, size_t at, struct err *err)
{
	const struct qgroup *g = &a->groups.v[at];
	const struct sums *s = &a->sums[at];
	struct key key = KEY(0, BTRFS_QGROUP_INFO_KEY, g->id);
	struct disk_qgroup_info info = { le64_of(txn_id(a->txn)), le64_of(s->rfer), le64_of(s->rfer), le64_of(s->excl), le64_of(s->excl) };

	if (g->rfer == s->rfer && g->excl == s->excl)
		return 0;
	return tree_put(&a->fs->quota_tree->tree, &key, &info, sizeof(info), false, err);
}

/* Counted by us: whatever an interrupted rescan left is settled. */
static int status_write(struct account *a, bool exact, struct err *err)
{
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct disk_qgroup_status *s;
	u64 flags;
	int ret = tree_search_cow(&a->fs->quota_tree->tree, &key, 0, &p, err);

	if (ret)
		return ret < 0 ? ret : err_set(err, -EUCLEAN, "the quota tree has no status");
	s = (struct disk_qgroup_status *)path_item_mut(&a->fs->quota_tree->tree, &p, err);
	if (!s)
		return -ENOMEM;
	s->generation = le64_of(txn_id(a->txn));
	flags = le64_get(s->flags);
	if (exact) {
		s->flags = le64_of(flags & ~(BTRFS_QGROUP_STATUS_FLAG_INCONSISTENT | BTRFS_QGROUP_STATUS_FLAG_RESCAN));
		s->rescan = le64_of(0);
	}
	return 0;
}

/* Groups of dropped subvolumes, if nothing is charged to them. */
static int dropped_delete(struct account *a, struct err *err)
{
	struct fs_change *c = &a->fs->change;

	for (size_t i = 0; i < c->dropped.len; i++) {
		struct qgroup *g = qgroup_find(&a->groups, c->dropped.v[i]);
		int ret = g && !a->sums[g - a->groups.v].rfer ? quota_group_delete(a->txn, g->id, err) : 0;

		if (ret)
			return ret;
	}
	c->dropped.len = 0;
	return 0;
}

static int account(struct account *a, struct err *err)
{
	bool simple = a->fs->change.quota == QUOTA_SIMPLE;
	int ret = qgroups_read(a->fs, false, &a->groups, err);
	size_t n = a->groups.len ? a->groups.len : 1;

	if (ret)
		return ret;
	a->sums = mem_calloc(n, sizeof(*a->sums));
	a->members = mem_calloc(n, sizeof(*a->members));
	a->seen = mem_calloc(n, sizeof(*a->seen));
	if (!a->sums || !a->members || !a->seen)
		return err_nomem(err);
	ret = simple ? account_simple(a, err) : account_full(a, err);
	for (size_t i = 0; !ret && i < a->groups.len; i++)
		ret = info_write(a, i, err);
	if (!ret)
		ret = dropped_delete(a, err);
	return ret ? ret : status_write(a, !simple, err);
}

int quota_account(void *arg, struct txn *txn, bool *changed, struct err *err)
{
	struct fs *fs = arg;
	struct account a = { .txn = txn, .fs = fs };
	int ret;

	if (fs->change.quota == QUOTA_OFF)
		return 0;
	*changed = true;
	ret = account(&a, err);
	qgroups_fini(&a.groups);
	free(a.sums);
	free(a.members);
	free(a.seen);
	vec_fini(&a.touched);
	vec_fini(&a.lists);
	hmap_fini(&a.above);
	return ret ? err_wrap(err, ret, "cannot account quotas") : 0;
}

/* A tree block is charged to its header owner, whoever held it last. */
static int block_owner_read(struct fs *fs, u64 bytenr, u64 *owner, struct err *err)
{
	struct block_ref ref = { .bytenr = bytenr, .any_owner = true };
	struct node *n;
	int ret = node_get(&fs->store, &ref, &n, err);

	if (ret)
		return ret;
	*owner = node_owner(n);
	node_put(n);
	return 0;
}

int quota_charge(void *arg, const struct extent_event *e, struct err *err)
{
	struct fs *fs = arg;
	u64 owner = e->owner, *sum;
	int ret;

	if (fs->change.quota != QUOTA_SIMPLE || e->generation < fs->change.quota_since)
		return 0;
	if (e->tree && !e->born) {
		ret = block_owner_read(fs, e->bytenr, &owner, err);
		if (ret)
			return ret;
	}
	if (!is_fstree(owner))
		return 0;
	sum = hmap_put(&fs->change.charges, owner, NULL);
	if (!sum)
		return err_nomem(err);
	*sum += e->born ? e->len : -e->len;
	return 0;
}
