/*
 * The stream of a backup, looked at while it comes (vault/backup_frames.h).
 */
#pragma once

#include "client/vault_client.h"
#include "vault/backup_frames.h"

/* Takes all of a piece, or fails with an error that ends the transfer. */
typedef enum error_code backup_take(void *arg, const void *bytes, size_t len, struct error *err);

/*
 * Hands the stream to take() piece by piece, after each was looked at, and fails unless its end came. walk is for progress
 * meanwhile, and says afterwards what came; the caller zeroes it. Each piece may take 60 s. ERR_BACKUP_CUT, ERR_BACKUP_DAMAGED.
 */
enum error_code client_backup(struct vault_client *client, backup_take *take, void *arg, struct backup_walk *walk,
			      struct error *err) must_check;
