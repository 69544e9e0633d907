"""What the README tells a reader to type and to copy does what it says."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .commands import DEADLINE, Jor

README = (Path(__file__).parents[2] / "README.md").read_text()
FIRST, *REST = re.split(r"^## ", README, flags=re.MULTILINE)

Shell = Callable[[str, Path], str]

KINDS = {"integer": int, "number": (int, float), "text": str, "object": dict, "list": list, "null": type(None)}
FAILING = """\
import jor

class Jobs(jor.JobsBase):
    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(4)]

    def execute(self, i):
        if i == 1:
            raise ValueError("no convergence")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def section(title: str) -> str:
    (found,) = [text for text in REST if text.startswith(f"{title}\n")]
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str, Path], str]:
    """Give a function that runs lines in a shell which knows the command jor; none of them may fail."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "jor"
    program.write_text(f'#!{shutil.which("sh")}\nexec {sys.executable} -m jor_cli "$@"\n')
    program.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JOR_")}
    environment = {**inherited, "PATH": f"{program.parent}:{os.environ['PATH']}", "COLUMNS": "80"}

    def run(lines: str, folder: Path) -> str:
        command = ["sh", "-e", "-c", lines]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_first_screen_leads_from_nothing_to_a_finished_sweep(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (script,) = blocks(FIRST, "python")
    (folder / "simulate.py").write_text(script)
    (commands,) = [block for block in blocks(FIRST, "sh") if block.startswith("jor init")]
    assert FIRST[: FIRST.index(commands)].count("\n") + commands.count("\n") <= 40
    said = shell(commands, folder)
    assert "All is well" in said
    assert "3 of 3 jobs done" in said
    with (folder / "output/simulate.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"n": str(n), "seed": "0", "mean": str(n / 2), "squared": "0"} for n in (1, 2, 3)
        ]
    module = folder / "jobs_simulate.py"
    module.write_text(module.read_text().replace("n=[1, 2, 3],", "n=[1, 2, 3, 4],").replace("[0]", "range(5)"))
    assert "17 jobs to run" in shell("jor run", folder)


#: Lets a job wait to be stopped in the midst of its steps, the first time.
STOPS = """
import builtins, os, time

def range(first, last):
    for step in builtins.range(first, last):
        if step == 500 and not os.path.exists("stops"):
            open("stops", "w").close()
            time.sleep(60)
        yield step
"""


def test_job_that_writes_in_place_resumes_as_it_is_shown(shell: Shell, tmp_path: Path) -> None:
    (script,) = [
        block for block in blocks(section("Three steps to a sweep of your own"), "python") if "atomic" in block
    ]
    listed = "    def _mk_jobs(self):\n        self._jobs = [{'seed': 0}]\n"
    (tmp_path / "resuming.py").write_text(f"import jor\n{STOPS}\n{script}\n{listed}")
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: resuming\n")
    shell("jor run & until [ -e stops ]; do sleep 0.1; done; kill $!; wait $! || ls job/seed0.txt", tmp_path)
    output = tmp_path / "job/seed0.txt"
    lines = [str(step**2) for step in range(1000)]
    assert output.read_text().splitlines() == lines[:500]
    output.write_text(output.read_text().replace("0\n1\n", "of the first\nof the first\n", 1))
    shell("jor run --quiet", tmp_path)
    assert output.read_text().splitlines() == ["of the first", "of the first", *lines[2:]]


def test_sweep_to_copy_runs_as_it_is_shown(shell: Shell, tmp_path: Path) -> None:
    text = section("Sweeps")
    (script,), (todo,), (session,) = (blocks(text, language) for language in ("python", "yaml", "console"))
    (tmp_path / "jobs_error.py").write_text(script)
    (tmp_path / "todo.yaml").write_text(todo)
    commands = [line[2:] for line in session.splitlines() if line.startswith("$ ")]
    shown = [line for line in session.splitlines() if not line.startswith("$ ")]
    assert shell("\n".join(commands), tmp_path).splitlines() == shown
    shell("jor collect", tmp_path)
    assert len(list(csv.reader((tmp_path / "median10000.csv").read_text().splitlines()))) == 61
    next((tmp_path / "median10000").glob("*.txt")).unlink()
    shell("jor collect", tmp_path)  # goes on, and leaves out what is missing
    assert len(list(csv.reader((tmp_path / "median10000.csv").read_text().splitlines()))) == 60


def test_list_that_is_no_product_works_as_it_is_shown() -> None:
    import jor

    (code,) = re.findall(r"is a list: `([^`]+)`", section("Sweeps"))
    assert len(eval(code, {"jor": jor})) == 45


def keys(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of each key; what lies below counts and parameters is free, or told beside them."""
    for key, one in value.items():
        yield path + key, one
        for item in one if isinstance(one, list) else ():
            if isinstance(item, dict):
                yield from keys(item, f"{path}{key}[].")


def test_json_is_as_its_table_says(jor: Jor, tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "todo.yaml").write_text("jobs:\n- jobmodule: failing\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job/index3.txt").touch()  # empty: interrupted, without a log
    before = json.loads(jor("status", "--json").out)
    jor("run", "failing", "--quiet")
    after = json.loads(jor("status", "--json").out)
    table = dict(re.findall(r"^\| `([a-z_.\[\]]+)` \| ([a-z ]+) \|", section("What you can rely on"), re.MULTILINE))
    found = [*keys(before), *keys(after)]
    assert {path for path, _ in found} == set(table)
    wrong = [
        (path, value, table[path])
        for path, value in found
        if isinstance(value, bool) or not isinstance(value, tuple(_kinds(table[path])))
    ]
    assert wrong == []
    states = re.findall(r"`counts` \| object \| [^|]*?are ((?:`[a-z]+`,? ?)+)", README)[0]
    assert list(after["counts"]) == re.findall(r"`([a-z]+)`", states) == list(after["entries"][0]["counts"])
    assert {problem["status"] for told in (before, after) for problem in told["entries"][0]["problems"]} == {
        "failed",
        "interrupted",
    }


def _kinds(told: str) -> Iterator[type]:
    for name in told.split(" or "):
        kind = KINDS[name]
        yield from kind if isinstance(kind, tuple) else (kind,)
