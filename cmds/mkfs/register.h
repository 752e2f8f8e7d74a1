/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kept apart: the kernel's header and our format names do not go together. */
#ifndef CMDS_MKFS_REGISTER_H
#define CMDS_MKFS_REGISTER_H

/* Tells the kernel of each path that is a block device; a kernel without btrfs is no failure. */
void register_devices(const char *const *paths, unsigned n);

#endif
