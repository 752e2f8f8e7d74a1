/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metadata dumps: all tree blocks of a filesystem, cleaned of file contents and (if wanted) of names, as a stream; and back to devices.
 * The container itself is volume/dumpfile.h. Spec: metadump. */
#ifndef DUMP_DUMP_H
#define DUMP_DUMP_H

#include "common/progress.h"
#include "kernel-shared/fs/fs.h"

enum dump_names {
	NAMES_KEEP,
	NAMES_GARBAGE,        /* other names of the same length */
	NAMES_COLLIDE,        /* and of the same hash, where the length allows that */
};
struct dump_opts {
	unsigned level;       /* 0: raw, 1..9: zlib */
	bool walk;            /* find the blocks by walking the trees, not in the extent tree */
	bool data;            /* contents of files, too (those in the metadata unless names are replaced); not with walk */
	bool damaged;         /* blocks that cannot be read are no failure: what there is of them is taken as it is (left out if names are replaced) */
	enum dump_names names;
	bool private;         /* also label, subvolumes and xattrs (with names other than NAMES_KEEP) */
	struct progress *progress; /* counts bytes of tree blocks; may be NULL */
};
struct dump_stats {
	u64 blocks, bytes;    /* tree blocks, bytes written */
	u64 unreadable;       /* blocks that no copy of passed the gate (damaged) */
	u64 bad_data;         /* runs of file data in which no copy matches its checksum: taken as they are */
	u64 short_names;      /* directory entries whose name is too short for another one of the same hash */
	u64 odd_names;        /* items that are broken so that names could not be told: zeroed */
};
/* Writes the dump to fd (which may be a pipe). fs: opened lenient, log not replayed. Runs on env->pool; memory: about 24 MiB and 3 a thread.
 * The bytes are the same for any number of threads. */
int dump_write(struct fs *fs, int fd, const struct dump_opts *opts, struct dump_stats *stats, struct err *err);

enum restore_mode {
	RESTORE_ONE,          /* to one device, whatever the source had: chunks of several devices are moved together */
	RESTORE_FLAT,         /* -o: every block at its logical address */
	RESTORE_ALL,          /* -m: as many devices as the source had, by ascending device number */
};
struct restore_opts {
	enum restore_mode mode;
	const char *const *targets; /* files (made, emptied) or block devices */
	unsigned ntargets;
	struct progress *progress; /* counts stored bytes, and is told their number; may be NULL */
};
/* Restores the dump at path. Targets that are mounted, open elsewhere, too small or the dump itself are refused. Runs on env->pool; memory: about 2 MiB a
 * thread. Tree blocks get the checksums of the filesystem's own type. A log is left as it is if the source had one device, else it is replayed, because
 * the commit that settles the devices would make it unusable. */
int dump_restore(struct env *env, const char *path, const struct restore_opts *opts, struct err *err);

#endif
