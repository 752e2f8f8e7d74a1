/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs qgroup show. Spec: cli 13.6. */
#include <stdio.h>
#include "cmds/mounted/quota.h"
#include "cmds/report.h"
#include "cmds/sortkeys.h"
#include "common/mem.h"
#include "kernel-shared/kapi/sysfs.h"

enum sort_key { SORT_ID, SORT_RFER, SORT_EXCL, SORT_MAX_RFER, SORT_MAX_EXCL, SORT_PATH, SORT_KEYS };
static const char *const sort_names[SORT_KEYS] = { "qgroupid", "rfer", "excl", "max_rfer", "max_excl", "path" };

struct show_args { bool parents, children, max_rfer, max_excl, ancestors, own, sync; const char *sort; };

static int parse_sort(struct cmd_ctx *ctx, const char *text, struct sort_keys *order)
{
	const char *bad;
	int len;

	*order = (struct sort_keys){ 0 };
	return sort_keys_parse(order, text, sort_names, SORT_KEYS, &bad, &len) ? 0 : cmd_error(ctx, "unrecognized format of sort string");
}

/* Groups that are no subvolume's have no path: they come behind, by id. */
static int path_cmp(const struct qgroup *a, const struct qgroup *b)
{
	if (qgroup_level(a->id) || qgroup_level(b->id))
		return sort_compare(a->id, b->id);
	return strcmp(a->path ? a->path : "", b->path ? b->path : "");
}

static int qgroup_cmp(const void *pa, const void *pb, void *arg)
{
	const struct qgroup *a = *(const struct qgroup *const *)pa, *b = *(const struct qgroup *const *)pb;
	const struct sort_keys *order = arg;
	int c = 0;

	for (unsigned i = 0; !c && i < order->n; i++) {
		switch (order->by[i].key) {
		case SORT_ID: c = sort_compare(a->id, b->id); break;
		case SORT_RFER: c = sort_compare(a->rfer, b->rfer); break;
		case SORT_EXCL: c = sort_compare(a->excl, b->excl); break;
		case SORT_MAX_RFER: c = sort_compare(a->max_rfer, b->max_rfer); break;
		case SORT_MAX_EXCL: c = sort_compare(a->max_excl, b->max_excl); break;
		case SORT_PATH: c = path_cmp(a, b); break;
		case SORT_KEYS: break;
		}
		if (order->by[i].descending)
			c = -c;
	}
	return c ? c : sort_compare(a->id, b->id);
}

VEC_TYPE(qgroup_refs, const struct qgroup *);

static int add_once(struct qgroup_refs *out, const struct qgroup *g)
{
	for (size_t i = 0; i < out->len; i++)
		if (out->v[i] == g)
			return 0;
	return vec_push(out, g);
}

/* All groups, or those that PATH counts in. */
static int choose(const struct show_args *a, const struct qgroups *all, u64 subvol, struct qgroup_refs *out)
{
	const struct qgroup *g = qgroup_find(all, subvol);

	if (!a->ancestors && !a->own) {
		for (size_t i = 0; i < all->len; i++)
			if (vec_push(out, &all->v[i]))
				return -ENOMEM;
		return 0;
	}
	if (g && add_once(out, g))
		return -ENOMEM;
	for (size_t i = 0; a->ancestors && i < out->len; i++)
		for (size_t p = 0; p < out->v[i]->parents.len; p++)
			if (add_once(out, qgroup_find(all, out->v[i]->parents.v[p])))
				return -ENOMEM;
	return 0;
}

static const char *id_text(u64 id, char buf[48])
{
	snprintf(buf, 48, "%u/%llu", qgroup_level(id), qgroup_subid(id));
	return buf;
}

static void id_list(const u64 *ids, size_t n, struct strbuf *out)
{
	char id[48];

	for (size_t i = 0; i < n; i++) {
		if (i)
			sb_char(out, ',');
		sb_puts(out, id_text(ids[i], id));
	}
	if (!n)
		sb_char(out, '-');
}

static void subject_text(const struct qgroup *g, struct strbuf *out)
{
	switch (g->subject) {
	case QGROUP_TOPLEVEL: sb_lit(out, "<toplevel>"); break;
	case QGROUP_SUBVOL: sb_puts(out, g->path); break;
	case QGROUP_UNDER_DELETION: sb_lit(out, "<under deletion>"); break;
	case QGROUP_STALE: sb_lit(out, "<stale>"); break;
	case QGROUP_SPACE_HOLDER: sb_lit(out, "<squota space holder>"); break;
	case QGROUP_GROUP: sb_printf(out, "<%zu member qgroup%s>", g->children.len, g->children.len == 1 ? "" : "s"); break;
	}
}

enum column { COL_ID, COL_RFER, COL_EXCL, COL_MAX_RFER, COL_MAX_EXCL, COL_PARENT, COL_CHILD, COL_PATH, COLUMNS };
static const struct { const char *head; unsigned width; bool left; } columns[COLUMNS] = {
	{ "Qgroupid", 9, true }, { "Referenced", 12, false }, { "Exclusive", 12, false }, { "Max referenced", 15, false }, { "Max exclusive", 14, false },
	{ "Parent", 8, true }, { "Child", 5, true }, { "Path", 0, true },
};

static void cell_text(struct cmd_ctx *ctx, const struct qgroup *g, enum column col, struct strbuf *out)
{
	char buf[48];

	switch (col) {
	case COL_ID: sb_puts(out, id_text(g->id, buf)); break;
	case COL_RFER: sb_puts(out, report_size(ctx, g->rfer, buf)); break;
	case COL_EXCL: sb_puts(out, report_size(ctx, g->excl, buf)); break;
	case COL_MAX_RFER: sb_puts(out, g->limits & BTRFS_QGROUP_LIMIT_MAX_RFER ? report_size(ctx, g->max_rfer, buf) : "none"); break;
	case COL_MAX_EXCL: sb_puts(out, g->limits & BTRFS_QGROUP_LIMIT_MAX_EXCL ? report_size(ctx, g->max_excl, buf) : "none"); break;
	case COL_PARENT: id_list(g->parents.v, g->parents.len, out); break;
	case COL_CHILD: id_list(g->children.v, g->children.len, out); break;
	case COL_PATH: subject_text(g, out); break;
	case COLUMNS: break;
	}
}

/* Every cell is followed by a blank, the last one's value is not; the path stands two columns off. */
static void put_cell(struct strbuf *line, enum column col, unsigned width, const char *text, bool head)
{
	size_t len = strlen(text), blanks = width > len ? width - len : 0;

	if (col == COL_PATH)
		sb_lit(line, "  ");
	if (!columns[col].left)
		sb_pad(line, ' ', blanks);
	sb_puts(line, text);
	if (columns[col].left && col != COL_PATH)
		sb_pad(line, ' ', blanks);
	if (col != COL_PATH || head)
		sb_char(line, ' ');
}

static void print_text(struct cmd_ctx *ctx, const struct show_args *a, const struct qgroup_refs *groups)
{
	bool shown[COLUMNS] = { true, true, true, a->max_rfer, a->max_excl, a->parents, a->children, true };
	struct strbuf *line = &ctx->out->buf, text CLEANUP(sb_fini) = STRBUF_INIT;
	unsigned width[COLUMNS];

	for (unsigned c = 0; c < COLUMNS; c++) {
		width[c] = columns[c].width;
		for (size_t i = 0; shown[c] && c != COL_PATH && i < groups->len; i++) {
			sb_reset(&text);
			cell_text(ctx, groups->v[i], c, &text);
			width[c] = max_t(unsigned, width[c], text.len);
		}
	}
	for (unsigned rule = 0; rule < 2; rule++) {
		for (unsigned c = 0; c < COLUMNS; c++) {
			static const char dashes[] = "--------------------------------";

			if (shown[c])
				put_cell(line, c, width[c], rule ? dashes + sizeof(dashes) - 1 - strlen(columns[c].head) : columns[c].head, true);
		}
		sb_char(line, '\n');
	}
	for (size_t i = 0; i < groups->len; i++) {
		for (unsigned c = 0; c < COLUMNS; c++) {
			if (!shown[c])
				continue;
			sb_reset(&text);
			cell_text(ctx, groups->v[i], c, &text);
			put_cell(line, c, width[c], sb_str(&text), false);
		}
		sb_char(line, '\n');
		out_check(ctx->out);
	}
}

static void json_limit(struct out *o, const char *key, bool set, u64 value)
{
	if (set)
		out_json_u64(o, key, value);
	else
		out_json_str(o, key, "none");
}

static void json_ids(struct out *o, const char *key, const u64 *ids, size_t n)
{
	char buf[48];

	out_arr(o, key);
	for (size_t i = 0; i < n; i++)
		out_json_str(o, NULL, id_text(ids[i], buf));
	out_end(o);
}

static void print_json(struct out *o, const struct qgroup_refs *groups)
{
	out_json_begin(o);
	out_arr(o, "qgroup-show");
	for (size_t i = 0; i < groups->len; i++) {
		const struct qgroup *g = groups->v[i];
		struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
		char buf[48];

		if (g->subject != QGROUP_TOPLEVEL)
			subject_text(g, &path);
		out_obj(o, NULL);
		out_json_str(o, "qgroupid", id_text(g->id, buf));
		out_json_u64(o, "referenced", g->rfer);
		json_limit(o, "max_referenced", g->limits & BTRFS_QGROUP_LIMIT_MAX_RFER, g->max_rfer);
		out_json_u64(o, "exclusive", g->excl);
		json_limit(o, "max_exclusive", g->limits & BTRFS_QGROUP_LIMIT_MAX_EXCL, g->max_excl);
		out_json_str(o, "path", sb_str(&path));
		json_ids(o, "parents", g->parents.v, g->parents.len);
		json_ids(o, "children", g->children.v, g->children.len);
		out_end(o);
	}
	out_json_end(o);
}

static void warn_state(struct cmd_ctx *ctx, const struct quota_state *state)
{
	if (state->rescanning)
		cmd_warn(ctx, "rescan is running, qgroup data may be incorrect");
	if (state->inconsistent)
		cmd_warn(ctx, "qgroup data inconsistent, rescan recommended");
}

static int read_mounted(struct cmd_ctx *ctx, const struct show_args *a, struct subvols *s, struct quota_state *state, struct qgroups *all)
{
	u64 inconsistent;
	int ret = a->sync ? ksync(s->host.fd) : 0;

	if (!ret)
		ret = mounted_quota_state(s->host.fd, state, &ctx->err);
	if (!ret && !state->enabled)
		ret = -ENOENT;
	if (!ret)
		ret = mounted_qgroups(s->host.fd, all, &ctx->err);
	if (!ret)
		ret = mounted_qgroup_subjects(s, state->simple, all, &ctx->err);
	/* what the kernel knows now; the item is of the last commit */
	if (!ret && !ksysfs_u64(s->host.info.fsid, "qgroups/inconsistent", &inconsistent))
		state->inconsistent = inconsistent;
	return ret;
}

static int read_groups(struct cmd_ctx *ctx, const struct show_args *a, struct subvols *s, struct quota_state *state, struct qgroups *all)
{
	int ret;

	if (!s->fs)
		return read_mounted(ctx, a, s, state, all);
	ret = quota_state_read(s->fs, state, &ctx->err);
	return ret ? ret : qgroups_read(s->fs, true, all, &ctx->err);
}

static int show_groups(struct cmd_ctx *ctx, const struct show_args *a, struct sort_keys *order, struct subvols *s)
{
	struct qgroup_refs chosen = VEC_INIT;
	struct quota_state state;
	struct qgroups all = VEC_INIT;
	int ret = read_groups(ctx, a, s, &state, &all);

	if (!ret && choose(a, &all, s->id, &chosen))
		ret = err_nomem(&ctx->err);
	if (!ret) {
		warn_state(ctx, &state);
		if (chosen.len)
			qsort_r(chosen.v, chosen.len, sizeof(*chosen.v), qgroup_cmp, order);
		if (ctx->json)
			print_json(ctx->out, &chosen);
		else
			print_text(ctx, a, &chosen);
	}
	vec_fini(&chosen);
	qgroups_fini(&all);
	return ret;
}

static int show_run(struct cmd_ctx *ctx, void *args)
{
	const struct show_args *a = args;
	struct sort_keys order;
	struct subvols s;
	int ret = parse_sort(ctx, a->sort, &order);

	if (!ret)
		ret = subvols_open_dir(ctx, ctx->argv[0], &s);
	if (ret)
		return ret;
	ret = show_groups(ctx, a, &order, &s);
	subvols_close(ctx, &s);
	if (ret == -ENOENT)
		return cmd_error(ctx, "can't list qgroups: quotas not enabled");
	return ret ? cmd_fail(ctx, "can't list qgroups") : 0;
}

#define OPT_STRUCT struct show_args
static const struct opt show_opts[] = {
	OPT_FLAG('p', NULL, parents, "print parent qgroup id"),
	OPT_FLAG('c', NULL, children, "print child qgroup id"),
	OPT_FLAG('r', NULL, max_rfer, "print limit of referenced size of qgroup"),
	OPT_FLAG('e', NULL, max_excl, "print limit of exclusive size of qgroup"),
	OPT_FLAG('F', NULL, ancestors, "list all qgroups which impact the given path (including ancestral qgroups)"),
	OPT_FLAG('f', NULL, own, "list all qgroups which impact the given path (excluding ancestral qgroups)"),
	OPT_STRING(0, "sort", sort, "LIST", "sort by a comma-separated list of items, possible items: qgroupid,rfer,excl,max_rfer,max_excl,path; "
		   "each item can be prefixed with '+' or '-' (ascending, descending)"),
	OPT_FLAG(0, "sync", sync, "force sync of the filesystem before getting info (nothing to do for an unmounted one)"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_qgroup_show = {
	.name = "show", .usage = { "btrfs qgroup show [options] <path>" }, .brief = "List all quota groups",
	.opts = show_opts, CMD_ARGS(struct show_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON | CMD_UNITS, .run = show_run, .complete = "fs",
};
