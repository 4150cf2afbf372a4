#!/usr/bin/env python3
# sanitized: yes
"""One daemon a directory and a socket; owners and modes of what it lives on."""
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def refused(daemon, code, *words):
    same(daemon.start(expect_exit=True), code)
    text = daemon.log()
    for word in words:
        assert word in text, (word, text)


def test_second_daemon_on_the_same_socket():
    with vault.personal() as first:
        first.write("a", {"A": "1"})
        with vault.Daemon() as second:
            second.extra.update(XDG_RUNTIME_DIR=first.runtime)
            refused(second, 75, "another daemon answers on", first.socket)
        same(first.read("a"), {"A": "1"})  # its socket is still there


def test_second_daemon_on_the_same_directory():
    with vault.personal() as first:
        first.write("a", {"A": "1"})
        with vault.Daemon() as second:
            second.extra.update(XDG_DATA_HOME=os.path.dirname(first.data))
            refused(second, 75, "not_started")
            assert not os.path.exists(second.socket)
        first.write("a", {"A": "2"})
        same(first.read("a"), {"A": "2"})


def test_a_stale_socket_is_replaced():
    with vault.personal() as daemon:
        daemon.kill()
        assert os.path.exists(daemon.socket)
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.stop(), 0)
        assert not os.path.exists(daemon.socket)


def test_what_is_no_socket_is_left_alone():
    with vault.Daemon() as daemon:
        os.makedirs(os.path.dirname(daemon.socket), mode=0o700)
        with open(daemon.socket, "w", encoding="utf-8") as out:
            out.write("mine")
        refused(daemon, 78, "not a socket")
        with open(daemon.socket, encoding="utf-8") as text:
            same(text.read(), "mine")
        os.unlink(daemon.socket)
        os.symlink("/etc/passwd", daemon.socket)
        refused(daemon, 78, "not a socket")
        assert os.path.islink(daemon.socket)


def test_a_socket_that_answers_slowly_is_still_an_answer():
    with vault.Daemon() as daemon, socket.socket(socket.AF_UNIX) as other:
        os.makedirs(os.path.dirname(daemon.socket), mode=0o700)
        other.bind(daemon.socket)
        other.listen(0)
        waiting = []
        for _ in range(4):  # until the backlog is full
            stream = socket.socket(socket.AF_UNIX)
            stream.setblocking(False)
            try:
                stream.connect(daemon.socket)
            except BlockingIOError:
                pass
            waiting.append(stream)
        refused(daemon, 75, "another daemon answers")
        for stream in waiting:
            stream.close()


def test_modes_of_sockets():
    with vault.personal() as daemon:
        same(stat.S_IMODE(os.stat(daemon.socket).st_mode), 0o600)
        same(stat.S_IMODE(os.stat(os.path.dirname(daemon.socket)).st_mode), 0o700)
    config = 'listen_unix { path = "DIR/home/run/vaultd/vaultd.sock" mode = "0660" }\n'
    with vault.personal(config=config) as daemon:
        same(stat.S_IMODE(os.stat(daemon.socket).st_mode), 0o660)


def test_modes_of_data():
    with vault.personal() as daemon:
        daemon.write("a", {"A": "1"})
        same(stat.S_IMODE(os.stat(daemon.data).st_mode), 0o700)
        for name in os.listdir(daemon.data):
            path = os.path.join(daemon.data, name)
            if os.path.isfile(path):
                same((name, stat.S_IMODE(os.stat(path).st_mode)), (name, 0o600))


def test_a_loose_data_directory_is_refused():
    with vault.personal() as daemon:
        same(daemon.stop(), 0)
        for mode in (0o755, 0o750, 0o777):
            os.chmod(daemon.data, mode)
            refused(daemon, 77, daemon.data)
        os.chmod(daemon.data, 0o700)
        daemon.start()
        same(daemon.unseal().status, 200)


def test_a_configuration_that_others_write_is_refused():
    with vault.Daemon(config="") as daemon:
        os.chmod(daemon.config, 0o646)
        refused(daemon, 77, daemon.config, "writable for everybody")
        os.chmod(daemon.config, 0o644)
        daemon.start()


def test_the_store_opens_nothing_but_its_own_files():
    with vault.personal() as daemon:
        same(daemon.stop(), 0)
        mine = os.path.join(daemon.dir, "mine")
        with open(mine, "w", encoding="utf-8") as out:
            out.write("mine")
        readers, database = daemon.data + "/vault.db-lock", daemon.data + "/vault.db"
        os.unlink(readers)
        os.symlink(mine, readers)
        refused(daemon, 77, readers)
        with open(mine, encoding="utf-8") as text:
            same(text.read(), "mine")
        os.unlink(readers)
        os.rename(database, database + ".kept")
        os.mkfifo(database, 0o600)
        refused(daemon, 77, database)
        os.unlink(database)
        os.rename(database + ".kept", database)
        daemon.start()
        same(daemon.unseal().status, 200)


def test_a_socket_directory_that_others_write_is_refused():
    with vault.Daemon() as daemon:
        os.makedirs(os.path.dirname(daemon.socket), mode=0o700)
        os.chmod(os.path.dirname(daemon.socket), 0o777)
        refused(daemon, 77, "writable for everybody")
        if os.geteuid() == 0:
            os.chmod(os.path.dirname(daemon.socket), 0o700)
            os.chown(os.path.dirname(daemon.socket), 1234, 1234)
            refused(daemon, 77, "belongs to user 1234")


def test_a_directory_of_somebody_else_is_refused():
    if os.geteuid() != 0:
        return "needs root to make one"
    with vault.personal() as daemon:
        same(daemon.stop(), 0)
        os.chown(daemon.data, 1234, 1234)
        refused(daemon, 77, daemon.data)
    return None


def test_term_ends_with_zero_and_finishes_what_is_under_way():
    with vault.personal() as daemon:
        stream = daemon.connect()
        body = b'{"data":{"A":"late"}}'
        stream.sendall(b"PUT /v1/secret/data/late HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        time.sleep(0.3)
        daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        stream.sendall(body[5:])
        answer = vault.read_answer(stream)
        same((answer.status, answer.headers.get("connection")), (200, "close"))
        same(daemon.process.wait(20), 0)
        daemon.start()
        same(daemon.unseal().status, 200)
        same(daemon.read("late"), {"A": "late"})


def test_hup_without_tls_changes_nothing():
    with vault.personal() as daemon:
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        same(daemon.get("sys/health").status, 200)


def test_readiness_is_told_to_systemd():
    with vault.Daemon() as daemon, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = os.path.join(daemon.dir, "notify")
        notify.bind(path)
        notify.settimeout(20)
        daemon.extra["NOTIFY_SOCKET"] = path
        daemon.start()
        same(notify.recv(100), b"READY=1")
        same(daemon.stop(), 0)
        same(notify.recv(100), b"STOPPING=1")


def test_the_machines_own_vault_is_not_looked_at():
    """Neither its configuration nor its socket nor what envctl keeps at home, whatever the story does: root's vaultd and envctl go there by themselves."""
    if any(word in vault.BUILD for word in ("asan", "tsan", "valgrind")):
        return "a sanitizer cannot be traced"
    with tempfile.TemporaryDirectory() as folder:
        trace = ["strace", "-f", "-qq", "-s", "300", "-e", "trace=%file,connect", "-o"]
        with vault.Daemon(wrapper=[*trace, folder + "/vaultd"]) as daemon:
            daemon.start().init()
            env = dict(daemon.environment(), PATH="/usr/bin:/bin")
            for name, code in (("envctl", 0), ("stopped", 5)):
                same(subprocess.run([*trace, os.path.join(folder, name), vault.ENVCTL, "env", "create", name], env=env, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, timeout=60).returncode, code)
                daemon.stop()
        for name in ("vaultd", "envctl", "stopped"):
            with open(os.path.join(folder, name), encoding="utf-8") as lines:
                seen = lines.read()
            assert daemon.dir in seen, name
            for place in ("/etc/vaultd", '"/run/vaultd', os.path.expanduser("~/.")):
                assert place not in seen, (name, [line for line in seen.split("\n") if place in line])
    return None


if __name__ == "__main__":
    vault.main(dict(globals()), "daemon")
