#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Parents, templates and masks: what is stored, what resolves, what is refused, who is woken."""
import json
import threading
import time

import vault

DAEMON = vault.personal(config="""
limits { waiters = 8 }
""")
request, get, put, write = DAEMON.request, DAEMON.get, DAEMON.put, DAEMON.write


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def extend(env, *parents):
    answer = request("PATCH", "secret/settings/" + env, {"parents": list(parents)})
    assert answer.status in (200, 204), answer
    return answer


def patch(env, variables, **options):
    return request("PATCH", "secret/data/" + env, {"data": variables, "options": options})


def resolved(env, query=""):
    answer = get(f"secret/resolve/{env}{query}")
    assert answer.status == 200, answer
    return answer.data["variables"]


def test_stored_and_resolved():
    write("a/base", {"HOST": "db", "USER": "base", "OLD": "x"})
    write("a/shop", {"USER": "shop", "PW": "p@ss/w", "N": 1.10})
    extend("a/shop", "a/base")
    same(patch("a/shop", {"URL": "pg://${USER}:${PW|urlencode}@${HOST}/"}, templates=["URL"], unset=["OLD"]).status, 200)
    same(DAEMON.read("a/shop"), {"USER": "shop", "PW": "p@ss/w", "N": 1.1, "URL": "pg://${USER}:${PW|urlencode}@${HOST}/"})
    same(resolved("a/shop"), {"HOST": "db", "USER": "shop", "PW": "p@ss/w", "N": 1.1, "URL": "pg://shop:p%40ss%2Fw@db/"})
    same(sorted(get("secret/subkeys/a/shop").data["subkeys"]), ["N", "PW", "URL", "USER"])
    settings = get("secret/settings/a/shop").data
    same((settings["parents"], settings["templates"], settings["unset"]), (["a/base"], ["URL"], ["OLD"]))
    origins = get("secret/resolve/a/shop").data["origins"]
    same(origins["HOST"], {"environment": "a/base", "revision": 1, "version": 1})
    same(origins["URL"], {"environment": "a/shop", "revision": 2, "version": 1, "template": True})
    same(resolved("a/shop", "?revision=1"), {"HOST": "db", "USER": "shop", "PW": "p@ss/w", "N": 1.1, "OLD": "x"})


def test_clients_that_know_nothing_of_it():
    write("v/a", {"A": "1", "T": "${A}"}, templates=["T"], unset=["M"])
    for options in ({"cas": 1}, {}, None):
        body = {"data": {"A": "2", "T": "${A}!"}}
        if options is not None:
            body["options"] = options
        same(put("secret/data/v/a", body).status, 200)
        same(resolved("v/a"), {"A": "2", "T": "2!"})
        same(get("secret/settings/v/a").data["unset"], ["M"])
    # text that only looks like a template is text
    write("v/b", {"T": "${A} ${"})
    same(resolved("v/b"), {"T": "${A} ${"})
    for bad in ({"templates": "T"}, {"templates": {"T": 1}}, {"unset": 1}, {"templates": [None]}, {"templates": ["X"]}, {"unset": ["T"]},
                {"templates": ["T"]}):
        same(put("secret/data/v/b", {"data": {"T": "${"}, "options": bad}).status, 400)
    same(get("secret/data/v/b").data["metadata"]["version"], 1)


def test_history_diff_rollback():
    write("h/a", {"A": "1", "T": "${A}"})
    write("h/a", {"A": "1", "T": "${A}"}, templates=["T"], unset=["M"])
    entry = get("secret/history/h/a?limit=1").data["revisions"][0]
    same((entry["added"], entry["changed"], entry["removed"]), (["M"], ["T"], []))
    changes = get("secret/diff/h/a?from=1&to=2").data["changes"]
    same({c["name"]: c["change"] for c in changes}, {"M": "added", "T": "changed"})
    write("h/a", {"A": "1"}, unset=[])
    same(put("secret/rollback/h/a", {"revision": 2}).status, 200)
    same(resolved("h/a"), {"A": "1", "T": "1"})
    same(get("secret/settings/h/a").data["unset"], ["M"])


def test_what_cannot_be_resolved_is_named():
    write("e/base", {"A": "1"})
    write("e/shop", {})
    extend("e/shop", "e/base")
    same(patch("e/shop", {"T": "${A}"}, templates=["T"]).status, 200)
    answer = patch("e/shop", {"X": "${NO}"}, templates=["X"])
    same((answer.status, answer.errors), (400, ["the template of X in e/shop refers to NO, which is not a variable of e/shop"]))
    answer = patch("e/shop", {"X": "${X}"}, templates=["X"])
    same((answer.status, answer.errors), (400, ["templates refer to each other in a circle: X -> X"]))
    answer = request("PATCH", "secret/settings/e/base", {"parents": ["e/shop"]})
    same((answer.status, answer.errors), (400, ["the parents form a cycle: e/base -> e/shop -> e/base"]))
    # the parent breaks the child: the writer is told, the reader gets 422
    answer = put("secret/data/e/base", {"data": {}})
    same((answer.status, answer.json["warnings"]), (200, ["1 of the environments that extend this one does not resolve: e/shop"]))
    answer = get("secret/resolve/e/shop")
    same((answer.status, answer.errors), (422, ["the template of T in e/shop refers to A, which is not a variable of e/shop"]))
    same(put("secret/data/e/base", {"data": {"A": "2"}}).json["warnings"], None)
    same(resolved("e/shop"), {"A": "2", "T": "2"})
    request("DELETE", "secret/metadata/e/base")
    answer = get("secret/resolve/e/shop")
    same((answer.status, answer.errors), (422, ["the environment e/shop extends e/base, which does not exist"]))
    answer = patch("e/shop", {"B": "1"})
    same(answer.status, 200)
    assert "not resolved and checked: the environment e/shop extends e/base" in answer.json["warnings"][0], answer


def test_children_of_children_and_many():
    write("c/base", {"A": "1"})
    for i in range(12):
        write(f"c/{i}", {})
        extend(f"c/{i}", "c/base")
        patch(f"c/{i}", {"T": "${A}"}, templates=["T"])
    write("c/below", {})
    extend("c/below", "c/0")
    warning = put("secret/data/c/base", {"data": {}}).json["warnings"][0]
    assert warning.startswith("13 of the environments that extend this one do not resolve: c/") and warning.endswith(", and 5 others"), warning
    # also after the vault was opened anew
    DAEMON.stop()
    DAEMON.start()
    same(DAEMON.unseal().status, 200)
    assert put("secret/data/c/base", {"data": {}}).json["warnings"][0].startswith("13 of the"), warning
    same(put("secret/data/c/base", {"data": {"A": "1"}}).json["warnings"], None)
    answer = request("PATCH", "secret/settings/c/0", {"parents": []})
    same(answer.status, 400)


class Waiting(threading.Thread):
    def __init__(self, path, **more):
        super().__init__()
        self.path, self.more, self.answer = path, more, None
        self.start()

    def run(self):
        self.answer = get(self.path, **self.more)

    def result(self):
        self.join(60)
        assert not self.is_alive()
        return self.answer


def wait_for_waiters(count):
    deadline = time.monotonic() + 20
    while f"vaultd_http_waiters {count}\n" not in DAEMON.request("GET", "/metrics").body.decode():
        assert time.monotonic() < deadline, "the reads do not wait"
        time.sleep(0.01)


def test_waiting_wakes_on_all_that_is_touched():
    write("w/ref", {"R": "1"})
    write("w/root", {"A": "1"})
    write("w/base", {})
    write("w/shop", {"T": "${w/ref:R}"}, templates=["T"])
    extend("w/base", "w/root")
    extend("w/shop", "w/base")
    changes = [lambda: write("w/ref", {"R": "2"}), lambda: write("w/root", {"A": "2"}), lambda: write("w/base", {"B": "1"}),
               lambda: extend("w/base"), lambda: write("w/shop", {"T": "${w/ref:R}!"}),
               lambda: request("DELETE", "secret/data/w/ref")]
    for change in changes:
        etag = get("secret/resolve/w/shop").headers["etag"]
        waiting = Waiting("secret/resolve/w/shop?wait=30s", headers={"If-None-Match": etag})
        wait_for_waiters(1)
        write("w/other", {"X": "1"})  # wakes nobody
        time.sleep(0.05)
        assert waiting.is_alive()
        begin = time.monotonic()
        change()
        answer = waiting.result()
        assert time.monotonic() - begin < 15, "it was answered at its deadline, not when something changed"
        assert answer.headers.get("etag") != etag and answer.status in (200, 422), answer
    same(answer.status, 422)
    etag = '"none"'


def test_envctl():
    good = lambda *words, **more: DAEMON.envctl(*words, check=0, **more)
    good("set", "x/base", "HOST=db", "OLD=1", "NAME=base")
    good("set", "x/shop", "PW=a/b")
    same(good("env", "extends", "x/shop").stdout, "")
    assert "extends nothing" in good("env", "extends", "x/shop").stderr
    good("env", "extends", "x/shop", "x/base")
    same(good("env", "extends", "x/shop").stdout, "x/base\n")
    same(json.loads(good("env", "extends", "x/shop", "--json").stdout), {"environment": "x/shop", "parents": ["x/base"]})
    good("set", "x/shop", "--template", "URL=pg://${PW|urlencode}@${HOST}")
    good("unset", "x/shop", "OLD", "NAME", "--mask")
    same(good("get", "x/shop", "URL").stdout, "pg://a%2Fb@db")
    same(good("get", "x/shop", "URL", "--raw").stdout, "pg://${PW|urlencode}@${HOST}")
    same(json.loads(good("get", "x/shop", "--raw", "--json").stdout)["variables"], {"PW": "a/b", "URL": "pg://${PW|urlencode}@${HOST}"})
    table = [line.split() for line in good("get", "x/shop", "--reveal").stdout.splitlines()]
    same(table, [["NAME", "FROM", "VERSION", "REVISION", "VALUE"], ["HOST", "x/base", "1", "1", "db"],
                 ["PW", "x/shop", "1", "1", "a/b"], ["URL", "x/shop", "1", "2", "pg://a%2Fb@db"]])
    same([line.split()[0] for line in good("get", "x/shop", "--raw").stdout.splitlines()], ["NAME", "PW", "URL"])
    out = good("run", "x/shop", "--", "/usr/bin/env").stdout
    assert "URL=pg://a%2Fb@db\n" in out and "HOST=db\n" in out and "OLD=" not in out, out
    assert "URL=pg://a%2Fb@db" in good("render", "x/shop", "--format", "docker").stdout
    settings = good("env", "settings", "x/shop").stdout
    assert "parents      x/base" in settings and "templates    URL" in settings and "masked       NAME,OLD" in settings, settings
    assert "--mask hides what a parent gives" in DAEMON.envctl("unset", "x/shop", "HOST", check=3).stderr
    assert "does not mask HOST" in DAEMON.envctl("unset", "x/shop", "HOST", "--unmask", check=3).stderr
    good("unset", "x/shop", "OLD", "--unmask")
    same(good("get", "x/shop", "OLD").stdout, "1")
    # a template stays one until --text
    good("set", "x/shop", "URL=<${HOST}>")
    same(good("get", "x/shop", "URL").stdout, "<db>")
    good("set", "x/shop", "URL=<${HOST}>", "--text")
    same(good("get", "x/shop", "URL").stdout, "<${HOST}>")
    # copied as what it is
    good("set", "x/shop", "URL=<${HOST}>", "-t")
    good("set", "x/copy", "HOST=own", "KEEP=${HOST}", "-t")
    good("set", "x/copy", "HOST=own", "--text")
    good("copy", "x/shop", "x/copy", "--only", "URL,PW")
    same(resolved("x/copy"), {"HOST": "own", "KEEP": "own", "URL": "<own>", "PW": "a/b"})
    good("set", "x/shop", "URL=<${HOST}>", "--text")
    good("copy", "x/shop", "x/copy", "--only", "URL")
    same(resolved("x/copy"), {"HOST": "own", "KEEP": "own", "URL": "<${HOST}>", "PW": "a/b"})
    good("copy", "x/shop", "x/copy", "--replace")
    same(resolved("x/copy"), {"URL": "<${HOST}>", "PW": "a/b"})
    # said by who breaks it
    good("set", "x/shop", "URL=<${HOST}>", "-t")
    assert "1 of the environments that extend this one does not resolve: x/shop" in good("unset", "x/base", "HOST").stderr
    refused = DAEMON.envctl("get", "x/shop", check=1)
    assert "refers to HOST" in refused.stderr, refused
    good("set", "x/base", "HOST=db")
    # a parent that may not be read is named, as the daemon names it
    assert DAEMON.put("sys/policies/acl/child", {"policy": 'path "secret/data/x/shop" { capabilities = ["read"] }'}).status == 204
    token = good("token", "create", "--policy", "child", "--field", "token").stdout.strip()
    refused = DAEMON.envctl("run", "x/shop", "--", "true", check=125, env={"VAULT_TOKEN": token})
    assert "extends x/base, which you may not read" in refused.stderr, refused
    for words in (("set", "x/shop", "A=1", "-t", "--text"), ("unset", "x/shop", "A", "--mask", "--unmask"), ("env", "extends", "x/shop", "x/base", "--clear"),
                  ("env", "extends", "x/shop", "/x")):
        assert DAEMON.envctl(*words).returncode in (1, 64), words
    good("set", "x/shop", "URL=x", "--text")
    good("env", "extends", "x/shop", "--clear")
    same(resolved("x/shop"), {"PW": "a/b", "URL": "x"})


def test_secrets_are_in_no_sentence():
    write("s/a", {"K": "s3cr3t-value"})
    for options in ({"templates": ["T"]}, {"unset": ["s3cr3t value"], "templates": ["s3cr3t value"]}):
        for value in ("s3cr3t-${", "s3cr3t-${s3cr3t-}", "s3cr3t ${A|s3cr3t}", "${s3cr3t-:/:A}", "s3cr3t${NO}"):
            answer = patch("s/a", {"T": value}, **options)
            same(answer.status, 400)
            assert b"s3cr3t" not in answer.body, answer


def test_limits_on_the_wire():
    for i in range(17):
        write(f"l/{i}", {"V": str(i)})
    same(request("PATCH", "secret/settings/l/0", {"parents": [f"l/{i}" for i in range(1, 17)]}).status, 400)
    extend("l/0", *[f"l/{i}" for i in range(1, 16)])
    same(resolved("l/0"), {"V": "0"})
    for bad in ({"parents": ["l/1", "l/1"]}, {"parents": ["no/such"]}, {"parents": ["/x"]}, {"parents": [1]}, {"parents": "l/1"}, {"parents": {}}):
        same(request("PATCH", "secret/settings/l/0", bad).status, 400)
    # a tree of references: work ends at the limit of the result
    names = [f"B{i}" for i in range(30)]
    variables = {name: "${B%d}" % (i + 1) * 10 for i, name in enumerate(names)}
    variables["B30"] = "0123456789"
    answer = put("secret/data/l/bomb", {"data": variables, "options": {"templates": names}})
    same(answer.status, 400)
    assert "is larger than" in answer.errors[0], answer  # of 10^31 bytes: who makes them first never answers


def test_end():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "parents and templates")
