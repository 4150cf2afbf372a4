/*
 * Any text as the configuration file (bit 0 of byte 0: of a personal vault): refused with a sentence that names the file, or
 * taken with absolute paths, sizes within their limits and listeners that may be opened.
 */
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fuzz_expect.h"

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(path, sizeof(path), "%s/fuzz-config-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	int fd = mkstemp(path);

	fuzz_expect(fd >= 0 && close(fd) == 0);
	atexit(remove_file);
	setenv("HOME", "/home/fuzz", 1);
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

static void expect_listener(const struct listen_options *listen)
{
	struct error err = ERROR_INIT;

	fuzz_expect(listen_check(listen, &err) == ERR_OK);
	if (listen->kind == LISTEN_UNIX)
		fuzz_expect(strlen(listen->path) < sizeof(listen->path) && (listen->mode & ~0666u) == 0 &&
			    (listen->mode & 0600) == 0600);
	else
		fuzz_expect((listen->certificate[0] == '\0' || listen->certificate[0] == '/') &&
			    (listen->key[0] == '\0' || listen->key[0] == '/'));
}

static void expect_config(const struct config *config)
{
	const size_t limits[] = { config->connections, config->connections_per_peer, config->waiters };

	fuzz_expect(strcmp(config->source, path) == 0 && config->data_dir[0] == '/');
	fuzz_expect(config->anchor[0] == '\0' ? config->anchor_mode == ANCHOR_NONE : config->anchor[0] == '/');
	fuzz_expect(config->max_size >= 1024 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		fuzz_expect(limits[i] >= 1 && limits[i] <= 100000);
	fuzz_expect(config->listen_len >= 1 && config->listen_len <= CONFIG_LISTENERS);
	for (size_t i = 0; i < config->listen_len; i++)
		expect_listener(&config->listen[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct config config;
	struct error err = ERROR_INIT;
	FILE *stream = len > 0 ? fopen(path, "we") : NULL;

	if (!stream)
		return 0;
	fuzz_expect(fwrite(data + 1, 1, len - 1, stream) == len - 1 && fclose(stream) == 0);
	enum error_code code = config_read_file(path, data[0] & 1, &config, &err);
	fuzz_expect(code == err.code && (code == ERR_OK || code == ERR_CONFIG));
	if (code == ERR_OK)
		expect_config(&config);
	else
		fuzz_expect(strstr(err.text, path));
	return 0;
}
