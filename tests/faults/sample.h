/*
 * A vault with records of all tables and sizes, made once, and the question whether what is read of it is still that.
 *
 * sample_make() fills a directory: "data" with the vault, "anchor" beside it, both as a stop leaves them, and copies of
 * vault.db from some commits before. A copy of the directory, damaged in whatever way, is then opened with
 * sample_open() and read with sample_read(), which compares each record with what was written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/records.h"

#define SAMPLE_RECORDS 2048
#define SAMPLE_COPIES 4
#define SAMPLE_PATH 256

/* A record as it was written. For revisions the key is that of the record, and the pin stands in a head. */
struct sample_record {
	struct record_key key;
	uint8_t *bytes;
	size_t len;
};

struct sample {
	char directory[SAMPLE_PATH];
	uint8_t slot_key[32];
	struct sample_record *records; /* SAMPLE_RECORDS, in key order */
	size_t len;
	struct {
		uint8_t *bytes;
		size_t len;
	} now, old[SAMPLE_COPIES]; /* vault.db, and older ones, the oldest first */
};

/* Exits with a sentence when it cannot be made. The same seed gives the same records, not the same bytes. */
void sample_make(struct sample *sample, const char *directory, uint64_t seed);

/* directory holds "data" and "anchor". Opens, and unseals; ERR_OK or what refused it. */
enum error_code sample_open(const struct sample *sample, const char *directory, struct records **ret,
			    bool *ret_unsealing, struct error *err) must_check;

/* How reading everything ended. */
enum reading {
	READING_EQUAL,	 /* each record is there and what was written */
	READING_ERROR,	 /* some had a named error, all others are equal */
	READING_UNNAMED, /* an error that does not say that the store is damaged */
	READING_WRONG,	 /* a record differs, or one that nobody wrote */
	READING_MISSING, /* one is not there, and no error said so */
};

/*
 * Reads every record: all tables by a scan, and every revision that a head names; with by_key each record of a table
 * also alone. text says which record, and which error.
 */
enum reading sample_read(const struct sample *sample, struct records *records, bool by_key,
			 char text[static ERROR_TEXT_MAX]);

/* True for the codes that tell a person that what is stored is damaged or was changed. */
bool sample_error_is_named(enum error_code code);

/* Puts each record but data keys and revisions as it is, and a large setting twice: every page that holds one is
 * written anew, and free pages are used. */
enum error_code sample_probe(const struct sample *sample, struct records *records, struct error *err) must_check;
