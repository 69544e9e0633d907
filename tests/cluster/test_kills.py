"""jor and sbatch killed at any time of a submission to a real Slurm: it is made once."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from ..faults.conftest import seeds
from ..integration.commands import children
from .conftest import arrays, complete


def sbatches(folder):
    """Return the process ids of sbatch where it was started in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "sbatch\n" and os.readlink(process / "cwd") == str(folder):
                found.append(int(process.name))
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.every_version
@pytest.mark.parametrize("seed", seeds(6))
def test_submission_killed_at_any_time_is_made_once(project, seed, record_property):
    chance = random.Random(seed)
    project.write_careful(4, 0.5)
    project.configure(jobs_per_task=2)
    kills = 0
    for _ in range(4):
        process = project.start("run")
        time.sleep(chance.uniform(0.2, 0.9))
        victims = [process.pid] if chance.random() < 0.5 else [*children(process.pid), process.pid]
        for victim in victims:
            kills += process.poll() is None
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.communicate()
    project.until(lambda: sbatches(project.folder) == [])
    complete(project, 4)
    assert len(arrays(project)) == 1
    assert project.begun == list(range(4))
    record_property("kills", kills)
