#!/usr/bin/env python3
"""The check of the whole store and compaction on a real daemon: with readers and writers at work, with damage, and ended by kill -9
before every kind of call that changes a file."""
import contextlib
import glob
import json
import os
import shutil
import struct
import subprocess
import threading
import time

import vault

STRANGERS = 32	# writers and readers


def there(answer):
    """The answer of a daemon that was not killed meanwhile."""
    if answer is None:
        raise ConnectionError("killed")
    return answer


def wait_for(daemon, job):
    while True:
        answer = there(daemon.get("sys/" + job, token=daemon.root_token))
        assert answer.status == 200, answer
        if answer.data["state"] != "running":
            return answer.data
        time.sleep(0.01)


def run(daemon, job):
    answer = daemon.put("sys/" + job, None, token=daemon.root_token)
    assert answer.status in (200, 202), answer
    return wait_for(daemon, job)


def sound(daemon):
    result = run(daemon, "verify")
    assert (result["state"], result["found"], result["findings"]) == ("done", 0, []), result
    return result


def metric(daemon, name):
    return next(int(line.split()[1]) for line in daemon.get("/metrics").body.decode().splitlines() if line.startswith(name + " "))


def fill(daemon, environments=30, size=20000):
    for number in range(environments):
        daemon.write(f"fill/e{number}", {"A": str(number), "PAD": "x" * size})


def destroy(daemon, environments=30, keep=3):
    for number in range(environments):
        if number % keep:
            assert daemon.request("DELETE", f"secret/metadata/fill/e{number}").status == 204


# -- the form of a job --------------------------------------------------------------------------------------------


def test_the_form_of_a_job():
    with vault.personal() as daemon:
        for job in ("verify", "compact"):
            status = daemon.get("sys/" + job, token=daemon.root_token).data
            assert (status["state"], status["id"], status["done"]) == ("never", "", 0), status
            assert daemon.request("DELETE", "sys/" + job, token=daemon.root_token).status == 204
            # who asks for what there is not yet is told so, and gets no job without it
            for method, more, body in (("GET", "?full=1", None), ("PUT", "?dry_run=1", None), ("PUT", "", {"dry_run": True}), ("PUT", "", b"[]"),
                                       ("PUT", "", b"{"), ("DELETE", "?id=1", None)):
                answer = daemon.request(method, "sys/" + job + more, body, token=daemon.root_token)
                assert answer.status == 400, (job, method, more, body, answer)
            assert daemon.get("sys/" + job, token=daemon.root_token).data["state"] == "never"
        daemon.write("shop/production", {"A": "1"})
        answer = daemon.put("sys/verify", {}, token=daemon.root_token)
        assert answer.status == 202 and answer.data["state"] == "running" and len(answer.data["id"]) == 36, answer
        status = wait_for(daemon, "verify")
        assert status["id"] == answer.data["id"] and status["state"] == "done", status
        assert status["done"] == status["total"] == status["records"] + status["revisions"] > 0, status
        assert status["started"] and status["ended"] >= status["started"] and status["error"] == status["error_code"] == "", status
        status = run(daemon, "compact")
        assert status["state"] == "done" and 0 < status["bytes_after"] and status["bytes_before"] > 0, status
        while "event=store_job" not in daemon.log():	# once a second
            time.sleep(0.05)


def test_nobody_without_sudo():
    with vault.personal() as daemon:
        root = daemon.root_token
        assert daemon.put("sys/policies/acl/most", {"policy": 'path "*" { capabilities = ["create", "read", "update", "delete", "list"] }'},
                          token=root).status == 204
        token = daemon.put("auth/token/create", {"policies": ["most"]}, token=root).json["auth"]["client_token"]
        for job in ("verify", "compact"):
            for method in ("GET", "PUT", "POST", "DELETE"):
                assert daemon.request(method, "sys/" + job, token=token).status == 403, (job, method)
        daemon.put("sys/seal", None, token=root)
        for job in ("verify", "compact"):
            for method in ("GET", "PUT", "DELETE"):
                assert daemon.request(method, "sys/" + job, token=root).status == 503, (job, method)


def test_envctl():
    with vault.personal() as daemon:
        fill(daemon, 6, 100)
        done = daemon.envctl("verify", check=0)
        assert "0 findings" in done.stdout and done.stderr == "", done
        assert json.loads(daemon.envctl("verify", "--json", check=0).stdout)["found"] == 0
        done = daemon.envctl("compact", check=0)
        assert "vault.db had" in done.stdout, done
        done = daemon.envctl("compact", "--no-wait", check=0)
        assert len(done.stdout.strip()) == 36, done
        wait_for(daemon, "compact")
        assert json.loads(daemon.envctl("verify", "--no-wait", "--json", check=0).stdout)["state"] == "running"
        daemon.envctl("verify", "--cancel", check=0)
        wait_for(daemon, "verify")
        for job in ("verify", "compact"):
            done = daemon.envctl(job, "--cancel", check=0)
            assert f"no {job} runs: there is nothing to cancel" in done.stderr and done.stdout == "", done
            assert json.loads(daemon.envctl(job, "--cancel", "--json", check=0).stdout) == {"cancelled": False}
        assert "do not go together" in daemon.envctl("verify", "--cancel", "--no-wait", check=64).stderr
        daemon.envctl("seal", check=0)
        assert "sealed" in daemon.envctl("verify", check=2).stderr.lower()


# -- damage ---------------------------------------------------------------------------------------------------------


def flip_in_file(daemon, marker_of):
    """Flips a byte of a revision in vault.db while nothing runs: the last byte of its largest page run is enough."""
    path = os.path.join(daemon.data, "vault.db")
    with open(path, "r+b") as file:
        content = file.read()
        at = marker_of(content)
        file.seek(at)
        file.write(bytes([content[at] ^ 1]))


def test_a_damaged_revision_is_named_and_the_rest_answers():
    with vault.personal() as daemon:
        daemon.write("shop/whole", {"A": "1"})
        daemon.write("shop/damaged", {"PAD": "x" * 100000})
        daemon.stop()

        def in_the_large_value(content):
            # An LMDB page of a large value: flags 4 at 10, the number of pages at 12; ours is the longest.
            heads = [at for at in range(8192, len(content), 4096) if content[at + 10] == 4 and content[at + 16 + 2:at + 16 + 3] == b"R"]
            return max(heads, key=lambda at: int.from_bytes(content[at + 12:at + 16], "little")) + 5000

        flip_in_file(daemon, in_the_large_value)
        daemon.start()
        assert daemon.unseal().status == 200
        result = run(daemon, "verify")
        assert result["state"] == "done" and result["found"] == 1, result
        finding = result["findings"][0]
        assert (finding["code"], finding["table"], finding["environment"], finding["revision"]) == \
            ("record", "R", "secret/shop/damaged", 1), finding
        done = daemon.envctl("verify", check=65)
        assert "record: secret/shop/damaged, revision 1:" in done.stdout and "1 finding\n" in done.stdout, done
        assert json.loads(daemon.envctl("verify", "--json", check=65).stdout)["found"] == 1
        assert daemon.read("shop/whole") == {"A": "1"}
        assert daemon.get("secret/data/shop/damaged").status == 500
        assert "shop" not in daemon.log(), "names of environments do not stand in the log"
        # Compaction keeps it what it is, and a seal forgets the findings.
        assert run(daemon, "compact")["state"] == "done"
        assert run(daemon, "verify")["found"] == 1
        daemon.put("sys/seal", None, token=daemon.root_token)
        assert daemon.unseal().status == 200
        assert daemon.get("sys/verify", token=daemon.root_token).data["state"] == "never"


def put_behind_its_back(daemon, key, value):
    """As another process that writes to the database: the unit test's own hand."""
    path = os.path.join(daemon.dir, "edit")
    with open(path, "wb") as out:
        out.write(struct.pack("=Q", len(key)) + key + value)
    subprocess.run(["put", daemon.data, path], executable=os.path.join(vault.BUILD, "tests/unit/test_verify"), check=True)


def test_a_record_of_somebody_else_seals_the_vault():
    for job in ("verify", "compact"):
        with vault.personal() as daemon:
            daemon.write("shop", {"A": "1"})
            put_behind_its_back(daemon, b"T" + os.urandom(16), os.urandom(300))
            answer = daemon.put("sys/" + job, None, token=daemon.root_token)
            assert answer.status == 202, answer
            while "event=sealed_itself" not in daemon.log():
                time.sleep(0.02)
            assert daemon.get("sys/seal-status").json["sealed"]
            while not (said := [line for line in daemon.log().splitlines() if "event=store_job" in line]):  # once a second
                time.sleep(0.02)
            assert any("set_changed: table T" in line or "something else than vaultd" in line for line in said), daemon.log()[-800:]
            assert not os.path.exists(os.path.join(daemon.data, "vault.db.new"))
            assert daemon.unseal().status == 500, "what was added stays found"


# -- with readers and writers ------------------------------------------------------------------------------------------


class Stranger(threading.Thread):
    """Writes an environment of its own, reads it back, and reads what never changes."""

    def __init__(self, daemon, number, stop):
        super().__init__()
        self.daemon, self.number, self.stopping = daemon, number, stop
        self.turns, self.acknowledged, self.trouble, self.longest = 0, None, None, 0.0

    def run(self):
        try:
            with contextlib.closing(self.daemon.connect()) as stream:
                while not self.stopping.is_set():
                    self.turn(stream)
        except OSError:
            pass	# killed
        except BaseException as error:	# noqa: B902 - told by the test
            self.trouble = error

    def turn(self, stream):
        env, value = f"w/e{self.number}", str(self.turns)
        if self.number % 2:
            answer = there(self.daemon.request("GET", "secret/data/fill/e0", stream=stream))
            assert answer.status == 200 and answer.data["data"]["A"] == "0", answer
        else:
            began = time.monotonic()
            answer = there(self.daemon.put("secret/data/" + env, {"data": {"A": value, "PAD": "y" * (self.turns % 5 * 3000)}}, stream=stream))
            assert answer.status == 200, answer
            self.longest = max(self.longest, time.monotonic() - began)
            self.acknowledged = (answer.data["version"], value)
            answer = there(self.daemon.request("GET", "secret/data/" + env, stream=stream))
            assert answer.status == 200 and answer.data["data"]["A"] == value, answer
        self.turns += 1


def strangers(daemon, stop, count=STRANGERS):
    threads = [Stranger(daemon, number, stop) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def join(threads):
    for thread in threads:
        thread.join()
    trouble = [thread.trouble for thread in threads if thread.trouble]
    assert not trouble, trouble[0]


def test_readers_and_writers_go_on():
    with vault.personal() as daemon:
        fill(daemon)
        destroy(daemon)
        stop = threading.Event()
        threads = strangers(daemon, stop)
        rounds = {"quick": 4}.get(vault.TIER, 12)
        waited = []
        try:
            for _ in range(rounds):
                result = run(daemon, "compact")
                assert result["state"] == "done", result
                waited.append((result["writers_waited_ms"], result["readers_waited_ms"]))
                sound(daemon)
            # Everybody has had his turn.
            while not all(thread.turns > 0 or thread.trouble for thread in threads):
                time.sleep(0.01)
        finally:
            stop.set()
            join(threads)
        print(f"# {rounds} compactions, {sum(t.turns for t in threads)} requests of {len(threads)}; writers waited up to "
              f"{max(w for w, _ in waited)} ms, readers up to {max(r for _, r in waited)} ms; longest write "
              f"{max(t.longest for t in threads) * 1000:.0f} ms")
        sound(daemon)
        daemon.stop()
        daemon.start()
        assert daemon.unseal().status == 200
        for thread in threads:
            if thread.acknowledged:
                assert daemon.read(f"w/e{thread.number}")["A"] == thread.acknowledged[1]


def test_the_file_becomes_small_and_what_was_deleted_is_gone():
    with vault.personal() as daemon:
        fill(daemon, 40)
        before = os.path.getsize(os.path.join(daemon.data, "vault.db"))
        destroy(daemon, 40, 20)
        assert metric(daemon, "vaultd_store_free_pages") > 100
        result = run(daemon, "compact")
        after = os.path.getsize(os.path.join(daemon.data, "vault.db"))
        assert result["bytes_after"] == after < before / 4, (result, before)
        assert metric(daemon, "vaultd_store_free_pages") < 100 and metric(daemon, "vaultd_store_file_bytes") == after
        assert sorted(os.path.basename(path) for path in glob.glob(daemon.data + "/*")) == \
            ["lock", "vault.db", "vault.db-lock", "vault.hdr", "vault.try"]
        assert oct(os.stat(os.path.join(daemon.data, "vault.db")).st_mode & 0o777) == "0o600"
        sound(daemon)
        for number in (0, 20):
            assert daemon.read(f"fill/e{number}")["A"] == str(number)


def test_a_seal_ends_both():
    with vault.personal() as daemon:
        fill(daemon, 20)
        for job in ("verify", "compact"):
            assert daemon.put("sys/" + job, None, token=daemon.root_token).status == 202
            assert daemon.put("sys/seal", None, token=daemon.root_token).status == 204
            assert daemon.unseal().status == 200, daemon.log()[-800:]
            assert daemon.get("sys/" + job, token=daemon.root_token).data["state"] == "never"
            assert daemon.read("fill/e7")["A"] == "7"
        sound(daemon)


# -- kill -9 -----------------------------------------------------------------------------------------------------------


def start_again(daemon):
    daemon.start()
    assert daemon.unseal().status == 200, daemon.log()[-1500:]
    assert not os.path.exists(os.path.join(daemon.data, "vault.db.new"))


@contextlib.contextmanager
def strace(daemon, call, number):
    """Kills the daemon before the calls of this number that any of its threads makes."""
    pid = daemon.pid
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}",
                               "-p", str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while tracer.poll() is None and not is_dead(pid) and not all_traced(pid):
            time.sleep(0.01)
        yield tracer
    finally:
        tracer.terminate()
        # It may wait for a thread of a killed process for ever.
        while tracer.poll() is None:
            if is_dead(pid):
                tracer.kill()
            time.sleep(0.01)


def is_dead(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] in "ZX"
    return True


def all_traced(pid):
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
                if "TracerPid:\t0\n" in status.read():
                    return False
        return True
    return False	# one ended meanwhile: look again


def test_killed_before_every_call_that_changes_a_file():
    if not shutil.which("strace") or os.geteuid() != 0:
        return "needs strace and root: the daemon cannot be traced by its user"
    calls = ("openat", "pwrite64", "writev", "fdatasync", "unlink", "rename", "fsync")
    points = 0
    with vault.personal() as daemon:
        fill(daemon, 12, 3000)
        destroy(daemon, 12)
        written = 0
        for call in calls:
            for number in range(1, {"quick": 3}.get(vault.TIER, 12)):
                written = daemon.write("acknowledged", {"A": f"{call} {number}"})
                with strace(daemon, call, number) as tracer:
                    if tracer.poll() is not None:
                        return "strace may not attach here"
                    ended = None
                    with contextlib.suppress(OSError):	# killed: nobody answers
                        there(daemon.put("sys/compact", None, token=daemon.root_token))
                        ended = wait_for(daemon, "compact")["state"]
                if ended:
                    assert ended == "done", (call, number)
                    break
                daemon.process.wait()
                points += 1
                start_again(daemon)
                assert daemon.read("acknowledged") == {"A": f"{call} {number}"}, (call, number)
                sound(daemon)
        assert written == daemon.get("secret/data/acknowledged").data["metadata"]["version"]
        for number in range(0, 12, 3):
            assert daemon.read(f"fill/e{number}")["A"] == str(number)
    print(f"# killed at {points} points")
    assert points > 8, points


def test_killed_while_it_writes_and_compacts():
    with vault.personal() as daemon:
        fill(daemon, 10)
        acknowledged = {}
        for turn in range({"quick": 5}.get(vault.TIER, 25)):
            stop = threading.Event()
            threads = strangers(daemon, stop, 8)
            with contextlib.suppress(OSError):
                for _ in range(turn % 5 + 1):
                    daemon.put("sys/compact", None, token=daemon.root_token)
                    time.sleep((turn * 7 % 11) / 1000)
            daemon.kill()
            stop.set()
            join(threads)
            acknowledged.update({t.number: t.acknowledged for t in threads if t.acknowledged})
            start_again(daemon)
            for number, (version, value) in acknowledged.items():
                data = daemon.get(f"secret/data/w/e{number}").data
                # One more than was answered may be there.
                assert data["metadata"]["version"] in (version, version + 1), (turn, number, version, data["metadata"])
                if data["metadata"]["version"] == version:
                    assert data["data"]["A"] == value, (turn, number)
                acknowledged[number] = (data["metadata"]["version"], data["data"]["A"])
        sound(daemon)


vault.main(globals())
