#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Cubbyholes: what a token keeps for itself."""
import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def test_cubbyhole():
    with vault.personal() as daemon:
        token = daemon.root_token
        answer = daemon.get("cubbyhole/a", token=token)
        same((answer.status, answer.json), (404, {"errors": []}))
        same(daemon.request("LIST", "cubbyhole", token=token).status, 404)
        for path in ("a", "a/b", "a/c/d", "e"):
            same(daemon.put("cubbyhole/" + path, {"PATH": path, "N": 1}, token=token).status, 204)
        same(daemon.request("POST", "cubbyhole/e", b'{"RATE": 1.10}', token=token).status, 204)
        answer = daemon.get("cubbyhole/e", token=token)
        same((answer.status, answer.data, answer.json["lease_duration"]), (200, {"RATE": 1.1}, 0))
        assert b'{"RATE": 1.10}' in answer.body
        same(daemon.request("LIST", "cubbyhole", token=token).data, {"keys": ["a", "a/", "e"]})
        same(daemon.get("cubbyhole/a/?list=true", token=token).data, {"keys": ["b", "c/"]})
        same(daemon.stop(), 0)
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.get("cubbyhole/a/c/d", token=token).data, {"PATH": "a/c/d", "N": 1})
        same(daemon.request("DELETE", "cubbyhole/a/b", token=token).status, 204)
        same(daemon.request("DELETE", "cubbyhole/a/b", token=token).status, 204)
        same(daemon.get("cubbyhole/a/b", token=token).status, 404)


def test_cubbyhole_bad_input():
    with vault.personal() as daemon:
        token = daemon.root_token
        for body in (b"", b"{}", b"[1]", b'{"A":1,"A":2}', b"{", b'"canary-52"', b'{"canary-52"}'):
            answer = daemon.put("cubbyhole/a", body, token=token)
            same(answer.status, 400)
            assert b"canary" not in answer.body
        same(daemon.put("cubbyhole/a", b'{"A":"' + b"x" * 65536 + b'"}', token=token).status, 413)
        for path in ("cubbyhole/.a", "cubbyhole/a//b", "cubbyhole/a/../b", "cubbyhole/" + "x" * 128, "cubbyhole/" + "a/" * 8 + "a"):
            same(daemon.get(path, token=token).status, 400)
        for method in ("GET", "PUT", "DELETE"):  # the owner's uid has rights, but no token
            answer = daemon.request(method, "cubbyhole/a", {"A": 1} if method == "PUT" else None)
            same((answer.status, answer.errors), (400, ["a cubbyhole belongs to a token, and this request came without one"]))
        same(daemon.get("cubbyhole/a", token=token[:-1] + "x").status, 403)
        same(daemon.request("PATCH", "cubbyhole/a", {"A": 1}, token=token).status, 405)
        same(daemon.put("sys/seal", None).status, 204)
        same(daemon.get("cubbyhole/a", token=token).status, 503)


if __name__ == "__main__":
    vault.main(dict(globals()), "wrapping")
