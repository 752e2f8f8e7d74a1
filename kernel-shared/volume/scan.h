/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside volume/: looking for devices that nobody has named. */
#ifndef VOLUME_SCAN_H
#define VOLUME_SCAN_H

#include "kernel-shared/volume/private.h"

/* Devices seen so far, so that looking for seeds does not look again. */
struct candidates {
	struct found_devices found;
	bool scanned;
};

/* Adds every btrfs among the regular files in the directory of path. */
int scan_neighbours(struct env *env, const char *path, struct found_devices *out, struct err *err);
/* "UUID=..." or "LABEL=...": the paths of all devices of that filesystem. Free each and vec_fini. -ENOENT. */
VEC_TYPE(paths, char *);
int scan_tag(struct env *env, const char *tag, struct paths *out, struct err *err);
static inline bool is_tag(const char *spec)
{
	return !strncmp(spec, "UUID=", 5) || !strncmp(spec, "LABEL=", 6);
}

#endif
