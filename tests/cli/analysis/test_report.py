"""What a report shows, from made-up executions: few numbers, and the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jor
from jor.planning.status import EntryStatus, Problem, Status
from jor.runs.attempts import Execution
from jor.runtime.run_folder import Run
from jor_cli.analysis.attempt_table import Attempts, Outcome
from jor_cli.analysis.distribution import PER_DECADE, distribution
from jor_cli.analysis.failures import causes
from jor_cli.analysis.parameter_map import MOST_VALUES, Cells, cells, states_of
from jor_cli.analysis.timeline import INTERVALS, MOST_BARS, MOST_HOSTS, MOST_ROWS, timeline

OLD, NEW = Run("/runs/old"), Run("/runs/new")
NOW = 10_000.0


def execution(index: int, **fields: Any) -> Execution:
    """Return an execution that took from second 1000 to 1002."""
    known = {"run": NEW, "task": 0, "restart": 0, "host": "a", "job_id": "", "started": 1000.0, "seconds": 2.0}
    rest = {"max_rss": 2**20, "error": "", "interrupted": False, "loading": None}
    return Execution(**{"index": index, **known, **rest, **fields})


def noted(executions: Sequence[Execution], total: int) -> Attempts:
    attempts = Attempts("entry", total)
    assert list(attempts.noted(executions)) == [one for one in executions if 0 <= one.index < total]
    return attempts


def survey(jobs: Sequence[dict[str, Any]], arguments: str = "", **states: Sequence[int]) -> Any:
    """Return what is used of a survey: `states` has the jobs that are not done, by their status."""
    by_job = {index: Status(name) for name, indices in states.items() for index in indices}
    counts = {status: sum(one is status for one in by_job.values()) for status in Status}
    told = [index for index in sorted(by_job) if by_job[index] in (Status.FAILED, Status.INTERRUPTED)]
    problems = [Problem(index, by_job[index], f"ValueError: {index}") for index in told]
    pending = [index for index in sorted(by_job) if by_job[index] not in (Status.RUNNING, Status.QUEUED)]
    underway = {name: states.get(name, ()) for name in ("running", "queued")}
    return SimpleNamespace(
        entry=SimpleNamespace(label="entry", arguments=arguments),
        jobs=SimpleNamespace(_jobs=jobs, _jor_modules=nullcontext()),
        status=EntryStatus(len(jobs), counts, pending, problems, (), **underway),
    )


def mapped(jobs: Sequence[dict[str, Any]], most: int = 10_000, arguments: str = "", **states: Sequence[int]) -> Cells:
    """Return the map of jobs that took two seconds, but those of `states`, which have not begun."""
    begun = [execution(index) for index in range(len(jobs)) if index not in {i for one in states.values() for i in one}]
    return cells([(survey(jobs, arguments, **states), noted(begun, len(jobs)))], most)


def test_newest_execution_of_a_job_is_that_of_the_newest_submission_and_its_last_attempt() -> None:
    first, again = execution(0, interrupted=True, error="preempted"), execution(0, restart=1, seconds=3.0)
    older = execution(0, run=OLD, seconds=4.0)
    attempts = noted([first, again, older], 2)
    assert list(attempts.newest) == [1, -1]
    assert list(attempts.outcome) == [Outcome.INTERRUPTED, Outcome.WELL, Outcome.WELL]


def test_executions_of_jobs_that_are_not_listed_any_more_are_passed_over() -> None:
    assert len(noted([execution(0), execution(5)], 1)) == 1


def test_distribution_counts_each_job_once_by_how_it_ended() -> None:
    executions = [
        execution(0, seconds=1.0),
        execution(1, seconds=1000.0, error="ValueError"),
        execution(2, seconds=None),
    ]
    found = distribution([noted([*executions, execution(0, run=OLD)], 3)], "seconds", [60.0, None, 60.0], [5.0, 7.0])
    assert (found.well, found.badly) == ({0: 1}, {3 * PER_DECADE: 1})
    assert (found.asked, found.enough) == ([60.0], 7.0)


def test_distribution_of_nothing_is_empty() -> None:
    found = distribution([noted([], 3)], "max_rss", [], [])
    assert (found.well, found.badly, found.asked, found.enough) == ({}, {}, [], None)


def test_few_jobs_have_a_bar_each() -> None:
    running = execution(1, host="b", task=1, started=1001.0, seconds=None)
    found = timeline([noted([execution(0), running], 2)], NOW)
    assert (found.unit, found.first, found.last) == ("job", 1000.0, NOW)
    assert [(bar.host, bar.number, bar.last, bar.outcome) for bar in found.bars] == [
        ("a", 0, 1002.0, Outcome.WELL),
        ("b", 1, NOW, Outcome.UNKNOWN),
    ]
    assert [(host.name, host.jobs, host.badly, host.busy) for host in found.hosts] == [
        ("a", 1, 0, 2.0),
        ("b", 1, 0, 0.0),
    ]


def test_many_jobs_have_a_bar_for_each_task_in_the_colour_of_the_worst() -> None:
    executions = [
        execution(i, task=i % 2, started=1000.0 + i, error="no" if i == 7 else "") for i in range(MOST_BARS + 1)
    ]
    found = timeline([noted(executions, MOST_BARS + 1)], NOW)
    assert found.unit == "task"
    assert [(bar.number, bar.jobs, bar.outcome) for bar in found.bars] == [
        (0, 751, Outcome.WELL),
        (1, 750, Outcome.FAILED),
    ]


@pytest.mark.parametrize(("tasks", "hosts"), [(MOST_BARS + 1, 3), (MOST_ROWS + 1, 1), (2 * MOST_HOSTS, 2 * MOST_HOSTS)])
def test_too_many_bars_rows_or_hosts_are_counted_instead(tasks: int, hosts: int) -> None:
    executions = [execution(i, task=i, host=f"n{i % hosts}", seconds=10.0) for i in range(tasks)]
    found = timeline([noted(executions, tasks)], NOW)
    assert (found.unit, found.bars) == ("", ())
    assert len(found.running) == len(found.hosts) <= MOST_HOSTS + 1
    members = [1] * MOST_HOSTS + [hosts - MOST_HOSTS]
    ran = [members[place] * sum(row) / INTERVALS for place, row in enumerate(found.running)]
    assert sum(ran) == pytest.approx(tasks)
    assert sum(host.jobs for host in found.hosts) == tasks


def test_execution_whose_beginning_is_not_known_is_not_drawn() -> None:
    found = timeline([noted([execution(0, started=0.0), execution(1)], 2)], NOW)
    assert found.first == 1000.0
    assert [bar.number for bar in found.bars] == [1]
    assert timeline([noted([execution(0, started=0.0)], 1)], NOW).hosts == ()


def test_submissions_are_told_the_newest_first() -> None:
    found = timeline([noted([execution(0), execution(0, run=OLD, started=500.0)], 1)], NOW)
    assert found.submissions == [(1000.0, 1002.0), (500.0, 502.0)]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20), st.sampled_from("ab")), min_size=1, max_size=40))
def test_bars_of_a_row_do_not_overlap(spans: list[tuple[int, int, str]]) -> None:
    executions = [execution(i, started=first, seconds=long, host=host) for i, (first, long, host) in enumerate(spans)]
    ends: dict[tuple[str, int], float] = {}
    for bar in timeline([noted(executions, len(spans))], NOW).bars:
        assert ends.get((bar.host, bar.row), 0.0) <= bar.first
        ends[bar.host, bar.row] = bar.last


def test_map_counts_states_seconds_and_memory_by_two_parameters() -> None:
    found = mapped(jor.grid(a=["x", "y"], b=[1, 2, 3]), failed=[1], missing=[5])
    assert [(axis.name, axis.values) for axis in found.axes] == [("a", ["x", "y"]), ("b", ["1", "2", "3"])]
    (pair,) = found.pairs
    assert pair.states == {
        Status.DONE: [1, 0, 1, 1, 1, 0],
        Status.FAILED: [0, 1, 0, 0, 0, 0],
        Status.MISSING: [0, 0, 0, 0, 0, 1],
    }
    assert pair.ended == [1, 0, 1, 1, 1, 0]
    assert pair.seconds == [2.0, 0.0, 2.0, 2.0, 2.0, 0.0]
    assert pair.max_rss == [2**20 * ended for ended in pair.ended]


def test_running_and_queued_jobs_are_told_apart() -> None:
    found = survey([{"i": i} for i in range(4)], running=[0], queued=[1], interrupted=[3])
    states = states_of(found.status)
    assert [list(Status)[state] for state in states] == [
        Status.RUNNING,
        Status.QUEUED,
        Status.DONE,
        Status.INTERRUPTED,
    ]


def test_numbers_are_sorted_and_texts_kept_in_their_order() -> None:
    found = mapped([{"n": n, "t": t} for n, t in [(10, "z"), (9, "a"), (0.5, "m")]])
    assert [axis.values for axis in found.axes] == [["0.5", "9", "10"], ["z", "a", "m"]]


def test_numbers_of_numpy_are_numbers() -> None:
    class Float64(float):
        def tolist(self) -> float:
            return float(self)

    found = mapped([{"n": Float64(n)} for n in (10**0.5, 0.1)])
    assert found.axes[0].values == ["0.1", "3.16228"]


def test_parameters_may_be_lists_missing_or_not_a_number() -> None:
    found = mapped([{"p": [1, 2]}, {"p": float("nan")}, {"q": None}, {"p": float("nan"), "q": "x" * 100}])
    assert found.axes[0].values == ["[1, 2]", "nan", "none"]
    assert [value[:5] for value in found.axes[1].values] == ["None", "xxxxx", "none"]


def test_parameter_without_a_choice_is_no_axis_and_one_axis_is_enough() -> None:
    assert mapped([{"same": 1}, {"same": 1}]) == Cells()
    found = mapped([{"same": 1, "i": 0}, {"same": 1, "i": 1}])
    assert [axis.name for axis in found.axes] == ["i"]
    assert [(pair.x, pair.y, pair.ended) for pair in found.pairs] == [(0, None, [1, 1])]


def test_arguments_of_the_entries_are_parameters_too() -> None:
    jobs = [{"i": 0}, {"i": 1}]
    entries = [(survey(jobs, f"n={n}, same=3"), noted([], 2)) for n in (1, 2)]
    assert [axis.name for axis in cells(entries, 100).axes] == ["n", "i"]


def test_neighbouring_values_are_one_where_there_are_very_many() -> None:
    jobs = jor.grid(seed=range(1000), **{f"p{k}": [0, 1] for k in range(3)})
    found = mapped(jobs, most=1000)
    seed = found.axes[0]
    assert seed.values[0].startswith("0 … ")
    assert seed.values[-1].endswith(" … 999")
    assert sum(len(pair.ended) for pair in found.pairs) <= 1000
    assert {sum(pair.ended) for pair in found.pairs} == {len(jobs)}
    assert len(mapped([{"i": i} for i in range(1000)], most=10**6).axes[0].values) == MOST_VALUES


def test_only_parameters_with_the_fewest_values_are_axes() -> None:
    jobs = [{f"p{k}": i % (k + 2) for k in range(10)} for i in range(200)]
    assert [axis.name for axis in mapped(jobs).axes] == [f"p{k}" for k in range(6)]


def test_causes_that_differ_in_numbers_alone_are_one() -> None:
    found = survey([{"i": i} for i in range(5)], failed=[1, 3], interrupted=[4])
    first, second = causes((found, problem) for problem in found.status.problems)
    assert (first.count, first.status, first.jobs, first.example.index) == (2, Status.FAILED, {"entry": [1, 3]}, 1)
    assert (second.count, second.status) == (1, Status.INTERRUPTED)
