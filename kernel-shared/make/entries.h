/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside make/: what will be in the filesystem, as listed before anything is read. */
#ifndef MAKE_ENTRIES_H
#define MAKE_ENTRIES_H

#include <sys/stat.h>
#include "common/mem.h"
#include "common/vec.h"
#include "kernel-shared/fs/verity.h"
#include "kernel-shared/make/internal.h"
#include "kernel-shared/make/populate.h"

enum {
	ENTRY_SPARSE = 1, ENTRY_SUBVOL = 2, ENTRY_VERITY = 4,
	ENTRY_LINK = 8,              /* another entry has the inode */
	ENTRY_READONLY = 16, ENTRY_DEFAULT = 32, /* of subvolumes */
	ENTRY_MANIFEST = 64,         /* the manifest says something about it */
	ENTRY_XATTRS = 128,          /* namely extended attributes */
};

/* What is not read from the directory: it comes from an archive, or from the manifest alone. */
struct stored_xattr { const char *name; const void *value; u32 len; };
struct entry_stored { u64 offset /* in the spool */; const char *target; struct stored_xattr *xattrs; u32 nxattrs; };

/* One name. Children lie in one array, ascending by name, so the next sibling is the next element. */
struct entry {
	struct entry *parent, *children;
	const char *name;            /* NUL-terminated */
	struct entry_stored *stored; /* NULL: it lies in the directory */
	u64 size, ino;               /* ino: before numbering, the place in preorder */
	s64 atime, mtime, ctime;
	u32 atime_nsec, mtime_nsec, ctime_nsec;
	u32 nchildren, mode, uid, gid, rdev;
	u32 group;                   /* of hard links: index + 1; 0: none */
	u16 name_len;
	u8 flags, iflags;            /* iflags: BTRFS_INODE_NODATASUM, _NODATACOW */
};

/* An inode with several names, in preorder; the first has the inode. */
struct link { u64 dev, ino; struct entry *entry; };
struct link_group { u32 first, n; };

struct entry_added { struct entry *e; struct stored_xattr x; };

struct source_tree { struct entry *top; u64 id, parent, first_seq; u64 flags; };

/* What each thread has of its own. */
struct source_worker {
	struct arena arena;
	VEC(struct link) links;
	VEC(struct entry) found;     /* of the directory at hand */
	struct entry *dir;           /* opened last */
	int dirfd;
	u8 *value;                   /* of an extended attribute */
	char *names;
	u64 entries, names_len;
	struct err err;
};

struct populate {
	struct env *env;
	struct populate_args args;
	struct entry top;
	struct source_worker *workers;
	unsigned nworkers;
	VEC(struct link) links;
	VEC(struct link_group) groups;
	VEC(struct source_tree) trees;
	u64 sectorsize, inline_max;
	u64 entries, data_bytes, meta_bytes;
	u64 default_subvol;          /* 0: the top level */
	VEC(struct entry_added *) added; /* by the manifest */
	bool fixed_times;
	int spool;                   /* contents of an archive's files; -1: none */
};

/* --- list.c --- */
int list_all(struct populate *pop, struct err *err);
/* A descriptor of the directory, the worker's until it asks for another; -errno. */
int entry_dirfd(struct populate *pop, struct source_worker *w, struct entry *dir);
/* Its path for messages and for calls that take no descriptor. */
char *entry_path(const struct populate *pop, const struct entry *e);
struct entry *entry_find(struct populate *pop, const char *path);

u32 map_id(u32 id, const struct id_map *maps, unsigned n);
void entry_stat(const struct populate *pop, struct entry *e, const struct stat *st);

/* --- archive.c, manifest.c --- */
int archive_list(struct populate *pop, struct err *err);
int manifest_apply(struct populate *pop, struct err *err);

struct made_verity { struct verity_descriptor descriptor; u8 *tree; u64 len; };

/* --- number.c --- */
/* The entry behind e in the tree whose top is given; subvolumes are not entered. NULL at the end. */
struct entry *entry_next(const struct entry *top, struct entry *e);
int number_all(struct populate *pop, struct err *err);
static inline u64 entry_index(const struct entry *e) { return e - e->parent->children + 2; }

/* --- read.c: what one thread reads of some entries --- */
enum { READ_SEGMENT = 1 << 20, READ_TASKS = 128 };
struct read_piece { u64 start; u32 len, disk_len, at; u8 compression; }; /* file range; at: in data */
struct read_task {
	struct entry *entry;
	u64 start, len;              /* of a file: the segment */
	bool first, last, whole;     /* whole: first and last, may be stored inline */
	bool warned;
	int ret;
	struct err *err;             /* heap, when ret */
	u32 pieces, npieces;         /* in job->pieces */
	u32 xattrs, nxattrs;         /* in job->xattrs */
	u32 inline_at, inline_len;   /* in job->meta; the stored form */
	u8 inline_compression;
	bool has_inline, tried;
	struct made_verity *verity;  /* heap */
	const char *note;            /* what is odd about it, for a warning */
};
struct read_xattr { u64 hash; u32 name, value; u16 name_len, value_len; }; /* places in job->meta */
struct read_job {
	struct populate *pop;
	struct read_task tasks[READ_TASKS];
	unsigned ntasks;
	u64 bytes;                   /* expected */
	u8 *data;
	size_t used, cap;
	u8 *sums;
	size_t sums_cap;
	struct strbuf meta;
	VEC(struct read_piece) pieces;
	VEC(struct read_xattr) xattrs;
	u8 csum_type;
};
void read_job_run(void *job, void *arg, unsigned worker);
void read_job_reset(struct read_job *j);
void read_job_free(struct read_job *j);

/* --- clone.c --- */
struct cloner { int from, to; const struct entry *entry; bool off; }; /* off: it did not work, so it is not tried again */
void clone_init(struct cloner *c);
void clone_fini(struct cloner *c);
/* Lets [bytenr, bytenr + len) share what e has from start on; how many bytes of it, the rest is to be written. */
u32 clone_range(struct cloner *c, const struct populate *pop, const struct maker *m, const struct entry *e, u64 start, u64 bytenr, u32 len);

/* --- inode.c: the items of one inode --- */
struct made_piece { u64 start, bytenr; u32 disk_len, num; u8 compression; };
struct inode_made {
	VEC(struct made_piece) extents;
	bool tried, compressed;
};
/* Adds all items of the inode of t->entry. tree: whose top directory it may be. job and t hold its attributes. */
int inode_emit(struct populate *pop, struct maker *m, struct make_load *load, const struct source_tree *tree, const struct read_job *job,
	       const struct read_task *t, const struct inode_made *made, struct err *err);

#endif
