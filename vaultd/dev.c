#include "dev.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/files.h"

enum error_code dev_make_directory(struct dev *dev, struct error *err)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || parent[0] != '/' || strlen(parent) > PATH_MAX - 32)
		parent = "/tmp";
	snprintf(dev->parent, sizeof(dev->parent), "%s", parent);
	snprintf(dev->directory, sizeof(dev->directory), "%.*s/vaultd-dev-XXXXXX", PATH_MAX - 32, parent);
	if (!mkdtemp(dev->directory)) {
		dev->directory[0] = '\0';
		return error_set_errno(err, ERR_IO, errno, "cannot make a temporary directory below %s", parent);
	}
	return ERR_OK;
}

static void close_directory(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

void dev_remove_directory(struct dev *dev)
{
	cleanup_(close_directory) DIR *directory = dev->directory[0] != '\0' ? opendir(dev->directory) : NULL;
	const struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(directory), entry->d_name, 0);
	rmdir(dev->directory);
	dev->directory[0] = '\0';
}

static void print_welcome(const struct config *config, int port, const char *root_token)
{
	const struct listen_options *listen = &config->listen[0];
	char address[256];

	if (listen->kind == LISTEN_UNIX)
		snprintf(address, sizeof(address), "unix://%s", listen->path);
	else
		snprintf(address, sizeof(address), strchr(listen->address, ':') ? "http://[%s]:%d" : "http://%s:%d", listen->address,
			 port);
	printf("WARNING! dev mode is enabled! The data is temporary: it is gone when this process ends. The vault is\n"
	       "unsealed and its root token is printed below. Never use this for anything that matters.\n"
	       "\n"
	       "    export VAULT_ADDR='%s'\n"
	       "\n"
	       "Root Token: %s\n"
	       "\n",
	       address, root_token);
	fflush(stdout);
}

enum error_code dev_start_vault(struct vault *vault, const struct options *options, const struct config *config, int port,
				struct error *err)
{
	cleanup_(vault_init_result_wipe) struct vault_init_result result = {0};

	if (vault_init(vault, NULL, options->dev_root_token, &result, err) != ERR_OK)
		return err->code;
	print_welcome(config, port, result.root_token);
	return ERR_OK;
}
