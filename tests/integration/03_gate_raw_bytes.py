#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Malformed requests as bytes, over the Unix socket and TCP: each is refused with an answer of ours, the connection is closed, and
a request hidden behind it is not carried out."""
import contextlib
import json
import socket

import vault


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()
DAEMON = vault.personal(config=f"""
listen_unix {{ path = "DIR/home/run/vaultd/vaultd.sock" }}
listen_tcp {{ address = "127.0.0.1" port = {PORT} plain = true }}
""")
TOKEN = DAEMON.root_token.encode()
DAEMON.write("a", {"A": "canary-of-a"})
BODY = b'{"data":{"A":"1"}}'
AUTH = b"X-Vault-Token: " + TOKEN + b"\r\n"
HOST = b"Host: h\r\n"
SMUGGLED = (b"PUT /v1/secret/data/smuggled HTTP/1.1\r\nHost: h\r\n" + AUTH + b"Content-Length: %d\r\n\r\n" % len(BODY)) + BODY


def get(target, headers=b"", version=b"HTTP/1.1", method=b"GET", host=HOST, end=b"\r\n"):
    return method + b" " + target + b" " + version + b"\r\n" + host + AUTH + headers + end


def post(headers, body=b""):
    return b"PUT /v1/secret/data/posted HTTP/1.1\r\n" + HOST + AUTH + headers + b"\r\n" + body


A = b"/v1/secret/data/a"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)

CASES = [
    # the target
    ("a dot segment", get(b"/v1/secret/data/x/../a")),
    ("a dot", get(b"/v1/secret/data/./a")),
    ("a dot at the end", get(b"/v1/secret/data/a/..")),
    ("escaped dots", get(b"/v1/secret/data/x/%2e%2e/a")),
    ("half escaped dots", get(b"/v1/secret/data/x/.%2E/a")),
    ("an escaped slash", get(b"/v1/secret%2Fdata/a")),
    ("a lower-case escaped slash", get(b"/v1/secret/data/a%2fb")),
    ("an escaped NUL", get(A + b"%00b")),
    ("an escaped NUL at the end", get(A + b"%00")),
    ("an escaped percent", get(b"/v1/secret/data/%2561")),
    ("an escaped line end", get(A + b"%0d%0aX:%20y")),
    ("an escaped tab", get(A + b"%09")),
    ("a broken escape", get(A + b"%4")),
    ("a broken escape at the end", get(A + b"%")),
    ("an escape that is none", get(A + b"%zz")),
    ("two slashes", get(b"/v1//secret/data/a")),
    ("two slashes at the start", get(b"//v1/secret/data/a")),
    ("two slashes at the end", get(A + b"//")),
    ("a slash at the end", get(A + b"/")),
    ("an absolute form", get(b"http://h" + A)),
    ("an authority form", get(b"h:80")),
    ("an asterisk", get(b"*")),
    ("no slash", get(b"v1/secret/data/a")),
    ("a backslash", get(b"/v1/secret\\data\\a")),
    ("a semicolon", get(A + b";x")),
    ("a fragment", get(A + b"#x")),
    ("an escaped question mark", get(A + b"%3fversion=1")),
    ("over-long UTF-8", get(b"/v1/secret/data/%c0%ae%c0%ae/a")),
    ("UTF-8", get(b"/v1/secret/data/\xc3\xa9")),
    ("a NUL byte", get(A + b"\0b")),
    ("a NUL byte at the end", get(A + b"\0")),
    ("a tab in the target", get(A + b"\tx")),
    ("a space in the target", get(A + b" x")),
    ("a repeated argument", get(A + b"?version=1&version=1")),
    ("a NUL in an argument", get(A + b"?version=%00")),
    ("17 arguments", get(A + b"?" + b"&".join(b"a%d=1" % i for i in range(17)))),
    ("a target of 4097 bytes", get(b"/v1/secret/data/" + b"x" * (4097 - 16))),
    # the request line
    ("a lower-case method", get(A, method=b"get")),
    ("TRACE", get(A, method=b"TRACE")),
    ("OPTIONS", get(A, method=b"OPTIONS")),
    ("CONNECT", get(b"h:80", method=b"CONNECT")),
    ("PRI of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/1.0", get(A, version=b"HTTP/1.0")),
    ("HTTP/0.9", b"GET " + A + b"\r\n\r\n"),
    ("HTTP/1.2", get(A, version=b"HTTP/1.2")),
    ("HTTP/2.0", get(A, version=b"HTTP/2.0")),
    ("lower-case http", get(A, version=b"http/1.1")),
    ("two spaces", b"GET  " + A + b" HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    ("two spaces before the version", b"GET " + A + b"  HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    ("a space behind the version", b"GET " + A + b" HTTP/1.1 \r\n" + HOST + AUTH + b"\r\n"),
    ("a tab instead of a space", b"GET\t" + A + b" HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    ("a NUL in the method", b"GE\0T " + A + b" HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    # lines
    ("bare LF everywhere", get(A).replace(b"\r\n", b"\n")),
    ("bare LF after the request line", get(A).replace(b"\r\n", b"\n", 1)),
    ("bare LF after a header", get(A, b"X: y\nZ: a\r\n")),
    ("bare LF at the end", get(A, end=b"\n")),
    ("a bare CR in a value", get(A, b"X: a\rB: c\r\n")),
    ("a CR too many", get(A, b"X: a\r\r\n")),
    ("a folded header", get(A, b"X: a\r\n b\r\n")),
    ("a folded header with a tab", get(A, b"X: a\r\n\tb\r\n")),
    ("a fold that makes a token", b"GET " + A + b" HTTP/1.1\r\n" + HOST + b"X-Vault-Toke: " + TOKEN + b"\r\n\tn\r\n\r\n"),
    ("a fold that makes a length", post(b"Content-Lengt: 5\r\n h\r\n", b"hello")),
    ("a fold before any header", b"GET " + A + b" HTTP/1.1\r\n x: y\r\n" + HOST + AUTH + b"\r\n"),
    ("a NUL in a value", get(A, b"X: a\0b\r\n")),
    ("NULs that look like lines", get(A, b"X: a\0\0Y\0b\r\n")),
    ("a NUL in a name", get(A, b"X\0Y: a\r\n")),
    ("a NUL in the token", b"GET " + A + b" HTTP/1.1\r\n" + HOST + b"X-Vault-Token: " + TOKEN + b"\0x\r\n\r\n"),
    ("an escape character", get(A, b"X: \x1b[31m\r\n")),
    ("a DEL", get(A, b"X: \x7f\r\n")),
    # names of headers
    ("a space before the colon", post(b"Transfer-Encoding : chunked\r\n", CHUNK)),
    ("a tab before the colon", get(A, b"X\t: y\r\n")),
    ("no name", get(A, b": y\r\n")),
    ("no colon", get(A, b"X y\r\n")),
    ("a name with a slash", get(A, b"X/Y: z\r\n")),
    ("a name with UTF-8", get(A, b"X\xc3\xa9: z\r\n")),
    ("65 headers", get(A, b"".join(b"X-%d: y\r\n" % i for i in range(64)))),
    ("17 KiB of headers", get(A, b"X: " + b"y" * 17000 + b"\r\n")),
    ("a token of 4097 bytes", b"GET " + A + b" HTTP/1.1\r\n" + HOST + b"X-Vault-Token: " + b"t" * 4097 + b"\r\n\r\n"),
    # host
    ("no host", get(A, host=b"")),
    ("two hosts", get(A, HOST)),
    ("two different hosts", get(A, b"HOST: other\r\n")),
    # length and encoding
    ("length and chunks", post(LENGTH + b"Transfer-Encoding: chunked\r\n", CHUNK)),
    ("chunks and length", post(b"Transfer-Encoding: chunked\r\n" + LENGTH, CHUNK)),
    ("chunks and length 0", post(b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", CHUNK)),
    ("two lengths", post(LENGTH + b"Content-Length: 0\r\n", BODY)),
    ("two lengths, the other way", post(b"Content-Length: 0\r\n" + LENGTH, BODY)),
    ("two equal lengths", post(LENGTH + LENGTH, BODY)),
    ("a list of lengths", post(b"Content-Length: 18, 18\r\n", BODY)),
    ("a length with a plus", post(b"Content-Length: +18\r\n", BODY)),
    ("a negative length", post(b"Content-Length: -1\r\n", BODY)),
    ("a hexadecimal length", post(b"Content-Length: 0x12\r\n", BODY)),
    ("a length with letters", post(b"Content-Length: 18a\r\n", BODY)),
    ("a length with a space behind", post(b"Content-Length: 18 \r\n", BODY)),
    ("an empty length", post(b"Content-Length:\r\n", BODY)),
    ("a length of 20 digits", post(b"Content-Length: 18446744073709551634\r\n", BODY)),
    ("two encodings", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNK)),
    ("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNK)),
    ("chunked, identity", post(b"Transfer-Encoding: chunked, identity\r\n", CHUNK)),
    ("identity", post(b"Transfer-Encoding: identity\r\n" + LENGTH, BODY)),
    ("xchunked", post(b"Transfer-Encoding: xchunked\r\n", CHUNK)),
    ("quoted chunked", post(b'Transfer-Encoding: "chunked"\r\n', CHUNK)),
    ("chunked with a vertical tab", post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNK)),
    ("a body on GET", get(A, b"Content-Length: 2\r\n") + b"{}"),
    ("chunks on GET", get(A, b"Transfer-Encoding: chunked\r\n") + CHUNK),
    ("a body on DELETE", get(A, b"Content-Length: 2\r\n", method=b"DELETE") + b"{}"),
    ("a body on LIST", get(b"/v1/secret/metadata", b"Content-Length: 2\r\n", method=b"LIST") + b"{}"),
    ("another expectation", post(LENGTH + b"Expect: 200-ok\r\n", BODY)),
    ("an upgrade", get(A, b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")),
    # identity
    ("two tokens", get(A, AUTH)),
    ("two different tokens", get(A, b"X-Vault-Token: other\r\n")),
    ("token and another bearer", get(A, b"Authorization: Bearer other\r\n")),
    ("two authorizations", get(A, b"Authorization: Bearer " + TOKEN + b"\r\nAuthorization: Basic eA==\r\n")),
    ("two namespaces", get(A, b"X-Vault-Namespace: root\r\nX-Vault-Namespace: x\r\n")),
    ("two wrap times", get(A, b"X-Vault-Wrap-TTL: 0\r\nX-Vault-Wrap-TTL: 60\r\n")),
    ("a token with a space", b"GET " + A + b" HTTP/1.1\r\n" + HOST + b"X-Vault-Token: a b\r\n\r\n"),
    ("list=garbage", get(b"/v1/secret/metadata?list=garbage")),
]
assert len(CASES) >= 60


def exchange(connect, data):
    with connect() as stream:
        stream.settimeout(20)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.sendall(data)
        got = b""
        closed = True
        try:
            while piece := stream.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        except socket.timeout:
            closed = False
        return got, closed


def tcp():
    return socket.create_connection(("127.0.0.1", PORT), timeout=20)


WAYS = [("unix", DAEMON.connect), ("tcp", tcp)]


def was_smuggled():
    answer = DAEMON.get("secret/metadata/smuggled")
    if answer.status == 404:
        return False
    DAEMON.request("DELETE", "secret/metadata/smuggled")
    return True


def check(name, data, connect):
    got, closed = exchange(connect, data + SMUGGLED)
    assert closed, f"{name}: the connection stays open"
    assert not was_smuggled(), f"{name}: the request behind it was carried out"
    assert b"canary-of-a" not in got, f"{name}: answered with the secret"
    heads = got.count(b"HTTP/1.1 ")
    if not got:
        return  # the library closes some without a word
    status = int(got.split(b" ", 2)[1])
    assert 400 <= status < 500 or status == 505, f"{name}: {got[:200]!r}"
    if b"application/json" in got:
        body = json.loads(got.split(b"\r\n\r\n", 1)[1])
        assert len(body["errors"]) == 1, got
    else:
        assert status in (400, 405, 413, 414, 431, 505), f"{name}: {got[:200]!r}"  # the library's own words
    assert heads <= 2, got


def named(name, data, way, connect):
    def test():
        check(name, data, connect)
    test.__name__ = f"test_{way}_{name}"
    return test


def test_the_good_ones_are_good():
    for way, connect in WAYS:
        got, _ = exchange(connect, get(A, b"Connection: close\r\n"))
        assert got.startswith(b"HTTP/1.1 200") and b"canary-of-a" in got, (way, got)
        got, _ = exchange(connect, post(LENGTH + b"Connection: close\r\n", BODY))
        assert got.startswith(b"HTTP/1.1 200"), (way, got)
        got, _ = exchange(connect, post(b"Transfer-Encoding: chunked\r\n", CHUNK))
        assert got.startswith(b"HTTP/1.1 200"), (way, got)
        # two requests in one piece are two requests
        got, _ = exchange(connect, get(A) + get(A, b"Connection: close\r\n"))
        assert got.count(b"HTTP/1.1 200") == 2, (way, got)
        # an escape of a byte that may stand there is that byte
        got, _ = exchange(connect, get(b"/v1/secret/data/%61", b"Connection: close\r\n"))
        assert got.startswith(b"HTTP/1.1 200"), (way, got)


def test_this_test_would_see_a_smuggled_request():
    exchange(DAEMON.connect, get(A) + SMUGGLED.replace(AUTH, AUTH + b"Connection: close\r\n"))
    assert was_smuggled()


for case_name, case_data in CASES:
    for way_name, way_connect in WAYS:
        globals()[f"test_{way_name}_{case_name}"] = named(case_name, case_data, way_name, way_connect)


def test_nothing_behind_a_chunked_body_is_a_request():
    for _, connect in WAYS:
        got, closed = exchange(connect, post(b"Transfer-Encoding: chunked\r\n", CHUNK) + SMUGGLED)
        assert closed and got.count(b"HTTP/1.1 ") == 1, got
        assert not was_smuggled()


def test_heads_in_single_bytes():
    """The same refusals, however the bytes arrive."""
    for name, data in CASES[:8] + [c for c in CASES if c[0] in ("a folded header", "two lengths", "bare LF at the end", "a NUL in a value")]:
        with DAEMON.connect(20) as stream:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for i in range(0, len(data)):
                    stream.sendall(data[i:i + 1])
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := stream.recv(65536):
                    got += piece
        assert got.startswith(b"HTTP/1.1 4"), (name, got)


def test_the_log_has_one_line_for_each_event():
    for line in DAEMON.log().split("\n"):
        assert not line or line.startswith(("time=", "WARNING")), line
        assert "\x1b" not in line and DAEMON.root_token not in line


def test_stops_cleanly():
    assert DAEMON.stop() == 0
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "gate")
