"""A real daemon for the stories: starts it on directories of its own, talks to it, kills it, and leaves nothing behind.

Nothing of the machine's own vault is looked at, whoever runs the stories: there is always a configuration file, because root's vaultd
would read /etc/vaultd/vaultd.conf without one, and always an address, because envctl would go to /run/vaultd/vaultd.sock when the
daemon of the story is stopped.

VAULTD_BUILD names the build directory, VAULT_PROGRAMS a folder with a vaultd and an envctl to run instead of those there (scripts that run them under
valgrind). A story is a file of functions called test_…; main() runs them and prints "ok - name" or "not ok - name" for each.
"""
import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("VAULTD_BUILD", os.path.join(TOP, "build"))


def reachable(*programs):
    """The programs where every user can execute them: stories run some as another user, and a checkout may be below /root."""
    folder = os.path.realpath(BUILD)
    while folder != "/" and os.stat(folder).st_mode & 0o005 == 0o005:
        folder = os.path.dirname(folder)
    if folder == "/":
        return programs
    copies = tempfile.mkdtemp(prefix="vaultd-programs-")
    atexit.register(shutil.rmtree, copies, ignore_errors=True)
    os.chmod(copies, 0o755)
    return tuple(shutil.copy(program, copies) for program in programs)


PROGRAMS = os.environ.get("VAULT_PROGRAMS")
VAULTD, ENVCTL = (os.path.join(PROGRAMS, "vaultd"), os.path.join(PROGRAMS, "envctl")) if PROGRAMS else \
    reachable(os.path.join(BUILD, "vaultd/vaultd"), os.path.join(BUILD, "envctl/envctl"))
TIER = os.environ.get("VAULT_TIER", "plain")
REPORT = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error).*")
os.environ.setdefault("VAULTD_TEST_KDF", "1")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        return self.json["data"]

    @property
    def errors(self):
        return self.json["errors"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def read_answer(stream):
    """One HTTP answer from a socket; None when the peer closed first."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = stream.recv(65536)
        if not got:
            return None
        head += got
    head, body = head.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
    status = int(lines[0].split()[1])
    length = "0" if status in (204, 304) else headers.get("content-length")
    while length is None or len(body) < int(length):
        got = stream.recv(1 << 20)
        if not got:
            break
        body += got
    return Answer(status, headers, body)


STARTED = []


@atexit.register
def leave_nothing():
    """A story that ends early, or runs one of its tests, leaves no daemon and no directory; nor a report that nobody reads."""
    for daemon in STARTED:
        if daemon.process.poll() is None:
            try:
                daemon.remove()
            except AssertionError as report:
                print(f"not ok - {report}", flush=True)
                os._exit(1)


class Daemon:
    """A personal vault: data, configuration, socket below one temporary directory."""

    def __init__(self, arguments=(), env=None, config=None, directory=None, wrapper=()):
        self.dir = directory or tempfile.mkdtemp(prefix="vaultd-story-")
        self.arguments, self.wrapper, self.extra = list(arguments), list(wrapper), dict(env or {})
        self.home = os.path.join(self.dir, "home")
        self.data = os.path.join(self.home, "data", "vaultd")
        self.config = os.path.join(self.home, "config", "vaultd", "vaultd.conf")
        self.runtime = os.path.join(self.home, "run")
        self.socket = os.path.join(self.runtime, "vaultd", "vaultd.sock")
        self.key_file = os.path.join(self.home, "vault.key")
        self.log_path = os.path.join(self.dir, "log")
        self.token = None
        self.process = None
        for path in (self.home, self.runtime, os.path.dirname(self.config)):
            os.makedirs(path, mode=0o700, exist_ok=True)
        if config is not None or not os.path.exists(self.config):
            # vaultd refuses a configuration that others may write, and a story may have opened the umask.
            with open(self.config, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o644)) as out:
                out.write((config or "").replace("DIR", self.dir))

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("VAULT_", "XDG_", "LD_"))}
        env.update(HOME=self.home, XDG_DATA_HOME=os.path.join(self.home, "data"), XDG_CONFIG_HOME=os.path.join(self.home, "config"),
                   XDG_RUNTIME_DIR=self.runtime, XDG_STATE_HOME=os.path.join(self.home, "state"), VAULT_ADDR="unix://" + self.socket, TMPDIR=self.dir)
        env.update(self.extra)
        return env

    def start(self, wait=True, expect_exit=False):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*self.wrapper, VAULTD, *self.arguments], env=self.environment(), cwd=self.dir,
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        STARTED.append(self)
        if expect_exit:
            return self.process.wait(60)
        deadline = time.monotonic() + 60
        while wait:
            with contextlib.suppress(OSError):
                self.connect().close()
                return self
            if self.process.poll() is not None:
                raise AssertionError(f"vaultd ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            if time.monotonic() > deadline:
                raise AssertionError("vaultd did not answer:\n" + self.log()[-2000:])
            time.sleep(0.01)
        return self

    @property
    def pid(self):
        """Of the daemon itself: under a wrapper that stays (strace), it is the wrapper's child."""
        with contextlib.suppress(OSError, IndexError):
            if os.path.basename(os.readlink(f"/proc/{self.process.pid}/exe")) == "strace":
                with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
                    return int(children.read().split()[0])
        return self.process.pid

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as lines:
            return lines.read()

    def connect(self, timeout=60):
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(timeout)
        stream.connect(self.socket)
        return stream

    def raw(self, data, timeout=60):
        """Sends bytes and returns everything that comes until the peer closes or is silent for the timeout."""
        with self.connect(timeout) as stream:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(data)
            got = b""
            with contextlib.suppress(socket.timeout, ConnectionResetError):
                while True:
                    piece = stream.recv(65536)
                    if not piece:
                        break
                    got += piece
            return got

    def request(self, method, path, body=None, headers=None, token=None, stream=None):
        if not path.startswith("/"):
            path = "/v1/" + path
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: vault"]
        token = token if token is not None else self.token
        if token:
            lines.append("X-Vault-Token: " + token)
        if data or method in ("PUT", "POST", "PATCH"):
            lines.append(f"Content-Length: {len(data)}")
        if method == "PATCH" and "Content-Type" not in (headers or {}):
            lines.append("Content-Type: application/merge-patch+json")
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        if stream is None:
            lines.append("Connection: close")
        own = stream or self.connect()
        try:
            own.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            return read_answer(own)
        finally:
            if stream is None:
                own.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def put(self, path, body, **more):
        return self.request("PUT", path, body, **more)

    def write(self, env, variables, **options):
        answer = self.put("secret/data/" + env, {"data": variables, "options": options})
        assert answer.status == 200, answer
        return answer.data["version"]

    def read(self, env, version=0):
        answer = self.get(f"secret/data/{env}?version={version}")
        assert answer.status == 200, answer
        return answer.data["data"]

    def slot_key(self):
        import base64
        if not os.path.exists(self.key_file):
            with os.fdopen(os.open(self.key_file, os.O_CREAT | os.O_WRONLY, 0o400), "wb") as out:
                out.write(os.urandom(32))
        with open(self.key_file, "rb") as key:
            return base64.b64encode(key.read()).decode()

    def init(self):
        answer = self.put("sys/init", {"slot": {"type": "key_file", "key": self.slot_key()}})
        assert answer.status == 200, answer
        self.root_token = answer.json["root_token"]
        return self

    def unseal(self):
        return self.put("sys/unseal", {"slot": "key_file", "key_file": self.slot_key()})

    def envctl(self, *arguments, stdin=None, env=None, check=None, timeout=60):
        done = subprocess.run([ENVCTL, *arguments], env=dict(self.environment(), **(env or {})), input=stdin, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=isinstance(stdin, str) or stdin is None, cwd=self.dir,
                              **({"stdin": subprocess.DEVNULL} if stdin is None else {}))
        if check is not None:
            assert done.returncode == check, (arguments, done.returncode, done.stdout[-500:], done.stderr[-800:])
        return done

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            try:
                return self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("vaultd did not stop in 30 s") from None
        return self.process.returncode if self.process else None

    def remove(self):
        with contextlib.suppress(AssertionError):
            self.stop()
        log = self.log() if os.path.exists(self.log_path) else ""
        report = REPORT.search(log)
        shutil.rmtree(self.dir, ignore_errors=True)
        if report:
            raise AssertionError("a sanitizer reported:\n" + log[report.start():][:4000])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def mistyped(text):
    """The text with another last character."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def personal(**options):
    """A daemon that runs, initialised and unsealed."""
    daemon = Daemon(**options)
    try:
        return daemon.start().init()
    except BaseException:
        daemon.remove()
        raise


def values_of(content, table):
    """Where values of a table begin, by the nodes of LMDB's leaf pages: what is left over in their gaps is not looked at, because
    a byte that is changed from there may be one of a neighbour's header."""
    for page in range(0, len(content), 4096):
        flags, lower = struct.unpack_from("<HH", content, page + 10)
        if flags != 2:  # not a leaf
            continue
        for slot in range(page + 16, page + lower, 2):
            node = page + struct.unpack_from("<H", content, slot)[0]
            value = node + 8 + struct.unpack_from("<H", content, node + 6)[0]
            if content[value:value + 3] == b"\x01\x01" + table:  # format, algorithm, table
                yield value


def main(names, title=""):
    """Runs the functions test_… of a story in their order."""
    wanted = sys.argv[1:]
    failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        label = (title + " " if title else "") + name[5:].replace("_", " ")
        begun = time.monotonic()
        try:
            word = test()
            print(f"ok - {label}" + (f" # SKIP {word}" if isinstance(word, str) else ""), flush=True)
        except BaseException as error:  # a story that was interrupted has failed as well
            failed += 1
            print(f"not ok - {label}", flush=True)
            print("\n".join("# " + line for line in traceback.format_exc().split("\n")), flush=True)
            if isinstance(error, KeyboardInterrupt):
                break
        if (took := time.monotonic() - begun) > 5:
            print(f"# that took {took:.0f} s", flush=True)
    sys.exit(1 if failed else 0)
