"""What is known of an entry's earlier submissions: their folders, their journals, and who carries them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache

import attrs

from ..runs import submission as submissions
from ..runs.attempts import Execution, executions_of, journals
from ..runs.journal_index import summaries
from ..runs.lease import holder
from ..runs.renumbering import UNMOVED, Moves, Places
from ..runs.submission import Submission
from ..runtime.jobs import JobsBase
from ..runtime.journal import Reader, Record
from ..runtime.outputs import Listing, output_name
from ..runtime.process_id import Owner
from ..runtime.run_folder import Run
from ..runtime.staging import stamp
from .status import Attempt, Carrier, EntryStatus, Phase, TaskState, judge

#: Asks the batch systems once for all these submissions, and returns who carries out each.
Ask = Callable[[Sequence[tuple[Run, Submission]]], Sequence[Carrier]]


def nobody(batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
    """Return, for each submission of a batch system, that it cannot be asked."""
    unknown = TaskState(Phase.WAITING, "nobody was asked")
    return [Carrier("an array that was not asked for", lambda _task: unknown, True) for _ in batches]


@attrs.frozen(eq=False)
class History:
    """The submissions of an entry, the newest first, as far as jobs without output have to be explained by them."""

    jobs: JobsBase
    #: The folder of the entry's records.
    records: str
    #: Where the jobs of its submissions stand now; all other indices are those of now.
    places: Places
    #: Indices of jobs without a complete output, ascending; and of those that have an empty one.
    unfit: Sequence[int]
    empty: frozenset[int]
    incomplete: frozenset[int]
    #: Indices of jobs whose output is there, and is to be doubted.
    suspect: frozenset[int]
    submissions: Sequence[tuple[Run, Submission]]

    @classmethod
    def read(
        cls, jobs: JobsBase, places: Places, absent: Sequence[int], records: str, *, everything: bool = False
    ) -> History:
        """Return the history of an entry with the folder `records`, of which the outputs `absent` were not found.

        Reads only what it has to: no submission when all is done, unless `everything` is wanted, since outputs that are
        there may be about to be replaced.
        """
        runs = list(submissions.newest_first(records))
        empty = _empty_outputs(jobs, places, absent, runs)
        incomplete = frozenset() if jobs.atomic_output else _incomplete(places, absent, runs)
        unfit = sorted({*absent, *empty, *incomplete}) if empty or incomplete else absent
        wanted = runs if unfit or everything else []
        suspect = _suspect(places, runs).difference(unfit)
        read = [(run, submissions.read(run)) for run in wanted]
        return cls(jobs, records, places, unfit, empty, incomplete, suspect, read)

    @property
    def unsound(self) -> list[int]:
        """Indices of the jobs whose output is there, and is not complete."""
        return sorted(self.empty | self.incomplete)

    @property
    def batches(self) -> Sequence[tuple[Run, Submission]]:
        """The submissions that a batch system carries out."""
        return [one for one in self.submissions if one[1].batch is not None]

    def gone(self, carriers: Mapping[Run, Carrier]) -> frozenset[str]:
        """Return the owners of array tasks, on whatever host, that are over as the batch system says."""
        return frozenset(
            owner
            for run, _ in self.batches
            for task, owner in _Journals(run).owners
            if carriers[run].state_of(task).phase is Phase.OVER
        )

    def judge(self, carriers: Mapping[Run, Carrier], now: float) -> EntryStatus:
        """Return the status of the entry's jobs; `carriers` has who carries out each of `batches`.

        `now` is the time by the clock that stamps files in the folder of records.
        """
        folder = os.fspath(self.jobs._get_output_folder())

        @cache
        def listing() -> Listing:
            return Listing(folder)

        def exists(index: int, is_told: bool) -> bool:
            name = output_name(self.jobs, index)
            found = stamp(os.path.join(folder, name))
            if found is None and is_told:
                return listing().has(name)  # NFS denies for a minute what anybody has looked for too early
            return found is not None and (index not in self.empty or found[2] > 0)

        wanted = frozenset(self.unfit)
        attempts = [
            _batch_attempt(run, submission, carriers[run], self.places.of(run, submission), wanted)
            if submission.batch
            else _local_attempt(run, submission, now, self.places.of(run, submission), wanted)
            for run, submission in self.submissions
        ]
        status = judge(len(self.jobs), self.unfit, attempts, empty=self.empty, exists=exists)
        return attrs.evolve(status, suspect=self.suspect) if self.suspect else status

    def executions(self) -> Iterator[Execution]:
        """Yield each execution of the jobs that the list has, in the order of jor.runs.attempts."""
        for run in submissions.newest_first(self.records):
            moves = self.places.of(run)
            for one in executions_of(run):
                index = moves.now(one.index)
                if index >= 0:
                    yield one if index == one.index else one._replace(index=index)

    def last_records(self, indices: Iterable[int]) -> dict[int, Record]:
        """Return the last word on each of these jobs that any of the submissions has, the newest first."""
        found: dict[int, Record] = {}
        wanted = set(indices)
        for run in submissions.newest_first(self.records):
            if wanted:
                moves = self.places.of(run)
                here: dict[int, Record] = {}
                for path, task, _ in journals(run):
                    here.update(_last_of(path, wanted, run, task, moves))
                found.update(here)
                wanted.difference_update(here)
        return found


def newest_records(run: Run, moves: Moves = UNMOVED) -> dict[int, Record]:
    """Return the last word of all journals of a submission on each job: its end, else its begin.

    Of a job that ended well it says no more than that. Jobs have the indices that they have after `moves`.
    """
    return _Journals(run, moves).of_jobs


def finished_tasks(run: Run) -> frozenset[int]:
    """Return which array tasks of a submission came to their own end, whatever became of their jobs."""
    return frozenset(_Journals(run).of_tasks)


def may_live(run: Run, tasks: Container[int]) -> bool:
    """Tell whether one of these array tasks has begun, has not told its end, and is not known to be dead."""
    told = _Journals(run)
    owners = [Owner.parse(text) for task, text in told.owners if task in tasks and task not in told.of_tasks]
    return any(owner is None or not owner.is_dead() for owner in owners)


def _last_of(path: str, wanted: Container[int], run: Run, task: int, moves: Moves) -> dict[int, Record]:
    found: dict[int, Record] = {}
    for record in Reader(path).records():
        index = moves.now(record.get("index", -1))
        if index in wanted and (record["kind"] == "end" or index not in found):
            found[index] = _with_log(record, run, task)
    return found


def outliving(records: str, now: float) -> Owner | None:
    """Return a worker that runs though the command that it worked for is dead; None if there is none.

    It ends by itself as soon as it notices. To be asked by who is planning the entry with the folder `records`; `now`
    is the time by the clock that stamps files there.
    """
    return next(filter(None, (orphaned(run, now) for run in submissions.newest_first(records))), None)


def orphaned(run: Run, now: float) -> Owner | None:
    """Return a worker as `outliving` does, of one submission. If there is none, nobody goes on with that one."""
    if os.path.exists(run.alive) and holder(run.alive, now) is None:
        for _, text in _Journals(run).owners:
            owner = Owner.parse(text)
            if owner is not None and owner.is_running():
                return owner
        try:
            os.unlink(run.alive)  # who stood still sees that it is gone, and the next time there is nothing to ask
        except OSError:
            pass  # it was gone already, and seen from a stale cache (NFS), or it is another user's
    return None


#: The last word on a job that ended well, of which a summary keeps no more.
_WELL: Record = {"kind": "end"}


class _Journals:
    """What all journals of a submission say, jobs having the indices that they have after `moves`."""

    def __init__(self, run: Run, moves: Moves = UNMOVED, wanted: frozenset[int] | None = None) -> None:
        #: The last word on each job, or on those wanted: its end, else its begin, of the newest attempt that has one.
        self.of_jobs: dict[int, Record] = {}
        #: The last word on each task whose newest attempt is over.
        self.of_tasks: dict[int, Record] = {}
        #: Each attempt at a task: the task, and the process that it was.
        self.owners: list[tuple[int, str]] = []
        #: The tasks that have begun at all.
        self.begun: set[int] = set()
        for found in summaries(run):
            self.begun.add(found.task)
            self.of_tasks.pop(found.task, None)  # an earlier attempt's
            if found.over is not None:
                self.of_tasks[found.task] = found.over
            if found.owner:
                self.owners.append((found.task, found.owner))
            well = moves.all_now(found.well)
            self.of_jobs.update(dict.fromkeys(well if wanted is None else wanted.intersection(well), _WELL))
            for then, record in found.others.items():
                index = moves.now(then)
                if index in wanted if wanted is not None else index >= 0:
                    self.of_jobs[index] = _with_log(record, run, found.task)


def _with_log(record: Record, run: Run, task: int) -> Record:
    """Return `record` with the path of the log that it speaks of."""
    log = record.get("log_file") or os.path.basename(run.log(task))
    return {**record, "log_file": os.path.join(run.folder, log)}


def _local_attempt(run: Run, submission: Submission, now: float, moves: Moves, wanted: frozenset[int]) -> Attempt:
    owner = holder(run.alive, now)  # before the journals: what ends in between has its end record there
    state = TaskState(Phase.AT_WORK if owner else Phase.OVER)
    name = f"process {owner.pid} on {owner.host}" if owner else ""
    carrier = Carrier(name, lambda _task: state, owner is not None)
    planned = moves.planned(submission)
    return Attempt(planned, carrier, lambda: _Journals(run, moves, wanted).of_jobs, lambda _index: state)


def _batch_attempt(run: Run, submission: Submission, carrier: Carrier, moves: Moves, wanted: frozenset[int]) -> Attempt:
    task_of = submission.task_of()

    @cache
    def journals() -> _Journals:
        return _Journals(run, moves, wanted)

    @cache
    def state_of(task: int) -> TaskState:
        state, over = carrier.state_of(task), journals().of_tasks.get(task)
        if state.phase is Phase.OVER and task not in journals().begun:
            printed = stamp(log := run.log(task))
            reason = state.reason or "its task ended before it began a job"
            return attrs.evolve(state, reason=reason, log=log if printed and printed[2] else "")
        return state if over is None else _after(over, state)

    return Attempt(
        moves.planned(submission),
        carrier,
        lambda: journals().of_jobs,
        lambda index: state_of(task_of(moves.then(index))),
        submission.batch,
    )


def _after(over: Record, state: TaskState) -> TaskState:
    """Return the state of a task of which the batch system says `state`, and its own newest journal that it is over."""
    told = str(over.get("error") or "")
    if state.phase is Phase.OVER:
        return attrs.evolve(state, reason=told or state.reason or str(over.get("stopped") or ""))
    if state.phase is Phase.AT_WORK and not over.get("stopped"):
        return TaskState(Phase.OVER, told)  # it is just leaving; one that was stopped may just be beginning anew
    return state


def _empty_outputs(jobs: JobsBase, places: Places, absent: Sequence[int], runs: Sequence[Run]) -> frozenset[int]:
    """Return the jobs whose output exists, is empty, and was not made by a job that ended well.

    Only files from before the entry's first submission can be such: jor renames what is finished. They are looked
    for one by one while there is no submission; the first one then keeps the list of those that it found.
    """
    folder = os.fspath(jobs._get_output_folder())
    if runs:
        kept = runs[-1].read_submission().get("empty")
        listed = {name for name in kept if isinstance(name, str)} if isinstance(kept, list) else ()
        names = [(places.index_of.get(name, -1), name) for name in listed]
    else:
        names = [(index, output_name(jobs, index)) for index in sorted({*range(len(jobs))}.difference(absent))]
    stamps = {index: stamp(os.path.join(folder, name)) for index, name in names}
    empty = {index for index, found in stamps.items() if found is not None and found[2] == 0}.difference(absent, {-1})
    if empty:
        newest = _newest_of_all(places, runs)
        empty = {index for index in empty if index not in newest or not _ended_well(newest[index])}
    return frozenset(empty)


def _incomplete(places: Places, absent: Sequence[int], runs: Sequence[Run]) -> frozenset[int]:
    """Return the jobs whose output exists, but whose last attempt did not end well (atomic_output = False)."""
    bad = (i for i, record in _newest_of_all(places, runs).items() if not _ended_well(record))
    return frozenset(i for i in bad if 0 <= i < places.count).difference(absent)


def _suspect(places: Places, runs: Sequence[Run]) -> frozenset[int]:
    """Return the jobs that ended well although a process of theirs had been killed, in their last attempt."""
    named: set[int] = set()
    for run in runs:
        suspects = run.suspects()
        named.update(places.of(run).all_now(suspects) if suspects else ())
    newest = _newest_of_all(places, runs) if named else {}
    return frozenset(i for i in named if i in newest and newest[i].get("out_of_memory") and _ended_well(newest[i]))


def _newest_of_all(places: Places, runs: Sequence[Run]) -> dict[int, Record]:
    newest: dict[int, Record] = {}
    for run in reversed(runs):
        newest.update(newest_records(run, places.of(run)))
    return newest


def _ended_well(record: Record) -> bool:
    return record["kind"] == "end" and not record.get("error")
