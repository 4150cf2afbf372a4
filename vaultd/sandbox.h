/*
 * What the daemon takes away from itself, in this order (docs/threat-model.md):
 *
 *   sandbox_begin()            umask, descriptors, core dumps, ptrace
 *   ... sockets, configuration, memory are set up ...
 *   sandbox_restrict_files()   no new privileges, landlock; before any thread
 *   ... the store is opened and checked (a child walks it), threads start ...
 *   sandbox_restrict_calls()   seccomp, for all threads
 *
 * What the kernel does not have is reported, not assumed (/readyz).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/server.h"
#include "vault/error.h"

enum error_code sandbox_begin(struct sandbox_report *report, struct error *err) must_check;

/* Raises the limit of open files towards this many. Returns how many of them are allowed now. */
size_t sandbox_allow_descriptors(size_t wanted);

enum sandbox_access {
	SANDBOX_READ,		/* files and directories below */
	SANDBOX_WRITE,		/* also make, write, rename, remove */
	SANDBOX_UNLINK,		/* only remove files directly or deeper below */
	SANDBOX_RMDIR,		/* only remove directories below */
};

struct sandbox_path {
	const char *path;
	enum sandbox_access access;
};

/* Paths that do not exist are left out. A kernel without landlock is no error. */
enum error_code sandbox_restrict_files(const struct sandbox_path *paths, size_t len, struct sandbox_report *report,
				       struct error *err) must_check;
enum error_code sandbox_restrict_calls(struct sandbox_report *report, struct error *err) must_check;
