#include "http/routes.h"

#include <string.h>

#include "core/vault.h"
#include "http/handlers.h"
#include "vault/limits.h"

enum { WRITE = METHOD_POST | METHOD_PUT };

static const struct route routes[] = {
	/* outside the API */
	{ "/healthz", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_healthz },
	{ "/readyz", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_readyz },
	{ "/metrics", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_metrics },

	/* state */
	{ "/v1/sys/health", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_sys_health },
	{ "/v1/sys/seal-status", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_seal_status },
	{ "/v1/sys/leader", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_leader },
	{ "/v1/sys/init", METHOD_GET, 0, 0, AUDIT_NONE, ROUTE_OPEN, handle_init_status },
	{ "/v1/sys/init", WRITE, 0, LIMIT_BODY_INIT, AUDIT_CHANGE, ROUTE_OPEN | ROUTE_SLOW | ROUTE_LOCAL, handle_init },
	{ "/v1/sys/unseal", WRITE, 0, LIMIT_BODY_INIT, AUDIT_CHANGE, ROUTE_OPEN | ROUTE_SLOW | ROUTE_LOCAL, handle_unseal },
	{ "/v1/sys/seal", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_SLOW, handle_seal },

	/* slots and keys */
	{ "/v1/sys/slots", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_slots_list },
	{ "/v1/sys/slots", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SLOTS, AUDIT_CHANGE,
	  ROUTE_SLOW | ROUTE_LOCAL | ROUTE_AUTHORIZE, handle_slot_add },
	{ "/v1/sys/slots/{name}", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SLOTS, AUDIT_CHANGE,
	  ROUTE_SLOW | ROUTE_LOCAL | ROUTE_AUTHORIZE, handle_slot_change },
	{ "/v1/sys/key-status", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_key_status },
	{ "/v1/sys/rotate", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_SLOW, handle_rotate },
	{ "/v1/sys/rotate/config", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_rotate_config },
	{ "/v1/sys/rekey/init", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, ROUTE_SLOW, handle_rekey_status },
	{ "/v1/sys/rekey/init", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_SLOW, handle_rekey_start },
	{ "/v1/sys/rekey/init", METHOD_DELETE, CAP_SUDO | CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_SLOW, handle_rekey_cancel },
	{ "/v1/sys/rekey/update", WRITE, 0, LIMIT_BODY_SLOTS, AUDIT_CHANGE, ROUTE_OPEN | ROUTE_SLOW | ROUTE_LOCAL,
	  handle_rekey_update },
	{ "/v1/sys/rekey/verify", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, ROUTE_SLOW, handle_rekey_verify_status },
	{ "/v1/sys/rekey/verify", WRITE, 0, LIMIT_BODY_SLOTS, AUDIT_CHANGE, ROUTE_OPEN | ROUTE_SLOW | ROUTE_LOCAL,
	  handle_rekey_verify },
	{ "/v1/sys/rekey/verify", METHOD_DELETE, CAP_SUDO | CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_SLOW, handle_rekey_verify_restart },
	{ "/v1/sys/rekey/backup", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_rekey_backup },
	{ "/v1/sys/rekey/backup", METHOD_DELETE, CAP_SUDO | CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_rekey_backup_delete },
	{ "/v1/sys/generate-root/attempt", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, ROUTE_SLOW, handle_root_status },
	{ "/v1/sys/generate-root/attempt", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_SLOW,
	  handle_root_start },
	{ "/v1/sys/generate-root/attempt", METHOD_DELETE, CAP_SUDO | CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_SLOW, handle_root_cancel },
	{ "/v1/sys/generate-root/update", WRITE, 0, LIMIT_BODY_SLOTS, AUDIT_CHANGE, ROUTE_OPEN | ROUTE_SLOW | ROUTE_LOCAL,
	  handle_root_update },

	{ "/v1/sys/backup", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_backup },
	/* jobs on the whole store */
	{ "/v1/sys/verify", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, 0, handle_verify_status },
	{ "/v1/sys/verify", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_verify_start },
	{ "/v1/sys/verify", METHOD_DELETE, CAP_SUDO | CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_verify_cancel },
	{ "/v1/sys/compact", METHOD_GET, CAP_SUDO | CAP_READ, 0, AUDIT_READ, 0, handle_compact_status },
	{ "/v1/sys/compact", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_compact_start },
	{ "/v1/sys/compact", METHOD_DELETE, CAP_SUDO | CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_compact_cancel },

	/* mounts and identity */
	{ "/v1/sys/mounts", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_mounts },
	{ "/v1/sys/mounts/{name}/tune", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_mount_tuning },
	{ "/v1/sys/mounts/{name}/tune", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_mount_tune },
	{ "/v1/sys/mounts/{name}", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_mount },
	{ "/v1/sys/mounts/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_mount_enable },
	{ "/v1/sys/mounts/{name}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_mount_disable },
	{ "/v1/sys/remount", WRITE, CAP_UPDATE | CAP_SUDO, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_remount },
	{ "/v1/sys/remount/status/{name}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_remount_status },
	{ "/v1/sys/auth", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_auths },
	{ "/v1/sys/auth/{name}/tune", METHOD_GET, CAP_READ | CAP_SUDO, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_mount_tuning },
	{ "/v1/sys/auth/{name}/tune", WRITE, CAP_UPDATE | CAP_SUDO, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_mount_tune },
	{ "/v1/sys/auth/{name}", METHOD_GET, CAP_READ | CAP_SUDO, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_mount },
	{ "/v1/sys/auth/{name}", WRITE, CAP_UPDATE | CAP_SUDO, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_auth_enable },
	{ "/v1/sys/auth/{name}", METHOD_DELETE, CAP_DELETE | CAP_SUDO, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_auth_disable },
	{ "/v1/sys/quotas/config", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_quota_config },
	{ "/v1/sys/quotas/rate-limit", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, 0, handle_quota_list },
	{ "/v1/sys/quotas/rate-limit/{name}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_quota_read },
	{ "/v1/sys/quotas/rate-limit/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_quota_write },
	{ "/v1/sys/quotas/rate-limit/{name}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_quota_delete },
	{ "/v1/sys/internal/ui/mounts", METHOD_GET, 0, 0, AUDIT_READ, ROUTE_ANONYMOUS, handle_ui_mounts },
	{ "/v1/sys/internal/ui/mounts/{name}", METHOD_GET, 0, 0, AUDIT_READ, ROUTE_ANONYMOUS, handle_ui_mount },
	{ "/v1/auth/token/lookup-self", METHOD_GET | WRITE, 0, LIMIT_BODY_SMALL, AUDIT_READ, 0, handle_lookup_self },

	/* tokens; a lookup is asked for with a body, so that no token stands in a path */
	{ "/v1/auth/token/lookup", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_AUTHORIZE, handle_token_lookup },
	{ "/v1/auth/token/lookup-accessor", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_AUTHORIZE,
	  handle_token_lookup_accessor },
	{ "/v1/auth/token/accessors", METHOD_LIST, CAP_LIST | CAP_SUDO, 0, AUDIT_READ, ROUTE_AUTHORIZE | ROUTE_SLOW,
	  handle_token_accessors },
	{ "/v1/auth/token/create", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_token_create },
	{ "/v1/auth/token/create-orphan", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_token_create_orphan },
	{ "/v1/auth/token/create/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_token_create_role },
	{ "/v1/auth/token/roles", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, ROUTE_AUTHORIZE | ROUTE_SLOW, handle_token_roles },
	{ "/v1/auth/token/roles/{name}", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_token_role_read },
	{ "/v1/auth/token/roles/{name}", WRITE, CAP_CREATE | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0,
	  handle_token_role_write },
	{ "/v1/auth/token/roles/{name}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_token_role_delete },
	{ "/v1/auth/token/renew", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_token_renew },
	{ "/v1/auth/token/renew-self", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_token_renew_self },
	{ "/v1/auth/token/renew-accessor", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_token_renew_accessor },
	{ "/v1/auth/token/revoke", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_token_revoke },
	{ "/v1/auth/token/revoke-self", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_token_revoke_self },
	{ "/v1/auth/token/revoke-accessor", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE,
	  handle_token_revoke_accessor },
	{ "/v1/auth/token/revoke-orphan", WRITE, CAP_UPDATE | CAP_SUDO, LIMIT_BODY_SMALL, AUDIT_CHANGE,
	  ROUTE_AUTHORIZE | ROUTE_SLOW, handle_token_revoke_orphan },
	{ "/v1/auth/token/tidy", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE | ROUTE_SLOW,
	  handle_token_tidy },

	/* response wrapping */
	{ "/v1/sys/wrapping/wrap", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_wrap },
	{ "/v1/sys/wrapping/lookup", METHOD_GET | WRITE, 0, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_WRAPPING, handle_wrapping_lookup },
	{ "/v1/sys/wrapping/unwrap", WRITE, 0, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_WRAPPING, handle_unwrap },
	{ "/v1/sys/wrapping/rewrap", WRITE, 0, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_WRAPPING, handle_rewrap },

	{ "/v1/sys/tools/random", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_tools_random },
	{ "/v1/sys/tools/random/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_tools_random },
	{ "/v1/sys/tools/hash", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_tools_hash },
	{ "/v1/sys/tools/hash/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_tools_hash },

	/* policies, and what they allow; sys/policy is the older name */
	{ "/v1/sys/policies/acl", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_policy_list },
	{ "/v1/sys/policies/acl", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_policy_list },
	{ "/v1/sys/policies/acl/{name}", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_policy_read },
	{ "/v1/sys/policies/acl/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_POLICY, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_policy_write },
	{ "/v1/sys/policies/acl/{name}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_policy_delete },
	{ "/v1/sys/policy/explain", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_AUTHORIZE, handle_policy_explain },
	{ "/v1/sys/policy", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_old_policy_list },
	{ "/v1/sys/policy", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_old_policy_list },
	{ "/v1/sys/policy/{name}", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_old_policy_read },
	{ "/v1/sys/policy/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_POLICY, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_policy_write },
	{ "/v1/sys/policy/{name}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_policy_delete },
	{ "/v1/sys/capabilities-self", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_AUTHORIZE, handle_capabilities_self },
	{ "/v1/sys/capabilities", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_AUTHORIZE, handle_capabilities },
	{ "/v1/sys/capabilities-accessor", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_READ, ROUTE_AUTHORIZE,
	  handle_capabilities_accessor },
	{ "/v1/sys/internal/ui/resultant-acl", METHOD_GET, CAP_READ, 0, AUDIT_READ, ROUTE_AUTHORIZE, handle_resultant_acl },

	/* leases */
	{ "/v1/sys/leases/lookup", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_lookup },
	{ "/v1/sys/leases/lookup/{dir}", METHOD_LIST, CAP_SUDO | CAP_LIST, 0, AUDIT_READ, ROUTE_AUTHORIZE | ROUTE_SLOW, handle_lease_list },
	{ "/v1/sys/leases/renew", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_renew },
	{ "/v1/sys/leases/renew/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_renew },
	{ "/v1/sys/renew", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_renew },
	{ "/v1/sys/renew/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_renew },
	{ "/v1/sys/leases/revoke", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_revoke },
	{ "/v1/sys/leases/revoke/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_revoke },
	{ "/v1/sys/revoke", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_revoke },
	{ "/v1/sys/revoke/{name}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE, handle_lease_revoke },
	{ "/v1/sys/leases/revoke-prefix/{name}", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE | ROUTE_SLOW,
	  handle_lease_revoke_prefix },
	{ "/v1/sys/leases/revoke-force/{name}", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE | ROUTE_SLOW,
	  handle_lease_revoke_prefix },
	{ "/v1/sys/revoke-prefix/{name}", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE | ROUTE_SLOW,
	  handle_lease_revoke_prefix },
	{ "/v1/sys/revoke-force/{name}", WRITE, CAP_SUDO | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_AUTHORIZE | ROUTE_SLOW,
	  handle_lease_revoke_prefix },

	/* what a token keeps for itself */
	{ "/v1/cubbyhole/{dir}", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, 0, handle_cubbyhole_list },
	{ "/v1/cubbyhole/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_cubbyhole_read },
	{ "/v1/cubbyhole/{env}", WRITE, CAP_CREATE | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_cubbyhole_write },
	{ "/v1/cubbyhole/{env}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_cubbyhole_delete },

	/* KV version 2 */
	{ "/v1/{mount}/config", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_config_read },
	{ "/v1/{mount}/config", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_SLOW, handle_config_write },
	{ "/v1/{mount}/data/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_data_read },
	{ "/v1/{mount}/data/{env}", WRITE, CAP_CREATE | CAP_UPDATE, LIMIT_BODY_DATA, AUDIT_CHANGE, 0, handle_data_write },
	{ "/v1/{mount}/data/{env}", METHOD_PATCH, CAP_PATCH, LIMIT_BODY_DATA, AUDIT_CHANGE, 0, handle_data_patch },
	{ "/v1/{mount}/data/{env}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_data_delete },
	{ "/v1/{mount}/delete/{env}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_delete_revisions },
	{ "/v1/{mount}/undelete/{env}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_undelete },
	{ "/v1/{mount}/destroy/{env}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_destroy },
	{ "/v1/{mount}/subkeys/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_subkeys },
	{ "/v1/{mount}/metadata/{dir}", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, 0, handle_metadata_list },
	{ "/v1/{mount}/metadata/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_metadata_read },
	{ "/v1/{mount}/metadata/{env}", WRITE, CAP_CREATE | CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_metadata_write },
	{ "/v1/{mount}/metadata/{env}", METHOD_PATCH, CAP_PATCH, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_metadata_patch },
	{ "/v1/{mount}/metadata/{env}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_metadata_delete },

	/* KV version 1: whatever stands below the mount is an environment */
	{ "/v1/{kv1}/{dir}", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, 0, handle_kv1_list },
	{ "/v1/{kv1}/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_kv1_read },
	{ "/v1/{kv1}/{env}", WRITE, CAP_CREATE | CAP_UPDATE, LIMIT_BODY_DATA, AUDIT_CHANGE, 0, handle_kv1_write },
	{ "/v1/{kv1}/{env}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_kv1_delete },

	/* resolve in the form of KV version 2, of secret/ and decided there */
	{ "/v1/{resolved}/data/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_resolved_read },
	{ "/v1/{resolved}/metadata/{dir}", METHOD_LIST, CAP_LIST, 0, AUDIT_READ, 0, handle_resolved_list },
	{ "/v1/{resolved}/metadata/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_resolved_metadata },

	/* what Vault does not have; decided on the path below data/ */
	{ "/v1/{mount}/resolve/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_resolve },
	{ "/v1/{mount}/render/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_render },
	{ "/v1/{mount}/history/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_history },
	{ "/v1/{mount}/diff/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_diff },
	{ "/v1/{mount}/rollback/{env}", WRITE, CAP_UPDATE, LIMIT_BODY_SMALL, AUDIT_CHANGE, 0, handle_rollback },
	{ "/v1/{mount}/settings/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_settings_read },
	{ "/v1/{mount}/settings/{env}", METHOD_PATCH, CAP_PATCH, LIMIT_BODY_SMALL, AUDIT_CHANGE, ROUTE_SLOW,
	  handle_settings_write },

	/* schemas; decided on their own path. A check is decided on the path below data/ */
	{ "/v1/{mount}/schema/{env}", METHOD_GET, CAP_READ, 0, AUDIT_READ, 0, handle_schema_read },
	{ "/v1/{mount}/schema/{env}", WRITE, CAP_CREATE | CAP_UPDATE, LIMIT_BODY_SCHEMA, AUDIT_CHANGE, 0, handle_schema_write },
	{ "/v1/{mount}/schema/{env}", METHOD_DELETE, CAP_DELETE, 0, AUDIT_CHANGE, 0, handle_schema_delete },
	{ "/v1/{mount}/check/{env}", WRITE, CAP_READ, LIMIT_BODY_DATA + LIMIT_BODY_SCHEMA, AUDIT_READ, ROUTE_SLOW, handle_check },
};

const struct route *route_at(size_t i)
{
	return i < ARRAY_LEN(routes) ? &routes[i] : NULL;
}

static bool starts_with(const char *text, const char *prefix, const char **ret_rest)
{
	size_t len = strlen(prefix);

	if (strncmp(text, prefix, len) != 0)
		return false;
	*ret_rest = text + len;
	return true;
}

/* The mount's place in the path and in the pattern; both then stand behind "/v1/<mount>". */
static bool match_mount(const char **path, const char **pattern, const char *mount, const char *kind)
{
	const char *in_pattern, *in_path;
	size_t len = strlen(mount);

	if (!starts_with(*pattern, "/v1/{", &in_pattern))
		return len == 0;
	if (len == 0 || !starts_with(*pattern + 4, kind, &in_pattern) || !starts_with(*path, "/v1/", &in_path))
		return false;
	/* The mount itself, which a listing may ask for without its slash, leaves nothing. */
	if (strncmp(in_path, mount, len - 1) != 0 || (in_path[len - 1] != '/' && in_path[len - 1] != '\0'))
		return false;
	*path = in_path + len - (in_path[len - 1] == '\0');
	*pattern = in_pattern + 1;
	return true;
}

static bool pattern_matches(const struct route *route, const char *path, const char *mount, const char *kind,
			    const char **ret_rest)
{
	const char *pattern = route->pattern, *placeholder, *suffix;
	size_t fixed, len;

	if (!match_mount(&path, &pattern, mount, kind))
		return false;
	placeholder = strchr(pattern, '{');
	*ret_rest = "";
	if (!placeholder)
		return strcmp(path, pattern) == 0;
	fixed = (size_t)(placeholder - pattern);	/* with the slash before the placeholder */
	suffix = strchr(placeholder, '}') + 1;
	len = strlen(path);
	if (strncmp(path, pattern, fixed) == 0 && len > fixed + strlen(suffix) &&
	    strcmp(path + len - strlen(suffix), suffix) == 0) {
		*ret_rest = path + fixed;
		return true;
	}
	/* {dir} may be nothing, and the slash before it too. */
	return strcmp(placeholder, "{dir}") == 0 && len == (fixed > 0 ? fixed - 1 : 0) && strncmp(path, pattern, len) == 0;
}

/*
 * Most rows are passed over without a call: those of another kind of mount ("" looks for none), and of those without a mount
 * what differs in the two bytes behind "/v1/". No pattern is shorter.
 */
static bool may_match(const char *pattern, const char *path, bool path_is_long, const char *kind)
{
	if (pattern[4] == '{' || kind[0] != '\0')
		return pattern[4] == kind[0] && pattern[5] == kind[1];
	return !path_is_long || (pattern[4] == path[4] && pattern[5] == path[5]);
}

enum route_found route_find(const char *path, const char *mount, const char *kind, enum http_method method,
			    struct route_match *ret)
{
	bool path_is_long = strnlen(path, 6) == 6;
	enum route_found found = ROUTE_NONE;
	const char *rest;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!may_match(routes[i].pattern, path, path_is_long, kind))
			continue;
		if (!pattern_matches(&routes[i], path, mount, kind, &rest))
			continue;
		ret->route = &routes[i];
		ret->rest = rest;
		if ((routes[i].methods & (unsigned)method) != 0 ||
		    (method == METHOD_HEAD && (routes[i].methods & METHOD_GET) != 0))
			return ROUTE_FOUND;
		found = ROUTE_NO_METHOD;
	}
	return found;
}
