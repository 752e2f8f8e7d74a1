/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of on-disk-format chapter 13 for one block in memory. Everything that a disk can contain is looked at here
 * before anybody else sees it; the same rules run before a block is written.
 *
 * A violation is reported with its place, the field, the value found and the rule. A strict caller stops at the first
 * (on_violation NULL fills err), a lenient one collects all and learns which slots are unusable. */
#ifndef FORMAT_VALIDATE_H
#define FORMAT_VALIDATE_H

#include "common/err.h"
#include "kernel-shared/format/block.h"

struct strbuf;

struct violation {
	const char *id;       /* stable and short: "leaf-key-order", "inode-transid", ... */
	u64 tree;             /* owner as the caller expects it, else the header's */
	u64 bytenr;
	int slot;             /* -1: the block itself, or a chunk of the superblock (key set) */
	struct key key;       /* of the slot */
	bool structural;      /* items of this block cannot be located reliably */
	const char *text;     /* what is wrong: field, value, rule; the TEXT of check.md 1.11 */
};

struct validator {
	const struct geometry *geo;
	u64 tree;             /* the tree it was reached from, 0 if unknown */
	bool writing;         /* rules that bind only those who write apply, too */
	/* NULL: stop at the first violation and describe it in err. */
	void (*on_violation)(struct validator *v, const struct violation *violation);
	void *arg;
	struct err *err;
	unsigned count;       /* violations met */
	bool structural;      /* any of them structural */
	u64 bytenr;           /* for messages; set by block_validate */
	const void *block;    /* set by block_validate; NULL: a single item */
};

/* Header sanity, then leaf or node rules, then each item by its row. block: nodesize bytes. Does not look at the checksum nor
 * at what a parent expects (tree/gate does). 0, or -EUCLEAN with v->count > 0. Never reads outside the block.
 * Unless a violation was structural, every item of a leaf then lies inside the block (but may overlap others). */
int block_validate(struct validator *v, const void *block);
/* One item by its row alone (used before insertion; v->tree must be set). prev: the item before it in its leaf, may be NULL. */
int item_validate(struct validator *v, const struct item *item, const struct item *prev);
/* For the rows: reports. -EUCLEAN: the caller stops (strict). 0: it goes on to look for more (lenient). item NULL: the block itself. */
int violate(struct validator *v, const struct item *item, const char *id, const char *fmt, ...) PRINTF(4, 5);
/* A chunk in a leaf (the row's rule), or in the superblock's system array: then item->slot is -1. */
int chunk_validate(struct validator *v, const struct item *item);
/* "corrupt leaf: root=5 block=30457856 slot=3 ino=257 file_offset=0, TEXT" (check.md 1.11). leaf: else a node. */
void violation_format(const struct violation *v, bool leaf, struct strbuf *out);

#endif
