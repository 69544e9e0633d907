"""One job really executed, as it would be, in a folder that is deleted again unless the job fails."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

import attrs
import click

from jor import JorError
from jor.planning.planner import Survey
from jor.planning.status import Problem, Status
from jor.runs.attempts import executions
from jor.runtime.staging import stamp
from jor.settings.config import Setting

from ..analysis.failures import last_lines
from ..files import existing
from ..formatting import told_job, told_memory, told_path, told_seconds
from ..workspace import Workspace
from .run import Manner, launch
from .wait import wait

_SOURCE = "jor check --try"
_BY_ITSELF = ": half an output would stand there if it died\n  Let it write at the path that _get_output_path returns"


@attrs.frozen
class Trial:
    """What became of the job, in words."""

    told: str
    is_well: bool


def try_one(workspace: Workspace, found: Survey) -> Trial:
    """Execute a job of an entry that nobody is running, where and as its jobs run.

    Its folder is deleted when all was well, and kept when the job failed. When a signal ends the trial, what was
    submitted is cancelled, and click.exceptions.Exit raised; when its time is up, that is told.
    """
    index = _chosen(found)
    if index is None:
        return Trial("no job was tried: all of them are running", True)
    scratch = _scratch(existing(os.path.abspath(found.config["path-prefix"])))
    own = {"path-prefix": Setting(scratch, _SOURCE), "overwrite-output": Setting(False, _SOURCE)}
    command_line = {**found.config.command_line, **own}
    workspace = workspace.with_config(attrs.evolve(found.config, command_line=command_line))
    manner = Manner(index=index, quiet=True, silent=True, deadline=time.monotonic() + found.config["try-limit"])
    is_to_be_kept = is_over = False
    before = stamp(found.output(index))
    try:
        (planned,) = workspace.survey([found.entry])
        if os.path.commonpath([planned.folder, scratch]) != scratch:
            is_over = True
            remedy = "Let _get_output_folder begin with self.path_prefix; or run one job for good: jor run --test"
            return Trial(
                f"no job was tried: outputs lie in {planned.folder}, whatever path-prefix is\n  {remedy}", False
            )
        code = _execute(workspace, found, manner)
        if code > 128:
            raise click.exceptions.Exit(code)
        workspace.cluster.refresh()
        (tried,) = workspace.survey([found.entry])
        counts = tried.status.counts
        if time.monotonic() > manner.deadline and not (counts[Status.DONE] or counts[Status.FAILED]):
            limit = f"{told_seconds(found.config['try-limit'])} (try-limit), and was stopped"
            return Trial(f"{told_job(found, index)} had not ended after {limit}: nothing was found wrong so far", True)
        is_over = True
        trial = _told(tried, code, scratch)
        if not trial.is_well and stamp(found.output(index)) not in (before, None):
            trial = Trial(
                f"{told_job(found, index)} wrote {told_path(found.output(index))} by itself{_BY_ITSELF}", False
            )
        is_to_be_kept = not trial.is_well
        return trial
    finally:
        if not is_over:
            _take_back(workspace, found)
        if not is_to_be_kept:
            shutil.rmtree(scratch, ignore_errors=True)


def _chosen(found: Survey) -> int | None:
    """Return a job that nobody is running; None if there is none.

    The first that has to run, else the first that nobody is going to run, else the last to begin.
    """
    status = found.status
    if status.pending:
        return status.pending[0]
    taken = {*status.running, *status.queued}
    free = (index for index in range(status.total) if index not in taken)
    return next(free, status.queued[-1] if status.queued else None)


def _execute(workspace: Workspace, found: Survey, manner: Manner) -> int:
    code = launch(workspace, [found.entry], manner)
    if not code and found.config["scheduler"] == "slurm":
        code = wait(workspace, [found.entry], attrs.evolve(manner, only_first=True))
    return code


def _scratch(folder: str) -> str:
    try:
        return tempfile.mkdtemp(prefix=".jor-check-", dir=folder)
    except OSError as error:
        what = f"no job can be tried: no folder can be made for it: {error.strerror}"
        raise JorError(what, where=folder, remedy="Make it writable, or set path-prefix") from error


def _told(tried: Survey, code: int, scratch: str) -> Trial:
    for one in executions(tried.records):
        if one.ended_well and tried.status.counts[Status.DONE]:
            memory = f" with {told_memory(one.max_rss)} of memory" if one.max_rss else ""
            what = f"{told_job(tried, one.index)} made its output in {told_seconds(one.seconds or 0.0)}{memory}"
            if tried.history.wrote_in_place:
                what += f", and wrote it at its final path by itself{_BY_ITSELF}"
            return Trial("\n".join([what, *_of_prologue(tried, one.index)]), not tried.history.wrote_in_place)
    kept = f"  What it left is in {told_path(scratch)}"
    for problem in tried.status.problems:
        what = f"{told_job(tried, problem.index)} {problem.status.value}: {problem.reason}"
        words = [f"  | {line}" for line in last_lines(problem)]
        return Trial("\n".join([what, *words, kept]), False)
    return Trial(f"one job was tried, and made no output: exit code {code}\n{kept}", False)


def _of_prologue(tried: Survey, index: int) -> list[str]:
    """Return what the prologue printed: `module load` of old versions prints errors, and does not fail."""
    event = tried.history.last_records([index]).get(index)
    if event is None or not event.log or not event.log[0] or not tried.config["prologue"]:
        return []
    printed = last_lines(Problem(index, Status.DONE, "", event.log_file, (0, event.log[0])))
    return ["  Before it, the prologue printed:", *(f"  | {line}" for line in printed)] if printed else []


def _take_back(workspace: Workspace, found: Survey) -> None:
    workspace.cluster.refresh()
    for tried in workspace.survey([found.entry], workspace.cluster.ask):
        for _ in workspace.cluster.cancel(tried, f"cancelled by {_SOURCE}"):
            pass
