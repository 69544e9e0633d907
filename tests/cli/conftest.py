"""Fixtures: the command in a folder with the example, golden files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from jor.planning.planner import Survey, make_submission, survey
from jor.runs.lease import Lease
from jor.runs.store import write_batch
from jor.runs.submission import Batch
from jor.runtime.events import VERSION, Begin, Claim, End
from jor.runtime.journal import Journal
from jor.runtime.outputs import output_name
from jor.settings.config import read_config
from jor.todo.reader import read_todo
from jor_cli.schedulers import request_log
from jor_slurm import ArrayId

from ..slurm.played import PlayedSlurm

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Give a copy of the basic example."""
    shutil.copytree(ROOT / "examples" / "basic", tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """Give an environment without options of jor, for a terminal of 80 columns."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("JOR_")}
    return {**inherited, "COLUMNS": "80", "TZ": "UTC"}


@pytest.fixture
def jor(tmp_path: Path, environment: dict[str, str]) -> Callable[..., str]:
    """Give a function that runs the command and returns all that it says, standard error after standard output."""

    def run(*args: str) -> str:
        command = [sys.executable, "-m", "jor_cli", *args]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    return run


@pytest.fixture
def slurm(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> PlayedSlurm:
    """Give a Slurm that is played, without jobs yet, to the command and to the test itself."""
    played = PlayedSlurm(tmp_path / "slurm")
    for name, value in {**played.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
        environment[name] = value
    return played


@pytest.fixture
def measured(example: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the example that has run twice on a cluster, with given times and sizes, until all was done."""
    monkeypatch.chdir(example)
    config = read_config({"scheduler": "slurm", "jobs-per-task": 1})
    for number, found in enumerate(survey(read_todo("todo.yaml"), config)):
        for attempt in (1, 2):
            record_submission(found, number, attempt)
    return example


def record_submission(found: Survey, number: int, attempt: int) -> None:
    """Write what a submission of an entry leaves behind; in the first attempt, job 1 fails."""
    batch = Batch(
        name="jor-one",
        jobs_per_task=1,
        workers_per_task=1,
        mem=5 * 2**30,
        time=86_399,
        time_limit=86_399,
        warning=0,
        requeue=(),
        command=("sbatch",),
    )
    jobs = range(found.status.total) if attempt == 1 else [1]
    os.makedirs(found.records, exist_ok=True)
    submission = make_submission(found, jobs, batch=batch, token=f"{attempt:010}")
    submission = attrs.evolve(submission, created=f"2026-03-0{attempt}T12:00:00.000Z")
    with Lease(os.path.join(found.records, "lock")) as planning:
        run = write_batch(submission, found.jobs, jobs, planning, "#!/bin/bash\n")
    request_log.accepted(run, ArrayId(510 + 2 * number + attempt, "jor-one"))
    for task, index in enumerate(jobs):
        owner = f"node{task}~0123abcd.42~17~99"
        claim = Claim(VERSION, owner, job_id=f"{510 + 2 * number + attempt}_{task}")
        journal = Journal(run.journal(task), claim)
        journal.write(Begin(index, 1_772_366_400.0 + 86_400 * (attempt - 1) + task, log=(0, 0)))
        error = "ValueError: no convergence" if (attempt, index) == (1, 1) else ""
        seconds, max_rss = 0.2 + 0.01 * index, (300 + 6 * index) * 2**20
        journal.write(End(index, seconds, max_rss, status=0, loading=1.5, log=(0, 12), error=error))
        journal.close()
        if not error:
            output = Path(found.folder, output_name(found.jobs, index))
            output.write_text("well")
            os.utime(output, (1_772_366_401.0, 1_772_366_401.0))


@pytest.fixture
def agrees_with_golden(tmp_path: Path) -> Callable[[str, str], None]:
    """Give a function that holds a text against the golden file of that name.

    With JOR_UPDATE_GOLDEN=1 the file is made anew instead: read the difference before it is committed.
    """

    def agrees(text: str, name: str) -> None:
        normal = text.replace(str(tmp_path), "/project").replace(sys.executable, "/python")
        normal = re.sub(r"\d{8}-\d{9}-[0-9a-f]{10}", "<run>", normal)
        normal = re.sub(r"(\.jor/[\w.-]+)-[0-9a-f]{8}\b", r"\1-<hash>", normal)
        golden = GOLDEN / name
        if os.environ.get("JOR_UPDATE_GOLDEN") == "1":
            golden.write_text(normal)
        assert golden.exists(), f"{golden} is missing: make it with JOR_UPDATE_GOLDEN=1, and read it"
        assert normal == golden.read_text()

    return agrees
