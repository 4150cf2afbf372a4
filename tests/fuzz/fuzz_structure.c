/*
 * vault.db from anywhere: the input's pieces are laid over a small sound database, and the meta pages are read and the pages
 * walked. What is called sound is then given to LMDB, which trusts it: it must find as many records as the meta page says,
 * without an error, and a change of every record must commit and leave a sound file.
 */
#include <fcntl.h>
#include <lmdb.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_expect.h"
#include "store/integrity.h"

#define PAGES_MAX 64
#define PIECE_HEADER 4
#define MAP_SIZE (PAGES_MAX * STORE_PAGE)
#define RECORDS 40
#define KEY_MAX 511
#define VALUE_ROOM (3 * STORE_PAGE)
#define WORK_SECONDS 5

static char directory[64], path[80];
static uint8_t original[MAP_SIZE];
static size_t original_len;

static void remove_directory(void)
{
	unlink(path);
	rmdir(directory);
}

static MDB_env *open_database(void)
{
	MDB_env *env;

	fuzz_expect(mdb_env_create(&env) == 0);
	/* What is at the end of the file and not yet used is room for the change. */
	fuzz_expect(mdb_env_set_mapsize(env, 16 * MAP_SIZE) == 0);
	fuzz_expect(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | MDB_NOLOCK | MDB_NOSYNC, 0600) == 0);
	return env;
}

/* Values of all sizes: in the page, of one page, of three. */
static void put_record(MDB_txn *txn, unsigned i, uint8_t fill)
{
	static uint8_t value[VALUE_ROOM];
	char key[24];
	int key_len = snprintf(key, sizeof(key), "%c%016u", 'K' + (int)(i % 3), i * 7919u % 1000);

	memset(value, fill, sizeof(value));
	fuzz_expect(mdb_put(txn, 1, &(MDB_val){ (size_t)key_len, key },
			    &(MDB_val){ i % 7 == 6 ? VALUE_ROOM - 100 : i % 5 == 4 ? 3000 : 200 + i * 9, value }, 0) == 0);
}

static void read_file(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, original, sizeof(original)) : -1;

	fuzz_expect(len > 0 && len < (ssize_t)sizeof(original));
	original_len = (size_t)len;
	close(fd);
}

/* A tree of two levels, large values, and a list of free pages; the same bytes each time. */
static void make_original(void)
{
	MDB_env *env = open_database();

	for (unsigned round = 0; round < 3; round++) {
		MDB_txn *txn;
		MDB_dbi dbi;

		fuzz_expect(mdb_txn_begin(env, NULL, 0, &txn) == 0);
		fuzz_expect(mdb_dbi_open(txn, NULL, 0, &dbi) == 0 && dbi == 1);
		for (unsigned i = round; i < RECORDS; i += round + 1)
			put_record(txn, i, (uint8_t)('a' + round));
		fuzz_expect(mdb_txn_commit(txn) == 0);
	}
	mdb_env_close(env);
	read_file();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(directory, sizeof(directory), "%s/fuzz-structure-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fuzz_expect(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/vault.db", directory);
	atexit(remove_directory);
	make_original();
	return 0;
}

/* Pieces: u8 which page, u16 where in it, u8 how many bytes, then the bytes. */
static void lay_over(uint8_t *file, size_t file_len, const uint8_t *data, size_t len)
{
	while (len >= PIECE_HEADER) {
		size_t at = data[0] * (size_t)STORE_PAGE + (size_t)(data[1] | data[2] << 8) % STORE_PAGE, n = data[3];

		data += PIECE_HEADER;
		len -= PIECE_HEADER;
		n = n < len ? n : len;
		if (n > 0 && at + n <= file_len)
			memcpy(file + at, data, n);
		data += n;
		len -= n;
	}
}

static int write_file(const uint8_t *file, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_expect(fd >= 0 && write(fd, file, len) == (ssize_t)len);
	return fd;
}

/* The file as it stands, in a block that ends where it ends: a look behind it is seen. */
static bool is_sound(int fd, struct store_meta *meta)
{
	struct error err = ERROR_INIT;
	struct structure_finding finding;
	struct stat info;
	enum error_code code;
	uint8_t *copy;

	fuzz_expect(fstat(fd, &info) == 0);
	code = meta_check(fd, (uint64_t)info.st_size, meta, &err);
	fuzz_expect(code == err.code && (code == ERR_OK || err.text[0] != '\0'));
	fuzz_expect(code == ERR_OK || code == ERR_STORE_DAMAGED || code == ERR_FORMAT_NEWER);
	if (code != ERR_OK)
		return false;
	fuzz_expect(meta->file_pages == (uint64_t)info.st_size / STORE_PAGE);
	copy = malloc(meta->file_pages * STORE_PAGE);
	fuzz_expect(copy && pread(fd, copy, meta->file_pages * STORE_PAGE, 0) == (ssize_t)(meta->file_pages * STORE_PAGE));
	finding = structure_walk(copy, meta);
	free(copy);
	fuzz_expect(finding.problem < STRUCTURE_PROBLEM_COUNT && structure_problem_text(finding.problem)[0] != '\0');
	return finding.problem == STRUCTURE_SOUND;
}

/* Every record is read to its last byte. */
static uint64_t read_records(MDB_txn *txn)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t count = 0, sum = 0;
	int rc;

	fuzz_expect(mdb_cursor_open(txn, 1, &cursor) == 0);
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		count++;
		for (size_t i = 0; i < value.mv_size; i++)
			sum += ((const uint8_t *)value.mv_data)[i];
	}
	fuzz_expect(rc == MDB_NOTFOUND && sum != UINT64_MAX);
	mdb_cursor_close(cursor);
	return count;
}

/* Half of the records go, the other half are made longer; so every page is touched and pages are taken and given. */
static void change_records(MDB_txn *txn)
{
	static uint8_t value[2 * STORE_PAGE], name[KEY_MAX];
	MDB_cursor *cursor;
	MDB_val key, old;
	bool drop = false;

	fuzz_expect(mdb_cursor_open(txn, 1, &cursor) == 0);
	while (mdb_cursor_get(cursor, &key, &old, MDB_NEXT) == 0) {
		/* The key stands in a page that is about to change. */
		fuzz_expect(key.mv_size > 0 && key.mv_size <= sizeof(name));
		memcpy(name, key.mv_data, key.mv_size);
		key.mv_data = name;
		if (drop)
			fuzz_expect(mdb_cursor_del(cursor, 0) == 0);
		else
			fuzz_expect(mdb_cursor_put(cursor, &key, &(MDB_val){ sizeof(value), value }, MDB_CURRENT) == 0);
		drop = !drop;
	}
	mdb_cursor_close(cursor);
}

/* What LMDB makes of it. */
static void use(const struct store_meta *meta)
{
	MDB_env *env = open_database();
	MDB_txn *txn;
	MDB_envinfo info;
	MDB_dbi dbi;

	fuzz_expect(mdb_env_info(env, &info) == 0 && info.me_last_txnid == meta->txn_id);
	fuzz_expect(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	fuzz_expect(mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
	fuzz_expect(read_records(txn) == meta->records.entries);
	change_records(txn);
	fuzz_expect(mdb_txn_commit(txn) == 0);
	mdb_env_close(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t file[MAP_SIZE];
	double started = fuzz_seconds_used();
	struct store_meta meta, after;
	size_t file_len = original_len;

	if (len < 1)
		return 0;
	/* Byte 0: 0 leaves the length, else so many half pages are cut off. */
	file_len -= data[0] * (size_t)STORE_PAGE / 2 < file_len ? data[0] * (size_t)STORE_PAGE / 2 : file_len;
	memcpy(file, original, file_len);
	lay_over(file, file_len, data + 1, len - 1);
	int fd = write_file(file, file_len);
	bool sound = is_sound(fd, &meta);

	if (sound && meta_is_longer(&meta))
		fuzz_expect(ftruncate(fd, (off_t)(meta.last_page + 1) * (off_t)STORE_PAGE) == 0);
	/* Longer ones cost more than they say. */
	if (sound && meta.last_page < 4 * PAGES_MAX) {
		use(&meta);
		/* Where nothing was to be changed nothing is committed. */
		fuzz_expect(is_sound(fd, &after) && after.txn_id == meta.txn_id + (meta.records.entries > 0));
	}
	close(fd);
	fuzz_expect(fuzz_seconds_used() - started < WORK_SECONDS);
	return 0;
}
