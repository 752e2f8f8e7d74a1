/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a reference to a node: the cache, else the copies one after the other, each through the gate. */
#include "kernel-shared/tree/read.h"

#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/tree/cache.h"
#include "kernel-shared/tree/gate.h"

enum { PREFETCH_MAX = 256, PREFETCH_JOB = 16 /* blocks; fewer are gated faster than a thread wakes up */ };

int nstore_init(struct nstore *s, struct env *env, struct volume *vol, u64 memory)
{
	*s = (struct nstore){ .env = env, .vol = vol, .geo = &vol->geo };
	s->cache = ncache_new(vol->geo.nodesize, memory);
	return s->cache ? 0 : -ENOMEM;
}

void nstore_fini(struct nstore *s)
{
	ncache_free(s->cache);
	s->cache = NULL;
}

void nstore_enter(struct nstore *s, struct node *n)
{
	ncache_insert(s->cache, n, true);
}

void nstore_forget(struct nstore *s, u64 bytenr)
{
	ncache_forget(s->cache, bytenr);
}

struct block_ref block_child(const void *block, int slot, u64 tree)
{
	const struct disk_key_ptr *ptr = &block_ptrs(block)[slot];

	return (struct block_ref){
		.bytenr = le64_get(ptr->blockptr), .generation = le64_get(ptr->generation), .tree = tree, .first = key_get(&ptr->key),
		.level = block_level(block) - 1, .has_level = true, .has_first = true,
	};
}

/* One copy, read and gated. */
static int copy_read(struct nstore *s, const struct block_ref *ref, unsigned mirror, void *buf, struct findings *findings, struct err *err)
{
	int ret = rio_read(s->vol, ref->bytenr, s->geo->nodesize, mirror, buf, err);

	return ret ? ret : node_gate(s, buf, ref, findings, err);
}

/* Can the block be anywhere at all? Else why not. */
static int ref_check(struct nstore *s, const struct block_ref *ref, unsigned *copies, struct err *err)
{
	u64 end;

	if (!is_aligned_p2(ref->bytenr, s->geo->sectorsize))
		return err_set(err, -EIO, "tree block bytenr %llu is not aligned to sectorsize %u", ref->bytenr, s->geo->sectorsize);
	*copies = add_overflows(ref->bytenr, (u64)s->geo->nodesize, &end) ? 0 : rio_copies(s->vol, ref->bytenr);
	if (!*copies)
		return err_set(err, -EIO, "Couldn't map the block %llu", ref->bytenr);
	return 0;
}

struct attempt {
	struct nstore *s;
	const struct block_ref *ref;
	unsigned copies;
	unsigned second_choice; /* the first copy that has findings only */
	struct strbuf said;     /* what each bad copy said */
};

static void attempt_note(struct attempt *a, unsigned mirror, int code, const char *text)
{
	nstore_bad_copy(a->s, a->ref->bytenr, mirror, code, text);
	if (a->copies > 1)
		sb_printf(&a->said, "%smirror %u: ", a->said.len ? "; " : "", mirror);
	sb_puts(&a->said, text);
}

static int attempt_all(struct attempt *a, void *buf, struct findings *findings, u8 *mirror, struct err *err)
{
	for (unsigned m = 1; m <= a->copies; m++) {
		int ret = copy_read(a->s, a->ref, m, buf, findings, err);

		if (ret == -ENOMEM || ret == -EINTR) {
			findings_fini(findings);
			return ret;
		}
		if (!ret && !findings->len) {
			*mirror = m;
			return 0;
		}
		if (!ret && !a->second_choice)
			a->second_choice = m;
		attempt_note(a, m, ret ? ret : -EUCLEAN, ret ? err_text(err) : findings->v[0].text);
		findings_fini(findings);
	}
	if (!a->second_choice)
		return err_set(err, -EIO, a->copies > 1 ? "no good copy of tree block %llu: %s" : "cannot read tree block %llu: %s",
			       a->ref->bytenr, sb_str(&a->said));
	*mirror = a->second_choice;
	return copy_read(a->s, a->ref, a->second_choice, buf, findings, err);
}

int block_read_copies(struct nstore *s, const struct block_ref *ref, void *buf, struct findings *findings, u8 *mirror, struct err *err)
{
	struct attempt a = { .s = s, .ref = ref, .said = STRBUF_INIT };
	struct err local = ERR_INIT;
	u8 from;
	int ret;

	if (!err)
		err = &local;
	ret = ref_check(s, ref, &a.copies, err);
	if (ret) {
		nstore_bad_copy(s, ref->bytenr, 0, ret, err_text(err));
		return ret;
	}
	ret = attempt_all(&a, buf, findings, mirror ? mirror : &from, err);
	sb_fini(&a.said);
	return ret;
}

/* The copy that is easiest to read (no missing or stale device) nearly always does. */
static int block_read(struct nstore *s, const struct block_ref *ref, struct node *n, struct err *err)
{
	unsigned copies;

	if (!ref_check(s, ref, &copies, NULL) && !copy_read(s, ref, 0, n->data, NULL, NULL))
		return 0;
	return block_read_copies(s, ref, n->data, &n->findings, &n->mirror, err);
}

static int node_read(struct nstore *s, const struct block_ref *ref, struct node **out, struct err *err)
{
	struct node *n = node_new(s, ref->bytenr);
	int ret;

	if (!n)
		return err_nomem(err);
	ret = block_read(s, ref, n, err);
	if (ret) {
		node_put(n);
		return ret;
	}
	n->bad = n->findings.len;
	*out = n;
	return 0;
}

int node_get(struct nstore *s, const struct block_ref *expect, struct node **out, struct err *err)
{
	struct node *n = ncache_get(s->cache, expect->bytenr);
	bool cached = n;
	int ret;

	if (n) {
		unsigned broken = gate_broken_claims(n->data, expect);

		/* Another copy may be what this parent means: a cached node that does not meet its claims is read again, unless
		 * that has been done before. */
		if (likely(!broken) || (n->bad && !(broken & ~gate_tolerated(s)))) {
			*out = n;
			return 0;
		}
		node_put(n);
	}
	ret = node_read(s, expect, &n, err);
	if (ret)
		return ret;
	*out = ncache_insert(s->cache, n, cached);
	return 0;
}

int node_get_mirror(struct nstore *s, const struct block_ref *expect, unsigned mirror, struct node **out, struct err *err)
{
	struct node *n;
	unsigned copies = 0;
	int ret = ref_check(s, expect, &copies, err);

	if (ret)
		return ret;
	if (!mirror || mirror > copies)
		return err_set(err, -EINVAL, "tree block %llu has %u copies, no copy %u", expect->bytenr, copies, mirror);
	n = node_new(s, expect->bytenr);
	if (!n)
		return err_nomem(err);
	n->mirror = mirror;
	ret = copy_read(s, expect, mirror, n->data, &n->findings, err);
	if (ret) {
		node_put(n);
		return ret;
	}
	n->bad = n->findings.len;
	*out = n;
	return 0;
}

struct prefetch {
	struct nstore *s;
	struct rio_req reqs[PREFETCH_MAX];
	struct node *nodes[PREFETCH_MAX];
	const struct block_ref *refs[PREFETCH_MAX];
	size_t n;
};

/* Only what is beyond doubt enters the cache this way. */
static void prefetch_enter(struct prefetch *p, size_t i)
{
	struct node *n = p->nodes[i];

	if (p->reqs[i].ret || node_gate(p->s, n->data, p->refs[i], NULL, NULL))
		node_put(n);
	else
		node_put(ncache_insert(p->s->cache, n, false));
}

static int prefetch_job(void *arg, u64 job, unsigned worker)
{
	struct prefetch *p = arg;

	for (size_t i = job * PREFETCH_JOB; i < p->n && i < (job + 1) * PREFETCH_JOB; i++)
		prefetch_enter(p, i);
	return 0;
}

static void prefetch_run(struct prefetch *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->reqs[i] = (struct rio_req){ .start = p->refs[i]->bytenr, .len = p->s->geo->nodesize, .buf = p->nodes[i]->data };
	if (rio_read_batch(p->s->vol, p->reqs, p->n, NULL))
		for (size_t i = 0; i < p->n; i++)
			p->reqs[i].ret = -EIO;
	pool_for(p->s->env->pool, div_round_up(p->n, PREFETCH_JOB), prefetch_job, p);
	p->n = 0;
}

void nstore_prefetch(struct nstore *s, const struct block_ref *refs, size_t n)
{
	struct prefetch *p = mem_alloc(1, sizeof(*p));

	if (!p)
		return;
	p->s = s;
	p->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_aligned_p2(refs[i].bytenr, s->geo->sectorsize) || ncache_has(s->cache, refs[i].bytenr))
			continue;
		p->nodes[p->n] = node_new(s, refs[i].bytenr);
		if (!p->nodes[p->n])
			break;
		p->refs[p->n++] = &refs[i];
		if (p->n == PREFETCH_MAX)
			prefetch_run(p);
	}
	if (p->n)
		prefetch_run(p);
	free(p);
}
