/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/receive/receive.h"
int receive_offline(struct receive *rc, const struct target *t)
{
	return cmd_error(rc->ctx, "receiving into unmounted filesystems is not done yet: %s", rc->dest);
}
