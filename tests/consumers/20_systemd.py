#!/usr/bin/env python3
# slow: yes
"""A rendered EnvironmentFile starts a unit in a real systemd, booted in a container from a small Debian tree; and so does vaultd."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import re  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402

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


def wanted(root, name, text):
    """A unit that is started at boot, and none of another test."""
    units = os.path.join(root, "etc/systemd/system")
    wants = os.path.join(units, "multi-user.target.wants")
    os.makedirs(wants, exist_ok=True)
    for other in os.listdir(wants):
        if other in ("demo.service", "care.service"):
            os.unlink(os.path.join(wants, other))
    with open(os.path.join(units, name), "w", encoding="utf-8") as unit:
        unit.write(text)
    os.symlink("../" + name, os.path.join(wants, name))


def boot(root, result):
    """What was said; None when containers are not possible here."""
    done = subprocess.run(["systemd-nspawn", "-D", root, "--boot", "--register=no", "--keep-unit", "--volatile=no",
                           "--machine", f"vault-{os.getpid()}", "--private-network", "--bind", result + ":/result"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=240)
    if not os.listdir(result) and re.search(r"(?i)failed to (mount|create|allocate)|not permitted", done.stdout):
        return None
    return done.stdout


def is_possible():
    return os.geteuid() == 0 and shutil.which("systemd-nspawn") and shutil.which("debootstrap")


def test_a_unit_gets_exactly_the_variables():
    if not is_possible():
        return "needs root, systemd-nspawn and debootstrap"
    root = tree()
    with vault.personal() as daemon:
        daemon.write("shop/production", VARIABLES)
        target = os.path.join(root, "etc/demo.env")
        daemon.envctl("render", "shop/production", "--format", "systemd", "--output", target, check=0)
        assert os.stat(target).st_mode & 0o777 == 0o600
        wanted(root, "demo.service", UNIT)
        result = os.path.join(daemon.dir, "result")
        os.mkdir(result)
        try:
            said = boot(root, result)
        finally:
            os.remove(target)
        if said is None:
            return "systemd does not boot in a container here"
        assert os.path.exists(result + "/env"), said[-3000:]
        with open(result + "/env", "rb") as listing:
            got = dict(entry.split(b"=", 1) for entry in listing.read().split(b"\0") if entry)
        for name, value in VARIABLES.items():
            assert got.get(name.encode()) == value.encode(), (name, got.get(name.encode()))
    return None


CARE_UNIT = """[Unit]
Description=uses the vault of the machine
After=vaultd.service
[Service]
Type=oneshot
Environment=LD_LIBRARY_PATH=/opt/vault-libraries VAULT_ADDR=unix:///run/vaultd/vaultd.sock VAULTD_TEST_KDF=1 HOME=/root
ExecStart=/bin/sh /opt/care
ExecStopPost=/bin/systemctl --no-block poweroff
"""
CARE = """set -x
exec >/result/log.part 2>&1
cd /root
systemctl start vaultd
systemctl show vaultd --property=ActiveState,Result,ExecMainStatus
rm -f root.key root.token x.backup
envctl init --key-file root.key --token-output root.token && envctl login --token-file root.token &&
envctl set shop/production A=1 </dev/null && envctl backup -q -o x.backup && envctl verify -q && envctl compact -q &&
test "$(envctl get shop/production A)" = 1 && systemctl restart vaultd && envctl unseal --key-file root.key &&
test "$(envctl get shop/production A)" = 1 && echo all is well
systemctl stop vaultd
systemctl show vaultd --property=Result
journalctl --no-pager -n 30 -u vaultd
mv /result/log.part /result/log
"""


def install(root):
    """As docs/operations.md has it, and the libraries that the tree lacks."""
    libraries = os.path.join(root, "opt/vault-libraries")
    shutil.rmtree(libraries, ignore_errors=True)
    shutil.rmtree(os.path.join(root, "var/lib/vaultd"), ignore_errors=True)
    os.makedirs(libraries)
    for program in (vault.VAULTD, vault.ENVCTL):
        shutil.copy(program, os.path.join(root, "usr/bin"))
        for library in re.findall(r"=> (/\S+)", subprocess.check_output(["ldd", program], text=True)):
            if not os.path.exists(root + library) and not os.path.exists(root + "/usr" + library):
                shutil.copy(library, libraries)
    packaging = os.path.join(vault.TOP, "packaging/systemd")
    for source, target in (("sysusers.conf", "usr/lib/sysusers.d/vaultd.conf"), ("vaultd.conf", "etc/vaultd/vaultd.conf"),
                           ("vaultd.service", "etc/systemd/system/vaultd.service")):
        os.makedirs(os.path.dirname(os.path.join(root, target)), exist_ok=True)
        shutil.copy(os.path.join(packaging, source), os.path.join(root, target))
    subprocess.run(["systemd-sysusers", "--root", root], check=True, stderr=subprocess.DEVNULL)
    drop_in = os.path.join(root, "etc/systemd/system/vaultd.service.d")
    os.makedirs(drop_in, exist_ok=True)
    with open(os.path.join(drop_in, "libraries.conf"), "w", encoding="utf-8") as out:
        out.write("[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/vault-libraries VAULTD_TEST_KDF=1\n")
    with open(os.path.join(root, "opt/care"), "w", encoding="utf-8") as out:
        out.write(CARE)


def test_the_unit_of_vaultd_runs_and_its_vault_is_cared_for():
    if not is_possible():
        return "needs root, systemd-nspawn and debootstrap"
    root = tree()
    install(root)
    wanted(root, "care.service", CARE_UNIT)
    with tempfile.TemporaryDirectory() as result:
        said = boot(root, result)
        if said is None:
            return "systemd does not boot in a container here"
        assert os.path.exists(result + "/log"), said[-3000:]
        with open(result + "/log", encoding="utf-8", errors="replace") as lines:
            log = lines.read()
        assert "\nall is well\n" in log and log.count("Result=success") == 2, log[-6000:]
    return None


vault.main(globals())
