"""A project that is copied or renamed while, or after, Slurm has an array of it."""

from __future__ import annotations

import json
import os
import shutil

import pytest


def counts(project):
    """Return how many jobs are in each state that one is in."""
    found = json.loads(project.jor("status", "--json"))["counts"]
    return {state: count for state, count in found.items() if count}


@pytest.mark.every_version
def test_array_of_the_original_is_history_in_a_copy(project, make_project):
    project.write([0, 0, 0], "pass")
    project.configure(options="--hold", jobs_per_task=1)
    project.jor("run")
    (submission,) = (json.loads((run / "submission.json").read_text()) for run in project.runs)
    assert (submission["scheduler"], submission["cluster"]) == ("slurm", "testbed")
    twin = make_project("twin")
    shutil.copytree(project.folder, twin.folder, dirs_exist_ok=True)

    assert counts(twin) == {"missing": 3}
    assert "Nothing to cancel" in twin.jor("cancel")
    twin.configure(jobs_per_task=1)
    twin.jor("run", "--wait")
    assert counts(twin) == {"done": 3}
    assert counts(project) == {"queued": 3}
    project.slurm("scontrol", "release", project.queue("%F")[0])
    project.wait()
    assert sorted(project.ran) == sorted(twin.ran) == [0, 1, 2]


def test_renamed_project_keeps_what_became_of_its_array(project, make_project):
    project.write([0, 1], "if how: raise ValueError('no convergence')")
    project.configure(jobs_per_task=1)
    project.jor("run", "--wait", code=1)
    renamed = make_project("renamed")
    os.rename(project.folder / "out", renamed.folder / "out")
    shutil.copy(project.folder / "jobs_out.py", renamed.folder)
    renamed.configure(jobs_per_task=1)

    assert counts(renamed) == {"done": 1, "failed": 1}
    assert "no convergence" in renamed.jor("status")
    assert "this is 1" in renamed.jor("logs", "jobs_out", "1")
