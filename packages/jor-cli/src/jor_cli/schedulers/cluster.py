"""The cluster: where a plan is carried out other than on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from jor.planning.planner import Survey
from jor.planning.status import Carrier
from jor.runs.submission import Submission
from jor.runtime.run_folder import Run
from jor.settings.config import Config

if TYPE_CHECKING:
    from .slurm.scheduler import Backend
    from .slurm.submissions import Active


class Cluster:
    """Slurm, asked for nothing until an entry needs it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def backend(self) -> Backend:
        """Slurm as this command sees it."""
        from .slurm.scheduler import Backend

        return Backend(self._config)

    def refresh(self) -> None:
        """Let Slurm be asked anew the next time, if it has been asked."""
        if "backend" in self.__dict__:
            self.backend.refresh()

    def ask(self, batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
        """Return who carries out submissions, as planning needs to know it."""
        return self.backend.inquiry(batches)

    def active_arrays(self, found: Survey) -> list[Active]:
        """Return the arrays of an entry that are not over; Slurm is not needed where there never was one."""
        return self.backend.active_arrays(found) if found.history.batches else []

    def cancel(self, found: Survey, why: str) -> Iterator[Active]:
        """Cancel the arrays of an entry that are not over, one after the other; yield each.

        Those of others, or on other clusters, are yielded as well, and left alone.
        """
        for one in self.active_arrays(found):
            if not one.whose:
                # First: a task that begins now, or an array that Slurm accepts yet, sees it and does nothing.
                one.run.revoke(((0, one.submission.tasks - 1),), why)
                if one.array is not None:
                    self.backend.slurm.cancel(one.array)
            yield one

    def view(self, batches: Sequence[tuple[Run, Submission]]) -> Sequence[Carrier]:
        """Return who carries out submissions, as it is good enough to be shown."""
        return self.backend.view(batches)
