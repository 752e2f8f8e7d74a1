/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking back: the old bytes of an undo file go to the devices again, unless somebody has changed them since. */
#include <fcntl.h>
#include <unistd.h>
#include "common/io.h"
#include "common/strbuf.h"
#include "common/vec.h"
#include "crypto/csum.h"
#include "kernel-shared/bdev/layer.h"
#include "kernel-shared/bdev/undo_format.h"

/* One device as the log tells of it. */
struct undone {
	struct bdev *bdev;
	char *name;
	u64 first_size, end_size;
	VEC(u64) sizes;        /* that it may have if the log was never closed */
	bool closed;
	bool witnessed, fits;  /* the place of the last witness: was one written, does the device show one of them or the old bytes */
};

struct reader {
	struct env *env;
	int fd;
	const char *path;
	u64 size;
	enum undo_state state;
	u8 *payload;
	VEC(struct undone) devices;
};

/* One entry, checked against its type's form. */
struct fact {
	enum undo_type type;
	struct undone *dev;
	u64 off, len, size;
	const u8 *data;
};

typedef int (*fact_fn)(struct reader *r, const struct fact *f, struct err *err);

static int damaged(const struct reader *r, u64 at, const char *what, struct err *err)
{
	return err_set(err, -EUCLEAN, "the undo file %s is damaged at %llu: %s", r->path, at, what);
}

static bool header_ok(struct undo_batch h)
{
	u32 crc = le32_get(h.crc);

	h.crc = le32_of(0);
	return le32_get(h.magic) == UNDO_BATCH_MAGIC && crc == crc32c(&h, sizeof(h));
}

/* Does a batch later than seq follow somewhere behind the broken one at pos? Only the last may be torn. */
static bool batch_follows(struct reader *r, u64 pos, u64 seq)
{
	const le32 magic = le32_of(UNDO_BATCH_MAGIC);
	struct undo_batch h;
	ssize_t n;

	for (pos++; (n = io_pread(r->fd, r->payload, UNDO_PAYLOAD_MAX, pos)) >= (ssize_t)sizeof(h); pos += n - (sizeof(h) - 1)) {
		const u8 *at = r->payload, *end = r->payload + n;

		while ((at = memmem(at, end - at, &magic, sizeof(magic))) && end - at >= (ssize_t)sizeof(h)) {
			memcpy(&h, at++, sizeof(h));
			if (header_ok(h) && le64_get(h.seq) > seq)
				return true;
		}
	}
	return false;
}

static bool fact_ok(const struct fact *f)
{
	switch (f->type) {
	case UNDO_DEVICE:
		return f->size < 1 << 16;
	case UNDO_OLD:
		return f->size == f->len;
	case UNDO_WITNESS:
	case UNDO_END:
		return f->size == sizeof(le32) && f->len <= UNDO_PAYLOAD_MAX;
	case UNDO_ZERO:
	case UNDO_SIZE:
	case UNDO_CLOSE:
		return !f->size;
	}
	return false;
}

static int each_in_payload(struct reader *r, u64 at, u64 size, fact_fn fn, struct err *err)
{
	u64 pos = 0;
	int ret = 0;

	while (!ret && pos < size) {
		struct undo_entry e;
		struct fact f;

		if (size - pos < sizeof(e))
			return damaged(r, at + pos, "an entry is cut short", err);
		memcpy(&e, r->payload + pos, sizeof(e));
		pos += sizeof(e);
		f = (struct fact){ le32_get(e.type), NULL, le64_get(e.off), le64_get(e.len), le64_get(e.data), r->payload + pos };
		if (f.size > size - pos || !fact_ok(&f))
			return damaged(r, at + pos, "an entry has no valid form", err);
		if (f.type == UNDO_DEVICE && le32_get(e.device) == r->devices.len && vec_push(&r->devices, (struct undone){ .fits = false }))
			return err_nomem(err);
		if (le32_get(e.device) >= r->devices.len)
			return damaged(r, at + pos, "an entry of an unknown device", err);
		f.dev = &r->devices.v[le32_get(e.device)];
		ret = fn(r, &f, err);
		pos += f.size;
	}
	return ret;
}

/* Every entry of every whole batch. */
static int each_fact(struct reader *r, fact_fn fn, struct err *err)
{
	u64 pos = sizeof(struct undo_header), len;
	struct undo_batch h;
	int ret = 0;

	for (u64 seq = 0; !ret && pos < r->size; seq++, pos += sizeof(h) + len) {
		ssize_t n = io_pread(r->fd, &h, sizeof(h), pos);

		if (n < 0)
			return err_errno(err, n, "cannot read the undo file %s", r->path);
		len = le64_get(h.len);
		if (n < (ssize_t)sizeof(h) || !header_ok(h) || le64_get(h.seq) != seq)
			return batch_follows(r, pos, seq) ? damaged(r, pos, "a batch is missing", err) : 0;
		if (len > UNDO_PAYLOAD_MAX)
			return damaged(r, pos, "a batch is too large", err);
		n = io_pread(r->fd, r->payload, len, pos + sizeof(h));
		if (n < 0)
			return err_errno(err, n, "cannot read the undo file %s", r->path);
		if ((u64)n < len || crc32c(r->payload, len) != le32_get(h.payload_crc))
			return batch_follows(r, pos, seq) ? damaged(r, pos, "checksum mismatch", err) : 0;
		ret = each_in_payload(r, pos + sizeof(h), len, fn, err);
	}
	return ret;
}

/* First pass: which devices, which sizes, was the log closed. */
static int collect(struct reader *r, const struct fact *f, struct err *err)
{
	struct undone *d = f->dev;

	if (f->type == UNDO_DEVICE) {
		if (d->name)
			return damaged(r, 0, "a device twice", err);
		d->first_size = f->off;
		d->name = mem_strndup((const char *)f->data, f->size);
		if (!d->name)
			return err_nomem(err);
	} else if (f->type == UNDO_CLOSE) {
		d->closed = true;
		d->end_size = f->off;
	}
	if ((f->type == UNDO_DEVICE || f->type == UNDO_SIZE) && vec_push(&d->sizes, f->off))
		return err_nomem(err);
	return 0;
}

static bool range_has_crc(struct undone *d, u64 off, u64 len, u32 crc)
{
	u8 *buf = mem_alloc_io(len);
	bool same = buf && !bdev_read(d->bdev, off, buf, len, NULL) && crc32c(buf, len) == crc;

	free(buf);
	return same;
}

static int changed(const struct reader *r, const struct undone *d, struct err *err)
{
	return err_set(err, -ESTALE, "%s has been changed since the undo file %s was written", d->bdev->name, r->path);
}

/* A closed log: does every range that was written still hold what it held at the end? */
static int compare_end(struct reader *r, const struct fact *f, struct err *err)
{
	return f->type == UNDO_END && !range_has_crc(f->dev, f->off, f->len, get_le32(f->data)) ? changed(r, f->dev, err) : 0;
}

/* A log that was never closed (the writer was killed): each device must show in the witnessed place what it was going to get there at
 * some time, or what it had at first. */
static int compare_witness(struct reader *r, const struct fact *f, struct err *err)
{
	const u64 off = UNDO_WITNESS_OFF, len = UNDO_WITNESS_LEN;
	struct undone *d = f->dev;

	if (f->type == UNDO_WITNESS) {
		d->witnessed = true;
		d->fits |= range_has_crc(d, f->off, f->len, get_le32(f->data));
	} else if ((f->type == UNDO_OLD || f->type == UNDO_ZERO) && f->off <= off && f->len >= len && f->len - len >= off - f->off) {
		u8 zeros[UNDO_WITNESS_LEN] = { 0 };

		d->fits |= range_has_crc(d, off, len, crc32c(f->type == UNDO_OLD ? f->data + (off - f->off) : zeros, len));
	}
	return 0;
}

static int compare_sizes(struct reader *r, const struct undone *d, struct err *err)
{
	if (d->closed)
		return d->bdev->size == d->end_size ? 0 : changed(r, d, err);
	for (size_t i = 0; i < d->sizes.len; i++)
		if (d->bdev->size == d->sizes.v[i])
			return 0;
	return changed(r, d, err);
}

static int compare(struct reader *r, struct err *err)
{
	bool closed = true;
	int ret = 0;

	for (size_t i = 0; i < r->devices.len && !ret; i++) {
		closed &= r->devices.v[i].closed;
		ret = compare_sizes(r, &r->devices.v[i], err);
	}
	if (!ret)
		ret = each_fact(r, closed ? compare_end : compare_witness, err);
	for (size_t i = 0; i < r->devices.len && !ret && !closed; i++)
		if (r->devices.v[i].witnessed && !r->devices.v[i].fits)
			ret = changed(r, &r->devices.v[i], err);
	return ret;
}

static int put_zeros(struct bdev *b, u64 off, u64 len, struct err *err)
{
	static const u8 zeros[65536];
	u64 end = off + len, n;
	int ret = 0;

	/* A hole becomes a hole again where the file can; what is left of it is overwritten. */
	if (!b->block)
		ret = bdev_discard(b, off, len, err);
	while (!ret && !(ret = bdev_next_data(b, off, &off, &n)) && n && off < end) {
		n = min_t(u64, min_t(u64, n, end - off), sizeof(zeros));
		ret = bdev_write(b, off, zeros, n, err);
		off += n;
	}
	return ret;
}

static int put_back(struct reader *r, const struct fact *f, struct err *err)
{
	if (f->type == UNDO_OLD)
		return bdev_write(f->dev->bdev, f->off, f->data, f->len, err);
	return f->type == UNDO_ZERO ? put_zeros(f->dev->bdev, f->off, f->len, err) : 0;
}

static int read_header(struct reader *r, struct err *err)
{
	struct undo_header h;
	ssize_t n = io_pread(r->fd, &h, sizeof(h), 0);

	if (n != sizeof(h) || memcmp(h.magic, UNDO_MAGIC, sizeof(h.magic)))
		return err_set(err, -EINVAL, "%s is no undo file", r->path);
	if (le32_get(h.version) != UNDO_VERSION)
		return err_set(err, -EOPNOTSUPP, "the undo file %s has version %u: only version %u can be read", r->path, le32_get(h.version), UNDO_VERSION);
	r->state = le32_get(h.state);
	if (r->state == UNDO_APPLIED)
		return err_set(err, -ESTALE, "the undo file %s has been used: the devices are as they were before", r->path);
	return 0;
}

static int set_state(struct reader *r, enum undo_state state, struct err *err)
{
	le32 v = le32_of(state);
	int ret = io_pwrite(r->fd, &v, sizeof(v), offsetof(struct undo_header, state));

	if (!ret && fsync(r->fd))
		ret = -errno;
	return ret ? err_errno(err, ret, "cannot write the undo file %s", r->path) : 0;
}

static int open_devices(struct reader *r, const char *const *devices, unsigned n, struct err *err)
{
	struct strbuf names CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = 0;

	for (size_t i = 0; i < r->devices.len; i++)
		sb_printf(&names, "%s%s", i ? ", " : "", r->devices.v[i].name);
	if (n != r->devices.len)
		return err_set(err, -EINVAL, "the undo file %s is for %zu devices (%s), %u are named", r->path, r->devices.len, sb_str(&names), n);
	for (unsigned i = 0; i < n && !ret; i++)
		ret = bdev_open_spec(r->env, devices[i], BDEV_WRITE, &r->devices.v[i].bdev, err);
	return ret;
}

static int take_back(struct reader *r, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->devices.len && !ret; i++)
		ret = bdev_resize(r->devices.v[i].bdev, r->devices.v[i].first_size, err);
	if (!ret)
		ret = each_fact(r, put_back, err);
	for (size_t i = 0; i < r->devices.len && !ret; i++)
		ret = bdev_flush(r->devices.v[i].bdev, err);
	return ret;
}

static int open_log(struct reader *r, struct err *err)
{
	off_t end;

	r->fd = open(r->path, O_RDWR | O_CLOEXEC);
	if (r->fd < 0)
		return err_errno(err, -errno, "cannot open the undo file %s", r->path);
	end = lseek(r->fd, 0, SEEK_END);
	if (end < 0)
		return err_errno(err, -errno, "cannot read the undo file %s", r->path);
	r->size = end;
	r->payload = mem_alloc_io(UNDO_PAYLOAD_MAX);
	return r->payload ? read_header(r, err) : err_nomem(err);
}

int undo_apply(struct env *env, const char *path, const char *const *devices, unsigned n, struct err *err)
{
	struct reader r = { .env = env, .fd = -1, .path = path };
	int ret = open_log(&r, err);

	if (!ret)
		ret = each_fact(&r, collect, err);
	if (!ret)
		ret = open_devices(&r, devices, n, err);
	if (!ret && r.state == UNDO_RECORDED)
		ret = compare(&r, err);
	if (!ret)
		ret = set_state(&r, UNDO_APPLYING, err);
	if (!ret)
		ret = take_back(&r, err);
	if (!ret)
		ret = set_state(&r, UNDO_APPLIED, err);
	for (size_t i = 0; i < r.devices.len; i++) {
		bdev_close(r.devices.v[i].bdev);
		vec_fini(&r.devices.v[i].sizes);
		free(r.devices.v[i].name);
	}
	vec_fini(&r.devices);
	free(r.payload);
	if (r.fd >= 0)
		close(r.fd);
	return ret;
}
