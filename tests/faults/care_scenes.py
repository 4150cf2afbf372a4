"""What is cared for while calls fail, for 21_care_calls.py: a compaction, a backup, a restore, an accept, each as an administrator does it.

A scene makes a place for each run, acts there with a library of this folder in the program that writes, and says what must be there
afterwards: the new, whole, when it was told as done; the old, whole, when it was not; either, whole, when that is what was told.
"""
import atexit
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import faults
from faults import FaultyDaemon, vault

CONFIG = 'anchor = "DIR/anchor/file"\nanchor_mode = "strict"\n'
BLOB = "b" * 20000
VALUES = {"shop/production": {"A": "3", "BLOB": BLOB}, "shop/staging": {"A": "staging"}, "shop/large": {"L": "l" * 150_000}}
OLD = dict(VALUES, **{"shop/production": {"A": "2", "BLOB": BLOB}})
SECONDS = 60		# what takes longer hangs
BUSY = 75
PAGE, OVERFLOW = 4096, b"\4\0"	# of vault.db: a page, and the flags of one that begins a large value


class Broken(AssertionError):
    """What a fault must not lead to."""


def require(holds, *what):
    if not holds:
        raise Broken(*what)


class Outcome:
    """How a program ended. A failure may say itself that it does not know what is there, or that only what came behind it failed."""

    def __init__(self, done):
        self.code, self.text = done.returncode, done.stderr.strip()
        self.is_done = any(words in self.text for words in ("a power cut may undo that", "it was accepted", "the report of it is lost"))
        self.may_be_done = self.is_done or "not known" in self.text

    def __repr__(self):
        return f"{self.code} {self.text[-300:]!r}"


def holds(daemon, values):
    """Every value, an older revision, what was deleted; and a whole check has nothing to say."""
    for name, content in values.items():
        answer = daemon.get("secret/data/" + name)
        require(answer is not None and answer.status == 200 and answer.data["data"] == content, name, answer)
    answer = daemon.get("secret/data/shop/production?version=1")
    require(answer.status == 200 and answer.data["data"] == {"A": "1"}, "the first revision", answer)
    require(daemon.get("secret/metadata/shop/gone").status == 404, "what was deleted is there again")
    require(daemon.put("sys/verify", None).status == 202, "no check begins")
    while (status := daemon.get("sys/verify").data)["state"] == "running":
        time.sleep(0.001)
    require(status["state"] == "done" and status["found"] == 0, "a whole check finds", status)


def opens(daemon, values):
    """With the C library alone: it starts, opens, holds everything and takes a write."""
    daemon.start()
    try:
        answer = daemon.unseal()
        require(answer is not None and answer.status == 200, "not unsealed", answer)
        holds(daemon, values)
        answer = daemon.put("secret/data/probe", {"data": {"P": "1"}})
        require(answer.status == 200, "a write", answer)
    finally:
        daemon.kill()


class Original:
    """A vault that is there once for all runs: its directory as it was and as it is, its anchor, a backup of it."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="vaultd-care-", dir=faults.memory_directory())
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)
        self.daemon = daemon = vault.Daemon(directory=os.path.join(self.directory, "vault"), config=CONFIG)
        os.mkdir(daemon.dir + "/anchor", 0o700)
        daemon.start().init()
        daemon.write("shop/production", {"A": "1"})
        daemon.write("shop/gone", {"G": "g" * 400_000})
        daemon.write("shop/staging", VALUES["shop/staging"])
        daemon.write("shop/large", VALUES["shop/large"])
        daemon.write("shop/production", OLD["shop/production"])
        assert daemon.request("DELETE", "secret/metadata/shop/gone").status == 204
        daemon.stop()
        self.old = shutil.copytree(daemon.data, os.path.join(self.directory, "old"))
        daemon.start()
        assert daemon.unseal().status == 200
        daemon.write("shop/production", VALUES["shop/production"])
        self.backup = os.path.join(self.directory, "backup")
        daemon.envctl("backup", "-q", "-o", self.backup, check=0)
        daemon.stop()

    def furnish(self, daemon, data=None, anchor=True):
        """A daemon that has a copy of it."""
        os.mkdir(daemon.dir + "/anchor", 0o700)
        shutil.copy(self.daemon.key_file, daemon.key_file)
        os.makedirs(os.path.dirname(daemon.data), mode=0o700, exist_ok=True)
        if data:
            shutil.copytree(data, daemon.data)
        if anchor:
            shutil.copy(self.daemon.dir + "/anchor/file", daemon.dir + "/anchor")
        return daemon


class Scene:
    """One run. The library is in a program of its own; a compaction has it in the daemon instead."""
    values = VALUES
    output_to = subprocess.PIPE

    def __init__(self, original):
        self.original = original
        self.daemon = vault.Daemon(directory=tempfile.mkdtemp(prefix="vaultd-care-", dir=faults.memory_directory()), config=CONFIG)
        self.faults = faults.Faults(self.daemon.dir)
        try:
            self.furnish()
        except BaseException:
            self.remove()
            raise

    def program(self, *words, stdin=None, faulty=True):
        env = self.daemon.environment()
        if faulty:
            env.update(LD_PRELOAD=os.path.join(vault.BUILD, "tests/faults/libfailing_calls.so"), FAULT_CONTROL=self.faults.path)
        with contextlib.ExitStack() as stack:
            try:
                done = subprocess.run(words, env=env, cwd=self.daemon.dir, stdout=self.output_to, stderr=subprocess.PIPE, text=True,
                                      stdin=stack.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL, timeout=SECONDS)
            except subprocess.TimeoutExpired:
                raise Broken("it hangs", words[:2]) from None
        assert not faulty or self.faults.word(faults.LOADED) == 1, "the library is not in the program"
        self.output = done.stdout
        return Outcome(done)

    def left_over(self):
        """Names that an attempt should not leave."""
        return []

    def forgives_sync(self, _number):
        """Whether it may be told as done although the sync of this number, from 0, failed."""
        return False

    def when_free(self):
        """Without a fault; what was broken off holds its place until it notices, and says so."""
        for _ in range(200):
            outcome = self.act(faulty=False)
            if outcome.code != BUSY:
                break
            time.sleep(0.02)
        return outcome

    def remove(self):
        with contextlib.suppress(Exception):
            self.daemon.kill()
        self.daemon.remove()


class Restore(Scene):
    """Into a directory that is not there, without an anchor: the vault gets one at its first start."""
    more = ()

    def furnish(self):
        self.original.furnish(self.daemon, anchor=False)

    def act(self, faulty=True):
        return self.program(vault.VAULTD, "restore", "--key-file", self.daemon.key_file, *self.more, self.daemon.data, stdin=self.original.backup,
                            faulty=faulty)

    def left_over(self):
        return [name for name in os.listdir(os.path.dirname(self.daemon.data)) if ".restore-" in name]

    def is_absent(self):
        return not os.path.exists(self.daemon.data)

    def check_done(self):
        opens(self.daemon, VALUES)

    def check_not_done(self, outcome):
        require(not outcome.is_done if self.is_absent() else outcome.may_be_done, "there is a directory of that name, or none", outcome)

    def again(self):
        """Once more, if there is not a whole vault already, as was told."""
        return self.act(faulty=False) if self.is_absent() else None


class RestoreInPlace(Restore):
    """Into an empty directory, with the anchor of the vault that was lost."""
    more = ("--anchor", "anchor/file")

    def furnish(self):
        self.original.furnish(self.daemon)
        os.mkdir(self.daemon.data, 0o700)

    def is_absent(self):
        return os.path.isdir(self.daemon.data) and not os.listdir(self.daemon.data)


class Accept(Scene):
    """A directory that was put back from an old copy: its anchor knows better."""
    values = OLD
    names = ("was rolled back",)

    def furnish(self):
        self.original.furnish(self.daemon, self.original.old)
        self.counter = self.look()["counter"]

    def recover(self, *more, faulty=False):
        return self.program(vault.VAULTD, "recover", "accept", "--json", "--key-file", self.daemon.key_file, *more, faulty=faulty)

    def look(self):
        outcome = self.recover()
        require(outcome.code == 0, "nobody can look at it", outcome)
        return json.loads(self.output)

    def act(self, faulty=True):
        return self.recover("--expect", str(self.counter), faulty=faulty)

    def check_done(self):
        opens(self.daemon, self.values)
        require('"accepted":true' in self.output, "it does not say that it was accepted", self.output)

    def check_not_done(self, outcome):
        report = self.look()
        same = report["counter"] == self.counter and any(name in report["refused"] for name in self.names)
        require(not outcome.is_done if same else outcome.may_be_done, "it was accepted, or not, or is not what it was", report, outcome)

    def again(self):
        report = self.look()
        self.counter = report["counter"]
        return self.act(faulty=False)


class AcceptLostAnchor(Accept):
    """The anchor is gone."""
    values = VALUES
    names = ("is not there", "holds nothing of this vault")

    def furnish(self):
        self.original.furnish(self.daemon, self.original.daemon.data, anchor=False)
        self.counter = self.look()["counter"]


def damage_large(path):
    """A byte of the only value of so many pages."""
    with open(path, "r+b") as file:
        content = file.read()
        runs = [at for at in range(0, len(content), PAGE) if content[at:at + 8] == (at // PAGE).to_bytes(8, "little")
                and content[at + 10:at + 12] == OVERFLOW and 30 < int.from_bytes(content[at + 12:at + 16], "little") < 50]
        assert len(runs) == 1, runs
        file.seek(runs[0] + 6000)
        file.write(bytes([content[runs[0] + 6000] ^ 1]))


class AcceptLosses(Accept):
    """A revision is damaged, and is given up."""
    values = {name: content for name, content in VALUES.items() if name != "shop/large"}

    def furnish(self):
        self.original.furnish(self.daemon, self.original.daemon.data)
        damage_large(os.path.join(self.daemon.data, "vault.db"))
        report = self.look()
        assert report["lost_total"] == 1, report
        self.counter = report["counter"]

    def recover(self, *more, faulty=False):
        return super().recover("--accept-loss", *more, faulty=faulty)

    def check_not_done(self, outcome):
        report = self.look()
        same = report["counter"] == self.counter and report["lost_total"] == 1
        require(not outcome.is_done if same else outcome.may_be_done, "it was accepted, or not, or is not what it was", report, outcome)


class Backup(Scene):
    """By envctl, whose file it is, from a daemon that is not disturbed."""
    daemons = []

    @classmethod
    def source(cls, original):
        """One daemon for all runs."""
        if not cls.daemons:
            source = original.furnish(vault.Daemon(directory=tempfile.mkdtemp(prefix="vaultd-care-", dir=faults.memory_directory()),
                                                   config=CONFIG), original.daemon.data)
            source.start()
            assert source.unseal().status == 200
            cls.daemons.append(source)
        return cls.daemons[0]

    def furnish(self):
        self.original.furnish(self.daemon, anchor=False)
        self.daemon.extra["VAULT_ADDR"] = "unix://" + self.source(self.original).socket
        os.mkdir(self.daemon.dir + "/backups")
        self.path, self.old, self.more = self.daemon.dir + "/backups/file", None, ()

    def act(self, faulty=True):
        return self.program(vault.ENVCTL, "backup", "--json", "-o", self.path, *self.more, faulty=faulty)

    def content(self):
        if not os.path.exists(self.path):
            return None
        with open(self.path, "rb") as file:
            return file.read()

    def left_over(self):
        return [name for name in os.listdir(os.path.dirname(self.path)) if name != "file"]

    def check_done(self):
        require(self.content() not in (None, self.old), "there is no new backup")
        outcome = self.program(vault.VAULTD, "restore", "--key-file", self.daemon.key_file, self.daemon.data, stdin=self.path, faulty=False)
        require(outcome.code == 0, "it cannot be restored", outcome)
        opens(self.daemon, VALUES)

    def check_not_done(self, outcome):
        same = self.content() == self.old
        require(not outcome.is_done if same else outcome.may_be_done, "the file is not what it was, or it is", outcome)

    def again(self):
        return self.when_free() if self.content() == self.old else None


class BackupOver(Backup):
    """Over an older one."""

    def furnish(self):
        super().furnish()
        shutil.copy(self.original.backup, self.path)
        self.old, self.more = self.content(), ("--force",)


class Compaction(Scene):
    """In the daemon, by envctl."""

    def furnish(self):
        shutil.rmtree(self.daemon.dir)
        self.daemon = FaultyDaemon("failing_calls", config=CONFIG)
        self.faults = self.daemon.faults
        self.original.furnish(self.daemon, self.original.daemon.data)
        self.daemon.start()
        answer = self.daemon.unseal()
        assert answer.status == 200, answer
        self.before = self.size()

    def size(self):
        return os.path.getsize(os.path.join(self.daemon.data, "vault.db"))

    def lives(self):
        require(self.daemon.process.poll() is None, "the daemon ended", self.daemon.process.returncode, self.daemon.log()[-600:])

    def act(self, faulty=True):
        env = dict(self.daemon.environment(), LD_PRELOAD="")
        done = subprocess.run([vault.ENVCTL, "compact"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=SECONDS)
        self.lives()
        return Outcome(done)

    def left_over(self):
        return [name for name in os.listdir(self.daemon.data) if name.endswith(".new")]

    def forgives_sync(self, number):
        """The file and its directory must be on the disk. The anchor follows, within a second when it could not at once."""
        return number >= 2

    def patiently(self, call):
        """Until it works, without a restart: a database is opened again once a second."""
        answer = None
        for _ in range(600):
            answer = call()
            self.lives()
            if answer is not None and answer.status < 300:
                return
            time.sleep(0.01)
        raise Broken("it does not work again", answer)

    def works(self):
        self.patiently(lambda: self.daemon.put("secret/data/probe", {"data": {"P": "0"}}))
        holds(self.daemon, VALUES)

    def check_done(self):
        require(self.size() < self.before and not self.left_over(), "nothing was compacted", self.size(), self.before)
        self.works()
        self.daemon.kill()
        self.daemon.without_faults()
        opens(self.daemon, VALUES)

    def check_not_done(self, outcome):
        require(self.size() >= self.before or outcome.may_be_done, "it was compacted", outcome)
        self.works()

    def again(self):
        return self.when_free()


SCENES = {"compaction": Compaction, "backup": Backup, "backup over an old one": BackupOver, "restore": Restore,
          "restore with an anchor": RestoreInPlace, "accept a rollback": Accept, "accept without an anchor": AcceptLostAnchor,
          "accept with losses": AcceptLosses}
