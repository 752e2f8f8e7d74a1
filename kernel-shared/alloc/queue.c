/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reference queue: what was added and removed since the extent tree was last brought in line, summed up per reference. Appending touches no tree,
 * so it may happen while a path is held. */
#include "kernel-shared/alloc/internal.h"

#include "common/mem.h"

static u64 entry_hash(u64 bytenr, enum ref_kind kind, u64 owner, u64 objectid, u64 offset)
{
	return hash_mix2(hash_mix2(bytenr, owner ^ (u64)kind << 60), hash_mix2(objectid, offset));
}

static u64 change_owner(const struct ref_change *c)
{
	return c->kind == REF_TREE || c->kind == REF_DATA ? c->root : c->parent;
}

static bool entry_is(const struct ref_entry *e, const struct ref_change *c)
{
	return e->bytenr == c->bytenr && e->kind == c->kind && e->owner == change_owner(c)
		&& (c->kind != REF_DATA || (e->objectid == c->objectid && e->offset == c->offset));
}

struct ref_head *head_find(struct alloc *a, u64 bytenr)
{
	u64 *index = hmap_get(&a->head_by_bytenr, bytenr);

	return index ? &a->heads.v[*index] : NULL;
}

static struct ref_head *head_get(struct alloc *a, u64 bytenr, u64 len, bool tree)
{
	struct ref_head *h = head_find(a, bytenr);
	struct ref_head fresh = { .bytenr = bytenr, .len = len, .tree = tree, .live = true };
	u64 *slot;
	u32 index;

	if (h)
		return h;
	if (a->free_heads.len) {
		index = a->free_heads.v[--a->free_heads.len];
		a->heads.v[index] = fresh;
	} else {
		index = a->heads.len;
		if (vec_push(&a->heads, fresh))
			return NULL;
	}
	slot = hmap_put(&a->head_by_bytenr, bytenr, NULL);
	if (!slot)
		return NULL;
	*slot = index;
	if (++a->live_heads > a->peak)
		a->peak = a->live_heads;
	return &a->heads.v[index];
}

static void entry_unlink(struct alloc *a, struct ref_head *h, u32 index)
{
	struct ref_entry *e = &a->entries.v[index];
	u64 hash = entry_hash(e->bytenr, e->kind, e->owner, e->objectid, e->offset), *slot = hmap_get(&a->entry_by_ref, hash);

	if (slot && *slot == index)
		hmap_del(&a->entry_by_ref, hash);
	if (e->prev)
		a->entries.v[e->prev].next = e->next;
	else
		h->first_entry = e->next;
	if (e->next)
		a->entries.v[e->next].prev = e->prev;
	h->entries--;
	/* room was kept for it when the entry was made */
	a->free_entries.v[a->free_entries.len++] = index;
}

static int head_remove(struct alloc *a, struct ref_head *h)
{
	u32 index = h - a->heads.v;

	while (h->first_entry)
		entry_unlink(a, h, h->first_entry);
	hmap_del(&a->head_by_bytenr, h->bytenr);
	h->live = false;
	a->live_heads--;
	return vec_push(&a->free_heads, index);
}

/* The entry of this reference, made if need be. 0: no memory. */
static u32 entry_get(struct alloc *a, struct ref_head *h, const struct ref_change *c)
{
	u64 hash = entry_hash(c->bytenr, c->kind, change_owner(c), c->objectid, c->offset), *slot = hmap_put(&a->entry_by_ref, hash, NULL);
	struct ref_entry fresh = { .bytenr = c->bytenr, .kind = c->kind, .owner = change_owner(c), .objectid = c->objectid, .offset = c->offset };
	u32 index;

	if (!slot)
		return 0;
	if (*slot && entry_is(&a->entries.v[*slot], c))
		return *slot;
	/* another reference of the same hash, or none: the chain is the truth */
	for (index = *slot ? h->first_entry : 0; index; index = a->entries.v[index].next)
		if (entry_is(&a->entries.v[index], c))
			return index;
	if (!a->entries.len && vec_push(&a->entries, (struct ref_entry){ 0 }))
		return 0;
	if (vec_reserve(&a->free_entries, a->entries.len + 1))
		return 0;
	fresh.next = h->first_entry;
	if (a->free_entries.len) {
		index = a->free_entries.v[--a->free_entries.len];
		a->entries.v[index] = fresh;
	} else {
		index = a->entries.len;
		if (vec_push(&a->entries, fresh))
			return 0;
	}
	if (h->first_entry)
		a->entries.v[h->first_entry].prev = index;
	h->first_entry = index;
	h->entries++;
	*slot = index;
	return index;
}

int journal_add(struct alloc *a, enum journal_kind kind, const struct ref_change *change)
{
	struct journal_entry e = { kind, *change };

	return a->marks ? vec_push(&a->journal, e) : 0;
}

/* Nothing is left to say of this extent: either its changes cancel out, or it never was committed and nobody refers to it any more. Data of the latter
 * kind stays queued, because its checksums must go before its space is used again. */
static int head_settle(struct alloc *a, struct ref_head *h, struct err *err)
{
	u64 bytenr = h->bytenr, len = h->len;
	bool dead = h->new_extent;

	if (h->entries || (!dead && h->set_full) || (dead && !h->tree))
		return 0;
	if (head_remove(a, h))
		return err_nomem(err);
	if (!dead)
		return 0;
	if (a->on_dead)
		a->on_dead(a->on_dead_arg, bytenr, len, true);
	return space_free(a, bytenr, len, true, err);
}

static int ref_apply(struct alloc *a, const struct ref_change *c, struct err *err)
{
	bool tree = c->kind == REF_TREE || c->kind == REF_SHARED_TREE;
	struct ref_head *h = head_get(a, c->bytenr, c->len, tree);
	u32 index;

	if (!h)
		return err_nomem(err);
	if (h->tree != tree)
		return err_set(err, -EUCLEAN, "extent %llu is used both as data and as a tree block", c->bytenr);
	if (c->new_extent) {
		h->new_extent = true;
		h->first = c->first;
		h->charge = c->owner ? c->owner : c->root;
	}
	if (tree)
		h->level = c->level;
	index = entry_get(a, h, c);
	if (!index)
		return err_nomem(err);
	h->total += c->delta;
	a->entries.v[index].delta += c->delta;
	if (!a->entries.v[index].delta)
		entry_unlink(a, h, index);
	/* while a savepoint is active nothing is final */
	return a->marks ? 0 : head_settle(a, h, err);
}

int ref_queue(struct alloc *a, const struct ref_change *change, struct err *err)
{
	int ret = ref_apply(a, change, err);

	if (!ret && a->on_ref && !a->hush_refs && a->on_ref(a->on_ref_arg, change))
		ret = err_nomem(err);
	if (!ret && journal_add(a, JOURNAL_REF, change))
		ret = err_nomem(err);
	return ret;
}

int ref_queue_full_backref(struct alloc *a, u64 bytenr, u8 level, struct err *err)
{
	struct ref_change change = { .bytenr = bytenr, .len = a->geo->nodesize, .kind = REF_TREE, .level = level };
	struct ref_head *h = head_get(a, bytenr, a->geo->nodesize, true);

	if (!h)
		return err_nomem(err);
	if (h->set_full)
		return 0;
	h->set_full = true;
	h->level = level;
	return journal_add(a, JOURNAL_FULL, &change) ? err_nomem(err) : 0;
}

bool ref_pending(const struct alloc *a)
{
	return a->live_heads;
}

u64 alloc_queue_len(const struct alloc *a)
{
	return a->live_heads;
}

int head_detach(struct alloc *a, u32 index, struct detached *out)
{
	struct ref_head *h = &a->heads.v[index];

	out->head = *h;
	out->refs.len = 0;
	for (u32 i = h->first_entry; i; i = a->entries.v[i].next)
		if (vec_push(&out->refs, a->entries.v[i]))
			return -ENOMEM;
	return head_remove(a, h);
}

int alloc_mark(struct alloc *a, struct alloc_mark **out)
{
	struct alloc_mark *m = mem_zalloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->journal = a->journal.len;
	a->marks++;
	*out = m;
	return 0;
}

static int journal_undo(struct alloc *a, const struct journal_entry *e, struct err *err)
{
	struct ref_change c = e->change;
	struct ref_head *h = head_find(a, c.bytenr);

	switch (e->kind) {
	case JOURNAL_SPACE:
		return alloc_unspace(a, c.bytenr, c.len) ? err_nomem(err) : 0;
	case JOURNAL_FULL:
		h->set_full = false;
		return 0;
	case JOURNAL_REF:
		if (c.new_extent) /* its space comes back with an entry of its own */
			return head_remove(a, h) ? err_nomem(err) : 0;
		c.delta = -c.delta;
		return ref_apply(a, &c, err);
	}
	return 0;
}

/* Heads that the journal from `from` on left without anything to say. */
static int settle_since(struct alloc *a, size_t from, struct err *err)
{
	for (size_t i = from; i < a->journal.len; i++) {
		struct ref_head *h = a->journal.v[i].kind == JOURNAL_SPACE ? NULL : head_find(a, a->journal.v[i].change.bytenr);
		int ret = h ? head_settle(a, h, err) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

int alloc_rollback(struct alloc *a, struct alloc_mark *m, struct err *err)
{
	int ret = 0;

	for (size_t i = a->journal.len; i > m->journal && !ret; i--)
		ret = journal_undo(a, &a->journal.v[i - 1], err);
	if (--a->marks == 0 && !ret)
		ret = settle_since(a, m->journal, err);
	a->journal.len = m->journal;
	free(m);
	return ret;
}

int alloc_release(struct alloc *a, struct alloc_mark *m, struct err *err)
{
	int ret = 0;

	if (--a->marks == 0) {
		ret = settle_since(a, 0, err);
		a->journal.len = 0;
	}
	free(m);
	return ret;
}

static int by_bytenr(const void *x, const void *y)
{
	const struct ref_head *a = x, *b = y;

	return a->bytenr < b->bytenr ? -1 : a->bytenr > b->bytenr;
}

/* The addresses of all extents in the queue, ascending: one round's work. */
static int queue_round(struct alloc *a, struct ref_heads *round)
{
	round->len = 0;
	for (size_t i = 0; i < a->heads.len; i++)
		if (a->heads.v[i].live && vec_push(round, a->heads.v[i]))
			return -ENOMEM;
	vec_sort(round, by_bytenr);
	return 0;
}

/* Until the queue is empty: what a round changes in the trees is the next round's work. */
int ref_run(struct alloc *a, u64 limit, struct err *err)
{
	struct ref_heads round = VEC_INIT;
	struct detached d = { .refs = VEC_INIT };
	u64 done = 0;
	int ret = 0;

	while (!ret && a->live_heads && (!limit || done < limit)) {
		ret = queue_round(a, &round) ? err_nomem(err) : 0;
		for (size_t i = 0; !ret && i < round.len && (!limit || done < limit); i++, done++) {
			u64 *index = hmap_get(&a->head_by_bytenr, round.v[i].bytenr);

			if (!index)
				continue;
			ret = head_detach(a, *index, &d) ? err_nomem(err) : extent_apply(a, &d, err);
		}
		if (!ret)
			ret = fst_flush(a, err);
	}
	vec_fini(&round);
	vec_fini(&d.refs);
	return ret;
}
