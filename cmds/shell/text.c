/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the verbs write modes, owners, times, sizes and names: as coreutils does. */
#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cmds/shell/shell.h"

void text_mode(u32 mode, char out[11])
{
	static const char types[16] = "?pc?d?b?-?l?s???";

	out[0] = types[mode >> 12 & 15];
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
	if (mode & S_ISUID)
		out[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & S_IXOTH ? 't' : 'T';
	out[10] = 0;
}

/* Looking names up goes through files and perhaps the network: the last one is remembered. A static program cannot do it at all. */
const char *text_user(u32 uid, char buf[32])
{
#if !HAVE_STATIC
	static _Thread_local struct { bool valid; u32 id; char name[32]; } last;

	if (!last.valid || last.id != uid) {
		struct passwd *pw = getpwuid(uid);

		last.valid = true;
		last.id = uid;
		snprintf(last.name, sizeof(last.name), "%s", pw ? pw->pw_name : "");
	}
	if (last.name[0])
		return strcpy(buf, last.name);
#endif
	snprintf(buf, 32, "%u", uid);
	return buf;
}

const char *text_group(u32 gid, char buf[32])
{
#if !HAVE_STATIC
	static _Thread_local struct { bool valid; u32 id; char name[32]; } last;

	if (!last.valid || last.id != gid) {
		struct group *gr = getgrgid(gid);

		last.valid = true;
		last.id = gid;
		snprintf(last.name, sizeof(last.name), "%s", gr ? gr->gr_name : "");
	}
	if (last.name[0])
		return strcpy(buf, last.name);
#endif
	snprintf(buf, 32, "%u", gid);
	return buf;
}

const char *text_type(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "regular file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "symbolic link";
	case S_IFCHR: return "character special file";
	case S_IFBLK: return "block special file";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	}
	return "weird file";
}

/* Times far outside what the calendar functions take are written as numbers. */
static bool broken_down(const struct timespec64 *t, struct tm *tm)
{
	time_t sec = t->sec;

	return sec == t->sec && localtime_r(&sec, tm);
}

void text_time_full(const struct timespec64 *t, char out[64])
{
	char date[32], zone[8];
	struct tm tm;

	if (!broken_down(t, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm)) {
		snprintf(out, 64, "%lld.%09u", t->sec, t->nsec);
		return;
	}
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(out, 64, "%s.%09u %s", date, t->nsec % 1000000000, zone);
}

void text_time_ls(const struct timespec64 *t, s64 now, char out[32])
{
	const s64 half_year = 31556952 / 2;
	bool recent = t->sec <= now && t->sec > now - half_year;
	struct tm tm;

	if (!broken_down(t, &tm) || !strftime(out, 32, recent ? "%b %e %H:%M" : "%b %e  %Y", &tm))
		snprintf(out, 32, "%lld", t->sec);
}

void text_size_ls(u64 size, char out[32])
{
	static const char units[] = "BKMGTPE";
	u64 tenths, step = 1;
	int unit = 0;

	for (; unit < 6 && size / step >= 1024; unit++)
		step <<= 10;
	if (!unit) {
		snprintf(out, 32, "%llu", size);
		return;
	}
	/* Always up, one decimal below ten. */
	tenths = size / step * 10 + div_round_up(size % step * 10, step);
	if (tenths < 100)
		snprintf(out, 32, "%llu.%llu%c", tenths / 10, tenths % 10, units[unit]);
	else
		snprintf(out, 32, "%llu%c", div_round_up(tenths, 10), units[unit]);
}

void text_name(struct out *o, const char *name, size_t len)
{
	if (!isatty(o->fd)) {
		out_write(o, name, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		sb_char(&o->buf, (unsigned char)c < 32 || c == 127 ? '?' : c);
	}
	out_check(o);
}

static void json_time(struct out *o, const char *key, const struct timespec64 *t)
{
	char text[64];

	text_time_full(t, text);
	out_json_str(o, key, text);
}

void json_inode(struct out *o, const struct inode *i, const struct loc *loc)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", i->mode & 07777);
	out_json_u64(o, "subvolume", loc->root->tree.id);
	out_json_u64(o, "inode", i->ino);
	out_json_str(o, "type", text_type(i->mode));
	out_json_str(o, "mode", mode);
	out_json_u64(o, "links", i->nlink);
	out_json_u64(o, "uid", i->uid);
	out_json_u64(o, "gid", i->gid);
	out_json_u64(o, "size", i->size);
	out_json_u64(o, "allocated", inode_allocated(i));
	if (inode_is(i, S_IFCHR) || inode_is(i, S_IFBLK)) {
		out_json_u64(o, "major", rdev_major(i->rdev));
		out_json_u64(o, "minor", rdev_minor(i->rdev));
	}
	out_json_u64(o, "flags", i->flags);
	json_time(o, "atime", &i->atime);
	json_time(o, "mtime", &i->mtime);
	json_time(o, "ctime", &i->ctime);
	json_time(o, "otime", &i->otime);
}
