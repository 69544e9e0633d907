"""Those that run local jobs: the same jobs, each time into a fresh folder, as many at once as there are CPUs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from peers import DRIVERS, HERE, Peers
from sizes import Load, workers
from timing import Spent, run

#: Job modules by kind of job: the file, and its arguments beside their number.
MODULES = {
    "empty": ("tiny.py", ""),
    "10ms": ("tiny.py", ", ms=10"),
    "1s": ("tiny.py", ", ms=1000"),
    "numeric": ("numeric.py", ""),
}


class Ran(NamedTuple):
    """A run of jobs: how many, what it took, and where its outputs are."""

    jobs: int
    spent: Spent
    outputs: Path

    @property
    def pace(self) -> float:
        """Jobs a second of the whole command."""
        return self.jobs / self.spent.seconds


class Contestants:
    """All contestants by name."""

    def __init__(self, folder: Path, peers: Peers, before: Sequence[str | Path] = ()) -> None:
        """Run them below `folder`; `before` stands before each command."""
        self._folder = folder
        self._peers = peers
        self._before = before
        self._numbers = count()
        self._workers = str(workers())

    def there(self) -> dict[str, Callable[[Load], Ran]]:
        """Return those that are there."""
        peers = self._peers
        known = {
            "jor": (self.jor, True),
            "bare": (self.bare, True),
            "joblib": (self.joblib, peers.python("joblib")),
            "xargs": (self.xargs, shutil.which("xargs")),
            "parallel": (self.parallel, peers.parallel),
            "hyperqueue": (self.hyperqueue, peers.python("HyperQueue")),
            "submitit": (self.submitit, peers.python("submitit")),
            "snakemake": (self.snakemake, peers.python("snakemake")),
            "old": (self.old, peers.old),
        }
        return {name: runs for name, (runs, is_there) in known.items() if is_there}

    def jor(self, load: Load) -> Ran:
        """Run them by `jor submit`."""
        module, more = MODULES[load.kind]
        argv = [self._peers.jor, "submit", module, "--quiet", "--jobargs", f"n={load.jobs}{more}"]
        return self._run(load.jobs, [*argv, "--workers", self._workers], self._fresh(module))

    def old(self, load: Load) -> Ran:
        """Run them by jor 0.1.2."""
        module, more = MODULES[load.kind]
        jobs = load.jobs_slowest
        argv = [self._peers.old or "", "submit", module, "--jobargs", f"n={jobs}{more}"]
        return self._run(jobs, argv, self._fresh(module))

    def bare(self, load: Load) -> Ran:
        """Run them by a bare fork-write-wait loop."""
        fresh = self._fresh()
        argv = self._peers.bare_loop(load.kind, fresh / "outputs", load.jobs, workers())
        return self._run(load.jobs, argv, fresh)

    def joblib(self, load: Load) -> Ran:
        """Run them by joblib, which isolates no job from the next."""
        return self._drive("joblib", "joblib_jobs.py", load, load.jobs, self._workers)

    def hyperqueue(self, load: Load) -> Ran:
        """Run them by HyperQueue, with the start of its server."""
        return self._drive("HyperQueue", "hyperqueue_jobs.py", load, load.jobs_slow, self._workers)

    def submitit(self, load: Load) -> Ran:
        """Run them by submitit's local executor, which starts all at once."""
        return self._drive("submitit", "submitit_jobs.py", load, load.jobs_slowest, "local")

    def xargs(self, load: Load) -> Ran:
        """Run them by xargs, starting Python."""
        fresh, jobs = self._fresh(), load.jobs_slow
        argv = ["xargs", "-P", self._workers, "-n", "1", *self.starting_python(load.kind, fresh)]
        return self._run(jobs, argv, fresh, _lines(jobs))

    def parallel(self, load: Load) -> Ran:
        """Run them by GNU parallel, starting Python."""
        fresh, jobs = self._fresh(), load.jobs_slow
        argv = [self._peers.parallel or "", "--will-cite", "--quote", f"-j{self._workers}"]
        return self._run(jobs, [*argv, *self.starting_python(load.kind, fresh), "{}"], fresh, _lines(jobs))

    def snakemake(self, load: Load) -> Ran:
        """Run them by snakemake, starting Python."""
        fresh, jobs = self._fresh(), load.jobs_slowest
        python = self._peers.python("snakemake")
        assert python is not None
        argv = snakemake(python, load.kind, fresh / "outputs", jobs)
        return self._run(jobs, [*argv, "--cores", self._workers], fresh)

    def starting_python(self, kind: str, fresh: Path) -> list[str]:
        """Return the command that does one job, without the job's number."""
        return [sys.executable, str(DRIVERS / "one_job.py"), kind, str(fresh / "outputs")]

    def _drive(self, peer: str, driver: str, load: Load, jobs: int, *words: str) -> Ran:
        fresh = self._fresh()
        argv = [self._peers.python(peer) or "", DRIVERS / driver, load.kind, fresh / "outputs", str(jobs), *words]
        return self._run(jobs, argv, fresh)

    def _run(self, jobs: int, argv: Sequence[str | Path], fresh: Path, text: str = "") -> Ran:
        spent = run([*self._before, *argv], fresh, text)
        found = sum(1 for _ in (fresh / "outputs").glob("*.txt"))
        assert found == jobs, f"{fresh} holds {found} outputs, not {jobs}"
        return Ran(jobs, spent, fresh / "outputs")

    def _fresh(self, module: str = "") -> Path:
        """Return a new folder with a folder `outputs`, and with a job module if need be."""
        fresh = self._folder / f"run-{next(self._numbers)}"
        (fresh / "outputs").mkdir(parents=True)
        if module:
            shutil.copy(HERE / "jobs" / module, fresh)
        return fresh


def snakemake(python: Path, kind: str, outputs: Path, jobs: int) -> list[str]:
    """Return snakemake's command, without how it is to run the jobs."""
    settings = {"kind": kind, "folder": outputs, "jobs": jobs, "program": DRIVERS / "one_job.py", "python": python}
    words = [f"{name}={value}" for name, value in settings.items()]
    return [str(python.parent / "snakemake"), "-s", str(DRIVERS / "Snakefile"), "--quiet", "all", "--config", *words]


def _lines(jobs: int) -> str:
    return "".join(f"{index}\n" for index in range(jobs))
