"""Everything that can be known of the jobs before they cost anything."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence

import attrs

from jor import JobModuleError
from jor.config import Config, Setting
from jor.entries import Entry
from jor.plan import Survey
from jor.status import Status

from .backends import Lazy
from .errors import explained, message
from .inside import survey
from .launch import Manner, launch
from .resources import local_workers
from .waiting import wait
from .words import jobs_of
from .wrappers import Start, start_of

#: Free space that is worth a word, bytes.
LITTLE_SPACE = 2**30


@attrs.frozen
class Finding:
    """What was found of one thing that was looked at."""

    text: str
    is_well: bool = True


def check(entries: Sequence[Entry], config: Config, *, trial: bool) -> Iterator[tuple[str, Iterator[Finding]]]:
    """Yield what each entry is called, and what is found of it; with `trial`, one job of each is executed."""
    cluster = Lazy(config)
    sound: list[Entry] = []
    for entry in entries:
        yield entry.label, _entry(entry, config, cluster, trial, sound)
    if len(sound) > 1:
        yield "all entries", _together(sound, config, cluster)


def _entry(entry: Entry, config: Config, cluster: Lazy, trial: bool, sound: list[Entry]) -> Iterator[Finding]:
    try:
        (found,) = survey([entry], config, cluster.ask)
        done = found.status.counts[Status.DONE]
        yield Finding(f"{jobs_of(found.status.total)} with as many outputs, {done:,} done")
        sound.append(entry)
        yield _resources(found)
        yield from _folder(found.folder, found.status.total - done)
        if not found.status.total:
            return
        start = start_of(found)
        if start.python:
            yield Finding(_told_start(start))
        if found.config["scheduler"] == "slurm":
            yield from _cluster(found, cluster)
        if trial:
            yield _trial(found)
    except explained() as error:
        yield _wrong(error)


def _together(entries: Sequence[Entry], config: Config, cluster: Lazy) -> Iterator[Finding]:
    try:
        total = sum(found.status.total for found in survey(entries, config, cluster.ask))
        yield Finding(f"{jobs_of(total)} with as many outputs")
    except JobModuleError as error:
        yield _wrong(error)


def _resources(found: Survey) -> Finding:
    config = found.config
    cpus = config["cpus-per-task"]
    each = f"each has {cpus} CPU{'' if cpus == 1 else 's'}, {config['mem']} of memory"
    if config["scheduler"] == "slurm":
        return Finding(f"{each} and {config['time']} of time")
    return Finding(f"{local_workers(config)} at once on this machine; {each}")


def _folder(folder: str, missing: int) -> Iterator[Finding]:
    """Tell whether the output folder can be written to, and whether outputs will fit."""
    place = folder
    while not os.path.exists(place):
        place = os.path.dirname(place)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        yield Finding(f"{folder} cannot be written: {error.strerror}\n  Make it writable, or set path-prefix", False)
        return
    space = os.statvfs(place)
    free = space.f_bavail * space.f_frsize
    told = f"{folder} can be written, {free / 2**30:,.1f} GiB free"
    if 0 < space.f_favail < missing:
        yield Finding(
            f"{folder} has room for {space.f_favail:,} files, and {missing:,} are to come\n  Free some", False
        )
    elif free < LITTLE_SPACE:
        yield Finding(f"{told}: that is little\n  Free some space, or set path-prefix", False)
    else:
        yield Finding(told)


def _told_start(start: Start) -> str:
    where = start.surroundings
    places = [f"the image {where.image}"] if where.image else []
    places += [f"the conda environment {where.condaenv}"] if where.condaenv else []
    return f"{' and '.join(places)}: {start.python}"


def _cluster(found: Survey, cluster: Lazy) -> Iterator[Finding]:
    backend = cluster.backend
    backend.check(found)
    jobs = found.status.pending or range(found.status.total)
    for wanted, chosen in backend.plan(found, jobs):
        yield Finding(f"Slurm {backend.limits.version}: {backend.try_submission(found, wanted, chosen)}")


def _trial(found: Survey) -> Finding:
    """Execute one job in a folder of its own, as it would be executed."""
    beside = found.config["path-prefix"]
    os.makedirs(beside, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=".jor-check-", dir=os.path.abspath(beside))
    own = {
        "path-prefix": Setting(scratch, "jor check --try"),
        "overwrite-output": Setting(False, "jor check --try"),
    }
    config = attrs.evolve(found.config, command_line={**found.config.command_line, **own})
    manner = Manner(only_first=True, quiet=True)
    code = launch([found.entry], config, manner)
    if not code and config["scheduler"] == "slurm":
        code = wait([found.entry], config, attrs.evolve(manner, only_first=True))
    (tried,) = survey([found.entry], config)
    if tried.status.counts[Status.DONE]:
        shutil.rmtree(scratch)
        return Finding("one job executed, and made its output")
    return Finding(f"one job executed, and made no output: exit code {code}\n  What it left is in {scratch}", False)


def _wrong(error: Exception) -> Finding:
    return Finding(message(error).removeprefix("Error: "), False)
