/*
 * Times whole processes in turn: A B A B …, so that a drift of the machine's
 * speed meets both. Prints the medians in milliseconds and the peak memory.
 *
 *   spawn ROUNDS --next COMMAND … [--next COMMAND …]…
 *
 * One line a command: median ms, p90 ms, largest peak in KiB, worst exit code.
 */
#include <assert.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16

extern char **environ;

struct command {
	char **argv;
	double *ms;
	long peak_kib;
	int worst;
};

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void run_once(struct command *command, unsigned round)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	double begin = now_ms();
	pid_t pid;
	assert(posix_spawnp(&pid, command->argv[0], &actions, NULL, command->argv, environ) == 0);
	int status;
	struct rusage usage;
	assert(wait4(pid, &status, 0, &usage) == pid);
	command->ms[round] = now_ms() - begin;
	if (usage.ru_maxrss > command->peak_kib)
		command->peak_kib = usage.ru_maxrss;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (code > command->worst)
		command->worst = code;
	posix_spawn_file_actions_destroy(&actions);
}

int main(int argc, char **argv)
{
	assert(argc > 3);
	unsigned rounds = (unsigned)strtoul(argv[1], NULL, 10), len = 0;
	struct command commands[COMMANDS_MAX] = { 0 };
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--next") != 0)
			continue;
		argv[i] = NULL;
		assert(len < COMMANDS_MAX && i + 1 < argc);
		commands[len].argv = &argv[i + 1];
		commands[len].ms = calloc(rounds, sizeof(double));
		assert(commands[len].ms);
		len++;
	}
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < len; i++)
			run_once(&commands[i], round);
	for (unsigned i = 0; i < len; i++) {
		qsort(commands[i].ms, rounds, sizeof(double), by_value);
		printf("%.3f %.3f %ld %d\n", commands[i].ms[rounds / 2], commands[i].ms[rounds * 9 / 10],
		       commands[i].peak_kib, commands[i].worst);
	}
	return 0;
}
