"""What the options of containers ask for, as a container takes it: binds, variables, more options of its program."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence

from jor import ConfigError
from jor.settings.config import Config
from jor_containers import bound

from ..files import existing

_VARIABLE = re.compile(r"[A-Za-z_*][A-Za-z0-9_*]*|[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


def binds(config: Config, folders: Sequence[str]) -> tuple[str, ...]:
    """Return what is bound: the `folders` that a job needs, but for what the user wants bound there, and that."""
    return _binds(folders, _wanted(config))


def binds_there_are(config: Config, folders: Sequence[str]) -> tuple[str, ...]:
    """Return the same as far as it exists, so that a container can be started before anything is written."""
    wanted = []
    for word in _wanted(config):
        missing = [source for source, _ in _places(word) if not os.path.exists(source)]
        if missing and config["scheduler"] != "slurm":
            raise ConfigError(
                f"bind = {word}: there is no {missing[0]}",
                where=config.setting("bind").source,
                remedy="Create it, or correct the path",
            )
        wanted += [] if missing else [word]  # on a cluster it may be the nodes'
    return _binds([existing(folder) for folder in folders], wanted)


def variables(config: Config) -> tuple[str, ...]:
    """Return the variables that there are to be inside, each as NAME, perhaps with a *, or NAME=VALUE."""
    found = words(config, "env")
    for word in found:
        if not _VARIABLE.fullmatch(word):
            raise ConfigError(
                f"env = {word!r} names no variable",
                where=config.setting("env").source,
                remedy="Write NAME, PREFIX_* or NAME=VALUE, with blanks between them",
            )
    return found


def words(config: Config, name: str) -> tuple[str, ...]:
    """Return the words of an option that is written as on a command line."""
    try:
        return tuple(shlex.split(config[name] or ""))
    except ValueError as error:
        raise ConfigError(
            f"{name} = {config[name]!r}: {error}",
            where=config.setting(name).source,
            remedy="Write it as on a command line",
        ) from error


def _wanted(config: Config) -> list[str]:
    """Return what the user wants bound, with paths in full: workers have a working directory of their own."""
    here = re.sub("([:,])", r"\\\1", os.getcwd())

    def in_full(found: re.Match[str]) -> str:
        return found[1] + os.path.join(here, os.path.expanduser(found[2]))

    return [re.sub(r"(^|(?<!\\),)((?:\\.|[^\\:,])+)", in_full, word) for word in words(config, "bind")]


def _binds(folders: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    taken = {destination for word in wanted for _, destination in _places(word)}
    needed = [bind for bind in bound(folders) if not taken.intersection(place for _, place in _places(bind))]
    return (*needed, *wanted)


def _places(bind: str) -> Iterator[tuple[str, str]]:
    """Yield the path on this machine and the one inside for each bind in SOURCE[:DESTINATION[:OPTIONS]],..."""
    for part in re.split(r"(?<!\\),", bind):
        places = [re.sub(r"\\([:,])", r"\1", place) for place in re.split(r"(?<!\\):", part)]
        yield places[0], places[1] if len(places) > 1 else places[0]
