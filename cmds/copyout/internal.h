/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the copying engine share. */
#ifndef CMDS_COPYOUT_INTERNAL_H
#define CMDS_COPYOUT_INTERNAL_H

#include <pthread.h>
#include "cmds/copyout/copyout.h"
#include "common/strbuf.h"
#include "kernel-shared/fs/whole.h"

/* A subvolume that is being copied, with what was met in it. */
struct csub {
	struct root *root;
	struct hmap seen;      /* directories, by inode number */
	struct hmap links;     /* inode number -> struct clink *, under links_lock */
	bool broken;           /* some directory has lost names */
	bool recovered;        /* and directories that hang nowhere were looked for */
};

/* A directory of the target. Alive while work below it is open, or while a file in it may still be linked to or shared with. */
struct cdir {
	struct cdir *parent;   /* held */
	struct csub *sub;
	u64 ino;
	struct cdir *lru_prev, *lru_next; /* open descriptors nobody works with; under dirs_lock */
	u64 host_dev, host_ino;
	int fd;                /* -1: closed to bound their number */
	unsigned pins;         /* under dirs_lock */
	_Atomic unsigned refs;
	_Atomic unsigned open; /* tasks and subdirectories that are not done */
	bool outside;          /* the target directory itself, when it stands for no directory of the filesystem */
	bool doubtful;         /* its names come from a block that breaks rules; told */
	bool gap;              /* some of its index is unreadable */
	char *why;             /* and why */
	u16 name_len;
	char name[];
};

/* A file whose data several workers copy. */
struct cfile {
	pthread_mutex_t lock;
	struct cdir *dir;      /* held */
	int fd;
	struct whole w;        /* the window of extents that is being handed out */
	size_t next;           /* the next piece of the window */
	u64 piece_off;         /* and how far it is handed out */
	u64 end;               /* highest byte written */
	unsigned users;        /* workers and offers */
	bool damaged, failed;
	struct shared_name *share; /* for reflinks; may be NULL */
	char name[BTRFS_NAME_LEN + 1];
};

/* A name under which data can be found again in the target, to link to it or to share its extents. */
struct shared_name {
	struct cdir *dir;
	_Atomic unsigned refs;
	u64 host_ino;                 /* for reflinks: the file that has, or had, this name */
	bool gone;                    /* and it has been removed; under the lock of struct share */
	char name[];
};

/* A file with several names. The first is the one that is linked to; the others are remembered until the data is complete. */
struct clink { VEC(struct shared_name *) names; u32 left; bool complete, failed; };

/* A directory whose names are partly lost. */
struct broken { struct cdir *dir; struct hmap known; u64 found; };

/* A file to help with, or a directory's names from index on; end: only those below it, 0: all. */
struct task { struct cdir *dir; struct cfile *file; u64 index, end; };
VEC_TYPE(tasks, struct task);

struct entry { u64 ino, index; u32 name_off; u16 name_len; u8 type; bool is_subvol; };
enum { BATCH = 64, PIECES_MAX = 1024 };
#define COPY_CHUNK MiB(1)
#define BIG_FILE MiB(8)

/* Each worker's own. */
struct worker {
	struct copyout *c;
	unsigned index;
	u8 *buf;               /* COPY_CHUNK */
	struct whole w;
	struct entry batch[BATCH];
	unsigned nbatch, at, to; /* at work on entry at of those below to */
	bool by_index;         /* the batch can be found again by index */
	struct strbuf names;   /* of the batch */
	struct strbuf inside;  /* path inside the filesystem of the directory at work, without trailing slash */
	struct strbuf path;    /* scratch */
	struct shared_name *src; /* held: the file behind src_fd */
	int src_fd;
	u32 claims[4];         /* parts of extents that others wait for */
	unsigned nclaims;
	u64 files, dirs, others, links, bytes, shared; /* added up at the end */
};

struct copyout {
	struct env *env;
	struct fs *fs;
	struct copyout_opts o;
	int dirfd;
	const char *target;
	struct cdir *top;      /* the target directory */
	bool plain;            /* new files get our own owner and the mode asked for: no inheritance from the target directory */
	bool can_reflink, no_csums;
	u32 uid, gid;
	mode_t old_umask;
	struct worker *workers;
	unsigned nworkers;

	pthread_mutex_t queue_lock;
	pthread_cond_t queue_cond;
	struct tasks dirs, files;
	unsigned active;
	_Atomic int stop;      /* negative: everything ends with this */

	pthread_mutex_t dirs_lock;
	struct cdir *lru_first, *lru_last; /* first: used longest ago */
	unsigned nopen, max_open;

	pthread_mutex_t subs_lock; /* subs, seen, broken */
	struct hmap subs;      /* struct root * -> struct csub * */
	VEC(struct broken) broken;
	size_t recovered;      /* of these */
	pthread_mutex_t links_lock;

	struct share *share;   /* reflink.c */

	pthread_mutex_t note_lock;
	u64 told[COPYOUT_EVENTS];
	struct copyout_result result;
	struct err err;        /* why it stopped */
};

/* copyout.c: the queue */
void queue_push(struct copyout *c, const struct task *t);
void queue_offer_file(struct copyout *c, struct cfile *f);
bool queue_withdraw_file(struct copyout *c, struct cfile *f); /* true: it was still there */
/* Ends everything with ret. The first call counts. */
void copyout_stop(struct copyout *c, int ret, const char *fmt, ...) PRINTF(3, 4);

/* walk.c */
void run_task(struct worker *k, const struct task *t);
/* One entry by its name as it lies on disk. */
void copy_entry(struct worker *k, struct cdir *d, int dirfd, const u8 *name, const struct entry *e);
/* One inode under a valid name. type: BTRFS_FT_*, used when the inode is lost. */
void copy_inode(struct worker *k, struct cdir *d, int dirfd, const char *name, struct loc loc, u8 type);
/* Adds the entries of a directory item to the batch, but for those that are known already. True when the batch must end here. */
bool batch_add(struct worker *k, const struct item *item, const struct hmap *known);
/* Part of the directory's index is unreadable. */
void set_gap(struct cdir *d, const struct err *err);
/* A directory that was just made (or was there) in its parent's descriptor: opens it, checked to be a directory and no symlink. */
bool cdir_open_new(struct worker *k, struct cdir *d, int dirfd);
/* What is left of the batch at hand goes to whoever is free: the present entry takes long. */
void batch_hand_over(struct worker *k, struct cdir *d);
void copy_batch(struct worker *k, struct cdir *d, int dirfd, unsigned from, unsigned to);
/* One task or subdirectory of d is done. When it was the last, d gets its attributes and is given up, and then perhaps what is above it. */
void dir_done(struct worker *k, struct cdir *d);

/* lostnames.c */
void find_lost_names(struct worker *k, struct cdir *d, int dirfd);
/* When nothing is left to do. True when there may be more now. */
bool recover_names(struct worker *k);

/* orphans.c: the same, when that finds nothing more */
bool recover_orphans(struct worker *k);

/* dirs.c: descriptors of directories */
struct cdir *cdir_new(struct cdir *parent, struct csub *sub, u64 ino, const char *name, size_t len);
struct cdir *cdir_hold(struct cdir *d);
void cdir_put(struct copyout *c, struct cdir *d);
/* The descriptor, open until unpinned. -1: errno says why not. */
int cdir_pin(struct copyout *c, struct cdir *d);
void cdir_unpin(struct copyout *c, struct cdir *d);
/* Takes a descriptor that was just opened, pinned. */
struct stat;
void cdir_adopt(struct copyout *c, struct cdir *d, int fd, const struct stat *st);
/* d, pinned, is about to go: opens its parent through it if that was closed meanwhile. */
void cdir_reopen_parent(struct copyout *c, struct cdir *d);
/* The path below the target, or inside the filesystem (leading slash, "" for the top). name may be NULL. */
void cdir_path(struct copyout *c, const struct cdir *d, const char *name, struct strbuf *out);
void cdir_inside(const struct cdir *d, const char *name, struct strbuf *out);

/* subs.c: what was met already */
struct csub *csub_get(struct copyout *c, struct root *root); /* NULL: no memory */
void csubs_fini(struct copyout *c);
/* First time here? -ELOOP if not, -ENOMEM. */
int csub_enter_dir(struct copyout *c, struct csub *sub, u64 ino);
struct shared_name *shared_name_new(struct cdir *dir, const char *name);
/* The name under which fd was just made, for reflinks. NULL: there will be none. */
struct shared_name *shared_name_of(struct copyout *c, struct cdir *dir, const char *name, int fd);
struct shared_name *shared_name_hold(struct shared_name *n);
void shared_name_put(struct copyout *c, struct shared_name *n);
void clink_free(struct copyout *c, struct clink *l);

/* links.c: the inode is the one in k->w */
/* True when name was linked to an earlier copy, or must not be copied. *claim: this is the first copy, and the links are locked until
 * link_release; link_first tells that the name is made. */
bool link_earlier(struct worker *k, struct cdir *d, int dirfd, const char *name, bool *claim);
void link_first(struct worker *k, struct cdir *d, const char *name);
void link_release(struct worker *k);
/* Its data is all there; or it is not fit to be kept: all its names are removed. */
void links_complete(struct worker *k, struct cdir *d, u64 ino);
void links_remove(struct worker *k, struct cdir *d, u64 ino, const char *name);

/* file.c: regular files */
void copy_regular(struct worker *k, struct cdir *d, int dirfd, const char *name);
void copy_big_help(struct worker *k, struct cfile *f);

/* make.c: creating entries */
enum made { MADE, MADE_SKIPPED, MADE_FAILED };
int make_file(struct worker *k, struct cdir *d, int dirfd, const char *name);   /* fd, or -1: skipped or failed, and told */
enum made make_dir(struct worker *k, struct cdir *d, int dirfd, const char *name);
void copy_other(struct worker *k, struct cdir *d, int dirfd, const char *name); /* symlinks, devices, pipes, sockets */

/* meta.c: owner, mode, times, attributes */
void meta_file(struct worker *k, const struct whole *w, const struct cdir *d, const char *name, int fd);
void meta_dir(struct worker *k, const struct cdir *d, int fd);
void meta_other(struct worker *k, const struct cdir *d, int dirfd, const char *name);

/* reflink.c */
int share_init(struct copyout *c);
void share_fini(struct copyout *c);
/* The first of the *len bytes from off on. True: *len of them were cloned from where they are already. False: *len of them have to be copied,
 * and share_settle has to be called soon, for others may wait: is every byte in the file, as it should be? */
bool share_next(struct worker *k, struct shared_name *name, const struct file_piece *p, u64 off, u64 *len, int fd);
void share_settle(struct worker *k, bool whole);
/* The file under this name is about to be removed. */
void share_forget(struct copyout *c, struct shared_name *name);
void worker_drop_source(struct worker *k);

/* report.c */
void note(struct copyout *c, enum copyout_event event, const struct cdir *d, const char *name, const char *text);
void note_existing(struct copyout *c, const struct cdir *d, const char *name);
void note_damage(struct copyout *c, const struct cdir *d, const char *name, const char *fmt, ...) PRINTF(4, 5);
void note_lost_data(struct copyout *c, const struct cdir *d, const char *name, u64 from, u64 to, unsigned copies, const char *why);
void note_failed(struct copyout *c, const struct cdir *d, const char *name, const char *fmt, ...) PRINTF(4, 5);
void note_unkept(struct copyout *c, enum copyout_unkept kind, int error, const struct cdir *d, const char *name, const char *what);
/* Lists in order of path. */
void result_sort(struct copyout_result *r);
void result_fini(struct copyout_result *r);

#endif
