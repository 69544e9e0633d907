"""From options to how a worker is started: in which environment, with which Python, with which runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

import attrs

from jor import ConfigError
from jor.config import Config
from jor.runtime.records import Run
from jor.runtime.worker import interpreter
from jor_containers import CondaEnvironment, ContainerError, Native, Wrapper, find_environment

#: The oldest Python that the runtime runs with.
OLDEST = (3, 8)


@attrs.frozen
class Start:
    """How workers are started."""

    wrapper: Wrapper = attrs.field(factory=Native)
    #: The Python there; "" for the one that runs this command, with its own jor.
    python: str = ""
    #: Whether the runtime travels with the submission.
    bundled: bool = False

    def command(self, run: Run, words: Sequence[str] = ()) -> list[str]:
        """Return the command that carries out the submission `run`, with more `words` of `exec`."""
        program = (
            interpreter() if not self.python else [self.python, *([run.bundle] if self.bundled else ["-m", "jor"])]
        )
        return list(self.wrapper.wrap([*program, "exec", run.folder, *words]))


def start_of(config: Config) -> Start:
    """Return how workers are started as the options sif, condaenv and runtime ask for.

    Raise ConfigError for an environment that is not there, or has no Python that would do, and for sif, which is not
    part of this version yet.
    """
    if config["sif"]:
        setting = config.setting("sif")
        raise ConfigError(
            f"sif = {setting.value}: containers are not part of this version yet",
            where=setting.source,
            remedy="Leave sif empty, and start jor in the environment that the jobs need",
        )
    if not config["condaenv"]:
        return Start()
    where = config.setting("condaenv").source
    try:
        environment = _found(config["condaenv"])
    except ContainerError as error:
        raise ConfigError(error.what, where=where, remedy=error.remedy) from error
    _check_python(environment, where)
    return Start(environment, environment.python, config["runtime"] == "bundled")


# Asked for each entry more than once, and a name that only conda knows takes a second.
_found = cache(find_environment)


def _check_python(environment: CondaEnvironment, where: str) -> None:
    if not os.access(environment.python, os.X_OK):
        raise ConfigError(
            f"the conda environment {environment.prefix} has no Python",
            where=where,
            remedy=f"conda install -p {environment.prefix} python",
        )
    versions = [name.split("-")[1] for name in environment.packages() if name.startswith("python-")]
    for version in versions[:1]:
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers and numbers < OLDEST:
            raise ConfigError(
                f"the conda environment {environment.prefix} has Python {version}: jobs need 3.8 or newer",
                where=where,
                remedy=f"conda install -p {environment.prefix} 'python>=3.8'",
            )
