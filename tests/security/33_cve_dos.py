#!/usr/bin/env python3
"""What has brought down secret managers before, tried here: each test names the advisory it stands for."""
import concurrent.futures
import contextlib
import json
import random
import socket
import time

from routes import example, prepare, vault, writes

DAEMON = vault.personal()
prepare(DAEMON)
DAEMON.write("before", {"A": "1"})


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def resident():
    """KiB of anonymous memory."""
    with open(f"/proc/{DAEMON.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def is_well():
    same(DAEMON.process.poll(), None)
    same(DAEMON.read("before"), {"A": "1"})


def test_CVE_2023_6337_a_huge_body_takes_no_memory():
    """Neither with a token nor without one; a length alone refuses it, and what comes in chunks is counted while it comes."""
    before = resident()
    for token in (DAEMON.root_token, "hvs.none"):
        for path in ("secret/data/huge", "sys/unseal", "sys/init", "auth/token/lookup-self"):
            head = f"PUT /v1/{path} HTTP/1.1\r\nHost: h\r\nX-Vault-Token: {token}\r\n"
            got = DAEMON.raw((head + "Content-Length: 4000000000\r\n\r\n{").encode(), timeout=10)
            assert got.split(b" ")[1] in (b"413", b"403"), (path, got[:200])
            chunks, end = b"10000\r\n" + b"{" * 0x10000 + b"\r\n", b"0\r\nConnection: close\r\n\r\n"
            with DAEMON.connect(10) as stream:
                stream.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks * 70 + end)
                assert vault.read_answer(stream).status in (413, 403), path
            with DAEMON.connect(10) as stream:  # without an end: what is thrown away is bounded as well
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    stream.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks * 1000)
                    same(vault.read_answer(stream), None)
    assert resident() - before < 16 * 1024, f"{resident() - before} KiB more"
    is_well()


def bombs():
    """At most 4 MiB each, as data/ takes it."""
    size = 4 * 1024 * 1024 - 100
    yield "brackets", b'{"data":' + b"[" * (size - 10)
    yield "objects", b'{"a":' * (size // 5)
    yield "closed brackets", b'{"data":{"a":' + b"[" * (size // 2 - 10) + b"]" * (size // 2 - 10) + b"}}"
    yield "empty members", b'{"data":{' + b",".join(b'"%x":{}' % i for i in range(size // 14)) + b"}}"
    yield "empty lists in a list", b'{"data":{"a":[' + b",".join([b"[]"] * (size // 3 - 10)) + b"]}}"
    yield "one-digit numbers", b'{"data":{"a":[' + b",".join([b"1"] * (size // 2 - 10)) + b"]}}"
    yield "escapes", b'{"data":{"a":"' + b"\\u0001" * (size // 6 - 10) + b'"}}'
    yield "a name", b'{"' + b"n" * (size - 10) + b'":1}'
    yield "one name again and again", b'{"data":{' + b",".join([b'"n":1'] * (size // 6 - 10)) + b"}}"
    yield "a number", b'{"data":{"a":' + b"9" * (size - 20) + b"}}"
    yield "a minus", b'{"data":{"a":' + b"-" * (size - 20) + b"}}"


def test_CVE_2025_6203_CVE_2025_59043_json_bombs():
    before = resident()
    for name, body in bombs():
        for token in (DAEMON.root_token, "hvs.none"):
            started = time.monotonic()
            answer = DAEMON.put("secret/data/bomb", body, token=token)
            took = time.monotonic() - started
            assert answer.status in ((400, 413) if token != "hvs.none" else (403,)), (name, answer)
            assert took < 2, (name, took)
        for path in ("sys/unseal", "secret/config", "secret/delete/before"):
            assert DAEMON.put(path, body).status == 413, (name, path)
            assert DAEMON.put(path, body[:65000]).status == 400, (name, path)
    assert resident() - before < 32 * 1024, f"{resident() - before} KiB more"
    is_well()


def test_numbers_that_overflow():
    for number in ("1e999999", "-1e999999", "1e-999999", "9" * 400, "0." + "9" * 400, "-0", "1E400"):
        answer = DAEMON.put("secret/data/numbers", ('{"data":{"N":' + number + "}}").encode())
        same(answer.status, 200)
        assert number.encode() in DAEMON.get("secret/data/numbers").body  # the text is kept, nobody calculates with it
        for body in ('{"data":{},"options":{"cas":%s}}', '{"versions":[%s]}', '{"max_versions":%s}', '{"revision":%s}', '{"ttl":%s}', '{"increment":%s}'):
            for path in ("secret/data/numbers", "secret/delete/numbers", "secret/metadata/numbers", "secret/rollback/numbers"):
                answer = DAEMON.put(path, (body % number).encode())
                assert answer.status < 500, (path, body, number, answer)
    is_well()


WRONG = [None, True, 0, -1, 1.5, 10 ** 30, "", "x", "true", [], [[]], [None], ["x"], [1, "2"], {}, {"": ""}, {"a": {"b": []}}]
NAMES = ("data options cas version versions max_versions cas_required delete_version_after custom_metadata key reset revision message slot type "
         "secret_shares secret_threshold policy rules path paths token accessor policies ttl period num_uses meta renewable increment config description "
         "from to rate interval name capability lease_id input otp nonce allow_names parents templates unset display_name id role").split()


def test_CVE_2021_45042_types_nobody_expects():
    """Every route that takes a body, with every type in every place: an answer, and it is no 5xx."""
    chance = random.Random(45042)
    tried = 0
    with DAEMON.connect() as stream:
        for route in writes():
            bodies = [json.dumps(value).encode() for value in WRONG] + [b"", b" ", b"{", b"\x00", b"\xff\xfe", b"null", b'{"data":{"a":1}}x']
            bodies += [json.dumps({name: chance.choice(WRONG) for name in chance.sample(NAMES, 6)}).encode() for _ in range(150)]
            bodies += [json.dumps({"data": {"A": "1"}, "options": value}).encode() for value in WRONG]
            for body in bodies:
                answer = DAEMON.request(route["method"], example(route["pattern"], f"cve/t{tried % 7}"), body, token=DAEMON.root_token, stream=stream)
                tried += 1
                assert answer is not None, (route, body)
                assert answer.status < 500, (route, body, answer)
                if answer.headers.get("connection", "").lower() == "close":
                    stream.close()
                    stream = DAEMON.connect()
    assert tried > 2000, tried
    assert not DAEMON.get("sys/seal-status").json["sealed"]
    is_well()


def test_header_floods_and_slow_heads_leave_room_for_others():
    slow = []
    for _ in range(60):
        stream = DAEMON.connect()
        stream.sendall(b"GET /v1/secret/data/before HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        slow.append(stream)
    started = time.monotonic()
    is_well()
    assert time.monotonic() - started < 9
    for stream in slow:
        stream.close()
    got = DAEMON.raw(b"GET /v1/secret/data/before HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n", timeout=10)
    assert got.split(b" ")[1] in (b"413", b"431", b"400"), got[:200]
    is_well()


def test_passphrase_derivation_is_no_amplifier():
    """Attempts are evaluated one at a time, and those who only read do not wait for them."""
    same(DAEMON.put("sys/seal", None).status, 204)

    def attempt(i):
        return DAEMON.put("sys/unseal", {"slot": "passphrase", "passphrase": f"wrong {i}"}).status

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        futures = [pool.submit(attempt, i) for i in range(24)]
        for _ in range(10):
            started = time.monotonic()
            same(DAEMON.get("sys/health").status, 503)
            assert time.monotonic() - started < 9
        statuses = {future.result() for future in futures}
    assert statuses <= {400, 429, 503}, statuses
    for _ in range(100):
        if DAEMON.unseal().status == 200:
            break
        time.sleep(0.2)
    is_well()


def test_a_full_map_refuses_writes_and_reads_go_on():
    with vault.Daemon(config='listen_unix { path = "DIR/home/run/vaultd/vaultd.sock" }\nstore { max_size = "4MiB" }\n') as daemon:
        daemon.start().init()
        daemon.write("before", {"A": "1"})
        statuses = {daemon.put(f"secret/data/fill{i}", {"data": {"A": "x" * 400000}}).status for i in range(20)}
        same(statuses, {200, 507})
        same(daemon.read("before"), {"A": "1"})
        same(daemon.get("/healthz").status, 200)
        for i in range(20):
            assert daemon.request("DELETE", f"secret/metadata/fill{i}").status in (204, 507)
        same(daemon.stop(), 0)


def test_CVE_2024_8185_there_is_no_cluster_to_join():
    for path in ("sys/storage/raft/join", "sys/storage/raft/bootstrap/challenge", "sys/storage/raft/snapshot"):
        for method in ("GET", "PUT", "POST"):
            same(DAEMON.request(method, path, None if method == "GET" else {}).status, 404)


def test_connections_that_leave_do_not_stay():
    for _ in range(300):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(DAEMON.socket)
        stream.sendall(b"PUT /v1/secret/data/gone HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{")
        stream.close()
    is_well()


def test_stops_cleanly():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(globals(), "denial of service:")
