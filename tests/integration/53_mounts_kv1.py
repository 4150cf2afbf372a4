#!/usr/bin/env python3
# sanitized: yes
"""Mounts come, change, move and go; what existing and missing ones look like to strangers; KV version 1; resolved/."""
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


def test_kv_version_1():
    with vault.personal() as daemon:
        same(post(daemon, "sys/mounts/old", {"type": "kv"}).status, 204)
        same(daemon.get("old/a").errors, [])
        same(post(daemon, "old/a/b", b'{"A": "1", "n": 1.10, "options": {"cas": 7}, "data": null}').status, 204)
        answer = daemon.get("old/a/b")
        same((answer.status, answer.data, answer.json["lease_duration"], answer.json["renewable"], answer.json["lease_id"]),
             (200, {"A": "1", "n": 1.10, "options": {"cas": 7}, "data": None}, 2764800, False, ""))
        assert b"1.10" in answer.body
        same(daemon.put("old/a/b", {"B": "2", "ttl": "1h"}).status, 204)
        answer = daemon.get("old/a/b")
        same((answer.data, answer.json["lease_duration"]), ({"B": "2", "ttl": "1h"}, 3600))
        for body, lease in (({"lease": "90s"}, 90), ({"ttl": 30, "lease": 60}, 30), ({"ttl": "soon"}, 2764800), ({"ttl": -5}, 2764800)):
            same(daemon.put("old/lease", body).status, 204)
            same(daemon.get("old/lease").json["lease_duration"], lease)
        same(post(daemon, "sys/mounts/old/tune", {"default_lease_ttl": "10m"}).status, 204)
        same(daemon.put("old/lease", {"x": "y"}).status, 204)
        same(daemon.get("old/lease").json["lease_duration"], 600)
        # names of version 2's resources are names like others
        for path in ("data/x", "metadata/x", "config", "resolve/x"):
            same(daemon.get("old/" + path).status, 404)
            same(daemon.put("old/" + path, {"data": {"A": "1"}}).status, 204)
            same(daemon.get("old/" + path).data, {"data": {"A": "1"}})
        for path, keys in (("old", ["a/", "config", "data/", "lease", "metadata/", "resolve/"]), ("old/", None), ("old/a", ["b"]), ("old/a/", ["b"])):
            same(daemon.request("LIST", path).data["keys"], keys or ["a/", "config", "data/", "lease", "metadata/", "resolve/"])
        same(daemon.get("old/a?list=true").data["keys"], ["b"])
        same(daemon.request("LIST", "old/none").status, 404)
        same(daemon.request("PATCH", "old/a/b", {"A": "1"}).status, 405)
        same(daemon.get("old").status, 405)
        for body in ({}, None, b"[]", b"7", b'{"a":1,"a":2}', b'{"a"'):
            same(daemon.put("old/a/b", body).status, 400)
        same(daemon.put("old/a b", {"A": "1"}).status, 400)
        same(daemon.get("old/a/b").data, {"B": "2", "ttl": "1h"})
        same(delete(daemon, "old/a/b").status, 204)
        same((daemon.get("old/a/b").status, daemon.get("old/a/b").errors), (404, []))
        same(delete(daemon, "old/a/b").status, 204)
        # the upgrade
        same(daemon.get("old/data/config").status, 404)
        same(post(daemon, "sys/mounts/old/tune", {"options": {"version": "2"}}).status, 204)
        same(daemon.get("old/data/config").data["data"], {"data": {"A": "1"}})
        same(daemon.get("old/metadata/data/x").data["max_versions"], 0)
        answer = daemon.get("old/config/x")
        same(answer.status, 404)
        assert "Invalid path for a versioned K/V" in answer.json["warnings"][0]
        daemon.stop()
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.get("old/data/config").data["data"], {"data": {"A": "1"}})


def test_resolved():
    with vault.personal() as daemon:
        daemon.write("base", {"HOST": "db", "PORT": "1"})
        daemon.write("app", {"PORT": "2"})
        same(daemon.request("PATCH", "secret/settings/app", {"parents": ["base"]}).status, 204)
        answer = daemon.get("resolved/data/app")
        same((answer.status, answer.data["data"], answer.data["metadata"]["version"]), (200, {"HOST": "db", "PORT": "2"}, 1))
        same(sorted(answer.data["metadata"]), ["created_time", "custom_metadata", "deletion_time", "destroyed", "version"])
        same(daemon.get("secret/data/app").data["data"], {"PORT": "2"})
        daemon.write("app", {"PORT": "3"})
        same(daemon.get("resolved/data/app").data["data"], {"HOST": "db", "PORT": "3"})
        same(daemon.get("resolved/data/app?version=1").data["data"], {"HOST": "db", "PORT": "2"})
        same(daemon.get("resolved/metadata/app").data, daemon.get("secret/metadata/app").data)
        same(daemon.request("LIST", "resolved/metadata").data["keys"], ["app", "base"])
        same((daemon.get("resolved/data/none").status, daemon.get("resolved/data/none").errors), (404, []))
        same(delete(daemon, "secret/data/app").status, 204)
        answer = daemon.get("resolved/data/app")
        same((answer.status, answer.data["data"], answer.data["metadata"]["version"]), (404, None, 2))
        for method, path, body in (("PUT", "resolved/data/app", {"data": {}}), ("DELETE", "resolved/data/app", None), ("PATCH", "resolved/data/app", {}),
                                   ("DELETE", "resolved/metadata/app", None), ("PUT", "resolved/metadata/app", {}), ("GET", "resolved/config", None),
                                   ("GET", "resolved/resolve/app", None), ("PUT", "resolved/destroy/app", {"versions": [1]}), ("GET", "resolved", None)):
            same(daemon.request(method, path, body).status, 405)
        same(delete(daemon, "sys/mounts/secret").status, 204)
        same((daemon.get("resolved/data/app").status, daemon.request("LIST", "resolved/metadata").status), (404, 404))


def test_resolved_is_decided_below_secret():
    with vault.personal() as daemon:
        for env in ("mine/a", "theirs/a"):
            daemon.write(env, {"A": env})
        answer = daemon.put("sys/policies/acl/mine", {"policy": 'path "secret/data/mine/*" { capabilities = ["read"] }'})
        if answer.status == 404:
            return "there are no policies over HTTP"
        same(answer.status, 204)
        same(daemon.put("sys/policies/acl/wrong", {"policy": 'path "resolved/*" { capabilities = ["read", "list", "update"] }'}).status, 204)
        answer = post(daemon, "auth/token/create", {"policies": ["mine"], "no_default_policy": True})
        if answer.status == 404:
            return "tokens with policies are not there yet"
        mine = answer.json["auth"]["client_token"]
        wrong = post(daemon, "auth/token/create", {"policies": ["wrong"], "no_default_policy": True}).json["auth"]["client_token"]
        same(daemon.get("resolved/data/mine/a", token=mine).data["data"], {"A": "mine/a"})
        same(daemon.get("sys/internal/ui/mounts/resolved/data/mine/a", token=mine).data["path"], "resolved/")
        same(sorted(daemon.get("sys/internal/ui/mounts", token=mine).data["secret"]), ["resolved/", "secret/"])
        for path in ("resolved/data/theirs/a", "resolved/data/none", "resolved/metadata/mine/a"):
            same(daemon.get(path, token=mine).status, 403)
        same(daemon.request("LIST", "resolved/metadata/mine", token=mine).status, 403)
        for path in ("resolved/data/mine/a", "resolved/data/none", "resolved/metadata/mine/a", "sys/internal/ui/mounts/resolved",
                     "sys/internal/ui/mounts/secret", "sys/internal/ui/mounts/none"):
            same(daemon.get(path, token=wrong).status, 403)


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
