#!/usr/bin/env python3
# slow: yes
"""Every call that changes a file fails once, and from then on, in what cares for a store: compaction, backup, restore, accept.

The program that writes has the library: the daemon, envctl, vaultd restore, vaultd recover. Whatever fails, it ends with a code and a
sentence of its own; "done" means that the new is there whole, also for who opens it with the C library alone; anything else leaves the
old whole and nothing beside it, or says that it is not known which. Once the fault is over the same command works. Then bugs are
planted, and each must be found. care_scenes.py has the scenes.
"""
import collections
import dataclasses
import errno
import os
import random
import subprocess

import care_scenes
import faults
from care_scenes import SCENES, Broken, require
from faults import AFTER, BEFORE, COUNT, DROPPED, FILES, RENAME, SHORT, SYNC, WRITE, FaultyDaemon, vault

LONG = vault.TIER == "long"
RUNS = 7		# of each scene in a plain run
CODES = (74, 75)	# docs/operations.md: input or output failed; busy, while a database is opened again
# name -> kind, errno, whether only writes can fail like that
FAULTS = {
    "EIO": (BEFORE, errno.EIO, False), "ENOSPC": (BEFORE, errno.ENOSPC, False), "EINTR": (BEFORE, errno.EINTR, False),
    "short": (SHORT, 0, True), "done but EIO": (AFTER, errno.EIO, False),
}
ORIGINAL = []


def original():
    if not ORIGINAL:
        ORIGINAL.append(care_scenes.Original())
    return ORIGINAL[0]


def check(scene, outcome, fault):
    """What must hold behind one run; the fault is over."""
    struck = scene.faults.last
    require(outcome.code >= 0, "it was ended by a signal", outcome)
    # What cannot be removed stays, and what was made without the program being told so.
    excused = struck in ("unlink", "create") or fault.times == 0
    if outcome.code == 0:
        number = scene.faults.classes()[:fault.first - 1].count(SYNC)
        require(struck != "sync" or fault.kind == SHORT or scene.forgives_sync(number), "told as done though a sync failed", outcome)
        require(excused or not scene.left_over(), "left over", scene.left_over())
        scene.check_done()
        return
    require(outcome.code in CODES, "an exit code that does not fit", outcome)
    require(len(outcome.text) > 20, "no sentence", outcome)
    require(excused or not scene.left_over(), "left over", scene.left_over())
    scene.check_not_done(outcome)
    again = scene.again()
    require(again is None or again.code == 0, "it does not work again", again)
    scene.check_done()


@dataclasses.dataclass
class Fault:
    """Of the calls of some classes (bits) that which fails first, and how many: 0 is for ever."""
    kind: int
    error: int
    classes: int
    first: int
    times: int


def run(name, fault, lie=False):
    """The number of calls that failed."""
    scene = SCENES[name](original())
    try:
        scene.faults.arm(fault.kind, classes=fault.classes, first=fault.first, times=fault.times, error=fault.error)
        outcome = scene.act()
        fired = scene.faults.disarm()
        if lie:
            outcome.code = 0
        check(scene, outcome, fault)
        return fired
    finally:
        scene.remove()


def places(name):
    """The classes of the calls of a scene, in their order."""
    scene = SCENES[name](original())
    try:
        scene.faults.arm(COUNT)
        outcome = scene.act()
        classes = scene.faults.classes()
        scene.faults.disarm()
        require(outcome.code == 0, "without a fault", outcome)
        scene.check_done()
        return classes
    finally:
        scene.remove()


def cases(classes, dice):
    """(what is said of it, the fault). Once: by the number among calls of its class, as a backup comes in pieces that are not always
    as many. For ever: from each call on, and each class alone. Nothing is interrupted for ever: who is interrupted may try again."""
    counts = collections.Counter(classes)
    every = []
    for name, (kind, error, of_writes) in FAULTS.items():
        for one in sorted(counts):
            if of_writes and one != WRITE:
                continue
            every += [(f"{faults.NAMES[one]} {number} of {counts[one]}, {name} once", Fault(kind, error, 1 << one, number, 1))
                      for number in range(1, counts[one] + 1)]
            if name != "EINTR":
                every.append((f"each {faults.NAMES[one]}, {name}", Fault(kind, error, 1 << one, 1, 0)))
        if name != "EINTR":
            every += [(f"from call {number} of {len(classes)} on, {name}", Fault(kind, error, FILES, number, 0))
                      for number in range(2, len(classes) + 1) if not of_writes or classes[number - 1] == WRITE]
    return every if LONG else dice.sample(every, min(RUNS, len(every)))


def sweep(name, dice):
    classes = places(name)
    bad, fired, chosen = [], 0, cases(classes, dice)
    for words, fault in chosen:
        try:
            fired += run(name, fault) > 0
        except (Broken, AssertionError, OSError) as what:
            fired += 1
            bad.append(f"{name}: {words}: {what!r}"[:900])
            print("# " + bad[-1].replace("\n", " "), flush=True)
    print(f"# {name}: {len(classes)} calls, {len(chosen)} runs, {fired} with a fault, {len(bad)} bad", flush=True)
    assert fired > 0.8 * len(chosen), "faults did not come"
    return bad


def test_every_call():
    dice, bad = random.Random(21), []
    wanted = os.environ.get("FAULTS_SCENES")
    for name in wanted.split(",") if wanted else SCENES:
        bad += sweep(name, dice)
    assert not bad, "\n".join(bad)


def test_a_backup_changes_no_file_of_the_daemon():
    """Or its calls would belong into this story."""
    with FaultyDaemon("failing_calls", config=care_scenes.CONFIG) as daemon:
        original().furnish(daemon, original().daemon.data)
        daemon.start()
        assert daemon.unseal().status == 200
        daemon.faults.arm(COUNT)
        daemon.envctl("backup", "-q", "-o", os.path.join(daemon.dir, "file"), env={"LD_PRELOAD": ""}, check=0)
        assert daemon.faults.seen == 0, daemon.faults.classes()


def test_a_report_that_cannot_be_written():
    """It was done, and the failure says so."""
    for name in ("backup", "restore", "accept a rollback"):
        scene = SCENES[name](original())
        try:
            with open("/dev/full", "wb") as full:
                scene.output_to = full
                outcome = scene.act(faulty=False)
            scene.output_to = subprocess.PIPE
            require(outcome.code == 74 and outcome.is_done, name, outcome)
            scene.check_not_done(outcome)
        finally:
            scene.remove()


def test_a_header_that_is_not_there_ends_no_program():
    """Its rename was told as done: restore looks before it goes on."""
    scene = SCENES["restore"](original())
    try:
        scene.faults.arm(DROPPED, classes=1 << RENAME, first=2, times=1)
        outcome = scene.act()
        require(outcome.code == 74 and "vault.hdr" in outcome.text and not scene.left_over(), outcome)
    finally:
        scene.remove()


def test_a_disk_that_drops_writes_has_a_name():
    """What LMDB reads through its map is not there: an exit code and a sentence, no signal."""
    for name in ("restore", "restore with an anchor"):
        named = 0
        for number in range(1, 9):
            scene = SCENES[name](original())
            try:
                scene.faults.arm(DROPPED, classes=1 << WRITE, first=number, times=1)
                outcome = scene.act()
                require(outcome.code >= 0 and (outcome.code == 0 or len(outcome.text) > 20), name, number, outcome)
                named += "damaged_while_open" in outcome.text
            finally:
                scene.remove()
        require(named > 0, "no write was one that the map needs", name)


def found(what, runs):
    """Planted bugs are found as test_every_call() finds them, in at least one of some runs: by what is compared, or by a connection that
    breaks with the daemon."""
    findings, fired = [], 0
    for one in runs:
        try:
            fired += one() > 0
        except (Broken, AssertionError, OSError) as finding:
            findings.append(finding)
    assert findings, (what, "was not found", fired)
    print(f"# {what}: {len(findings)} findings, as {findings[0]!r}"[:220], flush=True)


def test_planted_bugs_are_found():
    """Without these, nothing found would mean nothing."""
    for name in SCENES:
        count = collections.Counter(places(name))

        def each(one, *kind, numbers=None, name=name, count=count, **more):
            numbers = numbers or (range(1, count[one] + 1) if LONG else (1, count[one]))
            return [lambda number=number: run(name, Fault(*kind, 1 << one, number, 1), **more) for number in numbers]

        found(f"{name}: a sync whose failure is ignored", each(SYNC, DROPPED, errno.EIO))
        found(f"{name}: a failure that is told as success", each(WRITE, BEFORE, errno.ENOSPC, numbers=(1,), lie=True))
        found(f"{name}: a write that is dropped", each(WRITE, DROPPED, 0))
        if not name.startswith("accept"):	# it renames the count of attempts only
            found(f"{name}: a name that is not given", each(RENAME, DROPPED, 0, numbers=(count[RENAME],)))


vault.main(globals(), "care:")
