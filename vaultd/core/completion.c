#include "core/completion.h"

void completion_init(struct completion *completion)
{
	*completion = (struct completion){ .outcome = ERR_OK, .error = ERROR_INIT };
	pthread_mutex_init(&completion->lock, NULL);
	pthread_cond_init(&completion->changed, NULL);
}

void completion_abandon(struct completion *completion)
{
	pthread_cond_destroy(&completion->changed);
	pthread_mutex_destroy(&completion->lock);
}

void completion_set(struct completion *completion, enum error_code outcome, const struct error *err)
{
	pthread_mutex_lock(&completion->lock);
	completion->outcome = outcome;
	if (err)
		completion->error = *err;
	completion->done = true;
	/* Signalled with the lock held: the waiter may destroy both as soon as it is released. */
	pthread_cond_signal(&completion->changed);
	pthread_mutex_unlock(&completion->lock);
}

enum error_code completion_wait(struct completion *completion, struct error *err)
{
	enum error_code outcome;

	pthread_mutex_lock(&completion->lock);
	while (!completion->done)
		pthread_cond_wait(&completion->changed, &completion->lock);
	outcome = completion->outcome;
	if (outcome != ERR_OK)
		error_set(err, outcome, "%s", completion->error.text[0] ? completion->error.text : error_name(outcome));
	pthread_mutex_unlock(&completion->lock);
	completion_abandon(completion);
	return outcome;
}
