#include "check.h"

#include <err.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check_vault.h"
#include "crypto/arena.h"
#include "records/slot_changes.h"
#include "vault/files.h"
#include "vault/limits.h"

bool found(struct checking *checking, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(checking->finding, FINDING_LEN, format, arguments);
	va_end(arguments);
	return false;
}

bool compare(struct checking *checking, const char *name, const char *state)
{
	const struct oracle_object *object = oracle_find(checking->oracle, name);
	char allowed[ORACLE_TEXT];

	if (!object || oracle_allows(object, state))
		return true;
	oracle_describe(object, allowed);
	return found(checking, "%s is \"%.200s\", not %.300s", name, state, allowed);
}

/* -- opening ------------------------------------------------------------------------------------------ */

static int64_t now_us(void *arg)
{
	struct checking *checking = arg;

	return clock_system.now_us(NULL) + checking->later;
}

static bool open_vault(struct checking *checking)
{
	const struct oracle *oracle = checking->oracle;
	const struct vault_options options = {
		.records = {
			.directory = checking->data,
			.max_size = (size_t)1 << 32,
			.anchor_path = oracle->anchor[0] ? checking->anchor : NULL,
			.anchor_mode = oracle->anchor[0] == '\0' ? ANCHOR_NONE :
				       oracle->anchor_strict	 ? ANCHOR_STRICT :
								   ANCHOR_RELAXED,
			.clock = { .now_us = now_us, .monotonic_us = now_us, .arg = checking },
		},
		.personal = true,
		.owner = geteuid(),
	};
	struct error err = ERROR_INIT;

	if (directory_ensure(checking->data, true, &err) != ERR_OK || vault_open(&options, &checking->vault, &err) != ERR_OK)
		return found(checking, "the vault does not open: %s", err.text);
	return true;
}

struct slot_secret check_slot(const struct oracle_secret *secret)
{
	if (secret->is_passphrase)
		return (struct slot_secret){ .type = SLOT_PASSPHRASE, .passphrase = secret->bytes, .passphrase_len = secret->len };
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = secret->bytes, .key_len = secret->len };
}

static bool unseal(struct checking *checking)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < checking->oracle->secrets_len; i++) {
		const struct slot_secret slot = check_slot(&checking->oracle->secrets[i]);

		err = (struct error)ERROR_INIT;
		checking->later += CHECK_WAIT_US;
		if (vault_unseal(checking->vault, &slot, &err) == ERR_OK)
			return check_opened(checking);
		if (err.code != ERR_UNSEAL_FAILED)
			return check_refused(checking, &slot, &err);
	}
	return found(checking, "no secret opens the vault: %s", err.text);
}

static bool ready(struct checking *checking)
{
	const struct peer owner = { .known = true, .uid = geteuid(), .gid = getegid() };
	struct error err = ERROR_INIT;

	if (vault_authenticate(checking->vault, NULL, 0, &owner, &checking->root, &err) != ERR_OK ||
	    vault_mount_of(checking->vault, "secret", &checking->mount, &err) != ERR_OK)
		return found(checking, "the vault is unsealed but not ready: %s", err.text);
	return true;
}

/* -- what is not in an environment ----------------------------------------------------------------------- */

#define TRY_LEN 152	/* docs/storage-format.md section 6.2 */
#define TRY_AT(slot) (24 + 12 * (slot))

static bool check_attempts(struct checking *checking)
{
	char path[4200], name[] = "attempts:0", state[32];
	uint8_t file[TRY_LEN + 1] = { 0 };
	uint32_t count;

	snprintf(path, sizeof(path), "%s/vault.try", checking->data);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const bool whole = fd >= 0 && read(fd, file, sizeof(file)) == TRY_LEN && memcmp(file, "VDTRY001", 8) == 0;
	if (fd >= 0)
		close(fd);
	for (unsigned slot = 0; slot < SLOTS_MAX; slot++) {
		name[sizeof(name) - 2] = (char)('0' + slot);
		memcpy(&count, file + TRY_AT(slot), sizeof(count));
		snprintf(state, sizeof(state), "%u", count);
		if (!compare(checking, name, whole ? state : "damaged"))
			return false;
	}
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_slots(struct checking *checking)
{
	const char *names[ORACLE_SECRETS];
	char state[ORACLE_TEXT] = "";
	size_t len = 0, at = 0;

	if (!oracle_find(checking->oracle, "slots"))
		return true;
	for (size_t i = 0; i < checking->oracle->secrets_len; i++) {
		const struct slot_secret slot = check_slot(&checking->oracle->secrets[i]);
		struct error err = ERROR_INIT;

		checking->later += CHECK_WAIT_US;
		if (records_prove(checking->vault->records, &slot, &err) == ERR_OK)
			names[len++] = checking->oracle->secrets[i].name;
		else if (err.code != ERR_UNSEAL_FAILED)
			return found(checking, "a slot cannot be tried: %s", err.text);
	}
	qsort(names, len, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < len; i++)
		at += (size_t)snprintf(state + at, sizeof(state) - at, "%s%s", i > 0 ? "," : "", names[i]);
	return compare(checking, "slots", state);
}

static bool check_keys(struct checking *checking)
{
	struct error err = ERROR_INIT;
	struct key_status status;
	char state[32];

	if (records_key_status(checking->vault->records, &status, &err) != ERR_OK)
		return found(checking, "the keys are not there: %s", err.text);
	snprintf(state, sizeof(state), "%u", status.epoch);
	return compare(checking, "keys", state);
}

/* -- the whole ------------------------------------------------------------------------------------------- */

static bool check_content(struct checking *checking)
{
	return ready(checking) && check_environments(checking) && check_slots(checking) && check_keys(checking) &&
	       check_system(checking);
}

static void close_vault(struct checking *checking)
{
	caller_release(&checking->root);
	vault_close(checking->vault);
	checking->vault = NULL;
}

/* What begins anew has nothing of what was begun before, so nothing of the oracle counts. */
static bool initialize(struct checking *checking)
{
	struct slot_secret slot = check_slot(&checking->oracle->secrets[0]);
	struct vault_init_result result;
	struct error err = ERROR_INIT;

	if (!compare(checking, "vault", "absent"))
		return false;
	if (vault_init(checking->vault, &slot, NULL, &result, &err) != ERR_OK)
		return found(checking, "the vault is not initialised and cannot be: %s", err.text);
	vault_init_result_wipe(&result);
	if (!ready(checking) || !check_probe(checking))
		return false;
	close_vault(checking);
	return open_vault(checking) && unseal(checking) && ready(checking) && check_probe(checking);
}

static bool check_all(struct checking *checking, bool again)
{
	const bool may_be_absent = oracle_find(checking->oracle, "directory") != NULL;
	bool absent;

	if (!check_directory(checking, &absent) || !check_attempts(checking) || !check_backups(checking))
		return false;
	if (may_be_absent && absent)
		return true;
	if (!open_vault(checking))
		return false;
	if (!records_initialized(checking->vault->records))
		return initialize(checking);
	if (!compare(checking, "vault", "there") || !unseal(checking) || !check_content(checking) || !check_probe(checking))
		return false;
	if (!again)
		return true;
	close_vault(checking);
	return open_vault(checking) && unseal(checking) && check_content(checking) && check_probe(checking);
}

bool check_image(const struct oracle *oracle, const char *directory, bool again, char finding[static FINDING_LEN])
{
	struct checking checking = { .oracle = oracle, .image = directory, .finding = finding };
	struct error err = ERROR_INIT;

	if (secret_arena_start(&err) != ERR_OK)
		errx(2, "%s", err.text);
	snprintf(checking.data, sizeof(checking.data), "%s/%s", directory, oracle->data);
	snprintf(checking.anchor, sizeof(checking.anchor), "%s/%s", directory, oracle->anchor);
	if (!check_all(&checking, again))
		return false;
	if (checking.vault)
		close_vault(&checking);
	return true;
}
