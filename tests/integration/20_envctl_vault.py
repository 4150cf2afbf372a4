#!/usr/bin/env python3
"""Setting up, sealing and opening a vault with envctl; being offline; tokens; whose socket it is."""
# tier: quick
# sanitized: yes
import fcntl
import glob
import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import tempfile
import termios
import time

from vault import VAULTD
from envctl_story import ENVCTL, Story, bare_case, case, fake_server, run_cases


ENV = "shop/production"


def new():
    return Story()


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@case
def nothing_is_running(story):
    story.stop()
    for verb in (["status"], ["list"], ["get", "a"], ["set", "a", "B=1"], ["history", "a"]):
        story.bad(5, story.socket, *verb)
    story.bad(125, story.socket, "run", "a", "--", "true")
    if not os.path.exists("/run/vaultd/vaultd.sock"):  # else the machine's own vault is what is found
        story.bad(5, "no vaultd is running here", "list", env={"VAULT_ADDR": None})
    story.bad(5, "VAULT_ADDR", "list", env={"VAULT_ADDR": "http://127.0.0.1:1"})
    story.bad(78, "plain http is for loopback only", "list", "--address", "http://192.0.2.1:8200")
    story.bad(1, "use unix:///path", "list", "--address", "ftp://x")


@case
def the_personal_socket_is_found(story):
    story.init()
    story.good("set", "a", "B=1", env={"VAULT_ADDR": None})
    assert story.good("get", "a", "B", env={"VAULT_ADDR": None}).out == "1"


@case
def status_before_and_after_init(story):
    out = story.envctl("status")
    assert out.code == 2 and "envctl init" in out.out, out
    assert json.loads(story.envctl("status", "--json").out)["initialized"] is False
    assert story.envctl("status", "--quiet").out == ""
    story.bad(2, "envctl init", "list")
    story.bad(2, "envctl init", "unseal", "--passphrase", stdin="x\n")
    story.init()
    out = story.good("status")
    ours = story.good("version").out.split()[-1]
    answer = json.loads(story.good("status", "--json").out)
    assert answer["sealed"] is False and answer["vaultd_version"] == ours != answer["version"], answer
    assert "Sealed       no" in out.out and f"Version      vaultd {ours} (API of Vault {answer['version']})\n" in out.out, out
    story.bad(1, "initialised already", "init", "--passphrase", stdin="x\n")


@case
def passphrase_at_a_prompt(story):
    text = story.terminal("init", answers=[("Passphrase: ", "secret1\n"), ("again: ", "secret2\n")], code=1)
    assert "not the same" in text and "secret1" not in text, text
    text = story.terminal("init", answers=[("Passphrase: ", "\n"), ("again: ", "\n")], code=1)
    assert "empty" in text, text
    text = story.terminal("init", answers=[("Passphrase: ", "secret1\n"), ("again: ", "secret1\n")])
    assert "secret1" not in text and "shown this once" in text, text
    story.good("seal")
    text = story.terminal("unseal", answers=[("Passphrase: ", "secret2\n")], code=4)
    assert "secret2" not in text, text
    text = story.terminal("unseal", answers=[("Passphrase: ", "secret1\n")])
    assert "is open" in text, text
    assert "open already" in story.good("unseal").err


@case
def the_root_token_is_not_lost(story):
    """It is told once: where its file cannot be written, it is printed."""
    out = story.bad(3, "could not be kept", "init", "--key-file", story.path("k"), "--token-output", story.path("no/such/folder/token"))
    root = out.out.strip()
    assert root.startswith("vlt_") and root not in out.err, out
    story.good("list", env={"VAULT_TOKEN": root})


@case
def key_file_is_made(story):
    key, token = story.path("vault.key"), story.path("root.token")
    out = story.good("init", "--key-file", key, "--token-output", token)
    assert out.out == "" and mode(key) == 0o400 and mode(token) == 0o600, out
    assert os.path.getsize(key) == 32
    root = open(token).read().strip()
    assert root.startswith("vlt_") and root not in out.err
    story.good("list", "--token-file", token)
    story.good("seal")
    story.bad(3, "", "unseal", "--key-file", story.path("missing"))
    os.chmod(key, 0o440)
    story.bad(77, "", "unseal", "--key-file", key)
    os.chmod(key, 0o400)
    wrong = story.path("wrong.key")
    with open(wrong, "wb") as handle:
        handle.write(b"x" * 32)
    os.chmod(wrong, 0o600)
    story.bad(4, "", "unseal", "--key-file", wrong)
    assert story.json_of("unseal", "--key-file", key, "--json") == story.json_of("status", "--json")
    assert story.json_of("unseal", "--json")["sealed"] is False


@case
def passphrase_file_and_json(story):
    secret = story.path("passphrase")
    with open(secret, "w") as handle:
        handle.write("correct horse\nsecond line\n")
    story.bad(77, "", "init", "--passphrase-file", secret)
    os.chmod(secret, 0o600)
    story.bad(64, "one of", "init", "--passphrase-file", secret, "--passphrase")
    story.bad(64, "one of", "init", "--passphrase-file", secret, "--shares", "2-of-3")
    root = json.loads(story.good("init", "--passphrase-file", secret, "--json").out)["root_token"]
    assert root.startswith("vlt_")
    story.good("seal")
    story.good("unseal", "--passphrase", stdin="correct horse\n")


@case
def sealed_vault_says_what_to_do(story):
    story.init()
    story.good("set", "a", "B=1")
    story.good("seal")
    for verb in (["list"], ["get", "a"], ["set", "a", "B=2"], ["history", "a"], ["render", "a", "--format", "json"],
                 ["copy", "a", "b"], ["env", "delete", "a", "--yes"]):
        story.bad(2, "envctl unseal", *verb)
    story.bad(125, "envctl unseal", "run", "a", "--", "true")
    assert story.envctl("status").code == 2
    story.good("unseal", "--passphrase", stdin="correct horse\n")
    assert story.good("get", "a", "B").out == "1"


@case
def tokens(story):
    root = story.init()
    story.good("set", "a", "B=1")
    story.good("get", "a", env={"VAULT_TOKEN": root})
    out = story.bad(4, "VAULT_TOKEN", "get", "a", env={"VAULT_TOKEN": "hvs.wrong"})
    assert "hvs.wrong" not in out.err
    story.good("login", stdin=root)
    kept, = glob.glob(story.path("state/envctl/tokens/*"))
    with open(kept, "w") as handle:
        handle.write("hvs.wrong\n")
    story.bad(4, "the token that `envctl login` has kept", "get", "a")
    story.good("get", "a", env={"VAULT_TOKEN": root})
    os.chmod(kept, 0o644)
    story.bad(77, kept, "get", "a")
    with open(kept, "w") as handle:
        handle.write(root + "\n")
    os.chmod(kept, 0o600)
    story.good("get", "a")
    for words in (["get", "a"], ["env", "settings", "a"], ["env", "extends", "a"], ["unset", "a", "B"], ["rollback", "a", "1"], ["copy", "a", "b"],
                  ["history", "a"], ["diff", "a"], ["edit", "a"], ["render", "a", "--format", "json"], ["run", "a", "--", "true"]):
        out = story.envctl("--token-file", story.path("missing"), *words)
        assert out.code > 0 and story.path("missing") in out.err, (words, out)
    story.bad(1, "one word", "get", "a", env={"VAULT_TOKEN": "hvs.a\r\nX: y"})


@case
def sockets_of_others_are_refused(story):
    if os.geteuid() != 0:
        return
    other = 65534
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o777)
    path = folder + "/s"
    pid = fake_server(path, [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], uid=other)
    try:
        story.bad(77, f"belongs to user {other}", "list", "--address", path, env={"VAULT_TOKEN": "hvs.precious"})
        os.chown(path, 0, 0)   # the file is ours now, the process that listens is not
        story.bad(77, f"belongs to user {other}", "list", "--address", path, env={"VAULT_TOKEN": "hvs.precious"})
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        shutil.rmtree(folder)


@case
def answers_that_are_none(story):
    answers = {
        b"SSH-2.0-OpenSSH_9.2\r\n": "not proper HTTP",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello": "not JSON",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{\"a\":": "not JSON",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{}": "closed the connection",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}": "no data",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}x": "more than its answer",
        b"": "closed the connection",
    }
    for number, (answer, sentence) in enumerate(answers.items()):
        path = story.path(f"fake{number}")
        pid = fake_server(path, [answer])
        try:
            story.bad(5, sentence, "list", "--address", path)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@case
def a_daemon_in_trouble_says_what_it_is(story):
    """By its name, one of the machine or of the store; with what to do, whole, where something can be done."""
    advice = "stop the daemon and see what it is: vaultd recover accept --help"
    rows = [({"errors": ["it was rolled back"], "code": "rollback"}, 65, "it was rolled back; if", advice),
            ({"code": "fork"}, 65, ": fork; if", advice), ({"errors": ["y" * 100000], "code": "anchor_missing"}, 65, "yyy", advice),
            ({"errors": ["the disk"], "code": "io"}, 74, "the daemon failed: the disk", ""), ({"code": "record"}, 65, "the daemon failed: record", ""),
            ({"errors": ["e"], "code": "store_locked"}, 75, "the daemon failed: e", "")]
    rows += [({"errors": ["e"], "code": code}, 1, "the daemon answered 500: e", "") for code in (
        "ok", "usage", "config", "unreachable", "protocol", "timeout", "conflict", "sealed", "not_found", "nonsense", "", "io\0", 5, None, ["io"], "r" * 5000)]
    for number, (answer, code, *sentences) in enumerate(rows):
        body, path = json.dumps(answer).encode(), story.path(f"trouble{number}")
        pid = fake_server(path, [b"HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body])
        out = story.bad(code, sentences[0], "list", "--address", path)
        os.waitpid(pid, 0)
        assert sentences[1] in out.err and "Usage" not in out.err, out


@bare_case
def closed_descriptors_are_not_the_vaults_socket(story):
    key = story.path("key")
    story.good("init", "--key-file", key, "--token-output", story.path("root"))
    story.good("set", ENV, "A=hunter2")

    def shell(command, code, **more):
        done = subprocess.run(["sh", "-c", f"'{ENVCTL}' {command}"], env=story.env, cwd=story.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=20, **more)
        assert done.returncode == code, (command, done)
        return done

    for command in (f"get {ENV} A", f"get {ENV}", "status --json", "token create --policy p", "check --env-file /dev/null --schema /dev/null --json"):
        shell(command + " >&-", 74)
    shell(f"set {ENV} B - <&-", 1)
    assert shell(f"run {ENV} -- sh -c 'cat 2>/dev/null <&0; echo $A $?' <&-", 0).stdout == "hunter2 1\n"   # closed there as well
    story.good("seal")
    for command in ("unseal <&-", "unseal --json <&-"):
        shell(command, 1)
    shell(f"unseal --json --key-file {key} 2>&-", 0)
    shell("list <&- 2>&-", 0)


@case
def what_needs_no_token_looks_for_none(story):
    story.init()
    folder = os.path.join(story.env["XDG_STATE_HOME"], "envctl")
    story.good("login", "--token-file", "-", stdin=story.root + "\n")
    os.chmod(os.path.join(folder, "tokens"), 0o770)
    story.bad(77, "", "list")
    story.good("status", "--json")
    story.good("unseal")
    os.chmod(os.path.join(folder, "tokens"), 0o700)


@case
def a_token_that_is_repeated_is_not_shown(story):
    token = "vlt_svc_precious"
    long_text = "x" * 440 + token + "é" * 40
    for number, errors in enumerate(([f"no {token}{token} \u202e\u001b[31m", "second"], [long_text], ["x" * 442 + token])):
        body = json.dumps({"errors": errors}).encode()
        path = story.path(f"repeats{number}")
        pid = fake_server(path, [b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body])
        out = story.bad(1, ("no [token][token]   [31m; second", "x[token]", "xx")[number], "list", "--address", path, env={"VAULT_TOKEN": token})
        os.waitpid(pid, 0)
        assert "vlt" not in out.err and "\ufffd" not in out.err and "\\x" not in out.err, out


def error_of(outcome):
    """The last line of standard error; all lines of it are objects."""
    lines = [json.loads(line) for line in outcome.err.splitlines()]
    assert lines and all(len(line) == 1 for line in lines), outcome
    return lines[-1]["error"]


@case
def errors_are_json_with_json(story):
    story.init()
    story.good("set", "a", "B=1")
    for code, name, sentence, words in (
            (3, "not_found", "there is no environment b", ["get", "b"]), (3, "not_found", "B2", ["get", "a", "B2"]),
            (64, "usage", "--nope", ["get", "a", "--nope"]), (64, "usage", "no verb", ["gte"]), (64, "usage", "second word", ["env"]),
            (64, "usage", "--json has no meaning", ["run", "a", "--", "true"]), (1, "invalid", "no environment", ["get", "a//b"]),
            (5, "unreachable", "no vaultd at", ["list", "--address", "/no/such"]), (77, "permission", "", ["list", "--token-file", "/etc/passwd"])):
        outcome = story.envctl("--json", *words)
        error = error_of(outcome)
        assert outcome.code == code == error["exit_code"] and error["code"] == name and sentence in error["message"] and outcome.out == "", outcome
        assert ("usage" in error) == (code == 64), error
    assert error_of(story.envctl("get", "a", "--nope", "--json"))["usage"] == "envctl get [options] ENV [NAME]"
    assert error_of(story.envctl("get", "b", "--json", env={"VAULT_TOKEN": "vlt_precious"}))["code"] == "denied"
    name = os.fsdecode(b"/no/\xff\xc2\x9b\x1b[31m")
    outcome = story.envctl("check", "--env-file", name, "--json")
    assert error_of(outcome)["message"] == "cannot open /no/?\x9b\x1b[31m: No such file or directory" and "\x1b" not in outcome.err, outcome
    # what is the value of an option, or stands behind --, is no option of ours
    assert story.good("set", "a", "--message", "--json", "B=2").err.startswith("envctl: a: revision")
    assert story.envctl("run", "a", "--", "/no/such", "--json").err.startswith("envctl: ")


@case
def warnings_are_json_with_json(story):
    story.init()
    outcome = story.good("login", "--json", stdin=story.root, env={"VAULT_TOKEN": "vlt_other"})
    lines = [json.loads(line) for line in outcome.err.splitlines()]
    assert "knows this token" in lines[0]["info"]["message"] and lines[1]["warning"]["message"].startswith("VAULT_TOKEN is set"), outcome
    outcome = story.envctl("import", "a", "-", "--json", stdin="A='x\nB=\n")
    assert [list(json.loads(line)) for line in outcome.err.splitlines()][-1] == ["error"] and error_of(outcome), outcome
    outcome = story.envctl("restore", "/no/such", story.path("target"), "--key-file", "/no/key", "--json", "--vaultd", VAULTD)
    assert error_of(outcome)["exit_code"] == outcome.code > 0, outcome
    outcome = story.envctl("restore", "/dev/null", story.path("target"), "--key-file", "/dev/null", "--json", "--vaultd", VAULTD)
    assert error_of(outcome)["exit_code"] == outcome.code > 0, outcome


@case
def interrupted_prompt_restores_the_echo(story):
    master, slave = pty.openpty()
    process = subprocess.Popen([ENVCTL, "init"],
                               env=story.env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    shown = b""
    while b"Passphrase" not in shown:
        shown += os.read(master, 1000)
    time.sleep(0.05)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO
    os.write(master, b"\x03")
    assert process.wait(10) == -signal.SIGINT
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    os.close(master)
    os.close(slave)


@case
def help_and_version(story):
    assert "Usage: envctl" in story.good("--help").out
    assert story.good("version").out == story.good("--version").out
    assert json.loads(story.good("version", "--json").out)["version"]
    assert story.good("help", "set").out == story.good("set", "--help").out
    out = story.bad(64, "did you mean 'import'?", "imprt", "a", "b")
    assert out.out == ""
    story.bad(64, "did you mean --message?", "set", "a", "--mesage", "x")
    script = story.good("completion", "bash").out
    story.bad(64, "bash only", "completion", "fish")
    done = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(envctl re); COMP_CWORD=1; _envctl; echo ${COMPREPLY[@]}"],
                          stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["render", "restore"], done


run_cases(new)
