"""Whose staging folders are deleted: those of nobody who may still be at work, on whatever host."""

from __future__ import annotations

import os
import time

import pytest

from jor.runs.lease import STALE_AFTER
from jor.runs.leftovers import abandoned, unasked
from jor.runtime.events import VERSION, Claim, Over
from jor.runtime.journal import Journal
from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run

HERE = Owner.current()
ELSEWHERE = HERE._replace(host="elsewhere")
LATER = STALE_AFTER + 60


@pytest.fixture
def run(tmp_path):
    """Give a submission of a worker of another host, which has left a file in its staging folder."""
    run = Run(str(tmp_path / "runs" / "20260101-000000000-a"))
    os.makedirs(run.folder)
    with open(run.submission, "w"):
        pass
    folder = tmp_path / "partial" / f"{ELSEWHERE}~0.1" / "deep"
    folder.mkdir(parents=True)
    (folder / "half").touch()
    Journal(run.journal(0), Claim(VERSION, str(ELSEWHERE))).close()
    return run


def found(tmp_path, seconds=0.0, ended=unasked):
    """Return who is gone, seen so many seconds from now."""
    return abandoned(str(tmp_path), time.time() + seconds, ended)


def test_who_has_not_been_heard_of_for_long_is_gone(tmp_path, run):
    assert found(tmp_path) == frozenset()
    assert found(tmp_path, LATER) == {str(ELSEWHERE)}


@pytest.mark.parametrize("what", ["alive", "partial", "journal"])
def test_who_has_been_heard_of_is_not_gone(tmp_path, run, what):
    with open(run.alive, "w") as file:
        file.write(str(ELSEWHERE))
    (half,) = (tmp_path / "partial").rglob("half")
    now = time.time() + LATER
    os.utime({"alive": run.alive, "partial": half, "journal": run.journal(0)}[what], (now, now))
    assert found(tmp_path, LATER) == frozenset()


def test_array_task_that_cannot_be_asked_is_not_gone(tmp_path, run):
    with open(run.places, "w"):
        pass
    assert found(tmp_path, LATER) == frozenset()
    assert found(tmp_path, LATER, lambda *_: False) == frozenset()
    assert found(tmp_path, LATER, lambda *_: None) == {str(ELSEWHERE)}
    assert found(tmp_path, 0, lambda *_: True) == {str(ELSEWHERE)}


def test_who_has_told_its_end_is_gone_at_once(tmp_path, run):
    journal = Journal(run.journal(0, 1), Claim(VERSION, str(ELSEWHERE)))
    journal.write(Over())
    journal.close()
    assert found(tmp_path) == {str(ELSEWHERE)}


def test_who_runs_here_is_never_gone(tmp_path, run):
    (tmp_path / "partial" / f"{HERE}~0").mkdir()
    assert found(tmp_path, LATER) == {str(ELSEWHERE)}


def test_folder_of_which_no_record_tells_is_left_for_the_time_of_a_lease(tmp_path, run):
    os.unlink(run.journal(0))
    assert found(tmp_path) == frozenset()
    assert found(tmp_path, LATER) == {str(ELSEWHERE)}
