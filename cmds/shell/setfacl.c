/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setfacl. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/acl.h"
#include "cmds/shell/edit.h"
#include "cmds/shell/walk.h"
#include "common/io.h"
#include "common/mem.h"

static const char name_access[] = "system.posix_acl_access", name_default[] = "system.posix_acl_default";
enum { FILE_BYTES = 1 << 20 };

struct setfacl_args { bool remove_all, remove_default, to_default, recursive, no_mask, mask, physical; const char *modify, *remove, *set, *modify_file, *set_file; };
#define OPT_STRUCT struct setfacl_args
static const struct opt setfacl_opts[] = {
	OPT_FLAG('b', "remove-all", remove_all, "remove all extended ACL entries"),
	OPT_FLAG('d', "default", to_default, "operations apply to the default ACL"),
	OPT_FLAG('k', "remove-default", remove_default, "remove the default ACL"),
	OPT_STRING('m', "modify", modify, "ACL", "modify the current ACL: [d:]u|g|m|o:[NAME]:rwx,..."),
	OPT_STRING('M', "modify-file", modify_file, "FILE", "read the entries from FILE in the running system", .complete = "file"),
	OPT_FLAG(0, "mask", mask, "recalculate the mask even if one was given"),
	OPT_FLAG('n', "no-mask", no_mask, "don't recalculate the mask"),
	OPT_FLAG('P', "physical", physical, "skip symbolic links (always so below a directory)"),
	OPT_FLAG('R', "recursive", recursive, "recurse into subdirectories"),
	OPT_STRING(0, "set", set, "ACL", "set the ACL, replacing the current one"),
	OPT_STRING(0, "set-file", set_file, "FILE", "read the ACL from FILE in the running system", .complete = "file"),
	OPT_STRING('x', "remove", remove, "ACL", "remove entries"),
	OPT_END
};
#undef OPT_STRUCT

struct setfacl { struct edit e; const struct setfacl_args *a; struct acl modify, remove; };

/* The current list; that of a default ACL may be empty. */
static int load(struct edit *e, struct loc loc, const struct inode *inode, bool is_default, struct acl *out)
{
	char *value CLEANUP(mem_freep) = NULL;
	size_t len;
	int ret = xattr_get(loc.root, loc.ino, is_default ? name_default : name_access, &value, &len, &e->ctx->err);

	if (!ret)
		return acl_read(value, len, out);
	if (ret != -ENODATA)
		return ret;
	return is_default ? 0 : acl_from_mode(inode->mode, out);
}

static int store(struct edit *e, struct loc loc, const struct inode *inode, bool is_default, struct acl *a)
{
	const char *name = is_default ? name_default : name_access;
	struct strbuf value CLEANUP(sb_fini) = STRBUF_INIT;
	struct inode attr = *inode;
	int ret;

	if (is_default ? !a->len : !acl_extended(a)) {
		ret = op_xattr(e->txn, loc, name, strlen(name), NULL, 0, 0, &e->ctx->err);
		ret = ret == -ENODATA ? 0 : ret;
	} else {
		acl_write(a, &value);
		ret = value.failed ? -ENOMEM : op_xattr(e->txn, loc, name, strlen(name), value.v, value.len, 0, &e->ctx->err);
	}
	if (ret || is_default)
		return ret;
	attr.mode = acl_to_mode(a, inode->mode);
	return op_setattr(e->txn, loc, ATTR_MODE, &attr, &e->ctx->err);
}

/* Entries that name nobody are filled in: those of a default list that begins from those of the access list, a mask. */
static int complete(struct acl *a, const struct acl *access, bool is_default)
{
	static const u16 base[] = { ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER };

	for (size_t i = 0; is_default && a->len && i < ARRAY_SIZE(base); i++) {
		const struct acl_entry *from = acl_find(access, base[i], 0);

		if (!acl_find(a, base[i], 0) && from && vec_push(a, *from))
			return -ENOMEM;
	}
	return 0;
}

static int apply_entries(struct setfacl *c, struct acl *a, const struct inode *inode, bool is_default, bool *masked)
{
	bool exec = inode_is(inode, S_IFDIR);

	for (size_t i = 0; i < a->len; i++)
		exec |= a->v[i].perm & 1;
	for (size_t i = 0; i < c->remove.len; i++) {
		const struct acl_entry *x = &c->remove.v[i];

		if ((x->is_default || c->a->to_default) == is_default)
			acl_drop(a, x->tag, x->id);
	}
	for (size_t i = 0; i < c->modify.len; i++) {
		struct acl_entry x = c->modify.v[i];

		if ((x.is_default || c->a->to_default) != is_default)
			continue;
		x.perm |= x.x && exec;
		*masked |= x.tag == ACL_MASK;
		if (acl_set(a, &x))
			return -ENOMEM;
	}
	return 0;
}

static bool concerns(const struct setfacl *c, bool is_default)
{
	const struct acl *lists[] = { &c->modify, &c->remove };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->len; i++)
			if ((lists[l]->v[i].is_default || c->a->to_default) == is_default)
				return true;
	return false;
}

/* Without extended entries: the group has what the mask left it. */
static int base_only(const struct acl *from, struct acl *out)
{
	const struct acl_entry *mask = acl_find(from, ACL_MASK, 0);

	for (size_t i = 0; i < from->len; i++) {
		struct acl_entry x = from->v[i];

		if (!(x.tag & (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)))
			continue;
		if (x.tag == ACL_GROUP_OBJ && mask)
			x.perm &= mask->perm;
		if (vec_push(out, x))
			return -ENOMEM;
	}
	return 0;
}

/* One of the two lists of a file. */
static int change(struct setfacl *c, struct loc loc, const struct inode *inode, bool is_default, const char **problem)
{
	bool set = c->a->set || c->a->set_file, wipe = c->a->remove_all || (is_default && c->a->remove_default), masked = false;
	struct acl a = VEC_INIT, access = VEC_INIT;
	int ret = 0;

	*problem = NULL;
	if (!wipe && !concerns(c, is_default))
		return 0;
	if (is_default && !inode_is(inode, S_IFDIR)) {
		if (!wipe)
			*problem = "Only directories can have default ACLs";
		return 0;
	}
	ret = load(&c->e, loc, inode, false, &access);
	if (!ret && !is_default && !set && c->a->remove_all)
		ret = base_only(&access, &a);
	else if (!ret && !set && !wipe)
		ret = load(&c->e, loc, inode, is_default, &a);
	if (!ret)
		ret = apply_entries(c, &a, inode, is_default, &masked);
	if (!ret)
		ret = complete(&a, &access, is_default);
	if (!ret && (c->a->mask || (!c->a->no_mask && !masked)) && concerns(c, is_default))
		ret = acl_recalculate(&a);
	if (!ret && (a.len || !is_default))
		*problem = acl_problem(&a);
	if (!ret && !*problem)
		ret = store(&c->e, loc, inode, is_default, &a);
	vec_fini(&a);
	vec_fini(&access);
	return ret;
}

static int setfacl_entry(void *arg, const struct walk_entry *w)
{
	struct setfacl *c = arg;
	struct inode inode;
	const char *problem;
	int ret;

	if (walk_leads_nowhere(w))
		return WALK_SKIP;
	if (inode_is(&w->inode, S_IFLNK)) {
		if (!w->depth && !c->a->physical)
			edit_fail(&c->e, "%s: Operation not supported", w->path);
		return WALK_GO;
	}
	err_clear(&c->e.ctx->err);
	ret = change(c, w->loc, &w->inode, false, &problem);
	if (!ret && !problem)
		ret = inode_get(w->loc.root, w->loc.ino, &inode, &c->e.ctx->err);
	if (!ret && !problem)
		ret = change(c, w->loc, &inode, true, &problem);
	if (ret)
		edit_weigh(&c->e, ret);
	if (problem && !(w->depth && strstr(problem, "directories"))) /* files on the way have none, and need none */
		edit_fail(&c->e, "%s: %s", w->path, problem);
	else if (ret)
		edit_fail(&c->e, "%s: %s", w->path, c->e.ctx->err.text[0] ? err_text(&c->e.ctx->err) : strerror(-ret));
	return edit_over(&c->e) ? WALK_STOP : c->a->recursive ? WALK_GO : WALK_SKIP;
}

static int take_list(struct cmd_ctx *ctx, const char *text, const char *file, bool perms, struct acl *out)
{
	char *content CLEANUP(mem_freep) = NULL;
	const char *bad = "";
	size_t len;
	int ret;

	if (file) {
		ret = io_read_file(file, FILE_BYTES, &content, &len);
		if (ret)
			return cmd_error(ctx, "setfacl: %s: %s", file, strerror(-ret));
		text = content;
	}
	if (text && acl_parse(text, perms, out, &bad))
		return cmd_error(ctx, "setfacl: Invalid ACL entry: '%.*s'", (int)strcspn(bad, ",\n"), bad);
	return 0;
}

static int setfacl_run(struct cmd_ctx *ctx, void *args)
{
	static const struct walk_ops ops = { .enter = setfacl_entry, .follow = true };
	struct setfacl c = { .a = args, .modify = VEC_INIT, .remove = VEC_INIT };
	const struct setfacl_args *a = args;
	int ret = 0;

	if (!a->modify && !a->modify_file && !a->set && !a->set_file && !a->remove && !a->remove_all && !a->remove_default)
		return cmd_error(ctx, "setfacl: one of -m, -M, -x, -b, -k, --set and --set-file is needed");
	ret = take_list(ctx, a->set, NULL, true, &c.modify) || take_list(ctx, NULL, a->set_file, true, &c.modify) ||
		take_list(ctx, a->modify, NULL, true, &c.modify) || take_list(ctx, NULL, a->modify_file, true, &c.modify) ||
		take_list(ctx, a->remove, NULL, false, &c.remove);
	if (!ret)
		ret = edit_begin(ctx, false, &c.e);
	if (!ret) {
		for (int i = 0; i < ctx->argc && !edit_over(&c.e); i++)
			c.e.failed |= shell_walk(ctx, ctx->argv[i], &ops, &c);
		ret = edit_end(&c.e);
	}
	vec_fini(&c.modify);
	vec_fini(&c.remove);
	return ret;
}
const struct cmd verb_setfacl = { .name = "setfacl", .usage = { "setfacl [-bdkRn] [-m ACL] [-x ACL] [--set ACL] FILE..." }, .brief = "Change access control lists",
	.opts = setfacl_opts, CMD_ARGS(struct setfacl_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT, .run = setfacl_run,
	.complete = "inside" };
