/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owners as chown takes them: names of this system, or numbers. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include "cmds/shell/edit.h"
#include "common/mem.h"

static bool number(const char *text, u32 *out)
{
	unsigned long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	*out = v;
	return !errno && !*end && v < UINT32_MAX; /* all ones means nobody */
}

int user_parse(const char *text, u32 *uid)
{
	const struct passwd *pw = getpwnam(text);

	if (pw)
		*uid = pw->pw_uid;
	return pw || number(text, uid) ? 0 : -EINVAL;
}

int group_parse(const char *text, u32 *gid)
{
	const struct group *gr = getgrnam(text);

	if (gr)
		*gid = gr->gr_gid;
	return gr || number(text, gid) ? 0 : -EINVAL;
}

int owner_parse(const char *text, struct owner *out, const char **bad)
{
	char *user CLEANUP(mem_freep) = mem_strdup(text), *group;

	*out = (struct owner){ 0 };
	*bad = "user";
	if (!user)
		return -ENOMEM;
	group = strchr(user, ':');
	if (group)
		*group++ = 0;
	if (*user) {
		const struct passwd *pw;

		if (user_parse(user, &out->uid))
			return -EINVAL;
		out->has_uid = true;
		if (group && !*group) { /* "USER:" means that user's own group */
			pw = getpwnam(user);
			*bad = "spec";
			if (!pw)
				return -EINVAL;
			out->gid = pw->pw_gid;
			out->has_gid = true;
		}
	}
	*bad = "group";
	if (group && *group) {
		if (group_parse(group, &out->gid))
			return -EINVAL;
		out->has_gid = true;
	}
	return 0;
}
