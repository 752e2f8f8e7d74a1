/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folding loop for one kind of vector: included by crc32c_x86.c once for each, with the operations as macros, which end
 * here. FOLD1 to FOLD4 are the constants for a distance of one to four vectors. */

TARGET u32 NAME(u32 crc, const void *data, size_t len)
{
	const size_t width = sizeof(VECTOR);
	const u8 *p = data;
	VECTOR a, b, c, d, k;

#define MOVE(v, onto) XOR3(MULTIPLY(v, k, 0x00), MULTIPLY(v, k, 0x11), onto)
	if (len < 4 * width)
		return crc32c_instruction(crc, data, len);
	/* Four vectors side by side, since a multiplication takes several cycles. */
	a = XOR(LOAD(p), SEED(crc));
	b = LOAD(p + width);
	c = LOAD(p + 2 * width);
	d = LOAD(p + 3 * width);
	k = CONSTANT(FOLD4);
	for (p += 4 * width, len -= 4 * width; len >= 4 * width; p += 4 * width, len -= 4 * width) {
		/* Blocks mostly follow each other: without this each call would begin by waiting for memory. */
		for (size_t i = 0; i < 4 * width; i += 64)
			__builtin_prefetch(p + i + 2048);
		a = MOVE(a, LOAD(p));
		b = MOVE(b, LOAD(p + width));
		c = MOVE(c, LOAD(p + 2 * width));
		d = MOVE(d, LOAD(p + 3 * width));
	}
	k = CONSTANT(FOLD3);
	d = MOVE(a, d);
	k = CONSTANT(FOLD2);
	d = MOVE(b, d);
	k = CONSTANT(FOLD1);
	d = MOVE(c, d);
	for (; len >= width; p += width, len -= width)
		d = MOVE(d, LOAD(p));
	return crc32c_instruction(reduce(LAST_LANE(d)), p, len);
#undef MOVE
}

#undef NAME
#undef TARGET
#undef VECTOR
#undef LOAD
#undef SEED
#undef CONSTANT
#undef XOR
#undef XOR3
#undef MULTIPLY
#undef FOLD1
#undef FOLD2
#undef FOLD3
#undef FOLD4
#undef LAST_LANE
