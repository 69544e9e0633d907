"""Lists of jobs that change while some of them run: a job is known by its output, wherever it stands in the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import Jor

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
        if a == {bad}:
            raise ValueError(f"{{a}} is bad")
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


def write(jor: Jor, values: str, arguments: str = "", held: str = "(1, 2)", bad: int = -1) -> None:
    (jor.folder / "changed.py").write_text(JOBS.format(values=values, held=held, bad=bad))
    (jor.folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: changed\n  jobargs: {arguments}\n")


def executed(jor: Jor) -> list[int]:
    return sorted(map(int, (jor.folder / "executions").read_text().split()))


def release(jor: Jor, process) -> None:
    (jor.folder / "hold").unlink()
    assert jor.end_of(process).code == 0


def start(jor: Jor):
    from .commands import wait_until

    process = jor.start("run", "--workers", 2)
    wait_until(lambda: executed(jor) == [1, 2])
    return process


def test_value_in_front_of_those_that_run_is_run_and_they_are_left_alone(jor):
    write(jor, "[1, 2, 3]")
    process = start(jor)
    write(jor, "[0, 1, 2, 3]")
    done = jor("run")
    assert "3 jobs left to process" in done.out
    assert "1 job to run" in done.out
    assert executed(jor) == [0, 1, 2]
    release(jor, process)
    assert executed(jor) == [0, 1, 2, 3]
    assert "all 4 jobs done" in jor("run").out


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


def test_reasons_are_those_of_the_job_and_not_of_its_place_in_the_list(jor):
    (jor.folder / "hold").unlink()
    write(jor, "[1, 2, 3]", bad=2)
    assert jor("run").code == 1
    write(jor, "[0, 1, 2, 3]", bad=2)
    shown = jor("status").out
    assert "was done" not in shown
    assert jor("run").code == 1
    assert executed(jor) == [0, 1, 2, 2, 3]
    assert "2 is bad" in jor("status").out


def test_job_module_edited_without_touching_the_list_keeps_its_history(jor):
    (jor.folder / "hold").unlink()
    write(jor, "[1, 2, 3]", bad=2)
    assert jor("run").code == 1
    with open(jor.folder / "changed.py", "a") as file:
        file.write("# a remark\n")
    assert "2 is bad" in jor("status").out
    write(jor, "[1, 2, 3, 4]", bad=2)  # more at the end
    assert "2 is bad" in jor("status").out
