#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""A sealed vault: 503 in Vault's form for everything but its state, and nothing lost by a seal."""
import threading
import time

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


EVERYTHING = [(m, p, b) for m, p, b in (
    ("GET", "secret/data/a", None), ("PUT", "secret/data/a", {"data": {}}), ("PATCH", "secret/data/a", {"data": {}}),
    ("DELETE", "secret/data/a", None), ("POST", "secret/delete/a", {"versions": [1]}), ("POST", "secret/undelete/a", {"versions": [1]}),
    ("POST", "secret/destroy/a", {"versions": [1]}), ("GET", "secret/subkeys/a", None), ("GET", "secret/metadata/a", None),
    ("PUT", "secret/metadata/a", {}), ("PATCH", "secret/metadata/a", {}), ("DELETE", "secret/metadata/a", None), ("LIST", "secret/metadata", None),
    ("GET", "secret/config", None), ("POST", "secret/config", {}), ("GET", "secret/resolve/a", None), ("GET", "secret/resolve/a?wait=5s", None),
    ("GET", "secret/history/a", None), ("GET", "secret/diff/a", None), ("PUT", "secret/rollback/a", {"revision": 1}),
    ("GET", "secret/settings/a", None), ("PATCH", "secret/settings/a", {"allow_names": []}), ("GET", "sys/mounts", None),
    ("GET", "sys/mounts/secret", None), ("GET", "sys/internal/ui/mounts", None), ("GET", "sys/internal/ui/mounts/secret", None),
    ("GET", "auth/token/lookup-self", None), ("PUT", "sys/seal", {}), ("GET", "unknown/path", None), ("GET", "sys/unknown", None))]


def test_everything_is_503():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        same(daemon.put("sys/seal", None).status, 204)
        for token in (None, daemon.root_token, "not-a-token"):
            for method, path, body in EVERYTHING:
                answer = daemon.request(method, path, body, token=token)
                assert (answer.status, answer.body) == (503, b'{"errors":["Vault is sealed"]}'), (method, path, token, answer)
        for path in ("sys/health?sealedcode=200", "sys/seal-status", "sys/leader", "sys/init", "/healthz", "/metrics"):
            same(daemon.get(path).status, 200)
        same(daemon.get("/readyz").status, 503)
        same(daemon.get("/readyz").json["sealed"], True)
        same(daemon.unseal().status, 200)
        same(daemon.read("a"), {"A": "1"})


def test_seal_needs_root():
    with vault.personal() as daemon:
        same(daemon.put("sys/seal", None, token="wrong").status, 403)
        same(daemon.get("sys/health").status, 200)
        same(daemon.put("sys/seal", None, token=daemon.root_token).status, 204)


def test_a_restart_is_sealed():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        same(daemon.stop(), 0)
        daemon.start()
        same(daemon.get("sys/health").status, 503)
        same(daemon.get("sys/init").json, {"initialized": True})
        same(daemon.unseal().json["sealed"], False)
        same(daemon.read("a"), {"A": "1"})
        same(daemon.get("auth/token/lookup-self", token=daemon.root_token).status, 200)


def test_waiters_are_answered_at_seal():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(daemon.get("secret/resolve/a?wait=300s"))) for _ in range(10)]
        for thread in threads:
            thread.start()
        while "vaultd_http_waiters 10" not in daemon.get("/metrics").body.decode():
            time.sleep(0.01)
        same(daemon.put("sys/seal", None).status, 204)
        for thread in threads:
            thread.join(20)
        same([a.status for a in answers], [503] * 10)


def test_seal_under_writes():
    """Each write is either acknowledged, and then there after the unseal, or refused with 503."""
    with vault.personal() as daemon:
        acknowledged, strange = {}, []

        def run(n):
            for i in range(1000):
                answer = daemon.put(f"secret/data/under/{n}", {"data": {"I": str(i)}})
                if answer.status == 200:
                    acknowledged[n] = i
                elif answer.status == 503:
                    return
                else:
                    strange.append(answer)
        threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        same(daemon.put("sys/seal", None).status, 204)
        for thread in threads:
            thread.join(60)
        same(strange, [])
        same(daemon.unseal().status, 200)
        assert acknowledged
        for n, i in acknowledged.items():
            same(daemon.read(f"under/{n}"), {"I": str(i)})


def test_many_seals():
    with vault.personal() as daemon:
        for i in range(10):
            daemon.write("a", {"I": str(i)})
            same(daemon.put("sys/seal", None).status, 204)
            same(daemon.unseal().status, 200)
            same(daemon.read("a"), {"I": str(i)})


if __name__ == "__main__":
    vault.main(dict(globals()), "sealed")
