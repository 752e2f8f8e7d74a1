/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metadata dumps: the container, the dump as a device, restoring it to memory-backed files. The input is laid over a small dump that is made once
 * from $FUZZ_IMAGE, as (position u24, length u8, bytes); the first byte chooses what is done with the result and how it is compressed. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "kernel-shared/dump/dump.h"
#include "kernel-shared/volume/dumpfile.h"
#include "tests/fuzz/fuzz.h"

static struct { char *v; size_t len; } base[4]; /* raw, compressed; the same with file data */

static void make_base(struct env *env, unsigned which)
{
	const char *path = getenv("FUZZ_IMAGE");
	struct dump_opts opts = { .level = which & 1 ? 3 : 0, .data = which & 2 };
	struct dump_stats stats;
	struct err err = ERR_INIT;
	struct fs *fs;
	char name[64];
	int fd = memfd_create("base", 0);

	if (!path || fs_open_path(env, path, FS_OPEN_LENIENT | FS_OPEN_PARTIAL | FS_OPEN_NOSCAN, &fs, &err) || dump_write(fs, fd, &opts, &stats, &err)) {
		fprintf(stderr, "FUZZ_IMAGE: %s\n", path ? err_text(&err) : "is not set");
		exit(1);
	}
	fs_close(fs);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (io_read_file(name, 1 << 28, &base[which].v, &base[which].len))
		exit(1);
	close(fd);
}

static void read_as_device(struct env *env, const char *path)
{
	struct err err = ERR_INIT;
	struct item item;
	struct fs *fs;
	int ret;

	if (fs_open_path(env, path, FS_OPEN_LENIENT | FS_OPEN_PARTIAL | FS_OPEN_NOSCAN | FS_OPEN_QUIET, &fs, &err))
		return;
	if (fs->fs_tree) {
		struct tree_iter it = tree_range(&fs->fs_tree->tree, KEY_MIN, KEY_MAX);

		while ((ret = tree_next(&it, &item, &err)) == 0 || ret == -EIO)
			;
		tree_iter_fini(&it);
	}
	fs_close(fs);
}

static void restore(struct env *env, const char *path, enum restore_mode mode)
{
	int fd = memfd_create("target", 0);
	char name[64];
	const char *target = name;
	struct restore_opts opts = { .mode = mode, .targets = &target, .ntargets = 1 };
	struct err err = ERR_INIT;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	dump_restore(env, path, &opts, &err);
	close(fd);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);
	unsigned which = (how & 1) | (how & 64 ? 2 : 0);
	int fd = memfd_create("dump", 0);
	char path[64], *v;
	struct env env;

	env_init(&env);
	if (!base[which].v)
		make_base(&env, which);
	v = mem_dup(base[which].v, base[which].len);
	while (v && in.left) {
		size_t at = fuzz_num(&in, 3) % base[which].len, n;
		const u8 *p = fuzz_bytes(&in, 1 + fuzz_u8(&in) % 32, base[which].len - at, &n);

		memcpy(v + at, p, n);
	}
	if (v && how & 8) { /* so that changes of the superblock get past its checksum */
		struct disk_super *sb = (void *)(v + DUMP_BLOCK);

		if (!(how & 1) && base[0].len > DUMP_BLOCK + sizeof(*sb))
			super_set_csum(sb);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (v && !io_pwrite(fd, v, how & 16 ? fuzz_num(&(struct fuzz_in){ data, size }, 3) % base[which].len : base[which].len, 0)) {
		if (how & 2)
			read_as_device(&env, path);
		else
			restore(&env, path, how & 4 ? RESTORE_FLAT : how & 32 ? RESTORE_ALL : RESTORE_ONE);
	}
	free(v);
	close(fd);
	env_fini(&env);
	return 0;
}
