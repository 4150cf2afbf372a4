#!/usr/bin/env python3
"""A backup and a restore are streams: what they take of memory does not grow with the vault."""
import os
import subprocess

import vault

PIECES, PIECE = 200, 480_000    # 92 MiB
BACKUP_KIB = 16 * 1024
RESTORE_KIB = 48 * 1024     # a restore commits every 32 MiB, and a commit's pages are in memory


def anonymous_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("RssAnon")), 0)


def watched(process, pid):
    """The most memory that pid has while the process runs; both may end at any time."""
    most = 0
    while process.poll() is None:
        try:
            most = max(most, anonymous_kib(pid))
        except (FileNotFoundError, ProcessLookupError):
            break
    assert process.wait() == 0
    return most


def test_memory_does_not_grow_with_the_vault():
    if any(word in vault.BUILD for word in ("asan", "tsan", "valgrind")):
        return "a sanitizer has memory of its own"
    with vault.personal() as daemon:
        for number in range(PIECES):
            daemon.write(f"large/{number}", {"A": os.urandom(PIECE // 2).hex()})
        backup, target = os.path.join(daemon.dir, "backup"), os.path.join(daemon.dir, "restored")
        options = {"env": daemon.environment(), "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        before = anonymous_kib(daemon.pid)
        most = watched(subprocess.Popen([vault.ENVCTL, "backup", "-o", backup], **options), daemon.pid) - before
        size = os.path.getsize(backup) // 1024
        assert size > PIECES * PIECE // 1024
        process = subprocess.Popen([vault.ENVCTL, "restore", backup, target, "--key-file", daemon.key_file], **options)
        restoring = watched(process, process.pid)   # it becomes vaultd restore
        print(f"# a backup of {size // 1024} MiB: {most} KiB more; the restore: {restoring} KiB")
        assert most < BACKUP_KIB, most
        assert 0 < restoring < RESTORE_KIB, restoring
    return None


vault.main(globals())
