/*
 * Mistakes in memory and between threads, planted: a build or a program that looks for such mistakes must find each of them, or
 * its silence about the product says nothing (tests/integration/sanitized, tests/run).
 *
 *   mistakes          the names of those that this build is to find, by lines
 *   mistakes NAME     makes that mistake; ends with 0 when nobody objects
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a compiler may not know, or it would leave the mistake out. */
static volatile int one = 1;
static volatile int result;

static void read_behind(void)
{
	volatile char *block = malloc(16);

	if (block)
		result = block[15 + one];
	free((void *)block);
}

static void read_freed(void)
{
	volatile char *block = malloc(16);

	free((void *)block);
	result = block[one];
}

static void decide_by_nothing(void)
{
	volatile int *block = malloc(sizeof(*block));

	if (block && *block > one)
		result = puts("");
	free((void *)block);
}

static void lose_memory(void)
{
	char *volatile block = malloc(1000);

	if (block)
		memset(block, 1, 1000);
	block = NULL;
}

static void overflow(void)
{
	volatile int most = INT_MAX;

	result = most + one;
}

static int shared;

static void *add(void *unused)
{
	for (int i = 0; i < 100000; i++)
		shared += one;
	return unused;
}

static void race(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, add, NULL) != 0)
		abort();
	add(NULL);
	pthread_join(other, NULL);
}

enum { ADDRESS = 1, UNDEFINED = 2, THREAD = 4, CHECKER = 8 };	/* who finds it */
static const struct {
	const char *name;
	void (*make)(void);
	unsigned found_by;
} mistakes[] = {
	{ "read-behind", read_behind, ADDRESS | CHECKER }, { "read-freed", read_freed, ADDRESS | CHECKER },
	{ "decide-by-nothing", decide_by_nothing, CHECKER }, { "lose-memory", lose_memory, ADDRESS | CHECKER },
	{ "overflow", overflow, UNDEFINED },		     { "race", race, THREAD },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		if (argc < 2 && (mistakes[i].found_by & FOUND_BY) != 0)
			puts(mistakes[i].name);
		if (argc == 2 && strcmp(argv[1], mistakes[i].name) == 0)
			mistakes[i].make();
	}
	return 0;
}
