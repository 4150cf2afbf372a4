#!/usr/bin/env python3
"""envctl login, logout, whoami, token, policy, unwrap: who one is for the vault, and who may what."""
# tier: quick
# sanitized: yes
import json
import os
import re
import signal
import stat
import subprocess
import time

from envctl_story import ENVCTL, case, run_cases


def kept(story):
    return os.path.join(story.home, "state", "envctl", "token")


@case
def whoami_by_user_id_and_by_token(story):
    mine = story.json_of("whoami", "--json")
    assert mine["means"] == "peer" and mine["server"] == "unix://" + story.socket, mine
    assert mine["display_name"] == f"uid-{os.geteuid()}" and "root" in mine["policies"], mine
    shown = story.good("whoami").out
    assert f"your user id {os.geteuid()}, without a token" in shown and "accessor" not in shown, shown
    token = {"VAULT_TOKEN": story.root}
    theirs = story.json_of("whoami", "--json", env=token)
    assert theirs["means"] == "token" and theirs["source"] == "the token of VAULT_TOKEN", theirs
    out = story.good("whoami", env=token)
    assert "the token of VAULT_TOKEN" in out.out and "never ends" in out.out, out
    assert story.root not in out.out + out.err and story.root not in str(theirs)
    story.bad(4, "the token of VAULT_TOKEN is not accepted", "whoami", env={"VAULT_TOKEN": "vlt_nobody"})


@case
def login_keeps_only_what_the_vault_knows(story):
    out = story.bad(4, "nothing was kept", "login", stdin="vlt_wrong\n")
    assert "vlt_wrong" not in out.err and not os.path.exists(kept(story))
    story.bad(1, "is empty", "login", stdin="\n")
    out = story.bad(1, "one word", "login", stdin="two words\n")
    assert "two words" not in out.err
    out = story.good("login", "--no-store", stdin=story.root + "\n")
    assert "policies: root" in out.err and out.out == "" and not os.path.exists(kept(story)), out
    out = story.good("login", stdin=story.root + "\nmore\n")
    assert story.root not in out.out + out.err
    with open(kept(story)) as handle:
        assert handle.read() == story.root + "\n"
    assert stat.S_IMODE(os.stat(kept(story)).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(kept(story))).st_mode) == 0o700
    assert story.json_of("whoami", "--json")["source"].startswith("the token of the file envctl/token")
    story.good("set", "a", "B=1")
    assert os.listdir(os.path.dirname(kept(story))) == ["token"]


@case
def login_from_a_file_and_a_terminal(story):
    path = story.path("token")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644), "w") as handle:
        handle.write(story.root + "\n")
    story.bad(77, path, "login", "--token-file", path)
    os.chmod(path, 0o600)
    assert story.json_of("login", "--token-file", path, "--json") == {"display_name": "root", "stored": True}
    os.remove(kept(story))
    shown = story.terminal("login", answers=[("Token: ", story.root + "\n")])
    assert story.root not in shown and os.path.exists(kept(story)), shown
    out = story.good("login", stdin=story.root + "\n", env={"VAULT_TOKEN": "vlt_other"})
    assert "VAULT_TOKEN is set and counts before" in out.err, out


@case
def a_loose_file_is_not_used(story):
    story.good("login", stdin=story.root + "\n")
    os.chmod(kept(story), 0o644)
    story.bad(77, "envctl/token", "whoami")
    story.good("login", stdin=story.root + "\n")
    assert stat.S_IMODE(os.stat(kept(story)).st_mode) == 0o600
    os.remove(kept(story))
    os.symlink(story.path("elsewhere"), kept(story))
    story.good("login", stdin=story.root + "\n")
    assert not os.path.exists(story.path("elsewhere")) and not os.path.islink(kept(story))


@case
def logout_forgets(story):
    assert "no token to remove" in story.good("logout").err
    story.good("login", stdin=story.root + "\n")
    assert "not kept any more" in story.good("logout").err
    assert not os.path.exists(kept(story))
    assert story.json_of("whoami", "--json")["means"] == "peer"
    story.bad(78, "neither XDG_STATE_HOME nor HOME", "logout", env={"XDG_STATE_HOME": None, "HOME": None, "VAULT_ADDR": "unix://" + story.socket})


def as_token(token):
    return {"VAULT_TOKEN": token}


@case
def bad_options_ask_nobody(story):
    """Refused before anything is made."""
    nowhere = {"VAULT_ADDR": "unix:///nowhere", "VAULT_TOKEN": "vlt_x"}
    for words, sentence in ((["create", "--ttl", "soon"], "--ttl needs a duration"), (["create", "--ttl", "-1s"], "--ttl"),
                            (["create", "--uses", "0"], "--uses needs"), (["create", "--type", "x"], "service or batch"),
                            (["create", "--meta", "novalue"], "NAME=VALUE"), (["create", "--field", "x"], "--field names one of: token"),
                            (["create", "--field", "token", "--json"], "one of --field and --json"),
                            (["create", "--role", "a/b"], "--role"), (["create", "--role", "a", "--orphan"], "--orphan"),
                            (["create", "--wrap-ttl", "0"], "--wrap-ttl"), (["lookup", "--accessor", "a b"], "--accessor"),
                            (["lookup", "-", "--accessor", "a"], "one of"), (["renew", "--increment", "x"], "--increment"),
                            (["revoke"], "--self, --accessor and -"), (["revoke", "--self", "--accessor", "x"], "one of"),
                            (["revoke", "--self", "--orphan"], "--orphan needs"), (["lookup", "a", "b"], "no more")):
        story.bad(64, sentence, "token", *words, env=nowhere)
    story.bad(1, "--policy", "token", "create", "--policy", "a/b", env=nowhere)
    out = story.bad(64, "others can see a token", "token", "lookup", "vlt_svc_secret", env=nowhere)
    assert "vlt_svc_secret" not in out.err
    story.bad(64, "you have no token", "token", "revoke", "--self")
    story.bad(1, "is empty", "token", "revoke", "-", stdin="")


# -- policies -----------------------------------------------------------------

SHOP = 'path "secret/data/shop/*" { capabilities = ["read", "list"] }\npath "secret/data/shop/private" { capabilities = ["deny"] }\n'


@case
def policies_are_kept_as_they_were_written(story):
    path = story.path("shop.hcl")
    with open(path, "w") as handle:
        handle.write(SHOP)
    assert "policy shop is written" in story.good("policy", "write", "shop", path).err
    assert story.good("policy", "read", "shop").out == SHOP
    assert story.json_of("policy", "read", "shop", "--json") == {"name": "shop", "policy": SHOP}
    assert story.good("policy", "list").out.split() == ["default", "shop", "root"]
    assert "shop" in story.json_of("policy", "list", "--json")
    story.good("policy", "delete", "shop")
    story.bad(3, "policy shop", "policy", "read", "shop")
    out = story.bad(1, "line 2", "policy", "write", "bad", "-", stdin='path "a" { capabilities = ["read"] }\npath "b" { capabilities = ["fly"] }\n')
    assert "column" in out.err, out
    story.bad(1, "", "policy", "write", "root", path)
    story.bad(1, "a policy's name", "policy", "write", "../x", path)
    story.bad(3, "", "policy", "write", "x", story.path("missing"))
    story.bad(1, "not UTF-8", "policy", "write", "x", "-", stdin=b"\xff")
    story.bad(1, "", "policy", "write", "x", "-", stdin="# " + "x" * 70000)
    large = "#" + "\n" * 60000 + SHOP
    story.good("policy", "write", "large", "-", stdin=large)
    assert story.good("policy", "read", "large").out == large


@case
def policies_are_explained(story):
    story.good("policy", "write", "shop", "-", stdin=SHOP)
    out = story.good("policy", "explain", "/v1/secret/data/shop/a", "read", "--policy", "shop")
    assert "allowed: read on secret/data/shop/a" in out.out and re.search(r"^deciding rule +secret/data/shop/\*  \[list, read\]$", out.out, re.M), out
    assert "of policy       shop  [" in out.out, out
    out = story.envctl("policy", "explain", "secret/data/shop/a", "update", "--policy", "shop")
    assert out.code == 4 and "denied: update on" in out.out and "nearest rule" in out.out, out
    story.bad(4, "", "policy", "explain", "secret/data/shop/private", "read", "--policy", "shop")
    got = story.envctl("policy", "explain", "secret/data/other", "read", "--policy", "shop", "--json")
    assert got.code == 4 and json.loads(got.out)["allowed"] is False, got
    out = story.good("policy", "explain", "secret/data/shop/a", "delete", "--token", stdin=story.root + "\n", env=as_token(story.root))
    assert "allowed: delete" in out.out and story.root not in out.out + out.err, out
    quiet = story.good("policy", "explain", "secret/data/shop/a", "read", "--quiet", env=as_token(story.root))
    assert quiet.out == "" and quiet.err == "", quiet
    story.bad(64, "one of --policy and --token", "policy", "explain", "a", "read", "--policy", "x", "--token")
    story.bad(1, "capability must be one of", "policy", "explain", "secret/data/a", "fly")
    story.bad(1, "path", "policy", "explain", "a//b", "read")


@case
def completion_knows_the_vault(story):
    """Names of environments and policies, groups of verbs; within a second or not at all."""
    story.good("set", "shop/production", "A=1")
    script = story.good("completion", "bash").out

    def complete(line):
        words = line.split(" ")
        run = (f"{script}\nCOMP_WORDS=({' '.join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; _envctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        path = os.path.dirname(ENVCTL) + ":" + story.env["PATH"]
        done = subprocess.run(["bash", "-c", run], env={**story.env, "PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
        assert done.stderr == "", done.stderr
        return done.stdout.split()

    assert complete("envctl get sh") == ["shop/production"]
    assert complete("envctl tok") == ["token"]
    assert complete("envctl token ") == ["create", "lookup", "renew", "revoke"]
    assert "settings" in complete("envctl env ")
    assert complete("envctl policy read ") == ["default", "root"]
    assert complete("envctl policy read def") == ["default"]
    assert complete("envctl token create --policy def") == ["default"]
    assert "--explicit-max-ttl" in complete("envctl token create --e")
    os.kill(story.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert complete("envctl get sh") == [] and time.monotonic() - started < 5
    finally:
        os.kill(story.process.pid, signal.SIGCONT)


@case
def a_sealed_vault(story):
    story.good("seal")
    story.bad(2, "sealed", "whoami")
    story.bad(2, "nothing was kept", "login", stdin=story.root + "\n")


run_cases()
