/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The send stream, versions 1 to 3: one table of commands and attributes, a writer, a reader. Writer, reader, `receive --dump`, its JSON and the fuzzer all go
 * by the table (stream_table.c). Spec: send-stream 1 to 4. Kernel counterpart: send.h.
 *
 * A stream: header (magic, version), commands (length, number, checksum, attributes), END. Several subvolumes may share one header and one END; several
 * streams may follow each other. */
#ifndef SEND_STREAM_H
#define SEND_STREAM_H

#include "common/endian.h"
#include "common/err.h"
#include "common/strbuf.h"

#define SEND_MAGIC "btrfs-stream" /* with its NUL: 13 bytes */
enum {
	SEND_VERSION_MAX = 3,
	SEND_HEADER_SIZE = 17, SEND_CMD_HEADER_SIZE = 10,
	SEND_CMD_MAX_V1 = 64 << 10,          /* the largest command accepted or written in version 1, its header included */
	SEND_CMD_MAX_V2 = 4 << 20,           /* and in versions 2 and 3 */
	SEND_WRITE_V1 = 48 << 10,            /* bytes of data in a WRITE that every receiver takes */
	SEND_WRITE_V2 = 128 << 10,
	SEND_ENCODED_MAX = 128 << 10,        /* payload of ENCODED_WRITE, and its length decoded */
	SEND_PATH_MAX = 4096,                /* paths are shorter */
};

enum send_cmd_id {
	SEND_C_UNSPEC, SEND_C_SUBVOL, SEND_C_SNAPSHOT, SEND_C_MKFILE, SEND_C_MKDIR, SEND_C_MKNOD, SEND_C_MKFIFO, SEND_C_MKSOCK, SEND_C_SYMLINK,
	SEND_C_RENAME, SEND_C_LINK, SEND_C_UNLINK, SEND_C_RMDIR, SEND_C_SET_XATTR, SEND_C_REMOVE_XATTR, SEND_C_WRITE, SEND_C_CLONE, SEND_C_TRUNCATE,
	SEND_C_CHMOD, SEND_C_CHOWN, SEND_C_UTIMES, SEND_C_END, SEND_C_UPDATE_EXTENT, SEND_C_FALLOCATE, SEND_C_FILEATTR, SEND_C_ENCODED_WRITE,
	SEND_C_ENABLE_VERITY, SEND_CMDS
};
enum send_attr_id {
	SEND_A_UNSPEC, SEND_A_UUID, SEND_A_CTRANSID, SEND_A_INO, SEND_A_SIZE, SEND_A_MODE, SEND_A_UID, SEND_A_GID, SEND_A_RDEV, SEND_A_CTIME, SEND_A_MTIME,
	SEND_A_ATIME, SEND_A_OTIME, SEND_A_XATTR_NAME, SEND_A_XATTR_DATA, SEND_A_PATH, SEND_A_PATH_TO, SEND_A_PATH_LINK, SEND_A_FILE_OFFSET, SEND_A_DATA,
	SEND_A_CLONE_UUID, SEND_A_CLONE_CTRANSID, SEND_A_CLONE_PATH, SEND_A_CLONE_OFFSET, SEND_A_CLONE_LEN, SEND_A_FALLOCATE_MODE, SEND_A_FILEATTR,
	SEND_A_UNENCODED_FILE_LEN, SEND_A_UNENCODED_LEN, SEND_A_UNENCODED_OFFSET, SEND_A_COMPRESSION, SEND_A_ENCRYPTION, SEND_A_VERITY_ALGORITHM,
	SEND_A_VERITY_BLOCK_SIZE, SEND_A_VERITY_SALT_DATA, SEND_A_VERITY_SIG_DATA, SEND_ATTRS
};

/* --- the table --- */

enum send_type { SEND_T_U8, SEND_T_U32, SEND_T_U64, SEND_T_UUID, SEND_T_TIME /* LE64 seconds, LE32 nanoseconds */, SEND_T_STRING, SEND_T_BYTES };
struct send_attr_row {
	const char *name;        /* lower case */
	u8 type;                 /* enum send_type */
	u8 version;              /* the first that has it */
};
/* What a string attribute holds depends on the command. */
enum send_text {
	SEND_PATH = 1,           /* components of 1 to 255 bytes, none of them "." or "..", below SEND_PATH_MAX in all */
	SEND_PATH_ROOT,          /* the same, or empty: the subvolume's root */
	SEND_NAME,               /* one component */
	SEND_TEXT,               /* any bytes but NUL, 1 to SEND_PATH_MAX - 1: what a symlink holds */
};
struct send_use { u8 attr; bool optional; u8 text /* enum send_text */; };
/* One field of what `receive --dump` prints behind the path. */
enum send_show { SEND_SHOW_DEC, SEND_SHOW_OCT, SEND_SHOW_HEX, SEND_SHOW_LEN, SEND_SHOW_TEXT, SEND_SHOW_PATH /* below the subvolume */, SEND_SHOW_UUID, SEND_SHOW_TIME };
struct send_detail { const char *label; u8 attr, show; };
struct send_cmd_row {
	const char *name;        /* lower case: the title in dumps and messages */
	u8 version;
	struct send_use use[9];  /* in the order in which they are written; attr 0 ends */
	struct send_detail detail[8]; /* label NULL ends */
};
extern const struct send_attr_row send_attr_rows[SEND_ATTRS]; /* [0]: name NULL */
extern const struct send_cmd_row send_cmd_rows[SEND_CMDS];
/* NULL for numbers that no version knows. */
static inline const struct send_cmd_row *send_cmd_row(unsigned id) { return id < SEND_CMDS && send_cmd_rows[id].name ? &send_cmd_rows[id] : NULL; }
/* Bytes of a value of fixed size, 0 for the others. */
unsigned send_type_size(unsigned type);

/* --- where a stream can go on --- */

/* A place between two commands of a stream and what was being received there. As text: "VERSION:OFFSET:COMMAND:UUID". What follows the place is the same bytes
 * in the stream and in what `send --resume` prints: a continuation has no header of its own, so that both parts joined are the stream. */
struct send_token {
	u32 version;             /* of the stream */
	u64 offset;              /* bytes from the first header to the next command */
	u64 command;             /* commands before it, since the first header */
	u8 uuid[16];             /* SUBVOL's or SNAPSHOT's UUID */
};
void send_token_text(const struct send_token *t, struct strbuf *out);
int send_token_parse(const char *text, struct send_token *out, struct err *err); /* -EINVAL */

/* --- writing --- */

/* Commands are built in a buffer and handed on when it is nearly full and at send_flush. A failure (a value that does not fit its attribute or the command's
 * limit: -EMSGSIZE; no memory; what the sink said) stays; later calls do nothing and return it.
 *
 *     send_begin(w, SEND_C_TRUNCATE); send_str(w, SEND_A_PATH, path, len); send_u64(w, SEND_A_SIZE, size); ret = send_end(w); */
typedef int (*send_sink)(void *arg, const void *p, size_t n);
struct send_writer {
	unsigned version;
	send_sink sink;          /* NULL: nothing is handed on, the buffer grows */
	void *arg;
	u8 *buf;
	size_t len, cap, start;  /* start: of the command being built */
	u64 offset;              /* bytes handed on so far: offset + start is the place of the command being built */
	u64 commands;            /* ended so far */
	int error;
	bool data;               /* DATA was put: in versions 2 and 3 nothing may follow */
};
/* No header is written yet: see send_header. version: 1 to 3. */
int send_writer_init(struct send_writer *w, unsigned version, send_sink sink, void *arg);
void send_writer_fini(struct send_writer *w);   /* does not flush */
int send_header(struct send_writer *w);
void send_begin(struct send_writer *w, enum send_cmd_id cmd);
void send_u64(struct send_writer *w, enum send_attr_id attr, u64 v);  /* also the narrower numbers; -EMSGSIZE if v does not fit */
void send_bytes(struct send_writer *w, enum send_attr_id attr, const void *p, size_t n); /* strings, uuids, bytes */
void send_time(struct send_writer *w, enum send_attr_id attr, s64 sec, u32 nsec);
/* DATA, which must come last: room for n bytes that the caller fills before send_end (a read goes straight into the stream). NULL on failure. */
void *send_data(struct send_writer *w, size_t n);
/* Sets length and checksum. */
int send_end(struct send_writer *w);
/* Whole commands that another writer of the same version built (sink NULL); they can be built on any thread. from is emptied. */
int send_append(struct send_writer *w, struct send_writer *from);
int send_flush(struct send_writer *w);

/* --- reading --- */

struct send_value { const u8 *p; u32 len; };
struct send_cmd {
	unsigned id;
	const struct send_cmd_row *row;
	u64 offset;              /* of its header, from the first byte of the input (of the stream, where reading goes on from a token) */
	u64 number;              /* commands before it */
	u32 size;                /* header included */
	u64 have;                /* bit i: attribute i is there */
	struct send_value v[SEND_ATTRS]; /* borrowed until the next command; not NUL-terminated */
};
static inline bool send_has(const struct send_cmd *c, unsigned attr) { return c->have >> attr & 1; }
/* A number of 1, 4 or 8 bytes; 0 when it is not there. */
static inline u64 send_num(const struct send_cmd *c, unsigned attr)
{
	const struct send_value *v = &c->v[attr];

	return !send_has(c, attr) ? 0 : v->len == 8 ? get_le64(v->p) : v->len == 4 ? get_le32(v->p) : v->p[0];
}

/* Where bytes come from: as read(2), -errno for failure. */
typedef ssize_t (*send_read)(void *arg, void *buf, size_t len);
struct send_reader;
enum {
	SEND_LENIENT = 1,        /* only the form is checked, not what paths and numbers say: for showing a stream */
};
/* token NULL: from the start. Otherwise the first command delivered is the one at token; the input is the whole stream (what precedes is read and checked) or a
 * continuation. */
int send_reader_new(struct send_reader **out, send_read read, void *arg, unsigned flags, const struct send_token *token, struct err *err);
void send_reader_free(struct send_reader *r);
/* The header of the next stream; before the first command and after each END. 0; -ENODATA: the input ends here; -EPROTO: no header, or a version that is not
 * known, or (with a token) a stream that does not have that place; what read said. */
int send_reader_header(struct send_reader *r, struct err *err);
unsigned send_reader_version(const struct send_reader *r);
/* The next command, checked: length, checksum, attributes by the table (number, version, size, no two alike), those required present, the order (SUBVOL or
 * SNAPSHOT first), and, unless SEND_LENIENT, what the values say: send_cmd_check. -EPROTO (malformed; the input ends within or before a command), -EBADMSG
 * (checksum), what read said; err names offset and command. After a failure nothing more can be read. */
int send_reader_next(struct send_reader *r, struct send_cmd *out, struct err *err);
/* Where the last command delivered began (token.uuid: of the subvolume begun before it; zero if none was), or where the next one does. */
void send_reader_here(const struct send_reader *r, bool next, struct send_token *out);
/* What the values of a command say: names, paths, offsets and lengths within bounds, times, owners, device numbers, encodings. -EPROTO. */
int send_cmd_check(const struct send_cmd *c, struct err *err);

#endif
