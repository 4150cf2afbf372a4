#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Schemas in the daemon: enforced and warned of, inherited, before every kind of write, for every kind of caller, across kills; never a value."""
import json
import random
import subprocess
import threading
import time

import vault

DAEMON = vault.personal()
request, get, put, write = DAEMON.request, DAEMON.get, DAEMON.put, DAEMON.write
CANARY = "CANARY-5be1f0-must-not-show"
PORT = "# @type=port @required\nPORT=\n"


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def schema(env, text=None, mode=None, status=200, **more):
    body = {name: value for name, value in (("text", text), ("mode", mode)) if value is not None}
    answer = put("secret/schema/" + env, body, **more)
    same(answer.status, status)
    assert CANARY not in answer.body.decode(), answer
    return answer


def data(env, variables, method="PUT", **more):
    answer = request(method, "secret/data/" + env, {"data": variables}, **more)
    assert CANARY not in answer.body.decode(), answer
    return answer


def check(env, body=None, **more):
    answer = request("POST", "secret/check/" + env, body or {}, **more)
    assert CANARY not in answer.body.decode(), answer
    return answer


def codes(answer):
    """{"PORT": {"type"}} of data.findings."""
    found = {}
    for finding in answer.data["findings"]:
        found.setdefault(finding.get("variable", ""), set()).add(finding["code"])
    return found


def token(rules):
    name = f"p{random.getrandbits(40)}"
    text = "".join(f'path "{path}" {{ capabilities = {json.dumps(capabilities)} }}\n' for path, capabilities in rules.items())
    same(put(f"sys/policies/acl/{name}", {"policy": text}).status, 204)
    made = request("POST", "auth/token/create", {"policies": [name], "no_default_policy": True, "ttl": "1h"})
    return made.json["auth"]["client_token"]


def test_enforce():
    write("e/a", {"PORT": CANARY})
    answer = schema("e/a", PORT, "enforce")
    same((answer.data["valid"], codes(answer)), (False, {"PORT": {"type"}}))
    assert answer.json["warnings"] and answer.json["warnings"][0].startswith("PORT: "), answer
    answer = data("e/a", {"PORT": CANARY})
    same((answer.status, codes(answer)), (400, {"PORT": {"type"}}))
    same(len(answer.errors), 1)
    assert answer.errors[0].startswith("PORT: "), answer
    same(data("e/a", {}).status, 400)
    same(data("e/a", {"OTHER": "1"}, "PATCH").status, 400)
    same(data("e/a", {"PORT": "80"}, "PATCH").status, 200)
    same(data("e/a", {"PORT": None}, "PATCH").status, 400)
    answer = put("secret/rollback/e/a", {"revision": 1})
    same((answer.status, codes(answer)), (400, {"PORT": {"type"}}))
    same(get("secret/data/e/a").data["metadata"]["version"], 2)
    # all of it at once, and in the order of the schema
    schema("e/b", "# @type=port @required\nA=\n# @type=email @required\nB=\n# @required\nC=\n")
    answer = data("e/b", {"A": "x", "B": "y"})
    same([error.split(":")[0] for error in answer.errors], ["A", "B", "C"])


def test_warn():
    schema("w/a", PORT, "warn")
    answer = data("w/a", {"PORT": CANARY})
    same(answer.status, 200)
    assert any(warning.startswith("PORT: ") for warning in answer.json["warnings"]), answer
    same(data("w/a", {"PORT": "1"}).json["warnings"], None)
    same(schema("w/a", mode="enforce").data["mode"], "enforce")
    same(data("w/a", {"PORT": "x"}).status, 400)
    same(get("secret/schema/w/a").data["text"], PORT)
    same(request("DELETE", "secret/schema/w/a").status, 204)
    same(get("secret/schema/w/a").status, 404)
    same(data("w/a", {"PORT": "x"}).status, 200)


def test_what_is_never_refused_for_it():
    write("n/a", {"PORT": CANARY})
    write("n/a", {"PORT": "80"})
    request("POST", "secret/delete/n/a", {"versions": [2]})
    write("n/base", {"EXTRA": "x"})
    schema("n/a", PORT + "# @type=number @required=false\nEXTRA=\n", "enforce")
    same(request("POST", "secret/undelete/n/a", {"versions": [2]}).status, 204)
    answer = request("PATCH", "secret/settings/n/a", {"parents": ["n/base"]})
    same(answer.status, 200)
    assert "EXTRA" in answer.json["warnings"][0], answer
    same(data("n/a", {"PORT": "80", "EXTRA": "5"}).status, 200)
    # the child that breaks by its parent's change
    same(data("n/a", {"PORT": "80"}).status, 400)
    request("PATCH", "secret/settings/n/a", {"parents": []})
    write("n/a", {"PORT": "80"})
    write("n/base", {"EXTRA": "1"})
    request("PATCH", "secret/settings/n/a", {"parents": ["n/base"]})
    answer = data("n/base", {"EXTRA": "x"})
    same((answer.status, answer.json["warnings"]), (200, ["1 of the environments that extend this one breaks its schema: n/a"]))
    same(codes(check("n/a")), {"EXTRA": {"type"}})
    write("n/c", {"PORT": CANARY})
    schema("n/c", PORT, "enforce")
    request("POST", "secret/delete/n/c", {"versions": [1]})
    answer = request("POST", "secret/undelete/n/c", {"versions": [1]})
    same(answer.status, 200)
    assert answer.json["warnings"][0].startswith("PORT: ") and CANARY not in answer.body.decode(), answer


def test_inherited():
    schema("i/base", "# @required\nDB=\n" + PORT, "enforce")
    write("i/base", {"DB": "x", "PORT": "1"})
    write("i/shop", {})
    request("PATCH", "secret/settings/i/shop", {"parents": ["i/base"]})
    answer = data("i/shop", {"PORT": "x"})
    same(answer.status, 400)
    same(answer.data["findings"][0]["origin"], "i/base")
    same(data("i/shop", {"DB": ""}).status, 400)
    schema("i/shop", "# @type=number @required\nPORT=\n", "warn")
    answer = data("i/shop", {"PORT": "x"})
    same(answer.status, 200)
    shown = get("secret/schema/i/shop").data
    same([part["environment"] for part in shown["inherited"]], ["i/base"])
    known = get("secret/schema/i/shop?explain=PORT")
    same((known.status, known.data["name"]), (200, "PORT"))
    reader = token({"secret/schema/i/shop": ["read"]})
    same(get("secret/schema/i/shop", token=reader).data["inherited"], [])
    request("DELETE", "secret/metadata/i/base")
    answer = data("i/shop", {"PORT": "1"})
    same(answer.status, 200)
    assert any("i/base does not exist" in warning for warning in answer.json["warnings"]), answer


def test_libraries_are_there_in_the_sandbox():
    """Patterns and certificates are read by libraries; the sandbox lets none be opened later."""
    schema("l/a", "# @type=string(matches=/^v[0-9]+$/)\nTAG=\n# vaultd: type=pem\n# @optional\nCERT=\n", "enforce")
    same(data("l/a", {"TAG": "v12"}).status, 200)
    same(codes(data("l/a", {"TAG": "12"})), {"TAG": {"type"}})
    pem = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3", "-subj", "/CN=x",
                          "-keyout", "/dev/null"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    same(codes(check("l/a", {"data": {"TAG": "v1", "CERT": pem}})).get("CERT"), {"expires"})


def test_what_time_has_broken_refuses_no_other_write():
    ended = [f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2ln" for claims in ("eyJleHAiOjEwMDAwMDAwMDB9", "eyJleHAiOjEwMDAwMDAwMDF9")]
    write("x/a", {"PORT": "1", "JWT": ended[0]})
    schema("x/a", PORT + "# vaultd: type=jwt\n# @optional\nJWT=\n", "enforce")
    for answer in (data("x/a", {"PORT": "2"}, "PATCH"), data("x/a", {"PORT": "3", "JWT": ended[0]})):
        same(answer.status, 200)
        assert [warning.split(" ended at ")[0] for warning in answer.json["warnings"]] == ["JWT: the JWT in it"], answer
        assert ended[0] not in answer.body.decode(), answer
    answer = data("x/a", {"JWT": ended[1]}, "PATCH")
    same((answer.status, codes(answer)), (400, {"JWT": {"expired"}}))
    answer = data("x/a", {"PORT": "x"}, "PATCH")
    same((answer.status, len(answer.errors), codes(answer)), (400, 2, {"PORT": {"type"}, "JWT": {"expired"}}))
    same((check("x/a").data["valid"], get("secret/metadata/x/a").data["current_version"]), (False, 3))
    # who only writes is not told that what he gives is there already
    writer = token({"secret/data/x/a": ["update", "patch"]})
    same(data("x/a", {"PORT": "4"}, "PATCH", token=writer).status, 200)
    same([data("x/a", {"JWT": text}, "PATCH", token=writer).status for text in ended], [400, 400])


def test_what_is_immutable_stays():
    write("im/parent", {"ID": "of the parent"})
    schema("im/parent", "# vaultd: immutable\nID=\n", "enforce")
    refused = (400, {"ID": {"immutable"}})
    answer = data("im/parent", {"ID": "another"})
    same((answer.status, codes(answer)), refused)
    assert answer.errors[0].startswith("ID: has a value that is not to change"), answer
    # a child's own one, once it is given; what the parent gives is the parent's
    write("im/a", {"OTHER": "1"})
    same(request("PATCH", "secret/settings/im/a", {"parents": ["im/parent"]}).status, 200)
    same(data("im/a", {"ID": ""}, "PATCH").status, 400)    # empty, where a value is required
    same(data("im/a", {"ID": CANARY}, "PATCH").status, 200)
    same(data("im/a", {"ID": CANARY, "OTHER": "2"}).status, 200)
    for method, variables in (("PATCH", {"ID": CANARY + "x"}), ("PUT", {"OTHER": "2"}), ("PATCH", {"ID": None}), ("PUT", {"ID": CANARY + "x"})):
        answer = data("im/a", variables, method)
        same((answer.status, "immutable" in codes(answer)["ID"]), (400, True))
        assert CANARY not in answer.body.decode()
    answer = put("secret/rollback/im/a", {"revision": 1})
    same((answer.status, "immutable" in codes(answer)["ID"]), (400, True))
    same(request("POST", "secret/check/im/a", {"data": {"ID": "else"}}).data["valid"], True)   # nothing is written
    # who only writes gets one answer, whether it has a value or not, and which
    writer = token({"secret/data/im/*": ["create", "update", "patch"]})
    write("im/b", {"OTHER": "1"})
    schema("im/b", "# vaultd: immutable\n# @optional\nID=\n# @optional\nOTHER=\n", "enforce")
    answers = [data(path, {"ID": value}, "PATCH", token=writer) for path in ("im/a", "im/b") for value in (CANARY, "guess")]
    same([(answer.status, codes(answer)) for answer in answers], [refused] * 4)
    # without it in the schema, or with a warning only, it changes
    schema("im/a", "ID=\n# vaultd: owner=a\nOTHER=\n", "enforce")
    same(data("im/a", {"ID": "new", "OTHER": "1"}).status, 200)
    schema("im/a", "# vaultd: immutable\nID=\n", "warn")
    answer = data("im/a", {"ID": "newer"}, "PATCH")
    assert answer.status == 200 and any(text.startswith("ID: has a value that is not to change") for text in answer.json["warnings"]), answer


def test_who_only_writes_learns_nothing():
    write("o/a", {"SECRET": CANARY, "PORT": "1"})
    schema("o/a", PORT + "# @type=port @required=false\nSECRET=\n# @required\nMISSING=\n", "enforce")
    writer = token({"secret/data/o/a": ["create", "update", "patch"]})
    answer = data("o/a", {"PORT": "x"}, "PATCH", token=writer)
    same((answer.status, codes(answer), answer.data["hidden_errors"]), (400, {"PORT": {"type"}}, 2))
    same(answer.errors[-1], "2 errors of variables that you may not read")
    assert "SECRET" not in answer.body.decode() and "MISSING" not in answer.body.decode(), answer
    # the same answer whatever the value is that he guesses at
    first = data("o/a", {"PORT": "x", "SECRET": "guess"}, "PATCH", token=writer)
    second = data("o/a", {"PORT": "x", "SECRET": CANARY}, "PATCH", token=writer)
    same(first.json["data"], second.json["data"])
    for path, method in (("schema", "PUT"), ("schema", "GET"), ("schema", "DELETE"), ("check", "POST")):
        same(request(method, f"secret/{path}/o/a", {"text": "A="} if method == "PUT" else None, token=writer).status, 403)
    setter = token({"secret/schema/o/a": ["create", "update"], "secret/data/o/a": ["update"]})
    schema("o/a", "# @type=string(startsWith=C)\nSECRET=\n", status=403, token=setter)


def test_a_template_is_no_question_of_one_who_may_not_read():
    write("tq/base", {"FAR": CANARY})
    write("tq/a", {"SECRET": CANARY, "OWN": "1"})
    request("PATCH", "secret/settings/tq/a", {"parents": ["tq/base"]})
    schema("tq/a", f"# @type=string(maxLength={len(CANARY) + 1}) @required=false\nT=\n", "enforce")
    writer = token({"secret/data/tq/a": ["create", "update", "patch"]})
    reader = token({"secret/data/tq/a": ["create", "read", "update", "patch"]})

    def ask(text, who, method="PATCH"):
        return request(method, "secret/data/tq/a", {"data": {"T": text}, "options": {"templates": ["T"]}}, token=who)

    # one answer, whether it would fit or not: "how long is it" is not answered
    for who in (writer, reader):
        for name in ("SECRET", "FAR"):
            answers = [ask("${%s}%s" % (name, "x" * more), who) for more in (0, 1, 2)]
            same([answer.status for answer in answers], [403] * 3)
            same(len({answer.body for answer in answers}), 1)
            assert "tq/base" not in answers[0].body.decode() and "CANARY" not in answers[0].body.decode(), answers[0]
    same(ask("${SECRET}", writer, "PUT").status, 403)
    same(get("secret/metadata/tq/a").data["current_version"], 1)
    # what refers to nothing may be given; who reads all of it may ask; what is left alone is no question, nor is a rollback
    same(ask("plain", writer).status, 200)
    allowed = token({"secret/data/tq/*": ["create", "read", "update", "patch"]})
    same([ask("${FAR}" + "x" * more, allowed).status for more in (0, 1, 2)], [200, 200, 400])
    same(data("tq/a", {"OWN": "2"}, "PATCH", token=writer).status, 200)
    same(put("secret/rollback/tq/a", {"revision": 3}, token=writer).status, 200)
    # a text that was there becomes a template only for who may ask
    same(request("PATCH", "secret/data/tq/a", {"data": {"T": "${SECRET}"}, "options": {"templates": []}}, token=writer).status, 200)
    same([request("PATCH", "secret/data/tq/a", {"data": {}, "options": {"templates": ["T"]}}, token=who).status for who in (writer, allowed)], [403, 200])


def test_what_a_denied_parent_holds_is_not_told():
    write("q/base", {"SECRET": CANARY})
    write("q/shop", {})
    request("PATCH", "secret/settings/q/shop", {"parents": ["q/base"]})
    schema("q/shop", "# @type=port\nSECRET=\n# @type=port @required=false\nOWN=\n", "enforce")
    user = token({"secret/data/q/shop": ["create", "read", "update", "patch"]})
    answer = data("q/shop", {"OWN": "x"}, token=user)
    same((answer.status, codes(answer), answer.data["hidden_errors"]), (400, {"OWN": {"type"}}, 1))
    assert "SECRET" not in answer.body.decode() and "q/base" not in answer.body.decode(), answer
    same(check("q/shop", token=user).status, 403)
    setter = token({"secret/schema/q/shop": ["create", "update"], "secret/data/q/shop": ["read", "update"]})
    answer = schema("q/shop", "# @type=string(startsWith=C)\nSECRET=\n", status=403, token=setter)
    same(answer.errors, ["permission denied: the environment q/shop extends q/base, which you may not read"])


def test_no_schema_is_a_question():
    """Who only writes an environment, and has what it extends as his own, does not spell out what it holds."""
    write("g/lib", {})
    write("g/app", {"SECRET": CANARY, "OWN": "1"})
    mine = {"secret/schema/g/lib": ["create", "read", "update"], "secret/data/g/lib": ["create", "read", "update"]}
    author = token({**mine, "secret/data/g/app": ["create", "update", "patch"]})

    def guess(text, status):
        answer = put("secret/schema/g/lib", {"text": f"# @type=string(startsWith={text}) @required=false\nSECRET=\n", "mode": "enforce"}, token=author)
        same(answer.status, status)
        return answer

    request("PATCH", "secret/settings/g/app", {"parents": ["g/lib"]})
    assert "g/app" not in guess("C", 403).body.decode()
    same(put("secret/schema/g/lib", {"text": "# @type=port\nSECRET=\n", "mode": "warn"}, token=author).status, 200)
    told = " ".join(data("g/app", {"OWN": "2"}, "PATCH", token=author).json["warnings"])
    assert "SECRET" not in told and "error" not in told, told
    same(put("secret/schema/g/lib", {"mode": "enforce"}, token=author).status, 403)
    # nor by taking the child away while the question is put
    same(request("PATCH", "secret/settings/g/app", {"parents": []}, token=author).status, 204)
    guess("X", 200)
    answer = request("PATCH", "secret/settings/g/app", {"parents": ["g/lib"]}, token=author)
    same((answer.status, answer.errors), (403, answer.errors))
    reader = token({**mine, "secret/data/g/app": ["create", "read", "update", "patch"]})
    same(request("PATCH", "secret/settings/g/app", {"parents": ["g/lib"]}, token=reader).status, 200)
    same(put("secret/schema/g/lib", {"text": "# @type=string(startsWith=C)\nSECRET=\n"}, token=reader).status, 200)


def race(env, strict, writers=32):
    """Writers that break what a schema will ask for, until it is answered; versions that were acknowledged, and the last before."""
    acknowledged, stop = [], threading.Event()

    def turn():
        with DAEMON.connect() as stream:
            while not stop.is_set():
                answer = request("PUT", "secret/data/" + env, {"data": {"PORT": "x"}}, stream=stream)
                assert answer.status in (200, 400), answer
                if answer.status == 200:
                    acknowledged.append(answer.data["version"])

    threads = [threading.Thread(target=turn) for _ in range(writers)]
    for thread in threads:
        thread.start()
    time.sleep(random.random() * 0.03)
    strict()
    answer = get("secret/metadata/" + env)
    last = answer.data["current_version"] if answer.status == 200 else 0
    time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return acknowledged, last


def test_a_schema_that_was_answered_binds_all_writers():
    kept = 0
    for number in range(24):
        env, kind = f"race/{number}", number % 4
        if kind == 1:
            write(env, {"PORT": "x"})
            schema(env, PORT, "warn")
        if kind == 2:
            write(f"race/base{number}", {})
            write(env, {"PORT": "x"})
            request("PATCH", "secret/settings/" + env, {"parents": [f"race/base{number}"]})
        if kind == 3:
            write(f"race/base{number}", {})
            schema(f"race/base{number}", PORT, "enforce")
            write(env, {"PORT": "x"})
        strict = {0: lambda: schema(env, PORT, "enforce"), 1: lambda: schema(env, mode="enforce"),
                  2: lambda: schema(f"race/base{number}", PORT, "enforce"),
                  3: lambda: request("PATCH", "secret/settings/" + env, {"parents": [f"race/base{number}"]})}[kind]
        acknowledged, last = race(env, strict)
        kept += len(acknowledged)
        late = [version for version in acknowledged if version > last]
        same((number, kind, late), (number, kind, []))
        answer = get("secret/metadata/" + env)
        same(answer.data["current_version"] if answer.status == 200 else 0, last)
    assert kept > 100, kept


def test_check():
    schema("c/a", "# @type=port @required\nPORT=\nOPTIONAL=default\n", "enforce")
    same(check("c/a").status, 404)
    write("c/a", {"PORT": "80"})
    answer = check("c/a")
    same((answer.status, answer.data["valid"], answer.data["errors"]), (200, True, 0))
    same(check("c/a", {"required": "listed"}).data["valid"], False)
    same(check("c/a", {"required": "listed", "data": {"PORT": "1", "OPTIONAL": "2"}}).data["valid"], True)
    same(check("c/a", {"required": "listed-may-be-empty", "data": {"PORT": "1"}}).data["valid"], False)
    same(check("c/a", {"required": "listed-may-be-empty", "data": {"PORT": "1", "OPTIONAL": ""}}).data["valid"], True)
    same(check("c/a", {"strict": True}).data["valid"], False)
    same(codes(check("c/a", {"data": {"PORT": CANARY + "-c", "OPTIONAL": "2"}})), {"PORT": {"type"}})
    same(check("c/a", {"schema": "# @required\nNEW=\n"}).data["valid"], False)
    answer = check("c/a", {"schema": "# @type=nosuch\nA=\n# @type=port(\nB=\n"})
    same(answer.status, 400)
    assert len(answer.errors) >= 2 and answer.data["findings"][0]["schema_line" if "schema_line" in answer.data["findings"][0] else "line"] == 1, answer
    same(get("secret/data/c/a").data["metadata"]["version"], 1)
    same(check("c/none", {"data": {"A": "1"}, "schema": "# @type=port\nA=\n"}).data["valid"], True)


def test_a_check_without_a_schema_says_so():
    write("ns/base", {"PORT": "x"})
    write("ns/a", {"A": "1"})
    answer = check("ns/a")
    same((answer.status, answer.data["valid"], answer.data["errors"], answer.data["warnings"], codes(answer)), (200, True, 0, 0, {"": {"no-schema"}}))
    same((answer.data["findings"][0]["severity"], check("ns/a", {"strict": True}).data["valid"]), ("info", True))
    assert "envctl schema set" in answer.data["findings"][0]["hint"], answer
    same("no-schema" in check("ns/a", {"schema": "A=x\n"}).body.decode(), False)
    request("PATCH", "secret/settings/ns/a", {"parents": ["ns/base"]})
    same(codes(check("ns/a")), {"": {"no-schema"}})
    schema("ns/base", PORT, "warn")
    same(codes(check("ns/a"))["PORT"], {"type"})
    same("no-schema" in check("ns/a").body.decode(), False)


def test_what_cannot_be_judged_is_not_called_valid():
    """The content of an environment is damaged on the disk: its schema is kept, and the answer says that nobody can say."""
    with vault.personal() as daemon:
        daemon.write("dd/a", {"PORT": CANARY})
        same(daemon.put("secret/schema/dd/a", {"text": PORT}).data["valid"], False)
        with open(daemon.data + "/vault.db", "r+b") as database:
            content = database.read()
            places = list(vault.values_of(content, b"R"))
            assert places
            for at in places:
                database.seek(at + 70)
                database.write(bytes([content[at + 70] ^ 1]))
        answer = daemon.put("secret/schema/dd/a", {"text": "# @optional\nPORT=\n", "mode": "warn"})
        same((answer.status, answer.data["valid"], answer.data["findings"]), (200, None, []))
        assert len(answer.json["warnings"]) == 1 and "could not be judged" in answer.json["warnings"][0], answer
        same(daemon.get("secret/schema/dd/a").data["text"], "# @optional\nPORT=\n")
        answer = daemon.request("POST", "secret/undelete/dd/a", {"versions": [1]})
        assert answer.status == 200 and "could not be judged" in answer.json["warnings"][0], answer
        done = daemon.envctl("schema", "set", "dd/a", "--mode", "warn", check=0)
        assert "could not be told" in done.stderr, done.stderr


def test_the_same_secret_elsewhere():
    write("s/a", {"KEY": CANARY + "-s", "MODE": "production"})
    write("s/b", {"OTHER": CANARY + "-s", "MODE": "production"})
    schema("s/a", "KEY=\n# @public\nMODE=production\n", "warn")
    answer = check("s/a")
    same([f["message"] for f in answer.data["findings"] if f["code"] == "shared"], ["has the same value as OTHER in s/b"])
    reader = token({"secret/data/s/a": ["read"]})
    same([f for f in check("s/a", token=reader).data["findings"] if f["code"] == "shared"], [])


def test_bad_input():
    write("b/a", {})
    for path, body in (("schema", {"text": 1}), ("schema", {"text": "A=", "mode": "perhaps"}), ("schema", {"text": "A=", "mode": 1}), ("schema", {}),
                       ("schema", {"text": "A=", "unknown": 1}), ("schema", {"text": "# @type=nosuch\nA=\n"}), ("schema", {"mode": None}),
                       ("check", {"data": []}), ("check", {"schema": {}}), ("check", {"strict": "yes"}), ("check", {"required": "all"}),
                       ("check", {"unknown": True}), ("check", [])):
        answer = request("POST", f"secret/{path}/b/a", body)
        same((body, answer.status), (body, 400))
        assert answer.errors and answer.errors[0], answer
    for path in ("schema/b/a?x=1", "check/b/a?x=1", "schema/b/a?explain=A&x=1"):
        same(request("POST" if path[0] == "c" else "GET", "secret/" + path, {} if path[0] == "c" else None).status, 400)
    same(get("secret/schema/b/none").status, 404)
    same(get("secret/schema/b/a").status, 404)
    same(put("secret/schema/b/none", {"mode": "warn"}).status, 404)
    limit = 256 * 1024
    same(schema("b/long", "# " + "x" * (limit - 3) + "\n", "warn").status, 200)
    answer = put("secret/schema/b/long", {"text": "# " + "x" * (limit - 2) + "\n"})
    same(answer.status, 413)
    # findings without end are counted, not sent as errors without end
    text = "".join(f"# @type=port @required\nV{i}=\n" for i in range(3000))
    schema("b/many", text, "enforce")
    answer = data("b/many", {f"V{i}": "x" for i in range(3000)})
    same((answer.status, len(answer.errors), len(answer.data["findings"])), (400, 101, 3000))
    same(answer.errors[-1], "and 2900 more findings")


def test_kv_version_1_becomes_2():
    same(request("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}}).status, 204)
    same(put("old/shop", {"PORT": "x"}).status, 204)
    same(request("POST", "sys/mounts/old/tune", {"options": {"version": "2"}}).status, 204)
    same(put("old/schema/shop", {"text": PORT}).status, 200)
    same(put("old/data/shop", {"data": {"PORT": "y"}}).status, 400)
    same(put("old/data/shop", {"data": {"PORT": "2"}}).status, 200)


def test_clients_of_vault_are_told():
    schema("v/a", PORT, "enforce")
    answer = put("secret/data/v/a", {"data": {"PORT": "x"}, "options": {"cas": 0}})
    same(answer.status, 400)
    same(sorted(answer.json), ["data", "errors"])
    same(put("secret/data/v/a", {"data": {"PORT": "1"}, "options": {"cas": 0}}).status, 200)


def test_envctl_says_all_of_it():
    schema("m/a", "# @type=port @required\nA=\n# @type=port @required\nB=\n", "enforce")
    done = DAEMON.envctl("set", "m/a", "A=x", "B=y")
    same(done.returncode != 0, True)
    assert "envctl: m/a: A: " in done.stderr and "\nenvctl: m/a: B: " in done.stderr, done.stderr
    schema("m/a", mode="warn")
    done = DAEMON.envctl("set", "m/a", "A=x", "B=y", check=0)
    assert "A: " in done.stderr and "B: " in done.stderr, done.stderr


def test_seal_and_kill():
    schema("k/a", PORT, "enforce")
    same(put("sys/seal", {}).status, 204)
    same(DAEMON.unseal().status, 200)
    same(data("k/a", {"PORT": "x"}).status, 400)
    # killed in the middle of schemas that come and go and writes that keep to them or do not
    stop, acknowledged = threading.Event(), {"schema": None, "bad": 0}

    def turn():
        while not stop.is_set():
            try:
                strict = request("PUT", "secret/schema/k/b", {"text": PORT, "mode": "enforce"})
                acknowledged["schema"] = "enforce" if strict and strict.status == 200 else acknowledged["schema"]
                bad = request("PUT", "secret/data/k/b", {"data": {"PORT": "x"}})
                acknowledged["bad"] += bool(bad and bad.status == 200)
                request("PUT", "secret/data/k/b", {"data": {"PORT": "1"}})
            except (OSError, ValueError):
                return

    threads = [threading.Thread(target=turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    DAEMON.kill()
    stop.set()
    for thread in threads:
        thread.join(20)
    DAEMON.start()
    same(DAEMON.unseal().status, 200)
    same(get("secret/schema/k/b").data["mode"], "enforce")
    same(acknowledged["bad"], 0)
    same(data("k/b", {"PORT": "x"}).status, 400)
    same(get("secret/schema/k/a").data["text"], PORT)


def test_a_schema_goes_with_its_environment():
    write("z/a", {"PORT": "1"})
    schema("z/a", PORT, "enforce")
    same(request("DELETE", "secret/metadata/z/a").status, 204)
    same(get("secret/schema/z/a").status, 404)
    same(data("z/a", {"PORT": "x"}).status, 200)
    same(request("POST", "sys/mounts/gone", {"type": "kv-v2"}).status, 204)
    same(put("gone/schema/a", {"text": PORT}).status, 200)
    same(request("DELETE", "sys/mounts/gone").status, 204)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and "gone/" in json.dumps(get("sys/mounts").data):
        time.sleep(0.05)
    DAEMON.kill()
    DAEMON.start()
    same(DAEMON.unseal().status, 200)
    same(data("k/a", {"PORT": "2"}).status, 200)


def test_no_value_in_the_log():
    assert CANARY not in DAEMON.log()
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "schemas")
