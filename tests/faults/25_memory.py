#!/usr/bin/env python3
"""Every allocation of a request fails once, and from then on, for every kind of request: also those of the libraries.

One daemon; a fault is armed for one request. The daemon lives, an answer that says "done" is true, an answer that says "no" has changed
nothing and never blames the client, the next request is right, and neither descriptors nor memory are lost.
"""
import contextlib
import json
import os
import socket
import subprocess
import threading
import time

import faults
from faults import BEFORE, COUNT, DROPPED, MEMORY, FaultyDaemon, vault

CLASSES = 1 << MEMORY
LONG = vault.TIER == "long"
# Every so many allocations fail once, and from then on.
STRIDES = (1, 1) if LONG else (1, 7)
# What changes from one answer to the next.
FLEETING = {"request_id", "created_time", "updated_time", "deletion_time", "creation_time", "ttl", "expire_time", "issue_time", "last_renewal",
            "server_time_utc", "creation_ttl", "time", "encryptions", "version", "current_version", "oldest_version", "revision", "versions",
            "revisions", "last_renewal_time", "random_bytes", "cas", "accessor", "client_token", "token", "wrapped_accessor", "from_revision",
            "to_revision", "from", "to", "nonce", "warnings", "keys", "last_updated_time", "uuid", "encoded_token", "encoded_root_token"}
LEAK_BYTES = 16384	# LMDB keeps some free pages; a block that is lost each time is lost a hundred times
POLICY = 'path "secret/*" { capabilities = ["read", "list"] }'
SCHEMA = "# @type=port @required\nPORT=\n# @optional @matches=[a-z]+\nNAME=\n"
KEY_FILE = "key_file"
RELIEF_SECONDS = 0.3


class Broken(AssertionError):
    """What a missing block of memory must not lead to."""


def require(holds, *what):
    if not holds:
        raise Broken(*what)


def steady(value):
    if isinstance(value, dict):
        return {name: steady(inner) for name, inner in value.items() if name not in FLEETING}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def content(answer):
    """What an answer says, without what changes from one to the next."""
    with contextlib.suppress(ValueError):
        return answer.status, steady(json.loads(answer.body)) if answer.body else None
    return answer.status, answer.body if b"vaultd_" not in answer.body else b"metrics"


class Operation:
    """A request; what shows whether it has happened (None: it only reads); what takes it back."""

    def __init__(self, name, method, path, body=None, shows=None, undo=(), **more):
        self.name, self.request, self.shows, self.undo = name, (method, path, body), shows, undo
        self.more = more

    def call(self, daemon):
        method, path, body = self.request
        path, body = (part(daemon) if callable(part) else part for part in (path, body))
        with contextlib.suppress(ConnectionError):
            return daemon.request(method, path, body, **self.more)
        return None

    def prepared(self, daemon):
        """The same with what it needs already there."""
        method, path, body = self.request
        return type(self)(self.name, method, path(daemon) if callable(path) else path, body(daemon) if callable(body) else body, **self.more)

    def state(self, daemon):
        if self.shows is None:
            return None
        if callable(self.shows):
            return self.shows(daemon)
        return content(daemon.get(self.shows))

    def take_back(self, daemon):
        if callable(self.undo):
            self.undo(daemon)
            return
        for method, path, body in self.undo:
            answer = daemon.request(method, path, body)
            require(answer.status in (200, 204), "taken back", self.name, answer)


class Job(Operation):
    """A job that a request begins; its end is the answer."""

    def call(self, daemon):
        answer = super().call(daemon)
        if answer is None or answer.status not in (200, 202):
            return answer
        while True:
            with contextlib.suppress(ConnectionError):
                status = daemon.get(self.request[1])
                if status is not None and status.status == 200 and status.data["state"] != "running":
                    break
            time.sleep(0.005)	# what is asked for meanwhile allocates as well
        if status.data["state"] == "failed":
            return vault.Answer(500, {}, json.dumps({"errors": [status.data["error"]]}).encode())
        return vault.Answer(200, {}, json.dumps({"data": {name: status.data[name] for name in ("state", "found", "findings")
                                                          if name in status.data}}).encode())


def when_free(call):
    """The answer of a call that waits for one of its kind that was broken off, or for a database that is opened again."""
    for _ in range(500):
        answer = call()
        if answer is None or answer.status != 503 or "again" not in " ".join(answer.errors):
            break
        time.sleep(0.01)
    return answer


class Compaction(Job):
    """Reads and writes wait for a database that is opened again after a failure."""

    def call(self, daemon):
        answer = when_free(lambda: super(Compaction, self).call(daemon))
        for _ in range(500):
            with contextlib.suppress(ConnectionError, AttributeError):	# closed early, or without an answer
                if daemon.get(D + "m/r").status == 200:
                    break
            time.sleep(0.01)
        return answer


class Backup(Operation):
    """A stream; one that ends early says nothing. One that is whole has to be restored."""

    def call(self, daemon):
        answer = when_free(lambda: super(Backup, self).call(daemon))
        if answer is None or answer.status != 200:
            return answer
        body = unchunked(answer.body)
        if body is None:
            return vault.Answer(500, {}, b'{"errors":["the stream ended without its end"]}')
        daemon.backups += 1
        if daemon.faults.fired and (LONG or daemon.backups % 10 == 0):
            require(is_whole(daemon, body), "a backup that is none was told as whole")
        return vault.Answer(200, {}, b'{"data":"whole"}')


def unchunked(body):
    """What came in chunks, whole; or None."""
    data = bytearray()
    while True:
        line, end, body = body.partition(b"\r\n")
        if not end:
            return None
        size = int(line, 16)
        if size == 0:
            return bytes(data)
        if len(body) < size + 2:
            return None
        data += body[:size]
        body = body[size + 2:]


def is_whole(daemon, body):
    env = {name: value for name, value in daemon.environment().items() if name not in daemon.faulty}
    done = subprocess.run([vault.VAULTD, "restore", "--check", "--key-file", daemon.key_file], env=env, cwd=daemon.dir, input=body,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return done.returncode == 0


def accessors(daemon):
    return len(daemon.request("LIST", "auth/token/accessors").data["keys"])


def new_tokens_end(daemon):
    for accessor in daemon.request("LIST", "auth/token/accessors").data["keys"]:
        if accessor not in daemon.kept:
            require(daemon.put("auth/token/revoke-accessor", {"accessor": accessor}).status == 204, "a token cannot be revoked")


def a_token(daemon):
    """A token to be ended: made without a fault when the last one is gone."""
    if daemon.victim is None or daemon.get("auth/token/lookup-self", token=daemon.victim).status != 200:
        daemon.victim = daemon.put("auth/token/create", {"policies": ["default"], "ttl": "1h"}).json["auth"]["client_token"]
    return {"token": daemon.victim}


def victim_lives(daemon):
    a_token_there = daemon.victim is not None and daemon.get("auth/token/lookup-self", token=daemon.victim).status == 200
    return a_token_there


def new_victim(daemon):
    daemon.victim = None
    a_token(daemon)


def wrapping(daemon):
    daemon.wrapping = daemon.put("sys/wrapping/wrap", {"a": "b"}, headers={"X-Vault-Wrap-TTL": "300"}).json["wrap_info"]["token"]
    return {"token": daemon.wrapping}


def unlock(daemon):
    return {"type": KEY_FILE, "key": daemon.slot_key()}


def slots(daemon):
    return len(daemon.get("sys/slots").data["slots"])


def slots_end(daemon):
    for slot in daemon.get("sys/slots").data["slots"]:
        if slot["id"] != 0:
            require(daemon.put(f"sys/slots/{slot['id']}/remove", {"unlock": unlock(daemon)}).status == 204, "a slot cannot be removed")


def ceremony(begin):
    """The body of the request that ends a ceremony; its beginning is made without a fault."""
    def body(daemon):
        daemon.request("DELETE", begin)
        answer = daemon.put(begin, {})
        require(answer.status == 200, "a ceremony does not begin", answer)
        return {"nonce": answer.json["nonce"], "slot": unlock(daemon)}
    return body


def header_changed(daemon):
    """Since the last look: a new root key is a new slot."""
    made = [slot["created_time"] for slot in daemon.get("sys/slots").data["slots"]]
    return made != daemon.slots_made


def look_at_header(daemon):
    daemon.slots_made = [slot["created_time"] for slot in daemon.get("sys/slots").data["slots"]]


def sealed(daemon):
    return daemon.get("sys/seal-status").json["sealed"]


def unsealed_again(daemon):
    if sealed(daemon):
        answer = daemon.unseal()
        require(answer.status == 200, "not unsealed", answer)


def sealed_again(daemon):
    if not sealed(daemon):
        require(daemon.put("sys/seal", {}).status == 204, "not sealed")


def data(values, **options):
    return {"data": values, "options": options}


D, M = "secret/data/", "secret/metadata/"
OLD = [("PUT", D + "m/a", data({"A": "old"}))]
NEW = [("PUT", D + "m/a", data({"A": "new"}))]
OPERATIONS = [
    Operation("put", "PUT", D + "m/a", data({"A": "new"}), D + "m/a", OLD),
    Operation("put large", "PUT", D + "m/a", data({"A": "n" * 100000}), D + "m/a", OLD),
    Operation("put a new one", "PUT", D + "m/new", data({"A": "1"}), D + "m/new", [("DELETE", M + "m/new", None)]),
    Operation("put many", "PUT", D + "m/a", data({f"V{n}": "v" * n for n in range(100)}), D + "m/a", OLD),
    Operation("patch", "PATCH", D + "m/a", data({"B": "more"}), D + "m/a", OLD),
    Operation("read", "GET", D + "m/r"),
    Operation("read a version", "GET", D + "m/r?version=1"),
    Operation("delete", "DELETE", D + "m/d", None, D + "m/d", [("PUT", D + "m/d", data({"D": "1"}))]),
    Operation("destroy", "PUT", lambda d: "secret/destroy/m/a", lambda d: {"versions": [d.get(M + "m/a").data["current_version"]]}, D + "m/a", OLD),
    Operation("subkeys", "GET", "secret/subkeys/m/r"),
    Operation("list", "LIST", M + "m/"),
    Operation("metadata", "GET", M + "m/r"),
    Operation("metadata put", "PUT", M + "m/a", {"custom_metadata": {"k": "v"}}, M + "m/a", [("PUT", M + "m/a", {"custom_metadata": {}})]),
    Operation("metadata patch", "PATCH", M + "m/a", {"custom_metadata": {"k": "v"}}, M + "m/a", [("PUT", M + "m/a", {"custom_metadata": {}})]),
    Operation("metadata delete", "DELETE", M + "m/gone", None, D + "m/gone", [("PUT", D + "m/gone", data({"G": "1"}))]),
    Operation("config", "POST", "secret/config", {"max_versions": 7}, "secret/config", [("POST", "secret/config", {"max_versions": 10})]),
    Operation("resolve", "GET", "secret/resolve/m/child"),
    Operation("resolved", "GET", "resolved/data/m/child"),
    Operation("render dotenv", "GET", "secret/render/m/child?format=dotenv"),
    Operation("render json", "GET", "secret/render/m/child?format=json"),
    Operation("render systemd", "GET", "secret/render/m/child?format=systemd"),
    Operation("wait", "GET", "secret/resolve/m/r?wait=1s", headers={"If-None-Match": '"other"'}),
    Operation("history", "GET", "secret/history/m/r"),
    Operation("diff", "GET", "secret/diff/m/r?from=1&to=2"),
    Operation("rollback", "POST", "secret/rollback/m/b", {"revision": 1}, D + "m/b",
              [("DELETE", M + "m/b", None), ("PUT", D + "m/b", data({"B": "1"})), ("PUT", D + "m/b", data({"B": "2"}))]),
    Operation("settings", "GET", "secret/settings/m/child"),
    Operation("settings patch", "PATCH", "secret/settings/m/child", {"allow_names": ["PATH"]}, "secret/settings/m/child",
              [("PATCH", "secret/settings/m/child", {"allow_names": []})]),
    Operation("schema", "GET", "secret/schema/m/typed"),
    Operation("schema put", "PUT", "secret/schema/m/a", {"text": "# @type=string\nA=\n", "mode": "warn"}, "secret/schema/m/a",
              [("DELETE", "secret/schema/m/a", None)]),
    Operation("enforced put", "PUT", D + "m/typed", data({"PORT": "81", "NAME": "new"}), D + "m/typed",
              [("PUT", D + "m/typed", data({"PORT": "80", "NAME": "old"}))]),
    Operation("check", "POST", "secret/check/m/typed", {"data": {"PORT": "no", "NAME": "7"}}),
    Operation("policy put", "PUT", "sys/policies/acl/new", {"policy": POLICY}, "sys/policies/acl/new", [("DELETE", "sys/policies/acl/new", None)]),
    Operation("policy read", "GET", "sys/policies/acl/kept"),
    Operation("policies", "LIST", "sys/policies/acl"),
    Operation("capabilities", "POST", "sys/capabilities-self", {"paths": [D + "m/a", "sys/mounts"]}),
    Operation("explain", "POST", "sys/policy/explain", lambda d: {"token": d.reader, "capability": "read", "path": D + "m/a"}),
    Operation("read by token", "GET", D + "m/r", token="reader"),
    Operation("token create", "POST", "auth/token/create", {"policies": ["kept"], "ttl": "1h"}, accessors, new_tokens_end),
    Operation("token lookup", "POST", "auth/token/lookup", lambda d: {"token": d.reader}),
    Operation("token renew", "POST", "auth/token/renew", lambda d: {"token": d.reader}),
    Operation("accessors", "LIST", "auth/token/accessors"),
    Operation("token revoke", "POST", "auth/token/revoke", a_token, victim_lives, new_victim),
    Operation("role put", "PUT", "auth/token/roles/new", {"allowed_policies": ["kept"]}, "auth/token/roles/new",
              [("DELETE", "auth/token/roles/new", None)]),
    Operation("roles", "LIST", "auth/token/roles"),
    Operation("wrap", "POST", "sys/wrapping/wrap", {"a": "b"}, headers={"X-Vault-Wrap-TTL": "60"}),
    Operation("wrapped read", "GET", D + "m/r", headers={"X-Vault-Wrap-TTL": "60"}),
    Operation("unwrap", "POST", "sys/wrapping/unwrap", wrapping),
    Operation("cubbyhole put", "PUT", "cubbyhole/c", {"k": "v"}, lambda d: content(d.get("cubbyhole/c", token=d.reader)),
              lambda d: d.request("DELETE", "cubbyhole/c", token=d.reader), token="reader"),
    Operation("slots", "GET", "sys/slots"),
    Operation("slot add", "PUT", "sys/slots", lambda d: {"unlock": unlock(d), "slot": {"type": "passphrase", "passphrase": "of the slot"}}, slots,
              slots_end),
    Operation("rotate", "PUT", "sys/rotate", {}),
    Operation("rekey", "PUT", "sys/rekey/update", ceremony("sys/rekey/init"), header_changed, look_at_header),
    Operation("generate root", "PUT", "sys/generate-root/update", ceremony("sys/generate-root/attempt"), accessors, new_tokens_end),
    Operation("key status", "GET", "sys/key-status"),
    Operation("mounts", "GET", "sys/mounts"),
    Operation("mount", "POST", "sys/mounts/team", {"type": "kv", "options": {"version": "2"}}, "sys/mounts/team", [("DELETE", "sys/mounts/team", None)]),
    Operation("mount tune", "POST", "sys/mounts/secret/tune", {"description": "d"}, "sys/mounts/secret",
              [("POST", "sys/mounts/secret/tune", {"description": ""})]),
    Operation("kv1 put", "PUT", "old/x", {"K": "new"}, "old/x", [("PUT", "old/x", {"K": "old"})]),
    Operation("kv1 read", "GET", "old/y"),
    Operation("quota put", "PUT", "sys/quotas/rate-limit/q", {"rate": 1e6, "path": "secret/"}, "sys/quotas/rate-limit/q",
              [("DELETE", "sys/quotas/rate-limit/q", None)]),
    Operation("quotas", "LIST", "sys/quotas/rate-limit"),
    Operation("hash", "POST", "sys/tools/hash", {"input": "YWJj"}),
    Operation("health", "GET", "sys/health"),
    Operation("metrics", "GET", "/metrics"),
    Job("verify", "PUT", "sys/verify"),
    Compaction("compaction", "PUT", "sys/compact"),
    Backup("backup", "GET", "sys/backup"),
    Operation("seal status", "GET", "sys/seal-status"),
    Operation("seal", "PUT", "sys/seal", {}, sealed, unsealed_again),
    Operation("unseal", "PUT", "sys/unseal", lambda d: {"slot": KEY_FILE, "key_file": d.slot_key()}, sealed, sealed_again),
]


class MemoryDaemon(FaultyDaemon):
    """With what the operations need."""

    def __init__(self):
        super().__init__("failing_memory", env={"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"})
        self.victim = self.reader = self.slots_made = None
        self.backups = 0

    def connect(self, timeout=30):
        return super().connect(timeout)

    def request(self, *arguments, token=None, **more):
        return super().request(*arguments, token=self.reader if token == "reader" else token, **more)

    def good(self, *request):
        answer = self.request(*request)
        require(answer.status in (200, 204), request, answer)
        return answer

    def furnish(self):
        for name, first, second in (("m/a", {"A": "x"}, {"A": "old"}), ("m/r", {"R": "1"}, {"R": "2", "S": "s" * 200}), ("m/d", {"D": "1"}, {"D": "1"}),
                                    ("m/b", {"B": "1"}, {"B": "2"}), ("m/gone", {"G": "1"}, {"G": "1"}), ("m/base", {"HOST": "h"}, {"HOST": "h"})):
            self.write(name, first)
            self.write(name, second)
        self.good("PUT", D + "m/child", {"data": {"URL": "pg://${HOST}/"}})
        self.good("PATCH", "secret/settings/m/child", {"parents": ["m/base"]})
        self.good("PATCH", D + "m/child", {"data": {"URL": "pg://${HOST}/"}, "options": {"templates": ["URL"]}})
        self.good("PUT", "secret/schema/m/typed", {"text": SCHEMA, "mode": "enforce"})
        self.good("PUT", D + "m/typed", data({"PORT": "80", "NAME": "old"}))
        self.good("PUT", "sys/policies/acl/kept", {"policy": POLICY})
        self.reader = self.good("POST", "auth/token/create", {"policies": ["kept"], "ttl": "10h"}).json["auth"]["client_token"]
        self.good("PUT", "sys/quotas/rate-limit/kept", {"rate": 1e6, "path": "cubbyhole/"})
        self.good("PUT", "auth/token/roles/kept", {"allowed_policies": ["kept"]})
        self.good("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        for name in ("x", "y"):
            self.good("PUT", "old/" + name, {"K": "old"})
        a_token(self)
        self.kept = self.request("LIST", "auth/token/accessors").data["keys"]

    def heal(self):
        """Behind a finding, so that the next is found as well."""
        if self.get("secret/data/m/r").status != 200:
            self.put("sys/seal", {})
            unsealed_again(self)

    def bytes(self):
        """What malloc has handed out, at an allocation of a request of always the same kind."""
        levels = []
        for _ in range(5):
            self.faults.set(faults.MEASURE, 1)
            self.get("sys/leader")
            levels.append(self.faults.word(faults.BYTES))
        return min(levels)

    def descriptors(self):
        """The least of some looks: a connection that was answered may still be being closed."""
        return min(len(os.listdir(f"/proc/{self.pid}/fd")) for _ in range(20) if self.get("sys/leader"))


class Sweep:
    """One operation, with each of its allocations failing."""

    def __init__(self, daemon, operation, kind=BEFORE, lie=None):
        self.kind, self.lie = kind, lie
        self.daemon, self.operation, self.struck = daemon, operation, 0
        self.before, self.after, self.says, self.allocations = None, None, None, 0

    def lives(self):
        require(self.daemon.process.poll() is None, "the daemon ended", self.daemon.process.returncode, self.daemon.log()[-600:])

    def well(self):
        """Without a fault, and taken back."""
        answer = self.operation.call(self.daemon)
        require(answer is not None and answer.status in (200, 204), "without a fault", answer)
        after = self.operation.state(self.daemon)
        if self.after is None:
            self.after = after
        require(after == self.after, "without a fault it is", after, "and not", self.after)
        says = content(answer)
        if self.says is None:
            self.says = says
        require(says == self.says, "without a fault it says", says, "and not", self.says)
        self.operation.take_back(self.daemon)

    def learn(self):
        self.operation.take_back(self.daemon)
        self.before = self.operation.state(self.daemon)
        for _ in range(3):
            self.well()
        prepared = self.operation.prepared(self.daemon)
        self.daemon.faults.arm(COUNT, CLASSES)
        prepared.call(self.daemon)
        self.allocations = self.daemon.faults.seen
        self.daemon.faults.disarm()
        self.operation.take_back(self.daemon)

    def check(self, answer):
        """The answer, and what is there behind it. Whether it happened."""
        state = self.operation.state(self.daemon)
        require(state in (self.before, self.after), "it became", state)
        if answer is None:
            return state == self.after
        if answer.status < 300:
            # A check that lacks memory for its findings says how many are left out; a change that was made and could not be judged
            # by the schema says that.
            partial = b'"omitted":0' not in answer.body and b'"omitted":' in answer.body
            partial = partial or b"could not be judged by their schema" in answer.body
            require(partial or content(answer) == self.says, "success that says", content(answer), "and not", self.says)
            require(state == self.after, "a false success", answer)
            return True
        require(answer.status in (500, 503, 507), "a status that blames somebody else", answer)
        sentence = " ".join(answer.errors)
        require(not any(word in sentence for word in ("it was changed", "damaged", "put back")), "what is sound is called damaged", answer)
        require("not known" in sentence or "is durable" in sentence or state == self.before, "it was refused and has happened", answer)
        return state == self.after

    def one(self, number, times):
        prepared = self.operation.prepared(self.daemon)
        self.daemon.faults.arm(self.kind, CLASSES, first=number, times=times)
        # What is durable is followed before it is answered, which may have to wait until there is memory again.
        relief = threading.Timer(RELIEF_SECONDS + (1 if self.operation.name == "wait" else 0), self.daemon.faults.disarm)
        relief.start()
        try:
            answer = prepared.call(self.daemon)
        except socket.timeout:
            answer = "no answer"
        relief.cancel()
        relief.join()
        if self.lie and answer not in (None, "no answer") and answer.status >= 500:
            answer = self.lie
        self.struck += self.daemon.faults.disarm() > 0
        self.lives()
        require(answer != "no answer", "the request hangs")
        unsealed_again(self.daemon) if self.operation.name not in ("seal", "unseal") else None
        if self.check(answer) and self.after != self.before:
            self.operation.take_back(self.daemon)
        self.well()

    def run(self, findings):
        """How many faults there were. A level that has risen must not rise again: caches fill once."""
        self.learn()
        before, runs = (self.daemon.bytes(), self.daemon.descriptors()), 0
        for _ in range(3):
            runs += self.pass_over(findings)
            now = self.daemon.bytes(), self.daemon.descriptors()
            growth, more = now[0] - before[0], now[1] - before[1]
            if growth <= LEAK_BYTES and more <= 0:
                return runs
            before = now
        findings.append(f"{self.operation.name}: {growth} bytes and {more} descriptors more after each {runs // 3} runs")
        print("# " + findings[-1], flush=True)
        return runs

    def pass_over(self, findings):
        """Every allocation of the operation once, and every few and all that follow."""
        runs = 0
        for times, stride in ((1, STRIDES[0]), (0, STRIDES[1])):
            if not LONG:
                stride = max(stride, self.allocations // 200)
            for number in range(1, self.allocations + 4, stride):
                runs += 1
                try:
                    self.one(number, times)
                except Broken as what:
                    findings.append(f"{self.operation.name}: allocation {number} of {self.allocations} "
                                    f"{'once' if times else 'and all that follow'}: {what!r}"[:900])
                    if not self.lie:
                        print("# " + findings[-1].replace("\n", " "), flush=True)
                    self.lives()
                    self.daemon.heal()
                    self.operation.take_back(self.daemon)
        for _ in range(3):
            self.well()
        return runs


def sweep(names=None):
    """(runs, runs with a fault, findings) of all operations, or of some."""
    daemon, findings, runs, struck = MemoryDaemon(), [], 0, 0
    try:
        daemon.start().init()
        daemon.furnish()
        for operation in OPERATIONS:
            if names and operation.name not in names:
                continue
            one = Sweep(daemon, operation)
            began = time.monotonic()
            try:
                runs += one.run(findings)
            except Broken as what:
                findings.append(f"{operation.name}: {what!r}"[:900])
                print("# " + findings[-1], flush=True)
                one.lives()
                daemon.heal()
            struck += one.struck
            if os.environ.get("FAULTS_VERBOSE"):
                print(f"# {operation.name}: {one.allocations} allocations, {time.monotonic() - began:.1f} s", flush=True)
        unsealed_again(daemon)
        require(daemon.stop() == 0, "it does not end well")
    finally:
        with contextlib.suppress(Exception):
            daemon.kill()
        daemon.remove()
    return runs, struck, findings


def test_every_allocation():
    names = os.environ.get("FAULTS_OPERATIONS")
    runs, struck, findings = sweep(names.split(",") if names else None)
    print(f"# {len(OPERATIONS)} operations, {runs} runs, {struck} with a fault")
    assert not findings, "\n".join(findings)


def test_planted_bugs_are_found():
    """Without these, nothing found would mean nothing."""
    daemon = MemoryDaemon()
    try:
        daemon.start().init()
        daemon.furnish()
        by_name = {operation.name: operation for operation in OPERATIONS}
        good = by_name["put"].call(daemon)
        by_name["put"].take_back(daemon)
        for what, words, one in (("a client that takes a refusal for success", "a false success", Sweep(daemon, by_name["put"], lie=good)),
                                 ("blocks that are lost", "bytes and", Sweep(daemon, by_name["put"], kind=DROPPED)),
                                 ("blocks that a read loses", "bytes and", Sweep(daemon, by_name["read"], kind=DROPPED))):
            findings = []
            one.run(findings)
            assert any(words in finding for finding in findings), (what, findings)
            print(f"# {what}: {findings[0]}"[:200])
    finally:
        daemon.kill()
        daemon.remove()


def init(number):
    """A new vault, of whose init one allocation fails. Whether it failed."""
    daemon = MemoryDaemon()
    try:
        daemon.start().get("sys/health")	# it listens before it is ready
        daemon.faults.arm(BEFORE, CLASSES, first=number)
        for _ in range(3):
            with contextlib.suppress(ConnectionError):
                answer = daemon.put("sys/init", {"slot": {"type": KEY_FILE, "key": daemon.slot_key()}})
                require(answer is None or answer.status in (200, 500, 503) or "already" in answer.body.decode(), "init", answer)
            require(daemon.process.poll() is None, "the daemon ended", daemon.log()[-600:])
        struck = daemon.faults.disarm() > 0
        unsealed_again(daemon)
        daemon.write("shop", {"A": "1"})
        require(daemon.read("shop") == {"A": "1"}, "what was written")
        require(daemon.stop() == 0, "it does not end well")
        return struck
    finally:
        with contextlib.suppress(Exception):
            daemon.kill()
        daemon.remove()


def test_init():
    """Each allocation of an init. A start is in 26_start_memory.py."""
    with MemoryDaemon() as daemon:
        daemon.start().get("sys/health")
        daemon.faults.arm(COUNT, CLASSES)
        daemon.init()
        allocations = daemon.faults.seen
    findings, struck = [], 0
    numbers = range(1, allocations + 1, 1 if LONG else max(1, allocations // 20))
    for number in numbers:
        try:
            struck += init(number)
        except (AssertionError, OSError) as what:
            findings.append(f"init: allocation {number} of {allocations}: {what!r}"[:900])
            print("# " + findings[-1].replace("\n", " "), flush=True)
    print(f"# {allocations} allocations of an init, {len(numbers)} runs, {struck} with a fault")
    assert not findings, "\n".join(findings)


vault.main(globals())
