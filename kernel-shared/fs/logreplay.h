/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree log: what fsync wrote since the last commit. Kernel counterpart: tree-log.c (replay). */
#ifndef FS_LOGREPLAY_H
#define FS_LOGREPLAY_H

#include "kernel-shared/fs/fs.h"

/* Brings all log trees into their subvolumes; the commit that follows ends the log. Must be the first change of the transaction. 0 also where there is
 * no log. After a failure the transaction must be aborted. */
int fs_replay_log(struct txn *txn, struct fs *fs, struct err *err);

#endif
