/*
 * Values as secrets: weak ones, and what ends by itself.
 */
#include <string.h>

#include "schema/types.h"
#include "schema/type_row.h"
#include "schema/validate.h"
#include "vault/clock.h"

#define SHORT_SECRET 8		/* characters */
#define WEAK_BITS 24		/* below, a value is a word or a pattern */
#define SOON_S (30 * 24 * 3600)

/* The passwords that are tried first, wherever something listens. */
static const char *const first_tried[] = {
	"password", "passw0rd", "password1", "password123", "p@ssw0rd", "123456", "12345678", "123456789", "1234567890", "qwerty",
	"qwerty123", "qwertyuiop", "letmein", "welcome", "welcome1", "admin", "admin123", "administrator", "root", "toor", "guest",
	"test", "test123", "testing", "secret", "secret123", "supersecret", "default", "user", "postgres", "mysql", "redis",
	"rabbitmq", "mongodb", "minio", "minioadmin", "iloveyou", "abc123", "monkey", "dragon", "master", "superuser", "docker",
	"development", "localhost", "foobar", "foobarbaz", "hunter2", "correcthorsebatterystaple", "trustno1", "changeit",
};

static bool is_tried_first(struct span value)
{
	for (size_t i = 0; i < ARRAY_LEN(first_tried); i++)
		if (text_equals_lower(value.at, value.len, first_tried[i]))
			return true;
	return false;
}

static void judge_strength(struct validation *validation, const struct subject *subject, struct span value)
{
	const struct said *said = &subject->item->sensitive_said;
	static const char hint[] = "take a random one: openssl rand -base64 24";

	if (!subject_is_known_secret(subject) || (subject->item->type && !schema_type_is_free(subject->item->type)))
		return;
	if (is_tried_first(value))
		report(validation, subject, FINDING_WARNING, "weak", said, hint, "is one of the first passwords that are tried");
	else if (value.len < SHORT_SECRET)
		report(validation, subject, FINDING_WARNING, "short", said, hint, "is a secret of fewer than %d characters",
		       SHORT_SECRET);
	else if (value_entropy_bits(value.at, value.len) < WEAK_BITS)
		report(validation, subject, FINDING_WARNING, "weak", said, hint, "is a secret that repeats itself: it is soon guessed");
}

void judge_secret(struct validation *validation, const struct subject *subject)
{
	struct span value = subject_value(subject);
	const struct own_facts *own = item_own(subject->item);
	unsigned bits;

	judge_strength(validation, subject, value);
	if (own->min_entropy == 0)
		return;
	bits = value_entropy_bits(value.at, value.len);
	if (bits < own->min_entropy)
		report(validation, subject, FINDING_ERROR, "entropy", &own->said, "take a longer random value",
		       "is too easily guessed: the schema asks for %u bits", own->min_entropy);
}

void judge_expiry(struct validation *validation, const struct subject *subject)
{
	const struct schema_check *check = validation->check;
	struct span value = subject_value(subject), name = subject->name;
	int64_t expires, now = check->now_s;
	char when[TIME_TEXT_MAX];
	const char *what;

	if (!value_expiry(value.at, value.len, &expires, &what))
		return;
	if (expires > INT64_MAX / 1000000 || expires < 0)
		return;
	(void)time_format(expires * 1000000, when);
	if (expires <= now)
		report(validation, subject,
		       check->is_new && !check->is_new(check->arg, name.at, name.len) ? FINDING_WARNING : FINDING_ERROR,
		       "expired", NULL, "replace it", "%s in it ended at %s", what, when);
	else if (expires - now <= SOON_S)
		report(validation, subject, FINDING_WARNING, "expires", NULL, "replace it in time", "%s in it ends at %s", what, when);
}
