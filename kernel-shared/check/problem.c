/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of problems.def as an array. */
#include "kernel-shared/check/problem.h"

static const struct problem problems[PROBLEM_COUNT] = {
#define PROBLEM(ID, name, severity, channel, repair, kind, format, meaning) \
	[PROBLEM_##ID] = { name, format, SEVERITY_##severity, CHANNEL_##channel, repair, REPAIR_##kind, meaning },
#include "kernel-shared/check/problems.def"
#undef PROBLEM
};

const struct problem *problem_row(enum problem_id id)
{
	return &problems[id];
}
