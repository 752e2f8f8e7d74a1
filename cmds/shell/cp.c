/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cp. */
#include <errno.h>
#include <stdlib.h>
#include "cmds/shell/copy.h"

struct cp_args { struct copy_opts o; bool archive, preserve, bare, verbose; const char *reflink, *dir, *keep, *no_keep; };
#define OPT_STRUCT struct cp_args
static int follow_never(void *args, const char *value, struct err *err) { ((struct cp_args *)args)->o.follow = 'P'; return 0; }
static int follow_arguments(void *args, const char *value, struct err *err) { ((struct cp_args *)args)->o.follow = 'H'; return 0; }
static int follow_always(void *args, const char *value, struct err *err) { ((struct cp_args *)args)->o.follow = 'L'; return 0; }
static int no_links(void *args, const char *value, struct err *err)
{
	struct cp_args *a = args;

	a->o.follow = 'P';
	a->o.keep_links = true;
	return 0;
}

static const struct opt cp_opts[] = {
	OPT_FLAG('a', "archive", archive, "same as -dR --preserve=all"),
	OPT_FLAG(0, "attributes-only", o.attributes_only, "don't copy the file data, just the attributes"),
	OPT_CALL('d', NULL, no_links, NULL, "same as -P --preserve=links"),
	OPT_FLAG('f', "force", o.force, "replace existing files by new ones"),
	OPT_CALL('H', NULL, follow_arguments, NULL, "follow symbolic links on the command line"),
	OPT_FLAG('l', "link", o.hard_link, "hard link files instead of copying"),
	OPT_CALL('L', "dereference", follow_always, NULL, "always follow symbolic links"),
	OPT_FLAG('n', "no-clobber", o.no_clobber, "do not overwrite an existing file"),
	OPT_CALL('P', "no-dereference", follow_never, NULL, "never follow symbolic links"),
	OPT_FLAG('p', NULL, preserve, "same as --preserve=mode,ownership,timestamps"),
	OPT_OPTARG(0, "preserve", keep, "LIST", "preserve: mode, ownership, timestamps, links, xattr, context, all", .complete = "mode|ownership|timestamps|links|xattr|all"),
	OPT_STRING(0, "no-preserve", no_keep, "LIST", "do not preserve these"),
	OPT_OPTARG(0, "reflink", reflink, "WHEN", "share the data: auto (default), always (also without WHEN), never", .complete = "auto|always|never"),
	OPT_FLAG('R', "recursive", o.recursive, "copy directories recursively"),
	OPT_FLAG('r', NULL, o.recursive, NULL),
	OPT_FLAG('s', "symbolic-link", o.symbolic_link, "make symbolic links instead of copying"),
	OPT_STRING('t', "target-directory", dir, "DIRECTORY", "copy all SOURCE arguments into DIRECTORY"),
	OPT_FLAG('T', "no-target-directory", bare, "treat DEST as a normal file"),
	OPT_FLAG('u', "update", o.update, "copy only when the source is newer than what is there, or nothing is"),
	OPT_FLAG('v', "verbose", verbose, "explain what is being done"),
	OPT_END
};
#undef OPT_STRUCT

/* mode,ownership,...: sets or clears. */
static int take_list(struct cmd_ctx *ctx, struct copy_opts *o, const char *list, bool on)
{
	const struct { const char *name; bool *field; } words[] = {
		{ "mode", &o->keep_mode }, { "ownership", &o->keep_owner }, { "timestamps", &o->keep_times }, { "links", &o->keep_links },
		{ "xattr", &o->keep_xattrs }, { "context", NULL },
	};

	while (*list) {
		size_t n = strcspn(list, ","), i;
		bool all = n == 3 && !memcmp(list, "all", 3), known = all;

		for (i = 0; i < ARRAY_SIZE(words); i++) {
			if (all || (strlen(words[i].name) == n && !memcmp(words[i].name, list, n))) {
				known = true;
				if (words[i].field)
					*words[i].field = on;
			}
		}
		if (!known)
			return cmd_error(ctx, "cp: invalid argument '%.*s' for '--preserve'", (int)n, list);
		list += n + (list[n] == ',');
	}
	return 0;
}

static int take_args(struct cmd_ctx *ctx, struct cp_args *a)
{
	struct copy_opts *o = &a->o;
	int ret = 0;

	if (a->archive) {
		o->recursive = true;
		o->follow = o->follow ? o->follow : 'P';
		ret = take_list(ctx, o, "all", true);
	}
	if (!ret && (a->preserve || (a->keep && !*a->keep)))
		ret = take_list(ctx, o, "mode,ownership,timestamps", true);
	if (!ret && a->keep)
		ret = take_list(ctx, o, a->keep, true);
	if (!ret && a->no_keep)
		ret = take_list(ctx, o, a->no_keep, false);
	if (!o->follow)
		o->follow = o->recursive ? 'P' : 'L';
	if (!ret && a->reflink) {
		if (!*a->reflink || !strcmp(a->reflink, "always"))
			o->reflink = REFLINK_ALWAYS;
		else if (!strcmp(a->reflink, "never"))
			o->reflink = REFLINK_NEVER;
		else if (strcmp(a->reflink, "auto"))
			ret = cmd_error(ctx, "cp: invalid argument '%s' for '--reflink'", a->reflink);
	}
	if (!ret && o->hard_link && o->symbolic_link)
		ret = cmd_error(ctx, "cp: cannot make both hard and symbolic links");
	return ret;
}

static int cp_run(struct cmd_ctx *ctx, void *args)
{
	struct cp_args *a = args;
	struct copier *c;
	struct dest d;
	struct edit e;
	int ret = take_args(ctx, a);

	if (!ret)
		ret = edit_begin(ctx, a->verbose, &e);
	if (ret)
		return ret;
	c = copier_new(&e, &a->o);
	if (!c)
		edit_fail(&e, "not enough memory");
	else if (!edit_dest(&e, a->dir, a->bare, &d)) {
		for (int i = 0; i < d.n && !edit_over(&e); i++) {
			char *to = edit_dest_path(&e, &d, ctx->argv[i]);

			if (to)
				copy_path(c, ctx->argv[i], to);
			free(to);
		}
	}
	copier_free(c);
	return edit_end(&e);
}
const struct cmd verb_cp = { .name = "cp", .usage = { "cp [-adflnprRsuvLPT] [--reflink[=WHEN]] SOURCE... DEST", "cp [OPTION]... -t DIRECTORY SOURCE..." },
	.brief = "Copy files and directories, sharing their data", .opts = cp_opts, CMD_ARGS(struct cp_args), .min_args = 1, .max_args = -1,
	.flags = CMD_WRITES | CMD_ANY_FORMAT, .run = cp_run, .complete = "inside" };
