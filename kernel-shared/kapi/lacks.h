/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel is too old for. */
#ifndef KAPI_LACKS_H
#define KAPI_LACKS_H

#include "common/base.h"

/* Was the last request of this process one that the kernel does not know? Then its name, and the release of Linux that brought it. */
bool klacks(const char **name, const char **since);

#endif
