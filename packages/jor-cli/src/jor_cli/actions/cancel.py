"""Take back what was submitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from jor.todo.entry import Entry

from ..workspace import Workspace

if TYPE_CHECKING:
    from jor_slurm import ArrayId


@attrs.frozen
class Cancelled:
    """An array that was cancelled."""

    #: The entry whose jobs it would have run.
    label: str
    #: None where it is open whether Slurm has accepted it.
    array: ArrayId | None
    tasks: int


def cancel(workspace: Workspace, entries: Sequence[Entry]) -> Iterator[Cancelled]:
    """Cancel the arrays of `entries` that are not over, one after the other; yield each."""
    cluster = workspace.cluster
    for found in workspace.survey(entries, cluster.ask):
        for array, submission in cluster.cancel(found, "cancelled by jor cancel"):
            yield Cancelled(found.entry.label, array, submission.tasks)
