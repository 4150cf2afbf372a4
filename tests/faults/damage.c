/*
 * A database that was damaged in every way, and what the product's own code says to it: an error with a name, or every
 *record as it was written; never another value, never silence, never a signal.
 *
 *	damage [--flips N] [--live N] [--seed S] [--jobs J] [--class NAME] [--weak NAME] [--wrong-oracle]
 *	       [--only NUMBER] SCRATCH
 *	damage --weaknesses
 *
 * A vault is made in the directory SCRATCH (of a file system in memory, or it takes long). Then image after image: its
 *vault.db is damaged as plan.h says, opened, unsealed, read whole, and mended. --live does it to a vault that is open
 *and unsealed. Each worker is a process, which a signal ends; the image at which it was then counts as bad. Live it is
 *"ended" when store/map_faults.h named the damage, as the daemon does.
 *
 * Of the images that turn out harmless some are written to, because a damaged list of free pages does its harm later;
 *they are then opened again and must have all records still.
 *
 * A line for each class, one for each of the first bad images with its number, and the sums. Exit code 0: none is bad,
 *1: some are.
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/arena.h"
#include "crypto/seal.h"
#include "dice.h"
#include "plan.h"
#include "sample.h"
#include "store/map_faults.h"
#include "weak.h"

#define BATCH 1000 /* images for one process */
#define BAD_SHOWN 12
#define JOBS_MAX 16
#define ENDED_CODE 65 /* of a worker that named the damage */
#define CPU_SECONDS 600 /* for one process: more is a loop without end */

enum outcome {
	FOUND_AT_OPEN, /* before LMDB maps the file */
	FOUND_AT_UNSEAL,
	FOUND_AT_READ,
	HARMLESS,
	ENDED, /* live: LMDB did not survive it; nothing was answered, but why was said */
	BAD_UNNAMED,
	BAD_WRONG,
	BAD_MISSING,
	BAD_SIGNAL,
	OUTCOMES
};

static const char *const outcome_names[OUTCOMES] = {"open",    "unseal", "read",    "harmless", "ended",
						    "unnamed", "wrong",	 "missing", "signal"};

struct shared {
	uint64_t at; /* the image that is looked at */
	uint64_t counts[DAMAGE_CLASSES][OUTCOMES];
	uint64_t probed;
	uint64_t faults[MAP_FAULT_COUNT]; /* of what ended */
	unsigned bad;
	char shown[BAD_SHOWN][ERROR_TEXT_MAX + 200];
};

static struct {
	uint64_t flips, live, seed, jobs, only;
	bool has_only, wrong_oracle, is_live;
	const char *scratch, *class;
} options = {.flips = 50000, .seed = 1, .jobs = 2};

static struct sample sample;
static struct plan *plan;
static struct shared *shares;
static struct shared *own; /* the worker's */
static uint64_t images;

static bool is_bad(enum outcome outcome)
{
	return outcome >= BAD_UNNAMED;
}

static void count(struct shared *share, const struct damage *damage, enum outcome outcome, const char *text)
{
	share->counts[damage->class][outcome]++;
	if (is_bad(outcome) && share->bad++ < BAD_SHOWN)
		snprintf(share->shown[share->bad - 1], sizeof(share->shown[0]), "# %llu: %s: %s: %s: %s",
			 (unsigned long long)share->at, damage_class_names[damage->class], damage->text,
			 outcome_names[outcome], text);
}

/* -- a directory for each worker ---------------------------------------------------------------------------- */

static void put_file(const char *directory, const char *name, const uint8_t *bytes, size_t len)
{
	char path[SAMPLE_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		err(2, "%s", path);
	close(fd);
}

static void copy_file(const char *directory, const char *name)
{
	char path[SAMPLE_PATH + 64];
	uint8_t bytes[65536];

	snprintf(path, sizeof(path), "%s/%s", sample.directory, name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	if (len < 0)
		err(2, "%s", path);
	close(fd);
	put_file(directory, name, bytes, (size_t)len);
}

/* All as it was. */
static void renew(const char *directory)
{
	char path[SAMPLE_PATH + 64];

	(void)mkdir(directory, 0700);
	snprintf(path, sizeof(path), "%s/data", directory);
	(void)mkdir(path, 0700);
	put_file(directory, "data/vault.db", sample.now.bytes, sample.now.len);
	copy_file(directory, "data/vault.hdr");
	copy_file(directory, "data/vault.try");
	copy_file(directory, "anchor");
}

/* -- one image ------------------------------------------------------------------------------------------------ */

/*
 * LMDB trusts the pages that it writes to even more than those that it reads: of the harmless damages of each class one
 * in so many is written to.
 */
static const unsigned probe_every[DAMAGE_CLASSES] = {
	[FLIP_ANY] = 32,
	[FLIP_META] = 8,
	[FLIP_BRANCH] = 4,
	[FLIP_LEAF_HEADER] = 1,
	[FLIP_NODE] = 1,
	[FLIP_VALUE_HEADER] = 1,
	[FLIP_OVERFLOW_HEADER] = 2,
	[FLIP_OVERFLOW_BODY] = 1,
	[FLIP_FREE_LIST] = 1,
	[CUT_OFF] = 1,
	[ZEROED] = 1,
	[DUPLICATED] = 1,
	[MISDIRECTED] = 1,
	[SWAPPED] = 1,
	[OLD_PAGE] = 1,
	[OLD_VALUE] = 1,
};

static enum outcome outcome_of(enum reading reading)
{
	switch (reading) {
	case READING_EQUAL:
		return HARMLESS;
	case READING_ERROR:
		return FOUND_AT_READ;
	case READING_UNNAMED:
		return BAD_UNNAMED;
	case READING_WRONG:
		return BAD_WRONG;
	case READING_MISSING:
		return BAD_MISSING;
	}
	abort();
}

static enum outcome look(const char *directory, bool probe, char text[static ERROR_TEXT_MAX])
{
	struct records *records = NULL;
	struct error failure = ERROR_INIT;
	bool unsealing;

	if (sample_open(&sample, directory, &records, &unsealing, &failure) != ERR_OK) {
		snprintf(text, ERROR_TEXT_MAX, "%.24s: %.440s", error_name(failure.code), failure.text);
		return !sample_error_is_named(failure.code) ? BAD_UNNAMED : unsealing ? FOUND_AT_UNSEAL : FOUND_AT_OPEN;
	}
	enum outcome outcome = outcome_of(sample_read(&sample, records, false, text));
	if (probe && outcome == HARMLESS && sample_probe(&sample, records, &failure) != ERR_OK) {
		snprintf(text, ERROR_TEXT_MAX, "the write: %.24s: %.440s", error_name(failure.code), failure.text);
		outcome = sample_error_is_named(failure.code) ? FOUND_AT_READ : BAD_UNNAMED;
	}
	records_close(records);
	return outcome;
}

static void check_image(struct shared *share, const char *directory, int fd, const struct damage *damage)
{
	const bool probe = share->at % probe_every[damage->class] == 0;
	char text[ERROR_TEXT_MAX] = "";

	damage_apply(plan, damage, fd);
	enum outcome outcome = look(directory, probe, text);
	if (probe && outcome == HARMLESS) {
		share->probed++;
		outcome = look(directory, false, text);
		renew(directory);
		if (outcome != HARMLESS && !is_bad(outcome))
			outcome = BAD_MISSING; /* what was sound is damaged now: the write did it */
	} else {
		damage_undo(plan, damage, fd);
	}
	count(share, damage, outcome, text);
	if (options.has_only)
		printf("%s: %s: %s: %s\n", damage_class_names[damage->class], damage->text, outcome_names[outcome],
		       text);
}

/* -- a vault that is open --------------------------------------------------------------------------------------- */

static void check_live(struct shared *share, const char *directory, struct records **records, int fd,
		       const struct damage *damage)
{
	char text[ERROR_TEXT_MAX] = "";
	struct error failure = ERROR_INIT;
	bool unsealing;

	if (!*records && sample_open(&sample, directory, records, &unsealing, &failure) != ERR_OK)
		errx(2, "%s", failure.text);
	damage_apply(plan, damage, fd);
	const enum outcome outcome = outcome_of(sample_read(&sample, *records, true, text));
	damage_undo(plan, damage, fd);
	if (outcome != HARMLESS) {
		records_close(*records);
		*records = NULL;
	}
	count(share, damage, outcome, text);
	if (options.has_only)
		printf("%s: %s: %s: %s\n", damage_class_names[damage->class], damage->text, outcome_names[outcome],
		       text);
}

/* -- workers ------------------------------------------------------------------------------------------------------ */

static void name_fault(enum map_fault fault, const char *text, const char *detail)
{
	own->faults[fault] += text[0] != '\0' && detail;
	_exit(ENDED_CODE);
}

static _Noreturn void work(unsigned job)
{
	const struct rlimit no_core = {0, 0}, cpu = {CPU_SECONDS, CPU_SECONDS};
	char directory[SAMPLE_PATH + 16], path[SAMPLE_PATH + 64];
	struct shared *share = &shares[job];
	struct records *records = NULL;
	struct damage *damage = malloc(sizeof(*damage));

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)setrlimit(RLIMIT_CPU, &cpu);
	own = share;
	if (options.is_live)
		map_faults_start(name_fault);
	snprintf(directory, sizeof(directory), "%s/worker%u", options.scratch, job);
	renew(directory);
	snprintf(path, sizeof(path), "%s/data/vault.db", directory);
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || !damage)
		err(2, "%s", path);
	for (unsigned i = 0; i < BATCH && share->at < images; i++, share->at += options.jobs) {
		plan_damage(plan, share->at, damage);
		if (options.is_live)
			check_live(share, directory, &records, fd, damage);
		else
			check_image(share, directory, fd, damage);
	}
	records_close(records);
	exit(0);
}

static pid_t start(unsigned job)
{
	fflush(stdout);
	const pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (pid == 0)
		work(job);
	return pid;
}

static void died(struct shared *share, enum outcome outcome, const char *text)
{
	static struct damage damage;

	plan_damage(plan, share->at, &damage);
	count(share, &damage, outcome, text);
	if (options.has_only)
		printf("%s: %s: %s: %s\n", damage_class_names[damage.class], damage.text, outcome_names[outcome], text);
	share->at += options.jobs;
}

static void run(uint64_t wanted)
{
	pid_t pids[JOBS_MAX];
	unsigned running = 0;

	memset(shares, 0, sizeof(*shares) * JOBS_MAX);
	images = wanted;
	for (unsigned job = 0; job < options.jobs; job++) {
		shares[job].at = options.has_only ? options.only : job;
		pids[job] = start(job);
		running++;
	}
	while (running > 0) {
		int status;
		unsigned job = 0;
		const pid_t pid = wait(&status);

		while (job < options.jobs && pids[job] != pid)
			job++;
		if (job == options.jobs)
			continue;
		if (WIFEXITED(status) && options.is_live && WEXITSTATUS(status) == ENDED_CODE)
			died(&shares[job], ENDED, "with a name");
		else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
			errx(2, "a worker failed at image %llu", (unsigned long long)shares[job].at);
		if (WIFSIGNALED(status))
			died(&shares[job], BAD_SIGNAL, strsignal(WTERMSIG(status)));
		if (shares[job].at < images)
			pids[job] = start(job);
		else
			running--;
	}
}

/* -- what came out --------------------------------------------------------------------------------------------------
 */

static uint64_t sum(unsigned class, enum outcome outcome)
{
	uint64_t total = 0;

	for (unsigned job = 0; job < options.jobs; job++)
		total += shares[job].counts[class][outcome];
	return total;
}

static void print_row(const char *name, const uint64_t counts[static OUTCOMES])
{
	uint64_t total = 0;

	for (unsigned i = 0; i < OUTCOMES; i++)
		total += counts[i];
	if (total == 0)
		return;
	printf("%-20s %8llu", name, (unsigned long long)total);
	for (unsigned i = 0; i < OUTCOMES; i++)
		printf(" %8llu", (unsigned long long)counts[i]);
	printf("\n");
}

static uint64_t report(const char *title)
{
	uint64_t totals[OUTCOMES] = {0}, counts[OUTCOMES], faults[MAP_FAULT_COUNT] = {0}, probed = 0, bad = 0;

	printf("%-20s %8s", title, "images");
	for (unsigned i = 0; i < OUTCOMES; i++)
		printf(" %8s", outcome_names[i]);
	printf("\n");
	for (unsigned class = 0; class < DAMAGE_CLASSES; class ++) {
		for (unsigned i = 0; i < OUTCOMES; i++) {
			counts[i] = sum(class, (enum outcome)i);
			totals[i] += counts[i];
		}
		print_row(damage_class_names[class], counts);
	}
	print_row("all", totals);
	for (unsigned job = 0; job < options.jobs; job++) {
		probed += shares[job].probed;
		for (unsigned i = 0; i < MAP_FAULT_COUNT; i++)
			faults[i] += shares[job].faults[i];
		for (unsigned i = 0; i < shares[job].bad && i < BAD_SHOWN; i++)
			printf("%s\n", shares[job].shown[i]);
	}
	for (unsigned i = BAD_UNNAMED; i < OUTCOMES; i++)
		bad += totals[i];
	printf("%s: bad %llu, ended %llu, written to %llu\n", title, (unsigned long long)bad,
	       (unsigned long long)totals[ENDED], (unsigned long long)probed);
	if (totals[ENDED] > 0)
		printf("# ended: %llu by a page that is not there, %llu by a fault inside of LMDB, %llu by an assertion of LMDB\n",
		       (unsigned long long)faults[MAP_FAULT_CUT_OFF], (unsigned long long)faults[MAP_FAULT_INSIDE],
		       (unsigned long long)faults[MAP_FAULT_ASSERTION]);
	return bad;
}

/* -- the whole --------------------------------------------------------------------------------------------------------
 */

static struct dice fixed;

/* The sample is the same at each run, so that a number always means the same image. */
static void fixed_random(void *out, size_t len)
{
	dice_fill(&fixed, out, len);
}

static void read_options(int argc, char **argv)
{
	static const struct option longs[] = {{"flips", 1, NULL, 'f'}, {"live", 1, NULL, 'l'},
					      {"seed", 1, NULL, 's'},  {"jobs", 1, NULL, 'j'},
					      {"weak", 1, NULL, 'w'},  {"wrong-oracle", 0, NULL, 'o'},
					      {"only", 1, NULL, 'n'},  {"weaknesses", 0, NULL, 'W'},
					      {"class", 1, NULL, 'c'}, {NULL, 0, NULL, 0}};

	for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		const uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;

		switch (option) {
		case 'f':
			options.flips = number;
			break;
		case 'l':
			options.live = number;
			break;
		case 's':
			options.seed = number;
			break;
		case 'j':
			options.jobs = number < 1 ? 1 : number > JOBS_MAX ? JOBS_MAX : number;
			break;
		case 'o':
			options.wrong_oracle = true;
			break;
		case 'n':
			options.has_only = true;
			options.only = number;
			options.jobs = 1;
			break;
		case 'c':
			options.class = optarg;
			break;
		case 'W':
			weak_list();
			exit(0);
		case 'w':
			if (!weak_choose(optarg))
				errx(2, "there is no weakness called %s", optarg);
			break;
		default:
			errx(2, "see the head of damage.c");
		}
	}
	if (optind != argc - 1)
		errx(2, "see the head of damage.c");
	options.scratch = argv[optind];
}

int main(int argc, char **argv)
{
	struct error failure = ERROR_INIT;
	uint64_t bad = 0, used, unused;
	char directory[SAMPLE_PATH];

	read_options(argc, argv);
	/* Memory is kept: each image takes the same again. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
	if (secret_arena_start(&failure) != ERR_OK)
		errx(2, "%s", failure.text);
	shares = mmap(NULL, sizeof(*shares) * JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED)
		err(2, "mmap");
	snprintf(directory, sizeof(directory), "%s/sample", options.scratch);
	if (mkdir(directory, 0700) != 0)
		err(2, "%s", directory);
	fixed = dice_new(options.seed, 1);
	random_replace(fixed_random);
	sample_make(&sample, directory, options.seed);
	random_replace(NULL);
	weak_arm();
	if (options.wrong_oracle)
		sample.records[sample.len / 2].bytes[0] ^= 1;
	for (unsigned live = 0; live < 2; live++) {
		options.is_live = live;
		if ((live ? options.live : options.flips) == 0)
			continue;
		plan = plan_new(&sample, options.seed, live ? options.live : options.flips);
		if (options.class && !plan_only(plan, options.class))
			errx(2, "there is no class called %s", options.class);
		plan_pages(plan, &used, &unused);
		printf("# %zu records, %llu pages in use, %llu free\n", sample.len, (unsigned long long)used,
		       (unsigned long long)unused);
		run(options.has_only ? options.only + 1 : plan_total(plan));
		bad += report(live ? "live" : "start");
	}
	return bad > 0;
}
