/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes in text, both ways, exactly as cli.md chapter 4 says. */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include "common/base.h"
#include "common/err.h"

enum unit_base { UNIT_BINARY, UNIT_DECIMAL, UNIT_RAW };
/* step: 0 chooses the unit by size, 1..6 fix K M G T P E. */
struct units { enum unit_base base; u8 step; };
#define UNITS_HUMAN ((struct units){ UNIT_BINARY, 0 })
#define UNITS_RAW ((struct units){ UNIT_RAW, 0 })

enum { SIZE_TEXT_MAX = 32 };
/* "1.50GiB", "0.00B", "12345". Returns buf, which holds SIZE_TEXT_MAX bytes. */
const char *units_format(u64 bytes, struct units u, char *buf);
/* "1.5KiB"-like text in our own messages: human units in a static thread-local ring of eight buffers. */
const char *units_human(u64 bytes);

/* Plain decimal u64; a size with one suffix letter; a range A..B with either side empty. Spec: cli 4.2, messages included.
 * 0, -EINVAL, -ERANGE. */
int parse_u64(const char *s, u64 *out, struct err *err);
int parse_size(const char *s, u64 *out, struct err *err);
int parse_range(const char *s, u64 *lo, u64 *hi, struct err *err);
/* xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, 0 or -EINVAL. */
int parse_uuid(const char *s, u8 out[16]);
enum { UUID_TEXT_MAX = 37 };
const char *uuid_format(const u8 uuid[16], char *buf);
bool uuid_is_null(const u8 uuid[16]);
/* LEVEL/ID (cli 4.3); paths are the caller's affair. 0 or -EINVAL. */
int parse_qgroupid(const char *s, u64 *out);

#endif
