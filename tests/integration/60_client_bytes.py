#!/usr/bin/env python3
# tier: quick
"""What clients that cannot be run here send and depend on, as bytes: the vault and bao programs, Agent, terraform's provider, the External
Secrets Operator, consul-template, envconsul, vault-action, and the ways of hvac and node-vault that need no library.

A row is one request, sent exactly as written, and the exact answer: status, headers, every member of the body with its type. The rows of a
table are one conversation. In an expected body "<time>", "<uuid>", "<int>", "<text>" and "<any>" stand for what differs between runs; an
integer is an integer (3600.0 and true are not 3600), and no member may be there that the row does not name.
"""
import json
import re
import socket

import vault

GO = "User-Agent: Go-http-client/1.1|X-Vault-Request: true|X-Vault-Token: {token}|Accept-Encoding: gzip"
REQUESTS = ("User-Agent: python-requests/2.28.1|Accept-Encoding: gzip, deflate|Accept: */*|Connection: keep-alive|X-Vault-Request: true|"
            "X-Vault-Token: {token}")
AXIOS = "Accept: application/json, text/plain, */*|X-Vault-Token: {token}|User-Agent: axios/1.13.6|Accept-Encoding: gzip, compress, deflate, br"
GOT = "user-agent: got (https://github.com/sindresorhus/got)|x-vault-token: {token}|accept: application/json|accept-encoding: gzip, deflate, br"
BARE = ""
MERGE = "|Content-Type: application/merge-patch+json"
JSON = "|Content-Type: application/json"

WILD = {
    "<time>": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", v),
    "<uuid>": lambda v: isinstance(v, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", v),
    "<int>": lambda v: type(v) is int,
    "<text>": lambda v: isinstance(v, str) and v != "",
    "<any>": lambda v: True,
}


def differences(expected, got, place="body"):
    if isinstance(expected, str) and expected in WILD:
        return [] if WILD[expected](got) else [f"{place}: {got!r} is no {expected}"]
    if type(expected) is not type(got):
        return [f"{place}: {got!r} is not {expected!r}"]
    if isinstance(expected, dict):
        found = [f"{place}.{name} is missing" for name in expected.keys() - got.keys()]
        found += [f"{place}.{name} is too much" for name in got.keys() - expected.keys()]
        return found + [line for name in expected.keys() & got.keys() for line in differences(expected[name], got[name], f"{place}.{name}")]
    if isinstance(expected, list):
        if len(expected) != len(got):
            return [f"{place}: {got!r} is not {expected!r}"]
        return [line for i, item in enumerate(expected) for line in differences(item, got[i], f"{place}[{i}]")]
    return [] if expected == got else [f"{place}: {got!r} is not {expected!r}"]


def env(data, **other):
    return {"request_id": "<uuid>", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data, "wrap_info": None, "warnings": None,
            "auth": None, **other}


def errors(*texts):
    return {"errors": list(texts)}


def version(number, **other):
    return {"created_time": "<time>", "custom_metadata": None, "deletion_time": "", "destroyed": False, "version": number, **other}


def written(number, **other):
    return env(version(number, **other))


def read(data, number, **other):
    return env({"data": data, "metadata": version(number, **other)})


class Conversation:
    def __init__(self, daemon, token):
        self.daemon, self.token, self.failures, self.saved = daemon, token, 0, {}

    def send(self, line, headers, body):
        parts = [line + " HTTP/1.1", "Host: 127.0.0.1:8200"] + [h.format(token=self.token, **self.saved) for h in headers.split("|") if h]
        data = body.encode()
        if data or line.split(" ")[0] in ("POST", "PUT", "PATCH"):
            parts.append(f"Content-Length: {len(data)}")
        with self.daemon.connect(10) as stream:
            stream.sendall("\r\n".join(parts).encode() + b"\r\n\r\n" + data)
            if line.startswith("HEAD "):
                stream.shutdown(socket.SHUT_WR)  # the length is that of GET's answer, and nothing follows
            return vault.read_answer(stream)

    def keep(self, name, answer):
        """What later rows need of this answer."""
        found = json.loads(answer.body)
        self.saved[name] = (found["keys"][0] if "keys" in found else found["nonce"] if "nonce" in found else
                            found["wrap_info"]["token"] if found["wrap_info"] else found["auth"]["client_token"])
        if found.get("auth"):
            self.saved["accessor"] = found["auth"]["accessor"]

    def check(self, who, what, line, headers, body, status, expected, keep=None):
        for name, value in self.saved.items():
            line, body = line.replace("{" + name + "}", value), body.replace("{" + name + "}", value)
        answer = self.send(line, headers, body)
        found = [] if answer.status == status else [f"status {answer.status} is not {status}"]
        head = answer.headers
        if head.get("cache-control") != "no-store":
            found.append(f"Cache-Control: {head.get('cache-control')}")
        if expected is None:
            found += [] if answer.body == b"" else [f"body: {answer.body[:200]!r}"]
        elif isinstance(expected, bytes):
            found += [] if answer.body == expected else [f"body: {answer.body[:300]!r} is not {expected!r}"]
        else:
            if head.get("content-type") != "application/json":  # hvac compares for equality
                found.append(f"Content-Type: {head.get('content-type')}")
            try:
                found += differences(expected, json.loads(answer.body))
            except ValueError:
                found.append(f"no JSON: {answer.body[:200]!r}")
        if head.get("location"):
            found.append("a redirection")
        print(f"{'not ok' if found else 'ok'} - {who}: {what}")
        for text in found:
            print(f"#   {line}: {text}")
        self.failures += bool(found)
        if keep and answer.status == 200:
            self.keep(keep, answer)
        return answer


MOUNT = {"accessor": "<text>", "config": {"default_lease_ttl": "<int>", "force_no_cache": False, "max_lease_ttl": "<int>"}, "deprecation_status": "supported",
         "description": "<any>", "external_entropy_access": False, "local": False, "options": {"version": "2"}, "path": "secret/", "plugin_version": "",
         "running_plugin_version": "", "running_sha256": "", "seal_wrap": False, "type": "kv", "uuid": "<uuid>"}
HEALTH = {"initialized": True, "sealed": False, "standby": False, "performance_standby": False, "replication_performance_mode": "disabled",
          "replication_dr_mode": "disabled", "server_time_utc": "<int>", "version": "<text>", "vaultd_version": "<text>", "cluster_name": "<text>",
          "cluster_id": "<uuid>"}
SEAL = {"type": "shamir", "initialized": True, "sealed": False, "t": 1, "n": 1, "progress": 0, "nonce": "", "version": "<text>",
        "vaultd_version": "<text>", "build_date": "", "migration": False, "recovery_seal": False, "storage_type": "lmdb", "cluster_name": "<text>",
        "cluster_id": "<uuid>"}
METADATA = {"cas_required": False, "created_time": "<time>", "current_version": 2, "custom_metadata": None, "delete_version_after": "0s",
            "max_versions": 0, "oldest_version": 1, "updated_time": "<time>",
            "versions": {"1": {"created_time": "<time>", "deletion_time": "", "destroyed": False},
                         "2": {"created_time": "<time>", "deletion_time": "", "destroyed": False}}}
CODES = "uninitcode=299&sealedcode=299&standbycode=299&drsecondarycode=299&performancestandbycode=299&removedcode=299&haunhealthycode=299"
HINT = 'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use \'vault kv get\' for this operation.'

# who, what, request line, headers, body, status, answer, perhaps a name to keep what it made
KV = [
    # kv put, get, patch, list, metadata, delete, undelete, destroy, rollback of the vault program
    ("vault", "kv put asks for the mount", "GET /v1/sys/internal/ui/mounts/secret/foo", GO, "", 200, env(MOUNT)),
    ("vault", "kv put", "PUT /v1/secret/data/foo", GO, '{"data":{"a":"b"},"options":{}}', 200, written(1)),
    ("vault", "kv put -cas", "PUT /v1/secret/data/foo", GO, '{"data":{"a":"c","n":7},"options":{"cas":1}}', 200, written(2)),
    ("vault", "kv put -cas that is not current", "PUT /v1/secret/data/foo", GO, '{"data":{"a":"c"},"options":{"cas":1}}', 400,
     errors("check-and-set parameter did not match the current version")),
    ("vault", "kv get", "GET /v1/secret/data/foo", GO, "", 200, read({"a": "c", "n": 7}, 2)),
    ("vault", "kv get -version", "GET /v1/secret/data/foo?version=1", GO, "", 200, read({"a": "b"}, 1)),
    ("vault", "kv get of nothing", "GET /v1/secret/data/none", GO, "", 404, b'{"errors":[]}'),
    ("vault", "kv list", "GET /v1/secret/metadata?list=true", GO, "", 200, env({"keys": ["foo"]})),
    ("vault", "kv list with a slash", "GET /v1/secret/metadata/?list=true", GO, "", 200, env({"keys": ["foo"]})),
    ("vault", "kv list of nothing", "GET /v1/secret/metadata/none?list=true", GO, "", 404, b'{"errors":[]}'),
    ("vault", "kv metadata get", "GET /v1/secret/metadata/foo", GO, "", 200, env(METADATA)),
    ("vault", "kv patch", "PATCH /v1/secret/data/foo", GO + MERGE, '{"data":{"n":null,"x":"y"},"options":{"cas":2}}', 200, written(3)),
    ("vault", "kv patch of nothing", "PATCH /v1/secret/data/none", GO + MERGE, '{"data":{"x":"y"}}', 404, b'{"errors":[]}'),
    ("vault", "kv patch without the type", "PATCH /v1/secret/data/foo", GO + JSON, '{"data":{"x":"z"}}', 415, {"errors": ["<text>"]}),
    ("vault", "kv metadata put", "PUT /v1/secret/metadata/foo", GO,
     '{"cas_required":false,"custom_metadata":{"owner":"me"},"delete_version_after":"30m","max_versions":5}', 204, None),
    ("vault", "kv metadata patch", "PATCH /v1/secret/metadata/foo", GO + MERGE, '{"custom_metadata":{"team":"shop"}}', 204, None),
    ("vault", "durations are written as Go does", "GET /v1/secret/metadata/foo", GO, "", 200,
     env({**METADATA, "current_version": 3, "custom_metadata": {"owner": "me", "team": "shop"}, "delete_version_after": "30m0s", "max_versions": 5,
          "versions": {n: METADATA["versions"]["1"] for n in "123"}})),
    ("vault", "kv metadata put takes it back", "PUT /v1/secret/metadata/foo", GO, '{"custom_metadata":{},"delete_version_after":"0s","max_versions":0}',
     204, None),
    ("vault", "kv delete", "DELETE /v1/secret/data/foo", GO, "", 204, None),
    ("vault", "kv get of what is deleted", "GET /v1/secret/data/foo", GO, "", 404,
     env({"data": None, "metadata": version(3, deletion_time="<time>", custom_metadata="<any>")})),
    ("vault", "kv delete -versions", "PUT /v1/secret/delete/foo", GO, '{"versions":["1","2"]}', 204, None),
    ("vault", "kv undelete", "PUT /v1/secret/undelete/foo", GO, '{"versions":["1","2","3"]}', 204, None),
    ("vault", "kv destroy", "PUT /v1/secret/destroy/foo", GO, '{"versions":["1"]}', 204, None),
    ("vault", "kv get of what is destroyed", "GET /v1/secret/data/foo?version=1", GO, "", 404,
     env({"data": None, "metadata": version(1, destroyed=True, custom_metadata="<any>")})),
    ("vault", "no version is named", "PUT /v1/secret/delete/foo", GO, '{"versions":[]}', 400, errors("No version number provided")),
    ("vault", "kv rollback reads the version and writes it with cas", "PUT /v1/secret/data/foo", GO, '{"data":{"a":"c","n":7},"options":{"cas":3}}',
     200, written(4, custom_metadata="<any>")),
    ("vault", "kv metadata delete", "DELETE /v1/secret/metadata/foo", GO, "", 204, None),
    ("vault", "kv metadata delete again", "DELETE /v1/secret/metadata/foo", GO, "", 204, None),
    ("vault", "a path without data/ is explained", "GET /v1/secret/foo", GO, "", 404, env(None, warnings=[HINT])),
    ("vault", "a write to a directory", "PUT /v1/secret/data/foo/", GO, '{"data":{}}', 400, errors("cannot write to a path ending in '/'")),

    # terraform's vault_kv_secret_v2 and vault_kv_secret_backend_v2
    ("terraform", "kv_secret_v2 is created", "PUT /v1/secret/data/tf/a", GO, '{"cas":0,"data":{"zip":"zap"},"options":{}}', 200, written(1)),
    ("terraform", "kv_secret_v2 is read", "GET /v1/secret/data/tf/a", GO, "", 200, read({"zip": "zap"}, 1)),
    ("terraform", "its custom metadata", "PUT /v1/secret/metadata/tf/a", GO,
     '{"cas_required":false,"custom_metadata":{"bar":"12345","foo":"vault@example.com"},"delete_version_after":0,"max_versions":5}', 204, None),
    ("terraform", "its metadata", "GET /v1/secret/metadata/tf/a", GO, "", 200,
     env({**METADATA, "current_version": 1, "max_versions": 5, "custom_metadata": {"bar": "12345", "foo": "vault@example.com"},
          "versions": {"1": METADATA["versions"]["1"]}})),
    ("terraform", "secret_backend_v2", "POST /v1/secret/config", GO, '{"cas_required":true,"delete_version_after":"3600s","max_versions":5}', 204, None),
    ("terraform", "secret_backend_v2 is read", "GET /v1/secret/config", GO, "", 200,
     env({"cas_required": True, "delete_version_after": "1h0m0s", "max_versions": 5})),
    ("terraform", "secret_backend_v2 is taken back", "POST /v1/secret/config", GO, '{"cas_required":false,"delete_version_after":"0s","max_versions":0}',
     204, None),
    ("terraform", "kv_secret_v2 is destroyed", "DELETE /v1/secret/metadata/tf/a", GO, "", 204, None),

    # External Secrets Operator: PushSecret writes metadata first, then data with cas 0
    ("ESO", "the metadata of a push", "PUT /v1/secret/metadata/eso/a", GO, '{"custom_metadata":{"managed-by":"external-secrets"}}', 204, None),
    ("ESO", "no data yet", "GET /v1/secret/data/eso/a", GO, "", 404, b'{"errors":[]}'),
    ("ESO", "the data of a push, cas 0", "PUT /v1/secret/data/eso/a", GO, '{"data":{"k":"v"},"options":{"cas":0}}', 200,
     written(1, custom_metadata={"managed-by": "external-secrets"})),
    ("ESO", "the current version is an integer", "GET /v1/secret/metadata/eso/a", GO, "", 200,
     env({**METADATA, "current_version": 1, "custom_metadata": {"managed-by": "external-secrets"}, "versions": {"1": METADATA["versions"]["1"]}})),
    ("ESO", "find by name lists", "GET /v1/secret/metadata/eso/?list=true", GO, "", 200, env({"keys": ["a"]})),
    ("ESO", "the namespace root", "GET /v1/secret/data/eso/a", GO + "|X-Vault-Namespace: root", "", 200,
     read({"k": "v"}, 1, custom_metadata={"managed-by": "external-secrets"})),
    ("ESO", "another namespace", "GET /v1/secret/data/eso/a", GO + "|X-Vault-Namespace: team-a", "", 404, {"errors": ["<text>"]}),
    ("ESO", "deletion", "DELETE /v1/secret/data/eso/a", GO, "", 204, None),
    ("ESO", "deletion of the metadata", "DELETE /v1/secret/metadata/eso/a", GO, "", 204, None),

    # consul-template and envconsul
    ("consul-template", "the mount of a path that is not there", "GET /v1/sys/internal/ui/mounts/secret/data/none", GO, "", 200, env(MOUNT)),
    ("consul-template", "a mount with a slash", "GET /v1/sys/internal/ui/mounts/secret/", GO, "", 200, env(MOUNT)),
    ("consul-template", "no such mount", "GET /v1/sys/internal/ui/mounts/none/x", GO, "", 403,
     errors('preflight capability check returned 403, please ensure client\'s policies grant access to path "none/x/"')),
    ("consul-template", "a write", "PUT /v1/secret/data/ct", GO, '{"data":{"A":"1"}}', 200, written(1)),
    ("envconsul", "data.metadata.version makes it version 2", "GET /v1/secret/data/ct", GO, "", 200, read({"A": "1"}, 1)),
    ("envconsul", "consistency headers are passed over", "GET /v1/secret/data/ct",
     GO + "|X-Vault-Index: abc|X-Vault-Inconsistent: forward-active-node|X-Vault-Forward: active-node|X-Vault-No-Request-Forwarding: 1|"
     "X-Vault-MFA: a:b|X-Vault-Policy-Override: true|X-Vault-Wrap-Format: jwt", "", 200, read({"A": "1"}, 1)),

    # vault-action and other users of got
    ("vault-action", "a secret", "GET /v1/secret/data/ct", GOT, "", 200, read({"A": "1"}, 1)),
    ("vault-action", "nothing there", "GET /v1/secret/data/ci", GOT, "", 404, b'{"errors":[]}'),
    ("vault-action", "Authorization: Bearer", "GET /v1/secret/data/ct", "Authorization: Bearer {token}", "", 200, read({"A": "1"}, 1)),
    ("vault-action", "a bad token", "GET /v1/secret/data/ct", "X-Vault-Token: hvs.CAESINONE", "", 403, errors("permission denied")),

    # hvac, also newer than Debian's
    ("hvac", "POST", "POST /v1/secret/data/py", REQUESTS + JSON, '{"options": {}, "data": {"a": "b"}}', 200, written(1)),
    ("hvac", "LIST", "LIST /v1/secret/metadata/", REQUESTS, "", 200, env({"keys": ["ct", "py"]})),
    ("hvac", "GET with ?list=True", "GET /v1/secret/metadata/?list=True", REQUESTS, "", 200, env({"keys": ["ct", "py"]})),
    ("hvac", "a body of nulls", "POST /v1/secret/metadata/py", REQUESTS + JSON,
     '{"max_versions": null, "cas_required": null, "delete_version_after": null, "custom_metadata": null}', 204, None),
    ("hvac", "numbers as text", "POST /v1/secret/config", REQUESTS + JSON, '{"max_versions": "0", "cas_required": "false"}', 204, None),
    ("hvac", "delete_version_after of 768 h", "POST /v1/secret/metadata/py", REQUESTS + JSON, '{"delete_version_after": "768h"}', 204, None),
    ("hvac", "reads it", "GET /v1/secret/metadata/py", REQUESTS, "", 200,
     env({**METADATA, "current_version": 1, "delete_version_after": "768h0m0s", "versions": {"1": METADATA["versions"]["1"]}})),
    ("hvac", "versions as text", "POST /v1/secret/delete/py", REQUESTS + JSON, '{"versions": "1"}', 204, None),

    # node-vault
    ("node-vault", "LIST without a slash", "LIST /v1/secret/metadata", AXIOS, "", 200, env({"keys": ["ct", "py"]})),
    ("node-vault", "GET with ?list=1", "GET /v1/secret/metadata?list=1", AXIOS, "", 200, env({"keys": ["ct", "py"]})),
    ("node-vault", "a merge patch", "PATCH /v1/secret/data/ct", AXIOS + MERGE, '{"data":{"A":"2"}}', 200, written(2)),
    ("node-vault", "a body as a form", "POST /v1/secret/data/ct", AXIOS + "|Content-Type: application/x-www-form-urlencoded", "data=x", 400,
     {"errors": ["<text>"]}),
]

PLAIN_MOUNT = {name: value for name, value in MOUNT.items() if name != "path"}
TUNED = {"default_lease_ttl": 3600, "description": "tuned", "force_no_cache": False, "max_lease_ttl": 86400, "options": {"version": "2"}}
WRAPPED = {"token": "<text>", "accessor": "<text>", "ttl": 60, "creation_time": "<time>", "creation_path": "secret/data/ct"}
MOUNTS = [
    ("vault", "secrets enable -path=app -version=2 kv", "POST /v1/sys/mounts/app", GO,
     '{"type":"kv","description":"","config":{"options":null,"default_lease_ttl":"0s","max_lease_ttl":"0s","force_no_cache":false},"local":false,'
     '"seal_wrap":false,"external_entropy_access":false,"options":{"version":"2"}}', 204, None),
    ("vault-action", "the mount is there already", "POST /v1/sys/mounts/app", GOT, '{"type":"kv"}', 400, errors("path is already in use at app/")),
    ("terraform", "vault_mount is read", "GET /v1/sys/mounts/app", GO, "", 200, {**env(PLAIN_MOUNT), **PLAIN_MOUNT}),
    ("terraform", "no such mount", "GET /v1/sys/mounts/none", GO, "", 400, errors("No secret engine mount at none/")),
    ("terraform", "vault_mount is tuned", "POST /v1/sys/mounts/app/tune", GO,
     '{"default_lease_ttl":"3600s","max_lease_ttl":"86400s","description":"tuned"}', 204, None),
    ("vault", "read sys/mounts/app/tune", "GET /v1/sys/mounts/app/tune", GO, "", 200, {**env(TUNED), **TUNED}),
    ("vault", "secrets move", "POST /v1/sys/remount", GO, '{"from":"app","to":"app2"}', 200,
     {**env({"migration_id": "<uuid>"}), "migration_id": "<uuid>"}),
    ("vault", "secrets disable", "DELETE /v1/sys/mounts/app2", GO, "", 204, None),
    ("vault", "secrets disable again", "DELETE /v1/sys/mounts/app2", GO, "", 204, None),
    ("vault", "an engine that is none", "POST /v1/sys/mounts/app", GO, '{"type":"pki"}', 400, {"errors": ["<text>"]}),
    ("any", "a mount that is none, with rights", "GET /v1/none/data/x", GO, "", 404,
     errors('no handler for route "none/data/x". route entry not found.')),
]
WRAPPING = [
    ("vault", "-wrap-ttl", "GET /v1/secret/data/ct", GO + "|X-Vault-Wrap-TTL: 60", "", 200, env(None, wrap_info=WRAPPED)),
    ("vault", "a duration of Go's", "GET /v1/secret/data/ct", GO + "|X-Vault-Wrap-TTL: 1m0s", "", 200, env(None, wrap_info=WRAPPED)),
    ("vault", "no wrapping", "GET /v1/secret/data/ct", GO + "|X-Vault-Wrap-TTL: 0", "", 200, read({"A": "2"}, 2)),
    ("vault", "a time that is none", "GET /v1/secret/data/ct", GO + "|X-Vault-Wrap-TTL: soon", "", 400, {"errors": ["<text>"]}),
    ("vault", "a negative time", "GET /v1/secret/data/ct", GO + "|X-Vault-Wrap-TTL: -1", "", 400, {"errors": ["<text>"]}),
    ("vault", "write sys/wrapping/wrap without a time", "PUT /v1/sys/wrapping/wrap", GO, '{"a":"b"}', 400, {"errors": ["<text>"]}),
    ("vault", "unwrap of nothing", "PUT /v1/sys/wrapping/unwrap", GO, '{"token":"hvs.none"}', 400, errors("wrapping token is not valid or does not exist")),
    ("vault", "errors are not wrapped", "GET /v1/secret/data/none", GO + "|X-Vault-Wrap-TTL: 60", "", 404, b'{"errors":[]}'),
]

POLICY = 'path \\"secret/data/ct\\" { capabilities = [\\"read\\"] }'
POLICY_READ = {"name": "ci", "policy": POLICY.replace("\\", "")}
POLICIES = [
    ("vault", "policy write", "PUT /v1/sys/policies/acl/ci", GO, '{"policy":"' + POLICY + '"}', 204, None),
    ("hvac", "the older way, rules for policy", "POST /v1/sys/policy/ci", REQUESTS + JSON, '{"rules": "' + POLICY + '"}', 204, None),
    ("vault", "policy read", "GET /v1/sys/policies/acl/ci", GO, "", 200, env(POLICY_READ)),
    ("vault", "policy read, in capitals", "GET /v1/sys/policies/acl/CI", GO, "", 200, env(POLICY_READ)),
    ("node-vault", "getPolicy", "GET /v1/sys/policy/ci", AXIOS, "", 200,
     {**env({"name": "ci", "rules": POLICY_READ["policy"]}), "name": "ci", "rules": POLICY_READ["policy"]}),
    ("vault", "policy read of nothing", "GET /v1/sys/policies/acl/none", GO, "", 404, b'{"errors":[]}'),
    ("vault", "policy list", "GET /v1/sys/policies/acl?list=true", GO, "", 200, env({"keys": ["ci", "default", "root"]})),
    ("node-vault", "policies", "GET /v1/sys/policy", AXIOS, "", 200,
     {**env({"keys": ["ci", "default", "root"], "policies": ["ci", "default", "root"]}), "keys": ["ci", "default", "root"],
      "policies": ["ci", "default", "root"]}),
    ("terraform", "vault_policy with an error", "PUT /v1/sys/policies/acl/bad", GO, '{"policy":"path \\"a\\" {"}', 400, {"errors": ["<text>"]}),
    ("vault", "policy write root", "PUT /v1/sys/policies/acl/root", GO, '{"policy":"' + POLICY + '"}', 400, {"errors": ["<text>"]}),
    ("vault", "policy delete default", "DELETE /v1/sys/policies/acl/default", GO, "", 400, errors('cannot delete "default" policy')),
    ("vault", "policy delete of nothing", "DELETE /v1/sys/policies/acl/none", GO, "", 204, None),
    ("vault", "token capabilities", "PUT /v1/sys/capabilities-self", GO, '{"path":"secret/data/ct"}', 200,
     {**env({"capabilities": ["root"], "secret/data/ct": ["root"]}), "capabilities": ["root"], "secret/data/ct": ["root"]}),
]

AUTH = {"client_token": "<text>", "accessor": "<text>", "policies": ["ci", "default"], "token_policies": ["ci", "default"], "metadata": None,
        "lease_duration": 1200, "renewable": True, "entity_id": "", "token_type": "service", "orphan": False, "mfa_requirement": None, "num_uses": 0}
LOOKED_UP = {"accessor": "<text>", "creation_time": "<int>", "creation_ttl": 1200, "display_name": "token-terraform", "entity_id": "",
             "expire_time": "<time>", "explicit_max_ttl": 0, "id": "<text>", "issue_time": "<time>", "meta": None, "num_uses": 0, "orphan": False,
             "path": "auth/token/create", "policies": ["ci", "default"], "renewable": True, "ttl": "<int>", "type": "service"}
ROOT = {**LOOKED_UP, "creation_ttl": 0, "display_name": "root", "expire_time": None, "orphan": True, "path": "auth/token/root", "policies": ["root"],
        "renewable": False, "ttl": 0}
CHILD = GO.replace("{token}", "{child}")
LEASE = {"id": "<text>", "issue_time": "<time>", "expire_time": "<time>", "last_renewal": "<time>", "renewable": True, "ttl": "<int>"}
TOKENS = [
    ("vault", "login, and ESO's and terraform's check", "GET /v1/auth/token/lookup-self", GO, "", 200, env(ROOT)),
    ("terraform", "a child token", "POST /v1/auth/token/create", GO,
     '{"policies":["ci"],"ttl":"1200s","explicit_max_ttl":"1200s","display_name":"terraform","num_uses":0,"renewable":false,"type":"",'
     '"entity_alias":""}', 200, env(None, auth={**AUTH, "renewable": False})),
    ("vault", "token create, what is empty is absent", "POST /v1/auth/token/create", GO,
     '{"policies":["ci"],"ttl":"1200s","explicit_max_ttl":"","period":"","display_name":"terraform","num_uses":0,"renewable":true,"type":"service",'
     '"entity_alias":"","meta":null}', 200, env(None, auth=AUTH)),
    ("any", "numbers as text, a list as text", "POST /v1/auth/token/create", GO,
     '{"policies":"ci,default","ttl":"1200","num_uses":"7","renewable":"true"}', 200, env(None, auth={**AUTH, "num_uses": 7})),
    ("vault", "a policy that is none is warned about", "POST /v1/auth/token/create", GO, '{"policies":["nosuch"],"ttl":1200}', 200,
     env(None, warnings=['Policy "nosuch" does not exist'],
         auth={**AUTH, "policies": ["default", "nosuch"], "token_policies": ["default", "nosuch"]})),
    ("vault", "token create -orphan", "POST /v1/auth/token/create-orphan", GO, '{"policies":["ci"],"period":"20m"}', 200,
     env(None, auth={**AUTH, "orphan": True}), "child"),
    ("vault", "token lookup", "POST /v1/auth/token/lookup", GO, '{"token":"{child}"}', 200,
     env({**LOOKED_UP, "display_name": "token", "orphan": True, "path": "auth/token/create-orphan", "period": 1200})),
    ("vault", "token lookup -accessor", "POST /v1/auth/token/lookup-accessor", GO, '{"accessor":"{accessor}"}', 200,
     env({**LOOKED_UP, "display_name": "token", "id": "", "orphan": True, "path": "auth/token/create-orphan", "period": 1200})),
    ("hvac", "an accessor that is none", "POST /v1/auth/token/lookup-accessor", REQUESTS + JSON, '{"accessor": "none"}', 400, errors("invalid accessor")),
    ("vault", "token lookup of none", "POST /v1/auth/token/lookup", GO, '{"token":"hvs.none"}', 403, errors("bad token")),
    ("vault", "token capabilities of another", "POST /v1/sys/capabilities", GO, '{"path":"secret/data/ct","token":"{child}"}', 200,
     {**env({"capabilities": ["read"], "secret/data/ct": ["read"]}), "capabilities": ["read"], "secret/data/ct": ["read"]}),
    ("consul-template", "renews its own", "PUT /v1/auth/token/renew-self", CHILD, '{"increment":0}', 200, env(None, auth={**AUTH, "orphan": True})),
    ("Vault Agent", "renews its own", "PUT /v1/auth/token/renew-self", CHILD, '{"increment":1200}', 200, env(None, auth={**AUTH, "orphan": True})),
    ("vault", "token renew", "PUT /v1/auth/token/renew", GO, '{"increment":"20m","token":"{child}"}', 200, env(None, auth={**AUTH, "orphan": True})),
    ("envconsul", "a token without an end is not renewed", "PUT /v1/auth/token/renew-self", GO, '{"increment":0}', 400, errors("lease is not renewable")),
    ("vault", "token renew of none", "PUT /v1/auth/token/renew", GO, '{"increment":0,"token":"hvs.none"}', 400, errors("token not found")),
    ("vault", "lease lookup", "PUT /v1/sys/leases/lookup", GO, '{"lease_id":"auth/token/create-orphan/{accessor}"}', 200, env(LEASE)),
    ("vault", "lease lookup of none", "PUT /v1/sys/leases/lookup", GO, '{"lease_id":"none"}', 400, errors("invalid lease")),
    ("envconsul", "lease renewal of none", "PUT /v1/sys/leases/renew", GO, '{"increment":0,"lease_id":"none"}', 400, errors("lease not found")),
    ("vault", "lease revoke of none", "PUT /v1/sys/leases/revoke", GO, '{"lease_id":"none","sync":false}', 204, None),
    ("ESO", "what the policy gives", "GET /v1/secret/data/ct", CHILD, "", 200, read({"A": "2"}, 2)),
    ("any", "what it does not give", "GET /v1/secret/data/py", CHILD, "", 403, errors("1 error occurred:\n\t* permission denied\n\n")),
    ("any", "what is not there has the same answer", "GET /v1/none/data/py", CHILD, "", 403, errors("1 error occurred:\n\t* permission denied\n\n")),
    ("vault", "the mount of a path it may read", "GET /v1/sys/internal/ui/mounts/secret/ct", CHILD, "", 200, env(MOUNT)),
    ("vault", "token create -wrap-ttl", "POST /v1/auth/token/create", GO + "|X-Vault-Wrap-TTL: 60", '{"policies":["ci"],"ttl":"20m"}', 200,
     env(None, wrap_info={**WRAPPED, "creation_path": "auth/token/create", "wrapped_accessor": "<text>"}), "wrapping"),
    ("Vault Agent", "unwraps with the token as its own", "PUT /v1/sys/wrapping/unwrap", GO.replace("{token}", "{wrapping}"), "", 200, env(None, auth=AUTH)),
    ("envconsul", "unwraps again", "PUT /v1/sys/wrapping/unwrap", GO.replace("{token}", "{wrapping}"), "", 400,
     errors("wrapping token is not valid or does not exist")),
    ("vault", "write auth/token/roles/ci", "PUT /v1/auth/token/roles/ci", GO,
     '{"allowed_policies":["ci"],"orphan":"true","token_period":"20m","token_explicit_max_ttl":""}', 204, None),
    ("vault", "token create -role", "POST /v1/auth/token/create/ci", GO, '{"display_name":"","num_uses":0,"renewable":true,"type":"service","entity_alias":""}',
     200, env(None, auth={**AUTH, "orphan": True})),
    ("terraform", "a role is listed", "GET /v1/auth/token/roles?list=true", GO, "", 200, env({"keys": ["ci"]})),
    ("vault", "delete auth/token/roles/ci", "DELETE /v1/auth/token/roles/ci", GO, "", 204, None),
    ("terraform", "no such role", "GET /v1/auth/token/roles/ci", GO, "", 404, b'{"errors":[]}'),
    ("vault-action", "revokes its token", "PUT /v1/auth/token/revoke-self", CHILD, "{}", 204, None),
    ("ESO", "a revoked token", "GET /v1/auth/token/lookup-self", CHILD, "", 403, errors("permission denied")),
    ("vault", "token revoke of none", "PUT /v1/auth/token/revoke", GO, '{"token":"hvs.none"}', 204, None),
    ("vault", "token revoke -accessor of none", "POST /v1/auth/token/revoke-accessor", GO, '{"accessor":"none"}', 400, errors("invalid accessor")),
]

REKEY = {"started": False, "verification_required": False, "t": 0, "n": 0, "progress": 0, "required": 0, "nonce": "", "verification_nonce": "",
         "pgp_fingerprints": None, "backup": False}
ATTEMPT = {"started": False, "complete": False, "progress": 0, "required": 0, "nonce": "", "otp": "", "otp_length": 57, "encoded_token": "",
           "encoded_root_token": "", "pgp_fingerprint": ""}
AUTH_MOUNT = {name: "<any>" for name in PLAIN_MOUNT}
KEY_STATUS = {"term": "<int>", "install_time": "<time>", "encryptions": "<int>"}
QUOTA = {"name": "q", "type": "rate-limit", "path": "", "rate": 100, "interval": 1, "block_interval": 0, "role": "", "inheritable": True}
SYSTEM = [
    ("vault", "auth list", "GET /v1/sys/auth", GO, "", 200,
     {**env({"token/": AUTH_MOUNT, "peer/": AUTH_MOUNT}), "token/": AUTH_MOUNT, "peer/": AUTH_MOUNT}),
    ("vault", "secrets tune", "PUT /v1/sys/mounts/secret/tune", GO,
     '{"options":null,"default_lease_ttl":"","max_lease_ttl":"","force_no_cache":false,"description":"of all"}', 204, None),
    ("vault", "operator key-status", "GET /v1/sys/key-status", GO, "", 200, {**env(KEY_STATUS), **KEY_STATUS}),
    ("vault", "operator rotate", "PUT /v1/sys/rotate", GO, "{}", 204, None),
    ("vault", "operator rekey -status", "GET /v1/sys/rekey/init", GO, "", 200, REKEY),
    ("vault", "operator rekey -init", "PUT /v1/sys/rekey/init", GO,
     '{"secret_shares":1,"secret_threshold":1,"stored_shares":0,"pgp_keys":null,"Backup":false,"require_verification":false}', 200,
     {**REKEY, "started": True, "t": 1, "n": 1, "required": 1, "nonce": "<uuid>"}, "rekey"),
    ("vault", "operator rekey", "PUT /v1/sys/rekey/update", GO, '{"key":"{key}","nonce":"{rekey}"}', 200,
     {"complete": True, "verification_required": False, "keys": ["<text>"], "keys_base64": ["<text>"], "nonce": "<uuid>", "verification_nonce": "",
      "pgp_fingerprints": None, "backup": False}, "key"),
    ("vault", "operator rekey -cancel", "DELETE /v1/sys/rekey/init", GO, "", 204, None),
    ("vault", "operator generate-root -status", "GET /v1/sys/generate-root/attempt", GO, "", 200, ATTEMPT),
    ("vault", "operator generate-root -init", "PUT /v1/sys/generate-root/attempt", GO, '{"otp":"' + "o" * 57 + '","pgp_key":""}', 200,
     {**ATTEMPT, "started": True, "required": 1, "nonce": "<uuid>"}, "attempt"),
    ("vault", "operator generate-root", "PUT /v1/sys/generate-root/update", GO, '{"key":"{key}","nonce":"{attempt}"}', 200,
     {**ATTEMPT, "started": True, "complete": True, "progress": 1, "required": 1, "nonce": "<uuid>", "encoded_token": "<text>",
      "encoded_root_token": "<text>"}),
    ("vault", "operator generate-root -cancel", "DELETE /v1/sys/generate-root/attempt", GO, "", 204, None),
    ("hvac", "a quota, what is empty is absent", "POST /v1/sys/quotas/rate-limit/q", REQUESTS + JSON,
     '{"path": "", "rate": 100, "interval": "", "block_interval": ""}', 204, None),
    ("hvac", "the quota is read", "GET /v1/sys/quotas/rate-limit/q", REQUESTS, "", 200, env(QUOTA)),
    ("hvac", "quotas are listed", "LIST /v1/sys/quotas/rate-limit", REQUESTS, "", 200, env({"keys": ["q"]})),
    ("hvac", "the quota is removed", "DELETE /v1/sys/quotas/rate-limit/q", REQUESTS, "", 204, None),
    ("terraform", "delete_version_after that is empty is 0", "POST /v1/secret/config", GO, '{"delete_version_after":""}', 204, None),
]

PLAIN_READ = env({"n": 1.5, "zip": "zap"}, lease_duration=2764800)
KV1 = [
    ("terraform", "vault_mount of version 1", "POST /v1/sys/mounts/plain", GO,
     '{"type":"kv","description":"","config":{"options":null,"default_lease_ttl":"0s","max_lease_ttl":"0s","force_no_cache":false},"local":false,'
     '"seal_wrap":false,"external_entropy_access":false,"options":{"version":"1"}}', 204, None),
    ("consul-template", "options.version says which it is", "GET /v1/sys/internal/ui/mounts/plain/foo", GO, "", 200,
     env({**MOUNT, "options": {"version": "1"}, "path": "plain/"})),
    ("vault", "kv put", "PUT /v1/plain/foo", GO, '{"zip":"zap","n":1.5}', 204, None),
    ("vault", "kv get", "GET /v1/plain/foo", GO, "", 200, PLAIN_READ),
    ("vault-action", "a secret", "GET /v1/plain/foo", GOT, "", 200, PLAIN_READ),
    ("vault", "kv get of nothing", "GET /v1/plain/none", GO, "", 404, b'{"errors":[]}'),
    ("vault", "kv list", "GET /v1/plain?list=true", GO, "", 200, env({"keys": ["foo"]})),
    ("hvac", "LIST", "LIST /v1/plain/", REQUESTS, "", 200, env({"keys": ["foo"]})),
    ("node-vault", "a merge patch", "PATCH /v1/plain/foo", AXIOS + MERGE, '{"a":"b"}', 405, errors("unsupported operation")),
    ("vault", "kv put of nothing", "PUT /v1/plain/foo", GO, "{}", 400, {"errors": ["<text>"]}),
    ("consul-template", "its ttl is how long to wait", "PUT /v1/plain/ttl", GO, '{"ttl":"30s","a":"b"}', 204, None),
    ("consul-template", "the ttl is the lease", "GET /v1/plain/ttl", GO, "", 200, env({"a": "b", "ttl": "30s"}, lease_duration=30)),
    ("vault", "kv delete", "DELETE /v1/plain/ttl", GO, "", 204, None),
    ("vault", "kv delete again", "DELETE /v1/plain/ttl", GO, "", 204, None),
    ("vault", "kv enable-versioning", "POST /v1/sys/mounts/plain/tune", GO,
     '{"options":{"version":"2"},"default_lease_ttl":"","max_lease_ttl":"","force_no_cache":false}', 204, None),
    ("vault", "kv get of what was there", "GET /v1/plain/data/foo", GO, "", 200, read({"n": 1.5, "zip": "zap"}, 1)),
    ("vault", "secrets disable", "DELETE /v1/sys/mounts/plain", GO, "", 204, None),
]

RULES = [
    ("any", "outside /v1/", "GET /v2/secret/data/a", BARE, "", 404, b'{"errors":[]}'),
    ("any", "an unknown verb", "SCAN /v1/secret/metadata", GO, "", 405, errors("unsupported operation")),
    ("any", "a verb that a path lacks", "DELETE /v1/sys/health", GO, "", 405, errors("unsupported operation")),
    ("any", "list=garbage", "GET /v1/secret/metadata?list=garbage", GO, "", 400, {"errors": ["<text>"]}),
    ("any", "no token", "GET /v1/secret/data/a", "X-Vault-Token: x", "", 403, errors("permission denied")),
    ("any", "unknown arguments", "GET /v1/sys/health?help=1&unknown=2", BARE, "", 200, HEALTH),
    ("any", "two slashes", "GET /v1/secret//data/a", GO, "", 400, {"errors": ["<text>"]}),
    ("any", "dots", "GET /v1/secret/data/../sys", GO, "", 400, {"errors": ["<text>"]}),
]

STATE = [
    ("vault", "status", "GET /v1/sys/seal-status", GO, "", 200, SEAL),
    ("vault", "status asks for the leader", "GET /v1/sys/leader", GO, "", 200,
     {"ha_enabled": False, "is_self": False, "leader_address": "", "leader_cluster_address": "", "performance_standby": False}),
    ("vault", "health with the codes of Go's client", f"GET /v1/sys/health?{CODES}", GO, "", 200, HEALTH),
    ("hvac", "health by HEAD", "HEAD /v1/sys/health", REQUESTS, "", 200, None),
    ("vault", "operator init -status", "GET /v1/sys/init", GO, "", 200, {"initialized": True}),
    ("vault", "operator init", "PUT /v1/sys/init", GO,
     '{"secret_shares":1,"secret_threshold":1,"stored_shares":0,"pgp_keys":null,"recovery_shares":0,"recovery_threshold":0,"recovery_pgp_keys":null,'
     '"root_token_pgp_key":""}', 400, errors("Vault is already initialized")),
    ("vault", "operator seal", "PUT /v1/sys/seal", GO, "", 204, None),
    ("vault", "status when sealed", "GET /v1/sys/seal-status", GO, "", 200,
     {name: value for name, value in {**SEAL, "sealed": True}.items() if not name.startswith("cluster")}),
    ("vault", "any call when sealed", "GET /v1/secret/data/foo", GO, "", 503, errors("Vault is sealed")),
    ("vault", "health when sealed", f"GET /v1/sys/health?{CODES}", GO, "", 299,
     {name: value for name, value in {**HEALTH, "sealed": True}.items() if not name.startswith("cluster")}),
    ("hvac", "health by HEAD when sealed", "HEAD /v1/sys/health", REQUESTS, "", 503, None),
    ("vault", "operator unseal", "PUT /v1/sys/unseal", GO, '{"key":"{key}","reset":false,"migrate":false}', 200, SEAL),
    ("terraform", "the version is one of semver", "GET /v1/sys/seal-status", GO, "", 200, SEAL),
]


with vault.Daemon() as DAEMON:
    DAEMON.start()
    made = DAEMON.put("sys/init", {"secret_shares": 1, "secret_threshold": 1}).json
    talk = Conversation(DAEMON, made["root_token"])
    talk.saved["key"] = made["keys"][0]
    for row in KV + MOUNTS + WRAPPING + POLICIES + TOKENS + SYSTEM + KV1 + RULES + STATE:
        talk.check(*row)
    number = DAEMON.get("sys/seal-status").json["version"]
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", number):
        print(f"not ok - terraform: {number} is a semantic version")
        talk.failures += 1
raise SystemExit(1 if talk.failures else 0)
