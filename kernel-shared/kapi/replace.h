/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replacing a device of a mounted filesystem by another. Spec: cli 11. */
#ifndef KAPI_REPLACE_H
#define KAPI_REPLACE_H

#include "common/base.h"

enum { KREPLACE_NO_ERROR, KREPLACE_NOT_STARTED, KREPLACE_ALREADY_STARTED, KREPLACE_SCRUB_RUNS };
/* Runs to its end. source: a path, or NULL: devid. avoid_source: read it only where there is no other copy. A positive answer is one of the above. */
int kreplace_start(int fd, const char *source, u64 devid, const char *target, bool avoid_source);
/* KREPLACE_NOT_STARTED: nothing to cancel. */
int kreplace_cancel(int fd);
/* "not started", "already started", ... */
const char *kreplace_reason(int code);

enum { KREPLACE_NEVER, KREPLACE_RUNS, KREPLACE_FINISHED, KREPLACE_CANCELLED, KREPLACE_SUSPENDED };
struct kreplace_status { u64 state, permille, started, stopped /* seconds since the epoch */, write_errors, uncorrectable; };
int kreplace_status(int fd, struct kreplace_status *out);

#endif
