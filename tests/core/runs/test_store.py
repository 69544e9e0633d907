"""Submissions on the disk: written whole, found again, and swept when their writer died."""

from __future__ import annotations

import os
import time
from pathlib import Path

import attrs
import pytest

from jor.errors import RecordError
from jor.planning.planner import make_submission
from jor.runs.lease import Lease
from jor.runs.store import ABANDONED_AFTER, newest_first, read, sweep_unfinished, write, write_batch
from jor.runs.submission import Batch
from jor.runtime.job_spec import thaw
from jor.settings.config import read_config

BATCH = Batch(
    name="jor-one", jobs_per_task=2, workers_per_task=1, mem=None, time=None, time_limit=None, warning=0, requeue=(),
    command=("sbatch",),
)  # fmt: skip


def stored(found, *, batch=None, bundled=False):
    """Return the folder of a submission of all jobs of an entry, written by who plans it."""
    os.makedirs(found.records, exist_ok=True)
    jobs = range(len(found.jobs))
    submission = make_submission(found, jobs, batch=batch)
    with Lease(os.path.join(found.records, "lock")) as planning:
        if batch:
            return write_batch(submission, found.jobs, jobs, found.records, planning, "#!/bin/sh\n", bundled=bundled)
        submitted = write(submission, found.jobs, jobs, found.records, planning, bundled=bundled)
    submitted.lease.release()
    return submitted.run


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("batch", [None, BATCH], ids=["local", "batch"])
def test_runtime_travels_with_a_submission_that_needs_it(found, batch):
    assert not os.path.exists(stored(found, batch=batch).bundle)
    assert os.path.exists(stored(found, batch=batch, bundled=True).bundle)


def test_each_task_of_a_batch_finds_its_jobs(found):
    run = stored(found, batch=BATCH)
    content = Path(run.jobs).read_bytes()
    tasks = [content[slice(*run.chunk(task))].splitlines() for task in range(3)]
    assert [[thaw(line).index for line in lines] for lines in tasks] == [[0, 1], [2, 3], [4]]
    assert Path(run.script).read_text() == "#!/bin/sh\n"


def test_folder_whose_name_tells_no_time_does_not_matter(found):
    run = stored(found)
    os.rename(run.folder, os.path.join(os.path.dirname(run.folder), "renamed by hand"))
    ahead = stored(found)
    os.rename(ahead.folder, ahead.folder.replace("runs/2", "runs/3"))
    assert stored(found).folder > ahead.folder.replace("runs/2", "runs/3")


def test_submission_with_the_last_time_that_there_is_is_refused(found):
    last = stored(found)
    folder = os.path.join(os.path.dirname(last.folder), "99991231-235959999-x")
    os.rename(last.folder, folder)
    with pytest.raises(RecordError, match="none can follow it") as caught:
        stored(found)
    assert caught.value.where == folder


@pytest.fixture
def forced(monkeypatch):
    """Give the paths of what has been forced to the disk."""
    paths, fsync = set(), os.fsync

    def noted(fd):
        paths.add(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    return paths


def above(run, found):
    """Return the folders whose names lead to that of a submission."""
    runs = os.path.dirname(run.folder)
    return {runs, found.records, os.path.dirname(found.records), found.folder, os.path.dirname(found.folder)}


def test_batch_is_on_the_disk_before_it_is_submitted(found, forced):
    """After a crash it is found again, with all that its tasks need."""
    run = stored(found, batch=BATCH, bundled=True)
    files = {run.submission, run.jobs, run.places, run.script, run.bundle, run.folder}
    assert forced >= files | above(run, found)


def test_local_submission_is_forced_only_if_wished(found, forced):
    assert stored(found).submission not in forced
    run = stored(attrs.evolve(found, config=read_config({"fsync": True})))
    assert forced >= {run.submission, run.jobs, run.folder} | above(run, found)


@pytest.mark.parametrize("seconds", [0, 1000])
def test_submission_without_its_content_is_none(found, seconds):
    """Also where its folder is old, and is not listed but looked up."""
    whole, half = stored(found), stored(found)
    os.unlink(half.submission)
    for run in (whole, half):
        age(run.folder, seconds)
    assert list(newest_first(found.records)) == [whole]


def test_what_a_dead_writer_left_is_swept_after_a_while(found):
    whole, late, left = (stored(found) for _ in range(3))
    for run in (late, left):
        os.unlink(run.submission)
    for run in (whole, left):
        age(run.folder, ABANDONED_AFTER + 60)
    sweep_unfinished(found.records, time.time())
    assert sorted(os.listdir(os.path.dirname(whole.folder))) == sorted(map(os.path.basename, [whole[0], late[0]]))
    assert read(whole).count == 5


def test_sweep_of_an_entry_without_submissions_does_nothing(found):
    sweep_unfinished(found.records, time.time())
    assert not os.path.exists(found.records)
