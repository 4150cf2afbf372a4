/* An accept with the root key at hand; for accept.c and restore.c alone. */
#pragma once

#include "records/accept.h"
#include "records/sealed_store.h"

/* filled: a restore made the file, whose transactions the state does not know. */
enum error_code accept_with_root(struct records *records, const struct secret_key *root_key, bool filled,
				 const struct accept_options *options, struct accept_report *ret, struct error *err) must_check;
