#!/usr/bin/env python3
# sanitized: yes
"""Bodies, names, values and JSON at their limits and one beyond."""
import json

import vault

DAEMON = vault.personal()
request, get, put, write = DAEMON.request, DAEMON.get, DAEMON.put, DAEMON.write
DATA_MAX, SMALL_MAX, INIT_MAX = 4 * 1024 * 1024, 64 * 1024, 96 * 1024


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def padded(body, size):
    return body + b" " * (size - len(body))


def raw_put(env, text, status):
    answer = put("secret/data/" + env, text if isinstance(text, bytes) else text.encode())
    assert answer.status == status, (text[:100], answer)
    return answer


def test_body_of_data():
    body = b'{"data":{"A":"1"}}'
    raw_put("body/a", padded(body, DATA_MAX), 200)
    answer = raw_put("body/a", padded(body, DATA_MAX + 1), 413)
    assert "4194304" in answer.errors[0], answer
    same(get("secret/metadata/body/a").data["current_version"], 1)
    same(put("secret/data/body/a", padded(body, 3 * DATA_MAX)).status, 413)


def test_body_of_other_paths():
    for path in ("secret/metadata/body/m", "secret/delete/body/a", "secret/config"):
        body = b'{"versions":[77]}'
        same(put(path, padded(body, SMALL_MAX)).status, 204)
        same(put(path, padded(body, SMALL_MAX + 1)).status, 413)
    same(put("sys/unseal", padded(b'{"key":"zz"}', INIT_MAX)).status, 400)
    same(put("sys/unseal", padded(b'{"key":"zz"}', INIT_MAX + 1)).status, 413)


def test_a_huge_body_ends_the_connection_at_once():
    got = DAEMON.raw(b"PUT /v1/secret/data/x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n{", timeout=10)
    assert got.startswith(b"HTTP/1.1 413") and got.count(b"HTTP/1.1") == 1, got


def test_a_body_that_waits_for_a_word_is_refused_without_it():
    got = DAEMON.raw(b"PUT /v1/secret/data/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n", timeout=10)
    assert got.startswith(b"HTTP/1.1 413"), got
    body = b'{"data":{}}'
    with DAEMON.connect(10) as stream:
        stream.sendall(b"PUT /v1/secret/data/cont HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert stream.recv(1000).startswith(b"HTTP/1.1 100")
        stream.sendall(body)
        assert stream.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_chunked_body_is_counted_while_it_comes():
    piece = b"%x\r\n%s\r\n" % (65536, b" " * 65536)
    with DAEMON.connect(30) as stream:
        stream.sendall(b"PUT /v1/secret/data/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(65):
            stream.sendall(piece)
        stream.sendall(b"0\r\n\r\n")
        answer = vault.read_answer(stream)
    same(answer.status, 413)
    same(get("secret/metadata/x").status, 404)


def test_an_unknown_caller_is_refused_before_the_body():
    got = DAEMON.raw(b"PUT /v1/secret/data/x HTTP/1.1\r\nHost: h\r\nX-Vault-Token: no\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
                     timeout=10)
    assert got.startswith(b"HTTP/1.1 403"), got


def nested(depth):
    return '{"data":{"A":' + "[" * (depth - 2) + "]" * (depth - 2) + "}}"


def test_depth():
    raw_put("depth/a", nested(32), 200)
    raw_put("depth/a", nested(33), 400)
    raw_put("depth/a", '{"data":{"A":' + "[" * 1000000, 400)
    raw_put("depth/a", '{"data":' * 100000, 400)


def test_json_that_is_none():
    for text in ('{"data":{"A":"1","A":"2"}}', '{"data":{"A":1,"\\u0041":2}}', '{"data":{},"data":{}}', '{"data":{"A":{"x":1,"x":2}}}',
                 '{"data":{"A":"\\ud800"}}', '{"data":{"A":"\\udc00x"}}', '{"data":{"A":"\\ud800\\u0041"}}', '{"data":{"\\ud800":"1"}}',
                 '{"data":{"A":"\n"}}', '{"data":{"A":"\\x"}}', '{"data":{"A":01}}', '{"data":{"A":+1}}', '{"data":{"A":.5}}',
                 '{"data":{"A":1.}}', '{"data":{"A":NaN}}', '{"data":{"A":Infinity}}', "{'data':{}}", '{"data":{}}x', '{"data":{},}',
                 '{"data":{"A":[1,]}}', '{"data":{"A":"1"}', "", "null", '"x"', '\ufeff{"data":{}}', '{"data":{"A":tru}}', '{"data":{A:1}}'):
        answer = raw_put("bad/a", text, 400)
        for canary in ("\\ud800", "NaN"):
            assert canary not in answer.body.decode()
    for text in (b'{"data":{"A":"\xff"}}', b'{"data":{"A":"\xc0\xae"}}', b'{"data":{"A":"\xed\xa0\x80"}}', b'{"data":{"A":"\xf4\x90\x80\x80"}}',
                 b'{"data":{"A":"\xc3"}}', b'{"data":{"A":"a\0b"}}', b'{"data":{"A":"1"}}\0'):
        raw_put("bad/a", text, 400)
    same(get("secret/metadata/bad/a").status, 404)


def test_errors_do_not_hold_what_was_sent():
    for body in (b'{"data":{"A":"canary-value",}}', b'{"data":"canary-value"}', b'canary-value', b'{"canary-value":1,"canary-value":2}',
                 b'{"data":{"A":"canary-value"},"options":{"cas":"canary-value"}}'):
        answer = put("secret/data/canary", body)
        same(answer.status, 400)
        assert b"canary" not in answer.body, answer
    for slot in ({"type": "canary-value"}, {"passphrase": "canary-value", "key": "canary-value!"}, {"canary-value": 1}, "canary-value"):
        answer = put("sys/unseal", {"slot": slot})
        assert answer.status == 400 and b"canary" not in answer.body, (slot, answer)
    assert "canary" not in DAEMON.log()


def test_names_of_variables():
    write("names/a", {"x" * 1024: "1", "ü": "2", "a b\n\"\\": "3", "lower.dash-": "4"})
    same(DAEMON.read("names/a")["a b\n\"\\"], "3")
    raw_put("names/a", json.dumps({"data": {"x" * 1025: "1"}}), 400)
    raw_put("names/a", '{"data":{"A\\u0000B":"1"}}', 400)
    raw_put("names/a", '{"data":{"":"1"}}', 400)


def test_values():
    write("values/a", {"A": "x" * 200000, "E": "", "U": "\u0001\u007f\u2028😀"})
    same(len(DAEMON.read("values/a")["A"]), 200000)
    same(DAEMON.read("values/a")["U"], "\u0001\u007f\u2028😀")
    answer = put("secret/data/values/nul", b'{"data":{"A":"a\\u0000b"}}')
    assert answer.status in (200, 400), answer
    if answer.status == 200:
        same(DAEMON.read("values/nul"), {"A": "a\0b"})


def test_size_of_an_environment():
    low, high = 500000, 600000
    while high - low > 1:
        middle = (low + high) // 2
        answer = put("secret/data/size/a", {"data": {"A": "x" * middle}})
        assert answer.status in (200, 413, 400), answer
        low, high = (middle, high) if answer.status == 200 else (low, middle)
    assert 523000 < low < 524156, low
    version = write("size/a", {"A": "y" * low})
    same(DAEMON.read("size/a")["A"], "y" * low)
    answer = put("secret/data/size/a", {"data": {"A": "y" * high}})
    assert answer.status in (400, 413) and b"yyy" not in answer.body, answer
    same(get("secret/metadata/size/a").data["current_version"], version)


def test_number_of_variables():
    write("many/a", {f"V{i}": "1" for i in range(10000)})
    same(len(DAEMON.read("many/a")), 10000)
    same(len(get("secret/resolve/many/a?origins=false").data["variables"]), 10000)
    answer = put("secret/data/many/a", {"data": {f"V{i}": "1" for i in range(10001)}})
    assert answer.status in (400, 413), answer
    same(request("PATCH", "secret/data/many/a", {"data": {"ONE_MORE": "1"}}).status, answer.status)
    same(get("secret/metadata/many/a").data["current_version"], 1)


def test_messages():
    same(put("secret/data/msg/a", {"data": {}, "options": {"message": "x" * 1024}}).status, 200)
    same(put("secret/data/msg/a", {"data": {}, "options": {"message": "x" * 1025}}).status, 400)
    same(put("secret/data/msg/a", {"data": {}, "options": {"message": 7}}).status, 400)
    same(get("secret/history/msg/a").data["revisions"][0]["message"], "x" * 1024)


def test_custom_metadata():
    same(put("secret/metadata/cm", {"custom_metadata": {f"k{i}": "v" for i in range(64)}}).status, 204)
    same(put("secret/metadata/cm", {"custom_metadata": {f"k{i}": "v" for i in range(65)}}).status, 400)
    same(put("secret/metadata/cm", {"custom_metadata": {"k" * 128: "v" * 512}}).status, 204)
    same(put("secret/metadata/cm", {"custom_metadata": {"k" * 129: "v"}}).status, 400)
    same(put("secret/metadata/cm", {"custom_metadata": {"k": "v" * 513}}).status, 400)


def test_stops_cleanly():
    same(DAEMON.stop(), 0)
    DAEMON.remove()


if __name__ == "__main__":
    vault.main(dict(globals()), "limits")
