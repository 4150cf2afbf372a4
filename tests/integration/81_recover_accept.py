#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""What a start refuses, and what `vaultd recover accept` makes of it: rollback, fork, a missing anchor, lost records."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import vault  # noqa: E402

CONFIG = 'anchor = "DIR/anchor"\nanchor_mode = "strict"\n'


def recover(daemon, *words, code=0, sentence="", key=True):
    done = subprocess.run([vault.VAULTD, "recover", *words, *(["--key-file", daemon.key_file] if key else [])], env=daemon.environment(), cwd=daemon.dir,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True)
    assert done.returncode == code and sentence in done.stdout + done.stderr, (words, code, sentence, done)
    return done


def look(daemon, *words):
    report = json.loads(recover(daemon, "accept", "--json", *words).stdout)
    assert report["accepted"] is False, report
    return report


def refused(daemon, sentence, name):
    """The daemon starts, and its unseal says this, to a person what to do as well."""
    daemon.start()
    answer = daemon.unseal()
    assert answer.status == 500 and sentence in answer.errors[0] and answer.json["code"] == name, answer
    done = daemon.envctl("unseal", "--key-file", daemon.key_file, check=65)
    assert sentence in done.stderr and "vaultd recover accept --help" in done.stderr, done.stderr
    daemon.stop()


def opens(daemon):
    daemon.start()
    answer = daemon.unseal()
    assert answer.status == 200, (answer, daemon.log()[-1500:])


def keep(daemon, name):
    shutil.copytree(daemon.data, os.path.join(daemon.dir, name))


def put_back(daemon, name):
    shutil.rmtree(daemon.data)
    shutil.copytree(os.path.join(daemon.dir, name), daemon.data)


def test_a_directory_that_was_put_back():
    with vault.personal(config=CONFIG) as daemon:
        daemon.write("shop", {"A": "old"})
        daemon.stop()
        keep(daemon, "old")
        opens(daemon)
        daemon.write("shop", {"A": "new"})
        revoked = daemon.put("auth/token/create", {"policies": ["root"]}, token=daemon.root_token).json["auth"]["client_token"]
        daemon.stop()
        keep(daemon, "new")
        put_back(daemon, "old")
        refused(daemon, "was rolled back", "rollback")
        # it says what it found and what to type, and changes nothing
        said = recover(daemon, "accept").stdout
        report = look(daemon)
        assert "was rolled back" in report["refused"] and report["anchor_counter"] > report["counter"], report
        assert f"--expect={report['counter']}" in said and str(report["anchor_counter"]) in said, said
        recover(daemon, "accept", "--expect", str(report["counter"] + 1), code=1, sentence="nothing was changed")
        refused(daemon, "was rolled back", "rollback")
        done = recover(daemon, "accept", f"--expect={report['counter']}")
        assert "another history" in done.stdout and "event=accepted" in done.stderr, done
        opens(daemon)
        assert daemon.read("shop") == {"A": "old"}
        # nobody comes in with what may have been revoked
        for token in (daemon.root_token, revoked):
            assert daemon.get("auth/token/lookup-self", token=token).status == 403
        made = daemon.put("auth/token/create", {"policies": ["root"]}).json["auth"]["client_token"]
        assert daemon.get("auth/token/lookup-self", token=made).status == 200
        daemon.stop()
        # what was given up is a fork now, and may be accepted instead
        put_back(daemon, "new")
        refused(daemon, "another history", "fork")
        report = look(daemon)
        assert json.loads(recover(daemon, "accept", "--json", "--keep-tokens", "--expect", str(report["counter"])).stdout)["new_counter"] > report["anchor_counter"]
        opens(daemon)
        assert daemon.read("shop") == {"A": "new"}
        assert daemon.get("auth/token/lookup-self", token=daemon.root_token).status == 200


def test_an_anchor_that_is_gone():
    with vault.personal(config=CONFIG) as daemon:
        daemon.write("shop", {"A": "1"})
        daemon.stop()
        anchor = os.path.join(daemon.dir, "anchor")
        os.unlink(anchor)
        refused(daemon, "anchor", "anchor_missing")
        report = look(daemon)
        assert report["anchor_counter"] == 0 and not os.path.exists(anchor), report
        assert "missing" in recover(daemon, "accept").stdout
        recover(daemon, "accept", "--expect", str(report["counter"]))
        opens(daemon)
        assert daemon.read("shop") == {"A": "1"} and os.path.exists(anchor)


def test_an_anchor_whose_directory_is_missing():
    """Told at the start, which needs no vault yet; nothing was made then, and once it is there everything goes on."""
    with vault.Daemon(config='anchor = "DIR/place/anchor"\n') as daemon:
        place = os.path.join(daemon.dir, "place")
        sentence = f"the directory {place} of the anchor does not exist: make it (mkdir -p {place})"
        assert daemon.start(expect_exit=True) == 78 and sentence in daemon.log(), daemon.log()
        assert not os.path.exists(daemon.data) and not os.path.exists(place)
        os.mkdir(place, 0o700)
        daemon.start().init()
        assert os.path.getsize(os.path.join(place, "anchor")) == 8192
        daemon.stop()
        os.rename(place, place + "-moved")
        assert daemon.start(expect_exit=True) == 78
        os.rename(place + "-moved", place)
        opens(daemon)


def test_a_vault_that_has_no_anchor_any_more():
    with vault.personal(config=CONFIG) as daemon:
        daemon.write("shop", {"A": "1"})
        daemon.stop()
        with open(daemon.config, "w", encoding="utf-8"):
            pass
        refused(daemon, "none is configured", "anchor_missing")
        recover(daemon, "accept", "--expect", str(look(daemon)["counter"]))
        opens(daemon)
        assert daemon.read("shop") == {"A": "1"}


def test_of_a_healthy_store_there_is_nothing_to_accept():
    with vault.personal(config=CONFIG) as daemon:
        daemon.write("shop", {"A": "1"})
        daemon.stop()
        said = recover(daemon, "accept", sentence="there is nothing to accept").stdout
        assert "--expect" not in said, said
        report = look(daemon)
        assert report["refused"] == "" and report["lost"] == [], report
        # who insists gets another history, and is told that it was not needed
        said = recover(daemon, "accept", "--expect", str(report["counter"]), sentence="accepted all the same").stdout
        assert "another history" in said, said
        opens(daemon)
        assert daemon.read("shop") == {"A": "1"}


def test_it_needs_the_directory_and_what_opens_it():
    with vault.personal() as daemon:
        daemon.write("shop", {"A": "1"})
        recover(daemon, "accept", code=75, sentence="another vaultd uses")
        daemon.stop()
        recover(daemon, "accept", code=64, sentence="--key-file FILE", key=False)
        wrong = os.path.join(daemon.home, "wrong.key")
        with os.fdopen(os.open(wrong, os.O_CREAT | os.O_WRONLY, 0o400), "wb") as out:
            out.write(os.urandom(32))
        recover(daemon, "accept", "--key-file", wrong, code=4, key=False)
        # such attempts count, as at an unseal
        for _ in range(4):
            recover(daemon, "accept", "--key-file", wrong, code=4, key=False)
        recover(daemon, "accept", code=75)
    with vault.Daemon() as daemon:
        recover(daemon, "accept", code=2, sentence="there is no vault in", key=False)
        recover(daemon, "repair", code=64, sentence="vaultd recover accept", key=False)
        recover(daemon, code=64, key=False)
        assert "--expect COUNTER" in recover(daemon, "--help", key=False).stdout


def test_root_becomes_the_owner_of_the_data():
    if os.geteuid() != 0:
        return "needs root"
    with vault.personal(config=CONFIG) as daemon:
        daemon.write("shop", {"A": "1"})
        daemon.stop()
        anchor = os.path.join(daemon.dir, "anchor")
        os.unlink(anchor)
        for folder in (daemon.dir, daemon.home, os.path.dirname(daemon.data)):
            os.chmod(folder, 0o711)
        os.chown(daemon.dir, 4242, 4243)    # where the anchor is made
        for path in (daemon.data, *(os.path.join(daemon.data, name) for name in os.listdir(daemon.data))):
            os.chown(path, 4242, 4243)
        recover(daemon, "accept", "--expect", str(look(daemon)["counter"]))    # with a key file that only root may read
        for path in (anchor, *(os.path.join(daemon.data, name) for name in os.listdir(daemon.data))):
            assert (os.stat(path).st_uid, os.stat(path).st_gid) == (4242, 4243), path


def overflow_pages(path):
    """Where values of several pages begin: revisions, as nothing else here is so large."""
    data = open(path, "rb").read()
    return [at for at in range(0, len(data), 4096) if int.from_bytes(data[at + 10:at + 12], "little") == 4
            and int.from_bytes(data[at:at + 8], "little") == at // 4096]


def test_a_lost_revision_is_dropped_only_when_asked_for():
    with vault.personal() as daemon:
        daemon.write("sound", {"A": "1"})
        daemon.write("shop", {"A": os.urandom(9000).hex()})
        daemon.write("shop", {"A": "second"})
        daemon.stop()
        path = os.path.join(daemon.data, "vault.db")
        with open(path, "r+b") as file:
            for at in overflow_pages(path):
                file.seek(at + 6000)
                byte = file.read(1)
                file.seek(at + 6000)
                file.write(bytes([byte[0] ^ 1]))
        report = look(daemon)
        assert report["refused"] == "" and report["lost"] == [], report
        # a start does not open revisions; an accept opens everything
        done = recover(daemon, "accept", "--expect", str(report["counter"]), code=65, sentence="--accept-loss")
        report = look(daemon, "--accept-loss")
        assert len(report["lost"]) == 1 and "revision 1 of the environment" in report["lost"][0], report
        opens(daemon)   # nothing was dropped so far
        assert daemon.get("secret/data/shop?version=1").status == 500
        daemon.stop()
        report = look(daemon, "--accept-loss")
        done = recover(daemon, "accept", "--accept-loss", "--expect", str(report["counter"]))
        assert "lost: revision 1" in done.stdout and "1 lost" in done.stderr, done
        opens(daemon)
        assert daemon.get("secret/data/shop?version=1").status == 404
        assert daemon.get("secret/metadata/shop").data["versions"]["1"]["destroyed"] is True
        assert daemon.read("shop") == {"A": "second"} and daemon.read("sound") == {"A": "1"}
        daemon.envctl("backup", "-q", "-o", os.path.join(daemon.dir, "b"), check=0)


vault.main(globals(), "recover:")
