/* What writer and reader of a backup share; for backup_format.c and backup_reader.c alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "records/backup_format.h"

#define BACKUP_AAD_LEN (4 + 2 * BACKUP_ID_LEN + 8 + 1)
#define BACKUP_SUMMARY_LEN (2 * 8 + BACKUP_STATE_LEN)

/* K of a backup: of the base key, and of all that its front says. */
void backup_key(const uint8_t front[static BACKUP_FRONT_LEN], const struct secret_key *base_key, struct secret_key *ret);
void backup_chunk_aad(const struct backup_front *front, uint64_t number, bool final, uint8_t ret[static BACKUP_AAD_LEN]);
