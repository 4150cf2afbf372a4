#!/usr/bin/env python3
# tier: quick
"""A data directory of format 1, made once and kept: every later version must open it and find everything."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vault  # noqa: E402

GOLDEN = os.path.join(vault.TOP, "tests/vectors/golden-1")


def laid_out():
    daemon = vault.Daemon()
    os.makedirs(daemon.data, mode=0o700)
    for name in ("vault.db", "vault.hdr", "vault.try"):
        shutil.copy(os.path.join(GOLDEN, name), daemon.data)
        os.chmod(os.path.join(daemon.data, name), 0o600)
    shutil.copy(os.path.join(GOLDEN, "vault.key"), daemon.key_file)
    os.chmod(daemon.key_file, 0o400)
    return daemon


def restored():
    """The same from the backup of format 1; its tokens are kept."""
    daemon = vault.Daemon()
    shutil.copy(os.path.join(GOLDEN, "vault.key"), daemon.key_file)
    os.chmod(daemon.key_file, 0o400)
    os.makedirs(os.path.dirname(daemon.data), mode=0o700)
    with open(os.path.join(GOLDEN, "vault.backup"), "rb") as backup:
        subprocess.run([vault.VAULTD, "restore", "--keep-tokens", "--key-file", daemon.key_file, daemon.data], stdin=backup, env=daemon.environment(),
                       stdout=subprocess.DEVNULL, check=True)
    return daemon


def test_everything_is_found(make=laid_out):
    with open(os.path.join(GOLDEN, "expected.json"), encoding="utf-8") as listing:
        expected = json.load(listing)
    token, number = expected.pop("token"), expected.pop("raw")
    with make() as daemon:
        daemon.start()
        assert daemon.unseal().status == 200
        for path, data in expected.items():
            answer = daemon.get(path)
            assert answer.status == 200, (path, answer)
            # a later version may say more of a thing
            assert {name: answer.data.get(name) for name in data} == data, path
        assert number.encode() in daemon.get("secret/data/shop/raw").body
        assert daemon.get("secret/data/gone/forever").status == 404
        assert daemon.get("auth/token/lookup-self", token=token).status == 200
        assert daemon.write("shop/production", {"NEW": "1"}) == 7


def test_everything_is_found_in_the_backup():
    test_everything_is_found(restored)


def test_a_newer_record_format_is_refused_and_not_touched():
    with laid_out() as daemon:
        path = os.path.join(daemon.data, "vault.hdr")
        with open(path, "r+b") as header:
            for at in (8, 16384 + 8):
                header.seek(at)
                header.write(b"\x02")
        before = [open(os.path.join(daemon.data, n), "rb").read() for n in ("vault.db", "vault.hdr", "vault.try")]
        assert daemon.start(expect_exit=True) == 66, daemon.log()
        assert before == [open(os.path.join(daemon.data, n), "rb").read() for n in ("vault.db", "vault.hdr", "vault.try")]


vault.main(globals())
