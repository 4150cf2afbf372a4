#!/usr/bin/env python3
"""envctl over TCP and TLS: whom it trusts, what it says when it does not. The server here is a few lines of python."""
# sanitized: yes
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import socket

from envctl_story import Initialised, Story, case, run_cases

STATUS = b'{"type":"shamir","initialized":true,"sealed":false,"version":"1.0.0","storage_type":"lmdb"}'
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + str(len(STATUS)).encode() +
          b"\r\n\r\n" + STATUS)
CERTIFICATES = tempfile.mkdtemp()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=CERTIFICATES)


def make_certificates():
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test issuer", "-days", "2")
    for name, names, days in (("good", "IP:127.0.0.1,DNS:localhost", "2"), ("other", "DNS:vault.example", "2"),
                              ("old", "IP:127.0.0.1", "-1")):
        with open(f"{CERTIFICATES}/{name}.ext", "w") as handle:
            handle.write(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                f"{name}.pem", "-days", days, "-extfile", f"{name}.ext")


class Server:
    """Answers every request on loopback with the same bytes; certificate None: without TLS. Keeps what it was asked."""

    def __init__(self, certificate=None, newest=None):
        self.asked = []
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(f"{CERTIFICATES}/{certificate}.pem", f"{CERTIFICATES}/{certificate}.key")
            if newest:
                self.context.maximum_version = newest
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"{'https' if certificate else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                self.asked.append(connection.recv(65536))
                connection.sendall(ANSWER)
            except OSError:
                pass
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Alone(Story):
    """No daemon: only the environment."""

    def __enter__(self):
        self.env["VAULT_CACERT"] = CERTIFICATES + "/ca.pem"
        return self


@case
def trusted_certificate(story):
    with Server("good") as server:
        out = story.good("status", env={"VAULT_ADDR": server.address, "VAULT_TOKEN": "hvs.t"})
        assert "Sealed       no" in out.out and server.address in out.out
        assert "Version      1.0.0\n" in out.out, out   # of a Vault
        assert b"hvs.t" not in server.asked[0] and b"X-Vault-Request: true" in server.asked[0]   # which answers anybody
        story.bad(5, "no data", "list", env={"VAULT_ADDR": server.address, "VAULT_TOKEN": "hvs.t"})
        assert b"X-Vault-Token: hvs.t\r\n" in server.asked[1] and b"X-Vault-Request: true" in server.asked[1]
        port = server.address.rsplit(":", 1)[1]
        story.good("status", "--address", f"https://localhost:{port}")


@case
def untrusted_issuer(story):
    with Server("good") as server:
        more = {"VAULT_ADDR": server.address, "VAULT_CACERT": CERTIFICATES + "/other.pem", "VAULT_TOKEN": "hvs.t"}
        for verb in ("status", "list"):
            story.bad(5, "its issuer is not trusted", verb, env=more)
        assert not any(server.asked), server.asked


@case
def wrong_host(story):
    with Server("other") as server:
        story.bad(5, "it is for another host name", "status", "--address", server.address)
        story.good("status", "--address", server.address, env={"VAULT_TLS_SERVER_NAME": "vault.example"})


@case
def expired_certificate(story):
    with Server("old") as server:
        story.bad(5, "it has expired", "status", "--address", server.address)


@case
def skipping_verification_only_on_loopback(story):
    with Server("old") as server:
        story.good("status", "--address", server.address, env={"VAULT_SKIP_VERIFY": "true"})
        story.bad(5, "it has expired", "status", "--address", server.address, env={"VAULT_SKIP_VERIFY": "0"})


@case
def older_tls_is_refused(story):
    with Server("good", newest=ssl.TLSVersion.TLSv1_2) as server:
        story.bad(5, "no TLS 1.3", "status", "--address", server.address)


@case
def wrong_configuration(story):
    with Server("good") as server:
        story.bad(78, "VAULT_CACERT", "status", "--address", server.address, env={"VAULT_CACERT": "/no/such/file"})
    with Server() as server:
        story.bad(5, "no TLS 1.3", "status", "--address", server.address.replace("http:", "https:"))
    with Server("good") as server:
        story.bad(5, "", "status", "--address", server.address.replace("https:", "http:"))


@case
def plain_http_on_loopback(story):
    with Server() as server:
        story.good("status", "--address", server.address)
        assert server.asked[0].startswith(b"GET /v1/sys/seal-status HTTP/1.1\r\nHost: 127.0.0.1:"), server.asked
    story.bad(5, "is not known", "status", "--address", "https://no-such-host.invalid")


@case
def the_real_daemon(_story):
    """All that crosses the wire in one go: several requests, a large value, a program."""
    with Initialised() as story:
        story.stop()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        for name in ("good.pem", "good.key"):
            shutil.copy(f"{CERTIFICATES}/{name}", story.path(name))
            os.chmod(story.path(name), 0o600)
        with open(story.config, "w") as handle:
            handle.write(f'listen_unix {{ path = "{story.socket}" }}\nlisten_tcp {{ address = "127.0.0.1" port = {port} '
                         f'certificate = "{story.path("good.pem")}" key = "{story.path("good.key")}" }}\n')
        story.start()
        story.good("unseal", "--passphrase", stdin="correct horse\n")
        env = {"VAULT_ADDR": f"https://127.0.0.1:{port}", "VAULT_CACERT": CERTIFICATES + "/ca.pem", "VAULT_TOKEN": story.root}
        story.good("set", "a", "BIG", "-", stdin="x" * 100000, env=env)
        story.good("set", "a", "B=2", env=env)
        assert story.good("get", "a", "BIG", env=env).out == "x" * 100000
        out = story.good("run", "a", "--", "sh", "-c", "echo $B ${#BIG} ${VAULT_TOKEN-none}", env=env)
        assert out.out == "2 100000 none\n", out
        assert "  + B" in story.good("diff", "a", env=env).out
        out = story.bad(4, "set VAULT_TOKEN", "get", "a", env={**env, "VAULT_TOKEN": None})
        assert "over TCP a vault knows nobody without one" in out.err and "user" not in out.err, out   # nobody knows it there


try:
    make_certificates()
    run_cases(Alone)
finally:
    shutil.rmtree(CERTIFICATES)
