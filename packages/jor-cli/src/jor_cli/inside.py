"""What has to be done where jobs run, besides running them: listing the jobs if need be, and collecting the outputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jor import JobModuleError, plan
from jor.bundle import write_bundle
from jor.config import Config
from jor.entries import Entry
from jor.history import Ask, nobody
from jor.plan import Survey
from jor.runtime.jobs import JobsBase
from jor.runtime.listing import read_listing

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory


def survey(entries: Iterable[Entry], config: Config, ask: Ask = nobody) -> Iterator[Survey]:
    """Yield the survey of each entry; job modules that cannot be loaded here are loaded where their jobs run."""
    return plan.survey(entries, config, ask, _listed)


def runs_here(config: Config) -> bool:
    """Tell whether jobs run in this machine's own environment."""
    return not config["sif"] and not config["condaenv"]


def collect(found: Survey) -> int:
    """Call the class's `collect` where its jobs run; return the exit status, 0 for success."""
    with _folder() as folder:
        return _jor(found.entry, found.config, folder, "collect", [found.folder])


def _listed(entry: Entry, config: Config) -> JobsBase | None:
    if runs_here(config):
        return None
    with _folder() as folder:
        answer = os.path.join(folder, "listing")
        status = _jor(entry, config, folder, "list", [], answer)
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


def _folder() -> TemporaryDirectory[str]:
    import tempfile  # 10 ms, paid only where jobs run elsewhere

    return tempfile.TemporaryDirectory(prefix="jor-")


def _jor(entry: Entry, config: Config, folder: str, command: str, more: list[str], *words: str) -> int:
    """Have the jor that runs jobs carry out `command`; return its exit status. `folder` is for what it needs."""
    import subprocess

    from .wrappers import start  # 30 ms, paid only where jobs run elsewhere

    bundle = os.path.join(folder, "jor.pyz")
    write_bundle(bundle)
    begun = start(entry, config, [folder, *more], writable=folder)
    arguments = [command, os.getcwd(), entry.jobmodule, entry.arguments, config["path-prefix"], *words]
    argv = begun.jor(bundle, arguments)
    sys.stdout.flush()
    return subprocess.call(argv, cwd=folder)  # where no file of the user's can take the place of a module
