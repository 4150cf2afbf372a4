#!/usr/bin/env python3
"""A commit that fails on the way to the disk: the answer is "unknown", the daemon reopens the database by itself, and what was
acknowledged is there."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402


def failing(call, when):
    """A daemon whose n-th such call fails once with EIO."""
    return vault.Daemon(wrapper=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                 f"inject={call}:error=EIO:when={when}"])


def check(call, when):
    with failing(call, when) as daemon:
        daemon.start().init()
        acknowledged, unknown = {}, None
        for number in range(80):
            answer = daemon.put(f"secret/data/e{number}", {"data": {"N": str(number)}})
            if answer.status != 200:
                unknown = (number, answer)
                break
            acknowledged[number] = answer.data["version"]
        assert unknown is not None, f"no {call} failed in 80 writes"
        number, answer = unknown
        assert answer.status == 500 and "not known" in answer.errors[0], answer
        for _ in range(100):
            again = daemon.put("secret/data/after", {"data": {"N": "1"}})
            if again.status == 200:
                break
            assert again.status in (500, 503), again
            time.sleep(0.1)
        assert again.status == 200, again
        for good in acknowledged:
            assert daemon.read(f"e{good}") == {"N": str(good)}
        there = daemon.get(f"secret/data/e{number}").status
        assert there in (200, 404)
        daemon.stop()
        daemon.wrapper = []
        daemon.start()
        assert daemon.unseal().status == 200, daemon.log()
        for good in acknowledged:
            assert daemon.read(f"e{good}") == {"N": str(good)}
        assert daemon.get(f"secret/data/e{number}").status == there, "what happened to it must not change any more"
        assert daemon.read("after") == {"N": "1"}


def test_sync_fails():
    if not shutil.which("strace"):
        return "strace is not installed"
    check("fdatasync", 30)
    return None


def test_a_write_fails():
    if not shutil.which("strace"):
        return "strace is not installed"
    check("pwrite64", 40)
    return None


vault.main(globals())
