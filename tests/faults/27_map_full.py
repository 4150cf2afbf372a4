#!/usr/bin/env python3
# alone: yes
"""No room: the map is full, the disk is full, descriptors are exhausted. Reads go on, writes say 507 or 503, what frees room works, and
everything works again without a restart."""
import contextlib
import os
import resource
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402

PIECE = "y" * 60000


def fill(daemon, prefix="full"):
    """Writes until there is no room; returns how many were acknowledged. Small ones last, so that no page is left."""
    count = 0
    for size in (60000, 2000, 10):
        for _ in range(4000):
            answer = daemon.put(f"secret/data/{prefix}/{count}", {"data": {"X": PIECE[:size]}})
            if answer.status != 200:
                assert answer.status == 507 and answer.errors, answer
                break
            count += 1
        else:
            raise AssertionError("it does not become full")
    return count


def kinds(daemon):
    """(name, call, where to look for it) of every kind of operation that makes the store larger."""
    unlock = {"type": "key_file", "key": daemon.slot_key()}
    return (
        ("put", lambda: daemon.put("secret/data/kind/new", {"data": {"A": PIECE}}), "secret/data/kind/new"),
        ("patch", lambda: daemon.request("PATCH", "secret/data/kept", {"data": {"B": PIECE}}), None),
        ("metadata", lambda: daemon.put("secret/metadata/kept", {"custom_metadata": {"k": "v" * 400}}), None),
        ("policy", lambda: daemon.put("sys/policies/acl/new", {"policy": 'path "secret/*" { capabilities = ["read"] } #' + "x" * 3000}),
         "sys/policies/acl/new"),
        ("token", lambda: daemon.request("POST", "auth/token/create", {"policies": ["default"], "ttl": "1h"}), None),
        ("role", lambda: daemon.put("auth/token/roles/new", {"allowed_policies": ["default"]}), "auth/token/roles/new"),
        ("schema", lambda: daemon.put("secret/schema/kept", {"text": "# @type=string\nA=\n", "mode": "warn"}), "secret/schema/kept"),
        ("mount", lambda: daemon.request("POST", "sys/mounts/new", {"type": "kv", "options": {"version": "2"}}), "sys/mounts/new"),
        ("quota", lambda: daemon.put("sys/quotas/rate-limit/new", {"rate": 1000000, "path": "cubbyhole/"}), "sys/quotas/rate-limit/new"),
        ("wrap", lambda: daemon.request("POST", "sys/wrapping/wrap", {"a": "b" * 3000}, headers={"X-Vault-Wrap-TTL": "60"}), None),
        ("slot", lambda: daemon.put("sys/slots", {"unlock": unlock, "slot": {"type": "passphrase", "passphrase": "another one"}}), None),
    )


def check_reads(daemon, count, prefix="full"):
    assert daemon.read("kept") == {"KEEP": "yes"}
    for number in (0, count // 2, count - 1):
        assert daemon.read(f"{prefix}/{number}")["X"], number
    assert daemon.get("secret/resolve/kept").status == 200
    assert daemon.get("sys/health").status == 200
    assert daemon.request("LIST", "secret/metadata/").status == 200


def check_kinds_when_full(daemon):
    """Each either fits into what is left and is there, or says that there is no room; none blames the client, nothing else happens."""
    for name, call, where in kinds(daemon):
        answer = call()
        assert answer.status in (200, 204, 507), (name, answer)
        assert answer.status != 507 or answer.errors, (name, answer)
        assert answer.status == 507 or not where or daemon.get(where).status == 200, (name, "was acknowledged and is not there")
    assert daemon.put("secret/data/kind/large", {"data": {"A": PIECE, "B": PIECE, "C": PIECE}}).status == 507


def check_deletes_make_room(daemon, count, prefix="full"):
    """What makes the store smaller works when it is full, and then there is room."""
    for number in range(count):
        answer = daemon.request("DELETE", f"secret/metadata/{prefix}/{number}")
        assert answer.status == 204, (number, answer)
    assert daemon.write("kind/after", {"A": PIECE}) >= 1
    for name, call, _ in kinds(daemon):
        answer = call()
        assert answer.status in (200, 204) or (answer.status == 400 and "in use" in answer.errors[0]), (name, answer)


def check_restart(daemon):
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.unseal().status == 200, daemon.log()
    assert daemon.read("kept")["KEEP"] == "yes"
    assert daemon.read("kind/after") == {"A": PIECE}


def test_map_full():
    with vault.Daemon(config='store { max_size = "4MiB" }\n') as daemon:
        daemon.start().init()
        daemon.write("kept", {"KEEP": "yes"})
        count = fill(daemon)
        check_reads(daemon, count)
        check_kinds_when_full(daemon)
        daemon.put("sys/seal", {})
        assert daemon.unseal().status == 200
        assert daemon.read(f"full/{count - 1}")["X"]
        check_deletes_make_room(daemon, count)
        check_restart(daemon)


class Liar(vault.Daemon):
    """Says "done" where there was no room: each second time, or always."""
    lies, refused = "each second", 0

    def request(self, *arguments, **more):
        answer = super().request(*arguments, **more)
        if answer is None or answer.status != 507:
            return answer
        self.refused += 1
        return vault.Answer(200, {}, b"{}") if self.lies == "always" or self.refused % 2 else answer


def test_an_answer_that_lies_is_found():
    """A planted bug, without which nothing found would mean nothing: of one write, and of each other kind."""
    with Liar(config='store { max_size = "4MiB" }\n') as daemon:
        daemon.start().init()
        daemon.write("kept", {"KEEP": "yes"})
        count = fill(daemon)
        daemon.lies = "always"
        for check in (lambda: check_reads(daemon, count), lambda: check_kinds_when_full(daemon)):
            try:
                check()
            except AssertionError as finding:
                print(f"# {finding}"[:120])
            else:
                raise AssertionError("a lie was not found")


def test_disk_full():
    daemon = vault.Daemon()
    data = os.path.join(daemon.home, "data")
    os.makedirs(data, mode=0o700, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", data], stderr=subprocess.DEVNULL).returncode != 0:
        daemon.remove()
        return "mounting is not allowed here"
    try:
        daemon.start().init()
        daemon.write("kept", {"KEEP": "yes"})
        count = fill(daemon)
        check_reads(daemon, count)
        check_kinds_when_full(daemon)
        subprocess.check_call(["mount", "-o", "remount,size=40m", data])
        check_deletes_make_room(daemon, count)
        check_restart(daemon)
    finally:
        with contextlib.suppress(AssertionError):
            daemon.stop()
        subprocess.call(["umount", "-l", data])
        daemon.remove()
    return None


def test_descriptors_exhausted():
    """With no descriptor left there is no new connection; those that are open are served, and what needs a file says so."""
    with vault.Daemon() as daemon:
        daemon.start().init()
        daemon.write("kept", {"KEEP": "yes"})
        kept = [daemon.connect() for _ in range(3)]
        for stream in kept:
            assert daemon.get("secret/data/kept", stream=stream).status == 200
        used = max(int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")) + 1
        usual = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (used, usual[1]))
        last = None
        # They take what is left, and the others wait.
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for stream in waiting:
            stream.settimeout(60)
            stream.connect(daemon.socket)
        unlock = {"type": "key_file", "key": daemon.slot_key()}
        for number in range(20):
            answer = daemon.put("secret/data/descriptors", {"data": {"N": number}}, stream=kept[number % 3])
            assert answer.status in (200, 503, 507), answer
            last = number if answer.status == 200 else last
            assert daemon.get("secret/data/kept", stream=kept[0]).data["data"] == {"KEEP": "yes"}
        for path, body in (("sys/slots", {"unlock": unlock, "slot": {"type": "passphrase", "passphrase": "another one"}}), ("sys/rotate", {})):
            answer = daemon.put(path, body, stream=kept[1])
            assert answer.status in (200, 204, 500, 503, 507), answer
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, usual)
        for stream in waiting:
            with contextlib.suppress(OSError):
                stream.close()
        for stream in kept:
            stream.close()
        assert daemon.write("after", {"A": "1"}) == 1
        assert daemon.read("descriptors") == {"N": last}
        daemon.put("sys/seal", {})
        answer = daemon.unseal()
        assert answer.status == 200, ("the right secret was slowed down", answer)
        answer = daemon.put("sys/slots", {"unlock": unlock, "slot": {"type": "passphrase", "passphrase": "another one"}})
        assert answer.status == 200, answer
        assert daemon.put("sys/rotate", {}).status == 204


vault.main(globals())
