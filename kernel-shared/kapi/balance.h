/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Balance: moving chunks that filters choose. Spec: cli 9. Flags: BTRFS_BALANCE_* and BTRFS_BALANCE_ARGS_* of format/ids.h. */
#ifndef KAPI_BALANCE_H
#define KAPI_BALANCE_H

#include "common/base.h"

/* For one type of chunks; what flags names counts. The ends of ranges of bytes are exclusive, others inclusive. */
struct kbalance_filter {
	u64 flags;
	u64 profiles, target;             /* bits of block group flags; target: of CONVERT */
	u64 usage, devid, limit;
	u32 usage_min, usage_max, limit_min, limit_max, stripes_min, stripes_max;
	u64 pstart, pend, vstart, vend;
};
struct kbalance {
	u64 flags;                        /* BTRFS_BALANCE_DATA and so on */
	struct kbalance_filter data, meta, system;
	/* what the kernel answers */
	bool running, pausing, cancelling;
	u64 expected, considered, completed; /* chunks */
};
/* Runs to its end. b comes back with the kernel's figures. -ECANCELED: paused (b->pausing or not) or cancelled, -EINPROGRESS: one runs already. */
int kbalance_start(int fd, struct kbalance *b);
/* Goes on with the one that is paused, whose filters come back. -ENOTCONN: there is none. */
int kbalance_resume(int fd, struct kbalance *b);
/* -ENOTCONN: not running. Both return once the balance has stopped. */
int kbalance_pause(int fd);
int kbalance_cancel(int fd);
/* -ENOTCONN: there is none. */
int kbalance_status(int fd, struct kbalance *out);

#endif
