#include "token_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_state.h"
#include "crypto/token_text.h"
#include "records/tables.h"
#include "records/value.h"

struct wanted {
	const char *text, *policies;
	int64_t created, expires;
};

static size_t split(const char *text, struct text_span ret[static 8])
{
	size_t count = 0;

	while (*text != '\0' && count < 8) {
		size_t len = strcspn(text, " ");

		ret[count++] = (struct text_span){ .at = text, .len = (uint32_t)len };
		text += len + (text[len] == ' ' ? 1 : 0);
	}
	return count;
}

static enum error_code prepare(struct records_request *request, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	const struct wanted *wanted = waited_request_of(request)->arg;
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(VALUE_PADDED_MAX);
	struct text_span policies[8];
	struct token_record record = {
		.created = wanted->created,
		.expires = wanted->expires,
		.display = { .at = "token", .len = 5 },
		.path = { .at = "auth/token/create", .len = 17 },
		.bound_uid = -1,
		.policies = policies,
		.flags = TOKEN_ORPHAN,
	};
	struct token_hash hash;
	struct record_key key;

	record.policies_len = split(wanted->policies, policies);
	if (!records_token_hash(view, wanted->text, strlen(wanted->text), &hash))
		return error_set(err, ERR_INVALID, "no token text");
	memcpy(record.verifier, hash.verifier, sizeof(record.verifier));
	encode_token(encoding, &record);
	key = record_key_id(TABLE_TOKEN, hash.id);
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

void put_token(struct fixture *fixture, const char *text, const char *policies, int64_t ttl_s)
{
	const struct wanted wanted = {
		.text = text,
		.policies = policies,
		.created = fixture->now,
		.expires = ttl_s == 0 ? 0 : fixture->now + ttl_s * SECOND,
	};
	struct error err = ERROR_INIT;

	if (vault_commit(fixture->vault, prepare, &wanted, &err) != ERR_OK)
		fail_msg("put_token: %s", err.text);
}

enum error_code sign_in(struct fixture *fixture, const char *text, struct caller *ret)
{
	struct error err = ERROR_INIT;

	return vault_authenticate(fixture->vault, text, strlen(text), NULL, ret, &err);
}
