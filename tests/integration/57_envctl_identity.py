#!/usr/bin/env python3
"""envctl login, logout, whoami, token, policy, unwrap: who one is for the vault, and who may what."""
# tier: quick
# sanitized: yes
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

from envctl_story import ENVCTL, bare_case, case, fake_server, run_cases


def kept(story):
    return os.path.join(story.home, "state", "envctl", "tokens", "unix:%2F%2F" + story.socket.replace("/", "%2F"))


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
    assert story.json_of("whoami", "--json")["source"]== "the token that `envctl login` has kept for this address"
    story.good("set", "a", "B=1")
    assert os.listdir(os.path.dirname(kept(story))) == [os.path.basename(kept(story))]


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
    story.bad(77, kept(story), "whoami")
    story.good("login", stdin=story.root + "\n")
    assert stat.S_IMODE(os.stat(kept(story)).st_mode) == 0o600
    os.chmod(os.path.dirname(kept(story)), 0o777)
    story.bad(77, "others may write to it; run: chmod go-w " + os.path.dirname(kept(story)), "whoami")
    os.chmod(os.path.dirname(kept(story)), 0o700)
    os.remove(kept(story))
    os.symlink(story.path("elsewhere"), kept(story))
    story.good("login", stdin=story.root + "\n")
    assert not os.path.exists(story.path("elsewhere")) and not os.path.islink(kept(story))


@case
def logout_forgets(story):
    assert f"no token for unix://{story.socket} to remove" in story.good("logout").err
    story.good("login", stdin=story.root + "\n")
    assert "not kept any more" in story.good("logout").err
    assert not os.path.exists(kept(story))
    assert story.json_of("whoami", "--json")["means"] == "peer"
    story.bad(78, "neither XDG_STATE_HOME nor HOME", "logout", env={"XDG_STATE_HOME": None, "HOME": None, "VAULT_ADDR": "unix://" + story.socket})


class Recorder:
    """A server that keeps what it is sent, on loopback or at a socket, and knows every token."""

    BODY = b'{"data": {"keys": ["seen/"], "display_name": "seen", "policies": []}}'

    def __init__(self, path=None):
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(path or ("127.0.0.1", 0))
        self.listener.listen(8)
        self.address = "unix://" + path if path else f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.heard = b""
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        while True:
            connection, _ = self.listener.accept()
            self.heard += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(self.BODY), self.BODY))
            connection.close()


@case
def a_kept_token_is_sent_to_its_own_address_only(story):
    story.good("login", stdin=story.root + "\n")
    others = [Recorder(story.path("other.sock")), Recorder()]
    for other in others:
        story.good("list", "--address", other.address)
        story.good("list", env={"VAULT_ADDR": other.address})
        story.good("logout", "--revoke", "--address", other.address)
        assert b"/v1/" in other.heard and b"x-vault-token" not in other.heard.lower() and story.root.encode() not in other.heard, other.heard
    for other, token in zip(others, ("vlt_first", "vlt_second")):
        story.good("login", "--address", other.address, stdin=token)
    for other, token, foreign in zip(others, ("vlt_first", "vlt_second"), ("vlt_second", "vlt_first")):
        other.heard = b""
        story.good("list", "--address", other.address)
        assert token.encode() in other.heard and foreign.encode() not in other.heard and story.root.encode() not in other.heard, other.heard
    assert story.json_of("whoami", "--json")["means"] == "token"
    story.good("logout", "--address", others[1].address)
    assert len(os.listdir(os.path.dirname(kept(story)))) == 2 and os.path.exists(kept(story))


@case
def a_token_of_before_is_sent_nowhere(story):
    """One was kept for all vaults, and nothing says which one it is of."""
    path, other = story.path("state/envctl/token"), Recorder()
    for ending in ("login", "logout"):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as handle:
            handle.write(story.root + "\n")
        for words, place in ((["list"], {"VAULT_ADDR": other.address}), (["list", "--address", other.address], {})):
            out = story.good(*words, env=place)
            where = "" if place else f" --address {other.address}"
            warning = f"if it is this vault's, `envctl login --token-file '{path}'{where}` keeps it; `envctl logout{where}` removes it"
            assert out.err.count(path + " holds a token") == 1 and warning in out.err and b"/v1/" in other.heard, out
            assert story.root not in out.err and b"x-vault-token" not in other.heard.lower() and story.root.encode() not in other.heard, (out, other.heard)
        out = story.good("logout", "--revoke", "--address", other.address)
        assert "there was no token" in out.err and os.path.exists(path), out
        assert "earlier" not in story.good("list", env={"VAULT_TOKEN": story.root}).err
        assert json.loads(story.good("list", "--json").err.splitlines()[0])["warning"]["message"].startswith(path)
        assert story.json_of("whoami", "--json")["means"] == "peer"
        out = story.good(ending, *(["--token-file", path] if ending == "login" else []))
        assert not os.path.exists(path)
        assert ending == "login" or f"the token of an earlier envctl, {path}, is not kept any more" in out.err, out
        assert story.json_of("whoami", "--json")["means"] == ("token" if ending == "login" else "peer")
        story.good("list", env={"VAULT_ADDR": other.address})
        assert story.root.encode() not in other.heard
        story.good("logout")


@case
def a_token_of_before_keeps_nobody_out(story):
    """Who is let in by his user id can open, look at and close his vault; what needs no token does not speak of one."""
    path = story.path("state/envctl/token")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as handle:
        handle.write("vlt_other\n")
    assert path in story.good("seal").err
    assert path not in story.envctl("status").err
    assert path not in story.good("unseal", "--passphrase", stdin="correct horse\n").err
    assert path not in story.good("status").err
    story.good("login", stdin=story.root + "\n")
    assert path not in story.good("list").err
    out = story.good("logout")
    assert f"the token for unix://{story.socket} is not kept" in out.err and os.path.exists(path), out
    long_host = "https://" + "a" * 240
    out = story.good("logout", "--revoke", "--address", long_host)
    assert "there was no token" in out.err and os.path.exists(path), out
    out = story.good("logout", "--address", long_host)
    assert path in out.err and not os.path.exists(path), out
    deep = story.path(*(["d" * 200] * 4))
    os.makedirs(deep + "/envctl")
    with open(os.open(deep + "/envctl/token", os.O_CREAT | os.O_WRONLY, 0o600), "w") as handle:
        handle.write("vlt_other\n")
    out = story.good("list", env={"XDG_STATE_HOME": deep})
    assert "envctl/token, below XDG_STATE_HOME" in out.err and "dd" not in out.err, out


# -- tokens -------------------------------------------------------------------


def as_token(token):
    return {"VAULT_TOKEN": token}


@case
def tokens_are_made_and_shown(story):
    me = as_token(story.root)
    story.good("policy", "write", "shop", "-", stdin='path "secret/data/shop/*" { capabilities = ["read"] }\n')
    made = story.json_of("token", "create", "--policy", "shop", "--ttl", "15m", "--uses", "9", "--display-name", "web", "--meta", "team=a",
                         "--meta", "b=Grüße=1", "--explicit-max-ttl", "1h", "--json", env=me)
    assert made["policies"] == ["default", "shop"] and made["lease_duration"] == 900 and made["num_uses"] == 9, made
    assert made["metadata"] == {"team": "a", "b": "Grüße=1"} and made["token_type"] == "service" and made["orphan"] is False, made
    token = made["client_token"]
    seen = story.json_of("token", "lookup", "--accessor", made["accessor"], "--json", env=me)
    assert "id" not in seen and seen["display_name"] == "token-web" and seen["explicit_max_ttl"] == 3600, seen
    shown = story.good("token", "lookup", "-", stdin=token + "\n", env=me).out
    for line in (f"accessor +{made['accessor']}", "policies +default, shop", "ttl +1[45]m[0-9]+s", "meta +.*team=a", "renewable +yes", "name +token-web"):
        assert re.search("^" + line, shown, re.M), (line, shown)
    assert token not in shown
    assert story.good("token", "lookup", "--field", "policies", env=as_token(token)).out == "default,shop\n"
    assert story.json_of("whoami", "--json", env=as_token(token))["policies"] == ["default", "shop"]
    plain = story.good("token", "create", "--policy", "shop", "--no-default-policy", "--not-renewable", env=me).out
    assert re.search("^token +vlt_", plain, re.M) and re.search("^policies +shop$", plain, re.M) and re.search("^renewable +no$", plain, re.M), plain
    out = story.good("token", "create", "--policy", "no-such", "--field", "token", "--quiet", env=me)
    assert re.fullmatch(r"vlt_[a-z]+_[^\s]+\n", out.out), out
    orphan = story.json_of("token", "create", "--orphan", "--period", "1d", "--json", env=me)
    assert orphan["orphan"] is True and orphan["lease_duration"] == 86400, orphan


@case
def warnings_are_shown_and_cannot_act(story):
    body = json.dumps({"auth": {"client_token": "vlt_svc_x", "accessor": "a", "policies": ["p\u001b[31m"], "lease_duration": 0, "renewable": False},
                       "warnings": ["no policy \u001b]0;t\u0007 of that name"]}).encode()
    path = story.path("posing")
    pid = fake_server(path, [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body])
    out = story.good("token", "create", env={"VAULT_ADDR": "unix://" + path})
    os.waitpid(pid, 0)
    assert "warning: no policy" in out.err and "\u001b" not in out.out + out.err and "p\\x1b[31m" in out.out, out


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


@case
def tokens_are_renewed_and_revoked(story):
    me = as_token(story.root)
    parent = story.json_of("token", "create", "--ttl", "1h", "--json", env=me)
    mine = as_token(parent["client_token"])
    assert story.json_of("token", "renew", "--increment", "30m", "--json", env=mine)["lease_duration"] == 1800
    out = story.good("token", "renew", "-", stdin=parent["client_token"] + "\n", env=me)
    assert "ttl" in out.out and parent["client_token"] not in out.out + out.err, out
    story.good("token", "renew", "--accessor", parent["accessor"], "--field", "ttl", env=me)
    story.bad(1, "not renewable", "token", "renew", env=me)
    shown = story.terminal("token", "lookup", "-", answers=[("Token: ", parent["client_token"] + "\n")], env=me)
    assert parent["client_token"] not in shown and parent["accessor"] in shown, shown
    kids = [story.json_of("token", "create", "--policy", "root", "--json", env=me) for _ in range(4)]
    story.good("token", "revoke", "--accessor", kids[0]["accessor"], env=me)
    story.good("token", "revoke", "-", stdin=kids[1]["client_token"] + "\n", env=me)
    story.good("token", "revoke", "--self", env=as_token(kids[2]["client_token"]))
    for kid in kids[:3]:
        story.bad(4, "not accepted", "whoami", env=as_token(kid["client_token"]))
    grandchild = story.good("token", "create", "--field", "token", env=as_token(kids[3]["client_token"])).out.strip()
    story.good("token", "revoke", "-", "--orphan", stdin=kids[3]["client_token"] + "\n", env=me)
    story.good("whoami", env=as_token(grandchild))
    story.bad(1, "that accessor: ", "token", "lookup", "--accessor", kids[0]["accessor"], env=me)


@case
def logout_can_revoke(story):
    token = story.good("token", "create", "--ttl", "1h", "--field", "token", env=as_token(story.root)).out
    story.good("login", stdin=token)
    story.good("login", "--no-store", stdin=token)
    out = story.good("logout", "--revoke")
    assert "the token is revoked" in out.err and "not kept any more" in out.err and not os.path.exists(kept(story)), out
    story.bad(4, "nothing was kept", "login", stdin=token)
    # one that nobody knows any more needs no revocation; one that cannot be revoked stays
    with open(os.open(kept(story), os.O_CREAT | os.O_WRONLY, 0o600), "w") as handle:
        handle.write(token)
    away = os.path.join(os.path.dirname(kept(story)), "unix:%2F%2F%2Fnowhere")
    shutil.copy(kept(story), away)
    story.bad(5, "still kept", "logout", "--revoke", env={"VAULT_ADDR": "unix:///nowhere"})
    assert os.path.exists(away)
    story.good("logout", env={"VAULT_ADDR": "unix:///nowhere"})   # whom one cannot ask one can leave
    assert os.path.exists(kept(story)) and not os.path.exists(away)
    assert "not valid any more" in story.good("logout", "--revoke").err and not os.path.exists(kept(story))
    # nor is one forgotten that is valid, and may not be revoked by itself
    story.good("policy", "write", "shop", "-", stdin='path "secret/data/shop/*" { capabilities = ["read"] }\n', env=as_token(story.root))
    token = story.good("token", "create", "--ttl", "1h", "--policy", "shop", "--no-default-policy", "--field", "token", env=as_token(story.root)).out
    with open(os.open(kept(story), os.O_CREAT | os.O_WRONLY, 0o600), "w") as handle:
        handle.write(token)
    out = story.bad(4, "still kept", "logout", "--revoke")
    assert "revoke-self" in out.err and "not valid" not in out.err and os.path.exists(kept(story)), out
    story.good("token", "lookup", "-", stdin=token, env=as_token(story.root))
    story.good("logout")


@case
def wrapped_once(story):
    me = as_token(story.root)
    wrapped = story.good("token", "create", "--ttl", "1h", "--wrap-ttl", "60s", "--field", "token", env=me).out
    shown = story.good("token", "create", "--ttl", "1h", "--wrap-ttl", "1m", env=me).out
    assert re.search("^ttl +1m0s$", shown, re.M) and re.search("^wrapped_accessor +", shown, re.M), shown
    token = story.good("unwrap", "--field", "token", stdin=wrapped).out.strip()
    story.good("whoami", env=as_token(token))
    out = story.bad(1, "somebody else has what was in it", "unwrap", stdin=wrapped)
    assert wrapped.strip() not in out.err
    story.good("set", "a", "B=1\u00e9")
    info = story.get("secret/data/a", headers={"X-Vault-Wrap-TTL": "60"}).json["wrap_info"]
    assert story.good("unwrap", "--field", "B", stdin=info["token"]).out == "1\u00e9"
    info = story.get("secret/data/a", headers={"X-Vault-Wrap-TTL": "60"}).json["wrap_info"]
    out = story.good("unwrap", "--field", "NOPE", stdin=info["token"])
    assert "all of it is printed" in out.err and json.loads(out.out)["data"] == {"B": "1\u00e9"}, out
    # a token has other fields, and is lost as well when it is not printed
    wrapped = story.good("token", "create", "--ttl", "1h", "--wrap-ttl", "60s", "--field", "token", env=me).out
    out = story.good("unwrap", "--field", "client_tokn", stdin=wrapped)
    assert "all of it is printed" in out.err, out
    token = json.loads(out.out)["client_token"]
    story.good("whoami", env=as_token(token))
    story.bad(4, "", "login", stdin=story.get("secret/data/a", headers={"X-Vault-Wrap-TTL": "60"}).json["wrap_info"]["token"])


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
    assert "\ngiven there       read, list\nnot given there   create, update, patch, delete, sudo\n" in out.out, out
    out = story.envctl("policy", "explain", "secret/data/other", "update", "--policy", "shop").out
    assert "\ngiven there       nothing\nnot given there   create, read, update, patch, delete, list, sudo\n" in out, out
    assert "given there" not in story.good("policy", "explain", "secret/data/other", "update").out   # root, for whom no rule counts
    story.bad(4, "", "policy", "explain", "secret/data/shop/private", "read", "--policy", "shop")
    got = story.envctl("policy", "explain", "secret/data/other", "read", "--policy", "shop", "--json")
    assert got.code == 4 and json.loads(got.out)["allowed"] is False, got
    token = story.good("token", "create", "--policy", "shop", "--field", "token", env=as_token(story.root)).out
    out = story.envctl("policy", "explain", "secret/data/shop/a", "delete", "--token", stdin=token, env=as_token(story.root))
    assert out.code == 4 and "denied: delete" in out.out and token.strip() not in out.out + out.err, out
    quiet = story.good("policy", "explain", "secret/data/shop/a", "read", "--quiet", env=as_token(story.root))
    assert quiet.out == "" and quiet.err == "", quiet
    own = story.good("token", "create", "--policy", "shop", "--field", "token", env=as_token(story.root)).out.strip()
    assert "allowed: read on" in story.good("policy", "explain", "secret/data/shop/a", "read", env=as_token(own)).out
    bare = story.good("token", "create", "--policy", "shop", "--no-default-policy", "--field", "token", env=as_token(story.root)).out.strip()
    story.bad(4, "can ask about your token with --token", "policy", "explain", "secret/data/shop/a", "read", env=as_token(bare))
    for asked, *words in (("secret/data/other read", "get", "other"), ("secret/metadata/ list", "list"), ("secret/metadata/shop/a read", "set", "shop/a", "B=1")):
        story.bad(4, "the policies of the token of VAULT_TOKEN do not allow this; why: envctl policy explain " + asked, *words, env=as_token(own))
    story.bad(4, "is not accepted or does not allow this", "get", "other", env=as_token("hvs.wrong"))
    story.bad(64, "one of --policy and --token", "policy", "explain", "a", "read", "--policy", "x", "--token")
    story.bad(1, "capability must be one of", "policy", "explain", "secret/data/a", "fly")
    story.bad(1, "path", "policy", "explain", "a//b", "read")


@bare_case
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

    def await_completion(line, is_right):
        # completion rather says nothing than keep somebody waiting, and on a busy machine it may
        deadline = time.monotonic() + 60
        while not is_right(complete(line)):
            assert time.monotonic() < deadline, (line, complete(line))

    await_completion("envctl get sh", lambda words: words == ["shop/production"])
    await_completion("envctl tok", lambda words: words == ["token"])
    await_completion("envctl token ", lambda words: words == ["create", "lookup", "renew", "revoke"])
    await_completion("envctl env ", lambda words: "settings" in words)
    await_completion("envctl policy read ", lambda words: words == ["default", "root"])
    await_completion("envctl policy read def", lambda words: words == ["default"])
    await_completion("envctl token create --policy def", lambda words: words == ["default"])
    await_completion("envctl token create --e", lambda words: "--explicit-max-ttl" in words)
    os.kill(story.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert complete("envctl get sh") == [] and time.monotonic() - started < 15
    finally:
        os.kill(story.process.pid, signal.SIGCONT)


@case
def a_sealed_vault(story):
    story.good("seal")
    story.bad(2, "sealed", "whoami")
    story.bad(2, "nothing was kept", "login", stdin=story.root + "\n")


run_cases()
