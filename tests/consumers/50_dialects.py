#!/usr/bin/env python3
"""The readers of env files on this machine agree with the dialects: the table of dialects.py, a test for each line. And the
examples of docs/env-formats.md are what is written."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TOOL = os.path.join(os.environ.get("VAULTD_BUILD", os.path.join(TOP, "build")), "tests/consumers/dialect_tool")
LONG = os.environ.get("VAULT_TIER") == "long"


def run_dialects(*options):
    """A line "ok" or "not ok" for each reader."""
    command = [sys.executable, os.path.join(HERE, "dialects.py"), "--tool", TOOL, *(["--long"] if LONG else []), *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in done.stdout.split("\n")[1:-1]:
        words = line.split()
        if line.startswith("  ") or len(words) < 5:
            print("# " + line)
        elif words[3] == "skipped:":
            print(f"ok - {' '.join(words[:3])} # SKIP {' '.join(words[4:])}")
        elif words[2] == "mistakes":
            print(f"{'ok' if words[4] == '0' else 'not ok'} - {words[0]} {words[1]} notices mistakes: {words[5]} of {words[3]}")
        else:
            bad = words[4] != "0"
            print(f"{'not ok' if bad else 'ok'} - {' '.join(words[:3])}: {words[3]} cases, {words[4]} differences, {words[5]} refused")
    return done.returncode


def encode(dialect, variables):
    line = json.dumps({name: value.encode().hex() for name, value in variables.items()}) + "\n"
    word, rest = subprocess.run([TOOL, "encode", dialect], input=line, stdout=subprocess.PIPE, text=True, check=True).stdout.split(" ", 1)
    return bytes.fromhex(rest).decode() if word == "ok" else f"refused {rest}"


def check_examples():
    """Each block after an "example:" comment: the set, then what a dialect writes of it; what is left out is refused."""
    with open(os.path.join(TOP, "docs/env-formats.md"), encoding="utf-8") as page:
        text = page.read()
    blocks = re.findall(r"<!-- example: ([\w-]+)(?: without (\w+))? -->\n```\w*\n(.*?)```\n", text, re.DOTALL)
    listed = re.findall(r"^\| \[`([\w-]+)`\]\(#", text, re.MULTILINE)
    variables = json.loads(blocks[0][2])
    failed = 0
    for dialect, without, text in blocks[1:]:
        held = {name: value for name, value in variables.items() if name != without}
        good = encode(dialect, held) == text and (not without or encode(dialect, variables).split() == ["refused", f'["{without}"]'])
        failed += not good
        print(f"{'ok' if good else 'not ok'} - the example of {dialect} in docs/env-formats.md")
    missing = set(listed) - {block[0] for block in blocks}
    if len(listed) < 6 or missing:
        print(f"not ok - docs/env-formats.md has an example of each dialect: {sorted(missing)}")
    return failed + (len(listed) < 6 or bool(missing))


status = run_dialects("--cases", "5000" if LONG else "500") | run_dialects("--self-test")
sys.exit(1 if check_examples() or status else 0)
