/*
 * A shared library that is loaded when it is needed first. Private to lib/.
 *
 * envctl starts in about a millisecond, and most of its commands need no
 * regular expressions, YAML or certificates: linking these libraries would cost
 * every command their loading. vaultd links them, so that they are there before
 * its sandbox closes, and finds them by name here.
 *
 * A user declares its functions once:
 *
 *	#define FUNCTIONS(X) X(yaml_parser_initialize) X(yaml_parser_delete)
 *	static struct { LIBRARY_POINTERS(FUNCTIONS) } yaml;
 *	static struct library library = LIBRARY_INIT("libyaml-0.so.2", "libyaml-0-2", FUNCTIONS, &yaml);
 *
 *	if (library_load(&library, err) != ERR_OK) ...
 *	yaml.yaml_parser_initialize(&parser);
 */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct library {
	const char *file;	/* soname */
	const char *package;	/* of Debian, for the error's sentence */
	const char *const *names;
	size_t names_len;
	void *functions;	/* a struct of names_len function pointers in the same order */
	pthread_mutex_t lock;
	enum { LIBRARY_NOT_TRIED, LIBRARY_LOADED, LIBRARY_MISSING } state;
};

#define LIBRARY_POINTER(name) __typeof__(&(name)) name;
#define LIBRARY_NAME(name) #name,
#define LIBRARY_POINTERS(LIST) LIST(LIBRARY_POINTER)
#define LIBRARY_INIT(file_, package_, LIST, functions_) \
	{ .file = (file_), .package = (package_), .names = (const char *const[]){ LIST(LIBRARY_NAME) }, \
	  .names_len = sizeof((const char *const[]){ LIST(LIBRARY_NAME) }) / sizeof(const char *), \
	  .functions = (functions_), .lock = PTHREAD_MUTEX_INITIALIZER }

/* Any thread. ERR_IO with a sentence that names file and package when it or a function is missing. It stays loaded. */
enum error_code library_load(struct library *library, struct error *err) must_check;
