"""A sweep that looks as if it had run on many hosts: outputs, a submission, and journals, written in moments.

`python tests/integration/made_up.py FOLDER JOBS` makes one to try commands on a million jobs.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from jor.planning.planner import make_submission, survey
from jor.runs.lease import Lease
from jor.runs.store import write
from jor.runtime.events import VERSION, Begin, Claim, End, Over
from jor.runtime.journal import Journal
from jor.runtime.outputs import output_names
from jor.settings.config import read_config
from jor.todo.reader import read_todo

MODULE = """\
import jor

class Jobs(jor.JobsBase):
    name = "made_up"
    mem = "5G"
    time = "02:00:00"

    def __init__(self, n=1000, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self._jobs = jor.grid(method=["pca", "ica", "nmf", "umap"], size=range(25), seed=range(n // 100))

    def execute(self, i):
        raise NotImplementedError
"""
#: When the first task began, seconds since the epoch.
BEGAN = 1_790_000_000.0


def make_up(folder: Path, jobs: int, *, tasks: int = 100, hosts: int = 12) -> None:
    """Make in `folder` a project of `jobs` jobs, a multiple of 100, that `tasks` tasks on `hosts` hosts have run.

    The most demanding twentieth of the jobs has failed, for want of memory or with a ValueError.
    """
    chance = random.Random(1)
    (folder / "made_up.py").write_text(MODULE)
    (folder / "todo.yaml").write_text(f"jobs:\n- jobmodule: {folder}/made_up.py\n  jobargs: n={jobs}\n")
    (found,) = survey(read_todo(str(folder / "todo.yaml")), read_config({"path-prefix": str(folder)}))
    os.makedirs(found.records)
    submission = make_submission(found, range(jobs))
    with Lease(os.path.join(found.records, "lock")) as planning:
        submitted = write(submission, found.jobs, range(jobs), found.records, planning)
    names = list(output_names(found.jobs))
    per_task = -(-jobs // tasks)
    for task in range(tasks):
        host = f"node{task % hosts:03}"
        claim = Claim(VERSION, f"{host}~0~{task + 1}~1", job_id=f"516_{task}")
        journal = Journal(submitted.run.journal(task), claim)
        now = BEGAN + task // (4 * hosts) * 60 * per_task + chance.random() * 30
        for index in range(task * per_task, min(jobs, (task + 1) * per_task)):
            job = found.jobs._jobs[index]
            seconds = (job["size"] + 1) * chance.lognormvariate(1, 0.4)
            memory = int((40 + 12 * job["size"]) * chance.lognormvariate(0, 0.1) * 2**20)
            error = ""
            if job["size"] > 22 and job["method"] in ("nmf", "umap"):
                error = "the kernel killed it for want of memory" if index % 3 else f"ValueError: residual {seconds}"
            else:
                os.close(os.open(os.path.join(found.folder, names[index]), os.O_WRONLY | os.O_CREAT))
            journal.write(Begin(index, round(now, 3), log=(0, 0)))
            journal.write(End(index, round(seconds, 4), memory, status=0, error=error, log=(0, 0)))
            now += seconds
        journal.write(Over(done=per_task))
        journal.close()
    submitted.lease.release()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir()
    make_up(Path(sys.argv[1]).resolve(), int(sys.argv[2]), tasks=1000)
