"""What earlier attempts at an array task tell of its jobs."""

from __future__ import annotations

from typing import NamedTuple

from .journal import Reader, Record
from .lifetime import Attempt
from .run_folder import Run

#: So many attempts at an array task may die without a word, with their node, while the same job runs.
MOST_DEATHS = 3


class Death(NamedTuple):
    """An attempt that ended without a word: the beginning of a job that it ran, and how many others it ran then."""

    begin: Record
    others: int


class EarlierAttempts(NamedTuple):
    """What earlier attempts at an array task tell of its jobs: which came to their own end, during which they died."""

    ended: set[int]
    deaths: dict[int, list[Death]]


def earlier_attempts(run: Run, attempt: Attempt) -> EarlierAttempts:
    """Return what the attempts before `attempt` tell of the jobs of its task."""
    found = EarlierAttempts(set(), {})
    for restart in range(attempt.restart):
        begun = {}
        for record in Reader(run.journal(attempt.task, restart)).records():
            if record["kind"] == "begin":
                begun[record["index"]] = record
            elif record["kind"] == "end":
                begun.pop(record["index"], None)
                if not record.get("interrupted"):
                    found.ended.add(record["index"])
            elif record["kind"] == "over":
                begun.clear()
        for index, record in begun.items():
            found.deaths.setdefault(index, []).append(Death(record, len(begun) - 1))
    return found
