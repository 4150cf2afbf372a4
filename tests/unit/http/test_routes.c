/* The route table: each row is reached by its own path, nothing else is, and the flags that guard a sealed vault are as
 * documented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault.h"
#include "http/handlers.h"
#include "http/routes.h"
#include "vault/limits.h"

struct row {
	const char *path, *mount;
	unsigned method;
	enum route_found found;
	const char *pattern, *rest;
};

static const struct row rows[] = {
	{ "/healthz", "", METHOD_GET, ROUTE_FOUND, "/healthz", "" },
	{ "/healthz", "", METHOD_HEAD, ROUTE_FOUND, "/healthz", "" },
	{ "/healthz", "", METHOD_POST, ROUTE_NO_METHOD, "/healthz", "" },
	{ "/healthz/x", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/readyz", "", METHOD_GET, ROUTE_FOUND, "/readyz", "" },
	{ "/metrics", "", METHOD_GET, ROUTE_FOUND, "/metrics", "" },
	{ "/", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/health", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/health", "" },
	{ "/v1/sys/health", "", METHOD_PUT, ROUTE_NO_METHOD, "/v1/sys/health", "" },
	{ "/v1/sys/healthy", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/seal-status", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/seal-status", "" },
	{ "/v1/sys/leader", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/leader", "" },
	{ "/v1/sys/leader", "", METHOD_POST, ROUTE_NO_METHOD, "/v1/sys/leader", "" },
	{ "/v1/sys/init", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/init", "" },
	{ "/v1/sys/init", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/init", "" },
	{ "/v1/sys/init", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/init", "" },
	{ "/v1/sys/init", "", METHOD_DELETE, ROUTE_NO_METHOD, "/v1/sys/init", "" },
	{ "/v1/sys/unseal", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/unseal", "" },
	{ "/v1/sys/unseal", "", METHOD_GET, ROUTE_NO_METHOD, "/v1/sys/unseal", "" },
	{ "/v1/sys/seal", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/seal", "" },
	{ "/v1/sys/mounts", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/mounts", "" },
	{ "/v1/sys/mounts/secret", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/mounts/{name}", "secret" },
	{ "/v1/sys/mounts/a/b", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/mounts/{name}", "a/b" },
	{ "/v1/sys/mounts/a", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/mounts/{name}", "a" },
	{ "/v1/sys/mounts/a", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/mounts/{name}", "a" },
	{ "/v1/sys/mounts/a", "", METHOD_PATCH, ROUTE_NO_METHOD, "/v1/sys/mounts/{name}", "a" },
	{ "/v1/sys/mounts/a/b/tune", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/mounts/{name}/tune", "a/b/tune" },
	{ "/v1/sys/mounts/a/tune", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/mounts/{name}/tune", "a/tune" },
	{ "/v1/sys/mounts/tune", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/mounts/{name}", "tune" },
	{ "/v1/sys/mounts/a/tuned", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/mounts/{name}", "a/tuned" },
	{ "/v1/sys/remount", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/remount", "" },
	{ "/v1/sys/remount/status/1", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/remount/status/{name}", "1" },
	{ "/v1/sys/auth", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/auth", "" },
	{ "/v1/sys/auth/token", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/auth/{name}", "token" },
	{ "/v1/sys/auth/x", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/auth/{name}", "x" },
	{ "/v1/sys/auth/x", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/auth/{name}", "x" },
	{ "/v1/sys/auth/token/tune", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/auth/{name}/tune", "token/tune" },
	{ "/v1/sys/auth/token/tune", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/auth/{name}/tune", "token/tune" },
	{ "/v1/sys/quotas/config", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/quotas/config", "" },
	{ "/v1/sys/quotas/rate-limit", "", METHOD_LIST, ROUTE_FOUND, "/v1/sys/quotas/rate-limit", "" },
	{ "/v1/sys/quotas/rate-limit/a", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/quotas/rate-limit/{name}", "a" },
	{ "/v1/sys/quotas/rate-limit/a", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/quotas/rate-limit/{name}", "a" },
	{ "/v1/sys/quotas/rate-limit/a", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/quotas/rate-limit/{name}", "a" },
	{ "/v1/sys/internal/ui/mounts", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/internal/ui/mounts", "" },
	{ "/v1/sys/internal/ui/mounts/secret/data/a", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/internal/ui/mounts/{name}",
	  "secret/data/a" },
	{ "/v1/auth/token/lookup-self", "", METHOD_GET, ROUTE_FOUND, "/v1/auth/token/lookup-self", "" },

	{ "/v1/sys/wrapping/wrap", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/wrapping/wrap", "" },
	{ "/v1/sys/wrapping/wrap", "", METHOD_GET, ROUTE_NO_METHOD, "/v1/sys/wrapping/wrap", "" },
	{ "/v1/sys/wrapping/lookup", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/wrapping/lookup", "" },
	{ "/v1/sys/wrapping/lookup", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/wrapping/lookup", "" },
	{ "/v1/sys/wrapping/unwrap", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/wrapping/unwrap", "" },
	{ "/v1/sys/wrapping/unwrap", "", METHOD_GET, ROUTE_NO_METHOD, "/v1/sys/wrapping/unwrap", "" },
	{ "/v1/sys/wrapping/rewrap", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/wrapping/rewrap", "" },
	{ "/v1/sys/wrapping", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/tools/random", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/tools/random", "" },
	{ "/v1/sys/tools/random/16", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/tools/random/{name}", "16" },
	{ "/v1/sys/tools/hash", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/tools/hash", "" },
	{ "/v1/sys/tools/hash/sha2-256", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/tools/hash/{name}", "sha2-256" },
	{ "/v1/sys/policies/acl", "", METHOD_LIST, ROUTE_FOUND, "/v1/sys/policies/acl", "" },
	{ "/v1/sys/policies/acl", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/policies/acl", "" },
	{ "/v1/sys/policies/acl", "", METHOD_PUT, ROUTE_NO_METHOD, "/v1/sys/policies/acl", "" },
	{ "/v1/sys/policies/acl/shop", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/policies/acl/{name}", "shop" },
	{ "/v1/sys/policies/acl/a/b", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/policies/acl/{name}", "a/b" },
	{ "/v1/sys/policies/acl/shop", "", METHOD_PATCH, ROUTE_NO_METHOD, "/v1/sys/policies/acl/{name}", "shop" },
	{ "/v1/sys/policies", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/policies/rgp/x", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/policy", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/policy", "" },
	{ "/v1/sys/policy/shop", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/policy/{name}", "shop" },
	{ "/v1/sys/policy/explain", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/policy/explain", "" },
	{ "/v1/sys/policy/explain", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/policy/{name}", "explain" },
	{ "/v1/sys/capabilities-self", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/capabilities-self", "" },
	{ "/v1/sys/capabilities-self", "", METHOD_GET, ROUTE_NO_METHOD, "/v1/sys/capabilities-self", "" },
	{ "/v1/sys/capabilities", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/capabilities", "" },
	{ "/v1/sys/capabilities-accessor", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/capabilities-accessor", "" },
	{ "/v1/sys/internal/ui/resultant-acl", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/internal/ui/resultant-acl", "" },
	{ "/v1/sys/policies/acl/shop", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/policies/acl/{name}", "shop" },
	{ "/v1/sys/policies/acl/shop", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/policies/acl/{name}", "shop" },
	{ "/v1/sys/policy", "", METHOD_LIST, ROUTE_FOUND, "/v1/sys/policy", "" },
	{ "/v1/sys/policy/shop", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/policy/{name}", "shop" },
	{ "/v1/sys/leases/lookup", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/leases/lookup", "" },
	{ "/v1/sys/leases/lookup", "", METHOD_LIST, ROUTE_FOUND, "/v1/sys/leases/lookup/{dir}", "" },
	{ "/v1/sys/leases/lookup/auth/token", "", METHOD_LIST, ROUTE_FOUND, "/v1/sys/leases/lookup/{dir}", "auth/token" },
	{ "/v1/sys/leases/renew", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/leases/renew", "" },
	{ "/v1/sys/leases/renew/a/b", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/leases/renew/{name}", "a/b" },
	{ "/v1/sys/leases/revoke", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/leases/revoke", "" },
	{ "/v1/sys/leases/revoke/a/b", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/leases/revoke/{name}", "a/b" },
	{ "/v1/sys/leases/revoke-prefix/a/b", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/leases/revoke-prefix/{name}", "a/b" },
	{ "/v1/sys/leases/revoke-prefix", "", METHOD_PUT, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/leases/revoke-force/a/b", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/leases/revoke-force/{name}", "a/b" },
	{ "/v1/sys/leases/revoke-force", "", METHOD_PUT, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/renew", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/renew", "" },
	{ "/v1/sys/renew/a/b", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/renew/{name}", "a/b" },
	{ "/v1/sys/revoke", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/revoke", "" },
	{ "/v1/sys/revoke/a/b", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/revoke/{name}", "a/b" },
	{ "/v1/sys/revoke-prefix/a/b", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/revoke-prefix/{name}", "a/b" },
	{ "/v1/sys/revoke-prefix", "", METHOD_PUT, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/revoke-force/a/b", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/revoke-force/{name}", "a/b" },
	{ "/v1/sys/revoke-force", "", METHOD_PUT, ROUTE_NONE, NULL, NULL },
	{ "/v1/cubbyhole", "", METHOD_LIST, ROUTE_FOUND, "/v1/cubbyhole/{dir}", "" },
	{ "/v1/cubbyhole/a", "", METHOD_LIST, ROUTE_FOUND, "/v1/cubbyhole/{dir}", "a" },
	{ "/v1/cubbyhole/a/b", "", METHOD_GET, ROUTE_FOUND, "/v1/cubbyhole/{env}", "a/b" },
	{ "/v1/cubbyhole/a", "", METHOD_POST, ROUTE_FOUND, "/v1/cubbyhole/{env}", "a" },
	{ "/v1/cubbyhole/a", "", METHOD_DELETE, ROUTE_FOUND, "/v1/cubbyhole/{env}", "a" },
	{ "/v1/cubbyhole/a", "", METHOD_PATCH, ROUTE_NO_METHOD, "/v1/cubbyhole/{env}", "a" },

	{ "/v1/sys/slots", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/slots", "" },
	{ "/v1/sys/slots", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/slots", "" },
	{ "/v1/sys/slots", "", METHOD_DELETE, ROUTE_NO_METHOD, "/v1/sys/slots", "" },
	{ "/v1/sys/slots/3", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/slots/{name}", "3" },
	{ "/v1/sys/backup", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/backup", "" },
	{ "/v1/sys/backup", "", METHOD_POST, ROUTE_NO_METHOD, "/v1/sys/backup", "" },
	{ "/v1/sys/slots/3/remove", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/slots/{name}", "3/remove" },
	{ "/v1/sys/slots/3", "", METHOD_GET, ROUTE_NO_METHOD, "/v1/sys/slots/{name}", "3" },
	{ "/v1/sys/key-status", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/key-status", "" },
	{ "/v1/sys/rotate", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/rotate", "" },
	{ "/v1/sys/rotate/config", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/rotate/config", "" },
	{ "/v1/sys/verify", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/verify", "" },
	{ "/v1/sys/verify", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/verify", "" },
	{ "/v1/sys/verify", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/verify", "" },
	{ "/v1/sys/verify", "", METHOD_LIST, ROUTE_NO_METHOD, "/v1/sys/verify", "" },
	{ "/v1/sys/compact", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/compact", "" },
	{ "/v1/sys/compact", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/compact", "" },
	{ "/v1/sys/compact", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/compact", "" },
	{ "/v1/sys/compact/x", "", METHOD_GET, ROUTE_NONE, "", "" },
	{ "/v1/sys/rekey/init", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/rekey/init", "" },
	{ "/v1/sys/rekey/init", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/rekey/init", "" },
	{ "/v1/sys/rekey/init", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/rekey/init", "" },
	{ "/v1/sys/rekey/update", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/rekey/update", "" },
	{ "/v1/sys/rekey/update", "", METHOD_DELETE, ROUTE_NO_METHOD, "/v1/sys/rekey/update", "" },
	{ "/v1/sys/rekey/verify", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/rekey/verify", "" },
	{ "/v1/sys/rekey/verify", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/rekey/verify", "" },
	{ "/v1/sys/rekey/verify", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/rekey/verify", "" },
	{ "/v1/sys/rekey/backup", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/rekey/backup", "" },
	{ "/v1/sys/rekey/backup", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/rekey/backup", "" },
	{ "/v1/sys/rekey", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sys/generate-root/attempt", "", METHOD_GET, ROUTE_FOUND, "/v1/sys/generate-root/attempt", "" },
	{ "/v1/sys/generate-root/attempt", "", METHOD_PUT, ROUTE_FOUND, "/v1/sys/generate-root/attempt", "" },
	{ "/v1/sys/generate-root/attempt", "", METHOD_DELETE, ROUTE_FOUND, "/v1/sys/generate-root/attempt", "" },
	{ "/v1/sys/generate-root/update", "", METHOD_POST, ROUTE_FOUND, "/v1/sys/generate-root/update", "" },

	/* fixed rows do not hold when a mount is looked at, nor the other way round */
	{ "/v1/sys/health", "sys/", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/data/a", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/data/a", "other/", METHOD_GET, ROUTE_NONE, NULL, NULL },

	{ "/v1/auth/token/lookup", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/lookup", "" },
	{ "/v1/auth/token/lookup-accessor", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/lookup-accessor", "" },
	{ "/v1/auth/token/create", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/create", "" },
	{ "/v1/auth/token/create-orphan", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/create-orphan", "" },
	{ "/v1/auth/token/renew", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/renew", "" },
	{ "/v1/auth/token/renew-self", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/renew-self", "" },
	{ "/v1/auth/token/renew-accessor", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/renew-accessor", "" },
	{ "/v1/auth/token/revoke", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/revoke", "" },
	{ "/v1/auth/token/revoke-self", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/revoke-self", "" },
	{ "/v1/auth/token/revoke-accessor", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/revoke-accessor", "" },
	{ "/v1/auth/token/revoke-orphan", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/revoke-orphan", "" },
	{ "/v1/auth/token/tidy", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/tidy", "" },
	{ "/v1/auth/token/accessors", "", METHOD_LIST, ROUTE_FOUND, "/v1/auth/token/accessors", "" },
	{ "/v1/auth/token/lookup", "", METHOD_GET, ROUTE_NO_METHOD, "/v1/auth/token/lookup", "" },
	{ "/v1/auth/token/create/ci", "", METHOD_PUT, ROUTE_FOUND, "/v1/auth/token/create/{name}", "ci" },
	{ "/v1/auth/token/roles", "", METHOD_LIST, ROUTE_FOUND, "/v1/auth/token/roles", "" },
	{ "/v1/auth/token/roles/ci", "", METHOD_GET, ROUTE_FOUND, "/v1/auth/token/roles/{name}", "ci" },
	{ "/v1/auth/token/roles/ci", "", METHOD_POST, ROUTE_FOUND, "/v1/auth/token/roles/{name}", "ci" },
	{ "/v1/auth/token/roles/ci", "", METHOD_DELETE, ROUTE_FOUND, "/v1/auth/token/roles/{name}", "ci" },
	{ "/v1/auth/token/lookup/x", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/config", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/config", "" },
	{ "/v1/secret/config", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/config", "" },
	{ "/v1/secret/config", "secret/", METHOD_DELETE, ROUTE_NO_METHOD, "/v1/{mount}/config", "" },
	{ "/v1/secret/config/a", "secret/", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/data/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/secret/data/a/b/c", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a/b/c" },
	{ "/v1/secret/data/data/data", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/data/{env}", "data/data" },
	{ "/v1/secret/data", "secret/", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/data/a", "secret/", METHOD_LIST, ROUTE_NO_METHOD, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/secret/data/a", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/secret/data/a", "secret/", METHOD_PUT, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/secret/data/a", "secret/", METHOD_PATCH, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/secret/data/a", "secret/", METHOD_DELETE, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/team/kv/data/a", "team/kv/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
	{ "/v1/secret/delete/a", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/delete/{env}", "a" },
	{ "/v1/secret/delete/a", "secret/", METHOD_GET, ROUTE_NO_METHOD, "/v1/{mount}/delete/{env}", "a" },
	{ "/v1/secret/undelete/a", "secret/", METHOD_PUT, ROUTE_FOUND, "/v1/{mount}/undelete/{env}", "a" },
	{ "/v1/secret/destroy/a", "secret/", METHOD_PUT, ROUTE_FOUND, "/v1/{mount}/destroy/{env}", "a" },
	{ "/v1/secret/subkeys/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/subkeys/{env}", "a" },
	{ "/v1/secret/metadata", "secret/", METHOD_LIST, ROUTE_FOUND, "/v1/{mount}/metadata/{dir}", "" },
	{ "/v1/secret/metadata/a", "secret/", METHOD_LIST, ROUTE_FOUND, "/v1/{mount}/metadata/{dir}", "a" },
	{ "/v1/secret/metadata", "secret/", METHOD_GET, ROUTE_NO_METHOD, "/v1/{mount}/metadata/{dir}", "" },
	{ "/v1/secret/metadatas", "secret/", METHOD_LIST, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/metadata/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/metadata/{env}", "a" },
	{ "/v1/secret/metadata/a", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/metadata/{env}", "a" },
	{ "/v1/secret/metadata/a", "secret/", METHOD_PATCH, ROUTE_FOUND, "/v1/{mount}/metadata/{env}", "a" },
	{ "/v1/secret/metadata/a", "secret/", METHOD_DELETE, ROUTE_FOUND, "/v1/{mount}/metadata/{env}", "a" },
	{ "/v1/secret/resolve/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/resolve/{env}", "a" },
	{ "/v1/secret/resolve/a", "secret/", METHOD_POST, ROUTE_NO_METHOD, "/v1/{mount}/resolve/{env}", "a" },
	{ "/v1/secret/render/a/b", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/render/{env}", "a/b" },
	{ "/v1/secret/render/a", "secret/", METHOD_PUT, ROUTE_NO_METHOD, "/v1/{mount}/render/{env}", "a" },
	{ "/v1/secret/history/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/history/{env}", "a" },
	{ "/v1/secret/diff/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/diff/{env}", "a" },
	{ "/v1/secret/rollback/a", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/rollback/{env}", "a" },
	{ "/v1/secret/rollback/a", "secret/", METHOD_GET, ROUTE_NO_METHOD, "/v1/{mount}/rollback/{env}", "a" },
	{ "/v1/secret/settings/a", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/settings/{env}", "a" },
	{ "/v1/secret/settings/a", "secret/", METHOD_PATCH, ROUTE_FOUND, "/v1/{mount}/settings/{env}", "a" },
	{ "/v1/secret/schema/a/b", "secret/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/schema/{env}", "a/b" },
	{ "/v1/secret/schema/a", "secret/", METHOD_PUT, ROUTE_FOUND, "/v1/{mount}/schema/{env}", "a" },
	{ "/v1/secret/schema/a", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/schema/{env}", "a" },
	{ "/v1/secret/schema/a", "secret/", METHOD_DELETE, ROUTE_FOUND, "/v1/{mount}/schema/{env}", "a" },
	{ "/v1/secret/schema/a", "secret/", METHOD_PATCH, ROUTE_NO_METHOD, "/v1/{mount}/schema/{env}", "a" },
	{ "/v1/secret/schema", "secret/", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret/check/a", "secret/", METHOD_POST, ROUTE_FOUND, "/v1/{mount}/check/{env}", "a" },
	{ "/v1/secret/check/a", "secret/", METHOD_GET, ROUTE_NO_METHOD, "/v1/{mount}/check/{env}", "a" },
	{ "/v1/old/a/b", "old/", METHOD_GET, ROUTE_FOUND, "/v1/{kv1}/{env}", "a/b" },
	{ "/v1/old/data/a", "old/", METHOD_PUT, ROUTE_FOUND, "/v1/{kv1}/{env}", "data/a" },
	{ "/v1/old/a", "old/", METHOD_DELETE, ROUTE_FOUND, "/v1/{kv1}/{env}", "a" },
	{ "/v1/old/a", "old/", METHOD_PATCH, ROUTE_NO_METHOD, "/v1/{kv1}/{env}", "a" },
	{ "/v1/old/a", "old/", METHOD_LIST, ROUTE_FOUND, "/v1/{kv1}/{dir}", "a" },
	{ "/v1/old", "old/", METHOD_LIST, ROUTE_FOUND, "/v1/{kv1}/{dir}", "" },
	{ "/v1/old", "old/", METHOD_GET, ROUTE_NO_METHOD, "/v1/{kv1}/{dir}", "" },
	{ "/v1/resolved/data/a/b", "resolved/", METHOD_GET, ROUTE_FOUND, "/v1/{resolved}/data/{env}", "a/b" },
	{ "/v1/resolved/data/a", "resolved/", METHOD_PUT, ROUTE_NO_METHOD, "/v1/{resolved}/data/{env}", "a" },
	{ "/v1/resolved/metadata", "resolved/", METHOD_LIST, ROUTE_FOUND, "/v1/{resolved}/metadata/{dir}", "" },
	{ "/v1/resolved/metadata/a", "resolved/", METHOD_GET, ROUTE_FOUND, "/v1/{resolved}/metadata/{env}", "a" },
	{ "/v1/secret/foo/a", "secret/", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/secret", "secret/", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/s", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/sy", "", METHOD_GET, ROUTE_NONE, NULL, NULL },
	{ "/v1/x/data/a", "x/", METHOD_GET, ROUTE_FOUND, "/v1/{mount}/data/{env}", "a" },
};

/* The kind of mount is that of the row that is expected. */
static const char *kind_of(const struct row *row)
{
	static const char *const kinds[] = { ROUTE_KV1, ROUTE_RESOLVED };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (row->pattern && strstr(row->pattern, kinds[i]))
			return kinds[i];
	return row->mount[0] == '\0' ? "" : ROUTE_KV2;
}

static void test_matching(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct route_match match;
		enum route_found found = route_find(row->path, row->mount, kind_of(row), (enum http_method)row->method, &match);

		if (found != row->found)
			fail_msg("%s %s: %d instead of %d", http_method_name((enum http_method)row->method), row->path, found,
				 row->found);
		if (found != ROUTE_NONE && strcmp(match.route->pattern, row->pattern) != 0)
			fail_msg("%s leads to %s", row->path, match.route->pattern);
		if (found == ROUTE_FOUND)
			assert_string_equal(match.rest, row->rest);
	}
}

/* A row that no row of this test reaches is a row without a test. */
static void test_every_route_has_a_row(void **state)
{
	(void)state;
	for (size_t i = 0; route_at(i); i++) {
		bool reached = false;

		for (size_t j = 0; j < ARRAY_LEN(rows); j++) {
			struct route_match match;

			if (route_find(rows[j].path, rows[j].mount, kind_of(&rows[j]), (enum http_method)rows[j].method, &match) == ROUTE_FOUND)
				reached |= match.route == route_at(i);
		}
		if (!reached)
			fail_msg("no row of this test reaches %s", route_at(i)->pattern);
	}
}

/* What a stranger may ask, in full; everything else needs an identity. */
static void test_who_may_ask_what(void **state)
{
	static const char *const open[] = { "/healthz", "/readyz", "/metrics", "/v1/sys/health", "/v1/sys/seal-status",
					    "/v1/sys/leader", "/v1/sys/init", "/v1/sys/unseal",
					    "/v1/sys/rekey/update", "/v1/sys/rekey/verify", "/v1/sys/generate-root/update" };

	(void)state;
	for (size_t i = 0; route_at(i); i++) {
		const struct route *route = route_at(i);
		bool is_open = false;

		for (size_t j = 0; j < ARRAY_LEN(open); j++)
			is_open |= strcmp(open[j], route->pattern) == 0;
		/* To look at a verification, and to begin it anew, needs an identity. */
		if (route->handle == handle_rekey_verify_status || route->handle == handle_rekey_verify_restart)
			is_open = false;
		assert_int_equal((route->flags & ROUTE_OPEN) != 0, is_open);
		assert_int_equal((route->flags & ROUTE_ANONYMOUS) != 0,
				 strncmp(route->pattern, "/v1/sys/internal/ui/mounts", 26) == 0);
		assert_non_null(route->handle);
	}
}

/* Nor may anything but these do without one in an unsealed vault. */
static void test_who_needs_a_wrapping_token(void **state)
{
	(void)state;
	for (size_t i = 0; route_at(i); i++) {
		const char *pattern = route_at(i)->pattern;
		bool wrapping = strncmp(pattern, "/v1/sys/wrapping/", 17) == 0 && strcmp(pattern, "/v1/sys/wrapping/wrap") != 0;

		assert_int_equal((route_at(i)->flags & ROUTE_WRAPPING) != 0, wrapping);
	}
}

/* Secrets that open the vault come with these. */
static bool brings_slots(const struct route *route)
{
	return route->handle == handle_slot_add || route->handle == handle_slot_change || route->handle == handle_rekey_update ||
	       route->handle == handle_rekey_verify || route->handle == handle_root_update;
}

/* Questions that come with a body. */
static bool only_asks(const struct route *route)
{
	return strncmp(route->pattern, "/v1/sys/capabilities", 20) == 0 ||
	       strncmp(route->pattern, "/v1/auth/token/lookup", 21) == 0 || strcmp(route->pattern, "/v1/sys/policy/explain") == 0 ||
	       route->handle == handle_check;
}

static uint32_t body_limit_of(const struct route *route)
{
	if (strstr(route->pattern, "/data/") || strstr(route->pattern, ROUTE_KV1))
		return LIMIT_BODY_DATA;
	if (strcmp(route->pattern, "/v1/sys/init") == 0 || strcmp(route->pattern, "/v1/sys/unseal") == 0)
		return LIMIT_BODY_INIT;
	if (strstr(route->pattern, "/sys/policies/acl/{name}") || strstr(route->pattern, "/sys/policy/{name}"))
		return LIMIT_BODY_POLICY;
	if (brings_slots(route))
		return LIMIT_BODY_SLOTS;
	if (strstr(route->pattern, "/schema/"))
		return LIMIT_BODY_SCHEMA;
	if (route->handle == handle_check)	/* a set of variables and a schema */
		return LIMIT_BODY_DATA + LIMIT_BODY_SCHEMA;
	return LIMIT_BODY_SMALL;
}

static void test_rules_of_rows(void **state)
{
	const unsigned bodies = METHOD_POST | METHOD_PUT | METHOD_PATCH;

	(void)state;
	for (size_t i = 0; route_at(i); i++) {
		const struct route *route = route_at(i);
		bool secret = strcmp(route->pattern, "/v1/sys/init") == 0 || strcmp(route->pattern, "/v1/sys/unseal") == 0 ||
			      brings_slots(route);

		assert_true(strlen(route->pattern) >= 6);	/* route_find() looks at so much of each */
		assert_int_equal(route->body_limit, (route->methods & bodies) == 0 ? 0 : body_limit_of(route));
		/* What changes something is a change for the audit log; lookup-self only reads, whatever its method. */
		if ((route->methods & METHOD_GET) == 0 && (route->methods & METHOD_LIST) == 0 && !only_asks(route))
			assert_int_equal(route->audit, AUDIT_CHANGE);
		if (secret && (route->methods & bodies) != 0)
			assert_int_equal(route->flags & (ROUTE_LOCAL | ROUTE_SLOW), ROUTE_LOCAL | ROUTE_SLOW);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_every_route_has_a_row),
		cmocka_unit_test(test_who_may_ask_what),
		cmocka_unit_test(test_who_needs_a_wrapping_token),
		cmocka_unit_test(test_rules_of_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
