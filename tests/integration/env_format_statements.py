"""What docs/env-formats.md says in words, and the checks that make each statement true or false.

SENTENCES has an entry for every sentence of a dialect's section, ROWS for the rows of tables that are in words; the key is the
text itself. No entry is empty: a sentence that only leads to what follows it says so (LEADS), and one about other programs names the
test that runs them (PROGRAMS).
"""

BOM = b"\xef\xbb\xbf"


def reads(text, warned=False, **variables):
    return ("reads", text, {name: value for name, value in variables.items()}, warned)


def gives(text, variables, warned=False):
    return ("reads", text, variables, warned)


def declines(*texts):
    return ("all", "declines", texts)


def refuses(*values, name="A"):
    return ("all", "refuses", [{name: value} for value in values])


def refuses_names(*names):
    return ("all", "refuses", [{name: b"x"} for name in names])


def holds(*values, name="A"):
    return ("all", "writes", [{name: value} for value in values])


def holds_names(*names):
    return ("all", "writes", [{name: b"x"} for name in names])


def writes(value, text, name="A", warned=False):
    return ("writes", {name: value}, text, warned)


def of(dialect, *checks):
    return ("of", dialect, checks)


def taken(text, **variables):
    """Without a dialect, envctl takes the text."""
    return ("auto", text, variables, ())


def told(text, *sentences, never=()):
    """Without a dialect, envctl refuses the text: it says these, and none of `never`."""
    return ("auto", text, None, sentences, never)


EXAMPLE_OF_A_FILE = b'A=1\nNAME="two words"\n'
KEY_FILE = b'KEY="-----BEGIN\nc2VjcmV0=dHdv\n-----END"\n'


def runs(argv, files=(), code=0, says=(), never=(), leaves=(), twice=False):
    """envctl with these arguments, in a directory with these files: its exit code, parts of what it says, and
    files that are there then (None: that are not); `twice`: it can be done again."""
    return ("run", argv, dict(files), code, says, never, dict(leaves), twice)


def reads_back(*dialects):
    """What each dialect can hold of these is decoded to the same."""
    values = {"A": b"Hello, world", "B": b"it's $5 \"net\" \\ #1", "C": b"x\ny\n", "D": b"", "E": "\u00e9\u20ac".encode(), "F": b" x\t", "G": b"$x"}
    return [of(dialect, ("back", values)) for dialect in dialects]


# What is said of other programs, and advice: those programs are run there.
PROGRAMS = [("elsewhere", "tests/consumers/dialects.py")]
# A sentence that ends in a colon, or says what a paragraph is about: what follows it has checks of its own.
LEADS = [("leads",)]
ALL = ("systemd", "docker", "podman", "kubectl", "compose", "compose-environment", "dotenv", "python-dotenv", "godotenv", "motdotla", "node", "ruby-dotenv", "shell", "fish",
       "envdir", "directory", "github", "gitlab", "kubernetes", "json", "yaml")
LINES = 262144
LARGEST_FILE = b"A=b\n" + b"#" * 59 + b"\n" + b"# %60s#\n" % b"x" * ((64 << 14) - 1)      # 64 MiB
LONG_LINE = b"x" * (65535 - 2)      # with "A=": the longest
NOT_TEXT = (b"\0", b"\xe9", b"\xed\xa0\x80", b"\xc0\x80")
NAMES_OF_DOCKER = refuses_names("", "A=B", "A B", "A\tB", "A\nB", "#A", " A", "\u00a0A", "\ufeffA")
ENV_FILES = ("systemd", "docker", "podman", "compose", "dotenv", "shell")

SAYS = [
    # -- before the first dialect
    ("", '"A `.env` file" is several formats under one name.', LEADS),
    ("", '`A=b#c` is `b` for half of the readers and `b#c` for the other half; `"a\\nb"` is two lines for some and a backslash and an n for others; `$` is a '
     "dollar sign, a reference to another variable, or a command to run.",
     [of("docker", reads(b"A=b#c\n", A=b"b#c")), of("dotenv", declines(b"A=b#c\n", b'A="a\\nb"\n', b"A=$B\n")), of("systemd", reads(b'A="a\\nb"\n', A=b"a\\nb")),
      of("compose", reads(b'A="a\\nb"\n', A=b"a\nb"))]),
    ("", "So `envctl` never guesses: `render --format` and `import --dialect` name the reader that the file is for, and without one `import` takes "
     "[what all readers agree about](#whose-file-it-is).", [runs(["render", "x/y"], code=64, says=["--format is needed"]), told(b"A=b#c\n", "A: readers differ"), taken(b"A=1\n", A="1")]),
    ("", "Two promises hold for each of them:", LEADS),
    ("", "**What is written reads back the same.** A file is encoded, decoded again with the same dialect's reader, and "
     "compared, before a byte of it is given out.", reads_back(*ALL)),
    ("", "What a dialect cannot hold is refused: every such variable at once, with the reason and what to do.",
     [of("docker", ("refuses", {"A": b"\n", "B": b"\0", "C": b"\xe9"}))]),
    ("", "There is no partial file.", [runs(["convert", "in", "--from", "json", "--to", "docker", "-o", "out"], {"in": b'{"A": "x", "B": "\\n"}'}, code=1, says=["B"], leaves={"out": None}),
      runs(["convert", "in", "--from", "json", "--to", "docker", "-o", "out"], {"in": b'{"A": "x", "B": "\\n"}', "out": b"old"}, code=1, leaves={"out": b"old"})]),
    ("", "**What is read means the same to the real reader.** A line about which readers (or versions of one reader) disagree is refused with its number and "
     "the reason, all such lines at once.", [of("systemd", declines(b"#c \\\nA=b\n"))]),
    ("", "What is said of other programs is not tested with this page but by running them (`tests/consumers/dialects.py`).", PROGRAMS),
    ("", "What is said of versions that [the proof](#proof) does not list was run once, by hand, or stands in `tests/vectors/dialect-matrix.txt`; nothing here tests it "
     "again.", [("elsewhere", "tests/vectors/dialect-matrix.txt")]),
    ("", "A variable that is set twice gets its last value, and a warning.", [of(dialect, reads(b"A=1\nA=2\n", True, A=b"2")) for dialect in ENV_FILES]),
    ("", "A file is at most 64 MiB, with at most 10,000 variables.",
     [of("docker", gives(b"".join(b"V%d=\n" % i for i in range(10000)), {f"V{i}": b"" for i in range(10000)})),
      of("json", ("writes", {f"V{i}": b"" for i in range(10000)}, None, False)),
      runs(["convert", "in", "--from", "docker", "--to", "json"], {"in": b"".join(b"V%d=\n" % i for i in range(10001))}, code=1, says=["more than 10000 variables"]),
      runs(["convert", "in", "--from", "docker", "--to", "json"], {"in": LARGEST_FILE}, says=['"A": "b"']),
      runs(["convert", "in", "--from", "docker", "--to", "json"], {"in": LARGEST_FILE + b"\n"}, code=1, says=["larger than 67108864 bytes"])]),
    ("", "A NUL byte anywhere means that the file is no text (usually UTF-16) and refuses it.", [of(dialect, declines(b"A=b\n#\0\n")) for dialect in ENV_FILES]),
    ("", "The examples below are this set, written in each dialect:", LEADS),

    # -- systemd
    ("systemd", "Always double quotes; `\\` in front of `\"`, `\\`, `` ` `` and `$`; line feeds as they are.",
     [writes(b"x", b'A="x"\n'), writes(b'"\\`$\n', b'A="\\"\\\\\\`\\$\n"\n')]),
    ("systemd", "Refused: names other than `[A-Za-z_][A-Za-z0-9_]*`; values with NUL, with invalid UTF-8, or with a noncharacter of Unicode (U+FDD0 to U+FDEF, "
     "U+FFFE, U+FFFF and their like in each plane).",
     [refuses_names("", "1A", "A-B", "A.B", "\u00e9", "A B"), holds_names("A", "_", "z9_"), refuses(*NOT_TEXT, b"x\0y"),
      refuses(*[chr(c).encode() for c in (0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x1FFFF, 0x10FFFE, 0x10FFFF)]),
      holds(*[chr(c).encode() for c in (0xFDCF, 0xFDF0, 0xFFFD, 0x10000, 0x10FFFD, 0xFEFF, 1, 27, 13)])]),
    ("systemd", "One of these and systemd would reject the whole file.", [declines(b"A=x\nB=\xef\xb7\x90\n", b"A=x\nB=\xe9\n")]),
    ("systemd", "Also values of 2 MiB and more.", [refuses(b"x" * (2 << 20)), holds(b"x" * ((2 << 20) - 3))]),
    ("systemd", "The reader is systemd 252's, with its surprises:", PROGRAMS),
    ("systemd", "The same text is right for `. file` of dash and bash (with `set -a`).", [of("shell", reads(b'A="\\"\\\\\\`\\$\nx\'"\nB="x"\n', A=b'"\\`$\nx\'', B=b"x"))]),

    # -- docker
    ("docker", "`NAME=` and the value as it is, to the end of the line: quotes, blanks, `#`, `$` and backslashes are part of it.",
     [writes(b" \"'#$\\ ", b"A= \"'#$\\ \n")]),
    ("docker", "Refused: values with a line feed (`KEY` above), NUL or invalid UTF-8; names that are empty, hold `=`, a blank, a tab or a line feed, or start with "
     "`#`, white space or a byte order mark; lines of more than 65,535 bytes.",
     [refuses(b"\n", b"a\nb", b"\0", *NOT_TEXT), NAMES_OF_DOCKER, holds_names("A-B", "1A", "\u00e9", "A#"), holds(LONG_LINE), refuses(LONG_LINE + b"x")]),
    ("docker", "A value that ends in a carriage return gets a second one, because the reader takes one away.",
     [writes(b"x\r", b"A=x\r\r\n"), reads(b"A=x\r\r\n", A=b"x\r"), refuses(LONG_LINE[1:] + b"\r"), holds(LONG_LINE[2:] + b"\r")]),
    ("docker", "A value that starts and ends with the same quote is written with a warning: a change that would remove such quotes has been proposed to docker.",
     [writes(b'"x"', b'A="x"\n', warned=True), writes(b"'x'", b"A='x'\n", warned=True)]),
    ("docker", 'Reading: `A="b"` gives `"b"` with its quotes, and a warning.', [reads(b'A="b"\n', True, A=b'"b"')]),
    ("docker", 'A name without `=` means "take it from the environment of the docker command"; there is none here, so it is left out with a warning.',
     [reads(b"A\nB=c\n", True, B=b"c")]),
    ("docker", "`A = b` and `export A=b` are refused, as docker refuses the file.", [declines(b"A = b\n", b"export A=b\n")]),

    # -- podman
    ("podman", "The same lines as docker's.", [writes(b" \"'#$\\ ", b"A= \"'#$\\ \n")]),
    ("podman", "Refused: the values that docker's refuses, and longer lines; invalid UTF-8 because podman puts U+FFFD in its place without a word; names that are empty, "
     "hold `=` or a line feed, or start with `#`, a blank or a tab.",
     [refuses(b"\n", b"a\nb", *NOT_TEXT), refuses_names("", "A=B", "A\nB", "#A", " A", "\tA"), holds_names("A B", "A ", "A\t", "\u00a0A", "\ufeffA", "A*"), holds(LONG_LINE), refuses(LONG_LINE + b"x"), declines(b"A=\xe9\n")]),
    ("podman", "The reader is podman's before 4.7 and since 4.8, with its surprises:", PROGRAMS),
    ("podman", "podman 4.7.0, 4.7.1 and 4.7.2 alone had another reader, with quotes and comments: they cut a value at `#`, took quotes off values of several lines, "
     "ignored names with other characters than letters, digits and `_ . % -`, and took `A=` from the environment.", PROGRAMS),
    ("podman", "Lines that they read in another way are read and written here with a warning.",
     [reads(b"A=b#c\n", True, A=b"b#c"), reads(b"A=\n", True, A=b""), writes(b"b#c", b"A=b#c\n", warned=True), writes(b"", b"A=\n", warned=True)]),

    # -- kubectl
    ("kubectl", "The same lines as docker's.", [writes(b" \"'#$\\ ", b"A= \"'#$\\ \n")]),
    ("kubectl", "Refused: values with a line feed, NUL or invalid UTF-8; lines of more than 65,535 bytes; names other than letters, digits and `- _ .`, that start "
     "with a digit or with two dots, that are a dot alone, or that have more than 253 characters.",
     [refuses(b"\n", b"a\nb", *NOT_TEXT), holds(LONG_LINE), refuses(LONG_LINE + b"x"), refuses_names("\u00e9", "A B", "1A", "..A", ".", "A" * 254, "A=B"),
      holds_names("A-B", "_.x", ".A", "A" * 253, "-")]),
    ("kubectl", "A whole secret is at most 1 MiB, which the cluster checks.", [("writes", {f"V{i}": b"x" * 60000 for i in range(20)}, None, False)]),

    # -- compose
    ("compose", "Always double quotes; `\\` in front of `\"` and `\\`; `$` doubled.", [writes(b"x", b'A="x"\n'), writes(b'"\\$\n', b'A="\\"\\\\$$\n"\n')]),
    ("compose", "Refused: names other than letters, digits and `_ . - [ ]`, or that start with a digit; values with NUL or invalid UTF-8.",
     [refuses_names("", "\u00e9", "A B", "1A", "A=B", "A:"), holds_names("_", "A.B-C[1]"), refuses(*NOT_TEXT), holds(b"\n\r\x01", "\ufffe".encode())]),
    ("compose", "A file with `$$` is wrong for every other reader, which is why compose is a dialect of its own.",
     [of("docker", reads(b"A=$$\n", A=b"$$")), of("dotenv", declines(b'A="$$"\n')), of("shell", declines(b'A="$$"\n'))]),
    ("compose", "Reading follows compose-go v2: `: ` and `=`, `export`, comments after a space and `#`, the escapes `\\a \\b \\f \\n \\r \\t \\v \\\\ \\\" \\$ \\0ooo` in "
     "double quotes, `\\'` in single quotes.",
     [reads(b"A: b\nexport B=c\nC=d #e\nD=d#e\n", A=b"b", B=b"c", C=b"d", D=b"d#e"), reads(b'A="\\a\\b\\f\\n\\r\\t\\v\\\\\\"\\$\\0101"\n', A=b'\a\b\f\n\r\t\v\\"$A'),
      reads(b"A='it\\'s'\n", A=b"it's")]),
    ("compose", "`$NAME` and `${…}` outside single quotes are refused with the line, because there is nothing here to take the value from; `$$` is one dollar sign.",
     [declines(b"A=$B\n", b'A="${B}"\n', b"A=${B:-c}\n"), reads(b"A='$B ${C}'\n", A=b"$B ${C}"), reads(b'A=$$\nB="$$C"\n', A=b"$", B=b"$C")]),
    ("compose", "A name alone is left out with a warning.", [reads(b"A\nB=c\n", True, B=b"c")]),
    ("compose", "Names with letters outside ASCII are refused.", [declines(b"\xc3\xa9=1\n")]),

    # -- compose-environment
    ("compose-environment", "A mapping under `environment:`, each value in double quotes of YAML, and `$` doubled.",
     [writes(b"$b\n", b'environment:\n  A: "$$b\\n"\n')]),
    ("compose-environment", "Refused: values with NUL or invalid UTF-8; names that are empty, hold `=`, or end with white space.",
     [refuses(*NOT_TEXT), refuses_names("", "A=B", "A ", "A\n", "A\u00a0"), holds_names("A B", " A", "\nA", "\u00a0A", "1A", "no", "\u00e9"), holds(b"\x01\r\n")]),
    ("compose-environment", "Of these, docker-compose 1.29 takes all but the empty one; compose v2 refuses a blank at the end of a name in a list, and no environment can hold `=`.", PROGRAMS),
    ("compose-environment", "Reading takes that block, the same with a list (`- NAME=VALUE`), and either without `environment:` above it; the rules of [yaml](#yaml) hold.",
     [reads(b"environment:\n- A=b c\n- B=\n", A=b"b c", B=b""), reads(b"- A=b\n", A=b"b"), reads(b"A: b\n", A=b"b"), declines(b"A: yes\n", b"A: &x b\n", b"A: 1.5\n")]),
    ("compose-environment", "A `$` that is not doubled is refused, because compose would fill something in or refuse the file.",
     [declines(b"A: $B\n", b"A: '${B}'\n", b"A: $\n", b"A: b$$$\n", b"- A=$B\n"), reads(b"A: $$B\n", A=b"$B")]),
    ("compose-environment", "A name alone is left out with a warning.", [reads(b"A:\nB: c\n", True, B=b"c"), reads(b"- A\n- B=c\n", True, B=b"c")]),
    ("compose-environment", "A whole compose file, or a whole service, is refused.",
     [declines(b"services:\n  web:\n    environment: {A: b}\n", b"environment: {A: b}\nimage: x\n", b"image: x\nenvironment: {A: b}\n")]),

    # -- dotenv
    ("dotenv", "The portable file: the plainest of three forms that all readers of the table above read alike.", LEADS),
    ("dotenv", "Bare if the value is made of letters, digits and `_./:@%+,=^-`; else in single quotes, if it has no `'`, no carriage return, no two backslashes in a "
     "row, no `\\` at the end and no `${`; else in double quotes, if it has none of `` \" \\ $ ` `` and no carriage return.",
     [writes(b"az09_./:@%+,=^-", b"A=az09_./:@%+,=^-\n"), writes(b"", b"A=''\n"), writes(b"x y", b"A='x y'\n"), writes(b'"$`\\x\n', b"A='\"$`\\x\n'\n"),
      writes(b"it's", b'A="it\'s"\n'), refuses(b"it's $", b"it's \"", b"it's \\x", b"it's `", b"\r", b"x\\\\y", b"x\\", b"${x}")]),
    ("dotenv", "Refused: every other value (`PASSWORD` above has both `'` and `$`), NUL, invalid UTF-8, names other than `[A-Za-z_][A-Za-z0-9_]*`, and the name `__proto__`, which JavaScript's "
     "readers lose.",
     [refuses(b"'$", *NOT_TEXT), refuses_names("__proto__", "", "1A", "A-B", "A.B", "\u00e9"), holds_names("_", "a9", "export", "_proto_")]),
    ("dotenv", "Where a value is refused, name the reader's own dialect.", [runs(["convert", "in", "--from", "json", "--to", "dotenv"], {"in": b'{"A": "\'$"}'}, code=1, says=["A", "use the dialect of the reader", "compose"])]),
    ("dotenv", "The same file is also right for systemd (but for noncharacters), dash and bash (but for names that the [`shell`](#shell) dialect refuses, and `COMP_WORDBREAKS`, which bash does not pass on).", [of(dialect, reads(b"A=az09_./:@%+,=^-\nB=\'x y\n$\'\nC=\"it\'s\"\n", A=b"az09_./:@%+,=^-", B=b"x y\n$", C=b"it's")) for dialect in ("systemd", "shell")] +
     [writes("\ufdd0".encode(), "A='\ufdd0'\n".encode()), of("systemd", refuses("\ufdd0".encode())),
      holds_names("UID"), of("shell", refuses_names("UID"))]),
    ("dotenv", "Reading takes what all of them read alike: comments, empty lines, `export NAME=…`, spaces around `=`, a space and `#` before a comment, CRLF line ends, "
     "single and double quotes, values of several lines in quotes, dots in names.",
     [reads(b"# c\n\nexport A=b\nB = c # d\r\nC='x\ny'\nD=\"it's\"\n", A=b"b", B=b"c", C=b"x\ny", D=b"it's"), gives(b"A.B=c\n", {"A.B": b"c"})]),
    ("dotenv", "Everything else is refused, with what to write in its place:", LEADS),

    # -- python-dotenv
    ("python-dotenv", "Always double quotes; `\\` in front of `\"` and `\\`; `\\n` and `\\r` for line ends.",
     [writes(b"x", b'A="x"\n'), writes(b"\"\\'$\r\n x", b'A="\\"\\\\\'$\\r\\n x"\n')]),
    ("python-dotenv", "Two things cannot be escaped there: `${` is a reference in every kind of quotes, and a backslash before the closing quote hides it.",
     [declines(b"A=${B}\n", b"A='${B}'\n", b'A="${B}"\n', b'A="\\${B}"\n'), reads(b'A="b\\\\"\nC="\n', A=b"b\\\"\nC=")]),
    ("python-dotenv", "They are written as the default of a variable without a name, which nothing can ever set: `${:-$}{` and `${:-\\\\}`.",
     [writes(b"x${y}", b'A="x${:-$}{y}"\n'), writes(b"x\\", b'A="x${:-\\\\}"\n')]),
    ("python-dotenv", "A name with `#` or white space stands in `'`, and so does one that starts with a byte order mark.",
     [writes(b"x", b"'A B'=\"x\"\n", name="A B"), writes(b"x", b"'#'=\"x\"\n", name="#"), writes(b"x", "'\ufeffA'=\"x\"\n".encode(), name="\ufeffA")]),
    ("python-dotenv", "Refused: names that are empty, hold `=` or a line end, start with `'`, or hold `'` beside `#` or white space; NUL; invalid UTF-8.",
     [refuses_names("", "A=B", "A\nB", "A\rB", "'A", "'A'", "A'B C", "A'#", "\ufeffA'"), holds_names("1A", "A-B", "\u00e9", "A'", "export", "A#B", "A B", "A\u2028B", "A\x1cB"), refuses(*NOT_TEXT),
      holds(b"\x01", "\ufffe".encode())]),
    ("python-dotenv", "A value with `${` or with a backslash at its end is written with a warning: a program that turns interpolation off (`interpolate=False`) would read "
     "something else.", [writes(b"${", b'A="${:-$}{"\n', warned=True), writes(b"\\", b'A="${:-\\\\}"\n', warned=True)]),

    # -- godotenv
    ("godotenv", "Double quotes; `\\` in front of `\"`, `\\` and `$`; `\\n` and `\\r` for line ends.",
     [writes(b"x", b'A="x"\n'), writes(b"\"\\'$\r\n x", b'A="\\"\\\\\'\\$\\r\\n x"\n')]),
    ("godotenv", "A value that ends in `\"` is put in single quotes, because godotenv takes a quote at the end away; one that ends in `\\`, or in `\"` and holds `'`, stands "
     "without quotes, with `\\$` for the dollar sign.", [writes(b'"x$"', b"A='\"x$\"'\n"), writes(b"x$\\", b"A=x\\$\\\n"), writes(b"it's \"$\"", b"A=it's \"\\$\"\n")]),
    ("godotenv", "Refused: names other than letters, digits, `_` and dots; NUL; invalid UTF-8; values that end in `\\`, or in `\"` and hold `'`, and that cannot stand "
     "without quotes: they hold a line end, or a `#` after white space, or start with white space, a quote or `#`.",
     [refuses_names("", "A-B", "A B", "A:B", "\u00ea"), holds_names("1A", "A.B", "_"), refuses(*NOT_TEXT), holds(b"\x01", "\ufffe".encode()),
      refuses(*[start + end for start in (b"x\n", b"x\r", b"x #", b"x\t#", b" x", b"'x", b'"x', b"#x") for end in (b"\\", b"'\"")])]),

    # -- motdotla
    ("motdotla", "Bare if the value is made of letters, digits and `_./:@%+,=^-`; else in the first kind of quote that it does not hold: `'`, `` ` ``, and `\"` last, in "
     "which a carriage return is written `\\r`.",
     [writes(b"az09_./:@%+,=^-", b"A=az09_./:@%+,=^-\n"), writes(b"", b"A=\n"), writes(b"x y\n", b"A='x y\n'\n"), writes(b"it's", b"A=`it's`\n"),
      writes(b"'`", b'A="\'`"\n'), writes(b"x\ry\n", b'A="x\\ry\n"\n')]),
    ("motdotla", "There are no escapes; a value of one line that holds all three quotes stands bare.", [writes(b"x'\"`", b"A=x'\"`\n")]),
    ("motdotla", "Refused: names other than letters, digits and `_ . -`, and `__proto__`; NUL; invalid UTF-8; all three kinds of quote together with a line feed, `#`, a "
     "quote at the start or white space at an edge; a carriage return together with `\"` or with the two characters `\\n` or `\\r`; a `\\` at the end, unless the value can "
     "stand bare; what needs quotes and is longer than 4 MiB, over which the package runs out of stack.",
     [refuses_names("", "\u00e9", "A B", "A=B", "__proto__"), holds_names("1", "A.B-C_", "-"), refuses(*NOT_TEXT), refuses(b"x'\"`\n", b"x'\"`#", b"'\"`", b"x'\"` ", b" x'\"`"),
      refuses(b"\r\"", b"\r\\n", b"\r\\r", b"x#\\", b"'\\", b"x\ny\\"), holds(b"\r'`\\ ", b"x\\"), refuses(b" " * ((4 << 20) + 1)), holds(b"x" * ((4 << 20) + 1))]),
    ("motdotla", "Reading follows two parsers: the default one (15 and later; the fast one, `fast: true`, is the same since 18.0.8), and the first fast one (18.0.0).", PROGRAMS),
    ("motdotla", "What they do not read alike is refused with its line.", [declines(b'A="b"c\n')]),
    ("motdotla", "Lines that are no assignment are ignored with a warning.", [reads(b"x\nA=b\n", True, A=b"b")]),
    ("motdotla", "`$` is never more than a dollar sign (dotenv-expand is another package).", [reads(b"A=$B\nC=\"${A} $(x)\"\n", A=b"$B", C=b"${A} $(x)")]),

    # -- node
    ("node", "As for `motdotla`, but that nothing is written with escapes.",
     [writes(b"az09_./:@%+,=^-", b"A=az09_./:@%+,=^-\n"), writes(b"x y\n", b"A='x y\n'\n"), writes(b"it's", b"A=`it's`\n"), writes(b"'`\n", b'A="\'`\n"\n'),
      writes(b"x'\"`", b"A=x'\"`\n")]),
    ("node", "Refused: names other than letters, digits and `_ . -`, of which 20.12 and 22.0 read a part (`X NODE_OPTIONS` sets `NODE_OPTIONS` there), and `__proto__`, which is lost; NUL; "
     "invalid UTF-8; a carriage return, which node removes; `'` together with `` ` `` and "
     "with `\"` or the two characters `\\n`, unless the value can stand bare: on one line, without `#`, no quote at the start, no blank at an edge.",
     [refuses_names("", "A=B", "A\nB", "A\rB", "#A", "export A", " A", "X NODE_OPTIONS", "A#B", "\u00e9", "A\t", "__proto__"),
      holds_names("1", "A.B-C_", "-", "export", "export-A"), refuses(*NOT_TEXT, b"\r"),
      refuses(b"x'`\"\n", b"x'`\\n\n", b"x'`\"#", b"'`\"", b"x'`\" ", b"\tx'`\""), holds(b"x'`\"", b"x'`\\n", b"\n#\\")]),
    ("node", "Reading follows two parsers: that of node 20 (20.20), and that which node 22, 24 and 26 have now (22.23, 24.22, 26.10 were run).", PROGRAMS),
    ("node", "What they do not read alike is refused with its line.", [declines(b"A\nB=c\n")]),
    ("node", "What both read alike, and others do not: `A=\"b\"c` is `b`, `A='it's'` is `it`, `A=\"b\\\"c\"` is `b\\`, `;A=1` sets `;A`, a byte order mark belongs to the first name "
     "(with a warning), `A: b` is ignored (with a warning), and every carriage return is removed, also inside quotes.",
     [reads(b'A="b"c\nB=\'it\'s\'\nC="b\\"c"\n', A=b"b", B=b"it", C=b"b\\"), gives(b";A=1\n", {";A": b"1"}), gives(BOM + b"A=b\n", {"\ufeffA": b"b"}, True),
      reads(b"A: b\n", True), reads(b"A='b\rc\r\n'\r\n", A=b"bc\n")]),
    ("node", "In double quotes `\\n` is a line feed, and nothing else is an escape.", [reads(b'A="a\\nb\\r\\t\\\\"\n', A=b"a\nb\\r\\t\\\\")]),
    ("node", "A last line with `#` or a second `=` and without line feed is refused, because versions before 20.19 and 22.16 read it otherwise.",
     [declines(b"A=b #c", b"A=b=c"), reads(b"A=b #c\nB=c=d\n", A=b"b", B=b"c=d")]),
    ("node", "What is written is read alike by 20.13 and later, but for 23.", PROGRAMS),
    ("node", "In 20.12 and 22.0 a backslash before the closing quote hides it: such a value stands bare where it can.", [writes(b"x y\\", b"A=x y\\\n")]),

    # -- ruby-dotenv
    ("ruby-dotenv", "Bare if the value is made of letters, digits and `_./:@%+,=^-`; else in single quotes; else in double quotes with `\\` in front of `\\`, `\"` and `$`.",
     [writes(b"az09_./:@%+,=^-", b"A=az09_./:@%+,=^-\n"), writes(b"x $y", b"A='x $y'\n"), writes(b"it's \"\\$", b'A="it\'s \\"\\\\\\$"\n')]),
    ("ruby-dotenv", "A `$(` that could be no command, or stands in one, has no backslash, because it would be kept there.",
     [writes(b"'$(x", b'A="\'$(x"\n'), writes(b"'$(x)", b'A="\'\\$(x)"\n'), reads(b'A="\\$(x"\n', A=b"\\$(x"),
      writes(b"'$(x $(y))", b'A="\'\\$(x $(y))"\n')]),
    ("ruby-dotenv", "Refused: names other than letters, digits, `_` and dots; NUL; invalid UTF-8; carriage returns and line feeds (2.4, which Debian has, reads line by line; for "
     "dotenv 3 alone the [`dotenv`](#dotenv) dialect holds `KEY`); `'` together with the two characters `\\n` or `\\r`; a `\\` at the end, unless the value can stand bare: no other "
     "backslash, no `#` or `$`, no quote at the start, no white space at an edge.",
     [refuses_names("", "\u00e9", "A B", "A-B", "A=B"), holds_names("1", "A.B_"), refuses(*NOT_TEXT, b"x\n", b"\r", b"'\\n", b"'\\r"),
      refuses(b"x\\\\", b"x#\\", b"x$\\", b"'\\", b"\"\\", b" x\\"), holds(b"x y\\", b"x'\\")]),
    ("ruby-dotenv", "Reading follows 2.4, the first versions of 3, and the last ones.", PROGRAMS),
    ("ruby-dotenv", "What they do not read alike is refused with its line, and so is what dotenv would fill in (`$NAME`, `${NAME}`: from its environment first) or run "
     "(`$(command)`).", [declines(b'A="b\\nc"\n', b"A=$B\n", b'A="${B}"\n', b"A=$(true)\n")]),
    ("ruby-dotenv", "Nothing is ever run here.", [declines(b"A=$(echo x)\n", b'A="$(touch x)"\n'), reads(b"A='$(echo x)'\n", A=b"$(echo x)"),
      runs(["convert", "in", "--from", "ruby-dotenv", "--to", "json"], {"in": b"A=$(touch made)\n"}, code=1, leaves={"made": None})]),

    # -- shell
    ("shell", "`export NAME='…'`, a single quote as `'\\''`.", [writes(b"it's", b"export A='it'\\''s'\n")]),
    ("shell", "Refused: names other than `[A-Za-z_][A-Za-z0-9_]*`, names with a meaning of their own in a shell (`UID`, `PPID`, `SHELLOPTS`, `RANDOM`, `SECONDS`, "
     "`OPTIND`, `_` and the like), NUL.",
     [refuses_names("", "1A", "A-B", "A.B", "\u00e9", "UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "RANDOM", "SECONDS", "OPTIND", "_"),
      holds_names("_a", "Z9", "PATH", "COPROC", "BASH_ENV"),
      refuses(b"\0", b"x\0y")]),
    ("shell", "`BASH_REMATCH` is among them because it is read-only before bash 5.1, and `BASH_ARGV0` because it changes the `$0` of the script that reads the file.",
     [refuses_names("BASH_REMATCH", "BASH_ARGV0")]),
    ("shell", "Any other byte is kept, valid UTF-8 or not.", [writes(bytes(range(1, 39)) + bytes(range(40, 256)), b"export A='" + bytes(range(1, 39)) +
                                                                     bytes(range(40, 256)) + b"'\n")]),
    ("shell", "Reading takes assignments of constants: `NAME=value`, `export NAME=value`, several on a line, `;`, all three ways of quoting, joined lines, comments.",
     [reads(b"A=b\nexport C=d E=f; G='h i'\"j\"\\ k # l\nM=n\\\no\n", A=b"b", C=b"d", E=b"f", G=b"h ij k",
           M=b"no")]),
    ("shell", "Nothing is ever run or filled in: `$`, backticks, `~`, operators and commands are refused with the line, and so are `* ? [ {` outside quotes after "
     "`export`, which shells do not treat alike.",
     [declines(b"A=$B\n", b"A=$(b)\n", b"A=`b`\n", b"A=~\n", b"A=b & C=d\n", b"A=b | c\n", b"A=b > c\n", b"echo x\n", b"if true\n", b"export A=*\n", b"export A=?\n",
               b"export A=[a]\n", b"export A={a,b}\n"), reads(b"A=*\nB='~$x`y`'\n", A=b"*", B=b"~$x`y`")]),
    ("shell", "A CRLF file keeps its carriage returns in the values, as it does in a shell, and gets a warning.", [reads(b"A=b\r\nB=c\r\n", True, A=b"b\r", B=b"c\r")]),

    # -- json
    ("json", "One object of strings, two spaces, one variable a line, in the order of the set.", [("writes", {"B": b"1", "A": b"2"}, b'{\n  "B": "1",\n  "A": "2"\n}\n', False)]),
    ("json", "Refused: values that are not valid UTF-8.", [refuses(b"\xe9", b"\xed\xa0\x80"), holds(b"\x01\n", "\ufffe".encode())]),
    ("json", "NUL is written `\\u0000`.", [writes(b"\0", b'{\n  "A": "\\u0000"\n}\n')]),
    ("json", "Reading is strict (RFC 8259, no duplicate names, no lone surrogates); a member that is not a string is refused by name.",
     [declines(b"{'A': 1}", b'{"A": "1",}', b'{"A": "1", "A": "2"}', b'{"A": "\\ud83d"}', b'{"A": 1}', b'{"A": null}', b'[]', b'{"A": "\x01"}', b'{"A": "b"} x')]),

    # -- fish
    ("fish", "`set -gx NAME '…'`; `\\` in front of `'` and `\\`.", [writes(b"it's \\n", b"set -gx A 'it\\'s \\\\n'\n")]),
    ("fish", "Refused: names other than letters of ASCII, digits and `_`, names with a meaning of their own in fish (`status`, `PWD`, `SHLVL`, `umask`, `history` and the like), NUL; "
     "and an empty part of `PATH` or `CDPATH`, which fish turns into a dot.",
     [refuses_names("", "A-B", "\u00e9", "status", "PWD", "SHLVL", "umask", "history", "_", "version", "fish_pid"), holds_names("_a", "Z9", "1A", "9", "UID", "argv"), refuses(b"\0", b"x\0y"),
      refuses(b"", b"a::b", b":a", b"a:", name="PATH"), refuses(b"a:", name="CDPATH"), holds(b"a:b", name="PATH"), holds(b"a::b", name="MANPATH")]),
    ("fish", "Which other letters a name may have depends on the locale that fish runs in; `fish_history`, `fish_read_limit`, `fish_trace` and `fish_user_paths`, which goes in front of `PATH`, are orders to fish itself.",
     [refuses_names("\u00e9A", "fish_history", "fish_read_limit", "fish_trace")]),
    ("fish", "Any other byte is kept, valid UTF-8 or not.",
     [writes(bytes(range(1, 39)) + bytes(range(40, 92)) + bytes(range(93, 256)), b"set -gx A '" + bytes(range(1, 39)) + bytes(range(40, 92)) + bytes(range(93, 256)) + b"'\n")]),
    ("fish", "Reading takes lines that set one constant, with or without `-g` and `-x`.",
     [reads(b"set A b\nset -g B c; set -gx D 'e f'\nset -x --global G\n", A=b"b", B=b"c", D=b"e f", G=b"")]),
    ("fish", "Nothing is ever run or filled in: `$`, parentheses, `~`, patterns, operators and commands are refused with the line, and so are lists of several values and the "
     "other options of `set`.",
     [declines(b"set A $B\n", b'set A "$B"\n', b"set A (b)\n", b"set A ~\n", b"set A b*\n", b"set A {b,c}\n", b"set A b | c\n", b"set A b>c\n", b"echo x\n", b"set A b c\n",
               b"set -e A\n", b"set -l A b\n", b"set --path A b\n", b"set -u A b\n"), reads(b"set A '$B (c) ~ *'\n", A=b"$B (c) ~ *")]),
    ("fish", "A comment after a line that ends in a backslash is refused, because fish goes on with the line below it.",
     [declines(b"set A \\\n# c\nset B d\n"), reads(b"set A \\\n b # c\n", A=b"b")]),
    ("fish", "A CRLF file is read as fish reads it: a carriage return outside quotes ends the line.", [reads(b"set A b\r\nset B 'c\r\n'\r\n", A=b"b", B=b"c\r\n")]),

    # -- envdir
    ("envdir", "One file for each variable, whose name is the variable's and whose first line is the value; line feeds of the value are NUL bytes, and there is no line feed "
     "at the end.", [("writes", {"A": b"b\nc\n"}, {"A": b"b\0c\0"}, False)]),
    ("envdir", "Refused: names that are empty, start with a dot, hold `/` or `=`, or have more than 255 bytes; values with NUL, or with a space or a tab at the end, which the "
     "reader takes away.", [refuses_names(".A", "A/B", "A=B", "x" * 256), holds_names("A.B", "A B", "x" * 255), refuses(b"\0", b"b ", b"b\n\t"), holds(b" b", b"b \n", b"\xe9")]),
    ("envdir", "An empty value is a file of one line feed.", [("writes", {"A": b""}, {"A": b"\n"}, False)]),
    ("envdir", "A directory that `envctl` has written also has a file `.envctl`, by which it knows that it may replace it.",
     [gives({".envctl": b"x", "B": b"c"}, {"B": b"c"}),
      runs(["convert", "in", "--from", "docker", "--to", "envdir", "--allow-disk", "-o", "d"], {"in": b"A=b\n"}, leaves={"d/A": b"b"}, twice=True),
      runs(["convert", "in", "--from", "docker", "--to", "envdir", "--allow-disk", "-o", "d"], {"in": b"A=b\n", "d/B": b"c"}, code=1, leaves={"d/A": None, "d/B": b"c"})]),
    ("envdir", "Reading: a file of 0 bytes takes the variable out of the environment, so it is left out with a warning.", [gives({"A": b"", "B": b"c"}, {"B": b"c"}, True)]),
    ("envdir", "What follows the first line is left out with a warning, and so are blanks at its end.", [gives({"A": b"b\nc\n"}, {"A": b"b"}, True), gives({"A": b"b \t\n"}, {"A": b"b"}, True)]),
    ("envdir", "Files whose name starts with a dot are passed over.", [gives({".A": b"b", "B": b"c"}, {"B": b"c"})]),

    # -- directory
    ("directory", "One file for each variable, whose name is the variable's and whose content is the value, byte for byte.",
     [("writes", {"A": b"b\0\xe9 "}, {"A": b"b\0\xe9 "}, False), ("writes", {"A": b""}, {"A": b""}, False)]),
    ("directory", "Point `NAME_FILE=/run/secrets/NAME` at it.", [("writes", {"NAME": b"x y\n"}, {"NAME": b"x y\n"}, False)]),
    ("directory", "Refused: names that are empty, start with a dot, hold `/`, or have more than 255 bytes.", [refuses_names(".A", "..", "A/B", "x" * 256), holds_names("A=B", "A B", "x" * 255)]),
    ("directory", "A value that ends in a line feed is written with a warning: entrypoints that read the file with `$(cat FILE)` take it away.",
     [("writes", {"A": b"b\n"}, {"A": b"b\n"}, True)]),
    ("directory", "Reading keeps every byte, a line feed at the end, too.", [gives({"A": b"b\0\n"}, {"A": b"b\0\n"})]),
    ("directory", "Files whose name starts with a dot are passed over.", [gives({".A": b"b", "B": b"c"}, {"B": b"c"})]),

    # -- github
    ("github", "`NAME=value`; a value of several lines between two lines of a delimiter that nobody can guess and that no line of the value is.",
     [writes(b"b\nghadelimiter_30313233343536373839616263646566\nc", b"A<<ghadelimiter_30313233343536373839616263646566_\nb\nghadelimiter_30313233343536373839616263646566\nc\n"
             b"ghadelimiter_30313233343536373839616263646566_\n")]),
    ("github", "Refused: names that GitHub blocks (`GITHUB_*`, `RUNNER_*` and `NODE_OPTIONS`, in any case), that are empty, hold `=`, `<` or white space, or start with a byte order mark; values "
     "with NUL or invalid UTF-8, or with a carriage return at the end, which a runner of Windows takes away.",
     [refuses_names("GITHUB_A", "github_a", "RUNNER_A", "NODE_OPTIONS", "Node_Options", "", "A=B", "A<B", "A B", "A\nB", "A\u00a0B", "\ufeffA"), holds_names("CI", "GITHUB", "A\x01", "A\ufeff", "A.B-c", "NODE_OPTIONS_A"),
      refuses(*NOT_TEXT, b"b\r", b"b\nc\r"), holds(b"b\rc", b"b\r\nc")]),
    ("github", "Reading follows the runner, in what its builds for Windows and for Linux read alike:", LEADS),
    ("github", "CRLF line ends are refused with the line, but for those inside a value of several lines.",
     [declines(b"A=b\r\n", b"A<<E\r\nb\r\nE\r\n", b"A<<E\nb\r\nE\n", b"A<<E\nb\nE\r\n"), reads(b"A<<E\nb\r\nc\nE\n", A=b"b\r\nc")]),
    ("github", "A byte order mark is passed over with a warning.", [reads(BOM + b"A=b\n", True, A=b"b")]),
    ("github", "A runner hides only what it was told to: `::add-mask::` lines for every value, and for every line of a value of several lines, are what `github_add_masks()` makes.", [runs(["convert", "in", "--from", "json", "--to", "github", "-o", "out"], {"in": b'{"A": "x%y", "B": "one\\ntwo"}'},
           says=["::add-mask::x%25y\n", "::add-mask::one%0Atwo\n", "::add-mask::one\n", "::add-mask::two\n"])]),

    # -- gitlab
    ("gitlab", "`NAME=value` lines, without quotes, comments and empty lines.", [writes(b"b 'c'", b"A=b 'c'\n"), declines(b"A=b\n\n", b"# c\nA=b\n")]),
    ("gitlab", "Refused: names other than 1 to 255 letters, digits and `_`; values with a line feed, NUL or invalid UTF-8, or with white space at either end, which GitLab takes away.",
     [refuses_names("", "A-B", "\u00e9", "x" * 256), holds_names("1A", "_", "x" * 255), refuses(b"b\nc", *NOT_TEXT, b" b", b"b\t", b"\r"), holds(b"b c", b"b\rc")]),
    ("gitlab", "A value with `$` is written with a warning: GitLab expands references in such variables.", [writes(b"$b", b"A=$b\n", warned=True)]),
    ("gitlab", "A file of 5 KiB or more, and more than 20 variables, are written with a warning: these are an instance's default limits.",
     [writes(b"x" * 5117, b"A=" + b"x" * 5117 + b"\n", warned=True), ("writes", {f"A{i}": b"" for i in range(21)}, b"".join(b"A%d=\n" % i for i in range(21)), True)]),

    # -- kubernetes
    ("kubernetes", "A Secret of `apiVersion: v1`, every value in base64.",
     [writes(b"bc", b'apiVersion: v1\nkind: Secret\nmetadata:\n  name: env\ntype: Opaque\ndata:\n  A: "YmM="\n')]),
    ("kubernetes", "Its name is `env`, and there is no namespace in it, unless they are given.", [runs(["convert", "in", "--from", "json", "--to", "kubernetes"], {"in": b'{"A": "x"}'}, says=["  name: env\n"], never=["namespace"]),
      runs(["convert", "in", "--from", "json", "--to", "kubernetes", "--name", "app", "--namespace", "prod"], {"in": b'{"A": "x"}'},
           says=["  name: app\n", "  namespace: prod\n"])]),
    ("kubernetes", "Refused: names other than 1 to 253 letters, digits and `- _ .`, that are a dot alone or start with two dots; values that are larger than 1 MiB, alone or together.",
     [refuses_names("", "A B", "\u00e9", "A=B", ".", "..", "..A", "x" * 254), holds_names("1A", ".A", "-", "x" * 253), refuses(b"x" * (1024 * 1024 + 1)), holds(b"x" * (1024 * 1024))]),
    ("kubernetes", "Any byte is held.", [holds(bytes(range(256)))]),
    ("kubernetes", "What a pod cannot take as an environment variable is written with a warning: a value with NUL or invalid UTF-8, a name that starts with a digit.",
     [writes(b"\0", None, warned=True), writes(b"\xe9", None, warned=True), writes(b"b", None, name="1A", warned=True)]),
    ("kubernetes", "Reading takes one manifest with `data:`, `stringData:` or both, in YAML or in JSON; `stringData:` wins, as in the cluster.",
     [reads(b"apiVersion: v1\nkind: Secret\nstringData: {A: new}\ndata: {A: b2xk, B: YmM=}\n", A=b"new", B=b"bc"),
      reads(b'{"apiVersion": "v1", "kind": "Secret", "data": {"A": "YmM="}}', A=b"bc")]),
    ("kubernetes", "A value that is not base64 under `data:`, a name that is set twice, and every other kind of object are refused.",
     [declines(b"apiVersion: v1\nkind: Secret\ndata: {A: b}\n", b"apiVersion: v1\nkind: Secret\ndata: {A: YmM=, A: YmM=}\n", b"apiVersion: v1\nkind: ConfigMap\ndata: {A: b}\n",
               b"apiVersion: v1\nkind: List\nitems: []\n")]),

    # -- yaml
    ("yaml", "One mapping of names to texts in double quotes, in the order of the set.", [("writes", {"B": b"1", "A": b"2"}, b'B: "1"\nA: "2"\n', False)]),
    ("yaml", "A name goes in quotes where a reader would take it for something else.", [writes(b"b", b'"no": "b"\n', name="no"), writes(b"b", b'"1": "b"\n', name="1")]),
    ("yaml", "Refused: values that are not valid UTF-8.", [refuses(b"\xe9", b"\xed\xa0\x80"), holds(b"\0\x01\n", "\ufffe".encode())]),
    ("yaml", "Control characters, line ends outside ASCII and byte order marks are written as escapes.",
     [writes("\0\n\x1b\x7f\x85\u2028\ufeff".encode(), b'A: "\\x00\\n\\x1B\\x7F\\x85\\u2028\\uFEFF"\n')]),
    ("yaml", "Reading takes what the readers of YAML 1.1 and of YAML 1.2 take for the same text: quoted texts, blocks, and plain words that no reader makes anything else of.",
     [reads(b"A: \"b\\n\"\nB: 'it''s'\nC: |\n  d\n  e\nF: g h\nI: 10.0.0.1\n", A=b"b\n", B=b"it's", C=b"d\ne\n", F=b"g h", I=b"10.0.0.1")]),
    ("yaml", "Whole numbers of at most 15 digits, such as `8080`, are read as their text, because every reader writes them back like that.",
     [reads(b"A: 8080\nB: 999999999999999\nC: -5\n", A=b"8080", B=b"999999999999999", C=b"-5"), declines(b"A: 1000000000000000\n")]),
    ("yaml", "A tab outside quotes, a text in quotes that goes on in a line that is not indented, a block at the end of a file without a last line feed, and U+0085, U+2028 and "
     "U+2029 outside escapes are refused.",
     [declines(b"A:\tb\n", b"A: b\tc\n", b'A: "b\nc"\n', b"A: |\n  b", 'A: "\x85"\n'.encode(), 'A: "\u2028"\n'.encode(), 'A: "\u2029"\n'.encode()),
      reads(b'A: "b\tc\n d"\n', A=b"b\tc d"), reads(b'A: "\\u2028"\n', A="\u2028".encode())]),
    ("yaml", "A byte order mark in front is passed over with a warning.", [reads(BOM + b"A: b\n", True, A=b"b")]),
]

TABLES = [
    ("gitlab", "a byte order mark", "refused: part of the name to older versions of GitLab", [declines(BOM + b"A=b\n")]),
    ("podman", "`A = b`", "a variable `A ` whose name ends in a blank, and ` b`; with a warning", [gives(b"A = b\n", {"A ": b" b"}, True)]),
    ("podman", "`export A=b`", "a variable `export A`; with a warning", [gives(b"export A=b\n", {"export A": b"b"}, True)]),
    ("podman", "a byte order mark", "part of the first name; with a warning", [gives(BOM + b"A=b\n", {"\ufeffA": b"b"}, True)]),
    ("podman", "a line of more than 65,535 bytes", "refused, as podman refuses the file", [declines(b"A=" + LONG_LINE + b"x\n"), reads(b"A=" + LONG_LINE + b"\n", A=LONG_LINE)]),
    ("kubectl", "a line of more than 65,535 bytes", "refused: kubectl leaves out this line and all that follow, without a word",
     [declines(b"A=" + LONG_LINE + b"x\nB=c\n"), reads(b"A=" + LONG_LINE + b"\n", A=LONG_LINE)]),
    ("kubectl", "a byte order mark", "ignored", [reads(BOM + b"A=b\n", A=b"b")]),
    ("python-dotenv", "`A=\"b\\n\\t\\\\c\"`", "a line feed, a tab, one backslash; also `\\a \\b \\f \\r \\v \\' \\\"`. Other backslashes stay",
     [reads(b'A="b\\n\\t\\\\c"\nB="\\a\\b\\f\\r\\v\\\'\\""\nC="\\x\\$\\0"\n', A=b"b\n\t\\c", B=b"\a\b\f\r\v'\"", C=b"\\x\\$\\0")]),
    ("python-dotenv", "`A=${}`, `A=${:-b}`", "empty, `b`", [reads(b"A=${}\n", A=b""), reads(b"A=${:-b}\n", A=b"b")]),
    ("python-dotenv", "`A=\"b\"c`, `A: b`, `=b`, an open quote", "ignored, as python-dotenv does, with a warning",
     [reads(text + b"B=c\n", True, B=b"c") for text in (b'A="b"c\n', b"A: b\n", b"=b\n", b'A="b\n', b"A='b\n")]),
    ("python-dotenv", "`A=\"b\\\\\"` and a later line with `\"`", "the backslash hides the quote, and the value goes on to the next one",
     [reads(b'A="b\\\\"\nB=c\nC="\n', A=b'b\\"\nB=c\nC=')]),
    ("python-dotenv", "`A`", "left out, with a warning; refused where the same name has a value above, because it takes that away",
     [reads(b"A\nB=c\n", True, B=b"c"), reads(b"A\nA=b\n", True, A=b"b"), declines(b"A=b\nA\n")]),
    ("python-dotenv", "`'A B'=c`", "a variable `A B`", [gives(b"'A B'=c\n", {"A B": b"c"})]),
    ("python-dotenv", "a line that starts with `'` and has no second one", "refused: the name would go on to the next `'` on a later line",
     [declines(b"'A\nB='c'\n", b"'A\nB'=c\n"), reads(b"'A\nB=c\n", True, B=b"c")]),
    ("python-dotenv", "CR, CRLF", "a line feed, also in quotes", [reads(b'A=b\rB=c\r\nC="d\re\r\nf"\n', A=b"b", B=b"c", C=b"d\ne\nf")]),
    ("python-dotenv", "a byte order mark", "refused: before 1.2.3 it is part of the first name, and ignored since", [declines(BOM + b"A=b\n")]),
    ("python-dotenv", "invalid UTF-8", "refused, as python-dotenv fails on the file", [declines(b"A=\xe9\n", b"# \xe9\nA=b\n", b"A=\xed\xa0\x80\n")]),
    ("godotenv", "`A=\"b\\n\\r\"`, `A=\"b\\tc\"`", "line feed and carriage return, `btc`: any other character loses its backslash",
     [reads(b'A="b\\n\\r"\n', A=b"b\n\r"), reads(b'A="b\\tc"\n', A=b"btc"), reads(b'A="\\a\\\'\\\\\\"b"\n', A=b"a'\\\"b")]),
    ("godotenv", "`A=\"b\" C=d`", "two variables", [reads(b'A="b" C=d\n', A=b"b", C=b"d")]),
    ("godotenv", "`A B=c`", "a variable `A B`, with a warning; it is not written, because a blank in a name is a slip most often", [gives(b"A B=c\n", {"A B": b"c"}, True), refuses_names("A B")]),
    ("godotenv", "a last line `A` without line feed", "refused: also a value without a name", [declines(b"B=c\nA", b"A-B"), reads(b"B=c", B=b"c")]),
    ("godotenv", "`A`, `;A=b`, `A=\"b\"c`, an open quote, a byte order mark", "refused, as godotenv refuses the file",
     [declines(b"A\n", b";A=b\n", b'A="b"c\n', b'A="b\n', b"A='b\n", BOM + b"A=b\n")]),
    ("dotenv", "a byte order mark; a carriage return inside quotes; U+2028 outside quotes", "part of a name, changed, a line end",
     [declines(BOM + b"A=b\n", b"A='b\r'\n", b'A="b\r\n"\n', b"A=b\xe2\x80\xa8\n"), reads(b"A='\xe2\x80\xa8'\n", A=b"\xe2\x80\xa8")]),
    ("dotenv", "`export A=`; `A=` and blanks", "node 22 and later take `export` into the name, or the next line for the value: write `A=''`",
     [declines(b"export A=\n", b"A= \nB=c\n"), reads(b"A=\nexport B=''\nC= ''\n", A=b"", B=b"", C=b"")]),
    ("dotenv", "a tab around the name or `=`, an indented comment, a line of blanks alone, a last comment with `=` and no line feed", "node makes a name or a value of them",
     [declines(b"\tA=b\n", b"A\t=b\n", b"A=\tb\n", b"  # c\nA=b\n", b"A=b\n  \n", b"A=b\n# c=d")]),
    ("motdotla", "`A=\"b\\nc\"`, `A=\"b\\\\nc\"`", "a line feed before c, the second behind a backslash", [reads(b'A="b\\nc"\n', A=b"b\nc"), reads(b'A="b\\\\nc"\n', A=b"b\\\nc")]),
    ("motdotla", "an open quote, and none on the lines below", "the quote and the rest of its line", [reads(b"A='b\nB=c\n", A=b"'b", B=b"c")]),
    ("motdotla", "a carriage return inside quotes", "a line feed", [reads(b"A='b\rc\r\n'\n", A=b"b\nc\n")]),
    ("motdotla", "U+00A0 or U+FEFF at an edge outside quotes; U+2028 outside quotes before a name", "refused: white space and a line end for one",
     [declines(b"A=b\xc2\xa0\n", b"A=" + BOM + b"b\n", b"# c\xe2\x80\xa8A=b\n"), reads(b"A='\xc2\xa0'\n", A=b"\xc2\xa0")]),
    ("node", "a line of blanks, an indented comment", "node 20 makes them part of the next name", [declines(b"A=b\n  \nC=d\n", b"A=b\n  # c\nC=d\n")]),
    ("node", "a tab outside quotes: before a name, before or behind a value", "node 20 keeps it", [declines(b"\tA=b\n", b"A=\tb\n", b"A=b\t\n"), reads(b"A='\tb'\n", A=b"\tb")]),
    ("node", "an open quote or `#c=d` on a last line without line feed", "node 20 reads it once more, as a name; or not at all",
     [declines(b"A='b", b"A='b=c", b"A=b\n#c=d"), reads(b"A='b\n", A=b"'b")]),
    ("ruby-dotenv", "`A=\"b\\nc\"`", "refused: a line feed in 2.4, a backslash and an n in 3 (but for a line `DOTENV_LINEBREAK_MODE=legacy` above it)",
     [declines(b'A="b\\nc"\n'), reads(b'DOTENV_LINEBREAK_MODE=legacy\nA="b\\nc"\n', DOTENV_LINEBREAK_MODE=b"legacy", A=b"b\nc")]),
    ("ruby-dotenv", "`export A B`", "refused, as dotenv gives up the file, unless both are set above it", [declines(b"A=1\nexport A B\nB=2\n"), reads(b"A=1\nB=2\nexport A B\n", A=b"1", B=b"2")]),
    ("ruby-dotenv", "invalid UTF-8, also in a comment", "refused: dotenv does not read the file", [declines(b"A=b\n# \xe9\n")]),
]

ALL_READERS = ("systemd", "docker", "podman", "kubectl", "compose", "motdotla", "node", "python-dotenv", "godotenv", "ruby-dotenv", "shell")
SAYS += [("auto", sentence, checks) for sentence, checks in [
    ("`envctl import FILE` and `envctl convert FILE` without a dialect (`--dialect auto`, `--from auto`) decode the file with every reader of env files, and "
     "take it when all of them give every variable the same value and none refuses a line.",
     [taken(b"A=1\nB=x/y\n", A="1", B="x/y"), told(b"A=b#c\n", "A: readers differ", *ALL_READERS), told(b"A=1\nB C\n", "docker: refused")]),
    ("Else nothing is written, and each variable that they do not agree about is told, with its line and what they make of it:",
     [told(b"A=b#c\nB=1\nC=b #c\n", ":1: A: readers differ", ":3: C: readers differ", "ends at #", "nothing was written", never=(": B:",))]),
    ("No value is shown, and no name that some reader takes for a piece of a value (the second line of a key, say).",
     [told(KEY_FILE, ":1: KEY: ", never=("c2Vj", "dHdv", "BEGIN")), told(b"A=sekrit #sekrit\n", "A: readers differ", never=("sekrit",))]),
    ("The error at the end lists the dialects that can read the whole file: name one with `--dialect`.",
     [told(b"A=$B\n", "--from systemd, docker, podman, kubectl, motdotla, node, python-dotenv\n")]),
    ("`dotenv` is no reader of its own but what those of the programming languages have in common; it is offered first.",
     [told(EXAMPLE_OF_A_FILE, "--from dotenv, systemd", never=("    dotenv", ", dotenv"))]),
    ("A text that begins with `{` is read as JSON, one with lines `apiVersion:` and `kind:` as a manifest, one that begins with `environment:` or `services:` as a "
     "compose file, one that begins with `---` as YAML; then only that dialect counts.",
     [taken(b'{"A": "$x #y"}', A="$x #y"), taken(b"apiVersion: v1\nkind: Secret\ndata:\n  A: Yg==\n", A="b"), taken(b'environment:\n  A: "$$b #c"\n', A="$b #c"),
      taken(b'---\nA: "$x #y"\n', A="$x #y"), told(b"services:\n  x:\n    environment:\n      A: b\n", "services", "read it all: 1 problem\n", never=("readers differ",)),
      told(b'{"A": 1}', "A", never=("readers differ",))]),
    ("A first line `NAME: value` is YAML and an env file to some: all are asked.", [told(b"A: b\n", "A: readers differ", *ALL_READERS, "yaml")]),
    ("A file of more than 262,144 lines is refused before any reader is asked, because asking all of them would take many seconds; with a dialect named it is read.",
     [taken(b"#\n" * (LINES - 1) + b"A=b\n", A="b"), runs(["convert", "in", "--to", "json"], {"in": b"#\n" * LINES + b"A=b\n"}, code=1, says=["more than 262144 lines", "--from DIALECT"]),
      runs(["convert", "in", "--to", "json"], {"in": b"A=b\r" * (LINES + 1)}, code=1, says=["more than 262144 lines"]),
      runs(["convert", "in", "--from", "docker", "--to", "json"], {"in": b"#\n" * LINES + b"A=b\n"}, says=['"A": "b"'])]),
    ("A file that readers agree about needs no dialect: comments, and `NAME=value` lines whose values are made of letters, digits and `_./:@%+,=^-`.",
     [taken(b"# c\nA=az09_./:@%+,=^-\n\nB=\n", A="az09_./:@%+,=^-", B="")]),
]]

SENTENCES = {(dialect, sentence): checks for dialect, sentence, checks in SAYS}
ROWS = {(dialect, text): (value, checks) for dialect, text, value, checks in TABLES}
