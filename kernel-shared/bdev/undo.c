/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing with a way back. Writes gather in an overlay; when it is full, or at a flush, the old bytes go to the undo file, the file is
 * synced, then the overlay goes to the device: one sync for many writes, and never a byte overwritten that is not safe elsewhere. */
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <unistd.h>
#include "common/io.h"
#include "common/ranges.h"
#include "common/strbuf.h"
#include "common/vec.h"
#include "crypto/csum.h"
#include "kernel-shared/bdev/layer.h"
#include "kernel-shared/bdev/overlay.h"
#include "kernel-shared/bdev/undo_format.h"

enum { UNDO_PENDING = 32 << 20, UNDO_CHUNK = 1 << 20, UNDO_GRANULE = 4096 };

struct undo {
	struct bdev b;          /* b.lower is an overlay that holds what is pending */
	struct bdev *disk;      /* below the overlay */
	struct undo_log *log;   /* NULL: closed */
	u64 pending;            /* bytes written to the overlay since it was emptied, an upper bound */
	u64 first_size;
	struct ranges saved;    /* of the device as it was at first */
	struct ranges written;  /* everything ever written */
	unsigned index;
	pthread_mutex_t writing; /* one write, flush or resize at a time */
	pthread_rwlock_t reading; /* held for writing while the overlay is emptied */
};

struct undo_log {
	struct env *env;
	pthread_mutex_t lock;   /* one device at a time adds to the batch */
	int fd;
	char *path;
	u64 end, seq;
	struct strbuf batch;
	bool failed, used;
	VEC(struct undo *) devices;
};

static inline struct undo *to_undo(struct bdev *b)
{
	return container_of(b, struct undo, b);
}

/* size: bytes of data that the caller puts behind it. */
static void log_head(struct undo_log *log, unsigned device, enum undo_type type, u64 off, u64 len, u64 size)
{
	struct undo_entry e = { le32_of(type), le32_of(device), le64_of(off), le64_of(len), le64_of(size) };

	sb_add(&log->batch, &e, sizeof(e));
}

static void log_entry(struct undo_log *log, unsigned device, enum undo_type type, u64 off, u64 len, const void *data, size_t size)
{
	log_head(log, device, type, off, len, size);
	sb_add(&log->batch, data, size);
}

static void log_crc(struct undo_log *log, unsigned device, enum undo_type type, u64 off, u64 len, const void *bytes)
{
	le32 crc = le32_of(crc32c(bytes, len));

	log_entry(log, device, type, off, len, &crc, sizeof(crc));
}

/* Writes the gathered entries as one batch. sync: and waits for the disk. */
static int log_write(struct undo_log *log, bool sync, struct err *err)
{
	struct undo_batch h = { .magic = le32_of(UNDO_BATCH_MAGIC), .seq = le64_of(log->seq), .len = le64_of(log->batch.len) };
	int ret = log->batch.failed ? -ENOMEM : 0;

	if (!ret && log->batch.len) {
		h.payload_crc = le32_of(crc32c(log->batch.v, log->batch.len));
		h.crc = le32_of(crc32c(&h, sizeof(h)));
		ret = io_pwrite(log->fd, &h, sizeof(h), log->end);
		if (!ret)
			ret = io_pwrite(log->fd, log->batch.v, log->batch.len, log->end + sizeof(h));
		log->end += sizeof(h) + log->batch.len;
		log->seq++;
		sb_reset(&log->batch);
	}
	if (!ret && sync && fdatasync(log->fd))
		ret = -errno;
	if (ret)
		log->failed = true;
	return ret ? err_errno(err, ret, "cannot write the undo file %s", log->path) : 0;
}

/* Adds the old bytes of [off, off + len) of the device, which nobody has saved yet. */
static int save_piece(struct undo *u, u64 off, u64 len, struct err *err)
{
	struct undo_log *log = u->log;
	u64 data, data_len, data_end;
	int ret;

	while (len) {
		u64 n = min_t(u64, len, UNDO_CHUNK);

		ret = bdev_next_data(u->disk, off, &data, &data_len);
		if (ret)
			return err_errno(err, ret, "cannot look for holes in %s", u->b.name);
		if (!data_len || data >= off + len) {
			log_head(log, u->index, UNDO_ZERO, off, len, 0);
			return 0;
		}
		/* In whole granules, whatever the grain of the file's holes. */
		data_end = round_up_p2(data + data_len, UNDO_GRANULE);
		data = round_down_p2(data, UNDO_GRANULE);
		if (data > off) {
			log_head(log, u->index, UNDO_ZERO, off, data - off, 0);
			len -= data - off;
			off = data;
			continue;
		}
		n = min_t(u64, n, data_end - off);
		log_head(log, u->index, UNDO_OLD, off, n, n);
		if (log->batch.failed || !sb_room(&log->batch, n))
			return err_nomem(err);
		ret = bdev_read(u->disk, off, log->batch.v + log->batch.len, n, err);
		if (ret)
			return ret;
		log->batch.len += n;
		if (log->batch.len >= UNDO_PENDING && (ret = log_write(log, false, err)))
			return ret;
		off += n;
		len -= n;
	}
	return 0;
}

/* Saves what of [off, end) has not been saved and belongs to the device as it was at first. */
static int save_range(struct undo *u, u64 off, u64 end, struct err *err)
{
	struct range r;
	u64 pos = off;
	int ret = 0;

	end = min_t(u64, end, u->first_size);
	while (!ret && pos < end) {
		u64 stop = end;

		if (ranges_next(&u->saved, pos, &r)) {
			if (r.start <= pos) {
				pos = r.end;
				continue;
			}
			stop = min_t(u64, end, r.start);
		}
		ret = save_piece(u, pos, stop - pos, err);
		pos = stop;
	}
	if (!ret && off < end && ranges_add(&u->saved, off, end))
		ret = err_nomem(err);
	return ret;
}

/* Brings what is pending to the device. The log is locked. */
static int drain_locked(struct undo *u, struct err *err)
{
	u8 witness[UNDO_WITNESS_LEN];
	u64 pos = 0, start, len;
	int ret = 0;

	if (u->log->failed)
		return err_set(err, -EIO, "the undo file %s could not be written: nothing more is written to %s", u->log->path, u->b.name);
	for (pos = 0; !ret && bdev_overlay_next(u->b.lower, pos, &start, &len); pos = start + len) {
		ret = save_range(u, start, start + len, err);
		if (!ret && ranges_add(&u->written, start, start + len))
			ret = err_nomem(err);
		if (!ret && start <= UNDO_WITNESS_OFF && start + len >= UNDO_WITNESS_OFF + UNDO_WITNESS_LEN) {
			ret = bdev_read(u->b.lower, UNDO_WITNESS_OFF, witness, sizeof(witness), err);
			log_crc(u->log, u->index, UNDO_WITNESS, UNDO_WITNESS_OFF, sizeof(witness), witness);
		}
	}
	if (!ret)
		ret = log_write(u->log, true, err);
	u->log->used = true;
	if (!ret)
		ret = bdev_overlay_commit(u->b.lower, 0, u->b.size, err);
	if (!ret) {
		pthread_rwlock_wrlock(&u->reading);
		overlay_forget(u->b.lower);
		pthread_rwlock_unlock(&u->reading);
		u->pending = 0;
	}
	return ret;
}

static int drain(struct undo *u, struct err *err)
{
	int ret;

	if (!u->pending)
		return 0;
	pthread_mutex_lock(&u->log->lock);
	ret = drain_locked(u, err);
	pthread_mutex_unlock(&u->log->lock);
	return ret;
}

static int undo_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	struct undo *u = to_undo(b);
	int ret;

	pthread_rwlock_rdlock(&u->reading);
	ret = bdev_read(b->lower, off, buf, len, err);
	pthread_rwlock_unlock(&u->reading);
	return ret;
}

static int undo_next_data(struct bdev *b, u64 off, u64 *start, u64 *len)
{
	struct undo *u = to_undo(b);
	int ret;

	pthread_rwlock_rdlock(&u->reading);
	ret = bdev_next_data(b->lower, off, start, len);
	pthread_rwlock_unlock(&u->reading);
	return ret;
}

static int write_locked(struct undo *u, u64 off, const u8 *from, size_t len, struct err *err)
{
	if (!u->log)
		return err_set(err, -EROFS, "the undo file has been closed: %s is not written any more", u->b.name);
	while (len) {
		size_t n = min_t(size_t, len, UNDO_CHUNK);
		int ret = bdev_write(u->b.lower, off, from, n, err);

		if (ret)
			return ret;
		u->pending += round_up_p2(n, UNDO_GRANULE) + UNDO_GRANULE;
		if (u->pending >= UNDO_PENDING && (ret = drain(u, err)))
			return ret;
		from += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int undo_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	struct undo *u = to_undo(b);
	int ret;

	pthread_mutex_lock(&u->writing);
	ret = write_locked(u, off, buf, len, err);
	pthread_mutex_unlock(&u->writing);
	return ret;
}

static int undo_flush(struct bdev *b, struct err *err)
{
	struct undo *u = to_undo(b);
	int ret;

	pthread_mutex_lock(&u->writing);
	ret = drain(u, err);
	pthread_mutex_unlock(&u->writing);
	return ret ? ret : bdev_flush(u->disk, err);
}

static int log_resize(struct undo *u, u64 size, struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&u->log->lock);
	if (size < u->b.size)
		ret = save_range(u, size, u->b.size, err);
	if (!ret) {
		log_head(u->log, u->index, UNDO_SIZE, size, 0, 0);
		ret = log_write(u->log, true, err);
	}
	pthread_mutex_unlock(&u->log->lock);
	return ret;
}

static int resize_locked(struct undo *u, u64 size, struct err *err)
{
	int ret = u->log ? drain(u, err) : err_set(err, -EROFS, "the undo file has been closed: %s keeps its size", u->b.name);

	if (!ret)
		ret = log_resize(u, size, err);
	if (u->log)
		u->log->used = true;
	if (!ret)
		ret = bdev_resize(u->disk, size, err);
	if (ret)
		return ret;
	if (size < u->first_size && ranges_add(&u->written, size, u->first_size))
		return err_nomem(err);
	return bdev_resize(u->b.lower, size, err);
}

static int undo_resize(struct bdev *b, u64 size, struct err *err)
{
	struct undo *u = to_undo(b);
	int ret;

	pthread_mutex_lock(&u->writing);
	ret = resize_locked(u, size, err);
	pthread_mutex_unlock(&u->writing);
	return ret;
}

static void undo_close(struct bdev *b)
{
	struct undo *u = to_undo(b);

	ranges_fini(&u->saved);
	ranges_fini(&u->written);
	for (size_t i = 0; u->log && i < u->log->devices.len; i++)
		if (u->log->devices.v[i] == u)
			u->log->devices.v[i] = NULL;
	pthread_mutex_destroy(&u->writing);
	pthread_rwlock_destroy(&u->reading);
	free(u);
}

static const struct bdev_ops undo_ops = {
	.read = undo_read, .write = undo_write, .flush = undo_flush, .resize = undo_resize, .close = undo_close,
	.next_data = undo_next_data,
};

int bdev_undo_new(struct bdev *lower, struct undo_log *log, struct bdev **out, struct err *err)
{
	struct undo *u = mem_zalloc(sizeof(*u));
	struct bdev *overlay;
	int ret = u ? bdev_overlay_new(lower, &overlay, err) : err_nomem(err);

	if (ret) {
		free(u);
		return ret;
	}
	bdev_init_layer(&u->b, &undo_ops, overlay);
	u->b.writable = lower->writable;
	u->disk = lower;
	u->first_size = lower->size;
	u->index = log->devices.len;
	ret = vec_push(&log->devices, u) ? err_nomem(err) : 0;
	if (!ret) {
		log_entry(log, u->index, UNDO_DEVICE, lower->size, 0, lower->name, strlen(lower->name));
		ret = log_write(log, true, err);
		if (ret)
			log->devices.len--;
	}
	if (ret) {
		overlay->lower = NULL; /* the caller's again */
		overlay->name = NULL;
		bdev_close(overlay);
		free(u);
		return ret;
	}
	pthread_mutex_init(&u->writing, NULL);
	pthread_rwlock_init(&u->reading, NULL);
	u->log = log;
	*out = &u->b;
	return 0;
}

/* The name of a new file must be safe as well as its bytes. */
static void sync_directory(const char *path)
{
	char *copy = mem_strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

static void log_free(struct undo_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	pthread_mutex_destroy(&log->lock);
	sb_fini(&log->batch);
	vec_fini(&log->devices);
	free(log->path);
	free(log);
}

int undo_log_create(struct env *env, const char *path, struct undo_log **out, struct err *err)
{
	struct undo_header h = { .magic = UNDO_MAGIC, .version = le32_of(UNDO_VERSION) };
	struct undo_log *log = mem_zalloc(sizeof(*log));
	int ret;

	if (!log)
		return err_nomem(err);
	log->env = env;
	pthread_mutex_init(&log->lock, NULL);
	log->path = mem_strdup(path);
	log->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	log->end = sizeof(h);
	if (!log->path)
		ret = err_nomem(err);
	else if (log->fd < 0)
		ret = err_errno(err, -errno, "cannot make the undo file %s", path);
	else if ((ret = io_pwrite(log->fd, &h, sizeof(h), 0)))
		err_errno(err, ret, "cannot write the undo file %s", path);
	if (ret) {
		log_free(log);
		return ret;
	}
	sync_directory(path);
	*out = log;
	return 0;
}

/* Reads back what was written, so that taking back can see whether somebody else has changed it since. */
static int record_end(struct undo *u, struct err *err)
{
	u8 *buf = mem_alloc_io(UNDO_CHUNK);
	struct range r = { 0, 0 };
	int ret = buf ? 0 : err_nomem(err);
	u64 pos = 0;

	while (!ret && ranges_next(&u->written, pos, &r) && max_t(u64, r.start, pos) < u->disk->size) {
		u64 at = max_t(u64, r.start, pos), n = min_t(u64, min_t(u64, r.end, u->disk->size) - at, UNDO_CHUNK);

		ret = bdev_read(u->disk, at, buf, n, err);
		if (!ret)
			log_crc(u->log, u->index, UNDO_END, at, n, buf);
		if (!ret && u->log->batch.len >= UNDO_PENDING)
			ret = log_write(u->log, false, err);
		pos = at + n;
	}
	log_head(u->log, u->index, UNDO_CLOSE, u->disk->size, 0, 0);
	free(buf);
	return ret;
}

bool undo_log_used(const struct undo_log *log)
{
	return log->used;
}

int undo_log_close(struct undo_log *log, struct err *err)
{
	int ret = 0;

	if (!log)
		return 0;
	for (size_t i = 0; i < log->devices.len && !ret; i++)
		if (log->devices.v[i])
			ret = undo_flush(&log->devices.v[i]->b, err);
	for (size_t i = 0; i < log->devices.len && !ret; i++)
		if (log->devices.v[i])
			ret = record_end(log->devices.v[i], err);
	if (!ret)
		ret = log_write(log, true, err);
	for (size_t i = 0; i < log->devices.len; i++)
		if (log->devices.v[i])
			log->devices.v[i]->log = NULL;
	log_free(log);
	return ret;
}
