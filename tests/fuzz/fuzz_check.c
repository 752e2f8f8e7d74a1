/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole check, data included, of the image that FUZZ_IMAGE names with tree blocks and superblock overwritten. It must end, whatever it finds.
 *
 * Input: flags u8, then as patched.h takes it. */
#include <stdio.h>
#include "kernel-shared/check/check.h"
#include "tests/fuzz/patched.h"

static void on_finding(void *arg, const struct check_finding *f)
{
	u64 *n = arg;

	*n += strlen(f->text) + f->name_len + (f->path ? strlen(f->path) : 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct env env;
	const char *spec = getenv("FUZZ_IMAGE");
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct check_args how = { .memory = MiB(8) };
	struct fuzz_in in = { data, size };
	struct check_totals totals;
	struct err err = ERR_INIT;
	u64 told = 0;
	struct check_ops ops = { .finding = on_finding, .arg = &told };
	struct fs *fs;
	u8 flags;

	flags = fuzz_begin(&env, spec, &in);
	args.specs = &spec;
	args.nspecs = 1;
	args.flags = FS_OPEN_NOSCAN | FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_DEGRADED | FS_OPEN_QUIET |
		     (flags & 1 ? FS_OPEN_BACKUP_ROOT : 0);
	args.super_copy = flags & 2 ? 0 : -1;
	args.cache_memory = MiB(4);
	args.wrap = wrap;
	how.data_csum = flags & 4;
	how.qgroup_report = flags & 8;
	if (!fs_open(&env, &args, &fs, &err)) {
		if (fs->root_tree && fs->chunk_tree)
			check_run(fs, &how, &ops, &totals, &err);
		fs_close(fs);
	}
	return 0;
}
