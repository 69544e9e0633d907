"""What carries submissions out on this machine, where its workers cannot be started."""

from __future__ import annotations

import os
import shutil
import sys

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


def test_records_that_go_as_a_worker_starts_cost_no_other_entry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs_here.py").write_text(MODULE)
    assignments = []
    for found in survey([make_entry("jobs_here", f"name='{name}'") for name in ("lost", "well")], read_config({})):
        os.makedirs(found.records)
        with Lease(os.path.join(found.records, "lock")) as planning:
            submitted = write(make_submission(found, range(2)), found.jobs, range(2), planning)

        def command(run, words, folder=found.folder):
            if folder.endswith("lost"):
                shutil.rmtree(os.path.join(folder, ".jor"))
            return [sys.executable, "-m", "jor", "exec", run.folder, *words]

        assignments.append(Assignment(submitted, 1, command))
    result = carry_out(assignments, observe=lambda _progress: None)
    assert (result.progress.done, result.is_taken_over) == (2, True)
    assert [(label, "cannot be started" in why) for label, why in result.broken.items()] == [
        ("jobs_here(name='lost')", True)
    ]
