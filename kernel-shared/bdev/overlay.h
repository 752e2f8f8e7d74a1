/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside bdev/: what other layers may ask of an overlay. */
#ifndef BDEV_OVERLAY_H
#define BDEV_OVERLAY_H

#include "kernel-shared/bdev/bdev.h"

/* Drops all that it holds. */
void overlay_forget(struct bdev *overlay);

#endif
