"""What a job has printed: found by its place in the log of its worker or array task."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterable, Sequence

from jor import RecordError
from jor.planning.planner import Survey
from jor.runtime.events import Begin, End, JobEvent
from jor.runtime.record_files import regular

from ..errors import message
from ..formatting import told_job, told_seconds
from ..terminal import echo, style
from ..workspace import Workspace

#: Bytes shown of one job at most; the file has all.
MOST = 1_000_000
#: Seconds between two looks at a log that is followed.
INTERVAL = 0.5


def show_logs(workspace: Workspace, name: str, indices: Sequence[int], *, failed: bool, follow: bool) -> bool:
    """Print what jobs of the entries called `name` have printed.

    Those are the jobs `indices`, and with `failed` those that failed. Tell whether there were any such jobs. Raise
    TodoError, and JobModuleError for an index that is out of range.
    """
    surveys = list(workspace.survey(workspace.entries((name,))))
    # Of several entries of that name, those that have such jobs; if none has, the first says so.
    fitting = [found for found in surveys if max(indices, default=0) < found.status.total] or surveys[:1]
    shown = False
    for found in fitting:
        broken = [problem.index for problem in found.status.problems] if failed else []
        shown |= _show(found, [*indices, *broken], follow=follow)
    return shown


def _show(found: Survey, indices: Iterable[int], *, follow: bool) -> bool:
    """Print what these jobs of an entry have printed in their last attempt; tell whether there were any."""
    wanted = list(dict.fromkeys(indices))
    records = {} if follow else found.history.last_records(wanted)
    for index in wanted:
        if follow:  # more may have begun while the one before was followed
            records = found.history.last_records([index])
        event = records.get(index)
        title = f"==> {found.entry.label} {told_job(found, index)}: {_outcome(event)}"
        echo(style(title, bold=True))
        if event is not None and event.log:
            _copy(found, index, event, follow)
    return bool(wanted)


def _copy(found: Survey, index: int, event: JobEvent, follow: bool) -> None:
    """Copy a job's part of the log to standard output; with `follow`, until the job has ended."""
    path = event.log_file  # "": it was not kept
    place, last = event.log or (0, 0)
    while True:
        ended = isinstance(event, End)
        try:
            if not path:
                raise FileNotFoundError(errno.ENOENT, "only those of failed jobs, and short ones, are kept for long")
            with open(path, "rb", opener=regular) as file:
                file.seek(place)
                data = file.read(min(MOST, last - place) if ended or last > place else MOST)
        except OSError as error:
            wrong = f"the log cannot be read: {error.strerror}"
            echo(message(RecordError(wrong, where=path, remedy="Run the job again to have one")), err=True)
            return
        place += len(data)
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        if ended or not follow:
            if ended and place < last:
                echo(f"... and {last - place:,} bytes more in {path}", err=True)
            return
        if not data:
            time.sleep(INTERVAL)
        event = found.history.last_records([index]).get(index, event)
        last = event.log[1] if event.log else place


def _outcome(event: JobEvent | None) -> str:
    if event is None:
        return "has not begun"
    if isinstance(event, Begin):
        return "has not ended"
    return event.error or f"done in {told_seconds(event.seconds)}"
