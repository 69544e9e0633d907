"""What is wrong is refused before anything runs: exit code 2, one clear message, no traceback, nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .commands import Jor, outputs, tree

Write = Callable[..., None]

GOOD = """\
import jor

class Jobs(jor.JobsBase):
    name = "good"

    def __init__(self, n=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"index": i} for i in range(n)]

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""
TODO = "jobs:\n- jobmodule: good\n"
#: Each message: where, what happened, and below it, indented, what to do.
FORM = re.compile(r"(Error: [^\n]+: [^\n]+\n  [A-Z][^\n]+\n(    [^\n]+\n)*)+")


def module(old: str, new: str) -> Mapping[str, str]:
    """Return the files of a project whose job module is good, but for `old`, which is `new`."""
    assert old in GOOD
    return {"good": GOOD.replace(old, new), "todo": TODO}


def names(name: str) -> Mapping[str, str]:
    """Return the files of a project with two jobs, whose outputs have the name that the expression `name` gives."""
    method = f"    def _get_output_fname(self, index):\n        return {name}\n\n"
    return module("    def execute", f"{method}    def execute")


def todo(text: str) -> Mapping[str, str]:
    """Return the files of a project with that todo-list."""
    return {"good": GOOD, "todo": text}


def jobargs(text: str) -> Mapping[str, str]:
    """Return the files of a project with those jobargs, quoted for YAML."""
    return todo(f"jobs:\n- jobmodule: good\n  jobargs: {text!r}\n")


def cfg(text: str) -> Mapping[str, str]:
    """Return the files of a project with that config file."""
    return {"good": GOOD, "todo": TODO, "cfg": text}


BAD_TODO = {
    "no todo-list": ({"good": GOOD}, ["todo.yaml", "there is no todo-list", "--todo-list"]),
    "empty": (todo(""), ["todo.yaml", "the todo-list is empty", "jobmodule:"]),
    "only a comment": (todo("# nothing\n"), ["the todo-list is empty"]),
    "not YAML": (todo("jobs: [\n"), ["todo.yaml:2:1", "not YAML"]),
    "tabs": (todo("jobs:\n\t- jobmodule: good\n"), ["todo.yaml:2:1", "line 2 begins with a tab"]),
    "a list at the top": (todo("- jobmodule: good\n"), ["todo.yaml:1:1", "does not start with jobs:"]),
    "jobs is a mapping": (todo("jobs:\n  jobmodule: good\n"), ["todo.yaml:2:3", "jobs: is not a list"]),
    "jobs is empty": (todo("jobs:\n"), ["jobs: is not a list"]),
    "an item is a text": (todo("jobs:\n- good\n"), ["todo.yaml:2:3", "not a mapping with jobmodule:"]),
    "unknown key at the top": (todo("jobs: []\nmore: 1\n"), ["todo.yaml:2:1", "unknown key 'more'"]),
    "misspelt key": (
        todo("jobs:\n- jobmodule: good\n  jobarg: n=3\n"),
        ["todo.yaml:3:3", "unknown key 'jobarg'", "Did you mean 'jobargs'?"],
    ),
    "key twice": (todo("jobs:\n- jobmodule: good\n  jobmodule: good\n"), ["todo.yaml:3:3", "'jobmodule' stands twice"]),
    "no jobmodule": (todo("jobs:\n- jobargs: n=3\n"), ["todo.yaml:2:3", "this item has no jobmodule"]),
    "option of no such value": (
        todo("jobs:\n- jobmodule: good\n  workers: many\n"),
        ["todo.yaml:3:12", "workers = 'many'", "a whole number"],
    ),
    "memory of no such syntax": (todo("jobs:\n- jobmodule: good\n  mem: lots\n"), ["mem = 'lots'", "todo.yaml:3:8"]),
    "two entries the same": (
        todo("jobs:\n- jobmodule: good\n- jobmodule: ./good.py\n"),
        ["todo.yaml:3:3", "the same as the one at todo.yaml:2:3"],
    ),
    "sweep of texts": (todo("jobs:\n- jobmodule: good\n  sweep: n\n"), ["todo.yaml:3:10", "sweep is not a mapping"]),
    "sweep without end": (
        todo(
            "jobs:\n- jobmodule: good\n  sweep: {"
            + ", ".join(f"{c}: [1, 2, 3, 4, 5, 6, 7, 8]" for c in "abcdef")
            + "}\n"
        ),
        ["makes 262,144 entries"],
    ),
    "an object": (
        todo("jobs:\n- jobmodule: !!python/object/apply:os.system ['touch pwned']\n"),
        ["todo.yaml:2:14", "a text is needed here"],
    ),
    "an object in jobargs": (
        todo("jobs:\n- jobmodule: good\n  jobargs: {n: !!python/name:os.system ''}\n"),
        ["todo.yaml:3:16", "is not allowed here"],
    ),
    "aliases that multiply": (
        todo(
            "jobs:\n- jobmodule: good\n  jobargs:\n    a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
            + "".join(f"    {b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))
        ),
        ["aliases"],
    ),
    "several mistakes": (
        todo("jobs:\n- jobmodule: bad\n- jobmodule: good\n  jobargs: n=\n- jobargs: n=3\n"),
        ["todo.yaml:2:14", "todo.yaml:4:12", "todo.yaml:5:3"],
    ),
}

BAD_JOBARGS = {
    text: (jobargs(text), [part])
    for text, part in {
        "3": "a value without a name",
        "n=": "not a list of keyword arguments",
        "n=m": "a name",
        "n=__import__('os').system('touch pwned')": "a function call",
        "n=().__class__.__base__.__subclasses__()": "a function call",
        "n=open('pwned', 'w')": "a function call",
        "n=[open('pwned', 'w') for _ in [1]]": "a comprehension",
        "n=(lambda: 0)": "a lambda",
        "n=f'{1}'": "an f-string",
        "n=9**9**9**9": "the number is too large",
        "n='a'*10**10": "arithmetic on something that is no number",
        "n=1/0": "cannot be computed",
        "**{}": "'**'",
        "n=3, n=4": "a second 'n' at column 8",
        "n=3); open('pwned', 'w'": "not a list of keyword arguments",
        "n=3; touch pwned": "not a list of keyword arguments",
        "$(touch pwned)": "not a list of keyword arguments",
        "path_prefix='/'": "path_prefix does not belong into jobargs",
        "n=" + "(" * 5000 + ")" * 5000: "not a list of keyword arguments",
        "m=3": "the constructor of Jobs has no argument 'm'",
    }.items()
}

BAD_MODULE = {
    "job module not found": (
        {"good": GOOD, "todo": "jobs:\n- jobmodule: god.py\n"},
        ["todo.yaml:2:14", "there is no such job module", "Did you mean 'good.py'?"],
    ),
    "folder not found": (todo("jobs:\n- jobmodule: nowhere/good\n"), ["there is no such job module", "nowhere"]),
    "a folder": (todo("jobs:\n- jobmodule: .\n"), ["todo.yaml:2:14", "the job module is a folder"]),
    "syntax error": (module("def execute(self, i):", "def execute(self, i)"), ["good.py:10", "expected ':'"]),
    "no Python": ({"good": "\x7fELF\n", "todo": TODO}, ["good.py:1"]),
    "raises when loaded": (module("import jor", "import jor\n1 / 0"), ["good.py:2", "ZeroDivisionError"]),
    "imports what is not there": (module("import jor", "import jor, nonesuch"), ["good.py:1", "Install nonesuch"]),
    "exits when loaded": (module("import jor", "import jor, sys\nsys.exit(0)"), ["good.py:2", "SystemExit"]),
    "no class Jobs": (module("class Jobs", "class Job"), ["good.py", "no class Jobs, but Job"]),
    "Jobs of another base": (module("(jor.JobsBase)", ""), ["not derived from jor.JobsBase"]),
    "no path_prefix": (
        module(
            ', path_prefix="."):\n        super().__init__(path_prefix=path_prefix)', "):\n        super().__init__()"
        ),
        ["does not take path_prefix"],
    ),
    "base not called": (
        module("super().__init__(path_prefix=path_prefix)", "pass"),
        ["path_prefix", "super().__init__"],
    ),
    "argument without a value": (module("n=3,", "n,"), ["needs the argument 'n'"]),
    "constructor raises": (
        module("self._jobs =", "raise ValueError('odd')\n        self._jobs ="),
        ["good.py:8", "ValueError: odd"],
    ),
    "no _jobs": (module("self._jobs =", "jobs ="), ["no list of jobs", "def _mk_jobs(self):"]),
    "no execute": (module("def execute", "def perform"), ["no method execute"]),
    "folder raises": (
        module("    def execute", "    def _get_output_folder(self):\n        1 / 0\n\n    def execute"),
        ["_get_output_folder failed: ZeroDivisionError"],
    ),
    "folder is none": (
        module("    def execute", "    def _get_output_folder(self):\n        pass\n\n    def execute"),
        ["_get_output_folder failed: TypeError"],
    ),
    "_jobs is a number": (module('[{"index": i} for i in range(n)]', "n"), ["_jobs is 3, not a sequence"]),
    "_jobs is a mapping": (module('[{"index": i} for i in range(n)]', "{}"), ["_jobs is {}, not a sequence"]),
    "_jobs has a number": (module('{"index": i}', "i"), ["_jobs[0] is 0, not a dictionary"]),
    "_jobs has a number later": (
        module('{"index": i}', '{"index": i} if i < 2 else i'),
        ["_jobs[2] is 2, not a dictionary"],
    ),
    "_jobs has numbers as keys": (module('{"index": i}', "{i: i}"), ["_jobs[0] is {0: 0}, not a dictionary"]),
    "name of other parameters": (
        module("    def execute", "    def _get_output_fname(self, other):\n        return '0'\n\n    def execute"),
        ["_get_output_fname failed for job 0", "index"],
    ),
    "one output twice": (names("'same'"), ["two jobs have the same output", "good/same", "the second is job 1"]),
    "one output in two entries": (
        todo("jobs:\n- jobmodule: good\n- jobmodule: good\n  jobargs: n=2\n"),
        ["todo.yaml:3:3", "two jobs have the same output", "good/index0.txt", "set self.name by the arguments"],
    ),
    "name is no text": (names("index"), ["_get_output_fname"]),
    "name is empty": (names("''"), ["is no file name"]),
    "name has a null": (names("'a\\0' + str(index)"), ["is no file name"]),
    "name climbs out": (names("f'../{index}'"), ["does not lie inside the output folder"]),
    "name climbs out in the middle": (names("f'a/../../{index}'"), ["does not lie inside the output folder"]),
    "name is absolute": (names("f'/tmp/{index}'"), ["does not lie inside the output folder"]),
    "name is a folder": (names("f'{index}/'"), ["does not lie inside the output folder"]),
    "name is jor's": (names("'.jor'"), ["a name that jor keeps for itself"]),
    "name is too long": (names("'a' * 252 + f'{index:04}'"), ["255 bytes"]),
    "class attribute of no such value": (
        module('name = "good"', 'name = "good"\n    mem = "lots"'),
        ["Jobs.mem", "lots"],
    ),
}

BAD_CONFIG = {
    "unknown section": (cfg("[sumbit]\nscheduler = local\n"), ["jor.cfg:1", "[sumbit]", "Did you mean 'submit'?"]),
    "unknown key": (
        cfg("[global]\n\npath-prefx = output\n"),
        ["jor.cfg:3", "'path-prefx'", "Did you mean 'path-prefix'?"],
    ),
    "key of another section": (cfg("[global]\nscheduler = local\n"), ["jor.cfg:2", "Move it to the section [submit]"]),
    "no such value": (cfg("[submit]\nscheduler = lokal\n"), ["jor.cfg:2", "scheduler = 'lokal'", "local or slurm"]),
    "no such truth": (cfg("[global]\noverwrite-output = perhaps\n"), ["jor.cfg:2", "True or False"]),
    "no section": (cfg("path-prefix = output\n"), ["jor.cfg:1", "before the first [section]"]),
    "key twice": (cfg("[global]\npath-prefix = a\npath-prefix = b\n"), ["jor.cfg:3", "'path-prefix' stands twice"]),
    "section twice": (cfg("[global]\n[global]\n"), ["jor.cfg:2", "[global] stands twice"]),
    "no assignment": (cfg("[global]\npath-prefix\n"), ["jor.cfg:2", "key = value"]),
    "several mistakes": (cfg("[global]\na = 1\n[run]\nb = 2\n"), ["jor.cfg:2", "jor.cfg:4"]),
    "owned": (
        cfg("[submit]\nscheduler = slurm\n[slurm]\noptions = --wrap=true\n"),
        ["jor.cfg:4", "'--wrap=true'", "Leave it out"],
    ),
    "clash": (
        cfg("[submit]\nscheduler = slurm\nmem = 1G\n[slurm]\nmem-per-cpu = 1G\n"),
        ["mem and mem_per_cpu exclude each other"],
    ),
    "slurm's time": (cfg("[submit]\nscheduler = slurm\ntime = 1d\n"), ["jor.cfg:3", "time = '1d'"]),
    "sif": (
        cfg("[submit]\nsif = image.sif\n"),
        ["jor.cfg:2", "sif = image.sif", "image.sif cannot be read: No such file"],
    ),
    "requeue": (
        cfg("[submit]\nscheduler = slurm\nsif = x.sif\n[slurm]\nsignal = 60\nrequeue = True\n"),
        ["jor.cfg:6", "need scontrol"],
    ),
    "warning": (
        cfg("[submit]\nscheduler = slurm\ntime = 00:10:00\n[slurm]\nsignal = 600\n"),
        ["jor.cfg:5", "signal = 600 is not less than the 600 s that a task has"],
    ),
    "condaenv": (cfg("[submit]\ncondaenv = nowhere\n"), ["jor.cfg:2", "there is no conda environment 'nowhere'"]),
}

BAD_FILES = {**BAD_TODO, **BAD_JOBARGS, **BAD_MODULE, **BAD_CONFIG}


@pytest.mark.parametrize(("files", "parts"), BAD_FILES.values(), ids=[name[:40] for name in BAD_FILES])
def test_bad_file_is_refused(
    jor: Jor, write: Write, tmp_path: Path, files: Mapping[str, str], parts: list[str]
) -> None:
    write(**files)
    before = tree(tmp_path)
    done = jor("run")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert [part for part in parts if part not in done.err] == []
    assert done.out == ""
    assert tree(tmp_path) == before
    assert FORM.fullmatch(done.err)


GOOD_FILES = {"good": GOOD, "todo": TODO}


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["rnu"], ["No such command 'rnu'", "Did you mean 'run'?"]),
        (["frobnicate"], ["No such command 'frobnicate'", "run"]),
        ([], ["Usage: jor"]),
        (["run", "--worker", "2"], ["No such option", "--workers"]),
        (["run", "--workers", "0"], ["--workers", "a whole number from 1 on"]),
        (["run", "--scheduler", "pbs"], ["--scheduler", "'local', 'slurm'"]),
        (["run", "--scheduler", "slurm", "--options", "-a5"], ["'-a5'", "Leave it out"]),
        (["run", "--scheduler", "slurm", "--options", "'"], ["options", "No closing quotation"]),
        (["run", "--array-throttle", "0"], ["--array-throttle", "a whole number from 1 on"]),
        (["run", "--retry-scale", "0.5"], ["--retry-scale", "a number from 1 to 100"]),
        (["run", "--sif", "todo.yaml"], ["is no image of Singularity or Apptainer"]),
        (["run", "--condaenv", "./nowhere"], ["nowhere is no conda environment"]),
        (["run", "--mem", "lots"], ["mem = 'lots'"]),
        (["run", "--time", "soon"], ["time = 'soon'"]),
        (["run", "godo"], ["no entry 'godo'", "Did you mean 'good'?"]),
        (["status", "godo"], ["no entry 'godo'", "Did you mean 'good'?"]),
        (["collect", "godo"], ["no entry 'godo'", "Did you mean 'good'?"]),
        (["run", "--todo-list", "other.yaml"], ["other.yaml", "there is no todo-list"]),
        (["submit"], ["Missing argument 'JOBMODULE'"]),
        (["submit", "godo"], ["there is no such job module", "good"]),
        (["submit", "good", "--jobargs", "n=open('pwned', 'w')"], ["a function call"]),
        (["submit", "good", "--jobargs", "m=3"], ["has no argument 'm'"]),
        (["exec", "good"], ["Missing argument 'I'"]),
        (["exec", "good", "one"], ["'one' is not a valid integer"]),
        (["exec", "good", "3"], ["there is no job 3", "from 0 to 2"]),
        (["exec", "--", "good", "-1"], ["there is no job -1", "from 0 to 2"]),
        (["run", "--path-prefix", "good.py"], ["good.py", "the output folder cannot be written"]),
    ],
    ids=" ".join,
)
def test_bad_command_line_is_refused(jor: Jor, write: Write, tmp_path: Path, args: list[str], parts: list[str]) -> None:
    write(**GOOD_FILES)
    before = tree(tmp_path)
    done = jor(*args)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert [part for part in parts if part not in done.err] == []
    assert tree(tmp_path) == before
    assert FORM.fullmatch(done.err) or done.err.startswith("Usage: jor")


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("JOR_WORKERS", "many", ["$JOR_WORKERS", "a whole number"]),
        ("JOR_SCHEDULER", "pbs", ["$JOR_SCHEDULER", "local or slurm"]),
        ("JOR_WORKRES", "2", ["JOR_WORKRES", "JOR_WORKERS"]),
    ],
)
def test_bad_environment_is_refused(
    jor: Jor, write: Write, tmp_path: Path, variable: str, value: str, parts: list[str]
) -> None:
    write(**GOOD_FILES)
    done = jor("run", **{variable: value})
    assert done.code == 2
    assert FORM.fullmatch(done.err)
    assert [part for part in parts if part not in done.err] == []


def test_outputs_that_are_missing_are_told_in_the_same_form(jor: Jor, write: Write) -> None:
    write(**module("    def execute", "    def collect(self):\n        pass\n\n    def execute"))
    done = jor("collect")
    assert (done.code, bool(FORM.fullmatch(done.err))) == (1, True)
    jor("run", "--test")
    done = jor("collect", "--missing-output", "raise")
    assert (done.code, bool(FORM.fullmatch(done.err))) == (1, True)
    done = jor("collect")
    assert (done.code, bool(FORM.fullmatch(done.err.replace("Warning: ", "Error: ")))) == (0, True)


def test_debug_shows_the_traceback(jor: Jor, write: Write) -> None:
    done = jor("--debug", "run")
    assert "Traceback" in done.err
    assert done.code == 2


def test_file_that_is_no_text_is_refused(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "todo.yaml").write_bytes(b"jobs:\n- jobmodule: \xff\n")
    done = jor("run")
    assert done.code == 2
    assert "todo.yaml:2: the todo-list is not UTF-8 text" in done.err


@pytest.mark.parametrize(
    "name",
    [
        "two words",
        "it's",
        'a "quote"',
        "line\nbreak",
        "Größe=µ",
        "日本",
        "100%",
        "$HOME",
        "$(touch pwned)",
        "-rf",
        "~",
        "a\\b",
        "\x1b[31mred",
        "*",
        "#",
    ],
)
def test_any_name_works(jor: Jor, write: Write, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    text = GOOD.replace('name = "good"', f"name = {name!r}").replace('"index": i', f'"index": {name!r} + str(i)')
    (folder / f"{name}.py").write_text(text)
    write(todo=f"jobs:\n- jobmodule: {_yaml(f'./{name}/{name}.py')}\n  name: {_yaml(name)}\n")
    done = jor("run", "--path-prefix", folder)
    assert (done.code, done.err) == (0, "")
    assert {path.name for path in (folder / name).glob("*.txt")} == {f"index{name}{i}.txt" for i in range(3)}
    assert outputs(tmp_path).keys() & {"pwned"} == set()
    told = jor("status", "--path-prefix", folder, "--", name)
    assert told.code == 0
    assert "\x1b" not in told.out


def _yaml(text: str) -> str:
    """Return `text` quoted for YAML, which takes what JSON says."""
    return json.dumps(text)
