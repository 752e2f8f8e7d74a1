/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands and attributes of the stream. Spec: send-stream 2, 3, 9. */
#include "kernel-shared/send/stream.h"

#define A(id, name, type, version) [SEND_A_##id] = { name, SEND_T_##type, version }
const struct send_attr_row send_attr_rows[SEND_ATTRS] = {
	A(UUID, "uuid", UUID, 1), A(CTRANSID, "ctransid", U64, 1), A(INO, "ino", U64, 1), A(SIZE, "size", U64, 1), A(MODE, "mode", U64, 1),
	A(UID, "uid", U64, 1), A(GID, "gid", U64, 1), A(RDEV, "rdev", U64, 1), A(CTIME, "ctime", TIME, 1), A(MTIME, "mtime", TIME, 1),
	A(ATIME, "atime", TIME, 1), A(OTIME, "otime", TIME, 1), A(XATTR_NAME, "xattr_name", STRING, 1), A(XATTR_DATA, "xattr_data", BYTES, 1),
	A(PATH, "path", STRING, 1), A(PATH_TO, "path_to", STRING, 1), A(PATH_LINK, "path_link", STRING, 1), A(FILE_OFFSET, "file_offset", U64, 1),
	A(DATA, "data", BYTES, 1), A(CLONE_UUID, "clone_uuid", UUID, 1), A(CLONE_CTRANSID, "clone_ctransid", U64, 1),
	A(CLONE_PATH, "clone_path", STRING, 1), A(CLONE_OFFSET, "clone_offset", U64, 1), A(CLONE_LEN, "clone_len", U64, 1),
	A(FALLOCATE_MODE, "fallocate_mode", U32, 2), A(FILEATTR, "fileattr", U64, 2), A(UNENCODED_FILE_LEN, "unencoded_file_len", U64, 2),
	A(UNENCODED_LEN, "unencoded_len", U64, 2), A(UNENCODED_OFFSET, "unencoded_offset", U64, 2), A(COMPRESSION, "compression", U32, 2),
	A(ENCRYPTION, "encryption", U32, 2), A(VERITY_ALGORITHM, "verity_algorithm", U8, 3), A(VERITY_BLOCK_SIZE, "verity_block_size", U32, 3),
	A(VERITY_SALT_DATA, "verity_salt_data", BYTES, 3), A(VERITY_SIG_DATA, "verity_sig_data", BYTES, 3),
};

/* What a command carries. */
#define U(id) { SEND_A_##id, false, 0 }
#define OPTIONAL(id) { SEND_A_##id, true, 0 }
#define PATH { SEND_A_PATH, false, SEND_PATH }
#define ROOT_PATH { SEND_A_PATH, false, SEND_PATH_ROOT }
#define NAME { SEND_A_PATH, false, SEND_NAME }
#define STRING(id, text) { SEND_A_##id, false, text }
/* What a dump shows of it. */
#define D(label, id, show) { label, SEND_A_##id, SEND_SHOW_##show }

const struct send_cmd_row send_cmd_rows[SEND_CMDS] = {
	[SEND_C_SUBVOL] = { "subvol", 1, { NAME, U(UUID), U(CTRANSID) }, { D("uuid=", UUID, UUID), D("transid=", CTRANSID, DEC) } },
	[SEND_C_SNAPSHOT] = { "snapshot", 1, { NAME, U(UUID), U(CTRANSID), U(CLONE_UUID), U(CLONE_CTRANSID) },
		{ D("uuid=", UUID, UUID), D("transid=", CTRANSID, DEC), D("parent_uuid=", CLONE_UUID, UUID), D("parent_transid=", CLONE_CTRANSID, DEC) } },
	[SEND_C_MKFILE] = { "mkfile", 1, { PATH, U(INO) }, { { 0 } } },
	[SEND_C_MKDIR] = { "mkdir", 1, { PATH, U(INO) }, { { 0 } } },
	[SEND_C_MKNOD] = { "mknod", 1, { PATH, U(INO), U(RDEV), U(MODE) }, { D("mode=", MODE, OCT), D("dev=0x", RDEV, HEX) } },
	[SEND_C_MKFIFO] = { "mkfifo", 1, { PATH, U(INO), OPTIONAL(RDEV), OPTIONAL(MODE) }, { { 0 } } },
	[SEND_C_MKSOCK] = { "mksock", 1, { PATH, U(INO), OPTIONAL(RDEV), OPTIONAL(MODE) }, { { 0 } } },
	[SEND_C_SYMLINK] = { "symlink", 1, { PATH, U(INO), STRING(PATH_LINK, SEND_TEXT) }, { D("dest=", PATH_LINK, TEXT) } },
	[SEND_C_RENAME] = { "rename", 1, { PATH, STRING(PATH_TO, SEND_PATH) }, { D("dest=", PATH_TO, PATH) } },
	[SEND_C_LINK] = { "link", 1, { PATH, STRING(PATH_LINK, SEND_PATH) }, { D("dest=", PATH_LINK, TEXT) } },
	[SEND_C_UNLINK] = { "unlink", 1, { PATH }, { { 0 } } },
	[SEND_C_RMDIR] = { "rmdir", 1, { PATH }, { { 0 } } },
	[SEND_C_SET_XATTR] = { "set_xattr", 1, { ROOT_PATH, STRING(XATTR_NAME, SEND_TEXT), U(XATTR_DATA) },
		{ D("name=", XATTR_NAME, TEXT), D("", XATTR_DATA, TEXT), D("len=", XATTR_DATA, LEN) } },
	[SEND_C_REMOVE_XATTR] = { "remove_xattr", 1, { ROOT_PATH, STRING(XATTR_NAME, SEND_TEXT) }, { D("name=", XATTR_NAME, TEXT) } },
	[SEND_C_WRITE] = { "write", 1, { PATH, U(FILE_OFFSET), U(DATA) }, { D("offset=", FILE_OFFSET, DEC), D("len=", DATA, LEN) } },
	[SEND_C_CLONE] = { "clone", 1, { U(FILE_OFFSET), U(CLONE_LEN), PATH, U(CLONE_UUID), U(CLONE_CTRANSID), STRING(CLONE_PATH, SEND_PATH), U(CLONE_OFFSET) },
		{ D("offset=", FILE_OFFSET, DEC), D("len=", CLONE_LEN, DEC), D("from=", CLONE_PATH, PATH), D("clone_offset=", CLONE_OFFSET, DEC) } },
	[SEND_C_TRUNCATE] = { "truncate", 1, { PATH, U(SIZE) }, { D("size=", SIZE, DEC) } },
	[SEND_C_CHMOD] = { "chmod", 1, { ROOT_PATH, U(MODE) }, { D("mode=", MODE, OCT) } },
	[SEND_C_CHOWN] = { "chown", 1, { ROOT_PATH, U(UID), U(GID) }, { D("gid=", GID, DEC), D("uid=", UID, DEC) } },
	[SEND_C_UTIMES] = { "utimes", 1, { ROOT_PATH, U(ATIME), U(MTIME), U(CTIME), OPTIONAL(OTIME) },
		{ D("atime=", ATIME, TIME), D("mtime=", MTIME, TIME), D("ctime=", CTIME, TIME) } },
	[SEND_C_END] = { "end", 1, { { 0 } }, { { 0 } } },
	[SEND_C_UPDATE_EXTENT] = { "update_extent", 1, { PATH, U(FILE_OFFSET), U(SIZE) }, { D("offset=", FILE_OFFSET, DEC), D("len=", SIZE, DEC) } },
	[SEND_C_FALLOCATE] = { "fallocate", 2, { PATH, U(FALLOCATE_MODE), U(FILE_OFFSET), U(SIZE) },
		{ D("mode=", FALLOCATE_MODE, DEC), D("offset=", FILE_OFFSET, DEC), D("len=", SIZE, DEC) } },
	/* A decimal number behind "0x", as ever. */
	[SEND_C_FILEATTR] = { "fileattr", 2, { ROOT_PATH, U(FILEATTR) }, { D("fileattr=0x", FILEATTR, DEC) } },
	[SEND_C_ENCODED_WRITE] = { "encoded_write", 2, { PATH, U(FILE_OFFSET), U(UNENCODED_FILE_LEN), U(UNENCODED_LEN), U(UNENCODED_OFFSET), OPTIONAL(COMPRESSION),
			OPTIONAL(ENCRYPTION), U(DATA) },
		{ D("offset=", FILE_OFFSET, DEC), D("len=", DATA, LEN), D("unencoded_file_len=", UNENCODED_FILE_LEN, DEC), D("unencoded_len=", UNENCODED_LEN, DEC),
		  D("unencoded_offset=", UNENCODED_OFFSET, DEC), D("compression=", COMPRESSION, DEC), D("encryption=", ENCRYPTION, DEC) } },
	[SEND_C_ENABLE_VERITY] = { "enable_verity", 3, { PATH, U(VERITY_ALGORITHM), U(VERITY_BLOCK_SIZE), U(VERITY_SALT_DATA), U(VERITY_SIG_DATA) },
		{ D("algorithm=", VERITY_ALGORITHM, DEC), D("block_size=", VERITY_BLOCK_SIZE, DEC), D("salt_len=", VERITY_SALT_DATA, LEN),
		  D("sig_len=", VERITY_SIG_DATA, LEN) } },
};

unsigned send_type_size(unsigned type)
{
	static const u8 sizes[] = { [SEND_T_U8] = 1, [SEND_T_U32] = 4, [SEND_T_U64] = 8, [SEND_T_UUID] = 16, [SEND_T_TIME] = 12, [SEND_T_STRING] = 0, [SEND_T_BYTES] = 0 };

	return sizes[type];
}
