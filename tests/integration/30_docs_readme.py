#!/usr/bin/env python3
"""README.md's five minutes: every line of it, one after the other, as they are printed."""
# tier: quick
import os
import re
import shutil
import subprocess

import vault

ELSEWHERE = ("export PATH=", "envctl import --from-vault ")   # what is done here already, and what needs another vault


def lines():
    with open(os.path.join(vault.TOP, "README.md"), encoding="utf-8") as text:
        block = re.search(r"^## Five minutes$.*?^```$(.*?)^```$", text.read(), re.M | re.S)[1]
    found = [line for line in block.split("\n") if line and not line.startswith(ELSEWHERE)]
    assert len(found) > 25, found
    return found


def test_every_line_works():
    with vault.Daemon() as daemon:
        checkout = os.path.join(daemon.dir, "checkout")
        shutil.copytree(os.path.join(vault.TOP, "packaging"), os.path.join(checkout, "packaging"))
        key = os.path.join(daemon.home, ".config", "vaultd", "vault.key")    # where quickstart puts it
        os.makedirs(os.path.dirname(key))
        daemon.start()
        daemon.envctl("init", "--key-file", key, check=0)
        env = dict(daemon.environment(), PATH=os.pathsep.join([os.path.dirname(vault.ENVCTL), os.path.dirname(vault.VAULTD), os.environ["PATH"]]))
        for line in lines():
            done = subprocess.run(["bash", "-c", line], env=env, cwd=checkout, input="something\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=120)
            assert done.returncode == 0, (line, done.stdout[-800:])


vault.main(globals())
