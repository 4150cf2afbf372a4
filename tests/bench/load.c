/*
 * A load client for the benchmark: N connections, one thread, epoll, one
 * request in flight on each. Prints one line of JSON: requests per second,
 * p50, p99 and the longest in microseconds, and how many answers were not 2xx.
 *
 *   load ADDRESS CONNECTIONS SECONDS keep|close RATE REQUEST-FILE [RANDOM-MAX [COUNT]]
 *
 * ADDRESS is a socket's path or host:port on loopback. RATE 0 is as fast as it
 * goes, else requests per second in all. Every "%u" of the request becomes a
 * zero-padded number of 7 digits: random below RANDOM-MAX, or counting up when
 * COUNT requests are wanted (then it stops after COUNT). "%c" becomes the connection's number.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX (2u << 20)
#define SAMPLES_MAX 4000000u

struct connection {
	int fd;
	unsigned number;
	char *out;
	size_t out_len, out_done;
	char in[65536];
	size_t in_len;
	size_t body_left;
	bool in_body, waiting;
	uint64_t started;
};

static struct {
	const char *address;
	bool keep;
	double rate;
	char *request;
	size_t request_len;
	unsigned random_max;
	uint64_t count, sent, answered, failed;
	uint32_t *samples;
	size_t samples_len;
	uint64_t random_state;
	int epoll;
} load;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(void)
{
	load.random_state ^= load.random_state << 13;
	load.random_state ^= load.random_state >> 7;
	load.random_state ^= load.random_state << 17;
	return load.random_state;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	assert(strlen(path) < sizeof to.sun_path);
	memcpy(to.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static int connect_tcp(const char *address)
{
	const char *colon = strrchr(address, ':');
	assert(colon);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
		perror(address);
		exit(1);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void attach(struct connection *c)
{
	c->fd = load.address[0] == '/' ? connect_unix(load.address) : connect_tcp(load.address);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void fill_request(struct connection *c)
{
	unsigned number = load.random_max ? (unsigned)(next_random() % load.random_max) : 0;
	if (load.count)
		number = (unsigned)(load.sent % (load.random_max ? load.random_max : UINT32_MAX));
	size_t at = 0;
	for (size_t i = 0; i < load.request_len; i++) {
		if (load.request[i] == '%' && i + 1 < load.request_len && load.request[i + 1] == 'u') {
			at += (size_t)snprintf(c->out + at, 8, "%07u", number);
			i++;
		} else if (load.request[i] == '%' && i + 1 < load.request_len && load.request[i + 1] == 'c') {
			at += (size_t)snprintf(c->out + at, 8, "%07u", c->number);
			i++;
		} else {
			c->out[at++] = load.request[i];
		}
	}
	c->out_len = at;
	c->out_done = 0;
}

static void flush_out(struct connection *c)
{
	while (c->out_done < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
			epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &event);
			return;
		}
		if (n <= 0)
			return; /* the read side sees the end */
		c->out_done += (size_t)n;
	}
}

static void start_request(struct connection *c)
{
	if (load.count && load.sent >= load.count) {
		c->waiting = true;
		return;
	}
	if (c->fd < 0)
		attach(c);
	fill_request(c);
	load.sent++;
	c->in_len = 0;
	c->in_body = false;
	c->waiting = false;
	c->started = now_ns();
	flush_out(c);
}

static void finished(struct connection *c)
{
	if (load.samples_len < SAMPLES_MAX)
		load.samples[load.samples_len++] = (uint32_t)((now_ns() - c->started) / 100);
	load.answered++;
	if (!load.keep) {
		close(c->fd);
		c->fd = -1;
	}
	c->waiting = true;
}

/* True when the answer is complete. */
static bool take(struct connection *c, size_t got)
{
	if (c->in_body) {
		c->body_left -= got < c->body_left ? got : c->body_left;
		return c->body_left == 0;
	}
	c->in_len += got;
	c->in[c->in_len] = 0;
	char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return false;
	if (strncmp(c->in + 9, "2", 1) != 0)
		load.failed++;
	*end = 0;
	char *length = strcasestr(c->in, "content-length:");
	size_t body = length ? strtoul(length + 15, NULL, 10) : 0, have = c->in_len - (size_t)(end + 4 - c->in);
	c->in_body = true;
	c->body_left = body > have ? body - have : 0;
	return c->body_left == 0;
}

static void readable(struct connection *c)
{
	for (;;) {
		char *to = c->in_body ? c->in : c->in + c->in_len;
		size_t room = c->in_body ? sizeof c->in - 1 : sizeof c->in - 1 - c->in_len;
		ssize_t n = recv(c->fd, to, room, 0);
		if (n < 0)
			return;
		if (n == 0) {
			close(c->fd);
			c->fd = -1;
			if (!c->waiting)
				load.failed++;
			c->waiting = true;
			return;
		}
		if (take(c, (size_t)n)) {
			finished(c);
			return;
		}
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void read_request(const char *path)
{
	FILE *file = fopen(path, "rb");
	assert(file);
	load.request = malloc(REQUEST_MAX);
	assert(load.request);
	load.request_len = fread(load.request, 1, REQUEST_MAX - 64, file);
	fclose(file);
}

static void drive(struct connection *connections, unsigned len, double seconds)
{
	uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9);
	unsigned turn = 0;
	while (now_ns() < end && !(load.count && load.answered + load.failed >= load.count)) {
		for (unsigned i = 0; i < len; i++) {
			struct connection *c = &connections[(turn + i) % len];
			if (!c->waiting)
				continue;
			if (load.rate > 0 && (double)load.sent >= (double)(now_ns() - begin) / 1e9 * load.rate)
				break;
			start_request(c);
			turn = (turn + i + 1) % len;
		}
		struct epoll_event events[64];
		int n = epoll_wait(load.epoll, events, 64, load.rate > 0 ? 1 : 100);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				flush_out(c);
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(c);
			if (c->waiting && load.rate <= 0 && now_ns() < end)
				start_request(c);
		}
	}
	double took = (double)(now_ns() - begin) / 1e9;
	qsort(load.samples, load.samples_len, sizeof *load.samples, by_value);
	double p50 = load.samples_len ? load.samples[load.samples_len / 2] / 10.0 : 0;
	double p99 = load.samples_len ? load.samples[load.samples_len * 99 / 100] / 10.0 : 0;
	double longest = load.samples_len ? load.samples[load.samples_len - 1] / 10.0 : 0;
	printf("{\"rps\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"answered\":%llu,\"failed\":%llu,\"seconds\":%.2f}\n",
	       (double)load.answered / took, p50, p99, longest, (unsigned long long)load.answered,
	       (unsigned long long)load.failed, took);
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fputs("load ADDRESS CONNECTIONS SECONDS keep|close RATE REQUEST-FILE [RANDOM-MAX [COUNT]]\n", stderr);
		return 64;
	}
	load.address = argv[1];
	unsigned len = (unsigned)strtoul(argv[2], NULL, 10);
	double seconds = strtod(argv[3], NULL);
	load.keep = strcmp(argv[4], "keep") == 0;
	load.rate = strtod(argv[5], NULL);
	read_request(argv[6]);
	load.random_max = argc > 7 ? (unsigned)strtoul(argv[7], NULL, 10) : 0;
	load.count = argc > 8 ? strtoull(argv[8], NULL, 10) : 0;
	load.random_state = 88172645463325252u;
	load.samples = malloc(SAMPLES_MAX * sizeof *load.samples);
	struct connection *connections = calloc(len, sizeof *connections);
	assert(load.samples && connections);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < len; i++) {
		connections[i].number = i;
		connections[i].out = malloc(REQUEST_MAX);
		assert(connections[i].out);
		connections[i].waiting = true;
		connections[i].fd = -1;
		attach(&connections[i]);
	}
	drive(connections, len, seconds);
	return 0;
}
