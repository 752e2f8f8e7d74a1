/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/quota.h"

#include <errno.h>
#include "common/mem.h"
#include "kernel-shared/kapi/search.h"

int mounted_quota_state(int fd, struct quota_state *state, struct err *err)
{
	struct key key = KEY(0, BTRFS_QGROUP_STATUS_KEY, 0);
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_QUOTA_TREE_OBJECTID, key, key);
	struct item item;
	int ret = ksearch_next(&s, &item, err);

	*state = (struct quota_state){ 0 };
	return ret ? ret : quota_state_parse(&item, state, err);
}

int mounted_qgroups(int fd, struct qgroups *out, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_QUOTA_TREE_OBJECTID, KEY(0, BTRFS_QGROUP_INFO_KEY, 0), KEY_MAX);
	struct quota_state state;
	struct item item;
	int ret = mounted_quota_state(fd, &state, err);

	*out = (struct qgroups)VEC_INIT;
	while (!ret && !(ret = ksearch_next(&s, &item, err)))
		if (qgroups_take_item(out, &item))
			ret = err_nomem(err);
	if (ret == -ENOENT && state.enabled)
		return 0;
	qgroups_fini(out);
	return ret;
}

static int find_subject(struct subvols *s, bool simple, struct qgroup *g, struct err *err)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	const struct subvol_info *info;
	int ret;

	if (qgroup_level(g->id) || g->id == BTRFS_FS_TREE_OBJECTID) {
		g->subject = qgroup_level(g->id) ? QGROUP_GROUP : QGROUP_TOPLEVEL;
		return 0;
	}
	info = subvols_find(s, g->id, &ret, err);
	if (!info) {
		g->subject = simple && g->rfer ? QGROUP_SPACE_HOLDER : QGROUP_STALE;
		return ret;
	}
	g->subject = QGROUP_UNDER_DELETION;
	ret = info->deleted ? -ENOENT : subvols_path(s, g->id, &sb, err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	g->subject = QGROUP_SUBVOL;
	g->path = mem_strdup(sb_str(&sb));
	return g->path ? 0 : err_nomem(err);
}

int mounted_qgroup_subjects(struct subvols *s, bool simple, struct qgroups *q, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < q->len; i++)
		ret = find_subject(s, simple, &q->v[i], err);
	return ret;
}
