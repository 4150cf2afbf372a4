#!/usr/bin/env python3
# sanitized: yes
"""Slots and shares on a real daemon: unsealing share by share, slots, a new root key, a root token from the slots, by the raw
API and with envctl."""
import base64
import contextlib
import json
import os

import vault


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def refused(answer, status, words=""):
    assert answer.status == status and words in " ".join(answer.errors), answer


@contextlib.contextmanager
def shared(n=5, k=3, **options):
    """A vault that Vault's form of init has made, with its shares."""
    with vault.Daemon(**options) as daemon:
        daemon.start()
        answer = daemon.put("sys/init", {"secret_shares": n, "secret_threshold": k})
        same(answer.status, 200)
        daemon.token = answer.json["root_token"]
        daemon.write("shop", {"A": "kept"})
        yield daemon, answer.json


def seal(daemon):
    same(daemon.put("sys/seal", None).status, 204)


def give(daemon, share):
    return daemon.put("sys/unseal", {"key": share}, token="")


def flip(share, at=20):
    """A share with another character, and so a checksum that does not fit."""
    return share[:at] + ("a" if share[at] != "a" else "b") + share[at + 1:]


# -- unsealing -------------------------------------------------------------------------------------------


def test_every_form_of_a_share():
    with shared() as (daemon, made):
        same((len(made["keys"]), len(made["keys_base64"]), len(made["shares"])), (5, 5, 5))
        same([base64.b64decode(k) for k in made["keys_base64"]], [bytes.fromhex(k) for k in made["keys"]])
        assert all(s.startswith("vls1-") and len(s) == 85 for s in made["shares"]), made["shares"]
        same(base64.b32decode(made["shares"][1][5:].upper()), bytes.fromhex(made["keys"][1]))
        seal(daemon)
        status = daemon.get("sys/seal-status").json
        same((status["t"], status["n"], status["progress"], status["nonce"]), (3, 5, 0, ""))
        first = give(daemon, made["keys"][4]).json
        same((first["progress"], first["sealed"], len(first["nonce"])), (1, True, 36))
        second = give(daemon, made["keys_base64"][0]).json
        same((second["progress"], second["nonce"]), (2, first["nonce"]))
        spaced = made["shares"][2].upper()
        spaced = "-".join(spaced[i:i + 5] for i in range(0, len(spaced), 5))
        last = give(daemon, spaced).json
        same((last["progress"], last["sealed"], last["nonce"]), (0, False, ""))
        same(daemon.read("shop"), {"A": "kept"})
        same(give(daemon, made["keys"][4]).json["sealed"], False)


def test_what_is_wrong_with_a_share_is_named():
    with shared() as (daemon, made), shared() as (_, other):
        seal(daemon)
        refused(give(daemon, flip(made["shares"][0])), 400, "typing mistake")
        refused(give(daemon, made["shares"][0][:-1]), 400, "characters")
        refused(give(daemon, made["shares"][0][:-1] + "1"), 400, "character that shares do not have")
        refused(give(daemon, other["shares"][0]), 400, "another vault")
        refused(give(daemon, other["keys"][0]), 400, "another vault")
        refused(give(daemon, vault.mistyped(made["keys"][0])), 400, "typing mistake")
        refused(give(daemon, "00" * 32), 400)
        same(daemon.get("sys/seal-status").json["progress"], 0)
        same(give(daemon, made["shares"][0]).json["progress"], 1)
        refused(give(daemon, made["keys"][0]), 400, "given already")
        same(daemon.get("sys/seal-status").json["progress"], 1)
        for share in made["shares"] + other["shares"]:
            assert share[5:40] not in daemon.log()


def test_reset_and_several_at_once():
    with shared() as (daemon, made):
        refused(daemon.put("sys/unseal", {"reset": True}), 400, "vault is unsealed")
        seal(daemon)
        give(daemon, made["shares"][0])
        same(daemon.put("sys/unseal", {"reset": True}, token="").json["progress"], 0)
        answer = daemon.put("sys/unseal", {"slot": {"shares": made["shares"][:2]}}, token="").json
        same((answer["progress"], answer["sealed"]), (2, True))
        same(daemon.put("sys/unseal", {"reset": True}, token="").json["nonce"], "")
        for bad in ([], ["x"], [7], made["shares"] * 4, "text", {"a": 1}, [flip(made["shares"][1])]):
            refused(daemon.put("sys/unseal", {"slot": {"shares": bad}}), 400)
        same(daemon.put("sys/unseal", {"slot": {"type": "shares", "shares": made["shares"]}}, token="").json["sealed"], False)


def test_shares_survive_kill_and_many_wrong_ones():
    with shared(3, 2) as (daemon, made):
        daemon.kill()
        daemon.start()
        for _ in range(12):		# wrong shares are no attempts: nothing slows down
            refused(give(daemon, flip(made["shares"][0])), 400, "typing mistake")
        same(give(daemon, made["shares"][2]).json["progress"], 1)
        same(give(daemon, made["shares"][0]).json["sealed"], False)
        same(daemon.read("shop"), {"A": "kept"})


# -- slots ----------------------------------------------------------------------------------------------------


def test_slots_by_the_api():
    with shared(3, 2) as (daemon, made):
        unlock = {"type": "shares", "shares": made["shares"][:2]}
        same(daemon.get("sys/slots").data["slots"][0]["type"], "shares")
        word = {"type": "passphrase", "passphrase": "correct horse", "label": "the team's"}
        answer = daemon.put("sys/slots", {"unlock": unlock, "slot": word})
        same((answer.status, answer.data), (200, {"id": 1}))
        key = base64.b64encode(b"k" * 40).decode()
        both = {"type": "both", "passphrase": "battery", "key": key}
        same(daemon.put("sys/slots", {"unlock": word, "slot": both}).data["id"], 2)
        answer = daemon.put("sys/slots", {"unlock": both, "slot": {"type": "shares", "shares": 4, "threshold": 2}}).data
        same((answer["id"], len(answer["shares"]), len(answer["keys"])), (3, 4, 4))
        slots = daemon.get("sys/slots").data["slots"]
        same([(s["id"], s["type"], s["label"]) for s in slots],
             [(0, "shares", ""), (1, "passphrase", "the team's"), (2, "both", ""), (3, "shares", "")])
        same((slots[3]["shares"], slots[3]["threshold"]), (4, 2))
        # changed: the old passphrase is gone
        same(daemon.put("sys/slots/1", {"unlock": both, "slot": {"passphrase": "another"}}).status, 200)
        refused(daemon.put("sys/slots/1", {"unlock": word, "slot": {"passphrase": "x"}}), 400)
        same(daemon.put("sys/slots/0/remove", {"unlock": both}).status, 204)
        refused(daemon.put("sys/slots/0/remove", {"unlock": both}), 404)
        refused(daemon.put("sys/slots", {"unlock": unlock, "slot": word}), 400, "does not have")
        seal(daemon)
        refused(give(daemon, made["shares"][0]), 400, "does not have")
        refused(daemon.put("sys/unseal", {"slot": word}, token=""), 400)
        refused(daemon.put("sys/unseal", {"slot": {"passphrase": "battery"}}, token=""), 400)
        same(daemon.put("sys/unseal", {"slot": both}, token="").json["sealed"], False)
        same(daemon.read("shop"), {"A": "kept"})
        for text in ("correct horse", "battery", key):
            assert text not in daemon.log()


def test_slots_refuse_what_is_wrong():
    with vault.personal() as daemon:
        unlock = {"type": "key_file", "key": daemon.slot_key()}
        for slot in (None, 7, {}, {"passphrase": ""}, {"type": "both", "passphrase": "x"}, {"type": "shares"},
                     {"type": "shares", "shares": 1, "threshold": 1}, {"shares": 3, "threshold": 1}, {"shares": 17, "threshold": 2},
                     {"shares": 3}, {"shares": 4294967299, "threshold": 2}, {"shares": ["x"], "threshold": 2},
                     {"passphrase": "x", "shares": 3, "threshold": 2}, {"passphrase": "x", "name": "y"}, {"type": "tpm"},
                     {"passphrase": "x", "colour": "blue"}, {"passphrase": "x", "label": "l" * 65}):
            refused(daemon.put("sys/slots", {"unlock": unlock, "slot": slot}), 400)
        for body in ({}, {"slot": {"passphrase": "x"}}, {"unlock": 7, "slot": {"passphrase": "x"}}, {"unlock": {}, "slot": {}},
                     {"unlock": unlock, "slot": {"passphrase": "x"}, "more": 1}):
            refused(daemon.put("sys/slots", body), 400)
        for path in ("9", "x", "0/more", "00", "0/remove/x"):
            refused(daemon.put("sys/slots/" + path, {"unlock": unlock, "slot": {"passphrase": "x"}}), 404)
        refused(daemon.put("sys/slots/0/remove", {"unlock": unlock}), 400, "last slot")
        same(len(daemon.get("sys/slots").data["slots"]), 1)
        # a wrong unlock counts: after five there is waiting, for everybody and also for the right one
        wrong = {"type": "key_file", "key": base64.b64encode(b"w" * 32).decode()}
        for _ in range(5):
            refused(daemon.put("sys/slots/0/remove", {"unlock": wrong}), 400)
        same(daemon.put("sys/slots/0/remove", {"unlock": wrong}).status, 429)
        same(daemon.put("sys/slots", {"unlock": unlock, "slot": {"passphrase": "x"}}).status, 429)


def test_slots_are_for_root():
    with shared(3, 2, env={"VAULTD_STORY": "1"}) as (daemon, made):
        unlock = {"shares": made["shares"][:2]}
        for method, path, body in (("GET", "sys/slots", None), ("PUT", "sys/slots", {"unlock": unlock, "slot": {"passphrase": "x"}}),
                                   ("PUT", "sys/slots/0", {"unlock": unlock, "slot": {"passphrase": "x"}}),
                                   ("PUT", "sys/slots/0/remove", {"unlock": unlock}), ("PUT", "sys/slots/77", {}),
                                   ("GET", "sys/rekey/init", None), ("PUT", "sys/rekey/init", {}), ("DELETE", "sys/rekey/init", None),
                                   ("GET", "sys/rekey/verify", None), ("DELETE", "sys/rekey/verify", None),
                                   ("GET", "sys/rekey/backup", None), ("PUT", "sys/generate-root/attempt", {}),
                                   ("DELETE", "sys/generate-root/attempt", None), ("PUT", "sys/rotate", {}),
                                   ("GET", "sys/key-status", None), ("GET", "sys/rotate/config", None)):
            same(daemon.request(method, path, body, token="vlt_adm_" + "x" * 49).status, 403)
        seal(daemon)
        for method, path in (("GET", "sys/slots"), ("PUT", "sys/rekey/init"), ("PUT", "sys/rekey/update"),
                             ("PUT", "sys/rekey/verify"), ("PUT", "sys/generate-root/update"), ("PUT", "sys/rotate")):
            refused(daemon.request(method, path, {"key": made["shares"][0], "nonce": "x"} if method == "PUT" else None), 503,
                    "Vault is sealed")


# -- a new root key ----------------------------------------------------------------------------------------------


def test_rekey_as_vault_does_it():
    with shared(3, 2) as (daemon, made):
        same(daemon.get("sys/rekey/init").json["started"], False)
        refused(daemon.put("sys/rekey/update", {"key": made["shares"][0], "nonce": "x"}), 400, "no rekey in progress")
        refused(daemon.put("sys/rekey/init", {"secret_shares": 5, "secret_threshold": 6}), 400)
        refused(daemon.put("sys/rekey/init", {"secret_shares": 5, "secret_threshold": 3, "pgp_keys": ["x"]}), 400)
        start = daemon.put("sys/rekey/init", {"secret_shares": 5, "secret_threshold": 3}).json
        same((start["started"], start["t"], start["n"], start["progress"], start["required"]), (True, 3, 5, 0, 2))
        refused(daemon.put("sys/rekey/init", {"secret_shares": 5, "secret_threshold": 3}), 400, "already in progress")
        refused(daemon.put("sys/rekey/update", {"key": made["shares"][0], "nonce": start["nonce"][::-1]}), 400, "nonce")
        refused(daemon.put("sys/rekey/update", {"key": made["shares"][0]}), 400, "nonce")
        # whoever has the nonce and a share needs no token
        update = {"key": made["keys"][1], "nonce": start["nonce"]}
        same(daemon.put("sys/rekey/update", update, token="").json["progress"], 1)
        refused(daemon.put("sys/rekey/update", update), 400, "given already")
        term = daemon.get("sys/key-status").data["term"]
        done = daemon.put("sys/rekey/update", {"key": made["keys_base64"][2], "nonce": start["nonce"]}).json
        same((done["complete"], done["nonce"], len(done["keys"]), done["backup"], done["verification_required"]),
             (True, start["nonce"], 5, False, False))
        same(daemon.get("sys/key-status").data["term"], term + 1)
        same(daemon.get("sys/rekey/init").json["started"], False)
        daemon.kill()
        daemon.start()
        refused(give(daemon, made["shares"][0]), 400, "newer shares")
        for share in done["keys"][1:4]:
            last = give(daemon, share)
        same(last.json["sealed"], False)
        same(daemon.read("shop"), {"A": "kept"})


def test_rekey_that_is_verified_or_cancelled():
    with shared(3, 2) as (daemon, made):
        wanted = {"secret_shares": 3, "secret_threshold": 2, "require_verification": True}
        for cancel in (True, False):
            nonce = daemon.put("sys/rekey/init", wanted).json["nonce"]
            for share in made["shares"][:2]:
                done = daemon.put("sys/rekey/update", {"key": share, "nonce": nonce}).json
            same((done["complete"], done["verification_required"]), (True, True))
            verify = done["verification_nonce"]
            refused(daemon.put("sys/rekey/verify", {"key": made["shares"][0], "nonce": verify}), 400)
            status = daemon.put("sys/rekey/verify", {"key": done["shares"][0], "nonce": verify}, token="").json
            same((status["started"], status["progress"], status["t"], status["n"]), (True, 1, 2, 3))
            if cancel:
                same(daemon.request("DELETE", "sys/rekey/verify").status, 204)
                again = daemon.get("sys/rekey/verify").json
                same((again["progress"], again["nonce"] == verify), (0, False))
                same(daemon.request("DELETE", "sys/rekey/init").status, 204)
                seal(daemon)
                give(daemon, made["shares"][0])
                same(give(daemon, made["shares"][1]).json["sealed"], False)
        same(daemon.put("sys/rekey/verify", {"key": done["shares"][2], "nonce": verify}).json["complete"], True)
        seal(daemon)
        refused(give(daemon, made["shares"][0]), 400, "newer shares")
        give(daemon, done["shares"][0])
        same(give(daemon, done["shares"][1]).json["sealed"], False)


def test_a_rekey_in_doubt_says_so():
    """vault.hdr cannot be written: both sets of shares must be kept, in the answer that ends the rekey, whichever it is."""
    with shared(3, 2) as (daemon, made):
        header = os.path.join(daemon.data, "vault.hdr")
        for verify in (False, True):
            nonce = daemon.put("sys/rekey/init", {"secret_shares": 3, "secret_threshold": 2, "require_verification": verify}).json["nonce"]
            same(daemon.put("sys/rekey/update", {"key": made["shares"][0], "nonce": nonce}).json["progress"], 1)
            if not verify:
                os.rename(header, header + ".away")
            done = daemon.put("sys/rekey/update", {"key": made["shares"][1], "nonce": nonce}).json
            if verify:
                os.rename(header, header + ".away")
                for share in done["shares"][:2]:
                    last = daemon.put("sys/rekey/verify", {"key": share, "nonce": done["verification_nonce"]}).json
            else:
                last = done
            same(last["complete"], True)
            assert "keep the old keys" in last["warnings"][0], last
            os.rename(header + ".away", header)
            seal(daemon)
            give(daemon, made["shares"][0])
            same(give(daemon, made["shares"][1]).json["sealed"], False)


def test_a_changed_slot_in_doubt_gives_its_shares():
    with shared(3, 2) as (daemon, made):
        header = os.path.join(daemon.data, "vault.hdr")
        unlock = {"shares": made["shares"][:2]}
        for slot in ({"shares": 3, "threshold": 2}, {"passphrase": "new"}):
            os.rename(header, header + ".away")
            answer = daemon.put("sys/slots/0", {"unlock": unlock, "slot": slot})
            os.rename(header + ".away", header)
            if "shares" in slot:
                same((answer.status, len(answer.data["shares"])), (200, 3))
                assert "keep what opened" in answer.json["warnings"][0], answer
            else:
                refused(answer, 500, "keep what opened")
            seal(daemon)
            give(daemon, made["shares"][0])
            same(give(daemon, made["shares"][1]).json["sealed"], False)
        os.rename(header, header + ".away")
        told = daemon.envctl("slots", "change", "0", "--shares", "2-of-3", "--unlock-shares-file", "-", stdin="\n".join(made["shares"][:2]), check=0)
        same(told.stdout.count("vls1-"), 3)
        assert "keep what opened" in told.stderr and "does not any more" not in told.stderr, told


def test_rekey_with_other_slots():
    with vault.personal() as daemon:
        unlock = {"type": "key_file", "key": daemon.slot_key()}
        word, gone = {"passphrase": "stays", "label": "team"}, {"passphrase": "goes"}
        for slot in (word, gone):
            same(daemon.put("sys/slots", {"unlock": unlock, "slot": slot}).status, 200)
        nonce = daemon.put("sys/rekey/init", {}).json["nonce"]
        refused(daemon.put("sys/rekey/update", {"slot": {"passphrase": "wrong"}, "nonce": nonce}), 400)
        refused(daemon.put("sys/rekey/update", {"slot": word, "nonce": nonce, "keep": [unlock] * 8}), 400)
        done = daemon.put("sys/rekey/update", {"slot": word, "nonce": nonce, "keep": [unlock]}).json
        same((done["complete"], done["keys"]), (True, []))
        same([(s["id"], s["type"], s["label"]) for s in daemon.get("sys/slots").data["slots"]],
             [(0, "passphrase", "team"), (1, "key_file", "")])
        seal(daemon)
        refused(daemon.put("sys/unseal", {"slot": gone}), 400)
        same(daemon.put("sys/unseal", {"slot": word}).json["sealed"], False)
        seal(daemon)
        same(daemon.unseal().json["sealed"], False)
        # from a key to one new key, as Vault's clients do it
        nonce = daemon.put("sys/rekey/init", {"secret_shares": 1, "secret_threshold": 1}).json["nonce"]
        done = daemon.put("sys/rekey/update", {"key": base64.b64decode(daemon.slot_key()).hex(), "nonce": nonce}).json
        same((len(done["keys"]), len(bytes.fromhex(done["keys"][0]))), (1, 32))
        seal(daemon)
        refused(daemon.unseal(), 400)
        same(daemon.put("sys/unseal", {"key": done["keys"][0]}).json["sealed"], False)
        refused(daemon.get("sys/rekey/backup"), 404)
        same(daemon.request("DELETE", "sys/rekey/backup").status, 204)


# -- a root token, keys ----------------------------------------------------------------------------------------------


def token_of(encoded, otp):
    raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(raw, otp.encode())).decode()


def test_generate_root():
    with shared(3, 2) as (daemon, made):
        old, daemon.token = daemon.token, ""		# the machine's owner begins without one
        start = daemon.put("sys/generate-root/attempt", {}).json
        same((start["started"], start["progress"], start["required"], start["otp_length"], len(start["otp"])), (True, 0, 2, 57, 57))
        refused(daemon.put("sys/generate-root/attempt", {}), 400, "already in progress")
        same(daemon.get("sys/generate-root/attempt").json["otp"], "")
        refused(daemon.put("sys/generate-root/update", {"key": made["shares"][0], "nonce": "x"}), 400, "nonce")
        same(daemon.put("sys/generate-root/update", {"key": made["shares"][0], "nonce": start["nonce"]}).json["progress"], 1)
        done = daemon.put("sys/generate-root/update", {"key": made["shares"][2], "nonce": start["nonce"]}).json
        same((done["complete"], done["encoded_token"] == done["encoded_root_token"]), (True, True))
        token = token_of(done["encoded_token"], start["otp"])
        same(daemon.get("auth/token/lookup-self", token=token).data["policies"], ["root"])
        same(daemon.get("auth/token/lookup-self", token=old).status, 200)
        assert token not in daemon.log() and start["otp"] not in daemon.log()
        # with one's own pad, and cancelled
        for otp in ("short", "x" * 58, 7):
            refused(daemon.put("sys/generate-root/attempt", {"otp": otp}), 400)
        start = daemon.put("sys/generate-root/attempt", {"otp": "o" * 57}).json
        same(start["otp"], "")
        same(daemon.request("DELETE", "sys/generate-root/attempt").status, 204)
        refused(daemon.put("sys/generate-root/update", {"key": made["shares"][0], "nonce": start["nonce"]}), 400,
                "no root generation")
    with vault.personal() as daemon:
        start = daemon.put("sys/generate-root/attempt", {}).json
        slot = {"type": "key_file", "key": daemon.slot_key()}
        done = daemon.put("sys/generate-root/update", {"slot": slot, "nonce": start["nonce"]}).json
        same(daemon.get("auth/token/lookup-self", token=token_of(done["encoded_token"], start["otp"])).data["policies"], ["root"])


def test_rotate():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        before = daemon.get("sys/key-status").json
        same((before["term"], before["data"]["term"]), (1, 1))
        same(daemon.put("sys/rotate", None).status, 204)
        same(daemon.get("sys/key-status").data["term"], 2)
        same(daemon.get("sys/rotate/config").data["enabled"], False)
        same(daemon.read("shop"), {"A": "1"})
        daemon.kill()
        daemon.start()
        same(daemon.unseal().json["sealed"], False)
        same(daemon.read("shop"), {"A": "1"})


# -- envctl ---------------------------------------------------------------------------------------------------------------


def shares_in(text):
    return [line.split(": ")[1] for line in text.split("\n") if line.startswith("Share ")]


def test_envctl_with_shares():
    with vault.Daemon() as daemon:
        daemon.start()
        for wrong in (["--shares", "5"], ["--shares", "1-of-1"], ["--shares", "1-of-3"], ["--shares", "4-of-3"], ["--shares", "2-of-17"],
                      ["--shares", "x"], ["--threshold", "3"], ["--shares", "2-of-3", "--threshold", "2"], ["--shares", "999999999999"],
                      ["--shares", "2-of-3", "--passphrase"], ["--shares", "2-of-3", "--key-file", "k"], ["--shares", "3-of-5x"]):
            daemon.envctl("init", *wrong, check=64)
        for wrong, sentence in (("4-of-3", "envctl: 4 of them cannot be needed where there are 3; --shares 3-of-5: any 3 of 5"), ("5", "how many of the 5 shares are needed is not said"),
                                ("2-of-17", "at most 16 shares can be made, not 17"), ("1-of-3", "at least 2 shares must be needed")):
            done = daemon.envctl("init", "--shares", wrong, check=64)
            assert sentence in done.stderr and "any 3 of 5 shares open the vault" in done.stderr, done
        out = daemon.envctl("init", "--shares", "3", "--threshold", "2", check=0)
        shares = shares_in(out.stdout)
        same((len(shares), "Root token: vlt_adm_" in out.stdout, "any 2 of the 3" in out.stderr), (3, True, True))
        daemon.envctl("set", "shop", "A", "-", stdin="kept", check=0)
        daemon.envctl("seal", check=0)
        assert "no share was given; 0 of 2 are there" in daemon.envctl("unseal", check=2).stderr
        told = daemon.envctl("unseal", "--passphrase", stdin="x\n", check=4).stderr
        assert "no slot is opened by this kind of secret" in told and "what opens the vault is shares (envctl unseal --share" in told, told
        done = daemon.envctl("unseal", stdin=shares[2] + "\n", check=2)
        assert "1 of 2 shares are given" in done.stderr, done
        assert "2 of 3 needed, 1 given" in daemon.envctl("status", check=2).stdout
        assert "given already" in daemon.envctl("unseal", stdin=shares[2] + "\n", check=4).stderr
        assert "typing mistake" in daemon.envctl("unseal", "--share", stdin=flip(shares[0]) + "\n", check=4).stderr
        daemon.envctl("unseal", "--reset", check=0)
        assert "0 given" in daemon.envctl("status", check=2).stdout
        daemon.envctl("unseal", stdin=f"\n{shares[0].upper()}\r\n\n{shares[1]}\n", check=0)
        same(daemon.envctl("get", "shop", "A", check=0).stdout, "kept")
        # a slot for the machine, with two shares as the proof
        key = daemon.home + "/machine.key"
        daemon.envctl("slots", "add", "--key-file", key, "--label", "machine", "--unlock-shares-file", "-",
                      stdin="\n".join(shares[:2]) + "\n", check=0)
        listed = daemon.envctl("slots", "list", check=0).stdout
        assert "shares 2-of-3" in listed and "key file" in listed and "machine" in listed, listed
        out = daemon.envctl("slots", "change", "0", "--shares", "2-of-2", "--unlock-key-file", key, check=0)
        newer = shares_in(out.stdout)
        same(len(newer), 2)
        daemon.envctl("seal", check=0)
        assert "newer shares" in daemon.envctl("unseal", stdin=shares[0] + "\n", check=4).stderr
        daemon.envctl("unseal", "--key-file", key, check=0)
        daemon.envctl("seal", check=0)
        daemon.envctl("unseal", stdin="\n".join(newer), check=0)
        for share in shares + newer:
            assert share[5:30] not in daemon.log()


def test_envctl_slots():
    with vault.Daemon() as daemon:
        daemon.start()
        word = daemon.home + "/word"
        with open(word, "w", encoding="utf-8") as out:
            out.write("correct horse\n")
        os.chmod(word, 0o600)
        key = daemon.home + "/vault.key"
        daemon.envctl("init", "--passphrase-file", word, "--key-file", key, "--token-output", daemon.home + "/root", check=0)
        assert "passphrase and key file" in daemon.envctl("slots", "list", check=0).stdout
        daemon.envctl("seal", check=0)
        daemon.envctl("unseal", "--key-file", key, check=4)
        told = daemon.envctl("unseal", "--passphrase-file", word, check=4).stderr
        assert "what opens the vault is --key-file FILE --passphrase" in told, told
        daemon.envctl("unseal", "--passphrase-file", word, "--key-file", key, check=0)
        both = ["--unlock-passphrase-file", word, "--unlock-key-file", key]
        daemon.envctl("slots", "add", "--passphrase", "--label", "team", *both, stdin="battery\n", check=0)
        told = daemon.envctl("slots", "add", "--passphrase", stdin="battery\n", check=64).stderr
        assert "--passphrase-file FILE" in told and "--unlock-passphrase-file FILE" in told, told
        made = daemon.envctl("slots", "add", "--shares", "2-of-3", "--json", *both, check=0)
        same(len(json.loads(made.stdout)["shares"]), 3)
        daemon.envctl("slots", "change", "1", "--passphrase-file", "-", *both, stdin="staple\n", check=0)
        daemon.envctl("slots", "remove", "2", "--unlock-passphrase-file", "-", stdin="staple\n", check=0)
        daemon.envctl("slots", "remove", "0", stdin="staple\n", check=0)
        assert "last slot" in daemon.envctl("slots", "remove", "1", stdin="staple\n", check=1).stderr
        daemon.envctl("slots", "remove", "0", stdin="staple\n", check=3)
        for wrong in (["add"], ["add", "--passphrase-file", "-", "--unlock-shares-file", "-"], ["remove"], ["remove", "8"],
                      ["change", "x"], ["add", "--unlock-credential", "a", "--unlock-key-file", key]):
            daemon.envctl("slots", *wrong, stdin="staple\n", check=64)
        daemon.envctl("seal", check=0)
        daemon.envctl("unseal", stdin="staple\n", check=0)


def test_what_did_not_open_is_called_by_its_name():
    """A passphrase is no key, and a share is no passphrase; what is given is never repeated."""
    with vault.Daemon() as daemon:
        daemon.start()
        files = {name: os.path.join(daemon.dir, name) for name in ("empty", "other", "good", "wrong")}
        for name, content in (("empty", b""), ("other", b"o" * 32), ("good", b"correct horse\n"), ("wrong", b"not-the-horse\n")):
            with open(files[name], "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                out.write(content)
        done = daemon.envctl("init", "--key-file", files["empty"], check=1)
        assert "is empty; a key file has 32 to 65536 bytes, and is made when it is missing" in done.stderr, done
        daemon.envctl("init", "--passphrase-file", files["good"], check=0)
        daemon.envctl("slots", "add", "--key-file", daemon.key_file, "--unlock-passphrase-file", files["good"], check=0)
        daemon.envctl("slots", "add", "--shares", "2-of-3", "--unlock-passphrase-file", files["good"], check=0)
        daemon.envctl("seal", check=0)
        for words, code, stdin, sentence in (
                (("--passphrase-file", files["wrong"]), 4, None, "the slot did not open: the passphrase is wrong\n"),
                (("--key-file", files["other"]), 4, None, "the slot did not open: the key or key file is not the one that it was made with\n"),
                (("--key-file", files["empty"]), 1, None, "is empty; a key file has 32 to 65536 bytes: is it the right one?"),
                (("--share",), 4, "not-the-horse\n", "this is no share: a share is a text vls1-...")):
            done = daemon.envctl("unseal", *words, stdin=stdin, check=code)
            assert sentence in done.stderr and "not-the-horse" not in done.stderr, (words, done)


if __name__ == "__main__":
    vault.main(globals())
