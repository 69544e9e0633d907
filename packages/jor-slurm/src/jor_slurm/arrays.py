"""A set of array indices <-> the text that sbatch's --array takes.

Source: sbatch(1), option --array; slurm.conf(5), MaxArraySize.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator

import attrs

from .errors import IndexSetError

#: Highest index that any Slurm takes: MaxArraySize is at most 4,000,001.
MAX_INDEX = 4_000_000

#: From so many on, single indices at even distances are always shorter to write as a stride.
_STRIDE_FROM = 4

_REMEDY = "Write indices, ranges and strides with commas between them: 0-3,7,10-20:2"


def _joined(ascending: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, end = 0, -1
    for first, last in ascending:
        if not 0 <= first <= last:
            raise IndexSetError(f"{first} to {last} is no range of indices", remedy="Count indices from 0 upwards")
        if first <= end + 1:
            end = max(end, last)
            continue
        if start <= end:
            yield start, end
        start, end = first, last
    if start <= end:
        yield start, end


def _canonical(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(_joined(sorted(ranges)))


@attrs.frozen
class IndexSet(Collection[int]):
    """A set of indices from 0 on, kept as unbroken ranges: a million indices in a row cost nothing.

    `str()` gives the text for --array. That of the empty set is empty, which sbatch takes for a plain job without an
    array: do not submit an empty set. A limit on tasks that run at once (`%5`) is not part of the set.
    """

    #: First and last index of each range; in any order when given, ascending and apart when kept.
    ranges: tuple[tuple[int, int], ...] = attrs.field(default=(), converter=_canonical)

    @classmethod
    def of(cls, indices: Iterable[int]) -> IndexSet:
        """Return the set of `indices`, in any order, repeated or not. Raise IndexSetError for a negative one."""
        return cls(_joined((index, index) for index in sorted(map(operator.index, indices))))

    @classmethod
    def parse(cls, text: str) -> IndexSet:
        """Return the set that `text` says: indices, ranges `a-b` and strides `a-b:s` with commas between them.

        Raise IndexSetError for what sbatch refuses, and beyond that for blanks, an empty text or item, a limit (`%5`),
        and indices above MAX_INDEX.
        """
        if not text:
            raise IndexSetError("an empty text is no set: sbatch would make a plain job of it", remedy=_REMEDY)
        if "%" in text:
            raise IndexSetError(
                f"{text!r:.100} holds a limit on tasks that run at once", remedy="Leave out the % and what follows it"
            )
        return cls(piece for item in text.split(",") for piece in _pieces(item, f"{text!r:.100}"))

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
        return ",".join(_items(self.ranges))


def _pieces(item: str, where: str) -> Iterator[tuple[int, int]]:
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9})(?::([0-9]{1,9}))?)?", item)
    if match is None:
        raise IndexSetError(f"{item!r:.100} is no index, range or stride", where=where, remedy=_REMEDY)
    first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    faults = (
        (last < first, "counts down"),
        (step == 0, "has steps of 0"),
        (last > MAX_INDEX, f"goes beyond {MAX_INDEX}, the highest index that any Slurm takes"),
    )
    for wrong, what in faults:
        if wrong:
            raise IndexSetError(f"{item!r} {what}", where=where, remedy=_REMEDY)
    if step == 1:
        yield first, last
    else:
        yield from ((index, index) for index in range(first, last + 1, step))


def _items(ranges: tuple[tuple[int, int], ...]) -> Iterator[str]:
    place = 0
    while place < len(ranges):
        first, last = ranges[place]
        count = _evenly_apart(ranges, place)
        if count >= _STRIDE_FROM:
            yield f"{first}-{ranges[place + count - 1][1]}:{ranges[place + 1][0] - first}"
            place += count
        else:
            yield f"{first}-{last}" if first < last else f"{first}"
            place += 1


def _evenly_apart(ranges: tuple[tuple[int, int], ...], place: int) -> int:
    """Return how many single indices, from `place` on, lie as far apart as the first two."""
    first = ranges[place][0]
    step = ranges[place + 1][0] - first if place + 1 < len(ranges) else 0
    count = 0
    while place + count < len(ranges) and ranges[place + count] == (first + count * step,) * 2:
        count += 1
    return count
