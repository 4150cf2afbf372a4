#!/usr/bin/env python3
"""envctl render: every dialect, what cannot be held, directories that are replaced as a whole."""
# tier: quick
# sanitized: yes
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile

from envctl_story import ENVCTL, case, run_cases

ENV = "shop/production"
DIRECTORIES = ("envdir", "directory")


def dialects(story):
    text = story.good("help", "render").out
    return re.findall(r"^  ([a-z-]+) ", text.split("Dialects:\n")[1].split("Examples:")[0], re.M)


def patch(story, body, env=ENV):
    subprocess.run(["curl", "-sf", "--unix-socket", story.socket, "-X", "PATCH", "-H", "Content-Type: application/merge-patch+json", "-d",
                    json.dumps({"data": body}), f"http://localhost/v1/secret/data/{env}"], check=True, stdout=subprocess.DEVNULL)


def in_memory():
    return tempfile.TemporaryDirectory(dir="/dev/shm", prefix="vaultd-render-")


def files(path):
    found = {}
    for name in os.listdir(path):
        with open(os.path.join(path, name), "rb") as handle:
            found[name] = handle.read()
        assert stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) == 0o600, name
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert found.pop(".envctl")
    return found


@case
def every_dialect_comes_back(story):
    values = {"A": "plain", "B": "two words", "E": "", "U": "Grüße"}
    story.good("set", ENV, *[f"{k}={v}" for k, v in values.items()])
    names = dialects(story)
    assert {"systemd", "docker", "compose", "dotenv", "shell", "json"} <= set(names), names
    with in_memory() as top:
        for name in names:
            place = os.path.join(top, name)
            more = ["-o", place]
            out = story.good("render", ENV, "--format", name, *more)
            assert f"wrote {place}" in out.err, out
            if name == "github":
                continue
            back = story.good("convert", place, "--from", name, "--to", "json")
            assert json.loads(back.out) == values, (name, back)
        assert not [n for n in os.listdir(top) if n.startswith(".")]


@case
def refusals_and_skipping(story):
    story.good("set", ENV, "OK=1", "KEY", "-", stdin="secret\nlines")
    patch(story, {"LIST": ["secret"], "NUL": "secret\0"})
    out = story.bad(1, "nothing was written", "render", ENV, "--format", "docker", "-o", story.path("x"))
    assert out.out == "" and "secret" not in out.err and not os.path.exists(story.path("x")), out
    for name in ("KEY", "LIST", "NUL"):
        assert f"error: {name}: " in out.err, out
    assert re.search(r"KEY: .*systemd.* can hold it", out.err) and re.search(r"NUL: .*json.* can hold it", out.err), out
    out = story.good("render", ENV, "--format", "docker", "--skip-unrepresentable")
    assert out.out == "OK=1\n" and "secret" not in out.err, out
    for name in ("KEY", "LIST", "NUL"):
        assert re.search(f"warning: {name}: .*left out", out.err), out
    out = story.good("render", ENV, "--format", "docker", "--only", "OK")
    assert (out.out, out.err) == ("OK=1\n", "")
    for words, sentence in ((["--allow-disk"], "for directories"), (["--print-files", "docker"], "for directories"),
                            (["--name", "x"], "kubernetes"), (["--namespace", "x"], "kubernetes")):
        story.bad(64, sentence, "render", ENV, "--format", "docker", *words)
    story.bad(64, "there are", "render", ENV, "--format", "auto")


@case
def directories_are_replaced_as_a_whole(story):
    for name in (n for n in dialects(story) if n in DIRECTORIES):
        env = "shop/" + name
        story.good("set", env, "A=1", "B=two words")
        with in_memory() as top:
            place = os.path.join(top, "env")
            story.bad(64, "--output DIR", "render", env, "--format", name)
            story.good("render", env, "--format", name, "-o", place)
            assert sorted(files(place)) == ["A", "B"]
            inode = os.stat(place).st_ino
            with open(os.path.join(place, "A"), "rb") as before:
                story.good("unset", env, "B")
                story.good("set", env, "A=changed", "C=3")
                story.good("render", env, "--format", name, "-o", place + "/")
                assert before.read().rstrip(b"\n") == b"1"  # who reads goes on with the old one
            assert sorted(files(place)) == ["A", "C"] and os.stat(place).st_ino != inode
            assert os.listdir(top) == ["env"]
            # what cannot be held changes nothing
            patch(story, {"LIST": [1]}, env)
            story.bad(1, "LIST", "render", env, "--format", name, "-o", place)
            assert sorted(files(place)) == ["A", "C"] and os.listdir(top) == ["env"]
            story.good("render", env, "--format", name, "-o", place, "--skip-unrepresentable")
            # what others wrote stays
            other = os.path.join(top, "other")
            os.mkdir(other)
            with open(os.path.join(other, "id_rsa"), "w", encoding="ascii") as handle:
                handle.write("mine")
            story.bad(1, "did not write", "render", env, "--format", name, "-o", other, "--except", "LIST")
            os.symlink("env", os.path.join(top, "link"))
            story.bad(1, "symbolic link", "render", env, "--format", name, "-o", os.path.join(top, "link"), "--except", "LIST")
            story.bad(3, "", "render", env, "--format", name, "-o", os.path.join(top, "no/such"), "--except", "LIST")
            assert sorted(os.listdir(top)) == ["env", "link", "other"] and os.listdir(other) == ["id_rsa"]


@case
def directories_on_disk_need_a_word(story):
    for name in (n for n in dialects(story) if n in DIRECTORIES):
        story.good("set", ENV, "A=1")
        kind = subprocess.run(["stat", "-f", "-c", "%T", story.home], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        place = story.path("on-disk-" + name)
        if kind != "tmpfs":
            story.bad(1, "--allow-disk", "render", ENV, "--format", name, "-o", place)
            assert not os.path.exists(place)
        story.good("render", ENV, "--format", name, "-o", place, "--allow-disk")
        assert sorted(files(place)) == ["A"]


@case
def a_mount_point_is_filled_file_by_file(story):
    names = [n for n in dialects(story) if n in DIRECTORIES]
    if not names or os.geteuid() != 0 or shutil.which("unshare") is None:
        return
    story.good("set", ENV, "A=1", "B=2")
    place = story.path("mounted")
    os.mkdir(place)
    script = f"""set -e
mount -t tmpfs none {place}
{ENVCTL} render {ENV} --format {names[0]} -o {place}
mkdir {place}/.envctl-left; touch {place}/.envctl-left/A
{ENVCTL} unset {ENV} B; {ENVCTL} set {ENV} A=new C=3
{ENVCTL} render {ENV} --format {names[0]} -o {place}
ls -A {place}; cat {place}/A; echo; stat -c %a {place} {place}/A
"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=story.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0 and ("ermission" in done.stderr or "propagation" in done.stderr):  # a root that is no mount point has none
        return
    assert done.returncode == 0, done
    assert done.stdout.split() == [".envctl", "A", "C", "new", "700", "600"], done


@case
def a_crash_leaves_nothing_for_good(story):
    names = [n for n in dialects(story) if n in DIRECTORIES]
    if not names:
        return
    story.good("set", ENV, *[f"N{i}={i}" for i in range(40)])
    with in_memory() as top:
        place = os.path.join(top, "env")
        story.good("render", ENV, "--format", names[0], "-o", place)
        whole = files(place)
        story.good("set", ENV, *[f"N{i}=new{i}" for i in range(40)])
        for call in ("renameat2", "fsync", "unlinkat"):
            for when in (1, 3, 20):
                subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={when}", ENVCTL, "render", ENV,
                                "--format", names[0], "-o", place],
                               env={**story.env, "ASAN_OPTIONS": "detect_leaks=0"}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)
                now = files(place)
                assert now == whole or all(v.startswith(b"new") for v in now.values()) and len(now) == 40, (call, when, now)
        story.good("render", ENV, "--format", names[0], "-o", place)
        assert os.listdir(top) == ["env"], os.listdir(top)
        assert all(v.startswith(b"new") for v in files(place).values())


@case
def names_of_files_are_printed(story):
    if "directory" not in dialects(story):
        return
    story.good("set", ENV, "A=1", "B=2")
    with in_memory() as top:
        place = os.path.join(top, "files")
        out = story.good("render", ENV, "--format", "directory", "-o", place, "--print-files", "docker", "-q")
        assert out.out == f"A_FILE={place}/A\nB_FILE={place}/B\n", out
        for line in out.out.splitlines():
            assert os.path.exists(line.split("=", 1)[1])
        story.bad(64, "a dialect that is a text", "render", ENV, "--format", "directory", "-o", place, "--print-files", "envdir")


@case
def github_adds_and_masks_first(story):
    story.good("set", ENV, "A=secret-a", "KEY", "-", stdin="secret-k1\nsecret-k2")
    path = story.path("github_env")
    with open(path, "w", encoding="ascii") as handle:
        handle.write("BEFORE=1")  # of a step that wrote no line end
    out = story.good("render", ENV, "--format", "github", "-o", path)
    for value in ("secret-a", "secret-k1", "secret-k2"):
        assert f"::add-mask::{value}\n" in out.out, out
    assert "secret" not in out.err, out
    with open(path, encoding="ascii") as handle:
        text = handle.read()
    assert text.startswith("BEFORE=1\n") and "secret-k1\nsecret-k2\n" in text, text
    story.good("render", ENV, "--format", "github", "-o", path, "--only", "A")
    with open(path, encoding="ascii") as handle:
        assert handle.read().startswith(text)
    back = json.loads(story.good("convert", path, "--from", "github", "--to", "json").out)
    assert back == {"BEFORE": "1", "A": "secret-a", "KEY": "secret-k1\nsecret-k2"}, back
    # the masks come before the file: where they cannot be given, nothing is added
    with open(path, encoding="ascii") as handle:
        text = handle.read()
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([ENVCTL, "render", ENV, "--format", "github", "-o", path], env=story.env, stdout=full,
                              stderr=subprocess.PIPE, check=False)
    with open(path, encoding="ascii") as handle:
        assert done.returncode == 74 and handle.read() == text, done
    out = story.good("render", ENV, "--format", "github")
    assert "no value is masked" in out.err and "add-mask" not in out.out, out
    os.mkfifo(story.path("pipe"))
    story.bad(1, "not a regular file", "render", ENV, "--format", "github", "-o", story.path("pipe"))


run_cases()
