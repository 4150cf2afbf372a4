#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

void vector_text(const char *name, char *out, size_t max)
{
	const char *folder = getenv("VAULT_VECTORS");
	char path[4096], line[8192];
	size_t len = strlen(name);

	snprintf(path, sizeof(path), "%s/storage.txt", folder ? folder : "tests/vectors");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len) != 0 || line[len] != '=')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, max, "%s", line + len + 1);
		fclose(file);
		return;
	}
	fclose(file);
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
