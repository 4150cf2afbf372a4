#!/usr/bin/env python3
# sanitized: yes
"""Whoever has lost a right must not use what he began with it; whoever has none learns nothing from the way in which he is refused."""
import json
import threading
import time

from routes import ROUTES, vault

DAEMON = vault.personal()
DAEMON.token = DAEMON.root_token
MERGE = "Content-Type: application/merge-patch+json\r\n"
SHOP = 'path "secret/data/shop/*" { capabilities = ["read", "create", "update"] }'


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def policy(text):
    same(DAEMON.put("sys/policies/acl/shop", {"policy": text}).status, 204)


def token(policies, **more):
    answer = DAEMON.put("auth/token/create", dict({"policies": policies}, **more))
    same(answer.status, 200)
    return answer.json["auth"]


def revoke(auth):
    how = ("revoke", {"token": auth["client_token"]}) if auth["accessor"] == "" else ("revoke-accessor", {"accessor": auth["accessor"]})
    same(DAEMON.put("auth/token/" + how[0], how[1]).status, 204)


def waiting(auth, change, env="shop/a", wait="20s"):
    """What a blocked read is told after the change."""
    answers = []
    reader = threading.Thread(target=lambda: answers.append(DAEMON.get(f"secret/resolve/{env}?wait={wait}", token=auth["client_token"])))
    reader.start()
    time.sleep(0.3)
    change()
    reader.join()
    return answers[0]


def test_a_read_that_waits_ends_with_the_right_to_read():
    policy(SHOP)
    DAEMON.write("shop/a", {"A": "old"})
    endings = {
        "revoked": (token(["shop"]), revoke),
        "batch": (token(["shop"], type="batch"), revoke),
        "expired": (token(["shop"], ttl="1s"), lambda auth: time.sleep(1.2)),
        "policy": (token(["shop"]), lambda auth: policy('path "secret/data/other" { capabilities = ["read"] }')),
    }
    for word, (auth, end) in endings.items():
        def change(auth=auth, end=end, word=word):
            end(auth)
            DAEMON.write("shop/a", {"A": "new-" + word})
        answer = waiting(auth, change)
        same((word, answer.status), (word, 403))
        assert b"new-" not in answer.body, answer
    policy(SHOP)
    # who still may is told, in the last use of his token too
    for auth in (token(["shop"]), token(["shop"], num_uses=1), token(["shop"], type="batch")):
        same(waiting(auth, lambda: DAEMON.write("shop/a", {"A": "news"})).data["variables"], {"A": "news"})
        same(waiting(auth, lambda: None, wait="1s").status, 200 if auth["num_uses"] == 0 else 403)


def slowly(method, path, body, auth, between, headers=""):
    """A request of which the last bytes are sent after between()."""
    with DAEMON.connect() as stream:
        data = json.dumps(body).encode()
        stream.sendall(f"{method} /v1/{path} HTTP/1.1\r\nHost: v\r\nX-Vault-Token: {auth['client_token']}\r\n{headers}"
                       f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:3])
        time.sleep(0.1)
        between(auth)
        stream.sendall(data[3:])
        return vault.read_answer(stream)


def test_who_sends_slowly_acts_with_the_rights_of_the_end():
    requests = (("PUT", "secret/data/shop/b", {"data": {"X": "1"}}, ""), ("PUT", "sys/policies/acl/evil", {"policy": SHOP}, ""),
                ("PUT", "auth/token/create", {"policies": ["root"]}, ""), ("PUT", "auth/token/create-orphan", {"policies": ["root"]}, ""),
                ("PATCH", "secret/settings/shop/a", {"allow_names": ["PATH"]}, MERGE), ("PUT", "sys/mounts/evil", {"type": "kv"}, ""),
                ("PUT", "cubbyhole/a", {"a": "b"}, ""))
    for method, path, body, headers in requests:
        same((path, slowly(method, path, body, token(["root"]), revoke, headers).status), (path, 403))
        assert slowly(method, path, body, token(["root"]), lambda auth: None, headers).status in (200, 204)
    for path in ("secret/data/shop/b", "sys/policies/acl/evil", "sys/mounts/evil"):
        DAEMON.request("DELETE", path)
    policy(SHOP)
    same(slowly("PUT", "secret/data/shop/c", {"data": {}}, token(["shop"]), lambda auth: policy('path "x" { capabilities = ["read"] }')).status, 403)
    policy(SHOP)
    same(slowly("PUT", "secret/data/shop/c", {"data": {}}, token(["shop"], num_uses=1), lambda auth: None).status, 200)


def told(method, path, mount, body, headers, stranger):
    """How a stranger is refused, with the name of the mount taken out."""
    try:
        answer = DAEMON.request(method, mount + path, body, token=stranger, headers=headers)
    except OSError:     # by the gate, before the body was read
        return "cut"
    return answer.status, answer.body.replace(mount.encode(), b"M")


def test_a_mount_that_exists_refuses_as_one_that_does_not():
    stranger = token(["default"])["client_token"]
    for mount, kind in (("hidden-two", "kv-v2"), ("hidden-one", "kv")):
        same(DAEMON.put("sys/mounts/" + mount, {"type": kind}).status, 204)
    patterns = {(route["method"], route["pattern"].split("}", 1)[1]) for route in ROUTES if route["pattern"].startswith(("/v1/{mount}", "/v1/{kv1}"))}
    bodies = ((None, None), (b"{", None), ({"data": {}}, None), ({"data": 1, "versions": "x"}, None), (b"x" * 70000, None), ({}, {"Content-Type": "text/plain"}))
    tried = 0
    for method, pattern in sorted(patterns):
        for name in ("a/b", ".bad", "a" * 200, "a/b/c/d/e/f/g/h/i"):
            path = pattern.replace("{env}", name).replace("{dir}", name)
            cases = [(path, body, headers) for body, headers in bodies] if method in ("PUT", "POST", "PATCH") else \
                    [(path + query, None, None) for query in ("", "?version=x", "?bogus=1", "?wait=x", "?list=true")]
            for case in cases:
                answers = {told(method, case[0], mount, case[1], case[2], stranger) for mount in ("hidden-one", "hidden-two", "missing")}
                assert len(answers) == 1, (method, case[0], answers)
                tried += 1
    assert tried > 200, tried


def test_a_text_that_is_chosen_again_raises_nobody():
    """Children of a token that is gone, batch tokens and more than one commit takes among them, when root makes one of the same text."""
    same(DAEMON.put("sys/policies/acl/maker", {"policy": 'path "auth/token/create" { capabilities = ["update"] }'}).status, 204)
    with DAEMON.connect() as stream:
        def ask(path, body, token=None):
            return DAEMON.request("PUT", "auth/token/" + path, body, token=token, stream=stream)
        same(ask("create", {"id": "chosen", "policies": ["maker"]}).status, 200)
        children = [ask("create", dict({"ttl": "1h"}, **more), "chosen").json["auth"]["client_token"] for more in [{}] * 300 + [{"type": "batch"}]]
        same(ask("revoke", {"token": "chosen"}).status, 204)
        same(ask("create", {"id": "chosen", "policies": ["maker"]}).status, 200)
        same({DAEMON.request("GET", "auth/token/lookup-self", token=child, stream=stream).status for child in children}, {403})
        new = ask("create", {}, "chosen").json["auth"]["client_token"]
        same(ask("revoke-orphan", {"token": "chosen"}).status, 204)
        same({DAEMON.request("GET", "auth/token/lookup-self", token=child, stream=stream).status for child in children}, {403})
        same(DAEMON.request("GET", "auth/token/lookup-self", token=new, stream=stream).status, 200)


def test_stops_cleanly():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "rights that end:")
