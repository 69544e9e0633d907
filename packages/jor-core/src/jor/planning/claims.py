"""Which outputs are being made by submissions that a list of jobs, as it is now, does not tell of.

Of another entry with the same folder (the same class with other arguments, say), of another todo-list, of a folder
above or below, or of the same list before it was edited. A submission is known by the outputs that it has planned.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import attrs

from ..errors import JorError, RecordError
from ..runs.folder_lock import real_paths
from ..runs.lease import holder
from ..runs.orphans import orphaned
from ..runs.renumbering import Places
from ..runs.store import is_copied, newest_first, read
from ..runs.submission import Submission
from ..runtime.job_spec import planned
from ..runtime.outputs import output_name
from ..runtime.run_folder import RECORDS, Run
from .planner import Survey
from .status import Carrier
from .unseen import Ask, ask_for

#: The entries of a todo-list, by the real paths of the folders of their records.
Known = Mapping[str, Places]


def known_entries(surveys: Iterable[Survey]) -> Known:
    """Return the entries of `surveys`, which make no output of each other as their lists are now."""
    return {_real_records(found): found.history.places for found in surveys}


@attrs.frozen
class Claims:
    """Who is making which outputs, by their real paths."""

    #: The submissions, and what to call who carries each out.
    makers: Mapping[Run, str]
    of_output: Mapping[str, Sequence[Run]]

    def on(self, found: Survey, indices: Iterable[int]) -> dict[int, str]:
        """Return those of the jobs `indices` whose output is being made by others, and what to call who makes it.

        What the entry's own submissions are making, the states of its jobs say.
        """
        if not self.of_output:
            return {}
        path_of, records = real_paths(found.folder), _real_records(found)
        own = {Run(os.path.join(records, "runs", os.path.basename(run.folder))) for run, _ in found.history.submissions}
        claimed: dict[int, str] = {}
        for index in indices:
            runs = self.of_output.get(path_of(output_name(found.jobs, index)), ())
            claimed.update((index, self.makers[run]) for run in runs if run not in own)
        return claimed


#: Where nobody looks for any.
NO_CLAIMS = Claims({}, {})


def claims(folders: Iterable[str], known: Known, ask: Ask, now: float | None = None) -> Claims:
    """Return what is being made by all submissions with records in `folders`, real paths.

    Those of `known` entries are passed over if the entry's list of now plans what that of then has planned. `now` is
    the time by the clock that stamps files there, known to who plans there.
    """
    found = [one for folder in folders for one in _submissions(folder, known)]
    whole = [one for one in found if one[1] is None or not is_copied(one[0], one[1])]
    batches = [(run, submission) for run, submission in whole if submission is not None and submission.batch]
    carriers = ask_for(batches, ask, now)
    makers: dict[Run, str] = {}
    of_output: dict[str, list[Run]] = {}
    for run, submission in whole:
        name = _at_work(run, submission, carriers.get(run), now)
        if name:
            makers[run] = name
            for path in _outputs(run):
                of_output.setdefault(path, []).append(run)
    return Claims(makers, of_output)


def _submissions(folder: str, known: Known) -> Iterator[tuple[Run, Submission | None]]:
    """Yield the submissions with records in `folder` that may go on; None for what cannot be read."""
    top = os.path.join(folder, RECORDS)
    for name in sorted(_names(top)):
        records = os.path.join(top, name)
        for run in _runs(records):
            if not os.path.exists(run.alive) and not os.path.exists(run.places):
                continue  # a run of this machine that is over
            try:
                places = known.get(records)
                if places is None or not _plans_the_same(places, run):
                    yield run, read(run)
            except RecordError:
                yield run, None


def _runs(records: str) -> Iterable[Run]:
    try:
        return [*newest_first(records, folded=False)]
    except PermissionError:
        if os.access(os.path.dirname(records), os.W_OK):
            raise
        return ()  # another user's folder, above or below


def _plans_the_same(places: Places, run: Run) -> bool:
    """Tell whether all that a submission has planned are jobs of the same entry as its list is now."""
    spec = run.read_submission()
    return places.begins_with(spec.listed, spec.names_crc32)


def _names(folder: str) -> Collection[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _at_work(run: Run, submission: Submission | None, carrier: Carrier | None, now: float | None) -> str:
    """Return what to call who carries a submission out, "" if nobody does; `carrier` is a batch system's."""
    if carrier is not None:
        return carrier.name if carrier.is_active else ""
    if submission is None and os.path.exists(run.places):
        return f"a submission that cannot be read, in {run.folder}"
    owner = holder(run.alive, now)
    if owner is None and now is not None and submission is not None:
        owner = orphaned(run, now)
    return f"process {owner.pid} on {owner.host}" if owner else ""


def _outputs(run: Run) -> Iterator[str]:
    """Yield the real paths of the outputs that a submission has planned, as far as they can be read."""
    path_of = real_paths(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(run.folder)))))
    with suppress(OSError, ValueError, JorError):
        for job in planned(run):
            yield path_of(job.output)


def _real_records(found: Survey) -> str:
    return os.path.join(os.path.realpath(found.folder), RECORDS, found.entry.key)
