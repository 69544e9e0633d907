"""A new project runs as it is made."""

from __future__ import annotations

import configparser
import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jor.settings.config import read_config
from jor.settings.options import OPTIONS
from jor_cli.scaffold.project import config

Jor = Callable[..., str]

SCRIPT = """\
import sys

LIMIT = 3

def simulate(n, seed=0, *, method="pca", limit=LIMIT):
    return f"{n} {seed} {method} {limit}"

def _helper(x):
    return x

def nothing():
    return 3

def silent(n):
    def inner():
        return n
    print(n)

def first(n, /):
    return n

def method(self, n):
    return n

def main(argv=None):
    print(simulate(1))
"""


def outputs(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("output/*/[!.]*.*"))


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"output/{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_new_project_runs_and_collects(jor: Jor, tmp_path: Path) -> None:
    said = jor("init")
    assert said.startswith("[jor] Made jobs_pi.py, todo.yaml, jor.cfg, .gitignore\n")
    assert "12 of 12 jobs done" in jor("run")
    assert "collected 12 outputs" in jor("collect")
    assert len((tmp_path / "output/pi.csv").read_text().splitlines()) == 13
    ignored = (tmp_path / ".gitignore").read_text()
    assert "output/" in ignored


def test_nothing_that_exists_is_touched(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "todo.yaml").write_text("mine\n")
    assert "; todo.yaml left as it is" in jor("init")
    assert (tmp_path / "todo.yaml").read_text() == "mine\n"
    (tmp_path / "jor.cfg").write_text("mine\n")
    assert "Made nothing; jobs_pi.py, todo.yaml, jor.cfg, .gitignore left as they are" in jor("init")
    assert (tmp_path / "jor.cfg").read_text() == "mine\n"


def test_config_has_every_option_with_its_default(tmp_path: Path) -> None:
    (tmp_path / "jor.cfg").write_text(config())
    found = read_config({}, str(tmp_path))
    assert found["path-prefix"] == "output"
    parser = configparser.ConfigParser()
    lines = config().splitlines()
    names = {option.name for option in OPTIONS}
    parser.read_string("\n".join(line[1:] if line[1:].split(" =")[0] in names else line for line in lines))
    assert [name for section in parser.sections() for name in parser[section]] == [
        option.name for section in dict.fromkeys(option.section for option in OPTIONS)
        for option in OPTIONS if option.section == section
    ]  # fmt: skip
    for option in OPTIONS:
        if option.name != "path-prefix":
            assert parser[option.section][option.name] == ("" if option.default is None else str(option.default))


def test_second_job_module_has_to_be_listed(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text(SCRIPT)
    jor("init")
    assert "Add to the list in todo.yaml:  - jobmodule: jobs_simulate.py" in jor("init", "--from", "sim.py:simulate")
    assert "Add to" not in jor("init", "--from", "sim.py:simulate")


def test_function_of_a_script_is_wrapped(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text(SCRIPT)
    assert "Write the values that you want into jobs_simulate.py" in jor("init", "--from", "sim.py:simulate")
    text = (tmp_path / "jobs_simulate.py").read_text()
    assert "n=[1, 2, 3],  # to be chosen" in text
    assert "seed=[0],\n" in text
    assert "method=['pca'],\n" in text
    assert "# limit=[...],  # LIMIT as long as this is left out" in text
    assert "3 of 3 jobs done" in jor("run")
    assert outputs(tmp_path)[0] == '"1 0 pca 3"'
    assert "Wrote output/simulate.csv, 3 rows" in jor("collect")
    assert table(tmp_path, "simulate")[0] == {"n": "1", "seed": "0", "method": "pca", "result": "1 0 pca 3"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_script_may_come_from_any_editor(jor: Jor, tmp_path: Path, encoding: str) -> None:
    text = f"# coding: {encoding.removesuffix('-sig')}\r\ndef simulate(n):\r\n    return 'é'\r\n"
    (tmp_path / "sim.py").write_bytes(text.encode(encoding))
    assert "Made jobs_simulate.py" in jor("init", "--from", "sim.py")
    assert "3 of 3 jobs done" in jor("run")


def test_function_is_found_among_helpers_and_main(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text(SCRIPT.partition("def silent")[0] + SCRIPT[SCRIPT.index("def main") :])
    assert "Made jobs_simulate.py" in jor("init", "--from", "sim.py")


@pytest.mark.parametrize(
    ("returned", "columns"),
    [
        ("n / 4", {"result": "0.25"}),
        ("{'half': n / 2, 'name': 'it'}", {"half": "0.5", "name": "it"}),
        ("Array(n)", {"result": "[1, 1]"}),
        ("{'mean': Array(n)}", {"mean": "[1, 1]"}),
    ],
)
def test_whatever_a_function_returns_is_kept_and_joined(
    jor: Jor, tmp_path: Path, returned: str, columns: dict[str, str]
) -> None:
    like_numpy = "class Array:\n    def __init__(self, n): self.n = n\n    def tolist(self): return [self.n, self.n]\n"
    (tmp_path / "sim.py").write_text(f"{like_numpy}def f(n):\n    return {returned}\n")
    jor("init", "--from", "sim.py")
    assert "3 of 3 jobs done" in jor("run")
    jor("collect")
    assert table(tmp_path, "f")[0] == {"n": "1", **columns}


def test_values_to_begin_with_fit_annotations_and_defaults(jor: Jor, tmp_path: Path) -> None:
    text = (
        "import math\ndef f(a: str, b: float, c: bool, d=2**10, e=(1, -2), *, x=math.pi):\n    return [a, b, c, d, x]\n"
    )
    (tmp_path / "sim.py").write_text(text)
    jor("init", "--from", "sim.py")
    assert "8 of 8 jobs done" in jor("run")
    assert outputs(tmp_path)[0] == '["a", 0.1, false, 1024, 3.141592653589793]'


def test_parameters_whose_defaults_mean_something_in_the_script_alone_are_chosen(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text("LIMIT = 3\ndef f(limit=LIMIT):\n    return limit\n")
    jor("init", "--from", "sim.py")
    assert "3 of 3 jobs done" in jor("run")


@pytest.mark.parametrize("script", ["src/sim.py", "my-sim.py", "for.py", "a b/my sim.py", "{absolute}/sim.py"])
def test_script_may_lie_anywhere_and_have_any_name(
    jor: Jor, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, script: str
) -> None:
    path = tmp_path / script.replace("{absolute}", str(tmp_path_factory.mktemp("elsewhere")))
    path.parent.mkdir(exist_ok=True)
    path.write_text("from beside import half\ndef f(n):\n    return half(n)\n")
    (path.parent / "beside.py").write_text("def half(n):\n    return n / 2\n")
    jor("init", "--from", f"{path if path.parent.parent != tmp_path else path.relative_to(tmp_path)}:f")
    assert "3 of 3 jobs done" in jor("run")
    assert outputs(tmp_path) == ["0.5", "1.0", "1.5"]


def test_function_that_writes_by_itself_gets_the_path(jor: Jor, tmp_path: Path) -> None:
    text = "def save(n, output='plot.png'):\n    with open(output, 'w') as file:\n        file.write(str(n))\n"
    (tmp_path / "sim.py").write_text(text)
    jor("init", "--from", "sim.py:save")
    assert "3 of 3 jobs done" in jor("run")
    assert outputs(tmp_path) == ["1", "2", "3"]
    jor("collect")
    assert table(tmp_path, "save")[0] == {"n": "1", "output": "output/save/n1.png"}


@pytest.mark.parametrize("ending", ["print(args)", "open({output!r}, 'w').write(str(args))"])
def test_command_is_wrapped(jor: Jor, tmp_path: Path, ending: str) -> None:
    program = "import sys; args = sys.argv[1:]; " + (
        "print(args)" if ending == "print(args)" else "open(args[-1], 'w').write(str(args[:-1]))"
    )
    (tmp_path / "tool.py").write_text(program)
    output = "" if ending == "print(args)" else " {output}"
    jor("init", "--from", f"{sys.executable} tool.py --seed {{seed}} 'a b' {{{{}}}}{output}")
    assert (tmp_path / "jobs_tool.py").exists()
    assert "3 of 3 jobs done" in jor("run")
    words = "['--seed', '1', 'a b', '{}']"
    assert outputs(tmp_path)[0].strip() == words
    jor("collect")
    assert table(tmp_path, "tool")[0] == {"seed": "1", "output": "output/tool/seed1.txt" if output else words}


@pytest.mark.parametrize("output", ["", " {output}"])
def test_command_that_fails_is_told_by_its_status_and_its_own_last_words(jor: Jor, tmp_path: Path, output: str) -> None:
    (tmp_path / "tool.py").write_text("import sys; print(sys.argv); sys.exit('no convergence')")
    jor("init", "--from", f"{sys.executable} tool.py --seed {{seed}}{output}")
    failed = jor("run")
    assert "with status 1')" in " ".join(failed.split())
    last = [line for line in jor("status", "--failed").splitlines() if line.startswith("  |")]
    assert last[-2:] == ["  | no convergence", f"  | {sys.executable} ended with status 1"]


@pytest.mark.parametrize(
    "script",
    [
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('-s', '--seed')\np.add_argument('--out')\n"
        "p.add_argument('--verbose', action='store_true')\np.add_argument('--lambda')\np.add_argument('data')\n",
        "import click\n@click.command()\n@click.option('-s', '--seed')\n@click.option('--out')\n"
        "@click.option('--verbose', is_flag=True)\n@click.option('--lambda', 'l')\n@click.argument('data')\n"
        "def main(seed, out, verbose, l, data): pass\n",
    ],
    ids=["argparse", "click"],
)
def test_script_with_flags_is_told_how_to_be_wrapped(jor: Jor, tmp_path: Path, script: str) -> None:
    (tmp_path / "tool.py").write_text(script)
    command = "python tool.py --seed {seed} --out {output} --lambda {lambda_} {data}"
    assert f"jor init --from '{command}'" in jor("init", "--from", "tool.py")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("gone.py", "cannot be read: No such file"),
        ("sim.py:simulat", "Did you mean 'simulate'?"),
        ("sim.py:nothing", "nothing takes no parameters"),
        ("sim.py:silent", "silent returns nothing"),
        ("sim.py:first", "first takes n by its position alone"),
        ("sim.py:method", "method has a parameter self"),
        ("jobs_f.py", "the job module would be called jobs_f.py as well"),
        ("sim.v2.py:simulate", "'sim.v2' cannot be imported"),
        ("several.py", "Name one of them: several.py:a"),
        ("none.py", "it has no function with parameters"),
        ("broken.py", "broken.py:1"),
        ("null.py", "null.py:1"),
        ("python sim.py", "a command with its parameters in braces"),
        ("run {", "the command cannot be read"),
        ("run {a b}", "is no name of a parameter"),
        ("run {output}", "has no parameter"),
        ("run {self}", "is no name of a parameter"),
        ("run {a} | sort", "without a shell, which '|' needs"),
        ("run {a} 'b", "No closing quotation"),
    ],
)
def test_source_that_cannot_be_wrapped_is_told(jor: Jor, tmp_path: Path, source: str, what: str) -> None:
    for name in ("sim.py", "sim.v2.py"):
        (tmp_path / name).write_text(SCRIPT)
    (tmp_path / "jobs_f.py").write_text("def f(n):\n    return n\n")
    (tmp_path / "null.py").write_text("\0")
    (tmp_path / "several.py").write_text("def a(x): pass\ndef b(x): pass\n")
    (tmp_path / "none.py").write_text("print('hello')\n")
    (tmp_path / "broken.py").write_text("def (\n")
    said = jor("init", "--from", source)
    assert said.startswith("Error: ")
    assert what in said
    assert not (tmp_path / "todo.yaml").exists()


def test_folder_that_cannot_be_written_is_told(jor: Jor, tmp_path: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "jor_cli", "init"]
    folder = "/proc"  # where nobody may make a file, not even root
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: /proc/jobs_pi.py: the file cannot be made: ")


def test_modules_are_valid_python(jor: Jor, tmp_path: Path) -> None:
    jor("init")
    subprocess.run([sys.executable, "-W", "error", "-m", "py_compile", "jobs_pi.py"], cwd=tmp_path, check=True)
