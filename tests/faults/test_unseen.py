"""Processes that others cannot judge: suspended for long, on a host that stood still, or hidden from who asks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jor.runs.lease import STALE_AFTER

from ..integration.commands import Jor, outputs, wait_until
from .conftest import gone
from .projects import CAREFUL_JOBS, executions, expected, overlaps

ON_ANOTHER_HOST = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh")
#: As another user under `hidepid=2`, proc(5): what has capabilities is hidden from who has none, and is in no group.
WHERE_PROCESSES_ARE_HIDDEN = (
    *("unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh"),
    *("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--regid=65534", "--clear-groups"),
)
#: Half a second passes for half a minute.
IMPATIENT = """\
import jor.runs.lease, jor.runtime.lifetime
jor.runs.lease.REFRESH_EVERY = jor.runtime.lifetime.REFRESH_EVERY = 0.5
"""


@pytest.fixture
def impatient(tmp_path: Path) -> Path:
    """Give what as PYTHONPATH makes jor say sooner that it lives."""
    (tmp_path / "impatient").mkdir()
    (tmp_path / "impatient" / "sitecustomize.py").write_text(IMPATIENT)
    return tmp_path / "impatient"


@pytest.fixture
def other(jor: Jor) -> Iterator[Jor]:
    """Give the command on another host."""
    command = Jor(jor.folder, ON_ANOTHER_HOST)
    yield command
    command.end()


def started(jor: Jor, **environment: object) -> subprocess.Popen[str]:
    """Start a run, and wait until its first two jobs run."""
    process = jor.start("run", **environment)
    wait_until(lambda: len(executions(jor.folder)) >= 2)
    return process


def age(project: Path) -> Path:
    """Let it be long since the run has said that it lives."""
    (alive,) = project.glob(".jor/*/runs/*/alive")
    os.utime(alive, (time.time() - STALE_AFTER - 1,) * 2)
    return alive


def test_workers_say_for_a_suspended_run_that_it_lives(jor: Jor, other: Jor, project: Path, impatient: Path) -> None:
    process = started(jor, PYTHONPATH=impatient, SECONDS_OF_JOBS=5)
    process.send_signal(signal.SIGSTOP)
    alive = age(project)
    wait_until(lambda: time.time() - alive.stat().st_mtime < STALE_AFTER)
    assert f"left to process {process.pid}" in other("run").out
    process.send_signal(signal.SIGCONT)
    assert jor.end_of(process).code == 0
    assert overlaps(jor.folder) == []
    assert outputs(project) == expected()


@pytest.mark.parametrize("arguments", ["", "  jobargs: n=6\n"], ids=["the same todo-list", "an edited one"])
def test_run_on_a_host_that_stood_still_leaves_all_to_who_has_taken_over(
    jor: Jor, other: Jor, project: Path, impatient: Path, arguments: str
) -> None:
    process = started(jor, PYTHONPATH=impatient, SECONDS_OF_JOBS=600)
    suspended = jor.processes()
    for pid in suspended:
        os.kill(pid, signal.SIGSTOP)
    age(project)
    with (jor.folder / "todo.yaml").open("a") as todo:
        todo.write(arguments)
    assert other("run").code == 0
    for pid in suspended:
        with suppress(ProcessLookupError):  # those before it have ended it
            os.kill(pid, signal.SIGCONT)
    done = jor.end_of(process)
    assert (done.code, "lock" in done.err) == (75, True)
    assert "0 of 6 jobs done, 2 interrupted, 4 not begun. Run again to go on" in done.out
    gone(jor)
    assert sorted(words[1] for words in executions(jor.folder) if words[0] == "end") == list("012345")
    assert outputs(project) == expected()


@pytest.mark.parametrize("what", ["lock", "records"])
def test_run_goes_on_with_what_it_has_not_lost(jor: Jor, project: Path, impatient: Path, what: str) -> None:
    (jor.folder / "healthy.py").write_text(CAREFUL_JOBS.replace('"careful"', '"healthy"'))
    with (jor.folder / "todo.yaml").open("a") as todo:
        todo.write("- jobmodule: healthy\n")
    process = started(jor, PYTHONPATH=impatient, SECONDS_OF_JOBS=2)
    if what == "lock":
        age(project).unlink()
    else:
        shutil.rmtree(project / ".jor", ignore_errors=True)
    done = jor.end_of(process)
    assert (done.code, "careful: " in done.err) == (75, True)
    assert outputs(jor.folder / "healthy") == expected()
    assert jor("run").code == 0
    assert outputs(project) == expected()


def test_run_of_a_user_whose_processes_are_hidden_is_left_alone(jor: Jor, project: Path) -> None:
    process = started(jor, SECONDS_OF_JOBS=600)
    hidden = Jor(jor.folder, WHERE_PROCESSES_ARE_HIDDEN)
    assert f"left to process {process.pid}" in hidden("run").out
    process.send_signal(signal.SIGINT)
    assert jor.end_of(process).code == 130
    assert hidden("run").code == 0
    assert overlaps(jor.folder) == []
    assert outputs(project) == expected()


@pytest.mark.parametrize("heard", ["long ago", "just now"])
def test_staging_of_the_dead_of_another_host_goes_when_nothing_was_heard_for_long(
    jor: Jor, other: Jor, project: Path, heard: str
) -> None:
    started(other, SECONDS_OF_JOBS=600)
    for pid in other.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    gone(other)
    left = [*project.glob(".jor/*/partial/elsewhere*")]
    assert len(left) == 2
    age(project)
    assert jor("run").code == 0
    assert [*project.glob(".jor/*/partial/elsewhere*")] == left
    if heard == "long ago":
        before = time.time() - STALE_AFTER - 1
        for path in project.glob(".jor/*/**/*"):
            os.utime(path, (before, before))
    assert jor("run").code == 0
    assert [*project.glob(".jor/*/partial/*")] == ([] if heard == "long ago" else left)
    assert outputs(project) == expected()
