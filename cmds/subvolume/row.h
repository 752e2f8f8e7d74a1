/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A subvolume as `subvolume list` and `subvolume get-default` show it. Spec: cli 7.4. */
#ifndef CMDS_SUBVOLUME_ROW_H
#define CMDS_SUBVOLUME_ROW_H

#include "cmds/report.h"
#include "kernel-shared/fs/subvol.h"

enum column { COL_ID, COL_GEN, COL_CGEN, COL_PARENT, COL_TOP, COL_OTIME, COL_PUUID, COL_RUUID, COL_UUID, COL_PATH, COLUMNS };
enum { COLS_DEFAULT = 1 << COL_ID | 1 << COL_GEN | 1 << COL_TOP | 1 << COL_PATH };

struct subvol_row {
	const struct subvol_info *info;
	const char *path; /* as shown; bytes, borrowed */
	size_t path_len;
};
/* One value as text: uuids padded to their width, so that rows line up. */
void subvol_cell(const struct subvol_row *row, enum column col, struct strbuf *out);
/* "ID 256 gen 9 top level 5 path sv1" and a newline; columns: bits of enum column. */
void subvol_print_line(struct out *o, const struct subvol_row *row, unsigned columns);
void subvol_print_head(struct out *o, unsigned columns);
void subvol_print_tabbed(struct out *o, const struct subvol_row *row, unsigned columns);
/* An element of an array (key NULL) or a named object, with all columns. */
void subvol_json(struct out *o, const char *key, const struct subvol_row *row);

#endif
