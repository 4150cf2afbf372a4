#!/usr/bin/env python3
"""Drives the real readers of env files with generated environments and texts, and compares.

    python3 tests/consumers/dialects.py --tool build/tests/consumers/dialect_tool [--cases 200] [--seed 2026] [--only READER]

One line for each reader: dialect, reader, direction, cases, differences, refused.

  written  the dialect wrote a generated environment, the reader read it. Refused counts the variables that the dialect
           declined to write.
  read     the dialect's own reader and the real one read the same generated text. Refused counts the texts that ours
           declined; the others must come out the same.

Exit code 1 when there is a difference. A reader that is not on this machine is skipped, with the reason.
"""
import argparse
import ctypes
import glob
import http.server
import json
import os
import random
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading

FRAGMENTS = [
    b"'", b'"', b"`", b"\\", b"\\\\", b"$", b"$$", b"${", b"${A}", b"$A", b"$(", b"$(echo x)", b")", b"}", b"#", b" #", b"a", b"B", b"x y", b"=",
    b":", b";", b"!", b"%", b"%s", b"~", b"*", b"?", b"[", b"{", b"{1,2}", b"&", b"|", b"<", b" ", b"  ", b"\t", b"\v", b"\f", b"\n", b"\n\n", b"\r",
    b"\r\n", b"\\n", b"\\r", b"\\t", b"\\'", b'\\"', b"\\0", b"\\0044", b"\x1b", b"\x01", b"\x1c", b"\x7f", b"\xc2\xa0", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xe3\x80\x80", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----\n", b"export ", b"A=b", b"0",
    b"\nV1=x\n", b"\n#", b"true", b"~/x", b"encrypted:abc", b"\xef\xbf\xbe",
]
BAD_FRAGMENTS = [b"\xe9", b"\x00", b"\xed\xa0\x80"]
NAMES = ["A", "B", "V1", "_x", "LONG_NAME_9", "HOME_X", "lower"]
MORE_NAMES = {"docker": ["A-B", "A.B", ";C", "\u00e9", "'Q'", "1A"], "json": ["a b", "=", "\n", "\u00e9"]}

# Pieces that make texts a reader has something to do with.
STARTS = [b"A=", b"B=", b"_c=", b"export D=", b"E =", b"F= ", b" G=", b"H_1=\t", b"I\t=", b"\nA="]
PIECES = [b"'", b"'", b'"', b'"', b"x", b"yz", b" ", b" ", b"\t", b"\\", b"\\\n", b"#", b" #", b" # c", b"=", b"\n", b"1", b";", b":", b"`", b"'x'", b'"x y"',
          b'"\n"', b"\\\\", b'\\"', b"\\'", b"~", b"*", b"%", b"{", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xc2\xa0", b"&", b"$$", b"$1", b"$", b"it's", b"-"]
LINES = [b"\n", b"\n", b"\n", b"\n", b"\n\n", b"\r\n", b"\n# c\n", b"\n  # c\n", b"\n# it's \"c\" A=1\n", b"\n# it's \"c\" A=1", b"\n;d\n", b"\n#c \\\n", b"\nexport A\n", b"\nB\n", b" # c\n", b"  \n",
         b"\n\t\n", b"; ", b" "]


class Tool:
    def __init__(self, path):
        self.path = path

    def ask(self, verb, dialect, lines):
        done = subprocess.run([self.path, verb, dialect], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, encoding="utf-8")
        answers = done.stdout.split("\n")[:-1]
        if done.returncode != 0 or len(answers) != len(lines):
            sys.exit(f"dialects: {self.path} {verb} {dialect} ended with {done.returncode} after {len(answers)} of {len(lines)} cases")
        return [answer.split(" ", 1) for answer in answers]

    def encode(self, dialect, sets):
        """[(set without what was refused, text)], number of variables that were refused."""
        def ask(some):
            return self.ask("encode", dialect, [json.dumps({name: value.hex() for name, value in one.items()}) for one in some])
        refused = 0
        held = []
        for one, (word, rest) in zip(sets, ask(sets)):
            if word == "refused":
                names = json.loads(rest)
                refused += len(names)
                one = {name: value for name, value in one.items() if clean(name) not in names}
            held.append(one)
        texts = []
        for word, rest in ask(held):
            if word != "ok":
                sys.exit(f"dialects: {dialect} refused what it did not name: {rest}")
            texts.append(bytes.fromhex(rest))
        return list(zip(held, texts)), refused

    def decode(self, dialect, texts):
        """For each text the variables, or None when it was refused."""
        return [{name: bytes.fromhex(value) for name, value in json.loads(rest).items()} if word == "ok" else None
                for word, rest in self.ask("decode", dialect, [text.hex() for text in texts])]


def clean(name):
    """How a note shows a name."""
    return "".join(chr(byte) if 32 <= byte <= 126 else "?" for byte in name.encode())


def make_value(rng):
    count = rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 6, 9])
    return b"".join(rng.choice(BAD_FRAGMENTS) if rng.random() < 0.01 else rng.choice(FRAGMENTS) for _ in range(count))


def make_sets(dialect, cases, seed):
    rng = random.Random(f"{seed} {dialect}")
    names = NAMES + MORE_NAMES.get(dialect, [])
    return [{name: make_value(rng) for name in rng.sample(names, rng.randint(1, 5))} for _ in range(cases)]


def make_text(rng):
    text = b""
    for _ in range(rng.randint(1, 4)):
        text += rng.choice(STARTS)
        quote = rng.choice([b"", b"", b"'", b'"'])
        text += quote + b"".join(rng.choice(PIECES) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))) + quote
        text += rng.choice(LINES)
    if rng.random() < 0.03:
        text = b"\xef\xbb\xbf" + text
    return text.rstrip(b"\n") if rng.random() < 0.1 else text


def make_texts(tool, dialect, cases, seed):
    """[(what our reader made of it, text)] of texts that it took, and how many it did not take."""
    rng = random.Random(f"{seed} {dialect} texts")
    taken = []
    refused = 0
    while len(taken) < cases and refused < 100 * cases:
        texts = [make_text(rng) for _ in range(max(cases, 100))]
        for variables, text in zip(tool.decode(dialect, texts), texts):
            if variables is None:
                refused += 1
            elif len(taken) < cases:
                taken.append((variables, text))
    return taken, refused


class Skipped(Exception):
    pass


# Readers: each takes a list of texts and gives for each a dict of names to bytes, or a string that says what went wrong.

def read_systemd(texts, folder):
    """systemd's own parser in its shared library, and what PID 1 does with the result."""
    found = sorted(glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so") + glob.glob("/usr/lib/systemd/libsystemd-shared-*.so"))
    if not found:
        raise Skipped("no libsystemd-shared here")
    library = ctypes.CDLL(found[-1])
    strings = ctypes.POINTER(ctypes.c_char_p)
    if not hasattr(library, "load_env_file") or not hasattr(library, "strv_env_clean_with_callback"):
        raise Skipped("libsystemd-shared does not have the functions")
    library.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(strings)]
    library.strv_env_clean_with_callback.argtypes = [strings, ctypes.c_void_p, ctypes.c_void_p]
    library.strv_env_clean_with_callback.restype = strings
    path = folder + "/systemd.env"
    answers = []
    for text in texts:
        write(path, text)
        listing = strings()
        code = library.load_env_file(None, path.encode(), ctypes.byref(listing))
        if code < 0:
            answers.append(f"load_env_file: {code}")
            continue
        if listing:
            library.strv_env_clean_with_callback(listing, None, None)
        variables = {}
        at = 0
        while listing and listing[at] is not None:
            name, value = listing[at].split(b"=", 1)
            variables[name.decode()] = value
            at += 1
        answers.append(variables)
    return answers


def shell_reader(shell):
    def read(texts, folder):
        program = shutil.which(shell)
        if not program:
            raise Skipped(f"{shell} is not installed")
        path = folder + "/shell.env"
        answers = []
        for text in texts:
            write(path, text)
            done = subprocess.run([program, "-c", 'set -a; . "$0"; set +a; exec /usr/bin/env -0', path], env={}, stdin=subprocess.DEVNULL, cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.returncode != 0 or done.stderr:
                answers.append(f"exit code {done.returncode}: {done.stderr[:100]!r}")
                continue
            variables = dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0")[:-1])
            answers.append({name.decode(): value for name, value in variables.items() if name not in (b"PWD", b"OLDPWD", b"SHLVL", b"_")})
        return answers
    return read


class Engine(http.server.BaseHTTPRequestHandler):
    """As much of a docker engine as "docker create" asks for; it keeps what the client read from the env file."""
    protocol_version = "HTTP/1.1"
    environment = None

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Api-Version", "1.43")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.answer(200, b"")

    def do_GET(self):
        self.answer(200, b"OK")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Engine.environment = body["Env"] or []
        self.answer(201, b'{"Id": "0123456789ab", "Warnings": []}')

    def log_message(self, *args):
        pass

    def address_string(self):
        return "client"


class EngineServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def read_docker(texts, folder):
    docker = shutil.which("docker")
    if not docker:
        raise Skipped("docker is not installed")
    socket_path = folder + "/docker.sock"
    server = EngineServer(socket_path, Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {"DOCKER_HOST": "unix://" + socket_path, "DOCKER_CONFIG": folder, "HOME": folder, "PATH": "/usr/bin:/bin"}
    path = folder + "/docker.env"
    answers = []
    try:
        for text in texts:
            write(path, text)
            Engine.environment = None
            done = subprocess.run([docker, "create", "--pull", "never", "--env-file", path, "image"], env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if done.returncode != 0 or Engine.environment is None:
                answers.append(f"exit code {done.returncode}: {done.stderr[:100]!r}")
            else:
                answers.append({entry.split("=", 1)[0]: entry.split("=", 1)[1].encode() for entry in Engine.environment})
    finally:
        server.shutdown()
        server.server_close()
        os.unlink(socket_path)
    return answers


NODE = r"""
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const read = %s;
const answers = texts.map(hex => {
  const found = read(Buffer.from(hex, 'hex').toString('utf8'));
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, Buffer.from(value, 'utf8').toString('hex')]));
});
process.stdout.write(JSON.stringify(answers));
"""


def node(program, texts, folder):
    done = subprocess.run(["node", "-e", NODE % program], input=json.dumps([text.hex() for text in texts]), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, encoding="utf-8", cwd=folder, env={"PATH": os.environ["PATH"], "HOME": folder})
    if done.returncode != 0:
        raise Skipped("node: " + done.stderr.strip().split("\n")[-1])
    return [{name: bytes.fromhex(value) for name, value in one.items()} for one in json.loads(done.stdout)]


def read_node(texts, folder):
    if not shutil.which("node"):
        raise Skipped("node is not installed")
    if subprocess.run(["node", "-e", "require('util').parseEnv('A=b')"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        raise Skipped("this node is too old for util.parseEnv")
    return node("require('util').parseEnv", texts, folder)


def read_npm_dotenv(texts, folder):
    if not shutil.which("npm") or not shutil.which("node"):
        raise Skipped("npm is not installed")
    package = folder + "/npm"
    if not os.path.exists(package + "/node_modules/dotenv"):
        os.makedirs(package, exist_ok=True)
        write(package + "/package.json", b"{}")
        try:
            done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "dotenv"], cwd=package, timeout=120,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise Skipped("npm install dotenv does not end here") from None
        if done.returncode != 0:
            raise Skipped("npm install dotenv does not work here")
    return node("require('dotenv').parse", texts, package)


PYTHON = r"""
import json, os, sys
try:
    import dotenv
except ImportError:
    sys.exit(3)
import logging
logging.disable(logging.CRITICAL)
answers = []
for text in json.load(sys.stdin):
    with open("python.env", "wb") as out:
        out.write(bytes.fromhex(text))
    found = dotenv.dotenv_values("python.env")
    answers.append({name: value.encode().hex() if value is not None else None for name, value in found.items()})
json.dump(answers, sys.stdout)
"""


def read_python_dotenv(texts, folder):
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    environment = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    done = subprocess.run([python, "-c", PYTHON], input=json.dumps([text.hex() for text in texts]), stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
    if done.returncode == 3:
        raise Skipped("python3-dotenv is not installed")
    if done.returncode != 0:
        return [f"python-dotenv ended with {done.returncode}"] * len(texts)
    return [{name: bytes.fromhex(value) if value is not None else None for name, value in one.items()} for one in json.loads(done.stdout)]


def read_python_json(texts, folder):
    del folder
    return [{name: value.encode() for name, value in json.loads(text.decode()).items()} for text in texts]


def read_node_json(texts, folder):
    if not shutil.which("node"):
        raise Skipped("node is not installed")
    return node("JSON.parse", texts, folder)


def write(path, text):
    with open(path, "wb") as out:
        out.write(text)


# dialect, reader, function, directions
READERS = [
    ("systemd", "libsystemd", read_systemd, ("written", "read")),
    ("systemd", "dash", shell_reader("dash"), ("written",)),
    ("systemd", "bash", shell_reader("bash"), ("written",)),
    ("docker", "docker-cli", read_docker, ("written", "read")),
    ("dotenv", "node-parseEnv", read_node, ("written", "read")),
    ("dotenv", "npm-dotenv", read_npm_dotenv, ("written", "read")),
    ("dotenv", "python3-dotenv", read_python_dotenv, ("written", "read")),
    ("dotenv", "libsystemd", read_systemd, ("written",)),
    ("dotenv", "dash", shell_reader("dash"), ("written",)),
    ("dotenv", "bash", shell_reader("bash"), ("written",)),
    ("shell", "dash", shell_reader("dash"), ("written", "read")),
    ("shell", "bash", shell_reader("bash"), ("written", "read")),
    ("json", "python-json", read_python_json, ("written",)),
    ("json", "node-json", read_node_json, ("written",)),
]


def is_beyond(reader, variables):
    """systemd also refuses Unicode's noncharacters, which the portable dialect may write: such sets are not for it."""
    return reader == "libsystemd" and any(b"\xef\xbf\xbe" in value for value in variables.values())


def compare(cases, answers, label):
    differences = 0
    for (variables, text), answer in zip(cases, answers):
        if answer == variables:
            continue
        differences += 1
        if differences <= 3:
            print(f"  {label}: text {text!r}\n    expected {variables!r}\n    got      {answer!r}", file=sys.stderr)
    return differences


def run_reader(tool, row, direction, options, folder):
    dialect, reader, function, _ = row
    if direction == "written":
        cases, refused = tool.encode(dialect, make_sets(dialect, options.cases, options.seed))
        cases = [case for case in cases if not is_beyond(reader, case[0])]
    else:
        cases, refused = make_texts(tool, dialect, options.cases, options.seed)
    try:
        answers = function([text for _, text in cases], folder)
    except Skipped as why:
        print(f"{dialect} {reader} {direction} skipped: {why}", flush=True)
        return 0
    differences = compare(cases, answers, f"{dialect} {reader} {direction}")
    print(f"{dialect} {reader} {direction} {len(cases)} {differences} {refused}", flush=True)
    return differences


def main():
    parser = argparse.ArgumentParser(description="compares the env-file dialects with the real readers")
    parser.add_argument("--tool", required=True, help="the program dialect_tool of the build directory")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", default="2026")
    parser.add_argument("--only", help="one dialect or reader")
    options = parser.parse_args()
    tool = Tool(os.path.abspath(options.tool))
    differences = 0
    with tempfile.TemporaryDirectory(prefix="vault-dialects-") as folder:
        print("dialect reader direction cases differences refused")
        for row in READERS:
            for direction in row[3]:
                if not options.only or options.only in row[:2]:
                    differences += run_reader(tool, row, direction, options, folder)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
