#include "trace.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *map_file(const char *path, size_t *ret_len)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	uint8_t *file;

	if (fd < 0 || fstat(fd, &info) != 0)
		err(2, "%s", path);
	if (info.st_size == 0)
		errx(2, "%s is empty: nothing was recorded", path);
	file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		err(2, "%s", path);
	close(fd);
	*ret_len = (size_t)info.st_size;
	return file;
}

/* Every note and every truncation must be whole; a recorder that was killed in between would leave a torn end. */
static struct trace_event event_at(const uint8_t *file, size_t len, size_t at, const char *path)
{
	struct trace_event event;

	if (len - at < sizeof(event.head))
		errx(2, "%s: torn at byte %zu", path, at);
	memcpy(&event.head, file + at, sizeof(event.head));
	if (event.head.magic != TRACE_MAGIC || event.head.kind >= TRACE_KINDS || len - at - sizeof(event.head) < event.head.len)
		errx(2, "%s: no entry at byte %zu", path, at);
	event.bytes = file + at + sizeof(event.head);
	return event;
}

struct trace trace_read(const char *path)
{
	struct trace trace = { 0 };
	size_t len, room = 0;

	trace.file = map_file(path, &len);
	for (size_t at = 0; at < len; trace.len++) {
		if (trace.len == room) {
			room = room ? 2 * room : 1024;
			trace.events = reallocarray(trace.events, room, sizeof(*trace.events));
			if (!trace.events)
				errx(2, "no memory");
		}
		trace.events[trace.len] = event_at(trace.file, len, at, path);
		at += sizeof(struct trace_entry) + trace.events[trace.len].head.len;
	}
	return trace;
}
