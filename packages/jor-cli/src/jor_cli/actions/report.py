"""Everything about the jobs as one page."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from jor import JorError
from jor.todo.entry import Entry

from ..analysis.report import report
from ..files import put
from ..rendering.report_html import as_html
from ..workspace import Workspace


def write_report(workspace: Workspace, entries: Sequence[Entry], output: str) -> int:
    """Write the report of `entries` to a file; return its size, bytes. Raise JorError."""
    found = report(workspace.survey(entries), time.time())
    title = f"{os.path.basename(os.getcwd())}: jor report"
    page = as_html(found, workspace.changes, title).encode(errors="replace")
    try:
        put(output, page)
    except OSError as error:
        remedy = "Name a file in a folder that can be written: --output FILE"
        raise JorError(f"the report cannot be written: {error.strerror}", where=output, remedy=remedy) from error
    return len(page)
