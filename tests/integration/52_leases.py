#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Leases: tokens that expire, by the names that Vault's clients give them."""
import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def make(daemon, **wish):
    answer = daemon.put("auth/token/create", dict({"ttl": "10m"}, **wish))
    same(answer.status, 200)
    return answer.json["auth"]


def lease_of(auth):
    return "auth/token/create/" + auth["accessor"]


def test_lookup_renew_revoke():
    with vault.personal() as daemon:
        daemon.token = daemon.root_token
        auth = make(daemon)
        data = daemon.put("sys/leases/lookup", {"lease_id": lease_of(auth)}).data
        same(sorted(data), ["expire_time", "id", "issue_time", "last_renewal", "renewable", "ttl"])
        same((data["id"], data["last_renewal"], data["renewable"]), (lease_of(auth), None, True))
        assert 590 < data["ttl"] <= 600 and data["expire_time"].endswith("Z") and data["issue_time"] < data["expire_time"], data
        for unknown in ("auth/token/create/" + 32 * "0", auth["accessor"], "x", "auth/token/root/" + auth["accessor"], 300 * "a", "\\u0000"):
            answer = daemon.put("sys/leases/lookup", {"lease_id": unknown})
            same((answer.status, answer.errors), (400, ["invalid lease"]))
            for path in ("sys/leases/renew", "sys/renew"):
                same(daemon.put(path, {"lease_id": unknown, "increment": 60}).errors, ["lease not found"])
            for path in ("sys/leases/revoke", "sys/revoke"):
                same(daemon.put(path, {"lease_id": unknown}).status, 204)
        for body in ({}, {"lease_id": ""}, {"lease_id": 7}, {"lease_id": None}, None):
            for path in ("sys/leases/lookup", "sys/leases/renew", "sys/leases/revoke", "sys/renew", "sys/revoke"):
                same(daemon.put(path, body).status, 400)
        for path in ("sys/leases/renew", "sys/renew", "sys/leases/renew/" + lease_of(auth), "sys/renew/" + lease_of(auth)):
            same(daemon.put(path, {"lease_id": lease_of(auth)}).errors, ["tokens cannot be renewed through this endpoint"])
        for path in ("sys/leases/revoke", "sys/revoke", "sys/leases/revoke/", "sys/revoke/"):
            auth = make(daemon)
            body = None if path.endswith("/") else {"lease_id": lease_of(auth)}
            same(daemon.get("auth/token/lookup-self", token=auth["client_token"]).status, 200)
            same(daemon.put(path + ("" if body else lease_of(auth)), body).status, 204)
            same(daemon.get("auth/token/lookup-self", token=auth["client_token"]).status, 403)


def test_list_and_prefixes():
    with vault.personal() as daemon:
        daemon.token = daemon.root_token
        answer = daemon.request("LIST", "sys/leases/lookup/auth/token/create")
        same((answer.status, answer.json), (404, {"errors": []}))
        made = [make(daemon) for _ in range(3)]
        keys = daemon.request("LIST", "sys/leases/lookup/auth/token/create/").data["keys"]
        same(keys, sorted(auth["accessor"] for auth in made))
        same(daemon.get("sys/leases/lookup?list=true").data["keys"], ["auth/"])
        same(daemon.get("sys/leases/lookup/auth?list=true").data["keys"], ["token/"])
        for path in ("sys/leases/revoke-prefix/auth/token/creat", "sys/leases/revoke-prefix/secret", "sys/revoke-prefix/x"):
            same(daemon.put(path, None).status, 204)
        same(len(daemon.request("LIST", "sys/leases/lookup/auth/token/create/").data["keys"]), 3)
        for path in ("leases/revoke-prefix", "leases/revoke-force", "revoke-prefix", "revoke-force"):
            auth = make(daemon)
            same(daemon.put(f"sys/{path}/auth/token", None).status, 204)
            same(daemon.get("auth/token/lookup-self", token=auth["client_token"]).status, 403)
            same(daemon.request("LIST", "sys/leases/lookup/auth").status, 404)
        same(daemon.get("auth/token/lookup-self").data["policies"], ["root"])


def test_who_may():
    with vault.personal() as daemon:
        daemon.token = daemon.root_token
        other = make(daemon)
        same(daemon.put("sys/policies/acl/leases", {"policy": 'path "sys/*" { capabilities = ["update", "list"] }'}).status, 204)
        plain = make(daemon, policies=["default"])["client_token"]
        near = make(daemon, policies=["leases"])["client_token"]  # without sudo
        for lease in (lease_of(other), "auth/token/create/" + 32 * "0"):
            same(daemon.put("sys/leases/revoke", {"lease_id": lease}, token=plain).status, 403)
        for token in (plain, near):
            same(daemon.request("LIST", "sys/leases/lookup/auth", token=token).status, 403)
            for path in ("leases/revoke-prefix", "leases/revoke-force", "revoke-prefix", "revoke-force"):
                same(daemon.put(f"sys/{path}/auth/token", None, token=token).status, 403)
        same(daemon.get("auth/token/lookup-self", token=other["client_token"]).status, 200)
        same(daemon.put("sys/leases/revoke", {"lease_id": lease_of(other)}, token=near).status, 204)
        same(daemon.get("auth/token/lookup-self", token=other["client_token"]).status, 403)


if __name__ == "__main__":
    vault.main(dict(globals()), "leases:")
