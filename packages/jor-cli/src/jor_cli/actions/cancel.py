"""Take back what was submitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jor.todo.entry import Entry

from ..workspace import Workspace

if TYPE_CHECKING:
    from ..schedulers.slurm.submissions import Active


def cancel(workspace: Workspace, entries: Sequence[Entry]) -> Iterator[tuple[str, Active]]:
    """Cancel the arrays of `entries` that are not over, one after the other; yield each, and the label of its entry.

    Those of others, or on other clusters, are yielded as well, and left alone.
    """
    cluster = workspace.cluster
    for found in workspace.survey(entries, cluster.ask):
        for one in cluster.cancel(found, "cancelled by jor cancel"):
            yield found.entry.label, one
