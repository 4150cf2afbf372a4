#!/usr/bin/env python3
# tier: quick
"""What a dialect reads is what each version of its reader makes of the text, by the matrix in tests/vectors/dialect-matrix.txt; and what no version
gives alike is refused. So compose-go, godotenv and Ruby's dotenv after Debian's are held to as well, which dialects.py cannot run."""
import ast
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "consumers"))
import dialect_cases  # noqa: E402

TOOL = dialect_cases.Tool(os.path.join(os.environ.get("VAULTD_BUILD", os.path.join(TOP, "build")), "tests/consumers/dialect_tool"))
MATRIX = os.path.join(os.environ.get("VAULT_VECTORS", os.path.join(TOP, "tests/vectors")), "dialect-matrix.txt")

# dialect: its readers, and how many of the 77 texts it takes: to refuse all of them would be no feat.
DIALECTS = {
    "motdotla": (("motdotla", "motfast"), 72), "node": (("nodebuiltin",), 74), "python-dotenv": (("python",), 70),
    "godotenv": (("godotenv", "godotenv151"), 53), "compose": (("compose",), 63), "ruby-dotenv": (("ruby3", "ruby24"), 56),
    "systemd": (("systemd",), 74), "docker": (("docker",), 73), "podman": (("podman",), 68), "shell": (("dash", "bash"), 51),
    "dotenv": (("motdotla", "motfast", "nodebuiltin", "python", "godotenv", "godotenv151", "compose", "ruby3"), 27),
}
# A name alone: these take it from the environment that they are started in, and there is none here (docs/env-formats.md).
FROM_ENVIRONMENT = {("compose", b"HOSTVAR\n"), ("docker", b"HOSTVAR\n")}


def matrix():
    """[(text, {reader: variables, or None for a reader that gave up})]"""
    cases = []
    with open(MATRIX, encoding="utf-8") as lines:
        for line in lines:
            head = re.match(r"## .*? (b['\"].*)$", line)
            answer = re.match(r"    (.*) <- (.*)$", line)
            if head:
                cases.append((ast.literal_eval(head.group(1)), {}))
            elif answer:
                given = json.loads(answer.group(1))
                if isinstance(given, dict):
                    given = {name: value.encode("utf-8", "surrogateescape") for name, value in given.items() if value is not None}
                for reader in answer.group(2).split():
                    cases[-1][1][reader] = given if isinstance(given, dict) else None
    return cases


def judge(dialect, readers, cases):
    """What is wrong, a line each, and how many texts were taken."""
    wrong, taken = [], 0
    for (text, answers), found in zip(cases, TOOL.decode(dialect, [text for text, _ in cases])):
        taken += found is not None
        for reader in readers:
            given = {} if (reader, text) in FROM_ENVIRONMENT else answers[reader]
            if found is not None and found != given:
                wrong.append(f"{text!r} gives {found!r}, and for {reader} {'an error' if given is None else repr(given)}")
    return wrong, taken


def main():
    cases, failed = matrix(), 0
    for dialect, (readers, expected) in DIALECTS.items():
        wrong, taken = judge(dialect, readers, cases)
        if taken != expected:
            wrong.append(f"{taken} texts are taken, not {expected}")
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} - {dialect}: {taken} of {len(cases)} texts are taken, as {', '.join(readers)} read them")
        print("".join(f"#   {line}\n" for line in wrong), end="")
    # Answers that belong to other texts must be noticed, or nothing is compared.
    moved = [(text, answers) for (text, _), (_, answers) in zip(cases, cases[1:] + cases[:1])]
    blind = [dialect for dialect, (readers, expected) in DIALECTS.items() if 2 * len(judge(dialect, readers, moved)[0]) < expected]
    failed += bool(blind)
    print(f"{'not ok' if blind else 'ok'} - wrong answers are noticed{': not by ' + ', '.join(blind) if blind else ''}")
    print(f"1..{len(DIALECTS) + 1}")
    sys.exit(1 if failed else 0)


main()
