/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exclusive operations: one at a time in a filesystem. Spec: cli 6. */
#ifndef KAPI_EXCLOP_H
#define KAPI_EXCLOP_H

#include "common/base.h"

enum { KEXCLOP_NAME = 32 };
/* What runs now, as the kernel names it with blanks: "none", "balance", "balance paused", "device add", ... Kernels without the file: "none". */
int kexclop_current(const u8 fsid[16], char name[KEXCLOP_NAME]);
/* Returns once something else may run there or after a minute: 0, or -EINTR. */
int kexclop_wait_change(const u8 fsid[16]);

#endif
