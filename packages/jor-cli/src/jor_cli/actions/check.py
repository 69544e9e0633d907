"""Everything that can be known of the jobs before they cost anything."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jor import JobModuleError, JorError
from jor.errors import nearest
from jor.planning.planner import Survey
from jor.planning.status import Status
from jor.runtime.own_modules import is_of_python, shadows
from jor.runtime.remote_jobs import Listed
from jor.settings.config import Config, peruse_config
from jor.settings.options import Value
from jor.todo.entry import Entry
from jor.todo.reader import select
from jor_slurm import format_time, parse_memory, parse_time

from ..analysis.draws import draws_of
from ..environments.worker_command import WorkerCommand
from ..errors import explained, message
from ..files import existing
from ..formatting import counted, jobs_of, told_memory, told_path, told_resources, told_states
from ..rendering.findings import Finding
from ..resources import Limit, local_workers, parsed, usable_cpus, usable_memory
from ..workspace import Workspace
from .trial import Trial, try_one

if TYPE_CHECKING:
    from ..schedulers.slurm.scheduler import Backend

#: Free space that is worth a word, bytes.
LITTLE_SPACE = 2**30


def check(
    given: Mapping[str, Value], names: tuple[str, ...], *, trial: bool
) -> Iterator[tuple[str, Iterator[Finding]]]:
    """Yield what is looked at, by its name, with what is found of it: options, the todo-list, and each entry.

    With `trial`, one job of each entry is executed. Raise TodoError for one of `names` that no entry has.
    """
    config, mistakes = peruse_config(given)
    yield "options", _read(_told_options(config), mistakes)
    with Workspace(config) as workspace:
        yield from _check_all(workspace, names, mistakes, trial=trial)


def _check_all(
    workspace: Workspace, names: tuple[str, ...], mistakes: Sequence[JorError], *, trial: bool
) -> Iterator[tuple[str, Iterator[Finding]]]:
    config = workspace.config
    entries, more = workspace.entries_with_errors()
    yield config["todo-list"], _read(f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'}", more)
    sound: list[Entry] = []
    warnings: set[str] = set()
    for entry in select(entries, names) if entries else ():
        # What would be tried with wrong options is not what will run.
        yield entry.label, _entry(workspace, entry, trial and not mistakes, sound, warnings)
    if len(sound) > 1:
        yield "all entries", _together(workspace, sound)


def _read(told: str, mistakes: Sequence[JorError]) -> Iterator[Finding]:
    yield from map(_wrong, mistakes)
    if not mistakes:
        yield Finding(told)


def _told_options(config: Config) -> str:
    layers = (
        ("jor.cfg", config.file),
        ("the environment", config.environment),
        ("the command line", config.command_line),
    )
    told = ", ".join(f"{len(layer)} from {name}" for name, layer in layers if layer)
    return told or "none set: defaults hold"


def _entry(
    workspace: Workspace, entry: Entry, trial: bool, sound: list[Entry], warnings: set[str]
) -> Iterator[Finding]:
    is_well = True
    try:
        (found,) = workspace.survey([entry], workspace.cluster.ask)
        yield Finding(_told_jobs(found))
        sound.append(entry)
        yield from _shadows(entry)
        for finding in _found(workspace, found):
            yield finding
            is_well &= finding.is_well
        yield from _draws(found, warnings)
        if trial and is_well and found.status.total:
            if found.config["scheduler"] == "slurm":
                yield Finding("one job is submitted; Ctrl-C takes it back")
            yield _tried(try_one(workspace, found))
    except explained() as error:
        yield _wrong(error)


def _found(workspace: Workspace, found: Survey) -> Iterator[Finding]:
    yield from _resources(found.config)
    yield from _folder(found.folder, found.status.left)
    if not found.status.total:
        return
    worker = workspace.worker_command(found)
    if worker.python:
        yield from _environment(workspace, found, worker)
    if found.config["isolation"] == "auto":
        isolation = workspace.remote.isolation(found.entry, found.config)
        if isolation is not None and isolation.notice:
            yield Finding(isolation.notice)
    if found.config["scheduler"] == "slurm":
        yield from _cluster(found, workspace.cluster.backend)


def _shadows(entry: Entry) -> Iterator[Finding]:
    """Tell which files beside a job module take the place of Python's own modules in jobs."""
    if is_of_python(entry.stem):
        what = f"{told_path(entry.jobmodule)} has the name of Python's own module {entry.stem}"
        remedy = "Processes that its jobs start by spawn or forkserver may load one for the other: give it another name"
        yield Finding(f"{what}\n  {remedy}", is_warning=True)
    for file in shadows(entry.jobmodule):
        what = f"{told_path(file)} takes the place of Python's own module in jobs, as for `python {entry.stem}.py`"
        yield Finding(f"{what}\n  Give it another name unless that is meant", is_warning=True)


def _environment(workspace: Workspace, found: Survey, worker: WorkerCommand) -> Iterator[Finding]:
    """Tell in which Python jobs run, and whether the job module can be loaded there."""
    told, program = _told_worker(worker), worker.wrapper.wrap([""])[0]
    if shutil.which(program) is None and program:
        yield Finding(f"{told}; whether its job module can be loaded there is not known: {program} is not here")
        return
    if not isinstance(found.jobs, Listed):  # otherwise that has been done
        workspace.remote.jobs(found.entry, found.config)
    yield Finding(f"{told}, which can load its job module")


def _together(workspace: Workspace, entries: Sequence[Entry]) -> Iterator[Finding]:
    try:
        surveys = workspace.survey(entries, workspace.cluster.ask)
        total = sum(found.status.total for found in surveys)
        yield Finding(f"{jobs_of(total)}, each with an output of its own")
    except JobModuleError as error:
        yield _wrong(error)


def _told_jobs(found: Survey) -> str:
    told = told_states({**found.status.counts, Status.MISSING: 0}) or "none done yet"
    return f"{jobs_of(found.status.total)}, each with an output of its own; {told}" if found.status.total else "no jobs"


def _resources(config: Config) -> Iterator[Finding]:
    """Tell what a job gets, how many run at once on this machine, and whether it has what a job asks for."""
    workers = local_workers(config)
    if config["scheduler"] == "slurm":
        time = f", {config['time']} of time" if config["time"] else ""
        yield Finding(f"{told_resources(config)} for each job{time}")
        return
    cpus, memory = usable_cpus(), usable_memory()
    mine = {"mem": memory.amount, "cpus-per-task": cpus.amount}
    here = _told_here(cpus, memory)
    asked = {"mem": parsed(config, "mem", parse_memory) or 0, "cpus-per-task": config["cpus-per-task"]}
    # What nobody has set is a guess, not a demand.
    absurd = [name for name in asked if asked[name] > mine[name] and config.setting(name).source != "default"]
    for name in absurd:
        setting = config.setting(name)
        what = f"{setting.source}: {name} = {setting.value}: this machine has {here}"
        yield Finding(f"{what}\n  Ask for less, or use a cluster", False)
    if not absurd:
        yield Finding(f"{workers:,} at once: {here} here, {told_resources(config)} for each job")


def _told_here(cpus: Limit, memory: Limit) -> str:
    """Return what jobs on this machine may use, with what allows no more than that."""
    told = [(counted(cpus.amount, "CPU"), cpus.by), (told_memory(memory.amount), memory.by)]
    return " and ".join(f"{amount} (by {by})" if by else amount for amount, by in told)


def _folder(folder: str, missing: int) -> Iterator[Finding]:
    """Tell whether the output folder can be written to, and whether outputs will fit."""
    shown, place = told_path(folder), existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        yield Finding(f"{shown} cannot be written: {error.strerror}\n  Make it writable, or set path-prefix", False)
        return
    space = os.statvfs(place)
    free = space.f_bavail * space.f_frsize
    told = f"{shown} can be written, {told_memory(free)} free"
    if 0 < space.f_favail < missing:
        yield Finding(f"{shown} has room for {space.f_favail:,} files, and {missing:,} are to come\n  Free some", False)
    elif free < LITTLE_SPACE:
        yield Finding(f"{told}: that is little\n  Free some space, or set path-prefix", False)
    else:
        yield Finding(told)


def _draws(found: Survey, warnings: set[str]) -> Iterator[Finding]:
    """Tell which random numbers jobs would share, or could not draw again, unless another entry has told it."""
    for told in (draw.told for draw in draws_of(found)):
        if told not in warnings:
            warnings.add(told)
            yield Finding(told, is_warning=True)


def _told_worker(worker: WorkerCommand) -> str:
    where = worker.surroundings
    places = [f"the image {where.image}"] if where.image else []
    places += [f"the conda environment {where.condaenv}"] if where.condaenv else []
    return f"{' and '.join(places)}: {worker.python}"


def _cluster(found: Survey, backend: Backend) -> Iterator[Finding]:
    backend.check(found)
    config, limits = found.config, backend.limits
    partition, time = config.setting("partition"), config.setting("time")
    wanted = filter(None, str(partition.value or "").split(","))
    for name in (name for name in wanted if limits.partitions and name not in limits.partitions):
        remedy = nearest(name, tuple(limits.partitions))
        yield Finding(f"{partition.source}: there is no partition {name!r}\n  {remedy}", False)
        return
    asked, most = parsed(config, "time", parse_time), limits.max_time(str(partition.value or ""))
    if most is not None and asked is not None and asked > most:
        what = f"time = {time.value}: the partition allows {format_time(most)}"
        yield Finding(f"{time.source}: {what}\n  Ask for no more, or choose another partition", False)
        return
    jobs = found.status.pending or range(found.status.total)
    for request, chosen in backend.plan(found, jobs):
        yield Finding(f"Slurm {limits.version}: {backend.try_submission(found, request, chosen)}")


def _tried(trial: Trial) -> Finding:
    return Finding(trial.told, trial.is_well)


def _wrong(error: Exception) -> Finding:
    return Finding(message(error).removeprefix("Error: "), False)
