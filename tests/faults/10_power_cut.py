#!/usr/bin/env python3
# slow: yes
"""The power is cut at every moment: what was acknowledged is there, what was not asked for is not, and the vault opens.

A real daemon is recorded at work (record.c, workload.py); power_cut makes what a file system may be left with and has it checked.
Then bugs are planted, and each must be found: a harness that finds none would say the same of everything.
"""
import atexit
import base64
import functools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402
import care  # noqa: E402
import workload  # noqa: E402

IMAGES = 580_000 if vault.TIER == "long" else 10_000
PARTS = sum(parts for _, _, parts in workload.WORKLOADS.values())
JOBS = os.environ.get("VAULT_JOBS", "2")
# What each planted bug must show in; but for "init" where the vault is there already.
MUTANTS = {
    "no_sync": ("writes", "keys_strict"), "wrong_file": ("writes", "keys_strict"), "no_directory_sync": ("init", "attempts"),
    "rename_before_sync": ("init", "attempts"), "meta_before_data": ("writes", "keys_strict"),
    "answer_before_sync": ("writes", "keys_strict", "tokens", "system", "settings"), "answer_before_header": ("keys_strict", "keys_relaxed"),
    "answer_before_count": ("attempts",), "anchor_before_commit": ("keys_strict", "keys_relaxed", "writes_anchored"),
    "header_copies_together": ("keys_strict", "keys_relaxed"), "compaction_unsynced": ("compaction",),
    "compaction_name_unsynced": ("compaction", "compaction_anchored"), "compaction_removes_first": ("compaction",),
    "restore_unsynced": ("restore",), "restore_name_unsynced": ("restore",), "restore_named_first": ("restore",),
    "backup_unsynced": ("backup",), "backup_removes_first": ("backup",), "accept_told_early": ("accept_rollback", "accept_lost_anchor"),
    "accept_anchor_unsynced": ("accept_lost_anchor",),
}


@functools.lru_cache(None)
def folder():
    path = tempfile.mkdtemp(prefix="vaultd-cuts-", dir=workload.memory_directory())
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def power_cut(*arguments):
    """Exit code and output."""
    with tempfile.TemporaryDirectory(dir=folder()) as scratch:
        done = subprocess.run([workload.POWER_CUT, *arguments, scratch], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode in (0, 1), (arguments, done.stderr)
    return done.returncode, done.stdout


@functools.lru_cache(None)
def recorded(name, seed=1):
    """The trace of a workload, after what was recorded was compared with what is there."""
    function, anchor, _ = workload.WORKLOADS[name]
    with workload.Recorded(anchor) as daemon:
        function(daemon, seed)
        daemon.stop()
        code, output = power_cut("--compare", daemon.dir, daemon.trace)
        assert code == 0, "the recorder missed something:\n" + output
        return shutil.copy(daemon.trace, os.path.join(folder(), f"{name}.{seed}"))


def begin(name):
    """What comes before the care of a store is what other workloads do."""
    return ("--established",) if name in care.CARE else ()


def images(name, wanted, seed=1):
    """Distinct images that were checked; none of them may be bad."""
    code, output = power_cut("--images", str(wanted), "--seed", str(seed), "--jobs", JOBS, *begin(name), recorded(name, seed))
    distinct, bad = map(int, re.search(r"distinct (\d+) bad (\d+)", output).groups())
    assert code == 0 and bad == 0, output[:6000]
    print(f"# {name}, seed {seed}: {output.strip()}", flush=True)
    return distinct


TOTAL = {}


def power_cut_test(name):
    def test():
        TOTAL[name] = images(name, IMAGES * workload.WORKLOADS[name][2] // PARTS)
    return test


for workload_name in workload.WORKLOADS:
    globals()["test_power_cut_" + workload_name] = power_cut_test(workload_name)


def test_as_many_images_as_were_promised():
    """Some workloads are small and have no more images; others are done again, differently."""
    names, seed = [name for name, (_, _, parts) in workload.WORKLOADS.items() if parts > 1 and name not in care.CARE], 2
    while sum(TOTAL.values()) < IMAGES:
        name = names[seed % len(names)]
        TOTAL[name, seed] = images(name, min(IMAGES - sum(TOTAL.values()), IMAGES // 8), seed)
        os.unlink(recorded(name, seed))
        seed += 1
    print(f"# {sum(TOTAL.values())} distinct images")


def image_of(name, which, *more):
    """A directory with one image of a workload, and the notes of what the oracle knew; (None, None) when there is no such image."""
    kept = os.path.join(folder(), "cut")
    shutil.rmtree(kept, ignore_errors=True)
    code, output = power_cut(*more, "--only", which, "--keep", kept, recorded(name))
    assert code == 0, output
    if not output:
        return None, None
    return kept, [line[2:].split("\t") for line in output.split("\n") if line.startswith("= ")]


def second(name, kept, notes, drive):
    """The trace of a daemon that begins with an image."""
    with workload.Recorded(workload.WORKLOADS[name][1]) as daemon:
        drive(daemon.adopt(kept, notes))
        daemon.stop()
        code, output = power_cut("--compare", daemon.dir, daemon.trace)
        assert code == 0, "the recorder missed something:\n" + output
        return shutil.copy(daemon.trace, os.path.join(folder(), "second"))


def recovered(name, which, torn):
    """The trace of the start behind one image; None when there is none, or its header has two equal copies when it should be torn."""
    kept, notes = image_of(name, which, "--established")
    if not kept:
        return None
    with open(os.path.join(kept, "home/data/vaultd/vault.hdr"), "rb") as header:
        if torn and header.read(16384) == header.read(16384):
            return None
    secrets = [{"slot": "key_file", "key_file": base64.b64encode(bytes.fromhex(fields[3])).decode()} if fields[2] == "key_file" else
               {"slot": "passphrase", "passphrase": bytes.fromhex(fields[3]).decode()} for fields in notes if fields[0] == "secret"]
    return second(name, kept, notes, lambda daemon: workload.recovery(daemon, secrets))


def test_power_cut_of_an_init_after_a_broken_one():
    """An init that the first cut broke off left a database without a header, and another anchor."""
    total = 0
    for moment in range(0, 200, 1 if vault.TIER == "long" else 4):
        kept, notes = image_of("init", f"{moment}.0.1")
        data = kept and os.path.join(kept, "home/data/vaultd")
        if not kept or os.path.exists(data + "/vault.hdr") or not os.path.exists(data + "/vault.db") or \
           os.path.getsize(data + "/vault.db") <= 8192:
            continue
        notes = [fields for fields in notes if fields[0] == "secret"] + [["ack", "vault", "absent"]]
        code, output = power_cut("--images", "250", "--jobs", JOBS, second("init", kept, notes, lambda daemon: daemon.make_again()))
        assert code == 0, output
        total += int(re.search(r"distinct (\d+)", output).group(1))
    print(f"# {total} distinct images")
    assert total > 0, "no image had a database without a header"


def test_power_cut_of_a_recovery():
    """The power comes back, the daemon starts and puts in order what it finds, and the power is cut again."""
    dice, cuts, total, repaired = random.Random(1), 0, 0, 0
    while cuts < (200 if vault.TIER == "long" else 8):
        name = dice.choice(("keys_strict", "keys_relaxed") if cuts % 2 else ("keys_strict", "writes_anchored"))
        trace = recovered(name, f"{dice.randrange(350)}.1.{dice.randrange(4)}", cuts % 2)
        if trace:
            code, output = power_cut("--established", "--images", "150", "--jobs", JOBS, trace)
            assert code == 0, output
            total += int(re.search(r"distinct (\d+)", output).group(1))
            repaired += workload.rewrites(trace, "vault.hdr") > 0
            cuts += 1
    print(f"# {cuts} recoveries, of which {repaired} repaired the header, {total} distinct images")
    assert repaired >= cuts // 2, "recoveries had less to put in order than the images were chosen for"


def test_a_restore_that_was_cut_off_is_made_again():
    """Where nothing has the name yet; what was left beside it does not matter."""
    made = 0
    for moment in range(1, 100, 1 if vault.TIER == "long" else 9):
        kept, notes = image_of("restore", f"{moment}.0.1", "--established")
        target = kept and os.path.join(kept, "home/data/restored")
        if not kept or (os.path.isdir(target) and os.listdir(target)):
            continue
        anchor = os.path.join(kept, "anchor/vault.anchor")
        with vault.Daemon(config=f'anchor = "{anchor}"\nanchor_mode = strict\n') as daemon:
            with os.fdopen(os.open(daemon.key_file, os.O_CREAT | os.O_WRONLY, 0o400), "wb") as out:
                out.write(bytes.fromhex(next(fields[3] for fields in notes if fields[0] == "secret")))
            care.restored(daemon, os.path.join(kept, "home/vault.backup"), target, "--anchor", anchor)
            os.makedirs(os.path.dirname(daemon.data))
            shutil.move(target, daemon.data)
            daemon.start()
            assert daemon.unseal().status == 200, daemon.log()
            assert daemon.read("shop/staging") == {"A": "staging"}
        made += 1
    print(f"# {made} restores made again")
    assert made > 2, "hardly any image is without the directory"


def mutant_test(mutant):
    def test():
        for name in MUTANTS[mutant]:
            from_where = () if name == "init" else ("--established",)
            code, output = power_cut("--images", "4000", "--enough", "1", "--jobs", JOBS, *from_where, "--mutant", mutant, recorded(name))
            assert code == 1, f"{mutant} is not found in {name}: {output}"
            print(f"# {mutant} in {name}: " + output.strip().split("\n")[1][2:200], flush=True)
    return test


for mutant_name in MUTANTS:
    globals()["test_planted_" + mutant_name] = mutant_test(mutant_name)


def test_planted_losses_of_each_kind_of_setting():
    code, output = power_cut("--images", "1500", "--enough", "100000", "--jobs", JOBS, "--established", "--mutant", "answer_before_sync", recorded("settings"))
    lost = set(re.findall(r"^# [0-9.]+: (\w+):", output, re.M))
    assert code == 1 and lost >= {"schema", "quota", "cubbyhole"}, (code, lost)


def test_no_mutant_is_forgotten():
    assert sorted(MUTANTS) == sorted(subprocess.check_output([workload.POWER_CUT, "--mutants"], text=True).split())


def test_a_finding_can_be_made_again():
    mutant = ("--mutant", "answer_before_sync", recorded("keys_strict"))
    _, output = power_cut("--images", "4000", "--enough", "1", "--jobs", "1", *mutant)
    which, finding = re.search(r"^# (\S+): (.*)$", output, re.M).groups()
    kept = os.path.join(folder(), "kept")
    code, again = power_cut("--only", which, "--keep", kept, *mutant)
    assert code == 1 and again.split("\n")[0] == finding, (finding, again)
    assert os.path.isdir(os.path.join(kept, "home/data/vaultd"))


vault.main(globals())
