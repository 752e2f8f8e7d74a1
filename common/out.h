/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where results go: buffered text, tables, JSON in the incumbent's layout. The one user of standard output. Spec: cli 5. */
#ifndef COMMON_OUT_H
#define COMMON_OUT_H

#include <stdarg.h>
#include "common/strbuf.h"
#include "common/units.h"

struct out {
	int fd;
	struct strbuf buf;
	int error;            /* first write error, negative errno; later text is dropped. EPIPE ends the program quietly with 1 */
	bool json;
	unsigned depth;       /* JSON nesting */
	bool first[32], array[32];
};
void out_init(struct out *o, int fd);
int out_flush(struct out *o);
int out_fini(struct out *o);  /* flushes; 0 or the first error */
void out_printf(struct out *o, const char *fmt, ...) PRINTF(2, 3);
void out_vprintf(struct out *o, const char *fmt, va_list ap) PRINTF(2, 0);
void out_puts(struct out *o, const char *s);
void out_write(struct out *o, const void *p, size_t n);
/* What is buffered, then these pieces without a copy. iov is used up. */
struct iovec;
void out_writev(struct out *o, struct iovec *iov, int n);
/* Direct access for bulk text: append to &o->buf, then out_check() (flushes past 1 MiB). */
void out_check(struct out *o);

/* JSON. key NULL inside arrays. out_json_begin prints the __header, out_json_end closes the document. */
void out_json_begin(struct out *o);
void out_json_end(struct out *o);
void out_obj(struct out *o, const char *key);
void out_arr(struct out *o, const char *key);
void out_end(struct out *o);          /* closes the innermost object or array */
void out_json_u64(struct out *o, const char *key, u64 v);
void out_json_s64(struct out *o, const char *key, s64 v);
void out_json_str(struct out *o, const char *key, const char *v);
void out_json_strn(struct out *o, const char *key, const void *v, size_t len); /* any bytes; invalid UTF-8 as \u00XX */
void out_json_bool(struct out *o, const char *key, bool v);
void out_json_null(struct out *o, const char *key);
void out_json_uuid(struct out *o, const char *key, const u8 uuid[16]); /* null when zero */
void out_json_time(struct out *o, const char *key, s64 sec);           /* "YYYY-MM-DD HH:MM:SS +ZZZZ", "-" when zero */
void out_json_double(struct out *o, const char *key, double v, unsigned decimals);

/* Tables: each column as wide as its widest cell. Spec: cli 5. */
struct table;
struct table *table_new(unsigned columns, unsigned gap /* spaces between columns */);
/* align[i]: 'l' or 'r', one per column. */
void table_align(struct table *t, const char *align);
void table_cell(struct table *t, const char *fmt, ...) PRINTF(2, 3); /* left to right, then the next row */
void table_left(struct table *t, const char *fmt, ...) PRINTF(2, 3); /* a cell aligned left whatever its column is: headings */
void table_rule(struct table *t);   /* a row of dashes */
void table_print(struct table *t, struct out *o, bool trailing_blanks);
void table_free(struct table *t);

#endif
