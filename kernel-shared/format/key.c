/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/format/key.h"
#include "crypto/csum.h"

u64 hash_name(const void *name, size_t len)
{
	return crc32c_raw(~1u, name, len);
}

u64 hash_extref(u64 parent, const void *name, size_t len)
{
	return crc32c_raw((u32)parent, name, len);
}

u64 hash_data_ref(u64 root, u64 objectid, u64 offset)
{
	le64 owner = le64_of(root), place[2] = { le64_of(objectid), le64_of(offset) };
	u64 high = crc32c_raw(~0u, &owner, sizeof(owner));

	return high << 31 ^ crc32c_raw(~0u, place, sizeof(place));
}
