/*
 * @import of a schema's file: the files beside it that it names.
 *
 * Every file that is read lies in the directory of the first one or below, and is reached without symbolic links, so that a
 * schema from elsewhere makes nobody read what lies elsewhere. At most LIMIT_SCHEMA_PARTS files with the first one, each of them
 * at most LIMIT_SCHEMA_TEXT bytes, SCHEMA_IMPORT_DEPTH deep.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cmd/finding_list.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/limits.h"
#include "vault/schema.h"
#include "vault/secret_buf.h"

#define SCHEMA_IMPORT_DEPTH 8	/* imports of imports */

struct schema_source {
	struct schema *schema;
	struct secret_buf *text;
	const char *file;	/* as findings have it; the finding list's */
};

/* Those that count together, as schema_part has it: the first file stands last. */
struct schema_sources {
	struct schema_source items[LIMIT_SCHEMA_PARTS];
	size_t len;
	bool is_broken;		/* there is an error in the list, and not all of them are here */
};

void schema_sources_free(struct schema_sources *sources);

/* file: where text, which is taken over, was read from; - is standard input, whose imports are errors. What is wrong with the
 * schemas and with their imports goes into list, which must live longer. */
enum error_code schema_sources_read(const char *file, struct secret_buf **text, struct finding_list *list,
				    struct schema_sources *ret, struct error *err) must_check;

/* The text of a file to send: as it is, or with what it imports put in (schema_join()). ERR_INVALID names the first error of an
 * import, or an imported file that holds values by its name. *ret_joined: lines of findings are of that text, not of the file. A text
 * that is no schema is not judged here. */
enum error_code schema_file_read(const char *file, struct secret_buf **ret, bool *ret_joined, struct error *err) must_check;
