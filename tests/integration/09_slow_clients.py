#!/usr/bin/env python3
# slow: yes
"""Absolute deadlines: a byte now and then keeps nobody's place; limits of connections; peers that leave."""
import contextlib
import socket
import threading
import time

import vault

DAEMON = vault.personal(config="""
limits { connections = 40 connections_per_peer = 30 waiters = 10 }
""")


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def gauge(name):
    for line in DAEMON.get("/metrics").body.decode().split("\n"):
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise AssertionError(name)


def drip(stream, data, pause, limit):
    """Sends a byte each `pause` seconds; how long until the other side closes."""
    begin = time.monotonic()
    stream.settimeout(0.01)
    for i in range(len(data)):
        try:
            stream.sendall(data[i:i + 1])
            if stream.recv(1000) == b"":
                break
        except socket.timeout:
            pass
        except OSError:
            break
        if time.monotonic() - begin > limit:
            raise AssertionError(f"still open after {limit} s")
        time.sleep(pause)
    return time.monotonic() - begin


def test_deadlines():
    """All at once, as each takes its time."""
    results, failures = {}, []
    long_head = b"GET /v1/secret/data/a HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 1000
    body_head = b"PUT /v1/secret/data/slow HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"

    def head_in_drips():
        results["head"] = drip(DAEMON.connect(), long_head, 0.5, 40)

    def silence():
        results["silence"] = drip_silent(DAEMON.connect(), 40)

    def body_in_drips():
        stream = DAEMON.connect()
        stream.sendall(body_head)
        results["body"] = drip(stream, b"{" + b" " * 1000, 0.5, 60)

    def second_head_in_drips():
        stream = DAEMON.connect()
        DAEMON.request("GET", "sys/seal-status", stream=stream)
        results["second head"] = drip(stream, long_head, 0.1, 120)

    def drip_silent(stream, limit):
        begin = time.monotonic()
        stream.settimeout(limit)
        with contextlib.suppress(ConnectionResetError):
            same(stream.recv(1000), b"")
        return time.monotonic() - begin

    def slow_reader():
        DAEMON.write("big", {"A": "x" * 500000})
        stream = DAEMON.connect()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(3):  # more than the buffers of a socket hold
            stream.sendall(b"GET /v1/secret/data/big HTTP/1.1\r\nHost: h\r\n\r\n")
        begin = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begin < 100:  # one more byte of a next request now and then, and nothing is ever read
                stream.sendall(b"G")
                time.sleep(1)
        results["reader"] = time.monotonic() - begin

    def guarded(function):
        try:
            function()
        except BaseException as error:
            failures.append(f"{function.__name__}: {error}")
    threads = [threading.Thread(target=guarded, args=(f,)) for f in (head_in_drips, silence, body_in_drips, second_head_in_drips, slow_reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    same(failures, [])
    assert 9 <= results["head"] <= 13, results
    assert 9 <= results["silence"] <= 13, results
    assert 28 <= results["body"] <= 34, results
    assert results["second head"] <= 75, results
    assert results["reader"] <= 75, results
    assert gauge("vaultd_http_connections_cut_total") >= 4


def test_an_upload_that_is_aborted_gives_its_place_back():
    before = gauge("vaultd_http_requests_active")
    for _ in range(20):
        stream = DAEMON.connect()
        stream.sendall(b"PUT /v1/secret/data/aborted HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{\"data\":{\"A\":\"canary-of-aborted")
        stream.close()
    deadline = time.monotonic() + 40
    while gauge("vaultd_http_requests_active") > before:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    same(DAEMON.get("secret/metadata/aborted").status, 404)


def test_who_leaves_in_the_middle_is_noticed():
    """Not at a deadline: libmicrohttpd overlooks an end that comes together with the last bytes."""
    cut = gauge("vaultd_http_connections_cut_total")
    head = b"PUT /v1/secret/data/left HTTP/1.1\r\nHost: h\r\n"
    for sent in (head + b"Content-Length: 1000\r\n\r\n{", head + b"Content-Length: 1000\r\n\r\n", head + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{", head[:20]):
        streams = [DAEMON.connect() for _ in range(10)]
        for stream in streams:
            stream.sendall(sent)
            stream.shutdown(socket.SHUT_WR)
        for stream in streams:
            with contextlib.suppress(ConnectionResetError):
                same(stream.recv(1000), b"")
            stream.close()
    same(gauge("vaultd_http_connections_cut_total"), cut)
    # who only closes his sending side behind a whole request gets his answer
    with DAEMON.connect() as stream:
        stream.sendall(b"GET /v1/sys/seal-status HTTP/1.1\r\nHost: h\r\n\r\n")
        stream.shutdown(socket.SHUT_WR)
        same(vault.read_answer(stream).status, 200)


def test_one_user_cannot_take_all_places():
    streams = [DAEMON.connect() for _ in range(29)]
    time.sleep(1)
    extra = [DAEMON.connect() for _ in range(5)]
    time.sleep(1.5)
    closed = 0
    for stream in extra:
        stream.settimeout(1)
        with contextlib.suppress(socket.timeout, ConnectionResetError, BrokenPipeError):
            stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            closed += stream.recv(1000) == b""
            continue
        closed += 1
    assert closed >= 4, closed
    for stream in streams + extra:
        stream.close()
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError, AttributeError, AssertionError):
            if DAEMON.get("/healthz").status == 200:
                break
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_those_who_wait_do_not_take_places():
    DAEMON.write("wait", {"A": "1"})
    waiting = [DAEMON.connect() for _ in range(10)]
    for stream in waiting:
        stream.sendall(b"GET /v1/secret/resolve/wait?wait=60s HTTP/1.1\r\nHost: h\r\n\r\n")
    deadline = time.monotonic() + 10
    while gauge("vaultd_http_waiters") < 10:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    others = [DAEMON.connect() for _ in range(25)]
    for stream in others:
        same(DAEMON.request("GET", "sys/seal-status", stream=stream).status, 200)
    DAEMON.write("wait", {"A": "2"})
    for stream in waiting:
        same(vault.read_answer(stream).status, 200)
    for stream in waiting + others:
        stream.close()


def test_stops_cleanly():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "slow")
