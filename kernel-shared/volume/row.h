/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A part of one row of a chunk with parity, in memory: one buffer a role, in role order. Inside volume/. */
#ifndef VOLUME_ROW_H
#define VOLUME_ROW_H

#include "kernel-shared/volume/private.h"

struct row {
	const struct chunk *c;
	u64 nr;
	u32 off, len;       /* inside each stripe */
	unsigned roles;     /* data, P, and Q if there is one */
	u8 *memory, **bufs;
	unsigned lost[2];   /* roles; lost[i] is set for i < nlost */
	unsigned nlost;
};

/* c is set; buffers of len bytes. 0 or -ENOMEM; row_fini in either case. */
int row_init(struct row *r, u32 len);
void row_fini(struct row *r);
bool row_is_lost(const struct row *r, unsigned role);
/* -EIO when more is lost than the parity makes good. */
int row_lose(struct row *r, unsigned role, struct err *err);
struct phys row_phys(const struct row *r, unsigned role);
/* A role that cannot be read is lost; lost ones are not read. */
int row_read_role(struct row *r, unsigned role, struct err *err);
/* Reads as much parity as there are lost data columns. */
int row_read_parity(struct row *r, struct err *err);
/* Computes the lost data columns. All others and enough parity have been read. */
void row_solve(struct row *r);

#endif
