/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/send/compare.h"
#include "kernel-shared/send/changes.h"
#include "kernel-shared/send/filediff.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Names as paths, one behind the other. */
struct paths { struct strbuf text; VEC(size_t) ends; VEC(struct compare_name) v; };

struct compare {
	struct names names;
	const struct compare_ops *ops;
	void *arg;
	struct err *err;
	struct change c;
	struct compare_change out;
	struct refs now, old;
	struct paths gained, lost, kept;
	struct filediff diff;
	u64 from, to;               /* pending range */
	bool told;
};

static void paths_reset(struct paths *p)
{
	sb_reset(&p->text);
	p->ends.len = p->v.len = 0;
}

static void paths_fini(struct paths *p)
{
	sb_fini(&p->text);
	vec_fini(&p->ends);
	vec_fini(&p->v);
}

static int paths_add(struct compare *k, struct paths *p, struct side *side, const struct refs *refs, const struct name_ref *ref)
{
	struct spath dir;
	int ret = side_path(side, ref->parent, &dir, k->err);

	if (ret && ret != -ENAMETOOLONG)
		return ret;
	if (ret)
		sb_lit(&p->text, "...");
	else
		sb_add(&p->text, spath_text(&dir), spath_len(&dir));
	if (ret || spath_len(&dir))
		sb_char(&p->text, '/');
	sb_add(&p->text, ref_name(refs, ref), ref->len);
	return p->text.failed || vec_push(&p->ends, p->text.len) ? err_nomem(k->err) : 0;
}

/* The texts do not move any more: what points at them. */
static int paths_done(struct compare *k, struct paths *p)
{
	size_t at = 0;

	for (size_t i = 0; i < p->ends.len; i++) {
		struct compare_name n = { p->text.v + at, p->ends.v[i] - at };

		if (vec_push(&p->v, n))
			return err_nomem(k->err);
		at = p->ends.v[i];
	}
	return 0;
}

static int gather_names(struct compare *k)
{
	struct names *n = &k->names;
	int ret = 0;

	k->now.v.len = k->old.v.len = 0;
	if (k->c.has_now)
		ret = refs_read(&k->now, &n->left, k->c.ino, k->err);
	if (!ret && k->c.has_old)
		ret = refs_read(&k->old, &n->right, k->c.ino, k->err);
	if (!ret && k->c.has_now && k->c.has_old)
		ret = names_match(n, &k->now, &k->old, k->err);
	for (size_t i = 0; !ret && i < k->now.v.len; i++)
		ret = paths_add(k, k->now.v.v[i].both ? &k->kept : &k->gained, &n->left, &k->now, &k->now.v.v[i]);
	for (size_t i = 0; !ret && i < k->old.v.len; i++)
		if (!k->old.v.v[i].both)
			ret = paths_add(k, &k->lost, &n->right, &k->old, &k->old.v.v[i]);
	if (!ret)
		ret = paths_done(k, &k->gained);
	if (!ret)
		ret = paths_done(k, &k->lost);
	return ret ? ret : paths_done(k, &k->kept);
}

static bool same_time(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->sec == b->sec && a->nsec == b->nsec;
}

static unsigned attributes(const struct change *c)
{
	const struct inode *a = &c->now, *b = &c->old;

	if (!c->has_now || !c->has_old)
		return 0;
	return (S_ISREG(a->mode) && a->size != b->size ? COMPARE_SIZE : 0) | (a->mode != b->mode ? COMPARE_MODE : 0) |
		(a->uid != b->uid || a->gid != b->gid ? COMPARE_OWNER : 0) |
		(!same_time(&a->mtime, &b->mtime) || !same_time(&a->atime, &b->atime) ? COMPARE_TIMES : 0) |
		((a->flags ^ b->flags) & BTRFS_INODE_FLAG_MASK & ~BTRFS_INODE_PREALLOC ? COMPARE_FLAGS : 0);
}

static int tell(struct compare *k)
{
	struct compare_change *o = &k->out;
	const struct compare_name *first;

	if (k->told)
		return 0;
	k->told = true;
	o->gained = k->gained.v.v;
	o->ngained = k->gained.v.len;
	o->lost = k->lost.v.v;
	o->nlost = k->lost.v.len;
	first = k->kept.v.len ? k->kept.v.v : o->ngained ? o->gained : o->nlost ? o->lost : NULL;
	o->path = first ? first->path : "";
	o->path_len = first ? first->len : 0;
	return k->ops->change(k->arg, o);
}

static int flush(struct compare *k)
{
	u64 from = k->from, to = min_t(u64, k->to, k->c.now.size);

	k->from = k->to = 0;
	return from < to ? k->ops->range(k->arg, from, to) : 0;
}

static int range(void *arg, u64 from, u64 to, const struct file_extent_view *l, const struct file_extent_view *r)
{
	struct compare *k = arg;
	bool left = l && filediff_has_bytes(l), right = r && filediff_has_bytes(r);
	int ret = 0;

	if ((!left && !right) || (l && r && filediff_same_bytes(l, r)))
		return 0;
	ret = tell(k);
	if (!ret && k->to != from)
		ret = flush(k);
	if (k->to != from)
		k->from = from;
	k->to = to;
	return ret;
}

static int begin(void *arg, const struct change *c)
{
	struct compare *k = arg;
	int ret;

	k->c = *c;
	k->told = false;
	k->from = k->to = 0;
	paths_reset(&k->gained);
	paths_reset(&k->lost);
	paths_reset(&k->kept);
	k->out = (struct compare_change){ .kind = !c->has_old ? COMPARE_ADDED : !c->has_now ? COMPARE_REMOVED : COMPARE_CHANGED, .ino = c->ino,
		.mode = c->has_now ? c->now.mode : c->old.mode, .what = attributes(c) };
	if (S_ISREG(k->out.mode)) {
		k->out.size = c->has_now ? c->now.size : 0;
		k->out.old_size = c->has_old ? c->old.size : 0;
	}
	ret = c->ino == BTRFS_FIRST_FREE_OBJECTID ? 0 : gather_names(k);
	if (ret)
		return ret;
	if (k->out.kind == COMPARE_CHANGED) {
		filediff_begin(&k->diff, c->now.root->fs->geo->sectorsize, range, k);
		return 0;
	}
	ret = tell(k);
	if (!ret)
		ret = k->ops->done(k->arg);
	return ret ? ret : 1;
}

static int item(void *arg, const struct item *now, const struct item *old, bool same)
{
	struct compare *k = arg;
	u8 type = now ? now->key.type : old->key.type;
	int ret;

	if (type == BTRFS_XATTR_ITEM_KEY && !same)
		k->out.what |= COMPARE_XATTRS;
	if (type != BTRFS_EXTENT_DATA_KEY || !S_ISREG(k->c.now.mode) || !k->c.item)
		return 0;
	ret = filediff_advance(&k->diff, now ? now->key.offset : old->key.offset);
	return ret ? ret : filediff_set(&k->diff, now, old, same, k->err);
}

static int end(void *arg)
{
	struct compare *k = arg;
	int ret = filediff_advance(&k->diff, -1ULL);

	if (!ret && !k->told && (k->out.what || k->gained.v.len || k->lost.v.len))
		ret = tell(k);
	if (!ret)
		ret = flush(k);
	return ret || !k->told ? ret : k->ops->done(k->arg);
}

int snapshots_compare(struct root *now, struct root *old, const struct compare_ops *ops, void *arg, struct err *err)
{
	static const struct change_ops walk = { begin, item, end };
	struct compare k = { .ops = ops, .arg = arg, .err = err };
	int ret = names_init(&k.names, now, old, err);

	if (!ret)
		ret = changes_walk(&k.names, &walk, &k, err);
	refs_fini(&k.now);
	refs_fini(&k.old);
	paths_fini(&k.gained);
	paths_fini(&k.lost);
	paths_fini(&k.kept);
	filediff_fini(&k.diff);
	names_fini(&k.names);
	return ret;
}
