"""What earlier attempts at an array task tell of its jobs."""

from __future__ import annotations

from typing import NamedTuple

from .events import Begin, End, LastWords
from .journal import Reader
from .lifetime import Attempt
from .run_folder import Run

#: So many attempts at an array task may die without reporting, with their node, while the same job runs.
MOST_DEATHS = 3


class Death(NamedTuple):
    """An attempt that ended without reporting: the beginning of a job that it ran, and how many others it ran then."""

    begin: Begin
    others: int


class EarlierAttempts(NamedTuple):
    """What earlier attempts at an array task tell of its jobs: which came to their own end, during which they died."""

    ended: set[int]
    deaths: dict[int, list[Death]]
    #: Those that have begun at all.
    begun: set[int]


def earlier_attempts(run: Run, attempt: Attempt) -> EarlierAttempts:
    """Return what the attempts before `attempt` tell of the jobs of its task."""
    found = EarlierAttempts(set(), {}, set())
    for restart in range(attempt.restart):
        words = LastWords()
        for event in Reader(run.journal(attempt.task, restart)).events():
            words.add(event)
        found.begun.update(words.well, words.others)
        ends = [word for word in words.others.values() if isinstance(word, End)]
        found.ended.update(words.well, (end.index for end in ends if not end.interrupted))
        begins = [word for word in words.others.values() if isinstance(word, Begin)]
        for begin in () if words.over else begins:
            found.deaths.setdefault(begin.index, []).append(Death(begin, len(begins) - 1))
    return found
