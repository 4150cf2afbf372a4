/* `envctl verify` and `envctl compact`: begin a job, wait for it, say what came of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/store_jobs.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/json_emit.h"
#include "vault/plural.h"

#define POLL_FIRST_MS 20
#define POLL_MS 250

/* A line that overwrites itself, for the person who waits. */
static void show_progress(const struct invocation *inv, const char *job, const struct json_value *data, bool ends)
{
	int64_t done = answer_int(data, "done", 0), total = answer_int(data, "total", 0);

	if (option_is_given(inv, OPT_QUIET) || isatty(STDERR_FILENO) != 1)
		return;
	if (ends)
		fprintf(stderr, "\r%*s\r", 60, "");
	else
		fprintf(stderr, "\renvctl: %s: %" PRId64 " of %" PRId64 " (%d %%)", job, done, total,
			total > 0 && done < total ? (int)(done * 100 / total) : total > 0 ? 100 : 0);
	fflush(stderr);
}

/* Until the job is over; ret is its last status. */
static enum error_code wait_for_end(const struct invocation *inv, struct vault_client *client, const char *job, struct answer *ret,
				    struct error *err)
{
	long pause_ms = POLL_FIRST_MS;

	for (;;) {
		struct timespec pause = {0, pause_ms * 1000000};
		char state[16];

		if (client_job_status(client, job, ret, err) != ERR_OK)
			return err->code;
		answer_text(&ret->data, "state", state, sizeof(state));
		if (strcmp(state, "running") != 0)
			break;
		show_progress(inv, job, &ret->data, false);
		answer_free(ret);
		*ret = (struct answer){0};
		nanosleep(&pause, NULL);
		pause_ms = pause_ms * 2 < POLL_MS ? pause_ms * 2 : POLL_MS;
	}
	show_progress(inv, job, &ret->data, true);
	return ERR_OK;
}

/* The name of an error, as the daemon gives it, for our exit code. */
static enum error_code code_of(const char *name)
{
	for (enum error_code code = ERR_OK; code < ERR_CODE_COUNT; code++)
		if (strcmp(error_name(code), name) == 0)
			return code;
	return ERR_INTERNAL;
}

static enum error_code check_end(const char *job, const struct json_value *data, struct error *err)
{
	char state[16], code[32], text[ERROR_TEXT_MAX];

	answer_text(data, "state", state, sizeof(state));
	if (strcmp(state, "done") == 0)
		return ERR_OK;
	if (strcmp(state, "failed") != 0)
		return error_set(err, ERR_CONFLICT, "%s was cancelled before its end", job);
	answer_text(data, "error_code", code, sizeof(code));
	answer_text(data, "error", text, sizeof(text));
	return error_set(err, code_of(code), "%s", text[0] != '\0' ? text : "the job failed");
}

/* -- what came of it ----------------------------------------------------------------- */

static void print_finding(const struct json_value *finding, struct secret_buf *out)
{
	char code[32], table[4], id[64], environment[LIMIT_TARGET_LEN], text[ERROR_TEXT_MAX];
	int64_t revision = answer_int(finding, "revision", 0);

	answer_text(finding, "code", code, sizeof(code));
	answer_text(finding, "table", table, sizeof(table));
	answer_text(finding, "id", id, sizeof(id));
	answer_text(finding, "environment", environment, sizeof(environment));
	answer_text(finding, "text", text, sizeof(text));
	output_format(out, "%s: ", code);
	if (environment[0] != '\0')
		output_visible(out, environment, strlen(environment));
	else
		output_format(out, "table %s%s%s", table, id[0] != '\0' ? ", id " : "", id);
	if (revision > 0)
		output_format(out, ", revision %" PRId64, revision);
	output_format(out, ": ");
	output_visible(out, text, strlen(text));
	output_format(out, "\n");
}

static void print_verified(const struct json_value *data, struct secret_buf *out)
{
	int64_t found = answer_int(data, "found", 0), told = 0;
	struct json_value findings, finding;
	size_t cursor = 0;

	if (json_find(data, "findings", &findings) && findings.kind == JSON_SCAN_ARRAY)
		while (json_next_element(&findings, &cursor, &finding)) {
			print_finding(&finding, out);
			told++;
		}
	if (found > told)
		output_format(out, "and %" PRId64 " more\n", found - told);
	const int64_t records = answer_int(data, "records", 0), revisions = answer_int(data, "revisions", 0);

	output_format(out, "%" PRId64 " record%s and %" PRId64 " revision%s right, %" PRId64 " finding%s\n", records,
		      plural((uint64_t)records, "", "s"), revisions, plural((uint64_t)revisions, "", "s"), found,
		      plural((uint64_t)found, "", "s"));
}

static void print_compacted(const struct json_value *data, struct secret_buf *out)
{
	output_format(out, "vault.db had %" PRId64 " KiB and has %" PRId64 " KiB; changes waited for %" PRId64 " ms\n",
		      answer_int(data, "bytes_before", 0) / 1024, answer_int(data, "bytes_after", 0) / 1024,
		      answer_int(data, "writers_waited_ms", 0));
}

struct job {
	const char *name;
	void (*print)(const struct json_value *data, struct secret_buf *out);
};

static enum error_code print_end(struct invocation *inv, const struct job *job, const struct json_value *data, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, data->raw.at, data->raw.len);
		json_emit_raw(out, "\n");
	} else {
		job->print(data, out);
	}
	if (output_flush(out, err) != ERR_OK || check_end(job->name, data, err) != ERR_OK)
		return err->code;
	if (answer_int(data, "found", 0) > 0)
		inv->exit_status = error_exit_code(ERR_RECORD);
	return ERR_OK;
}

static enum error_code print_begun(const struct invocation *inv, const struct job *job, const struct json_value *data,
				   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	char id[64];

	if (out == NULL)
		return err->code;
	answer_text(data, "id", id, sizeof(id));
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, data->raw.at, data->raw.len);
		json_emit_raw(out, "\n");
	} else {
		output_format(out, "%s\n", id);
		say(inv, "%s runs; `envctl %s` waits for its end", job->name, job->name);
	}
	return output_flush(out, err);
}

/* It ends a moment later; what was over when it was asked is told, and is no failure. */
static enum error_code cancel(const struct invocation *inv, struct vault_client *client, const struct job *job, struct error *err)
{
	cleanup_(answer_free) struct answer before = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct error found = ERROR_INIT;
	char state[16];

	if (out == NULL)
		return err->code;
	enum error_code rc = client_job_status(client, job->name, &before, &found);
	if (rc != ERR_OK && rc != ERR_DENIED)
		return error_set(err, rc, "%s", found.text);
	if (rc == ERR_OK)
		answer_text(&before.data, "state", state, sizeof(state));
	/* Who may end it and not look at it is not told more. */
	bool runs = rc != ERR_OK || strcmp(state, "running") == 0;
	if (client_job_cancel(client, job->name, err) != ERR_OK)
		return err->code;
	if (!option_is_given(inv, OPT_JSON)) {
		say(inv, runs ? "%s is told to end" : "no %s runs: there is nothing to cancel", job->name);
		return ERR_OK;
	}
	json_emit_raw(out, "{\"cancelled\":");
	json_emit_bool(out, runs);
	json_emit_raw(out, "}\n");
	return output_flush(out, err);
}

static enum error_code run_job(struct invocation *inv, const struct job *job, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer begun = {0};
	cleanup_(answer_free) struct answer ended = {0};

	if (option_is_given(inv, OPT_CANCEL) && option_is_given(inv, OPT_NO_WAIT))
		return error_set(err, ERR_USAGE, "--cancel and --no-wait do not go together");
	if (session_open(inv, &client, err) != ERR_OK)
		return err->code;
	if (option_is_given(inv, OPT_CANCEL))
		return cancel(inv, client, job, err);
	if (client_job_start(client, job->name, &begun, err) != ERR_OK)
		return err->code;
	if (option_is_given(inv, OPT_NO_WAIT))
		return print_begun(inv, job, &begun.data, err);
	if (wait_for_end(inv, client, job->name, &ended, err) != ERR_OK)
		return err->code == ERR_SEALED ? error_prefix(err, "the vault was sealed meanwhile, by somebody or by itself (its log "
								  "says why)") :
						 err->code;
	return print_end(inv, job, &ended.data, err);
}

enum error_code command_verify(struct invocation *inv, struct error *err)
{
	static const struct job verify = {"verify", print_verified};

	return run_job(inv, &verify, err);
}

enum error_code command_compact(struct invocation *inv, struct error *err)
{
	static const struct job compact = {"compact", print_compacted};

	return run_job(inv, &compact, err);
}
