#!/usr/bin/env python3
"""Every call that changes a file fails once, and from then on, at every place of a fixed workload.

The oracle knows what each answer promised. Whatever fails: the daemon lives, what was acknowledged is there after a restart with the C
library alone, what was refused is not, what is unknown is one of the two and stays what it is; a single fault is got over without a restart.
Then bugs are planted, and each must be found.
"""
import contextlib
import errno
import json
import os
import random
import time

import faults
from faults import AFTER, BEFORE, COUNT, DROPPED, SHORT, SYNC, WRITE, FaultyDaemon, vault

CONFIG = 'anchor = "DIR/anchor/file"\nanchor_mode = "strict"\n'
LARGE = "x" * 200_000
WORD = {"type": "passphrase", "passphrase": "of the slot"}
EXIT_CODES = (1, 65, 74, 75, 77)
# name -> kind, errno, whether only writes can fail like that
FAULTS = {
    "EIO": (BEFORE, errno.EIO, False), "ENOSPC": (BEFORE, errno.ENOSPC, False), "EINTR": (BEFORE, errno.EINTR, False),
    "short": (SHORT, 0, True), "done but EIO": (AFTER, errno.EIO, False),
}


class Broken(AssertionError):
    """What a fault must not lead to."""


def require(holds, *what):
    if not holds:
        raise Broken(*what)


# -- what is there: each function reads one thing; None is absent -------------------------------------------------------


def answered(answer, *statuses):
    require(answer is not None and answer.status in statuses, "a read", answer)
    return answer


def variables(name):
    def read(run):
        answer = answered(run.daemon.get("secret/data/" + name), 200, 404)
        return json.dumps(answer.data["data"], sort_keys=True) if answer.status == 200 else None
    return read


def is_destroyed(run):
    answer = answered(run.daemon.get("secret/metadata/e/small"), 200, 404)
    return answer.status == 200 and answer.data["versions"].get("1", {}).get("destroyed", False)


def tokens(run):
    """How many were ever made: what is revoked is counted by the workload."""
    answer = answered(run.daemon.request("LIST", "auth/token/accessors"), 200, 404)
    return (len(answer.data["keys"]) if answer.status == 200 else 0) + (run.token is not None and not token(run))


def token(run):
    """Whether the token that was given out works."""
    return answered(run.daemon.get("auth/token/lookup-self", token=run.token), 200, 403).status == 200 if run.token else None


def slots(run):
    return len(answered(run.daemon.get("sys/slots"), 200).data["slots"])


def epoch(run):
    return answered(run.daemon.get("sys/key-status"), 200).data["term"]


def policy(run):
    return answered(run.daemon.get("sys/policies/acl/p"), 200, 404).status == 200


def schema(run):
    return answered(run.daemon.get("secret/schema/e/large"), 200, 404).status == 200


READ = {"e/small": variables("e/small"), "e/large": variables("e/large"), "e/gone": variables("e/gone"), "destroyed": is_destroyed,
        "tokens": tokens, "token": token, "slots": slots, "epoch": epoch, "policy": policy, "schema": schema}


# -- the workload ----------------------------------------------------------------------------------------------------------


def put(name, values):
    return lambda run: run.daemon.put("secret/data/" + name, {"data": values})


def create_token(run):
    answer = run.daemon.request("POST", "auth/token/create", {"policies": ["default"], "ttl": "1h"})
    if answer is not None and answer.status == 200:
        run.token = answer.json["auth"]["client_token"]
        run.may["token"] = {True}
    return answer


def add_slot(run):
    return run.daemon.put("sys/slots", {"unlock": {"type": "key_file", "key": run.daemon.slot_key()}, "slot": WORD})


def ceremony(run, begin, update, **more):
    """Its two requests, as for a vault that one secret opens. What an earlier attempt has left is given up first."""
    run.daemon.request("DELETE", begin)
    answer = run.daemon.put(begin, {})
    if answer is None or answer.status != 200:
        return answer
    return run.daemon.put(update, {"nonce": answer.json["nonce"], "slot": {"type": "key_file", "key": run.daemon.slot_key()}, **more})


def rekey(run):
    """A new root key, in the slot that opens it and one more, and with it a new key for data keys."""
    return ceremony(run, "sys/rekey/init", "sys/rekey/update", keep=[WORD])


def generate_root(run):
    return ceremony(run, "sys/generate-root/attempt", "sys/generate-root/update")


def text(values):
    return json.dumps(values, sort_keys=True)


def one_more(value):
    return value + 1


# name, call, what it changes, what that becomes
STEPS = (
    ("put", put("e/small", {"A": "1"}), "e/small", text({"A": "1"})),
    ("put large", put("e/large", {"L": LARGE}), "e/large", text({"L": LARGE})),
    ("patch", lambda run: run.daemon.request("PATCH", "secret/data/e/small", {"data": {"B": "2"}}), "e/small", text({"A": "1", "B": "2"})),
    ("destroy", lambda run: run.daemon.put("secret/destroy/e/small", {"versions": [1]}), "destroyed", True),
    ("token", create_token, "tokens", one_more),
    ("policy", lambda run: run.daemon.put("sys/policies/acl/p", {"policy": 'path "secret/*" { capabilities = ["read"] }'}), "policy", True),
    ("schema", lambda run: run.daemon.put("secret/schema/e/large", {"text": "# @type=string\nL=\n", "mode": "enforce"}), "schema", True),
    ("rekey", rekey, "slots", 2),
    ("slot", add_slot, "slots", one_more),
    ("revoke", lambda run: run.daemon.put("auth/token/revoke", {"token": run.token or "none"}), "token", False),
    ("put again", put("e/gone", {"G": "1"}), "e/gone", text({"G": "1"})),
    ("rotate", lambda run: run.daemon.put("sys/rotate", {}), "epoch", one_more),
    ("schema delete", lambda run: run.daemon.request("DELETE", "secret/schema/e/large"), "schema", False),
    ("generate root", generate_root, "tokens", one_more),
    ("delete", lambda run: run.daemon.request("DELETE", "secret/metadata/e/gone"), "e/gone", None),
    ("seal", lambda run: run.daemon.put("sys/seal", {}), None, None),
    ("unseal", lambda run: run.daemon.unseal(), None, None),
    ("last", put("e/small", {"A": "last"}), "e/small", text({"A": "last"})),
)


class Run:
    """One daemon, one fault, and what may be there."""

    def __init__(self, lie=None):
        self.daemon = FaultyDaemon("failing_calls", config=CONFIG)
        os.makedirs(self.daemon.dir + "/anchor", mode=0o700)
        self.faults, self.token, self.lie, self.wanted = self.daemon.faults, None, lie, None
        self.may = {"tokens": {1}, "token": {None}, "slots": {1}, "epoch": {1}, "policy": {False}, "schema": {False}, "destroyed": {False}, "e/small": {None},
                    "e/large": {None}, "e/gone": {None}}
        self.full = self.lasting = self.header_in_doubt = self.in_doubt = self.unfinished = False

    def lives(self):
        require(self.daemon.process.poll() is None, "the daemon ended", self.daemon.process.returncode, self.daemon.log()[-600:])

    def doubt(self, answer):
        """A set of what an answer lets be: {"done"}, {"not"} or both."""
        self.lives()
        if answer is None:
            return {"done", "not"}
        if answer.status < 300:
            self.header_in_doubt |= b"written wholly" in answer.body	# of a rekey: it says to keep old and new
            return {"done", "not"} if b"written wholly" in answer.body else {"done"}
        if answer.status == 404 and self.lasting:	# what it is about could not be made before
            return {"not"}
        require(answer.status in (400, 500, 503, 507), "a status that is not documented", answer)
        sentence = " ".join(answer.errors)
        require(len(sentence) > 10, "an error without a sentence", answer)
        if "is durable" in sentence:
            return {"done"}
        unknown = "not known" in sentence or "written wholly" in sentence
        self.header_in_doubt = "written wholly" in sentence
        self.in_doubt |= unknown
        # Behind the fault: the header is in doubt, and the answer says what to do.
        told = unknown or "seal and unseal" in sentence
        require(not self.full or answer.status in (503, 507) or told, "a full disk is answered with", answer)
        return {"done", "not"} if unknown else {"not"}

    def step(self, step):
        """One call, and what it leaves possible. Returns the answer."""
        _, call, key, becomes = step
        before = self.faults.fired
        answer = call(self)
        if self.lie and answer is not None and answer.status >= 500:
            answer = vault.Answer(200, {}, b"{}")
        what = self.doubt(answer)
        struck = self.faults.fired > before
        require(not (struck and self.faults.last == "sync" and what == {"done"} and answer.status < 300 and not self.forgives(step)),
                "acknowledged though a sync failed", step[0], answer)
        if key == "epoch" and what == {"not"}:
            what = {"done", "not"}	# in several commits; what began is finished by the next one
        # What was never made is not destroyed or revoked.
        if key and (key != "token" or self.token) and (key != "destroyed" or self.may["e/small"] != {None}):
            after = {becomes(value) if callable(becomes) else becomes for value in self.may[key]}
            self.wanted = after
            if step[0] == "rekey" and "done" in what:	# behind the header, at once; or, when that fails, whenever it can be done
                more = {value + 1 for value in self.may["epoch"]}
                self.unfinished = struck or self.lasting or what != {"done"}
                self.may["epoch"] = self.may["epoch"] | more if self.unfinished else more
            if step[0] == "rotate" and self.unfinished:	# this one may be what finishes it
                after |= self.may["epoch"]
            self.may[key] = after if what == {"done"} else self.may[key] | after if "done" in what else self.may[key]
        return answer

    def forgives(self, step):
        """A header that is in force is answered for whatever follows it; a seal or unseal need not be written anywhere."""
        return step[0] in ("seal", "unseal", "slot", "rekey")

    def look(self):
        """Everything there is, and each is one of what may be. It must not change any more."""
        for key, read in READ.items():
            value = read(self)
            require(value in self.may[key], key, "is", str(value)[:80], "and may be", [str(may)[:80] for may in self.may[key]])
            self.may[key] = {value} if key != "epoch" else {may for may in self.may[key] if may >= value}

    def seal_and_unseal(self):
        require(self.daemon.put("sys/seal", {}).status == 204, "the vault cannot be sealed")
        answer = self.daemon.unseal()
        require(answer.status == 200, "not unsealed again", answer)

    def patiently(self, call, *good):
        """The answer of a call that is made until it works, without a restart. Waits for a reopening: it comes once a second."""
        answer = None
        for _ in range(300):
            answer = call()
            self.lives()
            if answer is not None and answer.status in good:
                return answer
            if answer is not None and "seal and unseal" in " ".join(answer.errors):
                self.seal_and_unseal()
            time.sleep(0.02)
        raise Broken("it does not work again", answer)

    def recover(self):
        """After faults are over, or behind a single one: everything works, without a restart."""
        if self.daemon.get("sys/seal-status").json["sealed"]:
            self.patiently(self.daemon.unseal, 200)
        if self.header_in_doubt:	# as the answer said: an unseal shows which it is
            self.seal_and_unseal()
            self.header_in_doubt = False
        number = random.getrandbits(30)
        self.patiently(lambda: self.daemon.put("secret/data/probe", {"data": {"N": number}}), 200)
        self.look()

    def start(self):
        """Whether it runs: a start may be refused, with an exit code that the documentation lists."""
        with contextlib.suppress(AssertionError, OSError):
            self.daemon.start()
            if self.daemon.get("sys/health") is not None:
                return True
        code = self.daemon.process.wait(60)
        require(code in EXIT_CODES, "it did not start:", code, self.daemon.log()[-600:])
        return False

    def init(self):
        return self.daemon.put("sys/init", {"slot": {"type": "key_file", "key": self.daemon.slot_key()}})

    def init_again(self):
        """What was answered as failed may have got as far as a vault that is there."""
        again = self.init()
        require(again.status == 200 or "already" in " ".join(again.errors), "init does not work again", again)

    def begin(self):
        """Start and init; False when they were refused, as they may be."""
        if not self.start():
            if self.lasting:
                return False
            require(self.start(), "it does not start again", self.daemon.log()[-600:])
        if self.doubt(self.init()) == {"done"}:
            return True
        if self.lasting:
            return False
        self.init_again()
        self.recover()
        return True

    def work(self):
        """Whether the vault was made."""
        if not self.begin():
            return False
        for step in STEPS:
            before = self.faults.fired
            answer = self.step(step)
            if self.lasting:
                self.read_meanwhile()
            elif self.faults.fired > before:
                self.recover()
                if answer is None or answer.status >= 300 and not self.is_done(step):
                    self.patiently(lambda step=step: self.step(step), 200, 204)
        return True

    def is_done(self, step):
        """Whether what was in doubt turned out to be done; a token whose text was lost is of no use."""
        name, _, key, _ = step
        return name not in ("token", "generate root") and key is not None and self.may[key] == self.wanted

    def read_meanwhile(self):
        """While the disk refuses everything reads work, unless the vault is sealed, or a commit is in doubt: then they wait for the
        meta pages to be writable."""
        answer = answered(self.daemon.get("secret/data/e/small"), 200, 404, 503)
        self.lives()
        may_wait = self.in_doubt or not self.full or b"opened again" in answer.body or self.sealed()
        require(answer.status in (200, 404) or may_wait, "a read", answer)

    def sealed(self):
        return self.daemon.get("sys/seal-status").json["sealed"]

    def check(self, made):
        """Behind the workload: the fault is over. Then a kill, and the C library alone."""
        self.faults.disarm()
        if self.lasting:
            if self.daemon.process.poll() is not None:
                require(self.start(), "it does not start again", self.daemon.log()[-600:])
            if not made:
                self.init_again()
            self.recover()
        self.look()
        self.daemon.kill()
        self.daemon.without_faults()
        self.daemon.start()
        answer = self.daemon.unseal()
        require(answer.status == 200, "not unsealed behind a restart", answer)
        self.look()
        if self.may["slots"] != {1}:
            self.daemon.put("sys/seal", {})
            answer = self.daemon.put("sys/unseal", {"slot": WORD})
            require(answer.status == 200, "the slot that was added does not open", answer)

    def remove(self):
        with contextlib.suppress(Exception):
            self.daemon.kill()
        self.daemon.remove()


def run(kind, error, first, times, **more_options):
    """The number of calls that failed."""
    one = Run(**more_options)
    try:
        one.lasting, one.full = times == 0, error in (errno.ENOSPC, errno.EDQUOT)
        one.faults.arm(kind, first=first, times=times, error=error)
        made = one.work()
        fired = one.faults.fired
        one.check(made)
        return fired
    finally:
        one.remove()


def places():
    """The classes of the calls of the workload, in their order."""
    one = Run()
    try:
        one.faults.arm(COUNT)
        assert one.work()
        classes = one.faults.classes()
        one.check(True)
        return classes
    finally:
        one.remove()


def cases():
    """(name of the fault, number of the call, times): all of them, or each call with one fault and every eighth for ever. Nothing is
    interrupted for ever: who is interrupted may try again."""
    classes = places()
    numbers = range(1, len(classes) + 1)
    names = list(FAULTS)
    every = [(name, number, times) for times in (1, 0) for name in names for number in numbers
             if (not FAULTS[name][2] or classes[number - 1] == WRITE) and (times or name != "EINTR")]
    if vault.TIER == "long":
        return classes, every
    dice = random.Random(1)
    chosen = [dice.choice([case for case in every if case[1:] == (number, 1)]) for number in numbers]
    chosen += [dice.choice([case for case in every if case[1:] == (number, 0)]) for number in numbers[::8]]
    return classes, chosen


def test_every_call():
    classes, chosen = cases()
    bad, fired = [], 0
    for name, number, times in chosen:
        kind, error, _ = FAULTS[name]
        try:
            fired += run(kind, error, number, times) > 0
        except (Broken, AssertionError, OSError) as what:
            bad.append(f"call {number} ({faults.NAMES[classes[number - 1]]}) {name} {'once' if times else 'for ever'}: {what!r}"[:700])
            print("# " + bad[-1].replace("\n", " "), flush=True)
    print(f"# {len(classes)} calls, {len(chosen)} runs, {fired} with a fault, {len(bad)} bad")
    assert fired > 0.9 * len(chosen), "faults did not come"
    assert not bad, "\n".join(bad)


def found(what, search):
    """Planted bugs are found as test_every_call() finds them: by the oracle, or by a connection that breaks with the daemon."""
    try:
        search()
    except (Broken, OSError) as finding:
        print(f"# {what}: {finding!r}"[:200])
        return
    raise AssertionError(f"{what} was not found")


def nth(classes, wanted, number):
    return [at + 1 for at, one in enumerate(classes) if one == wanted][number]


def test_planted_bugs_are_found():
    """Without these, nothing found would mean nothing."""
    classes = places()
    writes = [at + 1 for at, one in enumerate(classes) if one == WRITE]

    def any_of(numbers, *fault, **options):
        for number in numbers:
            run(fault[0], fault[1], number, 1, **options)

    found("writes that are dropped", lambda: any_of(writes[8:12], DROPPED, 0))
    found("a client that takes a refusal for success", lambda: any_of(writes[-9:], BEFORE, errno.ENOSPC, lie=True))
    syncs = [nth(classes, SYNC, number) for number in (12, 14, 16)]
    found("a sync whose failure is ignored", lambda: any_of(syncs, DROPPED, errno.EIO))


vault.main(globals())
