"""Outputs that lie there under the default names of jor 0.2.0, which for some values differ from those of now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from ..runtime.jobs import JobsBase
from ..runtime.names import PLAIN, former_name
from ..runtime.outputs import PART, Listing, names_in_parts, output_name
from .planner import Survey


def former_outputs(found: Survey) -> Iterator[tuple[str, str]]:
    """Yield the name that an output of an entry has, and its name of now, for each job that lacks one."""
    jobs, absent = found.jobs, found.history.unfit
    if type(jobs)._get_output_fname is not JobsBase._get_output_fname:
        return
    with jobs._jor_modules:
        if all(PLAIN.issuperset(map(type, jobs._jobs[index].values())) for index in islice(absent, PART)):
            return
        listing = Listing(found.folder)
        listing.claim(names_in_parts(jobs))
        files = {_in_any_order(name): name for name in listing.unclaimed()}
        for index in absent if files else ():
            name = files.get(_in_any_order(former_name(jobs._jobs[index], jobs.output_suffix)))
            if name is not None:
                yield name, output_name(jobs, index)


def _in_any_order(name: str) -> tuple[str, ...]:
    """Return the parts of a name such that those of a set are the same in whatever order they stand."""
    return tuple(sorted(re.split(r"[][(){}, ]+", name)))
