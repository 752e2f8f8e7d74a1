/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things are in the tree that is sent (left), in its parent (right), and in what a receiver has meanwhile. The trees themselves are the model; what
 * was looked up is remembered in a cache of fixed size, so memory does not depend on the number of names.
 *
 * A receiver's names change in steps, each of which leaves every path computable from the two trees:
 *     RIGHT  the parent as it was
 *     MOVED  directories that are elsewhere in left have left their places: to where they belong, if nothing is in the way (placed), else to a
 *            temporary name in the root; everything else is where right has it
 *     LEFT   all directories are where left has them
 * Spec: send-stream 7. */
#ifndef SEND_NAMES_H
#define SEND_NAMES_H

#include "kernel-shared/fs/inode.h"
#include "kernel-shared/send/stream.h"

/* An inode with its first name. */
struct place {
	u64 ino, gen, parent, flags;
	u32 mode;
	u8 exists;                 /* it has links */
	u8 stable, placed, breeds; /* remembered answers: 0 unknown, 1 no, 2 yes */
	u16 name_len;
	u8 name[255];
};
enum { PLACES = 1 << 13 };
struct side {
	struct root *root;         /* NULL: nothing exists */
	struct place *places;      /* by hash of the number, the last one asked for wins */
	struct path near;          /* the leaf looked at last: numbers are asked for in order, mostly */
};
/* A path, built from its end. */
struct spath { u32 start; char v[SEND_PATH_MAX]; };
static inline const char *spath_text(const struct spath *p) { return p->v + p->start; }
static inline size_t spath_len(const struct spath *p) { return sizeof(p->v) - p->start; }

enum { PLACED = 1 << 16 };
struct names {
	struct side left, right;
	u64 *placed;               /* remembered answers of names_file_placed, by hash of the number: the number * 2 + the answer */
};

int side_init(struct side *s, struct root *root, struct err *err);
void side_fini(struct side *s);
/* *out is a copy. An inode without links does not exist. <0: what cannot be read. */
int side_place(struct side *s, u64 ino, struct place *out, struct err *err);
/* One item; *out is valid until the next thing of this side is asked for. -ENOENT. */
int side_item(struct side *s, struct key key, struct item *out, struct err *err);
/* The path of a directory, or of any inode by its first name, within its own tree; "" for the root. -ENAMETOOLONG, -ELOOP, -ENOENT (it hangs nowhere). */
int side_path(struct side *s, u64 ino, struct spath *out, struct err *err);
/* How many directories lie above. */
int side_depth(struct side *s, u64 ino, u32 *depth, struct err *err);

int names_init(struct names *n, struct root *left, struct root *right, struct err *err); /* right may be NULL */
void names_fini(struct names *n);

/* Answers are 1, 0 or <0. A directory of right is the same in left: number, generation, both directories. */
int names_same_dir(struct names *n, u64 ino, struct err *err);
/* Such a one has another place (parent or name) in left. */
int names_moved(struct names *n, u64 ino, struct err *err);
/* A directory of left that is at the same path in right. */
int names_stable(struct names *n, u64 ino, struct err *err);
/* A moved directory goes to its new place (its first name in left) at once. */
int names_placed(struct names *n, u64 ino, struct err *err);
/* What is created in this directory inherits something from it: default ACL, properties, flags that right has. */
int names_breeds(struct names *n, u64 dir, struct err *err);

/* An xattr that does so: a default ACL, a property. */
bool names_breeding(const u8 *name, u16 len);
u64 names_breeding_flags(u64 flags); /* those of a directory's flags that do so */

enum names_step { STEP_MOVED, STEP_LEFT };
/* dir: of right for MOVED, of left for LEFT. name (may be empty) is put behind. */
int names_path(struct names *n, enum names_step step, u64 dir, const u8 *name, u16 len, struct spath *out, struct err *err);
/* "o257-7-0": a name in the root directory that neither tree has. */
int names_temporary(struct names *n, u64 ino, u64 gen, struct spath *out, struct err *err);

/* All names of an inode in one tree. */
struct name_ref { u64 parent; u32 at; u16 len; bool both; };
struct refs { VEC(struct name_ref) v; struct strbuf text; };
static inline const u8 *ref_name(const struct refs *r, const struct name_ref *f) { return (const u8 *)r->text.v + f->at; }
int refs_add(struct refs *r, const struct inode_ref_view *ref);
int refs_read(struct refs *r, struct side *side, u64 ino, struct err *err);
void refs_fini(struct refs *r);
/* Marks those that are in both: same directory, same name. */
int names_match(struct names *n, struct refs *left, struct refs *right, struct err *err);
/* So does a file that has lost all its names; now: those in left, one at least. */
int names_file_placed(struct names *n, u64 ino, const struct refs *now, struct err *err);

#endif
