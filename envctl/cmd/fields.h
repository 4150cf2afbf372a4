/*
 * What an answer says about one thing, such as a token: two columns for
 * people, its JSON, or one member alone for scripts (--field).
 */
#pragma once

#include <stddef.h>

#include "client/answer.h"
#include "cmd/commands.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

enum field_kind {
	FIELD_TEXT,	/* left out of the columns when it is empty */
	FIELD_NUMBER,	/* whole; left out of the columns when it is 0 */
	FIELD_DURATION, /* seconds, shown as "1h30m0s"; 0 is "never ends" */
	FIELD_FLAG,	/* "yes", "no" */
	FIELD_LIST,	/* of texts, parted by commas */
	FIELD_MAP,	/* of texts: "a=b, c=d"; left out of the columns when it is empty */
};

struct field_row {
	const char *name;   /* for people and --field: "display_name" */
	const char *member; /* of the answer */
	enum field_kind kind;
};

/* Before anything is asked for or changed. ERR_USAGE: --field names none of the rows, or --json is given as well. */
enum error_code fields_check(const struct invocation *inv, const struct field_row *rows, size_t rows_len,
			     struct error *err) must_check;
/* As --json, --field or neither of them say; writes standard output. hidden: a member that --json leaves out, such as
 * the token's own text; or NULL. */
enum error_code fields_print(const struct invocation *inv, const struct field_row *rows, size_t rows_len,
			     const struct json_value *object, const char *hidden, struct error *err) must_check;
/* The columns only. */
void fields_append(const struct field_row *rows, size_t rows_len, const struct json_value *object,
		   struct secret_buf *out);
