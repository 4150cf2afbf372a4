#!/usr/bin/env python3
# slow: yes
# sanitized: yes
"""Backups of a vault that is used, and what is restored from them: one state, whole, or nothing at all."""
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vault  # noqa: E402

FRONT = 128 + 16384
LONG = os.environ.get("VAULT_TIER") == "long"


class Chunks:
    """An answer that comes in chunks, read as far as it is asked for."""

    def __init__(self, daemon, path="sys/backup"):
        self.stream = daemon.connect()
        self.stream.sendall(f"GET /v1/{path} HTTP/1.1\r\nHost: vault\r\n\r\n".encode())
        self.file = self.stream.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.body, self.whole = bytearray(), False

    def more(self):
        """One more chunk; False at the end, or where it was cut off."""
        line = self.file.readline()
        size = int(line or b"0", 16)
        piece = self.file.read(size + 2)
        self.body += piece[:size]
        self.whole = bool(line) and size == 0
        return size > 0 and len(piece) == size + 2

    def rest(self):
        while self.more():
            pass
        return self

    def close(self):
        self.file.close()
        self.stream.close()


def frames(data):
    """Where each frame begins; the last one must be the end."""
    places, at = [], FRONT
    while at < len(data):
        places.append(at)
        word = int.from_bytes(data[at:at + 4], "little")
        at += 4 + (word & 0x7FFFFFFF)
    assert at == len(data) and word >> 31 == 1
    return places


def run(daemon, *words, stdin=None, code=0, sentence="", program=vault.VAULTD):
    """In a session of its own: without a terminal to ask at."""
    done = subprocess.run([program, *words], env=daemon.environment(), cwd=daemon.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=stdin or subprocess.DEVNULL, timeout=120, text=True, start_new_session=True)
    assert done.returncode == code and sentence in done.stderr, (words, code, sentence, done)
    return done


def restore(daemon, backup, target, *more, **expected):
    with open(backup, "rb") as stdin:
        return run(daemon, "restore", "--key-file", daemon.key_file, *more, target, stdin=stdin, **expected)


def back_up(daemon, name="backup"):
    path = os.path.join(daemon.dir, name)
    # What makes one that was broken off holds its place until it notices.
    while (code := daemon.envctl("backup", "-q", "-o", path, check=None).returncode) == 75:
        time.sleep(0.05)
    assert code == 0, code
    return path


class Restored(vault.Daemon):
    """Another daemon on what a backup of the first gave."""

    def __init__(self, original, backup, *more):
        super().__init__()
        self.key_file = original.key_file
        os.makedirs(os.path.dirname(self.data), mode=0o700, exist_ok=True)
        restore(original, backup, self.data, *more)

    def __enter__(self):
        try:
            self.start()
            assert self.unseal().status == 200, self.log()
        except BaseException:
            self.remove()
            raise
        return self


# -- what a vault holds ------------------------------------------------------------------------


def listed(daemon, path):
    answer = daemon.request("LIST", path)
    return answer.data["keys"] if answer.status == 200 else []


def environments(daemon, prefix=""):
    for name in listed(daemon, "secret/metadata/" + prefix):
        if name.endswith("/"):
            yield from environments(daemon, prefix + name)
        else:
            yield prefix + name


def dump(daemon):
    """Everything that clients see: each revision of each environment, and what stands beside."""
    seen = {}
    for env in environments(daemon):
        metadata = daemon.get("secret/metadata/" + env).data
        seen[env] = {"metadata": metadata, "settings": daemon.get("secret/settings/" + env).data, "schema": daemon.get("secret/schema/" + env).body,
                     "history": daemon.get("secret/history/" + env + "?limit=100").data,
                     "data": [(v, daemon.get(f"secret/data/{env}?version={v}").json.get("data")) for v in metadata["versions"]]}
        seen[env].pop("schema") if daemon.get("secret/schema/" + env).status != 200 else None
    for path in ("sys/mounts", "sys/policies/acl", "sys/slots", "sys/key-status"):
        seen[path] = daemon.get(path).data
    seen["sys/key-status"].pop("encryptions", None)  # the counter
    for name in listed(daemon, "sys/policies/acl"):
        seen["policy " + name] = daemon.get("sys/policies/acl/" + name).data
    return seen


def random_vault(daemon, rng):
    """Some changes of every kind."""
    names = [f"a/{i}" for i in range(4)] + [f"b/{i}/c" for i in range(3)] + ["plain"]
    for _ in range(rng.randrange(5, 40)):
        env, kind = rng.choice(names), rng.randrange(10)
        if kind < 6:
            daemon.write(env, {f"V{rng.randrange(5)}": rng.randbytes(rng.choice([0, 8, 200, 5000])).hex() for _ in range(rng.randrange(5))})
        elif kind == 6:
            daemon.request("DELETE", f"secret/data/{env}")
        elif kind == 7:
            daemon.put(f"secret/destroy/{env}", {"versions": [rng.randrange(1, 4)]})
        elif kind == 8:
            daemon.request("DELETE", f"secret/metadata/{env}")
        else:
            daemon.put(f"secret/metadata/{env}", {"custom_metadata": {"k": str(rng.random())}, "max_versions": rng.randrange(1, 6)})
    daemon.put(f"sys/policies/acl/p{rng.randrange(3)}", {"policy": 'path "secret/data/a/*" { capabilities = ["read"] }'})
    daemon.request("POST", "sys/mounts/team", {"type": "kv-v2"})


# -- what is backed up is restored ---------------------------------------------------------------


def test_a_restored_vault_holds_what_was_backed_up():
    for seed in range(1000 if LONG else 4):
        with vault.personal() as daemon:
            random_vault(daemon, random.Random(seed))
            before = dump(daemon)
            backup = back_up(daemon)
            daemon.write("plain", {"BEHIND": "the backup"})
            with Restored(daemon, backup) as other:
                after = dump(other)
                assert after == before, (seed, [k for k in before if before[k] != after.get(k)])
                assert other.write("plain", {"AFTER": "1"}) > 0


def writer(daemon, i, counts, stop):
    n = 0
    while not stop.is_set():
        n += 1
        daemon.write(f"w{i}/first", {"N": str(n)})
        counts[i] = n
        daemon.write(f"w{i}/second", {"N": str(n)})


def test_a_backup_under_eight_writers_is_one_state():
    with vault.personal() as daemon:
        for i in range(20):
            daemon.write(f"large/{i}", {"A": os.urandom(200000).hex()})
        counts, stop = [0] * 8, threading.Event()
        threads = [threading.Thread(target=writer, args=(daemon, i, counts, stop)) for i in range(8)]
        for thread in threads:
            thread.start()
        try:
            while min(counts) < 3:
                time.sleep(0.01)
            acknowledged = list(counts)
            chunks = Chunks(daemon)
            assert chunks.status == 200 and chunks.more()
            # much is written while the backup waits for its taker, and all of it is acknowledged
            during = list(counts)
            while any(count < then + 3 for count, then in zip(counts, during)):
                time.sleep(0.01)
            assert chunks.rest().whole
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        backup = os.path.join(daemon.dir, "backup")
        with open(backup, "wb") as out:
            out.write(chunks.body)
        frames(chunks.body)
        with Restored(daemon, backup) as other:
            for i in range(8):
                first = int(other.read(f"w{i}/first")["N"])
                answer = other.get(f"secret/data/w{i}/second")
                second = int(answer.data["data"]["N"]) if answer.status == 200 else 0
                assert first - second in (0, 1), (i, first, second)
                assert acknowledged[i] <= first <= during[i] + 1, (i, acknowledged[i], first, during[i])


def test_keys_that_change_while_a_backup_is_taken():
    with vault.personal() as daemon:
        large(daemon)
        daemon.write("gone", {"A": "1"})
        chunks = Chunks(daemon)
        assert chunks.more()
        # none of this waits for the backup, and the backup is of the state before
        for _ in range(2):
            assert daemon.put("sys/rotate", {}).status == 204
        unlock = {"type": "key_file", "key": daemon.slot_key()}
        assert daemon.put("sys/slots", {"unlock": unlock, "slot": {"type": "passphrase", "passphrase": "correct horse"}}).status == 200
        assert daemon.request("DELETE", "secret/metadata/gone").status == 204
        assert daemon.write("new", {"A": "1"}) == 1
        assert chunks.rest().whole
        backup = os.path.join(daemon.dir, "backup")
        with open(backup, "wb") as out:
            out.write(chunks.body)
        with Restored(daemon, backup) as other:
            assert other.read("gone") == {"A": "1"} and len(other.read("large/7")["A"]) == 400000
            assert other.get("secret/data/new").status == 404
            assert [slot["type"] for slot in other.get("sys/slots").data["slots"]] == ["key_file"]
            assert other.put("sys/rotate", {}).status == 204
        # and one taken now has the new keys
        with Restored(daemon, back_up(daemon, "second")) as other:
            assert other.read("new") == {"A": "1"} and other.get("secret/data/gone").status == 404
            assert len(other.get("sys/slots").data["slots"]) == 2


def test_tokens_of_before_end_unless_they_are_kept():
    with vault.personal() as daemon:
        daemon.token = daemon.root_token
        made = daemon.put("auth/token/create", {"policies": ["default"]}).json["auth"]["client_token"]
        revoked = daemon.put("auth/token/create", {"policies": ["root"]}).json["auth"]["client_token"]
        wrapped = daemon.get("sys/mounts", headers={"X-Vault-Wrap-TTL": "1h"}).json["wrap_info"]["token"]
        backup = back_up(daemon)
        assert daemon.put("auth/token/revoke", {"token": revoked}).status == 204
        daemon.token = None
        with Restored(daemon, backup) as other:
            for token in (daemon.root_token, made, revoked):
                assert other.get("auth/token/lookup-self", token=token).status == 403
            assert other.put("sys/wrapping/unwrap", {"token": wrapped}).status == 400
            # whoever is at home gets new ones, and these count
            new = other.put("auth/token/create", {"policies": ["root"]}).json["auth"]["client_token"]
            assert other.get("auth/token/lookup-self", token=new).status == 200
        with Restored(daemon, backup, "--keep-tokens") as other:
            for token in (daemon.root_token, made, revoked):
                assert other.get("auth/token/lookup-self", token=token).status == 200
            assert other.put("sys/wrapping/unwrap", {"token": wrapped}).status == 400  # it may have been unwrapped since


def test_a_restored_vault_is_another_history():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        one = json.loads(daemon.envctl("backup", "-o", "one", "--json", check=0).stdout)
        assert one["bytes"] == os.path.getsize(os.path.join(daemon.dir, "one")) and one["file"] == "one", one
        with Restored(daemon, os.path.join(daemon.dir, "one")) as other:
            two = json.loads(other.envctl("backup", "-o", "two", "--json", check=0).stdout)
            assert two["vault"] == one["vault"] and two["fork"] != one["fork"] and two["counter"] > one["counter"], (one, two)


def test_the_anchor_of_a_restored_vault_counts():
    config = 'anchor = "DIR/anchor"\nanchor_mode = "strict"\n'
    with vault.personal(config=config) as daemon:
        daemon.write("shop", {"A": "1"})
        backup = back_up(daemon)
        daemon.write("shop", {"A": "2"})
        daemon.stop()
        os.rename(daemon.data, daemon.data + ".gone")
        # its own anchor has seen more than the backup: the new history goes on above that
        done = restore(daemon, backup, daemon.data, "--anchor", os.path.join(daemon.dir, "anchor"), "--json")
        report = json.loads(done.stdout)
        assert report["new_counter"] > report["counter"] + 1, report
        daemon.start()
        assert daemon.unseal().status == 200, daemon.log()
        assert daemon.read("shop") == {"A": "1"}
        daemon.stop()
        # and the one that is gone is found out
        os.rename(daemon.data, daemon.data + ".new")
        os.rename(daemon.data + ".gone", daemon.data)
        daemon.start()
        answer = daemon.unseal()
        assert answer.status == 500 and "another history" in answer.errors[0], answer


def test_without_its_anchor_a_restored_vault_gets_a_new_one():
    with vault.personal(config='anchor = "DIR/anchor"\n') as daemon:
        daemon.write("shop", {"A": "1"})
        backup = back_up(daemon)
        daemon.stop()
        shutil.rmtree(daemon.data)
        restore(daemon, backup, daemon.data)
        daemon.start()
        assert daemon.unseal().json["code"] == "fork"   # the old anchor knows the other history
        daemon.stop()
        os.unlink(os.path.join(daemon.dir, "anchor"))
        daemon.start()
        assert daemon.unseal().status == 200 and daemon.read("shop") == {"A": "1"}, daemon.log()
        assert os.path.getsize(os.path.join(daemon.dir, "anchor")) == 8192


def test_what_opens_the_vault_opens_the_backup():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        unlock = {"type": "key_file", "key": daemon.slot_key()}
        assert daemon.put("sys/slots", {"unlock": unlock, "slot": {"type": "passphrase", "passphrase": "correct horse"}}).status == 200
        shares = daemon.put("sys/slots", {"unlock": unlock, "slot": {"type": "shares", "shares": 3, "threshold": 2}}).data["shares"]
        backup = back_up(daemon)
        files = {"passphrase": "correct horse\n", "shares": "\n".join(shares[1:]) + "\n", "one-share": shares[0] + "\n", "wrong": "incorrect\n"}
        for name, text in files.items():
            with os.fdopen(os.open(os.path.join(daemon.dir, name), os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
                out.write(text)

        def check(*words, **expected):
            with open(backup, "rb") as stdin:
                return run(daemon, "restore", "--check", *words, stdin=stdin, **expected)
        check("--passphrase-file", "passphrase")
        check("--shares-file", "shares")
        check("--key-file", daemon.key_file)
        check("--passphrase-file", "wrong", code=4)
        check("--shares-file", "one-share", code=1)
        check("--key-file", "passphrase", code=1)
        check("--key-file", daemon.key_file, "--shares-file", "shares", code=64, sentence="only a passphrase and a key file go together")
        assert "1" in check("--key-file", daemon.key_file, "--json").stdout
        # nobody is there to be asked: it says which option to give
        check("--passphrase", code=64, sentence="give --passphrase-file FILE")
        check("--json", "--bogus", code=64, sentence="{\"error\":{\"code\":\"usage\"")
        run(daemon, "restore", "--check", "--passphrase", backup, code=64, sentence="give --passphrase-file FILE", program=vault.ENVCTL)
        check("--key-file", daemon.key_file, os.path.join(daemon.dir, "absent"), code=74, sentence="which is not there: make it first")
        restore(daemon, backup, os.path.join(daemon.dir, "no", "parent"), code=74, sentence="its parent directory is not there: make it first")
        assert not [name for name in os.listdir(daemon.dir) if "check" in name]


# -- what is not restored ------------------------------------------------------------------------


def test_what_is_not_whole_is_not_restored():
    with vault.personal() as daemon:
        for i in range(6):
            daemon.write(f"shop/{i}", {"A": os.urandom(30000).hex()})
        backup = back_up(daemon)
        data = open(backup, "rb").read()
        places, target = frames(data), os.path.join(daemon.dir, "target")
        before = sorted(os.listdir(daemon.dir))

        def bad(content, code, sentence):
            with open(backup, "wb") as out:
                out.write(content)
            restore(daemon, backup, target, code=code, sentence=sentence)
            assert sorted(os.listdir(daemon.dir)) == before, sentence
        for at in (1, 100, FRONT - 1, *places[:3], places[-1], places[-1] + 20, len(data) - 1):
            bad(data[:at], 65, "is cut off")
        bad(b"", 65, "is cut off")
        bad(data + b"\0", 65, "something follows the end")
        for at in (20, 40, 70, places[0] + 10, places[1] + 4000, len(data) - 3):
            bad(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], 65, "")
        bad(data[:places[1]] + data[places[2]:], 65, "chunk 1 of the backup does not open")
        bad(data[:8] + b"\2" + data[9:], 66, "use a newer one")
        bad(b"PK" + data[2:], 1, "not a backup of vaultd")
        bad(b"A=b\nC=d\nE=f\n", 1, "not a backup of vaultd")
        other = open(back_up(daemon, "other"), "rb").read()
        os.unlink(os.path.join(daemon.dir, "other"))
        bad(data[:places[1]] + other[places[1]:places[2]] + data[places[2]:], 65, "chunk 1 of the backup does not open")
        wrong = os.path.join(daemon.dir, "home", "wrong.key")
        with os.fdopen(os.open(wrong, os.O_CREAT | os.O_WRONLY, 0o400), "wb") as out:
            out.write(os.urandom(32))
        with open(backup, "wb") as out:
            out.write(data)
        with open(backup, "rb") as stdin:
            run(daemon, "restore", "--key-file", wrong, target, stdin=stdin, code=4)
        assert sorted(os.listdir(daemon.dir)) == before
        restore(daemon, backup, target)


def test_what_is_there_is_not_touched():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        backup = back_up(daemon)
        restore(daemon, backup, daemon.data, code=6, sentence="is not an empty directory")
        assert daemon.read("shop") == {"A": "1"}
        file = os.path.join(daemon.dir, "file")
        open(file, "w").close()
        restore(daemon, backup, file, code=6, sentence="is not an empty directory")
        link = os.path.join(daemon.dir, "link")
        os.symlink(daemon.dir + "/nowhere", link)
        restore(daemon, backup, link, code=6, sentence="is not an empty directory")
        restore(daemon, backup, os.path.join(daemon.dir, "none", "deeper"), code=74, sentence="none")
        empty = os.path.join(daemon.dir, "empty")
        os.mkdir(empty)
        restore(daemon, backup, empty + "/")
        assert stat.S_IMODE(os.stat(empty).st_mode) == 0o700
        for name in os.listdir(empty):
            assert stat.S_IMODE(os.stat(os.path.join(empty, name)).st_mode) == 0o600, name


def test_an_empty_directory_gives_its_owner():
    if os.geteuid() != 0:
        return "needs root"
    with vault.personal() as daemon:
        backup = back_up(daemon)
        target = os.path.join(daemon.dir, "target")
        os.mkdir(target, 0o700)
        os.chown(target, 4242, 4243)
        restore(daemon, backup, target)
        for path in (target, *(os.path.join(target, name) for name in os.listdir(target))):
            assert (os.stat(path).st_uid, os.stat(path).st_gid) == (4242, 4243), path


def test_root_restores_what_its_owner_can_use():
    if os.geteuid() != 0:
        return "needs root"
    with vault.personal() as daemon:
        os.chmod(daemon.dir, 0o711)
        backup = back_up(daemon)
        anchors = os.path.join(daemon.dir, "anchors")
        os.mkdir(anchors, 0o700)
        os.chown(anchors, 4242, 4243)
        # the second time the anchor is there, as it is when a vault is restored in the place of one that was lost
        for name in ("one", "two"):
            target, anchor = os.path.join(daemon.dir, name), os.path.join(anchors, "anchor")
            os.mkdir(target, 0o700)
            os.chown(target, 4242, 4243)
            restore(daemon, backup, target, "--anchor", "anchors/anchor")
            for path in (anchor, target, *(os.path.join(target, file) for file in os.listdir(target))):
                assert (os.stat(path).st_uid, os.stat(path).st_gid) == (4242, 4243), path
            assert os.path.getsize(anchor) == 8192
        # root's own places are not made with the owner's rights, nor the owner's with root's
        os.chown(anchors, 0, 0)
        os.mkdir(os.path.join(daemon.dir, "three"))
        os.chown(os.path.join(daemon.dir, "three"), 4242, 4243)
        restore(daemon, backup, os.path.join(daemon.dir, "three"), "--anchor", os.path.join(anchors, "another"), code=74, sentence="anchor")
        assert os.listdir(anchors) == ["anchor"] and not os.listdir(os.path.join(daemon.dir, "three"))


def test_who_may_write_beside_the_target_gets_nothing_of_roots():
    if os.geteuid() != 0:
        return "needs root"
    with vault.personal() as daemon:
        for i in range(4):
            daemon.write(f"shop/{i}", {"A": os.urandom(40000).hex()})
        data = open(back_up(daemon), "rb").read()
        victim, home = os.path.join(daemon.dir, "victim"), os.path.join(daemon.dir, "theirs")
        for is_whole in (True, False):
            os.mkdir(victim)
            for name in ("shadow", "vault.hdr"):
                open(os.path.join(victim, name), "w").close()
            os.mkdir(home)
            os.mkdir(os.path.join(home, "target"))
            for path in (home, os.path.join(home, "target")):
                os.chown(path, 4242, 4243)
            process = subprocess.Popen([vault.VAULTD, "restore", "--key-file", daemon.key_file, os.path.join(home, "target")],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=daemon.environment())
            process.stdin.write(data[:len(data) // 2])
            process.stdin.flush()
            made = []
            while not made or not os.path.exists(os.path.join(made[0], "vault.db")):
                made = [os.path.join(home, name) for name in os.listdir(home) if name.startswith("target.restore-")]
                time.sleep(0.01)
            os.rename(made[0], os.path.join(home, "aside"))
            os.symlink(victim, made[0])
            process.communicate(data[len(data) // 2:] if is_whole else b"")
            for name in ("shadow", "vault.hdr"):
                assert os.stat(os.path.join(victim, name)).st_uid == 0, (is_whole, name)
            assert sorted(os.listdir(victim)) == ["shadow", "vault.hdr"] and os.stat(victim).st_uid == 0, is_whole
            shutil.rmtree(victim)
            shutil.rmtree(home)


def test_a_place_is_named():
    with vault.personal() as daemon:
        backup = back_up(daemon)
        for name in (".", "..", "/", "none/..", ""):
            restore(daemon, backup, name, code=64, sentence="by its name")
        restore(daemon, backup, "relative/", "--anchor", "anchor")
        assert os.path.exists(os.path.join(daemon.dir, "relative", "vault.db")) and os.path.exists(os.path.join(daemon.dir, "anchor"))


def test_a_restore_without_room_leaves_nothing():
    with vault.personal() as daemon:
        for i in range(8):
            daemon.write(f"shop/{i}", {"A": os.urandom(100000).hex()})
        backup = back_up(daemon)
        before = sorted(os.listdir(daemon.dir))
        restore(daemon, backup, os.path.join(daemon.dir, "target"), "--max-size", "1MiB", code=74, sentence="fill vault.db")
        assert sorted(os.listdir(daemon.dir)) == before
        restore(daemon, backup, os.path.join(daemon.dir, "target"), "--max-size", "8MiB")


def test_a_killed_restore_has_no_name():
    with vault.personal() as daemon:
        large(daemon)
        data = open(back_up(daemon), "rb").read()
        target = os.path.join(daemon.dir, "target")
        process = subprocess.Popen([vault.VAULTD, "restore", "--key-file", daemon.key_file, target], stdin=subprocess.PIPE, env=daemon.environment())
        process.stdin.write(data[:len(data) // 2])
        process.stdin.flush()
        process.kill()
        process.wait()
        assert not os.path.exists(target)


def test_an_interrupted_restore_leaves_nothing():
    with vault.personal() as daemon:
        for i in range(4):
            daemon.write(f"shop/{i}", {"A": os.urandom(40000).hex()})
        backup = back_up(daemon)
        data = open(backup, "rb").read()
        before = sorted(os.listdir(daemon.dir))
        process = subprocess.Popen([vault.VAULTD, "restore", "--key-file", daemon.key_file, os.path.join(daemon.dir, "target")], stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=daemon.environment(), text=False)
        process.stdin.write(data[:len(data) // 2])
        process.stdin.flush()
        while not [name for name in os.listdir(daemon.dir) if name.startswith("target.restore-")]:
            time.sleep(0.01)
        # it waits for the rest: a signal ends that
        process.send_signal(signal.SIGTERM)
        assert b"interrupted" in process.communicate()[1]
        assert process.returncode == 6
        assert sorted(os.listdir(daemon.dir)) == before


# -- envctl ---------------------------------------------------------------------------------------


def test_envctl_makes_a_file_whole_or_not_at_all():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        path = os.path.join(daemon.dir, "b")
        done = daemon.envctl("backup", "-o", path, check=0)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and "counter" in done.stderr and done.stdout == "", done
        first = open(path, "rb").read()
        done = daemon.envctl("backup", "-o", path, check=6)
        assert "--force" in done.stderr and open(path, "rb").read() == first
        daemon.envctl("backup", "-o", path, "--force", check=0)
        assert open(path, "rb").read() != first
        # what is no file is not replaced by one: --force on /dev/null by root would leave a machine without it
        special, folder = os.path.join(daemon.dir, "special"), os.path.join(daemon.dir, "folder")
        os.mkfifo(special)
        os.mkdir(folder)
        for place in (special, folder):
            assert "-o -" in daemon.envctl("backup", "-o", place, "--force", check=6).stderr
            assert "--force" not in daemon.envctl("backup", "-o", place, check=6).stderr
        assert stat.S_ISFIFO(os.stat(special).st_mode) and not os.listdir(folder)
        piped = daemon.envctl("backup", "-o", "-", stdin=b"", check=0)
        frames(piped.stdout)
        assert "-o FILE" in daemon.envctl("backup", check=64).stderr
        assert "--json" in daemon.envctl("backup", "-o", "-", "--json", check=64).stderr
        assert "cannot make a file" in daemon.envctl("backup", "-o", "none/b", check=74).stderr
        # a token that may not
        token = daemon.put("auth/token/create", {"policies": ["default"]}, token=daemon.root_token).json["auth"]["client_token"]
        daemon.envctl("backup", "-o", path + "2", check=4, env={"VAULT_TOKEN": token})
        assert daemon.put("sys/seal", {}).status == 204
        daemon.envctl("backup", "-o", path + "2", check=2)
        assert sorted(n for n in os.listdir(daemon.dir) if n.startswith("b")) == ["b"]


class Stopped:
    """envctl backup whose standard output nobody reads: it is in the middle of the stream."""

    def __init__(self, daemon):
        self.process = subprocess.Popen([vault.ENVCTL, "backup", "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=daemon.environment())
        self.process.stdout.read(1)

    def rest(self):
        out, err = self.process.communicate(timeout=100)
        return self.process.returncode, out, err.decode()


def large(daemon):
    for i in range(24):
        daemon.write(f"large/{i}", {"A": os.urandom(200000).hex()})


def test_a_seal_ends_a_backup_and_envctl_says_so():
    with vault.personal() as daemon:
        large(daemon)
        stopped = Stopped(daemon)
        assert daemon.put("sys/seal", {}).status == 204
        code, _, err = stopped.rest()
        assert code == 65 and "ended after" in err, (code, err)
        assert "backup_broken_off" in daemon.log()
        assert daemon.unseal().status == 200
        back_up(daemon)


def test_a_stop_ends_a_backup():
    with vault.personal() as daemon:
        large(daemon)
        stopped = Stopped(daemon)
        assert daemon.stop() == 0
        code, _, err = stopped.rest()
        assert code == 65 and "ended after" in err, (code, err)


def test_one_backup_at_a_time():
    with vault.personal() as daemon:
        large(daemon)
        chunks = Chunks(daemon)
        assert chunks.more()
        answer = daemon.get("sys/backup")
        assert answer.status == 503 and "another backup" in answer.errors[0], answer
        # and everything else goes on
        assert daemon.write("shop", {"A": "1"}) == 1
        assert chunks.rest().whole
        back_up(daemon)
        metrics = daemon.request("GET", "/metrics").body.decode()
        assert "vaultd_backups_total 2\n" in metrics and "vaultd_backups_broken_off_total 0\n" in metrics, metrics
        chunks.close()


def test_a_head_makes_no_backup():
    with vault.personal() as daemon:
        assert b"HTTP/1.1 200 OK" in daemon.raw(b"HEAD /v1/sys/backup HTTP/1.1\r\nHost: vault\r\nConnection: close\r\n\r\n")
        assert daemon.get("sys/backup?full=1").status == 400
        assert "vaultd_backups_broken_off_total 0\n" in daemon.request("GET", "/metrics").body.decode()


def test_who_takes_nothing_is_cut_off():
    with vault.personal() as daemon:
        large(daemon)
        chunks = Chunks(daemon)
        while "vaultd_backups_broken_off_total 1\n" not in daemon.request("GET", "/metrics").body.decode():
            time.sleep(0.2)
        assert not chunks.rest().whole
        chunks.close()
        back_up(daemon)


def test_who_leaves_ends_it():
    with vault.personal() as daemon:
        large(daemon)
        chunks = Chunks(daemon)
        assert chunks.more()
        chunks.close()
        while "vaultd_backups_broken_off_total 1\n" not in daemon.request("GET", "/metrics").body.decode():
            time.sleep(0.05)
        back_up(daemon)


def test_what_was_made_and_not_taken_is_no_backup():
    with vault.personal() as daemon:
        # less than the daemon keeps ready, more than a socket does: it is made whole before its taker leaves
        daemon.write("large", {"A": os.urandom(200000).hex()})
        daemon.write("larger", {"A": os.urandom(200000).hex()})
        chunks = Chunks(daemon)
        assert chunks.more()
        chunks.close()
        while True:
            metrics = daemon.request("GET", "/metrics").body.decode()
            if "vaultd_backups_total 1\n" in metrics or "vaultd_backups_broken_off_total 1\n" in metrics:
                break
            time.sleep(0.01)
        assert "vaultd_backups_total 0\n" in metrics and "vaultd_backup_last_timestamp_seconds 0\n" in metrics, metrics
        while "backup_broken_off" not in daemon.log():  # said by the maker when it notices: later than the count
            time.sleep(0.01)
        back_up(daemon)
        assert "vaultd_backups_total 1\n" in daemon.request("GET", "/metrics").body.decode()


def test_an_interrupted_envctl_leaves_nothing():
    with vault.personal() as daemon:
        large(daemon)
        holder = Chunks(daemon)     # the daemon is busy with this one: envctl waits for nothing, it is refused
        assert holder.more()
        done = daemon.envctl("backup", "-o", os.path.join(daemon.dir, "b"), check=75)
        assert "another backup" in done.stderr, done
        holder.rest().close()
        # a daemon that never answers
        server = os.path.join(daemon.dir, "silent.sock")
        import socket
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(server)
            os.chmod(server, 0o600)
            listener.listen(1)
            process = subprocess.Popen([vault.ENVCTL, "--address", "unix://" + server, "backup", "-o", os.path.join(daemon.dir, "b")],
                                       env=daemon.environment(), stderr=subprocess.DEVNULL)
            kept = listener.accept()[0]  # or it would be closed at once, and envctl end by itself
            assert [name for name in os.listdir(daemon.dir) if name.startswith("b.part-")]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == -signal.SIGINT
            kept.close()
        assert not [name for name in os.listdir(daemon.dir) if name.startswith("b")]


def test_envctl_restore_is_vaultd_restore():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        backup = back_up(daemon)
        target = os.path.join(daemon.dir, "target")
        words = ["--key-file", daemon.key_file, "--vaultd", vault.VAULTD]
        done = daemon.envctl("restore", backup, target, *words, "--json", check=0)
        assert json.loads(done.stdout)["directory"] == target, done
        done = daemon.envctl("restore", backup, target, *words, check=6)
        assert done.stderr.startswith("vaultd restore: ") and "is not an empty directory" in done.stderr, done
        done = daemon.envctl("restore", "--check", backup, *words, check=0)
        assert "is whole" in done.stdout, done
        done = daemon.envctl("restore", "--check", "-", *words, stdin=open(backup, "rb").read(), check=0)
        daemon.envctl("restore", backup, *words, check=64)
        daemon.envctl("restore", "none", target, *words, check=3)
        assert "--vaultd" in daemon.envctl("restore", backup, target, "--vaultd", "/none", check=3).stderr
        # a build, or a directory of programs, has vaultd where envctl looks
        daemon.envctl("restore", "--check", backup, *words[:2], check=0)
        # without anything that says how: what opens it is named
        assert "--key-file" in daemon.envctl("restore", "--check", backup, "--vaultd", vault.VAULTD, check=64).stderr


vault.main(globals(), "backup:")
