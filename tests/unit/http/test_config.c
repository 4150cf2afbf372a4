/* The configuration file: what it means, and that each mistake is named with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "options.h"

static char directory[] = "/tmp/vaultd-config-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/vaultd.conf", directory);
	setenv("HOME", directory, 1);
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static enum error_code read_text(const char *text, bool personal, struct config *ret, struct error *err)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	*err = (struct error)ERROR_INIT;
	return config_read_file(path, personal, ret, err);
}

#define LISTEN "listen_unix { path = \"/run/vaultd/vaultd.sock\" }\n"
#define DATA "data_dir = \"/var/lib/vaultd\"\n"

static void test_all_keys(void **state)
{
	static struct config config;
	struct error err;

	(void)state;
	assert_int_equal(read_text(DATA "anchor = \"/srv/anchor\"\nanchor_mode = \"strict\"\nunseal_remote = true\npersonal = true\n"
					"# a comment\nlisten_unix { path = \"/run/v.sock\" mode = \"0600\" group = \"root\" }\n"
					"listen_unix { path = \"/run/w.sock\" }\n"
					"listen_tcp { address = \"::1\" port = 9200 plain = true }\n"
					"listen_tcp { address = \"0.0.0.0\" certificate = \"/c.pem\" key = \"/k.pem\" }\n"
					"store { max_size = \"2GiB\" }\nlimits { connections = 50 connections_per_peer = 7 waiters = 3 }\n",
				   false, &config, &err),
			 ERR_OK);
	assert_string_equal(config.data_dir, "/var/lib/vaultd");
	assert_string_equal(config.anchor, "/srv/anchor");
	assert_string_equal(config.source, path);
	assert_int_equal(config.anchor_mode, ANCHOR_STRICT);
	assert_true(config.unseal_remote && config.personal);
	assert_int_equal(config.max_size, 2ull << 30);
	assert_int_equal(config.connections, 50);
	assert_int_equal(config.connections_per_peer, 7);
	assert_int_equal(config.waiters, 3);
	assert_int_equal(config.listen_len, 4);
	assert_string_equal(config.listen[0].path, "/run/v.sock");
	assert_int_equal(config.listen[0].mode, 0600);
	assert_int_equal(config.listen[0].group, 0);
	assert_int_equal(config.listen[1].mode, 0660);
	assert_int_equal(config.listen[1].group, (gid_t)-1);
	assert_string_equal(config.listen[2].address, "::1");
	assert_int_equal(config.listen[2].port, 9200);
	assert_true(config.listen[2].plain);
	assert_false(config.listen[3].plain);
	assert_int_equal(config.listen[3].port, 8200);
	assert_string_equal(config.listen[3].key, "/k.pem");
}

static void test_defaults(void **state)
{
	static struct config config;
	struct error err;

	(void)state;
	assert_int_equal(read_text(DATA LISTEN, false, &config, &err), ERR_OK);
	assert_int_equal(config.anchor_mode, ANCHOR_NONE);
	assert_false(config.personal || config.unseal_remote);
	assert_int_equal(config.max_size, 64ull << 30);
	assert_int_equal(config.listen_len, 1);
	/* With an anchor, its writing is relaxed unless said otherwise. */
	assert_int_equal(read_text(DATA LISTEN "anchor = \"/a\"\n", false, &config, &err), ERR_OK);
	assert_int_equal(config.anchor_mode, ANCHOR_RELAXED);
	assert_int_equal(read_text(DATA LISTEN "anchor = \"/a\"\nanchor_mode = \"none\"\n", false, &config, &err), ERR_OK);
	assert_int_equal(config.anchor_mode, ANCHOR_NONE);
}

struct mistake {
	const char *text;
	unsigned line;		/* 0: of the whole file */
	const char *says;
};

static const struct mistake mistakes[] = {
	{ DATA LISTEN "colour = \"blue\"\n", 3, "colour" },
	{ DATA LISTEN "store { max_size = \"64GiB\" speed = 1 }\n", 3, "speed" },
	{ DATA LISTEN "store { max_size = \"lots\" }\n", 3, "64GiB" },
	{ DATA LISTEN "store { max_size = \"1KiB\" }\n", 3, "64GiB" },
	{ DATA "listen_unix { path = \"relative.sock\" }\n", 2, "absolute" },
	{ DATA "listen_unix { mode = \"0660\" }\n", 2, "needs a path" },
	{ DATA "listen_unix { path = \"/s\" mode = \"0777\" }\n", 2, "octal" },
	{ DATA "listen_unix { path = \"/s\" mode = \"0066\" }\n", 2, "octal" },
	{ DATA "listen_unix { path = \"/s\" mode = \"rw\" }\n", 2, "octal" },
	{ DATA "listen_unix { path = \"/s\" group = \"no-such-group\" }\n", 2, "groupadd" },
	{ DATA "listen_tcp { address = \"localhost\" plain = true }\n", 2, "numeric" },
	{ DATA "listen_tcp { address = \"0.0.0.0\" plain = true }\n", 2, "loopback" },
	{ DATA "listen_tcp { address = \"10.0.0.1\" plain = true }\n", 2, "loopback" },
	{ DATA "listen_tcp { address = \"::\" plain = true }\n", 2, "loopback" },
	{ DATA "listen_tcp { address = \"127.0.0.1\" }\n", 2, "certificate" },
	{ DATA "listen_tcp { address = \"127.0.0.1\" certificate = \"/c\" }\n", 2, "certificate" },
	{ DATA "listen_tcp { certificate = \"c.pem\" key = \"/k.pem\" }\n", 2, "absolute" },
	{ DATA "listen_tcp { port = 65536 plain = true }\n", 2, "65535" },
	{ DATA "listen_tcp { port = -1 plain = true }\n", 2, "65535" },
	{ DATA LISTEN "anchor_mode = \"loose\"\n", 3, "strict" },
	{ DATA LISTEN "limits { waiters = 0 }\n", 3, "waiters" },
	{ DATA LISTEN "limits { connections = 100001 }\n", 3, "connections" },
	{ "data_dir = \"lib\"\n" LISTEN, 1, "absolute" },
	{ DATA LISTEN "unseal_remote = maybe\n", 3, "" },
	{ DATA LISTEN "store = 5\n", 3, "" },
	{ LISTEN, 0, "data_dir is missing" },
	{ DATA, 0, "listen_unix" },
	{ DATA LISTEN "anchor = \"/var/lib/vaultd/anchor\"\n", 0, "outside" },
};

static void test_mistakes(void **state)
{
	static struct config config;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		char place[128];
		struct error err;

		if (read_text(mistakes[i].text, false, &config, &err) != ERR_CONFIG)
			fail_msg("%zu: %s (%s)", i, error_name(err.code), err.text);
		if (mistakes[i].line)
			snprintf(place, sizeof(place), "%s:%u: ", path, mistakes[i].line);
		else
			snprintf(place, sizeof(place), "%s: ", path);
		if (!strstr(err.text, place) || !strstr(err.text, mistakes[i].says))
			fail_msg("%zu: \"%s\" does not have \"%s\" and \"%s\"", i, err.text, place, mistakes[i].says);
	}
}

static void test_limits(void **state)
{
	static struct config config;
	struct error err;
	char text[2048] = DATA;

	(void)state;
	for (unsigned i = 0; i < CONFIG_LISTENERS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "listen_unix { path = \"/run/%u\" }\n", i);
	assert_int_equal(read_text(text, false, &config, &err), ERR_OK);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "listen_unix { path = \"/run/x\" }\n");
	assert_int_equal(read_text(text, false, &config, &err), ERR_CONFIG);
	/* What fits into a socket's address, and one byte more. */
	for (int len = 107; len <= 108; len++) {
		snprintf(text, sizeof(text), DATA "listen_unix { path = \"/%0*d\" }\n", len - 1, 0);
		assert_int_equal(read_text(text, false, &config, &err), len == 107 ? ERR_OK : ERR_CONFIG);
	}
	assert_non_null(strstr(err.text, "107"));
	assert_int_equal(strlen(config.listen[0].path), 107);
}

static void test_sizes(void **state)
{
	size_t size;

	(void)state;
	assert_true(config_parse_size("1", &size) && size == 1);
	assert_true(config_parse_size("3KiB", &size) && size == 3072);
	assert_true(config_parse_size("1TiB", &size) && size == 1ull << 40);
	assert_false(config_parse_size("", &size));
	assert_false(config_parse_size("-1", &size));
	assert_false(config_parse_size("+1", &size));
	assert_false(config_parse_size(" 1", &size));
	assert_false(config_parse_size("1GB", &size));
	assert_false(config_parse_size("1 GiB", &size));
	assert_false(config_parse_size("16777216TiB", &size));
	assert_true(config_parse_size("16777215TiB", &size));
	assert_false(config_parse_size("99999999999999999999999", &size));
}

static void test_personal(void **state)
{
	static struct config config;
	struct error err = ERROR_INIT;
	char expected[128];

	(void)state;
	assert_int_equal(config_personal(&config, &err), ERR_OK);
	assert_true(config.personal);
	snprintf(expected, sizeof(expected), "%s/.local/share/vaultd", directory);
	assert_string_equal(config.data_dir, expected);
	snprintf(expected, sizeof(expected), "%s/.local/share/vaultd/run/vaultd.sock", directory);
	assert_string_equal(config.listen[0].path, expected);
	assert_int_equal(config.listen[0].mode, 0600);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	setenv("XDG_DATA_HOME", "/data", 1);
	assert_int_equal(config_personal(&config, &err), ERR_OK);
	assert_string_equal(config.data_dir, "/data/vaultd");
	assert_string_equal(config.listen[0].path, "/run/user/7/vaultd/vaultd.sock");
	/* A file changes what it names and leaves the rest as it is in a personal vault. */
	assert_int_equal(read_text("unseal_remote = true\n", true, &config, &err), ERR_OK);
	assert_true(config.personal && config.unseal_remote);
	assert_string_equal(config.data_dir, "/data/vaultd");
	assert_int_equal(config.listen_len, 1);
	assert_int_equal(read_text("listen_tcp { plain = true }\n", true, &config, &err), ERR_OK);
	assert_int_equal(config.listen_len, 1);
	assert_int_equal(config.listen[0].kind, LISTEN_TCP);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_DATA_HOME");
}

static void test_which_file(void **state)
{
	static struct config config;
	struct options options = { .config_file = "/nonexistent/vaultd.conf" };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(config_load(&options, &config, &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/vaultd.conf"));
}

static void test_dev(void **state)
{
	static struct config config;
	static const char *const bad[] = { "0.0.0.0:8200", "127.0.0.1", "localhost:8200", "127.0.0.1:x", "127.0.0.1:65536", ":8200",
					   "unix://relative", "127.0.0.1:+1", "" };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(config_dev("/tmp/d", NULL, &config, &err), ERR_OK);
	assert_string_equal(config.data_dir, "/tmp/d");
	assert_string_equal(config.listen[0].address, "127.0.0.1");
	assert_int_equal(config.listen[0].port, 8200);
	assert_true(config.listen[0].plain && !config.personal);
	assert_int_equal(config_dev("/tmp/d", "[::1]:0", &config, &err), ERR_OK);
	assert_string_equal(config.listen[0].address, "::1");
	assert_int_equal(config_dev("/tmp/d", "unix:///tmp/s", &config, &err), ERR_OK);
	assert_string_equal(config.listen[0].path, "/tmp/s");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct error)ERROR_INIT;
		assert_int_not_equal(config_dev("/tmp/d", bad[i], &config, &err), ERR_OK);
		assert_true(err.text[0] != '\0');
	}
}

static enum error_code parse(struct options *options, struct error *err, int argc, ...)
{
	char *argv[8] = { (char *)(uintptr_t)"vaultd" };
	va_list args;

	va_start(args, argc);
	for (int i = 1; i <= argc; i++)
		argv[i] = va_arg(args, char *);
	va_end(args);
	*err = (struct error)ERROR_INIT;
	return options_parse(argc + 1, argv, options, err);
}

static void test_command_line(void **state)
{
	struct options options;
	struct error err;

	(void)state;
	assert_int_equal(parse(&options, &err, 0), ERR_OK);
	assert_false(options.dev || options.help || options.version || options.check_config);
	assert_int_equal(parse(&options, &err, 3, "--dev", "--dev-root-token-id", "root"), ERR_OK);
	assert_true(options.dev);
	assert_string_equal(options.dev_root_token, "root");
	assert_int_equal(parse(&options, &err, 2, "-dev", "-dev-listen-address=unix:///s"), ERR_OK);
	assert_string_equal(options.dev_listen_address, "unix:///s");
	assert_int_equal(parse(&options, &err, 3, "--config", "/f", "--check-config"), ERR_OK);
	assert_string_equal(options.config_file, "/f");
	assert_true(options.check_config);
	assert_int_equal(parse(&options, &err, 1, "--config"), ERR_USAGE);
	assert_non_null(strstr(err.text, "--config"));
	assert_int_equal(parse(&options, &err, 1, "--nothing"), ERR_USAGE);
	assert_non_null(strstr(err.text, "--nothing"));
	assert_int_equal(parse(&options, &err, 1, "word"), ERR_USAGE);
	assert_int_equal(parse(&options, &err, 2, "--dev-root-token-id", "root"), ERR_USAGE);
	assert_int_equal(parse(&options, &err, 3, "--dev", "--config", "/f"), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys), cmocka_unit_test(test_defaults),   cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_sizes),	    cmocka_unit_test(test_personal),
		cmocka_unit_test(test_which_file), cmocka_unit_test(test_dev),	    cmocka_unit_test(test_command_line),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
