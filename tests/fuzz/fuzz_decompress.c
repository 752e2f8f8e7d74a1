/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed extents: algorithm and shape from the first three bytes, the stream behind. */
#include "kernel-shared/fs/file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 type = fuzz_u8(&in), sector = 12 + fuzz_u8(&in) % 5;
	size_t want = (size_t)(1 + fuzz_u8(&in) % 32) << 12;
	struct err err = ERR_INIT;
	u8 *out = malloc(want);

	if (out)
		decompress(type % 5, in.p, in.left, out, want, 1u << sector, type & 0x80, &err);
	free(out);
	return 0;
}
