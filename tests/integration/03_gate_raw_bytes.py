#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Malformed requests as bytes, over the Unix socket and TCP: each is refused with an answer of ours, the connection is closed, and
a request hidden behind it is not carried out. The rows stand in tests/faults/malformed_http.py; tests/faults/40_malformed_http.py sends
them over TLS and through nginx as well, and those that take long."""
import contextlib
import os
import socket
import sys

import vault
from tls_daemon import free_port

sys.path.insert(0, os.path.join(vault.TOP, "tests/faults"))
from malformed_http import A, CASES, CHUNKED, LENGTH, BODY, REFUSED, TAIL, chunk, get, put  # noqa: E402
from raw_http import Way, exchange, row_tests, statuses  # noqa: E402

PORT = free_port()
DAEMON = vault.personal(config=f"""
listen_unix {{ path = "DIR/home/run/vaultd/vaultd.sock" }}
listen_tcp {{ address = "127.0.0.1" port = {PORT} plain = true }}
""")
DAEMON.write("a", {"A": "canary-of-a"})


def tcp():
    return socket.create_connection(("127.0.0.1", PORT), timeout=20)


WAYS = [Way(DAEMON, "unix", "u", DAEMON.connect), Way(DAEMON, "tcp", "p", tcp)]


def answers(way, data):
    """The statuses, and all bytes."""
    got, closed = exchange(way.connect(), way.bytes_of(data))
    assert closed, got
    return statuses(got, data.split(b" ")[0]), got


def test_the_good_ones_are_good():
    close = b"Connection: close\r\n"
    for way in WAYS:
        found, got = answers(way, get(A, close))
        assert found == (200,) and b"canary-of-a" in got, (way.name, got)
        for data in (put(LENGTH + close, BODY), put(CHUNKED, chunk())):
            found, got = answers(way, data)
            assert found == (200,), (way.name, got)
        # two requests in one piece are two requests
        found, got = answers(way, get(A) + get(A, close))
        assert found == (200, 200) and got.count(b"canary-of-a") == 2, (way.name, got)
        # an escape of a byte that may stand there is that byte
        found, got = answers(way, get(b"/v1/secret/data/%61", close))
        assert found == (200,) and b"canary-of-a" in got, (way.name, got)
        assert way.written() == {"poste"}


def test_this_test_would_see_a_smuggled_request():
    for way in WAYS:
        answers(way, get(A) + TAIL)
        assert way.written() == {"smuggle"}


globals().update(row_tests(WAYS, [case for case in CASES if not case.half_close and len(case.data) < 65536]))


def test_nothing_behind_a_chunked_body_is_a_request():
    for way in WAYS:
        found, got = answers(way, put(CHUNKED, chunk()) + TAIL)
        assert found == (200,), got
        assert way.written() == {"poste"}


def test_heads_in_single_bytes():
    """The same refusals, however the bytes arrive."""
    wanted = ("a folded header", "two lengths", "bare LF at the end", "a NUL in a value")
    for case in [case for case in CASES if case.direct == REFUSED][:8] + [case for case in CASES if case.name in wanted]:
        with DAEMON.connect(20) as stream:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for byte in WAYS[0].bytes_of(case.data):
                    stream.sendall(bytes([byte]))
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := stream.recv(65536):
                    got += piece
        assert got.startswith(b"HTTP/1.1 4"), (case.name, got)


def test_the_log_has_one_line_for_each_event():
    for line in DAEMON.log().split("\n"):
        assert not line or line.startswith(("time=", "WARNING")), line
        assert "\x1b" not in line and DAEMON.root_token not in line


def test_stops_cleanly():
    assert DAEMON.stop() == 0
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "gate")
