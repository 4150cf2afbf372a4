#include "config.h"

#include <confuse.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/limits.h"
#include "vault/suggestion.h"

/* -- small readers ---------------------------------------------------------- */

bool config_parse_size(const char *text, size_t *ret)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	char *end;
	unsigned long long number;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	for (size_t i = 0; errno == 0 && i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].name) == 0 && number <= SIZE_MAX >> units[i].shift) {
			*ret = (size_t)number << units[i].shift;
			return true;
		}
	}
	return false;
}

static bool parse_mode(const char *text, mode_t *ret)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (text[0] == '\0' || *end != '\0' || mode > 0777 || (mode & 0600) != 0600 || (mode & 0111) != 0)
		return false;
	*ret = (mode_t)mode;
	return true;
}

static bool copy_path(char *to, size_t size, const char *from)
{
	if (strlen(from) >= size)
		return false;
	snprintf(to, size, "%s", from);
	return true;
}

/* -- places ------------------------------------------------------------------- */

/* $XDG_..., or the directory that stands for it below the home directory. */
static bool xdg_directory(const char *variable, const char *below_home, char ret[static PATH_MAX])
{
	const char *value = getenv(variable), *home = getenv("HOME");
	const struct passwd *user;

	if (value && value[0] == '/')
		return snprintf(ret, PATH_MAX, "%s", value) < PATH_MAX;
	if (!below_home)
		return false;
	if (!home || home[0] != '/') {
		user = getpwuid(geteuid());
		home = user ? user->pw_dir : NULL;
	}
	return home && snprintf(ret, PATH_MAX, "%s/%s", home, below_home) < PATH_MAX;
}

static bool join(char ret[static PATH_MAX], const char *directory, const char *name)
{
	return (size_t)snprintf(ret, PATH_MAX, "%s/%s", directory, name) < PATH_MAX;
}

static enum error_code personal_socket(const char *data_dir, struct listen_options *ret, struct error *err)
{
	char directory[PATH_MAX], path[PATH_MAX];
	bool ok;

	*ret = (struct listen_options){ .kind = LISTEN_UNIX, .mode = 0600, .group = (gid_t)-1 };
	if (xdg_directory("XDG_RUNTIME_DIR", NULL, directory))
		ok = join(path, directory, "vaultd/vaultd.sock");
	else
		ok = join(path, data_dir, "run/vaultd.sock");
	if (!ok || !copy_path(ret->path, sizeof(ret->path), path))
		return error_set(err, ERR_CONFIG, "the path of the personal socket is longer than %zu bytes: set XDG_RUNTIME_DIR",
				 sizeof(ret->path) - 1);
	return ERR_OK;
}

enum error_code config_personal(struct config *ret, struct error *err)
{
	char directory[PATH_MAX];

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->source, sizeof(ret->source), "built-in defaults");
	ret->personal = true;
	ret->max_size = DEFAULT_STORE_MAX_SIZE;
	if (!xdg_directory("XDG_DATA_HOME", ".local/share", directory) || !join(ret->data_dir, directory, "vaultd"))
		return error_set(err, ERR_CONFIG, "there is no home directory for a personal vault: set HOME or XDG_DATA_HOME");
	ret->listen_len = 1;
	return personal_socket(ret->data_dir, &ret->listen[0], err);
}

/* -- what libconfuse calls ------------------------------------------------------ */

/* Its error function has no argument of ours. Configuration is read before there are threads. */
static struct error *current_error;
static const char *current_path;	/* sections do not know their file */

/* "no such option 'data_dri'" gets the nearest option of the section that it stands in. */
static void suggest_option(cfg_t *cfg, char *text, size_t size)
{
	static const char begin[] = "no such option '";
	struct suggestion best = SUGGESTION_INIT;
	char name[64];
	size_t len, used = strlen(text);

	if (strncmp(text, begin, sizeof(begin) - 1) != 0)
		return;
	len = strcspn(text + sizeof(begin) - 1, "'");
	if (len >= sizeof(name))
		return;
	memcpy(name, text + sizeof(begin) - 1, len);
	name[len] = '\0';
	for (unsigned i = 0; i < cfg_num(cfg); i++)
		suggestion_offer(&best, name, cfg_opt_name(cfg_getnopt(cfg, i)));
	if (best.text[0])
		snprintf(text + used, size - used, "; did you mean %.64s?", best.text);
}

static void __attribute__((format(printf, 2, 0))) complain(cfg_t *cfg, const char *format, va_list args)
{
	char text[ERROR_TEXT_MAX / 2];

	vsnprintf(text, sizeof(text), format, args);
	if (cfg)
		suggest_option(cfg, text, sizeof(text));
	if (current_error && current_error->code == ERR_OK)
		error_set(current_error, ERR_CONFIG, "%s:%d: %s", current_path, cfg ? cfg->line : 0, text);
}

static int check_absolute(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = cfg_opt_getstr(opt);

	if (path && path[0] == '/')
		return 0;
	cfg_error(cfg, "%s must be an absolute path", cfg_opt_name(opt));
	return -1;
}

static int check_anchor_mode(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *mode = cfg_opt_getstr(opt);

	if (mode && (strcmp(mode, "none") == 0 || strcmp(mode, "relaxed") == 0 || strcmp(mode, "strict") == 0))
		return 0;
	cfg_error(cfg, "anchor_mode must be none, relaxed or strict");
	return -1;
}

static int check_size(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);
	size_t size;

	if (text && config_parse_size(text, &size) && size >= 1024 * 1024)
		return 0;
	cfg_error(cfg, "max_size must be a size of at least 1MiB, such as \"64GiB\"");
	return -1;
}

static int check_mode(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);
	mode_t mode;

	if (text && parse_mode(text, &mode))
		return 0;
	cfg_error(cfg, "mode must be octal, readable and writable for the owner, such as \"0660\"");
	return -1;
}

static int check_group(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_getstr(opt);

	if (name && getgrnam(name))
		return 0;
	cfg_error(cfg, "there is no group \"%s\": make it (groupadd --system %s) or leave the key out", name ? name : "",
		  name ? name : "vaultd");
	return -1;
}

static int check_port(cfg_t *cfg, cfg_opt_t *opt)
{
	long port = cfg_opt_getnint(opt, 0);

	if (port >= 0 && port <= 65535)
		return 0;
	cfg_error(cfg, "port must be from 0 to 65535");
	return -1;
}

static int check_limit(cfg_t *cfg, cfg_opt_t *opt)
{
	long limit = cfg_opt_getnint(opt, 0);

	if (limit >= 1 && limit <= 100000)
		return 0;
	cfg_error(cfg, "%s must be from 1 to 100000", cfg_opt_name(opt));
	return -1;
}

/* -- from libconfuse's values to ours ------------------------------------------------ */

static void take_unix(cfg_t *section, struct listen_options *ret)
{
	const char *group = cfg_getstr(section, "group");
	const struct group *found = group ? getgrnam(group) : NULL;

	*ret = (struct listen_options){ .kind = LISTEN_UNIX, .group = found ? found->gr_gid : (gid_t)-1 };
	(void)parse_mode(cfg_getstr(section, "mode"), &ret->mode);
	(void)copy_path(ret->path, sizeof(ret->path), cfg_getstr(section, "path"));
}

static bool take_text(char *to, size_t size, const char *from)
{
	return !from || copy_path(to, size, from);
}

static int check_unix(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *path = cfg_getstr(section, "path");

	if (!path)
		cfg_error(cfg, "listen_unix needs a path, such as \"/run/vaultd/vaultd.sock\"");
	else if (strlen(path) >= sizeof(((struct listen_options *)0)->path))
		cfg_error(cfg, "the path of a socket may have at most %zu bytes", sizeof(((struct listen_options *)0)->path) - 1);
	else
		return 0;
	return -1;
}

static bool take_tcp(cfg_t *section, struct listen_options *ret)
{
	*ret = (struct listen_options){
		.kind = LISTEN_TCP,
		.group = (gid_t)-1,
		.port = (uint16_t)cfg_getint(section, "port"),
		.plain = cfg_getbool(section, "plain") == cfg_true,
	};
	return take_text(ret->address, sizeof(ret->address), cfg_getstr(section, "address")) &&
	       take_text(ret->certificate, sizeof(ret->certificate), cfg_getstr(section, "certificate")) &&
	       take_text(ret->key, sizeof(ret->key), cfg_getstr(section, "key"));
}

static int check_tcp(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct listen_options options;
	struct error err = ERROR_INIT;

	if (!take_tcp(section, &options))
		cfg_error(cfg, "a text of listen_tcp is too long");
	else if (listen_check(&options, &err) != ERR_OK)
		cfg_error(cfg, "%s", err.text);
	else
		return 0;
	return -1;
}

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
	{ "data_dir", check_absolute },
	{ "anchor", check_absolute },
	{ "anchor_mode", check_anchor_mode },
	{ "store|max_size", check_size },
	{ "limits|connections", check_limit },
	{ "limits|connections_per_peer", check_limit },
	{ "limits|waiters", check_limit },
	{ "listen_unix|path", check_absolute },
	{ "listen_unix|mode", check_mode },
	{ "listen_unix|group", check_group },
	{ "listen_unix", check_unix },
	{ "listen_tcp|port", check_port },
	{ "listen_tcp|certificate", check_absolute },
	{ "listen_tcp|key", check_absolute },
	{ "listen_tcp", check_tcp },
};

static enum anchor_mode anchor_mode_of(const char *text, bool has_anchor)
{
	if (!has_anchor || strcmp(text, "none") == 0)
		return ANCHOR_NONE;
	return strcmp(text, "strict") == 0 ? ANCHOR_STRICT : ANCHOR_RELAXED;
}

static enum error_code take_listeners(cfg_t *cfg, struct config *ret, struct error *err)
{
	unsigned unix_len = cfg_size(cfg, "listen_unix"), tcp_len = cfg_size(cfg, "listen_tcp");

	if (unix_len + tcp_len > CONFIG_LISTENERS)
		return error_set(err, ERR_CONFIG, "%s: at most %d listeners", ret->source, CONFIG_LISTENERS);
	if (unix_len + tcp_len > 0)
		ret->listen_len = 0;
	for (unsigned i = 0; i < unix_len; i++)
		take_unix(cfg_getnsec(cfg, "listen_unix", i), &ret->listen[ret->listen_len++]);
	for (unsigned i = 0; i < tcp_len; i++)
		(void)take_tcp(cfg_getnsec(cfg, "listen_tcp", i), &ret->listen[ret->listen_len++]);
	if (ret->listen_len == 0)
		return error_set(err, ERR_CONFIG, "%s: nothing to listen on: add listen_unix { path = \"/run/vaultd/vaultd.sock\" }",
				 ret->source);
	return ERR_OK;
}

/* An anchor that is copied and put back together with the data would find nothing. */
static enum error_code check_anchor_place(const struct config *config, struct error *err)
{
	size_t len = strlen(config->data_dir);

	if (config->anchor[0] != '\0' && strncmp(config->anchor, config->data_dir, len) == 0 && config->anchor[len] == '/')
		return error_set(err, ERR_CONFIG, "%s: the anchor must be outside of data_dir, best on another file system",
				 config->source);
	return ERR_OK;
}

static enum error_code take_values(cfg_t *cfg, struct config *ret, struct error *err)
{
	cfg_t *limits = cfg_getsec(cfg, "limits");
	const char *anchor = cfg_getstr(cfg, "anchor");
	const char *max_size = cfg_getstr(cfg_getsec(cfg, "store"), "max_size");

	if (cfg_opt_size(cfg_getopt(cfg, "personal")) > 0 && cfg_opt_getnbool(cfg_getopt(cfg, "personal"), 0) != cfg_false)
		ret->personal = true;
	if (!take_text(ret->data_dir, sizeof(ret->data_dir), cfg_getstr(cfg, "data_dir")) ||
	    !take_text(ret->anchor, sizeof(ret->anchor), anchor))
		return error_set(err, ERR_CONFIG, "%s: a path is too long", ret->source);
	if (ret->data_dir[0] == '\0')
		return error_set(err, ERR_CONFIG, "%s: data_dir is missing, such as data_dir = \"/var/lib/vaultd\"", ret->source);
	ret->anchor_mode = anchor_mode_of(cfg_getstr(cfg, "anchor_mode"), anchor != NULL);
	ret->unseal_remote = cfg_getbool(cfg, "unseal_remote") == cfg_true;
	ret->max_size = DEFAULT_STORE_MAX_SIZE;
	if (max_size)
		(void)config_parse_size(max_size, &ret->max_size);
	ret->connections = (size_t)cfg_getint(limits, "connections");
	ret->connections_per_peer = (size_t)cfg_getint(limits, "connections_per_peer");
	ret->waiters = (size_t)cfg_getint(limits, "waiters");
	if (check_anchor_place(ret, err) != ERR_OK)
		return err->code;
	return take_listeners(cfg, ret, err);
}

static void free_cfg(cfg_t **cfg)
{
	if (*cfg)
		cfg_free(*cfg);
}

static cfg_t *make_parser(bool personal)
{
	cfg_opt_t unix_options[] = { CFG_STR("path", NULL, CFGF_NONE), CFG_STR("mode", "0660", CFGF_NONE),
				     CFG_STR("group", NULL, CFGF_NONE), CFG_END() };
	cfg_opt_t tcp_options[] = { CFG_STR("address", "127.0.0.1", CFGF_NONE), CFG_INT("port", 8200, CFGF_NONE),
				    CFG_STR("certificate", NULL, CFGF_NONE), CFG_STR("key", NULL, CFGF_NONE),
				    CFG_BOOL("plain", cfg_false, CFGF_NONE), CFG_END() };
	cfg_opt_t store_options[] = { CFG_STR("max_size", NULL, CFGF_NONE), CFG_END() };
	cfg_opt_t limit_options[] = { CFG_INT("connections", LIMIT_CONNECTIONS, CFGF_NONE),
				      CFG_INT("connections_per_peer", LIMIT_CONNECTIONS / 2, CFGF_NONE),
				      CFG_INT("waiters", LIMIT_WAITERS, CFGF_NONE), CFG_END() };
	cfg_opt_t options[] = { CFG_STR("data_dir", NULL, CFGF_NONE), CFG_STR("anchor", NULL, CFGF_NONE),
				CFG_STR("anchor_mode", "relaxed", CFGF_NONE), CFG_BOOL("unseal_remote", cfg_false, CFGF_NONE),
				CFG_BOOL("personal", personal ? cfg_true : cfg_false, CFGF_NONE),
				CFG_SEC("listen_unix", unix_options, CFGF_MULTI), CFG_SEC("listen_tcp", tcp_options, CFGF_MULTI),
				CFG_SEC("store", store_options, CFGF_NONE), CFG_SEC("limits", limit_options, CFGF_NONE), CFG_END() };
	cfg_t *cfg = cfg_init(options, CFGF_NONE);

	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, complain);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		cfg_set_validate_func(cfg, checks[i].option, checks[i].check);
	return cfg;
}

enum error_code config_read_file(const char *path, bool personal, struct config *ret, struct error *err)
{
	cleanup_(free_cfg) cfg_t *cfg = make_parser(personal);
	struct config config = { .max_size = DEFAULT_STORE_MAX_SIZE };
	struct stat info;
	int rc;

	if (!cfg)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the configuration");
	if (personal && config_personal(&config, err) != ERR_OK)
		return err->code;
	if (!copy_path(config.source, sizeof(config.source), path))
		return error_set(err, ERR_CONFIG, "the path of the configuration is too long");
	if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_IWOTH))
		return error_set(err, ERR_PERMISSION, "the configuration %s is writable for everybody: chmod o-w %s", path,
				 path);
	current_error = err;
	current_path = path;
	rc = cfg_parse(cfg, path);
	current_error = NULL;
	if (rc == CFG_FILE_ERROR)
		return error_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG, errno, "cannot read %s", path);
	if (rc != CFG_SUCCESS)
		return error_set(err, ERR_CONFIG, "%s: the configuration cannot be read", path);
	if (take_values(cfg, &config, err) != ERR_OK)
		return err->code;
	*ret = config;
	return ERR_OK;
}

/* -- which one ------------------------------------------------------------------------ */

enum error_code config_load(const struct options *options, struct config *ret, struct error *err)
{
	char directory[PATH_MAX], path[PATH_MAX];

	if (options->config_file)
		return config_read_file(options->config_file, false, ret, err);
	if (xdg_directory("XDG_CONFIG_HOME", ".config", directory) && join(path, directory, "vaultd/vaultd.conf") &&
	    access(path, F_OK) == 0)
		return config_read_file(path, true, ret, err);
	if (geteuid() == 0 && access(CONFIG_SYSTEM_FILE, F_OK) == 0)
		return config_read_file(CONFIG_SYSTEM_FILE, false, ret, err);
	return config_personal(ret, err);
}

/* "127.0.0.1:8200", "[::1]:8200" */
static bool parse_dev_tcp(const char *text, struct listen_options *ret)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char *end;
	unsigned long port;

	if (len == 0)
		return false;
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535 || len >= sizeof(ret->address))
		return false;
	*ret = (struct listen_options){ .kind = LISTEN_TCP, .group = (gid_t)-1, .port = (uint16_t)port, .plain = true };
	snprintf(ret->address, sizeof(ret->address), "%.*s", (int)len, text);
	return true;
}

enum error_code config_dev(const char *data_dir, const char *listen_address, struct config *ret, struct error *err)
{
	static const char unix_prefix[] = "unix://";
	const char *text = listen_address ? listen_address : "127.0.0.1:8200";
	struct listen_options *listen = &ret->listen[0];

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->source, sizeof(ret->source), "--dev");
	ret->max_size = DEFAULT_STORE_MAX_SIZE;
	ret->listen_len = 1;
	if (!copy_path(ret->data_dir, sizeof(ret->data_dir), data_dir))
		return error_set(err, ERR_CONFIG, "the path of the temporary directory is too long");
	if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
		*listen = (struct listen_options){ .kind = LISTEN_UNIX, .mode = 0600, .group = (gid_t)-1 };
		if (!copy_path(listen->path, sizeof(listen->path), text + sizeof(unix_prefix) - 1))
			return error_set(err, ERR_USAGE, "the path of --dev-listen-address has more than %zu bytes",
					 sizeof(listen->path) - 1);
	} else if (!parse_dev_tcp(text, listen)) {
		return error_set(err, ERR_USAGE, "--dev-listen-address must be like 127.0.0.1:8200 or unix:///path");
	}
	return listen_check(listen, err);
}
