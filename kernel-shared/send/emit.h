/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands on their way out of a generator. Those that carry file data are only noted; batches of about a megabyte are filled (read, verified, decompressed,
 * summed) by the pool while the generator goes on, and written in order. Sizes are known before any data is read: a stream can be measured, or begun in its
 * middle, without its data. Memory: EMIT_WINDOW batches. */
#ifndef SEND_EMIT_H
#define SEND_EMIT_H

#include "common/pool.h"
#include "common/progress.h"
#include "kernel-shared/fs/file.h"
#include "kernel-shared/send/stream.h"

enum { EMIT_BATCH = 1 << 20, EMIT_WINDOW = 12 };

struct emit_totals { u64 bytes, commands, clones, data /* file bytes in WRITE and ENCODED_WRITE */; };
struct emit_target {
	send_sink write;            /* NULL: nothing is read or written, the stream is only measured */
	void *arg;
	const struct send_token *resume; /* what lies before is not written; NULL: from the start */
	struct progress *progress;  /* counts bytes */
};
struct emit_batch;
struct emit {
	struct fs *fs;
	unsigned version;
	struct emit_target to;
	struct emit_totals totals;
	u8 uuid[16];                /* of the subvolume being sent: tokens name it */
	bool reached;               /* the token's place was met */
	struct emit_batch *batch, *spare;
	struct ordq *queue;
	struct err *err;            /* the first failure, also of a worker */
	int error;
};
/* err is kept until emit_fini. */
int emit_init(struct emit *e, struct fs *fs, unsigned version, const struct emit_target *to, struct err *err);
void emit_fini(struct emit *e);
/* Writes what is pending. With a token whose place was not met: -EINVAL. */
int emit_finish(struct emit *e);

int emit_header(struct emit *e);
/* A command without file data: attributes are put into what emit_begin returns (always valid), emit_end ends it. */
struct send_writer *emit_begin(struct emit *e, enum send_cmd_id cmd);
int emit_end(struct emit *e);
/* WRITE commands for the bytes [from, to) of a file: those of an extent (they lie within it), or zeros. ext's inline data is copied.
 * unsummed: checksums are not looked at. */
int emit_write(struct emit *e, const char *path, size_t path_len, const struct file_extent_view *ext, u64 from, u64 to, bool unsummed);
int emit_zeros(struct emit *e, const char *path, size_t path_len, u64 from, u64 to);
/* One ENCODED_WRITE for the bytes [from, to), all in the compressed extent ext. */
int emit_encoded(struct emit *e, const char *path, size_t path_len, const struct file_extent_view *ext, u64 from, u64 to, bool unsummed);

#endif
