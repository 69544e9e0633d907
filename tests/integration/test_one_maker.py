"""One output has one maker: other lists, arguments and folders are seen, also by commands that begin together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .commands import Jor, wait_until

JOBS = """\
import os, time
import jor

class Jobs(jor.JobsBase):
    def __init__(self, folder="o", sub="", part=0, tag=0, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.folder, self.sub, self.part = folder, sub, part

    def _mk_jobs(self):
        size = int(open("size").read())
        self._jobs = [{"i": i} for i in range(self.part * size, (self.part + 1) * size)]

    def _get_output_folder(self):
        return self.folder

    def _get_output_fname(self, i):
        return f"{self.sub}{i}.txt"

    def execute(self, i):
        with open("executions", "a") as file:
            file.write(f"{self._jobs[i]['i']}\\n")
        while os.path.exists("hold"):
            time.sleep(0.02)
        open(self._get_output_path(**self._jobs[i]), "w").write("whole")
"""
#: The look at what others are making, and the write of what was planned, are a second apart.
SLOW = """\
import sys, time
import jor.runs.store as store
make = store._write_jobs
def write_late(*args):
    time.sleep(1)
    return make(*args)
store._write_jobs = write_late
"""


def prepare(jor: Jor, size: int = 3, **todos: str) -> None:
    (jor.folder / "made.py").write_text(JOBS)
    (jor.folder / "size").write_text(str(size))
    (jor.folder / "executions").touch()
    for name, item in todos.items():
        (jor.folder / f"{name}.yaml").write_text(f"jobs:\n- jobmodule: made\n  {item}\n")


def executed(jor: Jor) -> list[int]:
    return sorted(map(int, (jor.folder / "executions").read_text().split()))


@pytest.mark.parametrize(
    ("one", "other"),
    [("jobargs: tag=1", "jobargs: tag=2"), ("jobargs: sub='s/'", "jobargs: folder='o/s'")],
    ids=["other arguments", "nested folders"],
)
def test_lists_with_the_same_outputs_that_begin_together_run_each_job_once(
    jor: Jor, tmp_path: Path, one: str, other: str
) -> None:
    prepare(jor, one=one, other=other)
    (tmp_path / "hold").touch()
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(SLOW)
    late = {"PYTHONPATH": tmp_path / "slow"}
    commands = [jor.start("run", "--todo-list", f"{name}.yaml", **late) for name in ("one", "other")]
    wait_until(lambda: sum(command.poll() is not None for command in commands) == 1)  # the other has left all to it
    (tmp_path / "hold").unlink()
    ends = [jor.end_of(command) for command in commands]
    assert [end.code for end in ends] == [0, 0]
    assert sorted("3 jobs left to process" in end.out for end in ends) == [False, True]
    assert executed(jor) == [0, 1, 2]


def test_sweep_that_is_cut_otherwise_while_it_runs_leaves_what_is_being_made(jor: Jor, tmp_path: Path) -> None:
    prepare(jor, size=4, todo="sweep: {part: [0]}")
    (tmp_path / "hold").touch()
    run = jor.start("run", "--workers", 4)
    wait_until(lambda: executed(jor) == [0, 1, 2, 3])
    prepare(jor, size=2, todo="sweep: {part: [0, 1]}")
    done = jor("run")
    assert done.code == 0
    assert "made(part=0): 2 jobs running: left to process" in done.out
    assert "made(part=1): 2 jobs left to process" in done.out
    (tmp_path / "hold").unlink()
    assert jor.end_of(run).code == 0
    assert executed(jor) == [0, 1, 2, 3]
    assert "all 2 jobs done" in jor("run").out


def test_job_that_another_list_is_making_is_not_tried(jor: Jor, tmp_path: Path) -> None:
    prepare(jor, size=1, todo="jobargs: tag=1", other="jobargs: tag=2")
    (tmp_path / "hold").touch()
    run = jor.start("run")
    wait_until(lambda: executed(jor) == [0])
    assert "no job was tried" in jor("check", "--try", "--todo-list", "other.yaml").out
    (tmp_path / "hold").unlink()
    assert jor.end_of(run).code == 0


def test_output_folder_that_is_moved_while_jobs_run_is_told(jor: Jor, tmp_path: Path) -> None:
    prepare(jor, todo="jobargs: tag=1")
    (tmp_path / "hold").touch()
    run = jor.start("run", "--workers", 1)
    wait_until(lambda: executed(jor))
    os.rename(tmp_path / "o", tmp_path / "moved")
    (tmp_path / "hold").unlink()
    done = jor.end_of(run)
    assert done.code == 75
    assert f"its output folder has gone: {tmp_path}/o was moved, renamed or deleted while jobs ran" in done.err
    assert jor("run").code == 0


@pytest.mark.parametrize("content", ["garbage", '{"version": 99}'])
def test_damaged_record_stops_its_own_entry_alone(jor: Jor, tmp_path: Path, content: str) -> None:
    prepare(jor, todo="sweep: {tag: [1], sub: [a, b]}")
    assert jor("run", "--test").code == 0
    (record,) = tmp_path.glob("o/.jor/*/runs/*/submission.json")
    record.write_text(content)
    (tmp_path / "jor.cfg").write_text("[local]\nworkers = 2\n")
    done = jor("run")
    assert (done.code, str(record) in done.err, "3 of 3 jobs done" in done.out) == (2, True, True)
    assert executed(jor) == [0, 0, 1, 2]
    told = jor("status")
    assert (told.code, str(record) in told.err, "sub='b'" in told.out) == (2, True, True)
