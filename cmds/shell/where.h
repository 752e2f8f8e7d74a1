/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs node, item and field point at: a tree block, an item, a superblock; raw bytes, whatever is wrong with them. */
#ifndef CMDS_SHELL_WHERE_H
#define CMDS_SHELL_WHERE_H

#include "cmds/shell/shell.h"
#include "kernel-shared/fs/inplace.h"

enum where_kind { WHERE_BLOCK, WHERE_ITEM, WHERE_SUPER };
struct where {
	enum where_kind kind;
	int super;            /* copy 0..2, -1: all */
	u64 bytenr;
	unsigned slot;
	u8 *block;            /* heap: nodesize bytes, or the superblock */
};
/* "super", "super1": a superblock. "30408704": a tree block. "30408704/3": the item in slot 3. "5:256,INODE_ITEM,0": the item with that key in that tree.
 * copy: as in inplace_read. Says what is wrong; 0 or 1. */
int where_find(struct cmd_ctx *ctx, const char *text, unsigned copy, struct where *out);
void where_fini(struct where *w);
/* The item of a WHERE_ITEM. */
static inline struct item where_item(const struct where *w) { return block_item(w->block, w->slot); }

/* Calls fn for each field: of an item also "key.objectid", "key.type", "key.offset", "data_offset" and "data_size". Offsets count from w->block. */
int where_fields(const struct fs *fs, const struct where *w, field_fn fn, void *arg);
/* By name. -ENOENT. */
int where_field(const struct fs *fs, const struct where *w, const char *name, struct field *out);

#endif
