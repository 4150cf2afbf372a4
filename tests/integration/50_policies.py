#!/usr/bin/env python3
"""Policies over HTTP: Vault's answers, what is refused, what sets of policies give, and why. A real daemon.

# tier: quick
"""
import base64
import json
import os

import vault

RULES = 'path "secret/data/shop/*" {\n  capabilities = ["read", "create"]\n}\n# Grüße\npath "secret/data/shop/prod" { capabilities = ["deny"] }\n'
DENIED = ["1 error occurred:\n\t* permission denied\n\n"]


def same(got, expected):
    assert got == expected, f"{got!r} instead of {expected!r}"


daemon = vault.personal()


def request(method, path, body=None, **more):
    return daemon.request(method, path, body, **more)


def put(name, text, **more):
    return daemon.put("sys/policies/acl/" + name, {"policy": text}, **more)


def test_written_and_read_as_vault_answers():
    same((put("shop", RULES).status, put("shop", RULES).body), (204, b""))
    answer = daemon.get("sys/policies/acl/shop")
    same(answer.data, {"name": "shop", "policy": RULES})
    same(sorted(answer.json), sorted(["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"]))
    old = daemon.get("sys/policy/shop").json
    same((old["data"], old["name"], old["rules"]), ({"name": "shop", "rules": RULES}, "shop", RULES))
    for method in ("POST", "PUT"):
        same(request(method, "sys/policy/old", {"rules": "# old"}).status, 204)
    same(daemon.get("sys/policies/acl/old").data, {"name": "old", "policy": "# old"})
    for answer in (daemon.get("sys/policies/acl"), request("LIST", "sys/policies/acl"), request("LIST", "sys/policies/acl/"),
                   daemon.get("sys/policies/acl?list=true")):
        same(answer.data, {"keys": ["default", "old", "shop", "root"]})
    for answer in (daemon.get("sys/policy"), request("LIST", "sys/policy")):
        same(answer.data, {"keys": ["default", "old", "shop", "root"], "policies": ["default", "old", "shop", "root"]})
        same(answer.json["policies"], ["default", "old", "shop", "root"])
    same([request("DELETE", "sys/policy/old").status for _ in range(2)], [204, 204])
    for path in ("sys/policies/acl/old", "sys/policy/old"):
        answer = daemon.get(path)
        same((answer.status, answer.errors), (404, []))


def test_names_are_small_letters():
    same(put("Team-A", RULES).status, 204)
    same(daemon.get("sys/policies/acl/TEAM-a").data["name"], "team-a")
    assert "team-a" in daemon.get("sys/policies/acl").data["keys"]
    same(request("DELETE", "sys/policies/acl/TEAM-A").status, 204)
    same(daemon.get("sys/policies/acl/team-a").status, 404)
    for bad in ("a/b", "a@b", "-a", ".a", "a:b", "x" * 129, "ROOT", "Root", "rooT"):
        same(put(bad, RULES).status, 400)
        same(daemon.get("sys/policies/acl/" + bad).status, 400)
    same(put("x" * 128, RULES).status, 204)
    same(request("DELETE", "sys/policies/acl/" + "x" * 128).status, 204)


def test_root_and_default():
    same(daemon.get("sys/policies/acl/root").data, {"name": "root", "policy": ""})
    answer = put("root", RULES)
    same((answer.status, answer.errors), (400, ['cannot update "root" policy']))
    for name in ("root", "default"):
        answer = request("DELETE", "sys/policies/acl/" + name)
        same((answer.status, answer.errors), (400, [f'cannot delete "{name}" policy']))
    same(put("response-wrapping", RULES).status, 400)
    before = daemon.get("sys/policies/acl/default").data["policy"]
    assert 'path "auth/token/lookup-self"' in before
    same(put("default", "# mine").status, 204)
    same(daemon.get("sys/policies/acl/default").data["policy"], "# mine")
    same(put("default", before).status, 204)


def test_forms_of_a_text():
    for text in (RULES, json.dumps({"path": {"a/b": {"capabilities": ["read"]}}})):
        same(put("form", base64.b64encode(text.encode()).decode()).status, 204)
        same(daemon.get("sys/policies/acl/form").data["policy"], text)
        same(put("form", base64.encodebytes(text.encode()).decode()).status, 204)
        same(daemon.get("sys/policies/acl/form").data["policy"], text)
        same(put("form", text).status, 204)
        same(daemon.get("sys/policies/acl/form").data["policy"], text)
    for body in ({}, {"policy": ""}, {"policy": None}, {"policy": 7}, {"policy": ["x"]}, {"text": RULES}):
        answer = daemon.put("sys/policies/acl/form", body)
        same((answer.status, answer.errors), (400, ["'policy' parameter not supplied or empty"]))
    same(daemon.put("sys/policies/acl/form", b"[]").status, 400)
    same(daemon.put("sys/policies/acl/form", b'{"policy":"#","policy":"#"}').status, 400)
    long = "#" + "ä" * 32767  # 65,535 bytes, escaped below to six times as much
    same(put("form", long).status, 204)
    same(daemon.get("sys/policies/acl/form").data["policy"], long)
    same(put("form", long + "xx").status, 413)
    same(put("form", "x" * 500000).status, 413)


def test_what_is_refused_is_named_and_not_quoted():
    for text, part in (('path "a" {\n  allowed_parameters = {}\n}', "line 2, column 3: allowed_parameters is not supported"),
                       ('path "a/{{identity.entity.id}}" {}', "templates"), ('path "canary" { canary = 1 }', "only the members"),
                       ('path "canary/../b" {}', "no request can have this path"), ('{"path":{"a":{"capabilities":["canary"]}}}', "a capability is"),
                       ('path "a*b" {}', "'*' may stand only at the end"), ('path "a" {', "closing brace")):
        answer = put("bad", text)
        same(answer.status, 400)
        assert part in answer.errors[0] and "canary" not in answer.errors[0], answer.errors
    for name, value in (("expiration", "2030-01-01T00:00:00Z"), ("ttl", "1h"), ("cas", 0), ("cas_required", True)):
        for path in ("sys/policies/acl/bad", "sys/policy/bad"):
            answer = request("PUT", path, {"policy": 'path "a" {}', name: value})
            same((answer.status, answer.errors), (400, [f"{name} is not supported for policies"]))
    same(daemon.get("sys/policies/acl/bad").status, 404)
    same(request("PUT", "sys/policies/acl/good", {"policy": 'path "a" {}', "ttl": "", "cas": None, "cas_required": False}).status, 204)
    assert "canary" not in daemon.log()
    request("DELETE", "sys/policies/acl/good")


def capabilities(paths, **more):
    return request("POST", "sys/capabilities-self", paths, **more)


def test_capabilities_of_root():
    answer = capabilities({"paths": ["secret/data/a", "sys/seal", "secret/data/a"]})
    same(answer.data, {"secret/data/a": ["root"], "sys/seal": ["root"]})
    same(answer.json["sys/seal"], ["root"])
    answer = capabilities({"path": "secret/data/a"})
    same(answer.data, {"secret/data/a": ["root"], "capabilities": ["root"]})
    same(answer.json["capabilities"], ["root"])
    same(capabilities({"paths": "a,b/c"}).data, {"a": ["root"], "b/c": ["root"]})
    same(capabilities({"path": "/secret/data/a"}).data, {"/secret/data/a": ["root"], "capabilities": ["root"]})
    answer = capabilities({"paths": ["auth"]})  # a name of the envelope's
    same((answer.data, answer.json["auth"]), ({"auth": ["root"], "capabilities": ["root"]}, None))
    same(capabilities({"paths": ["capabilities"]}).data, {"capabilities": ["root"]})
    same(capabilities({"paths": [f"p/{i}" for i in range(256)]}).status, 200)
    for bad in ({}, {"paths": []}, {"paths": [""]}, {"paths": ["/"]}, {"paths": [7]}, {"paths": {}}, {"path": "a/../b"}, {"path": "a//b"}, {"path": "a/./b"},
                {"path": "a%2Fb"}, {"path": "a b"}, {"path": "a\u0000b"}, {"path": "ä"}, {"path": "a*"}, {"path": "//a"}, {"path": "x" * 4097},
                {"paths": [f"p/{i}" for i in range(257)]}, {"paths": ["a,b", "a/../b"]}):
        same(capabilities(bad).status, 400)
    root = {"token": daemon.root_token, "paths": ["a"]}
    same(request("POST", "sys/capabilities", root).data, {"a": ["root"], "capabilities": ["root"]})
    accessor = daemon.get("auth/token/lookup-self", token=daemon.root_token).data["accessor"]
    same(request("POST", "sys/capabilities-accessor", {"accessor": accessor, "paths": ["a"]}).data["a"], ["root"])
    for path, member, sentence in (("sys/capabilities", "token", "invalid token"), ("sys/capabilities-accessor", "accessor", "invalid accessor")):
        answer = request("POST", path, {member: "none", "paths": ["a"]})
        same((answer.status, answer.errors), (400, [sentence]))
        answer = request("POST", path, {"paths": ["a"]})
        same((answer.status, answer.errors), (400, ["missing " + member]))
    same(daemon.get("sys/internal/ui/resultant-acl").data, {"exact_paths": {}, "glob_paths": {}, "root": True})


def explain(path, capability, **more):
    return request("POST", "sys/policy/explain", dict({"path": path, "capability": capability}, **more))


def test_explain():
    same(put("team", 'path "secret/data/shop/*" { capabilities = ["update"] }').status, 204)
    both = {"policies": ["shop", "Team"]}
    given = explain("secret/data/shop/dev", "read", **both).data
    rule = {"path": "secret/data/shop/*", "capabilities": ["create", "read", "update"],
            "policies": {"shop": ["create", "read"], "team": ["update"]}}
    same((given["allowed"], given["rule"], given["nearest"]), (True, rule, None))
    missing = explain("secret/data/shop/dev", "delete", **both).data
    same((missing["allowed"], missing["rule"], missing["nearest"]), (False, rule, rule))
    denied = explain("secret/data/shop/prod", "read", **both).data
    same((denied["allowed"], denied["rule"], denied["nearest"]),
         (False, {"path": "secret/data/shop/prod", "capabilities": ["deny"], "policies": {"shop": ["deny"]}}, rule))
    assert "denies" in denied["reason"]
    nothing = explain("sys/seal", "sudo", **both).data
    same((nothing["allowed"], nothing["rule"], nothing["nearest"]), (False, None, None))
    same(explain("sys/seal", "sudo").data["reason"], "root may everything")
    same(explain("sys/seal", "sudo", token=daemon.root_token).data["allowed"], True)
    same(explain("sys/seal", "sudo", policies="root").data["allowed"], True)
    for bad in ({"path": "a"}, {"capability": "read"}, {"path": "a", "capability": "deny"}, {"path": "a/../b", "capability": "read"},
                {"path": "a", "capability": "read", "policies": []}, {"path": "a", "capability": "read", "policies": ["ROOT"]},
                {"path": "a", "capability": "read", "policies": ["shop"] * 65}, {"path": "a", "capability": "read", "token": "none"},
                {"path": "a", "capability": "read", "token": "x", "policies": ["shop"]}, {"path": "a", "capability": "read", "x": 1}):
        same(request("POST", "sys/policy/explain", bad).status, 400)
    same(explain("a", "read", policies=["none"]).status, 404)
    # The name is not lost for a policy.
    same(put("explain", "# mine").status, 204)
    same(daemon.get("sys/policy/explain").data["rules"], "# mine")
    same(request("DELETE", "sys/policy/explain").status, 204)


# -- tokens with policies -------------------------------------------------------

def token(*policies, **more):
    answer = request("POST", "auth/token/create", dict({"policies": list(policies), "ttl": "1h"}, **more))
    same(answer.status, 200)
    return answer.json["auth"]["client_token"]


def test_a_token_gets_what_its_policies_give_and_nothing_else():
    same(put("shop", RULES).status, 204)
    daemon.write("shop/prod", {"A": "1"})
    daemon.write("shop/dev", {"A": "1"})
    reader = token("shop")
    same(daemon.get("secret/data/shop/dev", token=reader).data["data"], {"A": "1"})
    same(daemon.put("secret/data/shop/new", {"data": {"B": "2"}}, token=reader).status, 200)
    denied = [daemon.get("secret/data/shop/prod", token=reader), daemon.get("secret/data/shop/prod?version=1", token=reader),
              daemon.put("secret/data/shop/new", {"data": {"B": "3"}}, token=reader), request("DELETE", "secret/data/shop/dev", token=reader),
              request("PATCH", "secret/data/shop/dev", {"data": {}}, token=reader), daemon.get("secret/data/other", token=reader),
              daemon.get("secret/metadata/shop/dev", token=reader), request("LIST", "secret/metadata/shop", token=reader),
              daemon.get("secret/resolve/shop/prod", token=reader), daemon.get("sys/policies/acl", token=reader),
              daemon.get("sys/policies/acl/shop", token=reader), daemon.get("sys/policies/acl/none", token=reader),
              put("shop", "", token=reader), request("DELETE", "sys/policies/acl/shop", token=reader), daemon.get("sys/policy/shop", token=reader),
              daemon.get("no/such/mount", token=reader), request("POST", "sys/policy/explain", {"path": "a", "capability": "read", "policies": ["root"]}, token=reader),
              request("POST", "sys/capabilities", {"token": reader, "paths": ["a"]}, token=reader), daemon.put("sys/seal", {}, token=reader)]
    same({(a.status, tuple(a.errors)) for a in denied}, {(403, tuple(DENIED))})
    same(daemon.read("shop/new"), {"B": "2"})
    paths = ["secret/data/shop/dev", "secret/data/shop/prod", "secret/data/other", "auth/token/lookup-self"]
    expected = {"secret/data/shop/dev": ["create", "read"], "secret/data/shop/prod": ["deny"], "secret/data/other": ["deny"], "auth/token/lookup-self": ["read"]}
    same(capabilities({"paths": paths}, token=reader).data, expected)
    accessor = daemon.get("auth/token/lookup-self", token=reader).data["accessor"]
    same(request("POST", "sys/capabilities", {"token": reader, "paths": paths}).data, expected)
    same(request("POST", "sys/capabilities-accessor", {"accessor": accessor, "paths": paths}).data, expected)
    rules = daemon.get("sys/internal/ui/resultant-acl", token=reader).data
    same((rules["root"], rules["exact_paths"]["secret/data/shop/prod"], rules["glob_paths"]["secret/data/shop/"]),
         (False, {"capabilities": ["deny"]}, {"capabilities": ["create", "read"]}))


def test_a_change_counts_at_once():
    same(put("shifting", 'path "secret/data/shop/dev" { capabilities = ["read"] }').status, 204)
    one = token("shifting")
    same(daemon.get("secret/data/shop/dev", token=one).status, 200)
    same(put("shifting", 'path "secret/data/shop/dev" { capabilities = ["deny"] }').status, 204)
    same(daemon.get("secret/data/shop/dev", token=one).status, 403)
    same(put("shifting", 'path "secret/data/shop/*" { capabilities = ["read"] }').status, 204)
    same(daemon.get("secret/data/shop/prod", token=one).status, 200)
    same(request("DELETE", "sys/policies/acl/shifting").status, 204)
    same(daemon.get("secret/data/shop/dev", token=one).status, 403)


def test_list_with_and_without_a_slash():
    same(put("lists", 'path "secret/metadata/*" { capabilities = ["list"] }\npath "secret/metadata/shop/*" { capabilities = ["deny"] }').status, 204)
    one = token("lists")
    for path in ("secret/metadata/shop", "secret/metadata/shop/", "secret/metadata/shop?list=true"):
        same(request("GET" if "?" in path else "LIST", path, token=one).status, 403)
    for path in ("secret/metadata", "secret/metadata/"):
        same(request("LIST", path, token=one).data["keys"], ["shop/"])


def test_no_other_spelling_of_a_policy():
    same(put("keeper", 'path "sys/policies/acl/*" { capabilities = ["update", "read", "delete"] }\n'
                       'path "sys/policies/acl/shop" { capabilities = ["deny"] }').status, 204)
    one = token("keeper")
    same(put("other", "", token=one).status, 400)  # an empty text
    same(put("other", "# fine", token=one).status, 204)
    same(put("Other", "# fine", token=one).status, 204)
    for name in ("shop", "Shop", "SHOP"):
        for answer in (put(name, "# gone", token=one), daemon.get("sys/policies/acl/" + name, token=one),
                       request("DELETE", "sys/policies/acl/" + name, token=one)):
            same((answer.status, answer.errors), (403, DENIED))
    same(daemon.get("sys/policies/acl/shop").data["policy"], RULES)


def test_explain_tells_rules_to_those_who_may_read_them():
    same(put("asker", 'path "sys/policy/explain" { capabilities = ["update"] }\npath "sys/policies/acl/shop" { capabilities = ["read"] }').status, 204)
    one, shop, both = token("asker"), token("shop", no_default_policy=True), token("shop", "asker")
    about = {"path": "secret/data/shop/dev", "capability": "read"}
    ask = lambda **more: request("POST", "sys/policy/explain", dict(about, **more), token=one)
    same(ask().data["allowed"], False)
    same(ask(policies=["shop"]).data["allowed"], True)
    same(ask(token=shop).data["rule"]["path"], "secret/data/shop/*")
    for more in ({"policies": ["shop", "asker"]}, {"policies": ["none"]}, {"policies": ["root"]}, {"token": both}, {"token": daemon.root_token}):
        answer = ask(**more)
        same((answer.status, answer.errors), (403, DENIED))


def test_never_root():
    one = token("shop")
    for name in ("root", "Root", "ROOT", " root", "r\u043eot", "\uff52oot", "root\u200b"):
        answer = request("POST", "auth/token/create", {"policies": [name]}, token=one)
        assert answer.status in (400, 403), answer
    upper = request("POST", "auth/token/create", {"policies": ["SHOP"]}).json["auth"]
    same(upper["policies"], ["default", "shop"])
    same(daemon.get("secret/data/shop/dev", token=upper["client_token"]).status, 200)


def test_policies_outlive_a_restart():
    key = daemon.slot_key()
    assert key and daemon.stop() == 0
    daemon.start()
    same(daemon.get("sys/policies/acl").status, 503)
    same(daemon.unseal().status, 200)
    same(daemon.get("sys/policies/acl/shop").data, {"name": "shop", "policy": RULES})
    same(explain("secret/data/shop/dev", "read", policies=["shop"]).data["allowed"], True)
    same(daemon.get("sys/policies/acl/shop", token="none").errors, ["permission denied"])
    one = token("shop")
    same([daemon.get("secret/data/shop/" + name, token=one).status for name in ("dev", "prod")], [200, 403])


def test_the_file_does_not_tell_policies():
    for name in os.listdir(daemon.data):
        with open(os.path.join(daemon.data, name), "rb") as content:
            content = content.read()
        assert b"shop" not in content and b"capabilities" not in content, name


try:
    vault.main(globals(), "policies:")
finally:
    daemon.remove()
