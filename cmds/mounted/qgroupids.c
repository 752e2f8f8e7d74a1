/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/qgroupids.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/mem.h"
#include "kernel-shared/format/ids.h"
#include "kernel-shared/kapi/subvol.h"

static bool subvol_of(const char *path, u64 *id)
{
	struct stat st;
	int fd = path[0] == '/' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool found;

	if (fd < 0)
		return false;
	found = !fstat(fd, &st) && st.st_ino == BTRFS_FIRST_FREE_OBJECTID && !ksubvol_id(fd, id);
	close(fd);
	return found;
}

int qgroupid_arg(struct cmd_ctx *ctx, const char *text, u64 *id)
{
	if (!parse_qgroupid(text, id) || subvol_of(text, id))
		return 0;
	cmd_error(ctx, "invalid qgroupid or subvolume path: %s", text);
	return BAD_QGROUPID;
}

int qgroupid_list(struct cmd_ctx *ctx, const struct strlist *texts, u64 **ids)
{
	*ids = mem_calloc(texts->len + 1, sizeof(**ids));
	if (!*ids)
		return cmd_error(ctx, "not enough memory");
	for (size_t i = 0; i < texts->len; i++) {
		int ret = qgroupid_arg(ctx, texts->v[i], &(*ids)[i]);

		if (!ret && !(*ids)[i]) {
			cmd_error(ctx, "invalid qgroup specification, qgroupid must not be 0");
			ret = BAD_INHERIT;
		}
		if (ret) {
			free(*ids);
			return ret;
		}
	}
	return 0;
}
