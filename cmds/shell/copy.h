/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copying inside the filesystem: cp, and mv where a name cannot simply move (into another subvolume). */
#ifndef CMDS_SHELL_COPY_H
#define CMDS_SHELL_COPY_H

#include "cmds/shell/edit.h"

enum reflink { REFLINK_AUTO, REFLINK_ALWAYS, REFLINK_NEVER };
struct copy_opts {
	bool recursive;
	bool keep_mode, keep_owner, keep_times, keep_xattrs, keep_links; /* -p, -a */
	bool no_clobber, update, force, hard_link, symbolic_link, attributes_only;
	char follow;              /* 'P' never, 'H' arguments, 'L' always */
	enum reflink reflink;
};
struct copier;
/* NULL: no memory. */
struct copier *copier_new(struct edit *e, const struct copy_opts *o);
void copier_free(struct copier *c);
/* One source to one path. Prints; 1 when something could not be copied. */
int copy_path(struct copier *c, const char *from, const char *to);

/* The content of a regular file to another that is empty: shared, or else read and written. 0 or -errno. */
int copy_content(struct edit *e, struct loc from, const struct inode *inode, struct loc to, enum reflink reflink);

#endif
