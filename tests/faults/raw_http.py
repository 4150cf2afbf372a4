"""Sends the rows of malformed_http.py and holds what comes back against them."""
import concurrent.futures
import contextlib
import socket
import ssl

from malformed_http import TAIL, TOKEN

class TlsStream:
    """Goes on reading when a write has failed, as OpenSSL does not by itself: a peer that refuses does not read to the end, and its answer
    waits in the kernel."""

    def __init__(self, stream, context, name):
        self.stream, self.incoming, self.outgoing = stream, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.reading(self.session.do_handshake)

    def reading(self, call):
        while True:
            try:
                result = call()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                piece = self.stream.recv(65536)
                self.incoming.write(piece) if piece else self.incoming.write_eof()

    def flush(self):
        data = self.outgoing.read()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):    # what came before is still there to read
            if data:
                self.stream.sendall(data)

    def sendall(self, data):
        sent = 0
        while sent < len(data):
            sent += self.session.write(data[sent:])
        self.flush()

    def recv(self, size):
        try:
            return self.reading(lambda: self.session.read(size))
        except ssl.SSLZeroReturnError:
            return b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


def exchange(stream, data, half_close=False):
    """What came until the other side closed, and whether it did within the stream's timeout."""
    got, closed = b"", True
    with stream:
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(data)
                if half_close:
                    socket.socket.shutdown(getattr(stream, "stream", stream), socket.SHUT_WR)  # of TCP: that of TLS would give up the session
            while piece := stream.recv(65536):
                got += piece
        except socket.timeout:
            closed = False
        except OSError:
            pass  # reset, or TLS that ends without its goodbye: both are ends
    return got, closed


def statuses(got, method):
    """Of all answers in these bytes, one behind the other; anything that is none is an error."""
    found = []
    while got:
        head, _, got = got.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if not found and not head.startswith(b"HTTP/"):
            return (0,)  # of HTTP/0.9
        assert lines[0].startswith(b"HTTP/1.1 "), f"behind {found} stands no answer: {head[:200]!r}"
        status = int(lines[0].split(b" ")[1])
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        if status >= 200:
            length = int(fields[b"content-length"]) if status not in (204, 304) else 0
            if got.startswith(lines[0] + b"\r\n"):
                got = got.partition(b"\r\n\r\n")[2]  # the library writes some of its own heads twice, and closes
            if method != b"HEAD" or found:
                assert len(got) >= length, f"the answer {status} is cut: {head!r}"
                got = got[length:]
        found.append(status)
    return tuple(found)


class Way:
    """To the daemon, and what rows write by it: both names end in a letter of its own, so that ways can be tried side by side."""

    def __init__(self, daemon, name, letter, connect, after=None):
        self.daemon, self.name, self.letter, self.connect, self.after = daemon, name, letter.encode(), connect, after
        self.token = daemon.root_token.encode()
        assert len(self.token) == len(TOKEN), len(self.token)
        self.stream = daemon.connect()

    def bytes_of(self, data):
        return data.replace(TOKEN, self.token).replace(b"data/posted", b"data/poste" + self.letter).replace(
            b"data/smuggled", b"data/smuggle" + self.letter)

    def written(self):
        """What was written by this way, without the letter; it is removed."""
        answer = self.daemon.request("GET", "secret/metadata?list=true", stream=self.stream)
        assert answer is not None and answer.status == 200, answer
        names = {name for name in answer.data["keys"] if name in ("poste" + self.letter.decode(), "smuggle" + self.letter.decode())}
        for name in names:
            assert self.daemon.request("DELETE", "secret/metadata/" + name, stream=self.stream).status == 204
        return {name[:-1] for name in names}

    def play(self, case):
        expected = case.nginx if self.name == "nginx" else case.direct
        where = f"{case.name}, {self.name}"
        data = self.bytes_of(case.data)
        got, closed = exchange(self.connect(), data + self.bytes_of(TAIL), case.half_close)
        names = self.written()
        assert closed, f"{where}: the connection stays open after {got[:200]!r}"
        found = statuses(got, data.split(b" ")[0])
        assert found == expected, f"{where}: {found} instead of {expected} ({case.why}): {got[:300]!r}"
        final = [status for status in expected if status >= 200]
        wanted = {"smuggle"} if len(final) > 1 and final[-1] == 200 else set()
        if final and final[0] == 200 and b" /v1/secret/data/poste" in data.split(b"\n")[0]:
            wanted.add("poste")
        assert names == wanted, f"{where}: {names} were written instead of {wanted}"
        assert b"canary-of-a" not in got or final[0] == 200, f"{where}: answered with the secret"
        if self.after:
            self.after()


def row_tests(ways, cases):
    """A test for each row, which plays it by all ways at the same time."""
    pool = concurrent.futures.ThreadPoolExecutor(len(ways))

    def test_of(case):
        def test():
            failures = [str(error) for error in (future.exception() for future in [pool.submit(way.play, case) for way in ways]) if error]
            assert not failures, "\n".join(failures)
        return test
    return {"test_" + case.name: test_of(case) for case in cases}
