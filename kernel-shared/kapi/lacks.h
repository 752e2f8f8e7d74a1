/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel is too old for. */
#ifndef KAPI_LACKS_H
#define KAPI_LACKS_H

#include "common/base.h"

/* Has this process made a request that the kernel does not know, and that nothing stood in for? Then its name, and the release of Linux that brought it. */
bool klacks(const char **name, const char **since);

#endif
