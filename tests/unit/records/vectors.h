/* Reads tests/vectors/storage.txt and records.txt: lines "name=hex". */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The bytes of a vector; fails the test when it is missing. At most max bytes; returns how many. */
size_t vector_bytes(const char *name, uint8_t *out, size_t max);
/* The text behind the '='. */
void vector_text(const char *name, char *out, size_t max);
