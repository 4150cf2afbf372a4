#!/usr/bin/env python3
"""A second implementation of docs/storage-format.md, from the document alone: what it makes must be what stands in records.txt,
which the unit tests hold the program to, and it must open the sealed examples of storage.txt and the header of golden-1.

    tests/vectors/check_records.py            compares; the exit code says whether all is equal
    tests/vectors/check_records.py --print    prints records.txt
"""
import base64
import hashlib
import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


# -- primitives -------------------------------------------------------------------------------------------------

def blake(size, key, personal, data):
    return hashlib.blake2b(data, digest_size=size, key=key, person=personal.encode()).digest()


def kdf(key, number, context):
    return hashlib.blake2b(b"", digest_size=32, key=key, salt=struct.pack("<QQ", number, 0),
                           person=context.encode() + bytes(8)).digest()


def rotate(x, n):
    return (x << n | x >> (32 - n)) & 0xffffffff


def chacha_rounds(state):
    x = list(state)
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[p] = (x[p] + x[q]) & 0xffffffff
                x[r] = rotate(x[r] ^ x[p], n)
    return x


CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")


def hchacha(key, nonce16):
    x = chacha_rounds(CONSTANTS + struct.unpack("<8I", key) + struct.unpack("<4I", nonce16))
    return struct.pack("<8I", *(x[0:4] + x[12:16]))


def chacha_block(key, counter, nonce12):
    start = CONSTANTS + struct.unpack("<8I", key) + (counter,) + struct.unpack("<3I", nonce12)
    return struct.pack("<16I", *((a + b) & 0xffffffff for a, b in zip(start, chacha_rounds(start))))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    s, total = int.from_bytes(key[16:], "little"), 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2 ** 130 - 5)
    return ((total + s) % 2 ** 128).to_bytes(16, "little")


def xchacha(key, nonce24, text):
    """The text under the keystream, and a function that gives the tag of a ciphertext (no associated data)."""
    subkey, nonce12 = hchacha(key, nonce24[:16]), bytes(4) + nonce24[16:]
    stream = b"".join(chacha_block(subkey, 1 + i, nonce12) for i in range((len(text) + 63) // 64))

    def tag(cipher):
        padded = cipher + bytes(-len(cipher) % 16) + struct.pack("<QQ", 0, len(cipher))
        return poly1305(chacha_block(subkey, 0, nonce12)[:32], padded)
    return bytes(a ^ b for a, b in zip(text, stream)), tag


def seal(key, aad, plain, random):
    salt = blake(32, key, "vaultd-salt-v001", random + struct.pack("<Q", len(aad)) + aad + plain)
    both = blake(64, key, "vaultd-seal-v001", salt + aad)
    cipher, tag = xchacha(both[:32], salt[:24], plain)
    return salt + both[32:] + tag(cipher) + cipher


def unseal(key, aad, sealed):
    salt, commit, tag, cipher = sealed[:32], sealed[32:64], sealed[64:80], sealed[80:]
    both = blake(64, key, "vaultd-seal-v001", salt + aad)
    plain, tag_of = xchacha(both[:32], salt[:24], cipher)
    assert both[32:] == commit and tag_of(cipher) == tag, "does not open"
    return plain


# -- the format ---------------------------------------------------------------------------------------------------

def s16(text):
    return struct.pack("<H", len(text)) + text


def s32(text):
    return struct.pack("<I", len(text)) + text


def i64(*numbers):
    return struct.pack("<%dq" % len(numbers), *numbers)


def u64(*numbers):
    return struct.pack("<%dQ" % len(numbers), *numbers)


def u32(*numbers):
    return struct.pack("<%dI" % len(numbers), *numbers)


def listed(elements):
    return struct.pack("<H", len(elements)) + b"".join(elements)


def mapped(pairs):
    return listed([s16(k) + s16(v) for k, v in sorted(pairs)])


def padded(length):
    need = length + 4
    if need <= 512:
        return -(-need // 64) * 64
    if need <= 1792:
        return -(-need // 256) * 256
    pages, step = -(-(need + 128) // 4096), 1
    while pages > 16 * step:
        step *= 2
    return -(-pages // step) * step * 4096 - 128


def value(seal_key, store_id, key, encoding, key_version, record_version, kid, flags, random):
    head = bytes([1, 1, key[0], flags]) + u32(key_version) + u64(record_version) + kid
    room = padded(len(encoding))
    aad = b"VDrc" + store_id + head + struct.pack("<H", len(key)) + key + u32(room)
    return head + seal(seal_key, aad, (s32(encoding)).ljust(room, b"\0"), random)


def blind(index_key, table, scope, name):
    return table + blake(16, index_key, "vaultd-indx-v001", table + scope + name)


def counted(first, length=16):
    return bytes((first + i) & 255 for i in range(length))


STORE, EID, FORK, RANDOM = counted(0xa0), counted(0xb0), counted(0xc0), counted(0xc0, 32)
TIME = 1700000000000000


def head_encoding():
    revisions = [(TIME + 1, 0, 0, counted(0x10)), (TIME + 2, TIME + 9, 0, counted(0x20)), (TIME + 3, 0, 1, counted(0x30))]
    return (b"\1\1" + counted(0xd0) + s16(b"shop/production") + i64(TIME, TIME + 3) + u32(2, 10) + i64(-1) + u64(5, 7) +
            b"".join(i64(c, d) + bytes([f]) + pin for c, d, f, pin in revisions) +
            mapped([(b"owner", b"shop"), (b"on", b"")]) + listed([s16(b"shop/base"), s16(b"common")]))


def revision_encoding():
    variables = [(b"A", 0, 1, 1, TIME, "grün".encode()), (b"B", 1, 2, 7, TIME + 1, b"1.10"),
                 (b"B2", 2, 3, 8, TIME + 2, b"${A}"), (b"Z", 3, 4, 9, TIME + 3, b"")]
    return (b"\1" + u64(9) + i64(TIME + 4) + s16(b"root") + s16(b"0a0b") + s16(b"why") + u32(len(variables)) +
            b"".join(s16(n) + bytes([k]) + u32(v) + u64(r) + i64(t) + s32(x) for n, k, v, r, t, x in variables))


def token_encoding():
    return (b"\1" + counted(0x10) + b"\0\3" + i64(3600, 7200, TIME + 5) + counted(0x20) + i64(TIME, TIME + 6, TIME + 7) +
            u32(60, 4) + s16(b"ci") + s16(b"auth/token/create") + counted(0x30) + u32(8) + i64(-1) +
            listed([s16(b"default"), s16(b"app")]) + mapped([(b"job", b"build"), (b"j", b"")]) + listed([s16(b"10.0.0.0/8")]))


def batch_encoding():
    return (b"\1" + counted(0x50) + FORK[:8] + i64(TIME, TIME + 3600000000) + counted(0x30) + u32(8) + counted(0x20) + s16(b"token-ci") +
            listed([s16(b"app"), s16(b"default")]) + mapped([(b"job", b"7")]) + listed([s16(b"10.0.0.0/8")]))


def batch_blob(base):
    head = b"\1\1" + struct.pack("<H", 4)
    plain = s32(batch_encoding())
    return head + seal(kdf(base, 1, "vdBATCH_"), b"VDbt" + STORE + head, plain + bytes(-len(plain) % 32), RANDOM)


def batch_text(blob):
    text = b"vlt_bat_" + base64.urlsafe_b64encode(blob).rstrip(b"=")
    digits, crc = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", zlib.crc32(text)
    return text + "".join(digits[crc // 62 ** i % 62] for i in range(5, -1, -1)).encode()


def state_encoding():
    return (b"\1\3\1\0" + u32(2, 3, 4) + u64(42, 7, 98, 5, 43) + i64(TIME, TIME + 1, TIME + 2) + FORK + counted(0xd0) +
            u64(41) + counted(0xe0) + counted(0x00, 64) + counted(0x40, 64))


def header_copy():
    root, key_file = counted(0x00, 32), counted(0xe0, 32)
    keys = b"".join(bytes([kind]) + u32(1) + i64(TIME) + counted(first, 32) for kind, first in ((1, 0x10), (2, 0x60), (3, 0x20)))
    ring = seal(kdf(root, 1, "vdHEADER"), b"VDkr" + STORE + u64(1), (b"\1\3" + u64(40) + keys).ljust(512, b"\0"), RANDOM)
    slot = (b"\1\2\0\0" + u32(0, 0, 0) + counted(0xc0) + i64(TIME + 1) + b"first".ljust(64, b"\0")).ljust(432, b"\0")
    skek = blake(32, blake(32, b"", "vaultd-kfil-v001", key_file), "vaultd-slot-v001", b"\2\0" + STORE + counted(0xc0))
    slot += seal(skek, b"VDsl" + STORE + slot, root, RANDOM)
    copy = b"VAULTHDR" + struct.pack("<HHIQ", 1, 0, 16384, 1) + STORE + i64(TIME, TIME) + bytes(8) + ring
    copy = (copy.ljust(1024, b"\0") + slot).ljust(9216, b"\0")
    copy += blake(32, kdf(root, 2, "vdHEADER"), "vaultd-head-v001", copy)
    copy += blake(32, b"", "vaultd-hsum-v001", copy)
    return copy.ljust(16384, b"\0")


def vectors():
    base, index, data_key = counted(0x20, 32), counted(0x60, 32), counted(0x40, 32)
    state_key, accumulator_key = kdf(base, 1, "vdSTATE_"), kdf(base, 1, "vdACCUM_")
    wrap = b"K" + EID + struct.pack(">I", 2)
    head_key = blind(index, b"H", counted(0xd0), b"shop/production")
    wrapped = value(counted(0x10, 32), STORE, wrap, b"\1" + i64(TIME) + data_key, 1, 3, EID, 0, RANDOM)
    head = value(data_key, STORE, head_key, head_encoding(), 2, 7, EID, 0, RANDOM)
    element = int.from_bytes(blake(64, accumulator_key, "vaultd-accu-v001", s16(head_key) + head[:32] + head[64:112]), "little")
    yield "enc_data_key", b"\1" + i64(TIME) + data_key
    yield "enc_head", head_encoding()
    yield "enc_revision", revision_encoding()
    yield "enc_text", b"\1" + s32(b'{"allow_names":["PATH"]}')
    yield "enc_token", token_encoding()
    yield "enc_mount", b"\1\1" + s16(b"auth/token/") + s16(b"token") + s16(b"auth_token_1") + s32(b"{}")
    yield "enc_state", state_encoding()
    yield "key_data_key", wrap
    yield "key_head", head_key
    yield "key_setting", b"G" + struct.pack(">H", 258)
    yield "value_data_key", wrapped
    yield "value_head", head
    yield "value_state", value(state_key, STORE, b"\1", state_encoding(), 4, 42, STORE, 0, RANDOM)
    yield "value_tombstone", value(data_key, STORE, b"Q" + EID, b"", 1, 6, bytes(16), 1, RANDOM)
    yield "accumulator_head", element.to_bytes(64, "little")
    yield "accumulator_less", (-element % 2 ** 512).to_bytes(64, "little")
    yield "slot2_skek", blake(32, blake(32, b"", "vaultd-kfil-v001", counted(0xe0, 32)), "vaultd-slot-v001",
                              b"\2\5" + STORE + counted(0xd0))
    yield "slot4_skek", blake(32, counted(0xe0, 32), "vaultd-slot-v001", b"\4\6" + STORE + counted(0xd0))
    yield "enc_batch", batch_encoding()
    yield "batch_blob", batch_blob(base)
    yield "batch_text", batch_text(batch_blob(base))
    yield "header_hash", hashlib.blake2b(header_copy(), digest_size=32).digest()


# -- checks -----------------------------------------------------------------------------------------------------------

def read(name):
    with open(os.path.join(HERE, name), encoding="ascii") as lines:
        return dict(line.rstrip("\n").partition("=")[::2] for line in lines if "=" in line)


def opens_what_others_sealed():
    known = read("storage.txt")
    sealed = bytes.fromhex(known["seal_hello"])
    yield "seal_hello opens", unseal(counted(0x40, 32), b"VDxx", sealed) == b"hello"
    yield "seal_hello is made", seal(counted(0x40, 32), b"VDxx", b"hello", RANDOM) == sealed
    made = value(counted(0x40, 32), STORE, b"R" + EID + struct.pack(">Q", 7), bytes.fromhex(known["rev_enc"]), 1, 1, EID, 0, RANDOM)
    yield "rev_value is made", made.hex() == known["rev_value"]
    for word in known["class"].split():
        need, room = (int(n) for n in word.split(":"))
        yield "class " + word, padded(need - 4) == room


def golden(name):
    with open(os.path.join(HERE, "golden-1", name), "rb") as file:
        return file.read()


def golden_ring(copy):
    """The keyring of a header that golden-1's key file opens, by what comes on the way."""
    store_id, slot = copy[24:40], copy[1024:2048]
    skek = blake(32, blake(32, b"", "vaultd-kfil-v001", golden("vault.key")), "vaultd-slot-v001", slot[1:3] + store_id + slot[16:32])
    root = unseal(skek, b"VDsl" + store_id + slot[:432], slot[432:544])
    return root, unseal(kdf(root, 1, "vdHEADER"), b"VDkr" + store_id + copy[16:24], copy[64:656])


def opens_the_golden_backup():
    data = golden("vault.backup")
    front, copy, at, number, stream, summary = data[:16512], data[128:16512], 16512, 0, b"", b""
    store_id, backup_id = front[16:32], front[32:48]
    _, ring = golden_ring(copy)
    base = next(ring[i + 13:i + 45] for i in range(10, 10 + 45 * ring[1], 45) if ring[i] == 3)
    key = blake(32, kdf(base, 1, "vdBACKUP"), "vaultd-back-v001", front)
    while not summary:
        word, = struct.unpack_from("<I", data, at)
        length, final = word & 0x7FFFFFFF, word >> 31
        plain = unseal(key, b"VDbk" + store_id + backup_id + struct.pack("<QB", number, final), data[at + 4:at + 4 + length])
        stream, summary = (stream, plain) if final else (stream + plain, b"")
        at, number = at + 4 + length, number + 1
    yield "the golden backup ends with its last chunk", at == len(data) and len(summary) == 16 + 432
    keys, at = [], 0
    while at < len(stream):
        size, = struct.unpack_from("<H", stream, at)
        keys.append(stream[at + 2:at + 2 + size])
        at += 2 + size
        at += 4 + struct.unpack_from("<I", stream, at)[0]
    yield "the golden backup's records are whole and in order", at == len(stream) and keys == sorted(set(keys)) and b"\1" not in keys
    live, revisions = struct.unpack("<QQ", summary[:16])
    yield "the golden backup counts right", (live, revisions) == (sum(k[:1] != b"R" for k in keys), sum(k[:1] == b"R" for k in keys))
    yield "the golden backup's front says so", struct.unpack("<8sHHI", front[:16]) == (b"VDBACKUP", 1, 0, 16512) and struct.unpack("<Q", front[80:88])[0] == len(keys)


def opens_the_golden_header():
    copy = golden("vault.hdr")[:16384]
    yield "golden-1 has a key file's slot", copy[1024:1026] == b"\1\2"
    root, ring = golden_ring(copy)
    yield "golden-1 has the right MAC", blake(32, kdf(root, 2, "vdHEADER"), "vaultd-head-v001", copy[:9216]) == copy[9216:9248]
    yield "golden-1 has the right sum", blake(32, b"", "vaultd-hsum-v001", copy[:9248]) == copy[9248:9280]
    yield "golden-1 has three keys", ring[:2] == b"\1\3" and [ring[10 + 45 * i] for i in range(3)] == [1, 2, 3]


def main():
    if sys.argv[1:] == ["--print"]:
        for name, data in vectors():
            print(f"{name}={data.hex()}")
        return 0
    kept, failed = read("records.txt"), 0
    results = [(name, kept.pop(name, "") == data.hex()) for name, data in vectors()]
    results += [*opens_what_others_sealed(), *opens_the_golden_header(), *opens_the_golden_backup(), ("records.txt holds nothing else", not kept)]
    for name, right in results:
        print("ok -" if right else "not ok -", name)
        failed += not right
    return failed > 0


sys.exit(main())
