"""What jobs run in, for the record, and whether it has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import attrs

from jor.config import Config
from jor.plan import Survey
from jor.submission import Surroundings, newest_first, read
from jor_containers import CondaEnvironment, ContainerError, Identity, find_environment, find_image, identify, labels

from .folders import cache_folder

#: Packages that a note on changes tells.
MOST_PACKAGES = 6


@cache
def image_of(sif: str) -> Identity:
    """Return what the image `sif` is, asked once in a command. Raise ContainerError when it cannot be read."""
    image = find_image(sif)
    try:
        return identify(image, cache_folder())
    except OSError as error:
        raise ContainerError(f"the image {image} cannot be read: {error.strerror}") from error


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
        packages = () if inside else _packages(environment.prefix)
        found = attrs.evolve(found, condaenv=environment.prefix, packages=packages)
    return found


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
    now = image_of(config["sif"]) if config["sif"] else Identity("")
    if was.image != now.image:
        yield f"its newest jobs ran {_in(was.image)}, and now would run {_in(now.image)}"
    elif (was.sha256, was.sha256 or was.stamp) != (now.sha256, now.sha256 or now.stamp):
        yield f"the image {now.image} has been replaced since its newest jobs were submitted"


def _environment_changes(was: Surroundings, config: Config) -> Iterator[str]:
    if config["condaenv"] and not config["sif"]:
        prefix = environment_of(config["condaenv"]).prefix
        if prefix != was.condaenv:
            yield f"its newest jobs ran {_in(was.condaenv)}, and now would run {_in(prefix)}"
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
    try:
        return CondaEnvironment(prefix).packages()
    except OSError as error:
        raise ContainerError(f"the conda environment {prefix} cannot be read: {error.strerror}") from error
