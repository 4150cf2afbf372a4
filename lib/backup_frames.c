#include "vault/backup_frames.h"

#include <endian.h>
#include <string.h>

#define MAGIC "VDBACKUP"
#define FORMAT 1
#define FINAL_BIT 0x80000000u

enum { AT_FORMAT = 8, AT_LENGTH = 12, AT_STORE = 16, AT_BACKUP = 32, AT_FORK = 48, AT_COUNTER = 64, AT_CREATED = 72, AT_RECORDS = 80, AT_ZEROS = 88 };

static void put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static void put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

/* -- front and frame ------------------------------------------------------------- */

void backup_front_write(const struct backup_front *front, uint8_t out[static BACKUP_FRONT_FIELDS])
{
	memset(out, 0, BACKUP_FRONT_FIELDS);
	memcpy(out, MAGIC, 8);
	out[AT_FORMAT] = FORMAT;
	put_u32(out + AT_LENGTH, BACKUP_FRONT_LEN);
	memcpy(out + AT_STORE, front->store_id, BACKUP_ID_LEN);
	memcpy(out + AT_BACKUP, front->backup_id, BACKUP_ID_LEN);
	memcpy(out + AT_FORK, front->fork_id, BACKUP_ID_LEN);
	put_u64(out + AT_COUNTER, front->counter);
	put_u64(out + AT_CREATED, (uint64_t)front->created);
	put_u64(out + AT_RECORDS, front->records);
}

static bool zeros_are_zero(const uint8_t *bytes)
{
	uint8_t seen = bytes[AT_FORMAT + 2] | bytes[AT_FORMAT + 3];

	for (size_t i = AT_ZEROS; i < BACKUP_FRONT_FIELDS; i++)
		seen |= bytes[i];
	return seen == 0;
}

enum error_code backup_front_begin(const uint8_t bytes[static BACKUP_FRONT_BEGIN], struct error *err)
{
	if (memcmp(bytes, MAGIC, BACKUP_FRONT_BEGIN) != 0)
		return error_set(err, ERR_INVALID, "this is not a backup of vaultd: it does not begin with " MAGIC);
	return ERR_OK;
}

enum error_code backup_front_read(const uint8_t bytes[static BACKUP_FRONT_FIELDS], struct backup_front *ret, struct error *err)
{
	unsigned format = bytes[AT_FORMAT] | (unsigned)bytes[AT_FORMAT + 1] << 8;
	struct backup_front front;

	if (backup_front_begin(bytes, err) != ERR_OK)
		return err->code;
	if (format > FORMAT)
		return error_set(err, ERR_FORMAT_NEWER, "the backup has format %u, this version reads up to %d: use a newer one", format,
				 FORMAT);
	if (format != FORMAT || get_u32(bytes + AT_LENGTH) != BACKUP_FRONT_LEN || !zeros_are_zero(bytes))
		return error_set(err, ERR_BACKUP_DAMAGED, "the front of the backup was changed: use another copy");
	memcpy(front.store_id, bytes + AT_STORE, BACKUP_ID_LEN);
	memcpy(front.backup_id, bytes + AT_BACKUP, BACKUP_ID_LEN);
	memcpy(front.fork_id, bytes + AT_FORK, BACKUP_ID_LEN);
	front.counter = get_u64(bytes + AT_COUNTER);
	front.created = (int64_t)get_u64(bytes + AT_CREATED);
	front.records = get_u64(bytes + AT_RECORDS);
	*ret = front;
	return ERR_OK;
}

void backup_frame_write(size_t chunk_len, bool final, uint8_t out[static BACKUP_FRAME_LEN])
{
	put_u32(out, (uint32_t)chunk_len | (final ? FINAL_BIT : 0));
}

enum error_code backup_frame_read(const uint8_t bytes[static BACKUP_FRAME_LEN], size_t *ret_len, bool *ret_final,
				  struct error *err)
{
	uint32_t value = get_u32(bytes), len = value & ~FINAL_BIT;

	if (len <= BACKUP_CHUNK_OVERHEAD || len > BACKUP_CHUNK_MAX)
		return error_set(err, ERR_BACKUP_DAMAGED, "a frame of the backup says that %u bytes follow, which no chunk has: it was changed; "
				 "use another copy", (unsigned)len);
	*ret_len = len;
	*ret_final = (value & FINAL_BIT) != 0;
	return ERR_OK;
}

/* -- the walk -------------------------------------------------------------------- */

/* Collects up to want bytes in walk->head; how many were taken. */
static size_t collect(struct backup_walk *walk, size_t want, const uint8_t *bytes, size_t len)
{
	size_t take = want - walk->head_len < len ? want - walk->head_len : len;

	memcpy(walk->head + walk->head_len, bytes, take);
	walk->head_len += take;
	return take;
}

static enum error_code take_head(struct backup_walk *walk, bool is_front, struct error *err)
{
	walk->head_len = 0;
	if (!is_front)
		return backup_frame_read(walk->head, &walk->left, &walk->final, err);
	if (backup_front_read(walk->head, &walk->front, err) != ERR_OK)
		return err->code;
	walk->left = BACKUP_HEADER_LEN;
	return ERR_OK;
}

enum error_code backup_walk_feed(struct backup_walk *walk, const void *bytes, size_t len, struct error *err)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		bool is_front = walk->bytes < BACKUP_FRONT_FIELDS;
		size_t want = is_front ? BACKUP_FRONT_FIELDS : BACKUP_FRAME_LEN;
		size_t used;

		if (walk->done)
			return error_set(err, ERR_BACKUP_DAMAGED, "something follows the end of the backup: it was changed");
		if (walk->left > 0) {
			used = walk->left < len ? walk->left : len;
			walk->left -= used;
			/* The first such piece is the header's copy, not a chunk. */
			if (walk->left == 0 && walk->bytes + used > BACKUP_FRONT_LEN) {
				walk->chunks++;
				walk->done = walk->final;
			}
		} else {
			used = collect(walk, want, at, len);
		}
		walk->bytes += used;
		at += used;
		len -= used;
		if (walk->head_len == want && take_head(walk, is_front, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

enum error_code backup_walk_end(const struct backup_walk *walk, struct error *err)
{
	if (walk->done)
		return ERR_OK;
	return error_set(err, ERR_BACKUP_CUT, "the backup is cut off: it ends after %llu bytes without its last chunk; use another copy",
			 (unsigned long long)walk->bytes);
}
