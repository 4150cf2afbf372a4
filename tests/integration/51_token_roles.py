#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Token roles, batch tokens, and tokens that are bound to addresses."""
import re
import socket

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def root(**options):
    daemon = vault.personal(**options)
    daemon.token = daemon.root_token
    return daemon


def create(daemon, token=None, path="create", **wish):
    answer = daemon.put("auth/token/" + path, wish, token=token)
    same(answer.status, 200)
    return answer.json["auth"]


def refused(answer, status, sentence):
    same((answer.status, answer.errors), (status, [sentence]))


def test_roles():
    with root() as daemon:
        same(daemon.request("LIST", "auth/token/roles").status, 404)
        same(daemon.get("auth/token/roles/ci").status, 404)
        refused(daemon.put("auth/token/create/ci", {}), 400, "unknown role")
        settings = {"allowed_policies": "a,B", "allowed_policies_glob": ["team-*"], "disallowed_policies": ["team-x"], "orphan": True,
                    "token_period": "30m", "path_suffix": "jobs", "renewable": True}
        same(daemon.put("auth/token/roles/ci", settings).status, 204)
        data = daemon.get("auth/token/roles/ci").data
        same((data["name"], data["allowed_policies"], data["allowed_policies_glob"]), ("ci", ["a", "b"], ["team-*"]))
        same((data["disallowed_policies"], data["orphan"], data["token_period"], data["period"]), (["team-x"], True, 1800, 1800))
        same((data["path_suffix"], data["token_type"], data["token_bound_cidrs"]), ("jobs", "default-service", []))
        auth = create(daemon, path="create/ci")
        same((auth["policies"], auth["lease_duration"], auth["orphan"]), (["a", "b", "default"], 1800, True))
        data = daemon.put("auth/token/lookup", {"token": auth["client_token"]}).data
        same((data["role"], data["path"], data["period"]), ("ci", "auth/token/create/ci/jobs", 1800))
        same(create(daemon, path="create/ci", policies=["team-y"])["policies"], ["default", "team-y"])
        for policy in ("other", "team-x", "root"):
            same(daemon.put("auth/token/create/ci", {"policies": [policy]}).status, 400)
        # a change keeps what it does not name; the period is the role's of now
        same(daemon.put("auth/token/roles/ci", {"period": 60}).status, 204)
        same(daemon.get("auth/token/roles/ci").data["allowed_policies"], ["a", "b"])
        same(daemon.put("auth/token/renew", {"token": auth["client_token"]}).json["auth"]["lease_duration"], 60)
        same(daemon.put("auth/token/roles/abc", {}).status, 204)
        same(daemon.request("LIST", "auth/token/roles").data["keys"], ["abc", "ci"])
        same(daemon.request("DELETE", "auth/token/roles/ci").status, 204)
        same(daemon.request("DELETE", "auth/token/roles/ci").status, 204)
        refused(daemon.put("auth/token/renew", {"token": auth["client_token"]}), 400,
                "original token role could not be found, not renewing")
        for name, body in (("a/b", {}), ("x" * 65, {}), ("a", {"token_type": "other"}), ("a", {"token_period": -1}),
                           ("a", {"token_bound_cidrs": ["10.0.0.0/33"]}), ("a", {"path_suffix": "a/b"}), ("a", {"path_suffix": ".."}),
                           ("a", {"allowed_policies": ["x" * 129]}), ("a", {"allowed_policies_glob": ["A b"]}),
                           ("a", {"token_num_uses": -1}), ("a", {"orphan": "perhaps"}), ("a", {"allowed_policies": ["a", 1]}),
                           ("a", {"token_type": "batch", "token_period": 5})):
            same(daemon.put("auth/token/roles/" + name, body).status, 400)
        same(daemon.request("LIST", "auth/token/roles").data["keys"], ["abc"])


def test_batch():
    with root() as daemon:
        before = daemon.request("LIST", "auth/token/accessors").data["keys"]
        parent = create(daemon, policies=["root"], ttl="1h")
        auth = create(daemon, token=parent["client_token"], type="batch", policies=["a"], ttl="48h", meta={"x": "y"})
        token = auth["client_token"]
        assert re.fullmatch(r"vlt_bat_[0-9A-Za-z_-]{100,2040}", token), token
        same((auth["token_type"], auth["accessor"], auth["renewable"], auth["lease_duration"]), ("batch", "", False, 24 * 3600))
        data = daemon.get("auth/token/lookup-self", token=token).data
        same((data["type"], data["accessor"], data["policies"], data["meta"]), ("batch", "", ["a", "default"], {"x": "y"}))
        same(len(daemon.request("LIST", "auth/token/accessors").data["keys"]), len(before) + 1)
        refused(daemon.put("auth/token/renew", {"token": token}), 400, "batch tokens cannot be renewed")
        same(daemon.put("auth/token/renew-self", {}, token=token).status, 400)
        same(daemon.put("cubbyhole/x", {"a": "b"}, token=token).status, 400)
        for wish in ({"policies": ["root"]}, {"period": "1h", "policies": ["a"]}, {"num_uses": 1, "policies": ["a"]},
                     {"id": "mine", "policies": ["a"]}, {"explicit_max_ttl": 5, "policies": ["a"]},
                     {"policies": ["a"], "meta": {str(i): "x" * 500 for i in range(9)}}):
            assert daemon.put("auth/token/create", dict(wish, type="batch")).status in (400, 413), wish
        for broken in (token[:-1], token[:-1] + ("a" if token[-1] != "a" else "b"), token[:20] + "AAAA" + token[24:], "vlt_bat_", "vlt_bat_abcdef"):
            same(daemon.get("auth/token/lookup-self", token=broken).status, 403)
        # a batch token makes none: it has no right to here, and with the right it could not
        maker = daemon.put("sys/policies/acl/maker", {"policy": 'path "auth/token/create" { capabilities = ["update"] }'})
        same(maker.status, 204)
        makes = create(daemon, type="batch", policies=["maker"])["client_token"]
        refused(daemon.put("auth/token/create", {}, token=makes), 400, "batch tokens cannot create more tokens")
        # restart, then its parent goes
        daemon.kill()
        daemon.start().unseal()
        same(daemon.get("auth/token/lookup-self", token=token).status, 200)
        same(daemon.put("auth/token/revoke-accessor", {"accessor": parent["accessor"]}).status, 204)
        same(daemon.get("auth/token/lookup-self", token=token).status, 403)
        # revoked, and so after a restart
        token = create(daemon, type="batch", policies=["a"], no_parent=True)["client_token"]
        same(daemon.get("auth/token/lookup-self", token=token).status, 200)
        same(daemon.put("auth/token/revoke", {"token": token}).status, 204)
        same(daemon.get("auth/token/lookup-self", token=token).status, 403)
        same(daemon.put("sys/seal", None).status, 204)
        daemon.unseal()
        same(daemon.get("auth/token/lookup-self", token=token).status, 403)
        same(daemon.put("auth/token/revoke", {"token": token}).status, 204)
        # a role that was made again is another one
        same(daemon.put("auth/token/roles/b", {"token_type": "batch", "allowed_policies": ["a"]}).status, 204)
        token = create(daemon, path="create/b")["client_token"]
        same(daemon.put("auth/token/roles/b", {"allowed_policies": ["a", "c"]}).status, 204)
        same(daemon.get("auth/token/lookup-self", token=token).data["role"], "b")
        for body in (None, {"token_type": "batch"}):
            same((daemon.put("auth/token/roles/b", body) if body else daemon.request("DELETE", "auth/token/roles/b")).status, 204)
            same(daemon.get("auth/token/lookup-self", token=token).status, 403)


def over_tcp(daemon, port, token, family=socket.AF_INET, headers=""):
    with socket.socket(family) as stream:
        stream.connect(("127.0.0.1" if family == socket.AF_INET else "::1", port))
        stream.sendall(f"GET /v1/auth/token/lookup-self HTTP/1.1\r\nHost: v\r\nX-Vault-Token: {token}\r\n{headers}"
                       "Connection: close\r\n\r\n".encode())
        return vault.read_answer(stream).status


def free_port():
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        return stream.getsockname()[1]


def test_bound_addresses():
    port = free_port()
    config = f'listen_unix {{ path = "DIR/home/run/vaultd/vaultd.sock" }}\nlisten_tcp {{ address = "127.0.0.1" port = {port} plain = true }}\n'
    with root(config=config) as daemon:
        for role, cidrs in (("here", ["127.0.0.0/8"]), ("there", "10.0.0.0/8,::1"), ("mapped", ["::ffff:127.0.0.1"])):
            same(daemon.put("auth/token/roles/" + role, {"bound_cidrs": cidrs, "allowed_policies": ["root"]}).status, 204)
        for role, kind, status in (("here", "service", 200), ("there", "service", 403), ("mapped", "service", 200),
                                   ("here", "service", 200), ("mapped", "batch", 200), ("there", "batch", 403)):
            wish = {"ttl": "1h", "type": kind}
            if kind == "batch":
                same(daemon.put("auth/token/roles/" + role, {"allowed_policies": ["a"]}).status, 204)
            token = create(daemon, path="create/" + role, **wish)["client_token"]
            same(over_tcp(daemon, port, token), status)
            same(over_tcp(daemon, port, token, headers="X-Forwarded-For: 10.1.1.1\r\n"), status)
            # the socket has no address
            same(daemon.get("auth/token/lookup-self", token=token).status, 403)
        same(daemon.get("auth/token/roles/mapped").data["bound_cidrs"], ["127.0.0.1"])


vault.main(globals())
