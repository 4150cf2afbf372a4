/*
 * Which variables are meant: the globs of --only and --except.
 *
 * A name is taken when it matches one of the only-globs (or there are none) and
 * none of the except-globs. Each given text may hold several globs, parted by
 * commas. '*' and '?' are the only wildcards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FILTER_GLOBS_MAX 64

struct name_filter {
	const char *only[FILTER_GLOBS_MAX];
	size_t only_len;
	const char *except[FILTER_GLOBS_MAX];
	size_t except_len;
};

bool name_filter_takes(const struct name_filter *filter, const char *name, size_t len);

typedef bool name_known(const void *arg, const char *name, size_t len);
/* The first text of --only without a wildcard that known() does not know, ret_len bytes of it; NULL when there is none. */
const char *name_filter_missing(const struct name_filter *filter, name_known *known, const void *arg, size_t *ret_len);

/* Whether a comma-separated list of plain names holds the name. list may be NULL. */
bool name_list_has(const char *list, const char *name, size_t len);
