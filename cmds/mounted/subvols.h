/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes of any filesystem, mounted or not, for the reports about them. */
#ifndef CMDS_MOUNTED_SUBVOLS_H
#define CMDS_MOUNTED_SUBVOLS_H

#include "cmds/mounted/host.h"
#include "common/hash.h"
#include "kernel-shared/fs/subvol.h"

struct subvols_dir { u64 tree, ino; char *path; };
struct subvols {
	struct fs *fs;             /* NULL: mounted */
	struct host host;
	u64 id;                    /* the subvolume that PATH lies in */
	bool top;                  /* PATH is its top directory */
	bool user;                 /* mounted, and we may see only what lies below PATH */
	bool loaded;
	struct subvol_list all;    /* by id; once loaded */
	size_t hint;               /* where in all the last one asked for was */
	VEC(char *) user_paths;    /* one for each of all, relative to PATH */
	VEC(struct subvols_dir) dirs; /* directories that hold subvolumes */
	struct hmap dir_index;     /* hash of both numbers -> place in dirs, from 1 */
};
/* Says why not; the exit code or 0. */
int subvols_open(struct cmd_ctx *ctx, const char *arg, struct subvols *out);
/* The same; a mounted path has to be a directory. */
int subvols_open_dir(struct cmd_ctx *ctx, const char *arg, struct subvols *out);
/* Frees what was gathered, and leaves the filesystem alone, which is somebody else's. */
void subvols_forget(struct subvols *s);
void subvols_close(struct cmd_ctx *ctx, struct subvols *s);
/* Fills all. -EPERM, ... */
int subvols_load(struct subvols *s, struct err *err);
/* Loads; NULL: none of that id, or *ret is negative. */
const struct subvol_info *subvols_find(struct subvols *s, u64 id, int *ret, struct err *err);
/* The path from the top level (for a user: from PATH), without a leading slash. -ENOENT: it hangs nowhere. */
int subvols_path(struct subvols *s, u64 id, struct strbuf *out, struct err *err);
int subvols_default(struct subvols *s, u64 *id, struct err *err);
/* As subvol_by_uuid. */
int subvols_by_uuid(struct subvols *s, const u8 uuid[16], u64 *id, struct err *err);

#endif
