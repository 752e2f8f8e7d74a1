/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The label, which the superblocks hold alone. */
#include "kernel-shared/fs/change.h"

int op_label(struct txn *txn, const char *label, struct err *err)
{
	struct disk_super *sb = txn_super(txn);
	struct op *op;
	int ret;

	if (strlen(label) >= BTRFS_LABEL_SIZE)
		return err_set(err, -ENAMETOOLONG, "label %s is too long (max %d)", label, BTRFS_LABEL_SIZE - 1);
	ret = op_begin(txn, 0, OP_FREES, &op, err);
	if (ret)
		return ret;
	memset(sb->label, 0, sizeof(sb->label));
	memcpy(sb->label, label, strlen(label));
	return op_end(op, 0, err);
}
