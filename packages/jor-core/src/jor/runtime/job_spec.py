"""A job as it was planned: one line of jobs.jsonl, written by the planner and read by the worker."""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import Any, Iterator, Mapping, NamedTuple

from ..errors import JobModuleError
from .names import text_within
from .record_files import lines
from .run_folder import Run

_EDITED = (
    "Run again to plan what the job module lists now; should that differ from load to load, seed its random numbers"
)
_OTHER_NAME = (
    "Let _get_output_fname make it of the parameters alone: an address, hash(), the time, or the order of a set "
    "differs in each process. Or run again, if the job module has been edited"
)


class Job(NamedTuple):
    """A job as it was planned: `line` is its text in jobs.jsonl."""

    index: int  # type: ignore[assignment] # hides tuple.index, which nobody wants of a job
    output: str
    parameters: Mapping[str, Any]
    line: bytes


def freeze(index: int, output: str, parameters: Mapping[str, Any]) -> bytes:
    """Return the line of jobs.jsonl that says what job `index` is; equal for equal jobs in every process."""
    job: dict[str, Any] = {"index": index, "output": output, "parameters": dict(parameters)}
    try:
        return _encoder.encode(job).encode() + b"\n"
    except (TypeError, ValueError, RecursionError):  # keys that JSON has not, values that hold themselves
        job["parameters"] = {name: _sayable(value) for name, value in parameters.items()}
        return _encoder.encode(job).encode() + b"\n"


def thaw(line: bytes) -> Job:
    """Return the job that `freeze` wrote as `line`, its parameters as plain data."""
    content = json.loads(line)
    return Job(content["index"], content["output"], content["parameters"], line)


def planned(run: Run) -> Iterator[Job]:
    """Yield the jobs that a submission has planned, as far as they can be read."""
    try:
        with run.open(os.path.basename(run.jobs)) as file:
            for line in lines(file):
                try:
                    job = thaw(line)
                except (ValueError, LookupError, TypeError, RecursionError):
                    continue  # damaged: its worker will say so
                if (type(job.index), type(job.output)) == (int, str):
                    yield job
    except FileNotFoundError:
        return


def require_unchanged(jobs: Any, job: Job) -> None:
    """Raise JobModuleError if job `job.index` of the job module is not any more the one that was planned."""
    try:
        parameters = jobs._jobs[job.index]
        now = freeze(job.index, os.fsdecode(jobs._get_output_fname(**parameters)), parameters)
    except Exception as error:
        raise _changed(job, f"now it raises {type(error).__name__}: {error}", _EDITED) from error
    if now == job.line:
        return
    seen = thaw(now)
    if repr(seen.parameters) == repr(job.parameters):  # not ==, for the sake of nan
        what = f"its output was called {job.output!r:.100}, and now {seen.output!r:.100}, for the same parameters"
        raise _changed(job, what, _OTHER_NAME)
    names = dict.fromkeys([*job.parameters, *seen.parameters])
    before, after = ({name: one.parameters.get(name, "not there") for name in names} for one in (job, seen))
    different = [
        f"{name} was {before[name]!r:.60}, and is now {after[name]!r:.60}"
        for name in names
        if repr(before[name]) != repr(after[name])
    ]
    raise _changed(job, "; ".join(different)[:300], _EDITED)


def _changed(job: Job, what: str, remedy: str) -> JobModuleError:
    return JobModuleError(f"job {job.index} is not what was planned: {what}", remedy=remedy)


def source_checksum(path: str) -> int:
    """Return the CRC-32 of a job module's file, to see whether it has changed.

    Not a digest of hashlib: the libraries that it loads would make each fork dearer.
    """
    with open(path, "rb") as file:
        return zlib.crc32(file.read())


def _plain(value: Any) -> Any:
    """Return something that JSON can say for a parameter that is not plain data, the same in every process."""
    if hasattr(value, "tolist"):
        return value.tolist()  # NumPy's scalars and arrays
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=text_within)
    if isinstance(value, (range, Mapping)):
        return dict(value) if isinstance(value, Mapping) else list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return _said(value)


def _sayable(value: Any) -> Any:
    try:
        _encoder.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _said(value)
    return value


def _said(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text_within(value))


_encoder = json.JSONEncoder(separators=(",", ":"), default=_plain)
