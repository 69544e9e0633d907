"""The state of each job: laws that hold for all inputs, and each state by example."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jor.planning.status import PENDING, Attempt, Carrier, Phase, Status, TaskState, judge
from jor.runs.submission import ranges
from jor.runtime.events import Begin, End

OVER, AT_WORK, WAITING, UNKNOWN = Phase.OVER, Phase.AT_WORK, Phase.WAITING, Phase.UNKNOWN
GONE = Carrier("nobody", lambda _task: TaskState(OVER), False)
CARRIERS = {
    OVER: GONE,
    AT_WORK: Carrier("somebody", lambda _task: TaskState(AT_WORK), True),
    WAITING: Carrier("somebody to come", lambda _task: TaskState(WAITING), True),
    UNKNOWN: Carrier("somebody elsewhere", lambda _task: TaskState(UNKNOWN), True),
}
BEGUN = Begin(0, started=1.0)
DONE = End(0, seconds=0.5, max_rss=1000, status=0)
FAILED = DONE._replace(error="ValueError: no", log=(3, 9), log_file="task.log")
STOPPED = DONE._replace(error="killed by signal 15, SIGTERM", interrupted=True)


def attempt(planned, records, phase=OVER, created=""):
    carrier = CARRIERS[phase]
    return Attempt(ranges(sorted(planned)), carrier, lambda: records, carrier.state_of, created=created)


def judged(total, absent, attempts=(), empty=(), there=(), marked=()):
    """Judge; each of the jobs `marked` has an old output, and was marked at the time "2"."""
    return judge(
        total,
        sorted({*absent, *marked}),
        list(attempts),
        empty=frozenset(empty),
        exists=lambda i, _is_told: i in there,
        marked=dict.fromkeys(marked, "2"),
    )


def state(record, phase=OVER, *, there=()):
    """Return the state, and the reason if there is one, of a job that one submission planned."""
    records = {} if record is None else {0: record}
    status = judged(1, [0], [attempt([0], records, phase)], there=there)
    (found,) = [kind for kind in Status if status.counts[kind]]
    return found, status.problems[0].reason if status.problems else ""


@pytest.mark.parametrize(
    ("record", "phase", "expected"),
    [
        (None, AT_WORK, Status.QUEUED),
        (BEGUN, AT_WORK, Status.RUNNING),
        (FAILED, AT_WORK, Status.FAILED),
        (STOPPED, AT_WORK, Status.QUEUED),
        (None, WAITING, Status.QUEUED),
        (BEGUN, WAITING, Status.QUEUED),
        (FAILED, WAITING, Status.FAILED),
        (STOPPED, WAITING, Status.QUEUED),
        (None, UNKNOWN, Status.UNKNOWN),
        (BEGUN, UNKNOWN, Status.UNKNOWN),
        (FAILED, UNKNOWN, Status.FAILED),
        (STOPPED, UNKNOWN, Status.UNKNOWN),
        (None, OVER, Status.MISSING),
        (BEGUN, OVER, Status.INTERRUPTED),
        (FAILED, OVER, Status.FAILED),
        (STOPPED, OVER, Status.INTERRUPTED),
        (DONE, OVER, Status.MISSING),
    ],
)
def test_state_of_an_absent_output_is_told_by_the_journal(record, phase, expected):
    """A task that waits to begin again, having been requeued, takes up what it was at."""
    assert state(record, phase)[0] is expected


def test_reasons_are_told():
    assert state(FAILED)[1] == "ValueError: no"
    assert state(BEGUN)[1] == "it was begun, and its worker died"
    assert state(DONE)[1] == "it was done, and its output has gone since"


def test_output_that_came_after_the_listing_counts():
    assert state(DONE, there=[0])[0] is Status.DONE
    assert state(BEGUN, there=[0])[0] is Status.DONE
    assert state(BEGUN._replace(direct=True), there=[0])[0] is Status.INTERRUPTED


def test_job_that_nobody_planned_is_missing():
    assert judged(3, [1]).counts[Status.MISSING] == 1
    assert judged(3, [1]).pending == [1]


def test_newest_submission_that_began_a_job_decides():
    status = judged(1, [0], [attempt([0], {}), attempt([0], {0: FAILED}), attempt([0], {0: BEGUN}, AT_WORK)])
    assert status.counts[Status.FAILED] == 1


def test_empty_output_without_a_record_is_interrupted():
    status = judged(2, [0, 1], empty=[1])
    assert (status.counts[Status.MISSING], status.counts[Status.INTERRUPTED]) == (1, 1)
    assert status.problems[0].reason == "the output is empty and there is no record of its job's end"


def test_place_of_what_a_job_printed_is_told():
    (problem,) = judged(1, [0], [attempt([0], {0: FAILED})]).problems
    assert (problem.log, problem.log_range, problem.seconds) == ("task.log", (3, 9), 0.5)


def test_journals_are_not_read_when_nothing_is_missing():
    def unread():
        raise AssertionError("read")

    assert judged(5, [], [Attempt(((0, 4),), GONE, unread, GONE.state_of)]).counts[Status.DONE] == 5
    assert judged(5, [4], [Attempt(((0, 3),), GONE, unread, GONE.state_of)]).counts[Status.MISSING] == 1


@pytest.mark.parametrize(
    ("record", "phase", "expected"),
    [
        (None, AT_WORK, Status.QUEUED),
        (BEGUN, AT_WORK, Status.RUNNING),
        (FAILED, OVER, Status.FAILED),
        (STOPPED, OVER, Status.INTERRUPTED),
        (STOPPED, WAITING, Status.QUEUED),
        (BEGUN, OVER, Status.INTERRUPTED),
        (None, OVER, Status.OUTDATED),
        (DONE, OVER, Status.DONE),
    ],
)
def test_newest_attempt_since_the_mark_decides(record, phase, expected):
    """What an attempt from before the mark has made, or has not, says nothing of the new output."""
    records = {} if record is None else {0: record}
    for before in ({0: DONE}, {0: FAILED}, {}):
        attempts = [attempt([0], records, phase, "3"), attempt([0], before, OVER, "1")]
        status = judged(1, [], attempts, there=[0], marked=[0])
        assert status.counts[expected] == 1
        assert all(problem.reason.endswith("; the old output stands") for problem in status.problems)
        assert list(status.old) == ([] if expected is Status.DONE else [0])


def test_outdated_job_is_pending_and_no_problem_until_it_is_tried():
    status = judged(3, [], [attempt([0, 1], {0: DONE, 1: FAILED}, OVER, "1")], marked=[0, 1])
    assert (status.pending, status.outdated, status.problems) == ([0, 1], [0, 1], [])


TOTAL = 12
indices = st.sets(st.integers(0, TOTAL - 1))
records = st.dictionaries(st.integers(0, TOTAL - 1), st.sampled_from([BEGUN, DONE, FAILED, STOPPED]))
one_attempt = st.tuples(indices, records, st.sampled_from(Phase), st.sampled_from("123"))
attempts = st.lists(one_attempt, max_size=4)


def made(drawn):
    return [
        attempt(planned, {i: record for i, record in found.items() if i in planned}, phase, created)
        for planned, found, phase, created in sorted(drawn, key=lambda one: one[3], reverse=True)
    ]


@given(indices, attempts, indices, indices, indices)
def test_each_job_is_in_exactly_one_state(absent, drawn, empty, there, marked):
    marked -= absent
    status = judged(TOTAL, absent, made(drawn), empty & absent, there, marked)
    assert sum(status.counts.values()) == TOTAL
    assert all(count >= 0 for count in status.counts.values())
    assert len(status.pending) == sum(status.counts[kind] for kind in PENDING)
    assert len(set(status.pending)) == len(status.pending)
    assert set(status.pending) <= absent | marked
    assert set(status.outdated) <= set(status.old) <= marked
    states = Counter(status.unfinished.values())
    assert {kind: states[kind] for kind in Status if kind is not Status.DONE} == {
        kind: count for kind, count in status.counts.items() if kind is not Status.DONE
    }


@given(indices, attempts)
def test_done_job_stays_done_whatever_the_journals_say(absent, drawn):
    status = judged(TOTAL, absent, made(drawn))
    assert status.counts[Status.DONE] == TOTAL - len(absent)
    assert {problem.index for problem in status.problems} <= absent


@given(indices, attempts)
def test_marked_job_is_done_only_if_a_later_attempt_made_it_again(marked, drawn):
    status = judged(TOTAL, [], made(drawn), marked=marked)
    done = set(range(TOTAL)).difference(status.unfinished)
    again = {i for planned, found, _, when in drawn for i in planned if when > "2" and found.get(i) == DONE}
    assert done & marked <= again
    assert done - marked == set(range(TOTAL)) - marked
    assert set(status.old) == marked - done


@given(indices, one_attempt, attempts)
def test_job_that_its_task_may_still_run_is_not_pending(absent, newest, older):
    planned, found, phase, _ = newest
    newest = (*newest[:3], "4")
    status = judged(TOTAL, absent, made([newest, *older]))
    ours = {i for i in planned if found.get(i) not in (DONE, FAILED)}
    assert phase is OVER or not ours.intersection(status.pending)


@given(indices, attempts, st.randoms())
def test_order_of_a_journals_lines_does_not_matter(absent, drawn, chance: random.Random):
    def shuffled(found):
        items = list(found.items())
        chance.shuffle(items)
        return dict(items)

    again = [(planned, shuffled(found), *rest) for planned, found, *rest in drawn]
    assert judged(TOTAL, absent, made(drawn)) == judged(TOTAL, absent, made(again))


@given(indices)
def test_ranges_say_the_same_as_the_indices(wanted):
    found = ranges(sorted(wanted))
    assert sorted(i for first, last in found for i in range(first, last + 1)) == sorted(wanted)
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(found))
