/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the quota tree. */
#include "kernel-shared/fs/qgroup.h"
#include "common/mem.h"

int quota_state_read(struct fs *fs, struct quota_state *state, struct err *err)
{
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret;

	*state = (struct quota_state){ 0 };
	if (!fs->quota_tree)
		return -ENOENT;
	ret = tree_lookup(&fs->quota_tree->tree, &key, &path, &item, err);
	return ret ? ret : quota_state_parse(&item, state, err);
}

int quota_state_parse(const struct item *item, struct quota_state *state, struct err *err)
{
	const struct disk_qgroup_status *s;
	u64 flags;

	if (item->size < offsetof(struct disk_qgroup_status, enable_gen))
		return err_set(err, -EUCLEAN, "the quota status item is %u bytes long", item->size);
	s = (const struct disk_qgroup_status *)item->data;
	flags = le64_get(s->flags);
	state->enabled = flags & BTRFS_QGROUP_STATUS_FLAG_ON;
	state->simple = flags & BTRFS_QGROUP_STATUS_FLAG_SIMPLE_MODE;
	state->inconsistent = flags & BTRFS_QGROUP_STATUS_FLAG_INCONSISTENT;
	state->rescanning = flags & BTRFS_QGROUP_STATUS_FLAG_RESCAN;
	state->rescan_progress = le64_get(s->rescan);
	state->generation = le64_get(s->generation);
	return state->enabled ? 0 : -ENOENT;
}

void qgroups_fini(struct qgroups *q)
{
	for (size_t i = 0; i < q->len; i++) {
		vec_fini(&q->v[i].parents);
		vec_fini(&q->v[i].children);
		free(q->v[i].path);
	}
	vec_fini(q);
}

struct qgroup *qgroup_find(const struct qgroups *q, u64 id)
{
	size_t lo = 0, hi = q->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (q->v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < q->len && q->v[lo].id == id ? &q->v[lo] : NULL;
}

/* Each relation is recorded from both sides; the lower id is the member. */
static int take_relation(struct qgroups *q, const struct key *key)
{
	struct qgroup *g = qgroup_find(q, key->objectid);

	if (!g || !qgroup_find(q, key->offset))
		return 0;
	return key->objectid < key->offset ? vec_push(&g->parents, key->offset) : vec_push(&g->children, key->offset);
}

int qgroups_take_item(struct qgroups *q, const struct item *item)
{
	struct qgroup *g;

	if (item->key.type == BTRFS_QGROUP_INFO_KEY && item->size >= sizeof(struct disk_qgroup_info)) {
		const struct disk_qgroup_info *info = (const struct disk_qgroup_info *)item->data;

		return vec_push(q, ((struct qgroup){ .id = item->key.offset, .rfer = le64_get(info->rfer), .excl = le64_get(info->excl) }));
	}
	if (item->key.type == BTRFS_QGROUP_LIMIT_KEY && item->size >= sizeof(struct disk_qgroup_limit)) {
		const struct disk_qgroup_limit *limit = (const struct disk_qgroup_limit *)item->data;

		g = qgroup_find(q, item->key.offset);
		if (g) {
			g->limits = le64_get(limit->flags);
			g->max_rfer = le64_get(limit->max_rfer);
			g->max_excl = le64_get(limit->max_excl);
		}
	}
	return item->key.type == BTRFS_QGROUP_RELATION_KEY ? take_relation(q, &item->key) : 0;
}

static int read_groups(struct fs *fs, struct qgroups *q, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->quota_tree->tree, KEY(0, BTRFS_QGROUP_INFO_KEY, 0), KEY_MAX);
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, err)) == 0)
		if (qgroups_take_item(q, &item))
			return err_nomem(err);
	return ret == -ENOENT ? 0 : ret;
}

static int find_subject(struct fs *fs, bool simple, struct qgroup *g, struct err *err)
{
	struct subvol_info info;
	struct strbuf sb = STRBUF_INIT;
	int ret;

	if (qgroup_level(g->id)) {
		g->subject = QGROUP_GROUP;
		return 0;
	}
	if (g->id == BTRFS_FS_TREE_OBJECTID) {
		g->subject = QGROUP_TOPLEVEL;
		return 0;
	}
	ret = subvol_info_get(fs, g->id, &info, err);
	if (ret == -ENOENT) {
		err_clear(err);
		g->subject = simple && g->rfer ? QGROUP_SPACE_HOLDER : QGROUP_STALE;
		return 0;
	}
	if (ret)
		return ret;
	g->subject = info.deleted ? QGROUP_UNDER_DELETION : QGROUP_SUBVOL;
	if (!info.deleted) {
		ret = subvol_path(fs, g->id, &sb, err);
		if (ret == -ENOENT) {
			err_clear(err);
			g->subject = QGROUP_UNDER_DELETION;
			ret = 0;
		} else if (!ret) {
			g->path = mem_strdup(sb_str(&sb));
			ret = g->path ? 0 : err_nomem(err);
		}
	}
	subvol_info_fini(&info);
	sb_fini(&sb);
	return ret;
}

int qgroups_read(struct fs *fs, bool with_paths, struct qgroups *out, struct err *err)
{
	struct quota_state state;
	/* the groups alone can be had without a status, too */
	int ret = with_paths ? quota_state_read(fs, &state, err) : fs->quota_tree ? 0 : -ENOENT;

	*out = (struct qgroups)VEC_INIT;
	if (ret)
		return ret;
	ret = read_groups(fs, out, err);
	for (size_t i = 0; !ret && with_paths && i < out->len; i++)
		ret = find_subject(fs, state.simple, &out->v[i], err);
	if (ret)
		qgroups_fini(out);
	return ret;
}
