#!/usr/bin/env python3
# alone: yes
"""packaging/quickstart on this machine, twice, on directories of its own, then stopped as it says."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import re  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402

import vault  # noqa: E402


def test_quickstart_twice():
    home = tempfile.mkdtemp(prefix="vault-quickstart-")
    env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    pid_file = os.path.join(home, ".local/state/vaultd/vaultd.pid")
    try:
        for turn in (1, 2):
            done = subprocess.run([os.path.join(vault.TOP, "packaging/quickstart")], env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
            assert done.returncode == 0, (turn, done.stdout[-3000:])
            assert "Good morning from hello-vault" in done.stdout, done.stdout[-3000:]
            assert "Good evening from hello-vault" in done.stdout
            assert f"envctl unseal --key-file {home}/.config/vaultd/vault.key" in done.stdout
            assert done.stdout.rstrip().split("\n")[-1].strip().startswith("Remove:")
        assert os.path.exists(os.path.join(home, ".config/vaultd/vaultd.conf"))   # else root's daemon reads the system's
        rendered = re.search(r"--output (\S+)", done.stdout)[1]
        assert os.stat(rendered).st_mode & 0o777 == 0o600
        os.remove(rendered)
        with open(pid_file, encoding="ascii") as number:
            os.kill(int(number.read()), signal.SIGTERM)
    finally:
        shutil.rmtree(home, ignore_errors=True)


vault.main(globals())
