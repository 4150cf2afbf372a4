/*
 * Addresses and tokens: what is accepted, where they are looked for, in which
 * order, and what is refused about files and sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/address.h"
#include "client/kept_token.h"
#include "client/token.h"
#include "vault/files.h"
#include "vault/limits.h"

static void test_good_addresses(void **state)
{
	static const struct {
		const char *text;
		enum address_kind kind;
		const char *host_or_path, *port, *shown;
	} rows[] = {
		{"unix:///run/v.sock", ADDRESS_UNIX, "/run/v.sock", "", "unix:///run/v.sock"},
		{"/run/v.sock", ADDRESS_UNIX, "/run/v.sock", "", "unix:///run/v.sock"},
		{"http://127.0.0.1:8200", ADDRESS_HTTP, "127.0.0.1", "8200", "http://127.0.0.1:8200"},
		{"http://127.0.0.1:8200/", ADDRESS_HTTP, "127.0.0.1", "8200", "http://127.0.0.1:8200"},
		{"https://vault.example.org", ADDRESS_HTTPS, "vault.example.org", "8200",
		 "https://vault.example.org:8200"},
		{"https://[::1]:1", ADDRESS_HTTPS, "::1", "1", "https://[::1]:1"},
		{"http://[fe80::1%eth0]:65535", ADDRESS_HTTP, "fe80::1%eth0", "65535", "http://[fe80::1%eth0]:65535"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address address;
		struct error err = ERROR_INIT;

		print_message("# %s\n", rows[i].text);
		assert_int_equal(address_parse(rows[i].text, "--address", &address, &err), ERR_OK);
		assert_int_equal(address.kind, rows[i].kind);
		assert_string_equal(address.kind == ADDRESS_UNIX ? address.path : address.host, rows[i].host_or_path);
		assert_string_equal(address.port, rows[i].port);
		assert_string_equal(address.text, rows[i].shown);
	}
}

static void test_bad_addresses(void **state)
{
	static const char *const rows[] = {
		"",
		"vault",
		"vault:8200",
		"ftp://x",
		"unix://",
		"unix://relative",
		"HTTP://x",
		"http://",
		"http://:8200",
		"http://x:",
		"http://x:0",
		"http://x:65536",
		"http://x:8200x",
		"http://x:-1",
		"http://x/v1",
		"http://x?y",
		"http://user@x",
		"http://user:secret@x",
		"http://[::1",
		"http://[]",
		"http://a b",
		"http://x\r\nY: z",
		"http://::1:8200",
		"https://x:123456",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct address address;
		struct error err = ERROR_INIT;

		print_message("# row %zu\n", i);
		assert_int_equal(address_parse(rows[i], "VAULT_ADDR", &address, &err), ERR_INVALID);
		assert_non_null(strstr(err.text, "VAULT_ADDR"));
		assert_null(strstr(err.text, "secret"));
	}
}

static void test_socket_path_limit(void **state)
{
	struct address address;
	struct error err = ERROR_INIT;
	char path[109];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	assert_int_equal(address_parse(path, "--address", &address, &err), ERR_OK);
	path[107] = 'p';
	path[108] = '\0';
	assert_int_equal(address_parse(path, "--address", &address, &err), ERR_INVALID);
}

static void make_socket(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(strlen(path) < sizeof(name.sun_path));
	strcpy(name.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
}

static char root[] = "/tmp/envctl-test-XXXXXX";

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void make_folder(const char *below)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void test_order_of_places(void **state)
{
	struct address address;
	struct error err = ERROR_INIT;
	char runtime[64], data[64], path[128];

	(void)state;
	snprintf(runtime, sizeof(runtime), "%s/runtime", root);
	snprintf(data, sizeof(data), "%s/data", root);
	unsetenv("VAULT_ADDR");
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	setenv("XDG_DATA_HOME", data, 1);
	make_folder("runtime");
	make_folder("runtime/vaultd");
	make_folder("data");
	make_folder("data/vaultd");
	make_folder("data/vaultd/run");
	if (access(ADDRESS_SYSTEM_SOCKET, F_OK) != 0) {
		assert_int_equal(address_find(NULL, &address, &err), ERR_UNREACHABLE);
		assert_non_null(strstr(err.text, "start one"));
		error_clear(&err);
	}
	/* A plain file in the socket's place does not count. */
	snprintf(path, sizeof(path), "%s/vaultd/vaultd.sock", runtime);
	assert_int_equal(file_write_atomic(path, 0600, "", 0, &err), ERR_OK);
	snprintf(path, sizeof(path), "%s/vaultd/run/vaultd.sock", data);
	make_socket(path);
	assert_int_equal(address_find(NULL, &address, &err), ERR_OK);
	assert_string_equal(address.path, path);
	snprintf(path, sizeof(path), "%s/vaultd/vaultd.sock", runtime);
	unlink(path);
	make_socket(path);
	assert_int_equal(address_find(NULL, &address, &err), ERR_OK);
	assert_string_equal(address.path, path);
	assert_string_equal(address.origin, "personal socket");
	setenv("VAULT_ADDR", "http://127.0.0.1:1", 1);
	assert_int_equal(address_find(NULL, &address, &err), ERR_OK);
	assert_string_equal(address.origin, "VAULT_ADDR");
	assert_int_equal(address_find("/o.sock", &address, &err), ERR_OK);
	assert_string_equal(address.origin, "--address");
	setenv("VAULT_ADDR", "", 1);
	assert_int_equal(address_find(NULL, &address, &err), ERR_OK);
	assert_string_equal(address.origin, "personal socket");
}

static void test_trusted_owners(void **state)
{
	(void)state;
	assert_true(address_owner_is_trusted(0));
	assert_true(address_owner_is_trusted(geteuid()));
	assert_false(address_owner_is_trusted(geteuid() + 54321));
}

/* The address of which the token is asked for. */
static struct address home;

static void token_is(const char *option, const char *expected, enum token_source expected_source)
{
	struct secret_buf *token = NULL;
	enum token_source source = TOKEN_NONE;
	struct error err = ERROR_INIT;

	assert_int_equal(token_find(option, &home, &token, &source, &err), ERR_OK);
	assert_int_equal(source, expected_source);
	if (expected == NULL) {
		assert_null(token);
		return;
	}
	assert_non_null(token);
	assert_int_equal(secret_buf_len(token), strlen(expected));
	assert_memory_equal(secret_buf_bytes(token), expected, strlen(expected));
	secret_buf_free(token);
}

static void token_fails(const char *option, enum error_code expected)
{
	struct secret_buf *token = NULL;
	enum token_source source = TOKEN_NONE;
	struct error err = ERROR_INIT;

	assert_int_equal(token_find(option, &home, &token, &source, &err), expected);
	assert_null(token);
	assert_null(strstr(err.text, "hvs."));
}

static void write_token(const char *path, const char *text, mode_t mode)
{
	struct error err = ERROR_INIT;

	assert_int_equal(file_write_atomic(path, mode, text, strlen(text), &err), ERR_OK);
}

static void test_token_places(void **state)
{
	char state_home[64], path[PATH_MAX], other[128];
	struct error err = ERROR_INIT;

	(void)state;
	snprintf(state_home, sizeof(state_home), "%s/state", root);
	setenv("XDG_STATE_HOME", state_home, 1);
	unsetenv("VAULT_TOKEN");
	assert_int_equal(address_parse("/run/s.sock", "--address", &home, &err), ERR_OK);
	token_is(NULL, NULL, TOKEN_NONE);
	make_folder("state");
	make_folder("state/envctl");
	make_folder("state/envctl/tokens");
	assert_int_equal(kept_token_path(&home, path, &err), ERR_OK);
	snprintf(other, sizeof(other), "%s/envctl/tokens/unix:%%2F%%2F%%2Frun%%2Fs.sock", state_home);
	assert_string_equal(path, other);
	snprintf(other, sizeof(other), "%s/other", root);
	write_token(path, "hvs.file\n", 0600);
	token_is(NULL, "hvs.file", TOKEN_KEPT);
	setenv("VAULT_TOKEN", "hvs.variable", 1);
	token_is(NULL, "hvs.variable", TOKEN_VARIABLE);
	write_token(other, "hvs.option\r\n", 0400);
	token_is(other, "hvs.option", TOKEN_OPTION);
	setenv("VAULT_TOKEN", "", 1);
	token_is(NULL, "hvs.file", TOKEN_KEPT);
	unlink(path);
	token_is(NULL, NULL, TOKEN_NONE);
	token_fails(path, ERR_NOT_FOUND);
}

static void kept_name_is(const char *address, const char *expected)
{
	char path[PATH_MAX];
	struct address found;
	struct error err = ERROR_INIT;

	assert_int_equal(address_parse(address, "--address", &found, &err), ERR_OK);
	assert_int_equal(kept_token_path(&found, path, &err), ERR_OK);
	assert_string_equal(strrchr(path, '/') + 1, expected);
}

/* One name for each address, whatever way it is written; a name that is too long is no other's. */
static void test_kept_token_names(void **state)
{
	char long_host[300] = "https://", path[PATH_MAX];
	struct address found;
	struct secret_buf *token = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	kept_name_is("https://Vault.Example", "https:%2F%2Fvault.example:8200");
	kept_name_is("https://vault.example:8200/", "https:%2F%2Fvault.example:8200");
	kept_name_is("http://vault.example:8200/", "http:%2F%2Fvault.example:8200");
	kept_name_is("https://[::1%eth0]:1", "https:%2F%2F[::1%25eth0]:1");
	kept_name_is("https://[FE80::1%Eth0]:1", "https:%2F%2F[fe80::1%25Eth0]:1");
	kept_name_is("/Run/S", "unix:%2F%2F%2FRun%2FS");
	for (size_t len = 236; len <= 237; len++) { /* "https:%2F%2F" and ":65535" beside it: 255 bytes, which are a name's most, and 256 */
		memset(long_host + 8, 'a', len + 1);
		snprintf(long_host + 8 + len + 1, 8, ":65535");
		assert_int_equal(address_parse(long_host, "--address", &found, &err), ERR_OK);
		assert_int_equal(kept_token_path(&found, path, &err), len == 236 ? ERR_OK : ERR_INVALID);
	}
	assert_non_null(strstr(err.text, "too long for a token to be kept"));
	error_clear(&err);
	assert_int_equal(kept_token_read(&found, &token, &err), ERR_OK);
	assert_null(token);
}

static void test_token_refusals(void **state)
{
	char path[128], link_path[128], *big = malloc(LIMIT_TOKEN_LEN + 2);

	(void)state;
	assert_non_null(big);
	unsetenv("VAULT_TOKEN");
	snprintf(path, sizeof(path), "%s/t", root);
	snprintf(link_path, sizeof(link_path), "%s/l", root);
	write_token(path, "hvs.x", 0644);
	token_fails(path, ERR_PERMISSION);
	write_token(path, "hvs.x", 0620);
	token_fails(path, ERR_PERMISSION);
	write_token(path, "hvs.x", 0600);
	assert_int_equal(symlink(path, link_path), 0);
	token_fails(link_path, ERR_PERMISSION);
	write_token(path, "", 0600);
	token_fails(path, ERR_INVALID);
	write_token(path, "hvs.two words", 0600);
	token_fails(path, ERR_INVALID);
	write_token(path, "hvs.two\nlines\n", 0600);
	token_fails(path, ERR_INVALID);
	memset(big, 'b', LIMIT_TOKEN_LEN + 1);
	big[LIMIT_TOKEN_LEN] = '\0';
	setenv("VAULT_TOKEN", big, 1);
	token_is(NULL, big, TOKEN_VARIABLE);
	big[LIMIT_TOKEN_LEN] = 'b';
	big[LIMIT_TOKEN_LEN + 1] = '\0';
	setenv("VAULT_TOKEN", big, 1);
	token_fails(NULL, ERR_TOO_LARGE);
	setenv("VAULT_TOKEN", "hvs.a\r\nX-Evil: 1", 1);
	token_fails(NULL, ERR_INVALID);
	unsetenv("VAULT_TOKEN");
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_addresses),	  cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_socket_path_limit), cmocka_unit_test(test_order_of_places),
		cmocka_unit_test(test_trusted_owners),	  cmocka_unit_test(test_token_places),
		cmocka_unit_test(test_token_refusals),	  cmocka_unit_test(test_kept_token_names),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
