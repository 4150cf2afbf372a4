#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

static bool find_in(const char *file_name, const char *name, char *out, size_t max)
{
	const char *folder = getenv("VAULT_VECTORS");
	char path[4096], line[8192];
	size_t len = strlen(name);
	bool found = false;

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "tests/vectors", file_name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file)) {
		found = strncmp(line, name, len) == 0 && line[len] == '=';
		line[strcspn(line, "\n")] = '\0';
		if (found)
			assert_in_range(snprintf(out, max, "%s", line + len + 1), 0, max - 1);
	}
	fclose(file);
	return found;
}

void vector_text(const char *name, char *out, size_t max)
{
	if (!find_in("storage.txt", name, out, max) && !find_in("records.txt", name, out, max))
		fail_msg("there is no vector %s", name);
}

size_t vector_bytes(const char *name, uint8_t *out, size_t max)
{
	char hex[8192];
	size_t len;

	vector_text(name, hex, sizeof(hex));
	assert_int_equal(sodium_hex2bin(out, max, hex, strlen(hex), NULL, &len, NULL), 0);
	return len;
}
