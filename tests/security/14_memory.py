#!/usr/bin/env python3
# alone: yes
"""The process's memory, read as root: nothing of a request outside guarded pages when none is in flight, nothing after seal,
no core."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import contextlib  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import re  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402

import vault  # noqa: E402
from process_memory import found, regions  # noqa: E402

CANARY = "cAnArY-5ecret"


def use_tokens(daemon, value, number):
    """A token made, used, renewed and ended, with a canary where one can be; its text."""
    root = daemon.root_token
    wish = {"policies": ["p" + value.lower()], "meta": {"k": value}, "ttl": "1h", "type": "batch" if number % 2 else "service"}
    token = daemon.put("auth/token/create", wish, token=root).json["auth"]["client_token"]
    daemon.get("auth/token/lookup-self", token=token)
    daemon.put("auth/token/lookup", {"token": token}, token=root)
    daemon.put("auth/token/renew", {"token": token}, token=root)
    daemon.put("auth/token/create", {"num_uses": "x", "id": value}, token=root)
    daemon.put("auth/token/renew", json.dumps({"token": token})[:-1].encode(), token=root)
    if number % 3 == 0:
        daemon.put("auth/token/revoke", {"token": token}, token=root)
    return token


def mixed(daemon, rounds):
    """Requests of every kind, good, bad and broken off in the middle, each with a canary in it. The tokens that were made."""
    source = random.Random(7)
    tokens = []
    for number in range(rounds):
        value = f"{CANARY}-{number:05}"
        env = f"shop/e{number % 20}"
        body = json.dumps({"data": {"KEY": value, "OTHER": value * 20}}).encode()
        kind = source.randrange(11)
        with contextlib.suppress(OSError):
            if kind <= 1:
                daemon.put("secret/data/" + env, json.loads(body))
            elif kind == 2:
                daemon.get("secret/data/" + env)
                daemon.get("secret/resolve/" + env)
                daemon.get(f"secret/render/{env}?format={'systemd' if number % 2 else 'json'}")
            elif kind == 3:
                daemon.put("secret/data/" + env, body[:-9])
            elif kind == 4:
                daemon.get("secret/data/" + env, token=value)
            elif kind == 5:
                with daemon.connect() as stream:
                    stream.sendall(b"PUT /v1/secret/data/x HTTP/1.1\r\nHost: v\r\nContent-Length: 100000\r\nX-Vault-Token: "
                                   + value.encode() + b"\r\n\r\n" + body)
            elif kind == 6:
                with daemon.connect() as stream:
                    stream.sendall(b"GET /v1/secret/data/x HTTP/1.1\r\nX-Vault-Token: " + value.encode())
            elif kind == 7:
                daemon.put("sys/wrapping/unwrap", {"token": value})
                answer = daemon.get("secret/data/" + env, headers={"X-Vault-Wrap-TTL": "60"})
                if answer.status == 200 and number % 2:
                    daemon.put("sys/wrapping/unwrap", {"token": answer.json["wrap_info"]["token"]})
                else:
                    daemon.put("sys/wrapping/wrap", {"KEY": value}, headers={"X-Vault-Wrap-TTL": "1"})
            elif kind == 9:
                tokens.append(use_tokens(daemon, value, number))
            elif kind == 8:
                daemon.put(f"cubbyhole/c{number % 20}", {"KEY": value}, token=daemon.root_token)
                daemon.get(f"cubbyhole/c{number % 20}", token=daemon.root_token)
            else:
                with daemon.connect() as stream:
                    stream.sendall(b"GET /v1/secret/data/" + env.encode() + b" HTTP/1.1\r\nHost: v\r\n\r\n")
    return tokens


def settle(daemon):
    """Waits until the connections that were broken off are gone: they are cut at the latest by their deadline."""
    for _ in range(300):
        left = len([d for d in os.listdir(f"/proc/{daemon.pid}/fd")
                    if "socket:" in os.readlink(f"/proc/{daemon.pid}/fd/{d}")])
        if left <= 2:
            break
        time.sleep(0.1)


def test_no_value_and_no_token_outside_guarded_pages_after_mixed_requests():
    if os.geteuid() != 0:
        return "needs root to read another process's memory"
    with vault.personal() as daemon:
        tokens = mixed(daemon, 1000)
        settle(daemon)
        assert len(tokens) > 50
        words = [CANARY.encode(), daemon.root_token.encode(), b"vlt_wrp_", b"vlt_svc_"]
        where = found(daemon.pid, words + [token[:60].encode() for token in tokens], False)
        assert not where, where[:5]
        assert CANARY not in daemon.log()
        assert daemon.root_token not in daemon.log()
    return None


def test_the_scan_would_see_a_value():
    if os.geteuid() != 0:
        return "needs root to read another process's memory"
    with vault.personal() as daemon:
        with daemon.connect() as stream:
            stream.sendall(b"GET /v1/secret/data/x HTTP/1.1\r\nHost: v\r\nX-Vault-Token: " + CANARY.encode())
            time.sleep(0.2)
            assert found(daemon.pid, [CANARY.encode()], False), "a token of a request in flight must be visible to this scan"
    return None


def test_after_seal_no_name_no_value_no_token():
    if os.geteuid() != 0:
        return "needs root to read another process's memory"
    with vault.personal() as daemon:
        for number in range(50):
            daemon.write(f"canaryshop/e{number}", {"CANARYNAME": f"{CANARY}-{number}"}, message="canarymessage")
        for number in range(50):
            daemon.read(f"canaryshop/e{number}")
        daemon.get("secret/history/canaryshop/e1")
        for number in range(20):
            assert daemon.get("secret/data/canaryshop/e1", headers={"X-Vault-Wrap-TTL": "60"}).status == 200
            use_tokens(daemon, f"canaryshop-{number}", 1)
            assert daemon.put("auth/token/roles/canaryshop", {"allowed_policies": ["canaryshop"]}, token=daemon.root_token).status == 204
            assert daemon.put(f"cubbyhole/canaryshop{number}", {"A": CANARY}, token=daemon.root_token).status == 204
        assert daemon.put("sys/seal", {}).status == 204
        settle(daemon)
        time.sleep(0.2)
        words = [CANARY.encode(), b"CANARYNAME", b"canarymessage", b"canaryshop", daemon.root_token.encode()]
        where = found(daemon.pid, words, True)
        assert not where, where[:5]
        assert daemon.get("secret/data/canaryshop/e1").status == 503
        assert daemon.unseal().status == 200
        assert daemon.read("canaryshop/e1")["CANARYNAME"] == f"{CANARY}-1"
    return None


def test_after_seal_nothing_of_schemas():
    if os.geteuid() != 0:
        return "needs root to read another process's memory"
    text = ("# canaryremark @example=canaryexample\n# @type=string(matches=/canarypattern/)\nA=canaryvalue\n# @type=enum(canarymember, b)\nB=\n"
            "# @required=eq(concat($A, x), canarycondition)\nC=\n")
    with vault.personal() as daemon:
        for number in range(20):
            env = f"canaryshop/e{number}"
            assert daemon.put("secret/schema/" + env, {"text": text, "mode": "warn"}).status == 200
            daemon.put("secret/schema/" + env, {"text": text + "# @type=canarynonsense\nD=\n"})
            daemon.write(env, {"A": CANARY, "B": CANARY})
            assert daemon.request("POST", "secret/check/" + env, {"data": {"A": CANARY * 3}, "schema": text}).status == 200
            daemon.request("POST", "secret/check/canaryshop/none", {"data": {"A": CANARY * 3}, "schema": text})
            daemon.get(f"secret/schema/{env}?explain=A")
            daemon.get(f"secret/schema/canaryshop/none{number}")
            for form in ("systemd", "docker", "kubernetes", "yaml", "fish", "json"):
                daemon.get(f"secret/render/{env}?format={form}")
        assert not found(daemon.pid, [CANARY.encode()], False)
        assert daemon.put("sys/seal", {}).status == 204
        settle(daemon)
        time.sleep(0.2)
        where = found(daemon.pid, [CANARY.encode(), b"canary"], True)
        assert not where, where[:5]
        assert "canary" not in daemon.log().lower()
        assert daemon.unseal().status == 200
        assert daemon.get("secret/schema/canaryshop/e1").data["text"] == text
    return None


def test_after_seal_the_key_that_opens_is_nowhere():
    if os.geteuid() != 0:
        return "needs root to read another process's memory"
    with vault.personal() as daemon:
        daemon.stop()
        daemon.start()
        assert daemon.unseal().status == 200
        with open(daemon.key_file, "rb") as key:
            words = [key.read(), daemon.slot_key().encode()]
        # The connection that brought it is closed a moment after the answer.
        for _ in range(50):
            left = found(daemon.pid, words, True)
            if not left:
                break
            time.sleep(0.1)
        assert not left, "the slot's secret stays no longer than the unseal"
        assert daemon.put("sys/seal", {}).status == 204
        guarded = [content for _, content, locked in regions(daemon.pid) if locked]
        assert guarded, "there must be a locked region"
        for content in guarded:
            assert sum(1 for byte in content[:262144] if byte not in (0, 0xdb, 0xd0)) < 4096, "the arena must be wiped"
    return None


def test_shares_and_slots_leave_nothing():
    """Secrets of unsealing share by share, of slots, of a rekey and of a root token: gone when each is done."""
    if os.geteuid() != 0:
        return "needs root to read another process's memory"
    with vault.Daemon() as daemon:
        daemon.start()
        made = daemon.put("sys/init", {"secret_shares": 3, "secret_threshold": 2}).json
        daemon.token = made["root_token"]
        values = [bytes.fromhex(key)[12:44] for key in made["keys"]]
        texts = [share[20:60].encode() for share in made["shares"]] + [key[30:80].encode() for key in made["keys"]]
        assert not found(daemon.pid, values + texts, True)
        daemon.put("sys/seal", None)
        daemon.put("sys/unseal", {"key": made["shares"][0]})
        assert found(daemon.pid, values[:1], True), "a share that waits for the others must be visible to this scan"
        assert not found(daemon.pid, texts, True)
        daemon.put("sys/unseal", {"reset": True})
        assert not found(daemon.pid, values, True)
        for share in made["shares"][1:]:
            daemon.put("sys/unseal", {"key": share})
        unlock, word = {"shares": made["shares"][:2]}, CANARY + "-passphrase"
        assert daemon.put("sys/slots", {"unlock": unlock, "slot": {"passphrase": word}}).status == 200
        start = daemon.put("sys/generate-root/attempt", {}).json
        done = daemon.put("sys/generate-root/update", {"slot": {"passphrase": word}, "nonce": start["nonce"]}).json
        nonce = daemon.put("sys/rekey/init", {"secret_shares": 3, "secret_threshold": 2}).json["nonce"]
        rekeyed = daemon.put("sys/rekey/update", {"slot": {"passphrase": word}, "nonce": nonce}).json
        values += [bytes.fromhex(key)[12:44] for key in rekeyed["keys"]]
        texts += [share[20:60].encode() for share in rekeyed["shares"]]
        settle(daemon)
        where = found(daemon.pid, values + texts + [word.encode(), start["otp"].encode(), done["encoded_token"].encode()], True)
        assert not where, where[:5]
    return None


def test_no_core_is_written():
    with vault.personal() as daemon:
        daemon.write("a/b", {"X": CANARY})
        limits = open(f"/proc/{daemon.pid}/limits", encoding="ascii").read()
        assert re.search(r"Max core file size +0 +0", limits), limits
        daemon.process.send_signal(signal.SIGABRT)
        daemon.process.wait(10)
        for folder, _, names in os.walk(daemon.dir):
            assert not [n for n in names if n.startswith("core")], folder


vault.main(globals())
