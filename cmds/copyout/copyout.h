/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying files out of an unmounted filesystem into a directory of the running system: the engine of `restore` and `get`.
 *
 * Reads past damage and remembers what was lost; never writes outside the target directory whatever the filesystem calls its files;
 * holds a bounded number of descriptors and an amount of memory that grows with the depth of the tree, not with its size (but for what
 * must be remembered: directories seen, hard links still open, damage). Files are copied in parallel on env->pool. */
#ifndef CMDS_COPYOUT_COPYOUT_H
#define CMDS_COPYOUT_COPYOUT_H

#include "common/progress.h"
#include "kernel-shared/fs/inode.h"

enum copyout_snapshots { SNAPSHOTS_ALL, SNAPSHOTS_SKIP };

enum copyout_event {
	COPYOUT_DIR,        /* a directory is made or entered */
	COPYOUT_FILE,       /* a file is being written */
	COPYOUT_SYMLINK,    /* text: the target */
	COPYOUT_DIR_DONE,   /* all below it is done; path: inside the filesystem, "" for the top */
	COPYOUT_EXISTS,     /* not written: something of this name is there already */
	COPYOUT_SNAPSHOT,   /* a snapshot is passed over; path: its name alone */
	COPYOUT_DAMAGE,     /* bytes [from, to) of path (0, 0: all of it) are lost; text: why */
	COPYOUT_FAILED,     /* the target refused; text: what */
	COPYOUT_EVENTS
};
struct copyout_note {
	enum copyout_event event;
	const char *path;   /* below the target as it was named, unless said otherwise above */
	const char *text;
	u64 from, to;
	unsigned copies;    /* damaged data: how many copies of it there should be, 0 if that says nothing */
	bool first;         /* no such event before */
};

struct copyout_opts {
	bool metadata;      /* owner, mode, times */
	bool xattrs;        /* with ACLs and capabilities */
	bool symlinks, specials, subvolumes;
	bool reflink;       /* share what is shared, where the target can */
	bool overwrite;     /* replace what is there; directories are merged always */
	bool ignore_csums;  /* bytes whose checksum does not match are written as they are (and told) */
	bool whole_only;    /* files that cannot be read whole are removed again */
	bool dry_run;       /* write nothing */
	bool ordered;       /* one file after the other, depth first */
	bool stop_on_failure; /* end when the target refuses a file; a full target always ends it */
	enum copyout_snapshots snapshots;
	/* False: passed over, with all below. path: inside the filesystem, with leading slash. May be NULL. Called from many threads. */
	bool (*want)(void *arg, const char *path);
	/* Serialised. mask: 1 << event for those that shall be told. */
	void (*note)(void *arg, const struct copyout_note *note);
	unsigned note_mask;
	void *arg;
	struct progress *progress;
};

/* What could not be kept on the target; each is told once, with a count. */
enum copyout_unkept { UNKEPT_OWNER, UNKEPT_MODE, UNKEPT_TIMES, UNKEPT_XATTR, UNKEPT_ACL, UNKEPT_DEVICE, UNKEPT_SPECIAL, UNKEPT_LINK, UNKEPT_KINDS };
struct copyout_kept { u64 count; int error; char *first; }; /* first: "path" or "name of path", by path */
struct copyout_lost { char *path; u64 from, to; char *why; };
enum { COPYOUT_LOST_MAX = 10000 };  /* remembered in each list; all are told as notes */

VEC_TYPE(copyout_losses, struct copyout_lost);

/* Nothing in here depends on the number of workers. */
struct copyout_result {
	u64 files, dirs, others, links, bytes, shared; /* shared: bytes that were reflinked */
	u64 existing;          /* passed over because something was there */
	u64 failed;            /* refused by the target */
	struct copyout_losses refused; /* both of these, by path */
	char *first_existing;  /* in order of path */
	u64 lost_count;        /* damaged files, directories and entries */
	struct copyout_losses lost;    /* by path and range */
	u64 unverified;        /* bytes without a readable checksum, though they should have one */
	u64 mismatched;        /* bytes written though their checksum does not match */
	struct copyout_kept unkept[UNKEPT_KINDS];
};

struct copyout;
/* target: how the directory behind dirfd is called in messages. All borrowed. With metadata the umask is 0 until copyout_free. */
int copyout_new(struct env *env, struct fs *fs, const struct copyout_opts *opts, int dirfd, const char *target, struct copyout **out, struct err *err);
void copyout_free(struct copyout *c);
/* The contents of a directory into the target directory itself. */
int copyout_contents(struct copyout *c, struct loc dir, struct err *err);
/* One file or directory with all below it, as name in the target directory. */
int copyout_entry(struct copyout *c, struct loc src, const char *name, struct err *err);
/* Both: 0 even when something was lost (see the result); negative when it could not go on: a full target, no memory, interrupted. */
const struct copyout_result *copyout_result(const struct copyout *c);

#endif
