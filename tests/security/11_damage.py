#!/usr/bin/env python3
"""A damaged, cut or replaced data directory: a named error and an exit code, never a crash, never another value."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import contextlib  # noqa: E402
import random  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
import struct  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402

import vault  # noqa: E402

VALUES = {f"V{i}": f"value-{i}-{'x' * 50}" for i in range(20)}
DAMAGED = 65


def filled():
    daemon = vault.personal()
    for number in range(30):
        daemon.write(f"shop/e{number}", dict(VALUES, NUMBER=str(number)))
    daemon.stop()
    shutil.copytree(daemon.data, daemon.dir + "/good")
    return daemon


def restore(daemon):
    shutil.rmtree(daemon.data)
    shutil.copytree(daemon.dir + "/good", daemon.data)


def outcome(daemon):
    """Starts and unseals; "started", or the exit code of a refusal, or the error of the unseal."""
    code = None
    try:
        daemon.start()
    except AssertionError:
        code = daemon.process.returncode
        assert code is not None and code > 0, f"the daemon died by a signal: {code}\n" + daemon.log()[-1500:]
        return f"exit {code}"
    try:
        answer = daemon.unseal()
    except ConnectionError:  # it listens before it has looked at the whole database
        answer = None
    if answer is None:
        code = daemon.process.wait(30)
        assert code > 0, f"the daemon died by a signal: {code}\n" + daemon.log()[-1500:]
        return f"exit {code}"
    if answer.status != 200:
        assert daemon.process.poll() is None, "the daemon died in the unseal:\n" + daemon.log()[-1500:]
        daemon.stop()
        return "refused: " + answer.errors[0]
    return "started"


def check_reads(daemon):
    """After a start, every read gives the right value or an error."""
    wrong = 0
    for number in range(30):
        answer = daemon.get(f"secret/data/shop/e{number}")
        assert answer is not None, "no answer: " + daemon.log()[-1500:]
        if answer.status == 200:
            assert answer.data["data"] == dict(VALUES, NUMBER=str(number)), number
        else:
            assert answer.status == 500, answer
            wrong += 1
    daemon.stop()
    return wrong


def test_flips_are_found_or_harmless():
    with filled() as daemon:
        source = random.Random(20261125)
        path = os.path.join(daemon.data, "vault.db")
        size = os.path.getsize(path)
        results = {}
        for _ in range(60 if vault.TIER != "long" else 1000):
            restore(daemon)
            at, bit = source.randrange(size), 1 << source.randrange(8)
            with open(path, "r+b") as database:
                database.seek(at)
                byte = database.read(1)[0]
                database.seek(at)
                database.write(bytes([byte ^ bit]))
            word = outcome(daemon)
            if word == "started":
                word = "read errors" if check_reads(daemon) else "harmless"
            results[word.split(":")[0]] = results.get(word.split(":")[0], 0) + 1
        print("#", results)
        assert sum(n for w, n in results.items() if w != "harmless") > 10, results


def test_every_truncation_of_what_is_used_is_refused_with_a_name():
    with filled() as daemon:
        path = os.path.join(daemon.data, "vault.db")
        pages = os.path.getsize(path) // 4096
        for page in sorted({0, 1, 2, 3, pages // 2, pages - 1}):
            restore(daemon)
            os.truncate(path, page * 4096)
            word = outcome(daemon)
            if word == "started" and page == pages - 1:
                assert check_reads(daemon) == 0  # a free page
                continue
            assert word != "started", page
            assert "exit" not in word or word == f"exit {DAMAGED}", (page, word, daemon.log()[-600:])


def test_the_header_survives_one_bad_copy_and_not_two():
    with filled() as daemon:
        path = os.path.join(daemon.data, "vault.hdr")

        def spoil(*places):
            restore(daemon)
            with open(path, "r+b") as header:
                for at in places:
                    header.seek(at)
                    header.write(b"\xff\xff\xff\xff")

        spoil(100)
        assert outcome(daemon) == "started"
        assert check_reads(daemon) == 0
        spoil(100, 16384 + 100)
        word = outcome(daemon)
        assert word != "started", word
        assert "vault.hdr" in word + daemon.log()


def test_a_newer_format_is_refused_and_not_touched():
    with filled() as daemon:
        path = os.path.join(daemon.data, "vault.hdr")
        restore(daemon)
        with open(path, "r+b") as header:
            for at in (8, 16384 + 8):
                header.seek(at)
                header.write(b"\x02\x00")
        before = {n: open(os.path.join(daemon.data, n), "rb").read() for n in ("vault.hdr", "vault.db")}
        word = outcome(daemon)
        assert word != "started", word
        for name, content in before.items():
            assert open(os.path.join(daemon.data, name), "rb").read() == content, name


def test_an_old_header_or_database_alone_is_refused():
    with filled() as daemon:
        old = open(os.path.join(daemon.data, "vault.db"), "rb").read()
        daemon.start()
        assert daemon.unseal().status == 200
        daemon.write("shop/e1", {"NEW": "1"})
        daemon.stop()
        other = vault.personal()
        other.stop()
        with other:
            shutil.copy(os.path.join(other.data, "vault.hdr"), os.path.join(daemon.data, "vault.hdr"))
            word = outcome(daemon)
            assert word != "started", word
        assert old


def test_a_record_changed_while_it_runs_seals_the_vault():
    with filled() as daemon:
        restore(daemon)
        daemon.start()
        assert daemon.unseal().status == 200
        path = os.path.join(daemon.data, "vault.db")
        with open(path, "r+b") as database:
            content = database.read()
            heads = list(vault.values_of(content, b"H"))
            assert len(heads) >= 30, heads
            for at in heads:
                database.seek(at + 70)
                database.write(bytes([content[at + 70] ^ 1]))
        answer = daemon.request("PUT", "secret/data/shop/e3", {"data": {"A": "1"}})
        assert answer.status == 500, answer
        until = time.monotonic() + 30
        while not daemon.get("sys/seal-status").json["sealed"]:
            assert time.monotonic() < until, "it does not seal itself"
            time.sleep(0.05)
        while "sealed_itself" not in daemon.log():  # the line comes after the state
            assert time.monotonic() < until, "it does not say so"
            time.sleep(0.05)
        answer = daemon.unseal()
        assert answer.status == 500 and "record" in answer.errors[0], answer
        assert daemon.request("GET", "sys/seal-status").json["sealed"]


def pages_of(content, kind):
    """Where the B-tree's pages of this kind begin: 1 branches, 2 leaves."""
    for page in range(2 * 4096, len(content), 4096):
        flags, lower = struct.unpack_from("<HH", content, page + 10)
        if flags == kind:
            yield page, range(page + 16, page + lower, 2)


def cut_off(content):
    return content[:2 * 4096]


def pretend_duplicates(content):
    """Each entry says that it has several values, which LMDB then looks for at an address that is nothing."""
    content = bytearray(content)
    for page, slots in pages_of(content, 2):
        for slot in slots:
            content[page + struct.unpack_from("<H", content, slot)[0] + 4] |= 4
    return content


def take_branches_away(content):
    """Branch pages with one entry, which LMDB asserts not to exist."""
    content = bytearray(content)
    for page, _ in pages_of(content, 1):
        struct.pack_into("<H", content, page + 12, 18)
    return content


def test_damage_that_lmdb_does_not_survive_has_a_name_and_an_exit_code():
    with filled() as daemon:
        path = os.path.join(daemon.data, "vault.db")
        # The writer and a check are threads of their own, in which signals are blocked.
        read, write, compact = ("GET", "secret/data/shop/e3", None), ("PUT", "secret/data/shop/e3", {"data": {"A": "1"}}), ("PUT", "sys/compact", None)
        for damage, says, touch in ((cut_off, "(page ", read), (cut_off, "(page ", write), (cut_off, "(page ", compact),
                                    (pretend_duplicates, "(liblmdb+0x", read), (pretend_duplicates, "(liblmdb+0x", compact),
                                    (take_branches_away, "(mdb.c:", read)):
            restore(daemon)
            os.truncate(daemon.log_path, 0)
            daemon.start()
            assert daemon.unseal().status == 200
            with open(path, "r+b") as database:
                bad = damage(database.read())
                database.seek(0)
                database.write(bad)
                database.truncate(len(bad))
            try:
                answer = daemon.request(*touch)
                assert answer is None or (touch is compact and answer.status == 202), (damage, answer)
            except ConnectionError:
                pass
            assert daemon.process.wait(30) == DAMAGED, (damage, touch, daemon.log()[-1500:])
            line = daemon.log().rstrip("\n").split("\n")[-1]
            assert re.fullmatch(r'time=\S+Z level=error event=damaged_while_open text="[^"]+"', line) and says in line, daemon.log()[-1500:]
            word = outcome(daemon)  # and the next start says where
            assert word == f"exit {DAMAGED}" and "vault.db" in daemon.log().rstrip("\n").split("\n")[-1], (damage, word, daemon.log()[-1500:])


def test_a_log_that_nobody_reads_keeps_no_damaged_daemon():
    """Its last words wait for a second, and then it ends without them."""
    with filled() as daemon:
        restore(daemon)
        reader, writer = os.pipe()
        daemon.process = subprocess.Popen([vault.VAULTD], env=daemon.environment(), cwd=daemon.dir, stdin=subprocess.DEVNULL, stdout=writer,
                                          stderr=writer)
        vault.STARTED.append(daemon)
        while True:
            with contextlib.suppress(OSError):
                daemon.connect().close()
                break
            assert daemon.process.poll() is None, daemon.process.returncode
            time.sleep(0.01)
        assert daemon.unseal().status == 200
        # A description of its own: that of the daemon goes on waiting.
        filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while os.write(filler, b"x" * 4096):
                pass
        os.truncate(os.path.join(daemon.data, "vault.db"), 2 * 4096)
        with contextlib.suppress(ConnectionError):
            daemon.get("sys/health")
            assert daemon.get("secret/data/shop/e3") is None
        assert daemon.process.wait(30) == DAMAGED
        for end in (reader, writer, filler):
            os.close(end)


def test_the_whole_directory_rolled_back_is_found_by_the_anchor():
    config = 'anchor = "DIR/anchor/vault.anchor"\n'
    daemon = vault.Daemon(config=config)
    os.mkdir(daemon.dir + "/anchor", 0o700)
    with daemon:
        daemon.start().init()
        daemon.write("shop/e", {"A": "1"})
        daemon.stop()
        shutil.copytree(daemon.data, daemon.dir + "/old")
        daemon.start()
        assert daemon.unseal().status == 200
        daemon.write("shop/e", {"A": "2"})
        daemon.stop()
        shutil.rmtree(daemon.data)
        shutil.copytree(daemon.dir + "/old", daemon.data)
        word = outcome(daemon)
        assert word.startswith(("refused", "exit")), word
        assert "roll" in (word + daemon.log()).lower() or "older" in (word + daemon.log()).lower(), word
        os.remove(daemon.dir + "/anchor/vault.anchor")
        word = outcome(daemon)
        assert word != "started", word


vault.main(globals())
