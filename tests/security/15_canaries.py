#!/usr/bin/env python3
"""Values and tokens in everything that people or programs may read: errors, logs, output, arguments, temporary files."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import json  # noqa: E402

import vault  # noqa: E402

CANARY = "cAnArY-15-value"

BAD_BODIES = [
    '{"data": {"A": "CANARY"', '{"data": {"A": "CANARY"}} trailing CANARY', '{"data": ["CANARY"]}', '{"data": "CANARY"}',
    '{"data": {"A": "CANARY", "A": "CANARY"}}', '{"data": {"A": "\\ud800CANARY"}}', '{"data": {"A": CANARY}}', 'CANARY', '["CANARY"]',
    '{"data": {"A": "CANARY"}, "options": "CANARY"}', '{"data": {"A": "CANARY"}, "options": {"cas": "CANARY"}}',
    '{"data": {"A": "CANARY"}, "options": {"message": ["CANARY"]}}', '{"data": {"": "CANARY"}}',
]


def test_errors_never_repeat_what_was_sent():
    with vault.personal() as daemon:
        for body in BAD_BODIES:
            answer = daemon.put("secret/data/a/b", body.replace("CANARY", CANARY).encode())
            assert answer.status == 400, (body, answer)
            assert CANARY.encode() not in answer.body, body
        for path in ("secret/rollback/a/b", "secret/undelete/a/b", "secret/metadata/a/b", "sys/unseal", "sys/init", "secret/config"):
            answer = daemon.put(path, json.dumps({CANARY: CANARY, "versions": CANARY, "max_versions": CANARY, "key": CANARY,
                                                  "revision": CANARY, "slot": CANARY}).encode())
            assert CANARY.encode() not in answer.body, (path, answer)
        answer = daemon.get("secret/data/a/b", token=CANARY)
        assert answer.status == 403 and CANARY.encode() not in answer.body
        assert CANARY not in daemon.log()


def test_envctl_shows_no_value_in_errors_and_leaves_no_file():
    with vault.personal() as daemon:
        daemon.envctl("set", "a/b", "SECRET", stdin=CANARY, check=0)
        daemon.envctl("set", "a/b", "LD_PRELOAD", stdin=CANARY, check=0)
        calls = [("run", "a/b", "--", "true"), ("get", "a/b"), ("history", "a/b"), ("diff", "a/b", "a/c"), ("get", "a/b", "SECRETT"),
                 ("render", "a/b", "--format", "nonsense"), ("import", "a/b", "/dev/null", "--dialect", "nonsense"), ("status",), ("list",)]
        for call in calls:
            done = daemon.envctl(*call)
            assert CANARY not in done.stdout + done.stderr, call
        bad = os.path.join(daemon.dir, "bad.env")
        with open(bad, "w", encoding="utf-8") as out:
            out.write(f"A=\"{CANARY}\nB={CANARY}$(x)\n{CANARY}\n")
        for dialect in ("dotenv", "systemd", "shell", "docker", "compose", "json"):
            done = daemon.envctl("import", "a/x", bad, "--dialect", dialect)
            assert CANARY not in done.stdout + done.stderr, (dialect, done.stderr)
        os.remove(bad)
        for folder, _, names in os.walk(daemon.dir):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    assert CANARY.encode() not in open(path, "rb").read(), path


vault.main(globals())
