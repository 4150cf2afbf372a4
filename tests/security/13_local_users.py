#!/usr/bin/env python3
"""Other local users and processes of the same user: no socket, no files, no memory, no arguments."""
import grp
import os
import pwd
import shutil
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import subprocess  # noqa: E402

import vault  # noqa: E402

NOBODY = 65534


def as_nobody(code, *arguments):
    return subprocess.run(["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", sys.executable, "-c", code,
                           *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)


READS = """
import socket, sys
ok = []
for path in sys.argv[2:]:
    try:
        open(path, "rb").read(1)
        ok.append(path)
    except OSError:
        pass
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    ok.append("socket")
except OSError:
    pass
print(ok)
"""


def test_another_user_reaches_nothing():
    if os.geteuid() != 0:
        return "needs root to become another user"
    with vault.personal() as daemon:
        daemon.write("a/b", {"X": "1"})
        os.chmod(daemon.dir, 0o755)
        paths = [f"/proc/{daemon.pid}/{n}" for n in ("mem", "environ", "maps")]
        paths += [os.path.join(daemon.data, n) for n in ("vault.db", "vault.hdr", "vault.try")]
        done = as_nobody(READS, daemon.socket, *paths)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "[]", done.stdout
    return None


TRACE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
attached = libc.ptrace(16, pid, None, None) == 0
opened = []
for name in ("mem", "environ"):
    try:
        open(f"/proc/{pid}/{name}", "rb").read(1)
        opened.append(name)
    except OSError:
        pass
print(attached, opened)
"""


def test_the_same_user_cannot_trace_the_daemon():
    if os.geteuid() != 0:
        return "needs root to become another user"
    daemon = vault.Daemon()
    for folder, names, files in os.walk(daemon.dir):
        os.chown(folder, NOBODY, NOBODY)
        for name in files:
            os.chown(os.path.join(folder, name), NOBODY, NOBODY)
    daemon.wrapper = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    with daemon:
        log = open(daemon.log_path, "wb")
        log.close()
        os.chown(daemon.log_path, NOBODY, NOBODY)
        daemon.start()
        done = as_nobody(TRACE, str(daemon.pid))
        assert done.stdout.strip() == "False []", (done.stdout, done.stderr)
    return None


def test_who_may_use_a_socket_is_told():
    """Root's socket, in a directory that all may look into: what its mode and group say, and what can be done."""
    if os.geteuid() != 0:
        return "needs root to become another user"
    place = tempfile.mkdtemp(prefix="vaultd-story-")
    path = os.path.join(place, "s")
    group, user = grp.getgrgid(1).gr_name, pwd.getpwuid(NOBODY).pw_name
    begin = f"envctl: you may not use the socket {path} (VAULT_ADDR): "
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            for gid, mode, folder, sentence in (
                    (1, 0o660, 0o755, f"it is for user root and the group {group}; root can add you (usermod -aG {group} {user})"),
                    (1, 0o600, 0o755, "it is for user root alone"), (0, 0o660, 0o755, "it is for user root alone"),
                    (1, 0o666, 0o750, f"its directory {place} is for user root and the group {group}; "),
                    (1, 0o666, 0o700, f"its directory {place} is for user root alone")):
                for name, its_mode in ((path, mode), (place, folder)):
                    os.chown(name, 0, gid)
                    os.chmod(name, its_mode)
                done = subprocess.run([vault.ENVCTL, "list"], env={"VAULT_ADDR": "unix://" + path, "PATH": os.environ["PATH"]}, user=NOBODY,
                                      group=NOBODY, extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
                assert done.returncode == 77 and done.stderr.startswith(begin + sentence), (sentence, done)
    finally:
        shutil.rmtree(place)
    return None


def test_no_secret_in_arguments_or_environment_of_the_daemon():
    with vault.personal() as daemon:
        daemon.write("a/b", {"X": "canary-argument"})
        for name in ("cmdline", "environ"):
            content = open(f"/proc/{daemon.pid}/{name}", "rb").read()
            assert b"canary" not in content
            assert daemon.root_token.encode() not in content


vault.main(globals())
