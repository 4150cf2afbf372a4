#!/usr/bin/env python3
# slow: yes
"""Clients that are slow, many, or gone: thousands of them are cut at the deadlines of docs/http-api.md while others are served, and what
they took is given back. Figures are printed; nothing here depends on how fast the machine is."""
import contextlib
import multiprocessing
import os
import resource
import selectors
import socket
import ssl
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402
from malformed_http import HELLO  # noqa: E402
from process_memory import found  # noqa: E402
from tls_daemon import TlsDaemon, free_port  # noqa: E402

LONG = vault.TIER == "long"
OF_EACH = 1000
HEAD = b"GET /v1/secret/data/a HTTP/1.1\r\nHost: h\r\nX-Slow: "
UPLOAD = b"PUT /v1/secret/data/slow HTTP/1.1\r\nHost: h\r\nX-Vault-Token: %s\r\nContent-Length: 100000\r\n\r\n{"


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def note(text):
    print("# " + text, flush=True)


class Busy(TlsDaemon):
    """Listens on the Unix socket, with TLS, and in clear."""

    def __init__(self, more="", **options):
        self.plain = free_port()
        super().__init__(f'listen_tcp {{ address = "127.0.0.1" port = {self.plain} plain = true }}\n{more}', **options)

    def tcp(self, port=None, source=None):
        return socket.create_connection(("127.0.0.1", port or self.plain), 60, source_address=source)

    def gauge(self, name):
        for line in self.get("/metrics").body.decode().split("\n"):
            if line.startswith(name + " "):
                return int(line.split()[1])
        raise AssertionError(name)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def processor(self):
        """Seconds of processor time."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """KiB of anonymous memory."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

    def idles(self):
        """What it costs to do nothing, in processor seconds a second."""
        used, begin = self.processor(), time.monotonic()
        time.sleep(3)
        return (self.processor() - used) / (time.monotonic() - begin)

    def recovers(self, descriptors, others=0, patience=120):
        """Everything that clients took is given back: waits for it, and says what is left if it never is."""
        deadline = time.monotonic() + patience
        while self.gauge("vaultd_http_connections") > 1 + others or self.descriptors() > descriptors + others + 1:
            assert time.monotonic() < deadline, (self.gauge("vaultd_http_connections"), self.descriptors(), descriptors)
            time.sleep(0.1)
        same(self.gauge("vaultd_http_requests_active"), 1)


def until(condition, what):
    """What happens on threads of the daemon happens soon."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextlib.contextmanager
def running(more="", **options):
    with Busy(more, **options) as daemon:
        daemon.start().init()
        daemon.write("a", {"A": "1"})
        yield daemon
        same(daemon.stop(), 0)


def is_closed(stream):
    stream.setblocking(False)
    try:
        return stream.recv(100) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def close_all(streams):
    for stream in streams:
        stream.close()


def may_open(number):
    """Whether this process may have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, max(hard, number)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= number


# -- slow ----------------------------------------------------------------------


class Slow:
    """Connections that send a byte now and then, and when each was closed by the other side."""

    def __init__(self, daemon, of_each=OF_EACH):
        self.selector, self.open, self.lasted = selectors.DefaultSelector(), {}, {}
        token = daemon.root_token.encode()
        kinds = {"head": (daemon.plain, HEAD, b"y"), "body": (daemon.plain, UPLOAD % token, b" "), "handshake": (daemon.port, HELLO[:60], HELLO[60:61])}
        for kind, (port, begin, drop) in kinds.items():
            self.lasted[kind] = []
            for _ in range(of_each):
                stream = daemon.tcp(port)
                stream.sendall(begin)
                stream.setblocking(False)
                self.open[stream] = (kind, drop, time.monotonic())
                self.selector.register(stream, selectors.EVENT_READ)

    def drip(self):
        """A byte from each; those that were cut are taken out."""
        for key, _ in self.selector.select(0):
            stream = key.fileobj
            kind, _, begin = self.open[stream]
            with contextlib.suppress(ConnectionResetError):
                assert stream.recv(1000) == b"", f"a slow {kind} was answered"
            self.lasted[kind].append(time.monotonic() - begin)
            self.selector.unregister(stream)
            del self.open[stream]
            stream.close()
        for stream, (_, drop, _) in self.open.items():
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                stream.send(drop)

    def left_after(self, seconds):
        """Drips until none is left, or that time is over, and closes them: how many were not cut."""
        dead = time.monotonic() + seconds
        while self.open and time.monotonic() < dead:
            self.drip()
            time.sleep(1)
        left = {kind: sum(1 for k, _, _ in self.open.values() if k == kind) for kind in self.lasted}
        self.close()
        return left

    def close(self):
        self.selector.close()
        close_all(self.open)


def p99(daemon):
    """Milliseconds, of 1,000 requests on a connection that stays, over the listener that the slow ones use."""
    times = []
    with daemon.tcp() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(1000):
            begin = time.perf_counter()
            same(daemon.request("GET", "secret/data/a", token=daemon.root_token, stream=stream).status, 200)
            times.append((time.perf_counter() - begin) * 1000)
    return statistics.quantiles(times, n=100)[98]


def send_without_end(pairs):
    """A byte a second from each, evenly."""
    begin, done = time.monotonic(), 0
    while True:
        while done < (time.monotonic() - begin) * len(pairs):
            stream, drop = pairs[done % len(pairs)]
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                stream.send(drop)
            done += 1
        time.sleep(0.005)


@contextlib.contextmanager
def somebody(does, *args):
    """A process of its own does this meanwhile: what it has to do in front of a request is none of the daemon's time."""
    process = multiprocessing.get_context("fork").Process(target=does, args=args, daemon=True)
    process.start()
    yield
    process.terminate()
    process.join()


@contextlib.contextmanager
def bytes_to_somebody_else():
    """As many as the slow ones send: what the sender costs on a machine of few cores."""
    ours, theirs = zip(*(socket.socketpair() for _ in range(100)))
    for stream in ours:
        stream.setblocking(False)
    with somebody(send_without_end, [(stream, b"y") for stream in ours] * (3 * OF_EACH // 100)):
        yield
    close_all([*ours, *theirs])


@contextlib.contextmanager
def slow_clients(daemon):
    slow = Slow(daemon)
    with somebody(send_without_end, [(stream, drop) for stream, (_, drop, _) in slow.open.items()]):
        yield
    slow.close()


def compare_p99(daemon, rounds, besides):
    """Medians, in turns: alone, and beside each of these (name -> what makes the context)."""
    figures = {"alone": [], **{name: [] for name in besides}}
    for _ in range(rounds):
        figures["alone"].append(p99(daemon))
        for name, beside in besides.items():
            with beside():
                figures[name].append(p99(daemon))
            until(lambda: daemon.gauge("vaultd_http_connections") == 1, "they are still there")
    alone = statistics.median(figures["alone"])
    for name, values in figures.items():
        note(f"p99 {name}: {statistics.median(values):.2f} ms, {statistics.median(values) / alone:.2f} x")


def test_others_are_served_beside_slow_clients():
    """1,000 heads, bodies and handshakes; the latency of a client with and without them is printed."""
    if not may_open(3 * OF_EACH + 400):
        return "needs ulimit -n 3400"
    with running(f"limits {{ connections = {4 * OF_EACH} connections_per_peer = {4 * OF_EACH} }}") as daemon:
        compare_p99(daemon, 9 if LONG else 3, {"beside bytes to somebody else": bytes_to_somebody_else, "beside slow clients": lambda: slow_clients(daemon)})
    return None


def first_message(daemon):
    """Of a TLS client."""
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        daemon.context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


def test_a_handshake_that_waits_costs_no_processor_time():
    """A part of the first message, all of it without an answer to the server's, none of it; from one client and from several."""
    with running() as daemon:
        whole = first_message(daemon)
        for begin, number in ((whole[:60], 1), (whole[:60], 50), (whole[:3], 1), (whole, 1), (b"", 1)):
            streams = [daemon.tcp(daemon.port) for _ in range(number)]
            for stream in streams:
                stream.sendall(begin)
            until(lambda number=number: daemon.gauge("vaultd_http_connections") == number + 1, "they are not there")
            busy = daemon.idles()
            note(f"{number} with {len(begin)} bytes: {busy * 100:.1f} % of a processor")
            assert busy < 0.1, f"{number} with {len(begin)} bytes: {busy * 100:.1f} % of a processor"
            same(sum(map(is_closed, streams)) if begin != whole else 0, 0)
            close_all(streams)


def test_slow_heads_bodies_and_handshakes_are_cut():
    """1,000 of each at a time."""
    if not may_open(3 * OF_EACH + 200):
        return "needs ulimit -n 3200"
    with running(f"limits {{ connections = {4 * OF_EACH} connections_per_peer = {4 * OF_EACH} }}") as daemon:
        descriptors = daemon.descriptors()
        slow = Slow(daemon)
        cut = daemon.gauge("vaultd_http_connections_cut_total")
        same(slow.left_after(200), {"head": 0, "body": 0, "handshake": 0})
        for kind, lasted in slow.lasted.items():
            note(f"{len(lasted)} slow of kind {kind} were cut after {min(lasted):.1f} to {max(lasted):.1f} s")
        assert daemon.gauge("vaultd_http_connections_cut_total") >= max(cut, 3 * OF_EACH), "they ended otherwise than at a deadline"
        assert max(slow.lasted["head"]) < max(slow.lasted["body"]), "heads have 10 s, bodies 30 s"
        same(daemon.get("secret/metadata/slow").status, 404)
        daemon.recovers(descriptors)
    return None


# -- many ------------------------------------------------------------------------


def many(daemon, number):
    """Connections that have asked once: they may stay idle for a minute."""
    streams = []
    for _ in range(number):
        stream = daemon.tcp()
        stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        streams.append(stream)
    for stream in streams:
        assert stream.recv(1000).startswith(b"HTTP/1.1 200")
    return streams


@contextlib.contextmanager
def held(daemon, number):
    streams = many(daemon, number)
    yield
    close_all(streams)


def test_ten_thousand_connections_are_held():
    """With limits that allow them: memory as docs/reliability.md has it, no processor time, and the Unix socket answers."""
    number = 10000
    if not may_open(number + 500):
        return f"needs ulimit -n {number + 500}"
    with running(f"limits {{ connections = {number + 2000} connections_per_peer = {number + 1000} waiters = 100 }}") as daemon:
        descriptors, before = daemon.descriptors(), daemon.resident()
        begin = time.monotonic()
        streams = many(daemon, number)
        took = time.monotonic() - begin
        each = (daemon.resident() - before) / number
        until(lambda: daemon.gauge("vaultd_http_connections") == number + 1, "not all are held")
        idle = daemon.idles()
        note(f"{number} connections in {took:.1f} s, {each:.1f} KiB each, {daemon.resident() // 1024} MiB in all, {idle * 100:.1f} % of a processor idle")
        assert each < 45, f"{each:.1f} KiB each"
        assert idle < 0.1, f"{idle * 100:.1f} % of a processor"
        same(daemon.read("a"), {"A": "1"})
        daemon.write("b", {"B": "1"})
        close_all(streams)
        daemon.recovers(descriptors)
        compare_p99(daemon, 9 if LONG else 1, {f"beside {number} connections": lambda: held(daemon, number)})
    return None


def test_what_is_above_the_limit_is_closed_and_the_unix_socket_answers():
    """Strangers have as many addresses as they like; the documented limits are 1,000 in all and 500 of one address."""
    number = 10000 if LONG else 3000
    if not may_open(number + 500):
        return f"needs ulimit -n {number + 500}"
    with running() as daemon:
        descriptors, before = daemon.descriptors(), daemon.resident()
        streams = []
        for i in range(number):
            stream = daemon.tcp(source=(f"127.0.0.{2 + i % 20}", 0))
            with contextlib.suppress(OSError):  # who has asked once may stay for a minute
                stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            streams.append(stream)
        same(daemon.read("a"), {"A": "1"})
        daemon.write("b", {"B": "1"})
        until(lambda: daemon.gauge("vaultd_http_connections") >= 900, "few are held")
        held = daemon.gauge("vaultd_http_connections")
        assert 900 <= held <= 1000, held
        more = daemon.resident() - before
        note(f"{held} of {number} connections are held, {more // 1024} MiB more")
        assert more < 64 * 1024, more
        until(lambda: sum(map(is_closed, streams)) >= number - 1000, "what is above the limit stays open")
        close_all(streams)
        daemon.recovers(descriptors)
        streams = [daemon.tcp() for _ in range(700)]  # of one address
        until(lambda: sum(map(is_closed, streams)) >= 200, "one address has more than 500")
        until(lambda: daemon.gauge("vaultd_http_connections") <= 501, "one address holds more than 500")
        close_all(streams)
        daemon.recovers(descriptors)
    return None


# -- gone ------------------------------------------------------------------------


def leave(stream, how):
    if how == "reset":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half":
        socket.socket.shutdown(stream, socket.SHUT_WR)
    else:
        stream.close()


def abort_without_end(daemon):
    """200 uploads a second, each left at another byte."""
    start, done = time.monotonic(), 0
    while True:
        while done < (time.monotonic() - start) * 200:
            stream = daemon.tcp()
            stream.sendall((UPLOAD % daemon.root_token.encode() + b" " * 10000)[:1 + done * 97 % 10000])
            leave(stream, ("close", "reset")[done % 2])
            done += 1
        time.sleep(0.001)


def test_others_are_served_beside_uploads_that_are_aborted():
    with running() as daemon:
        descriptors = daemon.descriptors()
        compare_p99(daemon, 9 if LONG else 3, {"beside 200 aborted uploads a second": lambda: somebody(abort_without_end, daemon)})
        daemon.recovers(descriptors)
        same(daemon.get("secret/metadata/slow").status, 404)


def test_uploads_that_are_aborted_leave_nothing():
    """Hundreds, at every byte of head and body, by each way out: no connection, nothing written, no byte of them in memory."""
    with running() as daemon:
        context = daemon.context()
        descriptors, cut = daemon.descriptors(), daemon.gauge("vaultd_http_connections_cut_total")
        body = b'{"data":{"A":"aborted-canary-%s"}}' % (b"x" * 400)
        chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n" % (300, body[:300], len(body) - 300, body[300:])
        start = b"PUT /v1/secret/data/gone HTTP/1.1\r\nHost: h\r\nX-Vault-Token: " + daemon.root_token.encode() + b"\r\n"
        whole = [start + b"Content-Length: %d\r\n\r\n" % len(body) + body, start + b"Transfer-Encoding: chunked\r\n\r\n" + chunks]
        number, halves = 1200 if LONG else 400, []
        for i in range(number):
            data = whole[i % 2]
            stream = (daemon.tcp, daemon.connect, lambda: daemon.tls(context))[i // 2 % 3]()
            stream.sendall(data[:1 + i * (len(data) - 2) // number])
            how = ("close", "reset", "half")[i // 6 % 3]
            leave(stream, how)
            if how == "half":
                halves.append(stream)
        for stream in halves:
            with contextlib.suppress(OSError):
                while stream.recv(1000):  # a refusal may come before the end
                    pass
            stream.close()
        daemon.recovers(descriptors)
        same(daemon.gauge("vaultd_http_connections_cut_total"), cut)  # none had to wait for its deadline
        same(daemon.get("secret/metadata/gone").status, 404)
        if os.geteuid() == 0:
            same(found(daemon.pid, [b"aborted-canary"], False), [])
        note(f"{number} uploads were aborted")


# -- planted ----------------------------------------------------------------------


class Patient:
    """A server that takes everything and never cuts anybody."""
    root_token = "none"

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.plain = self.port = self.listener.getsockname()[1]

    def tcp(self, _port=None):
        return socket.create_connection(("127.0.0.1", self.port), 60)


def test_who_never_cuts_or_keeps_something_is_found():
    """Without this, nothing found would mean nothing."""
    server = Patient()
    same(Slow(server, 3).left_after(12), {"head": 3, "body": 3, "handshake": 3})
    server.listener.close()
    with running() as daemon:
        descriptors = daemon.descriptors()
        kept = [daemon.tcp() for _ in range(3)]
        try:
            daemon.recovers(descriptors, patience=1)
        except AssertionError as finding:
            note(f"three connections that stay: {finding}")
        else:
            raise AssertionError("what is kept was not found")
        close_all(kept)
        daemon.recovers(descriptors)


# -- no descriptors left ------------------------------------------------------------


def test_64_descriptors():
    """There are as many connections as descriptors allow, so that none are missing where it would hurt."""
    with running(wrapper=("prlimit", "--nofile=64:64")) as daemon:
        assert "64 open files are allowed" in daemon.log(), daemon.log()
        descriptors = daemon.descriptors()
        kept = daemon.connect()
        same(daemon.request("GET", "secret/data/a", stream=kept).status, 200)
        streams = [daemon.tcp() for _ in range(100)] + [daemon.tcp(daemon.port) for _ in range(100)]
        for i in range(3):  # while all places of TCP are taken
            daemon.write(f"b{i}", {"B": "1"})
            same(daemon.read("a"), {"A": "1"})
        same(daemon.put("sys/rotate", {}).status, 204)
        waiting = daemon.connect()  # a listener that has a connection already, and one that has none
        busy = daemon.idles()
        note(f"{daemon.descriptors()} of 64 descriptors, {busy * 100:.1f} % of a processor")
        assert busy < 0.1, f"{busy * 100:.1f} % of a processor: it spins"
        assert daemon.descriptors() < 64 - 16
        same(daemon.request("GET", "secret/data/a", stream=waiting).status, 200)
        waiting.close()
        close_all(streams)
        daemon.recovers(descriptors, others=1)
        same(daemon.over_tls("GET", "secret/data/a").status, 200)
        kept.close()
        assert "Too many open files" not in daemon.log() and "busy waiting" not in daemon.log(), daemon.log()


def test_too_few_descriptors_are_an_error_that_says_so():
    least = 40 + 4 * 3  # and four for each listener
    with Busy(wrapper=("prlimit", f"--nofile={least - 1}:{least - 1}")) as daemon:
        same(daemon.start(expect_exit=True), 78)
        assert "raise LimitNOFILE" in daemon.log(), daemon.log()
    with running(wrapper=("prlimit", f"--nofile={least}:{least}")) as daemon:
        same(daemon.over_tls("GET", "secret/data/a").status, 200)


if __name__ == "__main__":
    vault.main(dict(globals()), "slow and many:")
