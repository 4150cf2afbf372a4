#!/usr/bin/env python3
# valgrind: no, the sandbox is off there
"""What the running daemon has taken away from itself, as the kernel tells it."""
import os
import re
import subprocess

import vault

SANITIZED = False
with vault.personal() as probe:
    SANITIZED = not probe.get("/readyz").json["sandbox"]["wiping_memory"]


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def status(daemon, thread):
    with open(f"/proc/{daemon.pid}/task/{thread}/status", encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def test_what_is_reported_is_so():
    with vault.personal() as daemon:
        report = daemon.get("/readyz").json["sandbox"]
        same(sorted(report), ["arena_locked", "core_dumps_off", "landlock_abi", "no_new_privileges", "seccomp", "wiping_memory"])
        assert report["core_dumps_off"] and report["no_new_privileges"], report
        if SANITIZED:
            return "a sanitizer has its own needs"
        assert report["wiping_memory"] and report["seccomp"], report
        with open(f"/proc/{daemon.pid}/limits", encoding="utf-8") as text:
            assert re.search(r"Max core file size +0 +0", text.read())
        with open("/sys/kernel/security/lsm", encoding="utf-8") if os.path.exists("/sys/kernel/security/lsm") else open(os.devnull) as text:
            if "landlock" in text.read():
                assert report["landlock_abi"] >= 1, report
    return None


def test_every_thread_is_inside():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        threads = os.listdir(f"/proc/{daemon.pid}/task")
        assert len(threads) >= 4, threads
        for thread in threads:
            facts = status(daemon, thread)
            same(facts["NoNewPrivs"], "1")
            same(facts["Umask"], "0077")
            if not SANITIZED:
                same(facts["Seccomp"], "2")


def test_nobody_may_look_inside():
    """Not dumpable: the files of the process belong to root, so that another process of the same user cannot open them."""
    wrapper = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    with vault.Daemon(wrapper=wrapper) as daemon:
        for place, _, _ in os.walk(daemon.dir):
            if wrapper:
                os.chown(place, 65534, -1)
        if wrapper:
            os.chmod(daemon.dir, 0o755)
        daemon.start()
        same(os.stat(f"/proc/{daemon.pid}/mem").st_uid, 0)
        done = subprocess.run([*wrapper, "cat", f"/proc/{daemon.pid}/environ"], capture_output=True)
        assert done.returncode != 0 and b"denied" in done.stderr, done
        with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as text:
            assert wrapper == [] or "Uid:\t65534" in text.read()


def test_nothing_is_inherited():
    with vault.Daemon(wrapper=["sh", "-c", "exec 9</etc/hostname; exec \"$@\"", "sh"]) as daemon:
        daemon.start().init()
        links = []
        for fd in os.listdir(f"/proc/{daemon.pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{daemon.pid}/fd/{fd}"))
            except FileNotFoundError:
                pass
        assert "/etc/hostname" not in links, links
        outside = [link for link in links if link.startswith("/") and not link.startswith((daemon.dir, "/dev/null"))]
        same(outside, [])


def test_work_goes_on_inside():
    """Seal and unseal with a passphrase, a reload, a full listing: each reaches for the system in its own way."""
    with vault.Daemon() as daemon:
        daemon.start()
        same(daemon.put("sys/init", {"slot": {"type": "passphrase", "passphrase": "x"}}).status, 200)
        for i in range(3):
            daemon.write(f"a/{i}", {"A": "x" * 100000})
            same(daemon.put("sys/seal", None).status, 204)
            same(daemon.put("sys/unseal", {"slot": {"passphrase": "x"}}).status, 200)
            same(daemon.read(f"a/{i}"), {"A": "x" * 100000})
        same(daemon.stop(), 0)


if __name__ == "__main__":
    vault.main(dict(globals()), "sandbox")
