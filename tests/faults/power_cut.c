/*
 * The power-cut campaign: takes a trace (record.c), cuts the power at every moment of it, makes the images that a file system may
 * be left with (disk.h, cuts.h), and has each checked by the product's own code against what was acknowledged (check.h).
 *
 *   power_cut [--images N] [--seed N] [--jobs N] [--established] [--mutant NAME] [--enough N] TRACE SCRATCH
 *   power_cut --only MOMENT.ROUND.NUMBER --keep DIRECTORY [--seed N] [--mutant NAME] TRACE SCRATCH
 *   power_cut --compare DIRECTORY TRACE SCRATCH
 *   power_cut --mutants
 *
 * Round after round, until N distinct images were checked or the rounds bring nothing new. Each image is checked in a process of
 * its own. Prints "moments M images I distinct D bad B" and the first bad images, each with what makes it again. --enough stops
 * at so many bad ones. --established leaves out what is before the vault was acknowledged to be there. --only makes one image in a directory, checks a copy, and prints
 * what the oracle knows at that moment. --compare says whether what was recorded is what
 * is there. SCRATCH is an empty directory, better in memory. Exits with 0, 1 for bad images, 2 for mistakes in its use.
 */
#include <err.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "cuts.h"
#include "disk.h"
#include "oracle.h"
#include "trace.h"

#define FINDINGS 4096	/* that are kept; of those that were planted there are many */
#define SEEN (1u << 22)		/* places for digests; far more than images */
#define ROUNDS_MAX 4000
#define NEW_OF 200		/* a round in which less than one of so many images is new: there are hardly any more */
#define CPU_SECONDS 60		/* of the check of one image, which takes a hundredth of one */
#define AGAIN_EVERY 8		/* so many images are opened once, one twice */

/* What the workers share. */
struct campaign {
	atomic_size_t next;		/* moment, counted through all rounds */
	atomic_size_t images, distinct, bad;
	atomic_size_t made[ROUNDS_MAX], new[ROUNDS_MAX];	/* in each round */
	atomic_uint findings_len;
	char findings[FINDINGS][FINDING_LEN + 64];
	_Atomic(uint64_t) seen[SEEN];		/* images */
	_Atomic(uint64_t) checked[SEEN];	/* images with what had been acknowledged */
};

struct options {
	size_t images, enough;
	uint64_t seed;
	unsigned jobs;
	const char *mutant, *compare, *keep;
	bool established;
	size_t only_moment, only_number;
	unsigned only_round;
	const char *trace, *scratch;
};

/* One replay of the trace. */
struct replay {
	const struct options *options;
	struct campaign *campaign;
	const struct trace *trace;
	struct disk *disk;
	struct oracle oracle;
	size_t moment;		/* the one that comes */
	size_t wanted;		/* the one that this worker takes */
	size_t moments;		/* of the whole trace; 0: they are counted */
	unsigned round;
	char directory[2048];	/* of this worker's images */
};

/* -- one image ------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	return walk->level > 0 ? remove(path) : 0;
}

static void empty_directory(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		err(2, "%s", path);
}

static bool is_new(_Atomic(uint64_t) *table, uint64_t digest)
{
	const uint64_t wanted = digest ? digest : 1;

	for (size_t i = wanted % SEEN;; i = (i + 1) % SEEN) {
		uint64_t there = 0;

		if (atomic_compare_exchange_strong(&table[i], &there, wanted))
			return true;
		if (there == wanted)
			return false;
	}
}

/* In the child: it may crash, hang or run out of anything. */
_Noreturn static void check_and_exit(const struct replay *replay, bool again, char *finding)
{
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };

	setrlimit(RLIMIT_CPU, &cpu);
	_exit(check_image(&replay->oracle, replay->directory, again, finding) ? 0 : 1);
}

/* Checks what is in the worker's directory. */
static bool check_apart(const struct replay *replay, bool again, char finding[static FINDING_LEN])
{
	static char *shared;
	pid_t child;
	int status;

	if (!shared)
		shared = mmap(NULL, FINDING_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(2, "no memory");
	shared[0] = '\0';
	child = fork();
	if (child == 0)
		check_and_exit(replay, again, shared);
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(2, "fork");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		snprintf(finding, FINDING_LEN, "the check ended with signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 1 || shared[0] == '\0')
		snprintf(finding, FINDING_LEN, "the check ended with %d", WEXITSTATUS(status));
	else
		snprintf(finding, FINDING_LEN, "%s", shared);
	return false;
}

static void note_finding(const struct replay *replay, size_t number, const char *finding)
{
	const unsigned at = atomic_fetch_add(&replay->campaign->findings_len, 1);

	atomic_fetch_add(&replay->campaign->bad, 1);
	if (at < FINDINGS)
		snprintf(replay->campaign->findings[at], sizeof(replay->campaign->findings[at]), "%zu.%u.%zu: %s", replay->moment,
			 replay->round, number, finding);
}

static bool is_over(const struct replay *replay)
{
	const struct campaign *campaign = replay->campaign;

	return atomic_load(&campaign->distinct) >= replay->options->images || atomic_load(&campaign->bad) >= replay->options->enough;
}

static void take_image(void *arg, const struct choice *choices, size_t number)
{
	struct replay *replay = arg;
	struct campaign *campaign = replay->campaign;
	struct image *image;
	uint64_t digest;

	if (is_over(replay))
		return;
	image = disk_image(replay->disk, choices);
	digest = image_digest(image);
	atomic_fetch_add(&campaign->images, 1);
	atomic_fetch_add(&campaign->made[replay->round], 1);
	if (is_new(campaign->checked, digest * 31 + replay->oracle.notes)) {
		char finding[FINDING_LEN];

		if (is_new(campaign->seen, digest)) {
			atomic_fetch_add(&campaign->distinct, 1);
			atomic_fetch_add(&campaign->new[replay->round], 1);
		}
		image_write(image, replay->directory);
		if (!check_apart(replay, digest % AGAIN_EVERY == 0, finding))
			note_finding(replay, number, finding);
		empty_directory(replay->directory);
	}
	image_free(image);
}

static void keep_image(void *arg, const struct choice *choices, size_t number)
{
	struct replay *replay = arg;
	char finding[FINDING_LEN] = "good";
	const struct pending *pending;
	struct image *image;
	size_t len;

	if (number != replay->options->only_number)
		return;
	image = disk_image(replay->disk, choices);
	if (mkdir(replay->options->keep, 0700) != 0)
		err(2, "%s", replay->options->keep);
	image_write(image, replay->options->keep);
	image_write(image, replay->directory);
	replay->campaign->bad += !check_apart(replay, true, finding);
	printf("%s\n", finding);
	pending = disk_pending(replay->disk, &len);
	for (size_t i = 0; i < len; i++)
		printf("# %s of %zu bytes at %llu: %s %u %zu\n", pending[i].is_write ? "a write" : "a name or a size", pending[i].len,
		       (unsigned long long)pending[i].offset,
		       (const char *[]){ "not", "whole", "its first part", "in parts" }[choices[i].happening], choices[i].unit,
		       choices[i].parts);
	oracle_print(&replay->oracle);
	image_free(image);
}

/* -- one replay --------------------------------------------------------------------------------------------- */

static bool is_established(const struct oracle *oracle)
{
	const struct oracle_object *vault = oracle_find(oracle, "vault");

	return vault && vault->len == 1 && strcmp(vault->states[0], "there") == 0;
}

/* Takes the images of this moment when it is this worker's turn, and then asks for the next turn. */
static void moment(struct replay *replay, enum moment kind)
{
	const struct options *options = replay->options;
	const uint64_t seed = options->seed * 1000003 + replay->moment;
	const struct pending *pending;
	size_t len;

	/* Without any secret there is no vault yet that could be opened. */
	if (replay->oracle.secrets_len == 0 || (options->established && !is_established(&replay->oracle)))
		return;
	if (replay->moments > 0 && replay->moment == replay->wanted) {
		pending = disk_pending(replay->disk, &len);
		cuts_at(kind, pending, len, seed, replay->round, options->keep ? keep_image : take_image, replay);
		if (!options->keep)
			replay->wanted = atomic_fetch_add(&replay->campaign->next, 1) - replay->round * replay->moments;
	}
	replay->moment++;
}

static void follow_note(struct replay *replay, const struct trace_event *event)
{
	char path[512];

	if (event->head.len == 0)
		return;
	if (!oracle_follow(&replay->oracle, event))
		disk_root(replay->disk, oracle_directory(event, path), path);
	else
		moment(replay, MOMENT_NOTE);
}

static void follow(struct replay *replay, const struct trace_event *event)
{
	const bool settles = event->head.kind == TRACE_SYNC || (event->head.flags & TRACE_SYNCED);

	if (event->head.kind == TRACE_NOTE) {
		follow_note(replay, event);
		return;
	}
	disk_apply(replay->disk, event);
	moment(replay, settles ? MOMENT_BARRIER : MOMENT_BETWEEN);
	if (settles) {
		disk_settle(replay->disk, event);
		moment(replay, MOMENT_NOTE);
	}
}

/* Stops early when its turn lies in another round. */
static void replay_round(struct replay *replay)
{
	disk_free(replay->disk);
	free(replay->oracle.objects);
	replay->disk = disk_new();
	replay->oracle = (struct oracle){ 0 };
	replay->moment = 0;
	for (size_t i = 0; i < replay->trace->len; i++) {
		if (replay->moments > 0 && (replay->wanted < replay->moment || replay->wanted >= replay->moments || is_over(replay)))
			break;
		follow(replay, &replay->trace->events[i]);
	}
}

/* -- many images ---------------------------------------------------------------------------------------------- */

/* The round before the last one is over for all workers. */
static bool is_worn_out(struct campaign *campaign, unsigned round)
{
	return round >= 3 && atomic_load(&campaign->new[round - 2]) * NEW_OF < atomic_load(&campaign->made[round - 2]);
}

static void work(struct replay *replay)
{
	size_t turn = atomic_fetch_add(&replay->campaign->next, 1);

	while (!is_over(replay)) {
		replay->round = (unsigned)(turn / replay->moments);
		replay->wanted = turn % replay->moments;
		if (replay->round >= ROUNDS_MAX || is_worn_out(replay->campaign, replay->round))
			return;
		replay_round(replay);
		turn = replay->round * replay->moments + replay->wanted;	/* the one that was asked for last */
	}
}

static void start_workers(struct replay *replay, pid_t *workers)
{
	for (unsigned i = 0; i < replay->options->jobs; i++) {
		snprintf(replay->directory, sizeof(replay->directory), "%s/%u", replay->options->scratch, i);
		if (mkdir(replay->directory, 0700) != 0)
			err(2, "%s", replay->directory);
		workers[i] = fork();
		if (workers[i] < 0)
			err(2, "fork");
		if (workers[i] == 0) {
			work(replay);
			rmdir(replay->directory);
			_exit(0);
		}
	}
}

static int run_campaign(struct replay *replay)
{
	struct campaign *campaign = replay->campaign;
	pid_t workers[64];
	bool whole = true;
	int status;

	start_workers(replay, workers);
	for (unsigned i = 0; i < replay->options->jobs; i++)
		whole &= waitpid(workers[i], &status, 0) == workers[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("moments %zu images %zu distinct %zu bad %zu\n", replay->moments, campaign->images, campaign->distinct, campaign->bad);
	for (unsigned i = 0; i < campaign->findings_len && i < FINDINGS; i++)
		printf("# %s\n", campaign->findings[i]);
	if (!whole)
		errx(2, "a worker failed");
	return campaign->bad > 0;
}

/* -- the other jobs ---------------------------------------------------------------------------------------------- */

static int compare_end(struct replay *replay)
{
	const struct pending *pending;
	struct choice *choices;
	size_t len;
	bool same;

	pending = disk_pending(replay->disk, &len);
	choices = calloc(len + 1, sizeof(*choices));
	if (!choices)
		errx(2, "no memory");
	for (size_t i = 0; i < len && pending; i++)
		choices[i].happening = HAPPENS;
	same = image_is(disk_image(replay->disk, choices), replay->options->compare);
	puts(same ? "the same" : "not the same");
	return same ? 0 : 1;
}

static int keep_one(struct replay *replay)
{
	replay->round = replay->options->only_round;
	replay->wanted = replay->options->only_moment;
	snprintf(replay->directory, sizeof(replay->directory), "%s/only", replay->options->scratch);
	if (mkdir(replay->directory, 0700) != 0)
		err(2, "%s", replay->directory);
	replay_round(replay);
	empty_directory(replay->directory);
	rmdir(replay->directory);
	return replay->campaign->bad > 0;
}

static int list_mutants(void)
{
	for (const char *const *name = trace_mutants(); *name; name++)
		puts(*name);
	return 0;
}

static const struct option long_options[] = {
	{ "images", required_argument, NULL, 'i' }, { "seed", required_argument, NULL, 's' }, { "jobs", required_argument, NULL, 'j' },
	{ "mutant", required_argument, NULL, 'm' }, { "enough", required_argument, NULL, 'e' }, { "only", required_argument, NULL, 'o' },
	{ "keep", required_argument, NULL, 'k' },   { "compare", required_argument, NULL, 'c' }, { "mutants", no_argument, NULL, 'l' },
	{ "established", no_argument, NULL, 'b' },
	{ 0 },
};

static void parse_one(struct options *options, int letter)
{
	switch (letter) {
	case 'i':
		options->images = strtoull(optarg, NULL, 10);
		break;
	case 's':
		options->seed = strtoull(optarg, NULL, 10);
		break;
	case 'j':
		options->jobs = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case 'm':
		options->mutant = optarg;
		break;
	case 'e':
		options->enough = strtoull(optarg, NULL, 10);
		break;
	case 'o':
		if (sscanf(optarg, "%zu.%u.%zu", &options->only_moment, &options->only_round, &options->only_number) != 3)
			errx(2, "--only has the form MOMENT.ROUND.NUMBER");
		break;
	case 'k':
		options->keep = optarg;
		break;
	case 'c':
		options->compare = optarg;
		break;
	case 'b':
		options->established = true;
		break;
	case 'l':
		exit(list_mutants());
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options options = { .images = 10000, .enough = SIZE_MAX, .seed = 1, .jobs = 2 };
	struct replay replay = { .options = &options };
	struct trace trace;

	for (int letter; (letter = getopt_long(argc, argv, "", long_options, NULL)) >= 0;)
		parse_one(&options, letter);
	if (argc - optind != 2 || options.jobs < 1 || options.jobs > 64 || options.images > SEEN / 2)
		errx(2, "use: power_cut [--images N] [--mutant NAME] TRACE SCRATCH; its source has the rest");
	options.trace = argv[optind];
	options.scratch = argv[optind + 1];
	if (sodium_init() < 0)
		errx(2, "libsodium does not start");
	/* The passphrases of a recorded daemon are cheap; a release build of the product does not open them. */
	if (setenv("VAULTD_TEST_KDF", "1", 1) != 0)
		err(2, "setenv");
	trace = trace_read(options.trace);
	if (options.mutant)
		trace_plant(&trace, options.mutant);
	replay.trace = &trace;
	replay.campaign = mmap(NULL, sizeof(*replay.campaign), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (replay.campaign == MAP_FAILED)
		err(2, "no memory");
	replay_round(&replay);	/* counts the moments, and comes to the end of the trace */
	if (options.compare)
		return compare_end(&replay);
	replay.moments = replay.moment;
	return options.keep ? keep_one(&replay) : run_campaign(&replay);
}
