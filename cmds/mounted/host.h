/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments that are paths in a mounted filesystem. A command that serves both sides asks here first. */
#ifndef CMDS_MOUNTED_HOST_H
#define CMDS_MOUNTED_HOST_H

#include <sys/stat.h>
#include "cmds/target.h"
#include "kernel-shared/kapi/space.h"

struct host {
	int fd;
	const char *path;      /* as given */
	struct stat st;
	struct kfs_info info;
};
enum {
	HOST_DIR = 1,          /* a directory is wanted */
	HOST_WRITE = 2,        /* a regular file is opened for writing */
	HOST_ONLY = 4,         /* no unmounted filesystem will do: the error says so */
	HOST_DEVICE = 8,       /* a mounted device stands for its mount point */
};
enum { HOST_OFFLINE = -1 };
/* 0; the exit code, the reason said; HOST_OFFLINE: the argument is an unmounted filesystem, or a place inside one (not with HOST_ONLY).
 * A regular file in a mounted btrfs that is no image of one is a path, too. */
int host_open(struct cmd_ctx *ctx, const char *arg, unsigned flags, struct host *out);
/* Is the argument a path of the running system, and no unmounted filesystem nor a place in one? Also of a mounted btrfs's regular files. */
bool host_means_path(const struct target *t, const char *arg);
/* --undo, and --dry-run where it is ours, are for unmounted filesystems: says so for a path of a mounted one. The exit code or 0. host_open asks, too. */
int host_refuse_offline_options(struct cmd_ctx *ctx, const char *arg);
/* Does path lie in a mounted btrfs? */
bool host_on_btrfs(const char *path);
void host_close(struct host *h);
/* The top of a subvolume? */
static inline bool host_is_subvol(const struct host *h) { return S_ISDIR(h->st.st_mode) && h->st.st_ino == BTRFS_FIRST_FREE_OBJECTID; }
/* Where a new entry NAME, DIR/NAME goes: the directory ("." for none) and the name, trailing slashes cut. Heap. -ENOMEM. */
int host_split(const char *path, char **dir, char **name);
/* Nothing else exclusive runs, or (enqueue) has ended, as cli 6 says; what: "balance". The exit code or 0. */
int host_exclusive(struct cmd_ctx *ctx, const struct host *h, const char *what, bool enqueue);
/* "Q [y/N]"-less countdown: "10 9 ... 1" a second each on standard output, then a newline. */
void host_countdown(struct cmd_ctx *ctx, unsigned seconds);

#endif
