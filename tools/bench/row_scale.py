"""Row scale: how time, memory, system calls and files grow with the number of jobs.

The figure is the exponent of the growth: the slope of the straight line through the logarithms, by least squares, of
the two largest decades. 1 is linear; below 1 there is still a cost that does not grow.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from statistics import linear_regression, median
from typing import NamedTuple

from goals import COSTS, GOALS, SCALE
from many import jor, make_outputs, make_project, run_last
from peers import HERE, Peers
from results import Measured
from sizes import Sizes, workers
from squeue import poll_seconds
from timing import interleaved, run
from tracing import count_calls

#: Commands on a project whose jobs are all done.
_DONE = {"status": ["status"], "no-op": ["run"], "check": ["check"], "collect": ["collect"]}
#: Commands on one of which nothing is there.
_NOTHING = {"dry-run": ["run", "--dry-run"], "planning": ["status"]}
#: The least number of jobs with which a command is run once, and not traced: it takes a minute.
_ONCE = 5_000_000
_RUN_ONCE = 20_000


class Cost(NamedTuple):
    """What a command costs with so many jobs, in each round."""

    jobs: int
    seconds: Sequence[float]
    megabytes: Sequence[float] = ()
    calls: Sequence[float] = ()
    files: Sequence[float] = ()


def measure(sizes: Sizes, folder: Path, peers: Peers) -> list[Measured]:
    """Return the lines of this row."""
    costs: dict[str, list[Cost]] = {name: [] for name in SCALE}
    for jobs in sizes.scale:
        project = make_project(folder / str(jobs), "grid", jobs)
        make_outputs(folder / str(jobs) / "many", jobs)
        run_last(project, jobs, peers)
        commands = {name: jor(peers, *words) for name, words in _DONE.items()}
        _add(costs, _costs(project, jobs, commands, peers, sizes.rounds_slow))
    for jobs in sizes.scale_planning:
        project = make_project(folder / f"nothing-{jobs}", "grid", jobs)
        commands = {name: jor(peers, *words) for name, words in _NOTHING.items()}
        _add(costs, _costs(project, jobs, commands, peers, sizes.rounds_slow if jobs < _ONCE else 1))
    for jobs in sizes.scale_run:
        ran, _ = _run(folder / f"run-{jobs}", jobs, peers, sizes.rounds_slow)
        costs["run"].append(ran)
    for jobs in sizes.scale:
        ran, project = _run(folder / f"none-{jobs}", jobs, peers, sizes.rounds_slow, "--isolation", "none")
        costs["run-none"].append(ran)
        _add(costs, _unfinished(project, jobs, peers, sizes.rounds_slow))
    for jobs in sizes.scale_planning[:-1] if len(sizes.scale_planning) > 2 else sizes.scale_planning:
        costs["poll"].append(Cost(jobs, [poll_seconds(folder, jobs) for _ in range(sizes.rounds_slow)]))
    return [_line(name, cost, costs[name]) for name in costs for cost in (*COSTS, "files") if _key(name, cost) in GOALS]


def _add(costs: dict[str, list[Cost]], found: dict[str, Cost]) -> None:
    for name, cost in found.items():
        costs[name].append(cost)


def _costs(project: Path, jobs: int, argvs: dict[str, list[str]], peers: Peers, rounds: int) -> dict[str, Cost]:
    """Return what commands cost that change nothing."""
    found = interleaved({name: lambda argv=argv: run(argv, project) for name, argv in argvs.items()}, rounds)
    return {
        name: Cost(
            jobs,
            [spent.seconds for spent in spents],
            [spent.max_rss / 1e6 for spent in spents],
            [count_calls(peers.strace, argvs[name], project)] if peers.strace and jobs < _ONCE else (),
        )
        for name, spents in found.items()
    }


def _run(folder: Path, jobs: int, peers: Peers, rounds: int, *options: str) -> tuple[Cost, Path]:
    """Return what `jor run` costs, with its jobs, and a project in which it has run."""
    argv = [str(peers.jor), "run", "--quiet", "--workers", str(workers()), *options]
    numbers = count()

    def fresh() -> Path:
        project = folder / str(next(numbers))
        project.mkdir(parents=True)
        (project / "todo.yaml").write_text(f"jobs:\n- jobmodule: tiny.py\n  jobargs: n={jobs}\n")
        shutil.copy(HERE / "jobs/tiny.py", project)
        return project

    strace = peers.strace if jobs < _RUN_ONCE else None
    calls = [count_calls(strace, argv, fresh())] if strace else ()
    projects = [fresh() for _ in range(rounds if jobs < _RUN_ONCE else 1)]
    spents = [run(argv, project) for project in projects]
    seconds, megabytes = [spent.seconds for spent in spents], [spent.max_rss / 1e6 for spent in spents]
    files = sum(not path.is_dir() for path in (projects[0] / "outputs/.jor").rglob("*"))
    return Cost(jobs, seconds, megabytes, calls, [files]), projects[0]


def _unfinished(project: Path, jobs: int, peers: Peers, rounds: int) -> dict[str, Cost]:
    """Return what `jor status` costs when one of the outputs has gone: with nothing kept from before, and again."""
    (project / "outputs/0.txt").unlink()
    status = [str(peers.jor), "status"]
    run(status, project)
    return _costs(
        project, jobs, {"unfinished": ["env", "XDG_CACHE_HOME=/dev/null", *status], "again": status}, peers, rounds
    )


def _key(name: str, cost: str) -> str:
    return f"scale-{name}-{cost}"


def _line(name: str, cost: str, costs: list[Cost]) -> Measured:
    """Return the line of one cost of a command: its exponent in each round, and in the note its value by jobs."""
    points = [(point.jobs, getattr(point, cost)) for point in costs if getattr(point, cost)]
    if not points:
        return Measured(_key(name, cost), note="not measured: strace is not there")
    told = ", ".join(f"{_short(median(values))} at {jobs:,}" for jobs, values in points)
    rounds = min(len(values) for _, values in points)
    return Measured(_key(name, cost), [_exponent(points[-3:], number) for number in range(rounds)], note=told)


def _exponent(points: list[tuple[int, Sequence[float]]], number: int) -> float:
    """Return the exponent of the growth in one round."""
    logarithms = [(math.log(jobs), math.log(values[number])) for jobs, values in points]
    return round(linear_regression(*zip(*logarithms, strict=True)).slope, 3)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
