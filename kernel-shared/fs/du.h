/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much space files hold, alone and shared, as FIEMAP tells it of a mounted filesystem: inline data and holes count nothing,
 * compressed extents their uncompressed bytes, shared is what any other reference in the filesystem uses, too. */
#ifndef FS_DU_H
#define FS_DU_H

#include "kernel-shared/fs/inode.h"

struct du_space { u64 total, shared; };
struct du_result {
	struct du_space space;   /* shared bytes as often as they are used */
	u64 set_shared;          /* below a directory: shared bytes, each once; of a file: as often as it uses them */
	bool counts;             /* a directory or a regular file */
	bool failed;             /* something could not be read; said by env_msg */
};
/* One file or directory below the top, directories after what they hold. path: below the top, without a leading slash. Non-zero stops. */
typedef int (*du_row_fn)(void *arg, const char *path, size_t len, const struct du_space *space);
/* A file, or everything below a directory, subvolumes included; files with several names once. row may be NULL. Memory: bounded, but
 * for 16 bytes for each directory and each file with several names. */
int du_walk(struct fs *fs, struct loc top, du_row_fn row, void *arg, struct du_result *out, struct err *err);

#endif
