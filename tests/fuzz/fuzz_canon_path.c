/* Any target: refused, or taken in a form that is its own canonical form. */
#include <string.h>

#include "fuzz_expect.h"
#include "vault/canon_path.h"

static bool has_bad_segment(const struct canon_path *path)
{
	const char *at = path->path + 1;
	for (;;) {
		size_t len = strcspn(at, "/");
		if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
			return true;
		at += len;
		if (*at == '\0')
			return false;
		at++;
	}
}

static void check_path(const struct canon_path *path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~@:+=,-/";
	fuzz_expect(path->path[0] == '/');
	fuzz_expect(strlen(path->path) == path->path_len);
	fuzz_expect(strspn(path->path, allowed) == path->path_len);
	fuzz_expect(path->path_len == 1 || !has_bad_segment(path));
}

static void check_args(const struct canon_path *path)
{
	fuzz_expect(path->args_len <= LIMIT_QUERY_ARGS);
	for (size_t i = 0; i < path->args_len; i++) {
		const char *name = path->args[i].name;
		const char *value = path->args[i].value;
		fuzz_expect(name >= path->query && name + strlen(name) < path->query + sizeof(path->query));
		fuzz_expect(value >= path->query && value + strlen(value) < path->query + sizeof(path->query));
		fuzz_expect(name[0] != '\0' && strlen(name) <= LIMIT_QUERY_NAME_LEN);
		/* Found under its name means that no earlier one has it too. */
		fuzz_expect(canon_path_arg(path, name) == value);
		for (; *value; value++)
			fuzz_expect((unsigned char)*value >= 0x20 && *value != 0x7f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct canon_path first, second;
	struct error err = ERROR_INIT;
	if (canon_path_parse((const char *)data, len, &first, &err) != ERR_OK) {
		fuzz_expect(err.code == (len > LIMIT_TARGET_LEN ? ERR_TOO_LARGE : ERR_INVALID));
		return 0;
	}
	fuzz_expect(err.code == ERR_OK);
	check_path(&first);
	check_args(&first);
	fuzz_expect(canon_path_parse(first.path, first.path_len, &second, &err) == ERR_OK);
	fuzz_expect(strcmp(first.path, second.path) == 0 && second.path_len == first.path_len);
	fuzz_expect(!second.trailing_slash && second.args_len == 0);
	return 0;
}
