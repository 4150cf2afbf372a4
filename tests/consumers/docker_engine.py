"""A docker engine of its own for a test, and an image made from scratch whose only program prints its environment."""
import contextlib
import os
import shutil
import subprocess
import time

PROGRAM = """
#include <unistd.h>
#include <string.h>
extern char **environ;
int main(void)
{
	for (char **e = environ; *e; e++)
		for (size_t len = strlen(*e) + 1, done = 0; done < len;) {
			ssize_t written = write(1, *e + done, len - done);
			if (written < 0)
				return 1;
			done += (size_t)written;
		}
	return 0;
}
"""
IMAGE = "from-scratch"


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


def make_image(docker, folder):
    rootfs = os.path.join(folder, "rootfs")
    os.mkdir(rootfs)
    subprocess.run(["gcc", "-static", "-O1", "-x", "c", "-", "-o", rootfs + "/print"], input=PROGRAM, text=True, check=True)
    subprocess.run(f"tar -C {rootfs} -c print | {' '.join(docker)} import - {IMAGE}", shell=True, check=True, stdout=subprocess.DEVNULL)


def run_with(docker, env_file):
    """What the program in a container was given, or why there is none: (variables, None, "") or (None, exit code, text)."""
    done = subprocess.run([*docker, "run", "--rm", "--network", "none", "--env-file", env_file, IMAGE, "/print"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if done.returncode != 0:
        return None, done.returncode, done.stderr.decode(errors="replace")[-200:].replace("\n", " ")
    return dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if b"=" in entry), None, ""
