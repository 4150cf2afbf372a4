#!/usr/bin/env python3
# tier: quick
"""Runs every example of docs/http-api.md and docs/templates.md, each on a fresh daemon, and compares the answers."""
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


def examples(page):
    text = open(os.path.join(TOP, page), encoding="utf-8").read()
    return re.findall(r"```sh\n(.*?)```\n```json\n(.*?)```", text, re.S)


PAGES = {"docs/http-api.md": 12, "docs/templates.md": 8}  # and how many examples there must be at least


def run_page(page, least):
    found = examples(page)
    failed = len(found) < least
    if failed:
        print(f"not ok - too few examples were found in {page}")
    with vault.personal() as daemon:
        for command, answer in found:
            done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                                  env=dict(os.environ, SOCK=daemon.socket, TOKEN=daemon.root_token, KEY=daemon.slot_key(), WORK=daemon.dir))
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
    return failed


sys.exit(1 if sum([run_page(page, least) for page, least in PAGES.items()]) else 0)
