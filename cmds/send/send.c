/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs send. Spec: cli 16.1, send-stream 10. */
#include "cmds/send/send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/mem.h"
#include "kernel-shared/kapi/send.h"
#include "kernel-shared/kapi/subvol.h"

static int removed_option(void *args, const char *value, struct err *err)
{
	return err_set(err, -EINVAL, "option -i was removed, use -c instead");
}

#define OPT_STRUCT struct send_args
static const struct opt send_opts[] = {
	OPT_FLAG('e', NULL, multi, "several subvolumes make one stream: one header, one end"),
	OPT_LIST('p', NULL, parents, "PARENT", "send only what has changed since PARENT", .complete = "dir"),
	OPT_LIST('c', NULL, clones, "SRC", "content that SRC has is shared with it (can be given several times)", .complete = "dir"),
	OPT_STRING('f', NULL, file, "FILE", "write to FILE instead of standard output", .complete = "file"),
	OPT_FLAG(0, "no-data", no_data, "leave out file contents: such a stream tells what changed and cannot be received"),
	OPT_U64(0, "proto", proto, "N", "version of the stream; 0 is the highest that is supported (default: 1)"),
	OPT_FLAG(0, "compressed-data", compressed, "pass compressed data on as it is stored (version 2 or higher)"),
	OPT_FLAG(0, "estimate", estimate, "print the size of the stream, its commands and clones instead of writing it (unmounted filesystems)", .ours = true),
	OPT_STRING(0, "resume", resume, "TOKEN", "write the stream from the place TOKEN on, which receive printed where it stopped; all else as before "
		   "(unmounted filesystems)", .ours = true),
	OPT_CALL('i', NULL, removed_option, "SRC", NULL),
	OPT_END
};
#undef OPT_STRUCT

void send_announce(struct cmd_ctx *ctx, const struct send_source *s)
{
	if (send_level(ctx) > 0)
		env_msg(ctx->env, MSG_NOTE, "At subvol %s", s->arg);
}

int send_add_clone(struct cmd_ctx *ctx, struct send_run *r, const struct send_source *s)
{
	struct send_source copy = *s;

	for (size_t i = 0; i < r->clones.len; i++)
		if (r->clones.v[i].id == s->id)
			return 0;
	copy.host.fd = -1;
	return vec_push(&r->clones, copy) ? cmd_error(ctx, "not enough memory") : 0;
}

/* ---- The parent, when only clone sources were given ---- */

static bool same_uuid(const u8 *a, const u8 *b)
{
	return !uuid_is_null(a) && !memcmp(a, b, BTRFS_UUID_SIZE);
}

int send_choose_parent(struct cmd_ctx *ctx, struct send_run *r, const struct send_source *s, u64 *id)
{
	const struct subvol_info *from = NULL;
	const struct send_source *best = NULL;
	u64 best_distance = 0, from_id;
	int ret;

	*id = r->parent.id;
	if (r->parent.arg || !r->args->clones.len)
		return 0;
	ret = uuid_is_null(s->item.parent_uuid) ? -ENOENT : subvols_by_uuid(&r->subvols, s->item.parent_uuid, &from_id, &ctx->err);
	if (!ret) {
		from = subvols_find(&r->subvols, from_id, &ret, &ctx->err);
		ret = from ? 0 : ret ? ret : -ENOENT;
	}
	if (ret && ret != -ENOENT)
		return cmd_fail(ctx, "parent determination failed for %llu", s->id);
	for (size_t i = 0; from && i < r->clones.len; i++) {
		const struct send_source *c = &r->clones.v[i];
		u64 a = le64_get(c->item.ctransid), b = le64_get(from->item.ctransid), distance = a > b ? a - b : b - a;

		if (c->id == from->id) {
			*id = c->id;
			return 0;
		}
		if (same_uuid(c->item.parent_uuid, from->item.uuid) && c->id != s->id && (!best || distance < best_distance)) {
			best = c;
			best_distance = distance;
		}
	}
	if (!best)
		return cmd_error(ctx, "parent determination failed for %llu", s->id);
	*id = best->id;
	return 0;
}

/* ---- What the arguments name ---- */

static int find_inside(struct cmd_ctx *ctx, struct send_run *r, const char *first, struct send_source *s)
{
	struct fs *fs = r->subvols.fs;
	struct subvol_info info;
	struct target a, b;
	struct loc loc = { 0 };
	int ret;

	if (target_arg(ctx, first, &a))
		return cmd_error(ctx, "not enough memory");
	if (target_arg(ctx, s->arg, &b)) {
		target_fini(&a);
		return cmd_error(ctx, "not enough memory");
	}
	if (b.kind == TARGET_HOST || !target_same_devices(&a, &b))
		ret = cmd_error(ctx, "all subvolumes must be from the same filesystem");
	else if (b.kind == TARGET_DEVICE)
		ret = cmd_error(ctx, "not a subvolume: %s (name one inside it: %s:/PATH)", s->arg, s->arg);
	else if ((ret = target_resolve_in(ctx, &b, fs, true, &loc)))
		;
	else if (loc.ino != BTRFS_FIRST_FREE_OBJECTID)
		ret = cmd_error(ctx, "not a subvolume: %s", s->arg);
	target_fini(&a);
	target_fini(&b);
	if (ret)
		return ret;
	ret = subvol_info_get(fs, loc.root->tree.id, &info, &ctx->err);
	if (ret)
		return cmd_fail(ctx, "cannot look up subvolume %s", s->arg);
	s->id = info.id;
	s->item = info.item;
	subvol_info_fini(&info);
	return 0;
}

static int find_mounted(struct cmd_ctx *ctx, struct send_run *r, struct send_source *s)
{
	struct ksubvol info;
	int ret = host_open(ctx, s->arg, HOST_DIR, &s->host);

	if (ret == HOST_OFFLINE)
		return cmd_error(ctx, "all subvolumes must be from the same filesystem");
	if (ret)
		return ret;
	if (memcmp(s->host.info.fsid, r->subvols.host.info.fsid, BTRFS_UUID_SIZE))
		return cmd_error(ctx, "all subvolumes must be from the same filesystem");
	if (!host_is_subvol(&s->host))
		return cmd_error(ctx, "not a subvolume: %s", s->arg);
	ret = ksubvol_info(s->host.fd, &info);
	if (ret)
		return cmd_error(ctx, "cannot get information about subvolume %s: %s", s->arg, strerror(-ret));
	s->id = info.id;
	s->item = subvol_item_of(&info.item);
	return 0;
}

/* what: the words before "subvolume" in its errors. */
static int find_source(struct cmd_ctx *ctx, struct send_run *r, const char *arg, const char *what, struct send_source *s)
{
	int ret;

	*s = (struct send_source){ .arg = arg, .host = { .fd = -1 } };
	ret = r->subvols.fs ? find_inside(ctx, r, ctx->argv[0], s) : find_mounted(ctx, r, s);
	if (!ret && !(le64_get(s->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY)) {
		char *full CLEANUP(mem_freep) = r->subvols.fs ? NULL : realpath(arg, NULL);

		ret = cmd_error(ctx, "%ssubvolume %s is not read-only", what, full ? full : arg);
	}
	if (ret)
		host_close(&s->host);
	return ret;
}

static int find_sources(struct cmd_ctx *ctx, struct send_run *r)
{
	const struct send_args *a = r->args;
	struct send_source s;
	int ret = 0;

	for (int i = 0; !ret && i < ctx->argc; i++) {
		ret = find_source(ctx, r, ctx->argv[i], "", &s);
		if (!ret && vec_push(&r->sent, s)) {
			host_close(&s.host);
			ret = cmd_error(ctx, "not enough memory");
		}
	}
	if (!ret && a->parents.len) {
		ret = find_source(ctx, r, a->parents.v[0], "parent ", &s);
		host_close(&s.host);
		if (!ret) {
			r->parent = s;
			ret = send_add_clone(ctx, r, &s);
		}
	}
	for (size_t i = 0; !ret && i < a->clones.len; i++) {
		ret = find_source(ctx, r, a->clones.v[i], "cloned ", &s);
		host_close(&s.host);
		if (!ret)
			ret = send_add_clone(ctx, r, &s);
	}
	return ret;
}

/* ---- The command ---- */

static int check_args(struct cmd_ctx *ctx, struct send_run *r)
{
	const struct send_args *a = r->args;

	if (a->parents.len > 1)
		return cmd_error(ctx, "you cannot have more than one parent (-p)");
	if (a->has_proto && a->proto > UINT32_MAX)
		return cmd_error(ctx, "protocol version out of range: %llu", a->proto);
	if (a->estimate && a->file)
		return cmd_error(ctx, "--estimate writes no stream: -f has no meaning");
	if (a->resume && send_token_parse(a->resume, &r->token, &ctx->err))
		return cmd_fail(ctx, "cannot use the token '%s'", a->resume);
	if (a->resume && a->has_proto && a->proto && a->proto != r->token.version)
		return cmd_error(ctx, "the token is from a stream of version %u, not %llu", r->token.version, a->proto);
	return 0;
}

static int open_output(struct cmd_ctx *ctx, struct send_run *r)
{
	const char *file = r->args->file;

	r->fd = r->args->estimate ? -1 : STDOUT_FILENO;
	if (file) {
		r->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (r->fd < 0)
			return cmd_error(ctx, "cannot create '%s': %s", file, strerror(errno));
	}
	if (r->fd >= 0 && isatty(r->fd))
		return cmd_error(ctx, "not dumping send stream into a terminal, redirect it into a file");
	return 0;
}

static int choose_version(struct cmd_ctx *ctx, struct send_run *r)
{
	const struct send_args *a = r->args;
	unsigned most = r->subvols.fs ? SEND_VERSION_MAX : ksend_version();
	u64 version = a->has_proto ? a->proto : a->resume ? r->token.version : a->compressed ? 2 : 1;

	if (!version)
		version = most;
	if (version > most)
		return cmd_error(ctx, "requested version %llu but %s supports only %u", version, r->subvols.fs ? "this program" : "kernel", most);
	if (a->compressed && version < 2)
		return cmd_error(ctx, "--compressed-data requires protocol version >= 2 (requested %llu)", version);
	r->version = version;
	if (a->no_data && send_level(ctx) > 1)
		env_msg(ctx->env, MSG_NOTE, "Mode NO_FILE_DATA enabled");
	if (send_level(ctx) > 1)
		env_msg(ctx->env, MSG_NOTE, "Protocol version requested: %u (supported %u)", r->version, most);
	return 0;
}

static int run_all(struct cmd_ctx *ctx, struct send_run *r)
{
	int ret = choose_version(ctx, r);

	if (!ret)
		ret = find_sources(ctx, r);
	if (ret)
		return ret;
	if (r->subvols.fs)
		return send_offline(ctx, r);
	if (r->args->estimate || r->args->resume)
		return cmd_error(ctx, "%s works on unmounted filesystems only", r->args->estimate ? "--estimate" : "--resume");
	return send_mounted(ctx, r);
}

static int send_cmd_run(struct cmd_ctx *ctx, void *args)
{
	struct send_run r = { .args = args, .fd = -1, .parent = { .host = { .fd = -1 } } };
	int ret = check_args(ctx, &r);

	if (!ret)
		ret = open_output(ctx, &r);
	if (!ret)
		ret = subvols_open(ctx, ctx->argv[0], &r.subvols);
	if (!ret) {
		ret = run_all(ctx, &r);
		subvols_close(ctx, &r.subvols);
	}
	for (size_t i = 0; i < r.sent.len; i++)
		host_close(&r.sent.v[i].host);
	vec_fini(&r.sent);
	vec_fini(&r.clones);
	/* A full disk may show only now. */
	if (r.args->file && r.fd >= 0 && close(r.fd) && !ret)
		ret = cmd_error(ctx, "cannot write '%s': %s", r.args->file, strerror(errno));
	return ret;
}

static const char *const send_details[] = {
	"Writes a stream from which btrfs receive makes the same read-only subvolumes",
	"elsewhere. All of them must be read-only, and of one filesystem.",
	"Without -p a stream holds everything; with it, what has changed since PARENT,",
	"which the other side must have received before. With -c alone the best parent",
	"among the clone sources is chosen. Content that a clone source has, too, is not",
	"sent but shared: the other side must have it unchanged.",
	"A subvolume of a filesystem that is not mounted is written DEVICE:/PATH.",
	NULL
};
const struct cmd cmd_send = {
	.name = "send", .usage = { "btrfs send [-ve] [-p <parent>] [-c <clone-src>] [-f <outfile>] <subvol> [<subvol>...]" },
	.brief = "Send the subvolume(s) to stdout.", .details = send_details, .opts = send_opts, CMD_ARGS(struct send_args), .min_args = 1, .max_args = -1,
	.flags = CMD_QUIET_VERBOSE | CMD_QUIET | CMD_VERBOSE | CMD_PROGRESS | CMD_JOBS | CMD_JSON, .run = send_cmd_run, .complete = "subvol" };
