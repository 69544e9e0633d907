"""Take outputs as they are, although they were to be made again, or are to be doubted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

import attrs

from jor.planning.claims import NO_CLAIMS, Claims, known_entries
from jor.planning.planner import Survey, time_of_mark
from jor.planning.status import PENDING
from jor.runs.marks import Mark, Marks, Names, change_marks
from jor.runs.store import unwritable
from jor.runs.submission import sha256_of
from jor.runtime.old_outputs import OldOutputs
from jor.runtime.outputs import output_name
from jor.runtime.publishing import Publisher
from jor.runtime.run_folder import KEPT, Run
from jor.runtime.staging import NotPublishedError, Staging, staged
from jor.todo.entry import Entry

from ..formatting import MOST_RANGES, jobs_of, told_indices
from ..workspace import Workspace
from .planning import Say, planning

_BY = "jor accept"


@attrs.frozen
class Accepted:
    """What was accepted of an entry: indices of jobs, ascending."""

    label: str
    #: Those whose output is taken as it is.
    outputs: Sequence[int] = ()
    #: Those whose output is taken from what was kept when they failed.
    kept: Sequence[int] = ()
    #: Those whose incomplete output may be gone on with by the code and the arguments of today.
    incomplete: Sequence[int] = ()
    #: Those that somebody is making.
    being_made: Sequence[int] = ()

    def told(self) -> Iterator[str]:
        """Yield a sentence for each kind of which there are any."""
        for jobs, what in (
            (self.outputs, "accepted as they are"),
            (self.kept, "accepted as they were when they failed"),
            (self.incomplete, "may go on by the code of today"),
            (self.being_made, "left to those who run them"),
        ):
            if jobs:
                yield f"{self.label}: {jobs_of(len(jobs))} {what}: {told_indices(jobs, MOST_RANGES)}"


def accept(workspace: Workspace, entries: Sequence[Entry], wanted: Collection[int], say: Say) -> Iterator[Accepted]:
    """Accept what can be of each entry, or of its jobs `wanted` if there are any; yield what.

    Raise JobModuleError for one of `wanted` that is not a job.
    """
    surveys = list(workspace.survey(entries, workspace.cluster.ask))
    known = known_entries(surveys)
    for found in surveys:
        for index in wanted:
            found.parameters(index)  # raises
        if _acceptable(found, wanted, NO_CLAIMS) == Accepted(found.entry.label):
            yield Accepted(found.entry.label)  # nothing is written
            continue
        with planning([found], workspace.cluster.ask, say, known) as held:
            (now,) = held.entries
            yield _accept(now, _acceptable(now, wanted, held.claims))


def accept_and_tell(workspace: Workspace, entries: Sequence[Entry], wanted: Collection[int], say: Say) -> None:
    """Do the same, and tell by `say` what was accepted, or that there is nothing to accept."""
    is_told = False
    for line in (line for one in accept(workspace, entries, wanted, say) for line in one.told()):
        say(line)
        is_told = True
    if not is_told:
        say("Nothing to accept: no output of these entries is to be made again")


def _acceptable(found: Survey, wanted: Collection[int], claims: Claims) -> Accepted:
    """Return what can be accepted of an entry; what is kept of failed jobs only of those `wanted`.

    What others are making, by `claims`, cannot.
    """
    history, states = found.history, found.status.unfinished
    outputs, kept, incomplete, being_made = [], [], [], []
    kept_of = {index for index in wanted if os.path.lexists(staged(_kept(found, index), found.output(index)))}
    candidates = {*found.status.old, *history.halves, *found.status.empty, *kept_of}
    candidates = candidates.intersection(wanted) if wanted else candidates
    claimed = claims.on(found, candidates)
    for index in sorted(candidates):
        half = history.halves.get(index)
        if states.get(index) not in PENDING or index in claimed:
            being_made.append(index)
        elif index in kept_of:
            kept.append(index)
        elif half is None or half.has_old:
            outputs.append(index)
        elif half.begun_otherwise:
            incomplete.append(index)
    return Accepted(found.entry.label, outputs, kept, incomplete, being_made)


def _accept(found: Survey, what: Accepted) -> Accepted:
    history = found.history
    since, code = time_of_mark(found), sha256_of(found.entry.jobmodule)

    def mark(indices: Sequence[int]) -> Mark:
        return Mark(since, _BY, Names.of(found.jobs, history.places, indices), code=code)

    def change(marks: Marks) -> Marks:
        accepted = sorted([*what.outputs, *what.kept])
        marks = marks.with_accepted(mark(accepted)) if accepted else marks
        return marks.with_incomplete(mark(what.incomplete)) if what.incomplete else marks

    try:
        for index in history.halves.keys() & {*what.outputs}:
            _old_outputs(found, index).put_back(history.places.name(index))  # it is whole, and what was begun is not
        change_marks(found.folder, change)
        publisher = Publisher(Run(os.path.join(found.records, "runs", "any")), found.folder)
        for index in what.kept:
            stage = Staging.of_kept(_kept(found, index))
            publisher.publish(stage, found.output(index), durably=found.config["fsync"])
            stage.close()
    except OSError as error:
        raise unwritable(error, found.records) from error
    except NotPublishedError as error:
        raise NotPublishedError(error.what, where=found.entry.label, remedy=error.remedy) from None
    return what


def _kept(found: Survey, index: int) -> str:
    """Return the folder in which is kept what a failed job had made; often it is not there."""
    return os.path.join(found.records, KEPT, output_name(found.jobs, index))


def _old_outputs(found: Survey, index: int) -> OldOutputs:
    return OldOutputs(found.history.halves[index].run, found.folder)
