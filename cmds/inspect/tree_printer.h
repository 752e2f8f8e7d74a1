/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Printing the blocks of trees: level by level or depth first, formatted on all threads, written in order. Memory does not grow
 * with the tree. */
#ifndef CMDS_INSPECT_TREE_PRINTER_H
#define CMDS_INSPECT_TREE_PRINTER_H

#include "cmds/cmd.h"
#include "kernel-shared/fs/fs.h"

struct print_options {
	bool hide_names, csum_headers, csum_items;
	bool dfs;             /* depth first */
	bool leaves_only;
	bool follow;          /* tree_printer_block: what is below it, too */
};
struct tree_printer;
/* NULL: no memory. options is borrowed and may change between trees. */
struct tree_printer *tree_printer_new(struct cmd_ctx *ctx, struct fs *fs, const struct print_options *options);
void tree_printer_free(struct tree_printer *p);
/* All blocks of a tree. Blocks that cannot be read are said and passed over. 0, -ENOMEM, -EINTR, or the failure of standard output. */
int tree_printer_tree(struct tree_printer *p, struct tree *tree);
/* One block by its address. The same, and -EIO: it cannot be read (ctx->err says why). */
int tree_printer_block(struct tree_printer *p, u64 bytenr);

#endif
