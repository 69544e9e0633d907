"""Lists of jobs that change while some of them run: a job is known by its output, wherever it stands in the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import Jor, wait_until

JOBS = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "changed"

    def __init__(self, n=2, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.n = n

    def _mk_jobs(self):
        self._jobs = jor.grid(a={values})

    def execute(self, i):
        a = self._jobs[i]["a"]
        with open("executions", "a") as file:
            file.write(f"{{a}}\\n")
        while os.path.exists("hold") and a in {held}:
            time.sleep(0.02)
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(str(a))
"""


@pytest.fixture
def jor(tmp_path: Path):
    command = Jor(tmp_path)
    (tmp_path / "hold").touch()
    (tmp_path / "executions").touch()
    yield command
    command.end()


def write(jor: Jor, values: str, arguments: str = "", held: str = "(1, 2)") -> None:
    (jor.folder / "changed.py").write_text(JOBS.format(values=values, held=held))
    (jor.folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: changed\n  jobargs: {arguments}\n")


def executed(jor: Jor) -> list[int]:
    return sorted(map(int, (jor.folder / "executions").read_text().split()))


def release(jor: Jor, process) -> None:
    (jor.folder / "hold").unlink()
    assert jor.end_of(process).code == 0


def start(jor: Jor):
    process = jor.start("run", "--workers", 2)
    wait_until(lambda: executed(jor) == [1, 2])
    return process


def test_value_in_front_of_those_that_run_makes_none_of_them_run_twice(jor):
    write(jor, "[1, 2, 3]")
    process = start(jor)
    write(jor, "[0, 1, 2, 3]")
    assert "1 job left to process" in jor("run").out
    assert executed(jor) == [1, 2]
    release(jor, process)
    assert executed(jor) == [1, 2, 3]
    assert jor("run").code == 0
    assert executed(jor) == [0, 1, 2, 3]


def test_value_at_the_end_is_run_while_others_run(jor):
    write(jor, "[1, 2, 3]")
    process = start(jor)
    write(jor, "[1, 2, 3, 4]")
    assert "1 job to run" in jor("run").out
    assert executed(jor) == [1, 2, 4]
    release(jor, process)
    assert executed(jor) == [1, 2, 3, 4]


def test_entry_with_other_arguments_and_the_same_outputs_is_left_to_who_makes_them(jor):
    write(jor, "range(1, self.n + 1)", "n=2")
    process = start(jor)
    write(jor, "range(1, self.n + 1)", "n=3")
    done = jor("run")
    assert "2 jobs left to process" in done.out
    assert executed(jor) == [1, 2, 3]
    assert "nothing to run now, 2 jobs not done" in jor("run").out
    release(jor, process)
    assert "all 3 jobs done" in jor("run").out
    assert executed(jor) == [1, 2, 3]
