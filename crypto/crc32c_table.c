/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C for any processor: eight bytes a step, each through a table of its own ("slicing by 8").
 * tables[n] tells what a byte with n zero bytes behind it makes of an empty register. */
#include "crypto/crc32c.h"
#include "common/endian.h"

static const u32 tables[8][256] = {
	CRC32C_TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
	CRC32C_TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
	CRC32C_TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
	CRC32C_TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
	CRC32C_TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
	CRC32C_TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
	CRC32C_TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
	CRC32C_TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

u32 crc32c_table(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;

	for (; len >= 8; p += 8, len -= 8) {
		u64 v = get_le64(p) ^ crc;

		crc = tables[7][v & 255] ^ tables[6][v >> 8 & 255] ^ tables[5][v >> 16 & 255] ^ tables[4][v >> 24 & 255] ^
		      tables[3][v >> 32 & 255] ^ tables[2][v >> 40 & 255] ^ tables[1][v >> 48 & 255] ^ tables[0][v >> 56];
	}
	while (len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 255];
	return crc;
}
