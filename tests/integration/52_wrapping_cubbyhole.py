#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Response wrapping: given once, for a limited time, to whoever holds the token. Cubbyholes: what a token keeps for itself."""
import base64
import hashlib
import json
import os
import socket
import threading
import time

import vault

CANARY = "cAnArY-52-wrapped-value"
NOT_VALID = ["wrapping token is not valid or does not exist"]


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def wrapped(daemon, path, ttl="60", **more):
    answer = daemon.request(more.pop("method", "GET"), path, headers={"X-Vault-Wrap-TTL": ttl}, **more)
    same(answer.status, 200)
    same((answer.json["data"], answer.json["auth"], answer.json["warnings"]), (None, None, None))
    return answer.json["wrap_info"]


def unwrap(daemon, wrapping_token, **more):
    return daemon.put("sys/wrapping/unwrap", {"token": wrapping_token}, **more)


def test_wrap_a_read():
    with vault.personal() as daemon:
        daemon.write("shop/production", {"SECRET": CANARY})
        for ttl, seconds in (("60", 60), ("5m", 300), ("768h", 2764800), ("1h30m", 5400)):
            info = wrapped(daemon, "secret/data/shop/production", ttl)
            same(sorted(info), ["accessor", "creation_path", "creation_time", "token", "ttl"])
            same((info["ttl"], info["creation_path"]), (seconds, "secret/data/shop/production"))
            assert info["token"].startswith("vlt_wrp_") and len(info["accessor"]) == 32 and info["creation_time"].endswith("Z")
            looked = daemon.put("sys/wrapping/lookup", {"token": info["token"]})
            same(looked.data, {"creation_path": info["creation_path"], "creation_time": info["creation_time"], "creation_ttl": seconds})
            answer = unwrap(daemon, info["token"])
            same((answer.status, answer.data["data"]), (200, {"SECRET": CANARY}))
            same((answer.headers["content-type"], answer.headers["cache-control"]), ("application/json", "no-store"))
            again = unwrap(daemon, info["token"])
            same((again.status, again.errors), (400, NOT_VALID))
            looked = daemon.put("sys/wrapping/lookup", {"token": info["token"]})
            same((looked.status, looked.errors), (400, NOT_VALID))
        for ttl in ("0", "0s", ""):
            same(daemon.get("secret/data/shop/production", headers={"X-Vault-Wrap-TTL": ttl}).data["data"], {"SECRET": CANARY})
        for ttl in ("-1", "soon", "768h1s", "1e9", "99999999999999999999", "-5m"):
            answer = daemon.get("secret/data/shop/production", headers={"X-Vault-Wrap-TTL": ttl})
            same(answer.status, 400)
            assert CANARY.encode() not in answer.body


def test_what_is_not_wrapped():
    with vault.personal() as daemon:
        head = {"X-Vault-Wrap-TTL": "60"}
        same(daemon.get("secret/data/none", headers=head).json, {"errors": []})
        same(daemon.put("secret/data/a", {"data": []}, headers=head).status, 400)
        same(daemon.put("secret/metadata/a", {"max_versions": 3}, headers=head).status, 204)
        same(daemon.get("sys/health", headers=head).json["sealed"], False)
        same(daemon.get("sys/seal-status", headers=head).json["sealed"], False)
        same(daemon.request("HEAD", "sys/mounts", headers=head).status, 200)
        # A change is made, and its answer wrapped; a deleted revision's 404 is not a success.
        info = wrapped(daemon, "secret/data/a", method="PUT", body={"data": {"A": "1"}})
        same(daemon.read("a"), {"A": "1"})
        same(unwrap(daemon, info["token"]).data["version"], 1)
        same(daemon.request("DELETE", "secret/data/a").status, 204)
        same(daemon.get("secret/data/a", headers=head).status, 404)
        # What no wrapping takes is not answered at all.
        daemon.write("large", {"LARGE": CANARY + "x" * 512000})
        answer = daemon.get("secret/data/large", headers=head)
        same(answer.status, 413)
        assert CANARY.encode() not in answer.body
        # The wrapping resources themselves.
        info = wrapped(daemon, "sys/mounts")
        same(daemon.put("sys/wrapping/lookup", {"token": info["token"]}, headers=head).data["creation_ttl"], 60)
        assert "secret/" in unwrap(daemon, info["token"], headers=head).data


def test_nobody_in_particular_wraps_nothing():
    """What everybody may read is answered as it is: each wrapped answer takes one of a limited number of places for days."""
    with socket.socket() as stream:
        stream.bind(("127.0.0.1", 0))
        port = stream.getsockname()[1]
    config = f'listen_unix {{ path = "DIR/home/run/vaultd/vaultd.sock" }}\nlisten_tcp {{ address = "127.0.0.1" port = {port} plain = true }}\n'
    with vault.personal(config=config) as daemon:
        def get(path, token):
            with socket.create_connection(("127.0.0.1", port)) as stream:
                return daemon.request("GET", path, headers={"X-Vault-Wrap-TTL": "768h"}, token=token, stream=stream)

        token = get("sys/internal/ui/mounts", daemon.root_token).json["wrap_info"]["token"]
        same(unwrap(daemon, token).status, 200)
        answer = get("sys/internal/ui/mounts", "")
        same((answer.status, answer.json["wrap_info"], sorted(answer.data)), (200, None, ["auth", "secret"]))
        for path in ("secret/data/a", "no/such", "sys/nothing"):
            same(get(path, "").status, 403)


def test_wrap_rewrap_and_the_token_as_identity():
    with vault.personal() as daemon:
        answer = daemon.put("sys/wrapping/wrap", {"A": 1})
        same(answer.status, 400)
        info = wrapped(daemon, "sys/wrapping/wrap", method="POST", body=b'{"A": 1.10, "B": "x"}')
        same(info["creation_path"], "sys/wrapping/wrap")
        token = info["token"]
        same(daemon.get("sys/wrapping/lookup", token=token).data["creation_ttl"], 60)
        for path in ("secret/data/a", "auth/token/lookup-self", "sys/mounts", "cubbyhole/response"):
            same(daemon.get(path, token=token).status, 403)
        answer = daemon.put("sys/wrapping/rewrap", None, token=token)
        again = answer.json["wrap_info"]
        same((answer.status, again["ttl"], again["creation_path"]), (200, 60, "sys/wrapping/wrap"))
        same(daemon.put("sys/wrapping/rewrap", {"token": token}).errors, NOT_VALID)
        same(unwrap(daemon, token).errors, NOT_VALID)
        answer = daemon.request("POST", "sys/wrapping/unwrap", token=again["token"])  # empty body
        assert b'"data":{"A": 1.10, "B": "x"}' in answer.body, answer
        same(daemon.request("POST", "sys/wrapping/unwrap", token=again["token"]).errors, NOT_VALID)
        # Any other token beside the one in the body counts for nothing.
        info = wrapped(daemon, "sys/mounts")
        same(unwrap(daemon, info["token"], token="unknown").status, 200)
        for body in ({}, {"token": ""}, {"token": 7}, {"token": None}):
            same(daemon.put("sys/wrapping/unwrap", body).status, 400)
        for body in ({"token": CANARY}, {"token": "vlt_wrp_" + "a" * 49}, {"token": daemon.root_token}, {"token": "x" * 4096},
                     {"token": "\u0000" + CANARY}, {"token": info["accessor"]}):
            answer = daemon.put("sys/wrapping/unwrap", body)
            same((answer.status, answer.errors), (400, NOT_VALID))
        same(daemon.put("sys/wrapping/unwrap", {"token": "x" * 4097}).status, 400)
        same(daemon.put("sys/seal", None).status, 204)
        for path in ("lookup", "unwrap", "rewrap"):
            answer = daemon.put("sys/wrapping/" + path, {})
            same((answer.status, answer.errors), (503, ["Vault is sealed"]))


def test_wrap_a_read_that_waited():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        etag = daemon.get("secret/resolve/a").headers["etag"]
        answers = []

        def wait():
            head = {"X-Vault-Wrap-TTL": "60", "If-None-Match": etag}
            with daemon.connect() as stream:  # one connection, so that the next request has the same structure
                answers.append(daemon.request("GET", "secret/resolve/a?wait=30s", headers=head, stream=stream))
                answers.append(daemon.request("GET", "secret/resolve/a", stream=stream))
        thread = threading.Thread(target=wait)
        thread.start()
        while "vaultd_http_waiters 1" not in daemon.get("/metrics").body.decode():
            time.sleep(0.01)
        daemon.write("a", {"A": CANARY})
        thread.join()
        assert CANARY.encode() not in answers[0].body and "etag" not in answers[0].headers, answers[0]
        same(unwrap(daemon, answers[0].json["wrap_info"]["token"]).data["variables"], {"A": CANARY})
        same(answers[1].data["variables"], {"A": CANARY})
        # Nothing has changed: 304, which is not wrapped.
        etag = answers[1].headers["etag"]
        same(daemon.get("secret/resolve/a", headers={"X-Vault-Wrap-TTL": "60", "If-None-Match": etag}).status, 304)


def make_token(daemon, **wish):
    answer = daemon.put("auth/token/create", dict({"ttl": "10m", "policies": ["default"]}, **wish), token=daemon.root_token)
    same(answer.status, 200)
    return answer.json["auth"]["client_token"]


def test_wrap_a_token_and_with_a_token():
    with vault.personal() as daemon:
        info = wrapped(daemon, "auth/token/create", method="POST", body={"ttl": "10m", "policies": ["default"]}, token=daemon.root_token)
        same(sorted(info), ["accessor", "creation_path", "creation_time", "token", "ttl", "wrapped_accessor"])
        again = daemon.put("sys/wrapping/rewrap", {"token": info["token"]}).json["wrap_info"]
        same(again["wrapped_accessor"], info["wrapped_accessor"])
        auth = unwrap(daemon, again["token"]).json["auth"]
        same(auth["accessor"], info["wrapped_accessor"])
        # "default" allows to wrap, to look up and to unwrap; nobody else's path is readable because it is wrapped.
        token = auth["client_token"]
        info = wrapped(daemon, "sys/wrapping/wrap", method="PUT", body={"A": "1"}, token=token)
        same(unwrap(daemon, info["token"], token=token).data, {"A": "1"})
        daemon.write("a", {"A": CANARY})
        same(daemon.get("secret/data/a", token=token, headers={"X-Vault-Wrap-TTL": "60"}).status, 403)
        # What is wrapped and never unwrapped can be revoked by the accessor.
        info = wrapped(daemon, "auth/token/create", method="POST", body={"ttl": "10m"}, token=daemon.root_token)
        same(daemon.put("auth/token/revoke-accessor", {"accessor": info["wrapped_accessor"]}, token=daemon.root_token).status, 204)
        gone = unwrap(daemon, info["token"]).json["auth"]["client_token"]
        same(daemon.get("auth/token/lookup-self", token=gone).status, 403)
        # The last use of a token can be a wrapped answer.
        once = make_token(daemon, num_uses=1)
        info = wrapped(daemon, "auth/token/lookup-self", token=once)
        same(daemon.get("auth/token/lookup-self", token=once).status, 403)
        same(unwrap(daemon, info["token"]).data["id"], once)


def test_one_of_32_unwraps():
    with vault.personal() as daemon:
        daemon.write("a", {"A": CANARY})
        for _ in range(5):
            token = wrapped(daemon, "secret/data/a")["token"]
            barrier, answers = threading.Barrier(32), []

            def take(token=token, barrier=barrier, answers=answers):
                with daemon.connect() as stream:
                    barrier.wait()
                    answers.append(daemon.request("PUT", "sys/wrapping/unwrap", {"token": token}, stream=stream))
            threads = [threading.Thread(target=take) for _ in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            same(sorted(answer.status for answer in answers), [200] + 31 * [400])
            same([answer.data["data"] for answer in answers if answer.status == 200], [{"A": CANARY}])


def test_expiry_restart_kill():
    with vault.personal() as daemon:
        daemon.write("a", {"A": CANARY})
        token = wrapped(daemon, "secret/data/a", "1")["token"]
        kept, used = (wrapped(daemon, "secret/data/a")["token"] for _ in range(2))
        same(unwrap(daemon, used).status, 200)
        daemon.kill()
        daemon.start()
        same(daemon.unseal().status, 200)
        same(unwrap(daemon, used).errors, NOT_VALID)
        time.sleep(1.0)
        same(unwrap(daemon, token).errors, NOT_VALID)
        same(unwrap(daemon, kept).data["data"], {"A": CANARY})


def test_wrapped_answers_are_nowhere_in_clear():
    with vault.personal() as daemon:
        daemon.write("canaryshop", {"A": CANARY})
        tokens = [wrapped(daemon, "secret/data/canaryshop")["token"] for _ in range(3)]
        same(unwrap(daemon, tokens[0]).status, 200)
        unwrap(daemon, tokens[0])
        daemon.put("sys/wrapping/unwrap", ('{"token":"' + tokens[1]).encode())
        same(daemon.stop(), 0)
        log = daemon.log()
        for word in [CANARY, "canaryshop", *tokens, *(t[8:40] for t in tokens)]:
            assert word not in log, word
            for folder, _, names in os.walk(daemon.data):
                for name in names:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path):
                        assert word.encode() not in open(path, "rb").read(), (path, word)
        assert json.dumps(CANARY) not in log


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


def test_cubbyholes_are_apart():
    with vault.personal() as daemon:
        one, two = make_token(daemon), make_token(daemon)
        same(daemon.put("cubbyhole/a", {"WHO": "one"}, token=one).status, 204)
        for token in (two, daemon.root_token):
            same(daemon.get("cubbyhole/a", token=token).status, 404)
            same(daemon.request("LIST", "cubbyhole", token=token).status, 404)
        same(daemon.put("cubbyhole/a", {"WHO": "two"}, token=two).status, 204)
        same(daemon.get("cubbyhole/a", token=one).data, {"WHO": "one"})
        batch = make_token(daemon, type="batch")
        for method in ("GET", "PUT", "DELETE") if batch.startswith("vlt_bat_") else ():
            answer = daemon.request(method, "cubbyhole/a", {"A": 1} if method == "PUT" else None, token=batch)
            same((answer.status, answer.errors), (400, ['cubbyhole operations are only supported by "service" type tokens']))
        none = make_token(daemon, policies=["other"], no_default_policy=True)
        for method in ("GET", "PUT", "DELETE"):
            same(daemon.request(method, "cubbyhole/a", {"A": 1} if method == "PUT" else None, token=none).status, 403)
        same(daemon.put("auth/token/revoke", {"token": one}, token=daemon.root_token).status, 204)
        same(daemon.get("cubbyhole/a", token=one).status, 403)
        same(daemon.get("cubbyhole/a", token=two).data, {"WHO": "two"})


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
        same(daemon.get("cubbyhole/a", token=vault.mistyped(token)).status, 403)
        same(daemon.request("PATCH", "cubbyhole/a", {"A": 1}, token=token).status, 405)
        same(daemon.put("sys/seal", None).status, 204)
        same(daemon.get("cubbyhole/a", token=token).status, 503)


def test_tools():
    with vault.personal() as daemon:
        def random(path="", **body):
            return daemon.put("sys/tools/random" + path, body)

        same(len(base64.b64decode(random().data["random_bytes"])), 32)
        same(len(base64.b64decode(random("/131072").data["random_bytes"])), 131072)
        same(len(bytes.fromhex(random(bytes="7", format="hex").data["random_bytes"])), 7)
        assert random("/32").data != random("/32").data
        for answer in (random("/0"), random("/131073"), random("/-1"), random("/x"), random("/99999999999"), random(bytes=0), random(bytes="x"),
                       random(format="text"), random(format=7)):
            same(answer.status, 400)
        for text in (b"", b"abc", b"x" * 1000):
            for algorithm, ours in (("sha2-256", hashlib.sha256), ("sha2-512", hashlib.sha512)):
                body = {"input": base64.b64encode(text).decode(), "algorithm": algorithm}
                same(daemon.put("sys/tools/hash", body).data, {"sum": ours(text).hexdigest()})
                same(daemon.put("sys/tools/hash/" + algorithm, dict(body, format="base64", algorithm="x")).data,
                     {"sum": base64.b64encode(ours(text).digest()).decode()})
        for body in ({"input": CANARY + "%"}, {"input": "YQ"}, {"input": 7}, {"input": "YQ==", "algorithm": "md5"}, {"input": "YQ==", "format": CANARY}):
            answer = daemon.put("sys/tools/hash", body)
            same(answer.status, 400)
            assert CANARY.encode() not in answer.body
        same(daemon.put("sys/tools/hash/sha1", {"input": "YQ=="}).status, 400)


if __name__ == "__main__":
    vault.main(dict(globals()), "wrapping and cubbyhole:")
