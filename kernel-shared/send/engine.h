/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream applied to an unmounted filesystem, inside a transaction. What is said of one inode in a row is done at once: a new file comes into being with its
 * final name, owner and times, and its data is written in large extents. Directories cannot be left: names are resolved one by one, a symlink or a
 * subvolume on the way is an error. */
#ifndef SEND_ENGINE_H
#define SEND_ENGINE_H

#include "kernel-shared/fs/write.h"
#include "kernel-shared/send/apply.h"

struct engine_opts {
	struct write_opts write;      /* how data that comes uncompressed is stored */
	bool force_decompress;
	bool parents_only;            /* clone from nothing but parents and what this stream brought */
	bool keep;                    /* what is incomplete is kept: the subvolume has its partial name until it is complete */
	u64 checkpoint;               /* bytes of the stream after which commit is called; 0: never */
	/* Makes what has been done durable; *txn is the transaction to go on in. */
	int (*commit)(void *arg, struct txn **txn, struct err *err);
	void *arg;
};
struct engine;
/* dest: the directory that gets subvolumes. opts is copied. Data and attributes may be held back until the next command: only finish and abandon say that all
 * has been done. */
int engine_new(struct engine **out, struct txn *txn, struct loc dest, const struct engine_opts *opts, struct err *err);
void engine_free(struct engine *e);
struct apply_target *engine_target(struct engine *e);
/* After the stream failed: has what is incomplete been kept, so that the transaction is to be committed all the same? note: where it goes on. */
bool engine_kept(const struct engine *e, struct apply_note *note, const char **name);
/* Takes up the incomplete subvolume of dest: the one that has this uuid, or (NULL) the only one. note: where the stream is to go on. -ENOENT; -EEXIST: several. */
int engine_resume(struct engine *e, const u8 *uuid, struct apply_note *note, struct err *err);

#endif
