"""Workloads of the power-cut campaign: a real daemon under the recorder, and clients that note what they ask and what they are told.

A workload is a function of WORKLOADS that gets a Recorded daemon and a seed and drives it; all that it does through the methods
here is noted. Whoever adds one adds a function and a row; for another kind of thing to be checked, an object in oracle.h and how check.c
finds out its state. Those of the care of a store are in care.py.
"""
import base64
import hashlib
import json
import os
import random
import shutil
import struct
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402

RECORDER = os.path.join(vault.BUILD, "tests/faults/librecord.so")
POWER_CUT = os.path.join(vault.BUILD, "tests/faults/power_cut")
MAGIC = 0x31544656		# trace.h, as all of these
NOTE, CREATE, MKDIR, WRITE, SYNC, UNLINK = 0, 1, 2, 3, 6, 9
ENTRY = struct.Struct("=IIIIQQQ")


def rewrites(trace, name):
    """How many writes a file of that name got after its first sync."""
    with open(trace, "rb") as file:
        content = file.read()
    at, inodes, synced, count = 0, set(), set(), 0
    while at < len(content):
        _, kind, _, length, inode, _, _ = ENTRY.unpack_from(content, at)
        at += ENTRY.size + length
        if kind == CREATE and content[at - length:at] == name.encode():
            inodes.add(inode)
        elif kind == SYNC:
            synced.add(inode)
        elif kind == WRITE and inode in inodes & synced:
            count += 1
    return count


def memory_directory():
    """Where images are made and thrown away by the thousand: in memory, when there is such a place."""
    return "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None


def digest(variables):
    """As check_environments.c does it."""
    text = b"".join(name.encode() + b"\0" + variables[name].encode() + b"\0" for name in sorted(variables))
    return hashlib.blake2b(text, digest_size=8).hexdigest()


class Environment:
    """One environment as it must be, changed by one client at a time: every change is noted before and after."""

    def __init__(self, daemon, path):
        self.daemon, self.path, self.revisions = daemon, path, None

    def state(self, revisions):
        if revisions is None:
            return "absent"
        return " ".join(f"{number}:{mark}" for number, mark in revisions) or "empty"

    def change(self, revisions, method, path, body, statuses=(200, 204)):
        self.daemon.note("ask", "env:" + self.path, self.state(revisions))
        answer = self.daemon.request(method, path, body)
        assert answer.status in statuses, answer
        self.revisions = revisions
        self.daemon.note("ack", "env:" + self.path, self.state(revisions))

    def put(self, variables):
        number = self.revisions[-1][0] + 1 if self.revisions else 1
        self.change([*(self.revisions or []), (number, digest(variables))], "PUT", "secret/data/" + self.path, {"data": variables})

    def delete(self):
        """The newest revision."""
        revisions = list(self.revisions)
        revisions[-1] = (revisions[-1][0], "d")
        self.change(revisions, "DELETE", "secret/data/" + self.path, None)

    def destroy(self, index):
        revisions = list(self.revisions)
        revisions[index] = (revisions[index][0], "x")
        self.change(revisions, "PUT", "secret/destroy/" + self.path, {"versions": [revisions[index][0]]})

    def remove(self):
        """With everything; the next put begins anew."""
        self.change(None, "DELETE", "secret/metadata/" + self.path, None)


class Recorded(vault.Daemon):
    """A daemon whose writes are recorded, its files in memory, with or without an anchor ("relaxed", "strict")."""

    def __init__(self, anchor=None):
        directory = tempfile.mkdtemp(prefix="vaultd-cut-", dir=memory_directory())
        self.trace = os.path.join(directory, "trace")
        self.trace_fd = os.open(self.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        super().__init__(directory=directory, config="", env={"LD_PRELOAD": RECORDER, "RECORD_TRACE": self.trace})
        self.keys, self.failures = 1, 0
        self.note("dir", os.stat(self.home).st_ino, "home")
        self.note("place", "data", "home/data/vaultd")
        if anchor:
            self.add_anchor(anchor)

    def add_anchor(self, mode):
        """For the next start."""
        place = os.path.join(self.dir, "anchor")
        os.mkdir(place, 0o700)
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(f'anchor = "{place}/vault.anchor"\nanchor_mode = {mode}\n')
        self.note("dir", os.stat(place).st_ino, "anchor")
        self.note("place", "anchor-" + mode, "anchor/vault.anchor")

    def note(self, *fields):
        self.entry(NOTE, text="\t".join(str(field) for field in fields).encode())

    def entry(self, kind, inode=0, other=0, text=b""):
        entry = ENTRY.pack(MAGIC, kind, 0, len(text), inode, other, 0) + text
        assert os.write(self.trace_fd, entry) == len(entry)

    def secret(self, name, kind, value):
        self.note("secret", name, kind, value.hex())

    def make(self, established=True):
        """Starts it and initialises a vault. Not established: the moments that count come behind established()."""
        self.secret("key", "key_file", base64.b64decode(self.slot_key()))
        return self.make_again(established)

    def established(self):
        self.note("ack", "vault", "there")

    def make_again(self, established=True):
        self.start()
        if established:
            self.note("ask", "vault", "there")
        self.init()
        if established:
            self.established()
        self.note("ack", "slots", "key")
        self.note("ack", "keys", self.keys)
        self.note("ack", "token:" + self.root_token, "valid")
        return self

    def adopt(self, image, notes):
        """Begins with the files of an image, all of them durable, and with what an oracle knew of it: that the vault is there
        comes last, so that all is known of what is "established"."""
        for top in ("home", "anchor"):
            if os.path.isdir(os.path.join(image, top)):
                self.adopt_directory(os.path.join(image, top), os.path.join(self.dir, top))
        for fields in sorted(notes, key=lambda fields: fields[1] == "vault"):
            self.note(*fields)
            if fields[:3] == ["secret", "key", "key_file"]:
                with os.fdopen(os.open(self.key_file, os.O_CREAT | os.O_WRONLY, 0o400), "wb") as out:
                    out.write(bytes.fromhex(fields[3]))
        return self

    def adopt_directory(self, source, target):
        parent = os.stat(target).st_ino
        for entry in os.scandir(source):
            path = os.path.join(target, entry.name)
            if entry.is_dir():
                os.mkdir(path, 0o700)
                self.entry(MKDIR, os.stat(path).st_ino, parent, entry.name.encode())
                self.adopt_directory(entry.path, path)
                continue
            shutil.copyfile(entry.path, path)
            os.chmod(path, 0o600)
            inode = os.stat(path).st_ino
            self.entry(CREATE, inode, parent, entry.name.encode())
            with open(path, "rb") as content:
                self.entry(WRITE, inode, text=content.read())
            self.entry(SYNC, inode)
        self.entry(SYNC, parent)

    def remove_file(self, path):
        """While the daemon is away, and durably."""
        parent = os.stat(os.path.dirname(path)).st_ino
        os.unlink(path)
        self.entry(UNLINK, parent, text=os.path.basename(path).encode())
        self.entry(SYNC, parent)

    def make_directory(self, path):
        parent = os.stat(os.path.dirname(path)).st_ino
        os.mkdir(path, 0o700)
        self.entry(MKDIR, os.stat(path).st_ino, parent, os.path.basename(path).encode())
        self.entry(SYNC, parent)

    def again(self):
        """Stopped, started and unsealed."""
        self.stop()
        self.start()
        assert self.unseal().status == 200, self.log()

    def remove(self):
        os.close(self.trace_fd)
        super().remove()

    # -- slots and keys ----------------------------------------------------------------------------------

    @property
    def unlock(self):
        return {"type": "key_file", "key": self.slot_key()}

    def slots(self, names, path, body):
        self.note("ask", "slots", ",".join(sorted(names)))
        answer = self.put(path, body)
        assert answer.status in (200, 204), answer
        self.note("ack", "slots", ",".join(sorted(names)))
        return answer

    def rotate(self):
        self.note("ask", "keys", self.keys + 1)
        assert self.put("sys/rotate", {}).status == 204
        self.keys += 1
        self.note("ack", "keys", self.keys)

    def rekey(self, presented, names):
        """A new root key and, behind it, a new key for data keys. Only these slots stay."""
        nonce = self.put("sys/rekey/init", {}).json["nonce"]
        self.note("ask", "keys", self.keys + 1)
        done = self.slots(names, "sys/rekey/update", {"slot": presented, "nonce": nonce, "keep": [self.unlock]})
        assert done.json["complete"], done
        self.keys += 1
        self.note("ack", "keys", self.keys)

    # -- attempts ------------------------------------------------------------------------------------------

    def count_attempts(self):
        self.failures = 0
        self.note("ack", "attempts:0", 0)

    def try_in_vain(self):
        self.note("ask", "attempts:0", self.failures + 1)
        wrong = base64.b64encode(b"w" * 32).decode()
        answer = self.put("sys/unseal", {"slot": "key_file", "key_file": wrong})
        assert answer.status == 400, answer
        self.failures += 1
        self.note("ack", "attempts:0", self.failures)

    def try_well(self):
        self.note("ask", "attempts:0", self.failures + 1, 0)
        assert self.unseal().status == 200
        self.failures = 0
        self.note("ack", "attempts:0", 0)


# -- the workloads ---------------------------------------------------------------------------------------------


def init(daemon, seed):
    """From an empty directory to the first value, and a start behind it."""
    daemon.make()
    Environment(daemon, "shop/first").put({"A": str(seed)})
    daemon.again()


def anchor_added(daemon, seed):
    """A vault without an anchor gets one."""
    daemon.make()
    environment = Environment(daemon, "shop/first")
    environment.put({"A": str(seed)})
    daemon.stop()
    daemon.add_anchor("relaxed" if seed % 2 else "strict")
    daemon.start()
    assert daemon.unseal().status == 200, daemon.log()
    environment.put({"A": "anchored"})
    daemon.again()


def client(daemon, number, turns, seed):
    dice = random.Random(seed * 100 + number)
    mine = [Environment(daemon, f"client{number}/e{n}") for n in range(2)]
    for turn in range(turns):
        environment, roll = mine[turn % 2], dice.random()
        marks = [mark for _, mark in environment.revisions or []]
        if roll < 0.1 and marks and marks[-1] not in "dx":
            environment.delete()
        elif roll < 0.2 and len(marks) > 1:
            environment.destroy(dice.randrange(len(marks)))
        elif roll < 0.25 and marks:
            environment.remove()
        else:
            environment.put({f"NAME_{n}": "v" * dice.choice((3, 60, 900)) + str(turn) for n in range(dice.randrange(1, 5))})


def writes(daemon, seed, clients=16, turns=7):
    """One client, then many at once, so that commits hold one change and several."""
    daemon.make()
    client(daemon, 99, 14, seed)
    failed = []

    def run(number):
        try:
            client(daemon, number, turns, seed)
        except BaseException as error:  # the story fails, not only the thread
            failed.append(error)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    daemon.again()


def writes_anchored(daemon, seed):
    writes(daemon, seed, 3, 6)


def large(daemon, seed):
    """Values up to the limit: the file grows, pages are freed by deleting and taken again."""
    dice = random.Random(seed)
    daemon.make()
    first, second, small = (Environment(daemon, "large/" + name) for name in ("first", "second", "small"))
    for turn, size in enumerate((20000, 500000, dice.randrange(50000, 200000), 500000)):
        first.put({"BLOB": str(turn) * size})
        small.put({"A": str(turn)})
    second.put({"BLOB": "s" * dice.randrange(200000, 400000), "B": "x"})
    first.destroy(1)
    small.delete()
    second.remove()
    second.put({"BLOB": "t" * 480000})
    first.remove()
    first.put({"BLOB": "again"})


class Slots:
    """The key file in slot 0 and passphrases beside it, changed one after the other."""

    def __init__(self, daemon):
        self.daemon, self.ids, self.made = daemon, {}, 0

    def names(self, without=None, more=()):
        return ["key", *(name for name in self.ids if name != without), *more]

    def new_name(self):
        self.made += 1
        name = f"pass{self.made}"
        self.daemon.secret(name, "passphrase", name.encode())
        return name

    def body(self, **more):
        return {"unlock": self.daemon.unlock, **more}

    def add(self):
        name = self.new_name()
        answer = self.daemon.slots(self.names(more=[name]), "sys/slots", self.body(slot={"passphrase": name}))
        self.ids[name] = answer.data["id"]

    def change(self, old):
        name = self.new_name()
        self.daemon.slots(self.names(old, [name]), f"sys/slots/{self.ids[old]}", self.body(slot={"passphrase": name}))
        self.ids[name] = self.ids.pop(old)

    def remove(self, name):
        self.daemon.slots(self.names(name), f"sys/slots/{self.ids[name]}/remove", self.body())
        del self.ids[name]

    def rekey(self, kept):
        self.daemon.rekey({"passphrase": kept}, ["key", kept])
        found = self.daemon.get("sys/slots").data["slots"]
        self.ids = {kept: next(slot["id"] for slot in found if slot["type"] == "passphrase")}


def keys(daemon, seed):
    """Slots added, changed and removed, a new key for data keys, a new root key, sealing and unsealing, and writes in between."""
    dice = random.Random(seed)
    daemon.make()
    slots, environment = Slots(daemon), Environment(daemon, "shop/production")

    def reseal():
        assert daemon.put("sys/seal", {}).status == 204
        assert daemon.unseal().status == 200

    steps = [slots.add, lambda: slots.change(next(iter(slots.ids))), daemon.rotate, reseal, slots.add,
             lambda: slots.rekey(list(slots.ids)[-1]), environment.remove, lambda: slots.remove(next(iter(slots.ids))), daemon.rotate]
    environment.put({"A": "0"})
    for number, step in enumerate(steps):
        step()
        environment.put({"A": str(number), "B": "b" * dice.choice((1, 300, 3000))})
    daemon.again()
    environment.put({"A": "last"})


def tokens(daemon, seed):
    """Tokens made and revoked, one with a child that goes with it."""
    daemon.make()
    environment = Environment(daemon, "shop/production")

    def make(parent=None):
        answer = daemon.put("auth/token/create", {"policies": ["default", "may"], "ttl": "700h"}, token=parent)
        assert answer.status == 200, answer
        text = answer.json["auth"]["client_token"]
        daemon.note("ack", "token:" + text, "valid")
        return text

    def revoke(*texts):
        for text in texts:
            daemon.note("ask", "token:" + text, "invalid")
        answer = daemon.put("auth/token/revoke", {"token": texts[0]})
        assert answer.status == 204, answer
        for text in texts:
            daemon.note("ack", "token:" + text, "invalid")

    rule = 'path "auth/token/create" { capabilities = ["update"] }'
    assert daemon.put("sys/policies/acl/may", {"policy": rule}).status == 204
    first, parent = make(), make(daemon.root_token)
    child = make(parent)
    environment.put({"A": str(seed)})
    revoke(first)
    second = make()
    revoke(parent, child)
    daemon.again()
    revoke(second)
    environment.put({"A": "last"})


def system(daemon, seed):
    """Policies written and deleted; mounts made, used and taken away."""
    daemon.make()

    def change(name, state, method, path, body):
        daemon.note("ask", name, state)
        answer = daemon.request(method, path, body)
        assert answer.status in (200, 204), answer
        daemon.note("ack", name, state)

    def policy(name, text):
        state = hashlib.blake2b(text.encode(), digest_size=8).hexdigest() if text else "absent"
        change("policy:" + name, state, "PUT" if text else "DELETE", "sys/policies/acl/" + name, {"policy": text} if text else None)

    def mount(path, version):
        state = f"kv {version}" if version else "absent"
        body = {"type": "kv", "options": {"version": str(version)}} if version else None
        change(f"mount:{path}/", state, "POST" if version else "DELETE", "sys/mounts/" + path, body)

    policy("one", 'path "secret/data/*" { capabilities = ["read"] }')
    mount("team", 2)
    policy("one", 'path "secret/data/shop/*" { capabilities = ["read", "list"] }')
    assert daemon.put("team/data/app", {"data": {"A": str(seed)}}).status == 200
    policy("two", 'path "sys/health" { capabilities = ["read"] }' + "\n" * 3000)
    mount("old", 1)
    policy("one", None)
    mount("team", None)
    daemon.again()
    mount("team", 1)
    policy("one", 'path "team/*" { capabilities = ["read"] }')
    policy("two", None)


def settings(daemon, seed):
    """Schemas, quotas and cubbyholes written, changed and taken away; a token that goes takes its cubbyhole along."""
    daemon.make()
    environment = Environment(daemon, "shop/production")
    environment.put({"A": str(seed)})

    def change(name, state, method, path, body, token=None):
        daemon.note("ask", name, state)
        answer = daemon.request(method, path, body, token=token)
        assert answer.status in (200, 204), answer
        daemon.note("ack", name, state)

    def hashed(text):
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def schema(text, mode=None):
        state = f"{hashed(text)} {mode}" if text else "absent"
        change("schema:shop/production", state, "PUT" if text else "DELETE", "secret/schema/shop/production", {"text": text, "mode": mode} if text else None)

    def quota(name, rate, path=None):
        change("quota:" + name, f"{rate} {path}" if rate else "absent", "PUT" if rate else "DELETE", "sys/quotas/rate-limit/" + name,
               {"rate": rate, "path": path} if rate else None)

    def cubbyhole(token, path, value):
        body = json.dumps({"value": value}, separators=(",", ":")) if value else None
        change(f"cubbyhole:{token}:{path}", hashed(body) if value else "absent", "PUT" if value else "DELETE", "cubbyhole/" + path,
               body.encode() if value else None, token)

    answer = daemon.put("auth/token/create", {"policies": ["default"], "ttl": "700h"})
    token = answer.json["auth"]["client_token"]
    schema("# @required\nA=\n", "enforce")
    quota("one", 1000000, "secret/data/")
    cubbyhole(token, "a/b", "first")
    schema("# @type=number\nA=\n", "warn")
    cubbyhole(token, "a/b", "second" * 300)
    quota("one", 2000000, "secret/data/")
    daemon.again()
    cubbyhole(token, "c", "third")
    schema(None)
    quota("one", None)
    cubbyhole(token, "a/b", None)
    schema("A=\n" + "# a long one\n" * 400, "enforce")
    quota("two", 3000000, "sys/")
    environment.put({"A": "2"})
    for path in ("a/b", "c"):
        daemon.note("ask", f"cubbyhole:{token}:{path}", "no token")
    assert daemon.put("auth/token/revoke", {"token": token}).status == 204
    for path in ("a/b", "c"):
        daemon.note("ack", f"cubbyhole:{token}:{path}", "no token")


def attempts(daemon, seed):
    """Failed attempts are counted before they are answered."""
    daemon.make()
    Environment(daemon, "shop/production").put({"A": str(seed)})
    daemon.put("sys/seal", {})
    daemon.count_attempts()
    for _ in range(3):
        daemon.try_in_vain()
    daemon.try_well()
    daemon.put("sys/seal", {})
    for _ in range(5):
        daemon.try_in_vain()
    answer = daemon.unseal()
    assert answer.status == 429, answer


def recovery(daemon, secrets):
    """A start behind a power cut: with the first secret that opens the vault, then a write, then another start."""
    for start in range(2):
        daemon.start()
        answers = [daemon.put("sys/unseal", secret) for secret in secrets]
        assert any(answer.status == 200 for answer in answers), answers
        if start == 0:
            Environment(daemon, "after/recovery").put({"A": "1"})
            daemon.stop()


# name -> function, anchor, how many parts of the images
WORKLOADS = {
    "init": (init, "strict", 1),
    "anchor_added": (anchor_added, None, 1),
    "writes": (writes, None, 5),
    "writes_anchored": (writes_anchored, "strict", 3),
    "large": (large, None, 1),
    "keys_strict": (keys, "strict", 3),
    "keys_relaxed": (keys, "relaxed", 2),
    "tokens": (tokens, "relaxed", 1),
    "system": (system, None, 1),
    "settings": (settings, None, 1),
    "attempts": (attempts, None, 1),
}
