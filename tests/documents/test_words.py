# SPDX-License-Identifier: Apache-2.0
"""What documents name in backticks is there: commands with their verbs and options, keys of the
configuration, files, attributes, variables, tests. A name that nobody knows is misspelt, or has gone."""
import errno
import functools
import os
import pathlib
import re
import shlex
import subprocess

import pytest
from documents import DOCUMENTS, ROOT, prose, read, words

BUILD = pathlib.Path(os.environ.get("THAW_BUILD", ROOT / "build"))
THAW, THAWFS = BUILD / "tools/thaw/thaw", BUILD / "fs/thawfs"
SIM = BUILD / "tools/sim/thaw-sim"

# Names of others' programs that occur nowhere else in this project.
OTHERS = {
    "--one-file-system": "tar, rsync, borg, restic", "--exclude-caches": "tar",
    "--bb": "sbatch", "--dependency": "sbatch", "--sparse": "cp", "--readonly": "fio",
    "fsid_type": "nfs-ganesha", "fsid=": "exports", "systemd.service": "systemd",
    "Filesystem_Id": "nfs-ganesha", "x-amzn-query-error": "SQS",
    "glib-compile-schemas": "glib", "lock_owner": "libfuse", "notify_inval_inode": "libfuse",
}
# Capitals that stand for something, and … for anything.
STANDS_FOR = re.compile(r"…|\.\.\.|\b[A-Z][A-Z-]{2,}\b|\bfoo\b|_foo\b")


def run(*words):
    return subprocess.run([str(w) for w in words], text=True, capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"})


@functools.cache
def tracked():
    """The project's files, and the text of all that are no documents."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split("\n")
    texts = []
    for name in names:
        here = ROOT / name
        if name and here.is_file() and name not in DOCUMENTS and "tests/documents/" not in name:
            texts.append(here.read_bytes().decode(errors="replace"))
    return {n for n in names if n}, "\n".join(texts)


@functools.cache
def code(directory):
    """The text of all of its sources."""
    return "\n".join(p.read_text() for p in sorted((ROOT / directory).rglob("*.[ch]")))


@functools.cache
def verbs():
    return set(re.findall(r"^  ([a-z]+) +\S", run(THAW, "--help").stdout, re.M)) - {"thaw"}


@functools.cache
def flags():
    """Every long option there is, of any program of ours."""
    texts = [run(THAW, v, "--help").stdout for v in verbs()]
    texts += [run(THAWFS, "--help").stdout, run(SIM, "--help").stdout, "--json --help"]
    texts += [p.read_text() for p in (ROOT / "tests/bench").glob("*.py")]
    texts += [(ROOT / name).read_text() for name in ("tools/demo", "packaging/bootstrap")]
    return set(re.findall(r"--[a-z][a-z-]+", "\n".join(texts)))


@functools.cache
def options():
    """Section -> its keys, as --print-config has them."""
    found = {}
    for block in run(THAWFS, "--print-config").stdout.strip().split("\n\n"):
        name, *lines = block.split("\n")
        found[name[1:-1]] = {line.split(" =")[0] for line in lines if line[:1] != "#"}
    return found


def section(words):
    """A section's heading as a document writes it, as --print-config does."""
    kind, *rest = words.split(" ", 1)
    if not rest or kind in options() and kind != "policy":
        return kind if kind in options() else f"{kind} NAME"
    for name in (f"{kind} /PATH", f"{kind} NAME"):
        if name in options():
            return name
    return words


def exists(name):
    names, text = tracked()
    return name in OTHERS or name in text or any(
        n == name or n.endswith("/" + name) or n.startswith(name.rstrip("/") + "/") for n in names)


# Each says what is wrong with a span, or nothing.

def of_thaw(span, m):
    args = shlex.split(m[1].split(")")[0].split(">")[0].split(" | ")[0].replace("'", ""))
    if not args or args[0] in ("...", "VERB"):
        return None
    if args[0].startswith("-"):
        return None if run(THAW, *args).returncode == 0 else "thaw does not take that"
    if args[0] == "completion":
        return None if run(THAW, *(args + ["bash"])[:2]).returncode == 0 else "no such completion"
    args = [re.sub("^TIME$", "7d", a) for a in args]
    end = args.index("--") if "--" in args else len(args)
    said = run(THAW, *args[:end], "--help")
    if said.returncode == 0:
        return None
    # "thaw get --email": its value is not said, so what it takes is looked up.
    help_text = run(THAW, args[0], "--help").stdout
    if "which path?" in said.stderr and all(f" {a} " in help_text for a in args[1:]):
        return None
    return said.stderr.strip()


def of_verb(span, m):
    return of_thaw(span, re.match("(.*)", span)) if m[1] in verbs() else None


def of_thawfs(span, m):
    args = shlex.split(m[1])
    said = run(THAWFS, *args, "--print-config" if "-o" in args else "--help")
    return None if said.returncode == 0 and not said.stderr else said.stderr.strip()


def of_sim(span, m):
    return next((f"no option {f}" for f in re.findall(r"--[a-z-]+", m[1]) if f not in flags()), None)


def of_flag(span, m):
    found = m[1] in flags() or m[1] in OTHERS
    return None if found else f"no program of ours has {m[1]}"


def of_word(span, m):
    if "." in m[1]:
        return of_key(span, re.match(r"(\w+)\.([\w-]+)", m[1]))
    found = re.search(rf'"{m[1]}=?"', (ROOT / "fs/cmdline.c").read_text())
    return None if found else "no such word of -o"


def of_section(span, m):
    name = section(m[1])
    if name not in options():
        # "[source] names": of any source.
        name = next((n for n in options() if n.split()[0] == name.split()[0]), None)
    if name is None:
        return None if re.search(rf"^\[{re.escape(m[1])}\]", tracked()[1], re.M) else "no such section"
    if m[2] and m[2] not in options()[name]:
        return f"[{name}] has no {m[2]}"
    return None


def of_key(span, m):
    if m[1] == "section":
        return None
    name = section(m[1])
    found = m[2] in options().get(name, options().get(f"{m[1]} NAME", ()))
    return None if found or m[1] not in {n.split()[0] for n in options()} else f"no {m[2]} in {name}"


def of_any_section(span, m):
    return None if any(m[1] in keys for keys in options().values()) else f"no section has {m[1]}"


def of_sidecar(span, m):
    name = m[1].split(".")[-1] if STANDS_FOR.search(m[1]) else m[1]
    name = name or "summary"
    found = re.search(rf'"\.?{re.escape(name)}"', code("fs"))
    return None if found else f"fs/ knows no {name}"


def of_attribute(span, m):
    return None if f'"{m[1]}"' in code("fs") else "no such attribute"


def of_request(span, m):
    known = set(re.findall(r'\{ "([a-z_]+)"|, "([a-z_]+=)"', (ROOT / "fs/ask_line.c").read_text()))
    wrong = {m[1], *re.findall(r"([a-z_]+=)", span)} - {a or b for a, b in known}
    return f"a request has no {', '.join(sorted(wrong))}" if wrong else None


def of_assignment(span, m):
    """A word of .thaw/plan, of #THAW, of an option of mount(8)."""
    return None if re.search(rf'"{m[1]}=?["=\\]', tracked()[1]) or exists(f"{m[1]}=") else "unknown word"


def of_path(span, m):
    path, *args = m[1].split()
    if STANDS_FOR.search(path):
        return None
    if not (list(ROOT.glob(path.rstrip("/"))) or list(ROOT.glob(path + ".*"))):
        # A program that is built.
        return None if (ROOT / (path + ".c")).exists() else "no such file"
    program = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
    for arg in args:
        if path == "tests/run" and not re.search(rf"\b{arg}\b.*\) parts", program):
            return f"tests/run has no part {arg}"
        if path == ".ci/check" and f"check_{arg}()" not in program:
            return f"no check {arg}"
        if path == ".ci/rules" and f"def {arg}(" not in program:
            return f"no rule {arg}"
        if path == "tests/fuzz/run" and arg not in program:
            return f"no target {arg}"
        if arg.startswith("--") and arg not in program and arg not in flags():
            return f"no option {arg}"
    return None


def of_meson_test(span, m):
    found = [p for p in ("tests/unit/test_{}.c", "tests/rig/test_{}.c") if (ROOT / p.format(
        m[1].removeprefix("rig_"))).exists()]
    return None if found else f"no test is called {m[1]}"


def of_python_test(span, m):
    text = "\n".join(p.read_text() for p in (ROOT / "tests").rglob(f"{m[1]}.py"))
    if not text:
        return None if list((ROOT / "tests").rglob(f"{m[1]}.c")) else f"no file {m[1]}.py"
    return None if re.search(rf"^def test_\w*{m[2] or ''}", text, re.M) else f"no test in it has {m[2]}"


def of_endpoint(span, m):
    last = m[1].split("?")[0].split("/")[-1].rstrip("[")
    found = re.search(rf'"[^"]*\b{re.escape(last)}"', code("tools/sim"))
    return None if found else "the simulator has no such"


def of_errno(span, m):
    return None if span in errno.errorcode.values() or exists(span) else "no such errno"


def of_name(span, m):
    if STANDS_FOR.search(span):
        return None
    return None if exists(m[1]) or m[1].replace("-", "_") in tracked()[1] else "the code has no such name"


# The first that matches decides.
KINDS = [
    (re.compile(r"(?:sudo )?thaw ([a-z.-].*)"), of_thaw),
    (re.compile(r"thawfs ((?:[^\s:]+:/|[A-Z~/a-z-]).*)"), of_thawfs),
    (re.compile(r"thaw-sim (--.*)"), of_sim),
    (re.compile(r"(?:tests/\w+/)?(test_[a-z0-9_]+)(?:: (\w+))?"), of_python_test),
    (re.compile(r"(?:[A-Z_]+=\S+ )*((?:tests|packaging|tools|docs|fs|backend|base|\.ci)/\S*.*)"), of_path),
    (re.compile(r"meson test -C \S+ ([a-z]\S*).*"), of_meson_test),
    (re.compile(r"-o ([^=\s]+)(?:=.*)?"), of_word),
    (re.compile(r"(--[a-z][a-z-]+)\b.*"), of_flag),
    (re.compile(r"([a-z]+) (?:\S+ )?--[a-z].*"), of_verb),
    (re.compile(r"\[([a-z]+(?: [^\]]+)?)\](?: ([a-z][a-z-]+)(?: = .*)?)?"), of_section),
    (re.compile(r"([a-z]+)\.([a-z-]+)=\S*"), of_key),
    (re.compile(r"([a-z][a-z-]*) = .*"), of_any_section),
    (re.compile(r"(?:\S*/)?\.thaw/([\w.-]*)"), of_sidecar),
    (re.compile(r"user\.thaw\.([\w.-]*)"), of_attribute),
    (re.compile(r"(get|cancel|evict|pin|unpin|refresh|approve)(?: \[?[a-z_]+=\S*)+"), of_request),
    (re.compile(r"([a-z_]+)=\S*"), of_assignment),
    (re.compile(r"(?:GET |POST |DELETE )?(/_sim/[\w/-]+).*"), of_endpoint),
    (re.compile(r"E[A-Z]{2,}[0-9]*"), of_errno),
    (re.compile(r"((?:AWS|XDG|NO|THAW|DEMO)_[A-Z0-9_]+)"), of_name),
    (re.compile(r"(?:struct )?([A-Za-z_]+(?:[_-][A-Za-z0-9]+)+)(?:\(\))?"), of_name),
    (re.compile(r"([\w.-]+\.(?:c|h|py|sh|conf|service|csv|json|yml|lua|md|log|mdb|lock))"), of_name),
]


@functools.cache
def wrong(span):
    for pattern, judge in KINDS:
        m = pattern.fullmatch(span)
        if m:
            return judge(span, m)
    return None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document):
    found = {}
    for where, span in words(document):
        fault = wrong(span)
        if fault:
            found.setdefault(f"{where}: `{span}`: {fault}")
    assert not found, "\n" + "\n".join(found)


def test_misspelt_names_are_found():
    """That the rows above judge at all: one of each kind."""
    for span in ("thaw statsu FILE", "thaw get --teir bulk FILE", "thawfs s3://a /mnt -o cache.sice=1G",
                 "thaw-sim --sped 1", "tests/run everything", ".ci/check tidiness", "fs/engine/restor.c",
                 "meson test -C build test_extent -v", "test_queues: nobody_wrote_this", "-o allow_othr",
                 "--teir bulk", "verify --repiar", "[cache] sice = 1G", "[cash] size", "cache.sice=1G",
                 "recall-ahed = directory", ".thaw/ledgr.csv", "DIR/.thaw/NAME.satus",
                 "user.thaw.sate", "get teir=bulk", "/_sim/bil", "EDQOUT", "AWS_ACESS_KEY_ID",
                 "storm-fils", "victimz.c"):
        assert wrong(span), span
    for span in ("thaw get -r --tier bulk DIR", "thawfs s3://a /mnt -o cache.size=1G", "tests/run sim",
                 "[policy /raw curators]", "[mount] admins", "restore.tier=bulk", "get tier=bulk days=3"):
        assert not wrong(span), (span, wrong(span))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_promises_that_are_cited_are_made(document):
    made = set(re.findall(r"^- \*\*(S\d+)\*\*", read("docs/SEMANTICS.md"), re.M)) | {"S3"}
    cited = set(re.findall(r"(?<![\w.])S\d+\b(?!\.)", prose(document)))
    assert cited <= made, sorted(cited - made)


def test_the_readme_asks_for_the_rights_that_the_policy_gives():
    policy = (ROOT / "packaging/iam/thawfs-policy.json").read_text()
    said = re.search(r"They need to list and read:(.*?)\(\[", read("README.md"), re.S)[1]
    for action in re.findall(r"`(?:[a-z0-9]+:)?(\w+)`", said):
        assert re.search(rf'"[a-z0-9]+:{action}"', policy), action


def test_the_readme_and_the_changelog_name_every_verb():
    table = re.search(r"^## Programs\n(.*?)^`thaw completion", read("README.md"), re.M | re.S)[1]
    hidden = {"stage"}  # for schedulers: docs/CLUSTERS.md
    assert set(re.findall(r"`thaw ([a-z]+)`", table)) == verbs() - hidden
    assert verbs() - hidden <= set(re.findall(r"[a-z]+", read("CHANGELOG.md")))


def test_hacking_names_every_part_of_the_tests():
    program = (ROOT / "tests/run").read_text()
    parts = set(re.findall(r"^part_([a-z]+)\(\)", program, re.M))
    named = set(re.findall(r"^\| `([a-z]+)` \|", read("docs/HACKING.md"), re.M))
    assert parts | {"long"} == named | {"campaigns"}
    assert parts - {"campaigns"} == set(re.findall(r"^#\t([a-z]+)\t", program, re.M)) - {"all"}


def test_layers_are_those_that_are_checked():
    """ARCHITECTURE's table, and .ci/layers."""
    rules = (ROOT / ".ci/layers").read_text()
    layers = set(re.findall(r'^    "([a-z/]+)": \[', rules, re.M))
    table = set(re.findall(r"^\| `([a-z/]+)/` \|", read("docs/ARCHITECTURE.md"), re.M))
    assert layers - {"tools"} <= table, layers - table
    for directory in table:
        assert (ROOT / directory).is_dir(), directory


def test_no_paragraph_stands_twice():
    seen = {}
    for document in DOCUMENTS:
        for paragraph in re.split(r"\n\s*\n", prose(document)):
            text = " ".join(paragraph.split())
            if len(text) > 80 and not text.startswith("|"):
                assert text not in seen, (document, seen[text], text[:80])
                seen[text] = document


def test_operations_says_what_may_change_while_a_mount_stands():
    """Its table, and that of fs/config_reload.c."""
    table = re.search(r"changeable\[\] = \{(.*?)^\};", (ROOT / "fs/config_reload.c").read_text(),
                      re.M | re.S)[1]
    rows = re.search(r"^## Changing the configuration\n(.*?)^## ", read("docs/OPERATIONS.md"),
                     re.M | re.S)[1]
    for name, is_named, keys in re.findall(r'\{ "(\w+)",\s+(\w+),\s+\{ (.*?) \} \}', table, re.S):
        heading = f"{name} (?:NAME|PATH)" if is_named == "true" else name
        may = set(re.findall(r'"([a-z-]+)"', keys))
        cell = re.search(rf"^\|[^|]*`\[{heading}\]`[^|]*\|(.*)\|$", rows, re.M)
        if keys == '""':
            assert not cell, heading
        elif keys == "NULL":
            assert "everything" in cell[1], heading
        else:
            named = set(re.findall(r"`([a-z-]+)`", cell[1]))
            everything = options()[f"{name} NAME" if is_named == "true" else name]
            said = everything - named if "all but" in cell[1] else named
            assert said == may, (heading, said ^ may)


def test_every_thread_has_its_row():
    """In ARCHITECTURE's table, by the name it gives itself."""
    table = re.search(r"^## Threads\n(.*?)^## ", read("docs/ARCHITECTURE.md"), re.M | re.S)[1]
    rows = " ".join(re.findall(r"^\| ([^|]*) \|", table, re.M))
    text = code("fs") + code("backend") + code("base")
    named = set(re.findall(r'worker_new\("(\w+)"|setname_np\([^"]*"(\w+)"', text))
    assert len(named) > 10
    for name in (a or b for a, b in named):
        assert re.search(rf"\b{name}", rows) or name == "hash" and "hashing" in rows, name


def test_the_examples_of_every_verb_are_taken():
    """They are in its help, and so in the manual."""
    for name in verbs():
        said = run(THAW, name, "--help").stdout
        examples = re.findall(r"^(?:example:| {8}) .*?(thaw [a-z]+ [^)\n]*)", said, re.M)
        assert examples, name
        for example in examples:
            assert wrong(example) is None, (example, wrong(example))
