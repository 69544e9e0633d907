"""Where the jobs that a submission has planned stand in the list of jobs now: a job is known by its output.

A submission calls jobs by their indices, and the list may have been edited since. A checksum of the names tells at no
cost that it begins with the list of then, as most do; of another the planned jobs are read. The checksums are kept by
the number of names: of a list that has grown by each of its jobs, no name is made for each submission.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate, islice

from ..runtime.job_spec import planned
from ..runtime.jobs import JobsBase
from ..runtime.outputs import PART, names_in_parts, output_name, output_names
from ..runtime.run_folder import Run
from .submission import Ranges, Submission, ranges


class Moves:
    """Which index now belongs to an index that a submission has recorded, and the other way round; -1: none."""

    def __init__(self, now: Mapping[int, int] | None = None) -> None:
        #: None: no job has moved.
        self._now = now
        self._then = None if now is None else {new: old for old, new in now.items()}

    def now(self, index: int) -> int:
        """Return where the job stands now that was planned as job `index`."""
        return index if self._now is None else self._now.get(index, -1)

    def all_now(self, indices: Collection[int]) -> Collection[int]:
        """Return where these jobs stand now, as far as the list still has them."""
        now = self._now
        return indices if now is None else [now[index] for index in indices if index in now]

    def all_planned(self) -> Collection[int]:
        """Return where all jobs that were planned stand now; of a list that has moved alone."""
        return () if self._now is None else self._now.values()

    def then(self, index: int) -> int:
        """Return as which job the job `index` was planned."""
        return index if self._then is None else self._then.get(index, -1)

    def planned(self, submission: Submission) -> Ranges:
        """Return the ranges of the jobs that the submission has planned, as far as the list still has them."""
        return self.ranges(submission.planned)

    def ranges(self, planned: Ranges) -> Ranges:
        """Return the ranges of all that was planned, `planned` by the indices of then."""
        return planned if self._then is None else ranges(sorted(self._then))


#: Of a submission that has planned its jobs from a list with which that of now begins.
UNMOVED = Moves()


class Places:
    """The output names of an entry's jobs, by which its submissions are compared with the list as it is now."""

    def __init__(self, jobs: JobsBase) -> None:
        self._jobs = jobs
        #: Of the names of no job, of the first PART jobs, of the first 2 PART jobs, and so on, and of all.
        self._checksums = [0]
        #: Of parts that were asked for, those of its first job, of its first two, and so on.
        self._within: dict[int, array[int]] = {}
        self._known: dict[Run, Moves] = {}

    def names_in_parts(self) -> Iterator[list[str]]:
        """Yield the output names of all jobs in order, PART at a time; all else is to be asked for only after that.

        Raise JobModuleError, with the reason, at the first without.
        """
        for some in names_in_parts(self._jobs):
            self._checksums.append(_checksum(some, self._checksums[-1]))
            yield some

    @property
    def count(self) -> int:
        """The number of jobs."""
        return len(self._jobs)

    @property
    def checksum(self) -> int:
        """The CRC-32 of all names in their order."""
        return self._checksums[-1]

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """The index of each job by its output name."""
        return {name: index for index, name in enumerate(output_names(self._jobs))}

    def name(self, index: int) -> str:
        """Return the name of a job's output."""
        return output_name(self._jobs, index)

    def of(self, run: Run, submission: Submission | None = None) -> Moves:
        """Return how the jobs of a submission have moved since; its content is read unless it is given."""
        if run not in self._known:
            told = submission or (run.past.head if run.past is not None else run.read_submission())
            begins_alike = self.begins_with(told.listed, told.names_crc32)
            self._known[run] = UNMOVED if begins_alike else Moves(self._moved(run))
        return self._known[run]

    def begins_with(self, count: int, checksum: int) -> bool:
        """Tell whether the names of the first `count` jobs have this checksum."""
        if not 0 <= count <= self.count:
            return False
        if count == self.count:
            return checksum == self._checksums[-1]
        part, rest = divmod(count, PART)
        return checksum == (self._checksums_within(part)[rest - 1] if rest else self._checksums[part])

    def _checksums_within(self, part: int) -> array[int]:
        if part not in self._within:
            indices = range(part * PART, min((part + 1) * PART, self.count))
            with self._jobs._jor_modules:  # once, and not for each name
                names = [output_name(self._jobs, index) for index in indices]
            found = accumulate(names, lambda before, name: _checksum([name], before), initial=self._checksums[part])
            self._within[part] = array("I", islice(found, 1, None))
        return self._within[part]

    def _moved(self, run: Run) -> Mapping[int, int]:
        now = self.index_of
        return {job.index: now[job.output] for job in planned(run) if job.output in now}


def _checksum(names: Iterable[str], before: int) -> int:
    """Return the CRC-32 of more names after those with the checksum `before`."""
    return zlib.crc32("\0".join([*names, ""]).encode("utf-8", "surrogatepass"), before)
