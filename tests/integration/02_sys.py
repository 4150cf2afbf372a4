#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""sys/: health, init, unseal, seal, mounts, preflight; who one is; what stands outside the API."""
import base64
import contextlib
import os

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


@contextlib.contextmanager
def fresh(**options):
    with vault.Daemon(**options) as daemon:
        yield daemon.start()


def test_before_init():
    with fresh() as daemon:
        same(daemon.get("sys/init").json, {"initialized": False})
        same(daemon.get("sys/health").status, 501)
        same(daemon.get("sys/health?uninitcode=299").status, 299)
        status = daemon.get("sys/seal-status").json
        same((status["initialized"], status["sealed"], status["t"], status["n"]), (False, True, 0, 0))
        assert "cluster_id" not in status
        answer = daemon.get("secret/data/a")
        same((answer.status, answer.errors), (503, ["Vault is sealed"]))
        same(daemon.put("sys/unseal", {"key": "00" * 32}).status, 400)
        same(daemon.get("/readyz").status, 503)
        same(daemon.get("/healthz").status, 200)


def test_init_as_vault_does_it():
    with fresh() as daemon:
        for body in ({"secret_shares": 5, "secret_threshold": 6}, {"secret_shares": 5, "secret_threshold": 1},
                     {"secret_shares": 17, "secret_threshold": 3}, {"secret_shares": 1, "secret_threshold": 2},
                     {"secret_shares": 4294967301, "secret_threshold": 3}, {"secret_shares": -1, "secret_threshold": -1},
                     {"secret_shares": "x"}, {"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["abc"]}):
            answer = daemon.put("sys/init", body)
            same(answer.status, 400)
            assert len(answer.errors[0]) > 20, answer
        answer = daemon.put("sys/init", {"secret_shares": 1, "secret_threshold": 1, "stored_shares": 1})
        same(answer.status, 200)
        same(sorted(answer.json), ["keys", "keys_base64", "root_token"])
        key = bytes.fromhex(answer.json["keys"][0])
        same((len(key), base64.b64decode(answer.json["keys_base64"][0])), (32, key))
        token = answer.json["root_token"]
        again = daemon.put("sys/init", {"secret_shares": 1, "secret_threshold": 1})
        same((again.status, again.errors), (400, ["Vault is already initialized"]))
        same(daemon.get("auth/token/lookup-self", token=token).data["policies"], ["root"])
        same(daemon.put("sys/seal", None, token=token).status, 204)
        same(daemon.get("sys/seal-status").json["sealed"], True)
        same(daemon.put("sys/unseal", {"key": "ab" * 32}).status, 400)
        same(daemon.put("sys/unseal", {"key": ""}).status, 400)
        same(daemon.put("sys/unseal", {"key": "not hex nor base64!"}).status, 400)
        same(daemon.put("sys/unseal", {}).status, 400)
        same(daemon.put("sys/unseal", {"reset": True}).json["sealed"], True)
        for form in (key.hex(), base64.b64encode(key).decode()):
            answer = daemon.put("sys/unseal", {"key": form})
            same((answer.status, answer.json["sealed"], answer.json["progress"]), (200, False, 0))
            same(daemon.put("sys/unseal", {"key": form}).status, 200)
            same(daemon.put("sys/unseal", {"reset": True}).errors, ["vault is unsealed"])
            same(daemon.put("sys/seal", None, token=token).status, 204)


def test_init_with_a_passphrase():
    with fresh() as daemon:
        for slot in ({"type": "passphrase"}, {"type": "passphrase", "passphrase": ""}, {"passphrase": "x" * 1025}, "passphrase", 7,
                     {"type": "key_file", "passphrase": "x"}, {"passphrase": "x", "key": "eHg="}, {"type": "tpm", "passphrase": "x"},
                     {"passphrase": "x", "colour": "blue"}, {"key": "%%%"}, {"key": base64.b64encode(b"short").decode()},
                     {"type": "credential"}, {"type": "credential", "name": "../x"}):
            answer = daemon.put("sys/init", {"slot": slot})
            assert answer.status in (400, 404), (slot, answer)
            same(daemon.get("sys/init").json, {"initialized": False})
        answer = daemon.put("sys/init", {"slot": {"type": "passphrase", "passphrase": "correct horse", "label": "mine"}})
        same((answer.status, answer.json["keys"], answer.json["keys_base64"]), (200, [], []))
        same(daemon.put("sys/seal", None).status, 204)
        answer = daemon.put("sys/unseal", {"slot": {"passphrase": "wrong horse"}})
        same(answer.status, 400)
        assert "wrong horse" not in answer.body.decode()
        same(daemon.put("sys/unseal", {"slot": "passphrase", "passphrase": "correct horse"}).json["sealed"], False)
        same(daemon.put("sys/seal", None).status, 204)
        same(daemon.put("sys/unseal", {"slot": {"type": "passphrase", "passphrase": "correct horse"}}).json["sealed"], False)


def test_init_with_a_key_file():
    for size, status in ((31, 400), (32, 200), (65536, 200), (65537, 400)):
        key = base64.b64encode(os.urandom(size)).decode()
        with fresh() as daemon:
            same(daemon.put("sys/init", {"slot": {"type": "key_file", "key": key}}).status, status)
            if status == 200:
                same(daemon.put("sys/seal", None).status, 204)
                same(daemon.put("sys/unseal", {"slot": {"key_file": key.rstrip("=")}}).json["sealed"], False)


def test_credential_of_systemd():
    with vault.Daemon() as daemon:
        directory = os.path.join(daemon.dir, "credentials")
        os.mkdir(directory, 0o700)
        with open(os.path.join(directory, "vaultd.key"), "wb") as out:
            out.write(bytes(range(32)))
        daemon.extra["CREDENTIALS_DIRECTORY"] = directory
        daemon.start()
        same(daemon.put("sys/init", {"slot": {"type": "credential", "name": "missing.key"}}).status, 404)
        same(daemon.put("sys/init", {"slot": {"type": "credential"}}).status, 200)
        daemon.write("a", {"A": "1"})
        same(daemon.put("sys/seal", None).status, 204)
        same(daemon.put("sys/unseal", {"slot": {"type": "credential"}}).json["sealed"], False)
        same(daemon.stop(), 0)
        daemon.start()
        same(daemon.read("a"), {"A": "1"})  # unsealed at start
        assert "with the credential" in daemon.log()
        same(daemon.stop(), 0)
        with open(os.path.join(directory, "vaultd.key"), "wb") as out:
            out.write(bytes(32))
        daemon.start()
        same(daemon.get("sys/health").status, 503)  # a wrong one leaves it sealed, and running
        assert "does not unseal" in daemon.log()


def test_health():
    with vault.personal() as daemon:
        answer = daemon.get("sys/health")
        body = answer.json
        same(answer.status, 200)
        same((body["initialized"], body["sealed"], body["standby"], body["version"]), (True, False, False, "1.16.2"))
        assert body["cluster_name"].startswith("vault-cluster-") and len(body["cluster_id"]) == 36
        assert isinstance(body["server_time_utc"], int)
        same(daemon.get("sys/health?standbyok=true&activecode=203&perfstandbyok=1").status, 203)
        for bad in ("activecode=x", "sealedcode=-1", "uninitcode=600", "activecode=1", "standbycode=x"):
            same(daemon.get("sys/health?" + bad).status, 400)
        status = daemon.get("sys/seal-status").json
        same((status["type"], status["t"], status["n"], status["progress"], status["storage_type"]), ("shamir", 1, 1, 0, "lmdb"))
        same((status["migration"], status["recovery_seal"], status["nonce"]), (False, False, ""))
        same(daemon.get("sys/leader").json["ha_enabled"], False)
        same(daemon.put("sys/leader", {}).status, 405)
        same(daemon.put("sys/seal", None).status, 204)
        same(daemon.get("sys/health").status, 503)
        same(daemon.get("sys/health?sealedcode=299").status, 299)
        same(daemon.get("sys/leader").status, 200)
        same(daemon.unseal().status, 200)


def test_mounts_and_preflight():
    with vault.personal() as daemon:
        answer = daemon.get("sys/mounts")
        secret = answer.data["secret/"]
        same((secret["type"], secret["options"], secret["local"], secret["seal_wrap"]), ("kv", {"version": "2"}, False, False))
        same(answer.json["secret/"], secret)  # also at the top level, for old clients
        same(daemon.get("sys/mounts/secret").data, secret)
        answer = daemon.get("sys/mounts/none")
        same((answer.status, answer.errors), (400, ["No secret engine mount at none/"]))
        same(daemon.get("sys/mounts/secret/data").status, 400)
        for path in ("secret", "secret/", "secret/data/a/b", "secret/x"):
            data = daemon.get("sys/internal/ui/mounts/" + path).data
            same((data["path"], data["type"], data["options"]), ("secret/", "kv", {"version": "2"}))
            same((data["uuid"], data["accessor"]), (secret["uuid"], secret["accessor"]))
        answer = daemon.get("sys/internal/ui/mounts/none/x")
        same(answer.status, 403)
        assert 'grant access to path "none/x/"' in answer.errors[0], answer
        assert "secret/" in daemon.get("sys/internal/ui/mounts").data["secret"]
        same(daemon.get("sys/internal/ui/mounts/secret", token="bad").status, 403)


def test_lookup_self():
    with vault.personal() as daemon:
        for method in ("GET", "POST", "PUT"):
            data = daemon.request(method, "auth/token/lookup-self", token=daemon.root_token).data
            same((data["id"], data["policies"], data["ttl"], data["type"], data["expire_time"]), (daemon.root_token, ["root"], 0, "service", None))
            same((data["num_uses"], data["orphan"], data["renewable"], data["path"], data["creation_ttl"]), (0, True, False, "auth/token/root", 0))
            assert len(data["accessor"]) == 32 and isinstance(data["creation_time"], int)
        data = daemon.get("auth/token/lookup-self").data  # the owner's uid, without a token
        same((data["id"], data["display_name"], data["policies"]), ("", f"uid-{os.geteuid()}", ["root"]))
        answer = daemon.get("auth/token/lookup-self", token=vault.mistyped(daemon.root_token))
        same((answer.status, answer.errors), (403, ["permission denied"]))
        same(daemon.get("auth/token/lookup-self", token="x", headers={"Authorization": "Bearer x"}).status, 403)
        same(daemon.get("auth/token/lookup-self", headers={"Authorization": "Bearer " + daemon.root_token}).data["id"], daemon.root_token)
        same(daemon.get("auth/token/lookup-self", token="x", headers={"Authorization": "Bearer y"}).status, 400)
        same(daemon.get("auth/token/lookup-self", headers={"Authorization": "Basic eDp5"}).status, 200)


def test_namespace_and_wrapping():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        for name in ("", "root", "root/", "/"):
            same(daemon.get("secret/data/a", headers={"X-Vault-Namespace": name}).status, 200)
        for name in ("team", "root/../x", "root//", "ROOT"):
            same(daemon.get("secret/data/a", headers={"X-Vault-Namespace": name}).status, 404)
        for ttl in ("0", "0s"):
            same(daemon.get("secret/data/a", headers={"X-Vault-Wrap-TTL": ttl}).status, 200)
        for ttl in ("-1", "soon", "768h1s"):
            answer = daemon.get("secret/data/a", headers={"X-Vault-Wrap-TTL": ttl})
            same(answer.status, 400)
            assert b'"A"' not in answer.body


def test_outside_the_api():
    with vault.personal() as daemon:
        for path in ("/", "/v2/sys/health", "/ui", "/v1x/sys/health", "/favicon.ico"):
            answer = daemon.get(path)
            assert (answer.status, answer.body) == (404, b'{"errors":[]}'), (path, answer)
        ready = daemon.get("/readyz")
        same((ready.status, ready.json["ready"]), (200, True))
        daemon.write("team-of-cats/production", {"CANARY_NAME": "canary-value"})
        same(daemon.get("secret/data/team-of-cats/production", headers={"X-Vault-Wrap-TTL": "60"}).status, 200)
        metrics = daemon.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        text = metrics.body.decode()
        for name in ("vaultd_http_requests_total{status=\"2xx\"}", "vaultd_http_connections ", "vaultd_http_waiters 0", "vaultd_unsealed 1",
                     "vaultd_store_commits", "vaultd_store_file_bytes", "vaultd_tokens 1\n", "vaultd_wrapped_answers 1\n"):
            assert name in text, (name, text)
        for secret in ("team-of-cats", "CANARY", "canary"):
            assert secret not in text
        lines = [line for line in text.split("\n") if line and not line.startswith("#")]
        for line in lines:
            float(line.rsplit(" ", 1)[1])
        same(daemon.put("/metrics", {}).status, 405)
        same(daemon.get("sys/unknown").status, 404)


if __name__ == "__main__":
    vault.main(dict(globals()), "sys")
