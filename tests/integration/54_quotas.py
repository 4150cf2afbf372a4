#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""sys/quotas/rate-limit: written, read, listed, deleted, and enforced with 429 and its headers."""
import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


RULE = "sys/quotas/rate-limit/"


def test_write_and_read():
    with vault.personal() as daemon:
        same((daemon.request("LIST", RULE).status, daemon.get(RULE + "q").status), (404, 404))
        same(daemon.request("POST", RULE + "q", {"rate": 1000.5, "path": "secret/", "interval": "2m", "block_interval": "300", "type": "rate-limit",
                                                 "role": "", "inheritable": True}).status, 204)
        same(daemon.get(RULE + "q").data, {"block_interval": 300, "inheritable": True, "interval": 120, "name": "q", "path": "secret/",
                                           "rate": 1000.5, "role": "", "type": "rate-limit"})
        same(daemon.put(RULE + "all", {"rate": "2000"}).status, 204)
        answer = daemon.get(RULE + "all")
        same((answer.data["rate"], answer.data["interval"], answer.data["path"]), (2000, 1, ""))
        same(daemon.request("LIST", RULE).data["keys"], ["all", "q"])
        same(daemon.get("sys/quotas/rate-limit?list=true").data["keys"], ["all", "q"])
        for body in ({}, {"rate": 0}, {"rate": -1}, {"rate": "many"}, {"rate": "nan"}, {"rate": "0x10"}, {"rate": 1e10}, {"rate": True},
                     {"rate": 1, "interval": "0"}, {"rate": 1, "interval": "2h"}, {"rate": 1, "block_interval": "2d"}, {"rate": 1, "role": "r"},
                     {"rate": 1, "path": "none/x"}, {"rate": 1, "path": 7}, {"rate": 1, "path": "secret/" + "x" * 512}, {"rate": 1, "path": "secret/"},
                     {"rate": 1, "path": "secret/../x\u0000"}, b"[]", b"{"):
            same(daemon.put(RULE + "bad", body).status, 400)
        same(daemon.put(RULE + "a/b", {"rate": 1}).status, 400)
        same(daemon.put(RULE + "n" * 128, {"rate": 1}).status, 400)
        same(daemon.request("DELETE", RULE + "q").status, 204)
        same(daemon.request("DELETE", RULE + "q").status, 204)
        same(daemon.get(RULE + "q").errors, [])
        exempt = daemon.get("sys/quotas/config").data["rate_limit_exempt_paths"]
        assert {"sys/health", "sys/unseal", "sys/rekey/update", "sys/generate-root/update"} <= set(exempt), exempt
        same(len(exempt), len(set(exempt)))
        same(daemon.put(RULE + "all", {"rate": "1", "interval": "1h"}).status, 204)
        same([daemon.get("sys/mounts").status for _ in range(2)], [200, 429])
        for path in exempt:
            assert daemon.put(path, b"[]").status != 429, path
        daemon.stop()
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.request("LIST", RULE).data["keys"], ["all"])


def test_enforced():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        same(daemon.put(RULE + "slow", {"rate": 3, "path": "secret/data/a", "interval": "1h", "block_interval": "10m"}).status, 204)
        same([daemon.get("secret/data/a").status for _ in range(6)], [200, 200, 200, 429, 429, 429])
        answer = daemon.get("secret/data/a", token="guessed")
        same((answer.status, answer.errors), (429, ["rate limit quota exceeded"]))
        same((answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]), ("3", "0"))
        assert 590 <= int(answer.headers["retry-after"]) <= 600, answer.headers
        same(answer.headers["x-ratelimit-reset"], answer.headers["retry-after"])
        big = daemon.request("PUT", "secret/data/a", {"data": {"A": "x" * 100000}})
        same(big.status, 429)
        same(daemon.put("secret/data/b", {"data": {}}).status, 200)
        same(daemon.get("sys/health").status, 200)
        same(daemon.request("DELETE", RULE + "slow").status, 204)
        same(daemon.read("a"), {"A": "1"})


def test_everything_but_the_state():
    with vault.personal() as daemon:
        same(daemon.put(RULE + "all", {"rate": 1, "interval": "1h"}).status, 204)
        same([daemon.get("sys/mounts").status for _ in range(3)], [200, 429, 429])
        same(daemon.get("secret/data/a", token="guessed").status, 429)
        for path in ("sys/health", "sys/seal-status", "sys/init", "sys/leader", "/healthz", "/readyz", "/metrics"):
            for _ in range(3):
                same(daemon.get(path).status, 200)


if __name__ == "__main__":
    vault.main(dict(globals()), "quotas")
