/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/property/object.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"
#include "kernel-shared/kapi/mounts.h"

static int parse_type(struct cmd_ctx *ctx, const char *text, unsigned *out)
{
	static const struct { const char *name; unsigned type; } types[] = {
		{ "inode", OBJ_INODE }, { "subvol", OBJ_SUBVOL }, { "filesystem", OBJ_FILESYSTEM }, { "device", OBJ_DEVICE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(text, types[i].name) || (text[0] == types[i].name[0] && !text[1])) {
			*out = types[i].type;
			return 0;
		}
	return cmd_error(ctx, "invalid object type: %s", text);
}

static bool is_mount_point(const char *path)
{
	char *real CLEANUP(mem_freep) = realpath(path, NULL);
	struct kmounts mounts;
	bool found = false;

	if (!real || kmounts_read(&mounts))
		return false;
	for (size_t i = 0; !found && i < mounts.len; i++)
		found = !strcmp(mounts.v[i].dir, real);
	kmounts_fini(&mounts);
	return found;
}

/* A path in a mounted filesystem is an inode, perhaps a subvolume's top, perhaps what is mounted. */
static int open_host(struct cmd_ctx *ctx, const char *arg, bool device, struct object *obj)
{
	int ret = host_open(ctx, arg, HOST_DEVICE, &obj->host);

	if (ret)
		return ret;
	obj->types = device ? OBJ_DEVICE : OBJ_INODE;
	if (!device && host_is_subvol(&obj->host))
		obj->types |= OBJ_SUBVOL | (is_mount_point(arg) ? OBJ_FILESYSTEM : 0);
	return 0;
}

/* A whole device has a label; what lies inside is as on a mounted filesystem, where the top level is what is mounted. */
static int open_offline(struct cmd_ctx *ctx, const struct target *t, struct object *obj)
{
	bool inside = t->kind == TARGET_INSIDE;
	int ret;

	if (obj->writing) {
		ret = change_begin(ctx, t, &obj->change);
		obj->fs = ret ? NULL : obj->change.fs;
		if (!ret && inside && (ret = change_resolve(ctx, &obj->change, t, true, &obj->loc)))
			ret = change_end(ctx, &obj->change, ret);
	} else if (inside) {
		ret = target_resolve(ctx, t, 0, &obj->fs, &obj->loc);
	} else {
		ret = target_open(ctx, t, 0, &obj->fs);
	}
	obj->types = inside ? OBJ_INODE : OBJ_DEVICE;
	if (!ret && inside && obj->loc.ino == BTRFS_FIRST_FREE_OBJECTID)
		obj->types |= OBJ_SUBVOL | (obj->loc.root->tree.id == BTRFS_FS_TREE_OBJECTID ? OBJ_FILESYSTEM : 0);
	return ret;
}

/* What cannot have properties, in the words of this command. */
static int refuse(struct cmd_ctx *ctx, const char *arg)
{
	struct stat st;

	if (stat(arg, &st)) {
		cmd_error(ctx, "failed to open %s: %s", arg, strerror(errno));
		return cmd_error(ctx, "failed to detect object type: %s", strerror(errno));
	}
	if (!host_on_btrfs(arg) || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		return cmd_error(ctx, "object is not a btrfs object: %s", arg);
	return 0;
}

int object_open(struct cmd_ctx *ctx, const char *arg, const char *type, bool writing, struct object *obj)
{
	char *dir CLEANUP(mem_freep) = NULL;
	struct target t;
	unsigned only = 0;
	int ret = type ? parse_type(ctx, type, &only) : 0;

	if (ret)
		return ret;
	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	*obj = (struct object){ .host = { .fd = -1, .path = arg }, .writing = writing };
	if (t.kind == TARGET_HOST)
		ret = refuse(ctx, arg);
	else if (t.kind == TARGET_DEVICE && writing && !kmount_of_device(arg, &dir))
		ret = cmd_error(ctx, "device %s is mounted, use mount point", arg);
	if (!ret && !ctx->session)
		ret = open_host(ctx, arg, t.kind == TARGET_DEVICE && !kmount_of_device(arg, &dir), obj);
	else if (!ret)
		ret = HOST_OFFLINE;
	if (ret == HOST_OFFLINE)
		ret = open_offline(ctx, &t, obj);
	if (only)
		obj->types = only;
	target_fini(&t);
	return ret;
}

int object_close(struct cmd_ctx *ctx, struct object *obj, int status)
{
	if (obj->host.fd >= 0)
		host_close(&obj->host);
	else if (obj->writing)
		status = change_end(ctx, &obj->change, status);
	else
		target_close(ctx, obj->fs);
	return status;
}
