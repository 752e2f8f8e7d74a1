/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the values of a command say. Spec: send-stream 4.3. */
#include "kernel-shared/send/stream.h"

#include <sys/stat.h>

static int bad(struct err *err, const char *what)
{
	return err_set(err, -EPROTO, "%s", what);
}

static int check_component(const u8 *p, size_t len, struct err *err)
{
	if (!len)
		return bad(err, "an empty component in a path");
	if (len > 255)
		return bad(err, "a component longer than 255 bytes in a path");
	if (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')))
		return bad(err, "\".\" or \"..\" in a path");
	return 0;
}

static int check_text(const struct send_value *v, unsigned text, struct err *err)
{
	const u8 *p = v->p, *end = v->p + v->len;

	if (!v->len)
		return text == SEND_PATH_ROOT ? 0 : bad(err, "an empty path or name");
	if (v->len >= SEND_PATH_MAX)
		return bad(err, "a path of 4096 bytes or more");
	if (memchr(p, 0, v->len))
		return bad(err, "a NUL byte in a path or name");
	if (text == SEND_TEXT)
		return 0;
	if (text == SEND_NAME && memchr(p, '/', v->len))
		return bad(err, "a slash in the name of a subvolume");
	if (*p == '/')
		return bad(err, "an absolute path");
	for (;;) {
		const u8 *slash = memchr(p, '/', end - p);
		int ret = check_component(p, (slash ? slash : end) - p, err);

		if (ret || !slash)
			return ret;
		p = slash + 1;
	}
}

/* [offset, offset + len) within what a file can have. */
static int check_range(const struct send_cmd *c, unsigned offset, u64 len, struct err *err)
{
	u64 from = send_num(c, offset);

	return from > INT64_MAX || len > INT64_MAX - from ? bad(err, "a range beyond the largest file") : 0;
}

static int check_time(const struct send_cmd *c, unsigned attr, struct err *err)
{
	return send_has(c, attr) && get_le32(c->v[attr].p + 8) >= 1000000000 ? bad(err, "a time with too many nanoseconds") : 0;
}

static int check_encoded(const struct send_cmd *c, struct err *err)
{
	u64 len = send_num(c, SEND_A_UNENCODED_LEN), skip = send_num(c, SEND_A_UNENCODED_OFFSET), file_len = send_num(c, SEND_A_UNENCODED_FILE_LEN);
	u64 compression = send_num(c, SEND_A_COMPRESSION);

	if (send_num(c, SEND_A_ENCRYPTION))
		return bad(err, "encrypted data");
	if (!compression || compression > 7)
		return bad(err, "an unknown compression");
	if (!c->v[SEND_A_DATA].len || c->v[SEND_A_DATA].len > SEND_ENCODED_MAX)
		return bad(err, "no encoded data, or more than 128 KiB of it");
	if (!len || len > SEND_ENCODED_MAX)
		return bad(err, "encoded data that decodes to nothing, or to more than 128 KiB");
	if (skip > len || !file_len || file_len > len - skip)
		return bad(err, "a part beyond the end of decoded data");
	return check_range(c, SEND_A_FILE_OFFSET, file_len, err);
}

static int check_mode(const struct send_cmd *c, struct err *err)
{
	u64 mode = send_num(c, SEND_A_MODE);

	if (mode > 0177777)
		return bad(err, "a mode of more than 16 bits");
	if (c->id != SEND_C_MKNOD)
		return 0;
	if (send_num(c, SEND_A_RDEV) > UINT32_MAX)
		return bad(err, "a device number of more than 32 bits");
	return S_ISCHR(mode) || S_ISBLK(mode) ? 0 : bad(err, "a device that is neither a character nor a block device");
}

static int check_verity(const struct send_cmd *c, struct err *err)
{
	u64 size = send_num(c, SEND_A_VERITY_BLOCK_SIZE);

	if (!is_p2(size) || size < 1024 || size > 65536)
		return bad(err, "an impossible fs-verity block size");
	return c->v[SEND_A_VERITY_SALT_DATA].len > 32 ? bad(err, "an fs-verity salt of more than 32 bytes") : 0;
}

static int check_numbers(const struct send_cmd *c, struct err *err)
{
	int ret = 0;

	switch (c->id) {
	case SEND_C_MKNOD: case SEND_C_MKFIFO: case SEND_C_MKSOCK: case SEND_C_CHMOD:
		return check_mode(c, err);
	case SEND_C_CHOWN:
		/* The last one means "unchanged" to the system call. */
		return send_num(c, SEND_A_UID) >= UINT32_MAX || send_num(c, SEND_A_GID) >= UINT32_MAX ? bad(err, "an impossible owner") : 0;
	case SEND_C_UTIMES:
		for (unsigned i = SEND_A_CTIME; i <= SEND_A_OTIME && !ret; i++)
			ret = check_time(c, i, err);
		return ret;
	case SEND_C_WRITE:
		return check_range(c, SEND_A_FILE_OFFSET, c->v[SEND_A_DATA].len, err);
	case SEND_C_TRUNCATE:
		return send_num(c, SEND_A_SIZE) > INT64_MAX ? bad(err, "a size beyond the largest file") : 0;
	case SEND_C_UPDATE_EXTENT: case SEND_C_FALLOCATE:
		return check_range(c, SEND_A_FILE_OFFSET, send_num(c, SEND_A_SIZE), err);
	case SEND_C_CLONE:
		if (!send_num(c, SEND_A_CLONE_LEN))
			return bad(err, "a clone of no bytes");
		ret = check_range(c, SEND_A_FILE_OFFSET, send_num(c, SEND_A_CLONE_LEN), err);
		return ret ? ret : check_range(c, SEND_A_CLONE_OFFSET, send_num(c, SEND_A_CLONE_LEN), err);
	case SEND_C_ENCODED_WRITE:
		return check_encoded(c, err);
	case SEND_C_ENABLE_VERITY:
		return check_verity(c, err);
	default:
		return 0;
	}
}

int send_cmd_check(const struct send_cmd *c, struct err *err)
{
	for (const struct send_use *u = c->row->use; u < c->row->use + ARRAY_SIZE(c->row->use) && u->attr; u++) {
		int ret = u->text && send_has(c, u->attr) ? check_text(&c->v[u->attr], u->text, err) : 0;

		if (!ret && u->attr == SEND_A_XATTR_NAME && c->v[u->attr].len > 255)
			ret = bad(err, "the name of an extended attribute longer than 255 bytes");
		if (ret)
			return ret;
	}
	return check_numbers(c, err);
}
