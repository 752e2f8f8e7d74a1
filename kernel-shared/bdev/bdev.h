/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device is a stack of layers with one face. Callers never know whether they talk to a file, a slice of a disk image, an
 * overlay that keeps writes in memory, an undo log or a fault injector.
 *
 * All offsets and lengths are bytes, with no alignment required. Reads and writes are whole or an error. Reads and writes of
 * different ranges may run at the same time in any number of threads; changes of size and closing may not.
 * A layer owns the one below it and closes it. Constructors take the lower layer when they succeed; when they fail it stays the
 * caller's and *out is untouched, so that bdev_overlay_new(b, &b, err) is always right. */
#ifndef BDEV_BDEV_H
#define BDEV_BDEV_H

#include <sys/uio.h>
#include "common/base.h"
#include "common/env.h"
#include "common/err.h"

struct bdev;
struct bdev_ops {
	int (*read)(struct bdev *b, u64 off, void *buf, size_t len, struct err *err);
	/* One run of bytes into several places. NULL: one read each. */
	int (*readv)(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err);
	int (*write)(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err);
	int (*flush)(struct bdev *b, struct err *err);
	int (*discard)(struct bdev *b, u64 off, u64 len, struct err *err); /* contents become unspecified; NULL: passed over */
	int (*resize)(struct bdev *b, u64 size, struct err *err);          /* NULL: -EOPNOTSUPP */
	void (*close)(struct bdev *b);
	/* The next range at or after off that may hold anything but zeros; *len 0: none. NULL: everything may. */
	int (*next_data)(struct bdev *b, u64 off, u64 *start, u64 *len);
};
struct bdev {
	const struct bdev_ops *ops;
	struct env *env;
	struct bdev *lower;   /* NULL at the bottom */
	char *name;           /* for messages: the path as given */
	u64 size;
	bool writable;
	bool block;           /* a block device below */
	bool rotational;      /* from sysfs; true for files */
	u64 id[2];            /* st_dev or st_rdev, st_ino: the same thing twice is the same pair */
};

/* Reads beyond the end fail with -EIO ("... short: wanted A, size is B"). */
int bdev_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err);
/* The bytes from off on, as many as all pieces together hold, scattered to the pieces (at most BDEV_IOV_MAX). */
enum { BDEV_IOV_MAX = 1024 };
int bdev_readv(struct bdev *b, u64 off, const struct iovec *iov, unsigned n, struct err *err);
int bdev_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err);
int bdev_flush(struct bdev *b, struct err *err);
int bdev_discard(struct bdev *b, u64 off, u64 len, struct err *err);
int bdev_resize(struct bdev *b, u64 size, struct err *err);
int bdev_next_data(struct bdev *b, u64 off, u64 *start, u64 *len);
void bdev_close(struct bdev *b); /* the whole stack; NULL is fine */

enum {
	BDEV_READ = 0,
	BDEV_WRITE = 1 << 0,     /* refuses what is mounted, or open for writing or locked elsewhere, naming by whom (-EBUSY) */
	BDEV_CREATE = 1 << 1,    /* a regular file that does not exist is made, empty */
	BDEV_FORCE = 1 << 2,     /* skip the mount check */
	BDEV_TRUNCATE = 1 << 3,
};
/* A regular file or block device. Others are refused ("X is a directory", ...). Writers take an exclusive lock (O_EXCL on
 * block devices, flock on files); the second writer waits never, it is refused. */
int bdev_open_file(struct env *env, const char *path, unsigned flags, struct bdev **out, struct err *err);
/* The same, with "@OFFSET" (size suffixes) or "@pN" (libblkid) cut off the end unless a file of the very name exists. */
int bdev_open_spec(struct env *env, const char *spec, unsigned flags, struct bdev **out, struct err *err);
/* Is the path (of a slice: the whole), or a device it is behind, mounted or in use? 1 yes (*who: by what, may be NULL), 0 no, -errno unknown.
 * who is heap text. Looks through loop devices and device mapper. */
int bdev_in_use(const char *path, char **who, struct err *err);

/* Memory of its own, zeroed, sparse. */
int bdev_mem_new(struct env *env, const char *name, u64 size, struct bdev **out);
/* [off, off + len) of lower. len 0: to its end. Takes lower. */
int bdev_slice_new(struct bdev *lower, u64 off, u64 len, struct bdev **out, struct err *err);
/* The same device once more: closing it leaves lower open, which stays the caller's and has to outlive it. 0, -ENOMEM. */
int bdev_borrow_new(struct bdev *lower, struct bdev **out);
/* Writes stay in memory (spilled to a temporary file past env->memory); the lower layer is never written. Takes lower. */
int bdev_overlay_new(struct bdev *lower, struct bdev **out, struct err *err);
/* What an overlay holds, ascending: the first changed range at or after pos (4096-byte granules, merged). False: none. */
bool bdev_overlay_next(struct bdev *overlay, u64 pos, u64 *start, u64 *len);
/* Writes what of [from, to) an overlay holds to the layer below (overlay->lower), ascending; grows it first if the overlay has grown. So
 * a caller brings the changes to the disk in the order of a commit: all but the superblocks, flush of the lower layers, superblocks. */
int bdev_overlay_commit(struct bdev *overlay, u64 from, u64 to, struct err *err);
/* Keeps the old bytes of whatever is overwritten in the file at undo_path before the write reaches lower: synced first, with
 * checksums, sizes and free space too. Several devices may share one undo file. Takes lower. Spec: architecture.md, decision 6. */
struct undo_log;
int undo_log_create(struct env *env, const char *path, struct undo_log **out, struct err *err);
bool undo_log_used(const struct undo_log *log); /* has anything been written to a device? */
int undo_log_close(struct undo_log *log, struct err *err); /* records the end state of every device; call before the bdevs close */
int bdev_undo_new(struct bdev *lower, struct undo_log *log, struct bdev **out, struct err *err);
/* Puts back what the log holds: devices in the order in which they were wrapped. Refused (-ESTALE) if a device has changed since. */
int undo_apply(struct env *env, const char *path, const char *const *devices, unsigned n, struct err *err);
/* Appends every write, flush, discard and resize to a log shared by several devices, for crash replay. Takes lower. */
struct record_log;
struct record_event { enum { RECORD_WRITE, RECORD_FLUSH, RECORD_DISCARD, RECORD_RESIZE, RECORD_MARK } kind; unsigned device; u64 off, len; const void *data; };
int record_log_new(struct record_log **out);
void record_log_free(struct record_log *log);
int record_log_mark(struct record_log *log, u64 id); /* a place between operations, found again as RECORD_MARK with off = id */
size_t record_log_count(const struct record_log *log);
const struct record_event *record_log_get(const struct record_log *log, size_t i);
int bdev_record_new(struct bdev *lower, struct record_log *log, unsigned device, struct bdev **out);
/* Lets `after` operations of the kinds in `what` pass (counted over all bdevs sharing the plan), then fails the next one, or all from
 * there on. count: how many came; a plan that never fails (after ~0) so counts them. Takes lower. */
struct fault_plan { enum { FAULT_WRITE = 1, FAULT_FLUSH = 2, FAULT_READ = 4 } what; u64 after; bool once; u64 count; };
int bdev_fault_new(struct bdev *lower, struct fault_plan *plan, struct bdev **out);

#endif
