#include <string.h>
#include <unistd.h>

#include "cmd/apply.h"
#include "cmd/dialect_option.h"
#include "cmd/env_text.h"
#include "cmd/import_vault.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "vault/limits.h"

/* Options that have a meaning in one form of the verb only. */
static enum error_code check_form(const struct invocation *inv, struct error *err)
{
	static const enum option_id of_files[] = {OPT_DIALECT, OPT_MERGE, OPT_REPLACE};
	static const enum option_id of_vaults[] = {OPT_TO,	     OPT_ONLY,		   OPT_EXCEPT,
						   OPT_UPDATE,	     OPT_LATEST,	   OPT_SOURCE_CA,
						   OPT_SOURCE_NAMESPACE, OPT_SOURCE_TOKEN_ENV, OPT_SOURCE_TOKEN_FILE};
	bool from_vault = option_is_given(inv, OPT_FROM_VAULT);

	if (from_vault && inv->words_len != 1)
		return error_set(err, ERR_USAGE, "import --from-vault needs MOUNT or MOUNT/PREFIX and no more");
	if (!from_vault && inv->words_len != 2)
		return error_set(err, ERR_USAGE, "import needs ENV FILE, or --from-vault ADDRESS and MOUNT");
	for (size_t i = 0; i < ARRAY_LEN(of_files); i++)
		if (from_vault && option_is_given(inv, of_files[i]))
			return error_set(err, ERR_USAGE, "--dialect, --merge and --replace are for files");
	for (size_t i = 0; i < ARRAY_LEN(of_vaults); i++)
		if (!from_vault && option_is_given(inv, of_vaults[i]))
			return error_set(err, ERR_USAGE, "--to, --only, --except, --update, --latest and --source-... "
							 "are for --from-vault");
	return ERR_OK;
}

enum error_code command_import(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(env_set_freep) struct env_set *texts = env_set_new(LIMIT_ENV_FILE);
	cleanup_(env_set_freep) struct env_set *wanted = env_set_new(LIMIT_ENV_FILE);
	const struct dialect *dialect = NULL;
	struct env_path env;

	if (texts == NULL || wanted == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (option_is_given(inv, OPT_MERGE) && option_is_given(inv, OPT_REPLACE))
		return error_set(err, ERR_USAGE, "give one of --merge and --replace");
	enum error_code rc = check_form(inv, err);
	if (rc == ERR_OK && option_is_given(inv, OPT_FROM_VAULT))
		return import_from_vault(inv, err);
	if (rc == ERR_OK)
		rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = dialect_of_option(inv, OPT_DIALECT, "dialect", DIALECT_AUTO, &dialect, err);
	if (rc == ERR_OK)
		rc = env_text_read(dialect, "dialect", inv->words[1], texts, err);
	if (rc == ERR_NOT_FOUND && access(inv->words[0], R_OK) == 0)
		(void)error_prefix(err, "ENV stands before FILE (envctl import %.100s %.100s)", inv->words[1], inv->words[0]);
	/* A program that failed in front of a pipe must not empty an environment. */
	if (rc == ERR_OK && env_set_count(texts) == 0)
		rc = error_set(err, ERR_INVALID,
			       "%.200s holds no variable; nothing was written (`envctl env create` makes an environment without any)",
			       strcmp(inv->words[1], "-") == 0 ? "standard input" : inv->words[1]);
	if (rc == ERR_OK)
		rc = plan_add_texts(wanted, texts, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	return rc == ERR_OK ? apply_wanted(inv, client, &env, wanted, NULL, err) : rc;
}
