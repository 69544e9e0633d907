"""Limit how many tasks of an array run at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jor.todo.entry import Entry

from ..workspace import Workspace

if TYPE_CHECKING:
    from jor_slurm import ArrayId


def throttle(workspace: Workspace, entries: Sequence[Entry], tasks: int) -> Iterator[tuple[str, ArrayId]]:
    """Let at most `tasks` tasks of each queued array run at once.

    0 stands for any number. Yield the label of the entry and the array, one after the other.
    """
    cluster = workspace.cluster
    for found in workspace.survey(entries, cluster.ask):
        for _run, array, _submission in cluster.active_arrays(found):
            if array is not None and cluster.backend.inquiry.shows(array):
                cluster.backend.slurm.throttle(array, tasks)
                yield found.entry.label, array
