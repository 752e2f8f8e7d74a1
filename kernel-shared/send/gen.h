/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generator's own: what its files share. */
#ifndef SEND_GEN_H
#define SEND_GEN_H

#include "kernel-shared/fs/users.h"
#include "kernel-shared/send/changes.h"
#include "kernel-shared/send/filediff.h"
#include "kernel-shared/send/generate.h"

/* Where content can be cloned from. sources[0] is the tree being sent, sources[1] its parent if there is one. */
struct clone_source {
	struct root *root;
	struct side *side;
	bool own;                   /* side is neither left nor right of the names, and freed with the source */
	u64 newest;                 /* no extent younger than this generation is in it */
};
/* The file whose content is being sent. */
struct content {
	struct filediff diff;       /* left: what is sent, right: what the receiver has */
	struct inode inode;
	bool fresh;                 /* created by this stream: it was empty */
	u64 old_size;
	const struct spath *path;
	u64 hole_from, hole_to;     /* pending: bytes that the receiver has and the file has not */
	u64 send_from, send_to;     /* pending: bytes of left */
	u64 written;                /* where the last byte written ends */
	u64 tail;                   /* preallocated from here on, behind the size; 0: nothing */
};
/* What was seen of the inode at hand while its xattrs were sent. */
struct attrs { bool acl; bool has_capability; struct strbuf capability; };
struct gen {
	struct fs *fs;
	struct emit *emit;
	const struct send_plan *plan;
	struct err *err;
	struct names names;
	VEC(struct clone_source) sources;
	struct resolver resolver;
	struct path extent_path;    /* where the last extent item was found */
	struct content content;
	struct attrs attrs;
};

/* ---- content.c ---- */
/* old: as the receiver has it, NULL for a created file. path is borrowed until content_end. */
int content_begin(struct gen *g, const struct inode *inode, const struct inode *old, const struct spath *path);
/* An EXTENT_DATA item; old (may be NULL) is the parent's. same: both are alike. */
int content_item(struct gen *g, const struct item *item, const struct item *old, bool same);
int content_end(struct gen *g);
void content_fini(struct gen *g);

/* ---- clone.c ---- */
/* How much of [from, to), bytes of the extent x, can be cloned, and from where. *len 0: nothing. */
struct clone_from { unsigned source; u64 ino, offset, len; bool to_end /* both files end there */; };
int clone_find(struct gen *g, const struct file_extent_view *x, u64 from, u64 to, struct clone_from *out);
int clone_send(struct gen *g, u64 from, const struct clone_from *c);

/* ---- attrs.c ---- */
/* What an inode needs before it gets content: flags that only an empty file takes. 0: none. */
u64 attrs_early_flags(const struct gen *g, const struct inode *now);
int attrs_flags(struct gen *g, const char *path, size_t len, u64 flags);
/* SET_XATTR and REMOVE_XATTR for what one item has and the other has not; NULL: nothing. Capabilities are noted, to be set at the end. */
int attrs_xattr_item(struct gen *g, const char *path, size_t len, const struct item *now, const struct item *old);
/* All of an inode that may be in both. root_bare: names_breeding() ones are gone from the receiver. */
int attrs_xattrs(struct gen *g, const char *path, size_t len, u64 ino, bool has_old, bool root_bare);
/* REMOVE_XATTR for those of the root directory, so that nothing made under a temporary name inherits them. */
int attrs_bare_root(struct gen *g);
/* CHOWN, CHMOD, FILEATTR, ENABLE_VERITY, capability, UTIMES. old: NULL for a created inode. */
int attrs_finish(struct gen *g, const char *path, size_t len, const struct inode *now, const struct inode *old);

/* ---- files.c ---- */
/* All that is no directory: names, content, attributes, in order of the inode numbers. */
int send_files(struct gen *g);

#endif
