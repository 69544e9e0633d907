"""How long a worker may go on, as the files in its submission's folder tell it."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

from jor.runtime.events import VERSION, Claim, Over
from jor.runtime.journal import Journal
from jor.runtime.lifetime import LOOK_EVERY, Attempt, Tenure, heeded_within
from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run
from jor.runtime.run_spec import BatchSpec

BATCH = BatchSpec(workers_per_task=1, time_limit=None, warning=0, requeue=())


def tenure(folder, restart, sleep=None, batch=BATCH):
    watch = SimpleNamespace(stopped_by=None, abandoned=False, warned=False, sleep=sleep)
    return Tenure(Run(str(folder)), batch, Attempt(1, restart), watch)


def claim(folder, restart):
    owner = Owner.current()._replace(host="elsewhere")
    return Journal(Run(str(folder)).journal(1, restart), Claim(VERSION, str(owner)))


def test_worker_with_jobs_says_for_a_suspended_command_that_it_lives(tmp_path):
    alive = tmp_path / "alive"
    alive.touch()
    os.utime(alive, (1, 1))
    assert tenure(tmp_path, 0, batch=None).lapsed() == ""
    assert time.time() - alive.stat().st_mtime < 60


def test_worker_stops_when_another_command_has_taken_over(tmp_path):
    assert tenure(tmp_path, 0, batch=None).lapsed() == "its lock is gone: jor stood still, or the file was deleted"
    assert tenure(tmp_path / "deleted", 0, batch=None).lapsed() == ""


@pytest.mark.parametrize("restart", [1, 2, 10])
def test_any_later_attempt_ends_an_earlier_one(tmp_path, restart):
    for name in ("task-1.r0.jsonl", "task-11.r3.jsonl", f"task-1.r{restart}.jsonl"):
        (tmp_path / name).touch()
    assert tenure(tmp_path, 0).lapsed() == "another attempt at its task has begun"
    assert tenure(tmp_path, restart).lapsed() == ""


def test_attempt_waits_for_the_newest_that_has_begun_before_it(tmp_path):
    claim(tmp_path, 0).close()
    earlier = claim(tmp_path, 1)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            earlier.write(Over())

    tenure(tmp_path, 4, sleep).await_predecessor(0)
    assert len(slept) == 3


def test_attempt_that_none_came_before_does_not_wait(tmp_path):
    tenure(tmp_path, 0).await_predecessor(0)
    tenure(tmp_path, 2).await_predecessor(0)


def test_array_task_says_that_it_lives_by_the_time_of_its_journal(tmp_path, monkeypatch):
    monkeypatch.setattr("jor.runtime.lifetime.BEAT_EVERY", 0.0)
    one = tenure(tmp_path, 0)
    assert one.lapsed() == ""  # with no journal yet
    claim(tmp_path, 0).close()
    os.utime(tmp_path / "task-1.r0.jsonl", (1, 1))
    assert one.lapsed() == ""
    assert time.time() - (tmp_path / "task-1.r0.jsonl").stat().st_mtime < 60


def test_look_that_fails_ends_no_job(tmp_path):
    assert tenure(tmp_path / "gone", 0).lapsed() == ""


def test_it_takes_longer_to_see_what_is_new_in_a_folder_of_many_files(tmp_path):
    few = heeded_within(str(tmp_path))
    for number in range(int(LOOK_EVERY) * 500):
        (tmp_path / str(number)).touch()
    assert heeded_within(str(tmp_path)) > few > LOOK_EVERY
