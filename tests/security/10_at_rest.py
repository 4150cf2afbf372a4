#!/usr/bin/env python3
"""What stands in the files, and in backups of them: no value, no name, no token, and nobody else can read them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402

CANARIES = {"CANARY_NAME_7Q": "canary-value-31337-abcdef", "DATABASE_URL": "postgresql://canary-user:canary-pass@db"}
WORDS = [b"CANARY_NAME_7Q", b"canary-value-31337", b"canary-user", b"DATABASE_URL", b"canaryshop", b"canary-message",
         b"canarymeta", b"canaryschema", b"canarypolicy"]


def files(daemon):
    for folder, _, names in os.walk(daemon.data):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                yield path


def test_nothing_readable_stands_in_any_file():
    with vault.personal() as daemon:
        for number in range(5):
            daemon.write("canaryshop/production", dict(CANARIES, N=str(number)), message="canary-message")
        daemon.put("secret/metadata/canaryshop/production", {"custom_metadata": {"canarymeta": "canarymeta"}})
        assert daemon.put("secret/schema/canaryshop/production", {"text": "# canaryschema\nCANARY_NAME_7Q=\n"}).status == 200
        assert daemon.put("sys/policies/acl/canarypolicy", {"policy": 'path "secret/data/canaryshop/*" { capabilities = ["read"] }'}).status == 204
        token = daemon.root_token.encode()
        backup = os.path.join(daemon.dir, "backup")
        daemon.envctl("backup", "-o", backup, check=0)
        assert os.stat(backup).st_mode & 0o777 == 0o600
        daemon.stop()
        seen = 0
        for path in [*files(daemon), backup]:
            seen += 1
            content = open(path, "rb").read()
            for word in WORDS + [token, token[8:40]]:
                assert word not in content, (path, word)
        assert seen >= 4, seen


def test_files_are_private_even_with_an_open_umask():
    old = os.umask(0)
    try:
        daemon = vault.personal()
    finally:
        os.umask(old)
    with daemon:
        daemon.write("a/b", {"X": "1"})
        for path in files(daemon):
            assert os.stat(path).st_mode & 0o077 == 0, (path, oct(os.stat(path).st_mode))
        assert os.stat(daemon.data).st_mode & 0o077 == 0


vault.main(globals())
