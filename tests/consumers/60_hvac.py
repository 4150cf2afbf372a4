#!/usr/bin/env python3
"""hvac, the Python client of Vault (Debian's python3-hvac), over TLS against a real daemon: what hvac's own tests assert of a Vault, as far
as vaultd has it. Nothing here speaks HTTP itself."""
import contextlib
import os
import uuid

import tls_vault
from tls_vault import same

tls_vault.debian_python()
import hvac  # noqa: E402
from hvac import exceptions  # noqa: E402

VAULT = tls_vault.TlsVault().start()
os.environ.update(VAULT_ADDR=VAULT.address, VAULT_CACERT=VAULT.ca)  # read by hvac where nothing else is said
os.environ.pop("VAULT_TOKEN", None)
KEYS = []


def client(token=None, **options):
    return hvac.Client(url=VAULT.address, verify=VAULT.ca, token=token, **options)


def root():
    return client(VAULT.root_token)


@contextlib.contextmanager
def raises(kind, text=None):
    try:
        yield
    except kind as error:
        assert text is None or text in str(error), f"{error} does not say {text!r}"
        return
    raise AssertionError(f"no {kind.__name__}")


def status(code, answer):
    same(getattr(answer, "status_code", 200), code)


def fresh(name="env"):
    return f"{name}-{uuid.uuid4().hex[:8]}"


# -- the state of a vault ------------------------------------------------------------------------


def test_before_initialisation():
    one = client()
    same(one.sys.is_initialized(), False)
    same(one.sys.read_init_status(), {"initialized": False})
    status(501, one.sys.read_health_status())
    status(501, one.sys.read_health_status(method="GET"))
    status(299, one.sys.read_health_status(method="GET", uninit_code=299))
    seal = one.sys.read_seal_status()
    same((seal["initialized"], seal["sealed"], seal["t"], seal["n"], seal["progress"], seal["type"]), (False, True, 0, 0, 0, "shamir"))
    with raises(exceptions.VaultDown, "sealed"):
        client("x").secrets.kv.v2.read_secret_version("a")
    same(client("x").sys.read_leader_status()["ha_enabled"], False)


def test_initialise_seal_and_unseal():
    one = client()
    answer = one.sys.initialize(secret_shares=1, secret_threshold=1)
    same((len(answer["keys"]), len(answer["keys_base64"])), (1, 1))
    KEYS.extend(answer["keys"])
    VAULT.root_token = answer["root_token"]
    assert one.sys.is_initialized()
    with raises(exceptions.InvalidRequest, "already initialized"):
        one.sys.initialize(secret_shares=1, secret_threshold=1)
    one.token = VAULT.root_token
    assert one.is_authenticated()
    status(204, one.sys.seal())
    assert one.sys.is_sealed() and one.sys.read_seal_status()["sealed"]
    status(503, one.sys.read_health_status())
    status(299, one.sys.read_health_status(method="GET", sealed_code=299))
    with raises(exceptions.VaultDown, "Vault is sealed"):
        one.secrets.kv.v2.read_secret_version("a")
    with raises(exceptions.InvalidRequest):
        one.sys.submit_unseal_key("00" * 32)
    with raises(exceptions.InvalidRequest):
        one.sys.submit_unseal_key("neither hexadecimal nor base64!")
    opened = one.sys.submit_unseal_key(KEYS[0])
    same((opened["sealed"], opened["t"], opened["n"], opened["progress"]), (False, 1, 1, 0))
    status(204, one.sys.seal())
    same(one.sys.submit_unseal_key(answer["keys_base64"][0])["sealed"], False)
    same(one.sys.submit_unseal_key(KEYS[0])["sealed"], False)  # once more is no error


def test_health_and_status():
    one = root()
    status(200, one.sys.read_health_status())
    health = one.sys.read_health_status(method="GET")
    same((health["initialized"], health["sealed"], health["standby"]), (True, False, False))
    assert isinstance(health["server_time_utc"], int)
    seal = one.sys.read_seal_status()
    assert not one.sys.is_sealed() and seal["cluster_name"].startswith("vault-cluster-")
    same(len(seal["version"].split("-")[0].split(".")), 3)
    assert not one.ha_status["ha_enabled"]
    same(one.seal_status["sealed"], False)


def test_authentication():
    assert root().is_authenticated()
    assert not client().is_authenticated()
    assert not client("hvs.none-such-token-here").is_authenticated()
    with raises(exceptions.Forbidden, "permission denied"):
        client("hvs.none").secrets.kv.v2.read_secret_version("a")
    with raises(exceptions.Forbidden):
        client().secrets.kv.v2.create_or_update_secret("a", {"A": "1"})
    me = root().auth.token.lookup_self()["data"]
    same((me["policies"], me["orphan"], me["ttl"], me["expire_time"], me["id"]), (["root"], True, 0, None, VAULT.root_token))
    os.environ["VAULT_TOKEN"] = VAULT.root_token
    try:
        assert hvac.Client(url=VAULT.address, verify=VAULT.ca).is_authenticated()
    finally:
        del os.environ["VAULT_TOKEN"]


def test_certificates_are_verified():
    import requests
    assert hvac.Client(url=VAULT.address.replace("127.0.0.1", "localhost"), verify=VAULT.ca, token=VAULT.root_token).is_authenticated()
    with raises(requests.exceptions.SSLError):
        hvac.Client(url=VAULT.address, verify=True, token=VAULT.root_token).sys.is_initialized()


def test_headers_of_the_client():
    for options in ({"namespace": "root"}, {"namespace": ""}, {"strict_http": True}, {"request_header": False}):
        one = client(VAULT.root_token, **options)
        path = fresh()
        one.secrets.kv.v2.create_or_update_secret(path + "/x", {"A": "1"})
        same(one.secrets.kv.v2.list_secrets(path)["data"]["keys"], ["x"])
    with raises((exceptions.Forbidden, exceptions.InvalidPath)):
        client(VAULT.root_token, namespace="team").secrets.kv.v2.list_secrets("")


# -- KV version 2 ----------------------------------------------------------------------------------


def kv():
    return root().secrets.kv.v2


def test_kv2_configuration():
    same(kv().read_configuration()["data"], {"cas_required": False, "delete_version_after": "0s", "max_versions": 0})
    status(204, kv().configure(max_versions=5, cas_required=True))
    same(kv().read_configuration()["data"], {"cas_required": True, "delete_version_after": "0s", "max_versions": 5})
    with raises(exceptions.InvalidRequest, "check-and-set parameter required for this call"):
        kv().create_or_update_secret(fresh(), {"A": "1"})
    status(204, kv().configure(max_versions=0, cas_required=False))
    status(204, kv().configure(max_versions=0, cas_required=False))


def test_kv2_write_and_read():
    path = fresh("shop") + "/production"
    value = {"PORT": "8080", "big": 123456789012345678901234567890, "half": 1.5, "nested": {"a": [1, None, True]}, "Grüße": "für dich\n\t\"'"}
    wrote = kv().create_or_update_secret(path, value)
    same(wrote["data"]["version"], 1)
    same(sorted(wrote["data"]), ["created_time", "custom_metadata", "deletion_time", "destroyed", "version"])
    read = kv().read_secret_version(path)
    same(read["data"]["data"], value)
    same(read["data"]["metadata"], wrote["data"])
    same((read["lease_id"], read["renewable"], read["wrap_info"], read["auth"], read["warnings"]), ("", False, None, None, None))
    same(kv().create_or_update_secret(path, {"PORT": "9090"})["data"]["version"], 2)
    same(kv().read_secret(path)["data"]["data"], {"PORT": "9090"})
    same(kv().read_secret_version(path, version=1)["data"]["data"], value)
    same(kv().read_secret_version(path, version=0)["data"]["metadata"]["version"], 2)
    same(kv().create_or_update_secret(path, {})["data"]["version"], 3)
    same(kv().read_secret_version(path)["data"]["data"], {})
    with raises(exceptions.InvalidPath):
        kv().read_secret_version(path, version=4)
    with raises(exceptions.InvalidPath):
        kv().read_secret_version(fresh())


def test_kv2_cas():
    path = fresh()
    with raises(exceptions.InvalidRequest, "did not match the current version"):
        kv().create_or_update_secret(path, {"A": "1"}, cas=1)
    same(kv().create_or_update_secret(path, {"A": "1"}, cas=0)["data"]["version"], 1)
    for wrong in (0, 2, -1):
        with raises(exceptions.InvalidRequest, "check-and-set parameter did not match the current version"):
            kv().create_or_update_secret(path, {"A": "2"}, cas=wrong)
    same(kv().create_or_update_secret(path, {"A": "2"}, cas=1)["data"]["version"], 2)
    status(204, kv().update_metadata(path, cas_required=True))
    with raises(exceptions.InvalidRequest, "check-and-set parameter required for this call"):
        kv().create_or_update_secret(path, {"A": "3"})
    same(kv().create_or_update_secret(path, {"A": "3"}, cas=2)["data"]["version"], 3)


def test_kv2_patch():
    """hvac reads, merges and writes with cas; it never sends PATCH."""
    path = fresh()
    with raises(exceptions.InvalidPath, "No value found"):
        kv().patch(path, {"A": "1"})
    kv().create_or_update_secret(path, {"A": "1", "B": "2"})
    same(kv().patch(path, {"B": "3", "C": "4"})["data"]["version"], 2)
    same(kv().read_secret_version(path)["data"]["data"], {"A": "1", "B": "3", "C": "4"})
    kv().delete_latest_version_of_secret(path)
    with raises(exceptions.InvalidPath):
        kv().patch(path, {"A": "1"})


def test_kv2_delete_and_undelete():
    path = fresh()
    for number in range(1, 4):
        kv().create_or_update_secret(path, {"A": str(number)})
    status(204, kv().delete_latest_version_of_secret(path))
    with raises(exceptions.InvalidPath) as _:
        kv().read_secret_version(path)
    try:  # what newer versions of hvac read for raise_on_deleted_version=False: the envelope stands in the 404
        kv().read_secret_version(path)
    except exceptions.InvalidPath as error:
        import json
        body = json.loads(str(error).rsplit(", on get", 1)[0])
        same((body["data"]["data"], body["data"]["metadata"]["version"]), (None, 3))
        assert body["data"]["metadata"]["deletion_time"]
    status(204, kv().undelete_secret_versions(path, versions=[3]))
    same(kv().read_secret_version(path)["data"]["data"], {"A": "3"})
    status(204, kv().delete_secret_versions(path, versions=[1, 2]))
    versions = kv().read_secret_metadata(path)["data"]["versions"]
    assert versions["1"]["deletion_time"] and versions["2"]["deletion_time"] and not versions["3"]["deletion_time"]
    status(204, kv().undelete_secret_versions(path, versions=["1", "2"]))
    same(kv().read_secret_version(path, version=1)["data"]["data"], {"A": "1"})
    status(204, kv().delete_secret_versions(path, versions=[77]))
    status(204, kv().delete_latest_version_of_secret(fresh()))


def test_kv2_destroy():
    path = fresh()
    for number in range(1, 4):
        kv().create_or_update_secret(path, {"A": str(number)})
    status(204, kv().destroy_secret_versions(path, versions=[1, 2]))
    versions = kv().read_secret_metadata(path)["data"]["versions"]
    same([versions[n]["destroyed"] for n in ("1", "2", "3")], [True, True, False])
    for version in (1, 2):
        with raises(exceptions.InvalidPath):
            kv().read_secret_version(path, version=version)
    status(204, kv().undelete_secret_versions(path, versions=[1]))
    with raises(exceptions.InvalidPath):
        kv().read_secret_version(path, version=1)


def test_kv2_metadata():
    path = fresh()
    status(204, kv().update_metadata(path, max_versions=2, cas_required=False))
    data = kv().read_secret_metadata(path)["data"]
    same((data["current_version"], data["max_versions"], data["versions"]), (0, 2, {}))
    for number in range(1, 6):
        kv().create_or_update_secret(path, {"A": str(number)})
    data = kv().read_secret_metadata(path)["data"]
    same((data["current_version"], data["oldest_version"], sorted(data["versions"])), (5, 4, ["4", "5"]))
    with raises(exceptions.InvalidPath):
        kv().read_secret_version(path, version=3)
    status(204, kv().delete_metadata_and_all_versions(path))
    with raises(exceptions.InvalidPath):
        kv().read_secret_metadata(path)
    status(204, kv().delete_metadata_and_all_versions(path))


def test_kv2_list():
    top = fresh()
    for name in ("b", "a/x", "a/y", "a"):
        kv().create_or_update_secret(f"{top}/{name}", {"A": "1"})
    same(kv().list_secrets(top)["data"]["keys"], ["a", "a/", "b"])
    same(kv().list_secrets(top + "/a/")["data"]["keys"], ["x", "y"])
    assert top + "/" in kv().list_secrets("")["data"]["keys"]
    same(root().list(f"secret/metadata/{top}")["data"]["keys"], ["a", "a/", "b"])  # GET with ?list=True
    for nothing in (fresh(), top + "/b"):
        with raises(exceptions.InvalidPath):
            kv().list_secrets(nothing)
    same(root().list("secret/metadata/" + fresh()), None)


def test_plain_read_write_list_delete():
    path = "secret/data/" + fresh()
    same(root().read(path), None)
    same(root().write(path, data={"A": "1"}, options={}, cas=0)["data"]["version"], 1)  # terraform's form
    same(root().read(path)["data"]["data"], {"A": "1"})
    root().delete(path)
    same(root().read(path), None)


def test_many_requests_on_one_connection():
    one = root()
    path = fresh()
    for number in range(1, 101):
        same(one.secrets.kv.v2.create_or_update_secret(path, {"N": number})["data"]["version"], number)
        same(one.secrets.kv.v2.read_secret_version(path)["data"]["data"], {"N": number})


# -- mounts ----------------------------------------------------------------------------------------


def test_mounts():
    one, name = root(), fresh("mount")
    status(204, one.sys.enable_secrets_engine("kv", path=name, description="a test", options={"version": "2"},
                                              config={"default_lease_ttl": "1h", "max_lease_ttl": 7200}))
    listed = one.sys.list_mounted_secrets_engines()
    mount = listed["data"][name + "/"]
    same((mount["type"], mount["description"], mount["options"]), ("kv", "a test", {"version": "2"}))
    same((mount["config"]["default_lease_ttl"], mount["config"]["max_lease_ttl"]), (3600, 7200))
    same(listed[name + "/"], mount)  # where old clients look
    assert {"secret/", "sys/", "cubbyhole/", "identity/"} <= set(listed["data"])
    same(one.sys.retrieve_mount_option(name, "version"), "2")
    with raises(exceptions.InvalidRequest, f"path is already in use at {name}/"):
        one.sys.enable_secrets_engine("kv", path=name)
    with raises(exceptions.InvalidRequest):
        one.sys.enable_secrets_engine("aws", path=fresh())
    tuning = one.sys.read_mount_configuration(name)["data"]
    same((tuning["default_lease_ttl"], tuning["max_lease_ttl"], tuning["force_no_cache"]), (3600, 7200, False))
    status(204, one.sys.tune_mount_configuration(name, default_lease_ttl="3600s", max_lease_ttl="8600s", description="tuned"))
    same(one.sys.read_mount_configuration(name)["data"]["max_lease_ttl"], 8600)
    same(one.sys.list_mounted_secrets_engines()["data"][name + "/"]["description"], "tuned")
    one.secrets.kv.v2.create_or_update_secret("x", {"A": "1"}, mount_point=name)
    moved = fresh("moved")
    one.sys.move_backend(name, moved)
    listed = one.sys.list_mounted_secrets_engines()["data"]
    assert name + "/" not in listed and moved + "/" in listed
    same(one.secrets.kv.v2.read_secret_version("x", mount_point=moved)["data"]["data"], {"A": "1"})
    with raises(exceptions.InvalidPath):
        one.secrets.kv.v2.read_secret_version("x", mount_point=name)
    status(204, one.sys.disable_secrets_engine(moved))
    assert moved + "/" not in one.sys.list_mounted_secrets_engines()["data"]
    status(204, one.sys.disable_secrets_engine(moved))
    one.sys.enable_secrets_engine("kv-v2", path=moved)  # what was there does not come back
    with raises(exceptions.InvalidPath):
        one.secrets.kv.v2.read_secret_version("x", mount_point=moved)
    status(204, one.sys.disable_secrets_engine(moved))


def test_auth_methods():
    one = root()
    listed = one.sys.list_auth_methods()
    same(listed["data"]["token/"]["type"], "token")
    same(listed["token/"], listed["data"]["token/"])
    tuning = one.sys.read_auth_method_tuning("token")["data"]
    assert isinstance(tuning["default_lease_ttl"], int) and isinstance(tuning["max_lease_ttl"], int)
    with raises(exceptions.InvalidRequest):
        one.sys.enable_auth_method("ldap")
    with raises(exceptions.InvalidRequest):
        one.sys.disable_auth_method("token")


# -- wrapping and cubbyhole --------------------------------------------------------------------------


def test_wrapping():
    path = fresh()
    kv().create_or_update_secret(path, {"A": "wrapped"})
    wrapped = root().read("secret/data/" + path, wrap_ttl="60s")
    info = wrapped["wrap_info"]
    same((wrapped["data"], wrapped["auth"], info["ttl"], info["creation_path"]), (None, None, 60, "secret/data/" + path))
    same(client().sys.unwrap(info["token"])["data"]["data"], {"A": "wrapped"})
    with raises(exceptions.InvalidRequest, "wrapping token is not valid or does not exist"):
        client().sys.unwrap(info["token"])
    info = root().read("secret/data/" + path, wrap_ttl=60)["wrap_info"]
    same(client(info["token"]).sys.unwrap()["data"]["data"], {"A": "wrapped"})  # the token itself asks
    info = root().write("sys/wrapping/wrap", wrap_ttl="5m", hello="world", n=1)["wrap_info"]
    looked = client().write("sys/wrapping/lookup", token=info["token"])["data"]
    same((looked["creation_ttl"], looked["creation_path"]), (300, "sys/wrapping/wrap"))
    again = client().write("sys/wrapping/rewrap", token=info["token"])["wrap_info"]
    same(again["ttl"], 300)
    with raises(exceptions.InvalidRequest, "wrapping token is not valid or does not exist"):
        client().sys.unwrap(info["token"])
    same(root().sys.unwrap(again["token"])["data"], {"hello": "world", "n": 1})
    with raises(exceptions.InvalidRequest):
        root().write("sys/wrapping/wrap", hello="world")
    with raises(exceptions.InvalidRequest):
        root().read("secret/data/" + path, wrap_ttl="soon")
    with raises(exceptions.Forbidden):
        client(again["token"]).secrets.kv.v2.read_secret_version(path)


def test_cubbyhole():
    one, path = root(), "cubbyhole/" + fresh()
    same(one.read(path), None)
    status(204, one.write(path, A="1", B=2))
    same(one.read(path)["data"], {"A": "1", "B": 2})
    assert path.split("/")[1] in one.list("cubbyhole")["data"]["keys"]
    one.delete(path)
    same(one.read(path), None)


def test_the_log_holds_no_secret():
    for secret in [VAULT.root_token, *KEYS]:
        assert secret not in VAULT.log()
    VAULT.remove()


tls_vault.vault.main(globals(), "hvac:")
