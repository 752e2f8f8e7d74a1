/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Roots that come and go while a transaction is open, and what a failed operation takes back of struct fs: the table of roots, the trees by name,
 * the feature bits in use. */
#include "kernel-shared/fs/open.h"
#include "kernel-shared/fs/quota.h"
#include "kernel-shared/fs/spacetree.h"


static int move_note(struct fs *fs, struct root *root, bool added, struct err *err)
{
	return vec_push(&fs->change.moves, ((struct root_move){ root, added })) ? err_nomem(err) : 0;
}

int fs_root_register(struct fs *fs, struct root *root, struct err *err)
{
	int ret;

	pthread_mutex_lock(&fs->roots_lock);
	/* whatever happens, somebody frees it */
	ret = vec_reserve(&fs->change.gone, fs->change.gone.len + fs->change.moves.len + 1) ? err_nomem(err) : 0;
	if (!ret)
		ret = root_enter(fs, root, err);
	if (ret)
		root_free(root);
	else
		ret = move_note(fs, root, true, err);
	pthread_mutex_unlock(&fs->roots_lock);
	return ret;
}

int fs_root_unregister(struct fs *fs, struct root *root, struct err *err)
{
	int ret = move_note(fs, root, false, err);

	pthread_mutex_lock(&fs->roots_lock);
	if (!ret && vec_push(&fs->change.gone, root))
		ret = err_nomem(err);
	if (!ret)
		root_leave(fs, root);
	pthread_mutex_unlock(&fs->roots_lock);
	return ret;
}

static int save(void *arg, struct txn *txn, void **token)
{
	struct fs *fs = arg;
	struct fs_change *c = &fs->change;

	c->moves.len = 0;
	c->saved.trees = fs->trees;
	c->saved.default_subvol = fs->default_subvol;
	c->saved.last_subvol = c->last_subvol;
	c->saved.drop = c->drop;
	c->saved.quota = c->quota;
	c->saved.dropped = c->dropped.len;
	return 0;
}

static void gone_remove(struct fs_change *c, struct root *root)
{
	for (size_t i = c->gone.len; i; i--) {
		if (c->gone.v[i - 1] == root) {
			vec_remove(&c->gone, i - 1);
			return;
		}
	}
}

static void move_undo(struct fs *fs, struct txn *txn, const struct root_move *m)
{
	struct fs_change *c = &fs->change;

	if (m->added) {
		root_leave(fs, m->root);
		txn_forget_root(txn, m->root);
		c->gone.v[c->gone.len++] = m->root; /* there is room since it was registered */
	} else {
		gone_remove(c, m->root);
		root_enter(fs, m->root, NULL); /* its place in the table is still there */
	}
}

static void restore(void *arg, struct txn *txn, void *token)
{
	struct fs *fs = arg;
	struct fs_change *c = &fs->change;

	pthread_mutex_lock(&fs->roots_lock);
	for (size_t i = c->moves.len; i; i--)
		move_undo(fs, txn, &c->moves.v[i - 1]);
	pthread_mutex_unlock(&fs->roots_lock);
	c->moves.len = 0;
	fs->trees = c->saved.trees;
	fs->default_subvol = c->saved.default_subvol;
	c->last_subvol = c->saved.last_subvol;
	c->drop = c->saved.drop;
	c->quota = c->saved.quota;
	c->dropped.len = c->saved.dropped;
	fs->geo->incompat = le64_get(txn_super(txn)->incompat_flags);
	fs->geo->compat_ro = le64_get(txn_super(txn)->compat_ro_flags);
}

static void drop(void *arg, struct txn *txn, void *token)
{
	struct fs *fs = arg;

	fs->change.moves.len = 0;
}

int fs_add_hooks(struct fs *fs, struct err *err)
{
	static const struct txn_hooks hooks = { .save = save, .restore = restore, .drop = drop, .flush = space_tree_flush, .account = quota_account };

	alloc_on_extent(writer_alloc(fs->writer), quota_charge, fs);
	alloc_on_ref(writer_alloc(fs->writer), quota_note, fs);
	return writer_add_hooks(fs->writer, &hooks, fs) ? err_nomem(err) : quota_start(fs, err);
}

void fs_change_fini(struct fs *fs)
{
	for (size_t i = 0; i < fs->change.gone.len; i++)
		root_free(fs->change.gone.v[i]);
	vec_fini(&fs->change.gone);
	vec_fini(&fs->change.moves);
	vec_fini(&fs->change.dropped);
	vec_fini(&fs->change.touched);
	hmap_fini(&fs->change.touched_at);
	hmap_fini(&fs->change.charges);
}
