"""Outputs that are made again: what is left of it is never forgotten, and no result of before passes for one of now."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands import Jor, wait_until

MODULE = """\
import os
import time

import jor


class Jobs(jor.JobsBase):
    name = "out"
    mem = "10M"
    # atomic_output = False

    def __init__(self, first=0, last=4, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = [{"x": x} for x in range(int(os.environ.get("FIRST", first)), last)]

    def execute(self, i):
        x = self._jobs[i]["x"]
        version = os.environ.get("CODE", "1")
        with open(self._get_output_path(x=x), "a+", buffering=1) as file:
            file.seek(0)
            for step in range(len(file.readlines()), 3):
                file.write(f"{version}\\n")
                if step == 0:
                    if str(x) in os.environ.get("FAIL", ""):
                        raise ValueError("no convergence")
                    if str(x) in os.environ.get("HANG", ""):
                        open(f"hangs{x}", "w").close()
                        time.sleep(600)

    def collect(self):
        with open("all", "w") as file:
            for path in self.existing_outputs:
                with open(path) as one:
                    file.write(one.readline().strip())
"""
IN_PLACE = MODULE.replace("# atomic", "atomic")
TODO = "jobs:\n- jobmodule: m\n"


@pytest.fixture
def project(write: Callable[..., None], tmp_path: Path) -> Path:
    """Give a project of four jobs, which write three lines each with the version of the code; return the outputs."""
    write(m=MODULE, todo=TODO, cfg="[local]\nworkers = 1\n")
    return tmp_path / "out"


def texts(folder: Path) -> str:
    """Return what the outputs say, in short: a word an output."""
    return " ".join(path.read_text().replace("\n", "") for path in sorted(folder.glob("*.txt")))


def counts(jor: Jor) -> dict[str, int]:
    content = json.loads(jor("status", "--json").out)
    return {state: count for state, count in content["counts"].items() if count}


def hang_and_end(jor: Jor, *args: str, by: signal.Signals, job: int = 1, **environment: str) -> None:
    """Start a run of which job 1, or another, hangs, and end it then."""
    process = jor.start("run", *args, HANG=str(job), **environment)
    wait_until((jor.folder / f"hangs{job}").exists)
    process.send_signal(by)
    jor.end_of(process)
    wait_until(lambda: jor.processes() == set())
    (jor.folder / f"hangs{job}").unlink()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_rerun_is_gone_on_with(jor: Jor, project: Path, by: signal.Signals) -> None:
    jor("run")
    hang_and_end(jor, "--overwrite-output", by=by, CODE="2")
    assert texts(project) == "222 111 111 111"
    assert counts(jor) == {"done": 1, "interrupted": 1, "outdated": 2}
    assert "of 3 jobs the old output stands: 1-3" in jor("status").said
    collected = jor("collect")
    assert "3 of 4 jobs have no output of now, and of 3 jobs the old output stands: 1-3" in collected.said
    assert (jor.folder / "all").read_text() == "2"
    (note,) = project.glob(".jor/*/collected.json")
    content = json.loads(note.read_text())
    assert (content["included"], content["old"]) == ({"count": 1, "jobs": [[0, 0]]}, [[1, 3]])
    assert "jor run goes on" in jor("report", "--output", "/dev/stdout").said
    assert jor("collect", "--missing-output", "raise").code == 1
    assert "3 jobs to run" in jor("run", CODE="3").out
    assert texts(project) == "222 333 333 333"
    assert counts(jor) == {"done": 4}
    assert not (project / ".jor" / "marks.json").exists()


def test_rerun_that_fails_is_told_and_may_be_accepted(jor: Jor, project: Path) -> None:
    jor("run")
    assert jor("run", "--overwrite-output", CODE="2", FAIL="13").code == 1
    assert counts(jor) == {"done": 2, "failed": 2}
    assert "2 jobs failed: ValueError: no convergence; the old output stands" in jor("status", "--failed").out
    assert jor("logs", "--failed", "m").out.count("ValueError: no convergence") >= 2
    assert "outdated" in jor("show", "m", "1").out
    assert "accepted as they are: 1" in jor("accept", "--index", "1").said
    assert counts(jor) == {"done": 3, "failed": 1}
    assert "by jor accept" in jor("show", "m", "1").said
    assert "accepted as they are: 3" in jor("accept").said
    assert counts(jor) == {"done": 4}
    assert "all 4 jobs done" in jor("run").out
    assert "Nothing to accept" in jor("accept").out
    assert texts(project) == "222 111 222 111"


def test_second_rerun_marks_nothing_while_the_first_runs(jor: Jor, project: Path) -> None:
    jor("run")
    first = jor.start("run", "--overwrite-output", CODE="2", HANG="1")
    wait_until((jor.folder / "hangs1").exists)
    again = jor("run", "--overwrite-output", CODE="3")
    assert again.code == 75
    assert f"no output is marked as outdated: 3 jobs are being run again by process {first.pid}" in again.out
    assert counts(jor) == {"done": 1, "running": 1, "queued": 2}
    assert "3 jobs left to those who run them: 1-3" in jor("accept").said
    first.terminate()
    jor.end_of(first)
    assert counts(jor) == {"done": 1, "interrupted": 1, "outdated": 2}


def test_only_the_chosen_job_is_marked_by_a_test(jor: Jor, project: Path) -> None:
    jor("run")
    jor("run", "--test", "--overwrite-output", CODE="2")
    assert texts(project) == "222 111 111 111"
    assert counts(jor) == {"done": 4}


@pytest.mark.parametrize("by_variable", [False, True])
def test_setting_in_a_file_or_a_variable_overwrites_once(jor: Jor, project: Path, by_variable: bool) -> None:
    """As under cron, which would never come to an end otherwise."""
    jor("run")
    environment = {"JOR_OVERWRITE_OUTPUT": "True"} if by_variable else {}
    if not by_variable:
        (jor.folder / "jor.cfg").write_text("[global]\noverwrite-output = True\n[local]\nworkers = 1\n")
    hang_and_end(jor, by=signal.SIGKILL, CODE="2", **environment)
    assert jor("run", CODE="3", **environment).code == 0
    assert texts(project) == "222 333 333 333"
    done = jor("run", CODE="4", **environment)
    assert (done.code, texts(project)) == (0, "222 333 333 333")
    assert "all 4 jobs done; overwrite-output of" in done.said
    assert "marks outputs once" in done.said
    (jor.folder / "jor.cfg").write_text("")
    jor("run", CODE="4")
    assert texts(project) == "222 333 333 333"
    jor("run", CODE="5", JOR_OVERWRITE_OUTPUT="True")  # it was off meanwhile
    assert texts(project) == "555 555 555 555"


def test_marks_stay_with_their_outputs_when_the_list_is_edited(jor: Jor, project: Path) -> None:
    jor("run")
    hang_and_end(jor, "--overwrite-output", by=signal.SIGKILL, CODE="2")
    assert json.loads(jor("status", "--json", FIRST="1").out)["entries"][0]["old"] == [[0, 2]]
    jor("run", FIRST="-1", CODE="3")
    assert texts(project) == "333 222 333 333 333"  # -1 is new


def test_marks_hold_for_an_entry_by_another_name(jor: Jor, project: Path, write: Callable[..., None]) -> None:
    jor("run")
    hang_and_end(jor, "--overwrite-output", by=signal.SIGKILL, CODE="2")
    write(other=MODULE, todo="jobs:\n- jobmodule: other\n")
    assert counts(jor) == {"done": 1, "outdated": 3}


def test_dry_run_shows_what_would_be_made_again_and_marks_nothing(jor: Jor, project: Path) -> None:
    jor("run")
    assert "4 of 4 jobs would run" in jor("run", "--dry-run", "--overwrite-output").out
    assert counts(jor) == {"done": 4}


# In place


def test_job_that_writes_in_place_is_made_again_from_nothing(
    jor: Jor, project: Path, write: Callable[..., None]
) -> None:
    write(m=IN_PLACE)
    jor("run")
    jor("run", "--overwrite-output", CODE="2", FAIL="1")
    assert texts(project) == "222 111 222 222"  # it was put back
    assert counts(jor) == {"done": 3, "failed": 1}
    assert "the old output stands" in jor("status").said
    jor("run", CODE="3")
    assert texts(project) == "222 333 222 222"
    assert list(project.glob(".jor/*/old")) == []


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_interrupted_rerun_in_place_is_gone_on_with_or_given_up(
    jor: Jor, project: Path, write: Callable[..., None], by: signal.Signals
) -> None:
    write(m=IN_PLACE)
    jor("run")
    hang_and_end(jor, "--overwrite-output", by=by, CODE="2")
    assert texts(project) == "222 2 111 111"
    assert counts(jor) == {"done": 1, "interrupted": 1, "outdated": 2}
    jor("run", CODE="3")
    assert texts(project) == "222 233 333 333"
    hang_and_end(jor, "--overwrite-output", by=by, CODE="4")
    jor("accept")
    assert texts(project) == "444 233 333 333"
    assert counts(jor) == {"done": 4}
    assert list(project.glob(".jor/*/old")) == []


def test_interrupted_output_is_not_gone_on_with_by_other_code(
    jor: Jor, project: Path, write: Callable[..., None]
) -> None:
    write(m=IN_PLACE)
    hang_and_end(jor, by=signal.SIGKILL, CODE="1")
    write(m=f"{IN_PLACE}\n# other\n")
    done = jor("run", CODE="2")
    assert (done.code, texts(project)) == (1, "111 1 222 222")
    assert "1 job not begun: 1" in done.err
    assert "it was begun by other code or arguments" in jor("status").said
    assert "1 job may go on by the code of today: 1" in jor("accept").out
    assert jor("run", CODE="2").code == 0
    assert texts(project) == "111 122 222 222"
    assert jor("show", "m", "1").out.count("sha256:") == 3  # two versions, and what was accepted


def test_restart_begins_interrupted_outputs_from_nothing(jor: Jor, project: Path, write: Callable[..., None]) -> None:
    write(m=IN_PLACE)
    hang_and_end(jor, by=signal.SIGKILL, CODE="1")
    write(m=f"{IN_PLACE}\n# other\n")
    assert jor("run", "--restart", CODE="2").code == 0
    assert texts(project) == "111 222 222 222"


def test_failed_output_is_not_gone_on_with(jor: Jor, project: Path, write: Callable[..., None]) -> None:
    write(m=IN_PLACE)
    jor("run", CODE="1", FAIL="1")
    assert texts(project) == "111 1 111 111"
    assert counts(jor) == {"done": 3, "failed": 1}
    jor("run", CODE="2")
    assert texts(project) == "111 222 111 111"


@pytest.mark.parametrize("renamed", [False, True])
def test_half_output_counts_as_one_when_the_class_writes_in_place_no_more(
    jor: Jor, project: Path, write: Callable[..., None], renamed: bool
) -> None:
    write(m=IN_PLACE)
    hang_and_end(jor, by=signal.SIGKILL, CODE="1")
    if renamed:
        write(other=MODULE, todo="jobs:\n- jobmodule: other\n")
    else:
        write(m=MODULE)
    assert counts(jor)["done"] == 1
    assert jor("run", CODE="2").code == 0
    assert texts(project) == "111 222 222 222"


def test_entry_whose_jobs_wrote_at_their_own_final_path_counts_as_not_atomic(
    jor: Jor, project: Path, write: Callable[..., None]
) -> None:
    by_itself = MODULE.replace("self._get_output_path(x=x)", "os.path.join(self._get_output_folder(), f'x{x}.txt')")
    write(m=by_itself)
    hang_and_end(jor, by=signal.SIGKILL, CODE="1")
    assert texts(project) == "111 1"
    assert counts(jor) == {"done": 1, "interrupted": 1, "missing": 2}
    jor("run", CODE="2")
    assert texts(project) == "111 122 222 222"


# Empty outputs


def test_empty_output_that_no_record_explains_is_not_done_at_any_time(jor: Jor, project: Path) -> None:
    jor("run", FIRST="2")
    (project / "x1.txt").touch()
    assert counts(jor) == {"done": 2, "interrupted": 1, "missing": 1}
    assert "accepted as they are: 1" in jor("accept").out
    assert counts(jor) == {"done": 3, "missing": 1}
    jor("run")
    (project / "x-1.txt").touch()
    assert json.loads(jor("status", "--json", FIRST="-2").out)["counts"]["interrupted"] == 1
    jor("run", FIRST="-2")
    assert (project / "x-1.txt").read_text()


def test_outputs_are_not_looked_at_one_by_one(jor: Jor, project: Path, write: Callable[..., None]) -> None:
    """Neither those that a submission planned, nor those that were there when it was: there may be a million."""
    if shutil.which("strace") is None:
        pytest.skip("it needs strace")
    project.mkdir()
    for x in range(2):
        (project / f"x{x}.txt").write_text("of before")
    jor("run")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(jor.folder / "calls")
    Jor(jor.folder, ["strace", "-f", "-qq", "-o", "calls", "-e", "trace=%file"])("status")
    calls = (jor.folder / "calls").read_text()
    assert "out" in calls
    assert "x0.txt" not in calls
    assert "x2.txt" not in calls


KEPT = """\
import os
import jor

class Jobs(jor.JobsBase):
    mem = "10M"

    def _mk_jobs(self):
        self._jobs = jor.grid(n=[1, 2])

    def execute(self, i):
        path = self._get_output_path(**self._jobs[i])
        open(path + ".log", "w").write("beside")
        os.write(os.open(path, os.O_CREAT | os.O_WRONLY), b"whole")  # never closed
"""


def test_what_a_failed_job_had_made_is_kept_and_may_be_accepted(
    jor: Jor, write: Callable[..., None], tmp_path: Path
) -> None:
    write(m=KEPT, todo=TODO)
    assert jor("run").code == 1
    (kept,) = tmp_path.glob("job/.jor/*/kept/n2.txt")
    assert f"what it had made is kept in {kept}" in jor("show", "m", "1", COLUMNS=500).out
    assert jor("accept").out == "[jor] Nothing to accept: no output of these entries is to be made again\n"
    assert jor("accept", "m", "--index", 1).out == "[jor] m: 1 job accepted as they were when they failed: 1\n"
    assert (tmp_path / "job/n2.txt").read_text() == "whole"
    assert (tmp_path / "job/n2.txt.log").read_text() == "beside"
    assert not kept.exists()
    assert counts(jor) == {**counts(jor), "done": 1, "failed": 1}
    assert "accepted" in jor("show", "m", "1").out


def test_half_that_is_to_be_made_again_is_outdated_when_its_records_are_deleted(
    jor: Jor, write: Callable[..., None], project: Path
) -> None:
    write(m=IN_PLACE, n=IN_PLACE)
    (jor.folder / "n.yaml").write_text("jobs:\n- jobmodule: n\n")
    hang_and_end(jor, by=signal.SIGKILL)
    hang_and_end(jor, "--overwrite-output", "--todo-list", "n.yaml", by=signal.SIGKILL, job=0, CODE="2")
    for records in project.glob(".jor/m-*"):
        shutil.rmtree(records)
    content = json.loads(jor("status", "--json", "--todo-list", "n.yaml").out)
    assert (content["counts"]["done"], content["counts"]["outdated"]) == (0, 1)
