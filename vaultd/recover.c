/* `vaultd recover accept`: a store that a start refuses becomes another history. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "crypto/arena.h"
#include "log.h"
#include "offline.h"
#include "offline_options.h"
#include "offline_report.h"
#include "records/accept.h"
#include "sandbox.h"
#include "signals.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/plural.h"

static void describe_anchor(struct secret_buf *out, const struct accept_report *report, const struct config *config)
{
	char time[TIME_TEXT_MAX];

	time_format(report->anchor_time, time);
	if (report->has_anchor)
		report_line(out, "the anchor knows counter %llu of %s%s", (unsigned long long)report->anchor_counter, time,
			    report->anchor_is_other_fork ? ", of another fork" : "");
	else
		report_line(out, config->anchor[0] != '\0' ? "the anchor %s is missing, or knows nothing of this vault" :
							     "no anchor is configured%s", config->anchor);
}

/* What a start says to it: of a store that it takes, there is nothing to accept. */
static bool is_healthy(const struct accept_report *report)
{
	return report->refused[0] == '\0' && report->lost == 0;
}

static void describe(struct secret_buf *out, const struct offline_options *options, const struct config *config,
		     const struct accept_report *report)
{
	char time[TIME_TEXT_MAX], fork[2 * ID_LEN + 1];

	time_format(report->time, time);
	report_hex(report->fork_id, fork);
	report_line(out, "%s: counter %llu of %s, fork %s, %llu record%s and %llu revision%s", config->data_dir,
		    (unsigned long long)report->counter, time, fork, (unsigned long long)report->n_live, plural(report->n_live, "", "s"),
		    (unsigned long long)report->n_revisions, plural(report->n_revisions, "", "s"));
	describe_anchor(out, report, config);
	if (report->refused[0] != '\0')
		report_line(out, "an unseal refuses it: %s", report->refused);
	else if (is_healthy(report))
		report_line(out, options->has_expect ? "no unseal would have refused it; it was accepted all the same" :
						       "no unseal refuses it: there is nothing to accept");
	if (options->has_expect) {
		report_hex(report->new_fork_id, fork);
		report_line(out, "accepted: it is another history from here on, counter %llu, fork %s",
			    (unsigned long long)report->new_counter, fork);
		report_line(out, options->keep_tokens ? "tokens made before count as they did" :
							"tokens made before do not count any more");
		return;
	}
	if (is_healthy(report))
		return;
	report_line(out, "to accept it%s, with the same options and: --expect=%llu", report->lost > 0 ? " without what is lost" : "",
		    (unsigned long long)report->counter);
}

static void describe_json(struct secret_buf *out, const struct offline_options *options, const struct accept_report *report,
			  const struct secret_buf *lost)
{
	json_emit_raw(out, "{\"accepted\":");
	json_emit_bool(out, options->has_expect);
	json_emit_raw(out, ",\"refused\":");
	json_emit_cstring(out, report->refused);
	json_emit_raw(out, ",\"anchor_counter\":");
	json_emit_uint(out, report->has_anchor ? report->anchor_counter : 0);
	json_emit_raw(out, ",\"lost\":[");
	json_emit_raw_n(out, secret_buf_text(lost), secret_buf_len(lost));
	json_emit_raw(out, "],\"lost_total\":");
	json_emit_uint(out, report->lost);
	json_emit_raw(out, ",");
	report_members(out, report, options->has_expect);
	json_emit_raw(out, "}\n");
}

/* There is no other record of it than the log. */
static void log_accepted(const struct config *config, const struct offline_options *options, const struct accept_report *report)
{
	char from[2 * ID_LEN + 1], to[2 * ID_LEN + 1];

	report_hex(report->fork_id, from);
	report_hex(report->new_fork_id, to);
	log_event(LOG_LEVEL_WARNING, "accepted",
		  "%s at counter %llu (%s) was accepted as a new history, counter %llu; fork %s became %s; %llu lost; tokens of before %s",
		  config->data_dir, (unsigned long long)report->counter, report->refused[0] != '\0' ? report->refused : "nothing was refused",
		  (unsigned long long)report->new_counter, from, to, (unsigned long long)report->lost,
		  options->keep_tokens ? "count" : "end");
}

/* What failed came behind the commit. */
static enum error_code told_too_late(const struct accept_report *report, struct error *err)
{
	return error_prefix(err, "it was accepted, and is at counter %llu now, but what follows failed", (unsigned long long)report->new_counter);
}

static enum error_code accept(const struct offline_options *options, const struct config *config, struct records *records,
			      struct slot_input *input, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = report_new(err), *lost = report_new(err);
	struct loss_report losses = { .out = options->json ? lost : out, .json = options->json };
	const struct accept_options wanted = { .accept = options->has_expect, .expect = options->expect,
					       .keep_tokens = options->keep_tokens, .accept_loss = options->accept_loss,
					       .lost = loss_report_take, .arg = &losses };
	struct accept_report report = { .new_counter = 0 };
	struct slot_info slots[SLOTS_MAX];

	if (!out || !lost)
		return err->code;
	if (!slot_input_is_given(&options->slot) &&
	    slot_input_read(&options->slot, slots, records_slots(records, slots), input, err) != ERR_OK)
		return err->code;
	(void)!records_accept(records, &input->secret, &wanted, &report, err);
	if (report.new_counter > 0)
		log_accepted(config, options, &report);
	if (err->code != ERR_OK)
		return report.new_counter > 0 ? told_too_late(&report, err) : err->code;
	loss_report_end(&losses);
	if (options->json)
		describe_json(out, options, &report, lost);
	else
		describe(out, options, config, &report);
	if (report_print(out, err) != ERR_OK && report.new_counter > 0)
		return told_too_late(&report, err);
	return err->code;
}

/* Root becomes the user that the data belongs to: what is made beside it must be his. */
static enum error_code become_owner(const char *directory, struct error *err)
{
	struct stat info;

	if (geteuid() != 0 || stat(directory, &info) != 0 || info.st_uid == 0)
		return ERR_OK;
	if (setgroups(0, NULL) != 0 || setresgid(info.st_gid, info.st_gid, info.st_gid) != 0 ||
	    setresuid(info.st_uid, info.st_uid, info.st_uid) != 0)
		return error_set_errno(err, ERR_PERMISSION, errno, "become the owner of %s", directory);
	return ERR_OK;
}

static enum error_code recover(const struct offline_options *options, struct error *err)
{
	static struct config config;
	const struct options daemon_options = { .config_file = options->config_file };
	slot_input_scope input = { .key = NULL };
	struct records *records = NULL;

	if (config_load(&daemon_options, &config, err) != ERR_OK)
		return err->code;
	/* A key file may be root's alone. */
	if ((slot_input_is_given(&options->slot) && slot_input_read(&options->slot, NULL, 0, &input, err) != ERR_OK) ||
	    become_owner(config.data_dir, err) != ERR_OK)
		return err->code;
	const struct records_options wanted = {
		.directory = config.data_dir, .max_size = config.max_size, .clock = clock_system,
		.anchor_path = config.anchor[0] != '\0' ? config.anchor : NULL, .anchor_mode = config.anchor_mode,
	};
	if (!store_exists(config.data_dir))
		return error_set(err, ERR_NOT_INITIALIZED, "there is no vault in %s (configuration: %s)", config.data_dir, config.source);
	if (records_open(&wanted, &records, err) != ERR_OK)
		return err->code;
	if (!records_initialized(records))
		error_set(err, ERR_NOT_INITIALIZED, "there is no vault.hdr in %s: put it back from a copy, or restore a backup",
			  config.data_dir);
	else if (accept(options, &config, records, &input, err) != ERR_OK && !options->accept_loss)
		report_advise_loss("restore a backup, or look at what is lost with --accept-loss (it changes nothing without --expect)", err);
	records_close(records);
	return err->code;
}

int recover_main(int argc, char **argv)
{
	struct offline_options options = { .json = false };
	struct sandbox_report report = { .landlock_abi = 0 };
	struct error err = ERROR_INIT;

	if (offline_options_parse(OFFLINE_RECOVER, argc, argv, &options, &err) == ERR_OK && options.help) {
		offline_options_help(OFFLINE_RECOVER);
		return 0;
	}
	if (err.code == ERR_OK && (options.words_len != 1 || strcmp(options.words[0], "accept") != 0))
		error_set(&err, ERR_USAGE, "there is `vaultd recover accept` (see vaultd recover --help)");
	if (err.code == ERR_OK && sandbox_begin(&report, &err) == ERR_OK && secret_arena_start(&err) == ERR_OK) {
		signals_name_damage();
		(void)!recover(&options, &err);
	}
	if (err.code == ERR_OK)
		return 0;
	return report_failure("vaultd recover", options.json, &err);
}
