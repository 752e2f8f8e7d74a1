/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes of unmounted filesystems: the halves of create, snapshot, delete and sync that work through the engine. */
#ifndef CMDS_SUBVOLUME_OFFLINE_H
#define CMDS_SUBVOLUME_OFFLINE_H

#include "cmds/changes.h"
#include "cmds/mounted/host.h"

/* Creates the subvolume that t names; parents: and missing directories above. The exit code. */
int offline_create(struct cmd_ctx *ctx, struct changes *s, const struct target *t, const char *arg, bool parents, const u64 *ids, size_t n);
/* The tree of a deleted subvolume goes, in slices that become durable one by one. Printed; the exit code. */
int offline_drop(struct cmd_ctx *ctx, struct change *c, u64 id);

#endif
