"""One worker: takes jobs, has each run by a host, publishes its output, writes down what became of it.

A worker of `jor run` on this machine is fed by that command. One that is an array task of a batch system has its own
chunk of the planned jobs, perhaps several slots to run them in, and only so much time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import lru_cache
from typing import Any, Callable, Iterator, Mapping

from ..errors import JorError
from .execution import Outcome
from .journal import SYNC_AFTER, Journal, Reader
from .memory import oom_kills
from .owner import Owner
from .processes import adopt_orphans, load_prctl
from .records import Job, Run, append, source_checksum, thaw
from .slot import Slot
from .sources import Chunk, Feed
from .staging import force_name, stamp
from .tenure import Attempt, Tenure
from .watch import STOPPING, Watch

#: Exit status of a worker that cannot work at all: no other would fare better (EX_UNAVAILABLE).
CANNOT_WORK = 69
#: So many attempts at an array task may die without a word, with their node, while the same job runs.
MOST_DEATHS = 3
#: Seconds by which a signal to the worker may come later than the same signal to its job, when both are sent it.
_SIGNAL_LAG = 0.5

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


def work(run: Run, attempt: Attempt) -> int:
    """Be a worker or array task of the submission `run`; return the exit status."""
    submission = run.read_submission()
    claim = {
        "token": submission["token"],
        "task": attempt.task,
        "owner": str(Owner.current()),
        "python": sys.version.split()[0],
    }
    if attempt.job_id:
        claim.update(restart=attempt.restart, job_id=attempt.job_id)
    try:
        sync_after = 0.0 if submission.get("fsync") else SYNC_AFTER
        journal = Journal(run.journal(attempt.task, attempt.restart), claim, sync_after)
        if not sync_after:
            force_name(run.journal(attempt.task, attempt.restart), run.folder)
    except FileExistsError:
        print(f"task {attempt.task} is another process's already: nothing done", file=sys.stderr)  # noqa: T201
        return 0
    except OSError as error:
        print(f"Error: this worker cannot begin: {error}", file=sys.stderr)  # noqa: T201
        return 1  # another may fare better
    try:
        return _Worker(run, submission, journal, attempt).work()
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

    def __init__(self, run: Run, submission: Mapping[str, Any], journal: Journal, attempt: Attempt) -> None:
        os.chdir(submission["directory"])
        for variable in THREAD_VARIABLES:
            os.environ.setdefault(variable, str(submission["cpus_per_task"]))
        self._run = run
        self._submission = submission
        self._journal = journal
        self._grace: float = submission["grace_period"]
        self._batch: Mapping[str, Any] | None = submission.get("batch")
        self._planned = os.open(run.jobs, os.O_RDONLY | os.O_CLOEXEC)
        self._source: Feed | Chunk
        if self._batch is None:
            self._source = Feed()
            self._watch = Watch(self._source.fd)
        else:
            self._source = Chunk(run, attempt.task, _done_before(run, submission, attempt, journal))
            self._watch = Watch()
        self._tenure = Tenure(run, self._batch, attempt, self._watch)
        #: Whether no more jobs are begun, and why not though there may be more.
        self._closed = False
        self._unfinished = ""
        self._is_warned = False
        self._oom_kills = oom_kills()
        adopt_orphans(load_prctl())
        _note_changed_source(journal, submission)
        self._slots: list[Slot] = []
        for log in _logs(run, attempt.task, self._batch):
            Slot(run, submission, self._slots, log)

    def work(self) -> int:
        """Run jobs until there are no more; return the exit status."""
        done = failed = 0
        try:
            self._tenure.await_predecessor(self._grace)
            while self._fill():
                for slot, outcome, orphans in self._wait():
                    if self._settle(slot, outcome, orphans):
                        done += 1
                    else:
                        failed += 1
        finally:
            for slot in self._slots:
                _quietly(slot.close)
        self._journal.write("over", done=done, failed=failed, stopped=self._tenure.lapsed() or self._unfinished)
        if done or failed:  # else it would do no more the next time
            self._tenure.requeue()
        if self._watch.stopped_by:
            return 128 + self._watch.stopped_by
        # The command that feeds a worker counts its failures; a batch system knows only the exit status.
        return 1 if self._batch and failed else 0

    @property
    def _busy(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.job is not None]

    def _fill(self) -> bool:
        """Begin a job in each slot that has none, as long as there are more that may begin; tell whether any runs."""
        for slot in self._slots:
            if slot.job is not None or self._closed:
                continue
            self._unfinished = self._tenure.ending()
            place = None if self._unfinished else self._source.take(self._watch, self._journal.flush)
            if place is None:
                self._closed = True
                break
            job = thaw(self._line(place))
            direct = {} if self._submission["atomic_output"] else {"direct": True}
            first = slot.log_position
            log = {"log": [first, first]} if first >= 0 else {}
            self._journal.write("begin", index=job.index, started=round(time.time(), 3), **log, **direct)
            slot.begin(job, place, first)
        self._journal.flush()
        return bool(self._busy)

    def _wait(self) -> Iterator[tuple[Slot, Outcome, int]]:
        """Sleep until something happens; yield the slots whose jobs have ended, and signal other jobs if due."""
        busy = self._busy
        now = time.monotonic()
        due = [slot.due - now for slot in busy if slot.due is not None]
        answered = self._watch.sleep(min(due, default=self._tenure.patience), [slot.answers for slot in busy])
        lapsed = self._tenure.lapsed()
        for slot in busy:
            ended = slot.ended(slot.answers in answered)
            if ended is not None:
                yield (slot, *ended)
            elif lapsed:
                at_once = self._watch.abandoned or self._watch.hurried
                slot.stop(self._watch.stopped_by or signal.SIGTERM, self._grace, at_once)
            elif self._watch.warned and not self._is_warned:
                slot.warn()
        self._is_warned = self._watch.warned

    def _settle(self, slot: Slot, outcome: Outcome, orphans: int) -> bool:
        """Publish what the job in `slot` has made, write down what became of it; tell whether its output is there."""
        job = slot.job
        assert job is not None
        if self._batch and outcome.signal in STOPPING and not self._tenure.lapsed():
            self._watch.sleep(_SIGNAL_LAG)
        starved = self._starved(outcome)
        error = slot.settle(outcome, self._death(outcome, starved))
        record: dict[str, Any] = {
            "index": job.index,
            "seconds": round(outcome.seconds, 4),
            "max_rss": outcome.max_rss,
            "status": outcome.status,
        }
        if error:
            record.update(error=error, signal=outcome.signal)
        else:
            self._tenure.longest = max(self._tenure.longest, outcome.seconds)
        if slot.first >= 0:
            record["log"] = [slot.first, slot.log_position]
        if slot.loading is not None:
            record["loading"] = round(slot.loading, 4)
        if slot.log:
            record["log_file"] = os.path.basename(slot.log)
        if orphans:
            record["orphans"] = orphans
        if starved:
            record["out_of_memory"] = True
        if starved and not error:
            append(self._run.suspect, b"%d\n" % job.index)
        if error and (self._tenure.lapsed() or self._watch.warned):
            record["interrupted"] = True
        self._journal.note("end", **record)
        return not error

    def _death(self, outcome: Outcome, starved: bool) -> str:
        """Return which signal ended a job's process, and why; '' if none did."""
        if not outcome.signal:
            return ""
        lapsed = self._tenure.lapsed()
        if lapsed and not self._watch.stopped_by:
            return lapsed
        hint = ": out of memory" if starved else " (out of memory?)"
        hint = hint if outcome.signal == signal.SIGKILL and not lapsed else ""
        return f"killed by signal {outcome.signal}, {signal.Signals(outcome.signal).name}{hint}"

    def _starved(self, outcome: Outcome) -> bool:
        """Tell whether the kernel has killed a process for want of memory since the last job's end.

        In an array task it is asked after each job, since the killed process may be one that the job has started; a
        worker of `jor run` shares its control group with all else that the user runs.
        """
        if outcome.signal != signal.SIGKILL and self._batch is None:
            return False
        before, self._oom_kills = self._oom_kills, oom_kills()
        return self._batch is not None and before is not None and (self._oom_kills or 0) > before

    def _line(self, place: int) -> bytes:
        data = b""
        while b"\n" not in data:
            piece = os.pread(self._planned, 4096, place + len(data))
            if not piece:
                raise OSError(f"{self._run.jobs} ends within a job")
            data += piece
        return data[: data.index(b"\n") + 1]


def interpreter() -> list[str]:
    """Return the command that starts `python -m jor` anew."""
    return [sys.executable, sys.argv[0]] if sys.argv[0].endswith(".pyz") else [sys.executable, "-m", "jor"]


def _done_before(run: Run, submission: Mapping[str, Any], attempt: Attempt, journal: Journal) -> Callable[[Job], bool]:
    """Return what tells whether a job is not to be run: an earlier attempt saw it to its end, or its output is there.

    Nor is one during which too many of them died, which is written down: it may be what kills their nodes.
    """

    @lru_cache(maxsize=None)
    def earlier() -> tuple[set[int], dict[int, int]]:
        """Return what has ended by itself, and how many attempts died during each job.

        To be asked when the first job is to begin: an earlier attempt may still be at work until then.
        """
        ended: set[int] = set()
        deaths: dict[int, int] = {}
        for restart in range(attempt.restart):
            begun = set()
            for record in Reader(run.journal(attempt.task, restart)).records():
                if record["kind"] == "begin":
                    begun.add(record["index"])
                elif record["kind"] == "end":
                    begun.discard(record["index"])
                    if not record.get("interrupted"):
                        ended.add(record["index"])
            deaths.update({index: deaths.get(index, 0) + 1 for index in begun})
        return ended, deaths

    def is_done(job: Job) -> bool:
        if not submission["may_exist"] and stamp(os.path.join(submission["folder"], job.output)) is not None:
            return True
        ended, deaths = earlier()
        count = deaths.get(job.index, 0)
        if job.index in ended or count < MOST_DEATHS:
            return job.index in ended
        error = f"its array task has died {count} times while it ran"
        journal.note("end", index=job.index, seconds=0, max_rss=0, status=-1, error=error)
        return True

    return is_done


def _logs(run: Run, task: int, batch: Mapping[str, Any] | None) -> list[str]:
    """Return the log of each slot; '' for the worker's own, which a single slot shares with it."""
    workers = batch["workers_per_task"] if batch else 1
    return [""] if workers == 1 else [run.log(task, slot) for slot in range(workers)]


def _note_changed_source(journal: Journal, submission: Mapping[str, Any]) -> None:
    checksum = source_checksum(submission["jobmodule"])
    if checksum != submission.get("source_crc32"):
        journal.write("changed", source_crc32=checksum)  # the same parameters, other code: run, and say so


def _quietly(close: Callable[[], None]) -> None:
    """Close something at the end, where an error is only worth a line in the log."""
    try:
        close()
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
