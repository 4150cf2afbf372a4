/* `vaultd restore`: a data directory from a backup on standard input. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "crypto/arena.h"
#include "offline.h"
#include "offline_options.h"
#include "offline_report.h"
#include "records/restore.h"
#include "restore_place.h"
#include "sandbox.h"
#include "signals.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/plural.h"

#define PROGRESS_US 200000
#define MIB (1024.0 * 1024.0)

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

/* What was made is removed before the process ends. */
static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = interrupt };	/* without SA_RESTART: read() must end */

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);	/* a report that nobody reads is an error of the write */
}

static enum error_code read_input(void *arg, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	ssize_t got;

	(void)arg;
	do {
		if (interrupted)
			return error_set(err, ERR_CONFLICT, "the backup was not read to its end");
		got = read(STDIN_FILENO, bytes, size);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set_errno(err, ERR_IO, errno, "read the backup from standard input");
	*ret_len = (size_t)got;
	return ERR_OK;
}

struct progress {
	struct loss_report losses;
	bool shown;
	uint64_t records;	/* in all */
	int64_t next_us;
};

/* Not too often, and the last of its kind. */
static bool is_due(struct progress *progress, bool last)
{
	int64_t now;

	if (!progress->shown)
		return false;
	now = clock_system.monotonic_us(clock_system.arg);
	if (now < progress->next_us && !last)
		return false;
	progress->next_us = now + PROGRESS_US;
	return true;
}

static void show_reading(void *arg, uint64_t bytes, uint64_t records)
{
	struct progress *progress = arg;
	bool last = records == progress->records;

	if (is_due(progress, last))
		fprintf(stderr, "\r%.1f MiB, %llu of %llu records%s", (double)bytes / MIB, (unsigned long long)records,
			(unsigned long long)progress->records, last ? "\n" : "");
}

static bool show_checking(void *arg, uint64_t done, uint64_t total)
{
	if (total > 0 && is_due(arg, done == total))
		fprintf(stderr, "\rchecked %llu of %llu%s", (unsigned long long)done, (unsigned long long)total, done == total ? "\n" : "");
	return !interrupted;
}

static void take_loss(void *arg, const char *text)
{
	struct progress *progress = arg;

	loss_report_take(&progress->losses, text);
}

static void describe_json(struct secret_buf *out, const struct offline_options *options, const struct backup_reader *reader,
			  const struct restore_place *place, const struct accept_report *report, const struct secret_buf *lost)
{
	char made[TIME_TEXT_MAX];

	time_format(backup_reader_front(reader)->created, made);
	json_emit_raw(out, options->check ? "{\"checked\":true," : "{\"restored\":true,\"directory\":");
	if (!options->check) {
		json_emit_cstring(out, place->target);
		json_emit_raw(out, ",");
	}
	json_emit_raw(out, "\"backup_time\":");
	json_emit_cstring(out, made);
	json_emit_raw(out, ",\"bytes\":");
	json_emit_uint(out, backup_reader_bytes(reader));
	json_emit_raw(out, ",\"lost\":[");
	json_emit_raw_n(out, secret_buf_text(lost), secret_buf_len(lost));
	json_emit_raw(out, "],\"lost_total\":");
	json_emit_uint(out, report->lost);
	json_emit_raw(out, ",");
	report_members(out, report, !options->check);
	json_emit_raw(out, "}\n");
}

static void describe(struct secret_buf *out, const struct offline_options *options, const struct backup_reader *reader,
		     const struct restore_place *place, const struct accept_report *report)
{
	char made[TIME_TEXT_MAX], fork[2 * ID_LEN + 1];

	time_format(backup_reader_front(reader)->created, made);
	report_hex(report->new_fork_id, fork);
	if (report->lost == 0)
		report_line(out, "the backup of %s is whole: counter %llu, %llu record%s and %llu revision%s, each of them opened", made,
			    (unsigned long long)report->counter, (unsigned long long)report->n_live, plural(report->n_live, "", "s"),
			    (unsigned long long)report->n_revisions, plural(report->n_revisions, "", "s"));
	else
		report_line(out, "the backup of %s has counter %llu, %llu record%s and %llu revision%s; %llu of these %s lost, all others were "
			    "opened", made, (unsigned long long)report->counter, (unsigned long long)report->n_live,
			    plural(report->n_live, "", "s"), (unsigned long long)report->n_revisions,
			    plural(report->n_revisions, "", "s"), (unsigned long long)report->lost, plural(report->lost, "is", "are"));
	if (options->check)
		return;
	report_line(out, "restored to %s", place->target);
	report_line(out, "it is another history from here on: counter %llu, fork %s", (unsigned long long)report->new_counter, fork);
	report_line(out, options->keep_tokens ?
			 "tokens made before count as they did; some may have been revoked since the backup" :
			 "tokens made before do not count any more, because some may have been revoked since the backup");
}

static enum error_code check_words(const struct offline_options *options, struct error *err)
{
	if (options->words_len > 1 || (options->words_len == 0 && !options->check))
		return error_set(err, ERR_USAGE, "give one directory: vaultd restore [OPTION]... DIRECTORY < BACKUP (see --help)");
	if (options->check && options->anchor)
		return error_set(err, ERR_USAGE, "--check makes no vault, so it writes no --anchor");
	if (isatty(STDIN_FILENO))
		return error_set(err, ERR_USAGE, "the backup comes on standard input: vaultd restore DIRECTORY < BACKUP, or envctl restore");
	return ERR_OK;
}

/* Where a check is made when no place is named. */
static const char *check_place(const struct offline_options *options)
{
	const char *place = options->words_len > 0 ? options->words[0] : getenv("TMPDIR");

	return place && place[0] != '\0' ? place : "/var/tmp";
}

/* Relative to where the command was given, as the directory that is made becomes the working directory. NULL stays NULL. */
static enum error_code absolute(const char *path, char ret[static PATH_MAX], const char **ret_path, struct error *err)
{
	char here[PATH_MAX] = "";

	*ret_path = NULL;
	if (!path)
		return ERR_OK;
	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return error_set_errno(err, ERR_IO, errno, "find the working directory");
	if (snprintf(ret, PATH_MAX, "%s%s%s", here, here[0] ? "/" : "", path) >= PATH_MAX)
		return error_set(err, ERR_USAGE, "the path of the anchor is too long");
	*ret_path = ret;
	return ERR_OK;
}

static enum error_code restore(const struct offline_options *options, struct error *err)
{
	cleanup_(backup_reader_freep) struct backup_reader *reader = NULL;
	restore_place_scope place = RESTORE_PLACE_NONE;
	slot_input_scope input = { .key = NULL };
	cleanup_(secret_buf_freep) struct secret_buf *out = report_new(err), *lost = report_new(err);
	struct progress progress = { .losses = { .out = options->json ? lost : out, .json = options->json },
				     .shown = !options->quiet && isatty(STDERR_FILENO) == 1 };
	struct restore_options wanted = {
		.records = { .directory = ".", .max_size = options->max_size, .anchor_mode = ANCHOR_RELAXED,
			     .clock = clock_system },
		.keep_tokens = options->keep_tokens, .accept_loss = options->accept_loss, .lost = take_loss, .progress = show_reading, .checking = show_checking, .arg = &progress,
	};
	struct accept_report report;
	struct slot_info slots[SLOTS_MAX];
	char anchor[PATH_MAX];
	size_t slots_len;

	if (!out || !lost)
		return err->code;
	/* Whether it is a backup, and what opens it, is known before anybody is asked for anything. */
	if (backup_reader_new(read_input, NULL, &reader, err) != ERR_OK)
		return err->code;
	slots_len = header_slots(backup_reader_header(reader), slots);
	progress.records = backup_reader_front(reader)->records;
	if (restore_place_begin(options->check ? NULL : options->words[0], check_place(options), &place, err) != ERR_OK ||
	    slot_input_read(&options->slot, slots, slots_len, &input, err) != ERR_OK ||
	    absolute(options->anchor, anchor, &wanted.records.anchor_path, err) != ERR_OK ||
	    restore_place_enter(&place, err) != ERR_OK)
		return err->code;
	if (records_restore(reader, &input.secret, &wanted, &report, err) != ERR_OK && !options->accept_loss)
		report_advise_loss("use another copy, or look at what is lost with --check --accept-loss", err);
	if (err->code != ERR_OK)
		return interrupted ? error_prefix(err, "interrupted, nothing was restored") : err->code;
	if (!options->check && restore_place_finish(&place, err) != ERR_OK)
		return err->code;
	loss_report_end(&progress.losses);
	if (options->json)
		describe_json(out, options, reader, &place, &report, lost);
	else
		describe(out, options, reader, &place, &report);
	if (report_print(out, err) != ERR_OK && !options->check)
		return error_prefix(err, "%s is restored, but the report of it is lost", place.target);
	return err->code;
}

int restore_main(int argc, char **argv)
{
	struct offline_options options = { .json = false };
	struct sandbox_report report = { .landlock_abi = 0 };
	struct error err = ERROR_INIT;

	if (offline_options_parse(OFFLINE_RESTORE, argc, argv, &options, &err) == ERR_OK && options.help) {
		offline_options_help(OFFLINE_RESTORE);
		return 0;
	}
	if (err.code == ERR_OK && check_words(&options, &err) == ERR_OK && sandbox_begin(&report, &err) == ERR_OK &&
	    secret_arena_start(&err) == ERR_OK) {
		catch_signals();
		signals_name_damage();
		(void)!restore(&options, &err);
	}
	if (err.code == ERR_OK)
		return 0;
	return report_failure("vaultd restore", options.json, &err);
}
