"""An entry: a job module with arguments, which makes one object `Jobs`."""

from __future__ import annotations

import hashlib
import os
import re

import attrs

from ..errors import JobModuleError
from ..runtime.jobs import JobsBase
from ..runtime.loading import ModuleLoader
from ..runtime.run_folder import RECORDS
from ..settings.config import Layer


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

    @property
    def stem(self) -> str:
        """The job module's name without folder and suffix."""
        return os.path.splitext(os.path.basename(self.jobmodule))[0]

    @property
    def label(self) -> str:
        """What messages call it: its name, or its job module with the arguments."""
        return self.name or (f"{self.stem}({self.arguments})" if self.arguments else self.stem)

    @property
    def key(self) -> str:
        """The name of the folder of its records: readable, its own, and the same whatever the user calls it.

        Else jobs that are queued or running would be forgotten, and run twice at once, when an entry gets a name.
        """
        identity = f"{os.path.realpath(self.jobmodule)}\0{self.arguments}"
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", self.stem).strip("-.")[:40] or "entry"
        return f"{readable}-{hashlib.sha256(identity.encode(errors='surrogateescape')).hexdigest()[:8]}"

    def construct(self, modules: ModuleLoader, path_prefix: str) -> JobsBase:
        """Return its object Jobs. Raise JobModuleError, with the place in the todo-list, when that fails."""
        try:
            return modules.make(self.jobmodule, self.arguments, path_prefix)
        except JobModuleError as error:
            where = f"{self.place}: {error.where}" if self.place else error.where
            raise type(error)(error.what, where=where, remedy=error.remedy) from error

    def records(self, output_folder: str) -> str:
        """Return the folder of its records beside its outputs."""
        return os.path.join(os.path.abspath(output_folder), RECORDS, self.key)
