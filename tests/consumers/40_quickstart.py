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
    home = tempfile.mkdtemp(prefix="vault quick start-")   # a path with blanks
    quoted = home.replace(" ", "\\ ")
    env = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    pid_file = os.path.join(home, ".local/state/vaultd/vaultd.pid")
    rendered = before = None
    try:
        for turn in (1, 2):
            done = subprocess.run([os.path.join(vault.TOP, "packaging/quickstart")], env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
            assert done.returncode == 0, (turn, done.stdout[-3000:])
            with open(os.path.join(vault.TOP, "build-release/compile.log"), encoding="utf-8") as log:
                assert "warning:" not in log.read(), "the release build has warnings"
            told = [f"Good {when} from hello-vault" in done.stdout for when in ("morning", "evening")]
            assert told == [turn == 1] * 2, done.stdout[-3000:]
            rendered = rendered or re.search(r"--output (\S+)", done.stdout)[1]
            with open(f"{home}/.local/share/vaultd/vault.db", "rb") as store:
                state = store.read()
            assert turn == 1 or state == before, "the second run has changed something"
            before = state
            assert f"envctl unseal --key-file {quoted}/.config/vaultd/vault.key" in done.stdout
            last = done.stdout.rstrip().split("\n")[-1].strip()
            assert last == f"Remove: stop, then rm -r {quoted}/.local/share/vaultd {quoted}/.config/vaultd {quoted}/.local/state/vaultd"
            if turn == 1:   # a number that is another's by now
                with open(pid_file, encoding="ascii") as number:
                    pid = number.read()
                with open(pid_file, "w", encoding="ascii") as number:
                    number.write(f"{os.getpid()}\n")
        with open(pid_file, encoding="ascii") as number:
            assert number.read() == pid
        # The socket of a daemon that was started with another XDG_RUNTIME_DIR is not found, and the data has one daemon.
        moved = subprocess.run([os.path.join(vault.TOP, "packaging/quickstart")], env=dict(env, XDG_RUNTIME_DIR=home), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
        with open(pid_file, encoding="ascii") as number:
            assert moved.returncode == 1 and f"End it (kill {number.read().strip()})" in moved.stderr, moved
        # docs/operations.md, "A personal vault is restored by its owner", as it stands there.
        with open(os.path.join(vault.TOP, "docs/operations.md"), encoding="utf-8") as page:
            recipe = re.search(r"A personal vault is restored by its owner:\n\n```\n(.*?)```", page.read(), re.S)[1]
        done = subprocess.run(["bash", "-ec", 'PATH="$PWD/build-release/envctl:$PATH"; envctl backup -o "$HOME/vault.backup"; '
                               + recipe.replace("envctl restore vault.backup", 'envctl restore "$HOME/vault.backup"')
                               + "envctl get demo/development GREETING"], env=env, cwd=vault.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600)
        assert done.returncode == 0 and done.stdout.endswith("Good morning"), done.stdout[-3000:]
        assert os.path.exists(os.path.join(home, ".config/vaultd/vaultd.conf"))   # else root's daemon reads the system's
        assert os.stat(rendered).st_mode & 0o777 == 0o600
        os.remove(rendered)
        with open(pid_file, encoding="ascii") as number:
            os.kill(int(number.read()), signal.SIGTERM)
    finally:
        shutil.rmtree(home, ignore_errors=True)


vault.main(globals())
