#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""secret/render: what resolve gives as the text of a dialect; what cannot be held, who may, and what is said."""
import json
import os
import subprocess
from urllib.parse import quote

import vault

DAEMON = vault.personal()
request, get, put, write = DAEMON.request, DAEMON.get, DAEMON.put, DAEMON.write
DIRECTORIES = ("envdir", "directory")


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def render(env, query="", **more):
    return get(f"secret/render/{env}{query}", **more)


def formats():
    words = render("f/none", "?format=nothing").errors[0].split("there are ")[1]
    return words.split(", ")


def envctl(*words, stdin=None):
    return subprocess.run([vault.ENVCTL, *words], input=stdin, env=DAEMON.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)


def test_every_dialect_is_what_envctl_writes():
    write("d/a", {"A": "plain", "B": "two words", "N": 1.1, "T": True, "E": ""})
    names = formats()
    assert {"systemd", "docker", "compose", "dotenv", "shell", "json"} <= set(names) and not set(DIRECTORIES) & set(names), names
    for name in names:
        answer = render("d/a", f"?format={name}")
        same(answer.status, 200)
        local = envctl("render", "d/a", "--format", name)
        same(local.returncode, 0)
        if name != "github":  # its delimiter is a new one each time
            same(answer.body, local.stdout)
        same(answer.headers["cache-control"], "no-store")
        kind = {"json": "application/json", "yaml": "application/yaml", "kubernetes": "application/yaml",
                "compose-environment": "application/yaml"}.get(name, "text/plain; charset=utf-8")
        same(answer.headers["content-type"], kind)
        assert "x-vault-skipped" not in answer.headers
    same(render("d/a").body, render("d/a", "?format=dotenv").body)
    same(json.loads(render("d/a", "?format=json").body), {"A": "plain", "B": "two words", "E": "", "N": "1.1", "T": "true"})


def test_curl_alone_is_enough():
    write("c/a", {"A": "it's $HOME `x` \\", "B": "two\nlines"})
    path = os.path.join(DAEMON.dir, "c.sh")
    subprocess.run(["curl", "-fsS", "--unix-socket", DAEMON.socket, "http://vault/v1/secret/render/c/a?format=shell", "-o", path], check=True)
    shown = subprocess.run(["sh", "-c", f'. {path}; printf "%s|%s" "$A" "$B"'], stdout=subprocess.PIPE, check=True).stdout
    same(shown, b"it's $HOME `x` \\|two\nlines")
    done = subprocess.run(["curl", "-fsS", "--unix-socket", DAEMON.socket, "http://vault/v1/secret/render/c/a?format=docker", "-o", path + ".2"],
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 22 and not os.path.exists(path + ".2"), done


def test_parents_templates_masks_and_revisions():
    write("p/base", {"HOST": "db", "OLD": "x"})
    write("p/shop", {"PW": "p@ss/w"})
    same(request("PATCH", "secret/settings/p/shop", {"parents": ["p/base"]}).status, 204)
    same(request("PATCH", "secret/data/p/shop", {"data": {"URL": "pg://u:${PW|urlencode}@${HOST}/"},
                                                 "options": {"templates": ["URL"], "unset": ["OLD"]}}).status, 200)
    same(render("p/shop").body, b"HOST=db\nPW=p@ss/w\nURL=pg://u:p%40ss%2Fw@db/\n")
    same(render("p/shop", "?revision=1").body, b"HOST=db\nOLD=x\nPW=p@ss/w\n")
    same(render("p/shop", "?revision=9").status, 404)
    same(request("DELETE", "secret/metadata/p/base").status, 204)
    same(render("p/shop").status, 422)


def test_etag():
    write("e/a", {"A": "1"})
    first = render("e/a")
    same(first.headers["etag"], get("secret/resolve/e/a").headers["etag"])
    again = render("e/a", headers={"If-None-Match": first.headers["etag"]})
    same((again.status, again.body, again.headers["etag"]), (304, b"", first.headers["etag"]))
    write("e/a", {"A": "2"})
    same(render("e/a", headers={"If-None-Match": first.headers["etag"]}).body, b"A=2\n")
    if "github" in formats():
        write("e/g", {"A": "two\nlines"})
        one, two = render("e/g", "?format=github"), render("e/g", "?format=github")
        assert one.body != two.body and one.headers["etag"] == two.headers["etag"], (one, two)


def test_only_and_except():
    write("o/a", {"DB_A": "1", "DB_B": "2", "X": "3"})
    same(render("o/a", "?only=DB_*").body, b"DB_A=1\nDB_B=2\n")
    same(render("o/a", "?only=" + quote("DB_?,X") + "&except=DB_B").body, b"DB_A=1\nX=3\n")
    same(render("o/a", "?except=*").body, b"")
    for bad in ("only=", "except="):
        same(render("o/a", "?" + bad).status, 400)


def test_what_cannot_be_held():
    write("r/a", {"KEY": "secret\nlines", "LIST": ["secret"], "NUL": "secret\0", "OK": "1", "a b": "secret"})
    answer = render("r/a", "?format=docker")
    same(answer.status, 400)
    same(answer.headers["content-type"], "application/json")
    assert b"secret" not in answer.body
    same(len(answer.errors), 4)
    findings = {f["variable"]: f for f in answer.data["findings"]}
    same(sorted(findings), ["KEY", "LIST", "NUL", "a b"])
    for finding in findings.values():
        same((finding["severity"], finding["code"]), ("error", "unrepresentable"))
    assert "systemd" in findings["KEY"]["message"] and "json" in findings["NUL"]["message"], findings
    assert any(e.startswith("KEY cannot be written as docker: ") for e in answer.errors), answer
    skipped = render("r/a", "?format=docker&skip_unrepresentable=true")
    same((skipped.status, skipped.body), (200, b"OK=1\n"))
    same(sorted(skipped.headers["x-vault-skipped"].split(",")), ["KEY", "LIST", "NUL", "a%20b"])
    same(render("r/a", "?format=docker&skip_unrepresentable=false").status, 400)
    same(render("r/a", "?format=docker&only=OK").status, 200)
    # the header is bounded
    write("r/many", {f"NAME_{'X' * 40}_{i}": "a\nb" for i in range(100)})
    words = render("r/many", "?format=docker&skip_unrepresentable=true").headers["x-vault-skipped"].split(",")
    same(words[-1], f"+{100 - len(words) + 1}")
    assert 30 < len(words) < 60, words
    same(len(render("r/many", "?format=docker").errors), 100)


def test_refused_arguments():
    write("x/a", {"A": "1"})
    for query in ("format=", "format=JSON", "fromat=json", "skip_unrepresentable=yes", "revision=x", "name=n", "format=json&namespace=n",
                  "format=json&format=json", "wait=1s", "format=" + "x" * 300):
        answer = render("x/a", "?" + query)
        same((query, answer.status), (query, 400))
    same(render("x/a", headers={"X-Vault-Wrap-TTL": "60"}).status, 400)
    same(put("secret/render/x/a", {}).status, 405)
    same(render("x/none").status, 404)
    for name in DIRECTORIES:
        if envctl("render", "x/a", "--format", name).returncode != 64:
            assert "directory of files" in render("x/a", f"?format={name}").errors[0]
    same(request("DELETE", "secret/data/x/a").status, 204)
    same(render("x/a").status, 404)


def test_who_may():
    write("w/mine", {"A": "1"})
    write("w/base", {"B": "2"})
    rules = 'path "secret/data/w/mine" { capabilities = ["read"] }\npath "secret/render/*" { capabilities = ["read"] }'
    same(put("sys/policies/acl/w", {"policy": rules}).status, 204)
    token = put("auth/token/create", {"policies": ["w"]}).json["auth"]["client_token"]
    same(render("w/mine", token=token).body, b"A=1\n")
    for env in ("w/base", "w/none"):
        same(render(env, token=token).status, 403)
    same(request("PATCH", "secret/settings/w/mine", {"parents": ["w/base"]}).status, 204)
    denied = render("w/mine", token=token)
    same(denied.status, 403)
    etag = render("w/mine").headers["etag"]
    same(render("w/mine", token=token, headers={"If-None-Match": etag}).status, 403)


def test_a_large_environment_and_the_log():
    value = "canary-" + "v" * 50000
    write("l/a", {f"N{i}": value for i in range(10)})
    for name in formats():
        answer = render("l/a", f"?format={name}&skip_unrepresentable=true")
        same((name, answer.status), (name, 200))
        if name == "json":
            same(json.loads(answer.body), {f"N{i}": value for i in range(10)})
    with open(DAEMON.log_path, encoding="utf-8", errors="replace") as log:
        assert "canary" not in log.read()


vault.main(globals())
