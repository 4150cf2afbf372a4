#!/usr/bin/env python3
# alone: yes
"""A damaged database: an error with a name, or every record as it was written; never another value, silence, or a signal.

damage.c (its head says how) makes a vault with records of all tables and sizes and damages its file: single bits everywhere and in each
kind of place, pages that are cut off, zeroed, duplicated, misplaced, swapped, or old. The product's own code opens, unseals and reads it.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import re  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402

import vault  # noqa: E402

DAMAGE = os.path.join(vault.BUILD, "tests/faults/damage")
JOBS = os.environ.get("VAULT_JOBS", "2")
FLIPS = int(os.environ.get("VAULT_FLIPS", 1000000 if vault.TIER == "long" else 5000))
LIVE = int(os.environ.get("VAULT_LIVE", 100000 if vault.TIER == "long" else 500))
COLUMNS = ("images", "open", "unseal", "read", "harmless", "ended", "unnamed", "wrong", "missing", "signal")
BAD = COLUMNS[6:]
CLASSES = ("bit-any-used-page", "bit-meta-page", "bit-branch-page", "bit-leaf-header", "bit-node-header", "bit-value-header",
           "bit-overflow-header", "bit-overflow-body", "bit-free-list", "cut-off", "zeroed-page", "duplicated-page", "misdirected-page",
           "swapped-pages", "old-page", "old-value")
# What LMDB does not look at while it is open and the records' own seals do: it never ends the process.
SEALED = ("bit-value-header", "bit-overflow-body", "old-value")

# What must find each weakness: a class, how many bits, live or at a start, and as what it is found.
WEAKNESSES = {
    "walk": ("bit-leaf-header", 6000, False, "signal"),
    "meta": ("bit-meta-page", 10240, False, "signal"),
    "tag": ("zeroed-page", 1, False, "wrong"),
    "accumulator": ("old-value", 1, False, "wrong"),
    "pins": ("old-value", 1, True, "wrong"),
    "faults": ("zeroed-page", 1, True, "signal"),
}


def damage(*arguments):
    """Exit code, and the numbers of each class; the output is printed."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="vaultd-damage-", dir=memory) as scratch:
        done = subprocess.run([DAMAGE, "--jobs", JOBS, *arguments, scratch], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode in (0, 1), (arguments, done.returncode, done.stderr[-1000:])
    rows = {}
    for line in done.stdout.split("\n"):
        fields = line.split()
        if len(fields) == 1 + len(COLUMNS) and fields[1].isdigit():
            rows[fields[0]] = dict(zip(COLUMNS, map(int, fields[1:])))
    return done.returncode, rows, done.stdout


def show(output):
    print("\n".join("# " + line.lstrip("# ") for line in output.strip().split("\n")), flush=True)


def test_damage_before_a_start_is_found_or_harmless():
    code, rows, output = damage("--flips", str(FLIPS), "--live", "0")
    show(output)
    assert code == 0 and not any(rows["all"][bad] for bad in (*BAD, "ended")), output
    assert set(rows) == {*CLASSES, "all"}, "a class has no image"
    assert sum(row["images"] for name, row in rows.items() if name.startswith("bit-")) == FLIPS
    assert sum(rows["all"][column] for column in COLUMNS[1:]) == rows["all"]["images"]
    # Damage that matters is found, and each check has its part: nothing lets all pass.
    assert all(rows["all"][column] > rows["all"]["images"] // 50 for column in ("open", "unseal", "read")), rows["all"]


def test_damage_under_an_open_vault_is_found_or_harmless():
    code, rows, output = damage("--flips", "0", "--live", str(LIVE))
    show(output)
    assert code == 0 and not any(rows["all"][bad] for bad in BAD), output
    for name in SEALED:
        assert rows[name]["ended"] == 0, (name, rows[name])
    # LMDB maps the file: what is cut off under it ends the process, with a name and never by a signal (docs/threat-model.md).
    assert rows["all"]["ended"] - rows["cut-off"]["ended"] < rows["all"]["images"] // 20, rows["all"]


def weakness_test(name):
    def test():
        class_name, bits, live, found = WEAKNESSES[name]
        code, rows, output = damage("--weak", name, "--class", class_name, *(("--flips", "0", "--live") if live else ("--live", "0", "--flips")),
                                    str(bits))
        assert code == 1 and rows["all"][found] > 0, f"{name} is not found: {output}"
        print(f"# {name}: {rows['all'][found]} of {rows['all']['images']} images, as {found}", flush=True)
        code, _, output = damage("--class", class_name, *(("--flips", "0", "--live") if live else ("--live", "0", "--flips")), str(bits))
        assert code == 0, output
    return test


for weakness in WEAKNESSES:
    globals()["test_planted_" + weakness] = weakness_test(weakness)


def test_no_weakness_is_forgotten():
    assert sorted(WEAKNESSES) == sorted(subprocess.check_output([DAMAGE, "--weaknesses"], text=True).split())


def test_a_record_that_differs_from_what_was_written_is_noticed():
    code, rows, output = damage("--wrong-oracle", "--class", "bit-value-header", "--flips", "700", "--live", "0")
    assert code == 1 and rows["all"]["harmless"] == 0 and rows["all"]["wrong"] > 20, output


def test_a_finding_can_be_made_again():
    _, _, output = damage("--weak", "accumulator", "--class", "old-value", "--flips", "1", "--live", "0")
    number, what = re.search(r"^# (\d+): (.*)$", output, re.M).groups()
    _, _, again = damage("--weak", "accumulator", "--class", "old-value", "--flips", "1", "--live", "0", "--only", number)
    assert what in again, (what, again)


vault.main(globals())
