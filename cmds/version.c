/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The version and what this build has in it. Spec: cli 1.1. */
#include "cmds/frame.h"
#include "crypto/csum.h"

#define BTRBOX_VERSION "0.1"

void version_print(struct out *out, const char *prefix)
{
	out_printf(out, "%sbtrfs-progs v%s\n", prefix, COMPAT_VERSION);
	out_printf(out, "-EXPERIMENTAL -INJECT %cSTATIC %cLZO %cZSTD %cUDEV +FSVERITY -ZONED CRYPTO=%s\n",
		   HAVE_STATIC ? '+' : '-', HAVE_LZO ? '+' : '-', HAVE_ZSTD ? '+' : '-', HAVE_UDEV ? '+' : '-', crypto_provider());
	out_printf(out, "btrbox %s %cREADLINE %cTAR %cDEFLATE\n", BTRBOX_VERSION, HAVE_READLINE ? '+' : '-', HAVE_ARCHIVE ? '+' : '-',
		   HAVE_DEFLATE ? '+' : '-');
}
