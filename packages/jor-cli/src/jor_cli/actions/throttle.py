"""Limit how many tasks of an array run at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jor.todo.entry import Entry

from ..workspace import Workspace

if TYPE_CHECKING:
    from ..schedulers.slurm.submissions import Active


def throttle(workspace: Workspace, entries: Sequence[Entry], tasks: int) -> Iterator[tuple[str, Active]]:
    """Let at most `tasks` tasks of each queued array run at once.

    0 stands for any number. Yield the label of the entry and the array, one after the other; those of others, or on
    other clusters, are yielded as well, and left alone.
    """
    cluster = workspace.cluster
    for found in workspace.survey(entries, cluster.ask):
        for one in cluster.active_arrays(found):
            if one.whose:
                yield found.entry.label, one
            elif one.array is not None and cluster.backend.inquiry.shows(one.array):
                cluster.backend.slurm.throttle(one.array, tasks)
                yield found.entry.label, one
