#!/usr/bin/env python3
"""The table of malformed requests over every way to the daemon: Unix socket, TCP, TLS, and nginx in front of the Unix socket. Each row's
statuses are exact, a refusal closes the connection, and what stood behind it was not carried out."""
import contextlib
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402
from malformed_http import A, CASES, TAIL, TO_THE_PLAIN_PORT, TO_THE_TLS_PORT, get  # noqa: E402
from nginx import Nginx  # noqa: E402
from raw_http import TlsStream, Way, exchange, row_tests, statuses  # noqa: E402
from tls_daemon import TlsDaemon, free_port  # noqa: E402

PLAIN = free_port()
DAEMON = TlsDaemon(f'listen_tcp {{ address = "127.0.0.1" port = {PLAIN} plain = true }}').start().init()
DAEMON.write("a", {"A": "canary-of-a"})
CONTEXT = DAEMON.context()


def descriptors():
    return len(os.listdir(f"/proc/{DAEMON.pid}/fd"))


PID, DESCRIPTORS = DAEMON.pid, descriptors()
NGINX = Nginx(DAEMON, free_port())


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def tcp_to(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def tcp():
    return tcp_to(PLAIN)


def unix():
    return DAEMON.connect(20)


def tls():
    stream = tcp_to(DAEMON.port)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or the request waits 40 ms behind the handshake's last message
    return TlsStream(stream, CONTEXT, "localhost")


def nothing_of_others():
    """The connections that nginx keeps hold nothing that belongs to somebody else."""
    got, _ = exchange(NGINX.connect(), WAYS[3].bytes_of(get(A, b"Connection: close\r\n")))
    assert statuses(got, b"GET") == (200,) and b"canary-of-a" in got, got


WAYS = [Way(DAEMON, "unix", "u", unix), Way(DAEMON, "tcp", "p", tcp), Way(DAEMON, "tls", "t", tls),
        Way(DAEMON, "nginx", "n", NGINX.connect, nothing_of_others)]


def test_the_table_is_large_and_each_row_has_its_name():
    assert len(CASES) >= 300 and len({case.name for case in CASES}) == len(CASES), len(CASES)
    same([case.name for case in CASES if not case.why], [])


globals().update(row_tests(WAYS, CASES))


def test_nothing_is_answered_in_clear_on_the_port_of_TLS():
    for name, data in TO_THE_TLS_PORT:
        got, closed = exchange(tcp_to(DAEMON.port), WAYS[2].bytes_of(data), True)
        assert closed and b"HTTP" not in got and b"canary" not in got, (name, closed, got)
        same(WAYS[2].written(), set())
        same(DAEMON.over_tls("GET", "secret/data/a").status, 200)


def test_TLS_on_a_plain_port_is_no_request():
    for name, data in TO_THE_PLAIN_PORT:
        got, closed = exchange(tcp(), WAYS[1].bytes_of(data), True)
        assert closed and b"canary" not in got, (name, closed, got)
        assert got == b"" or got.startswith(b"HTTP/1.1 400"), (name, got)
        same(WAYS[1].written(), set())


# -- planted weaknesses ---------------------------------------------------------------------------------------------------


def answered(data):
    return exchange(unix(), data)[0]


def honest(data, _tail):
    return answered(data), True


def carries_out(data, tail):
    """What stands behind a refusal as well, and is silent about it."""
    answered(tail)
    return answered(data), True


def is_lenient(_data, _tail):
    return answered(WAYS[0].bytes_of(get(A, b"Connection: close\r\n"))), True


def stays_open(data, _tail):
    return answered(data), False


def weak_way(behaviour):
    """By a server that stands in front of the Unix socket and has a weakness."""
    def serve(stream):
        with stream:
            data = stream.recv(65536)	# a row that is so short comes at once
            answer, closes = behaviour(data, way.bytes_of(TAIL))
            stream.sendall(answer)
            while not closes and stream.recv(65536):
                pass

    def connect():
        ours, theirs = socket.socketpair()
        ours.settimeout(3)
        threading.Thread(target=serve, args=(theirs,)).start()
        return ours
    way = Way(DAEMON, behaviour.__name__, "w", connect)
    return way


def test_planted_weaknesses_are_found():
    """Without these, nothing found would mean nothing: some rows that are refused, by ways that do what they must not."""
    rows = [case for case in CASES if case.direct == (400,) and not case.half_close and len(case.data) < 1000][::40]
    assert len(rows) >= 3, len(rows)
    for behaviour, words, most in ((honest, None, 8), (carries_out, "were written instead of", 8), (is_lenient, "instead of (400,)", 8),
                                   (stays_open, "stays open", 1)):
        way, found = weak_way(behaviour), []
        for case in rows[:most]:
            try:
                way.play(case)
            except AssertionError as finding:
                found.append(str(finding))
        way.stream.close()
        same([words is None or words not in finding for finding in found], [False] * (len(rows[:most]) if words else 0))
        print(f"# {behaviour.__name__}: found in {len(found)} of {len(rows[:most])} rows")


def test_the_daemon_is_as_before():
    same((DAEMON.pid, DAEMON.process.poll()), (PID, None))
    NGINX.stop()
    for way in WAYS:
        way.stream.close()
    same(DAEMON.read("a"), {"A": "canary-of-a"})
    deadline = time.monotonic() + 60
    while descriptors() > DESCRIPTORS:
        assert time.monotonic() < deadline, f"{descriptors()} descriptors, {DESCRIPTORS} before"
        time.sleep(0.05)
    for line in DAEMON.log().split("\n"):
        assert not line or line.startswith(("time=", "WARNING")), line
        assert "\x1b" not in line and DAEMON.root_token not in line
    same(DAEMON.stop(), 0)


if __name__ == "__main__":
    try:
        vault.main(dict(globals()), "malformed:")
    finally:
        with contextlib.suppress(ProcessLookupError):
            NGINX.stop()
        DAEMON.remove()
