"""The jobs of entries that a user has chosen: by their indices, or by the values of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import attrs

from jor import TodoError
from jor.errors import nearest
from jor.planning.planner import Survey


@attrs.frozen
class Choice:
    """Which jobs of each entry; all, if neither indices nor values are given."""

    indices: frozenset[int] = frozenset()
    #: Names of parameters, and the texts of the values that a job has to have.
    values: Sequence[tuple[str, str]] = ()

    @property
    def is_all(self) -> bool:
        """Whether nothing was chosen, and so every job is meant."""
        return not (self.indices or self.values)

    def of(self, found: Survey) -> Sequence[int]:
        """Return the indices of the chosen jobs of an entry, ascending."""
        jobs = range(found.status.total)
        if self.is_all:
            return jobs
        return [index for index in jobs if self._has(index, found)]

    def check(self, surveys: Iterable[Survey]) -> None:
        """Raise JobModuleError for an index that is out of range, TodoError for what no job has."""
        names: set[str] = set()
        is_met = False
        for found in surveys:
            for index in self.indices:
                found.parameters(index)  # raises
            is_met |= bool(self.of(found))
            for index in () if is_met else range(found.status.total):
                names.update(found.parameters(index))
        if self.values and not is_met:
            unknown = [name for name, _ in self.values if name not in names]
            what = (
                f"a parameter {unknown[0]!r}" if unknown else ", ".join(f"{name}={text}" for name, text in self.values)
            )
            remedy = nearest(unknown[0], sorted(names)) if unknown else "See which values there are: jor show ENTRY"
            raise TodoError(f"no job has {what}", where="--where", remedy=remedy)

    def _has(self, index: int, found: Survey) -> bool:
        if self.indices and index not in self.indices:
            return False
        parameters = found.parameters(index) if self.values else {}
        return all(name in parameters and _is(parameters[name], text) for name, text in self.values)


EVERY_JOB = Choice()


def _is(value: Any, text: str) -> bool:
    """Tell whether `text` is how a user may write `value`: 0.001 is 1e-3 as well."""
    if text in (str(value), repr(value)):
        return True
    with suppress(TypeError, ValueError):
        return not isinstance(value, (str, bool)) and bool(float(value) == float(text))
    return False
