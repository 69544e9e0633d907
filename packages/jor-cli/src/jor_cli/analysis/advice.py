"""What jobs have used, held against what was asked for them: what to ask for instead.

Rules are functions of measured numbers, each of which gives one piece of advice, or none.
"""

from __future__ import annotations

import statistics
from array import array
from collections.abc import Iterable, Sequence

import attrs

from jor.planning.planner import Survey
from jor.planning.status import Shortage, Status
from jor.runs.attempts import Execution
from jor.runs.store import newest_first, read
from jor.runs.submission import Submission
from jor_slurm import format_memory, format_time, parse_time

from ..formatting import jobs_of, told_memory, told_seconds
from ..resources import parsed
from ..schedulers.slurm.sbatch_request import SHORTEST_TASK, needs_of, rounds_of

#: Of fewer jobs that ended well nothing is concluded.
FEWEST = 3
#: Times what would do that may be asked for before it is worth a word.
TOO_MUCH = 3
#: The part of what was asked for beyond which it is about to be too little.
NEARLY_ALL = 0.9
#: What is advised: so many times the largest that was seen.
MEMORY_MARGIN, TIME_MARGIN = 1.2, 1.5
#: Memory of the worker that runs the job, bytes: an interpreter, beside what it shares with the job.
WORKER = 32 * 2**20
#: A job module that is loaded in less, seconds, is no burden.
QUICK_LOADING = 0.2

_M, _G = 2**20, 2**30
#: What is rounded up to which steps: below so many bytes or seconds, and the step.
_MEMORY_STEPS = ((_G, 100 * _M), (4 * _G, 512 * _M), (16 * _G, _G), (64 * _G, 4 * _G), (2**62, 16 * _G))
_TIME_STEPS = ((3600, 300), (6 * 3600, 900), (86_400, 3600), (2**31, 6 * 3600))


@attrs.frozen
class Usage:
    """What the jobs of an entry have used that ended well, each counted once, by its newest execution."""

    count: int = 0
    #: How long they took.
    median_seconds: float = 0.0
    longest_seconds: float = 0.0
    total_seconds: float = 0.0
    #: Their largest resident sets, bytes.
    median_rss: int = 0
    largest_rss: int = 0
    #: How long it took to load the job module for them, where it had to be.
    median_loading: float = 0.0

    @property
    def mean_seconds(self) -> float:
        """How long they took in the mean."""
        return self.total_seconds / max(1, self.count)


@attrs.frozen
class Asked:
    """What is asked for the jobs of an entry, and how they are run."""

    scheduler: str
    #: For one job, bytes and seconds; None: not asked for; 0 bytes: all memory of the node.
    mem: int | None
    time: int | None
    isolation: str
    #: The option jobs-per-task; None for auto. How long an array task is to last then, seconds.
    jobs_per_task: int | None = None
    target: int | None = None
    #: Jobs that an array task of the newest submission runs one after the other; 0: it is none of Slurm's.
    rounds: int = 0
    #: Jobs in all, and those of them that wait in the queue.
    total: int = 0
    queued: int = 0
    #: What some jobs have had too little of.
    short: frozenset[Shortage] = frozenset()


@attrs.frozen
class Advice:
    """A value for an option, and why."""

    option: str
    value: str
    why: str


@attrs.frozen
class Found:
    """An entry, and what there is to say of it."""

    survey: Survey
    asked: Asked
    usage: Usage
    advice: Sequence[Advice]

    @property
    def has_run(self) -> bool:
        """Whether any of its jobs has begun."""
        status = self.survey.status
        return self.usage.count > 0 or status.counts[Status.MISSING] + status.counts[Status.QUEUED] < status.total

    @classmethod
    def of(cls, survey: Survey, executions: Iterable[Execution]) -> Found:
        """Return what is to be said of an entry by its executions, the newest first."""
        run = next(newest_first(survey.records), None)
        asked = asked_of(survey, read(run) if run else None)
        usage = usage_of(executions, survey.status.total)
        return cls(survey, asked, usage, advise(asked, usage))


def usage_of(executions: Iterable[Execution], total: int) -> Usage:
    """Return what jobs 0 .. `total`-1 have used, from their executions, the newest first; others are passed over."""
    seen = bytearray(total)
    seconds, sizes, loadings = array("d"), array("q"), array("d")
    for one in executions:
        if one.ended_well and 0 <= one.index < total and not seen[one.index]:
            seen[one.index] = 1
            seconds.append(one.seconds or 0.0)
            sizes.append(one.max_rss or 0)
            if one.loading is not None:
                loadings.append(one.loading)
    if not seconds:
        return Usage()
    return Usage(
        count=len(seconds),
        median_seconds=statistics.median(seconds),
        longest_seconds=max(seconds),
        total_seconds=sum(seconds),
        median_rss=int(statistics.median(sizes)),
        largest_rss=max(sizes),
        median_loading=statistics.median(loadings) if loadings else 0.0,
    )


def asked_of(found: Survey, newest: Submission | None) -> Asked:
    """Return what an entry's options ask for its jobs, whose `newest` submission is this.

    Raise ConfigError for what is not in Slurm's syntax.
    """
    config = found.config
    needs = needs_of(config)
    batch = newest.batch if newest else None
    per_task = config["jobs-per-task"]
    return Asked(
        scheduler=config["scheduler"],
        mem=needs.mem,
        time=needs.time,
        isolation=config["isolation"],
        jobs_per_task=None if per_task == "auto" else per_task,
        target=parsed(config, "target-task-time", parse_time),
        rounds=-(-batch.jobs_per_task // batch.workers_per_task) if batch else 0,
        total=found.status.total,
        queued=found.status.counts[Status.QUEUED],
        short=frozenset(problem.shortage for problem in found.status.problems if problem.shortage),
    )


def memory_for(usage: Usage) -> int:
    """Return the memory to ask for jobs like these, bytes: a fifth more than the largest, a round number."""
    return _rounded(usage.largest_rss * MEMORY_MARGIN + WORKER, _MEMORY_STEPS)


def time_for(usage: Usage) -> int:
    """Return the time to ask for jobs like these, seconds: half as much again as the longest, a round number."""
    return _rounded((usage.longest_seconds + usage.median_loading) * TIME_MARGIN, _TIME_STEPS)


def advise(asked: Asked, usage: Usage) -> list[Advice]:
    """Return what to ask for instead; nothing when that is what is asked for, or when too few jobs are known."""
    if usage.count < FEWEST:
        return []
    return [advice for advice in (rule(asked, usage) for rule in RULES) if advice is not None]


def _memory(asked: Asked, usage: Usage) -> Advice | None:
    enough = memory_for(usage)
    if not asked.mem or not _is_off(asked.mem, usage.largest_rss, enough, Shortage.MEMORY in asked.short):
        return None
    why = f"{format_memory(asked.mem)} is asked for, and the largest of {jobs_of(usage.count)} used "
    return Advice("mem", format_memory(enough), why + told_memory(usage.largest_rss))


def _time(asked: Asked, usage: Usage) -> Advice | None:
    enough = time_for(usage)
    if asked.time is None or not _is_off(asked.time, usage.longest_seconds, enough, Shortage.TIME in asked.short):
        return None
    why = f"{format_time(asked.time)} is asked for, and the longest of {jobs_of(usage.count)} took "
    return Advice("time", format_time(enough), why + told_seconds(usage.longest_seconds))


def _packing(asked: Asked, usage: Usage) -> Advice | None:
    mean = usage.mean_seconds
    fitting = min(asked.total, rounds_of(mean, asked.total, asked.target or SHORTEST_TASK))
    work = mean * asked.rounds
    loading = usage.median_loading if usage.median_loading > max(work, QUICK_LOADING) else 0.0
    if asked.scheduler != "slurm" or not asked.rounds or fitting <= 2 * asked.rounds:
        return None
    if work > SHORTEST_TASK and not loading:
        return None
    each = f"{jobs_of(asked.rounds)} of {told_seconds(mean)}"
    why = f"an array task runs {each}" + (f", after {told_seconds(loading)} of loading its module" if loading else "")
    if asked.jobs_per_task is not None:
        return Advice("jobs-per-task", "auto", f"{why}; auto would pack about {fitting:,} into a task")
    if not asked.queued:
        return None  # the next submission packs them
    why = f"{why}: durations were not known when these were submitted. jor cancel, then jor run, "
    return Advice("jobs-per-task", "auto", why + f"would pack about {fitting:,} into a task")


def _loading(asked: Asked, usage: Usage) -> Advice | None:
    heavy = usage.median_loading > max(QUICK_LOADING, usage.mean_seconds)
    if asked.isolation != "spawn" or not heavy:
        return None
    loading, job = told_seconds(usage.median_loading), told_seconds(usage.mean_seconds)
    why = f"loading the job module takes {loading}, a job {job}: spawn loads it for each job, auto for many at once"
    return Advice("isolation", "auto", why)


#: Each looks at one thing.
RULES = (_memory, _time, _packing, _loading)


def _is_off(asked: float, used: float, enough: float, was_short: bool) -> bool:
    """Tell whether far too much is asked for, which cannot be where jobs ran short, or too little."""
    return (asked >= TOO_MUCH * enough and not was_short) or used > NEARLY_ALL * asked


def _rounded(amount: float, steps: tuple[tuple[int, int], ...]) -> int:
    """Return `amount` rounded up to a multiple of the step for its size, at least one."""
    step = next(step for below, step in steps if amount < below)
    return max(1, -int(-amount // step)) * step
