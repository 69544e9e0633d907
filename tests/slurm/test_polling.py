"""Snapshots: the state of each task from the queue and the accounting, and how arrays are followed to their end."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor_slurm import (
    AccountingRecord,
    ArrayId,
    CommandError,
    ExitCode,
    IndexSet,
    JobState,
    Queue,
    QueueRecord,
    Snapshot,
    watch,
)

MINE = ArrayId(7, "mine")
MIB = 2**20
STATES = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]


def queued(indices, state, reason="None", name="mine", nodes="", *, user=1000, submitted=None, component=None):
    return QueueRecord(
        7, IndexSet.parse(indices) if indices else IndexSet(), 9, JobState.of(state), nodes, None, None, reason, name,
        user, submitted, component,
    )  # fmt: skip


def accounted(indices, state, *, code="0:0", by=None, requested=None, used=None, nodes="n1"):
    return AccountingRecord(
        7, IndexSet.parse(indices) if indices else IndexSet(), 9, JobState.of(state), by, ExitCode.parse(code), nodes,
        None, None, requested, used, "mine",
    )  # fmt: skip


def state(snapshot, index):
    task = snapshot.task(MINE, index)
    return task.state.name if task else None


def test_queue_counts_more_than_accounting_which_lags():
    past = [
        accounted("0", "NODE_FAIL"),
        accounted("1", "RUNNING"),
        accounted("2", "COMPLETED"),
        accounted("3", "FAILED"),
    ]
    snapshot = Snapshot([queued("0,3", "PENDING"), queued("1", "COMPLETED")], past)
    assert [state(snapshot, index) for index in range(5)] == ["PENDING", "COMPLETED", "COMPLETED", "PENDING", None]


def test_accounting_adds_what_the_queue_does_not_tell():
    past = accounted("0", "FAILED", code="3:0", requested=50 * MIB)
    task = Snapshot([queued("0", "FAILED", "NonZeroExitCode")], [past]).task(MINE, 0)
    assert (task.exit_code.status, task.requested, task.reason) == (3, 50 * MIB, "NonZeroExitCode")


def test_array_is_active_only_as_far_as_the_queue_says():
    done = Snapshot([queued("0-3", "COMPLETED")], [accounted("0-3", "RUNNING")])
    assert not done.active(MINE)
    assert Snapshot([queued("0-2", "COMPLETED")], [accounted("0-3", "RUNNING")]).active(MINE)
    assert Snapshot([queued("0", "COMPLETED"), queued("1-3", "PENDING")]).active(MINE)
    assert not Snapshot([]).active(MINE)


def test_plain_job_is_told_once():
    snapshot = Snapshot([queued("", "COMPLETED")], [accounted("", "RUNNING")])
    assert [(len(indices), task.state.name) for indices, task in snapshot.all_tasks(MINE)] == [(0, "COMPLETED")]


def test_array_of_another_name_is_not_known():
    snapshot = Snapshot([queued("0-3", "RUNNING", name="other")])
    assert not snapshot.knows(MINE)
    assert snapshot.task(MINE, 0) is None


rows = st.lists(st.tuples(st.sets(st.integers(0, 9), min_size=1), st.sampled_from(STATES)), max_size=6)


@given(rows, rows)
def test_all_tasks_tell_the_same_as_each_task(now, past):
    snapshot = Snapshot(
        [queued(str(IndexSet.of(indices)), name) for indices, name in _apart(now)],
        [accounted(str(IndexSet.of(indices)), name) for indices, name in _apart(past)],
    )
    told = [(index, task.state.name) for indices, task in snapshot.all_tasks(MINE) for index in indices]
    assert sorted(told) == [(index, state(snapshot, index)) for index in range(10) if state(snapshot, index)]
    assert snapshot.active(MINE) == any(JobState.of(name).active for _, name in told)


def _apart(rows):
    """Return the rows without the indices of earlier ones: a command of Slurm tells each task once."""
    seen = set()
    for indices, name in rows:
        if indices - seen:
            yield indices - seen, name
        seen |= indices


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (accounted("0", "COMPLETED"), ""),
        (accounted("0", "FAILED", code="3:0"), "failed: exit status 3, on n1"),
        (accounted("0", "FAILED", code="9:0"), "failed: exit status 9, or killed by signal 9, on n1"),
        (accounted("0", "FAILED", code="0:53"),
         "failed: its log, or its working directory, could not be opened on the node, on n1"),
        (accounted("0", "OUT_OF_MEMORY", code="0:125", requested=100 * MIB, used=98 * MIB),
         "ran out of memory: asked for 100M, used 98M, on n1"),
        (accounted("0", "OUT_OF_MEMORY", code="0:125", requested=100 * MIB, used=MIB),
         "ran out of memory: asked for 100M, on n1"),
        (accounted("0", "FAILED", code="9:0", requested=100 * MIB, used=300 * MIB),
         "ran out of memory: asked for 100M, used 300M, on n1"),
        (accounted("0", "FAILED", code="137:0", requested=100 * MIB, used=300 * MIB),
         "ran out of memory: asked for 100M, used 300M, on n1"),
        (accounted("0", "TIMEOUT"), "reached its time limit"),
        (accounted("0", "NODE_FAIL"), "lost its node: on n1"),
        (accounted("0", "CANCELLED", by=0), "was cancelled: by root"),
        (accounted("0", "CANCELLED", by=4_000_000_000), "was cancelled: by user 4000000000"),
        (accounted("0", "PENDING"), ""),
    ],
)  # fmt: skip
def test_end_of_a_task_is_told_in_words(task, words):
    assert Snapshot((), [task]).task(MINE, 0).words == words


def test_task_that_will_never_begin_is_told_in_words():
    task = Snapshot([queued("0-3", "PENDING", "JobHoldMaxRequeue")]).task(MINE, 2)
    assert task.words == "will not begin by itself: it was requeued too often and is held (JobHoldMaxRequeue)"


@attrs.frozen
class Answers:
    """A cluster that gives these answers, one after the other: lists of rows, or errors."""

    left: list

    def queue(self, _job_ids=()):
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Queue(tuple(answer), 0.0)


def follow(*answers):
    return list(watch(Answers(list(answers)), [MINE], intervals=(0, 0)))


def test_arrays_are_followed_until_none_of_their_tasks_is_active():
    told = follow([], [queued("0-1", "PENDING")], [queued("0", "RUNNING")], [queued("0", "COMPLETED")])
    assert [state(snapshot, 0) for snapshot in told] == [None, "PENDING", "RUNNING", "COMPLETED"]


def test_poll_that_failed_changes_nothing():
    first, failed, last = follow([queued("0", "RUNNING")], CommandError("down"), [queued("0", "FAILED")])
    assert isinstance(failed, CommandError)
    assert (state(first, 0), state(last, 0)) == ("RUNNING", "FAILED")


def test_what_has_ended_stays_known_when_the_queue_forgets_it():
    *_, last = follow([queued("0", "FAILED"), queued("1-2", "PENDING")], [queued("1", "RUNNING")], [])
    assert [state(last, index) for index in range(3)] == ["FAILED", None, None]


def test_task_that_is_requeued_is_not_taken_for_ended():
    told = follow(
        [queued("0", "FAILED"), queued("1", "RUNNING")], [queued("0-1", "PENDING")], [queued("0-1", "COMPLETED")]
    )
    assert [state(snapshot, 0) for snapshot in told] == ["FAILED", "PENDING", "COMPLETED"]
