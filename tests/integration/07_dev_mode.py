#!/usr/bin/env python3
# tier: quick
"""vaultd --dev as Vault's dev server, and the command line."""
import glob
import os
import re
import signal
import socket
import subprocess
import time

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


class Dev(vault.Daemon):
    """A dev server on TCP; its address is read from what it prints."""

    def start(self, **_):
        super().start(wait=False)
        deadline = time.monotonic() + 30
        while not (found := re.search(r"Root Token: (\S+)", self.log())) or "event=started" not in self.log():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        self.token = found[1]
        self.address = re.search(r"VAULT_ADDR='([^']+)'", self.log())[1]
        return self

    def connect(self, timeout=60):
        if self.address.startswith("unix://"):
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(timeout)
            stream.connect(self.address[7:])
            return stream
        host, port = re.fullmatch(r"http://\[?([^\]]+?)\]?:(\d+)", self.address).groups()
        return socket.create_connection((host, int(port)), timeout=timeout)

    def directories(self):
        return glob.glob(os.path.join(self.dir, "vaultd-dev-*"))


def run(*arguments, env=None):
    with vault.Daemon() as daemon:
        done = subprocess.run([vault.VAULTD, *arguments], env=dict(daemon.environment(), **(env or {})), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr


def test_ready_to_use_with_a_chosen_token():
    with Dev(arguments=["--dev", "--dev-root-token-id", "root", "--dev-listen-address", "127.0.0.1:0"]).start() as daemon:
        same(daemon.token, "root")
        assert "WARNING! dev mode is enabled!" in daemon.log()
        daemon.write("a", {"A": "1"})
        same(daemon.read("a"), {"A": "1"})
        same(daemon.get("sys/seal-status").json["sealed"], False)
        same(daemon.request("GET", "secret/data/a", token="").status, 403)  # over TCP nobody is known without a token
        # what has no token sees the mounts that are listed, and only what they are
        same(daemon.request("GET", "sys/internal/ui/mounts", token="").data, {"auth": {}, "secret": {}})
        same(daemon.request("POST", "sys/mounts/secret/tune", {"listing_visibility": "unauth"}).status, 204)
        same(daemon.request("GET", "sys/internal/ui/mounts", token="").data["secret"],
             {"secret/": {"description": "environments", "options": {"version": "2"}, "type": "kv"}})
        same([daemon.request("GET", "sys/internal/ui/mounts/" + path, token="").status for path in ("secret", "none")], [403, 403])
        same(daemon.request("GET", "sys/internal/ui/mounts", token="bad").status, 403)
        # unseal is answered over TCP here
        same(daemon.put("sys/seal", None).status, 204)
        same(daemon.put("sys/unseal", {"key": "00" * 32}).status, 400)
        same(len(daemon.directories()), 1)
        same(os.stat(daemon.directories()[0]).st_mode & 0o777, 0o700)
        same(daemon.stop(), 0)
        same(daemon.directories(), [])


def test_a_token_is_made_and_printed():
    with Dev(arguments=["--dev", "--dev-listen-address", "[::1]:0"]).start() as daemon:
        assert re.fullmatch(r"vlt_adm_[0-9A-Za-z]{49}", daemon.token), daemon.token
        assert daemon.address.startswith("http://[::1]:"), daemon.address
        same(daemon.get("auth/token/lookup-self").data["id"], daemon.token)


def test_on_a_unix_socket():
    with vault.Daemon() as place:
        path = os.path.join(place.dir, "d", "dev.sock")
        with Dev(arguments=["-dev", "-dev-root-token-id=r", f"-dev-listen-address=unix://{path}"]).start() as daemon:
            same(daemon.address, "unix://" + path)
            same(os.stat(path).st_mode & 0o777, 0o600)
            daemon.write("a", {"A": "1"})
            same(daemon.request("GET", "secret/data/a", token="").status, 403)  # the peer is no root in dev mode
            done = daemon.envctl("get", "a", "--json", env={"VAULT_ADDR": daemon.address, "VAULT_TOKEN": "r"}) \
                if os.path.exists(vault.ENVCTL) else None
            assert done is None or (done.returncode == 0 and '"A"' in done.stdout), done
            same(daemon.stop(), 0)
            assert not os.path.exists(path)


def test_interrupt_ends_it():
    with Dev(arguments=["--dev", "--dev-listen-address", "127.0.0.1:0"]).start() as daemon:
        daemon.process.send_signal(signal.SIGINT)
        same(daemon.process.wait(20), 0)
        same(daemon.directories(), [])
        lines = daemon.log().strip().split("\n")
        assert "event=stopped" in lines[-1], lines


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run("--dev", "--dev-listen-address", "127.0.0.1:%d" % port)
        same(code, 75)
        assert f"cannot bind 127.0.0.1 port {port}: another process listens there; stop it, or choose another port" in err, err
        assert "--dev-listen-address ADDRESS:PORT" in err, err


def test_command_line():
    code, out, err = run("--help")
    same((code, err), (0, ""))
    for word in ("Usage:", "Examples:", "--dev-root-token-id", "--check-config", "Signals:"):
        assert word in out
    code, out, _ = run("--version")
    assert code == 0 and re.fullmatch(r"vaultd \d+\.\d+\.\d+\n", out), out
    for arguments in (["--nothing"], ["word"], ["--config"], ["--dev-root-token-id", "x"], ["--dev", "--check-config"]):
        code, out, err = run(*arguments)
        same((code, out), (64, ""))
        assert err.startswith("vaultd: ") and err.count("\n") == 1, err
    same(run("--dev", "--dev-listen-address", "0.0.0.0:8200")[0], 78)
    same(run("--dev", "--dev-listen-address", "nowhere")[0], 64)


def test_an_unknown_option_of_the_configuration():
    with vault.Daemon() as place:
        path = os.path.join(place.dir, "c.conf")
        for text, sentence in (('data_dri = "/x"\n', "c.conf:1: no such option 'data_dri'; did you mean data_dir?"),
                               ('data_dir = "/x"\nlisten_unix { paht = "/x/s" }\n', "c.conf:2: no such option 'paht'; did you mean path?"),
                               ('nothing_like_it = 1\n', "c.conf:1: no such option 'nothing_like_it'\n")):
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            code, _, err = run("--config", path, "--check-config")
            same(code, 78)
            assert sentence in err, (text, err)


def test_check_config():
    with vault.Daemon() as place:
        path = os.path.join(place.dir, "c.conf")

        def check(text):
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            return run("--config", path, "--check-config")
        code, out, _ = check('data_dir = "/nonexistent/data"\nlisten_unix { path = "/nonexistent/s" }\n')
        same(code, 0)
        assert "is good" in out and "note:" not in out, out
        tcp = 'listen_tcp { address = "127.0.0.1" port = 8299 plain = true }\n'
        code, out, _ = check('data_dir = "/nonexistent/data"\npersonal = true\n' + tcp)
        assert code == 0 and "nobody can set up or unseal" in out and "does not know its owner" in out, out
        code, out, _ = check('data_dir = "/nonexistent/data"\nunseal_remote = true\n' + tcp)
        assert code == 0 and "note:" not in out, out
        assert not os.path.exists("/nonexistent")
        code, out, err = check('data_dir = "/d"\nlisten_unix { path = "/s" }\ncolour = 1\n')
        same((code, out), (78, ""))
        assert f"{path}:3: " in err and "colour" in err, err
        same(run("--config", path + "x", "--check-config")[0], 3)
    code, out, _ = run("--check-config")
    assert code == 0 and "/config/vaultd/vaultd.conf" in out, out


def test_without_a_file_the_defaults_are_checked():
    nobody = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}   # root has the machine's own file beside
    done = subprocess.run([vault.VAULTD, "--check-config"], env={"HOME": "/nonexistent"}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, **nobody)
    assert done.returncode == 0 and "built-in defaults" in done.stdout, done


def test_the_packaged_configuration_is_good():
    path = os.path.join(vault.TOP, "packaging", "systemd", "vaultd.conf")
    with open(path, encoding="utf-8") as text:
        assert "listen_unix" in text.read()
    with vault.Daemon() as place:
        copy = os.path.join(place.dir, "vaultd.conf")
        with open(path, encoding="utf-8") as source, open(copy, "w", encoding="utf-8") as out:
            out.write(source.read().replace('group = "vaultd"', 'group = "root"'))
        code, _, err = run("--config", copy, "--check-config")
        same((code, err), (0, ""))


if __name__ == "__main__":
    vault.main(dict(globals()), "dev")
