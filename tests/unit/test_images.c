/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every hostile and every damaged image that there is, opened in every way and read to its end: an error or a tree, in bounded time.
 * Skipped where the images are not at hand (../shared or $BTRBOX_SHARED), as are packed ones without xz and dumps without btrfs-image.
 * The damaged ones, some of which are large, only with TEST_FULL. */
#include <dirent.h>
#include <unistd.h>
#include "tests/unit/unit.h"
#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/fs/fs.h"

static const struct { const char *name; unsigned flags; } modes[] = {
	{ "strict", 0 },
	{ "partial", FS_OPEN_PARTIAL },
	{ "lenient", FS_OPEN_LENIENT },
	{ "partial, lenient, degraded", FS_OPEN_LENIENT | FS_OPEN_PARTIAL | FS_OPEN_DEGRADED },
	{ "backup", FS_OPEN_BACKUP_ROOT },
	{ "backup, partial", FS_OPEN_BACKUP_ROOT | FS_OPEN_PARTIAL },
	{ "chunk tree only", FS_OPEN_CHUNK_ONLY },
	{ "transid ignored", FS_OPEN_IGNORE_TRANSID | FS_OPEN_NO_BLOCK_GROUPS },
};

struct tally { u64 forward, backward, scanned, errors; u64 bytes; };

static int tally_work(void *arg, struct scan_block *b, unsigned worker)
{
	struct tally *n = arg;
	u64 sum = 0, items = b->data && !block_level(b->data) ? block_nritems(b->data) : 0;

	for (u64 i = 0; i < items; i++) {
		struct item item = block_item(b->data, i);

		for (u32 k = 0; k < item.size; k++)
			sum += item.data[k];
	}
	__atomic_fetch_add(&n->bytes, sum, __ATOMIC_RELAXED);
	__atomic_fetch_add(&n->scanned, items, __ATOMIC_RELAXED);
	__atomic_fetch_add(&n->errors, !b->data, __ATOMIC_RELAXED);
	return 0;
}

static u64 walk(struct tree *t, bool reverse, struct tally *n)
{
	struct tree_iter it = reverse ? tree_range_reverse(t, KEY_MIN, KEY_MAX) : tree_range(t, KEY_MIN, KEY_MAX);
	struct err err = ERR_INIT;
	struct item item;
	u64 items = 0;
	int ret;

	while ((ret = tree_next(&it, &item, &err)) != -ENOENT) {
		items += !ret;
		n->errors += ret != 0;
	}
	tree_iter_fini(&it);
	return items;
}

/* A tree without errors shows the same items whichever way it is read. */
static bool read_tree(struct tree *t)
{
	static const struct scan_ops ops = { .work = tally_work };
	struct tally n = { 0 };
	struct err err = ERR_INIT;

	n.forward = walk(t, false, &n);
	n.backward = walk(t, true, &n);
	n.errors += tree_scan(t, SCAN_DISK, &ops, &n, &err) != 0;
	return n.errors || t->store->lenient || (n.forward == n.backward && n.forward == n.scanned);
}

static bool read_roots(struct fs *fs, struct root *of)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&of->tree, KEY_MIN, KEY_MAX);
	struct err err = ERR_INIT;
	struct item item;
	bool fine = true;
	int ret;

	while ((ret = tree_next(&it, &item, &err)) != -ENOENT) {
		struct root *root;

		if (!ret && item.key.type == BTRFS_ROOT_ITEM_KEY && !fs_root_of_item(fs, &item, &root, &err))
			fine &= read_tree(&root->tree);
	}
	return fine;
}

static bool read_all(struct fs *fs)
{
	struct root *all[] = { fs->root_tree, fs->chunk_tree, fs->log_root_tree }, *root;
	bool fine = true;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		fine &= !all[i] || read_tree(&all[i]->tree);
	fine &= !fs->root_tree || read_roots(fs, fs->root_tree);
	fine &= !fs->log_root_tree || read_roots(fs, fs->log_root_tree);
	fs_subvol_root(fs, fs->default_subvol, &root, NULL);
	return fine;
}

static bool try_mode(const char *path, unsigned flags, u64 tree_root, u64 chunk_root)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct err err = ERR_INIT;
	struct env env;
	struct fs *fs;
	bool fine;
	int ret;

	env_init(&env);
	env.jobs = 2;
	env_start_pool(&env, &err);
	args.specs = &path;
	args.nspecs = 1;
	args.flags = flags | FS_OPEN_NOSCAN | FS_OPEN_QUIET;
	args.tree_root = tree_root;
	args.chunk_root = chunk_root;
	ret = fs_open(&env, &args, &fs, &err);
	fine = ret ? ret < 0 && err.len : read_all(fs);
	if (!ret)
		fs_close(fs);
	env_fini(&env);
	return fine;
}

static void try_image(const char *path, const char *name)
{
	alarm(60);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (!try_mode(path, modes[i].flags, 0, 0)) {
			unit_failed = 1;
			printf("# %s, %s\n", name, modes[i].name);
		}
	/* any address will do for a root by hand */
	for (u64 at = 4194304; at < 4194304 + 8 * 4096; at += 4096)
		if (!try_mode(path, FS_OPEN_PARTIAL, at, at + 4096)) {
			unit_failed = 1;
			printf("# %s, tree root %llu\n", name, at);
		}
	alarm(0);
}

/* Unpacked, and if it is a dump restored, into a temporary file. */
static bool unpack(const char *from, const char *name, const char *to)
{
	char command[2048];
	bool packed = strlen(name) > 3 && !strcmp(name + strlen(name) - 3, ".xz"), dump = strstr(name, ".img");

	if (strstr(name, ".tar"))
		snprintf(command, sizeof(command), "tar xJOf '%s' 2>/dev/null | cp --sparse=always /dev/stdin '%s'", from, to);
	else if (dump)
		snprintf(command, sizeof(command), "%s '%s' >'%s.dump' 2>/dev/null && btrfs-image -r '%s.dump' '%s' >/dev/null 2>&1; "
			 "r=$?; rm -f '%s.dump'; exit $r", packed ? "xz -dc" : "cat", from, to, to, to, to);
	else
		snprintf(command, sizeof(command), "xz -dc '%s' 2>/dev/null | cp --sparse=always /dev/stdin '%s'", from, to);
	return !system(command);
}

static void try_folder(const char *folder)
{
	const char *shared = getenv("BTRBOX_SHARED");
	char dir[512], from[1024], to[] = "/tmp/btrbox-test-images-XXXXXX";
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/images/%s", shared ? shared : "../shared", folder);
	d = opendir(dir);
	if (!d) {
		printf("# skipped: no %s\n", dir);
		return;
	}
	close(mkstemp(to));
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/%s", dir, e->d_name);
		unlink(to);
		if (unpack(from, e->d_name, to))
			try_image(to, e->d_name);
		else
			printf("# skipped: cannot unpack %s\n", e->d_name);
	}
	unlink(to);
	closedir(d);
}

TEST(crafted_images_end_in_an_error_or_a_tree) { try_folder("crafted"); }

TEST(damaged_images_end_in_an_error_or_a_tree)
{
	if (getenv("TEST_FULL"))
		try_folder("check");
	else
		printf("# skipped: only in make test-full\n");
}

UNIT_MAIN
