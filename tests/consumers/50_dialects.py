#!/usr/bin/env python3
# slow: yes
"""The readers of env files on this machine agree with the dialects, and each notices mistakes: the tables of dialects.py, a test
for each line."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TOOL = os.path.join(os.environ.get("VAULTD_BUILD", os.path.join(TOP, "build")), "tests/consumers/dialect_tool")
LONG = os.environ.get("VAULT_TIER") == "long"


def run_dialects(*options):
    """A line "ok" or "not ok" for each reader."""
    command = [sys.executable, os.path.join(HERE, "dialects.py"), "--tool", TOOL, *(["--long"] if LONG else []), *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    for line in done.stderr.split("\n"):    # the first differences, and what readers say themselves
        print("# " + line)
    for line in done.stdout.split("\n")[1:-1]:
        words = line.split()
        if words[3] == "skipped:":
            print(f"ok - {' '.join(words[:3])} # SKIP {' '.join(words[4:])}")
        elif words[2] == "mistakes":
            print(f"{'ok' if words[4] == '0' else 'not ok'} - {words[0]} {words[1]} notices mistakes: {words[5]} of {words[3]}")
        else:
            bad = words[4] != "0"
            print(f"{'not ok' if bad else 'ok'} - {' '.join(words[:3])}: {words[3]} cases, {words[4]} differences, {words[5]} refused")
    return done.returncode


status = run_dialects("--cases", "5000" if LONG else "500") | run_dialects("--self-test")
sys.exit(status)
