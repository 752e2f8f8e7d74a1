/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All commands, one after the other, for what is generated from the tables. */
#include "cmds/frame.h"

static int walk(const struct cmd *cmd, const char *words, cmd_walk_fn *fn, void *arg)
{
	int ret = fn(cmd, words, arg);

	for (const struct cmd *const *s = cmd->subs; !ret && s && *s; s++) {
		struct strbuf sub CLEANUP(sb_fini) = STRBUF_INIT;

		if (!cmd_listed(*s))
			continue;
		sb_printf(&sub, "%s %s", words, (*s)->name);
		ret = walk(cmd_real(*s), sb_str(&sub), fn, arg);
	}
	return ret;
}

int cmd_walk(cmd_walk_fn *fn, void *arg)
{
	int ret = 0;

	for (const struct cmd *const *p = programs; !ret && *p; p++)
		if (cmd_listed(*p))
			ret = walk(cmd_real(*p), (*p)->name, fn, arg);
	return ret;
}
