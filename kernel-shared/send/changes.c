/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/send/changes.h"

#include <sys/stat.h>

struct walk {
	struct names *n;
	const struct change_ops *ops;
	void *arg;
	struct err *err;
	u64 ino;                    /* whose items are coming */
	/* the inode item, if it came */
	bool seen, same, has_now, has_old;
	struct inode now, old;
	bool begun, wanted;
};

static int begin(struct walk *w, bool now, bool old, bool item)
{
	struct change c = { .ino = w->ino, .has_now = now, .has_old = old, .item = item };

	if (now)
		c.now = w->now;
	if (old)
		c.old = w->old;
	return w->ops->begin(w->arg, &c);
}

/* The inode in left as something new: all its items, whatever right has. */
static int as_new(struct walk *w)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret = begin(w, true, false, true);

	if (ret)
		return ret < 0 ? ret : 0;
	it = tree_range(&w->n->left.root->tree, KEY(w->ino, BTRFS_INODE_REF_KEY, 0), KEY(w->ino, 255, -1ULL));
	while (!(ret = tree_next(&it, &item, w->err)))
		if ((ret = w->ops->item(w->arg, &item, NULL, false)))
			return ret;
	return ret == -ENOENT ? w->ops->end(w->arg) : ret;
}

static int as_gone(struct walk *w)
{
	int ret = begin(w, false, true, true);

	return ret ? (ret < 0 ? ret : 0) : w->ops->end(w->arg);
}

static int look_up(struct walk *w, struct side *s, bool *has, struct inode *inode)
{
	int ret = s->root ? inode_get(s->root, w->ino, inode, w->err) : -ENOENT;

	*has = !ret;
	return ret == -ENOENT ? 0 : ret;
}

/* Something of the inode differs: what is it? */
static int classify(struct walk *w)
{
	bool root = w->ino == BTRFS_FIRST_FREE_OBJECTID, now, old;
	int ret = 0;

	w->begun = true;
	w->wanted = false;
	if (!w->seen) {
		/* Its item lies in a shared leaf. */
		w->same = true;
		ret = look_up(w, &w->n->left, &w->has_now, &w->now);
		if (!ret)
			ret = look_up(w, &w->n->right, &w->has_old, &w->old);
		if (ret)
			return ret;
	}
	now = w->has_now && (root || w->now.nlink);
	old = w->has_old && (root || w->old.nlink);
	if (now && old && !root && (w->now.generation != w->old.generation || (w->now.mode & S_IFMT) != (w->old.mode & S_IFMT))) {
		ret = as_gone(w);
		return ret ? ret : as_new(w);
	}
	/* One that had no links has its items in both trees. */
	if (now && !old && w->has_old)
		return as_new(w);
	if (!now && !old)
		return 0;
	ret = begin(w, now, old, !(now && old && w->same));
	if (!ret)
		w->wanted = true;
	return ret < 0 ? ret : 0;
}

static int finish(struct walk *w)
{
	int ret = w->begun && w->wanted ? w->ops->end(w->arg) : 0;

	w->seen = w->begun = w->wanted = w->has_now = w->has_old = false;
	return ret;
}

static int take(struct walk *w, const struct diff_item *d)
{
	int ret = 0;

	if (diff_key(d).type == BTRFS_INODE_ITEM_KEY) {
		w->seen = true;
		w->same = d->same;
		w->has_now = d->in_left;
		w->has_old = d->in_right;
		if (d->in_left)
			ret = inode_parse(w->n->left.root, &d->left, &w->now, w->err);
		if (!ret && d->in_right)
			ret = inode_parse(w->n->right.root, &d->right, &w->old, w->err);
		return ret ? ret : d->same ? 0 : classify(w);
	}
	/* What came before was alike and has no say. */
	if (!w->begun && (d->same || (ret = classify(w))))
		return ret;
	return w->wanted ? w->ops->item(w->arg, d->in_left ? &d->left : NULL, d->in_right ? &d->right : NULL, d->same) : 0;
}

int changes_walk(struct names *n, const struct change_ops *ops, void *arg, struct err *err)
{
	struct walk w = { .n = n, .ops = ops, .arg = arg, .err = err };
	struct treediff d CLEANUP(treediff_fini) = { 0 };
	struct diff_item item;
	int ret;

	treediff_init(&d, &n->left.root->tree, n->right.root ? &n->right.root->tree : NULL);
	while (!(ret = treediff_next(&d, &item, err))) {
		u64 ino = diff_key(&item).objectid;

		if (ino < BTRFS_FIRST_FREE_OBJECTID)
			continue;
		if (ino > BTRFS_LAST_FREE_OBJECTID)
			break;
		if (ino != w.ino) {
			ret = finish(&w);
			if (ret)
				return ret;
			w.ino = ino;
		}
		ret = take(&w, &item);
		if (ret)
			return ret;
	}
	return ret == -ENOENT || !ret ? finish(&w) : ret;
}
