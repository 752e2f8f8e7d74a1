/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applying a stream to a target: an unmounted filesystem (engine.h), a mounted one or a plain directory (cmds/receive). Here is what is the same for all: the
 * order of things, counting errors, when a subvolume is finished and when it is given up. Spec: send-stream 4.1, 8. */
#ifndef SEND_APPLY_H
#define SEND_APPLY_H

#include "common/env.h"
#include "kernel-shared/send/stream.h"

struct apply_target;
typedef int (*apply_fn)(struct apply_target *t, const struct send_cmd *c, struct err *err);
struct apply_ops {
	/* SUBVOL and SNAPSHOT: a subvolume is begun; on failure there is none. */
	apply_fn begin;
	/* A subvolume that was given up earlier is taken up again, at the place that the reader was given. */
	int (*resume)(struct apply_target *t, const struct send_token *at, struct err *err);
	/* Every other command but END by its number; NULL: nothing to do. A failure leaves things as before the command, but for data of a write. */
	apply_fn cmd[SEND_CMDS];
	/* Between two commands, now and then; may be NULL. */
	int (*pause)(struct apply_target *t, const struct send_token *next, struct err *err);
	/* All has come: times, received uuid, read-only. On failure abandon follows. */
	int (*finish)(struct apply_target *t, struct err *err);
	/* The subvolume is not complete and will not be: it goes, or is kept under another name. at: the command with which it could go on; NULL: with none. */
	void (*abandon)(struct apply_target *t, const struct send_token *at);
};
struct apply_target { const struct apply_ops *ops; };

struct apply {
	struct send_reader *reader;
	struct apply_target *target;
	struct env *env;
	bool one;                /* end at the first END */
	u64 max_errors;          /* failed commands to go on after; 0: any number. Default 1: the first ends it */
	const struct send_token *resume; /* what the reader was given, NULL: from the start */
	/* Before each command; for showing it. May be NULL. */
	void (*show)(void *arg, const struct send_cmd *c);
	/* A subvolume is complete. May be NULL. */
	void (*done)(void *arg, const struct send_token *what, u64 ctransid);
	/* A command failed and another follows; the last failure is returned. */
	void (*failed)(void *arg, const struct err *err);
	void *arg;
	/* What came of it. */
	u64 errors, finished;
};
/* 0: everything in the stream is there and marked as received. Otherwise err says why, with offset and command, and nothing incomplete is marked: -ENODATA: the
 * input was empty; -EINTR; what the reader, the target said. */
int apply_stream(struct apply *a, struct err *err);

/* A path or name of a command with a NUL behind. buf: SEND_PATH_MAX bytes. The reader has checked its length. */
static inline const char *apply_str(const struct send_cmd *c, unsigned attr, char buf[SEND_PATH_MAX])
{
	u32 len = min_t(u32, c->v[attr].len, SEND_PATH_MAX - 1);

	memcpy(buf, c->v[attr].p, len);
	buf[len] = '\0';
	return buf;
}
/* "rename a -> b failed" and the like: what a message says of a command. Control characters become '?', long paths are cut. */
void apply_describe(const struct send_cmd *c, struct strbuf *out);

/* "WHAT UUID", and the reason unless that is -ENOENT. Returns code. */
int apply_missing(struct err *err, int code, const char *what, const u8 uuid[16]);

/* An incomplete subvolume: what its name ends in, the extended attribute of its top that says where it can go on, and the value of that. */
#define APPLY_PARTIAL ".partial"
#define APPLY_XATTR "trusted.btrbox.receive"
struct apply_note { struct send_token token; u64 ctransid; u8 parent[16]; };
void apply_note_text(const struct apply_note *n, struct strbuf *out);
int apply_note_parse(const char *text, size_t len, struct apply_note *out, struct err *err); /* -EINVAL */
/* The name of an incomplete subvolume; out: 256 bytes. -ENAMETOOLONG. */
int apply_partial_name(const char *name, char out[256], struct err *err);

/* The part of an encoded write that goes into the file, decoded: [offset, offset + file_len) of buf, which has room for SEND_ENCODED_MAX bytes; what the data
 * does not give is zeros. -EUCLEAN, -EOPNOTSUPP: the algorithm is not built in. */
int apply_decode(const struct send_cmd *c, u8 *buf, struct err *err);

#endif
