/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole repair, in memory, of the image that FUZZ_IMAGE names with tree blocks and superblock overwritten. It must end, whatever it does, and the check
 * that follows must, too.
 *
 * Input: flags u8, then as patched.h takes it. */
#include <stdio.h>
#include "kernel-shared/check/repair.h"
#include "tests/fuzz/patched.h"

static void on_finding(void *arg, const struct check_finding *f)
{
	u64 *n = arg;

	*n += strlen(f->text);
}

static void on_say(void *arg, enum channel channel, const char *text)
{
	u64 *n = arg;

	*n += strlen(text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct env env;
	const char *spec = getenv("FUZZ_IMAGE");
	struct repair_args args = { .open = FS_OPEN_ARGS_INIT, .check = { .memory = MiB(8) }, .dry_run = true };
	struct fuzz_in in = { data, size };
	struct repair_result result;
	struct err err = ERR_INIT;
	u64 told = 0;
	struct repair_ops ops = { .check = { .finding = on_finding, .arg = &told }, .say = on_say, .arg = &told };
	u8 flags;

	flags = fuzz_begin(&env, spec, &in);
	args.open.specs = &spec;
	args.open.nspecs = 1;
	args.open.cache_memory = MiB(4);
	args.open.wrap = wrap;
	args.open.flags = FS_OPEN_NOSCAN;
	args.init_extent_tree = flags & 1;
	args.init_csum_tree = flags & 2;
	args.chunks = (flags & 12) == 12;
	args.ino_cache = (flags & 48) == 48;
	repair_run(&env, &args, &ops, &result, &err);
	return 0;
}
