/*
 * When a certificate or a JWT that stands in a value ends.
 */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "library.h"
#include "schema/types.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

#define FUNCTIONS(X)                                                                                                   \
	X(gnutls_x509_crt_init)                                                                                        \
	X(gnutls_x509_crt_deinit)                                                                                      \
	X(gnutls_x509_crt_import)                                                                                      \
	X(gnutls_x509_crt_get_expiration_time)

static struct {
	LIBRARY_POINTERS(FUNCTIONS)
} tls;

static struct library library = LIBRARY_INIT("libgnutls.so.30", "libgnutls30", FUNCTIONS, &tls);

#define CERTIFICATES_MAX 64	/* of one value: a bundle of all the world's authorities is no secret that expires */
#define JWT_MAX (64u * 1024)

static const char begin_mark[] = "-----BEGIN CERTIFICATE-----";
static const char end_mark[] = "-----END CERTIFICATE-----";

static bool certificate_expiry(const char *text, size_t len, int64_t *ret)
{
	gnutls_datum_t data = { .size = (unsigned)len };
	gnutls_x509_crt_t certificate;
	bool good;

	/* The library does not change what it reads. */
	memcpy(&data.data, &text, sizeof(text));
	if (tls.gnutls_x509_crt_init(&certificate) != 0)
		return false;
	good = tls.gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_PEM) == 0;
	if (good) {
		*ret = tls.gnutls_x509_crt_get_expiration_time(certificate);
		good = *ret != (int64_t)(time_t)-1;
	}
	tls.gnutls_x509_crt_deinit(certificate);
	return good;
}

/* The first that ends decides. */
static bool chain_expiry(const char *value, size_t len, int64_t *ret)
{
	const char *at = value, *end = value + len;
	struct error err = ERROR_INIT;
	bool found = false;

	if (!memmem(value, len, begin_mark, sizeof(begin_mark) - 1) || library_load(&library, &err) != ERR_OK)
		return false;
	for (unsigned i = 0; i < CERTIFICATES_MAX; i++) {
		const char *begin = memmem(at, (size_t)(end - at), begin_mark, sizeof(begin_mark) - 1);
		const char *close = begin ? memmem(begin, (size_t)(end - begin), end_mark, sizeof(end_mark) - 1) : NULL;
		int64_t expires;

		if (!close)
			break;
		at = close + sizeof(end_mark) - 1;
		if (!certificate_expiry(begin, (size_t)(at - begin), &expires))
			continue;
		if (!found || expires < *ret)
			*ret = expires;
		found = true;
	}
	return found;
}

static int digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool decode(const char *text, size_t len, struct secret_buf *out)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(text[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4 != 0)
			secret_buf_append_char(out, (char)(bits >> (6 - 2 * (i % 4))));
	}
	return secret_buf_ok(out);
}

/* NumericDate: seconds, perhaps with a fraction. */
static bool numeric_date(const struct json_value *value, int64_t *ret)
{
	struct json_value whole = *value;
	const char *point = memchr(value->raw.at, '.', value->raw.len);

	if (value->kind != JSON_SCAN_NUMBER)
		return false;
	if (point)
		whole.raw.len = (size_t)(point - value->raw.at);
	return json_as_int(&whole, ret);
}

static bool jwt_expiry(const char *value, size_t len, int64_t *ret)
{
	const char *first = len > 10 && len <= JWT_MAX && memcmp(value, "eyJ", 3) == 0 ? memchr(value, '.', len) : NULL;
	const char *second = first ? memchr(first + 1, '.', len - (size_t)(first + 1 - value)) : NULL;
	cleanup_(secret_buf_freep) struct secret_buf *payload = NULL;
	struct error err = ERROR_INIT;
	struct json_value object, exp;

	if (!second)
		return false;
	payload = secret_buf_new(JWT_MAX);
	if (!payload || !decode(first + 1, (size_t)(second - first - 1), payload))
		return false;
	if (json_scan(secret_buf_text(payload), secret_buf_len(payload), &object, &err) != ERR_OK)
		return false;
	return object.kind == JSON_SCAN_OBJECT && json_find(&object, "exp", &exp) && numeric_date(&exp, ret);
}

bool value_expiry(const char *value, size_t len, int64_t *ret_expires_s, const char **ret_what)
{
	int64_t expires;

	if (jwt_expiry(value, len, &expires))
		*ret_what = "the JWT";
	else if (chain_expiry(value, len, &expires))
		*ret_what = "the certificate";
	else
		return false;
	*ret_expires_s = expires;
	return true;
}
