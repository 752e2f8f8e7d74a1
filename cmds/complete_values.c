/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can stand for a value: files, devices and images, paths inside unmounted filesystems, subvolumes, mount points, quota groups. Whatever cannot be
 * read or found out offers nothing, in silence. */
#include "cmds/complete.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cmds/target.h"
#include "common/globs.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"
#include "kernel-shared/kapi/mounts.h"
#include "kernel-shared/kapi/search.h"
#include "kernel-shared/volume/volume.h"

enum { FIRST_INO = BTRFS_FIRST_FREE_OBJECTID };

/* --- unmounted filesystems --- */

static struct fs *open_quietly(struct completion *c, const struct target *t)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct fs *fs;

	args.specs = (const char *const *)t->devices.v;
	args.nspecs = t->devices.len;
	args.flags = FS_OPEN_PARTIAL | FS_OPEN_DEGRADED | FS_OPEN_NEIGHBOURS | FS_OPEN_QUIET | FS_OPEN_MISSING_UNTOLD;
	return fs_open(c->ctx->env, &args, &fs, NULL) ? NULL : fs;
}

/* Entries of the directory before the last slash of path; lead: what stands before path in the word. Subvolumes have no slash behind them if they are what
 * is looked for. */
static void offer_entries(struct completion *c, const struct target *t, const char *lead, const char *path, bool dirs, bool subvols)
{
	const char *slash = strrchr(path, '/');
	struct target dir = { .kind = TARGET_INSIDE, .devices = { t->devices.v, t->devices.len, t->devices.cap } };
	size_t n = slash ? slash + 1 - path : 0;
	struct fs *fs = open_quietly(c, t);
	struct dirent d;
	struct loc loc;

	dir.path = n ? mem_strndup(path, n) : mem_strdup("/");
	if (fs && dir.path && !target_lookup(c->ctx, &dir, fs, true, &loc)) {
		struct dir_iter it CLEANUP(dir_close) = dir_open(loc.root, loc.ino);

		while (!dir_next(&it, &d, NULL)) {
			struct strbuf word CLEANUP(sb_fini) = STRBUF_INIT;

			if (dirs && d.type != BTRFS_FT_DIR)
				continue;
			sb_printf(&word, "%s%.*s%.*s%s", lead, (int)n, path, d.name_len, (const char *)d.name,
				  d.type != BTRFS_FT_DIR || (subvols && d.is_subvol) ? "" : "/");
			complete_offer(c, sb_str(&word), d.is_subvol ? "subvolume" : NULL);
		}
	}
	free(dir.path);
	fs_close(fs);
}

/* "DEVICE:" goes on with a slash. */
static bool offer_root(struct completion *c)
{
	struct strbuf word CLEANUP(sb_fini) = STRBUF_INIT;
	size_t n = strlen(c->cur);
	struct target t;
	bool is;

	sb_printf(&word, "%s/", c->cur);
	if (!n || c->cur[n - 1] != ':' || target_parse(sb_str(&word), &t))
		return false;
	is = t.kind == TARGET_INSIDE;
	if (is)
		complete_offer(c, sb_str(&word), NULL);
	target_fini(&t);
	return is;
}

/* DEVICE:/path. True: the word is such a thing. */
static bool offer_inside(struct completion *c, const char *kind)
{
	bool dirs = !strcmp(kind, "dir") || !strcmp(kind, "subvol");
	struct strbuf lead CLEANUP(sb_fini) = STRBUF_INIT;
	struct target t;
	bool inside;

	if (c->session) {
		if (target_parse(c->session, &t))
			return true;
		if (t.kind == TARGET_DEVICE)
			offer_entries(c, &t, "", c->cur, dirs, !strcmp(kind, "subvol"));
		target_fini(&t);
		return true;
	}
	if (target_parse(c->cur, &t))
		return true;
	inside = t.kind == TARGET_INSIDE;
	if (!inside && offer_root(c)) {
		inside = true;
	} else if (inside) {
		sb_add(&lead, c->cur, strlen(c->cur) - strlen(t.path));
		offer_entries(c, &t, sb_str(&lead), t.path, dirs, !strcmp(kind, "subvol"));
	}
	target_fini(&t);
	return inside;
}

/* --- the running system --- */

static void offer_mounts(struct completion *c)
{
	struct kmounts m = VEC_INIT;

	if (*c->cur == '/' && !kmounts_read(&m))
		for (size_t i = 0; i < m.len; i++)
			complete_offer(c, m.v[i].dir, "mounted btrfs");
	kmounts_fini(&m);
}

static bool is_btrfs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (u32)fs.f_type == BTRFS_SUPER_MAGIC;
}

/* Directories of the running system; those that are subvolumes are whole words. */
static void offer_subvols(struct completion *c)
{
	glob_t found = { 0 };
	struct stat st;

	if (!path_glob(c->cur, GLOB_MARK | GLOB_ONLYDIR, &found))
		for (size_t i = 0; i < found.gl_pathc; i++) {
			char *path = found.gl_pathv[i];
			size_t n = strlen(path);
			bool subvol;

			if (path[n - 1] != '/' || stat(path, &st))
				continue;
			subvol = st.st_ino == FIRST_INO && is_btrfs(path);
			if (subvol)
				path[n - 1] = 0;
			complete_offer(c, path, subvol ? "subvolume" : NULL);
		}
	globfree(&found);
}

/* True: the word is such a thing. */
static bool offer_tags(struct completion *c)
{
	bool uuid = !strncmp(c->cur, "UUID=", 5);
	struct found_devices found = VEC_INIT;
	char word[BTRFS_LABEL_SIZE + 8], text[UUID_TEXT_MAX];

	if (!uuid && strncmp(c->cur, "LABEL=", 6)) {
		if (*c->cur == 'U' || *c->cur == 'L') {
			complete_offer(c, "UUID=", NULL);
			complete_offer(c, "LABEL=", NULL);
		}
		return false;
	}
	volume_scan(c->ctx->env, &found, NULL);
	for (size_t i = 0; i < found.len; i++) {
		const struct disk_super *sb = &found.v[i].sb;

		if (uuid)
			snprintf(word, sizeof(word), "UUID=%s", uuid_format(sb->fsid, text));
		else
			snprintf(word, sizeof(word), "LABEL=%.*s", BTRFS_LABEL_SIZE - 1, (const char *)sb->label);
		complete_offer(c, word, found.v[i].path);
	}
	found_devices_fini(&found);
	return true;
}

static void offer_block_devices(struct completion *c)
{
	char path[300], size[32];
	glob_t found = { 0 };

	if (!path_glob("/sys/class/block/", 0, &found))
		for (size_t i = 0; i < found.gl_pathc; i++) {
			snprintf(path, sizeof(path), "%.250s/size", found.gl_pathv[i]);
			if (io_read_line(path, size, sizeof(size)) || !strcmp(size, "0"))
				continue;
			volume_device_path(strrchr(found.gl_pathv[i], '/') + 1, path, sizeof(path));
			complete_offer(c, path, NULL);
		}
	globfree(&found);
}

/* Devices by path, id or label, images, and several of them with commas between. */
static void offer_devices(struct completion *c)
{
	const char *comma = strrchr(c->cur, ',');

	if (comma)
		c->cur = comma + 1;
	if (offer_tags(c))
		return;
	if (!*c->cur || !strncmp(c->cur, "/dev/", min_t(size_t, strlen(c->cur), 5)))
		offer_block_devices(c);
	offer_mounts(c);
	if (!comma)
		out_puts(c->ctx->out, "+files\n");
}

/* --- quota groups --- */

static void offer_group(struct completion *c, u64 id)
{
	char word[48];

	snprintf(word, sizeof(word), "%llu/%llu", id >> BTRFS_QGROUP_LEVEL_SHIFT, id & ((1ULL << BTRFS_QGROUP_LEVEL_SHIFT) - 1));
	complete_offer(c, word, NULL);
}

#define GROUPS_FROM KEY(0, BTRFS_QGROUP_INFO_KEY, 0)
#define GROUPS_TO KEY(0, BTRFS_QGROUP_INFO_KEY, -1ULL)

static void offer_groups_offline(struct completion *c, const struct target *t)
{
	struct fs *fs = open_quietly(c, t);
	struct item item;

	if (fs && fs->quota_tree) {
		struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&fs->quota_tree->tree, GROUPS_FROM, GROUPS_TO);

		while (!tree_next(&it, &item, NULL))
			offer_group(c, item.key.offset);
	}
	fs_close(fs);
}

/* False: dir lies in no btrfs. */
static bool offer_groups_mounted(struct completion *c, const char *dir)
{
	int fd = is_btrfs(dir) ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_QUOTA_TREE_OBJECTID, GROUPS_FROM, GROUPS_TO);
	struct item item;
	bool is = fd >= 0;

	while (is && !ksearch_next(&s, &item, NULL))
		offer_group(c, item.key.offset);
	if (is)
		close(fd);
	return is;
}

/* Of the filesystem that another word of the line names, or that one is in, or else of all that are mounted. */
static void offer_groups(struct completion *c)
{
	struct kmounts m = VEC_INIT;
	bool done = false;

	for (int i = 0; i < c->last && !done; i++) {
		const char *word = c->session ? c->session : c->words[i];
		struct target t;

		if (target_parse(word, &t))
			return;
		if (t.kind != TARGET_HOST)
			offer_groups_offline(c, &t);
		done = t.kind != TARGET_HOST || (strchr(word, '/') && i && offer_groups_mounted(c, word));
		target_fini(&t);
	}
	if (!done)
		done = offer_groups_mounted(c, ".");
	if (!done && !kmounts_read(&m))
		for (size_t i = 0; i < m.len; i++)
			offer_groups_mounted(c, m.v[i].dir);
	kmounts_fini(&m);
}

/* --- */

void complete_value(struct completion *c, const char *kind)
{
	if (!strcmp(kind, "none"))
		return;
	if (strchr(kind, '|')) {
		complete_choice(c, kind);
	} else if (!strcmp(kind, "algo")) {
		complete_choice(c, "zlib|lzo|zstd|none");
	} else if (!strcmp(kind, "qgroup")) {
		offer_groups(c);
	} else if (offer_inside(c, kind)) {
		if (c->session && !strcmp(kind, "file")) /* what put copies lies outside */
			out_puts(c->ctx->out, "+files\n");
	} else if (!strcmp(kind, "device")) {
		offer_devices(c);
	} else if (!strcmp(kind, "subvol")) {
		offer_mounts(c);
		offer_subvols(c);
	} else if (!strcmp(kind, "fs")) {
		offer_mounts(c);
		out_puts(c->ctx->out, "+files\n");
	} else if (!strcmp(kind, "dir")) {
		offer_mounts(c);
		out_puts(c->ctx->out, "+dirs\n");
	} else {
		out_puts(c->ctx->out, "+files\n");
	}
}
