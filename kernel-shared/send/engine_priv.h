/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the engine's target. */
#ifndef SEND_ENGINE_PRIV_H
#define SEND_ENGINE_PRIV_H

#include "common/vec.h"
#include "kernel-shared/send/engine.h"

enum { ENGINE_DATA = 4 << 20 /* bytes of data held back */, ENGINE_DIRS = 256 /* remembered directories */ };

/* The inode that the last commands were about, and what they said that has not been done yet. */
struct pending {
	bool active;
	bool create;                  /* it is to be made under dir, name */
	u64 ino;                      /* otherwise */
	char path[SEND_PATH_MAX];     /* what the stream calls it */
	u32 path_len;
	u64 dir;
	u8 name[255];
	u32 name_len;
	u32 mode;                     /* type and permissions that it has or will have */
	u64 rdev;
	char *target;                 /* of a new symlink: SEND_PATH_MAX bytes, its own */
	u32 target_len;
	unsigned set;                 /* ATTR_*: attr has them */
	struct inode attr;
	u64 data_off;
	u32 data_len;
	u8 *data;                     /* ENGINE_DATA bytes */
};
struct source { u8 uuid[16]; struct root *root; };

struct engine {
	struct apply_target base;
	struct engine_opts opts;
	struct txn *txn;
	struct fs *fs;
	struct loc dest;
	/* The subvolume in progress. */
	struct root *root;
	u64 id;
	char name[256], work[256];
	bool noted;                   /* its top has a note */
	struct apply_note note;
	u64 since;                    /* offset of the last checkpoint */
	bool kept;
	struct pending p;
	struct send_token first;      /* the command that began what is pending: offset and number */
	bool replay;                  /* what was pending failed: the stream would go on there */
	u8 *decoded;                  /* SEND_ENCODED_MAX bytes, once needed */
	/* Directories by path; a wrong epoch: forgotten. */
	u64 epoch;
	struct dir_memo { u64 epoch, hash, ino; u32 len; char *path; } dirs[ENGINE_DIRS];
	VEC(struct source) sources;   /* found for clones */
	VEC(struct source) family;    /* parents, and what this stream brought */
};

static inline struct engine *engine_of(struct apply_target *t) { return container_of(t, struct engine, base); }
static inline struct loc engine_at(const struct engine *e, u64 ino) { return (struct loc){ e->root, ino }; }

/* --- engine_path.c --- */
/* An inode below the top of a subvolume, by path ("" is the top). -ENOENT, -ENOTDIR, -ELOOP; -EXDEV: a subvolume. *type (may be NULL): BTRFS_FT_*. */
int engine_resolve(struct engine *e, struct root *root, const void *path, u32 len, u64 *ino, u8 *type, struct err *err);
/* The directory of a path of the subvolume in progress, and the last component. */
int engine_parent(struct engine *e, const struct send_value *path, u64 *dir, const u8 **name, u32 *name_len, struct err *err);
/* Directories may be elsewhere now. */
void engine_forget(struct engine *e);

/* --- engine_pend.c --- */
/* Does all that is pending. On failure nothing is pending any more. */
int pending_flush(struct engine *e, struct err *err);
void pending_clear(struct engine *e);
/* The inode that a command is about becomes the pending one; what was pending of another is done. */
int pending_take(struct engine *e, const struct send_cmd *c, struct err *err);
/* The same, and it exists, with nothing pending: *loc. */
int pending_settle(struct engine *e, const struct send_cmd *c, struct loc *loc, struct err *err);
/* Call before something becomes pending. */
void pending_mark(struct engine *e, const struct send_cmd *c);
/* A new inode, made when it has to be. */
int pending_create(struct engine *e, const struct send_cmd *c, u32 mode, struct err *err);
/* Appends to the data that is held back. */
int pending_write(struct engine *e, const struct send_cmd *c, u64 off, const void *data, u32 len, struct err *err);

/* --- engine_cmd.c, engine_data.c --- */
int engine_make(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_rename(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_link(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_remove(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_xattr(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_attrs(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_fileattr(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_write(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_encoded(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_clone(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_truncate(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_fallocate(struct apply_target *t, const struct send_cmd *c, struct err *err);
int engine_verity(struct apply_target *t, const struct send_cmd *c, struct err *err);
#define ENGINE_COMMANDS { \
	[SEND_C_MKFILE] = engine_make, [SEND_C_MKDIR] = engine_make, [SEND_C_MKNOD] = engine_make, [SEND_C_MKFIFO] = engine_make, [SEND_C_MKSOCK] = engine_make, \
	[SEND_C_SYMLINK] = engine_make, [SEND_C_RENAME] = engine_rename, [SEND_C_LINK] = engine_link, [SEND_C_UNLINK] = engine_remove, \
	[SEND_C_RMDIR] = engine_remove, [SEND_C_SET_XATTR] = engine_xattr, [SEND_C_REMOVE_XATTR] = engine_xattr, [SEND_C_CHMOD] = engine_attrs, \
	[SEND_C_CHOWN] = engine_attrs, [SEND_C_UTIMES] = engine_attrs, [SEND_C_WRITE] = engine_write, [SEND_C_ENCODED_WRITE] = engine_encoded, \
	[SEND_C_CLONE] = engine_clone, [SEND_C_TRUNCATE] = engine_truncate, [SEND_C_FALLOCATE] = engine_fallocate, [SEND_C_FILEATTR] = engine_fileattr, \
	[SEND_C_ENABLE_VERITY] = engine_verity }
/* --- engine.c --- */
/* Where clones come from. */
int engine_source(struct engine *e, const u8 uuid[16], struct root **out, struct err *err);
bool engine_is_family(const struct engine *e, const u8 uuid[16]);
int engine_add_family(struct engine *e, const u8 uuid[16], struct err *err);

#endif
