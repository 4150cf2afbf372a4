#!/usr/bin/env python3
"""A rendered env_file starts a container of an image made from scratch, under a real engine."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import contextlib  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402

import vault  # noqa: E402

VARIABLES = {
    "PLAIN": "value", "SPACES": "  leading and trailing  ", "QUOTES": "a\"b'c", "QUOTED": '"all of it"', "BACKSLASH": "a\\b\\\\c\\",
    "DOLLAR": "$HOME ${PATH} $$", "HASH": "a #b", "TICK": "`id`", "UNICODE": "Grüße 日本", "EMPTY": "", "TAB": "a\tb", "EQUALS": "a=b=c",
}
PROGRAM = """
#include <unistd.h>
#include <string.h>
extern char **environ;
int main(void)
{
	for (char **e = environ; *e; e++)
		if (write(1, *e, strlen(*e) + 1) < 0)
			return 1;
	return 0;
}
"""


def install():
    if not shutil.which("dockerd"):
        subprocess.run(["sh", "-c", "apt-get update -q && apt-get install -y -q --no-install-recommends docker.io"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    return shutil.which("dockerd")


@contextlib.contextmanager
def engine(folder):
    """dockerd on directories and a socket of its own; yields the client's command, or None and why."""
    log = open(folder + "/dockerd.log", "wb")
    process = subprocess.Popen(["dockerd", "--storage-driver", "vfs", "--iptables=false", "--bridge=none", "--data-root", folder + "/data",
                                "--exec-root", folder + "/exec", "--pidfile", folder + "/pid", "-H", f"unix://{folder}/docker.sock"],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    docker = ["docker", "-H", f"unix://{folder}/docker.sock"]
    try:
        for _ in range(300):
            if subprocess.run([*docker, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                yield docker, None
                return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        with open(folder + "/dockerd.log", encoding="utf-8", errors="replace") as lines:
            yield None, lines.read()[-200:].replace("\n", " ")
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        log.close()


def test_a_container_gets_exactly_the_variables():
    if os.geteuid() != 0 or not install():
        return "needs root and docker.io"
    with vault.personal() as daemon, engine(daemon.dir) as (docker, why):
        if not docker:
            return "the engine does not start here: " + why
        daemon.write("shop/production", VARIABLES)
        rendered = os.path.join(daemon.dir, "prod.env")
        daemon.envctl("render", "shop/production", "--format", "docker", "--output", rendered, check=0)
        rootfs = os.path.join(daemon.dir, "rootfs")
        os.mkdir(rootfs)
        subprocess.run(["gcc", "-static", "-O1", "-x", "c", "-", "-o", rootfs + "/print"], input=PROGRAM, text=True, check=True)
        subprocess.run(f"tar -C {rootfs} -c print | {' '.join(docker)} import - from-scratch", shell=True, check=True,
                       stdout=subprocess.DEVNULL)
        done = subprocess.run([*docker, "run", "--rm", "--network", "none", "--env-file", rendered, "from-scratch", "/print"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if done.returncode != 0 and b"OCI runtime" in done.stderr:
            return "containers do not start here: " + done.stderr.decode(errors="replace")[-200:].replace("\n", " ")
        assert done.returncode == 0, done.stderr
        got = dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if b"=" in entry)
        for name, value in VARIABLES.items():
            assert got.get(name.encode()) == value.encode(), (name, got.get(name.encode()))
    return None


vault.main(globals())
