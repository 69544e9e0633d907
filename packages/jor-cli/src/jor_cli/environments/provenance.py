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


class Provenance:
    """Ask what images and conda environments are, each once.

    A digest may take a minute, conda a second.
    """

    def __init__(self) -> None:
        #: Returns what an image is. Raises ContainerError when it cannot be read.
        self.image = cache(_image)
        #: Returns the environment of this machine that is meant. Raises ContainerError if there is none.
        self.environment = cache(find_environment)
        #: Returns what a submission tells of what its jobs run in. Raises ContainerError.
        self.record = cache(self._record)

    def _record(
        self, sif: str | None, program: str, environment: CondaEnvironment | None, is_inside: bool
    ) -> Surroundings:
        # An environment that is inside is part of the image.
        found = Surroundings()
        if sif:
            image = self.image(sif)
            found = Surroundings(image.image, image.size, image.sha256, image.stamp, labels(program, image.image))
        if environment is not None:
            found = attrs.evolve(found, condaenv=environment.prefix)
        if environment is not None and not is_inside:
            with _readable(environment.prefix):
                found = attrs.evolve(found, packages=environment.packages(), explicit=environment.explicit())
        return found

    def changes(self, found: Survey) -> Iterator[str]:
        """Yield what has changed in what an entry's jobs run in since its newest submission."""
        config = found.config
        newest = next(newest_first(found.records), None)
        if newest is None:
            return
        was = read(newest).surroundings
        try:
            yield from self._image_changes(was, config["sif"])
            yield from self._environment_changes(was, config)
        except ContainerError as error:
            yield error.what

    def _image_changes(self, was: Surroundings, sif: str | None) -> Iterator[str]:
        now = find_image(sif) if sif else ""
        if was.image != now:
            yield f"its newest jobs ran {_in(was.image)}, and now would run {_in(now)}"
        elif now and self._is_replaced(was, now):
            yield f"the image {now} has been replaced since its newest jobs were submitted"

    def _is_replaced(self, was: Surroundings, image: str) -> bool:
        if not Apptainer(image).is_local or stamp(image) == was.stamp:
            return False
        # A digest may take a minute: only now is it worth it.
        return not was.sha256 or self.image(image).sha256 != was.sha256

    def _environment_changes(self, was: Surroundings, config: Config) -> Iterator[str]:
        now = config["condaenv"] or ""
        if now and not config["sif"]:
            now = self.environment(now).prefix
        elif now and was.condaenv:
            # Only in a container could it be told which one it is: a name that may mean the same is taken to do so.
            prefix = os.path.abspath(os.path.expanduser(now))
            now = was.condaenv if was.condaenv == prefix or now in ("base", os.path.basename(was.condaenv)) else now
        if now != was.condaenv:
            yield f"its newest jobs ran {_in(was.condaenv)}, and now would run {_in(now)}"
        elif was.packages:
            yield from _package_changes(was)


def _image(sif: str) -> Identity:
    image = find_image(sif)
    try:
        return identify(image, cache_folder())
    except OSError as error:
        remedy = "Make it readable, or name another"
        raise ContainerError(f"the image {image} cannot be read: {error.strerror}", remedy=remedy) from error


def _package_changes(was: Surroundings) -> Iterator[str]:
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
