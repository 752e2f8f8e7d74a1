/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operation costs: blocks read and written by each, with its commit, on a filesystem of more and more files. Every operation begins with a
 * filesystem that has just been opened, so that nothing is in memory but what opening reads.
 *
 *     cost IMAGE FILES [FACTOR...]      IMAGE: empty; it is filled up to FILES * FACTOR files, factors ascending (1 10 100)
 *
 * Prints a table: reads of nodes / writes of nodes / bytes of data written, in units of the node size, superblocks left out. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "common/mem.h"
#include "kernel-shared/bdev/layer.h"
#include "kernel-shared/fs/write.h"

enum { PER_DIR = 100, NAME = 32, FACTORS = 8, OPS = 20 };

/* ---- a device that counts ---- */

static u64 bytes_read, bytes_written;
struct counter { struct bdev b; };

static int count_read(struct bdev *b, u64 off, void *buf, size_t len, struct err *err)
{
	__atomic_fetch_add(&bytes_read, len, __ATOMIC_RELAXED);
	return bdev_read(b->lower, off, buf, len, err);
}

static int count_write(struct bdev *b, u64 off, const void *buf, size_t len, struct err *err)
{
	if (len != 4096 || (off != 65536 && off != MiB(64))) /* superblocks */
		bytes_written += len;
	return bdev_write(b->lower, off, buf, len, err);
}

static int count_flush(struct bdev *b, struct err *err) { return bdev_flush(b->lower, err); }
static void count_close(struct bdev *b) { free(container_of(b, struct counter, b)); }
static const struct bdev_ops count_ops = { .read = count_read, .write = count_write, .flush = count_flush, .close = count_close };

static int wrap(void *arg, struct bdev **b, struct err *err)
{
	struct counter *c = mem_zalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	bdev_init_layer(&c->b, &count_ops, *b);
	*b = &c->b;
	return 0;
}

/* ---- operations ---- */

struct run { struct env env; struct fs *fs; struct txn *txn; const char *image; u64 files; struct err err; u8 *buf; u64 id; };

static void check(struct run *r, int ret, const char *what)
{
	if (ret) {
		printf("%s: %s\n", what, err_text(&r->err));
		exit(1);
	}
}

static void open_fs(struct run *r)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	args.specs = &r->image;
	args.nspecs = 1;
	args.flags = FS_OPEN_WRITE | FS_OPEN_NOSCAN;
	args.wrap = wrap;
	check(r, fs_open(&r->env, &args, &r->fs, &r->err), "open");
}

static struct loc find(struct run *r, const char *path)
{
	struct loc loc;

	check(r, fs_resolve(r->fs, fs_top(r->fs), path, false, &loc, &r->err), path);
	return loc;
}

static struct loc middle_dir(struct run *r)
{
	char path[NAME * 2];

	snprintf(path, sizeof(path), "/d%llu", r->files / PER_DIR / 2);
	return find(r, path);
}

static struct loc middle_file(struct run *r)
{
	char path[NAME * 2];

	snprintf(path, sizeof(path), "/d%llu/f50", r->files / PER_DIR / 2);
	return find(r, path);
}

static const struct write_opts wo = WRITE_OPTS_DEFAULT;
static const struct new_inode new_file = { .mode = S_IFREG | 0644, .inherit = true }, new_dir = { .mode = S_IFDIR | 0755, .inherit = true };

static int do_nothing(struct run *r) { return 0; }
static int do_create(struct run *r) { u64 ino; return op_create(r->txn, middle_dir(r), "new", 3, &new_file, &ino, &r->err); }
static int do_mkdir(struct run *r) { u64 ino; return op_create(r->txn, middle_dir(r), "dir", 3, &new_dir, &ino, &r->err); }
static int do_symlink(struct run *r)
{
	static const struct new_inode ni = { .mode = S_IFLNK | 0777, .inherit = true };
	u64 ino;

	return op_symlink(r->txn, middle_dir(r), "link", 4, "target", 6, &ni, &ino, &r->err);
}
static int do_link(struct run *r) { return op_link(r->txn, middle_file(r), middle_dir(r), "hard", 4, &r->err); }
static int do_rename(struct run *r) { return op_rename(r->txn, middle_dir(r), "hard", 4, fs_top(r->fs), "moved", 5, 0, &r->err); }
static int do_unlink(struct run *r) { return op_unlink(r->txn, fs_top(r->fs), "moved", 5, &r->err); }
static int do_rmdir(struct run *r) { return op_rmdir(r->txn, middle_dir(r), "dir", 3, &r->err); }
static int do_chmod(struct run *r)
{
	struct inode attr = { .mode = 0600 };

	return op_setattr(r->txn, middle_file(r), ATTR_MODE, &attr, &r->err);
}
static int do_xattr(struct run *r) { return op_xattr(r->txn, middle_file(r), "user.x", 6, "value", 5, 0, &r->err); }
static int do_write_small(struct run *r) { return op_write(r->txn, &wo, middle_file(r), 0, r->buf, 1000, &r->err); }
static int do_write_big(struct run *r) { return op_write(r->txn, &wo, middle_file(r), 0, r->buf, MiB(1), &r->err); }
static int do_clone(struct run *r) { return op_clone(r->txn, middle_file(r), 0, 0, find(r, "/d0/f1"), 0, 0, &r->err); }
static int do_punch(struct run *r) { return op_fallocate(r->txn, middle_file(r), 65536, 65536, FALLOC_PUNCH_OP, &r->err); }
static int do_fallocate(struct run *r) { return op_fallocate(r->txn, middle_file(r), MiB(2), MiB(1), 0, &r->err); }
static int do_truncate(struct run *r) { return op_truncate(r->txn, middle_file(r), 5000, &r->err); }
static int do_subvol(struct run *r)
{
	char name[NAME];

	snprintf(name, sizeof(name), "sub%llu", r->files);
	return op_subvol_create(r->txn, fs_top(r->fs), name, strlen(name), NULL, &r->id, &r->err);
}
static int do_snapshot(struct run *r)
{
	return op_subvol_snapshot(r->txn, BTRFS_FS_TREE_OBJECTID, fs_top(r->fs), "snap", 4, false, NULL, &r->id, &r->err);
}
static int do_write_shared(struct run *r) { return op_write(r->txn, &wo, middle_file(r), 0, r->buf, 1000, &r->err); }
static int do_delete(struct run *r)
{
	bool done = false;
	int ret = op_subvol_delete(r->txn, r->id, &r->err);

	while (!ret && !done)
		ret = subvol_drop(r->txn, r->id, 1000000, &done, &r->err);
	return ret;
}

static const struct { const char *name; int (*fn)(struct run *r); } ops[] = {
	{ "nothing", do_nothing }, { "touch (new)", do_create }, { "mkdir", do_mkdir }, { "ln -s", do_symlink }, { "ln", do_link }, { "mv", do_rename },
	{ "rm (one name of two)", do_unlink }, { "rmdir", do_rmdir }, { "chmod", do_chmod }, { "setfattr", do_xattr }, { "write 1000 bytes", do_write_small },
	{ "write 1 MiB", do_write_big }, { "cp --reflink", do_clone }, { "punch", do_punch }, { "fallocate 1 MiB", do_fallocate }, { "truncate", do_truncate },
	{ "subvolume create", do_subvol }, { "subvolume snapshot", do_snapshot }, { "write 1000 bytes, shared", do_write_shared },
	{ "subvolume delete", do_delete },
};
struct cost { u64 read, written; };

/* Grows the filesystem from `have` files. Small contents, so that metadata is what grows. */
static void grow(struct run *r, u64 have, u64 want)
{
	struct loc dir = { 0 };

	open_fs(r);
	check(r, txn_begin(r->fs->writer, &r->txn, &r->err), "begin");
	for (u64 i = have; i < want; i++) {
		struct loc loc = { r->fs->fs_tree, 0 };
		char name[NAME];

		if (i % PER_DIR == 0) {
			dir.root = r->fs->fs_tree;
			snprintf(name, sizeof(name), "d%llu", i / PER_DIR);
			check(r, op_create(r->txn, fs_top(r->fs), name, strlen(name), &new_dir, &dir.ino, &r->err), "mkdir");
		}
		snprintf(name, sizeof(name), "f%llu", i % PER_DIR);
		check(r, op_create(r->txn, dir, name, strlen(name), &new_file, &loc.ino, &r->err), "create");
		check(r, op_write(r->txn, &wo, loc, 0, r->buf, i % 10 ? 100 : 5000, &r->err), "write");
	}
	check(r, txn_commit(r->txn, &r->err), "commit");
	fs_close(r->fs);
}

static struct cost measure(struct run *r, unsigned op)
{
	u64 node;
	struct cost c;

	open_fs(r);
	node = r->fs->geo->nodesize;
	bytes_read = bytes_written = 0;
	check(r, txn_begin(r->fs->writer, &r->txn, &r->err), "begin");
	check(r, ops[op].fn(r), ops[op].name);
	check(r, txn_commit(r->txn, &r->err), "commit");
	c = (struct cost){ (bytes_read + node - 1) / node, (bytes_written + node - 1) / node };
	fs_close(r->fs);
	return c;
}

int main(int argc, char **argv)
{
	u64 factors[FACTORS] = { 1, 10, 100 }, base = argc > 2 ? strtoull(argv[2], NULL, 10) : 0, have = 0;
	unsigned n = argc > 3 ? (unsigned)argc - 3 : 3, levels[FACTORS];
	struct cost costs[FACTORS][OPS];
	struct run r = { .image = argv[1] };

	_Static_assert(ARRAY_SIZE(ops) == OPS, "a row for each");
	if (base < PER_DIR * 2 || n > FACTORS)
		return 2;
	for (unsigned i = 3; i < (unsigned)argc; i++)
		factors[i - 3] = strtoull(argv[i], NULL, 10);
	env_init(&r.env);
	r.buf = mem_alloc(1, MiB(1));
	for (size_t i = 0; r.buf && i < MiB(1); i++)
		r.buf[i] = i * 7 + (i >> 8);
	for (unsigned f = 0; f < n; f++) {
		grow(&r, have, base * factors[f]);
		have = r.files = base * factors[f];
		for (unsigned op = 0; op < OPS; op++)
			costs[f][op] = measure(&r, op);
		open_fs(&r);
		levels[f] = r.fs->fs_tree->tree.level;
		fs_close(r.fs);
	}
	printf("%-26s", "blocks read / written");
	for (unsigned f = 0; f < n; f++)
		printf(" %8llu files", base * factors[f]);
	printf("\n%-26s", "level of the file tree");
	for (unsigned f = 0; f < n; f++)
		printf(" %14u", levels[f]);
	for (unsigned op = 0; op < OPS; op++) {
		printf("\n%-26s", ops[op].name);
		for (unsigned f = 0; f < n; f++)
			printf(" %6llu / %5llu", costs[f][op].read, costs[f][op].written);
	}
	printf("\n");
	free(r.buf);
	env_fini(&r.env);
	return 0;
}
