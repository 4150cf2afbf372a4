#!/usr/bin/env python3
"""Whose file is it: import and convert without a dialect, what they say when readers differ, and conversions without a vault."""
# tier: quick
# sanitized: yes
import json
import os
import resource
import subprocess
import tempfile

from envctl_story import ENVCTL, case, run_cases

ENV = "shop/production"
PLAIN = "A=1\nB_2=two/words.and:more\n# a comment\n\nC=x\n"


def write(story, name, text):
    path = story.path(name)
    with open(path, "wb") as handle:
        handle.write(text if isinstance(text, bytes) else text.encode())
    return path


def alone(*words, stdin=b"", env=None):
    """Without a vault: nothing to connect to, and nothing is tried."""
    done = subprocess.run([ENVCTL, *words], input=stdin if isinstance(stdin, bytes) else stdin.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"], "VAULT_ADDR": "unix:///no/such/socket", **(env or {})},
                          timeout=300, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@case
def what_all_read_alike_is_imported(story):
    out = story.good("import", ENV, write(story, ".env", PLAIN))
    assert "3 added" in out.out, out
    assert story.json_of("get", ENV, "--json")["variables"] == {"A": "1", "B_2": "two/words.and:more", "C": "x"}
    story.good("import", ENV, "-", "--dialect", "auto", stdin='{"A": "$x # \\"y\\""}')
    assert story.good("get", ENV, "A").out == '$x # "y"'


@case
def what_they_differ_about_is_told_without_values(story):
    path = write(story, ".env", "OK=1\nQUOTED=\"secret words\"\nHASH=secret #x\nESC=\"se\\ncret\"\nDOLLAR=secret$HOME\nexport EXP=secret\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert "secret" not in out.err.replace(path, "") and out.out == "", out
    for line, name in ((2, "QUOTED"), (3, "HASH"), (4, "ESC"), (5, "DOLLAR"), (6, "EXP")):
        assert f"{path}:{line}: {name}: readers differ" in out.err, (name, out)
    assert f"{path}:1:" not in out.err
    for part in ("14 bytes, keeps the quotes", "12 bytes\n", "6 bytes, ends at #", "goes on behind #", "keeps a backslash", "refused: "):
        assert part in out.err, (part, out)
    story.bad(3, "", "get", ENV)
    # the error names who can read all of it
    out = story.bad(1, "name the one that it is written for", "import", ENV, write(story, "q.env", "A='two words'\n"))
    assert "--dialect dotenv, systemd" in out.err, out
    story.good("import", ENV, story.path("q.env"), "--dialect", "dotenv")
    assert story.good("get", ENV, "A").out == "two words"


@case
def pieces_of_a_key_are_never_shown(story):
    path = write(story, "key.env", "KEY='-----BEGIN KEY-----\nc2VjcmV0b25l\nc2VjcmV0=dHdv\nZW5k==\n-----END KEY-----'\nA=1\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    for piece in ("c2Vj", "dHdv", "ZW5k", "BEGIN"):
        assert piece not in out.err, out
    assert f"{path}:1: KEY: " in out.err, out


@case
def files_of_windows(story):
    path = write(story, "crlf.env", "A=1\r\nB=2\r\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert "shell: 2 bytes, keeps the carriage return" in out.err and "envctl:     the same: B (line 2)\n" in out.err, out
    story.good("import", ENV, path, "--dialect", "dotenv")
    assert story.json_of("get", ENV, "--json")["variables"] == {"A": "1", "B": "2"}
    # one note for the file, however long it is, and what is another matter apart from it
    path = write(story, "long.env", "".join(f"V{number}=1\r\n" for number in range(5000)) + "Q=\"two words\"\r\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert len(out.err.splitlines()) == 10 and out.err.count("readers differ") == 2 and f"{path}:5001: Q: readers differ" in out.err, out
    assert "the same: V1 (line 2), V2 (line 3), V3 (line 4), V4 (line 5), V5 (line 6), V6 (line 7) and 4993 more\n" in out.err, out
    assert f"{path}:1: warning: 5001 lines end in CR LF: " in out.err, out
    out = story.good("import", ENV, path, "--dialect", "shell", "--dry-run", "--quiet")
    assert out.err.count("CR LF") == 1 and "; and 5000 more lines like it\n" in out.err, out
    code, shown, _ = alone("check", "--env-file", path, "--dialect", "shell", "--no-lint")
    assert code == 0 and shown.count("CR LF") == 1 and ", and 5000 more like it [line-end]\n" in shown, shown
    code, shown, _ = alone("check", "--env-file", path, "--dialect", "shell", "--no-lint", "--json")
    assert shown.count('"code":"line-end"') == 5001
    path = write(story, "bom.env", b"\xef\xbb\xbfA=1\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert f"{path}:1: " in out.err, out
    path = write(story, "utf16.env", "A=1\n".encode("utf-16"))
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert "UTF-16" in out.err and out.err.count("\n") <= 3, out
    story.bad(1, "UTF-16", "import", ENV, path, "--dialect", "systemd")
    # who is named takes them, and says once what others would make of it
    path = write(story, "marked.env", "\ufeffA=1\nB=2\r\nC=3\r\n")
    for name in ("docker", "kubectl", "compose", "motdotla", "ruby-dotenv", "node", "systemd"):
        out = story.good("convert", path, "--from", name, "--to", "json")
        assert f"{path}:2: warning: 2 lines end in CR LF: " in out.err, (name, out)
        assert out.err.count("byte order mark") == 1, (name, out)
    assert "CR LF" not in story.good("convert", write(story, "unix.env", "A=1\n"), "--from", "docker", "--to", "json").err


@case
def duplicates_and_broken_lines(story):
    path = write(story, "dup.env", "A=1\nA=2\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert f"{path}:2: A: " in out.err and "more than once" not in out.out, out
    out = story.good("import", ENV, path, "--dialect", "dotenv")
    assert f"{path}:2: warning: A: is set more than once" in out.err, out
    path = write(story, "broken.env", "A=1\nno variable here\n=x\nB='sekrit\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    for line in (2, 3, 4):
        assert f"{path}:{line}: " in out.err, (line, out)
    assert "no variable" not in out.err and "sekrit" not in out.err, out


@case
def large_files_are_quick(story):
    many = "".join(f"NAME_{i}={'v' * 1000}\n" for i in range(9900))
    lines = "".join(f"LONG_{i}={'v' * (1 << 20)}\n" for i in range(10))
    for text in (many, lines, "A='\n" * 2500000, "#" * 10000000, "A\n" * 5000000):
        code, out, err = alone("convert", "-", "--to", "json", stdin=text)
        # How long it takes is for the benchmark; what is not linear would not end within the time that alone() gives it.
        assert code in (0, 1), err[-300:]
        assert len(err) < 200000
        if text is many:
            assert len(json.loads(out)) == 9900
    assert alone("convert", "-", "--to", "json", stdin=b"A=" + b"x" * (64 << 20))[0] == 1
    if "asan" not in os.environ.get("VAULTD_BUILD", ""):  # a sanitizer has memory of its own
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 512 * 1024
    del story


@case
def convert_needs_no_vault(story):
    path = write(story, ".env", "A='two words'\nB=\"x\"\n")
    assert alone("convert", path, "--from", "dotenv", "--to", "systemd") == (0, 'A="two words"\nB="x"\n', "")
    assert alone("convert", "-", "--from", "docker", "--to", "json", stdin="A='b'\n")[:2] == (0, '{\n  "A": "\'b\'"\n}\n')
    assert alone("convert", path, "--from", "dotenv", "--to", "docker", "--only", "B")[1] == "B=x\n"
    for words, told in ((["NOPE"], "has no variable 'NOPE', which --only asks for"), (["B,NOPE"], "has no variable 'NOPE'"), (["N*"], "matches --only")):
        code, out, err = alone("convert", path, "--from", "dotenv", "--to", "docker", "-o", story.path("none"), "--only", *words)
        assert code == 3 and told in err and path in err and not os.path.exists(story.path("none")), (code, err)
    code, out, err = alone("convert", path, "--to", "docker")
    assert code == 1 and out == "" and "--from dotenv, systemd" in err, err
    place = story.path("out.env")
    code, out, err = alone("convert", path, "--from", "dotenv", "--to", "docker", "-o", place)
    assert (code, out) == (0, "") and open(place, encoding="ascii").read() == "A=two words\nB=x\n"
    assert os.stat(place).st_mode & 0o777 == 0o600


@case
def convert_refuses_and_skips(story):
    text = "K='two\nlines'\nOK=1\nL='a\nb'\n"
    code, out, err = alone("convert", "-", "--from", "dotenv", "--to", "docker", stdin=text)
    assert code == 1 and out == "" and "error: K: " in err and "error: L: " in err and "can hold it" in err, err
    code, out, err = alone("convert", "-", "--from", "dotenv", "--to", "docker", "--skip-unrepresentable", stdin=text)
    assert (code, out) == (0, "OK=1\n") and "K: " in err and err.count("left out") == 2, err
    code, out, err = alone("convert", "-", "--from", "dotenv", "--to", "systemd", stdin="A=1\nB=$secret\nC=`x`\n")
    assert code == 1 and "standard input:2: " in err and "standard input:3: " in err and "secret" not in err, err
    for words, sentence in ((["x"], "--to is needed"), (["x", "--to", "nonsense"], "there are"), (["x", "--to", "auto"], "there are"),
                            (["x", "--from", "nonsense", "--to", "json"], "there are auto, "), ([], "needs FILE")):
        code, _, err = alone("convert", *words)
        assert code == 64 and sentence in err, (words, err)
    assert alone("convert", story.path("none"), "--to", "json")[0] == 3
    assert "say who reads it" in alone("convert", story.home, "--to", "json")[2]


@case
def directories_are_read(story):
    if "envdir" not in alone("help", "convert")[1]:
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
        place = os.path.join(top, "env")
        code, _, err = alone("convert", "-", "--from", "json", "--to", "envdir", "-o", place, stdin='{"A": "two\\nlines", "E": "", "B": "x"}')
        assert code == 0, err
        shown = subprocess.run(["chpst", "-e", place, "env", "-0"], env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, check=True).stdout \
            if subprocess.run(["sh", "-c", "command -v chpst"], stdout=subprocess.DEVNULL, check=False).returncode == 0 else None
        if shown is not None:
            assert b"A=two\nlines" in shown.split(b"\0") and b"E=" in shown.split(b"\0"), shown
        code, out, err = alone("convert", place, "--from", "envdir", "--to", "json")
        assert code == 0 and json.loads(out) == {"A": "two\nlines", "B": "x", "E": ""}, (out, err)
        os.mkfifo(os.path.join(place, "PIPE"))
        code, _, err = alone("convert", place, "--from", "envdir", "--to", "json")
        assert code == 1 and "not a regular file" in err, err
        assert alone("convert", os.path.join(place, "A"), "--from", "envdir", "--to", "json")[0] == 1
        assert alone("convert", os.path.join(top, "none"), "--from", "envdir", "--to", "json")[0] == 3
    del story


@case
def a_mistyped_dialect_is_told_the_nearest(story):
    path = story.path("typed.env")
    with open(path, "w") as handle:
        handle.write("A=1\n")
    story.bad(64, "--dialect dotnev is unknown; did you mean dotenv? There are auto, systemd, ", "import", "a/b", path, "--dialect", "dotnev")
    story.bad(64, "--to systemdd is unknown; did you mean systemd? There are ", "convert", path, "--to", "systemdd")
    story.bad(64, "--to nothing is unknown; there are ", "convert", path, "--to", "nothing")
    story.bad(64, "github; did you mean json?", "check", "--env-file", path, "--format", "jsno")


run_cases()
