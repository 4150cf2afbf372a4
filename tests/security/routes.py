"""The daemon's own route table for the stories that try all of it, and an example path for each pattern."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import vault  # noqa: E402

ROUTES = [json.loads(line) for line in subprocess.run([os.path.join(vault.BUILD, "tests/security/route_table")], stdout=subprocess.PIPE, text=True,
                                                      check=True).stdout.splitlines()]
MERGE = {"Content-Type": "application/merge-patch+json"}


def example(pattern, name="cve"):
    """A path of the route: mounts are secret/ and plain/ (prepare() makes it), whatever is named is called name."""
    path = pattern.replace("{mount}", "secret").replace("{kv1}", "plain").replace("{resolved}", "resolved")
    for placeholder in ("{env}", "{dir}", "{name}"):
        path = path.replace(placeholder, name)
    assert "{" not in path, f"{pattern}: a placeholder that routes.py does not know"
    return path


def prepare(daemon):
    answer = daemon.request("POST", "sys/mounts/plain", {"type": "kv-v1"}, token=daemon.root_token)
    assert answer.status == 204, answer


def writes():
    """Routes that take a body, less those that would end the story: sealing, and revoking one's own token."""
    return [route for route in ROUTES if route["method"] in ("PUT", "POST", "PATCH") and not route["pattern"].endswith(("sys/seal", "revoke-self"))]
