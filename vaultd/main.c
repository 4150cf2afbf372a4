/* The order of start and stop, nothing else. */
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auto_unseal.h"
#include "config.h"
#include "core/vault.h"
#include "crypto/arena.h"
#include "dev.h"
#include "housekeeping.h"
#include "http/server.h"
#include "log.h"
#include "notify.h"
#include "offline.h"
#include "options.h"
#include "records/anchor.h"
#include "sandbox.h"
#include "signals.h"
#include "vault/files.h"
#include "vault/limits.h"
#include "vault/plural.h"
#include "vault/safe_json.h"

#define DRAIN_SECONDS 20
/* Files that are open for good (some 10), those that a change, a backup or a new certificate open for a moment, and room. */
#define DESCRIPTORS_OF_OUR_OWN 32
#define DESCRIPTORS_A_LISTENER 4	/* its socket, its epoll (TLS has none) and its wake-up, and one more: it accepts before it refuses */
#define CONNECTIONS_MIN 8

struct daemon {
	struct options options;
	struct config config;
	struct sandbox_report report;
	struct dev dev;
	const char *credentials;	/* $CREDENTIALS_DIRECTORY or NULL */
	int fds[CONFIG_LISTENERS];
	size_t open_len;
	uint16_t port;			/* of the last TCP listener */
	struct vault *vault;
	struct server *server;
	struct housekeeping *housekeeping;
};

static enum error_code load_config(struct daemon *daemon, struct error *err)
{
	if (!daemon->options.dev)
		return config_load(&daemon->options, &daemon->config, err);
	if (dev_make_directory(&daemon->dev, err) != ERR_OK)
		return err->code;
	return config_dev(daemon->dev.directory, daemon->options.dev_listen_address, &daemon->config, err);
}

static size_t at_most(size_t value, size_t maximum)
{
	return value < maximum ? value : maximum;
}

/* One descriptor for each connection, and some for the store and the listeners that no connection can take: libmicrohttpd does
 * not stand it when there is none to accept with (it waits busily), and a change must be able to open its files. So there are as
 * many connections as there are descriptors for. */
static enum error_code allow_descriptors(struct config *config, struct error *err)
{
	const size_t own = DESCRIPTORS_OF_OUR_OWN + DESCRIPTORS_A_LISTENER * config->listen_len;
	const size_t connections = config->connections ? config->connections : LIMIT_CONNECTIONS;
	const size_t waiters = config->waiters ? config->waiters : LIMIT_WAITERS;
	const size_t allowed = sandbox_allow_descriptors(connections + waiters + own);
	size_t places;

	if (allowed == connections + waiters + own)
		return ERR_OK;
	if (allowed < own + CONNECTIONS_MIN)
		return error_set(err, ERR_CONFIG, "%zu open files are allowed to this process, %zu is the least: raise LimitNOFILE "
						  "(systemd) or ulimit -n", allowed, own + CONNECTIONS_MIN);
	places = allowed - own;
	config->waiters = at_most(waiters, places / 2);
	config->connections = at_most(connections, places - config->waiters);
	config->connections_per_peer = at_most(config->connections_per_peer ? config->connections_per_peer : SIZE_MAX,
					       config->connections / 2 + 1);
	log_event(LOG_LEVEL_WARNING, "limits", "%zu open files are allowed to this process: %zu connections at a time and %zu that "
					       "wait, instead of %zu and %zu; raise LimitNOFILE (systemd) or ulimit -n",
		  allowed, config->connections, config->waiters, connections, waiters);
	return ERR_OK;
}

/* What must not happen later: seeds, locked memory, time zones, the TLS library's own start. */
static enum error_code prepare_process(struct daemon *daemon, struct error *err)
{
	if (allow_descriptors(&daemon->config, err) != ERR_OK || signals_start(err) != ERR_OK || secret_arena_start(err) != ERR_OK)
		return err->code;
	daemon->report.arena_locked = secret_arena_locked();
	safe_json_start();
	tzset();
	if (gnutls_global_init() < 0)
		return error_set(err, ERR_INTERNAL, "the TLS library does not start");
	notify_open();
	daemon->credentials = getenv("CREDENTIALS_DIRECTORY");
	return ERR_OK;
}

static enum error_code open_sockets(struct daemon *daemon, struct error *err)
{
	for (; daemon->open_len < daemon->config.listen_len; daemon->open_len++)
		if (listen_open(&daemon->config.listen[daemon->open_len], &daemon->fds[daemon->open_len], &daemon->port, err) !=
		    ERR_OK)
			return err->code;
	return ERR_OK;
}

static void parent_of(const char *path, char ret[static PATH_MAX])
{
	char *slash;

	snprintf(ret, PATH_MAX, "%s", path);
	slash = strrchr(ret, '/');
	if (slash && slash != ret)
		*slash = '\0';
}

/* What the process may still touch. */
static enum error_code close_files(struct daemon *daemon, struct error *err)
{
	static char parents[2 * CONFIG_LISTENERS + 1][PATH_MAX];
	struct sandbox_path paths[2 * CONFIG_LISTENERS + 12];
	const struct config *config = &daemon->config;
	size_t len = 0, parents_len = 0;

	paths[len++] = (struct sandbox_path){ config->data_dir, SANDBOX_WRITE };
	if (config->anchor[0] != '\0') {
		parent_of(config->anchor, parents[parents_len]);
		paths[len++] = (struct sandbox_path){ parents[parents_len++], SANDBOX_WRITE };
	}
	for (size_t i = 0; i < config->listen_len; i++) {
		const struct listen_options *listen = &config->listen[i];
		bool is_unix = listen->kind == LISTEN_UNIX;

		if (!is_unix && listen->plain)
			continue;
		parent_of(is_unix ? listen->path : listen->certificate, parents[parents_len]);
		paths[len++] = (struct sandbox_path){ parents[parents_len++], is_unix ? SANDBOX_UNLINK : SANDBOX_READ };
		if (!is_unix) {
			parent_of(listen->key, parents[parents_len]);
			paths[len++] = (struct sandbox_path){ parents[parents_len++], SANDBOX_READ };
		}
	}
	if (daemon->credentials)
		paths[len++] = (struct sandbox_path){ daemon->credentials, SANDBOX_READ };
	if (daemon->options.dev)
		paths[len++] = (struct sandbox_path){ daemon->dev.parent, SANDBOX_RMDIR };
	/* The limit of memory, for the cost of a passphrase; random bytes for libraries that open the device. */
	paths[len++] = (struct sandbox_path){ "/proc/self/cgroup", SANDBOX_READ };
	paths[len++] = (struct sandbox_path){ "/proc/meminfo", SANDBOX_READ };
	paths[len++] = (struct sandbox_path){ "/sys/fs/cgroup", SANDBOX_READ };
	paths[len++] = (struct sandbox_path){ "/dev/urandom", SANDBOX_READ };
	return sandbox_restrict_files(paths, len, &daemon->report, err);
}

static enum error_code open_vault(struct daemon *daemon, struct error *err)
{
	const struct config *config = &daemon->config;
	const struct vault_options options = {
		.records = {
			.directory = config->data_dir,
			.max_size = config->max_size,
			.anchor_path = config->anchor[0] != '\0' ? config->anchor : NULL,
			.anchor_mode = config->anchor_mode,
			.clock = clock_system,
		},
		.personal = config->personal,
		.owner = geteuid(),
	};

	if (vault_open(&options, &daemon->vault, err) != ERR_OK)
		return err->code;
	if (daemon->options.dev)
		return dev_start_vault(daemon->vault, &daemon->options, config, daemon->port, err);
	auto_unseal(daemon->vault, daemon->credentials);
	return ERR_OK;
}

static enum error_code start_server(struct daemon *daemon, struct error *err)
{
	const struct server_options options = {
		.vault = daemon->vault,
		.listen = daemon->config.listen,
		.listen_fds = daemon->fds,
		.listen_len = daemon->config.listen_len,
		.connections = daemon->config.connections,
		.connections_per_peer = daemon->config.connections_per_peer,
		.waiters = daemon->config.waiters,
		.unseal_remote = daemon->config.unseal_remote,
		.dev = daemon->options.dev,
		.sandbox = &daemon->report,
		.credentials_directory = daemon->credentials,
		.log = log_warning_text,
	};

	if (server_start(&options, &daemon->server, err) != ERR_OK)
		return err->code;
	return housekeeping_start(daemon->vault, &daemon->housekeeping, err);
}

/* The sandbox allows what is there now: what is made later would need another start. */
static enum error_code check_places(const struct config *config, struct error *err)
{
	if (config->anchor[0] != '\0' && anchor_check_directory(config->anchor, err) != ERR_OK)
		return err->code;
	return directory_ensure(config->data_dir, true, err);
}

static enum error_code start(struct daemon *daemon, struct error *err)
{
	if (prepare_process(daemon, err) != ERR_OK || check_places(&daemon->config, err) != ERR_OK ||
	    open_sockets(daemon, err) != ERR_OK || close_files(daemon, err) != ERR_OK || open_vault(daemon, err) != ERR_OK ||
	    sandbox_restrict_calls(&daemon->report, err) != ERR_OK)
		return err->code;
	return start_server(daemon, err);
}

static void log_start(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->config.listen_len; i++) {
		const struct listen_options *listen = &daemon->config.listen[i];

		if (listen->kind == LISTEN_UNIX)
			log_event(LOG_LEVEL_INFO, "listening", "unix://%s", listen->path);
		else
			log_event(LOG_LEVEL_INFO, "listening", "%s://%s port %u", listen->plain ? "http" : "https", listen->address,
				  (unsigned)(listen->port != 0 ? listen->port : daemon->port));
	}
	log_event(LOG_LEVEL_INFO, "started", "vaultd %s, configuration: %s, landlock %d, seccomp %s, keys %s", VAULT_VERSION,
		  daemon->config.source, daemon->report.landlock_abi, daemon->report.seccomp ? "on" : "off",
		  daemon->report.arena_locked ? "locked" : "NOT locked in memory (raise LimitMEMLOCK)");
}

static void run(struct daemon *daemon)
{
	struct error err;

	while (signals_wait() == SIGNAL_RELOAD) {
		err = (struct error)ERROR_INIT;
		if (server_reload_tls(daemon->server, &err) != ERR_OK)
			log_event(LOG_LEVEL_ERROR, "reload", "the old certificates stay in use: %s", err.text);
		else
			log_event(LOG_LEVEL_INFO, "reload", "certificates read again");
	}
	log_event(LOG_LEVEL_INFO, "stopping", "answering what is under way");
	notify_send("STOPPING=1");
}

static void stop(struct daemon *daemon)
{
	if (daemon->server && !server_stop(daemon->server, DRAIN_SECONDS)) {
		log_event(LOG_LEVEL_ERROR, "stopping", "changes are still not stored after %d seconds: ending without them",
			  DRAIN_SECONDS);
		_exit(1);
	}
	if (!daemon->server)
		for (size_t i = 0; i < daemon->open_len; i++)
			if (daemon->config.listen[i].kind == LISTEN_UNIX)
				unlink(daemon->config.listen[i].path);
	housekeeping_stop(daemon->housekeeping);
	vault_close(daemon->vault);
	dev_remove_directory(&daemon->dev);
}

static int serve(struct daemon *daemon)
{
	struct error err = ERROR_INIT;

	if (start(daemon, &err) == ERR_OK) {
		log_start(daemon);
		notify_send("READY=1");
		run(daemon);
	} else {
		log_event(LOG_LEVEL_ERROR, "not_started", "%s", err.text);
	}
	stop(daemon);
	if (err.code == ERR_OK)
		log_event(LOG_LEVEL_INFO, "stopped", "vaultd ends");
	return error_exit_code(err.code);
}

static int print_checked(const struct config *config)
{
	printf("%s: the configuration is good (data in %s, %zu listener%s)\n", config->source, config->data_dir,
	       config->listen_len, plural(config->listen_len, "", "s"));
	for (size_t i = 0; i < config->listen_len; i++)
		if (config->listen[i].kind == LISTEN_UNIX)
			return 0;
	if (!config->unseal_remote)
		puts("note: without listen_unix or unseal_remote nobody can set up or unseal this vault but a systemd credential");
	if (config->personal)
		puts("note: without listen_unix the vault does not know its owner, and envctl finds it only by --address");
	return 0;
}

static int fail(const struct error *err)
{
	fprintf(stderr, "vaultd: %s\n", err->text);
	return error_exit_code(err->code);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	struct error err = ERROR_INIT;

	if (argc > 1 && strcmp(argv[1], "restore") == 0)
		return restore_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "recover") == 0)
		return recover_main(argc - 1, argv + 1);
	if (options_parse(argc, argv, &daemon.options, &err) != ERR_OK)
		return fail(&err);
	if (daemon.options.help) {
		options_help(stdout);
		return 0;
	}
	if (daemon.options.version) {
		puts("vaultd " VAULT_VERSION);
		return 0;
	}
	if (sandbox_begin(&daemon.report, &err) != ERR_OK || load_config(&daemon, &err) != ERR_OK) {
		dev_remove_directory(&daemon.dev);
		return fail(&err);
	}
	if (daemon.options.check_config)
		return print_checked(&daemon.config);
	return serve(&daemon);
}
