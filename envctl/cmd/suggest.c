#include "cmd/suggest.h"

#include <string.h>

#include "cmd/walk.h"

#define WALK_REQUESTS 64 /* a suggestion is worth a moment, not more */

struct search {
	const char *wanted;
	struct suggestion best;
	size_t seen;
};

static bool offer_environment(void *arg, const char *path)
{
	struct search *search = arg;

	suggestion_offer(&search->best, search->wanted, path);
	search->seen++;
	return true;
}

enum error_code suggest_environment(struct vault_client *client, const struct env_path *env, struct error *err)
{
	struct search search = {.wanted = env->text, .best = SUGGESTION_INIT};
	struct error ignored = ERROR_INIT;

	/* Without a client something else was not found: the token's file. */
	if (err->code != ERR_NOT_FOUND || client == NULL)
		return err->code;
	enum error_code rc = walk_environments(client, "", WALK_REQUESTS, offer_environment, &search, &ignored);
	if (strcmp(search.best.text, env->text) == 0) {
		error_clear(err);
		return error_set(err, ERR_NOT_FOUND,
				 "%.200s has no variables yet; `envctl set` or `envctl import` writes its first", env->text);
	}
	if (search.best.text[0] != '\0') {
		error_clear(err);
		return error_set(err, ERR_NOT_FOUND, "there is no environment %.200s; did you mean %.200s?", env->text,
				 search.best.text);
	}
	if (rc == ERR_OK && search.seen == 0) {
		error_clear(err);
		return error_set(
			err, ERR_NOT_FOUND,
			"there is no environment %.200s, and no other one yet; make it: envctl import %.100s .env",
			env->text, env->text);
	}
	error_clear(err);
	return error_set(err, ERR_NOT_FOUND, "there is no environment %.200s; `envctl list` shows those that there are",
			 env->text);
}
