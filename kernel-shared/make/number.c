/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inode numbers in preorder, subvolume ids in the order in which they are met, hard links found by device and inode. */
#include <stdlib.h>
#include "kernel-shared/make/entries.h"

struct entry *entry_next(const struct entry *top, struct entry *e)
{
	if (e->nchildren && (e == top || !(e->flags & ENTRY_SUBVOL)))
		return e->children;
	for (; e != top; e = e->parent)
		if (e + 1 < e->parent->children + e->parent->nchildren)
			return e + 1;
	return NULL;
}

/* Places in preorder over all trees; finds the trees. */
static int number_places(struct populate *pop)
{
	u64 seq = 0, next_id = BTRFS_FIRST_FREE_OBJECTID;

	if (vec_push(&pop->trees, ((struct source_tree){ .top = &pop->top, .id = BTRFS_FS_TREE_OBJECTID })))
		return -ENOMEM;
	for (size_t i = 0; i < pop->trees.len; i++) {
		struct entry *top = pop->trees.v[i].top;
		u64 id = pop->trees.v[i].id;

		pop->trees.v[i].first_seq = seq;
		for (struct entry *e = top; e; e = entry_next(top, e)) {
			if (e != top && e->flags & ENTRY_SUBVOL) {
				if (e->flags & ENTRY_DEFAULT)
					pop->default_subvol = next_id;
				if (vec_push(&pop->trees, ((struct source_tree){ .top = e, .id = next_id++, .parent = id,
						.flags = e->flags & ENTRY_READONLY ? BTRFS_ROOT_SUBVOL_RDONLY : 0 })))
					return -ENOMEM;
				continue;
			}
			e->ino = seq++;
		}
	}
	return 0;
}

/* The tree that a place belongs to. */
static size_t tree_of(const struct populate *pop, u64 seq)
{
	size_t lo = 0, hi = pop->trees.len;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (pop->trees.v[mid].first_seq <= seq)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int by_inode(const void *x, const void *y)
{
	const struct link *a = x, *b = y;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	return a->entry->ino < b->entry->ino ? -1 : a->entry->ino > b->entry->ino;
}

/* Names of one inode in one tree become a group; a link does not leave its subvolume. */
static int group_links(struct populate *pop, struct err *err)
{
	for (unsigned i = 0; i < pop->nworkers; i++) {
		struct source_worker *w = &pop->workers[i];

		for (size_t k = 0; k < w->links.len; k++)
			if (vec_push(&pop->links, w->links.v[k]))
				return err_nomem(err);
		vec_fini(&w->links);
	}
	vec_sort(&pop->links, by_inode);
	for (size_t i = 0, n; i < pop->links.len; i += n) {
		const struct link *first = &pop->links.v[i];
		size_t tree = tree_of(pop, first->entry->ino);

		for (n = 1; i + n < pop->links.len && first[n].dev == first->dev && first[n].ino == first->ino && tree_of(pop, first[n].entry->ino) == tree;)
			n++;
		if (n > BTRFS_LINK_MAX) {
			char *path CLEANUP(mem_freep) = entry_path(pop, first->entry);

			return err_set(err, -EMLINK, "%s has %zu names, more than %u", path ? path : first->entry->name, n, BTRFS_LINK_MAX);
		}
		if (n < 2)
			continue;
		if (vec_push(&pop->groups, ((struct link_group){ i, n })))
			return err_nomem(err);
		for (size_t k = 0; k < n; k++) {
			first[k].entry->group = pop->groups.len;
			first[k].entry->flags |= k ? ENTRY_LINK : 0;
		}
	}
	return 0;
}

static void inherit_flags(struct entry *e)
{
	if (e->parent)
		e->iflags |= e->parent->iflags;
}

static void number_inodes(struct populate *pop)
{
	for (size_t i = 0; i < pop->trees.len; i++) {
		struct entry *top = pop->trees.v[i].top;
		u64 ino = BTRFS_FIRST_FREE_OBJECTID;

		for (struct entry *e = top; e; e = entry_next(top, e)) {
			inherit_flags(e);
			if (e != top && e->flags & ENTRY_SUBVOL)
				continue;
			if (e->flags & ENTRY_LINK)
				e->ino = pop->links.v[pop->groups.v[e->group - 1].first].entry->ino;
			else
				e->ino = ino++;
		}
	}
}

static int mark_chosen(struct populate *pop, struct err *err)
{
	const struct populate_args *a = &pop->args;

	for (unsigned i = 0; i < a->nsubvols; i++) {
		struct entry *e = entry_find(pop, a->subvols[i].path);

		if (!e || (e->mode & 0170000) != 0040000)
			return err_set(err, -ENOENT, "subvolume path does not exist: %s", a->subvols[i].path);
		e->flags |= ENTRY_SUBVOL | (a->subvols[i].readonly ? ENTRY_READONLY : 0) | (a->subvols[i].is_default ? ENTRY_DEFAULT : 0);
	}
	for (unsigned i = 0; i < a->nflags; i++) {
		struct entry *e = entry_find(pop, a->flags[i].path);

		if (!e)
			return err_set(err, -ENOENT, "%s vanished", a->flags[i].path);
		e->iflags |= a->flags[i].flags;
	}
	for (unsigned i = 0; i < a->nverity; i++) {
		struct entry *e = entry_find(pop, a->verity[i]);

		if (!e || (e->mode & 0170000) != 0100000)
			return err_set(err, -ENOENT, "%s, to be sealed, is not a file below %s", a->verity[i], a->dir);
		e->flags |= ENTRY_VERITY;
	}
	return 0;
}

/* What is said of one name is true of the inode. */
static void merge_names(struct populate *pop)
{
	for (size_t i = 0; i < pop->groups.len; i++) {
		const struct link *l = &pop->links.v[pop->groups.v[i].first];
		struct entry *e = l->entry;

		for (u32 k = 1; k < pop->groups.v[i].n; k++) {
			const struct entry *o = l[k].entry;

			e->flags |= o->flags & (ENTRY_VERITY | ENTRY_XATTRS);
			e->iflags |= o->iflags;
			if (!(o->flags & ENTRY_MANIFEST))
				continue;
			e->mode = o->mode;
			e->uid = o->uid;
			e->gid = o->gid;
			e->mtime = o->mtime;
			e->mtime_nsec = o->mtime_nsec;
		}
	}
	for (size_t i = 0; i < pop->added.len; i++) {
		struct entry **e = &pop->added.v[i]->e;

		if ((*e)->flags & ENTRY_LINK)
			*e = pop->links.v[pop->groups.v[(*e)->group - 1].first].entry;
	}
}

int number_all(struct populate *pop, struct err *err)
{
	int ret = mark_chosen(pop, err);

	if (ret)
		return ret;
	if (number_places(pop))
		return err_nomem(err);
	ret = group_links(pop, err);
	if (ret)
		return ret;
	number_inodes(pop);
	merge_names(pop);
	return 0;
}
