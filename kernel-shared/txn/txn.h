/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transactions: all changes since the last commit become durable together, or never happened. One writer, one thread; helpers of the pool may compress and
 * checksum for it. Kernel counterpart: transaction.c. Rules: Documentation/architecture.md, "The transaction". */
#ifndef TXN_TXN_H
#define TXN_TXN_H

#include "kernel-shared/alloc/alloc.h"

struct txn;

/* What upper rooms do at given moments, in the order of registration. Any member may be NULL. */
struct txn_hooks {
	/* At the start of each round of the commit loop: write what is dirty (inodes, quota items, ...) through the trees. *changed: something was. */
	int (*flush)(void *arg, struct txn *txn, bool *changed, struct err *err);
	/* Once, when the first round is stable: accounting that needs old and new trees. More rounds follow. */
	int (*account)(void *arg, struct txn *txn, bool *changed, struct err *err);
	void (*committed)(void *arg, struct txn *txn);
	void (*aborted)(void *arg, struct txn *txn);
	/* A savepoint is taken, rolled back to, dropped: state of the upper room in memory. token is the room's own. */
	int (*save)(void *arg, struct txn *txn, void **token);
	void (*restore)(void *arg, struct txn *txn, void *token);
	void (*drop)(void *arg, struct txn *txn, void *token);
};

/* The writing side of an opened filesystem; made once by fs_open for writing. */
struct writer;
int writer_open(struct env *env, struct volume *vol, struct nstore *store, struct roots *roots, struct writer **out, struct err *err);
void writer_close(struct writer *w);  /* aborts what is open */
int writer_add_hooks(struct writer *w, const struct txn_hooks *hooks, void *arg);
struct alloc *writer_alloc(struct writer *w);
struct alloc *txn_alloc(struct txn *txn);
struct roots *txn_roots(struct txn *txn);
struct env *txn_env(struct txn *txn);
/* Where trees of this filesystem take blocks from: to be set in every tree that is opened. */
struct block_source *writer_source(struct writer *w);
/* Bytes of dirty nodes and queue held before they go to disk early. 0: 64 MiB. */
void writer_set_memory(struct writer *w, u64 bytes);
/* True after an abort: nothing can be written until the filesystem is opened again. */
bool writer_dead(const struct writer *w);

/* Begins, or joins the one that is open (nested begin/end count; the outermost txn_end decides). Nothing that the last commit refers to is ever overwritten. */
int txn_begin(struct writer *w, struct txn **out, struct err *err);
u64 txn_id(const struct txn *txn);                       /* the generation being written */
/* How many operations have been kept since the filesystem was opened: none in between, nothing has changed. */
u64 txn_ops(const struct txn *txn);
/* Makes everything durable. On failure the transaction is aborted and the devices hold the last commit. */
int txn_commit(struct txn *txn, struct err *err);
void txn_abort(struct txn *txn);

/* An operation: reserves its worst case (-ENOSPC before anything changed), takes a savepoint; ends by keeping or by undoing all that it did.
 * leaves: how many different leaves it may touch or add at most. */
struct op;
enum { OP_FREES = 1 /* gives space back in the end: may use what is kept for commits */ };
int op_begin(struct txn *txn, unsigned leaves, unsigned flags, struct op **out, struct err *err);
/* ret < 0: rolls back and returns ret; else keeps, and relieves memory pressure. Operations nest: an inner one is part of the outer. */
int op_end(struct op *op, int ret, struct err *err);
/* Runs the queue, so that what was made and given up again in this transaction is free space: for another try after -ENOSPC. Inside an operation, or when
 * nothing is queued, nothing happens: *done is false. */
int txn_settle(struct txn *txn, bool *done, struct err *err);

/* Past the memory bound the queue is run and what is dirty goes to disk, as after each operation. Outside of operations only. */
int txn_relieve(struct txn *txn, struct err *err);

/* Data in space that was just allocated: written to all copies at once. Reading sees what this transaction wrote. */
int txn_write_data(struct txn *txn, u64 bytenr, const void *buf, u32 len, struct err *err);
int txn_read_data(struct txn *txn, u64 bytenr, void *buf, u32 len, struct err *err);

/* Trees. */
/* Call before changing a root's item or its last_snapshot: a rollback restores them, the commit writes the item. */
int txn_dirty_root(struct txn *txn, struct root *root, struct err *err);
/* The root is gone, or never was: the commit does not write its item. */
void txn_forget_root(struct txn *txn, struct root *root);
/* An internal tree that is new: root (the caller's, tree.id and tree.offset set) gets an empty leaf and an item. */
int txn_new_tree(struct txn *txn, struct root *root, struct err *err);
/* An internal tree that goes: frees its blocks, deletes its item; root is the caller's to free (after the commit). */
int txn_drop_tree(struct txn *txn, struct root *root, struct err *err);
/* Superblock fields that an upper room changes; written at the commit. */
struct disk_super *txn_super(struct txn *txn);

#endif
