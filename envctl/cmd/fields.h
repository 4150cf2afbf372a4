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
	FIELD_TEXT,
	FIELD_NUMBER,	/* whole; left out of the columns when it is 0 */
	FIELD_DURATION, /* seconds, shown as "1h30m0s"; 0 is "never ends" */
	FIELD_FLAG,	/* "yes", "no" */
	FIELD_LIST,	/* of texts, parted by commas */
	FIELD_MAP,	/* of texts: "a=b, c=d"; left out of the columns when it is empty */
	FIELD_SECRET,	/* a text that only --field and --json show */
};

struct field_row {
	const char *name;   /* for people and --field: "display_name" */
	const char *member; /* of the answer */
	enum field_kind kind;
};

/* As --json, --field or neither of them say; writes standard output. ERR_USAGE: --field names none of the rows, or both
 * were given. */
enum error_code fields_print(const struct invocation *inv, const struct field_row *rows, size_t rows_len,
			     const struct json_value *object, struct error *err) must_check;
/* The columns only. */
void fields_append(const struct field_row *rows, size_t rows_len, const struct json_value *object,
		   struct secret_buf *out);
