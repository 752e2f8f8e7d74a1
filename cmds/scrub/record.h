/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is remembered of scrubs: a record a device in /var/lib/btrfs/scrub.status.UUID, and, while one runs, a socket that tells the newest. Spec: cli 12.5. */
#ifndef CMDS_SCRUB_RECORD_H
#define CMDS_SCRUB_RECORD_H

#include "cmds/cmd.h"
#include "kernel-shared/kapi/scrub.h"

struct scrub_record {
	u64 devid;
	struct kscrub_progress p;   /* all runs since the start together */
	u64 t_start, t_resumed, duration; /* seconds; the epoch, the epoch, of all runs */
	bool cancelled, finished;
};
VEC_TYPE(scrub_records, struct scrub_record);

struct scrub_record *record_find(struct scrub_records *r, u64 devid);
/* From the socket if a scrub runs (*live), else from the file; none at all is no failure. What is not understood is passed over, *odd says so. 0 or -errno. */
int records_load(const u8 fsid[16], struct scrub_records *out, bool *live, bool *odd);
/* Replaces the file at once, under a lock. 0 or -errno. */
int records_save(const u8 fsid[16], const struct scrub_records *r);
/* The text of the file, as the socket gives it, too. */
void records_text(const u8 fsid[16], const struct scrub_records *r, struct strbuf *out);
/* The socket, listening; -errno. */
int records_listen(const u8 fsid[16]);
/* Waits at most that long for someone who asks, and tells them the text. */
void records_serve(int fd, int milliseconds, const char *text, size_t len);
void records_unlisten(const u8 fsid[16], int fd);

/* All records of r added up; the earliest start, the longest duration, the last one's position. */
void records_sum(const struct scrub_records *r, struct scrub_record *out);
static inline u64 record_bytes(const struct scrub_record *r) { return r->p.v[KSCRUB_DATA_BYTES] + r->p.v[KSCRUB_TREE_BYTES]; }

extern const char *const scrub_counter_names[KSCRUB_COUNTERS];

#endif
