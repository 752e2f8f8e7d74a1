/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of a directory whose index is partly unreadable. Every name is stored three times: by index, by hash, and with the inode that it
 * leads to. The second is looked through at once, the third in one walk over the whole tree when all else is copied. */
#include <errno.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"
#include "kernel-shared/tree/salvage.h"

static int add_known(struct hmap *known, const struct item *item)
{
	struct dir_entry_view v;
	u32 pos = 0;

	while (dir_item_next(item, &pos, &v)) {
		if (!hmap_put(known, hash_bytes(v.name, v.name_len), NULL))
			return -ENOMEM;
	}
	return 0;
}

/* What the index still tells was copied already. */
static int known_by_index(struct cdir *d, struct hmap *known, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&d->sub->root->tree, KEY(d->ino, BTRFS_DIR_INDEX_KEY, 0),
							       KEY(d->ino, BTRFS_DIR_INDEX_KEY, ~0ULL));
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		if (!ret && add_known(known, &item))
			return err_nomem(err);
	}
	return ret == -ENOENT ? 0 : ret;
}

static int by_hash(struct worker *k, struct cdir *d, int dirfd, struct hmap *known, bool *gap, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&d->sub->root->tree, KEY(d->ino, BTRFS_DIR_ITEM_KEY, 0),
							       KEY(d->ino, BTRFS_DIR_ITEM_KEY, ~0ULL));
	struct item item;
	int ret;

	while ((ret = salvage_next(&s, &item, err)) >= 0 && !k->c->stop) {
		if (ret == 1) {
			*gap = true;
			set_gap(d, err);
			continue;
		}
		k->nbatch = 0;
		sb_reset(&k->names);
		batch_add(k, &item, known);
		copy_batch(k, d, dirfd, 0, k->nbatch);
		if (add_known(known, &item))
			return err_nomem(err);
	}
	return ret == -ENOENT || k->c->stop ? 0 : ret;
}

void find_lost_names(struct worker *k, struct cdir *d, int dirfd)
{
	struct copyout *c = k->c;
	struct broken b = { .dir = d };
	struct err err;
	bool gap = false;
	int ret = known_by_index(d, &b.known, &err);

	if (!ret)
		ret = by_hash(k, d, dirfd, &b.known, &gap, &err);
	if (!ret && gap) {
		pthread_mutex_lock(&c->subs_lock);
		ret = vec_push(&c->broken, b);
		d->sub->broken = true;
		pthread_mutex_unlock(&c->subs_lock);
		if (!ret) {
			d->open++; /* until recover_names is through with it */
			return;
		}
		err_nomem(&err);
	}
	hmap_fini(&b.known);
	if (ret)
		copyout_stop(c, ret, "%s", err_text(&err));
}

/* A name that an inode claims to have in one of the broken directories. */
static void found(struct worker *k, struct broken *b, u64 ino, const struct inode_ref_view *ref)
{
	struct entry e = { .ino = ino, .name_len = ref->name_len };
	struct cdir *d = b->dir;
	bool fresh;
	int dirfd;

	if (!hmap_put(&b->known, hash_bytes(ref->name, ref->name_len), &fresh) || !fresh || ino == d->ino)
		return;
	dirfd = k->c->o.dry_run ? -1 : cdir_pin(k->c, d);
	if (dirfd < 0 && !k->c->o.dry_run)
		return;
	if (k->c->o.want)
		cdir_inside(d, NULL, &k->inside);
	copy_entry(k, d, dirfd, ref->name, &e);
	b->found++;
	if (dirfd >= 0)
		cdir_unpin(k->c, d);
}

/* One walk over a subvolume for the broken directories [from, to) of it. */
static int scan_refs(struct worker *k, struct csub *sub, size_t from, size_t to, struct err *err)
{
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&sub->root->tree, KEY(BTRFS_FIRST_FREE_OBJECTID, 0, 0), KEY(BTRFS_LAST_FREE_OBJECTID, 255, ~0ULL));
	struct hmap dirs = HMAP_INIT;
	struct item item;
	int ret = 0;

	for (size_t i = from; i < to && !ret; i++) {
		if (k->c->broken.v[i].dir->sub == sub) {
			u64 *slot = hmap_put(&dirs, k->c->broken.v[i].dir->ino, NULL);

			if (slot)
				*slot = i;
			else
				ret = err_nomem(err);
		}
	}
	while (!ret && (ret = salvage_next(&s, &item, err)) >= 0 && !k->c->stop) {
		struct inode_ref_view ref;
		u32 pos = 0;

		if (ret == 1 || (item.key.type != BTRFS_INODE_REF_KEY && item.key.type != BTRFS_INODE_EXTREF_KEY)) {
			ret = 0;
			continue;
		}
		while (inode_ref_next(&item, &pos, &ref)) {
			u64 *slot = hmap_get(&dirs, ref.parent);

			if (slot)
				found(k, &k->c->broken.v[*slot], item.key.objectid, &ref);
		}
		ret = 0;
	}
	hmap_fini(&dirs);
	return ret == -ENOENT || k->c->stop ? 0 : ret;
}

/* The directories broken so far are given back: nothing more can be found in them. */
static void give_back(struct worker *k, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct broken *b = &k->c->broken.v[i];

		note_damage(k->c, b->dir, NULL, "names may be missing (%llu found again by their inodes): %s", b->found, b->dir->why ? b->dir->why : "");
		hmap_fini(&b->known);
		dir_done(k, b->dir);
		b->dir = NULL;
	}
}

bool recover_names(struct worker *k)
{
	struct copyout *c = k->c;
	size_t from = c->recovered, to = c->broken.len;
	struct err err;
	int ret = 0;

	if (from == to || c->stop)
		return false;
	for (size_t i = from; i < to && !ret; i++) {
		struct csub *sub = c->broken.v[i].dir->sub;
		bool scanned = false;

		for (size_t j = from; j < i; j++)
			scanned |= c->broken.v[j].dir->sub == sub;
		if (!scanned)
			ret = scan_refs(k, sub, from, to, &err);
	}
	if (ret)
		copyout_stop(c, ret, "%s", err_text(&err));
	c->recovered = to;
	give_back(k, from, to);
	return true;
}
