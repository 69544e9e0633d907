"""What journals tell beside the jobs: which tasks came to their own end, and whose staging folders are nobody's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jor.history import History, finished_tasks, last_records, may_live
from jor.runtime.grid import grid
from jor.runtime.jobs import JobsBase
from jor.runtime.journal import Journal
from jor.runtime.owner import Owner
from jor.runtime.records import Run
from jor.status import Carrier, Phase, Status, TaskState


def attempt(run: Run, task: int, restart: int, owner: str, *kinds: str) -> None:
    journal = Journal(run.journal(task, restart), {"owner": owner})
    for kind in kinds:
        journal.write(kind)
    journal.close()


def test_tasks_are_finished_whose_newest_attempt_says_so(tmp_path):
    run = Run(str(tmp_path))
    attempt(run, 0, 0, "a", "over")
    attempt(run, 1, 0, "b")
    attempt(run, 2, 0, "c", "over")
    attempt(run, 2, 1, "d")
    assert finished_tasks(run) == {0}


def test_task_may_live_that_has_begun_and_is_neither_over_nor_known_to_be_dead(tmp_path):
    run = Run(str(tmp_path))
    me = Owner.current()
    attempt(run, 0, 0, str(me))
    attempt(run, 1, 0, str(me._replace(host="elsewhere")))
    attempt(run, 2, 0, str(me._replace(started=me.started + 1)))  # another process had that id
    attempt(run, 3, 0, str(me), "over")
    attempt(run, 4, 0, str(me), "over")
    attempt(run, 4, 1, "not to be read")
    assert [task for task in range(6) if may_live(run, {task})] == [0, 1, 4]


def test_last_word_on_a_job_is_that_of_the_newest_submission_that_began_it(tmp_path):
    for number, jobs in enumerate([(1, 2, 3), (2, 5)]):
        run = Run(str(tmp_path / "runs" / str(number)))
        (tmp_path / "runs" / str(number)).mkdir(parents=True)
        (tmp_path / "runs" / str(number) / "submission.json").touch()
        journal = Journal(run.journal(0), {"owner": "a"})
        for index in jobs:
            journal.write("end", index=index, seconds=float(number), max_rss=0, status=0)
        journal.close()
    found = last_records(str(tmp_path), [1, 2, 4])
    assert {index: record["seconds"] for index, record in found.items()} == {1: 0.0, 2: 1.0}


def test_owners_are_gone_whose_tasks_are_over(tmp_path):
    run = Run(str(tmp_path))
    attempt(run, 0, 0, "a")
    attempt(run, 0, 1, "b")
    attempt(run, 1, 0, "c")
    batch: Any = SimpleNamespace(batch=object())
    local: Any = SimpleNamespace(batch=None)
    jobs: Any = []
    none: frozenset[int] = frozenset()
    history = History(jobs, [], none, none, none, [(run, batch), (Run("/of/jor/run"), local)])
    phases = {0: Phase.OVER, 1: Phase.AT_WORK}
    carrier = Carrier("Slurm array 5", lambda task: TaskState(phases[task]), is_active=True)
    assert history.gone({run: carrier}) == {"a", "b"}


@pytest.mark.parametrize("printed", [True, False])
@pytest.mark.parametrize(("reason", "told"), [("", "its task ended before it began a job"), ("held", "held")])
def test_jobs_of_a_task_that_ended_before_it_began_one_are_missing_with_the_reason(tmp_path, printed, reason, told):
    class Jobs(JobsBase):
        def _mk_jobs(self):
            self._jobs = grid(index=range(4))

    run = Run(str(tmp_path))
    attempt(run, 0, 0, "a", "over")  # it has begun
    log = Path(run.log(1))
    if printed:
        log.write_text("no such module\n")
    batch: Any = SimpleNamespace(batch=object(), planned=((0, 3),), task_of=lambda: lambda index: index // 2)
    carrier = Carrier("Slurm array 5", lambda task: TaskState(Phase.OVER, reason if task else ""), is_active=False)
    none: frozenset[int] = frozenset()
    status = History(Jobs(tmp_path), range(4), none, none, none, [(run, batch)]).judge({run: carrier}, 0.0)
    assert status.counts[Status.MISSING] == 4
    assert [(one.index, one.status, one.reason, one.log) for one in status.problems] == [
        (index, Status.MISSING, f"last: {told}", str(log) if printed else "") for index in (2, 3)
    ]


def test_job_that_ends_well_in_place_after_it_was_found_incomplete_is_done(tmp_path):
    class Jobs(JobsBase):
        atomic_output = False

        def _mk_jobs(self):
            self._jobs = grid(index=range(1))

    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "index0.txt").write_text("whole")
    run = Run(str(tmp_path))
    journal = Journal(run.journal(0), {"owner": "a"})
    journal.write("begin", index=0, started=0.0, direct=True)
    journal.write("end", index=0, seconds=1.0, max_rss=0, status=0)
    journal.close()
    none: frozenset[int] = frozenset()
    local: Any = SimpleNamespace(batch=None, planned=((0, 0),))
    history = History(Jobs(tmp_path), [0], none, frozenset([0]), none, [(run, local)])
    assert history.judge({}, 0.0).counts[Status.DONE] == 1
