/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digest of kernel-shared/fs/treehash.h over a tree of the running system: a mounted filesystem, an unpacked archive. */
#ifndef CMDS_HOSTHASH_H
#define CMDS_HOSTHASH_H

#include "kernel-shared/fs/treehash.h"

/* path: anything; a symbolic link at its end is followed. Subvolumes below are entered; other filesystems mounted below are refused
 * (-EXDEV), for they are not what lies in the tree. Access times are left alone where permitted. Times are as statx shows them, a birth
 * time that the filesystem does not keep is 0. */
int host_hash(struct env *env, const char *path, enum hash_times times, char out[TREEHASH_TEXT], struct err *err);

#endif
