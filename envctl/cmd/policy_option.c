#include "cmd/policy_option.h"

#include "client/identity.h"
#include "vault/json_emit.h"

enum error_code emit_policy_list(const struct invocation *inv, struct secret_buf *out, struct error *err)
{
	const char *comma = "";

	json_emit_raw(out, "[");
	for (size_t i = 0; i < inv->given_len; i++) {
		if (inv->given[i].id != OPT_POLICY)
			continue;
		enum error_code rc = policy_name_check(inv->given[i].value, err);
		if (rc != ERR_OK)
			return error_prefix(err, "--policy");
		json_emit_raw(out, comma);
		json_emit_cstring(out, inv->given[i].value);
		comma = ",";
	}
	json_emit_raw(out, "]");
	return ERR_OK;
}
