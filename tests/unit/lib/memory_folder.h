/*
 * Directories of tests: in memory, where the machine has such a place. What these tests ask is which calls are made and what
 * is read again; whether bytes outlive a power cut is asked in tests/faults. A disk's syncs were most of their time.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Makes one and puts its path into ret; false when it cannot. */
static inline bool memory_folder(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/%s-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name);
	return mkdtemp(ret) != NULL;
}

/* Removes it with the files in it, also those that an end in the middle of a call has left; false when it holds more than files. */
static inline bool memory_folder_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	return rmdir(path) == 0;
}
