"""What journals tell beside the jobs: which tasks came to their own end, and whose staging folders are nobody's."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from jor.planning.history import History
from jor.planning.status import Carrier, Phase, Status, TaskState
from jor.runs.journals import finished_tasks, may_live
from jor.runs.lease import STALE_AFTER
from jor.runs.orphans import orphaned
from jor.runs.renumbering import Places
from jor.runtime.events import VERSION, Begin, Claim, End, Event, Over
from jor.runtime.grid import grid
from jor.runtime.job_spec import freeze
from jor.runtime.jobs import JobsBase
from jor.runtime.journal import Journal
from jor.runtime.process_id import Owner
from jor.runtime.run_folder import Run
from jor.todo.entry import Entry

from ..runtime.engine import write_spec


class Jobs(JobsBase):
    def _mk_jobs(self):
        self._jobs = grid(index=range(4))


ENTRY = Entry(__file__, "")


def history_of(jobs: JobsBase, records: Path, batches: Any = ()) -> History:
    none: frozenset[int] = frozenset()
    return History(jobs, str(records), Places(jobs), range(4), none, none, none, batches)


def attempt(run: Run, task: int, restart: int, owner: str, *events: Event) -> None:
    journal = Journal(run.journal(task, restart), Claim(VERSION, owner))
    for event in events:
        journal.write(event)
    journal.close()


def test_tasks_are_finished_whose_newest_attempt_says_so(tmp_path):
    run = Run(str(tmp_path))
    attempt(run, 0, 0, "a", Over())
    attempt(run, 1, 0, "b")
    attempt(run, 2, 0, "c", Over())
    attempt(run, 2, 1, "d")
    assert finished_tasks(run) == {0}


def test_task_may_live_that_has_begun_and_is_neither_over_nor_known_to_be_dead(tmp_path):
    run = Run(str(tmp_path))
    me = Owner.current()
    attempt(run, 0, 0, str(me))
    attempt(run, 1, 0, str(me._replace(host="elsewhere")))
    attempt(run, 2, 0, str(me._replace(started=me.started + 1)))  # another process had that id
    attempt(run, 3, 0, str(me), Over())
    attempt(run, 4, 0, str(me), Over())
    attempt(run, 4, 1, "not to be read")
    assert [task for task in range(6) if may_live(run, {task})] == [0, 1, 4]


def test_last_word_on_a_job_is_that_of_the_newest_submission_that_began_it(tmp_path):
    for number, jobs in enumerate([(1, 2, 3), (2, 5)]):
        run = Run(str(tmp_path / "runs" / str(number)))
        (tmp_path / "runs" / str(number)).mkdir(parents=True)
        write_spec(run)
        journal = Journal(run.journal(0), Claim(VERSION, "a"))
        for index in jobs:
            journal.write(End(index, seconds=float(number), max_rss=0, status=0))
        journal.close()
    found = history_of(Jobs(tmp_path), tmp_path).last_records([1, 2, 4])
    assert {index: event.seconds for index, event in found.items() if isinstance(event, End)} == {1: 0.0, 2: 1.0}


def test_owners_are_gone_whose_tasks_are_over(tmp_path):
    """And when nothing has been heard of them for long: of no process a batch system knows the end for certain."""
    run = Run(str(tmp_path / "runs" / "1"))
    os.makedirs(run.folder)
    write_spec(run)
    owners = [str(Owner("elsewhere", "boot", pid, 1)) for pid in range(1, 5)]
    for owner, (task, restart) in zip(owners, [(0, 0), (0, 1), (1, 0), (2, 0)], strict=True):
        attempt(run, task, restart, owner)
        (tmp_path / "partial" / f"{owner}~0").mkdir(parents=True)
    states = {0: TaskState(Phase.OVER), 1: TaskState(Phase.AT_WORK), 2: TaskState(Phase.OVER, may_live=True)}
    carrier = Carrier("Slurm array 5", states.__getitem__, is_active=True)
    history = history_of(Jobs(tmp_path), tmp_path)
    assert history.gone({run: carrier}, time.time()) == set()
    assert history.gone({run: carrier}, time.time() + STALE_AFTER + 1) == {*owners[:2], owners[3]}


@pytest.mark.parametrize("printed", [True, False])
@pytest.mark.parametrize(("reason", "told"), [("", "its task ended before it began a job"), ("held", "held")])
def test_jobs_of_a_task_that_ended_before_it_began_one_are_missing_with_the_reason(tmp_path, printed, reason, told):
    run = Run(str(tmp_path))
    attempt(run, 0, 0, "a", Over())  # it has begun
    log = Path(run.log(1))
    if printed:
        log.write_text("no such module\n")
    batch: Any = SimpleNamespace(
        batch=object(), planned=((0, 3),), task_of=lambda: lambda index: index // 2, listed=0, names_crc32=0
    )
    carrier = Carrier("Slurm array 5", lambda task: TaskState(Phase.OVER, reason if task else ""), is_active=False)
    status = history_of(Jobs(tmp_path), tmp_path, [(run, batch)]).judge({run: carrier}, 0.0)
    assert status.counts[Status.MISSING] == 4
    assert [(one.index, one.status, one.reason, one.log) for one in status.problems] == [
        (index, Status.MISSING, f"last: {told}", str(log) if printed else "") for index in (2, 3)
    ]


@pytest.mark.parametrize(
    ("phase", "expected"),
    [(Phase.WAITING, Status.QUEUED), (Phase.AT_WORK, Status.QUEUED), (Phase.OVER, Status.INTERRUPTED)],
)
def test_job_of_a_task_that_was_requeued_waits_for_it(tmp_path, phase, expected):
    """Its task was warned of its end, stopped it, and has itself begun again."""
    run = Run(str(tmp_path))
    stopped = End(0, seconds=1.0, max_rss=0, status=15, error="killed by signal 15", interrupted=True)
    attempt(run, 0, 0, "a", Begin(0, 0.0), stopped, Over(stopped="its time is up"))
    batch: Any = SimpleNamespace(batch=object(), planned=((0, 0),), task_of=lambda: lambda _index: 0)
    batch.listed = batch.names_crc32 = 0
    history = attrs.evolve(history_of(Jobs(tmp_path), tmp_path, [(run, batch)]), unfit=[0])
    status = history.judge(
        {run: Carrier("Slurm array 5", lambda _task: TaskState(phase), phase is not Phase.OVER)}, 0.0
    )
    assert status.counts[expected] == 1
    assert status.pending == ([0] if phase is Phase.OVER else [])


def test_job_that_ends_well_in_place_after_it_was_found_incomplete_is_done(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "index0.txt").write_text("whole")
    run = Run(str(tmp_path))
    journal = Journal(run.journal(0), Claim(VERSION, "a"))
    journal.write(Begin(0, started=0.0, direct=True))
    journal.write(End(0, seconds=1.0, max_rss=0, status=0))
    journal.close()
    jobs = Jobs(tmp_path)
    places = Places(jobs)
    list(places.names_in_parts())
    none: frozenset[int] = frozenset()
    local: Any = SimpleNamespace(batch=None, planned=((0, 0),), listed=4, names_crc32=places.checksum)
    history = History(jobs, str(tmp_path), places, [0], none, frozenset([0]), none, [(run, local)])
    assert history.judge({}, 0.0).counts[Status.DONE] == 4  # the others are there, for all that it knows


def planned_elsewhere(folder: Path, names: list[str], **more: Any) -> Run:
    """Write a submission of all jobs of a list with these output names, under the checksum of another list."""
    run = Run(str(folder / "runs" / "0"))
    os.makedirs(run.folder)
    write_spec(run, listed=len(names), names_crc32=-1, **more)
    Path(run.jobs).write_bytes(b"".join(freeze(index, name, {}) for index, name in enumerate(names)))
    return run


def test_suspect_job_stays_so_wherever_it_stands_now(tmp_path):
    run = planned_elsewhere(tmp_path, ["index9.txt", "index0.txt", "index1.txt"])
    Path(run.suspect).write_text("0\n2\n")
    journal = Journal(run.journal(0), Claim(VERSION, "a"))
    for index in (0, 2):
        journal.write(End(index, seconds=1.0, max_rss=0, status=0, out_of_memory=True))
    journal.close()
    jobs = Jobs(tmp_path)
    places = Places(jobs)
    list(places.names_in_parts())
    assert History.read(jobs, places, [], str(tmp_path), ENTRY).suspect == {1}


def test_state_of_a_job_is_that_of_the_array_task_that_has_it_wherever_it_stands_now(tmp_path):
    run = planned_elsewhere(tmp_path, ["index3.txt", "index9.txt", "index2.txt", "index1.txt"])
    batch: Any = SimpleNamespace(
        batch=object(), planned=((0, 3),), task_of=lambda: lambda index: index // 2, listed=4, names_crc32=-1
    )
    states = {0: TaskState(Phase.WAITING), 1: TaskState(Phase.OVER, "killed")}
    carrier = Carrier("Slurm array 5", states.__getitem__, is_active=True)
    status = history_of(Jobs(tmp_path), tmp_path, [(run, batch)]).judge({run: carrier}, 0.0)
    assert status.queued == [3]
    assert status.pending == [0, 1, 2]
    assert [(one.index, one.reason) for one in status.problems] == [(1, "last: killed"), (2, "last: killed")]


def test_executions_are_those_of_jobs_that_the_list_has(tmp_path):
    run = planned_elsewhere(tmp_path, ["index3.txt", "index9.txt", "index2.txt"])
    journal = Journal(run.journal(0), Claim(VERSION, "a"))
    for index in range(3):
        journal.write(End(index, seconds=float(index), max_rss=0, status=0))
    journal.close()
    history = history_of(Jobs(tmp_path), tmp_path)
    assert [(one.index, one.seconds) for one in history.executions()] == [(3, 0.0), (2, 2.0)]


def test_lock_of_a_dead_command_that_may_not_be_deleted_hinders_nobody(tmp_path, monkeypatch):
    here = Owner.current()
    (tmp_path / "alive").write_text(str(here._replace(started=here.started - 1)))

    def refuse(path):
        raise PermissionError(errno.EACCES, "another user's", path)

    monkeypatch.setattr(os, "unlink", refuse)
    assert orphaned(Run(str(tmp_path)), time.time()) is None
