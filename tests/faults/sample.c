#include "sample.h"

#include <err.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dice.h"
#include "records/sealed_store.h"
#include "vault/limits.h"

#define ENVIRONMENTS 36
#define REVISIONS_KEPT 8
#define PROBE_SETTING 60000
#define MAP_SIZE ((size_t)256 << 20)

static const uint8_t tables[] = {
	TABLE_DATA_KEY,	 TABLE_HEAD,	    TABLE_SCHEMA,   TABLE_POLICY_ROTATION, TABLE_OPERATION, TABLE_TOKEN,
	TABLE_SECRET_ID, TABLE_REVOKED,	    TABLE_POLICY,   TABLE_MOUNT,	   TABLE_ROLE,	    TABLE_WRAPPED,
	TABLE_SETTING,	 TABLE_IDEMPOTENCY, TABLE_SETTINGS, TABLE_CUBBYHOLE,	   TABLE_QUOTA};

static struct secret_buf *buffer(void)
{
	struct secret_buf *buf = secret_buf_new(1u << 20);

	if (!buf)
		errx(2, "no memory");
	return buf;
}

/* -- opening -------------------------------------------------------------------------------------------- */

/* It stands, so that the sample has the same bytes at each run. */
static int64_t fixed_now(void *arg)
{
	(void)arg;
	return INT64_C(1764000000000000);
}

static enum error_code open_records(const char *directory, struct records **ret, struct error *err)
{
	char data[SAMPLE_PATH + 16], anchor[SAMPLE_PATH + 16];
	const struct records_options options = {.directory = data,
						.max_size = MAP_SIZE,
						.anchor_path = anchor,
						.anchor_mode = ANCHOR_RELAXED,
						.clock = {fixed_now, fixed_now, NULL}};

	snprintf(data, sizeof(data), "%s/data", directory);
	snprintf(anchor, sizeof(anchor), "%s/anchor", directory);
	return records_open(&options, ret, err);
}

static struct slot_secret slot_of(const struct sample *sample)
{
	return (struct slot_secret){
		.type = SLOT_KEY_FILE, .key = sample->slot_key, .key_len = sizeof(sample->slot_key), .label = ""};
}

enum error_code sample_open(const struct sample *sample, const char *directory, struct records **ret,
			    bool *ret_unsealing, struct error *err)
{
	const struct slot_secret slot = slot_of(sample);

	*ret_unsealing = false;
	if (open_records(directory, ret, err) != ERR_OK)
		return err->code;
	*ret_unsealing = true;
	if (records_unseal(*ret, &slot, -1, err) != ERR_OK) {
		records_close(*ret);
		*ret = NULL;
	}
	return err->code;
}

/* -- filling -------------------------------------------------------------------------------------------- */

struct environment {
	char path[32];
	uint8_t eid[ID_LEN];
	uint64_t oldest, current;
	struct head_revision revisions[REVISIONS_KEPT];
};

struct filling {
	struct records_request request;
	struct sample *sample;
	struct records *records;
	struct dice *dice;
	struct environment environments[ENVIRONMENTS];
	/* what the next request does */
	enum error_code (*step)(struct filling *filling, struct records_view *view, struct records_write *write,
				struct error *err);
	struct environment *environment;
	uint8_t table;
	size_t size;
	unsigned number;
};

static const uint8_t mount[ID_LEN] = {7};

static enum error_code prepare(struct records_request *request, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct filling *filling = (struct filling *)request;

	return filling->step(filling, view, write, err);
}

static void submit(struct filling *filling)
{
	struct error err = ERROR_INIT;

	filling->request.prepare = prepare;
	if (records_submit_wait(filling->records, &filling->request, &err) != ERR_OK)
		errx(2, "fill the sample: %s", err.text);
}

static enum error_code put_bytes(struct filling *filling, struct records_write *write, const struct record_key *key,
				 const uint8_t *eid, uint8_t *ret_pin, struct error *err)
{
	struct secret_buf *plain = buffer();
	uint8_t *bytes = secret_buf_reserve(plain, filling->size);

	dice_fill(filling->dice, bytes, filling->size);
	secret_buf_advance(plain, filling->size);
	const enum error_code code = records_put(write, key, eid, secret_buf_bytes(plain), filling->size, ret_pin, err);
	secret_buf_free(plain);
	return code;
}

static enum error_code put_head(const struct environment *environment, struct records_view *view,
				struct records_write *write, struct error *err)
{
	const struct record_key key = records_head_key(view, mount, environment->path, strlen(environment->path));
	struct head_record head = {.path = {environment->path, (uint32_t)strlen(environment->path)},
				   .data_key_version = 1,
				   .oldest = environment->oldest,
				   .current = environment->current,
				   .revisions_len = environment->current - environment->oldest + 1};
	struct secret_buf *plain = buffer();
	struct head_revision revisions[REVISIONS_KEPT];

	memcpy(head.mount, mount, ID_LEN);
	memcpy(revisions, environment->revisions, sizeof(revisions));
	head.revisions = revisions;
	encode_head(plain, &head);
	const enum error_code code =
		records_put(write, &key, environment->eid, secret_buf_bytes(plain), secret_buf_len(plain), NULL, err);
	secret_buf_free(plain);
	return code;
}

/* A revision of filling->size bytes; the oldest goes when there are too many. */
static enum error_code add_revision(struct filling *filling, struct records_view *view, struct records_write *write,
				    struct error *err)
{
	struct environment *environment = filling->environment;
	const bool is_new = environment->current == 0;

	if (is_new && records_new_eid(write, environment->eid, err) != ERR_OK)
		return err->code;
	environment->oldest += is_new;
	environment->current++;
	if (environment->current - environment->oldest == REVISIONS_KEPT) {
		const struct record_key gone = record_key_revision(environment->eid, environment->oldest++);

		memmove(environment->revisions, environment->revisions + 1,
			sizeof(environment->revisions[0]) * (REVISIONS_KEPT - 1));
		if (records_delete(write, &gone, err) != ERR_OK)
			return err->code;
	}
	struct head_revision *entry = &environment->revisions[environment->current - environment->oldest];
	const struct record_key key = record_key_revision(environment->eid, environment->current);

	*entry = (struct head_revision){.created = 1};
	if (put_bytes(filling, write, &key, environment->eid, entry->pin, err) != ERR_OK)
		return err->code;
	return put_head(environment, view, write, err);
}

static bool is_of_environment(uint8_t table)
{
	return table == TABLE_SCHEMA || table == TABLE_POLICY_ROTATION || table == TABLE_OPERATION ||
	       table == TABLE_SETTINGS;
}

static struct record_key key_of(const struct filling *filling)
{
	struct record_key key = {0};
	uint8_t id[ID_LEN] = {0};
	const uint8_t number = (uint8_t)filling->number;

	if (filling->table == TABLE_SETTING)
		return record_key_setting((uint16_t)(1000 + filling->number));
	if (is_of_environment(filling->table))
		memcpy(id, filling->environment->eid, ID_LEN);
	else
		crypto_generichash(id, sizeof(id), &number, 1, &filling->table, 0);
	id[0] ^= is_of_environment(filling->table) ? 0 : filling->table;
	key = record_key_id(filling->table, id);
	if (filling->table == TABLE_POLICY_ROTATION || filling->table == TABLE_OPERATION) {
		memset(key.bytes + key.len, 0, 12);
		key.len = (uint8_t)(key.len + (filling->table == TABLE_OPERATION ? 12 : 4));
		key.bytes[key.len - 1] = number;
	}
	return key;
}

/* Any record but K, H and R: they need nothing of what others hold. */
static enum error_code put_record(struct filling *filling, struct records_view *view, struct records_write *write,
				  struct error *err)
{
	const struct record_key key = key_of(filling);

	(void)view;
	return put_bytes(filling, write, &key, is_of_environment(filling->table) ? filling->environment->eid : NULL,
			 NULL, err);
}

static size_t some_size(struct dice *dice)
{
	static const size_t most[] = {60, 300, 300, 300, 1500, 1500, 9000};

	return 8 + dice_below(dice, most[dice_below(dice, ARRAY_LEN(most))]);
}

static void fill_environments(struct filling *filling, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		filling->environment =
			&filling->environments[i < ENVIRONMENTS ? i : dice_below(filling->dice, ENVIRONMENTS)];
		filling->size = i == 5 ? 120000 : i == 150 || i == 151 ? 40000 : some_size(filling->dice);
		filling->step = add_revision;
		submit(filling);
	}
}

static void fill_tables(struct filling *filling, unsigned from, unsigned to)
{
	for (size_t i = 2; i < sizeof(tables); i++)
		for (filling->number = from; filling->number < to; filling->number++) {
			filling->table = tables[i];
			filling->environment = &filling->environments[filling->number % ENVIRONMENTS];
			filling->size = 8 + dice_below(filling->dice, i % 3 ? 200 : 1500);
			filling->step = put_record;
			submit(filling);
		}
}

/* -- what is there ---------------------------------------------------------------------------------------- */

struct listing {
	struct sample *sample;
	struct records_view *view;
};

static void list(struct sample *sample, const struct record_key *key, const uint8_t *plain, size_t len)
{
	if (sample->len == SAMPLE_RECORDS)
		errx(2, "the sample has more than %d records", SAMPLE_RECORDS);
	struct sample_record *record = &sample->records[sample->len++];

	record->key = *key;
	record->len = len;
	record->bytes = malloc(len + 1);
	if (!record->bytes)
		errx(2, "no memory");
	memcpy(record->bytes, plain, len);
}

static void list_revisions(struct listing *listing, const uint8_t *eid, const uint8_t *plain, size_t len)
{
	struct secret_buf *out = buffer();
	struct head_record head = {0};
	struct error err = ERROR_INIT;

	if (decode_head(plain, len, &head, &err) != ERR_OK)
		errx(2, "%s", err.text);
	for (size_t i = 0; i < head.revisions_len; i++) {
		const struct record_key key = record_key_revision(eid, head.oldest + i);

		secret_buf_reset(out);
		if (records_read_revision(listing->view, eid, head.oldest + i, head.revisions[i].pin, out, &err) !=
		    ERR_OK)
			errx(2, "%s", err.text);
		list(listing->sample, &key, secret_buf_bytes(out), secret_buf_len(out));
	}
	head_record_free(&head);
	secret_buf_free(out);
}

static bool list_one(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t len,
		     const uint8_t *pin)
{
	struct listing *listing = arg;

	(void)pin;
	list(listing->sample, key, plain, len);
	if (key->bytes[0] == TABLE_HEAD)
		list_revisions(listing, kid, plain, len);
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct record_key *one = &((const struct sample_record *)a)->key,
				*other = &((const struct sample_record *)b)->key;
	const int order = memcmp(one->bytes, other->bytes, one->len < other->len ? one->len : other->len);

	return order ? order : (one->len > other->len) - (one->len < other->len);
}

static void list_all(struct sample *sample, struct records *records)
{
	struct listing listing = {.sample = sample};
	struct error err = ERROR_INIT;

	if (records_view_begin(records, &listing.view, &err) != ERR_OK)
		errx(2, "%s", err.text);
	for (size_t i = 0; i < sizeof(tables); i++)
		if (records_scan(listing.view, (enum table)tables[i], list_one, &listing, &err) != ERR_OK)
			errx(2, "%s", err.text);
	records_view_end(listing.view);
	qsort(sample->records, sample->len, sizeof(sample->records[0]), by_key);
}

/* -- making ----------------------------------------------------------------------------------------------- */

static uint8_t *read_file(const char *path, size_t *ret_len)
{
	struct stat info;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &info) != 0)
		err(2, "%s", path);
	uint8_t *bytes = malloc((size_t)info.st_size + 1);
	if (!bytes || read(fd, bytes, (size_t)info.st_size) != info.st_size)
		err(2, "%s", path);
	close(fd);
	*ret_len = (size_t)info.st_size;
	return bytes;
}

void sample_make(struct sample *sample, const char *directory, uint64_t seed)
{
	static const unsigned rounds[SAMPLE_COPIES] = {200, 60, 20, 3};
	struct dice dice = dice_new(seed, 0);
	struct filling filling = {.sample = sample, .dice = &dice};
	const struct slot_secret slot = slot_of(sample);
	struct error err = ERROR_INIT;
	char path[SAMPLE_PATH + 32];

	snprintf(sample->directory, sizeof(sample->directory), "%s", directory);
	snprintf(path, sizeof(path), "%s/data", directory);
	sample->records = calloc(SAMPLE_RECORDS, sizeof(sample->records[0]));
	dice_fill(&dice, sample->slot_key, sizeof(sample->slot_key));
	if (!sample->records || mkdir(path, 0700) != 0)
		errx(2, "the sample cannot be made in %s", directory);
	if (open_records(directory, &filling.records, &err) != ERR_OK ||
	    records_init(filling.records, &slot, NULL, NULL, &err) != ERR_OK)
		errx(2, "%s", err.text);
	for (unsigned i = 0; i < ENVIRONMENTS; i++)
		snprintf(filling.environments[i].path, sizeof(filling.environments[i].path), "shop/e%u", i);
	snprintf(path, sizeof(path), "%s/data/vault.db", directory);
	for (unsigned i = 0; i < SAMPLE_COPIES; i++) {
		fill_environments(&filling, rounds[i]);
		fill_tables(&filling, 0, 12 - i * 3); /* the first are put again, and take new versions */
		sample->old[i].bytes = read_file(path, &sample->old[i].len);
	}
	fill_environments(&filling, 2);
	list_all(sample, filling.records);
	records_close(filling.records);
	sample->now.bytes = read_file(path, &sample->now.len);
}

/* -- reading ---------------------------------------------------------------------------------------------- */

bool sample_error_is_named(enum error_code code)
{
	return code == ERR_STORE_DAMAGED || code == ERR_STORE_FOREIGN || code == ERR_STATE_DAMAGED ||
	       code == ERR_ROLLBACK || code == ERR_FORK || code == ERR_RECORD || code == ERR_SET_CHANGED ||
	       code == ERR_REVISION_MISSING || code == ERR_REVISION_UNKNOWN || code == ERR_FORMAT_NEWER;
}

struct comparing {
	const struct sample *sample;
	struct records_view *view;
	struct secret_buf *plain;
	uint8_t seen[SAMPLE_RECORDS];
	enum reading reading;
	char *text;
};

/* The worst finding counts. */
static void found(struct comparing *comparing, enum reading reading, const struct record_key *key, const char *sentence)
{
	if (reading <= comparing->reading)
		return;
	comparing->reading = reading;
	snprintf(comparing->text, ERROR_TEXT_MAX, "table %c: %.400s", key->bytes[0], sentence);
}

static void failed(struct comparing *comparing, const struct record_key *key, const struct error *err)
{
	char sentence[ERROR_TEXT_MAX + 32];

	snprintf(sentence, sizeof(sentence), "%s: %s", error_name(err->code), err->text);
	found(comparing, sample_error_is_named(err->code) ? READING_ERROR : READING_UNNAMED, key, sentence);
}

static void compare(struct comparing *comparing, const struct record_key *key, const uint8_t *plain, size_t len)
{
	const struct sample_record wanted = {.key = *key};
	const struct sample_record *record =
		bsearch(&wanted, comparing->sample->records, comparing->sample->len, sizeof(wanted), by_key);
	const struct record_key probe = record_key_setting(PROBE_SETTING);

	if (!record && by_key(&wanted, &(struct sample_record){.key = probe}) == 0)
		return;
	if (!record) {
		found(comparing, READING_WRONG, key, "a record that nobody wrote");
		return;
	}
	if (len != record->len || memcmp(plain, record->bytes, len) != 0)
		found(comparing, READING_WRONG, key, "another value");
	comparing->seen[record - comparing->sample->records] = 1;
}

static void compare_revisions(struct comparing *comparing, const uint8_t *eid, const uint8_t *plain, size_t len)
{
	struct head_record head = {0};
	struct error err = ERROR_INIT;

	if (decode_head(plain, len, &head, &err) != ERR_OK)
		return;
	for (size_t i = 0; i < head.revisions_len; i++) {
		const struct record_key key = record_key_revision(eid, head.oldest + i);
		struct error failure = ERROR_INIT;

		secret_buf_reset(comparing->plain);
		if (records_read_revision(comparing->view, eid, head.oldest + i, head.revisions[i].pin,
					  comparing->plain, &failure) == ERR_OK) {
			compare(comparing, &key, secret_buf_bytes(comparing->plain), secret_buf_len(comparing->plain));
			continue;
		}
		failed(comparing, &key, &failure);
	}
	head_record_free(&head);
}

static bool compare_one(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t len,
			const uint8_t *pin)
{
	struct comparing *comparing = arg;

	(void)pin;
	compare(comparing, key, plain, len);
	if (key->bytes[0] == TABLE_HEAD)
		compare_revisions(comparing, kid, plain, len);
	return true;
}

static void compare_alone(struct comparing *comparing, const struct record_key *key)
{
	struct error err = ERROR_INIT;

	if (key->bytes[0] == TABLE_REVISION)
		return;
	secret_buf_reset(comparing->plain);
	const enum error_code code = records_read(comparing->view, key, comparing->plain, NULL, NULL, &err);
	if (code == ERR_OK)
		compare(comparing, key, secret_buf_bytes(comparing->plain), secret_buf_len(comparing->plain));
	else if (code == ERR_NOT_FOUND)
		found(comparing, READING_MISSING, key, "not found");
	else
		failed(comparing, key, &err);
}

/* What was not seen is missing, unless an error said why. */
static void compare_counts(struct comparing *comparing)
{
	for (size_t i = 0; i < comparing->sample->len && comparing->reading == READING_EQUAL; i++)
		if (!comparing->seen[i])
			found(comparing, READING_MISSING, &comparing->sample->records[i].key, "not there");
}

enum reading sample_read(const struct sample *sample, struct records *records, bool alone,
			 char text[static ERROR_TEXT_MAX])
{
	struct comparing comparing = {.sample = sample, .plain = buffer(), .text = text};
	struct error err = ERROR_INIT;

	if (records_view_begin(records, &comparing.view, &err) != ERR_OK) {
		failed(&comparing, &sample->records[0].key, &err);
		secret_buf_free(comparing.plain);
		return comparing.reading;
	}
	for (size_t i = 0; alone && i < sample->len; i++)
		compare_alone(&comparing, &sample->records[i].key);
	for (size_t i = 0; i < sizeof(tables); i++) {
		const struct record_key table = {.len = 1, .bytes = {tables[i]}};
		struct error failure = ERROR_INIT;

		if (records_scan(comparing.view, (enum table)tables[i], compare_one, &comparing, &failure) != ERR_OK)
			failed(&comparing, &table, &failure);
	}
	records_view_end(comparing.view);
	compare_counts(&comparing);
	secret_buf_free(comparing.plain);
	return comparing.reading;
}

struct probe {
	struct records_request request;
	const struct sample *sample;
	bool again;
};

static enum error_code put_again(const struct sample_record *record, struct records_view *view,
				 struct records_write *write, struct error *err)
{
	struct secret_buf *plain = buffer();
	uint8_t kid[ID_LEN];
	enum error_code code = records_read(view, &record->key, plain, NULL, kid, err);

	if (code == ERR_OK)
		code = records_put(write, &record->key, memcmp(kid, system_kid, ID_LEN) == 0 ? NULL : kid,
				   record->bytes, record->len, NULL, err);
	secret_buf_free(plain);
	return code == ERR_NOT_FOUND ? error_set(err, ERR_INTERNAL, "a record that was there is not") : code;
}

static enum error_code put_probe(struct records_request *request, struct records_view *view,
				 struct records_write *write, struct error *err)
{
	const struct probe *probe = (struct probe *)request;
	const struct record_key key = record_key_setting(PROBE_SETTING);
	static const uint8_t large[60000];

	for (size_t i = 0; probe->again && i < probe->sample->len; i++) {
		const uint8_t table = probe->sample->records[i].key.bytes[0];

		if (table != TABLE_REVISION && table != TABLE_DATA_KEY &&
		    put_again(&probe->sample->records[i], view, write, err) != ERR_OK)
			return err->code;
	}
	return records_put(write, &key, NULL, large, sizeof(large), NULL, err);
}

enum error_code sample_probe(const struct sample *sample, struct records *records, struct error *err)
{
	struct probe probe = {.request.prepare = put_probe, .sample = sample, .again = true};

	if (records_submit_wait(records, &probe.request, err) != ERR_OK)
		return err->code;
	probe.again = false;
	return records_submit_wait(records, &probe.request, err);
}
