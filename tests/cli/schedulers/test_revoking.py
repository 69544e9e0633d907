"""How long jobs wait whose earlier array tasks may still run, though Slurm has lost them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from jor.planning.status import Phase, TaskState
from jor.runs.renumbering import Moves
from jor.runtime.events import VERSION, Claim
from jor.runtime.journal import Journal
from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run
from jor_cli.schedulers.slurm.scheduler import _revoke_earlier


@pytest.fixture
def found(tmp_path):
    """Give an entry with an array of one task, which runs elsewhere and which Slurm has lost."""
    (tmp_path / "run").mkdir()
    run = Run(str(tmp_path / "run"))
    Journal(run.journal(0), Claim(VERSION, str(Owner.current()._replace(host="elsewhere")))).close()
    submission = SimpleNamespace(task_of=lambda: lambda _index: 0, planned=((0, 9),), grace_period=10.0)
    lost = SimpleNamespace(state_of=lambda _task: TaskState(Phase.OVER, may_live=True))
    places = SimpleNamespace(of=lambda _run, _submission: Moves())
    history = SimpleNamespace(batches=[(run, submission)], places=places)
    return SimpleNamespace(history=history, carriers={run: lost}, run=run)


def test_task_that_is_lost_is_revoked_and_gets_the_time_to_see_it(found):
    assert 0 < _revoke_earlier(found, [3]) <= 85
    assert [why for _, _, why in found.run.revocations()] == ["its jobs were submitted again"]


@pytest.mark.parametrize(("ago", "delay"), [(3600, 0), (-3600, 85)])
def test_time_since_it_was_revoked_counts(found, ago, delay):
    found.run.revoke(((0, 0),), "cancelled by jor cancel")
    then = os.stat(found.run.revoked).st_mtime - ago
    os.utime(found.run.revoked, (then, then))
    assert _revoke_earlier(found, [3]) == delay


def test_tasks_of_an_array_of_many_files_get_longer(found):
    for number in range(8000):
        os.mkdir(os.path.join(found.run.folder, str(number)))
    found.run.revoke(((0, 0),), "cancelled by jor cancel")
    os.utime(found.run.revoked, (2**32, 2**32))
    assert _revoke_earlier(found, [3]) == 96


def test_jobs_of_other_tasks_do_not_wait(found):
    assert _revoke_earlier(found, [17]) == 0
    assert found.run.revocations() == []


def test_task_is_revoked_that_has_the_job_wherever_that_stands_now(found):
    ((_, submission),) = found.history.batches
    submission.task_of = lambda: lambda index: index // 2
    found.history.places.of = lambda _run, _submission: Moves({4: 0, 5: 9, 9: 5})
    _revoke_earlier(found, [5, 7])
    assert [(first, last) for first, last, _ in found.run.revocations()] == [(4, 4)]
