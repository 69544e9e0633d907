"""From options to how a worker is started: in which container and environment, with which Python and runtime."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import attrs

from jor import ConfigError
from jor.planning.planner import Survey
from jor.runs.submission import NATIVE, Surroundings
from jor.runtime.run_folder import Run
from jor.runtime.worker import interpreter
from jor.settings.config import Config
from jor.todo.entry import Entry
from jor_containers import (
    ACTIVATE,
    Apptainer,
    CondaEnvironment,
    ContainerError,
    Inside,
    Native,
    Nested,
    Wrapper,
    bound,
    find_environment_inside,
    find_program,
    look_inside,
)

from ..files import existing
from ..terminal import echo
from .apptainer_options import binds, binds_there_are, variables, words
from .provenance import Provenance

#: The oldest Python that the runtime runs with.
OLDEST = (3, 8)
#: What an activation script makes activate.sh say, with the remedy.
_WARNING = re.compile(r"^Warning: .*(?:\n  .*)*", re.MULTILINE)


@attrs.frozen
class WorkerCommand:
    """How workers are started."""

    wrapper: Wrapper = attrs.field(factory=Native)
    #: The Python there; "" for the one that runs this command, with its own jor.
    python: str = ""
    #: Whether the runtime travels with the submission.
    bundled: bool = False
    #: What the submission is to tell of it.
    surroundings: Surroundings = NATIVE

    def command(self, run: Run, words: Sequence[str] = ()) -> list[str]:
        """Return the command that carries out the submission `run`, with more `words` of `exec`."""
        return self.jor(run.bundle, ["exec", run.folder, *words])

    def jor(self, bundle: str, words: Sequence[str]) -> list[str]:
        """Return the command `python -m jor` with `words`; the runtime, if it travels, is at `bundle`."""
        program = interpreter() if not self.python else [self.python, *([bundle] if self.bundled else ["-m", "jor"])]
        return list(self.wrapper.wrap([*program, *words]))


class Environments:
    """Look into images and conda environments, into each once."""

    def __init__(self) -> None:
        self.provenance = Provenance()
        self._commands: dict[str, WorkerCommand] = {}
        # Entries share them; starting a container takes a tenth of a second or more.
        self._inside: dict[tuple[Nested, str], Inside] = {}
        self._find_environment_inside = cache(find_environment_inside)
        self._warn_of_uri = cache(_warn_of_uri)

    def worker_command(self, found: Survey) -> WorkerCommand:
        """Return how workers of an entry are started.

        As sif, condaenv and the section [container] ask for. Raise ConfigError for what is not there, has no Python
        that would do, or does not let jobs write their outputs.
        """
        if found.records not in self._commands:
            folders = [found.folder, found.records]
            self._commands[found.records] = self.command(found.entry, found.config, folders, writable=found.folder)
        return self._commands[found.records]

    def command(self, entry: Entry, config: Config, folders: Sequence[str], *, writable: str) -> WorkerCommand:
        """Return the same for any command that needs `folders`, of which it writes to `writable`."""
        if not config["sif"] and not config["condaenv"]:
            return WorkerCommand()
        folders = [os.getcwd(), os.path.dirname(entry.jobmodule), *_prefix(config, folders), *folders]
        container = self._container(config, folders) if config["sif"] else None
        # On a cluster, the program may be on the nodes alone: then they find out the rest.
        is_here = container is None or shutil.which(container.program) is not None
        trial = attrs.evolve(container, binds=binds_there_are(config, folders)) if container and is_here else None
        environment, inside = self._environment(config, container if is_here else None)
        if container is not None and environment is not None:
            needed = bound([ACTIVATE], writable=False)
            more = (*needed, *(() if inside else bound([environment.prefix], writable=False)))
            container = attrs.evolve(container, binds=(*container.binds, *more))
            trial = trial and attrs.evolve(trial, binds=(*trial.binds, *more))
        pythons = ("python3", "python") if environment is None else (environment.python,)
        python = pythons[0]
        wrapper = Nested(container or Native(), environment or Native())
        if is_here:
            alike = Nested(trial or Native(), environment or Native())
            seen = self._look(wrapper, alike, pythons, config, entry.jobmodule, writable)
            _require(seen, config)
            python = seen.python
        with _blaming(config, "sif" if container else "condaenv"):
            program = container.program if container else ""
            told = self.provenance.record(config["sif"], program, environment, inside)
        return WorkerCommand(wrapper, python, config["runtime"] == "bundled", told)

    def _container(self, config: Config, folders: Sequence[str]) -> Apptainer:
        with _blaming(config, "sif"):
            image = self.provenance.image(config["sif"])
        program = config["container-program"] or ""
        if "/" in program:
            program = os.path.abspath(os.path.expanduser(program))
        if config["scheduler"] != "slurm" or not program:
            with _blaming(config, "container-program" if program else "sif"):
                program = find_program(program)
        gpus = config["gpus"] or "gpu" in (config["gres"] or "")
        return Apptainer(
            image.image,
            program,
            binds=binds(config, folders),
            nv=bool(gpus and not config["rocm"]) if config["nv"] is None else config["nv"],
            rocm=config["rocm"],
            variables=variables(config),
            options=words(config, "container-options"),
            stamp=image.stamp if image.sha256 else "",
        )

    def _environment(self, config: Config, container: Apptainer | None) -> tuple[CondaEnvironment | None, bool]:
        """Return the conda environment, and whether it is part of the image."""
        name = config["condaenv"]
        if not name:
            return None, False
        with _blaming(config, "condaenv"):
            inside = None
            if container is not None:
                # The image alone: what it shows of this machine is this machine's, and may be there only later.
                alone = attrs.evolve(container, binds=(), options=(*container.options, "--contain"))
                inside = self._find_environment_inside(alone, name)
            return (inside, True) if inside else (self.provenance.environment(name), False)

    def _look(
        self, wrapper: Nested, alike: Nested, pythons: Sequence[str], config: Config, module: str, writable: str
    ) -> Inside:
        """Return what is inside `wrapper`; `alike` can be started already."""
        if (wrapper, module) not in self._inside:
            self._warn_of_uri(config["sif"] or "")
            with _blaming(config, _place(config)):
                self._inside[wrapper, module] = look_inside(
                    alike,
                    pythons,
                    readable=[module],
                    writable=[existing(writable)],
                    modules=["jor", "json"],
                    directory="/",  # as far from the user's files as workers are
                )
            for warning in _WARNING.findall(self._inside[wrapper, module].said):
                echo(warning, err=True)
        return self._inside[wrapper, module]


def _prefix(config: Config, folders: Sequence[str]) -> list[str]:
    """Return the path-prefix, if it will be there when jobs run in `folders`."""
    prefix = os.path.abspath(config["path-prefix"])
    will_be = any(folder.startswith(os.path.join(prefix, "")) for folder in folders)
    return [prefix] if will_be or os.path.isdir(prefix) else []


def _require(inside: Inside, config: Config) -> None:
    """Raise ConfigError if jobs cannot run there."""
    name = _place(config)
    where, what = config.setting(name).source, f"{name} = {config[name]}"
    if inside.version < OLDEST:
        version = ".".join(map(str, inside.version))
        raise ConfigError(f"{what}: its Python is {version}", where=where, remedy="Install Python 3.8 or newer in it")
    if "json" in inside.lacking:
        remedy = "Install all of Python in it (Debian: python3, not python3-minimal)"
        raise ConfigError(f"{what}: its Python lacks parts of the standard library", where=where, remedy=remedy)
    if config["runtime"] == "installed" and "jor" in inside.lacking:
        remedy = "Install jor-core there, or set it to bundled"
        raise ConfigError(
            f"runtime = installed: {what} has no jor-core", where=config.setting("runtime").source, remedy=remedy
        )
    for path in inside.unreadable:
        raise ConfigError(
            f"{what}: {path} is not visible in it", where=where, remedy="Add its folder to the option bind"
        )
    for path in inside.unwritable:
        raise ConfigError(
            f"{what}: the output folder cannot be written to: {path}",
            where=where,
            remedy="Look at what the options bind and container-options say of it, or choose another path-prefix",
        )


def _place(config: Config) -> str:
    """Return the option that says which Python runs the jobs."""
    return "condaenv" if config["condaenv"] else "sif"


def _warn_of_uri(image: str) -> None:
    if "://" in image:
        echo(
            f"Warning: {image} may have to be fetched first, and each worker asks for it again\n"
            f"  Fetch it once: apptainer pull image.sif {image}, and sif = image.sif",
            err=True,
        )


@contextmanager
def _blaming(config: Config, name: str) -> Iterator[None]:
    """Let an error tell where the option was set that is to blame."""
    try:
        yield
    except ContainerError as error:
        raise ConfigError(
            f"{name} = {config[name]}: {error.what}" if config[name] else error.what,
            where=config.setting(name).source,
            remedy=error.remedy,
        ) from error
