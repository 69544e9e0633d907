"""Collect: whether there is enough to do it, and doing it."""

from __future__ import annotations

import os
import traceback

import click

from jor import CollectError, JobsBase
from jor.plan import Survey
from jor.status import Status

from .errors import message
from .words import jobs_of


def require_outputs(found: Survey) -> None:
    """Raise CollectError when outputs are missing and may not be; warn when they may."""
    total, done = found.status.total, found.status.counts[Status.DONE]
    missing = total - done
    label = found.entry.label
    if not missing:
        return
    if not done:
        raise CollectError("there is no output to collect", where=label, remedy="Make some: jor run")
    what = f"{missing:,} of {jobs_of(total)} have no output"
    if found.config["missing-output"] == "raise":
        raise CollectError(what, where=label, remedy="Make them: jor run. Or go on without: --missing-output ignore")
    click.echo(f"Warning: {label}: {what}; collecting the other {done:,}", err=True)


def collect(found: Survey) -> bool:
    """Call the class's `collect`; tell whether it went well. When it raises that is said, after its traceback."""
    label = found.entry.label
    if type(found.jobs).collect is JobsBase.collect:
        click.echo(f"[jor] {label}: its class Jobs has no method collect; nothing to do")
        return True
    directory = os.getcwd()
    try:
        found.jobs.collect()
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        what = f"collect raised {type(error).__name__}: {error}"
        click.echo(
            message(CollectError(what, where=label, remedy="Mend the method collect of the job module")), err=True
        )
        return False
    finally:
        os.chdir(directory)
    click.echo(f"[jor] {label}: collected {found.status.counts[Status.DONE]:,} outputs")
    return True
