/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libarchive, loaded when an archive is read: with all that it brings along it would cost every other command more at its start than the command itself.
 * Behind this header its functions are called as ever, once archive_lib_load() has succeeded. */
#ifndef MAKE_ARCHIVE_LIB_H
#define MAKE_ARCHIVE_LIB_H

#include <archive.h>
#include <archive_entry.h>
#include "common/err.h"

#define ARCHIVE_CALLS(X) \
	X(archive_entry_acl_next) \
	X(archive_entry_acl_reset) \
	X(archive_entry_atime) \
	X(archive_entry_atime_is_set) \
	X(archive_entry_atime_nsec) \
	X(archive_entry_ctime) \
	X(archive_entry_ctime_is_set) \
	X(archive_entry_ctime_nsec) \
	X(archive_entry_gid) \
	X(archive_entry_hardlink) \
	X(archive_entry_hardlink_utf8) \
	X(archive_entry_mode) \
	X(archive_entry_mtime) \
	X(archive_entry_mtime_nsec) \
	X(archive_entry_pathname) \
	X(archive_entry_pathname_utf8) \
	X(archive_entry_rdev) \
	X(archive_entry_size) \
	X(archive_entry_size_is_set) \
	X(archive_entry_symlink) \
	X(archive_entry_symlink_utf8) \
	X(archive_entry_uid) \
	X(archive_entry_xattr_next) \
	X(archive_entry_xattr_reset) \
	X(archive_error_string) \
	X(archive_read_data_block) \
	X(archive_read_free) \
	X(archive_read_new) \
	X(archive_read_next_header) \
	X(archive_read_open_fd) \
	X(archive_read_open_filename) \
	X(archive_read_support_filter_all) \
	X(archive_read_support_format_cpio) \
	X(archive_read_support_format_tar)

struct archive_lib {
#define ARCHIVE_MEMBER(f) __typeof__(f) *f;
	ARCHIVE_CALLS(ARCHIVE_MEMBER)
#undef ARCHIVE_MEMBER
};
extern struct archive_lib archive_lib;
/* 0; -ENOENT: it is not installed. Not while another thread calls it. */
int archive_lib_load(struct err *err);

#ifndef ARCHIVE_LIB_PLAIN
#define archive_entry_acl_next archive_lib.archive_entry_acl_next
#define archive_entry_acl_reset archive_lib.archive_entry_acl_reset
#define archive_entry_atime archive_lib.archive_entry_atime
#define archive_entry_atime_is_set archive_lib.archive_entry_atime_is_set
#define archive_entry_atime_nsec archive_lib.archive_entry_atime_nsec
#define archive_entry_ctime archive_lib.archive_entry_ctime
#define archive_entry_ctime_is_set archive_lib.archive_entry_ctime_is_set
#define archive_entry_ctime_nsec archive_lib.archive_entry_ctime_nsec
#define archive_entry_gid archive_lib.archive_entry_gid
#define archive_entry_hardlink archive_lib.archive_entry_hardlink
#define archive_entry_hardlink_utf8 archive_lib.archive_entry_hardlink_utf8
#define archive_entry_mode archive_lib.archive_entry_mode
#define archive_entry_mtime archive_lib.archive_entry_mtime
#define archive_entry_mtime_nsec archive_lib.archive_entry_mtime_nsec
#define archive_entry_pathname archive_lib.archive_entry_pathname
#define archive_entry_pathname_utf8 archive_lib.archive_entry_pathname_utf8
#define archive_entry_rdev archive_lib.archive_entry_rdev
#define archive_entry_size archive_lib.archive_entry_size
#define archive_entry_size_is_set archive_lib.archive_entry_size_is_set
#define archive_entry_symlink archive_lib.archive_entry_symlink
#define archive_entry_symlink_utf8 archive_lib.archive_entry_symlink_utf8
#define archive_entry_uid archive_lib.archive_entry_uid
#define archive_entry_xattr_next archive_lib.archive_entry_xattr_next
#define archive_entry_xattr_reset archive_lib.archive_entry_xattr_reset
#define archive_error_string archive_lib.archive_error_string
#define archive_read_data_block archive_lib.archive_read_data_block
#define archive_read_free archive_lib.archive_read_free
#define archive_read_new archive_lib.archive_read_new
#define archive_read_next_header archive_lib.archive_read_next_header
#define archive_read_open_fd archive_lib.archive_read_open_fd
#define archive_read_open_filename archive_lib.archive_read_open_filename
#define archive_read_support_filter_all archive_lib.archive_read_support_filter_all
#define archive_read_support_format_cpio archive_lib.archive_read_support_format_cpio
#define archive_read_support_format_tar archive_lib.archive_read_support_format_tar
#endif

#endif
