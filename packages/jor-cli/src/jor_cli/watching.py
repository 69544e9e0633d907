"""The status again and again, until nothing runs any more."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import click

from jor.config import Config
from jor.entries import Entry
from jor.plan import Survey, again
from jor.runtime.watch import Watch
from jor.status import Status

from .backends import Lazy
from .inside import survey
from .rendering.statuses import as_text
from .words import jobs_of, told_seconds

#: Seconds between two looks while all that runs runs on this machine.
INTERVAL = 2.0
#: Seconds over which the rate is measured.
SPAN = 120.0
#: Clears a terminal: cursor home, and erase all below (ECMA-48).
_CLEAR = "\x1b[H\x1b[J"


def follow(entries: Sequence[Entry], config: Config, cluster: Lazy, *, terminal: bool) -> int:
    """Show the status until nothing is running or queued, or a signal comes; return the exit code.

    On a terminal in one place; elsewhere a line whenever something has changed.
    """
    surveys: Sequence[Survey] = list(survey(entries, config, cluster.view))
    pace = Pace()
    watch = Watch()
    last = ""
    try:
        while True:
            counts = _counts(surveys)
            pace.note(time.monotonic(), counts[Status.DONE] + counts[Status.FAILED])
            left = counts[Status.RUNNING] + counts[Status.QUEUED]
            if terminal:
                click.echo(f"{_CLEAR}{as_text(surveys, colours=True)}\n\n{pace.told(left)}")
            elif (line := _line(counts)) != last:
                click.echo(line)
                last = line
            if not any(found.status.active for found in surveys):
                return 0
            watch.sleep(cluster.backend.poll_interval if _on_cluster(surveys) else INTERVAL)
            if watch.stopped_by:
                return 128 + watch.stopped_by
            cluster.refresh()
            surveys = again(surveys, time.time(), cluster.view)
    finally:
        watch.close()


class Pace:
    """How fast jobs end."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, ended: int) -> None:
        """Take down that by `now`, seconds, so many jobs have ended."""
        self._seen.append((now, ended))
        while now - self._seen[0][0] > SPAN and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Jobs a second over the last two minutes; 0 while it is not known."""
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        return max(0, now - before) / (last - first) if last > first else 0.0

    def told(self, left: int) -> str:
        """Return rate, and time left for so many jobs, in words."""
        if not left:
            return "Nothing is running"
        if not self.rate:
            return f"{jobs_of(left)} running or queued"
        rate = f"{self.rate:,.1f} jobs/s" if self.rate >= 0.1 else f"{self.rate * 3600:,.0f} jobs/h"
        return f"{jobs_of(left)} running or queued, {rate}, about {told_seconds(max(1, round(left / self.rate)))} left"


def _on_cluster(surveys: Sequence[Survey]) -> bool:
    return any(carrier.is_active for found in surveys for carrier in found.carriers.values())


def _counts(surveys: Sequence[Survey]) -> dict[Status, int]:
    return {status: sum(found.status.counts[status] for found in surveys) for status in Status}


def _line(counts: dict[Status, int]) -> str:
    told = [f"{count:,} {status.value}" for status, count in counts.items() if count]
    return f"[jor] {', '.join(told) or 'no jobs'} of {sum(counts.values()):,}"
