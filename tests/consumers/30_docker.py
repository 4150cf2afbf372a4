#!/usr/bin/env python3
# alone: yes
"""A rendered env_file starts a container of an image made from scratch, under a real engine."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
import docker_engine  # noqa: E402
import vault  # noqa: E402

VARIABLES = {
    "PLAIN": "value", "SPACES": "  leading and trailing  ", "QUOTES": "a\"b'c", "QUOTED": '"all of it"', "BACKSLASH": "a\\b\\\\c\\",
    "DOLLAR": "$HOME ${PATH} $$", "HASH": "a #b", "TICK": "`id`", "UNICODE": "Grüße 日本", "EMPTY": "", "TAB": "a\tb", "EQUALS": "a=b=c",
}


def test_a_container_gets_exactly_the_variables():
    if os.geteuid() != 0 or not docker_engine.install():
        return "needs root and docker.io"
    with vault.personal() as daemon, docker_engine.engine(daemon.dir) as (docker, why):
        if not docker:
            return "the engine does not start here: " + why
        daemon.write("shop/production", VARIABLES)
        rendered = os.path.join(daemon.dir, "prod.env")
        daemon.envctl("render", "shop/production", "--format", "docker", "--output", rendered, check=0)
        docker_engine.make_image(docker, daemon.dir)
        got, status, text = docker_engine.run_with(docker, rendered)
        if got is None and "OCI runtime" in text:
            return "containers do not start here: " + text
        assert got is not None, (status, text)
        for name, value in VARIABLES.items():
            assert got.get(name.encode()) == value.encode(), (name, got.get(name.encode()))
    return None


vault.main(globals())
