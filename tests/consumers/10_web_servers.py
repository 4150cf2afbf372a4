#!/usr/bin/env python3
"""Web servers in python and node, started by "envctl run", answer with their variables; one process, and it gets its signals."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import json  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
import urllib.request  # noqa: E402

import vault  # noqa: E402

VARIABLES = {"GREETING": "Grüße, $HOME `x` \"quoted\" 'single' \\ end", "MULTI": "line one\nline two\n", "EMPTY": "", "UNICODE": "日本語"}

PYTHON = """
import http.server, json, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True)
s.serve_forever()
"""
NODE = """
const s = require('http').createServer((q, r) => r.end(JSON.stringify(process.env)));
s.listen(0, '127.0.0.1', () => console.log(s.address().port));
"""


def serve(command):
    with vault.personal() as daemon:
        daemon.write("shop/production", VARIABLES)
        process = subprocess.Popen([vault.ENVCTL, "run", "shop/production", "--", *command], env=daemon.environment(), cwd=daemon.dir,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            port = int(process.stdout.readline())
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
                got = json.load(answer)
            for name, value in VARIABLES.items():
                assert got[name] == value, (name, got.get(name))
            assert not [n for n in got if n.startswith("VAULT_TOKEN")]
            with open(f"/proc/{process.pid}/cmdline", "rb") as line:
                assert b"envctl" not in line.read(), "envctl must be gone: the program took its place"
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
        assert code in (-signal.SIGTERM, 0), code


def test_python():
    serve([sys.executable, "-c", PYTHON])


def test_node():
    if not shutil.which("node"):
        return "node is not installed"
    serve(["node", "-e", NODE])
    return None


vault.main(globals())
