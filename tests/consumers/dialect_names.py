"""Names with everything special in them, each a set of its own: what a dialect refuses of them against its rules, and against its readers.

A name that a dialect refuses is also written as it stands, plainly; a reader that gives it back shows that the dialect refuses too much.
Where that is on purpose, KEPT says which names and why.
"""
import json
import re

import dialect_rules as rules

CHARACTERS = [chr(code) for code in range(1, 128)] + ["\u00e9", "\u00a0", "\u0085", "\u2028", "\u3000", "\ufeff", "\ufffe", "\U0001f600"]
WORDS = [*sorted(rules.SHELL_NAMES | rules.FISH_NAMES), "export", "export A", "__proto__", "constructor", "prototype", "toString", "OPTARG", "IFS", "PWD", "PATH", "CDPATH",
         "COPROC", "COMP_WORDBREAKS", "PS1", "TERM", "LANG", "MAIL", "argv", "GITHUB_X", "github_x", "RUNNER_X", "NODE_OPTIONS", "node_options", "GITHUB",
         ".", "..", "..A", "...", "a/b", "A*", "A[1]", "yes", "no", "null", "true", "12", "1e3", "~", "<<", "A<<B", "'Q'", '"Q"', "`Q`", "'Q", "A'B", "A'B C", "A'#", "A: b"]
NAMES = list(dict.fromkeys([name for c in CHARACTERS for name in (c, c + "A", "A" + c + "B", "A" + c)] + WORDS + ["A" * size for size in (253, 254, 255, 256, 1024)]))
VALUE = b"x"

# Values at the limits of a dialect, as name and value.
LIMITS = {
    "systemd": [("A", b"x" * ((2 << 20) + more)) for more in (-4, -3, -2, 0)],
    **{dialect: [("A", b"x" * (65535 - 2 + more)) for more in (-1, 0, 1)] + [("A", b"x" * (65535 - 4 + more) + b"\r") for more in (-1, 0, 1, 2)]
       for dialect in ("docker", "podman", "kubectl")},
    "kubernetes": [("A", b"x" * ((1 << 20) + more)) for more in (-1, 0, 1)],
    "motdotla": [("A", letter * ((4 << 20) + more)) for letter in (b"x", b" ", b"x y") for more in (-1, 0, 1)],
    "fish": [(name, value) for name in ("PATH", "CDPATH", "MANPATH") for value in (b"", b":", b"a:", b":a", b"a::b", b"a:b")],
}

# What the programs of a test need or set themselves.
OF_THE_TEST = {"PATH", "HOME", "USER", "PWD", "OLDPWD", "SHLVL", "_", "TERM", "HOSTNAME", "container"}
SHELLS = ("dash", "bash", "busybox-sh")


def is_of_bash(name):
    return name in rules.SHELL_NAMES


# dialect, reader: names that this reader takes and the dialect refuses, and why. "*": any reader of the dialect.
KEPT = {
    ("dotenv", "*"): (lambda name: True, "the dialect is for what all readers take"),
    ("shell", "dash"): (is_of_bash, "bash has its own use for them"),
    ("shell", "busybox-sh"): (is_of_bash, "bash has its own use for them"),
    ("shell", "bash"): (lambda name: name in ("BASH_REMATCH", "BASH_ARGV0"), "read-only before bash 5.1; $0 of who reads the file"),
    ("fish", "*"): (lambda name: not name.isascii() or name in ("fish_history", "fish_read_limit", "fish_trace", "fish_user_paths"), "depends on the locale; orders to fish itself"),
    ("node", "*"): (lambda name: True, "20.12 and 22.0, which are not run, read a part of these names"),
    ("godotenv", "*"): (lambda name: re.search(r"[A-Za-z0-9_.][\t\v\f\r \x85\xa0][A-Za-z0-9_.]", name) is not None, "a name of two words is a slip most often"),
    ("compose-environment", "*"): (lambda name: "=" in name or name.rstrip(rules.GO_SPACE) != name, "no environment holds =; compose v2 refuses a blank at the end"),
    ("kubernetes", "*"): (lambda name: True, "the cluster refuses them, and no program here"),
    ("github", "*"): (lambda name: True, "there is no real reader here"),
}


def is_kept(dialect, reader, name):
    return any(key in KEPT and KEPT[key][0](name) for key in ((dialect, reader), (dialect, "*")))


def plain(dialect, name):
    """The name with the value x, as somebody writes it who thinks of nothing."""
    text, quoted = name.encode(), json.dumps(name).encode()
    if dialect in ("envdir", "directory"):
        return {name: VALUE}
    return {"shell": b"export " + text + b"='x'\n", "fish": b"set -gx " + text + b" 'x'\n", "compose-environment": b"environment:\n  " + quoted + b': "x"\n',
            "kubernetes": b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: env\ndata:\n  " + quoted + b': "eA=="\n',
            "json": b"{" + quoted + b': "x"}', "yaml": quoted + b': "x"\n'}.get(dialect, text + b"=x\n")


def is_file_name(name):
    return name and "/" not in name and name not in (".", "..") and len(name.encode()) <= 255


def write_each(tool, dialect, pairs):
    """(taken, refused): each of these written alone; [((name, value), text)] and [(name, value)]."""
    answers = tool.encode_each(dialect, [{name: value} for name, value in pairs])
    taken = [(pair, text) for pair, text in zip(pairs, answers) if text is not None]
    return taken, [pair for pair, text in zip(pairs, answers) if text is None]


def differences_to_rules(dialect, taken, refused):
    """[sentence]: what is refused and no rule is about, and what a rule is about and is written."""
    wide = [f"{dialect} refuses {name[:80]!r} {value[:80]!r}, and no rule is about it" for name, value in refused if rules.reason(dialect, name, value) is None]
    found = [(name, value, rules.reason(dialect, name, value)) for name, value in taken]
    return wide + [f"{dialect} writes {name[:80]!r} {value[:80]!r}, and there is a rule: {words}" for name, value, words in found if words is not None]


def texts_for(dialect, reader, taken, refused, joined):
    """[(text, name, is taken)] for a reader; where it starts slowly, all names that are taken in one text."""
    ours = OF_THE_TEST if reader in (*SHELLS, "fish", "podman", "envdir", "chpst") else set()
    if reader in SHELLS and dialect != "shell":     # another dialect's file: it is right for a shell but for these
        ours = ours | rules.SHELL_NAMES | {"COMP_WORDBREAKS"}
    if reader == "fish":    # its own script needs these two
        ours = ours | {"IFS", "argv"}
    some = [(text, name, True) for (name, _), text in taken if name not in ours]
    plainly = [(plain(dialect, name), name, False) for name, _ in refused if name not in ours and (dialect not in ("envdir", "directory") or is_file_name(name))]
    if joined:
        some = [(b"".join(text for text, _, _ in some), [name for _, name, _ in some], True)]
    return some + plainly


def differences_to_reader(dialect, reader, asked, answers):
    wrong = []
    for (text, name, is_taken), answer in zip(asked, answers):
        names = name if isinstance(name, list) else [name]
        if is_taken and answer != dict.fromkeys(names, VALUE):
            missing = [one for one in names if not isinstance(answer, dict) or answer.get(one) != VALUE]
            wrong.append(f"{dialect} {reader}: of {text!r:.300} comes {answer!r:.300}; {missing!r:.300}")
        elif not is_taken and isinstance(answer, dict) and answer.get(name) == VALUE and not is_kept(dialect, reader, name):
            wrong.append(f"{dialect} refuses {name!r:.80}, which {reader} takes")
    return wrong
