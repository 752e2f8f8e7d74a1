/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of dump/. */
#ifndef DUMP_INTERNAL_H
#define DUMP_INTERNAL_H

#include <pthread.h>
#include "kernel-shared/dump/dump.h"
#include "kernel-shared/volume/dumpfile.h"

/* --- names: substitutes that depend on nothing but a key and the name, so that threads need not agree on anything --- */
struct namer { u64 key[2]; u32 table[256], back[256]; };
void namer_init(struct namer *n, struct env *env);
/* name becomes another of its length: printable (33..126), no slash, never "." or ".."; for up to 4 such bytes different names stay different. */
void name_garbage(const struct namer *n, u8 *name, size_t len);
/* The same, of equal CRC-32C for any start value. False: too short for that, and name is garbage. */
bool name_collide(const struct namer *n, u8 *name, size_t len);

/* --- what a block loses --- */
struct cleaner {
	const struct geometry *geo;
	enum dump_names names;
	bool private;
	bool contents;        /* of files stay in their leaves */
	struct namer namer;
};
/* Counted by each thread apart. */
struct clean_counts { u64 short_names, odd_names; };
/* Takes file contents, leftovers and (by cl->names) names out of a block whose items can be located; computes its checksum if that changed anything. */
void clean_block(const struct cleaner *cl, void *block, struct clean_counts *counts);
/* names.c: the names of one item of a tree. True: it changed. */
bool clean_names(const struct cleaner *cl, u64 tree, const struct item *item, struct clean_counts *counts);
void clean_super(const struct cleaner *cl, struct disk_super *sb);
/* Makes bytes zero. True: they were not. */
bool clean_zero(void *p, size_t len);

/* --- which blocks there are --- */
enum extent_kind {
	EXTENT_BLOCK,         /* a tree block: len nodesize */
	EXTENT_CACHE,         /* of an old free space cache: raw bytes, nobody can tell whether they are right */
	EXTENT_FILE,          /* contents of files */
};
/* Told in ascending order within each call. len: at most DUMP_ITEM_BYTES, but for a block. */
typedef int (*extent_fn)(void *arg, u64 bytenr, u32 len, enum extent_kind kind, struct err *err);
struct lister { struct fs *fs; bool damaged, data; extent_fn fn; void *arg; };
int list_by_extent_tree(const struct lister *l, struct err *err);
int list_by_walking(const struct lister *l, struct err *err);
/* Both need this, too: the extent tree does not know the log. */
int list_log(const struct lister *l, struct err *err);
int list_old_cache(const struct lister *l, struct err *err);

/* --- buffers that go round: fresh memory costs more than what is done with it. Thread-safe. --- */
struct spare;
struct spares { pthread_mutex_t lock; struct spare *head; size_t size; };
void spares_init(struct spares *s, size_t size);
void spares_fini(struct spares *s); /* frees what has been put back */
void *spare_get(struct spares *s);  /* size bytes, aligned for I/O; NULL: no memory */
void spare_put(struct spares *s, void *buf); /* buf may be NULL */

/* --- the container --- */
struct sink;
/* fd: borrowed. */
struct sink *sink_new(int fd, u64 magic, bool compressed);
void sink_free(struct sink *s);
/* Adds an item. data: borrowed until release(arg) is called, which is once, also when this fails. */
int sink_add(struct sink *s, u64 bytenr, const void *data, u32 len, void (*release)(void *arg), void *arg, struct err *err);
int sink_finish(struct sink *s, struct err *err);
u64 sink_bytes(const struct sink *s);

#endif
