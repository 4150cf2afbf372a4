#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""sys/mounts, sys/auth, sys/remount: mounts come, change, move and go; what existing and missing ones look like to strangers."""
import os
import time

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def post(daemon, path, body, **more):
    return daemon.request("POST", path, body, **more)


def delete(daemon, path, **more):
    return daemon.request("DELETE", path, **more)


def refused(answer, status, text):
    same(answer.status, status)
    assert text in answer.errors[0], answer


def test_enable_and_list():
    with vault.personal() as daemon:
        same(post(daemon, "sys/mounts/kv2", {"type": "kv", "options": {"version": "2"}, "description": "two", "local": False,
                                             "seal_wrap": False, "config": {"default_lease_ttl": "1h", "max_lease_ttl": "7200",
                                                                            "force_no_cache": False}}).status, 204)
        same(daemon.put("sys/mounts/team/one", {"type": "kv", "options": None, "config": None}).status, 204)
        same(post(daemon, "sys/mounts/old", {"type": "generic"}).status, 204)
        answer = daemon.get("sys/mounts")
        mounts = answer.data
        for path, mount in mounts.items():
            same(answer.json[path], mount)
        same(sorted(mounts), ["cubbyhole/", "identity/", "kv2/", "old/", "resolved/", "secret/", "sys/", "team/one/"])
        same([mounts[m]["type"] for m in ("cubbyhole/", "identity/", "kv2/", "old/", "resolved/", "sys/", "team/one/")],
             ["cubbyhole", "identity", "kv", "generic", "kv", "system", "kv"])
        same([mounts[m]["options"] for m in ("kv2/", "old/", "resolved/", "sys/", "team/one/")],
             [{"version": "2"}, None, {"version": "2"}, None, {"version": "1"}])
        same(mounts["kv2/"]["config"], {"default_lease_ttl": 3600, "force_no_cache": False, "max_lease_ttl": 7200})
        same(sorted(mounts["kv2/"]), ["accessor", "config", "deprecation_status", "description", "external_entropy_access", "local",
                                      "options", "plugin_version", "running_plugin_version", "running_sha256", "seal_wrap", "type", "uuid"])
        one = daemon.get("sys/mounts/team/one")
        same((one.data, one.json["accessor"]), (mounts["team/one/"], mounts["team/one/"]["accessor"]))
        same(len({m["uuid"] for m in mounts.values()}), len(mounts))
        refused(post(daemon, "sys/mounts/kv2", {"type": "kv"}), 400, "path is already in use at kv2/")
        refused(post(daemon, "sys/mounts/team", {"type": "kv"}), 400, "path is already in use at team/one/")
        refused(post(daemon, "sys/mounts/kv2/x", {"type": "kv"}), 400, "path is already in use at kv2/")
        refused(post(daemon, "sys/mounts/x", {"type": "pki"}), 400, "type")
        refused(post(daemon, "sys/mounts/x", {}), 400, "backend type must be specified as a string")
        for body in ({"type": 7}, {"type": "kv", "options": []}, {"type": "kv", "options": {"version": "3"}}, {"type": "kv", "config": 1},
                     {"type": "kv", "config": {"max_lease_ttl": "soon"}}, {"type": "kv", "description": "x" * 256},
                     {"type": "kv", "config": {"default_lease_ttl": "2h", "max_lease_ttl": "1h"}}, {"type": "kv", "description": "a\u0000b"},
                     {"type": "x" * 40}, b"[]", b"{"):
            same(post(daemon, "sys/mounts/x", body).status, 400)
        same(post(daemon, "sys/mounts/x", {"type": "kv", "description": "x" * 255}).status, 204)
        for path in ("auth/x", "sys/x", "identity/x", "cubbyhole/x", "resolved/x", "a@b", "y" * 127, "x/tune/tune"):
            same(post(daemon, "sys/mounts/" + path, {"type": "kv"}).status, 400)
        for path in ("a/../b", "a//b", "a/%2e%2e/b", "a%2fb"):
            same(post(daemon, "sys/mounts/" + path, {"type": "kv"}).status, 400)
        daemon.stop()
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.get("sys/mounts/kv2").data, mounts["kv2/"])
        same(daemon.get("sys/mounts/resolved").data["uuid"], mounts["resolved/"]["uuid"])


def test_tune():
    with vault.personal() as daemon:
        same(post(daemon, "sys/mounts/kv", {"type": "kv-v1"}).status, 204)
        tuning = daemon.get("sys/mounts/kv/tune").data
        same(tuning, {"default_lease_ttl": 2764800, "description": "", "force_no_cache": False, "max_lease_ttl": 2764800,
                      "options": {"version": "1"}})
        same(post(daemon, "sys/mounts/kv/tune", {"default_lease_ttl": "3600s", "max_lease_ttl": 86400, "description": "d",
                                                 "audit_non_hmac_request_keys": ["x"], "listing_visibility": "unauth"}).status, 204)
        tuning = daemon.get("sys/mounts/kv/tune").data
        same((tuning["default_lease_ttl"], tuning["max_lease_ttl"], tuning["description"], tuning["listing_visibility"]),
             (3600, 86400, "d", "unauth"))
        same(post(daemon, "sys/mounts/kv/tune", {"default_lease_ttl": "system", "max_lease_ttl": "", "listing_visibility": "hidden"}).status, 204)
        same(daemon.get("sys/mounts/kv/tune").data["default_lease_ttl"], 2764800)
        same(post(daemon, "sys/mounts/kv/tune", {"options": {"version": "2"}}).status, 204)
        same(daemon.get("sys/internal/ui/mounts/kv").data["options"], {"version": "2"})
        refused(post(daemon, "sys/mounts/kv/tune", {"options": {"version": "1"}}), 400, "cannot downgrade")
        same(post(daemon, "sys/mounts/kv/tune", {"options": {"version": 2}}).status, 204)
        for body in ({"default_lease_ttl": -1}, {"default_lease_ttl": [1]}, {"listing_visibility": "loud"}, {"options": {"version": []}}):
            same(post(daemon, "sys/mounts/kv/tune", body).status, 400)
        same(post(daemon, "sys/mounts/none/tune", {}).status, 400)
        same(daemon.get("sys/mounts/none/tune").status, 400)
        same(post(daemon, "sys/mounts/resolved/tune", {"description": "x"}).status, 400)


def test_remount():
    with vault.personal() as daemon:
        daemon.write("a/b", {"A": "1"})
        uuid = daemon.get("sys/mounts/secret").data["uuid"]
        answer = post(daemon, "sys/remount", {"from": "secret/", "to": "moved/here/"})
        same(answer.status, 200)
        migration = answer.data["migration_id"]
        same(answer.json["migration_id"], migration)
        same(daemon.get("sys/mounts/moved/here").data["uuid"], uuid)
        same(daemon.get("moved/here/data/a/b").data["data"], {"A": "1"})
        same(daemon.get("secret/data/a/b").status, 404)
        same(daemon.get("sys/remount/status/" + migration).data,
             {"migration_id": migration, "migration_info": {"source_mount": "secret/", "status": "success", "target_mount": "moved/here/"}})
        same(daemon.get("sys/remount/status/x").status, 404)
        refused(post(daemon, "sys/remount", {"from": "moved/here", "to": "sys/x"}), 400, "already in use at sys/")
        refused(post(daemon, "sys/remount", {"from": "none", "to": "x"}), 400, 'no matching mount at "none/"')
        refused(post(daemon, "sys/remount", {"from": "cubbyhole", "to": "x"}), 400, "cannot remount")
        for body in ({}, {"from": "a"}, {"from": "moved/here", "to": "../x"}, {"from": "moved/here", "to": "a//b"},
                     {"from": "moved/here", "to": "a/./b"}, {"from": "moved/here", "to": "/"}, {"from": 1, "to": "b"}):
            same(post(daemon, "sys/remount", body).status, 400)
        same(post(daemon, "sys/remount", {"from": "moved/here", "to": "secret"}).status, 200)
        same(daemon.read("a/b"), {"A": "1"})


def test_disable():
    with vault.personal() as daemon:
        for mount in ("gone", "stays"):
            same(post(daemon, "sys/mounts/" + mount, {"type": "kv-v2"}).status, 204)
            for i in range(20):
                same(post(daemon, f"{mount}/data/e/{i}", {"data": {"A": str(i)}}).status, 200)
        same(delete(daemon, "sys/mounts/gone").status, 204)
        same(daemon.get("gone/data/e/1").status, 404)
        same(daemon.get("sys/mounts/gone").status, 400)
        same(post(daemon, "sys/mounts/gone", {"type": "kv-v2"}).status, 204)
        same(daemon.request("LIST", "gone/metadata").status, 404)
        same(len(daemon.request("LIST", "stays/metadata/e").data["keys"]), 20)
        same(delete(daemon, "sys/mounts/never").status, 204)
        for mount in ("sys", "identity", "cubbyhole", "resolved"):
            refused(delete(daemon, "sys/mounts/" + mount), 400, f'cannot unmount "{mount}/"')


def test_killed_in_the_middle_of_a_disable():
    with vault.personal() as daemon:
        same(post(daemon, "sys/mounts/big", {"type": "kv-v2"}).status, 204)
        stream = daemon.connect()
        for i in range(300):
            same(daemon.request("PUT", f"big/data/e/{i}", {"data": {"A": "1"}}, stream=stream).status, 200)
        stream.close()
        daemon.write("a", {"A": "1"})
        records = metric(daemon, "vaultd_store_records")
        stream = daemon.connect()
        stream.sendall(b"DELETE /v1/sys/mounts/big HTTP/1.1\r\nHost: vault\r\n\r\n")
        while b"big/" in daemon.get("sys/mounts").body:
            pass
        daemon.kill()
        stream.close()
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.get("big/data/e/1").status, 404)
        same(daemon.read("a"), {"A": "1"})
        deadline = time.monotonic() + 30
        while metric(daemon, "vaultd_store_records") > records - 2 * 300:
            assert time.monotonic() < deadline, metric(daemon, "vaultd_store_records")
            time.sleep(0.1)
        same(post(daemon, "sys/mounts/big", {"type": "kv-v2"}).status, 204)
        same(daemon.request("LIST", "big/metadata").status, 404)


def metric(daemon, name):
    return float([line for line in daemon.get("/metrics").body.decode().split("\n") if line.startswith(name + " ")][0].split()[1])


def test_auth_methods():
    with vault.personal() as daemon:
        answer = daemon.get("sys/auth")
        same(sorted(answer.data), ["peer/", "token/"])
        token = answer.data["token/"]
        same((token["type"], token["description"], answer.json["token/"]), ("token", "token based credentials", token))
        same(daemon.get("sys/auth/token").data, token)
        same(daemon.get("sys/auth/none").status, 400)
        same(daemon.get("sys/auth/token/tune").data["token_type"], "default-service")
        same(post(daemon, "sys/auth/token/tune", {"max_lease_ttl": "48h"}).status, 204)
        same(daemon.get("sys/auth/token/tune").data["max_lease_ttl"], 172800)
        same(daemon.get("sys/auth/token").data["config"]["max_lease_ttl"], 172800)
        refused(post(daemon, "sys/auth/gh", {"type": "github"}), 400, 'unsupported auth method type "github"')
        answer = post(daemon, "sys/auth/gh", {"type": "Not A Type"})
        assert answer.status == 400 and "Not A" not in answer.errors[0], answer
        same(post(daemon, "sys/auth/token", {"type": "token"}).status, 400)
        same(delete(daemon, "sys/auth/token").status, 400)
        same(delete(daemon, "sys/auth/none").status, 204)
        same(daemon.get("sys/mounts/auth/token").status, 400)


def test_preflight():
    with vault.personal() as daemon:
        same(post(daemon, "sys/mounts/shown", {"type": "kv", "description": "for all", "config": {"listing_visibility": "unauth"}}).status, 204)
        for path in ("shown", "shown/", "shown/a/b"):
            same(daemon.get("sys/internal/ui/mounts/" + path).data["path"], "shown/")
        same(daemon.get("sys/internal/ui/mounts/resolved/data/x").data["options"], {"version": "2"})
        same(sorted(daemon.get("sys/internal/ui/mounts").data["auth"]), ["peer/", "token/"])
        assert {"secret/", "resolved/", "shown/"} <= set(daemon.get("sys/internal/ui/mounts").data["secret"])


def test_strangers_learn_nothing():
    """Existing and missing mounts look the same to who has no rights: status and body, but for the request's own path."""
    if os.geteuid() != 0:
        return "needs root to ask as another user"
    with vault.personal() as daemon:
        same(post(daemon, "sys/mounts/exists", {"type": "kv"}).status, 204)
        os.chmod(daemon.dir, 0o755)
        for folder in (daemon.home, daemon.runtime, os.path.dirname(daemon.socket)):
            os.chmod(folder, 0o755)
        os.chmod(daemon.socket, 0o666)
        for method, path, body in (("GET", "{}/a", None), ("PUT", "{}/a", {"A": "1"}), ("LIST", "{}/a", None), ("DELETE", "{}/a", None),
                                   ("GET", "{}/data/a", None), ("PATCH", "{}/a", {}), ("GET", "sys/mounts/{}", None),
                                   ("GET", "sys/mounts/{}/tune", None), ("POST", "sys/mounts/{}/tune", {}),
                                   ("POST", "sys/mounts/{}", {"type": "kv"}), ("DELETE", "sys/mounts/{}", None),
                                   ("POST", "sys/remount", {"from": "{}", "to": "x"}), ("GET", "sys/internal/ui/mounts/{}", None),
                                   ("GET", "sys/internal/ui/mounts/{}/a", None), ("GET", "sys/auth/{}", None)):
            answers = []
            for mount in ("exists", "absent"):
                filled = {k: v.format(mount) if isinstance(v, str) else v for k, v in body.items()} if body is not None else None
                answer = as_stranger(daemon, method, path.format(mount), filled)
                answers.append((answer.status, answer.body.replace(mount.encode(), b"?")))
            same(answers[0], answers[1])
            same(answers[0][0], 403)


def as_stranger(daemon, method, path, body):
    """The daemon sees the identity of the connecting thread."""
    os.seteuid(65534)
    try:
        stream = daemon.connect()
    finally:
        os.seteuid(0)
    with stream:
        return daemon.request(method, path, body, stream=stream)


if __name__ == "__main__":
    vault.main(dict(globals()), "mounts")
