"""A set of array indices <-> the text that sbatch's --array takes (sbatch(1))."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator

import attrs

from .errors import IndexSetError

#: Largest index that any Slurm takes: MaxArraySize is at most 4,000,001 (slurm.conf(5)).
MAX_INDEX = 4_000_000

_REMEDY = "Write indices and ranges with commas between them: 0-3,7,10-20:2"


@attrs.frozen
class IndexSet(Collection[int]):
    """A set of indices from 0 on, kept as unbroken ranges: a million indices in a row cost nothing.

    `str()` gives the text for --array, ranges in ascending order. The text of the empty set is empty, which sbatch
    takes for a plain job, without an array: do not submit an empty set. A limit on tasks that run at once (`%5`) is
    not part of the set.
    """

    #: First and last index of each range, ascending, none touching the next.
    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, indices: Iterable[int]) -> IndexSet:
        """Return the set of `indices`, in any order. Raise IndexSetError for a negative one."""
        return cls._of_ranges((index, index) for index in indices)

    @classmethod
    def parse(cls, text: str) -> IndexSet:
        """Return the set that `text` says: indices, ranges `a-b` and strides `a-b:s` with commas between them.

        Raise IndexSetError for what sbatch refuses, for a limit (`%5`), and for indices above MAX_INDEX.
        """
        return cls._of_ranges(piece for item in text.split(",") for piece in _pieces(item, text))

    @classmethod
    def _of_ranges(cls, ranges: Iterable[tuple[int, int]]) -> IndexSet:
        joined: list[list[int]] = []
        for first, last in sorted(ranges):
            if first < 0:
                raise IndexSetError(f"{first} is no index: indices count from 0")
            if joined and first <= joined[-1][1] + 1:
                joined[-1][1] = max(joined[-1][1], last)
            else:
                joined.append([first, last])
        return cls(tuple((first, last) for first, last in joined))

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __contains__(self, index: object) -> bool:
        if not isinstance(index, int):
            return False
        place = bisect_right(self.ranges, (index, float("inf")))
        return place > 0 and index <= self.ranges[place - 1][1]

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)


def _pieces(item: str, text: str) -> Iterator[tuple[int, int]]:
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", item, flags=re.ASCII)
    if match is None:
        limit = ": a limit on tasks (%) is not part of the set" if "%" in item else ""
        raise IndexSetError(f"{item!r:.100} in {text!r:.100} is no index or range{limit}", remedy=_REMEDY)
    first, last, stride = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    if last < first or stride == 0 or last > MAX_INDEX:
        raise IndexSetError(f"{item!r} in {text!r:.100} is no range that Slurm takes", remedy=_REMEDY)
    if stride == 1:
        yield first, last
    else:
        yield from ((index, index) for index in range(first, last + 1, stride))
