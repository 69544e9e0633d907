"""What has to be done where jobs run, besides running them: listing the jobs if need be, and collecting the outputs."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from functools import cached_property

from jor import JobModuleError
from jor.bundle import write_bundle
from jor.planning.planner import Survey
from jor.runtime.events import Isolation
from jor.runtime.jobs import JobsBase
from jor.runtime.remote_jobs import read_isolation, read_listing
from jor.settings.config import Config
from jor.todo.entry import Entry

from .worker_command import Environments

#: The command `python -m jor` as text for `python -c`: with -m, files of the working directory would be its modules.
_JOR = "import sys; sys.path[:] = filter(None, sys.path); from jor.__main__ import main; sys.exit(main(sys.argv[1:]))"


class RemoteJobs:
    """Job modules as the jor that runs their jobs sees them."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments
        self._isolations: dict[tuple[object, ...], Isolation | None] = {}

    def jobs(self, entry: Entry, config: Config) -> JobsBase:
        """Return the jobs of an entry as its job module lists them there. Raise JobModuleError when that fails."""
        answer = os.path.join(self._folder.name, "listing")
        status = self._jor(entry, config, "list", [], answer)
        if not os.path.exists(answer) or status:
            raise JobModuleError(
                f"its jobs could not be listed where they run: exit status {status}",
                where=entry.place or entry.jobmodule,
                remedy="Look at what was said above",
            )
        try:
            return read_listing(answer)
        except JobModuleError as error:
            where = ": ".join(filter(None, [entry.place, error.where or entry.jobmodule]))
            raise JobModuleError(error.what, where=where, remedy=error.remedy) from error

    def collect(self, found: Survey) -> int:
        """Call the class's `collect` there; return the exit status, 0 for success."""
        incomplete = os.path.join(self._folder.name, "incomplete")
        with open(incomplete, "w") as file:
            json.dump(found.left_out, file)
        return self._jor(found.entry, found.config, "collect", [found.folder], incomplete)

    def isolation(self, entry: Entry, config: Config) -> Isolation | None:
        """Return how jobs of an entry will be isolated where the option says `auto`; None if that cannot be told.

        Entries of one job module are alike.
        """
        key = entry.jobmodule, config["sif"], config["condaenv"], config["cpus-per-task"]
        if key not in self._isolations:
            answer = os.path.join(self._folder.name, f"isolation-{len(self._isolations)}")
            self._jor(entry, config, "isolation", [], answer, str(config["cpus-per-task"]))
            self._isolations[key] = read_isolation(answer)
        return self._isolations[key]

    def close(self) -> None:
        """Delete the temporary folder."""
        if "_folder" in self.__dict__:
            self.__dict__.pop("_folder").cleanup()

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        """The folder, with the runtime in it, that all entries share: so the image is looked into once."""
        folder = tempfile.TemporaryDirectory(prefix="jor-")
        write_bundle(os.path.join(folder.name, "jor.pyz"))
        return folder

    def _jor(self, entry: Entry, config: Config, command: str, more: list[str], *words: str) -> int:
        """Have the jor there carry out `command`, which needs the folders `more`; return its exit status."""
        folder = self._folder.name
        worker = self._environments.command(entry, config, [folder, *more], writable=folder)
        made_of = [entry.jobmodule, entry.arguments, config["path-prefix"], str(config["seed"])]
        arguments = [command, os.getcwd(), *made_of, *words]
        here = [sys.executable, "-c", _JOR, *arguments]
        argv = worker.jor(os.path.join(folder, "jor.pyz"), arguments) if worker.python else here
        sys.stdout.flush()
        return os.spawnvp(os.P_WAIT, argv[0], argv)  # noqa: S606 # no shell
