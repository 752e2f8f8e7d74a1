/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FILEATTR and ENABLE_VERITY on a running system. Spec: send-stream 8.3. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/receive/hostfs.h"
#include "kernel-shared/format/ids.h"
#include "kernel-shared/kapi/receive.h"

/* Inode flags of the disk that the flags call can set. Not immutable and append-only: the commands that follow would fail. Not the compression flags: the
 * property, which comes as an extended attribute, sets them, and the call would change the property. */
static const struct { u64 disk; unsigned flag; } settable[] = {
	{ BTRFS_INODE_NODATACOW, FS_NOCOW_FL }, { BTRFS_INODE_SYNC, FS_SYNC_FL }, { BTRFS_INODE_NODUMP, FS_NODUMP_FL },
	{ BTRFS_INODE_NOATIME, FS_NOATIME_FL }, { BTRFS_INODE_DIRSYNC, FS_DIRSYNC_FL },
};

static int end(struct hostfs *h, const struct send_cmd *c, int ret, struct err *err)
{
	if (ret >= 0 || (h->forgive && h->forgive(h, c, ret)))
		return 0;
	return err_set(err, ret, "%s", strerror(-ret));
}

static int open_inode(struct hostfs *h, const char *path)
{
	int fd;

	if (!*path)
		return openat(h->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open_regular(h->root, path, O_RDONLY);
	return fd == -EISDIR ? beneath(h->root, path, O_RDONLY | O_DIRECTORY) : fd;
}

int hostfs_fileattr(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct hostfs *h = container_of(t, struct hostfs, base);
	u64 disk = send_num(c, SEND_A_FILEATTR);
	char path[SEND_PATH_MAX];
	unsigned now, want;
	int ret, fd = open_inode(h, apply_str(c, SEND_A_PATH, path));

	if (fd == -EINVAL || fd == -ELOOP)
		return 0; /* devices, fifos, symlinks have no flags that can be set */
	if (fd < 0)
		return end(h, c, fd, err);
	ret = kfile_flags(fd, &now);
	want = now;
	for (unsigned i = 0; i < ARRAY_SIZE(settable); i++)
		want = disk & settable[i].disk ? want | settable[i].flag : want & ~settable[i].flag;
	if (!ret && want != now && !(now & (FS_COMPR_FL | FS_NOCOMP_FL)))
		ret = kfile_set_flags(fd, want);
	close(fd);
	return end(h, c, ret, err);
}

int hostfs_verity(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct hostfs *h = container_of(t, struct hostfs, base);
	const struct send_value *salt = &c->v[SEND_A_VERITY_SALT_DATA], *sig = &c->v[SEND_A_VERITY_SIG_DATA];
	char path[SEND_PATH_MAX];
	int ret, fd;

	/* Nobody may have the file open for writing. */
	hostfs_drop(h);
	fd = open_regular(h->root, apply_str(c, SEND_A_PATH, path), O_RDONLY);
	if (fd < 0)
		return end(h, c, fd, err);
	ret = kfile_enable_verity(fd, send_num(c, SEND_A_VERITY_ALGORITHM), send_num(c, SEND_A_VERITY_BLOCK_SIZE), salt->p, salt->len, sig->p, sig->len);
	close(fd);
	return end(h, c, ret, err);
}
