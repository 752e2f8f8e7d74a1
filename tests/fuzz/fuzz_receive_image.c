/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive into a small unmounted filesystem, changed in memory only: whatever the stream, what is committed passes our check, and nothing incomplete is
 * marked as received. Input: how u8, then streamgen.h. */
#include <sys/mman.h>
#include <unistd.h>
#include "kernel-shared/check/check.h"
#include "kernel-shared/make/make.h"
#include "kernel-shared/send/engine.h"
#include "tests/fuzz/streamgen.h"

static void bad(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err_text(err));
	abort();
}

/* An empty filesystem, made once. */
static const char *image(struct env *env)
{
	static char path[32];
	struct make_device dev = { .path = path, .bytes = MiB(48) };
	struct make_params p = { .nodesize = 4096, .sectorsize = 4096, .mixed = true, .devices = &dev, .ndevs = 1,
		.incompat = BTRFS_FEATURE_INCOMPAT_MIXED_BACKREF | BTRFS_FEATURE_INCOMPAT_EXTENDED_IREF | BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA |
			BTRFS_FEATURE_INCOMPAT_NO_HOLES | BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS,
		.compat_ro = BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE | BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID };
	struct err err = ERR_INIT;
	struct maker *m = NULL;
	int fd;

	if (*path)
		return path;
	fd = memfd_create("image", 0);
	if (fd < 0 || ftruncate(fd, dev.bytes))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	env_uuid(env, p.fsid);
	env_uuid(env, dev.uuid);
	if (bdev_open_file(env, path, BDEV_WRITE, &dev.bdev, &err) || maker_new(env, &p, &m, &err) || maker_finish(m, &err))
		bad("mkfs", &err);
	maker_free(m);
	return path;
}

static void finding(void *arg, const struct check_finding *f)
{
	fprintf(stderr, "finding in phase %d\n", f->phase);
	++*(unsigned *)arg;
}

static void check(struct fs *fs)
{
	const struct check_ops ops = { .arg = NULL, .finding = finding };
	struct check_args args = { 0 };
	struct check_totals totals;
	struct err err = ERR_INIT;
	struct check_ops with = ops;
	unsigned findings = 0;

	with.arg = &findings;
	if (check_run(fs, &args, &with, &totals, &err) < 0)
		bad("check", &err);
	if (findings)
		abort();
}

static int commit(void *arg, struct txn **txn, struct err *err)
{
	struct fs *fs = arg;
	int ret = txn_commit(*txn, err);

	return ret ? ret : txn_begin(fs->writer, txn, err);
}

static void receive(struct fs **fs, const struct send_writer *w, u8 how)
{
	struct engine_opts opts = { .write = WRITE_OPTS_DEFAULT, .force_decompress = how & 1, .parents_only = how & 2, .keep = how & 4,
		.checkpoint = how & 8 ? 2000 : 0, .commit = commit, .arg = *fs };
	struct gen_input in = { w->buf, w->len, 0 };
	struct apply a = { .env = (*fs)->env, .max_errors = how & 16 ? 0 : 1, .one = how & 32 };
	struct err err = ERR_INIT;
	struct apply_note note;
	struct engine *e;
	struct txn *txn;
	const char *name;
	bool kept;
	int ret;

	opts.keep |= opts.checkpoint != 0;
	if (txn_begin((*fs)->writer, &txn, &err))
		bad("begin", &err);
	if (engine_new(&e, txn, fs_top(*fs), &opts, &err) || send_reader_new(&a.reader, gen_read, &in, 0, NULL, &err))
		bad("engine", &err);
	a.target = engine_target(e);
	ret = apply_stream(&a, &err);
	kept = engine_kept(e, &note, &name);
	send_reader_free(a.reader);
	if ((!ret || kept) && !writer_dead((*fs)->writer)) {
		struct txn *last;

		/* The transaction may be another one by now: joining it and ending twice ends it. */
		if (txn_begin((*fs)->writer, &last, &err) || txn_commit(last, &err) || txn_commit(last, &err))
			bad("commit", &err);
	}
	engine_free(e);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct err err = ERR_INIT;
	struct send_writer w;
	struct subvol_list list;
	struct env env;
	struct fs *fs;

	if (size < 2)
		return 0;
	env_init(&env);
	env_seed(&env, 1);
	if (fs_open_path(&env, image(&env), FS_OPEN_WRITE | FS_OPEN_DRY_RUN | FS_OPEN_NOSCAN | FS_OPEN_QUIET, &fs, &err))
		bad("open", &err);
	gen_stream(&w, data + 1, size - 1);
	receive(&fs, &w, data[0]);
	if (fs_reload(&fs, &err))
		bad("reload", &err);
	check(fs);
	if (subvol_list(fs, &list, &err))
		bad("list", &err);
	for (size_t i = 0; i < list.len; i++) {
		const struct subvol_item *item = &list.v[i].item;
		static const u8 none[16];

		if (memcmp(item->received_uuid, none, 16) && !(le64_get(item->flags) & BTRFS_ROOT_SUBVOL_RDONLY))
			abort();
	}
	subvol_list_fini(&list);
	fs_close(fs);
	env_fini(&env);
	send_writer_fini(&w);
	return 0;
}
