"""What has become of each job: outputs, then journals, then who is at work.

Truth, in this order: the output, the journal's end record, whether somebody carries the submission out.
"""

from __future__ import annotations

import enum
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import attrs

from ..runs.submission import Batch, Ranges
from ..runtime.events import Begin, End, JobEvent, of_each_kind


class Status(enum.Enum):
    """Each job is in exactly one."""

    DONE = "done"
    RUNNING = "running"
    QUEUED = "queued"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    #: Its output is there, is to be made again, and has not been tried since.
    OUTDATED = "outdated"
    MISSING = "missing"
    #: Somebody has it, or has had it, who cannot be asked from here: it is left alone.
    UNKNOWN = "unknown"


#: A job in one of these has to run.
PENDING = (Status.FAILED, Status.INTERRUPTED, Status.OUTDATED, Status.MISSING)
#: What is added to the reason why an output that is to be made again has not been.
OLD_STANDS = "; the old output stands"


class Phase(enum.Enum):
    """Where a worker, or an array task, stands."""

    #: It will begin, or begin again.
    WAITING = "waiting"
    AT_WORK = "at work"
    #: Its batch system cannot be asked, or does not answer for it.
    UNKNOWN = "unknown"
    OVER = "over"


class Shortage(enum.Enum):
    """What a job had too little of."""

    MEMORY = "memory"
    TIME = "time"


@attrs.frozen
class TaskState:
    """The state of a worker or array task."""

    phase: Phase
    #: Why it waits, or how it ended, in words; "" if that is not known, or all is well.
    reason: str = ""
    #: What it ran out of, if that ended it.
    shortage: Shortage | None = None
    #: What it printed, should it have ended before it began a job: a file; "" if nowhere.
    log: str = ""
    #: Where in it: first and last byte; both 0: all of it.
    log_range: tuple[int, int] = (0, 0)
    #: Whether its process may go on though it is over as the batch system says, which has lost it, or its node.
    may_live: bool = False
    #: Why it is open how it is, a clause; "" if it is not: such a task is at work as long as its worker is heard of.
    doubt: str = ""


@attrs.frozen
class Carrier:
    """Who carries a submission out."""

    #: What to call it in a sentence: "process 12 on host a", "Slurm array 516".
    name: str
    #: The state of each of its array tasks, or of the one thing that all its workers are.
    state_of: Callable[[int], TaskState]
    #: Whether any of it may still begin a job.
    is_active: bool
    #: What a user should know of it.
    notes: tuple[str, ...] = ()
    #: The tasks whose state tells a doubt: what the shared folder tells of their workers decides.
    doubtful: Sequence[int] = ()
    #: Whether it can never be asked from here: another cluster has it, or another user whose jobs are not shown.
    is_elsewhere: bool = False


@attrs.frozen
class Problem:
    """Why a job that was begun, or should have been, is not done."""

    index: int
    status: Status
    reason: str
    #: Where its output to the terminal was kept: a file, and first and last byte; "" if nowhere.
    log: str = ""
    log_range: tuple[int, int] = (0, 0)
    seconds: float | None = None
    shortage: Shortage | None = None
    #: What was asked for the attempt that ran short.
    asked: Batch | None = None
    #: Whether its worker died while it ran, perhaps of it.
    is_deadly: bool = False


@attrs.frozen
class Attempt:
    """A submission seen by `judge`: what it planned, who carries it out, and the newest record of each job."""

    planned: Ranges
    carrier: Carrier
    records: Callable[[], Mapping[int, JobEvent]]
    #: The state of the worker or array task that has a planned job, by the job's index.
    state_of: Callable[[int], TaskState]
    batch: Batch | None = None
    #: What its workers say that a user should know.
    notices: Callable[[], Iterable[str]] = tuple
    #: When it was planned, as marks on outputs tell the time.
    created: str = ""


@attrs.frozen
class EntryStatus:
    """The status of all jobs of an entry."""

    total: int
    counts: Mapping[Status, int]
    #: Indices of the jobs that have to run, ascending.
    pending: Sequence[int]
    problems: Sequence[Problem]
    #: Who is running or about to run jobs of it.
    carriers: tuple[Carrier, ...]
    #: Indices of jobs whose output exists, is empty, and was not made by a job that ended well.
    empty: frozenset[int] = frozenset()
    #: Indices of jobs that are done, though a process of theirs was killed for want of memory.
    suspect: frozenset[int] = frozenset()
    #: Indices of the jobs that run, of those that are queued, and of those that are unknown, ascending.
    running: Sequence[int] = ()
    queued: Sequence[int] = ()
    unknown: Sequence[int] = ()
    #: Indices of the jobs that are outdated, and of all whose output is to be made again and has not been, ascending.
    outdated: Sequence[int] = ()
    old: Sequence[int] = ()
    #: What a user should know of the submissions that explain these jobs, as their workers say.
    notices: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        """The number of jobs that are not done."""
        return self.total - self.counts[Status.DONE]

    @property
    def deadly(self) -> frozenset[int]:
        """Indices of jobs during which a worker died: what has to run behind them might never begin."""
        return frozenset(problem.index for problem in self.problems if problem.is_deadly)

    @property
    def unfinished(self) -> Mapping[int, Status]:
        """The state of each job that is not done, by its index."""
        states = dict.fromkeys(self.pending, Status.MISSING)
        states.update(dict.fromkeys(self.outdated, Status.OUTDATED))
        states.update((problem.index, problem.status) for problem in self.problems)
        states.update(dict.fromkeys(self.running, Status.RUNNING))
        states.update(dict.fromkeys(self.queued, Status.QUEUED))
        states.update(dict.fromkeys(self.unknown, Status.UNKNOWN))
        return states

    @property
    def active(self) -> tuple[Carrier, ...]:
        """Those of the carriers that may still begin a job."""
        return tuple(carrier for carrier in self.carriers if carrier.is_active)

    @property
    def is_awaited(self) -> bool:
        """Whether anything may still happen that can be seen from here."""
        # Tasks that a batch system does not show yet, or any more, may be queued though their carrier is not active.
        return bool(self.running or self.queued) or any(not carrier.is_elsewhere for carrier in self.active)


def summed(counts: Iterable[Mapping[Status, int]]) -> dict[Status, int]:
    """Return the number of jobs in each state, of several entries together."""
    total = dict.fromkeys(Status, 0)
    for one in counts:
        for status, count in one.items():
            total[status] += count
    return total


#: No output is to be made again.
NO_MARKS: Mapping[int, str] = MappingProxyType({})
#: Of an entry that is still to be judged.
NOT_JUDGED = EntryStatus(0, dict.fromkeys(Status, 0), (), (), ())


def judge(
    total: int,
    absent: Sequence[int],
    attempts: Sequence[Attempt],
    *,
    empty: frozenset[int],
    exists: Callable[[int, bool], bool],
    marked: Mapping[int, str] = NO_MARKS,
) -> EntryStatus:
    """Return the status of jobs 0 .. `total`-1.

    `absent` are the indices without a complete output of now, ascending; those of them in `empty` have an empty one,
    those in `marked` an old one that somebody wants to be made again, and since when: only later attempts tell of them.
    `attempts` are the entry's submissions, the newest first. `exists` looks anew for the output of a job that ended
    after `absent` was found; it is told whether a record says that there is one.
    """
    found = _Found(marked, exists)
    undecided = absent
    for attempt in attempts:
        undecided = found.look_at(attempt, undecided)
    for index in undecided:
        found.leave(index, is_empty=index in empty)
    counts = dict(found.counts)
    counts[Status.DONE] = total - sum(counts[status] for status in Status if status is not Status.DONE)
    return EntryStatus(
        total,
        counts,
        sorted(found.pending),
        sorted(found.problems, key=lambda problem: problem.index),
        tuple(found.carriers),
        empty,
        running=sorted(found.underway[Status.RUNNING]),
        queued=sorted(found.underway[Status.QUEUED]),
        unknown=sorted(found.underway[Status.UNKNOWN]),
        outdated=sorted(found.outdated),
        old=sorted(found.old),
        notices=of_each_kind(found.notices),
    )


class _Found:
    """What has been found out of the jobs of an entry."""

    def __init__(self, marked: Mapping[int, str], exists: Callable[[int, bool], bool]) -> None:
        self._marked = marked
        self._exists = exists
        self._causes: dict[int, TaskState] = {}
        self.counts = dict.fromkeys(Status, 0)
        self.problems: list[Problem] = []
        self.pending: list[int] = []
        self.underway: dict[Status, list[int]] = {
            status: [] for status in (Status.RUNNING, Status.QUEUED, Status.UNKNOWN)
        }
        self.outdated: list[int] = []
        self.old = set(marked)
        self.carriers: list[Carrier] = []
        self.notices: dict[str, None] = {}

    def look_at(self, attempt: Attempt, undecided: Sequence[int]) -> Sequence[int]:
        """Take what an attempt, older than those before, says of the ascending jobs `undecided`; return the rest."""
        planned, rest = _split(undecided, attempt.planned)
        # Attempts from before the mark have made the old output, or have not: they say nothing of the new one.
        untouched = [i for i in planned if i in self._marked and attempt.created <= self._marked[i]] if self.old else []
        planned = sorted({*planned}.difference(untouched)) if untouched else planned
        records = attempt.records() if planned else {}
        self.notices.update(dict.fromkeys(attempt.notices() if planned else ()))
        for index in planned:
            state = attempt.state_of(index)
            problem = _verdict(
                index, records.get(index), state, _only_if_told if index in self._marked else self._exists
            )
            if problem is not None:
                self._decide(problem, attempt.batch)
                continue
            untouched.append(index)  # planned and never begun: what was before that still holds
            if state.reason:
                self._causes.setdefault(index, state)
        if attempt.carrier.is_active or (planned and attempt.carrier.notes):
            self.carriers.append(attempt.carrier)
        return sorted([*rest, *untouched]) if untouched else rest

    def leave(self, index: int, *, is_empty: bool) -> None:
        """Take it that no attempt says anything of a job."""
        if is_empty:
            reason = "the output is empty and there is no record of its job's end"
            self._decide(Problem(index, Status.INTERRUPTED, reason), None)
            return
        is_old = index in self._marked
        status, stands = (Status.OUTDATED, OLD_STANDS) if is_old else (Status.MISSING, "")
        if index in self._causes:
            cause = self._causes[index]
            self.problems.append(Problem(index, status, f"last: {cause.reason}{stands}", cause.log, cause.log_range))
        self.counts[status] += 1
        self.pending.append(index)
        if is_old:
            self.outdated.append(index)

    def _decide(self, problem: Problem, asked: Batch | None) -> None:
        index, status = problem.index, problem.status
        self.counts[status] += 1
        if status is Status.DONE:
            self.old.discard(index)
        elif status in self.underway:
            self.underway[status].append(index)
        else:
            self.pending.append(index)
            if index in self._marked:
                problem = attrs.evolve(problem, reason=problem.reason + OLD_STANDS)
            self.problems.append(attrs.evolve(problem, asked=asked) if problem.shortage else problem)


def _only_if_told(_index: int, is_told: bool) -> bool:
    """Tell of a job with an old output whether the new one is there: a record has to say so."""
    return is_told


def _verdict(
    index: int, event: JobEvent | None, state: TaskState, exists: Callable[[int, bool], bool]
) -> Problem | None:
    """Return what one submission says of a job without output; None if it says nothing."""
    left = Problem(index, Status.UNKNOWN if state.phase is Phase.UNKNOWN else Status.QUEUED, "")
    if event is None:
        return left if state.phase is not Phase.OVER else None
    if isinstance(event, Begin) and state.phase is Phase.AT_WORK:
        return Problem(index, Status.RUNNING, "")
    end = event if isinstance(event, End) else None
    if event.ok if isinstance(event, End) else not event.direct:
        if exists(index, end is not None):
            return Problem(index, Status.DONE, "")
        if end is not None:
            return Problem(index, Status.MISSING, "it was done, and its output has gone since")
    interrupted = end is None or end.interrupted
    if interrupted and state.phase is not Phase.OVER:
        return left  # its task goes on with it, or begins again
    return _unfinished(index, event, interrupted, state)


def _unfinished(index: int, event: JobEvent, interrupted: bool, state: TaskState) -> Problem:
    """Return why a job that was begun has no output."""
    end = event if isinstance(event, End) else None
    reason = end.error if end else "it was begun, and its worker died"
    shortage = Shortage.MEMORY if end and end.out_of_memory else None
    if interrupted and state.reason:
        reason, shortage = state.reason, state.shortage or shortage
    elif end and end.signal == signal.SIGKILL and state.shortage is Shortage.MEMORY:
        reason, shortage = state.reason, state.shortage  # Slurm has seen what its worker could not
    status = Status.INTERRUPTED if interrupted and shortage is None else Status.FAILED
    log = event.log_file if event.log else ""
    is_deadly = end is None or end.status == -1  # given up after such deaths
    seconds = end.seconds if end else None
    return Problem(index, status, reason, log, event.log or (0, 0), seconds, shortage, is_deadly=is_deadly)


def _split(indices: Sequence[int], planned: Ranges) -> tuple[list[int], list[int]]:
    """Return those of the ascending `indices` that lie within the ascending ranges `planned`, and the others."""
    inside: list[int] = []
    outside: list[int] = []
    beyond = (sys.maxsize, sys.maxsize)
    ranges = iter(planned)
    first, last = next(ranges, beyond)
    for index in indices:
        while last < index:
            first, last = next(ranges, beyond)
        (inside if first <= index <= last else outside).append(index)
    return inside, outside
