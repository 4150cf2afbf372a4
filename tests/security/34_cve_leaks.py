#!/usr/bin/env python3
"""Secrets in places where they do not belong: each test names the advisories it stands for. One daemon takes all of it, and at the end its log,
its directory, and everything that it has answered to the wrong ones is searched."""
import http.server
import os
import re
import socket
import stat
import threading
import time

from routes import MERGE, ROUTES, example, prepare, vault, writes

CANARY = "cAnArY-34-"
MARK = CANARY + "value"
DAEMON = vault.Daemon(env={"VAULT_CANARY_ENVIRONMENT": CANARY + "environment"})
OLD_MASK = os.umask(0)
DAEMON.start()
os.umask(OLD_MASK)
DAEMON.init()
prepare(DAEMON)
REFUSED = []  # answers that must hold nothing of a request


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def holds(where, what=CANARY):
    return what.encode() in (where if isinstance(where, bytes) else where.encode())


def request(route, body, token=None, headers=None):
    more = dict(MERGE if route["method"] == "PATCH" else {}, **(headers or {}))
    return DAEMON.request(route["method"], example(route["pattern"], "leaks/a"), body, token=token or DAEMON.root_token, headers=more)


def test_CVE_2025_4166_CVE_2025_52893_errors_do_not_repeat_malformed_bodies():
    """Cut, doubled, mistyped, unexpected: on every route that takes a body."""
    bodies = ['{"data":{"A":"MARK"', '{"data":{"A":"MARK"}}MARK', '{"data":"MARK"}', '{"data":["MARK"]}', '{"data":{"A":"MARK","A":"MARK"}}', "MARK", '"MARK"',
              '{"data":{"A":MARK}}', '{"MARK":"MARK"}', '{"key":"MARK","token":"MARK","accessor":"MARK","policy":"MARK","secret":"MARK"}',
              '{"versions":"MARK","revision":"MARK","max_versions":"MARK","ttl":"MARK","increment":"MARK","type":"MARK","period":"MARK"}',
              '{"slot":{"type":"passphrase","passphrase":["MARK"]},"nonce":"MARK","otp":"MARK","input":"MARK"}', '{"custom_metadata":{"a":{"MARK":1}}}',
              '{"data":{"A":"\\ud800MARK"}}', '{"data":{},"options":{"cas":"MARK"}}', '{"data":{},"options":"MARK"}']
    for route in writes():
        for body in bodies:
            answer = request(route, body.replace("MARK", MARK).encode())
            if answer.status >= 400:
                REFUSED.append(answer)
                assert not holds(answer.body), (route, body, answer)
            assert answer.status < 500 or answer.status in (503, 507), (route, body, answer)


def test_CVE_2026_46358_headers_are_not_repeated():
    for name in ("X-Vault-Token", "X-Vault-Namespace", "X-Vault-Wrap-TTL", "Authorization", "Content-Type", "If-None-Match", "X-Vault-MFA"):
        for value in (MARK, "Bearer " + MARK, MARK * 50):
            for method, path in (("GET", "secret/data/leaks/a"), ("PATCH", "secret/data/leaks/a"), ("PUT", "sys/seal2")):
                answer = DAEMON.request(method, path, b"{}" if method != "GET" else None, headers={name: value},
                                        token="" if name in ("X-Vault-Token", "Authorization") else DAEMON.root_token)
                REFUSED.append(answer)
                assert not holds(answer.body) and not any(holds(v) for v in answer.headers.values()), (name, answer)


def test_paths_and_arguments_are_not_logged():
    for target in (f"/v1/secret/data/{MARK}/..", f"/v1/secret/data/a?version={MARK}", f"/v1/secret/metadata?list={MARK}", f"/v1/{MARK}", f"/{MARK}",
                   f"/v1/sys/health?activecode={MARK}", f"/v1/secret/data/{MARK}%00", "/v1/secret/data/" + MARK * 200, f"/v1/sys/mounts/{MARK}/x%2f"):
        REFUSED.append(DAEMON.request("GET", target, token=DAEMON.root_token))
    assert not holds(DAEMON.log())


def test_CVE_2018_19786_CVE_2020_13223_keys_tokens_and_environment_are_not_logged():
    log = DAEMON.log()
    for secret in (DAEMON.root_token, DAEMON.slot_key(), CANARY + "environment"):
        assert not holds(log, secret)
    same(DAEMON.put("sys/seal", None).status, 204)
    for key in (MARK, "00" * 32, DAEMON.slot_key()[:-8] + "AAAAAAA="):
        REFUSED.append(DAEMON.put("sys/unseal", {"key": key}))
    for _ in range(100):
        if DAEMON.unseal().status == 200:
            break
        time.sleep(0.2)
    same(DAEMON.get("sys/health").status, 200)
    for secret in (DAEMON.root_token, DAEMON.slot_key(), CANARY):
        assert not holds(DAEMON.log(), secret)


def test_CVE_2025_62513_CVE_2025_62705_CVE_2024_8365_nothing_is_in_clear_on_disk():
    for number in range(5):
        DAEMON.write("leaks/kept", {"A": MARK, CANARY + "name": str(number), "B": {"bytes": MARK}}, message=CANARY + "message")
    DAEMON.put("secret/metadata/leaks/kept", {"custom_metadata": {"a": MARK}})
    answer = DAEMON.get("secret/data/leaks/kept", headers={"X-Vault-Wrap-TTL": "60"})
    same((answer.status, answer.json["data"]), (200, None))
    assert not holds(answer.body)
    DAEMON.put("cubbyhole/leaks", {"A": MARK}, token=DAEMON.root_token)
    DAEMON.put("sys/wrapping/wrap", {"A": MARK}, headers={"X-Vault-Wrap-TTL": "60"})
    same(DAEMON.read("leaks/kept")["A"], MARK)
    for folder, _, names in os.walk(DAEMON.dir):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as content:
                    text = content.read()
                assert not holds(text) and not holds(text, DAEMON.root_token) and not holds(text, answer.json["wrap_info"]["token"]), path


def test_CVE_2020_17455_a_connection_keeps_no_identity():
    """The token of one request is not that of the next one on the same connection."""
    with vault.Daemon() as daemon:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with open(daemon.config, "w", encoding="utf-8") as out:
            out.write(f'listen_unix {{ path = "{daemon.socket}" }}\nlisten_tcp {{ address = "127.0.0.1" port = {port} plain = true }}\n')
        daemon.start().init()
        daemon.write("a", {"A": MARK})
        with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
            for token, status in ((daemon.root_token, 200), (None, 403), ("hvs.none", 403), (daemon.root_token, 200), ("", 403)):
                lines = "GET /v1/secret/data/a HTTP/1.1\r\nHost: h\r\n" + (f"X-Vault-Token: {token}\r\n" if token is not None else "") + "\r\n"
                stream.sendall(lines.encode())
                answer = vault.read_answer(stream)
                same(answer.status, status)
                same(holds(answer.body), status == 200)


def test_CVE_2021_38554_nothing_may_be_cached():
    """Every route, whoever asks, and every refusal."""
    for route in ROUTES:
        for token in (DAEMON.root_token, "hvs.none"):
            if route["pattern"] in ("/v1/sys/seal",) or token == DAEMON.root_token and route["pattern"].endswith("revoke-self"):
                continue
            body = b"{}" if route["method"] in ("PUT", "POST", "PATCH") else None
            answer = request(route, body, token)
            same(answer.headers.get("cache-control"), "no-store")
            assert "server" not in answer.headers and "etag" not in {k for k in answer.headers if answer.status >= 400}, answer.headers
    for target in ("/", "/v1/../x", "/v1/none", "/v2"):
        same(DAEMON.request("GET", target).headers.get("cache-control"), "no-store")


def test_CVE_2021_38553_files_are_their_owners_alone():
    """The daemon was started with a umask of 0."""
    seen = 0
    for folder, folders, names in os.walk(DAEMON.data):
        for name in [*folders, *names, "."]:
            mode = os.lstat(os.path.join(folder, name)).st_mode
            same(stat.S_IMODE(mode) & 0o077, 0)
            seen += 1
    assert seen >= 3
    same(stat.S_IMODE(os.stat(DAEMON.socket).st_mode) & 0o077, 0)


def test_CVE_2021_3024_errors_name_no_place_of_this_machine():
    place = re.compile(rb"/tmp/|/home/|/var/|/run/|vaultd-story|127\.0\.0\.1|\.c:\d+|0x[0-9a-f]{6,}|" + re.escape(socket.gethostname().encode()))
    assert len(REFUSED) > 200
    for answer in REFUSED:
        assert not place.search(answer.body), answer


def test_GHSA_444v_8vxr_p36h_envctl_prints_no_secret_when_it_fails():
    DAEMON.write("leaks/b", {"A": MARK, "BAD-NAME": MARK, "LINES": MARK + "\n'\"$(x)", "BASH_ENV": MARK})
    for arguments in (("run", "leaks/b", "--", "true"), ("render", "leaks/b", "--format", "docker"), ("render", "leaks/b", "--format", "systemd"),
                      ("render", "leaks/b", "--format", "shell", "--output", "/nowhere/at/all"), ("get", "leaks/b", "MISSING"),
                      ("run", "leaks/kept", "--", "/no/such/program"), ("import", "leaks/b", "/nowhere")):
        done = DAEMON.envctl(*arguments)
        assert done.returncode != 0, arguments
        assert not holds(done.stdout + done.stderr, MARK), (arguments, done.stdout, done.stderr)  # names may be shown, values not


class Quirky(http.server.BaseHTTPRequestHandler):
    """A server that answers nonsense, and repeats what it was sent."""

    status, template = 200, "%s"

    def do_GET(self):
        body = (self.template % self.headers.get("X-Vault-Token", "")).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_LIST = do_GET

    def log_message(self, *_):
        pass


def client_calls(address, token):
    for arguments in (("get", "env"), ("run", "env", "--", "true"), ("status",), ("list",), ("history", "env")):
        done = DAEMON.envctl(*arguments, env={"VAULT_ADDR": address, "VAULT_TOKEN": token})
        assert not holds(done.stdout + done.stderr, token), (address, arguments, done.stderr)


def test_CVE_2026_55102_the_client_never_shows_its_token():
    """Not in an error, whatever the server does, and not in its program's environment."""
    token = CANARY + "token"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quirky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for Quirky.status, Quirky.template in ((200, "no json %s"), (200, "{"), (500, '{"errors":["no"]}%s'), (403, '{"errors":["permission denied"]}%.0s'),
                                               (200, '{"data":%s}'), (302, "%s")):
            if "%" not in Quirky.template:
                Quirky.template += "%.0s"
            client_calls(f"http://127.0.0.1:{server.server_port}", token)
    finally:
        server.shutdown()
        server.server_close()
    for address in ("http://127.0.0.1:1", "https://127.0.0.1:1", "unix:/nowhere", "nonsense://x"):
        client_calls(address, token)
    done = DAEMON.envctl("run", "leaks/kept", "--", "/usr/bin/env", env={"VAULT_TOKEN": DAEMON.root_token})
    assert holds(done.stdout, MARK) and not holds(done.stdout, DAEMON.root_token), "the program got envctl's token"
    done = DAEMON.envctl("get", "leaks/kept", env={"VAULT_TOKEN": token + "\n"})
    assert not holds(done.stdout + done.stderr, token)


def test_the_log_of_the_whole_run():
    for secret in (CANARY, DAEMON.root_token, DAEMON.slot_key()):
        assert not holds(DAEMON.log(), secret)
    same(DAEMON.stop(), 0)
    for secret in (CANARY, DAEMON.root_token, DAEMON.slot_key()):
        assert not holds(DAEMON.log(), secret)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(globals(), "leaks:")
