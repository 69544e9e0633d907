"""Nodes on which tasks die at once: a disk that is full, a file system that is not mounted.

Such a node is always free, and so gets one task after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Set

from jor_slurm import ArrayId, IndexSet, Task

#: Seconds within which a task dies at once, and how many have to on the same node.
AT_ONCE = 60.0
DEATHS = 3

#: States that may be the node's fault.
_DEATHS = frozenset(("FAILED", "NODE_FAIL", "BOOT_FAIL", "LAUNCH_FAILED"))


class Nodes:
    """What has been seen of each node in the life of a command."""

    def __init__(self) -> None:
        self._died: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self._fine: set[str] = set()

    def see(
        self,
        array: ArrayId,
        rows: Iterable[tuple[IndexSet, Task]],
        finished: Callable[[], Set[int]],
        in_prologue: Callable[[], Container[int]] = frozenset,
    ) -> None:
        """Take in `rows`, what became of tasks of an array.

        `finished` tells which of them came to their own end, however it was, and `in_prologue` which the user's
        prologue has ended, which say nothing of a node; they are asked only if any may have died.
        """
        ended = [
            (next(iter(indices), 0), task)
            for indices, task in rows
            if task.nodes and not task.state.active and "," not in task.nodes and "[" not in task.nodes
        ]
        died = {index for index, task in ended if _died_at_once(task)}
        died = died.difference(finished()) if died else died
        unjudged = in_prologue() if died else ()
        for index, task in ended:
            if index in unjudged:
                continue
            if index in died:
                self._died[task.nodes].add((array.job_id, index))
            elif task.state.succeeded or (task.state.name == "FAILED" and task.seconds is not None):
                self._fine.add(task.nodes)

    @property
    def deaths(self) -> dict[str, int]:
        """How many tasks died at once on each node on which several did, and none came to its own end."""
        return {
            node: len(tasks)
            for node, tasks in sorted(self._died.items())
            if len(tasks) >= DEATHS and node not in self._fine
        }

    def notes(self, array: ArrayId) -> list[str]:
        """Return a sentence for each node on which tasks die at once, if some of this array did."""
        return [
            f"node {node}: {count:,} tasks died there within a minute of their start"
            for node, count in self.deaths.items()
            if any(job_id == array.job_id for job_id, _ in self._died[node])
        ]

    def bad(self, total: int) -> tuple[str, ...]:
        """Return the nodes to be avoided of a partition that has `total`.

        None where tasks die on several nodes and live on none: then it is not the nodes.
        """
        found = tuple(self.deaths)
        is_theirs = len(found) == 1 or bool(self._fine)
        return found if is_theirs and len(found) < total else ()


def _died_at_once(task: Task) -> bool:
    return task.state.name in _DEATHS and task.seconds is not None and 0 <= task.seconds < AT_ONCE
