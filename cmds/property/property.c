/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs property get, set and list. Spec: cli 14. */
#include "cmds/property/object.h"
#include "common/mem.h"

struct property_args { const char *type; bool force; };
static int print_value(struct cmd_ctx *ctx, const struct property *p, const struct object *obj)
{
	char *value CLEANUP(mem_freep) = NULL;
	int ret = p->get(obj, &value, &ctx->err);

	if (ret == -EINVAL)
		return cmd_error(ctx, "object is not compatible with property: %s", p->name);
	if (ret)
		return cmd_fail(ctx, "failed to get %s for %s", p->name, obj->host.path);
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
	for (size_t i = 0; !ret && i < PROPERTIES; i++) {
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
	int ret = object_open(ctx, ctx->argv[0], a->type, false, &obj);

	if (ret)
		return ret;
	ret = get_values(ctx, &obj, ctx->argc > 1 ? ctx->argv[1] : NULL);
	return object_close(ctx, &obj, ret);
}

static int set_value(struct cmd_ctx *ctx, struct object *obj, const char *name, const char *value, bool force)
{
	for (size_t i = 0; i < PROPERTIES; i++) {
		if (strcmp(name, properties[i].name))
			continue;
		if (!(properties[i].types & obj->types))
			return cmd_error(ctx, "object is not compatible with property: %s", name);
		return properties[i].set(ctx, obj, value, force);
	}
	return cmd_error(ctx, "unknown property: %s", name);
}

static int set_run(struct cmd_ctx *ctx, void *args)
{
	const struct property_args *a = args;
	struct object obj;
	int ret = object_open(ctx, ctx->argv[0], a->type, true, &obj);

	if (ret)
		return ret;
	return object_close(ctx, &obj, set_value(ctx, &obj, ctx->argv[1], ctx->argv[2], a->force));
}

static int list_run(struct cmd_ctx *ctx, void *args)
{
	const struct property_args *a = args;
	struct object obj;
	int ret = object_open(ctx, ctx->argv[0], a->type, false, &obj);

	if (ret)
		return ret;
	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "property-list");
	}
	for (size_t i = 0; i < PROPERTIES; i++) {
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
	return object_close(ctx, &obj, 0);
}

#define OPT_STRUCT struct property_args
static const struct opt property_opts[] = {
	OPT_STRING('t', NULL, type, "TYPE", "list properties for the given object type (inode, subvol, filesystem, device)",
		   .complete = "inode|subvol|filesystem|device"),
	OPT_END
};
static const struct opt property_set_opts[] = {
	OPT_STRING('t', NULL, type, "TYPE", "set the property of the given object type (inode, subvol, filesystem, device)",
		   .complete = "inode|subvol|filesystem|device"),
	OPT_FLAG('f', NULL, force, "force the change; makes a received subvolume writable, which clears its received uuid"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_property_get = {
	.name = "get", .usage = { "btrfs property get [-t <type>] <object> [<name>]" }, .brief = "Get a property value of a btrfs object",
	.opts = property_opts, CMD_ARGS(struct property_args), .min_args = 1, .max_args = 2, .flags = CMD_JSON, .run = get_run, .complete = "file ro|label|compression",
};

const struct cmd cmd_property_set = {
	.name = "set", .usage = { "btrfs property set [-f] [-t <type>] <object> <name> <value>" }, .brief = "Set a property on a btrfs object",
	.opts = property_set_opts, CMD_ARGS(struct property_args), .min_args = 3, .max_args = 3, .flags = CMD_WRITES, .run = set_run, .complete = "file ro|label|compression none",
};

const struct cmd cmd_property_list = {
	.name = "list", .usage = { "btrfs property list [-t <type>] <object>" }, .brief = "Lists available properties with their descriptions for the given object",
	.opts = property_opts, CMD_ARGS(struct property_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = list_run, .complete = "file",
};
