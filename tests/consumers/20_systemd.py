#!/usr/bin/env python3
"""A rendered EnvironmentFile starts a unit in a real systemd, booted in a container from a small Debian tree."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import re  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402

import vault  # noqa: E402

VARIABLES = {
    "PLAIN": "value", "SPACES": "  leading and trailing  ", "QUOTES": "a\"b'c", "BACKSLASH": "a\\b\\\\c\\", "DOLLAR": "$HOME ${PATH} $$",
    "HASH": "a #b ;c", "LINES": "-----BEGIN KEY-----\nabc\n-----END KEY-----\n", "TICK": "`id`", "PERCENT": "100% %h %%", "UNICODE": "Grüße 日本",
    "EMPTY": "", "TAB": "a\tb", "ESC": "a\x1bb", "CR": "a\rb", "EQUALS": "a=b=c",
}
UNIT = """[Unit]
Description=prints its environment
[Service]
Type=oneshot
EnvironmentFile=/etc/demo.env
ExecStart=/bin/sh -c 'env -0 >/result/env.part && mv /result/env.part /result/env'
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
"""


def mirror():
    """Where this machine gets its Debian packages from."""
    out = subprocess.check_output(["apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)"], text=True)
    found = [line.split("|")[0] for line in out.split("\n") if re.search(r"\|bookworm$", line) and "security" not in line]
    return found[0] if found else None


def tree():
    """A Debian tree with systemd; made once and kept in the build directory."""
    root = os.path.join(os.environ.get("VAULT_TREES", os.path.join(vault.TOP, "build")), "debian-tree")
    if os.path.exists(os.path.join(root, "complete")):
        return root
    shutil.rmtree(root, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", "bookworm", root]
    site = mirror()
    if site:
        command.append(site)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-1500:]
    open(os.path.join(root, "complete"), "w").close()
    return root


def test_a_unit_gets_exactly_the_variables():
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn") or not shutil.which("debootstrap"):
        return "needs root, systemd-nspawn and debootstrap"
    root = tree()
    with vault.personal() as daemon:
        daemon.write("shop/production", VARIABLES)
        target = os.path.join(root, "etc/demo.env")
        daemon.envctl("render", "shop/production", "--format", "systemd", "--output", target, check=0)
        assert os.stat(target).st_mode & 0o777 == 0o600
        with open(os.path.join(root, "etc/systemd/system/demo.service"), "w", encoding="utf-8") as unit:
            unit.write(UNIT)
        wants = os.path.join(root, "etc/systemd/system/multi-user.target.wants")
        os.makedirs(wants, exist_ok=True)
        if not os.path.lexists(wants + "/demo.service"):
            os.symlink("../demo.service", wants + "/demo.service")
        result = os.path.join(daemon.dir, "result")
        os.mkdir(result)
        try:
            done = subprocess.run(["systemd-nspawn", "-D", root, "--boot", "--register=no", "--keep-unit", "--volatile=no",
                                   "--machine", f"vault-{os.getpid()}", "--private-network", "--bind", result + ":/result"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace", timeout=240)
        finally:
            os.remove(target)
        if not os.path.exists(result + "/env") and re.search(r"(?i)failed to (mount|create|allocate)|not permitted", done.stdout):
            return "systemd does not boot in a container here: " + done.stdout[-200:].replace("\n", " ")
        assert os.path.exists(result + "/env"), done.stdout[-3000:]
        with open(result + "/env", "rb") as listing:
            got = dict(entry.split(b"=", 1) for entry in listing.read().split(b"\0") if entry)
        for name, value in VARIABLES.items():
            assert got.get(name.encode()) == value.encode(), (name, got.get(name.encode()))
    return None


vault.main(globals())
