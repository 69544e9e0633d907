"""The parameters of jobs as a map: for each two of them, what became of the jobs with each pair of values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import attrs

from jor.planning.planner import Survey
from jor.planning.status import EntryStatus, Status
from jor.runtime.jobargs import parse
from jor.runtime.outputs import each_job

from .attempt_table import Attempts

#: Parameters that can be chosen: of more, those with the fewest values.
MOST_AXES = 6
#: Cells of all maps of a report, and values that an axis has at most, in any case: beyond that neighbours are one.
MOST_CELLS = 40_000
MOST_VALUES = 200
#: The order of the states in all that follows.
STATES = tuple(Status)

#: What is told of a parameter that a job does not have, and the longest text that is told of one.
ABSENT = "none"
LONGEST = 40


@attrs.frozen
class Axis:
    """A parameter that differs between jobs."""

    name: str
    #: What is told of each value, or range of neighbouring ones, in their order.
    values: Sequence[str]


@attrs.frozen
class Pair:
    """What became of the jobs, by two parameters; cell (x, y) is at place x * len(values of y) + y."""

    #: Places in the list of axes; y is None where there is only one.
    x: int
    y: int | None
    #: How many jobs are in which state; a state that no job is in has no list.
    states: Mapping[Status, Sequence[int]]
    #: How many have ended at all, their seconds all together, and the largest memory of one, bytes.
    ended: Sequence[int]
    seconds: Sequence[float]
    max_rss: Sequence[int]


@attrs.frozen
class Cells:
    """The map of a group of entries."""

    axes: Sequence[Axis] = ()
    pairs: Sequence[Pair] = ()


def cells(entries: Sequence[tuple[Survey, Attempts]], most: int) -> Cells:
    """Return the map of entries, of about `most` cells; without axes if all jobs have the same parameters."""
    arguments = [parse(survey.entry.arguments) for survey, _ in entries]
    values = _values(zip((each_job(survey.jobs) for survey, _ in entries), arguments, strict=True))
    chosen = set(sorted(values, key=lambda name: len(values[name]))[:MOST_AXES])
    names = [name for name in values if name in chosen]
    if not names:
        return Cells()
    wanted: list[tuple[int, int | None]] = [*combinations(range(len(names)), 2)] or [(0, None)]
    size = max(2, min(MOST_VALUES, math.isqrt(most // len(wanted))))
    axes, places = zip(*(_axis(name, list(values[name]), size) for name in names), strict=True)
    pairs = [_Count(x, y, len(axes[x].values), 1 if y is None else len(axes[y].values)) for x, y in wanted]
    for (survey, attempts), constant in zip(entries, arguments, strict=True):
        states = states_of(survey.status)
        for index, job in enumerate(each_job(survey.jobs)):
            everything = {**constant, **job}
            at = [place[_plain(everything.get(name, ABSENT))] for name, place in zip(names, places, strict=True)]
            newest = attempts.newest[index]
            seconds = attempts.seconds[newest] if newest >= 0 else -1.0
            max_rss = attempts.max_rss[newest] if newest >= 0 else -1
            for pair in pairs:
                pair.add(at, states[index], seconds, max_rss)
    return Cells(axes, [pair.finished() for pair in pairs])


def states_of(found: EntryStatus) -> bytearray:
    """Return the state of each job, a place in STATES."""
    code = {status: k for k, status in enumerate(STATES)}
    states = bytearray([code[Status.DONE]]) * found.total
    for index, status in found.unfinished.items():
        states[index] = code[status]
    return states


class _Count:
    """A pair while its jobs are counted."""

    def __init__(self, x: int, y: int | None, width: int, height: int) -> None:
        self._x, self._y, self._height = x, y, height
        size = width * height
        self._states = [[0] * size for _ in STATES]
        self._ended = [0] * size
        self._seconds = [0.0] * size
        self._max_rss = [0] * size

    def add(self, at: Sequence[int], state: int, seconds: float, max_rss: int) -> None:
        """Count a job, whose place on each axis is `at`; -1 where seconds and bytes are not known."""
        cell = at[self._x] if self._y is None else at[self._x] * self._height + at[self._y]
        self._states[state][cell] += 1
        if seconds >= 0:
            self._ended[cell] += 1
            self._seconds[cell] += seconds
            if max_rss > self._max_rss[cell]:
                self._max_rss[cell] = max_rss

    def finished(self) -> Pair:
        states = {status: counts for status, counts in zip(STATES, self._states, strict=True) if any(counts)}
        return Pair(self._x, self._y, states, self._ended, self._seconds, self._max_rss)


def _values(entries: Iterable[tuple[Iterable[Mapping[str, Any]], Mapping[str, Any]]]) -> dict[str, dict[Any, None]]:
    """Return the parameters that differ between jobs, each with its values in the order in which they come."""
    found: dict[str, dict[Any, None]] = {}
    kinds: set[tuple[str, ...]] = set()
    for jobs, constant in entries:
        for job in jobs:
            everything = {**constant, **job}
            kinds.add(tuple(everything))
            for name, value in everything.items():
                if name not in found:
                    found[name] = {}
                found[name][_plain(value)] = None
    for name, values in found.items():
        if any(name not in kind for kind in kinds):
            values[ABSENT] = None
    return {name: values for name, values in found.items() if len(values) > 1}


def _axis(name: str, values: list[Any], most: int) -> tuple[Axis, dict[Any, int]]:
    """Return an axis with at most `most` values, and where on it each of `values` is."""
    if all(type(value) in (int, float) for value in values):
        values.sort()
    each = -(-len(values) // most)
    groups = [values[first : first + each] for first in range(0, len(values), each)]
    told = [_told(group[0]) if len(group) == 1 else f"{_told(group[0])} … {_told(group[-1])}" for group in groups]
    return Axis(name, told), {value: place for place, group in enumerate(groups) for value in group}


def _plain(value: Any) -> Any:
    """Return a value of a parameter as something that can be told apart and sorted."""
    plain = value.tolist() if hasattr(value, "tolist") else value  # NumPy's scalars and arrays
    is_plain = type(plain) in (int, str, bool) or (type(plain) is float and plain == plain)
    return plain if is_plain else str(plain)


def _told(value: Any) -> str:
    text = f"{value:.6g}" if type(value) is float else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
