#!/usr/bin/env python3
"""TCP with TLS: versions, certificates that change while the daemon runs, tickets, and what is not answered over TCP."""
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import vault
from tls_daemon import TlsDaemon, make_certificate


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


@contextlib.contextmanager
def running(more=""):
    with TlsDaemon(more) as daemon:
        yield daemon.start().init()


def common_name(stream):
    return dict(item[0] for item in stream.getpeercert()["subject"])["commonName"]


def test_the_same_api():
    with running() as daemon:
        same(daemon.over_tls("PUT", "secret/data/a", {"data": {"A": "x" * 300000}}).status, 200)
        answer = daemon.over_tls("GET", "secret/data/a")
        same(answer.data["data"], {"A": "x" * 300000})
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "strict-transport-security" not in daemon.get("secret/data/a").headers
        same(daemon.over_tls("GET", "secret/data/a", token="").status, 403)  # no peer is known over TCP
        same(daemon.over_tls("GET", "/readyz").status, 200)
        with daemon.tls() as stream:
            same(stream.version(), "TLSv1.3")
            for _ in range(20):
                same(daemon.request("GET", "secret/data/a", token=daemon.root_token, stream=stream).status, 200)
        same(daemon.stop(), 0)


def test_older_versions_are_refused():
    with running() as daemon:
        context = daemon.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            daemon.tls(context)
            raise AssertionError("TLS 1.2 was accepted")
        except (ssl.SSLError, ConnectionResetError):
            pass
        same(daemon.over_tls("GET", "/healthz").status, 200)


def test_what_is_no_tls_harms_nobody():
    with running() as daemon:
        for data in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00" + b"\xff" * 100, b"\0" * 1000, b""):
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=20) as stream, contextlib.suppress(OSError):
                stream.sendall(data)
                if data:
                    got = stream.recv(1000)
                    assert not got.startswith(b"HTTP"), got
        same(daemon.over_tls("GET", "/healthz").status, 200)


def test_silent_handshakes_end():
    with running() as daemon:
        streams = [socket.create_connection(("127.0.0.1", daemon.port), timeout=60) for _ in range(5)]
        begin = time.monotonic()
        for stream in streams:
            with contextlib.suppress(ConnectionResetError):
                same(stream.recv(100), b"")
        assert 8 < time.monotonic() - begin < 60


def test_tickets_resume():
    with running() as daemon:
        context = daemon.context()
        with daemon.tls(context) as stream:
            daemon.request("GET", "/healthz", stream=stream)
            session = stream.session
        with daemon.tls(context, session) as stream:
            same(daemon.request("GET", "/healthz", stream=stream).status, 200)
            assert stream.session_reused


def test_a_backup_comes_over_tls():
    """Its stream suspends the connection and goes on, which the library does another way with TLS."""
    with TlsDaemon() as daemon:
        daemon.start().init()
        for i in range(20):
            daemon.write(f"large/{i}", {"A": os.urandom(200000).hex()})
        path = os.path.join(daemon.dir, "backup")
        env = {"VAULT_CACERT": daemon.certificate, "VAULT_TOKEN": daemon.root_token, "VAULT_ADDR": f"https://127.0.0.1:{daemon.port}"}
        daemon.envctl("backup", "-q", "-o", path, env=env, check=0)
        with open(path, "rb") as backup:
            subprocess.run([vault.VAULTD, "restore", "--check", "--key-file", daemon.key_file], stdin=backup, env=daemon.environment(),
                           stdout=subprocess.DEVNULL, check=True)


def test_certificates_are_read_again():
    with running() as daemon:
        kept = daemon.tls()
        same(common_name(kept), "first")
        make_certificate(daemon.pki, "server", "second")
        with daemon.tls(permissive()) as stream:  # until it is told, the old one is used
            same(issued_to(stream), "first")
        daemon.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while True:
            with daemon.tls(permissive()) as stream:
                if issued_to(stream) == "second":
                    break
            assert time.monotonic() < deadline, daemon.log()
            time.sleep(0.05)
        same(daemon.request("GET", "/healthz", stream=kept).status, 200)  # connections that are open stay
        kept.close()
        # what does not load changes nothing
        for break_it in (lambda: open(daemon.certificate, "w").close(), lambda: os.unlink(daemon.certificate),
                         lambda: make_certificate(daemon.pki, "other", "third") and os.replace(
                             os.path.join(daemon.pki, "other.crt"), daemon.certificate)):
            before = daemon.log().count("old certificates stay in use")
            break_it()
            daemon.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while daemon.log().count("old certificates stay in use") == before:
                assert time.monotonic() < deadline, daemon.log()
                time.sleep(0.05)
            with daemon.tls(permissive()) as stream:
                same(issued_to(stream), "second")


def half_closed(daemon, method, path, body=b"", fin=True, notify=True):
    """What is answered to a client that ends its side right behind its request."""
    head = f"{method} /v1/{path} HTTP/1.1\r\nHost: h\r\nX-Vault-Token: {daemon.root_token}\r\nContent-Length: {len(body)}\r\n\r\n"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = daemon.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    answer = b""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as stream:
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                stream.sendall(outgoing.read())
                incoming.write(stream.recv(65536))
        session.write(head.encode() + body)
        if notify:
            with contextlib.suppress(ssl.SSLError):
                session.unwrap()
        stream.sendall(outgoing.read())
        if fin:
            stream.shutdown(socket.SHUT_WR)
        while data := stream.recv(65536):
            incoming.write(data)
            with contextlib.suppress(ssl.SSLError):
                while more := session.read(65536):
                    answer += more
            if not fin and answer:
                break
    return answer


def test_who_closes_his_side_is_answered():
    """Also when the answer comes from another thread."""
    with running() as daemon:
        ends = ((True, False), (True, True), (False, True))
        for turn, (fin, notify) in enumerate(ends * 4):
            answer = half_closed(daemon, "PUT", "secret/data/half", b'{"data": {"A": "%d"}}' % turn, fin, notify)
            assert answer.startswith(b"HTTP/1.1 200 "), (fin, notify, answer)
        same(daemon.over_tls("GET", "secret/metadata/half").data["current_version"], 12)
        for fin, notify in ends[:2]:
            answer = half_closed(daemon, "GET", "sys/backup", b"", fin, notify)
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"0\r\n\r\n"), (fin, notify, answer[:300], answer[-30:])


def permissive():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def issued_to(stream):
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "multiline"],
                          input=stream.getpeercert(binary_form=True), check=True, capture_output=True)
    return done.stdout.decode().split("=")[-1].strip()


def refused(daemon, code, word):
    same(daemon.start(expect_exit=True), code)
    assert word in daemon.log(), daemon.log()


def test_bad_certificates_stop_the_start():
    with TlsDaemon() as daemon:
        os.chmod(daemon.key, 0o640)
        refused(daemon, 77, daemon.key)
        os.chmod(daemon.key, 0o600)
        certificate, _ = make_certificate(daemon.pki, "other", "other")
        os.rename(daemon.certificate, daemon.certificate + ".kept")
        refused(daemon, 3, daemon.certificate)
        os.rename(certificate, daemon.certificate)
        refused(daemon, 78, "does not belong to the certificate")
        with open(daemon.certificate, "w", encoding="utf-8") as out:
            out.write("no certificate")
        refused(daemon, 78, "does not load")
        os.replace(daemon.certificate + ".kept", daemon.certificate)
        daemon.start().init()
        same(daemon.over_tls("GET", "/healthz").status, 200)


def test_keys_do_not_travel_over_tcp_unless_told():
    with TlsDaemon() as daemon:
        daemon.start()
        daemon.root_token = ""
        for path in ("sys/init", "sys/unseal"):
            same(daemon.over_tls("PUT", path, {"key": "00" * 32}).status, 403)
        same(daemon.over_tls("GET", "sys/init").json, {"initialized": False})
        daemon.init()
        slot = {"type": "key_file", "key": daemon.slot_key()}
        for path, body in (("sys/slots", {"unlock": slot, "slot": {"passphrase": "x"}}), ("sys/slots/0/remove", {"unlock": slot}),
                           ("sys/rekey/update", {"slot": slot, "nonce": "x"}), ("sys/rekey/verify", {"slot": slot, "nonce": "x"}),
                           ("sys/generate-root/update", {"slot": slot, "nonce": "x"})):
            answer = daemon.over_tls("PUT", path, body)
            same((answer.status, "unseal_remote" in answer.errors[0]), (403, True))
        same(daemon.over_tls("PUT", "sys/seal", {}).status, 204)
        same(daemon.over_tls("PUT", "sys/unseal", {"slot": "key_file", "key_file": daemon.slot_key()}).status, 403)
        same(daemon.over_tls("GET", "sys/seal-status").json["sealed"], True)
        same(daemon.unseal().status, 200)
    with running("unseal_remote = true") as daemon:
        same(daemon.over_tls("PUT", "sys/seal", {}).status, 204)
        same(daemon.over_tls("PUT", "sys/unseal", {"slot": "key_file", "key_file": daemon.slot_key()}).json["sealed"], False)


def test_many_clients():
    with running() as daemon:
        failures = []

        def run(n):
            try:
                for i in range(10):
                    same(daemon.over_tls("PUT", f"secret/data/many/{n}", {"data": {"I": str(i)}}).status, 200)
                    same(daemon.over_tls("GET", f"secret/data/many/{n}").data["data"], {"I": str(i)})
            except BaseException as error:
                failures.append(error)
        threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same(failures, [])
        same(daemon.stop(), 0)


if __name__ == "__main__":
    vault.main(dict(globals()), "tls")
