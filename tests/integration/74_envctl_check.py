#!/usr/bin/env python3
"""envctl check and envctl schema: files on this machine without a vault, and environments in it."""
# sanitized: yes
import json
import os
import re
import signal
import stat
import subprocess

import vault
from envctl_story import Initialised, case, run_cases

ENV = "shop/production"
SCHEMA = """# @defaultRequired=true
# ---

# @type=port
PORT=8080
# @type=enum(debug, info, warn)
# @public
LOG_LEVEL=info
# @type=string(minLength=12) @sensitive
DB_PASSWORD=changeme
# @optional @type=url
SENTRY_DSN=
"""
GOOD = "DB_PASSWORD=kZ81-mmQa-0pWw\nLOG_LEVEL=info\nPORT=8080\n"
SECRET = "hunter2bad"
BAD = f"DB_PASSWORD={SECRET}\nLOG_LEVEL=loud\nPORT=99999\n"


def write(story, name, text, mode=0o600):
    path = story.path(name)
    with open(path, "w") as handle:
        handle.write(text)
    os.chmod(path, mode)
    return path


def files(story, schema=SCHEMA, env=GOOD):
    return ("check", "--schema", write(story, ".env.example", schema), "--env-file", write(story, ".env", env))


def found(answer):
    return {(f["severity"], f["code"], f.get("variable", "")) for f in answer["findings"]}


def offline(story):
    return {"VAULT_ADDR": "unix:///nowhere", "VAULT_TOKEN": None}


@case
def files_that_fit_need_no_vault(story):
    out = story.good(*files(story), env=offline(story))
    assert out.out == "" and "0 errors, 0 warnings" in out.err, out
    answer = story.json_of(*files(story), "--json", env=offline(story))
    assert answer["valid"] is True and answer["findings"] == [], answer
    shown = story.terminal(*files(story, env=""), env=offline(story), code=1).rstrip().split("\n")
    assert "error" in shown[0] and "1 error, 2 warnings" in shown[-1], shown   # what is wrong, then how much


@case
def errors_have_places_and_no_values(story):
    words = files(story, env=BAD)
    out = story.envctl(*words, env=offline(story))
    assert out.code == 1, out
    for name in ("DB_PASSWORD", "LOG_LEVEL", "PORT"):
        assert f"error: {name}: " in out.out, out
    assert SECRET not in out.out + out.err and "99999" not in out.out + out.err
    assert words[2] in out.out or words[4] in out.out
    answer = json.loads(story.envctl(*words, "--format", "json", env=offline(story)).out)
    assert answer["valid"] is False and answer["errors"] == 3, answer
    assert {f["schema_line"] for f in answer["findings"] if f["severity"] == "error"} == {4, 6, 9} or \
        all(f["schema_line"] > 0 for f in answer["findings"] if f["severity"] == "error"), answer
    assert SECRET not in json.dumps(answer)
    out = story.envctl(*words, "--format", "github", env=offline(story))
    assert out.code == 1 and out.out.startswith("::error file=") and SECRET not in out.out, out
    for line in out.out.splitlines():
        assert line.startswith(("::error ", "::warning ", "::notice ")), line
    # which layer a conclusion came from
    out = story.envctl(*files(story, "# @type=port\nA=\n# vaultd: type=hostport\nB=\nC=\nX_PORT=1\n", "A=x\nB=x\nX_PORT=x\n"))
    for name, layer in (("A", "[type, decorator]"), ("B", "[type, vaultd]"), ("C", "[missing, plain]"), ("X_PORT", "[type, plain]")):
        assert any(f": {name}: " in line and line.endswith(layer) for line in out.out.splitlines()), (name, out)
    story.bad(64, "human, json or github", *words, "--format", "xml")


@case
def findings_stand_at_the_line_to_mend(story):
    schema = "# @defaultRequired=true\n# ---\n\n# @type=port\nPORT=8080\nABSENT=\nEMPTY=\n"
    env = "# first\nexport PORT=none\n\nEXTRA='1'\nEMPTY=\n"
    words = files(story, schema, env)
    example, path = words[2], words[4]
    for against in ((), (ENV,)):
        if against:
            story.good("set", ENV, "X=1")
        words = ("check", *against, "--schema", example, "--env-file", path)
        lines = story.envctl(*words, env=None if against else offline(story)).out.splitlines()
        for start in (f"{path}:2: error: PORT: ", f"{path}:5: error: EMPTY: ", f"{example}:6:1: error: ABSENT: ",
                      f"{path}:4: warning: EXTRA: "):
            assert any(line.startswith(start) for line in lines), (start, lines)
        assert f" ({example}:4) [type, decorator]" in lines[0], lines
        assert not any("envctl set" in line for line in lines), lines
        answer = json.loads(story.envctl(*words, "--json").out)
        places = {f["variable"]: f for f in answer["findings"] if f["code"] in ("type", "missing", "unknown", "empty")}
        assert places["PORT"]["file"] == path and places["PORT"]["line"] == 2, answer
        assert places["PORT"]["schema_file"] == example and places["PORT"]["schema_line"] == 4, answer
        assert places["ABSENT"]["file"] == example and places["ABSENT"]["schema_line"] == 6 and "line" not in places["ABSENT"], answer
        assert places["EXTRA"]["file"] == path and places["EXTRA"]["line"] == 4, answer
        out = story.envctl(*words, "--format", "github").out
        assert f"::error file={path},line=2,title=type" in out and f"::warning file={path},line=4,title=unknown" in out, out
        assert f"::error file={example},line=6,col=1,title=missing" in out, out


@case
def the_worst_comes_first_and_hints_once(story):
    out = story.envctl(*files(story, "A=\nB=\n", "ZZ=1\nYY=1\nXX=1\nA=\n"), env=offline(story)).out
    kinds = [line.split(": ")[1] for line in out.splitlines() if not line.startswith("hint: ")]
    assert kinds[:2] == ["error", "error"] and "error" not in kinds[2:], out
    assert out.count("[UnorderedKey]\n") == 1 and ", and 2 more like it [UnorderedKey]" in out, out
    assert out.index("[UnorderedKey]") > out.rindex("[unknown]\n"), out
    hints = [line for line in out.splitlines() if line.startswith("hint: ")]
    assert len(set(hints)) == len(hints) == 4 and out.splitlines()[-4:] == hints, out
    answer = json.loads(story.envctl(*files(story, "A=\nB=\n", "ZZ=1\nYY=1\nXX=1\nA=\n"), "--json").out)
    assert sum(f["code"] == "UnorderedKey" for f in answer["findings"]) == 3, answer


@case
def what_is_missing_unknown_or_a_placeholder(story):
    answer = json.loads(story.envctl(*files(story, env="DB_PASSWORD=changeme\nPORT=1\nEXTRA=1\n"), "--json").out)
    names = {(severity, name) for severity, _, name in found(answer)}
    assert ("warning", "LOG_LEVEL") in names and ("error", "DB_PASSWORD") in names and ("warning", "EXTRA") in names, answer
    assert ("error", "SENTRY_DSN") not in names, answer
    out = story.envctl(*files(story, env=GOOD + "ZZZ=1\n"), "--strict")
    assert out.code == 1 and "error: ZZZ" in out.out, out
    story.good(*files(story, env=GOOD + "ZZZ=1\n"))


@case
def listed_is_what_dotenv_safe_asks_for(story):
    schema = "A=\nB=default\n# C=commented\n"
    story.good(*files(story, schema, "A=1\nB=2\n"), "--listed")
    out = story.envctl(*files(story, schema, "A=1\n"), "--listed")
    assert out.code == 1 and "error: B:" in out.out and "C:" not in out.out, out
    out = story.envctl(*files(story, schema, "A=1\nB=\n"), "--listed")
    assert out.code == 1 and "error: B:" in out.out, out
    story.good(*files(story, schema, "A=1\n"))  # without it a default is enough
    # its allowEmptyValues, here and in the vault
    story.good(*files(story, schema, "A=1\nB=\n"), "--listed", "--allow-empty")
    out = story.envctl(*files(story, schema, "A=1\n"), "--listed", "--allow-empty")
    assert out.code == 1 and "error: B:" in out.out, out
    story.good("set", ENV, "A=1", "B=")
    stored = ("check", ENV, "--schema", write(story, ".env.example", schema), "--listed")
    assert story.envctl(*stored).code == 1
    story.good(*stored, "--allow-empty")
    story.bad(64, "belongs to --listed", *files(story, schema, "A=1\n"), "--allow-empty")


@case
def broken_schemas_and_env_files_are_findings(story):
    out = story.envctl(*files(story, schema="# @type=nonsense\nA=1\n# @required=(\nB=2\n"))
    assert out.code == 1 and ".env.example:1:" in out.out and "error" in out.out, out
    out = story.envctl(*files(story, env="PORT=8080\nA=b#c\nKEY PIECE MIIB\n"))
    assert out.code == 1 and ".env:2:" in out.out and "[dialect]" in out.out and "MIIB" not in out.out + out.err, out
    story.good("check", "--env-file", write(story, "d.env", "A='b'\n"), "--dialect", "docker", "--no-lint")
    story.bad(64, "check needs ENV", "check")
    story.bad(3, "", "check", "--schema", story.path("missing"))
    story.bad(64, "only one", "check", "--schema", "-", "--env-file", "-")
    story.bad(64, "without ENV", "check", ENV, "--fix")


@case
def lint_and_fix(story):
    path = write(story, ".env", "B = 1\nA='x'\n\n\nfoo=a b", 0o640)
    out = story.good("check", "--env-file", path)
    for code in ("SpaceCharacter", "QuoteCharacter", "UnorderedKey", "ExtraBlankLine", "LowercaseKey", "ValueWithoutQuotes",
                 "EndingBlankLine"):
        assert f"[{code}]" in out.out, (code, out)
    assert story.good("check", "--env-file", path, "--no-lint").out == ""
    assert story.envctl("check", "--env-file", path, "--strict").code == 1
    out = story.good("check", "--env-file", path, "--fix")
    assert open(path).read() == 'A=x\nB=1\n\nfoo="a b"\n', open(path).read()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640 and "mended" in out.err
    assert "[LowercaseKey]" in out.out and "[SpaceCharacter]" not in out.out, out
    assert "mended" not in story.good("check", "--env-file", path, "--fix").err
    link = story.path("link")
    os.symlink(path, link)
    story.bad(64, "no link", "check", "--env-file", link, "--fix")
    story.bad(64, "standard input", "check", "--env-file", "-", "--fix", stdin="A=1\n")
    # where quotes and blanks are part of the value, nothing is said of them, and nothing mended
    for dialect, text in (("docker", 'A="b"\n'), ("docker", "A=two words\n"), ("podman", "A=b \n"), ("json", '{"A": "b"}\n')):
        path = write(story, "raw.env", text)
        assert "Character]" not in story.good("check", "--env-file", path, "--dialect", dialect).out
        assert "Quotes]" not in story.good("check", "--env-file", path, "--dialect", dialect).out
        story.bad(64, "has other rules", "check", "--env-file", path, "--dialect", dialect, "--fix")
        assert open(path).read() == text
    # what the named reader would read otherwise stays as it is
    path = write(story, "raw.env", "A=a\\\nB=c\nB = 2\n")
    out = story.envctl("check", "--env-file", path, "--dialect", "systemd", "--fix")
    assert out.code == 1 and "nothing was written" in out.err and open(path).read() == "A=a\\\nB=c\nB = 2\n", out
    path = write(story, "raw.env", "B=two words\nA=2")
    story.good("check", "--env-file", path, "--dialect", "systemd", "--fix")
    assert open(path).read() == 'A=2\nB="two words"\n'
    schema = write(story, "only.example", "A = 1\n")
    assert "[SpaceCharacter]" in story.good("check", "--schema", schema).out


@case
def fix_loses_nothing_that_is_written_meanwhile(story):
    """Stopped where the new file is ready and the old one was looked at."""
    path = write(story, "long.env", "B = 1\nA = 2\n")
    trace = story.path("trace")
    os.mkfifo(trace)
    process = subprocess.Popen(["strace", "-f", "-o", trace, "-e", "trace=fsync", "-e", "inject=fsync:signal=STOP:when=1",
                                vault.ENVCTL, "check", "--env-file", path, "--fix", "--no-lint"],
                               env={**story.env, "ASAN_OPTIONS": "detect_leaks=0"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    stops = 0
    with open(trace) as lines:
        for line in lines:
            if "--- stopped by SIGSTOP" in line:
                stops += 1
                with open(path, "a") as handle:
                    handle.write("MEANWHILE=1\n")
                os.kill(int(line.split()[0]), signal.SIGCONT)
    assert stops == 1, stops
    err = process.communicate(timeout=120)[1].decode()
    assert process.returncode not in (0, 1) and "changed meanwhile" in err, (process.returncode, err)
    assert open(path).read() == "B = 1\nA = 2\nMEANWHILE=1\n", err
    assert [name for name in os.listdir(story.path()) if name.startswith(".vault-")] == []
    assert "mended" in story.good("check", "--env-file", path, "--fix").err
    assert open(path).read() == "A=2\nB=1\nMEANWHILE=1\n"
    if os.geteuid() == 0:
        path = write(story, "theirs.env", "A = 1\n")
        os.chown(path, 65534, 65534)
        out = story.envctl("check", "--env-file", path, "--fix")
        assert out.code != 0 and "belongs to user 65534" in out.err, out
        assert os.stat(path).st_uid == 65534


@case
def for_env_asks_for_the_environment(story):
    schema = "# @required=forEnv(production)\nA=\n"
    story.good(*files(story, schema, "B=1\n"), "--environment", "dev")
    out = story.envctl(*files(story, schema, "B=1\n"), "--environment", "production")
    assert out.code == 1 and "error: A:" in out.out, out


@case
def a_schema_is_kept_enforced_and_explained(story):
    path = write(story, ".env.example", SCHEMA)
    story.good("set", ENV, "PORT=8080", "LOG_LEVEL=info", "DB_PASSWORD=kZ81-mmQa-0pWw")
    out = story.good("schema", "set", ENV, path, "--mode", "enforce")
    assert "mode enforce" in out.err, out
    assert story.good("schema", "get", ENV).out == SCHEMA
    assert story.json_of("schema", "get", ENV, "--json")["mode"] == "enforce"
    out = story.bad(1, "PORT", "set", ENV, "PORT=none")
    assert "none" not in out.err.replace("none of", ""), out
    assert story.json_of("get", ENV, "--json")["variables"]["PORT"] == "8080"
    # an import is a write; a dry run says what would happen to one
    bad = write(story, "bad.env", BAD)
    words = ("import", ENV, bad, "--dialect", "dotenv")
    out = story.bad(1, "PORT", *words)
    assert "LOG_LEVEL" in out.err and "DB_PASSWORD" in out.err and SECRET not in out.err, out
    out = story.good(*words, "--dry-run")
    assert out.err.count("the schema would refuse it: ") == 3 and SECRET not in out.err + out.out, out
    assert "refuse" not in story.good("import", ENV, write(story, "good.env", GOOD), "--dialect", "dotenv", "--dry-run").err
    assert story.json_of("get", ENV, "--json")["variables"]["PORT"] == "8080"
    story.good("schema", "set", ENV, "--mode", "warn")
    out = story.good("set", ENV, "PORT=none")
    assert "PORT" in out.err, out
    out = story.envctl("check", ENV)
    assert out.code == 0 and "PORT" in out.out, out   # warn: a warning
    assert story.envctl("check", ENV, "--strict").code == 1
    out = story.envctl("check", ENV, "--schema", path)
    assert out.code == 1 and "error: PORT:" in out.out, out
    story.good("check", ENV, "--schema", path, "--env-file", write(story, ".env", GOOD))
    out = story.good("schema", "explain", ENV, "PORT")
    assert "port" in out.out and "decorator" in out.out, out
    assert "  type           port  (@type) [decorator, line 4]\n" in out.out, out
    out = story.good("schema", "explain", ENV, "LOG_LEVEL").out
    assert "  one of         debug, info, warn  (@type) [decorator, line 6]\n" in out, out
    assert "  value          info  (what stands behind =) [plain, line 8]\n" in out, out
    out = story.good("schema", "explain", "DB_PASSWORD", "--schema", path, env=offline(story)).out
    assert "  minLength      12  (@type) [decorator, line 9]\n" in out and "  placeholder    changeme  (" in out, out
    facts = story.json_of("schema", "explain", ENV, "DB_PASSWORD", "--json")["facts"]
    assert {"fact": "minLength", "value": "12", "layer": "decorator", "line": 9, "why": "@type"} in facts, facts
    own = write(story, "own.example", "# why it is there\n# vaultd: rotate=1d owner=ops\nA=\n")
    out = story.good("schema", "explain", "A", "--schema", own).out
    assert out.startswith("A\n  # why it is there\n") and "  owner          ops  (" in out and "  rotate_seconds 86400  (" in out, out
    assert "no schema says anything of it" in story.good("schema", "explain", "B", "--schema", own).out
    broken = write(story, "broken.example", "# @type=nonsense\nA=\n")
    story.bad(1, f"envctl check --schema {broken}", "schema", "explain", "A", "--schema", broken)
    assert story.json_of("schema", "explain", ENV, "PORT", "--json")["name"] == "PORT"
    assert story.json_of("schema", "explain", "PORT", "--schema", path, "--json", env=offline(story))["name"] == "PORT"
    story.good("schema", "delete", ENV)
    story.bad(3, "has no schema", "schema", "get", ENV)
    out = story.good("check", ENV)
    assert "info: no schema counts for this environment" in out.out and "[no-schema]" in out.out, out
    assert found(story.json_of("check", ENV, "--json")) == {("info", "no-schema", "")}
    story.good("check", ENV, "--strict")


@case
def a_refused_write_says_what_to_do(story):
    """A line for each, whatever writes; and nothing that did not happen is shown."""
    env = "refused/production"
    path = write(story, ".env.example", "# @type=port\nPORT=\n# @type=url\nLINK=\nNEEDED=\nOTHER=\n")
    story.good("set", env, "PORT=1")
    story.good("set", env, "PORT=1", "LINK=https://example.org", "NEEDED=1", "OTHER=1")
    story.good("schema", "set", env, path, "--mode", "enforce")
    rules = f"what it may be: envctl schema explain {env} "
    last = f"envctl: {env}: refused for what is listed above; nothing was changed"
    out = story.bad(1, "", "set", env, f"PORT={SECRET}", "LINK=x", "UNKNOWN=1")
    lines = out.err.splitlines()
    assert len(lines) == 3 and lines[2] == last and SECRET not in out.err, out
    assert lines[1].startswith(f"envctl: {env}: LINK: ") and lines[1].endswith(f" (line 3 of the schema); {rules}LINK"), out
    assert lines[0].startswith(f"envctl: {env}: PORT: ") and lines[0].endswith(f" (line 1 of the schema); {rules}PORT"), out
    out = story.bad(1, last, "unset", env, "NEEDED", "OTHER")
    assert [line.split("; ")[-1] for line in out.err.splitlines()[:2]] == [f"set it: envctl set {env} NEEDED",
                                                                           f"set it: envctl set {env} OTHER"], out
    out = story.bad(1, last, "import", env, write(story, "bad.env", f"PORT={SECRET}\nLINK=x\n"), "--dialect", "dotenv")
    assert len(out.err.splitlines()) == 3 and out.out == "" and SECRET not in out.err, out
    out = story.bad(1, last, "rollback", env, "1")
    assert out.out == "" and len(out.err.splitlines()) == 4, out
    editor = write(story, "editor", f"#!/bin/sh\necho 'PORT={SECRET}' >> \"$1\"\n", 0o700)
    out = story.bad(1, last, "edit", env, env={"EDITOR": editor})
    assert f"{rules}PORT" in out.err and out.out == "" and SECRET not in out.err, out
    assert story.json_of("get", env, "--json")["revision"] == 2
    # with warn it is written, and each warning has its line
    story.good("schema", "set", env, "--mode", "warn")
    out = story.good("set", env, "PORT=x", "LINK=x")
    warned = tuple(f"envctl: warning: {env}: {name}: " for name in ("LINK", "PORT"))
    assert sum(line.startswith(warned) for line in out.err.splitlines()) == 2, out
    messages = [json.loads(line) for line in story.good("set", env, "PORT=x", "--json").err.splitlines()]
    assert sorted(m["warning"]["message"].split(": ")[:2] for m in messages) == [[env, "LINK"], [env, "PORT"]], messages
    out = story.good("rollback", env, "1")
    assert "LINK" in out.out and out.err.count("\n") >= 3, out


@case
def without_words_the_env_files_here_are_named(story):
    place, needs = story.path("here"), "check needs ENV, or --schema FILE, --env-file FILE or both"
    os.makedirs(os.path.join(place, "folder.env"))
    story.bad(64, f"envctl: {needs}\n", "check", cwd=place)
    for name in (".env", ".env.example", "app.env", "README", "env", ".envrc"):
        write(story, f"here/{name}", f"A={SECRET}\n")
    out = story.bad(64, f"envctl: {needs}; here: .env, .env.example, app.env\n", "check", cwd=place)
    assert SECRET not in out.err, out
    for i in range(10):
        write(story, f"here/.env.{i}", "")
    story.bad(64, "; here: .env, .env.0, .env.1, .env.2, .env.3, .env.4 and 7 more\n", "check", cwd=place)


@case
def a_refusal_for_programs_has_its_findings(story):
    """With --json what is refused is the object of `check --json`, whatever refuses it, before the last line with the error."""
    path = write(story, ".env.example", "# @type=port\nPORT=\n# @type=url\nLINK=\nNEEDED=\n")
    bad = write(story, "bad.env", f"PORT={SECRET}\nLINK=x\n")
    story.good("set", ENV, "PORT=1", "LINK=https://example.org", "NEEDED=1")
    story.good("schema", "set", ENV, path, "--mode", "enforce")
    written = {("error", "type", "PORT"), ("error", "type", "LINK")}
    for words, expected in ((("set", ENV, f"PORT={SECRET}", "LINK=x", "UNKNOWN=1"), written | {("warning", "unknown", "UNKNOWN")}),
                            (("import", ENV, bad, "--dialect", "dotenv"), written), (("unset", ENV, "NEEDED"), {("error", "missing", "NEEDED")})):
        out = story.envctl(*words, "--json")
        lines = [json.loads(line) for line in out.err.splitlines()]
        assert out.code == 1 and out.out == "" and len(lines) == 2 and SECRET not in out.err, out
        check, error = lines[0]["check"], lines[1]["error"]
        assert error["code"] == "schema" and error["exit_code"] == 1, out
        assert check["environment"] == ENV and check["valid"] is False and "message" not in check and found(check) == expected, out
        assert check["errors"] == sum(kind == "error" for kind, _, _ in expected) and check["findings"][0]["severity"] == "error", out
        assert set(check) == {"environment", "valid", "errors", "warnings", "omitted", "findings"}, out
    assert check["findings"][0]["hint"] == f"set it: envctl set {ENV} NAME" and check["findings"][0]["schema_line"] == 5, out
    out = story.good("import", ENV, bad, "--dialect", "dotenv", "--dry-run", "--json")
    check = json.loads(out.err)["check"]
    assert check["message"] == "the schema would refuse it" and found(check) == written and json.loads(out.out)["written"] is False, out
    broken = write(story, "broken.example", "# @type=nonsense\nA=\n")
    lines = [json.loads(line) for line in story.bad(1, "", "schema", "set", ENV, broken, "--json").err.splitlines()]
    assert lines[0]["check"]["findings"][0]["schema_file"] == broken and lines[0]["check"]["findings"][0]["schema_line"] == 1, lines
    assert len(lines) == 2 and lines[1]["error"]["code"] == "schema", lines


@case
def wrong_use_is_told_what_was_meant(story):
    path = write(story, "plain.env", "A=1\n")
    hidden = write(story, ".env", "A=1\n")
    for word in (path, hidden, "plain.env", ".env"):
        out = story.envctl("check", word, cwd=story.path())
        assert out.code != 0 and f"{word} is a file here; to check that: envctl check --env-file {word}" in out.err, out
    story.bad(64, "are about a schema", "check", "--env-file", path, "--listed")
    story.bad(64, "are about a schema", "check", "--env-file", path, "--environment", "production")
    story.bad(3, "ENV stands before FILE (envctl import a/b plain.env)", "import", "plain.env", "a/b", cwd=story.path())
    story.good("set", "named/production", "A=1")
    for words in (("check", "named/productio"), ("schema", "explain", "named/productio", "A"), ("schema", "infer", "named/productio")):
        story.bad(3, "did you mean named/production?", *words)
    out = story.good("check", "named/production")
    assert "[no-schema]" in out.out and "envctl schema infer named/production > FILE" in out.out, out
    assert "envctl schema set named/production FILE" in out.out, out
    story.good("schema", "set", "named/production", write(story, ".env.example", "A=\n"))
    assert "no-schema" not in story.good("check", "named/production").out
    out = story.good("schema", "set", "named/production", write(story, ".env.example", "A=\nB=\n"))
    assert "envctl check named/production\n" in out.err, out
    assert "hint: [missing] set it: envctl set named/production NAME\n" in story.envctl("check", "named/production").out
    out = story.good("check", "--env-file", write(story, "style.env", "B=1\nA=1\n"))
    assert "--fix mends what it can" in out.err, out
    assert "--fix" not in story.good("check", "--env-file", path).err


def example_of_the_page(language):
    """The block of docs/schema.md about hooks and CI."""
    with open(os.path.join(vault.TOP, "docs", "schema.md"), encoding="utf-8") as page:
        section = page.read().split("## In a hook and in CI\n")[1].split("\n## ")[0]
    return re.search(rf"```{language}\n(.*?)```", section, re.S).group(1)


@case
def a_hook_and_a_workflow_stop_what_has_errors(story):
    place = story.path("repository")
    os.makedirs(os.path.join(place, "tests"))
    env = {"PATH": os.path.dirname(vault.ENVCTL) + ":" + os.environ["PATH"], "HOME": story.home, "VAULT_ADDR": "unix:///nowhere"}
    hook = write(story, "pre-commit", example_of_the_page("sh"), 0o700)
    step = example_of_the_page("yaml").removeprefix("- run: ").split()
    write(story, "repository/.env.example", SCHEMA)
    for words, name, of_a_warning in (([hook], ".env", 0), (step, "tests/.env", 1)):    # git runs a hook at the top of its tree
        for text, code in ((GOOD, 0), (GOOD + "EXTRA=1\n", of_a_warning), (BAD, 1)):
            write(story, "repository/" + name, text)
            done = subprocess.run(words, cwd=place, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            assert done.returncode == code and SECRET not in done.stdout, (words, text, done)
            assert ("EXTRA" in text) == ("EXTRA" in done.stdout), done
        assert ("::error file=tests/.env,line=3,title=type" if of_a_warning else ".env:3: error: PORT: ") in done.stdout, done


@case
def a_broken_schema_is_refused_with_its_lines(story):
    story.good("set", ENV, "A=1")
    out = story.envctl("schema", "set", ENV, "-", stdin="# @type=nonsense\nA=\nB=1\n# @type=port(min=x)\nC=\n")
    assert out.code == 1 and "envctl: -:1: error: " in out.err, out
    assert "envctl: -:4: error: " in out.err, out
    out = story.good("schema", "set", ENV, "-", stdin="# @no\nA=\n")
    assert "envctl: -:1: warning: " in out.err, out
    story.bad(64, "enforce or warn", "schema", "set", ENV, "--mode", "loud")


@case
def json_survives_the_name_of_a_file(story):
    """Which may hold any bytes; what is printed is JSON, and nothing that acts on a terminal."""
    path = os.path.join(os.fsencode(story.dir), b"sch\xff\x1b[31m\xc2\x85.txt")
    with open(path, "wb") as schema:
        schema.write(b"# @type=nonsense(\nA=\n")
    for words in (["schema", "set", ENV, path, "--json"], ["check", "--schema", path, "--json"]):
        done = subprocess.run([vault.ENVCTL, *words], env=story.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        lines = [json.loads(line.decode("utf-8")) for line in (done.stderr + done.stdout).splitlines()]
        assert lines and b"\x1b" not in done.stdout + done.stderr and b"\xff" not in done.stdout + done.stderr, done


@case
def a_schema_for_an_environment_that_is_missing_is_told(story):
    path, told = write(story, ".env.example", "A=\n"), "there was no environment sohp/production"
    story.good("set", "shop/production", "A=1")
    out = story.good("schema", "set", "shop/production", path)
    assert "there was no" not in out.err, out
    out = story.good("schema", "set", "sohp/production", path, "--quiet")
    assert told in out.err and "`envctl env delete sohp/production`" in out.err, out
    assert told not in story.good("schema", "set", "sohp/production", path).err
    story.good("env", "delete", "sohp/production", "--yes")
    assert story.good("list").out == "shop/production\n"
    out = story.good("schema", "set", "sohp/production", path, "--json")
    assert told in out.err and json.loads(out.out)["created"] is True, out
    assert story.json_of("schema", "set", "sohp/production", path, "--json")["created"] is False


@case
def schema_words_are_checked(story):
    story.bad(64, "needs FILE", "schema", "set", ENV)
    story.bad(3, "", "schema", "get", "no/where")


@case
def infer_writes_names_and_types_and_no_values(story):
    story.good("set", ENV, "PORT=8080", "API_URL=https://example.org/x", "DEBUG=true", "EMPTY=", "DB_PASSWORD=123456789",
               "CONTACT_EMAIL=ops@example.org", "COUNT=7", "NAME=Jane Doe")
    text = story.good("schema", "infer", ENV).out
    for value in ("8080", "example.org", "123456789", "Jane"):
        assert value not in text, (value, text)
    for line in ("# @type=port\nPORT=\n", "# @type=url\nAPI_URL=\n", "# @type=boolean\nDEBUG=\n", "# @optional\nEMPTY=\n",
                 "# @type=email\nCONTACT_EMAIL=\n", "# @type=number\nCOUNT=\n", "\n\nDB_PASSWORD=\n", "\n\nNAME=\n"):
        assert line in text, (line, text)
    path = write(story, "inferred", text)
    out = story.good("check", ENV, "--schema", path)
    assert "error" not in out.out.replace("0 error", ""), out
    out = story.good("schema", "infer", ENV, "-o", story.path("out"))
    write(story, "mine", "# by hand\n")
    story.bad(6, "is there already", "schema", "infer", ENV, "-o", story.path("mine"))
    assert open(story.path("mine"), encoding="ascii").read() == "# by hand\n"
    story.good("schema", "infer", ENV, "-o", story.path("mine"), "--force")
    assert open(story.path("out")).read() == text and stat.S_IMODE(os.stat(story.path("out")).st_mode) == 0o600


if __name__ == "__main__":
    run_cases(Initialised)
