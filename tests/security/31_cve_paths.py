#!/usr/bin/env python3
"""Paths and policies that have let somebody past in other secret managers: each test names the advisory it stands for."""
import json

from routes import MERGE, vault

DAEMON = vault.personal()
COUNT = 0
VERBS = ("GET", "HEAD", "LIST", "PUT", "POST", "PATCH", "DELETE")


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def root(method, path, body=None, status=(200, 204)):
    answer = DAEMON.request(method, path, body, token=DAEMON.root_token, headers=MERGE if method == "PATCH" else None)
    assert answer.status in status, (method, path, answer)
    return answer


def token_with(*policies, **options):
    """Each policy is a dict of path: capabilities, or text."""
    global COUNT
    names = []
    for policy in policies:
        COUNT += 1
        names.append(f"cve-{COUNT}")
        text = policy if isinstance(policy, str) else json.dumps({"path": {path: {"capabilities": c} for path, c in policy.items()}})
        root("PUT", f"sys/policies/acl/{names[-1]}", {"policy": text})
    return root("POST", "auth/token/create", {"policies": names or ["cve-none"], "no_default_policy": True, "ttl": "1h", **options}).json["auth"]["client_token"]


def ask(token, method, path, body=None, headers=None):
    if method == "HEAD":
        with DAEMON.connect(20) as stream:
            stream.sendall(f"HEAD /v1/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Vault-Token: {token}\r\n\r\n".encode())
            return vault.read_answer(stream)
    if body is None and method in ("PUT", "POST", "PATCH"):
        body = {"data": {"A": "changed"}}
    return DAEMON.request(method, path, body, token=token, headers={**(MERGE if method == "PATCH" else {}), **(headers or {})})


def may(token, method, path, **more):
    """Whether a policy lets it through, whatever comes of it then."""
    answer = ask(token, method, path, **more)
    assert answer.status < 500, (method, path, answer)
    return answer.status != 403


ALL = ["create", "read", "update", "patch", "delete", "list", "sudo"]


def test_CVE_2026_3605_dot_segments_never_leave_the_granted_tree():
    """HCSEC-2026-05: refused before any policy is asked, for every verb, whoever asks."""
    DAEMON.write("victim/x", {"A": "kept"})
    DAEMON.write("mine/x", {"A": "1"})
    before = root("GET", "secret/metadata/victim/x").data
    token = token_with({f"secret/{kind}/mine/*": ALL for kind in ("data", "metadata", "delete", "destroy", "undelete", "resolve")}, {"sys/mounts/mine/*": ALL})
    for dots in ("mine/../victim/x", "mine/%2e%2e/victim/x", "mine/.%2e/victim/x", "mine/..%2fvictim/x", "mine/%2e%2e%2fvictim/x", "mine/x/../../victim/x",
                 "mine/./../victim/x", "mine//../victim/x", "mine/..;/victim/x", "mine/%252e%252e/victim/x", "mine/..%5cvictim/x", "mine/x/..",
                 "mine/%c0%ae%c0%ae/victim/x", "mine/..%00/victim/x", "mine/．．/victim/x".encode().decode("latin-1"), "mine/x/.", "mine/\\../victim/x"):
        for kind in ("data", "metadata", "delete", "destroy"):
            for verb in VERBS:
                for who in (token, DAEMON.root_token, "hvs.none"):
                    answer = ask(who, verb, f"secret/{kind}/{dots}", body={"versions": [1], "data": {"A": "2"}} if verb in ("PUT", "POST", "PATCH") else None)
                    assert answer is not None and answer.status == 400, (verb, kind, dots, answer)
    same(root("GET", "secret/metadata/victim/x").data, before)
    same(DAEMON.read("victim/x"), {"A": "kept"})


def test_dot_segments_in_bodies_and_names():
    token = token_with({"sys/remount": ALL, "sys/mounts/mine/*": ALL, "sys/policies/acl/mine-*": ALL, "sys/policy/mine-*": ALL,
                        "sys/capabilities-self": ["update"]})
    for name in ("mine/../secret", "mine/..", "../secret", "mine/./x", "mine//x", "mine/x\u0000", "mine/%2e%2e/x", ".", "..", "/", "", "mine/\u202e"):
        answer = root("POST", "sys/remount", {"from": "secret", "to": name}, status=(400,))
        assert answer.status == 400, (name, answer)
        root("POST", "sys/remount", {"from": name, "to": "elsewhere"}, status=(400, 404))
        answer = DAEMON.put("sys/capabilities-self", {"paths": [name, "secret/data/" + name]}, token=token)
        assert answer.status == 400 or all(c == ["deny"] for path, c in answer.data.items() if path != "capabilities"), (name, answer)
    for name in ("mine-%2e%2e", "mine-..", "mine-/../root", "mine-%2froot", "..", "%2e", "mine-x/../../mounts/secret"):
        for verb in ("GET", "PUT", "DELETE"):
            for kind in ("sys/policies/acl/", "sys/policy/", "sys/mounts/mine/"):
                answer = ask(token, verb, kind + name, body={"policy": "", "type": "kv"} if verb == "PUT" else None)
                assert answer.status in (400, 403, 404) or name == "mine-..", (verb, kind, name, answer)
    for text in ('path "secret/data/mine/../*" { capabilities = ["read"] }', 'path "secret//data" { capabilities = ["read"] }',
                 'path "secret/data/./x" { capabilities = ["read"] }', 'path "secret/data/%2e%2e/*" { capabilities = ["read"] }'):
        root("PUT", "sys/policies/acl/dots", {"policy": text}, status=(400,))
    assert "secret/" in root("GET", "sys/mounts").data


def test_CVE_2025_5999_CVE_2025_64761_nothing_becomes_root_by_its_spelling():
    creator = token_with({"auth/token/create": ALL, "auth/token/create/*": ALL, "auth/token/create-orphan": ALL, "auth/token/roles/*": ALL,
                          "sys/policies/acl/*": ALL})
    spellings = ("root", "Root", "ROOT", " root", "root ", "\troot", "root\n", " ROOT ", "rooT", "ｒｏｏｔ", "rооt", "ROOT\u00a0", "root\u200b", "ro\u00adot",
                 "ŕoot", "root.", "root/", "./root", "root\u0000", "root\u0000x", "ʀᴏᴏᴛ", "r%6fot", "root,root", "default,root", "\ufeffroot", "RＯOT")
    before = [DAEMON.get(path, token=creator).status for path in ("sys/mounts", "secret/data/victim/x")]
    same(before, [403, 403])
    for spelling in spellings:
        for path in ("auth/token/create", "auth/token/create-orphan"):
            for policies in ([spelling], spelling, ["default", spelling]):
                answer = DAEMON.put(path, {"policies": policies, "ttl": "1m"}, token=creator)
                if answer.status == 200:
                    made = answer.json["auth"]
                    assert "root" not in made["policies"], (spelling, answer)
                    same(DAEMON.get("sys/mounts", token=made["client_token"]).status, 403)
                else:
                    assert answer.status in (400, 403), (spelling, answer)
        for kind in ("sys/policies/acl/",):
            name = spelling.strip().replace("\u0000", "%00").replace("/", "%2f")
            if name.isascii() and name and "\n" not in spelling and "\t" not in spelling:
                answer = ask(creator, "PUT", kind + name, body={"policy": 'path "nothing" { capabilities = ["read"] }'})
                assert answer.status in (400, 204), (spelling, answer)
        role = DAEMON.put("auth/token/roles/cve", {"allowed_policies": [spelling], "allowed_policies_glob": ["*"]}, token=creator)
        if role.status in (200, 204):
            answer = DAEMON.put("auth/token/create/cve", {"policies": [spelling]}, token=creator)
            if answer.status == 200:
                same(DAEMON.get("sys/mounts", token=answer.json["auth"]["client_token"]).status, 403)
    same(root("GET", "sys/policies/acl/root", status=(200, 404)).status in (200, 404), True)
    same(DAEMON.request("PUT", "sys/policies/acl/root", {"policy": ""}, token=DAEMON.root_token).status, 400)
    same(DAEMON.request("PUT", "sys/policies/acl/ROOT", {"policy": ""}, token=DAEMON.root_token).status, 400)
    same(DAEMON.get("sys/mounts", token=creator).status, 403)


def test_deny_is_judged_in_the_case_that_storage_uses():
    """Vault 2.2.2: a deny in one case, a request in the other, one secret."""
    DAEMON.write("case/Prod", {"A": "upper"})
    DAEMON.write("case/prod", {"A": "lower"})
    token = token_with({"secret/data/case/*": ["read"], "secret/data/case/Prod": ["deny"]})
    same(ask(token, "GET", "secret/data/case/Prod").status, 403)
    same(ask(token, "GET", "secret/data/case/prod").data["data"], {"A": "lower"})
    for spelling in ("case/PROD", "case/pRod", "Case/Prod", "CASE/Prod"):
        assert ask(token, "GET", f"secret/data/{spelling}").status in (403, 404)
    for spelling in ("Secret/data/case/Prod", "SECRET/data/case/Prod", "secret/Data/case/Prod", "secret/DATA/case/Prod"):
        assert ask(token, "GET", spelling).status == 403, spelling
    same(ask(token, "GET", "secret/data/case/%50rod").status, 403)  # one spelling of the same bytes


def test_GHSA_xp3c_3jw3_4vcr_a_listing_does_not_escape_a_more_specific_deny():
    for name in ("shop/x1", "shop/x1/deep", "shop/y", "other/x2/deep"):
        DAEMON.write(name, {})
    token = token_with({"secret/metadata/+/*": ["list", "read"], "secret/metadata/+/x*": ["deny"]})
    for path in ("secret/metadata/shop/x1", "secret/metadata/shop/x1/", "secret/metadata/other/x2", "secret/metadata/other/x2/"):
        same(ask(token, "LIST", path).status, 403)
        same(ask(token, "GET", path + "?list=true").status, 403)
    same(ask(token, "LIST", "secret/metadata/shop/").status, 200)
    for rules in ({"secret/metadata/shop/": ["deny"]}, {"secret/metadata/shop": ["deny"]}, {"secret/metadata/shop/*": ["deny"]}):
        denied = token_with({"secret/metadata/*": ["list"]}, rules)
        for path in ("secret/metadata/shop", "secret/metadata/shop/"):
            status = ask(denied, "LIST", path).status
            assert status == 403, (rules, path, status)


def test_GHSA_59w7_v8rr_pr4p_templates_in_policies_are_refused():
    for text in ('path "secret/data/{{identity.entity.name}}/*" { capabilities = ["read"] }', 'path "secret/{{x}}" { capabilities = ["read"] }'):
        root("PUT", "sys/policies/acl/template", {"policy": text}, status=(400,))
    same(root("GET", "sys/policies/acl/template", status=(404,)).status, 404)


def test_GHSA_mwr2_wmgp_crj6_namespaces_have_one_name():
    DAEMON.write("victim/x", {"A": "kept"})
    for name in ("root/../x", "root//", "/root", "root/x", "ROOT", "./root", "root%2f", " team", "root/."):
        assert DAEMON.get("secret/data/victim/x", token=DAEMON.root_token, headers={"X-Vault-Namespace": name}).status in (400, 403, 404), name
    token = token_with({"secret/data/mine/*": ALL})
    for name in ("", "root", "root/", "/"):
        same(DAEMON.get("secret/data/victim/x", token=token, headers={"X-Vault-Namespace": name}).status, 403)


def test_one_spelling_for_whoever_judges_and_whoever_stores():
    """NUL, escaped slashes, double escapes, semicolons, absolute targets: no second way to a denied path."""
    DAEMON.write("victim/x", {"A": "kept"})
    token = token_with({"secret/data/*": ["read", "list"], "secret/data/victim/x": ["deny"], "secret/data/victim": ["deny"]})
    for target in ("secret/data/victim/x", "secret/data/victim/%78", "secret/data/%76ictim/x", "secret/data/victim%2fx", "secret/data/victim%2Fx",
                   "secret/data//victim/x", "secret/data/victim//x", "secret/data/victim/x/", "secret/data/victim/x%00", "secret/data/victim/x%00y",
                   "secret/data/victim/x;y", "secret/data/victim/x%3b", "secret/data/victim/x%20", "secret/data/victim/x?", "secret/data/victim/x?version=1",
                   "secret/data/victim/x%3fversion=1", "secret/data/victim/%2578", "secret/data/victim\\x", "secret/data/victim%5cx", "secret/data/victim/x#y"):
        answer = ask(token, "GET", target)
        assert answer.status in (400, 403), (target, answer)
    for target in ("http://h/v1/secret/data/victim/x", "//v1/secret/data/victim/x", "/V1/secret/data/victim/x", "*"):
        got = DAEMON.raw(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Vault-Token: {token}\r\n\r\n".encode(), timeout=10)
        assert got.split(b" ")[1] in (b"400", b"404") and b"kept" not in got, (target, got)


def test_CVE_2020_25594_mounts_that_are_there_and_those_that_are_not():
    """Nobody without rights can tell them apart, with any verb, below or at the mount."""
    token = token_with({"secret/data/mine/*": ["read"], "cubbyhole/*": ["read"]})
    root("POST", "sys/mounts/hidden", {"type": "kv-v2"})

    def shape(answer, name):
        text = answer.body.decode().replace(name, "NAME")
        return answer.status, text if "request_id" not in text else json.loads(text).get("errors")

    for verb in VERBS:
        for path in ("data/x", "metadata/x", "config", "x", "data/x/y/z", "none/x"):
            for who in (token, "hvs.none"):
                there = shape(ask(who, verb, "hidden/" + path), "hidden")
                same(there, shape(ask(who, verb, "absent/" + path), "absent"))
                same(there[0], 403)
    for kind in ("sys/internal/ui/mounts/", "sys/mounts/", "sys/mounts/%s/tune"):
        path = kind if "%s" in kind else kind + "%s"
        there = shape(ask(token, "GET", path % "hidden"), "hidden")
        same(there, shape(ask(token, "GET", path % "absent"), "absent"))
        same(there[0], 403)
    assert "hidden/" not in ask(token, "GET", "sys/internal/ui/mounts").body.decode()
    root("DELETE", "sys/mounts/hidden")


def test_CVE_2020_10661_the_more_specific_rule_decides():
    """Rules on a path and below it do not grant each other."""
    table = [
        ({"secret/data/a": ["read"]}, "secret/data/a", True),
        ({"secret/data/a": ["read"]}, "secret/data/a/b", False),
        ({"secret/data/a": ["read"]}, "secret/data/ab", False),
        ({"secret/data/a/": ["read"]}, "secret/data/a", False),
        ({"secret/data/a*": ["read"]}, "secret/data/a", True),
        ({"secret/data/a*": ["read"]}, "secret/data/ab/c", True),
        ({"secret/data/a/*": ["read"]}, "secret/data/a", False),
        ({"secret/data/a/*": ["read"]}, "secret/data/a/b/c", True),
        ({"secret/data/*": ["read"], "secret/data/a/*": ["list"]}, "secret/data/a/b", False),
        ({"secret/data/*": ["deny"], "secret/data/a/*": ["read"]}, "secret/data/a/b", True),
        ({"secret/data/a/b": ["read"], "secret/data/a/*": ["deny"]}, "secret/data/a/b", True),
        ({"secret/data/a/b": ["deny"], "secret/data/a/*": ["read"]}, "secret/data/a/b", False),
        ({"secret/data/+/b": ["read"]}, "secret/data/a/b", True),
        ({"secret/data/+/b": ["read"]}, "secret/data/a/c/b", False),
        ({"secret/data/+": ["read"]}, "secret/data/a/b", False),
        ({"secret/data/+/b": ["deny"], "secret/data/*": ["read"]}, "secret/data/a/b", False),
        ({"secret/data/+/b": ["read"], "secret/data/a/b": ["deny"]}, "secret/data/a/b", False),
        ({"secret/data/+/*": ["read"], "secret/data/a/*": ["deny"]}, "secret/data/a/b", False),
        ({"secret/data/+/*": ["deny"], "secret/data/a/*": ["read"]}, "secret/data/a/b", True),
        ({"secret/+/a/b": ["deny"], "secret/data/+/b": ["read"]}, "secret/data/a/b", True),
        ({"secret/*": ["read"], "+/data/a/b": ["deny"]}, "secret/data/a/b", True),
        ({"*": ["read"]}, "secret/data/a/b", True),
        ({"": ["read"]}, "secret/data/a/b", False),
    ]
    for rules, path, allowed in table:
        if rules == {"": ["read"]}:
            continue
        token = token_with(rules)
        same((rules, path, may(token, "GET", path)), (rules, path, allowed))


def test_deny_wins_over_every_other_policy():
    token = token_with({"secret/data/a": ALL}, {"secret/data/a": ["deny"]}, {"secret/data/a": ["read"]}, {"secret/data/*": ALL})
    for verb in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        same(ask(token, verb, "secret/data/a").status, 403)


def test_capabilities_are_not_mixed_between_rules_of_different_paths():
    token = token_with({"secret/data/*": ["update", "create"], "secret/data/a/*": ["read"]})
    same(may(token, "PUT", "secret/data/a/b"), False)
    same(may(token, "GET", "secret/data/a/b"), True)
    same(may(token, "PUT", "secret/data/c"), True)
    same(may(token, "GET", "secret/data/c"), False)


def test_creating_and_updating_are_two_rights():
    DAEMON.write("rights/old", {"A": "1"})
    creator, updater = token_with({"secret/data/rights/*": ["create"]}), token_with({"secret/data/rights/*": ["update"]})
    same(may(creator, "PUT", "secret/data/rights/new"), True)
    same(may(creator, "PUT", "secret/data/rights/new"), False)
    same(may(creator, "PUT", "secret/data/rights/old"), False)
    same(may(updater, "PUT", "secret/data/rights/old"), True)
    same(may(updater, "PUT", "secret/data/rights/newer"), False)
    same(root("GET", "secret/metadata/rights/newer", status=(404,)).status, 404)
    roles = "auth/token/roles/"
    creator, updater = token_with({roles + "*": ["create"]}), token_with({roles + "*": ["update"]})
    same([may(who, "PUT", roles + "rights", body={"renewable": True}) for who in (updater, creator, creator, updater)], [False, True, False, True])


def test_names_that_hold_dots_or_signs_are_names():
    """Vault 0.11.3: what holds a dot is no other thing."""
    for name in ("a.b", "a..b", "a.", "a-b", "a_b", "_a", "v1.2.3"):
        DAEMON.write(f"dots/{name}", {"N": name})
        token = token_with({f"secret/data/dots/{name}": ["read"]})
        same(ask(token, "GET", f"secret/data/dots/{name}").data["data"], {"N": name})
        same(ask(token, "GET", "secret/data/dots/other").status, 403)


def test_stops_cleanly():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


vault.main(globals(), "paths:")
