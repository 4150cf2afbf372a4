#include "client/slots.h"

#include "client/call.h"

enum error_code client_slots(struct vault_client *client, struct answer *ret, struct error *err)
{
	return call_get(client, "sys/slots", "the slots", ret, err);
}

static enum error_code post(struct vault_client *client, const char *target, const struct secret_buf *body,
			    struct answer *ret, struct error *err)
{
	const struct call call = {.method = "POST", .target = target, .body = body, .slow = true};

	return call_expecting(client, &call, "the slot", ret, err);
}

enum error_code client_slot_add(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
				struct error *err)
{
	enum error_code rc = post(client, "sys/slots", body, ret, err);

	return rc == ERR_OK ? call_require_data(ret, err) : rc;
}

enum error_code client_slot_change(struct vault_client *client, unsigned id, const struct secret_buf *body,
				   struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "sys/slots/%u", id);

	if (rc == ERR_OK)
		rc = post(client, target, body, ret, err);
	return rc == ERR_OK ? call_require_data(ret, err) : rc;
}

enum error_code client_slot_remove(struct vault_client *client, unsigned id, const struct secret_buf *body,
				   struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "sys/slots/%u/remove", id);

	return rc == ERR_OK ? post(client, target, body, NULL, err) : rc;
}
