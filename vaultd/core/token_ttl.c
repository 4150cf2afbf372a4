#include "core/token_ttl.h"

#include <stdio.h>

#include "vault/clock.h"
#include "vault/limits.h"

#define US INT64_C(1000000)

void token_warn(struct secret_buf *warnings, const char *text)
{
	secret_buf_append_text(warnings, text);
	secret_buf_append_char(warnings, '\0');
}

static void warn_cut(struct secret_buf *warnings, const char *what, int64_t asked, int64_t given)
{
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], text[256];

	duration_format(asked, from);
	duration_format(given, to);
	snprintf(text, sizeof(text), "%s of \"%s\" exceeded the effective max_ttl of \"%s\"; %s value is capped accordingly", what,
		 from, to, what);
	token_warn(warnings, text);
}

static int64_t cut(int64_t asked, int64_t most, const char *what, struct secret_buf *warnings)
{
	if (asked <= most)
		return asked;
	warn_cut(warnings, what, asked, most);
	return most;
}

/* Of a periodic token only an explicit maximum is an end; of any other, the system's too. */
static int64_t longest(const struct token_ttl *asked)
{
	if (asked->explicit_max == 0)
		return asked->limit;
	return asked->period > 0 || asked->explicit_max < asked->limit ? asked->explicit_max : asked->limit;
}

void token_ttl_new(const struct token_ttl *asked, int64_t now, struct token_times *ret, struct secret_buf *warnings)
{
	int64_t most = longest(asked), ttl = asked->ttl;

	*ret = (struct token_times){ .period = (uint32_t)cut(asked->period, asked->limit, "period", warnings) };
	if (ret->period > 0)
		ttl = ret->period;
	else if (ttl == 0)	/* a default that does not fit is nobody's wish: it is cut without a word */
		ttl = most < DEFAULT_TOKEN_TTL_SECONDS ? most : DEFAULT_TOKEN_TTL_SECONDS;
	ret->creation_ttl = cut(ttl, most, "TTL", warnings);
	ret->expires = now + ret->creation_ttl * US;
	if (ret->period == 0 || asked->explicit_max > 0)
		ret->max_expires = now + most * US;
}

enum error_code token_ttl_renew(const struct token_times *times, int64_t increment, int64_t now, int64_t *ret_expires,
				struct secret_buf *warnings, struct error *err)
{
	int64_t ttl, left;

	if (increment < 0)
		return error_set(err, ERR_INVALID, "the increment must not be negative");
	if (times->period > 0)
		ttl = times->period;
	else
		ttl = increment > 0 ? increment : times->creation_ttl;
	if (ttl > LIMIT_TOKEN_TTL_SECONDS)
		ttl = cut(ttl, LIMIT_TOKEN_TTL_SECONDS, "TTL", warnings);
	if (ttl < 1)
		ttl = 1;
	*ret_expires = now + ttl * US;
	if (times->max_expires == 0)
		return ERR_OK;
	left = times->max_expires - now;
	if (left <= 0)
		return error_set(err, ERR_INVALID, "past the max TTL, cannot renew");
	if (*ret_expires > times->max_expires) {
		warn_cut(warnings, "TTL", ttl, left / US);
		*ret_expires = times->max_expires;
	}
	return ERR_OK;
}
