/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes: what the root tree says of them, their paths. Spec: on-disk-format 4. */
#ifndef FS_SUBVOL_H
#define FS_SUBVOL_H

#include "common/strbuf.h"
#include "kernel-shared/fs/fs.h"

/* What of a root item concerns the subvolume and not its tree; a filesystem may have very many. */
struct subvol_item {
	le64 generation, flags;
	le32 refs;
	u8 uuid[16], parent_uuid[16], received_uuid[16];
	le64 ctransid, otransid, stransid, rtransid;
	struct disk_timespec ctime, otime, stime, rtime;
};
struct subvol_item subvol_item_of(const struct disk_root_item *item);

struct subvol_info {
	u64 id, parent, dirid, index; /* parent 0: none (top level, or deleted) */
	char *name;                   /* last component, NULL for the top level; bytes, NUL-terminated */
	size_t name_len;
	u64 key_offset;
	struct subvol_item item;
	bool deleted;                 /* refs 0 */
};
VEC_TYPE(subvol_list, struct subvol_info);
/* All that have a ROOT_ITEM, by id, the top level (5) first; deleted ones that are not yet dropped included. */
int subvol_list(struct fs *fs, struct subvol_list *out, struct err *err);
/* Adds what one item of the root tree says; items come in key order. */
int subvol_list_item(struct subvol_list *out, const struct item *item, struct err *err);
void subvol_list_fini(struct subvol_list *l);
int subvol_info_get(struct fs *fs, u64 id, struct subvol_info *out, struct err *err); /* -ENOENT */
void subvol_info_fini(struct subvol_info *i);
/* Appends the path from the top level, without a leading slash: "a/b/snap"; nothing for 5. -ENOENT if it hangs nowhere. */
int subvol_path(struct fs *fs, u64 id, struct strbuf *out, struct err *err);
/* By uuid or received uuid, through the uuid tree, else by looking at all. The lowest id of several; deleted ones are not found. -ENOENT. */
int subvol_by_uuid(struct fs *fs, const u8 uuid[16], bool received, u64 *id, struct err *err);

/* The link of a subvolume to the directory that it lies in; ref borrows from p. -ENOENT: none (top level, deleted). */
int subvol_link(struct fs *fs, u64 id, struct path *p, u64 *parent, struct root_ref_view *ref, struct err *err);

#endif
