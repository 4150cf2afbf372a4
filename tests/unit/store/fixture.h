/*
 * What the store's tests share: a directory of their own, and requests that wait for their outcome.
 *
 * A value is VALUE_LEN bytes: a number at the front, and a pin that follows from the number.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define VALUE_LEN 96
#define MAP_SIZE (64u * 1024 * 1024)

struct fixture {
	char directory[64];
	struct store *store;
};

/* cmocka: a fresh, started store in a new directory, without the walk. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_make_directory(char directory[static 64]);
void fixture_remove_directory(const char *directory);

struct store *open_store(const char *directory, size_t max_size, bool walk);
enum error_code try_open(const char *directory, bool create, bool walk, struct store **ret, struct error *err);

void value_fill(uint8_t value[static VALUE_LEN], uint64_t number);
uint64_t value_number(struct store_bytes value);
/* UINT64_MAX: absent. */
uint64_t read_number(struct store *store, const char *key);

/* One request that changes one key. Zeroes mean: no guard, put VALUE_LEN bytes. */
struct change_request {
	struct store_request request;	/* first, so that one is the other; its prepare() may be the test's own */
	const char *key;
	uint64_t number;
	size_t len;			/* of the value, 0: VALUE_LEN */
	bool delete;
	bool guard_absent;
	bool guard_read;		/* guards what prepare() reads and puts it + number: a counter */
	enum error_code prepare_code;	/* what prepare() answers, if not ERR_OK */
	unsigned prepared;		/* how often */
	uint64_t read_before;		/* by guard_read */

	enum error_code outcome;
	bool is_done;
	char text[ERROR_TEXT_MAX];
};

/* Submits without waiting; what store_submit() answers. */
enum error_code change_submit(struct store *store, struct change_request *change, struct error *err);
enum error_code change_wait(struct change_request *change);
/* Both: the outcome, or what store_submit() answered. */
enum error_code change_run(struct store *store, struct change_request *change);
enum error_code put_number(struct store *store, const char *key, uint64_t number);

/* Waits at most ten seconds until the store takes writes again. */
bool wait_writable(struct store *store);
