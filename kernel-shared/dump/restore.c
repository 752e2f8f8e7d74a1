/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a dump to devices: items are read, decompressed and mended in parallel and written in order, by one thread: the kernel lets one in at a time
 * anyway, and others would burn a CPU waiting. Spec: metadump 4. */
#include "kernel-shared/dump/restore.h"
#include "kernel-shared/dump/internal.h"

#include <stdlib.h>
#include "common/mem.h"
#include "common/pool.h"

enum { WINDOW = 3 }; /* items a thread in flight */

struct restore {
	struct env *env;
	const struct restore_opts *opts;
	struct dump_file *file;
	struct fs *dump;              /* the dump as a filesystem, as far as its chunks */
	struct plan plan;
	struct bdev *target;          /* of one device */
	struct volume *vol;           /* of several */
	struct ordq *queue;
	struct spares spares;
	struct dump_codec **codecs;   /* by worker */
	struct err *err;              /* of the writing end */
	u64 unmapped;                 /* items outside of all chunks */
};
struct job { const struct dump_item *item; u8 *buf; u32 len; int ret; struct err err; };

/* --- one item --- */

static int write_linear(struct restore *r, u64 bytenr, const u8 *buf, u32 len, struct err *err)
{
	while (len) {
		const struct place *at = r->opts->mode == RESTORE_FLAT ? NULL : plan_find(&r->plan, bytenr);
		u32 part = at ? min_t(u64, len, at->length - (bytenr - at->start)) : r->opts->mode == RESTORE_FLAT ? len : r->file->geo.sectorsize;
		int ret = bdev_write(r->target, at ? at->physical + (bytenr - at->start) : bytenr, buf, part, err);

		if (!ret && at && at->second)
			ret = bdev_write(r->target, at->second + (bytenr - at->start), buf, part, err);
		if (ret)
			return ret;
		bytenr += part;
		buf += part;
		len -= part;
	}
	return 0;
}

static int write_spread(struct restore *r, u64 bytenr, const u8 *buf, u32 len, struct err *err)
{
	while (len) {
		const struct chunk *c = chunk_lookup(r->vol, bytenr);
		u32 part = c ? min_t(u64, len, c->length - (bytenr - c->start)) : 0;
		int ret;

		if (!c)
			return err_set(err, -EUCLEAN, "the item at logical %llu lies in no chunk", bytenr);
		ret = rio_write(r->vol, bytenr, part, buf, err);
		if (ret)
			return ret;
		bytenr += part;
		buf += part;
		len -= part;
	}
	return 0;
}

static int prepare_item(struct restore *r, struct job *j, unsigned worker)
{
	const struct dump_file *f = r->file;
	u32 size = f->geo.nodesize;
	const struct chunk *chunk;
	int ret;

	j->buf = spare_get(&r->spares);
	if (!j->buf)
		return err_nomem(&j->err);
	ret = dump_item_read(f, j->item, r->codecs[worker], j->buf, &j->len, &j->err);
	if (ret)
		return ret;
	chunk = chunk_lookup(r->dump->vol, j->item->bytenr);
	if (chunk && !(chunk->type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM)))
		return 0;
	dump_heal_csums(f, j->item->bytenr, j->buf, j->len);
	for (u32 at = 0; r->opts->mode == RESTORE_ONE && r->plan.several && at + size <= j->len; at += size)
		rewrite_block(&r->plan, f, j->item->bytenr + at, j->buf + at);
	return 0;
}

static void job_work(void *job, void *arg, unsigned worker)
{
	struct job *j = job;

	j->ret = prepare_item(arg, j, worker);
}

static void job_drop(void *job, void *arg)
{
	struct restore *r = arg;
	struct job *j = job;

	spare_put(&r->spares, j->buf);
	free(j);
}

static int job_done(void *job, void *arg)
{
	struct restore *r = arg;
	struct job *j = job;
	int ret = j->ret;

	if (ret)
		*r->err = j->err;
	else
		ret = r->vol ? write_spread(r, j->item->bytenr, j->buf, j->len, r->err) : write_linear(r, j->item->bytenr, j->buf, j->len, r->err);
	progress_add(r->opts->progress, j->item->size);
	job_drop(j, r);
	return ret;
}

static int push_item(struct restore *r, const struct dump_item *item, struct err *err)
{
	struct job *j = mem_zalloc(sizeof(*j));

	if (!j)
		return err_nomem(err);
	j->item = item;
	return ordq_push(r->queue, j);
}

static int start_queue(struct restore *r, struct err *err)
{
	static const struct ordq_ops ops = { job_work, job_done, job_drop };
	unsigned n = pool_threads(r->env->pool);

	spares_init(&r->spares, DUMP_ITEM_MAX);
	r->queue = ordq_new(r->env->pool, WINDOW * n, &ops, r);
	r->codecs = mem_calloc(n, sizeof(*r->codecs));
	for (unsigned i = 0; r->codecs && i < n; i++) {
		r->codecs[i] = dump_codec_new(0);
		if (!r->codecs[i])
			return err_nomem(err);
	}
	return r->codecs && r->queue ? 0 : err_nomem(err);
}

static void stop_queue(struct restore *r)
{
	ordq_free(r->queue);
	for (unsigned i = 0; r->codecs && i < pool_threads(r->env->pool); i++)
		dump_codec_free(r->codecs[i]);
	free(r->codecs);
	spares_fini(&r->spares);
}

static int restore_items(struct restore *r, struct err *err)
{
	int ret = start_queue(r, err), end = 0;

	progress_total(r->opts->progress, r->file->bytes);
	for (size_t i = 0; !ret && i < r->file->items.len; i++) {
		ret = env_check_interrupt(r->env, err);
		if (!ret)
			ret = push_item(r, &r->file->items.v[i], err);
	}
	if (r->queue)
		end = ordq_finish(r->queue);
	stop_queue(r);
	return ret ? ret : end;
}

/* --- the target of one --- */

/* How far the device will be written, and how large the filesystem believes it to be. */
static int needed_size(struct restore *r, u64 *size, struct err *err)
{
	struct dump_codec *codec CLEANUP(dump_codec_freep) = dump_codec_new(0);
	u8 *buf CLEANUP(mem_freep) = mem_alloc(1, DUMP_ITEM_MAX);
	u64 total = le64_get(r->file->sb.dev_item.total_bytes);
	u32 len;
	int ret = 0;

	if (!codec || !buf)
		return err_nomem(err);
	*size = btrfs_super_offset[0] + BTRFS_SUPER_INFO_SIZE;
	/* The items ascend: the last that no chunk maps lies at the highest address. */
	for (size_t i = r->file->items.len; i--; ) {
		const struct dump_item *item = &r->file->items.v[i];

		if (r->opts->mode != RESTORE_FLAT && plan_find(&r->plan, item->bytenr))
			continue;
		ret = dump_item_read(r->file, item, codec, buf, &len, err);
		*size = max_t(u64, *size, item->bytenr + len);
		break;
	}
	if (r->opts->mode == RESTORE_FLAT)
		return ret;
	for (size_t i = 0; i < r->file->items.len; i++) {
		const struct place *at = plan_find(&r->plan, r->file->items.v[i].bytenr);

		r->unmapped += !at;
		if (at)
			*size = max_t(u64, *size, max_t(u64, at->physical, at->second) + at->length);
	}
	*size = max_t(u64, *size, r->plan.several ? r->plan.end : total);
	return ret;
}

static int open_target(struct restore *r, const char *path, struct bdev **out, struct err *err)
{
	struct bdev *b;
	int ret = bdev_open_file(r->env, path, BDEV_READ, &b, NULL);

	/* Opening for writing empties it. */
	if (!ret) {
		bool same = b->id[0] == r->file->bdev->id[0] && b->id[1] == r->file->bdev->id[1];

		bdev_close(b);
		if (same)
			return err_set(err, -EINVAL, "unable to create target file %s: it is the dump", path);
	}
	ret = bdev_open_file(r->env, path, BDEV_WRITE | BDEV_CREATE | BDEV_TRUNCATE, out, err);
	return ret ? err_wrap(err, ret, "unable to create target file %s", path) : 0;
}

static int size_target(struct bdev *b, u64 size, struct err *err)
{
	int ret;

	if (size > 1ULL << 62)
		return err_set(err, -EFBIG, "%s would have to hold %llu bytes", b->name, size);
	if (b->size >= size)
		return 0;
	if (b->block)
		return err_set(err, -ENOSPC, "%s is too small: it has %llu bytes, the filesystem needs %llu", b->name, b->size, size);
	ret = bdev_resize(b, size, err);
	return ret ? err_wrap(err, ret, "cannot make %s %llu bytes long", b->name, size) : 0;
}

/* The copies that fit on the device as it was found: an empty file has none. */
static int write_supers(struct restore *r, struct disk_super *sb, u64 had, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; !ret && i < BTRFS_SUPER_MIRROR_MAX; i++) {
		if (i && btrfs_super_offset[i] + sizeof(*sb) > had)
			break;
		sb->bytenr = le64_of(btrfs_super_offset[i]);
		super_set_csum(sb);
		ret = bdev_write(r->target, btrfs_super_offset[i], sb, sizeof(*sb), err);
	}
	return ret;
}

static int restore_linear(struct restore *r, struct err *err)
{
	struct disk_super sb = r->file->sb;
	u64 size = 0, had;
	int ret = plan_make(&r->plan, r->dump->vol, err);

	if (!ret)
		ret = needed_size(r, &size, err);
	if (!ret)
		ret = open_target(r, r->opts->targets[0], &r->target, err);
	if (ret)
		return ret;
	if (r->unmapped)
		env_msg(r->env, MSG_WARNING, "%llu items lie in no chunk and are written at their logical addresses", r->unmapped);
	had = r->target->size;
	ret = size_target(r->target, size, err);
	if (!ret)
		ret = restore_items(r, err);
	if (r->opts->mode == RESTORE_FLAT)
		flatten_super(&sb);
	else
		rewrite_super(&r->plan, r->file, &sb);
	if (!ret)
		ret = write_supers(r, &sb, had, err);
	return ret ? ret : bdev_flush(r->target, err);
}

/* Several devices became one: what says otherwise is put right by a transaction, for which the device is opened like any other. */
static int settle(struct restore *r, struct err *err)
{
	bool regular = !r->target->block;
	struct bdev *b;
	u64 size;
	int ret;

	bdev_close(r->target);
	r->target = NULL;
	ret = settle_device(r->env, r->opts->targets[0], &r->plan, &size, err);
	if (ret || !regular)
		return ret;
	ret = bdev_open_file(r->env, r->opts->targets[0], BDEV_WRITE, &b, err);
	if (ret)
		return ret;
	ret = bdev_resize(b, size, err);
	bdev_close(b);
	return ret;
}

/* --- as many targets as there were devices --- */

static int add_target(struct restore *r, const struct item *item, unsigned *n, struct err *err)
{
	const struct disk_dev_item *dev = item_struct(item, struct disk_dev_item);
	const char *path;
	struct device *added;
	struct bdev *b;
	int ret;

	if (!dev)
		return err_set(err, -EUCLEAN, "device item %llu has %u bytes", item->key.offset, item->size);
	if (*n == r->opts->ntargets)
		return err_set(err, -EINVAL, "it needs %llu devices but has only %u", le64_get(r->file->sb.num_devices), r->opts->ntargets);
	path = r->opts->targets[(*n)++];
	ret = open_target(r, path, &b, err);
	if (ret)
		return ret;
	ret = size_target(b, le64_get(dev->total_bytes), err);
	if (!ret)
		ret = volume_add_device(r->vol, b, path, dev, &added, err);
	if (ret)
		bdev_close(b);
	return ret;
}

static int add_chunk(struct restore *r, const struct item *item, struct err *err)
{
	const struct disk_chunk *chunk = item_struct(item, struct disk_chunk);

	if (!chunk || item->size != sizeof(*chunk) + le16_get(chunk->num_stripes) * sizeof(chunk->stripes[0]))
		return err_set(err, -EUCLEAN, "chunk item %llu has %u bytes", item->key.offset, item->size);
	return volume_add_chunk(r->vol, item->key.offset, chunk, err);
}

static int add_devices(struct restore *r, struct err *err)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	unsigned n = 0;
	int ret;

	if (!r->dump->chunk_tree)
		return err_set(err, -EUCLEAN, "the chunk tree in the dump cannot be read");
	if (le64_get(r->file->sb.num_devices) != r->opts->ntargets)
		return err_set(err, -EINVAL, "it needs %llu devices but has only %u", le64_get(r->file->sb.num_devices), r->opts->ntargets);
	it = tree_range(&r->dump->chunk_tree->tree, KEY_MIN, KEY_MAX);
	while ((ret = tree_next(&it, &item, err)) == 0) {
		if (item.key.type == BTRFS_DEV_ITEM_KEY)
			ret = add_target(r, &item, &n, err);
		else if (item.key.type == BTRFS_CHUNK_ITEM_KEY)
			ret = add_chunk(r, &item, err);
		if (ret)
			return ret;
	}
	if (ret != -ENOENT)
		return ret;
	return n == r->opts->ntargets ? 0 : err_set(err, -EUCLEAN, "the chunk tree names %u devices, not %u", n, r->opts->ntargets);
}

static int restore_spread(struct restore *r, struct err *err)
{
	struct disk_super sb = r->file->sb;
	int ret;

	if (!r->file->has_data)
		sb.flags = le64_of(le64_get(sb.flags) | BTRFS_SUPER_FLAG_METADUMP_V2);
	ret = volume_new(r->env, &sb, &r->vol, err);
	if (!ret)
		ret = add_devices(r, err);
	if (!ret)
		ret = restore_items(r, err);
	return ret ? ret : volume_write_supers(r->vol, err);
}

/* --- */

static int open_source(struct restore *r, const char *path, struct err *err)
{
	struct bdev *b;
	int ret = bdev_open_file(r->env, path, BDEV_READ, &b, err);

	if (ret)
		return ret;
	ret = dump_open(b, &r->file, err);
	if (ret) {
		bdev_close(b);
		return ret;
	}
	return fs_open_path(r->env, path, FS_OPEN_CHUNK_ONLY | FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NOSCAN | FS_OPEN_DEGRADED, &r->dump, err);
}

int dump_restore(struct env *env, const char *path, const struct restore_opts *opts, struct err *err)
{
	struct restore r = { .env = env, .opts = opts, .err = err };
	int ret;

	ret = open_source(&r, path, err);
	if (!ret)
		ret = opts->mode == RESTORE_ALL ? restore_spread(&r, err) : restore_linear(&r, err);
	if (!ret && opts->mode == RESTORE_ONE && r.plan.several)
		ret = settle(&r, err);
	bdev_close(r.target);
	volume_close(r.vol);
	fs_close(r.dump);
	dump_close(r.file);
	plan_fini(&r.plan);
	return ret;
}
