#!/usr/bin/env python3
"""@import in a schema's file: which files are read, what counts, and what is sent to a vault."""
# sanitized: yes
import json
import os

from envctl_story import Initialised, case, run_cases

ENV = "shop/production"
OFFLINE = {"VAULT_ADDR": "unix:///nowhere", "VAULT_TOKEN": None}


def write(story, name, text):
    path = story.path(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as handle:
        handle.write(text)
    return path


def check(story, schema, env="", name="conf/.env.example"):
    words = ("check", "--schema", write(story, name, schema), "--env-file", write(story, "conf/.env", env), "--no-lint", "--json")
    return json.loads(story.envctl(*words, env=OFFLINE).out)


def found(answer):
    return {(f["severity"], f["code"], f.get("variable", "")) for f in answer["findings"]}


def refused(story, schema, sentence, name="conf/.env.example"):
    answer = check(story, schema, name=name)
    assert not answer["valid"], answer
    finding = [f for f in answer["findings"] if f["code"] == "import"][0]
    assert sentence in finding["message"], finding
    return finding


@case
def the_importing_file_counts_before_what_it_imports(story):
    shared = write(story, "conf/shared/.env.shared", "# @type=port @public\nPORT=80\n\n# @type=email\nMAIL=a@b.org\nDEEP=\n")
    own = "# @import(./shared/.env.shared)\n\n# @type=enum(any, none)\n# @public\nPORT=any\nOWN=\n"
    answer = check(story, own, "PORT=none\nMAIL=nobody\nOWN=1\nEXTRA=1\n")
    assert found(answer) == {("error", "type", "MAIL"), ("error", "missing", "DEEP"), ("warning", "unknown", "EXTRA")}, answer
    deep = [f for f in answer["findings"] if f.get("variable") == "DEEP"][0]
    assert deep["file"] == shared and deep["schema_line"] == 6 and "origin" not in deep, deep
    mail = [f for f in answer["findings"] if f.get("variable") == "MAIL"][0]
    assert mail["schema_file"] == shared and mail["schema_line"] == 4, mail
    # of two files the later one; a file that is imported counts before what it imports
    write(story, "conf/a", "# @import(./b)\n\n# @type=port\nX=1\n")
    write(story, "conf/b", "# @type=email\nX=\n# @type=email\nY=\n")
    write(story, "conf/c", "# @type=url\nY=\n")
    assert check(story, "# @import(./a) @import(./c)\n\nZ=\n", "X=80\nY=https://x.org\nZ=1\n")["valid"]
    # its errors are its own
    write(story, "conf/bad", "A=\n# @type=nonsense\nB=\n")
    answer = check(story, "# @import(./bad)\n\nZ=\n", "Z=1\n")
    assert [(f["file"], f["schema_line"], f["code"]) for f in answer["findings"]] == [(story.path("conf/bad"), 2, "type")], answer


@case
def pick_and_omit_name_what_is_taken(story):
    write(story, "conf/shared/.env.schema", "# @import(./more)\n\nA=\nB=\nC=\n")
    write(story, "conf/shared/more", "D=\nE=\n")
    for arguments, names in (("", "ABCDE"), (", pick=[A, D]", "AD"), (", omit=[A, D]", "BCE"), (", pick=[A, B], omit=[B]", "A"),
                             (", A, E", "AE"), (", enabled=false", ""), (", enabled=true", "ABCDE")):
        for path in ("./shared", "shared/", "./shared/.env.schema", "./x/../shared"):
            answer = check(story, f"# @import({path}{arguments})\n\nOWN=\n", "OWN=1\n")
            assert found(answer) == {("error", "missing", name) for name in names}, (path, arguments, answer)
    answer = check(story, "# @import(./shared, enabled=forEnv(dev))\n\nOWN=\n", "OWN=1\nA=1\nB=1\nC=1\nD=1\nE=1\n")
    assert found(answer) == {("warning", "condition", "")}, answer


@case
def what_is_not_beside_it_is_not_read(story):
    write(story, "secret", "OUTSIDE=\n")
    write(story, "conf/real", "A=\n")
    if not os.path.islink(story.path("conf/link")):
        os.symlink("../secret", story.path("conf/link"))
        os.symlink("real", story.path("conf/inside"))
        os.symlink("..", story.path("conf/up"))
        os.mkfifo(story.path("conf/pipe"))
    for path, sentence in (("./missing", "is not there"), ("./missing/too", "is not there"), ("../secret", "leads out"),
                           ("./x/../../secret", "leads out"), ("./link", "symbolic link"), ("./inside", "symbolic link"),
                           ("./up/secret", "symbolic link"), ("/etc/passwd", "no relative path"), ("~/.env", "no relative path"),
                           ("npm:@a/b", "no relative path"), ("https://x.org/s", "no relative path"), ("./pipe", "no regular file"),
                           ("'./" + "x" * 5000 + "'", "too long")):
        finding = refused(story, f"# head\n# @import({path})\n\nA=\n", sentence)
        assert finding["schema_line"] == 2, finding
        assert "OUTSIDE" not in json.dumps(finding), finding
    assert check(story, "# @import(./missing, allowMissing=true)\n\nA=\n", "A=1\n")["valid"]
    refused(story, "# @import(./link, allowMissing=true)\n\nA=\n", "symbolic link")
    # a file below may go up, as long as it stays in
    write(story, "conf/below/x", "# @import(../real)\n\nX=\n")
    assert check(story, "# @import(./below/x)\n\nA=\n", "A=1\nX=1\n")["valid"]
    write(story, "conf/below/y", "# @import(../../secret)\n\nX=\n")
    assert refused(story, "# @import(./below/y)\n\nA=\n", "leads out")["file"] == story.path("conf/below/y")
    out = story.envctl("check", "--schema", "-", "--no-lint", env=OFFLINE, stdin="# @import(./real)\n\nA=\n")
    assert out.code == 1 and "standard input" in out.out, out


@case
def imports_end(story):
    write(story, "conf/one", "# @import(./two)\n\nA=\n")
    write(story, "conf/two", "# @import(./.env.example)\n\nB=\n")
    refused(story, "# @import(./one)\n\nC=\n", "comes back to itself: ")
    finding = refused(story, "# @import(./self)\n\nC=\n", "comes back to itself: ", name="conf/self")
    assert finding["message"].endswith("self"), finding
    for depth in range(1, 10):
        write(story, f"conf/d{depth}", f"# @import(./d{depth + 1})\n\nD{depth}=\n" if depth < 9 else "D9=\n")
    assert refused(story, "# @import(./d1)\n\nC=\n", "too deep")["file"] == story.path("conf/d8")
    env = "C=1\n" + "".join(f"D{depth}=1\n" for depth in range(2, 10))
    assert check(story, "# @import(./d2)\n\nC=\n", env)["valid"]
    write(story, "conf/leaf", "L=\n")
    many = "".join("# @import(./leaf)\n" for _ in range(15))
    assert check(story, many + "\nC=\n", "C=1\nL=1\n")["valid"]
    refused(story, many + "# @import(./leaf)\n\nC=\n", "one too many")
    write(story, "conf/large", "#" * (256 * 1024 + 1))
    refused(story, "# @import(./large)\n\nC=\n", "larger than")


@case
def one_text_is_sent(story):
    write(story, "conf/shared/.env.schema", "# @defaultRequired=false @defaultSensitive=false\n# ---\n\n# Where it listens\n"
          "# @type=port\nPORT=80\n# @required @sensitive\nKEY=\nHIDDEN=\n# @type=array(\n#   url,\n# )\nLIST='a\nb'\n")
    own = "# @import(./shared,\n#   omit=[HIDDEN]) @defaultRequired=true\n# ---\n\n# mine\nOWN=\n\n# @type=email\nKEY=x\n"
    path = write(story, "conf/.env.example", own)
    story.good("schema", "set", ENV, path)
    kept = story.good("schema", "get", ENV).out
    assert "@import" not in kept and "HIDDEN" not in kept and kept.count("KEY=") == 1, kept
    lines = kept.splitlines()
    assert lines[5:9] == ["OWN=", "", "# @type=email", "KEY=x"], kept
    assert f"# from {story.path('conf/shared/.env.schema')}" in lines, kept
    for name, fact in (("PORT", {"required": "no", "sensitive": False, "type": "port"}),
                       ("LIST", {"required": "no", "sensitive": False, "type": "array"}),
                       ("KEY", {"required": "yes", "sensitive": True, "type": "email"}),
                       ("OWN", {"required": "yes", "sensitive": True})):
        there = story.json_of("schema", "explain", ENV, name, "--json")
        here = story.json_of("schema", "explain", name, "--schema", path, "--json", env=OFFLINE)
        for key, value in fact.items():
            assert there[key] == here[key] == value, (name, key, there, here)
    story.good("set", ENV, "OWN=1", "KEY=a@b.org", "PORT=80")
    out = story.envctl("set", ENV, "PORT=none")
    assert out.code != 0 and "PORT" in out.err, out
    # a file that is not kept is joined as well
    more = write(story, "conf/more", "# @import(./.env.example)\n\nNEW=\n")
    assert ("error", "missing", "NEW") in found(json.loads(story.envctl("check", ENV, "--schema", more, "--json").out))
    write(story, "conf/shared/.env.schema", "# @type=email\nPORT=\n")
    out = story.envctl("check", ENV, "--schema", more, "--json")
    assert ("error", "type", "PORT") in found(json.loads(out.out)), out
    # what cannot be sent is not
    write(story, "conf/bad", "# @import(./missing)\n\nA=\n")
    story.bad(1, "names a file that is not there", "schema", "set", ENV, story.path("conf/bad"))
    write(story, "conf/other", "# @currentEnv=$STAGE\n\n# @required=forEnv(live)\nA=\n")
    story.bad(1, "@currentEnv", "schema", "set", ENV, write(story, "conf/x", "# @import(./other)\n\nB=\n"))
    assert story.good("schema", "get", ENV).out == kept


@case
def what_is_sent_means_the_same(story):
    """Files and the text that was made of them, judged with the same variables: conditions ask for the item that counts in any of the files."""
    cases = [("# @required=eq($MODE, prod)\n# @public\nKEY=\n", "# @import(./leaf)\n\nMODE=prod\n", "X=1\n", True),
             ("# @required=forEnv(prod)\nKEY=\n", "# @currentEnv=$APP_ENV @import(./leaf)\n# ---\n\n# @optional\nAPP_ENV=prod\n", "X=1\n", True),
             ("# @required=$FLAG\nKEY=\n", "# @import(./leaf)\n\n# @type=boolean\nFLAG=\n", "FLAG=off\n", False),
             ('# @required=eq($MODE,"x")\nKEY=\n\nMODE=x\n', "# @import(./leaf)\n\nMODE=y\n", "Z=1\n", False),
             ("MODE=prod\n", "# @import(./leaf)\n\n# @required=eq($MODE, prod)\nKEY=\n", "X=1\n", True)]
    for imported, own, env, is_missing in cases:
        write(story, "conf/leaf", imported)
        path = write(story, "conf/.env.example", own)
        story.good("schema", "set", ENV, path, "--mode", "warn")
        flat = write(story, "flat", story.good("schema", "get", ENV).out)
        for one in (path, flat):
            out = story.envctl("check", "--schema", one, "--env-file", write(story, "env", env), "--json", env=OFFLINE)
            assert (("error", "missing", "KEY") in found(json.loads(out.out))) == is_missing, (one == flat, imported, own, out)


@case
def what_would_mean_something_else_is_not_sent(story):
    own = write(story, "conf/.env.example", "# @import(./leaf)\n\nA=\n")
    write(story, "conf/leaf", "# @required=forEnv(a,\n#  prod)\n# OTHER=1\n# c)\nVAR=x\n")
    story.bad(1, "cannot be", "schema", "set", ENV, own)
    write(story, "conf/leaf", "# @icon(\n#  x)\n# OTHER=1\n# y) @required=forEnv(a)\nVAR=1\n")
    story.bad(1, "cannot be", "schema", "set", ENV, own)
    for name in (".env", ".env.local", ".env.test.local"):
        write(story, "conf/" + name, "DBPASS=realsecretvalue\n")
        out = story.bad(1, "holds values", "schema", "set", ENV, write(story, "conf/.env.example", f"# @import(./{name})\n\nA=\n"))
    write(story, "conf/leaf", "# @nonsense\nQ=\n")
    out = story.good("schema", "set", ENV, write(story, "conf/.env.example", "# @import(./leaf)\n\nA=\n"))
    assert "schema:" in out.err and ".env.example:" not in out.err, out
    names = ", ".join(f"N{i}" for i in range(1001))
    path = write(story, "conf/.env.example", f"# @import(./leaf, pick=[{names}])\n\nA=\n")
    assert "more than 1,000" in story.envctl("check", "--schema", path, env=OFFLINE).out


@case
def what_is_kept_with_an_import_says_who_resolves_it(story):
    """Sent without envctl. No file is opened for it."""
    os.chdir(os.path.dirname(write(story, "conf/leaf", "L=\n")))
    answer = story.put(f"secret/schema/{ENV}", {"text": "# @import(./leaf)\n\nB=\n"})
    assert answer.status == 200, answer
    findings = answer.data["text_findings"]
    assert [f["code"] for f in findings] == ["unresolved"] and "envctl" in findings[0]["message"], findings
    assert story.json_of("schema", "explain", ENV, "L", "--json")["known"] is False


if __name__ == "__main__":
    run_cases(Initialised)
