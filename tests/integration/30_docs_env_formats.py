#!/usr/bin/env python3
# tier: quick
"""docs/env-formats.md is executed: each example, each row of a table "text | value" or "text | why not", and each sentence.

What can be read off the page is (`A="b" #c` gives `b#c`). What is said in words has its checks in env_format_statements.py, by the
words themselves, so that a sentence that is changed without its test fails.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "consumers"))
import dialect_cases  # noqa: E402
import env_format_statements as statements  # noqa: E402
from vault import ENVCTL  # noqa: E402

TOOL = dialect_cases.Tool(os.path.join(os.environ.get("VAULTD_BUILD", os.path.join(TOP, "build")), "tests/consumers/dialect_tool"))
FAILED = 0
DONE = 0


def result(problem, what):
    global FAILED, DONE
    DONE += 1
    if problem:
        FAILED += 1
        print(f"not ok - {what}\n#   {problem}")
    else:
        print(f"ok - {what}")


# -- what a check asks of a dialect --------------------------------------------------------------------------------------

def notes_of(verb, dialect, line):
    answer = subprocess.run([TOOL.path, verb + "-notes", dialect], input=line + "\n", stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(answer)


def as_line(text):
    return dialect_cases.hex_object(text) if isinstance(text, dict) else text.hex()


def check_reads(dialect, text, variables, warned):
    found = TOOL.decode(dialect, [text])[0]
    if found != variables:
        return f"{text!r} gives {found!r}, not {variables!r}"
    if warned and not any(note["severity"] == "warning" for note in notes_of("decode", dialect, as_line(text))):
        return f"{text!r} is read without a warning"
    return None


def check_declines(dialect, text):
    found = TOOL.decode(dialect, [text])[0]
    return None if found is None else f"{text!r} is not refused but gives {found!r}"


def check_writes(dialect, variables, text, warned):
    word, rest = TOOL.ask("encode", dialect, [dialect_cases.hex_object(variables)])[0]
    if word != "ok":
        return f"{variables!r} is refused"
    found = dialect_cases.unhex_object(rest) if TOOL.is_directory(dialect) else bytes.fromhex(rest)
    if text is not None and found != text:
        return f"{variables!r} is written as {found!r}, not as {text!r}"
    if warned and not any(note["severity"] == "warning" for note in notes_of("encode", dialect, dialect_cases.hex_object(variables))):
        return f"{variables!r} is written without a warning"
    return None


def check_refuses(dialect, variables):
    word, rest = TOOL.ask("encode", dialect, [dialect_cases.hex_object(variables)])[0]
    if word == "refused" and len(json.loads(rest)) == len(variables):
        return None
    return f"of {variables!r} not every variable is refused: {word} {rest}"


def convert(text):
    """What envctl makes of a file .env without a dialect: variables or None, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, ".env"), "wb") as file:
            file.write(text)
        done = subprocess.run([ENVCTL, "convert", ".env", "--to", "json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env={"PATH": os.environ["PATH"]})
    return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def check_auto(_, text, variables, sentences, never=()):
    found, said = convert(text)
    if found != variables:
        return f"{text!r} gives {found!r}, not {variables!r}: {said}"
    missing = [sentence for sentence in sentences if sentence not in said]
    shown = [sentence for sentence in never if sentence in said]
    return f"of {text!r} is said {said!r}: {missing} is missing, {shown} should not be there" if missing or shown else None


def check_all(dialect, kind, cases):
    arguments = {"declines": (), "refuses": (), "writes": (None, False)}[kind]
    return next((problem for problem in (CHECKS[kind](dialect, case, *arguments) for case in cases) if problem), None)


def check_of(_, dialect, checks):
    return run_checks(dialect, checks)


def check_back(dialect, variables):
    """What can be held of these is read as it was before it was written."""
    (held, text), refused = TOOL.encode(dialect, [variables])[0][0], TOOL.encode(dialect, [variables])[1]
    found = TOOL.decode(dialect, [text])[0]
    if found != held or len(held) + len(refused) != len(variables) or len(held) < 2:
        return f"{held!r} is written as {text!r}, and read as {found!r}"
    return None


def check_run(_, argv, files, code, says, never, leaves, twice):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        for _ in range(2 if twice else 1):
            done = subprocess.run([ENVCTL, *argv], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env={"PATH": os.environ["PATH"]}, timeout=120)
        if done.returncode != code:
            return f"envctl {' '.join(argv)} ends with {done.returncode}: {done.stdout[-500:]}"
        wrong = [part for part in says if part not in done.stdout] + [part for part in never if part in done.stdout]
        for name, content in leaves.items():
            place = os.path.join(folder, name)
            found = open(place, "rb").read() if os.path.exists(place) else None
            wrong += [] if found == content else [f"{name}: {found!r}"]
    return f"envctl {' '.join(argv)}: {wrong!r}, in {done.stdout[-500:]!r}" if wrong else None


def check_elsewhere(_, test):
    return None if os.path.exists(os.path.join(TOP, test)) else f"{test} is not there"


def check_leads(_):
    return None


CHECKS = {"back": check_back, "run": check_run, "elsewhere": check_elsewhere, "leads": check_leads, "all": check_all, "auto": check_auto, "of": check_of, "reads": check_reads, "declines": check_declines, "writes": check_writes, "refuses": check_refuses}


def run_checks(dialect, checks):
    for kind, *arguments in checks:
        problem = CHECKS[kind](dialect, *arguments)
        if problem:
            return f"{dialect}: {problem}"
    return None


# -- the page ------------------------------------------------------------------------------------------------------------

def sections(page):
    """{title: text} of the "## " headings; "" is what stands before the first."""
    parts = re.split(r"^## (.+)$", page, flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


BLOCK = re.compile(r"(?:`([^`\n]+)`:?\n)?```\w*\n(.*?)```", re.S)


def test_examples(page):
    """The set, then what a dialect writes of it; what it is without is refused. Of a directory: a block for each file."""
    found = re.findall(r"<!-- example: ([\w-]+)(?: without ([\w, ]+))? -->\n((?:(?:`[^`\n]+`:?\n+)?```\w*\n.*?^```\n+)+)", page, re.S | re.M)
    variables = {name: value.encode() for name, value in json.loads(BLOCK.search(found[0][2]).group(2)).items()}
    seen = set()
    for dialect, without, blocks in found[1:]:
        left_out = re.split(r",\s*", without) if without else []
        held = {name: value for name, value in variables.items() if name not in left_out}
        texts = [(name, text.encode()) for name, text in BLOCK.findall(blocks)]
        text = texts[0][1] if not TOOL.is_directory(dialect) else None
        problem = check_writes(dialect, held, text, False)
        for name in left_out:
            problem = problem or check_refuses(dialect, {name: variables[name]})
        seen.add(dialect)
        result(problem, f"the example of {dialect}")
    for dialect in TOOL.dialects:
        if dialect not in seen and not TOOL.is_directory(dialect):
            result("there is none", f"the example of {dialect}")


SPAN = r"``\s(?:.+?)\s``|`[^`]+`"


def spans(cell):
    found = [span[3:-3] if span.startswith("``") else span[1:-1] for span in re.findall(SPAN, cell)]
    return [span.replace("\\|", "|") for span in found]


def inputs_of(cell):
    """The texts of a first cell, or None when it is in words. Several texts are separated by commas; "and then" joins lines."""
    if not re.fullmatch(rf"(?:{SPAN})(?:(?:, | and then | and on the next line )(?:{SPAN}))*", cell):
        return None
    joined = re.split(rf"(, | and then | and on the next line )(?={SPAN})", cell)
    texts = [spans(joined[0])[0] + "\n"]
    for separator, part in zip(joined[1::2], joined[2::2]):
        if separator == ", ":
            texts.append(spans(part)[0] + "\n")
        else:
            texts[-1] += spans(part)[0] + "\n"
    return [text.encode() for text in texts]


def expected_of(cell, count):
    """What a second cell says of each text: bytes, "refused", "ignored", or None when it is in words."""
    if cell.startswith("refused"):
        return ["refused"] * count
    if re.match(r"(ignored|left out)\b", cell):
        return ["ignored"] * count
    found = re.match(rf"((?:{SPAN})(?:, (?:{SPAN}))*)(?=$|[:;,.] |, with)", cell)
    if not found:
        return None
    values = [span.encode() for span in spans(found.group(1))]
    return values * count if len(values) == 1 else values if len(values) == count else None


def check_row(dialect, texts, expected, warned):
    for text, value in zip(texts, expected):
        if value == "refused":
            problem = check_declines(dialect, text)
        elif value == "ignored":
            problem = check_reads(dialect, text, {}, warned)
        else:
            found = TOOL.decode(dialect, [text])[0]
            problem = None if found and list(found.values()) == [value] else f"{text!r} gives {found!r}, not {value!r}"
            problem = problem or check_reads(dialect, text, found, warned)
        if problem:
            return problem
    return None


def test_tables(dialect, section):
    for head, body in re.findall(r"^\| text \| (value|why not) \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", section, re.M):
        for line in body.strip().split("\n"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            what = f"{dialect}: {' | '.join(cells)}"
            if len(cells) != 2:
                result("the row has not two cells", what)
                continue
            checks = statements.ROWS.get((dialect, cells[0]))
            texts = inputs_of(cells[0])
            expected = ["refused"] * len(texts or []) if head == "why not" else expected_of(cells[1], len(texts or []))
            if checks is not None:
                USED.add((dialect, cells[0]))
                result(run_checks(dialect, checks[1]) if checks[0] == cells[1] else "its second cell is not the one that is tested", what)
            elif texts is None or expected is None:
                result("it is in words, and there is no test of it in env_format_statements.py", what)
            else:
                result(check_row(dialect, texts, expected, "with a warning" in cells[1]), what)


USED = set()


def sentences(section):
    """What is said in words: no examples, tables, lists of files or headings."""
    text = re.sub(r"<!--.*?-->", "", section, flags=re.S)
    text = re.sub(r"^(?:`[^`\n]+`:?\n)?```.*?^```$", "", text, flags=re.S | re.M)
    text = re.sub(r"^\|.*\|$", "", text, flags=re.M)
    text = re.sub(r"^#+ .*$", "", text, flags=re.M)
    for paragraph in re.split(r"\n\s*\n|\n- ", text):
        paragraph = " ".join(paragraph.split()).removeprefix("- ")
        held = []

        def hold(match, held=held):
            held.append(match.group(0))
            return f"\0{len(held) - 1}\0"

        masked = re.sub(SPAN, hold, paragraph)
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\0])", masked) if masked else []:
            yield re.sub(r"\0(\d+)\0", lambda match, held=held: held[int(match.group(1))], sentence)


def test_sentences(dialect, section):
    for sentence in sentences(section):
        checks = statements.SENTENCES.get((dialect, sentence))
        if not checks:
            result("there is no test of it in env_format_statements.py", f"{dialect}: {sentence}")
            continue
        USED.add((dialect, sentence))
        result(run_checks(dialect, checks), f"{dialect}: {sentence}")


def test_whose_file_it_is(section):
    _, said = convert(statements.EXAMPLE_OF_A_FILE)
    shown = BLOCK.search(section).group(2)
    result(None if said.startswith(shown) else f"{shown!r} is not what is said: {said!r}", "the example of a file that readers do not read alike")
    test_sentences("auto", section)


def main():
    with open(os.path.join(TOP, "docs/env-formats.md"), encoding="utf-8") as source:
        page = source.read()
    parts = sections(page)
    test_examples(page)
    test_sentences("", parts[""])
    for dialect in TOOL.dialects:
        if dialect not in parts:
            result("it has no section", dialect)
            continue
        test_tables(dialect, parts[dialect])
        test_sentences(dialect, parts[dialect])
    test_whose_file_it_is(parts["Whose file it is"])
    for key in set(statements.SENTENCES) | set(statements.ROWS):
        if key not in USED:
            result("the page does not say it any more: " + key[1], f"{key[0]}: a test of a sentence")
    print(f"1..{DONE}")
    sys.exit(1 if FAILED else 0)


main()
