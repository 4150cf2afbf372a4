/*
 * Calls about slots. Bodies are JSON objects with secrets, as sys/slots takes
 * them; each call may take seconds.
 */
#pragma once

#include "client/vault_client.h"

/* data.slots */
enum error_code client_slots(struct vault_client *client, struct answer *ret, struct error *err) must_check;
/* data.id, data.shares. */
enum error_code client_slot_add(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
				struct error *err) must_check;
enum error_code client_slot_change(struct vault_client *client, unsigned id, const struct secret_buf *body,
				   struct answer *ret, struct error *err) must_check;
enum error_code client_slot_remove(struct vault_client *client, unsigned id, const struct secret_buf *body,
				   struct error *err) must_check;
