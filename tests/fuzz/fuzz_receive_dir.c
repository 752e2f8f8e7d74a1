/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive --to-directory: whatever the stream, nothing appears or changes beside the directory. Input: streamgen.h. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/receive/hostdir.h"
#include "cmds/receive/receive.h"
#include "common/io.h"
#include "tests/fuzz/streamgen.h"

static char world[64], dest[128];
static struct stat secret;

static void put_secret(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/secret", world);
	fd = open(path, O_CREAT | O_RDWR, 0640);
	if (fd < 0 || io_write(fd, "secret", 6) || fstat(fd, &secret))
		abort();
	close(fd);
}

static void begin_world(void)
{
	if (*world)
		return;
	strcpy(world, access("/dev/shm", W_OK) ? "/tmp/fuzz-XXXXXX" : "/dev/shm/fuzz-XXXXXX");
	if (!mkdtemp(world))
		abort();
	snprintf(dest, sizeof(dest), "%s/in", world);
	if (mkdir(dest, 0700))
		abort();
	put_secret();
}

static int known(void *arg, int dir, const char *name)
{
	return strcmp(name, "in") && strcmp(name, "secret");
}

static int complete(void *arg, int dir, const char *name)
{
	size_t len = strlen(name);

	*(unsigned *)arg += len < 8 || strcmp(name + len - 8, APPLY_PARTIAL);
	return 0;
}

static void end_world(int ret)
{
	int w = open(world, O_RDONLY | O_DIRECTORY), d = open(dest, O_RDONLY | O_DIRECTORY);
	unsigned whole = 0;
	struct stat st;

	if (w < 0 || d < 0 || hostdir_each(w, known, NULL) || fstatat(w, "secret", &st, 0) || st.st_size != 6 || st.st_mtime != secret.st_mtime ||
	    st.st_ctim.tv_nsec != secret.st_ctim.tv_nsec || st.st_mode != secret.st_mode || st.st_nlink != 1)
		abort();
	hostdir_each(d, complete, &whole);
	if (!ret && !whole)
		abort();
	if (hostdir_empty(d))
		abort();
	close(w);
	close(d);
}

static void remove_world(void)
{
	char path[128];

	if (!*world)
		return;
	snprintf(path, sizeof(path), "%s/secret", world);
	unlink(path);
	rmdir(dest);
	rmdir(world);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct receive_args args = { .max_errors = 1 };
	struct env env;
	struct out out;
	struct cmd_ctx ctx = { .env = &env, .out = &out, .verbosity = 0, .progress = 2 };
	struct receive rc = { .ctx = &ctx, .args = &args, .apply = { .max_errors = 1 } };
	struct send_writer w;
	int fd = memfd_create("stream", MFD_CLOEXEC);

	if (size < 2 || fd < 0) {
		close(fd);
		return 0;
	}
	if (!*world)
		atexit(remove_world);
	begin_world();
	gen_stream(&w, data + 1, size - 1);
	args.keep = data[0] & 1;
	args.max_errors = rc.apply.max_errors = data[0] & 2 ? 0 : 1;
	rc.apply.one = data[0] & 4;
	env_init(&env);
	out_init(&out, STDOUT_FILENO);
	rc.dest = dest;
	rc.input = (struct send_read_from){ .fd = fd, .env = &env };
	if (!io_write(fd, w.buf, w.len) && !lseek(fd, 0, SEEK_SET))
		end_world(receive_directory(&rc));
	close(fd);
	out_fini(&out);
	env_fini(&env);
	send_writer_fini(&w);
	return 0;
}
