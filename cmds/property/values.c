/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The properties: how each is read and set, on both sides. */
#include <errno.h>
#include <sys/xattr.h>
#include "cmds/property/object.h"
#include "common/mem.h"
#include "kernel-shared/kapi/subvol.h"

#define COMPRESSION "btrfs.compression"

static bool is_host(const struct object *obj) { return obj->host.fd >= 0; }
static bool is_top(const struct object *obj)
{
	return is_host(obj) ? host_is_subvol(&obj->host) : obj->loc.root && obj->loc.ino == BTRFS_FIRST_FREE_OBJECTID;
}

static int read_ro(const struct object *obj, bool *ro)
{
	if (!is_top(obj))
		return -EINVAL;
	if (is_host(obj))
		return ksubvol_readonly(obj->host.fd, ro);
	*ro = le64_get(obj->loc.root->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY;
	return 0;
}

static int get_ro(const struct object *obj, char **value, struct err *err)
{
	bool ro = false;
	int ret = read_ro(obj, &ro);

	if (ret)
		return ret == -EINVAL ? ret : err_set(err, ret, "%s", strerror(-ret));
	*value = mem_strdup(ro ? "true" : "false");
	return *value ? 0 : err_nomem(err);
}

/* Null where the kernel does not tell. */
static void read_received(const struct object *obj, u8 uuid[16])
{
	struct ksubvol info;

	memset(uuid, 0, BTRFS_UUID_SIZE);
	if (!is_host(obj))
		memcpy(uuid, obj->loc.root->item.received_uuid, BTRFS_UUID_SIZE);
	else if (!ksubvol_info(obj->host.fd, &info))
		memcpy(uuid, info.item.received_uuid, BTRFS_UUID_SIZE);
}

static int clear_received(struct cmd_ctx *ctx, struct object *obj)
{
	static const struct timespec64 never;
	static const u8 none[BTRFS_UUID_SIZE];
	struct change *c = &obj->change;

	return is_host(obj) ? ksubvol_clear_received(obj->host.fd) :
		op_subvol_set_received(c->txn, obj->loc.root->tree.id, none, 0, &never, &never, &ctx->err);
}

/* A subvolume that becomes writable is no longer what was received: incremental streams would be applied to something else. */
static int set_ro(struct cmd_ctx *ctx, struct object *obj, const char *value, bool force)
{
	bool want = !strcmp(value, "true"), ro = false;
	char text[UUID_TEXT_MAX];
	u8 received[16];
	int ret;

	if (!want && strcmp(value, "false"))
		return cmd_error(ctx, "invalid value for property: %s", value);
	ret = read_ro(obj, &ro);
	if (ret == -EINVAL)
		return cmd_error(ctx, "object is not compatible with property: ro");
	if (ret)
		return cmd_error(ctx, "could not get subvolume flags: %s", strerror(-ret));
	read_received(obj, received);
	if (!want && !uuid_is_null(received)) {
		if (!ro)
			cmd_warn(ctx, "read-write subvolume with received_uuid, this is bad");
		else if (!force)
			return cmd_error(ctx, "cannot flip ro->rw with received_uuid set, use force option -f if you really want unset the read-only status. "
					 "Incremental receive relies on it: consider making a snapshot instead (SUBVOLUME FLAGS in btrfs-subvolume(8))");
	}
	if (is_host(obj))
		ret = ksubvol_set_readonly(obj->host.fd, want);
	else
		ret = op_subvol_set_readonly(obj->change.txn, obj->loc.root->tree.id, want, &ctx->err);
	if (!ret && !want && force && !uuid_is_null(received)) {
		cmd_warn(ctx, "clearing received_uuid (was %s)", uuid_format(received, text));
		ret = clear_received(ctx, obj);
	}
	if (!ret)
		return 0;
	return cmd_error(ctx, "failed to set flags for subvolume %s: %s", obj->host.path, strerror(-ret));
}

static int get_label(const struct object *obj, char **value, struct err *err)
{
	char label[KLABEL_SIZE];
	int ret = 0;

	if (is_host(obj))
		ret = klabel_get(obj->host.fd, label);
	else
		memcpy(label, obj->fs->sb->label, BTRFS_LABEL_SIZE);
	if (ret)
		return err_set(err, ret, "%s", strerror(-ret));
	*value = mem_strndup(label, strnlen(label, BTRFS_LABEL_SIZE));
	return *value ? 0 : err_nomem(err);
}

static int set_label(struct cmd_ctx *ctx, struct object *obj, const char *value, bool force)
{
	int ret;

	if (strlen(value) >= BTRFS_LABEL_SIZE)
		return cmd_error(ctx, "label %s is too long (max %d)", value, BTRFS_LABEL_SIZE - 1);
	ret = is_host(obj) ? klabel_set(obj->host.fd, value) : op_label(obj->change.txn, value, &ctx->err);
	return ret ? cmd_error(ctx, "unable to set label of %s: %s", obj->host.path, strerror(-ret)) : 0;
}

static int host_xattr(const char *path, char **value)
{
	char text[256];
	ssize_t len = getxattr(path, COMPRESSION, text, sizeof(text));

	*value = len < 0 ? NULL : mem_strndup(text, len);
	return len < 0 ? -errno : *value ? 0 : -ENOMEM;
}

static int get_compression(const struct object *obj, char **value, struct err *err)
{
	size_t len;
	int ret;

	*value = NULL;
	if (is_host(obj))
		ret = host_xattr(obj->host.path, value);
	else if (!obj->loc.root)
		ret = -EINVAL;
	else
		ret = xattr_get(obj->loc.root, obj->loc.ino, COMPRESSION, value, &len, err);
	if (ret == -ENODATA)
		return 0;
	return ret && is_host(obj) ? err_set(err, ret, "%s", strerror(-ret)) : ret;
}

static int set_compression(struct cmd_ctx *ctx, struct object *obj, const char *value, bool force)
{
	bool unset = !*value;
	int ret;

	if (is_host(obj))
		ret = (unset ? removexattr(obj->host.path, COMPRESSION) : setxattr(obj->host.path, COMPRESSION, value, strlen(value), 0)) ? -errno : 0;
	else if (!obj->loc.root)
		return cmd_error(ctx, "object is not compatible with property: compression");
	else
		ret = op_xattr(obj->change.txn, obj->loc, COMPRESSION, strlen(COMPRESSION), unset ? NULL : value, strlen(value), 0, &ctx->err);
	return ret && ret != -ENODATA ? cmd_error(ctx, "failed to set compression for %s: %s", obj->host.path, strerror(-ret)) : 0;
}

const struct property properties[PROPERTIES] = {
	{ "ro", "read-only status of a subvolume", OBJ_SUBVOL, get_ro, set_ro },
	{ "label", "label of the filesystem", OBJ_FILESYSTEM | OBJ_DEVICE, get_label, set_label },
	{ "compression", "compression algorithm for the file or directory", OBJ_INODE, get_compression, set_compression },
};
