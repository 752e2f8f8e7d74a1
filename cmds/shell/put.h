/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying from the running system into the filesystem. The names of a tree are pushed through a queue in order; what a name needs that is no transaction
 * (looking at it, attributes, small contents compressed and summed) is done ahead by the pool, the rest one by one. */
#ifndef CMDS_SHELL_PUT_H
#define CMDS_SHELL_PUT_H

#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "common/pool.h"
#include "common/progress.h"

struct put_opts {
	bool recursive, force;
	struct owner owner;
	const struct mode_change *mode;
};

/* A directory on its way. Its place in the filesystem is known once its own turn has come. */
struct put_dir {
	struct put_dir *parent;
	u64 id;                   /* no two have the same */
	char *name;               /* in its parent; of the top: the path in the running system */
	struct stat st;           /* as it was before it was read */
	struct loc to;
	bool failed, merged;      /* merged: it was there before */
	bool odd;                 /* what is made in it inherits more than flags and property: an access list, a group */
	unsigned refs;            /* the transaction's thread alone counts */
};

struct put_xattr { u32 name, value, value_len; }; /* places in the job's text */
/* Where the data of a file lies on its device: two files of one layout have the same content. */
struct put_layout { u64 dev, len, hash[2]; };
enum put_kind { PUT_ENTRY, PUT_LEAVE };
/* One name, or the end of a directory. */
struct put_job {
	enum put_kind kind;
	struct putter *p;
	struct put_dir *dir;      /* it lies in. Held */
	struct put_dir *self;     /* of a directory: what it is for those inside. Held */
	char *name;               /* in the filesystem */
	char *from;               /* in the directory of the running system; NULL: the same */
	struct stat st;
	int fd;                   /* of a regular file that is read in its turn; -1 */
	char *target;             /* of a symlink */
	struct strbuf text;
	VEC(struct put_xattr) xattrs;
	u8 property;              /* compression that the file brings along; BTRFS_COMPRESS_* */
	bool has_property;
	struct put_layout layout; /* of a file all of whose extents are shared with others; else len 0 */
	struct put_ahead *ahead;
	int ret;                  /* of what was done ahead */
	const char *what;         /* and what that was: "open" */
};

/* Directories of the running system are opened once by each thread. */
struct put_worker { u64 dir; int fd; char *names; u8 *value; };

struct put_linked { u64 dev, ino; struct loc to; };
struct put_shared { struct put_layout layout; struct loc to; };
struct putter {
	struct edit *e;
	const struct put_opts *o;
	struct progress *progress;
	struct ordq *queue;
	struct put_worker *workers;
	unsigned nworkers;
	u64 flags;                /* that new files inherit from the target */
	u8 property;
	struct hmap links;        /* hash of device and inode -> index + 1 in linked */
	VEC(struct put_linked) linked;
	struct hmap layouts;      /* -> index + 1 in shared */
	VEC(struct put_shared) shared;
	pthread_mutex_t lock;     /* of reading */
	struct hmap reading;      /* inodes with several names that somebody has read ahead */
	u64 files, dirs, others, bytes, existing, last_dir;
};

/* putshared.c: reflinks of the running system. Fills in *out, len 0 when there is nothing to tell. */
void put_layout(int fd, const struct stat *st, struct put_layout *out);

/* putread.c: fills in what needs no transaction. Any thread. */
void put_look(struct put_job *j, struct put_worker *w);
/* The path in the running system of a name in dir, heap. */
char *put_host_path(const struct put_dir *dir, const char *name);
int put_open_dir(const struct put_dir *dir);   /* descriptor or -errno */
void put_job_free(struct put_job *j);
void put_dir_drop(struct put_dir *d);

/* putmake.c: one job in its turn. */
void put_make(struct put_job *j);
/* Does what is made in this directory inherit more than flags and property? */
bool put_dir_odd(struct loc dir);
/* A file's content from a descriptor of the running system. *broken: the source could not be read. */
int put_stream(struct edit *e, struct loc to, int fd, const struct stat *st, const struct put_ahead *ahead, bool *broken);

#endif
