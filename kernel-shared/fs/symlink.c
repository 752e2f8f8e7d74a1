/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symlink targets: the content of the inode, at most a sector of it. Spec: on-disk-format 9. */
#include "common/mem.h"
#include "kernel-shared/fs/file.h"

#include <stdlib.h>
#include <sys/stat.h>

int symlink_read(struct root *root, u64 ino, char **target, size_t *len, struct err *err)
{
	struct inode inode;
	char *text;
	s64 got;
	int ret = inode_get(root, ino, &inode, err);

	if (ret)
		return ret;
	if (!inode_is(&inode, S_IFLNK))
		return err_set(err, -EINVAL, "inode %llu of tree %llu is no symbolic link", ino, root->tree.id);
	if (inode.size > root->fs->geo->sectorsize)
		return err_set(err, -EUCLEAN, "symbolic link %llu of tree %llu says that it has %llu bytes", ino, root->tree.id, inode.size);
	text = mem_zalloc(inode.size + 1);
	if (!text)
		return err_nomem(err);
	got = file_read(root->fs, &inode, 0, text, inode.size, err);
	if (got < 0) {
		free(text);
		return got;
	}
	*target = text;
	*len = strlen(text);
	return 0;
}
