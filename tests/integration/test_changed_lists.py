"""Lists of jobs that change while some of them run: a job is known by its output, wherever it stands in the list."""

from __future__ import annotations

import json
import os
import signal
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
        self._jobs = jor.grid({more}a={values})

    def execute(self, i):
        a = self._jobs[i]["a"]
        with open("executions", "a") as file:
            file.write(f"{{a}}\\n")
        print("words of", a)
        if os.path.exists(f"bad{{a}}"):
            raise ValueError(f"{{a}} is bad")
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


def write(jor: Jor, values: str, arguments: str = "", held: str = "(1, 2)", more: str = "") -> None:
    (jor.folder / "changed.py").write_text(JOBS.format(values=values, held=held, more=more))
    (jor.folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: changed\n  jobargs: {arguments}\n")


def executed(jor: Jor) -> list[int]:
    return sorted(map(int, (jor.folder / "executions").read_text().split()))


def problems(jor: Jor) -> dict[int, tuple[str, str]]:
    """Return state and reason of each job of which jor status tells a reason, by its value."""
    (entry,) = json.loads(jor("status", "--json").out)["entries"]
    return {one["parameters"]["a"]: (one["status"], one["reason"]) for one in entry["problems"]}


def counts(jor: Jor) -> dict[str, int]:
    """Return how many jobs are in each state that any is in."""
    told = json.loads(jor("status", "--json").out)["counts"]
    return {state: count for state, count in told.items() if count}


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
    assert counts(jor) == {"running": 2, "queued": 1, "missing": 1}
    assert "1 job to run" in jor("run").out
    assert executed(jor) == [0, 1, 2]
    assert counts(jor) == {"running": 2, "queued": 1, "done": 1}
    assert "changed job 1: running" in jor("show", "changed", 1).out
    release(jor, process)
    assert executed(jor) == [0, 1, 2, 3]
    assert "all 4 jobs done" in jor("run").out


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


def test_new_jobs_amid_those_that_are_done_have_no_history(jor):
    write(jor, "[3, 4]", held="()", more="b=range(2), ")
    assert jor("run").code == 0
    write(jor, "[3, 4, 5]", held="()", more="b=range(2), ")
    assert counts(jor) == {"done": 4, "missing": 2}
    assert problems(jor) == {}
    assert "has not begun" in jor("logs", "changed", 2).out
    assert "attempts" not in jor("show", "changed", 2).out
    jor("run")
    assert executed(jor) == [3, 3, 4, 4, 5, 5]


def test_reasons_logs_and_stories_stay_with_their_jobs(jor):
    (jor.folder / "bad2").touch()
    write(jor, "[1, 2, 3]", held="()")
    assert jor("run").code == 1
    write(jor, "[0, 1, 2, 3]", held="()")
    assert problems(jor) == {2: ("failed", "ValueError: 2 is bad")}
    assert counts(jor) == {"done": 2, "failed": 1, "missing": 1}
    for index, value in [(1, 1), (2, 2), (3, 3)]:
        assert f"words of {value}\n" in jor("logs", "changed", index).out
    assert "ValueError: 2 is bad" in jor("show", "changed", 2).out
    assert "done" in jor("show", "changed", 1).out
    fresh = jor("show", "changed", 0).out
    assert "submitted" not in fresh
    assert "logs" not in fresh


def test_each_submission_is_read_by_the_list_of_its_time(jor):
    (jor.folder / "bad0").touch()
    (jor.folder / "bad2").touch()
    write(jor, "[1, 2, 3]", held="()")
    jor("run")
    write(jor, "[0]", held="()")
    jor("run")
    reasons = {0: ("failed", "ValueError: 0 is bad"), 2: ("failed", "ValueError: 2 is bad")}
    write(jor, "[5, 2, 0, 1]", held="()")
    assert problems(jor) == reasons
    write(jor, "[1, 2, 3]", held="()")  # edited back
    assert problems(jor) == {2: reasons[2]}
    assert counts(jor) == {"done": 2, "failed": 1}
    (jor.folder / "bad2").unlink()
    jor("run")
    assert executed(jor) == [0, 1, 2, 2, 3]
    write(jor, "[2, 0]", held="()")
    assert problems(jor) == {0: reasons[0]}
    assert "words of 0\n" in jor("logs", "changed", 1).out


HALVES = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "changed"
    atomic_output = False

    def _mk_jobs(self):
        self._jobs = jor.grid(a={values})

    def execute(self, i):
        a = self._jobs[i]["a"]
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(f"half of {{a}}")
            file.flush()
            with open("executions", "a") as told:
                told.write(f"{{a}}\\n")
            while os.path.exists("hold") and a in (1, 2):
                time.sleep(0.02)
            file.write(", and the other half")

    def collect(self):
        with open("collected", "w") as file:
            file.write(" ".join(open(path).read() for path in self.existing_outputs))
"""


def test_half_outputs_that_were_written_in_place_stay_incomplete(jor):
    write(jor, "()")
    module = jor.folder / "changed.py"
    module.write_text(HALVES.format(values="[3, 1, 2]"))
    process = jor.start("run", "--workers", 3)
    wait_until(lambda: executed(jor) == [1, 2, 3])
    wait_until(lambda: counts(jor) == {"running": 2, "done": 1})
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not jor.processes())
    (jor.folder / "hold").unlink()
    module.write_text(HALVES.format(values="[1, 0, 2, 3]"))
    assert counts(jor) == {"done": 1, "interrupted": 2, "missing": 1}
    jor("collect")
    assert (jor.folder / "collected").read_text() == "half of 3, and the other half"
    jor("accept")  # to edit the list is to edit the code
    assert "3 jobs to run" in jor("run").out
    assert executed(jor) == [0, 1, 1, 2, 2, 3]
    assert counts(jor) == {"done": 4}
    jor("collect")
    assert (jor.folder / "collected").read_text().count("the other half") == 4
