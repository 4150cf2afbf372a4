/*
 * Base64 (RFC 4648, with padding) of values. Private to lib/dialect/.
 *
 * libsodium's takes a hundred instructions for each character, which was more
 * than a third of what writing a Secret of Kubernetes cost. Here sixteen
 * characters are done at once, and base64_read() and libsodium do what is left:
 * line ends, the end of the text, and saying that it is none. As in libsodium
 * nothing depends on what the value is, neither a branch nor a place in a table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/secret_buf.h"

/* In place, the characters of `ignored` apart (NULL: none); *len is of the text, and then of the bytes. False when it is no base64;
 * what stands there is then unspecified. What is behind the bytes is not wiped. */
bool base64_decode(char *text, size_t *len, const char *ignored) must_check;

/* Appends what the bytes are written as. Failure is the buffer's. */
void base64_append(struct secret_buf *out, const char *bytes, size_t len);
