/*
 * Heads of requests as a client sends them, through libmicrohttpd and the gate as in the daemon. What passes was one head in
 * its one form: read strictly from the bytes that were sent, it has the same method, path and headers, one by one, and ends
 * where libmicrohttpd says. So nobody in front of the daemon can have read another one. With byte 0 odd the rest is a head as
 * it lies in memory, for what libmicrohttpd would never leave behind.
 */
#include <microhttpd.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz_expect.h"
#include "http/head.h"
#include "vault/canon_path.h"

#define WIRE_MAX (48u * 1024)
#define CONNECTION_MEMORY (32u * 1024)	/* the daemon's */
#define ROUNDS_OF_HEAD 4
#define ROUNDS_MAX 200
#define WORK_SECONDS 2

static struct MHD_Daemon *server;
static const char *wire;
static size_t wire_len;

static struct {
	bool begun, over;
	size_t target_len;
	enum error_code target_code;
	struct canon_path path;
	struct gate_head head;
} request;

/* -- the strict reader ------------------------------------------------------ */

/* The rest of what was sent. */
struct reader {
	const char *at, *end;
};

static void expect_bytes(struct reader *reader, const char *bytes, size_t len)
{
	fuzz_expect((size_t)(reader->end - reader->at) >= len && memcmp(reader->at, bytes, len) == 0);
	reader->at += len;
}

static void expect_text(struct reader *reader, const char *text)
{
	expect_bytes(reader, text, strlen(text));
}

static bool begins_empty(const struct reader *reader)
{
	size_t left = (size_t)(reader->end - reader->at);

	return (left >= 1 && (reader->at[0] == '\0' || reader->at[0] == '\n')) ||
	       (left >= 2 && reader->at[0] == '\r' && reader->at[1] == '\n');
}

/* libmicrohttpd drops lines before the request line that are empty or begin with a NUL; nobody takes one for a request. */
static void skip_empty_lines(struct reader *reader)
{
	while (begins_empty(reader)) {
		const char *end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));

		fuzz_expect(end);
		reader->at = end + 1;
	}
}

static const char *until(struct reader *reader, char stop)
{
	const char *begin = reader->at;

	while (reader->at < reader->end && *reader->at != stop) {
		fuzz_expect((unsigned char)*reader->at > ' ' && *reader->at != 0x7f);
		reader->at++;
	}
	fuzz_expect(reader->at < reader->end);
	return begin;
}

static void expect_target(struct reader *reader)
{
	static struct canon_path path, again;
	struct error err = ERROR_INIT;
	const char *target = until(reader, ' ');

	fuzz_expect((size_t)(reader->at - target) == request.target_len);
	fuzz_expect(canon_path_parse(target, request.target_len, &path, &err) == ERR_OK);
	fuzz_expect(strcmp(path.path, request.path.path) == 0 && path.args_len == request.path.args_len);
	for (size_t i = 0; i < path.args_len; i++)
		fuzz_expect(strcmp(path.args[i].name, request.path.args[i].name) == 0 &&
			    strcmp(path.args[i].value, request.path.args[i].value) == 0);
	fuzz_expect(canon_path_parse(path.path, path.path_len, &again, &err) == ERR_OK);
	fuzz_expect(strcmp(again.path, path.path) == 0);
}

static void expect_header(struct reader *reader, const struct gate_header *header)
{
	fuzz_expect(header->name[0] != '\0');
	expect_text(reader, header->name);
	expect_text(reader, ":");
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
		reader->at++;
	expect_text(reader, header->value);
	expect_text(reader, "\r\n");
	for (const char *at = header->value; *at; at++)
		fuzz_expect(*at == '\t' || ((unsigned char)*at >= ' ' && *at != 0x7f));
}

/* Everything up to the empty line, and nothing else. */
static void expect_wire(const struct gate_head *head, size_t head_len)
{
	struct reader reader = { wire, wire + wire_len };

	skip_empty_lines(&reader);
	const char *begin = reader.at;

	/* A NUL that was sent cannot be told from those that libmicrohttpd puts for separators, nor can the one that it puts for a
	 * colon at the beginning of a line, which it takes for the empty line then: the threat model says so. */
	fuzz_expect((size_t)(reader.end - begin) >= head_len);
	if (memchr(begin, '\0', head_len) || memmem(begin, head_len, "\n:", 2) || memmem(begin, head_len, "\r:", 2))
		return;
	expect_text(&reader, http_method_name(head->method));
	expect_text(&reader, " ");
	expect_target(&reader);
	expect_text(&reader, " HTTP/1.1");
	expect_text(&reader, "\r\n");
	for (size_t i = 0; i < head->headers_len; i++)
		expect_header(&reader, &head->headers[i]);
	expect_text(&reader, "\r\n");
	fuzz_expect((size_t)(reader.at - begin) == head_len);
}

/* -- what a head that passed must be ---------------------------------------- */

/* The only one of its name, or NULL. */
static const char *only_header(const struct gate_head *head, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < head->headers_len; i++) {
		if (strcasecmp(head->headers[i].name, name) != 0)
			continue;
		fuzz_expect(!value);
		value = head->headers[i].value;
	}
	return value;
}

static void expect_meaning(const struct gate_head *head)
{
	const char *length = only_header(head, "Content-Length"), *encoding = only_header(head, "Transfer-Encoding");
	const char *token = only_header(head, "X-Vault-Token"), *authorization = only_header(head, "Authorization");

	fuzz_expect(head->headers_len <= LIMIT_HEADERS && only_header(head, "Host") && !only_header(head, "Upgrade"));
	fuzz_expect(!length || !encoding);
	fuzz_expect(head->chunked == (encoding != NULL) && (!encoding || strcasecmp(encoding, "chunked") == 0));
	fuzz_expect(head->content_length == (length ? strtoull(length, NULL, 10) : 0));
	fuzz_expect(!length || (length[0] != '\0' && strspn(length, "0123456789") == strlen(length)));
	fuzz_expect(head->expects_continue == (only_header(head, "Expect") != NULL));
	fuzz_expect(head->content_type == only_header(head, "Content-Type"));
	fuzz_expect(head->if_none_match == only_header(head, "If-None-Match"));
	fuzz_expect(head->namespace_ == only_header(head, "X-Vault-Namespace"));
	fuzz_expect(head->wrap_ttl == only_header(head, "X-Vault-Wrap-TTL"));
	fuzz_expect(!token || head->token == token);
	fuzz_expect(!head->token || token || (authorization && strcmp(head->token, authorization + 7) == 0));
	fuzz_expect(head->token_len == (head->token ? strlen(head->token) : 0) && head->token_len <= LIMIT_TOKEN_LEN);
	for (size_t i = 0; i < head->token_len; i++)
		fuzz_expect(head->token[i] > ' ' && head->token[i] < 0x7f);
}

static void expect_path(const struct gate_head *head)
{
	struct error err = ERROR_INIT;
	enum http_method method;

	if (gate_check_path(&request.path, head, &method, &err) != ERR_OK) {
		fuzz_expect(err.code == ERR_INVALID && err.text[0] != '\0');
		return;
	}
	fuzz_expect(method == head->method || (method == METHOD_LIST && head->method == METHOD_GET));
	fuzz_expect((head->content_length == 0 && !head->chunked) ||
		    (method & (METHOD_POST | METHOD_PUT | METHOD_PATCH)) != 0);
	fuzz_expect(!request.path.trailing_slash || method == METHOD_LIST ||
		    strncmp(request.path.path, "/v1/sys/internal/ui/mounts", 26) == 0);
}

/* -- libmicrohttpd's calls ---------------------------------------------------- */

static void *begin(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct error err = ERROR_INIT;

	(void)arg;
	(void)mhd;
	fuzz_expect(!request.begun);
	request.begun = true;
	request.target_len = strlen(target);
	request.target_code = canon_path_parse(target, request.target_len, &request.path, &err);
	return &request;
}

/* The first call, with the head. An answer in it ends the connection. */
static enum MHD_Result take(void *arg, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
			    const char *upload, size_t *upload_len, void **state)
{
	static char nothing[1];
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct MHD_Response *answer = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
	struct error err = ERROR_INIT;
	enum MHD_Result result;

	(void)arg;
	(void)url;
	(void)version;
	(void)upload;
	fuzz_expect(*state == &request && *upload_len == 0 && info && answer);
	enum error_code code = head_check(mhd, method, request.target_len, &request.head, &err);
	fuzz_expect(code == err.code && (code == ERR_OK || err.text[0] != '\0'));
	fuzz_expect(code == ERR_OK || code == ERR_INVALID || code == ERR_METHOD || code == ERR_TOO_LARGE);
	if (code == ERR_OK && request.target_code == ERR_OK) {
		expect_meaning(&request.head);
		expect_path(&request.head);
		expect_wire(&request.head, info->header_size);
	}
	result = MHD_queue_response(mhd, 400, answer);
	MHD_destroy_response(answer);
	return result;
}

static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

static void notify(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
	(void)arg;
	(void)mhd;
	(void)context;
	request.over |= code == MHD_CONNECTION_NOTIFY_CLOSED;
}

static void stop(void)
{
	MHD_stop_daemon(server);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* Without threads: MHD_run() below is the event loop. */
	server = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, take, NULL,
				  MHD_OPTION_URI_LOG_CALLBACK, begin, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
				  MHD_OPTION_NOTIFY_CONNECTION, notify, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				  (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_END);
	fuzz_expect(server);
	atexit(stop);
	return 0;
}

static void run_server(unsigned rounds)
{
	for (unsigned i = 0; i < rounds && !request.over; i++)
		fuzz_expect(MHD_run(server) == MHD_YES);
}

static void send_wire(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ends[2];

	fuzz_expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	fuzz_expect(send(ends[0], wire, wire_len, MSG_NOSIGNAL) == (ssize_t)wire_len);
	memset(&request, 0, sizeof(request.begun) + sizeof(request.over));
	fuzz_expect(MHD_add_connection(server, ends[1], (const struct sockaddr *)&address, sizeof(address)) == MHD_YES);
	run_server(ROUNDS_OF_HEAD);
	/* The end comes after the data: the library does not notice one that came with them. */
	close(ends[0]);
	run_server(ROUNDS_MAX);
	fuzz_expect(request.over);
}

/* -- heads in memory ------------------------------------------------------------ */

static bool is_inside(const char *text, const char *head, size_t len)
{
	return text >= head && text < head + len && memchr(text, '\0', len - (size_t)(text - head));
}

static void check_memory(const uint8_t *data, size_t len)
{
	static struct gate_head ret;
	struct error err = ERROR_INIT;

	if (len < 2)
		return;
	/* As long as the head, so that a look behind it is seen. */
	char *head = malloc(len - 2 > 0 ? len - 2 : 1);
	struct gate_input input = { head, len - 2, (size_t)(data[0] | data[1] << 8) };

	fuzz_expect(head);
	memcpy(head, data + 2, len - 2);
	enum error_code code = gate_check(&input, &ret, &err);
	fuzz_expect(code == err.code);
	if (code == ERR_OK) {
		fuzz_expect(input.head_len <= LIMIT_HEADER_LEN && input.target_len <= LIMIT_TARGET_LEN);
		for (size_t i = 0; i < ret.headers_len; i++)
			fuzz_expect(is_inside(ret.headers[i].name, head, len - 2) &&
				    is_inside(ret.headers[i].value, head, len - 2));
		expect_meaning(&ret);
	}
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	double started = fuzz_seconds_used();

	if (len < 2 || len > WIRE_MAX)
		return 0;
	wire = (const char *)data + 1;
	wire_len = len - 1;
	if (data[0] & 1)
		check_memory(data + 1, len - 1);
	else
		send_wire();
	fuzz_expect(fuzz_seconds_used() - started < WORK_SECONDS);
	return 0;
}
