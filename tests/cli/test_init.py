"""A new project runs as it is made."""

from __future__ import annotations

import configparser
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jor.config import read_config
from jor.options import OPTIONS
from jor_cli.scaffold import config

Jor = Callable[..., str]

SCRIPT = """\
import sys

LIMIT = 3

def simulate(n, seed=0, *, method="pca", limit=LIMIT):
    return f"{n} {seed} {method} {limit}"

def _helper(x):
    return x

def nothing():
    pass
"""


def outputs(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in folder.glob("output/*/*.txt"))


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


def test_function_of_a_script_is_wrapped(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text(SCRIPT)
    assert "Choose the values of the parameters in jobs_simulate.py" in jor("init", "--from", "sim.py")
    text = (tmp_path / "jobs_simulate.py").read_text()
    assert "n=[1, 2, 3],  # to be chosen" in text
    assert "seed=[0],\n" in text
    assert "method=['pca'],\n" in text
    assert "limit=[1, 2, 3],  # to be chosen" in text
    assert "9 of 9 jobs done" in jor("run")
    assert outputs(tmp_path)[0] == "1 0 pca 1\n"


def test_function_that_writes_by_itself_gets_the_path(jor: Jor, tmp_path: Path) -> None:
    text = "def save(n, output):\n    with open(output, 'w') as file:\n        file.write(str(n))\n"
    (tmp_path / "sim.py").write_text(text)
    jor("init", "--from", "sim.py:save")
    assert "3 of 3 jobs done" in jor("run")
    assert outputs(tmp_path) == ["1", "2", "3"]


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
    assert outputs(tmp_path)[0].strip() == "['--seed', '1', 'a b', '{}']"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("gone.py", "cannot be read: No such file"),
        ("sim.py:simulat", "Did you mean 'simulate'?"),
        ("sim.py:nothing", "nothing takes no parameters"),
        ("several.py", "it has several functions: a, b"),
        ("none.py", "it has no function with parameters"),
        ("broken.py", "broken.py:1"),
        ("other/sim.py", "lies in another folder"),
        ("my-sim.py", "'my-sim' cannot be imported"),
        ("run {", "the command cannot be read"),
        ("run {a b}", "is no name of a parameter"),
        ("run {output}", "has no parameter"),
    ],
)
def test_source_that_cannot_be_wrapped_is_told(jor: Jor, tmp_path: Path, source: str, what: str) -> None:
    (tmp_path / "other").mkdir()
    for name in ("sim.py", "my-sim.py", "other/sim.py"):
        (tmp_path / name).write_text(SCRIPT)
    (tmp_path / "several.py").write_text("def a(x): pass\ndef b(x): pass\n")
    (tmp_path / "none.py").write_text("print('hello')\n")
    (tmp_path / "broken.py").write_text("def (\n")
    said = jor("init", "--from", source)
    assert said.startswith("Error: ")
    assert what in said
    assert not (tmp_path / "todo.yaml").exists()


def test_modules_are_valid_python(jor: Jor, tmp_path: Path) -> None:
    jor("init")
    subprocess.run([sys.executable, "-W", "error", "-m", "py_compile", "jobs_pi.py"], cwd=tmp_path, check=True)
