/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filling a filesystem: jobs are read in parallel, placed and turned into items one by one, in order. */
#include "kernel-shared/make/populate.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "common/pool.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/compress_out.h"
#include "kernel-shared/make/entries.h"

/* The tree of checksums as it comes: neighbours make one item. */
struct sums { struct make_load *load; u8 *v; u32 n, max, size; u64 start; };

struct fill {
	struct populate *pop;
	struct maker *m;
	struct ordq *queue;
	struct err *err;
	struct progress *progress;
	const struct source_tree *tree;
	struct make_load *load;
	struct sums sums;
	struct inode_made made;
	u64 data_bytes;              /* of the tree at hand */
	VEC(struct read_job *) spare;
	struct read_job *job;        /* being collected */
	struct cloner cloner;
	u8 compression;              /* bit i: algorithm i was used */
	bool verity;
	/* data placed but not written: one run of the job's buffer */
	u64 run_start;
	u32 run_at, run_len;
};

/* ---- checksums ---- */

static int sums_flush(struct fill *f)
{
	struct sums *s = &f->sums;
	struct key key = KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, s->start);
	u32 n = s->n;

	s->n = 0;
	return n ? load_add(s->load, &key, s->v, n * s->size, f->err) : 0;
}

static int sums_add(struct fill *f, u64 bytenr, const u8 *v, u32 n)
{
	struct sums *s = &f->sums;

	while (n) {
		u32 take;
		int ret = 0;

		if (s->n && (s->n == s->max || bytenr != s->start + s->n * f->pop->sectorsize))
			ret = sums_flush(f);
		if (ret)
			return ret;
		if (!s->n)
			s->start = bytenr;
		take = min_t(u32, n, s->max - s->n);
		memcpy(s->v + s->n * s->size, v, take * s->size);
		s->n += take;
		v += take * s->size;
		bytenr += take * f->pop->sectorsize;
		n -= take;
	}
	return 0;
}

/* ---- data ---- */

static int run_flush(struct fill *f, const struct read_job *j)
{
	u32 len = f->run_len;

	f->run_len = 0;
	return len ? rio_write(f->m->vol, f->run_start, len, j->data + f->run_at, f->err) : 0;
}

static int run_add(struct fill *f, const struct read_job *j, u64 bytenr, u32 at, u32 len)
{
	if (f->run_len && (bytenr != f->run_start + f->run_len || at != f->run_at + f->run_len || !chunk_lookup(f->m->vol, bytenr) ||
			   chunk_lookup(f->m->vol, bytenr) != chunk_lookup(f->m->vol, f->run_start))) {
		int ret = run_flush(f, j);

		if (ret)
			return ret;
	}
	if (!f->run_len) {
		f->run_start = bytenr;
		f->run_at = at;
	}
	f->run_len += len;
	return 0;
}

/* Notes where file bytes went; what continues the extent before makes it longer. */
static int extent_add(struct fill *f, const struct entry *e, u64 start, u64 bytenr, u32 disk_len, u32 num, u8 compression)
{
	struct made_piece *last = f->made.extents.len ? &f->made.extents.v[f->made.extents.len - 1] : NULL;
	struct make_extent *x = f->m->extents.len ? &f->m->extents.v[f->m->extents.len - 1] : NULL;

	f->data_bytes += disk_len;
	if (last && !compression && !last->compression && last->start + last->num == start && last->bytenr + last->disk_len == bytenr &&
	    (u64)last->disk_len + disk_len <= BTRFS_MAX_EXTENT_SIZE && chunk_lookup(f->m->vol, bytenr) == chunk_lookup(f->m->vol, last->bytenr)) {
		last->num += num;
		last->disk_len += disk_len;
		x->len += disk_len;
		return 0;
	}
	if (vec_push(&f->made.extents, ((struct made_piece){ start, bytenr, disk_len, num, compression })) ||
	    vec_push(&f->m->extents, ((struct make_extent){ bytenr, f->tree->id, e->ino, start, disk_len })))
		return err_nomem(f->err);
	return 0;
}

static int place_piece(struct fill *f, const struct read_job *j, const struct entry *e, const struct read_piece *p)
{
	u32 sector = f->pop->sectorsize, done = 0;
	bool summed = !(e->iflags & (BTRFS_INODE_NODATASUM | BTRFS_INODE_NODATACOW));

	f->made.compressed |= p->compression != BTRFS_COMPRESS_NONE;
	f->compression |= 1 << p->compression;
	while (done < p->disk_len) {
		u64 bytenr, got;
		u32 shared = 0;
		int ret = space_data(f->m, p->disk_len - done, p->compression ? p->disk_len : sector, &bytenr, &got, f->err);

		if (!ret && f->pop->args.reflink)
			shared = clone_range(&f->cloner, f->pop, f->m, e, p->start + done, bytenr, got);
		if (!ret && shared < got)
			ret = run_add(f, j, bytenr + shared, p->at + done + shared, got - shared);
		if (!ret)
			ret = extent_add(f, e, p->start + (p->compression ? 0 : done), bytenr, got, p->compression ? p->len : got, p->compression);
		if (!ret && summed)
			ret = sums_add(f, bytenr, j->sums + (u64)(p->at + done) / sector * f->sums.size, got / sector);
		if (ret)
			return ret;
		done += got;
	}
	return 0;
}

/* ---- jobs in order ---- */

static int task_warn(struct fill *f, const struct read_task *t)
{
	char *path CLEANUP(mem_freep) = t->note || t->ret ? entry_path(f->pop, t->entry) : NULL;

	if (t->ret && t->err && f->err)
		*f->err = *t->err;
	if (t->ret)
		return err_wrap(f->err, t->ret, "%s", path ? path : t->entry->name);
	if (!t->note)
		return 0;
	if (f->pop->args.strict)
		return err_set(f->err, -EIO, "%s %s", path ? path : t->entry->name, t->note);
	env_msg(f->pop->env, MSG_WARNING, "%s %s", path ? path : t->entry->name, t->note);
	return 0;
}

static int task_done(struct fill *f, const struct read_job *j, const struct read_task *t)
{
	int ret = task_warn(f, t);

	if (t->first) {
		f->made.extents.len = 0;
		f->made.tried = f->made.compressed = false;
	}
	f->made.tried |= t->tried;
	for (u32 i = 0; i < t->npieces && !ret; i++)
		ret = place_piece(f, j, t->entry, &j->pieces.v[t->pieces + i]);
	f->verity |= t->verity != NULL;
	if (t->has_inline)
		f->compression |= 1 << t->inline_compression;
	return ret || !t->last ? ret : inode_emit(f->pop, f->m, f->load, f->tree, j, t, &f->made, f->err);
}

static int job_done(void *job, void *arg)
{
	struct read_job *j = job;
	struct fill *f = arg;
	int ret = env_check_interrupt(f->pop->env, f->err);

	for (unsigned i = 0; i < j->ntasks && !ret; i++)
		ret = task_done(f, j, &j->tasks[i]);
	if (!ret)
		ret = run_flush(f, j);
	progress_add(f->progress, j->bytes);
	read_job_reset(j);
	if (vec_push(&f->spare, j))
		read_job_free(j);
	return ret;
}

static void job_drop(void *job, void *arg)
{
	read_job_free(job);
}

/* ---- collecting ---- */

static int job_push(struct fill *f)
{
	struct read_job *j = f->job;

	f->job = NULL;
	return j ? ordq_push(f->queue, j) : 0;
}

static int task_add(struct fill *f, struct entry *e, u64 start, u64 len, bool first, bool last)
{
	struct read_job *j = f->job;

	if (j && (j->ntasks == READ_TASKS || (j->ntasks && j->bytes + len > READ_SEGMENT))) {
		int ret = job_push(f);

		if (ret)
			return ret;
		j = NULL;
	}
	if (!j) {
		j = f->spare.len ? f->spare.v[--f->spare.len] : mem_zalloc(sizeof(*j));
		if (!j)
			return err_nomem(f->err);
		j->pop = f->pop;
		j->csum_type = f->m->p.csum_type;
		f->job = j;
	}
	j->tasks[j->ntasks++] = (struct read_task){ .entry = e, .start = start, .len = len, .first = first, .last = last, .whole = first && last };
	j->bytes += len;
	return 0;
}

/* [from, to) of a file, in segments. */
static int add_range(struct fill *f, struct entry *e, u64 from, u64 to, bool *first, bool end)
{
	do {
		u64 len = min_t(u64, READ_SEGMENT, to - from);
		int ret = task_add(f, e, from, len, *first, end && from + len == to);

		if (ret)
			return ret;
		*first = false;
		from += len;
	} while (from < to);
	return 0;
}

/* Only what is no hole. The last task is one of its own: that the data is over is known after it. */
static int add_sparse(struct fill *f, struct entry *e)
{
	char *path CLEANUP(mem_freep) = e->stored ? NULL : entry_path(f->pop, e);
	int fd = e->stored ? dup(f->pop->spool) : path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1, ret = 0;
	u64 pos = 0, sector = f->pop->sectorsize, base = e->stored ? e->stored->offset : 0;
	bool first = true;

	if (fd < 0)
		return add_range(f, e, 0, e->size, &first, true);
	while (!ret && pos < e->size) {
		off_t data = lseek(fd, base + pos, SEEK_DATA), hole = data < 0 ? data : lseek(fd, data, SEEK_HOLE);
		u64 from, to;

		if (data < 0 && errno != ENXIO) {
			data = base + pos;
			hole = base + e->size;
		}
		if (data < 0 || (u64)data - base >= e->size)
			break;
		data -= base;
		hole -= hole < 0 ? 0 : base;
		from = max_t(u64, round_down_p2(data, sector), pos);
		to = min_t(u64, hole < 0 ? e->size : round_up_p2(hole, sector), e->size);
		if (to > from)
			ret = add_range(f, e, from, to, &first, false);
		pos = max_t(u64, to, from + sector);
	}
	close(fd);
	return ret ? ret : task_add(f, e, e->size, 0, first, true);
}

static int add_entry(struct fill *f, struct entry *e)
{
	bool first = true;

	if ((e->mode & 0170000) != 0100000)
		return task_add(f, e, 0, 0, true, true);
	if (e->flags & ENTRY_SPARSE && e->size > f->pop->inline_max)
		return add_sparse(f, e);
	return add_range(f, e, 0, e->size, &first, true);
}

/* ---- trees ---- */

static int fill_entries(struct fill *f)
{
	struct entry *top = f->tree->top;
	int ret = 0;

	for (struct entry *e = top; e && !ret; e = entry_next(top, e))
		if (!(e->flags & ENTRY_LINK) && (e == top || !(e->flags & ENTRY_SUBVOL)))
			ret = add_entry(f, e);
	if (!ret)
		ret = job_push(f);
	return ret ? ret : ordq_finish(f->queue);
}

static int tree_done(struct fill *f)
{
	const struct source_tree *s = f->tree;
	struct make_load *l = f->load;
	struct make_tree *t;
	int ret;

	f->load = NULL;
	ret = load_end(l, &t, f->err);
	if (ret)
		return ret;
	t->data_bytes = f->data_bytes;
	t->flags = s->flags;
	env_uuid(f->pop->env, t->uuid);
	if (!s->parent)
		return 0;
	t->parent = s->parent;
	t->dirid = s->top->parent->ino;
	t->index = entry_index(s->top);
	t->name = mem_strndup(s->top->name, s->top->name_len);
	return t->name ? 0 : err_nomem(f->err);
}

static int fill_trees(struct fill *f)
{
	int ret = 0;

	for (size_t i = 0; i < f->pop->trees.len && !ret; i++) {
		f->tree = &f->pop->trees.v[i];
		f->data_bytes = 0;
		ret = load_begin(f->m, f->tree->id, &f->load, f->err);
		if (!ret)
			ret = fill_entries(f);
		if (!ret)
			ret = tree_done(f);
	}
	if (!ret)
		ret = sums_flush(f);
	if (!ret) {
		struct make_load *l = f->sums.load;

		f->sums.load = NULL;
		ret = load_end(l, NULL, f->err);
	}
	return ret;
}

static int sums_init(struct fill *f)
{
	f->sums.size = csum_types[f->m->p.csum_type].size;
	f->sums.max = (geo_leafdata(make_geo(f->m)) - 2 * sizeof(struct disk_item)) / f->sums.size - 1;
	f->sums.v = mem_alloc(f->sums.max, f->sums.size);
	return f->sums.v ? load_begin(f->m, BTRFS_CSUM_TREE_OBJECTID, &f->sums.load, f->err) : err_nomem(f->err);
}

static void fill_fini(struct fill *f)
{
	ordq_free(f->queue);
	read_job_free(f->job);
	for (size_t i = 0; i < f->spare.len; i++)
		read_job_free(f->spare.v[i]);
	vec_fini(&f->spare);
	vec_fini(&f->made.extents);
	load_drop(f->load);
	load_drop(f->sums.load);
	free(f->sums.v);
	clone_fini(&f->cloner);
	progress_free(f->progress);
}

int populate_fill(struct populate *pop, struct maker *m, struct err *err)
{
	static const struct ordq_ops ops = { read_job_run, job_done, job_drop };
	struct fill f = { .pop = pop, .m = m, .err = err };
	int ret;

	clone_init(&f.cloner);
	f.progress = progress_new("filling", PROGRESS_BYTES, pop->data_bytes, pop->args.progress);
	f.queue = ordq_new(pop->env->pool, 4 * pop->nworkers + 4, &ops, &f);
	ret = f.queue ? sums_init(&f) : err_nomem(err);
	if (!ret)
		ret = fill_trees(&f);
	for (unsigned i = 0; i < BTRFS_COMPRESS_TYPES; i++)
		if (f.compression & 1 << i)
			m->p.incompat |= compress_feature(i);
	m->default_subvol = pop->default_subvol;
	if (f.verity)
		m->p.compat_ro |= BTRFS_FEATURE_COMPAT_RO_VERITY;
	if (pop->default_subvol)
		m->p.incompat |= BTRFS_FEATURE_INCOMPAT_DEFAULT_SUBVOL;
	fill_fini(&f);
	return ret;
}

/* ---- before ---- */

/* What an entry will take: data, and bytes of items. */
static void estimate_entry(struct populate *pop, const struct make_params *p, const struct entry *e)
{
	u64 data = 0;

	pop->meta_bytes += 330 + 3 * e->name_len;
	if ((e->mode & 0170000) != 0100000)
		return;
	if (e->size <= pop->inline_max) {
		pop->meta_bytes += e->size;
		return;
	}
	data = round_up_p2(e->size, pop->sectorsize);
	pop->data_bytes += data;
	/* compressed extents are small, and each has an extent item of its own */
	pop->meta_bytes += data / pop->sectorsize * csum_types[p->csum_type].size + (pop->args.compress ? data / BTRFS_MAX_UNCOMPRESSED + 1 : data / MiB(32) + 1) * 156;
}

static void estimate(struct populate *pop, struct make_params *p)
{
	for (size_t i = 0; i < pop->trees.len; i++)
		for (struct entry *e = pop->trees.v[i].top; e; e = entry_next(pop->trees.v[i].top, e)) {
			pop->entries++;
			if (!(e->flags & (ENTRY_LINK | ENTRY_SPARSE)))
				estimate_entry(pop, p, e);
		}
	p->expect_data = pop->data_bytes;
	p->expect_metadata = pop->meta_bytes + pop->meta_bytes / 8 + MiB(1);
}

static int workers_init(struct populate *pop, struct err *err)
{
	pop->nworkers = pool_threads(pop->env->pool);
	pop->workers = mem_calloc(pop->nworkers, sizeof(*pop->workers));
	if (!pop->workers)
		return err_nomem(err);
	for (unsigned i = 0; i < pop->nworkers; i++) {
		struct source_worker *w = &pop->workers[i];

		arena_init(&w->arena);
		w->dirfd = -1;
		w->names = mem_alloc(1, 65536);
		w->value = mem_alloc(1, 65536);
		if (!w->names || !w->value)
			return err_nomem(err);
	}
	return 0;
}

int populate_scan(struct env *env, const struct populate_args *args, struct make_params *p, struct populate **out, struct err *err)
{
	struct populate *pop = mem_zalloc(sizeof(*pop));
	struct geometry geo = { .nodesize = p->nodesize, .sectorsize = p->sectorsize };
	int ret;

	if (!pop)
		return err_nomem(err);
	pop->env = env;
	pop->args = *args;
	pop->fixed_times = env->fixed_clock;
	pop->sectorsize = p->sectorsize;
	pop->spool = -1;
	pop->inline_max = geo_max_inline_data(&geo);
	ret = workers_init(pop, err);
	if (!ret)
		ret = list_all(pop, err);
	if (!ret && args->manifest)
		ret = manifest_apply(pop, err);
	if (!ret)
		ret = number_all(pop, err);
	if (ret) {
		populate_free(pop);
		return ret;
	}
	estimate(pop, p);
	*out = pop;
	return 0;
}

void populate_free(struct populate *pop)
{
	if (!pop)
		return;
	for (unsigned i = 0; pop->workers && i < pop->nworkers; i++) {
		struct source_worker *w = &pop->workers[i];

		arena_fini(&w->arena);
		vec_fini(&w->links);
		vec_fini(&w->found);
		free(w->names);
		free(w->value);
		if (w->dirfd >= 0)
			close(w->dirfd);
	}
	free(pop->workers);
	if (pop->spool >= 0)
		close(pop->spool);
	vec_fini(&pop->added);
	vec_fini(&pop->links);
	vec_fini(&pop->groups);
	vec_fini(&pop->trees);
	free(pop);
}
