"""What has to be done where jobs run, besides running them: listing the jobs if need be, and collecting the outputs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from jor import JobModuleError
from jor.bundle import write_bundle
from jor.planning import planner as plan
from jor.planning.history import Ask, nobody
from jor.planning.planner import Survey
from jor.runtime.jobs import JobsBase
from jor.runtime.remote_jobs import read_listing
from jor.settings.config import Config
from jor.todo.entry import Entry

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory


def survey(entries: Sequence[Entry], config: Config, ask: Ask = nobody) -> Iterator[Survey]:
    """Yield the survey of each entry; job modules that cannot be loaded here are loaded where their jobs run."""
    return plan.survey(entries, config, ask, _listed)


def runs_here(config: Config) -> bool:
    """Tell whether jobs run in this machine's own environment."""
    return not config["sif"] and not config["condaenv"]


def collect(found: Survey) -> int:
    """Call the class's `collect` where its jobs run; return the exit status, 0 for success."""
    incomplete = os.path.join(_workplace().name, "incomplete")
    with open(incomplete, "w") as file:
        json.dump(found.history.unsound, file)
    return _jor(found.entry, found.config, "collect", [found.folder], incomplete)


def _listed(entry: Entry, config: Config) -> JobsBase | None:
    if runs_here(config):
        return None
    answer = os.path.join(_workplace().name, "listing")
    status = _jor(entry, config, "list", [], answer)
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


@cache
def _workplace() -> TemporaryDirectory[str]:
    """Return the folder, with the runtime in it, of all that this command does where jobs run; it goes with it.

    One for all entries: their wrappers are the same then, and the image is looked into once.
    """
    import tempfile  # 10 ms, paid only where jobs run elsewhere

    folder = tempfile.TemporaryDirectory(prefix="jor-")
    write_bundle(os.path.join(folder.name, "jor.pyz"))
    return folder


def _jor(entry: Entry, config: Config, command: str, more: list[str], *words: str) -> int:
    """Have the jor that runs jobs carry out `command`, which needs the folders `more`; return its exit status."""
    from .worker_command import start  # 30 ms, paid only where jobs run elsewhere

    folder = _workplace().name
    begun = start(entry, config, [folder, *more], writable=folder)
    arguments = [command, os.getcwd(), entry.jobmodule, entry.arguments, config["path-prefix"], *words]
    argv = begun.jor(os.path.join(folder, "jor.pyz"), arguments)
    sys.stdout.flush()
    return os.spawnvp(os.P_WAIT, argv[0], argv)  # noqa: S606 # no shell
