"""Where a worker's jobs come from: a pipe that a command feeds, or the chunk of an array task.

Both give the places of jobs in jobs.jsonl, in the order in which the jobs are to start. Both ends of the pipe are here.
"""

from __future__ import annotations

import os
import struct
from typing import Callable, Sequence

from .job_spec import Job, thaw
from .record_files import MOST, regular
from .run_folder import Run
from .signals import Watch

#: One item of the feed: the offset of a line in jobs.jsonl.
ITEM = struct.Struct("<Q")
#: The item that tells one worker to end.
END = 2**64 - 1
#: Items written at once: a write of up to PIPE_BUF bytes is all or nothing (pipe(7)).
_ITEMS = 4096 // ITEM.size


class FeedWriter:
    """The writing end of the pipe: the command `jor run` feeds the jobs at `places` to all workers of a submission."""

    def __init__(self, places: Sequence[int]) -> None:
        self._places = places
        self._written = 0
        self._ends = 0
        #: The reading end, standard input of each worker.
        self.reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def fill(self, workers: int) -> None:
        """Write as much as there is room for: jobs first, then an end for each of all `workers` so far."""
        while self._written < len(self._places):
            items = self._places[self._written : self._written + _ITEMS]
            if not self._write(b"".join(map(ITEM.pack, items))):
                return
            self._written += len(items)
        while self._ends < workers and self._write(ITEM.pack(END)):
            self._ends += 1

    def taken(self, workers: int) -> int:
        """Return how many jobs all `workers` so far have taken; only to be asked when none of them is left.

        The ends that they have not taken are meant for nobody any more.
        """
        left = []
        os.set_blocking(self.reading, False)
        try:
            while item := os.read(self.reading, ITEM.size):
                left.append(item)
        except BlockingIOError:
            pass  # it is empty now
        os.set_blocking(self.reading, True)
        jobs = [item for item in left if item != ITEM.pack(END)]
        self._ends = workers
        for item in jobs:
            self._write(item)
        return self._written - len(jobs)

    def close(self) -> None:
        """Close both ends: a worker that still lives takes it for the death of the command, and ends."""
        os.close(self.reading)
        os.close(self._writing)

    def _write(self, data: bytes) -> bool:
        """Write all of `data`; tell whether there was room."""
        try:
            os.write(self._writing, data)
        except BlockingIOError:
            return False
        return True


class Feed:
    """The reading end of the pipe, which all workers of a submission share.

    A read takes exactly one item (pipe(7): a pipe is read by one process at a time), so no job is handed out twice.
    When the command dies the pipe hangs up, and the workers see it even while a job runs.
    """

    def __init__(self) -> None:
        """Keep standard input for the worker, and give its jobs an empty one."""
        self.fd = os.dup(0)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)

    def take(self, watch: Watch, before_waiting: Callable[[], None]) -> int | None:
        """Wait for the next job and return its place; None when there is no more, or `watch` says to stop.

        Calls `before_waiting` if it has to wait.
        """
        there = watch.sleep(0, reading=(self.fd,))
        if not there:
            before_waiting()
        while not watch.stopping and not there:
            there = watch.sleep(reading=(self.fd,))
        if watch.stopping:
            return None
        item = os.read(self.fd, ITEM.size)
        if len(item) < ITEM.size or item == ITEM.pack(END):
            return None
        return int(ITEM.unpack(item)[0])


class Chunk:
    """The jobs of one array task for which `is_wanted` holds."""

    def __init__(self, run: Run, task: int, is_wanted: Callable[[Job], bool]) -> None:
        self._next, self._end = run.chunk(task)
        self._planned = open(run.jobs, "rb", opener=regular)  # noqa: SIM115 # open as long as its worker lives
        self._planned.seek(self._next)
        self._is_wanted = is_wanted

    def take(self, _watch: Watch, before_waiting: Callable[[], None]) -> int | None:
        """Return the place of the next job; None when there is no more.

        Calls `before_waiting` when it has to look further than for one.
        """
        while self._next < self._end:
            place, line = self._next, self._planned.readline(MOST)
            if not line.endswith(b"\n"):
                raise OSError(f"{self._planned.name} ends within a job")
            self._next += len(line)
            if self._is_wanted(thaw(line)):
                return place
            before_waiting()
        return None
