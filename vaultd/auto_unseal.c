#include "auto_unseal.h"

#include <stddef.h>
#include <sys/stat.h>

#include "http/credential.h"
#include "log.h"

/* systemd-creds binds a credential to the TPM when there is one; else a key on the same disk opens it. */
static void warn_without_tpm(void)
{
	struct stat st;

	if (stat("/sys/class/tpm/tpm0", &st) != 0)
		log_event(LOG_LEVEL_WARNING, "credential", "this machine has no TPM: whoever can read its disk can open the vault");
}

void auto_unseal(struct vault *vault, const char *directory)
{
	cleanup_(secret_buf_freep) struct secret_buf *key = NULL;
	struct slot_secret secret = { .type = SLOT_CREDENTIAL, .credential = CREDENTIAL_DEFAULT_NAME };
	struct error err = ERROR_INIT;
	struct vault_status status;

	vault_status(vault, &status);
	if (!directory || !status.initialized || !status.sealed)
		return;
	if (credential_read(directory, CREDENTIAL_DEFAULT_NAME, &key, &err) == ERR_OK) {
		secret.key = secret_buf_bytes(key);
		secret.key_len = secret_buf_len(key);
		(void)!vault_unseal(vault, &secret, &err);
	}
	if (err.code == ERR_OK) {
		log_event(LOG_LEVEL_INFO, "unsealed", "with the credential %s", CREDENTIAL_DEFAULT_NAME);
		warn_without_tpm();
	} else if (err.code != ERR_NOT_FOUND) {
		log_event(LOG_LEVEL_WARNING, "sealed", "the credential %s does not unseal: %s", CREDENTIAL_DEFAULT_NAME, err.text);
	}
}
