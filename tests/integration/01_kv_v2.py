#!/usr/bin/env python3
# tier: quick
# sanitized: yes
"""Vault's KV version 2 on the wire: what clients read and what they depend on."""
import functools
import json
import re

import vault

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
DAEMON = vault.personal()
request, get, put, write = DAEMON.request, DAEMON.get, DAEMON.put, DAEMON.write
post = functools.partial(request, "POST")


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def test_envelope_and_headers():
    write("shape/a", {"A": "1"})
    answer = get("secret/data/shape/a")
    same(answer.status, 200)
    same(answer.headers["content-type"], "application/json")
    same(answer.headers["cache-control"], "no-store")
    body = answer.json
    same(sorted(body), ["auth", "data", "lease_duration", "lease_id", "renewable", "request_id", "warnings", "wrap_info"])
    same([body[k] for k in ("auth", "lease_duration", "lease_id", "renewable", "warnings", "wrap_info")], [None, 0, "", False, None, None])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", body["request_id"])
    same(body["data"]["data"], {"A": "1"})
    metadata = body["data"]["metadata"]
    assert TIME.match(metadata.pop("created_time"))
    same(metadata, {"custom_metadata": None, "deletion_time": "", "destroyed": False, "version": 1})
    assert get("secret/data/shape/a").json["request_id"] != body["request_id"]


def test_write_answers_with_the_version():
    answer = put("secret/data/write/a", {"data": {"A": "1"}, "cas": 0, "options": {}, "unknown": [1]})
    same(answer.status, 200)
    assert TIME.match(answer.data.pop("created_time"))
    data = answer.data
    data.pop("created_time")
    same(data, {"custom_metadata": None, "deletion_time": "", "destroyed": False, "version": 1})
    same(post("secret/data/write/a", {"data": {}}).data["version"], 2)
    same(DAEMON.read("write/a"), {})
    same(DAEMON.read("write/a", 1), {"A": "1"})


def test_absent_is_an_empty_list_of_errors():
    for path in ("secret/data/none", "secret/metadata/none", "secret/subkeys/none", "secret/data/write/a?version=99",
                 "secret/metadata/none?list=true"):
        answer = get(path)
        same((answer.status, answer.body), (404, b'{"errors":[]}'))


def test_data_is_needed():
    for body in (b"", b"{}", b'{"data":null}', b'{"options":{"cas":0}}'):
        answer = put("secret/data/nodata", body)
        same((answer.status, answer.errors), (400, ["no data provided"]))
    for body in (b'{"data":[]}', b'{"data":"x"}', b'{"data":{"A":"1"},"options":7}', b"[]", b"7", b'{"data":{"A":"1"}', b"a=b"):
        same(put("secret/data/nodata", body).status, 400)
    same(get("secret/metadata/nodata").status, 404)


def test_cas():
    answer = put("secret/data/cas/a", {"data": {"A": "1"}, "options": {"cas": 1}})
    same((answer.status, answer.errors), (400, ["check-and-set parameter did not match the current version"]))
    same(write("cas/a", {"A": "1"}, cas=0), 1)
    same(put("secret/data/cas/a", {"data": {"A": "2"}, "options": {"cas": 0}}).status, 400)
    same(put("secret/data/cas/a", {"data": {"A": "2"}, "options": {"cas": -1}}).status, 400)
    same(write("cas/a", {"A": "2"}, cas="1"), 2)
    same(put("secret/data/cas/a", {"data": {"A": "2"}, "options": {"cas": "x"}}).status, 400)
    same(put("secret/data/cas/a", {"data": {"A": "2"}, "options": {"cas": 1.5}}).status, 400)
    same(write("cas/a", {"A": "3"}, cas=2), 3)
    # a key with metadata alone counts as version 0
    same(put("secret/metadata/cas/meta", {"cas_required": True}).status, 204)
    answer = put("secret/data/cas/meta", {"data": {"A": "1"}})
    same((answer.status, answer.errors), (400, ["check-and-set parameter required for this call"]))
    same(write("cas/meta", {"A": "1"}, cas=0), 1)


def test_values_keep_their_text():
    raw = (b'{"data":{"big":123456789012345678901234567890,"price":1.10,"exp":1E400,"neg":-0,"t":true,"n":null,'
           b'"o":{"b":[1,{"c":"\\u00e9"}],"a":{}},"s":"\\u0041\\ud83d\\ude00\\n\\/","":"x"}}')
    answer = put("secret/data/raw/a", raw)
    if answer.status == 400:  # an empty name cannot be stored
        raw = raw.replace(b',"":"x"', b"")
        answer = put("secret/data/raw/a", raw)
    same(answer.status, 200)
    text = get("secret/data/raw/a").body.decode()
    for piece in ('"big":123456789012345678901234567890', '"price":1.10', '"exp":1E400', '"neg":-0', '"t":true'):
        assert piece in text, (piece, text)
    data = DAEMON.read("raw/a")
    same(data["o"], {"b": [1, {"c": "é"}], "a": {}})
    same(data["s"], "A😀\n/")


def test_deleted_answers_404_with_the_envelope():
    write("del/a", {"A": "1"})
    write("del/a", {"A": "2"})
    same(request("DELETE", "secret/data/del/a").status, 204)
    answer = get("secret/data/del/a")
    same(answer.status, 404)
    same(answer.data["data"], None)
    same(answer.data["metadata"]["version"], 2)
    assert TIME.match(answer.data["metadata"]["deletion_time"])
    same(answer.data["metadata"]["destroyed"], False)
    same(DAEMON.read("del/a", 1), {"A": "1"})
    same(post("secret/undelete/del/a", {"versions": [2]}).status, 204)
    same(DAEMON.read("del/a"), {"A": "2"})


def test_lists_of_versions():
    for i in range(5):
        write("versions/a", {"A": str(i)})
    same(post("secret/delete/versions/a", {"versions": ["1", 2]}).status, 204)
    same(put("secret/delete/versions/a", {"versions": "3, 4"}).status, 204)
    versions = get("secret/metadata/versions/a").data["versions"]
    same([k for k in versions if versions[k]["deletion_time"]], ["1", "2", "3", "4"])
    same(put("secret/undelete/versions/a", {"versions": [1, 99, -3]}).status, 204)
    same(DAEMON.read("versions/a", 1), {"A": "0"})
    same(put("secret/destroy/versions/a", {"versions": [3]}).status, 204)
    answer = get("secret/data/versions/a?version=3")
    same((answer.status, answer.data["data"], answer.data["metadata"]["destroyed"]), (404, None, True))
    same(put("secret/undelete/versions/a", {"versions": [3]}).status, 204)
    same(get("secret/data/versions/a?version=3").status, 404)
    for verb in ("delete", "undelete", "destroy"):
        for body in ({}, {"versions": []}, {"versions": None}, None):
            answer = post(f"secret/{verb}/versions/a", body)
            same((answer.status, answer.errors), (400, ["No version number provided"]))
        same(post(f"secret/{verb}/versions/none", {"versions": [1]}).status, 204)
        same(post(f"secret/{verb}/versions/a", {"versions": ["x"]}).status, 400)
        same(post(f"secret/{verb}/versions/a", {"versions": {"a": 1}}).status, 400)
        same(post(f"secret/{verb}/versions/a", {"versions": [77] * 1000}).status, 204)
        same(post(f"secret/{verb}/versions/a", {"versions": [77] * 1001}).status, 400)


def test_delete_of_what_is_missing():
    same(request("DELETE", "secret/data/missing").status, 204)
    same(request("DELETE", "secret/metadata/missing").status, 204)


def test_patch():
    write("patch/a", {"A": "1", "B": "2", "O": {"x": 1, "y": 2}})
    answer = request("PATCH", "secret/data/patch/a", {"data": {"B": None, "C": "3", "O": {"x": None, "z": 3}}, "options": {"cas": 1}})
    same((answer.status, answer.data["version"]), (200, 2))
    same(DAEMON.read("patch/a"), {"A": "1", "C": "3", "O": {"y": 2, "z": 3}})
    same(request("PATCH", "secret/data/patch/a", {"data": {"A": "9"}, "options": {"cas": 1}}).status, 400)
    for kind in ("application/json", "text/plain", "application/merge-patch+jsonx"):
        same(request("PATCH", "secret/data/patch/a", {"data": {"A": "9"}}, headers={"Content-Type": kind}).status, 415)
    same(request("PATCH", "secret/data/patch/a", {"data": {"D": "4"}},
                 headers={"Content-Type": "application/merge-patch+json; charset=utf-8"}).status, 200)
    answer = request("PATCH", "secret/data/patch/none", {"data": {"A": "9"}})
    same((answer.status, answer.body), (404, b'{"errors":[]}'))
    request("DELETE", "secret/data/patch/a")
    answer = request("PATCH", "secret/data/patch/a", {"data": {"A": "9"}})
    same((answer.status, answer.data["data"], answer.data["metadata"]["version"]), (404, None, 3))


def test_metadata():
    same(put("secret/metadata/meta/a", {"max_versions": "3", "delete_version_after": "1h30m",
                                        "custom_metadata": {"owner": "team", "b": "ü"}, "cas_required": "false"}).status, 204)
    data = get("secret/metadata/meta/a").data
    same(data["current_version"], 0)
    same(data["oldest_version"], 0)
    same(data["versions"], {})
    same((data["max_versions"], data["cas_required"], data["delete_version_after"]), (3, False, "1h30m0s"))
    same(data["custom_metadata"], {"owner": "team", "b": "ü"})
    for i in range(5):
        write("meta/a", {"A": str(i)})
    data = get("secret/metadata/meta/a").data
    same(sorted(data["versions"]), ["3", "4", "5"])
    same((data["current_version"], data["oldest_version"]), (5, 3))
    same(sorted(data["versions"]["5"]), ["created_time", "deletion_time", "destroyed"])
    assert data["versions"]["5"]["deletion_time"] > data["versions"]["5"]["created_time"]  # still readable
    same(get("secret/data/meta/a").data["metadata"]["custom_metadata"], {"owner": "team", "b": "ü"})
    same(request("PATCH", "secret/metadata/meta/a", {"custom_metadata": {"b": None, "c": "3"}}).status, 204)
    same(get("secret/metadata/meta/a").data["custom_metadata"], {"owner": "team", "c": "3"})
    same(request("PATCH", "secret/metadata/meta/none", {"max_versions": 1}).status, 404)
    same(put("secret/metadata/meta/a", b"").status, 204)
    same(get("secret/metadata/meta/a").data["max_versions"], 3)
    for bad in ({"max_versions": -1}, {"max_versions": "x"}, {"max_versions": 1001}, {"cas_required": 7},
                {"delete_version_after": "soon"}, {"custom_metadata": ["a"]}, {"custom_metadata": {"a": 1}}):
        same(put("secret/metadata/meta/a", bad).status, 400)
    same(request("DELETE", "secret/metadata/meta/a").status, 204)
    same(get("secret/metadata/meta/a").status, 404)
    same(get("secret/data/meta/a").status, 404)


def test_listing():
    for env in ("list/b", "list/a/x", "list/a", "list/a-b", "list/A"):
        write(env, {})
    wanted = ["A", "a", "a-b", "a/", "b"]
    for method, path in (("LIST", "secret/metadata/list"), ("LIST", "secret/metadata/list/"), ("GET", "secret/metadata/list?list=true"),
                         ("GET", "secret/metadata/list/?list=1")):
        answer = request(method, path)
        same((answer.status, sorted(answer.data["keys"])), (200, sorted(wanted)))
        same(answer.data["keys"], sorted(answer.data["keys"], key=str.encode))
    assert "list/" in request("LIST", "secret/metadata").data["keys"]
    assert "list/" in request("LIST", "secret/metadata/").data["keys"]
    answer = request("LIST", "secret/metadata/list/b")
    same((answer.status, answer.body), (404, b'{"errors":[]}'))
    same(request("LIST", "secret/data/list").status, 405)


def test_mount_configuration():
    same(get("secret/config").data, {"cas_required": False, "delete_version_after": "0s", "max_versions": 0})
    same(post("secret/config", {"max_versions": 7}).status, 204)
    same(put("secret/config", {"delete_version_after": 3600}).status, 204)
    same(get("secret/config").data, {"cas_required": False, "delete_version_after": "1h0m0s", "max_versions": 7})
    same(post("secret/config", {"max_versions": 0, "delete_version_after": "0s"}).status, 204)
    same(post("secret/config", {"max_versions": -1}).status, 400)
    same(post("secret/config", {"max_versions": "many"}).status, 400)


def test_subkeys():
    write("sub/a", {"A": "1", "O": {"x": {"y": 1}, "e": {}}, "L": [{"z": 1}]})
    same(get("secret/subkeys/sub/a").data["subkeys"], {"A": None, "L": None, "O": {"x": {"y": None}, "e": None}})
    same(get("secret/subkeys/sub/a?depth=1").data["subkeys"], {"A": None, "L": None, "O": None})
    same(get("secret/subkeys/sub/a?depth=2").data["subkeys"], {"A": None, "L": None, "O": {"x": None, "e": None}})
    same(get("secret/subkeys/sub/a?version=1").data["metadata"]["version"], 1)
    same(get("secret/subkeys/sub/a?depth=x").status, 400)


def test_paths_that_are_none():
    answer = get("secret/foo/a")
    same(answer.status, 404)
    same(answer.json["data"], None)
    assert answer.json["warnings"][0].startswith("Invalid path for a versioned K/V secrets engine"), answer
    answer = get("nothing/here")
    same((answer.status, answer.errors), (404, ['no handler for route "nothing/here". route entry not found.']))
    answer = put("secret/data/a/", {"data": {}})
    same((answer.status, answer.errors), (400, ["cannot write to a path ending in '/'"]))
    for method in ("DELETE", "PATCH"):
        answer = request(method, "secret/resolve/a", {} if method == "PATCH" else None)
        same((answer.status, answer.errors), (405, ["unsupported operation"]))
    for bad in ("-a", "a/.b", "a/" + "x" * 128, "/".join("abcdefghi"), "a@b"):
        same(get("secret/data/" + bad).status, 400)
    same(get("secret/data/" + "/".join(["x" * 127] * 8)).status, 404)
    same(get("secret/data/a?version=-1").status, 400)
    same(get("secret/data/a?version=1&version=2").status, 400)


def test_without_an_identity_everything_is_403():
    answers = [request(m, p, b, token="not-a-token") for m, p, b in (
        ("GET", "secret/data/shape/a", None), ("GET", "secret/data/none", None), ("GET", "nothing/here", None),
        ("GET", "secret/foo/a", None), ("PUT", "secret/data/x", {"data": {}}), ("LIST", "secret/metadata", None),
        ("DELETE", "secret/resolve/a", None), ("GET", "sys/mounts", None), ("GET", "sys/none", None),
        ("GET", "auth/token/lookup-self", None), ("PUT", "sys/seal", {}))]
    same({(a.status, a.body) for a in answers}, {(403, b'{"errors":["permission denied"]}')})
    same(get("secret/data/x").status, 404)


def test_head_is_get_without_a_body():
    stream = DAEMON.connect()
    stream.sendall(b"HEAD /v1/secret/data/shape/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    got = b""
    while piece := stream.recv(65536):
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and body == b"", got


def test_keep_alive_serves_many():
    with DAEMON.connect() as stream:
        for i in range(50):
            same(request("PUT", f"secret/data/keep/{i}", {"data": {"I": str(i)}}, stream=stream).status, 200)
            same(request("GET", f"secret/data/keep/{i}", stream=stream).data["data"], {"I": str(i)})


def test_chunked_body():
    body = json.dumps({"data": {"A": "x" * 5000}}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:10], body[10:4000], body[4000:])) + b"0\r\n\r\n"
    got = DAEMON.raw(b"PUT /v1/secret/data/chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, timeout=5)
    assert got.startswith(b"HTTP/1.1 200") and b"Connection: close" in got, got
    same(DAEMON.read("chunked")["A"], "x" * 5000)


def test_many_at_once_each_durable():
    import threading
    failures = []

    def run(n):
        try:
            for i in range(10):
                same(write(f"many/{n}", {"I": str(i)}), i + 1)
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=run, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    same(len(request("LIST", "secret/metadata/many").data["keys"]), 32)


def test_stops_cleanly():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "kv")
