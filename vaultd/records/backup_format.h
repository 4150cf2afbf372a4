/*
 * A backup, written and read (docs/storage-format.md section 9). The outside,
 * front and frames, is that of vault/backup_frames.h; here is what the chunks
 * hold.
 *
 * A chunk is sealed under a key of this one backup: from the base key and a
 * hash of the whole front, so that another front, or a chunk of another backup,
 * opens nothing. Its number and whether it is the last are sealed with it. So
 * what is cut off, left out, moved, exchanged, changed or added is found, and
 * is never taken for a smaller vault.
 *
 * The plaintext of all chunks but the last is one stream of records in key
 * order, as they stand in the store (sealed themselves): u16 length and key, u32
 * length and value. The last chunk holds the counts and the state record.
 *
 * Not safe for use by several threads; any thread may.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "records/header.h"
#include "records/value.h"
#include "store/store.h"
#include "vault/attributes.h"
#include "vault/backup_frames.h"
#include "vault/error.h"

#define BACKUP_STATE_LEN (VALUE_OVERHEAD + 320)

/* What the last chunk says. */
struct backup_summary {
	uint64_t n_live, n_revisions;
	uint8_t state[BACKUP_STATE_LEN];	/* the value of the state record */
};

/* Where the stream goes: takes all of it or fails. */
typedef enum error_code backup_write(void *arg, const void *bytes, size_t len, struct error *err);
/* Where it comes from: *ret_len 0 at the end. */
typedef enum error_code backup_read(void *arg, void *bytes, size_t size, size_t *ret_len, struct error *err);

/* -- writing ---------------------------------------------------------------------- */

struct backup_writer;
void backup_writer_free(struct backup_writer *writer);	/* wipes; NULL is allowed */
/* Writes the front. base_key is the newest of the header's keyring; it is not kept. The header is one copy. */
enum error_code backup_writer_new(const struct backup_front *front, const struct header *header,
				  const struct secret_key *base_key, backup_write *write, void *arg,
				  struct backup_writer **ret, struct error *err) must_check;
/* Keys ascend. */
enum error_code backup_writer_record(struct backup_writer *writer, struct store_bytes key, struct store_bytes value,
				     struct error *err) must_check;
enum error_code backup_writer_end(struct backup_writer *writer, const struct backup_summary *summary, struct error *err)
	must_check;

/* -- reading ---------------------------------------------------------------------- */

struct backup_reader;
void backup_reader_free(struct backup_reader *reader);	/* wipes; NULL is allowed */
/* Reads the front. ERR_INVALID: no backup. ERR_FORMAT_NEWER, ERR_BACKUP_CUT, ERR_BACKUP_DAMAGED, ERR_HEADER_DAMAGED. */
enum error_code backup_reader_new(backup_read *read, void *arg, struct backup_reader **ret, struct error *err) must_check;
const struct backup_front *backup_reader_front(const struct backup_reader *reader);
/* The copy of vault.hdr that it holds. It belongs to the reader. */
struct header *backup_reader_header(struct backup_reader *reader);
/* With the newest base key of the header's keyring; before the first record. It is not kept. */
void backup_reader_unlock(struct backup_reader *reader, const struct secret_key *base_key);
/*
 * The next record, valid until the next call. ERR_NOT_FOUND without a sentence: the backup was read to its end and everything
 * fits; the summary is valid then. ERR_BACKUP_CUT, ERR_BACKUP_DAMAGED.
 */
enum error_code backup_reader_next(struct backup_reader *reader, struct store_bytes *ret_key, struct store_bytes *ret_value,
				   struct error *err) must_check;
const struct backup_summary *backup_reader_summary(const struct backup_reader *reader);
/* Bytes and records so far, for progress. */
uint64_t backup_reader_bytes(const struct backup_reader *reader);
uint64_t backup_reader_records(const struct backup_reader *reader);

DEFINE_CLEANUP(struct backup_writer *, backup_writer_free);
DEFINE_CLEANUP(struct backup_reader *, backup_reader_free);
