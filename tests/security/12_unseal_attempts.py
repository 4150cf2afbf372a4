#!/usr/bin/env python3
"""Wrong secrets at the unseal: all alike, slowed down, and the count survives kill -9."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import base64  # noqa: E402

import vault  # noqa: E402

WRONG = base64.b64encode(b"w" * 32).decode()


def attempt(daemon):
    return daemon.put("sys/unseal", {"slot": "key_file", "key_file": WRONG})


def test_five_wrong_keys_then_wait_and_kill_does_not_help():
    with vault.personal() as daemon:
        daemon.stop()
        daemon.start()
        seen = []
        for number in range(5):
            answer = attempt(daemon)
            assert answer.status == 400, answer
            seen.append(answer.body)
            if number == 2:
                daemon.kill()
                daemon.start()
        assert len(set(seen)) == 1, "wrong keys must look alike"
        answer = attempt(daemon)
        assert answer.status == 429, answer
        daemon.kill()
        daemon.start()
        answer = attempt(daemon)
        assert answer.status == 429, answer
        assert "second" in answer.errors[0] or "minute" in answer.errors[0], answer.errors


def test_a_right_key_sets_the_count_back():
    with vault.personal() as daemon:
        for _ in range(3):
            daemon.stop()
            daemon.start()
            for _ in range(3):
                assert attempt(daemon).status == 400
            assert daemon.unseal().status == 200


def test_a_removed_count_is_five_failures():
    with vault.personal() as daemon:
        daemon.stop()
        os.remove(os.path.join(daemon.data, "vault.try"))
        daemon.start()
        first = attempt(daemon)
        second = attempt(daemon)
        assert 429 in (first.status, second.status), (first, second)


vault.main(globals())
