/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/shell/hostlist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/mem.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_dir(int fd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
	return !fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

int host_list(int fd, struct host_names *out)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	int ret = 0;

	if (!d) {
		ret = -errno;
		close(fd);
		return ret;
	}
	for (errno = 0; !ret && (de = readdir(d)); errno = 0) {
		size_t len = strlen(de->d_name);
		char *name;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		name = mem_alloc(1, len + 2);
		if (!name || vec_push(out, name)) {
			free(name);
			ret = -ENOMEM;
			break;
		}
		memcpy(name, de->d_name, len + 1);
		name[len + 1] = is_dir(fd, de) ? 'd' : '-';
	}
	ret = ret ? ret : -errno;
	closedir(d);
	vec_sort(out, by_name);
	return ret;
}
