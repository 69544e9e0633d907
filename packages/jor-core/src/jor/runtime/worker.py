"""One worker: takes jobs from its feed, has each run by its host, publishes its output, writes down what became of it.

The feed is a pipe that the command writes and all its workers read: the place of each job's line in jobs.jsonl, in the
order in which the jobs are to start. A read takes exactly one (pipe(7): a pipe is read by one process at a time), so
no job is handed out twice. END tells one worker to end. When the command dies the pipe hangs up, and the workers
see it even while a job runs.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from typing import Any, Iterator, Mapping

from ..errors import JorError
from .execution import Board, Outcome
from .host import CANNOT_LOAD, Host
from .journal import Journal
from .owner import Owner
from .processes import adopt_orphans, kill_descendants, load_prctl
from .records import Job, Run, source_checksum, thaw
from .staging import Staging, stamp
from .watch import Watch

#: One item of the feed: the offset of a line in jobs.jsonl.
ITEM = struct.Struct("<Q")
#: The item that tells one worker to end.
END = 2**64 - 1
#: Exit status of a worker that cannot work at all: no other would fare better (EX_UNAVAILABLE).
CANNOT_WORK = 69

#: What libraries read to learn how many threads they may start.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class _CannotWorkError(JorError):
    """This worker cannot do any job."""


def work(run: Run, task: int) -> int:
    """Be worker `task` of the submission `run`, fed through standard input; return the exit status."""
    submission = run.read_submission()
    owner = {
        "token": submission["token"],
        "task": task,
        "owner": str(Owner.current()),
        "python": sys.version.split()[0],
    }
    try:
        journal = Journal(run.journal(task), owner)
    except FileExistsError:
        print(f"task {task} is another process's already: nothing done", file=sys.stderr)  # noqa: T201
        return 0
    try:
        return _Worker(run, submission, journal).work()
    except (JorError, OSError) as error:
        # The job module cannot be loaded, or the journal or the staging folder not written: jobs would run unseen.
        print(f"Error: this worker stops: {error}", file=sys.stderr)  # noqa: T201
        try:
            journal.write("over", error=str(error))
        except OSError:
            pass  # said above, into the log
        return CANNOT_WORK
    finally:
        _quietly(journal.close)


class _Worker:
    """What a worker holds while it works."""

    def __init__(self, run: Run, submission: Mapping[str, Any], journal: Journal) -> None:
        os.chdir(submission["directory"])
        for variable in THREAD_VARIABLES:
            os.environ.setdefault(variable, str(submission["cpus_per_task"]))
        self._run = run
        self._submission = submission
        self._journal = journal
        self._feed = _take_feed()
        self._grace: float = submission["grace_period"]
        self._atomic: bool = submission["atomic_output"]
        self._planned = os.open(run.jobs, os.O_RDONLY | os.O_CLOEXEC)
        self._board = Board()
        self._watch = Watch(self._feed)
        adopt_orphans(load_prctl())
        _note_changed_source(journal, submission)
        self._staging = Staging(run.partial)
        self._host: Host | None = None

    def work(self) -> int:
        """Take jobs until the feed ends; return the exit status."""
        done = failed = 0
        try:
            for offset in self._offsets():
                if self._do(offset):
                    done += 1
                else:
                    failed += 1
        finally:
            self._dismiss_host()
            _quietly(self._staging.close)
        stopped_by = self._watch.stopped_by
        reason = "the command is gone" if self._watch.abandoned else ""
        self._journal.write(
            "over", done=done, failed=failed, stopped=signal.Signals(stopped_by).name if stopped_by else reason
        )
        return 128 + stopped_by if stopped_by else 0

    def _offsets(self) -> Iterator[int]:
        while True:
            while not self._watch.stopping and not self._watch.sleep(reading=self._feed):
                pass
            if self._watch.stopping:
                return
            item = os.read(self._feed, ITEM.size)
            if len(item) < ITEM.size or item == ITEM.pack(END):
                return
            yield ITEM.unpack(item)[0]

    def _do(self, offset: int) -> bool:
        """Run the job whose line lies at `offset`; tell whether its output is there now."""
        job = thaw(self._line(offset))
        final = os.path.join(self._submission["folder"], job.output)
        before = stamp(final) if self._submission["may_exist"] else None
        first = _log_position()
        direct = {} if self._atomic else {"direct": True}
        self._journal.write("begin", index=job.index, started=round(time.time(), 3), **direct)
        outcome, orphans = self._execute(offset)
        error = self._failure(outcome) or self._publish(final, before)
        if error:
            self._staging.clear()
        record = _record(job, outcome, error)
        if first >= 0:
            record["log"] = [first, _log_position()]
        if orphans:
            record["orphans"] = orphans
        if error and self._watch.stopping:
            record["interrupted"] = True
        self._journal.write("end", **record)
        return not error

    def _execute(self, offset: int) -> tuple[Outcome, int]:
        """Have the host run the job at `offset`; return how it ended, and how many processes it left behind."""
        if self._host is None:
            self._host = Host(self._run, self._submission, self._staging.folder, self._board)
        host = self._host
        host.order(offset)
        began = time.monotonic()
        deadline = None
        while not self._watch.sleep(None if deadline is None else deadline - time.monotonic(), reading=host.answers):
            if host.is_dead:
                break
            if self._watch.stopping:
                deadline = self._stop(host, deadline)
        answer = host.answer()
        if answer is None or self._submission["isolation"] == "spawn":
            ended, orphans = self._dismiss_host()
            if answer is None:
                if ended.status == CANNOT_LOAD:
                    raise _CannotWorkError(self._board.take())
                return ended._replace(seconds=time.monotonic() - began), orphans
        return answer

    def _stop(self, host: Host, deadline: float | None) -> float:
        """Signal the job as is due; return the time at which the next step is."""
        now = time.monotonic()
        if self._watch.abandoned or self._watch.hurried or (deadline is not None and now >= deadline):
            host.signal(signal.SIGKILL)
            return now + 1
        if deadline is not None:
            return deadline
        self._board.stop = True
        host.signal(self._watch.stopped_by or signal.SIGTERM)
        host.signal(signal.SIGCONT)  # a stopped process would not hear
        return now + self._grace

    def _dismiss_host(self) -> tuple[Outcome, int]:
        """End the host; return how it ended, and how many processes it left behind."""
        if self._host is None:
            return Outcome(0.0, 0, 0), 0
        host, self._host = self._host, None
        return host.close(), kill_descendants(frozenset())

    def _failure(self, outcome: Outcome) -> str:
        """Return why the job's process did not end well; '' if it did."""
        if outcome.signal and self._watch.abandoned:
            return "jor was killed while it ran"
        if outcome.signal:
            name = signal.Signals(outcome.signal).name
            hint = " (out of memory?)" if outcome.signal == signal.SIGKILL and not self._watch.stopping else ""
            return f"killed by signal {outcome.signal}, {name}{hint}"
        if outcome.status:
            return self._board.take() or f"exit status {outcome.status}"
        return ""

    def _publish(self, final: str, before: object) -> str:
        """Put the output into place; return why that cannot be, or ''."""
        try:
            if self._atomic and self._staging.publish(final):
                return ""
        except OSError as error:
            return f"the output could not be put into place: {error}"
        now = stamp(final)
        # Without staging, the job's word is all there is. A job that wrote at the final path all the same
        # (it made up the path by itself) has to have changed what stands there.
        written = now is not None if not self._atomic else now not in (None, before)
        return "" if written else "execute returned, but has not written its output"

    def _line(self, offset: int) -> bytes:
        data = b""
        while b"\n" not in data:
            piece = os.pread(self._planned, 4096, offset + len(data))
            if not piece:
                raise OSError(f"{self._run.jobs} ends within a job")
            data += piece
        return data[: data.index(b"\n") + 1]


def interpreter() -> list[str]:
    """Return the command that starts `python -m jor` anew."""
    return [sys.executable, sys.argv[0]] if sys.argv[0].endswith(".pyz") else [sys.executable, "-m", "jor"]


def _record(job: Job, outcome: Outcome, error: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "index": job.index,
        "seconds": round(outcome.seconds, 4),
        "max_rss": outcome.max_rss,
        "status": outcome.status,
    }
    if error:
        record.update(error=error, signal=outcome.signal)
    return record


def _note_changed_source(journal: Journal, submission: Mapping[str, Any]) -> None:
    checksum = source_checksum(submission["jobmodule"])
    if checksum != submission.get("source_crc32"):
        journal.write("changed", source_crc32=checksum)  # the same parameters, other code: run, and say so


def _take_feed() -> int:
    """Keep standard input for the worker, and give its jobs an empty one."""
    feed = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return feed


def _log_position() -> int:
    """Return the length of the log that standard output goes to, bytes; -1 when it goes elsewhere."""
    try:
        return os.lseek(1, 0, os.SEEK_END)
    except OSError:
        return -1


def _quietly(close: Any) -> None:
    """Close something at the end, where an error is only worth a line in the log."""
    try:
        close()
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
