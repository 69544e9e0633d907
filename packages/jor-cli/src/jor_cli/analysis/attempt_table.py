"""The executions of an entry's jobs in columns: a million of them take some 50 MB."""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterable, Iterator

from jor.runs.attempts import Execution


class Outcome(enum.IntEnum):
    """How an execution ended."""

    WELL = 0
    FAILED = 1
    INTERRUPTED = 2
    #: It runs, or its worker died.
    UNKNOWN = 3


class Attempts:
    """The executions of jobs 0 .. `total`-1 of an entry called `label`; each column has one number for each."""

    def __init__(self, label: str, total: int) -> None:
        self.label = label
        self.index = array("q")
        self.outcome = array("b")
        #: Seconds since the epoch; 0 where that is not known.
        self.started = array("d")
        #: Seconds and bytes; -1 where they are not known.
        self.seconds = array("d")
        self.max_rss = array("q")
        #: Places in the lists below.
        self.host = array("l")
        self.task = array("l")
        self.hosts: list[str] = []
        #: Folder of the submission, number, restart.
        self.tasks: list[tuple[str, int, int]] = []
        #: For each job its newest execution, a place in the columns; -1 for none.
        self.newest = array("q", [-1]) * total

    def __len__(self) -> int:
        return len(self.index)

    def noted(self, executions: Iterable[Execution]) -> Iterator[Execution]:
        """Yield `executions`, the newest submission first, and take them down on the way; pass over unknown jobs."""
        hosts: dict[str, int] = {}
        tasks: dict[tuple[str, int, int], int] = {}
        newest, total = self.newest, len(self.newest)
        for one in executions:
            if not 0 <= one.index < total:
                continue  # listed by an earlier version of the job module
            before = newest[one.index]
            task = (one.run.folder, one.task, one.restart)
            if before < 0 or self.tasks[self.task[before]][0] == one.run.folder:
                newest[one.index] = len(self.index)  # of one submission the later attempt comes later
            self.index.append(one.index)
            self.outcome.append(_outcome(one))
            self.started.append(one.started)
            self.seconds.append(-1.0 if one.seconds is None else one.seconds)
            self.max_rss.append(-1 if one.max_rss is None else one.max_rss)
            self.host.append(hosts.setdefault(one.host, len(hosts)))
            self.task.append(tasks.setdefault(task, len(tasks)))
            if len(tasks) > len(self.tasks):
                self.tasks.append(task)
            if len(hosts) > len(self.hosts):
                self.hosts.append(one.host)
            yield one


def _outcome(one: Execution) -> Outcome:
    if one.seconds is None:
        return Outcome.UNKNOWN
    return Outcome.INTERRUPTED if one.interrupted else Outcome.FAILED if one.error else Outcome.WELL
