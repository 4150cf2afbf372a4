#!/usr/bin/env python3
# tier: quick
"""Runs every example of docs/http-api.md on a fresh daemon and compares the answers."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vault  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def fits(expected, got, at=""):
    """What is expected must be there; members that are not named may be; "…" fits anything."""
    if expected == "…":
        return None
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return f"{at}: an object was expected"
        for name, value in expected.items():
            if name not in got:
                return f"{at}/{name}: missing"
            problem = fits(value, got[name], f"{at}/{name}")
            if problem:
                return problem
        return None
    if isinstance(expected, list):
        if not isinstance(got, list) or len(expected) != len(got):
            return f"{at}: a list of {len(expected)} was expected"
        return next((p for p in (fits(e, g, f"{at}/{i}") for i, (e, g) in enumerate(zip(expected, got))) if p), None)
    return None if expected == got else f"{at}: {expected!r} was expected"


def examples():
    text = open(os.path.join(TOP, "docs/http-api.md"), encoding="utf-8").read()
    return re.findall(r"```sh\n(.*?)```\n```json\n(.*?)```", text, re.S)


def main():
    found = examples()
    failed = len(found) < 12
    if failed:
        print("not ok - too few examples were found in docs/http-api.md")
    with vault.personal() as daemon:
        for command, answer in found:
            done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                                  env=dict(os.environ, SOCK=daemon.socket, TOKEN=daemon.root_token))
            name = command.split("http://vault")[1].split()[0].strip("'")
            try:
                problem = fits(json.loads(answer, parse_float=str), json.loads(done.stdout, parse_float=str))
            except ValueError:
                problem = "no JSON came back: " + done.stdout.decode(errors="replace")[:200]
            print(("not ok - " if problem else "ok - ") + name)
            if problem:
                failed = True
                print("#", problem)
                print("#", done.stdout.decode(errors="replace")[:600])
    return 1 if failed else 0


sys.exit(main())
