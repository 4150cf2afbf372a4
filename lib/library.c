#include "library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

static enum error_code missing(const struct library *library, struct error *err)
{
	return error_set(err, ERR_IO, "this needs %s (Debian: apt install %s)", library->file, library->package);
}

static bool find_functions(struct library *library, void *handle)
{
	for (size_t i = 0; i < library->names_len; i++) {
		void *function = dlsym(handle, library->names[i]);

		if (!function)
			return false;
		/* POSIX lets a pointer from dlsym() be a function's; C only by its bytes. */
		memcpy((char *)library->functions + i * sizeof(function), &function, sizeof(function));
	}
	return true;
}

enum error_code library_load(struct library *library, struct error *err)
{
	bool loaded;

	pthread_mutex_lock(&library->lock);
	if (library->state == LIBRARY_NOT_TRIED) {
		void *handle = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);

		library->state = handle && find_functions(library, handle) ? LIBRARY_LOADED : LIBRARY_MISSING;
	}
	loaded = library->state == LIBRARY_LOADED;
	pthread_mutex_unlock(&library->lock);
	return loaded ? ERR_OK : missing(library, err);
}
