/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SipHash-2-4: a keyed hash of short inputs that tells nothing of its key. */
#ifndef COMMON_SIPHASH_H
#define COMMON_SIPHASH_H

#include "common/base.h"

u64 siphash(const u64 key[2], const void *data, size_t len);

#endif
