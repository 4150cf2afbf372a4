/*
 * What a valid name is, decided once.
 *
 * An environment's path is 1 to 8 segments joined by '/', each
 * [A-Za-z0-9_][A-Za-z0-9._-]{0,126}; case matters. struct env_path is made only
 * by env_path_parse(): whatever holds one holds a valid path, and policy and
 * storage accept nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/limits.h"

struct env_path {
	uint16_t len;
	char text[LIMIT_ENV_PATH_LEN + 1];	/* with a NUL */
};

/* ERR_INVALID with a sentence that names the rule that was broken. */
enum error_code env_path_parse(const char *text, size_t len, struct env_path *ret, struct error *err) must_check;

/* [A-Za-z_][A-Za-z0-9_]*: a name that a process environment can carry everywhere. */
bool variable_name_is_portable(const char *name, size_t len);

/* 1 to LIMIT_VARIABLE_NAME_LEN bytes of UTF-8 without NUL: a name that can be stored. */
bool variable_name_is_storable(const char *name, size_t len);

/* For messages: cut to fit size (at least 4, with its NUL), "..." at its end then. A name may come from a damaged file: only
 * printable ASCII goes to a terminal, ? stands for all else. */
void variable_name_for_print(char *ret, size_t size, const char *name, size_t len);

/* How a variable's name is treated by `run` (design: no loader or shell hooks from a vault). */
enum name_danger { NAME_HARMLESS, NAME_WARN, NAME_REFUSED };
enum name_danger variable_name_danger(const char *name, size_t len);

/* fnmatch-like: '*' and '?' only. For --only and --except. */
bool name_matches_glob(const char *glob, const char *name, size_t len);

/* Valid UTF-8 without surrogates and over-long forms. NUL is allowed. */
bool utf8_is_valid(const char *text, size_t len);

/* For what is shown to people: the length of the character at the front of text[0..len), 0 when there is none, but a byte that
 * is no part of a valid character. *ret_acts: it could act on a terminal or on how the rest is read: a control character
 * (U+0000 to U+001F, U+007F to U+009F), an end of line or paragraph (U+2028, U+2029), or one that turns the direction of writing
 * (U+202A to U+202E, U+2066 to U+2069). */
size_t utf8_shown_len(const char *text, size_t len, bool *ret_acts);

/* Levenshtein distance, for did-you-mean; texts over 255 bytes give SIZE_MAX. */
size_t name_distance(const char *a, const char *b);
