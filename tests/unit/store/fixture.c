#include "fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/memory_folder.h"

static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done_signal = PTHREAD_COND_INITIALIZER;

void fixture_make_directory(char directory[static 64])
{
	if (!memory_folder(directory, 64, "vault-store"))
		abort();
}

void fixture_remove_directory(const char *directory)
{
	static const char *const names[] = { "vault.db", "vault.db-lock", "lock", "control", "control.new" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	if (rmdir(directory) != 0)
		fail_msg("something is left in %s", directory);
}

static enum error_code open_with(const struct store_options *options, struct store **ret, struct error *err)
{
	return store_open(options, ret, err);
}

enum error_code try_open(const char *directory, bool create, bool walk, struct store **ret, struct error *err)
{
	const struct store_options options = {
		.directory = directory, .max_size = MAP_SIZE, .create = create, .skip_walk = !walk,
	};

	return open_with(&options, ret, err);
}

struct store *open_store(const char *directory, size_t max_size, bool walk)
{
	const struct store_options options = {
		.directory = directory, .max_size = max_size, .create = true, .skip_walk = !walk,
	};
	struct error err = ERROR_INIT;
	struct store *store = NULL;

	if (open_with(&options, &store, &err) != ERR_OK || store_start(store, &err) != ERR_OK)
		fail_msg("open: %s", err.text);
	return store;
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	fixture_make_directory(fixture->directory);
	fixture->store = open_store(fixture->directory, MAP_SIZE, false);
	*state = fixture;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	store_close(fixture->store);
	fixture_remove_directory(fixture->directory);
	free(fixture);
	return 0;
}

void value_fill(uint8_t value[static VALUE_LEN], uint64_t number)
{
	memset(value, 0, VALUE_LEN);
	memcpy(value, &number, sizeof(number));
	memcpy(value + VALUE_PIN_OFFSET, &number, sizeof(number));
	value[VALUE_PIN_OFFSET + VALUE_PIN_LEN - 1] = 0x5a;
}

uint64_t value_number(struct store_bytes value)
{
	uint64_t number, pin;

	if (value.len < VALUE_LEN)
		return UINT64_MAX - 1;
	memcpy(&number, value.at, sizeof(number));
	memcpy(&pin, value.at + VALUE_PIN_OFFSET, sizeof(pin));
	return number == pin ? number : UINT64_MAX - 1;
}

uint64_t read_number(struct store *store, const char *key)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	struct error err = ERROR_INIT;
	struct store_bytes value;

	if (store_snapshot_begin(store, &snapshot, &err) != ERR_OK)
		fail_msg("snapshot: %s", err.text);
	if (store_get(snapshot, key, strlen(key), &value) != ERR_OK)
		return UINT64_MAX;
	return value_number(value);
}

static enum error_code prepare_guard(struct change_request *change, const struct store_snapshot *snapshot,
				     struct store_write *write, struct error *err)
{
	const size_t key_len = strlen(change->key);
	struct store_bytes value;

	change->read_before = 0;
	if (change->guard_absent || store_get(snapshot, change->key, key_len, &value) != ERR_OK)
		return store_write_guard(write, change->key, key_len, NULL, err);
	change->read_before = value_number(value);
	return store_write_guard(write, change->key, key_len, value.at + VALUE_PIN_OFFSET, err);
}

static enum error_code prepare(struct store_request *request, const struct store_snapshot *snapshot,
			       struct store_write *write, struct error *err)
{
	struct change_request *change = (struct change_request *)(void *)request;
	const size_t key_len = strlen(change->key);
	const size_t len = change->len ? change->len : VALUE_LEN;
	enum error_code code;
	uint8_t *space;

	change->prepared++;
	if (change->prepare_code != ERR_OK)
		return error_set(err, change->prepare_code, "prepare() refused");
	if ((change->guard_absent || change->guard_read) && (code = prepare_guard(change, snapshot, write, err)) != ERR_OK)
		return code;
	if (change->delete)
		return store_write_delete(write, change->key, key_len, err);
	if ((code = store_write_put(write, change->key, key_len, len, &space, err)) != ERR_OK)
		return code;
	memset(space, 0, len);
	value_fill(space, change->read_before + change->number);
	return ERR_OK;
}

static void done(struct store_request *request, enum error_code outcome, const struct error *err)
{
	struct change_request *change = (struct change_request *)(void *)request;

	pthread_mutex_lock(&done_lock);
	if (change->is_done)
		abort();	/* exactly once */
	change->outcome = outcome;
	change->is_done = true;
	snprintf(change->text, sizeof(change->text), "%s", err->text);
	pthread_cond_broadcast(&done_signal);
	pthread_mutex_unlock(&done_lock);
}

enum error_code change_submit(struct store *store, struct change_request *change, struct error *err)
{
	if (!change->request.prepare)
		change->request.prepare = prepare;
	change->request.done = done;
	return store_submit(store, &change->request, err);
}

enum error_code change_wait(struct change_request *change)
{
	pthread_mutex_lock(&done_lock);
	while (!change->is_done)
		pthread_cond_wait(&done_signal, &done_lock);
	pthread_mutex_unlock(&done_lock);
	return change->outcome;
}

enum error_code change_run(struct store *store, struct change_request *change)
{
	struct error err = ERROR_INIT;
	const enum error_code code = change_submit(store, change, &err);

	return code == ERR_OK ? change_wait(change) : code;
}

enum error_code put_number(struct store *store, const char *key, uint64_t number)
{
	struct change_request change = { .key = key, .number = number };

	return change_run(store, &change);
}

bool wait_writable(struct store *store)
{
	const struct timespec moment = { 0, 10 * 1000 * 1000 };

	for (unsigned i = 0; i < 1000; i++) {
		struct error err = ERROR_INIT;
		struct store_counts counts;

		if (store_counts(store, &counts, &err) == ERR_OK && counts.writable)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}
