#!/usr/bin/env python3
"""hvac, the Python client of Vault (Debian's python3-hvac), over TLS: shares, unsealing one by one, rekey with verification, a root token
from the shares, rotation. What Vault's clients do with keys, as they do it."""
import base64
import os

import tls_vault
from tls_vault import same

tls_vault.debian_python()
import hvac  # noqa: E402
from hvac import exceptions  # noqa: E402

VAULT = tls_vault.TlsVault().start()
os.environ.pop("VAULT_TOKEN", None)
SYS = hvac.Client(url=VAULT.address, verify=VAULT.ca)
KEPT = {}


def client(token):
    return hvac.Client(url=VAULT.address, verify=VAULT.ca, token=token)


def body(answer):
    return answer if isinstance(answer, dict) else answer.json()


def refused(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


def test_initialised_with_shares():
    made = SYS.sys.initialize(5, 3)
    same((len(made["keys"]), len(made["keys_base64"])), (5, 5))
    SYS.token = made["root_token"]
    KEPT.update(keys=made["keys"], base64=made["keys_base64"])
    same((SYS.seal_status["t"], SYS.seal_status["n"]), (3, 5))
    SYS.secrets.kv.v2.create_or_update_secret("shop", {"A": "kept"})


def test_unsealed_share_by_share():
    SYS.sys.seal()
    same(SYS.sys.is_sealed(), True)
    same(SYS.sys.submit_unseal_key(KEPT["base64"][4])["progress"], 1)
    refused(exceptions.InvalidRequest, SYS.sys.submit_unseal_key, KEPT["keys"][0][:-1] + ("0" if KEPT["keys"][0][-1] != "0" else "1"))
    same(SYS.sys.submit_unseal_key(reset=True)["progress"], 0)
    same(SYS.sys.submit_unseal_keys(KEPT["keys"][1:4])["sealed"], False)
    same(SYS.secrets.kv.v2.read_secret_version("shop")["data"]["data"], {"A": "kept"})


def test_a_root_token_from_the_shares():
    otp = "p" * 57
    start = SYS.sys.start_root_token_generation(otp=otp)
    same(SYS.sys.cancel_root_generation().status_code, 204)
    same(SYS.sys.read_root_generation_progress()["started"], False)
    start = SYS.sys.start_root_token_generation(otp=otp)
    for key in KEPT["keys"][:3]:
        done = SYS.sys.generate_root(key=key, nonce=start["nonce"])
    same(done["complete"], True)
    raw = base64.b64decode(done["encoded_root_token"])
    token = bytes(a ^ b for a, b in zip(raw, otp.encode())).decode()
    same(client(token).lookup_token()["data"]["policies"], ["root"])


def test_rekeyed_and_verified():
    same(SYS.sys.read_rekey_progress()["started"], False)
    start = body(SYS.sys.start_rekey(secret_shares=3, secret_threshold=2, require_verification=True))
    same(SYS.sys.cancel_rekey().status_code, 204)
    start = body(SYS.sys.start_rekey(secret_shares=3, secret_threshold=2, require_verification=True))
    made = SYS.sys.rekey_multi(KEPT["keys"][:3], nonce=start["nonce"])
    same((made["complete"], len(made["keys"]), made["verification_required"]), (True, 3, True))
    same(SYS.sys.read_rekey_verify_progress()["nonce"], made["verification_nonce"])
    same(SYS.sys.rekey_verify_multi(made["keys"][:2], nonce=made["verification_nonce"])["complete"], True)
    refused(exceptions.InvalidPath, SYS.sys.read_backup_keys)
    SYS.sys.seal()
    refused(exceptions.InvalidRequest, SYS.sys.submit_unseal_key, KEPT["keys"][0])
    same(SYS.sys.submit_unseal_keys(made["keys"][1:])["sealed"], False)
    same(SYS.secrets.kv.v2.read_secret_version("shop")["data"]["data"], {"A": "kept"})


def test_rotated():
    before = SYS.sys.get_encryption_key_status()["data"]["term"]
    same(SYS.sys.rotate_encryption_key().status_code, 204)
    same(SYS.sys.get_encryption_key_status()["data"]["term"], before + 1)


if __name__ == "__main__":
    try:
        tls_vault.vault.main(dict(globals()), "hvac keys")
    finally:
        VAULT.remove()
