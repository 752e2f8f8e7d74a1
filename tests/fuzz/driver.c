/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target on files, and on all files of folders, without any fuzzer: what was found once stays found. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/io.h"
#include "tests/fuzz/fuzz.h"

static unsigned runs;

static int run_file(const char *path)
{
	char *data;
	u8 *exact;
	size_t len;

	if (io_read_file(path, 1 << 24, &data, &len)) {
		fprintf(stderr, "cannot read %s\n", path);
		return 1;
	}
	exact = malloc(len ? len : 1); /* without the NUL behind, so that a sanitizer sees one byte too far */
	if (!exact)
		return 1;
	memcpy(exact, data, len);
	free(data);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	runs++;
	return 0;
}

static int run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), ret = n < 0;

	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			ret |= run_file(file);
		free(names[i]);
	}
	free(names);
	return ret;
}

int main(int argc, char **argv)
{
	int ret = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		ret |= !stat(argv[i], &st) && S_ISDIR(st.st_mode) ? run_folder(argv[i]) : run_file(argv[i]);
	}
	printf("%u inputs\n", runs);
	return ret;
}
