#!/usr/bin/env python3
"""kill -9 under mixed writes: nothing that was acknowledged is lost, nothing that was not asked for appears.

An oracle records, before each request, what is asked, and after the answer, that it was acknowledged. After each kill the daemon
is started again and every environment must be at its last acknowledged state, or at one that was asked for after it.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import threading  # noqa: E402
import time  # noqa: E402

import vault  # noqa: E402

WRITERS = 6


class Oracle:
    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {}	# environment -> (revision, counter)
        self.asked = {}		# environment -> counters in flight or not answered

    def ask(self, env, counter):
        with self.lock:
            self.asked.setdefault(env, set()).add(counter)

    def acknowledge(self, env, counter, revision):
        with self.lock:
            self.acknowledged[env] = (revision, counter)
            self.asked[env].discard(counter)


def writer(daemon, oracle, number, begin, stop):
    counter = begin
    while not stop.is_set():
        env = f"w{number}/e{counter % 3}"
        counter += 1
        oracle.ask(env, counter)
        try:
            if counter % 5 == 0:
                answer = daemon.request("PATCH", "secret/data/" + env, {"data": {"COUNTER": str(counter)}})
            else:
                answer = daemon.put("secret/data/" + env, {"data": {"COUNTER": str(counter), "PAD": "x" * (counter % 7 * 900)}})
        except OSError:
            return
        if answer is None:
            return
        if answer.status == 200:
            oracle.acknowledge(env, counter, answer.data["version"])
        elif answer.status == 404:
            with oracle.lock:
                oracle.asked[env].discard(counter)
        else:
            raise AssertionError(answer)


def check(daemon, oracle):
    for env, (revision, counter) in oracle.acknowledged.items():
        answer = daemon.get("secret/data/" + env)
        assert answer.status == 200, (env, answer)
        got, version = int(answer.data["data"]["COUNTER"]), answer.data["metadata"]["version"]
        fits = got == counter and version == revision or got in oracle.asked[env] and got > counter and version == revision + 1
        assert fits, f"{env}: acknowledged {counter} as revision {revision}, found {got} as revision {version}"
        oracle.acknowledged[env] = (version, got)
    for env, counters in oracle.asked.items():
        counters.clear()


def test_kill_at_random_times():
    times = {"quick": 20, "plain": 200, "long": 2000}[vault.TIER]
    oracle = Oracle()
    with vault.personal() as daemon:
        for turn in range(times):
            stop = threading.Event()
            threads = [threading.Thread(target=writer, args=(daemon, oracle, n, turn * 100000, stop)) for n in range(WRITERS)]
            for thread in threads:
                thread.start()
            time.sleep(0.02 + (turn * 37 % 50) / 1000)
            daemon.kill()
            stop.set()
            for thread in threads:
                thread.join()
            daemon.start()
            assert daemon.unseal().status == 200, daemon.log()[-1500:]
            check(daemon, oracle)
        total = sum(revision for revision, _ in oracle.acknowledged.values())
        print(f"# {times} kills, {total} acknowledged revisions")
        assert total > times


vault.main(globals())
