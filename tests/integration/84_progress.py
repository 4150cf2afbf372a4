#!/usr/bin/env python3
"""How far a backup and a restore are is shown on a terminal, and nowhere else."""
import json
import os
import re

from envctl_story import case, run_cases

PASSPHRASE = "correct horse\n"


def fill(story):
    for number in range(20):
        story.good("set", f"shop/{number}", "A", "-", stdin=os.urandom(40000).hex())


def shown(text):
    """What stands on the screen in the end, a line each: what a line began again with is gone."""
    lines = text.replace("\r\n", "\n").split("\n")
    return [re.split(r"\r(?:\x1b\[K)?", line)[-1] for line in lines]


@case
def a_backup_and_a_restore_on_a_terminal(story):
    fill(story)
    backup, target = story.path("vault.backup"), story.path("restored")
    text = story.terminal("backup", "-o", backup)
    records = int(re.search(r", (\d+) records, counter ", text).group(1))
    steps = re.findall(r"\r(\d+\.\d) MiB of (\d+) records ", text)
    assert steps and {int(of) for _, of in steps} == {records}, text
    assert [float(done) for done, _ in steps] == sorted(float(done) for done, _ in steps), text
    assert [line for line in shown(text) if "MiB of" in line] == [], text     # it is taken away at the end
    text = story.terminal("restore", backup, target, "--passphrase", answers=[("assphrase", PASSPHRASE)])
    steps = [(int(done), int(of)) for done, of in re.findall(r"\r\d+\.\d MiB, (\d+) of (\d+) records", text)]
    assert steps[-1] == (records, records) and steps == sorted(steps), text
    steps = [(int(done), int(of)) for done, of in re.findall(r"\rchecked (\d+) of (\d+)", text)]
    assert steps and steps[-1][0] == steps[-1][1] > 0 and steps == sorted(steps), text
    assert os.path.exists(os.path.join(target, "vault.db"))


@case
def nothing_of_it_without_a_terminal_or_with_quiet(story):
    fill(story)
    backup, secret = story.path("vault.backup"), story.path("passphrase")
    with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as handle:
        handle.write(PASSPHRASE)
    assert "MiB of" not in story.good("backup", "-o", backup).err
    text = story.terminal("backup", "-o", backup, "--force", "--quiet")
    assert "MiB" not in text and "\r\x1b" not in text, text
    text = story.terminal("restore", backup, story.path("two"), "--passphrase-file", secret, "--quiet")
    assert "MiB" not in text and "checked" not in text and os.path.exists(story.path("two")), text
    out = story.good("restore", backup, story.path("one"), "--passphrase-file", secret, "--json")
    assert out.err == "" and json.loads(out.out)["restored"] is True, out


if __name__ == "__main__":
    run_cases()
