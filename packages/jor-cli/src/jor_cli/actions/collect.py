"""Collect: whether there is enough to do it, and doing it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from jor import CollectError, JobsBase, JorError
from jor.planning.planner import Survey
from jor.planning.status import Status
from jor.runtime.remote_jobs import Listed
from jor.todo.entry import Entry

from ..errors import message
from ..formatting import jobs_of, told_old, told_path
from ..terminal import echo
from ..workspace import Workspace, runs_here
from . import collect_manifest

Result = TypeVar("Result")


def collect_all(workspace: Workspace, entries: Sequence[Entry]) -> bool:
    """Collect the outputs of all `entries`; tell whether that went well.

    Raise CollectError, before anything is collected, when outputs of one are missing and may not be.
    """
    surveys = list(workspace.survey(entries))
    for found in surveys:
        _require_outputs(found)
    failed = [found for found in surveys if not _collect(workspace, found)]
    return not failed


def _require_outputs(found: Survey) -> None:
    """Raise CollectError when outputs are missing and may not be."""
    if found.status.left and found.config["missing-output"] == "raise":
        go_on = ". Or go on without: --missing-output ignore" if found.status.counts[Status.DONE] else ""
        remedy = f"Make them: jor run{_or_accept(found)}{go_on}"
        raise CollectError(_told_missing(found), where=found.entry.label, remedy=remedy)


def _told_missing(found: Survey) -> str:
    old = f" of now, and of {told_old(found)}" if found.status.old else ""
    return f"{found.status.left:,} of {jobs_of(found.status.total)} have no output{old}"


def _or_accept(found: Survey) -> str:
    """Return what else can be done than to make outputs, where old ones stand; "" for nothing."""
    return ". Or take the old ones as they are: jor accept" if found.status.old else ""


def _collect(workspace: Workspace, found: Survey) -> bool:
    """Call the class's `collect`, where its jobs run; tell whether it went well. When it did not, that is said.

    When it did, a note is left of what it covers.
    """
    label = found.entry.label
    if type(found.jobs).collect is JobsBase.collect:
        echo(f"[jor] {label}: its class Jobs has no method collect; nothing to do")
        return True
    done = found.status.counts[Status.DONE]
    if found.status.left and not done:
        old = f"; of {told_old(found)}" if found.status.old else ""
        what = f"there is no output to collect{old}"
        error = CollectError(what, where=label, remedy=f"Make some: jor run{_or_accept(found)}")
        echo(message(error), err=True)
        return False
    if found.status.left:
        what = _told_missing(found)
        accept = _or_accept(found)
        echo(f"Warning: {label}: {what}; collecting the other {done:,}\n  Make them: jor run{accept}", err=True)
    began = _noted(label, lambda: collect_manifest.begin(found))
    is_here = runs_here(found.config) and not isinstance(found.jobs, Listed)
    wrong = _collect_here(found) if is_here else _collect_there(workspace, found)
    if wrong:
        remedy = "Mend the method collect of the job module"
        echo(message(CollectError(wrong, where=label, remedy=remedy)), err=True)
        return False
    note = None if began is None else _noted(label, lambda: collect_manifest.finish(found, began))
    covered = f"; {told_path(note)} tells which" if note else ""
    echo(f"[jor] {label}: collected {done:,} outputs{covered}")
    return True


def _noted(label: str, act: Callable[[], Result]) -> Result | None:
    """Return what `act` returns; None, after a warning, when the note of what was collected cannot be written."""
    try:
        return act()
    except (OSError, JorError) as error:
        why = error.what if isinstance(error, JorError) else error.strerror
        what = f"there will be no note of what was collected: {why}"
        echo(f"Warning: {label}: {what}\n  Make the output folder writable, or room in it", err=True)
        return None


def _collect_here(found: Survey) -> str:
    """Return what went wrong, after its traceback; '' for nothing."""
    directory = os.getcwd()
    found.jobs._left_out = found.left_out
    try:
        with found.jobs._jor_modules:
            found.jobs.collect()
    except (Exception, SystemExit) as error:
        echo(traceback.format_exc().rstrip("\n"), err=True)
        return f"collect raised {type(error).__name__}: {error}"
    finally:
        os.chdir(directory)
    return ""


def _collect_there(workspace: Workspace, found: Survey) -> str:
    status = workspace.remote.collect(found)
    return f"collect ended with exit status {status} where jobs run; see above" if status else ""
