"""What each dialect may refuse: a list of rules for each, written from what the readers do and not from our encoders.

A variable that is refused although none of its dialect's rules is about it is a difference: that encoder refuses too much.
(One that should be refused and is not shows itself: the real reader does not give it back.)
"""
import re


def matches(pattern):
    compiled = re.compile(pattern + r"\Z")
    return lambda name, value: not compiled.match(name)


def not_utf8(name, value):
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def noncharacter(name, value):
    text = value.decode("utf-8", "replace")
    return any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in text)


def has(*parts):
    return lambda name, value: any(part in value for part in parts)


def ends_in(*parts):
    return lambda name, value: value.endswith(parts)


NUL = ("a NUL", has(b"\0"))
NOT_UTF8 = ("not UTF-8", not_utf8)
LINE_FEED = ("a line feed", has(b"\n"))
CR = ("a carriage return", has(b"\r"))
IDENTIFIER = ("the name is no identifier", matches(r"[A-Za-z_][A-Za-z0-9_]*"))
LINE_TOO_LONG = ("a line over 65,535 bytes", lambda name, value: len(name.encode()) + len(value) + 2 > 65535)

# What JavaScript's trim() and its readers' regular expressions take for white space at the ends of a bare value.
JS_SPACE = (" \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff")
# And what any of the readers takes for it.
ANY_SPACE = JS_SPACE + "\x1c\x1d\x1e\x1f\u0085"


def is_bare(value, forbidden=b"", escapes=b""):
    """Without quotes: one line, no space at its ends, no comment, no quote in front."""
    text = value.decode("utf-8", "replace")
    return bool(value) and not any(c in value for c in (b"\n", b"\r", b"#")) and text == text.strip(ANY_SPACE) and text[0] not in "'\"`" and \
        not any(bytes([c]) in value for c in forbidden + escapes)


def dotenv_has_no_form(name, value):
    single = not (b"'" in value or b"\\\\" in value or value.endswith(b"\\") or b"${" in value or b"\r" in value)
    double = not any(c in value for c in (b'"', b"\\", b"$", b"`", b"\r"))
    return not single and not double


def motdotla_has_no_form(name, value):
    """A quote that is not in the value, or \\r and \\n in double quotes, or none."""
    quoted = any(quote not in value for quote in (b"'", b"`")) and b"\r" not in value and not value.endswith(b"\\")
    double = b'"' not in value and not has(b"\\n", b"\\r", b"\\\r", b"\\\n")(name, value) and not value.endswith(b"\\")
    return not quoted and not double and not is_bare(value)


def node_has_no_form(name, value):
    if b"\r" in value:
        return True
    quoted = b"'" not in value or b"`" not in value or (b'"' not in value and b"\\n" not in value)
    return not quoted and not is_bare(value)


def godotenv_has_no_form(name, value):
    """Its reader takes away quotes at the ends of what stood in quotes, and 1.5.1 knows no double backslash at the end."""
    bare = is_bare(value, b"$\\") and not value.endswith((b"'", b'"'))
    single = b"'" not in value and not has(b"\r\n")(name, value) and not value.endswith((b"\\", b'"')) and not value.startswith(b'"')
    double = not value.endswith((b'"', b"'", b"\\")) and not value.startswith((b'"', b"'"))
    return not bare and not single and not double


def ruby_has_no_form(name, value):
    """2.4 reads lines only and makes line feeds of \\n; 3 has lines in quotes and keeps \\n."""
    if b"\r" in value or b"\n" in value:
        return True
    single = b"'" not in value and not value.endswith(b"\\")
    double = not value.endswith(b"\\") and b"\\n" not in value and b"\\r" not in value
    return not single and not double and not is_bare(value, b"$\\")


SHELL_NAMES = {"UID", "EUID", "PPID", "GROUPS", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "SHELLOPTS", "BASHOPTS", "OPTIND", "OPTARG", "_", "IFS", "PWD",
               "HISTCMD", "DIRSTACK", "FUNCNAME", "COMP_WORDBREAKS", "EPOCHSECONDS", "EPOCHREALTIME"}
FISH_NAMES = {"status", "PWD", "SHLVL", "history", "pipestatus", "fish_pid", "hostname", "version", "_", "FISH_VERSION", "umask", "fish_kill_signal", "argv"}
UNIX_FILE = ("the name is no file name", lambda name, value: not name or "/" in name or name.startswith("."))
GITHUB_BLOCKED = ("GitHub blocks the name", lambda name, value: name.upper().startswith(("GITHUB_", "RUNNER_")) or name.upper() == "NODE_OPTIONS")

DOCKER_NAME = ("the name is empty, has = or a blank, or starts as a comment", matches(r"[^\s=#\ufeff][^ \t=\n]*"))
RULES = {
    "systemd": [IDENTIFIER, NUL, NOT_UTF8, ("a noncharacter", noncharacter), ("2 MiB", lambda name, value: len(value) > 2 * 1024 * 1024 - 4)],
    "docker": [DOCKER_NAME, NUL, NOT_UTF8, LINE_FEED, LINE_TOO_LONG],
    "podman": [DOCKER_NAME, ("a name that ends in * is a prefix", lambda name, value: name.endswith("*")), NUL, NOT_UTF8, LINE_FEED, LINE_TOO_LONG],
    "kubectl": [("the name is no name of a variable", matches(r"[-._a-zA-Z][-._a-zA-Z0-9]*")), NUL, NOT_UTF8, LINE_FEED, LINE_TOO_LONG],
    "compose": [("the name has other characters or starts with a digit", matches(r"[A-Za-z_.\-\[\]][A-Za-z0-9_.\-\[\]]*")), NUL, NOT_UTF8],
    "compose-environment": [("the name is empty or has =", matches(r"[^=\0]+")), NUL, NOT_UTF8],
    "dotenv": [IDENTIFIER, ("the word export", lambda name, value: name == "export"), NUL, NOT_UTF8, ("none of the three forms holds it", dotenv_has_no_form)],
    "motdotla": [("the name has other characters", matches(r"[A-Za-z0-9_.\-]+")), NUL, NOT_UTF8, ("no quote and no bare form holds it", motdotla_has_no_form)],
    "node": [("the name has other characters", matches(r"[A-Za-z0-9_.\-]+")), NUL, NOT_UTF8, ("no quote and no bare form holds it", node_has_no_form)],
    "python-dotenv": [("the name has =, #, a quote or a space, or is not in ASCII", matches(r"[!$-&(-<>-~]+")), NUL, NOT_UTF8],
    "godotenv": [("the name has other characters", matches(r"[A-Za-z0-9_.]+")), NUL, NOT_UTF8, ("no form survives its trimming of quotes", godotenv_has_no_form)],
    "ruby-dotenv": [("the name has other characters", matches(r"[A-Za-z0-9_.]+")), NUL, NOT_UTF8, ("no form is the same for 2.4 and 3", ruby_has_no_form)],
    "shell": [IDENTIFIER, ("the shell's own variable", lambda name, value: name in SHELL_NAMES), NUL],
    "fish": [IDENTIFIER, ("the shell's own variable", lambda name, value: name in FISH_NAMES), NUL],
    "envdir": [UNIX_FILE, ("the name has =", lambda name, value: "=" in name), NUL, ("a blank at its end", ends_in(b" ", b"\t"))],
    "directory": [UNIX_FILE, ("the name has =", lambda name, value: "=" in name), NUL],
    "github": [("the name has =, < or a space", matches(r"[^\s=<\0\ufeff]+")), GITHUB_BLOCKED, NUL, NOT_UTF8,
               ("a carriage return at the end of a line", lambda name, value: value.endswith(b"\r") or b"\r\n" in value)],
    "gitlab": [("the name has other characters or is long", matches(r"[A-Za-z0-9_]{1,255}")), NUL, NOT_UTF8, LINE_FEED, CR,
               ("spaces at its ends", lambda name, value: value.decode("utf-8", "replace") != value.decode("utf-8", "replace").strip(ANY_SPACE + "\0"))],
    "kubernetes": [("the name is no key of a Secret", matches(r"[-._a-zA-Z0-9]{1,253}")), ("the name is a way up", lambda name, value: name in (".", "..") or
                   name.startswith("..")), ("over 1 MiB", lambda name, value: len(value) > 1024 * 1024)],
    "json": [("the name is empty or too long", lambda name, value: not 0 < len(name.encode()) <= 1024), NOT_UTF8],
    "yaml": [("the name is empty or too long", lambda name, value: not 0 < len(name.encode()) <= 1024), NOT_UTF8],
}


def reason(dialect, name, value):
    """Why this may be refused, or None."""
    for words, is_about in RULES[dialect]:
        if is_about(name, value):
            return words
    return None
