"""A job as it was planned: one line of jobs.jsonl, written by the planner and read by the worker."""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import Any, Iterator, Mapping, NamedTuple

from ..errors import JobModuleError
from .record_files import lines, regular
from .run_folder import Run


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
        with open(run.jobs, "rb", opener=regular) as file:
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
        now = f"{type(error).__name__}: {error}".encode()
    if now != job.line:
        raise JobModuleError(
            f"job {job.index} is not what was planned: planned {_shown(job.line)}, now {_shown(now)}",
            remedy="Run again to plan what the job module lists now; should that differ from load to load, seed its "
            "random numbers",
        )


def source_checksum(path: str) -> int:
    """Return the CRC-32 of a job module's file, to see whether it has changed.

    Not a digest of hashlib: the libraries that it loads would make each fork dearer.
    """
    with open(path, "rb") as file:
        return zlib.crc32(file.read())


def _shown(line: bytes) -> str:
    return line.decode(errors="replace").strip()[:300]


def _plain(value: Any) -> Any:
    """Return something that JSON can say for a parameter that is not plain data, the same in every process."""
    if hasattr(value, "tolist"):
        return value.tolist()  # NumPy's scalars and arrays
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
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
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


_encoder = json.JSONEncoder(separators=(",", ":"), default=_plain)
