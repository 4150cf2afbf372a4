#!/usr/bin/env python3
"""The life of tokens, wrapped answers and leases, where other secret managers let them live too long, too often or for somebody else: each
test names the advisory it stands for."""
import concurrent.futures
import json
import threading
import time

from routes import MERGE, ROUTES, example, prepare, vault

DAEMON = vault.personal()
prepare(DAEMON)
COUNT = 0
ALL = ["create", "read", "update", "patch", "delete", "list", "sudo"]
INT64 = 2 ** 63 - 1


def same(a, b):
    assert a == b, f"{a!r} is not {b!r}"


def root(method, path, body=None, status=(200, 204)):
    answer = DAEMON.request(method, path, body, token=DAEMON.root_token)
    assert answer.status in status, (method, path, answer)
    return answer


def policy(rules):
    global COUNT
    COUNT += 1
    root("PUT", f"sys/policies/acl/life-{COUNT}", {"policy": json.dumps({"path": {path: {"capabilities": c} for path, c in rules.items()}})})
    return f"life-{COUNT}"


def create(rules=None, by=None, path="auth/token/create", **options):
    body = {"policies": [policy(rules)] if rules else ["life-none"], "no_default_policy": True, "ttl": "1h", **options}
    answer = DAEMON.request("POST", path, body, token=by or DAEMON.root_token)
    assert answer.status == 200, answer
    return answer.json["auth"]


def lives(token):
    """Whether the token is anybody: a token without rights is refused as well, but can look itself up with a policy that says so."""
    status = DAEMON.get("auth/token/lookup-self", token=token).status
    assert status in (200, 403), status
    return status == 200


SELF = {"auth/token/lookup-self": ["read"], "auth/token/renew-self": ["update"], "auth/token/revoke-self": ["update"]}
PARENT = {**SELF, "auth/token/create": ["create", "update"], "secret/data/*": ALL}


def test_CVE_2021_32923_renewal_at_the_very_end_gives_no_eternal_token():
    for increment in (0, "0s", 1, "1s", None):
        made = create(SELF, ttl="2s", explicit_max_ttl="3s")
        for _ in range(30):
            answer = DAEMON.put("auth/token/renew-self", {} if increment is None else {"increment": increment}, token=made["client_token"])
            if answer.status != 200:
                break
            assert 0 <= answer.json["auth"]["lease_duration"] <= 3, answer
            looked = DAEMON.get("auth/token/lookup-self", token=made["client_token"])
            assert looked.status == 403 or looked.data["expire_time"] is not None, looked
            time.sleep(0.15)
        time.sleep(max(0, 3.2 - 30 * 0.15))
        same(lives(made["client_token"]), False)


def test_increments_that_are_negative_huge_or_no_number():
    made = create(SELF, ttl="1h", explicit_max_ttl="2h")
    for increment in (-1, "-1s", -INT64, INT64, str(INT64), INT64 + 1, 10 ** 30, "9223372036854775807s", "99999999999999999h", "1e30", 1.5, "x", [], {}, True,
                      "0x10", "1d1d1d", " 5", "5 ", "１０"):
        answer = DAEMON.put("auth/token/renew-self", {"increment": increment}, token=made["client_token"])
        assert answer.status in (200, 400), (increment, answer)
        if answer.status == 200:
            assert 0 < answer.json["auth"]["lease_duration"] <= 7200, (increment, answer)
        same(lives(made["client_token"]), True)
    for ttl in (-1, "-1h", -INT64, INT64, 10 ** 30, "99999999999999999h", "x", [], {}):
        for name in ("ttl", "explicit_max_ttl", "period"):
            answer = DAEMON.request("POST", "auth/token/create", {"policies": ["life-none"], name: ttl}, token=DAEMON.root_token)
            assert answer.status in (200, 400), (name, ttl, answer)
            if answer.status == 200:
                assert 0 < answer.json["auth"]["lease_duration"] <= 768 * 3600, (name, ttl, answer)


def test_a_token_ends_when_it_is_said_to():
    made = create(SELF, ttl="1s")
    same(lives(made["client_token"]), True)
    time.sleep(1.3)
    same(lives(made["client_token"]), False)
    same(DAEMON.put("auth/token/renew-self", {}, token=made["client_token"]).status, 403)
    assert root("PUT", "auth/token/renew", {"token": made["client_token"]}, status=(400, 403)).status
    assert root("PUT", "auth/token/lookup", {"token": made["client_token"]}, status=(400, 403)).status


def test_expired_while_it_was_sealed_or_down():
    """0.10.2: it does not come back to life."""
    first, second = create(SELF, ttl="2s"), create(SELF, ttl="2s")
    lasting = create(SELF, ttl="1h")
    root("PUT", "sys/seal")
    time.sleep(2.3)
    same(DAEMON.unseal().status, 200)
    same([lives(one["client_token"]) for one in (first, second, lasting)], [False, False, True])
    third = create(SELF, ttl="2s")
    same(DAEMON.stop(), 0)
    time.sleep(2.3)
    DAEMON.start()
    same(DAEMON.unseal().status, 200)
    same([lives(one["client_token"]) for one in (first, third, lasting)], [False, False, True])
    same(DAEMON.put("auth/token/renew-self", {}, token=third["client_token"]).status, 403)


def in_parallel(count, function):
    barrier = threading.Barrier(count)

    def wait_and_call(i):
        barrier.wait()
        return function(i)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_call, range(count)))


def test_use_limits_hold_under_a_race():
    DAEMON.write("race", {"A": "1"})
    for uses in (1, 3):
        made = create({"secret/data/race": ["read"]}, num_uses=uses)
        statuses = in_parallel(24, lambda i: DAEMON.get("secret/data/race", token=made["client_token"]).status)
        same((statuses.count(200), statuses.count(403)), (uses, 24 - uses))
        same(DAEMON.get("secret/data/race", token=made["client_token"]).status, 403)
    made = create({"secret/data/race": ["read"]}, num_uses=2)
    same(DAEMON.get("secret/data/none-of-it", token=made["client_token"]).status, 403)  # what is refused counts as well
    same(DAEMON.get("secret/data/race", token=made["client_token"]).status, 200)
    same(DAEMON.get("secret/data/race", token=made["client_token"]).status, 403)
    same(DAEMON.request("POST", "auth/token/create", {}, token=create(PARENT, num_uses=5)["client_token"]).status, 400)


def test_use_limits_survive_a_restart():
    DAEMON.write("race", {"A": "1"})
    made = create({"secret/data/race": ["read"]}, num_uses=2)
    same(DAEMON.get("secret/data/race", token=made["client_token"]).status, 200)
    DAEMON.kill()
    DAEMON.start()
    same(DAEMON.unseal().status, 200)
    same(DAEMON.get("secret/data/race", token=made["client_token"]).status, 200)
    same(DAEMON.get("secret/data/race", token=made["client_token"]).status, 403)


def test_children_go_with_their_parents():
    parent = create(PARENT)
    children = [create(PARENT, by=parent["client_token"], policies=parent["policies"])["client_token"] for _ in range(3)]
    grandchild = create(by=children[0], policies=parent["policies"])["client_token"]
    orphan = create(PARENT, path="auth/token/create-orphan")["client_token"]
    same([lives(token) for token in (*children, grandchild, orphan)], [True] * 5)
    root("PUT", "auth/token/revoke", {"token": parent["client_token"]})
    same([lives(token) for token in (parent["client_token"], *children, grandchild, orphan)], [False] * 5 + [True])
    parent = create(PARENT, ttl="1s")
    child = create(by=parent["client_token"], policies=parent["policies"], ttl="1h")["client_token"]
    time.sleep(1.3)
    same(lives(child), False)  # nor does it outlive a parent that has expired
    parent = create(PARENT)
    child = create(by=parent["client_token"], policies=parent["policies"])["client_token"]
    root("PUT", "auth/token/revoke-orphan", {"token": parent["client_token"]})
    same((lives(parent["client_token"]), lives(child)), (False, True))


def test_revoked_while_requests_are_in_flight():
    DAEMON.write("race", {"A": "1"})
    made, ends = create({"secret/data/race": ["read", "update"]}), threading.Event()
    seen = []

    def use(i):
        late = 0
        while not ends.is_set() or late < 3:
            after = ends.is_set()
            seen.append((after, DAEMON.get("secret/data/race", token=made["client_token"]).status if i % 2 else
                         DAEMON.put("secret/data/race", {"data": {"A": "2"}}, token=made["client_token"]).status))
            late += after

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        users = [pool.submit(use, i) for i in range(8)]
        time.sleep(0.3)
        root("PUT", "auth/token/revoke", {"token": made["client_token"]})
        ends.set()
        for user in users:
            user.result()
    same({status for after, status in seen if after}, {403})
    same({status for after, status in seen if not after} <= {200, 403}, True)


def test_CVE_2020_25816_batch_tokens_end_with_their_parents():
    parent = create(PARENT)
    batch = create(by=parent["client_token"], policies=parent["policies"], type="batch", ttl="10m")
    same(batch["token_type"], "batch")
    same(lives(batch["client_token"]), True)
    same(DAEMON.put("auth/token/renew-self", {}, token=batch["client_token"]).status, 400)
    same(DAEMON.request("POST", "auth/token/create", {}, token=batch["client_token"]).status, 400)
    root("PUT", "auth/token/revoke", {"token": parent["client_token"]})
    same(lives(batch["client_token"]), False)
    short = create(SELF, type="batch", ttl="1s")["client_token"]
    same(lives(short), True)
    time.sleep(1.3)
    same(lives(short), False)
    revoked = create(SELF, type="batch", ttl="10m")["client_token"]
    root("PUT", "auth/token/revoke", {"token": revoked})
    same(lives(revoked), False)
    for cut in range(0, len(short), 7):  # a sealed blob with a changed byte is nobody
        wrong = revoked[:cut] + ("A" if revoked[cut] != "A" else "B") + revoked[cut + 1:]
        same(lives(wrong), False)


def test_0_6_4_the_default_policy_is_for_oneself_alone():
    """With it a token may look at itself, renew and revoke itself, use its cubbyhole, wrap, and ask what it may; nothing else on any route."""
    own = ("/v1/auth/token/lookup-self", "/v1/auth/token/renew-self", "/v1/sys/capabilities-self", "/v1/sys/policy/explain", "/v1/sys/internal/ui/", "/v1/cubbyhole/",
           "/v1/sys/wrapping/", "/v1/sys/tools/", "/v1/sys/leases/renew", "/v1/sys/leases/lookup", "/v1/sys/renew")
    token = create(no_default_policy=False)["client_token"]
    for route in ROUTES:
        if route["flags"] & 1 or route["pattern"].endswith("revoke-self"):
            continue
        body = {} if route["method"] in ("PUT", "POST", "PATCH") else None
        answer = DAEMON.request(route["method"], example(route["pattern"], "default"), body, token=token, headers=MERGE if route["method"] == "PATCH" else None)
        if not route["pattern"].startswith(own):  # a body may be judged before the right to send it
            assert answer.status == 403 or body == {} and answer.status == 400, (route, answer)


def test_a_child_has_no_policy_that_its_parent_has_not():
    other = policy({"secret/data/secret": ALL})
    parent = create(PARENT)
    for policies in ([other], [*parent["policies"], other], ["root"], other, f"{parent['policies'][0]},{other}", [other.upper()], [" " + other]):
        for kind in ("service", "batch"):
            answer = DAEMON.request("POST", "auth/token/create", {"policies": policies, "type": kind}, token=parent["client_token"])
            assert answer.status in (400, 403), (policies, answer)
    same(DAEMON.request("POST", "auth/token/create", {"no_parent": True}, token=parent["client_token"]).status in (400, 403), True)
    same(DAEMON.request("POST", "auth/token/create", {"id": "hvs.mine"}, token=parent["client_token"]).status in (400, 403), True)
    same(DAEMON.request("POST", "auth/token/create-orphan", {}, token=parent["client_token"]).status, 403)


def test_CVE_2026_40264_CVE_2026_45808_accessors_and_leases_are_no_rights():
    """Who knows the accessor or the lease of another's token can do nothing with it."""
    victim = create(SELF)
    attacker = create(PARENT, no_default_policy=False)["client_token"]
    for path, body in (("auth/token/lookup-accessor", {"accessor": victim["accessor"]}), ("auth/token/renew-accessor", {"accessor": victim["accessor"]}),
                       ("auth/token/revoke-accessor", {"accessor": victim["accessor"]}), ("auth/token/lookup", {"token": victim["client_token"]}),
                       ("auth/token/renew", {"token": victim["client_token"]}), ("auth/token/revoke", {"token": victim["client_token"]}),
                       ("auth/token/revoke-orphan", {"token": victim["client_token"]}), ("sys/capabilities-accessor", {"accessor": victim["accessor"], "paths": ["x"]}),
                       ("sys/leases/revoke", {"lease_id": "auth/token/create/" + victim["accessor"]}),
                       ("sys/leases/revoke-prefix/auth/token/create", {}), ("sys/leases/revoke-force/auth/token/create", {}), ("auth/token/tidy", {})):
        real = DAEMON.put(path, body, token=attacker)
        assert real.status in (400, 403, 404), (path, real)
        body = {name: "none" if name in ("accessor", "token") else value for name, value in body.items()}
        same((path, DAEMON.put(path, body, token=attacker).status), (path, real.status))
    same(DAEMON.request("LIST", "auth/token/accessors", token=attacker).status, 403)
    same(DAEMON.request("LIST", "sys/leases/lookup/auth/token/create", token=attacker).status in (403, 404), True)
    same(lives(victim["client_token"]), True)
    looked = root("PUT", "auth/token/lookup-accessor", {"accessor": victim["accessor"]}).data
    same((looked["id"], victim["client_token"] in json.dumps(looked)), ("", False))


def test_cubbyholes_are_their_tokens_alone():
    first, second = create({"cubbyhole/*": ALL}), create({"cubbyhole/*": ALL})
    same(DAEMON.put("cubbyhole/x", {"A": "first"}, token=first["client_token"]).status, 204)
    for other in (second["client_token"], DAEMON.root_token):
        same(DAEMON.get("cubbyhole/x", token=other).status, 404)
    root("PUT", "auth/token/revoke", {"token": first["client_token"]})
    same(DAEMON.get("cubbyhole/x", token=first["client_token"]).status, 403)


# -- wrapping ----------------------------------------------------------------------------------------------


def wrapped(ttl="60"):
    DAEMON.write("race", {"A": "1"})
    return DAEMON.get("secret/data/race", headers={"X-Vault-Wrap-TTL": ttl}).json["wrap_info"]["token"]


def test_a_wrapped_answer_is_given_once():
    for _ in range(3):
        token = wrapped()
        statuses = in_parallel(24, lambda i: (DAEMON.put("sys/wrapping/unwrap", {"token": token}) if i % 2 else
                                              DAEMON.put("sys/wrapping/unwrap", None, token=token)).status)
        same((statuses.count(200), statuses.count(400) + statuses.count(403)), (1, 23))
    token = wrapped()
    answers = in_parallel(16, lambda i: DAEMON.put("sys/wrapping/" + ("unwrap" if i % 2 else "rewrap"), {"token": token}))
    good = [answer for answer in answers if answer.status == 200]
    same(len(good), 1)
    again = DAEMON.put("sys/wrapping/unwrap", {"token": token})
    same((again.status, again.errors), (400, ["wrapping token is not valid or does not exist"]))


def test_a_wrapping_token_is_no_other_token():
    token = wrapped()
    for route in ROUTES:
        if route["flags"] & 1 or route["pattern"].startswith("/v1/sys/wrapping/"):
            continue
        body = {} if route["method"] in ("PUT", "POST", "PATCH") else None
        answer = DAEMON.request(route["method"], example(route["pattern"], "wrapped"), body, token=token, headers=MERGE if route["method"] == "PATCH" else None)
        assert answer.status == 403, (route, answer)
    for path, body in (("auth/token/lookup", {"token": token}), ("auth/token/renew", {"token": token})):
        assert root("PUT", path, body, status=(400, 403)).status
    for bad in (DAEMON.root_token, create(SELF)["client_token"]):
        same(DAEMON.put("sys/wrapping/unwrap", {"token": bad}).status, 400)
    same(DAEMON.put("sys/wrapping/lookup", {"token": token}).status, 200)


def test_a_wrapped_answer_ends_with_its_time():
    token = wrapped("1")
    same(DAEMON.put("sys/wrapping/lookup", {"token": token}).status, 200)
    time.sleep(1.3)
    for verb in ("lookup", "unwrap", "rewrap"):
        same(DAEMON.put("sys/wrapping/" + verb, {"token": token}).status, 400)
    for ttl in ("-1", "99999999999999999h", str(INT64 + 1), "1e9", "x"):
        same(DAEMON.get("secret/data/race", headers={"X-Vault-Wrap-TTL": ttl}).status, 400)


def test_a_wrapped_token_is_revoked_nowhere_and_used_by_its_taker():
    info = DAEMON.request("POST", "auth/token/create", {"policies": [policy(SELF)], "ttl": "1h"}, token=DAEMON.root_token,
                          headers={"X-Vault-Wrap-TTL": "60"}).json["wrap_info"]
    assert info["wrapped_accessor"]
    taken = DAEMON.put("sys/wrapping/unwrap", {"token": info["token"]}).json["auth"]
    same((taken["accessor"], lives(taken["client_token"])), (info["wrapped_accessor"], True))


def test_the_log_holds_no_token():
    same(DAEMON.stop(), 0)
    assert DAEMON.root_token not in DAEMON.log() and "vlt_" not in DAEMON.log()
    DAEMON.remove()


vault.main(globals(), "tokens:")
