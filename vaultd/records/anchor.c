#include "records/anchor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "records/header_copy.h"
#include "vault/files.h"

#define MAGIC "VDANCHR1"

enum {
	ANCHOR_AT_STORE_ID = 8,
	ANCHOR_AT_FORK_ID = 24,
	ANCHOR_AT_COUNTER = 40,
	ANCHOR_AT_COMMIT = 48,
	ANCHOR_AT_TIME = 80,
	ANCHOR_AT_MAC = 96,
	ANCHOR_SLOT_DISTANCE = 4096,
	ANCHOR_FILE_LEN = 8192,
};

static_assert(ANCHOR_AT_MAC + 32 <= ANCHOR_SLOT_LEN, "a slot holds its MAC");

struct anchor {
	int fd;
};

static void mac_of(const struct secret_key *anchor_key, const uint8_t *slot, uint8_t ret[static 32])
{
	const struct byte_part part = { slot, ANCHOR_AT_MAC };

	blake2b_parts(ret, 32, anchor_key->bytes, KEY_LEN, "vaultd-anch-v001", &part, 1);
}

void anchor_encode(const struct secret_key *anchor_key, const struct anchor_point *point, uint8_t out[static ANCHOR_SLOT_LEN])
{
	memset(out, 0, ANCHOR_SLOT_LEN);
	memcpy(out, MAGIC, 8);
	memcpy(out + ANCHOR_AT_STORE_ID, point->store_id, ID_LEN);
	memcpy(out + ANCHOR_AT_FORK_ID, point->fork_id, ID_LEN);
	copy_set_u64(out, ANCHOR_AT_COUNTER, point->counter);
	memcpy(out + ANCHOR_AT_COMMIT, point->commit, sizeof(point->commit));
	copy_set_u64(out, ANCHOR_AT_TIME, (uint64_t)point->time);
	mac_of(anchor_key, out, out + ANCHOR_AT_MAC);
}

static bool decode(const struct secret_key *anchor_key, const uint8_t *store_id, const uint8_t *slot, struct anchor_point *ret)
{
	uint8_t mac[32];

	if (memcmp(slot, MAGIC, 8) != 0 || memcmp(slot + ANCHOR_AT_STORE_ID, store_id, ID_LEN) != 0)
		return false;
	mac_of(anchor_key, slot, mac);
	if (sodium_memcmp(mac, slot + ANCHOR_AT_MAC, sizeof(mac)) != 0)
		return false;
	memcpy(ret->store_id, slot + ANCHOR_AT_STORE_ID, ID_LEN);
	memcpy(ret->fork_id, slot + ANCHOR_AT_FORK_ID, ID_LEN);
	ret->counter = copy_u64(slot, ANCHOR_AT_COUNTER);
	memcpy(ret->commit, slot + ANCHOR_AT_COMMIT, sizeof(ret->commit));
	ret->time = (int64_t)copy_u64(slot, ANCHOR_AT_TIME);
	return true;
}

void anchor_close(struct anchor *anchor)
{
	if (!anchor)
		return;
	close(anchor->fd);
	free(anchor);
}

static enum error_code check_file(int fd, const char *path, struct error *err)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return error_set_errno(err, ERR_IO, errno, "look at the anchor %s", path);
	if (!S_ISREG(info.st_mode) || (info.st_uid != geteuid() && info.st_uid != 0) || (info.st_mode & 077))
		return error_set(err, ERR_PERMISSION, "the anchor %s must be a regular file of yours with mode 0600: chmod 600 %s",
				 path, path);
	return ERR_OK;
}

static int open_or_create(const char *path, bool create, bool *ret_created)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

	*ret_created = fd < 0 && errno == ENOENT && create;
	if (*ret_created)
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd;
}

enum error_code anchor_check_directory(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	const int len = slash ? (int)(slash - path) : 0;
	char directory[PATH_MAX];
	struct stat info;

	if (len == 0 || snprintf(directory, sizeof(directory), "%.*s", len, path) >= PATH_MAX)
		return ERR_OK;	/* / and the working directory are there */
	if (stat(directory, &info) == 0 || errno != ENOENT)
		return ERR_OK;
	/* A command that was cut would make another directory. */
	return error_set(err, ERR_CONFIG, "the directory %.200s of the anchor does not exist: make it%s%.200s%s, or mount what it is on, "
					  "before vaultd starts, which must be able to write there", directory,
			 len <= 200 ? " (mkdir -p " : "", len <= 200 ? directory : "", len <= 200 ? ")" : "");
}

enum error_code anchor_open(const char *path, bool create, struct anchor **ret, struct error *err)
{
	bool created;
	cleanup_(fd_closep) int fd = open_or_create(path, create, &created);
	struct anchor *anchor;

	if (fd < 0 && errno == ENOENT && anchor_check_directory(path, err) != ERR_OK)
		return err->code = ERR_ANCHOR_MISSING;
	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERR_ANCHOR_MISSING, "the anchor %s is not there; put it back", path);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "open the anchor %s", path);
	if (check_file(fd, path, err) != ERR_OK)
		return err->code;
	if (created && (ftruncate(fd, ANCHOR_FILE_LEN) != 0 || fsync(fd) != 0))
		return error_set_errno(err, ERR_IO, errno, "make the anchor %s", path);
	if (created && directory_sync_parent(path, err) != ERR_OK)
		return err->code;
	anchor = malloc(sizeof(*anchor));
	if (!anchor)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the anchor");
	anchor->fd = fd;
	fd = -1;
	*ret = anchor;
	return ERR_OK;
}

/* The number of the valid slot with the highest counter, or -1. */
static int best_slot(const struct anchor *anchor, const struct secret_key *anchor_key, const uint8_t *store_id,
		     struct anchor_point *ret)
{
	int best = -1;

	for (int i = 0; i < 2; i++) {
		uint8_t slot[ANCHOR_SLOT_LEN] = { 0 };
		struct anchor_point point;

		if (pread(anchor->fd, slot, sizeof(slot), (off_t)i * ANCHOR_SLOT_DISTANCE) != (ssize_t)sizeof(slot) ||
		    !decode(anchor_key, store_id, slot, &point))
			continue;
		if (best < 0 || point.counter > ret->counter) {
			*ret = point;
			best = i;
		}
	}
	return best;
}

enum error_code anchor_read(struct anchor *anchor, const struct secret_key *anchor_key, const uint8_t store_id[static ID_LEN],
			    struct anchor_point *ret, struct error *err)
{
	struct anchor_point point = { 0 };

	if (best_slot(anchor, anchor_key, store_id, &point) < 0)
		return error_set(err, ERR_ANCHOR_MISSING, "the anchor file holds nothing of this vault; put back the right one");
	*ret = point;
	return ERR_OK;
}

enum error_code anchor_write(struct anchor *anchor, const struct secret_key *anchor_key, const struct anchor_point *point,
			     struct error *err)
{
	struct anchor_point highest = { 0 };
	int best = best_slot(anchor, anchor_key, point->store_id, &highest);
	uint8_t slot[ANCHOR_SLOT_LEN];
	ssize_t n;

	anchor_encode(anchor_key, point, slot);
	do
		n = pwrite(anchor->fd, slot, sizeof(slot), best == 0 ? ANCHOR_SLOT_DISTANCE : 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(slot))
		return error_set_errno(err, ERR_IO, n < 0 ? errno : EIO, "write the anchor");
	if (fdatasync(anchor->fd) != 0)
		return error_set_errno(err, ERR_IO, errno, "sync the anchor");
	return ERR_OK;
}
