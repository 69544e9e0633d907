"""What jobs run in, for the record, and whether it has changed since."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import attrs

from jor.planning.planner import Survey
from jor.runs.store import newest_first, read
from jor.runs.submission import Surroundings
from jor.settings.config import Config
from jor.user_cache import cache_folder
from jor_containers import (
    Apptainer,
    CondaEnvironment,
    ContainerError,
    Identity,
    find_environment,
    find_image,
    identify,
    labels,
    stamp,
)

#: Packages that a note on changes tells.
MOST_PACKAGES = 6


@cache
def image_of(sif: str) -> Identity:
    """Return what the image `sif` is, asked once in a command. Raise ContainerError when it cannot be read."""
    image = find_image(sif)
    try:
        return identify(image, cache_folder())
    except OSError as error:
        remedy = "Make it readable, or name another"
        raise ContainerError(f"the image {image} cannot be read: {error.strerror}", remedy=remedy) from error


@cache
def environment_of(condaenv: str) -> CondaEnvironment:
    """Return the environment of this machine that is meant, asked once in a command. Raise ContainerError."""
    return find_environment(condaenv)  # a name that only conda knows takes a second


@cache
def recorded(sif: str | None, program: str, environment: CondaEnvironment | None, *, inside: bool) -> Surroundings:
    """Return what a submission tells of what its jobs run in; an environment `inside` is part of the image."""
    found = Surroundings()
    if sif:
        image = image_of(sif)
        found = Surroundings(image.image, image.size, image.sha256, image.stamp, labels(program, image.image))
    if environment is not None:
        found = attrs.evolve(found, condaenv=environment.prefix)
    if environment is not None and not inside:
        with _readable(environment.prefix):
            found = attrs.evolve(found, packages=environment.packages(), explicit=environment.explicit())
    return found


def forget() -> None:
    """Let images and environments be looked at anew: they may have been replaced since."""
    for remembered in (image_of, environment_of, recorded):
        remembered.cache_clear()


def changes(found: Survey) -> Iterator[str]:
    """Yield what has changed in what an entry's jobs run in since its newest submission."""
    config = found.config
    newest = next(newest_first(found.records), None)
    if newest is None:
        return
    was = read(newest).surroundings
    try:
        yield from _image_changes(was, config)
        yield from _environment_changes(was, config)
    except ContainerError as error:
        yield error.what


def _image_changes(was: Surroundings, config: Config) -> Iterator[str]:
    now = find_image(config["sif"]) if config["sif"] else ""
    if was.image != now:
        yield f"its newest jobs ran {_in(was.image)}, and now would run {_in(now)}"
    elif now and _is_replaced(was, now):
        yield f"the image {now} has been replaced since its newest jobs were submitted"


def _is_replaced(was: Surroundings, image: str) -> bool:
    if not Apptainer(image).is_local or stamp(image) == was.stamp:
        return False
    # A digest may take a minute: only now is it worth it.
    return not was.sha256 or image_of(image).sha256 != was.sha256


def _environment_changes(was: Surroundings, config: Config) -> Iterator[str]:
    now = config["condaenv"] or ""
    if now and not config["sif"]:
        now = environment_of(now).prefix
    elif now and was.condaenv:
        # Only in a container could it be told which one it is: a name that may mean the same is taken to do so.
        prefix = os.path.abspath(os.path.expanduser(now))
        now = was.condaenv if was.condaenv == prefix or now in ("base", os.path.basename(was.condaenv)) else now
    if now != was.condaenv:
        yield f"its newest jobs ran {_in(was.condaenv)}, and now would run {_in(now)}"
        return
    if was.packages:
        before, now = set(was.packages), set(_packages(was.condaenv))
        different = sorted((before - now) | (now - before))
        if different:
            told = [name if name in now else f"{name} (gone)" for name in different[:MOST_PACKAGES]]
            what = ", ".join([*told, "..."] if len(different) > MOST_PACKAGES else told)
            yield f"the packages of {was.condaenv} have changed since its newest jobs were submitted: {what}"


def _in(place: str) -> str:
    return f"in {place}" if place else "in none"


def _packages(prefix: str) -> tuple[str, ...]:
    with _readable(prefix):
        return CondaEnvironment(prefix).packages()


@contextmanager
def _readable(prefix: str) -> Iterator[None]:
    """Let an OSError tell which environment cannot be read."""
    try:
        yield
    except OSError as error:
        what = f"the conda environment {prefix} cannot be read: {error.strerror}"
        raise ContainerError(what, remedy="Make it readable, or name another") from error
