"""What one command, or one call of a notebook, works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jor.errors import JobModuleError, MissingModuleError
from jor.settings.config import Config, read_config

if TYPE_CHECKING:
    from jor import JorError
    from jor.planning.planner import Survey
    from jor.planning.unseen import Ask
    from jor.runtime.jobs import JobsBase
    from jor.runtime.loading import ModuleLoader
    from jor.settings.options import Value
    from jor.todo.entry import Entry

    from .environments.remote import RemoteJobs
    from .environments.worker_command import Environments, WorkerCommand
    from .schedulers.cluster import Cluster


class Workspace:
    """Hold the options of one command, and all that it has looked at.

    So nothing is asked twice. Each part is imported and made when it is first used: `jor config` needs no scheduler. A
    workspace lives as long as the command, or the call of a notebook; the next one reads everything again.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        #: All entries of the todo-list, as far as it has been read.
        self._listed: tuple[Entry, ...] = ()

    @classmethod
    def open(cls, options: Mapping[str, Value]) -> Workspace:
        """Return the workspace of a command. Raise ConfigError, or Mistakes for several."""
        return cls(read_config(options))

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: Any) -> None:
        """Delete what was needed where jobs run.

        Job modules stay loaded, for their classes are asked as long as their jobs are shown.
        """
        if "remote" in self.__dict__:
            self.remote.close()

    def with_config(self, config: Config) -> Workspace:
        """Return a workspace with other options, its own scheduler, the rest shared."""
        other = Workspace(config)
        other._listed = self._listed
        other.modules, other.environments, other.remote = self.modules, self.environments, self.remote
        return other

    @cached_property
    def cluster(self) -> Cluster:
        """The batch system."""
        from .schedulers.cluster import Cluster

        return Cluster(self.config)

    @cached_property
    def modules(self) -> ModuleLoader:
        """The job modules that are loaded into this process."""
        from jor.runtime.loading import ModuleLoader

        return ModuleLoader()

    @cached_property
    def environments(self) -> Environments:
        """The images and conda environments that jobs run in."""
        from .environments.worker_command import Environments

        return Environments()

    @cached_property
    def remote(self) -> RemoteJobs:
        """The job modules that are loaded where their jobs run."""
        from .environments.remote import RemoteJobs

        return RemoteJobs(self.environments)

    def entries(self, names: tuple[str, ...] = ()) -> tuple[Entry, ...]:
        """Return the entries called one of `names`, all for no names."""
        from jor.todo.reader import read_todo, select

        self._listed = read_todo(self.config["todo-list"])
        return select(self._listed, names)

    def entries_with_errors(self) -> tuple[tuple[Entry, ...], Sequence[JorError]]:
        """Return the entries that can be used, and what is wrong with the others."""
        from jor.todo.reader import peruse_todo

        self._listed, mistakes = peruse_todo(self.config["todo-list"])
        return self._listed, mistakes

    def survey(self, entries: Sequence[Entry], ask: Ask | None = None) -> Iterator[Survey]:
        """Yield the survey of each entry, good enough to be shown.

        For planning, give `cluster.ask`, which is newer. Raise JobModuleError for a job module that cannot be used, and
        for two jobs that have the same output.
        """
        from jor.planning.planner import survey

        return survey(entries, self.config, ask or self.cluster.view, self._construct, self._listed)

    def worker_command(self, found: Survey) -> WorkerCommand:
        """Return how workers of an entry are started. Raise ConfigError."""
        return self.environments.worker_command(found)

    def changes(self, found: Survey) -> list[str]:
        """Return what has changed since its newest submission in what jobs run in, and in the names of outputs."""
        return [*self._changes_of_environment(found), *self._changes_of_names(found)]

    def _changes_of_names(self, found: Survey) -> list[str]:
        from jor.planning.former_names import former_outputs

        renamed = [*former_outputs(found)]
        if not renamed:
            return []
        old, new = renamed[0]
        what = f"outputs under names that jor 0.2.0 gave: {len(renamed):,}, such as {old!r}, which is {new!r} now"
        return [f"{what}\n  Rename them to keep them; otherwise their jobs run again"]

    def _changes_of_environment(self, found: Survey) -> list[str]:
        from jor.runs.submission import NATIVE

        # Where nothing is asked for, what matters are jobs still to be run: their history has been read.
        asked = found.config["sif"] or found.config["condaenv"]
        if not asked and all(submission.surroundings == NATIVE for _, submission in found.history.submissions[:1]):
            return []
        return list(self.environments.provenance.changes(found))

    def _construct(self, entry: Entry, config: Config) -> JobsBase:
        """Return the object Jobs of an entry, listed where its jobs run if need be."""
        from jor.planning.planner import construct_here
        from jor.runtime.own_modules import shadows

        try:
            return construct_here(self.modules, entry, config)
        except JobModuleError as error:
            is_elsewhere = isinstance(error, MissingModuleError) and not runs_here(config)
            # A file that takes the place of Python's own in jobs does so there alone: it may be needed.
            if is_elsewhere or shadows(entry.jobmodule):
                return self.remote.jobs(entry, config)
            raise


def runs_here(config: Config) -> bool:
    """Tell whether jobs run in this machine's own environment."""
    return not config["sif"] and not config["condaenv"]
