/* What the care of a store leaves behind: a history that was accepted or not, a restored directory, the file of a backup. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check_vault.h"
#include "records/accept.h"
#include "records/backup_format.h"
#include "records/slot_changes.h"
#include "vault/files.h"

/* -- accept ------------------------------------------------------------------------------------------ */

static bool is_refusal(enum error_code code)
{
	return code == ERR_ROLLBACK || code == ERR_FORK || code == ERR_ANCHOR_MISSING;
}

bool check_opened(struct checking *checking)
{
	return checking->accepted || compare(checking, "history", "accepted");
}

bool check_refused(struct checking *checking, const struct slot_secret *slot, const struct error *refusal)
{
	struct accept_options options = { .accept = false };
	struct accept_report report;
	struct error err = ERROR_INIT;

	if (!is_refusal(refusal->code) || !oracle_find(checking->oracle, "history"))
		return found(checking, "the vault does not unseal: %s", refusal->text);
	if (!compare(checking, "history", "refused"))
		return false;
	if (records_accept(checking->vault->records, slot, &options, &report, &err) != ERR_OK)
		return found(checking, "what a start refuses cannot be looked at: %s", err.text);
	options = (struct accept_options){ .accept = true, .expect = report.counter };
	checking->later += CHECK_WAIT_US;
	if (records_accept(checking->vault->records, slot, &options, &report, &err) != ERR_OK)
		return found(checking, "what a start refuses cannot be accepted: %s", err.text);
	checking->accepted = true;
	checking->later += CHECK_WAIT_US;
	return vault_unseal(checking->vault, slot, &err) == ERR_OK ||
	       found(checking, "the vault does not unseal after it was accepted: %s", err.text);
}

/* -- restore ------------------------------------------------------------------------------------------ */

bool check_directory(struct checking *checking, bool *ret_absent)
{
	DIR *directory = opendir(checking->data);
	const struct dirent *entry;

	*ret_absent = true;
	while (directory && (entry = readdir(directory)) != NULL)
		*ret_absent &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (directory)
		closedir(directory);
	return compare(checking, "directory", *ret_absent ? "absent" : "there");
}

/* -- backups ------------------------------------------------------------------------------------------ */

static enum error_code read_file(void *arg, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	const ssize_t got = read(*(const int *)arg, bytes, size);

	if (got < 0)
		return error_set_errno(err, ERR_IO, errno, "read a backup");
	*ret_len = (size_t)got;
	return ERR_OK;
}

static enum error_code unlock(struct backup_reader *reader, const struct slot_secret *slot, struct error *err)
{
	struct keyring keyring = { 0 };
	const struct keyring_key *base;
	key_scope root_key;

	if (slot_open(backup_reader_header(reader), slot, -1, &root_key, err) != ERR_OK ||
	    header_unlock(backup_reader_header(reader), &root_key, &keyring, err) != ERR_OK)
		return err->code;
	base = keyring_find(&keyring, KEY_BASE, 0);
	if (base)
		backup_reader_unlock(reader, base->key);
	else
		error_set(err, ERR_HEADER_DAMAGED, "the keyring in the backup is incomplete");
	keyring_free_keys(&keyring);
	return err->code;
}

/* Each chunk opens, to the end. */
static enum error_code read_backup(int fd, const struct slot_secret *slot, uint64_t *ret_counter, struct error *err)
{
	cleanup_(backup_reader_freep) struct backup_reader *reader = NULL;
	struct store_bytes key, value;
	enum error_code code;

	if (backup_reader_new(read_file, &fd, &reader, err) != ERR_OK || unlock(reader, slot, err) != ERR_OK)
		return err->code;
	while ((code = backup_reader_next(reader, &key, &value, err)) == ERR_OK)
		;
	*ret_counter = backup_reader_front(reader)->counter;
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static bool check_backup(struct checking *checking, const char *name, const struct slot_secret *slot)
{
	char path[4200], state[32] = "absent";
	struct error err = ERROR_INIT;
	uint64_t counter = 0;

	snprintf(path, sizeof(path), "%s/%s", checking->image, name + strlen("backup:"));
	cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read_backup(fd, slot, &counter, &err) != ERR_OK)
		return found(checking, "%s is there and not whole: %s", name, err.text);
	if (fd >= 0)
		snprintf(state, sizeof(state), "%llu", (unsigned long long)counter);
	return compare(checking, name, state);
}

bool check_backups(struct checking *checking)
{
	for (size_t i = 0; i < checking->oracle->len; i++) {
		const char *name = checking->oracle->objects[i].name;
		const struct slot_secret slot = check_slot(&checking->oracle->secrets[0]);

		if (strncmp(name, "backup:", strlen("backup:")) == 0 && !check_backup(checking, name, &slot))
			return false;
	}
	return true;
}
