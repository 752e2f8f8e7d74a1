/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has properties: a file or directory, a subvolume, a filesystem, a device; mounted or not. Spec: cli 14. */
#ifndef CMDS_PROPERTY_OBJECT_H
#define CMDS_PROPERTY_OBJECT_H

#include "cmds/change.h"
#include "cmds/mounted/host.h"

enum object_type { OBJ_INODE = 1, OBJ_SUBVOL = 2, OBJ_FILESYSTEM = 4, OBJ_DEVICE = 8 };

struct object {
	unsigned types;        /* what it is, or what -t says */
	struct host host;      /* fd -1: unmounted */
	struct fs *fs;         /* unmounted */
	struct loc loc;        /* root NULL: the whole device */
	struct change change;  /* when opened for writing */
	bool writing;
};
/* type: of -t, or NULL. Says why not; the exit code or 0. */
int object_open(struct cmd_ctx *ctx, const char *arg, const char *type, bool writing, struct object *obj);
/* status: the command's exit code so far; returns the final one. What was changed offline is committed when it is 0. */
int object_close(struct cmd_ctx *ctx, struct object *obj, int status);

/* The value as heap text, NULL for one that is not set. 0, -EINVAL (not of this object), other failures with a reason.
 * set: prints what is wrong itself, and returns the exit code. */
struct property {
	const char *name, *desc;
	unsigned types;
	int (*get)(const struct object *obj, char **value, struct err *err);
	int (*set)(struct cmd_ctx *ctx, struct object *obj, const char *value, bool force);
};
extern const struct property properties[];
enum { PROPERTIES = 3 };

#endif
