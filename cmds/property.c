/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs property get and list. Spec: cli 14. */
#include "cmds/report.h"
#include "common/mem.h"

enum object_type { OBJ_INODE = 1, OBJ_SUBVOL = 2, OBJ_FILESYSTEM = 4, OBJ_DEVICE = 8 };

struct object {
	struct fs *fs;
	struct loc loc;        /* root NULL: the whole device */
	unsigned types;        /* what it is */
};

/* The value as heap text, NULL for one that is not set. 0, -EINVAL (not for this object), other failures. */
struct property {
	const char *name, *desc;
	unsigned types;
	int (*get)(const struct object *obj, char **value, struct err *err);
};

static int get_ro(const struct object *obj, char **value, struct err *err)
{
	bool ro;

	if (!obj->loc.root || obj->loc.ino != BTRFS_FIRST_FREE_OBJECTID)
		return -EINVAL;
	ro = le64_get(obj->loc.root->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY;
	*value = mem_strdup(ro ? "true" : "false");
	return *value ? 0 : err_nomem(err);
}

static int get_label(const struct object *obj, char **value, struct err *err)
{
	*value = mem_strndup(obj->fs->sb->label, strnlen(obj->fs->sb->label, BTRFS_LABEL_SIZE));
	return *value ? 0 : err_nomem(err);
}

static int get_compression(const struct object *obj, char **value, struct err *err)
{
	size_t len;
	int ret;

	if (!obj->loc.root)
		return -EINVAL;
	ret = xattr_get(obj->loc.root, obj->loc.ino, "btrfs.compression", value, &len, err);
	if (ret == -ENODATA)
		*value = NULL;
	return ret == -ENODATA ? 0 : ret;
}

static const struct property properties[] = {
	{ "ro", "read-only status of a subvolume", OBJ_SUBVOL, get_ro },
	{ "label", "label of the filesystem", OBJ_FILESYSTEM | OBJ_DEVICE, get_label },
	{ "compression", "compression algorithm for the file or directory", OBJ_INODE, get_compression },
};

struct property_args { const char *type; };

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

/* A whole device has a label; what lies inside is an inode, perhaps a subvolume's top, perhaps the filesystem's. */
static int open_object(struct cmd_ctx *ctx, const char *arg, const char *type, struct object *obj)
{
	struct target t;
	unsigned only = 0;
	int ret = type ? parse_type(ctx, type, &only) : 0;

	if (ret)
		return ret;
	if (target_arg(ctx, arg, &t))
		return cmd_error(ctx, "not enough memory");
	memset(obj, 0, sizeof(*obj));
	if (t.kind == TARGET_HOST) {
		ret = cmd_error(ctx, "object is not a btrfs object: %s", arg);
	} else if (t.kind == TARGET_DEVICE) {
		ret = target_open(ctx, &t, 0, &obj->fs);
		obj->types = OBJ_DEVICE;
	} else {
		ret = target_resolve(ctx, &t, 0, &obj->fs, &obj->loc);
		obj->types = OBJ_INODE;
		if (!ret && obj->loc.ino == BTRFS_FIRST_FREE_OBJECTID)
			obj->types |= OBJ_SUBVOL;
		if (!ret && obj->types & OBJ_SUBVOL && obj->loc.root->tree.id == BTRFS_FS_TREE_OBJECTID)
			obj->types |= OBJ_FILESYSTEM;
	}
	if (only)
		obj->types = only;
	target_fini(&t);
	return ret;
}

static int print_value(struct cmd_ctx *ctx, const struct property *p, const struct object *obj)
{
	char *value CLEANUP(mem_freep) = NULL;
	int ret = p->get(obj, &value, &ctx->err);

	if (ret == -EINVAL)
		return cmd_error(ctx, "object is not compatible with property: %s", p->name);
	if (ret)
		return cmd_fail(ctx, "failed to get %s", p->name);
	if (ctx->json && value)
		out_json_str(ctx->out, p->name, value);
	else if (ctx->json)
		out_json_null(ctx->out, p->name);
	else if (value)
		out_printf(ctx->out, "%s=%s\n", p->name, value);
	return 0;
}

static int get_values(struct cmd_ctx *ctx, const struct object *obj, const char *name)
{
	bool known = false;
	int ret = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_obj(ctx->out, "property-get");
	}
	for (size_t i = 0; !ret && i < ARRAY_SIZE(properties); i++) {
		const struct property *p = &properties[i];

		if (name && strcmp(name, p->name))
			continue;
		known = true;
		if (p->types & obj->types)
			ret = print_value(ctx, p, obj);
		else if (name)
			ret = cmd_error(ctx, "object is not compatible with property: %s", name);
	}
	if (ctx->json)
		out_json_end(ctx->out);
	return !ret && !known ? cmd_error(ctx, "unknown property: %s", name) : ret;
}

static int get_run(struct cmd_ctx *ctx, void *args)
{
	const struct property_args *a = args;
	struct object obj;
	int ret = open_object(ctx, ctx->argv[0], a->type, &obj);

	if (ret)
		return ret;
	ret = get_values(ctx, &obj, ctx->argc > 1 ? ctx->argv[1] : NULL);
	target_close(ctx, obj.fs);
	return ret;
}

static int list_run(struct cmd_ctx *ctx, void *args)
{
	const struct property_args *a = args;
	struct object obj;
	int ret = open_object(ctx, ctx->argv[0], a->type, &obj);

	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "property-list");
	}
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		const struct property *p = &properties[i];

		if (!(p->types & obj.types))
			continue;
		if (!ctx->json) {
			out_printf(ctx->out, "%-20s%s\n", p->name, p->desc);
			continue;
		}
		out_obj(ctx->out, NULL);
		out_json_str(ctx->out, "name", p->name);
		out_json_str(ctx->out, "description", p->desc);
		out_end(ctx->out);
	}
	if (ctx->json)
		out_json_end(ctx->out);
	target_close(ctx, obj.fs);
	return 0;
}

#define OPT_STRUCT struct property_args
static const struct opt property_opts[] = {
	OPT_STRING('t', NULL, type, "TYPE", "list properties for the given object type (inode, subvol, filesystem, device)",
		   .complete = "inode|subvol|filesystem|device"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_property_get = {
	.name = "get", .usage = { "btrfs property get [-t <type>] <object> [<name>]" }, .brief = "Get a property value of a btrfs object",
	.opts = property_opts, CMD_ARGS(struct property_args), .min_args = 1, .max_args = 2, .flags = CMD_JSON, .run = get_run, .complete = "file",
};

const struct cmd cmd_property_list = {
	.name = "list", .usage = { "btrfs property list [-t <type>] <object>" }, .brief = "Lists available properties with their descriptions for the given object",
	.opts = property_opts, CMD_ARGS(struct property_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = list_run, .complete = "file",
};
