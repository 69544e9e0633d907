"""What carries submissions out on this machine, where its workers cannot be started."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys

import pytest

from jor.local import worker_pool
from jor.local.scheduler import carry_out
from jor.local.worker_pool import Assignment
from jor.planning.planner import make_submission, survey
from jor.runs.lease import Lease
from jor.runs.store import write
from jor.settings.config import read_config
from jor.todo.reader import make_entry

MODULE = """\
import jor

class Jobs(jor.JobsBase):
    def __init__(self, name="", path_prefix="."):
        super().__init__(path_prefix)
        self.name = name

    def _mk_jobs(self):
        self._jobs = jor.grid(i=range(2))

    def execute(self, i):
        open(self._get_output_path(**self._jobs[i]), "w").write("whole")
"""


@pytest.mark.parametrize(("failures", "done", "broken"), [(3, 2, ""), (10**6, 0, "no worker could be started for 0 s")])
def test_worker_for_which_there_is_no_room_is_waited_for(tmp_path, monkeypatch, failures, done, broken):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs_here.py").write_text(MODULE)
    (found,) = survey([make_entry("jobs_here", "name='here'")], read_config({}))
    os.makedirs(found.records)
    with Lease(os.path.join(found.records, "lock")) as planning:
        submitted = write(make_submission(found, range(2)), found.jobs, range(2), found.records, planning)
    start, left = subprocess.Popen, [OSError(errno.EAGAIN, "no room")] * failures

    def popen(*args, **options):
        if left:
            raise left.pop()
        return start(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(worker_pool, "PATIENCE", 0.4 if broken else 60.0)
    command = lambda run, words: [sys.executable, "-m", "jor", "exec", run.folder, *words]  # noqa: E731
    result = carry_out([Assignment(submitted, 1, command)], observe=lambda _progress: None)
    assert result.progress.done == done
    assert [why.startswith(broken) for why in result.broken.values()] == ([True] if broken else [])
    assert len([name for name in os.listdir(submitted.run.folder) if name.endswith(".log")]) == (0 if broken else 1)


def test_records_that_go_as_a_worker_starts_cost_no_other_entry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs_here.py").write_text(MODULE)
    assignments = []
    for found in survey([make_entry("jobs_here", f"name='{name}'") for name in ("lost", "well")], read_config({})):
        os.makedirs(found.records)
        with Lease(os.path.join(found.records, "lock")) as planning:
            submitted = write(make_submission(found, range(2)), found.jobs, range(2), found.records, planning)

        def command(run, words, folder=found.folder):
            if folder.endswith("lost"):
                shutil.rmtree(os.path.join(folder, ".jor"))
            return [sys.executable, "-m", "jor", "exec", run.folder, *words]

        assignments.append(Assignment(submitted, 1, command))
    result = carry_out(assignments, observe=lambda _progress: None)
    assert (result.progress.done, result.is_taken_over) == (2, True)
    assert [(label, "its records have gone: " in why) for label, why in result.broken.items()] == [
        ("jobs_here(name='lost')", True)
    ]


@pytest.mark.parametrize(("given", "said"), [({"PYTHONHASHSEED": "5"}, "5"), ({"PYTHONHASHSEED": ""}, "0"), ({}, "0")])
def test_order_of_sets_is_the_same_in_all_workers_unless_the_user_sets_it(given, said, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert worker_pool.environment()["PYTHONHASHSEED"] == said
