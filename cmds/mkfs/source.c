/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that go with --rootdir. Spec: cli 18.4. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/mkfs/mkfs.h"
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/fs/compress_out.h"
#include "kernel-shared/fs/file.h"

/* ---- paths below the top ---- */

static char *keep(struct mkfs *k, char *text)
{
	if (text && vec_push(&k->texts, text)) {
		free(text);
		return NULL;
	}
	return text;
}

/* PATH, relative to the top, without symlinks, dots and slashes at the ends. NULL: *missing says whether it is not there, or leads out. */
static char *path_below(struct mkfs *k, const char *path, struct stat *st)
{
	char *joined CLEANUP(mem_freep) = mem_alloc(1, strlen(k->rootdir) + strlen(path) + 2), *real CLEANUP(mem_freep) = NULL, *copy;
	size_t len = strlen(k->rootdir);

	if (!joined)
		return NULL;
	if (k->archive) {
		/* what is in it is not known yet */
		st->st_mode = S_IFDIR;
		path += strspn(path, "./");
		copy = mem_strdup(path);
		for (len = copy ? strlen(copy) : 0; len && copy[len - 1] == '/'; len--)
			copy[len - 1] = 0;
		return keep(k, copy);
	}
	memcpy(joined, k->rootdir, len);
	joined[len] = '/';
	strcpy(joined + len + 1, path);
	real = realpath(joined, NULL);
	if (!real || lstat(real, st))
		return NULL;
	if (!strcmp(k->rootdir, "/"))
		len = 0;
	if (strncmp(real, k->rootdir, len) || (real[len] && real[len] != '/')) {
		errno = EXDEV;
		return NULL;
	}
	return keep(k, mem_strdup(real[len] ? real + len + 1 : ""));
}

static int add_subvol(struct mkfs *k, const char *text)
{
	static const struct { const char *name; bool ro, dflt; } types[] = {
		{ "rw", false, false }, { "ro", true, false }, { "default", false, true }, { "default-ro", true, true } };
	const char *colon = strchr(text, ':'), *path = text;
	struct populate_subvol s = { 0 };
	struct stat st;

	for (unsigned i = 0; colon && i < ARRAY_SIZE(types); i++)
		if (strlen(types[i].name) == (size_t)(colon - text) && !strncmp(types[i].name, text, colon - text)) {
			s.readonly = types[i].ro;
			s.is_default = types[i].dflt;
			path = colon + 1;
		}
	if (strlen(path) >= PATH_MAX)
		return cmd_error(k->ctx, "--subvol path too long");
	s.path = path_below(k, path, &st);
	if (!s.path)
		return errno == ENOENT ? cmd_error(k->ctx, "subvolume path does not exist: %s", path) :
			cmd_error(k->ctx, "could not get canonical path of '%s': %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return cmd_error(k->ctx, "subvolume is not a directory: %s", path);
	if (!*s.path)
		return cmd_error(k->ctx, "the top directory is a subvolume already: %s", path);
	for (size_t i = 0; i < k->subvols.len; i++) {
		if (!strcmp(k->subvols.v[i].path, s.path))
			return cmd_error(k->ctx, "subvolume specified more than once: %s", path);
		if (s.is_default && k->subvols.v[i].is_default)
			return cmd_error(k->ctx, "default subvolume can only be specified once");
	}
	return vec_push(&k->subvols, s) ? cmd_error(k->ctx, "not enough memory") : 0;
}

static int add_flags(struct mkfs *k, const char *text)
{
	const char *colon = strchr(text, ':'), *s = text;
	struct populate_flags f = { 0 };
	struct stat st;

	if (!colon || colon == text)
		return cmd_error(k->ctx, "invalid inode flags: %s", text);
	while (s < colon) {
		size_t len = strcspn(s, ",:");

		if (len == 9 && !memcmp(s, "nodatacow", len))
			f.flags |= BTRFS_INODE_NODATACOW;
		else if (len == 9 && !memcmp(s, "nodatasum", len))
			f.flags |= BTRFS_INODE_NODATASUM;
		else
			return cmd_error(k->ctx, "unknown flag: %.*s", (int)len, s);
		s += len + (s[len] == ',');
	}
	f.path = path_below(k, colon + 1, &st);
	if (!f.path)
		return cmd_error(k->ctx, "could not get canonical path: %s: %s", colon + 1, strerror(errno));
	for (size_t i = 0; i < k->flags.len; i++)
		if (!strcmp(k->flags.v[i].path, f.path))
			return cmd_error(k->ctx, "duplicated inode flag entries for %s", f.path);
	return vec_push(&k->flags, f) ? cmd_error(k->ctx, "not enough memory") : 0;
}

/* ---- compression ---- */

static int parse_compress(struct mkfs *k)
{
	static const int max[BTRFS_COMPRESS_TYPES] = { 0, 9, 0, 15 };
	const char *text = k->args->compress, *colon = strchr(text, ':');
	char *name CLEANUP(mem_freep) = mem_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
	u64 level = 0;
	int type;

	if (!name)
		return cmd_error(k->ctx, "not enough memory");
	type = !strcmp(name, "no") ? BTRFS_COMPRESS_NONE : compress_by_name(name);
	if (type < 0)
		return cmd_error(k->ctx, "unknown compression algorithm: %s", name);
	if (colon && parse_u64(colon + 1, &level, &k->ctx->err))
		return cmd_fail(k->ctx, "invalid compression level");
	if (colon && (level < 1 || level > (u64)max[type]))
		return cmd_error(k->ctx, "compression level %llu out of range [1..%d]", level, max[type]);
	if ((type == BTRFS_COMPRESS_LZO && !HAVE_LZO) || (type == BTRFS_COMPRESS_ZSTD && !HAVE_ZSTD))
		return cmd_error(k->ctx, "this build has no support for %s", name);
	k->pop.compress = type;
	k->pop.level = level;
	return 0;
}

/* ---- owners ---- */

static int parse_id(const char **s, char end, u32 *out)
{
	char *stop;
	unsigned long long v;

	if (**s < '0' || **s > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(*s, &stop, 10);
	if (errno || v >= UINT32_MAX || *stop != end)
		return -EINVAL;
	*out = v;
	*s = stop + (end != 0);
	return 0;
}

static int parse_owner(struct mkfs *k)
{
	const char *s = k->args->owner;

	k->pop.has_owner = true;
	if (parse_id(&s, ':', &k->pop.uid) || parse_id(&s, 0, &k->pop.gid))
		return cmd_error(k->ctx, "invalid owner %s: it must be UID:GID", k->args->owner);
	return 0;
}

static int parse_map(struct mkfs *k, const char *text, struct id_map *map)
{
	const char *s = text;

	if (parse_id(&s, ':', &map->from) || parse_id(&s, ':', &map->to) || parse_id(&s, 0, &map->count) || !map->count ||
	    map->count > UINT32_MAX - map->from || map->count > UINT32_MAX - map->to)
		return cmd_error(k->ctx, "invalid mapping %s: it must be FROM:TO:COUNT", text);
	return 0;
}

static int parse_maps(struct mkfs *k)
{
	struct id_map map;

	for (size_t i = 0; i < k->args->uid_maps.len; i++)
		if (parse_map(k, k->args->uid_maps.v[i], &map) || vec_push(&k->uid_maps, map))
			return 1;
	for (size_t i = 0; i < k->args->gid_maps.len; i++)
		if (parse_map(k, k->args->gid_maps.v[i], &map) || vec_push(&k->gid_maps, map))
			return 1;
	return 0;
}

/* ---- lists of files ---- */

static int read_list(struct mkfs *k, const char *path, struct strlist *out)
{
	char *text, *save = NULL;
	size_t size;
	int ret = io_read_file(path, 64 << 20, &text, &size);

	if (ret)
		return cmd_error(k->ctx, "cannot read %s: %s", path, strerror(-ret));
	if (vec_push(&k->texts, text)) {
		free(text);
		return cmd_error(k->ctx, "not enough memory");
	}
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		while (*line == '/')
			line++;
		if (*line && vec_push(out, line))
			return cmd_error(k->ctx, "not enough memory");
	}
	return 0;
}

/* ---- all together ---- */

static int without_rootdir(struct mkfs *k)
{
	const struct mkfs_args *a = k->args;
	const struct { bool given; const char *text; } rules[] = {
		{ a->shrink, "the option --shrink must be used with --rootdir" }, { a->reflink, "the option --reflink must be used with --rootdir" },
		{ a->subvols.len, "option --subvol must be used with --rootdir" }, { a->inode_flags.len, "option --inode-flags must be used with --rootdir" },
		{ a->compress, "--compression must be used with --rootdir" }, { a->owner, "the option --owner must be used with --rootdir" },
		{ a->uid_maps.len || a->gid_maps.len, "the options --uid-map and --gid-map must be used with --rootdir" },
		{ a->manifest, "the option --manifest must be used with --rootdir" },
		{ a->verity, "the option --verity must be used with --rootdir" }, { a->strict, "the option --strict must be used with --rootdir" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].given)
			return cmd_error(k->ctx, "%s", rules[i].text);
	return 0;
}

int mkfs_parse_rootdir(struct mkfs *k)
{
	const struct mkfs_args *a = k->args;
	struct stat st;
	int ret = 0;

	if (!a->rootdir)
		return without_rootdir(k);
	if (k->p.ndevs > 1)
		return cmd_error(k->ctx, "the option -r is limited to a single device");
	if (a->reflink && a->compress && strcmp(a->compress, "no"))
		return cmd_error(k->ctx, "--reflink and --compress are mutually exclusive");
	k->rootdir = strcmp(a->rootdir, "-") ? realpath(a->rootdir, NULL) : mem_strdup("-");
	if (!k->rootdir)
		return cmd_error(k->ctx, "could not get canonical path to %s: %s", a->rootdir, strerror(errno));
	k->archive = !strcmp(k->rootdir, "-") || (!stat(k->rootdir, &st) && !S_ISDIR(st.st_mode));
	if (a->compress)
		ret = parse_compress(k);
	for (size_t i = 0; i < a->subvols.len && !ret; i++)
		ret = add_subvol(k, a->subvols.v[i]);
	for (size_t i = 0; i < a->inode_flags.len && !ret; i++)
		ret = add_flags(k, a->inode_flags.v[i]);
	if (!ret && a->owner)
		ret = parse_owner(k);
	if (!ret)
		ret = parse_maps(k);
	if (!ret && a->verity)
		ret = read_list(k, a->verity, &k->verity);
	k->pop.dir = k->rootdir;
	k->pop.manifest = a->manifest;
	k->pop.subvols = k->subvols.v;
	k->pop.nsubvols = k->subvols.len;
	k->pop.flags = k->flags.v;
	k->pop.nflags = k->flags.len;
	k->pop.uid_maps = k->uid_maps.v;
	k->pop.nuid_maps = k->uid_maps.len;
	k->pop.gid_maps = k->gid_maps.v;
	k->pop.ngid_maps = k->gid_maps.len;
	k->pop.reflink = a->reflink;
	k->pop.strict = a->strict;
	k->pop.progress = k->ctx->progress;
	k->pop.verity = k->verity.v;
	k->pop.nverity = k->verity.len;
	return ret;
}
