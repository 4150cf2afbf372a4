#!/usr/bin/env python3
"""kill -9 under 32 clients: all that they saw, before and after, can have happened one after the other (linear.py says what that means).

Each round starts the daemon, lets the clients put, patch, get, delete, undelete and destroy, kills it at a random moment or in the middle
of a write or a sync of its own, starts it again and reads the whole state of each environment: metadata and every version. Nothing that
was answered may be lost, nothing that nobody asked for may be there, and a write of several variables is there wholly or not at all.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import contextlib  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

import linear  # noqa: E402
import vault  # noqa: E402
from linear import ABSENT, CONFLICT, DELETED, DESTROYED, DONE, KEPT, READABLE, Operation  # noqa: E402

CLIENTS = 32
ENVIRONMENTS = 8
KILLS = int(os.environ.get("VAULT_KILLS", 1000 if vault.TIER == "long" else 24))
HISTORIES = 2000 if vault.TIER == "long" else 200
AIMS = ("fdatasync", "pwrite64", "pwritev,writev")


class History:
    """What the clients ask and are told, for one environment, in one round."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rounds = [[] for _ in range(ENVIRONMENTS)]

    def record(self, environment, operation):
        with self.lock:
            self.rounds[environment].append(operation)

    def take(self):
        with self.lock:
            taken, self.rounds = self.rounds, [[] for _ in range(ENVIRONMENTS)]
        return taken


def variables(dice, number):
    text = f"{number:x}"
    return {"A": text, "B": text, "C": text, "PAD": text[-1] * dice.choice((3, 300, 300, 6000))}


def value_of(data):
    """For the model, and short enough to be printed."""
    pad = data.get("PAD", "")
    return linear.value_of({**data, **({"PAD": f"{pad[0]} times {len(pad)}"} if pad and pad == pad[0] * len(pad) else {})})


def some_operation(dice, environment, number, version):
    """Kind, argument of the model, and the request: method, path, body."""
    path = f"kill/e{environment}"
    kind = dice.choices(("put", "patch", "get", "delete", "undelete", "destroy"), (6, 5, 9, 1, 2, 1))[0]
    if kind == "put":
        value, cas = variables(dice, number), dice.choice((None, None, version))
        return kind, (value_of(value), cas), ("PUT", "secret/data/" + path,
                                              {"data": value, "options": {} if cas is None else {"cas": cas}})
    if kind == "patch":
        value = {name: f"{number:x}" for name in ("A", "B")}
        return kind, value_of(value), ("PATCH", "secret/data/" + path, {"data": value})
    if kind in ("undelete", "destroy"):
        return kind, version, ("PUT", f"secret/{kind}/" + path, {"versions": [version]})
    return kind, None, ("DELETE" if kind == "delete" else "GET", "secret/data/" + path, None)


def answer_of(kind, answer):
    if kind in ("put", "patch") and answer.status == 200:
        return answer.data["version"]
    if kind == "put" and answer.status == 400 and "check-and-set" in answer.errors[0]:
        return CONFLICT
    if kind == "get" and answer.status == 200:
        return answer.data["metadata"]["version"], value_of(answer.data["data"])
    if kind in ("get", "patch") and answer.status == 404:
        return ABSENT
    if kind in ("delete", "undelete", "destroy") and answer.status in (200, 204):
        return DONE
    raise AssertionError((kind, answer))


def client(daemon, history, number, seed, failures):
    dice, version = random.Random(seed), 1
    with contextlib.suppress(OSError), contextlib.closing(daemon.connect()) as stream:
        for turn in range(100000):
            environment = dice.randrange(ENVIRONMENTS)
            kind, argument, request = some_operation(dice, environment, (seed << 8) + turn, version)
            operation = Operation(kind, argument, time.monotonic_ns())
            history.record(environment, operation)
            answer = daemon.request(*request, stream=stream)
            if answer is None:
                return
            try:
                said = answer_of(kind, answer)
            except AssertionError as error:
                failures.append(f"client {number}: {error}")
                return
            operation.returned = time.monotonic_ns()
            operation.answer = said
            if isinstance(said, int):
                version = said


def waiter(daemon):
    """Blocking reads, so that a kill meets one."""
    with contextlib.suppress(OSError, AttributeError):
        while True:
            answer = daemon.get("secret/resolve/kill/e0")
            tag = answer.headers.get("etag", '"0"')
            daemon.get("secret/resolve/kill/e0?wait=30s", headers={"If-None-Match": tag})


def state_of(daemon, environment):
    """All that can be read of an environment."""
    path, called = f"kill/e{environment}", time.monotonic_ns()
    metadata = daemon.get("secret/metadata/" + path)
    assert metadata.status == 200, metadata
    versions = []
    for number, entry in sorted((int(number), entry) for number, entry in metadata.data["versions"].items()):
        answer = daemon.get(f"secret/data/{path}?version={number}")
        if entry["destroyed"] or entry["deletion_time"]:
            assert answer.status == 404, answer
            versions.append((number, DESTROYED if entry["destroyed"] else DELETED, None))
            continue
        assert answer.status == 200, (path, number, answer)
        versions.append((number, READABLE, value_of(answer.data["data"])))
    state = metadata.data["current_version"], tuple(versions)
    return Operation("state", None, called, time.monotonic_ns(), state)


def start(daemon, aim=None):
    """Whether it is unsealed; a kill that is aimed may come before."""
    daemon.wrapper = [] if aim is None else ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={aim[0]}", "-e",
                                             f"inject={aim[0]}:signal=KILL:when={aim[1]}"]
    try:
        daemon.start()
        answer = daemon.unseal()
    except (AssertionError, OSError):
        assert aim is not None, daemon.log()[-1500:]
        return False
    assert answer is not None or aim is not None, daemon.log()[-1500:]
    assert answer is None or answer.status == 200, answer
    return answer is not None


def kill(daemon):
    with contextlib.suppress(ProcessLookupError):
        os.kill(daemon.pid, signal.SIGKILL)
    daemon.process.wait()


def run_clients(daemon, history, turn, dice, aimed):
    failures = []
    threads = [threading.Thread(target=client, args=(daemon, history, n, turn * CLIENTS + n + 1, failures)) for n in range(CLIENTS)]
    threads.append(threading.Thread(target=waiter, args=(daemon,)))
    for thread in threads:
        thread.start()
    until = time.monotonic() + (3 if aimed else dice.uniform(0.02, 0.25))
    while time.monotonic() < until and daemon.process.poll() is None:
        time.sleep(0.002)
    by_itself = daemon.process.poll() is not None
    kill(daemon)
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    return by_itself


def check(daemon, history, states):
    """The states that each environment may be in now."""
    answered = open_ended = 0
    for environment, operations in enumerate(history.take()):
        answered += sum(operation.answer is not None for operation in operations)
        open_ended += sum(operation.answer is None for operation in operations)
        operations.append(state_of(daemon, environment))
        ends = set().union(*(linear.linearizable(operations, state) for state in states[environment]))
        assert ends, f"e{environment} cannot have come about: from {states[environment]}\n" + "\n".join(map(repr, operations))
        states[environment] = ends
    return answered, open_ended


def test_kills():
    dice, history, done, missing, aimed_kills, sizes = random.Random(35), History(), 0, 0, 0, []
    with vault.personal() as daemon:
        states = [{linear.EMPTY} for _ in range(ENVIRONMENTS)]
        for environment in range(ENVIRONMENTS):
            value = variables(dice, environment)
            assert daemon.put(f"secret/metadata/kill/e{environment}", {"max_versions": KEPT}).status == 204
            daemon.write(f"kill/e{environment}", value)
            states[environment] = {linear.MODEL["put"](linear.EMPTY, (value_of(value), None))[0]}
        daemon.stop()
        for turn in range(KILLS):
            aim = (dice.choice(AIMS), dice.randrange(1, 60)) if turn % 3 == 2 else None
            if start(daemon, aim):
                aimed_kills += run_clients(daemon, history, turn, dice, aim is not None)
            else:
                aimed_kills += 1
                kill(daemon)
            start(daemon)
            answered, unanswered = check(daemon, history, states)
            done, missing = done + answered, missing + unanswered
            sizes.append(os.path.getsize(os.path.join(daemon.data, "vault.db")))
            daemon.stop()
    print(f"# {KILLS} kills, {aimed_kills} of them in a system call; {done} operations were answered, {missing} were not; "
          f"vault.db had {sizes[KILLS // 4]} bytes after a quarter and {sizes[-1]} at the end", flush=True)
    assert done > KILLS * 20 and missing > KILLS, "the kills met no load"
    assert aimed_kills > KILLS // 6, "the aimed kills did not hit"
    # Readers that were killed hold nothing back.
    assert sizes[-1] <= 2 * sizes[KILLS // 4], sizes


def test_histories_of_the_model_are_accepted():
    for seed in range(HISTORIES):
        made = linear.Made(seed)
        assert linear.linearizable(made.operations), f"seed {seed} is said to be impossible"


def planted_test(bug):
    def test():
        planted = flagged = seed = 0
        while planted < HISTORIES:
            made, seed = linear.Made(seed, bug), seed + 1
            planted += made.planted
            flagged += made.planted and not linear.linearizable(made.operations)
        print(f"# {bug}: {flagged} of {planted} histories", flush=True)
        assert flagged >= planted * 95 // 100, (bug, flagged, planted)
    return test


for planted_bug in linear.BUGS:
    globals()["test_planted_" + planted_bug.replace(" ", "_")] = planted_test(planted_bug)


vault.main(globals())
