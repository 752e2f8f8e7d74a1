/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzz targets share. A target is tests/fuzz/fuzz_X.c with LLVMFuzzerTestOneInput; libFuzzer (make fuzz) or driver.c (make test)
 * calls it. Targets repair checksums themselves, so that mutations reach what is behind them: no target spends its time on a CRC. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdlib.h>
#include "common/base.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Takes numbers and bytes from the input; zeros once it is used up. */
struct fuzz_in { const u8 *p; size_t left; };
static inline u8 fuzz_u8(struct fuzz_in *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}
static inline u64 fuzz_num(struct fuzz_in *in, unsigned bytes)
{
	u64 v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (u64)fuzz_u8(in) << 8 * i;
	return v;
}
/* At most n bytes, and at most max of them; borrowed; *got says how many. */
static inline const u8 *fuzz_bytes(struct fuzz_in *in, size_t n, size_t max, size_t *got)
{
	const u8 *p = in->p;

	*got = min_t(size_t, min_t(size_t, n, max), in->left);
	in->p += *got;
	in->left -= *got;
	return p;
}
/* A number from the ends and edges of the range as often as from its middle: one byte chooses, up to eight follow. */
static inline u64 fuzz_edge(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);

	switch (how >> 4) {
	case 0: return how & 15;
	case 1: return -(u64)(how & 15);
	case 2: return 256 + (how & 15);
	case 3: return 1ULL << 4 * (how & 15);
	case 4: return (1ULL << 4 * (how & 15)) - 1;
	case 5: return fuzz_num(in, 1) << 12;
	case 6: return fuzz_num(in, 2);
	case 7: return fuzz_num(in, 4);
	default: return fuzz_num(in, 8);
	}
}

#endif
