/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of -o, as mount knows them. */
#include <stdlib.h>
#include "cmds/shell/shell.h"
#include "common/mem.h"

static const struct { const char *name; unsigned flags; } plain[] = {
	{ "defaults", 0 },
	{ "degraded", FS_OPEN_DEGRADED },
	{ "nologreplay", FS_OPEN_NO_LOG_REPLAY },
	{ "norecovery", FS_OPEN_NO_LOG_REPLAY },
	{ "usebackuproot", FS_OPEN_BACKUP_ROOT },
};

static const struct { const char *name; size_t field; bool value; } switches[] = {
	{ "ro", offsetof(struct shell_opts, read_only), true },
	{ "rw", offsetof(struct shell_opts, read_only), false },
	{ "nodatacow", offsetof(struct shell_opts, write.nodatacow), true },
	{ "datacow", offsetof(struct shell_opts, write.nodatacow), false },
	{ "nodatasum", offsetof(struct shell_opts, write.nodatasum), true },
	{ "datasum", offsetof(struct shell_opts, write.nodatasum), false },
};

#define ALL_RESCUE (FS_OPEN_BACKUP_ROOT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_PARTIAL | FS_OPEN_NO_BLOCK_GROUPS | FS_OPEN_NO_DATA_CSUM | FS_OPEN_LENIENT)
static const struct { const char *name, *alias; unsigned flags; } rescue[] = {
	{ "usebackuproot", NULL, FS_OPEN_BACKUP_ROOT },
	{ "nologreplay", NULL, FS_OPEN_NO_LOG_REPLAY },
	{ "ignorebadroots", "ibadroots", FS_OPEN_PARTIAL | FS_OPEN_NO_BLOCK_GROUPS },
	{ "ignoredatacsums", "idatacsums", FS_OPEN_NO_DATA_CSUM },
	{ "ignoremetacsums", "imetacsums", FS_OPEN_LENIENT },
	{ "ignoresuperflags", "isuperflags", 0 },
	{ "all", NULL, ALL_RESCUE },
};

void shell_opts_fini(struct shell_opts *o)
{
	for (size_t i = 0; i < o->devices.len; i++)
		free((char *)o->devices.v[i]);
	vec_fini(&o->devices);
	free(o->subvol);
	o->subvol = NULL;
}

static int parse_rescue(struct shell_opts *o, char *list, struct err *err)
{
	char *save = NULL;

	for (char *word = strtok_r(list, ":", &save); word; word = strtok_r(NULL, ":", &save)) {
		size_t i;

		for (i = 0; i < ARRAY_SIZE(rescue); i++) {
			if (!strcmp(word, rescue[i].name) || (rescue[i].alias && !strcmp(word, rescue[i].alias)))
				break;
		}
		if (i == ARRAY_SIZE(rescue))
			return err_set(err, -EINVAL, "unknown mount option 'rescue=%s'", word);
		o->fs_flags |= rescue[i].flags;
	}
	return 0;
}

static int add_device(struct shell_opts *o, const char *path, struct err *err)
{
	char *copy = mem_strdup(path);

	if (copy && !vec_push(&o->devices, copy))
		return 0;
	free(copy);
	return err_nomem(err);
}

/* ALG[:LEVEL]; "no" and "none" switch it off. */
static int parse_compress(struct shell_opts *o, char *value, bool force, struct err *err)
{
	static const struct { const char *name; int max; } levels[] = { { "zlib", 9 }, { "zstd", 15 } };
	char *level = strchr(value, ':');
	int type;

	if (level)
		*level++ = 0;
	type = !strcmp(value, "no") ? BTRFS_COMPRESS_NONE : compress_by_name(value);
	if (type < 0)
		return err_set(err, -EINVAL, "unknown compression '%s'", value);
	o->write.compress = type;
	o->write.force = force && type;
	o->write.level = 0;
	if (!level)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		char *end;
		long n = strtol(level, &end, 10);

		if (strcmp(value, levels[i].name))
			continue;
		if (!*level || *end || n < (i ? -15 : 0) || n > levels[i].max)
			return err_set(err, -EINVAL, "%s has no level '%s'", value, level);
		o->write.level = n;
		return 0;
	}
	return err_set(err, -EINVAL, "%s has no levels", value);
}

static int parse_inline(struct shell_opts *o, const char *value, struct err *err)
{
	u64 bytes;
	int ret = parse_size(value, &bytes, err);

	if (!ret)
		o->write.max_inline = min_t(u64, bytes, UINT32_MAX);
	return ret;
}

static int parse_valued(struct shell_opts *o, const char *name, char *value, struct err *err)
{
	if (!strcmp(name, "rescue"))
		return parse_rescue(o, value, err);
	if (!strcmp(name, "compress") || !strcmp(name, "compress-force"))
		return parse_compress(o, value, name[8], err);
	if (!strcmp(name, "max_inline"))
		return parse_inline(o, value, err);
	if (!strcmp(name, "device"))
		return add_device(o, value, err);
	if (!strcmp(name, "subvolid")) {
		int ret = parse_u64(value, &o->subvolid, err);

		free(o->subvol);
		o->subvol = NULL;
		return ret;
	}
	if (!strcmp(name, "subvol")) {
		free(o->subvol);
		o->subvolid = 0;
		o->subvol = mem_strdup(value);
		return o->subvol ? 0 : err_nomem(err);
	}
	return err_set(err, -EINVAL, "unknown mount option '%s=%s'", name, value);
}

static int parse_one(struct shell_opts *o, char *word, struct err *err)
{
	char *value = strchr(word, '=');

	if (value) {
		*value++ = 0;
		return parse_valued(o, word, value, err);
	}
	if (!strcmp(word, "compress") || !strcmp(word, "compress-force")) {
		o->write.compress = BTRFS_COMPRESS_ZLIB;
		o->write.force = word[8];
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		if (!strcmp(word, switches[i].name)) {
			*(bool *)((char *)o + switches[i].field) = switches[i].value;
			o->write.nodatasum |= o->write.nodatacow;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (!strcmp(word, plain[i].name)) {
			o->fs_flags |= plain[i].flags;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "unknown mount option '%s'", word);
}

int shell_opts_parse(struct shell_opts *o, const char *text, struct err *err)
{
	char *copy CLEANUP(mem_freep) = mem_strdup(text), *save = NULL;
	int ret = copy ? 0 : err_nomem(err);

	for (char *word = copy ? strtok_r(copy, ",", &save) : NULL; word && !ret; word = strtok_r(NULL, ",", &save))
		ret = parse_one(o, word, err);
	return ret;
}
