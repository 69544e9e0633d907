"""One worker: takes jobs, has each run by a host, publishes its output, writes down what became of it.

A worker of `jor run` on this machine is fed by that command. One that is an array task of a batch system has its own
chunk of the planned jobs, perhaps several slots to run them in, and only so much time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Callable, Iterator

from ..errors import JorError
from .control_groups import oom_kills
from .earlier_attempts import MOST_DEATHS, Death, EarlierAttempts, earlier_attempts
from .events import VERSION, Begin, Changed, Claim, End, Isolation, Library, Notice, Over, kind_of
from .feed import Chunk, Feed
from .forking import ForkError, limit_threads
from .job_process import Outcome
from .job_spec import Job, source_checksum, thaw
from .journal import SYNC_AFTER, Journal
from .lifetime import Attempt, Tenure
from .old_outputs import OldOutputs
from .process_id import Owner
from .publishing import Publisher
from .record_files import MOST, regular
from .run_folder import WROTE_IN_PLACE, Run, append
from .run_spec import BatchSpec, RunSpec
from .signals import STOPPING, Watch
from .slot import SIGNAL_LAG, CannotWorkError, Slot
from .staging import force_name, stamp
from .subreaper import Orphans, Reaper, adopt_orphans, load_prctl

#: Exit status of a worker that cannot work at all: no other would fare better (EX_UNAVAILABLE).
CANNOT_WORK = 69

#: Seconds after which the first jobs of a worker are looked at.
_FIRST_LOOK = 0.5


def work(run: Run, attempt: Attempt) -> int:
    """Be a worker or array task of the submission `run`; return the exit status."""
    spec = run.read_submission()
    owner, python = str(Owner.current()), sys.version.split()[0]
    hash_seed = os.environ.get("PYTHONHASHSEED", "")
    claim = Claim(VERSION, owner, spec.token, attempt.task, attempt.restart, attempt.job_id, python, hash_seed)
    try:
        sync_after = 0.0 if spec.fsync else SYNC_AFTER
        journal = Journal(run.journal(attempt.task, attempt.restart), claim, sync_after)
        if not sync_after:
            force_name(run.journal(attempt.task, attempt.restart), run.folder)
    except FileExistsError:
        print(f"task {attempt.task} is another process's already: nothing done", file=sys.stderr)  # noqa: T201 # the log of the task
        return 0
    except OSError as error:
        print(f"Error: this worker cannot begin: {error}", file=sys.stderr)  # noqa: T201 # the log of the task
        return 1  # another may fare better
    try:
        return _Worker(run, spec, journal, attempt).work()
    except (JorError, OSError) as error:
        # The job module cannot be loaded, or the journal or the staging folder not written: jobs would run unseen.
        print(f"Error: this worker stops: {error}", file=sys.stderr)  # noqa: T201 # the log of the task
        try:
            journal.write(Over(error=str(error)))
        except OSError:
            pass  # said above, into the log
        return CANNOT_WORK
    finally:
        _quietly(journal.close)


class _Worker:
    """What a worker holds while it works."""

    def __init__(self, run: Run, spec: RunSpec, journal: Journal, attempt: Attempt) -> None:
        os.chdir(spec.directory)
        limit_threads(spec.cpus_per_task)
        self._run = run
        self._spec = spec
        self._journal = journal
        self._grace = spec.grace_period
        self._batch = spec.batch
        self._planned = regular(run.jobs, os.O_RDONLY)
        self._source: Feed | Chunk
        if self._batch is None:
            self._source = Feed()
            self._watch = Watch(self._source.fd)
        else:
            self._source = Chunk(run, attempt.task, self._is_wanted)
            self._watch = Watch()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # blocked by the command until they can be heard
        self._tenure = Tenure(run, self._batch, attempt, self._watch)
        self._attempt = attempt
        self._before: EarlierAttempts | None = None
        #: Whether a job that was stopped goes on from where it was, and not from its beginning.
        self._is_resumable = spec.resumable
        self._done = self._failed = 0
        #: Jobs that were stopped from outside, of those that failed.
        self._interrupted = 0
        #: Whether no more jobs are begun, and why not though there may be more.
        self._closed = False
        self._unfinished = ""
        self._is_warned = False
        self._oom_kills = oom_kills()
        adopt_orphans(load_prctl())
        self._is_changed = _note_changed_source(journal, spec)
        self._old = OldOutputs(run, spec.folder)
        #: What was taken for `isolation = auto`, once that is written down.
        self._isolation: Isolation | None = None
        #: Whether the version of NumPy is written down.
        self._is_numpy_noted = False
        #: What users have been told.
        self._notices: set[str] = set()
        #: After how many seconds its first jobs are looked at.
        self._first_look = _FIRST_LOOK
        #: Whether it is known that outputs are written in place.
        self._is_in_place = not spec.atomic_output
        publisher, reaper = Publisher(run, spec.folder), Reaper()
        self._slots: list[Slot] = []
        for log in _logs(run, attempt.task, self._batch):
            Slot(run, spec, self._slots, publisher, reaper, self._tenure.lapsed, log)

    def work(self) -> int:
        """Run jobs until there are no more; return the exit status."""
        try:
            self._tenure.await_predecessor(self._grace)
            while self._fill():
                for slot, outcome, orphans in self._wait():
                    self._settle(slot, outcome, orphans)
        finally:
            for slot in self._slots:
                _quietly(slot.close)
        if self._tenure.lost and self._batch is None:
            # Otherwise the command would take it for a worker that has found no more.
            raise JorError(self._tenure.lost)
        stopped = self._tenure.lapsed() or self._unfinished
        self._journal.write(Over(self._done, self._failed, stopped))
        if self._tenure.lost:
            print(f"task {self._attempt.task} stops: {self._tenure.lost}", file=sys.stderr)  # noqa: T201 # the log of the task
        if self._done + self._failed > (0 if self._is_resumable else self._interrupted):
            self._tenure.requeue()  # else it would come no further the next time
        if self._watch.stopped_by:
            return 128 + self._watch.stopped_by
        # The command that feeds a worker counts its failures; a batch system knows only the exit status.
        return 1 if self._batch and self._failed else 0

    @property
    def _busy(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.job is not None]

    def _fill(self) -> bool:
        """Begin a job in each slot that has none, as long as there are more that may begin; tell whether any runs."""
        for slot in self._slots:
            while slot.job is None and not self._closed:
                self._begin_next(slot)
        self._journal.flush()
        return bool(self._busy)

    def _begin_next(self, slot: Slot) -> None:
        """Begin the next job in `slot`, unless it may not write where its output belongs; or begin no more."""
        self._unfinished = self._tenure.ending()
        place = None if self._unfinished else self._source.take(self._watch, self._journal.flush)
        if place is None:
            self._closed = True
            return
        job = thaw(self._line(place))
        direct = not self._spec.atomic_output
        resumed = old_aside = False
        if direct:
            is_begun = self._before is not None and job.index in self._before.begun
            error = "" if is_begun else self._old.make_room(job.index, job.output, self._spec.aside)
            resumed, old_aside = stamp(slot.final(job)) is not None, self._old.has(job.output)
            if error:
                self._refuse(job, error, old_aside=True)  # it is whole, and nothing has been written
                return
            if resumed and self._is_changed:
                error = "it was not gone on with: the job module has changed since that was planned"
                self._refuse(job, error, old_aside=old_aside, interrupted=True)
                return
        first = slot.log_position
        log, log_file = (first, first) if first >= 0 else None, os.path.basename(slot.log)
        begin = Begin(job.index, round(time.time(), 3), log, log_file, direct, resumed=resumed, old_aside=old_aside)
        self._journal.write(begin)
        try:
            slot.begin(job, place, first)
        except ForkError:
            self._settle(slot, Outcome(0.0, 0, 1 << 8), Orphans(0, 0))  # a status as wait(2) has it

    def _refuse(self, job: Job, error: str, *, old_aside: bool, interrupted: bool = False) -> None:
        """Write down that a job that writes in place was not begun."""
        self._journal.note(Begin(job.index, round(time.time(), 3)))  # not `direct`: it has written nothing
        end = End(job.index, 0, max_rss=0, status=-1, error=error, interrupted=interrupted, old_aside=old_aside)
        self._journal.note(end)
        self._failed += 1

    def _wait(self) -> Iterator[tuple[Slot, Outcome, Orphans]]:
        """Sleep until something happens; yield the slots whose jobs have ended, and signal other jobs if due."""
        busy = self._busy
        now = time.monotonic()
        due = [slot.due - now for slot in busy if slot.due is not None]
        is_new = not self._is_in_place and not self._done
        patience = min([*due, self._tenure.patience, *([self._first_look] if is_new else [])])
        self._first_look *= 2
        answered = self._watch.sleep(patience, [slot.answers for slot in busy if slot.answers is not None])
        lapsed = self._tenure.lapsed()
        for slot in busy:
            try:
                ended = slot.ended(slot.answers in answered)
            except CannotWorkError as error:
                if self._batch is None:  # a later attempt at an array task tries it again
                    self._fail(slot, error)
                raise
            if ended is not None:
                yield (slot, *ended)
            elif lapsed:
                at_once = self._watch.abandoned or self._watch.hurried
                slot.stop(self._watch.stopped_by or signal.SIGTERM, self._grace, at_once)
            elif self._watch.warned and not self._is_warned:
                slot.warn()
            elif notice := slot.remind(self._grace):
                self._notice(notice)
            elif is_new and slot.writes_in_place() and slot.job is not None:
                self._note_in_place(slot.job)  # before it ends: should it die, half an output stands there
        self._is_warned = self._watch.warned

    def _settle(self, slot: Slot, outcome: Outcome, orphans: Orphans) -> None:
        """Publish what the job in `slot` has made, and write down what became of it."""
        job = slot.job
        assert job is not None
        if self._batch and outcome.signal in STOPPING and not self._tenure.lapsed():
            self._watch.sleep(SIGNAL_LAG)
        starved = self._starved(outcome)
        settled = slot.settle(outcome, self._death(outcome, starved), self._watch.stopped_at)
        error = settled.error
        if settled.notice:
            self._notice(settled.notice)
        if settled.direct:
            self._note_in_place(job)
        if not error:
            self._tenure.longest = max(self._tenure.longest, outcome.seconds)
        interrupted = bool(error and (self._tenure.lapsed() or self._watch.warned))
        more, old_aside = "", not self._spec.atomic_output and self._old.has(job.output)
        if old_aside and error and not interrupted:
            more = self._old.put_back_or_tell(job.output)
        log = (slot.first, slot.log_position) if slot.first >= 0 else None
        if starved and not error:
            append(self._run.suspect, b"%d\n" % job.index)
        end = End(
            index=job.index,
            seconds=round(outcome.seconds, 4),
            max_rss=outcome.max_rss,
            status=outcome.status,
            error=error + more,
            signal=outcome.signal if error else 0,
            log=log,
            log_file=os.path.basename(slot.log),
            loading=None if slot.loading is None else round(slot.loading, 4),
            orphans=orphans.killed,
            interrupted=interrupted,
            out_of_memory=starved,
            old_aside=old_aside,
            direct=settled.direct,
        )
        if settled.beside:
            end = end.naming(settled.beside)
        self._journal.note(end)
        self._tell(slot, job, orphans, end)
        if old_aside and end.ok:
            self._journal.flush()  # first: as long as the old one is there, the new one may be incomplete
            self._old.delete(job.output)
        self._interrupted += end.interrupted
        self._done += end.ok
        self._failed += not end.ok

    def _tell(self, slot: Slot, job: Job, orphans: Orphans, end: End) -> None:
        """Write down what a user should know of how this job ran."""
        if self._isolation is None and slot.isolation is not None:
            self._isolation = slot.isolation
            self._journal.note(slot.isolation)
        if slot.numpy and not self._is_numpy_noted:
            self._is_numpy_noted = True
            self._journal.note(Library("numpy", slot.numpy))
        if end.ok and orphans.killed and slot.left_running:
            told = f"jobs leave processes running, which jor ends: job {job.index}, {slot.left_running}"
            self._notice(f"{told}. What those would write later is missing: let jobs wait for them")
        if orphans.left:
            what = "process" if orphans.left == 1 else "processes"
            told = f"job {job.index} has left {orphans.left} {what} behind that jor may not end, or that do not end"
            self._notice(f"{told}: another user's (sudo, say). They are still there; end them yourself")

    def _notice(self, text: str) -> None:
        """Tell users of something, unless they have been told of its kind."""
        if kind_of(text) not in self._notices:
            self._notices.add(kind_of(text))
            self._journal.write(Notice(text))

    def _note_in_place(self, job: Job) -> None:
        """Have it known that jobs write at their final path by themselves, so that outputs may be halves."""
        if not self._is_in_place:
            self._is_in_place = True
            append(self._run.in_place, b"job %d %s\n" % (job.index, WROTE_IN_PLACE))
            remedy = "One that dies there leaves half an output: let it ask _get_output_path"
            self._notice(f"jobs write at their final paths by themselves: job {job.index}, for one. {remedy}")

    def _fail(self, slot: Slot, error: CannotWorkError) -> None:
        """Write down why the job in `slot` has failed, whose job module cannot be loaded."""
        assert slot.job is not None
        log = (slot.first, slot.log_position) if slot.first >= 0 else None
        told = str(error).partition("\n")[0]
        name = os.path.basename(slot.log)
        self._journal.note(End(slot.job.index, 0, max_rss=0, status=-1, error=told, log=log, log_file=name))
        self._failed += 1

    def _is_wanted(self, job: Job) -> bool:
        """Tell whether a job of this array task is to be run; write down one that is given up."""
        if not self._spec.may_exist and stamp(os.path.join(self._spec.folder, job.output)) is not None:
            return False
        if self._before is None:  # not sooner: an earlier attempt may have been at work
            self._before = earlier_attempts(self._run, self._attempt)
        if job.index in self._before.ended:
            return False
        deaths = self._before.deaths.get(job.index, [])
        if len(deaths) < MOST_DEATHS or self._is_resumable:
            return True
        self._give_up(job, deaths)
        return False

    def _give_up(self, job: Job, deaths: list[Death]) -> None:
        """Fail a job during which earlier attempts have died: it may be what kills their nodes."""
        last = deaths[-1].begin
        others = max(death.others for death in deaths)
        error = f"its array task has died {len(deaths)} times while it ran"
        error += f", beside {others} others" if others else ""
        log = (last.log[0], 0) if last.log else None
        self._journal.note(End(job.index, 0, max_rss=0, status=-1, error=error, log=log, log_file=last.log_file))
        self._failed += 1

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
        size = 4096
        while size <= 2 * MOST:  # else something else stands there
            data = os.pread(self._planned, size, place)
            end = data.find(b"\n")
            if end >= 0:
                return data[: end + 1]
            if len(data) < size:
                break
            size *= 4
        raise OSError(f"{self._run.jobs} ends within a job")


def interpreter() -> list[str]:
    """Return the command that starts `python -m jor` anew."""
    return [sys.executable, sys.argv[0]] if sys.argv[0].endswith(".pyz") else [sys.executable, "-m", "jor"]


def _logs(run: Run, task: int, batch: BatchSpec | None) -> list[str]:
    """Return the log of each slot; '' for the worker's own, which a single slot shares with it."""
    workers = batch.workers_per_task if batch else 1
    return [""] if workers == 1 else [run.log(task, slot) for slot in range(workers)]


def _note_changed_source(journal: Journal, spec: RunSpec) -> bool:
    """Write down if the job module is not any more what it was when its jobs were planned; tell whether it is so."""
    checksum = source_checksum(spec.jobmodule)
    if checksum != spec.source_crc32:
        journal.write(Changed(checksum))  # the same parameters, other code: run, and say so
    return checksum != spec.source_crc32


def _quietly(close: Callable[[], None]) -> None:
    """Close something at the end, where an error is only worth a line in the log."""
    try:
        close()
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 # the log of the task
