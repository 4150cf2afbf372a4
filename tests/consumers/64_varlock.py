#!/usr/bin/env python3
"""varlock, the reader of @env-spec from npm, against tests/vectors/schemas: each schema that uses decorators is loaded with the
variables of its valid and of its invalid set, and varlock finds the same variables wrong as our own check does (index.txt, which
tests/unit/schema/test_schema_corpus.c holds to our findings). What differs on purpose stands in DIFFERENT, with both sides and the reason.
varlock needs a newer node than Debian's, which npm has as a package of its own."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

import dialect_readers as readers

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(os.path.dirname(HERE), "vectors", "schemas")

ACCEPTED = None     # of what varlock makes of a set; else the variables that it complains of, none when it does not load the schema
UNKNOWN_IS_PROSE = "an unknown decorator is an error for varlock, and a warning here: prose may begin with @"
PLAIN_RULES = "without @defaultRequired everything is required for varlock, and here the rules of plain files hold"
NOT_RESOLVED = "varlock asks for the plugin; @plugin and functions that would have to be run are not resolved here"
NO_VARIABLE = "varlock wants at least one variable"
OURS_ALONE = 'facts of "# vaultd:" comments are ours alone'

# (schema, set): what varlock complains of, a part of what it says, what we have an error for, and why the two differ. Each is held to all of this.
DIFFERENT = {
    ("59-spec-unknown-decorator", "read"): ({"A"}, "Unknown decorator: @requird", set(), UNKNOWN_IS_PROSE),
    ("60-spec-plain-mix", "valid"): ({"EXTRA"}, "Value is required but is currently empty", set(), PLAIN_RULES),
    ("60-spec-plain-mix", "invalid"): ({"EXTRA", "PORT"}, "Unable to coerce string to number", {"PORT"}, PLAIN_RULES),
    ("61-spec-imports", "valid"): (set(), 'Plugin "@varlock/1password-plugin" unable to resolve', set(), NOT_RESOLVED),
    ("61-spec-imports", "invalid"): (set(), 'Plugin "@varlock/1password-plugin" unable to resolve', set(), NOT_RESOLVED),
    ("62-spec-disabled", "valid"): (set(), "No config items defined", set(), NO_VARIABLE),
    ("64-own-types", "invalid"): (ACCEPTED, '"UPSTREAM": "db"', {"UPSTREAM", "LIMITS", "SCHEDULE", "SIGNING_KEY", "RETRIES"}, OURS_ALONE),
    ("66-own-wrong", "read"): ({"A", "B"}, "Value is required but is currently empty", {"A", "B", "-"}, OURS_ALONE + ": of A and B varlock says that they are empty, and we that the facts are wrong"),
}


def read_set(path):
    """The portable dotenv, as far as these files go."""
    variables = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines.read().splitlines():
            name, _, value = line.partition("=")
            quoted = len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]
            variables[name] = value[1:-1] if quoted else value
    return variables


def expected():
    """{(schema, set): names with errors}; the set "read" is the schema's own text."""
    found = {}
    with open(os.path.join(VECTORS, "index.txt"), encoding="utf-8") as lines:
        for line in lines:
            schema, what, severity, _, _, *name = line.split()
            if severity == "error":
                found.setdefault((schema, what), set()).update(name or ["-"])
    return found


def uses_decorators(schema):
    with open(os.path.join(VECTORS, schema + ".env.example"), encoding="utf-8", newline="") as text:
        return re.search(r"#\s*@[a-zA-Z]+|# vaultd:", text.read()) is not None and not schema.startswith("33-")


def load(varlock, schema, variables):
    """Did varlock accept it, and of which variables did it complain?"""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(VECTORS, schema + ".env.example"), os.path.join(folder, ".env.schema"))
        command = [*varlock, "load", "--format", "json"]
        env = {"PATH": os.environ["PATH"], "HOME": folder, **variables}
        done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=120)
    # What hangs on a wrong variable is not wrong itself.
    wrong = re.findall(r"^[^\w\s]+ (\w+)\*?(?:  .*)?\n(?:   .*\n)*?   - (?!\[WARNING\]|Dependency )", done.stdout, re.M)
    return done.returncode == 0, set(wrong), done.stdout


def judge(varlock, found, schema, what):
    """A line of the test's output."""
    variables = read_set(os.path.join(VECTORS, f"{schema}.{what}.env")) if what != "read" else {}
    accepted, wrong, output = load(varlock, schema, variables)
    ours = found.get((schema, what), set())
    same = accepted == (not ours) and (what == "read" or wrong == ours)
    said = "\n# ".join(["", *output.strip().split("\n")[:12]])
    if (schema, what) in DIFFERENT:
        theirs, sentence, expected_of_us, why = DIFFERENT[schema, what]
        held = (ACCEPTED if accepted else wrong) == theirs and sentence in output and ours == expected_of_us
        return f"ok - {schema}, {what}, differs as it is known to: {why}" if held else \
            f"not ok - {schema}, {what}: not the known difference: varlock {'accepts it' if accepted else sorted(wrong)}, ours {sorted(ours)}{said}"
    if same:
        return f"ok - {schema}, {what}: {'accepted' if accepted else 'refused: ' + (' '.join(sorted(wrong)) or 'the schema itself')}"
    return f"not ok - {schema}, {what}: varlock {sorted(wrong)}, ours {sorted(ours)}{said}"


def varlock_of_npm():
    """The command, with node's own program from npm; no script of a package is run."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine)
    if not machine:
        raise readers.Skipped("npm has no node for this machine")
    node = readers.npm_package(f"node-linux-{machine}@22", "node-22")
    varlock = readers.npm_package("varlock@1.20.0", "varlock")
    return [f"{node}/node_modules/node-linux-{machine}/bin/node", f"{varlock}/node_modules/varlock/bin/cli.js"]


def main():
    found = expected()
    schemas = sorted(name.removesuffix(".env.example") for name in os.listdir(VECTORS) if name.endswith(".env.example"))
    try:
        varlock = varlock_of_npm()
    except readers.Skipped as reason:
        print(f"ok - varlock # SKIP {reason}")
        return 0
    jobs = []
    for schema in filter(uses_decorators, schemas):
        sets = [what for what in ("valid", "invalid") if os.path.exists(os.path.join(VECTORS, f"{schema}.{what}.env"))]
        jobs += [(schema, what) for what in sets or ["read"]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        lines = list(pool.map(lambda job: judge(varlock, found, *job), jobs))
    print("\n".join(lines))
    gone = sorted(set(DIFFERENT) - set(jobs))
    enough = len(lines) > 50 and not gone
    print(f"{'ok' if enough else 'not ok'} - {len(lines)} sets, {len(DIFFERENT)} of them different on purpose{' and not there: ' + str(gone) if gone else ''}")
    return 1 if not enough or any(line.startswith("not ok") for line in lines) else 0


sys.exit(main())
