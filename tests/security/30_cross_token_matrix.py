#!/usr/bin/env python3
"""Every route and method against every kind of caller, over TCP, where no peer is known: no token, a token that is none, an expired one, a
revoked one, one without policies, one with the right on a sibling path, one that may only read, one with exactly the right, the same with a
deny rule added, and root.

The routes come from the daemon's own table (tests/security/route_table.c); a route without a row below fails the story. A refusal is 403, with
one text for bad tokens, the same for what exists and what does not, and nothing has changed afterwards.
"""
import json
import re
import socket
import sys
import time

from routes import MERGE, ROUTES, vault

ALL = ["create", "read", "update", "patch", "delete", "list", "sudo"]
ROWS = {}
FAILURES = 0


class Row:
    """right: the policy's rules that are all needed, or "open" (no identity is needed), "anonymous" (none is needed, but a bad one is refused),
    "any" (every good token may), "preflight" (a right on anything in the mount). path, body and rules may hold the names that setup() gives. ok: what the right is answered with, root_ok: root,
    if otherwise; () if root is not tried. missing: the same path with nothing there. state(): what must be the same after a refusal."""

    def __init__(self, path, right, body=None, ok=(200,), root_ok=None, setup=None, missing=None, headers=None, state=None):
        self.path, self.right, self.body, self.ok, self.setup, self.missing = path, right, body, ok, setup, missing
        self.root_ok, self.headers, self.state = ok if root_ok is None else root_ok, headers, state


def row(pattern, methods, right, path=None, **more):
    for method in methods.split():
        assert (pattern, method) not in ROWS, (pattern, method)
        ROWS[pattern, method] = Row(path or pattern, right, **more)


# -- what a request needs to be there ------------------------------------------------------------

COUNT = 0


def number():
    global COUNT
    COUNT += 1
    return COUNT


def root(method, path, body=None, status=(200, 204), **more):
    answer = DAEMON.request(method, path, body, token=DAEMON.root_token, **more)
    assert answer.status in status, (method, path, answer)
    return answer


def look(path):
    """What root sees there, less what differs every time."""
    body = DAEMON.request("GET", path, token=DAEMON.root_token).json
    return {name: body.get(name) for name in ("data", "errors")}


def an_environment():
    """Two revisions, the first of them deleted."""
    env = f"m/e{number()}"
    root("PUT", f"secret/data/{env}", {"data": {"A": "1"}})
    root("PUT", f"secret/data/{env}", {"data": {"A": "2"}})
    root("PUT", f"secret/delete/{env}", {"versions": [1]})
    root("PUT", f"secret/schema/{env}", {"text": "A=example\n", "mode": "enforce"})
    return {"env": env}


def environment_state(names):
    return [look(f"secret/{kind}/{names['env']}") for kind in ("metadata", "data", "settings", "schema")]


def a_plain_one():
    env = f"m/p{number()}"
    root("PUT", f"plain/{env}", {"A": "1"})
    return {"env": env}


def plain_state(names):
    return look(f"plain/{names['env']}")


def a_new_name():
    return {"new": f"new{number()}"}


def a_mount():
    name = f"mount{number()}"
    root("POST", f"sys/mounts/{name}", {"type": "kv-v2"})
    return {"mount": name}


def mounts_state(_):
    return look("sys/mounts")


def a_move():
    name = f"mount{number()}"
    root("POST", f"sys/mounts/{name}", {"type": "kv-v2"})
    return {"move": root("POST", "sys/remount", {"from": name, "to": name + "-moved"}).data["migration_id"]}


def a_policy():
    name = f"policy{number()}"
    root("PUT", f"sys/policies/acl/{name}", {"policy": 'path "x" { capabilities = ["read"] }'})
    return {"policy": name}


def policies_state(names):
    return look(f"sys/policies/acl/{names.get('policy') or names['new']}")


def a_token():
    made = root("POST", "auth/token/create", {"policies": ["matrix-none"], "ttl": "1h"}).json["auth"]
    return {"token": made["client_token"], "accessor": made["accessor"]}


def token_state(names):
    answer = DAEMON.request("POST", "auth/token/lookup-accessor", {"accessor": names["accessor"]}, token=DAEMON.root_token)
    return answer.status, [answer.json.get("data", {}).get(name) for name in ("policies", "expire_time", "last_renewal")]


def a_lease():
    names = a_token()
    return {**names, "lease": "auth/token/create/" + names["accessor"]}


def a_quota():
    name = f"quota{number()}"
    root("POST", f"sys/quotas/rate-limit/{name}", {"rate": 100000, "path": "secret/data/none/" + name})
    return {"quota": name}


def quota_state(names):
    return look(f"sys/quotas/rate-limit/{names.get('quota') or names['new']}")


def job_ids(_):
    return [DAEMON.request("GET", "sys/" + job, token=DAEMON.root_token).data["id"] for job in ("verify", "compact")]


def no_job():
    """Of the one before, only what it found is left."""
    while "running" in [DAEMON.request("GET", "sys/" + job, token=DAEMON.root_token).data["state"] for job in ("verify", "compact")]:
        pass
    return {}


def no_rekey():
    root("DELETE", "sys/rekey/init")
    return {}


def a_rekey():
    no_rekey()
    root("PUT", "sys/rekey/init", {})
    return {}


def rekey_state(_):
    return DAEMON.request("GET", "sys/rekey/init", token=DAEMON.root_token).json


def no_attempt():
    root("DELETE", "sys/generate-root/attempt")
    return {}


def an_attempt():
    no_attempt()
    root("PUT", "sys/generate-root/attempt", {})
    return {}


def attempt_state(_):
    return DAEMON.request("GET", "sys/generate-root/attempt", token=DAEMON.root_token).json


def slots_state(_):
    return look("sys/slots")


def key_state(_):
    return look("sys/key-status")["data"]["term"]


def a_role():
    name = f"role{number()}"
    root("POST", f"auth/token/roles/{name}", {"renewable": True})
    return {"role": name}


def role_state(names):
    return look(f"auth/token/roles/{names.get('role') or names['new']}")


def a_wrapping():
    return {"wrap": root("GET", "secret/data/m/wrapped", headers={"X-Vault-Wrap-TTL": "600"}).json["wrap_info"]["token"]}


def nothing():
    return {}


def unseal():
    DAEMON.unseal()
    return {}


def seal_state(_):
    return DAEMON.get("sys/seal-status").json["sealed"]


# -- the table ---------------------------------------------------------------------------------------

WRITE = "POST PUT"
for open_path in ("/healthz", "/readyz", "/metrics", "/v1/sys/health", "/v1/sys/seal-status", "/v1/sys/leader", "/v1/sys/init"):
    row(open_path, "GET", "open")
row("/v1/sys/init", WRITE, "open", body={"secret_shares": 1, "secret_threshold": 1}, ok=(400,))
row("/v1/sys/unseal", WRITE, "open", body={"reset": True}, ok=(400,))
row("/v1/sys/seal", WRITE, {"sys/seal": ["update", "sudo"]}, body={}, ok=(204,), setup=unseal, state=seal_state)

row("/v1/sys/mounts", "GET", {"sys/mounts": ["read"]})
row("/v1/sys/mounts/{name}", "GET", {"sys/mounts/{mount}": ["read"]}, "/v1/sys/mounts/{mount}", setup=a_mount, missing="/v1/sys/mounts/none")
row("/v1/sys/mounts/{name}", WRITE, {"sys/mounts/{new}": ["update"]}, "/v1/sys/mounts/{new}", body={"type": "kv-v2"}, ok=(204,), setup=a_new_name,
    state=mounts_state)
row("/v1/sys/mounts/{name}", "DELETE", {"sys/mounts/{mount}": ["delete"]}, "/v1/sys/mounts/{mount}", ok=(204,), setup=a_mount, state=mounts_state,
    missing="/v1/sys/mounts/none")
row("/v1/sys/mounts/{name}/tune", "GET", {"sys/mounts/{mount}/tune": ["read"]}, "/v1/sys/mounts/{mount}/tune", setup=a_mount,
    missing="/v1/sys/mounts/none/tune")
row("/v1/sys/mounts/{name}/tune", WRITE, {"sys/mounts/{mount}/tune": ["update"]}, "/v1/sys/mounts/{mount}/tune", body={"description": "x"}, ok=(204,),
    setup=a_mount, state=mounts_state, missing="/v1/sys/mounts/none/tune")
row("/v1/sys/remount", WRITE, {"sys/remount": ["update", "sudo"]}, body={"from": "{mount}", "to": "{mount}-moved"}, setup=a_mount, state=mounts_state)
row("/v1/sys/remount/status/{name}", "GET", {"sys/remount/status/{move}": ["read"]}, "/v1/sys/remount/status/{move}", setup=a_move,
    missing="/v1/sys/remount/status/11111111-2222-4333-8444-555555555555")
row("/v1/sys/auth", "GET", {"sys/auth": ["read"]})
row("/v1/sys/auth/{name}", "GET", {"sys/auth/token": ["read", "sudo"]}, "/v1/sys/auth/token", missing="/v1/sys/auth/none")
row("/v1/sys/auth/{name}", WRITE, {"sys/auth/ldap": ["update", "sudo"]}, "/v1/sys/auth/ldap", body={"type": "ldap"}, ok=(400,))
row("/v1/sys/auth/{name}", "DELETE", {"sys/auth/token": ["delete", "sudo"]}, "/v1/sys/auth/token", ok=(400,), missing="/v1/sys/auth/none")
row("/v1/sys/auth/{name}/tune", "GET", {"sys/auth/token/tune": ["read", "sudo"]}, "/v1/sys/auth/token/tune", missing="/v1/sys/auth/none/tune")
row("/v1/sys/auth/{name}/tune", WRITE, {"sys/auth/token/tune": ["update", "sudo"]}, "/v1/sys/auth/token/tune", body={}, ok=(200, 204, 400),
    missing="/v1/sys/auth/none/tune")
row("/v1/sys/internal/ui/mounts", "GET", "anonymous")
row("/v1/sys/internal/ui/mounts/{name}", "GET", "preflight", "/v1/sys/internal/ui/mounts/secret/data/{env}", setup=an_environment,
    missing="/v1/sys/internal/ui/mounts/none/x")
row("/v1/sys/internal/ui/resultant-acl", "GET", {"sys/internal/ui/resultant-acl": ["read"]})

row("/v1/sys/policies/acl", "GET", {"sys/policies/acl": ["read"]})
row("/v1/sys/policies/acl", "LIST", {"sys/policies/acl": ["list"]})
row("/v1/sys/policy", "GET", {"sys/policy": ["read"]})
row("/v1/sys/policy", "LIST", {"sys/policy": ["list"]})
for base in ("sys/policies/acl/", "sys/policy/"):
    row(f"/v1/{base}{{name}}", "GET", {base + "{policy}": ["read"]}, f"/v1/{base}{{policy}}", setup=a_policy, missing=f"/v1/{base}none")
    row(f"/v1/{base}{{name}}", WRITE, {base + "{new}": ["update"]}, f"/v1/{base}{{new}}", body={"policy": 'path "y" { capabilities = ["read"] }'}, ok=(204,), setup=a_new_name,
        state=policies_state)
    row(f"/v1/{base}{{name}}", "DELETE", {base + "{policy}": ["delete"]}, f"/v1/{base}{{policy}}", ok=(204,), setup=a_policy, state=policies_state,
        missing=f"/v1/{base}none")
row("/v1/sys/policy/explain", WRITE, {"sys/policy/explain": ["update"], "sys/policies/acl/default": ["read"]},
    body={"path": "secret/data/x", "capability": "read", "policies": ["default"]})
row("/v1/sys/capabilities-self", WRITE, {"sys/capabilities-self": ["update"]}, body={"paths": ["secret/data/x"]})
row("/v1/sys/capabilities", WRITE, {"sys/capabilities": ["update"]}, body={"paths": ["secret/data/x"], "token": "{token}"}, setup=a_token)
row("/v1/sys/capabilities-accessor", WRITE, {"sys/capabilities-accessor": ["update"]}, body={"paths": ["x"], "accessor": "{accessor}"}, setup=a_token)

# slots and keys: whoever begins needs sudo (CVE-2025-4656, CVE-2025-52894, CVE-2026-5807), whoever gives a share needs the nonce
row("/v1/sys/slots", "GET", {"sys/slots": ["read", "sudo"]})
row("/v1/sys/slots", WRITE, {"sys/slots": ["update", "sudo"]}, body={}, ok=(400,), state=slots_state)
row("/v1/sys/slots/{name}", WRITE, {"sys/slots/0": ["update", "sudo"]}, "/v1/sys/slots/0", body={}, ok=(400,),
    state=slots_state, missing="/v1/sys/slots/7")
row("/v1/sys/backup", "GET", {"sys/backup": ["read", "sudo"]})
row("/v1/sys/key-status", "GET", {"sys/key-status": ["read"]})
row("/v1/sys/rotate", WRITE, {"sys/rotate": ["update", "sudo"]}, body={}, ok=(204,), state=key_state)
row("/v1/sys/rotate/config", "GET", {"sys/rotate/config": ["read"]})
for job in ("verify", "compact"):
    row(f"/v1/sys/{job}", "GET", {f"sys/{job}": ["read", "sudo"]}, setup=no_job)
    row(f"/v1/sys/{job}", WRITE, {f"sys/{job}": ["update", "sudo"]}, ok=(202,), setup=no_job, state=job_ids)
    row(f"/v1/sys/{job}", "DELETE", {f"sys/{job}": ["delete", "sudo"]}, ok=(204,), setup=no_job)
row("/v1/sys/rekey/init", "GET", {"sys/rekey/init": ["read", "sudo"]})
row("/v1/sys/rekey/init", WRITE, {"sys/rekey/init": ["update", "sudo"]}, body={"secret_shares": 1, "secret_threshold": 1}, setup=no_rekey, state=rekey_state)
row("/v1/sys/rekey/init", "DELETE", {"sys/rekey/init": ["delete", "sudo"]}, ok=(204,), setup=a_rekey, state=rekey_state)
row("/v1/sys/rekey/update", WRITE, "open", body={"key": "00" * 32, "nonce": "none"}, ok=(400,))
row("/v1/sys/rekey/verify", "GET", {"sys/rekey/verify": ["read", "sudo"]})
row("/v1/sys/rekey/verify", WRITE, "open", body={"key": "00" * 32, "nonce": "none"}, ok=(400,))
row("/v1/sys/rekey/verify", "DELETE", {"sys/rekey/verify": ["delete", "sudo"]}, ok=(204,))
row("/v1/sys/rekey/backup", "GET", {"sys/rekey/backup": ["read", "sudo"]}, ok=(404,))
row("/v1/sys/rekey/backup", "DELETE", {"sys/rekey/backup": ["delete", "sudo"]}, ok=(204,))
row("/v1/sys/generate-root/attempt", "GET", {"sys/generate-root/attempt": ["read", "sudo"]})
row("/v1/sys/generate-root/attempt", WRITE, {"sys/generate-root/attempt": ["update", "sudo"]}, body={}, setup=no_attempt, state=attempt_state)
row("/v1/sys/generate-root/attempt", "DELETE", {"sys/generate-root/attempt": ["delete", "sudo"]}, ok=(204,), setup=an_attempt, state=attempt_state)
row("/v1/sys/generate-root/update", WRITE, "open", body={"key": "00" * 32, "nonce": "none"}, ok=(400,))

row("/v1/sys/quotas/config", "GET", {"sys/quotas/config": ["read"]})
QUOTA = "sys/quotas/rate-limit/"
row("/v1/sys/quotas/rate-limit", "LIST", {"sys/quotas/rate-limit": ["list"]}, setup=a_quota)
row("/v1/sys/quotas/rate-limit/{name}", "GET", {QUOTA + "{quota}": ["read"]}, "/v1/" + QUOTA + "{quota}", setup=a_quota, missing=f"/v1/{QUOTA}none")
row("/v1/sys/quotas/rate-limit/{name}", WRITE, {QUOTA + "{new}": ["update"]}, "/v1/" + QUOTA + "{new}", body={"rate": 100000, "path": "secret/data/none/{new}"},
    ok=(204,), setup=a_new_name, state=quota_state)
row("/v1/sys/quotas/rate-limit/{name}", "DELETE", {QUOTA + "{quota}": ["delete"]}, "/v1/" + QUOTA + "{quota}", ok=(204,), setup=a_quota, state=quota_state,
    missing=f"/v1/{QUOTA}none")

LEASES = "sys/leases/"
row("/v1/sys/leases/lookup", WRITE, {LEASES + "lookup": ["update"]}, body={"lease_id": "{lease}"}, setup=a_lease)
row("/v1/sys/leases/lookup/{dir}", "LIST", {LEASES + "lookup/auth/token/create/": ["list", "sudo"]}, "/v1/sys/leases/lookup/auth/token/create", setup=a_lease,
    missing="/v1/sys/leases/lookup/auth/none")
for base in (LEASES, "sys/"):
    row(f"/v1/{base}renew", WRITE, {base + "renew": ["update"]}, body={"lease_id": "{lease}"}, ok=(400,), setup=a_lease, state=token_state)
    row(f"/v1/{base}renew/{{name}}", WRITE, {base + "renew/{lease}": ["update"]}, f"/v1/{base}renew/{{lease}}", body={}, ok=(400,), setup=a_lease,
        state=token_state)
    row(f"/v1/{base}revoke", WRITE, {base + "revoke": ["update"]}, body={"lease_id": "{lease}"}, ok=(204,), setup=a_lease, state=token_state)
    row(f"/v1/{base}revoke/{{name}}", WRITE, {base + "revoke/{lease}": ["update"]}, f"/v1/{base}revoke/{{lease}}", body={}, ok=(204,), setup=a_lease,
        state=token_state)
    for verb in ("revoke-prefix", "revoke-force"):
        row(f"/v1/{base}{verb}/{{name}}", WRITE, {base + verb + "/{lease}": ["update", "sudo"]}, f"/v1/{base}{verb}/{{lease}}", body={}, ok=(204,),
            setup=a_lease, state=token_state)

AUTH = "auth/token/"
row("/v1/auth/token/lookup-self", "GET", {AUTH + "lookup-self": ["read"]})
row("/v1/auth/token/lookup-self", WRITE, {AUTH + "lookup-self": ["read"]})
row("/v1/auth/token/create/{name}", WRITE, {AUTH + "create/{role}": ["update"]}, "/v1/auth/token/create/{role}", body={}, setup=a_role,
    missing="/v1/auth/token/create/none")
row("/v1/auth/token/roles", "LIST", {AUTH + "roles": ["list"]}, setup=a_role)
row("/v1/auth/token/roles/{name}", "GET", {AUTH + "roles/{role}": ["read"]}, "/v1/auth/token/roles/{role}", setup=a_role,
    missing="/v1/auth/token/roles/none")
row("/v1/auth/token/roles/{name}", WRITE, {AUTH + "roles/{new}": ["create"]}, "/v1/auth/token/roles/{new}", body={"renewable": True}, ok=(204,),
    setup=a_new_name, state=role_state)
row("/v1/auth/token/roles/{name}", "DELETE", {AUTH + "roles/{role}": ["delete"]}, "/v1/auth/token/roles/{role}", ok=(204,), setup=a_role,
    state=role_state, missing="/v1/auth/token/roles/none")
row("/v1/auth/token/lookup", WRITE, {AUTH + "lookup": ["update"]}, body={"token": "{token}"}, setup=a_token)
row("/v1/auth/token/lookup-accessor", WRITE, {AUTH + "lookup-accessor": ["update"]}, body={"accessor": "{accessor}"}, setup=a_token)
row("/v1/auth/token/accessors", "LIST", {AUTH + "accessors": ["list", "sudo"]})
row("/v1/auth/token/create", WRITE, {AUTH + "create": ["update"]}, body={})
row("/v1/auth/token/create-orphan", WRITE, {AUTH + "create-orphan": ["update"]}, body={})
row("/v1/auth/token/renew", WRITE, {AUTH + "renew": ["update"]}, body={"token": "{token}"}, setup=a_token, state=token_state)
row("/v1/auth/token/renew-accessor", WRITE, {AUTH + "renew-accessor": ["update"]}, body={"accessor": "{accessor}"}, setup=a_token, state=token_state)
row("/v1/auth/token/renew-self", WRITE, {AUTH + "renew-self": ["update"]}, body={}, root_ok=(400,))
row("/v1/auth/token/revoke", WRITE, {AUTH + "revoke": ["update"]}, body={"token": "{token}"}, ok=(204,), setup=a_token, state=token_state)
row("/v1/auth/token/revoke-accessor", WRITE, {AUTH + "revoke-accessor": ["update"]}, body={"accessor": "{accessor}"}, ok=(204,), setup=a_token,
    state=token_state)
row("/v1/auth/token/revoke-orphan", WRITE, {AUTH + "revoke-orphan": ["update", "sudo"]}, body={"token": "{token}"}, ok=(204,), setup=a_token,
    state=token_state)
row("/v1/auth/token/revoke-self", WRITE, {AUTH + "revoke-self": ["update"]}, body={}, ok=(204,), root_ok=())
row("/v1/auth/token/tidy", WRITE, {AUTH + "tidy": ["update"]}, body={}, ok=(202, 204))

row("/v1/sys/wrapping/wrap", WRITE, {"sys/wrapping/wrap": ["update"]}, body={"a": "b"}, headers={"X-Vault-Wrap-TTL": "60"})
row("/v1/sys/wrapping/lookup", "GET", "open", ok=(400, 403))  # the wrapping token asks itself, and these are none
for verb in ("lookup", "unwrap", "rewrap"):
    row("/v1/sys/wrapping/" + verb, WRITE, "open", body={"token": "{wrap}"}, setup=a_wrapping)
for path in ("random", "random/{name}", "hash", "hash/{name}"):
    own = path.replace("{name}", "sha2-256" if "hash" in path else "16")
    row("/v1/sys/tools/" + path, WRITE, {"sys/tools/" + own: ["update"]}, "/v1/sys/tools/" + own, body={"input": "YQ=="})
row("/v1/cubbyhole/{dir}", "LIST", {"cubbyhole": ["list"]}, "/v1/cubbyhole", ok=(404,))
row("/v1/cubbyhole/{env}", "GET", {"cubbyhole/x": ["read"]}, "/v1/cubbyhole/x", ok=(404,))
row("/v1/cubbyhole/{env}", WRITE, {"cubbyhole/{new}": ["create"]}, "/v1/cubbyhole/{new}", body={"A": "1"}, ok=(204,), setup=a_new_name)
row("/v1/cubbyhole/{env}", "DELETE", {"cubbyhole/x": ["delete"]}, "/v1/cubbyhole/x", ok=(204,))


def kv(pattern, methods, right, arguments="", **more):
    resource = pattern.split("/")[3]
    row(pattern, methods, right, f"/v1/secret/{resource}/{{env}}{arguments}", setup=an_environment, missing=f"/v1/secret/{resource}/m/none",
        state=environment_state, **more)


row("/v1/{mount}/config", "GET", {"secret/config": ["read"]}, "/v1/secret/config")
row("/v1/{mount}/config", WRITE, {"secret/config": ["update"]}, "/v1/secret/config", body={"max_versions": 0}, ok=(204,))
kv("/v1/{mount}/data/{env}", "GET", {"secret/data/{env}": ["read"]})
kv("/v1/{mount}/data/{env}", WRITE, {"secret/data/{env}": ["update"]}, body={"data": {"A": "3"}})
kv("/v1/{mount}/data/{env}", "PATCH", {"secret/data/{env}": ["patch"]}, body={"data": {"A": "3"}}, headers=MERGE)
kv("/v1/{mount}/data/{env}", "DELETE", {"secret/data/{env}": ["delete"]}, ok=(204,))
for verb in ("delete", "undelete", "destroy"):
    kv("/v1/{mount}/%s/{env}" % verb, WRITE, {"secret/%s/{env}" % verb: ["update"]}, body={"versions": [1]}, ok=(204,))
kv("/v1/{mount}/subkeys/{env}", "GET", {"secret/subkeys/{env}": ["read"]})
row("/v1/{mount}/metadata/{dir}", "LIST", {"secret/metadata/m/": ["list"]}, "/v1/secret/metadata/m", missing="/v1/secret/metadata/nowhere")
kv("/v1/{mount}/metadata/{env}", "GET", {"secret/metadata/{env}": ["read"]})
kv("/v1/{mount}/metadata/{env}", WRITE, {"secret/metadata/{env}": ["update"]}, body={"max_versions": 7}, ok=(204,))
kv("/v1/{mount}/metadata/{env}", "PATCH", {"secret/metadata/{env}": ["patch"]}, body={"max_versions": 7}, headers=MERGE, ok=(204,))
kv("/v1/{mount}/metadata/{env}", "DELETE", {"secret/metadata/{env}": ["delete"]}, ok=(204,))
for verb in ("resolve", "render", "history", "diff"):
    kv("/v1/{mount}/%s/{env}" % verb, "GET", {"secret/data/{env}": ["read"]}, arguments="?from=2&to=2" if verb == "diff" else "")
kv("/v1/{mount}/rollback/{env}", WRITE, {"secret/data/{env}": ["update"]}, body={"revision": 2})
kv("/v1/{mount}/settings/{env}", "GET", {"secret/data/{env}": ["read"]})
kv("/v1/{mount}/settings/{env}", "PATCH", {"secret/data/{env}": ["patch"]}, body={"allow_names": ["LD_PRELOAD"]}, headers=MERGE, ok=(204,))
kv("/v1/{mount}/schema/{env}", "GET", {"secret/schema/{env}": ["read"]})
kv("/v1/{mount}/schema/{env}", WRITE, {"secret/schema/{env}": ["create", "update"], "secret/data/{env}": ["read"]}, body={"text": "A=\n", "mode": "warn"})
kv("/v1/{mount}/schema/{env}", "DELETE", {"secret/schema/{env}": ["delete"]}, ok=(204,))
kv("/v1/{mount}/check/{env}", WRITE, {"secret/data/{env}": ["read"]}, body={})
row("/v1/{kv1}/{dir}", "LIST", {"plain/m/": ["list"]}, "/v1/plain/m", missing="/v1/plain/nowhere")
row("/v1/{kv1}/{env}", "GET", {"plain/{env}": ["read"]}, "/v1/plain/{env}", setup=a_plain_one, missing="/v1/plain/m/none")
row("/v1/{kv1}/{env}", WRITE, {"plain/{env}": ["update"]}, "/v1/plain/{env}", body={"A": "2"}, ok=(204,), setup=a_plain_one, state=plain_state,
    missing="/v1/plain/m/none")
row("/v1/{kv1}/{env}", "DELETE", {"plain/{env}": ["delete"]}, "/v1/plain/{env}", ok=(204,), setup=a_plain_one, state=plain_state,
    missing="/v1/plain/m/none")
row("/v1/{resolved}/data/{env}", "GET", {"secret/data/{env}": ["read"]}, "/v1/resolved/data/{env}", setup=an_environment,
    missing="/v1/resolved/data/m/none")
row("/v1/{resolved}/metadata/{dir}", "LIST", {"secret/metadata/m/": ["list"]}, "/v1/resolved/metadata/m", missing="/v1/resolved/metadata/nowhere")
row("/v1/{resolved}/metadata/{env}", "GET", {"secret/metadata/{env}": ["read"]}, "/v1/resolved/metadata/{env}", setup=an_environment,
    missing="/v1/resolved/metadata/m/none")

# -- callers ---------------------------------------------------------------------------------------------


def policy_text(rules):
    return json.dumps({"path": {path: {"capabilities": capabilities} for path, capabilities in rules.items()}})


def token_with(*sets_of_rules, **options):
    """A token that has one policy for each set of rules, and none besides."""
    names = []
    for rules in sets_of_rules:
        names.append(f"matrix-{number()}")
        root("PUT", f"sys/policies/acl/{names[-1]}", {"policy": policy_text(rules)})
    body = {"policies": names or ["matrix-none"], "no_default_policy": True, "ttl": "1h", **options}
    return root("POST", "auth/token/create", body).json["auth"]["client_token"]


def sibling(path):
    return path[:-1] + "-sibling/" if path.endswith("/") else path + "-sibling"


def fill(value, names):
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, dict):
        return {fill(name, names): fill(item, names) for name, item in value.items()}
    return [fill(item, names) for item in value] if isinstance(value, list) else value


def less_one(rules):
    return token_with({path: capabilities[:-1] or ["list" if capabilities != ["list"] else "read"] for path, capabilities in rules.items()})


PREFLIGHT = [
    ("a token without policies", {}, False),
    ("a right in another mount", {"plain/*": ALL, "cubbyhole/*": ALL, "sys/*": ALL, "secretive/*": ALL}, False),
    ("a right and a deny rule on all", {"secret/*": ["deny"], "plain/*": ["read"]}, False),
    ("a right on another environment", {"secret/data/other/deep": ["read"]}, True),
    ("a right by a glob", {"secret/metadata/*": ["list"]}, True),
    ("a right on all", {"*": ["read"]}, True),
]


# Who asks, the token made for the rules of the row, and whether it is let through (None: it depends on the rules).
STRANGERS = [
    ("no token", lambda rules: None),
    ("a token that is none", lambda rules: "hvs.CAESInone"),
    ("a token of our form that is none", lambda rules: DAEMON.root_token[:-4] + "AAAA"),
    ("an expired token", lambda rules: EXPIRED),
    ("a revoked token", lambda rules: REVOKED),
]
KNOWN = [
    ("a token without policies", lambda rules: token_with(), False),
    ("the right on a sibling path", lambda rules: token_with({sibling(path): ALL for path in rules}), False),
    ("the right on what is below", lambda rules: token_with({path.rstrip("/") + "/below": ALL for path in rules}), False),
    ("reading only", lambda rules: token_with({path: ["read"] for path in rules}), None),
    ("every capability but these", lambda rules: token_with({path: sorted(set(ALL) - set(c)) for path, c in rules.items()}), False),
    ("exactly the right", token_with, True),
    ("the right less one capability", less_one, False),
    ("the right and a deny rule", lambda rules: token_with(rules, {path: ["deny"] for path in rules}), False),
    ("the right by a glob", lambda rules: token_with({path[:-1] + "*": c for path, c in rules.items()}), True),
    ("all by a glob, less a deny rule", lambda rules: token_with({"*": ALL}, {path: ["deny"] for path in rules}), False),
]


def call(method, path, token, body, headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: vault", "Connection: close"]
    data = b"" if body is None else json.dumps(body).encode()
    lines += [f"X-Vault-Token: {token}"] if token else []
    lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
    if method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(data)}")
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as stream:
        stream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        return vault.read_answer(stream)


def report(label, found):
    global FAILURES
    print(f"{'not ok' if found else 'ok'} - {label}")
    for line in found:
        print("#   " + line)
    FAILURES += bool(found)


def without_id(answer, path):
    """The body of an answer, less what is its own: the id and the path that was asked for."""
    own = path.removeprefix("/v1/").removeprefix("sys/internal/ui/mounts/").split("?")[0]
    return re.sub(r'"request_id":"[^"]*"', "", answer.body.decode()).replace(own, "")


def ask(one, method, make_token, names):
    token = make_token(fill(one.right, names) if isinstance(one.right, dict) else {})
    before = one.state(names) if one.state else None
    answer = call(method, fill(one.path, names), token, fill(one.body, names), one.headers)
    return token, answer, one.state is not None and one.state(names) != before


def let_through(one, method, who, make_token):
    names = (one.setup or nothing)()
    unseal()
    token, answer, _ = ask(one, method, make_token, names)
    ok = one.root_ok if who == "root" else one.ok
    found = [] if answer.status in ok else [f"{who}: {answer.status}, not {ok}: {answer.body[:200]!r}"]
    if method == "GET" and not found:
        head = call("HEAD", fill(one.path, names), token, None, None)
        found += [] if head.status in ok else [f"{who}: HEAD is {head.status}"]
    return found


def refused(one, method, who, make_token, texts=None, everywhere=False):
    """everywhere: the caller has no right on what is missing either."""
    names = (one.setup or nothing)()
    token, answer, changed = ask(one, method, make_token, names)
    if texts is not None:
        texts.add(answer.body)
    found = [] if answer.status == 403 else [f"{who}: {answer.status}, not 403: {answer.body[:200]!r}"]
    if changed:
        found.append(f"{who}: refused, and something has changed")
    if one.missing and everywhere:
        other = call(method, one.missing, token, fill(one.body, names), one.headers)
        if (other.status, without_id(other, one.missing)) != (answer.status, without_id(answer, fill(one.path, names))):
            found.append(f"{who}: what is not there is told apart: {other} from {answer}")
    if method == "GET" and call("HEAD", fill(one.path, names), token, None, None).status != answer.status:
        found.append(f"{who}: HEAD differs")
    return found


def try_row(pattern, method):
    one, found, texts = ROWS[pattern, method], [], set()
    for who, make_token in STRANGERS:
        welcome = one.right == "open" or one.right == "anonymous" and who == "no token"
        found += let_through(one, method, who, make_token) if welcome else refused(one, method, who, make_token, texts if who != "no token" else None, True)
    if len(texts) > 1:
        found.append(f"bad tokens are told apart: {sorted(texts)}")
    if one.right in ("any", "anonymous"):
        found += let_through(one, method, "a token without policies", lambda rules: token_with())
    for who, rules, may in PREFLIGHT if one.right == "preflight" else []:
        judge = let_through if may else refused
        found += judge(one, method, who, lambda _, rules=rules: token_with(rules) if rules else token_with())
    for who, make_token, may in KNOWN if isinstance(one.right, dict) else []:
        if may is None:
            may = all(set(capabilities) <= {"read"} for capabilities in one.right.values())
        found += let_through(one, method, who, make_token) if may else refused(one, method, who, make_token, everywhere="glob" not in who)
    found += let_through(one, method, "root", lambda rules: DAEMON.root_token) if one.root_ok else []
    unseal()
    no_rekey()
    no_attempt()
    for name in root("LIST", "sys/quotas/rate-limit", status=(200, 404)).json.get("data", {}).get("keys", []):
        root("DELETE", "sys/quotas/rate-limit/" + name)
    for mount in [path for path in root("GET", "sys/mounts").data if re.match(r"(mount|new)\d", path)]:
        root("DELETE", "sys/mounts/" + mount.rstrip("/"))
    report(f"{method} {pattern}", found)


# -- the run -------------------------------------------------------------------------------------------------

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
with vault.personal(config=f"""
unseal_remote = true
listen_unix {{ path = "DIR/home/run/vaultd/vaultd.sock" }}
listen_tcp {{ address = "127.0.0.1" port = {PORT} plain = true }}
limits {{ connections_per_peer = 900 }}
""") as DAEMON:
    EXPIRED = root("POST", "auth/token/create", {"policies": ["root"], "ttl": "1s"}).json["auth"]["client_token"]
    REVOKED = token_with({"*": ALL})
    root("POST", "auth/token/revoke", {"token": REVOKED})
    root("POST", "sys/mounts/plain", {"type": "kv-v1"})
    DAEMON.write("m/wrapped", {"A": "1"})
    root("PUT", "plain/m/first", {"A": "1"})
    time.sleep(1.2)
    for route in ROUTES:
        if (route["pattern"], route["method"]) in ROWS:
            try_row(route["pattern"], route["method"])
        else:
            report(f"{route['method']} {route['pattern']}", ["the route has no row in this story's table"])
    present = {(route["pattern"], route["method"]) for route in ROUTES}
    report("no row without a route", [f"{method} {pattern}" for pattern, method in ROWS if (pattern, method) not in present])
    text = DAEMON.log()
    report("the log holds no token", [name for name, token in (("root", DAEMON.root_token), ("expired", EXPIRED), ("revoked", REVOKED)) if token in text])
sys.exit(1 if FAILURES else 0)
