"""What jor check finds, before any job runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, outputs

Write = Callable[..., None]

GOOD = """\
import jor

class Jobs(jor.JobsBase):
    name = "good"

    def __init__(self, n=3, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [dict(i=i, n=n) for i in range(n)]

    def execute(self, i):
        print("executed")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("result")
"""
TWO = "jobs:\n- jobmodule: good\n- jobmodule: good\n  jobargs: n=4\n"


def test_all_that_is_well_is_told_and_nothing_is_left(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=GOOD, todo=TWO)
    done = jor("check")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "All is well"
    assert "  ok     3 jobs with as many outputs, 0 done\n" in done.out
    assert "all entries\n  ok     7 jobs with as many outputs\n" in done.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.py", "todo.yaml"]


def test_one_job_of_each_entry_is_tried(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=GOOD, todo=TWO, cfg="[global]\npath-prefix = deep/output\n")
    done = jor("check", "--try")
    assert done.code == 0
    assert done.out.count("one job executed, and made its output") == 2
    assert set(outputs(tmp_path / "deep")) == {"output"}
    assert jor("status").out.split()[-3:] == ["0", "7", "7"]


def test_job_that_fails_when_it_is_tried_is_told(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(good=GOOD.replace("print(", "raise ValueError("), todo=TWO)
    done = jor("check", "--try", "good")
    assert done.code == 1
    assert "ValueError: executed" in done.err
    assert done.out.count("WRONG  one job executed, and made no output: exit code 1") == 2
    assert "2 things to mend" in done.out
    assert len(list(tmp_path.glob(".jor-check-*"))) == 2


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (("import jor", "import jor, not_there"), "No module named 'not_there'"),
        (("def execute", "def execvte"), "no method execute"),
        (('name = "good"', 'name = "good"\n    mem = "lots"'), "mem = 'lots'"),
        (("dict(i=i, n=n)", "dict(i=1)"), "two jobs have the same output"),
        (('name = "good"', 'name = "/proc/good"'), "cannot be written"),
    ],
)
def test_what_is_wrong_is_told(jor: Jor, write: Write, wrong: tuple[str, str], what: str) -> None:
    assert wrong[0] in GOOD
    write(good=GOOD.replace(*wrong), todo="jobs:\n- jobmodule: good\n")
    done = jor("check")
    assert done.code == 1
    assert "WRONG  " in done.out
    assert what in done.out
    assert done.out.splitlines()[-1] == "1 thing to mend"


def test_entry_that_is_wrong_does_not_hide_the_others(jor: Jor, write: Write) -> None:
    bad = GOOD.replace("import jor", "import jor, not_there")
    write(good=GOOD, bad=bad, todo="jobs:\n- jobmodule: bad\n- jobmodule: good\n")
    done = jor("check")
    assert done.code == 1
    assert "bad\n  WRONG" in done.out
    assert "good\n  ok     3 jobs" in done.out


def test_two_entries_with_the_same_outputs_are_told(jor: Jor, write: Write) -> None:
    same = GOOD.replace("dict(i=i, n=n)", "dict(i=i)")
    write(good=same, todo=TWO)
    done = jor("check")
    assert done.code == 1
    assert "all entries\n  WRONG" in done.out
    assert "two jobs have the same output" in done.out


def test_output_folder_without_room_is_told(jor: Jor, write: Write, mount: Callable[..., Path], tmp_path: Path) -> None:
    full = mount("size=1M")
    write(good=GOOD, todo=TWO)
    done = jor("check", "--path-prefix", str(full))
    assert "that is little" in done.out
    assert done.code == 1
    few = mount("nr_inodes=3")
    assert "files, and 3 are to come" in jor("check", "--path-prefix", str(few)).out


def test_image_and_environment_are_looked_at(jor: Jor, write: Write) -> None:
    write(good=GOOD, todo=TWO)
    assert "there is no conda environment 'nowhere'" in jor("check", "--condaenv", "nowhere").out
    assert "todo.yaml is no image" in jor("check", "--sif", "todo.yaml").out
