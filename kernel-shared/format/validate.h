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

struct violation {
	const char *id;       /* stable and short: "leaf-key-order", "inode-transid", ... */
	u64 tree;             /* owner as the caller expects it, else the header's */
	u64 bytenr;
	int slot;             /* -1: the block itself */
	struct key key;       /* of the slot, zero if slot < 0 */
	bool structural;      /* items of this block cannot be located reliably */
	const char *text;     /* what is wrong: field, value, rule; the TEXT of check.md 1.11 */
};

struct validator {
	const struct geometry *geo;
	u64 tree;             /* the tree it was reached from, 0 if unknown */
	bool fstree_shared;   /* reached from a subvolume: the header owner may be any subvolume */
	/* NULL: stop at the first violation and describe it in err. */
	void (*on_violation)(struct validator *v, const struct violation *violation);
	void *arg;
	struct err *err;
	unsigned count;       /* violations met */
	bool structural;      /* any of them structural */
	u64 bytenr;           /* set by block_validate, for messages */
	const void *block;
};

/* Header sanity, then leaf or node rules, then each item by its row. block: nodesize bytes. Does not look at the checksum nor
 * at what a parent expects (tree/gate does). 0, or -EUCLEAN with v->count > 0. Never reads outside the block. */
int block_validate(struct validator *v, const void *block);
/* One item by its row alone (used before insertion). prev may be NULL. */
int item_validate(struct validator *v, const struct item *item, const struct item *prev);
/* For the rows: reports and returns -EUCLEAN. */
int violate(struct validator *v, const struct item *item, const char *id, const char *fmt, ...) PRINTF(4, 5);
/* A chunk in a leaf or in the superblock's system array; logical is the key's offset. size: bytes available. */
int chunk_validate(struct validator *v, const struct item *item, u64 logical, const struct disk_chunk *chunk, u32 size);
/* "corrupt leaf: root=5 block=30457856 slot=3 ino=257 file_offset=0, TEXT" (check.md 1.11). */
struct strbuf;
void violation_format(const struct violation *v, bool leaf, struct strbuf *out);

#endif
