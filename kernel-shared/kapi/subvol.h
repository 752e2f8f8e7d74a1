/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes of a mounted filesystem. Spec: on-disk-format 4; cli 7. */
#ifndef KAPI_SUBVOL_H
#define KAPI_SUBVOL_H

#include "common/err.h"
#include "common/strbuf.h"
#include "kernel-shared/format/disk.h"

/* dirfd: the directory that gets the entry. qgroups: ids that the new one joins. */
int ksubvol_create(int dirfd, const char *name, const u64 *qgroups, size_t n);
int ksubvol_snapshot(int dirfd, const char *name, int srcfd, bool readonly, const u64 *qgroups, size_t n);
int ksubvol_delete(int dirfd, const char *name);
/* -ENOTTY before kernel 5.7. */
int ksubvol_delete_id(int fd, u64 id);

/* The id of the subvolume that fd lies in. */
int ksubvol_id(int fd, u64 *id);
/* BTRFS_ROOT_SUBVOL_RDONLY or 0; only on the top of a subvolume. */
int ksubvol_readonly(int fd, bool *readonly);
int ksubvol_set_readonly(int fd, bool readonly);
/* Root only. */
int ksubvol_set_default(int fd, u64 id);
int ksubvol_default(int fd, u64 *id, struct err *err);
/* Clears what a receive noted, so that a subvolume may become writable. */
int ksubvol_clear_received(int fd);

/* Of the subvolume that fd lies in, also for ordinary users (kernel 4.18). name: of its entry, "" for the top level. The fields that a user
 * may see are set in item. */
struct ksubvol { u64 id, parent, dirid; char name[256]; struct disk_root_item item; };
int ksubvol_info(int fd, struct ksubvol *out);
/* Subvolumes directly below the one that fd lies in: ids and the directories of their entries, from *min on, at most 255; *min moves on.
 * Returns how many; 0 at the end. Also for ordinary users. */
struct ksubvol_ref { u64 id, dirid; };
int ksubvol_refs(int fd, u64 *min, struct ksubvol_ref out[255]);
/* Where child, whose entry is in directory dirid, lies below fd's own directory: "a/b/name". Checks permissions on the way: -EACCES. */
int ksubvol_user_path(int fd, u64 child, u64 dirid, struct strbuf *out);

/* The path of a directory within a tree, with a trailing slash ("" for the tree's top). Root only. */
int kino_path(int fd, u64 tree, u64 ino, struct strbuf *out);

#endif
