"""Workloads of the power-cut campaign in which a store is cared for: compaction, backup, restore, accept.

What comes before the care is not looked at again: the moments that count begin with established().
"""
import json
import os
import random
import shutil
import subprocess
import threading

import vault
from workload import Environment, WORKLOADS


def compact(daemon):
    answer = daemon.put("sys/compact", None)
    assert answer.status == 202, answer
    while (status := daemon.get("sys/compact").data)["state"] == "running":
        pass
    assert status["state"] == "done" and status["bytes_after"] > 0, status


def compaction(daemon, seed):
    """Compactions while clients write; what they write is in the new file, or behind it."""
    dice, failed = random.Random(seed), []
    daemon.make(established=False)
    freed, kept = Environment(daemon, "shop/freed"), [Environment(daemon, f"shop/kept{n}") for n in range(3)]
    freed.put({"BLOB": "f" * dice.randrange(30000, 60000)})
    for number, environment in enumerate(kept):
        environment.put({"A": "a" * dice.choice((10, 3000, 9000)), "N": str(number)})
    freed.remove()
    daemon.established()

    def write(environment):
        try:
            for turn in range(4):
                environment.put({"A": str(turn), "B": "b" * dice.choice((1, 400, 5000))})
        except BaseException as error:  # the story fails, not only the thread
            failed.append(error)
    threads = [threading.Thread(target=write, args=(environment,)) for environment in kept]
    for thread in threads:
        thread.start()
    compact(daemon)
    for thread in threads:
        thread.join()
    assert not failed, failed
    kept[0].destroy(1)
    compact(daemon)
    kept[1].put({"A": "last"})


def compaction_anchored(daemon, seed):
    compaction(daemon, seed)


def backup_file(daemon, *more):
    """By envctl, to a file that is in the images."""
    path = os.path.join(daemon.home, "backups", "vault.backup")
    counter = daemon.get("sys/key-status").data["encryptions"]
    daemon.note("ask", "backup:home/backups/vault.backup", counter)
    done = daemon.envctl("backup", "-o", path, "--json", *more, check=0)
    assert json.loads(done.stdout)["counter"] == counter, (done.stdout, counter)
    daemon.note("ack", "backup:home/backups/vault.backup", counter)
    return path


def backup(daemon, seed):
    """A backup's file is the old one, the new one or none; what is written meanwhile does not matter to it."""
    daemon.make(established=False)
    environment = Environment(daemon, "shop/production")
    environment.put({"A": str(seed), "BLOB": "b" * 20000})
    daemon.make_directory(os.path.join(daemon.home, "backups"))
    daemon.established()
    backup_file(daemon)
    environment.put({"A": "again"})
    backup_file(daemon, "--force")
    environment.put({"A": "last"})


def restored(daemon, backup_path, target, *more):
    with open(backup_path, "rb") as stdin:
        done = subprocess.run([vault.VAULTD, "restore", "--key-file", daemon.key_file, *more, target], env=daemon.environment(), cwd=daemon.dir,
                              stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0, done


def restore(daemon, seed):
    """Into another directory: nothing of it, or the whole vault. With an odd seed there is an empty directory."""
    daemon.make(established=False)
    Environment(daemon, "shop/production").put({"A": str(seed), "BLOB": "b" * 20000})
    Environment(daemon, "shop/staging").put({"A": "staging"})
    backup_path = os.path.join(daemon.home, "vault.backup")
    daemon.envctl("backup", "-q", "-o", backup_path, check=0)
    daemon.stop()
    target = os.path.join(daemon.home, "data", "restored")
    if seed % 2:
        daemon.make_directory(target)
    daemon.note("place", "data", "home/data/restored")
    daemon.note("ack", "token:" + daemon.root_token, "invalid")
    daemon.note("ack", "directory", "absent")
    daemon.established()
    daemon.note("ask", "directory", "there")
    restored(daemon, backup_path, target, *(("--anchor", "anchor/vault.anchor") if os.path.isdir(os.path.join(daemon.dir, "anchor")) else ()))
    daemon.note("ack", "directory", "there")


def accept(daemon, put_back):
    """The history that stands there is not the anchor's: put_back() sees to that, and `vaultd recover accept` makes it one of its own."""
    daemon.make(established=False)
    environment = Environment(daemon, "shop/production")
    environment.put({"A": "old", "BLOB": "b" * 5000})
    daemon.stop()
    old, revisions = shutil.copytree(daemon.data, os.path.join(daemon.dir, "old")), environment.revisions
    daemon.start()
    assert daemon.unseal().status == 200, daemon.log()
    environment.put({"A": "new"})
    daemon.stop()
    if put_back(old):
        environment.revisions = revisions
    daemon.note("ack", "env:" + environment.path, environment.state(environment.revisions))
    daemon.note("ack", "token:" + daemon.root_token, "invalid")
    daemon.note("ack", "history", "refused")
    daemon.established()

    def recover(*more):
        done = subprocess.run([vault.VAULTD, "recover", "accept", "--json", "--key-file", daemon.key_file, *more], env=daemon.environment(),
                              cwd=daemon.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 0, done
        return json.loads(done.stdout)
    found = recover()
    assert found["refused"], found
    daemon.note("ask", "history", "accepted")
    assert recover("--expect", str(found["counter"]))["accepted"]
    daemon.note("ack", "history", "accepted")
    daemon.start()
    assert daemon.unseal().status == 200, daemon.log()
    environment.put({"A": "accepted"})


def accept_rollback(daemon, seed):
    """The directory is an old copy, and the anchor knows better."""
    def put_back(old):
        for name in os.listdir(daemon.data):
            daemon.remove_file(os.path.join(daemon.data, name))
        daemon.adopt_directory(old, daemon.data)
        return True
    accept(daemon, put_back)


def accept_lost_anchor(daemon, seed):
    def put_back(_old):
        daemon.remove_file(os.path.join(daemon.dir, "anchor", "vault.anchor"))
        return False
    accept(daemon, put_back)


CARE = {
    "compaction": (compaction, None, 1),
    "compaction_anchored": (compaction_anchored, "strict", 1),
    "backup": (backup, None, 1),
    "restore": (restore, "strict", 1),
    "accept_rollback": (accept_rollback, "strict", 1),
    "accept_lost_anchor": (accept_lost_anchor, "strict", 1),
}
WORKLOADS.update(CARE)
