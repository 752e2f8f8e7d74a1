/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scrub's figures as text and JSON. Spec: cli 12.1, 12.2. */
#ifndef CMDS_SCRUB_REPORT_H
#define CMDS_SCRUB_REPORT_H

#include "cmds/scrub/record.h"

struct scrub_view {
	bool running, raw;
	u64 to_scrub;          /* bytes in use on the device(s) */
	u64 limit;             /* bytes a second, 0: none */
	bool some_limits;      /* the devices' limits differ */
};
/* The lines from "Scrub started:" on. Without a record: that there are no statistics. */
void scrub_report(struct cmd_ctx *ctx, const struct scrub_record *r, const struct scrub_view *v);
void scrub_json(struct out *o, const struct scrub_record *r, const struct scrub_view *v);
static inline u64 scrub_errors(const struct scrub_record *r)
{
	return r->p.v[KSCRUB_READ_ERRORS] + r->p.v[KSCRUB_SUPER_ERRORS] + r->p.v[KSCRUB_VERIFY_ERRORS] + r->p.v[KSCRUB_CSUM_ERRORS];
}

#endif
