#!/usr/bin/env python3
"""envctl run: what the program gets, what is refused, exit codes, signals, descriptors, nothing left behind."""
# tier: quick
# sanitized: yes
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from envctl_story import ENVCTL, bare_case, case, run_cases

ENV = "shop/production"
SANITIZED = "asan" in os.environ.get("VAULTD_BUILD", "")


def put(story, body):
    """Writes as a Vault client would: any JSON."""
    sock = story.socket
    subprocess.run(["curl", "-sf", "--unix-socket", sock, "-d", body, f"http://localhost/v1/secret/data/{ENV}"], check=True,
                   stdout=subprocess.DEVNULL)


def environment(outcome):
    return dict(entry.split("=", 1) for entry in outcome.out.split("\0") if entry)


def shown(story, *options, env=None, code=0):
    outcome = story.envctl("run", ENV, *options, "--", "/usr/bin/env", "-0", env=env)
    assert outcome.code == code, outcome
    return environment(outcome), outcome


@case
def variables_come_on_top(story):
    value = "spaces and\nlines 'quotes' \"double\" $HOME `x` \\ é €"
    story.good("set", ENV, "SHARED=vault", "EMPTY=", f"ODD={value}")
    got, outcome = shown(story, env={"SHARED": "own", "MINE": "1", "VAULT_TOKEN": story.root})
    assert got["SHARED"] == "vault" and got["MINE"] == "1" and got["EMPTY"] == "" and got["ODD"] == value
    assert "VAULT_TOKEN" not in got and outcome.err == ""
    assert story.root not in outcome.out


@case
def pristine_and_preserved(story):
    story.good("set", ENV, "A=vault", "B=vault")
    got, _ = shown(story, "--pristine", env={"A": "own", "MINE": "1"})
    assert got == {"A": "vault", "B": "vault", "PATH": story.env["PATH"]}, got
    got, _ = shown(story, "--pristine", "--preserve-env", "A,HOME", env={"A": "own"})
    assert got == {"A": "own", "B": "vault", "PATH": story.env["PATH"], "HOME": story.env["HOME"]}, got


@case
def globs(story):
    story.good("set", ENV, "DB_HOST=1", "DB_PASSWORD=2", "OTHER=3")
    got, _ = shown(story, "--pristine", "--only", "DB_*", "--except", "*PASSWORD")
    assert set(got) == {"DB_HOST", "PATH"}, got
    got, _ = shown(story, "--pristine", "--only", "OTHER,DB_HOST")
    assert set(got) == {"DB_HOST", "OTHER", "PATH"}, got
    for nothing in ("", ",", ",,"):
        story.bad(125, "need a name", "run", ENV, "--only", nothing, "--", "true")


@case
def globs_that_match_nothing(story):
    """A program without what it needs is not started, and a file without it not written."""
    story.good("set", ENV, "DB_HOST=1")
    started, written = story.path("started"), story.path("written")
    for glob in (["--only", "NOPE_*"], ["--except", "*"], ["--only", "DB_*", "--except", "*HOST"]):
        story.bad(125, f"no variable of {ENV} matches", "run", ENV, *glob, "--", "touch", started)
        story.bad(3, f"no variable of {ENV} matches", "render", ENV, "--format", "docker", "--output", written, *glob)
        story.bad(3, f"no variable of {ENV} matches", "copy", ENV, "shop/other", *glob)
    for glob in (["--only", "NOPE"], ["--only", "DB_HOST,NOPE"], ["--only", "DB_*", "--only", "NOPE", "--except", "NOPE"]):
        told = f"{ENV} has no variable 'NOPE', which --only asks for; nothing was "
        story.bad(125, told + "started", "run", ENV, *glob, "--", "touch", started)
        story.bad(3, told + "written", "render", ENV, "--format", "docker", "--output", written, *glob)
        story.bad(3, told + "copied", "copy", ENV, "shop/other", *glob)
    assert not os.path.exists(started) and not os.path.exists(written)
    story.good("run", ENV, "--only", "DB_HOST,NOPE_*", "--except", "NOPE", "--", "true")
    # of an environment that has none, none is missing
    story.good("unset", ENV, "DB_HOST")
    assert set(shown(story, "--pristine", "--only", "DB_*")[0]) == {"PATH"}
    story.bad(125, "no variable 'DB_HOST'", "run", ENV, "--only", "DB_HOST", "--", "true")


@case
def revisions(story):
    story.good("set", ENV, "A=1")
    story.good("set", ENV, "A=2")
    assert shown(story, "--revision", "1")[0]["A"] == "1"
    story.bad(125, "", "run", ENV, "--revision", "9", "--", "true")


@case
def values_that_are_no_text(story):
    put(story, '{"data":{"N":1.10,"BIG":123456789012345678901234567890,"T":true,"NULL":null,"LIST":[1],"a-b":"x","S":"s"}}')
    got, outcome = shown(story, "--pristine")
    assert got == {"N": "1.10", "BIG": "123456789012345678901234567890", "T": "true", "S": "s", "PATH": story.env["PATH"]}
    for name in ("NULL", "LIST", "a-b"):
        assert f"warning: {name}: left out" in outcome.err, outcome


@case
def dangerous_names(story):
    story.good("set", ENV, "LD_PRELOAD=/nonexistent.so", "BASH_ENV=/x", "PATH=" + story.env["PATH"], "OK=1")
    out = story.bad(125, "2 variables", "run", ENV, "--", "/usr/bin/env")
    assert "error: LD_PRELOAD: refused" in out.err and "error: BASH_ENV: refused" in out.err and out.out == "", out
    assert "nonexistent" not in out.err
    got, outcome = shown(story, "--except", "LD_*,BASH_ENV")
    assert got["OK"] == "1" and "warning: PATH" in outcome.err
    story.good("env", "settings", ENV, "--allow-names", "BASH_ENV,LD_PRELOAD,PATH")
    got, outcome = shown(story, "--except", "LD_PRELOAD")
    assert got["BASH_ENV"] == "/x" and outcome.err == "", outcome


@case
def nul_and_sizes(story):
    put(story, '{"data":{"NUL":"a\\u0000b","OK":"1"}}')
    out = story.bad(125, "NUL: refused: its value holds a NUL", "run", ENV, "--", "true")
    assert "a\0b" not in out.err
    fits = 131071 - len("BIG=")
    story.good("set", "big", "BIG", "-", stdin="x" * fits)
    out = story.envctl("run", "big", "--", "sh", "-c", "echo ${#BIG}")
    assert out.out.strip() == str(fits), out
    story.good("set", "big", "BIG", "-", stdin="z" * (fits + 1))
    out = story.bad(125, "BIG: refused: name and value are over 131071 bytes", "run", "big", "--", "true")
    assert "zzz" not in out.err


@case
def more_than_a_program_can_get(story):
    for i in range(3):
        story.good("set", ENV, f"V{i}", "-", stdin="x" * (90000 + i))

    def small_stack():
        resource.setrlimit(resource.RLIMIT_STACK, (1024 * 1024, resource.RLIM_INFINITY))

    out = story.envctl("run", ENV, "--", "true", preexec_fn=small_stack)
    assert out.code == 125 and "largest variable is V2 (90005 bytes)" in out.err, out


@case
def exit_codes(story):
    story.good("set", ENV, "A=1")
    for code in (0, 1, 77, 125, 126, 127, 255):
        assert story.envctl("run", ENV, "--", "sh", "-c", f"exit {code}").code == code
    story.bad(127, "there is no program no-such-program", "run", ENV, "--", "no-such-program")
    story.bad(127, "there is no program", "run", ENV, "--", "/no/such/program")
    plain = story.path("plain")
    with open(plain, "w") as handle:
        handle.write("#!/bin/sh\n")
    story.bad(126, "cannot be executed", "run", ENV, "--", plain)
    story.bad(126, "cannot be executed", "run", ENV, "--", story.home)
    story.bad(125, "no environment", "run", "shop//x", "--", "true")
    story.bad(64, "put -- between", "run", ENV, "true")
    story.bad(64, "needs a program", "run", ENV)
    out = story.envctl("run", ENV, "--", "sh", "-c", "kill -TERM $$")
    assert out.code == -signal.SIGTERM, out


@case
def the_programs_path_counts(story):
    tools = story.path("tools")
    os.mkdir(tools)
    with open(tools + "/greet", "w") as handle:
        handle.write("#!/bin/sh\necho hello\n")
    os.chmod(tools + "/greet", 0o755)
    story.good("set", ENV, f"PATH={tools}:{story.env['PATH']}")
    out = story.envctl("run", ENV, "--", "greet")
    assert out.out == "hello\n" and out.code == 0, out


@case
def it_becomes_the_program(story):
    story.good("set", ENV, "A=1")
    process = subprocess.Popen([ENVCTL, "run", ENV, "--", "sh", "-c", "echo $$; exec sleep 60"], env=story.env,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == str(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT


@case
def descriptors_and_signals_pass_through(story):
    story.good("set", ENV, "A=1")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    probe = ("import os, signal\n"
             "def kind(fd):\n"
             "    try: return os.readlink(f'/proc/self/fd/{fd}')\n"
             "    except OSError: return ''\n"
             "print([fd for fd in range(64) if kind(fd).startswith(('pipe', 'socket'))])\n"
             "print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, signal.SIGUSR1 in signal.pthread_sigmask(0, []))\n")

    def prepare():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    done = subprocess.run([ENVCTL, "run", ENV, "--", "python3", "-c", probe], env=story.env, pass_fds=[writing],
                          preexec_fn=prepare, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.close(reading)
    os.close(writing)
    lines = done.stdout.split("\n")
    assert lines[0] == str([0, 1, 2, writing]), done
    assert lines[1] == "True True", done


@case
def standard_input_belongs_to_the_program(story):
    story.good("set", ENV, "A=1")
    assert story.good("run", ENV, "--", "cat", stdin="for the program").out == "for the program"


@bare_case
def values_never_stand_in_arguments(story):
    value = "canary-77aa"
    story.good("set", ENV, "A", "-", stdin=value)
    trace = story.path("trace")
    subprocess.run(["strace", "-f", "-v", "-s", "100000", "-e", "trace=execve", "-o", trace, ENVCTL, "run", ENV, "--",
                    "/bin/true"], env={**story.env, "ASAN_OPTIONS": "detect_leaks=0"}, check=True)
    calls = [line for line in open(trace) if "execve(" in line]
    assert len(calls) == 2, calls
    assert value not in calls[0]
    if os.geteuid() != 0:  # strace shows addresses then: nobody but root reads envctl's memory
        assert value not in calls[1]
        assert story.good("run", ENV, "--", "cat", "/proc/self/cmdline").out == "cat\0/proc/self/cmdline\0"
        return
    arguments, env = calls[1].split("], [", 1)
    assert value not in arguments and value in env, calls[1]


@case
def nobody_reads_it_out_before_exec(story):
    """While envctl waits for the vault, /proc of it belongs to root and its memory cannot be read by its own user."""
    if SANITIZED or os.geteuid() != 0:
        return
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    path = folder + "/slow"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.settimeout(20)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen(1)
    process = subprocess.Popen([ENVCTL, "run", ENV, "--address", path, "--", "true"], env={"HOME": folder, "CANARY": "x"},
                               user=65534, stderr=subprocess.DEVNULL, cwd="/")
    connection, _ = listener.accept()
    time.sleep(0.1)
    try:
        assert os.stat(f"/proc/{process.pid}/environ").st_uid == 0
        peek = subprocess.run(["cat", f"/proc/{process.pid}/environ"], user=65534, stderr=subprocess.DEVNULL,
                              stdout=subprocess.PIPE)
        assert peek.returncode != 0 and peek.stdout == b""
    finally:
        connection.close()
        listener.close()
        process.wait(20)
        shutil.rmtree(folder)


@case
def warnings_are_not_silenced(story):
    put(story, '{"data":{"a-b":"x"}}')
    assert "a-b" in story.good("run", ENV, "--quiet", "--", "true").err


run_cases()
