#!/usr/bin/env python3
"""envctl import --from-vault: from a second vaultd, and from a server in python that is as odd as servers can be."""
# sanitized: yes
import contextlib
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

from envctl_story import Initialised, Story, case, run_cases


class Source(Initialised):
    """Another vault of our own; we are known to it by our user id."""

    @property
    def address(self):
        return "unix://" + self.socket


def versions_of(vault, env):
    """What a client can see of an environment: per version the values, or the kind of mark; and the settings."""
    meta = vault.get("secret/metadata/" + env).data
    seen = {}
    for number, entry in meta["versions"].items():
        answer = vault.get(f"secret/data/{env}?version={number}")
        seen[int(number)] = "destroyed" if entry["destroyed"] else "deleted" if entry["deletion_time"] else answer.body.split(b'"metadata"')[0].split(b'"data":', 2)[2]
    keys = ("current_version", "max_versions", "cas_required", "delete_version_after", "custom_metadata")
    return seen, {key: meta[key] for key in keys}


BIG = "123456789012345678901234567890.10"


@case
def everything_of_another_vaultd(story):
    with Source() as source:
        source.put("secret/data/shop/a", b'{"data": {"N": %s, "T": "Gr\xc3\xbc\xc3\x9fe\\n", "L": [1, 2.50, {"x": null}], "Z": null}}' % BIG.encode())
        for n in range(2, 7):
            source.write("shop/a", {"N": str(n)})
        assert source.put("secret/delete/shop/a", {"versions": [3]}).status == 204
        assert source.put("secret/destroy/shop/a", {"versions": [2, 5]}).status == 204
        source.put("secret/metadata/shop/a", {"max_versions": 20, "cas_required": True, "custom_metadata": {"owner": "Jürgen", "b": "2"}})
        source.write("shop/b/deep", {"A": "1"})
        source.write("top", {"B": "2"})
        source.write("gone", {"B": "2"})
        source.request("DELETE", "secret/data/gone")
        dry = story.json_of("import", "--from-vault", source.address, "secret", "--dry-run", "--json")
        assert dry["written"] is False and dry["kv_version"] == 2
        assert {e["environment"]: (e["action"], e["versions"], e["placeholders"]) for e in dry["environments"]} == {
            "gone": ("new", 1, 1), "shop/a": ("new", 6, 3), "shop/b/deep": ("new", 1, 0), "top": ("new", 1, 0)}, dry
        story.bad(3, "", "get", "shop/a")
        out = story.good("import", "--from-vault", source.address, "secret")
        assert "+ shop/a (6 versions, 3 of them without content)" in out.out and "4 new, 0 continued, 0 updated, 0 equal" in out.out, out
        assert "not kept: when versions were written and by whom" in out.err and "not kept: the content of 4" in out.err, out
        for env in ("shop/a", "shop/b/deep", "top", "gone"):
            assert versions_of(story, env) == versions_of(source, env), (env, versions_of(story, env), versions_of(source, env))
        assert BIG.encode() in story.get("secret/data/shop/a?version=1").body
        history = story.good("history", "shop/a").out
        assert f"imported from {source.address}: version 6, written 20" in history and "version 4, written" in history, history
        again = story.json_of("import", "--from-vault", source.address, "secret", "--json")
        assert {e["action"] for e in again["environments"]} == {"equal"}, again
        assert story.get("secret/metadata/shop/a").data["current_version"] == 6


@case
def it_goes_on_where_it_was(story):
    with Source() as source:
        for n in range(1, 6):
            source.write("a", {"N": str(n)})
        source.put("secret/destroy/a", {"versions": [2]})
        # as an import leaves it that was killed behind version 3, before the mark of version 2
        story.write("a", {"N": "1"})
        story.write("a", {})
        story.write("a", {"N": "3"})
        got = story.json_of("import", "--from-vault", source.address, "secret", "--json")["environments"]
        assert [(e["action"], e["versions"]) for e in got] == [("resume", 2)], got
        assert versions_of(story, "a") == versions_of(source, "a")
        source.write("a", {"N": "6"})
        source.put("secret/delete/a", {"versions": [4]})
        story.good("import", "--from-vault", source.address, "secret", "--quiet")
        assert versions_of(story, "a") == versions_of(source, "a")
        # what falls out of the source later stays here; what is destroyed there is destroyed here
        source.put("secret/metadata/a", {"max_versions": 4})
        source.write("a", {"N": "7"})
        source.put("secret/destroy/a", {"versions": [6]})
        out = story.good("import", "--from-vault", source.address, "secret")
        assert "> a (1 version)" in out.out, out
        seen = versions_of(story, "a")[0]
        assert seen[4] == "deleted" and seen[6] == "destroyed" and b'"7"' in seen[7], seen
        source.put("secret/metadata/a", {"max_versions": 50, "custom_metadata": {"x": "y"}})
        out = story.good("import", "--from-vault", source.address, "secret/")
        assert "> a (0 versions)" in out.out, out
        assert story.get("secret/metadata/a").data["custom_metadata"] == {"x": "y"}
        assert "1 equal" in story.good("import", "--from-vault", source.address, "secret").out


@case
def killed_in_the_middle(story):
    """However often it is killed, running it again ends with the same."""
    with Source() as source:
        for n in range(1, 41):
            source.write("a", {"N": str(n)})
        source.put("secret/destroy/a", {"versions": list(range(1, 40, 3))})
        for pause in (0.02, 0.04, 0.06, 0.1, 0.15):
            import envctl_story
            running = subprocess.Popen([envctl_story.ENVCTL, "import", "--from-vault", source.address, "secret", "-q"], env=story.env,
                                       stdin=subprocess.DEVNULL)
            time.sleep(pause)
            running.kill()
            running.wait()
        time.sleep(0.5)     # what was on its way when it was killed
        story.good("import", "--from-vault", source.address, "secret")
        assert versions_of(story, "a") == versions_of(source, "a")


@case
def what_is_different_is_not_touched(story):
    with Source() as source:
        source.write("a", {"N": "1"})
        source.write("a", {"N": "2"})
        source.write("b", {"N": "1"})
        story.write("a", {"N": "other"})
        out = story.bad(6, "--update", "import", "--from-vault", source.address, "secret")
        assert "! a (is here already, and different)" in out.out and "nothing was written" in out.err, out
        story.bad(3, "", "get", "b")
        story.good("import", "--from-vault", source.address, "secret", "--except", "a")
        assert story.read("b") == {"N": "1"} and story.read("a") == {"N": "other"}
        out = story.good("import", "--from-vault", source.address, "secret", "--update", "-m", "moved")
        assert "~ a (1 version)" in out.out, out
        assert story.read("a") == {"N": "2"} and story.read("a", 1) == {"N": "other"}
        assert "moved: version 2, written" in story.good("history", "a").out
        assert "0 updated, 2 equal" in story.good("import", "--from-vault", source.address, "secret", "--update").out
        # What was a template here is text after it, as it was there.
        story.good("set", "c", "--template", "PASSWORD=${N}", "N=1")
        source.write("c", {"N": "1", "PASSWORD": "pa${N}ss"})
        story.good("import", "--from-vault", source.address, "secret", "--update")
        assert story.good("get", "c", "PASSWORD").out.rstrip("\n") == "pa${N}ss"


@case
def a_schema_that_is_enforced_here(story):
    """What it would refuse is told with all the rest before anything is written; what fits is written."""
    secret = "hunter2-never-shown"
    text = "# @type=port @required\nPORT=\n# @type=email @required\nMAIL=\n"
    with Source() as source:
        source.write("a", {"FREE": "1"})
        source.write("shop", {"PORT": "80", "MAIL": "a@example.org"})
        source.write("shop", {"PORT": secret, "MAIL": secret})
        source.write("shop", {"PORT": "81", "MAIL": "a@example.org"})
        assert story.put("secret/schema/shop", {"text": text}).status == 200
        for words in ((), ("--dry-run",)):
            out = story.bad(1, "1 environment of the source cannot be imported; --except leaves it out", "import", "--from-vault", source.address, "secret", *words)
            for name in ("PORT", "MAIL"):
                assert f"shop: version 2: the schema would refuse it: {name}: " in out.err, out
            assert "cannot be imported: shop: version 2 is not what the schema asks for" in out.err and secret not in out.err + out.out, out
            story.bad(3, "", "get", "a")
            assert story.get("secret/metadata/shop").data["current_version"] == 0
        # the newest alone fits, under its new number; and all of them where the schema only warns
        out = story.good("import", "--from-vault", source.address, "secret", "--latest")
        assert story.read("shop") == {"PORT": "81", "MAIL": "a@example.org"} and story.read("a") == {"FREE": "1"}, out
        source.write("shop", {"PORT": secret})
        out = story.bad(1, "cannot be imported: shop: the current version is not", "import", "--from-vault", source.address, "secret", "--latest", "--update")
        assert "MAIL" in out.err and story.get("secret/metadata/shop").data["current_version"] == 1, out
        story.request("DELETE", "secret/metadata/shop")
        assert story.put("secret/schema/shop", {"text": text, "mode": "warn"}).status == 200
        story.good("import", "--from-vault", source.address, "secret")
        assert story.get("secret/metadata/shop").data["current_version"] == 4
        # the placeholder of a version that is gone has nothing that is required
        source.write("gone", {"PORT": "80", "MAIL": "a@example.org"})
        source.write("gone", {"PORT": "80", "MAIL": "a@example.org"})
        source.put("secret/destroy/gone", {"versions": [1]})
        assert story.put("secret/schema/gone", {"text": text}).status == 200
        out = story.bad(1, "a version without content is not what the schema asks for", "import", "--from-vault", source.address, "secret", "--only", "gone")
        assert story.get("secret/metadata/gone").data["current_version"] == 0
        # all versions fit: all are written under their numbers
        source.write("good", {"PORT": "80", "MAIL": "a@example.org"})
        source.write("good", {"PORT": "81", "MAIL": "a@example.org"})
        assert story.put("secret/schema/good", {"text": text}).status == 200
        story.good("import", "--from-vault", source.address, "secret", "--only", "good")
        assert versions_of(story, "good") == versions_of(source, "good")


@case
def places(story):
    with Source() as source:
        for env in ("shop", "shop/a", "shop/b/c", "shopping/x"):
            source.write(env, {"E": env})
        story.good("import", "--from-vault", source.address, "secret/shop", "--to", "new/place/")
        assert story.good("list").out.split() == ["new/place", "new/place/a", "new/place/b/c"]
        assert story.read("new/place") == {"E": "shop"} and story.read("new/place/b/c") == {"E": "shop/b/c"}
        story.good("import", "--from-vault", source.address, "secret/shop/b/")
        assert story.read("shop/b/c") == {"E": "shop/b/c"}
        story.good("import", "--from-vault", source.address, "secret", "--only", "shopping/*")
        assert "shopping/x" in story.good("list").out
        story.bad(3, "nothing below secret/nowhere", "import", "--from-vault", source.address, "secret/nowhere")
        story.bad(4, "the source", "import", "--from-vault", source.address, "nomount")
        story.bad(64, "source and target are both", "import", "--from-vault", "unix://" + story.socket, "secret")
        for words in (["secret", "x"], [], ["secret", "--merge"], ["secret", "--dialect", "json"], ["secret", "-m", "x" * 900]):
            story.bad(64, "", "import", "--from-vault", source.address, *words)
        story.bad(64, "are for --from-vault", "import", "a", "-", "--latest", stdin="A=1\n")
        story.bad(64, "import needs ENV FILE", "import", "a")
        for place in ("", "/x", "a//b", "a/../b", ".", "x" * 2048):
            story.bad(64 if len(place) in (0, 2048) else 1, "", "import", "--from-vault", source.address, place)
        story.bad(1, "--to", "import", "--from-vault", source.address, "secret", "--to", "a//b")


@case
def other_mounts_of_another_vaultd(story):
    with Source() as source:
        assert source.put("sys/mounts/team/new", {"type": "kv-v2"}).status == 204
        assert source.put("team/new/data/a/b", b'{"data": {"N": 1.10}}').status == 200
        story.good("import", "--from-vault", source.address, "team/new", "--to", "old")
        assert b'"N":1.10' in story.get("secret/data/old/a/b").body
        story.good("import", "--from-vault", source.address, "team/new/a", "--to", "deeper")
        assert story.read("deeper/b") == {"N": 1.1}
        story.bad(4, "the source", "import", "--from-vault", source.address, "team")
        assert source.put("sys/mounts/v1", {"type": "kv-v1"}).status == 204
        assert source.put("v1/a/b", b'{"N": 1.10, "T": "x"}').status == 204
        assert json.loads(story.good("import", "--from-vault", source.address, "v1", "--to", "one", "--json").out)["kv_version"] == 1
        assert b'"N":1.10' in story.get("secret/data/one/a/b").body
        assert "1 equal" in story.good("import", "--from-vault", source.address, "v1", "--to", "one").out


@case
def no_value_is_shown(story):
    """Not in what is printed, not in errors, not in the list of processes, not in a file."""
    canary = "hunter2-canary"
    with Source() as source:
        source.write("a", {"A": canary})
        source.write("b", {"B": canary})
        source.put("secret/metadata/b", {"custom_metadata": {"note": canary}})
        story.write("a", {"A": "other"})
        outs = [story.envctl("import", "--from-vault", source.address, "secret", *more)
                for more in (["--dry-run"], ["--json"], ["--update"], [])]
        for out in outs:
            assert canary not in out.out + out.err, out
        assert outs[1].code == 6 and outs[2].code == 0 and story.read("b") == {"B": canary}
    for folder, _, names in os.walk(story.home):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as handle:
                    assert canary.encode() not in handle.read(), path
    with Fake({"bad": ['{"\\u0000%s":"%s"}' % (canary, canary)]}) as fake:
        out = take(story, fake, code=1)
        assert canary not in out.out + out.err, out


# -- a server that is as odd as servers can be ---------------------------------


class Fake:
    """Answers as HashiCorp Vault does, from a table of secrets: path -> list of versions; of each the raw JSON text of its values,
    or "deleted", "destroyed", None (gone). Settings and faults by name."""

    def __init__(self, secrets, kv=2, token="hvs.source", folder=None, mount="kv/", certificate=None, **odd):
        self.secrets, self.kv, self.token, self.mount, self.odd = secrets, kv, token, mount, odd
        self.asked = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16      # one segment an answer: else each waits for an acknowledgement

            def log_message(self, *_):
                pass

            def do_GET(self):
                fake.asked.append(self.path)
                status, body = fake.answer(urllib.parse.urlsplit(self.path), self.headers)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
                if len(body) > 2048:    # as Go does
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(body), 1000):
                        piece = body[at:at + 1000]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                self.wfile.flush()

            def handle(self):
                with contextlib.suppress(OSError):
                    super().handle()

            def finish(self):
                with contextlib.suppress(OSError):
                    super().finish()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"{'https' if certificate else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, url, headers):
        if headers.get("X-Vault-Token") != self.token:
            return 403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}
        if self.odd.get("namespace", "") != (headers.get("X-Vault-Namespace") or ""):
            return 404, {"errors": ["no such namespace"]}
        path, query = urllib.parse.unquote(url.path)[4:], urllib.parse.parse_qs(url.query)
        if path.startswith("sys/internal/ui/mounts/"):
            return 200, {"data": {"path": self.odd.get("says", self.mount), "type": self.odd.get("type", "kv"),
                                  "options": self.odd.get("options", {"version": str(self.kv)} if self.kv == 2 else None)}}
        if not path.startswith(self.mount):
            return 404, {"errors": []}
        path = path[len(self.mount):]
        if "endless" in self.odd and "list" in query:
            return self.odd["endless"](path)
        if self.kv == 1:
            return self.answer_v1(path, query)
        area, path = path.split("/", 1)
        if "list" in query:
            return self.listing(path)
        if path not in self.secrets:
            return 404, {"errors": []}
        versions = self.secrets[path]
        if area == "metadata":
            return 200, b'{"request_id":"x","data":' + self.metadata(path).encode() + b',"warnings":null}'
        number = int(query.get("version", ["0"])[0]) or len(versions)
        value = versions[number - 1] if number <= len(versions) else None
        if value is None:
            return 404, {"errors": []}
        meta = {"created_time": "2020-01-01T00:00:00.5Z", "custom_metadata": None, "deletion_time": "", "destroyed": value == "destroyed", "version": number}
        if value in ("deleted", "destroyed", "expired"):
            return 404, {"request_id": "x", "data": {"data": None, "metadata": meta}}
        return 200, b'{"request_id":"x","lease_id":"","data":{"data":' + value.encode() + b',"metadata":' + json.dumps(meta).encode() + b"}}"

    def answer_v1(self, path, query):
        if "list" in query:
            return self.listing(path)
        if path not in self.secrets:
            return 404, {"errors": []}
        return 200, b'{"lease_duration":2764800,"data":' + self.secrets[path][-1].encode() + b"}"

    def listing(self, prefix):
        prefix = prefix.rstrip("/") + "/" if prefix else ""
        below = [p[len(prefix):] for p in self.secrets if p.startswith(prefix)]
        keys = sorted({p.split("/")[0] + ("/" if "/" in p else "") for p in below})
        return (200, {"data": {"keys": keys}}) if keys else (404, {"errors": []})

    def metadata(self, path):
        versions = self.secrets[path]
        soon, past = "2999-01-01T00:00:00Z", "2020-01-02T00:00:00Z"
        entries = {str(n): {"created_time": f"2020-01-0{n % 9 + 1}T00:00:00Z", "destroyed": v == "destroyed",
                            "deletion_time": past if v in ("deleted", "expired") else soon if v and "SOON" in v else ""}
                   for n, v in enumerate(versions, 1) if v is not None}
        meta = {"cas_required": False, "created_time": "2020-01-01T00:00:00Z", "current_version": len(versions), "custom_metadata": None,
                "delete_version_after": "0s", "max_versions": 0, "oldest_version": 0, "updated_time": "2020-01-01T00:00:00Z", "versions": entries}
        meta.update(self.odd.get("meta", {}))
        return json.dumps(meta)


def take(story, fake, place="kv", *words, code=0, sentence="", **more):
    more.setdefault("env", {"SOURCE": fake.token})
    outcome = story.envctl("import", "--from-vault", fake.address, place, "--source-token-env", "SOURCE", *words, **more)
    assert outcome.code == code and sentence in outcome.err, (words, outcome)
    assert fake.token not in outcome.out + outcome.err
    return outcome


@case
def as_hashicorp_vault_answers(story):
    raw = '{"BIG":123456789012345678901234567890,"E":1e400,"F":1.10,"HTML":"\\u003ca\\u0026b\\u003e","LONG":"%s","U":"Gr\\u00fc\\u00dfe \\ud83d\\ude00","NEST":{"a":[1,{"b":null}]}}' % ("x" * 5000)
    with Fake({"app/web": [None, None, '{"A":"3"}', "deleted", "destroyed", "expired", raw, '{"A":"SOON"}'], "other": ['{"B":"<&>"}']}) as fake:
        out = take(story, fake)
        assert "+ app/web (8 versions, 5 of them without content)" in out.out, out
        assert "not kept: the time at which 1 version was to be deleted" in out.err, out
        seen, settings = versions_of(story, "app/web")
        assert {n: v for n, v in seen.items() if isinstance(v, str)} == {1: "destroyed", 2: "destroyed", 4: "deleted", 5: "destroyed", 6: "deleted"}, seen
        got = story.get("secret/data/app/web?version=7").body
        for piece in (b'"BIG":123456789012345678901234567890', b'"E":1e400', b'"F":1.10', b'"NEST":{"a":[1,{"b":null}]}'):
            assert piece in got, (piece, got[:400])
        values = story.read("app/web", 7)
        assert values["HTML"] == "<a&b>" and values["U"] == "Grüße \U0001f600" and values["LONG"] == "x" * 5000
        assert settings["current_version"] == 8 and settings["max_versions"] == 0
        assert "equal" in take(story, fake).out and story.get("secret/metadata/app/web").data["current_version"] == 8


@case
def version_1_and_only_the_newest(story):
    with Fake({"a": ['{"A":"1"}'], "f/b": ['{"N":1.10,"ttl":"1h"}']}, kv=1) as fake:
        out = take(story, fake, "kv/", "--json")
        assert json.loads(out.out)["kv_version"] == 1
        assert b'"N":1.10' in story.get("secret/data/f/b").body and story.read("a") == {"A": "1"}
        assert "0 new, 0 continued, 0 updated, 2 equal" in take(story, fake).out
        fake.secrets["a"] = ['{"A":"2"}']
        take(story, fake, code=6, sentence="--update")
        take(story, fake, "kv", "--update")
        assert story.read("a") == {"A": "2"} and story.read("a", 1) == {"A": "1"}
    with Fake({"many": ["destroyed"] * 20000 + ['{"A":"1"}'], "dead": ['{"A":"1"}', "deleted"]}, meta={"versions": {"20001": {"deletion_time": "", "destroyed": False}}, "current_version": 20001}) as fake:
        out = take(story, fake, "kv", "--only", "many", code=1, sentence="--latest takes the current one only")
        assert "nothing was written" in out.err, out
        out = take(story, fake, "kv", "--latest")
        assert "+ many (1 version)" in out.out and "0 dead (left out" in out.out, out
        assert story.read("many") == {"A": "1"} and story.get("secret/metadata/many").data["current_version"] == 1


@case
def what_cannot_be_imported_is_told_before_anything_is_written(story):
    names = {"good": ['{"A":"1"}'], "with space": ['{"A":"1"}'], "ümlaut/x": ['{"A":"1"}'], "/".join("abcdefghi"): ['{"A":"1"}'], "x" * 128: ['{"A":"1"}'],
             "-dash": ['{"A":"1"}'], "ctl\u0001/deep": ['{"A":"1"}'], "empty-name": ['{"":"1"}'], "old-empty-name": ['{"":"1"}', '{"A":"1"}'],
             "large": ['{"A":"%s"}' % ("x" * 4200000)]}
    with Fake(names) as fake:
        out = take(story, fake, code=1, sentence="9 environments of the source cannot be imported")
        for name in ("with space", "ümlaut/x", "a/b/c/d/e/f/g/h/i", "x" * 128, "-dash", "ctl", "empty-name", "old-empty-name", "large"):
            assert f"cannot be imported: {name}" in out.err, (name, out)
        assert "nothing was written" in out.err and "\u0001" not in out.err
        assert story.good("list").out == ""
        take(story, fake, "kv", "--only", "good,old-empty-name", "--latest")
        assert story.good("list").out.split() == ["good", "old-empty-name"]


@case
def hostile_sources(story):
    for name, endless in {
        "deeper": lambda path: (200, {"data": {"keys": ["d/", "x"]}}),
        "broader": lambda path: (200, {"data": {"keys": [f"f{i}/" for i in range(400)]}} if path.count("/") < 60 else {"data": {"keys": []}}),
        "larger": lambda path: (200, b'{"data":{"keys":["d/"]}}' + b" " * 20000000),
        "no list": lambda path: (200, {"data": {"keys": "x"}}),
        "no data": lambda path: (200, {"keys": []}),
        "no JSON": lambda path: (200, b"<html>"),
        "far too large": lambda path: (200, b" " * 40000000 + b"{}"),
    }.items():
        with Fake({}, endless=endless) as fake:
            if name == "broader":
                continue    # tests/unit/envctl/test_walk.c counts to 100,000
            out = story.envctl("import", "--from-vault", fake.address, "kv", "--source-token-env", "S", env={"S": fake.token})
            assert out.code in (1, 5) and "the source" in out.err, (name, out)
            assert len(fake.asked) < 200, name
    for odd in ({"says": "other/"}, {"says": ""}, {"says": "kv"}, {"type": "pki"}, {"options": {"version": "3"}}, {"options": {"version": {}}},
                {"meta": {"current_version": -1}}, {"meta": {"current_version": 10**30}}, {"meta": {"versions": {"x": {}}}}, {"meta": {"versions": {"9": {}}}},
                {"meta": {"versions": {"1": 7}}}, {"meta": {"versions": []}}, {"meta": {"current_version": 10**15}}):
        with Fake({"a": ['{"A":"1"}']}, **odd) as fake:
            out = story.envctl("import", "--from-vault", fake.address, "kv", "--source-token-env", "S", env={"S": fake.token})
            assert out.code in (1, 5), (odd, out)
    with Fake({"a": ["[]"]}) as fake:
        take(story, fake, code=5, sentence="holds no values")
    assert story.good("list").out == ""


@case
def odd_settings_and_many_versions(story):
    with Fake({"a": ['{"N":%d}' % n for n in range(1, 151)]}, meta={"max_versions": 5000, "delete_version_after": "1.5s"}) as fake:
        out = take(story, fake)
        assert "not kept: settings of 1 environment that" in out.err, out
        meta = story.get("secret/metadata/a").data
        assert len(meta["versions"]) == 150 and meta["current_version"] == 150 and meta["max_versions"] == 1000, meta
        assert story.read("a", 1) == {"N": 1}
        assert "1 equal" in take(story, fake).out


@case
def a_mount_that_keeps_few(story):
    """None falls out while it is copied; afterwards the source's setting counts, as there."""
    story.good("set", "x", "A=1")
    assert story.request("POST", "secret/config", {"max_versions": 2}).status == 204
    with Fake({"a": ['{"N":%d}' % n for n in range(1, 8)], "b": ['{"N":1}', '{"N":2}']}, meta={"max_versions": 10}) as fake:
        take(story, fake)
        assert [story.read("a", n) for n in range(1, 8)] == [{"N": n} for n in range(1, 8)]
        assert story.read("b", 1) == {"N": 1} and story.get("secret/metadata/b").data["max_versions"] == 10
        assert "2 equal" in take(story, fake).out


@case
def the_token_of_the_source(story):
    with Fake({"a": ['{"A":"1"}']}, namespace="team/x") as fake:
        more = ["import", "--from-vault", fake.address, "kv"]
        story.bad(4, "the token of the source is not accepted", *more, "--source-namespace", "team/x", stdin="hvs.wrong\n")
        story.bad(4, "there is no mount kv there, or", *more, "--source-namespace", "team/x", stdin="hvs.wrong\n")
        story.bad(1, "--source-token-env): no token was given: the first line of standard input is empty", *more)
        story.bad(64, "is not set", *more, "--source-token-env", "NOT_SET")
        story.bad(64, "give one of", *more, "--source-token-env", "A", "--source-token-file", "-")
        story.bad(64, "--source-namespace", *more, "--source-namespace", "a\r\nX: y", stdin=fake.token + "\n")
        story.bad(3, "no such namespace", *more, stdin=fake.token + "\n")
        story.good(*more, "--source-namespace", "team/x", "--dry-run", stdin=fake.token + "\n")
        path = story.path("source-token")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644), "w") as handle:
            handle.write(fake.token + "\n")
        story.bad(77, path, *more, "--source-namespace", "team/x", "--source-token-file", path)
        os.chmod(path, 0o600)
        story.good(*more, "--source-namespace", "team/x", "--source-token-file", path, "--dry-run")
        shown = story.terminal(*more, "--source-namespace", "team/x", answers=[("Token of the source: ", fake.token + "\n")])
        assert fake.token not in shown and "copying 1 of 1: a" in shown and "1 new" in shown, shown


@case
def over_tls(story):
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    key, certificate = story.path("s.key"), story.path("s.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
            "-subj", "/CN=source", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    with Fake({"a": ['{"A":"%s"}' % ("y" * 100000)]}, certificate=(certificate, key)) as fake:
        take(story, fake, code=5, sentence="its issuer is not trusted")
        assert fake.asked == []
        take(story, fake, "kv", "--source-ca", story.path("nothing"), code=78, sentence="no certificate could be read")
        take(story, fake, "kv", "--source-ca", certificate, env={"SOURCE": fake.token, "VAULT_TLS_SERVER_NAME": "vault.example"})
        assert story.read("a") == {"A": "y" * 100000}
    story.bad(78, "plain http is for loopback only", "import", "--from-vault", "http://192.0.2.1:8200", "secret", stdin="hvs.x\n")


run_cases()
