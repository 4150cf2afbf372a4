#!/usr/bin/env python3
"""Drives the real readers of env files with generated environments and texts, and compares.

    python3 tests/consumers/dialects.py --tool build/tests/consumers/dialect_tool [--cases 500] [--seed 2026] [--only NAME]...

One line for each reader: dialect, reader, direction, cases, differences, refused.

  written  the dialect wrote a generated environment, the reader read it. Refused counts the variables that the dialect
           declined to write. The reader "rules" is dialect_rules.py: refused without a rule is a difference, and so is
           written in spite of one.
  names    each name of dialect_names.py alone: a reader gives back what is written, and does not take what is refused.
  read     the dialect's own reader and the real one read the same generated text. Refused counts the texts that ours
           declined; the others must come out the same.

--long also drives the readers that take long to install or to build. --markdown prints the table of docs/env-formats.md.
--self-test writes every text with a mistake in it and fails where a reader does not notice. --jobs N readers at a time (2).
Exit code 1 when there is a difference. A reader that is not on this machine is skipped, with the reason.
"""
import argparse
import collections
import concurrent.futures
import functools
import os
import random
import sys
import tempfile
import threading

import dialect_cases as cases_of
import dialect_names as names_of
import dialect_readers as readers
import dialect_rules as rules

BOTH = ("written", "read")
WRITTEN = ("written",)
SHELLS = [("dash", readers.shell("dash")), ("bash", readers.shell("bash")), ("busybox-sh", readers.shell("busybox", "sh"))]
NODES = [("node", readers.node_of_the_machine)] + [(f"node-{version}", readers.node_of_npm(version)) for version in (20, 22, 24)]
NPM = [("npm-dotenv", readers.npm_dotenv("{}")), ("npm-dotenv-fast", readers.npm_dotenv("{fast: true}"))]
PYTHONS = [("python3-dotenv", readers.python_dotenv), ("python-dotenv-1", readers.python_dotenv_1)]
RUBY = readers.ruby("require 'dotenv'", "(Dotenv.respond_to?(:parse) ? Dotenv.parse('ruby.env') : Dotenv::Environment.new('ruby.env', true))")

# dialect, reader, function, directions, and how many cases are joined to one text (0: none) for programs that start slowly.
ROWS = [
    ("systemd", "libsystemd", readers.systemd, BOTH, 0),
    *[("systemd", name, function, WRITTEN, 0) for name, function in SHELLS],
    ("docker", "docker-cli", readers.docker_cli, BOTH, 40),
    ("docker", "docker-engine", readers.real_engine, WRITTEN, 250),
    ("podman", "podman", readers.podman, BOTH, 40),
    ("kubectl", "kubectl", readers.kubectl, BOTH, 40),
    ("compose-environment", "docker-compose", readers.docker_compose, BOTH, 0),
    *[("dotenv", name, function, BOTH, 0) for name, function in (*NODES, *NPM, *PYTHONS)],
    *[("dotenv", name, function, WRITTEN, 0) for name, function in (("libsystemd", readers.systemd), *SHELLS)],
    ("dotenv", "godotenv", readers.godotenv, BOTH, 0),
    *[("motdotla", name, function, BOTH, 0) for name, function in NPM],
    *[("node", name, function, BOTH, 0) for name, function in NODES],
    *[("python-dotenv", name, function, BOTH, 0) for name, function in PYTHONS],
    ("godotenv", "godotenv", readers.godotenv, BOTH, 0),
    ("ruby-dotenv", "ruby-dotenv", RUBY, BOTH, 0),
    *[("shell", name, function, BOTH, 0) for name, function in SHELLS],
    ("fish", "fish", readers.fish, BOTH, 0),
    ("envdir", "envdir", readers.directory("envdir"), BOTH, 0),
    ("envdir", "chpst", readers.directory("chpst", "-e"), BOTH, 0),
    ("directory", "file", readers.name_file, BOTH, 0),
    ("github", "documentation", readers.github_env, BOTH, 0),
    ("gitlab", "documentation", readers.gitlab_report, BOTH, 0),
    ("kubernetes", "python3-yaml", readers.yaml_reader(readers.PYTHON_YAML, readers.of_secret), BOTH, 0),
    ("kubernetes", "ruby-psych", readers.yaml_reader(readers.RUBY_YAML, readers.of_secret), BOTH, 0),
    ("kubernetes", "kubectl", readers.kubectl_secret, BOTH, 0),
    ("json", "python-json", readers.python_json, BOTH, 0),
    ("json", "node-json", readers.node_json, BOTH, 0),
    ("yaml", "python3-yaml", readers.yaml_reader(readers.PYTHON_YAML, readers.of_strings), BOTH, 0),
    ("yaml", "ruby-psych", readers.yaml_reader(readers.RUBY_YAML, readers.of_strings), BOTH, 0),
]
LONG_READERS = {"godotenv"}
SLOW_READERS = {"docker-cli", "podman", "kubectl", "docker-compose"}
OUTPUT = threading.Lock()


def is_beyond(reader, variables):
    """systemd also refuses Unicode's noncharacters, which the portable dialect may write: such sets are not for it."""
    return reader == "libsystemd" and any(rules.noncharacter("", value) for value in variables.values())


class Cases:
    """The generated cases of each dialect, made once for all of its readers."""

    def __init__(self, tool, options):
        self.tool = tool
        self.options = options
        self.lock = threading.Lock()

    @functools.lru_cache(maxsize=None)
    def sets(self, dialect, group):
        """[(set, text)], refused variables, number of cases."""
        sets = cases_of.make_sets(dialect, self.options.cases, self.options.seed)
        if group:
            sets = cases_of.join_sets(sets, cases_of.group_sizes(len(sets), group))
        return (*self.tool.encode(dialect, sets), self.options.cases)

    @functools.lru_cache(maxsize=None)
    def texts(self, dialect, group):
        texts, refused = cases_of.make_texts(self.tool, dialect, self.options.cases, self.options.seed)
        count = len(texts)
        if group:
            texts = cases_of.join_texts(self.tool, dialect, texts, cases_of.group_sizes(count, group))
        return texts, refused, count

    @functools.lru_cache(maxsize=None)
    def names(self, dialect):
        """What is written of each name alone, and the names that are refused."""
        return names_of.write_each(self.tool, dialect, [(name, names_of.VALUE) for name in names_of.NAMES])

    def of(self, dialect, direction, group):
        with self.lock:
            return self.sets(dialect, group) if direction == "written" else self.texts(dialect, group)


def say(line, error=False):
    with OUTPUT:
        print(line, file=sys.stderr if error else sys.stdout, flush=True)


def compare(cases, answers, label):
    differences = 0
    for (variables, text), answer in zip(cases, answers):
        if answer == variables:
            continue
        differences += 1
        if differences <= 3:
            if isinstance(answer, dict) and len(variables) > 6:
                names = [name for name in {**variables, **answer} if variables.get(name) != answer.get(name)]
                variables, answer, text = [{name: one.get(name) for name in names[:6]} for one in (variables, answer)] + ["(many)"]
            say(f"  {label}: text {text!r:.2000}\n    expected {variables!r:.2000}\n    got      {answer!r:.2000}", error=True)
    return differences


class Row:
    """A line of the table."""

    def __init__(self, dialect, reader, direction, cases=0, differences=0, refused=0, skipped=None):
        self.dialect, self.reader, self.direction = dialect, reader, direction
        self.cases, self.differences, self.refused, self.skipped = cases, differences, refused, skipped

    def show(self, markdown):
        what = f"{self.dialect} {self.reader} {self.direction}"
        if markdown:
            return f"| {self.dialect} | {self.reader} | {self.direction} | " + \
                (f"skipped: {self.skipped} | | |" if self.skipped else f"{self.cases} | {self.differences} | {self.refused} |")
        return f"{what} skipped: {self.skipped}" if self.skipped else f"{what} {self.cases} {self.differences} {self.refused}"


def run_reader(cases, row, direction, folder):
    dialect, reader, function, _, group = row
    some, refused, count = cases.of(dialect, direction, group)
    held = [case for case in some if not (direction == "written" and is_beyond(reader, case[0]))]
    count -= len(some) - len(held)
    refused = len(refused) if direction == "written" else refused
    try:
        answers = function([text for _, text in held], folder)
    except readers.Skipped as why:
        return Row(dialect, reader, direction, skipped=str(why))
    return Row(dialect, reader, direction, count, compare(held, answers, f"{dialect} {reader} {direction}"), refused)


def say_some(sentences):
    for sentence in sentences[:3]:
        say("  " + sentence, error=True)
    return len(sentences)


def run_rules(cases, dialect, show_reasons):
    """What was refused, and what was not, against the rules; counted by reason."""
    held, refused, count = cases.of(dialect, "written", 0)
    taken = [pair for variables, _ in held for pair in variables.items()]
    wrong = say_some(names_of.differences_to_rules(dialect, taken, refused))
    if show_reasons:
        for words, times in collections.Counter(rules.reason(dialect, *pair) for pair in refused).most_common():
            say(f"  {dialect}: {times} for {words}", error=True)
    return Row(dialect, "rules", "written", count, wrong, len(refused))


def run_rules_of_names(cases, dialect):
    """The same for all names, and for values at the limits."""
    taken, refused = cases.names(dialect)
    at_limits, beyond = names_of.write_each(cases.tool, dialect, names_of.LIMITS.get(dialect, []))
    pairs = [pair for pair, _ in taken + at_limits]
    wrong = say_some(names_of.differences_to_rules(dialect, pairs, refused + beyond))
    return Row(dialect, "rules", "names", len(pairs) + len(refused + beyond), wrong, len(refused + beyond))


def run_names(cases, row, folder):
    dialect, reader, function, _, group = row
    taken, refused = cases.names(dialect)
    asked = names_of.texts_for(dialect, reader, taken, refused, group > 0)
    try:
        answers = function([text for text, _, _ in asked], folder)
    except readers.Skipped as why:
        return Row(dialect, reader, "names", skipped=str(why))
    return Row(dialect, reader, "names", len(taken) + len(refused), say_some(names_of.differences_to_reader(dialect, reader, asked, answers)), len(refused))


def test_reader(cases, row, folder):
    """With a mistake in each text, a reader must find differences; a reader that does not compares nothing."""
    dialect, reader, function, _, _ = row
    rng = random.Random(f"{dialect} {reader}")
    some = [case for case in cases.of(dialect, "written", 0)[0] if any(case[0].values())][:30]
    wrong = [(variables, cases_of.mutate(rng, text)) for variables, text in some]
    try:
        answers = function([text for _, text in wrong], folder)
    except readers.Skipped as why:
        return Row(dialect, reader, "mistakes", skipped=str(why))
    noticed = sum(answer != variables for (variables, _), answer in zip(wrong, answers))
    return Row(dialect, reader, "mistakes", len(wrong), int(noticed * 2 < len(wrong)), noticed)


def work_of(cases, options):
    """[function that gives a Row], in the order of the table."""
    chosen = [row for row in ROWS if row[0] in cases.tool.dialects and (options.long or row[1] not in LONG_READERS) and
              (not options.only or set(options.only) & set(row[:2]))]
    work = []
    if not options.self_test:
        for dialect in cases.tool.dialects:
            if not options.only or dialect in options.only or "rules" in options.only:
                work += [functools.partial(run_rules, cases, dialect, options.reasons), functools.partial(run_rules_of_names, cases, dialect)]
    for row in chosen:
        if options.self_test:
            work.append(functools.partial(in_folder, test_reader, cases, row))
        else:
            work += [functools.partial(in_folder, run_reader, cases, row, direction) for direction in row[3]]
            # docker's client has read the names that its engine gets; podman and others take seconds for a few.
            if row[1] != "docker-engine" and (options.long or row[1] not in SLOW_READERS):
                work.append(functools.partial(in_folder, run_names, cases, row))
    return work


def in_folder(function, *arguments):
    with tempfile.TemporaryDirectory(prefix="vault-dialects-", ignore_cleanup_errors=True) as folder:
        return function(*arguments, folder)


def main():
    parser = argparse.ArgumentParser(description="compares the env-file dialects with the real readers")
    parser.add_argument("--tool", required=True, help="the program dialect_tool of the build directory")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", default="2026")
    parser.add_argument("--only", action="append", help="one dialect or reader (repeatable)")
    parser.add_argument("--long", action="store_true", help="also the readers that take long to build")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="the table as it stands in docs/env-formats.md")
    parser.add_argument("--reasons", action="store_true", help="also what was refused why, on standard error")
    parser.add_argument("--self-test", action="store_true", help="mistakes in all texts: every reader must notice")
    options = parser.parse_args()
    cases = Cases(cases_of.Tool(os.path.abspath(options.tool)), options)
    failed = False
    if options.markdown:
        say("| dialect | reader | direction | cases | differences | refused |\n|---|---|---|---:|---:|---:|")
    else:
        say("dialect reader direction cases differences refused")
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(lambda one: one(), work_of(cases, options)):
            say(row.show(options.markdown))
            failed = failed or row.differences > 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
