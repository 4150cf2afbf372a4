/*
 * Response wrapping (X-Vault-Wrap-TTL) of the answers of all handlers. Internal
 * to http/.
 *
 * Wrapped is what is a success and has the envelope: the whole body is kept in
 * the vault (core/vault_wrapping.h), and wrap_info is answered instead of it.
 * Errors, 204 and bare bodies are answered as they are; so is what the wrapping
 * resources themselves answer, and what is read without any identity. If keeping
 * it fails, the error is answered and the body is not.
 */
#pragma once

#include <stdbool.h>

#include "http/request.h"

struct wrap_info;

/* Reads the header into request->wrap_ttl_s. False: the answer is made. */
bool wrapping_read_ttl(struct request *request);
/* After the handler has answered; suspends the request when the answer is to be wrapped. */
void wrapping_apply(struct request *request);
/* The answer that stands for a wrapped one. */
void reply_wrap_info(struct request *request, const struct wrap_info *info, const char *path, size_t path_len);
