"""An entry: a job module with arguments, which makes one object `Jobs`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import attrs

from ..errors import JobModuleError, printable_name
from ..runtime import jobargs
from ..runtime.jobs import JobsBase
from ..runtime.loading import ModuleLoader
from ..runtime.run_folder import RECORDS
from ..settings.config import Layer

#: A folder that has one of these is the root of a project.
_MARKERS = (".git", "pyproject.toml", "jor.cfg", "todo.yaml")


def project_root(jobmodule: str) -> str:
    """Return the root of a job module's project: the nearest folder upwards that has a marker, else its own."""
    above = folder = os.path.dirname(os.path.abspath(jobmodule))
    while not any(os.path.lexists(os.path.join(above, marker)) for marker in _MARKERS):
        above, below = os.path.dirname(above), above
        if above == below:
            return folder
    return above


def _below(path: str, root: str) -> str:
    """Return `path` relative to `root`; "" if it is not below that."""
    inside = os.path.relpath(path, root)
    return "" if inside == ".." or inside.startswith("../") else inside


def _portable(value: Any, roots: Sequence[str]) -> Any:
    """Return a value with the paths below any of `roots` made relative, and mappings in the order of their keys."""
    if isinstance(value, str) and os.path.isabs(value):
        return next(filter(None, (_below(os.path.normpath(value), root) for root in roots)), value)
    if isinstance(value, dict):
        return {key: _portable(value[key], roots) for key in sorted(value, key=repr)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_portable(one, roots) for one in value)
    return value


def _root(entry: Entry) -> str:
    return project_root(entry.jobmodule)


@attrs.frozen
class Entry:
    """One item of the todo-list, or one product of its sweep: what makes one object `Jobs`."""

    #: Absolute path of the job module.
    jobmodule: str
    #: Arguments for its class Jobs, as text that `jobargs.parse` reads.
    arguments: str
    #: What the user calls it; "" if nothing.
    name: str = ""
    #: The options that the item sets.
    settings: Layer = attrs.field(factory=dict, hash=False, repr=False)
    #: Where it stands, for messages.
    place: str = attrs.field(default="", eq=False)
    #: The `name:` of the item that it is a product of, which names all of them; "" if it has none.
    item: str = attrs.field(default="", eq=False)
    #: What it is called if it would otherwise be called like another entry of the todo-list; "" if it would not.
    apart: str = attrs.field(default="", eq=False)
    #: The root of its job module's project.
    root: str = attrs.field(default=attrs.Factory(_root, takes_self=True), eq=False, repr=False)

    @property
    def stem(self) -> str:
        """The job module's name without folder and suffix."""
        return os.path.splitext(os.path.basename(self.jobmodule))[0]

    @property
    def label(self) -> str:
        """What messages call it: its name, or its job module with the arguments, as it may be printed."""
        return printable_name(self.title)

    @property
    def title(self) -> str:
        """Its name, or its job module with the arguments, as data."""
        return self.apart or self.name or self.stem + (f"({self.arguments})" if self.arguments else "")

    @cached_property
    def identity(self) -> tuple[str, str]:
        """What it is known by wherever its project lies: its job module, and the values of its arguments.

        The job module's real path, and paths among the arguments, are told relative to the project's root. A job module
        that is a link out of the project is told by the link.
        """
        base = os.path.realpath(self.root)
        module = _below(os.path.realpath(self.jobmodule), base) or os.path.relpath(self.jobmodule, self.root)
        arguments = sorted(jobargs.parse(self.arguments).items())
        return module, jobargs.render({name: _portable(value, (self.root, base)) for name, value in arguments})

    @cached_property
    def key(self) -> str:
        """The name of the folder of its records: readable, and its own.

        It is the same whatever the user calls the entry, and wherever the project is moved: otherwise jobs that are
        queued or running would be forgotten.
        """
        module, arguments = self.identity
        stem = os.path.splitext(os.path.basename(module))[0]
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:40] or "entry"
        digest = hashlib.sha256(f"{module}\0{arguments}".encode(errors="surrogateescape")).hexdigest()
        return f"{readable}-{digest[:8]}"

    def construct(self, modules: ModuleLoader, path_prefix: str, seed: int = 0) -> JobsBase:
        """Return its object Jobs. Raise JobModuleError, with the place in the todo-list, when that fails."""
        try:
            return modules.make(self.jobmodule, self.arguments, path_prefix, seed)
        except JobModuleError as error:
            where = f"{self.place}: {error.where}" if self.place else error.where
            raise type(error)(error.what, where=where, remedy=error.remedy) from error

    def records(self, output_folder: str) -> str:
        """Return the folder of its records beside its outputs."""
        return os.path.join(os.path.abspath(output_folder), RECORDS, self.key)
