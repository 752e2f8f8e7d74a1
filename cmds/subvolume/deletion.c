/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/subvolume/deletion.h"

#include <stdlib.h>

void deletion_say(struct cmd_ctx *ctx, const struct delete_args *a, u64 id, const char *path, bool last)
{
	const char *when = a->each || (a->after && last) ? "commit" : "no-commit";

	if (path)
		cmd_say(ctx, 1, "Delete subvolume %llu (%s): '%s'\n", id, when, path);
	else
		cmd_say(ctx, 1, "Delete subvolume %llu (%s): subvolid=%llu\n", id, when, id);
}

int deletion_refuse_default(struct cmd_ctx *ctx, u64 id, const char *path)
{
	cmd_warn(ctx, "not deleting default subvolume id %llu '%s'", id, path);
	return 1;
}

int deletion_refuse_top(struct cmd_ctx *ctx, const char *path)
{
	return cmd_error(ctx, "the top-level subvolume cannot be deleted: %s", path);
}

/* In descending order of paths each comes before what holds it. */
static int deeper_first(const void *pa, const void *pb)
{
	return strcmp(((const struct nested *)pb)->below, ((const struct nested *)pa)->below);
}

int deletion_nested(struct subvols *s, struct nested_list *out, struct err *err)
{
	struct strbuf top CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = subvols_load(s, err);

	*out = (struct nested_list)VEC_INIT;
	if (!ret)
		ret = subvols_path(s, s->id, &top, err);
	for (size_t i = 0; !ret && i < s->all.len; i++) {
		struct strbuf sb = STRBUF_INIT;
		size_t skip = top.len ? top.len + 1 : 0;

		if (s->all.v[i].id == s->id || s->all.v[i].deleted || subvols_path(s, s->all.v[i].id, &sb, NULL) || sb.len <= skip ||
		    memcmp(sb_str(&sb), sb_str(&top), top.len) || (skip && sb.v[top.len] != '/')) {
			sb_fini(&sb);
			continue;
		}
		memmove(sb.v, sb.v + skip, sb.len - skip + 1);
		if (vec_push(out, ((struct nested){ s->all.v[i].id, sb.v }))) {
			sb_fini(&sb);
			ret = err_nomem(err);
		}
	}
	vec_sort(out, deeper_first);
	return ret;
}

void nested_fini(struct nested_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->v[i].below);
	vec_fini(l);
}
