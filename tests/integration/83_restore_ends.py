#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""How a restore ends that somebody interrupts, or whose output nobody reads; and what is damaged in the backup itself."""
import json
import os
import pty
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vault  # noqa: E402


def back_up(daemon, name="backup"):
    path = os.path.join(daemon.dir, name)
    daemon.envctl("backup", "-q", "-o", path, check=0)
    return path


def run(daemon, backup, *words, code=0, **more):
    with open(backup, "rb") as stdin:
        done = subprocess.run([vault.VAULTD, "restore", "--key-file", daemon.key_file, *words], stdin=stdin, stderr=subprocess.PIPE, timeout=120, text=True,
                              env=daemon.environment(), cwd=daemon.dir, **({"stdout": subprocess.PIPE} | more))
    assert done.returncode == code, done
    return done


def asked(daemon, backup, answers):
    """vaultd restore at a terminal; each answer is given at one question. What it said and how it ended."""
    stdin, said = os.open(backup, os.O_RDONLY), b""
    pid, terminal = pty.fork()
    if pid == 0:
        os.dup2(stdin, 0)
        os.chdir(daemon.dir)
        os.execve(vault.VAULTD, ["vaultd", "restore", "--passphrase", "target"], daemon.environment())
    os.close(stdin)
    try:
        questions = 0
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:     # the other end is closed
                piece = b""
            said += piece
            if not piece:
                return said.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            while said.count(b"Passphrase of the vault: ") > questions:
                assert questions < len(answers), said
                os.write(terminal, answers[questions])
                questions += 1
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(terminal)


def test_an_interrupt_at_the_question_ends_it():
    with vault.personal() as daemon:
        unlock = {"type": "key_file", "key": daemon.slot_key()}
        assert daemon.put("sys/slots", {"unlock": unlock, "slot": {"type": "passphrase", "passphrase": "correct horse"}}).status == 200
        backup = back_up(daemon)
        before = sorted(os.listdir(daemon.dir))
        said, code = asked(daemon, backup, [b"\x03"])
        assert code == 6 and "interrupted" in said, (code, said)
        assert sorted(os.listdir(daemon.dir)) == before
        said, code = asked(daemon, backup, [b"incorrect horse\n"])
        assert code == 4, (code, said)
        assert sorted(os.listdir(daemon.dir)) == before
        said, code = asked(daemon, backup, [b"correct horse\n"])
        assert code == 0 and "restored to target" in said and "correct" not in said, (code, said)


def test_a_report_that_nobody_reads_leaves_no_copy():
    with vault.personal() as daemon:
        backup = back_up(daemon)
        before = sorted(os.listdir(daemon.dir))
        reader, writer = os.pipe()
        os.close(reader)
        try:
            run(daemon, backup, "--check", stdout=writer, code=74)
        finally:
            os.close(writer)
        assert sorted(os.listdir(daemon.dir)) == before


def test_a_name_that_looks_like_an_option():
    with vault.personal() as daemon:
        daemon.envctl("backup", "-q", "-o", "backup", check=0)
        daemon.envctl("restore", "--key-file", daemon.key_file, "--vaultd", vault.VAULTD, "--", "backup", "--keep-tokens", check=0)
        assert os.path.exists(os.path.join(daemon.dir, "--keep-tokens", "vault.db"))


vault.main(globals(), "restore:")
