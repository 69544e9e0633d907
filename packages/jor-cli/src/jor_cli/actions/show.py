"""All that is known of an entry, of one job, or of the job that makes an output."""

from __future__ import annotations

import os
from collections.abc import Iterator

from jor import TodoError

from ..rendering.show import of_entry, of_job, with_output
from ..workspace import Workspace
from .collect_manifest import read_note


def show(workspace: Workspace, name: str, index: int | None) -> Iterator[str]:
    """Yield what is known of entries called `name`, or their job `index`.

    Where no entry is called so, `name` may be the path of an output: then of the job that makes it. Raise TodoError
    where it is neither, JobModuleError when there is no such job.
    """
    try:
        entries = workspace.entries((name,))
    except TodoError:
        if index is not None or not (os.sep in name or os.path.isfile(name)):
            raise
        entries = ()
    if not entries:
        for found, job in with_output(name, workspace.survey(workspace.entries())):
            yield of_job(found, job)
    for found in workspace.survey(entries):
        yield of_entry(found, read_note(found.records)) if index is None else of_job(found, index)
