/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several reports say in the same way. */
#ifndef CMDS_REPORT_H
#define CMDS_REPORT_H

#include "cmds/target.h"
#include "kernel-shared/fs/usage.h"

/* Opens the filesystem of an argument for reading; a path inside it is looked up and given in *loc (may be NULL). Says why not.
 * Returns the exit code or 0. */
int report_open(struct cmd_ctx *ctx, const char *arg, struct fs **fs, struct loc *loc);
/* The same, and the arithmetic of space. On failure nothing is left open. */
int report_usage(struct cmd_ctx *ctx, const char *arg, struct fs_usage *out);
/* Only what belongs to no device, which is told sooner: spaces, the reserve, bytes used. */
int report_spaces(struct cmd_ctx *ctx, const char *arg, struct fs_usage *out);
/* The WARNING lines of cli 3 about types with several profiles. */
void report_multiple_profiles(struct cmd_ctx *ctx, const struct fs_usage *u);
/* A size by the units in effect. buf: SIZE_TEXT_MAX bytes. */
static inline const char *report_size(const struct cmd_ctx *ctx, u64 bytes, char *buf) { return units_format(bytes, ctx->units, buf); }
/* "YYYY-MM-DD HH:MM:SS +ZZZZ", "-" for zero; zone: with the offset. buf: 64 bytes. */
const char *report_time(s64 sec, bool zone, char *buf);
/* A uuid, "-" for none. buf: UUID_TEXT_MAX bytes. */
const char *report_uuid(const u8 uuid[16], char *buf);

#endif
