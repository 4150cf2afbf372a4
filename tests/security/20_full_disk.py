#!/usr/bin/env python3
"""A full disk: reads go on, writes answer 507, and writes work again when there is room, without a restart."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import subprocess  # noqa: E402

import vault  # noqa: E402


def mounted():
    """A daemon whose directory is a small tmpfs of its own; None where mounting is not allowed."""
    daemon = vault.Daemon()
    data = os.path.join(daemon.home, "data")
    os.makedirs(data, mode=0o700, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", data], stderr=subprocess.DEVNULL).returncode != 0:
        daemon.remove()
        return None, None
    return daemon, data


def test_full_disk():
    daemon, data = mounted()
    if daemon is None:
        return "mounting is not allowed here"
    try:
        daemon.start().init()
        daemon.write("shop/kept", {"KEEP": "yes"})
        filler = os.path.join(data, "filler")
        refused = None
        for number in range(400):
            answer = daemon.put(f"secret/data/shop/big{number}", {"data": {"X": "y" * 60000}})
            if answer.status != 200:
                refused = answer
                break
            written = number
        assert refused is not None and refused.status == 507, refused
        assert refused.errors, refused
        assert daemon.read("shop/kept") == {"KEEP": "yes"}
        assert daemon.read(f"shop/big{written}") == {"X": "y" * 60000}
        assert daemon.get("sys/health").status == 200
        again = daemon.put("secret/data/shop/other", {"data": {"X": "y" * 60000}})
        assert again.status == 507, again
        subprocess.check_call(["mount", "-o", "remount,size=40m", data])
        assert daemon.write("shop/other", {"X": "y" * 60000}) == 1
        assert daemon.read("shop/kept") == {"KEEP": "yes"}
        assert not os.path.exists(filler)
        daemon.stop()
        daemon.start()
        assert daemon.unseal().status == 200
        assert daemon.read(f"shop/big{written}") == {"X": "y" * 60000}
        assert daemon.get("secret/data/shop/big%d" % (written + 1)).status == 404
    finally:
        daemon.stop()
        subprocess.call(["umount", "-l", data])
        daemon.remove()
    return None


vault.main(globals())
