"""A worker as a process, and what the tests do to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any, Callable, Sequence, TypeVar

from jor.runtime.events import End, Event
from jor.runtime.feed import END, ITEM
from jor.runtime.job_spec import freeze
from jor.runtime.journal import Reader
from jor.runtime.loading import ModuleLoader
from jor.runtime.outputs import output_names
from jor.runtime.run_folder import PLACE, VERSION, Run

E = TypeVar("E", bound=Event)
#: What submission.json tells workers, by default.
SPEC = {
    "version": VERSION,
    "token": "token",
    "jobmodule": "/of/jobs.py",
    "jobargs": "",
    "source_crc32": 0,
    "path_prefix": ".",
    "directory": "/",
    "folder": "/of/outputs",
    "cpus_per_task": 1,
    "isolation": "auto",
    "grace_period": 10.0,
    "atomic_output": True,
    "may_exist": False,
    "empty": [],
    "listed": 0,
    "names_crc32": 0,
    "aside": [],
    "unseen": [],
    "batch": None,
    "fsync": False,
    "resumable": False,
    "seed": 0,
}


def write_spec(run: Run, **fields: Any) -> None:
    """Write submission.json, with what is given and a default of all else."""
    Path(run.submission).write_text(json.dumps({**SPEC, **fields}))


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until `condition` holds and return what it says; fail after a generous while."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Engine:
    """A submission on disk and one worker that carries it out."""

    def __init__(self, folder: Path, body: str, hows: list[str], **settings: Any) -> None:
        self.folder = folder
        self.output = folder / "out"
        self.run = self.output / ".jor" / "entry" / "runs" / "1-token"
        self.run.mkdir(parents=True)
        self.module = folder / "jobs_engine.py"
        (self.run / "alive").touch()
        self.module.write_text(MODULE.format(head=settings.pop("head", ""), body=body, hows=hows))
        self._submit(settings)
        self._feed = -1
        self.process: subprocess.Popen[bytes] | None = None

    def _submit(self, settings: dict[str, Any]) -> None:
        path = str(self.module)
        jobs = ModuleLoader().make(path, "", str(self.folder))
        lines = [freeze(i, name, jobs._jobs[i]) for i, name in enumerate(output_names(jobs))]
        self.offsets = [sum(map(len, lines[:i])) for i in range(len(lines))]
        (self.run / "jobs.jsonl").write_bytes(b"".join(lines))
        self.end_of_jobs = sum(map(len, lines))
        checksum = zlib.crc32(self.module.read_bytes())
        told = {"jobmodule": path, "path_prefix": str(self.folder), "directory": str(self.folder)}
        how = {"folder": str(self.output), "atomic_output": jobs.atomic_output, "source_crc32": checksum}
        write_spec(Run(str(self.run)), **{**told, **how, **settings})

    def start(self, *, ends: bool = True, prefix: Sequence[str] = (), **environment: str) -> Engine:
        """Start the worker and feed it all jobs and, unless `ends` is False, the end.

        `prefix` starts its command elsewhere.
        """
        read_end, self._feed = os.pipe()
        for offset in self.offsets:
            os.write(self._feed, ITEM.pack(offset))
        if ends:
            self.end()
        argv = [*prefix, sys.executable, "-m", "jor", "exec", str(self.run), "0"]
        with open(self.run / "task-0.log", "wb") as log:
            environment = {**os.environ, **environment}
            self.process = subprocess.Popen(argv, stdin=read_end, stdout=log, stderr=log, cwd=self.run, env=environment)
        os.close(read_end)
        return self

    def start_task(
        self, task: int = 0, restart: int = 0, limit: int = 0, prefix: Sequence[Any] = (), **environment: str
    ) -> Engine:
        """Start an attempt at an array task, as a batch system does; each task has `jobs_per_task` jobs.

        `prefix` starts its command elsewhere.
        """
        size = json.loads((self.run / "submission.json").read_text())["batch"]["jobs_per_task"]
        places = [*self.offsets[::size], self.end_of_jobs]
        (self.run / "jobs.index").write_bytes(b"".join(map(PLACE.pack, places)))
        argv = [*map(str, prefix), sys.executable, "-m", "jor", "exec", str(self.run), str(task), str(restart)]
        argv += ["1000" if limit else "0", str(1000 + limit), "7"]
        with open(self.run / f"task-{task}.log", "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.run, env={**os.environ, **environment}
            )
        return self

    def wait(self) -> int:
        """Wait for the worker; return its exit status."""
        assert self.process is not None
        return self.process.wait(60)

    def end(self) -> None:
        """Tell the worker that there are no more jobs."""
        os.write(self._feed, ITEM.pack(END))

    def hang_up(self) -> None:
        """Be a command that has died: close the feed."""
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def close(self) -> None:
        """End what still runs."""
        self.hang_up()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def events(self, kind: type[E], attempt: str = "task-0.r0") -> list[E]:
        """Return the events of one kind in the journal of an attempt."""
        return [event for event in Reader(str(self.run / f"{attempt}.jsonl")).poll() if isinstance(event, kind)]

    def outputs(self) -> list[str]:
        """Return the names of the files in the output folder."""
        return sorted(path.name for path in self.output.iterdir() if path.name != ".jor")

    def printed(self, end: End) -> str:
        """Return what a job printed that has ended, found by its place in the log."""
        assert end.log is not None
        first, last = end.log
        return (self.run / "task-0.log").read_bytes()[first:last].decode()


MODULE = """\
import os, sys, time, signal
import jor
{head}

class Jobs(jor.JobsBase):
    name = "out"

    def _mk_jobs(self):
        self._jobs = [{{"how": how}} for how in {hows!r}]

    def write(self, i, text="x"):
        with open(self._get_output_path(**self._jobs[i]), "w") as file:
            file.write(text)

    def execute(self, i):
        how = self._jobs[i]["how"]
{body}
"""
