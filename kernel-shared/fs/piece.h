/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A piece of new file data: up to PIECE_MAX bytes, fetched, compressed and checksummed on any thread. The room's own. */
#ifndef FS_PIECE_H
#define FS_PIECE_H

#include "kernel-shared/fs/store.h"

enum { PIECE_PARTS = PIECE_MAX / BTRFS_MAX_UNCOMPRESSED };

/* Bytes of the piece that make one extent (or a bit of one, when plain). */
struct part { u32 at, len; u32 packed_at, packed_len; /* whole sectors */ u32 sums_at; u8 compression; };

struct piece {
	const struct policy *pol;
	const struct geometry *geo;
	const struct data_source *src;
	u64 off;               /* in the file */
	u32 len, valid;        /* whole sectors; bytes that the source has */
	u64 run;               /* bytes from off to the end of the range that is being stored */
	u8 *in, *out, *sums;   /* out: at hand when the policy was to compress as the piece was made */
	struct part parts[PIECE_PARTS];
	unsigned nparts;
	bool incompressible;   /* an attempt failed */
	int ret;
	struct err err;
	struct piece *next;    /* spare ones */
};
/* Room for len bytes. NULL: no memory. */
struct piece *piece_new(const struct policy *pol, const struct geometry *geo, u32 len);
void piece_free(struct piece *p);
/* Fills in everything from the source on; the outcome is in ret. */
void piece_prepare(struct piece *p);
/* A try to compress the whole content of a small file for an inline extent. ret: 0, -E2BIG, or -ENODATA: not tried. bytes: room for len bytes. */
struct packed { int ret; u32 len; u8 *bytes; };
int inline_pack(const struct policy *pol, const struct geometry *geo, const void *data, u32 len, struct packed *out, struct err *err);

#endif
