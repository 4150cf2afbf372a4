#!/usr/bin/env python3
"""node-vault, the JavaScript client of Vault, over TLS against a real daemon. The calls are in node_vault.js; it prints a line for each."""
import os
import subprocess
import sys

import tls_vault

with tls_vault.TlsVault() as daemon:
    packages = os.path.join(daemon.dir, "npm")
    missing = tls_vault.npm_packages(packages, "node-vault@0.12")
    if missing:
        print(f"ok - node-vault # SKIP {missing}")
        sys.exit(0)
    daemon.start()
    environment = daemon.client_environment(NODE_PATH=os.path.join(packages, "node_modules"))
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_vault.js")
    done = subprocess.run(["node", script], env=environment, cwd=packages, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)
    lines = done.stdout.splitlines()
    secrets = [line[9:] for line in lines if line.startswith("# secret ")]
    print("\n".join(line for line in lines if not line.startswith("# secret ")))
    passed = done.returncode == 0 and secrets and not any(line.startswith("not ok") for line in lines)
    if any(secret in daemon.log() for secret in secrets):
        print("not ok - node-vault: the log holds no secret")
        passed = False
sys.exit(0 if passed else 1)
