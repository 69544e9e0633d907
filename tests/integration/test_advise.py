"""`jor advise`: what was asked for, what was used, and what to ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .commands import Jor, stamps

Write = Callable[..., None]

HEAVY = """\
import time
import jor

time.sleep(0.3)  # as if it imported something large

class Jobs(jor.JobsBase):
    name = "heavy"
    mem = "8G"
    time = "1-00:00:00"

    def _mk_jobs(self):
        self._jobs = [{"index": i} for i in range(3)]

    def execute(self, i):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""
TODO = "jobs:\n- jobmodule: heavy\n"


def test_what_to_ask_for_is_told_with_who_set_it(jor: Jor, write: Write) -> None:
    write(heavy=HEAVY, todo=TODO)
    jor("run")
    done = jor("advise")
    assert (done.code, done.err) == (0, "")
    assert "mem = 100M all 8G is asked for, and the largest of 3 jobs used" in done.said
    assert "time = 00:05:00 all 1-00:00:00 is asked for, and the longest of 3 jobs took" in done.said
    assert "(set by: Jobs.mem)" in done.said
    assert "[submit] mem, time" in done.said


def test_what_is_advised_can_be_copied_and_then_fits(jor: Jor, write: Write) -> None:
    write(heavy=HEAVY, todo=f"{TODO}  mem: 100M\n", cfg="[submit]\ntime = 00:05:00\n")
    jor("run")
    assert jor("advise").out.splitlines()[2:] == ["What is asked for fits what is used"]


def test_module_that_takes_longer_to_load_than_its_jobs_is_told(jor: Jor, write: Write) -> None:
    write(heavy=HEAVY, todo=f"{TODO}  isolation: spawn\n")
    jor("run")
    done = jor("advise")
    assert "isolation = auto" in done.out
    assert "spawn loads it for each job" in done.said
    assert "[local] isolation" in done.said


def test_entries_of_which_too_little_is_known_are_told(jor: Jor, example: Path) -> None:
    assert jor("advise").out.splitlines()[3:] == ["No job has run yet"]
    jor("run", "--test")
    assert "Fewer than 3 jobs have ended well of jobs_example(n=3), jobs_example(n=4)" in jor("advise").said
    jor("run", "jobs_example(n=3)")
    done = jor("advise")
    assert "Fewer than 3 jobs have ended well of jobs_example(n=4)" in done.said
    assert "mem = 100M jobs_example(n=3)" in done.said


def test_advice_takes_the_entries_named(jor: Jor, example: Path) -> None:
    jor("run")
    done = jor("advise", "jobs_example(n=4)")
    assert [line.split()[0] for line in done.out.splitlines()[:2]] == ["entry", "jobs_example(n=4)"]
    assert "n=3" not in done.out


def test_jobs_that_have_not_run_may_need_more(jor: Jor, example: Path) -> None:
    jor("run")
    (example / "todo.yaml").write_text("jobs:\n- jobmodule: jobs_example\n  jobargs: n=4\n")
    module = example / "jobs_example.py"
    module.write_text(module.read_text().replace("range(self.n)", "range(self.n + 2)"))
    assert "2 jobs are not done yet, and may need more" in jor("advise").said


def test_advice_changes_nothing(jor: Jor, example: Path) -> None:
    jor("run")
    before = stamps(example)
    jor("advise")
    assert stamps(example) == before


def test_status_of_what_has_run_here_points_to_no_advice(jor: Jor, write: Write) -> None:
    write(heavy=HEAVY, todo=TODO)
    jor("run", "--test")
    assert "advise" not in jor("status").out
