/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of filesystems and of paths inside them. interface.md, "Where a filesystem is". */
#include "cmds/session.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/mem.h"

/* A regular file or block device, an "@..." behind its name cut off; or a tag for libblkid. */
static bool names_device(const char *spec, size_t len)
{
	char *path CLEANUP(mem_freep) = mem_strndup(spec, len);
	struct stat st;
	char *at;

	if (!path || !len)
		return false;
	if (!strncmp(path, "UUID=", 5) || !strncmp(path, "LABEL=", 6))
		return true;
	if (!stat(path, &st))
		return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
	at = strrchr(path, '@');
	if (!at || at == path)
		return false;
	*at = 0;
	return !stat(path, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

/* Cuts at commas; all parts must name devices. A name that holds a comma itself is found whole. 1 yes, 0 no, -ENOMEM. */
static int split_devices(const char *text, size_t len, struct target *t)
{
	while (len) {
		size_t n = 0, end = 0;
		char *spec;

		while (n < len) {
			const char *comma = memchr(text + n, ',', len - n);

			n = comma ? (size_t)(comma - text) : len;
			if (names_device(text, n)) {
				end = n;
				break;
			}
			n++;
		}
		if (!end)
			return 0;
		spec = mem_strndup(text, end);
		if (!spec || vec_push(&t->devices, spec)) {
			free(spec);
			return -ENOMEM;
		}
		text += end;
		len -= end;
		if (len && (text++, !--len))
			return 0; /* nothing behind the comma */
	}
	return t->devices.len > 0;
}

static void drop_devices(struct target *t)
{
	for (size_t i = 0; i < t->devices.len; i++)
		free(t->devices.v[i]);
	vec_fini(&t->devices);
}

/* DEVICES:/PATH with the first colon that is followed by a slash and has devices before it. */
static int parse_inside(const char *arg, struct target *t)
{
	for (const char *colon = strchr(arg, ':'); colon; colon = strchr(colon + 1, ':')) {
		int ret = colon[1] == '/' ? split_devices(arg, colon - arg, t) : 0;

		if (ret < 0)
			return ret;
		if (ret) {
			t->kind = TARGET_INSIDE;
			t->path = mem_strdup(colon + 1);
			return t->path ? 1 : -ENOMEM;
		}
		drop_devices(t);
	}
	return 0;
}

int target_parse(const char *arg, struct target *t)
{
	struct stat st;
	int ret;

	memset(t, 0, sizeof(*t));
	if (lstat(arg, &st)) {
		ret = parse_inside(arg, t);
		if (ret)
			return min_t(int, ret, 0);
	}
	ret = split_devices(arg, strlen(arg), t);
	if (ret < 0)
		return ret;
	if (ret) {
		t->kind = TARGET_DEVICE;
		return 0;
	}
	drop_devices(t);
	t->kind = TARGET_HOST;
	t->path = mem_strdup(arg);
	return t->path ? 0 : -ENOMEM;
}

int target_arg(struct cmd_ctx *ctx, const char *arg, struct target *t)
{
	if (!ctx->session)
		return target_parse(arg, t);
	memset(t, 0, sizeof(*t));
	t->kind = TARGET_INSIDE;
	t->path = mem_strdup(arg);
	return t->path ? 0 : -ENOMEM;
}

void target_close(struct cmd_ctx *ctx, struct fs *fs)
{
	if (!ctx->session || ctx->session->fs != fs)
		fs_close(fs);
}

bool target_same_devices(const struct target *a, const struct target *b)
{
	struct stat x, y;

	if (a->devices.len != b->devices.len)
		return false;
	for (size_t i = 0; i < a->devices.len; i++) {
		if (!strcmp(a->devices.v[i], b->devices.v[i]))
			continue;
		if (stat(a->devices.v[i], &x) || stat(b->devices.v[i], &y) || x.st_dev != y.st_dev || x.st_ino != y.st_ino)
			return false;
	}
	return true;
}

void target_fini(struct target *t)
{
	drop_devices(t);
	free(t->path);
	t->path = NULL;
}
