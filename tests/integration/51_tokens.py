#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""auth/token: create, look up, renew, revoke, use up; exact answers as Vault's clients expect them."""
import os
import re
import threading

import vault

AUTH = ["accessor", "client_token", "entity_id", "lease_duration", "metadata", "mfa_requirement", "num_uses", "orphan", "policies",
        "renewable", "token_policies", "token_type"]


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


def test_create_and_look_up():
    with root() as daemon:
        answer = daemon.put("auth/token/create", {"policies": "app, B", "ttl": "1h", "meta": {"job": "7"}, "display_name": "ci job!"})
        same(answer.status, 200)
        same((answer.json["data"], answer.json["lease_duration"]), (None, 0))
        same(answer.json["warnings"], ['Policy "app" does not exist', 'Policy "b" does not exist'])
        auth = answer.json["auth"]
        same(sorted(auth), AUTH)
        assert re.fullmatch(r"vlt_svc_[0-9A-Za-z]{49}", auth["client_token"])
        same(auth["policies"], ["app", "b", "default"])
        same((auth["token_policies"], auth["metadata"]), (auth["policies"], {"job": "7"}))
        same((auth["lease_duration"], auth["renewable"], auth["orphan"], auth["num_uses"]), (3600, True, False, 0))
        same((auth["token_type"], auth["entity_id"]), ("service", ""))
        token, accessor = auth["client_token"], auth["accessor"]
        data = daemon.put("auth/token/lookup", {"token": token}).data
        same((data["id"], data["accessor"], data["display_name"], data["path"]), (token, accessor, "token-ci-job", "auth/token/create"))
        same((data["creation_ttl"], data["explicit_max_ttl"], data["orphan"], data["type"]), (3600, 0, False, "service"))
        assert isinstance(data["ttl"], int) and 3590 < data["ttl"] <= 3600
        assert isinstance(data["creation_time"], int) and data["expire_time"].endswith("Z") and data["issue_time"].endswith("Z")
        assert not {"period", "role", "bound_cidrs", "last_renewal"} & set(data)
        same(daemon.get("auth/token/lookup-self", token=token).data["id"], token)
        by_accessor = daemon.put("auth/token/lookup-accessor", {"accessor": accessor}).data
        same((by_accessor["id"], by_accessor["accessor"]), ("", accessor))
        keys = daemon.request("LIST", "auth/token/accessors").data["keys"]
        assert accessor in keys and keys == sorted(keys)
        same(daemon.get("auth/token/accessors/?list=true").data["keys"], keys)


def test_root_children():
    with root() as daemon:
        auth = create(daemon)
        same((auth["policies"], auth["lease_duration"], auth["renewable"]), (["root"], 0, False))
        same(daemon.get("auth/token/lookup-self", token=auth["client_token"]).data["expire_time"], None)
        refused(daemon.put("auth/token/renew-self", {}), 400, "lease is not renewable")
        same(create(daemon, ttl="30m", explicit_max_ttl="5m", policies=["a"])["lease_duration"], 300)
        same(create(daemon, period="30m", policies=["a"])["lease_duration"], 1800)
        same(create(daemon, policies=["a"], no_default_policy=True)["policies"], ["a"])
        same(create(daemon, policies=["a"], ttl="9000h")["lease_duration"], 768 * 3600)
        same(create(daemon, path="create-orphan")["orphan"], True)
        same(create(daemon, no_parent=True)["orphan"], True)
        # an expiring root token makes none that does not
        short = create(daemon, ttl="1h")["client_token"]
        refused(daemon.put("auth/token/create", {}, token=short), 400, "expiring root tokens cannot create non-expiring root tokens")


def test_bad_bodies():
    canary = "vlt_svc_" + "C" * 49
    with root() as daemon:
        for body in ({"ttl": -1}, {"ttl": "x"}, {"ttl": 1 << 62}, {"period": "-5s"}, {"explicit_max_ttl": -1}, {"num_uses": -1},
                     {"num_uses": "many"}, {"policies": 5}, {"policies": [5]}, {"policies": ["a"] * 65}, {"policies": ["x" * 129]},
                     {"meta": ["a"]}, {"meta": {"a": 1}}, {"meta": {str(i): "" for i in range(65)}}, {"display_name": "x" * 64},
                     {"type": "other"}, {"renewable": "perhaps"}, {"id": "vlt_svc_x"}, {"id": "a b"}, {"id": "x" * 129},
                     {"entity_alias": "x"}, b"[]", b"{", b'{"ttl":1,"ttl":2}'):
            answer = daemon.put("auth/token/create", body)
            same(answer.status, 400)
        for path in ("lookup", "renew", "revoke", "lookup-accessor", "renew-accessor", "revoke-accessor", "revoke-orphan"):
            same(daemon.put("auth/token/" + path, {}).status, 400)
            member = "accessor" if "accessor" in path else "token"
            answer = daemon.put("auth/token/" + path, {member: canary})
            assert canary.encode() not in answer.body, answer
            same(daemon.put("auth/token/" + path, {member: 7}).status, 400)
            assert canary.encode() not in daemon.put("auth/token/" + path, b'{"token": "' + canary.encode()).body
        refused(daemon.put("auth/token/lookup", {"token": canary}), 403, "bad token")
        refused(daemon.put("auth/token/lookup-accessor", {"accessor": "00" * 16}), 400, "invalid accessor")
        refused(daemon.put("auth/token/renew", {"token": canary}), 400, "token not found")
        refused(daemon.put("auth/token/revoke-accessor", {}), 400, "missing accessor")
        refused(daemon.put("auth/token/revoke-accessor", {"accessor": "zz"}), 400, "invalid accessor")
        refused(daemon.put("auth/token/revoke-orphan", {"token": canary}), 400, "token to revoke not found")
        same(daemon.put("auth/token/revoke", {"token": canary}).status, 204)
        assert canary not in daemon.log()


def test_leak_scanners_find_them():
    with open(os.path.join(vault.TOP, "docs/operations.md"), encoding="utf-8") as text:
        expressions = re.findall(r"^vlt_\S+$", text.read(), re.M)
    same(len(expressions), 2)
    with root() as daemon:
        tokens = [daemon.root_token, create(daemon)["client_token"], create(daemon, type="batch", policies=["a"])["client_token"],
                  create(daemon, type="batch", policies=["p%d" % i for i in range(60)], meta={"k": "v" * 400})["client_token"]]
        for token in tokens:
            line = f'export VAULT_TOKEN="{token}" # ci'
            assert any(re.search(e, line) and re.search(e, line).group() == token for e in expressions), token


def test_renew():
    with root() as daemon:
        auth = create(daemon, policies=["a"], ttl="1h", explicit_max_ttl="2h")
        token, accessor = auth["client_token"], auth["accessor"]
        renewed = daemon.put("auth/token/renew", {"token": token, "increment": "30m"}).json["auth"]
        same((sorted(renewed), renewed["lease_duration"], renewed["client_token"]), (AUTH, 1800, token))
        same(daemon.put("auth/token/renew-accessor", {"accessor": accessor, "increment": 60}).json["auth"]["lease_duration"], 60)
        same(daemon.put("auth/token/renew", {"token": token}).json["auth"]["lease_duration"], 3600)
        answer = daemon.put("auth/token/renew", {"token": token, "increment": "100h"})
        assert 7190 < answer.json["auth"]["lease_duration"] <= 7200 and len(answer.json["warnings"]) == 1, answer
        same(daemon.put("auth/token/renew", {"token": token, "increment": -1}).status, 400)
        assert daemon.put("auth/token/lookup", {"token": token}).data["last_renewal_time"] > 0
        fixed = create(daemon, policies=["a"], renewable=False)["client_token"]
        refused(daemon.put("auth/token/renew", {"token": fixed}), 400, "lease is not renewable")


def test_revoke():
    with root() as daemon:
        parent = create(daemon, policies=["root"], ttl="1h")
        child = create(daemon, token=parent["client_token"], policies=["a"])
        orphan = create(daemon, token=parent["client_token"], path="create-orphan", policies=["a"])
        middle = create(daemon, token=parent["client_token"], policies=["root"], ttl="1h")
        below = create(daemon, token=middle["client_token"], policies=["a"])
        lookup = lambda auth: daemon.put("auth/token/lookup", {"token": auth["client_token"]}).status
        same(daemon.put("auth/token/revoke-orphan", {"token": middle["client_token"]}).status, 204)
        same((lookup(middle), lookup(below)), (403, 200))
        same(daemon.put("auth/token/lookup", {"token": below["client_token"]}).data["orphan"], True)
        same(daemon.put("auth/token/revoke-accessor", {"accessor": parent["accessor"]}).status, 204)
        same((lookup(parent), lookup(child), lookup(orphan)), (403, 403, 200))
        same(daemon.get("auth/token/lookup-self", token=child["client_token"]).status, 403)
        own = create(daemon)["client_token"]
        same(daemon.put("auth/token/revoke-self", None, token=own).status, 204)
        same(daemon.get("auth/token/lookup-self", token=own).status, 403)
        # it stays so when the daemon was killed
        daemon.kill()
        daemon.start().unseal()
        same((lookup(parent), lookup(child), lookup(orphan)), (403, 403, 200))
        same(daemon.get("auth/token/lookup-self", token=own).status, 403)
        same(daemon.put("auth/token/tidy", {}).status, 202)


def test_a_large_tree_that_is_cut_off():
    """More tokens than one commit deletes: killed at once, none of them lives afterwards."""
    with root() as daemon:
        parent = create(daemon, policies=["root"], ttl="1h")
        with daemon.connect() as stream:
            children = [daemon.request("PUT", "auth/token/create", {"policies": ["a"]}, token=parent["client_token"], stream=stream)
                        .json["auth"]["client_token"] for _ in range(330)]
        same(daemon.put("auth/token/revoke-accessor", {"accessor": parent["accessor"]}).status, 204)
        daemon.kill()
        daemon.start().unseal()
        with daemon.connect() as stream:
            for child in children:
                same(daemon.request("GET", "auth/token/lookup-self", token=child, stream=stream).status, 403)
        same(len(daemon.request("LIST", "auth/token/accessors").data["keys"]), 1)


def test_uses():
    with root() as daemon:
        token = create(daemon, num_uses=2)["client_token"]
        same(daemon.get("auth/token/lookup-self", token=token).data["num_uses"], 1)
        same(daemon.get("auth/token/lookup-self", token=token).data["num_uses"], 0)
        same(daemon.get("auth/token/lookup-self", token=token).status, 403)
        # a denied request costs a use as well
        token = create(daemon, num_uses=1, policies=["nothing"])["client_token"]
        same(daemon.get("secret/data/x", token=token).status, 403)
        same(daemon.get("auth/token/lookup-self", token=token).status, 403)
        refused(daemon.put("auth/token/create", {}, token=create(daemon, num_uses=5)["client_token"]), 400,
                "restricted use token cannot generate child tokens")


def test_uses_at_the_same_time():
    with root() as daemon:
        for uses in (1, 5):
            token, seen = create(daemon, num_uses=uses)["client_token"], []
            gate = threading.Barrier(32)

            def use():
                with daemon.connect() as stream:
                    gate.wait()
                    seen.append(daemon.request("GET", "auth/token/lookup-self", token=token, stream=stream).status)

            threads = [threading.Thread(target=use) for _ in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            same(sorted(seen), [200] * uses + [403] * (32 - uses))


def test_over_the_socket_without_a_token():
    with vault.personal() as daemon:
        auth = create(daemon, policies=["a"])
        same((auth["orphan"], daemon.get("auth/token/lookup-self").data["policies"]), (True, ["root"]))
        same(daemon.put("auth/token/renew-self", {}).status, 400)
        same(daemon.put("auth/token/revoke-self", None).status, 400)


vault.main(globals())
