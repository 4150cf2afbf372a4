#!/usr/bin/env python3
"""hvac, the Python client of Vault (Debian's python3-hvac), over TLS against a real daemon: what hvac's own tests assert of a Vault, as far
as vaultd has it. Nothing here speaks HTTP itself."""
import contextlib
import os
import uuid
import warnings

import tls_vault
from tls_vault import same

tls_vault.debian_python()
import hvac  # noqa: E402
from hvac import exceptions  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)  # its old calls are used by people, so they are tried

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


# -- KV version 1 ------------------------------------------------------------------------------------


def test_kv1():
    one, mount = root(), fresh("kv1")
    status(204, one.sys.enable_secrets_engine("kv", path=mount, options={"version": "1"}))
    v1 = one.secrets.kv.v1
    with raises(exceptions.InvalidPath):
        v1.read_secret("a", mount_point=mount)
    status(204, v1.create_or_update_secret("a", {"A": "1", "n": 7}, mount_point=mount))
    read = v1.read_secret("a", mount_point=mount)
    same((read["data"], read["lease_duration"], read["renewable"]), ({"A": "1", "n": 7}, 2764800, False))
    status(204, v1.create_or_update_secret("a", {"B": "2"}, method="PUT", mount_point=mount))
    same(v1.read_secret("a", mount_point=mount)["data"], {"B": "2"})
    v1.create_or_update_secret("dir/b", {"A": "1"}, mount_point=mount)
    same(v1.list_secrets("", mount_point=mount)["data"]["keys"], ["a", "dir/"])
    same(v1.list_secrets("dir", mount_point=mount)["data"]["keys"], ["b"])
    with raises(exceptions.InvalidPath):
        v1.list_secrets("none", mount_point=mount)
    status(204, v1.delete_secret("a", mount_point=mount))
    with raises(exceptions.InvalidPath):
        v1.read_secret("a", mount_point=mount)
    same(one.write(f"{mount}/c", ttl="1h", A="1").status_code, 204)
    same(one.read(f"{mount}/c")["lease_duration"], 3600)
    one.sys.tune_mount_configuration(mount, options={"version": "2"})  # the upgrade keeps what is there
    same(one.secrets.kv.v2.read_secret_version("c", mount_point=mount)["data"]["data"], {"ttl": "1h", "A": "1"})
    status(204, one.sys.disable_secrets_engine(mount))


# -- policies ------------------------------------------------------------------------------------------

RULES = """
# what a deployment may
path "secret/data/deploy/*" {
  capabilities = ["create", "read", "update"]
}
path "secret/metadata/deploy/*" { capabilities = ["list"] }
path "sys" { policy = "deny" }
"""


def test_policies():
    one, name = root(), fresh("policy")
    listed = one.sys.list_policies()
    assert {"root", "default"} <= set(listed["data"]["policies"]) and listed["policies"] == listed["data"]["policies"] == listed["keys"]
    same(one.get_policy(name), None)
    status(204, one.sys.create_or_update_policy(name, RULES))
    read = one.sys.read_policy(name)
    same((read["data"], read["rules"], read["name"]), ({"name": name, "rules": RULES}, RULES, name))
    same(one.get_policy(name), RULES)
    same(one.get_policy(name, parse=True)["path"]["sys"]["policy"], "deny")
    assert name in one.sys.list_policies()["data"]["policies"]
    as_object = {"path": {"secret/data/x": {"capabilities": ["read"]}}}
    status(204, one.sys.create_or_update_policy(name, as_object))
    import json
    same(json.loads(one.sys.read_policy(name)["data"]["rules"]), as_object)
    status(204, one.sys.delete_policy(name))
    with raises(exceptions.InvalidPath):
        one.sys.read_policy(name)
    with raises(exceptions.InvalidRequest):
        one.sys.create_or_update_policy(name, 'path "x" { capabilities = ["fly"] }')
    with raises(exceptions.InvalidRequest):
        one.sys.create_or_update_policy("root", "")
    for kept in ("root", "default"):
        with raises(exceptions.InvalidRequest):
            one.sys.delete_policy(kept)
    # the newer paths, which later versions of hvac use
    one.write(f"sys/policies/acl/{name}", policy=RULES)
    same(one.read(f"sys/policies/acl/{name}")["data"], {"name": name, "policy": RULES})
    assert name in one.list("sys/policies/acl")["data"]["keys"]
    one.delete(f"sys/policies/acl/{name}")


def test_a_policy_decides():
    one, name = root(), fresh("policy")
    one.sys.create_or_update_policy(name, RULES)
    limited = client(one.auth.token.create(policies=[name], ttl="1h")["auth"]["client_token"])
    limited.secrets.kv.v2.create_or_update_secret("deploy/a", {"A": "1"})
    same(limited.secrets.kv.v2.read_secret_version("deploy/a")["data"]["data"], {"A": "1"})
    same(limited.secrets.kv.v2.list_secrets("deploy/")["data"]["keys"], ["a"])
    for call in (lambda: limited.secrets.kv.v2.read_secret_version("other"), lambda: limited.secrets.kv.v2.delete_latest_version_of_secret("deploy/a"),
                 lambda: limited.secrets.kv.v2.list_secrets(""), limited.sys.list_mounted_secrets_engines, limited.sys.seal,
                 lambda: limited.sys.create_or_update_policy(name, "")):
        with raises(exceptions.Forbidden, "permission denied"):
            call()


def test_capabilities():
    one, name = root(), fresh("policy")
    one.sys.create_or_update_policy(name, RULES)
    auth = one.auth.token.create(policies=[name])["auth"]
    same(one.sys.get_capabilities("secret/data/deploy/x")["data"]["capabilities"], ["root"])
    mine = client(auth["client_token"]).sys.get_capabilities(["secret/data/deploy/x", "secret/data/other"])
    same((mine["data"]["secret/data/deploy/x"], mine["data"]["secret/data/other"]), (["create", "read", "update"], ["deny"]))
    same(mine["secret/data/other"], ["deny"])
    same(one.sys.get_capabilities("secret/data/deploy/x", token=auth["client_token"])["data"]["capabilities"], ["create", "read", "update"])
    same(one.sys.get_capabilities("secret/data/deploy/x", accessor=auth["accessor"])["capabilities"], ["create", "read", "update"])


# -- tokens ----------------------------------------------------------------------------------------------


def test_token_create_and_lookup():
    tokens = root().auth.token
    made = tokens.create(policies=["default"], ttl="1h", meta={"user": "me"}, display_name="ci", num_uses=0)["auth"]
    same((made["policies"], made["token_policies"], made["lease_duration"], made["renewable"]), (["default"], ["default"], 3600, True))
    same((made["metadata"], made["token_type"], made["orphan"], made["num_uses"]), ({"user": "me"}, "service", False, 0))
    looked = tokens.lookup(made["client_token"])["data"]
    same((looked["id"], looked["accessor"], looked["display_name"], looked["creation_ttl"]), (made["client_token"], made["accessor"], "token-ci", 3600))
    assert 3590 <= looked["ttl"] <= 3600 and looked["expire_time"].endswith("Z")
    same((looked["path"], looked["meta"], looked["policies"]), ("auth/token/create", {"user": "me"}, ["default"]))
    same(client(made["client_token"]).auth.token.lookup_self()["data"]["accessor"], made["accessor"])
    by_accessor = tokens.lookup_accessor(made["accessor"])["data"]
    same((by_accessor["id"], by_accessor["display_name"]), ("", "token-ci"))
    assert made["accessor"] in tokens.list_accessors()["data"]["keys"]
    same(tokens.create(policies=["root"])["auth"]["lease_duration"], 0)
    same(tokens.create(policies=["default"], ttl="30m", explicit_max_ttl="5m")["auth"]["lease_duration"], 300)
    periodic = tokens.create(policies=["default"], period="30m")["auth"]
    same((periodic["lease_duration"], tokens.lookup(periodic["client_token"])["data"]["period"]), (1800, 1800))
    same(tokens.create(policies=["none-such"], no_default_policy=True)["auth"]["policies"], ["none-such"])
    with raises(exceptions.Forbidden):
        tokens.lookup("hvs.none")
    with raises(exceptions.InvalidRequest):
        tokens.lookup_accessor("none")
    with raises(exceptions.InvalidRequest):
        client(tokens.create(policies=["root"], num_uses=3)["auth"]["client_token"]).auth.token.create()


def test_token_orphans():
    tokens = root().auth.token
    made = root().create_token(orphan=True, policies=["default"])["auth"]
    same((made["orphan"], tokens.lookup(made["client_token"])["data"]["orphan"]), (True, True))
    same(tokens.create(no_parent=True, policies=["default"])["auth"]["orphan"], True)
    parent = tokens.create(policies=["root"])["auth"]["client_token"]
    child = client(parent).auth.token.create(policies=["default"])["auth"]["client_token"]
    tokens.revoke_and_orphan_children(parent)
    same(tokens.lookup(child)["data"]["orphan"], True)
    assert not client(parent).is_authenticated()


def test_token_renew():
    tokens = root().auth.token
    made = tokens.create(policies=["default"], ttl="1h")["auth"]
    same(tokens.renew(made["client_token"], increment="2h")["auth"]["lease_duration"], 7200)
    same(client(made["client_token"]).auth.token.renew_self(increment=1800)["auth"]["lease_duration"], 1800)
    assert tokens.lookup(made["client_token"])["data"]["last_renewal_time"] > 0
    fixed = tokens.create(policies=["default"], ttl="1h", renewable=False)["auth"]
    same(fixed["renewable"], False)
    with raises(exceptions.InvalidRequest, "not renewable"):
        tokens.renew(fixed["client_token"])
    with raises(exceptions.InvalidRequest):
        tokens.renew_self()  # root's
    with raises(exceptions.InvalidRequest):
        tokens.renew("hvs.none")


def test_token_revoke():
    tokens = root().auth.token
    parent = tokens.create(policies=["root"])["auth"]["client_token"]
    child = client(parent).auth.token.create(policies=["default"])["auth"]["client_token"]
    status(204, tokens.revoke(parent))
    assert not client(parent).is_authenticated() and not client(child).is_authenticated()
    made = tokens.create(policies=["default"])["auth"]
    status(204, tokens.revoke_accessor(made["accessor"]))
    with raises(exceptions.Forbidden):
        tokens.lookup(made["client_token"])
    with raises(exceptions.InvalidRequest):
        tokens.revoke_accessor("none")
    one = client(tokens.create(policies=["default"])["auth"]["client_token"])
    assert one.is_authenticated()
    one.logout(revoke_token=True)
    assert not one.is_authenticated()
    status(204, tokens.revoke("hvs.none"))


def test_token_uses():
    one = client(root().auth.token.create(policies=["default"], num_uses=2)["auth"]["client_token"])
    same(one.auth.token.lookup_self()["data"]["num_uses"], 1)
    one.auth.token.lookup_self()
    with raises(exceptions.Forbidden):
        one.auth.token.lookup_self()


def test_a_wrapped_token():
    info = root().create_token(policies=["default"], ttl="1h", wrap_ttl="60s")["wrap_info"]
    made = client().sys.unwrap(info["token"])["auth"]
    same((made["accessor"], made["policies"]), (info["wrapped_accessor"], ["default"]))
    assert client(made["client_token"]).is_authenticated()
    one = client()
    one.auth_cubbyhole(root().create_token(policies=["default"], wrap_ttl="60s")["wrap_info"]["token"])
    assert one.is_authenticated()


# -- token roles and leases ------------------------------------------------------------------------------


def test_token_roles():
    tokens, name = root().auth.token, fresh("role")
    with raises(exceptions.InvalidPath):
        tokens.read_role(name)
    status(204, tokens.create_or_update_role(name, allowed_policies="default,ci", orphan=True, renewable=False, path_suffix="ci"))
    status(204, root().create_token_role(name, explicit_max_ttl="2h"))  # the old call writes what is missing here
    read = tokens.read_role(name)["data"]
    same((read["name"], read["allowed_policies"], read["orphan"], read["renewable"]), (name, ["default", "ci"], True, False))
    same((read["path_suffix"], read["token_explicit_max_ttl"]), ("ci", 7200))
    assert name in tokens.list_roles()["data"]["keys"]
    made = tokens.create(role_name=name, policies=["ci"], ttl="10h")["auth"]
    same((made["orphan"], made["renewable"], made["lease_duration"]), (True, False, 7200))
    same(tokens.lookup(made["client_token"])["data"]["role"], name)
    with raises(exceptions.InvalidRequest):
        tokens.create(role_name=name, policies=["other"])
    with raises(exceptions.InvalidRequest):
        tokens.create(role_name=fresh())
    status(204, tokens.delete_role(name))
    with raises(exceptions.InvalidPath):
        tokens.read_role(name)
    status(202, tokens.tidy())


def test_leases():
    one = root()
    made = one.auth.token.create(policies=["default"], ttl="1h")["auth"]
    lease = "auth/token/create/" + made["accessor"]
    looked = one.sys.read_lease(lease)["data"]
    same((looked["id"], looked["renewable"], looked["last_renewal"]), (lease, True, None))
    assert 3590 <= looked["ttl"] <= 3600
    assert made["accessor"] in one.sys.list_leases("auth/token/create")["data"]["keys"]
    with raises(exceptions.InvalidRequest, "invalid lease"):
        one.sys.read_lease("auth/token/create/none")
    with raises(exceptions.InvalidRequest):
        one.sys.renew_lease(lease)  # a token is renewed by auth/token/renew
    with raises(exceptions.InvalidRequest):
        one.sys.renew_lease("secret/none")
    status(204, one.sys.revoke_lease(lease))
    assert not client(made["client_token"]).is_authenticated()
    made = one.auth.token.create(policies=["default"], ttl="1h")["auth"]
    status(204, one.sys.revoke_prefix("auth/token/create/" + made["accessor"]))
    assert not client(made["client_token"]).is_authenticated()
    status(204, one.sys.revoke_force("auth/token/create/none"))
    with raises(exceptions.InvalidPath):
        one.sys.list_leases("none")


def test_quotas():
    """Debian's hvac has no calls for them; newer ones send these."""
    one, name = root(), fresh("quota")
    path = "sys/quotas/rate-limit/" + name
    same(one.read(path), None)
    status(204, one.adapter.post("/v1/" + path, json={"name": name, "path": "secret/", "rate": 2, "interval": "1h", "block_interval": "0s"}))
    read = one.read(path)["data"]
    same((read["name"], read["path"], read["rate"], read["interval"], read["type"]), (name, "secret/", 2, 3600, "rate-limit"))
    assert name in one.list("sys/quotas/rate-limit")["data"]["keys"]
    with raises(exceptions.RateLimitExceeded):
        for _ in range(4):
            one.read("secret/config")
    one.delete(path)
    same(one.read(path), None)
    assert one.read("secret/config")


# -- keys ---------------------------------------------------------------------------------------------------


def test_rotate_and_key_status():
    one = root()
    before = one.key_status
    same(one.sys.get_encryption_key_status()["data"]["term"], before["term"])
    status(204, one.sys.rotate_encryption_key())
    same(one.key_status["term"], before["term"] + 1)
    same(one.sys.get_encryption_key_status()["term"], before["term"] + 1)


def test_generate_root():
    one = root()
    same(one.sys.read_root_generation_progress()["started"], False)
    start = one.sys.start_root_token_generation()
    same((start["started"], start["progress"], start["required"], len(start["otp"])), (True, 0, 1, start["otp_length"]))
    with raises(exceptions.InvalidRequest):
        one.sys.start_root_token_generation()
    status(204, one.sys.cancel_root_generation())
    start = one.sys.start_root_token_generation()
    with raises(exceptions.InvalidRequest):
        client().sys.generate_root(KEYS[0], "another-nonce")
    done = client().sys.generate_root(KEYS[0], start["nonce"])
    same(done["complete"], True)
    import base64
    text = done["encoded_root_token"]
    token = bytes(a ^ b for a, b in zip(base64.b64decode(text + "=" * (-len(text) % 4)), start["otp"].encode())).decode()
    same(client(token).auth.token.lookup_self()["data"]["policies"], ["root"])
    client(token).auth.token.revoke_self()


def test_rekey_and_unseal_with_shares():
    one = root()
    same(one.sys.read_rekey_progress()["started"], False)
    with raises(exceptions.InvalidRequest):
        one.sys.start_rekey(secret_shares=2, secret_threshold=3)
    start = one.sys.start_rekey(secret_shares=5, secret_threshold=3)
    same((start["started"], start["t"], start["n"], start["required"]), (True, 3, 5, 1))
    status(204, one.sys.cancel_rekey())
    same(one.rekey_status["started"], False)
    start = one.sys.start_rekey(secret_shares=5, secret_threshold=3)
    done = one.sys.rekey_multi(KEYS, nonce=start["nonce"])
    same((done["complete"], len(done["keys"]), len(done["keys_base64"])), (True, 5, 5))
    with raises(exceptions.InvalidPath):
        one.sys.read_backup_keys()
    KEYS[:] = done["keys"]
    one.sys.seal()
    first = one.sys.submit_unseal_key(KEYS[4])
    same((first["sealed"], first["progress"], first["t"], first["n"]), (True, 1, 3, 5))
    same(one.sys.submit_unseal_key(reset=True)["progress"], 0)
    same(one.sys.submit_unseal_keys([done["keys_base64"][1], KEYS[4], KEYS[0]])["sealed"], False)
    start = one.sys.start_rekey(secret_shares=3, secret_threshold=2, require_verification=True)
    done = one.sys.rekey_multi(KEYS[:3], nonce=start["nonce"])
    same(done["verification_required"], True)
    same(one.sys.read_rekey_verify_progress()["progress"], 0)
    verified = one.sys.rekey_verify_multi(done["keys"][1:], nonce=done["verification_nonce"])
    same(verified["complete"], True)
    one.sys.seal()
    KEYS[:] = done["keys"]
    same(one.sys.submit_unseal_keys(KEYS[:2])["sealed"], False)
    same(kv().read_configuration()["data"]["max_versions"], 0)


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
