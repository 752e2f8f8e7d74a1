/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a dump: blocks are listed in order, merged to items, and jobs of about a megabyte are read, cleaned and compressed in parallel and written
 * in order. Spec: metadump 1, 2. */
#include <stdlib.h>
#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/dump/internal.h"
#include "kernel-shared/fs/file.h"

enum {
	JOB_BYTES = 1 << 20,
	JOB_ITEMS = JOB_BYTES / 4096,
	WINDOW = 3,           /* jobs a thread in flight */
};

struct piece { u64 start; u32 len; enum extent_kind kind; bool lost; u32 at; u8 *packed; u32 size; };
struct job {
	struct dump *d;
	unsigned n;
	u32 bytes;
	u64 bad, bad_data;    /* blocks, pieces of files that did not pass */
	struct clean_counts counts;
	int ret;
	struct err err;
	unsigned users;       /* items in the sink that still need raw */
	u8 *raw;
	struct piece items[JOB_ITEMS];
};

struct dump {
	struct fs *fs;
	const struct dump_opts *opts;
	struct dump_stats *stats;
	struct cleaner cleaner;
	struct sink *sink;
	struct ordq *queue;
	struct err *err;      /* of the writing end */
	struct dump_codec **codecs; /* by worker */
	u8 **packed;
	struct job *job;      /* being filled */
	struct spares spares;
};

static void job_free(struct job *j)
{
	if (!j)
		return;
	spare_put(&j->d->spares, j->raw);
	for (unsigned i = 0; i < j->n; i++)
		free(j->items[i].packed);
	free(j);
}

/* An item has been written. */
static void job_release(void *arg)
{
	struct job *j = arg;

	if (!--j->users)
		job_free(j);
}

/* --- the parallel part --- */

/* A block that was read in passing and did not pass the gate: any other copy, or else (damaged) what there is, unless names are to be
 * replaced, which cannot be done in what is not understood. Nothing readable: zeros. */
static int read_copies(struct job *j, u64 bytenr, u8 *block)
{
	struct dump *d = j->d;
	struct fs *fs = d->fs;
	struct block_ref ref = { .bytenr = bytenr, .any_owner = true };
	struct node *n;
	int ret = node_get(&fs->store, &ref, &n, &j->err);

	if (!ret) {
		memcpy(block, n->data, fs->geo->nodesize);
		node_put(n);
		clean_block(&d->cleaner, block, &j->counts);
		return 0;
	}
	if (ret == -ENOMEM || !d->opts->damaged)
		return ret;
	j->bad++;
	if (d->cleaner.names || rio_read(fs->vol, bytenr, fs->geo->nodesize, 0, block, NULL))
		memset(block, 0, fs->geo->nodesize);
	return 0;
}

/* Verified, from the copy that is right; where none is, as it lies there. */
static int read_file_data(struct job *j, const struct piece *p)
{
	struct fs *fs = j->d->fs;
	int ret = data_read(fs, p->start, p->len, j->raw + p->at, CSUM_IF_PRESENT, NULL);

	if (!ret)
		return 0;
	j->bad_data++;
	return rio_read(fs->vol, p->start, p->len, 0, j->raw + p->at, NULL);
}

static int clean_item(struct job *j, struct piece *p, bool read)
{
	const struct nstore *store = &j->d->fs->store;
	u32 size = store->geo->nodesize;
	int ret = 0;

	if (p->kind != EXTENT_BLOCK) {
		p->lost = !read;
		return read || j->d->opts->damaged ? 0 : err_set(&j->err, -EIO, "cannot read %u bytes of %s at logical %llu", p->len,
								 p->kind == EXTENT_FILE ? "file data" : "the free space cache", p->start);
	}
	for (u32 at = 0; !ret && at < p->len; at += size) {
		struct block_ref ref = { .bytenr = p->start + at, .any_owner = true };
		u8 *block = j->raw + p->at + at;
		struct findings findings = { 0 };

		if (read && !node_gate(store, block, &ref, &findings, NULL))
			clean_block(&j->d->cleaner, block, &j->counts);
		else
			ret = read_copies(j, ref.bytenr, block);
		findings_fini(&findings);
	}
	return ret;
}

static int pack_item(struct job *j, struct piece *p, unsigned worker)
{
	struct dump *d = j->d;

	if (!d->opts->level || p->lost)
		return 0;
	p->size = dump_compress(d->codecs[worker], p->start, j->raw + p->at, p->len, d->packed[worker]);
	if (!p->size)
		return err_set(&j->err, -EIO, "cannot compress %u bytes", p->len);
	p->packed = mem_dup(d->packed[worker], p->size);
	return p->packed ? 0 : err_nomem(&j->err);
}

static int job_run(struct job *j, unsigned worker)
{
	struct rio_req *reqs CLEANUP(mem_freep) = mem_calloc(j->n, sizeof(*reqs));
	unsigned n = 0;
	int ret;

	j->raw = spare_get(&j->d->spares);
	if (!reqs || !j->raw)
		return err_nomem(&j->err);
	for (unsigned i = 0; i < j->n; i++)
		if (j->items[i].kind != EXTENT_FILE)
			reqs[n++] = (struct rio_req){ .start = j->items[i].start, .len = j->items[i].len, .buf = j->raw + j->items[i].at };
	ret = rio_read_batch(j->d->fs->vol, reqs, n, &j->err);
	n = 0;
	for (unsigned i = 0; !ret && i < j->n; i++) {
		struct piece *p = &j->items[i];

		ret = clean_item(j, p, !(p->kind == EXTENT_FILE ? read_file_data(j, p) : reqs[n++].ret));
		if (!ret)
			ret = pack_item(j, p, worker);
	}
	if (j->d->opts->level) {
		spare_put(&j->d->spares, j->raw);
		j->raw = NULL;
	}
	return ret;
}

static void job_work(void *job, void *arg, unsigned worker)
{
	struct job *j = job;

	j->ret = job_run(j, worker);
}

/* --- the end in order --- */

static int job_done(void *job, void *arg)
{
	struct job *j = job;
	struct dump *d = arg;
	int ret = j->ret;

	if (ret) {
		*d->err = j->err;
		job_free(j);
		return ret;
	}
	d->stats->unreadable += j->bad;
	d->stats->bad_data += j->bad_data;
	d->stats->short_names += j->counts.short_names;
	d->stats->odd_names += j->counts.odd_names;
	j->users = 1;
	for (unsigned i = 0; !ret && i < j->n; i++) {
		struct piece *p = &j->items[i];

		if (p->kind == EXTENT_BLOCK)
			d->stats->blocks += p->len / d->fs->geo->nodesize;
		if (p->lost)
			continue;
		j->users++;
		ret = sink_add(d->sink, p->start, p->packed ? p->packed : j->raw + p->at, p->packed ? p->size : p->len, job_release, j, d->err);
	}
	progress_add(d->opts->progress, j->bytes);
	job_release(j);
	return ret;
}

static void job_drop(void *job, void *arg)
{
	job_free(job);
}

/* --- filling jobs --- */

static int job_push(struct dump *d)
{
	struct job *j = d->job;

	d->job = NULL;
	return j ? ordq_push(d->queue, j) : 0;
}

/* An item more for the job at hand, or more of the last item. The way in which blocks become items does not depend on jobs. */
static int add_extent(void *arg, u64 bytenr, u32 len, enum extent_kind kind, struct err *err)
{
	struct dump *d = arg;
	struct job *j = d->job;
	struct piece *p = j && j->n ? &j->items[j->n - 1] : NULL;
	bool joins = p && kind == EXTENT_BLOCK && p->kind == EXTENT_BLOCK && p->start + p->len == bytenr && p->len + len <= DUMP_ITEM_BYTES;
	int ret;

	if (!joins && j && (j->n == JOB_ITEMS || j->bytes + DUMP_ITEM_BYTES > JOB_BYTES)) {
		ret = env_check_interrupt(d->fs->env, err);
		if (!ret)
			ret = job_push(d);
		if (ret)
			return ret;
		j = NULL;
	}
	if (!j) {
		j = d->job = mem_zalloc(sizeof(*j));
		if (!j)
			return err_nomem(err);
		j->d = d;
	}
	if (!joins)
		j->items[j->n++] = (struct piece){ .start = bytenr, .kind = kind, .at = j->bytes };
	j->items[j->n - 1].len += len;
	j->bytes += len;
	return 0;
}

/* The superblock of the device with the lowest number, as it is: restoring to several devices counts from there. */
static int add_super(struct dump *d, struct err *err)
{
	const struct volume *vol = d->fs->vol;
	const struct device *dev = vol->main;
	struct job *j;
	struct disk_super *sb;

	for (size_t i = 0; i < vol->devices.len; i++) {
		const struct device *o = vol->devices.v[i];

		if (!o->stale && !o->seed && super_has_magic(&o->sb) && o->devid < dev->devid)
			dev = o;
	}
	j = mem_zalloc(sizeof(*j));
	if (!j)
		return err_nomem(err);
	j->d = d;
	j->raw = spare_get(&d->spares);
	if (!j->raw) {
		job_free(j);
		return err_nomem(err);
	}
	sb = (void *)j->raw;
	*sb = dev->sb;
	if (le64_get(sb->bytenr) != btrfs_super_offset[0]) {
		sb->bytenr = le64_of(btrfs_super_offset[0]);
		super_set_csum(sb);
	}
	clean_super(&d->cleaner, sb);
	j->n = 1;
	j->items[0] = (struct piece){ .start = btrfs_super_offset[0], .len = sizeof(*sb), .kind = EXTENT_CACHE };
	j->ret = pack_item(j, &j->items[0], 0);
	return job_done(j, d);
}

static int write_all(struct dump *d, struct err *err)
{
	struct lister l = { d->fs, d->opts->damaged, d->opts->data, add_extent, d };
	int ret = add_super(d, err), end;

	if (!ret)
		ret = d->opts->walk ? list_by_walking(&l, err) : list_by_extent_tree(&l, err);
	if (!ret)
		ret = list_log(&l, err);
	/* The cache is data like any other. */
	if (!ret && !l.data)
		ret = list_old_cache(&l, err);
	if (!ret)
		ret = job_push(d);
	job_free(d->job);
	end = ordq_finish(d->queue);
	if (!ret)
		ret = end;
	return ret ? ret : sink_finish(d->sink, err);
}

static int start(struct dump *d, int fd)
{
	static const struct ordq_ops ops = { job_work, job_done, job_drop };
	unsigned threads = pool_threads(d->fs->env->pool);

	d->sink = sink_new(fd, d->opts->data ? DUMP_MAGIC_DATA : DUMP_MAGIC, d->opts->level);
	d->queue = ordq_new(d->fs->env->pool, WINDOW * threads, &ops, d);
	d->codecs = mem_calloc(threads, sizeof(*d->codecs));
	d->packed = mem_calloc(threads, sizeof(*d->packed));
	if (!d->sink || !d->queue || !d->codecs || !d->packed)
		return -ENOMEM;
	for (unsigned i = 0; d->opts->level && i < threads; i++) {
		d->codecs[i] = dump_codec_new(d->opts->level);
		d->packed[i] = mem_alloc(1, DUMP_STORED_MAX);
		if (!d->codecs[i] || !d->packed[i])
			return -ENOMEM;
	}
	return 0;
}

static void stop(struct dump *d)
{
	unsigned threads = pool_threads(d->fs->env->pool);

	ordq_free(d->queue);
	sink_free(d->sink);
	for (unsigned i = 0; i < threads; i++) {
		if (d->codecs)
			dump_codec_free(d->codecs[i]);
		if (d->packed)
			free(d->packed[i]);
	}
	free(d->codecs);
	free(d->packed);
	spares_fini(&d->spares);
}

int dump_write(struct fs *fs, int fd, const struct dump_opts *opts, struct dump_stats *stats, struct err *err)
{
	struct dump d = { .fs = fs, .opts = opts, .stats = stats, .err = err };
	int ret;

	*stats = (struct dump_stats){ 0 };
	d.cleaner = (struct cleaner){ .geo = fs->geo, .names = opts->names, .private = opts->private, .contents = opts->data && !opts->names };
	spares_init(&d.spares, JOB_BYTES);
	namer_init(&d.cleaner.namer, fs->env);
	ret = start(&d, fd);
	ret = ret ? err_nomem(err) : write_all(&d, err);
	if (!ret)
		stats->bytes = sink_bytes(d.sink);
	stop(&d);
	return ret;
}
