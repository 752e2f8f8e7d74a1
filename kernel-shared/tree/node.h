/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tree blocks in memory: the gate that every block passes, and the cache of those that did.
 *
 * Committed nodes are immutable and shared between threads. A node is held by node_get ... node_put. Kernel counterpart:
 * extent_buffer, disk-io.c (csum and tree-checker on read). */
#ifndef TREE_NODE_H
#define TREE_NODE_H

#include "kernel-shared/format/items.h"
#include "kernel-shared/volume/volume.h"

/* What a parent (root item, superblock, key pointer) says about a block. */
struct block_ref {
	u64 bytenr;
	u64 generation;       /* 0: unknown, except in what a parent block claims (has_first) */
	u64 tree;             /* the tree that it is reached from, 0: unknown */
	struct key first;     /* key of the parent's slot; used if has_first */
	u8 level;
	bool has_level, has_first;
	bool is_root;         /* the root block: header owner must be the tree itself */
	bool any_owner;       /* log and relocation trees: the owner is not looked at */
};

/* A rule broken by a block, as lenient openers get it. text: the whole line of check.md 1.10 or 1.11, heap; v.text points into it. */
struct finding { struct violation v; char *text; };
VEC_TYPE(findings, struct finding);

struct node {
	u8 *data;             /* nodesize bytes, aligned to 64 */
	u64 bytenr;
	struct nstore *store;
	_Atomic int refs;     /* holders; the cache is one of them */
	u8 mirror;            /* the copy that it came from, 0: the handiest */
	bool dirty;           /* belongs to the transaction's thread; never evicted */
	bool written;         /* dirty, but already on disk in this transaction: copy again before changing */
	bool bad;             /* kept in spite of findings */
	bool hot;             /* the cache's: used since the clock passed */
	struct node *hash_next, *clock_prev, *clock_next; /* the cache's */
	struct findings findings; /* of the reference it was first read by */
	u64 birth;            /* dirty: when it was made, counted by its block source */
	u64 touch_epoch;      /* dirty: the savepoint for which its image is kept */
	void *txn_private;    /* the transaction's */
};

static inline u32 node_nritems(const struct node *n) { return block_nritems(n->data); }
static inline u8 node_level(const struct node *n) { return block_level(n->data); }
static inline u64 node_generation(const struct node *n) { return block_generation(n->data); }
static inline u64 node_owner(const struct node *n) { return block_owner(n->data); }
static inline struct key node_key(const struct node *n, int slot) { return block_key(n->data, slot); }
static inline struct item node_item(const struct node *n, int slot) { return block_item(n->data, slot); }
static inline u64 node_ptr(const struct node *n, int slot) { return le64_get(block_ptrs(n->data)[slot].blockptr); }
static inline u64 node_ptr_generation(const struct node *n, int slot) { return le64_get(block_ptrs(n->data)[slot].generation); }

/* All tree blocks of one volume. */
struct nstore {
	struct env *env;
	struct volume *vol;
	const struct geometry *geo;
	bool lenient;         /* node_get returns blocks that break rules together with their findings (bad), as long as their items can be located */
	bool ignore_transid;  /* a wrong generation is a finding but not a failure */
	/* Every bad copy met is told here, also those that another copy healed: reader messages, check's findings. mirror 0: the block lies
	 * in no chunk. Called from any thread, one at a time; reads no nodes itself. May be NULL. */
	void (*on_bad_copy)(struct nstore *s, u64 bytenr, unsigned mirror, int code, const char *text);
	void *arg;
	struct ncache *cache;
};
/* memory: bytes of nodes kept when nobody holds them. 0 or -ENOMEM. */
int nstore_init(struct nstore *s, struct env *env, struct volume *vol, u64 memory);
void nstore_fini(struct nstore *s); /* nobody holds a node any more */

/* The gate. block: nodesize bytes as read. Checksum, bytenr, fsid, then what the parent claims, then block_validate.
 * 0; -EIO with text for a block that must not be used: "checksum verify failed on B wanted X found Y", "bad tree block B, ...",
 * "parent transid verify failed on B wanted A found C", "corrupt leaf: ..." (check.md 1.10, 1.11). With findings, what the store puts up
 * with is collected there instead: a lenient one fails only for what makes this another block (checksum, address, fsid, level: walks end
 * because levels fall) or its items unlocatable. */
int node_gate(const struct nstore *s, const void *block, const struct block_ref *expect, struct findings *findings, struct err *err);
void findings_fini(struct findings *f);

/* The node, from the cache or from the first copy that passes the gate. Held. -EIO when no copy does; err says what each said. Thread-safe.
 * A lenient store prefers a copy without findings. */
int node_get(struct nstore *s, const struct block_ref *expect, struct node **out, struct err *err);
/* One given copy (1..), past the cache, not entered into it. */
int node_get_mirror(struct nstore *s, const struct block_ref *expect, unsigned mirror, struct node **out, struct err *err);
/* A node of its own, held once, its bytes undefined: for whoever makes blocks. NULL: no memory. nstore_enter puts it into the cache, where it
 * takes the place of any other of that address; the cache holds it besides the caller. */
struct node *node_new(struct nstore *s, u64 bytenr);
void nstore_enter(struct nstore *s, struct node *n);
struct node *node_hold(struct node *n);
void node_put(struct node *n); /* NULL is fine */
void node_putp(struct node **n); /* for CLEANUP */
/* What slot of an interior block claims about its child. See also tree_child (tree.h). */
struct block_ref block_child(const void *block, int slot, u64 tree);
static inline struct block_ref node_child(const struct node *n, int slot, u64 tree) { return block_child(n->data, slot, tree); }
/* Reads those of the blocks that are not there yet into the cache, in one go, in disk order, with the pool's help. A hint: what cannot be
 * read is left to node_get to complain about. */
void nstore_prefetch(struct nstore *s, const struct block_ref *refs, size_t n);
/* Forgets a cached block (after its bytes changed on disk). */
void nstore_forget(struct nstore *s, u64 bytenr);

#endif
