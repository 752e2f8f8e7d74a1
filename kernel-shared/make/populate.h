/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filling a new filesystem from a directory or a tar archive. First everything is listed, which says how large chunks should be; then files are read,
 * compressed and summed in parallel, laid out in one sequential stream, and the trees are loaded as their items come.
 *
 * Inode numbers, addresses and directory indexes follow the names in byte order, so the same input gives the same bytes for any number of jobs. Memory: about
 * 150 bytes for each entry, and some MiB for what is being read. System calls go through the C library, for the sake of fakeroot. */
#ifndef MAKE_POPULATE_H
#define MAKE_POPULATE_H

#include "common/progress.h"
#include "kernel-shared/make/make.h"

struct populate_subvol { const char *path; bool readonly, is_default; }; /* path: below the top, without slashes at the ends */
struct populate_flags { const char *path; u64 flags; };                  /* BTRFS_INODE_NODATACOW, _NODATASUM; "": the top */
struct id_map { u32 from, to, count; };
struct populate_args {
	const char *dir;         /* or an archive; "-": one on standard input */
	const char *manifest;    /* see manifest.c; NULL: none */
	unsigned compress;       /* BTRFS_COMPRESS_* */
	int level;               /* 0: the usual */
	const struct populate_subvol *subvols;
	unsigned nsubvols;
	const struct populate_flags *flags;
	unsigned nflags;
	const struct id_map *uid_maps, *gid_maps;
	unsigned nuid_maps, ngid_maps;
	bool has_owner;
	u32 uid, gid;            /* with has_owner: of everything */
	bool reflink;            /* clone ranges instead of copying them */
	bool strict;             /* what changes or vanishes while it is read is an error, not a warning */
	enum progress_when progress;
	const char *const *verity; /* paths of files to be sealed */
	unsigned nverity;
};
struct populate;

/* Lists what is there. p: as for maker_new, its expect_data and expect_metadata are set, and its features that the content needs. */
int populate_scan(struct env *env, const struct populate_args *args, struct make_params *p, struct populate **out, struct err *err);
/* Between maker_new and maker_finish. */
int populate_fill(struct populate *pop, struct maker *m, struct err *err);
void populate_free(struct populate *pop);

#endif
