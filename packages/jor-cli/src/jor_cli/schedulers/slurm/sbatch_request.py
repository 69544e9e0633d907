"""From an entry's options to what Slurm is asked for: resources, time, jobs a task."""

from __future__ import annotations

import math
import os
import re
import shlex
import statistics
from collections.abc import Iterator, Sequence

import attrs

from jor import ConfigError
from jor.planning.status import Problem, Shortage
from jor.runs.submission import Batch
from jor.runtime.run_folder import Run
from jor.settings.config import Config
from jor.settings.options import BY_NAME
from jor_slurm import (
    ARRAY_TASK_ID,
    END_TIME,
    JOB_ID,
    RESTART_COUNT,
    START_TIME,
    IndexSet,
    Limits,
    SbatchOptions,
    Slurm,
    SlurmError,
    batch_script,
    format_memory,
    format_time,
    literal,
    parse_memory,
    parse_time,
)

from ...resources import parsed
from .prologue import SUFFIX

#: An array task that lasts less, seconds, costs Slurm about as much as the work that it does.
SHORTEST_TASK = 60
#: Tasks into which many short jobs are cut at least.
_FEWEST_TASKS = 20
#: Options that sbatch has as well, and that are not passed as they are: see `request`.
_COMPUTED = ("mem", "time", "cpus-per-task", "requeue", "signal")


@attrs.frozen
class Needs:
    """What one job is given: bytes and seconds; None is not asked for."""

    mem: int | None
    time: int | None


@attrs.frozen
class Request:
    """How some jobs of an entry are to be submitted."""

    needs: Needs
    jobs_per_task: int
    workers: int
    #: Seconds that a task gets; None: what the partition gives by default.
    time_limit: int | None
    throttle: int | None
    options: SbatchOptions
    prologue: str
    #: Seconds before its end at which a task is warned; 0 for never.
    warning: int

    def batch(self, name: str) -> Batch:
        """Return the part of the submission that tells its tasks how to work; the command is still to come."""
        return Batch(
            name=name,
            jobs_per_task=self.jobs_per_task,
            workers_per_task=self.workers,
            mem=self.needs.mem,
            time=self.needs.time,
            time_limit=self.time_limit,
            warning=self.warning,
            requeue=("scontrol", "requeue") if self.options.requeue and self.warning else (),
            command=(),
        )

    def options_of(self, name: str, folder: str) -> SbatchOptions:
        """Return the options of an array with this name, whose submission has the folder `folder`."""
        return attrs.evolve(
            self.options,
            job_name=name,
            chdir=folder,
            output=f"{literal(folder)}/task-%a.log",
            open_mode="append",
        )


def needs_of(config: Config) -> Needs:
    """Return what the options ask for one job. Raise ConfigError for what is not in Slurm's syntax."""
    mem, limit = parsed(config, "mem", parse_memory), parsed(config, "time", parse_time)
    users = (config.command_line, config.environment, config.todo_item, config.file)
    if any(config[name] for name in ("mem-per-cpu", "mem-per-gpu")) and not any("mem" in layer for layer in users):
        mem = None  # what the user says replaces what the class says
    return Needs(mem, limit)


def escalated(config: Config, asked: Batch, *, memory: bool) -> Needs:
    """Return what a job gets that ran out of memory, or else of time, after it had been given what was `asked`."""
    scale, base = config["retry-scale"], needs_of(config)
    if memory and asked.mem:
        most = parsed(config, "max-mem", parse_memory) or math.inf
        return attrs.evolve(base, mem=max(base.mem or 0, int(min(asked.mem * scale, most))))
    if not memory and asked.time:
        most = parsed(config, "max-time", parse_time) or math.inf
        return attrs.evolve(base, time=max(base.time or 0, int(min(asked.time * scale, most))))
    return base


def passed() -> list[str]:
    """Return the options of jor that are passed to sbatch as they are: those that SbatchOptions has as well."""
    fields = attrs.fields_dict(SbatchOptions)
    rows = [option for option in BY_NAME.values() if option.section in ("submit", "slurm")]
    return [option.name for option in rows if option.attribute in fields and option.name not in _COMPUTED]


def request(
    config: Config, needs: Needs, count: int, durations: list[float], limits: Limits, avoid: tuple[str, ...] = ()
) -> Request:
    """Return how `count` jobs that need `needs` are submitted; `durations` are seconds that earlier ones took.

    `avoid` are nodes that are not to be used. Raise ConfigError for options that Slurm would not take.
    """
    workers = int(config["workers-per-task"])
    jobs = _jobs_per_task(config, workers, count, durations)
    limit = _time_limit(config, needs.time, -(-jobs // workers), limits)
    values = {BY_NAME[name].attribute: config[name] for name in passed() if config[name]}
    excluded = ",".join(filter(None, [config["exclude"], *avoid]))
    warning = int(config["signal"])
    if warning and config["requeue"] and config["sif"]:
        raise ConfigError(
            "signal and requeue together need scontrol, which there is not in a container",
            where=config.setting("requeue").source,
            remedy="Leave out one of them: jor run submits again what a task has left",
        )
    if limit is not None and warning >= limit:
        raise ConfigError(
            f"signal = {warning} is not less than the {limit} s that a task has: it would be warned as it starts",
            where=config.setting("signal").source,
            remedy="Give it more time, or a smaller signal",
        )
    try:
        options = SbatchOptions(
            **{**values, "exclude": excluded},
            mem=None if needs.mem is None else format_memory(needs.mem * workers),
            time=format_time(limit) if config["time"] else None,
            cpus_per_task=int(config["cpus-per-task"]) * workers,
            requeue=bool(config["requeue"]),
            signal=f"B:USR2@{warning}" if warning else None,
            extra=shlex.split(config["options"] or ""),
        )
    except (SlurmError, ValueError) as error:
        what = error.what if isinstance(error, SlurmError) else f"options = {config['options']!r}: {error}"
        remedy = error.remedy if isinstance(error, SlurmError) else "Write them as on a command line"
        raise ConfigError(what, where=_blamed(config, what), remedy=remedy) from error
    return Request(needs, jobs, workers, limit, config["array-throttle"], options, config["prologue"] or "", warning)


def by_needs(config: Config, problems: Sequence[Problem], chosen: Sequence[int]) -> dict[Needs, Sequence[int]]:
    """Return the jobs `chosen`, together with those that need the same; what ran short before may get more."""
    usual = needs_of(config)
    if config["retry-scale"] == 1:
        return {usual: chosen}
    short = {problem.index: problem for problem in problems if problem.shortage and problem.asked}
    groups: dict[Needs, list[int]] = {}
    for index in chosen:
        problem = short.get(index)
        needs = usual
        if problem is not None and problem.asked is not None:
            needs = escalated(config, problem.asked, memory=problem.shortage is Shortage.MEMORY)
        groups.setdefault(needs, []).append(index)
    return dict(groups)


def apart(wanted: Request, jobs: Sequence[int], deadly: frozenset[int]) -> Iterator[tuple[Request, Sequence[int]]]:
    """Yield how `jobs` are submitted: those during which a task died have one each, since it may take others along."""
    safe = [index for index in jobs if index not in deadly] if deadly else jobs
    if safe:
        yield wanted, safe
    if len(safe) < len(jobs):
        yield attrs.evolve(wanted, jobs_per_task=1), [index for index in jobs if index in deadly]


def script_of(request: Request, command: list[str], run: Run) -> str:
    """Return the batch script whose tasks run `command` for the submission `run`."""
    variables = (ARRAY_TASK_ID, RESTART_COUNT, START_TIME, END_TIME, JOB_ID)
    ended = (os.path.join(run.folder, "task-"), ARRAY_TASK_ID, ".r", RESTART_COUNT, SUFFIX)
    return batch_script(command, variables=variables, prologue=request.prologue, ended=ended)


def submit_command(slurm: Slurm, request: Request, options: SbatchOptions, tasks: int) -> tuple[str, ...]:
    """Return the command that submits an array of `tasks` tasks."""
    return slurm.submit_command(options, indices(tasks), request.throttle)


def indices(tasks: int) -> IndexSet:
    """Return the indices of an array of `tasks` tasks: from 0 on, since a cluster limits the highest index."""
    return IndexSet(((0, tasks - 1),))


def job_name(label: str, token: str) -> str:
    """Return the name of an array: readable, and no other's."""
    return f"jor-{re.sub(r'[^A-Za-z0-9.-]+', '_', label)[:60].strip('_')}-{token}"


def _jobs_per_task(config: Config, workers: int, count: int, durations: list[float]) -> int:
    if config["jobs-per-task"] != "auto":
        return int(config["jobs-per-task"])
    target = parsed(config, "target-task-time", parse_time)
    if not durations or target is None:
        return workers
    # The mean, not the median: what counts is how long many of them last together.
    return rounds_of(statistics.fmean(durations), -(-count // workers), target) * workers


def rounds_of(mean: float, count: int, target: float) -> int:
    """Return how many of `count` jobs, of `mean` seconds, an array task runs that is to last `target` seconds.

    Few jobs are spread over some tasks, as long as each lasts a while: an idle cluster then runs them at once.
    """
    mean = max(mean, 0.001)
    return max(1, int(min(target, max(SHORTEST_TASK, mean * count / _FEWEST_TASKS)) / mean))


def _time_limit(config: Config, job: int | None, rounds: int, limits: Limits) -> int | None:
    """Return how long a task may last that runs `rounds` jobs one after the other, seconds."""
    if job is None or rounds == 1:
        return job
    limit = job * rounds
    target = parsed(config, "target-task-time", parse_time)
    if config["jobs-per-task"] == "auto" and target is not None:
        limit = min(limit, job + 2 * target)
    # No more than is allowed: a task begins no job that would not fit, and leaves it to the next submission.
    most = [limits.max_time(config["partition"] or ""), parsed(config, "max-time", parse_time)]
    return max(job, min([limit, *(time for time in most if time is not None)]))


def _blamed(config: Config, what: str) -> str:
    """Return where the option was set that an error names first."""
    for name in (*passed(), "mem", "options"):
        if what.startswith((name, name.replace("-", "_"))):
            return config.setting(name).source
    return config.setting("options").source if config["options"] else ""
