#!/usr/bin/env python3
"""The readers of env files on this machine agree with the dialects: the table of dialects.py, a test for each line."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("VAULTD_BUILD", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build"))
CASES = {"long": "5000"}.get(os.environ.get("VAULT_TIER"), "200")


def main():
    command = [sys.executable, os.path.join(HERE, "dialects.py"), "--tool", os.path.join(BUILD, "tests/consumers/dialect_tool"), "--cases", CASES]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in done.stdout.split("\n")[1:-1]:
        words = line.split()
        if line.startswith("  ") or len(words) < 5:
            print("# " + line)
        elif words[3] == "skipped:":
            print(f"ok - {' '.join(words[:3])} # SKIP {' '.join(words[4:])}")
        else:
            bad = words[4] != "0"
            print(f"{'not ok' if bad else 'ok'} - {' '.join(words[:3])}: {words[3]} cases, {words[4]} differences, {words[5]} refused")
    sys.exit(done.returncode)


main()
