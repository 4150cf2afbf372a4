"""What each dialect may refuse: a list of rules for each, written from what the readers do and not from our encoders.

A variable that is refused although none of its dialect's rules is about it is a difference: that encoder refuses too much. So is one that is
written although a rule is about it: that rule is wider than what its readers cannot take, and would hide an encoder that refuses too much.
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
IDENTIFIER = ("the name is no identifier", matches(r"[A-Za-z_][A-Za-z0-9_]*"))
LINE_TOO_LONG = ("a line over 65,535 bytes", lambda name, value: len(name.encode()) + 1 + len(value) + value.endswith(b"\r") > 65535)

# What JavaScript's trim() takes for white space, Go's unicode.IsSpace(), and Python's \\s.
JS_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
GO_SPACE = JS_SPACE.replace("\ufeff", "\u0085")
PYTHON_SPACE = GO_SPACE + "\x1c\x1d\x1e\x1f"
BOM = "\ufeff"


def dotenv_has_no_form(name, value):
    single = not (b"'" in value or b"\\\\" in value or value.endswith(b"\\") or b"${" in value or b"\r" in value)
    double = not any(c in value for c in (b'"', b"\\", b"$", b"`", b"\r"))
    return not single and not double


def motdotla_has_no_form(name, value):
    """A quote that is not in the value, or \\r and \\n in double quotes, or none: on one line, with nothing at its edges that is cut off."""
    text = value.decode("utf-8", "replace")
    short = len(value) <= 4 << 20 and not value.endswith(b"\\")
    quoted = short and b"\r" not in value and any(quote not in value for quote in (b"'", b"`"))
    double = short and b'"' not in value and not has(b"\\n", b"\\r")(name, value)
    bare = not has(b"\n", b"\r", b"#")(name, value) and text[:1] not in "'\"`" and text == text.strip(JS_SPACE) and not re.search("[\u2028\u2029]['\"`]", text)
    return bool(value) and not quoted and not double and not bare


def node_has_no_form(name, value):
    if b"\r" in value:
        return True
    quoted = b"'" not in value or b"`" not in value or (b'"' not in value and b"\\n" not in value)
    bare = not has(b"\n", b"#")(name, value) and value[:1] not in (b"'", b'"', b"`") and value == value.strip(b" \t")
    return not quoted and not bare


GODOTENV_SPACE = "\t\v\f\r \u0085\u00a0"


def godotenv_has_no_form(name, value):
    """Its reader takes away quotes at the ends of what stood in quotes, and 1.5.1 knows no double backslash at the end."""
    text = value.decode("utf-8", "replace")
    if not text.endswith(("\"", "\\")) or (text.endswith('"') and "'" not in text):
        return False
    return has(b"\n", b"\r")(name, value) or text[0] in "'\"#" + GODOTENV_SPACE or re.search(f"[{GODOTENV_SPACE}]#", text) is not None


def ruby_has_no_form(name, value):
    """2.4 reads lines only and makes line feeds of \\n; 3 has lines in quotes and keeps \\n."""
    if b"\r" in value or b"\n" in value:
        return True
    if not value.endswith(b"\\"):
        return b"'" in value and has(b"\\n", b"\\r")(name, value) and not ruby_bare(value)
    return not ruby_bare(value)


def ruby_bare(value):
    return not any(c in value for c in (b"#", b"$")) and value[:1] not in (b"'", b'"') and value == value.strip(b" \t\v\f") and b"\\" not in value[:-1]


# bash does not let a file set these, computes them, or (OPTIND, _) dash does; BASH_REMATCH is read-only before bash 5.1.
SHELL_NAMES = {"BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_ARGV0", "BASH_CMDS", "BASH_COMMAND", "BASH_LINENO", "BASH_REMATCH", "BASH_SOURCE",
               "BASH_SUBSHELL", "BASH_VERSINFO", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "LINENO", "OPTIND",
               "PIPESTATUS", "PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SRANDOM", "UID", "_"}
FISH_NAMES = {"FISH_VERSION", "PWD", "SHLVL", "_", "fish_history", "fish_kill_signal", "fish_killring", "fish_pid", "fish_read_limit", "fish_trace", "fish_user_paths", "history",
              "hostname", "pipestatus", "status", "status_generation", "umask", "version"}
UNIX_FILE = ("the name is no file name", lambda name, value: not name or "/" in name or name.startswith(".") or len(name.encode()) > 255)
EQUALS = ("the name has =", lambda name, value: "=" in name)
PROTOTYPE = ("JavaScript keeps the name for itself", lambda name, value: name == "__proto__")
GITHUB_BLOCKED = ("GitHub blocks the name", lambda name, value: name.upper().startswith(("GITHUB_", "RUNNER_")) or name.upper() == "NODE_OPTIONS")


def not_of_docker(name, value):
    return not name or name[0] in "#" + BOM + GO_SPACE or any(c in name for c in "= \t\n")


def not_of_podman(name, value):
    return not name or name[0] in "# \t" or any(c in name for c in "=\n")


def not_of_kubectl(name, value):
    return not re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]{0,252}", name) or name == "." or name.startswith("..")


def not_of_node(name, value):
    """20.12 and 22.0 look for these characters anywhere in the line; later ones hold more."""
    return not re.fullmatch(r"[A-Za-z0-9_.-]+", name)


def not_of_python_dotenv(name, value):
    """In quotes a name has anything but a quote; without quotes neither white space nor #."""
    needs_quotes = name.startswith(BOM) or any(c in name for c in "#" + PYTHON_SPACE)
    return not name or name.startswith("'") or any(c in name for c in "=\n\r") or (needs_quotes and "'" in name)


def empty_part_of_path(name, value):
    return name in ("PATH", "CDPATH") and b"" in value.split(b":")


RULES = {
    "systemd": [IDENTIFIER, NUL, NOT_UTF8, ("a noncharacter", noncharacter), ("2 MiB", lambda name, value: len(name) + 1 + len(value) > 2 * 1024 * 1024 - 1)],
    "docker": [("the name is empty, has = or a blank, or starts as a comment or blank", not_of_docker), NUL, NOT_UTF8, LINE_FEED, LINE_TOO_LONG],
    "podman": [("the name is empty, has =, or starts as a comment or blank", not_of_podman), NUL, NOT_UTF8, LINE_FEED, LINE_TOO_LONG],
    "kubectl": [("the name is no name of a variable", not_of_kubectl), NUL, NOT_UTF8, LINE_FEED, LINE_TOO_LONG],
    "compose": [("the name has other characters or starts with a digit", matches(r"[A-Za-z_.\-\[\]][A-Za-z0-9_.\-\[\]]*")), NUL, NOT_UTF8],
    "compose-environment": [("the name is empty, has =, or ends in white space", lambda name, value: not name or "=" in name or name[-1] in GO_SPACE), NUL, NOT_UTF8],
    "dotenv": [IDENTIFIER, PROTOTYPE, NUL, NOT_UTF8, ("none of the three forms holds it", dotenv_has_no_form)],
    "motdotla": [("the name has other characters", matches(r"[A-Za-z0-9_.\-]+")), PROTOTYPE, NUL, NOT_UTF8, ("no quote and no bare form holds it", motdotla_has_no_form)],
    "node": [("the name is more than 20.12 and 22.0 hold", not_of_node), PROTOTYPE, NUL, NOT_UTF8, ("no quote and no bare form holds it", node_has_no_form)],
    "python-dotenv": [("the name has = or a line end, or cannot stand in quotes", not_of_python_dotenv), NUL, NOT_UTF8],
    "godotenv": [("the name has other characters", matches(r"[A-Za-z0-9_.]+")), NUL, NOT_UTF8, ("no form survives its trimming of quotes", godotenv_has_no_form)],
    "ruby-dotenv": [("the name has other characters", matches(r"[A-Za-z0-9_.]+")), NUL, NOT_UTF8, ("no form is the same for 2.4 and 3", ruby_has_no_form)],
    "shell": [IDENTIFIER, ("the shell's own variable", lambda name, value: name in SHELL_NAMES), NUL],
    "fish": [("the name has other characters", matches(r"[A-Za-z0-9_]+")), ("the shell's own variable", lambda name, value: name in FISH_NAMES), NUL,
             ("an empty part of a path", empty_part_of_path)],
    "envdir": [UNIX_FILE, EQUALS, NUL, ("a blank at its end", ends_in(b" ", b"\t"))],
    "directory": [UNIX_FILE],
    "github": [("the name has =, < or white space", lambda name, value: not name or name[0] == BOM or any(c in name for c in "=<" + GO_SPACE)), GITHUB_BLOCKED, NUL, NOT_UTF8,
               ("a carriage return at its end", ends_in(b"\r"))],
    "gitlab": [("the name has other characters or is long", matches(r"[A-Za-z0-9_]{1,255}")), NUL, NOT_UTF8, LINE_FEED,
               ("spaces at its ends", lambda name, value: value != value.strip(b" \t\v\f\r"))],
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
