/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Problems are data: the rows of problems.def. */
#ifndef CHECK_PROBLEM_H
#define CHECK_PROBLEM_H

#include "common/base.h"

enum severity {
	SEVERITY_INFO,        /* said, counts for nothing */
	SEVERITY_WARNING,     /* changes no exit code */
	SEVERITY_ERROR,
};
/* Where the incumbent says it, and with which prefix. */
enum channel { CHANNEL_ERROR /* "ERROR: " */, CHANNEL_WARNING /* "WARNING: " */, CHANNEL_NOTE /* standard error as it is */, CHANNEL_PRINT /* standard output */,
	       CHANNEL_PART /* not by itself: the line of another finding says it */ };
/* Is the repair done without asking? */
enum repair_kind { REPAIR_NONE, REPAIR_SAFE, REPAIR_ASKS };

enum problem_id {
#define PROBLEM(ID, name, severity, channel, repair, kind, format, meaning) PROBLEM_##ID,
#include "kernel-shared/check/problems.def"
#undef PROBLEM
	PROBLEM_COUNT
};

/* Their messages by name, so that the compiler looks at the arguments. */
#define PROBLEM(ID, name, severity, channel, repair, kind, format, meaning) static const char PROBLEM_FORMAT_##ID[] UNUSED = format;
#include "kernel-shared/check/problems.def"
#undef PROBLEM

struct problem {
	const char *name;     /* stable: "extent-refs" */
	const char *message;  /* printf format */
	enum severity severity;
	enum channel channel;
	const char *repair;   /* what is done about it, NULL: nothing */
	enum repair_kind kind;
	const char *meaning;  /* one sentence for people */
};
const struct problem *problem_row(enum problem_id id);

#endif
