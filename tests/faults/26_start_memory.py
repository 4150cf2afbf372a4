#!/usr/bin/env python3
"""Every allocation of a start fails once, and from then on: from main() to the answer of the first request, with an unseal by a credential.

The daemon ends with a code and a sentence of its own, or it starts, perhaps sealed; then everything is right as soon as there is memory.
Never a signal, a hang, or another vault than before. Two libraries do not stand it (failing_memory.c): libseccomp's loading of the filter is
left out, though the filter is closed, and while libconfuse reads the configuration it may end the process as it likes: nothing was
opened then.
"""
import contextlib
import glob
import os
import shutil
import signal
import time

from faults import BEFORE, COUNT, INSIDE, LOADED, MEMORY, FaultyDaemon, vault

CLASSES = 1 << MEMORY
LONG = vault.TIER == "long"
RUNS = 24		# of a plain run: once, and as many with all that follow
SECONDS = 60		# a daemon that has not started or ended by then hangs
CODES = {1, 65, 74, 75, 77, 78}		# docs/operations.md: exit codes
SECRET = bytes(range(32))
CONFIG = 'anchor = "DIR/anchor"\nanchor_mode = "strict"\n'


class Starting(FaultyDaemon):
    """On a copy of a vault, with a credential that opens it."""

    def __init__(self, template=None):
        super().__init__("failing_memory", config=CONFIG, env={"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"})
        credentials = os.path.join(self.dir, "credentials")
        os.mkdir(credentials, 0o700)
        with open(os.path.join(credentials, "vaultd.key"), "wb") as out:
            out.write(SECRET)
        self.extra["CREDENTIALS_DIRECTORY"] = credentials
        self.root_token = None
        if template:
            self.root_token = template.root_token
            shutil.copytree(template.data, self.data)
            shutil.copy(os.path.join(template.dir, "anchor"), self.dir)

    def files(self):
        """What a start has no reason to change."""
        names = [name for name in sorted(glob.glob(self.data + "/*")) if not name.endswith("lock")] + [os.path.join(self.dir, "anchor")]
        return {os.path.relpath(name, self.dir): open(name, "rb").read() for name in names}

    def start_or_end(self):
        """True: it has started. False: it has ended."""
        vault.Daemon.start(self, wait=False)
        started = self.wait()
        assert self.faults.word(LOADED) == 1, "the library is not in the daemon"
        return started

    def wait(self):
        deadline = time.monotonic() + SECONDS
        while "event=started" not in self.log():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, "it neither starts nor ends:\n" + self.log()[-1000:]
            time.sleep(0.005)
        return True

    def sound(self):
        """With memory: unsealed, by hand when it must be, with all that was there; it takes a write and ends well."""
        if self.get("sys/seal-status").json["sealed"]:
            answer = self.put("sys/unseal", {"slot": {"type": "credential"}})
            assert answer.status == 200, ("not unsealed", answer)
        assert self.read("shop/production") == {"A": "kept", "B": "b" * 3000}
        assert self.get("auth/token/lookup-self", token=self.root_token).status == 200, "the root token is gone"
        self.write("shop/staging", {"A": "new"})
        assert self.read("shop/staging") == {"A": "new"}
        assert self.stop() == 0, "it does not end well:\n" + self.log()[-1000:]


def a_vault():
    daemon = Starting()
    daemon.start()
    answer = daemon.put("sys/init", {"slot": {"type": "credential"}})
    assert answer.status == 200, answer
    daemon.root_token = answer.json["root_token"]
    daemon.write("shop/production", {"A": "kept", "B": "b" * 3000})
    assert daemon.stop() == 0
    return daemon


def ended_well(daemon):
    """An end that somebody can understand."""
    code, said = daemon.process.returncode, daemon.log()
    if daemon.faults.word(INSIDE):
        return
    assert code in CODES, f"it ended with {code}:\n{said[-1000:]}"
    last = said.strip().split("\n")[-1]
    assert last.startswith("vaultd: ") or "event=not_started" in said, "it ended without a sentence: " + last


def one(template, number, times, plant=None):
    """(whether the fault came, whether it started)."""
    daemon = Starting(template)
    before = daemon.files()
    try:
        daemon.faults.arm(BEFORE, CLASSES, first=number, times=times)
        started = daemon.start_or_end()
        struck = daemon.faults.disarm() > 0
        if plant:
            started = plant(daemon)
        if not started:
            ended_well(daemon)
            if daemon.files() == before:
                return struck, False
            daemon.without_faults()
            daemon.start()
        daemon.sound()
        return struck, started
    finally:
        with contextlib.suppress(Exception):
            daemon.kill()
        daemon.remove()


def allocations(template):
    daemon = Starting(template)
    try:
        daemon.faults.arm(COUNT, CLASSES)
        assert daemon.start_or_end() and "with the credential" in daemon.log() and "seccomp on" in daemon.log(), daemon.log()
        return daemon.faults.seen
    finally:
        daemon.kill()
        daemon.remove()


def crash(daemon):
    os.kill(daemon.pid, signal.SIGSEGV)
    daemon.process.wait()
    return False


def lose(daemon):
    assert daemon.request("DELETE", "secret/metadata/shop/production", token=daemon.root_token).status == 204
    return True


def test_planted_bugs_are_found():
    """Without these, nothing found would mean nothing."""
    template = a_vault()
    try:
        for plant, words in ((crash, "it ended with -11"), (lose, "404")):
            try:
                one(template, 1 << 30, 1, plant)
            except AssertionError as what:
                assert words in str(what), what
            else:
                raise AssertionError(f"{plant.__name__} is not found")
    finally:
        template.remove()


def test_every_allocation_of_a_start():
    template = a_vault()
    try:
        count = allocations(template)
        runs, struck, started, findings = 0, 0, 0, []
        # FAULTS_ALLOCATIONS=40-99: these alone, for whoever looks into a finding
        asked = [int(number) for number in os.environ.get("FAULTS_ALLOCATIONS", f"1-{count + 2}").split("-")]
        stride = 1 if LONG or "FAULTS_ALLOCATIONS" in os.environ else max(1, count // RUNS)
        for times in (1, 0):
            for number in range(asked[0], asked[1] + 1, stride):
                runs += 1
                try:
                    fired, went_on = one(template, number, times)
                    struck, started = struck + fired, started + went_on
                except (AssertionError, OSError, ValueError) as what:
                    findings.append(f"allocation {number} of {count} {'once' if times else 'and all that follow'}: {what}"[:1500])
                    print("# " + findings[-1].replace("\n", "\n#   "), flush=True)
        print(f"# {count} allocations of a start, {runs} runs, {struck} with a fault, {started} started all the same")
        assert not findings, f"{len(findings)} findings"
    finally:
        template.remove()


vault.main(globals())
