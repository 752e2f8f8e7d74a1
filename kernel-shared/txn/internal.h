/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. The room's own. */
#ifndef TXN_INTERNAL_H
#define TXN_INTERNAL_H

#include "common/hash.h"
#include "common/vec.h"
#include "kernel-shared/txn/txn.h"

VEC_TYPE(node_list, struct node *);

/* What an operation has to put back. */
struct saved_node { struct node *node; u8 *image; };
struct saved_tree { struct root *root; struct tree tree; /* with its node held */ struct disk_root_item item; bool dirty; };
struct op {
	struct txn *txn;
	unsigned depth, flags;
	u64 reserved;                 /* metadata promised for as long as it runs */
	struct alloc_mark *mark;
	VEC(struct saved_node) nodes;
	VEC(struct saved_tree) trees;
	struct node_list fresh;       /* made since, held */
	VEC(void *) tokens;           /* the hooks', by index */
	struct disk_super super;
};

struct hook { struct txn_hooks ops; void *arg; };

struct txn { struct writer *w; unsigned nesting; };

struct writer {
	struct env *env;
	struct volume *vol;
	struct nstore *store;
	struct roots *roots;
	struct alloc *alloc;
	struct block_source source;
	VEC(struct hook) hooks;
	u64 memory;
	bool dead;
	u64 ops;                      /* kept */
	struct txn txn;               /* open while nesting > 0 */
	struct op op;                 /* open while depth > 0 */
	struct hmap dirty;            /* bytenr -> struct node *, held */
	VEC(struct root *) changed;   /* roots whose blocks or items changed in this transaction */
	struct disk_super super;      /* as it will be written */
	u8 chunk_uuid[16];
};

/* source.c */
void source_init(struct writer *w);
void source_forget(struct writer *w, u64 bytenr);   /* a dirty block that is no more */
int root_list(struct writer *w, struct root *root); /* among the changed */
/* write.c: all dirty nodes to disk; they stay in the cache, not dirty any more. */
int nodes_write(struct writer *w, struct err *err);
/* savepoint.c */
int op_save_node(struct writer *w, struct node *n, struct err *err);
int op_save_tree(struct writer *w, struct root *root, struct err *err);
int op_save_fresh(struct writer *w, struct node *n, struct err *err);

#endif
