#!/usr/bin/env python3
"""envctl login, logout, whoami: who one is for the vault, and what is kept of a token."""
# tier: quick
# sanitized: yes
import os
import stat

from envctl_story import case, run_cases


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


@case
def a_sealed_vault(story):
    story.good("seal")
    story.bad(2, "sealed", "whoami")
    story.bad(2, "nothing was kept", "login", stdin=story.root + "\n")


run_cases()
