"""How all that is known of an entry, or of one job, is told."""

from __future__ import annotations

import os
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jor import TodoError
from jor.planning.halves import HalfOutputs
from jor.planning.planner import Survey
from jor.planning.status import Status
from jor.runs.attempts import Execution
from jor.runs.marks import Mark
from jor.runs.store import newest_first, planned_at, read
from jor.runs.submission import Surroundings, seconds_of
from jor.runtime.outputs import output_names
from jor.runtime.remote_jobs import Listed
from jor.settings.options import OPTIONS

from ..analysis.advice import usage_of
from ..formatting import (
    jobs_of,
    tasks_of,
    told_job,
    told_memory,
    told_parameters,
    told_path,
    told_seconds,
    told_states,
    told_time,
)
from ..schedulers import request_log
from ..terminal import style
from .tables import table, width

#: Options that are told whether somebody has set them or not.
_TOLD = ("scheduler", "cpus-per-task", "mem", "time")
#: Sections whose options decide how jobs run.
_SECTIONS = ("submit", "local", "slurm", "container")
#: Files that a collection has made that are named.
MOST_NAMES = 3
#: Jobs that run that are named.
MOST_RUNNING = 5
#: How an attempt has ended of which no more is known than its begin.
_UNKNOWN = "without a known end"
#: Columns of a field's name and what is before it.
_INDENT = 15

Field = tuple[str, Sequence[str]]


def of_entry(found: Survey, note: Mapping[str, Any] | None) -> str:
    """Return what an entry runs and how, what its jobs have used, and what was submitted last.

    `note` is what was left of its last collection.
    """
    states = told_states(found.status.counts)
    fields: list[Field] = [
        ("job module", [told_path(found.entry.jobmodule)]),
        ("arguments", _wrapped(found.entry.arguments or "none")),
        ("outputs", [told_path(found.folder)]),
        ("jobs", _wrapped(f"{found.status.total:,}: {states}" if states else "none")),
        ("options", _options(found)),
        *_past(found),
        *_marked(found),
        *_collected(note),
        ("records", [told_path(found.records)]),
    ]
    return "\n".join([style(found.entry.label, bold=True), *_lines(fields)])


def of_job(found: Survey, index: int) -> str:
    """Return parameters, output and state of a job, and each attempt at it, the newest first.

    Raise JobModuleError when there is no such job.
    """
    parameters = told_parameters(found.parameters(index))
    attempts = [one for one in found.history.executions() if one.index == index]
    attempts.sort(key=lambda one: one.started, reverse=True)
    status, why = _state(found, index)
    fields: list[Field] = [
        ("parameters", _wrapped(parameters)),
        ("output", [_output(found.output(index))]),
        *([] if isinstance(found.jobs, Listed) else [("seed", [str(found.jobs.job_seed(index))])]),
        *([("why", _wrapped(why))] if why else []),
        *_marked(found, index),
        *_written_by(found, index),
        *_submitted(found, index),
    ]
    logs = list(dict.fromkeys(told_path(one.log) for one in attempts if one.log))
    if logs:
        fields.append(("logs", logs))
        fields.append(("read it by", [f"jor logs {shlex.quote(found.entry.label)} {index}"]))
    title = style(f"{found.entry.label} job {index}: {status.value}", bold=True)
    return "\n".join([title, *_lines(fields), *(["", _attempts(attempts, status)] if attempts else [])])


def with_output(path: str, surveys: Iterable[Survey]) -> Iterator[tuple[Survey, int]]:
    """Yield the job whose output has this path. Raise TodoError when there is none."""
    path = os.path.abspath(path)
    for found in surveys:
        if path.startswith(os.path.join(found.folder, "")):
            name = os.path.relpath(path, found.folder)
            for index, one in enumerate(output_names(found.jobs)):
                if one == name:
                    yield found, index
                    return
    remedy = "Name an entry, or an output of one: jor status shows the entries"
    raise TodoError("no job has this output", where=path, remedy=remedy)


def _options(found: Survey) -> list[str]:
    """Return the options that decide how jobs run: those that matter always, and those that somebody has set."""
    settings = {option.name: found.config.setting(option.name) for option in OPTIONS if option.section in _SECTIONS}
    told = {name: one for name, one in settings.items() if name in _TOLD or one.source != "default"}
    lines = [f"{name} = {one.value}".splitlines()[0] for name, one in told.items() if one.value is not None]
    size = max(map(len, lines))
    sources = [one.source for one in told.values() if one.value is not None]
    return [f"{line:{size}}  ({source})" for line, source in zip(lines, sources, strict=True)]


def _past(found: Survey) -> Iterator[Field]:
    """Yield what has been executed and submitted."""
    ends: Counter[str] = Counter()
    running = frozenset(found.status.running)
    underway: dict[int, Execution] = {}

    def counted() -> Iterator[Execution]:
        for one in found.history.executions():
            ends[_end(one)] += 1
            if one.seconds is None and one.index in running:
                newest = underway.setdefault(one.index, one)  # of the newest submission; the last attempt comes last
                if newest.run == one.run:
                    underway[one.index] = one
            yield one

    usage = usage_of(counted(), found.status.total)
    if underway:
        ends.subtract({_UNKNOWN: len(underway)})
        ends[Status.RUNNING.value] = len(underway)
        yield "running", list(_running(found, sorted(underway.values(), key=lambda one: one.started)))
    if ends:
        told = ", ".join(f"{count:,} {end}" for end, count in ends.most_common() if count)
        yield "attempts", _wrapped(f"{ends.total():,}: {told}")
    if usage.count:
        yield (
            "durations",
            [f"median {told_seconds(usage.median_seconds)}, longest {told_seconds(usage.longest_seconds)}"],
        )
        yield "memory", [f"median {told_memory(usage.median_rss)}, largest {told_memory(usage.largest_rss)}"]
    yield from _submitted(found)


def _running(found: Survey, running: Sequence[Execution]) -> Iterator[str]:
    """Yield which jobs run, where and since when; they come in the order of their begin."""
    for one in running[:MOST_RUNNING]:
        yield from _wrapped(f"{told_job(found, one.index)} on {one.host} since {told_time(one.started)}")
    if len(running) > MOST_RUNNING:
        yield f"and {len(running) - MOST_RUNNING:,} begun after these"


def _submitted(found: Survey, index: int | None = None) -> Iterator[Field]:
    """Yield when jobs of an entry, or this one, were last submitted, where to, and what they run in."""
    for run in newest_first(found.records):
        submission = read(run)
        if index is None or submission.has(found.history.places.of(run, submission).then(index)):
            where = f"on {submission.host}"
            if submission.batch:
                array = request_log.read(run).array
                where = f"as Slurm array {array.job_id if array else '?'}, {tasks_of(submission.tasks)}"
            yield (
                "submitted",
                _wrapped(f"{told_time(seconds_of(submission.created))} {where}, {jobs_of(submission.count)}"),
            )
            yield "runs in", _surroundings(submission.surroundings)
            if submission.batch and run.past is None:
                yield "script", [told_path(run.script)]
            return


def _collected(note: Mapping[str, Any] | None) -> Iterator[Field]:
    """Yield what the last collection covers."""
    if note is not None:
        when = told_time(seconds_of(note["collected"]))
        what = f"{when}, {note['included']['count']:,} of {note['total']:,} outputs"
        made = f" into {', '.join(note['made'][:MOST_NAMES])}" if note["made"] else ""
        doubt = "; another collection has begun since, and not succeeded" if "unfinished_since" in note else ""
        yield "collected", _wrapped(what + made + doubt)


def _marked(found: Survey, index: int | None = None) -> Iterator[Field]:
    """Yield who wants outputs of an entry, or this one, to be made again, and who took this one as it is."""
    marks, places = found.history.marks, found.history.places
    if index is None:
        old = frozenset(map(places.name, found.status.old))
    else:
        old = frozenset([places.name(index)] if index in found.status.old else [])
    for mark in marks.outdated if old else ():
        if not old.isdisjoint(mark.names.all()):
            yield "outdated", _wrapped(f"since {_said(mark)}; the old output stands")
    if index is not None:
        accepted = marks.accepted_names.get(places.name(index))
        going_on = marks.incomplete_names.get(places.name(index))
        if accepted is not None:
            yield "accepted", _wrapped(f"{_said(accepted)}, when the job module was sha256:{accepted.code}")
        if going_on is not None:
            yield "may go on", _wrapped(f"{_said(going_on)}, by the job module sha256:{going_on.code}")


def _said(mark: Mark) -> str:
    return f"{told_time(seconds_of(mark.since))} by {mark.by}, {mark.user} on {mark.host}"


def _written_by(found: Survey, index: int) -> Iterator[Field]:
    """Yield each version of the job module that has had a hand in an output that was written in place."""
    history = found.history
    halves = HalfOutputs(history.places, found.records, found.entry)
    if halves.may_exist(found.jobs, history.others):
        runs = sorted([*newest_first(found.records), *history.others], key=planned_at, reverse=True)
        versions: dict[str, str] = {}
        for hand in halves.begun_by(runs, [index])[index]:
            submission = read(hand.run)
            is_as_planned = hand.code == submission.source_crc32
            version = f"sha256:{submission.source_sha256}" if is_as_planned else f"crc32:{hand.code:08x}"
            versions[version] = told_time(seconds_of(submission.created))
        if versions:
            yield "written by", [f"{version}, {when}" for version, when in reversed(versions.items())]


def _surroundings(found: Surroundings) -> list[str]:
    digest = [f"sha256:{found.sha256}"] if found.sha256 else []
    image = [f"container {found.image}", *digest] if found.image else []
    environment = [f"conda environment {found.condaenv}"] if found.condaenv else []
    return [*image, *environment] or ["no container, no conda environment"]


def _state(found: Survey, index: int) -> tuple[Status, str]:
    """Return the state of one job, and why it is in it if that has to be told."""
    status = found.status.unfinished.get(index, Status.DONE)
    if index in found.status.suspect:
        return status, "suspect: a process was killed for want of memory, yet the job ended well"
    if status in (Status.QUEUED, Status.UNKNOWN):
        return status, _waits(found, index)
    return status, next((problem.reason for problem in found.status.problems if problem.index == index), "")


def _waits(found: Survey, index: int) -> str:
    """Return why a job waits in the queue, or is unknown, as far as that is known."""
    for run, submission in found.history.batches:
        planned_as = found.history.places.of(run, submission).then(index)
        if submission.has(planned_as):
            state = found.carriers[run].state_of(submission.task_of()(planned_as))
            return state.reason or state.doubt
    return ""


def _output(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return f"{told_path(path)}: not there"
    return f"{told_path(path)}: {found.st_size:,} bytes, {told_time(found.st_mtime)}"


def _attempts(attempts: Sequence[Execution], status: Status) -> str:
    rows = []
    for place, one in enumerate(attempts):
        seconds = "" if one.seconds is None else told_seconds(one.seconds)
        memory = "" if one.max_rss is None else told_memory(one.max_rss)
        end = status.value if place == 0 and status is Status.RUNNING else _end(one)
        told = f"{end}: {one.error}" if one.error else end
        rows.append([told_time(one.started), one.host, one.job_id, seconds, memory, told])
    header = ["started", "host", "batch job", "took", "memory", "how it ended"]
    keep = [0, 1, 2, 3, 4, 5] if any(one.job_id for one in attempts) else [0, 1, 3, 4, 5]
    return table([header[k] for k in keep], [[row[k] for k in keep] for row in rows], right="...rr."[-len(keep) :])


def _end(one: Execution) -> str:
    if one.seconds is None:
        return _UNKNOWN
    return "done" if one.ended_well else "interrupted" if one.interrupted else "failed"


def _wrapped(text: str) -> list[str]:
    size = max(20, width() - _INDENT)
    return textwrap.wrap(text, size, break_long_words=False, break_on_hyphens=False)


def _lines(fields: Iterable[Field]) -> Iterator[str]:
    """Yield lines with the name of each field before what is told of it."""
    for name, told in fields:
        for place, line in enumerate(told):
            yield f"  {'' if place else name:{_INDENT - 2}}{line}"
