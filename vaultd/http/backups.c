#include "http/backups.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/vault_backup.h"
#include "core/vault_jobs.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"

#define RECALL_NANOSECONDS 100000000

struct backups {
	struct server *server;
	pthread_mutex_t lock;
	pthread_cond_t room;		/* in the ring, or a reason not to wait for it */
	pthread_t thread;
	bool joinable;			/* the thread was started and not joined */
	bool stopped;			/* no more are begun */
	/* of the one under way */
	bool making, sending;		/* by its thread; by its response, or a request that will have one */
	bool whole;			/* made to its end */
	bool sent;			/* and taken to its end */
	struct request *first;		/* suspended until the first byte, or the error */
	struct MHD_Connection *mhd;
	struct connection *connection;
	bool waiting;			/* the connection is suspended until there is something in the ring */
	size_t at, len;			/* of the ring */
	struct backups_counts counts;
	uint8_t ring[BACKUP_RING];
};

struct backups *backups_new(struct server *server)
{
	struct backups *backups = calloc(1, sizeof(*backups));
	pthread_condattr_t monotonic;

	if (!backups)
		return NULL;
	backups->server = server;
	pthread_mutex_init(&backups->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&backups->room, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return backups;
}

void backups_free(struct backups *backups)
{
	if (!backups)
		return;
	pthread_cond_destroy(&backups->room);
	pthread_mutex_destroy(&backups->lock);
	free(backups);
}

/* -- between the two threads; with the lock held -------------------------------------- */

/* The one who waits for bytes goes on: to take them, or to learn that there will be none. */
static void wake(struct backups *backups)
{
	struct request *first = take_ptr(backups->first);

	if (first) {
		first->reply.status = 200;
		first->reply.content_type = "application/octet-stream";
		first->reply.backups = backups;
		request_resume(first, NULL);
	} else if (backups->waiting) {
		backups->waiting = false;
		MHD_resume_connection(backups->mhd);
		atomic_fetch_sub(&backups->server->suspended, 1);
	}
}

static size_t put(struct backups *backups, const uint8_t *bytes, size_t len)
{
	size_t end = (backups->at + backups->len) % BACKUP_RING, room = BACKUP_RING - backups->len;
	size_t take = len < room ? len : room, before = take < BACKUP_RING - end ? take : BACKUP_RING - end;

	memcpy(backups->ring + end, bytes, before);
	memcpy(backups->ring, bytes + before, take - before);
	backups->len += take;
	return take;
}

static size_t take(struct backups *backups, char *out, size_t max)
{
	size_t len = backups->len < max ? backups->len : max;

	/* What lies behind the ring's end comes with the next call. */
	if (len > BACKUP_RING - backups->at)
		len = BACKUP_RING - backups->at;
	memcpy(out, backups->ring + backups->at, len);
	backups->at = (backups->at + len) % BACKUP_RING;
	backups->len -= len;
	return len;
}

/* -- making -------------------------------------------------------------------------- */

static void wait_for_room(struct backups *backups)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RECALL_NANOSECONDS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&backups->room, &backups->lock, &until);
}

static enum error_code push(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct backups *backups = arg;
	const uint8_t *at = bytes;
	size_t done = 0;

	pthread_mutex_lock(&backups->lock);
	while (done < len && err->code == ERR_OK) {
		size_t taken = put(backups, at + done, len - done);

		done += taken;
		if (taken > 0)
			wake(backups);
		else
			wait_for_room(backups);
		if (!backups->sending)
			error_set(err, ERR_UNREACHABLE, "the backup was broken off by who took it, or nothing was taken for %d s",
				  BACKUP_STALL_SECONDS);
		else if (backups->stopped || vault_backup_recalled(backups->server->vault))
			error_set(err, ERR_SEALED, "the backup was broken off: the vault was sealed, or stops");
	}
	pthread_mutex_unlock(&backups->lock);
	return err->code;
}

static const char left[] = "who took the backup has left before its end";

static void log_broken(const struct backups *backups, const char *text)
{
	if (backups->server->options.log)
		backups->server->options.log("backup_broken_off", text);
}

static void *make(void *arg)
{
	struct backups *backups = arg;
	struct error err = ERROR_INIT;
	struct request *first;
	enum error_code code;

	(void)setpriority(PRIO_PROCESS, 0, JOBS_NICE);	/* of this thread alone, on Linux */
	/* The caller belongs to the request, which is suspended until the first byte. */
	code = vault_backup(backups->server->vault, &backups->first->caller, push, backups, NULL, &err);
	pthread_mutex_lock(&backups->lock);
	backups->making = false;
	backups->whole = code == ERR_OK;
	first = take_ptr(backups->first);
	if (first) {
		/* Not a byte has come: an answer like any other. */
		backups->sending = false;
		backups->counts.broken++;
		reply_error(first, &err, false);
		request_resume(first, NULL);
	} else {
		if (!backups->whole)
			log_broken(backups, err.text);
		else if (!backups->sending)	/* left between the last byte and here: nobody else has said so */
			log_broken(backups, left);
		wake(backups);
	}
	pthread_mutex_unlock(&backups->lock);
	return NULL;
}

static void join(struct backups *backups)
{
	if (backups->joinable)
		pthread_join(backups->thread, NULL);
	backups->joinable = false;
}

static void start(struct backups *backups, struct request *request)
{
	struct error err = ERROR_INIT;
	int failed;

	join(backups);	/* its last one is over */
	backups->first = request;
	backups->mhd = request->mhd;
	backups->connection = request->connection;
	backups->at = backups->len = 0;
	backups->whole = backups->sent = backups->waiting = false;
	backups->making = backups->sending = true;
	request_suspend(request);
	failed = pthread_create(&backups->thread, NULL, make, backups);
	if (failed == 0) {
		backups->joinable = true;
		return;
	}
	backups->first = NULL;
	backups->making = backups->sending = false;
	error_set_errno(&err, ERR_IO, failed, "cannot start a thread for the backup");
	reply_error(request, &err, false);
	request_resume(request, NULL);
}

enum error_code backups_begin(struct backups *backups, struct request *request, struct error *err)
{
	pthread_mutex_lock(&backups->lock);
	if (backups->stopped || backups->making || backups->sending)
		error_set(err, ERR_BUSY, "another backup is being made: try again when it is done");
	else
		start(backups, request);
	pthread_mutex_unlock(&backups->lock);
	return err->code;
}

void backups_stop(struct backups *backups)
{
	pthread_mutex_lock(&backups->lock);
	backups->stopped = true;
	/* Who does not take what is left is not waited for. The connection lives as long as its response does. */
	if (backups->sending)
		connection_set_deadline(backups->connection, 1);
	pthread_cond_signal(&backups->room);
	pthread_mutex_unlock(&backups->lock);
	join(backups);
}

/* -- sending ------------------------------------------------------------------------- */

/* Counted before its end is sent: who has seen that finds it counted. */
static void note_sent(struct backups *backups)
{
	backups->sent = true;
	backups->counts.whole++;
	backups->counts.last = clock_system.now_us(clock_system.arg) / 1000000;
}

static ssize_t read_ring(void *arg, uint64_t position, char *out, size_t max)
{
	struct backups *backups = arg;
	ssize_t got = 0;

	(void)position;
	pthread_mutex_lock(&backups->lock);
	if (backups->len > 0) {
		got = (ssize_t)take(backups, out, max);
		pthread_cond_signal(&backups->room);
		connection_set_deadline(backups->connection, BACKUP_STALL_SECONDS);
	} else if (!backups->making) {
		/* Asked for only when all before it was written to the socket. */
		if (backups->whole)
			note_sent(backups);
		got = backups->whole ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
	} else {
		backups->waiting = true;
		atomic_fetch_add(&backups->server->suspended, 1);
		MHD_suspend_connection(backups->mhd);
	}
	pthread_mutex_unlock(&backups->lock);
	return got;
}

/* A backup is one that was taken: what lay in the ring when its taker left is on nobody's disk. */
void backups_abandon(struct backups *backups)
{
	pthread_mutex_lock(&backups->lock);
	backups->counts.broken += !backups->sent;
	if (backups->whole && !backups->sent)
		log_broken(backups, left);
	backups->sending = false;
	pthread_cond_signal(&backups->room);
	pthread_mutex_unlock(&backups->lock);
}

static void response_is_over(void *arg)
{
	backups_abandon(arg);
}

struct MHD_Response *backups_response(struct backups *backups)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BACKUP_RING / 16, read_ring, backups, response_is_over);
}

void backups_count(struct backups *backups, struct backups_counts *ret)
{
	pthread_mutex_lock(&backups->lock);
	*ret = backups->counts;
	pthread_mutex_unlock(&backups->lock);
}

/* -- GET sys/backup -------------------------------------------------------------------- */

void handle_backup(struct request *request)
{
	static const char *const none[] = { NULL };
	struct error err = ERROR_INIT;

	if (!request_args_only(request, none))
		return;
	if (request->head.method == METHOD_HEAD) {	/* nothing is made to be thrown away */
		reply_empty(request, 200);
		request->reply.content_type = "application/octet-stream";
		return;
	}
	if (backups_begin(request->server->backups, request, &err) != ERR_OK)
		reply_error(request, &err, false);
}
