/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of btrfs-corrupt-block. Functions return 0 or a negative code, which becomes the exit code (-22: 234), with the reason printed. */
#ifndef CMDS_CORRUPT_BLOCK_CORRUPT_H
#define CMDS_CORRUPT_BLOCK_CORRUPT_H

#include "cmds/target.h"
#include "kernel-shared/fs/inplace.h"

struct corrupt_args {
	u64 logical, copy, bytes, inode, file_extent, metadata_block, root, csum, block_group, value, offset;
	bool has_logical, has_copy, has_bytes, has_inode, has_file_extent, has_metadata_block, has_root, has_csum, has_block_group, has_value, has_offset;
	bool extent_record, extent_tree, chunk_record, chunk_tree, keys;
	bool has_key, has_item, has_dir_item, has_delete;
	const char *field;
	struct key key, item, dir_item, delete;
};
struct corrupt { struct cmd_ctx *ctx; const struct corrupt_args *a; struct fs *fs; };

/* items.c: one item of a tree. */
int corrupt_inode(struct corrupt *c);
int corrupt_file_extent(struct corrupt *c);
int corrupt_key(struct corrupt *c);
int corrupt_item_header(struct corrupt *c);
int corrupt_item_data(struct corrupt *c);
int corrupt_dir_item(struct corrupt *c);
int corrupt_block_group(struct corrupt *c);
int corrupt_delete(struct corrupt *c);
/* records.c: items that a random number picks, or what it does to them; checksums. */
int corrupt_extent_record(struct corrupt *c);
int corrupt_extent_tree(struct corrupt *c);
int corrupt_chunk_record(struct corrupt *c);
int corrupt_chunk_tree(struct corrupt *c);
int corrupt_csum(struct corrupt *c);
/* blocks.c: whole blocks and sectors, where they lie. */
int corrupt_metadata_block(struct corrupt *c);
int corrupt_swap_keys(struct corrupt *c);
int corrupt_sectors(struct corrupt *c);

/* Changes the leaf that holds an item: a transaction copies the way to it first, so that only this tree sees the change, then the fresh block is changed in
 * place, with a right checksum. (A transaction alone would refuse to write what breaks a rule.) Where no transaction is possible, because the filesystem is
 * broken already, the block is changed as it lies. */
typedef int patch_fn(struct corrupt *c, u8 *block, unsigned slot);
int patch_item(struct corrupt *c, struct root *root, const struct key *key, patch_fn *fn);
/* The same where the item is known to lie, with no transaction. */
struct place { u64 bytenr; unsigned slot; };
int patch_place(struct corrupt *c, const struct place *at, patch_fn *fn);
/* records.c: deletes an item. In a transaction, so that nothing else changes; where that cannot be committed without the item, in its leaf as it lies. */
int delete_item(struct corrupt *c, struct root *root, const struct key *key);
/* The tree of -r, or the one of id 5. */
int find_root(struct corrupt *c, struct root **out);
/* A number of `size` bytes other than old; --value if that was given. */
u64 other_value(struct corrupt *c, u64 old, u32 size);
/* Puts that into the bytes at value. */
void set_other(struct corrupt *c, u8 *value, u32 size);
int fail(struct corrupt *c, int ret, const char *fmt, ...) PRINTF(3, 4);
int invalid_field(struct corrupt *c);

#endif
