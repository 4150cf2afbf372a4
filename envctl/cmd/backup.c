/* `envctl backup`: the stream of a backup into a file, whole or not at all. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/backup.h"
#include "cmd/new_file.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/clock.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/plural.h"

#define PROGRESS_US 200000
#define MIB (1024.0 * 1024.0)

struct sink {
	struct new_file *file; /* NULL: standard output */
	const struct backup_walk *walk;
	bool show;
	int64_t next_us;
};

static void show_progress(struct sink *sink)
{
	int64_t now = clock_system.monotonic_us(clock_system.arg);

	if (!sink->show || now < sink->next_us || sink->walk->bytes < BACKUP_FRONT_LEN)
		return;
	sink->next_us = now + PROGRESS_US;
	fprintf(stderr, "\r%.1f MiB of %llu records ", (double)sink->walk->bytes / MIB,
		(unsigned long long)sink->walk->front.records);
}

static enum error_code take(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct sink *sink = arg;

	show_progress(sink);
	return sink->file != NULL ? new_file_write(sink->file, bytes, len, err) : fd_write_all(STDOUT_FILENO, bytes, len, err);
}

static void hex_of(const uint8_t *id, char ret[static 2 * BACKUP_ID_LEN + 1])
{
	for (size_t i = 0; i < BACKUP_ID_LEN; i++)
		snprintf(ret + 2 * i, 3, "%02x", (unsigned)id[i]);
}

static enum error_code report_json(const char *path, const struct backup_walk *walk, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	char fork[2 * BACKUP_ID_LEN + 1], vault[2 * BACKUP_ID_LEN + 1];

	if (out == NULL)
		return err->code;
	hex_of(walk->front.fork_id, fork);
	hex_of(walk->front.store_id, vault);
	json_emit_raw(out, "{\"file\":");
	json_emit_cstring(out, path);
	json_emit_raw(out, ",\"bytes\":");
	json_emit_uint(out, walk->bytes);
	json_emit_raw(out, ",\"records\":");
	json_emit_uint(out, walk->front.records);
	json_emit_raw(out, ",\"counter\":");
	json_emit_uint(out, walk->front.counter);
	json_emit_raw(out, ",\"fork\":");
	json_emit_cstring(out, fork);
	json_emit_raw(out, ",\"vault\":");
	json_emit_cstring(out, vault);
	json_emit_raw(out, ",\"time\":");
	json_emit_time(out, walk->front.created);
	json_emit_raw(out, "}\n");
	return output_flush(out, err);
}

static enum error_code report(const struct invocation *inv, const char *path, const struct backup_walk *walk,
			      struct error *err)
{
	char fork[2 * BACKUP_ID_LEN + 1], rfc3339[TIME_TEXT_MAX], made[32];

	if (option_is_given(inv, OPT_JSON))
		return report_json(path, walk, err);
	hex_of(walk->front.fork_id, fork);
	time_format(walk->front.created, rfc3339);
	time_for_people(rfc3339, made);
	say(inv, "%s: %llu bytes, %llu record%s, counter %llu, fork %s, of %s", path, (unsigned long long)walk->bytes,
	    (unsigned long long)walk->front.records, plural(walk->front.records, "", "s"),
	    (unsigned long long)walk->front.counter, fork, made);
	return ERR_OK;
}

static enum error_code fetch(const struct invocation *inv, struct new_file *file, struct backup_walk *walk,
			     struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	struct sink sink = {.file = file, .walk = walk};
	enum error_code rc = session_open(inv, &client, err);

	if (rc != ERR_OK)
		return rc;
	sink.show = !option_is_given(inv, OPT_QUIET) && isatty(STDERR_FILENO) == 1;
	rc = client_backup(client, take, &sink, walk, err);
	if (sink.next_us > 0)
		fputs("\r\033[K", stderr);
	return rc;
}

enum error_code command_backup(struct invocation *inv, struct error *err)
{
	const char *path = option_value(inv, OPT_OUTPUT);
	struct backup_walk walk = {0};
	enum error_code rc;

	if (path == NULL)
		return error_set(err, ERR_USAGE, "say where the backup shall be: -o FILE, or -o - for standard output");
	if (strcmp(path, "-") == 0) {
		if (output_is_terminal())
			return error_set(err, ERR_USAGE, "a backup is not for terminals: -o FILE, or redirect standard output");
		if (option_is_given(inv, OPT_JSON))
			return error_set(err, ERR_USAGE, "with -o - standard output holds the backup; --json goes with -o FILE");
		rc = fetch(inv, NULL, &walk, err);
		return rc == ERR_OK ? report(inv, "standard output", &walk, err) : rc;
	}
	new_file_scope file = {.fd = -1};
	rc = new_file_begin(path, option_is_given(inv, OPT_FORCE), &file, err);
	if (rc == ERR_OK)
		rc = fetch(inv, &file, &walk, err);
	if (rc == ERR_OK)
		rc = new_file_finish(&file, err);
	if (rc == ERR_OK && report(inv, path, &walk, err) != ERR_OK)
		return error_prefix(err, "%s is there and whole, but the report of it is lost", path);
	return rc;
}
