#!/usr/bin/env python3
"""Variables with envctl: set, get, unset, list, environments and their settings, history, diff, rollback."""
# tier: quick
# sanitized: yes
import json
import os
import re
import subprocess
import threading

from envctl_story import ENVCTL, case, fake_server, run_cases

ENV = "shop/production"


@case
def set_and_get(story):
    out = story.good("set", ENV, "A=1", "B=two words", "C=", "-m", "first")
    assert f"{ENV}: revision 1 (3 set)" in out.err and out.out == "", out
    assert story.good("get", ENV, "A").out == "1"
    assert story.good("get", ENV, "B").out == "two words"
    assert story.good("get", ENV, "C").out == ""
    assert story.json_of("set", ENV, "A=2", "--json") == {"environment": ENV, "revision": 2}
    assert story.good("set", ENV, "A=3", "--quiet").err == ""
    assert story.good("get", ENV, "A", "--revision", "1").out == "1"
    assert story.json_of("get", ENV, "A", "--json") == {"environment": ENV, "revision": 3, "name": "A", "value": "3"}
    table = story.good("get", ENV).out
    assert re.search(r"^NAME +VERSION +REVISION +VALUE$", table, re.M), table
    assert re.search(r"^A +3 +3 +\*{8}$", table, re.M), table
    assert re.search(r"^B +1 +1 +\*{8}$", table, re.M), table
    assert "two words" not in table
    assert re.search(r"^B +1 +1 +two words$", story.good("get", ENV, "--reveal").out, re.M)
    assert story.json_of("get", ENV, "--json")["variables"] == {"A": "3", "B": "two words", "C": ""}


@case
def values_from_streams_and_files(story):
    for words in (["A"], ["A", "-"], ["A", "-", "B=2"]):   # the program in front of the pipe failed
        for text in ("", "\n"):
            story.bad(1, "standard input is empty; an empty value is given as A=", "set", ENV, *words, stdin=text)
    open(story.path("empty"), "w", encoding="ascii").close()
    for file in ("/dev/stdin", "/dev/null", story.path("empty")):
        story.bad(1, f"{file} is empty; an empty value is given as A=", "set", ENV, "A", "--file", file, stdin="\n")
    story.bad(3, "there is no environment", "get", ENV)
    assert story.good("set", ENV, "A", stdin="from stdin\n").err.count("empty") == 0
    assert story.good("get", ENV, "A").out == "from stdin"
    story.good("set", ENV, "A", "-", stdin="line 1\nline 2\n\n")
    assert story.good("get", ENV, "A").out == "line 1\nline 2\n"
    story.good("set", ENV, "A", "-", "B=2", "--exact", stdin="x\n")
    assert story.good("get", ENV, "A").out == "x\n"
    path = story.path("value")
    with open(path, "wb") as handle:
        handle.write("tab\t é €\U0001f600\n".encode())
    story.good("set", ENV, "F", "--file", path)
    assert story.good("get", ENV, "F", binary=True).out == "tab\t é €\U0001f600".encode()
    story.bad(3, "", "set", ENV, "F", "--file", story.path("missing"))
    story.bad(64, "--file gives the value of one NAME", "set", ENV, "F", "G", "--file", path)
    story.bad(64, "there is no terminal", "set", ENV, "F", "G", stdin="x")
    with open(path, "wb") as handle:
        handle.write(b"\xff\xfe")
    story.bad(1, "not UTF-8", "set", ENV, "F", "--file", path)
    story.bad(1, "NUL", "set", ENV, "F", "-", stdin=b"a\0b")
    assert story.json_of("get", ENV, "--json")["revision"] == 4


@case
def prompt_hides_the_value(story):
    shown = story.terminal("set", ENV, "A", "B=2", "C", answers=[("A: ", "hunter1\n"), ("C: ", "hunter2\n")])
    assert "hunter" not in shown and "3 set" in shown, shown
    assert story.json_of("get", ENV, "--json")["variables"] == {"A": "hunter1", "B": "2", "C": "hunter2"}
    assert story.json_of("get", ENV, "--json")["revision"] == 1


@case
def a_prompt_that_nobody_answers(story):
    """Ctrl-D cancels all of it, also behind a name that was answered; an empty line is told as an empty pipe is."""
    shown = story.terminal("set", ENV, "A", answers=[("A: ", "\x04")], code=1)
    assert "cancelled" in shown, shown
    for answers in ([("A: ", "\x04")], [("A: ", "hunter1\n"), ("C: ", "\x04")], [("A: ", "half\x04\x04")]):
        shown = story.terminal("set", ENV, "A", "B=2", "C", answers=answers, code=1)
        assert "cancelled" in shown and "nothing was done" in shown and "hunter" not in shown, shown
        story.bad(3, "no environment", "get", ENV)
    shown = story.terminal("set", ENV, "A", "C", answers=[("A: ", "\n"), ("C: ", "hunter2\n")])
    assert "the line is empty, and so is now A" in shown and "now C" not in shown, shown
    assert story.json_of("get", ENV, "--json")["variables"] == {"A": "", "C": "hunter2"}


@case
def terminals_cannot_be_played_tricks_on(story):
    story.good("set", ENV, "A", "-", stdin="red\033[31m\nnext\n")
    shown = story.terminal("get", ENV, "A")
    assert "red\\x1b[31m\r\nnext\r\n" == shown, repr(shown)
    assert "red\\x1b[31m\\nnext" in story.terminal("get", ENV, "--reveal")
    assert story.good("get", ENV, "A").out == "red\033[31m\nnext"
    assert story.put("secret/data/" + ENV, {"data": {"PORT\u009b": "1"}}).status == 200
    shown = story.terminal("get", ENV, "PORT", code=3)
    assert "PORT\\xc2\\x9b?" in shown and "\u009b" not in shown, repr(shown)


def posing(story, status, value):
    """Where a server listens that gives this answer once."""
    body = json.dumps(value, ensure_ascii=False).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    path = story.path(f"posing-{status}")
    pid = fake_server(path, [head.encode() + body])
    return pid, {"VAULT_ADDR": "unix://" + path}


@case
def nor_by_a_server(story):
    trick = "a\033]0;b\007c\u009b31md\x7fe\u0090f\u00e9"
    answers = [(200, {"data": {"keys": [trick]}}, ["list"], 0), (400, {"errors": [trick]}, ["get", ENV], 1)]
    for status, value, words, code in answers:
        pid, env = posing(story, status, value)
        shown = story.terminal(*words, env=env, code=code)
        os.waitpid(pid, 0)
        assert "a ]0;b c 31md e f\u00e9" in shown, repr(shown)


@case
def names_that_are_none(story):
    for word in ("1A=x", "a-b=x", "=x", "a.b=x", "A B=x"):
        out = story.bad(64, "no variable's name", "set", ENV, word)
        assert "=x" not in out.err.split("Usage")[0], out
    story.bad(64, "given twice", "set", ENV, "A=1", "A=2")
    story.bad(1, "no environment", "set", "shop//x", "A=1")
    story.bad(1, "no environment", "set", "../x", "A=1")
    story.bad(1, "no environment", "get", "a/" * 8 + "a")
    story.bad(3, "no environment", "get", ENV)


@case
def dangerous_names_are_told_at_once(story):
    assert "will refuse" in story.good("set", ENV, "LD_PRELOAD=x").err
    assert "warn" in story.good("set", ENV, "PATH=/x").err


@case
def did_you_mean(story):
    story.good("set", ENV, "DB_PASSWORD=1")
    story.bad(3, f"did you mean {ENV}?", "get", "shop/prodution")
    story.bad(3, "did you mean DB_PASSWORD?", "get", ENV, "DB_PASWORD")
    for verb in (["edit"], ["unset", "A"], ["history"], ["diff"], ["rollback", "1"], ["render", "--format", "json"],
                 ["env", "settings"], ["env", "delete", "--yes"]):
        words = verb[:2] if verb[0] == "env" else verb[:1]
        rest = verb[len(words):]
        story.bad(3, f"did you mean {ENV}?", *words, "shop/producton", *rest, env={"EDITOR": "true"})
    story.bad(125, f"did you mean {ENV}?", "run", "shop/producton", "--", "true")
    story.bad(3, f"did you mean {ENV}?", "copy", "shop/producton", "b")
    out = story.bad(3, "envctl list", "get", "nothing/like/this/at/all")
    assert "did you mean" not in out.err
    story.good("schema", "set", "new/one", "-", stdin="A=\n")
    for words in (["get", "new/one"], ["unset", "new/one", "A"], ["copy", "new/one", "b"]):
        out = story.bad(3, "new/one has no variables yet; `envctl set` or `envctl import` writes its first", *words)
        assert "did you mean" not in out.err


@case
def an_empty_vault_says_how_to_begin(story):
    story.bad(3, "envctl import", "get", ENV)
    assert "envctl import" in story.good("list").err


@case
def unset_is_all_or_nothing(story):
    story.good("set", ENV, "A=1", "B=2", "C=3")
    story.bad(3, "has no X", "unset", ENV, "A", "X")
    assert set(story.json_of("get", ENV, "--json")["variables"]) == {"A", "B", "C"}
    story.good("unset", ENV, "A", "C", "-m", "gone")
    assert story.json_of("get", ENV, "--json")["variables"] == {"B": "2"}
    assert story.json_of("history", ENV, "--json")["revisions"][0]["message"] == "gone"


@case
def check_and_set(story):
    story.good("set", ENV, "A=1", "--cas", "0")
    story.bad(6, "nothing was written", "set", ENV, "A=2", "--cas", "0")
    story.bad(6, "nothing was written", "set", ENV, "A=2", "--cas", "7")
    story.good("set", ENV, "A=2", "--cas", "1")
    story.bad(64, "whole number", "set", ENV, "A=2", "--cas", "x")


@case
def writers_at_the_same_time_lose_nothing(story):
    outcomes = []
    threads = [threading.Thread(target=lambda i=i: outcomes.append(story.envctl("set", ENV, f"V{i}={i}"))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [o for o in outcomes if o.code == 0]
    assert all(o.code in (0, 6) for o in outcomes), outcomes
    assert len(written) >= 4
    variables = story.json_of("get", ENV, "--json")["variables"]
    assert len(variables) == len(written), (variables, outcomes)


@case
def lists(story):
    for name in ("shop/production", "shop/staging", "shop", "blog/dev/eu", "z"):
        story.good("env", "create", name)
    assert story.good("list").out.split() == ["blog/dev/eu", "shop", "shop/production", "shop/staging", "z"]
    assert story.good("list", "shop").out.split() == ["shop/production", "shop/staging"]
    assert story.good("env", "list", "shop/").out.split() == ["shop/production", "shop/staging"]
    assert story.json_of("list", "blog", "--json") == ["blog/dev/eu"]
    longest = ["/".join(letter * 127 for _ in range(8)) for letter in "ab"]
    for env in longest:
        story.good("env", "create", env)
    assert story.good("list").out.split()[:2] == longest
    assert story.json_of("list", "nothing", "--json") == []
    assert "nothing below" in story.good("list", "nothing").err


@case
def create_and_delete_environments(story):
    assert "revision 1" in story.good("env", "create", ENV, "-m", "begin").err
    story.bad(6, "there already", "env", "create", ENV)
    story.bad(64, "--yes", "env", "delete", ENV)
    shown = story.terminal("env", "delete", ENV, answers=[("go on: ", "shop/staging\n")], code=1)
    assert "nothing was deleted" in shown
    assert story.good("list").out.split() == [ENV]
    story.terminal("env", "delete", ENV, answers=[("go on: ", ENV + "\n")])
    assert story.good("list").out == ""
    story.good("set", ENV, "A=1")
    story.good("env", "delete", ENV, "--yes")
    story.bad(3, "", "get", ENV)


@case
def settings(story):
    story.good("env", "create", ENV)
    assert "(none)" in story.good("env", "settings", ENV).out
    story.good("env", "settings", ENV, "--allow-names", "LD_PRELOAD,PATH")
    assert "LD_PRELOAD,PATH" in story.good("env", "settings", ENV).out
    assert story.json_of("env", "settings", ENV, "--json")["allow_names"] == ["LD_PRELOAD", "PATH"]
    story.bad(64, "parted by commas", "env", "settings", ENV, "--allow-names", "A,,B")
    story.good("env", "settings", ENV, "--allow-names", "")
    assert story.json_of("env", "settings", ENV, "--json")["allow_names"] == []


@case
def history_shows_who_what_when_why(story):
    story.good("set", ENV, "A=1", "B=2", "-m", "first")
    story.good("set", ENV, "A=9", "C=3")
    story.good("unset", ENV, "B", "-m", "bell \007 and colour \033[31m")
    out = story.good("history", ENV).out
    rows = out.strip().split("\n")
    assert len(rows) == 4 and re.match(r"REVISION +TIME +BY +CHANGES +MESSAGE", rows[0]), out
    assert re.match(r"3 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +\S+ +-B +bell . and colour .\[31m", rows[1]), out
    assert "+C ~A" in rows[2] and "+A +B" in rows[3] and rows[3].rstrip().endswith("first"), out
    assert "\033" not in out and "\007" not in out
    assert len(story.good("history", ENV, "--limit", "1").out.strip().split("\n")) == 2
    named = story.json_of("history", ENV, "--name", "B", "--json")["revisions"]
    assert [r["revision"] for r in named] == [3, 1]
    story.bad(64, "at most", "history", ENV, "--limit", "100000")
    assert "9" not in re.sub(r"\d{4}-.*Z", "", story.good("history", ENV).out)


@case
def differences(story):
    story.good("set", ENV, "A=old-a", "B=b", "C=c")
    story.bad(3, "no revision before", "diff", ENV)
    story.good("set", ENV, "A=new-a", "D=d")
    story.good("unset", ENV, "C")
    out = story.good("diff", ENV).out
    assert out.split("\n")[:2] == ["  - C", "0 added, 0 changed, 1 removed, 3 unchanged"], out
    out = story.good("diff", ENV, "--from", "1").out
    assert "  ~ A  (revision 1 -> 2)" in out and "  - C" in out and "  + D" in out and "1 unchanged" in out, out
    assert "old-a" not in out and "new-a" not in out
    out = story.good("diff", ENV, "--from", "1", "--to", "2", "--reveal").out
    assert '      - "old-a"\n      + "new-a"' in out, out
    story.good("set", "shop/staging", "A=new-a", "X=1")
    out = story.good("diff", "shop/staging", ENV).out
    assert "  - X" in out and "  + B" in out and "  ~ A" not in out, out
    changes = story.json_of("diff", ENV, "--from", "1", "--to", "3", "--json")["changes"]
    assert {c["name"]: c["change"] for c in changes} == {"A": "changed", "C": "removed", "D": "added"}
    story.bad(3, f"envctl: {ENV} has no revision 77; its last is 3\n", "diff", ENV, "--from", "77")
    # what is missing is named, whichever side it is
    for words in ((ENV, "shop/stagign"), ("shop/stagign", ENV), ("shop/stagign", "--from", "1")):
        story.bad(3, "envctl: there is no environment shop/stagign; did you mean shop/staging?\n", "diff", *words)
    story.bad(3, "envctl: shop/staging has no revision 9; its last is 1\n", "diff", ENV, "shop/staging", "--to", "9")


@case
def rollbacks(story):
    story.good("set", ENV, "A=1", "B=2")
    story.good("set", ENV, "A=3")
    story.good("unset", ENV, "B")
    out = story.good("rollback", ENV, "1", "-m", "undo")
    assert "  ~ A" in out.out and "  + B" in out.out and "revision 4" in out.err, out
    assert story.json_of("get", ENV, "--json")["variables"] == {"A": "1", "B": "2"}
    assert story.json_of("history", ENV, "--json")["revisions"][0]["message"] == "undo"
    story.bad(3, "no revision 9", "rollback", ENV, "9")
    story.bad(64, "whole number", "rollback", ENV, "zero")
    story.bad(64, "whole number", "rollback", ENV, "0")
    story.bad(6, "nothing was written", "rollback", ENV, "1", "--cas", "2")
    assert story.json_of("rollback", ENV, "2", "--json")["revision"] == 5


@case
def deleted_revisions(story):
    story.good("set", ENV, "A=1")
    story.good("set", ENV, "A=2")
    sock = story.socket
    subprocess.run(["curl", "-sf", "--unix-socket", sock, "-X", "DELETE", f"http://localhost/v1/secret/data/{ENV}"], check=True)
    story.bad(3, "deleted", "get", ENV)
    story.bad(3, "deleted", "set", ENV, "A=3")
    story.bad(125, "deleted", "run", ENV, "--", "true")
    assert "(deleted)" in story.good("history", ENV).out
    story.good("rollback", ENV, "1")
    assert story.good("get", ENV, "A").out == "1"
    subprocess.run(["curl", "-sf", "--unix-socket", sock, "-X", "DELETE", f"http://localhost/v1/secret/data/{ENV}"], check=True)
    story.good("env", "create", ENV)
    assert story.json_of("get", ENV, "--json")["variables"] == {}


@case
def secrets_do_not_show_in_the_process_list(story):
    value = "canary-5f1c"
    out = subprocess.run(["strace", "-f", "-s", "4096", "-e", "trace=execve,openat", "-o", story.path("trace"),
                          ENVCTL, "set", ENV, "A", "-"],
                         input=value.encode(), env={**story.env, "ASAN_OPTIONS": "detect_leaks=0"},
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert out.returncode == 0, out
    assert value not in open(story.path("trace")).read()
    assert story.good("get", ENV, "A").out == value


@case
def large_values_and_many_names(story):
    big = "x" * 131000
    story.good("set", ENV, "BIG", "-", stdin=big)
    assert story.good("get", ENV, "BIG").out == big
    story.bad(1, "", "set", ENV, "HUGE", "-", stdin="y" * 600000)
    words = [f"N{i:04}={i}" for i in range(2000)]
    story.good("set", "many", *words)
    assert len(story.json_of("get", "many", "--json")["variables"]) == 2000
    assert len(story.good("get", "many").out.strip().split("\n")) == 2001


@case
def full_standard_output_is_an_error(story):
    story.good("set", ENV, "A=1")
    done = subprocess.run(["sh", "-c", '"$0" get shop/production A > /dev/full',
                           ENVCTL],
                          env=story.env, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74 and "standard output" in done.stderr, done


@case
def names_are_compared_as_they_are(story):
    """Vault's clients may write any name; what a terminal is shown of it is not it."""
    assert story.put("secret/data/odd", {"data": {"A": "1", "B\tC": "x${A}"}, "options": {"templates": ["B\tC"], "unset": ["D\tE"]}}).status == 200
    story.good("copy", "odd", "odd2")
    assert story.get("secret/settings/odd2").data["templates"] == ["B\tC"]
    assert story.get("secret/resolve/odd2").data["variables"] == {"A": "1", "B\tC": "x1"}
    story.good("unset", "odd", "D\tE", "--unmask")
    assert story.get("secret/settings/odd").data["unset"] == []


run_cases()
