/*
 * How many times a second this disk makes 4 KiB durable: pwrite and fdatasync
 * of one place, for two seconds. Prints the rate.
 *
 *   sync_rate FILE
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	assert(argc == 2);
	int fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert(fd >= 0);
	char page[4096];
	double begin = now();
	unsigned long count = 0;
	while (now() - begin < 2) {
		memset(page, (int)(count & 255), sizeof page);
		assert(pwrite(fd, page, sizeof page, 0) == (ssize_t)sizeof page && fdatasync(fd) == 0);
		count++;
	}
	printf("%.0f\n", (double)count / (now() - begin));
	unlink(argv[1]);
	return 0;
}
