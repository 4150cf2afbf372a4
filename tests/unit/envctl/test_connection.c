/*
 * Connections: a deadline holds however slowly the other side sends or takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/kept_token.h"
#include "client/token.h"
#include "vault/clock.h"
#include "vault/files.h"

static char folder[] = "/tmp/envctl-connection-XXXXXX";
static const struct connection_trust as_usual = {.ca_file = NULL};

static int64_t now(void)
{
	return clock_system.monotonic_us(clock_system.arg);
}

static int listen_at(struct address *address)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct error err = ERROR_INIT;
	char text[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(text, sizeof(text), "%s/socket", folder);
	assert_int_equal(address_parse(text, "the test", address, &err), ERR_OK);
	memcpy(name.sun_path, address->path, sizeof(name.sun_path));
	unlink(address->path);
	assert_return_code(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_return_code(listen(fd, 1), 0);
	return fd;
}

/* A byte every 20 ms, for ever. */
static void *drip(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);

	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		usleep(20000);
	close(fd);
	return NULL;
}

/* Takes a byte every 20 ms, until the other side has given up. */
static void *sip(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		usleep(20000);
	close(fd);
	return NULL;
}

static void test_slow_answer(void **state)
{
	cleanup_(connection_freep) struct connection *connection = NULL;
	struct address address;
	struct error err = ERROR_INIT;
	int listener = listen_at(&address);
	pthread_t thread;
	size_t got, total = 0;
	enum error_code rc = ERR_OK;
	char bytes[16];

	(void)state;
	pthread_create(&thread, NULL, drip, &listener);
	int64_t started = now();
	assert_int_equal(connection_open(&address, &as_usual, started + 400000, &connection, &err), ERR_OK);
	while (rc == ERR_OK) {
		rc = connection_receive(connection, bytes, sizeof(bytes), &got, &err);
		total += rc == ERR_OK ? got : 0;
	}
	assert_int_equal(rc, ERR_TIMEOUT);
	assert_in_range(now() - started, 300000, 3000000);
	assert_true(total >= 2);
	/* a new deadline: it goes on */
	error_clear(&err);
	connection_set_deadline(connection, now() + 10000000);
	assert_int_equal(connection_receive(connection, bytes, sizeof(bytes), &got, &err), ERR_OK);
	connection_free(take_ptr(connection));
	pthread_join(thread, NULL);
	close(listener);
}

static void test_slow_reader(void **state)
{
	cleanup_(connection_freep) struct connection *connection = NULL;
	static char large[64 * 1024 * 1024];
	struct address address;
	struct error err = ERROR_INIT;
	int listener = listen_at(&address);
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, sip, &listener);
	int64_t started = now();
	assert_int_equal(connection_open(&address, &as_usual, started + 400000, &connection, &err), ERR_OK);
	assert_int_equal(connection_send(connection, large, sizeof(large), &err), ERR_TIMEOUT);
	assert_in_range(now() - started, 300000, 3000000);
	connection_free(take_ptr(connection));
	pthread_join(thread, NULL);
	close(listener);
}

/* Nobody accepts: the handshake of TLS waits for the deadline as well. */
static void test_silent_tls(void **state)
{
	cleanup_(connection_freep) struct connection *connection = NULL;
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(name);
	struct address address;
	struct error err = ERROR_INIT;
	char text[64];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_return_code(bind(listener, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_return_code(listen(listener, 1), 0);
	assert_return_code(getsockname(listener, (struct sockaddr *)&name, &len), 0);
	snprintf(text, sizeof(text), "https://127.0.0.1:%u", (unsigned)ntohs(name.sin_port));
	assert_int_equal(address_parse(text, "the test", &address, &err), ERR_OK);
	setenv("VAULT_SKIP_VERIFY", "1", 1);
	setenv("VAULT_CACERT", "/etc/ssl/certs/ca-certificates.crt", 1);
	int64_t started = now();
	enum error_code rc = connection_open(&address, &as_usual, started + 400000, &connection, &err);
	unsetenv("VAULT_SKIP_VERIFY");
	unsetenv("VAULT_CACERT");
	close(listener);
	if (rc == ERR_CONFIG) /* a machine without certificates */
		skip();
	assert_int_equal(rc, ERR_TIMEOUT);
	assert_in_range(now() - started, 300000, 3000000);
}

static struct secret_buf *token_of(const char *text)
{
	struct secret_buf *token = secret_buf_new(8192);

	assert_non_null(token);
	secret_buf_append_text(token, text);
	return token;
}

static struct address address_of(const char *text)
{
	struct address address;
	struct error err = ERROR_INIT;

	assert_int_equal(address_parse(text, "--address", &address, &err), ERR_OK);
	return address;
}

static void keeps(const struct address *address, const char *expected)
{
	cleanup_(secret_buf_freep) struct secret_buf *back = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(kept_token_read(address, &back, &err), ERR_OK);
	assert_int_equal(back != NULL, expected != NULL);
	assert_true(expected == NULL || (secret_buf_len(back) == strlen(expected) && memcmp(secret_buf_bytes(back), expected, strlen(expected)) == 0));
}

/* What is kept comes back for its address alone; forgetting it twice is no error. */
static void test_kept_token(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = token_of("vlt_abc"), *other = token_of("vlt_other");
	const struct address one = address_of("https://one:8200"), two = address_of("https://two:8200");
	struct error err = ERROR_INIT;
	enum kept_forgotten forgotten = FORGOTTEN_NONE;

	(void)state;
	setenv("XDG_STATE_HOME", folder, 1);
	keeps(&one, NULL);
	assert_int_equal(kept_token_write(&one, token, &err), ERR_OK);
	keeps(&one, "vlt_abc");
	keeps(&two, NULL);
	assert_int_equal(kept_token_write(&two, other, &err), ERR_OK);
	keeps(&one, "vlt_abc");
	keeps(&two, "vlt_other");
	assert_int_equal(kept_token_forget(&one, &forgotten, &err), ERR_OK);
	assert_int_equal(forgotten, FORGOTTEN_OF_ADDRESS);
	assert_int_equal(kept_token_forget(&one, &forgotten, &err), ERR_OK);
	assert_int_equal(forgotten, FORGOTTEN_NONE);
	keeps(&one, NULL);
	keeps(&two, "vlt_other");
	unsetenv("XDG_STATE_HOME");
}

/* A token that was kept for all vaults is sent to none. The file goes when it is kept for one, or forgotten where there is no
 * other. */
static void test_earlier_token(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = token_of("vlt_abc"), *other = token_of("vlt_other");
	const struct address one = address_of("https://one:8200");
	enum kept_forgotten forgotten = FORGOTTEN_NONE;
	struct error err = ERROR_INIT;
	char path[128], found[PATH_MAX];

	(void)state;
	setenv("XDG_STATE_HOME", folder, 1);
	snprintf(path, sizeof(path), "%s/envctl/token", folder);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(file_write_atomic(path, 0600, "vlt_abc\n", 8, &err), ERR_OK);
		keeps(&one, NULL);
		assert_true(kept_token_earlier(found));
		assert_string_equal(found, path);
		if (turn == 0) {
			assert_int_equal(kept_token_write(&one, token, &err), ERR_OK);
			assert_false(kept_token_earlier(found));
			keeps(&one, "vlt_abc");
		} else if (turn == 1) { /* another one's stays where it is */
			assert_int_equal(kept_token_write(&one, other, &err), ERR_OK);
			assert_true(kept_token_earlier(found));
			keeps(&one, "vlt_other");
		}
		assert_int_equal(kept_token_forget(&one, &forgotten, &err), ERR_OK);
		assert_int_equal(forgotten, turn < 2 ? FORGOTTEN_OF_ADDRESS : FORGOTTEN_EARLIER);
		assert_int_equal(kept_token_earlier(found), turn == 1);
		keeps(&one, NULL);
	}
	unsetenv("XDG_STATE_HOME");
}

static void test_token_check(void **state)
{
	static const char *const bad[] = {"", "a b", "a\r\nX: y", "a\tb", "\x7f", "\xc3\xa9"};
	char long_text[4098];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *token = token_of(bad[i]);
		struct error err = ERROR_INIT;

		assert_int_equal(token_check(token, "it", &err), ERR_INVALID);
		const struct address one = address_of("https://one:8200");

		setenv("XDG_STATE_HOME", folder, 1);
		error_clear(&err);
		assert_int_equal(kept_token_write(&one, token, &err), ERR_INVALID);
		unsetenv("XDG_STATE_HOME");
	}
	for (size_t len = 4096; len <= 4097; len++) {
		memset(long_text, 'a', len);
		long_text[len] = '\0';
		cleanup_(secret_buf_freep) struct secret_buf *token = token_of(long_text);
		struct error err = ERROR_INIT;

		assert_int_equal(token_check(token, "it", &err), len == 4096 ? ERR_OK : ERR_TOO_LARGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_answer), cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_silent_tls),  cmocka_unit_test(test_kept_token), cmocka_unit_test(test_earlier_token),
		cmocka_unit_test(test_token_check),
	};

	if (mkdtemp(folder) == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char path[64];
	snprintf(path, sizeof(path), "%s/socket", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/envctl/tokens", folder);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/envctl", folder);
	rmdir(path);
	rmdir(folder);
	return failed;
}
