"""The workers of one submission on this machine: start them, feed them, follow their journals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import chain

import attrs

from ..errors import BusyError
from ..runs.store import Submitted
from ..runtime.events import Begin, End, Event, Isolation, Notice, Over
from ..runtime.feed import FeedWriter
from ..runtime.forking import PASSING, PATIENCE
from ..runtime.journal import Reader
from ..runtime.record_files import regular
from ..runtime.run_folder import Run
from ..runtime.signals import STOPPING
from ..runtime.worker import CANNOT_WORK

#: Exit status of what starts a worker elsewhere, a container say, when it has told why it cannot (EX_CONFIG).
_CANNOT_START = 78
#: Bytes of a log that are searched for a worker's last words.
_LAST_WORDS = 4096
#: Workers in a row that may die without having begun a job before no more are started.
_PATIENCE = 3


@attrs.frozen
class Failure:
    """A job that was begun and is not done."""

    submitted: Submitted
    index: int
    reason: str
    #: The file with what it printed, and first and last byte; "" if there is none.
    log: str
    log_range: tuple[int, int]


@attrs.frozen
class Assignment:
    """A submission, and how it is to be carried out."""

    submitted: Submitted
    #: How many of its jobs may run at once.
    workers: int
    #: Returns the command that carries out `exec` with these words: in a container, say.
    command: Callable[[Run, Sequence[str]], Sequence[str]]
    #: Indices of jobs that are begun after all others, since workers have died of them.
    last: frozenset[int] = frozenset()

    @property
    def places(self) -> Sequence[int]:
        """Where the jobs' lines begin in jobs.jsonl, in the order in which they are to start."""
        offsets = self.submitted.offsets
        if not self.last:
            return offsets
        planned = (range(first, last + 1) for first, last in self.submitted.submission.planned)
        jobs = list(zip(chain.from_iterable(planned), offsets, strict=True))
        first = [offset for index, offset in jobs if index not in self.last]
        return first + [offset for index, offset in jobs if index in self.last]


class Worker:
    """A worker's process, its journal, and the jobs that it has begun and not ended."""

    def __init__(self, process: subprocess.Popen[bytes], journal: Reader, log: str) -> None:
        self.process = process
        self.journal = journal
        self.log = log
        self.begun: set[int] = set()
        self.last_error = ""
        #: Whether this command has sent it a signal.
        self.is_stopped = False


class Crew:
    """The workers of one submission."""

    def __init__(self, assignment: Assignment, foreground: bool) -> None:
        self.submitted = assignment.submitted
        self.share = Fraction(1, assignment.workers)
        self.total = len(self.submitted.offsets)
        self.done = 0
        self.interrupted = 0
        self.failures: list[Failure] = []
        self.broken = ""
        #: Whether others may have taken over what was left.
        self.is_taken_over = False
        #: Jobs that a worker took from the feed and died before it began them.
        self.lost = 0
        #: What its workers say that a user should know, each once.
        self.notices: dict[str, None] = {}
        self._spawns = False
        self.workers: list[Worker] = []
        self._command = assignment.command
        self._foreground = foreground
        self._started = 0
        self._begun = 0
        self._drained = False
        self._deaths = 0
        #: How many workers can be there at once, if that is known.
        self._most: int | None = None
        self._full_since: float | None = None
        self._feed = FeedWriter(assignment.places)

    @property
    def pids(self) -> frozenset[int]:
        """The process ids of the workers."""
        return frozenset(worker.process.pid for worker in self.workers)

    @property
    def wants_worker(self) -> bool:
        """Whether there are jobs that one more worker could begin."""
        has_room = self._most is None or len(self.workers) < self._most
        return has_room and not self.broken and not self._drained and self._begun + self.lost + self._idle < self.total

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to begin."""
        return bool(self.broken) or self._begun + self.lost >= self.total

    @property
    def _idle(self) -> int:
        return sum(not worker.begun for worker in self.workers)

    def refresh(self) -> None:
        """Say that the submission is being carried out, if it is; stop when others may have taken it over."""
        if self.is_taken_over or (self.is_over and not self.workers):
            return
        try:
            self.submitted.lease.refresh()
        except BusyError as error:
            self.is_taken_over = True
            self.broken = self.broken or f"{error.what}: {error.where}"
            for worker in self.workers:
                if not worker.is_stopped:  # a second signal would leave jobs no time
                    worker.is_stopped = True
                    worker.process.terminate()
        except OSError:
            pass  # what cannot be reached now is tried again: no reason to end jobs that have run for days

    def start_worker(self) -> bool:
        """Start one more worker; tell whether there was room for it. Be broken if the records have gone."""
        try:
            self._start(self._started)
        except FileNotFoundError as error:
            self.broken = self._why_gone() or f"a worker cannot be started: {error}"
            self.is_taken_over |= self._has_lost_its_lock()
        except OSError as error:
            if error.errno not in PASSING:
                raise
            self._note_full(error)
            return False
        self._full_since = None
        self._started += 1
        return True

    def _note_full(self, error: OSError) -> None:
        """Be broken if there has been no room for any worker for a while; until then it is tried again."""
        now = time.monotonic()
        self._full_since = self._full_since or now
        if not self.workers and now - self._full_since > PATIENCE:
            self.broken = f"no worker could be started for {PATIENCE:.0f} seconds: {error.strerror}"

    def _start(self, task: int) -> None:
        run = self.submitted.run
        # Not the user's folder: `python -m` would import from it (a file json.py there, say).
        argv = self._command(run, [str(task)])
        log = "" if self._foreground else run.log(task)
        output = None if self._foreground else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        # A Python that is starting may lose a signal: the worker gets it when it can hear.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            process = subprocess.Popen(
                argv,
                stdin=self._feed.reading,
                stdout=output,
                stderr=output if output is None else subprocess.STDOUT,
                cwd=run.folder,
                env=environment(),
                start_new_session=True,  # a Ctrl-C in the terminal is passed on by us, once
            )
        except OSError:
            if log:
                os.unlink(log)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if output is not None:
                os.close(output)
        self.workers.append(Worker(process, Reader(run.journal(task)), log))

    def feed(self) -> None:
        """Fill the feed as far as it has room."""
        self._feed.fill(self._started)

    def look(self) -> bool:
        """Read the journals; tell whether a worker has died."""
        died = ended = False
        for worker in list(self.workers):
            status = worker.process.poll()  # before the journal, whose last words come before the end
            for event in worker.journal.poll():
                self._note(worker, event)
            if status is not None:
                self.workers.remove(worker)
                died |= self._see_off(worker, status)
                ended = True
                self._drained |= status == 0  # it has read an end, and those stand behind the last job
        if ended and not self.workers:
            self.lost = self._feed.taken(self._started) - self._begun
        return died

    def close(self) -> None:
        """Close the feed: a worker that still lives takes it for the death of the command, and ends."""
        self._feed.close()
        for worker in self.workers:
            worker.process.wait()
        self.submitted.lease.release()

    def _note(self, worker: Worker, event: Event) -> None:
        if isinstance(event, Begin):
            self._begun += 1
            self._deaths = 0
            worker.begun.add(event.index)
        elif isinstance(event, End):
            worker.begun.discard(event.index)
            if event.interrupted:
                self.interrupted += 1
            elif event.ok:
                self.done += 1
            else:
                self._fail(worker, event.index, event.error, event.log or (0, 0))
        elif isinstance(event, Over):
            worker.last_error = event.error
        elif isinstance(event, Notice):
            self.notices.setdefault(event.text)
        elif isinstance(event, Isolation) and event.notice and not self._spawns:
            self._spawns = True  # workers differ in how long loading took, and no more
            self.notices.setdefault(event.notice)

    def _see_off(self, worker: Worker, status: int) -> bool:
        """Account for a worker that has ended; tell whether it died."""
        for index in sorted(worker.begun):
            self._fail(worker, index, f"its worker ended: {_described(status)}", (0, 0))
        if status == CANNOT_WORK:
            last, remedy = _last_words(worker.log)
            told = worker.last_error or last or "a worker could not go on"
            place = f"; see {worker.log}{'' if worker.last_error else remedy}" if worker.log else ""
            self.broken = self.broken or self._why_gone() or told + place
            self.is_taken_over |= self._has_lost_its_lock()
        elif status and not worker.begun and not worker.is_stopped:
            self._deaths += 1
            if self._deaths >= _PATIENCE or status == _CANNOT_START:
                workers = f"{self._deaths} workers in a row" if self._deaths > 1 else "a worker"
                last, remedy = _last_words(worker.log)
                told = f"{workers} ended before any job: {last or _described(status)}; see {worker.log}{remedy}"
                if self.workers:  # what cannot be shared, such as a writable overlay, is theirs
                    self._most = len(self.workers)
                    self.notices.setdefault(f"went on with {len(self.workers)} at once: {told}")
                else:
                    self.broken = told
        return status < 0

    def _why_gone(self) -> str:
        """Return what has become of the folder that the jobs write to, or of its records; "" if they are there."""
        folder, records = self.submitted.submission.folder, self.submitted.run.folder
        if os.path.isdir(records):
            return ""
        what, gone = ("records have", records) if os.path.isdir(folder) else ("output folder has", folder)
        told = f"its {what} gone: {gone} was moved, renamed or deleted while jobs ran"
        return f"{told}\n  Put it back if you want to keep what is in it, and run again"

    def _has_lost_its_lock(self) -> bool:
        try:
            return not self.submitted.lease.is_mine()
        except OSError:
            return False

    def _fail(self, worker: Worker, index: int, reason: str, log_range: tuple[int, int]) -> None:
        self.failures.append(Failure(self.submitted, index, reason, worker.log, log_range))


def environment() -> dict[str, str]:
    """Return this process's environment, with a PYTHONPATH that holds in any folder, and one order of sets for all."""
    variables = dict(os.environ)
    variables["PYTHONHASHSEED"] = variables.get("PYTHONHASHSEED") or "0"
    if variables.get("PYTHONPATH"):
        paths = map(os.path.abspath, variables["PYTHONPATH"].split(os.pathsep))
        variables["PYTHONPATH"] = os.pathsep.join(paths)
    return variables


def _last_words(log: str) -> tuple[str, str]:
    """Return the last error that a log tells, or else its last line, '' for none; and the line with the remedy."""
    try:
        with open(log, "rb", opener=regular) as file:
            file.seek(max(0, os.path.getsize(log) - _LAST_WORDS))
            text = file.read().decode(errors="replace")
    except OSError:
        return "", ""  # there is none, or it has been deleted
    found = re.findall(r"^(?:Error: |(?=FATAL))(.*)(\n  .*)?", text, re.MULTILINE)
    return found[-1] if found else (text.strip().rpartition("\n")[2].strip(), "")


def _described(status: int) -> str:
    return f"killed by signal {-status}, {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
