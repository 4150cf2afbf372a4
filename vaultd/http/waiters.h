/*
 * Blocked reads: requests that wait for an environment to change.
 *
 * A request is listed before it reads, so that no change between the read and
 * the suspension is lost; arming suspends it unless something has fired
 * meanwhile. A change, the deadline, a peer that left, a seal and the stop of
 * the daemon all resume it, and it reads again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct name_list;
struct request;
struct waiters;

void waiters_free(struct waiters *waiters);
struct waiters *waiters_new(size_t limit);

/* Lists the request under its mount and environment, if it is not listed. False: the limit is reached, or the daemon stops. */
bool waiters_add(struct waiters *waiters, struct request *request, int64_t deadline_us);
/* From now on changes of these environments fire it, too. False when that was not so yet: what changed in them since the
 * request was listed is not known, so read again. Takes the list, or leaves it to the caller. */
bool waiters_watch(struct waiters *waiters, struct request *request, struct name_list *touched);
/* Suspends. False when a change has come since it was listed: read again. */
bool waiters_arm(struct waiters *waiters, struct request *request);
/* Takes it off the list; harmless when it is not on it. */
void waiters_remove(struct waiters *waiters, struct request *request);

/* For vault_set_watcher(): both NULL resumes everybody. */
void waiters_changed(void *waiters, const char *mount_path, const char *path);
/* Resumes those whose deadline has passed or whose peer is gone. */
void waiters_tick(struct waiters *waiters, int64_t now_us);
/* Resumes all and lists no more. */
void waiters_stop(struct waiters *waiters);
size_t waiters_count(const struct waiters *waiters);
