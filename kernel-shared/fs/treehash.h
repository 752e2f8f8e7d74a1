/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One digest of a directory tree: the same for a subtree inside an unmounted filesystem, for the same tree mounted, and for
 * what was copied out of it. Walking order, hard links and serialisation are here, once; where the tree lies is a source.
 *
 * The digest is the SHA-256 of this listing. Integers are little-endian, u16, u32, u64, s64 by their C names.
 *
 *     "treehash 1 TIMES\n", TIMES being none, mtime or all; then the entry of the top, its name empty.
 *     An entry:
 *       u8       kind: d directory, f file, l symbolic link, c and b devices, p fifo, s socket, or
 *                h a further name of an inode that was shown before and is no directory
 *       u16, bytes   the name
 *       h:       u64 the number of the entry that showed it first (entries count from 0, h entries too), and nothing else
 *       u32 mode & 07777, u32 uid, u32 gid
 *       times:   s64 seconds, u32 nanoseconds of mtime, or of atime, mtime, ctime, otime
 *       u32      number of extended attributes; by name: u16, bytes the name; u32, bytes the value
 *       c, b:    u32 major, u32 minor
 *       l:       u32, bytes the target
 *       f:       u64 size, 16 bytes content
 *       d:       the entries in it by name, then a byte 0
 *
 * Names sort as bytes, the shorter first. content is the XXH3-128 (canonical form) of a record for each segment of 128 KiB, counted
 * from 0, that is not zero throughout: u64 its number, 16 bytes XXH3-128 of it as it reads (the last one as long as it is). So holes cost
 * nothing and written zeros equal holes.
 *
 * Attributes: user.*, trusted.*, security.*, btrfs.*, system.posix_acl_access and _default, as root sees them. A subvolume is a directory.
 * The entry of a nested subvolume in a snapshot, which leads nowhere, is an empty directory: its owner and times (a mount makes them up)
 * are 0, its mode is 0755, and it has no attributes. Sizes of directories, link counts, inode numbers and inode flags do not count. */
#ifndef FS_TREEHASH_H
#define FS_TREEHASH_H

#include "common/env.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "common/vec.h"

enum hash_times { HASH_TIMES_NONE, HASH_TIMES_MTIME, HASH_TIMES_ALL };

struct treehash_time { s64 sec; u32 nsec; };
struct treehash_stat {
	u64 dev, ino;           /* two names are one inode if both agree; dev: the subvolume */
	u32 mode, uid, gid;     /* mode with type bits */
	u32 nlink, major, minor;
	u64 size;
	struct treehash_time atime, mtime, ctime, otime;
	bool placeholder;       /* a subvolume's entry that leads nowhere */
};

/* The first member of a source's own node. */
struct treehash_node {
	struct treehash_node *parent;
	_Atomic unsigned refs;
	u16 name_len;
	char *name;
	u64 link;               /* of an h entry: what it refers to */
	bool is_link;
	struct treehash_stat st;
};

/* The names of one directory; id and tag are the source's. */
struct treehash_name { const char *name; u16 len; u8 tag; u64 id; };
struct treehash_names { struct arena arena; VEC(struct treehash_name) v; };
int treehash_add_name(struct treehash_names *names, const void *name, size_t len, u64 id, u8 tag);

struct treehash_xattr { const char *name; u16 name_len; const void *value; u32 value_len; };
struct treehash_xattrs { struct arena arena; VEC(struct treehash_xattr) v; };
/* Leaves out what is not seen through a mount. */
int treehash_add_xattr(struct treehash_xattrs *x, const void *name, size_t name_len, const void *value, size_t value_len);

/* 0 or a negative errno with err filled. Those marked W are called from workers, several at a time for different nodes (data and read also
 * for the same). */
struct treehash_source {
	size_t node_size;
	/* Fills n->st and what the source keeps. name is NULL for the top. */
	int (*look)(struct treehash_source *s, struct treehash_node *n, const struct treehash_name *name, struct err *err);
	void (*forget)(struct treehash_source *s, struct treehash_node *n);                                         /* W; also after look has failed */
	int (*list)(struct treehash_source *s, struct treehash_node *dir, struct treehash_names *out, struct err *err);
	/* The walk goes below dir for long; it is back from child. Both may be NULL. */
	void (*park)(struct treehash_source *s, struct treehash_node *dir);
	int (*unpark)(struct treehash_source *s, struct treehash_node *dir, struct treehash_node *child, struct err *err);
	int (*open)(struct treehash_source *s, struct treehash_node *n, struct err *err);                           /* W; once, before what follows */
	/* Of this node only list, park and unpark are still to come. Not for files read in parts. May be NULL. */
	void (*close)(struct treehash_source *s, struct treehash_node *n);                                          /* W */
	int (*xattrs)(struct treehash_source *s, struct treehash_node *n, struct treehash_xattrs *out, struct err *err); /* W */
	int (*target)(struct treehash_source *s, struct treehash_node *n, struct strbuf *out, struct err *err);     /* W */
	/* The next range at or after from that may hold data, -ENOENT if none. */
	int (*data)(struct treehash_source *s, struct treehash_node *n, u64 from, u64 *start, u64 *end, struct err *err); /* W */
	/* Exactly len bytes, inside the size. */
	int (*read)(struct treehash_source *s, struct treehash_node *n, u64 off, void *buf, u64 len, struct err *err);    /* W */
};

enum { TREEHASH_TEXT = 65 };
/* 64 hex digits and a NUL. Runs on env's pool, which it starts. -ELOOP: a directory is reached twice. */
int treehash(struct env *env, struct treehash_source *s, enum hash_times times, char out[TREEHASH_TEXT], struct err *err);

#endif
