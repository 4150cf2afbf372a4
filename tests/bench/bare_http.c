/*
 * The ceiling of the benchmark: libmicrohttpd with one event thread that
 * answers the same bytes to everything.
 *
 *   bare_http ADDRESS BODY-FILE     ADDRESS: a socket's path or a port on loopback
 */
#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char body[4u << 20];
static size_t body_len;
static struct MHD_Response *response;

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_len, void **state)
{
	(void)arg, (void)url, (void)method, (void)version, (void)upload;
	if (!*state) {
		*state = &body;
		return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, 200, response);
}

static int listen_on(const char *address)
{
	int fd, on = 1;
	if (address[0] == '/') {
		struct sockaddr_un at = { .sun_family = AF_UNIX };
		assert(strlen(address) < sizeof at.sun_path);
		memcpy(at.sun_path, address, strlen(address) + 1);
		unlink(address);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0);
	} else {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(address, NULL, 10)) };
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		assert(fd >= 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		assert(bind(fd, (const struct sockaddr *)&at, sizeof at) == 0);
	}
	assert(listen(fd, 511) == 0);
	return fd;
}

int main(int argc, char **argv)
{
	assert(argc == 3);
	FILE *file = fopen(argv[2], "rb");
	assert(file);
	body_len = fread(body, 1, sizeof body, file);
	fclose(file);
	response = MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_PERSISTENT);
	assert(response);
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
						     MHD_OPTION_LISTEN_SOCKET, listen_on(argv[1]),
						     MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_END);
	assert(daemon);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
