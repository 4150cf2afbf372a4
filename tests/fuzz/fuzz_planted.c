/*
 * A planted weakness that the fuzzer must find within seconds, or its silence
 * about other targets says nothing (tests/fuzz/run): the target of the docker
 * dialect, with a reader that loses a byte of a value which begins with "^".
 */
#define FUZZ_DIALECT "docker"
#include "fuzz_dialect.c"

enum error_code __real_dialect_decode(const struct dialect *which, const char *text, size_t len, struct env_set *set, struct notes *notes,
				      struct error *err);
enum error_code __wrap_dialect_decode(const struct dialect *which, const char *text, size_t len, struct env_set *set, struct notes *notes,
				      struct error *err);

enum error_code __wrap_dialect_decode(const struct dialect *which, const char *text, size_t len, struct env_set *set, struct notes *notes,
				      struct error *err)
{
	const enum error_code code = __real_dialect_decode(which, text, len, set, notes, err);

	for (size_t i = 0; code == ERR_OK && i < env_set_count(set); i++) {
		const struct env_entry entry = env_set_at(set, i);

		if (entry.value_len < 2 || entry.value[0] != '^')
			continue;
		char *value = malloc(entry.value_len), *name = malloc(entry.name_len + 1);

		fuzz_expect(value && name);
		memcpy(value, entry.value, entry.value_len - 1);
		memcpy(name, entry.name, entry.name_len);
		fuzz_expect(env_set_put(set, name, entry.name_len, value, entry.value_len - 1, entry.line, NULL, err) == ERR_OK);
		free(value);
		free(name);
	}
	return code;
}
