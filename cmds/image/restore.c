/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/image/image.h"
int image_restore(struct cmd_ctx *ctx, const struct image_args *a) { return cmd_error(ctx, "not yet"); }
