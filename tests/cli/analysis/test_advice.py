"""What is advised: rules on measured numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from jor.planning.planner import survey
from jor.planning.status import Shortage
from jor.runs.attempts import Execution
from jor.runtime.run_folder import Run
from jor.settings.config import read_config
from jor.todo.reader import read_todo
from jor_cli.analysis.advice import FEWEST, Asked, Usage, advise, memory_for, time_for, usage_of
from jor_cli.rendering.advice import hint

M, G = 2**20, 2**30
ASKED = Asked("slurm", mem=5 * G, time=3600, isolation="fork", target=1800, rounds=1, total=10_000)
#: Of jobs for which that is about right.
USAGE = Usage(count=100, median_seconds=900, longest_seconds=2000, total_seconds=90_000, largest_rss=4 * G)


def advised(usage: Usage = USAGE, **asked: Any) -> dict[str, str]:
    """Return what is advised, by the options."""
    return {one.option: one.value for one in advise(attrs.evolve(ASKED, **asked), usage)}


def told(usage: Usage = USAGE, **asked: Any) -> str:
    """Return why it is advised, where it is one thing."""
    (one,) = advise(attrs.evolve(ASKED, **asked), usage)
    return one.why


def execution(index: int, seconds: float | None = 1.0, **fields: Any) -> Execution:
    rest = {"error": "", "interrupted": False, "loading": None, "max_rss": M, **fields}
    return Execution(index, Run("r"), 0, 0, "host", "", 1.0, seconds, **rest)


def test_nothing_is_advised_where_what_is_asked_for_fits() -> None:
    assert advised() == {}


def test_nothing_is_advised_of_too_few_jobs() -> None:
    usage = attrs.evolve(USAGE, largest_rss=M)
    assert advised(attrs.evolve(usage, count=FEWEST)) != {}
    assert advised(attrs.evolve(usage, count=FEWEST - 1)) == {}
    assert advised(Usage()) == {}


def test_less_memory_is_advised_where_far_too_much_is_asked_for() -> None:
    usage = attrs.evolve(USAGE, largest_rss=300 * M)
    assert advised(usage) == {"mem": "400M"}
    assert told(usage) == "5G is asked for, and the largest of 100 jobs used 300M"


def test_more_memory_is_advised_where_it_is_nearly_used_up() -> None:
    assert advised(attrs.evolve(USAGE, largest_rss=int(4.8 * G))) == {"mem": "6G"}


def test_less_time_is_advised_where_far_too_much_is_asked_for() -> None:
    assert advised(time=86_399) == {"time": "00:50:00"}
    assert told(time=86_399) == "23:59:59 is asked for, and the longest of 100 jobs took 33 min 20 s"


def test_more_time_is_advised_where_it_is_nearly_used_up() -> None:
    assert advised(attrs.evolve(USAGE, longest_seconds=3500)) == {"time": "01:30:00"}


def test_less_is_not_advised_where_some_jobs_had_too_little() -> None:
    usage = attrs.evolve(USAGE, largest_rss=M, longest_seconds=1.0)
    assert advised(usage, short=frozenset({Shortage.MEMORY})) == {"time": "00:05:00"}
    assert advised(usage, short=frozenset({Shortage.TIME})) == {"mem": "100M"}


def test_what_is_not_asked_for_is_not_advised() -> None:
    usage = attrs.evolve(USAGE, largest_rss=M, longest_seconds=1.0)
    assert advised(usage, mem=None, time=None) == {}
    assert advised(usage, mem=0, time=None) == {}  # all memory of the node


def short(seconds: float, loading: float = 0.0) -> Usage:
    """Return the usage of jobs that take so long, after their module was loaded for so long."""
    used = {"median_seconds": seconds, "longest_seconds": 2000, "total_seconds": 100 * seconds}
    return attrs.evolve(USAGE, **used, median_loading=loading)


def test_short_jobs_are_to_be_packed() -> None:
    assert advised(short(0.2), jobs_per_task=1) == {"jobs-per-task": "auto"}
    why = "an array task runs 1 job of 0.2 s; auto would pack about 500 into a task"
    assert told(short(0.2), jobs_per_task=1) == why


def test_no_more_are_packed_than_there_are() -> None:
    assert "about 40 into" in told(short(0.2), jobs_per_task=1, total=40)
    assert advised(short(0.2), jobs_per_task=1, total=2) == {}


def test_tasks_of_a_minute_or_more_are_long_enough() -> None:
    assert advised(short(0.2), jobs_per_task=400, rounds=400) == {}
    assert advised(short(90), jobs_per_task=1) == {}


def test_jobs_that_wait_unpacked_are_to_be_submitted_again() -> None:
    assert advised(short(0.2)) == {}  # auto packs what is submitted next
    assert "jor cancel, then jor run" in told(short(0.2), queued=500)


def test_jobs_on_this_machine_are_not_packed() -> None:
    assert advised(short(0.2), rounds=0, jobs_per_task=1) == {}  # its newest submission
    assert advised(short(0.2), scheduler="local", jobs_per_task=1) == {}


def test_array_tasks_that_load_longer_than_they_work_are_to_be_packed() -> None:
    assert advised(short(90, loading=100), jobs_per_task=1) == {"jobs-per-task": "auto"}
    assert "after 1 min 40 s of loading its module" in told(short(90, loading=100), jobs_per_task=1)


def test_module_that_is_loaded_for_each_job_for_longer_than_the_job_takes_is_to_be_shared() -> None:
    assert advised(short(0.5, loading=2.0), isolation="spawn") == {"isolation": "auto"}
    why = "loading the job module takes 2 s, a job 0.5 s: spawn loads it for each job, auto for many at once"
    assert told(short(0.5, loading=2.0), isolation="spawn") == why


@pytest.mark.parametrize(("isolation", "loading"), [("fork", 2.0), ("none", 2.0), ("spawn", 0.4), ("spawn", 0.1)])
def test_loading_is_no_matter_where_it_is_quick_or_shared(isolation: str, loading: float) -> None:
    assert advised(short(0.5, loading=loading), isolation=isolation) == {}


@pytest.mark.parametrize(
    ("used", "asked"), [(0, 100), (11, 100), (60, 200), (312, 500), (900, 1536), (3000, 4096), (30_000, 36_864)]
)
def test_memory_that_is_advised_is_a_fifth_more_and_round(used: int, asked: int) -> None:
    assert memory_for(Usage(1, largest_rss=used * M)) == asked * M


@pytest.mark.parametrize(
    ("took", "asked"), [(0.0, 300), (250, 600), (2000, 3000), (5000, 8100), (40_000, 61_200), (90_000, 151_200)]
)
def test_time_that_is_advised_is_half_as_much_again_and_round(took: float, asked: int) -> None:
    assert time_for(Usage(1, longest_seconds=took)) == asked


def test_usage_is_of_jobs_that_ended_well() -> None:
    found = usage_of(
        [
            execution(0, 1.0, max_rss=10 * M, loading=0.5),
            execution(1, 9.0, error="ValueError: no"),
            execution(2, None, max_rss=None),
            execution(3, 2.0, max_rss=30 * M),
            execution(4, 6.0, max_rss=20 * M, loading=1.5),
        ],
        5,
    )
    assert found == Usage(3, 2.0, 6.0, 9.0, 20 * M, 30 * M, 1.0)


def test_newest_execution_of_a_job_counts_and_jobs_that_are_no_more_do_not() -> None:
    found = usage_of([execution(0, 1.0), execution(7, 50.0), execution(0, 100.0)], 2)
    assert (found.count, found.longest_seconds) == (1, 1.0)


def hinted(**options: Any) -> list[str]:
    """Return to what advice `jor status` points in the working directory, with these options."""
    given = {"scheduler": "slurm", "overwrite-output": True, **{k.replace("_", "-"): v for k, v in options.items()}}
    return hint(survey(read_todo("todo.yaml"), read_config(given)))


def test_hint_names_what_does_not_fit(measured: Path) -> None:
    entries = "jobs_example(n=3), jobs_example(n=4)"
    assert hinted(time="00:05:00") == [f"mem of {entries}: other values would fit better, see jor advise"]
    assert hinted(mem="500M", time="00:05:00") == []
    what = "mem, time, jobs-per-task"
    assert hinted(jobs_per_task=1) == [f"{what} of {entries}: other values would fit better, see jor advise"]


def test_option_that_cannot_be_read_hinders_no_status(measured: Path) -> None:
    (line,) = hinted(mem="5 G")
    assert line.startswith("Warning: command line: mem = '5 G'")
