/*
 * What sets of policies decide. A row is a set in the short form of
 * acl_notation.h and what is asked of it, one line each:
 * "<capability> <path> <+ allowed or . denied> <pattern that decides, or none>".
 */
#pragma once

struct acl_case {
	const char *rules, *checks;
};

extern const struct acl_case acl_cases[];
extern const unsigned acl_cases_len;
