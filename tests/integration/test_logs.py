"""`jor logs`: what jobs have printed, each its own lines. And failures by parameter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .commands import Jor, wait_until

Write = Callable[..., None]

TALKING = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    name = "talking"

    def _mk_jobs(self):
        self._jobs = [{"n": n, "half": n % 2} for n in range(5)]

    def execute(self, i):
        print("I am", i, flush=True)
        if i == 4 and os.path.exists("wait"):
            open("begun", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
            print("at last")
        if i % 2:
            raise ValueError(f"{i} is odd")
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write("well")
"""
TODO = "jobs:\n- jobmodule: talking\n"


def test_each_job_shows_its_own_lines(jor: Jor, write: Write) -> None:
    write(talking=TALKING, todo=TODO)
    jor("run", "--workers", 2)
    lines = jor("logs", "talking", 2, 0).out.splitlines()
    assert [line for line in lines if line.startswith("I am")] == ["I am 2", "I am 0"]
    assert lines[0].startswith("==> talking job 2 (n=2 half=0): done in ")


def test_of_several_entries_those_are_shown_that_have_the_job(jor: Jor, write: Write) -> None:
    several = TALKING.replace("    def _mk_jobs", """    def __init__(self, n=1, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.name, self.n = f"talking{n}", n
        self._mk_jobs()

    def _mk_jobs""").replace("range(5)", "range(self.n)")  # fmt: skip
    write(talking=several, todo="jobs:\n- jobmodule: talking\n  sweep:\n    n: [1, 2, 3]\n")
    jor("run")
    (title,) = [line for line in jor("logs", "talking", 2).out.splitlines() if line.startswith("==>")]
    assert title.startswith("==> talking(n=3) job 2 (n=2 half=0): done in ")
    assert "there is no job 7" in jor("logs", "talking", 7).err


def test_failed_jobs_are_shown_with_their_tracebacks(jor: Jor, write: Write) -> None:
    write(talking=TALKING, todo=TODO)
    jor("run")
    said = jor("logs", "talking", "--failed").out
    assert [line for line in said.splitlines() if line.startswith("I am")] == ["I am 1", "I am 3"]
    assert said.count("Traceback") == 2
    assert "talking job 3 (n=3 half=1): ValueError: 3 is odd" in said


def test_job_that_runs_is_followed_to_its_end(jor: Jor, write: Write, tmp_path: Path) -> None:
    write(talking=TALKING, todo=TODO)
    (tmp_path / "wait").touch()
    running = jor.start("run")
    wait_until((tmp_path / "begun").exists)
    assert "I am 4" in jor("logs", "talking", 4).out
    following = jor.start("logs", "talking", 4, "--follow")
    (tmp_path / "go").touch()
    assert "at last" in following.communicate(timeout=60)[0]
    running.communicate(timeout=60)


def test_what_cannot_be_shown_is_told(jor: Jor, write: Write) -> None:
    write(talking=TALKING, todo=TODO)
    assert "has not begun" in jor("logs", "talking", 0).out
    done = jor("logs", "talking", 5)
    assert done.code == 2
    assert "there is no job 5" in done.err
    assert "Give an index from 0 to 4" in done.err
    assert jor("logs", "talking").code == 2
    assert "No job has failed" in jor("logs", "talking", "--failed").out


def test_failures_are_told_by_parameter(jor: Jor, write: Write) -> None:
    write(talking=TALKING, todo=TODO)
    assert jor("status", "--by", "half").out == "[jor] No job has failed\n"
    jor("run")
    lines = jor("status", "--by", "half").out.splitlines()
    assert [line.split() for line in lines[:3]] == [["half", "failed", "jobs"], ["0", "0", "3"], ["1", "2", "2"]]
    assert lines[3] == "all 2 failed have half=1"
    done = jor("status", "--by", "m")
    assert done.code == 2
    assert "Choose one of: half, n" in done.err


def test_commands_for_slurm_have_nothing_to_do_without_it(jor: Jor, write: Write) -> None:
    write(talking=TALKING, todo=TODO)
    jor("run")
    assert "Nothing to cancel" in jor("cancel").out
    assert "Nothing to throttle" in jor("throttle", 3).out
