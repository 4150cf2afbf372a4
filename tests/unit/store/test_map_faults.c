/* A database that is damaged while it is open: the process ends with a name, and with a signal only where it is not LMDB's. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "store/integrity.h"
#include "store/map_faults.h"

/* Offsets in LMDB's pages. */
enum { PAGE_FLAGS_AT = 10, PAGE_LOWER_AT = 12, PAGE_HEADER = 16, ENTRY_FLAGS_AT = 4, BRANCH = 1, LEAF = 2, DUPLICATES = 4 };

enum { ENDED_WITH_A_NAME = 65, READ_EVERYTHING = 3 };

static int report;	/* the end of a pipe, in the child */

static void end(enum map_fault fault, const char *text, const char *detail)
{
	const char kind = (char)('0' + fault);

	(void)!write(report, &kind, 1);
	(void)!write(report, text, strlen(text));
	(void)!write(report, "|", 1);
	(void)!write(report, detail, strlen(detail));
	_exit(ENDED_WITH_A_NAME);
}

/* -- what is done to a file that is open ---------------------------------------------------------------- */

static uint16_t u16_at(const uint8_t *at)
{
	uint16_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

static void set_u16(uint8_t *at, uint16_t number)
{
	memcpy(at, &number, sizeof(number));
}

static void cut_off(const struct image *image)
{
	if (truncate(image->path, 2 * STORE_PAGE) != 0)
		_exit(1);
}

/* In place: LMDB sees it through its map. */
static void write_page(const struct image *image, const uint8_t *page)
{
	const int fd = open(image->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, page, STORE_PAGE, page - image->bytes) != (ssize_t)STORE_PAGE)
		_exit(1);
	close(fd);
}

/* Every entry says that it has several values, which databases of ours never have. */
static void pretend_duplicates(const struct image *image)
{
	for (uint8_t *page = image->bytes + 2 * STORE_PAGE; page < image->bytes + image->len; page += STORE_PAGE) {
		const size_t entries = (size_t)(u16_at(page + PAGE_LOWER_AT) - PAGE_HEADER) / 2;

		if (u16_at(page + PAGE_FLAGS_AT) != LEAF)
			continue;
		for (size_t i = 0; i < entries && i < STORE_PAGE / 2; i++)
			page[u16_at(page + PAGE_HEADER + 2 * i) + ENTRY_FLAGS_AT] |= DUPLICATES;
		write_page(image, page);
	}
}

/* A branch page with one entry alone. */
static void take_branches_away(const struct image *image)
{
	for (uint8_t *page = image->bytes + 2 * STORE_PAGE; page < image->bytes + image->len; page += STORE_PAGE)
		if (u16_at(page + PAGE_FLAGS_AT) == BRANCH) {
			set_u16(page + PAGE_LOWER_AT, PAGE_HEADER + 2);
			write_page(image, page);
		}
}

/* -- what happens then ----------------------------------------------------------------------------------- */

static bool ignore(void *arg, struct store_bytes key, struct store_bytes value)
{
	(void)arg;
	(void)key;
	(void)value;
	return true;
}

/* Also by keys: a walk meets other assertions than a search. */
static void *read_all(void *arg)
{
	struct store *store = arg;
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	struct error err = ERROR_INIT;
	struct store_bytes value;

	if (store_snapshot_begin(store, &snapshot, &err) != ERR_OK)
		return NULL;
	for (unsigned i = 0; i < IMAGE_KEYS; i++) {
		char key[8];

		snprintf(key, sizeof(key), "%03u", i);
		(void)!store_get(snapshot, key, strlen(key), &value);
	}
	(void)!store_scan(snapshot, NULL, 0, true, ignore, NULL, &err);
	return NULL;
}

struct ending {
	int status;
	char text[600];
};

/* Opens a store in a child, damages its file, and reads it on another thread. */
static struct ending read_damaged(const struct image *image, bool started, void (*damage)(const struct image *image))
{
	struct ending ending = { 0 };
	int ends[2];

	image_write(image, image->bytes, image->len);
	assert_int_equal(pipe(ends), 0);
	const pid_t child = fork();
	if (child == 0) {
		const struct rlimit no_core = { 0, 0 };
		struct store *store = NULL;
		struct error err = ERROR_INIT;
		pthread_t thread;

		(void)setrlimit(RLIMIT_CORE, &no_core);
		/* The library of the tests has handlers of its own. */
		(void)signal(SIGABRT, SIG_DFL);
		(void)signal(SIGSEGV, SIG_DFL);
		(void)signal(SIGBUS, SIG_DFL);
		(void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);	/* LMDB prints, when nobody else speaks */
		report = ends[1];
		if (started)
			map_faults_start(end);
		if (try_open(image->directory, false, true, &store, &err) != ERR_OK)
			_exit(1);
		damage(image);
		if (pthread_create(&thread, NULL, read_all, store) != 0 || pthread_join(thread, NULL) != 0)
			_exit(1);
		_exit(READ_EVERYTHING);
	}
	assert_true(child > 0);
	close(ends[1]);
	for (size_t len = 0; len < sizeof(ending.text) - 1;) {
		const ssize_t got = read(ends[0], ending.text + len, sizeof(ending.text) - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(ends[0]);
	assert_int_equal(waitpid(child, &ending.status, 0), child);
	return ending;
}

static void assert_named(struct ending ending, enum map_fault fault, const char *text)
{
	assert_true(WIFEXITED(ending.status));
	assert_int_equal(WEXITSTATUS(ending.status), ENDED_WITH_A_NAME);
	assert_int_equal(ending.text[0], '0' + (int)fault);
	assert_non_null(strstr(ending.text, text));
	assert_non_null(strstr(ending.text, "vault.db"));
}

static void test_a_file_that_is_cut_off(void **state)
{
	assert_named(read_damaged(*state, true, cut_off), MAP_FAULT_CUT_OFF, "|page ");
}

static void test_a_fault_inside_of_lmdb(void **state)
{
	const struct ending ending = read_damaged(*state, true, pretend_duplicates);

	assert_named(ending, MAP_FAULT_INSIDE, "damaged while it was open|liblmdb+0x");
	assert_true(strtoul(strstr(ending.text, "+0x") + 1, NULL, 16) > 0);
}

static void test_an_assertion_of_lmdb(void **state)
{
	assert_named(read_damaged(*state, true, take_branches_away), MAP_FAULT_ASSERTION, "|mdb.c:");
}

/* What the damages are without it: the images are what they are meant to be. */
static void test_without_it_each_is_a_signal(void **state)
{
	const struct {
		void (*damage)(const struct image *image);
		int number;
	} rows[] = { { cut_off, SIGBUS }, { pretend_duplicates, SIGSEGV }, { take_branches_away, SIGABRT } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ending ending = read_damaged(*state, false, rows[i].damage);

		assert_string_equal(ending.text, "");
		assert_true(WIFSIGNALED(ending.status));
		assert_int_equal(WTERMSIG(ending.status), rows[i].number);
	}
}

/* -- what is not LMDB's ------------------------------------------------------------------------------------ */

static void fault_of_our_own(const struct image *image)
{
	(void)image;
	volatile int *nothing = mmap(NULL, STORE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*nothing = 1;
}

static void another_file_is_cut_off(const struct image *image)
{
	(void)image;
	const int fd = memfd_create("another", MFD_CLOEXEC);
	volatile int *gone = mmap(NULL, STORE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	*gone = 1;
}

/* Before it is known where the map lies. */
static void a_file_is_cut_off_at_the_opening(const struct image *image)
{
	map_faults_expect();
	another_file_is_cut_off(image);
}

static void test_a_file_that_is_cut_off_at_the_opening(void **state)
{
	assert_named(read_damaged(*state, true, a_file_is_cut_off_at_the_opening), MAP_FAULT_CUT_OFF, "cut off");
}

static void sent_segv(const struct image *image)
{
	(void)image;
	(void)kill(getpid(), SIGSEGV);
}

static void sent_bus(const struct image *image)
{
	(void)image;
	(void)kill(getpid(), SIGBUS);
}

static void test_all_other_faults_are_what_they_were(void **state)
{
	const struct {
		void (*damage)(const struct image *image);
		int number;
	} rows[] = { { fault_of_our_own, SIGSEGV }, { another_file_is_cut_off, SIGBUS }, { sent_segv, SIGSEGV }, { sent_bus, SIGBUS } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ending ending = read_damaged(*state, true, rows[i].damage);

		assert_string_equal(ending.text, "");
		assert_true(WIFSIGNALED(ending.status));
		assert_int_equal(WTERMSIG(ending.status), rows[i].number);
	}
}

static void nothing(const struct image *image)
{
	(void)image;
}

static void test_a_sound_file_is_read(void **state)
{
	const struct ending ending = read_damaged(*state, true, nothing);

	assert_string_equal(ending.text, "");
	assert_true(WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == READ_EVERYTHING);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, image_setup, image_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_sound_file_is_read),
		TEST(test_a_file_that_is_cut_off),
		TEST(test_a_file_that_is_cut_off_at_the_opening),
		TEST(test_a_fault_inside_of_lmdb),
		TEST(test_an_assertion_of_lmdb),
		TEST(test_without_it_each_is_a_signal),
		TEST(test_all_other_faults_are_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
