"""A sweep in Python, for notebooks: the project in the working directory, where its jobs stand, and running them.

    from jor_cli.api import Project

    project = Project()
    project.run()
    status = project.status()
    pandas.DataFrame(status.jobs)

It does what the commands `jor status` and `jor run` do, by the same functions, and raises the errors that they tell:
jor.JorError, jor_slurm.SlurmError and jor_containers.ContainerError, with `what`, `where` and `remedy`.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from html import escape
from itertools import accumulate

import attrs

from jor import ConfigError, JorError
from jor.errors import nearest
from jor.planning.planner import Survey, choose, reason_to_overwrite
from jor.planning.status import Status as State
from jor.planning.status import summed
from jor.runtime.run_folder import Run
from jor.settings.config import read_setting
from jor.settings.options import BY_NAME, Value

from .actions.accept import accept_and_tell
from .actions.run import Manner, collecting, launch
from .actions.wait import wait as follow
from .errors import INTERRUPTED, LATER
from .rendering.notebook import Row, Table
from .rendering.status import Remarks, as_text, overview
from .terminal import echo, painted
from .workspace import Workspace

__all__ = ["Project", "Status", "Table"]

#: The columns of jobs that are not their parameters.
_OWN = frozenset({"entry", "job", "state", "seconds", "max_rss", "output", "reason", "log", "scheduler"})


@contextmanager
def _apart() -> Iterator[None]:
    """Have no file of the working directory, where notebooks import from, take the place of a module of jor."""
    path, here = sys.path, os.getcwd()
    sys.path = [entry for entry in path if os.path.abspath(entry) != here]
    try:
        yield
    finally:
        sys.path = path


class Project:
    """The project in the working directory: its todo-list and its jor.cfg, read anew whenever they are needed.

    Keywords are options of the README's table with underscores for dashes, and win like those of the command line:
    `Project(todo_list="other.yaml", workers=2)`. Everything in a project is relative to the working directory, as it
    is for the commands; a notebook's is the folder that it lies in. jor does not change it, and refuses to go on
    when it has been changed since the project was opened.

    Raise ConfigError, TodoError, or Mistakes for several, when the options, jor.cfg or the todo-list cannot be used.
    """

    @_apart()
    def __init__(self, **options: Value) -> None:
        self.folder = os.getcwd()
        self._options = dict(_option(name, value) for name, value in options.items())
        self._open().entries()

    def __repr__(self) -> str:
        return f"<Project {self.folder}>"

    @_apart()
    def status(self, *entries: str) -> Status:
        """Return where the jobs stand at this moment; of all entries, or of those called so, as `jor status` has it.

        Changes nothing. Raise TodoError for a name that no entry has, JobModuleError for a job module that cannot be
        used.
        """
        with self._open() as workspace:
            return Status(tuple(workspace.survey(workspace.entries(entries))), workspace)

    @_apart()
    def run(self, *entries: str, wait: bool = False) -> Status:
        """Run the jobs whose outputs are missing, or submit them to Slurm; return where the jobs stand then.

        Jobs on this machine have ended when it returns; those on Slurm have with `wait` alone. It prints what `jor run`
        prints; that jobs have failed is no error here, and stands in the status. Interrupting the kernel stops the jobs
        as Ctrl-C does, and raises KeyboardInterrupt; while waiting for Slurm it ends the waiting alone. Call it in the
        main thread, which gets the signals. Raise what `status` raises, and BusyError, ConfigError or SlurmError for
        what stands in the way of running.
        """
        with self._open() as workspace:
            chosen = workspace.entries(entries)
            manner = Manner(collect=collecting(entries, workspace.config))
            code = launch(workspace, chosen, manner)
            if wait and code in (0, LATER):
                code = follow(workspace, chosen, manner)
            if code >= INTERRUPTED:
                raise KeyboardInterrupt
            workspace.cluster.refresh()
            return Status(tuple(workspace.survey(chosen)), workspace)

    @_apart()
    def accept(self, *entries: str, indices: Collection[int] = ()) -> Status:
        """Take the outputs that were to be made again, and that nobody is making, as they are; return where jobs stand.

        With `indices` those of these jobs alone, and what they had made if they failed after execute had returned. It
        prints what `jor accept` prints. Raise what `status` raises, BusyError, and JobModuleError for an index that no
        job has.
        """
        with self._open() as workspace:
            chosen = workspace.entries(entries)
            accept_and_tell(workspace, chosen, indices, lambda text: echo(f"[jor] {text}"))
            workspace.cluster.refresh()
            return Status(tuple(workspace.survey(chosen)), workspace)

    def _open(self) -> Workspace:
        """Return a workspace that has looked at nothing yet. Raise what keeps it from being opened."""
        if os.getcwd() != self.folder:
            remedy = f"Go back: os.chdir({self.folder!r}). Or open another project"
            raise JorError("the working directory is not that of the project", where=os.getcwd(), remedy=remedy)
        return Workspace.open(self._options)


@attrs.frozen(repr=False, eq=False)
class Status:
    """Where the jobs of some entries stood at one moment; shows itself as `jor status` does.

    Its tables are sequences of dictionaries: `pandas.DataFrame(status.jobs)`.
    """

    surveys: tuple[Survey, ...]
    _workspace: Workspace

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of jobs in each state: done, running, queued, failed, interrupted, outdated, missing, unknown."""
        return {state.value: count for state, count in summed(found.status.counts for found in self.surveys).items()}

    @property
    def entries(self) -> Table:
        """A row for each entry: `entry`, the number of its jobs in each state, `total`."""
        return Table.of([_entry_row(found) for found in self.surveys])

    @property
    def jobs(self) -> Table:
        """A row for each job, made when it is asked for.

        `entry`; `job`, its index; its parameters, each under its name (with an underscore behind it should a column of
        jor's be called so); `state`; `seconds` and `max_rss` (bytes; the largest memory of its process) of its last
        attempt, of a job that is done the last that ended well, None if not known; `output`, the absolute path.
        The journals of an entry are read when the first row of it is.
        """
        starts = [0, *accumulate(found.status.total for found in self.surveys)]
        details = [cache(partial(_details, found)) for found in self.surveys]

        def row(place: int) -> Row:
            number = bisect_right(starts, place) - 1
            found, index = self.surveys[number], place - starts[number]
            states, attempts = details[number]()
            state, (seconds, max_rss) = states.get(index, State.DONE), attempts.get(index, (None, None))
            more = {"state": state.value, "seconds": seconds, "max_rss": max_rss, "output": found.output(index)}
            return _job_row(found, index, more)

        return Table(row, range(starts[-1]))

    @property
    def problems(self) -> Table:
        """A row for each job that was begun, or should have been, and is not done.

        `entry`, `job` and its parameters as in `jobs`; `state`; `reason`; `log`, the file with what it printed, None if
        there is none.
        """
        places = [(found, problem) for found in self.surveys for problem in found.status.problems]

        def row(place: int) -> Row:
            found, problem = places[place]
            more = {"state": problem.status.value, "reason": problem.reason, "log": problem.log or None}
            return _job_row(found, problem.index, more)

        return Table(row, range(len(places)))

    @property
    def plan(self) -> Table:
        """A row for each job that `Project.run` would run or submit now: as in `jobs`, `scheduler` and `output`."""
        places = [
            (found, index)
            for found in self.surveys
            for index in choose(found.status, overwrite=bool(reason_to_overwrite(found)))
        ]

        def row(place: int) -> Row:
            found, index = places[place]
            more = {"scheduler": found.config["scheduler"], "output": found.output(index)}
            return _job_row(found, index, more)

        return Table(row, range(len(places)))

    @_apart()
    def __repr__(self) -> str:
        return painted(as_text(self.surveys, self._workspace.changes, colours=False))

    @_apart()
    def _repr_html_(self) -> str:
        counts = [(found.entry.label, found.status.counts) for found in self.surveys]
        shown, lines = overview(counts)
        names = [*(state.value for state in shown), "total"]
        rows = [{"entry": label, **dict(zip(names, line, strict=True))} for label, line in lines]
        remarks = Remarks(self._workspace.changes)
        for found in self.surveys:
            remarks.note(found)
        tables = [Table.of(rows), *([self.problems] if self.problems else [])]
        return "".join([*(one._repr_html_() for one in tables), *(f"<p>{escape(note)}</p>" for note in remarks.told())])


def _option(keyword: str, value: Value) -> tuple[str, Value]:
    """Return name and value of an option given as a keyword; None for one that is not set."""
    name = keyword.replace("_", "-")
    if name not in BY_NAME:
        raise ConfigError(f"unknown option {keyword!r}", where="Project", remedy=nearest(name, list(BY_NAME)))
    if value is None or value == "":
        return name, None
    return name, read_setting(BY_NAME[name], str(value), f"Project({keyword}=...)").value


def _entry_row(found: Survey) -> Row:
    counts = {state.value: found.status.counts[state] for state in State}
    return {"entry": found.entry.title, **counts, "total": found.status.total}


def _job_row(found: Survey, index: int, more: Row) -> Row:
    parameters = {f"{name}_" if name in _OWN else name: value for name, value in found.parameters(index).items()}
    return {"entry": found.entry.title, "job": index, **parameters, **more}


def _details(found: Survey) -> tuple[Mapping[int, State], Mapping[int, tuple[float | None, int | None]]]:
    """Return the states of the jobs that are not done, and how long the last attempt at each job took, in how much."""
    states = found.status.unfinished
    attempts: dict[int, tuple[float | None, int | None]] = {}
    runs: dict[int, Run] = {}
    for one in found.history.executions():
        is_meant = one.ended_well or one.index in states  # what is done owes nothing to attempts that failed later
        if is_meant and runs.setdefault(one.index, one.run) == one.run:  # the newest submission comes first
            attempts[one.index] = one.seconds, one.max_rss  # and its newest restart last
    return states, attempts
