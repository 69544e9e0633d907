"""Environments that no terminal gives: limits, missing and odd variables, signals, closed standard files."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..integration.commands import Done, Jor, outputs, tree
from .projects import executions, expected

Prepare = Callable[[], object]


def prepared(jor: Jor, prepare: Prepare, *args: str, **environment: str) -> Done:
    """Run the command after `prepare` was called in its process; a variable that is "" is not set."""
    given = {**os.environ, **environment}
    done = subprocess.run(
        [*map(str, jor.prefix), sys.executable, "-m", "jor_cli", *args],
        cwd=jor.folder,
        env={name: value for name, value in given.items() if value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=prepare,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def limited(what: int, to: int) -> Prepare:
    """Return what sets a limit."""
    return lambda: resource.setrlimit(what, (to, to))


def all_goes_well(jor: Jor, project: Path, prepare: Prepare, **environment: str) -> None:
    """Assert that run, status and collect do what they always do."""
    for command, said in (("run", "6 of 6 jobs done"), ("status", "careful 6 0 6"), ("collect", "collected 6 outputs")):
        done = prepared(jor, prepare, command, **environment)
        assert (done.code, done.err) == (0, "")
        assert said in done.said
    assert {name: text for name, text in outputs(project).items() if name != "all"} == expected()


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": ""},
        pytest.param(dict.fromkeys(os.environ, ""), id="none at all"),
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        {"TMPDIR": "/nonexistent", "TZ": "Nowhere/Land"},
        {"BASH_ENV": "poison.sh", "ENV": "poison.sh", "PROMPT_COMMAND": ". poison.sh"},
        {"PYTHONPATH": "nowhere:careful.py:/nonexistent"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        {"PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"},
        {"COLUMNS": "0", "LINES": "many", "TERM": "nonsense"},
    ],
    ids=lambda environment: " ".join(environment)[:40],
)
def test_odd_environment_changes_nothing(jor: Jor, project: Path, environment: dict[str, str]) -> None:
    (jor.folder / "poison.sh").write_text("touch pwned\n")
    all_goes_well(jor, project, lambda: None, **environment)
    assert not (jor.folder / "pwned").exists()


@pytest.mark.parametrize(
    "prepare",
    [
        limited(resource.RLIMIT_NOFILE, 64),
        limited(resource.RLIMIT_FSIZE, 100_000),
        limited(resource.RLIMIT_CORE, 0),
        lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
        lambda: [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)],
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
        lambda: os.closerange(0, 1),
    ],
    ids=["64 files", "files of 100 kB", "no core", "SIGCHLD", "SIGPIPE", "nohup", "all blocked", "no stdin"],
)
def test_limits_and_signals_of_who_starts_it_change_nothing(jor: Jor, project: Path, prepare: Prepare) -> None:
    all_goes_well(jor, project, prepare)


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_standard_files_that_are_closed_are_done_without(jor: Jor, project: Path, closed: tuple[int, ...]) -> None:
    """Else a journal might become standard output, and get what is printed."""
    for command in ("run", "status", "collect"):
        assert prepared(jor, lambda: [os.close(fd) for fd in closed], command).code == 0
    assert {name: text for name, text in outputs(project).items() if name != "all"} == expected()


@pytest.mark.parametrize(("size", "code"), [(0, 2), (1500, 1)])
def test_files_that_may_not_grow_are_told(jor: Jor, project: Path, size: int, code: int) -> None:
    done = prepared(jor, limited(resource.RLIMIT_FSIZE, size), "run")
    assert done.code == code
    assert "File too large" in done.said
    assert "Traceback" not in done.err
    assert outputs(project) == {}
    all_goes_well(jor, project, lambda: None)


def test_too_few_open_files_are_told(jor: Jor, project: Path) -> None:
    done = prepared(jor, limited(resource.RLIMIT_NOFILE, 10), "run")
    assert done.code in (1, 2)
    assert "Too many open files" in done.said
    assert outputs(project) == {}
    all_goes_well(jor, project, lambda: None)


@pytest.mark.parametrize("mask", [0o777, 0o277])
def test_umask_that_takes_away_ones_own_rights_is_told(tmp_path: Path, project: Path, mask: int) -> None:
    # Root may do what modes forbid, unless the capability to do so is given up.
    without = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    jor = Jor(tmp_path, without)
    done = prepared(jor, lambda: os.umask(mask), "run")
    assert done.code == 2
    assert "Permission denied" in done.said
    assert "Traceback" not in done.err
    assert executions(jor.folder) == []


def test_output_to_a_full_disk_is_told_before_anything_runs(jor: Jor, project: Path) -> None:
    before = tree(jor.folder)
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-m", "jor_cli", "status"]
        done = subprocess.run(argv, cwd=jor.folder, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert tree(jor.folder) == before
