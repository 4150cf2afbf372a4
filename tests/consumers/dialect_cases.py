"""What dialects.py compares: generated environments and texts, and the program dialect_tool that writes and reads them.

Everything comes from the seed; nothing from the time or the machine.
"""
import json
import random
import subprocess
import sys

FRAGMENTS = [
    b"'", b'"', b"`", b"\\", b"\\\\", b"$", b"$$", b"${", b"${A}", b"$A", b"$(", b"$(echo x)", b")", b"}", b"#", b" #", b"a", b"B", b"x y", b"=",
    b":", b";", b"!", b"%", b"%s", b"~", b"*", b"?", b"[", b"{", b"{1,2}", b"&", b"|", b"<", b" ", b"  ", b"\t", b"\v", b"\f", b"\n", b"\n\n", b"\r",
    b"\r\n", b"\\n", b"\\r", b"\\t", b"\\'", b'\\"', b"\\0", b"\\0044", b"\x1b", b"\x01", b"\x1c", b"\x7f", b"\xc2\xa0", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xe3\x80\x80", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----\n", b"export ", b"A=b", b"0",
    b"\nV1=x\n", b"\n#", b"true", b"~/x", b"encrypted:abc", b"\xef\xbf\xbe", b": ", b"- ", b"yes", b"1e3", b"<<", b"${:-", b"---", b"@",
]
MORE_FRAGMENTS = {
    "github": [b"\nghadelimiter_30313233343536373839616263646566\n", b"\nghadelimiter_", b"<<EOF\n", b"::add-mask::"],
    "compose-environment": [b"$$$", b"${A:-b}", b"${A?}"],
    "kubernetes": [b"eA==", b"\n  B: eA==\n"],
    "yaml": [b"\nB: c\n", b"!!str ", b"&a ", b"*a", b"|-\n", b"\\x41", b"\\u0041", b"\xc2\x80", b"\xed\x9f\xbf", b"\xf4\x8f\xbf\xbf"],
}
BAD_FRAGMENTS = [b"\xe9", b"\x00", b"\xed\xa0\x80"]

NAMES = ["A", "B", "V1", "_x", "LONG_NAME_9", "HOME_X", "lower"]
LOOSE_NAMES = ["A-B", "A.B", "1A", "\u00e9", "export"]
MORE_NAMES = {
    "docker": ["A-B", "A.B", ";C", "\u00e9", "'Q'", "1A"], "podman": ["A-B", "A.B", ";C", "\u00e9", "'Q'", "1A", "A*"],
    "kubectl": LOOSE_NAMES, "compose": LOOSE_NAMES + ["A[1]"], "compose-environment": LOOSE_NAMES + ["a b", "yes", "12"],
    "motdotla": LOOSE_NAMES, "node": LOOSE_NAMES + ["'Q'"], "python-dotenv": LOOSE_NAMES + ["'Q'", "A B"], "godotenv": LOOSE_NAMES,
    "ruby-dotenv": LOOSE_NAMES, "systemd": LOOSE_NAMES, "dotenv": LOOSE_NAMES, "shell": LOOSE_NAMES + ["UID", "RANDOM"],
    "fish": LOOSE_NAMES + ["status", "PWD"], "envdir": LOOSE_NAMES + ["a b", ".hidden", "a/b"], "directory": LOOSE_NAMES + ["a b", ".hidden", "a/b"],
    "github": LOOSE_NAMES + ["GITHUB_X", "NODE_OPTIONS", "A<<B"], "gitlab": LOOSE_NAMES, "kubernetes": LOOSE_NAMES + ["a b"],
    "json": ["a b", "=", "\n", "\u00e9"], "yaml": ["a b", "yes", "12", "\u00e9", "a: b", "\u2028", "="],
}

# Pieces that make texts a reader has something to do with.
ENV_STARTS = [b"A=", b"B=", b"_c=", b"export D=", b"E =", b"F= ", b" G=", b"H_1=\t", b"I\t=", b"\nA=", b"J-K=", b"L: ", b"M.N="]
ENV_PIECES = [b"'", b"'", b'"', b'"', b"x", b"yz", b" ", b" ", b"\t", b"\\", b"\\\n", b"#", b" #", b" # c", b"=", b"\n", b"1", b";", b":", b"`", b"'x'",
              b'"x y"', b'"\n"', b"\\\\", b'\\"', b"\\'", b"~", b"*", b"%", b"{", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xc2\xa0", b"&", b"$$", b"$1", b"$",
              b"it's", b"-", b"\\n", b"\\r", b"\\t", b"\r", b"\xef\xbb\xbf", b"${:-$}{", b"${:-\\\\}"]
ENV_LINES = [b"\n", b"\n", b"\n", b"\n", b"\n\n", b"\r\n", b"\n# c\n", b"\n  # c\n", b"\n# it's \"c\" A=1\n", b"\n# it's \"c\" A=1", b"\n;d\n", b"\n#c \\\n",
             b"\nexport A\n", b"\nB\n", b" # c\n", b"  \n", b"\n\t\n", b"; ", b" "]
FISH_STARTS = [b"set -gx A ", b"set -x B ", b"set -gx _c ", b"set -g -x D ", b" set -gx E  ", b"set --global --export F ", b"export G=", b"set -gx H"]
FISH_PIECES = [b"'", b"'", b'"', b'"', b"x", b"yz", b" ", b"\t", b"\\", b"\\\\", b"\\'", b'\\"', b"#", b" # c", b"\n", b"'x y'", b'"x y"', b"\\n", b"\\t",
               b"\\$", b"~", b"*", b"{", b"\xc3\xa9", b"\\x41", b"\\u00e9", b";", b"%", b"=", b"-", b"1"]
FISH_LINES = [b"\n", b"\n", b"\n", b"\n", b"\n\n", b"; ", b"\n# c\n", b" # c\n", b"\n  \n", b"\r\n"]
YAML_STARTS = [b"A: ", b"B: ", b"'C': ", b'"D": ', b"E:  ", b"F:\n  ", b"g_1: ", b"H: |\n  ", b"I: >-\n  ", b"? J\n: ", b"A.B: "]
YAML_PIECES = [b"x", b"yz", b" ", b" ", b"'x'", b'"x y"', b'"\\n\\t"', b"'it''s'", b"#", b" # c", b"\\", b"1", b"true", b"012", b"~", b":", b": ", b"- ",
               b"\n  ", b"\n  ", b"\n", b"$$", b"$", b"{", b"[", b"&a ", b"*a", b"!!str ", b"%", b"@", b"`", b"|", b"\xc3\xa9", b"\xe2\x80\xa8", b"\\x41",
               b"null", b"1:20", b"0x1", b"2026-01-02", b"<<", b"="]
YAML_LINES = [b"\n", b"\n", b"\n", b"\n", b"\n\n", b"\n# c\n", b" # c\n", b"\r\n", b"\n---\n", b"\n...\n"]
GITHUB_STARTS = [b"A=", b"B=", b"C<<E\n", b"D<<EOF\nx\n", b"E <<F\n", b" G=", b"H<<I=J\n", b"K=L<<M"]
GITHUB_PIECES = [b"x", b"yz", b" ", b"=", b"<<", b"\nE", b"\nE\n", b"\nEOF\n", b"\nF\n", b"'", b'"', b"#", b"$", b"\\", b"\t", b"\xc3\xa9", b"\n", b"\r", b"::"]
GITHUB_LINES = [b"\n", b"\n", b"\n", b"\nE\n", b"\nE\n", b"\nEOF\n", b"\nEOF\n", b"\nI=J\n", b"\n\n", b"\r\n", b"\n# c\n"]
GRAMMARS = {"fish": (FISH_STARTS, FISH_PIECES, FISH_LINES), "yaml": (YAML_STARTS, YAML_PIECES, YAML_LINES),
            "github": (GITHUB_STARTS, GITHUB_PIECES, GITHUB_LINES)}
ENV_QUOTES = [b"", b"", b"'", b'"']


class Tool:
    """The program dialect_tool. A text is bytes; of a dialect that is a directory, a dict of file names to bytes."""

    def __init__(self, path):
        self.path = path
        self.dialects = {}
        for line in subprocess.run([path, "list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[:-1]:
            name, kind = line.split(" ")
            self.dialects[name] = kind

    def is_directory(self, dialect):
        return self.dialects[dialect] == "directory"

    def ask(self, verb, dialect, lines):
        if not lines:
            return []
        done = subprocess.run([self.path, verb, dialect], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, encoding="utf-8")
        answers = done.stdout.split("\n")[:-1]
        if done.returncode != 0 or len(answers) != len(lines):
            sys.exit(f"dialects: {self.path} {verb} {dialect} ended with {done.returncode} after {len(answers)} of {len(lines)} cases")
        return [answer.split(" ", 1) for answer in answers]

    def encode(self, dialect, sets):
        """[(set without what was refused, text)], and the variables that were refused."""
        refused = []
        held = []
        for one, (word, rest) in zip(sets, self.ask("encode", dialect, [hex_object(one) for one in sets])):
            if word == "refused":
                names = json.loads(rest)
                refused += [(name, value) for name, value in one.items() if clean(name) in names]
                one = {name: value for name, value in one.items() if clean(name) not in names}
            held.append(one)
        texts = []
        for word, rest in self.ask("encode", dialect, [hex_object(one) for one in held]):
            if word != "ok":
                sys.exit(f"dialects: {dialect} refused what it did not name: {rest}")
            texts.append(unhex_object(rest) if self.is_directory(dialect) else bytes.fromhex(rest))
        return list(zip(held, texts)), refused

    def encode_each(self, dialect, sets):
        """The text of each set, or None when something of it is refused."""
        return [None if word == "refused" else unhex_object(rest) if self.is_directory(dialect) else bytes.fromhex(rest)
                for word, rest in self.ask("encode", dialect, [hex_object(one) for one in sets])]

    def decode(self, dialect, texts):
        """For each text the variables, or None when it was refused."""
        lines = [hex_object(text) if self.is_directory(dialect) else text.hex() for text in texts]
        return [unhex_object(rest) if word == "ok" else None for word, rest in self.ask("decode", dialect, lines)]


def hex_object(values):
    return json.dumps({name: value.hex() for name, value in values.items()})


def unhex_object(text):
    return {name: bytes.fromhex(value) for name, value in json.loads(text).items()}


def clean(name):
    """How a note shows a name."""
    return "".join(chr(byte) if 32 <= byte <= 126 else "?" for byte in name.encode())


def make_value(rng, fragments):
    count = rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 6, 9])
    return b"".join(rng.choice(BAD_FRAGMENTS) if rng.random() < 0.01 else rng.choice(fragments) for _ in range(count))


def make_sets(dialect, cases, seed):
    rng = random.Random(f"{seed} {dialect}")
    names = NAMES + MORE_NAMES.get(dialect, [])
    fragments = FRAGMENTS + 3 * MORE_FRAGMENTS.get(dialect, [])
    return [{name: make_value(rng, fragments) for name in rng.sample(names, rng.randint(1, 5))} for _ in range(cases)]


def join_sets(sets, sizes):
    """Sets joined to larger ones, for readers that are slow to start: of each its own names, so that none hides another."""
    joined = []
    at = 0
    for size in sizes:
        joined.append({f"{name}_{at + i}" if size > 1 else name: value for i, one in enumerate(sets[at:at + size]) for name, value in one.items()})
        at += size
    return joined


def group_sizes(cases, group):
    """Some alone, as the first and last line of a file are special; the others in groups."""
    alone = min(cases, 12)
    full, rest = divmod(cases - alone, group)
    return [1] * alone + [group] * full + ([rest] if rest else [])


def make_env_text(rng, grammar):
    starts, pieces, lines = grammar
    text = b""
    for _ in range(rng.randint(1, 4)):
        text += rng.choice(starts)
        quote = rng.choice(ENV_QUOTES)
        text += quote + b"".join(rng.choice(pieces) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))) + quote
        text += rng.choice(lines)
    if rng.random() < 0.03:
        text = b"\xef\xbb\xbf" + text
    return text.rstrip(b"\n") if rng.random() < 0.1 else text


def make_environment_text(rng):
    """compose's environment:, the mapping or the list."""
    lines = []
    for name in rng.sample(NAMES, rng.randint(1, 4)):
        value = b"".join(rng.choice(YAML_PIECES) for _ in range(rng.choice([1, 1, 2, 3])))
        lines.append((name.encode(), rng.choice([b"", b"", b"'", b'"']), value.replace(b"\n", b" ")))
    if rng.random() < 0.5:
        body = b"".join(b"  %s: %s%s%s\n" % (name, quote, value, quote) for name, quote, value in lines)
    else:
        body = b"".join(b"  - %s%s=%s%s\n" % (quote, name, value, quote) for name, quote, value in lines)
    return b"environment:\n" + body


def make_secret_text(rng):
    text = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: env\n"
    if rng.random() < 0.5:
        text += b"type: Opaque\n"
    parts = rng.choice([(b"data",), (b"stringData",), (b"data", b"stringData"), (b"stringData", b"data")])
    for part in parts:
        text += part + b":\n"
        for name in rng.sample(NAMES, rng.randint(1, 3)):
            if part == b"data":
                value = rng.choice([b"eA==", b'"eA=="', b"''", b"/+8=", b"eHk", b"eA=", b"e A==", b'""', b"4pyTCg==", b"x"])
            else:
                value = b"".join(rng.choice(YAML_PIECES) for _ in range(rng.choice([1, 1, 2, 3]))).replace(b"\n", b" ")
            text += b"  " + name.encode() + b": " + value + b"\n"
    return text


def make_json_text(rng):
    pieces = [b"x", b"\\n", b"\\\"", b"\\u00e9", b"\\ud83d\\ude00", b"\\ud83d", b"\xc3\xa9", b"\\/", b"\\x", b"\x01", b" ", b"'", b"\xe2\x80\xa8", b"\\u0000"]
    members = []
    for name in rng.sample(NAMES + ["A", "\\u0042"], rng.randint(0, 4)):
        value = b'"' + b"".join(rng.choice(pieces) for _ in range(rng.randint(0, 4))) + b'"'
        members.append(b'"' + name.encode() + b'"' + rng.choice([b":", b": ", b" :\n"]) + (value if rng.random() < 0.95 else rng.choice([b"1", b"null", b"{}"])))
    return rng.choice([b"", b" ", b"\n"]) + b"{" + b", ".join(members) + b"}" + rng.choice([b"", b"\n", b",", b" \n"])


def make_directory(rng):
    pieces = [b"x", b"yz", b" ", b"\t", b"\n", b"\n", b"\0", b"\r", b"\xe9", b"\xc3\xa9", b"=", b"'", b"$"]
    return {name: b"".join(rng.choice(pieces) for _ in range(rng.randint(0, 6))) for name in rng.sample(NAMES + ["A-B", ".x"], rng.randint(1, 4))}


def make_text(dialect, is_directory, rng):
    if is_directory:
        return make_directory(rng)
    makers = {"compose-environment": make_environment_text, "kubernetes": make_secret_text, "json": make_json_text}
    if dialect in makers:
        return makers[dialect](rng)
    return make_env_text(rng, GRAMMARS.get(dialect, (ENV_STARTS, ENV_PIECES, ENV_LINES)))


def make_texts(tool, dialect, cases, seed):
    """[(what our reader made of it, text)] of texts that it took, and how many it did not take."""
    rng = random.Random(f"{seed} {dialect} texts")
    taken = []
    refused = 0
    while len(taken) < cases and refused < 200 * cases:
        texts = [make_text(dialect, tool.is_directory(dialect), rng) for _ in range(max(2 * cases, 100))]
        for variables, text in zip(tool.decode(dialect, texts), texts):
            if len(taken) == cases:
                break
            if variables is None:
                refused += 1
            else:
                taken.append((variables, text))
    return taken, refused


def join_texts(tool, dialect, cases, sizes):
    """Texts of lines joined to larger ones; what ours makes of the whole is what the reader must make of it."""
    joined = []
    at = 0
    for size in sizes:
        texts = [text for _, text in cases[at:at + size]]
        at += size
        if size > 1:
            texts = [text if text.endswith(b"\n") else text + b"\n" for text in texts if not text.startswith(b"\xef\xbb\xbf")]
        joined.append(b"".join(texts))
    return [(variables, text) for variables, text in zip(tool.decode(dialect, joined), joined) if variables is not None]


def mutate(rng, text):
    """The text of an encoder with a mistake: what it should have written, less one character or with another one."""
    if isinstance(text, dict):
        return {name: mutate(rng, content) for name, content in text.items()}
    places = [i for i, byte in enumerate(text) if byte < 128 and (byte in b"'\"\\$`" or chr(byte).isalnum())]
    if not places:
        return text + b"x"
    at = rng.choice(places)
    return text[:at] + (b"Z" if chr(text[at]).isalnum() else b"") + text[at + 1:]
