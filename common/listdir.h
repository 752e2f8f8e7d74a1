/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries of a directory of the running system, for those who cannot include <dirent.h> (whose struct dirent is another than the filesystem's own). */
#ifndef COMMON_LISTDIR_H
#define COMMON_LISTDIR_H

#include "common/base.h"

struct listdir;
/* Through a descriptor of its own. NULL: errno says why. */
struct listdir *listdir_open(int dirfd);
void listdir_close(struct listdir *l); /* NULL is fine */
/* "." and ".." included, in the filesystem's order. NULL: the end. The name is valid until the next call. */
enum listdir_type { LIST_UNKNOWN, LIST_FILE, LIST_DIR, LIST_OTHER };
const char *listdir_next(struct listdir *l, enum listdir_type *type);
/* Where it goes on, also after the directory was opened anew. */
long listdir_tell(struct listdir *l);
void listdir_seek(struct listdir *l, long pos);

#endif
