"""The status again and again, until nothing runs any more."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from jor.planning.planner import Survey, again
from jor.planning.status import Status, summed
from jor.runs.attempts import durations
from jor.runtime.signals import Watch
from jor.todo.entry import Entry

from ..formatting import jobs_of, told_seconds, told_states
from ..rendering.status import MOST_ENTRIES, as_text
from ..terminal import echo, painted
from ..workspace import Workspace

#: Seconds between two looks while all that runs runs on this machine.
INTERVAL = 2.0
#: Seconds over which the rate is measured; longer while fewer jobs than FEW have ended in them.
SPAN = 120.0
FEW = 10
#: The newest jobs of each entry whose durations are looked at.
NEWEST = 100
#: Sequences of a terminal (ECMA-48, and xterm's ctlseqs): a screen of its own, without cursor and line wrap, and back.
_BEGIN, _END = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
#: To the upper left corner; and erase what is right of the cursor, or below it.
_HOME, _REST, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def follow(workspace: Workspace, entries: Sequence[Entry], *, colours: bool) -> int:
    """Show the status until nothing is running or queued, or a signal comes; return the exit code.

    On a terminal in one place, and once more at the end; elsewhere a line whenever something has changed.
    """
    cluster = workspace.cluster
    terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    surveys: Sequence[Survey] = list(workspace.survey(entries))
    pace = Pace(_mean_durations(surveys))
    watch = Watch()
    last = ""
    try:
        with _screen(wanted=terminal):
            while True:
                counts = summed(found.status.counts for found in surveys)
                pace.note(time.monotonic(), counts[Status.DONE] + counts[Status.FAILED])
                if terminal:
                    left = [
                        found.status.counts[Status.RUNNING] + found.status.counts[Status.QUEUED] for found in surveys
                    ]
                    most = max(1, min(MOST_ENTRIES, _rows() - 4))
                    table = as_text(surveys, workspace.changes, colours=colours, most_entries=most)
                    _draw(f"{table}\n\n{pace.told(left, counts[Status.RUNNING])}")
                elif (line := _line(counts)) != last:
                    echo(line)
                    last = line
                if not any(found.status.is_awaited for found in surveys):
                    break
                watch.sleep(cluster.backend.pause if _on_cluster(surveys) else INTERVAL)
                if watch.stopped_by:
                    break
                cluster.refresh()
                surveys = again(surveys, time.time(), cluster.view)
    finally:
        watch.close()
    if terminal:
        echo(as_text(surveys, workspace.changes, colours=colours))
    return 128 + watch.stopped_by if watch.stopped_by else 0


class Pace:
    """How fast jobs end; `durations`: how long a job of each entry takes on average, seconds, as far as known."""

    def __init__(self, durations: Sequence[float | None] = ()) -> None:
        self._durations = durations
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, ended: int) -> None:
        """Take down that by `now`, seconds, so many jobs have ended."""
        self._seen.append((now, ended))
        while len(self._seen) > 2 and now - self._seen[1][0] >= SPAN and ended - self._seen[1][1] >= FEW:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Jobs a second of late; 0 while it is not known."""
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        return max(0, now - before) / (last - first) if last > first else 0.0

    def told(self, left: Sequence[int], running: int) -> str:
        """Return rate and time left in words: `left` jobs of each entry run or are queued, `running` of all run.

        Until jobs have ended, the time left is told by how long earlier jobs took.
        """
        total = sum(left)
        if not total:
            return "Nothing is running"
        told = f"{jobs_of(total)} running or queued"
        if self.rate:
            rate = f"{self.rate:,.1f} jobs/s" if self.rate >= 0.1 else f"{self.rate * 3600:,.0f} jobs/h"
            return f"{told}, {rate}, about {told_seconds(max(1, round(total / self.rate)))} left"
        known = [(count, mean) for count, mean in zip(left, self._durations, strict=False) if count]
        work = sum(count * mean for count, mean in known if mean is not None)
        if running and known and all(mean is not None for _, mean in known):
            return f"{told}, about {told_seconds(max(1, round(work / running)))} left by how long earlier jobs took"
        return told


@contextmanager
def _screen(*, wanted: bool) -> Iterator[None]:
    """Have the terminal show a screen of its own, which is drawn again when its size changes."""
    if not wanted:
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: None)  # wakes Watch.sleep
    sys.stdout.write(_BEGIN)
    try:
        yield
    finally:
        sys.stdout.write(_END)
        sys.stdout.flush()
        signal.signal(signal.SIGWINCH, before)


def _draw(text: str) -> None:
    """Draw over what is there, without erasing it first: nothing flickers. What is too much gives way in the middle."""
    rows = _rows()
    lines = painted(text).split("\n")
    if len(lines) > rows:
        lines = [*islice(lines, max(0, rows - 2)), "...", lines[-1]][-rows:]
    # Past click, which takes such sequences away together with colours that are not wanted.
    # Erased before it is written: behind a line that fills the terminal the cursor stands on its last character.
    *above, last = lines
    sys.stdout.write(_HOME + "".join(f"{_REST}{line}\n" for line in above) + _BELOW + last)
    sys.stdout.flush()


def _rows() -> int:
    return shutil.get_terminal_size().lines


def _mean_durations(surveys: Sequence[Survey]) -> list[float | None]:
    means: list[float | None] = []
    for found in surveys:
        seen = durations(found.records, NEWEST) if found.status.active else []
        means.append(sum(seen) / len(seen) if seen else None)
    return means


def _on_cluster(surveys: Sequence[Survey]) -> bool:
    return any(carrier.is_active for found in surveys for carrier in found.carriers.values())


def _line(counts: dict[Status, int]) -> str:
    return f"[jor] {told_states(counts) or 'no jobs'} of {sum(counts.values()):,}"
