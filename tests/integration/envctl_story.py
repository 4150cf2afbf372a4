"""What the stories of envctl share beside vault.py: calls of envctl with their outcome, prompts answered through a
pseudo-terminal, servers that pose as the daemon, and cases that print "ok" or "not ok".
"""
import json
import os
import pty
import select
import socket
import subprocess
import sys
import time
import traceback

import vault
from vault import ENVCTL, PROGRAMS

CASES = []


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Story(vault.Daemon):
    """A personal vault, and envctl with an environment that leads to it."""

    user = None     # of daemon and envctl, when not our own

    def __init__(self):
        super().__init__(wrapper=["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else [])
        if self.user:
            for folder, _, _ in os.walk(self.dir):
                os.chown(folder, self.user, self.user)
        self.env = self.environment()
        self.env["LANG"] = "C.UTF-8"
        for name in ("VISUAL", "EDITOR", "NO_COLOR"):
            self.env.pop(name, None)

    def path(self, *names):
        return os.path.join(self.home, *names)

    def __enter__(self):
        self.start()
        return self

    def envctl(self, *words, stdin="", env=None, binary=False, **more):
        """Runs envctl without a terminal. stdin is text or bytes."""
        merged = {k: v for k, v in {**self.env, **(env or {})}.items() if v is not None}
        done = subprocess.run([ENVCTL, *words], input=stdin.encode() if isinstance(stdin, str) else stdin, env=merged,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, start_new_session=True,
                              **({"user": self.user, "group": self.user} if self.user else {}), **more)
        out = done.stdout if binary else done.stdout.decode(errors="replace")
        return Outcome(done.returncode, out, done.stderr.decode(errors="replace"))

    def good(self, *words, **more):
        outcome = self.envctl(*words, **more)
        assert outcome.code == 0, (words, outcome)
        return outcome

    def bad(self, code, sentence, *words, **more):
        """Fails with this exit code and a sentence that holds the text."""
        outcome = self.envctl(*words, **more)
        assert outcome.code == code, (words, code, outcome)
        assert sentence in outcome.err, (words, sentence, outcome)
        return outcome

    def json_of(self, *words, **more):
        return json.loads(self.good(*words, **more).out)

    def init(self):
        self.root = self.good("init", "--passphrase", stdin="correct horse\n").out.strip()
        return self.root

    def terminal(self, *words, answers=(), env=None, code=0):
        """Runs envctl on a terminal of its own; answers: (what to wait for, what to type). Returns all that was shown."""
        merged = {k: v for k, v in {**self.env, "TERM": "xterm", **(env or {})}.items() if v is not None}
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(ENVCTL, [ENVCTL, *words], merged)
        shown = b""
        pending = list(answers)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if pending and pending[0][0].encode() in shown[seen_len(shown, pending):]:
                time.sleep(0.05)
                os.write(fd, pending.pop(0)[1].encode())
                marks.append(len(shown))
            ready, _, _ = select.select([fd], [], [], 0.1)
            if not ready:
                continue
            try:
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        marks.clear()
        _, status = os.waitpid(pid, 0)
        os.close(fd)
        text = shown.decode(errors="replace")
        ended = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        assert not pending, ("never asked", pending, text)
        assert ended == code, (words, ended, text)
        return text


marks = []


def seen_len(_shown, _pending):
    """Only what was shown after the last answer counts as the next question."""
    return marks[-1] if marks else 0


def case(function):
    CASES.append(function)
    return function


def bare_case(function):
    """A case that watches what the program itself opens and runs, or that it is quick: under a checker there is more of that, and it is not."""
    function.is_bare = True
    return case(function)


def run_cases(story_of=None):
    """Each case gets a fresh, initialised vault (or what story_of gives). VAULT_CASE names the ones to run."""
    failed = 0
    only = os.environ.get("VAULT_CASE")
    for function in CASES:
        if only and only not in function.__name__:
            continue
        name = f"{os.path.basename(sys.argv[0])[:-3]}: {function.__name__.replace('_', ' ')}"
        if PROGRAMS and getattr(function, "is_bare", False):
            print(f"ok - {name} # SKIP not under a checker", flush=True)
            continue
        try:
            with (story_of or Initialised)() as story:
                function(story)
            print(f"ok - {name}", flush=True)
        except Exception:  # every kind of failure is a failed case
            failed += 1
            print(f"not ok - {name}", flush=True)
            for line in traceback.format_exc().split("\n"):
                print("   ", line)
    sys.exit(1 if failed else 0)


class Initialised(Story):
    def __enter__(self):
        super().__enter__()
        self.init()
        return self


def fake_server(path, answers, uid=None):
    """A process that listens at a Unix socket and gives each connection one canned answer. Returns its pid."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if uid is not None:
                os.setgid(uid)
                os.setuid(uid)
            listener.bind(path)
            os.chmod(path, 0o777)
            listener.listen(8)
            os.write(told, b"x")
            for answer in answers:
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()
        finally:
            os._exit(0)
    listener.close()
    os.close(told)
    listens = os.read(ready, 1)
    os.close(ready)
    assert listens, "the server that poses as a daemon did not start"
    return pid
