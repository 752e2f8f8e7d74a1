/* SPDX-License-Identifier: GPL-2.0-or-later */
#if HAVE_ARCHIVE
#define ARCHIVE_LIB_PLAIN
#include "kernel-shared/make/archive_lib.h"

#include <dlfcn.h>
#include <errno.h>

struct archive_lib archive_lib;

int archive_lib_load(struct err *err)
{
	static const char *const names[] = { "libarchive.so.13", "libarchive.so" };
	static const struct { const char *name; size_t at; } calls[] = {
#define ARCHIVE_ROW(f) { #f, offsetof(struct archive_lib, f) },
		ARCHIVE_CALLS(ARCHIVE_ROW)
#undef ARCHIVE_ROW
	};
	void *lib = NULL;

	for (size_t i = 0; !lib && i < ARRAY_SIZE(names); i++)
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return err_set(err, -ENOENT, "archives need libarchive: %s", dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		void *f = dlsym(lib, calls[i].name);

		if (!f)
			return err_set(err, -ENOENT, "libarchive is too old: %s", dlerror());
		memcpy((char *)&archive_lib + calls[i].at, &f, sizeof(f));
	}
	return 0; /* it stays loaded */
}
#else
typedef int archive_lib_is_not_built_in;
#endif
