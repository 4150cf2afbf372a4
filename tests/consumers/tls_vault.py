"""For the stories of real Vault clients: a daemon over TLS with a certificate authority of its own.

The clients get VAULT_ADDR, VAULT_CACERT, VAULT_TOKEN, as an administrator would give them; nothing else is told to them.
"""
import os
import shutil
import socket
import subprocess
import sys

INTEGRATION = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration")
sys.path.insert(0, INTEGRATION)
import vault  # noqa: E402


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def make_pki(folder):
    """ca.crt, and server.crt with server.key that it has signed for 127.0.0.1 and localhost."""
    os.mkdir(folder, 0o700)
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.crt")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key",
            "-out", "server.csr")
    with open(os.path.join(folder, "server.ext"), "w", encoding="ascii") as out:
        out.write("subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
            "server.ext", "-out", "server.crt")
    os.chmod(os.path.join(folder, "server.key"), 0o600)


class TlsVault(vault.Daemon):
    """Starts neither initialised nor unsealed; clients may do both over TCP."""

    def __init__(self, more="", **options):
        super().__init__(config="", **options)
        self.port = free_port()
        self.pki = os.path.join(self.dir, "pki")
        make_pki(self.pki)
        self.address = f"https://127.0.0.1:{self.port}"
        self.ca = os.path.join(self.pki, "ca.crt")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f"""
unseal_remote = true
listen_unix {{ path = "{self.socket}" }}
listen_tcp {{ address = "127.0.0.1" port = {self.port} certificate = "{self.pki}/server.crt" key = "{self.pki}/server.key" }}
{more}
""")

    def client_environment(self, **more):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "ANSIBLE_", "NODE_"))}
        env.update(HOME=self.home, VAULT_ADDR=self.address, VAULT_CACERT=self.ca, NODE_EXTRA_CA_CERTS=self.ca, **more)
        return env


def running(more=""):
    """Initialised and unsealed; root_token is known."""
    daemon = TlsVault(more)
    try:
        return daemon.start().init()
    except BaseException:
        daemon.remove()
        raise


def debian_python():
    """The interpreter that Debian's python3-… packages are for; this story is run again by it if another one runs it."""
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])


def npm_packages(folder, *packages):
    """Installs into folder. None, or why it cannot be."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "npm is not installed"
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "package.json"), "w", encoding="ascii") as out:
        out.write("{}")
    try:
        done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packages], cwd=folder, timeout=180,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return "npm install does not end here"
    return None if done.returncode == 0 else "npm install does not work here"
