/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/fs/findroot.h"

#include "common/mem.h"
#include "common/pool.h"

enum { PIECE = 1 << 20, WINDOW_PER_THREAD = 3 };

/* Consecutive bytes of one chunk, read and looked through by one thread. */
struct piece { u64 start; u32 len; bool failed; struct root_candidates found; };

struct finder {
	struct fs *fs;
	const struct root_search *search;
	struct root_candidates *out;
	struct root_candidate *match;
	struct hmap highest;     /* generation -> level + 1 */
	struct err *err;
};

/* A whole block of this filesystem that says it belongs to the tree. The checksum comes last: it costs most. */
static bool is_candidate(const struct finder *f, const u8 *block, u64 bytenr, struct root_candidate *out)
{
	const struct root_search *s = f->search;
	const struct disk_header *h = block_header(block);
	bool ours = false;

	for (unsigned i = 0; i < f->fs->vol->nfsids; i++)
		ours |= !memcmp(h->fsid, f->fs->vol->fsids[i], BTRFS_FSID_SIZE);
	if (!ours || block_bytenr(block) != bytenr || block_owner(block) != s->objectid || h->level >= BTRFS_MAX_LEVEL)
		return false;
	if (block_generation(block) < s->min_generation || h->level < s->min_level)
		return false;
	if (!block_check_csum(f->fs->geo, block, NULL))
		return false;
	*out = (struct root_candidate){ bytenr, block_generation(block), h->level };
	return true;
}

static bool has_block(const struct piece *p, u64 bytenr)
{
	for (size_t i = p->found.len; i-- > 0;)
		if (p->found.v[i].bytenr == bytenr)
			return true;
	return false;
}

static int candidate_cmp(const void *pa, const void *pb)
{
	const struct root_candidate *a = pa, *b = pb;

	return a->bytenr < b->bytenr ? -1 : a->bytenr > b->bytenr;
}

/* All copies, for a block may be whole in one of them alone. What cannot be read is passed over. */
static void look_through(void *job, void *arg, unsigned worker)
{
	struct finder *f = arg;
	struct piece *p = job;
	u32 nodesize = f->fs->geo->nodesize;
	u8 *buf = mem_alloc_io(PIECE);
	struct root_candidate c;

	p->failed = !buf;
	for (unsigned mirror = 1; buf && mirror <= rio_copies(f->fs->vol, p->start); mirror++) {
		if (rio_read(f->fs->vol, p->start, p->len, mirror, buf, NULL))
			continue;
		for (u32 at = 0; at + nodesize <= p->len; at += nodesize)
			if (is_candidate(f, buf + at, p->start + at, &c) && !has_block(p, c.bytenr) && vec_push(&p->found, c))
				p->failed = true;
	}
	vec_sort(&p->found, candidate_cmp);
	free(buf);
}

static void drop_piece(void *job, void *arg)
{
	struct piece *p = job;

	vec_fini(&p->found);
	free(p);
}

enum { STOPPED = -ECANCELED };

static int take_piece(void *job, void *arg)
{
	const struct root_search *s = ((struct finder *)arg)->search;
	struct finder *f = arg;
	struct piece *p = job;
	int ret = p->failed ? -ENOMEM : 0;

	for (size_t i = 0; !ret && i < p->found.len; i++) {
		const struct root_candidate *c = &p->found.v[i];
		u64 *level;

		if (s->has_wanted && s->stop && c->generation == s->wanted_generation && c->level == s->wanted_level) {
			*f->match = *c;
			ret = STOPPED;
			break;
		}
		level = hmap_put(&f->highest, c->generation, NULL);
		if (!level || (c->level + 1u >= *level && vec_push(f->out, *c)))
			ret = -ENOMEM;
		else if (c->level + 1u > *level)
			*level = c->level + 1u;
	}
	drop_piece(p, NULL);
	return ret;
}

static int scan_chunk(struct finder *f, struct ordq *q, const struct chunk *chunk)
{
	int ret = 0;

	for (u64 at = 0; !ret && at < chunk->length; at += PIECE) {
		struct piece *p = mem_zalloc(sizeof(*p));

		if (!p)
			return -ENOMEM;
		p->start = chunk->start + at;
		p->len = min_t(u64, PIECE, chunk->length - at);
		ret = ordq_push(q, p);
		if (!ret)
			ret = env_check_interrupt(f->fs->env, f->err);
	}
	return ret;
}

static int newest_first(const void *pa, const void *pb)
{
	const struct root_candidate *a = pa, *b = pb;

	if (a->generation != b->generation)
		return a->generation > b->generation ? -1 : 1;
	return a->bytenr > b->bytenr ? -1 : a->bytenr < b->bytenr;
}

/* Those that a later block of their generation towers over go. */
static void keep_highest(struct finder *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->out->len; i++)
		if (*hmap_get(&f->highest, f->out->v[i].generation) == f->out->v[i].level + 1u)
			f->out->v[n++] = f->out->v[i];
	f->out->len = n;
	vec_sort(f->out, newest_first);
}

int find_tree_roots(struct fs *fs, const struct root_search *search, struct root_candidates *out, struct root_candidate *found, struct err *err)
{
	static const struct ordq_ops ops = { look_through, take_piece, drop_piece };
	struct finder f = { .fs = fs, .search = search, .out = out, .match = found, .highest = HMAP_INIT, .err = err };
	u64 type = search->objectid == BTRFS_CHUNK_TREE_OBJECTID ? BTRFS_BLOCK_GROUP_SYSTEM : BTRFS_BLOCK_GROUP_METADATA;
	struct ordq *q = ordq_new(fs->env->pool, WINDOW_PER_THREAD * pool_threads(fs->env->pool), &ops, &f);
	int ret = q ? 0 : -ENOMEM;

	*out = (struct root_candidates)VEC_INIT;
	*found = (struct root_candidate){ 0 };
	for (size_t i = 0; !ret && i < fs->vol->chunks.len; i++)
		if (fs->vol->chunks.v[i]->type & type)
			ret = scan_chunk(&f, q, fs->vol->chunks.v[i]);
	if (!ret)
		ret = ordq_finish(q);
	ordq_free(q);
	if (ret == STOPPED)
		ret = 0;
	if (!ret)
		keep_highest(&f);
	hmap_fini(&f.highest);
	if (ret)
		vec_fini(out);
	return ret == -ENOMEM ? err_nomem(err) : ret;
}
