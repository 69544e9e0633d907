"""Outputs that were written in place and are not whole, as the records tell of them, whatever the class says now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import attrs

from ..errors import JorError
from ..runs.attempts import journals, reader
from ..runs.journals import ended_well, newest_records
from ..runs.marks import Marks
from ..runs.renumbering import Places
from ..runs.store import planned_at
from ..runs.submission import within
from ..runtime import jobargs
from ..runtime.events import Begin, Changed, End
from ..runtime.job_spec import source_checksum
from ..runtime.jobs import JobsBase
from ..runtime.old_outputs import OldOutputs
from ..runtime.record_files import read_record
from ..runtime.run_folder import WROTE_IN_PLACE, Run
from ..runtime.run_spec import RunSpec
from ..todo.entry import Entry

#: What is said of an output that may not be gone on with as things are.
BEGUN_OTHERWISE = "; it was begun by other code or arguments: jor run --restart begins it again from nothing, "
#: What jor accept does with it, whether its old output was set aside or not.
PUTS_BACK, GOES_ON = "jor accept puts its old output back", "jor accept lets those of today go on with it"


@attrs.frozen
class Half:
    """An output that was written in place and is not whole."""

    #: The folder of its entry's records at that time is that of this submission, the last to write it.
    run: Run
    #: Whether its job was interrupted; it may be gone on with then. If not, it failed.
    interrupted: bool
    #: Whether its old output is set aside.
    has_old: bool
    #: Whether it may not be gone on with: it was begun by other code or arguments.
    begun_otherwise: bool = False

    @property
    def told(self) -> str:
        """What is to be added to the reason why its job is not done."""
        if self.begun_otherwise:
            return BEGUN_OTHERWISE + (PUTS_BACK if self.has_old else GOES_ON)
        return "; its old output is set aside" if self.has_old else ""


@attrs.frozen
class HalfOutputs:
    """What finds the incomplete outputs of an entry with the folder `records`."""

    places: Places
    records: str
    entry: Entry

    @property
    def wrote_in_place(self) -> bool:
        """Whether a worker has seen that jobs write at their final paths although their class is atomic."""
        return _holds(Run(os.path.join(self.records, "runs", "any")), WROTE_IN_PLACE)

    def may_exist(self, jobs: JobsBase, others: Sequence[Run]) -> bool:
        """Tell whether any jobs of the entry, or of those that it may have been, write or wrote in place."""
        one_each = {run.in_place for run in (Run(os.path.join(self.records, "runs", "any")), *others)}
        return not jobs.atomic_output or any(map(os.path.exists, one_each))

    def of(self, runs: Sequence[Run], absent: Sequence[int]) -> dict[int, Half]:
        """Return the outputs that are not whole by the records of `runs`, sorted from new to old; none of `absent`."""
        halves: dict[int, Half] = {}
        by_itself: dict[str, bool] = {}
        decided = {*absent}
        for run in runs:
            spec: RunSpec | None = None
            for index, event in newest_records(run, self.places.of(run)).items():
                if index in decided:
                    continue
                if ended_well(event):
                    decided.add(index)
                    continue
                # Not for each of many old submissions, of which newer ones have made the outputs.
                spec = spec or run.read_submission()
                has_old = OldOutputs(run, spec.folder).has(self.places.name(index))
                if event.old_aside and not has_old:
                    decided.add(index)  # it was put back
                elif (
                    not spec.atomic_output
                    or by_itself.setdefault(run.in_place, _holds(run, WROTE_IN_PLACE))
                    or (isinstance(event, Begin) and event.direct)
                ):
                    interrupted = not isinstance(event, End) or event.interrupted
                    halves[index] = Half(run, interrupted, has_old)
                    decided.add(index)
        return halves

    def begun_by(self, runs: Sequence[Run], indices: Iterable[int]) -> dict[int, list[Hand]]:
        """Return who has had a hand in the output of each of these jobs, since it was begun from nothing, newest first.

        `runs` are sorted from new to old.
        """
        hands: dict[int, list[Hand]] = {index: [] for index in indices}
        wanted = set(hands)
        for run in runs:
            if not wanted:
                break
            moves = self.places.of(run)
            if run.past is not None and not within(wanted, moves.ranges(run.past.head.planned)):
                continue  # there may be thousands
            spec = run.read_submission()
            for path, _, _ in reversed([*journals(run)]):
                code = spec.source_crc32
                for event in reader(run, path).events():
                    if isinstance(event, Changed):
                        code = event.source_crc32
                    elif not isinstance(event, Begin) or (index := moves.now(event.index)) not in wanted:
                        continue
                    elif event.direct or spec.atomic_output:  # else it was refused
                        hands[index].append(Hand(run, code))
                        if not event.resumed:
                            wanted.discard(index)
        return hands

    def with_reasons(
        self, halves: Mapping[int, Half], runs: Sequence[Run], marks: Marks, sha256: str
    ) -> dict[int, Half]:
        """Return the same outputs with what keeps them from being gone on with; `sha256` is that of the job module."""
        stopped = [index for index, half in halves.items() if half.interrupted]
        hands = self.begun_by(runs, stopped) if stopped else {}
        today = source_checksum(self.entry.jobmodule) if stopped else 0
        told = {}
        for index in stopped:
            last = hands[index][0] if hands[index] else None
            mark = marks.incomplete_names.get(self.places.name(index))
            if last is None or (last.code == today and self._has_my_arguments(last.run)):
                continue
            if mark is None or mark.code != sha256 or mark.time < planned_at(last.run):
                told[index] = attrs.evolve(halves[index], begun_otherwise=True)
        return {**halves, **told}

    def _has_my_arguments(self, run: Run) -> bool:
        """Tell whether a submission was of the same arguments; where its records lie with the entry's own, it was."""
        if run.records == self.records:
            return True
        try:
            return jobargs.parse(run.read_submission().jobargs) == jobargs.parse(self.entry.arguments)
        except JorError:
            return False


class Hand(NamedTuple):
    """Who has had a hand in an output: a submission, and the CRC-32 of the job module as its worker found it."""

    run: Run
    code: int


def _holds(run: Run, text: bytes) -> bool:
    """Tell whether a line of what is known of jobs that write in place has `text`."""
    try:
        return text in read_record(run.in_place)
    except OSError:
        return False
