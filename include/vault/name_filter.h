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

/* Whether a comma-separated list of plain names holds the name. list may be NULL. */
bool name_list_has(const char *list, const char *name, size_t len);
