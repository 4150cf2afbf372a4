/*
 * Cubbyholes, for the revocation of tokens; what callers ask of them is in
 * vault_cubbyhole.h.
 *
 * The paths of a token's cubbyhole stand in one more record of it, the
 * directory, at the path "". Every change puts the directory anew and guards
 * the token's record, so that neither a revocation nor another change can miss
 * what this one adds.
 */
#pragma once

#include <stdint.h>

#include "records/records.h"
#include "vault/error.h"

/* Deletes all that the token has in the same write that deletes its record: at most LIMIT_CUBBYHOLE_PATHS + 1 records, and
 * nothing but a guard when there is none. For prepare_(). */
enum error_code cubbyhole_delete_all(struct records_view *view, struct records_write *write,
				     const uint8_t token_id[static ID_LEN], struct error *err) must_check;
