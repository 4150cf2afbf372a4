/* Whether the daemon is alive, ready, and how it does. Nothing here names an environment. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/backups.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define API_VERSION "1.16.2"

void handle_healthz(struct request *request)
{
	struct secret_buf *out = reply_bare(request, 200);

	if (out)
		json_emit_raw(out, "{\"alive\":true}\n");
}

static void emit_flag(struct secret_buf *out, const char *name, bool value)
{
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_bool(out, value);
}

static void emit_sandbox(struct secret_buf *out, const struct sandbox_report *report)
{
	json_emit_raw(out, ",\"sandbox\":{\"landlock_abi\":");
	json_emit_int(out, report->landlock_abi);
	emit_flag(out, "seccomp", report->seccomp);
	emit_flag(out, "no_new_privileges", report->no_new_privileges);
	emit_flag(out, "arena_locked", report->arena_locked);
	emit_flag(out, "core_dumps_off", report->core_dumps_off);
	emit_flag(out, "wiping_memory", report->wiping_memory);
	json_emit_raw(out, "}");
}

void handle_readyz(struct request *request)
{
	static const struct sandbox_report none;
	const struct sandbox_report *report = request->server->options.sandbox;
	struct vault_status status;
	struct secret_buf *out;
	bool ready;

	vault_status(request->server->vault, &status);
	ready = status.initialized && !status.sealed && status.records.writable;
	out = reply_bare(request, ready ? 200 : 503);
	if (!out)
		return;
	json_emit_raw(out, "{\"ready\":");
	json_emit_bool(out, ready);
	emit_flag(out, "initialized", status.initialized);
	emit_flag(out, "sealed", status.sealed);
	json_emit_raw(out, ",\"store\":{\"writable\":");
	json_emit_bool(out, status.records.writable);
	emit_flag(out, "anchor_configured", status.records.anchor_configured);
	emit_flag(out, "anchor_ok", status.records.anchor_ok);
	json_emit_raw(out, ",\"last_error\":");
	json_emit_cstring(out, status.records.last_error);
	json_emit_raw(out, "}");
	emit_sandbox(out, report ? report : &none);
	json_emit_raw(out, "}\n");
}

/* -- /metrics ------------------------------------------------------------------ */

static void metric(struct secret_buf *out, const char *name, const char *kind, const char *help, const char *labels,
		   uint64_t value)
{
	char line[512];

	if (help) {
		snprintf(line, sizeof(line), "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
		json_emit_raw(out, line);
	}
	snprintf(line, sizeof(line), "%s%s %" PRIu64 "\n", name, labels, value);
	json_emit_raw(out, line);
}

static void metrics_http(struct secret_buf *out, const struct server *server)
{
	const struct counters *counters = &server->counters;
	struct backups_counts backups;
	char labels[32];

	for (unsigned i = 1; i < ARRAY_LEN(counters->requests); i++) {
		snprintf(labels, sizeof(labels), "{status=\"%uxx\"}", i);
		metric(out, "vaultd_http_requests_total", "counter", i == 1 ? "Answers by class of status." : NULL, labels,
		       atomic_load(&counters->requests[i]));
	}
	metric(out, "vaultd_http_refused_heads_total", "counter", "Requests that the gate refused.", "",
	       atomic_load(&counters->refused_heads));
	metric(out, "vaultd_http_connections_accepted_total", "counter", "Connections since the start.", "",
	       atomic_load(&counters->accepted));
	metric(out, "vaultd_http_connections_cut_total", "counter", "Connections that were over their deadline.", "",
	       connections_cut(server->connections));
	metric(out, "vaultd_http_connections", "gauge", "Open connections.", "", connections_open(server->connections));
	metric(out, "vaultd_http_requests_active", "gauge", "Requests without an answer yet.", "",
	       atomic_load(&server->active));
	backups_count(server->backups, &backups);
	metric(out, "vaultd_backups_total", "counter", "Backups that were sent to their end.", "", backups.whole);
	metric(out, "vaultd_backups_broken_off_total", "counter", "Backups that were not.", "", backups.broken);
	metric(out, "vaultd_backup_last_timestamp_seconds", "gauge", "When the last backup was whole; 0 when none was since the start.",
	       "", (uint64_t)backups.last);
	metric(out, "vaultd_http_waiters", "gauge", "Blocked reads.", "", waiters_count(server->waiters));
}

void handle_metrics(struct request *request)
{
	const struct server *server = request->server;
	struct vault_status status;
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	vault_status(server->vault, &status);
	request->reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_http(out, server);
	metric(out, "vaultd_initialized", "gauge", "1 when the vault is initialised.", "", status.initialized);
	metric(out, "vaultd_unsealed", "gauge", "1 when the vault is unsealed.", "", !status.sealed);
	metric(out, "vaultd_store_writable", "gauge", "1 when changes can be stored.", "", status.records.writable);
	metric(out, "vaultd_store_commits", "counter", "The store's counter of commits.", "", status.records.counter);
	metric(out, "vaultd_store_records", "gauge", "Records in the store.", "", status.records.n_live);
	metric(out, "vaultd_store_revisions", "gauge", "Revisions in the store.", "", status.records.n_revisions);
	metric(out, "vaultd_store_file_bytes", "gauge", "Size of the database file.", "", status.records.file_bytes);
	metric(out, "vaultd_store_free_pages", "gauge", "Pages of the database that can be used again.", "",
	       status.records.free_pages);
	metric(out, "vaultd_tokens", "gauge", "Tokens in the store; 1000000 may be.", "", status.tokens);
	metric(out, "vaultd_wrapped_answers", "gauge", "Answers that wait to be unwrapped; 10000 may be.", "", status.wrapped);
	metric(out, "vaultd_anchor_ok", "gauge", "1 when the anchor is written, or none is configured.", "",
	       status.records.anchor_ok || !status.records.anchor_configured);
	metric(out, "vaultd_uptime_seconds", "gauge", "Since the start of the server.", "",
	       (uint64_t)(clock_system.monotonic_us(clock_system.arg) - server->started_us) / 1000000);
}

/* -- sys/health ------------------------------------------------------------------ */

/* A code of the caller's for one state; clients send 299 to be able to read the body. */
static bool health_code(struct request *request, const char *argument, int absent, int *ret)
{
	uint64_t code;

	if (!request_arg_uint(request, argument, (uint64_t)absent, 599, &code))
		return false;
	if (code < 200) {
		reply_refuse(request, 400, "a status code must be from 200 to 599");
		return false;
	}
	*ret = (int)code;
	return true;
}

static bool health_status(struct request *request, const struct vault_status *status, int *ret)
{
	static const char *const unused[] = { "standbycode", "drsecondarycode", "performancestandbycode" };
	int active, sealed, uninit, ignored;

	if (!health_code(request, "activecode", 200, &active) || !health_code(request, "sealedcode", 503, &sealed) ||
	    !health_code(request, "uninitcode", 501, &uninit))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(unused); i++)
		if (!health_code(request, unused[i], 429, &ignored))
			return false;
	*ret = !status->initialized ? uninit : status->sealed ? sealed : active;
	return true;
}

void handle_sys_health(struct request *request)
{
	struct vault_status status;
	struct secret_buf *out;
	int code;

	vault_status(request->server->vault, &status);
	if (!health_status(request, &status, &code))
		return;
	out = reply_bare(request, code);
	if (!out)
		return;
	json_emit_raw(out, "{\"initialized\":");
	json_emit_bool(out, status.initialized);
	emit_flag(out, "sealed", status.sealed);
	json_emit_raw(out, ",\"standby\":false,\"performance_standby\":false,\"replication_performance_mode\":\"disabled\","
			   "\"replication_dr_mode\":\"disabled\",\"server_time_utc\":");
	json_emit_int(out, clock_system.now_us(clock_system.arg) / 1000000);
	json_emit_raw(out, ",\"version\":\"" API_VERSION "\",\"vaultd_version\":\"" VAULT_VERSION "\"");
	if (!status.sealed) {
		json_emit_raw(out, ",\"cluster_name\":");
		json_emit_cstring(out, status.cluster_name);
		json_emit_raw(out, ",\"cluster_id\":");
		json_emit_cstring(out, status.cluster_id);
	}
	json_emit_raw(out, "}\n");
}

static void emit_seal_status(struct secret_buf *out, const struct vault_status *status)
{
	json_emit_raw(out, "{\"type\":\"shamir\",\"initialized\":");
	json_emit_bool(out, status->initialized);
	emit_flag(out, "sealed", status->sealed);
	json_emit_raw(out, ",\"t\":");
	json_emit_uint(out, status->threshold);
	json_emit_raw(out, ",\"n\":");
	json_emit_uint(out, status->shares);
	json_emit_raw(out, ",\"progress\":");
	json_emit_uint(out, status->progress);
	json_emit_raw(out, ",\"nonce\":");
	json_emit_cstring(out, status->nonce);
	json_emit_raw(out, ",\"version\":\"" API_VERSION "\",\"vaultd_version\":\"" VAULT_VERSION
			   "\",\"build_date\":\"\",\"migration\":false,\"recovery_seal\":false,\"storage_type\":\"lmdb\"");
	if (!status->sealed) {
		json_emit_raw(out, ",\"cluster_name\":");
		json_emit_cstring(out, status->cluster_name);
		json_emit_raw(out, ",\"cluster_id\":");
		json_emit_cstring(out, status->cluster_id);
	}
	json_emit_raw(out, "}\n");
}

void handle_seal_status(struct request *request)
{
	struct vault_status status;
	struct secret_buf *out = reply_bare(request, 200);

	vault_status(request->server->vault, &status);
	if (out)
		emit_seal_status(out, &status);
}

void handle_leader(struct request *request)
{
	struct secret_buf *out = reply_bare(request, 200);

	if (out)
		json_emit_raw(out, "{\"ha_enabled\":false,\"is_self\":false,\"leader_address\":\"\",\"leader_cluster_address\":\"\","
				   "\"performance_standby\":false}\n");
}
