/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of a stream as system calls, below one directory that no path leaves: what the mounted and the plain-directory target share. */
#ifndef CMDS_RECEIVE_HOSTFS_H
#define CMDS_RECEIVE_HOSTFS_H

#include "cmds/receive/receive.h"

struct hostfs {
	struct apply_target base;
	struct receive *rc;
	int dest;                 /* the directory that gets subvolumes */
	int root;                 /* of the subvolume in progress; -1: none is */
	int cwd;                  /* the working directory at the start */
	char name[256], work[256]; /* of the subvolume: in the end, and while it is incomplete */
	u8 uuid[16];
	u64 ctransid;
	/* The file written last and the directory used last, by path. Commands that change names drop them. */
	int file, dir;
	char file_path[SEND_PATH_MAX], dir_path[SEND_PATH_MAX];
	bool no_encoded;          /* the kernel does not know encoded writes, or nobody wants them */
	u8 *decoded;              /* SEND_ENCODED_MAX bytes, once needed */
	/* Where a clone takes from: the top directory of the source's subvolume, borrowed. */
	int (*source)(struct hostfs *h, const struct send_cmd *c, int *root, struct err *err);
	/* May a failure of this kind be passed over (said once)? NULL: none. */
	bool (*forgive)(struct hostfs *h, const struct send_cmd *c, int code);
};
void hostfs_init(struct hostfs *h, struct receive *rc, const struct apply_ops *ops);
void hostfs_fini(struct hostfs *h);   /* and back to the working directory of before */
/* Closes what is cached. */
void hostfs_drop(struct hostfs *h);
/* The commands, for tables of targets. */
int hostfs_make(struct apply_target *t, const struct send_cmd *c, struct err *err);     /* MKFILE to SYMLINK */
int hostfs_names(struct apply_target *t, const struct send_cmd *c, struct err *err);    /* RENAME to RMDIR */
int hostfs_xattr(struct apply_target *t, const struct send_cmd *c, struct err *err);
int hostfs_attr(struct apply_target *t, const struct send_cmd *c, struct err *err);     /* CHMOD, CHOWN, UTIMES */
int hostfs_write(struct apply_target *t, const struct send_cmd *c, struct err *err);
int hostfs_encoded(struct apply_target *t, const struct send_cmd *c, struct err *err);
int hostfs_clone(struct apply_target *t, const struct send_cmd *c, struct err *err);
int hostfs_resize(struct apply_target *t, const struct send_cmd *c, struct err *err);   /* TRUNCATE, FALLOCATE */
int hostfs_fileattr(struct apply_target *t, const struct send_cmd *c, struct err *err);
int hostfs_verity(struct apply_target *t, const struct send_cmd *c, struct err *err);
#define HOSTFS_COMMANDS \
	[SEND_C_MKFILE] = hostfs_make, [SEND_C_MKDIR] = hostfs_make, [SEND_C_MKNOD] = hostfs_make, [SEND_C_MKFIFO] = hostfs_make, \
	[SEND_C_MKSOCK] = hostfs_make, [SEND_C_SYMLINK] = hostfs_make, [SEND_C_RENAME] = hostfs_names, [SEND_C_LINK] = hostfs_names, \
	[SEND_C_UNLINK] = hostfs_names, [SEND_C_RMDIR] = hostfs_names, [SEND_C_SET_XATTR] = hostfs_xattr, [SEND_C_REMOVE_XATTR] = hostfs_xattr, \
	[SEND_C_WRITE] = hostfs_write, [SEND_C_ENCODED_WRITE] = hostfs_encoded, [SEND_C_CLONE] = hostfs_clone, [SEND_C_TRUNCATE] = hostfs_resize, \
	[SEND_C_FALLOCATE] = hostfs_resize, [SEND_C_CHMOD] = hostfs_attr, [SEND_C_CHOWN] = hostfs_attr, [SEND_C_UTIMES] = hostfs_attr

/* --- paths --- */
/* Opens a path below a directory; no symlink is followed, no mount crossed, not even in last place. A descriptor or -errno. */
int beneath(int root, const char *path, int flags);
/* The directory of a path of the subvolume (cached; borrowed) and its last component, "" for the root's own. */
int hostfs_parent(struct hostfs *h, const char *path, int *dir, const char **name);
/* A regular file; what is none is never opened. A descriptor or -errno. */
int open_regular(int root, const char *path, int flags);
/* The cached descriptor for writing. */
int hostfs_file(struct hostfs *h, const char *path, int *fd);

#endif
