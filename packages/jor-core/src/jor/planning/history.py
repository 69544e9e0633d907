"""What is known of an entry's earlier submissions: their folders, their journals, and who carries them out."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

import attrs

from ..runs.attempts import Execution, executions_of, journals, task_log
from ..runs.journals import Journals, ended_well, last_records_in, newest_of_all, newest_records
from ..runs.lease import holder
from ..runs.leftovers import abandoned, unasked
from ..runs.marks import NOTHING, Marks
from ..runs.renumbering import UNMOVED, Moves, Places
from ..runs.store import is_copied, newest_first, planned_at, read
from ..runs.submission import Submission, indices_of, ranges, sha256_of, within, without
from ..runtime.events import Begin, End, JobEvent, Over
from ..runtime.jobs import JobsBase
from ..runtime.outputs import Listing, output_name
from ..runtime.past import Past
from ..runtime.run_folder import Run
from ..runtime.staging import stamp
from ..todo.entry import Entry
from .halves import Half, HalfOutputs
from .status import NO_MARKS, Attempt, Carrier, EntryStatus, Phase, Problem, Shortage, TaskState, judge

#: Outputs that are looked at one by one, rather than to read what submissions of other lists of jobs have planned.
MOST_LOOKS = 1000
#: A time after all others, as marks tell the time.
LATEST = "~"


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
    #: Those of the submissions that a copy of the folder has brought along: nothing of them is active.
    copied: frozenset[Run] = frozenset()
    #: Submissions of entries that are not in the todo-list. This entry may have been one of them: their doubts count.
    others: Sequence[Run] = ()
    #: Indices of jobs without any output, ascending.
    absent: Sequence[int] = ()
    #: What is known of outputs that were written in place, and are not whole.
    halves: Mapping[int, Half] = attrs.field(factory=dict)
    #: The marks on the outputs of the folder, and the jobs whose old output is there and is to be made again, with the
    #: time of the mark.
    marks: Marks = NOTHING
    marked: Mapping[int, str] = NO_MARKS
    #: Whether jobs of the entry write at their final paths although their class is atomic.
    wrote_in_place: bool = False

    @classmethod
    def read(
        cls,
        jobs: JobsBase,
        places: Places,
        absent: Sequence[int],
        records: str,
        entry: Entry,
        *,
        everything: bool = False,
        others: Sequence[Run] = (),
        marks: Marks = NOTHING,
    ) -> History:
        """Return the history of an entry with the folder `records`, of which the outputs `absent` were not found.

        A submission there is the entry's if it has its job module, or has planned one of its outputs: another project
        may have an entry of the same key.

        Reads only what it has to: no submission when all is done, unless `everything` is wanted, since outputs that are
        there may be about to be replaced. `others` are submissions of entries that this one may have been.
        """
        runs = list(newest_first(records))
        all_runs = sorted([*runs, *others], key=lambda run: os.path.basename(run.folder), reverse=True)
        empty = _empty_outputs(jobs, places, absent, all_runs, marks)
        found = HalfOutputs(places, records, entry)
        halves = found.of(all_runs, absent) if found.may_exist(jobs, others) else {}
        if halves and not jobs.atomic_output:
            halves = found.with_reasons(halves, all_runs, marks, sha256_of(entry.jobmodule))
        unfit = sorted({*absent, *empty, *halves}) if empty or halves else absent
        marked = _marked(places, marks, unfit, others)
        wanted = list(_telling(runs, places, unfit, marked)) if unfit or marked or everything else []
        suspect = _suspect(places, all_runs).difference(unfit)
        read_all = [(run, read(run)) for run in wanted]
        submissions = [
            (run, submission)
            for run, submission in read_all
            if submission.jobmodule == entry.jobmodule or places.of(run, submission).planned(submission)
        ]
        copied = frozenset(run for run, submission in submissions if is_copied(run, submission))
        return cls(
            jobs=jobs,
            records=records,
            places=places,
            unfit=unfit,
            empty=empty,
            incomplete=frozenset(halves),
            suspect=suspect,
            submissions=submissions,
            copied=copied,
            others=others,
            absent=absent,
            halves=halves,
            marks=marks,
            marked=marked,
            wrote_in_place=found.wrote_in_place,
        )

    @property
    def unsound(self) -> list[int]:
        """Indices of the jobs whose output is there, and is not complete."""
        return sorted(self.empty | self.incomplete)

    @property
    def batches(self) -> Sequence[tuple[Run, Submission]]:
        """The submissions that a batch system carries out."""
        return [one for one in self.asked if one[0] not in self.copied]

    @property
    def asked(self) -> Sequence[tuple[Run, Submission]]:
        """The submissions of which a batch system knows what has become, those of the original of a copy included."""
        return [one for one in self.submissions if one[1].batch is not None and one[0].past is None]

    def gone(self, carriers: Mapping[Run, Carrier], now: float) -> frozenset[str]:
        """Return the owners of staging folders that are gone, or work for the original of a copy.

        To be asked by who is planning the entry; `now` is the time by the clock that stamps files there.
        """

        def ended(run: Run, task: int) -> bool | None:
            if run in self.copied or run not in carriers:
                return True if run in self.copied else unasked(run, task)
            # Of one that a batch system calls over, the process may go on: that nothing is heard of it has to tell.
            return None if carriers[run].state_of(task).phase is Phase.OVER else False

        return abandoned(self.records, now, ended)

    def judge(self, carriers: Mapping[Run, Carrier], now: float | None = None) -> EntryStatus:
        """Return the status of the entry's jobs; `carriers` has who carries out each of `asked`.

        `now` is the time by the clock that stamps files in the folder of records, if it is known.
        """
        folder = self.jobs._jor_folder()

        @cache
        def listing() -> Listing:
            return Listing(folder)

        def exists(index: int, is_told: bool) -> bool:
            name = output_name(self.jobs, index)
            found = stamp(os.path.join(folder, name))
            if found is None and is_told:
                return listing().has(name)  # NFS denies for a minute what anybody has looked for too early
            if index in self.halves and not is_told:
                return False  # it was written in place, and its job has not ended
            return found is not None and (index not in self.empty or found[2] > 0)

        unfit = sorted({*self.unfit, *self.marked}) if self.marked else self.unfit
        wanted = frozenset(unfit)
        attempts = []
        for run, submission in self.submissions:
            moves = self.places.of(run, submission)
            if submission.batch:
                carrier = carriers[run] if run.past is None else _past_carrier(run.past)
                attempt = _batch_attempt(run, submission, carrier, moves, wanted)
            else:
                attempt = _local_attempt(run, submission, now, moves, wanted)
            attempt = attrs.evolve(attempt, created=planned_at(run))
            attempts.append(_of_a_copy(attempt, submission.folder) if run in self.copied else attempt)
        total = len(self.jobs)
        status = judge(total, unfit, attempts, empty=self.empty, exists=exists, marked=self.marked)
        status = attrs.evolve(status, problems=[*map(self._told, status.problems)]) if self.halves else status
        return attrs.evolve(status, suspect=self.suspect) if self.suspect else status

    def _told(self, problem: Problem) -> Problem:
        """Return what keeps a job from being done, with what is to be said of its incomplete output."""
        half = self.halves.get(problem.index)
        return attrs.evolve(problem, reason=problem.reason + half.told) if half else problem

    def executions(self) -> Iterator[Execution]:
        """Yield each execution of the jobs that the list has, in the order of jor.runs.attempts."""
        for run in newest_first(self.records):
            moves = self.places.of(run)
            for one in executions_of(run):
                index = moves.now(one.index)
                if index >= 0:
                    yield one if index == one.index else one._replace(index=index)

    def last_records(self, indices: Iterable[int]) -> dict[int, JobEvent]:
        """Return the last word on each of these jobs that any of the submissions has, the newest first."""
        found: dict[int, JobEvent] = {}
        wanted = set(indices)
        for run in newest_first(self.records):
            if wanted:
                moves = self.places.of(run)
                if run.past is not None and not within(wanted, moves.ranges(run.past.head.planned)):
                    continue  # there may be thousands
                here: dict[int, JobEvent] = {}
                for path, task, _ in journals(run):
                    here.update(last_records_in(path, wanted, run, task, moves))
                found.update(here)
                wanted.difference_update(here)
        return found


def _telling(runs: Iterable[Run], places: Places, unfit: Iterable[int], marked: Mapping[int, str]) -> Iterator[Run]:
    """Yield the submissions that may tell what has become of jobs: of those that are folded only such as do.

    `runs` are sorted from new to old. There may be thousands that are folded, and nothing of them goes on.
    """
    undecided = {*unfit, *marked}
    for run in runs:
        if run.past is None:
            yield run
            continue
        moves = places.of(run) if undecided else UNMOVED
        planned = within(undecided, moves.ranges(run.past.head.planned)) if undecided else frozenset()
        planned = frozenset(index for index in planned if planned_at(run) > marked.get(index, ""))
        if planned:
            yield run
            undecided.difference_update(Journals(run, moves, planned).of_jobs)


def _past_carrier(past: Past) -> Carrier:
    """Return who carried out a submission that is folded: nothing of it goes on."""
    tasks = past.tasks
    firsts = [one.first for one in tasks]

    def state_of(task: int) -> TaskState:
        place = bisect_right(firsts, task) - 1
        if place < 0 or task > tasks[place].last:
            return TaskState(Phase.OVER)
        shortage = next((one for one in Shortage if one.value == tasks[place].shortage), None)
        return TaskState(Phase.OVER, tasks[place].reason, shortage)

    return Carrier("", state_of, False)


def _local_attempt(
    run: Run, submission: Submission, now: float | None, moves: Moves, wanted: frozenset[int]
) -> Attempt:
    owner = holder(run.alive, now)  # before the journals: what ends in between has its end record there
    state = TaskState(Phase.AT_WORK if owner else Phase.OVER)
    name = f"process {owner.pid} on {owner.host}" if owner else ""
    carrier = Carrier(name, lambda _task: state, owner is not None)
    journals = cache(lambda: Journals(run, moves, wanted))
    return Attempt(
        moves.planned(submission),
        carrier,
        lambda: journals().of_jobs,
        lambda _index: state,
        notices=lambda: journals().notices,
    )


def _of_a_copy(attempt: Attempt, original: str) -> Attempt:
    """Return an attempt as it is seen in a copy: what has ended holds here as well, and nothing goes on here."""

    def state_of(index: int) -> TaskState:
        state = attempt.state_of(index)
        if state.phase is Phase.OVER and state.reason:
            return state
        began = isinstance(attempt.records().get(index), Begin)
        return TaskState(Phase.OVER, f"it was begun in {original}" if began else "")

    return attrs.evolve(attempt, state_of=state_of, carrier=attrs.evolve(attempt.carrier, is_active=False, notes=()))


def _batch_attempt(run: Run, submission: Submission, carrier: Carrier, moves: Moves, wanted: frozenset[int]) -> Attempt:
    task_of = submission.task_of()

    @cache
    def journals() -> Journals:
        return Journals(run, moves, wanted)

    @cache
    def state_of(task: int) -> TaskState:
        state, over = carrier.state_of(task), journals().of_tasks.get(task)
        if state.phase is Phase.OVER and task not in journals().begun:
            log, place = task_log(run, task)
            reason = state.reason or "its task ended before it began a job"
            return attrs.evolve(state, reason=reason, log=log, log_range=place)
        return state if over is None else _after(over, state)

    return Attempt(
        moves.planned(submission),
        carrier,
        lambda: journals().of_jobs,
        lambda index: state_of(task_of(moves.then(index))),
        submission.batch,
        lambda: journals().notices,
    )


def _after(over: Over, state: TaskState) -> TaskState:
    """Return the state of a task of which the batch system says `state`, and its own newest journal that it is over."""
    if state.phase is Phase.OVER:
        return attrs.evolve(state, reason=over.error or state.reason or over.stopped)
    if state.phase in (Phase.AT_WORK, Phase.UNKNOWN) and not over.stopped:
        return TaskState(Phase.OVER, over.error)  # it is just leaving; one that was stopped may just be beginning again
    return state


def _empty_outputs(
    jobs: JobsBase, places: Places, absent: Sequence[int], runs: Sequence[Run], marks: Marks
) -> frozenset[int]:
    """Return the jobs whose output exists, is empty, and was neither made by a job that ended well nor accepted."""
    folder = jobs._jor_folder()
    names = [(index, output_name(jobs, index)) for index in _unexplained(places, absent, runs)]
    stamps = ((index, name, stamp(os.path.join(folder, name))) for index, name in names)
    empty = {index: name for index, name, found in stamps if found is not None and found[2] == 0}
    if not empty:
        return frozenset()
    newest = newest_of_all(places, runs)
    accepted = marks.accepted_names
    return frozenset(i for i, name in empty.items() if not ended_well(newest.get(i)) and name not in accepted)


def _unexplained(places: Places, absent: Sequence[int], runs: Sequence[Run]) -> Iterable[int]:
    """Return the jobs whose output exists, while no submission has planned it, or has looked at it when it was made.

    The newest submission has mostly looked at all: no other is read then, and no output looked at one by one.
    """
    there = without(((0, places.count - 1),), ranges(absent)) if places.count else ()
    empty: list[int] = []
    moved: list[Run] = []
    for run in runs:
        if not there:
            break
        spec = run.read_submission()
        if not places.begins_with(spec.listed, spec.names_crc32):
            moved.append(run)
            continue
        seen = without(((0, spec.listed - 1),), spec.unseen) if spec.listed else ()
        if spec.empty:
            wanted = frozenset(indices_of(there))
            empty += [index for name in spec.empty if (index := places.index_of.get(name, -1)) in wanted]
        there = without(there, seen)
    if sum(last - first + 1 for first, last in there) > MOST_LOOKS:
        for run in moved:  # to read what they have planned takes less than to look for so many files
            there = without(there, ranges(sorted(index for index in places.of(run).all_planned() if index >= 0)))
    return sorted({*indices_of(there), *empty})


def _marked(places: Places, marks: Marks, unfit: Sequence[int], others: Sequence[Run]) -> Mapping[int, str]:
    """Return the jobs whose old output is there and is to be made again, each with the time of its mark."""
    marked = marks.outdated_jobs(places)
    for index in unfit if marked else ():
        marked.pop(index, None)
    for run in others:  # this entry may have been another one when it made them again
        if marked and planned_at(run) > min(marked.values()):
            for index, event in newest_records(run, places.of(run)).items():
                if ended_well(event) and planned_at(run) > marked.get(index, LATEST):
                    del marked[index]
    return marked


def _suspect(places: Places, runs: Sequence[Run]) -> frozenset[int]:
    """Return the jobs that ended well although a process of theirs had been killed, in their last attempt."""
    named: set[int] = set()
    for run in runs:
        suspects = run.suspects()
        named.update(places.of(run).all_now(suspects) if suspects else ())
    newest = newest_of_all(places, runs) if named else {}
    last = ((index, newest.get(index)) for index in named)
    return frozenset(i for i, event in last if isinstance(event, End) and event.ok and event.out_of_memory)
