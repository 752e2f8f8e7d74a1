/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names in a directory of the running system. Apart, because its struct dirent is not ours. */
#ifndef CMDS_SHELL_HOSTLIST_H
#define CMDS_SHELL_HOSTLIST_H

#include <string.h>
#include "common/vec.h"

VEC_TYPE(host_names, char *); /* heap */
/* All but "." and "..", in byte order. Takes fd. 0 or -errno; what was found is in out in any case. */
int host_list(int fd, struct host_names *out);
/* Each name has a mark behind its end. */
static inline bool host_name_is_dir(const char *name) { return name[strlen(name) + 1] == 'd'; }

#endif
