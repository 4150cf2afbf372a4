/*
 * Runs a fuzz target over files instead of under libFuzzer: every argument is
 * a file, or a directory whose files are taken. So the corpus is replayed by
 * any compiler, with every run of the tests.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/* Of targets that have something to prepare. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static unsigned replayed;

static void fail(const char *path)
{
	perror(path);
	exit(1);
}

/* The block is exactly as long as the file, so that a sanitizer sees a read of one byte more. */
static void replay_file(const char *path, size_t len)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(len > 0 ? len : 1);
	if (!file || !data || fread(data, 1, len, file) != len)
		fail(path);
	fclose(file);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	replayed++;
}

static void replay(const char *path);

static void replay_directory(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		fail(path);
	for (int i = 0; i < count; i++) {
		char inner[4096];
		int len = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && len > 0 && (size_t)len < sizeof(inner))
			replay(inner);
		free(entries[i]);
	}
	free(entries);
}

static void replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		fail(path);
	if (S_ISDIR(st.st_mode))
		replay_directory(path);
	else
		replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u inputs\n", replayed);
	/* An empty corpus would pass whatever the code does. */
	return replayed > 0 ? 0 : 1;
}
