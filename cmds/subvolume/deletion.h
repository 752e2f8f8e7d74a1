/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What subvolume delete does alike on both sides. */
#ifndef CMDS_SUBVOLUME_DELETION_H
#define CMDS_SUBVOLUME_DELETION_H

#include "cmds/changes.h"
#include "cmds/mounted/subvols.h"

struct delete_args { bool after, each, recursive; u64 id; bool has_id; };

/* "Delete subvolume 259 (no-commit): 'PATH'"; path NULL: it hangs nowhere. last: the last one of the command line. */
void deletion_say(struct cmd_ctx *ctx, const struct delete_args *a, u64 id, const char *path, bool last);
/* The same for the default subvolume, which stays. Returns 1. */
int deletion_refuse_default(struct cmd_ctx *ctx, u64 id, const char *path);

/* The same for the top level. */
int deletion_refuse_top(struct cmd_ctx *ctx, const char *path);

/* Subvolumes below s->id, each before what holds it; below: the path from there, heap. */
struct nested { u64 id; char *below; };
VEC_TYPE(nested_list, struct nested);
int deletion_nested(struct subvols *s, struct nested_list *out, struct err *err);
void nested_fini(struct nested_list *l);

/* One argument of an unmounted filesystem: the subvolume that t names, or (has_id) the one of that id. The exit code. */
int offline_delete(struct cmd_ctx *ctx, struct changes *changes, const struct delete_args *a, const struct target *t, const char *arg, bool last);

#endif
