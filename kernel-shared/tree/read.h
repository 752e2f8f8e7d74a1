/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading one block past the cache. The room's own. */
#ifndef TREE_READ_H
#define TREE_READ_H

#include "kernel-shared/tree/node.h"

/* For a block whose handiest copy did not pass: tries every copy in turn and fills buf (nodesize bytes) from the first that passes the gate;
 * a tolerant store's second choice is the first copy with findings. findings: empty before. mirror (may be NULL): the copy taken. Bad copies
 * are told to the store. 0, -EIO, -ENOMEM. */
int block_read_copies(struct nstore *s, const struct block_ref *ref, void *buf, struct findings *findings, u8 *mirror, struct err *err);

#endif
