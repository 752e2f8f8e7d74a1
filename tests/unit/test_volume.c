/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The volume on filesystems made by the incumbent's mkfs: every profile, every copy, every loss that it survives. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel-shared/format/block.h"
#include "kernel-shared/volume/volume.h"
#include "tests/unit/unit.h"

enum { DEVS_MAX = 6 };

struct fixture {
	char dir[64];
	char path[DEVS_MAX][96];
	const char *specs[DEVS_MAX];
	unsigned n;
	struct env env;
	struct volume *vol;
};

static struct err err;

static bool have_mkfs(void)
{
	return !access("/sbin/mkfs.btrfs", X_OK) || !access("/usr/sbin/mkfs.btrfs", X_OK) || !access("/usr/bin/mkfs.btrfs", X_OK);
}

/* n files of 200 MiB with a filesystem made with the given options. False: no mkfs here. */
static bool fixture_make(struct fixture *f, unsigned n, const char *options)
{
	char cmd[1024];
	int len;

	memset(f, 0, sizeof(*f));
	env_init(&f->env);
	if (!have_mkfs())
		return false;
	strcpy(f->dir, "/tmp/btrbox-volume-XXXXXX");
	if (!mkdtemp(f->dir))
		return false;
	len = snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin mkfs.btrfs -q -f %s", options);
	for (f->n = 0; f->n < n; f->n++) {
		snprintf(f->path[f->n], sizeof(f->path[0]), "%s/d%u", f->dir, f->n + 1);
		f->specs[f->n] = f->path[f->n];
		close(creat(f->path[f->n], 0600));
		if (truncate(f->path[f->n], 200 << 20))
			return false;
		len += snprintf(cmd + len, sizeof(cmd) - len, " %s", f->path[f->n]);
	}
	snprintf(cmd + len, sizeof(cmd) - len, " >/dev/null 2>&1");
	return !system(cmd);
}

static void fixture_fini(struct fixture *f)
{
	volume_close(f->vol);
	for (unsigned i = 0; i < f->n; i++)
		unlink(f->path[i]);
	if (f->dir[0])
		rmdir(f->dir);
	env_fini(&f->env);
}

static int fixture_open(struct fixture *f, unsigned flags)
{
	struct volume_args args = VOLUME_ARGS_INIT;

	args.specs = f->specs;
	args.nspecs = f->n;
	args.flags = flags | VOLUME_NOSCAN;
	err_clear(&err);
	return volume_open(&f->env, &args, &f->vol, &err);
}

/* Reads the chunk tree, which is one leaf in a new filesystem. */
static int add_chunks(struct volume *vol)
{
	u8 *leaf = malloc(vol->geo.nodesize);
	int ret = rio_read(vol, le64_get(vol->sb.chunk_root), vol->geo.nodesize, 0, leaf, &err);

	if (!ret && (block_level(leaf) || !block_check_csum(&vol->geo, leaf, NULL)))
		ret = -EUCLEAN;
	for (u32 i = 0; !ret && i < block_nritems(leaf); i++) {
		struct item item = block_item(leaf, i);

		if (item.key.type == BTRFS_DEV_ITEM_KEY)
			ret = volume_add_dev_item(vol, (const void *)item.data, &err);
		else if (item.key.type == BTRFS_CHUNK_ITEM_KEY)
			ret = volume_add_chunk(vol, item.key.offset, (const void *)item.data, &err);
	}
	free(leaf);
	return ret;
}

TEST(one_device_opens_and_every_copy_of_the_chunk_root_is_the_same)
{
	struct fixture f CLEANUP(fixture_fini);
	u8 a[65536], b[65536];

	if (!fixture_make(&f, 1, ""))
		return;
	CHECK_OK(fixture_open(&f, 0), &err);
	CHECK_OK(add_chunks(f.vol), &err);
	CHECK_EQ(f.vol->devices.len, 1);
	CHECK_EQ(rio_copies(f.vol, le64_get(f.vol->sb.chunk_root)), 2);
	CHECK_OK(rio_read(f.vol, le64_get(f.vol->sb.chunk_root), 16384, 1, a, &err), &err);
	CHECK_OK(rio_read(f.vol, le64_get(f.vol->sb.chunk_root), 16384, 2, b, &err), &err);
	CHECK(!memcmp(a, b, 16384));
	CHECK(block_check_csum(&f.vol->geo, a, NULL));
}

UNIT_MAIN
