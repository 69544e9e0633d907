"""How a run looks while it goes on: a bar on a terminal, lines elsewhere, nothing if so wished."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol

from jor.local.scheduler import Progress

from ..terminal import echo


class View(Protocol):
    """Something that shows a run's progress; used as a context manager."""

    def __enter__(self) -> View: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, progress: Progress) -> None:
        """Show how far the run is."""


class Nothing:
    """Shows nothing."""

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, progress: Progress) -> None:
        """Show nothing."""


class Lines(Nothing):
    """Writes a line now and then: for logs and pipes."""

    #: Seconds between two lines.
    every = 30.0

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Write a line if the last is long ago."""
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            echo(described(progress))


class Bar(Nothing):
    """A bar with counts, rate and time left."""

    def __init__(self) -> None:
        # rich takes 80 ms to import, and only a terminal needs it.
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            BarColumn(bar_width=20),
            TextColumn(
                "[green]{task.fields[done]} done[/] [red]{task.fields[failed]}[/]{task.fields[running]} running"
            ),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            refresh_per_second=10,
        )
        self._task = self._bar.add_task("", total=None, done=0, failed="", running=0, rate="")
        self._began = time.monotonic()
        self._before: int | None = None

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Update the bar."""
        ended = progress.done + progress.failed
        if self._before is None:
            # What had ended before is no measure of how fast it goes: neither for the rate, nor for the time left.
            self._before = ended
            self._bar.reset(self._task, completed=ended)
        rate = (ended - self._before) / max(time.monotonic() - self._began, 1e-3)
        self._bar.update(
            self._task,
            total=progress.total,
            completed=ended,
            done=f"{progress.done:,}/{progress.total:,}",
            failed=f"{progress.failed:,} failed " if progress.failed else "",
            running=progress.running,
            rate=f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s",
        )


def view(*, quiet: bool, terminal: bool) -> View:
    """Return the view that fits."""
    return Nothing() if quiet else Bar() if terminal else Lines()


def described(progress: Progress) -> str:
    """Return the progress in words."""
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    return f"[jor] {progress.done:,} of {progress.total:,} done{failed}, {progress.running:,} running"
