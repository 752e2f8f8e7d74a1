/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories that hang nowhere because the names that lead to them are lost, together with their own account of where they belong. Their
 * children still name them as parent: that is how they are found. They go to lost+found in the target. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/copyout/internal.h"
#include "kernel-shared/tree/salvage.h"

/* fn for each name of each inode of the subvolume that can be read. */
typedef int (*ref_fn)(struct csub *sub, struct hmap *parents, u64 ino, const struct inode_ref_view *ref);

static int each_ref(struct worker *k, struct csub *sub, ref_fn fn, struct hmap *parents, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&sub->root->tree, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY(BTRFS_LAST_FREE_OBJECTID, 255, ~0ULL));
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0 && !k->c->stop) {
		struct inode_ref_view ref;
		u32 pos = 0;

		if (ret == 1 || (item.key.type != BTRFS_INODE_REF_KEY && item.key.type != BTRFS_INODE_EXTREF_KEY))
			continue;
		while (inode_ref_next(&item, &pos, &ref)) {
			if (fn(sub, parents, item.key.objectid, &ref))
				return err_nomem(err);
		}
	}
	return ret == -ENOENT || k->c->stop ? 0 : ret;
}

static int add_unseen(struct csub *sub, struct hmap *parents, u64 ino, const struct inode_ref_view *ref)
{
	if (ref->parent == ino || ref->parent < BTRFS_FIRST_FREE_OBJECTID || hmap_get(&sub->seen, ref->parent))
		return 0;
	return hmap_put(parents, ref->parent, NULL) ? 0 : -ENOMEM;
}

/* What lies below another lost directory is reached through that. */
static int drop_children(struct csub *sub, struct hmap *parents, u64 ino, const struct inode_ref_view *ref)
{
	if (ref->parent != ino && hmap_get(parents, ref->parent))
		hmap_del(parents, ino);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static struct cdir *lost_and_found(struct worker *k, struct csub *sub)
{
	static const char name[] = "lost+found";
	struct copyout *c = k->c;
	struct cdir *d = cdir_new(c->top, sub, 0, name, sizeof(name) - 1);

	if (!d)
		return NULL;
	d->outside = true;
	if (!c->o.dry_run && (make_dir(k, c->top, c->top->fd, name) != MADE || !cdir_open_new(k, d, c->top->fd))) {
		cdir_put(c, d);
		return NULL;
	}
	c->top->open++;
	d->open = 1;
	return d;
}

static void attach(struct worker *k, struct csub *sub, const struct hmap *parents)
{
	VEC(u64) list = VEC_INIT;
	struct cdir *d;
	size_t pos = 0;
	u64 ino, value;
	int fd;

	while (hmap_next(parents, &pos, &ino, &value)) {
		if (vec_push(&list, ino))
			copyout_stop(k->c, -ENOMEM, "not enough memory");
	}
	vec_sort(&list, by_number);
	d = list.len ? lost_and_found(k, sub) : NULL;
	fd = !d || k->c->o.dry_run ? -1 : cdir_pin(k->c, d);
	for (size_t i = 0; d && i < list.len && !k->c->stop; i++) {
		char name[48];

		snprintf(name, sizeof(name), "#%llu-%llu", sub->root->tree.id, list.v[i]);
		note_damage(k->c, d, name, "directory inode %llu of tree %llu hangs nowhere, its name is lost", list.v[i], sub->root->tree.id);
		copy_inode(k, d, fd, name, (struct loc){ sub->root, list.v[i] }, BTRFS_FT_DIR);
	}
	if (fd >= 0)
		cdir_unpin(k->c, d);
	if (d)
		dir_done(k, d);
	vec_fini(&list);
}

static void recover_in(struct worker *k, struct csub *sub)
{
	struct hmap parents = HMAP_INIT;
	struct err err;
	int ret = each_ref(k, sub, add_unseen, &parents, &err);

	if (!ret)
		ret = each_ref(k, sub, drop_children, &parents, &err);
	if (ret)
		copyout_stop(k->c, ret, "%s", err_text(&err));
	else
		attach(k, sub, &parents);
	hmap_fini(&parents);
}

bool recover_orphans(struct worker *k)
{
	struct copyout *c = k->c;
	size_t pos = 0;
	u64 key, value;
	bool any = false;

	/* Where only a part is copied, what lies outside of it is not lost. */
	if (c->stop || c->o.want || c->top->outside)
		return false;
	while (hmap_next(&c->subs, &pos, &key, &value)) {
		struct csub *sub = (struct csub *)(uintptr_t)value;

		if (!sub->broken || sub->recovered || !hmap_get(&sub->seen, BTRFS_FIRST_FREE_OBJECTID))
			continue;
		sub->recovered = true;
		recover_in(k, sub);
		any = true;
	}
	return any;
}
