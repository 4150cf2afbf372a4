#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""What Vault does not have: resolve with ETag and blocking reads, history, diff, rollback, settings."""
import threading
import time

import vault

DAEMON = vault.personal(config="""
limits { waiters = 8 }
""")
request, get, put, write = DAEMON.request, DAEMON.get, DAEMON.put, DAEMON.write


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def test_resolve():
    write("r/a", {"A": "1", "N": 10, "O": {"x": 1}}, message="first")
    write("r/a", {"A": "2", "N": 10})
    answer = get("secret/resolve/r/a")
    data = answer.data
    same(sorted(data), ["allow_names", "created_time", "environment", "origins", "revision", "variables"])
    same((data["environment"], data["revision"], data["variables"], data["allow_names"]), ("r/a", 2, {"A": "2", "N": 10}, []))
    same(data["origins"], {"A": {"environment": "r/a", "revision": 2, "version": 2}, "N": {"environment": "r/a", "revision": 1, "version": 1}})
    assert "origins" not in get("secret/resolve/r/a?origins=false").data
    same(get("secret/resolve/r/a?revision=1").data["variables"], {"A": "1", "N": 10, "O": {"x": 1}})
    same(get("secret/resolve/r/a?revision=9").status, 404)
    same(get("secret/resolve/none").status, 404)
    for bad in ("origins=x", "revision=x", "revision=-1", "wait=x", "wait=301s", "wait=-1s", "colour=blue", "version=1"):
        same(get("secret/resolve/r/a?" + bad).status, 400)


def test_deleted_is_not_found():
    write("r/d", {"A": "1"})
    request("DELETE", "secret/data/r/d")
    answer = get("secret/resolve/r/d")
    same(answer.status, 404)
    assert "deleted" in answer.errors[0], answer


def test_etag():
    write("e/a", {"A": "1"})
    etag = get("secret/resolve/e/a").headers["etag"]
    assert etag.startswith('"') and etag.endswith('"')
    for condition in (etag, etag.strip('"'), "*", f'"x", {etag}', "W/" + etag):
        answer = get("secret/resolve/e/a", headers={"If-None-Match": condition})
        same((answer.status, answer.body, answer.headers["etag"]), (304, b"", etag))
    same(get("secret/resolve/e/a", headers={"If-None-Match": '"other"'}).status, 200)
    write("e/a", {"A": "1"})
    answer = get("secret/resolve/e/a", headers={"If-None-Match": etag})
    same(answer.status, 200)
    assert answer.headers["etag"] != etag
    # an environment of the same name that was made anew is another one
    etag = answer.headers["etag"]
    request("DELETE", "secret/metadata/e/a")
    write("e/a", {"A": "1"})
    write("e/a", {"A": "1"})
    assert get("secret/resolve/e/a").headers["etag"] != etag


class Waiting(threading.Thread):
    def __init__(self, path, **more):
        super().__init__()
        self.path, self.more, self.answer, self.took = path, more, None, None
        self.start()

    def run(self):
        begin = time.monotonic()
        self.answer = get(self.path, **self.more)
        self.took = time.monotonic() - begin

    def result(self):
        self.join(60)
        assert not self.is_alive()
        return self.answer


def waiters():
    for line in get("/metrics").body.decode().split("\n"):
        if line.startswith("vaultd_http_waiters "):
            return int(line.split()[1])
    raise AssertionError("no gauge of waiters")


def wait_for_waiters(count):
    deadline = time.monotonic() + 20
    while waiters() != count:
        assert time.monotonic() < deadline, f"{waiters()} waiters instead of {count}"
        time.sleep(0.01)


def test_wait_until_it_changes():
    write("w/a", {"A": "1"})
    write("w/b", {"A": "1"})
    etag = get("secret/resolve/w/a").headers["etag"]
    waiting = Waiting("secret/resolve/w/a?wait=30s", headers={"If-None-Match": etag})
    wait_for_waiters(1)
    write("w/b", {"A": "2"})  # another environment does not wake it
    write("w/a/b", {"A": "2"})
    time.sleep(0.2)
    same(waiters(), 1)
    begin = time.monotonic()
    write("w/a", {"A": "2"})
    answer = waiting.result()
    same((answer.status, answer.data["variables"]), (200, {"A": "2"}))
    assert time.monotonic() - begin < 20
    same(waiters(), 0)


def test_wait_without_a_condition():
    write("w/c", {"A": "1"})
    waiting = Waiting("secret/resolve/w/c?wait=30")
    wait_for_waiters(1)
    write("w/c", {"A": "2"})
    same(waiting.result().data["revision"], 2)


def test_wait_answers_at_once_when_it_has_changed():
    write("w/d", {"A": "1"})
    etag = get("secret/resolve/w/d").headers["etag"]
    write("w/d", {"A": "2"})
    waiting = Waiting("secret/resolve/w/d?wait=30s", headers={"If-None-Match": etag})
    same(waiting.result().data["revision"], 2)
    assert waiting.took < 5


def test_wait_ends_with_304():
    write("w/e", {"A": "1"})
    etag = get("secret/resolve/w/e").headers["etag"]
    waiting = Waiting("secret/resolve/w/e?wait=1s", headers={"If-None-Match": etag})
    same(waiting.result().status, 304)
    assert 0.9 < waiting.took < 5, waiting.took
    waiting = Waiting("secret/resolve/w/e?wait=1s")
    same(waiting.result().status, 200)
    assert 0.9 < waiting.took < 5, waiting.took


def make_token(**wish):
    put("sys/policies/acl/w-reader", {"policy": 'path "secret/data/w/*" { capabilities = ["read"] }'})
    return put("auth/token/create", {"policies": ["w-reader"], **wish}).json["auth"]["client_token"]


def test_a_revoked_token_waits_in_vain():
    write("w/r", {"A": "1"})
    token = make_token()
    etag = get("secret/resolve/w/r", token=token).headers["etag"]
    waiting = [Waiting("secret/resolve/w/r?wait=30s", token=token, headers={"If-None-Match": etag}),
               Waiting("secret/resolve/w/r?wait=30s", token=token)]
    wait_for_waiters(2)
    same(put("auth/token/revoke", {"token": token}).status, 204)
    write("w/r", {"A": "for others"})
    for one in waiting:
        answer = one.result()
        same((answer.status, answer.errors), (403, ["permission denied"]))
        assert "etag" not in answer.headers and b"for others" not in answer.body
    # nor does one whose time is over
    token = make_token(ttl="1s")
    waiting = Waiting("secret/resolve/w/r?wait=2s", token=token)
    same(waiting.result().status, 403)


def test_the_last_use_of_a_token_may_wait():
    write("w/u", {"A": "1"})
    token = make_token(num_uses=1)
    waiting = Waiting("secret/resolve/w/u?wait=30s", token=token)
    wait_for_waiters(1)
    write("w/u", {"A": "2"})
    same(waiting.result().data["variables"], {"A": "2"})
    same(get("secret/resolve/w/u", token=token).status, 403)


def test_delete_and_settings_wake():
    write("w/f", {"A": "1"})
    waiting = Waiting("secret/resolve/w/f?wait=30s")
    wait_for_waiters(1)
    same(request("PATCH", "secret/settings/w/f", {"allow_names": ["PATH"]}).status, 204)
    same(waiting.result().data["allow_names"], ["PATH"])
    waiting = Waiting("secret/resolve/w/f?wait=30s")
    wait_for_waiters(1)
    request("DELETE", "secret/data/w/f")
    same(waiting.result().status, 404)


def test_limit_of_waiters():
    write("w/g", {"A": "1"})
    waiting = [Waiting("secret/resolve/w/g?wait=30s") for _ in range(8)]
    wait_for_waiters(8)
    answer = get("secret/resolve/w/g?wait=30s")
    same(answer.status, 503)
    assert "retry-after" in answer.headers and "sealed" not in answer.errors[0]
    same(get("secret/resolve/w/g").status, 200)
    write("w/g", {"A": "2"})
    same([w.result().data["revision"] for w in waiting], [2] * 8)
    wait_for_waiters(0)


def test_a_peer_that_leaves_gives_its_place_back():
    write("w/h", {"A": "1"})
    streams = [DAEMON.connect() for _ in range(8)]
    for stream in streams:
        stream.sendall(b"GET /v1/secret/resolve/w/h?wait=300s HTTP/1.1\r\nHost: h\r\n\r\n")
    wait_for_waiters(8)
    for stream in streams:
        stream.close()
    wait_for_waiters(0)
    assert "aborted" not in DAEMON.log()


def test_changes_are_never_missed():
    """A reader that always waits for the next revision sees the last one, whatever the timing."""
    write("w/i", {"N": "0"})
    seen = []

    def follow():
        etag = '"none"'
        while not seen or seen[-1] < 200:
            answer = get("secret/resolve/w/i?wait=20s", headers={"If-None-Match": etag})
            assert answer.status == 200, answer
            seen.append(answer.data["revision"])
            etag = answer.headers["etag"]
    threads = [threading.Thread(target=follow) for _ in range(1)]
    for thread in threads:
        thread.start()
    for i in range(199):
        write("w/i", {"N": str(i)})
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    same(seen, sorted(set(seen)))
    same(seen[-1], 200)


def test_history():
    write("h/a", {"A": "1", "B": "1"}, message="first")
    write("h/a", {"A": "2", "C": "1"}, message="second")
    request("PATCH", "secret/data/h/a", {"data": {"C": "2"}})
    data = get("secret/history/h/a").data["revisions"]
    same([r["revision"] for r in data], [3, 2, 1])
    same([r["message"] for r in data], ["", "second", "first"])
    same((data[1]["added"], data[1]["changed"], data[1]["removed"]), (["C"], ["A"], ["B"]))
    same(sorted(data[0]), ["accessor", "actor", "added", "baseline", "changed", "created_time", "deletion_time", "destroyed", "message",
                           "removed", "revision"])
    same([r["revision"] for r in get("secret/history/h/a?limit=1").data["revisions"]], [3])
    same([r["revision"] for r in get("secret/history/h/a?before=3").data["revisions"]], [2, 1])
    same([r["revision"] for r in get("secret/history/h/a?name=C").data["revisions"]], [3, 2])
    assert '"1"' not in get("secret/history/h/a").body.decode()
    for bad in ("limit=1001", "limit=x", "before=-1", "colour=1"):
        same(get("secret/history/h/a?" + bad).status, 400)
    same(get("secret/history/none").status, 404)


def test_diff():
    write("d/a", {"A": "1", "B": "1", "S": "same"})
    write("d/a", {"A": "2", "C": "1", "S": "same"})
    write("d/b", {"A": "2", "S": "other"})
    data = get("secret/diff/d/a").data
    same((data["from"], data["to"], data["unchanged"]), (1, 2, 1))
    same([(c["name"], c["change"]) for c in data["changes"]], [("A", "changed"), ("B", "removed"), ("C", "added")])
    same(data["changes"][0], {"name": "A", "change": "changed", "from_revision": 1, "to_revision": 2})
    same(get("secret/diff/d/a?from=2&to=1").data["changes"][1], {"name": "B", "change": "added", "from_revision": 0, "to_revision": 1})
    same(get("secret/diff/d/a?from=0&to=0").data["changes"], [])
    data = get("secret/diff/d/a?to_environment=d/b").data
    same([(c["name"], c["change"]) for c in data["changes"]], [("C", "removed"), ("S", "changed")])
    assert "other" not in get("secret/diff/d/a?to_environment=d/b").body.decode()
    same(get("secret/diff/d/b").status, 400)  # one revision only
    same(get("secret/diff/d/a?to_environment=none").status, 404)
    same(get("secret/diff/d/a?to_environment=../b").status, 400)
    same(get("secret/diff/d/a?from=7").status, 404)
    same(get("secret/diff/none").status, 404)


def test_rollback():
    write("rb/a", {"A": "1"})
    write("rb/a", {"A": "2", "B": "1"})
    answer = put("secret/rollback/rb/a", {"revision": 1, "message": "back"})
    same((answer.status, answer.data["version"]), (200, 3))
    same(DAEMON.read("rb/a"), {"A": "1"})
    same(get("secret/history/rb/a?limit=1").data["revisions"][0]["message"], "back")
    same(put("secret/rollback/rb/a", {"revision": 2, "cas": 2}).status, 400)
    same(put("secret/rollback/rb/a", {"revision": 2, "cas": 3}).data["version"], 4)
    for bad in ({}, {"revision": 0}, {"revision": -1}, {"revision": "x"}, {"revision": 1, "colour": "blue"}, {"revision": 1, "data": {}}):
        same(put("secret/rollback/rb/a", bad).status, 400)
    same(put("secret/rollback/rb/a", {"revision": 99}).status, 404)
    same(put("secret/rollback/none", {"revision": 1}).status, 404)


def test_settings():
    write("s/a", {"A": "1"})
    same(get("secret/settings/s/a").data, {"allow_names": [], "parents": [], "templates": [], "unset": []})
    same(request("PATCH", "secret/settings/s/a", {"allow_names": ["LD_PRELOAD", "PATH"]}).status, 204)
    same(get("secret/settings/s/a").data["allow_names"], ["LD_PRELOAD", "PATH"])
    same(get("secret/resolve/s/a").data["allow_names"], ["LD_PRELOAD", "PATH"])
    for bad in ({"allow_names": "PATH"}, {"allow_names": ["a b"]}, {"allow_names": [1]}, {"colour": 1}, {"allow_names": [], "x": 1}, {}):
        same(request("PATCH", "secret/settings/s/a", bad).status, 400)
    request("DELETE", "secret/data/s/a")
    same(get("secret/settings/s/a").data["allow_names"], ["LD_PRELOAD", "PATH"])  # also without a readable revision
    same(request("PATCH", "secret/settings/s/a", {"allow_names": None}).status, 204)
    same(get("secret/settings/s/a").data, {"allow_names": [], "parents": [], "templates": [], "unset": []})
    same(get("secret/settings/none").status, 404)


def test_stop_answers_who_waits():
    write("w/z", {"A": "1"})
    waiting = [Waiting("secret/resolve/w/z?wait=300s") for _ in range(5)]
    wait_for_waiters(5)
    begin = time.monotonic()
    same(DAEMON.stop(), 0)
    assert time.monotonic() - begin < 100
    for one in waiting:
        same(one.result().status, 200)
        same(one.answer.headers.get("connection"), "close")
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "ours")
