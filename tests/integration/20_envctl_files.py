#!/usr/bin/env python3
"""Taking .env files in and out, promotion, and editing without a file on disk."""
# sanitized: yes
import json
import os
import re
import resource
import signal
import stat
import subprocess

from envctl_story import ENVCTL, Initialised, bare_case, case, run_cases

ENV = "shop/production"


def write(story, name, text, mode=0o600):
    path = story.path(name)
    with open(path, "w") as handle:
        handle.write(text)
    os.chmod(path, mode)
    return path


def variables(story, env=ENV):
    return story.json_of("get", env, "--json")["variables"]


@case
def import_merges_or_replaces(story):
    path = write(story, ".env", "A=1\nB='two words'\n# comment\n\nC=\"x\"\n")
    out = story.good("import", ENV, path, "--dialect", "dotenv", "-m", "from file")
    assert "  + A\n  + B\n  + C\n3 added, 0 changed, 0 removed, 0 unchanged\n" == out.out, out
    assert "revision 1" in out.err and "two words" not in out.out + out.err
    assert variables(story) == {"A": "1", "B": "two words", "C": "x"}
    assert story.json_of("history", ENV, "--json")["revisions"][0]["message"] == "from file"
    path = write(story, ".env", "A=2\nD=4\n")
    out = story.good("import", ENV, path, "--dry-run")
    assert "  ~ A\n  + D\n1 added, 1 changed, 0 removed, 2 unchanged\n" == out.out and "nothing was written" in out.err, out
    assert variables(story)["A"] == "1"
    story.good("import", ENV, path)
    assert variables(story) == {"A": "2", "B": "two words", "C": "x", "D": "4"}
    answer = story.json_of("import", ENV, path, "--replace", "--json")
    assert answer == {"environment": ENV, "revision": 3, "written": True, "added": [], "changed": [], "removed": ["B", "C"],
                      "unchanged": 2}, answer
    assert variables(story) == {"A": "2", "D": "4"}
    assert story.json_of("import", ENV, path, "--json")["written"] is False
    story.bad(64, "one of", "import", ENV, path, "--merge", "--replace")


@case
def import_reads_standard_input_and_dialects(story):
    story.good("import", ENV, "-", "--dialect", "docker", stdin="A=raw 'text' # kept\n")
    assert variables(story) == {"A": "raw 'text' # kept"}
    story.good("import", ENV, "-", "--dialect", "json", stdin='{"J":"1"}')
    story.good("import", ENV, "-", "--dialect", "systemd", stdin='S="a\\\\b"\n')
    assert variables(story)["J"] == "1" and variables(story)["S"] == "a\\b"
    before = variables(story)
    for words in ((), ("--replace",), ("--dialect", "docker")):
        story.bad(1, "standard input holds no variable; nothing was written", "import", ENV, "-", *words, stdin="# nothing\n")
    assert variables(story) == before
    out = story.bad(64, "there are", "import", ENV, "-", "--dialect", "nonsense", stdin="")
    for name in ("systemd", "docker", "compose", "dotenv", "shell", "json"):
        assert name in out.err
    story.bad(3, "", "import", ENV, story.path("missing"))


@case
def bad_lines_are_all_reported_and_nothing_is_written(story):
    path = write(story, ".env", "A=1\nnot a variable secret-one\nB=2\nC='open secret-two\n")
    out = story.bad(1, "nothing was written", "import", ENV, path)
    assert f"{path}:2:" in out.err and f"{path}:4:" in out.err, out
    assert "secret" not in out.err.replace(path, "")
    out = story.bad(1, "nothing was written", "import", ENV, path, "--dialect", "dotenv")
    assert f"{path}:2:" in out.err and f"{path}:4:" in out.err, out
    assert "secret" not in out.err.replace(path, "")
    story.bad(3, "", "get", ENV)


@case
def render_round_trips(story):
    values = {"PLAIN": "abc", "SPACES": "two words", "QUOTE": "it's", "DOUBLE": 'say "hi"', "EMPTY": "", "HASH": "a#b # c",
              "EQUALS": "a=b"}
    story.good("set", ENV, *[f"{k}={v}" for k, v in values.items()])
    for dialect in ("systemd", "docker", "compose", "dotenv", "shell", "json"):
        text = story.good("render", ENV, "--format", dialect).out
        story.good("import", f"back/{dialect}", "-", "--dialect", dialect, stdin=text)
        assert variables(story, f"back/{dialect}") == values, (dialect, text)
    script = story.good("render", ENV, "--format", "shell").out
    shown = subprocess.run(["sh", "-c", 'set -a; eval "$0"; env -0', script], env={"PATH": os.environ["PATH"]},
                           stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    for name, value in values.items():
        assert f"{name}={value}" in shown, (name, shown)
    assert json.loads(story.good("render", ENV, "--format", "json").out) == values


@case
def render_writes_files_safely(story):
    story.good("set", ENV, "A=1", "B=2")
    path = story.path("out.env")
    out = story.good("render", ENV, "--format", "systemd", "--output", path, "--only", "A")
    assert out.out == "" and f"wrote {path}" in out.err
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert open(path).read().count("=") == 1
    target = write(story, "target", "keep me")
    link = story.path("link")
    os.symlink(target, link)
    story.good("render", ENV, "--format", "json", "-o", link)
    assert open(target).read() == "keep me" and not os.path.islink(link)
    before = set(os.listdir(story.home))
    story.good("set", ENV, "MULTI", "-", stdin="a\nb")
    out = story.bad(1, "MULTI", "render", ENV, "--format", "docker", "-o", path)
    assert out.err.count("MULTI") == 1, out
    assert set(os.listdir(story.home)) == before and "A=" in open(path).read()
    story.bad(3, "", "render", ENV, "--format", "json", "-o", story.path("no/such/folder/x"))
    story.bad(64, "--format is needed", "render", ENV)


@case
def all_refusals_at_once(story):
    story.good("set", ENV, "OK=1", "L1", "-", stdin="a\nb")
    story.good("set", ENV, "L2", "-", stdin="c\nd")
    sock = story.socket
    subprocess.run(["curl", "-sf", "--unix-socket", sock, "-X", "PATCH", "-H", "Content-Type: application/merge-patch+json",
                    "-d", '{"data":{"LIST":[1]}}', f"http://localhost/v1/secret/data/{ENV}"], check=True,
                   stdout=subprocess.DEVNULL)
    out = story.bad(1, "L1", "render", ENV, "--format", "docker")
    assert "L2" in out.err and "LIST" in out.err and out.out == "", out
    story.good("render", ENV, "--format", "docker", "--except", "L?,LIST")


@case
def copy_promotes(story):
    story.good("set", "shop/staging", "A=1", "FEATURE_X=on", "FEATURE_Y=off")
    story.good("set", ENV, "A=live", "OWN=1", "FEATURE_X=on")
    out = story.good("copy", "shop/staging", ENV, "--only", "FEATURE_*", "--dry-run")
    assert out.out == "  + FEATURE_Y\n1 added, 0 changed, 0 removed, 3 unchanged\n", out
    story.good("copy", "shop/staging", ENV, "--only", "FEATURE_*", "-m", "promoted")
    assert variables(story) == {"A": "live", "OWN": "1", "FEATURE_X": "on", "FEATURE_Y": "off"}
    story.bad(3, "shop/staging has no variable 'NOTHING', which --only asks for; nothing was copied", "copy", "shop/staging", ENV, "--only", "NOTHING")
    story.bad(64, "the same", "copy", ENV, ENV)
    story.good("copy", "shop/staging", ENV, "--replace")
    assert variables(story) == variables(story, "shop/staging")
    story.good("copy", "shop/staging", "new/place")
    assert variables(story, "new/place") == variables(story, "shop/staging")
    out = story.good("copy", "shop/staging", "new/place")
    assert "nothing was written" in out.err


@case
def copy_keeps_every_kind_of_value(story):
    sock = story.socket
    body = '{"data":{"N":1.10,"NULL":null,"OBJ":{"a":[1,2]},"S":"\\u00e9"}}'
    subprocess.run(["curl", "-sf", "--unix-socket", sock, "-d", body, "http://localhost/v1/secret/data/a"], check=True,
                   stdout=subprocess.DEVNULL)
    story.good("set", "b", "OBJ=text", "KEEP=1")
    story.good("copy", "a", "b")
    text = story.good("get", "b", "--json").out
    assert '"N":1.10' in text.replace(" ", ""), text
    assert variables(story, "b") == {"OBJ": {"a": [1, 2]}, "KEEP": "1", "N": 1.1, "NULL": None, "S": "é"}


def editor(story, script):
    path = write(story, "editor.sh", "#!/bin/sh\n" + script, 0o700)
    return {"EDITOR": path, "VISUAL": None}


@case
def edit_changes_and_leaves_no_file(story):
    story.good("set", ENV, "A=canary-one", "B=2", "C=3")
    log = story.path("log")
    env = editor(story, f'''
echo "$1" > {log}; cp "$1" {log}.copy; env > {log}.env
sed -i.bak s/x/x/ "$1" 2>/dev/null
t=$(sed -e 's/^A=.*/A=canary-two/' -e '/^B=/d' "$1"); printf '%s\\nD="new one"\\n' "$t" > "$1"
''')
    out = story.good("edit", ENV, "-m", "by hand", env={**env, "VAULT_TOKEN": story.root})
    assert "  ~ A\n  - B\n  + D\n1 added, 1 changed, 1 removed, 1 unchanged\n" == out.out, out
    assert "canary" not in out.out + out.err
    assert variables(story) == {"A": "canary-two", "C": "3", "D": "new one"}
    assert open(log).read().startswith("/proc/")
    assert story.root not in open(log + ".env").read()
    assert "# shop/production, revision 1" in open(log + ".copy").read()
    os.unlink(log + ".copy")
    found = subprocess.run(["grep", "-rl", "--exclude=editor.sh", "canary-two", story.dir, "/dev/shm"], stdout=subprocess.PIPE, text=True).stdout
    assert found == "", found


@case
def edit_works_without_root(_story):
    """The kernel shows descriptors only of processes that may be dumped; root is not asked."""
    if os.geteuid() != 0:
        return

    class OfNobody(Initialised):
        user = 65534

    with OfNobody() as story:
        story.good("set", ENV, "A=1")
        script = editor(story, 'echo "A=2" > "$1"\n')["EDITOR"]
        os.chmod(script, 0o755)
        story.good("edit", ENV, env={"EDITOR": script})
        assert story.good("get", ENV, "A").out == "2"


def lines_of(trace):
    """What strace saw, without what the thread sanitizer does for itself at start."""
    return [line for line in open(trace) if "/tsan.rodata." not in line]


@bare_case
def edit_never_opens_a_file_for_the_text(story):
    story.good("set", ENV, "A=canary-one")
    env = editor(story, 'echo "A=canary-two" > "$1"\n')
    trace = story.path("trace")
    subprocess.run(["strace", "-f", "-s", "4096", "-e", "trace=openat,open,creat,write,pwrite64,memfd_create", "-o", trace,
                    ENVCTL, "edit", ENV],
                   env={k: v for k, v in {**story.env, **env, "ASAN_OPTIONS": "detect_leaks=0"}.items() if v}, check=True,
                   stdout=subprocess.DEVNULL)
    opened = [line for line in lines_of(trace) if "O_CREAT" in line or "O_TRUNC" in line or "creat(" in line]
    assert len(opened) == 1 and '"/proc/' in opened[0], opened
    assert any("memfd_create(" in line for line in open(trace))
    assert variables(story) == {"A": "canary-two"}


@case
def edit_leaves_no_core(story):
    story.good("set", ENV, "A=1")
    script = editor(story, "kill -ABRT $PPID\nsleep 1\n")
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    where = story.path("core-dir")
    os.mkdir(where)
    outcome = story.envctl("edit", ENV, env=script, cwd=where,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)))
    assert outcome.code == -signal.SIGABRT and os.listdir(where) == [], (outcome, os.listdir(where))


@case
def render_replaces_no_pipe(story):
    story.good("set", ENV, "A=1")
    pipe = story.path("pipe")
    os.mkfifo(pipe)
    story.bad(1, "not a regular file", "render", ENV, "--format", "docker", "--output", pipe)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


@case
def edit_without_an_editor(story):
    story.good("set", ENV, "A=1")
    story.bad(64, "name one in EDITOR", "edit", ENV, env={"EDITOR": None, "VISUAL": None, "PATH": story.path("none")})
    story.bad(74, "what VISUAL or EDITOR names is not there", "edit", ENV, env={"EDITOR": story.path("none"), "VISUAL": None})


@case
def edit_takes_the_dialects_that_it_lists(story):
    """All others have no comments, and so no place for what the text says about itself."""
    def listed(verb):
        return re.findall(r"^  ([a-z-]+) ", story.good("help", verb).out.split("Dialects:\n")[1].split("Examples:")[0], re.M)
    story.good("set", ENV, "A=1")
    taken, every = listed("edit"), listed("import")
    assert "dotenv" in taken and "shell" in taken and "json" not in taken and set(taken) < set(every), (taken, every)
    changes = 's/\\b1\\b/2/; s/MQ==/Mg==/'  # the second for kubernetes, whose values are in base64
    for name in taken:
        story.good("set", ENV, "A=1")
        story.good("edit", ENV, "--dialect", name, env=editor(story, f't=$(sed "/^#/!{{ {changes} }}" "$1"); printf "%s\\n" "$t" > "$1"'))
        assert variables(story) == {"A": "2"}, name
    for name in set(every) - set(taken):
        out = story.bad(64, f"--dialect {name} cannot be edited", "edit", ENV, "--dialect", name, env={"EDITOR": "true"})
        assert "dotenv" in out.err and "json" not in out.err.split("there are")[1], out


@case
def edit_without_changes(story):
    story.good("set", ENV, "A=1")
    assert "nothing changed" in story.good("edit", ENV, env={"EDITOR": "true"}).err
    env = editor(story, 'echo "# only a comment more" >> "$1"\n')
    assert "nothing changed" in story.good("edit", ENV, env=env).err
    assert story.json_of("get", ENV, "--json")["revision"] == 1
    story.bad(74, "ended with a failure", "edit", ENV, env={"EDITOR": "false"})
    story.bad(74, "ended with a failure", "edit", ENV, env={"EDITOR": "/no/such/editor"})
    assert story.json_of("get", ENV, "--json")["revision"] == 1


@case
def edit_again_after_a_mistake(story):
    story.good("set", ENV, "A=1")
    env = editor(story, f'''
if [ -e {story.path("second")} ]; then grep -q 'no variable here' "$1" || exit 9; echo "A=good" > "$1"
else touch {story.path("second")}; echo "no variable here" >> "$1"; fi
''')
    shown = story.terminal("edit", ENV, answers=[("Edit again?", "y\n")], env=env)
    assert "line 6" in shown or "line 5" in shown, shown
    assert variables(story) == {"A": "good"}
    os.unlink(story.path("second"))
    shown = story.terminal("edit", ENV, answers=[("Edit again?", "n\n")], env=env, code=1)
    assert "nothing was written" in shown
    os.unlink(story.path("second"))
    story.bad(1, "nothing was written", "edit", ENV, env=env)
    os.unlink(story.path("second"))
    shown = story.terminal("edit", ENV, answers=[("Edit again?", "\x04")], env=env, code=1)   # Ctrl-D: the input ends
    assert "nothing was written, and it was kept nowhere" in shown and shown.count("Edit again?") == 1, shown
    assert variables(story) == {"A": "good"}


@case
def edit_meets_another_writer(story):
    story.good("set", ENV, "A=1", "B=2", "C=3")
    env = editor(story, f'''
[ -e {story.path("done")} ] || {ENVCTL} set {ENV} B=other NEW=other -q; touch {story.path("done")}
printf 'A=mine\\nB=2\\n' > "$1"
''')
    story.bad(6, "not written, and it was kept nowhere", "edit", ENV, env=env)
    assert variables(story) == {"A": "1", "B": "other", "C": "3", "NEW": "other"}
    os.unlink(story.path("done"))
    story.good("set", ENV, "B=2")
    story.good("unset", ENV, "NEW")
    shown = story.terminal("edit", ENV, answers=[("as it is now?", "y\n")], env=env)
    assert "changed meanwhile" in shown
    assert variables(story) == {"A": "mine", "B": "other", "NEW": "other"}


@case
def edit_shows_what_the_portable_dialect_cannot_hold(story):
    odd = "it's \"$5\" `x` \\"
    story.good("set", ENV, f"ODD={odd}", "A=1")
    env = editor(story, f'cp "$1" {story.path("copy")}; printf "\\nB=2\\n" >> "$1"\n')
    story.good("edit", ENV, env=env)
    assert "dialect shell" in open(story.path("copy")).read()
    assert variables(story) == {"ODD": odd, "A": "1", "B": "2"}


@case
def edit_keeps_what_is_no_text(story):
    sock = story.socket
    subprocess.run(["curl", "-sf", "--unix-socket", sock, "-d", '{"data":{"N":1.10,"a-b":"x","A":"1"}}',
                    f"http://localhost/v1/secret/data/{ENV}"], check=True, stdout=subprocess.DEVNULL)
    env = editor(story, f'cp "$1" {story.path("copy")}; echo "A=2" > "$1"\n')
    story.good("edit", ENV, env=env)
    text = open(story.path("copy")).read()
    assert "1.10" not in text and "a-b" not in text and "kept as they are: 2" in text, text
    assert '"N":1.10' in story.good("get", ENV, "--json").out
    assert variables(story) == {"N": 1.1, "a-b": "x", "A": "2"}


@bare_case
def vim_keeps_no_files(story):
    vim = next((p for p in ("/usr/bin/vim.basic", "/usr/bin/vim", "/usr/bin/vim.tiny") if os.path.exists(p)), None)
    if vim is None:
        return
    story.good("set", ENV, "A=canary-one")
    trace = story.path("trace")
    # A script of keys instead of a person: change the value, write, leave.
    keys = write(story, "keys", ":%s/canary-one/canary-two/\r:wq\r")
    env = {**story.env, "TERM": "dumb", "EDITOR": f"{vim} -s {keys}", "ASAN_OPTIONS": "detect_leaks=0"}
    subprocess.run(["strace", "-f", "-e", "trace=openat,open,creat", "-o", trace, ENVCTL, "edit", ENV], env=env,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    assert variables(story) == {"A": "canary-two"}
    made = [line for line in lines_of(trace) if "O_CREAT" in line and '"/proc/' not in line and "/dev/" not in line]
    assert made == [], made


run_cases()
