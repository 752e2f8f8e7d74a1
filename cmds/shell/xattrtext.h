/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of extended attributes as the attr tools write them, read back. */
#ifndef CMDS_SHELL_XATTRTEXT_H
#define CMDS_SHELL_XATTRTEXT_H

#include "common/strbuf.h"

/* "0x" hex digits, "0s" base64, or text, quoted or not, with backslash escapes. Appends; -EINVAL. */
int xattr_decode(const char *text, struct strbuf *out);
/* Text with \ooo and \\ in it. */
void xattr_unescape(const char *text, struct strbuf *out);

#endif
