/* Writes with kinds of variables, and settings, for the tests of parents and templates. */
#pragma once

#include "fixture.h"

struct json_value json_of(const char *text);

/* templates and unset are JSON lists, or NULL for absent. */
enum error_code write_kinds(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data,
			    const char *templates, const char *unset, struct error *err);
void must_write(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data,
		const char *templates, const char *unset);
/* ERR_INVALID with a sentence that holds the words. */
void assert_refused(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data,
		    const char *templates, const char *unset, const char *says);

enum error_code set(const struct fixture *fixture, const char *path, const char *settings, struct error *err);
void extend(const struct fixture *fixture, const char *path, const char *parents);
void assert_settings_refused(const struct fixture *fixture, const char *path, const char *settings, const char *says);
