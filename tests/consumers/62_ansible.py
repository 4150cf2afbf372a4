#!/usr/bin/env python3
"""Ansible's collection community.hashi_vault (Debian's package ansible) over TLS against a real daemon: the playbook ansible.yml, a test for
each of its tasks."""
import json
import os
import subprocess
import sys

import tls_vault

HERE = os.path.dirname(os.path.abspath(__file__))


def play(daemon):
    environment = daemon.client_environment(
        VAULT_TOKEN=daemon.root_token, ANSIBLE_STDOUT_CALLBACK="json", ANSIBLE_LOCALHOST_WARNING="False", ANSIBLE_NOCOLOR="1",
        ANSIBLE_LOCAL_TEMP=os.path.join(daemon.dir, "ansible"), ANSIBLE_REMOTE_TEMP=os.path.join(daemon.dir, "ansible-remote"),
        LC_ALL="C.UTF-8", PATH="/usr/bin:/bin")
    command = ["/usr/bin/ansible-playbook", "-i", "localhost,", "-c", "local", "-e", "ansible_python_interpreter=/usr/bin/python3",
               os.path.join(HERE, "ansible.yml")]
    done = subprocess.run(command, env=environment, cwd=daemon.dir, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    try:
        tasks = [task for one in json.loads(done.stdout[done.stdout.index("{"):])["plays"] for task in one["tasks"]]
    except ValueError:
        print("not ok - ansible: the playbook runs\n# " + (done.stdout + done.stderr)[-3000:].replace("\n", "\n# "))
        return 1
    failed = 0
    for task in tasks:
        name, outcome = task["task"]["name"], task["hosts"].get("localhost", {})
        _, fails, text = name.partition("; fails with: ")
        bad = not outcome or outcome.get("failed", False) != bool(fails) or text not in outcome.get("msg", "")
        failed += bad
        print(f"{'not ok' if bad else 'ok'} - ansible: {name}")
        if bad:
            print("# " + str(outcome.get("msg"))[:1500].replace("\n", "\n# "))
    if done.returncode != 0 and not failed:
        print("not ok - ansible: the playbook ends well\n# " + done.stderr[-2000:].replace("\n", "\n# "))
        failed += 1
    return failed


if not os.path.exists("/usr/bin/ansible-playbook"):
    print("ok - ansible # SKIP ansible is not installed")
    sys.exit(0)
with tls_vault.running() as vaultd:
    failures = play(vaultd)
    for secret in (vaultd.root_token, "cAnArY-of-ansible"):
        if secret in vaultd.log():
            print("not ok - ansible: the log holds no secret")
            failures += 1
sys.exit(1 if failures else 0)
