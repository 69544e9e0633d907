"""What a job module lists, and starts, as files, and its `collect`: as its jobs' own Python sees it.

For a jor that cannot load it, lacking what it imports, or that is no worker.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Mapping, NoReturn, Sequence

from ..errors import JobModuleError, JorError
from .events import Isolation, encode, parse
from .forking import limit_threads, lost_threads
from .job_spec import freeze, thaw
from .jobs import JobsBase
from .loading import make_for_good
from .outputs import output_names


class Listed(JobsBase):
    """The jobs of a job module that was loaded elsewhere, where they have to be executed."""

    def __init__(self, folder: str, jobs: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
        super().__init__()
        self._folder = folder
        self._jobs = jobs
        self._names = names

    def _get_output_folder(self) -> str:
        return self._folder

    def _get_output_fname(self, **job: Any) -> str:
        return self._names[repr(job)]

    def execute(self, i: int) -> None:
        """Never called here."""
        raise NotImplementedError(f"job {i} is executed where its job module can be loaded")


class Collectable(Listed):
    """The same of a class that has a method collect."""

    def collect(self) -> None:
        """Never called here."""
        raise NotImplementedError("outputs are collected where their job module can be loaded")


def write_listing(path: str, jobmodule: str, arguments: str, path_prefix: str, seed: int = 0) -> None:
    """Write what the class Jobs of a job module is and lists to the file `path`, or why that cannot be told."""
    with open(path, "wb") as file:
        try:
            jobs = make_for_good(jobmodule, arguments, path_prefix, seed)
            if getattr(jobs.execute, "__func__", None) is JobsBase.execute:
                jobs.execute(0)  # raises with the remedy
            head = {
                "attributes": _plain_attributes(type(jobs)),
                "folder": os.path.abspath(jobs._jor_folder()),
                "collects": type(jobs).collect is not JobsBase.collect,
            }
            file.write(json.dumps(head).encode() + b"\n")
            file.writelines(freeze(index, name, jobs._jobs[index]) for index, name in enumerate(output_names(jobs)))
        except JorError as error:
            file.seek(0)
            file.truncate()
            told = {"what": error.what, "where": error.where, "remedy": error.remedy}
            file.write(json.dumps({"error": told}).encode() + b"\n")


def write_isolation(path: str, jobmodule: str, arguments: str, path_prefix: str, seed: int, cpus: int) -> NoReturn:
    """Write how jobs are isolated where the option says `auto` to the file `path`; nothing if loading fails.

    This process ends: threads of the job module might not let it.
    """
    status = 1
    try:
        limit_threads(cpus)
        for stream in (1, 2):  # what the module prints was seen when it was listed
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        began = time.monotonic()
        jobs = make_for_good(jobmodule, arguments, path_prefix, seed)
        loading = time.monotonic() - began
        jobs._get_output_folder()
        with open(path, "w") as file:
            json.dump(encode(Isolation(lost_threads(), loading)), file)
        status = 0
    finally:
        os._exit(status)


def read_isolation(path: str) -> Isolation | None:
    """Return what `write_isolation` has written to `path`; None if that is not there."""
    try:
        with open(path) as file:
            found = parse(json.load(file))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, Isolation) else None


def collect(path: str, jobmodule: str, arguments: str, path_prefix: str, seed: int = 0) -> None:
    """Call the method collect of a job module's class; the file `path` has the indices of incomplete outputs."""
    jobs = make_for_good(jobmodule, arguments, path_prefix, seed)
    with open(path, "rb") as file:
        jobs._left_out = json.loads(file.read())
    jobs.collect()


def read_listing(path: str) -> JobsBase:
    """Return the jobs that `write_listing` has written to `path`. Raise JobModuleError if it has written why not."""
    with open(path, "rb") as file:
        head = json.loads(file.readline())
        if "error" in head:
            told = head["error"]
            raise JobModuleError(told["what"], where=told["where"], remedy=told["remedy"])
        jobs, names = [], {}
        for line in file:
            job = thaw(line)
            jobs.append(job.parameters)
            names[repr(job.parameters)] = job.output
    base = Collectable if head["collects"] else Listed
    return type("Jobs", (base,), head["attributes"])(head["folder"], jobs, names)  # type: ignore[no-any-return]


def _plain_attributes(cls: type[JobsBase]) -> dict[str, Any]:
    """Return the attributes of a class that set options: those that JSON can say."""
    kinds = (str, int, float, bool, dict, list)
    found = {name: getattr(cls, name) for name in dir(cls) if not name.startswith("_")}
    plain = {name: value for name, value in found.items() if isinstance(value, kinds) and not callable(value)}
    return {**plain, "checkpoint": True} if hasattr(cls, "checkpoint") else plain  # that there is one matters as well
