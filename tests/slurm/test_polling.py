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
    Limits,
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
    """A cluster that gives these answers, one after the other, 10 s apart: lists of rows, or errors."""

    left: list
    min_job_age: int
    asked: list = attrs.field(factory=list)

    def queue(self, job_ids=()):
        self.asked.append(list(job_ids))
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Queue(tuple(answer), 10.0 * len(self.asked))

    def limits(self):
        return Limits(min_job_age=self.min_job_age)


def follow(*answers, min_job_age=5):
    return list(watch(Answers(list(answers), min_job_age), [MINE], intervals=(0, 0)))


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


def test_queue_that_lacks_what_was_active_a_moment_ago_is_no_answer():
    """Else a front end that prints an old answer, or that of another cluster, would end the watch."""
    *_, silence, last = follow([queued("0", "RUNNING")], [], [queued("0", "FAILED")], min_job_age=300)
    assert "does not show job 7, which was active 10 s ago" in silence.what
    assert state(last, 0) == "FAILED"


def test_array_of_another_user_is_asked_for_by_its_id():
    cluster = Answers([[queued("0", "FAILED", user=77)]], 5)
    (last,) = watch(cluster, [attrs.evolve(MINE, user=77)], intervals=(0, 0))
    assert cluster.asked == [[7]]
    assert last.task(attrs.evolve(MINE, user=77), 0).state.name == "FAILED"


@pytest.mark.parametrize(
    ("array", "row", "owned"),
    [
        ({}, {}, True),
        ({}, {"name": "other"}, False),
        ({"user": 1000}, {}, True),
        ({"user": 77}, {}, False),
        ({"user": 1000}, {"user": None}, True),
        ({"submitted": 500.0}, {"submitted": 500, "name": "renamed by the site"}, True),
        ({"submitted": 500.0}, {"submitted": 501, "name": "other"}, False),  # a controller that has lost its state
        ({"submitted": 500.0}, {"submitted": 900_000}, True),  # requeued since
        ({"submitted": 900_000.0}, {"submitted": 500}, False),
        ({"submitted": 500.0}, {"submitted": None}, True),
        ({"name": "m" * 300}, {"name": "m" * 255}, True),  # as accounting keeps it
        ({"name": "m" * 254 + "\u00e4"}, {"name": "m" * 254 + "\udcc3"}, True),
        ({"job_id": 8}, {}, False),
    ],
)
def test_row_is_told_by_id_and_user_and_time_and_then_by_name(array, row, owned):
    assert attrs.evolve(MINE, **array).owns(queued("0", "RUNNING", **row)) is owned
    assert Snapshot([queued("0", "RUNNING", **row)]).knows(attrs.evolve(MINE, **array)) is owned


def test_array_that_lost_its_indices_as_it_was_cancelled_is_known():
    """As `scancel -u` leaves it in squeue."""
    rows = [queued("0", "RUNNING"), queued("", "CANCELLED")]
    snapshot = Snapshot(rows, [accounted("1-3", "CANCELLED", by=0)])
    assert [state(snapshot, index) for index in (0, 1, 3)] == ["RUNNING", "CANCELLED", "CANCELLED"]
    assert snapshot.task(MINE, 2).words == "was cancelled: by root"
    assert [str(indices) for indices, _ in snapshot.all_tasks(MINE)] == ["0", "", "1-3"]


def test_parts_of_a_heterogeneous_job_are_one_job():
    parts = [queued("", "COMPLETED", component=0), queued("", "RUNNING", component=1)]
    assert (state(Snapshot(parts), None), Snapshot(parts).active(MINE)) == ("COMPLETED", True)
    assert [task.state.name for _, task in Snapshot(parts, parts).all_tasks(MINE)] == ["COMPLETED", "RUNNING"]


def test_job_that_another_cluster_of_a_federation_took_is_told_by_that():
    rows = [queued("", "RUNNING"), queued("", "REVOKED")]
    assert {state(Snapshot(order), None) for order in (rows, rows[::-1])} == {"RUNNING"}


def test_task_that_is_requeued_is_not_taken_for_ended():
    told = follow(
        [queued("0", "FAILED"), queued("1", "RUNNING")], [queued("0-1", "PENDING")], [queued("0-1", "COMPLETED")]
    )
    assert [state(snapshot, 0) for snapshot in told] == ["FAILED", "PENDING", "COMPLETED"]
