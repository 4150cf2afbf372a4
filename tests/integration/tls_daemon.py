"""A daemon with a Unix socket and TLS on loopback, with a certificate of its own."""
import os
import socket
import ssl
import subprocess
import time

import vault


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory, name, common_name):
    certificate, key = os.path.join(directory, name + ".crt"), os.path.join(directory, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=" + common_name, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return certificate, key


class TlsDaemon(vault.Daemon):
    """With a certificate of its own; request() goes over TLS."""

    def __init__(self, more="", **options):
        self.port = free_port()
        super().__init__(config="", **options)
        self.pki = os.path.join(self.dir, "pki")
        os.mkdir(self.pki, 0o700)
        self.certificate, self.key = make_certificate(self.pki, "server", "first")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f"""
listen_unix {{ path = "{self.socket}" }}
listen_tcp {{ address = "127.0.0.1" port = {self.port} certificate = "{self.certificate}" key = "{self.key}" }}
{more}
""")

    def context(self):
        context = ssl.create_default_context(cafile=self.certificate)
        context.check_hostname = False
        return context

    def tls(self, context=None, session=None):
        deadline = time.monotonic() + 60
        while True:     # a daemon that answers at its socket may not have come to this listener yet
            try:
                stream = socket.create_connection(("127.0.0.1", self.port), timeout=20)
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        return (context or self.context()).wrap_socket(stream, server_hostname="localhost", session=session)

    def over_tls(self, method, path, body=None, token=None):
        with self.tls() as stream:
            return self.request(method, path, body, token=token if token is not None else self.root_token, stream=stream)
