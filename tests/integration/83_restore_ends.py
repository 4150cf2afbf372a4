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


def damage_revisions(daemon, wanted):
    """One bit in each revision that is wanted by its number; the daemon is stopped."""
    daemon.stop()
    path = os.path.join(daemon.data, "vault.db")
    with open(path, "r+b") as file:
        content = file.read()
        places = [at for i, at in enumerate(sorted(vault.values_of(content, b"R"))) if wanted(i)]
        for at in places:
            file.seek(at + 120)
            file.write(bytes([content[at + 120] ^ 1]))
    daemon.start()
    assert daemon.unseal().status == 200, daemon.log()
    return places


def test_a_backup_of_a_store_that_was_damaged():
    with vault.personal() as daemon:
        for i in range(3):
            daemon.write("shop", {"A": str(i)})
        daemon.write("sound", {"A": "1"})
        damaged, place = [], 0
        while not damaged:  # what stands in a free page is of no revision any more
            assert damage_revisions(daemon, lambda i, place=place: i == place), "no place is left"
            place += 1
            damaged = [(env, v) for env, count in (("shop", 3), ("sound", 1)) for v in range(1, count + 1)
                       if daemon.get(f"secret/data/{env}?version={v}").status == 500]
        assert len(damaged) == 1, damaged
        backup = back_up(daemon)
        before = sorted(os.listdir(daemon.dir))
        for words in (["target"], ["--check"]):
            assert "--accept-loss" in run(daemon, backup, *words, code=65).stderr
        report = json.loads(run(daemon, backup, "--check", "--accept-loss", "--json").stdout)
        assert report["lost_total"] == 1 and "does not open" in report["lost"][0], report
        assert sorted(os.listdir(daemon.dir)) == before
        said = daemon.envctl("restore", backup, "target", "--key-file", daemon.key_file, "--vaultd", vault.VAULTD, "--accept-loss", check=0).stdout
        assert said.startswith("lost: revision") and "1 of these is lost" in said and "restored to target" in said, said
        with vault.Daemon() as other:
            other.key_file = daemon.key_file
            os.makedirs(os.path.dirname(other.data), mode=0o700)
            os.rename(os.path.join(daemon.dir, "target"), other.data)
            assert other.start().unseal().status == 200, other.log()
            for env, count in (("shop", 3), ("sound", 1)):
                for v in range(1, count + 1):
                    status = other.get(f"secret/data/{env}?version={v}").status
                    assert status == (404 if (env, v) in damaged else 200), (env, v, status)
            run(other, back_up(other), "--check")
        # one that is whole has lost nothing
        with vault.personal() as sound:
            assert json.loads(run(sound, back_up(sound), "--check", "--accept-loss", "--json").stdout)["lost"] == []


def test_more_is_lost_than_anybody_reads():
    with vault.personal() as daemon:
        with daemon.connect() as stream:
            for i in range(12):
                assert daemon.put(f"secret/metadata/e{i}", {"max_versions": 90}, stream=stream).status == 204
                for n in range(90):
                    assert daemon.put(f"secret/data/e{i}", {"data": {"A": str(n)}}, stream=stream).status == 200
        places = damage_revisions(daemon, lambda i: True)
        assert len(places) >= 1080, len(places)
        backup = back_up(daemon)
        daemon.stop()
        said = run(daemon, backup, "--check", "--accept-loss").stdout
        assert said.count("lost: revision") == 1000 and "lost: 80 more\n" in said and "1080 of these are lost" in said, said[-400:]
        command = [vault.VAULTD, "recover", "accept", "--accept-loss", "--key-file", daemon.key_file]
        done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, env=daemon.environment(), timeout=120)
        report = json.loads(done.stdout)
        assert len(report["lost"]) == 1000 and report["lost_total"] == 1080 and not report["accepted"], report["lost_total"]
        said = subprocess.run([*command, f"--expect={report['counter']}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=daemon.environment(),
                              text=True, timeout=120)
        assert said.returncode == 0 and "lost: 80 more\n" in said.stdout and "accepted" in said.stdout, said


vault.main(globals(), "restore:")
