/*
 * Reading base64. libsodium's decoder takes every byte above ASCII for the last
 * character of the alphabet, so that a text that is none would give bytes that
 * nobody wrote; whoever reads base64 reads it here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"

/*
 * variant is one of libsodium's (sodium_base64_VARIANT_ORIGINAL …); ignored are characters that may stand anywhere, or NULL.
 * False for a text that is not base64 from its beginning to its end, in exactly one spelling, or gives more than max bytes. ret
 * may be text itself, and holds anything after a failure.
 */
bool base64_read(const char *text, size_t len, const char *ignored, int variant, uint8_t *ret, size_t max,
		 size_t *ret_len) must_check;
