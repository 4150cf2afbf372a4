"""The real readers of env files, each as a function of a list of texts.

A reader gives for each text a dict of names to bytes, or a string that says what went wrong with it; it raises Skipped where it
is not on this machine. `folder` is its own. It starts its program once or a few times, not once for each text.
"""
import base64
import ctypes
import fcntl
import glob
import http.server
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading

import docker_engine

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(TOP, "build", "consumers")     # what npm and go bring; kept between runs


class Skipped(Exception):
    pass


def write(path, text):
    with open(path, "wb") as out:
        out.write(text)


def read(path):
    with open(path, "rb") as source:
        return source.read()


def need(program, package=None):
    found = shutil.which(program)
    if not found:
        raise Skipped(f"{package or program} is not installed")
    return found


def run(command, folder, **options):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **{"stdin": subprocess.DEVNULL, **options})


def first_line(error):
    lines = error.decode(errors="replace").strip().split("\n")
    return lines[-1][:200]


def parse_environment(output, ignored=()):
    """NUL-separated NAME=VALUE."""
    variables = dict(entry.split(b"=", 1) for entry in output.split(b"\0")[:-1] if b"=" in entry)
    return {name.decode(): value for name, value in variables.items() if name.decode() not in ignored}


# -- systemd -----------------------------------------------------------------------------------------------------------

def systemd(texts, folder):
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


# -- shells: one process forks for each text, so that nothing is left for the next one -----------------------------------

SHELL = """i=0
while [ "$i" -lt "$0" ]; do
	( set -a; . "./$i"; set +a; exec /usr/bin/env -0 ) >"$i.out" 2>"$i.err" || echo $? >"$i.code"
	i=$((i + 1))
done
"""
FISH = """
for vault_i in (seq 0 (math $argv[1] - 1))
	source ./$vault_i 2>$vault_i.err </dev/null
	or echo $status >$vault_i.code
	/usr/bin/env -0 >$vault_i.out
	for vault_name in (set -gxn)
		contains -- $vault_name PATH HOME SHLVL PWD USER; or set -eg $vault_name
	end
end
"""
OF_A_SHELL = ("PWD", "OLDPWD", "SHLVL", "_", "PATH")  # the last of busybox, which then has one of its own


def outputs(count, folder, ignored):
    answers = []
    for i in range(count):
        path = f"{folder}/{i}"
        error = read(path + ".err")
        if os.path.exists(path + ".code") or error:
            code = read(path + ".code").decode().strip() if os.path.exists(path + ".code") else "0"
            answers.append(f"exit code {code}: {error[:100]!r}")
        else:
            answers.append(parse_environment(read(path + ".out"), ignored))
    return answers


def shell(*command):
    def reader(texts, folder):
        need(command[0])
        for i, text in enumerate(texts):
            write(f"{folder}/{i}", text)
        done = run([*command, "-c", SHELL, str(len(texts))], folder, env={})
        return outputs(len(texts), folder, OF_A_SHELL) if done.returncode == 0 else [f"exit code {done.returncode}"] * len(texts)
    return reader


def fish(texts, folder):
    program = need("fish")
    if not texts:
        return []
    for i, text in enumerate(texts):
        write(f"{folder}/{i}", text)
    write(folder + "/all.fish", FISH.encode())
    done = run([program, "--no-config", folder + "/all.fish", str(len(texts))], folder, env={"HOME": folder, "PATH": "/usr/bin:/bin"})
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {done.stderr[:100]!r}"] * len(texts)
    return outputs(len(texts), folder, (*OF_A_SHELL, "HOME", "USER"))


# -- directories ---------------------------------------------------------------------------------------------------------

EACH_DIRECTORY = """i=0
count=$1
shift
while [ "$i" -lt "$count" ]; do
	env -i "$@" "./$i" /usr/bin/env -0 >"$i.out" 2>"$i.err" || echo $? >"$i.code"
	i=$((i + 1))
done
"""


def write_directory(path, files):
    os.mkdir(path)
    for name, content in files.items():
        write(path + "/" + name, content)


def directory(*command):
    def reader(texts, folder):
        program = need(command[0])
        for i, files in enumerate(texts):
            write_directory(f"{folder}/{i}", files)
        run(["sh", "-c", EACH_DIRECTORY, "sh", str(len(texts)), program, *command[1:]], folder)
        return outputs(len(texts), folder, ())
    return reader


def name_file(texts, folder):
    """A program that takes NAME_FILE: it opens the file and has its bytes."""
    answers = []
    for i, files in enumerate(texts):
        write_directory(f"{folder}/{i}", files)
        answers.append({name: read(f"{folder}/{i}/{name}") for name in os.listdir(f"{folder}/{i}") if not name.startswith(".")})
    return answers


# -- docker, podman, kubectl ---------------------------------------------------------------------------------------------

class Engine(http.server.BaseHTTPRequestHandler):
    """As much of a docker engine as "docker create" asks for; it keeps what the client read from the env file."""
    protocol_version = "HTTP/1.1"

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
        self.server.environment = body["Env"] or []
        self.answer(201, b'{"Id": "0123456789ab", "Warnings": []}')

    def log_message(self, *args):
        pass

    def address_string(self):
        return "client"


class EngineServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    environment = None


def docker_cli(texts, folder):
    docker = need("docker", "docker.io")
    socket_path = folder + "/docker.sock"
    server = EngineServer(socket_path, Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {"DOCKER_HOST": "unix://" + socket_path, "DOCKER_CONFIG": folder, "HOME": folder, "PATH": "/usr/bin:/bin"}
    path = folder + "/docker.env"
    answers = []
    try:
        for text in texts:
            write(path, text)
            server.environment = None
            done = run([docker, "create", "--pull", "never", "--env-file", path, "image"], folder, env=environment)
            if done.returncode != 0 or server.environment is None:
                answers.append(f"exit code {done.returncode}: {done.stderr[:100]!r}")
            else:
                answers.append({entry.split("=", 1)[0]: entry.split("=", 1)[1].encode() for entry in server.environment})
    finally:
        server.shutdown()
        server.server_close()
    return answers


def real_engine(texts, folder):
    """A container is started for each text, so these are few and large."""
    if os.geteuid() != 0 or not docker_engine.install():
        raise Skipped("needs root and docker.io")
    with docker_engine.engine(folder) as (docker, why):
        if not docker:
            raise Skipped("the engine does not start here: " + why)
        docker_engine.make_image(docker, folder)
        answers = []
        for text in texts:
            write(folder + "/docker.env", text)
            got, status, error = docker_engine.run_with(docker, folder + "/docker.env")
            if got is None and "OCI runtime" in error:
                raise Skipped("containers do not start here: " + error)
            if got is None:
                answers.append(f"exit code {status}: {error}")
            else:
                answers.append({name.decode(): value for name, value in got.items() if name not in (b"PATH", b"HOSTNAME", b"HOME")})
        return answers


def podman(texts, folder):
    program = need("podman")
    command = [program, "--root", folder + "/root", "--runroot", folder + "/runroot", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]
    os.mkdir(folder + "/rootfs")
    answers = []
    created = []

    def create(text):
        write(folder + "/podman.env", text)
        return run([*command, "create", "--env-file", folder + "/podman.env", "--rootfs", folder + "/rootfs", "/bin/x"], folder,
                   env={"PATH": os.environ["PATH"], "HOME": folder})

    probe = create(b"A=b\n")   # what nobody refuses; a podman that cannot make a container at all is not there
    if probe.returncode != 0:
        raise Skipped("podman cannot create containers here: " + first_line(probe.stderr))
    for text in texts:
        done = create(text)
        answers.append(None if done.returncode == 0 else f"exit code {done.returncode}: {first_line(done.stderr)}")
        if done.returncode == 0:
            created.append(done.stdout.decode().strip())
    if not created:
        return answers
    listed = run([*command, "inspect", "--format", "{{json .Config.Env}}", *created], folder)
    found = iter(json.loads(line) for line in listed.stdout.decode().split("\n") if line)
    own = ("PATH", "TERM", "container", "HOSTNAME", "HOME")
    return [answer or {entry.split("=", 1)[0]: entry.split("=", 1)[1].encode() for entry in next(found) if entry.split("=", 1)[0] not in own}
            for answer in answers]


def kubectl(texts, folder):
    program = need("kubectl", "kubernetes-client")
    path = folder + "/kubectl.env"
    answers = []
    for text in texts:
        write(path, text)
        done = run([program, "create", "secret", "generic", "env", "--from-env-file", path, "--dry-run=client", "-o", "json"], folder,
                   env={"PATH": "/usr/bin:/bin", "HOME": folder})
        if done.returncode != 0:
            answers.append(f"exit code {done.returncode}: {first_line(done.stderr)}")
        else:
            answers.append({name: base64.b64decode(value) for name, value in (json.loads(done.stdout).get("data") or {}).items()})
    return answers


# -- JavaScript ----------------------------------------------------------------------------------------------------------

NODE = r"""
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const read = %s;
const answers = texts.map(hex => {
  try {
    const found = read(Buffer.from(hex, 'hex').toString('utf8'));
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, Buffer.from(value, 'utf8').toString('hex')]));
  } catch (error) {
    return String(error);
  }
});
process.stdout.write(JSON.stringify(answers));
"""


def node(read_with, texts, folder, program="node"):
    def ask(asked):
        return run([need(program, "nodejs"), "-e", NODE % read_with], folder, input=json.dumps([text.hex() for text in asked]).encode(), stdin=None,
                   env={"PATH": os.environ["PATH"], "HOME": folder})

    probe = ask([b"A=b\n"])    # a version without this reader
    if probe.returncode != 0:
        raise Skipped("node: " + first_line(probe.stderr))
    done = ask(texts)
    if done.returncode != 0:
        raise AssertionError("node ended: " + first_line(done.stderr))
    return [one if isinstance(one, str) else {name: bytes.fromhex(value) for name, value in one.items()} for one in json.loads(done.stdout)]


def npm_package(name, folder_name):
    """A folder with this package in its node_modules/, installed once, whoever else wants it: stories run side by side, and a
    program that another installation still writes cannot be run."""
    folder = os.path.join(CACHE, folder_name)
    need("node", "nodejs")
    need("npm")
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # each open file is a lock of its own, and so this holds among threads too
        if os.path.exists(folder + "/installed"):
            return folder
        write(folder + "/package.json", b"{}")
        try:
            done = run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", name], folder, timeout=180)
        except subprocess.TimeoutExpired:
            raise Skipped(f"npm install {name} does not end here") from None
        if done.returncode != 0:
            raise Skipped(f"npm install {name} does not work here")
        write(folder + "/installed", b"")
    return folder


PARSE_ENV = "require('util').parseEnv"


def node_of_the_machine(texts, folder):
    need("node", "nodejs")
    if run(["node", "-e", PARSE_ENV + "('A=b')"], folder).returncode != 0:
        raise Skipped("this node is too old for util.parseEnv")
    return node(PARSE_ENV, texts, folder)


def node_of_npm(version):
    """node's own packages; the one with the program in it, so that no script has to run at its installation."""
    def reader(texts, folder):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine)
        if not machine:
            raise Skipped("npm has no node for this machine")
        package = f"node-linux-{machine}"
        place = npm_package(f"{package}@{version}", f"node-{version}")
        return node(PARSE_ENV, texts, folder, f"{place}/node_modules/{package}/bin/node")
    return reader


def npm_dotenv(options):
    def reader(texts, folder):
        del folder
        return node(f"(text => require('dotenv').parse(text, {options}))", texts, npm_package("dotenv", "dotenv"))
    return reader


def node_json(texts, folder):
    return node("JSON.parse", texts, folder)


# -- Python, Ruby, Go ----------------------------------------------------------------------------------------------------

PYTHON = r"""
import json, sys
try:
    import dotenv
except ImportError:
    sys.exit(3)
import importlib.metadata
if len(sys.argv) > 1 and not importlib.metadata.version("python-dotenv").startswith(sys.argv[1]):
    sys.exit(4)
import logging
logging.disable(logging.CRITICAL)
answers = []
for text in json.load(sys.stdin):
    with open("python.env", "wb") as out:
        out.write(bytes.fromhex(text))
    try:
        # load_dotenv() leaves a name without a value alone, so it is no variable.
        answers.append({name: value.encode().hex() for name, value in dotenv.dotenv_values("python.env").items() if value is not None})
    except (UnicodeError, ValueError) as error:
        answers.append(repr(error))
json.dump(answers, sys.stdout)
"""


def python_answers(command, texts, folder, environment):
    done = run(command, folder, input=json.dumps([text.hex() for text in texts]).encode(), stdin=None, env=environment)
    if done.returncode in (3, 4):
        raise Skipped("python-dotenv is not installed" + (" in this version" if done.returncode == 4 else ""))
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {first_line(done.stderr)}"] * len(texts)
    return [one if isinstance(one, str) else unhex(one) for one in json.loads(done.stdout)]


def unhex(values):
    return {name: bytes.fromhex(value) for name, value in values.items()}


def python_dotenv(texts, folder):
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    return python_answers([python, "-c", PYTHON], texts, folder, {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ})


def python_dotenv_1(texts, folder):
    """Not Debian's: where another python of this machine has it."""
    environment = {name: os.environ[name] for name in ("PYTHONPATH", "PATH", "HOME") if name in os.environ}
    return python_answers([need("python3"), "-c", PYTHON, "1."], texts, folder, environment)


RUBY = r"""
require "json"
begin
  %s
rescue LoadError
  exit 3
end
Encoding.default_external = Encoding::UTF_8
answers = JSON.parse(STDIN.read).map do |hex|
  File.binwrite("ruby.env", [hex].pack("H*"))
  begin
    %s.to_h { |name, value| [name, value.to_s.unpack1("H*")] }
  rescue StandardError, SyntaxError => error
    error.class.name
  end
end
STDOUT.write(JSON.generate(answers))
"""


def ruby(library, expression):
    def reader(texts, folder):
        program = need("ruby")
        done = run([program, "-e", RUBY % (library, expression)], folder, input=json.dumps([text.hex() for text in texts]).encode(), stdin=None,
                   env={"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8"})
        if done.returncode == 3:
            raise Skipped(library + " does not work here")
        if done.returncode != 0:
            return [f"exit code {done.returncode}: {first_line(done.stderr)}"] * len(texts)
        return [one if isinstance(one, str) else unhex(one) for one in json.loads(done.stdout)]
    return reader


GO = r"""
package main

import (
	"encoding/hex"
	"encoding/json"
	"os"

	"github.com/joho/godotenv"
)

func read(text string) (answer interface{}) {
	defer func() {
		if reason := recover(); reason != nil {
			answer = "panic"
		}
	}()
	bytes, _ := hex.DecodeString(text)
	found, err := godotenv.Unmarshal(string(bytes))
	if err != nil {
		return err.Error()
	}
	values := map[string]string{}
	for name, value := range found {
		if name == "" {
			continue // Load() cannot put it into the environment, and says nothing
		}
		values[name] = hex.EncodeToString([]byte(value))
	}
	return values
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	answers := []interface{}{}
	for _, text := range texts {
		answers = append(answers, read(text))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
"""


def godotenv(texts, folder):
    go = need("go", "golang-go")
    if not os.path.isdir("/usr/share/gocode/src/github.com/joho/godotenv"):
        raise Skipped("golang-github-joho-godotenv-dev is not installed")
    program = folder + "/godotenv"
    write(folder + "/main.go", GO.encode())
    done = run([go, "build", "-o", program, "main.go"], folder,
               env={"PATH": os.environ["PATH"], "HOME": folder, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": folder + "/cache", "CGO_ENABLED": "0"})
    if done.returncode != 0:
        raise Skipped("go build: " + first_line(done.stderr))
    done = run([program], folder, input=json.dumps([text.hex() for text in texts]).encode(), stdin=None, env={})
    return [one if isinstance(one, str) else unhex(one) for one in json.loads(done.stdout)]


# -- JSON and YAML -------------------------------------------------------------------------------------------------------

def python_json(texts, folder):
    del folder
    answers = []
    for text in texts:
        try:
            answers.append({name: value.encode() for name, value in json.loads(text.decode()).items()})
        except (ValueError, AttributeError) as error:
            answers.append(repr(error))
    return answers


PYYAML = r"""
import json, sys
try:
    import yaml
except ImportError:
    sys.exit(3)
answers = []
for text in json.load(sys.stdin):
    try:
        answers.append(yaml.load(bytes.fromhex(text), Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError) as error:
        answers.append(type(error).__name__)
json.dump(answers, sys.stdout, default=repr)
"""
PSYCH = r"""
require "json"
require "psych"
answers = JSON.parse(STDIN.read).map do |hex|
  begin
    Psych.safe_load([hex].pack("H*").force_encoding("UTF-8"))
  rescue StandardError => error
    error.class.name
  end
end
STDOUT.write(JSON.generate(answers))
"""


def documents(command, texts, folder):
    """Each text as its reader has it: a mapping, most often."""
    need(command[0])
    done = run(command, folder, input=json.dumps([text.hex() for text in texts]).encode(), stdin=None, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
    if done.returncode == 3:
        raise Skipped("python3-yaml is not installed")
    if done.returncode != 0:
        return [f"exit code {done.returncode}: {first_line(done.stderr)}"] * len(texts)
    return json.loads(done.stdout)


def of_strings(document):
    """Its variables when it is a mapping of strings; anything else says what it is. A whole number is as it is printed."""
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(type(value) in (str, int) for value in document.values()):
        return repr(document)[:200]
    return {name: str(value).encode("utf-8", "surrogatepass") for name, value in document.items()}


def of_secret(document):
    if not isinstance(document, dict) or document.get("kind") != "Secret" or not isinstance(document.get("metadata"), dict):
        return repr(document)[:200]
    try:
        # Go's decoder, which Kubernetes has, passes over line ends and nothing else.
        variables = {name: base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True) for name, value in (document.get("data") or {}).items()}
    except (ValueError, AttributeError) as error:
        return repr(error)
    strings = of_strings(document.get("stringData"))
    return {**variables, **strings} if isinstance(strings, dict) else strings


def yaml_reader(command, meaning):
    return lambda texts, folder: [meaning(document) for document in documents(command, texts, folder)]


def kubectl_secret(texts, folder):
    """"kubectl label --local" reads manifests as "kubectl apply" does and needs no cluster; a file that fails is halved."""
    program = need("kubectl", "kubernetes-client")

    def ask(some):
        write(folder + "/secrets.yaml", b"---\n".join(text if text.endswith(b"\n") else text + b"\n" for text in some))
        done = run([program, "label", "--local", "--dry-run=client", "-f", folder + "/secrets.yaml", "-o", "json", "x=y"], folder,
                   env={"PATH": "/usr/bin:/bin", "HOME": folder})
        found = parse_json_texts(done.stdout.decode()) if done.returncode == 0 else []
        if len(found) == len(some):
            return [of_secret(document) for document in found]
        if len(some) == 1:
            return [f"exit code {done.returncode}: {first_line(done.stderr)}"]
        return ask(some[:len(some) // 2]) + ask(some[len(some) // 2:])
    return [answer for at in range(0, len(texts), 100) for answer in ask(texts[at:at + 100])]


def parse_json_texts(text):
    found = []
    at = 0
    while text[at:].strip():
        document, at = json.JSONDecoder().raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        found.append(document)
    return found


PYTHON_YAML = ["/usr/bin/python3", "-c", PYYAML]
RUBY_YAML = ["ruby", "-e", PSYCH]


# What docker-compose 1.29 has after reading and filling in, before it writes it for people ("config" folds some line ends).
COMPOSE = r"""
import json, sys
try:
    from compose.config import config, environment, errors
except ImportError:
    sys.exit(3)
found = config.load(config.find(".", ["docker-compose.yml"], environment.Environment({})))
json.dump({one["name"]: one.get("environment") or {} for one in found.services}, sys.stdout)
"""


def docker_compose(texts, folder):
    """Many texts are services of one file; where one of them fails the file, each of its texts has a file of its own."""
    need("docker-compose")
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8"}

    def ask(some):
        services = b"".join(b"  s%d:\n    image: x\n%s" % (i, re.sub(rb"(?m)^(?=.)", b"    ", text)) for i, text in enumerate(some))
        write(folder + "/docker-compose.yml", b'version: "3"\nservices:\n' + services)
        done = run(["/usr/bin/python3", "-c", COMPOSE], folder, env=environment)
        if done.returncode == 3:
            raise Skipped("docker-compose is not Debian's")
        if done.returncode != 0:
            return [f"exit code {done.returncode}: {first_line(done.stderr)}"] if len(some) == 1 else [answer for text in some for answer in ask([text])]
        found = json.loads(done.stdout)
        # A name without a value is taken from the environment, which has none; a number is written as it is printed.
        return [{name: str(value).encode() for name, value in found[f"s{i}"].items() if value is not None} for i in range(len(some))]

    return [answer for at in range(0, len(texts), 50) for answer in ask(texts[at:at + 50])]


# -- where no real reader is to be had: parsers from the documentation ----------------------------------------------------

def github_env(texts, folder):
    """GitHub's "Workflow commands": NAME=VALUE, or NAME<<DELIMITER, lines and the delimiter on a line of its own."""
    del folder
    return [read_github(text.decode("utf-8", "replace")) for text in texts]


def read_github(text):
    variables = {}
    lines = iter(text.removeprefix("\ufeff").split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            variables[line[:equals]] = line[equals + 1:].encode()
            continue
        if heredoc < 0:
            return "a line that is neither"
        name, delimiter = line[:heredoc], line[heredoc + 2:]
        held = []
        for inner in lines:
            if inner == delimiter:
                break
            held.append(inner)
        else:
            return "the delimiter does not come"
        variables[name] = "\n".join(held).encode()
    return variables


def gitlab_report(texts, folder):
    """GitLab's "artifacts:reports:dotenv": NAME=VALUE lines, Ruby's strip on both, quotes kept, no comments, no empty lines."""
    del folder
    return [read_gitlab(text.decode("utf-8", "replace")) for text in texts]


def read_gitlab(text):
    variables = {}
    text = text.removeprefix("\ufeff")
    for line in text.removesuffix("\n").split("\n") if text else []:
        name, equals, value = line.partition("=")
        name, value = (part.lstrip(" \t\n\v\f\r").rstrip(" \t\n\v\f\r\0") for part in (name, value))
        if not equals or not re.fullmatch(r"[A-Za-z0-9_]{1,255}", name):
            return "an invalid line"
        variables[name] = value.encode()
    return variables
